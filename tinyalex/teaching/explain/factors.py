"""Factors and offsets between two results, by the names of the arguments that they equal."""

import math
from fractions import Fraction

import numpy as np

from tinyalex.teaching.explain.steps import names_of
from tinyalex.teaching.values import digits, ratio_of

OFFSETS = (
    (-1.0, "{name} is too small by {argument}: it is missing, or subtracted once too often."),
    (1.0, "{name} is too large by {argument}: it is added once too often."),
    (-2.0, "{name} is too small by twice {argument}: it is subtracted where it should be added."),
    (2.0, "{name} is too large by twice {argument}."),
)


MORE = "On top of that, "  # beside another mistake, which has made a part of the difference


def factor(found, values, calls, exercise, name, more=False):
    """The factor in words, or "". more: beside another mistake, so that only a plain number is no chance"""
    factors = [ratio_of(f, v) for f, v in zip(found, values)]
    if any(f is None for f in factors) or np.allclose(factors, 1, rtol=1e-6, atol=0):
        return ""
    subject = f"Every entry of {name}"
    if found[0].ndim == 0 and name == "the result":
        subject = "The result"
    elif found[0].ndim == 0:
        subject = "{} is {}, expected {}: it".format(name, *digits(found[0], values[0]))
    told = f"{MORE}{name} is multiplied by {{}}." if more else f"{subject} is {{}} times the right value."
    if np.allclose(factors, factors[0], rtol=1e-6, atol=0):
        return told.format(f"{factors[0]:.6g}") if not more or _is_plain(factors[0]) else ""
    for words, numbers in _numbers(calls, exercise):
        if np.allclose(factors, numbers, rtol=1e-6, atol=0):
            return told.format(words)
        times = factors[0] / numbers[0]
        if not more and np.allclose(factors, np.multiply(times, numbers), rtol=1e-6, atol=0):
            if words.startswith("1 / ") and _is_whole(times):
                return told.format(f"{round(times)}{words[1:]}")
            if _is_whole(1 / times):
                return told.format(f"{words} / {round(1 / times)}")
    return ""


def _is_whole(number):
    """Whether a number is whole, and too large to be a mistake of its own, as a sign or a 2 is."""
    return 3 <= number < 1e6 and math.isclose(number, round(number), rel_tol=1e-6)


def _is_plain(number):
    """Whether somebody writes such a factor: whole, a small fraction, its root, a power of ten, a logarithm's base."""
    size = abs(number)
    if _is_whole(size) or _is_whole(1 / size):
        return True
    for value in (size, size * size, size / math.log(2), size * math.log(2), size / math.log(10), size * math.log(10)):
        for power in range(-4, 5):
            scaled = value * 10.0**power
            near = Fraction(scaled).limit_denominator(12)
            if 0 < near.numerator <= 12 and math.isclose(scaled, near, rel_tol=1e-6):
                return True
    return False


def offset(found, values, calls, exercise, name, more=False):
    """The offset in words, or "". more: beside another mistake; no argument of the result's own shape, which makes up
    for too much
    """
    words = _offset(found, values, calls, exercise, name, more)
    return f"{MORE}{words}" if words and more else words


def _offset(found, values, calls, exercise, name, rows_only):
    gaps = [f.astype(np.float64) - v for f, v in zip(found, values)]
    means = [float(np.mean(g)) for g in gaps]
    if not all(np.isfinite(g).all() for g in gaps):
        return ""
    near = [float(np.abs(f).max(initial=0.0)) * 1e-9 + 1e-12 for f in found]
    if all(np.abs(g - m).max(initial=0.0) <= n for g, m, n in zip(gaps, means, near)):
        if np.allclose(means, means[0], rtol=1e-6, atol=near[0]) and abs(means[0]) > near[0]:
            return f"{name} is too {'large' if means[0] > 0 else 'small'} by {abs(means[0]):.6g} everywhere."
        for words, numbers in _numbers(calls, exercise):
            for sign, side in ((1, "large"), (-1, "small")):
                if np.allclose(means, [sign * n for n in numbers], rtol=1e-6, atol=0):
                    return f"{name} is too {side} by {words} everywhere."
    for argument, rows in _rows(calls, exercise, gaps):
        for times, words in OFFSETS if not rows_only or rows[0].ndim < gaps[0].ndim else ():
            if all(np.abs(g - times * r).max(initial=0.0) <= n for g, r, n in zip(gaps, rows, near)):
                return words.format(name=name, argument=argument)
    return ""


def _rows(calls, exercise, gaps):
    """Arguments that may have been added to every row of a result: (name, one for each probe)."""
    for i, argument in enumerate(names_of(exercise.ours)[: len(calls[0])]):
        rows = [call[i] for call in calls]
        if all(isinstance(r, np.ndarray) and r.dtype.kind == "f" and r.ndim for r in rows):
            if all(g.shape[-r.ndim :] == r.shape for r, g in zip(rows, gaps)):
                yield argument, rows


def _numbers(calls, exercise):
    """Numbers of the arguments that a factor may be: (words, one for each probe)."""
    for i, argument in enumerate(names_of(exercise.ours)[: len(calls[0])]):
        values = [call[i] for call in calls]
        if all(isinstance(v, (int, float)) and not isinstance(v, bool) and v for v in values):
            yield argument, values
            yield f"1 / {argument}", [1 / v for v in values]
            if all(0 < v < 1 for v in values):
                yield f"(1 − {argument})", [1 - v for v in values]
                yield f"1 / (1 − {argument})", [1 / (1 - v) for v in values]
        elif all(isinstance(v, np.ndarray) and v.ndim == values[0].ndim and v.size for v in values):
            for axis in range(values[0].ndim):
                yield f"{argument}.shape[{axis}]", [v.shape[axis] for v in values]
                yield f"1 / {argument}.shape[{axis}]", [1 / v.shape[axis] for v in values]
            yield f"{argument}.size", [v.size for v in values]
            yield f"1 / {argument}.size", [1 / v.size for v in values]
        elif all(isinstance(v, (list, tuple)) and len(v) for v in values):
            yield f"len({argument})", [len(v) for v in values]
            yield f"1 / len({argument})", [1 / len(v) for v in values]
