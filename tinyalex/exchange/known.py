"""Networks that others publish, recognised by the names and shapes of their tensors.

They are torchvision's AlexNet, VGG and ResNet, and ResNets for CIFAR as in akamaster/pytorch_resnet_cifar10. Each is a
list of our layers, and a rule for PyTorch's names of them.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from tinyalex.composite import Sequential, layer_of
from tinyalex.errors import UserError
from tinyalex.exchange.foreign import Foreign
from tinyalex.exchange.layout import Misfit, Tensors, check, conversions, count_classes, expect_no_others, fill
from tinyalex.layers import BatchNorm2d, Conv2d, Dropout, Flatten, Layer, Linear, MaxPool2d, ReLU
from tinyalex.layers.base import Shape
from tinyalex.models import resnet
from tinyalex.models import vgg as paper
from tinyalex.models.resnet import cifar, imagenet
from tinyalex.models.vgg import VGG_11, VGG_16
from tinyalex.network import Network

Layers = dict[str, Layer]
# PyTorch users take (pixel / 255 − mean) / std, with ImageNet's mean and std of R, G, B
MEAN = 255 * 0.485, 255 * 0.456, 255 * 0.406
SCALE = 1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225)
ALIKE = 0.5  # the share of common names from which on a network is nearly a known one


@dataclass(frozen=True)
class Known:
    """A published network.

    features: () → trunk;  classifier: number of classes → head;  last: PyTorch's name of the last layer
    modules: ("features" or "classifier", its layers) → {our path of a layer: PyTorch's name of it}
    size, crop: of pictures, in pixels
    """

    name: str
    features: Callable[[], Layers]
    classifier: Callable[[int], Layers]
    last: str
    modules: Callable[[str, Layers], dict[str, str]]
    size: int = 256
    crop: int = 224

    @cached_property
    def trunk_names(self) -> set[str]:
        """PyTorch's names of the trunk's tensors."""
        trunk = Sequential(self.features())
        modules = self.modules("features", trunk.layers)
        return {f"{modules[layer_of(name)]}.{name.rpartition('.')[2]}" for name in trunk.params | trunk.state}

    def likeness(self, tensors: Tensors) -> float:
        """The share of names that the tensors and the trunk have in common, 0 to 1."""
        return len(self.trunk_names & tensors.keys()) / len(self.trunk_names | tensors.keys())

    def read(self, tensors: Tensors, path: str) -> Foreign:
        """The network with these weights. Misfit for tensors of another network; UserError for unusable numbers."""
        features, in_shape = self.features(), (self.crop, self.crop, 3)
        named = self._named("features", features, in_shape)
        check(tensors, named.values())  # before memory is taken for the large layers
        classifier = self.classifier(count_classes(tensors, self.last))
        named |= self._named("classifier", classifier, Sequential(features).out_shape(in_shape))
        expect_no_others(tensors, check(tensors, named.values()))
        network = Network(features, classifier, in_shape, self.name)
        fill(network, tensors, {inner: module for inner, (module, _) in named.items()}, path)
        return Foreign(
            features, classifier, in_shape, self.name, self.size, MEAN, SCALE, notes=conversions(network, tensors)
        )

    def _named(self, part: str, layers: Layers, in_shape: Shape) -> dict[str, tuple[str, Layer]]:
        """{our path: (PyTorch's name, layer)} of the simple layers."""
        modules = self.modules(part, layers)
        return {inner: (modules.get(inner, ""), layer) for inner, layer, *_ in Sequential(layers).shapes(in_shape)}


def recognised(tensors: Tensors, path: str) -> Foreign:
    """The published network that the tensors belong to, with them as its weights.

    path: of their file, for messages. UserError, with what was found and expected, if there is no such network.
    """
    nearest = max(KNOWN, key=lambda known: known.likeness(tensors))
    try:
        if nearest.likeness(tensors) >= ALIKE:
            return nearest.read(tensors, path)
    except Misfit as misfit:
        raise UserError(f"{path}: nearly {nearest.name}, but {misfit}") from None
    held, expected = ", ".join(list(tensors)[:4]), ", ".join(known.name for known in KNOWN)
    raise UserError(f"{path}: no known network has tensors such as {held[:200]}; expected one of {expected}")


# ------------------------------------------------------------------------------------------ PyTorch's names of layers


def in_sequence(part: str, layers: Layers) -> dict[str, str]:
    """Their numbers in a torch.nn.Sequential; flattening is not one of its layers."""
    inside = [name for name, layer in layers.items() if not isinstance(layer, Flatten)]
    return {name: f"{part}.{number}" for number, name in enumerate(inside)}


def in_blocks(part: str, layers: Layers) -> dict[str, str]:
    """torchvision's names in ResNets, "layer1.0.downsample.1" for "block1_1.shortcut.bn"."""

    def theirs(inner):
        inner = re.sub(r"^block(\d+)_(\d+)", lambda found: f"layer{found[1]}.{int(found[2]) - 1}", inner)
        return inner.replace("shortcut.conv", "downsample.0").replace("shortcut.bn", "downsample.1")

    return {inner: theirs(inner) for inner in map(layer_of, Sequential(layers).params)}


def in_cifar_blocks(part: str, layers: Layers) -> dict[str, str]:
    """`in_blocks`, with another name for the last layer."""
    return {inner: "linear" if inner == "fc" else module for inner, module in in_blocks(part, layers).items()}


# ------------------------------------------------------------------------------------------ networks


def alexnet() -> Layers:
    """torchvision's trunk: one tower without normalisation, as in Krizhevsky 2014, arXiv:1404.5997."""
    return {
        "conv1": Conv2d(3, 64, 11, stride=4, padding=2, rounding="floor"),  # 55×55×64
        "relu1": ReLU(),
        "pool1": MaxPool2d(3, 2),  # 27×27×64
        "conv2": Conv2d(64, 192, 5, padding=2),
        "relu2": ReLU(),
        "pool2": MaxPool2d(3, 2),  # 13×13×192
        "conv3": Conv2d(192, 384, 3, padding=1),
        "relu3": ReLU(),
        "conv4": Conv2d(384, 256, 3, padding=1),
        "relu4": ReLU(),
        "conv5": Conv2d(256, 256, 3, padding=1),
        "relu5": ReLU(),
        "pool5": MaxPool2d(3, 2),  # 6×6×256
    }


def vgg(stages: Sequence[Sequence[int]], norm: bool = False) -> Layers:
    """The paper's trunk; with `norm`, a normalisation before each ReLU."""
    layers: Layers = {}
    for name, layer in paper.features(stages).items():
        layers[name] = layer
        if norm and isinstance(layer, Conv2d):
            layers[f"bn{name.removeprefix('conv')}"] = BatchNorm2d(layer.out_channels)
    return layers


def head(inputs: int, dropout_first: bool, num_classes: int) -> Layers:
    """Three fully connected layers of 4,096, and dropout before the first two or after them."""
    drop6, drop7 = {"drop6": Dropout(0.5)}, {"drop7": Dropout(0.5)}
    fc6 = {"fc6": Linear(inputs, 4096), "relu6": ReLU()}
    fc7 = {"fc7": Linear(4096, 4096), "relu7": ReLU()}
    hidden = drop6 | fc6 | drop7 | fc7 if dropout_first else fc6 | drop6 | fc7 | drop7
    return {"flatten": Flatten()} | hidden | {"fc8": Linear(4096, num_classes)}


def _sequence(name, features, inputs, dropout_first=False):
    classifier = partial(head, inputs, dropout_first)
    return Known(f"torchvision-{name}", features, classifier, "classifier.6", in_sequence)


def _residual(name, layers, channels, **others):
    return Known(name, lambda: layers(1)[0], partial(resnet.classifier, channels), **others)


KNOWN = (
    _sequence("alexnet", alexnet, 6 * 6 * 256, dropout_first=True),
    _sequence("vgg11", lambda: vgg(VGG_11), 7 * 7 * 512),
    _sequence("vgg11-bn", lambda: vgg(VGG_11, norm=True), 7 * 7 * 512),
    _sequence("vgg16", lambda: vgg(VGG_16), 7 * 7 * 512),
    _sequence("vgg16-bn", lambda: vgg(VGG_16, norm=True), 7 * 7 * 512),
    _residual("torchvision-resnet18", imagenet((2, 2, 2, 2)), 512, last="fc", modules=in_blocks),
    _residual("torchvision-resnet34", imagenet((3, 4, 6, 3)), 512, last="fc", modules=in_blocks),
    *(
        _residual(f"cifar-resnet{n}", cifar(n), 64, last="linear", modules=in_cifar_blocks, size=32, crop=32)
        for n in (20, 32, 44, 56, 110)
    ),
)
