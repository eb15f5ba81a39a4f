"""Slices that end at -0: with p = 0, x[p:-p] is x[0:0], which is empty."""

import ast
from dataclasses import dataclass

from tinyalex.teaching.explain.edits import parsed, reached
from tinyalex.teaching.explain.versions import Explanation, short
from tinyalex.teaching.limits import silent

END = "__end"


@dataclass(frozen=True)
class End:
    """A slice that ends at -amount. line: in the file or cell;  slice, amount: source"""

    line: int
    slice: str
    amount: str


def empty_slice(function, passes):
    """The `Explanation` that a check fails because a slice ends at -0, or None.

    passes: the check, called with a function like the learner's; it returns something true or raises
    """
    try:
        mended = Mended(function)
        with silent():
            if not mended.ends or not passes(mended.function):
                return None
    except Exception:  # whatever else is wrong with the learner's function
        return None
    if not mended.empty:
        return None
    end = mended.empty[0]
    where = f"Line {end.line}, `{short(end.slice)}`: with {end.amount} = 0 it ends at -0, which is 0, so it is empty."
    return Explanation("minus-zero", f"{where} Count its end from the front.")


class Mended:
    """A function whose slices go on to the end of the array where they would end at -0.

    ends: its slices that may;  empty: those that did in the calls so far. ValueError for what is no plain function
    """

    def __init__(self, function):
        self.ends, self.empty = [], []
        space = dict(function.__globals__) | {END: self._end}
        for each in reached(function):
            tree, first = parsed(each)
            tree.body[0].decorator_list = []
            _Ends(self.ends, first).visit(tree)
            exec(compile(ast.fix_missing_locations(tree), f"<ends of {function.__name__}>", "exec"), space)
        self.function = space[function.__name__]

    def _end(self, value, place):
        if value != 0:
            return value
        self.empty.append(self.ends[place])
        return None


class _Ends(ast.NodeTransformer):
    """Notes every slice that ends at -amount, and calls END for its end."""

    def __init__(self, ends, first):
        self.ends, self.first = ends, first

    def visit_Slice(self, node):
        upper = node.upper
        if isinstance(upper, ast.UnaryOp) and isinstance(upper.op, ast.USub):
            line = self.first + upper.lineno - 1
            self.ends.append(End(line, ast.unparse(node), ast.unparse(upper.operand)))
            node.upper = ast.Call(ast.Name(END, ast.Load()), [upper, ast.Constant(len(self.ends) - 1)], [])
        return node
