"""The scale "planned": for claims that three seeds left open, pictures, length and seeds that can decide them.

Written before its runs, from the spread that earlier ones showed (`tinyalex experiment --power`), not from their
effects: on 500 pictures chance moved the effect of a seed by 1.3 points, on 1,000 by 0.5 to 1.1 (C23). Errors are
measured on thousands here: a part leaves training pictures out, and they are as good as validation's.

The rule for seeds: the fewest with which the interval is expected to be no wider than the claim's margin. Then a
verdict comes whatever the truth is, since an interval so narrow that holds 0 stays within the margin.
"""

from dataclasses import dataclass, replace

from tinyalex.errors import UserError
from tinyalex.experiments.claims import CLAIMS
from tinyalex.experiments.power import half_width

SPREAD = 0.9  # points
QUARTER, EIGHTH = "+even-half" * 2, "+even-half" * 3  # of the classes: every fourth, every eighth


@dataclass(frozen=True)
class Regime:
    """How long a net trains on how much. part: of a hundred classes;  pictures: seen by a run;  why: for people"""

    part: str
    pictures: int
    why: str


FIT = Regime(
    QUARTER + "+300-a-class",
    90_000,
    "25 classes and 300 pictures of each, more than such a net fits: its size and depth count",
)
OVERFIT = Regime(
    EIGHTH + "+100-a-class",
    50_000,
    "13 classes and 100 pictures of each, seen often: whatever prevents overfitting counts",
)


@dataclass(frozen=True)
class Design:
    """regime: of the claim's runs;  seeds: None: by the rule;  because: of seeds that are not by the rule"""

    regime: Regime
    seeds: int | None = None
    because: str = ""


DESIGNS = {
    "C2": Design(FIT),
    "C3": Design(OVERFIT),
    "C4": Design(OVERFIT, 9, "as many as C3; by the rule it would be 81, for a margin of 0.4 points"),
    "C5": Design(OVERFIT),
    "C6": Design(OVERFIT),
    "C7": Design(OVERFIT, 9, "as many as C3; the first row has no margin"),
    "C8": Design(OVERFIT),
    "C10": Design(FIT),
    "C15": Design(OVERFIT),
}


def seeds_for(bound):
    """The fewest seeds with which an interval is expected to be no wider than `bound`, in points, above 0."""
    return next(n for n in range(2, 10_000) if 2 * half_width(n) * SPREAD <= bound)


def planned(claim, scale):
    """The claim as its design has it at the `Scale` "planned". UserError for one without a design."""
    design = DESIGNS.get(claim.id)
    if design is None:
        raise UserError(f"found {claim.id} at --scale planned, expected {', '.join(DESIGNS)} or all", "name")
    share = design.regime.pictures / scale.pictures
    arms = {
        name: replace(arm, part=design.regime.part + arm.part, share=arm.share * share)
        for name, arm in claim.arms.items()
    }
    seeds = design.seeds or seeds_for(claim.contrasts[0].bound)
    return replace(claim, arms=arms, seeds=seeds, spread=SPREAD)


def at_scale(claims, scale):
    """The claims as a scale has them; of all claims, "planned" has those with a design."""
    if scale.name != "planned":
        return claims
    return [planned(c, scale) for c in claims if c.id in DESIGNS or len(claims) < len(CLAIMS)]
