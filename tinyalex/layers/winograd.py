"""The fast way to convolve: a tile of outputs at a time, with far fewer multiplications (Winograd's minimal filtering).

Along one axis, m outputs of a kernel of K weights depend on P = m + K − 1 pixels; P multiplications suffice where the
direct method needs m·K. Outputs, kernel and pixels are the coefficients of polynomials, and polynomials are multiplied
by evaluating both at P points, multiplying value by value, and interpolating. With kernel g, pixels d, outputs y:

    y = Aᵀ · [(G·g) ∘ (Bᵀ·d)]          on P×P pixels: y = Aᵀ · [(G·g·Gᵀ) ∘ (Bᵀ·d·B)] · A

A, B and G are small and fixed. Their two-dimensional forms act on a tile laid out as one column, so every step is a
matrix product; and since every step is linear, the gradients are the same matrices transposed, in the opposite order.
Between them, each of the P² points has its own product over the channels: (tiles, C) @ (C, F). 64 such products give 16
outputs of a 5×5 kernel, where the direct method needs 400 multiplications. The price is rounding: in float32 the
results are off by 1e-6 to 5e-6 of their size, the direct method's by 2e-7 to 4e-7 (root mean square, on the paper's
five layers; `tests/layers/test_winograd.py` holds them to it, `tinyalex gradcheck` shows it).

Through the whole network the gradient of conv1's weight is off by 5e-6, the direct method's by 6e-7, as long as every
ReLU and maximum chooses as in float64. One that does not sends its gradient elsewhere: a single one can put it off by
1e-3 to 2e-2, with either method. For one picture and 46 draws of the weights that happened 7 times, 3 times directly.

A kernel that moves by S pixels equals one of K = ⌈k/S⌉ that moves by one, over a picture whose S×S blocks are folded
into channels: conv1 of the paper, 11×11 by 4 over 3 channels, is 3×3 over 48.

N pictures, C channels in (folded: S·S·C), F out, divided into groups; TH×TW tiles. Source: Winograd, "Arithmetic
Complexity of Computations" (1980); Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015),
arXiv:1509.09308.
"""

import itertools
from functools import cache, cached_property

import numpy as np

from tinyalex.backend import Array, array_module, scratch
from tinyalex.layers.blocks import slices
from tinyalex.layers.windows import Windows

# Where the polynomials are evaluated, in order; infinity, which reads off the highest coefficient, comes last.
# Small numbers and their reciprocals have powers of similar size, so little is lost where large numbers cancel.
POINTS = (0, 1, -1, 2, -1 / 2, -2, 1 / 2)

LARGEST_TILE = 4  # outputs along a side; larger ones multiply less, but round more
KERNELS = (3, 5)  # after folding; P stays within the points above
LEAST_CHANNELS = 16  # in a group, after folding; with fewer, many thin products are slower than one large one
BLOCK_BYTES = 6 << 20  # of values at the points, for the pictures of a block; at least one picture


def suits(windows: Windows, in_channels: int, groups: int) -> bool:
    """Whether this way fits a convolution and is expected to be faster: the rule of `Conv2d`."""
    S = windows.stride[0]
    return fits(windows, groups) and S * S * in_channels // groups >= LEAST_CHANNELS


def fits(windows: Windows, groups: int) -> bool:
    """Whether this way fits: a square kernel that folds to 3×3 or 5×5, with the same stride both ways."""
    (k, KW), (S, SW) = windows.kernel, windows.stride
    # folding would separate the channels of a group
    return k == KW and S == SW and -(-k // S) in KERNELS and (S == 1 or groups == 1)


@cache
def matrices(m: int, K: int) -> tuple[np.ndarray, ...]:
    """(A, B, G) for m×m outputs of K×K weights: (P², m²), (P², P²), (P², K²) in float64."""
    P = m + K - 1

    def powers(count):
        values = np.vander(POINTS[: P - 1], count, increasing=True)
        return np.vstack([values, np.eye(count)[-1]])  # at infinity only the highest coefficient counts

    one_axis = powers(m), np.linalg.inv(powers(P)), powers(K)  # to interpolate is to undo the evaluation
    return tuple(np.kron(matrix, matrix) for matrix in one_axis)


def best_tile(K: int, out_size: tuple[int, int]) -> int:
    """m, the side of the tile that covers the outputs with the fewest multiplications."""

    def multiplications(m):
        TH, TW = (-(-size // m) for size in out_size)
        return TH * TW * (m + K - 1) ** 2

    return min(range(2, LARGEST_TILE + 1), key=multiplications)


class Winograd:
    """Convolution with given weights, as `Conv2d` computes it, to rounding.

    windows: a `Windows` for which `fits` is true;  groups: how many;  out_size: (OH, OW);  weight: (k, k, C/groups, F)
    """

    def __init__(self, windows: Windows, groups: int, out_size: tuple[int, int], weight: Array) -> None:
        (self.k, _), (self.S, _) = windows.kernel, windows.stride
        self.groups, self.out_size, self.weight = groups, out_size, weight
        self.K = -(-self.k // self.S)
        self.m = best_tile(self.K, out_size)
        self.P = self.m + self.K - 1
        self.A, self.B, self.G = (array_module(weight).asarray(a, weight.dtype) for a in matrices(self.m, self.K))
        self.tiles = Windows(self.P * self.S, self.m * self.S, windows.padding, "ceil")
        self.grid = tuple(-(-size // self.m) for size in out_size)  # (TH, TW): tiles that cover the outputs

    def forward(self, x: Array, bias: Array | None) -> Array:
        """y (N, OH, OW, F) for x (N, H, W, C) and bias (F,), if there is one."""
        xp, F = array_module(x), self.weight.shape[-1]
        bias = xp.zeros(F, x.dtype) if bias is None else bias
        y = xp.empty((len(x), *self.out_size, F), x.dtype)
        for pictures in self._blocks(x):
            values = self._pixels_to_points(x[pictures])  # (P², groups, tiles, C/groups)
            products = scratch((*values.shape[:3], F // self.groups), x.dtype, xp, "products")
            xp.matmul(values, self.kernels, out=products)  # (tiles, C/groups) @ (C/groups, F/groups), point by point
            self._points_to_outputs(products, bias, y[pictures])
        return y

    def backward(self, dy: Array, x: Array, dx: Array | None) -> Array:
        """dweight for the gradient dy of y. Writes dx, unless that is None."""
        xp = array_module(x)
        dkernels = None
        for pictures in self._blocks(x):
            values = self._pixels_to_points(x[pictures])
            dproducts = self._outputs_to_points(dy[pictures])  # (P², groups, tiles, F/groups)
            part = values.swapaxes(2, 3) @ dproducts  # (C/groups, tiles) @ (tiles, F/groups)
            dkernels = part if dkernels is None else xp.add(dkernels, part, out=dkernels)
            if dx is not None:
                # the values are used up, so their scratch may hold the gradients
                xp.matmul(dproducts, self.kernels_transposed, out=values)  # (tiles, F/groups) @ (F/groups, C/groups)
                self._points_to_pixels(values, dx[pictures])
        if dkernels is None:  # no pictures
            return xp.zeros(self.weight.shape, x.dtype)
        return self._points_to_weight(dkernels)

    def _blocks(self, x):
        """Slices over pictures: few enough to stay in cache, many enough to outweigh re-reading the kernels."""
        (_, _, C, F), (TH, TW) = self.weight.shape, self.grid
        picture = self.P**2 * TH * TW * (self.S**2 * C * self.groups + F) * x.dtype.itemsize
        return slices(len(x), max(BLOCK_BYTES, 2 * self.kernel_bytes) // picture)

    # ------------------------------------------------------------------------------------------ kernels

    @property
    def kernel_bytes(self) -> int:
        """Bytes of `kernels`, which need not be computed for it."""
        _, _, C, F = self.weight.shape
        return self.P**2 * self.S**2 * C * F * self.weight.itemsize

    @cached_property
    def kernels(self) -> Array:
        """G·g·Gᵀ of every kernel: (P², groups, S·S·C/groups, F/groups)."""
        return self._weight_to_points(self._by_group())

    @cached_property
    def kernels_transposed(self) -> Array:
        """The same with the last two axes exchanged, also in memory, so that the product needs no copy."""
        return self._weight_to_points(self._by_group().swapaxes(2, 3))

    def _weight_to_points(self, folded):
        return (self.G @ folded.reshape(self.K**2, -1)).reshape(self.P**2, *folded.shape[1:])

    def _by_group(self):
        """The folded weight by group: (K², groups, S·S·C/groups, F/groups)."""
        k, _, C, F = self.weight.shape
        K, S, groups = self.K, self.S, self.groups
        whole = self.weight
        if K * S > k:
            whole = array_module(whole).zeros((K * S, K * S, C, F), whole.dtype)
            whole[:k, :k] = self.weight
        folded = whole.reshape(K, S, K, S, C, groups, F // groups).transpose(0, 2, 5, 1, 3, 4, 6)
        return folded.reshape(K * K, groups, S * S * C, F // groups)

    def _points_to_weight(self, dkernels):
        """The transpose of `kernels`: dweight (k, k, C/groups, F)."""
        k, _, C, F = self.weight.shape
        K, S, groups = self.K, self.S, self.groups
        folded = self.G.T @ dkernels.reshape(self.P**2, -1)
        whole = folded.reshape(K, K, groups, S, S, C, F // groups).transpose(0, 3, 1, 4, 5, 2, 6)
        return whole.reshape(K * S, K * S, C, F)[:k, :k]

    # ------------------------------------------------------------------------------------------ pixels

    def _pixels_to_points(self, x):
        """Bᵀ·d·B of every tile: (P², groups, N·TH·TW, S·S·C/groups), in scratch memory."""
        xp, P, S, groups = array_module(x), self.P, self.S, self.groups
        view = self.tiles.view(self.tiles.pad(x, self.grid), self.grid)  # (N, TH, TW, P·S, P·S, C)
        view = view.reshape(*view.shape[:3], P, S, P, S, groups, -1).transpose(3, 5, 7, 0, 1, 2, 4, 6, 8)
        tiles = scratch(view.shape, x.dtype, xp, "tiles")  # (P, P, groups, N, TH, TW, S, S, C/groups)
        tiles[...] = view
        values = scratch((P * P, view.size // P**2), x.dtype, xp, "values")
        xp.matmul(self.B.T, tiles.reshape(P * P, -1), out=values)
        return values.reshape(P * P, groups, -1, S * S * view.shape[-1])

    def _points_to_pixels(self, dvalues, dx):
        """The transpose of `_pixels_to_points`; overlapping tiles add up. Writes dx."""
        xp, (P, m, S, groups), (TH, TW) = array_module(dx), (self.P, self.m, self.S, self.groups), self.grid
        N, H, W, C = dx.shape
        dtiles = scratch((P, P, groups, N, TH, TW, S, S, C // groups), dx.dtype, xp, "tiles")
        xp.matmul(self.B, dvalues.reshape(P * P, -1), out=dtiles.reshape(P * P, -1))
        # In cells as large as a tile's outputs, a tile's first m pixels fall into its own cell, the rest into the next
        rows, columns = (-(-size // (m * S)) for size in self.tiles.padded_size(H, W, self.grid))
        cells = xp.zeros((N, rows, m, S, columns, m, S, groups, C // groups), dx.dtype)
        for a, b in itertools.product(range(-(-P // m)), repeat=2):
            part = dtiles[a * m : (a + 1) * m, b * m : (b + 1) * m].transpose(3, 4, 0, 6, 5, 1, 7, 2, 8)
            cells[:, a : a + TH, : part.shape[2], :, b : b + TW, : part.shape[5]] += part
        (PH, PW), whole = self.tiles.padding, cells.reshape(N, rows * m * S, columns * m * S, C)
        dx[...] = whole[:, PH : PH + H, PW : PW + W]

    # ------------------------------------------------------------------------------------------ outputs

    def _points_to_outputs(self, products, bias, y):
        """Aᵀ·[…]·A of every tile, plus the bias. Writes y."""
        xp, m, groups = array_module(y), self.m, self.groups
        tiles = scratch((m, m, groups, len(y), *self.grid, y.shape[-1] // groups), y.dtype, xp, "tiles")
        xp.matmul(self.A.T, products.reshape(self.P**2, -1), out=tiles.reshape(m * m, -1))
        for tile, cell in self._cells(tiles, y):
            xp.add(tile, bias.reshape(groups, -1), out=cell)

    def _outputs_to_points(self, dy):
        """The transpose of `_points_to_outputs`: (P², groups, N·TH·TW, F/groups), in scratch memory."""
        xp, m, groups, F = array_module(dy), self.m, self.groups, dy.shape[-1]
        tiles = scratch((m, m, groups, len(dy), *self.grid, F // groups), dy.dtype, xp, "tiles")
        tiles[...] = 0  # for tiles that hang over the edge
        for tile, cell in self._cells(tiles, dy):
            tile[...] = cell
        dproducts = scratch((self.P**2, tiles.size // m**2), dy.dtype, xp, "products")
        xp.matmul(self.A, tiles.reshape(m * m, -1), out=dproducts)
        return dproducts.reshape(self.P**2, groups, -1, F // groups)

    def _cells(self, tiles, y):
        """For each place (i, j) in a tile: its outputs as views of `tiles` and y, (N, ≤TH, ≤TW, groups, F/groups)."""
        m = self.m
        y = y.reshape(*y.shape[:3], self.groups, -1)
        for i in range(m):
            for j in range(m):
                cell = y[:, i::m, j::m]
                yield tiles[i, j, :, :, : cell.shape[1], : cell.shape[2]].transpose(1, 2, 3, 0, 4), cell
