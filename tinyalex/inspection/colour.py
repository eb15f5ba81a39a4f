"""Do the two towers divide colour between them? (paper §6.1, Fig. 3: one colour-agnostic, one colour-specific)

KH×KW kernels over R, G and B; F of them.
"""

import numpy as np

from tinyalex.backend import array_module, random_stream, to_host


def colour_selectivity(weight):
    """The share of each kernel's energy that lies outside the grey axis: (F,), in 0..1. weight: (KH, KW, 3, F).

        1 − Σ ((r + g + b) / √3)² / Σ (r² + g² + b²)        sums over the kernel's pixels

    0 for a kernel that sees lightness alone (r = g = b at every pixel), 1 for one that a grey picture leaves at zero;
    2/3 for one whose three colours have nothing to do with each other. A kernel of zeros has 0.
    """
    xp = array_module(weight)
    weight = weight.astype(xp.float64)
    energy = (weight**2).sum(axis=(0, 1, 2))
    grey = (weight.sum(axis=2) ** 2).sum(axis=(0, 1)) / 3
    share = 1 - grey / xp.where(energy > 0, energy, 1)
    return xp.where(energy > 0, xp.clip(share, 0, 1), 0.0)


def tower_colour(weight):
    """(mean selectivity of the first half of the kernels, of the second). weight: (KH, KW, 3, F).

    Where conv2 has two groups the first sees kernels 0 to F/2 − 1, the second the others: the paper's two GPUs.
    """
    selectivity = to_host(colour_selectivity(weight))
    half = len(selectivity) // 2
    return float(selectivity[:half].mean()), float(selectivity[half:].mean())


def differences_by_chance(selectivity, draws=1000):
    """How far the means of two halves of these kernels differ when they are put together at random: (draws,)."""
    rng = random_stream(0, "inspect", "halves")
    shuffled = rng.permuted(np.tile(to_host(selectivity), (draws, 1)), axis=1)
    half = len(selectivity) // 2
    return np.abs(shuffled[:, :half].mean(axis=1) - shuffled[:, half:].mean(axis=1))
