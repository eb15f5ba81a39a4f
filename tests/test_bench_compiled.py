"""torch.compile as a side of the benchmark: what it runs, on how many threads, and where it is left out."""

import time
from types import SimpleNamespace

import pytest

from tinyalex.backend import set_thread_count, thread_count
from tinyalex.bench import theirs
from tinyalex.bench.setup import Setup
from tinyalex.bench.side import Side
from tinyalex.bench.theirs import CompiledWorks, compiler_missing
from tinyalex.bench.turns import EAGER, THEIRS
from tinyalex.cli import main
from tinyalex.commands import bench
from tinyalex.errors import UserError
from tinyalex.layers import Conv2d, Flatten, Linear, LocalResponseNorm, ReLU
from tinyalex.network import Network
from tinyalex.optim import initialise

CANNOT = compiler_missing("cpu")


@pytest.fixture(autouse=True)
def same_threads():
    before = thread_count()
    yield
    set_thread_count(before)


class Tiny(Setup):
    """A setup with a network that is compiled in seconds."""

    def build(self):
        features = {"conv": Conv2d(3, 4, 8, stride=8), "relu": ReLU(), "norm": LocalResponseNorm()}
        return Network(features, {"flatten": Flatten(), "fc": Linear(7 * 7 * 4, self.classes)}, (56, 56, 3))

    def network(self):
        network = self.build()
        initialise(network, "he", 0)
        return network


class Watched(CompiledWorks):
    """The same, which tells more than its speed."""

    def compare(self):
        """How far its scores are from the eager ones, for a batch and for one picture; relative to the largest."""
        self.twin.eval()
        with self.torch.inference_mode():
            pairs = [(self.scores(x), self.twin(x)) for x in (self.x, self.x[:1])]
        return [((ours - eager).abs().max() / eager.abs().max()).item() for ours, eager in pairs]

    def moved(self):
        """Whether a step moves every parameter."""
        before = [p.detach().clone() for p in self.twin.parameters()]
        self.train()
        return not any((p == old).all() for p, old in zip(self.twin.parameters(), before))

    def graphs(self):
        """How many graphs were compiled, and how many threads PyTorch works on."""
        counters = self.torch._dynamo.utils.counters
        return counters["stats"]["unique_graphs"], self.torch.get_num_threads()

    def cores(self):
        """Cores at work during training and inference."""
        began, cpu = time.perf_counter(), time.process_time()
        self.train(20), self.infer(50), self.one(50)
        return (time.process_time() - cpu) / (time.perf_counter() - began)


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.skipif(CANNOT is not None, reason=f"torch.compile: {CANNOT}")
def test_it_is_compiled(tmp_path):
    """Once each for training, inference and one picture; never in a turn; with the eager network's scores."""
    with Side("torch.compile", Watched, Tiny("alexnet-mini", True, 4, 1, classes=5), str(tmp_path)) as side:
        for count, work in enumerate(("train", "infer", "one"), 1):
            assert side.ask("compile", of=work) > 0
            assert side.ask(work) > 0 and side.ask("graphs") == (count, 1)
        assert max(side.ask("compare")) < 1e-5 and side.ask("moved")
        assert side.ask("cores") < 1.3, "it was asked to use one thread"
        assert side.ask("graphs") == (3, 1)
    assert list(tmp_path.iterdir()), "what was compiled is not in the folder that is cleared away"


def uncompiled():
    """The side's works with nothing of PyTorch that compiles."""
    works = CompiledWorks.__new__(CompiledWorks)
    works.twin, works.torch = "the twin", SimpleNamespace(compile=lambda twin, dynamic: f"{twin}, compiled")
    return works


def test_the_seconds_of_a_compilation(monkeypatch):
    """The first call's, without those of a call."""
    works, seconds = uncompiled(), iter([61.5, 1.5])
    monkeypatch.setattr(works, "one", lambda: next(seconds))
    assert works.compile("one") == 60.0 and works.scores == "the twin, compiled"


def test_a_compilation_that_fails_is_no_bug(monkeypatch):
    """One line, of the many that PyTorch gives."""

    def fail():
        raise RuntimeError("CppCompileError: C++ compile error\n\nCommand:\ng++ …")

    works = uncompiled()
    monkeypatch.setattr(works, "train", fail)
    with pytest.raises(UserError) as caught:
        works.compile("train")
    assert str(caught.value) == "torch.compile failed: CppCompileError: C++ compile error; --no-compile leaves it out"


# ---------------------------------------------------------------------------------------------- where it is left out


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """installed(*names): from then on, the machine has these compilers and modules, and no others."""

    def these(*names, headers=True, platform="linux", **environment):
        monkeypatch.setattr(theirs.shutil, "which", lambda name: name if name in names else None)
        monkeypatch.setattr(theirs.importlib.util, "find_spec", lambda name: name if name in names else None)
        monkeypatch.setattr(theirs.sysconfig, "get_path", lambda name: str(tmp_path))
        monkeypatch.setattr(theirs.sys, "platform", platform)
        for name in ("CXX", "CC"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        (tmp_path / "Python.h").unlink(missing_ok=True)
        if headers:
            (tmp_path / "Python.h").touch()

    return these


def test_what_it_lacks_on_a_cpu(installed):
    installed("g++")
    assert compiler_missing("cpu") is None
    installed("clang++")
    assert compiler_missing("cpu") == "it needs a compiler, and there is no g++"
    installed("clang++", platform="darwin")
    assert compiler_missing("cpu") is None
    installed("g++", platform="win32")
    assert compiler_missing("cpu") == "it needs a compiler, and there is no cl"
    installed("g++", CXX="icpx")
    assert compiler_missing("cpu") == "it needs a compiler, and there is no icpx"
    installed("clang++", CXX="clang++")
    assert compiler_missing("cpu") is None
    installed("g++", headers=False)
    assert compiler_missing("cpu") == "it needs Python's headers, and there is no Python.h"


def test_what_it_lacks_on_a_gpu(installed):
    installed("gcc", "triton")
    assert compiler_missing("gpu") is None
    installed("clang", "triton")
    assert compiler_missing("gpu") is None
    installed("g++", "gcc")
    assert compiler_missing("gpu") == "Triton is not installed"
    installed("g++", "triton")
    assert compiler_missing("gpu") == "it needs a compiler, and there is no gcc or clang"
    installed("gcc", "triton", CC="icx")
    assert compiler_missing("gpu") == "it needs a compiler, and there is no icx"
    installed("gcc", "triton", headers=False)
    assert compiler_missing("gpu") == "it needs Python's headers, and there is no Python.h"


@pytest.mark.parametrize(
    "arguments, version, missing, sides, words",
    [
        ("", "2.13.0", None, THEIRS, ""),
        ("--no-compile", "2.13.0", None, EAGER, ""),
        ("--no-compile", "2.13.0", "no compiler", EAGER, ""),
        ("--no-torch", "2.13.0", None, (), ""),
        ("", None, None, (), "no PyTorch that can use the CPU is installed: measuring only this side\n"),
        ("", "2.13.0", "no compiler", EAGER, "torch.compile is left out: no compiler\n"),
    ],
)
def test_the_sides_that_are_timed(arguments, version, missing, sides, words, monkeypatch, capsys):
    """A line says why one that nobody refused is left out."""
    asked = []
    monkeypatch.setattr(bench, "torch_version", lambda device: version)
    monkeypatch.setattr(bench, "compiler_missing", lambda device: missing)
    monkeypatch.setattr(bench, "run_benchmark", lambda setups, rounds, theirs, *_, **__: asked.append(theirs) or {})
    monkeypatch.setattr(bench, "show", lambda result: None)
    assert main(["bench", *arguments.split()]) == 0
    assert asked == [sides] and capsys.readouterr().err == words
