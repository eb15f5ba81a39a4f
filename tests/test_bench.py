"""The benchmark measures what it claims: whole steps, in turns, and the other side really is the same network."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.checks import agree
from tinyalex import backend, plots
from tinyalex.backend import random_stream
from tinyalex.bench import benchmark, figures, limit, setup, turns
from tinyalex.bench.limit import Sgemm, device_bytes
from tinyalex.bench.ours import LayerClock, Ours, seconds_of
from tinyalex.bench.setup import Setup, flops
from tinyalex.bench.side import Side, resident_peak
from tinyalex.bench.turns import CHANNELS_LAST, COMPILED, EAGER, NCHW, OURS, SGEMM, THEIRS, Turn
from tinyalex.cli import main
from tinyalex.errors import UserError
from tinyalex.layers import Conv2d, Flatten, Linear, LocalResponseNorm, ReLU
from tinyalex.models import MODELS
from tinyalex.network import Network
from tinyalex.optim import initialise
from tinyalex.standin import xp as device
from tinyalex.terminal import progress_bar
from tinyalex.training.memory import check_memory

SMALL = Setup("alexnet-small", True, batch=3, threads=1, classes=5)
SPEC = (
    "model batch lrn device train_images_per_s infer_images_per_s fraction_of_sgemm torch_train_images_per_s "
    "torch_infer_images_per_s train_ratio infer_ratio one_images_per_s torch_one_images_per_s one_ratio "
    "peak_memory_bytes torch_peak_memory_bytes layers"
).split()


@pytest.fixture(autouse=True)
def same_threads():
    before = backend.thread_count()
    yield
    backend.set_thread_count(before)


# ---------------------------------------------------------------------------------------------- how much work


def test_operations_are_counted():
    """By hand: 4×4 positions, 3·3·2 products for each of 5 kernels; then 80 × 7 weights."""
    features = {"conv": Conv2d(2, 5, 3, padding=1), "norm": LocalResponseNorm(), "relu": ReLU()}
    network = Network(features, {"flatten": Flatten(), "fc": Linear(80, 7)}, (4, 4, 2))
    conv, fc = 16 * 18 * 5, 80 * 7
    assert flops(network) == (2 * (conv + fc), 2 * (2 * conv + 3 * fc))
    late = Network({"first": ReLU(), **features}, {"flatten": Flatten(), "fc": Linear(80, 7)}, (4, 4, 2))
    assert flops(late) == flops(network), "the gradient left out is that of the first layer with weights"


def test_the_papers_network():
    """Published counts of multiply-adds: 105, 224, 150, 112 and 75 million for the convolutions, 59 for the rest."""
    inference, training = flops(Setup("alexnet", True, 1, 1).build())
    conv1 = 55 * 55 * 96 * 11 * 11 * 3
    rest = 27 * 27 * 256 * 25 * 48 + 13 * 13 * (384 * 9 * 256 + 384 * 9 * 192 + 256 * 9 * 192)
    head = 9216 * 4096 + 4096 * 4096 + 4096 * 1000
    assert inference == 2 * (conv1 + rest + head)
    assert training == 2 * (2 * conv1 + 3 * rest + 3 * head)


def test_without_lrn():
    """The same layers except two, and the same work; the names differ."""
    plain, with_lrn = (Setup("alexnet-small", lrn, 2, 1, classes=5) for lrn in (False, True))
    names = [[name for name, *_ in s.network().shapes()] for s in (plain, with_lrn)]
    assert set(names[1]) - set(names[0]) == {"norm1", "norm2"} and set(names[0]) < set(names[1])
    assert flops(plain.network()) == flops(with_lrn.network()) and str(plain) != str(with_lrn)


def test_too_little_memory_is_reported_before_measuring(monkeypatch):
    needed = check_memory(SMALL.build(), 3, np)
    monkeypatch.setattr(setup, "memory_available", lambda xp: 2 * needed)
    benchmark.plan(SMALL, theirs=(), scaling=False)
    with pytest.raises(UserError, match="memory in each of 3 processes.*no batch is small enough.*; --no-torch"):
        benchmark.plan(SMALL, theirs=EAGER, scaling=False)
    with pytest.raises(UserError, match="memory in each of 4 processes"):
        benchmark.plan(SMALL, theirs=THEIRS, scaling=False)


def test_advice_on_memory_fits_too(monkeypatch):
    one = check_memory(SMALL.build(), 1, np)
    monkeypatch.setattr(setup, "memory_available", lambda xp: one)
    with pytest.raises(UserError, match="are free; try --batch 1$"):
        benchmark.plan(SMALL, theirs=(), scaling=False)
    monkeypatch.setattr(setup, "memory_available", lambda xp: one - 1)
    with pytest.raises(UserError, match="are free; no batch is small enough, expected a smaller --model$"):
        benchmark.plan(SMALL, theirs=(), scaling=False)


def test_products_beside_the_networks_take_memory_on_a_gpu(monkeypatch):
    needed = check_memory(SMALL.build(), 3, np)
    monkeypatch.setattr(setup, "memory_available", lambda xp: needed + (2 << 30))
    assert device_bytes("cpu") == 0 and 2 << 30 < device_bytes("gpu") < 5 << 30
    setup.check(SMALL, SMALL.build(), 1, np, beside=2 << 30)
    with pytest.raises(UserError, match="no batch is small enough"):
        setup.check(SMALL, SMALL.build(), 1, np, beside=device_bytes("gpu"))


def test_batches_that_fit(monkeypatch):
    network = SMALL.build()
    assert setup.batches_that_fit(network, np) == [16, 32, 64, 128, 256, 512]
    needed = check_memory(network, 64, np)
    monkeypatch.setattr(setup, "memory_available", lambda xp: needed)
    assert setup.batches_that_fit(network, np) == [16, 32, 64]


# ---------------------------------------------------------------------------------------------- turns and figures


class Script:
    """A side that answers from lists and records every question."""

    def __init__(self, name, log, **answers):
        self.name, self.log, self.answers = name, log, {work: iter(values) for work, values in answers.items()}

    def ask(self, work, **options):
        self.log.append((self.name, work, options))
        return next(self.answers[work])


def scripted():
    """The answers of a whole comparison in three rounds, and the log of questions."""
    log = []
    ours = {"train": [9.0, 2.0, 1.0, 4.0, 6.0, 3.0, 4.0, 4.0, 8.0, 2.0], "infer": [9.0, 0.5, 1.0, 2.0], "peak": [100]}
    ours["one"] = [9.0, 9.0, 0.25, 0.5, 1.0]
    ours |= {"layers": [["all"]], "kinds": [{"forward": 1.0, "data": 3.0}], "pipeline": [0.5]}
    sides = [
        Script(OURS, log, **ours),
        Script(NCHW, log, train=[9.0, 5.0, 7.0, 9.0], infer=[9.0, 2.0, 2.0, 2.0], one=[9.0] * 5, peak=[300]),
        Script(CHANNELS_LAST, log, train=[9.0, 6.0, 2.0, 8.0], infer=[9.0, 3.0, 3.0, 3.0], one=[7.0] * 5, peak=[200]),
        Script(
            COMPILED,
            log,
            compile=[60.0, 30.0, 20.0],
            train=[9.0, 8.0, 8.0, 8.0],
            infer=[9.0, 4.0, 4.0, 4.0],
            one=[9.0, 9.0, 2.0, 0.5, 0.5],
            peak=[400],
        ),
        Script(SGEMM, log, rates=[{"a": a, "b": b} for a, b in ((99.0, 99.0), (10.0, 1.0), (20.0, 40.0), (30.0, 2.0))]),
    ]
    plan = [*turns.side_by_side((OURS, *THEIRS), 3, warm_ups=1), *turns.ours_alone(3, (1, 2))]
    with progress_bar(1, "", quiet=True) as bar:
        return turns.take(plan, {side.name: side for side in sides}, bar, "", 1), log


def test_turns_interleave():
    _, log = scripted()
    trained = [name for name, work, options in log if work in ("train", "rates") and "threads" not in options]
    assert trained == [OURS, NCHW, CHANNELS_LAST, COMPILED, SGEMM] * 4
    works = [work for name, work, _ in log if name == NCHW]
    assert works == ["train"] * 4 + ["peak"] + ["infer"] * 4 + ["one"] * 5
    threads = [options["threads"] for _, _, options in log if "threads" in options]
    assert threads == [1, 2] * 3


def test_everything_is_compiled_before_its_turns():
    """Also before the warm-ups, so that no figure holds a compilation; the peak does not hold inference's."""
    _, log = scripted()
    asked = [options.get("of", work) for name, work, options in log if name == COMPILED]
    assert asked == ["train"] * 5 + ["peak"] + ["infer"] * 5 + ["one"] * 6
    compiled = [place for place, (_, work, _) in enumerate(log) if work == "compile"]
    assert [log[place + 1][:2] for place in compiled] == [(OURS, "train"), (OURS, "infer"), (OURS, "one")]
    assert str(Turn(COMPILED, "compile", (("of", "one"),))) == "torch.compile, compiling, one picture at a time"


def test_quick_steps_are_repeated():
    log = []
    side = Script(OURS, log, train=[0.2, 0.05, 3.0])
    with progress_bar(1, "", quiet=True) as bar:
        answers = turns.take([Turn(OURS, "train", warm_up=n == 0) for n in range(3)], {OURS: side}, bar, "", 1)
    assert [options["count"] for _, _, options in log] == [1, 3, 10] and answers[OURS, "train"] == [0.05, 3.0]


def test_figures():
    """Medians over rounds, ratios within rounds to PyTorch's fastest side, all by hand."""
    answers, _ = scripted()
    row = figures.row(Setup("alexnet-small", True, 4, 2), (1e9, 3e9), answers)
    assert [row[f"train_images_per_s{end}"] for end in ("", "_low", "_high")] == [2.0, 1.0, 4.0]
    assert row["torch_train_fastest"] == CHANNELS_LAST and row["torch_train_images_per_s"] == 4 / 6.0
    assert [row[f"train_ratio{end}"] for end in ("", "_low", "_high")] == [2.0, 2.0, 3.0]
    assert row["torch_infer_fastest"] == NCHW and row["infer_ratio"] == 2.0 and row["infer_images_per_s"] == 4.0
    assert row["torch_one_fastest"] == COMPILED and row["torch_one_images_per_s"] == 2.0, "one picture, not four"
    assert [row[f"one_ratio{end}"] for end in ("", "_low", "_high")] == [1.0, 0.5, 8.0] and row[
        "one_images_per_s"
    ] == 2.0
    assert {side: rate["images_per_s"] for side, rate in row["torch_infer_sides"].items()} == {
        NCHW: 2.0,
        CHANNELS_LAST: 4 / 3.0,
        COMPILED: 1.0,
    }
    assert row["torch_compile_seconds"] == {"train": 60.0, "infer": 30.0, "one": 20.0}
    assert (row["peak_memory_bytes"], row["torch_peak_memory_bytes"]) == (100, 200)
    assert row["train_gflops"] == 6.0 and row["sgemm_gflops"] == 20.0 and row["fraction_of_sgemm"] == 0.3
    assert row["infer_gflops"] == 4.0 and row["infer_fraction_of_sgemm"] == 0.2
    assert row["one_gflops"] == 2.0 and row["one_fraction_of_sgemm"] == 0.1
    assert row["pipeline_images_per_s"] == 8.0 and row["pipeline_ratio"] == 4.0
    assert row["kinds"] == {"forward": 0.25, "data": 0.75} and row["layers"] == ["all"]
    one, two = row["thread_scaling"]
    assert (one["threads"], one["speedup"], two["threads"], two["images_per_s"]) == (1, 1.0, 2, 4 / 3.0)
    assert [two[f"speedup{end}"] for end in ("", "_low", "_high")] == [2.0, 1.0, 4.0]


def test_without_pytorch_its_fields_are_null():
    answers = {key: value for key, value in scripted()[0].items() if key[0] in (OURS, SGEMM)}
    row = figures.row(Setup("alexnet-small", True, 4, 2), (1e9, 3e9), answers)
    assert {key for key in row if "torch" in key and row[key] is not None} == set()
    assert row["train_ratio"] is None and row["infer_ratio"] is None and set(SPEC) <= set(row)


def test_the_time_of_a_picture_by_batch():
    side = Script(OURS, [], train=[9.0, 1.6, 3.2, 3.2, 3.2])
    with progress_bar(1, "", quiet=True) as bar:
        answers = turns.take(turns.by_batch(2, (16, 32)), {OURS: side}, bar, "", 1)
    small, large = figures.by_batch(answers)
    assert (small["batch"], small["ms_per_image"], small["ms_per_image_high"]) == (16, 150.0, 200.0)
    assert (large["batch"], large["ms_per_image"], large["images_per_s"]) == (32, 100.0, 10.0)


def test_thread_numbers():
    def numbers(threads, every, device="cpu"):
        return benchmark.thread_numbers(Setup("alexnet", True, 1, threads, device), every)

    assert numbers(1, True) == () and numbers(8, True, "gpu") == ()
    assert numbers(2, True) == numbers(2, False) == (1, 2) and numbers(6, False) == (1, 6)
    assert numbers(6, True) == (1, 2, 4, 6) and numbers(8, True) == (1, 2, 4, 8)


def test_the_limit_with_tf32_and_without():
    setups = [Setup("alexnet", True, 1, 1, "gpu", on) for on in (True, False)]
    answers = [{(SGEMM, "rates"): [{"a": rate}]} for rate in (300.0, 50.0)]
    limits = benchmark._limits(setups, answers)
    assert (limits["sgemm_gflops"], limits["sgemm_gflops_tf32"]) == (50.0, 300.0)
    limits = benchmark._limits(setups[:1], answers[:1])
    assert (limits["sgemm_gflops"], limits["sgemm_gflops_tf32"]) == (300.0, 300.0)


def test_the_limit_of_a_gpu_is_the_gpus(monkeypatch):
    """Ten products in a row, and nothing on the host between the two events: no limit on BLAS's threads."""
    counts = []
    monkeypatch.setattr(limit, "choose_device", lambda name: device)
    monkeypatch.setattr(limit, "GPU_SHAPES", ((4, 5, 6),))
    monkeypatch.setattr(limit, "threadpool_limits", None)
    monkeypatch.setattr(limit, "seconds_of", lambda step, xp, count: counts.append(count) or step() or 1e-9)
    assert list(Sgemm(Setup("alexnet", True, 1, 2, "gpu", True)).rates()) == ["4×5×6, one product"]
    assert counts == [10]


# ---------------------------------------------------------------------------------------------- our side


def test_a_step_is_a_whole_step():
    """Forward, backward and update move every parameter; inference moves none."""
    ours = Ours(SMALL)
    before = {name: param.copy() for name, param in ours.network.params.items()}
    assert ours.infer() > 0 and ours.one() > 0
    assert all((param == before[name]).all() for name, param in ours.network.params.items())
    assert ours.train() > 0
    assert not [name for name, param in ours.network.params.items() if (param == before[name]).all()]


def test_one_picture_is_one(monkeypatch):
    """On a network made ready once, as one that answers many questions."""
    ours, seen, made = Ours(SMALL), [], []
    ready = ours.network.for_test()
    monkeypatch.setattr(ours.network, "for_test", lambda: made.append(ready) or ready)
    monkeypatch.setattr(ready, "predict", lambda x: seen.append(len(x)), raising=False)
    ours.one(count=3)
    assert seen == [1] * 4 and len(made) == 1, "the first is not timed"
    ours.infer(count=2)
    assert seen[4:] == [1, 3, 3]


def test_other_batches_and_threads_for_one_step(monkeypatch):
    ours, seen = Ours(SMALL), []

    def forward(x, labels):
        seen.append((len(x), len(labels), backend.thread_count()))
        return (), ()

    monkeypatch.setattr(ours, "_forward", forward)
    monkeypatch.setattr(ours, "_backward", lambda *forward: None)
    monkeypatch.setattr(ours, "_update", lambda grads: None)
    ours.train(batch=2, threads=3)
    assert backend.thread_count() == 1, "as before, for the next question"
    ours.train(count=2)
    assert seen == [(2, 2, 3), (3, 3, 1), (3, 3, 1)]


@pytest.mark.alone
def test_where_the_time_goes():
    """Every layer once, by name; kinds and pipeline in seconds; afterwards the layers are unwrapped."""
    ours = Ours(SMALL)
    layers = ours.layers(1)
    assert [layer["name"] for layer in layers] == [name for name, *_ in ours.network.shapes()]
    assert all(layer["forward_ms"] > 0 and layer["backward_ms"] > 0 for layer in layers)
    assert not any("forward" in vars(layer) or "backward" in vars(layer) for _, layer, *_ in ours.network.shapes())
    kinds = ours.kinds(1)
    assert list(kinds) == ["forward", "backward", "update", "health", "data"]
    assert kinds["backward"] > kinds["update"] > 0
    assert 0 < 20 * kinds["health"] < kinds["forward"] + kinds["backward"], "measured in every 20th step"
    assert ours.pipeline(2, 1) > 0
    assert not [thread.name for thread in threading.enumerate() if "data" in thread.name]


@pytest.mark.alone
def test_layer_times_are_core_seconds():
    """A call on one of several threads occupies one core, any other call all; options pass through."""

    class Sleeper(ReLU):
        def backward(self, dy, cache, input_grad=True):
            time.sleep(0.05)
            return input_grad, {}

    network = Network({"relu": Sleeper()}, {"flatten": Flatten()}, (2, 2, 1))
    backend.set_thread_count(3)
    layer = network.features.layers["relu"]
    with LayerClock(network, np) as clock:
        assert layer.backward(None, None, input_grad=False) == (False, {})
        assert 0.15 <= clock.seconds("relu", "backward") < 0.6
        list(backend.ordered_map(lambda dy: layer.backward(dy, None), [None, None]))
        assert [cores for *_, cores in clock.spans["relu", "backward"]] == [3, 1, 1]
        assert clock.seconds("relu", "forward") == 0


class Device:
    """As much of CuPy as timing needs: a device with a clock in milliseconds that advances with each step."""

    now = 0.0

    class Event:
        def record(self):
            self.at, self.done = Device.now, False

        def synchronize(self):
            self.done = True

    class cuda:
        @staticmethod
        def get_elapsed_time(start, stop):
            assert stop.done, "the device may not have got there yet"
            return stop.at - start.at

    cuda.Event = Event

    @classmethod
    def step(cls):
        cls.now += 250


def test_a_device_is_timed_by_its_own_clock():
    assert seconds_of(Device.step, Device, count=4) == 0.25
    clock = LayerClock(SMALL.build(), Device)
    assert clock._length(*marks(clock), 1) == 0.25 and clock._cores() == 1


def marks(clock):
    start = clock._mark()
    Device.step()
    return start, clock._mark()


def test_sgemm_does_each_shape_each_way(monkeypatch):
    """Operations per product over the seconds of a fake clock; products on several threads add up."""
    monkeypatch.setattr("tinyalex.bench.limit.SHAPES", ((4, 5, 6),))
    monkeypatch.setattr("tinyalex.bench.limit.seconds_of", lambda step, xp, count: step() or 1e-9)
    sgemm = Sgemm(Setup("alexnet", True, 1, threads=2))
    assert sgemm.rates() == pytest.approx({"4×5×6, one product": 240.0, "4×5×6, a product per thread": 480.0})
    a, b, results, _ = sgemm.products["4×5×6"]
    for result in results:
        agree(result, a @ b, "product", rtol=1e-5, atol=1e-5)


# ---------------------------------------------------------------------------------------------- processes


class Works:
    """A side's works for these tests."""

    def pid(self):
        return os.getpid()

    def blocked(self):
        return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())

    def peak(self):
        return resident_peak()

    def reserve(self):
        untouched = np.empty(1 << 29)  # 4 GiB of addresses without memory behind them
        return resident_peak() / untouched.nbytes

    def fail(self):
        raise ValueError("no such thing")

    def mistake(self):
        raise UserError("no compiler works; try another")

    def start(self):
        return subprocess.Popen(["sleep", "600"]).pid

    def die_before_its_child(self):
        """The child has the pipe, and keeps it open."""
        if os.fork() == 0:
            time.sleep(60)
        os._exit(3)

    def exhaust(self):
        raise MemoryError("Unable to allocate 9 TiB")

    def exhaust_torch(self):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    def die(self):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_side_works_in_its_own_process():
    ballast = np.ones(1 << 26)  # 512 MiB here, which must not count there
    with Side("it", Works) as side:
        assert side.ask("pid") == side.process.pid != os.getpid()
        assert side.ask("blocked")
        assert 1 << 20 < side.ask("peak") < ballast.nbytes <= resident_peak()
        assert side.ask("reserve") < 0.25
        with pytest.raises(UserError, match="^no compiler works; try another$"):
            side.ask("mistake")
        with pytest.raises(RuntimeError, match="(?s)it failed during 'fail'.*no such thing"):
            side.ask("fail")
        for work in ("exhaust", "exhaust_torch"):
            with pytest.raises(UserError, match=f"not enough memory for it during '{work}': .*allocate.*--batch"):
                side.ask(work)
        assert side.ask("pid") == side.process.pid, "the process should survive errors"
    assert not side.process.is_alive()


def test_a_side_that_dies():
    with Side("it", Works) as side:
        with pytest.raises(UserError, match="the process of it ended with code -9 during 'die'"):
            side.ask("die")
        with pytest.raises(UserError, match="ended"):
            side.ask("pid")


def test_a_side_that_dies_before_its_child():
    began = time.monotonic()
    with Side("it", Works) as side, pytest.raises(UserError, match="ended with code 3"):
        side.ask("die_before_its_child")
    assert time.monotonic() - began < 30


def test_nothing_that_a_side_started_outlives_it():
    """Such as a compiler, which is in no hurry."""
    with Side("it", Works) as side:
        child = side.ask("start")
        os.kill(child, 0)
    until = time.monotonic() + 30
    while state(child) not in ("gone", "Z"):  # Z: ended, and nobody has asked how
        assert time.monotonic() < until, "it goes on"
        time.sleep(0.01)


def state(process):
    """A letter for what a process does, or "gone"."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


def test_no_side_outlives_an_error():
    with pytest.raises(KeyboardInterrupt):
        with Side("it", Works) as side:
            raise KeyboardInterrupt
    assert not side.process.is_alive()


# ---------------------------------------------------------------------------------------------- PyTorch


@pytest.mark.torch
@pytest.mark.parametrize("name", ["alexnet-small", "alexnet-32"])
def test_the_twin_gives_the_same_scores(name):
    """At test time. PyTorch's dropout is inverted, so the weights after it are halved here."""
    import torch

    from tinyalex.exchange.torch import torch_twin

    network = MODELS[name].build(7)
    initialise(network, "he", 3)
    x = random_stream(2).standard_normal((2, *network.in_shape), dtype="float32")
    twin = torch_twin(network).eval()
    for module, after in zip(twin, list(twin)[1:]):
        if isinstance(module, torch.nn.Dropout):
            after.weight.data *= 0.5
    scores = twin(torch.tensor(x.transpose(0, 3, 1, 2).copy())).detach().numpy()
    agree(network.predict(x), scores, "scores", rtol=1e-4, atol=1e-5)


@pytest.mark.torch
@pytest.mark.parametrize("layout", [NCHW, CHANNELS_LAST])
def test_pytorch_runs_whole_steps_in_its_layout(layout):
    import torch

    from tinyalex.bench.theirs import TorchWorks

    works = TorchWorks(SMALL, layout)
    order = {NCHW: torch.contiguous_format, CHANNELS_LAST: torch.channels_last}[layout]
    assert works.x.is_contiguous(memory_format=order)
    kernels = [module.weight for module in works.twin if isinstance(module, torch.nn.Conv2d)]
    assert len(kernels) == 5 and all(weight.is_contiguous(memory_format=order) for weight in kernels)
    np.testing.assert_array_equal(works.x.numpy().transpose(0, 2, 3, 1), SMALL.pictures()[0])
    before = [p.detach().clone() for p in works.twin.parameters()]
    assert works.infer() > 0 and works.one() > 0 and not works.twin.training
    assert all((p == old).all() for p, old in zip(works.twin.parameters(), before))
    assert works.train() > 0 and works.twin.training
    assert not any((p == old).all() for p, old in zip(works.twin.parameters(), before))
    assert works.peak() > 1 << 20


@pytest.mark.torch
def test_pytorch_without_a_gpu_is_left_out(monkeypatch):
    from tinyalex.exchange import torch as exchange

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert exchange.torch_version("gpu") is None, "whatever its version says"
    assert exchange.torch_version("cpu").startswith("2.13.0")
    monkeypatch.setattr(exchange.sys, "executable", "/bin/true")  # one that answers yes
    assert exchange.torch_version("gpu") == exchange.torch_version("cpu")


# ---------------------------------------------------------------------------------------------- the command


@pytest.mark.parametrize(
    "arguments, words",
    [
        (
            "--chart nowhere/bars.png",
            "--chart: nowhere/bars.png cannot be written, expected a file in an existing folder",
        ),
        ("--chart .", "--chart: . is a folder"),
        ("--rounds 0", "--rounds: found 0"),
        ("--batch -1", "--batch: found -1"),
        ("--threads 0", "--threads: found 0"),
        ("--lrn some", "--lrn"),
        ("--model alexnet-small --model alexnet-smal", "did you mean alexnet-small?"),
    ],
)
def test_mistakes_are_found_before_measuring(monkeypatch, tmp_path, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tinyalex.commands.bench.run_benchmark", lambda *args: pytest.fail("it measured"))
    assert main(["bench", *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and words in err


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ("", [("alexnet", True, 128), ("alexnet", False, 128), ("alexnet-small", True, 64)]),
        ("--model alexnet-64 --batch 2", [("alexnet-64", True, 2)]),
        ("--model alexnet --model alexnet --lrn with", [("alexnet", True, 128)]),
        ("--model alexnet-small --lrn both", [("alexnet-small", True, 64), ("alexnet-small", False, 64)]),
    ],
)
def test_what_is_measured(monkeypatch, arguments, expected):
    asked = []
    monkeypatch.setattr("tinyalex.commands.bench.run_benchmark", lambda setups, *args, **_: asked.extend(setups) or {})
    assert main(["bench", "--json", "--threads", "1", *arguments.split()]) == 0
    assert [(s.model, s.lrn, s.batch) for s in asked] == expected
    assert {(s.device, s.tf32, s.threads) for s in asked} == {("cpu", None, 1)}


@pytest.mark.parametrize(
    "arguments, expected", [("", [True, False]), ("--tf32 both", [True, False]), ("--tf32 on", [True])]
)
def test_what_is_measured_on_a_gpu(monkeypatch, arguments, expected):
    asked = []
    monkeypatch.setattr("tinyalex.commands.bench.open_device", lambda args: device)
    monkeypatch.setattr("tinyalex.commands.bench.run_benchmark", lambda setups, *args, **_: asked.extend(setups) or {})
    assert main(["bench", "--json", "--model", "alexnet-64", *arguments.split()]) == 0
    assert [(s.device, s.tf32) for s in asked] == [("gpu", on) for on in expected]


def test_the_bars_are_drawn(tmp_path):
    answers, _ = scripted()
    row = figures.row(Setup("alexnet-small", True, 4, 2), (1e9, 3e9), answers)
    alone = row | {key: None for key in row if "torch" in key or "ratio" in key}
    for results, room in (([row, row | {"lrn": False, "tf32": True}], 2), ([alone], 1.2)):
        figure = plots.speeds(results, "a machine")
        words = [text.get_text() for axis in figure.axes for text in axis.texts]
        assert any("2.00 × PyTorch" in word for word in words) == (results[0] is row)
        assert any("tinyalex" in word for word in words) == (results[0] is row), "one side's bars need no name"
        assert any(word.endswith("PyTorch: torch.compile") for word in words) == (results[0] is row)
        for axis in figure.axes:
            assert axis.get_xlim()[1] < room * max(bar.get_width() for bar in axis.patches)
            places, middles = axis.get_yticks(), [bar.get_y() + bar.get_height() / 2 for bar in axis.patches]
            pairs = len(middles) // len(places)
            together = np.reshape(middles, (len(places), pairs)).mean(axis=1)
            np.testing.assert_allclose(together, places, atol=1e-9, err_msg="a bar stands off its label")
            assert {axis.get_ylim()} == {(2.5, -0.5)}, "room above and below, however many bars"
        plots.save(figure, tmp_path / "bars.png")
        with Image.open(tmp_path / "bars.png") as picture:
            assert picture.format == "PNG" and picture.size[0] > 600


def run_bench(*arguments, **options):
    command = [sys.executable, "-m", "tinyalex", "bench", "--model", "alexnet-small", *arguments]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


@pytest.mark.alone
@pytest.mark.slow
def test_end_to_end(tmp_path):
    """One JSON object with every field; PyTorch's filled where it is installed; the bars beside it."""
    from tinyalex.exchange.torch import torch_version

    chart = tmp_path / "bars.png"
    options = ("--batch", "2", "--rounds", "1", "--threads", "2", "--no-compile", "--json", "--chart", str(chart))
    child = run_bench(*options)
    out, err = child.communicate(timeout=300)
    assert child.returncode == 0 and out.count("\n") == 1, err
    result = json.loads(out)
    (row,) = result["results"]
    assert set(SPEC) <= set(row) and {"machine", "sgemm_gflops", "results"} <= set(result)
    assert 0 < row["fraction_of_sgemm"] < 1 and result["sgemm_gflops"] == row["sgemm_gflops"] > 0
    assert len(row["layers"]) == 23 and row["peak_memory_bytes"] > 1 << 20
    assert sum(row["kinds"].values()) == pytest.approx(1)
    assert [s["threads"] for s in row["thread_scaling"]] == [1, 2]
    with_torch = torch_version() is not None
    assert all((row[key] is not None) == with_torch for key in SPEC if key.startswith("torch"))
    assert result["machine"]["torch"] == torch_version() and row["torch_compile_seconds"] is None
    assert list(row["torch_train_sides"] or ()) == ([NCHW, CHANNELS_LAST] if with_torch else [])
    assert chart.stat().st_size > 1000


@pytest.mark.slow
def test_a_table_for_people():
    child = run_bench("--batch", "2", "--rounds", "1", "--no-torch")
    out, err = child.communicate(timeout=300)
    assert child.returncode == 0 and err == ""
    for words in ("sgemm's limit", "alexnet-small × 2", "input pipeline alone", "conv1", "Medians over rounds"):
        assert words in out


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [1, 4])
def test_ctrl_c_ends_every_process(seconds):
    """The terminal interrupts all of them: one line, code 130, and no process is left in the group."""
    child = run_bench("--no-torch", "--batch", "16", "--rounds", "1000", start_new_session=True)
    time.sleep(seconds)
    os.killpg(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=60)  # returns once every process has closed its end
    assert child.returncode == 130 and out == "" and err.count("\n") == 1 and err.startswith("tinyalex: ")
