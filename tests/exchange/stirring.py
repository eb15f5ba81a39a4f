"""Numbers for networks that leave nothing out: no bias of 0, no mean of 0, no variance of 1."""

import numpy as np

from tinyalex.data.augment import View


def numbers(*shape, seed=0, scale=0.5):
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype("float32")


def stirred(network):
    rng = np.random.default_rng(0)
    for name, array in (network.params | network.state).items():
        spread = 0.02 if array.ndim == 1 else (2 / array[..., 0].size) ** 0.5
        array[...] = rng.standard_normal(array.shape) * spread + (1 if name.endswith("running_var") else 0)
        if name.endswith("weight") and array.ndim == 1:
            array += 1
    return network


def view_of(size, crop, scale=1 / 16):
    rng = np.random.default_rng(3)
    mean = rng.uniform(90, 130, (size, size, 3)).astype("float32")
    return View(crop, scale, mean, np.array([0.2, 0.02, 0.01], "f4"), numbers(3, 3))
