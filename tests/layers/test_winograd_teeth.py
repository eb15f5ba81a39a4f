"""The mistakes that the fast convolution invites, each planted in it, each of which the check must see."""

import pytest

from tests.checks import check_layer, edited
from tests.layers.test_conv import loops
from tests.layers.test_winograd import normal
from tinyalex.layers import Conv2d, winograd
from tinyalex.layers.blocks import slices

PROBES = [  # height, width, channels in and out, kernel, geometry: oblong, tiles half filled, groups, folded
    (7, 5, 4, 6, 3, dict(padding=(2, 1), groups=2)),
    (8, 13, 2, 3, 5, dict(stride=2, padding=(1, 0), rounding="ceil")),
    (4, 7, 1, 2, 5, dict(padding=2)),
]


@pytest.fixture(autouse=True)
def one_picture_at_a_time(monkeypatch):
    monkeypatch.setattr(winograd, "slices", lambda length, step: slices(length, 1))


def check_fast(cls=Conv2d):
    for H, W, C, F, kernel, geometry in PROBES:
        layer = cls(C, F, kernel, **geometry, algorithm="winograd")
        check_layer(layer, normal(2, H, W, C), *loops(geometry))


def test_without_a_mistake_it_passes():
    check_fast()


WRONG_MATRICES = {
    "kernels at other points": ("powers(K)  #", "np.vstack([powers(K)[-2::-1], powers(K)[-1:]])  #"),
    "one point of the kernels off": ("powers(K)  #", "powers(K) + 0.01 * np.eye(P)[:, :K]  #"),
    "powers of the kernels from the highest down": ("powers(K)  #", "powers(K)[:, ::-1]  #"),
    "a point of the outputs negated": ("powers(m), np", "powers(m) * [[1 - 2 * (i == 1)] for i in range(P)], np"),
    "pixels not interpolated": ("np.linalg.inv(powers(P))", "powers(P)"),
    "pixels interpolated the other way": ("np.linalg.inv(powers(P))", "np.linalg.inv(powers(P)).T"),
    "infinity reads the second coefficient": ("np.eye(count)[-1]", "np.eye(count)[1 if count < P else -1]"),
    "infinity left out": ("np.eye(count)[-1]", "np.eye(count)[-1] * (count == P)"),
    "rows and columns at different points": ("np.kron(matrix, matrix)", "np.kron(matrix, matrix[::-1])"),
}


@pytest.mark.parametrize("mistake", WRONG_MATRICES)
def test_the_check_sees_wrong_matrices(monkeypatch, mistake):
    monkeypatch.setattr(winograd, "matrices", edited(winograd.matrices, *WRONG_MATRICES[mistake]))
    with pytest.raises(AssertionError):
        check_fast()


CELL = "cell = y[:, i::m, j::m]"
OUTPUTS = "xp.matmul(self.A.T, products"
PIXELS = ".transpose(3, 5, 7, 0, 1, 2, 4, 6, 8)"
PART = "dtiles[a * m : (a + 1) * m, b * m : (b + 1) * m].transpose(3, 4, 0, 6, 5, 1, 7, 2, 8)"
CELLS = "b : b + TW, : part.shape[5]] += part"
FOLD = "whole.reshape(K, S, K, S, C, groups, F // groups).transpose(0, 2, 5, 1, 3, 4, 6)"
UNFOLD = "folded.reshape(K, K, groups, S, S, C, F // groups).transpose(0, 3, 1, 4, 5, 2, 6)"
FORWARD = "xp.matmul(values, self.kernels, out=products)"
ADD = "values.swapaxes(2, 3) @ dproducts"
DPRODUCTS = 'scratch((self.P**2, tiles.size // m**2), dy.dtype, xp, "products")'
WRONG = {
    # outputs
    "bias left out": ("xp.add(tile, bias.reshape(groups, -1), out=cell)", "cell[...] = tile"),
    "bias dealt to groups alternately": ("bias.reshape(groups, -1)", "bias.reshape(-1, groups).T"),
    "bias added at the points": (OUTPUTS, f"products += bias.reshape(groups, 1, -1); {OUTPUTS}"),
    "overhang of dy not zeroed": ("tiles[...] = 0  #", "pass  #"),
    "rows and columns of a tile swapped": (CELL, "cell = y[:, j::m, i::m]"),
    "outputs side by side": (CELL, "cell = y[:, i:, j:][:, : self.grid[0], : self.grid[1]]"),
    # pixels
    "pixels to the points by the transpose": ("self.B.T, tiles", "self.B, tiles"),
    "pixels from the points by the transpose": ("self.B, dvalues", "self.B.T, dvalues"),
    "tiles that overlap do not add up": (CELLS, CELLS.replace("+=", "=")),
    "tiles that do not overlap": ("self.m * self.S, windows", "self.P * self.S, windows"),
    "padding forgotten": ('windows.padding, "ceil"', '0, "ceil"'),
    "crop of dx at the corner": ("whole[:, PH : PH + H, PW : PW + W]", "whole[:, :H, :W]"),
    "rows and columns of the pixels swapped": (PIXELS, ".transpose(5, 3, 7, 0, 1, 2, 4, 6, 8)"),
    "rows and columns of dx swapped": (PART, PART.replace("3, 4, 0, 6, 5, 1, 7", "3, 4, 1, 6, 5, 0, 7")),
    "the next tile's part of dx again": (PART, PART.replace("a * m :", "0 :").replace("(a + 1) * m", "m")),
    "fold of the pixels swapped": (PIXELS, ".transpose(3, 5, 7, 0, 1, 2, 6, 4, 8)"),
    "fold of dx swapped": (PART, PART.replace("6, 5, 1, 7", "7, 5, 1, 6")),
    # kernels
    "fold of the kernels swapped": (FOLD, FOLD.replace("1, 3, 4", "3, 1, 4")),
    "fold of dweight swapped": (UNFOLD, UNFOLD.replace("3, 1, 4", "4, 1, 3")),
    "kernel at the far corner": ("whole[:k, :k] = self.weight", "whole[-k:, -k:] = self.weight"),
    "kernel turned over": ("whole = self.weight\n", "whole = self.weight[::-1, ::-1]\n"),
    "crop of dweight at the far corner": ("K * S, C, F)[:k, :k]", "K * S, C, F)[-k:, -k:]"),
    "kernels for dx not transposed": (
        "self._by_group().swapaxes(2, 3)",
        "self._by_group().reshape(self.K**2, self.groups, -1, self.S**2 * self.weight.shape[2])",
    ),
    # groups and blocks
    "channels dealt to groups alternately": (
        "P, S, P, S, groups, -1).transpose(3, 5, 7, 0, 1, 2, 4, 6, 8)",
        "P, S, P, S, x.shape[-1] // groups, groups).transpose(3, 5, 8, 0, 1, 2, 4, 6, 7)",
    ),
    "kernels dealt to groups alternately": (
        FOLD,
        FOLD.replace("groups, F // groups", "F // groups, groups").replace("5, 1, 3, 4, 6", "6, 1, 3, 4, 5"),
    ),
    "kernels of the other group": (FORWARD, FORWARD.replace("self.kernels", "self.kernels[:, ::-1]")),
    "products into the other group": (FORWARD, FORWARD.replace("=products", "=products[:, ::-1]")),
    "dx from the other group": ("self.kernels_transposed, out", "self.kernels_transposed[:, ::-1], out"),
    "dweight of the other group": (ADD, ADD.replace("dproducts", "dproducts[:, ::-1]")),
    "groups of dweight joined alternately": (UNFOLD, UNFOLD.replace("5, 2, 6", "5, 6, 2")),
    "dweight of the last block": ("xp.add(dkernels, part, out=dkernels)", "part"),
    "dx of every block at the start": ("values, dx[pictures]", "values, dx[: len(dy[pictures])]"),
    # memory
    "y in scratch memory": (
        "xp.empty((len(x), *self.out_size, F), x.dtype)",
        'scratch((len(x), *self.out_size, F), x.dtype, xp, "y")',
    ),
    "one scratch memory for two": (DPRODUCTS, DPRODUCTS.replace("products", "values")),
    "numpy by name": ("xp.add(tile, ", "np.add(tile, "),
    "matrices on the host": ("array_module(weight).asarray(a, weight.dtype)", "a.astype(weight.dtype)"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_check_sees(monkeypatch, mistake):
    monkeypatch.setattr(winograd, "Winograd", edited(winograd.Winograd, *WRONG[mistake]))
    with pytest.raises(AssertionError):
        check_fast()


DX = "xp.empty(x.shape, x.dtype)"
WRONG_AT_THE_DOOR = {  # in Conv2d, which hands out the memory
    "dx in scratch memory": (DX, 'winograd.scratch(x.shape, x.dtype, xp, "dx")'),
    "dx in spite of all": (f"{DX} if input_grad else None", DX),
    "kept beyond the batch": (
        "{} if self._prepared is None",
        'vars(self).setdefault("_prepared", {}) if self._prepared is None',
    ),
    "dbias averaged": ("channel_sums(dy)", "channel_sums(dy) / len(dy)"),
}


@pytest.mark.parametrize("mistake", WRONG_AT_THE_DOOR)
def test_the_check_sees_at_the_door(mistake):
    with pytest.raises(AssertionError):
        check_fast(edited(Conv2d, *WRONG_AT_THE_DOOR[mistake]))
