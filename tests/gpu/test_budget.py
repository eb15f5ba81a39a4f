"""A training step of alexnet on 512 pictures keeps within its budget of device memory traffic and launches."""

import pytest

from tests.gpu import budget
from tinyalex.bench.predicted import MACHINES, predict
from tinyalex.bench.setup import Setup
from tinyalex.layers import LocalResponseNorm

MOST_GB, MOST_LAUNCHES = 45, 250  # of a whole step, besides matrix products, however the parts' bounds are set
COLUMNS = ("GB", "launches", "MB in slow reductions")


@pytest.fixture(scope="module")
def counted():
    return budget.counted()


def test_every_part_keeps_within_its_bounds(counted):
    """The bounds are in budget.txt; `python -m tests.gpu.budget --write` lowers them after an improvement."""
    allowed, over = budget.bounds(), []
    for part, figures in counted.items():
        for what, found, most in zip(COLUMNS, figures, allowed.get(part, (0, 0, 0))):
            if found > most + 1e-6:
                over.append(f"{' '.join(part)}: {found:.2f} {what}, expected at most {most}")
    assert not over, "\n".join(over)


def test_the_whole_step_keeps_within_its_bounds(counted):
    gb, launches, _ = counted["total", ""]
    assert gb <= MOST_GB and launches <= MOST_LAUNCHES


def test_the_bounds_are_those_of_this_network(counted):
    assert budget.bounds().keys() == counted.keys()


def test_a_table_of_bounds_is_read_as_it_is_written(monkeypatch, tmp_path):
    monkeypatch.setattr(budget, "FILE", tmp_path / "budget.txt")
    rows = {("conv1", "forward"): (1.2345, 7, 0.04), ("update", ""): (0.5, 2, 0.0)}
    budget.FILE.write_text(budget.text(rows), encoding="utf-8")
    assert budget.bounds() == {("conv1", "forward"): (1.24, 7, 0.1), ("update", ""): (0.5, 2, 0.0)}


def test_one_more_pass_is_found(monkeypatch):
    """A pass more over its input, in one layer: the test above would name that layer, that way, and the total."""
    plain = LocalResponseNorm.forward

    def twice(self, x, train=False, rng=None):
        return plain(self, x * 1.0, train, rng)

    before = budget.counted("alexnet", 8)
    budget.counted_step.cache_clear()
    monkeypatch.setattr(LocalResponseNorm, "forward", twice, raising=True)
    try:
        after = budget.counted("alexnet", 8)
    finally:
        budget.counted_step.cache_clear()
    worse = {part for part in after if after[part][0] > before[part][0] + 1e-6 or after[part][1] > before[part][1]}
    assert worse == {("norm1", "forward"), ("norm2", "forward"), ("total", "")}
    pass_of_norm1 = 2 * 8 * 55 * 55 * 96 * 4
    assert after["norm1", "forward"][0] - before["norm1", "forward"][0] == pytest.approx(pass_of_norm1 / 1e9)


def test_every_pass_over_the_pictures_grows_with_the_batch(counted):
    small = budget.counted("alexnet", 8)
    for part in (("pool1", "forward"), ("norm2", "backward"), ("norm1", "forward")):
        assert 60 < counted[part][0] / small[part][0] <= 64.01, part


def test_the_readme_promises_no_more_than_is_predicted():
    """`python -m tests.gpu.budget --write` writes its table anew."""
    said = budget.in_the_readme()
    assert list(said) == [model for model, _ in budget.STEPS]
    for model, batch in budget.STEPS:
        gb, launches, *speeds = said[model]
        for gpu, speed in zip(MACHINES.values(), speeds, strict=True):
            row = predict(Setup(model, True, batch, 1, "gpu", bool(gpu.tf32_tflops)), gpu)
            assert row["gb"] <= gb + 0.5 and row["launches"] <= launches, model
            assert row["images_per_s"] >= 0.94 * speed, f"{model} on {gpu.name}"
