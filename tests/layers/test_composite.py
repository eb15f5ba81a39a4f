"""Layers made of layers: their paths, their copies, and sums over the batch that those inside ask for."""

import numpy as np
import pytest

from tests.checks import agree, agree_all, check_layer, edited, refused
from tests.layers.test_pieces import Centred
from tinyalex import composite as composite_module
from tinyalex import network as network_module
from tinyalex.composite import Sequential, layer_of
from tinyalex.layers import Conv2d, Dropout, Flatten, Linear, MaxPool2d, Tanh, winograd
from tinyalex.network import Network, Trunk, piece_size
from tinyalex.standin import xp as device


@pytest.fixture(autouse=True)
def pieces_of_three(monkeypatch):
    monkeypatch.setattr(network_module, "PIECE_PICTURES", 3)  # so a batch of 7 is 3 + 3 + 1
    monkeypatch.setattr(network_module, "PIECES", 1)


def pictures(count, seed=1):
    return np.random.default_rng(seed).standard_normal((count, 9, 9, 3))


def nested():
    """Layers in layers, one of which needs sums over the whole batch and has state."""
    inner = {"conv": Conv2d(4, 5, 3, padding=1), "norm": Centred(5)}
    block = {"norm": Centred(4), "tanh": Tanh(), "inner": Sequential(inner)}
    return {"conv": Conv2d(3, 4, 3), "block": Sequential(block), "pool": MaxPool2d(3, 2)}


def leaf_by_leaf(layers):
    """The reference of `check_layer`: all simple layers, one after the other, on the whole batch."""

    def forwards(x, train):
        for layer in layers:
            y, cache = layer.forward(x, train)
            yield y, cache
            x = y

    def references(train):
        def backward(dy, x, params):
            names, grads = list(params), {}
            for layer, (_, cache) in reversed(list(zip(layers, forwards(x, train)))):
                dy, own = layer.backward(dy, cache)
                grads |= {name: own[name.rpartition(".")[2]] for name in names if layer_of(name) == layer.name}
            return dy, {name: grads[name] for name in names}

        return lambda x, params: list(forwards(x, train))[-1][0], backward

    return references


@pytest.mark.parametrize("train", [True, False])
def test_layers_in_layers_are_a_layer(train):
    layer = Sequential(nested())
    leaves = [leaf for _, leaf, _, _ in layer.shapes((9, 9, 3))]
    check_layer(layer, pictures(3), *leaf_by_leaf(leaves)(train), train=train)


PARAMS = ["conv.weight", "conv.bias", "block.norm.weight", "block.inner.conv.weight", "block.inner.conv.bias"]


def test_everything_inside_has_a_path():
    layer = Sequential(nested())
    assert list(layer.params) == [*PARAMS, "block.inner.norm.weight"]
    assert list(layer.state) == ["block.norm.mean", "block.inner.norm.mean"]
    rows = list(layer.shapes((9, 9, 3)))
    paths = ["conv", "block.norm", "block.tanh", "block.inner.conv", "block.inner.norm", "pool"]
    assert [path for path, *_ in rows] == [leaf.name for _, leaf, _, _ in rows] == paths
    assert [out for *_, out in rows] == [(7, 7, 4)] * 3 + [(7, 7, 5)] * 2 + [(3, 3, 5)]
    assert layer.out_shape((9, 9, 3)) == (3, 3, 5)
    assert layer.multiply_adds((9, 9, 3)) == 7 * 7 * 4 * 27 + 7 * 7 * 5 * 36
    assert [layer_of(name) for name in PARAMS[::2]] == ["conv", "block.norm", "block.inner.conv"]
    _, cache = layer.forward(pictures(2), True)
    assert list(layer.kept(cache)) == paths
    assert all(
        leaf is kept and len(caches) == 1 for (kept, caches), (_, leaf, *_) in zip(layer.kept(cache).values(), rows)
    )
    refused(lambda: layer.forward(np.zeros((2, 1, 9, 3))), "Conv2d 'conv'")
    refused(lambda: Sequential({"block": layer}).forward(np.zeros((2, 1, 9, 3))), "Conv2d 'block.conv'")


def test_a_name_is_that_of_the_whole_and_of_what_is_inside():
    layer = Sequential(nested())
    layer.named("first")
    assert layer.name == "first" and layer.label == "Sequential 'first'"
    assert layer.layers["block"].layers["inner"].name == "first.block.inner"


def test_one_name_on_two_levels():
    """What a layer observes is its own, not that of its namesake outside or inside."""
    layer = Sequential({"block": Sequential({"norm": Centred(3)}), "tanh": Tanh(), "norm": Centred(3)})
    inner, outer = layer.layers["block"].layers["norm"], layer.layers["norm"]
    x = np.random.default_rng(0).standard_normal((5, 2, 2, 3)) + 4
    _, cache = layer.forward(x, True)
    layer.absorb(layer.observe(cache))
    for twin, seen, found in ((Centred(3), x, inner), (Centred(3), np.tanh(inner.forward(x, True)[0]), outer)):
        twin.absorb(twin.observe(twin.forward(seen, True)[1]))
        agree_all(found.state, twin.state, "(the state)", rtol=1e-6)


def test_forward_is_as_at_test_time_unless_asked_otherwise():
    x, rng = pictures(3), np.random.default_rng
    for layer in (Sequential({"drop": Dropout(0.5)}), Trunk({"drop": Dropout(0.5)})):
        assert (layer.forward(x)[0] == x).all() and (layer.forward(x, True, rng(0))[0] != x).any()


def test_the_pieces_of_a_batch():
    trunk = Trunk(nested())
    assert [run for run, _ in trunk.pieces(pictures(7), None)] == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert [run for run, _ in trunk.pieces(device.asarray(pictures(7)), None)] == [slice(0, 7)], "a device takes all"
    rng = np.random.default_rng(0)
    ((_, stream),) = trunk.pieces(pictures(3), rng)
    assert stream is rng
    first, second = (stream.random() for _, stream in trunk.pieces(pictures(4), rng))
    assert first != second


def test_one_piece_is_not_copied():
    trunk = Trunk({"tanh": Tanh()})
    y, cache = trunk.forward(pictures(3))
    assert trunk.kept(cache)["tanh"][1][0] is y
    y, cache = trunk.forward(pictures(4))
    agree(np.concatenate(trunk.kept(cache)["tanh"][1]), y, "of two pieces", exact=True)


def test_how_large_pieces_are(monkeypatch):
    """It decides the order of sums, so the last bits of every run: a run that is resumed must find it as it was."""
    monkeypatch.undo()
    sizes = {0: 1, 1: 1, 4: 1, 5: 2, 9: 3, 60: 15, 61: 16, 64: 16, 65: 16, 128: 16}
    assert {pictures: piece_size(pictures) for pictures in sizes} == sizes


def test_kernels_are_transformed_once_for_all_pieces(set_threads, monkeypatch):
    set_threads(1)  # two may begin at the same time
    made, ready = [], winograd.Winograd.__init__
    monkeypatch.setattr(winograd.Winograd, "__init__", lambda *args: made.append(1) or ready(*args))
    conv = {"conv": Conv2d(3, 4, 3, algorithm="winograd")}
    trunk = Trunk({"block": Sequential(conv)})
    y, cache = trunk.forward(pictures(7))
    assert len(made) == 1
    trunk.backward(y, cache)
    assert len(made) == 2, "forward's are not kept until then"
    trunk.predict(pictures(7))
    assert len(made) == 3, "the parameters may have changed"


def test_like_of_a_layer_of_layers_is_new_all_through():
    first = Sequential(nested())
    first.named("first")
    network = Network(nested(), {"flatten": Flatten(), "fc": Linear(45, 2)}, (9, 9, 3), "nested")
    for layer in (first, network):
        twin = layer.like()
        assert list(twin.params) == list(layer.params) and list(twin.state) == list(layer.state)
        for name, a in twin.params.items():
            a += 1
            assert not np.shares_memory(a, layer.params[name]) and (a != layer.params[name]).any()
    two, other = Flatten(), {"flatten": Flatten(), "fc": Linear(45, 3)}
    assert list(first.like(layers={"two": two}).layers.values()) == [two] and first.like().name == ""
    changed = network.like(classifier=other, name="other")
    assert changed.num_classes == 3 and changed.name == "other" and changed.classifier.layers == other
    assert first.layers["conv"].name == "first.conv" and twin.name == "nested" and twin.in_shape == (9, 9, 3)


@pytest.mark.parametrize("count", [2, 7])
def test_pieces_meet_where_a_layer_needs_the_whole_batch(set_threads, count):
    """A trunk of such layers says in pieces what it says at once, observes the same, and moves its state the same."""
    whole, trunk = Sequential(nested()), Trunk(nested())
    for layer in (whole, trunk):
        rng = np.random.default_rng(0)
        layer.map_arrays(lambda a: rng.uniform(0.2, 1, a.shape))
    x, bits = pictures(count), []
    dy = np.random.default_rng(2).standard_normal((count, 3, 3, 5))
    expected_y, cache = whole.forward(x, True)
    expected_dx, expected = whole.backward(dy, cache)
    observed = whole.observe(cache)
    whole.absorb(observed)
    before = {name: a.copy() for name, a in trunk.state.items()}
    for threads in (1, 2):
        set_threads(threads)
        y, cache = trunk.forward(x, True)
        dx, grads = trunk.backward(dy, cache)
        agree(y, expected_y, "y", rtol=1e-12, atol=1e-12)
        agree(dx, expected_dx, "dx", rtol=1e-12, atol=1e-12)
        agree_all(grads, expected, "of the trunk", rtol=1e-11)
        agree_all(trunk.observe(cache), observed, "observed", rtol=1e-12)
        agree_all(trunk.state, before, "(the state)", exact=True)
        bits.append([a.tobytes() for a in (y, dx, *grads.values())])
    assert bits[0] == bits[1]
    assert len(trunk.kept(cache)["block.norm"][1]) == -(-count // 3)
    trunk.absorb(trunk.observe(cache))
    agree_all(trunk.state, whole.state, "(the state) after absorb", rtol=1e-12)
    assert all((trunk.state[name] != a).all() for name, a in before.items())
    agree(trunk.predict(x), whole.predict(x), "predict", rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "name, old, new",
    [
        ("Trunk", "zip(parts[0], add_up([tuple(part.values()) for part in parts]))", "parts[-1]"),
        ("Trunk", "zip(parts[0], add_up([tuple(part.values()) for part in parts]))", "parts[0]"),
        ("Trunk", "zip(*together(running, self.total))", "zip(*together(running, lambda sums: sums[0]))"),
        ("Trunk", "together(running, total)", "together(running, lambda sums: sums[0])"),
        ("Composite", "layer.absorb(inside)", "pass"),
        ("Composite", 'path(self.prefix(name), "*")[:-1]', 'path(self.prefix(name), "")'),
    ],
)
def test_layers_in_layers_teeth(set_threads, monkeypatch, name, old, new):
    """Planted in one class, and the others made anew on top of it."""
    for each in ("Composite", "Sequential", "Trunk"):
        homes = [module for module in (composite_module, network_module) if hasattr(module, each)]
        planted = edited(getattr(homes[0], each), *((old, new) if each == name else ()))
        for module in homes:
            monkeypatch.setattr(module, each, planted)
        monkeypatch.setitem(globals(), each, planted)
    with pytest.raises((AssertionError, TypeError)):
        test_pieces_meet_where_a_layer_needs_the_whole_batch(set_threads, 7)
