"""Networks read from ONNX files compute what onnxruntime computes; everything else is refused in one line."""

import io
import sys
import time
import warnings
from collections import Counter

import numpy as np
import pytest

from tests.checks import agree, refused
from tests.exchange.graphs import helper, model, node, onnx, saved, theirs
from tests.exchange.stirring import numbers
from tinyalex.errors import UserError
from tinyalex.exchange.onnx_in import CONVENTIONS, read_onnx
from tinyalex.layers import Dropout, GlobalAvgPool2d, LocalResponseNorm
from tinyalex.residual import Residual

pytestmark = pytest.mark.onnx

X = numbers(3, 8, 8, 3, seed=1)
FC = [node("Flatten", "last", to="flat"), node("Gemm", "flat", "fc.w", "fc.b", to="y")]


def head(features, classes=4):
    return {"fc.w": numbers(features, classes, seed=8), "fc.b": numbers(classes, seed=9)}


def read(tmp_path, proto, **options):
    return read_onnx(saved(tmp_path / "some.onnx", proto), **({"pictures": "pixels"} | options))


def same(tmp_path, proto, x=X, **options):
    """The network, once it has the scores of onnxruntime."""
    foreign = read(tmp_path, proto, **options)
    agree(foreign.network.predict(x), theirs(proto, x), "scores", rtol=1e-4, atol=1e-5)
    return foreign


def said(foreign, text):
    return [note for note in foreign.notes if text in note]


# ---------------------------------------------------------------------------------------------- networks


def alexnet_like():
    nodes = [
        node("Conv", "x", "w1", "b1", to="c1", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("Relu", "c1", to="r1"),
        node("LRN", "r1", to="n1", size=5, alpha=0.3, beta=0.6, bias=1.5),
        node("MaxPool", "n1", to="p1", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1]),
        node("Conv", "p1", "w2", to="c2", group=2),
        node("Relu", "c2", to="r2"),
        node("Dropout", "r2", to=["last", "mask"], name="drop"),
        node("Reshape", "last", "shape", to="flat"),
        node("Gemm", "flat", "fc.w", "fc.b", to="fc", transB=1, alpha=0.5, beta=2.0),
        node("Softmax", "fc", to="y"),
    ]
    constants = {
        "w1": numbers(4, 3, 3, 3),
        "b1": numbers(4),
        "w2": numbers(6, 2, 2, 2),
        "shape": np.array([0, -1]),
        "fc.w": numbers(5, 54),
        "fc.b": numbers(5),
    }
    return model(nodes, constants)


def test_a_chain_with_everything_that_is_converted(tmp_path):
    proto = alexnet_like()
    foreign = read(tmp_path, proto)
    scores = foreign.network.predict(X)
    e = np.exp(scores)
    agree(e / e.sum(axis=1, keepdims=True), theirs(proto, X), "probabilities", rtol=1e-4, atol=1e-6)
    assert list(foreign.features) == ["conv1", "relu1", "norm1", "pool1", "conv2", "relu2", "drop2"]
    assert list(foreign.classifier) == ["flatten", "fc3"]
    norm, drop = foreign.features["norm1"], foreign.features["drop2"]
    assert isinstance(norm, LocalResponseNorm) and (norm.alpha, norm.beta, norm.k) == (0.06, 0.6, 1.5)
    assert isinstance(drop, Dropout) and (drop.p, drop.inverted) == (0.5, True)
    for text in ("norm1: alpha 0.3 is divided by the size, 5: ours is 0.06", "6×3×3", "drop2: dropout", "Softmax"):
        assert said(foreign, text), text
    assert (foreign.name, foreign.size, foreign.in_shape) == ("some", 8, (8, 8, 3))


def residual():
    """A block within a block, a projection, a sum as Sum, and the mean over all pixels."""

    def conv(x, name, to, **more):
        return node("Conv", x, name, to=to, **more)

    nodes = [
        conv("x", "w1", "c1"),
        conv("c1", "w2", "a1", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("BatchNormalization", "a1", "scale", "bias", "mean", "var", to="a2", epsilon=0.01, momentum=0.8),
        node("Relu", "a2", to="a3"),
        node("Add", "a3", "a2", to="a4"),
        conv("a4", "w2", "a5", strides=[2, 2], pads=[1, 1, 1, 1]),
        conv("c1", "w3", "b1", strides=[2, 2]),
        node("Sum", "b1", "a5", to="s"),
        node("Identity", "s", to="s2"),
        node("Tanh", "s2", to="t"),
        node("GlobalAveragePool", "t", to="last"),
        *FC,
    ]
    constants = {"w1": numbers(4, 3, 1, 1), "w2": numbers(4, 4, 3, 3, seed=2), "w3": numbers(4, 4, 1, 1)}
    vectors = {name: abs(numbers(4, seed=i)) for i, name in enumerate(("scale", "bias", "mean", "var"))}
    return model(nodes, constants | vectors | head(4))


def test_weights_can_be_trained(tmp_path):
    network = read(tmp_path, residual()).network
    arrays = network.params | network.state
    assert all(a.flags.writeable and a.flags.c_contiguous and a.dtype == "float32" for a in arrays.values())
    assert len({a.ctypes.data for a in arrays.values()}) == len(arrays)  # the file shares a tensor, layers do not


def test_residual_blocks(tmp_path):
    foreign = same(tmp_path, residual())
    assert list(foreign.features) == ["conv1", "block2", "tanh2"]
    block = foreign.features["block2"]
    assert isinstance(block, Residual) and list(block.shortcut) == ["conv1"]
    assert list(block.body) == ["conv1", "bn1", "block2", "conv3"] and list(block.body["block2"].body) == ["relu0"]
    assert isinstance(foreign.classifier["pool2"], GlobalAvgPool2d)
    assert said(foreign, "momentum 0.8 of the old values is 0.2 of the new ones")


def of_pytorch(network, side):
    """The file that PyTorch writes of a network."""
    import torch

    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, torch.zeros(1, 3, side, side), buffer, dynamo=False)
    return onnx.load_model_from_string(buffer.getvalue())


def check_pytorch(tmp_path, network, side):
    import torch

    x = numbers(2, side, side, 3, scale=1)
    foreign = read(tmp_path, of_pytorch(network.eval(), side), pictures="torch")
    with torch.no_grad():
        expected = network(torch.tensor(x.transpose(0, 3, 1, 2).copy())).numpy()
    agree(foreign.network.predict(x), expected, "scores", rtol=0, atol=1e-5 * abs(expected).max())
    return foreign


@pytest.mark.torch
def test_a_network_of_pytorch(tmp_path):
    from torch import nn

    layers = [nn.Conv2d(3, 8, 5, stride=2, padding=2), nn.ReLU(), nn.Conv2d(8, 6, 3, padding=1, groups=2)]
    layers += [nn.BatchNorm2d(6), nn.AvgPool2d(3, 2, 1, ceil_mode=True), nn.Flatten(), nn.Dropout(0.3)]
    layers += [nn.Linear(6 * 25, 10), nn.Sigmoid(), nn.Linear(10, 4)]
    check_pytorch(tmp_path, nn.Sequential(*layers), 17)


@pytest.mark.torch
@pytest.mark.slow
def test_a_network_of_torchvision(tmp_path):
    from tests.exchange.torchvision import NETWORKS, random_weights

    foreign = check_pytorch(tmp_path, random_weights(NETWORKS["torchvision-resnet18"](10)), 224)
    assert foreign.size == 256 and sum(isinstance(layer, Residual) for layer in foreign.features.values()) == 8


@pytest.mark.parametrize("opset", [7, 9, 13, 17, 22])
def test_operators_of_many_versions(opset, tmp_path):
    nodes = [
        node("Constant", to="w", value=onnx.numpy_helper.from_array(numbers(4, 3, 2, 2))),
        node("Conv", "x", "w", to="last"),
        node("Flatten", "last", to="flat"),
        node("MatMul", "flat", "fc.w", to="m"),
        node("Add", "fc.b", "m", to="y"),
    ]
    same(tmp_path, model(nodes, head(196), opset=opset))


def test_scores_as_pictures_of_one_pixel(tmp_path):
    nodes = [node("Conv", "x", "w", to="c"), node("GlobalAveragePool", "c", to="y")]
    proto = model(nodes, {"w": numbers(4, 3, 1, 1)})
    agree(read(tmp_path, proto).network.predict(X), theirs(proto, X)[:, :, 0, 0], "scores", rtol=1e-5)
    proto = model([node("Conv", "x", "w", to="y")], {"w": numbers(4, 3, 8, 8)})
    agree(read(tmp_path, proto).network.predict(X), theirs(proto, X)[:, :, 0, 0], "scores", rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_weights_of_another_precision(dtype, tmp_path):
    proto = model([node("Conv", "x", "w", to="last"), *FC], {"w": numbers(4, 3, 8, 8).astype(dtype)} | head(4))
    foreign = read(tmp_path, proto)
    assert foreign.features["conv1"].params["weight"].dtype == "float32" and said(foreign, "precision")


# ---------------------------------------------------------------------------------------------- windows


def test_windows_of_every_kind_are_exact_or_refused(tmp_path):
    """Pads, strides, rounding: 300 draws against onnxruntime."""
    rng, outcomes = np.random.default_rng(0), Counter()
    for _ in range(300):
        op = str(rng.choice(["Conv", "MaxPool", "AveragePool"]))
        kernel, strides, pads = rng.integers(1, 4, 2), rng.integers(1, 4, 2), rng.integers(0, 3, 4)
        H = int(rng.integers(3, 8))
        form = dict(kernel_shape=kernel.tolist(), strides=strides.tolist())
        auto = str(rng.choice(["NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]))
        form |= {"pads": pads.tolist()} if auto == "NOTSET" else {"auto_pad": auto}
        if op != "Conv":
            if auto == "NOTSET":
                form["pads"] = np.minimum(pads, np.tile(kernel, 2) - 1).tolist()
                form["ceil_mode"] = int(rng.integers(2))
            form |= {"count_include_pad": int(rng.integers(2))} if op == "AveragePool" else {}
        inputs = ["x", "w"] if op == "Conv" else ["x"]
        proto = model(
            [node(op, *inputs, to="c", **form), node("GlobalAveragePool", "c", to="y")],
            {"w": numbers(3, 3, *kernel)} if op == "Conv" else {},
            ("N", 3, H, H),
            opset=22,
        )
        x = numbers(1, H, H, 3, seed=3)
        try:
            foreign = read(tmp_path, proto)
        except UserError as error:
            outcomes[op, "refused"] += 1
            uneven = auto != "NOTSET" or form["pads"][:2] != form["pads"][2:]
            known = ("at least the kernel", "SAME", *(["pads"] if op != "Conv" and uneven else []))
            assert any(word in str(error) for word in known), f"{form} of {H}: {error}"
            continue
        expected = theirs(proto, x)[:, :, 0, 0]
        agree(foreign.network.predict(x), expected, f"{op} {form} of {H}", rtol=1e-4, atol=1e-5)
        outcomes[op, "the same"] += 1

    assert min(outcomes[op, "the same"] for op in ("Conv", "MaxPool", "AveragePool")) > 30, outcomes


def test_no_window_begins_behind_the_picture(tmp_path):
    pool = node("MaxPool", "x", to="last", kernel_shape=[1, 1], strides=[2, 2], ceil_mode=1)
    same(tmp_path, model([pool, *FC], head(48), opset=22))


def test_kernels_grow_where_pads_differ(tmp_path):
    proto = model([node("Conv", "x", "w", to="last", pads=[0, 2, 1, 0]), *FC], {"w": numbers(4, 3, 2, 2)} | head(288))
    foreign = same(tmp_path, proto)
    assert foreign.features["conv1"].params["weight"].shape == (3, 4, 3, 4)
    assert said(foreign, "zeros around the kernel: 3×4 for 2×2")


# ---------------------------------------------------------------------------------------------- pictures


def test_what_the_graph_does_first_is_the_mean_and_the_scale(tmp_path):
    nodes = [
        node("Sub", "x", "mean", to="a"),
        node("Div", "a", "std", to="b"),
        node("Conv", "b", "w", to="last", pads=[1, 1, 1, 1]),
        *FC,
    ]
    mean, std = np.array([0.1, 0.2, 0.3], "f4"), np.array([0.5, 0.25, 0.125], "f4")
    constants = {"mean": mean.reshape(1, 3, 1, 1), "std": std.reshape(3, 1, 1), "w": numbers(2, 3, 3, 3)}
    proto = model(nodes, constants | head(128))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("float32")
    for options, unit in (({"pictures": None}, 255), ({"pictures": "unit"}, 255), ({"pictures": "pixels"}, 1)):
        foreign = read(tmp_path, proto, **options)
        x = ((pixels - foreign.mean) * foreign.scale).astype("float32")
        agree(foreign.network.predict(x), theirs(proto, pixels / unit), "scores", rtol=1e-4, atol=1e-4)
    assert said(foreign, "mean and scale")


@pytest.mark.parametrize("op, first", [("Sub", True), ("Sub", False), ("Add", True), ("Add", False), ("Mul", False)])
def test_constants_on_either_side(op, first, tmp_path):
    inputs = ("c", "x") if first else ("x", "c")
    nodes = [node(op, *inputs, to="a"), node("Conv", "a", "w", to="last", pads=[1, 1, 1, 1]), *FC]
    proto = model(nodes, {"c": np.array([[[2.0]], [[3.0]], [[4.0]]], "f4"), "w": numbers(2, 3, 3, 3)} | head(128))
    foreign = read(tmp_path, proto)
    x = ((X - foreign.mean) * foreign.scale).astype("float32")
    agree(foreign.network.predict(x), theirs(proto, X), "scores", rtol=1e-4, atol=1e-4)


def test_bgr_becomes_rgb(tmp_path):
    nodes = [node("Sub", "x", "mean", to="a"), node("Mul", "a", "scale", to="b")]
    nodes += [node("Conv", "b", "w", to="last", pads=[1, 1, 1, 1]), *FC]
    constants = {
        "mean": np.array([[[1.0]], [[2.0]], [[3.0]]], "f4"),
        "scale": np.array([[[0.5]], [[1.0]], [[2.0]]], "f4"),
    }
    proto = model(nodes, constants | {"w": numbers(2, 3, 3, 3)} | head(128))
    foreign = read(tmp_path, proto, pictures="caffe")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype("float32")
    prepared = (pixels - CONVENTIONS["caffe"].mean)[..., ::-1].astype("float32")
    x = ((pixels - foreign.mean) * foreign.scale).astype("float32")
    agree(foreign.network.predict(x), theirs(proto, prepared), "scores", rtol=1e-3, atol=1e-2)
    assert said(foreign, "conv1: kernels turned from BGR to RGB")
    grey = model([node("Flatten", "x", to="flat"), FC[1]], head(192))
    refused(lambda: read(tmp_path, grey, pictures="caffe"), "found fc1 first, expected a convolution", error=UserError)


def test_what_is_usual_is_noted(tmp_path):
    foreign = read(tmp_path, alexnet_like(), pictures=None)
    assert (foreign.mean, foreign.scale) == ((123, 117, 104), (1, 1, 1)) and said(foreign, "(caffe)")
    foreign = read(tmp_path, residual(), pictures=None)
    agree(np.array(foreign.mean), np.array([123.675, 116.28, 103.53]), "mean") and said(foreign, "(torch)")


def test_a_side_that_is_left_open(tmp_path):
    proto = model([node("Conv", "x", "w", to="last"), *FC], {"w": numbers(4, 3, 8, 8)} | head(4), ("N", 3, "H", "W"))
    assert read(tmp_path, proto, crop=8).in_shape == (8, 8, 3)
    fixed = model([node("Conv", "x", "w", to="last"), *FC], {"w": numbers(4, 3, 8, 8)} | head(4))
    refused(lambda: read(tmp_path, fixed, crop=7), "crop: found 7, expected 8, as the file has it", error=UserError)
    refused(lambda: read(tmp_path, proto), "crop: ", "the pictures' side open (?×3×?×?)", error=UserError)


# ---------------------------------------------------------------------------------------------- numbers elsewhere


def elsewhere(tmp_path, location="weights.bin", **about):
    """A file whose kernels lie in another one."""
    proto = chain(CONV)
    tensor = next(one for one in proto.graph.initializer if one.name == "w")
    data = b"1234" + tensor.raw_data
    (tmp_path / "weights.bin").write_bytes(data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in ({"location": location, "offset": "4", "length": str(len(data) - 4)} | about).items():
        tensor.external_data.add(key=key, value=value)
    return proto


def test_numbers_in_a_file_beside(tmp_path):
    agree(
        read(tmp_path, elsewhere(tmp_path)).features["conv1"].params["weight"],
        read(tmp_path, chain(CONV)).features["conv1"].params["weight"],
        "kernels",
        exact=True,
    )


@pytest.mark.parametrize(
    "location", ["../weights.bin", "/etc/hostname", "a/../../weights.bin", "", ".", "C:\\x", "\\x", "a\0"]
)
def test_numbers_outside_the_folder(location, tmp_path):
    (tmp_path.parent / "weights.bin").write_bytes(bytes(1000))
    proto = elsewhere(tmp_path, location)
    refused(lambda: read(tmp_path, proto), "tensor 'w': found its numbers in", "in the folder of this", error=UserError)


def test_numbers_behind_a_link(tmp_path):
    (tmp_path / "inside").mkdir()
    proto = elsewhere(tmp_path, "link")
    (tmp_path / "inside/link").symlink_to(tmp_path / "weights.bin")
    call = lambda: read(tmp_path / "inside", proto)  # noqa: E731
    refused(call, "tensor 'w': found its numbers in 'link'", error=UserError)


@pytest.mark.parametrize(
    "about, words",
    [
        ({"offset": "5"}, ["lies at 5 to 221 of 'weights.bin', which has 220 bytes"]),
        ({"length": "4"}, ["declares 54 numbers, holds 1"]),
        ({"offset": "-1"}, ["lies at -1 to 215"]),
        ({"offset": "x"}, ["an offset or a length that is no number"]),
        ({"location": "nosuch"}, ["nosuch", "cannot be used"]),
    ],
)
def test_places_that_lie(about, words, tmp_path):
    proto = elsewhere(tmp_path, **about)
    refused(lambda: read(tmp_path, proto), "some.onnx: ", *words, error=UserError)


# ---------------------------------------------------------------------------------------------- what is refused


def chain(*nodes, constants=(), **options):
    return model([*nodes, *FC], {"w": numbers(2, 3, 3, 3)} | head(72) | dict(constants), **options)


CONV = node("Conv", "x", "w", to="last", name="first")
REFUSED = {
    "unknown": (
        chain(node("LeakyRelu", "x", to="a"), node("Conv", "a", "w", to="last")),
        "LeakyRelu 'a': the operator",
    ),
    "typing error": (chain(node("Convv", "x", "w", to="last")), "not known here"),
    "another domain": (
        chain(helper.make_node("Conv", ["x", "w"], ["last"], "first", domain="com.acme")),
        "Conv 'first': the operator of 'com.acme' is not known",
    ),
    "dilations": (chain(node("Conv", "x", "w", to="last", dilations=[2, 2])), "found dilations [2, 2]"),
    "attribute": (chain(node("Conv", "x", "w", to="last", padding=[2, 2])), "found attribute 'padding'"),
    "attribute's type": (chain(node("Conv", "x", "w", to="last", pads="SAME")), "attribute 'pads' of another type"),
    "three ways": (
        chain(
            node("Relu", "x", to="a"),
            node("Relu", "x", to="b"),
            node("Relu", "x", to="c"),
            node("Add", "a", "b", to="d"),
            node("Add", "c", "d", to="e"),
            node("Conv", "e", "w", to="last"),
        ),
        "3 nodes read 'x', expected one, or the two ways of a block",
    ),
    "crossed ways": (
        chain(
            node("Relu", "x", to="a"),
            node("Relu", "a", to="b"),
            node("Add", "a", "x", to="c"),
            node("Add", "b", "c", to="d"),
            node("Conv", "d", "w", to="last"),
        ),
        "the two ways from 'a' lead to Add 'd' and Add 'c', expected one Add",
    ),
    "shapes of a block": (
        chain(
            node("Conv", "x", "v", to="a"),
            node("Add", "a", "x", to="b"),
            node("Conv", "b", "w", to="last"),
            constants={"v": numbers(1, 3, 1, 1)},
        ),
        "Add 'b': found 1×8×8 and 3×8×8, expected two of one shape",
    ),
    "softmax within": (
        chain(node("Softmax", "x", to="s"), node("Conv", "s", "w", to="last")),
        "expected it at the end",
    ),
    "computed weights": (
        chain(node("Relu", "x", to="v"), node("Conv", "x", "v", to="last")),
        "found 'v' as a later input, expected it as the first",
    ),
    "sum of no block": (
        chain(node("Conv", "x", "w", to="c"), node("Add", "c", "c2", to="last"), constants={"c2": numbers(1)}),
        "Add 'last'",
    ),
    "missing tensor": (chain(node("Conv", "x", "nowhere", to="last")), "input 'nowhere', which is in no tensor"),
    "a circle": (
        chain(node("Add", "x", "last", to="a"), node("Conv", "a", "w", to="last")),
        "Add 'a': found input 'last', which is in no tensor and of no node before it",
    ),
    "made twice": (chain(CONV, node("Relu", "last", to="last")), "output 'last' for the second time"),
    "old": (chain(CONV, opset=5), "operators of version 5, expected opset 6 to"),
    "of the future": (chain(CONV, opset=999), "operators of version 999"),
    "not square": (chain(CONV, shape=("N", 3, 8, 9)), "the pictures are 8×9"),
    "too large": (chain(CONV, shape=("N", 3, 10**9, 10**9)), "expected squares of at most 4,096"),
    "grey": (chain(CONV, shape=("N", 1, 8, 8)), "the input 'x' is ?×1×8×8, expected pictures N×3×H×W"),
    "sound": (chain(CONV, shape=("N", 3, 8)), "expected pictures"),
    "kernel too large": (
        chain(node("Conv", "x", "v", to="last"), constants={"v": numbers(2, 3, 9, 9)}),
        "at least the kernel's 9",
    ),
    "weights of another size": (
        chain(CONV, constants={"fc.w": numbers(71, 4)}),
        "Gemm 'y': found weights 71×4, expected 72 features in",
    ),
    "whole weights": (chain(CONV, constants={"w": np.ones((2, 3, 3, 3), "int64")}), "weights 2×3×3×3 of int64"),
    "text": (chain(CONV, constants={"w": np.array(["a"])}), "tensor 'w': found type 8"),
    "even response norm": (
        chain(node("LRN", "x", to="n", size=4), node("Conv", "n", "w", to="last")),
        "LRN 'n': LocalResponseNorm: size = 4",
    ),
    "no scores": (model([node("Conv", "x", "w", to="y")], {"w": numbers(2, 3, 3, 3)}), "the output is pictures, 6×6×2"),
    "flat scores": (
        model([node("Conv", "x", "w", to="c"), node("Flatten", "c", to="y")], {"w": numbers(2, 3, 3, 3)}),
        "expected a fully connected layer behind it",
    ),
    "flattened otherwise": (model([node("Flatten", "x", to="y", axis=2)], {}), "found axis 2"),
    "zeros kept": (
        model(
            [node("Conv", "x", "w", to="last"), node("Reshape", "last", "s", to="flat", allowzero=1), FC[1]],
            {"w": numbers(2, 3, 3, 3), "s": np.array([0, 72])} | head(72),
            opset=14,
        ),
        "Reshape 'flat': found the shape [0, 72]",
    ),
    "training": (
        chain(
            node("Dropout", "x", "p", "t", to="d"),
            node("Conv", "d", "w", to="last"),
            constants={"p": np.float32(0.5), "t": np.True_},
        ),
        "found training_mode",
    ),
    "mean picture": (
        chain(node("Sub", "x", "m", to="d"), node("Conv", "d", "w", to="last"), constants={"m": numbers(3, 8, 8)}),
        "constant 3×8×8, expected one number",
    ),
    "negative variance": (
        chain(
            node("BatchNormalization", "x", "one", "one", "one", "minus", to="d"),
            node("Conv", "d", "w", to="last"),
            constants={"one": np.ones(3, "f4"), "minus": -np.ones(3, "f4")},
        ),
        "found a variance of -1",
    ),
    "no number": (chain(CONV, constants={"w": np.full((2, 3, 3, 3), np.nan, "f4")}), "weight holds NaN"),
    "nothing subtracted": (chain(node("Sub", "x", "", to="d"), node("Conv", "d", "w", to="last")), "Sub 'd': found"),
    "no contrast": (
        chain(node("Mul", "x", "m", to="d"), node("Conv", "d", "w", to="last"), constants={"m": np.float32(0)}),
        "multiplied by 0",
    ),
}


def test_names_and_numbers_of_a_file_do_not_fill_the_screen(tmp_path):
    for proto in (
        chain(node("A\nB" * 10**5, "x", to="last")),
        chain(node("Conv", "x", "w", to="last", dilations=[2] * 10**5)),
        chain(node("Conv", "x", "w", to="last", pads=[2] * 10**5)),
        chain(node("Conv", "x\n" * 10**5, "w", to="last")),
    ):
        with pytest.raises(UserError) as caught:
            read(tmp_path, proto)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 1300


@pytest.mark.alone
def test_a_long_chain_takes_no_long_time(tmp_path):
    nodes, last = [], "x"
    for number in range(20_000):
        nodes.append(node("Relu", last, to=f"r{number}"))
        last = f"r{number}"
    started = time.process_time()
    foreign = read(tmp_path, chain(*nodes, node("Conv", last, "w", to="last")))
    assert len(foreign.features) == 20_001 and time.process_time() - started < 10


def test_an_attribute_that_stands_for_another(tmp_path):
    proto = chain(CONV)
    proto.graph.node[0].attribute.add(name="pads", type=onnx.AttributeProto.INTS, ref_attr_name="outer")
    refused(lambda: read(tmp_path, proto), "Conv 'first': found attribute 'pads' of another type", error=UserError)


def lying(dims):
    proto = chain(CONV)
    proto.graph.initializer[0].dims[:] = dims
    return proto


@pytest.mark.parametrize("dims", [(2, 3, 3, 4), (2**31, 2**31, 3, 3), (-2, 3, 3, -3), (2,) * 60, (0, 3, 3, 3)])
def test_shapes_that_lie(dims, tmp_path):
    refused(lambda: read(tmp_path, lying(dims)), "tensor 'w': ", error=UserError)


def test_a_gigabyte_in_a_kilobyte(tmp_path):
    nodes = [node("ConstantOfShape", "shape", to="all"), node("Conv", "x", "all", to="last")]
    proto = chain(*nodes, constants={"shape": np.array([10**4, 3, 100, 100])})
    refused(
        lambda: read(tmp_path, proto), "ConstantOfShape 'all': found the shape", "at most 160,000,000", error=UserError
    )


def test_a_network_far_larger_than_its_file(tmp_path):
    nodes, last = [], "x"
    for number in range(100):
        nodes.append(node("Conv", last, "v", to=f"c{number}", pads=[25, 25, 25, 25]))
        last = f"c{number}"
    proto = chain(*nodes, node("Conv", last, "w", to="last"), constants={"v": numbers(3, 3, 51, 51)})
    refused(lambda: read(tmp_path, proto, crop=8), "constants used again and again", error=UserError)


def test_no_onnx_file(tmp_path):
    path = tmp_path / "some.onnx"
    for content in (b"", b"\0" * 100, b"PK\3\4", alexnet_like().SerializeToString()[:-9]):
        path.write_bytes(content)
        refused(lambda: read_onnx(path), f"{path}: ", error=UserError)
    refused(lambda: read_onnx(tmp_path), str(tmp_path), error=UserError)
    refused(lambda: read_onnx(tmp_path / "nosuch.onnx"), "nosuch.onnx", error=UserError)
    refused(lambda: read_onnx(path, "cafe"), "pictures: found 'cafe', expected one of caffe, torch", error=UserError)


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    refused(lambda: read(tmp_path, chain(CONV)), "pip install onnx", error=UserError)


@pytest.mark.parametrize("proto, message", REFUSED.values(), ids=REFUSED.keys())
def test_one_line_for_what_is_not_known(proto, message, tmp_path):
    refused(lambda: read(tmp_path, proto), f"{tmp_path / 'some.onnx'}: ", message, error=UserError)


# ---------------------------------------------------------------------------------------------- the package's own cases
