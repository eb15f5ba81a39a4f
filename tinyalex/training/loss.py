"""The loss of training, and a record of it. On a device the record is read rarely, since reading waits for it."""

import math

from tinyalex.backend import Array, is_host
from tinyalex.data.mixing import MixedLabels
from tinyalex.layers import SoftmaxCrossEntropy

READ_EVERY = 20  # steps between readings on a device; on the CPU every step is read at once


class NotFinite(Exception):
    """The loss of a step is NaN or infinite.

    step: how many steps before the last one that was;  loss: its value
    where: words for where it began, if that has been looked for (see `first_not_finite`)
    """

    def __init__(self, step: int, loss: float, where: str = "") -> None:
        super().__init__(f"the loss is {loss}")
        self.step, self.loss, self.where = step, loss, where


class TrackedLoss:
    """Softmax cross-entropy, averaged over the batch, and its sums since `take` was last called.

    smoothing: of the labels (see `SoftmaxCrossEntropy`); the sums are of the loss with it
    pending: (loss, wrong answers, pictures) of steps that have not been read yet
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        self.loss = SoftmaxCrossEntropy(smoothing)
        self.pending: list[tuple[Array, Array, int]] = []
        self.sums: tuple[float, int, int] = (0.0, 0, 0)

    def gradient(self, scores: Array, labels: Array | MixedLabels) -> Array:
        """d(loss)/d(scores) for scores (N, K) and labels (N,). `NotFinite` as soon as that is known.

        The loss of mixed pictures is share · loss of the labels + (1 − share) · loss of the partners' labels; an answer
        is then wrong if it is not the class with the larger share.
        """
        mixed = isinstance(labels, MixedLabels)
        right, of = (labels.larger, (labels.labels, labels.partners)) if mixed else (labels, (labels,))
        losses, caches = zip(*(self.loss.forward(scores, one) for one in of))
        self.pending.append((_weighted_mean(losses, labels), (scores.argmax(axis=1) != right).sum(), len(labels)))
        self.read_if_due(scores)
        return _weighted_mean([self.loss.backward(cache) for cache in caches], labels)

    def read_if_due(self, scores: Array) -> None:
        """Read what is pending: on the CPU at once, on a device once there is enough of it."""
        if is_host(scores) or len(self.pending) == READ_EVERY:
            self.read()

    def read(self) -> None:
        """Add what is pending to the sums; waits for a device. `NotFinite` at the first loss that is not."""
        pending, self.pending = self.pending, []
        parts = [[float(loss) * pictures, int(wrong), pictures] for loss, wrong, pictures in pending]
        for i, (loss_sum, wrong, pictures) in enumerate(self.over_all(parts)):
            if not math.isfinite(loss_sum):
                raise NotFinite(len(pending) - 1 - i, loss_sum / pictures)
            self.sums = self.sums[0] + loss_sum, self.sums[1] + wrong, self.sums[2] + pictures

    def take(self) -> tuple[float, int, int]:
        """(Σ loss · pictures, wrong answers, pictures) since the last time."""
        self.read()
        sums, self.sums = self.sums, (0.0, 0, 0)
        return sums

    def over_all(self, parts: list[list]) -> list[list]:
        """[[loss · pictures, wrong answers, pictures]] of steps: of the whole batch, from the scores seen here."""
        return parts


def _weighted_mean(values, labels):
    """The one value for plain labels; of two, for mixed ones, the mean weighted by the shares."""
    if len(values) == 1:
        return values[0]
    return labels.share * values[0] + (1 - labels.share) * values[1]
