"""Damaged and hostile ONNX files: bytes spoiled, shapes that lie, circles, numbers that lie elsewhere or nowhere."""

from functools import partial

import numpy as np
import onnx  # before what skips a test without it
from onnx import TensorProto, helper

from tests.exchange import graphs
from tests.exchange.stirring import view_of
from tests.fuzzing.damage import NUMBERS, spoiled
from tinyalex.exchange.onnx_file import OPERATORS
from tinyalex.exchange.onnx_in import CONVENTIONS, read_onnx
from tinyalex.exchange.onnx_out import write_onnx
from tinyalex.layers import BatchNorm2d, Conv2d, GlobalAvgPool2d, Linear
from tinyalex.network import Network
from tinyalex.residual import Residual

MOST = 2**62
LARGE = (*(n for n in NUMBERS if n < MOST), -1, 10**9, 7, 2**40)


def setup(folder):
    """A chain, a network with blocks, and a file of ours."""
    from tests.exchange.test_onnx_in import alexnet_like, residual

    block, ours = Residual({"conv1": Conv2d(4, 4, 3, padding=1), "bn1": BatchNorm2d(4)}), folder / "ours.onnx"
    features, head = {"conv1": Conv2d(3, 4, 3), "block1": block}, {"pool": GlobalAvgPool2d(), "fc": Linear(4, 3)}
    write_onnx(Network(features, head, (8, 8, 3)), view_of(9, 8), list("abc"), list("abc"), ours)
    return [alexnet_like().SerializeToString(), residual().SerializeToString(), ours.read_bytes()]


def make(random, folder, shared):
    proto = onnx.load_model_from_string(random.choice(shared))
    content = random.choice(FAULTS)(random, proto, folder)
    path = folder / "some.onnx"
    path.write_bytes(content if isinstance(content, bytes) else proto.SerializeToString())
    pictures, crop = random.choice((None, *CONVENTIONS)), random.choice((None, None, None, 8, 9, 10**9))
    return partial(_read, path, pictures, crop)


def _read(path, pictures, crop):
    foreign = read_onnx(path, pictures, crop)
    scores = foreign.network.predict(np.zeros((1, *foreign.in_shape), np.float32))
    assert scores.shape == (1, foreign.network.num_classes) and len(foreign.notes) < 100


def _right(random, proto, folder):
    return None


def _bytes(random, proto, folder):
    return spoiled(random, proto.SerializeToString())


def _cut(random, proto, folder):
    content = proto.SerializeToString()
    return content[: random.randrange(len(content))]


def _dims(random, proto, folder):
    """Shapes that lie, of tensors or of the input."""
    dims = random.choice(proto.graph.initializer).dims
    if random.random() < 0.3:
        random.choice(proto.graph.input[0].type.tensor_type.shape.dim).dim_value = random.choice(LARGE)
    elif random.random() < 0.3 or not dims:
        dims.append(random.choice(LARGE))
    else:
        dims[random.randrange(len(dims))] = random.choice(LARGE)


def _filled(random, proto, folder):
    """A gigabyte declared in a kilobyte."""
    proto.graph.node.insert(0, graphs.node("ConstantOfShape", "shape of all", to="all"))
    shape = [random.choice((1, 3, 4, 1000, 10**5, 10**9, -1)) for _ in range(random.randint(0, 9))]
    proto.graph.initializer.append(helper.make_tensor("shape of all", TensorProto.INT64, [len(shape)], shape))
    _rewire(random, proto, "all")


def _rewire(random, proto, name=None):
    """Another input for a node: circles, computed weights, weights used again."""
    nodes = [node for node in proto.graph.node if node.input]
    names = [one.name for one in proto.graph.initializer] + [one for node in nodes for one in node.output]
    node = random.choice(nodes)
    node.input[random.randrange(len(node.input))] = name or random.choice((*names, "x", "", "nowhere"))


def _rewired(random, proto, folder):
    for _ in range(random.randint(1, 3)):
        _rewire(random, proto)


def _nodes(random, proto, folder):
    """Nodes left out, doubled, in another order or of another operator."""
    nodes = list(proto.graph.node)
    node = random.choice(nodes)
    what = random.randrange(4)
    if what == 0:
        nodes.remove(node)
    elif what == 1:
        nodes.insert(random.randrange(len(nodes)), node)
    elif what == 2:
        random.shuffle(nodes)
    else:
        node.op_type = random.choice((*OPERATORS, "Loop", "Concat", ""))
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def _attributes(random, proto, folder):
    node = random.choice(proto.graph.node)
    name = random.choice((*OPERATORS.get(node.op_type, {}), "pads", "value"))
    numbers = [random.choice((0, 1, 2, 3, -1, 5, 10**6, 2**62)) for _ in range(random.randint(1, 5))]
    value = random.choice((numbers, numbers[0], float("nan"), float("inf"), 0.0, "SAME_UPPER", "SAME_LOWER", "X"))
    for other in [one for one in node.attribute if one.name == name]:
        node.attribute.remove(other)
    node.attribute.append(helper.make_attribute(name, value))


def _elsewhere(random, proto, folder):
    """External data: right, in other folders, beyond the end."""
    tensor = random.choice(proto.graph.initializer)
    data = tensor.raw_data
    (folder / "weights").write_bytes(b"1" * 8 + data)
    (folder.parent / "secret").write_bytes(data)
    location = random.choice(("weights",) * 4 + ("../secret", str(folder.parent / "secret"), "", ".", "no\0", "nosuch"))
    about = {"location": location, "offset": "8", "length": str(len(data))}
    if random.random() < 0.6:
        about[random.choice(("offset", "length"))] = random.choice(("-8", "x", "", str(MOST), "9" * 5000, "4"))
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in about.items():
        if random.random() < 0.95:
            tensor.external_data.add(key=key, value=value)


def _types(random, proto, folder):
    """Numbers of another kind, or held in another field."""
    tensor = random.choice(proto.graph.initializer)
    tensor.data_type = random.choice((0, 1, 2, 6, 7, 8, 9, 10, 11, 14, 16, 99))
    if random.random() < 0.5:
        tensor.ClearField("raw_data")
        getattr(tensor, random.choice(("int32_data", "int64_data"))).extend([random.choice((0, -1, 2**31 - 1))] * 12)


def _again(random, proto, folder):
    """The same weights very often: a network larger than its file."""
    nodes, last = list(proto.graph.node), "x"
    side = random.choice((1, 200))
    weights = graphs.onnx.numpy_helper.from_array(np.zeros((3, 3, side, side), np.float32), "again")
    for number in range(random.choice((2, 30, 5000))):
        nodes.insert(number, graphs.node("Conv", last, "again", to=f"again{number}", pads=[0, 0, side - 1, side - 1]))
        last = f"again{number}"
    proto.graph.initializer.append(weights)
    nodes[number + 1].input[0] = last
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def _deep(random, proto, folder):
    """Blocks within blocks, and graphs within nodes."""
    depth, x, nodes = random.choice((3, 19, 50, 5000)), "x", []
    for number in range(depth):
        nodes.append(graphs.node("Relu", x if number == 0 else f"r{number - 1}", to=f"r{number}"))
    last = f"r{depth - 1}"
    for number in reversed(range(depth)):
        nodes.append(graphs.node("Add", last, f"r{number - 1}" if number else "x", to=f"s{number}"))
        last = f"s{number}"
    first = proto.graph.node[0]
    first.input[0] = last
    if random.random() < 0.2:
        first.attribute.append(helper.make_attribute("body", helper.make_graph([], "inner", [], [])))
    nodes += list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def _model(random, proto, folder):
    """What stands about the graph."""
    graph = proto.graph
    what = random.randrange(5)
    if what == 0:
        del proto.opset_import[:]
    elif what == 1:
        proto.opset_import[0].version = random.choice(LARGE)
    elif what == 2:
        graph.output.add(name=random.choice(("x", "nowhere", "c1", "")))
    elif what == 3:
        graph.output[0].name = random.choice(("x", "nowhere", "c1", "", "w1"))
    else:
        graph.input.add(name=random.choice(("x", "z", "w1")))


def _text(random, proto, folder):
    """What a file of ours says of its network."""
    for text in proto.metadata_props:
        old = random.choice(("8", "3", "2", "1", "0", "[", "Conv2d", "BatchNorm2d", "Residual", '"', "mean", "A"))
        new = random.choice(("9", "-1", "1000000000", "null", "[[", "{}", "Linear", "Sequential", "NaN", ""))
        at = random.randrange(1 + max(0, len(text.value) - 300))
        text.value = text.value[:at] + text.value[at:].replace(old, new, random.choice((1, 1, 1000)))


FAULTS = (_right, _bytes, _bytes, _cut, _dims, _filled, _rewired, _nodes, _attributes, _elsewhere, _types, _again)
FAULTS += (_deep, _model, _text, _text)
