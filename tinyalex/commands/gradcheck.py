"""`tinyalex gradcheck`: compare every gradient with a numerical one, and show rounding."""

from tinyalex.backend import device_name
from tinyalex.bench.rounding import network_rounding_errors, rounding_errors
from tinyalex.commands.options import add_device, open_device, print_table, print_text
from tinyalex.errors import UserError
from tinyalex.gradcheck import RTOL
from tinyalex.probes import check_everything

WHOLE = "whole network"
DESCRIPTION = """\
Compare the gradients from backward with central differences of forward, in float64, for every layer, the loss, and \
a small network of them all: small arrays entry by entry, large ones along random directions.

Then show how float32 rounds in the paper's convolutions and its whole network: the relative root mean square error \
of y, dx and dweight against float64, for the plain method of convolution and the fast one."""
EXAMPLES = ("tinyalex gradcheck", "tinyalex gradcheck --device gpu", "tinyalex gradcheck --seed 7 --json")


def add_arguments(parser):
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the random arrays (0)")
    add_device(parser)


def run(args):
    if args.seed < 0:
        raise UserError(f"--seed: found {args.seed}, expected 0 or more")
    xp = open_device(args)
    results = []
    for layer, checks in check_everything(xp, args.seed):
        for check in checks:
            row = {"layer": _words(layer), "checked": check.what, "by": check.by, "compared": check.compared}
            results.append(row | {"worst_error": check.error, "right": check.right})
    rounding = [{"layer": name} | errors for name, errors in rounding_errors(xp, seed=args.seed)]
    rounding.append({"layer": WHOLE} | network_rounding_errors(xp, seed=args.seed))
    ok = all(result["right"] for result in results)
    return {"device": device_name(xp), "checks": results, "rounding": rounding, "ok": ok}


def _words(layer):
    ways = {"rows": ", by rows of the kernel", "winograd": ", the fast way", "strips": ", by strips"}
    fast = ways.get(getattr(layer, "algorithm", None), "")
    return layer.name or f"{layer}{fast}"


def show(result):
    rows, before = [], None
    for check in result["checks"]:
        layer = check["layer"] if check["layer"] != before else ""
        before = check["layer"]
        numbers = {"entry": "entries", "direction": "directions"}[check["by"]]
        verdict = "right" if check["right"] else "WRONG"
        rows.append(
            (layer, check["checked"], f"{check['compared']:,} {numbers}", f"{check['worst_error']:.1e}", verdict)
        )
    print_table(("layer", "gradient of", "compared", "worst error", ""), rows, right=(2, 3))
    wrong = sum(not check["right"] for check in result["checks"])
    verdict = f"{wrong} of {len(rows)} gradients are wrong" if wrong else f"all {len(rows)} gradients are right"
    print_text(f"\n{verdict} (to {RTOL:g}) on {result['device']}")
    _show_rounding(result["rounding"])


def _show_rounding(layers):
    whats = ("y", "dx", "dweight")
    rows = [
        (layer["layer"], *(f"{layer[way][what]:.1e}" for what in whats for way in ("im2col", "winograd")))
        for layer in layers
    ]
    print_text("\nRelative error of the paper's convolutions in float32 against float64, plain and fast:")
    print()
    header = ("layer", *(f"{what} {way}" for what in whats for way in ("plain", "fast")))
    print_table(header, rows, right=range(1, len(header)))
    plain, fast = (layers[-1][way]["flipped"] for way in ("im2col", "winograd"))
    print_text(
        f"\nThe {WHOLE}: its scores, dx, and conv1's dweight. {plain} (plain) and {fast} (fast) of its ReLUs and "
        "maxima chose otherwise than in float64. With either method one can put the gradients off by 1e-3 to 2e-2."
    )
