"""A decorator for functions that programs call: it judges arguments, and spells mistakes for Python, in one line."""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from typing import Any, ParamSpec, TypeVar

import numpy as np

from tinyalex.errors import UserError
from tinyalex.files import as_user_error
from tinyalex.terminal import in_python
from tinyalex.training.settings import of_kind

P = ParamSpec("P")
R = TypeVar("R")


def called_by_programs(function: Callable[P, R]) -> Callable[P, R]:
    """The function, but arguments are judged by its annotations, advice is spelled for Python, and NumPy is silent.

    A path that the system refuses is a UserError. Numbers that run away are reported once, as a loss or an answer that
    is none.
    """
    form = signature(function)

    @wraps(function)
    def judged(*args: P.args, **given: P.kwargs) -> R:
        try:
            bound = form.bind(*args, **given)
        except TypeError as error:
            raise TypeError(f"{function.__name__}() {error}") from None
        for name, value in bound.arguments.items():
            kind = form.parameters[name].annotation
            if kind not in (Any, Parameter.empty):
                bound.arguments[name] = of_kind(name, value, kind)
                if value == "":
                    raise UserError("is empty", name)
        with in_python(), np.errstate(all="ignore"):
            try:
                return function(*bound.args, **bound.kwargs)
            except OSError as error:
                if (told := as_user_error(error)) is None:
                    raise
                raise told from error

    return judged
