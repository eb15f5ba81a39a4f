"""The trainer's side of a network: here for one that a single process trains alone.

`tinyalex.parallel.part.Part` answers the same calls for one worker among several.
"""

from types import ModuleType
from typing import Any

from tinyalex.backend import Array
from tinyalex.data.augment import View
from tinyalex.data.dataset import Split
from tinyalex.evaluation import Evaluation, evaluate
from tinyalex.network import Network
from tinyalex.training.checks import first_not_finite
from tinyalex.training.loss import TrackedLoss

Arrays = dict[str, Array]


class Whole:
    """A network, whole, on one process.

    network: what computes the scores;  loss: its loss on a batch;  smoothing: of the loss's labels
    divides_layers: whether workers have different parts of a layer
    """

    network: Any
    loss: TrackedLoss
    divides_layers = False

    def __init__(self, network: Network, smoothing: float = 0.0) -> None:
        self.network, self.loss = network, TrackedLoss(smoothing)

    def memory(self) -> dict[str, int]:
        """How training divides its memory, as keyword arguments of `tinyalex.training.memory.check_memory`."""
        return {}

    def choose(self, pictures: int) -> slice:
        """Which pictures are read here. pictures: their number in the batch"""
        return slice(None)

    def draws(self, rng: Any, pictures: int) -> Any:
        """The generator for the layers of a step, from one made for a batch of this many pictures."""
        return rng

    def anyone(self, *flags: bool) -> tuple[bool, ...]:
        """Whether each flag holds anywhere."""
        return flags

    def own(self, arrays: Arrays) -> Arrays:
        """The part held here of a dict of whole arrays by name."""
        return arrays

    def joined(self, arrays: Arrays) -> Arrays:
        """The dict of whole arrays, from the parts held everywhere."""
        return arrays

    def evaluate(self, split: Split, view: View, xp: ModuleType, label: str, quiet: bool) -> Evaluation:
        """As `tinyalex.evaluation.evaluate`."""
        return evaluate(self.network, split, view, xp, label=label, quiet=quiet)

    def first_not_finite(self, x: Array) -> str:
        """Words for where a NaN or infinity begins in a forward pass of the batch x; "" if that cannot be said."""
        return first_not_finite(self.network, x)

    def report(self, pictures: int) -> dict[str, Any]:
        """Entries for the result of a run: how it was trained, on this many pictures."""
        return {}
