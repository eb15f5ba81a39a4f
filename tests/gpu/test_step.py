"""Whole steps of training on the stand-in, by kernels through g++ and without: losses, gradients, weights, state."""

import numpy as np
import pytest

from tests.gpu.emulated import emulated, needs_compiler, watched
from tests.gpu.steps import train
from tinyalex.standin import kernels_by, xp

pytestmark = needs_compiler

KERNELS = {  # some that a step takes
    "alexnet-small": {"bias_relu", "local_norm", "local_norm_backward", "max_pool", "max_pool_backward", "sgd"},
    "alexnet-32": {"bias_relu_backward", "local_norm", "local_norm_backward", "max_pool", "max_pool_backward"},
    "vgg-small+bn": {"batch_norm_forward", "batch_norm_backward", "max_pool", "max_pool_backward"},
    "resnet20": {"batch_norm_forward", "batch_norm_backward", "relu_backward", "sgd"},
}


@pytest.mark.parametrize("name", KERNELS)
def test_steps_by_kernels_equal_steps_without(name):
    check(name, np.float32, 1e-4, threads=1)


@pytest.mark.parametrize("name", [name for name in KERNELS if name != "alexnet-32"])  # its weights take seconds
def test_steps_in_float64(name):
    check(name, np.float64, 1e-12, threads=1)


def test_in_any_order_of_threads():
    check("alexnet-small", np.float32, 1e-4, threads=5, seed=1)


def check(name, dtype, tolerance, **way):
    """Two steps of two pictures; tolerance: of each array, relative to its largest entry or 1e-3 if that is more.

    A bias before batch normalisation has a gradient of rounding alone.
    """
    losses, arrays = train(name, xp, dtype, pictures=2, steps=2)
    ran = []
    with kernels_by(watched(ran, emulated(**way))):
        losses2, arrays2 = train(name, xp, dtype, pictures=2, steps=2)
    assert KERNELS[name] <= set(ran)
    np.testing.assert_allclose(losses2, losses, rtol=tolerance)
    assert arrays2.keys() == arrays.keys()
    for key, right in arrays.items():
        atol = tolerance * max(np.abs(right).max(), 1e-3)
        np.testing.assert_allclose(arrays2[key], right, rtol=0, atol=atol, err_msg=key)
