"""AlexNet, as the paper has it, and smaller networks of its kinds of layers.

Shapes in the comments are H×W×C after the line.
"""

from tinyalex.layers import Conv2d, Dropout, Flatten, Layer, Linear, LocalResponseNorm, MaxPool2d, ReLU
from tinyalex.models.model import Layers, Model


def features() -> dict[str, Layer]:
    """Paper §3.5 and Fig. 2. 224 pixels give 55 places as the 2012 source rounds: the last window hangs over."""
    return {
        "conv1": Conv2d(3, 96, 11, stride=4, rounding="ceil"),  # 55×55×96
        "relu1": ReLU(),
        "norm1": LocalResponseNorm(),
        "pool1": MaxPool2d(3, 2),  # 27×27×96
        "conv2": Conv2d(96, 256, 5, padding=2, groups=2),  # 27×27×256
        "relu2": ReLU(),
        "norm2": LocalResponseNorm(),
        "pool2": MaxPool2d(3, 2),  # 13×13×256
        "conv3": Conv2d(256, 384, 3, padding=1),  # 13×13×384
        "relu3": ReLU(),
        "conv4": Conv2d(384, 384, 3, padding=1, groups=2),  # 13×13×384
        "relu4": ReLU(),
        "conv5": Conv2d(384, 256, 3, padding=1, groups=2),  # 13×13×256
        "relu5": ReLU(),
        "pool5": MaxPool2d(3, 2),  # 6×6×256
    }


def classifier(inputs: int, hidden: int, num_classes: int) -> dict[str, Layer]:
    """Three fully connected layers, dropout after the first two in the paper's form (§4.2)."""
    return {
        "flatten": Flatten(),
        "fc6": Linear(inputs, hidden),
        "relu6": ReLU(),
        "drop6": Dropout(0.5, inverted=False),
        "fc7": Linear(hidden, hidden),
        "relu7": ReLU(),
        "drop7": Dropout(0.5, inverted=False),
        "fc8": Linear(hidden, num_classes),
    }


def alexnet(num_classes: int) -> Layers:
    """The paper's network."""
    return features(), classifier(9216, 4096, num_classes)


def alexnet_64(num_classes: int) -> Layers:
    """The paper's network with a first layer for 56 pixels: from pool1 on, every shape is the paper's."""
    first = {
        "conv1": Conv2d(3, 96, 3, padding=1),  # 56×56×96
        "pool1": MaxPool2d(3, 2, rounding="floor"),  # 27×27×96
    }
    return features() | first, classifier(9216, 4096, num_classes)


def alexnet_32(num_classes: int) -> Layers:
    """alexnet-64 for 28 pixels: half the side everywhere, 13, 6 and 3 after the poolings."""
    changed = {
        "conv1": Conv2d(3, 96, 3, padding=1),  # 28×28×96
        "pool1": MaxPool2d(3, 2, rounding="floor"),  # 13×13×96
        "pool5": MaxPool2d(3, 2, rounding="ceil"),  # 3×3×256
    }
    return features() | changed, classifier(2304, 4096, num_classes)


def alexnet_small(num_classes: int, width: int = 2) -> Layers:
    """The paper's kinds of layers, sized so that two cores train it in minutes; sides 27, 13, 6 as in the paper.

    Kernels: 24, 64, 96, 96, 64 times `width`, a quarter of the paper's for width 1 and half for 2.
    """
    a, b, c = 24 * width, 64 * width, 96 * width
    smaller = {
        "conv1": Conv2d(3, a, 5, stride=2, rounding="ceil"),  # 27×27×a
        "conv2": Conv2d(a, b, 5, padding=2, groups=2),  # 13×13×b
        "conv3": Conv2d(b, c, 3, padding=1),  # 6×6×c
        "conv4": Conv2d(c, c, 3, padding=1, groups=2),  # 6×6×c
        "conv5": Conv2d(c, b, 3, padding=1, groups=2),  # 6×6×b
        "pool5": MaxPool2d(3, 2, rounding="ceil"),  # 3×3×b
    }
    return features() | smaller, classifier(9 * b, 256 * width, num_classes)


def alexnet_mini(num_classes: int) -> Layers:
    """alexnet-small with half the kernels: several times faster, for experiments with many runs."""
    return alexnet_small(num_classes, width=1)


# How net #145 was trained where the paper says something else or nothing (2012 source: `layers/layer-params-145.cfg`,
# `convdata.py`, the record of the run). Our reading: conv1 "slowed" means a tenth of the rate; its epochs, like ours,
# count from 0; and it ran 90 of them, for a record that stops at 91.
SOURCE_RECIPE = {
    "schedule": "steps:25,51,79",
    "bias_lr": 2.0,
    "bias_decay": False,
    "layer_lr": "conv1:67:0.1,conv1:72:0",
    "color_epochs": 67,
    "crop_run": 32,
}

ALEXNETS = (
    Model(
        name="alexnet", about="the paper's network", size=256, layers=alexnet, init="paper", pixel_scale=1.0, epochs=90
    ),
    Model(
        name="alexnet-2012-source",
        about="the paper's network as the released source ran it",
        size=256,
        layers=alexnet,
        init="source",
        pixel_scale=1 / 1.1,
        epochs=90,
        recipe=SOURCE_RECIPE,
        variations=("2012-source",),
    ),
    Model(name="alexnet-64", about="the paper's shapes from pool1 on", size=64, layers=alexnet_64, epochs=60),
    Model(name="alexnet-32", about="alexnet-64's kernels, half the side", size=32, layers=alexnet_32, epochs=60),
    Model(
        name="alexnet-small", about="its layers, for a CPU", size=64, layers=alexnet_small, lr=0.02, epochs=30, batch=64
    ),
    Model(
        name="alexnet-mini",
        about="half the kernels of alexnet-small, for experiments",
        size=64,
        layers=alexnet_mini,
        lr=0.02,
        epochs=30,
        batch=64,
    ),
)
