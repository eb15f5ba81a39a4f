"""One logged request from end to end: what came, how it was prepared, what the network made of it, and the truth.

The layers are computed again from the picture itself, which must have the logged sha256; the same checkpoint gives the
same numbers. They stand beside what it makes of its validation pictures (see `reference`).
"""

import hashlib
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tinyalex.backend import to_device, to_host
from tinyalex.calibration import VIEWS
from tinyalex.classifier import Classification, Classifier
from tinyalex.data.pictures import MAX_FILE_BYTES, PictureError, decode_picture
from tinyalex.errors import UserError, did_you_mean
from tinyalex.files import read_regular, reason
from tinyalex.inspection.features import activations
from tinyalex.monitoring.log import Log, LoggedModel, Request, kept_picture
from tinyalex.monitoring.pictures import STATISTICS
from tinyalex.monitoring.reference import QUANTILES, find_reference, layer_sizes
from tinyalex.runs.calibrated import checkpoint_hash
from tinyalex.runs.trained import Run, find_checkpoint, open_run

LEAST_BEGINNING = 4  # characters of an id that stand for it, if no other begins so
LOW, MIDDLE, HIGH = 0.01, 0.5, 0.99  # quantiles of the validation pictures
SHORT = 12  # digits of a hash, for people


class NotThere(Exception):
    """Something that the layers need is not at hand. The text, one line, says what, and how to get it."""


# ---------------------------------------------------------------------------------------------- finding things


def find_request(log: Log, id: str) -> Request:
    """The request of an id, or of the beginning of one. UserError about "id" with the nearest one if there is none."""
    with suppress(UserError):
        return log.request(id)
    found = log.ids(id, newest=2) if len(id) >= LEAST_BEGINNING else []
    if len(found) == 1:
        return log.request(found[0])
    if found:
        raise UserError(
            f"found {id!r}, which begins several ids, such as {' and '.join(found)}; expected more of it", "id"
        )
    newest = log.ids(newest=2000)
    near = did_you_mean(id, newest)
    example = near or (f", such as {newest[0]}, the newest" if newest else "; the log holds no requests")
    raise UserError(f"found {id!r}, expected the id of a logged request{example}", "id")


def read_kept(log: Path, request: Request) -> bytes:
    """A request's picture file. NotThere if it was not kept, or is not what came."""
    file = kept_picture(log, request.sha256, request.format)
    try:
        data = read_regular(file, MAX_FILE_BYTES)
    except FileNotFoundError:
        raise NotThere(f"its picture was not kept: {file} is not there; name a copy with --picture") from None
    except OSError as error:
        raise NotThere(f"{file} cannot be read ({reason(error)})") from None
    if (found := hashlib.sha256(data).hexdigest()) != request.sha256:
        raise NotThere(f"{file} is not the picture that came: its sha256 is {found[:SHORT]}…")
    return data


def read_given(path: str, request: Request) -> bytes:
    """A copy of a request's picture. UserError about "picture" if it has other bytes, or cannot be read."""
    try:
        data = read_regular(path, MAX_FILE_BYTES)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({reason(error)})", "picture") from None
    if (found := hashlib.sha256(data).hexdigest()) != request.sha256:
        expected = f"expected {request.sha256[:SHORT]}…, the picture of request {request.id}"
        raise UserError(f"{path} has the sha256 {found[:SHORT]}…, {expected}", "picture")
    return data


def find_answerer(model: LoggedModel, given: str | None, xp: ModuleType) -> Run:
    """The network that answered, by the hash of its checkpoint. given: where it is now, unless where it was

    NotThere, or UserError about "run" if it was given, unless a checkpoint there has that hash.
    """
    place = given or model.run
    try:
        best = find_checkpoint(place, quiet=True)
        files = [best, *sorted(best.parent.glob("*.safetensors"))] if Path(place).is_dir() else [best]
        for file in dict.fromkeys(files):
            if checkpoint_hash(file) == model.hash:
                return open_run(file, xp, quiet=True)
    except (UserError, OSError) as error:
        if given:
            raise
        raise NotThere(f"the network that answered is not where it was ({error}); name it with --run") from None
    if given:
        raise UserError(f"{given} holds no checkpoint with the sha256 {model.hash[:SHORT]}…, which answered", "run")
    text = f"{place} no longer holds the checkpoint that answered, sha256 {model.hash[:SHORT]}…"
    raise NotThere(f"{text}; name a copy with --run")


# ---------------------------------------------------------------------------------------------- the trace


def trace(
    log: Log, request: Request, xp: ModuleType, run: str | None = None, picture: str | None = None
) -> dict[str, Any]:
    """All that is known of a request, as JSON values.

    run: where the network that answered is now;  picture: a copy of the file that came; by default, as logged and kept
    "layers": of each, the root mean square and the share of zeros of its output, beside quantiles for the validation
        pictures of "usual_of", if known. None if picture or network is not at hand; then "missing" says why
    UserError if one that was given does not fit.
    """
    model = log.model(request.model, request.at)
    result = {
        "id": request.id,
        "at": request.at,
        "client": request.client,
        "entered": _entered(request, model.reference),
        "model": _model(model),
        "answer": _answer(request, model),
        "shadow": _shadow(log, request),
        "truth": _truth(log, request, model),
    }
    try:
        data = read_given(picture, request) if picture else read_kept(log.path, request)
        answerer = find_answerer(model, run, xp)
        return result | _inside(answerer, data, request, model, xp) | {"missing": None}
    except NotThere as error:
        return result | {"layers": None, "usual_of": None, "again": None, "missing": str(error)}


def _entered(request, reference):
    names = ("sha256", "bytes", "format", "width", "height", "prepared")
    return {name: getattr(request, name) for name in names} | {
        name: {"value": getattr(request, name)} | _range(reference and reference["columns"][name])
        for name in (*STATISTICS, "novelty")
    }


def _range(values):
    """The middle 98 % of the validation pictures' values, {} without them."""
    if not values:
        return {}
    low, middle, high = np.quantile(values, (LOW, MIDDLE, HIGH)).tolist()
    return {"low": low, "middle": middle, "high": high}


def _model(model):
    return {
        "sha256": model.hash,
        "run": model.run,
        "model": model.about["model"],
        "classes": len(model.about["class_ids"]),
        "view": model.about.get("view"),
        "since": model.since,
        "calibration": model.about.get("calibration"),
        "compared_with": model.reference and model.reference["data"],
    }


def _class(model, label):
    """{"class_id", "label"} of a class by its index; None for none."""
    if label is None:
        return None
    return {"class_id": model.about["class_ids"][label], "label": model.about["class_names"][label]}


def _answer(request, model):
    return {
        "guess": _class(model, request.label),
        "probability": request.confidence,
        "sure": request.sure,
        "reason": request.reason,
        "top": [_class(model, label) | {"probability": p} for label, p in request.top],
        "milliseconds": request.milliseconds,
    }


def _shadow(log, request):
    if request.shadow is None:
        return None
    model = log.model(request.shadow, request.at)
    guess = {"guess": _class(model, request.shadow_label), "probability": request.shadow_confidence}
    return {"sha256": model.hash, "run": model.run, **guess, "sure": request.shadow_sure}


def _truth(log, request, model):
    """The label that came later, and whether the guess was right."""
    if (found := log.label(request.id)) is None:
        return None
    class_id, at = found
    ids = model.about["class_ids"]
    name = model.about["class_names"][ids.index(class_id)] if class_id in ids else class_id
    guess = None if request.label is None else ids[request.label]
    return {"class_id": class_id, "label": name, "at": at, "right": guess == class_id}


def _inside(run, data, request, model, xp):
    """The layers' outputs for the picture, and what the network answers to it now."""
    try:
        square = decode_picture(data, run.view.size)[None]  # (1, S, S, 3)
    except PictureError as error:
        raise NotThere(f"its picture cannot be decoded any more ({error})") from None
    outputs = activations(run.network, run.view.centre(to_device(square, xp)))
    reference = model.reference or find_reference(run, quiet=True) or {}
    sizes, known = layer_sizes(run, square), reference.get("layers", {})
    layers = [
        {
            "layer": name,
            "shape": list(y.shape[1:]),
            "rms": float(sizes[name][0]),
            "zeros": float((to_host(y) == 0).mean()),
        }
        | _quantiles(known.get(name))
        for name, y in outputs.items()
    ]
    usual_of = reference.get("data") if known else None
    return {"layers": layers, "usual_of": usual_of, "again": _again(Classifier(run, xp), square, request, model)}


def _quantiles(values):
    """The middle 98 % of the validation pictures' root mean squares, {} without them."""
    if not values:
        return {}
    return {name: values[QUANTILES.index(q)] for name, q in (("low", LOW), ("middle", MIDDLE), ("high", HIGH))}


def _again(classifier, square, request, model):
    """The answer that the network gives now, and whether it is the logged one."""
    [one] = ask(classifier, square)
    first, logged = one.answers[0], _class(model, request.label)
    same = logged is not None and logged["class_id"] == first.id and one.sure == request.sure
    return {
        "guess": {"class_id": first.id, "label": first.name},
        "probability": first.probability,
        "sure": one.sure,
        "same": same,
        "difference": None if request.confidence is None else abs(first.probability - request.confidence),
    }


def ask(classifier: Classifier, squares: np.ndarray) -> list[Classification]:
    """A network's guess about each prepared picture, uint8 (N, S, S, 3), in the view that it is calibrated for."""
    calibration = classifier.calibration
    return classifier.classify(squares, top=1, ten_crop=calibration is not None and calibration.view == VIEWS[1])
