"""Batch normalisation: each channel gets the mean and the spread that the network asks for, whatever came before.

N pictures, H×W pixels, C channels; m = N·H·W entries of a channel in the batch.
"""

import math

import numpy as np

from tinyalex.backend import Array, array_module, fused, is_host
from tinyalex.layers.base import FINITE, Layer, at_least, checked
from tinyalex.layers.blocks import blocks

# On a device, a sum over the rows is taken in runs: enough threads to keep its memory busy, rows enough for each
THREADS = 1 << 17
RUN_ROWS = 16


class BatchNorm2d(Layer):
    """Each channel with mean 0 and variance 1 over the whole batch, then scaled and shifted.

        y = weight · x̂ + bias,   x̂ = (x − mean) / √(variance + eps)

    In training, mean and variance (divided by m) are the batch's, however many pieces it is computed in. At test time
    they are the running ones, into which each step takes the batch's mean and variance (divided by m − 1):

        running ← (1 − momentum) · running + momentum · batch's

    The gradient has three parts, since each x also moves the mean and the variance of its channel:

        dx = weight / √(variance + eps) · (dy − Σ dy / m − x̂ · Σ (dy · x̂) / m)

    With running statistics, in a forward pass as at test time or with `frozen`, the two sums are absent.

    x, y: (N, H, W, C), or any shape with channels last
    weight, bias: (C,), 1 and 0 at first;  running_mean, running_var: (C,), 0 and 1 at first
    num_features: C;  eps: added to the variance;  momentum: the weight of the newest batch, 0 to 1 (in ONNX and Caffe,
        that of the older ones)
    frozen: True: training too uses the running statistics and leaves them as they are, as in fine-tuning
    Raises ValueError in training for m = 1, which has no variance (on a device, for one entry in a piece). A piece may
    be without pictures, but not the batch: `absorb` would make the running statistics NaN.
    Source: Ioffe and Szegedy 2015, arXiv:1502.03167; the meaning of each argument is PyTorch's.
    """

    channelwise = True

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, frozen: bool = False) -> None:
        super().__init__()
        self.num_features = checked(num_features, "BatchNorm2d: num_features", *at_least(1))
        self.eps = checked(eps, "BatchNorm2d: eps", lambda eps: 0 <= eps < math.inf, f"{FINITE[1]}, 0 or more")
        self.momentum = checked(momentum, "BatchNorm2d: momentum", lambda m: 0 <= m <= 1, "0 to 1")
        self.frozen = bool(frozen)
        ones, zeros = np.ones(num_features, "float32"), np.zeros(num_features, "float32")
        self.params = {"weight": ones, "bias": zeros}
        self.state = {"running_mean": zeros.copy(), "running_var": ones.copy()}

    def forward_piece(self, x, train, rng):
        xp = self._check_float(x, None)
        self.out_shape(x.shape[1:])
        if not train or self.frozen:
            mean, inverse = self._running()
            return self._normalised(x, mean, inverse), (x, mean, inverse, None, ())
        count, total, squares = _moments(x)
        m, batch_total = yield count, total
        if (m if is_host(m) else x.size // x.shape[-1]) == 1:  # a device would have to be waited for
            raise ValueError(f"{self.label}: one entry of each channel in a training batch, expected 2 or more")
        m = xp.maximum(m, 1)  # a batch of no pictures
        mean, inverse = xp.empty_like(total), xp.empty_like(total)
        if not fused("batch_norm_mean", count, total, m, batch_total, mean, squares):
            xp.divide(batch_total, m, out=mean)
            squares += count * (total / xp.maximum(count, 1) - mean) ** 2  # about the batch's mean, not the piece's
        (batch_squares,) = yield (squares,)
        if not fused("batch_norm_inverse", batch_squares, m, self.eps, inverse):
            xp.divide(1, xp.sqrt(batch_squares / m + self.eps), out=inverse)
        return self._normalised(x, mean, inverse), (x, mean, inverse, m, (count, total, squares))

    def backward_piece(self, dy, cache, input_grad):
        x, mean, inverse, m, _ = cache
        self._check_dy(dy, x.shape)
        dbias, dproduct = _gradient_sums(dy, x, mean)
        dweight = dproduct * inverse
        grads = {"weight": dweight.astype(dy.dtype), "bias": dbias.astype(dy.dtype)}  # of this piece
        if not input_grad:
            return None, grads
        if m is None:
            return self._through_running(dy, inverse), grads
        batch_dbias, batch_dweight = yield dbias, dweight
        return self._through_batch(dy, x, mean, inverse, m, batch_dbias, batch_dweight), grads

    def predict(self, x):
        self._check_float(x, None)
        self.out_shape(x.shape[1:])
        return self._normalised(x, *self._running())

    def scale_and_shift(self) -> tuple[Array, Array]:
        """(scale, shift), both (C,): what the layer does at test time, y = scale · x + shift."""
        mean, inverse = self._running()
        scale = self.params["weight"] * inverse
        return scale, self.params["bias"] - mean * scale

    def observe(self, cache):
        *_, seen = cache
        return dict(zip(("count", "sum", "squares"), seen))

    def absorb(self, observed):
        if not observed:
            return
        m, total, squares = (observed[key] for key in ("count", "sum", "squares"))
        running = self.state["running_mean"], self.state["running_var"]
        if not fused("batch_norm_absorb", m, total, squares, self.momentum, *running):
            for key, value in {"running_mean": total / m, "running_var": squares / (m - 1)}.items():
                self.state[key] += self.momentum * (value - self.state[key])

    def out_shape(self, in_shape):
        C = len(self.params["weight"])  # a part of the layer has fewer than num_features
        if tuple(in_shape[-1:]) != (C,):
            raise ValueError(f"{self.label}: x has {in_shape[-1] if in_shape else 'no'} channels, expected {C}")
        return in_shape

    def __str__(self):
        return f"batch norm{', frozen' if self.frozen else ''}"

    # ------------------------------------------------------------------------------------------ over the entries

    def _running(self):
        """(mean, 1 / √(variance + eps)) as at test time."""
        variance = self.state["running_var"]
        return self.state["running_mean"], 1 / array_module(variance).sqrt(variance + self.eps)

    def _normalised(self, x, mean, inverse):
        """weight · (x − mean) · inverse + bias; the mean goes first, or a large one would cost digits."""
        xp = array_module(x)
        y = xp.empty(x.shape, x.dtype)
        vectors = _repeated(x, mean, self.params["weight"] * inverse, self.params["bias"])
        if not fused("batch_norm_forward", x, *vectors, x.shape[-1], y):
            mean, scale, bias = vectors
            for xb, yb in blocks(_rows(x), _rows(y)):
                xp.subtract(xb, mean, out=yb)
                yb *= scale
                yb += bias
        return y

    def _through_running(self, dy, inverse):
        """dx where the statistics do not depend on x."""
        xp = array_module(dy)
        dx = xp.empty(dy.shape, dy.dtype)
        (scale,) = _repeated(dy, self.params["weight"] * inverse)
        for dyb, dxb in blocks(_rows(dy), _rows(dx)):
            xp.multiply(dyb, scale, out=dxb)
        return dx

    def _through_batch(self, dy, x, mean, inverse, m, dbias, dweight):
        """dx in training, from Σ dy and Σ dy · x̂ over the batch."""
        xp, weight = array_module(dy), self._param("weight", dy.dtype)
        dx, vectors = xp.empty(dy.shape, dy.dtype), xp.empty((4, x.shape[-1]), dy.dtype)
        ready = fused("batch_norm_slopes", mean, inverse, m, dbias, dweight, weight, vectors)
        if not (ready and fused("batch_norm_backward", dy, x, vectors, x.shape[-1], dx)):
            scale = self.params["weight"] * inverse
            vectors = _repeated(dy, mean, scale, -scale * inverse * (dweight / m), -scale * (dbias / m))
            mean, scale, slope, level = vectors
            for dyb, xb, dxb in blocks(_rows(dy), _rows(x), _rows(dx)):
                through_variance = xb - mean
                through_variance *= slope
                xp.multiply(dyb, scale, out=dxb)
                dxb += through_variance
                dxb += level
        return dx


def _moments(x):
    """Count, sum and Σ (x − mean)² of the entries of each channel: (1,), (C,), (C,), float64.

    Block by block, each about its own mean; E[x²] − E[x]² would lose the digits of a small spread around a large mean.
    """
    xp, C = array_module(x), x.shape[-1]
    if merged := _merged_moments(x):
        return merged
    count, mean, squares = 0, xp.zeros(C, "float64"), xp.zeros(C, "float64")
    for (xb,) in blocks(_rows(x)):
        n = xb.size // C
        own = _sums(xb, C) / n
        (centre,) = _repeated(x, own)
        off = xb - centre
        step = own + _sums(off, C) / n - mean  # the sum is what rounding `own` left
        off *= off
        squares += _sums(off, C) + step * step * (count * n / (count + n))
        count += n
        mean += step * (n / count)
    return xp.full(1, count, "float64"), mean * count, squares


def _gradient_sums(dy, x, mean):
    """Σ dy and Σ dy · (x − mean) over the entries of each channel: (C,), float64."""
    xp, C = array_module(x), x.shape[-1]
    (mean,) = _repeated(x, mean)
    if sums := _merged_gradient_sums(dy, x, mean):
        return sums
    dbias, dproduct = xp.zeros(C, "float64"), xp.zeros(C, "float64")
    for dyb, xb in blocks(_rows(dy), _rows(x)):
        product = xb - mean
        product *= dyb
        dbias += _sums(dyb, C)
        dproduct += _sums(product, C)
    return dbias, dproduct


def _merged_moments(x):
    """`_moments` in three launches; None where there are no kernels."""
    if is_host(x):
        return None
    xp, C, (P, run, rows) = array_module(x), x.shape[-1], _runs(x)
    parts = xp.empty((2, P * P, C), "float64")
    if not fused("batch_norm_moments", x, rows, C, run, parts[0], parts[1]):
        return None
    for merged in (xp.empty((2, P, C), "float64"), xp.empty((2, 1, C), "float64")):
        fused("batch_norm_merge", parts[0], parts[1], rows, C, run, P, merged[0], merged[1])
        parts, run = merged, run * P
    return xp.full(1, rows, "float64"), parts[0, 0] * rows, parts[1, 0]


def _merged_gradient_sums(dy, x, mean):
    """`_gradient_sums` in three launches; None where there are no kernels."""
    if is_host(x):
        return None
    xp, C, (P, run, rows) = array_module(x), x.shape[-1], _runs(x)
    parts = xp.empty((2, P, P, C), "float64")
    if not fused("batch_norm_gradient_sums", dy, x, mean, rows, C, run, parts[0], parts[1]):
        return None
    sums = parts.sum(axis=2).sum(axis=1)
    return sums[0], sums[1]


def _runs(x):
    """(P, rows in each of P·P runs, rows of x): about THREADS threads, or fewer with RUN_ROWS rows each."""
    C = x.shape[-1]
    rows = x.size // C
    P = max(1, math.isqrt(min(rows // RUN_ROWS, THREADS // C)))
    return P, max(1, -(-rows // P**2)), rows


def _rows(a):
    """`a` as a matrix, (rows, W·C); on a device, (pixels, C)."""
    length = _row_pixels(a) * a.shape[-1]
    return a.reshape(a.size // max(1, length), length)


def _repeated(a, *vectors):
    """Vectors (C,) in the dtype of `a`, each as often as its channels stand in one of its `_rows`."""
    xp, W = array_module(a), _row_pixels(a)
    same = [vector.astype(a.dtype, copy=False) for vector in vectors]
    return [xp.tile(vector, W) for vector in same] if W != 1 else same


def _row_pixels(a):
    """Pixels in one of the `_rows`: W in NumPy, which takes long rows faster than short ones; else 1."""
    return a.shape[-2] if a.ndim > 2 and is_host(a) else 1


def _sums(rows, C):
    """The sum over the entries of each channel: a product with ones, which takes a third of the time of `sum`."""
    xp, entries = array_module(rows), rows.reshape(-1, C)
    return xp.ones(len(entries), xp.result_type(rows.dtype, xp.float32)) @ entries  # float16 ends at 65,504
