"""Logs of a service that never ran, with planted troubles: `python -m tests.monitoring.logs FILE.db` writes one.

Pictures are drawn as numbers: what a picture is like, how sure the network is of it, and whether that is right, which
is as likely as the confidence says unless a trouble is planted. Times begin at START and are spread evenly.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from tinyalex.monitoring.log import Log, LoggedModel, Request, kept_picture
from tinyalex.monitoring.reference import QUANTILES, entropies, rounded

START = 1_780_300_800.0  # 2026-06-01 08:00 UTC
NAMES = ["apple", "bicycle", "cat", "dog", "goldfish", "orange", "tabby", "tiger", "truck", "violin"]
CLIENTS = ["app", "camera-1", "camera-2", "shop-7", "web"]
SHARES = [0.4, 0.2, 0.2, 0.12, 0.08]
LIVE, SHADOW = "1" * 64, "2" * 64
THRESHOLD = 0.5
RECOMPRESSED, FAILING, DISAGREES = TROUBLES = "one client re-compresses", "a class fails", "the shadow disagrees"
GUILTY, BROKEN, TAKEN_FOR = "shop-7", NAMES.index("goldfish"), NAMES.index("orange")


def about(calibrated=True):
    calibration = (
        {"temperature": 1.3, "threshold": THRESHOLD, "risk": 0.1, "view": "centre crop"} if calibrated else None
    )
    ids = [f"n{k:08}" for k in range(len(NAMES))]
    return {
        "model": "alexnet-small",
        "class_names": NAMES,
        "class_ids": ids,
        "view": "centre crop",
        "calibration": calibration,
    }


def drawn(rng, N):
    """What N pictures are like, and the network's answers to them: columns, and the "truth"."""
    truth = rng.integers(0, len(NAMES), N)
    confidence = np.clip(rng.beta(4, 1.2, N), 0.12, 0.9999)
    right = rng.random(N) < confidence
    other = (truth + rng.integers(1, len(NAMES), N)) % len(NAMES)
    return {
        "brightness": rng.normal(115, 35, N).clip(5, 250),
        "contrast": rng.gamma(9, 6, N),
        "sharpness": rng.normal(0.95, 0.12, N).clip(0.2, 2.8),
        "novelty": rng.beta(5, 7, N) * 1.2,
        "confidence": confidence,
        "label": np.where(right, truth, other),
        "truth": truth,
    }


def top_of(label, confidence):
    """The five likeliest classes, (index, p) each."""
    others, p = [k for k in range(len(NAMES)) if k != label][:4], (1 - confidence) / 5
    return ((int(label), float(confidence)), *((k, min(p, confidence)) for k in others))


def reference_of(rng, N):
    """The reference of the live model."""
    columns = drawn(rng, N)
    top = [[p for _, p in top_of(*pair)] for pair in zip(columns["label"], columns["confidence"])]
    columns["entropy"] = entropies(np.array(top))
    names = ("brightness", "contrast", "sharpness", "confidence", "entropy", "novelty")
    return {
        "checkpoint": LIVE,
        "data": "builtin",
        "view": "centre crop",
        "temperature": 1.3,
        "columns": {name: rounded(columns[name]).tolist() for name in names},
        "labels": columns["label"].tolist(),
        "training_pictures": 2000,
        "layers": {"relu1": [1.0 + q for q in QUANTILES]},
    }


def make_log(
    path,
    requests=2000,
    troubles=TROUBLES,
    seed=0,
    hours=4.0,
    labelled=0.4,
    calibrated=True,
    reference=3000,
    shadow=True,
):
    """Write a log with these troubles, each from the middle of the time on; {id: the index of its true class}.

    labelled: the share of requests whose truth came later;  reference: how many pictures it has, 0 for no reference
    shadow: whether there is one
    """
    rng = np.random.default_rng(seed)
    columns, N = drawn(rng, requests), requests
    client, at = rng.choice(CLIENTS, N, p=SHARES), START + 3600 * hours * np.arange(N) / max(1, N)
    late, bytes_a_pixel = np.arange(N) >= N // 2, rng.gamma(20, 0.02, N)
    if RECOMPRESSED in troubles:
        hit = late & (client == GUILTY)
        columns["sharpness"][hit] *= 0.8
        bytes_a_pixel[hit] *= 0.4
        columns["confidence"][hit] = np.clip(columns["confidence"][hit] - 0.1, 0.12, 1)
    if FAILING in troubles:
        columns["label"][late & (columns["truth"] == BROKEN)] = TAKEN_FOR
    theirs = np.where(rng.random(N) < 0.04, rng.integers(0, len(NAMES), N), columns["label"])
    if DISAGREES in troubles:
        cats = (columns["label"] == NAMES.index("tabby")) & (rng.random(N) < 0.8)
        theirs[cats] = NAMES.index("tiger")
    width = rng.choice([640, 800, 1024], N)
    rows = [
        Request(
            id=f"r{n:05}",
            at=float(at[n]),
            client=str(client[n]),
            sha256=hashlib.sha256(f"{seed} {n}".encode()).hexdigest(),
            bytes=int(bytes_a_pixel[n] * width[n] * width[n] * 0.75),
            format="JPEG" if rng.random() < 0.9 else "PNG",
            width=int(width[n]),
            height=int(width[n] * 3 // 4),
            prepared="shorter side scaled to 64, centre cut out",
            **{
                name: float(columns[name][n])
                for name in ("brightness", "contrast", "sharpness", "novelty", "confidence")
            },
            model=LIVE,
            label=int(columns["label"][n]),
            sure=bool(columns["confidence"][n] >= THRESHOLD),
            reason="" if columns["confidence"][n] >= THRESHOLD else "confidence below the threshold",
            top=top_of(columns["label"][n], columns["confidence"][n]),
            milliseconds=float(rng.gamma(4, 5)),
            **(_shadow(theirs[n], columns["confidence"][n]) if shadow else {}),
        )
        for n in range(N)
    ]
    with Log(path) as log:
        log.add_model(
            LoggedModel(
                LIVE, "runs/first", about(calibrated), reference_of(rng, reference) if reference else None, START
            )
        )
        if shadow:
            log.add_model(LoggedModel(SHADOW, "runs/second", about(calibrated), None, START))
        log.add(rows)
        with log._writing() as db:
            known = np.flatnonzero(rng.random(N) < labelled)
            ids = about()["class_ids"]
            db.executemany(
                "INSERT INTO labels VALUES (?, ?, ?)", [(rows[n].id, START, ids[columns["truth"][n]]) for n in known]
            )
    return {row.id: int(truth) for row, truth in zip(rows, columns["truth"])}


def _shadow(label, confidence):
    confidence = float(confidence)
    return {
        "shadow": SHADOW,
        "shadow_label": int(label),
        "shadow_confidence": confidence,
        "shadow_sure": confidence >= THRESHOLD,
    }


def keep_pictures(path, most=20):
    """Draw the most novel requests' pictures where a service that keeps pictures puts them."""
    with Log.read_only(path) as log:
        rows = sorted(log.requests(), key=lambda one: -one.novelty)[:most]
    for number, one in enumerate(rows):
        rng = np.random.default_rng(number)
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
        file = kept_picture(Path(path), one.sha256, one.format)
        file.parent.mkdir(exist_ok=True)
        coarse.resize((160, 120), Image.Resampling.BICUBIC).save(file, one.format)


if __name__ == "__main__":
    make_log(sys.argv[1])
    keep_pictures(sys.argv[1])
