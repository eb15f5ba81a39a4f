"""Check a right answer for numbers of other sizes: huge, tiny, far from 0, exactly 0. See `corners`."""

import numpy as np

from tinyalex.teaching.elsewhere import compare_at, each_inside, is_float_array, replaced
from tinyalex.teaching.forms import in_large_float32
from tinyalex.teaching.values import scale

HUGE, SMALL, TINY = 2.0**20, 2.0**-12, 2.0**-60
FAR, FARTHER = 2.0**10, 2.0**20
EPSILON = 2.0**-52
ROUNDINGS = 2.0**8  # how much worse than one rounding of the arguments a right answer may be


def of_huge_numbers(case, answer):
    compare_at(case, answer, _scaled(answer.arguments, HUGE), "for numbers a million times as large", "huge")


def of_tiny_numbers(case, answer):
    compare_at(case, answer, _scaled(answer.arguments, SMALL), "for numbers in the thousandths", "tiny")
    compare_at(case, answer, _scaled(answer.arguments, TINY), "for tiny numbers", "tiny")


def _scaled(arguments, factor):
    return tuple(each_inside(a, lambda v: v * factor if is_float_array(v) else v) for a in arguments)


def far_from_zero(case, answer):
    """Each array of floats in turn, and all of them, moved far from 0: no difference of large numbers loses digits."""
    moved = [_moved(a) for a in answer.arguments]
    places = [i for i, value in enumerate(moved) if value is not answer.arguments[i]]
    for some in [[i] for i in places] + [places] * (len(places) > 1):
        names = " and ".join(case.argument(i) for i in some)
        for far in (FAR, FARTHER):
            arguments = tuple(_moved(a, far) if i in some else a for i, a in enumerate(answer.arguments))
            allowed = _roundings(case, answer, arguments) if far == FARTHER else None
            compare_at(
                case, answer, arguments, f"if {names} lie{'s' * (len(some) == 1)} around {far:,.0f}", "far", allowed
            )


def _moved(value, far=FAR):
    return each_inside(value, lambda v: v + far if is_float_array(v) else v)


def _roundings(case, answer, arguments):
    """The most that a right answer may be off, {output: number}: some times what one rounding of the arguments changes.

    An answer that is off by more for the usual arguments may be so here.
    """
    rng = np.random.default_rng(0)
    try:
        exact, rounded = (
            case.ours(arguments),
            case.ours(tuple(each_inside(a, lambda v: _rounded(v, rng)) for a in arguments)),
        )
    except Exception:
        return {}
    usual = max(EPSILON, answer.error())
    return {
        name: ROUNDINGS * max(float(np.abs(value - rounded[name]).max(initial=0.0)), usual * scale(value))
        for name, value in exact.items()
        if value.dtype.kind == "f" and value.shape == rounded[name].shape
    }


def _rounded(value, rng):
    return value * (1 + 4 * EPSILON * rng.standard_normal(value.shape)) if is_float_array(value) else value


def of_zeros(case, answer):
    """Each array of floats in turn, and all of a list: zeros in the first half of the last axis, then everywhere."""
    for place, value in enumerate(answer.arguments):
        for zeroed, which in ((_half_zero, "half of"), (_zero, "all of")):
            other = each_inside(value, zeroed)
            when = f"if {which} {case.argument(place)} is 0"
            if other is not value and not isinstance(value, (dict, str)):
                compare_at(case, answer, replaced(answer.arguments, place, other), when, "zeros")


def _half_zero(value):
    if not is_float_array(value) or not value.ndim:
        return value
    half = value.copy()
    half[..., : value.shape[-1] // 2] = 0
    return half


def _zero(value):
    return np.zeros_like(value) if is_float_array(value) else 0.0 if isinstance(value, float) else value


MAGNITUDES = (in_large_float32, of_huge_numbers, of_tiny_numbers, far_from_zero, of_zeros)
