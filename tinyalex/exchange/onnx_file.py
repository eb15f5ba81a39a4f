"""An ONNX file as nodes and constants, without what its result does not need; nothing in it is believed unchecked.

A few bytes could ask for gigabytes: a tensor must hold as many numbers as its shape says, and whoever copies constants
asks for the memory (`Graph.spend`).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from tinyalex.errors import UserError
from tinyalex.files import as_user_error, read_regular

OPSETS_FROM = 6
LARGEST_FILE = 2**31  # bytes, as protocol buffers have it
FILLED = 160_000_000  # numbers that ConstantOfShape may make in all: VGG-19's weights, in a file of a few kilobytes
SPARE = 1 << 20  # bytes that may be copied in any case

# {operator: {attribute: its default, of its type}}
OPERATORS: dict[str, dict[str, Any]] = {
    "Add": {},
    "AveragePool": dict(
        auto_pad="NOTSET", ceil_mode=0, count_include_pad=0, dilations=[], kernel_shape=[], pads=[], strides=[]
    ),
    "BatchNormalization": dict(epsilon=1e-5, is_test=1, momentum=0.9, spatial=1, training_mode=0),
    "Constant": {},
    "ConstantOfShape": {},
    "Conv": dict(auto_pad="NOTSET", dilations=[], group=1, kernel_shape=[], pads=[], strides=[]),
    "Div": {},
    "Dropout": dict(is_test=1, ratio=0.5, seed=0),
    "Flatten": dict(axis=1),
    "Gemm": dict(alpha=1.0, beta=1.0, broadcast=1, transA=0, transB=0),
    "GlobalAveragePool": {},
    "Identity": {},
    "LRN": dict(alpha=1e-4, beta=0.75, bias=1.0, size=0),
    "MatMul": {},
    "MaxPool": dict(
        auto_pad="NOTSET", ceil_mode=0, dilations=[], kernel_shape=[], pads=[], storage_order=0, strides=[]
    ),
    "Mul": {},
    "Relu": {},
    "Reshape": dict(allowzero=0),
    "Sigmoid": {},
    "Softmax": dict(axis=1),
    "Sub": {},
    "Sum": {},
    "Tanh": {},
}


@dataclass(frozen=True, eq=False)
class Node:
    """One operator. attributes: with the defaults of those that the file leaves out"""

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.op} {(self.name or self.outputs[0])!r}"

    def refuse(self, found: str, expected: str) -> UserError:
        """The error for a node that is not what it should be."""
        return UserError(f"{self}: found {found}, expected {expected}")


@dataclass
class Graph:
    """The way from one input to one output.

    nodes: all that the output needs, each after what it reads;  constants: by name
    input: its name;  shape: its declared axes, None for one that is left open;  output: its name
    left: bytes of constants that may still be copied
    """

    nodes: list[Node]
    constants: dict[str, np.ndarray]
    input: str
    shape: tuple[int | None, ...]
    output: str
    left: int = 0
    half: list[str] = field(default_factory=list)  # names of constants that are no float32

    def take(self, node: Node, number: int) -> np.ndarray | None:
        """The constant that is input `number` of a node, counted from 0; None if the node leaves it out.

        UserError if it is computed, or if constants are used so often that their copies are much larger than the file.
        """
        name = node.inputs[number] if number < len(node.inputs) else ""
        if not name:
            return None
        if name not in self.constants:
            raise node.refuse(f"input {name!r} computed by the network", "a constant")
        self.spend(node, self.constants[name].nbytes)
        return self.constants[name]

    def spend(self, node: Node, size: int) -> None:
        """Ask for `size` bytes."""
        self.left -= size
        if self.left < 0:
            raise node.refuse("constants used again and again, or made larger", "a network about as large as its file")


def open_model(path: str | PathLike) -> tuple[Any, "Tensors"]:
    """(the file's content, what makes arrays of its tensors).

    UserError, which does not name the file, for one that is damaged, or without the package `onnx`.
    """
    try:
        import onnx
    except ImportError:
        raise UserError("ONNX files are read through the package onnx; install it with: pip install onnx") from None
    try:
        data = read_regular(Path(path), LARGEST_FILE)
    except OSError as error:
        raise as_user_error(error) or error from error
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # of protobuf, whichever it is
        raise UserError("not a readable ONNX file; it is damaged or was cut short") from error
    _check_opset(model, onnx.defs.onnx_opset_version())
    return model, Tensors(Path(path).parent, len(data))


def _check_opset(model, newest):
    opsets = {one.domain: one.version for one in model.opset_import if one.domain in ("", "ai.onnx")}
    found = max(opsets.values(), default=None)
    if found is None or not OPSETS_FROM <= found <= newest:
        raise UserError(f"found operators of version {found}, expected opset {OPSETS_FROM} to {newest}")


def as_graph(model: Any, tensors: "Tensors") -> Graph:
    """The graph of a file's content. UserError for one that is not as ONNX has them, or not of these operators."""
    proto = model.graph
    if len(proto.output) != 1:
        raise UserError(f"found {len(proto.output)} outputs, expected one")
    if proto.sparse_initializer:
        raise UserError("found sparse initialisers, expected ordinary ones")
    output = proto.output[0].name
    constants = {one.name: tensors.array(one) for one in proto.initializer}
    needed = _needed(proto.node, output)
    inputs = [one for one in proto.input if one.name in needed and one.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(repr(one.name) for one in inputs[:5])
        raise UserError(f"found {len(inputs)} inputs{names and f' ({names})'}, expected one, pictures N×3×H×W")
    nodes, known = [], {inputs[0].name}
    for one in proto.node:
        if needed.isdisjoint(one.output):
            continue
        node = _node(one)
        for name in filter(None, node.inputs):
            if name not in known and name not in constants:
                raise node.refuse(f"input {name!r}, which is in no tensor and of no node before it", "a graph in order")
        if node.outputs[0] in known or node.outputs[0] in constants:
            raise node.refuse(f"output {node.outputs[0]!r} for the second time", "one node for each name")
        if (value := _folded(node, one, constants, tensors)) is not None:
            constants[node.outputs[0]] = value
        else:
            nodes.append(node)
            known.add(node.outputs[0])
    if output not in known:
        raise UserError(f"the output {output!r} is not computed from the input")
    half = [name for name, array in constants.items() if array.dtype in (np.float16, np.float64)]
    return Graph(nodes, constants, inputs[0].name, _shape(inputs[0]), output, 4 * tensors.bytes + SPARE, half)


def _needed(nodes, output):
    """The names that the output depends on."""
    needed = {output}
    for node in reversed(nodes):
        if not needed.isdisjoint(node.output):
            needed.update(filter(None, node.input))
    return needed


def _shape(value):
    """The axes of a graph's input."""
    kind = value.type.tensor_type
    if kind.elem_type != 1:  # TensorProto.FLOAT
        raise UserError(f"the input {value.name!r} is no tensor of float32, expected pictures N×3×H×W of float32")
    return tuple(axis.dim_value if axis.dim_value > 0 else None for axis in kind.shape.dim)


def _node(proto):
    op = proto.op_type
    node = Node(op, proto.name, tuple(proto.input), tuple(proto.output), dict(OPERATORS.get(op, {})))
    if op not in OPERATORS or proto.domain not in ("", "ai.onnx"):
        where = f" of {proto.domain!r}" if proto.domain else ""
        known = ", ".join(OPERATORS)
        raise UserError(f"{node}: the operator{where} is not known here; known are {known}")
    if op in ("Constant", "ConstantOfShape"):
        return node
    for attribute in proto.attribute:
        if attribute.name not in node.attributes:
            raise node.refuse(f"attribute {attribute.name!r}", f"some of {list(node.attributes)}")
        node.attributes[attribute.name] = _value(node, attribute)
    return node


def _value(node, attribute):
    kind = type(node.attributes[attribute.name])
    held, number = {float: ("f", 1), int: ("i", 2), str: ("s", 3), list: ("ints", 7)}[kind]
    if attribute.type != number or attribute.ref_attr_name:
        raise node.refuse(f"attribute {attribute.name!r} of another type", kind.__name__)
    value = getattr(attribute, held)
    if kind is float:
        return float(str(np.float32(value)))  # 1e-05, not 9.999999747378752e-06
    return value.decode(errors="replace") if kind is str else kind(value)


def _folded(node, proto, constants, tensors):
    """The value of a node that reads nothing but constants; None for any other."""
    if node.op == "Identity":
        return constants.get(node.inputs[0]) if node.inputs else None
    if node.op == "Constant":
        if len(proto.attribute) != 1:
            raise node.refuse(f"{len(proto.attribute)} attributes", "one, its value")
        return tensors.attribute(node, proto.attribute[0])
    if node.op == "ConstantOfShape":
        shape = constants.get(node.inputs[0]) if node.inputs else None
        value = tensors.attribute(node, proto.attribute[0]) if proto.attribute else np.zeros(1, np.float32)
        if shape is None or shape.ndim != 1 or shape.dtype != np.int64 or value.size != 1:
            raise node.refuse("an input or a value of another kind", "a constant shape and one number")
        return tensors.filled(node, tuple(map(int, shape)), value)
    return None


class Tensors:
    """Makes arrays of a file's tensors. bytes: of this file and of others that it names, and of what is filled"""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder, self.bytes, self.filled_numbers = folder, size, 0
        self.files: dict[Path, bytes] = {}

    def array(self, tensor):
        """A tensor's numbers, as many as its shape declares."""
        name, shape = f"tensor {tensor.name!r}", tuple(tensor.dims)
        dtype, held = KINDS.get(tensor.data_type, (None, ""))
        if dtype is None:
            raise UserError(f"{name}: found type {tensor.data_type}, expected float, double, float16, int32 or int64")
        if min(shape, default=1) < 0 or len(shape) > 8:
            raise UserError(f"{name}: found the shape {shape[:9]}, expected lengths of 0 or more, 8 at most")
        if tensor.data_location == 1:  # TensorProto.EXTERNAL
            data = self._elsewhere(tensor, name)
        elif tensor.HasField("raw_data"):
            data = tensor.raw_data
        else:
            data = np.array(getattr(tensor, held), "<i4" if dtype == "<f2" else dtype)
            data = (data.astype("<u2") if dtype == "<f2" else data).tobytes()
        numbers, found = math.prod(shape), len(data) / np.dtype(dtype).itemsize
        if numbers != found:
            raise UserError(f"{name}: declares {numbers:,} numbers, holds {found:,.10g}")
        return np.frombuffer(data, dtype).reshape(shape)

    def attribute(self, node, attribute):
        """The value of a constant."""
        if attribute.type == 4:  # AttributeProto.TENSOR
            return self.array(attribute.t)
        held = {"value_float": ("f", np.float32), "value_floats": ("floats", np.float32)}
        held |= {"value_int": ("i", np.int64), "value_ints": ("ints", np.int64)}
        if attribute.name not in held:
            raise node.refuse(f"attribute {attribute.name!r}", "a tensor or numbers")
        field_name, dtype = held[attribute.name]
        return np.array(getattr(attribute, field_name), dtype)

    def filled(self, node, shape, value):
        """One number everywhere, in the memory of one number."""
        self.filled_numbers += math.prod(shape) if min(shape, default=1) >= 0 else FILLED + 1
        if self.filled_numbers > FILLED or len(shape) > 8:
            raise node.refuse(f"the shape {shape[:9]}", f"at most {FILLED:,} numbers of all such nodes")
        self.bytes += math.prod(shape) * value.itemsize
        return np.broadcast_to(value.reshape(()), shape)

    def _elsewhere(self, tensor, name):
        """The bytes of a tensor that lies in a file beside this one."""
        about = {one.key: one.value for one in tensor.external_data}
        location = about.get("location", "")
        parts = PurePosixPath(location.replace("\\", "/")).parts
        file = self.folder.joinpath(*parts)
        inside = parts and location.isprintable() and ".." not in parts and parts[0] != "/" and ":" not in parts[0]
        if not inside or not file.resolve().is_relative_to(self.folder.resolve()):
            raise UserError(f"{name}: found its numbers in {location!r}, expected a file in the folder of this one")
        try:
            offset = int(about.get("offset", "0"))
            if file not in self.files:
                self.files[file] = read_regular(file, LARGEST_FILE)
                self.bytes += len(self.files[file])
            length = int(about.get("length", len(self.files[file]) - offset))
        except OSError as error:
            raise as_user_error(error) or error from error
        except ValueError:
            raise UserError(f"{name}: found an offset or a length that is no number") from None
        if offset < 0 or length < 0 or offset + length > len(self.files[file]):
            raise UserError(
                f"{name}: lies at {offset:,} to {offset + length:,} of {location!r}, "
                f"which has {len(self.files[file]):,} bytes"
            )
        return memoryview(self.files[file])[offset : offset + length]


# {TensorProto's number: (dtype, the field that holds numbers one by one)}
KINDS = {
    1: ("<f4", "float_data"),
    6: ("<i4", "int32_data"),
    7: ("<i8", "int64_data"),
    9: ("?", "int32_data"),
    10: ("<f2", "int32_data"),
    11: ("<f8", "double_data"),
}


def names(values: Iterable[Any]) -> str:
    """Numbers as "1×3×224"; "?" for one that is left open."""
    return "×".join("?" if value is None else str(value) for value in values)
