"""The fast way to convolve: a tile of outputs at a time, with far fewer multiplications (Winograd's minimal filtering).

Along one axis, m outputs of a kernel of K weights hang on P = m + K − 1 pixels, and P multiplications are enough where
the plain way takes m·K. For outputs, kernel and pixels are the coefficients of polynomials, and a product of polynomials
is had by evaluating both at P points, multiplying value by value, and going back. With kernel g, pixels d, outputs y:

    y = Aᵀ · [(G·g) ∘ (Bᵀ·d)]          on P×P pixels: y = Aᵀ · [(G·g·Gᵀ) ∘ (Bᵀ·d·B)] · A

A, B and G are small and fixed. Their two-dimensional forms act on a tile laid out as one column, so every step is a matrix
product; and since every step is linear, the gradients are the same matrices transposed, in the opposite order. In between,
each of the P² points has a product over the channels of its own, (tiles, C) @ (C, F): 64 of them give 16 outputs of a
5×5 kernel, where the plain way multiplies 400 times. The price is rounding: in float32 the results are off by 2e-6 to
7e-6 of their size where the plain way is off by 4e-7 (root mean square; `tests/layers/test_winograd.py` holds them to it).

A kernel that moves by S pixels is one of K = ⌈k/S⌉ that moves by one, over a picture whose S×S blocks are folded into
channels: conv1 of the paper, 11×11 by 4 over 3 channels, is 3×3 over 48.

N pictures, C channels in (folded: S·S·C), F out, G groups; TH×TW tiles. Source: Winograd, "Arithmetic Complexity of
Computations" (1980); Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), arXiv:1509.09308.
"""

from functools import cache

import numpy as np

from tinyalex.backend import array_module, scratch
from tinyalex.layers.im2col import blocks, group_slices
from tinyalex.layers.windows import Windows

# Where the polynomials are evaluated, first ones first; infinity, which reads off the highest coefficient, comes last.
# Small numbers and their reciprocals: their powers differ little, so little is lost where large numbers cancel.
POINTS = (0, 1, -1, 2, -1 / 2, -2, 1 / 2)

LARGEST_TILE = 4  # outputs along a side; larger ones multiply less, but round more
KERNELS = (3, 5)  # folded; P stays within the points above
LEAST_CHANNELS = 24  # in a group, folded; with fewer, the products are too thin to be faster than a large one
BLOCK_BYTES = 4 << 20


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

    windows: a `Windows` for which `fits` is true;  groups: G;  out_size: (OH, OW)
    """

    def __init__(self, windows, groups, out_size):
        (self.k, _), (self.S, _) = windows.kernel, windows.stride
        self.groups, self.out_size = groups, out_size
        self.K = -(-self.k // self.S)
        self.m = best_tile(self.K, out_size)
        self.P = self.m + self.K - 1
        self.A, self.B, self.G = matrices(self.m, self.K)
        self.tiles = Windows(self.P * self.S, self.m * self.S, windows.padding, "ceil")
        self.grid = tuple(-(-size // self.m) for size in out_size)  # (TH, TW): tiles that cover the outputs

    def forward(self, x, weight, bias):
        """y (N, OH, OW, F) for x (N, H, W, C), weight (k, k, C/G, F) and bias (F,)."""
        xp = array_module(x)
        y = xp.empty((len(x), *self.out_size, len(bias)), x.dtype)
        kernels = self._kernels_at_points(weight)  # (P², C/G, F)
        for pictures in self._blocks(x, kernels):
            values = self._pixels_to_points(x[pictures])  # (P², tiles, C)
            products = scratch((*values.shape[:2], len(bias)), x.dtype, xp, "products")
            for c_in, f_out in group_slices(values.shape[-1], len(bias), self.groups):
                xp.matmul(values[..., c_in], kernels[..., f_out], out=products[..., f_out])
            self._points_to_outputs(products, bias, y[pictures])
        return y

    def backward(self, dy, x, weight, input_grad):
        """(dx or None, dweight) for the gradient dy of y."""
        xp = array_module(x)
        kernels = self._kernels_at_points(weight)
        dkernels = None
        dx = xp.empty(x.shape, x.dtype) if input_grad else None
        for pictures in self._blocks(x, kernels):
            values = self._pixels_to_points(x[pictures])
            dproducts = self._outputs_to_points(dy[pictures])  # (P², tiles, F)
            part = xp.empty(kernels.shape, x.dtype)
            for c_in, f_out in group_slices(values.shape[-1], dy.shape[-1], self.groups):
                xp.matmul(values[..., c_in].swapaxes(1, 2), dproducts[..., f_out], out=part[..., f_out])
                if input_grad:  # the values are used up, so their scratch may take the gradients
                    xp.matmul(dproducts[..., f_out], kernels[..., f_out].swapaxes(1, 2), out=values[..., c_in])
            dkernels = part if dkernels is None else xp.add(dkernels, part, out=dkernels)
            if input_grad:
                self._points_to_pixels(values, dx[pictures])
        return dx, self._points_to_kernels(dkernels, weight.shape)

    # ------------------------------------------------------------------------------------------ kernels

    def _kernels_at_points(self, weight):
        """G·g·Gᵀ of every kernel, folded: (P², S·S·C/G, F)."""
        k, _, C, F = weight.shape
        K, S = self.K, self.S
        if S > 1:
            whole = array_module(weight).zeros((K * S, K * S, C, F), weight.dtype)
            whole[:k, :k] = weight
            weight = whole.reshape(K, S, K, S, C, F).transpose(0, 2, 1, 3, 4, 5)
        at_points = self._cast(self.G, weight) @ weight.reshape(K * K, -1)
        return at_points.reshape(self.P**2, S * S * C, F)

    def _points_to_kernels(self, dkernels, shape):
        """The transpose of `_kernels_at_points`: dweight (k, k, C/G, F)."""
        k, _, C, F = shape
        K, S = self.K, self.S
        dweight = self._cast(self.G, dkernels).T @ dkernels.reshape(self.P**2, -1)
        folded = dweight.reshape(K, K, S, S, C, F).transpose(0, 2, 1, 3, 4, 5)
        return folded.reshape(K * S, K * S, C, F)[:k, :k]

    # ------------------------------------------------------------------------------------------ pixels

    def _pixels_to_points(self, x):
        """Bᵀ·d·B of every tile: (P², N·TH·TW, S·S·C), in scratch memory."""
        xp, P, S = array_module(x), self.P, self.S
        view = self.tiles.view(self.tiles.pad(x, self.grid), self.grid)  # (N, TH, TW, P·S, P·S, C)
        view = view.reshape(*view.shape[:3], P, S, P, S, -1).transpose(3, 5, 0, 1, 2, 4, 6, 7)
        tiles = scratch(view.shape, x.dtype, xp, "tiles")  # (P, P, N, TH, TW, S, S, C)
        tiles[...] = view
        values = scratch((P * P, view[0, 0].size), x.dtype, xp, "values")
        xp.matmul(self._cast(self.B, x).T, tiles.reshape(P * P, -1), out=values)
        return values.reshape(P * P, -1, S * S * x.shape[-1])

    def _points_to_pixels(self, dvalues, dx):
        """The transpose of `_pixels_to_points`; tiles overlap, so they add up. Writes dx."""
        xp, P, S = array_module(dx), self.P, self.S
        dtiles = scratch((P, P, len(dx), *self.grid, S, S, dx.shape[-1]), dx.dtype, xp, "tiles")
        xp.matmul(self._cast(self.B, dx), dvalues.reshape(P * P, -1), out=dtiles.reshape(P * P, -1))
        dpadded, inside = self.tiles.zeros(dx.shape, self.grid, dx.dtype, xp)
        for (i, j), pixels in self.tiles.places(dpadded, self.grid):
            pixels += dtiles[i // S, j // S, :, :, :, i % S, j % S]
        dx[...] = inside

    # ------------------------------------------------------------------------------------------ outputs

    def _points_to_outputs(self, products, bias, y):
        """Aᵀ·[…]·A of every tile, and the bias. Writes y."""
        xp, m = array_module(y), self.m
        tiles = scratch((m, m, len(y), *self.grid, y.shape[-1]), y.dtype, xp, "tiles")
        xp.matmul(self._cast(self.A, y).T, products.reshape(self.P**2, -1), out=tiles.reshape(m * m, -1))
        for place, cell in self._cells(y):
            xp.add(tiles[place], bias, out=cell)

    def _outputs_to_points(self, dy):
        """The transpose of `_points_to_outputs`: (P², N·TH·TW, F), in scratch memory."""
        xp, m, F = array_module(dy), self.m, dy.shape[-1]
        tiles = scratch((m, m, len(dy), *self.grid, F), dy.dtype, xp, "tiles")
        tiles[...] = 0  # where tiles hang over the edge
        for place, cell in self._cells(dy):
            tiles[place] = cell
        dproducts = scratch((self.P**2, tiles[0, 0].size), dy.dtype, xp, "products")
        xp.matmul(self._cast(self.A, dy), tiles.reshape(m * m, -1), out=dproducts)
        return dproducts.reshape(self.P**2, -1, F)

    def _cells(self, y):
        """For each (i, j) in a tile: where it stands in all tiles that have it, and the outputs there (a view)."""
        for i in range(self.m):
            for j in range(self.m):
                cell = y[:, i :: self.m, j :: self.m]
                yield (i, j, slice(None), slice(cell.shape[1]), slice(cell.shape[2])), cell

    def _cast(self, matrix, like):
        return array_module(like).asarray(matrix, like.dtype)

    def _blocks(self, x, kernels):
        """Slices over pictures: few, so that the values stay in the caches, but not so few that the kernels at the
        points, which are gone through once a block, are larger than they."""
        P2, C, F = kernels.shape
        TH, TW = self.grid
        picture = P2 * TH * TW * (self.groups * C + F) * x.dtype.itemsize
        return blocks(len(x), max(BLOCK_BYTES, 2 * kernels.nbytes) // picture)
