"""The summary: counted by hand for the paper's network, and it does not believe a layer that lies."""

import pytest

from tests.layers.test_pieces import Centred
from tinyalex.composite import Sequential
from tinyalex.layers import BatchNorm2d, Conv2d, Flatten, Linear, ReLU
from tinyalex.models import find_model
from tinyalex.network import Network
from tinyalex.summary import summarise

FLOAT = 4  # bytes
BY_HAND = {  # what training keeps of one picture: float32 arrays, and a byte for each winner of a pooling window
    "relu1": 55 * 55 * 96 * FLOAT,
    "norm1": 55 * 55 * 96 * FLOAT,  # the denominator; its input is what relu1 keeps
    "pool1": 27 * 27 * 96,
    "conv2": 27 * 27 * 96 * FLOAT,
    "relu2": 27 * 27 * 256 * FLOAT,
    "norm2": 27 * 27 * 256 * FLOAT,
    "pool2": 13 * 13 * 256,
    "conv3": 13 * 13 * 256 * FLOAT,
    "relu3": 13 * 13 * 384 * FLOAT,
    "relu4": 13 * 13 * 384 * FLOAT,
    "relu5": 13 * 13 * 256 * FLOAT,
    "pool5": 6 * 6 * 256,
    "fc6": 9216 * FLOAT,
    **{name: 4096 * FLOAT for name in ("relu6", "drop6", "fc7", "relu7", "drop7", "fc8")},
}


@pytest.fixture(scope="module")
def rows():
    return summarise(find_model("alexnet").build(1000))


def test_activations_by_hand(rows):
    assert {row.name: row.activation_bytes for row in rows if row.activation_bytes} == BY_HAND


def test_totals(rows):
    assert sum(row.parameters for row in rows) == 60_965_224
    assert sum(row.multiply_adds for row in rows) == 724_406_816
    assert [row.out_shape for row in rows][-1] == (1000,) and len(rows) == 23


def test_layers_in_layers_have_a_row_each():
    block = Sequential({"conv": Conv2d(3, 4, 3), "norm": Centred(4), "relu": ReLU()})
    found = summarise(Network({"block": block}, {"flatten": Flatten(), "fc": Linear(16, 2)}, (4, 4, 3)))
    assert [(row.name, row.out_shape, row.parameters, row.multiply_adds, row.state) for row in found] == [
        ("block.conv", (2, 2, 4), 112, 432, 0),
        ("block.norm", (2, 2, 4), 4, 0, 4),
        ("block.relu", (2, 2, 4), 0, 0, 0),
        ("flatten", (16,), 0, 0, 0),
        ("fc", (2,), 34, 32, 0),
    ]
    # relu keeps y in pieces, which are joined for fc
    assert [row.activation_bytes for row in found[2:]] == [16 * FLOAT, 0, 16 * FLOAT]


def test_a_layer_that_needs_two_pictures():
    head = {"flatten": Flatten(), "norm": BatchNorm2d(48), "fc": Linear(48, 2)}
    rows = {row.name: row for row in summarise(Network({"relu": ReLU()}, head, (4, 4, 3)))}
    assert (rows["norm"].parameters, rows["norm"].state) == (96, 96)


def test_what_batch_norm_and_a_block_keep():
    """Its input, of which the statistics are a few numbers for a whole batch; a sum and an identity keep nothing."""
    found = {row.name: row for row in summarise(find_model("resnet20+depth-8").build(10))}
    whole, half, quarter = (28 * 28 * 16 * FLOAT // n for n in (1, 2, 4))
    sizes = {name: row.activation_bytes for name, row in found.items() if row.activation_bytes and "block2" not in name}
    assert sizes == {
        **dict.fromkeys("bn1 relu1 block1_1.bn1 block1_1.relu1 block1_1.bn2 relu1_1".split(), whole),
        "relu2_1": half,
        **dict.fromkeys("block3_1.bn1 block3_1.relu1 block3_1.bn2 relu3_1".split(), quarter),
        "fc": 64 * FLOAT,
    }
    assert found["bn1"].state == 32 and found["block1_1.shortcut.identity"].parameters == 0


class LyingShape(ReLU):
    def out_shape(self, in_shape):
        return (*in_shape[:-1], in_shape[-1] + 1)


class LyingAxes(ReLU):
    def out_shape(self, in_shape):
        return (*in_shape, 1)


@pytest.mark.parametrize("layer", [LyingShape(), LyingAxes()])
def test_a_layer_whose_out_shape_lies(layer):
    network = Network({"conv1": ReLU(), "liar": layer}, {"flatten": Flatten()}, (4, 4, 3))
    network.classifier.layers["fc"] = Linear(48, 2)
    with pytest.raises(AssertionError, match="'liar'.*out_shape"):
        summarise(network)
