"""A block of layers is a layer like any other: two branches that meet, whole-batch statistics inside, on any pieces."""

import copy
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from tests.checks import agree, agree_all, edited, refused
from tests.layers.test_pieces import Centred
from tests.stateful import GhostNorm
from tinyalex import backend
from tinyalex import network as network_module
from tinyalex.backend import to_device, to_host
from tinyalex.bench.ours import LayerClock
from tinyalex.composite import Composite, Sequential
from tinyalex.data.augment import View
from tinyalex.data.dataset import Split
from tinyalex.evaluation import class_probabilities
from tinyalex.gradcheck import check_layer
from tinyalex.layers import AvgPool2d, BatchNorm2d, Conv2d, Flatten, Linear, ReLU, SoftmaxCrossEntropy, winograd
from tinyalex.network import Network, Trunk
from tinyalex.optim import SGD, initialise
from tinyalex.residual import Residual
from tinyalex.standin import DeviceArray
from tinyalex.standin import xp as device
from tinyalex.summary import summarise
from tinyalex.training.health import measure_health
from tinyalex.training.step import training_step

COUNT = 7  # pictures of a batch


def block(norm=BatchNorm2d, residual=Residual, channels=4):
    body = {
        "conv1": Conv2d(channels, 6, 3, padding=1),
        "norm1": norm(6),
        "relu1": ReLU(),
        "conv2": Conv2d(6, 6, 3, padding=1, groups=2),
    }
    return residual(body, {"conv": Conv2d(channels, 6, 1), "norm": norm(6)})


def small(norm=BatchNorm2d, residual=Residual, network_class=Network):
    """A block, an identity around a block, statistics in the head: pictures of 6×6, float64."""
    features = {
        "conv0": Conv2d(3, 4, 3, padding=1),
        "block1": block(norm, residual),
        "relu1": ReLU(),
        "block2": residual({"inner": block(norm, residual, channels=6)}, {}),
        "pool": AvgPool2d(2, 2),
    }
    head = {"flatten": Flatten(), "fc1": Linear(54, 8), "norm3": norm(8), "relu3": ReLU(), "fc2": Linear(8, 5)}
    return randomised(network_class(features, head, (6, 6, 3), "small"))


def randomised(layer, seed=0):
    rng = np.random.default_rng(seed)
    layer.map_arrays(lambda a: rng.uniform(0.3, 0.9, a.shape) * rng.choice((-1, 1), a.shape))
    for name, a in layer.state.items():
        if name.endswith("running_var"):
            a[...] = abs(a)
    return layer


def pictures(count=COUNT, seed=1):
    return np.random.default_rng(seed).standard_normal((count, 6, 6, 3))


def run(layer, x, train=True, **options):
    """(y, dx, grads, what was observed) for a random dy."""
    y, cache = layer.forward(x, train)
    dx, grads = layer.backward(np.random.default_rng(2).standard_normal(y.shape), cache, **options)
    return y, dx, grads, layer.observe(cache)


def same(found, expected, what, rtol=1e-9):
    agree(found[0], expected[0], f"y {what}", rtol)
    agree(found[1], expected[1], f"dx {what}", rtol)
    agree_all(found[2], expected[2], what, rtol=rtol)
    agree_all(found[3], expected[3], f"(observed) {what}", rtol=rtol)


@pytest.fixture
def cut(monkeypatch):
    """A function that sets the largest piece and the fewest pieces."""

    def to(most, fewest=1):
        monkeypatch.setattr(network_module, "PIECE_PICTURES", most)
        monkeypatch.setattr(network_module, "PIECES", fewest)

    to(3)
    return to


@pytest.fixture
def threads():
    before = backend.thread_count()
    yield backend.set_thread_count
    backend.set_thread_count(before)


# ---------------------------------------------------------------------------------------------- pieces and threads


def check_cuts(cut, make):
    cut(100)
    expected = run(make(), pictures())
    for most, fewest in ((1, 1), (2, 1), (3, 1), (16, 4), (4, 3)):
        cut(most, fewest)
        same(run(make(), pictures()), expected, f"in pieces of {most}")


def test_a_block_does_not_depend_on_the_pieces(cut):
    check_cuts(cut, small)


def test_ghosts_depend_on_the_pieces(cut):
    with pytest.raises(AssertionError):
        check_cuts(cut, lambda: small(GhostNorm))
    cut(100)
    whole = run(small(), pictures())
    same(run(small(GhostNorm), pictures()), whole, "of one piece", rtol=1e-12)


@pytest.mark.parametrize("norm", [BatchNorm2d, GhostNorm])
def test_the_same_bits_on_any_threads(norm, cut, threads):
    bits = []
    for count in (1, 2, 3, 1):
        threads(count)
        y, dx, grads, observed = run(small(norm), pictures())
        bits.append([a.tobytes() for a in (y, dx, *grads.values(), *observed.values())])
    assert bits[0] == bits[1] == bits[2] == bits[3]


@pytest.mark.parametrize(
    "layer, old, new",
    [
        (Residual, "dxs[0] + dxs[1] if", "dxs[1] if"),
        (Residual, "self._sum(**outputs)", 'outputs["shortcut"]'),
        (Residual, "path(self.prefix(name), key): grad", "key: grad"),
        (BatchNorm2d, "= yield count, total", "= (yield count, total) and (count, total)"),
        (BatchNorm2d, "= yield (squares,)", "= (yield (squares,)) and (squares,)"),
        (BatchNorm2d, "- mean) ** 2", "- total / xp.maximum(count, 1)) ** 2"),
        (BatchNorm2d, "= yield dbias, dweight", "= (yield dbias, dweight) and (dbias, dweight)"),
        (BatchNorm2d, "dxb += level", "pass"),
        (BatchNorm2d, "dxb += through_variance", "pass"),
    ],
)
def test_mistakes_of_a_layer_are_found(layer, old, new, cut):
    wrong = edited(layer, old, new)
    norm, residual = (wrong, Residual) if layer is BatchNorm2d else (BatchNorm2d, wrong)
    with pytest.raises((AssertionError, KeyError)):
        check_cuts(cut, lambda: small(norm, residual))
        check_gradients(small(norm, residual))


@pytest.mark.parametrize(
    "old, new",
    [
        ("together(running, self.total)", "together(running, lambda sums: sums[0])"),
        ("self.total(sums)", "sums[-1]"),
        ("(dx)\n            _add(grads, own)", "(dx)\n            grads |= own"),
        ("                _add(grads, own)\n                own.clear()", "                own.clear()"),
        ("                own.clear()", "                pass"),
        ("dy[pictures]", "dy[: pictures.stop - pictures.start]"),
        ("add_up([tuple(part.values()) for part in parts])", "parts[-1].values()"),
    ],
)
def test_mistakes_of_the_trunk_are_found(old, new, cut, monkeypatch):
    monkeypatch.setattr(network_module, "Trunk", edited(Trunk, old, new))
    with pytest.raises((AssertionError, KeyError)):
        check_cuts(cut, small)
        check_gradients(small())


# ---------------------------------------------------------------------------------------------- the contract


def check_gradients(layer, x=None, train=True):
    checks = check_layer(layer, pictures(4) if x is None else x, train)
    assert {check.what for check in checks} == {"x", *layer.params}
    for check in checks:
        assert check.right, check


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("norm", [BatchNorm2d, GhostNorm])
def test_gradients(norm, train, cut):
    x = np.random.default_rng(3).standard_normal((5, 4, 4, 4))
    for layer in (norm(4), block(norm), Residual({"norm": norm(4)}, {}), Sequential({"block": block(norm)})):
        check_gradients(randomised(layer), x, train)
    check_gradients(small(norm), train=train)


def test_manners():
    """Forward twice, then backward with the first cache; nothing is written into; gradients without dx are the same."""
    layer, x = randomised(block()), np.random.default_rng(3).standard_normal((5, 4, 4, 4))
    kept, arrays = x.copy(), {name: a.copy() for name, a in (layer.params | layer.state).items()}
    expected = run(layer, x)
    y, cache = layer.forward(x, True)
    dy = np.random.default_rng(2).standard_normal(y.shape)
    layer.forward(2 * x, True)
    for _ in range(2):
        dx, grads = layer.backward(dy, cache)
        same((y, dx, grads, layer.observe(cache)), expected, "of the first cache", rtol=0)
    none, grads = layer.backward(dy, cache, input_grad=False)
    assert none is None
    agree_all(grads, expected[2], "without dx", exact=True)
    agree(x, kept, "x", exact=True)
    agree_all(layer.params | layer.state, arrays, "(the layer's own)", exact=True)


def test_observing_leaves_the_cache_alone(cut):
    """The sums of the pieces are added up elsewhere than in the first one's cache."""
    network = small()
    _, cache = network.forward(pictures(), True)
    first, again = network.observe(cache), network.observe(cache)
    agree_all(again, first, "(observed again)", exact=True)


def test_names_and_shapes():
    network = small()
    assert {"block1.conv1.weight", "block1.shortcut.norm.bias", "block2.inner.norm1.weight"} < set(network.params)
    assert {"block1.norm1.running_mean", "norm3.running_var"} < set(network.state)
    assert not network.params.keys() & network.state.keys()
    rows = {name: (layer, tuple(ins), outs) for name, layer, ins, outs in network.shapes()}
    assert all(layer.name == name for name, (layer, _, _) in rows.items())
    assert rows["block1.conv2"][1:] == ((6, 6, 6), (6, 6, 6)) and rows["block1.shortcut.conv"][1] == (6, 6, 4)
    _, cache = network.forward(pictures(), True)
    assert list(network.kept(cache)) == list(rows)
    message = "Conv2d 'block1.conv1'"
    refused(lambda: network.features.layers["block1"].forward(np.zeros((1, 6, 6, 5))), message, "5 channels")
    refused(lambda: Residual({"conv": Conv2d(4, 6, 1)}, {}).out_shape((2, 2, 4)), "(2, 2, 6)", "(2, 2, 4)")
    by_hand = 36 * (3 * 9 * 4 + 4 * 9 * 6 + 6 * 9 * 3 + 4 * 6 + 6 * 9 * 6 + 6 * 9 * 3 + 6 * 6) + 54 * 8 + 8 * 5
    assert network.multiply_adds(network.in_shape) == by_hand


def test_kept_holds_every_piece(cut):
    network = small()
    _, cache = network.forward(pictures(), True)
    layer, pieces = network.kept(cache)["block2.inner.relu1"]
    assert isinstance(layer, ReLU) and [len(y) for y in pieces] == [3, 3, 1]
    assert [len(c[0]) for c in network.kept(cache)["norm3"][1]] == [COUNT]


def test_without_dx(cut):
    """Where nothing earlier learns, a block's gradients are the same without dx."""
    expected, found = run(small(), pictures()), run(small(), pictures(), input_grad=False)
    assert found[1] is None
    agree_all(found[2], expected[2], "without dx", rtol=1e-12)


def test_a_copy_takes_everything_along():
    network = small()
    moved = copy.deepcopy(network)
    moved.map_arrays(lambda a: a.astype(np.float32) + 1)
    for name, a in (network.params | network.state).items():
        other = (moved.params | moved.state)[name]
        assert other.dtype == np.float32 and a.dtype == np.float64
        agree(other, a + 1, name, rtol=1e-6)


def steps(xp, norm, count=2):
    network, x = small(norm), xp.asarray(pictures())
    network.map_arrays(lambda a: to_device(a, xp))
    labels, optimiser = xp.asarray(np.arange(COUNT) % 5), SGD(network.params)
    for _ in range(count):
        scores, cache = network.forward(x, True, np.random.default_rng(0))
        loss = SoftmaxCrossEntropy()
        _, kept = loss.forward(scores, labels)
        _, grads = network.backward(loss.backward(kept), cache, input_grad=False)
        optimiser.step(grads, 0.1)
        network.absorb(network.observe(cache))
    arrays = network.params | network.state | {"y": network.predict(x)}
    assert xp is np or all(isinstance(a, DeviceArray) for a in arrays.values())
    return to_host(arrays)


def test_on_the_strict_device(cut):
    cut(100)  # a device takes the batch in one piece
    for norm in (BatchNorm2d, GhostNorm):
        agree_all(steps(device, norm), steps(np, norm), "on the device", rtol=1e-10, atol=1e-11)


@pytest.mark.gpu
def test_on_a_gpu(gpu, cut):
    cut(100)
    agree_all(steps(gpu, BatchNorm2d), steps(np, BatchNorm2d), "on the GPU", rtol=1e-7, atol=1e-9)


# ---------------------------------------------------------------------------------------------- whatever looks inside


def test_summary():
    network = small()
    network.map_arrays(lambda a: a.astype(np.float32))
    rows = {row.name: row for row in summarise(network)}
    assert rows["block1.norm1"].state == 12 and rows["block1.norm1"].parameters == 12
    assert rows["block1.norm1"].layer == "batch norm" and rows["conv0"].state == 0
    assert sum(row.parameters for row in rows.values()) == sum(p.size for p in network.params.values())
    assert sum(row.state for row in rows.values()) == sum(s.size for s in network.state.values())
    assert sum(row.multiply_adds for row in rows.values()) == network.multiply_adds(network.in_shape)
    assert rows["conv0"].activation_bytes == 0 and rows["block1.conv1"].activation_bytes == 6 * 6 * 4 * 4
    assert rows["block1.shortcut.conv"].activation_bytes == 0, "the input of both branches is counted twice"
    assert rows["block1.norm1"].activation_bytes >= 6 * 6 * 6 * 4


def test_health(cut):
    network, x = small(), pictures(40)
    optimiser, labels = SGD(network.params), np.arange(40) % 5
    scores, cache = network.forward(x, True)
    loss = SoftmaxCrossEntropy()
    _, kept = loss.forward(scores, labels)
    _, grads = network.backward(loss.backward(kept), cache)
    optimiser.step(grads, 0.1)
    health = measure_health(network, cache, grads, optimiser.velocity)
    relus = {"block1.relu1", "relu1", "block2.inner.relu1", "relu3"}
    assert set(health["activation_rms"]) == set(health["dead"]) == relus
    assert {"block1.norm1", "block1.shortcut.conv", "fc2"} < set(health["update_ratio"])
    assert set(health["gradient_norm"]) == {*health["update_ratio"], "total"}
    both = [grads[f"block1.norm1.{key}"] for key in ("weight", "bias")]
    expected = np.sqrt(sum((g**2).sum() for g in both))
    assert health["gradient_norm"]["block1.norm1"] == pytest.approx(expected, rel=1e-3)


def test_a_network_for_test_is_prepared_once(threads, monkeypatch):
    """For all batches, the evaluation's too; it is the same to the bit, and the network itself sees new weights."""
    threads(1)
    made = []
    prepare = winograd.Winograd.__init__
    monkeypatch.setattr(winograd.Winograd, "__init__", lambda self, *a: made.append(1) or prepare(self, *a))
    conv = Conv2d(3, 4, 3, padding=1, algorithm="winograd")
    body = {"conv": Conv2d(4, 4, 3, padding=1, algorithm="winograd"), "norm": BatchNorm2d(4)}
    layers = {"conv": conv, "block": Residual(body), "pool": AvgPool2d(2, 2)}
    network = Network(layers, {"flatten": Flatten(), "fc": Linear(36, 5)}, (6, 6, 3))
    body["norm"].state["running_var"][...] = 4
    batches = np.random.default_rng(0).standard_normal((3, 9, 6, 6, 3)).astype("float32")
    expected = [network.predict(x) for x in batches]
    made.clear()
    ready = network.for_test()
    for x, y in zip(batches, expected):
        agree(ready.predict(x), y, "predict", exact=True)
    assert len(made) == 2 and "norm" not in ready.features.layers["block"].body
    view = View(6, 1.0, np.zeros((6, 6, 3), np.float32), np.ones(3, np.float32), np.eye(3, dtype=np.float32))
    class_probabilities(network, Split((np.ones((300, 6, 6, 3), np.uint8),), np.zeros(300, int)), view, np, quiet=True)
    assert len(made) == 4
    conv.params["weight"] *= 2
    assert np.abs(network.predict(batches[0]) - expected[0]).max() > 1e-3


def test_kernels_are_prepared_once_for_all_pieces(cut, threads, monkeypatch):
    """Inside blocks too, in forward and in prediction; backward's are its own."""
    threads(1)  # of several, each may begin before the first has finished
    made = []
    prepare = winograd.Winograd.__init__
    monkeypatch.setattr(winograd.Winograd, "__init__", lambda self, *a: made.append(1) or prepare(self, *a))
    conv = Conv2d(4, 4, 3, padding=1, algorithm="winograd")
    trunk = Trunk({"block": Residual({"inner": Residual({"conv": conv}, {})}, {})})
    x = np.random.default_rng(0).standard_normal((9, 6, 6, 4))
    y, cache = trunk.forward(x, True)
    assert len(made) == 1
    trunk.backward(y, cache)
    assert len(made) == 2
    agree(trunk.predict(x), y, "predict", rtol=1e-10)
    assert len(made) == 3
    with pytest.raises(AssertionError):
        wrong = edited(
            Composite,
            "layer.for_batch() for name, layer in self.layers.items()}\n        return ready",
            "layer.for_batch() for name, layer in ()}\n        return self",
        )
        monkeypatch.setattr(Composite, "for_batch", wrong.for_batch)
        made.clear()
        trunk.forward(x, True)
        assert len(made) == 1


def test_the_clock_times_layers_inside(cut):
    """Those too that meet the other pieces half-way."""
    network = small()
    with LayerClock(network, np) as clock:
        y, cache = network.forward(pictures(), True)
        network.backward(np.ones_like(y), cache)
    for name, _, _, _ in network.shapes():
        for way in ("forward", "backward"):
            assert clock.seconds(name, way) > 0, (name, way)
    y, _ = network.forward(pictures(), True)
    assert y.shape == (COUNT, 5) and "forward" not in vars(BatchNorm2d), "the clock has left something behind"


def test_initialise_leaves_scales_alone():
    network = small()
    network.map_arrays(lambda a: np.ones_like(a))
    initialise(network, "he", 0)
    assert (network.params["block1.norm1.weight"] == 1).all() and (network.state["norm3.running_var"] == 1).all()
    assert (network.params["norm3.bias"] == 0).all() and network.params["block1.conv1.weight"].std() > 0.1


def test_a_training_step(cut):
    class Loss:
        def gradient(self, scores, labels):
            loss = SoftmaxCrossEntropy()
            return loss.backward(loss.forward(scores, labels)[1])

    network, before = small(), small()
    training_step(network, Loss(), SGD(network.params), pictures(), np.arange(COUNT) % 5, None, 0.1)
    for now, then in ((network.params, before.params), (network.state, before.state)):
        assert not [name for name, a in now.items() if (a == then[name]).all()]


# ---------------------------------------------------------------------------------------------- PyTorch


@pytest.mark.torch
@pytest.mark.parametrize("frozen", [False, True])
def test_a_network_of_blocks_is_its_pytorch_twin(cut, frozen):
    """Scores, gradients of the pictures and of each parameter, running values after two steps, scores at test."""
    import torch

    from tinyalex.exchange.torch import torch_twin

    network = small(partial(BatchNorm2d, frozen=frozen))
    twin = torch_twin(network)
    refused(lambda: torch_twin(small(Centred)), "Centred 'block1.norm1'", "TWINS", error=TypeError)
    for seed in (1, 2):
        x = pictures(seed=seed)
        theirs = torch.tensor(x.transpose(0, 3, 1, 2).copy(), requires_grad=True)
        scores = twin.train()(theirs)
        dy = np.random.default_rng(2).standard_normal(scores.shape)
        twin.zero_grad()
        scores.backward(torch.tensor(dy))
        y, cache = network.forward(x, True)
        dx, grads = network.backward(dy, cache)
        network.absorb(network.observe(cache))
        agree(y, scores.detach(), "y", rtol=1e-8)
        agree(dx, theirs.grad.numpy().transpose(0, 2, 3, 1), "dx", rtol=1e-7)
    parameters = dict(zip(network.params, twin.parameters(), strict=True))
    for name, g in grads.items():
        their = parameters[name].grad.numpy()
        axes = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}[their.ndim]
        agree(g, their.transpose(axes), name, rtol=1e-7)
    buffers = [b for name, b in twin.named_buffers() if not name.endswith("num_batches_tracked")]
    for (name, a), theirs in zip(network.state.items(), buffers, strict=True):
        agree(a, theirs, name, rtol=1e-9)
    x = pictures(3, seed=5)
    agree(network.predict(x), twin.eval()(torch.tensor(x.transpose(0, 3, 1, 2).copy())).detach(), "at test", rtol=1e-8)


# ---------------------------------------------------------------------------------------------- models of blocks


def model(features, head, base="alexnet-mini", name="blocks"):
    """A `Model` of these layers, functions of nothing and of the number of classes, for pictures of 56 pixels."""
    from tinyalex.models import MODELS

    return replace(MODELS[base], name=name, layers=lambda classes: (features(), head(classes)))
