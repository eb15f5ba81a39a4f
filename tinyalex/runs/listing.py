"""The runs below a folder, each with its settings and errors in a few numbers. No weights are read."""

import os
from collections.abc import Iterator
from pathlib import Path

from tinyalex.errors import UserError
from tinyalex.files import kind_of, reason
from tinyalex.locks import LOCK, holder
from tinyalex.runs.folder import RunFolder

SHOWN = ("val_top1_error", "val_top5_error")  # of the best epoch; the second only if it says anything


def list_runs(folder: str | Path) -> tuple[list[dict], list[dict]]:
    """(runs, broken): JSON values for each run in `folder` or below it, and {"run", "reason"} for each that is damaged.

    run: {"run", "model", "data", "epochs", "epochs_done", "state", "changed", "top1_error", "best_epoch", …}
        errors are fractions, of the epoch with the lowest top-1 error; None before the first epoch's end
        state: "finished", "diverged", "training now", "not finished" or "imported"
        changed: when, in seconds since 1970
    Hidden folders are left out. UserError if there is no such folder.
    """
    if not Path(folder).is_dir():
        raise UserError(
            f"{folder}: {kind_of(folder) or 'no such folder'}, expected a folder with runs that `train` wrote"
        )
    runs: list[dict] = []
    broken: list[dict] = []
    for path in _run_folders(Path(folder), broken):
        try:
            runs.append(_about(RunFolder.open(path)))
        except UserError as error:
            broken.append({"run": str(path), "reason": str(error).removeprefix(f"{path}: ")})
        except OSError as error:
            broken.append({"run": str(path), "reason": f"cannot be read ({reason(error)})"})
    return runs, sorted(broken, key=lambda one: one["run"])


def _run_folders(folder: Path, broken: list[dict]) -> Iterator[Path]:
    """The folders that are or were runs; those that cannot be looked into are added to `broken`.

    A link is followed to a run, but no further, as it may lead in a circle.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        broken.append({"run": str(folder), "reason": f"cannot be read ({reason(error)})"})
        return
    names = {entry.name for entry in entries}
    if names & {"config.json", "metrics.jsonl", "last.safetensors"} or _is_beginning(folder, names):
        yield folder
        return
    for entry in entries:
        inside = Path(entry.path)
        try:
            hidden = entry.name.startswith(".") or not entry.is_dir()
            entered = not hidden and (not entry.is_symlink() or (inside / "config.json").exists())
        except OSError as error:  # a link into a circle
            broken.append({"run": str(inside), "reason": f"cannot be read ({reason(error)})"})
            continue
        if entered:
            yield from _run_folders(inside, broken)


def _is_beginning(folder, names):
    """Whether a run has nothing but its lock so far. The claims of an experiment do too, below a lock of their own."""
    return names == {LOCK} and bool(holder(folder / LOCK)) and not (folder.parent / LOCK).exists()


def _about(folder):
    """JSON values of one run."""
    config, epochs = folder.about()["config"], folder.read_metrics("epoch")
    best = min(epochs, key=lambda line: line["val_top1_error"], default={})
    result = folder.read_result()
    unfinished = "training now" if folder.holder() else "not finished" if config["data"] else "imported"
    state = unfinished if not result else "diverged" if "diverged" in result else "finished"
    about = {key: config[key] for key in ("model", "data", "epochs")}
    about |= {"epochs_done": len(epochs), "state": state, "best_epoch": best.get("epoch")}
    about |= {key.removeprefix("val_"): best.get(key) for key in SHOWN}
    changed = max(file.stat().st_mtime for file in (folder.config, folder.metrics, folder.result) if file.exists())
    return {"run": str(folder.path)} | about | {"changed": changed}
