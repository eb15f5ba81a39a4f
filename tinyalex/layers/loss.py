"""The loss: how far the network's scores are from the right answer. N pictures, K classes."""

from tinyalex.backend import array_module, is_host


class SoftmaxCrossEntropy:
    """Turn scores into probabilities and take −log of the right class's, averaged over the batch.

        p[n, k] = exp(logits[n, k]) / Σ_j exp(logits[n, j]);   loss = −(1/N) · Σ_n log p[n, labels[n]]
        dlogits = (p − onehot(labels)) / N

    Each row's maximum is subtracted before exp, so scores of ±1e4 neither overflow nor lose the loss. A network that
    says nothing has loss ln K.

    logits: (N, K);  labels: integers (N,) in 0..K−1, in the same library as logits
    Source: paper §3.5 ("maximizes the multinomial logistic regression objective").
    """

    def forward(self, logits, labels):
        """(mean loss as a 0-d array or scalar, cache). ValueError or TypeError for labels or logits of the wrong kind.

        On a device a label out of range makes the loss NaN, since looking at labels there would mean to wait.
        """
        xp = array_module(logits)
        self._check(logits, labels, xp)
        shifted = logits - logits.max(axis=1, keepdims=True)
        exps = xp.exp(shifted)
        sums = exps.sum(axis=1, keepdims=True)  # (N, 1), each at least 1
        chosen = labels[:, None] == xp.arange(logits.shape[1])  # (N, K) one True a row
        picked = xp.where(chosen, shifted, 0).sum(axis=1)
        losses = xp.log(sums[:, 0]) - picked
        losses = xp.where(chosen.any(axis=1), losses, xp.nan)
        return losses.mean(), (exps / sums, chosen)

    def backward(self, cache):
        """d(loss)/d(logits), (N, K)."""
        probabilities, chosen = cache
        dlogits = probabilities - chosen
        dlogits /= len(probabilities)
        return dlogits

    def _check(self, logits, labels, xp):
        if logits.ndim != 2 or len(logits) == 0:
            raise ValueError(f"SoftmaxCrossEntropy: logits.shape = {logits.shape}, expected (N, K) with N ≥ 1")
        if not xp.issubdtype(logits.dtype, xp.floating):
            raise TypeError(f"SoftmaxCrossEntropy: logits are {logits.dtype}, expected a floating-point dtype")
        if array_module(labels) is not xp:
            raise TypeError("SoftmaxCrossEntropy: labels live in another array library than logits")
        if not xp.issubdtype(labels.dtype, xp.integer):
            raise TypeError(f"SoftmaxCrossEntropy: labels are {labels.dtype}, expected integers")
        if labels.shape != logits.shape[:1]:
            raise ValueError(
                f"SoftmaxCrossEntropy: labels.shape = {labels.shape}, expected one a picture, {logits.shape[:1]}"
            )
        if is_host(labels) and (labels.min() < 0 or labels.max() >= logits.shape[1]):
            raise ValueError(
                f"SoftmaxCrossEntropy: labels run from {labels.min()} to {labels.max()}, "
                f"expected 0 to {logits.shape[1] - 1}"
            )
