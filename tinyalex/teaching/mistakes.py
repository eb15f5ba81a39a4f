"""Tell a learner what is wrong with an answer: the known mistake it makes, or where it differs.

The first of these that applies is told:
  the values equal a known wrong version's, in every probe
  digits were lost: whole numbers or float32 instead of float64
  every entry is too large or too small by the same factor
  which entries differ, with the first of them worked out by hand
"""

from dataclasses import dataclass

import numpy as np

RTOL = 1e-6
ATOL = 1e-9  # relative to the largest entry
NOT_DONE, RIGHT, NOT_YET = "not done yet", "right", "not yet"


@dataclass(frozen=True)
class Verdict:
    """state: NOT_DONE, RIGHT or NOT_YET;  text: for the learner;  wrong: the id of the mistake, or None."""

    state: str
    text: str = ""
    wrong: str | None = None


class Judged(Exception):
    """Ends an examination with a verdict."""

    def __init__(self, text, wrong=None, state=NOT_YET):
        self.verdict = Verdict(state, text, wrong)


def name_the_mistake(exercise, answers):
    """Raise `Judged` with everything known about wrong answers. answers: one per probe, at least one of them wrong."""
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
    lines = [_where(exercise, output, off), f"The first difference: {difference}"] if off.ndim else [difference]
    if exercise.by_hand:
        lines.append(exercise.by_hand(answer.arguments, output, index))
    raise Judged("\n".join(filter(None, lines)))


def _digits(found, expected):
    """Two numbers as texts: integers in full, others with six digits, or in full if those agree."""
    texts = [f"{v:,}" if isinstance(v, int) else f"{v:.6g}" for v in (found.item(), expected.item())]
    return texts if texts[0] != texts[1] else [repr(found.item()), repr(expected.item())]


def look_up(exercise, answers):
    """Raise `Judged` if all outputs, or one of the wrong outputs, equal a known wrong version's in every probe."""
    names = list(exercise.outputs)
    wrong = [n for n in names if any(a.found[n].shape != a.expected[n].shape or not a.right(n) for a in answers)]
    for known in exercise.wrong:  # a mistake that explains all outputs comes before one that explains a part
        if all(answer.matches(known.function, names) for answer in answers):
            raise Judged(known.message, known.id)
    for output in wrong:
        for known in exercise.wrong:
            if all(answer.matches(known.function, [output]) for answer in answers):
                others = [n for n in wrong if n != output]
                verb = "is" if len(others) == 1 else "are"
                more = f"\n({', '.join(others)} {verb} not right either: look at {output} first.)" if others else ""
                raise Judged(f"{output}: {known.message}{more}", known.id)


def _look_for_a_dtype(answer, output):
    """Raise `Judged` if an output lost digits: whole numbers or float32 instead of float64."""
    found, expected = answer.found[output], answer.expected[output]
    if found.dtype.kind in "iu" and expected.dtype.kind == "f":
        raise Judged(
            f"{output} came out as whole numbers ({found.dtype}): an integer array, or //, cut off the fractions. "
            "Make arrays with the dtype of the input.",
            "whole",
        )
    scale = np.abs(expected).max(initial=0.0) if expected.dtype.kind == "f" else 0.0
    single = found.dtype.kind == "f" and np.array_equal(found, found.astype(np.float32))
    if scale and single and np.allclose(found, expected, rtol=1e-4, atol=1e-6 * scale):
        raise Judged(
            f"{output} is right to about six digits, but float64 went in: the numbers passed through float32. "
            "Make arrays with the dtype of the input.",
            "single",
        )


def _look_for_a_ratio(exercise, answers, output):
    """Raise `Judged` if every entry, in every probe, is too large or too small by the same factor."""
    ratios = [_ratio(a.found[output], a.expected[output]) for a in answers]
    if any(r is None for r in ratios):
        return
    for known, message in exercise.ratios:
        values = [known(*a.arguments) if callable(known) else known for a in answers]
        if np.allclose(ratios, values, rtol=RTOL) and not np.allclose(values, 1):
            raise Judged(message, "ratio")
    if np.allclose(ratios, ratios[0], rtol=RTOL):
        found, expected = answers[0].found[output], answers[0].expected[output]
        subject = f"Every entry of {output}"
        if found.ndim == 0:
            subject = "{} is {}, expected {}: it".format(output, *_digits(found[()], expected[()]))
        raise Judged(f"{subject} is {ratios[0]:.6g} times the right value.", "ratio")


def _ratio(found, expected):
    """The factor between two arrays, or None if there is no common one."""
    nonzero = np.abs(expected) > ATOL * np.abs(expected).max(initial=0.0)
    if not nonzero.any():
        return None
    r = float(np.median(found[nonzero] / expected[nonzero]))
    if expected.dtype.kind in "biu":
        return r if r != 0 and np.allclose(found, r * expected, rtol=1e-12, atol=0) else None
    return r if r != 0 and agree(found, r * expected) else None


def _where(exercise, output, off):
    """Which part of an output differs, or else how many entries. off: booleans in the shape of the output."""
    for axis, word in enumerate(exercise.names_of_axes(output, off.ndim)):
        places = np.flatnonzero(off.any(axis=tuple(a for a in range(off.ndim) if a != axis)))
        if len(places) <= off.shape[axis] / 2:
            numbers = ", ".join(map(str, places[:6])) + (", …" if len(places) > 6 else "")
            word = f"{word}, place" if word.startswith("axis") else word
            plural = "s" if len(places) > 1 else ""
            return f"{output} is off only in {word}{plural} {numbers}, of {off.shape[axis]}."
    inside = off[:, 1:-1, 1:-1] if off.ndim == 4 else off
    if inside.size and not inside.any():
        return f"{output} is off only at the border: look at what lies outside the picture."
    return f"{output} is off in {int(off.sum()):,} of {off.size:,} entries."


def entry(exercise, output, index, ndim):
    """dx[picture 0, row 2, column 3, channel 1], or dx[0, 2] if the axes have no names."""
    if not index:
        return output
    words = [word if not word.startswith("axis") else "" for word in exercise.names_of_axes(output, ndim)]
    return f"{output}[{', '.join(f'{word} {i}'.strip() for word, i in zip(words, index))}]"


# ---------------------------------------------------------------------------------------------- comparing


def agree(found, expected):
    """Whether two arrays agree in shape and in every entry, to rounding."""
    return found.shape == expected.shape and bool(np.all(_close(found, expected)))


def _close(found, expected):
    """Compare entry by entry: integers exactly, others to rounding; NaN equals NaN."""
    if expected.dtype.kind in "biu":
        return found == expected
    return np.isclose(found, expected, rtol=RTOL, atol=ATOL * _scale(expected), equal_nan=True)


def _scale(expected):
    """The largest magnitude among the finite entries."""
    return float(np.abs(expected[np.isfinite(expected)], dtype=np.float64).max(initial=0.0))


def relative_error(found, expected):
    """The largest difference between finite entries, relative to the largest finite entry of `expected`."""
    finite = np.isfinite(expected) & np.isfinite(found)
    difference = found[finite].astype(np.float64) - expected[finite].astype(np.float64)
    return float(np.abs(difference).max(initial=0.0)) / (_scale(expected) or 1.0)
