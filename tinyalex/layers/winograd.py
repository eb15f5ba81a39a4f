"""The fast way to convolve: a tile of outputs at a time, with far fewer multiplications (Winograd's minimal filtering).

Along one axis, m outputs of a kernel of K weights hang on P = m + K − 1 pixels, and P multiplications are enough where
the plain way takes m·K. For outputs, kernel and pixels are the coefficients of polynomials, and a product of polynomials
is had by evaluating both at P points, multiplying value by value, and going back. With kernel g, pixels d, outputs y:

    y = Aᵀ · [(G·g) ∘ (Bᵀ·d)]          on P×P pixels: y = Aᵀ · [(G·g·Gᵀ) ∘ (Bᵀ·d·B)] · A

A, B and G are small and fixed. Their two-dimensional forms act on a tile laid out as one column, so every step is a matrix
product; and since every step is linear, the gradients are the same matrices transposed, in the opposite order. In between,
each of the P² points has a product over the channels of its own, (tiles, C/G) @ (C/G, F/G): 64 of them give 16 outputs of a
5×5 kernel, where the plain way multiplies 400 times. The price is rounding: in float32 the results are off by 1e-6 to
5e-6 of their size where the plain way is off by 2e-7 to 4e-7 (root mean square, on the paper's five layers;
`tests/layers/test_winograd.py` holds them to it, `tinyalex gradcheck` shows it).

A kernel that moves by S pixels is one of K = ⌈k/S⌉ that moves by one, over a picture whose S×S blocks are folded into
channels: conv1 of the paper, 11×11 by 4 over 3 channels, is 3×3 over 48.

N pictures, C channels in (folded: S·S·C), F out, G groups; TH×TW tiles. Source: Winograd, "Arithmetic Complexity of
Computations" (1980); Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), arXiv:1509.09308.
"""

import itertools
from functools import cache, cached_property

import numpy as np

from tinyalex.backend import array_module, scratch
from tinyalex.layers.blocks import slices
from tinyalex.layers.windows import Windows

# Where the polynomials are evaluated, first ones first; infinity, which reads off the highest coefficient, comes last.
# Small numbers and their reciprocals: their powers differ little, so little is lost where large numbers cancel.
POINTS = (0, 1, -1, 2, -1 / 2, -2, 1 / 2)

LARGEST_TILE = 4  # outputs along a side; larger ones multiply less, but round more
KERNELS = (3, 5)  # folded; P stays within the points above
LEAST_CHANNELS = 24  # in a group, folded; with fewer, the products are too thin to be faster than a large one
BLOCK_BYTES = 6 << 20  # as many pictures at a time as keep the values at the points within this; at least one


def suits(windows, in_channels, groups):
    """Whether this way is open to a convolution, and expected to be the faster one: `Conv2d`'s rule."""
    S = windows.stride[0]
    return fits(windows, groups) and S * S * in_channels // groups >= LEAST_CHANNELS


def fits(windows, groups):
    """Whether this way is open: a square kernel that folds to 3×3 or 5×5, the same stride both ways."""
    (k, KW), (S, SW) = windows.kernel, windows.stride
    # folding would take the channels of a group apart
    return k == KW and S == SW and -(-k // S) in KERNELS and (S == 1 or groups == 1)


@cache
def matrices(m, K):
    """(A, B, G) for m×m outputs of K×K weights: (P², m²), (P², P²), (P², K²) in float64."""
    P = m + K - 1

    def powers(count):
        values = np.vander(POINTS[: P - 1], count, increasing=True)
        return np.vstack([values, np.eye(count)[-1]])  # at infinity only the highest coefficient counts

    one_axis = powers(m), np.linalg.inv(powers(P)), powers(K)  # to interpolate is to undo the evaluation
    return tuple(np.kron(matrix, matrix) for matrix in one_axis)


def best_tile(K, out_size):
    """m, the side of a tile: the one that takes the fewest multiplications to cover the outputs."""

    def multiplications(m):
        TH, TW = (-(-size // m) for size in out_size)
        return TH * TW * (m + K - 1) ** 2

    return min(range(2, LARGEST_TILE + 1), key=multiplications)


class Winograd:
    """Convolution with the same arguments and results as `Im2col`, to rounding.

    windows: a `Windows` for which `fits` is true;  groups: G;  out_size: (OH, OW);  weight: (k, k, C/G, F)
    self.A, .B, .G are the matrices above; in the comments on shapes G is the number of groups.
    """

    def __init__(self, windows, groups, out_size, weight):
        (self.k, _), (self.S, _) = windows.kernel, windows.stride
        self.groups, self.out_size, self.weight = groups, out_size, weight
        self.K = -(-self.k // self.S)
        self.m = best_tile(self.K, out_size)
        self.P = self.m + self.K - 1
        self.A, self.B, self.G = (array_module(weight).asarray(a, weight.dtype) for a in matrices(self.m, self.K))
        self.tiles = Windows(self.P * self.S, self.m * self.S, windows.padding, "ceil")
        self.grid = tuple(-(-size // self.m) for size in out_size)  # (TH, TW): tiles that cover the outputs

    def forward(self, x, bias):
        """y (N, OH, OW, F) for x (N, H, W, C) and bias (F,)."""
        xp = array_module(x)
        y = xp.empty((len(x), *self.out_size, len(bias)), x.dtype)
        for pictures in self._blocks(x):
            values = self._pixels_to_points(x[pictures])  # (P², G, tiles, C/G)
            products = scratch((*values.shape[:3], len(bias) // self.groups), x.dtype, xp, "products")
            xp.matmul(values, self.kernels, out=products)  # (tiles, C/G) @ (C/G, F/G) for each point and group
            self._points_to_outputs(products, bias, y[pictures])
        return y

    def backward(self, dy, x, input_grad):
        """(dx or None, dweight) for the gradient dy of y."""
        xp = array_module(x)
        dkernels = None
        dx = xp.empty(x.shape, x.dtype) if input_grad else None
        for pictures in self._blocks(x):
            values = self._pixels_to_points(x[pictures])
            dproducts = self._outputs_to_points(dy[pictures])  # (P², G, tiles, F/G)
            part = values.swapaxes(2, 3) @ dproducts  # (C/G, tiles) @ (tiles, F/G)
            dkernels = part if dkernels is None else xp.add(dkernels, part, out=dkernels)
            if input_grad:
                # the values are used up, so their scratch may take the gradients
                xp.matmul(dproducts, self.kernels_transposed, out=values)  # (tiles, F/G) @ (F/G, C/G)
                self._points_to_pixels(values, dx[pictures])
        if dkernels is None:  # no pictures
            return dx, xp.zeros(self.weight.shape, x.dtype)
        return dx, self._points_to_weight(dkernels)

    def _blocks(self, x):
        """Slices over pictures: few, so that the values stay in the caches, but not so few that the kernels at the
        points, which are gone through once a block, are larger than they."""
        P2, G, C, F = self.kernels.shape
        TH, TW = self.grid
        picture = P2 * TH * TW * G * (C + F) * x.dtype.itemsize
        return slices(len(x), max(BLOCK_BYTES, 2 * self.kernels.nbytes) // picture)

    # ------------------------------------------------------------------------------------------ kernels

    @cached_property
    def kernels(self):
        """G·g·Gᵀ of every kernel: (P², G, S·S·C/G, F/G)."""
        return self._weight_to_points(self._by_group())

    @cached_property
    def kernels_transposed(self):
        """The same with the last two axes exchanged; in this order in memory, so that the product needs no copy."""
        return self._weight_to_points(self._by_group().swapaxes(2, 3))

    def _weight_to_points(self, folded):
        return (self.G @ folded.reshape(self.K**2, -1)).reshape(self.P**2, *folded.shape[1:])

    def _by_group(self):
        """The weight, folded, its groups apart: (K², G, S·S·C/G, F/G)."""
        k, _, C, F = self.weight.shape
        K, S, G = self.K, self.S, self.groups
        whole = self.weight
        if K * S > k:
            whole = array_module(whole).zeros((K * S, K * S, C, F), whole.dtype)
            whole[:k, :k] = self.weight
        folded = whole.reshape(K, S, K, S, C, G, F // G).transpose(0, 2, 5, 1, 3, 4, 6)
        return folded.reshape(K * K, G, S * S * C, F // G)

    def _points_to_weight(self, dkernels):
        """The transpose of `kernels`: dweight (k, k, C/G, F)."""
        k, _, C, F = self.weight.shape
        K, S, G = self.K, self.S, self.groups
        folded = self.G.T @ dkernels.reshape(self.P**2, -1)
        whole = folded.reshape(K, K, G, S, S, C, F // G).transpose(0, 3, 1, 4, 5, 2, 6)
        return whole.reshape(K * S, K * S, C, F)[:k, :k]

    # ------------------------------------------------------------------------------------------ pixels

    def _pixels_to_points(self, x):
        """Bᵀ·d·B of every tile: (P², G, N·TH·TW, S·S·C/G), in scratch memory."""
        xp, P, S, G = array_module(x), self.P, self.S, self.groups
        view = self.tiles.view(self.tiles.pad(x, self.grid), self.grid)  # (N, TH, TW, P·S, P·S, C)
        view = view.reshape(*view.shape[:3], P, S, P, S, G, -1).transpose(3, 5, 7, 0, 1, 2, 4, 6, 8)
        tiles = scratch(view.shape, x.dtype, xp, "tiles")  # (P, P, G, N, TH, TW, S, S, C/G)
        tiles[...] = view
        values = scratch((P * P, view[0, 0].size), x.dtype, xp, "values")
        xp.matmul(self.B.T, tiles.reshape(P * P, -1), out=values)
        return values.reshape(P * P, G, -1, S * S * view.shape[-1])

    def _points_to_pixels(self, dvalues, dx):
        """The transpose of `_pixels_to_points`; tiles overlap, so they add up. Writes dx."""
        xp, (P, m, S, G), (TH, TW) = array_module(dx), (self.P, self.m, self.S, self.groups), self.grid
        N, H, W, C = dx.shape
        dtiles = scratch((P, P, G, N, TH, TW, S, S, C // G), dx.dtype, xp, "tiles")
        xp.matmul(self.B, dvalues.reshape(P * P, -1), out=dtiles.reshape(P * P, -1))
        # In cells as large as a tile's outputs, the first m pixels of a tile fall into its own, the others into the next
        rows, columns = (-(-size // (m * S)) for size in self.tiles.padded_size(H, W, self.grid))
        cells = xp.zeros((N, rows, m, S, columns, m, S, G, C // G), dx.dtype)
        for a, b in itertools.product(range(-(-P // m)), repeat=2):
            part = dtiles[a * m : (a + 1) * m, b * m : (b + 1) * m].transpose(3, 4, 0, 6, 5, 1, 7, 2, 8)
            cells[:, a : a + TH, : part.shape[2], :, b : b + TW, : part.shape[5]] += part
        (PH, PW), whole = self.tiles.padding, cells.reshape(N, rows * m * S, columns * m * S, C)
        dx[...] = whole[:, PH : PH + H, PW : PW + W]

    # ------------------------------------------------------------------------------------------ outputs

    def _points_to_outputs(self, products, bias, y):
        """Aᵀ·[…]·A of every tile, and the bias. Writes y."""
        xp, m, G = array_module(y), self.m, self.groups
        tiles = scratch((m, m, G, len(y), *self.grid, y.shape[-1] // G), y.dtype, xp, "tiles")
        xp.matmul(self.A.T, products.reshape(self.P**2, -1), out=tiles.reshape(m * m, -1))
        for tile, cell in self._cells(tiles, y):
            xp.add(tile, bias.reshape(G, -1), out=cell)

    def _outputs_to_points(self, dy):
        """The transpose of `_points_to_outputs`: (P², G, N·TH·TW, F/G), in scratch memory."""
        xp, m, G, F = array_module(dy), self.m, self.groups, dy.shape[-1]
        tiles = scratch((m, m, G, len(dy), *self.grid, F // G), dy.dtype, xp, "tiles")
        tiles[...] = 0  # where tiles hang over the edge
        for tile, cell in self._cells(tiles, dy):
            tile[...] = cell
        dproducts = scratch((self.P**2, tiles[0, 0].size), dy.dtype, xp, "products")
        xp.matmul(self.A, tiles.reshape(m * m, -1), out=dproducts)
        return dproducts.reshape(self.P**2, G, -1, F // G)

    def _cells(self, tiles, y):
        """For each place (i, j) in a tile the outputs there, (N, ≤TH, ≤TW, G, F/G), as views: in `tiles` and in y."""
        xp, m = array_module(y), self.m
        y = y.reshape(*y.shape[:3], self.groups, -1)
        for i in range(m):
            for j in range(m):
                cell = y[:, i::m, j::m]
                yield xp.moveaxis(tiles[i, j, :, :, : cell.shape[1], : cell.shape[2]], 0, 3), cell
