"""Response normalisation: a strong response damps its neighbours, across channels or within each channel.

N pictures, H×W pixels, C channels; P pixels of a block of pictures.
"""

import math
import operator

from tinyalex.backend import array_module, fused
from tinyalex.layers.base import FINITE, Layer, at_least, checked
from tinyalex.layers.blocks import blocks, pixels


class _ResponseNorm(Layer):
    """The two normalisations, which differ in what counts as a neighbour.

        y_i = x_i / d_i^beta,   d_i = k + alpha · Σ_j x_j²      over the neighbours j of i, including i

    The gradient has two parts, since x_i stands in its own numerator and in the denominators of all its neighbours.
    i is a neighbour of j exactly when j is one of i, so both sums run over the same window:

        dx_i = dy_i · d_i^−beta − 2 · alpha · beta · x_i · Σ_j dy_j · x_j · d_j^−(beta + 1)

    kernel: the kernel of forward, and with "_backward" of backward
    axes: what x must have, such as "NHWC"; None: any
    _entries(a): `a` in the shape that `blocks` cuts
    _window_sum(a, b, scale, out): fills out with scale · Σ_j a_j · b_j; out may be a or b
    """

    axes: str | None = None
    short_name = kernel = ""

    def __init__(self, size: int, alpha: float, beta: float, k: float) -> None:
        super().__init__()
        odd, finite = "an odd number, 1 or more", FINITE[1]
        self.size = checked(size, f"{self.label}: size", lambda n: operator.index(n) >= 1 and n % 2 == 1, odd)
        self.alpha = checked(alpha, f"{self.label}: alpha", lambda a: 0 <= a < math.inf, f"{finite}, 0 or more")
        self.beta = checked(beta, f"{self.label}: beta", *FINITE)
        self.k = checked(k, f"{self.label}: k", lambda k: 0 < k < math.inf, f"{finite} above 0")

    def forward(self, x, train=False, rng=None):
        xp = self._check_float(x, self.axes)
        y, q = xp.empty(x.shape, x.dtype), xp.empty(x.shape, x.dtype)
        entries = list(map(self._entries, (x, y, q)))
        if not self._fused(*entries):
            for xb, yb, qb in blocks(*entries):
                self._normalise(xb, yb, qb)
        return y, (x, q)

    def predict(self, x):
        xp = self._check_float(x, self.axes)
        y = xp.empty(x.shape, x.dtype)
        entries = [self._entries(x), self._entries(y)]
        if not self._fused(*entries, entries[1]):
            for xb, yb in blocks(*entries):
                self._normalise(xb, yb, xp.empty(xb.shape, xb.dtype))
        return y

    def _fused(self, x, y, q):
        """Whether a kernel did what `_normalise` does; q may be y, where only y is wanted."""
        return fused(self.kernel, x, *x.shape[1:], self.size // 2, self.alpha, self.k, 4 * self.beta, q, y)

    def _normalise(self, x, y, q):
        """Fill y, and q = d^−¼, from which backward gets d^−beta and 1/d without a root."""
        xp = array_module(x)
        self._window_sum(x, x, self.alpha, out=q)
        q += self.k  # d
        xp.sqrt(q, out=q)
        xp.sqrt(q, out=q)
        xp.divide(1, q, out=q)
        self._inverse_power(q, out=y)
        y *= x

    def backward(self, dy, cache, input_grad=True):
        x, q = cache
        self._check_dy(dy, x.shape)
        if not input_grad:
            return None, {}
        xp = array_module(x)
        dx = xp.empty(x.shape, x.dtype)
        *given, out = map(self._entries, (dy, x, q, dx))
        half, scale = self.size // 2, 2 * self.alpha * self.beta
        if not fused(f"{self.kernel}_backward", *given, *out.shape[1:], half, scale, 4 * self.beta, out):
            for dyb, xb, qb, dxb in blocks(*given, out):
                self._inverse_power(qb, out=dxb)
                dxb *= dyb  # the numerator's part: dy · d^−beta
                ratio = qb * qb
                ratio *= ratio
                ratio *= xb  # x / d
                through_denominators = ratio  # in the same memory
                self._window_sum(ratio, dxb, scale, out=through_denominators)
                through_denominators *= xb
                dxb -= through_denominators
        return dx, {}

    def _inverse_power(self, q, out):
        """out = d^−beta from q = d^−¼. At the paper's beta that is q³: two products, far cheaper than a power."""
        xp = array_module(q)
        if self.beta == 0.75:
            xp.multiply(q, q, out=out)
            out *= q
        else:
            xp.power(q, 4 * self.beta, out=out)

    def __str__(self):
        return f"{self.short_name} size {self.size}, alpha {self.alpha:g}, beta {self.beta:g}, k {self.k:g}"


class LocalResponseNorm(_ResponseNorm):
    """Across channels. alpha is the paper's, **not** divided by size (PyTorch and the 2012 source divide it).

        y_i = x_i / d_i^beta,   d_i = k + alpha · Σ_{|j − i| ≤ size//2} x_j²      over channels, at one pixel

    At the ends the window is cut off, so the sum has fewer terms. With groups, the channels are cut into G equal runs
    and no window reaches from one run into the next, as on two GPUs that do not meet here (paper §3.2, Fig. 2).

    x, y: (N, H, W, C), or any shape with channels last, C a multiple of groups
    size: channels in the window, odd (left out: even windows, which are not symmetric)
    alpha, beta, k: the paper's 1e-4, 0.75, 2
    Source: paper §3.3; the 2012 source has alpha / size (`layer.py`).
    """

    short_name, kernel = "LRN", "local_norm"

    def __init__(self, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0, groups: int = 1) -> None:
        super().__init__(size, alpha, beta, k)
        self.groups = checked(groups, f"{self.label}: groups", *at_least(1))

    def out_shape(self, in_shape):
        if in_shape[-1] % self.groups:
            raise ValueError(
                f"{self.label}: x has {in_shape[-1]} channels, expected a multiple of groups = {self.groups}"
            )
        return in_shape

    def _entries(self, a):
        P, C = self.out_shape(pixels(a).shape)
        return a.reshape(P * self.groups, C // self.groups)  # a window treats a group as a pixel of its own

    def __str__(self):
        return super().__str__() + (f", {self.groups} groups" if self.groups > 1 else "")

    def _window_sum(self, a, b, scale, out):
        """out_i = scale · Σ_{|j − i| ≤ size//2} a_j · b_j; all (pixels, C), and out may be a or b."""
        (P, C), half, xp = a.shape, self.size // 2, array_module(a)
        row = xp.zeros(P * (C + half) + 2 * half, a.dtype)  # pixel after pixel, with `half` zeros before and after each
        xp.multiply(a, b, out=row[half : row.size - half].reshape(P, C + half)[:, :C])
        total = row[: P * (C + half)].copy()
        for shift in range(1, self.size):
            total += row[shift : shift + total.size]
        xp.multiply(total.reshape(P, C + half)[:, :C], scale, out=out)


class SpatialResponseNorm(_ResponseNorm):
    """Within each channel, over the pixels around: the 2012 source's second normalisation (cuda-convnet's `rnorm`).

        y = x / d^beta,   d = k + alpha · Σ x²      over size×size pixels of the same channel, centred on this one

    At the picture's edges the window is cut off, so the sum has fewer terms. As in `LocalResponseNorm`, alpha is not
    divided by the window's size; the source has a scale of 1e-3, which it divides by 5·5.

    x, y: (N, H, W, C)
    size: rows and columns in the window, odd;  alpha, beta: the source's 4e-5 and 0.75
    k: 2 is our reading, as in the paper's normalisation across channels
    Source: 2012 source, `layers/layers-145.cfg`, after the normalisation of conv2; the paper does not have it.
    """

    short_name, kernel, axes, channelwise = "spatial norm", "spatial_norm", "NHWC", True

    def __init__(self, size: int = 5, alpha: float = 4e-5, beta: float = 0.75, k: float = 2.0) -> None:
        super().__init__(size, alpha, beta, k)

    def out_shape(self, in_shape):
        return self._height_width_channels(in_shape)

    @staticmethod
    def _entries(a):
        return a  # whole pictures: windows reach across pixels

    def _window_sum(self, a, b, scale, out):
        """out = scale · Σ a · b over each pixel's window; all (N, H, W, C), and out may be a or b.

        First down, then across: 2 · size terms a pixel instead of size².
        """
        half = self.size // 2
        down = _sums_along(1, a * b, half)
        array_module(a).multiply(_sums_along(2, down, half), scale, out=out)


def _sums_along(axis, a, half):
    """At each place, the sum of `a` there and at up to `half` places on either side along an axis; a new array."""
    total, ahead = a.copy(), (slice(None),) * axis
    for shift in range(1, half + 1):
        first, last = (*ahead, slice(None, -shift)), (*ahead, slice(shift, None))
        total[first] += a[last]
        total[last] += a[first]
    return total
