"""What the documents and the package promise of themselves: dependencies, commands, links, who imports whom."""

import ast
import importlib
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tinyalex
from tests.checks import refused
from tinyalex.cli import build_parser
from tinyalex.commands import COMMANDS
from tinyalex.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for file in sorted((ROOT / "tinyalex").rglob("*.py"))
}
FRAMEWORKS = set("torch torchvision tensorflow keras jax flax mxnet chainer dezero tinygrad autograd".split())


def texts(*endings):
    """The text files of the repository, without what is built, installed or prepared."""
    for folder in (ROOT, *(ROOT / name for name in ("tinyalex", "tests", "lessons", "data"))):
        for file in sorted(folder.glob("*") if folder in (ROOT, ROOT / "data") else folder.rglob("*")):
            if file.is_file() and file.suffix in endings:
                yield file


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


# ---------------------------------------------------------------------------------------------- dependencies


def test_requirements_say_nothing_twice():
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    assert list(filter(None, lines)) == ["-e .[lessons,tests]"]
    groups = [project()["dependencies"], *project()["optional-dependencies"].values()]
    names = [re.split(r"[<>=!~\[ ]", line)[0] for lines in groups for line in lines]
    assert len(names) == len(set(names)), "a package is listed twice"


def imports(file, top_level=False):
    """The modules that a file imports, as dotted names; those of functions too unless `top_level`."""
    tree = ast.parse(file.read_text())
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


def test_what_is_imported_is_declared():
    packages = {"PIL": "pillow"}
    declared = {re.split(r"[<>=!~\[ ]", line)[0] for line in project()["dependencies"]}
    # what comes with jupyter is used by the lessons alone, and imported where it is needed
    optional = FRAMEWORKS | {
        "cupy",
        "cupyx",
        "mpi4py",
        "onnx",
        "pyarrow",
        "tinyalex",
        "IPython",
        "nbconvert",
        "nbformat",
        "pygments",
        "granian",
        "prometheus_client",
        "starlette",
    }
    for module, file in MODULES.items():
        for name in imports(file):
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names and top not in optional:
                assert packages.get(top, top) in declared, f"{module} imports {top}, which pyproject.toml does not name"


# ---------------------------------------------------------------------------------------------- who imports whom


@pytest.mark.parametrize(
    "names, only",
    [
        ({"cupy", "cupyx"}, {"tinyalex.backend.arrays"}),
        (FRAMEWORKS, {"tinyalex.exchange.torch", "tinyalex.bench.theirs"}),
    ],
)
def test_one_file_imports(names, only):
    for module, file in MODULES.items():
        found = {name.split(".")[0] for name in imports(file)} & names
        assert not found or module in only, f"{module} imports {found}"


def own(file, **options):
    return {name for name in imports(file, **options) if name.split(".")[0] == "tinyalex"}


def test_no_circle_of_imports():
    graph = {module: own(file, top_level=True) for module, file in MODULES.items()}
    done, path = set(), []

    def visit(module):
        assert module not in path, f"a circle: {' → '.join([*path[path.index(module) :], module])}"
        if module in done or module not in graph:
            return
        path.append(module)
        for other in sorted(graph[module]):
            visit(other)
        done.add(path.pop())

    for module in graph:
        visit(module)


FLOORS = (  # from the ground up: a room knows only rooms that stand before it
    *(
        "errors",
        "files",
        "schema",
        "streams",
        "lines",
        "signals",
        "terminal",
        "locks",
        "backend",
        "standin",
        "layers",
        "composite",
        "network",
        "residual",
        "variations",
        "models",
        "optim",
        "gradcheck",
        "probes",
    ),
    *("summary", "statistics", "calibration", "plots", "data", "evaluation", "runs", "exchange"),
    *("training", "programs", "classifier", "library"),
    *("parallel", "bench"),
    *("inspection", "monitoring", "serving"),
    *("experiments", "scaling", "diagnosis", "teaching", "commands", "cli", "__main__"),
)
CORE = ("backend", "layers", "composite", "network", "models", "optim", "gradcheck")
WITHOUT_WORKERS = (*CORE, "data.augment", "data.loader", "training.step")


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "tinyalex"


@pytest.mark.parametrize("module", list(MODULES))
def test_imports_point_one_way(module):
    here = room(module)
    if here == "tinyalex":  # the package's face
        assert not own(MODULES[module])
        above = [name for name in tinyalex.FACE.values() if FLOORS.index(room(name)) > FLOORS.index("library")]
        assert not above, f"the face shows {', '.join(above)}, which stands above the library"
        return
    assert here in FLOORS, f"{here} is a new room: give it a floor"
    above = {name for name in own(MODULES[module]) - {"tinyalex"} if FLOORS.index(room(name)) > FLOORS.index(here)}
    assert not above, f"{module} imports {', '.join(sorted(above))} from above"


def test_the_face_imports_nothing_before_it_is_used():
    code = "import sys, tinyalex; print(sorted(m for m in sys.modules if m.startswith(('tinyalex.', 'numpy'))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_face_has_what_it_shows():
    for name, module in tinyalex.FACE.items():
        assert getattr(tinyalex, name) is getattr(importlib.import_module(module), name) and name in dir(tinyalex)
        assert getattr(tinyalex, name).__doc__
    refused(lambda: tinyalex.lode, "'lode'", "load", error=AttributeError)


def test_the_reading_list_names_every_room_from_the_ground_up():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme[readme.index("## How to read the code") : readme.index("## Sources")]
    named = [Path(link).stem for link in re.findall(r"\]\(tinyalex/([^)]+)\)", section)]
    assert named == [name for name in FLOORS if name != "__main__"]


@pytest.mark.parametrize("module", [m for m in MODULES if m.removeprefix("tinyalex.").startswith(WITHOUT_WORKERS)])
def test_the_core_knows_nothing_of_workers(module):
    found = re.findall(
        r"\b(?:[Tt]eams?|ranks?|Shares?|[Ww]orkers?|mpi|MPI)\b", MODULES[module].read_text(encoding="utf-8")
    )
    assert not found, f"{module} speaks of {', '.join(found)}"


@pytest.mark.parametrize("module", [m for m in MODULES if room(m) in FLOORS[: FLOORS.index("parallel")]])
def test_the_ground_floor_speaks_of_arguments_not_of_options(module):
    """A command spells an argument as its option; in advice, `terminal` spells it as its caller writes it."""
    nodes = list(ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))))
    documents = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            found = re.search(r"(?<![\w-])--[a-z]", node.value)
            assert not found or module == "tinyalex.terminal", f"{module}:{node.lineno}: {node.value}"


# ---------------------------------------------------------------------------------------------- words


def test_no_path_of_one_machine():
    roots = "|".join(("home", "work", "root", "Users", "tmp", "mnt"))
    pattern = re.compile(rf"(?<![\w.:/~\-])/(?:{roots})/\w|\b[A-Z]:\\\w")
    for file in texts(".py", ".md", ".toml", ".txt", ".ipynb"):
        found = pattern.search(file.read_text(encoding="utf-8"))
        assert not found, f"{file.relative_to(ROOT)} holds the path {found[0]}…"


@pytest.mark.parametrize("file", list(texts(".md")), ids=lambda file: str(file.relative_to(ROOT)))
def test_links_resolve(file):
    for target in re.findall(r"\]\(([^)\s]+)\)", file.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:|#", target):
            assert (file.parent / target.split("#")[0]).exists(), f"{file.name} links to {target}"


def commands_of(text):
    """Each `tinyalex …` or `python -m tinyalex …` line in the code blocks of a document, as arguments."""
    for block in re.findall(r"^```[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.replace("\\\n", " ").splitlines():
            found = re.search(r"(?:python3? -m |^\s*(?:\$ )?)tinyalex\s+([a-z-].*)", line)
            if found:
                yield shlex.split(re.split(r"[|>&]", found[1])[0], comments=True)


def test_commands_of_the_readme():
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("there is no README.md yet")
    found = list(commands_of(readme.read_text(encoding="utf-8")))
    assert found, "the README shows no command"
    for arguments in found:
        assert arguments[0] in COMMANDS, f"tinyalex {' '.join(arguments)}"
        try:
            build_parser(arguments[0]).parse_args(arguments)
        except UserError as error:
            pytest.fail(f"tinyalex {shlex.join(arguments)}: {error}")
