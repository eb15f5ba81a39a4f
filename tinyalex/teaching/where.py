"""Say in words where an answer is wrong, and in which way, if nothing explains it."""

import itertools

import numpy as np

from tinyalex.teaching.exercise import PICTURE_AXES
from tinyalex.teaching.explain.steps import names_of, plural, word_of
from tinyalex.teaching.values import agree, close, digits, scale

NEAR = 1e-3


def entry(exercise, output, index, ndim):
    """dx[picture 0, row 2, column 3, channel 1], or dx[0, 2] if the axes have no names."""
    if not index:
        return output
    words = [word if not word.startswith("axis") else "" for word in exercise.names_of_axes(output, ndim)]
    return f"{output}[{', '.join(f'{word} {i}'.strip() for word, i in zip(words, index))}]"


# ---------------------------------------------------------------------------------------------- a wrong shape


def shape_in_words(exercise, output, found, expected):
    """The difference between two shapes, as a sentence; "" if nothing simple can be said."""
    names = exercise.names_of_axes(output, len(expected))
    if not found:
        return "It is a single number."
    if len(found) == len(expected):
        if sorted(found) == sorted(expected):
            orders = [o for o in itertools.permutations(range(len(found))) if tuple(expected[a] for a in o) == found]
            words = ", ".join(word_of(a, len(found), names, "") for a in orders[0])
            return f"Its axes come in the order ({words})." if len(orders) == 1 else "Its axes come in another order."
        off = [a for a in range(len(found)) if found[a] != expected[a]]
        if len(off) == 1 and abs(gap := found[off[0]] - expected[off[0]]) <= 2:
            word = word_of(off[0], len(found), names)
            return (
                f"There {'is' if abs(gap) == 1 else 'are'} {abs(gap)} too {'many' if gap > 0 else 'few'} along {word}."
            )
        return f"Only {' and '.join(word_of(a, len(found), names) for a in off)} differ."
    if len(found) < len(expected):
        axes = range(len(expected))
        kept = [k for k in itertools.combinations(axes, len(found)) if tuple(expected[a] for a in k) == found]
        gone = [word_of(a, len(expected), names) for a in axes if a not in kept[0]] if len(kept) == 1 else []
        if kept:  # equal axes cannot be told apart
            one = len(gone) == 1 and gone[0].startswith("axis")
            verb = "is" if one else "are"
            return f"{' and '.join(gone).capitalize()} {verb} missing." if gone else "An axis is missing."
    elif tuple(n for n in found if n != 1) == tuple(n for n in expected if n != 1):
        return "An axis of length 1 is left over."
    if found and np.prod(found) == np.prod(expected):
        return "The number of entries is right: reshape it."
    return ""


# ---------------------------------------------------------------------------------------------- wrong values


def probes_in_words(exercise, answers, output):
    """A common property of the probes that come out right, as a sentence; "" if none is known."""
    right = [a.arguments for a in answers if agree(a.found[output], a.expected[output])]
    wrong = [a.arguments for a in answers if not agree(a.found[output], a.expected[output])]
    return what_distinguishes(exercise, right, wrong, "It is {} only with {}.")


def what_distinguishes(exercise, right, wrong, words):
    """The property of the arguments that tells probes that come out right from the others, in words; "" if unknown."""
    if not right or not wrong:
        return ""
    found = []
    for i, name in enumerate(names_of(exercise.ours)[: len(right[0])]):
        for trait, value in _traits(name):
            try:
                good, bad = ({value(arguments[i]) for arguments in group} for group in (right, wrong))
            except (TypeError, ValueError, IndexError, AttributeError):
                continue
            if not good & bad and (len(good) == 1 or len(bad) == 1):
                one, others = (bad, "wrong") if len(bad) == 1 else (good, "right")
                found.append(words.format(others, f"{trait} = {next(iter(one))}"))
    return found[0] if len(found) == 1 else ""  # several would only suggest a cause


def _traits(name):
    def number(value):
        if not isinstance(value, (int, float, str, tuple)):
            raise TypeError
        return value

    yield name, number
    for axis in range(4):
        yield f"{name}.shape[{axis}]", lambda v, axis=axis: v.shape[axis]
    yield f"len({name})", lambda v: len(v) if isinstance(v, list) else v.nothing


def place_in_words(exercise, answer, output):
    """Which entries of an output are off: a sentence."""
    off = ~close(answer.found[output], answer.expected[output])
    if not off.ndim:
        return ""
    found = answer.found[output]
    if off.any() and off.size > 1 and np.all(found == found.flat[0]):
        return f"Every entry of {output} is {found.flat[0].item():.6g}."
    return (
        _by_axis(exercise, output, off, answer.expected[output])
        or _by_value(exercise, answer, output, off)
        or _count(output, off)
    )


def _count(output, off):
    return f"{output} is off in {int(off.sum()):,} of {off.size:,} entries."


def _by_axis(exercise, output, off, expected):
    """Part of an output that is off, or right, by places along an axis; "" if it is neither."""
    names = exercise.names_of_axes(output, off.ndim)
    for axis, word in enumerate(names):
        others = tuple(a for a in range(off.ndim) if a != axis)
        places = np.flatnonzero(off.any(axis=others))
        whole = off.shape[axis]
        word = f"{word}, place" if word.startswith("axis") else word
        if len(places) <= whole / 2:
            return f"{output} is off only in {_listed(word, places)}, of {whole}."
        right = np.flatnonzero(~off.any(axis=others))
        telling = len(right) and len(np.unique(np.take(expected, right, axis))) > 1  # not 0 everywhere
        if telling and off.any():
            return f"{output} is right in {_listed(word, right)}, of {whole}, and off in the others."
    inside = off[:, 1:-1, 1:-1] if off.ndim == 4 else off[1:-1, 1:-1] if off.ndim == 2 else off
    if off.ndim in (2, 4) and inside.size and not inside.any():
        return f"{output} is off only at the border."
    return ""


def _listed(word, places):
    numbers = ", ".join(map(str, places[:6])) + (", …" if len(places) > 6 else "")
    return f"{plural(word) if len(places) > 1 else word} {numbers}"


def _by_value(exercise, answer, output, off):
    """A condition on an argument that tells the entries that are off from the others; "" if there is none."""
    if off.all():
        return ""
    for name, value in zip(names_of(exercise.ours), answer.arguments):
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
            continue
        if value.shape != off.shape:
            if value.ndim == 1 and off.ndim > 1 and value.shape[0] == off.shape[0]:
                value = np.broadcast_to(value.reshape(-1, *[1] * (off.ndim - 1)), off.shape)
            else:
                continue
        for words, holds in CONDITIONS:
            chosen = holds(value) & np.ones_like(off)
            if chosen.any() and not chosen.all() and not off[~chosen].any() and off[chosen].mean() > 0.5:
                return f"{output} is off only where {name} {words}."
    return ""


CONDITIONS = (
    ("is true", lambda v: v.astype(bool) if v.dtype.kind == "b" else np.zeros(v.shape, bool)),
    ("is false", lambda v: ~v if v.dtype.kind == "b" else np.zeros(v.shape, bool)),
    ("is exactly 0", lambda v: v == 0),
    ("is negative", lambda v: v < 0),
    ("is positive", lambda v: v > 0),
    ("is 0 or less", lambda v: v <= 0),
    ("is 0 or more", lambda v: v >= 0),
    ("is above 1", lambda v: v > 1),
    ("is below −1", lambda v: v < -1),
    ("is the largest", lambda v: v == v.max()),
    ("is the smallest", lambda v: v == v.min()),
)


def way_in_words(exercise, answer, output):
    """In which way the values differ, as a sentence; "" if nothing simple can be said."""
    found, expected = answer.found[output], answer.expected[output]
    if found.dtype.kind not in "biuf" or expected.dtype.kind == "b" or not found.size:
        return ""
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    off = ~close(found, expected)
    if found.size > 3 and np.allclose(np.sort(found.ravel()), np.sort(expected.ravel()), rtol=1e-6, atol=0):
        return "The numbers are right, their places are not."
    size = scale(expected) or 1.0
    gap = found - expected
    worst = float(np.abs(gap).max()) / size
    if worst < NEAR:
        return f"It is nearly right: off by {worst:.0e} of the largest entry."
    if found.size > 1 and np.allclose(np.abs(found), np.abs(expected), rtol=1e-6, atol=1e-9 * size):
        return "Only signs are wrong."
    for axis in range(found.ndim if found.ndim > 1 else 0):
        if np.allclose(gap.sum(axis), 0, rtol=0, atol=1e-9 * size * found.shape[axis]):
            word = word_of(axis, found.ndim, exercise.names_of_axes(output, found.ndim))
            return f"The sums over {word} are right."
    if off.sum() > 2 and (gap[off] > 0).all():
        return "All that are off are too large."
    if off.sum() > 2 and (gap[off] < 0).all():
        return "All that are off are too small."
    return ""


# ---------------------------------------------------------------------------------------------- what it depends on


def ignored(case):
    """The arguments that often change our result, and never the learner's: by name."""
    found = []
    for i, name in enumerate(names_of(case.exercise.ours)):
        moves = [
            m for answer in [*case.answers, *case.fresh] if i < len(answer.arguments) for m in _moves(case, answer, i)
        ]
        if sum(ours for ours, _ in moves) > 1 and not any(theirs for _, theirs in moves):
            found.append(name)
    return found


def _moves(case, answer, i):
    """Whether our result and the learner's move with an argument: a pair for each of its other values."""
    for other in _others(answer.arguments[i]):
        changed = (*answer.arguments[:i], other, *answer.arguments[i + 1 :])
        try:
            ours, theirs = case.ours(changed), case.call(changed)[0]
        except Exception:
            continue
        yield (
            any(not _equal(value, answer.expected[name]) for name, value in ours.items()),
            any(not _equal(value, answer.found[name]) for name, value in theirs.items()),
        )


def _equal(a, b):
    return a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f")


def _others(value):
    """Other values of an argument, which should change the result."""
    if isinstance(value, (bool, np.bool_)):
        return [not value]
    if isinstance(value, (int, np.integer)):
        return [value + 1, value + 2, 2 * value, max(value - 1, 0)]
    if isinstance(value, (float, np.floating)):
        return [value * 0.9, value * 1.1]
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size > 1:
        ramp = np.arange(value.size).reshape(value.shape) / value.size
        return [value * 0.9 + 0.01 * ramp, -value, np.roll(value.ravel(), 1).reshape(value.shape)]
    if isinstance(value, np.ndarray) and value.dtype.kind == "b":
        return [~value]
    return []


def mixed(case, answer):
    """Whether what is found for one picture depends on another's, where ours does not. Words, or ""."""
    arrays = [a for a in answer.arguments if isinstance(a, np.ndarray)]
    many = len(arrays[0]) if arrays and arrays[0].ndim else 0
    both = answer.expected.items() if many > 1 else ()
    outputs = [n for n, e in both if e.ndim and len(e) == many and answer.found[n].shape == e.shape]
    if not outputs or arrays[0].dtype.kind != "f":
        return ""
    place = next(i for i, a in enumerate(answer.arguments) if isinstance(a, np.ndarray))
    other = arrays[0].copy()
    other[-1] = other[-1] * 0.5 + 0.1
    changed = (*answer.arguments[:place], other, *answer.arguments[place + 1 :])
    try:
        ours, theirs = case.ours(changed), case.call(changed)[0]
    except Exception:
        return ""
    word = (PICTURE_AXES if arrays[0].ndim == 4 else ("row",))[0]
    for n in outputs:
        same = _equal(ours[n][:-1], answer.expected[n][:-1])
        if same and theirs[n].shape == answer.found[n].shape and not _equal(theirs[n][:-1], answer.found[n][:-1]):
            last = len(arrays[0]) - 1
            return f"{n} of {word} 0 depends on {word} {last}: they must not be mixed." if last else ""
    return ""


def first_in_words(exercise, answer, output):
    """The first entry that differs, and how it is worked out by hand."""
    found, expected = answer.found[output], answer.expected[output]
    off = ~close(found, expected)
    index = tuple(int(i) for i in np.argwhere(off)[0])
    words = "{} is {}, expected {}.".format(
        entry(exercise, output, index, off.ndim), *digits(found[index], expected[index])
    )
    lines = [f"The first difference: {words}" if off.ndim else words]
    if exercise.by_hand:
        lines.append(exercise.by_hand(answer.arguments, output, index))
    return lines
