"""The terms in which an experiment is written down.

One or more contrasts between two sides test a claim. A side is a number read off trained arms; an arm is a network and
a recipe that differ from the base in one thing. Every arm is trained once per seed, on the same pictures in the same
order, and the two sides are compared seed by seed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Arm:
    """One training: the scale's network and recipe, with changes.

    variation: appended to the model's name ("+no-lrn");  settings: changes to its `Config`
    part: part of the data set, for example "+first-half" (see `tinyalex.data.part`); "{seed}" in it is the run's seed
    share: fraction of the pictures that a run of this scale sees
    after: this arm starts from the trained weights of that one
    seed_shift: added to the seed, for networks that differ only in it
    """

    variation: str = ""
    settings: dict = field(default_factory=dict)
    part: str = ""
    share: float = 1.0
    after: "Arm | None" = None
    seed_shift: int = 0


@dataclass(frozen=True)
class Side:
    """One side of a contrast. label: for people;  value: a function from {arm's name: `Trained`} to a number"""

    label: str
    value: Callable


@dataclass(frozen=True)
class Contrast:
    """The effect: a − b, in percentage points for unit "points"; a / b for unit "×".

    what: the quantity, "top-5 error…" only for one that means nothing for few classes
    paper: the paper's figure for the effect, None if it gives none
    direction: the sign that the paper claims for the effect (for "×", for its logarithm); 0 if it claims none
    margin: an effect certainly smaller than this is as good as none, whatever its sign; None: the paper's figure
    """

    what: str
    unit: str
    a: Side
    b: Side
    direction: int
    paper: float | None = None
    margin: float | None = None

    @property
    def bound(self):
        """The margin, above 0 ("points") or above 1 ("×"); None without one."""
        given = self.paper if self.margin is None else self.margin
        return given if given is None or self.unit == "×" else abs(given)


@dataclass(frozen=True)
class Claim:
    """id, name: "C3", "lrn";  title: the claim in a sentence;  says: the paper's figure and its section

    arms: by name;  contrasts: the first decides the verdict, the others add detail
    models: {scale's name: the network that the arms vary}, for a claim that is not about AlexNet
    spread: the expected standard deviation of a seed's effect, in percentage points; from it follows how small an
        effect can be resolved (`report.foreseen`); 0: nothing is said beforehand
    seeds: 0: the scale's
    """

    id: str
    name: str
    title: str
    says: str
    arms: dict
    contrasts: tuple
    models: dict = field(default_factory=dict)
    spread: float = 0.0
    seeds: int = 0


@dataclass(frozen=True)
class Scale:
    """How large the runs are.

    model, data, pictures, seeds: defaults;  pictures: seen by a run, so epochs = pictures / size of the training set
    judge_left_out: errors are measured on the training pictures too that a run's part of the data leaves out
    rate: pictures that one job trains on in a second, as in the recorded runs; 0: unknown
    """

    name: str
    about: str
    model: str
    data: str
    pictures: int
    seeds: int
    judge_left_out: bool = False
    rate: int = 0


SCALES = {
    scale.name: scale
    for scale in (
        Scale("quick", "minutes on two cores", "alexnet-mini", "builtin+100-a-class", 40_000, 3),
        Scale(
            "planned",
            "each claim at a scale of its own, hours on two cores (see --plan)",
            "alexnet-mini",
            "data/tiny100",
            50_000,
            3,
            judge_left_out=True,
            rate=480,
        ),
        Scale("full", "hours on a GPU", "alexnet-64", "builtin", 1_500_000, 3),
    )
}
