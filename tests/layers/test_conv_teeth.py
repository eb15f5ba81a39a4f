"""The mistakes people make with convolution, each planted in a right one, each of which the check must see."""

import numpy as np
import pytest

from tests.checks import check_layer, edited
from tests.layers.test_conv import batch, loops
from tinyalex.layers import Conv2d, Layer, im2col


class LearnerConv(Layer):
    """A right convolution as a learner writes it; every edit below makes it wrong in one place."""

    def __init__(self, C, F, kernel, stride, padding=(0, 0), groups=1, rounding=None):
        super().__init__()
        self.F, self.groups = F, groups
        (self.KH, self.KW), (self.SH, self.SW), (self.PH, self.PW) = kernel, stride, padding
        self.params = {"weight": np.ones((*kernel, C // groups, F)), "bias": np.ones(F)}

    def out_shape(self, in_shape):
        H, W, C = in_shape
        return 1 + (H + 2 * self.PH - self.KH) // self.SH, 1 + (W + 2 * self.PW - self.KW) // self.SW, self.F

    def forward(self, x, train=False, rng=None):
        columns, weight = self.columns(x), self.params["weight"].astype(x.dtype)
        N, OH, OW = columns.shape[:3]
        y = x.__array_namespace__().empty((N, OH, OW, self.F), x.dtype)
        for ins, outs in map(self.group, range(self.groups)):
            part = columns[..., ins].reshape(N * OH * OW, -1)
            kernels = weight[..., outs].reshape(part.shape[1], -1)
            y[..., outs] = (part @ kernels).reshape(N, OH, OW, -1)
        return y + self.params["bias"].astype(x.dtype), x

    def backward(self, dy, cache, input_grad=True):
        x, weight = cache, self.params["weight"].astype(dy.dtype)
        columns = self.columns(x)
        dweight, dcolumns = weight * 0, columns * 0
        for ins, outs in map(self.group, range(self.groups)):
            up, part = dy[..., outs].reshape(-1, self.F // self.groups), columns[..., ins]
            dweight[..., outs] = (part.reshape(len(up), -1).T @ up).reshape(dweight[..., outs].shape)
            dcolumns[..., ins] = (up @ weight[..., outs].reshape(-1, up.shape[1]).T).reshape(part.shape)
        dbias = dy.sum(axis=(0, 1, 2))
        return self.uncolumns(dcolumns, x) if input_grad else None, {"weight": dweight, "bias": dbias}

    def columns(self, x):
        N, H, W, C = x.shape
        OH, OW, F = self.out_shape((H, W, C))
        padded = x.__array_namespace__().zeros((N, H + 2 * self.PH, W + 2 * self.PW, C), x.dtype)
        padded[:, self.PH : self.PH + H, self.PW : self.PW + W] = x
        columns = x.__array_namespace__().empty((N, OH, OW, self.KH, self.KW, C), x.dtype)
        for i, j, rows, cols in self.taps(OH, OW):
            columns[:, :, :, i, j] = padded[:, rows, cols]
        return columns

    def uncolumns(self, dcolumns, x):
        (N, H, W, C), (OH, OW) = x.shape, dcolumns.shape[1:3]
        dpadded = x.__array_namespace__().zeros((N, H + 2 * self.PH, W + 2 * self.PW, C), x.dtype)
        for i, j, rows, cols in self.taps(OH, OW):
            dpadded[:, rows, cols] += dcolumns[:, :, :, i, j]
        return dpadded[:, self.PH : self.PH + H, self.PW : self.PW + W]

    def taps(self, OH, OW):
        for i in range(self.KH):
            for j in range(self.KW):
                rows = slice(i, i + self.SH * (OH - 1) + 1, self.SH)
                yield i, j, rows, slice(j, j + self.SW * (OW - 1) + 1, self.SW)

    def group(self, g):
        D, F = self.params["weight"].shape[2], self.F // self.groups
        return slice(g * D, (g + 1) * D), slice(g * F, (g + 1) * F)


PROBES = [  # channels in and out, kernel, geometry: no two numbers alike that could be mistaken for each other
    (6, 4, (3, 2), dict(stride=(2, 1), padding=(1, 2), groups=2)),
    (3, 5, (2, 3), dict(stride=(1, 2))),
    (3, 5, (2, 3), dict(stride=(2, 3), padding=(0, 1), rounding="floor")),
]


def check_learner(cls):
    for channels, features, kernel, geometry in PROBES:
        check_layer(cls(channels, features, kernel, **geometry), batch(channels), *loops(geometry))


def test_without_a_mistake_it_passes():
    check_learner(LearnerConv)


PART = "columns[..., ins].reshape(N * OH * OW, -1)"
KERNELS = "weight[..., outs].reshape(part.shape[1], -1)"
JOIN = "(part @ kernels).reshape(N, OH, OW, -1)"
GROUP = "slice(g * D, (g + 1) * D), slice(g * F, (g + 1) * F)"
INSIDE = "dpadded[:, self.PH : self.PH + H, self.PW : self.PW + W]"
DBIAS = "dy.sum(axis=(0, 1, 2))"
WRONG = {
    "columns unrolled channels first": (PART, "columns[..., ins].transpose(0, 1, 2, 5, 3, 4).reshape(N * OH * OW, -1)"),
    "pictures and places mixed": (JOIN, "(part @ kernels).reshape(OH, OW, N, -1).transpose(2, 0, 1, 3)"),
    "kernel turned over": (KERNELS, "weight[::-1, ::-1, :, outs].reshape(part.shape[1], -1)"),
    "kh and kw swapped": (KERNELS, "weight[..., outs].swapaxes(0, 1).reshape(part.shape[1], -1)"),
    "windows start without the stride": ("padded[:, rows, cols]\n", "padded[:, i : i + OH, j : j + OW]\n"),
    "padding all on one side": ("padded[:, self.PH : self.PH + H, self.PW : self.PW + W] = x", "padded[:, :H, :W] = x"),
    "padding of ones": ("C), x.dtype)\n        padded[", "C), x.dtype) + 1\n        padded["),
    "bias left out": (' + self.params["bias"].astype(x.dtype)', ""),
    "output size without +1": ("return 1 + (H", "return (H"),
    "padding counted once": ("1 + (W + 2 * self.PW", "1 + (W + self.PW"),
    "col2im without the stride": ("dpadded[:, rows, cols] +=", "dpadded[:, i : i + OH, j : j + OW] +="),
    "col2im assigns": ("cols] += dcolumns", "cols] = dcolumns"),
    "crop [p:-p]": (INSIDE, "dpadded[:, self.PH : -self.PH, self.PW : -self.PW]"),
    "crop at the corner": (INSIDE, "dpadded[:, :H, :W]"),
    "dx sized from the windows": (
        "H + 2 * self.PH, W + 2 * self.PW, C), x.dtype)\n        for",
        "self.SH * (OH - 1) + self.KH, self.SW * (OW - 1) + self.KW, C), x.dtype)\n        for",
    ),
    "dweight averaged over the batch": ('"weight": dweight', '"weight": dweight / len(x)'),
    "dweight of the last picture": (
        "(part.reshape(len(up), -1).T @ up)",
        "(part[-1:].reshape(len(up) // len(x), -1).T @ up[-len(up) // len(x) :])",
    ),
    "dbias averaged over the batch": (DBIAS, "dy.mean(axis=0).sum(axis=(0, 1))"),
    "dbias of the last picture": (DBIAS, "dy[-1].sum(axis=(0, 1))"),
    "dbias with a shape of its own": (DBIAS, "dy.sum(axis=(0, 1, 2))[None]"),
    "channels dealt to groups alternately": (GROUP, "slice(g, None, self.groups), slice(g * F, (g + 1) * F)"),
    "kernels dealt to groups alternately": (GROUP, "slice(g * D, (g + 1) * D), slice(g, None, self.groups)"),
    "groups joined in the wrong order": (
        "return y +",
        "y = y if self.groups == 1 else y[..., [2, 3, 0, 1]]\n        return y +",
    ),
    "dweight from the other group": (
        "columns[..., ins]\n",
        "columns[..., ins] if self.groups == 1 else columns[..., [3, 4, 5, 0, 1, 2]][..., ins]\n",
    ),
    "columns kept on the layer": (
        "columns = self.columns(x)\n        dw",
        "columns = self.kept = self.columns(x)\n        dw",
    ),
    "x padded in place": ("= x\n        columns =", "= x\n        x[:, 0] = 0\n        columns ="),
    "dy used as a workspace": ("dbias = ", "dy *= 0.5; dbias = 2 * "),
    "computes in the parameters' dtype": ('self.params["bias"].astype(x.dtype)', 'self.params["bias"]'),
    "memory order instead of axes": ("up, part = dy[", 'up, part = dy.ravel(order="K").reshape(dy.shape)['),
    "numpy by name": ("y = x.__array_namespace__().empty", "y = np.empty"),
    "parameters changed": (
        "N, OH, OW = columns.shape[:3]",
        'N, OH, OW = columns.shape[:3]; self.params["bias"] *= 1.001',
    ),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_check_sees(mistake):
    with pytest.raises(AssertionError):
        check_learner(edited(LearnerConv, *WRONG[mistake]))


@pytest.mark.parametrize("kept", ["y", "columns", "dx", "grads"])
def test_the_check_sees_buffers_used_again(kept):
    buffers = {}  # outside the layer, where looking at the layer alone does not find it

    def reuse(name, a):
        buffer = buffers.setdefault((name, type(a), a.shape, a.dtype), a.copy())
        buffer[...] = a
        return buffer

    class Reusing(LearnerConv):
        def forward(self, x, train=False, rng=None):
            y, cache = super().forward(x)
            return (reuse("y", y), cache) if kept == "y" else (y, reuse("x", x)) if kept == "columns" else (y, cache)

        def backward(self, dy, cache, input_grad=True):
            dx, grads = super().backward(dy, cache, input_grad)
            dx = reuse("dx", dx) if kept == "dx" and input_grad else dx
            return dx, {key: reuse(key, g) if kept == "grads" else g for key, g in grads.items()}

    with pytest.raises(AssertionError):
        check_learner(Reusing)


# ---------------------------------------------------------------------------------------------- in our own


def check_ours(cls):
    for channels, features, kernel, geometry in PROBES:
        layer = cls(channels, features, kernel, **geometry, algorithm="im2col")
        check_layer(layer, batch(channels), *loops(geometry))


BACK = "xp.matmul(rows[:, f_out], kernels[:, f_out].T, out=columns)"
WRONG_IN_OURS = {
    "bias left out": ("rows += bias", "pass"),
    "bias once a group": ("out=rows[:, f_out])", "out=rows[:, f_out]); rows += bias"),
    "channels of the first group": (
        "columns = im2col(padded[..., c_in], self.windows, out_size)\n                xp.matmul",
        "columns = im2col(padded[..., : c_in.stop - c_in.start], self.windows, out_size)\n                xp.matmul",
    ),
    "kernels of the first group": ("kernels[:, f_out], out=", "kernels[:, : self.out_channels // self.groups], out="),
    "dx from the kernels of the first group": (BACK, BACK.replace("f_out].T", ": F // self.groups].T")),
    "dweight of the last block": ("dkernels[:, f_out] +=", "dkernels[:, f_out] ="),
    "dx of every block at the start": ("dx[pictures] = inside", "dx[: len(inside)] = inside"),
    "dx in spite of all": ("xp.empty(x.shape, x.dtype) if input_grad else None", "xp.empty(x.shape, x.dtype)"),
    "dweight only beside dx": ("dkernels[:, f_out] +=", "dkernels[:, f_out] += input_grad *"),
    "dbias averaged": ("channel_sums(dy)", "channel_sums(dy) / len(dy)"),
    "padding of dx kept": ("dx[pictures] = inside", "dx[pictures] = dpadded[:, : x.shape[1], : x.shape[2]]"),
    "dweight of the first picture in every block": (
        "self.windows.pad(x[pictures], out_size)\n            rows = dy",
        "self.windows.pad(x[: pictures.stop - pictures.start], out_size)\n            rows = dy",
    ),
}


@pytest.mark.parametrize("mistake", WRONG_IN_OURS)
def test_the_check_sees_in_our_own(monkeypatch, mistake):
    monkeypatch.setattr(im2col, "COLUMN_BYTES_CPU", 1)  # a picture at a time
    with pytest.raises(AssertionError):
        check_ours(edited(Conv2d, *WRONG_IN_OURS[mistake]))


def test_our_own_passes(monkeypatch):
    monkeypatch.setattr(im2col, "COLUMN_BYTES_CPU", 1)
    check_ours(edited(Conv2d))
