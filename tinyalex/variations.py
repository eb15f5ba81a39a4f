"""One thing changed in a network: the comparisons of the paper, as functions from layers to layers.

A variation takes the trunk and the head as dicts from name to layer, in order, and returns them changed. It need not
adapt the layers that follow: `vary` gives them the right number of inputs afterwards. "alexnet-small+no-lrn" is the
model alexnet-small with the variation no-lrn.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinyalex.composite import Sequential
from tinyalex.layers import (
    BatchNorm2d,
    Conv2d,
    Dropout,
    Layer,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sigmoid,
    SpatialResponseNorm,
    Tanh,
)
from tinyalex.layers.base import Shape
from tinyalex.residual import Residual

Layers = dict[str, Layer]  # by name, in order


@dataclass(frozen=True)
class Variation:
    """about: one line for people;  change: (features, classifier) → (features, classifier)

    families: of the models that it is for (see `tinyalex.models.Model`)
    sets: what it decides, if only one variation of a name may: "activation", "depth", "dropout"
    removes: the variations that it leaves nothing to change: their names, or what they set
    """

    about: str
    change: Callable[[Layers, Layers], Sequence[Layers]]
    families: tuple[str, ...] = ("alexnet",)
    sets: str = ""
    removes: tuple[str, ...] = ()

    def rules_out(self, name: str, other: "Variation") -> bool:
        """Whether another variation, called `name`, cannot stand beside this one."""
        return name in self.removes or bool(other.sets) and other.sets in (self.sets, *self.removes)


def vary(features: Layers, classifier: Layers, in_shape: Shape, names: Sequence[str]) -> Sequence[Layers]:
    """(features, classifier) with the named variations; their layers then fit together again.

    Those with a number come first, then the others in the order of VARIATIONS: the order in a name means nothing.
    in_shape: (H, W, C) of the pictures
    """
    if not names:
        return features, classifier
    order = {name: number for number, name in enumerate(VARIATIONS)}
    for name in sorted(names, key=lambda name: order.get(name, -1)):  # those with a number first
        variation = find_variation(name)
        assert variation is not None, name
        features, classifier = variation.change(features, classifier)
    return _fitted(features, classifier, in_shape)


def _fitted(features, classifier, in_shape):
    """The layers, rebuilt where the number of their inputs has changed."""
    shape, fitted = tuple(in_shape), []
    for layers in (features, classifier):
        fitted.append({})
        for name, layer in layers.items():
            if isinstance(layer, Conv2d) and layer.in_channels != shape[-1]:
                layer = layer.like(in_channels=shape[-1])
            if isinstance(layer, BatchNorm2d) and layer.num_features != shape[-1]:
                layer = layer.like(num_features=shape[-1])
            if isinstance(layer, Linear) and layer.in_features != shape[0]:
                layer = layer.like(in_features=shape[0])
            fitted[-1][name] = layer
            shape = layer.out_shape(shape)
    return fitted


def _mapped(function):
    """A change to each layer alone: function(name, layer) → the layer in its place, or None to drop it."""

    def change(*parts):
        mapped = [[(name, function(name, layer)) for name, layer in part.items()] for part in parts]
        return [{name: layer for name, layer in part if layer is not None} for part in mapped]

    return change


def _swapped(kind, other):
    return _mapped(lambda name, layer: other() if isinstance(layer, kind) else layer)


def _without(*names):
    return _mapped(lambda name, layer: None if name in names else layer)


def _without_kinds(*kinds):
    return _mapped(lambda name, layer: None if isinstance(layer, kinds) else layer)


def _convolution(number):
    """The names of one of AlexNet's convolutions and of its ReLU."""
    return f"conv{number}", f"relu{number}"


def _pool_2(name, layer):
    """3/2 to 2/2: the outputs keep their size if the input's side is odd, as in the paper's network."""
    return MaxPool2d(2, 2, rounding="floor") if isinstance(layer, MaxPool2d) else layer


def _two_towers(name, layer):
    return layer.like(groups=2) if isinstance(layer, LocalResponseNorm) else layer


def _one_column(name, layer):
    """Half the kernels and no groups. conv5 keeps its kernels, since most weights read its outputs (§3.2, note 2)."""
    if not isinstance(layer, Conv2d):
        return layer
    return layer.like(out_channels=layer.out_channels if name == "conv5" else layer.out_channels // 2, groups=1)


def _as_the_source(features, classifier):
    """The order and normalisation of net #145 (`layers/layers-145.cfg`, `layer.py`), which differ from the paper's.

    pool1 and pool5 come before their ReLUs; pool5 and relu5 commute, so only the time differs there. A second
    normalisation, within each map, comes before pool2, unless the network has no first. alpha is divided by the number
    of channels in the window.
    """
    changed, normalised = {}, False
    for name, layer in features.items():
        if isinstance(layer, LocalResponseNorm):
            normalised = True
            layer = layer.like(alpha=layer.alpha / layer.size)
        if name == "pool2" and normalised:
            changed["spatial2"] = SpatialResponseNorm()
        if name not in ("relu1", "relu5"):
            changed[name] = layer
        relu = {"pool1": "relu1", "pool5": "relu5"}.get(name)
        if relu in features:
            changed[relu] = features[relu]
    return changed, classifier


def _four_layer(features, classifier):
    """A small net for comparing activations: three convolutions, each pooled, and one fully connected layer."""
    features, classifier = _without_kinds(LocalResponseNorm, SpatialResponseNorm)(features, classifier)
    features, _ = _without(*_convolution(4), *_convolution(5))(features, {})
    return features, {name: layer for name, layer in classifier.items() if name in ("flatten", "fc8")}


# ---------------------------------------------------------------------------------------------- what followed


def _batch_norm(features, classifier):
    """`BatchNorm2d` behind each convolution, in place of response normalisation."""
    features, classifier = _without_kinds(LocalResponseNorm, SpatialResponseNorm)(features, classifier)
    changed = {}
    for name, layer in features.items():
        changed[name] = layer
        if isinstance(layer, Conv2d):
            changed[name.replace("conv", "bn")] = BatchNorm2d(layer.out_channels)
    return changed, classifier


def _response_norm(features, classifier):
    """LRN behind the first convolution and its ReLU, as in the network A-LRN (Simonyan and Zisserman, Table 1)."""
    changed = {}
    for name, layer in features.items():
        changed[name] = layer
        if name == "relu1_1":
            changed["norm1_1"] = LocalResponseNorm()
    return changed, classifier


def _large_kernels(features, classifier):
    """For each stage of n convolutions, one that sees as far: 2n + 1 pixels, and as many channels as the last."""
    stacks: dict[str, list[Conv2d]] = {}
    for name, layer in features.items():
        if isinstance(layer, Conv2d):
            stacks.setdefault(name.partition("_")[0], []).append(layer)
    changed = {}
    for name, layer in features.items():
        if isinstance(layer, Conv2d):
            stack = stacks[name.partition("_")[0]]
            side = 2 * len(stack) + 1
            layer = layer.like(kernel_size=side, padding=side // 2, out_channels=stack[-1].out_channels)
        if not re.search(r"_[2-9]$", name):
            changed[name] = layer
    return changed, classifier


def _no_skip(name, layer):
    return Sequential(layer.body) if isinstance(layer, Residual) else layer


def _depth(layers):
    """The change to 6n + 2 layers: n blocks in each of three stages, as the model's own."""

    def change(features, classifier):
        changed = {name: layer for name, layer in features.items() if not re.search(r"\d_\d", name)}
        for stage in (1, 2, 3):
            for i in range(1, (layers - 2) // 6 + 1):
                block = features[f"block{stage}_{1 if i == 1 else 2}"].like()
                changed |= {f"block{stage}_{i}": block, f"relu{stage}_{i}": ReLU()}
        return changed, classifier

    return change


ALEXNET_AND_VGG, VGG, RESNET, CIFAR = ("alexnet", "vgg"), ("vgg",), ("resnet", "cifar-resnet"), ("cifar-resnet",)
VARIATIONS = {
    "tanh": Variation("tanh instead of ReLU (§3.1)", _swapped(ReLU, Tanh), ALEXNET_AND_VGG, "activation"),
    "sigmoid": Variation(
        "the logistic function instead of ReLU (§3.1)", _swapped(ReLU, Sigmoid), ALEXNET_AND_VGG, "activation"
    ),
    "four-layer": Variation(
        "conv1 to conv3 and the last layer, without LRN and dropout (§3.1, Fig. 1)",
        _four_layer,
        removes=("two-towers", "no-lrn", "no-conv4", "no-conv5", "dropout"),
    ),
    "one-column": Variation("half the kernels in conv1 to conv4, no groups (§3.2)", _mapped(_one_column)),
    "two-towers": Variation(
        "LRN within each half of the channels, as on two GPUs (§3.2, Fig. 2)", _mapped(_two_towers)
    ),
    "no-lrn": Variation(
        "without local response normalisation (§3.3)",
        _without_kinds(LocalResponseNorm, SpatialResponseNorm),
        removes=("two-towers",),
    ),
    "pool-2": Variation("pooling without overlap, 2/2 instead of 3/2 (§3.4)", _mapped(_pool_2)),
    "no-dropout": Variation("without dropout (§4.2)", _without_kinds(Dropout), ALEXNET_AND_VGG, "dropout"),
    "no-conv3": Variation("without the third convolution (§7)", _without(*_convolution(3))),
    "no-conv4": Variation("without the fourth convolution (§7)", _without(*_convolution(4))),
    "no-conv5": Variation("without the fifth convolution (§7)", _without(*_convolution(5))),
    "2012-source": Variation("the order and normalisation of the released source (net #145)", _as_the_source),
    "bn": Variation(
        "batch normalisation behind each convolution, in place of LRN (Ioffe and Szegedy 2015)",
        _batch_norm,
        ALEXNET_AND_VGG,
        removes=("two-towers", "no-lrn"),
    ),
    "lrn": Variation("LRN behind the first convolution (VGG §4.1)", _response_norm, VGG),
    "large-kernels": Variation("one 5×5 or 7×7 instead of each stack of 3×3 (VGG §2.3)", _large_kernels, VGG),
    "no-skip": Variation(
        "without shortcuts: the plain network of the same depth (ResNet §3.3)", _mapped(_no_skip), RESNET
    ),
}


# ---------------------------------------------------------------------------------------------- with a number


def _with_depth(layers):
    if layers >= 8 and layers % 6 == 2:
        return Variation(f"{layers} layers (ResNet §4.2)", _depth(layers), CIFAR, "depth")
    return None


def _with_dropout(percent):
    if 1 <= percent <= 99:
        change = _mapped(lambda name, layer: layer.like(p=percent / 100) if isinstance(layer, Dropout) else layer)
        return Variation(f"dropout of {percent} % of the units (§4.2: 50)", change, ALEXNET_AND_VGG, "dropout")
    return None


@dataclass(frozen=True)
class Numbered:
    """Variations that a number tells apart, such as depth-44.

    about: one line for people;  numbers: which N there are, in words;  of: N → the variation, None for another N
    families: as of `Variation`
    """

    about: str
    numbers: str
    of: Callable[[int], Variation | None]
    families: tuple[str, ...]


NUMBERED = {
    "depth": Numbered(
        "another number of layers (ResNet §4.2)", "8, 14, 20, … (6n + 2), below 10,000", _with_depth, CIFAR
    ),
    "dropout": Numbered(
        "another percentage of units dropped (§4.2)", "1 to 99, without a leading 0", _with_dropout, ALEXNET_AND_VGG
    ),
}


def find_variation(name: str, family: str | None = None) -> Variation | None:
    """The variation of that name, for models of that family if one is given; None if there is none."""
    found = VARIATIONS.get(name)
    parts = re.fullmatch(r"([a-z]+)-([1-9][0-9]{0,3})", name)
    if parts and (kind := NUMBERED.get(parts[1])):
        found = kind.of(int(parts[2]))
    return found if found and (family is None or family in found.families) else None


def listed_variations() -> dict[str, tuple[str, tuple[str, ...]]]:
    """{name: (about, families)} of all variations, with one entry, such as depth-N, for all numbers."""
    found = {name: (variation.about, variation.families) for name, variation in VARIATIONS.items()}
    numbered = {f"{name}-N": (f"{kind.about}: N is {kind.numbers}", kind.families) for name, kind in NUMBERED.items()}
    return found | numbered
