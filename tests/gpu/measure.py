"""What needs a GPU, in runs of a few minutes: each goes on where the last one stopped.

    python tests/gpu/measure.py OUT [PART …] [--data PICTURES] [--minutes M] [--work FOLDER] [--wheels FOLDER]
    python tests/gpu/measure.py OUT --rehearse

OUT receives results.md (what belongs into RESULTS.md), results.json and log.txt, each written after every part, so that
a kill loses only the part under way. A later call, also on another machine that is given these files, takes the parts
that are not yet done for the code as it is; a part that is named is done again. Without PART, these, in this order:

    machine         what it is, how fast it copies, and multiplies in TF32 and in float32
    layers          every product, layer and kernel against the CPU, on small arrays with hard cases
    sizes           every layer of three networks against the CPU at its real size; a batch of 512 against its parts
    gradients       every gradient against a numerical one; training steps against the CPU's
    speed-512       training and inference beside PyTorch, TF32, with times by layer; also speed-128 and speed-256
    memory          the most that training steps hold, beside what is promised
    training        alexnet-64 on PICTURES, as many epochs as there is time for, then its errors
    rest            the other tests marked gpu, among them NCCL with one rank and two threads on one GPU

These run only if named:

    full-512        speed-512 with TF32 and without, with LRN and without
    compile-512     speed-512, and torch.compile
    scaling         time per picture by batch
    towers          one epoch of alexnet-64+two-towers as one network, and as two threads on the one GPU

layers, sizes and gradients end at their first wrong number, and then nothing follows. Any other part may fail alone.
A part that takes longer than the time left is not begun.

PICTURES: a folder that `tinyalex prepare` wrote, or whatever it prepares (in WORK, with 64 pixels a side)
M: minutes for all (4.5);  WORK: for run folders and pictures (OUT/work)
wheels: a folder of .whl files, for packages that the machine lacks. It needs Python 3.11 with CuPy, PyTorch, pytest and
what pyproject.toml lists; PyTorch only for its side of the comparison.
--rehearse: the same commands on the CPU, tiny, with the stand-in for a GPU
"""

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHOWN = 6000  # characters of a failing command's output
SAVING = 10  # seconds for a training to save its state, and for what follows the last command
FEW_EPOCHS = 3
TRAINED = "epochs seconds images_per_s top1_error top5_error stopped".split()
STANDIN = "TINYALEX_STANDIN_FOR_GPU"
SPEED = (
    "train_images_per_s torch_train_images_per_s torch_train_fastest train_ratio "
    "infer_images_per_s torch_infer_images_per_s torch_infer_fastest infer_ratio "
    "one_images_per_s torch_one_images_per_s torch_one_fastest one_ratio "
    "train_gflops sgemm_gflops fraction_of_sgemm peak_memory_bytes torch_peak_memory_bytes pipeline_ratio"
).split()


class Failed(Exception):
    """A command failed; its output."""


class TimeIsUp(Exception):
    """A command was ended at its limit."""


@dataclass(frozen=True)
class Sizes:
    """What differs between a measurement and its rehearsal.

    model: to time, with batches divided by `smaller`;  trained: the model to train, at most so many `epochs`
    workers: processes for tests;  held: models whose memory is compared, () for all
    """

    device: str
    model: str
    smaller: int
    rounds: int
    trained: str
    epochs: int
    workers: int
    held: tuple = ()


REAL = Sizes("gpu", "alexnet", 1, 5, "alexnet-64", 60, min(8, os.cpu_count() or 1))
REHEARSED = Sizes("cpu", "alexnet-mini", 128, 1, "alexnet-mini", 4, 2, ("alexnet-small",))
REHEARSED_PICTURES = "builtin+2-a-class+2-val-a-class"


class Run:
    """One call of this file: its folders, its time, and the commands that its parts give."""

    def __init__(self, out, work, data, minutes, sizes, wheels=None):
        self.out, self.work, self.data, self.sizes = out, work, data, sizes
        self.code = code()
        self.end = time.monotonic() + 60 * minutes
        for folder in (out, work):
            folder.mkdir(parents=True, exist_ok=True)
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        if wheels is not None:
            paths.insert(0, str(unpacked(wheels, work / "site")))
        self.environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONUNBUFFERED": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "CUPY_CACHE_DIR": str(work.resolve() / "kernels"),
        }
        if sizes is REHEARSED:
            self.environment[STANDIN] = "1"

    def left(self):
        """Seconds until everything must be written."""
        return self.end - time.monotonic() - SAVING

    def python(self, *arguments, kept=0):
        """The stdout of `python ARGUMENTS`. Failed if it fails; TimeIsUp `kept` seconds before the time is up."""
        words = [sys.executable, *map(str, arguments)]
        limit = self.left() - kept
        if limit <= 0:
            raise TimeIsUp("no time was left")
        with open(self.out / "log.txt", "ab") as log, open(self.work / "stdout", "wb+") as stdout:
            log.write(f"\n$ python {' '.join(words[1:])}\n".encode())
            log.flush()
            process = subprocess.Popen(
                words, stdout=stdout, stderr=log, cwd=ROOT, env=self.environment, process_group=0
            )
            try:
                code = process.wait(limit)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                end(process)
                stdout.seek(0)
                text = stdout.read().decode(errors="replace")
                log.write(text.encode())
        if code is None:
            raise TimeIsUp(f"ended after {limit:.0f} s")
        if code:
            errors = (self.out / "log.txt").read_text(errors="replace")[-SHOWN:]
            raise Failed(f"exit code {code}\n{text[-SHOWN:].strip() or errors}")
        return text

    def json(self, *arguments, **options):
        """The JSON object that ends the stdout of `python -m ARGUMENTS`."""
        return json.loads(self.python("-m", *arguments, **options).strip().splitlines()[-1])

    def tinyalex(self, command, *arguments, **options):
        """The result of a command of tinyalex, on the device."""
        device = () if command == "prepare" else ("--device", self.sizes.device)
        return self.json("tinyalex", command, *arguments, *device, "--json", **options)

    def batch(self, batch):
        return batch // self.sizes.smaller


def end(process):
    """End a process and its children: first with a signal at which a training saves its state."""
    for number, seconds in ((signal.SIGINT, SAVING / 2), (signal.SIGKILL, None)):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
    try:
        os.killpg(process.pid, signal.SIGKILL)  # what it may have left
    except ProcessLookupError:
        pass


def unpacked(wheels, site):
    """The folder `site` with the content of every wheel of a folder."""
    for wheel in sorted(Path(wheels).glob("*.whl")):
        with zipfile.ZipFile(wheel) as file:
            file.extractall(site)
    return site.resolve()


# ---------------------------------------------------------------------------------------------- the parts


def machine(run):
    return run.json("tests.gpu.rates", run.sizes.device)


def tests(*files):
    """A part that runs the tests marked gpu of some files, up to the first that fails."""

    def work(run):
        named = [file for pattern in files for file in sorted(ROOT.glob(pattern))]
        marked = [file.relative_to(ROOT) for file in named if "mark.gpu" in file.read_text(encoding="utf-8")]
        options = "-x -W default -p no:cacheprovider -m gpu --tb=short --durations=3".split()
        if importlib.util.find_spec("xdist"):  # CuPy takes most of the time to compile, on one core
            options += ["-p", "xdist.plugin", "-n", run.sizes.workers]
        lines = run.python("-m", "pytest", *options, *marked).strip().splitlines()
        if "passed" not in lines[-1]:
            raise Failed(f"no test ran: {lines[-1]}")
        return {"tests": lines[-1].strip("= ")}

    return work


def speed(batch, *options):
    """A part that compares one batch size with PyTorch."""

    def work(run):
        arguments = "--model", run.sizes.model, "--batch", run.batch(batch), "--rounds", run.sizes.rounds
        return run.tinyalex("bench", *arguments, *options)

    return work


def memory(run):
    return {"memory": run.json("tests.gpu.memory", run.sizes.device, *run.sizes.held)}


def scaling(run):
    return run.tinyalex("bench", "--model", run.sizes.model, "--lrn", "with", "--rounds", 1, "--no-torch", "--scaling")


def training(run):
    """Two short calls tell how many epochs there is time for; the rate then falls over them all."""
    train, folder = partial(run.tinyalex, "train"), run.work / f"run-{run.code}"
    planned = folder / "planned"  # written once there is a plan
    if not planned.exists():
        data = pictures(run)
        shutil.rmtree(folder, ignore_errors=True)
        first = train("--model", run.sizes.trained, "--data", data, "--epochs", 1, "--out", folder, kept=SAVING)
        began = time.monotonic()
        few = train("--resume", folder, "--epochs", FEW_EPOCHS, kept=SAVING)
        trained = few["seconds"] - first["seconds"]
        starting, an_epoch = time.monotonic() - began - trained, 1.5 * trained / (FEW_EPOCHS - 1)  # with its validation
        epochs = FEW_EPOCHS + int((run.left() - SAVING - 2 * starting) / an_epoch)
        more = ("--epochs", max(FEW_EPOCHS, min(run.sizes.epochs, epochs)))
        planned.touch()
    else:
        more = ()
    try:
        trained = train("--resume", folder, *more, kept=SAVING)
    except TimeIsUp as stopped:
        trained = {"stopped": str(stopped)}
    found = trained | run.tinyalex("evaluate", folder)
    return {key: found[key] for key in TRAINED if key in found}


def pictures(run):
    """The prepared pictures; prepares them if they are not."""
    if run.sizes is REHEARSED or Path(run.data, "meta.json").exists():
        return run.data
    prepared = run.work / "pictures"
    if not prepared.exists():
        run.tinyalex("prepare", run.data, prepared, "--size", 64)
    return prepared


def towers(run):
    """Pictures per second of one network, and of its two towers."""
    arguments = ("--model", f"{run.sizes.trained}+two-towers", "--data", pictures(run), "--epochs", 1)
    figures = {}
    for name, more in {"whole": (), "towers": ("--parallel", "towers")}.items():
        out = run.work / name
        shutil.rmtree(out, ignore_errors=True)
        figures[f"{name}_images_per_s"] = run.tinyalex("train", *arguments, "--out", out, *more)["images_per_s"]
    return figures


@dataclass(frozen=True)
class Part:
    """seconds: how long it takes on a GPU, roughly; what it needs at least, where it takes what is left
    decides: whether nothing may follow a failure;  usual: whether it runs without being named
    """

    work: Callable
    seconds: int
    decides: bool = False
    usual: bool = True


ONLY_TF32 = ("--lrn", "with", "--tf32", "on")
ALONE = ("tests/test_products.py", "tests/layers/test_device.py", "tests/gpu/test_kernels*.py")
WHOLE = ("tests/gpu/test_sizes.py", "tests/gpu/test_parity.py")
PARTS = {
    "machine": Part(machine, 15, decides=True),
    "layers": Part(tests(*ALONE), 40, decides=True),
    "sizes": Part(tests(WHOLE[0]), 45, decides=True),
    "gradients": Part(tests(WHOLE[1]), 60, decides=True),
    "speed-512": Part(speed(512, "--no-compile", *ONLY_TF32), 60),
    "speed-128": Part(speed(128, "--no-compile", *ONLY_TF32), 50),
    "speed-256": Part(speed(256, "--no-compile", *ONLY_TF32), 50),
    "memory": Part(memory, 25),
    "training": Part(training, 75),
    "rest": Part(tests("tests/test_*.py", "tests/parallel/test_*.py"), 60),
    "full-512": Part(speed(512, "--no-compile", "--lrn", "both"), 200, usual=False),
    "compile-512": Part(speed(512, *ONLY_TF32), 180, usual=False),
    "scaling": Part(scaling, 120, usual=False),
    "towers": Part(towers, 60, usual=False),
}


def go_through(run, results, chosen):
    """Do the parts, one after the other; whether all were done."""
    fine = True
    for name in chosen or [name for name, part in PARTS.items() if part.usual]:
        part, before = PARTS[name], results.get(name, {})
        if not chosen and before.get("state") == "done" and before["code"] == run.code:
            continue
        began = time.monotonic()
        state, found = outcome(run, name, part)
        if state == "not begun" and "figures" in before:  # those of an earlier call, for other code
            fine = False
            continue
        seconds = round(time.monotonic() - began)
        results[name] = {"state": state, "seconds": seconds, "date": str(date.today()), "code": run.code} | found
        write(run, results)
        print(f"{name}: {state}, {seconds} s\n{found.get('text', '')}", flush=True)
        fine = fine and state == "done"
        if state == "failed" and part.decides:
            print(f"nothing follows after {name}", flush=True)
            break
    return fine


def outcome(run, name, part):
    """(state, {figures, or text that says why there are none})."""
    if name in ("training", "towers") and run.data is None:
        return "not begun", {"text": "no --data"}
    if run.left() < part.seconds and run.sizes is REAL:
        return "not begun", {"text": f"it takes about {part.seconds} s, {max(run.left(), 0):.0f} s are left"}
    try:
        return "done", {"figures": part.work(run)}
    except Failed as failure:
        return "failed", {"text": str(failure)}
    except TimeIsUp as stopped:
        return "stopped", {"text": str(stopped)}
    except Exception as error:  # a command's output is not what was expected
        return "failed", {"text": f"{type(error).__name__}: {error}"}


def code():
    """Ten digits that change with the package's sources."""
    digest = hashlib.sha256()
    for file in sorted((ROOT / "tinyalex").rglob("*")):
        if file.suffix in (".py", ".cu", ".h", ".toml"):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:10]


# ---------------------------------------------------------------------------------------------- what is written


def write(run, results):
    """results.json and results.md, each whole at every moment."""
    for name, text in (("results.md", report(results)), ("results.json", json.dumps(results, indent=1))):
        beside = run.out / f".{name}.part"
        beside.write_text(text + "\n", encoding="utf-8")
        os.replace(beside, run.out / name)


def report(results):
    """The tables for RESULTS.md."""
    rows = ["| part | outcome | figures | seconds | date, code |", "|---|---|---|---|---|"]
    for name, result in results.items():
        figures = short(result.get("figures", {}))
        when = f"{result['date']}, {result['code']}"
        rows.append(f"| {name} | {result['state']} | {figures} | {result['seconds']} | {when} |")
    for name, result in results.items():
        if "text" in result:
            rows += ["", f"{name}, {result['state']}:", "", "```", result["text"], "```"]
    found = [result["figures"] for result in results.values() if "figures" in result]
    rows += speed_rows([bench for figures in found for bench in figures.get("results", ())])
    held = [line for figures in found for line in figures.get("memory", ())]
    return "\n".join(rows + (table(tuple(held[0]), [line.values() for line in held]) if held else []))


def short(figures):
    """Figures that are one number or one text each."""
    plain = {key: value for key, value in figures.items() if isinstance(value, (str, int, float))}
    return ", ".join(f"{key} {number(value)}" for key, value in plain.items())


def number(value):
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def table(header, lines):
    rows = ["", f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    return rows + [f"| {' | '.join(map(number, line))} |" for line in lines] if lines else []


def speed_rows(benches):
    """Both sides' speed, a row for each comparison; then the times by layer, and by batch where asked for."""
    of = ("model", "batch", "lrn", "tf32")
    lines = [
        [bench[key] for key in (*of, *SPEED)] + [(bench["predicted"] or {}).get("images_per_s")] for bench in benches
    ]
    rows = table((*of, *SPEED, "predicted_train_images_per_s"), lines)
    for bench in benches:
        title = ", ".join(f"{key} {bench[key]}" for key in of)
        rows += ["", f"Milliseconds of a step by layer: {title}", *layer_rows(bench)]
        if bench["scaling"]:
            times = ", ".join(f"{s['batch']}: {s['ms_per_image']:.4g}" for s in bench["scaling"])
            rows += ["", f"Milliseconds per picture by batch: {title}: {times}"]
    return rows


def layer_rows(bench):
    """Measured, and beside it predicted from the machine's rates."""
    lines = []
    for place, layer in enumerate(bench["layers"]):
        line = [layer["name"], layer["layer"]]
        for way in ("forward", "backward"):
            predicted = bench["predicted"]["layers"][place][way] if bench["predicted"] else {"ms": None, "limit": None}
            line += [bench["batch"] * layer[f"{way}_ms"], predicted["ms"], predicted["limit"]]
        lines.append(line)
    return table(("layer", "", "forward", "predicted", "limit", "backward", "predicted", "limit"), lines)


def main(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("out", type=Path)
    add("parts", nargs="*", metavar="PART")
    add("--data")
    add("--minutes", type=float, default=4.5)
    add("--work", type=Path)
    add("--wheels", type=Path)
    add("--rehearse", action="store_true")
    args = parser.parse_intermixed_args(words)
    if unknown := [name for name in args.parts if name not in PARTS]:
        parser.error(f"found {', '.join(unknown)}, expected {', '.join(PARTS)}")
    data, sizes = (args.data or REHEARSED_PICTURES, REHEARSED) if args.rehearse else (args.data, REAL)
    run = Run(args.out, args.work or args.out / "work", data, args.minutes, sizes, args.wheels)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal; what is done is written"))
    written = args.out / "results.json"
    results = json.loads(written.read_text(encoding="utf-8")) if written.exists() else {}
    fine = go_through(run, results, args.parts)
    print((args.out / "results.md").read_text(encoding="utf-8"))
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
