"""One thing changed in a network: the comparisons of the paper, as functions from layers to layers.

A variation takes the trunk and the head as dicts from name to layer, in order, and returns them changed. It need not
adapt the layers that follow: `vary` gives them the right number of inputs afterwards. "alexnet-small+no-lrn" is the
model alexnet-small with the variation no-lrn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinyalex.layers import (
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

Layers = dict[str, Layer]  # by name, in order


@dataclass(frozen=True)
class Variation:
    """about: one line for people;  change: (features, classifier) → (features, classifier)."""

    about: str
    change: Callable[[Layers, Layers], Sequence[Layers]]


def vary(features: Layers, classifier: Layers, in_shape: Shape, names: Sequence[str]) -> Sequence[Layers]:
    """(features, classifier) with the named variations applied in turn; their layers then fit together again.

    in_shape: (H, W, C) of the pictures
    """
    if not names:
        return features, classifier
    for name in names:
        features, classifier = VARIATIONS[name].change(features, classifier)
    return _fitted(features, classifier, in_shape)


def _fitted(features, classifier, in_shape):
    """The layers, rebuilt where the number of their inputs has changed."""
    shape, fitted = tuple(in_shape), []
    for layers in (features, classifier):
        fitted.append({})
        for name, layer in layers.items():
            if isinstance(layer, Conv2d) and layer.in_channels != shape[-1]:
                layer = layer.like(in_channels=shape[-1])
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
    features, _ = _without("conv4", "relu4", "conv5", "relu5")(features, {})
    return features, {name: layer for name, layer in classifier.items() if name in ("flatten", "fc8")}


VARIATIONS = {
    "tanh": Variation("tanh instead of ReLU (§3.1)", _swapped(ReLU, Tanh)),
    "sigmoid": Variation("the logistic function instead of ReLU (§3.1)", _swapped(ReLU, Sigmoid)),
    "four-layer": Variation("conv1 to conv3 and the last layer, without LRN and dropout (§3.1, Fig. 1)", _four_layer),
    "one-column": Variation("half the kernels in conv1 to conv4, no groups (§3.2)", _mapped(_one_column)),
    "two-towers": Variation(
        "LRN within each half of the channels, as on two GPUs (§3.2, Fig. 2)", _mapped(_two_towers)
    ),
    "no-lrn": Variation(
        "without local response normalisation (§3.3)", _without_kinds(LocalResponseNorm, SpatialResponseNorm)
    ),
    "pool-2": Variation("pooling without overlap, 2/2 instead of 3/2 (§3.4)", _mapped(_pool_2)),
    "no-dropout": Variation("without dropout (§4.2)", _without_kinds(Dropout)),
    "no-conv3": Variation("without the third convolution (§7)", _without("conv3", "relu3")),
    "no-conv4": Variation("without the fourth convolution (§7)", _without("conv4", "relu4")),
    "no-conv5": Variation("without the fifth convolution (§7)", _without("conv5", "relu5")),
    "2012-source": Variation("the order and normalisation of the released source (net #145)", _as_the_source),
}
