"""VGG: AlexNet's plan with small kernels, many of them (Simonyan and Zisserman 2014, arXiv:1409.1556).

Every convolution is 3×3 and keeps the side of its input; 2×2 pooling halves it after each stage.
"""

from collections.abc import Sequence

from tinyalex.layers import Conv2d, Layer, MaxPool2d, ReLU
from tinyalex.models.alexnet import classifier
from tinyalex.models.model import Layers, Model

VGG_11 = (64,), (128,), (256, 256), (512, 512), (512, 512)  # the paper's A: kernels of each convolution, by stage
VGG_16 = (64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)  # the paper's D
VGG_SMALL = (24, 24), (48, 48), (96, 96)
VGG_MINI = (12, 12), (24, 24), (48, 48)


def features(stages: Sequence[Sequence[int]]) -> dict[str, Layer]:
    """Stages of 3×3 convolutions, each with its ReLU; a pooling after each stage."""
    layers: dict[str, Layer] = {}
    channels = 3
    for s, stage in enumerate(stages, 1):
        for i, kernels in enumerate(stage, 1):
            layers[f"conv{s}_{i}"] = Conv2d(channels, kernels, 3, padding=1)
            layers[f"relu{s}_{i}"] = ReLU()
            channels = kernels
        layers[f"pool{s}"] = MaxPool2d(2, 2)
    return layers


def vgg11(num_classes: int) -> Layers:
    """The paper's network A: 224, 112, 56, 28, 14 and 7 pixels after the poolings."""
    return features(VGG_11), classifier(7 * 7 * 512, 4096, num_classes)


def vgg16(num_classes: int) -> Layers:
    """The paper's network D: 138,357,544 parameters for 1,000 classes."""
    return features(VGG_16), classifier(7 * 7 * 512, 4096, num_classes)


def vgg_small(num_classes: int) -> Layers:
    """Three stages of two convolutions, sized for a CPU: 56, 28, 14 and 7 pixels."""
    return features(VGG_SMALL), classifier(7 * 7 * 96, 512, num_classes)


def vgg_mini(num_classes: int) -> Layers:
    """vgg-small with half the kernels: several times faster, for experiments with many runs."""
    return features(VGG_MINI), classifier(7 * 7 * 48, 256, num_classes)


VGGS = (
    Model(name="vgg11", about="VGG with 11 layers (A)", family="vgg", size=256, layers=vgg11, epochs=74),
    Model(name="vgg16", about="VGG with 16 layers (D)", family="vgg", size=256, layers=vgg16, epochs=74),
    Model(
        name="vgg-small",
        about="VGG's kinds of layers, for a CPU",
        family="vgg",
        size=64,
        layers=vgg_small,
        epochs=30,
        batch=64,
    ),
    Model(
        name="vgg-mini",
        about="half the kernels of vgg-small, for experiments",
        family="vgg",
        size=64,
        layers=vgg_mini,
        lr=0.03,
        epochs=30,
        batch=64,
    ),
)
