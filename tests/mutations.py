"""Mutants of a Python file: each with one small mistake, as a tired person might make it. All other text stays."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COMPARISONS = {
    ast.Lt: ("<", "<=", ">="),
    ast.LtE: ("<=", "<", ">"),
    ast.Gt: (">", ">=", "<="),
    ast.GtE: (">=", ">", "<"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
ARITHMETIC = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.MatMult: ("@", "*"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitOr: ("|", "&"),
    ast.BitAnd: ("&", "|"),
    ast.BitXor: ("^", "&"),
}
SIGNS = {ast.USub: "-", ast.UAdd: "+", ast.Not: "not ", ast.Invert: "~"}
REMOVED = (ast.Expr, ast.Raise, ast.AugAssign, ast.Delete, ast.Continue, ast.Break, ast.Assert)
SKIPPED = (ast.JoinedStr, ast.Import, ast.ImportFrom)  # words for people, and what fails at once

Edit = tuple[int, int, str]  # from byte, to byte, what stands there instead


@dataclass(frozen=True)
class Mutant:
    """One mistake: the line before and after it, and the whole text with it.

    scope: the function that holds it, such as "Conv2d.forward";  key: says which one of its file it is, whatever else
    of the file changes
    """

    file: str
    line: int
    scope: str
    before: str
    after: str
    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.before}  →  {self.after}"


def mutants(file: Path, name: str, words: bool = False) -> list[Mutant]:
    """Every mutant of a file, from its first line to its last. name: for messages;  words: also those of its errors"""
    source = file.read_bytes()
    lines, found, keys = source.decode().splitlines(), [], {}
    for scope, (start, end, new) in _Mistakes(source, words).all():
        gap = source[start:end].count(b"\n") - new.count("\n")  # every other line keeps its number
        text = (source[:start] + new.encode() + b"\n" * gap + source[end:]).decode()
        line = source.count(b"\n", 0, start) + 1
        changed = text.splitlines()
        while lines[line - 1] == changed[line - 1]:  # what is removed may begin at the end of a line
            line += 1
        before, after = lines[line - 1].strip(), changed[line - 1].strip()
        key = f"{scope}: {before} → {after}"
        keys[key] = keys.get(key, 0) + 1
        found.append(Mutant(name, line, scope, before, after, f"{key} #{keys[key]}", text))
    return sorted(found, key=lambda mutant: mutant.line)


class _Mistakes:
    """The edits of one file, with the function that each is in."""

    def __init__(self, source: bytes, words: bool) -> None:
        self.source, self.words = source, words
        self.starts = [0, *(end.end() for end in re.finditer(b"\n", source))]

    def all(self) -> Iterator[tuple[str, Edit]]:
        yield from self._inside(ast.parse(self.source), "")

    def _inside(self, node, scope):
        if isinstance(node, SKIPPED):
            return
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            scope = f"{scope}.{node.name}".strip(".")
        yield from ((scope, edit) for edit in self._of(node))
        if isinstance(node, ast.Raise):
            yield from ((scope, edit) for edit in self._words_of(node)) if self.words else ()
            return
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            children = [*(node.args.defaults + node.args.kw_defaults if hasattr(node, "args") else ()), *node.body]
        elif isinstance(node, ast.AnnAssign):
            children = [node.value]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "reshape":
            children = [child for child in ast.iter_child_nodes(node) if ast.unparse(child) != "-1"]  # as good as −2
        else:
            children = ast.iter_child_nodes(node)
        for child in filter(None, children):
            yield from self._inside(child, scope)

    def _of(self, node):
        """The mistakes that can be made at a node itself."""
        for kind, method in KINDS.items():
            if isinstance(node, kind):
                yield from method(self, node)
        for body in ("body", "orelse", "finalbody"):
            yield from self._removed(node, getattr(node, body, None))

    # ------------------------------------------------------------------------------------------ expressions

    def _compare(self, node):
        for left, op, right in zip([node.left, *node.comparators], node.ops, node.comparators):
            old, *others = COMPARISONS[type(op)]
            yield from (self._operator(left, right, old, new) for new in others)

    def _arithmetic(self, node):
        if not isinstance(node.left, ast.JoinedStr) and not isinstance(node.right, ast.JoinedStr):
            yield self._operator(node.left, node.right, *ARITHMETIC[type(node.op)])

    def _update(self, node):
        old, new = ARITHMETIC[type(node.op)]
        yield self._operator(node.target, node.value, f"{old}=", f"{new}=")
        yield self._operator(node.target, node.value, f"{old}=", "=")

    def _either(self, node):
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:]):
            yield self._operator(left, right, old, new)

    def _sign(self, node):
        start = self._place(node)[0]
        yield start, start + len(SIGNS[type(node.op)]), ""

    def _number(self, node):
        value, place = node.value, self._place(node)
        if isinstance(value, bool):
            yield *place, str(not value)
        elif isinstance(value, int):
            yield *place, str(value + 1)
            yield *place, str(value - 1)
        elif isinstance(value, float):
            yield *place, str(2 * value or 1.0)

    def _condition(self, node):
        (start, end), test = self._place(node.test), node.test
        known = any(isinstance(inner, ast.NamedExpr) for inner in ast.walk(test))  # its name is used below
        negated_already = isinstance(test, ast.UnaryOp) or (isinstance(test, ast.Compare) and len(test.ops) == 1)
        if not negated_already:
            yield start, end, f"not ({self._text(start, end)})"
        if known or isinstance(node, (ast.While, ast.Assert)):
            return
        yield start, end, "True"
        if isinstance(node, ast.IfExp) or len(node.body) > 1 or node.orelse:
            yield start, end, "False"

    def _comprehension(self, node):
        for test in node.ifs:
            yield *self._place(test), "True"

    def _call(self, node):
        arguments = sorted([*node.args, *node.keywords], key=lambda argument: self._place(argument)[0])
        for before, argument, after in zip([None, *arguments], arguments, [*arguments[1:], None]):
            if isinstance(argument, ast.keyword) and argument.arg is not None:
                start, end = self._place(argument)
                if before is not None:
                    yield self._place(before)[1], end, ""
                elif after is not None:
                    yield start, self._place(after)[0], ""
                else:
                    yield start, end, ""

    def _slice(self, node):
        if node.lower is None and node.upper is None:
            return  # a whole axis
        colon = self._place(node)[0] if node.lower is None else self.source.index(b":", self._place(node.lower)[1])
        for bound, missing, step in ((node.lower, (colon, "1"), "+ 1"), (node.upper, (colon + 1, " -1"), "- 1")):
            if bound is None:
                yield missing[0], missing[0], missing[1]
            elif not isinstance(bound, ast.Constant):  # a number is mistaken anyway
                end = self._place(bound)[1]
                yield end, end, f" {step}"

    # ------------------------------------------------------------------------------------------ statements

    def _removed(self, node, body):
        """Statements left out, and results not returned."""
        if not isinstance(body, list):
            return
        for statement in body:
            start, end = self._place(statement)
            last = isinstance(node, ast.FunctionDef) and statement is body[-1]
            if isinstance(statement, ast.Return):
                nothing = statement.value is None or getattr(statement.value, "value", ...) is None
                yield from () if nothing else [(start, end, "return None")]
                yield from () if last else [(start, end, "pass")]
            elif isinstance(statement, REMOVED) and not isinstance(getattr(statement, "value", None), ast.Constant):
                yield start, end, "pass"
            elif isinstance(statement, ast.Assign) and self._is_kept(statement):
                yield start, end, "pass"

    @staticmethod
    def _is_kept(statement):
        """Whether an assignment is more than a new name, which would be missed at once."""
        targets = [t for target in statement.targets for t in getattr(target, "elts", [target])]
        reads = {n.id for n in ast.walk(statement.value) if isinstance(n, ast.Name)}
        return any(not isinstance(t, ast.Name) or t.id in reads for t in targets)

    def _words_of(self, node):
        """Each text in a `raise`, emptied."""
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            yield *self._place(node), '""'
            return
        for child in ast.iter_child_nodes(node):
            yield from self._words_of(child)

    # ------------------------------------------------------------------------------------------ places

    def _place(self, node):
        """(first byte, byte after the last) of a node."""
        first = self.starts[node.lineno - 1] + node.col_offset
        return first, self.starts[node.end_lineno - 1] + node.end_col_offset

    def _text(self, start, end):
        return self.source[start:end].decode()

    def _operator(self, left, right, old, new):
        """The edit that puts one operator in another's place, between two nodes."""
        start, end = self._place(left)[1], self._place(right)[0]
        at = self.source.index(old.encode(), start, end)
        return at, at + len(old), new


KINDS = {
    ast.Compare: _Mistakes._compare,
    ast.BinOp: _Mistakes._arithmetic,
    ast.AugAssign: _Mistakes._update,
    ast.BoolOp: _Mistakes._either,
    ast.UnaryOp: _Mistakes._sign,
    ast.Constant: _Mistakes._number,
    (ast.If, ast.IfExp, ast.While, ast.Assert): _Mistakes._condition,
    ast.comprehension: _Mistakes._comprehension,
    ast.Call: _Mistakes._call,
    ast.Slice: _Mistakes._slice,
}
