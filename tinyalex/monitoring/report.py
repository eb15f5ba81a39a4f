"""The operator's report on a window of a service's log, as JSON values: what came, what was answered, what changed.

Its alarms are at a wanted rate: without trouble, one report in 1 / alarm_rate has an alarm of any kind.
"""

import base64
import io
from collections import Counter
from typing import Any

import numpy as np
from PIL import Image

from tinyalex.data.pictures import PictureError, read_picture
from tinyalex.errors import UserError
from tinyalex.monitoring import drift
from tinyalex.monitoring.answers import answers
from tinyalex.monitoring.findings import findings
from tinyalex.monitoring.log import Log, kept_picture
from tinyalex.monitoring.reference import check_reference, columns_of
from tinyalex.monitoring.shadows import shadows
from tinyalex.monitoring.slices import slices
from tinyalex.monitoring.window import Window, clock

NEWEST = 1000  # requests, without another choice
MOST = 20_000  # requests in a window
COMPARED = 5000  # different pictures of a window that are compared with others: as many tell all that is worth telling
ALARM_RATE = 0.01
KINDS = 4  # of alarms, which share the rate: scores and pictures, files, promises, slices
UNLIKE = 12  # pictures shown
SIDE = 96  # pixels of theirs
PLACES = (0.05, 0.25, 0.5, 0.75, 0.95)  # quantiles shown
GROUPS = 24  # clients, and hours or days, that are compared with the reference by themselves: the busiest


def report(
    log: Log,
    since: float | None = None,
    until: float | None = None,
    newest: int | None = None,
    alarm_rate: float = ALARM_RATE,
) -> dict[str, Any]:
    """The report on the requests from `since` to before `until`, or on the `newest`; by default the newest NEWEST.

    since, until: seconds since 1970, UTC;  alarm_rate: the share of reports without trouble that have an alarm
    Keys: "log", "from", "to" (texts in UTC), "requests", "alarm_rate", "findings" (see `findings`), "traffic", "models"
    (see `answers`), "drift", "files", "slices" (see `slices`), "period", "shadows" (see `shadows`), "unlike", "notes".
    UserError for a rate outside 0.0001 to 0.5, for fewer than 1 newest, and for a file that cannot be read.
    """
    if not 1e-4 <= alarm_rate <= 0.5:
        raise UserError(f"found {alarm_rate:g}, expected 0.0001 to 0.5", "alarm_rate")
    if newest is not None and newest < 1:
        raise UserError(f"found {newest}, expected 1 or more", "newest")
    most = min(newest or (NEWEST if since is None and until is None else MOST), MOST)
    window, rate, notes = Window.of(log, log.requests(since, until, most)), alarm_rate / KINDS, []
    if len(window) == MOST:
        notes.append(f"Only the newest {MOST:,} requests of this time are in the report.")
    found: dict[str, Any] = {
        "log": str(log.path),
        "from": clock(window.requests[0].at) if len(window) else None,
        "to": clock(window.requests[-1].at) if len(window) else None,
        "requests": len(window),
        "alarm_rate": alarm_rate,
        "traffic": _traffic(window),
        "models": answers(window, rate),
        "drift": _drift(log, window, rate, notes),
        "files": _files(log, window, rate, notes),
        "period": window.period,
        "slices": slices(window, rate),
        "shadows": shadows(window),
        "unlike": _unlike(log, window),
        "notes": notes,
    }
    return found | {"findings": findings(found)}


def _traffic(window):
    """Counts of what came, by period, client and format."""
    times = np.array([one.milliseconds for one in window.requests])
    periods = Counter(window.periods)
    unsure = Counter(period for period, one in zip(window.periods, window.requests) if not one.sure)
    return {
        "different_pictures": len({one.sha256 for one in window.requests}),
        "clients": Counter(window.clients).most_common(GROUPS),
        "formats": Counter(one.format for one in window.requests).most_common(),
        "periods": [{"name": name, "requests": periods[name], "unsure": unsure[name]} for name in sorted(periods)],
        "milliseconds": {f"p{q}": float(np.percentile(times, q)) for q in (50, 99)} if len(times) else None,
    }


# ---------------------------------------------------------------------------------------------- drift


def _drift(log, window, rate, notes):
    """A comparison of each model's pictures and scores with what its validation pictures were like."""
    hashes = [hash for hash, _ in Counter(one.model for one in window.requests).most_common()]
    known = [hash for hash in hashes if hash in window.models and window.models[hash].reference]
    for hash in hashes:
        if hash not in known:
            notes.append(f"Model {hash[:12]} has no reference, so its pictures and scores are compared with nothing.")
    return [
        _of_model(log, window.where(lambda one: one.model == hash), hash, rate / len(known), notes) for hash in known
    ]


def _of_model(log, window, hash, rate, notes):
    model = window.models[hash]
    reference = check_reference(model.reference, f"{log.path}: reference of model {hash[:12]}")
    if reference["checkpoint"] != hash:
        raise UserError(f"{log.path}: model {hash[:12]} has a reference of {reference['checkpoint'][:12]}")
    recent = window.as_now(hash)
    if left := len(window) - len(recent):
        notes.append(f"Model {hash[:12]}: {left} requests from before its last calibration are not compared.")
    pictures = _with_novelty(recent.different(), f"Model {hash[:12]}", notes).some(COMPARED)
    now, before = pictures.columns(), columns_of(reference)
    calibration = model.about.get("calibration") or {"temperature": 1.0}
    if calibration["temperature"] != reference["temperature"]:
        notes.append(
            f"Model {hash[:12]} was calibrated anew after its reference was made, so its confidences and entropies are "
            "not compared."
        )
        before = {name: values for name, values in before.items() if name not in ("confidence", "entropy")}
    about = f"the {len(reference['labels']):,} validation pictures of {model.run}"
    names = {str(k): name for k, name in enumerate(model.about["class_names"])}
    return {"model": hash} | _compared(pictures, now, before, rate, about, notes, names)


def _with_novelty(pictures, model, notes):
    """The pictures whose distance to the training pictures is known, if they are enough; otherwise all."""
    known = pictures.where(lambda one: one.novelty is not None)
    if len(known) == len(pictures):
        return pictures
    if len(known) < drift.LEAST:
        notes.append(f"{model}: distances to training pictures are not compared, since {len(known)} are known.")
        return pictures
    left = len(pictures) - len(known)
    notes.append(
        f"{model}: {left} pictures are not compared; they came before distances to training pictures were known."
    )
    return known


def _files(log, window, rate, notes):
    """A comparison of the files with the first that the log has; None without enough of them before the window."""
    if not len(window):
        return None
    first = Window.of(log, log.requests(until=window.requests[0].at, oldest=NEWEST)).different()
    if len(first) < drift.LEAST:
        notes.append(
            f"The log has fewer than {drift.LEAST} pictures from before this time, so sizes and formats of files are "
            "compared with nothing: of the validation pictures only the prepared squares are known."
        )
        return None
    about = f"the first {len(first):,} pictures of this log"
    pictures = window.different().some(COMPARED)
    return _compared(pictures, pictures.files(), first.files(), rate, about, notes)


def _compared(pictures, now, before, rate, about, notes, names=None):
    """The tests of a comparison, with the quantiles of the columns that are numbers. names: of the classes"""
    if len(pictures) < drift.LEAST:
        notes.append(
            f"{len(pictures)} different pictures are too few to be compared with {about}; {drift.LEAST} are needed."
        )
    groups = {"client": _busiest(pictures.clients), pictures.period: _busiest(pictures.periods)}
    tests = [test._asdict() for test in drift.drift_tests(now, before, rate, groups)]
    for test in tests:
        if test["column"] == "label":
            test["what"] = (names or {}).get(test["what"], test["what"])
    numbers = [name for name in now if name in before and before[name].dtype.kind == "f"]
    quantiles = (
        {name: [np.quantile(values[name], PLACES).tolist() for values in (before, now)] for name in numbers}
        if len(pictures)
        else {}
    )
    return {"against": about, "pictures": len(pictures), "tests": tests, "quantiles": quantiles}


def _busiest(values):
    """The values, with "others" for those that are not among the GROUPS most frequent."""
    kept = {value for value, _ in Counter(values).most_common(GROUPS)}
    return np.array([value if value in kept else "others" for value in values], str)


# ---------------------------------------------------------------------------------------------- the strangest


def _unlike(log, window):
    """The pictures least like the training pictures, each once, with what the log knows, and a copy if it is kept."""
    known = [one for one in window.different().requests if one.novelty is not None]
    rows = []
    for one in sorted(known, key=lambda one: -one.novelty)[:UNLIKE]:
        reference = (window.models[one.model].reference or {}) if one.model in window.models else {}
        usual = reference.get("columns", {}).get("novelty")
        rows.append(
            {
                "id": one.id,
                "at": clock(one.at),
                "client": one.client,
                "guess": window.name(one.model, one.label),
                "confidence": one.confidence,
                "sure": one.sure,
                "novelty": one.novelty,
                "as_far": float(np.mean(np.array(usual) >= one.novelty)) if usual else None,
                "picture": _picture(log.path, one),
            }
        )
    return rows


def _picture(log, one):
    """A small copy of a kept picture as a data URI; None if it was not kept."""
    if not (one.sha256.isalnum() and one.format.isalnum()):
        return None
    try:
        square = read_picture(kept_picture(log, one.sha256, one.format), SIDE)
    except (PictureError, OSError):
        return None
    file = io.BytesIO()
    Image.fromarray(square).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
