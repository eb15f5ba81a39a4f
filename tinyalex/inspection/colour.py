"""Do the two towers divide colour between them? (paper §6.1, Fig. 3: one colour-agnostic, one colour-specific)

F kernels of KH×KW pixels over R, G and B.
"""

import numpy as np

from tinyalex.backend import array_module, random_stream, to_host


def colour_selectivity(weight):
    """The share of each kernel's energy outside the grey axis: (F,), in 0..1. weight: (KH, KW, 3, F).

        1 − Σ ((r + g + b) / √3)² / Σ (r² + g² + b²)        sums over the kernel's pixels

    0 for a kernel that sees only lightness (r = g = b at every pixel), 1 for one that gives 0 on every grey picture,
    2/3 for one with three uncorrelated colours. A kernel of zeros has 0.
    """
    xp = array_module(weight)
    weight = weight.astype(xp.float64)
    energy = (weight**2).sum(axis=(0, 1, 2))
    grey = (weight.sum(axis=2) ** 2).sum(axis=(0, 1)) / 3
    share = 1 - grey / xp.where(energy > 0, energy, 1)
    return xp.where(energy > 0, xp.clip(share, 0, 1), 0.0)


def tower_colour(weight):
    """The mean colour selectivity of the first half of the kernels, and of the second. weight: (KH, KW, 3, F).

    If conv2 has two groups, the first sees kernels 0 to F/2 − 1 and the second the others: the paper's two GPUs.
    """
    selectivity = to_host(colour_selectivity(weight))
    half = len(selectivity) // 2
    return float(selectivity[:half].mean()), float(selectivity[half:].mean())


def differences_by_chance(selectivity, draws=1000):
    """The difference between the mean selectivities of two random halves of the kernels, `draws` times: (draws,)."""
    rng = random_stream(0, "inspect", "halves")
    shuffled = rng.permuted(np.tile(to_host(selectivity), (draws, 1)), axis=1)
    half = len(selectivity) // 2
    return np.abs(shuffled[:, :half].mean(axis=1) - shuffled[:, half:].mean(axis=1))
