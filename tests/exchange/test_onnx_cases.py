"""The package's own cases: every light model and every node whose operators are known gives the expected output."""

import os
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.exchange.graphs import onnx, saved, theirs
from tests.exchange.stirring import numbers
from tinyalex.composite import Sequential
from tinyalex.errors import UserError
from tinyalex.exchange.onnx_file import OPERATORS, as_graph, open_model
from tinyalex.exchange.onnx_in import leave_out_softmax, read_layers, read_onnx
from tinyalex.exchange.onnx_layers import CONVERSIONS
from tinyalex.exchange.onnx_reading import At, Reading
from tinyalex.layers import softmax

pytestmark = pytest.mark.onnx

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"


def read(file):
    tensor = onnx.TensorProto()
    tensor.ParseFromString(Path(file).read_bytes())
    return onnx.numpy_helper.to_array(tensor)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bvlc_alexnet", "resnet50", "vgg19", "zfnet512"])
def test_light_models(name):
    """Their weights are all one number, so that the probabilities are alike."""
    network = read_onnx(LIGHT / f"light_{name}.onnx").network
    shape = (1, *network.in_shape)
    x = (np.arange(np.prod(shape)) / np.prod(shape)).reshape(shape).astype("float32")
    expected = read(LIGHT / f"light_{name}_output_0.pb").reshape(1, -1)
    np.testing.assert_allclose(softmax(network.predict(x)), expected, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("name", ["densenet121", "inception_v1", "inception_v2", "shufflenet", "squeezenet"])
def test_light_models_with_other_operators(name):
    with pytest.raises(UserError, match="(Concat|Unsqueeze|Transpose) '.*': the operator is not known"):
        read_onnx(LIGHT / f"light_{name}.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bvlc_alexnet", "resnet50"])
def test_light_models_with_weights(name, tmp_path):
    """The files of those names in the ONNX model zoo have this structure; the first is Caffe's AlexNet."""
    proto = onnx.version_converter.convert_version(onnx.load(LIGHT / f"light_{name}.onnx"), 12)
    proto.ir_version = 7
    rng, shapes = (
        np.random.default_rng(0),
        {one.name: onnx.numpy_helper.to_array(one) for one in proto.graph.initializer},
    )
    filled = {one.output[0]: shapes[one.input[0]] for one in proto.graph.node if one.op_type == "ConstantOfShape"}
    kept = [one for one in proto.graph.node if one.op_type not in ("ConstantOfShape", "Softmax")]
    proto.graph.output[0].name = kept[-1].output[0]  # scores, which tell more than probabilities
    del proto.graph.node[:], proto.graph.input[1:]
    proto.graph.node.extend(kept)
    for key, shape in filled.items():
        spread = (2 / np.prod(shape[1:])) ** 0.5 if len(shape) > 1 else 0.05
        weights = rng.standard_normal(shape, np.float32) * np.float32(spread) + np.float32(len(shape) == 1)
        proto.graph.initializer.append(
            onnx.numpy_helper.from_array(abs(weights) if key.endswith("riv_0") else weights, key)
        )
    if name == "bvlc_alexnet":
        assert sum(np.prod(shape) for shape in filled.values()) == 60_965_224
    foreign = read_onnx(saved(tmp_path / "some.onnx", proto))
    x = numbers(2, 224, 224, 3, scale=50)  # large enough for the response normalisation to matter
    bgr = any("BGR to RGB" in note for note in foreign.notes)
    assert bgr == (name == "bvlc_alexnet")
    for picture, scores in zip(x, foreign.network.predict(x)):  # the file takes one at a time
        expected = theirs(proto, picture[None, ..., ::-1] if bgr else picture[None])[0]
        np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-4 * abs(expected).max())


def cases():
    """(name, model, inputs, outputs, tolerances) of every case of known operators."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [
            case
            for kind in ("node", "pytorch-converted", "pytorch-operator", "simple")
            for case in load_model_tests(kind=kind)
        ]
    for case in found:
        model = case.model or onnx.load(os.path.join(case.model_dir, "model.onnx"))
        if not {node.op_type for node in model.graph.node} <= OPERATORS.keys():
            continue
        sets = case.data_sets or [
            [[read(file) for file in sorted(folder.glob(f"{kind}_*.pb"))] for kind in ("input", "output")]
            for folder in sorted(Path(case.model_dir).glob("test_data_set_*"))
        ]
        for inputs, outputs in sets:
            yield case.name, model, inputs, outputs, dict(rtol=case.rtol, atol=max(case.atol, 1e-6))


def with_constants(model, arrays):
    """The model with its first input alone, and its first output; the others are constants."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    held = {one.name for one in model.graph.initializer}
    names = [one.name for one in model.graph.input if one.name not in held]
    for name, array in list(zip(names, arrays))[1:]:
        changed.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array), name))
    del changed.graph.output[1:]
    return changed


def answer(file, x):
    """Our output for the input `x`, both as ONNX has them."""
    reading = Reading(as_graph(*open_model(file)), CONVERSIONS)
    if x.ndim not in (2, 4):
        raise UserError(f"{x.ndim} axes")
    ends = leave_out_softmax(reading)
    shape, pictures = x.shape[1:], x.ndim == 4
    layers, at = read_layers(reading, At(reading.graph.input, shape, (*shape[1:], shape[0]) if pictures else shape))
    y = Sequential(layers).predict(np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if pictures else x)
    if y.ndim == 4:
        y = y.transpose(0, 3, 1, 2)
    elif at.flat:
        C, H, W = at.flat
        y = y.reshape(-1, H, W, C).transpose(0, 3, 1, 2)
    y = y.reshape(len(x), *at.shape)
    return softmax(y) if ends else y


# Why a case is refused: a word of its message
KINDS = {
    "of 1, 3 or 5 axes: sound, volumes": " axes",
    "of whole numbers": "found type",
    "no pictures of float": "is no tensor of float32",
    "dilations": "dilations",
    "training": "training",
    "pads of a pooling": "found pads",
    "pictures as columns": "transA",
    "a bias for each picture": "numbers of float",
    "weights for each picture": "expected 2 axes",
    "two inputs and no block": "later input",
    "no input": "found 0 inputs",
    "a computed shape": "ConstantOfShape",
    "broadcast as before opset 7": "'broadcast'",
    "a Softmax over no classes": "it at the end",
    "flattened along another axis": "found axis",
}


@pytest.mark.slow
def test_nodes(tmp_path):
    counts, file = Counter(), tmp_path / "case.onnx"
    for name, model, inputs, outputs, tolerances in cases():
        file.write_bytes(with_constants(model, inputs).SerializeToString())
        try:
            found = answer(file, np.asarray(inputs[0])) if inputs else as_graph(*open_model(file))
        except UserError as error:
            kinds = [kind for kind, word in KINDS.items() if word in str(error)]
            assert kinds, f"{name}: {error}"
            counts[kinds[0]] += 1
            continue
        np.testing.assert_allclose(found, outputs[0], err_msg=name, **tolerances)
        counts["passed"] += 1

    assert counts["passed"] >= 72 and set(counts) <= {"passed", *KINDS}
