"""Response normalisation by kernels, run through g++, equal to the layers' own words at any size, exponent and edge."""

import numpy as np
import pytest

from tests.checks import agree
from tests.gpu.emulated import emulated, needs_compiler, spoiling, watched
from tinyalex.layers import LocalResponseNorm, SpatialResponseNorm
from tinyalex.standin import kernels_by, xp

pytestmark = needs_compiler

LAYERS = {
    "the paper's": (LocalResponseNorm(), (3, 2, 2, 96)),
    "strong": (LocalResponseNorm(5, 0.4, 0.75, 1.5), (2, 3, 4, 7)),
    "a power": (LocalResponseNorm(3, 0.5, 0.6, 1.2), (2, 3, 4, 7)),
    "a negative power": (LocalResponseNorm(7, 0.5, -0.4, 0.7), (2, 3, 4, 9)),
    "groups": (LocalResponseNorm(5, 0.4, 0.75, 1.5, groups=3), (2, 3, 2, 12)),
    "wider than the channels": (LocalResponseNorm(9, 0.4, 0.75, 1.5, groups=2), (2, 3, 2, 6)),
    "itself alone": (LocalResponseNorm(1, 0.4, 0.75, 1.5), (5, 4)),
    "one channel": (LocalResponseNorm(3, 0.4, 0.75, 1.5), (5, 3, 1)),
    "vectors": (LocalResponseNorm(3, 0.4, 0.75, 1.5), (13,)),
    "spatial": (SpatialResponseNorm(5, 0.2, 0.75, 1.5), (2, 6, 7, 3)),
    "spatial, a power": (SpatialResponseNorm(3, 0.2, 0.6, 1.2), (2, 4, 5, 3)),
    "spatial, wider than the picture": (SpatialResponseNorm(9, 0.1, 0.75, 1.5), (2, 3, 4, 2)),
    "spatial, itself alone": (SpatialResponseNorm(1, 0.4, 0.75, 1.5), (2, 3, 1, 2)),
}
WAYS = {
    "seven threads": dict(threads=7, seed=5),
    "a thread each": dict(seed=6),
    "int64": dict(threads=1, index="int64"),
}


@pytest.mark.parametrize("case", LAYERS)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 2e-6), (np.float64, 1e-14)])
def test_norm(case, way, dtype, tolerance):
    layer, shape = LAYERS[case]
    x, dy = np.random.default_rng(1).standard_normal((2, *shape)).astype(dtype)
    y, (_, q) = layer.forward(x)
    dx, _ = layer.backward(dy, (x, q))
    ran = []
    with kernels_by(watched(ran, spoiling(emulated(**way)))):
        y2, (x2, q2) = layer.forward(xp.asarray(x))
        dx2, _ = layer.backward(xp.asarray(dy), (x2, q2))
        predicted = layer.predict(x2)
    assert ran == [layer.kernel, f"{layer.kernel}_backward", layer.kernel]
    for what, ours, right in (("y", y2, y), ("q", q2, q), ("dx", dx2, dx)):
        agree(ours, right, what, rtol=tolerance, atol=tolerance)
    agree(predicted, y2, "predict", exact=True)


@pytest.mark.parametrize("layer", [LocalResponseNorm(3, 0.5), SpatialResponseNorm(3, 0.5)], ids=str)
def test_what_is_not_finite_shows_where_it_shows_without_kernels(layer):
    x, dy = np.random.default_rng(2).standard_normal((2, 1, 5, 7, 8))
    x[0, 2, 3, 4], x[0, 0, 0, 0], dy[0, 4, 6, 7], dy[0, 4, 0, 2] = np.nan, np.inf, np.nan, np.inf
    with np.errstate(invalid="ignore"):
        y, (_, q) = layer.forward(x)
        dx, _ = layer.backward(dy, (x, q))
    with kernels_by(emulated()):
        y2, cache = layer.forward(xp.asarray(x))
        dx2, _ = layer.backward(xp.asarray(dy), cache)
    for ours, right in ((y2, y), (dx2, dx)):
        assert 0 < np.isnan(right).sum() < 100
        np.testing.assert_allclose(ours.get(), right, rtol=1e-13)


def test_of_no_pictures_and_of_a_picture_in_another_order():
    with kernels_by(emulated()):
        for layer in (LocalResponseNorm(3, 0.5), SpatialResponseNorm(3, 0.5)):
            y, cache = layer.forward(xp.empty((0, 5, 7, 3), np.float32))
            assert layer.backward(y, cache)[0].shape == y.shape == (0, 5, 7, 3)
            x = np.random.default_rng(3).standard_normal((5, 7, 2, 3)).transpose(2, 0, 1, 3)
            (y, cache), (y2, cache2) = layer.forward(x), layer.forward(xp.asarray(x))
            agree(y2, y, "y", rtol=1e-14)
            agree(layer.backward(y2, cache2)[0], layer.backward(y, cache)[0], "dx", rtol=1e-13, atol=1e-14)


def test_channels_that_make_no_groups_are_refused():
    with kernels_by(emulated()), pytest.raises(ValueError, match="groups"):
        LocalResponseNorm(groups=4).forward(xp.asarray(np.ones((2, 6))))
