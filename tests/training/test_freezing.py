"""Frozen layers stay as they are, work as at test time and cost no backward pass; the others learn as ever."""

from functools import partial

import numpy as np
import pytest

from tests.checks import agree_all, refused
from tests.parallel.test_training import whole_of
from tests.training.test_training import easy_dataset
from tinyalex.composite import layer_of
from tinyalex.errors import UserError
from tinyalex.layers import Conv2d, Dropout, Layer
from tinyalex.models import find_model
from tinyalex.network import Network
from tinyalex.parallel import run_threads, split_network
from tinyalex.parallel.part import folder_of
from tinyalex.runs.checkpoint import load_checkpoint
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder
from tinyalex.training import trainer as training
from tinyalex.training.freezing import BODY, freeze, head_of
from tinyalex.training.health import measure_health

MODELS = {
    "alexnet-mini": ("pool5", "relu6"),
    "vgg-mini+bn": ("relu2_1", "pool3"),
    "resnet-mini": ("relu1_1", "block2_1"),
}
CASES = [(model, layer) for model, layers in MODELS.items() for layer in (*layers, BODY)]


def network_of(model="alexnet-mini", classes=4):
    network = find_model(model).build(classes)
    for a in network.state.values():  # as if trained: statistics unlike those of any batch
        a[...] = np.random.default_rng(0).uniform(0.5, 1.5, a.shape)
    network.map_arrays(lambda a: a.astype(np.float64))
    return network


def batch(n=40):
    rng = np.random.default_rng(1)
    return rng.standard_normal((n, 56, 56, 3)), rng.standard_normal((n, 4))


def top_level(network):
    return network.features.layers | network.classifier.layers


def step(network):
    """(scores, gradients, sums that are observed) of a training step."""
    x, dscores = batch()
    scores, cache = network.forward(x, train=True, rng=np.random.default_rng(2))
    return scores, network.backward(dscores, cache, input_grad=False)[1], network.observe(cache)


@pytest.mark.parametrize("model, layer", CASES)
def test_a_step(model, layer):
    """As of a network whose first layers are computed beforehand, as at test time."""
    network, x = network_of(model), batch()[0]
    stays = freeze(network, layer)
    scores, grads, observed = step(network)
    layers = top_level(network)
    names = list(layers)
    cut = names.index(layer) + 1 if layer != BODY else names.index(layer_of(head_of(network)[0]))
    for name in names[:cut]:
        x = layers[name].predict(x)
    rest = Network({}, {name: layers[name].like() for name in names[cut:]}, x.shape[1:])
    rest.map_arrays(lambda a: a.astype(np.float64))
    for group, own in ((rest.params, network.params), (rest.state, network.state)):
        for name, array in group.items():
            array[...] = own[name]
    expected, cache = rest.forward(x, train=True, rng=np.random.default_rng(2))
    if not any(isinstance(left, Dropout) for left in rest.classifier.layers.values()):  # they draw from other streams
        agree_all({"scores": scores}, {"scores": expected}, "frozen", rtol=1e-9, atol=1e-12)
        agree_all(grads, rest.backward(batch()[1], cache, input_grad=False)[1], "frozen", rtol=1e-9, atol=1e-12)
    assert grads.keys() == rest.params.keys() == network.params.keys() - stays and stays
    assert observed.keys() == rest.observe(cache).keys()


def test_nothing_is_kept_or_differentiated(monkeypatch):
    network = network_of("resnet-mini")
    freeze(network, "relu2_1")
    backward, done = Conv2d.backward, []
    monkeypatch.setattr(Conv2d, "backward", lambda self, *a, **k: done.append(self.name) or backward(self, *a, **k))
    x, dscores = batch()
    _, cache = network.forward(x, train=True, rng=np.random.default_rng(0))
    network.backward(dscores, cache, input_grad=False)
    blocks = {"block2_2", "block2_3", "block3_1", "block3_2", "block3_3"}
    assert {name.split(".")[0] for name in done} == blocks
    relus = {name.replace("block", "relu") for name in blocks}
    assert {name.split(".")[0] for name in network.kept(cache)} == blocks | relus | {"pool", "fc"}


def test_thawed_it_is_as_before():
    network = network_of()
    expected = step(network)
    freeze(network, "pool5")
    assert step(network)[1].keys() != expected[1].keys()
    assert freeze(network, "") == set()
    found = step(network)
    agree_all(found[1], expected[1], "frozen", rtol=0, atol=0)
    x, dscores = batch(4)
    freeze(network, "pool5")  # what asks for the pictures' gradient still gets it
    _, cache = network.forward(x)
    frozen = network.backward(dscores, cache)[0]
    freeze(network, "")
    _, cache = network.forward(x)
    np.testing.assert_array_equal(frozen, network.backward(dscores, cache)[0])


def test_health_is_that_of_the_layers_that_learn():
    network = network_of()
    stays = freeze(network, "pool5")
    x, dscores = batch()
    _, cache = network.forward(x, train=True, rng=np.random.default_rng(0))
    grads = network.backward(dscores, cache, input_grad=False)[1]
    health = measure_health(network, cache, grads, {name: a * 0.01 for name, a in network.params.items()})
    assert list(health["update_ratio"]) == ["fc6", "fc7", "fc8"] and list(health["activation_rms"]) == [
        "relu6",
        "relu7",
    ]
    assert not {layer_of(name) for name in stays} & health["gradient_norm"].keys()


@pytest.mark.parametrize(
    "layer, words",
    [("pool6", ["'pool6'", "did you mean pool5", "expected body"]), ("fc8", ["'fc8'", "before fc8", "nothing"])],
)
def test_refused(layer, words):
    refused(lambda: freeze(network_of(), layer), *words, error=UserError)


# ---------------------------------------------------------------------------------------------- runs


def run(path, form=None, size=1, model="alexnet-mini", epochs=3, **chosen):
    """A run to its end, alone or by a team."""
    chosen = {"batch": 16, "lr": 0.01, "schedule": "constant", "epochs": epochs} | chosen
    config = Config.for_model(find_model(model), "easy", **chosen)
    dataset = easy_dataset(36, 10)

    def work(team):
        trainer = training.Trainer(folder_of(path, team), config, dataset, np, True, whole_of(form, team))
        trainer.begin()
        trainer.write_settings("test")
        trainer.train()

    run_threads(size, work)
    return load_checkpoint(path / "last.safetensors")


def moved(before, after):
    """The layers with a parameter or state that differs."""
    arrays = ((a.params | a.state) for a in (before, after))
    first, second = arrays
    return {layer_of(name).split(".")[0] for name, a in first.items() if not np.array_equal(a, second[name])}


@pytest.mark.parametrize(
    "model, layer", [("alexnet-mini", "conv5"), ("resnet-mini", "block2_1"), ("vgg-mini+bn", BODY)]
)
def test_frozen_then_thawed(model, layer, tmp_path):
    first = run(tmp_path / "first", model=model, epochs=1)
    start = dict(start_from=str(tmp_path / "first"))
    frozen = run(tmp_path / "frozen", model=model, freeze=layer, **start)
    network = find_model(model).build(4)
    stays = {layer_of(name).split(".")[0] for name in freeze(network, layer)}
    everything = {layer_of(name).split(".")[0] for name in network.params}
    assert moved(first, frozen) == everything - stays
    thawed = run(tmp_path / "thawed", model=model, freeze=layer, thaw=2, **start)
    assert moved(first, thawed) == everything
    before = run(tmp_path / "two", model=model, freeze=layer, epochs=2, **start)
    training.go_on(RunFolder.open(tmp_path / "two"), easy_dataset(36, 10), np, quiet=True, epochs=3).train()
    agree_all(load_checkpoint(tmp_path / "two" / "last.safetensors").params, frozen.params, "frozen", rtol=0, atol=0)
    assert moved(first, before) == everything - stays


def test_thawed_the_same_if_resumed(tmp_path, monkeypatch):
    settings = dict(freeze="pool5", thaw=1, head_lr=3.0)
    whole = run(tmp_path / "whole", **settings)
    cut = run(tmp_path / "cut", **settings | {"epochs": 2})
    assert cut.info["state"]["epoch"] == 2
    training.go_on(RunFolder.open(tmp_path / "cut"), easy_dataset(36, 10), np, quiet=True, epochs=3).train()
    found = load_checkpoint(tmp_path / "cut" / "last.safetensors")
    agree_all(found.params, whole.params, "frozen", rtol=0, atol=0)
    agree_all(found.velocity, whole.velocity, "frozen", rtol=0, atol=0)


def test_the_head_has_its_own_rate(tmp_path):
    """Only the last layer's first update is three times as large."""
    first = find_model("alexnet-mini").build(4)
    settings = dict(epochs=1, batch=36, weight_decay=0.0)
    once, thrice = (run(tmp_path / str(f), head_lr=f, **settings).velocity for f in (1.0, 3.0))
    for name in first.params:
        factor = 3 if layer_of(name) == "fc8" else 1
        np.testing.assert_allclose(thrice[name], factor * once[name], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("model, layer", CASES)
def test_a_step_by_a_team(model, layer):
    network = network_of(model)
    freeze(network, layer)
    x, dscores = batch(16)
    _, cache = network.forward(x, train=True, rng=np.random.default_rng(3))
    expected = network.backward(dscores, cache, input_grad=False)[1], network.observe(cache)

    def work(team):
        split = split_network("data", network, team)
        mine = split.share(16).run
        _, cache = split.forward(x[mine], True, split.draws(np.random.default_rng(3), 16))
        return split.backward(dscores[mine], cache, input_grad=False)[1], split.observe(cache)

    for found in run_threads(2, work):
        for ours, theirs in zip(found, expected):
            agree_all(ours, theirs, "by a team", rtol=1e-9, atol=1e-12)


def test_a_run_by_a_team(tmp_path):
    alone, team = (run(tmp_path / str(size), "data", size, freeze="pool5", thaw=2) for size in (1, 2))
    for name, p in alone.params.items():  # a number near 0 may fall to either side of a ReLU
        np.testing.assert_allclose(team.params[name], p, rtol=0, atol=0.05 * np.abs(p).max())


@pytest.mark.parametrize("form", ["towers", "hybrid"])
def test_not_where_layers_are_divided(form, tmp_path):
    model = "alexnet-mini+two-towers"
    call = partial(run, tmp_path / "team", form, 2, model, freeze="pool5")
    refused(call, "found layers divided", "expected the form data", error=UserError)
    assert not (tmp_path / "team").exists()


def test_every_layer_says_that_it_is_not_fixed():
    assert Layer.fixed is False and not network_of().fixed
