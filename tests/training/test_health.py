"""Health: its numbers against loops and by hand, its bounds one by one, and what a sick and a healthy run say."""

import json
import math
import re

import numpy as np
import pytest

from tests.checks import edited
from tests.training.test_training import NOTHING, easy_dataset
from tinyalex.backend import to_device
from tinyalex.layers import Conv2d, Dropout, Flatten, Linear, LocalResponseNorm, MaxPool2d, ReLU, Tanh
from tinyalex.models import find_model
from tinyalex.network import Network
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder
from tinyalex.standin import DeviceArray
from tinyalex.standin import xp as device
from tinyalex.training import health
from tinyalex.training import trainer as training
from tinyalex.training.health import PATIENCE, Watch, measure_health, out_of_range, sentence

N = 37  # pieces of ten pictures and one of seven


def network(relu=ReLU):
    features = {
        "conv1": Conv2d(2, 5, 3, padding=1),
        "norm1": LocalResponseNorm(),
        "relu1": relu(),
        "pool1": MaxPool2d(2, 2),
        "conv2": Conv2d(5, 4, 3),
        "relu2": ReLU(),
    }
    classifier = {
        "flatten": Flatten(),
        "fc3": Linear(16, 6),
        "relu3": ReLU(),
        "drop3": Dropout(0.5),
        "fc4": Linear(6, 3),
    }
    net, rng = Network(features, classifier, (8, 8, 2)), np.random.default_rng(0)
    net.map_arrays(lambda p: rng.standard_normal(p.shape) * 0.3)
    net.params["conv2.bias"][:] = -50, 1, -50, 1  # two dead channels of four
    net.params["fc3.bias"][:] = 1, -50, 1, 1, 1, 1
    return net


def step(net, count=N, xp=np):
    """(cache, grads, velocity) of one training step, all random but the cache."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((count, 8, 8, 2))
    _, cache = net.forward(to_device(x, xp), train=True, rng=np.random.default_rng(2))
    grads, velocity = ({name: rng.standard_normal(p.shape) for name, p in net.params.items()} for _ in range(2))
    return cache, to_device(grads, xp), to_device(velocity, xp)


def norm(*arrays):
    """The root of a sum over single numbers."""
    return math.sqrt(sum(float(value) ** 2 for a in arrays for value in a.ravel()))


def by_loops(net, grads, velocity, count=N):
    """The same as `measure_health`, number by number, the layers run once more on the whole batch."""
    x, outputs = np.random.default_rng(1).standard_normal((count, 8, 8, 2)), {}
    for part in (net.features, net.classifier):
        for name, layer in part.layers.items():
            x = layer.forward(x)[0]  # not as in training: dropout stands behind the last activation
            if name.startswith("relu"):
                outputs[name] = x
    dead = {}
    for name, y in outputs.items():
        units = [y[..., unit].ravel() for unit in range(y.shape[-1])]
        dead[name] = sum(all(value == 0 for value in unit) for unit in units) / len(units)
    layers, p = ("conv1", "conv2", "fc3", "fc4"), net.params
    return {
        "update_ratio": {n: norm(velocity[f"{n}.weight"]) / norm(p[f"{n}.weight"]) for n in layers},
        "gradient_norm": {n: norm(grads[f"{n}.weight"], grads[f"{n}.bias"]) for n in layers}
        | {"total": norm(*grads.values())},
        "activation_rms": {n: norm(y) / math.sqrt(y.size) for n, y in outputs.items()},
        "dead": dead,
    }


def agree(found, expected):
    assert found.keys() == expected.keys()
    for what, numbers in expected.items():
        assert found[what] == pytest.approx(numbers, rel=6e-4), what  # four digits, so half of the last at most
        assert list(found[what]) == list(numbers), f"{what} is in another order"


def check_measure(measure):
    net = network()
    cache, grads, velocity = step(net)
    agree(measure(net, cache, grads, velocity), by_loops(net, grads, velocity))


def test_measure():
    check_measure(measure_health)
    expected = by_loops(network(), *step(network())[1:])
    assert expected["dead"] == {"relu1": 0, "relu2": 0.5, "relu3": 1 / 6}  # so that there is something to see


@pytest.mark.parametrize(
    "function, old, new",
    [
        ("measure_health", '_root(sums["v", layer], sums["w", layer])', '_root(sums["w", layer], sums["v", layer])'),
        ("measure_health", '_root(sums["v", layer], sums["w", layer])', '_root(sums["g", layer], sums["w", layer])'),
        ("measure_health", 'velocity[f"{layer}.weight"]', 'velocity[f"{layer}.bias"]'),
        ("measure_health", "for name, g in grads.items()", 'for name, g in grads.items() if name.endswith("weight")'),
        ("measure_health", '_root(sums["y", name], size)', '_root(sums["y", name])'),
        ("measure_health", "sum(y.size for y in pieces)", "pieces[0].size"),
        ("measure_health", 'if what == "g"', 'if what == "w"'),
        ("_outputs", "both[0].activation", "both[0].activation and not isinstance(both[0], ReLU)"),
        (
            "measure_health",
            "for name, (_, pieces) in outputs.items() for y in pieces]",
            "for name, (_, pieces) in outputs.items() for y in pieces[:1]]",
        ),
        ("_dead_units", "(highest <= 0)", "(highest < 0)"),
        ("_dead_units", "(highest <= 0)", "(highest > 0)"),
        ("_dead_units", ".maximum(highest, other)", ".minimum(highest, other)"),
        ("_dead_units", ".max(axis=0)", ".min(axis=0)"),
        ("_on_host", "sums[what, name] += number", "sums[what, name] = number"),
        ("_sum_of_squares", "array_module(a).vdot(flat, flat)", "abs(flat).sum()"),
        ("_root", "math.sqrt(squares / over)", "squares / over"),
        ("_rounded", ".4g", ".2g"),
    ],
)
def test_measure_teeth(monkeypatch, function, old, new):
    monkeypatch.setattr(health, function, edited(getattr(health, function), old, new))
    with pytest.raises(AssertionError):
        check_measure(lambda *arguments: health.measure_health(*arguments))


def test_measure_writes_into_nothing():
    net = network()
    cache, grads, velocity = step(net)
    kept = [a for piece in cache["features"][1] for a in piece.values() if isinstance(a, np.ndarray)]
    for a in (*net.params.values(), *grads.values(), *velocity.values(), *kept):
        a.flags.writeable = False
    assert measure_health(net, cache, grads, velocity) == measure_health(net, cache, grads, velocity)


def test_measure_on_the_device():
    net = network()
    expected = measure_health(net, *step(net))
    net.map_arrays(device.asarray)
    cache, grads, velocity = step(net, xp=device)
    assert isinstance(cache["features"][1][0]["relu1"], DeviceArray)
    agree(measure_health(net, cache, grads, velocity), expected)


def test_one_wait_for_the_device(monkeypatch):
    net, fetched, get = network(), [], DeviceArray.get
    net.map_arrays(device.asarray)
    left_behind = step(net, xp=device)
    monkeypatch.setattr(DeviceArray, "get", lambda a: fetched.append(a.shape) or get(a))
    measure_health(net, *left_behind)
    assert len(fetched) == 1


def test_few_pictures_tell_no_dead_units():
    net = network()
    assert measure_health(net, *step(net, 31))["dead"] == {}
    assert measure_health(net, *step(net, 32))["dead"].keys() == {"relu1", "relu2", "relu3"}


def test_only_relus_can_be_dead():
    net = network(Tanh)
    found = measure_health(net, *step(net))
    assert found["dead"].keys() == {"relu2", "relu3"} and found["activation_rms"].keys() == {"relu1", "relu2", "relu3"}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e200])
def test_what_is_not_finite_is_none(value):
    """1e200 has a square that is not finite either. All else stays a number, and JSON of any reader can be written."""
    net = network()
    cache, grads, velocity = step(net)
    grads["conv2.bias"][1], cache["features"][1][1]["relu2"][3, 0, 0, 1] = value, value
    found = measure_health(net, cache, grads, velocity)
    expected = by_loops(net, *step(net)[1:])
    expected["gradient_norm"] |= {"conv2": None, "total": None}
    expected["activation_rms"]["relu2"] = None
    for what in ("update_ratio", "gradient_norm", "activation_rms"):
        for name, number in expected[what].items():
            assert found[what][name] == (number and pytest.approx(number, rel=6e-4)), (what, name)
    json.dumps(found, allow_nan=False)


def test_weights_of_zero():
    net = network()
    net.params["fc4.weight"][:] = 0
    assert measure_health(net, *step(net))["update_ratio"]["fc4"] is None


# ---------------------------------------------------------------------------------------------- the usual range


def healthy(**changes):
    """Numbers as of a healthy run, with changes such as dead={"relu1": 0.7}."""
    numbers = {
        "update_ratio": {"conv1": 1e-3, "fc7": 1e-3, "fc8": 3e-2},
        "gradient_norm": {"conv1": 0.1, "fc8": 1.0, "total": 1.005},
        "activation_rms": {"relu1": 0.6, "relu7": 3.0},
        "dead": {"relu1": 0.0, "relu7": 0.3},
    }
    return {what: numbers[what] | changes.get(what, {}) for what in numbers}


FULL = {"conv1": 1.0, "fc7": 1.0, "fc8": 1.0}


@pytest.mark.parametrize(
    "what, changes, expected",
    [
        ("dead", {"dead": {"relu1": 0.61}}, {"relu1": 0.61}),
        ("dead", {"dead": {"relu1": 1.0, "relu7": 0.7}}, {"relu1": 1.0, "relu7": 0.7}),
        ("large update", {"update_ratio": {"fc7": 0.11}}, {"fc7": 0.11}),
        ("small update", {"update_ratio": {"conv1": 9e-7}}, {"conv1": 9e-7}),
        ("small gradient", {"gradient_norm": {"conv1": 9e-5}}, {"conv1": 9e-5}),
        ("small gradient", {"gradient_norm": {"conv1": 0.0}}, {"conv1": 0.0}),
        ("small gradient", {"gradient_norm": {"conv1": 9e-9, "fc8": 1e-4, "total": 1e-4}}, {"conv1": 9e-9}),
        ("large output", {"activation_rms": {"relu7": 1001.0}}, {"relu7": 1001.0}),
        ("small output", {"activation_rms": {"relu1": 9e-4}}, {"relu1": 9e-4}),
        ("not finite", {"gradient_norm": {"conv1": None, "total": None}}, {"conv1": None}),
        ("not finite", {"gradient_norm": {"total": None}}, {"total": None}),  # the sum overflows
        ("not finite", {"activation_rms": {"relu7": None}, "update_ratio": {"conv1": 9.0}}, {"relu7": None}),
    ],
)
def test_out_of_range(what, changes, expected):
    found = {kind: numbers for kind, numbers in out_of_range(healthy(**changes), FULL).items() if numbers}
    assert found == {what: expected}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"dead": {"relu1": 0.59, "relu7": 0.6}},
        {"update_ratio": {"conv1": 1.1e-6, "fc7": 0.099}},
        {"update_ratio": {"fc8": 0.5}},  # as long as its weights are near 0
        {"gradient_norm": {"conv1": 1.1e-4}},
        {"gradient_norm": {"conv1": 0.0, "fc8": 0.0, "total": 0.0}},  # it knows all pictures, to the last bit
        {"gradient_norm": {"conv1": 1e-5, "fc8": 1e-4, "total": 1e-4}, "update_ratio": {"conv1": 1e-8, "fc7": 1e-7}},
        {"activation_rms": {"relu1": 1.1e-3, "relu7": 999.0}},
        # at the limits themselves
        {"dead": {"relu1": 0.6}, "update_ratio": {"conv1": 1e-6, "fc7": 0.1}},
        {"activation_rms": {"relu1": 1e-3, "relu7": 1e3}},
        {"gradient_norm": {"conv1": 1e-4, "fc8": 1.0, "total": 1.0}},
        {"gradient_norm": {"conv1": 1e-4, "fc8": 1e-3, "total": 1e-3}, "update_ratio": {"conv1": 1e-8, "fc7": 1e-7}},
    ],
)
def test_within_the_range(changes):
    assert not any(out_of_range(healthy(**changes), FULL).values())


def test_updates_may_shrink_with_the_rate():
    slow = healthy(update_ratio={"conv1": 1e-8, "fc8": 1e-8})
    assert not any(out_of_range(slow, FULL | {"conv1": 0.0, "fc8": 0.009}).values())
    assert out_of_range(slow, FULL | {"conv1": 0.02, "fc8": 0.0})["small update"] == {"conv1": 1e-8}


def test_the_cause_is_said_and_not_its_consequences():
    changes = {"update_ratio": {"conv1": 0.0}, "gradient_norm": {"conv1": 0.0}}
    for more, expected in [
        ({}, ["small gradient", "small update"]),
        ({"activation_rms": {"relu1": 0.0}}, ["small output"]),
        ({"activation_rms": {"relu1": 0.0}, "dead": {"relu1": 1.0}}, ["dead"]),
    ]:
        changes |= more
        assert [what for what, numbers in out_of_range(healthy(**changes), FULL).items() if numbers] == expected


@pytest.mark.parametrize(
    "what, numbers, words",
    [
        ("dead", {"relu3": 0.62}, ["relu3: 62%", "dead", "too high", "--lr 0.002"]),
        ("dead", {"relu3": 0.62, "relu6": 0.9}, ["relu3, relu6: 90%"]),
        ("large update", {"fc8": 0.234, "fc7": 0.12}, ["fc8, fc7", "23%", "too high", "--lr 0.002"]),
        (
            "small update",
            {"conv1": 3e-8, "conv2": 2e-8},
            ["conv1, conv2", "hardly moves", "2e-08", "too low", "--lr 0.2"],
        ),
        ("small gradient", {"conv1": 0.0}, ["conv1", "gradient of 0", "vanishes", "--init"]),
        ("large output", {"relu7": 12345.0}, ["relu7", "1.2e+04", "explode", "too high", "--lr 0.002"]),
        ("small output", {"relu7": 2e-5, "relu6": 3e-4}, ["relu7, relu6", "2e-05", "vanish", "--init"]),
        (
            "not finite",
            {"conv1": None, "total": None},
            ["conv1, total", "no longer a finite number", "too high", "--lr 0.002"],
        ),
    ],
)
def test_sentences(what, numbers, words):
    text = sentence(what, numbers, 0.02)
    assert all(word in text for word in words) and "\n" not in text, text


# ---------------------------------------------------------------------------------------------- once, and when it lasts

DEAD = healthy(dead={"relu1": 0.9})


def watched(*measured, said=(), lr=0.02, factors=None):
    """[[(what, layers)]] of the warnings after each measurement."""
    watch = Watch(0.02, said)
    return [[(w["what"], w["layers"]) for w in watch.look(one, lr, factors or {})] for one in measured]


def check_watch(watched):
    assert watched(*[healthy()] * 5) == [[]] * 5
    assert watched(*[DEAD] * 5) == [[], [], [("dead", ["relu1"])], [], []]
    assert watched(DEAD, DEAD, healthy(), DEAD, DEAD, DEAD) == [[]] * 5 + [[("dead", ["relu1"])]], "it did not last"
    more = healthy(dead={"relu1": 0.9, "relu7": 0.8})
    assert watched(DEAD, DEAD, more, more, more) == [[], [], [("dead", ["relu1"])], [], [("dead", ["relu7"])]]
    two = healthy(dead={"relu1": 0.9}, activation_rms={"relu1": 2e3})
    assert watched(DEAD, two, two, two)[2:] == [[("dead", ["relu1"])], [("large output", ["relu1"])]]
    assert watched(healthy(), healthy(gradient_norm={"fc8": None}))[1] == [("not finite", ["fc8"])], "is said at once"
    assert watched(*[DEAD] * 4, said=[{"what": "dead", "layers": ["relu1"]}]) == [[]] * 4, "was said before"


def test_watch():
    check_watch(watched)


@pytest.mark.parametrize(
    "old, new",
    [
        ("self.said |= {(what, layer) for layer in new}", "pass"),
        ("self.said |= {(what, layer) for layer in new}", "self.said |= {(what, layer) for layer in numbers}"),
        (
            "self.said |= {(what, layer) for layer in new}",
            "self.said |= {(w, layer) for w in self.recent[-1] for layer in new}",
        ),
        ("(what, layer) not in self.said", "True"),
        ("len(self.recent) >= enough and all(", "len(self.recent) >= enough and any("),
        ('1 if what == "not finite" else PATIENCE', "PATIENCE"),
        ('1 if what == "not finite" else PATIENCE', "1"),
        ("for warning in said for layer", "for warning in () for layer"),
    ],
)
def test_watch_teeth(monkeypatch, old, new):
    monkeypatch.setitem(globals(), "Watch", edited(Watch, old, new))
    with pytest.raises(AssertionError):
        check_watch(watched)


def test_a_layer_that_is_meant_to_stand_still():
    still = healthy(update_ratio={"conv1": 1e-8})
    assert watched(*[still] * PATIENCE)[-1] == [("small update", ["conv1"])]
    assert watched(*[still] * PATIENCE, factors={"conv1.weight": 0.0})[-1] == []
    assert watched(*[still] * PATIENCE, lr=0.0001)[-1] == []


# ---------------------------------------------------------------------------------------------- whole runs


def run(path, monkeypatch, train=160, every=1, **chosen):
    """A trainer that has had an epoch of steps of 32 pictures, each of them logged, or every so many."""
    monkeypatch.setattr(training, "LOG_EVERY", every)
    chosen = {"epochs": 1, "batch": 32} | NOTHING | chosen
    config = Config.for_model(find_model("alexnet-mini"), "easy", **chosen)
    trainer = training.start(RunFolder(path), config, easy_dataset(train, 8), np, "test")
    trainer.train()
    return trainer


def said(capsys):
    """The lines on stderr but those of the epochs."""
    return [line for line in capsys.readouterr().err.splitlines() if not re.match(r"epoch +\d+/\d+  loss", line)]


def test_a_healthy_run_says_nothing(tmp_path, monkeypatch, capsys):
    trainer = run(tmp_path / "run", monkeypatch)
    lines = trainer.folder.read_metrics("step")
    assert said(capsys) == [] and trainer.folder.read_metrics("warning") == [] and len(lines) == 5
    layers = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]
    relus = [f"relu{n}" for n in range(1, 8)]
    for line in lines:
        assert {what: list(numbers) for what, numbers in line["health"].items()} == {
            "update_ratio": layers,
            "gradient_norm": [*layers, "total"],
            "activation_rms": relus,
            "dead": relus,
        }


def test_biases_of_minus_ten_say_one_line(tmp_path, monkeypatch, capsys):
    trainer = run(tmp_path / "run", monkeypatch, bias_init=-10.0)
    (line,), (warning,) = said(capsys), trainer.folder.read_metrics("warning")
    assert (
        line == f"epoch 1, step 3: {warning['text']}" and "100% of the units are dead" in line and "--lr 0.002" in line
    )
    assert warning["layers"] == [f"relu{n}" for n in range(2, 8)] and (warning["step"], warning["epoch"]) == (3, 1)


def test_a_rate_far_too_high_says_so(tmp_path, monkeypatch, capsys):
    trainer = run(tmp_path / "run", monkeypatch, train=128, lr=0.5, schedule="constant")
    (line,), (warning,) = said(capsys), trainer.folder.read_metrics("warning")
    assert line == f"epoch 1, step 4: {warning['text']}" and "of the weights; the rate may be too high" in line
    assert warning["what"] == "large update" and "conv1" in warning["layers"] and "fc8" not in warning["layers"]


@pytest.mark.parametrize(
    "chosen, expected",
    [
        ({"lr": 1e-6}, "small update"),
        ({"init": "paper"}, "small gradient"),
        ({"init": "paper", "bias_init": 0.0}, "small output"),
    ],
)
def test_other_ills(tmp_path, monkeypatch, capsys, chosen, expected):
    trainer = run(tmp_path / "run", monkeypatch, train=96, schedule="constant", **chosen)
    assert [warning["what"] for warning in trainer.folder.read_metrics("warning")] == [expected] and len(
        said(capsys)
    ) == 1


def test_a_quiet_run_only_writes_it_down(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "start", lambda *args, start=training.start: start(*args, quiet=True))
    trainer = run(tmp_path / "run", monkeypatch, bias_init=-10.0)
    assert capsys.readouterr().err == "" and len(trainer.folder.read_metrics("warning")) == 1


def test_a_resumed_run_does_not_say_it_again(tmp_path, monkeypatch, capsys):
    class Enough(Exception):
        pass

    monkeypatch.setattr(training, "SAVE_SECONDS", -1)
    steps, one = [], training.training_step

    def counted(*args):
        steps.append(1)
        if len(steps) == 5:
            raise Enough
        return one(*args)

    with monkeypatch.context() as patch, pytest.raises(Enough):
        patch.setattr(training, "training_step", counted)
        run(tmp_path / "run", monkeypatch, train=320, bias_init=-10.0)
    assert len(said(capsys)) == 1
    trainer = training.go_on(RunFolder(tmp_path / "run"), easy_dataset(320, 8), np)
    trainer.train()
    assert said(capsys) == [] and len(trainer.folder.read_metrics("warning")) == 1
    assert [line["step"] for line in trainer.folder.read_metrics("step")] == list(range(1, 11))


@pytest.mark.parametrize("steps, epochs, looks", [(1, 4, [1, 2, 3, 4]), (3, 3, [2, 4, 6, 8]), (6, 2, [4, 8, 12])])
def test_short_epochs_are_watched_too(tmp_path, monkeypatch, steps, epochs, looks):
    """Steps are counted over the run; an epoch is looked at at least once, even if it has fewer steps than that."""
    trainer = run(tmp_path / "run", monkeypatch, 32 * steps, every=4, epochs=epochs, init="paper", schedule="constant")
    assert [line["step"] for line in trainer.folder.read_metrics("step")] == looks
    (warning,) = trainer.folder.read_metrics("warning")
    assert warning["what"] == "small gradient" and warning["step"] == looks[2]


def test_looking_changes_nothing(tmp_path, monkeypatch):
    looked = run(tmp_path / "looked", monkeypatch)
    monkeypatch.setattr(training, "measure_health", lambda *arguments: None)
    monkeypatch.setattr(Watch, "look", lambda *arguments: [])
    blind = run(tmp_path / "blind", monkeypatch)
    assert blind.folder.read_metrics("step")[0]["health"] is None and looked.folder.read_metrics("step")[0]["health"]
    for name, p in looked.network.params.items():
        assert p.tobytes() == blind.network.params[name].tobytes(), name


def test_measured_only_where_it_is_logged(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(training, "measure_health", lambda *arguments: calls.append(1) or measure_health(*arguments))
    trainer = run(tmp_path / "run", monkeypatch, every=2)
    assert len(calls) == len(trainer.folder.read_metrics("step")) == 2
