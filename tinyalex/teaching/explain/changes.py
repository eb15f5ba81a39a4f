"""The changes that edits make: other operators, other functions, something around an expression."""

import ast
import operator
from typing import Any

import numpy as np

OPERATORS = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", operator.pow),
    ast.MatMult: ("@", operator.matmul),
    ast.BitAnd: ("&", operator.and_),
    ast.BitOr: ("|", operator.or_),
    ast.BitXor: ("^", operator.xor),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
}
APPLY = dict(OPERATORS.values())
UNARY = {"USub": operator.neg, "UAdd": operator.pos, "Invert": operator.invert, "Not": operator.not_}
OTHER_OPERATORS = {
    "+": ("-", "*"),
    "-": ("+",),
    "*": ("/", "+", "**"),
    "/": ("*", "//"),
    "//": ("/", "%"),
    "%": ("//",),
    "**": ("*",),
    "&": ("|",),
    "|": ("&",),
    "^": ("|",),
    "<": ("<=", ">"),
    "<=": ("<", ">="),
    ">": (">=", "<"),
    ">=": (">", "<="),
    "==": ("!=",),
    "!=": ("==",),
}
SIDES = ("+", "-", "*", "/", "**", "//", "%", "&", "|")  # one side of these may be left out
ORDERED = ("-", "/", "//", "%", "**", "@")
OTHER_CALLS = {
    "max": ("min", "sum", "mean", "maximum"),
    "abs": ("square", "float"),
    "absolute": ("square",),
    "min": ("max", "minimum"),
    "sum": ("mean", "max", "prod"),
    "mean": ("sum", "max", "median"),
    "median": ("mean",),
    "prod": ("sum",),
    "std": ("var",),
    "var": ("std",),
    "argmax": ("argmin", "max"),
    "argmin": ("argmax", "min"),
    "maximum": ("minimum",),
    "minimum": ("maximum",),
    "floor": ("ceil", "round"),
    "ceil": ("floor", "round"),
    "round": ("floor", "ceil"),
    "int": ("float", "round"),
    "exp": ("exp2", "log", "square"),
    "log": ("log2", "log10", "log1p", "exp"),
    "log2": ("log",),
    "log10": ("log",),
    "sqrt": ("square",),
    "square": ("sqrt",),
    "zeros": ("ones",),
    "ones": ("zeros",),
    "zeros_like": ("ones_like",),
    "ones_like": ("zeros_like",),
    "any": ("all",),
    "all": ("any",),
    "random": ("standard_normal",),
    "standard_normal": ("random",),
    "sin": ("cos",),
    "cos": ("sin",),
    "flip": ("flipud", "fliplr"),
    "flipud": ("fliplr",),
    "fliplr": ("flipud",),
    "tanh": ("sinh", "arctan"),
    "sinh": ("tanh",),
    "arctan": ("tanh",),
    "ravel": ("transpose",),
    "cumsum": ("cumprod",),
    "eigh": ("eig", "svd"),
    "sort": ("flip",),
}
AROUND: tuple[tuple[str, str, Any], ...] = (
    ("-({0})", "the sign is not right", operator.neg),
    ("2 * ({0})", "a factor 2 is missing there", lambda value: 2 * value),
    ("({0}) / 2", "a factor 2 is too many there", lambda value: value / 2),
    ("({0}) ** 2", "a square is missing there", lambda value: value * value),
    ("np.sqrt({0})", "a root is missing there", lambda value: np.sqrt(value)),
    ("abs({0})", "an absolute value is missing there", abs),
)
HINTS = {
    "number": "the number is not right",
    "axis": "another axis belongs there",
    "name": "another variable belongs there",
    "operation": "another operation belongs there",
    "comparison": "another comparison belongs there",
    "sign": "the sign, or the “not”, does not belong there",
    "condition": "the condition is not right",
    "order": "the order is not right",
    "part": "the index does not belong there: all of it is needed",
    "bound": "a bound is not right",
    "index": "the index is off by one",
    "range": "the range is off by one",
    "loop": "the loop should go over other items",
    "transpose": "no transpose belongs there",
    "call": "another function belongs there",
    "place": "this belongs after the loop, not in it",
}
OPERATION = {
    "left": "the right part of it does not belong there",
    "right": "the left part of it does not belong there",
    "turned": "its two sides are exchanged",
    "one less": "it is too large by one",
    "one more": "it is too small by one",
    "up": "it should be rounded up",
}
CALLING = {
    "other": "another function belongs there",
    "first": "this call does not belong there",
    "without": "`{}` does not belong there",
    "turned": "two of its arguments are in the wrong order",
}
AXES = (0, 1, 2, 3, -1, -2, None)
WITHOUT_VALUE = ("range", "zip", "enumerate", "len", "print", "append", "zeros", "empty", "zeros_like", "empty_like")
MOST_NAMES = 8
MOST_EDITS = 4000
