"""Local response normalisation: channels that fire strongly damp their neighbours.

N pictures, H×W pixels, C channels; P pixels of a block of pictures.
"""

from tinyalex.backend import array_module
from tinyalex.layers.base import Layer
from tinyalex.layers.blocks import blocks, pixels


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
        xp = self._check_float(x, None)
        y, q = xp.empty(x.shape, x.dtype), xp.empty(x.shape, x.dtype)
        for xb, yb, qb in blocks(pixels(x), pixels(y), pixels(q)):
            self._normalise(xb, yb, qb)
        return y, (x, q)

    def predict(self, x):
        xp = self._check_float(x, None)
        y = xp.empty(x.shape, x.dtype)
        for xb, yb in blocks(pixels(x), pixels(y)):
            self._normalise(xb, yb, xp.empty(xb.shape, xb.dtype))
        return y

    def _normalise(self, x, y, q):
        """Fill y, and q = d^−¼, from which backward has d^−beta and 1/d without a root. All (pixels, C)."""
        xp = array_module(x)
        self._window_sum(x, x, self.alpha, out=q)
        q += self.k  # d
        xp.sqrt(q, out=q)
        xp.sqrt(q, out=q)
        xp.divide(1, q, out=q)
        self._inverse_power(q, out=y)
        y *= x

    def backward(self, dy, cache):
        x, q = cache
        self._check_dy(dy, x.shape)
        xp = array_module(x)
        dx = xp.empty(x.shape, x.dtype)
        for dyb, xb, qb, dxb in blocks(*map(pixels, (dy, x, q, dx))):
            self._inverse_power(qb, out=dxb)
            dxb *= dyb  # the numerator's part: dy · d^−beta
            ratio = qb * qb
            ratio *= ratio
            ratio *= xb  # x / d
            through_denominators = ratio  # its memory is free once it is summed up
            # The window is symmetric: i sees j exactly when j sees i
            self._window_sum(ratio, dxb, 2 * self.alpha * self.beta, out=through_denominators)
            through_denominators *= xb
            dxb -= through_denominators
        return dx, {}

    def __str__(self):
        return f"LRN size {self.size}, alpha {self.alpha:g}, beta {self.beta:g}, k {self.k:g}"

    def _window_sum(self, a, b, scale, out):
        """out_i = scale · Σ_{|j − i| ≤ size//2} a_j · b_j; all (pixels, C), and out may be a or b.

        Every pixel's products are laid out with size//2 zeros on either side, which it shares with its neighbours, one
        pixel after the other. So all windows at once are sums of neighbours in one long row; those that run across from
        one pixel to the next fall on the places of the zeros, which are cut off.
        """
        (P, C), half, xp = a.shape, self.size // 2, array_module(a)
        flat = xp.zeros(P * (C + half) + 2 * half, a.dtype)
        xp.multiply(a, b, out=flat[half : flat.size - half].reshape(P, C + half)[:, :C])
        sums = _neighbour_sums(flat, self.size).reshape(P, C + half)
        xp.multiply(sums[:, :C], scale, out=out)

    def _inverse_power(self, q, out):
        """out = d^−beta from q = d^−¼. At the paper's beta that is q³: two products, far cheaper than a power."""
        xp = array_module(q)
        if self.beta == 0.75:
            xp.multiply(q, q, out=out)
            out *= q
        else:
            xp.power(q, 4 * self.beta, out=out)


def _neighbour_sums(flat, size):
    """The sums of `size` neighbours, at each of the len(flat) − size + 1 places where there are as many.

    By doubling: sums of 1, 2, 4, … neighbours, and of these, one after the other, those that add up to `size`:
    5 = 1 + (2 + 2) takes three additions instead of four.
    """
    total, done, run, width = None, 0, flat, 1  # run: sums of `width` neighbours; total: sums of the first `done`
    while True:
        if size & width:
            total = run if total is None else total[: len(run) - done] + run[done:]
            done += width
        if done == size:
            return total
        run = run[:-width] + run[width:]
        width *= 2
