"""How far a run has come: what a checkpoint holds besides arrays, and when a run ends."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from tinyalex.runs.config import Config
from tinyalex.runs.formats import PROGRESS
from tinyalex.schema import judge


@dataclass
class Progress:
    """Epochs and steps done, and the sums of the epoch under way.

    epoch: finished epochs;  step: finished steps of the one under way
    seconds, images: trained in all;  history: a line for each finished epoch
    loss_sum, wrong, seen: loss × pictures, wrong answers and pictures of the epoch under way
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    images: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    loss_sum: float = 0.0
    wrong: int = 0
    seen: int = 0

    @classmethod
    def from_dict(cls, state: Any, where: str) -> "Progress":
        """The progress that `to_dict` wrote. UserError for anything else. where: in which file, for the message"""
        state = judge(state, PROGRESS, where)
        return cls(**{entry.name: state[entry.name] for entry in fields(cls)})

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON values."""
        return asdict(self)

    def take(self, loss_sum: float, wrong: int, pictures: int) -> None:
        """Add the losses and wrong answers of some steps."""
        self.loss_sum += loss_sum
        self.wrong += wrong
        self.seen += pictures
        self.images += pictures

    def training_errors(self) -> dict[str, float]:
        """The mean loss and the share of wrong answers in the epoch under way."""
        return {"train_loss": self.loss_sum / self.seen, "train_top1_error": self.wrong / self.seen}

    def finish_epoch(self, line: dict[str, Any]) -> None:
        """Count the epoch under way as done. line: the epoch's, for the history"""
        self.history.append(line)
        self.epoch, self.step = self.epoch + 1, 0
        self.loss_sum, self.wrong, self.seen = 0.0, 0, 0

    def best(self) -> dict[str, Any]:
        """The finished epoch with the lowest top-1 validation error, the earliest of equals."""
        return min(self.history, key=lambda line: line["val_top1_error"])

    def ended(self, config: Config) -> str:
        """Why no epoch is left to train, in words; "" if one is."""
        if self.history and self.history[-1]["train_top1_error"] <= config.until_error and config.until_error > 0:
            return f"the training error is at most {config.until_error:g}"
        if self.history and config.patience and self.epoch - self.best()["epoch"] >= config.patience:
            return f"{config.patience} epoch{'s' if config.patience > 1 else ''} without a lower top-1 validation error"
        done = f"all {self.epoch} epochs are done" if self.epoch > 1 else "its one epoch is done"
        return done if self.epoch >= config.epochs else ""

    def __str__(self) -> str:
        return f"epoch {self.epoch + 1}, step {self.step}"
