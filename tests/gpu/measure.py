"""Everything that wants a GPU, in one go, for a machine that is lent for minutes.

    python tests/gpu/measure.py PREPARED_FOLDER OUT [PART …]

Runs the test suite, the gradient check, the speed comparison with PyTorch (batches 128, 256 and 512, with LRN and
without, TF32 on and off; then the time of a picture by batch), and a training run of alexnet-64 to a plateau on
PREPARED_FOLDER (64-pixel pictures), then writes OUT/results.md, the tables for RESULTS.md, beside the whole --json of
each part and the bars of batch 128. With PARTS only these, where a single command may not run long enough for all:
tests, gradcheck, bench-128, bench-256, bench-512, bench-scaling, training. Each part has its own time limit, and one that
fails is reported and does not stop the others.
"""

import json
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

BENCH = ("-m", "tinyalex", "bench", "--device", "gpu", "--model", "alexnet", "--json")
PARTS = {
    "tests": (["-m", "pytest", "-q", "--deselect", "tests/test_resume.py"], 420),
    "gradcheck": (["-m", "tinyalex", "gradcheck", "--device", "gpu", "--json"], 120),
    "bench-128": ([*BENCH, "--batch", "128", "--rounds", "15", "--chart", "CHART"], 420),
    "bench-256": ([*BENCH, "--batch", "256", "--rounds", "10"], 420),
    "bench-512": ([*BENCH, "--batch", "512", "--rounds", "10"], 420),
    "bench-scaling": ([*BENCH, "--lrn", "with", "--rounds", "5", "--scaling", "--no-torch"], 300),
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


SPEED = (
    "train_images_per_s", "torch_train_images_per_s", "train_ratio", "infer_images_per_s", "torch_infer_images_per_s",
    "infer_ratio", "train_gflops", "sgemm_gflops", "fraction_of_sgemm", "peak_memory_bytes", "torch_peak_memory_bytes",
    "pipeline_ratio",
)  # fmt: skip


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


def main(prepared, out, *chosen):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    parts = PARTS | {"training": ([*TRAINING, "--data", prepared, "--out", str(out / "run")], 540)}
    parts = {name: parts[name] for name in chosen or parts}
    rows, tables = [f"## {date.today()}", "", "| part | command | figures | seconds |", "|---|---|---|---|"], []
    for name, (arguments, limit) in parts.items():
        arguments = [str(out / "speed.png") if word == "CHART" else word for word in arguments]
        text, seconds = run(arguments, limit)
        (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        rows.append(f"| {name} | `python {' '.join(arguments)}` | {figures(text)} | {seconds:.0f} |")
        tables += speed_rows(text)
        print(rows[-1], *speed_rows(text), sep="\n", flush=True)
        (out / "results.md").write_text("\n".join(rows + tables) + "\n", encoding="utf-8")  # each time: the next may hang


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
