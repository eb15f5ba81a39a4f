"""A worker's timed parts: the right layers, with the right pictures, forward and backward."""

import numpy as np
import pytest

from tests.checks import agree_all
from tinyalex import backend
from tinyalex.models import find_model
from tinyalex.parallel import run_threads, split_network
from tinyalex.scaling import timing
from tinyalex.scaling.model import Load
from tinyalex.scaling.timing import Worker, combine, pictures_for, plan, tower_of

MINI = find_model("alexnet-mini+two-towers")


@pytest.fixture(autouse=True)
def one_thread():
    before = backend.thread_count()
    backend.set_thread_count(1)
    yield
    backend.set_thread_count(before)


@pytest.fixture(scope="module")
def worker():
    return Worker(MINI, 5, Load(batch=6))


def test_what_is_measured():
    """Every number of pictures a worker could get; a tower gets the whole batch; the head more if the batch grows."""
    strong = plan(Load(batch=6), has_towers=True)
    assert strong == [*(("trunk", n) for n in (1, 2, 3, 6)), ("tower", 6), *(("head", n) for n in (1, 2, 3, 6))]
    assert plan(Load(batch=6), False, (1, 2)) == [("trunk", 3), ("trunk", 6), ("head", 3), ("head", 6)]
    assert plan(Load(per_worker=3), True) == [("trunk", 3), ("tower", 6), ("head", 3), ("head", 12)]


class Clock:
    """Replaces the stopwatch: a lap takes as many seconds as there were passes since the last one."""

    log = []

    def __init__(self, xp):
        self.read = len(Clock.log)

    def lap(self):
        before, self.read = self.read, len(Clock.log)
        return self.read - before


@pytest.fixture
def noted(monkeypatch, worker):
    """(way, name, shape, input_grad) of every layer's pass, in order; the clock counts them."""
    log = []
    monkeypatch.setattr(Clock, "log", log)
    kinds = {type(layer) for stages in worker.stages.values() for s in stages for layer in s.layers.layers.values()}

    def wrap(way, function):
        def call(layer, x, *args, **options):
            _, *given = (*args, True)[:2]  # a backward is given the cache, and whether its input's gradient is wanted
            log.append((way, layer.name, x.shape, options.get("input_grad", *given)))
            return function(layer, x, *args, **options)

        return call

    for kind in kinds:
        for way in ("forward", "backward"):
            monkeypatch.setattr(kind, way, wrap(way, getattr(kind, way)))
    monkeypatch.setattr(timing, "Stopwatch", Clock)
    return log


def test_the_trunk(worker, noted):
    """Each layer once per piece, cut as for the whole batch; nobody computes the gradient of the pixels."""
    layers, why = (
        len(worker.network.features.layers),
        "four pictures of six, one by one: a piece for each of four cores",
    )
    assert worker.passes("trunk", 4) == (4 * layers, 4 * layers), why
    ways, names, shapes, grads = zip(*noted)
    assert set(names) == set(worker.network.features.layers) and {shape[0] for shape in shapes} == {1}
    assert [grad for way, name, _, grad in noted if (way, name) == ("backward", "conv1")] == [False] * 4


def test_the_head(worker, noted):
    """The batch at once, back to the gradient that the trunk needs."""
    layers = len(worker.network.classifier.layers)
    assert worker.passes("head", 5) == (layers, layers)
    assert {name for _, name, _, _ in noted} == set(worker.network.classifier.layers)
    assert all(shape[0] == 5 and grad for *_, shape, grad in noted)


def test_a_tower(worker, noted):
    """Half of the kernels; conv3 reads the maps of both towers, and returns only its own maps' gradients."""
    worker.passes("tower", 6)
    forward = {name: shape[-1] for way, name, shape, _ in noted if way == "forward"}
    backward = {name: shape[-1] for way, name, shape, _ in noted if way == "backward"}
    assert set(forward) == set(worker.network.features.layers)
    layers = "conv1 relu1 norm1 pool1 conv2 relu2 norm2 pool2 conv3 relu3 conv4 relu4 conv5 relu5 pool5".split()
    assert forward == dict(zip(layers, (3, 12, 12, 12, 12, 32, 32, 32, 64, 48, 48, 48, 48, 32, 32), strict=True))
    assert backward == dict(zip(layers, (12, 12, 12, 12, 32, 32, 32, 32, 48, 48, 48, 48, 32, 32, 32), strict=True))


def test_a_tower_has_the_first_workers_parameters():
    """As `split_network` gives them to the first of two workers."""
    network = MINI.build(5)

    def params(team):
        return split_network("towers", network, team).params

    first = run_threads(2, params)[0]
    tower = {name: p for stage in tower_of(network) for name, p in stage.layers.params.items()}
    agree_all(tower, {name: first[name] for name in tower}, "tower", exact=True)
    assert set(tower) == set(network.features.params)
    assert tower_of(find_model("alexnet-mini").build(5)) is None, "its LRN reads the maps of both"


def test_a_round(worker):
    """Every part with its pictures, in ascending order; `meet` is called before each, `tell` after it."""
    events = []
    measured = worker.round((1, 2, 6), tell=events.append, meet=lambda: events.append("meet"))
    assert {part: [row[0] for row in rows] for part, rows in measured.items() if len(rows[0]) == 3} == {
        "trunk": [1, 3, 6],
        "tower": [6],
        "head": [1, 3, 6],
    }
    assert events == [event for n in (1, 3, 6, 6, 1, 3, 6) for event in ("meet", n)] + ["meet"]
    seconds = [number for rows in measured.values() for row in rows for number in (row[1:] if len(row) == 3 else row)]
    assert all(number > 0 for number in seconds) and 1e-12 < measured["added"][0][0] < 1e-6
    assert len(measured["update"][0]) == 2


def test_quick_parts_are_repeated(worker, monkeypatch):
    """The first time decides how often; the median counts."""
    times, eighth = [], timing.LONG_ENOUGH / 8
    seconds = {"trunk": [9.0], "tower": [18.0], "head": [eighth, 7.0, 1.0, 3.0]}

    def passes(part, pictures):
        times.append((part, pictures))
        return (seconds[part].pop(0), eighth)

    monkeypatch.setattr(worker, "passes", passes)
    measured = worker.round((1,))
    assert times == [("trunk", 6), ("tower", 6)] + 4 * [("head", 6)]
    assert measured["trunk"] == [[6, 9.0, eighth]] and measured["tower"] == [[6, 18.0, eighth]]
    assert measured["head"] == [[6, 2.0, eighth]]


def test_the_update_changes_all_weights(worker):
    before = {name: p.copy() for name, p in worker.network.params.items() if name.endswith("weight")}
    worker.updates()
    assert not [name for name, p in before.items() if (p == worker.network.params[name]).all()]


def test_rounds_are_combined():
    rounds = [{"a": [[1, first], [2, second]], "none": []} for first, second in ((5.0, 7.0), (1.0, 9.0), (3.0, 8.0))]
    assert combine(np.median, rounds) == {"a": [[1, 3.0], [2, 8.0]], "none": []}
    assert combine(np.max, rounds)["a"] == [[1, 5.0], [2, 9.0]]


def test_pictures():
    network = MINI.build(5)
    x, labels = pictures_for(network, MINI, 40)
    assert x.shape == (40, 56, 56, 3) and x.dtype == np.float32 and np.std(x) == pytest.approx(MINI.input_rms, rel=0.01)
    assert set(labels) == set(range(5))


def test_measured_in_one_process(monkeypatch):
    """The medians over rounds."""
    numbers = iter([4.0, 1.0, 2.0])
    warm = []
    monkeypatch.setattr(Worker, "warm_up", lambda self: warm.append(self))
    monkeypatch.setattr(Worker, "round", lambda self, tell: {"trunk": [[6, next(numbers) if warm else 0.0]]})
    assert timing.measure_worker(MINI, 5, Load(batch=6), np, 3, quiet=True) == {"trunk": [[6, 2.0]]}


def test_the_warm_up_runs_everything_large(worker, noted):
    """The most pictures a worker can get, and every velocity."""
    for optimiser in worker.optimisers:
        for velocity in optimiser.velocity.values():
            velocity[...] = 0
    worker.warm_up()
    pieces = [(way, shape[0]) for way, name, shape, _ in noted if name == "conv1"]
    assert pieces == 3 * [("forward", 2)] + 3 * [("backward", 2)] and ("backward", "fc8", (6, 5), True) in noted
    assert all(
        v.any() for optimiser in worker.optimisers for n, v in optimiser.velocity.items() if n.endswith("weight")
    )
