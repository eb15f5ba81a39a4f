"""Every measurement that needs a GPU, in one command.

    python tests/gpu/measure.py PREPARED_FOLDER OUT [PART …]

PREPARED_FOLDER holds 64-pixel pictures. OUT receives results.md (the tables for RESULTS.md), each part's --json and the
chart of batch 128. Without PART, all of these run:

    tests           the test suite, including NCCL and CUDA-aware MPI with one rank
    gradcheck       every gradient
    bench-128       speed beside PyTorch, with and without LRN, TF32 on and off; also bench-256 and bench-512
    bench-scaling   time per picture by batch
    training        alexnet-64 for 60 epochs, with the schedule plateau:5
    one-network     alexnet-64+two-towers for one epoch as one network
    two-towers      the same as two towers, two threads on the one GPU

These run only if named:

    claims-C1       a claim of the paper at --scale full; also -C3, -C6, -C7, -C10 and -C11
    recipe-0        a net by the recipe tiny-imagenet-100, seed 0; also recipe-1 to recipe-4
    ensemble        the five nets averaged, with ten crops

Each part has a time limit. A part that fails is reported and does not stop the others. Trainings and claims stopped by
their limit resume when the part is run again.
"""

import json
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

BENCH = ("-m", "tinyalex", "bench", "--device", "gpu", "--model", "alexnet", "--json")
NETS = 5
CLAIMS = ("C1", "C3", "C6", "C7", "C10", "C11")
TRAIN = ("-m", "tinyalex", "train", "--device", "gpu", "--json", "--model")
TRAINING = (*TRAIN, "alexnet-64", "--schedule", "plateau:5", "--epochs", "60")
TWO_TOWERS = (*TRAIN, "alexnet-64+two-towers", "--epochs", "1")
PARTS = {  # name: (arguments of python, seconds at most)
    "tests": (["-m", "pytest", "-q", "--deselect", "tests/runs/test_resume.py"], 420),
    "gradcheck": (["-m", "tinyalex", "gradcheck", "--device", "gpu", "--json"], 120),
    "bench-128": ([*BENCH, "--batch", "128", "--rounds", "15", "--chart", "CHART"], 420),
    "bench-256": ([*BENCH, "--batch", "256", "--rounds", "10"], 420),
    "bench-512": ([*BENCH, "--batch", "512", "--rounds", "10"], 420),
    "bench-scaling": ([*BENCH, "--lrn", "with", "--rounds", "5", "--scaling", "--no-torch"], 300),
}
SPEED = (
    "train_images_per_s torch_train_images_per_s train_ratio infer_images_per_s torch_infer_images_per_s infer_ratio "
    "train_gflops sgemm_gflops fraction_of_sgemm peak_memory_bytes torch_peak_memory_bytes pipeline_ratio"
).split()


def run(arguments, limit):
    """(last line of stdout, or the error in words; seconds)."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)  # so that a training saves its state
        out, err = process.communicate()
        return f"stopped after {limit} s: {(err.strip() or 'no message').splitlines()[-1]}", limit
    last = (out.strip() or err.strip() or "no output").splitlines()[-1]
    text = last if process.returncode == 0 else f"exit code {process.returncode}: {last}"
    return text, time.perf_counter() - start


def figures(text):
    """The main numbers of a --json line; any other text unchanged."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    keys = ("sgemm_gflops", "sgemm_gflops_tf32", "top1_error", "top5_error", "epochs", "seconds", "images_per_s", "ok")
    return ", ".join(f"{key} {value[key]:.4g}" for key in keys if value.get(key) is not None)


def speed_rows(text):
    """A table of a bench's --json line, one row per result, with times by batch below it; [] for any other text."""
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
            rows += ["", f"Milliseconds per picture by batch, {r['model']}, TF32 {r['tf32']}: {times}"]
    return rows


def long_parts(prepared, out):
    """Parts that run only if named, and again until they are done."""
    nets, on = [out / f"net-{seed}" for seed in range(NETS)], ("--data", prepared, "--device", "gpu", "--json")
    rest = ("--scale", "full", "--out", str(out / "claims"), *on)
    parts = {f"claims-{name}": (["-m", "tinyalex", "experiment", name, *rest], 560) for name in CLAIMS}
    recipe = ("-m", "tinyalex", "train", "--device", "gpu", "--recipe", "tiny-imagenet-100", "--json")
    for seed, net in enumerate(nets):
        parts[f"recipe-{seed}"] = (_training((*recipe, "--seed", str(seed)), prepared, net), 560)
    ensemble = ["-m", "tinyalex", "evaluate", *map(str, nets), "--ten-crop", "--ensemble", *on]
    return parts | {"ensemble": (ensemble, 300)}


def _training(arguments, prepared, run):
    """The command that trains into the folder `run`, or resumes a run begun there."""
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
        results = "\n".join(rows + tables) + "\n"
        (out / "results.md").write_text(results, encoding="utf-8")  # after each part, since the next may hang


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
