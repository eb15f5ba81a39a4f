"""Windows as rows of a matrix, so that convolution is one matrix product; and the way back.

N pictures, H×W pixels, C channels in; KH×KW kernel; OH×OW places; F channels out; G groups.
"""

from tinyalex.backend import Array, array_module, is_host, scratch
from tinyalex.layers.blocks import slices
from tinyalex.layers.windows import Windows

# Columns are made for as many pictures at a time as fit in this many bytes: a block that stays in the processor's
# caches is multiplied faster, and conv1 of the paper's network at batch 128 would need 536 MiB of them at once.
COLUMN_BYTES_CPU = 4 << 20
COLUMN_BYTES_GPU = 512 << 20


def im2col(padded: Array, windows: Windows, out_size: tuple[int, int]) -> Array:
    """Unroll every window into a row: (N·OH·OW, KH·KW·C), in the order of the kernel's own axes.

    The result is scratch memory: use it before the next call, never keep it.
    """
    xp = array_module(padded)
    view = windows.view(padded, out_size)  # (N, OH, OW, KH, KW, C)
    columns = scratch(view.shape, padded.dtype, xp)
    columns[...] = view
    N, OH, OW, KH, KW, C = view.shape
    return columns.reshape(N * OH * OW, KH * KW * C)


def col2im(dcolumns: Array, dpadded: Array, windows: Windows, out_size: tuple[int, int]) -> None:
    """Add every window's gradient to the pixels it was read from; windows that overlap add up. Writes dpadded."""
    (KH, KW), (N, _, _, C) = windows.kernel, dpadded.shape
    dcolumns = dcolumns.reshape(N, *out_size, KH, KW, C)
    for (i, j), pixels in windows.places(dpadded, out_size):
        pixels += dcolumns[:, :, :, i, j]


def group_slices(C: int, F: int, groups: int) -> list[tuple[slice, slice]]:
    """For each group, its run of the C channels in and its run of the F kernels."""
    c, f = C // groups, F // groups
    return [(slice(g * c, (g + 1) * c), slice(g * f, (g + 1) * f)) for g in range(groups)]


def picture_blocks(x: Array, column_entries: int) -> list[slice]:
    """Slices over the pictures of x, each as large as the columns' budget allows.

    column_entries: how many one picture has
    """
    budget = COLUMN_BYTES_CPU if is_host(x) else COLUMN_BYTES_GPU
    return slices(len(x), budget // (column_entries * x.dtype.itemsize))
