"""tinyalex.teaching.draws: right draws pass whatever the seed, and each planted flaw is named by its symptom."""

import math
import statistics

import numpy as np
import pytest

from tinyalex.teaching import draws

SHAPE = (6, 5, 20, 25)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("seed", range(20))
def test_right_draws_pass(seed):
    r = rng(seed)
    z, u, whole, chosen = r.standard_normal(SHAPE), r.random(SHAPE), r.integers(0, 7, 3000), r.random(SHAPE) < 0.2
    found = [
        draws.normal(0.02 * z, 0.02),
        draws.normal((3 + 0.02 * z).astype(np.float32), 0.02, mean=3),
        draws.independent_numbers(z, draws.normal_rank),
        draws.uniform(5 * u - 2, -2, 3),
        draws.independent_numbers(u, lambda v: v),
        draws.equally_often(whole, 7),
        draws.independent(whole < 3, 3 / 7),
        draws.unrelated(whole[:1500] < 3, 3 / 7, whole[1500:] < 3, 3 / 7),
        draws.share(chosen, 0.2),
        draws.independent(chosen, 0.2),
        draws.counts_vary(chosen.sum(axis=(1, 2, 3)), 2500, 0.2),
        draws.generator(lambda g: g.random(20) < 0.5),
    ]
    assert found == [None] * len(found)


def test_the_bounds_are_as_tight_as_they_say():
    """At a level of 0.2, right draws fail at most that often, and exact binomial bounds nearly that often."""

    def failures(test):
        return sum(test(rng(seed)) is not None for seed in range(300)) / 300

    assert 0.1 < failures(lambda r: draws.share(r.random(2000) < 0.3, 0.3, 0.2)) < 0.25
    assert failures(lambda r: draws.uniform(r.random(500), 0, 1, 0.2)) < 0.25
    assert failures(lambda r: draws.normal(r.standard_normal(500), 1, level=0.2)) < 0.25
    assert failures(lambda r: draws.equally_often(r.integers(0, 5, 500), 5, 0.2)) < 0.25
    assert failures(lambda r: draws.independent(r.random((8, 50)) < 0.4, 0.4, level=0.2)) < 0.25
    assert failures(lambda r: draws.counts_vary(r.binomial(40, 0.3, 12), 40, 0.3, 0.2)) < 0.25
    assert 0.02 < failures(lambda r: draws.unrelated(r.random(900) < 0.5, 0.5, r.random(900) < 0.3, 0.3, 0.2)) < 0.25


@pytest.mark.parametrize("n, chance", [(1, 0.5), (10, 0.2), (1000, 0.003), (40_000, 0.2)])
def test_usual_counts_leave_out_just_the_tails(n, chance):
    weights = np.exp(draws._log_binomial(n, chance))
    assert weights.sum() == pytest.approx(1, rel=1e-9)
    least, most = draws._usual_counts(n, chance, 1e-6)
    assert weights[:least].sum() <= 5e-7 < weights[: least + 1].sum()
    assert weights[most + 1 :].sum() <= 5e-7 < weights[most:].sum()


def _standardised(z):
    return 0.02 * (z - z.mean()) / z.std()


def _of_exact_size(z):
    return 0.02 * z / np.sqrt((z**2).mean())


def _hollow(z):
    return np.where(np.abs(z) < 1, 0.54 * np.sign(z), z)


NORMAL_FLAWS = [
    (0.02 * rng().standard_normal(SHAPE) + 0.002, "mean is 0.00"),
    (0.0212 * rng().standard_normal(SHAPE), "standard deviation is 0.021"),
    (0.0188 * rng().standard_normal(SHAPE), "standard deviation is 0.018"),
    (np.zeros(SHAPE), "standard deviation is 0"),
    (np.clip(0.02 * rng().standard_normal(SHAPE), -0.05, 0.05), "beyond three"),
    (np.sqrt(3) * 0.02 * rng().uniform(-1, 1, SHAPE), "beyond three"),
    (0.02 * rng().laplace(0, np.sqrt(0.5), SHAPE), "beyond three"),
    (0.02 * rng().logistic(0, np.sqrt(3) / np.pi, SHAPE), "beyond three"),
    (_standardised(rng().standard_normal(SHAPE)).astype(np.float32), "mean is 0 to many digits"),
    (_of_exact_size(rng().standard_normal(SHAPE)).astype(np.float32), "deviation is 0.02 to many digits"),
    (0.02 * rng().choice([-1.0, 1.0], SHAPE), "beyond three"),
    (np.append(0.02 * rng().standard_normal(15_000), 0.16), "One lies 8.0 standard"),
    (0.02 * (rng().gamma(4, 0.5, SHAPE) - 2), "beyond three"),
    (0.02 * _hollow(rng().standard_normal(SHAPE)), "are at most"),
    (np.append(rng().standard_normal(99), np.nan), "not finite"),
]


@pytest.mark.parametrize("flawed, symptom", NORMAL_FLAWS)
def test_normal_names(flawed, symptom):
    assert symptom in draws.normal(flawed, 0.02)


@pytest.mark.parametrize(
    "flawed, symptom",
    [
        (rng().uniform(-1, 1, 900), "is drawn, expected 0 to 1"),
        (rng().uniform(0, 1.1, 900), "is drawn, expected 0 to 1"),
        (rng().uniform(0, 0.8, 900), "99.9% are at most 0.798, expected about 79.8%"),
        (rng().uniform(0.2, 1, 900), "% are at most 0.2"),
        (rng().random(900) ** 2, "are at most"),
        (rng().integers(0, 4, 900) / 4, "are at most"),
    ],
)
def test_uniform_names(flawed, symptom):
    assert symptom in draws.uniform(flawed, 0, 1)


@pytest.mark.parametrize(
    "flawed, symptom",
    [
        (rng().integers(0, 8, 900), "7 is drawn, expected 0 to 6"),
        (rng().integers(-1, 7, 900), "-1 is drawn"),
        (rng().integers(0, 6, 900), "6 is drawn 0 times of 900, expected about 129"),
        (np.round(rng().uniform(0, 6, 900)), "is drawn"),
        (np.minimum(rng().integers(0, 100, 9000), rng().integers(0, 100, 9000)) % 7 // 6 * 6, "is drawn"),
        (7 * rng().random(3000) ** 1.2 // 1, "0 is drawn"),
    ],
)
def test_equally_often_names(flawed, symptom):
    assert symptom in draws.equally_often(flawed, 7)


def test_equally_often_adds_up_what_no_single_place_shows():
    chance = np.where(np.arange(200) < 100, 1.12, 0.88) / 200
    assert "58.7% are 0 to 103" in draws.equally_often(rng().choice(200, 4000, p=chance), 200)


def test_share_names():
    assert draws.share(rng().random(40_000) < 0.8, 0.2) == "It is 32,038 of 40,000, expected 7,611 to 8,394."
    assert draws.share(rng().random(40_000) < 0.22, 0.2)


def _repeated(count, axis, shape=(8, 12, 64, 3)):
    """Booleans with one draw for each `count` neighbours along an axis."""
    fewer = [-(-size // count) if i == axis else size for i, size in enumerate(shape)]
    return np.repeat(rng(1).random(fewer) < 0.4, count, axis).take(range(shape[axis]), axis)


@pytest.mark.parametrize("axis, name", list(enumerate(["picture", "row", "column", "channel"])))
def test_independent_names_the_axis(axis, name):
    count = (8, 12, 64, 3)[axis]
    assert (
        draws.independent(_repeated(count, axis), 0.4)
        == f"They do not change along the {name} axis: one draw serves all."
    )
    assert f"Neighbours along the {name} axis" in draws.independent(_repeated(2, axis), 0.4)


def test_independent_finds_blocks_repetitions_and_walks():
    assert "Neighbours along axis 0" in draws.independent(_repeated(32, 0, (1024,)), 0.4)
    assert "Neighbours along axis 0" in draws.independent(_repeated(2, 0, (1024,)), 0.4)
    tiled = np.tile(rng().random(512) < 0.5, 2)
    assert "Draws 512 apart along axis 0" in draws.independent(tiled, 0.5)
    period = np.resize(rng().random(97) < 0.3, SHAPE)
    assert "Draws 97 apart along the order of memory" in draws.independent(period, 0.3)
    alternating = np.arange(1024) % 2 == 0
    assert "correlation -1.00" in draws.independent(alternating, 0.5)
    shared_by_two_axes = np.broadcast_to(rng().random((40, 1, 1, 60)) < 0.5, (40, 4, 5, 60))
    assert "the row axis" in draws.independent(shared_by_two_axes, 0.5)


def test_independent_numbers_sees_shared_signs_and_shared_sizes():
    z = rng().standard_normal(SHAPE)
    signs = np.sign(rng(1).standard_normal((*SHAPE[:3], 1)))
    assert "channel axis" in draws.independent_numbers(np.abs(z) * signs, draws.normal_rank)
    assert "channel axis" in draws.independent_numbers(np.sign(z) * np.abs(z[..., :1]), draws.normal_rank)
    repeated = np.resize(rng().standard_normal(1999), (50, 40, 3))
    assert "Draws 1999 apart along the order of memory" in draws.independent_numbers(repeated, draws.normal_rank)


def test_counts_that_are_always_the_same():
    chosen = np.stack([rng(i).permutation(100) < 20 for i in range(12)])
    assert draws.counts_vary(chosen.sum(axis=1), 100, 0.2) == (
        "Each of the 12 times it is exactly 20 of 100: independent draws differ."
    )
    nearly = 8000 + np.arange(12) % 3
    assert "lie between 8000 and 8002" in draws.counts_vary(nearly, 40_000, 0.2)
    assert draws.counts_vary([20, 20], 100, 0.2) is None  # twice is chance


def test_unrelated_names():
    a = rng().random(900)
    assert "correlation 0.96" in draws.unrelated(a < 0.3, 0.3, a < 0.3, 0.3)
    assert "correlation -" in draws.unrelated(a < 0.3, 0.3, a > 0.3, 0.7)


@pytest.mark.parametrize(
    "flawed, symptom",
    [
        (lambda r: np.random.default_rng().random(9), "same seed give different"),
        (lambda r: np.random.default_rng(3).random(9), "Two calls with one generator"),
        (lambda r: np.random.default_rng(int(r.integers(3))).random(9), "give the same draws"),
    ],
)
def test_generator_names(flawed, symptom):
    assert symptom in draws.generator(flawed)


def test_few_draws_are_no_evidence():
    assert draws.independent(np.ones(5, bool), 0.5) is None
    assert draws.share([True, True], 0.5) is None
    assert draws.uniform([0.1], 0, 1) is None
    with pytest.raises(ValueError, match="chance is 1"):
        draws.share([True], 1)


def _grid(mean, std, n=1001):
    """Numbers as normal as can be, with exactly this mean and standard deviation (about that mean)."""
    z = np.array([statistics.NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])
    return mean + std * (z - z.mean()) / z.std()


def _ratio(log, low, high):
    """r with r − 1 − log r = log, between low and high."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (middle - 1 - math.log(middle) < log) == (high > 1) else (low, middle)
    return low


def test_the_bounds_of_normal_are_where_the_formulas_put_them():
    n, part = 1001, 1e-6 / 7  # seven tests share the level
    far, near = statistics.NormalDist().inv_cdf(1 - part / 2) / math.sqrt(n), part * math.sqrt(math.pi / 2 / n)
    usual = 0.3 / math.sqrt(n)
    assert draws.normal(_grid(0.999 * far, 1.001), 1) is None
    assert "mean is 0.166, expected about 0" in draws.normal(_grid(1.001 * far, 1.001), 1)
    assert draws.normal(_grid(1.1 * near, 1.001), 1) is None
    assert "mean is 0 to many" in draws.normal(_grid(0.9 * near, 1.001), 1)
    for low, high in ((0.5, 1.0), (1.0, 2.0)):
        ratio = _ratio(2 / (n - 1) * math.log(2 / part), low, high)
        for beyond, words in ((1.001, "standard deviation is"), (0.999, None)):
            variance = (1 + (ratio - 1) * beyond) * (n - 1) / n
            found = draws.normal(_grid(usual, math.sqrt(variance)), 1)
            assert words in found if words else found is None
    gap = part * math.sqrt(math.pi * (n - 2)) / n
    assert "deviation is 1 to many" in draws.normal(_grid(usual, math.sqrt(1 - usual**2 + 0.9 * gap)), 1)
    assert draws.normal(_grid(usual, math.sqrt(1 - usual**2 + 1.1 * gap)), 1) is None


def test_few_normal_numbers_are_no_evidence():
    assert [draws.normal([0.4, -0.9, 1.1][:n], 1) for n in (1, 2, 3)] == [None] * 3
    assert "farthest of 1 is" in draws.normal([0.0], 1)


def test_normal_numbers_that_are_cut_off():
    z = np.random.default_rng(0).standard_normal(100_000)
    for end, found in ((3.5, "farthest of 100,000 is 3.50"), (4.5, None)):
        symptom = draws.normal(np.clip(z, -end, end), 1)
        assert found in symptom if found else symptom is None


def test_share_and_counts_at_their_bounds():
    least, most = draws._usual_counts(1000, 0.3, 1e-6)
    drawn = [draws.share(np.arange(1000) < count, 0.3) for count in (least - 1, least, most, most + 1)]
    assert [found is None for found in drawn] == [False, True, True, False]
    width = [draws.counts_vary([200 - w, 200 + w] * 8, 1000, 0.2) is None for w in (1, 3, 5, 8, 12)]
    assert width == [False, False, True, True, True]
    places = draws._usual_counts(7000, 1 / 7, 1e-6 / 14)
    for count, right in ((places[0] - 1, False), (places[0], True), (places[1], True), (places[1] + 1, False)):
        even = np.resize(np.array([0, 1, 2, 4, 5, 6]), 7000 - count)
        assert (draws.equally_often(np.append(even, np.full(count, 3)), 7) is None) == right


def test_uniform_at_its_bound():
    gap = math.sqrt(math.log(2e6) / 2000)
    for moved, right in ((0.999, True), (1.001, False)):
        even = (np.arange(1000) + 0.5) / 1000
        assert (draws.uniform(np.maximum(even, moved * gap), 0, 1) is None) == right
