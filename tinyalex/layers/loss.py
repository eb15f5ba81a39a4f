"""The loss: how far the network's scores are from the right answer. N pictures, K classes."""

from typing import Any

from tinyalex.backend import Array, array_module, fused, is_host
from tinyalex.layers.base import checked


def softmax(logits: Array) -> Array:
    """Probabilities (N, K) from scores (N, K), safe for scores of any size."""
    check_scores(logits, "softmax: logits")
    _, exps, sums = _exponentials(logits)
    return exps / sums


def check_scores(scores: Array, what: str) -> Any:
    """The library of `scores`. TypeError or ValueError unless they are floating point (N, K).

    what: the first words of the message
    """
    try:
        xp = array_module(scores)
    except TypeError as error:
        raise TypeError(f"{what}: {error}") from None
    if not xp.issubdtype(scores.dtype, xp.floating):
        raise TypeError(f"{what} are {scores.dtype}, expected a floating-point dtype")
    if scores.ndim != 2 or scores.shape[1] == 0:
        raise ValueError(f"{what}.shape = {scores.shape}, expected (N, K) with K ≥ 1")
    return xp


def check_labels(labels: Array, scores: Array, label: str) -> None:
    """TypeError or ValueError unless labels are integers (N,) in 0..K−1, for scores (N, K).

    On a device the range is not checked, since that would mean waiting. label: the first word of the message
    """
    xp, (N, K) = array_module(scores), scores.shape
    try:
        library = array_module(labels)
    except TypeError as error:
        raise TypeError(f"{label}: labels: {error}") from None
    if library is not xp:
        raise TypeError(f"{label}: labels live in another array library than the scores")
    if not xp.issubdtype(labels.dtype, xp.integer):
        raise TypeError(f"{label}: labels are {labels.dtype}, expected integers")
    if labels.shape != (N,):
        raise ValueError(f"{label}: labels.shape = {labels.shape}, expected one a picture, {(N,)}")
    if is_host(labels) and N and (labels.min() < 0 or labels.max() >= K):
        raise ValueError(f"{label}: labels run from {labels.min()} to {labels.max()}, expected 0 to {K - 1}")


def _exponentials(logits):
    """logits minus each row's maximum, exp of these, (N, K) both, and each row's sum (N, 1), which is at least 1."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    exps = array_module(logits).exp(shifted)
    return shifted, exps, exps.sum(axis=1, keepdims=True)


def _chosen(labels, scores):
    """(N, K), True at each row's label."""
    return labels[:, None] == array_module(labels).arange(scores.shape[1])


class SoftmaxCrossEntropy:
    """Turn scores into probabilities, and take −log of the right class's probability, averaged over the batch.

        p[n, k] = exp(logits[n, k]) / Σ_j exp(logits[n, j]);   loss = −(1/N) · Σ_n log p[n, labels[n]]
        dlogits = (p − onehot(labels)) / N

    Each row's maximum is subtracted before exp, so scores of ±1e4 neither overflow nor lose the loss. A network that
    cannot tell the classes apart has loss ln K.

    With smoothing s, a share s of every target is spread evenly over all classes, the right one too:

        loss = (1 − s) · the above + s · (−1/(N·K)) · Σ_nk log p[n, k];   dlogits += s/N · (onehot(labels) − 1/K)

    logits: (N, K);  labels: integers (N,) in 0..K−1, in the same library as logits;  smoothing: s, 0 ≤ s < 1
    Left out, since no recipe here needs them: class weights, `ignore_index`, soft targets, and sums instead of the
    mean.
    Source: paper §3.5 ("maximizes the multinomial logistic regression objective"); smoothing: Szegedy et al. 2015,
    arXiv:1512.00567, §7.
    """

    def __init__(self, smoothing: float = 0.0) -> None:
        self.smoothing = checked(smoothing, "SoftmaxCrossEntropy: smoothing", lambda s: 0 <= s < 1, "0 ≤ smoothing < 1")

    def forward(self, logits: Array, labels: Array) -> tuple[Array, Any]:
        """(mean loss as a 0-d array or scalar, cache). ValueError or TypeError for labels or logits of the wrong kind.

        On a device a label out of range makes the loss NaN, since checking labels there would mean waiting.
        """
        xp = check_scores(logits, "SoftmaxCrossEntropy: logits")
        if len(logits) == 0:
            raise ValueError(f"SoftmaxCrossEntropy: logits.shape = {logits.shape}, expected (N, K) with N ≥ 1")
        check_labels(labels, logits, "SoftmaxCrossEntropy")
        shifted, exps, sums = _exponentials(logits)
        labels, losses = labels.astype(xp.int64, copy=False), xp.empty(len(logits), logits.dtype)
        if not fused("cross_entropy", shifted, sums, labels, logits.shape[1], losses):
            chosen = _chosen(labels, logits)
            picked = xp.where(chosen, shifted, 0).sum(axis=1)
            losses = xp.log(sums[:, 0]) - picked
            losses = xp.where(chosen.any(axis=1), losses, xp.nan)
        if self.smoothing:
            losses += self.smoothing * (xp.log(sums[:, 0]) - shifted.mean(axis=1) - losses)
        return losses.mean(), (exps, sums, labels)

    def backward(self, cache: Any) -> Array:
        """d(loss)/d(logits), (N, K)."""
        exps, sums, labels = cache
        xp = array_module(exps)
        dlogits = xp.empty(exps.shape, exps.dtype)
        if not fused("cross_entropy_backward", exps, sums, labels, *exps.shape, dlogits):
            xp.divide(exps, sums, out=dlogits)
            dlogits -= _chosen(labels, exps)
            dlogits /= len(exps)
        if self.smoothing:
            onehot = _chosen(labels, exps).astype(exps.dtype)
            dlogits += self.smoothing / len(exps) * (onehot - 1 / exps.shape[1])
        return dlogits
