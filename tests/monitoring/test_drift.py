"""The tests for drift: how often they cry wolf, whether they find drift in either direction, and their corners."""

import numpy as np
import pytest

from tests.monitoring.false_alarms import CORRUPTIONS, detected, held_out, rows_of
from tinyalex.data import open_validation
from tinyalex.data.corruptions import find_corruption
from tinyalex.monitoring import drift
from tinyalex.monitoring.drift import drift_tests
from tinyalex.monitoring.pictures import picture_statistics
from tinyalex.statistics import wilson


def columns(rng, N, shift=0.0, spread=1.0, odd=0.0):
    """Three columns that depend on one another, and a category; `odd` is the share of the last class beyond its own."""
    first = rng.standard_normal(N) * spread + shift
    score = 1 / (1 + np.exp(-first - rng.standard_normal(N)))
    label = np.where(rng.random(N) < odd, 19, (rng.random(N) ** 2 * 20).astype(int))
    return {"brightness": first, "confidence": np.round(score, 2), "entropy": -np.log(score), "label": label}


def false_alarms(windows, rate, m, n, test=drift_tests, groups=False):
    """In how many windows without drift there is an alarm."""
    found = 0
    for number in range(windows):
        rng = np.random.default_rng(number)
        reference, window = columns(rng, m), columns(rng, n)
        clients = {"client": rng.integers(0, 3, n)} if groups else None
        found += any(one.alarm for one in test(window, reference, rate, clients, seed=number))
    return found


@pytest.fixture
def few_deals(monkeypatch):
    """Fewer deals: p is as right, but coarser."""
    monkeypatch.setattr(drift, "DEALS", 100)


@pytest.mark.parametrize("m, n, groups", [(90, 60, False), (400, 120, True)])
def test_false_alarms_come_at_the_wanted_rate(few_deals, m, n, groups):
    windows, rate = 120, 0.1
    found = false_alarms(windows, rate, m, n, groups=groups)
    interval = wilson(found, windows, 0.99)
    assert interval.low <= rate <= interval.high, f"{found} of {windows}"


def without_max(window, reference, rate, groups, seed):
    """A wrong test: each column at the rate by itself."""
    single = [drift_tests({name: window[name]}, reference, rate, groups, seed) for name in window]
    return [test for tests in single for test in tests]


def as_if_known(window, reference, rate, groups, seed):
    """A wrong test: the reference is taken for the truth, as if it were not a sample."""
    many = {name: np.repeat(values, 20) for name, values in reference.items()}
    return drift_tests(window, many, rate, groups, seed)


@pytest.mark.parametrize("wrong", [without_max, as_if_known])
def test_wrong_thresholds_are_caught(few_deals, wrong):
    assert wilson(false_alarms(60, 0.1, 60, 60, wrong), 60, 0.99).low > 0.1


@pytest.mark.parametrize(
    "change, column",
    [({"shift": 0.8}, "brightness"), ({"shift": -0.8}, "brightness"), ({"spread": 2}, "brightness")]
    + [({"spread": 0.4}, "brightness"), ({"odd": 0.15}, "label")],
)
def test_drift_is_found_in_either_direction_and_named(few_deals, change, column):
    rng = np.random.default_rng(5)
    tests = drift_tests(columns(rng, 200, **change), columns(rng, 500), 0.01)
    assert tests[0].alarm and column in [test.column for test in tests if test.alarm]
    assert tests[0].p <= 0.01 and tests[0].pictures == 200 and tests[0].group == drift.WHOLE
    if "odd" in change:
        (one,) = [test for test in tests if test.column == "label"]
        assert one.what == "19" and one.now > one.before + 0.1
    elif "shift" in change:
        (one,) = [test for test in tests if test.column == "brightness"]
        assert one.what == "median" and (one.now - one.before) * change["shift"] > 0.3
    elif change.get("spread") == 2:
        (one,) = [test for test in tests if test.column == "brightness"]
        assert one.what in ("lowest 5 %", "highest 5 %") and abs(one.now) > 1.5 * abs(one.before)


def test_a_group_that_drifts_is_found_and_the_others_are_not_accused(few_deals):
    rng = np.random.default_rng(2)
    window, reference, client = columns(rng, 1000), columns(rng, 800), np.repeat(["a", "b", "c"], (940, 40, 20))
    window["brightness"][client == "b"] += 1.5
    tests = drift_tests(window, reference, 0.01, {"client": client})
    assert {(test.group, test.column) for test in tests if test.alarm} == {("client b", "brightness")}
    assert {test.group for test in tests} == {drift.WHOLE, "client a", "client b"}, "c has too few pictures"
    assert [test.pictures for test in tests if test.group == "client b"] == [40] * 4


def test_the_unseen_is_striking_only_if_it_comes_often(few_deals):
    reference = {"format": np.full(300, "JPEG")}
    one, many = np.full(100, "JPEG"), np.full(100, "JPEG")
    one[:1], many[:10] = "WEBP", "WEBP"
    assert not drift_tests({"format": one}, reference, 0.01)[0].alarm
    found = drift_tests({"format": many}, reference, 0.01)[0]
    assert found.alarm and (found.what, found.before, round(found.now, 6)) in [("WEBP", 0, 0.1), ("JPEG", 1, 0.9)]


def test_a_rare_class_that_surges_is_found_beside_common_ones(few_deals):
    found = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        before, now = (
            rng.choice(4, N, p=p) for N, p in ((600, [0.5, 0.4, 0.09, 0.01]), (200, [0.47, 0.38, 0.09, 0.06]))
        )
        found += drift_tests({"label": now}, {"label": before}, 0.05)[0].alarm
    assert found >= 8


def test_a_low_rate_takes_more_deals(few_deals):
    rng = np.random.default_rng(4)
    (test, *_) = drift_tests(columns(rng, 100, shift=2), columns(rng, 200), 0.002)
    assert test.p == pytest.approx(0.0004) and test.alarm, "100 deals would not reach it"


def test_corners(few_deals):
    rng = np.random.default_rng(0)
    reference = columns(rng, 100)
    assert drift_tests(columns(rng, drift.LEAST - 1), reference, 0.01) == []
    assert len(drift_tests(columns(rng, drift.LEAST), columns(rng, drift.LEAST), 0.01)) == 4
    assert drift_tests({}, reference, 0.01) == [] == drift_tests({"other": np.zeros(100)}, reference, 0.01)
    same = {"brightness": np.full(50, 3.0), "label": np.zeros(50, int)}
    assert [(test.p, test.alarm) for test in drift_tests(same, same, 0.01)] == [(1, False)] * 2
    window = columns(rng, 60)
    assert drift_tests(window, reference, 0.05) == drift_tests(window, reference, 0.05), "reports repeat"
    order = np.random.default_rng(1).permutation(100)
    shuffled = {name: values[order] for name, values in reference.items()}
    before, after = ({t.column: t.p for t in drift_tests(window, one, 0.05)} for one in (reference, shuffled))
    assert all(abs(before[name] - after[name]) < 0.1 for name in before), "the order of pictures matters"


def test_the_built_in_pictures_are_like_themselves_and_unlike_their_spoilt_copies(few_deals):
    """The short version of `false_alarms.py`, which needs a run: pictures without a network's scores."""
    split, _, _ = open_validation("builtin", quiet=True)
    pictures = split.gather(np.random.default_rng(0).permutation(len(split))[:900])
    columns = picture_statistics(pictures)
    found, windows = held_out(columns, 60, 0.1, pictures=150), 60
    assert wilson(found, windows, 0.99).low <= 0.1 <= wilson(found, windows, 0.99).high, f"{found} of {windows}"
    for name in CORRUPTIONS:
        spoilt = picture_statistics(find_corruption(name)(pictures[600:], 3, 0))
        assert detected(rows_of(columns, np.arange(600)), spoilt, 5, 0.05, 150)[0] == 5, name
