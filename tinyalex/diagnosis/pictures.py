"""Faults of the pictures themselves: flat, faded, not centred, scaled twice, in both parts, under two labels."""

from functools import cached_property

import numpy as np

from tinyalex.backend import random_stream, to_device, to_host
from tinyalex.data.augment import View
from tinyalex.data.duplicates import Duplicates, digests
from tinyalex.diagnosis import limits
from tinyalex.diagnosis.fault import Fault
from tinyalex.diagnosis.measures import smaller
from tinyalex.inspection.neighbours import nearest
from tinyalex.terminal import progress_bar

PARTS = {"train": "training", "val": "validation"}
AT_ONCE = 256
THUMBNAIL = 8


class Scan:
    """One reading of the pictures: how flat each is, which are equal, and which look alike.

    For each split:
    flat: which of the pictures read are of one colour, bool (N,);  deviation: of all their pixels;  highest: pixel
    thumbnails: (N, D);  digests: of each picture
    """

    def __init__(self, patient):
        self.patient = patient
        self.flat, self.deviation, self.highest = {}, {}, {}
        self.thumbnails, self.digests = {}, {}
        rows = patient.scanned
        with progress_bar(sum(map(len, rows.values())), "read the pictures", quiet=patient.quiet) as bar:
            for split in ("val", "train"):
                self._read(split, rows[split], bar)

    def _read(self, name, rows, bar):
        split, found = self.patient.split(name), {"spread": [], "mean": [], "thumbnails": [], "digests": [], "top": 0}
        for start in range(0, len(rows), AT_ONCE):
            pictures = split.gather(rows[start : start + AT_ONCE])
            flat = pictures.reshape(len(pictures), -1)
            found["spread"].append(flat.std(axis=1, dtype=np.float32))
            found["mean"].append(flat.mean(axis=1, dtype=np.float32))
            found["top"] = max(found["top"], int(flat.max()))
            found["thumbnails"].append(smaller(pictures, THUMBNAIL).reshape(len(pictures), -1))
            found["digests"] += digests(pictures)
            bar.update(len(pictures))
        spread, mean = np.concatenate(found["spread"]), np.concatenate(found["mean"])
        self.flat[name] = spread < limits.FLAT
        self.deviation[name] = float(np.sqrt((spread**2).mean() + mean.var()))
        self.highest[name] = found["top"]
        self.thumbnails[name], self.digests[name] = np.concatenate(found["thumbnails"]), found["digests"]

    @cached_property
    def twins(self):
        """(pairs in both parts, training pictures that come again under another label), of those read and not flat."""
        seen = Duplicates("keep")
        for split in ("val", "train"):
            kept = ~self.flat[split]
            rows = self.patient.scanned[split][kept]
            labels = self.patient.split(split).labels[rows]
            seen.kept(split, [str(row) for row in rows], labels, [d for d, k in zip(self.digests[split], kept) if k])
        return seen.found, seen.repeats()[1]

    @cached_property
    def alike(self):
        """(rows of validation that look like a training picture, mirrored or not; how many were compared)."""
        rows, val = (a[~self.flat["val"]] for a in (self.patient.scanned["val"], self.thumbnails["val"]))
        some = np.sort(random_stream(0, "doctor", "alike").permutation(len(val))[: limits.PICTURES["val"]])
        rows, val = rows[some], val[some]
        train = self.thumbnails["train"][~self.flat["train"]]
        if not len(val) or not len(train):
            return rows[:0], max(1, len(val))
        side = round((val.shape[1] / 3) ** 0.5)
        mirrored = val.reshape(-1, side, side, 3)[:, :, ::-1].reshape(len(val), -1)
        distances = [
            np.sqrt(((one - train[nearest(one, train, 1)[:, 0]]) ** 2).mean(axis=1)) for one in (val, mirrored)
        ]
        return rows[np.minimum(*distances) < limits.NEAR], len(val)


def faded(patient):
    """Whether all pictures are nearly black or nearly one colour."""
    scan = patient.scan
    for split, words in PARTS.items():
        if scan.deviation[split] < limits.FADED:
            other = scan.deviation["val" if split == "train" else "train"]
            both = other < limits.FADED
            cause = "the pictures are nearly flat: scaled twice"
            if not both:
                cause = f"training and validation pictures are prepared differently: the {words} ones are nearly flat"
            return Fault(
                cause,
                f"the {words} pixels differ by {scan.deviation[split]:.2g} levels of 255 (standard deviation; "
                f"photographs: 50 to 80; the other part: {other:.2g}), the highest is {scan.highest[split]}",
                "store pixels from 0 to 255: they were divided by 255 before they were stored. Prepare the pictures "
                "again from their files with `prepare`",
            )
    return None


def flat_pictures(patient):
    """Whether some pictures are of one colour, such as black."""
    for split, words in PARTS.items():
        flat = patient.scan.flat[split]
        if flat.mean() > limits.FLAT_SHARE and flat.sum() >= 3:
            first = ", ".join(str(row) for row in patient.scanned[split][flat][:3])
            return Fault(
                f"{words} pictures are black or of one colour",
                f"{flat.sum():,} of {len(flat):,} {words} pictures have no contrast, among them numbers {first}",
                "look at their files and prepare the data again; `train --show-batch batch.png` shows a batch",
                blocks=bool(flat.mean() > 0.5),
            )
    return None


def not_centred(patient):
    """Whether the mean that is subtracted is the pictures' own."""
    if patient.config.find_model().mean is not None:
        return None
    mean, pictures = to_host(patient.view.mean), patient.pictures["train"]
    stored, found = (np.asarray(a, np.float64).mean(axis=tuple(range(a.ndim - 1))) for a in (mean, pictures))
    if np.abs(stored - found).max() <= limits.MEAN_OFF:
        return None
    colours = "the mean of red, green and blue"
    return Fault(
        "the pictures are not centred: the mean that is subtracted is not theirs",
        f"{colours} is {_levels(found)} in the training pictures, {_levels(stored)} in the mean picture",
        "prepare the data again, which measures their mean, and train anew on it",
    )


def _levels(colour):
    return ", ".join(f"{level:.0f}" for level in colour)


def scaled_wrongly(patient):
    """Whether the network's inputs have the size that its first weights are made for."""
    x = to_host(patient.view.centre(to_device(patient.pictures["train"][:128], patient.xp)))
    rms, expected = float(np.sqrt((x**2).mean())), patient.config.find_model().input_rms
    if 1 / limits.SCALE_OFF < rms / expected < limits.SCALE_OFF:
        return None
    return Fault(
        "the network's inputs are scaled wrongly, perhaps twice",
        f"their root mean square is {rms:.2g}, where {patient.config.model} expects about {expected:.2g}",
        "prepare the pictures again as pixels from 0 to 255; the model scales them itself",
    )


def _of_those_read(patient):
    """How many training pictures were read, in words; "" if all were."""
    read, count = len(patient.scanned["train"]), len(patient.split("train"))
    return f" of the {read:,} read of {count:,}" if read < count else ""


def in_both_parts(patient):
    """Whether validation pictures are training pictures too."""
    pairs, _ = patient.scan.twins
    found, N = len({val for _, val in pairs}), len(patient.scanned["val"])
    if found <= limits.EQUAL_SHARE * N * patient.share_read or found < 3:
        return None
    train, val = pairs[0]
    return Fault(
        "training and validation share pictures, so the validation error is too low",
        f"{found:,} of {N:,} validation pictures are equal to a training picture{_of_those_read(patient)}, such as "
        f"number {val} to {train}",
        "prepare the data again with `--duplicates drop`",
        blocks=False,
    )


def alike_in_both_parts(patient):
    """Whether validation pictures are training pictures in another size, crop or compression, or mirrored."""
    rows, N = patient.scan.alike
    found = len(rows)
    equal = len({val for _, val in patient.scan.twins[0]}) / len(patient.scanned["val"])
    if found / N - equal <= limits.NEAR_SHARE * patient.share_read or found < 5:
        return None
    return Fault(
        "training and validation share pictures, altered, so the validation error is too low",
        f"{found:,} of {N:,} validation pictures look like a training picture{_of_those_read(patient)} when both are "
        "small, though not equal",
        "divide the originals into training and validation first; crop, mirror and compress afterwards",
        blocks=False,
    )


def under_two_labels(patient):
    """Whether equal training pictures have different labels."""
    _, others = patient.scan.twins
    N = len(patient.scanned["train"])
    if len(others) <= limits.TWO_LABELS_SHARE * N * patient.share_read or len(others) < 3:
        return None
    return Fault(
        "equal training pictures have different labels",
        f"{len(others):,} of {N:,} training pictures come again under another label, such as {' and '.join(others[0])}",
        "keep each picture in one class, and prepare the data again",
    )


def view_of(patient):
    """How the network looks at pictures: as its checkpoint says, or as a run on these data would begin."""
    if patient.trained:
        return patient.trained.view
    return View.of(patient.data, patient.config.find_model()).to(patient.xp)
