"""Everything that wants a GPU, in one go, for a machine that is lent for minutes.

    python tests/gpu/measure.py PREPARED_FOLDER OUT [PART …]

Runs the test suite, the gradient check, the speed comparison with PyTorch (batches 128, 256 and 512, with LRN and
without, TF32 on and off; then the time of a picture by batch), and a training run of alexnet-64 to a plateau on
PREPARED_FOLDER (64-pixel pictures), then writes OUT/results.md, the tables for RESULTS.md, beside the whole --json of
each part and the bars of batch 128. Then the same net for an epoch as one network and as two towers, two threads on the one
GPU; NCCL and CUDA-aware MPI run in the tests, with one rank. With PARTS only these, where a single command may not run long enough for all:
tests, gradcheck, bench-128, bench-256, bench-512, bench-scaling, training, one-network, two-towers; and, not run unless named, claims-C1, -C3, -C6,
-C7, -C10 and -C11 (those of the paper's claims that want a GPU, --scale full), recipe-0 to recipe-4 (five nets by the recipe
tiny-imagenet-100) and ensemble (these averaged, with ten crops). Each part has its own time limit, and one that fails is
reported and does not stop the others. Trainings and claims that ran into theirs go on when the same part is run again.
"""

import json
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

BENCH = ("-m", "tinyalex", "bench", "--device", "gpu", "--model", "alexnet", "--json")
PARTS = {
    "tests": (["-m", "pytest", "-q", "--deselect", "tests/runs/test_resume.py"], 420),
    "gradcheck": (["-m", "tinyalex", "gradcheck", "--device", "gpu", "--json"], 120),
    "bench-128": ([*BENCH, "--batch", "128", "--rounds", "15", "--chart", "CHART"], 420),
    "bench-256": ([*BENCH, "--batch", "256", "--rounds", "10"], 420),
    "bench-512": ([*BENCH, "--batch", "512", "--rounds", "10"], 420),
    "bench-scaling": ([*BENCH, "--lrn", "with", "--rounds", "5", "--scaling", "--no-torch"], 300),
}
CLAIMS = ("C1", "C3", "C6", "C7", "C10", "C11")
NETS = 5
TRAINING = (
    "-m",
    "tinyalex",
    "train",
    "--device",
    "gpu",
    "--model",
    "alexnet-64",
    "--schedule",
    "plateau:5",
    "--epochs",
    "60",
    "--json",
)
TWO_TOWERS = (
    "-m",
    "tinyalex",
    "train",
    "--device",
    "gpu",
    "--model",
    "alexnet-64+two-towers",
    "--epochs",
    "1",
    "--json",
)


def run(arguments, limit):
    """(last line of stdout, or what went wrong; seconds)."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)  # so that a training is saved
        out, err = process.communicate()
        return f"stopped after {limit} s: {(err.strip() or 'no word').splitlines()[-1]}", limit
    lines = (out.strip() or err.strip() or "no output").splitlines()
    return (
        lines[-1] if process.returncode == 0 else f"exit code {process.returncode}: {lines[-1]}"
    ), time.perf_counter() - start


SPEED = (
    "train_images_per_s",
    "torch_train_images_per_s",
    "train_ratio",
    "infer_images_per_s",
    "torch_infer_images_per_s",
    "infer_ratio",
    "train_gflops",
    "sgemm_gflops",
    "fraction_of_sgemm",
    "peak_memory_bytes",
    "torch_peak_memory_bytes",
    "pipeline_ratio",
)


def figures(text):
    """The numbers of a --json line that stand for themselves; any other text as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    keys = ("sgemm_gflops", "sgemm_gflops_tf32", "top1_error", "top5_error", "epochs", "seconds", "images_per_s", "ok")
    return ", ".join(f"{key} {value[key]:.4g}" for key in keys if value.get(key) is not None)


def speed_rows(text):
    """A table of the results of a bench's --json line, a row a network, its time by batch below; empty for other text."""
    try:
        results = json.loads(text)["results"]
    except (ValueError, KeyError):
        return []
    rows = ["", f"| model | batch | LRN | TF32 | {' | '.join(SPEED)} |", "|---" * (4 + len(SPEED)) + "|"]
    for r in results:
        cells = (f"{r[key]:.4g}" if r[key] is not None else "–" for key in SPEED)
        rows.append(f"| {r['model']} | {r['batch']} | {r['lrn']} | {r['tf32']} | {' | '.join(cells)} |")
    for r in results:
        if r["scaling"]:
            times = ", ".join(f"{s['batch']}: {s['ms_per_image']:.4g}" for s in r["scaling"])
            rows += ["", f"Milliseconds a picture by batch, {r['model']}, TF32 {r['tf32']}: {times}"]
    return rows


def long_parts(prepared, out):
    """What takes several commands' time: to be named, and to be run again until it is done."""
    nets = [out / f"net-{seed}" for seed in range(NETS)]
    experiment = ("-m", "tinyalex", "experiment")
    rest = ("--scale", "full", "--data", prepared, "--device", "gpu", "--out", str(out / "claims"), "--json")
    parts = {f"claims-{name}": ([*experiment, name, *rest], 560) for name in CLAIMS}
    recipe = ("-m", "tinyalex", "train", "--device", "gpu", "--recipe", "tiny-imagenet-100", "--json")
    for seed, net in enumerate(nets):
        parts[f"recipe-{seed}"] = (_training((*recipe, "--seed", str(seed)), prepared, net), 560)
    evaluate = [
        "-m",
        "tinyalex",
        "evaluate",
        *map(str, nets),
        "--data",
        prepared,
        "--device",
        "gpu",
        "--ten-crop",
        "--ensemble",
    ]
    return parts | {"ensemble": ([*evaluate, "--json"], 300)}


def _training(arguments, prepared, run):
    """The command that trains into a folder, or goes on there if the run was begun."""
    if (run / "config.json").exists():
        return ["-m", "tinyalex", "train", "--device", "gpu", "--json", "--resume", str(run)]
    return [*arguments, "--data", prepared, "--out", str(run)]


def main(prepared, out, *chosen):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    parts = PARTS | {"training": (_training(TRAINING, prepared, out / "run"), 540)}
    for name, more in {"one-network": (), "two-towers": ("--parallel", "towers")}.items():
        parts[name] = (_training((*TWO_TOWERS, *more), prepared, out / name), 300)
    usual = list(parts)
    parts |= long_parts(prepared, out)
    parts = {name: parts[name] for name in chosen or usual}
    rows, tables = [f"## {date.today()}", "", "| part | command | figures | seconds |", "|---|---|---|---|"], []
    for name, (arguments, limit) in parts.items():
        arguments = [str(out / "speed.png") if word == "CHART" else word for word in arguments]
        text, seconds = run(arguments, limit)
        (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        rows.append(f"| {name} | `python {' '.join(arguments)}` | {figures(text)} | {seconds:.0f} |")
        tables += speed_rows(text)
        print(rows[-1], *speed_rows(text), sep="\n", flush=True)
        (out / "results.md").write_text(
            "\n".join(rows + tables) + "\n", encoding="utf-8"
        )  # each time: the next may hang


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
