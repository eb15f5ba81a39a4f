"""What the documents and the package promise of themselves: dependencies, commands, links, who imports whom."""

import ast
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from tinyalex.cli import COMMANDS, build_parser
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


def test_dependencies_stand_identically_in_requirements():
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    missing = set(project()["dependencies"]) - set(lines)
    assert not missing, f"requirements.txt lacks {missing}"
    extras = [line for lines in project().get("optional-dependencies", {}).values() for line in lines]
    names = [re.split(r"[<>=!~\[ ]", line)[0] for line in lines if line]
    assert len(names) == len(set(names)), "a package is listed twice"
    for line in extras:
        if re.split(r"[<>=!~\[ ]", line)[0] in names:
            assert line in lines, f"{line} has another version in requirements.txt"


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
        "tinyalex",
        "IPython",
        "nbconvert",
        "nbformat",
        "pygments",
    }
    for module, file in MODULES.items():
        for name in imports(file):
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names and top not in optional:
                assert packages.get(top, top) in declared, f"{module} imports {top}, which pyproject.toml does not name"


# ---------------------------------------------------------------------------------------------- who imports whom


@pytest.mark.parametrize(
    "names, only", [({"cupy", "cupyx"}, {"tinyalex.backend"}), (FRAMEWORKS, {"tinyalex.exchange.torch"})]
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


LOWER = {"errors", "backend", "shares"}
ROOMS = {  # a room, and all that it may know of the package
    "errors": set(),
    "backend": {"errors"},
    "shares": set(),
    "progress": {"errors"},
    "layers": LOWER | {"layers"},
    "network": LOWER | {"layers"},
    "variations": LOWER | {"layers"},
    "models": LOWER | {"layers", "network", "variations"},
    "statistics": LOWER,
    "optim": LOWER,
    "gradcheck": LOWER | {"layers", "network"},
    "rounding": LOWER | {"layers", "models"},
    "checkpoint": LOWER,
    "config": LOWER,
    "recipes": LOWER | {"config"},
    "data": LOWER | {"data", "progress"},
    "evaluation": LOWER | {"progress", "data"},
    "health": LOWER | {"layers"},
    "batchloss": LOWER | {"layers"},
    "parallel": LOWER | {"parallel", "progress", "layers", "network", "guards"},
    "inspection": LOWER
    | {
        "inspection",
        "progress",
        "layers",
        "network",
        "models",
        "config",
        "data",
        "evaluation",
        "checkpoint",
        "runfolder",
        "runs",
        "plots",
        "statistics",
    },
}
TOP = {"cli", "commands", "__main__"}


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "tinyalex"


@pytest.mark.parametrize("module", list(MODULES))
def test_imports_point_one_way(module):
    here, known = room(module), {room(name) for name in own(MODULES[module])} - {"tinyalex"}
    if here in ROOMS:
        assert known <= ROOMS[here], f"{module} imports {known - ROOMS[here]}"
    if here not in TOP:
        assert not known & TOP, f"{module} imports the command line"


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
