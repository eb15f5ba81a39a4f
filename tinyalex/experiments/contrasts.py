"""Short ways to write down what a claim compares."""

from tinyalex.experiments.plan import Contrast, Side
from tinyalex.experiments.trained import top1, top5


def of(arm, quantity, label=None):
    """The side that reads a number off one arm."""
    return Side(label or arm, lambda trained: quantity(trained[arm]))


def between(what, unit, quantity, a, b, direction=-1, paper=None, margin=None):
    """A contrast of one quantity between two arms, each given as (arm's name, label)."""
    return Contrast(what, unit, of(a[0], quantity, a[1]), of(b[0], quantity, b[1]), direction, paper, margin)


def points(what, quantity, a, b, paper=None, direction=-1, margin=None):
    """A contrast of an error between two arms (arm's name, label), in percentage points."""
    return between(what, "points", quantity, a, b, direction, paper, margin)


def errors(a, b, top1_points=None, top5_points=None, direction=-1):
    """The contrasts of most claims: the first of two arms (arm's name, label) makes fewer errors than the second."""
    return (
        points("top-1 error", top1, a, b, top1_points, direction),
        points("top-5 error", top5, a, b, top5_points, direction),
    )
