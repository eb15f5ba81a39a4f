"""Small edits of a function's source: an operation, a bound, an axis, a name, the order of two arguments.

An edit of a right answer is a wrong one, whose results can be compared with a learner's. An edit of a wrong answer that
makes it right shows where its mistake is. All edits are compiled into one function, in which switches turn them on, so
that thousands of pairs of edits can be tried in seconds.
"""

import ast
import contextlib
import inspect
import textwrap

from tinyalex.teaching.explain.editor import HERE, SWITCHES, Editor
from tinyalex.teaching.explain.switches import Switches

ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
LEAST_STEPS, MOST_STEPS = 2_000, 2_000_000  # that a call with an edit may take: a thousandth of a second, a second


class Edits:
    """A function with all its edits. ValueError without its source, or for what is no plain function."""

    def __init__(self, function):
        self.name, self.edits, self.switches, self.most = function.__name__, [], Switches(), MOST_STEPS
        space = dict(function.__globals__)
        if not inspect.isfunction(function) or function.__closure__:
            raise ValueError("not a plain function")
        for each in reached(function):
            tree, first = parsed(each)
            editor = Editor(self, tree.body[0], first)
            editor.visit(tree.body[0])
            tree.body[0].decorator_list = []
            ast.fix_missing_locations(tree)
            space[SWITCHES] = self.switches
            exec(compile(tree, f"<edits of {self.name}>", "exec"), space)
        self.function = space[self.name]

    def with_edits(self, *edits, most=None):
        """The function with these edits turned on until another is asked for.

        most: steps until it raises `Endless`, if not those that `limit` found
        """
        self.switches.turn({edit.site: edit.choice for edit in edits}, most or self.most)
        return self.function

    def limit(self, run):
        """Let the function with edits take ten times the steps of run(), which calls it without them, and some more."""
        self.switches.turn({}, MOST_STEPS)
        with contextlib.suppress(Exception):
            run(self.function)
            self.most = 10 * self.switches.steps + LEAST_STEPS


def reached(function):
    """The function, and others of the same file that it calls by name; not other exercises' functions of ours."""
    found, new = [], [function]
    while new:
        each = new.pop()
        found.append(each)
        for name in each.__code__.co_names:
            other = function.__globals__.get(name)
            if (
                inspect.isfunction(other)
                and other not in found + new
                and other.__code__.co_filename == function.__code__.co_filename
                and not other.__closure__
                and other.__name__ == name
            ):
                new.append(other)
    return found


def parsed(function):
    """(tree of the source of a function, its first line)."""
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, SyntaxError, TypeError) as error:
        raise ValueError(str(error)) from None
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef):
        raise ValueError("not a plain function")
    _note_surroundings(tree)
    _note_repetitions(tree)
    return tree, max(first, 1)


def _note_surroundings(tree):
    """Give each name and number the source of the expression that holds it: `x.dtype` tells more than `x`."""
    for parent in ast.walk(tree):
        if isinstance(parent, ast.JoinedStr) or not isinstance(parent, (ast.expr, ast.keyword)):
            continue  # the text in an f-string is no expression
        for field, value in ast.iter_fields(parent):
            for place, child in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(child, (ast.Name, ast.Constant)):
                    child.around = _with_a_hole(parent, field, place if isinstance(value, list) else None)


def _note_repetitions(tree):
    """Give each expression that its line holds several times its place among them: "the second "."""
    places: dict = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            places.setdefault((node.lineno, ast.unparse(node)), []).append(node)
    for same in places.values():
        for node, word in zip(sorted(same, key=lambda n: n.col_offset), ORDINALS) if len(same) > 1 else ():
            node.which = f"the {word} "


def _with_a_hole(parent, field, place):
    """The source of an expression with HERE in the place of a part."""
    value, hole = getattr(parent, field), ast.Name(HERE, ast.Load())
    setattr(parent, field, hole if place is None else [*value[:place], hole, *value[place + 1 :]])
    try:
        return ast.unparse(parent)
    finally:
        setattr(parent, field, value)
