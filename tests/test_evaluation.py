"""Top-1, top-5, ten crops: against plain loops, with the ties, the NaNs and the averages that are easily got wrong."""

import contextlib
import math

import numpy as np
import pytest

from tests.checks import agree, edited, refused
from tests.reference import softmax as softmax_by_loops
from tinyalex import evaluation
from tinyalex.data.augment import View
from tinyalex.data.dataset import Split
from tinyalex.evaluation import Evaluation, class_probabilities, evaluate, has_top5, per_picture, probabilities, ranks
from tinyalex.layers import softmax
from tinyalex.standin import xp as device

K, SIDE, CROP = 7, 6, 4


class Probe:
    """A network that sees the corner pixel of its input: scores that differ from view to view."""

    def __init__(self, num_classes=K):
        self.weight = np.random.default_rng(0).standard_normal((3, num_classes))

    def for_test(self):
        return self

    def predict(self, x):
        return np.sin(x[:, 0, 0, :] / 20.0) @ self.weight * 5


def view():
    mean = np.full((SIDE, SIDE, 3), 100, np.float32)
    return View(CROP, 1.0, mean, np.ones(3, np.float32), np.eye(3, dtype=np.float32))


def split(count=23, num_classes=K):
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (count, SIDE, SIDE, 3)).astype(np.uint8)
    return Split((pictures[:9], pictures[9:]), rng.integers(0, num_classes, count))


def rank_by_loop(scores, label):
    """Of all classes, best first and lower numbers first among equals, where the label stands."""
    return sorted(range(len(scores)), key=lambda k: (-scores[k], k)).index(label)


def check_ranks(ranks):
    rng = np.random.default_rng(2)
    scores = rng.integers(0, 4, (300, K)).astype(float)  # many ties
    scores[::3] = rng.standard_normal((100, K))
    labels = rng.integers(0, K, 300)
    expected = [rank_by_loop(row, label) for row, label in zip(scores, labels)]
    np.testing.assert_array_equal(ranks(scores, labels), expected)
    np.testing.assert_array_equal(ranks(-1000 * np.eye(K), np.arange(K)), [K - 1] * K)  # the worst there is
    np.testing.assert_array_equal(ranks(np.zeros((40, 40)), np.arange(40)), np.arange(40))  # constant: chance


def test_ranks():
    check_ranks(ranks)


@pytest.mark.parametrize(
    "edits",
    [
        ("scores < own", "scores > own"),  # M1
        ("(classes >= labels[:, None])", "True"),  # M2: a tie is a hit
        (" | ((scores == own) & (classes >= labels[:, None]))", ""),  # and the right class comes before itself
        ("classes >= labels", "classes <= labels"),
    ],
)
def test_ranks_teeth(edits):
    with pytest.raises(AssertionError):
        check_ranks(edited(ranks, *edits))


def test_scores_that_are_not_numbers_are_no_hits():
    scores = np.full((2, K), np.nan)
    assert (ranks(scores, np.array([0, 3])) > 0).all(), "a network that says NaN is never wrong"


SCORES, LABELS = np.linspace(0, 1, 4 * K).reshape(4, K), np.array([0, 6, 3, 3])
MISFITS = {  # scores, labels, the error, its words
    "fewer labels": (SCORES, LABELS[:2], ValueError, ("labels.shape = (2,)", "(4,)")),
    "more labels": (SCORES, np.zeros(5, int), ValueError, ("labels.shape = (5,)", "(4,)")),
    "one label for all": (SCORES, LABELS[:1], ValueError, ("labels.shape = (1,)", "(4,)")),
    "one picture's scores for all": (SCORES[:1], LABELS, ValueError, ("labels.shape = (4,)", "(1,)")),
    "a column of labels": (SCORES, LABELS[:, None], ValueError, ("labels.shape = (4, 1)", "(4,)")),
    "a class too many": (SCORES, LABELS + 1, ValueError, ("labels run from 1 to 7", "0 to 6")),
    "a negative label": (SCORES, LABELS - 1, ValueError, ("labels run from -1 to 5", "0 to 6")),
    "one picture's scores": (SCORES[0], LABELS[:1], ValueError, ("scores.shape = (7,)", "(N, K)")),
    "no classes": (SCORES[:, :0], LABELS, ValueError, ("scores.shape = (4, 0)", "K ≥ 1")),
    "labels that are no integers": (SCORES, LABELS.astype(float), TypeError, ("float64", "integers")),
    "scores that are no numbers": (SCORES > 0.5, LABELS, TypeError, ("bool", "floating-point")),
    "a list of labels": (SCORES, LABELS.tolist(), TypeError, ("labels", "list", "array")),
    "a list of scores": (SCORES.tolist(), LABELS, TypeError, ("scores", "list", "array")),
    "labels elsewhere": (SCORES, device.asarray(LABELS), TypeError, ("labels", "library")),
}


@pytest.mark.parametrize("case", MISFITS)
def test_labels_that_do_not_fit_are_refused(case):
    scores, labels, error, words = MISFITS[case]
    for name, measure in {"ranks": ranks, "per_picture": per_picture, "Evaluation": Evaluation.of}.items():
        refused(lambda: measure(scores, labels), "Evaluation" if name == "Evaluation" else "ranks", *words, error=error)


def test_no_pictures():
    nothing = np.zeros((0, K)), np.zeros(0, int)
    assert ranks(*nothing).shape == (0,)
    refused(lambda: Evaluation.of(*nothing), "Evaluation", "(0, 7)", "N ≥ 1")


def by_loops(network, split, ten_crop):
    """(top-1 error, top-5 error, mean loss), a picture, a view and a class at a time."""
    pictures = np.concatenate(split.shards).astype(float) - 100
    last, middle = SIDE - CROP, (SIDE - CROP) // 2
    corners = [(0, 0), (0, last), (last, 0), (last, last), (middle, middle)] if ten_crop else [(middle, middle)]
    top1 = top5 = loss = 0
    for picture, label in zip(pictures, split.labels):
        views = [picture[r : r + CROP, c : c + CROP] for r, c in corners]
        views += [v[:, ::-1] for v in views] if ten_crop else []
        outputs = [softmax_by_loops(network.predict(v[None])[0]) for v in views]
        p = [sum(column) / len(views) for column in zip(*outputs)]
        rank = rank_by_loop(p, label)
        top1, top5, loss = top1 + (rank > 0), top5 + (rank > 4), loss - math.log(p[label])
    return [total / len(pictures) for total in (top1, top5, loss)]


def check_evaluate(evaluate):
    for ten_crop in (False, True):
        found = evaluate(Probe(), split(), view(), np, ten_crop)
        assert found.images == 23
        expected = by_loops(Probe(), split(), ten_crop)
        agree([found.top1_error, found.top5_error, found.loss], expected, "by loops", rtol=1e-5)


@pytest.mark.parametrize("at_once", [1, 5, 128])
def test_evaluate(monkeypatch, at_once):
    monkeypatch.setattr(evaluation, "PICTURES_AT_ONCE", at_once)  # 23 is no multiple of 5
    check_evaluate(evaluate)


@pytest.mark.parametrize(
    "name, edits",
    [
        ("Evaluation", ("rank >= 5", "rank > 5")),  # M2: top-6
        ("Evaluation", ("rank >= 1", "rank >= 0")),
        ("Evaluation", ("labels[start : start + at_once]", "labels[: min(at_once, len(labels) - start)]")),
        ("Evaluation", ("float(loss) / N", "float(loss) / (N + 2)")),
        ("Evaluation", ("loss += losses.sum()", "loss = losses.sum()")),
        ("per_picture", ("-xp.log", "xp.log")),
        ("class_probabilities", ("= batch\n", "= batch[::-1]\n")),
        ("class_probabilities", ("p[done : done + len(batch)]", "p[: len(batch)]")),
        ("class_probabilities", ("done += len(batch)\n", "done += at_once + 1\n")),
        ("class_probabilities", ("view, ten_crop) for", "view) for")),
    ],
)
def test_evaluate_teeth(monkeypatch, name, edits):
    monkeypatch.setattr(evaluation, "PICTURES_AT_ONCE", 10)
    monkeypatch.setattr(evaluation, name, edited(getattr(evaluation, name), *edits))
    with pytest.raises((AssertionError, ValueError)):
        check_evaluate(evaluate)


@pytest.mark.parametrize("ten_crop", [False, True])
def test_probabilities_of_a_whole_split(monkeypatch, ten_crop):
    """The same as of all pictures in one batch, in the order of the split; on the host, in float32."""
    monkeypatch.setattr(evaluation, "PICTURES_AT_ONCE", 50)
    p = class_probabilities(Probe(), split(), view(), np, ten_crop)
    assert p.dtype == np.float32 and p.shape == (23, K)
    agree(p, probabilities(Probe(), np.concatenate(split().shards), view(), ten_crop), "in one batch", rtol=1e-6)


def test_a_device_is_never_without_work(monkeypatch):
    """The next batch is asked of it before the results of the last one are waited for."""
    events, get = [], device.ndarray.get

    class Corner(Probe):
        def predict(self, x):
            events.append("predict")
            return x[:, 0, 0, :] / 100

    expected = class_probabilities(Corner(), split(), view(), np, batches=[range(9)])
    monkeypatch.setattr(device.ndarray, "get", lambda self: events.append("get") or get(self))
    events.clear()
    there = view().to(device)
    p = class_probabilities(Corner(), split(), there, device, batches=[range(4), range(4, 8), range(8, 9)])
    assert events == ["predict", "predict", "get", "predict", "get", "get"]
    agree(p, expected, "on the host", rtol=1e-5)


def test_the_batches_can_be_chosen():
    """As a worker does, who has its share of the pictures: their probabilities, in the order asked for."""
    whole = class_probabilities(Probe(), split(), view(), np)
    found = class_probabilities(Probe(), split(), view(), np, batches=[range(11, 20), range(2, 5)])
    agree(found, whole[[*range(11, 20), *range(2, 5)]], "of the pictures chosen", rtol=1e-6)


@pytest.mark.parametrize("ten_crop, at_once, largest", [(False, 20, 20), (True, 20, 20), (True, 19, 10), (True, 5, 10)])
def test_ten_views_a_picture_make_no_larger_batch(monkeypatch, ten_crop, at_once, largest):
    monkeypatch.setattr(evaluation, "PICTURES_AT_ONCE", at_once)
    network, sizes = Probe(), []
    monkeypatch.setattr(Probe, "predict", lambda self, x: sizes.append(len(x)) or np.zeros((len(x), K)))
    class_probabilities(network, split(), view(), np, ten_crop)
    assert max(sizes) == largest and sum(sizes) == 23 * (10 if ten_crop else 1)


def test_one_crop_and_a_bar_unless_asked_otherwise(monkeypatch):
    """The bar counts pictures, up to all of them, under the name that was given."""
    bars = []

    class Bar(contextlib.nullcontext):
        def __init__(self, total, label, quiet):
            super().__init__(self)
            bars.append([total, label, quiet])

        def update(self, n):
            bars[-1].append(n)

    monkeypatch.setattr(evaluation, "progress_bar", Bar)
    monkeypatch.setattr(evaluation, "PICTURES_AT_ONCE", 10)
    assert evaluate(Probe(), split(), view(), np) == evaluate(Probe(), split(), view(), np, False, "mine", True)
    four, first = class_probabilities(Probe(), split(), view(), np, batches=[range(4)]), split().gather(range(4))
    assert bars == [[23, "evaluate", False, 10, 10, 3], [23, "mine", True, 10, 10, 3], [4, "evaluate", False, 4]]
    agree(four, probabilities(Probe(), first, view()), "one crop", rtol=1e-6)
    agree(four, probabilities(Probe(), first, view(), False), "one crop", rtol=1e-6)


def test_measuring_needs_no_network():
    """Of an average of two networks, say: every picture's own rank and loss, and what they come to."""
    p, labels = softmax(np.random.default_rng(5).standard_normal((40, K))), np.arange(40) % K
    rank, loss = per_picture(p, labels)
    assert rank.tolist() == [rank_by_loop(row, label) for row, label in zip(p, labels)]
    agree(loss, [-math.log(row[label]) for row, label in zip(p, labels)], "−log p", rtol=1e-12)
    found = Evaluation.of(p, labels, at_once=7)
    assert (found.top1_error, found.top5_error, found.images) == ((rank > 0).mean(), (rank > 4).mean(), 40)
    assert found.loss == pytest.approx(loss.mean(), rel=1e-12)


@pytest.mark.parametrize(
    "edits",
    [
        (
            "outputs = softmax(network.predict(views.reshape(10 * len(pictures), *views.shape[2:])))",
            "outputs = network.predict(views.reshape(10 * len(pictures), *views.shape[2:]))",
            "return outputs.reshape(10, len(pictures), outputs.shape[1]).mean(axis=0)",
            "return softmax(outputs.reshape(10, len(pictures), outputs.shape[1]).mean(axis=0))",
        ),  # M3: averages logits
        (
            "reshape(10, len(pictures), outputs.shape[1]).mean(axis=0)",
            "reshape(len(pictures), 10, outputs.shape[1]).mean(axis=1)",
        ),  # M3
        (
            "reshape(10, len(pictures), outputs.shape[1]).mean(axis=0)",
            "reshape(10, len(pictures), outputs.shape[1])[:5].mean(axis=0)",
        ),
    ],
)
def test_ten_crop_teeth(monkeypatch, edits):
    monkeypatch.setattr(evaluation, "probabilities", edited(probabilities, *edits))
    with pytest.raises(AssertionError):
        check_evaluate(evaluate)


@pytest.mark.parametrize("classes, there", [(2, False), (4, False), (5, False), (6, True)])
def test_up_to_five_classes_have_no_top_5_error(classes, there):
    found = evaluate(Probe(classes), split(num_classes=classes), view(), np)
    assert found.top1_error > 0 and (found.top5_error is not None) == there == has_top5(classes)
    assert ("top5_error" in found.to_dict()) == ("top5_error" in found.errors()) == there
    assert found.to_dict().keys() - {"top5_error"} == {"top1_error", "loss", "images"}


def test_a_network_that_says_nothing_is_as_good_as_chance():
    network = Probe(20)
    network.weight[:] = 0
    labels = np.arange(40) % 20
    found = evaluate(network, Split((np.zeros((40, SIDE, SIDE, 3), np.uint8),), labels), view(), np)
    assert (found.top1_error, found.top5_error) == (0.95, 0.75)
    assert found.loss == pytest.approx(math.log(20), rel=1e-6)


def test_a_probability_that_rounds_to_zero_has_a_finite_loss():
    network = Probe()
    network.weight *= 1e6
    assert 0 < evaluate(network, split(), view(), np).loss < 88


def test_ranks_on_the_device():
    scores, labels = np.random.default_rng(4).integers(0, 3, (20, K)).astype(float), np.arange(20) % K
    assert (ranks(device.asarray(scores), device.asarray(labels)).get() == ranks(scores, labels)).all()
