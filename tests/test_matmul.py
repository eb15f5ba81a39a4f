"""A product of two matrices, divided among threads."""

import itertools

import numpy as np
import pytest

from tests.checks import agree
from tinyalex import backend
from tinyalex.backend import products

LAYOUTS = list(itertools.product("CF", "CF"))
SHAPES = [(1, 40, 30), (30, 1, 40), (40, 30, 1), (7, 8, 9), (5, 3, 11), (0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 4, 0)]


@pytest.fixture
def divided(monkeypatch):
    monkeypatch.setattr(products, "RUN", 4)
    monkeypatch.setattr(products, "ONE_THREAD", (0, 0))


def matrices(shape, layout, dtype="float32"):
    """Of small whole numbers, whose products are exact."""
    (M, K, N), rng = shape, np.random.default_rng(0)
    parts = rng.integers(-9, 10, (M, K)), rng.integers(-9, 10, (K, N))
    return [np.asarray(part, dtype, order) for part, order in zip(parts, layout)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_right(divided, shape, layout):
    a, b = matrices(shape, layout)
    agree(backend.matmul(a, b), np.einsum("mk,kn->mn", a, b), "product", exact=True)
    assert backend.matmul(a, b.astype("float64")).dtype == "float64"


@pytest.mark.parametrize(
    ("shape", "layout", "axis"),
    [
        ((1, 40, 30), "CC", "K"),  # a fully connected layer forward
        ((30, 2, 40), "FC", "M"),  # its weight's gradient
        ((2, 30, 40), "CF", "N"),  # its input's
        ((40, 30, 2), "CC", "M"),
        ((40, 30, 2), "FC", "K"),
    ],
)
def test_each_thread_gets_one_run_of_memory(divided, monkeypatch, shape, layout, axis):
    (M, K, N), runs = shape, []
    monkeypatch.setattr(products, "ordered_map", lambda function, items: runs.extend(items) or map(function, items))
    backend.matmul(*matrices(shape, layout))
    if axis == "K":
        assert runs == [slice(start, start + 4) for start in range(0, K, 4)]
    else:
        first, second, out = runs[0]
        assert (*first.shape, second.shape[1]) == {"M": (4, K, N), "N": (M, K, 4)}[axis]
        assert out.shape == (first.shape[0], second.shape[1])
        assert len(runs) == -(-{"M": M, "N": N}[axis] // 4)


def test_the_number_of_threads_changes_nothing(divided, set_threads):
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((3, 50), dtype="float32"), rng.standard_normal((50, 20), dtype="float32")
    results = []
    for count in (1, 2, 3):
        set_threads(count)
        results.append(backend.matmul(a, b))
    for result in results[1:]:
        agree(result, results[0], "product", exact=True)


def test_small_matrices_are_not_divided(monkeypatch):
    counts = []
    monkeypatch.setattr(
        products, "ordered_map", lambda function, items: counts.append(len(items)) or map(function, items)
    )
    for M in (1, 64, 128):  # 0.6 million weights: a product by one thread, unless there are many rows
        backend.matmul(np.ones((M, 1152), "float32"), np.ones((1152, 512), "float32"))
    backend.matmul(np.ones((1, 2050), "float32"), np.ones((2050, 2050), "float32"))
    assert counts == [1, 3, 3, 5]
