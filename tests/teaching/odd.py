"""Right answers in odd forms: another style than `reveal` shows, and results that few would return."""

import itertools

import numpy as np

from tinyalex.teaching import lessons
from tinyalex.teaching.examine import examine
from tinyalex.teaching.mistakes import RIGHT


def as_it_is(value):
    return value


def view(array):
    """A view of a larger array: backwards, with gaps, the first axis the fastest."""
    if type(array) is not np.ndarray or not array.ndim:
        return array
    odd = np.empty((2 * len(array), *array.shape[1:]), array.dtype, order="F")[::-2]
    odd[...] = array
    return odd


def locked_view(array):
    """Such a view, read-only."""
    odd = view(array)
    if odd is not array:
        odd.setflags(write=False)
    return odd


def no_axes(number):
    """An array of shape () for a number."""
    return np.array(number) if isinstance(number, (bool, int, float, np.number, np.bool_)) else number


def numpy_number(number):
    return no_axes(number)[()] if isinstance(number, (int, float)) else number


def exchanged(value):
    """A list for a tuple, a tuple for a list."""
    return {tuple: list, list: tuple}.get(type(value), as_it_is)(value)


ARRAYS, NUMBERS, ROWS = (locked_view, view, as_it_is), (no_axes, numpy_number, as_it_is), (exchanged, as_it_is)
FORMS = list(itertools.product(ARRAYS, NUMBERS, ROWS))  # the oddest first


def answer(name, style, form):
    """A right answer to an exercise in one of its styles, its results in one of FORMS, its parameters unnamed."""
    function = lessons.solutions(name)[style]
    return lambda *arguments: _changed(function(*arguments), FORMS[form])


def _changed(value, form):
    array, number, row = form
    if isinstance(value, dict):
        return {key: _changed(v, form) for key, v in value.items()}
    if isinstance(value, (tuple, list)):
        return row(type(value)(_changed(v, form) for v in value))
    return number(array(value))


def oddest(name, style):
    """The place in FORMS of the oddest form that the check accepts."""
    exercise = lessons.find_exercise(name)
    return next(i for i in range(len(FORMS)) if examine(exercise, answer(name, style, i)).state == RIGHT)


def answers(number):
    """{exercise: source of a cell with the last of its right answers}."""
    cells = {}
    for exercise in lessons.find_lesson(number).exercises:
        place = exercise.id, -1, oddest(exercise.id, -1)
        cells[exercise.id] = f"import tests.teaching.odd\n\n{exercise.name} = tests.teaching.odd.answer{place}"
    return cells
