"""Everything that wants a GPU, in one go, for a machine that is lent for minutes.

    python tests/gpu/measure.py PREPARED_FOLDER OUT [PART …]

Runs the test suite, the gradient check, the speed comparison with PyTorch, and a training run of alexnet-64 to a plateau
on PREPARED_FOLDER (64-pixel pictures), then writes OUT/results.md, the table for RESULTS.md. With PARTS only these, where
a single command may not run long enough for all: tests, gradcheck, bench-128, bench-512, training. Each part has its own
time limit, and one that fails is reported and does not stop the others.
"""

import json
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

PARTS = {
    "tests": (["-m", "pytest", "-q", "--deselect", "tests/test_resume.py"], 420),
    "gradcheck": (["-m", "tinyalex", "gradcheck", "--device", "gpu", "--json"], 120),
    "bench-128": (["-m", "tinyalex", "bench", "--device", "gpu", "--batch", "128", "--rounds", "20", "--json"], 180),
    "bench-512": (["-m", "tinyalex", "bench", "--device", "gpu", "--batch", "512", "--rounds", "10", "--json"], 180),
}
TRAINING = (
    "-m", "tinyalex", "train", "--device", "gpu", "--model", "alexnet-64", "--schedule", "plateau:5", "--epochs", "60",
    "--json",
)  # fmt: skip


def run(arguments, limit):
    """(last line of stdout, or what went wrong; seconds)."""
    start = time.perf_counter()
    try:
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return f"stopped after {limit} s", limit
    lines = (done.stdout.strip() or done.stderr.strip() or "no output").splitlines()
    return (lines[-1] if done.returncode == 0 else f"exit code {done.returncode}: {lines[-1]}"), time.perf_counter() - start


def figures(text):
    """The numbers of a --json line, a row each; any other text as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    value = value["results"][0] if "results" in value else value
    keys = ("train_images_per_s", "train_ratio", "top1_error", "top5_error", "epochs", "seconds", "images_per_s", "ok")
    return ", ".join(f"{key} {value[key]:.4g}" for key in keys if key in value)


def main(prepared, out, *chosen):
    Path(out).mkdir(parents=True, exist_ok=True)
    parts = PARTS | {"training": ([*TRAINING, "--data", prepared, "--out", str(Path(out, "run"))], 540)}
    parts = {name: parts[name] for name in chosen or parts}
    rows = [f"## {date.today()}", "", "| part | command | figures | seconds |", "|---|---|---|---|"]
    for name, (arguments, limit) in parts.items():
        text, seconds = run(arguments, limit)
        rows.append(f"| {name} | `python {' '.join(arguments)}` | {figures(text)} | {seconds:.0f} |")
        print(rows[-1], flush=True)
    Path(out, "results.md").write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
