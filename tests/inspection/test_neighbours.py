"""The nearest rows against a loop over every pair, with ties, tiny differences and large numbers."""

import numpy as np
import pytest

from tests.checks import edited, refused
from tinyalex.inspection import neighbours
from tinyalex.inspection.neighbours import nearest, purity


def by_loops(queries, pool, k):
    """For each query the k rows with the smallest Σ (a − b)², the lower index first among equals."""
    found = []
    for a in queries:
        distances = [sum((float(s) - float(t)) ** 2 for s, t in zip(a, b)) for b in pool]
        found.append(sorted(range(len(pool)), key=lambda row: (distances[row], row))[:k])
    return np.array(found)


def cases():
    rng = np.random.default_rng(0)
    yield rng.standard_normal((7, 5)), rng.standard_normal((23, 5)), 6
    yield rng.integers(0, 3, (9, 4)), rng.integers(0, 3, (40, 4)), 5  # many ties
    yield rng.integers(0, 256, (3, 12)).astype(np.uint8), rng.integers(0, 256, (11, 12)).astype(np.uint8), 11
    yield np.zeros((1, 3), np.float32), np.zeros((4, 3), np.float32), 2


def check_nearest(nearest):
    for queries, pool, k in cases():
        np.testing.assert_array_equal(nearest(queries, pool, k), by_loops(queries, pool, k))


@pytest.mark.parametrize("block_bytes", [1, 200, 2**26])
def test_nearest(monkeypatch, block_bytes):
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", block_bytes)
    check_nearest(nearest)


def test_distances_to_a_large_pool_are_few_at_a_time(monkeypatch):
    """Of 8 bytes each, four blocks: 400 distances here, however short the rows."""
    seen, squared = [], neighbours._squared_distances
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", 800)
    monkeypatch.setattr(neighbours, "_squared_distances", lambda a, pool: seen.append(len(a)) or squared(a, pool))
    rng = np.random.default_rng(0)
    nearest(rng.standard_normal((50, 2)), rng.standard_normal((100, 2)), 1)
    assert seen == [4] * 12 + [2]


@pytest.mark.parametrize(
    "edits",
    [
        ("np.argsort(exact", "np.argsort(-exact"),
        ('candidates[np.argsort(exact, kind="stable")[:k]]', "candidates[:k]"),
        ("rows.start + q", "q"),
    ],
)
def test_nearest_teeth(monkeypatch, edits):
    monkeypatch.setattr(neighbours, "BLOCK_BYTES", 200)
    with pytest.raises(AssertionError):
        check_nearest(edited(nearest, *edits))


def test_rounding_decides_nothing():
    """Far from the origin |a|² − 2a·b + |b|² loses what the differences keep; equal rows stay equal anywhere."""
    rng = np.random.default_rng(1)
    pool = 1e6 + np.concatenate([rng.standard_normal((30, 301)) * 1e-3] * 3)  # every row three times
    queries = pool[:10] + 1e-5
    squared = (queries**2).sum(axis=1)[:, None] - 2 * queries @ pool.T + (pool**2).sum(axis=1)
    naive = np.argsort(squared, axis=1, kind="stable")[:, :3]
    expected = [[q, q + 30, q + 60] for q in range(10)]
    assert (naive != expected).any(), "the case is too easy"
    np.testing.assert_array_equal(nearest(queries, pool, 3), expected)


def test_float32_features_are_measured_in_float64():
    pool = np.array([[3000.0, 0.01], [3000.0, 0.02]], np.float32)  # in float32 both have the length 3000
    assert nearest(np.array([[3000.0, 0.019]], np.float32), pool, 2).tolist() == [[1, 0]]


def test_k_out_of_range():
    for k in (0, 5):
        refused(lambda: nearest(np.zeros((2, 3)), np.zeros((4, 3)), k), f"k = {k}", "4")


def test_purity():
    assert purity([0, 1], [[0, 0, 1], [1, 0, 0]]) == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert purity(np.array([2]), np.array([[1, 0]])) == 0
