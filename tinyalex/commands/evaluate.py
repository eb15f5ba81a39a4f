"""`tinyalex evaluate`: the errors of trained networks, each alone and as an ensemble."""

import json
import zlib
from itertools import combinations

import numpy as np

from tinyalex import evaluation
from tinyalex.calibration import VIEWS, confidences, expected_calibration_error, undecided
from tinyalex.commands.options import add_device, open_device, print_table, print_text
from tinyalex.errors import UserError
from tinyalex.evaluation import Evaluation, pictures_at_once
from tinyalex.parallel import Alone, split_network
from tinyalex.parallel.joining import add_parallel, in_a_team, refuse_lonely_ranks, same_everywhere
from tinyalex.parallel.part import class_probabilities
from tinyalex.runs.calibrated import find_calibration
from tinyalex.runs.trained import open_runs

DESCRIPTION = """\
Top-1 and top-5 error and mean loss on the validation pictures, on the centre crop or averaged over ten crops.

RUN is a run folder, whose best epoch is taken, or one .safetensors file. Several RUNs are evaluated on the same \
pictures, the first one's unless --data names others. --ensemble also averages their probabilities, as the paper \
did with five networks.

The table is of the networks' own probabilities. After `calibrate`, a line below it adds loss and calibration error \
with the temperature, and the errors among the pictures that the network is sure of."""
EXAMPLES = (
    "tinyalex evaluate runs/first",
    "tinyalex evaluate runs/first --ten-crop",
    "tinyalex evaluate runs/first/last.safetensors --data data/tiny64 --json",
    "tinyalex evaluate runs/seed-0 runs/seed-1 runs/seed-2 --ensemble",
    "mpiexec -n 2 tinyalex evaluate runs/first --ten-crop --parallel data",
)
COLUMNS = {"top1_error": "top-1 error", "top5_error": "top-5 error", "loss": "loss"}  # the second only if it is there


def add_arguments(parser):
    parser.add_argument("run", metavar="RUN", nargs="+", help="run folder or checkpoint")
    parser.add_argument(
        "--data",
        metavar="FOLDER",
        help="a folder that `prepare` wrote, or builtin (default: the data that RUN was trained on)",
    )
    parser.add_argument(
        "--ten-crop", action="store_true", help="average over four corners, the centre and their mirror images"
    )
    parser.add_argument("--ensemble", action="store_true", help="also average the probabilities of all RUNs (paper §6)")
    add_parallel(parser)
    add_device(parser)


def run(args):
    if args.ensemble and len(args.run) == 1:
        raise UserError("--ensemble: found one RUN, expected two or more")
    if args.parallel is None:
        refuse_lonely_ranks(args)
        return _evaluate(args, open_device(args), Alone())
    return in_a_team(args, open_device, lambda team, xp, _: _evaluate(args, xp, team))


def _evaluate(args, xp, team):
    """One worker's part; returns the result."""
    quiet = team.rank > 0
    runs, data, split = team.all_do(lambda: open_runs(args.run, xp, args.data, quiet=quiet))
    if args.ensemble:
        team.all_do(lambda: _refuse_equals(runs))
    same_everywhere(team, _identities(runs, split))
    about, singles, total = {"data": data, "ten_crop": args.ten_crop}, [], 0.0
    for one in runs:
        p = _probabilities(args, one, split, xp, team, quiet)
        team.all_do(lambda: one.check_answers(p))
        note = {"note": one.note} if one.note else {}
        own = {"checkpoint": str(one.file)} | note | about | _measured(p, split, args)
        singles.append(own | _calibrated(args, one, p, split, xp, quiet))
        if args.ensemble:
            total += p  # (N, K) float32; the first addition makes a new array
    if len(runs) == 1:
        return singles[0]
    ensemble = {"networks": len(runs)} | about | _measured(total / len(runs), split, args) if args.ensemble else None
    return {"runs": singles, "ensemble": ensemble}


def _refuse_equals(runs):
    """UserError if two networks have the same weights: averaged with itself, a network counts twice."""
    for one, other in combinations(runs, 2):
        weights, others = one.network.params, other.network.params
        if weights.keys() == others.keys() and all(
            array.shape == others[name].shape and bool((array == others[name]).all()) for name, array in weights.items()
        ):
            raise UserError(f"found the same weights in {one.file} and {other.file}, expected networks that differ")


def _probabilities(args, run, split, xp, team, quiet):
    """The class probabilities of a `Run` for all pictures."""
    if not args.parallel:
        return evaluation.class_probabilities(run.network, split, run.view, xp, args.ten_crop, quiet=quiet)
    network = team.all_do(lambda: split_network(args.parallel, run.network, team))
    return class_probabilities(network, split, run.view, xp, args.ten_crop, quiet=quiet)


def _calibrated(args, run, p, split, xp, quiet):
    """{"calibrated": …}: errors with the run's calibration, if it is for this view, or a word that it is not."""
    found = find_calibration(run, quiet)
    if found is None:
        return {}
    if found.view != VIEWS[int(args.ten_crop)]:
        return {"calibrated": None, "calibrated_view": found.view}
    near = np.flatnonzero(undecided(p, found))
    if len(near) and not args.parallel:  # alone, as `predict` decides
        p, alone = p.copy(), [range(n, n + 1) for n in near]
        p[near] = evaluation.class_probabilities(run.network, split, run.view, xp, args.ten_crop, "", True, alone)
    q = found.probabilities(p)
    answers, confidence = confidences(q)
    wrong, sure = answers != split.labels, found.sure(confidence)
    measured = {
        "temperature": found.temperature,
        "loss": Evaluation.of(q, split.labels).loss,
        "ece": expected_calibration_error(q, split.labels),
        "threshold": found.threshold,
        "risk": found.risk,
        "answered": float(sure.mean()),
        "error_of_answered": float(wrong[sure].mean()) if sure.any() else None,
    }
    return {"calibrated": measured, "calibrated_view": found.view}


def _identities(runs, split):
    """Checksums of the pictures' labels and the networks, as workers may have different files."""
    checksums = {"the validation pictures' labels": zlib.crc32(split.labels)}
    checksums |= {f"the checkpoint of {one.path}": zlib.crc32(json.dumps(one.info).encode()) for one in runs}
    return {what: f"checksum {checksum:08x}" for what, checksum in checksums.items()}


def _measured(p, split, args):
    return Evaluation.of(p, split.labels, pictures_at_once(args.ten_crop)).to_dict()


def show(result):
    singles = result.get("runs", [result])
    view = "ten crops" if singles[0]["ten_crop"] else "centre crop"
    if len(singles) == 1:
        head, rows = "", [_row(view, result)]
    else:
        head, rows = view, [_row(one["checkpoint"], one) for one in singles]
        mean = {key: sum(one[key] for one in singles) / len(singles) for key in COLUMNS if key in singles[0]}
        rows.append(_row(f"mean of the {len(singles)}", mean | {"images": singles[0]["images"]}))
    if result.get("ensemble"):
        rows.append(_row(f"all {len(singles)} together, averaged", result["ensemble"]))
    columns = [title for key, title in COLUMNS.items() if key in singles[0]]
    print_table((head, *columns, "pictures"), rows, right=range(1, len(columns) + 2))
    calibrated = [one for one in singles if "calibrated" in one]
    for one in calibrated:
        print_text(("" if len(singles) == 1 else f"{one['checkpoint']}: ") + _said(one))
    if calibrated and result.get("ensemble"):
        print_text("The ensemble averages the networks' own probabilities, and is not calibrated.")


def _said(one):
    """A sentence or two on a network's calibration."""
    found = one["calibrated"]
    if found is None:
        return f"calibrated for the {one['calibrated_view']} only."
    words = f"calibrated (temperature {found['temperature']:.3g}), loss {found['loss']:.3f}, ECE {found['ece']:.3f}; "
    if found["answered"] == 0:
        return words + "it is not sure of any picture."
    return words + (
        f"it is sure of {found['answered']:.1%} of the pictures, from a confidence of {found['threshold']:.2%} on, and "
        f"{found['error_of_answered']:.1%} of these answers are wrong."
    )


def _row(name, one):
    errors = (f"{one[key]:{'.3f' if key == 'loss' else '.1%'}}" for key in COLUMNS if key in one)
    return name, *errors, f"{one['images']:,}"
