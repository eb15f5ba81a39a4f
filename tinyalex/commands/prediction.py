"""`bench --predict`: the time of a training step on a GPU that need not be at hand."""

from dataclasses import asdict

from tinyalex.bench.predicted import MACHINES, OWN, machine, predict
from tinyalex.commands.options import print_table, print_text, refuse
from tinyalex.errors import UserError
from tinyalex.terminal import bytes_text

RATES = ("copy_gb_per_s", "matmul_tflops", "launch_us")
MEASURING = {  # options of measuring, with their defaults
    "rounds": 5,
    "no_torch": False,
    "no_compile": False,
    "scaling": False,
    "chart": None,
    "device": "auto",
    "threads": None,
}


def add_prediction(group):
    """--predict, and rates for it."""
    add = group.add_argument
    add(
        "--predict",
        metavar="GPU",
        choices=(*MACHINES, OWN),
        help="the time of a training step on a GPU, by layer, from the bytes, products and launches that it takes: "
        f"{', '.join(MACHINES)}, or {OWN!r} with the rates below",
    )
    copies = "1e9 bytes a second that a large copy on your GPU moves, read and written together"
    products = "1e12 operations a second of its large matrix products, in TF32 if you train in it"
    add("--copy-gb-per-s", type=float, metavar="N", help=copies)
    add("--matmul-tflops", type=float, metavar="N", help=products)
    add("--launch-us", type=float, metavar="N", help="the host's time for a launch, in microseconds (5)")


def predicts(args):
    """Whether the arguments ask for a prediction. UserError for options that do not go together."""
    for name in RATES:
        if args.predict is None and getattr(args, name) is not None:
            raise UserError(f"goes with --predict GPU, such as --predict {OWN}", name)
    if args.predict is not None:
        refuse(args, MEASURING, "--predict")
    return args.predict is not None


def predicted(args, setups_of):
    """The result of `bench`. setups_of: function of the choices for TF32, the setups"""
    gpu = machine(args.predict, *(getattr(args, name) for name in RATES))
    same = gpu.tf32_tflops == gpu.fp32_tflops
    possible = (None,) if same else (True, False) if gpu.tf32_tflops else (False,)
    tf32 = [choice for choice in possible if args.tf32 == "both" or choice == (args.tf32 == "on")]
    if not tf32:
        why = "where products have one rate" if same else "for a GPU without TF32"
        raise UserError(f"found {args.tf32}, expected nothing {why}", "tf32")
    return {"gpu": asdict(gpu), "predictions": [predict(setup, gpu) for setup in setups_of(tf32)]}


# ---------------------------------------------------------------------------------------------- for people


def show(result, label):
    """label: function of a row, its words"""
    gpu, rows = result["gpu"], result["predictions"]
    tf32 = f" ({gpu['tf32_tflops']:.3g} in TF32)" if gpu["tf32_tflops"] not in (None, gpu["fp32_tflops"]) else ""
    print_text(
        f"Predicted for {'your GPU' if gpu['name'] == OWN else gpu['name']}, not measured. Its rates: passes over "
        f"memory {gpu['copy_gb_per_s']:.5g} GB/s, matrix products {gpu['fp32_tflops']:.3g} TFLOP/s{tf32}, a launch "
        f"every {gpu['launch_us']:g} µs."
    )
    print()
    header = ("a training step", "images/s", "ms", "limited by", "GB", "launches", "products' GB", "products", "TFLOP")
    print_table((*header, "memory"), [(label(r), *_step(r)) for r in rows], right=(1, 2, 4, 5, 6, 7, 8, 9))
    print()
    _show_layers(rows[0], label(rows[0]))
    print_text(
        "GB and launches are those besides matrix products. The limits: memory, that is reading and writing; products; "
        "launches, that is waiting until the host launches the next operation. Crops and colours take "
        f"{rows[0]['data']['ms']:.2f} ms more. Left out: data that are still in the cache, transfers, and whatever "
        "keeps one kernel below the rates above."
    )


def _step(r):
    limit = f"{r['limit']} {r[r['limit'] + '_ms'] / r['ms']:.0%}"
    sizes = f"{r['gb']:.1f}", r["launches"], f"{r['products_gb']:.1f}", r["products"], f"{r['tflop']:.2f}"
    return f"{r['images_per_s']:.0f}", f"{r['ms']:.2f}", limit, *sizes, bytes_text(r["memory_bytes"])


def _show_layers(r, label):
    """Milliseconds of each layer, each way, and of whatever no layer does."""
    rows = []
    for layer in r["layers"]:
        ways = layer["forward"], layer["backward"]
        rows.append((layer["name"], layer["layer"], *_time(ways[0]), *_time(ways[1]), *_sizes(ways, r)))
    for kind, words in (("loss", ""), ("update", ""), ("between", "sums of branches")):
        if r[kind]["limit"]:
            rows.append((kind, words, *_time(r[kind]), "", "", *_sizes([r[kind]], r)))
    header = (f"{label}: ms of a step", "", "forward", "limit", "backward", "limit", "GB", "launches", "share")
    print_table(header, rows, right=(2, 4, 6, 7, 8))
    print()


def _time(figures):
    return f"{figures['ms']:.3f}", figures["limit"] or ""


def _sizes(parts, whole):
    gb, launches, ms = (sum(part[key] for part in parts) for key in ("gb", "launches", "ms"))
    return f"{gb:.2f}", launches, f"{ms / whole['ms']:.1%}"
