"""Mistakes that no exercise foresees: composed of one step or two, told in words that are true."""

import linecache

import numpy as np
import pytest

from tinyalex.teaching import where
from tinyalex.teaching.examine import Answer, Case, examine
from tinyalex.teaching.exercise import Exercise, Property, Wrong
from tinyalex.teaching.explain.dependence import Dependence
from tinyalex.teaching.explain.fresh import fresh_answers
from tinyalex.teaching.explain.repair import Repair
from tinyalex.teaching.explain.search import Search
from tinyalex.teaching.explain.versions import Budget, Version
from tinyalex.teaching.mistakes import RIGHT


def layer(x, weight, bias, scale, shift):
    return scale * np.tanh(x @ weight + shift) + bias


def probe(seed=0, N=4, F=5, K=3, scale=0.3, shift=0.7):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((N, F)), rng.standard_normal((F, K)), rng.standard_normal(K), scale, shift


LAYER = Exercise(
    "00-layer",
    "layer",
    layer,
    (probe, lambda: probe(1, 2, 4, 6, 0.4, -0.2)),
    axes={"y": ("picture", "class")},
    wrong=(Wrong("Z1", lambda x, w, b, scale, shift: scale * (x @ w + shift) + b, "The tanh is missing."),),
)


def judge(source, exercise=LAYER):
    """The verdict on a function given by its source, as from a file."""
    name = f"<answer {abs(hash(source))}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    space = {"np": np}
    exec(compile(source, name, "exec"), space)
    return examine(exercise, space[exercise.name])


def hidden(expression):
    """The verdict on a function whose source is not to be had."""
    return examine(LAYER, eval(f"lambda x, weight, bias, scale, shift: {expression}", {"np": np}))


def of(expression):
    return judge(f"def layer(x, weight, bias, scale, shift):\n    return {expression}\n")


RIGHT_ONE = "scale * np.tanh(x @ weight + shift) + bias"


def test_the_right_one_is_right():
    assert of(RIGHT_ONE).state == RIGHT


@pytest.mark.parametrize(
    "expression, id, words",
    [
        ("shift * np.tanh(x @ weight + scale) + bias", "exchanged", "the right result for scale and shift exchanged."),
        ("scale * np.tanh(x @ weight + scale) + bias", "exchanged", "for scale in the place of shift."),
        ("0.5 * np.tanh(x @ weight + shift) + bias", "fixed", "for scale = 0.5, whatever is asked."),
        ("scale * np.tanh(x @ weight) + bias", "zero", "for shift = 0.0, whatever is asked."),
        ("(1 - scale) * np.tanh(x @ weight + shift) + bias", "argument", "for 1 − scale in the place of scale."),
        (f"{RIGHT_ONE} + bias", "offset", "y is too large by bias: it is added once too often."),
        (f"{RIGHT_ONE} - bias", "offset", "y is too small by bias: it is missing, or subtracted once too often."),
        (f"{RIGHT_ONE} - 2 * bias", "offset", "too small by twice bias: it is subtracted where it should be added."),
        (f"({RIGHT_ONE}) / 4", "ratio", "Every entry of y is 0.25 times the right value."),
        (f"({RIGHT_ONE}) / len(x)", "ratio", "Every entry of y is 1 / x.shape[0] times the right value."),
        (f"{RIGHT_ONE} + 3", "offset", "y is too large by 3 everywhere."),
        (f"{RIGHT_ONE} - shift", "offset", "y is too small by shift everywhere."),
        (f"({RIGHT_ONE})[::-1]", None, "turned round along"),
        (f"np.roll({RIGHT_ONE}, 1, 1)", "shifted", "shifted by one along the classes."),
        (
            f"({RIGHT_ONE}).T.reshape(len(x), -1)",
            "axes",
            "Yours is the right y, unrolled in the order (classes, pictures).",
        ),
        (f"({RIGHT_ONE}).T", "axes", "with its axes in the order (classes, pictures)."),
        (f"({RIGHT_ONE})[:-1]", "short", "without the last of the pictures."),
        (f"({RIGHT_ONE}).mean(axis=0)", "reduced", "reduced to its mean over the pictures."),
        (f"({RIGHT_ONE})[0]", "part", "cut down to the first of the pictures."),
        (f"-({RIGHT_ONE})", "ratio", "Every entry of y is -1 times the right value."),
        (f"({RIGHT_ONE}) ** 2", "square", "Yours is the right y, squared."),
        ("scale * np.tanh(x[::-1] @ weight + shift) + bias", "turned", None),
        ("scale * np.tanh(np.abs(x) @ weight + shift) + bias", "argument", "for x without its signs."),
        ("scale * np.tanh(x.clip(0) @ weight + shift) + bias", "argument", "for x cut off below 0."),
    ],
)
def test_one_step(expression, id, words):
    verdict = hidden(expression)
    assert verdict.wrong == (id or verdict.wrong) and verdict.state == "not yet", (verdict.wrong, verdict.text)
    assert words is None or words in verdict.text, verdict.text


@pytest.mark.parametrize(
    "expression, id, place",
    [
        ("scale * np.sinh(x @ weight + shift) + bias", "line-call", "`np.sinh(x @ weight + shift)`: another function"),
        ("scale * np.tanh(x @ weight * shift) + bias", "line-operation", "`x @ weight * shift`: another operation"),
        (f"({RIGHT_ONE})[:-1]", "line-part", "all of it is needed."),
        (f"np.square({RIGHT_ONE})", "line-call", "this call does not belong there."),
        (
            "scale * np.tanh(x @ weight + shift - 1) + bias",
            "line-operation",
            "`x @ weight + shift - 1`: the right part",
        ),
        ("scale * np.tanh(x @ weight) + shift + bias", None, ""),
    ],
)
def test_one_change_of_the_source(expression, id, place):
    verdict = of(expression)
    assert place in verdict.text and (id is None or verdict.wrong == id), (verdict.wrong, verdict.text)
    assert id is None or verdict.text.startswith("One change makes it right. Line 2, `"), verdict.text


@pytest.mark.parametrize(
    "expression, ids, words",
    [
        ("scale * (x @ weight + shift)", None, ("The tanh is missing.",)),
        (
            "2 * scale * np.tanh(x @ weight - shift) + bias",
            None,
            ("the left part of it does not belong there", "`x @ weight - shift`: another operation belongs there"),
        ),
        ("0.5 * np.tanh(x @ weight + scale) + bias", None, ("scale = 0.5, whatever is asked",)),
        (f"({RIGHT_ONE} + bias)[::-1]", None, ("bias",)),
    ],
)
def test_two_steps(expression, ids, words):
    verdict = of(expression)
    assert verdict.text.startswith("Two things are wrong.\n1. ") and "\n2. " in verdict.text, verdict.text
    assert all(part in verdict.text for part in words), verdict.text
    assert ids is None or set(verdict.wrong.removeprefix("two: ").split(" + ")) == ids, verdict.wrong


def test_a_failure_is_explained():
    verdict = of("scale * np.tanh(x.T @ weight + shift) + bias")
    lines = verdict.text.splitlines()
    assert lines[0].startswith("layer fails with ValueError: matmul")
    assert lines[-1] == "One change makes it right. Line 2, `x.T`: no transpose belongs there."
    verdict = judge("def layer(x, weight, bias, scale, shift):\n    return max(x, 0)\n")
    assert "fails with ValueError" in verdict.text


def test_each_output_is_explained():
    def both(x, k):
        return k * x, x.sum(axis=0)

    x = np.random.default_rng(0).standard_normal((4, 3))
    exercise = Exercise("00-both", "both", both, (lambda: (x, 1.7),), ("y", "total"))
    verdict = judge("def both(x, k):\n    return k * x + 2, x.sum(axis=0) / 2\n", exercise)
    assert verdict.text == (
        "Two things are wrong.\n1. y: y is too large by 2 everywhere.\n"
        "2. total: Every entry of total is 0.5 times the right value."
    )
    verdict = judge("def both(x, k):\n    return k * x, -x.sum(axis=0)\n", exercise)
    assert verdict.text == "Every entry of total is -1 times the right value."


def test_each_output_may_have_a_line_of_its_own():
    """An edit that makes one output right must leave the other as it is."""

    def both(x, k):
        return k * x**2, np.cumsum(x, axis=0)

    x = np.random.default_rng(0).standard_normal((4, 3))
    exercise = Exercise("00-both", "both", both, (lambda: (x, 1.7),), ("y", "total"))
    source = (
        "def both(x, k):\n    y = np.sinh(k * x**2)\n    total = np.cumsum(np.tanh(x), axis=0)\n    return y, total\n"
    )
    verdict = judge(source, exercise)
    assert verdict.wrong.startswith("two: line-call"), verdict.text
    assert verdict.text.startswith(
        "Two things are wrong.\n1. y: One change makes it right. Line 2, `np.sinh(k * x ** 2)`"
    )
    assert "\n2. total: One change makes it right. Line 3, `np.tanh(x)`" in verdict.text


def _counts(layers, places=None, groups=None):
    return np.array([(places or _out)(n, k) * k * c // (groups or (lambda g: g))(g) for n, k, c, g in layers])


def _out(n, k):
    return n - k + 1


COUNTS = Exercise(
    "00-counts",
    "counts",
    lambda layers: _counts(layers),
    (lambda: ([(9, 3, 4, 2), (12, 5, 6, 1), (14, 2, 12, 3), (20, 7, 8, 1)],),),
    ("counts",),
    wrong=(
        Wrong("A", lambda layers: _counts(layers, places=lambda n, k: n), "The places of the input."),
        Wrong("B", lambda layers: _counts(layers, groups=lambda g: 1), "The groups are forgotten."),
        Wrong("C", lambda layers: _counts(layers) * (np.arange(len(layers)) > 0), "The first is forgotten."),
        Wrong("D", lambda layers: _counts(layers) * (np.arange(len(layers)) != 2), "The third is forgotten."),
    ),
)


@pytest.mark.parametrize(
    "told, counts",
    [
        ("two: A + B", lambda layers: _counts(layers, lambda n, k: n, lambda g: 1)),
        ("two: C + D", lambda layers: _counts(layers) * [0, 1, 0, 1]),
        (None, lambda layers: _counts(layers) + [13, 0, 77, 5]),
    ],
)
def test_two_known_mistakes_in_one_table(told, counts):
    """In different entries, or as factors of the same ones."""
    verdict = examine(COUNTS, counts)
    assert verdict.wrong == told, verdict.text


def test_arguments_that_make_no_difference():
    verdict = judge(
        "def layer(x, weight, bias, scale, shift):\n"
        "    g = np.random.default_rng(0)\n"
        "    return np.cos(x @ weight) + bias * g.random((len(x), len(bias)))\n"
    )
    assert verdict.wrong == "ignored" and verdict.text.startswith(
        "Two things are wrong.\n1. scale makes no difference to yours.\n2. shift makes no difference to yours.\n"
    )


def test_one_number_says_too_little_to_guess_from():
    verdict = of("0 * x @ weight")
    assert verdict.wrong is None and verdict.text.startswith("Every entry of y is 0."), verdict.text


def test_nothing_explains_it():
    def other(x, weight, bias, scale, shift):
        y = layer(x, weight, bias, scale, shift)
        chosen = x[:, 0] < 0
        y[chosen] = np.cos(np.arange(len(bias)) * y[chosen] ** 2 * weight.sum() + shift * scale + bias)
        return y

    verdict = examine(LAYER, lambda *arguments: other(*arguments))
    assert verdict.wrong is None and "y is off only in" in verdict.text, verdict.text


# ---------------------------------------------------------------------------------------------- where and how


@pytest.mark.parametrize(
    "found, words",
    [
        ((2, 7, 5, 3), "Its axes come in the order (pictures, columns, rows, channels)."),
        ((2, 5, 6, 3), "There is 1 too few along the columns."),
        ((2, 7, 7, 3), "There are 2 too many along the rows."),
        ((2, 9, 9, 3), "Only the rows and the columns differ."),
        ((5, 7, 3), "The pictures are missing."),
        ((5, 2, 7, 3), "Its axes come in the order (rows, pictures, columns, channels)."),
        ((2, 3), "The rows and the columns are missing."),
        ((2, 5, 7, 3, 1), "An axis of length 1 is left over."),
        ((10, 21), "The number of entries is right: reshape it."),
        ((11, 21), ""),
    ],
)
def test_shapes_in_words(found, words):
    assert where.shape_in_words(Exercise("00-y", "y", layer), "y", found, (2, 5, 7, 3)) == words


def test_axes_of_one_length_are_not_told_apart():
    plain = Exercise("00-y", "y", layer)
    assert where.shape_in_words(plain, "y", (4,), (4, 7)) == "Axis 1 is missing."
    assert where.shape_in_words(plain, "y", (2, 3, 7), (2, 2, 3, 7)) == "An axis is missing."
    assert where.shape_in_words(plain, "y", (2, 3, 2, 7), (2, 2, 3, 7)) == "Its axes come in another order."


def answer(found, expected, *arguments):
    class Answer:
        pass

    made = Answer()
    made.found, made.expected, made.arguments = {"y": np.asarray(found)}, {"y": np.asarray(expected)}, arguments
    return made


EXPECTED = np.arange(12.0).reshape(4, 3) ** 2 - 7


def changed(where_, by=5.0):
    made = EXPECTED.copy()
    made[where_] += by
    return made


@pytest.mark.parametrize(
    "found, arguments, words",
    [
        (changed(np.s_[0]), (), "y is off only in picture 0, of 4."),
        (changed(np.s_[1:]), (), "y is right in picture 0, of 4, and off in the others."),
        (changed(np.s_[:, 2]), (), "y is off only in class 2, of 3."),
        (changed((np.array([0, 1, 2, 3]), np.array([0, 1, 2, 0]))), (), "y is off in 4 of 12 entries."),
        (changed(EXPECTED % 2 == 0), (1 - EXPECTED % 2 * 2,), "y is off only where x is positive."),
        (np.full((4, 3), 9.0), (), "Every entry of y is 9."),
    ],
)
def test_places_in_words(found, arguments, words):
    assert where.place_in_words(LAYER, answer(found, EXPECTED, *arguments), "y") == words


@pytest.mark.parametrize(
    "found, words",
    [
        (EXPECTED[::-1], "The numbers are right, their places are not."),
        (EXPECTED * (1 + 1e-5), "It is nearly right: off by 1e-05 of the largest entry."),
        (np.abs(EXPECTED), "Only signs are wrong."),
        (EXPECTED + np.array([[3.0], [-3.0], [1.0], [-1.0]]), "The sums over the pictures are right."),
        (EXPECTED + np.arange(12).reshape(4, 3) + 1, "All that are off are too large."),
        (EXPECTED - np.arange(12).reshape(4, 3) - 1, "All that are off are too small."),
    ],
)
def test_ways_in_words(found, words):
    assert where.way_in_words(LAYER, answer(found, EXPECTED), "y") == words


def test_probes_in_words():
    right, wrong = answer(EXPECTED, EXPECTED, 1, EXPECTED), answer(EXPECTED + 1, EXPECTED, 2, EXPECTED)

    def ours(stride, x):
        return x

    exercise = Exercise("00-y", "ours", ours)
    assert where.probes_in_words(exercise, [right, wrong], "y") == "It is wrong only with stride = 2."
    assert where.probes_in_words(exercise, [wrong], "y") == ""


def test_pictures_that_are_mixed():
    def mixes(x, weight, bias, scale, shift):
        y = layer(x, weight, bias, scale, shift)
        return y + np.sin(y.sum() * np.arange(len(bias)) + y**2)

    verdict = examine(LAYER, lambda *arguments: mixes(*arguments))
    assert verdict.wrong == "mixed" and verdict.text.startswith("y of row 0 depends on row 3: they must not be mixed.")


def test_a_function_that_prints_is_not_heard_thousands_of_times(capsys):
    source = "def layer(x, weight, bias, scale, shift):\n    print('here')\n    return {}\n"
    assert judge(source.format(RIGHT_ONE)).state == RIGHT
    assert capsys.readouterr().out.count("here") <= 4, "twice in each probe"
    assert judge(source.format("np.cos(x @ weight) + shift")).state != RIGHT
    assert capsys.readouterr().out.count("here") <= 8


def test_a_change_must_pass_the_whole_check():
    """An edit that makes the probes right, but not a late property, is no repair."""

    def double(x, k):
        return k * x

    x = np.random.default_rng(0).standard_normal((3, 4))
    held = Property("Z2", lambda function: np.allclose(function(x, 9.0), 9 * x), "At k = 9 it is wrong.", late=True)
    exercise = Exercise("00-double", "double", double, (lambda: (x, 1.5),), properties=(held,))
    source = "def double(x, k):\n    return x * (k + np.tanh(x) if k < 2 else 7)\n"
    assert "makes it right" not in judge(source, exercise).text
    whole = Exercise("00-double", "double", double, (lambda: (x, 1.5),))
    assert judge(source, whole).text.startswith("One change makes it right. Line 2, `k + np.tanh(x)`")


def test_two_steps_do_not_meet_in_what_says_little():
    case = Case(LAYER, layer)
    case.answers = [Answer(case, p()) for p in LAYER.probes]
    search = Search(case, ["y"], Budget())

    def says_much(made):
        return search._says_much(Version("", "", lambda place: {"y": made(*case.answers[place].arguments)}))

    assert says_much(layer) and says_much(lambda x, w, b, scale, shift: scale * (x @ w) + b)
    assert not says_much(lambda x, w, b, scale, shift: 0 * (x @ w)), "zeros"
    assert not says_much(lambda x, w, b, scale, shift: 0 * (x @ w) + b), "the bias alone"
    assert not says_much(lambda x, w, b, scale, shift: (x @ w) / 0), "nothing finite"


def largest_share(x, k):
    return (x >= np.sort(x)[-k]).mean()


def test_what_fits_the_probes_by_chance_is_not_told():
    """In the only probe k is 2, and the numbers are in order."""
    exercise = Exercise("00-share", "largest_share", largest_share, (lambda: (np.arange(6.0), 2),), ("share",))
    verdict = judge("def largest_share(x, k):\n    return float((x[::-1] >= np.sort(x)[-3])[1:].mean())\n", exercise)
    case = Case(exercise, lambda x, k: float(x[0]))
    case.answers = [Answer(case, p()) for p in exercise.probes]
    fresh = list(fresh_answers(case, Answer))
    assert verdict.state != RIGHT and [(len(a.arguments[0]), a.arguments[1]) for a in fresh] == [(6, 2), (3, 2), (6, 4)]
    assert any(a.found["share"] != 0 for a in fresh), "the smallest number does not stay first"


def test_fresh_probes_keep_what_is_no_array():
    arguments = ({"x": np.arange(6.0).reshape(3, 2)}, (2, 3), "valid", np.arange(5))
    exercise = Exercise("00-whole", "whole", lambda *a: a[3].sum(), (lambda: arguments,))
    case = Case(exercise, lambda *a: a[3].sum() + 1)
    case.answers = [Answer(case, arguments)]
    first, second, third = fresh_answers(case, Answer)
    assert first.arguments[1:3] == arguments[1:3] and sorted(first.arguments[0]["x"].ravel()) == list(range(6))
    assert sorted(first.arguments[3]) == list(range(5)) and len(second.arguments[3]) == 3
    assert third.arguments[1] == (4, 6) and list(third.arguments[3]) == list(range(5)), "other numbers, one at a time"


def test_the_likeliest_change_is_told_and_no_part_of_it():
    """np.log2 is foreign to the right answer; the same comes of np.exp2 after it."""

    def geometric(x):
        return np.exp(np.log(x).mean(axis=1))

    x = np.random.default_rng(0).random((3, 4)) + 0.5
    exercise = Exercise("00-geometric", "geometric", geometric, (lambda: (x,),))
    source = "def geometric(x):\n    return np.exp(np.log2(x).mean(axis=1))\n"
    text = "One change makes it right. Line 2, `np.log2(x)`: another function belongs there."
    assert judge(source, exercise).text == text
    source = "def geometric(x):\n    return np.exp(np.log(x).mean(axis=1)) + 0.25 * (x.shape[1] - 3)\n"
    assert "Or: " not in judge(source, exercise).text


def test_an_output_is_named_if_others_are_right():
    def both(x):
        return x, x[:, 1:].sum(axis=0)

    x = np.random.default_rng(0).standard_normal((3, 4))
    exercise = Exercise("00-both", "both", both, (lambda: (x,),), ("same", "sums"))
    verdict = examine(exercise, lambda x: (x, x[:-1, 1:].sum(axis=0)))
    assert verdict.text == "sums: Yours gives the right result for 0 in the last row of x."


def test_an_edit_that_makes_it_worse_is_not_one_of_two():
    case = Case(LAYER, lambda *a: layer(*a) + 0.1)
    case.answers = [Answer(case, p()) for p in LAYER.probes]
    search = Search(case, ["y"], Budget())

    def nearer(made):
        return search._is_nearer(Version("", "", lambda place: {"y": made(*case.answers[place].arguments)}))

    assert nearer(layer) and nearer(lambda *a: layer(*a) - 0.12)
    assert not nearer(lambda *a: layer(*a) + 0.2) and not nearer(lambda *a: layer(*a)[:1])


def upper_end(d, t):
    half = t * d.std() / np.sqrt(len(d))
    return d.mean() + half


def draws(n, t):
    return lambda: (np.random.default_rng(n).standard_normal(n), t)


UPPER_END = Exercise("00-end", "upper_end", upper_end, (draws(5, 2.5), draws(7, 1.7)), ("end",))


def test_an_edit_takes_out_no_right_part():
    """Without `+ half` any answer is the right one without it: that explains nothing."""

    def keeps(half, before, after):
        source = f"def upper_end(d, t):\n    half = {half}\n    return d.mean() + half\n"
        space = {"np": np}
        linecache.cache[half] = (len(source), None, source.splitlines(True), half)
        exec(compile(source, half, "exec"), space)
        case = Case(UPPER_END, space["upper_end"])
        case.answers = [Answer(case, p()) for p in UPPER_END.probes]
        search = Search(case, ["end"], Budget())
        (edit,) = [e for e in search.repair.edits.edits if (e.before, e.after) == (before, after)]
        return search._keeps_what_matters(edit)

    assert not keeps("t * d.std() / np.sqrt(9)", "d.mean() + half", "d.mean()")
    assert not keeps("t * np.sqrt(((d - d[0]) ** 2).mean())", "2", "0"), "linear in d"
    assert keeps("2 * t * d.std()", "2 * t", "t")


def test_a_right_part_may_move_other_entries_only():
    def moved(function):
        arguments = UPPER_END.probes[0]()
        exercise = Exercise("00-end", "upper_end", function, UPPER_END.probes, ("end",))
        return Dependence(exercise, ["end"], arguments, function).of(function)

    about_mean, alone = moved(lambda d, t: t * (d - d.mean())), moved(lambda d, t: t * d)
    assert (0, "moves", 4) in about_mean - alone and (0, "moves", 0) in alone
    assert {each for each in about_mean if "moves" not in each} == {each for each in alone if "moves" not in each}


def test_a_number_in_the_place_of_an_argument_is_one_mistake():
    source = "def upper_end(d, t):\n    return d.sum() / 100\n"
    exercise = Exercise("00-end", "upper_end", lambda d, t: d.mean(), UPPER_END.probes, ("end",))
    found = judge(source, exercise)
    assert found.wrong == "ratio" and found.text.endswith("it is d.shape[0] / 100 times the right value.")
    source = "def upper_end(d, t):\n    return d[::-1] * 5\n"
    exercise = Exercise("00-end", "upper_end", lambda d, t: t * d, UPPER_END.probes, ("end",))
    assert "5 / t" not in judge(source, exercise).text
    assert "is 5 / t times the right value." in judge(source.replace("[::-1]", ""), exercise).text


@pytest.mark.parametrize("factor, told", [(-2.0, True), (0.5, True), (1e-3, True), (3**0.5, True), (0.2127, False)])
def test_beside_another_mistake_only_a_plain_factor_is_told(factor, told):
    verdict = hidden(f"{factor} * (scale * (x @ weight + shift) + bias)")
    assert (verdict.wrong == "two: Z1 + ratio") == told, verdict.text
    assert not told or f"\n2. On top of that, y is multiplied by {factor:.6g}." in verdict.text


def test_what_is_nowhere_a_number_is_not_explained():
    def both(x):
        return x, x[2:].mean()

    x = np.random.default_rng(0).standard_normal(4)
    exercise = Exercise("00-both", "both", both, (lambda: (x,),), ("x", "mean"), compare=True)
    verdict = judge("def both(x):\n    return x + 1, x[9:].mean()\n", exercise)
    assert "\n(mean is not right either" in verdict.text


def test_a_known_mistake_of_one_output_must_fit_fresh_numbers_too():
    """Its own mistake is in p, but for the last number it counts as ours does in the probe."""

    def counted(x):
        return (x > 0).sum(), x.sum()

    known = Wrong("K", lambda x: ((x > 0).sum(), -x.sum()), "The sum has the wrong sign.")
    probe = (lambda: (np.array([1.0, 2.0, 3.0, -4.0]),),)
    exercise = Exercise("00-counted", "counted", counted, probe, ("count", "sum"), wrong=(known,))
    verdict = examine(exercise, lambda x: ((x[:-1] > 0).sum(), x[:-1].sum()))
    assert "wrong sign" not in verdict.text, verdict.text


def test_wild_edits():
    source = (
        "def layer(x, weight, bias, scale, shift):\n    keep = x > 0\n    return scale * (x * keep @ weight + shift)\n"
    )
    name = "<wild>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    space = {"np": np}
    exec(compile(source, name, "exec"), space)
    repair = Repair(Case(LAYER, space["layer"]), [], Budget())
    wild = {(edit.before, edit.after): repair.is_wild(edit) for edit, _ in repair.variants()}
    assert wild["x * keep", "x"], "nothing reads keep"
    assert wild["x * keep @ weight", "abs(x * keep @ weight)"], "no right answer has abs"
    assert not wild["x * keep @ weight + shift", "x * keep @ weight"]
