"""One formatter, one linter, one type checker over the whole project, and annotations on what its readers call."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_documents import CORE, MODULES, ROOT

CALLED_BY_NOTEBOOKS = ("summary", "evaluation", "data.augment", "data.loader", "training.schedules")


@pytest.mark.parametrize("command", ["ruff check", "ruff format --check", "mypy"])
def test_tools_are_content(command):
    tool, *arguments = command.split()
    if importlib.util.find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([sys.executable, "-m", tool, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def without_annotations(source, inherited=frozenset()):
    """Public functions and methods of a module that lack an annotation; methods that a base class declares may."""
    for node in ast.parse(source).body:
        methods = node.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else ()
        for function in (node, *methods):
            if not isinstance(function, ast.FunctionDef) or function.name in inherited:
                continue
            public = not function.name.startswith("_") or function.name == "__init__"
            arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            named = [a for a in arguments if a.arg not in ("self", "cls")]
            if public and (function.returns is None or any(a.annotation is None for a in named)):
                yield f"{function.lineno}: {function.name}"


def inherited_from_layer():
    tree = ast.parse(MODULES["tinyalex.layers.base"].read_text())
    layer = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Layer")
    return frozenset(node.name for node in layer.body if isinstance(node, ast.FunctionDef)) - {"__init__"}


def checked():
    rooms = tuple(f"tinyalex.{room}" for room in (*CORE, *CALLED_BY_NOTEBOOKS))
    return [m for m in MODULES if m in rooms or m.startswith(("tinyalex.layers.", "tinyalex.backend."))]


@pytest.mark.parametrize("module", checked())
def test_public_functions_say_their_types(module):
    inherited = frozenset() if module == "tinyalex.layers.base" else inherited_from_layer()
    assert not list(without_annotations(MODULES[module].read_text(), inherited))


@pytest.mark.parametrize(
    "source, found",
    [
        ("def f(x): pass", ["1: f"]),
        ("def f(x: int): pass", ["1: f"]),
        ("def f(x: int) -> None: pass\ndef _g(x): pass", []),
        ("class Named:\n    def __init__(self, x): pass\n    def forward(self, x): pass", ["2: __init__"]),
        ("class _A:\n    def f(self, x): pass", []),
    ],
)
def test_the_annotation_test_has_teeth(source, found):
    assert list(without_annotations(source, {"forward"})) == found


def test_the_version_stands_in_one_place():
    import tinyalex

    files = [file for file in ROOT.glob("*.toml")] + [ROOT / "requirements.txt"]
    assert all(f'"{tinyalex.__version__}"' not in Path(file).read_text() for file in files)
