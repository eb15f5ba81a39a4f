"""A whole network: the pieces put together again, on one core or two, on the device, and beside PyTorch."""

import copy

import numpy as np
import pytest

from tests.checks import agree, agree_all, edited, refused
from tinyalex import network as network_module
from tinyalex.backend import to_device
from tinyalex.composite import Sequential
from tinyalex.errors import UserError
from tinyalex.gradcheck import check_layer as gradient_checks
from tinyalex.layers import Conv2d, Dropout, Flatten, Linear, LocalResponseNorm, MaxPool2d, ReLU, SoftmaxCrossEntropy
from tinyalex.models import find_model
from tinyalex.network import Network, Trunk
from tinyalex.optim import SGD, initialise
from tinyalex.standin import DeviceArray
from tinyalex.standin import xp as device
from tinyalex.training.freezing import freeze


def small(network_class=Network, dropout=0.0):
    """Every kind of layer that AlexNet has, on 9×9 pictures, its parameters float64."""
    rng = np.random.default_rng(0)
    features = {
        "conv1": Conv2d(3, 4, 3),
        "relu1": ReLU(),
        "norm1": LocalResponseNorm(3, alpha=0.5, beta=0.6, k=1.5),
        "pool1": MaxPool2d(3, 2),
        "conv2": Conv2d(4, 6, 3, padding=1, groups=2),
        "drop2": Dropout(dropout),
    }
    classifier = {
        "flatten": Flatten(),
        "fc6": Linear(54, 8),
        "relu6": ReLU(),
        "drop6": Dropout(dropout, inverted=False),
        "fc7": Linear(8, 5),
    }
    network = network_class(features, classifier, (9, 9, 3), "small")
    network.map_arrays(lambda p: rng.uniform(-0.8, 0.8, p.shape))
    return network


def pictures(count, seed=1):
    return np.random.default_rng(seed).standard_normal((count, 9, 9, 3))


@pytest.fixture(autouse=True)
def pieces_of_three(monkeypatch):
    monkeypatch.setattr(network_module, "PIECE_PICTURES", 3)  # so a batch of 7 is 3 + 3 + 1
    monkeypatch.setattr(network_module, "PIECES", 1)


def run(network, x, dy, train=False, seed=0, **options):
    y, cache = network.forward(x, train, np.random.default_rng(seed))
    dx, grads = network.backward(dy, cache, **options)
    return y, dx, grads


# ---------------------------------------------------------------------------------------------- up to a layer


def by_path(network, x):
    """The output of every layer, block and branch: by its path, computed on the whole batch by `predict`."""

    def through(layers, x):
        for layer in layers.values():
            y = layer.predict(x)
            outputs.setdefault(layer.name, y)
            for branch in getattr(layer, "layers", {}).values():
                outputs.setdefault(branch.name, through(branch.layers, x))
            x = y
        return x

    outputs = {}
    through(network.features.layers | network.classifier.layers, x)
    return outputs


def check_features_at(cls):
    model = find_model("resnet-mini")
    layers = {name: part.layers for name, part in model.build(3).layers.items()}
    network = cls(**layers, in_shape=(56, 56, 3))
    initialise(network, "he", 0)
    x = np.random.default_rng(0).standard_normal((5, 56, 56, 3)).astype(np.float32)
    outputs, names = by_path(network, x), {path: layer.name for path, layer, *_ in network.shapes()}
    assert outputs.keys() >= names.keys() | {"block2_1.shortcut", "block2_1.conv1", "block2_1", "fc"}
    for path, expected in outputs.items():
        agree(network.features_at(x, path), expected, path, rtol=1e-4, atol=1e-4)
    assert names == {path: layer.name for path, layer, *_ in network.shapes()}, "the names have changed"


def test_features_at():
    check_features_at(Network)


@pytest.mark.parametrize(
    "old, new",
    [
        ("Network(self.features.layers, way", "Network({}, way"),
        ("Network(way, {}, self", "Network(dict([*way.items()][:-1] or way), {}, self"),
    ],
)
def test_features_at_teeth(old, new):
    with pytest.raises((AssertionError, ValueError)):
        check_features_at(edited(Network, old, new))


def test_layers_behind_the_wanted_one_are_not_computed():
    network = small()
    network.classifier.layers["fc7"].params.clear()
    assert network.features_at(pictures(2), "drop6").shape == (2, 8)
    network.features.layers["conv2"].params.clear()
    assert network.features_at(pictures(7), "pool1").shape == (7, 3, 3, 4)


@pytest.mark.parametrize("wanted", ["", "fc9", "features", "conv1.weight", "fc7.fc7"])
def test_an_unknown_layer_is_refused(wanted):
    refused(lambda: small().features_at(pictures(1), wanted), "layer: found", wanted, "conv1", error=UserError)


def test_a_layer_inside_a_block_is_suggested():
    network = find_model("resnet-mini").build(3)
    refused(lambda: network.up_to("block2_1.cov1"), "did you mean block2_1.conv1?", error=UserError)


# ---------------------------------------------------------------------------------------------- the pieces


def layer_by_layer(network, x, dy):
    """One layer after the other on the whole batch: what the network must add up to."""
    layers, caches = [*network.features.layers.items(), *network.classifier.layers.items()], []
    for _, layer in layers:
        x, cache = layer.forward(x)
        caches.append(cache)
    grads = {}
    for (name, layer), cache in zip(reversed(layers), reversed(caches)):
        dy, layer_grads = layer.backward(dy, cache)
        grads |= {f"{name}.{key}": gradient for key, gradient in layer_grads.items()}
    return x, dy, grads


def check_pieces(network_class, count=7):
    network, x = small(network_class), pictures(count)
    dy = np.random.default_rng(2).standard_normal((count, 5))
    y, dx, grads = layer_by_layer(network, x, dy)
    found = run(network, x.copy(), dy.copy())
    agree(found[0], y, "y", rtol=1e-12)
    agree(found[1], dx, "dx", rtol=1e-12)
    agree_all(found[2], grads, "of the pieces", rtol=1e-11)
    agree(network.predict(x), y, "predict", rtol=1e-12)
    without_dx = run(network, x, dy, input_grad=False)
    assert without_dx[1] is None
    agree_all(without_dx[2], grads, "without dx", rtol=1e-11)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 9])
def test_pieces_add_up_to_the_whole(count):
    check_pieces(Network, count)


@pytest.mark.parametrize(
    "old, new",
    [
        ("(dx)\n            _add(grads, own)", "(dx)\n            _add(grads, {} if grads else own)"),
        ("(dx)\n            _add(grads, own)", "(dx)\n            grads = own"),
        ("(ready, own, dy[pictures], kept", "(ready, own, dy[: pictures.stop - pictures.start], kept"),
        ("slices(len(x), piece_size", "slices(len(x) - 1, piece_size"),
        ("x[pictures], train, stream)", "x[pictures] + pictures.start, train, stream)"),
        ("(_join(dxs) if input_grad else None)", "_join(dxs[::-1])"),
        ("Sequential.predict(ready, x[pictures])", "Sequential.predict(ready, x[: pictures.stop - pictures.start])"),
    ],
)
def test_pieces_teeth(old, new, monkeypatch):
    monkeypatch.setattr(network_module, "Trunk", edited(Trunk, old, new))
    with pytest.raises((AssertionError, ValueError)):
        check_pieces(Network)


@pytest.mark.parametrize(
    "old, new",
    [
        ("total[name] += array", "pass"),
        ("total[name] += array", "total[name] = array"),
        ("total[name] += array", "total[name] = array + array"),
    ],
)
def test_sums_teeth(old, new, monkeypatch):
    monkeypatch.setattr(network_module, "_add", edited(network_module._add, old, new))
    with pytest.raises(AssertionError):
        check_pieces(Network)


@pytest.mark.parametrize(
    "old, new",
    [
        ("wanted = wanted or bool(layer.params) and not layer.fixed", "pass"),  # stops too early
        ("reversed(list(", "list(list("),
        ("cache[name], wanted", "cache[name], True"),  # a dx that nobody wants
    ],
)
def test_backward_teeth(old, new, monkeypatch):
    monkeypatch.setattr(network_module, "Sequential", edited(Sequential, old, new))
    monkeypatch.setattr(network_module, "Trunk", edited(Trunk))
    with pytest.raises((AssertionError, ValueError, AttributeError, TypeError)):
        check_pieces(edited(Network))


def test_backward_stops_where_nothing_before_is_learnt():
    """With input_grad=False the first layer with parameters gives no dx, and those before it are not asked."""
    asked = []

    class Watched(ReLU):
        def backward(self, dy, cache, input_grad=True):
            asked.append((self.name, input_grad))
            return super().backward(dy, cache, input_grad)

    layers = {"before": Watched(), "conv": Conv2d(3, 4, 3), "after": Watched()}
    for layer in (Sequential(layers), Trunk(layers)):
        for input_grad, expected in ((False, [("after", True)]), (True, [("after", True), ("before", True)])):
            asked.clear()
            y, cache = layer.forward(pictures(2))
            dx, grads = layer.backward(y, cache, input_grad)
            assert asked == expected and (dx is not None) == input_grad and grads.keys() == layer.params.keys()


@pytest.mark.parametrize("train, dropout", [(False, 0.3), (True, 0.0), (True, 0.3)])
def test_gradients_of_the_whole_network(train, dropout):
    checks = gradient_checks(small(dropout=dropout), pictures(4), train)
    assert {check.what for check in checks} == {"x", *small().params}
    for check in checks:
        assert check.right, check


@pytest.mark.parametrize("layer", ["pool1", "conv2"])
@pytest.mark.parametrize("train", [False, True])
def test_gradients_of_a_network_without_a_head(layer, train):
    network = small().up_to(layer)
    checks = gradient_checks(network, pictures(4), train)
    assert {check.what for check in checks} == {"x", *network.params}
    for check in checks:
        assert check.right, check


def test_there_is_no_dx_through_fixed_layers():
    """In training they keep nothing for it; without it, the gradients of the others are all there."""
    network = small()
    freeze(network, "pool1")
    y, cache = network.forward(pictures(4), True, np.random.default_rng(0))
    _, grads = network.backward(y, cache, input_grad=False)
    assert grads.keys() == {name for name in network.params if not name.startswith("conv1.")}
    refused(lambda: network.backward(y, cache), "MaxPool2d 'pool1' is fixed", "dx")


def test_every_piece_drops_other_units():
    network = small(dropout=0.5)
    same = np.repeat(pictures(1), 6, axis=0)  # two pieces of the same three pictures
    _, cache = network.forward(same, True, np.random.default_rng(0))
    masks = [mask for _, mask in network.kept(cache)["drop2"][1]]
    assert masks[0].shape == masks[1].shape and (masks[0] != masks[1]).any()
    first, second, other = (network.forward(same, True, np.random.default_rng(seed))[0] for seed in (3, 3, 4))
    assert (first == second).all() and (first != other).any()


def test_manners():
    """Inputs stay as they are; backward with the first cache after a second forward; caches serve twice."""
    network, x, dy = small(), pictures(5), np.random.default_rng(2).standard_normal((5, 5))
    before = {name: p.copy() for name, p in network.params.items()}
    y, cache = network.forward(x)
    kept, (_, dx, grads) = y.copy(), run(network, x, dy)
    network.forward(pictures(4, seed=9))
    again, grads_again = network.backward(dy, cache)
    agree(again, dx, "dx with the first cache", exact=True)
    agree_all(grads_again, grads, "with the first cache", exact=True)
    agree_all(network.backward(dy, cache)[1], grads, "of the same cache twice", exact=True)
    agree(x, pictures(5), "x", exact=True)
    agree(y, kept, "y", exact=True)
    agree_all(network.params, before, "(the parameters)", exact=True)
    agree(run(network, np.asfortranarray(x), np.asfortranarray(dy))[1], dx, "dx of Fortran-ordered arrays")


# ---------------------------------------------------------------------------------------------- threads and devices


def test_one_and_two_threads_give_the_same_bits(set_threads):
    network = find_model("alexnet-small").build(7)
    initialise(network, "he", 0)
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((11, 56, 56, 3), "float32"), rng.standard_normal((11, 7), "float32")
    bits = []
    for count in (1, 2, 1):
        set_threads(count)
        y, dx, grads = run(network, x, dy, train=True)
        bits.append([a.tobytes() for a in (y, dx, network.predict(x), *grads.values())])
    assert bits[0] == bits[1] == bits[2]


def test_training_steps_on_the_device():
    """Forward, loss, backward, update and predict on the strict stand-in: the same numbers as on the host."""
    labels, results = np.array([0, 3, 1, 4, 2]), []
    for xp in (np, device):
        network, loss = copy.deepcopy(small()), SoftmaxCrossEntropy()
        network.map_arrays(lambda p: to_device(p, xp))
        optimiser = SGD(network.params, lr_factors={"conv1.bias": 2.0})
        x = xp.asarray(pictures(5))
        for step in range(2):
            logits, cache = network.forward(x, True, np.random.default_rng(step))
            value, loss_cache = loss.forward(logits, xp.asarray(labels))
            _, grads = network.backward(loss.backward(loss_cache), cache, input_grad=False)
            optimiser.step(grads, 0.1)
        results.append({"y": network.predict(x), "loss": value} | network.params)
    assert all(isinstance(a, DeviceArray) for a in results[1].values())
    agree_all(results[1], results[0], "on the device", rtol=1e-11, atol=1e-12)


@pytest.mark.gpu
def test_on_a_gpu(gpu):
    network, x, dy = small(), pictures(7), np.random.default_rng(2).standard_normal((7, 5))
    expected = run(network, x, dy)
    network.map_arrays(lambda p: to_device(p, gpu))
    found = run(network, gpu.asarray(x), gpu.asarray(dy))
    for ours, theirs in zip(found[:2], expected[:2]):
        agree(ours, theirs, "on the GPU", rtol=1e-9)
    agree_all(found[2], expected[2], "on the GPU", rtol=1e-9)


# ---------------------------------------------------------------------------------------------- PyTorch


def torch_logits(torch, params, x):
    """alexnet-small in PyTorch's functions at test time; params, x: our arrays as tensors."""
    F = torch.nn.functional

    def conv(name, x, **options):
        return F.relu(F.conv2d(x, params[f"{name}.weight"].permute(3, 2, 0, 1), params[f"{name}.bias"], **options))

    def norm(x):
        return F.local_response_norm(x, 5, alpha=5 * 1e-4, beta=0.75, k=2.0)  # PyTorch divides alpha by size

    x = F.pad(x.permute(0, 3, 1, 2), (0, 1, 0, 1))  # rounding up: the last window hangs over by one
    x = F.max_pool2d(norm(conv("conv1", x, stride=2)), 3, 2)
    x = F.max_pool2d(norm(conv("conv2", x, padding=2, groups=2)), 3, 2)
    x = conv("conv4", conv("conv3", x, padding=1), padding=1, groups=2)
    x = F.max_pool2d(conv("conv5", x, padding=1, groups=2), 3, 2, ceil_mode=True)
    x = x.permute(0, 2, 3, 1).flatten(1)  # ours are rows, columns, channels
    for name in ("fc6", "fc7"):
        x = 0.5 * F.relu(x @ params[f"{name}.weight"] + params[f"{name}.bias"])  # the paper's dropout at test
    return x @ params["fc8.weight"] + params["fc8.bias"]


@pytest.mark.torch
def test_alexnet_small_is_its_pytorch_twin():
    import torch

    network = find_model("alexnet-small").build(10)
    initialise(network, "he", 3)
    rng = np.random.default_rng(0)
    network.map_arrays(lambda p: p.astype(float) + rng.uniform(0, 0.1, p.shape) * (p.ndim == 1))  # biases too
    x, labels = 3 * rng.standard_normal((4, 56, 56, 3)), np.array([1, 9, 0, 5])
    logits, cache = network.forward(x)
    loss = SoftmaxCrossEntropy()
    value, loss_cache = loss.forward(logits, labels)
    dx, grads = network.backward(loss.backward(loss_cache), cache)

    params = {name: torch.tensor(p, requires_grad=True) for name, p in network.params.items()}
    their_x = torch.tensor(x, requires_grad=True)
    their_logits = torch_logits(torch, params, their_x)
    their_loss = torch.nn.functional.cross_entropy(their_logits, torch.tensor(labels))
    their_loss.backward()
    agree(logits, their_logits.detach(), "logits", rtol=1e-9, atol=1e-9)
    agree(value, their_loss.detach(), "loss", rtol=1e-9)
    agree(dx, their_x.grad, "dx", rtol=1e-9, atol=1e-9 * np.abs(dx).max())
    for name, gradient in grads.items():
        agree(gradient, params[name].grad, name, rtol=1e-9, atol=1e-9 * np.abs(gradient).max())


# ---------------------------------------------------------------------------------------------- what does not fit


@pytest.mark.parametrize(
    "x, error, words",
    [
        (np.zeros((2, 9, 8, 3)), ValueError, [(2, 9, 8, 3), "(N, 9, 9, 3)"]),
        (np.zeros((9, 9, 3)), ValueError, [(9, 9, 3), "(N, 9, 9, 3)"]),
        (np.zeros((0, 9, 9, 3)), ValueError, ["no picture"]),
        (np.zeros((2, 9, 9, 3), np.uint8), TypeError, ["uint8", "floating-point"]),
        ([[1.0]], TypeError, ["list"]),
    ],
)
@pytest.mark.parametrize("method", ["forward", "predict"])
def test_wrong_input(method, x, error, words):
    refused(lambda: getattr(small(), method)(x), *words, error=error)


def test_a_network_that_does_not_fit_together_is_not_built():
    conv, flatten = Conv2d(3, 4, 3), Flatten()
    refused(lambda: Network({"conv1": conv}, {"flatten": flatten, "fc9": Linear(99, 2)}, (5, 5, 3)), "fc9", 99, 36)
    refused(lambda: Network({"conv1": Conv2d(4, 4, 3)}, {"flatten": flatten}, (5, 5, 3)), "conv1", "3 channels", 4)
    refused(lambda: Network({"conv1": Conv2d(3, 4, 3, stride=2)}, {"flatten": flatten}, (6, 6, 3)), "conv1", "whole")


def test_shapes_are_those_of_its_pictures_unless_others_are_named():
    network = Network({"conv": Conv2d(3, 4, 3)}, {"flatten": Flatten()}, (5, 6, 3))
    for found, (H, W) in ((network.shapes(), (5, 6)), (network.shapes((9, 7, 3)), (9, 7))):
        assert [(path, *shapes) for path, _, *shapes in found] == [
            *(("conv", (H, W, 3), (H - 2, W - 2, 4)), ("flatten", (H - 2, W - 2, 4), (4 * (H - 2) * (W - 2),)))
        ]


def test_a_name_stands_for_one_layer():
    refused(lambda: Network({"fc": Flatten()}, {"fc": Linear(12, 3)}, (2, 2, 3)), "fc", "features", "classifier")
