"""The power of n values against simulations and published numbers; the spread that recorded results show."""

import json
import math

import numpy as np
import pytest

from tests.checks import edited, refused
from tests.experiments.test_table import CONTRAST, result
from tests.test_cli import call, json_of
from tests.test_documents import ROOT
from tinyalex.experiments import outlook, power
from tinyalex.experiments.power import chance, half_width, smallest_effect, spread_interval, values_needed
from tinyalex.experiments.table import earlier, write_table
from tinyalex.statistics import student_t, t_interval

OURS = ROOT / "lessons" / "claims.md"


def check_chance(chance):
    """Against drawn samples: how often an interval lies on the side of the mean."""
    rng, draws = np.random.default_rng(0), 40_000
    for n, effect, level in [(2, 5.0, 0.95), (3, 2.0, 0.95), (3, -2.0, 0.9), (10, 0.7, 0.95), (40, 0.3, 0.95)]:
        values = rng.standard_normal((draws, n))
        half = student_t(level, n - 1) * values.std(axis=1, ddof=1) / n**0.5
        on_its_side = (values.mean(axis=1) + abs(effect) > half).mean()
        assert chance(effect, n, level) == pytest.approx(on_its_side, abs=0.01), (n, effect)


def test_chance():
    """And against G*Power's numbers for a paired t-test."""
    check_chance(chance)
    assert chance(1.0, 10) == pytest.approx(0.803, abs=5e-4)
    assert chance(0.5, 34) == pytest.approx(0.808, abs=5e-4)
    assert chance(0.0, 7) == pytest.approx(0.025, abs=1e-4), "half of the intervals that miss 0"


@pytest.mark.parametrize(
    "old, new",
    [
        ("math.sqrt(n) * abs", "abs"),
        ("abs(effect)", "effect"),
        ("_critical(level, n - 1)", "_critical(level, n)"),
        ("_deviations(n - 1)", "_deviations(n + 3)"),
        ("- t * r", "- t + 0 * r"),
    ],
)
def test_chance_teeth(old, new):
    with pytest.raises(AssertionError):
        check_chance(edited(chance, old, new))


def test_smallest_effects_and_numbers_of_values():
    """34 and 199 are G*Power's for the effects 0.5 and 0.2."""
    assert [round(smallest_effect(n), 2) for n in (3, 10)] == [3.26, 1.0]
    assert [chance(smallest_effect(n), n) for n in (2, 5, 100)] == pytest.approx([power.POWER] * 3, abs=1e-6)
    assert [values_needed(effect) for effect in (1.0, -0.5, 0.2, 1e6, 0.0)] == [10, 34, 199, 2, math.inf]
    for effect in (0.37, 1.4, 3.0):
        n = values_needed(effect)
        assert chance(effect, n) >= power.POWER > chance(effect, n - 1)


@pytest.mark.parametrize("n", [1, 2.5])
def test_smallest_effect_refuses(n):
    refused(lambda: smallest_effect(n), "expected")


def test_the_half_width_is_that_of_the_interval():
    values = [0.0, 1.0, 3.0, 4.0]
    interval = t_interval(values)
    assert half_width(4) * np.std(values, ddof=1) == pytest.approx(interval.high - interval.mean)


@pytest.mark.parametrize(
    "freedom, low, high",
    # √(freedom / χ²) with the 97.5 and 2.5 % points of χ² from the tables
    [(1, 5.024, 0.000982), (2, 7.378, 0.0506), (9, 19.023, 2.700), (30, 46.979, 16.791), (100, 129.561, 74.222)],
)
def test_how_well_a_spread_is_known(freedom, low, high):
    expected = [1.5 * math.sqrt(freedom / point) for point in (low, high)]
    assert spread_interval(1.5, freedom) == pytest.approx(expected, rel=2e-3)


# ---------------------------------------------------------------------------------------------- recorded results


def row_of(effects, unit="points", **changes):
    known = [math.log(e) if unit == "×" else e for e in effects]
    mean = math.exp(np.mean(known)) if unit == "×" else float(np.mean(known))
    return CONTRAST | {"unit": unit, "effects": effects, "effect": mean} | changes


def test_rows_that_measure_alike_are_pooled():
    """The root mean square of 1 and 2, from three seeds each; not other data, nor sides of the same networks (C6)."""
    one, two = row_of([0.0, 1.0, 2.0], paper=-1.0), row_of([0.0, 2.0, 4.0])
    results = [result("C3", contrasts=[one]), result("C5", contrasts=[two]), result("C6", contrasts=[two])]
    rows = outlook.outlook([*results, result("C2", data="e", contrasts=[one])])
    assert [row["spread"]["value"] for row in rows] == pytest.approx([1, 2, 2, 1])
    root = 2.5**0.5
    assert rows[0]["pooled"]["value"] == rows[1]["pooled"]["value"] == pytest.approx(root)
    assert rows[0]["pooled"]["rows"] == 2 and rows[2]["pooled"] is rows[3]["pooled"] is None
    assert (rows[0]["pooled"]["low"], rows[0]["pooled"]["high"]) == spread_interval(root, 4)
    assert [row["resolves"] for row in rows] == pytest.approx([smallest_effect(3) * s for s in (root, root, 2, 1)])
    assert rows[0]["paper"] == {
        "value": -1.0,
        "seeds": values_needed(1 / root),
        "low": values_needed(1 / rows[0]["pooled"]["low"]),
        "high": values_needed(1 / rows[0]["pooled"]["high"]),
    }
    assert rows[1]["paper"] is None and rows[3]["effect"]["seeds"] == values_needed(1)


def test_spreads_are_weighted_by_their_freedom():
    assert outlook.pooled([(1.0, 2), (2.0, 6)]) == (pytest.approx(((2 + 6 * 4) / 8) ** 0.5), 8)


def test_ratios_are_judged_by_their_logarithms():
    (row,) = outlook.outlook([result(contrasts=[row_of([2.0, 2.0, 4.0], "×", paper=2.0)])])
    deviation = np.std(np.log([2, 2, 4]), ddof=1)
    assert row["spread"]["value"] == pytest.approx(math.exp(deviation))
    assert row["resolves"] == pytest.approx(math.exp(deviation * smallest_effect(3)))
    assert row["paper"]["seeds"] == values_needed(math.log(2) / deviation)


def test_rows_without_a_spread_are_left_out():
    """One seed, seeds that diverged, or equal effects."""
    rows = [row_of([1.0]), CONTRAST, row_of([2.0, 2.0])]
    assert outlook.outlook([result(contrasts=rows)]) == []


def test_the_command(tmp_path, capsys):
    """The spread is pooled over all claims of the table, whichever are asked for."""
    found = json_of(capsys, "experiment", "C15", "--power", "--table", OURS)["power"]
    assert [row["id"] for row in found] == ["C15"] * 3
    assert found == [row for row in outlook.outlook(earlier(OURS)) if row["id"] == "C15"]
    code, out, _ = call(capsys, "experiment", "--power", "--table", OURS)
    assert code == 0 and out.count("\nC10 ") == 4 and "over 1,000" in out
    write_table(tmp_path / "t.md", [result("C3")])
    for words, told in (
        ((), "--power: found no --table"),
        (("--table", tmp_path / "none.md"), "none.json: no such file"),
        (("--table", OURS, "--plan"), "--plan: does not go with --power"),
        (("--table", OURS, "--seeds", 5), "--seeds: does not go with --power"),
        (("--table", OURS, "--scale", "full"), "--scale: does not go with --power"),
        (("--table", OURS, "--data", "nosuch"), "--data: does not go with --power"),
        (("C3", "--table", tmp_path / "t.md"), "no results of C3 over several seeds"),
    ):
        code, out, err = call(capsys, "experiment", "--power", *words)
        assert code == 2 and out == "" and err.count("\n") == 1 and told in err, err


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"effects": ["a"]}, 'contrasts[0].effects[0]: found "a"'),
        ({"unit": "×", "effects": [2.0, 0.0]}, "contrasts[0].effects[1]: found 0"),
        ({"unit": "×", "effects": [2.0, 3.0], "paper": 0.0}, "contrasts[0].paper: found 0"),
        ({"unit": "%"}, 'contrasts[0].unit: found "%"'),
    ],
)
def test_a_damaged_table_is_refused(changes, told, tmp_path, capsys):
    (tmp_path / "t.json").write_text(json.dumps([result("C3", contrasts=[row_of([1.0, 2.0]) | changes])]))
    code, out, err = call(capsys, "experiment", "--power", "--table", tmp_path / "t.md")
    assert code == 2 and out == "" and err.count("\n") == 1 and "t.json" in err and told in err, err
    (tmp_path / "t.json").write_text(json.dumps([result("C3", contrasts=[{"what": "top-1 error", "unit": "points"}])]))
    assert call(capsys, "experiment", "--power", "--table", tmp_path / "t.md")[0] == 2
