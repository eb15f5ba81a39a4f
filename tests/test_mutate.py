"""The mutants that `tests/mutate.py` makes, one kind of mistake at a time; and its list of equivalents is current."""

import ast
import json
import subprocess
import sys
import tomllib

import pytest

from tests.mutations import mutants

pytest.importorskip("resource", reason="no limits on memory on this system")
from tests import mutate  # noqa: E402

MISTAKES = {  # a line: what becomes of it
    "x = a < b": ["x = a <= b", "x = a >= b"],
    "x = a == b != c": ["x = a != b != c", "x = a == b == c"],
    "x = a is not None": ["x = a is None"],
    "x = a not in b": ["x = a in b"],
    "x = (a) + (b)": ["x = (a) - (b)"],
    "x = a @ b": ["x = a * b"],
    "x = a ** b // c": ["x = a ** b * c", "x = a * b // c"],
    "x += y": ["x -= y", "x = y", "pass"],
    "x = a and b and c": ["x = a or b and c", "x = a and b or c"],
    "x = -(-a // b)": ["x = (-a // b)", "x = -(a // b)", "x = -(-a * b)"],
    "x = not a": ["x = a"],
    "x = a.reshape(2, -1)": ["x = a.reshape(3, -1)", "x = a.reshape(1, -1)"],
    "x = 3": ["x = 4", "x = 2"],
    "x = 0.5": ["x = 1.0"],
    "x = True": ["x = False"],
    'x = "3", None': [],
    "x = f(a, k=b)": ["x = f(a)"],
    "x = f(k=b, l=c)": ["x = f(l=c)", "x = f(k=b)"],
    "x = f(k=b, **c)": ["x = f(**c)"],
    "x = a[b:c]": ["x = a[b + 1:c]", "x = a[b:c - 1]"],
    "x = a[:c]": ["x = a[1:c]", "x = a[:c - 1]"],
    "x = a[b:]": ["x = a[b + 1:]", "x = a[b: -1]"],
    "x = a[:]": [],
    "x = b if a < c else d": ["x = b if a <= c else d", "x = b if a >= c else d"]
    + ["x = b if True else d", "x = b if False else d"],
    "x = b if f(a) else d": [f"x = b if {test} else d" for test in ("not (f(a))", "True", "False")],
    "x = [a for a in b if a]": ["x = [a for a in b if True]"],
    "f(a)": ["pass"],
    "a.x = y": ["pass"],
    "x = y": [],
    "x = f(x)": ["pass"],
    "x: int | None = y": [],
    "del x": ["pass"],
    '"""Some words."""': [],
    "x = f'{a + 1} of {b}'": [],
    "from a import b": [],
    "raise E(f'{a + 1}', b < c)": ["pass"],
    "if a: b = c": ["if not (a): b = c", "if True: b = c"],
    "if (a := b) and c: d = a": ["if not ((a := b) and c): d = a", "if (a := b) or c: d = a"],
    "while a: b = c": ["while not (a): b = c"],
    "def f(a: int = 1) -> 2 | 3: return a": [f"def f(a: int = {n}) -> 2 | 3: return a" for n in (2, 0)]
    + ["def f(a: int = 1) -> 2 | 3: return None"],
}


@pytest.mark.parametrize("line", MISTAKES)
def test_mistakes(tmp_path, line):
    (tmp_path / "a.py").write_text(f"# café\n{line}\n")
    found = mutants(tmp_path / "a.py", "a.py")
    assert sorted(mutant.after for mutant in found) == sorted(MISTAKES[line])
    assert all((mutant.line, mutant.before) == (2, line) for mutant in found)


def test_results_that_are_not_returned(tmp_path):
    (tmp_path / "a.py").write_text(
        "def f(a):\n    if a:\n        return (\n            a\n        )\n    return None\n"
    )
    found = {(m.line, m.scope, m.before, m.after) for m in mutants(tmp_path / "a.py", "a.py")}
    assert found == {
        *((2, "f", "if a:", after) for after in ("if not (a):", "if True:")),
        *((3, "f", "return (", after) for after in ("return None", "pass")),
    }


def test_words_of_a_reason(tmp_path):
    (tmp_path / "a.py").write_text("raise E(f'{a} is wrong', 'a', b) from c\n")
    found = {m.after for m in mutants(tmp_path / "a.py", "a.py", words=True)}
    assert found == {"pass", "raise E(\"\", 'a', b) from c", "raise E(f'{a} is wrong', \"\", b) from c"}


@pytest.mark.parametrize("file", mutate.CORE)
def test_mutants_of_the_core(file):
    """Each is Python, differs in what its line says, and has a key of its own; every other line keeps its number."""
    found = mutants(mutate.ROOT / file, file, file in mutate.WORDS)
    length = len((mutate.ROOT / file).read_text().splitlines())
    for mutant in found:
        ast.parse(mutant.text)
        assert len(mutant.text.splitlines()) == length and mutant.before != mutant.after
    assert len({mutant.key for mutant in found}) == len(found) > 10
    assert mutate.own_tests(file)
    for entry in mutate.equivalents(file):
        assert any(mutate.fits(entry, mutant) for mutant in found), f"there is no such mutant any more: {entry}"
        assert entry["why"]


def test_equivalents_are_of_files_that_are_there():
    known = tomllib.loads(mutate.EQUIVALENT.read_text(encoding="utf-8"))
    assert all((mutate.ROOT / file).is_file() for file in known)


def test_own_tests():
    assert mutate.own_tests("tinyalex/layers/pool.py") == [
        *("tests/layers/test_pool.py", "tests/layers/test_pool_teeth.py", "tests/layers/test_base.py")
    ]
    assert mutate.own_tests("tinyalex/data/loader.py") == ["tests/test_loader.py"]
    assert mutate.own_tests("tinyalex/optim.py") == ["tests/test_optim.py"]


def test_the_command(tmp_path):
    """Killed, then remembered."""
    command = [sys.executable, mutate.ROOT / "tests" / "mutate.py", "tinyalex/layers/blocks.py"]
    options = ["--every", "20", "--seed", "1", "--json", "--kept", tmp_path / "kept"]
    first, again = (subprocess.run([*command, *options], capture_output=True, text=True) for _ in range(2))
    found = json.loads(first.stdout)["tinyalex/layers/blocks.py"]
    assert first.returncode == 0 and found["killed"] + found["equivalent"] == found["mutants"] == 2, first.stderr
    assert again.stdout == first.stdout and "mutant/s" not in again.stderr
    wrong = subprocess.run([*command, "--every", "0"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "found --every 0, expected 1 or more" in wrong.stderr
