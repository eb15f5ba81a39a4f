"""From runs' numbers to effects, intervals, verdicts and words, against figures worked out by hand."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from tests.checks import edited
from tinyalex.experiments import report
from tinyalex.experiments.chart import draw_effect
from tinyalex.experiments.claims import CLAIMS
from tinyalex.experiments.plan import Contrast, Side
from tinyalex.experiments.trained import NoNumber
from tinyalex.experiments.transfer import COUNTS, DEPTHS
from tinyalex.plots import plt
from tinyalex.statistics import Interval
from tinyalex.terminal import progress_bar

SILENT = progress_bar(0, "", quiet=True)


def contrast(unit="points", direction=-1, paper=-1.4, a="a", b="b", margin=None):
    paper = abs(paper) if unit == "×" else paper
    return Contrast(
        "top-1 error",
        unit,
        Side("with", lambda arms: arms[a]),
        Side("without", lambda arms: arms[b]),
        direction,
        paper,
        margin,
    )


def measured(unit, pairs, direction=-1):
    return report._contrast(contrast(unit, direction), [{"a": a, "b": b} for a, b in pairs], SILENT)


def test_points_are_a_hundred_times_the_difference_with_students_interval():
    """Differences −3, −5, −4: mean −4, deviation 1, half width 4.3027 / √3."""
    found, half = measured("points", [(0.10, 0.13), (0.20, 0.25), (0.30, 0.34)]), 4.30265 / 3**0.5
    assert found["effects"] == pytest.approx([-3, -5, -4])
    assert [found[key] for key in ("low", "effect", "high")] == pytest.approx([-4 - half, -4, -4 + half], rel=1e-5)
    assert found["verdict"] == "reproduced"
    assert measured("points", [(0.10, 0.13), (0.20, 0.25), (0.30, 0.34)], direction=1)["verdict"] == "opposite"


def test_a_ratio_is_averaged_in_logarithms():
    """2 and 8: a mean ratio of 4, or 1/4 the other way round; the arithmetic means would be 5 and 0.31."""
    up, down = measured("×", [(4, 2), (8, 1)], 1), measured("×", [(2, 4), (1, 8)], 1)
    assert up["effects"] == pytest.approx([2, 8])
    assert up["effect"] == pytest.approx(4) and down["effect"] == pytest.approx(0.25)
    assert up["low"] == pytest.approx(1 / down["high"]) and up["low"] < up["effect"] < up["high"]
    three = measured("×", [(6, 1), (5.9, 1), (6.1, 1)], 1)
    assert three["verdict"] == "reproduced" and measured("×", [(1, 6), (1, 5.9), (1, 6.1)], 1)["verdict"] == "opposite"


def test_a_ratio_beyond_floats_is_none():
    assert report._shown("×", 701.0) is None and report._shown("×", -math.inf) is None and report._shown("×", 0.0) == 1


def test_one_seed_resolves_nothing():
    found = measured("points", [(0.1, 0.5)])
    assert found["effect"] == pytest.approx(-40) and found["low"] is None and found["high"] is None
    assert found["verdict"] == report.NULL


def test_equal_effects_resolve_nothing():
    assert measured("points", [(0.5, 0.75), (0.25, 0.5)])["verdict"] == report.NULL
    counts = [(150, 157), (134, 141), (275, 282)]  # 7 of 500 pictures each time, but not quite equal as floats
    found = measured("points", [(a / 500, b / 500) for a, b in counts])
    assert found["low"] != found["high"] and found["verdict"] == report.NULL


def test_a_seed_without_a_number_is_left_out():
    found = measured("points", [(0.10, 0.13), (math.nan, 0.25), (0.20, 0.25)])
    assert found["effects"] == [pytest.approx(-3), None, pytest.approx(-5)] and found["effect"] == pytest.approx(-4)
    assert found["a"]["values"] == [0.10, None, 0.20]
    json.dumps(found, allow_nan=False)
    nothing = measured("points", [(math.nan, 0.1)])
    assert nothing["effect"] is None and nothing["verdict"] == report.NULL


def test_a_diverged_run_has_no_number():
    def asked(arms):
        raise NoNumber

    assert math.isnan(report._value(Side("a", asked), {}, SILENT))


@pytest.mark.parametrize(
    "low, high, direction, expected",
    [
        (-3, -1, -1, "reproduced"),
        (1, 3, -1, "opposite"),
        (-1, 3, -1, report.NULL),
        (1, 3, 1, "reproduced"),
        (1, 3, 0, "more with with"),
        (-3, -1, 0, "more with without"),
        (-2, 2, 0, report.NULL),
    ],
)
def test_the_verdict(low, high, direction, expected):
    assert report.judge(Interval((low + high) / 2, low, high), contrast(direction=direction)) == expected


@pytest.mark.parametrize(
    "low, high, expected",
    [
        (-1.3, 1.3, "less than 1.4 points at this scale"),
        (-1.5, 0.2, report.NULL),
        (-0.2, 1.5, report.NULL),
        (-1.3, -0.1, "reproduced"),
        (0.1, 1.3, "opposite"),
    ],
)
def test_an_interval_within_the_margin(low, high, expected):
    """The margin is the paper's figure unless it is given; without either there is none."""
    interval = Interval((low + high) / 2, low, high)
    assert report.judge(interval, contrast(paper=-1.4)) == expected
    assert report.judge(interval, contrast(paper=-9.0, margin=1.4)) == expected
    if "less" in expected:
        assert report.judge(interval, contrast(paper=None)) == report.NULL
        assert report.judge(interval, contrast(paper=None, margin=1.4, direction=0)) == expected


def test_a_ratio_within_the_margin():
    """Logarithms: between a half and the double; the lower end counts too."""
    ratio = contrast("×", 1, paper=2.0)
    for low, high, expected in (
        (0.6, 1.9, "less than 2 × at this scale"),
        (0.4, 1.9, report.NULL),
        (0.6, 2.1, report.NULL),
    ):
        assert report.judge(Interval(0.0, math.log(low), math.log(high)), ratio) == expected


@pytest.mark.parametrize(
    "old, new",
    [
        ("100 if", "1 if"),
        ("(a - b)", "(b - a)"),
        ("math.log(a / b)", "(a / b)"),
        ("math.log(a / b)", "math.log(b / a)"),
    ],
)
def test_teeth(monkeypatch, old, new):
    monkeypatch.setattr(report, "effect_of", edited(report.effect_of, old, new))
    with pytest.raises(AssertionError):
        test_points_are_a_hundred_times_the_difference_with_students_interval()
        test_a_ratio_is_averaged_in_logarithms()


def test_words():
    found = measured("points", [(0.10, 0.13), (0.20, 0.25), (0.30, 0.34)])
    assert report.interval_text(found) == "−4.0 points (−6.5 to −1.5)"
    assert report.side_text(found, "a") == "with 20.0 %" and report.paper_text(found) == "−1.4 points"
    assert report.interval_text(measured("points", [(0.1, 0.5)])) == "−40.0 points"
    assert report.interval_text(measured("×", [(4, 2), (8, 1)])).startswith("4 × (")
    assert report.interval_text(measured("", [(0.5, 0.25)])) == "+0.250"


@pytest.mark.parametrize("unit, null", [("points", 0), ("×", 1)])
def test_the_picture_of_an_effect(unit, null):
    """The bar is the interval, the mark its mean; the dots are seeds, the diamond is the paper's figure."""
    found = measured(unit, [(0.10, 0.13), (0.20, 0.25), (0.30, 0.34)]) | {"paper": 0.7}
    figure, axis = plt.subplots()
    draw_effect(axis, found)
    line, bar, mean, seeds, paper = axis.lines
    assert list(line.get_xdata()) == [null, null] and list(bar.get_xdata()) == [found["low"], found["high"]]
    assert list(mean.get_xdata()) == [found["effect"]] and list(seeds.get_xdata()) == found["effects"]
    assert list(paper.get_xdata()) == [0.7] and axis.get_xscale() == ("log" if unit == "×" else "linear")
    plt.close(figure)


# ---------------------------------------------------------------------------------------------- every claim


class Everything:
    """Stands in for any trained network and answers every question."""

    history = [{"train_top1_error": 0.5, "val_top1_error": 0.4, "val_top5_error": 0.1, "train_loss": 1.0}] * 3
    training_error, diverged, tower_colour = 0.3, False, (0.2, 0.1)

    def __init__(self, first_gradient=0.3):
        norms = {"block1_1.conv1": first_gradient, "block3_1.conv1": 0.2}
        self.steps = [{"epoch": epoch, "health": {"gradient_norm": norms}} for epoch in (1, 2, 3)]
        self.probabilities = self.ten_crops = np.full((6, 8), 1 / 8)
        self.judged, self.dataset = SimpleNamespace(labels=np.arange(6)), SimpleNamespace(class_ids=range(8))

    @property
    def errors(self):
        return {f"top{k}_error": self.history[-1].get(f"val_top{k}_error") for k in (1, 5)}

    def purity(self, space):
        return {"fc7": 0.6, "pixels": 0.2}[space]

    def linear_error(self, dataset, layer, random=False):
        """Below that of any network that is trained from scratch; falls with depth unless the weights are random."""
        return 0.35 if random else 0.3 - 0.02 * DEPTHS.index(layer)


QUESTIONS = {"C15", "C20"}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.id)
def test_every_contrast_of_a_claim_reads_only_its_own_arms(claim):
    """Each side works on the claim's arms, and every arm is read by some side."""
    read = set()

    class Watched(dict):
        def __getitem__(self, name):
            read.add(name)
            return super().__getitem__(name)

        def values(self):
            read.update(self)
            return super().values()

    for one in claim.contrasts:
        found = report._contrast(one, [Watched((name, Everything()) for name in claim.arms)], SILENT)
        assert found["effects"][0] is not None, one.what
        assert one.direction or claim.id in QUESTIONS or one.what.startswith("gradient norm"), "a question"
    assert read == set(claim.arms), "an arm that no side reads"


class AsClaimed(Everything):
    """A network of the arm that the paper finds better, or of the other, in every number that a contrast reads."""

    def __init__(self, better):
        super().__init__(first_gradient=0.3 if better else 0.6)
        self.training_error = 0.19 if better else 0.3
        val = (0.6, 0.4, 0.2) if better else (0.4, 0.4, 0.4)  # lower in the end, but converging later
        train = (0.1, 0.1, 0.1) if better else (0.5, 0.4, 0.2)
        self.history = [
            {"train_top1_error": t, "val_top1_error": v, "val_top5_error": v / 2, "train_loss": 1.0 if better else 2.0}
            for t, v in zip(train, val)
        ]
        self.probabilities = self.ten_crops = np.eye(6, 8)  # always right, so an average is better than one net


@pytest.mark.parametrize(
    "errors, diverged, epochs",
    [
        ([(0.5, 0.4, 0.3), (0.5, 0.25), (0.25, 0.1)], (), 1.0),
        ([(0.5, 0.4, 0.3), (0.5, 0.25), (0.25, 0.1)], (2,), 2.0),  # the quickest diverged
        ([(0.5, 0.4, 0.3), (0.5, 0.4, 0.3), (0.1,)], (2,), 3),  # none gets there: all epochs
        ([(0.1,), (0.1,), (0.1,)], (0, 1, 2), math.nan),
    ],
)
def test_each_activation_is_taken_at_its_best_rate(errors, diverged, epochs):
    claim, arms = CLAIMS["C1"], {}
    for n, (rate, train) in enumerate(zip((0.001, 0.003, 0.01), errors)):
        history = [{"train_top1_error": error} for error in train]
        arms[f"relu at {rate:g}"] = SimpleNamespace(history=history, diverged=n in diverged)
    side = claim.contrasts[0].b
    assert side.label == "relu" and side.value(arms) == pytest.approx(epochs, nan_ok=True)


BETTER = {"base", "strong", "1", "He, 1", "3×3", "3×3, BN", "BN", "BN at 0.5"}
BETTER |= {"plain, 20 layers", "residual, 44 layers", *(f"fine-tuned, {count}" for count in COUNTS)}
IN_ORDER = ("A5B+", "B5B+", "B5B", "A5B")  # of C23, from the fewest errors to the most


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.id)
def test_every_contrast_is_the_right_way_round(claim):
    """If the paper is right, the effect has the sign of the claim; questions take the new minus the old."""
    arms = {name: AsClaimed(name in BETTER or name.startswith(("relu at", "net "))) for name in claim.arms}
    for name in arms.keys() & set(IN_ORDER):
        arms[name].history = [{"val_top1_error": 0.1 * (1 + IN_ORDER.index(name))}]
    for one in claim.contrasts:
        effect = report.effect_of(one.unit, one.a.value(arms), one.b.value(arms))
        assert effect * (one.direction or 1) > 0, one.what
        if one.paper is not None and one.direction:
            paper = math.log(one.paper) if one.unit == "×" else one.paper
            assert paper * one.direction > 0, f"{one.what}: the paper's figure lies on the other side"


# ---------------------------------------------------------------------------------------------- beforehand


@pytest.mark.parametrize(
    "seeds, words", [(3, "3 seeds resolve an effect of 2.9 points 80% of the time."), (1, "one seed resolves nothing.")]
)
def test_what_is_foreseen(seeds, words):
    """3.26 deviations for three values, see `smallest_effect`."""
    start = "If chance moves the effect of a seed by 0.9 points, as expected, "
    assert report.foreseen(CLAIMS["C23"], seeds) == start + words
    assert report.foreseen(CLAIMS["C4"], 3) == ""


def test_a_variation_that_all_arms_share_is_named():
    """As part of the network's name, since no contrast would show it."""
    assert [report._shared_variation(CLAIMS[id]) for id in ("C12", "C23", "C5", "C3", "C17")] == [
        "+bn",
        "+bn",
        "",
        "",
        "",
    ]
