"""What a picture is like, in three numbers: against loops, and each moved by its own cause alone."""

import numpy as np
import pytest

from tinyalex.monitoring.pictures import picture_statistics


def by_loops(picture):
    """The three numbers of one picture, pixel by pixel."""
    side = len(picture)
    y = [[sum(w * int(c) for w, c in zip((0.299, 0.587, 0.114), pixel)) for pixel in row] for row in picture]
    mean = sum(map(sum, y)) / side**2
    spread = (sum((v - mean) ** 2 for row in y for v in row) / side**2) ** 0.5
    inside = [(i, j) for i in range(1, side - 1) for j in range(1, side - 1)]
    curved = [y[i - 1][j] + y[i + 1][j] + y[i][j - 1] + y[i][j + 1] - 4 * y[i][j] for i, j in inside]
    across = [(y[i][j + 1] - y[i][j]) ** 2 for i in range(side) for j in range(side - 1)]
    down = [(y[i + 1][j] - y[i][j]) ** 2 for i in range(side - 1) for j in range(side)]
    slope = sum(across) / len(across) + sum(down) / len(down)
    return mean, spread, (sum(c * c for c in curved) / len(curved) / slope) ** 0.5


@pytest.fixture
def pictures():
    """Smooth pictures, neither black nor white."""
    rng = np.random.default_rng(3)
    coarse = rng.integers(60, 140, (5, 6, 6, 3), np.uint8)
    return coarse.repeat(3, axis=1).repeat(3, axis=2)


def test_the_numbers_agree_with_loops(pictures):
    found = picture_statistics(pictures)
    for number, picture in enumerate(pictures):
        expected = by_loops(picture)
        assert [found[name][number] for name in ("brightness", "contrast", "sharpness")] == pytest.approx(expected)


def test_each_cause_moves_its_own_number(pictures):
    before, lighter = picture_statistics(pictures), picture_statistics(pictures + 40)
    assert lighter["brightness"] == pytest.approx(before["brightness"] + 40)
    assert lighter["contrast"] == pytest.approx(before["contrast"])
    stronger = picture_statistics(np.uint8(pictures.astype(int) * 2 - 60))
    assert stronger["contrast"] == pytest.approx(2 * before["contrast"])
    for changed in (lighter, stronger):
        assert changed["sharpness"] == pytest.approx(before["sharpness"])
    padded = np.pad(pictures.astype(int), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    blurred = np.uint8(sum(padded[:, i : i + 18, j : j + 18] for i in range(3) for j in range(3)) / 9)
    assert (picture_statistics(blurred)["sharpness"] < 0.8 * before["sharpness"]).all()


def test_corners():
    flat = np.full((1, 8, 8, 3), 77, np.uint8)
    chess = np.repeat(np.indices((8, 8)).sum(axis=0)[None, :, :, None] % 2 * 255, 3, axis=3).astype(np.uint8)
    found = picture_statistics(np.concatenate([flat, chess]))
    assert found["sharpness"] == pytest.approx([0, 8**0.5])
    assert found["brightness"] == pytest.approx([77, 127.5]) and found["contrast"] == pytest.approx([0, 127.5])
    assert [len(values) for values in picture_statistics(flat[:0]).values()] == [0, 0, 0]
