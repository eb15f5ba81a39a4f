"""Put a switch at every place of a function's source that can be edited."""

import ast
import copy
import itertools
import re
from dataclasses import dataclass
from typing import Any

from tinyalex.teaching.explain.changes import (
    AROUND,
    AXES,
    CALLING,
    HINTS,
    MOST_EDITS,
    MOST_NAMES,
    OPERATION,
    OPERATORS,
    ORDERED,
    OTHER_CALLS,
    OTHER_OPERATORS,
    SIDES,
    WITHOUT_VALUE,
)

SWITCHES = "__switches"
SUPERFLUOUS = "this does not belong there"
EXCHANGED = "what follows belongs before it"
MOVABLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.If)  # statements that may change places
PART = "a part of it does not belong there"
BY_SIGN = {sign: node for node, (sign, *_) in OPERATORS.items()}
UNLIKELY = ""  # no hint: if such an edit makes an answer right, that is chance
HERE = "__here"


@dataclass(frozen=True)
class Edit:
    """One edit: the switch to turn, and words for it.

    site, choice: which switch, and its position;  line: in the file or cell
    before, after: source of the place, without and with the edit
    kind: what is edited, as "operation";  hint: what is wrong there, if the edit makes it right, or UNLIKELY
    around: source of what holds the place, which is HERE in it
    which: "the second " where its line holds the same source several times
    """

    site: int
    choice: int
    line: int
    before: str
    after: str
    kind: str
    hint: str
    around: str = HERE
    which: str = ""


class Editor(ast.NodeTransformer):
    """Puts a switch at every place of a function that can be edited."""

    def __init__(self, edits, function, first):
        self.edits, self.first = edits, first
        self.parameters = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
        stored = (n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
        self.names = list(dict.fromkeys([*self.parameters, *stored]))[:MOST_NAMES]
        self.sites = 0 if not edits.edits else edits.edits[-1].site + 1

    def _site(self, node, changes, kind, hints=()):
        """The number of a new switch; changes: the source with each of its positions;  hints: for the first of them."""
        if len(self.edits.edits) > MOST_EDITS:
            raise ValueError("too long")
        before, line = ast.unparse(node), self.first + getattr(node, "lineno", 1) - 1
        for choice, (after, hint) in enumerate(itertools.zip_longest(changes, hints[: len(changes)])):
            hint, around = HINTS[kind] if hint is None else hint, getattr(node, "around", HERE)
            which = getattr(node, "which", "")
            self.edits.edits.append(Edit(self.sites, choice, line, before, after, kind, hint, around, which))
        self.sites += 1
        return ast.Constant(self.sites - 1)

    @staticmethod
    def _ask(method, *arguments, keywords=()):
        return ast.Call(
            ast.Attribute(ast.Name(SWITCHES, ast.Load()), method, ast.Load()), list(arguments), list(keywords)
        )

    def _is_on(self, site, choice=None):
        """The condition that a switch is on, or at one position."""
        on = ast.Attribute(ast.Name(SWITCHES, ast.Load()), "on", ast.Load())
        if choice is None:
            return ast.Compare(site, [ast.In()], [on])
        asked = ast.Call(ast.Attribute(on, "get", ast.Load()), [site], [])
        return ast.Compare(asked, [ast.Eq()], [ast.Constant(choice)])

    def _choose(self, node, others, kind):
        """One of several expressions without side effects."""
        if not others:
            return node
        site, chosen = self._site(node, [ast.unparse(other) for other in others], kind), others[-1]
        for choice in range(len(others) - 2, -1, -1):
            chosen = ast.IfExp(self._is_on(site, choice), others[choice], chosen)
        return ast.IfExp(self._is_on(site), chosen, node)

    # ------------------------------------------------------------------------------------------ expressions

    def visit_Constant(self, node):
        value = node.value
        others: list[Any] = []
        if isinstance(value, bool):
            others = [not value]
        elif isinstance(value, int):
            others = [value + 1, value - 1] + [0] * (value > 1) + [-value] * (value > 0)
        elif isinstance(value, float):
            others = [0, 1, 2 * value, value / 2, 1 - value, -value]
        others = [o for o in others if o not in getattr(node, "beside", [value]) or isinstance(value, bool)]
        return self._choose(node, [ast.Constant(o) for o in others], "number")

    def visit_JoinedStr(self, node):
        return node  # the words of a message are no part of the answer

    def visit_keyword(self, node):
        if node.arg in ("axis", "axes") and _constant(node.value) is not _constant:
            value = _constant(node.value)
            others = [ast.Constant(a) for a in AXES if a != value or type(a) is not type(value)]
            node.value = self._choose(node.value, others, "axis")
        elif node.arg not in ("dtype", "mode", "order", "casting"):
            node.value = self.visit(node.value)
        return node

    def visit_Name(self, node):
        if not isinstance(node.ctx, ast.Load) or node.id not in self.names:
            return node
        others = [n for n in self.names if n != node.id and not _beside_itself(n, getattr(node, "around", ""))]
        return self._choose(node, [ast.Name(n, ast.Load()) for n in others], "name")

    def visit_BinOp(self, node):
        own = OPERATORS.get(type(node.op), ("",))[0]
        if not own or isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
            return self.generic_visit(node)
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        choices, words = (["left", "right"], [left, right]) if own in SIDES else ([], [])
        for other in OTHER_OPERATORS.get(own, ()):
            choices, words = [*choices, other], [*words, _joined(node.left, BY_SIGN[other](), node.right)]
        if own in ORDERED:
            choices, words = choices + ["turned"], words + [_joined(node.right, node.op, node.left)]
        if own == "//":
            up = _joined(ast.UnaryOp(ast.USub(), node.left), node.op, node.right)
            choices, words = choices + ["up"], words + [f"-({up})"]
        if own in ("+", "-", "//"):
            source = ast.unparse(node)
            choices, words = choices + ["one less", "one more"], words + [f"{source} - 1", f"{source} + 1"]
        source, hints = ast.unparse(node), [OPERATION.get(c, HINTS["operation"]) for c in choices]
        choices, words = [*choices, *range(len(AROUND))], words + [around.format(source) for around, _, _ in AROUND]
        site = self._site(node, words, "operation", hints + [hint for _, hint, _ in AROUND])
        self.generic_visit(node)
        return self._ask("binary", site, _constants(choices), ast.Constant(own), node.left, node.right)

    def visit_Compare(self, node):
        own = OPERATORS.get(type(node.ops[0]), ("",))[0]
        if len(node.ops) > 1:  # a < b < c: without its first comparison, or its last
            first = ast.Compare(node.left, node.ops[:-1], node.comparators[:-1])
            last = ast.Compare(node.comparators[0], node.ops[1:], node.comparators[1:])
            return self._instead(node, [last, first], [PART, PART])
        if not own:
            return self.generic_visit(node)
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        choices = [*OTHER_OPERATORS[own]]
        site = self._site(node, [f"{left} {other} {right}" for other in choices], "comparison")
        self.generic_visit(node)
        return self._ask("binary", site, _constants(choices), ast.Constant(own), node.left, node.comparators[0])

    def visit_UnaryOp(self, node):
        if isinstance(node.operand, ast.Constant):
            return self._choose(node, [node.operand, *_near(node)], "number")
        site = self._site(node, [ast.unparse(node.operand)], "sign")
        self.generic_visit(node)
        return self._ask("unary", site, ast.Constant(type(node.op).__name__), node.operand)

    def visit_BoolOp(self, node):
        other = ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        rests = [[v for v in node.values if v is not value] for value in node.values]
        fewer = [ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0] for rest in rests]
        return self._instead(node, [other, *fewer], [HINTS["condition"], *[PART] * len(fewer)])

    def _instead(self, node, others, hints):
        """A condition, or one of several others."""
        others = copy.deepcopy(others)
        site, chosen = self._site(node, list(map(ast.unparse, others)), "condition", hints), self.generic_visit(node)
        for choice, other in enumerate(others):
            chosen = ast.IfExp(self._is_on(site, choice), other, chosen)
        return chosen

    def visit_IfExp(self, node):
        node.test = self._truth(node.test)
        node.body, node.orelse = self.visit(node.body), self.visit(node.orelse)
        return node

    def _truth(self, test):
        source = ast.unparse(test)
        site = self._site(test, [f"not ({source})", "True", "False"], "condition")
        return self._ask("truth", site, self.visit(test))

    def visit_List(self, node):
        """A list whose numbers stay different: what goes over [0, 1] would not vary with [1, 1]."""
        numbers = [e for e in node.elts if isinstance(e, ast.Constant)]
        for each in numbers:
            each.beside = [e.value for e in numbers]
        return self.generic_visit(node)

    def visit_Tuple(self, node):
        return self._tuple(node)

    def _tuple(self, node):
        """A tuple in which two neighbours can be exchanged."""
        plain = isinstance(node.ctx, ast.Load) and not any(isinstance(e, (ast.Slice, ast.Starred)) for e in node.elts)
        if not plain or not 2 <= len(node.elts) <= 5:
            return self.generic_visit(node)
        words = []
        for i in range(len(node.elts) - 1):
            turned = [*node.elts]
            turned[i], turned[i + 1] = turned[i + 1], turned[i]
            words.append(f"({', '.join(map(ast.unparse, turned))})")
        site = self._site(node, words, "order")
        node.elts = [self.visit(e) for e in node.elts]
        return self._ask("order", site, node)

    def visit_Subscript(self, node):
        whole = ast.unparse(node.value)
        key = isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
        site = self._site(node, [whole], "part") if isinstance(node.ctx, ast.Load) and not key else None
        node.value = self.visit(node.value) if isinstance(node.ctx, ast.Load) else node.value
        node.slice = self._index(node.slice)
        return node if site is None else self._ask("part", site, node.value, node.slice)

    def _index(self, index):
        if isinstance(index, ast.Tuple):
            index.elts = [self._index(e) for e in index.elts]
            return index
        if isinstance(index, ast.Slice):
            return self._slice(index)
        if isinstance(index, (ast.Constant, ast.Starred)):
            return self.visit(index)
        return self._near_number(index, "index")

    def _slice(self, node):
        start, stop, step = (ast.unparse(e) if e else "" for e in (node.lower, node.upper, node.step))
        tail = f":{step}" if step else ""
        words = [
            f"{'' if start else '1'}:{stop}{tail}",
            f"{start}:{'' if stop else '-1'}{tail}",
            *(f"{start} {sign} 1:{stop}{tail}" for sign in "+-"),
            *(f"{start}:{stop} {sign} 1{tail}" for sign in "+-"),
            f"{start}:{stop}{'' if step else ':-1'}",
        ]
        whole = ast.Slice(node.lower, node.upper, node.step, lineno=getattr(node, "lineno", 1))
        site = self._site(whole, words, "bound")
        parts = (self.visit(e) if e else ast.Constant(None) for e in (node.lower, node.upper, node.step))
        return self._ask("cut", site, *parts)

    def _near_number(self, node, kind):
        source = ast.unparse(node)
        site = self._site(node, [f"{source} + 1", f"{source} - 1"], kind)
        return self._ask("number", site, self.visit(node))

    def visit_Attribute(self, node):
        if node.attr != "T" or not isinstance(node.ctx, ast.Load):
            return self.generic_visit(node)
        site = self._site(node, [ast.unparse(node.value)], "transpose")
        return self._ask("attribute", site, self.visit(node.value), ast.Constant("T"))

    def visit_Call(self, node):
        named = all(k.arg for k in node.keywords) and not any(isinstance(a, ast.Starred) for a in node.args)
        if not named or not isinstance(node.func, (ast.Name, ast.Attribute)):
            return self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        choices, words = self._calls(node, name, owner)
        keywords = {k.arg: ast.unparse(k) for k in node.keywords}
        hints = [
            AROUND[what][1] if isinstance(what, int) else CALLING[what].format(keywords.get(which))
            for what, which in choices
        ]
        site = self._site(node, words, "call", hints) if choices else ast.Constant(-1)
        if name == "range":
            node.args = [
                self._near_number(a, "range") if not isinstance(a, ast.Constant) else self.visit(a) for a in node.args
            ]
        else:
            node.args = [self.visit(a) for a in node.args]
        node.keywords = [self.visit_keyword(k) for k in node.keywords]
        if owner is None:
            return self._ask("call", site, _constants(choices), node.func, *node.args, keywords=node.keywords)
        parts = (_constants(choices), self.visit(owner), ast.Constant(name))
        return self._ask("method", site, *parts, *node.args, keywords=node.keywords)

    @staticmethod
    def _calls(node, name, owner):
        """Other ways to call: [(what, which)], and the source of each."""
        before = "" if owner is None else f"{_in_brackets(owner)}."
        inside = ", ".join(map(ast.unparse, [*node.args, *node.keywords]))
        choices: list[tuple] = []
        words = []
        module = isinstance(owner, ast.Name) and owner.id in ("np", "numpy", "math", "xp")
        if (owner is None or module) and node.args and name not in ("range", "len", "zip", "enumerate"):
            choices.append(("first", 0))
            words.append(ast.unparse(node.args[0]))
        elif owner is not None and not module:
            choices.append(("first", 0))
            words.append(ast.unparse(owner))
        for other in OTHER_CALLS.get(name, ()):
            choices.append(("other", other))
            words.append(f"{before}{other}({inside})")
        for k in node.keywords:
            choices.append(("without", k.arg))
            left = [*node.args, *(other for other in node.keywords if other is not k)]
            words.append(f"{before}{name}({', '.join(map(ast.unparse, left))})")
        for i in range(len(node.args) - 1):
            turned = [*node.args]
            turned[i], turned[i + 1] = turned[i + 1], turned[i]
            choices.append(("turned", i))
            words.append(f"{before}{name}({', '.join(map(ast.unparse, [*turned, *node.keywords]))})")
        if name not in WITHOUT_VALUE:
            choices += [(i, 0) for i in range(len(AROUND))]
            words += [around.format(ast.unparse(node)) for around, _, _ in AROUND]
        return choices, words

    # ------------------------------------------------------------------------------------------ loops and statements

    def visit_comprehension(self, node):
        node.iter = self._items(node.iter)
        node.ifs = [self._truth(test) for test in node.ifs]
        return node

    def _items(self, iterable):
        source = ast.unparse(iterable)
        words = [f"({source})[{cut}]" for cut in ("1:", ":-1", "::-1", ":1", "-1:")]
        site = self._site(iterable, words, "loop", [HINTS["loop"]] * 3 + [UNLIKELY] * 2)
        return self._ask("items", site, self.visit(iterable))

    def visit_For(self, node):
        node.iter = self._items(node.iter)
        last, after = node.body[-1], []
        if len(node.body) > 1 and isinstance(last, (ast.Return, ast.Assign, ast.AugAssign)):
            site = self._site(last, [f"{ast.unparse(last)}  # after the loop"], "place")
            outside = copy.deepcopy(last)
            node.body = self._statements(node.body[:-1])
            node.body.append(ast.If(ast.UnaryOp(ast.Not(), self._is_on(site)), [self.visit(last)], []))
            after = [ast.If(self._is_on(site), [outside], [])]
        else:
            node.body = self._statements(node.body)
        node.orelse = self._statements(node.orelse)
        return [node, *after]

    def visit_While(self, node):
        return self.visit_If(node)  # `Endless` ends it if an edit makes it so

    def visit_If(self, node):
        node.test = self._truth(node.test)
        node.body, node.orelse = self._statements(node.body), self._statements(node.orelse)
        return node

    def visit_FunctionDef(self, node):
        node.body = self._statements(node.body)
        return node

    def visit_Lambda(self, node):
        node.body = self.visit(node.body)
        return node

    def _statements(self, body):
        """A block, in which two neighbours can be exchanged."""
        done, i = [], 0
        while i < len(body):
            pair = body[i : i + 2]
            if len(pair) == 2 and all(isinstance(s, MOVABLE) for s in pair):
                after = f"{ast.unparse(pair[1])}; {ast.unparse(pair[0])}"
                site = self._site(pair[0], [after], "order", (EXCHANGED,))
                turned = [copy.deepcopy(pair[1]), copy.deepcopy(pair[0])]
                skip = ast.If(ast.UnaryOp(ast.Not(), self._is_on(site)), self._flat(pair[0]), turned)
                done.append(skip)
                rest = self._statements(body[i + 1 :])
                first = rest[0] if rest else None
                if first is not None:
                    done.append(ast.If(ast.UnaryOp(ast.Not(), self._is_on(site)), [first], []))
                return done + rest[1:]
            done.extend(self._flat(body[i]))
            i += 1
        return done

    def _flat(self, statement):
        made = self.visit(statement)
        return made if isinstance(made, list) else [made]

    def visit_Assign(self, node):
        target = node.targets[0]
        single = len(node.targets) == 1 and isinstance(target, (ast.Subscript, ast.Name))
        if not single:
            node.value = self.visit(node.value)
            return node
        source, value = ast.unparse(target), ast.unparse(node.value)
        add = UNLIKELY if value in ("0", "0.0") else "it should add up: +="
        site = self._site(node, [f"{source} += {value}", "pass"], "assignment", (add, SUPERFLUOUS))
        store = copy.deepcopy(node)
        add = ast.AugAssign(copy.deepcopy(target), ast.Add(), copy.deepcopy(node.value))
        store.value = self.visit(store.value)
        if isinstance(target, ast.Subscript):
            store.targets[0].slice = self._index(store.targets[0].slice)
        inner = ast.If(self._is_on(site, 0), [add], [])
        return ast.If(self._is_on(site), [inner], [store])

    def visit_AugAssign(self, node):
        own = OPERATORS.get(type(node.op), ("",))[0]
        source, value = ast.unparse(node.target), ast.unparse(node.value)
        others = {"+": ast.Sub, "-": ast.Add, "*": ast.Div, "/": ast.Mult}
        other, hints = OPERATORS[others.get(own, ast.Add)][0], ("it should be =", SUPERFLUOUS, HINTS["operation"])
        site = self._site(node, [f"{source} = {value}", "pass", f"{source} {other}= {value}"], "assignment", hints)
        plain = copy.deepcopy(node)
        store = ast.Assign([copy.deepcopy(node.target)], copy.deepcopy(node.value))
        turned = ast.AugAssign(copy.deepcopy(node.target), others.get(own, ast.Add)(), copy.deepcopy(node.value))
        plain.value = self.visit(plain.value)
        if isinstance(plain.target, ast.Subscript):
            plain.target.slice = self._index(plain.target.slice)
        inner = ast.If(self._is_on(site, 0), [store], [ast.If(self._is_on(site, 2), [turned], [])])
        return ast.If(self._is_on(site), [inner], [plain])

    def visit_Expr(self, node):
        if not isinstance(node.value, ast.Call):
            return node
        site = self._site(node, ["pass"], "assignment", (SUPERFLUOUS,))
        node.value = self.visit(node.value)
        return ast.If(ast.UnaryOp(ast.Not(), self._is_on(site)), [node], [])

    def visit_Return(self, node):
        if isinstance(node.value, ast.Tuple):
            node.value = self._tuple(node.value)
        elif node.value is not None:
            node.value = self.visit(node.value)
        return node


def _beside_itself(name, around):
    """Whether a name in an expression would be compared, or put together, with itself: a > a."""
    return re.fullmatch(rf"{HERE} \S+ {name}|{name} \S+ {HERE}", around)


def _joined(left, operator, right):
    """The source of an operation, with the brackets that it needs."""
    return ast.unparse(ast.BinOp(left, operator, right))


def _in_brackets(owner):
    """The source of what a method belongs to."""
    source = ast.unparse(owner)
    return source if isinstance(owner, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)) else f"({source})"


def _constant(node):
    """The value of a constant expression, with its sign; this function itself if it is none."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return _constant


def _near(node):
    value = _constant(node)
    return [ast.Constant(value + 1), ast.Constant(value - 1)] if isinstance(value, int) else [ast.Constant(2 * value)]


def _constants(choices):
    return ast.Constant(tuple(choices))
