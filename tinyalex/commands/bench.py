"""`tinyalex bench`: the speed of training and inference here, beside PyTorch's."""

import numpy as np

from tinyalex.backend import thread_count
from tinyalex.bench.benchmark import run_benchmark
from tinyalex.bench.figures import fraction_name
from tinyalex.bench.setup import Setup
from tinyalex.bench.theirs import compiler_missing
from tinyalex.bench.turns import EAGER, NAMES, THEIRS, WORKS
from tinyalex.commands import merging, prediction
from tinyalex.commands.options import REPLACED, add_device, open_device, print_table, print_text
from tinyalex.errors import UserError
from tinyalex.exchange.torch import torch_version
from tinyalex.files import check_picture
from tinyalex.models import find_model
from tinyalex.parallel.mpi import refuse_ranks
from tinyalex.terminal import bytes_text, say
from tinyalex.training.trainer import LOG_EVERY

DESCRIPTION = """\
Time whole training steps (forward, backward, update), inference in batches and of one picture at a time, on random \
pictures, and matrix multiplication (sgemm), which limits them all. If PyTorch is installed, time the same network \
there too, with the same threads: eager in two memory layouts and, with a C++ compiler, by torch.compile (default \
mode, channels_last). How long it compiles is shown, and does not count.

All sides take turns. Figures are medians over rounds, with the lowest and highest. The ratio is to PyTorch's fastest \
side; above 1 means that this code is faster.

Speeds drift by the hour. For a table that others will read, keep --json of three runs or more, hours apart, and \
--merge them.

--predict measures nothing: it counts what a training step asks of a GPU, and divides it by that GPU's rates."""
EXAMPLES = (
    "tinyalex bench",
    "tinyalex bench --model alexnet-small --rounds 20",
    "tinyalex bench --model alexnet --lrn without --chart speed.png",
    "tinyalex bench --scaling --no-torch",
    "tinyalex bench --threads 1 --no-compile",
    "tinyalex bench --merge run1.json run2.json run3.json",
    "tinyalex bench --predict H200 --model alexnet --batch 512",
    "tinyalex bench --predict own --copy-gb-per-s 400 --matmul-tflops 20 --model resnet18",
)
DEFAULT_MODELS = ("alexnet", "alexnet-small")
LRN = {"with": (True,), "without": (False,), "both": (True, False)}
TF32 = {"on": (True,), "off": (False,), "both": (True, False)}


def add_arguments(parser):
    models = " and ".join(DEFAULT_MODELS)
    add = parser.add_argument
    add("--model", action="append", metavar="NAME", help=f"what to time; repeat for several (default: {models})")
    add("--batch", type=int, metavar="N", help="pictures per step (default: the model's)")
    add("--rounds", type=int, default=5, metavar="N", help="how often each side has its turn (5)")
    add("--lrn", choices=LRN, help="with or without the normalisation layers (alexnet: both, others: with)")
    add("--tf32", choices=TF32, default="both", help="on a GPU: products in TF32, in full float32, or both (default)")
    add("--no-torch", action="store_true", help="do not time PyTorch")
    add("--no-compile", action="store_true", help="do not time torch.compile, which compiles each network three times")
    add("--scaling", action="store_true", help="also time batches of 16 to 512 pictures, and 1 to N threads")
    add("--chart", metavar="FILE.png", help=f"draw images/s as bars, beside PyTorch's fastest side; {REPLACED}")
    add_device(parser)
    instead = parser.add_argument_group("instead of measuring (needs neither a GPU nor CuPy)")
    merging.add_merging(instead)
    prediction.add_prediction(instead)


def run(args):
    if args.merge is not None:
        return merging.merged(args)
    for name in ("batch", "rounds"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise UserError(f"--{name}: found {value}, expected 1 or more")
    models = [find_model(name) for name in dict.fromkeys(args.model or DEFAULT_MODELS)]

    def setups(device, tf32):
        return [
            Setup(model.name, lrn, args.batch or model.batch, thread_count(), device, choice)
            for model in models
            for lrn in LRN[args.lrn or ("both" if model.name == "alexnet" else "with")]
            for choice in tf32
        ]

    if prediction.predicts(args):
        return prediction.predicted(args, lambda tf32: setups("gpu", tf32))
    refuse_ranks("bench")
    if args.chart:
        check_picture(args.chart, "chart")
    device = "cpu" if open_device(args) is np else "gpu"
    plans = setups(device, (None,) if device == "cpu" else TF32[args.tf32])
    result = run_benchmark(plans, args.rounds, _theirs(args, device), args.scaling)
    if args.chart:
        from tinyalex import plots  # here, since Matplotlib takes a second to import

        plots.save(plots.speeds(result["results"], _machine(result["machine"])), args.chart)
        result["chart"] = args.chart
    return result


def _theirs(args, device):
    """The sides of PyTorch to time here; a line says why one that was not refused is left out."""
    if args.no_torch:
        return ()
    if torch_version(device) is None:
        say(f"no PyTorch that can use the {device.upper()} is installed: measuring only this side")
        return ()
    missing = None if args.no_compile else compiler_missing(device)
    if missing:
        say(f"torch.compile is left out: {missing}")
    return EAGER if args.no_compile or missing else THEIRS


# ---------------------------------------------------------------------------------------------- for people


def show(result):
    if "predictions" in result:
        prediction.show(result, _label)
        return
    results, first = result["results"], result["results"][0]
    print_text(_machine(result["machine"]))
    if "runs" in result:
        print()
        _show_speeds(results)
        merging.show(result)
        return
    print_text(f"sgemm's limit: {result['sgemm_gflops']:.0f} GFLOP/s ({result['sgemm_shape']})")
    print()
    _show_speeds(results)
    _show_around(results)
    _show_kinds(first)
    _show_layers(first)
    for r in results:
        _show_scaling(r)
    print_text(
        "Medians over rounds (lowest–highest); a ratio above 1 means that this code is faster than PyTorch's fastest "
        "side. GFLOP/s count every product of the direct method, even where a fast convolution does fewer, except the "
        "gradient of the pixels."
    )
    if "chart" in result:
        print_text(f"The chart: {result['chart']}")


def _machine(machine):
    """One line on the machine and the libraries of all sides."""
    versions = [f"{name} {machine[key]}" for name, key in (("CuPy", "cupy"), ("PyTorch", "torch")) if machine[key]]
    where = machine["gpu"] or f"{machine['cpu']}, {_threads(machine['threads'])}"
    return ", ".join([where, f"NumPy {machine['numpy']}, {machine['blas'] or 'unknown BLAS'}", *versions])


def _threads(count):
    return f"{count} thread{'s' if count > 1 else ''}"


def _label(r):
    tf32 = "" if r["tf32"] is None else f", TF32 {'on' if r['tf32'] else 'off'}"
    return f"{r['model']} × {r['batch']}{'' if r['lrn'] else ', no LRN'}{tf32}"


def _show_speeds(results):
    """All sides' images/s and the ratio to PyTorch's fastest: a table for each kind of work, a row for each result."""
    header = ("images/s", "GFLOP/s", "of sgemm", "predicted", *(NAMES[side] for side in THEIRS), "fastest", "ratio")
    for work, title in zip(WORKS, ("training", "inference", "one picture at a time")):
        rows = []
        for r in results:
            ours = _spread(r, f"{work}_images_per_s"), f"{r[f'{work}_gflops']:.0f}", f"{r[fraction_name(work)]:.0%}"
            predicted = f"{r['predicted']['images_per_s']:.0f}" if r.get("predicted") and work == "train" else ""
            label = _label(r | {"batch": 1} if work == "one" else r)
            rows.append((label, *ours, predicted, *_theirs_and_ratio(r, work)))
        _print((title, *header), rows, right=(1, 2, 3, 4, 5, 6, 7, 9))


def _theirs_and_ratio(r, work):
    """The cells of PyTorch's sides, which of them was the fastest, and the ratio to it."""
    sides = r[f"torch_{work}_sides"] or {}
    speeds = [_spread(sides[side], "images_per_s") if side in sides else "" for side in THEIRS]
    return *speeds, *((r[f"torch_{work}_fastest"], _spread(r, f"{work}_ratio", 2)) if sides else ("", ""))


def _show_around(results):
    """Memory, the input pipeline, all threads against one, and how long torch.compile compiled."""
    rows = []
    for r in results:
        many = r["thread_scaling"][-1] if r["thread_scaling"] else None
        threads = f"{_spread(many, 'speedup', 2)} on {many['threads']}" if many else ""
        memory = [bytes_text(r[key]) if r[key] else "" for key in ("peak_memory_bytes", "torch_peak_memory_bytes")]
        pipeline = f"{r['pipeline_images_per_s']:.0f} images/s, {r['pipeline_ratio']:.1f}× training"
        compiling = ", ".join(f"{seconds:.0f}" for seconds in (r["torch_compile_seconds"] or {}).values())
        rows.append((_label(r), *memory, pipeline, threads, compiling))
    header = ("memory, input, threads", "peak memory", "PyTorch's", "input pipeline alone", "times one thread's speed")
    _print((*header, "seconds to compile: training, inference, one picture"), rows, right=(1, 2, 3, 4, 5))


def _show_kinds(r):
    notes = {"health": f" (measured every {LOG_EVERY} steps)", "data": " (waiting for pictures)"}
    kinds = ", ".join(f"{kind} {share:.1%}{notes.get(kind, '')}" for kind, share in r["kinds"].items())
    print_text(f"Where the time goes in {_label(r)}, training from the pipeline: {kinds}.")
    print()


def _show_layers(r):
    unit = "core-ms" if r["device"] == "cpu" else "ms"
    total = sum(layer["forward_ms"] + layer["backward_ms"] for layer in r["layers"])
    rows = []
    for number, layer in enumerate(r["layers"]):
        forward, backward = layer["forward_ms"], layer["backward_ms"]
        figures = f"{forward:.3f}", f"{backward:.3f}", f"{(forward + backward) / total:.1%}"
        rows.append((layer["name"], layer["layer"], *figures, *_predicted_layer(r, number)))
    header = (f"{_label(r)}: {unit} per picture", "", "forward", "backward", "share", "predicted", "predicted backward")
    _print(header, rows, right=(2, 3, 4, 5, 6))


def _predicted_layer(r, number):
    """A layer's milliseconds per picture as predicted, forward and backward."""
    if not r.get("predicted"):
        return "", ""
    layer = r["predicted"]["layers"][number]
    return tuple(f"{layer[way]['ms'] / r['batch']:.3f}" for way in ("forward", "backward"))


def _show_scaling(r):
    """The time per picture by batch, and the speed by threads."""
    if r["scaling"]:
        rows = [(s["batch"], _number(s["images_per_s"]), _spread(s, "ms_per_image")) for s in r["scaling"]]
        _print((f"{_label(r)}: batch", "images/s", "ms per picture"), rows, right=(0, 1, 2))
        rows = [(t["threads"], _number(t["images_per_s"]), _spread(t, "speedup", 2)) for t in r["thread_scaling"] or ()]
        _print((f"{_label(r)}: threads", "images/s", "times one thread's"), rows, right=(0, 1, 2))


def _print(header, rows, right):
    """A table without columns that are empty in every row, and an empty line; nothing without rows."""
    if rows:
        kept = [i for i in range(len(header)) if any(row[i] for row in rows)]
        lines = [[line[i] for i in kept] for line in (header, *rows)]
        print_table(lines[0], lines[1:], right=[new for new, old in enumerate(kept) if old in right])
        print()


def _spread(figures, name, digits=None):
    """median (lowest–highest), or the median alone if all are equal."""
    middle, low, high = (_number(figures[key], digits) for key in (name, f"{name}_low", f"{name}_high"))
    return middle if low == high else f"{middle} ({low}–{high})"


def _number(value, digits=None):
    """With `digits` decimal places if given; otherwise 3 significant digits, but every digit before the point."""
    if digits is not None:
        return f"{value:.{digits}f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
