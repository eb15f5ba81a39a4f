"""The words in which an experiment is written down.

A claim is tested by one or more contrasts between two sides; a side is a number read off trained networks; these are
arms: a network and a recipe that differ from the base in one thing. Every arm is trained once for each seed, with the
same pictures in the same order, and the two sides are compared seed by seed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Arm:
    """What is trained: the scale's network and recipe, with changes.

    variation: appended to the model's name ("+no-lrn");  settings: changes to its `Config`
    part: of the data set (see `tinyalex.data.part`), "+first-half" say
    share: of the pictures that a run of this scale sees
    after: an arm whose trained weights this one starts from
    seed_shift: added to the seed, for networks that differ in nothing else
    """

    variation: str = ""
    settings: dict = field(default_factory=dict)
    part: str = ""
    share: float = 1.0
    after: "Arm | None" = None
    seed_shift: int = 0


@dataclass(frozen=True)
class Side:
    """One side of a contrast. label: for people;  value: function from {arm's name: `Trained`} to a number."""

    label: str
    value: Callable


@dataclass(frozen=True)
class Contrast:
    """The effect of a − b in percentage points or in a unit of its own, or a / b where unit is "×".

    what: the quantity;  paper: its figure for the effect, or None where it gives none
    direction: the sign of the effect (of its logarithm for "×") that the paper claims; 0 where it claims none
    """

    what: str
    unit: str
    a: Side
    b: Side
    direction: int
    paper: float | None = None


@dataclass(frozen=True)
class Claim:
    """id, name: "C3", "lrn";  title: the claim in a sentence;  says: the paper's figure and where it stands

    arms: by name;  contrasts: the first decides the verdict, the others tell more
    """

    id: str
    name: str
    title: str
    says: str
    arms: dict
    contrasts: tuple


@dataclass(frozen=True)
class Scale:
    """How large the runs are. data: where none is named;  pictures: how many a run sees, so epochs = pictures / training set."""

    name: str
    about: str
    model: str
    data: str
    pictures: int
    seeds: int


SCALES = {
    scale.name: scale
    for scale in (
        Scale("quick", "minutes on two cores", "alexnet-mini", "builtin+100-a-class", 40_000, 3),
        Scale("full", "hours on a GPU", "alexnet-64", "builtin", 1_500_000, 3),
    )
}
