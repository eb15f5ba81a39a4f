"""Training and validation pictures that were prepared differently: turned, recoloured, brighter, blurred."""

import math

import numpy as np

from tinyalex.diagnosis import limits
from tinyalex.diagnosis.fault import Fault
from tinyalex.diagnosis.labels import HOW
from tinyalex.diagnosis.measures import SIDE, measures, smaller

EXCHANGED = "red and blue are exchanged"
CHANGES = {
    EXCHANGED: lambda pictures: pictures[..., ::-1],
    "upside down": lambda pictures: pictures[:, ::-1],
    "mirrored": lambda pictures: pictures[:, :, ::-1],
    "rows and columns are exchanged": lambda pictures: pictures.swapaxes(1, 2),
    "dark and light are exchanged": lambda pictures: 255 - pictures,
}
MEND = "prepare both parts in the same way, from files, with one call of `prepare`"


def red_for_blue(patient):
    """Whether validation pictures are as blue as training pictures are red, or the other way round."""
    tints = [pictures[..., 0].mean(axis=(1, 2)) - pictures[..., 2].mean(axis=(1, 2)) for pictures in _parts(patient)]
    if min(map(len, tints)) < limits.FEW_LABELS:
        return None
    train, val = (tint.mean() for tint in tints)
    error = math.sqrt(sum(tint.var() / len(tint) for tint in tints)) or 1e-9
    if abs(train - val) <= limits.OTHER_TINT * error or abs(train + val) >= limits.SAME_TINT * error:
        return None
    return Fault(
        f"training and validation pictures are prepared differently: {EXCHANGED} in validation",
        f"red is higher than blue by {train:.1f} levels in training, by {val:.1f} in validation (± {error:.1f})",
        MEND,
    )


def _parts(patient):
    return patient.pictures["train"], patient.pictures["val"]


def turned_or_recoloured(patient):
    """Whether validation pictures are told better when turned or recoloured."""
    trial = patient.labels
    if not trial.enough or not trial.train.something:
        return None
    given = trial.across([measures(change(patient.pictures["val"])) for change in CHANGES.values()])
    # A training picture that was changed and put into validation is told better when changed back
    new = ~np.isin(patient.rows["val"], patient.scan.alike[0])
    labels = trial.labels("val")[new]
    right, before = [one[new] == labels for one in given], trial.given[new] == labels
    best = int(np.argmax([one.sum() for one in right]))
    gained, lost = (right[best] & ~before).sum(), (before & ~right[best]).sum()
    if gained - lost <= limits.MOVED * math.sqrt(max(1, gained + lost)):
        return None
    return Fault(
        f"training and validation pictures are prepared differently: {list(CHANGES)[best]} in validation",
        f"{HOW}, learnt in training, tell {before.mean():.0%} of {len(labels)} validation labels, but "
        f"{right[best].mean():.0%} once the pictures are changed back",
        MEND,
    )


def other_statistics(patient):
    """Whether the parts differ in brightness, contrast or sharpness by more than chance and more than a little."""
    found = {split: _statistics(pictures) for split, pictures in patient.pictures.items()}
    if min(map(len, patient.pictures.values())) < limits.FEW_LABELS:
        return None
    rows = []
    for name, train in found["train"].items():
        val = found["val"][name]
        deviation = math.sqrt((train.var() + val.var()) / 2) or 1e-9
        effect = (val.mean() - train.mean()) / deviation
        error = math.sqrt(1 / len(train) + 1 / len(val))
        if abs(effect) > limits.DIFFERENT and abs(effect) / error > limits.DIFFERENT_FOR_SURE:
            rows.append((abs(effect), name, train.mean(), val.mean(), effect))
    if not rows:
        return None
    _, name, train, val, effect = max(rows)
    return Fault(
        f"training and validation pictures are prepared differently: another {name}",
        f"mean {name} {train:.3g} in training, {val:.3g} in validation: {abs(effect):.1f} deviations apart",
        MEND,
    )


def _statistics(pictures):
    """{name: (N,)} of pictures."""
    grey = smaller(pictures, SIDE).mean(axis=3)  # (N, s, s)
    contrast = grey.std(axis=(1, 2))
    steps = np.abs(np.diff(grey, axis=1)).mean(axis=(1, 2)) + np.abs(np.diff(grey, axis=2)).mean(axis=(1, 2))
    colours = np.asarray(pictures, np.float32).std(axis=3).mean(axis=(1, 2))
    return {
        "brightness": grey.mean(axis=(1, 2)),
        "contrast": contrast,
        "sharpness": steps / np.maximum(contrast, 1),
        "strength of colours": colours,
    }
