"""What an answer that is not right gets told: the mistake it makes, if it is a known one, else where it differs.

In this order: equal to a known wrong version, in every probe; digits lost on the way; a constant times too large; the place
that the differences keep to, and the first entry that differs, beside the sum worked by hand.
"""

from dataclasses import dataclass

import numpy as np

RTOL = 1e-6
ATOL = 1e-9  # of the largest entry
NOT_DONE, RIGHT, NOT_YET = "not done yet", "right", "not yet"


@dataclass(frozen=True)
class Verdict:
    """state: one of the three above;  text: for the learner;  wrong: the known mistake's id, or None."""

    state: str
    text: str = ""
    wrong: str | None = None


class Judged(Exception):
    """Carries a verdict out of the middle of an examination."""

    def __init__(self, text, wrong=None, state=NOT_YET):
        self.verdict = Verdict(state, text, wrong)


def name_the_mistake(exercise, answers):
    """`Judged` with all that can be said. answers: one for each probe, of which one at least is not right."""
    look_up(exercise, answers)
    output, answer = next((n, a) for a in answers for n in a.expected if not a.right(n))
    _look_for_a_dtype(answer, output)
    _look_for_a_ratio(exercise, answers, output)
    found, expected = answer.found[output], answer.expected[output]
    off = ~_close(found, expected)
    index = tuple(int(i) for i in np.argwhere(off)[0])
    difference = "{} is {}, expected {}.".format(
        entry(exercise, output, index, off.ndim), *_digits(found[index], expected[index])
    )
    lines = [_where(exercise, output, off), f"The first that differs: {difference}"] if off.ndim else [difference]
    if exercise.by_hand:
        lines.append(exercise.by_hand(answer.arguments, output, index))
    raise Judged("\n".join(filter(None, lines)))


def _digits(found, expected):
    """Two numbers as texts: whole ones in full, others with six digits, or with as many as tell them apart."""
    texts = [f"{v:,}" if isinstance(v, int) else f"{v:.6g}" for v in (found.item(), expected.item())]
    return texts if texts[0] != texts[1] else [repr(found.item()), repr(expected.item())]


def look_up(exercise, answers):
    """`Judged` if all that was found, or all that was found under a wrong output's name, is a known wrong version's."""
    names = list(exercise.outputs)
    wrong = [n for n in names if any(a.found[n].shape != a.expected[n].shape or not a.right(n) for a in answers)]
    for known in exercise.wrong:  # a mistake that explains everything, before one that explains a part
        if all(answer.matches(known.function, names) for answer in answers):
            raise Judged(known.message, known.id)
    for output in wrong:
        for known in exercise.wrong:
            if all(answer.matches(known.function, [output]) for answer in answers):
                others = [n for n in wrong if n != output]
                more = f"\n({', '.join(others)} not right either: look at {output} first.)" if others else ""
                raise Judged(f"{output}: {known.message}{more}", known.id)


def _look_for_a_dtype(answer, output):
    """`Judged` where the numbers lost digits on the way: whole numbers, or single precision, in place of float64."""
    found, expected = answer.found[output], answer.expected[output]
    if found.dtype.kind in "iu" and expected.dtype.kind == "f":
        raise Judged(
            f"{output} came out as whole numbers ({found.dtype}): an array of integers, or //, cut the fractions off. "
            "Make arrays with the dtype of what comes in.",
            "whole",
        )
    scale = np.abs(expected).max(initial=0.0) if expected.dtype.kind == "f" else 0.0
    single = found.dtype.kind == "f" and np.array_equal(found, found.astype(np.float32))
    if scale and single and np.allclose(found, expected, rtol=1e-4, atol=1e-6 * scale):
        raise Judged(
            f"{output} is right to about six digits, but float64 went in: the numbers passed through float32. "
            "Make arrays with the dtype of what comes in.",
            "single",
        )


def _look_for_a_ratio(exercise, answers, output):
    """`Judged` where every entry is the same number of times what it should be, in every probe."""
    ratios = [_ratio(a.found[output], a.expected[output]) for a in answers]
    if any(r is None for r in ratios):
        return
    for known, message in exercise.ratios:
        values = [known(*a.arguments) if callable(known) else known for a in answers]
        if np.allclose(ratios, values, rtol=RTOL) and not np.allclose(values, 1):
            raise Judged(message, "ratio")
    if np.allclose(ratios, ratios[0], rtol=RTOL):
        found, expected = answers[0].found[output], answers[0].expected[output]
        what = f"Every entry of {output}"
        if found.ndim == 0:
            what = "{} is {}, expected {}: it".format(output, *_digits(found[()], expected[()]))
        raise Judged(f"{what} is {ratios[0]:.6g} times what it should be.", "ratio")


def _ratio(found, expected):
    nonzero = np.abs(expected) > ATOL * np.abs(expected).max(initial=0.0)
    if not nonzero.any():
        return None
    r = float(np.median(found[nonzero] / expected[nonzero]))
    if expected.dtype.kind in "biu":
        return r if r != 0 and np.allclose(found, r * expected, rtol=1e-12, atol=0) else None
    return r if r != 0 and agree(found, r * expected) else None


def _where(exercise, output, off):
    """Where the differences are, if they keep to a part; else how many there are."""
    for axis, word in enumerate(exercise.names_of_axes(output, off.ndim)):
        places = np.flatnonzero(off.any(axis=tuple(a for a in range(off.ndim) if a != axis)))
        if len(places) <= off.shape[axis] / 2:
            numbers = ", ".join(map(str, places[:6])) + (", …" if len(places) > 6 else "")
            word = f"{word}, place" if word.startswith("axis") else word
            plural = "s" if len(places) > 1 else ""
            return f"{output} is off in {word}{plural} {numbers} only, of {off.shape[axis]}."
    inside = off[:, 1:-1, 1:-1] if off.ndim == 4 else off
    if inside.size and not inside.any():
        return f"{output} is off at the border only: look at what lies outside the picture."
    return f"{output} is off in {int(off.sum()):,} of {off.size:,} entries."


def entry(exercise, output, index, ndim):
    """dx[picture 0, row 2, column 3, channel 1], or dx[0, 2] where the axes have no names."""
    if not index:
        return output
    words = [word if not word.startswith("axis") else "" for word in exercise.names_of_axes(output, ndim)]
    return f"{output}[{', '.join(f'{word} {i}'.strip() for word, i in zip(words, index))}]"


# ---------------------------------------------------------------------------------------------- comparing


def agree(found, expected):
    """Equal in shape and in every entry."""
    return found.shape == expected.shape and bool(np.all(_close(found, expected)))


def _close(found, expected):
    """Entry by entry: whole numbers exactly, others to rounding; NaN equals NaN."""
    if expected.dtype.kind in "biu":
        return found == expected
    return np.isclose(found, expected, rtol=RTOL, atol=ATOL * _scale(expected), equal_nan=True)


def _scale(expected):
    """The largest entry, leaving out what is not finite."""
    return float(np.abs(expected[np.isfinite(expected)], dtype=np.float64).max(initial=0.0))


def relative_error(found, expected):
    """The largest difference between finite entries, relative to the largest entry."""
    finite = np.isfinite(expected) & np.isfinite(found)
    difference = found[finite].astype(np.float64) - expected[finite].astype(np.float64)
    return float(np.abs(difference).max(initial=0.0)) / (_scale(expected) or 1.0)
