"""Faults of the classes: only one, some without pictures, one that dominates."""

from tinyalex.diagnosis import limits
from tinyalex.diagnosis.fault import Fault
from tinyalex.diagnosis.pictures import PARTS


def one_class(patient):
    """Whether a part has pictures of one class only."""
    for split, words in PARTS.items():
        counts = patient.counts[split]
        if (counts > 0).sum() == 1:
            name = patient.data.class_names[counts.argmax()]
            return Fault(
                f"the {words} pictures are all of one class",
                f"{counts.sum():,} of {counts.sum():,} {words} pictures are labelled “{name}”",
                "prepare the data again with one folder for each class",
            )
    return None


def missing_classes(patient):
    """Whether a class has no pictures in one part."""
    for split, words in PARTS.items():
        missing = [patient.data.class_names[k] for k in (patient.counts[split] == 0).nonzero()[0]]
        if missing:
            return Fault(
                f"classes are missing from the {words} pictures",
                f"{len(missing)} of {patient.K} classes have no {words} picture: {', '.join(missing[:3])}"
                + (", …" if len(missing) > 3 else ""),
                "add pictures of them, or prepare the data again with `--classes` naming the others",
                blocks=False,
            )
    return None


def one_dominates(patient):
    """Whether nearly all training pictures are of one class."""
    counts = patient.counts["train"]
    share = counts.max() / counts.sum()
    if patient.K < 3 or share <= limits.DOMINANT:
        return None
    name = patient.data.class_names[counts.argmax()]
    return Fault(
        "one class dominates: the same answer to everything is nearly always right",
        f"{share:.0%} of the training pictures are labelled “{name}”",
        "take fewer pictures of it: `--data DATA+N-a-class` keeps N of each class",
        blocks=False,
    )
