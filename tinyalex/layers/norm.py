"""Local response normalisation: channels that fire strongly damp their neighbours.

N pictures, H×W pixels, C channels.
"""

from tinyalex.backend import array_module
from tinyalex.layers.base import Layer


class LocalResponseNorm(Layer):
    """alpha is the paper's: **not** divided by size (PyTorch and the 2012 source divide it).

        y_i = x_i / d_i^beta,   d_i = k + alpha · Σ_{|j − i| ≤ size//2} x_j²      over channels, at one pixel

    At the ends the window is cut off, so the sum has fewer terms. The gradient has two parts, since x_i stands in its
    own numerator and in the denominators of all its neighbours:

        dx_i = dy_i · d_i^−beta − 2 · alpha · beta · x_i · Σ_{|j − i| ≤ size//2} dy_j · x_j · d_j^−(beta + 1)

    x, y: (N, H, W, C), or any shape with channels last
    size: channels in the window, odd; alpha, beta, k: the paper's 1e-4, 0.75, 2
    Source: paper §3.3; the 2012 source has alpha / size (`layer.py`).
    """

    def __init__(self, size=5, alpha=1e-4, beta=0.75, k=2.0):
        super().__init__()
        if not isinstance(size, int) or size < 1 or size % 2 == 0:
            raise ValueError(f"LocalResponseNorm: size = {size!r}, expected an odd number of channels, 1 or more")
        if k <= 0 or alpha < 0:
            raise ValueError(f"LocalResponseNorm: k = {k}, alpha = {alpha}, expected k > 0 and alpha ≥ 0")
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x, train=False, rng=None):
        self._check_float(x, None)
        d = self._window_sum(x * x)
        d *= self.alpha
        d += self.k
        y = self._inverse_power(d)
        y *= x
        return y, (x, d)

    def backward(self, dy, cache):
        x, d = cache
        self._check_dy(dy, x.shape)
        dx = self._inverse_power(d)
        dx *= dy  # the numerator's part: dy · d^−beta
        ratio = dx * x
        ratio /= d
        through_denominators = self._window_sum(ratio)  # symmetric window: i sees j exactly when j sees i
        through_denominators *= x
        through_denominators *= 2 * self.alpha * self.beta
        dx -= through_denominators
        return dx, {}

    def __str__(self):
        return f"LRN size {self.size}, alpha {self.alpha:g}, beta {self.beta:g}, k {self.k:g}"

    def _window_sum(self, values):
        """For each channel the sum over its window of channels.

        Every pixel's channels are laid out with size//2 zeros on either side, one pixel after the other; then adding the
        whole array to itself, shifted by 1, 2, … size − 1, sums all windows at once in long contiguous runs. What runs
        across from one pixel to the next falls into the last 2·(size//2) places of a row, which are cut off.
        """
        xp = array_module(values)
        C, half = values.shape[-1], self.size // 2
        padded = xp.zeros((values.size // C, C + 2 * half), values.dtype)
        padded[:, half : half + C] = values.reshape(-1, C)
        flat = padded.reshape(-1)
        total = flat.copy()
        for shift in range(1, self.size):
            total[:-shift] += flat[shift:]
        return xp.ascontiguousarray(total.reshape(padded.shape)[:, :C]).reshape(values.shape)

    def _inverse_power(self, d):
        """d^−beta. At the paper's beta, two square roots, several times faster than a power: d^¾ = √d · √√d."""
        xp = array_module(d)
        if self.beta != 0.75:
            return d**-self.beta
        root = xp.sqrt(d)
        root *= xp.sqrt(root)
        return xp.divide(1, root, out=root)
