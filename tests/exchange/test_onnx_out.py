"""Networks written as ONNX files give onnxruntime the scores that they give themselves, and say what they need."""

import copy
import json
import os

import numpy as np
import pytest

from tests.checks import agree, refused
from tests.exchange.graphs import onnx
from tests.exchange.stirring import numbers, stirred, view_of
from tests.layers.test_device import EVERY_LAYER
from tinyalex.errors import UserError
from tinyalex.exchange.onnx_in import read_onnx
from tinyalex.exchange.onnx_out import write_onnx
from tinyalex.layers import AvgPool2d, BatchNorm2d, Flatten, Layer, Linear
from tinyalex.models import find_model
from tinyalex.network import Network

pytestmark = pytest.mark.onnx


def scores_of(path, pictures):
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_outputs()] == ["scores"]
    return session.run(None, {"pictures": pictures})[0]


def channels_first(x):
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


HANGS_OVER = (AvgPool2d(3, 2, (1, 0), "ceil"), (2, 8, 8, 6))  # and counts its padding


@pytest.mark.parametrize(
    "layer, shape", [*EVERY_LAYER, HANGS_OVER], ids=lambda v: "" if isinstance(v, tuple) else str(v)
)
def test_every_layer(layer, shape, tmp_path):
    layer = copy.deepcopy(layer)
    if len(shape) == 2:
        in_shape, features, head = (1, 1, shape[1]), {}, {"flatten": Flatten(), "layer": layer}
    else:
        in_shape, features = shape[1:], {"layer": layer}
        head = {} if isinstance(layer, Flatten) else {"flatten": Flatten()}
    width = int(np.prod(layer.out_shape(shape[1:])))
    network = stirred(Network(features, head | {"scores": Linear(width, 3)}, in_shape))
    path = tmp_path / "out.onnx"
    x = numbers(3, *in_shape)
    write_layers(network, path, in_shape)
    agree(network.predict(x), scores_of(path, channels_first(x)), "scores", rtol=1e-5, atol=1e-6)


def write_layers(network, path, in_shape):
    """As `write_onnx`, for what are no pictures of three channels."""
    from tinyalex.exchange import onnx_out

    H, W, C = in_shape
    writing = onnx_out.Writing()
    onnx_out.write_layer(writing, network, "pictures", in_shape)
    writing.nodes[-1].output[0] = "scores"
    model = onnx_out.assembled(writing, np.float32, ("N", C, H, W), network.num_classes)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


MODELS = [
    "alexnet-mini",
    "alexnet-small+tanh",
    "alexnet-small+sigmoid",
    "alexnet-small+bn",
    "alexnet-small+2012-source",
    "alexnet-small+two-towers",
    "alexnet-small+one-column+pool-2+no-dropout",
    "vgg-mini",
    "vgg-small+bn",
    "vgg-small+lrn",
    "resnet20",
    "resnet-small",
    "resnet-small+no-skip",
    pytest.param("resnet18", marks=pytest.mark.slow),
    pytest.param("alexnet", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("name", MODELS)
def test_models(name, tmp_path):
    model = find_model(name)
    network, view = (
        stirred(model.build(10)),
        view_of(model.size, model.crop, model.pixel_scale if "+" in name else (0.06, 0.07, 0.08)),
    )
    pictures = np.random.default_rng(1).integers(0, 256, (2, model.size, model.size, 3), dtype=np.uint8)
    x = view.centre(pictures)
    expected = network.predict(x)
    for pixels, given in (("uint8", pictures), ("float", channels_first(x))):
        path = tmp_path / f"{pixels}.onnx"
        write_onnx(network, view, list("abcdefghij"), list("ABCDEFGHIJ"), path, pixels)
        onnx.checker.check_model(str(path), full_check=True)
        agree(scores_of(path, given), expected, pixels, rtol=0, atol=1e-5 * abs(expected).max())


def small(tmp_path, **options):
    model = find_model("alexnet-mini")
    network, view = stirred(model.build(3)), view_of(64, 56)
    path = tmp_path / "out.onnx"
    write_onnx(network, view, ["n1", "n2", "n3"], ["Katze", "chien", "犬"], path, **options)
    return network, view, path


def test_what_the_file_says(tmp_path):
    _, _, path = small(tmp_path)
    model = onnx.load(path)
    about = {one.key: one.value for one in model.metadata_props}
    assert json.loads(about["classes"]) == ["Katze", "chien", "犬"]
    assert "RGB" in about["pictures"] and "64×64" in about["pictures"]
    assert model.producer_name == "tinyalex" and model.opset_import[0].version >= 13
    (given,) = model.graph.input
    assert [axis.dim_param or axis.dim_value for axis in given.type.tensor_type.shape.dim] == ["N", 64, 64, 3]


@pytest.mark.parametrize("pixels", ["uint8", "float"])
@pytest.mark.parametrize(
    "name", ["alexnet-mini", "alexnet-mini+2012-source", "vgg-mini+bn", "resnet20", "resnet-small"]
)
def test_what_we_wrote_is_read_back_to_the_bit(name, pixels, tmp_path):
    model = find_model(name)
    network, view = stirred(model.build(3)), view_of(model.size, model.crop, (0.5, 0.25, 0.125))
    path = tmp_path / "Some run.onnx"
    write_onnx(network, view, ["n1", "n2", "n3"], ["Katze", "chien", "犬"], path, pixels)
    foreign = read_onnx(path)
    assert foreign.class_ids == ("n1", "n2", "n3") and foreign.class_names == ("Katze", "chien", "犬")
    assert foreign.name == "some-run" and foreign.scale == (0.5, 0.25, 0.125) and foreign.size == view.size
    again = foreign.network
    assert again.layers.keys() == network.layers.keys() and str(again.layers) != ""
    assert [(p, str(layer), *shapes) for p, layer, *shapes in again.shapes()] == [
        (p, str(layer), *shapes) for p, layer, *shapes in network.shapes()
    ]
    for found, expected in (
        (again.params, network.params),
        (again.state, network.state),
        (vars(foreign.view), vars(view)),
    ):
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[key], expected[key]) for key in expected)
    write_onnx(again, foreign.view, foreign.class_ids, foreign.class_names, tmp_path / "again.onnx", pixels)
    assert (tmp_path / "again.onnx").read_bytes() == path.read_bytes()


def test_files_of_ours_that_were_damaged(tmp_path):
    _, _, path = small(tmp_path)
    for key, old, new in (
        ("tinyalex.network", '"crop": 56', '"crop": 57'),
        ("tinyalex.network", '"out_features": 256', '"out_features": 257'),
        ("tinyalex.network", '"out_channels": 24', '"out_channels": 24000000'),
        ("tinyalex.network", '"layer": "ReLU"', '"layer": "Loop"'),
        ("tinyalex.network", '"mean": "', '"mean": "AAAA'),
        ("tinyalex.network", '"n3"', '"n3", "n4"'),
        ("tinyalex.network", "[", "[" * 1000),
    ):
        model = onnx.load(path)
        (text,) = [one for one in model.metadata_props if one.key == key]
        assert old in text.value
        text.value = text.value.replace(old, new, 1)
        (tmp_path / "other.onnx").write_bytes(model.SerializeToString())
        refused(lambda: read_onnx(tmp_path / "other.onnx"), str(tmp_path / "other.onnx"), error=UserError)


def test_the_centre_of_an_odd_rest(tmp_path):
    network, view = stirred(Network({}, {"flatten": Flatten(), "fc": Linear(192, 3)}, (8, 8, 3))), view_of(11, 8)
    pictures = np.random.default_rng(1).integers(0, 256, (2, 11, 11, 3), dtype=np.uint8)
    write_onnx(network, view, list("abc"), list("abc"), tmp_path / "out.onnx")
    expected = network.predict(view.centre(pictures))
    agree(scores_of(tmp_path / "out.onnx", pictures), expected, "scores", rtol=1e-4, atol=1e-4)


def test_momentum_is_of_the_older_values(tmp_path):
    norm = BatchNorm2d(3, eps=0.5, momentum=0.25)
    path = tmp_path / "out.onnx"
    write_layers(Network({"bn": norm}, {"flatten": Flatten(), "fc": Linear(12, 3)}, (2, 2, 3)), path, (2, 2, 3))
    found = {one.name: one.f for one in onnx.load(path).graph.node[0].attribute}
    assert found == {"epsilon": 0.5, "momentum": 0.75}


def test_only_files_of_ours_are_replaced(tmp_path):
    network, view, path = small(tmp_path)
    small(tmp_path, pixels="float")  # replaces it
    path.write_bytes(b"somebody's")
    write = lambda path: write_onnx(network, view, list("abc"), list("abc"), path)  # noqa: E731
    refused(lambda: write(path), "was not written by tinyalex", error=UserError)
    assert path.read_bytes() == b"somebody's"
    refused(lambda: write(tmp_path / "out.pb"), "ends in .onnx", error=UserError)
    refused(lambda: write(tmp_path), "is a folder", error=UserError)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.onnx"]


@pytest.mark.skipif(os.name == "nt", reason="names of files are text")
def test_names_in_any_bytes(tmp_path):
    """Of the file, and of classes, which come from names of folders."""
    path = os.fsencode(tmp_path) + b"/caf\xe9.onnx"
    network, view = find_model("alexnet-mini").build(2), view_of(64, 56)
    write_onnx(network, view, ["a", "b"], [os.fsdecode(b"caf\xe9"), "café"], os.fsdecode(path))
    assert read_onnx(os.fsdecode(path)).class_names == (os.fsdecode(b"caf\xe9"), "café")


def test_a_layer_of_no_operator(tmp_path):
    class Odd(Layer):
        def forward(self, x, train=False, rng=None):
            return x, None

    network = Network({"odd": Odd()}, {"flatten": Flatten(), "fc": Linear(12, 3)}, (2, 2, 3))
    write = lambda: write_onnx(network, view_of(2, 2), list("abc"), list("abc"), tmp_path / "out.onnx")  # noqa: E731
    refused(write, "Odd 'odd': ONNX has no operator for it", error=UserError)
    assert not list(tmp_path.iterdir())
