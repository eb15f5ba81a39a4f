"""Small ONNX files, and the package's own answers to them."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the package onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402


def node(op, *inputs, to, name="", **attributes):
    return helper.make_node(op, list(inputs), [to] if isinstance(to, str) else to, name or to, **attributes)


def model(nodes, constants=(), shape=("N", 3, 8, 8), opset=13, **more):
    """A file's content from nodes, the last of which makes the output; "x" is its input.

    constants: {name: array}
    """
    output = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [output],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in dict(constants).items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, **more)


def saved(path, proto):
    path.write_bytes(proto.SerializeToString())
    return path


def theirs(proto, x):
    """The scores that onnxruntime computes for pictures (N, H, W, C)."""
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    runtime.set_default_logger_severity(4)
    session = runtime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(x.transpose(0, 3, 1, 2))})[0]
