"""ResNet: blocks that learn what to add to their input (He et al. 2015, arXiv:1512.03385).

Convolution, batch normalisation, ReLU, in that order; the sum is taken before the block's last ReLU. The convolutions
have no bias, since the normalisation behind each has one.
"""

from collections.abc import Callable, Sequence
from typing import Any

from tinyalex.layers import BatchNorm2d, Conv2d, GlobalAvgPool2d, Layer, Linear, MaxPool2d, PaddedShortcut, ReLU
from tinyalex.models.model import Layers, Model
from tinyalex.residual import Residual

Shortcut = Callable[[int, int, int], dict[str, Layer]]  # from channels in, channels out and stride


def conv_bn(name: str, channels: int, kernels: int, kernel_size: int, stride: int = 1) -> dict[str, Layer]:
    """A convolution that keeps the side, or divides it by the stride, and its normalisation: "conv1", "bn1"."""
    padding = kernel_size // 2
    conv = Conv2d(channels, kernels, kernel_size, stride, padding, rounding="floor", bias=False)
    return {f"conv{name}": conv, f"bn{name}": BatchNorm2d(kernels)}


def projection(channels: int, kernels: int, stride: int) -> dict[str, Layer]:
    """The shortcut where the shape changes, with weights ("option B")."""
    return conv_bn("", channels, kernels, 1, stride)


def padded(channels: int, kernels: int, stride: int) -> dict[str, Layer]:
    """The shortcut where the shape changes, without weights ("option A")."""
    return {"pad": PaddedShortcut(channels, kernels, stride)}


def block(channels: int, kernels: int, stride: int, shortcut: Shortcut) -> Residual:
    """Two 3×3 convolutions and the way around them."""
    body = conv_bn("1", channels, kernels, 3, stride) | {"relu1": ReLU()} | conv_bn("2", kernels, kernels, 3)
    same = stride == 1 and channels == kernels
    return Residual(body, {} if same else shortcut(channels, kernels, stride))


def stages(channels: int, widths: Sequence[int], blocks: Sequence[int], shortcut: Shortcut) -> dict[str, Layer]:
    """Stages of blocks; each stage but the first begins by halving the side.

    channels: what comes in;  widths: kernels of each stage;  blocks: their number in each stage
    """
    layers: dict[str, Layer] = {}
    for s, (width, count) in enumerate(zip(widths, blocks), 1):
        for i in range(1, count + 1):
            stride = 2 if i == 1 and s > 1 else 1
            layers |= {f"block{s}_{i}": block(channels, width, stride, shortcut), f"relu{s}_{i}": ReLU()}
            channels = width
    return layers


def classifier(channels: int, num_classes: int) -> dict[str, Layer]:
    """One fully connected layer on the mean of each channel: no large layers, no dropout."""
    return {"pool": GlobalAvgPool2d(), "fc": Linear(channels, num_classes)}


def imagenet(blocks: Sequence[int]) -> Callable[[int], Layers]:
    """The network for 224 pixels: 112 and 56 after the stem, then 28, 14 and 7."""

    def layers(num_classes: int) -> Layers:
        stem = conv_bn("1", 3, 64, 7, 2) | {"relu1": ReLU(), "pool1": MaxPool2d(3, 2, 1, rounding="floor")}
        return stem | stages(64, (64, 128, 256, 512), blocks, projection), classifier(512, num_classes)

    return layers


def cifar(depth: int, width: int = 16, stride: int = 1) -> Callable[[int], Layers]:
    """The network for small pictures, of 6n + 2 layers: n blocks in each of three stages (paper §4.2).

    width: kernels of the first stage;  stride: of the first convolution, whose kernel is 2 · stride − 1, 3 at least
    """

    def layers(num_classes: int) -> Layers:
        stem = conv_bn("1", 3, width, max(3, 2 * stride - 1), stride) | {"relu1": ReLU()}
        widths, blocks = (width, 2 * width, 4 * width), [(depth - 2) // 6] * 3
        return stem | stages(width, widths, blocks, padded), classifier(4 * width, num_classes)

    return layers


# The paper's training (§3.4, §4.2). On ImageNet it divides the rate "when the error plateaus"; on CIFAR at 32k and 48k
# of 64k steps, which are these epochs for 45,000 pictures.
LARGE: dict[str, Any] = dict(family="resnet", size=256, lr=0.1, batch=256, epochs=120, recipe={"weight_decay": 1e-4})
SMALL: dict[str, Any] = dict(
    family="cifar-resnet", lr=0.1, epochs=182, recipe={"weight_decay": 1e-4, "schedule": "steps:91,137"}, size=32
)
RESNETS = (
    Model(name="resnet18", about="ResNet with 18 layers", layers=imagenet((2, 2, 2, 2)), **LARGE),
    Model(name="resnet34", about="ResNet with 34 layers", layers=imagenet((3, 4, 6, 3)), **LARGE),
    Model(name="resnet20", about="ResNet with 20 layers, for CIFAR", layers=cifar(20), **SMALL),
    Model(name="resnet56", about="ResNet with 56 layers, for CIFAR", layers=cifar(56), **SMALL),
    Model(
        name="resnet-small",
        about="ResNet's blocks, for a CPU",
        family="cifar-resnet",
        size=64,
        layers=cifar(14, width=32, stride=2),
        lr=0.1,
        epochs=30,
        batch=64,
        recipe={"weight_decay": 1e-4},
    ),
    Model(
        name="resnet-mini",
        about="20 layers with few kernels, for experiments",
        family="cifar-resnet",
        size=64,
        layers=cifar(20, width=8, stride=4),
        lr=0.05,
        epochs=30,
        batch=32,
        recipe={"weight_decay": 1e-4},
    ),
)
