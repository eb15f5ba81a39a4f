"""The networks, as short lists of layers, and what each expects of its pictures.

Shapes in the comments are H×W×C after the line. Crops are 7/8 of the picture everywhere, as 224 of 256 in the paper.
A name may carry variations, "alexnet-small+no-lrn" say (see `tinyalex.variations`): that is a model like any other.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tinyalex.errors import UserError
from tinyalex.layers import Conv2d, Dropout, Flatten, Linear, LocalResponseNorm, MaxPool2d, ReLU
from tinyalex.network import Network
from tinyalex.variations import VARIATIONS, vary

PIXEL_RMS = 64.0  # root mean square of (pixel − mean), roughly, in photographs


@dataclass(frozen=True)
class Model:
    """A network by name, with the pictures it takes and the settings it is known to train well with.

    size: side of the prepared pictures; crop: side of what the network sees, both in pixels
    init: "paper", "source" or "he" (see `tinyalex.optim.initialise`)
    pixel_scale: what (pixel − mean), −255 to 255, is multiplied with; 1 is the paper's. The larger the inputs, the
        faster the first layer learns beside the others.
    lr, epochs, batch: the trainer's defaults for this network
    recipe: its defaults for other settings of a `Config`, where they are not everybody's
    variations: names of what is changed in `layers` (see `tinyalex.variations`)
    """

    name: str
    about: str
    size: int
    crop: int
    layers: Callable
    init: str
    pixel_scale: float
    lr: float
    epochs: int
    batch: int
    recipe: dict = field(default_factory=dict)
    variations: tuple = ()

    @property
    def input_rms(self):
        """The root mean square, roughly, of what the first layer sees."""
        return PIXEL_RMS * self.pixel_scale

    def build(self, num_classes):
        """The network with fresh random parameters, for pictures (N, crop, crop, 3) and scores (N, num_classes)."""
        features, classifier = vary(*self.layers(num_classes), (self.crop, self.crop, 3), self.variations)
        return Network(features, classifier, (self.crop, self.crop, 3), self.name)


def _alexnet(num_classes):
    """Paper §3.5 and Fig. 2. 224 pixels give 55 places as the 2012 source rounds: the last window hangs over."""
    features = {
        "conv1": Conv2d(3, 96, 11, stride=4, rounding="ceil"),
        "relu1": ReLU(),  # 55×55×96
        "norm1": LocalResponseNorm(),
        "pool1": MaxPool2d(3, 2),  # 27×27×96
        **_from_conv2(),
    }
    return features, _head(9216, 4096, num_classes)


def _alexnet_64(num_classes):
    """The paper's network behind a first layer for 56 pixels: from pool1 on every shape is the paper's."""
    features = {
        "conv1": Conv2d(3, 96, 3, padding=1),
        "relu1": ReLU(),  # 56×56×96
        "norm1": LocalResponseNorm(),
        "pool1": MaxPool2d(3, 2, rounding="floor"),  # 27×27×96
        **_from_conv2(),
    }
    return features, _head(9216, 4096, num_classes)


def _alexnet_32(num_classes):
    """The same kernels once more for 28 pixels: half the side of alexnet-64 everywhere."""
    features = {
        "conv1": Conv2d(3, 96, 3, padding=1),
        "relu1": ReLU(),  # 28×28×96
        "norm1": LocalResponseNorm(),
        "pool1": MaxPool2d(3, 2, rounding="floor"),  # 13×13×96
        **_from_conv2(pool5="ceil"),  # 6×6, then 3×3×256
    }
    return features, _head(2304, 4096, num_classes)


def _alexnet_small(num_classes, width=2):
    """The paper's kinds of layers, sized so that two cores train it in minutes; sides 27, 13, 6 as in the paper.

    Kernels: 24, 64, 96, 96, 64 times `width`, a quarter and a half of the paper's for 1 and 2.
    """
    a, b, c = 24 * width, 64 * width, 96 * width
    features = {
        "conv1": Conv2d(3, a, 5, stride=2, rounding="ceil"),
        "relu1": ReLU(),  # 27×27×a
        "norm1": LocalResponseNorm(),
        "pool1": MaxPool2d(3, 2),  # 13×13×a
        "conv2": Conv2d(a, b, 5, padding=2, groups=2),
        "relu2": ReLU(),  # 13×13×b
        "norm2": LocalResponseNorm(),
        "pool2": MaxPool2d(3, 2),  # 6×6×b
        "conv3": Conv2d(b, c, 3, padding=1),
        "relu3": ReLU(),  # 6×6×c
        "conv4": Conv2d(c, c, 3, padding=1, groups=2),
        "relu4": ReLU(),  # 6×6×c
        "conv5": Conv2d(c, b, 3, padding=1, groups=2),
        "relu5": ReLU(),  # 6×6×b
        "pool5": MaxPool2d(3, 2, rounding="ceil"),  # 3×3×b
    }
    return features, _head(9 * b, 256 * width, num_classes)


def _alexnet_mini(num_classes):
    """alexnet-small with half the kernels: several times sooner, for experiments with many runs."""
    return _alexnet_small(num_classes, width=1)


def _from_conv2(pool5=None):
    """conv2 to pool5 of the paper, for 27×27×96 (or, with the rounding that it needs at the end, 13×13×96)."""
    return {
        "conv2": Conv2d(96, 256, 5, padding=2, groups=2),
        "relu2": ReLU(),  # 27×27×256
        "norm2": LocalResponseNorm(),
        "pool2": MaxPool2d(3, 2),  # 13×13×256
        "conv3": Conv2d(256, 384, 3, padding=1),
        "relu3": ReLU(),  # 13×13×384
        "conv4": Conv2d(384, 384, 3, padding=1, groups=2),
        "relu4": ReLU(),  # 13×13×384
        "conv5": Conv2d(384, 256, 3, padding=1, groups=2),
        "relu5": ReLU(),  # 13×13×256
        "pool5": MaxPool2d(3, 2, rounding=pool5),  # 6×6×256
    }


def _head(inputs, hidden, num_classes):
    """Three fully connected layers, dropout after the first two, in the paper's form (§4.2)."""
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


# How net #145 was trained where the paper says otherwise or nothing (2012 source: `layers/layer-params-145.cfg`,
# `convdata.py`, the record of the run). Our reading: that conv1 "slowed" means a tenth of the rate; that its epochs, like
# ours, count from 0; and 90 of them, for a record that stops at 91.
SOURCE_RECIPE = dict(
    schedule="steps:25,51,79",
    bias_lr=2.0,
    bias_decay=False,
    layer_lr="conv1:67:0.1,conv1:72:0",
    color_epochs=67,
    crop_run=32,
)

MODELS = {
    model.name: model
    for model in (
        Model(
            "alexnet", "the paper's network, 224-pixel crops of 256", 256, 224, _alexnet, "paper", 1.0, 0.01, 90, 128
        ),
        Model(
            "alexnet-2012-source",
            "the paper's network as the released source ran it",
            256,
            224,
            _alexnet,
            "source",
            1 / 1.1,
            0.01,
            90,
            128,
            SOURCE_RECIPE,
            variations=("2012-source",),
        ),
        Model(
            "alexnet-64",
            "the paper's from pool1 on, 56-pixel crops of 64",
            64,
            56,
            _alexnet_64,
            "he",
            1 / 16,
            0.01,
            60,
            128,
        ),
        Model("alexnet-32", "the same kernels, 28-pixel crops of 32", 32, 28, _alexnet_32, "he", 1 / 16, 0.01, 60, 128),
        Model("alexnet-small", "for CPUs, 56-pixel crops of 64", 64, 56, _alexnet_small, "he", 1 / 16, 0.02, 30, 64),
        Model(
            "alexnet-mini",
            "for experiments, half as wide as alexnet-small",
            64,
            56,
            _alexnet_mini,
            "he",
            1 / 16,
            0.02,
            30,
            64,
        ),
    )
}


DEFAULT_MODEL = "alexnet-small"


def find_model(name, asked="--model"):
    """The model of that name, "alexnet-small" or "alexnet-small+no-lrn+pool-2"; UserError with the nearest name if none.

    asked: where the name was given, the first word of the error
    """
    base, *names = name.split("+")
    if base not in MODELS:
        near = difflib.get_close_matches(base, MODELS, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise UserError(f"{asked}: there is no {base!r}; {meant}Expected one of {', '.join(MODELS)}")
    variations = (*MODELS[base].variations, *names)
    for variation in variations:
        if variation not in VARIATIONS or variations.count(variation) > 1:
            found = (
                f"there is no variation {variation!r}" if variation not in VARIATIONS else f"{variation!r} comes twice"
            )
            near = difflib.get_close_matches(variation, VARIATIONS, n=1) if variation not in VARIATIONS else ()
            meant = f"did you mean +{near[0]}? " if near else ""
            raise UserError(f"{asked} {name}: {found}; {meant}Expected some of +{', +'.join(VARIATIONS)}")
    return replace(MODELS[base], name=name, variations=variations)


def in_towers(model):
    """The model as two GPUs of 2012 computed it, which did not meet where responses are normalised (paper §3.2)."""
    apart = {"two-towers", "no-lrn", "four-layer"} & set(model.variations)
    return model if apart else find_model(f"{model.name}+two-towers")
