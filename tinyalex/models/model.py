"""A network by name: its layers, the pictures it takes, and settings it is known to train well with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyalex.layers import Layer
from tinyalex.network import Network
from tinyalex.variations import vary

PIXEL_RMS = 64.0  # root mean square of (pixel − mean), roughly, in photographs
Layers = tuple[dict[str, Layer], dict[str, Layer]]  # features and classifier of a network


@dataclass(frozen=True, kw_only=True)
class Model:
    """A network by name, with the pictures it takes and the settings it is known to train well with.

    family: "alexnet", "vgg", "resnet" or "cifar-resnet": it decides which variations apply
    size: side of the prepared pictures, in pixels
    layers: number of classes → (features, classifier)
    init: "paper", "source" or "he" (see `tinyalex.optim.initialise`)
    crop: the side of what the network sees, in pixels; by default 7/8 of the picture, as 224 of 256 in the paper
    pixel_scale: factor on (pixel − mean), which runs from −255 to 255; 1 is the paper's. The larger the inputs, the
        faster the first layer learns beside the others. One number, or one for each of red, green and blue
    mean: of red, green and blue, from 0 to 255; by default, the mean picture of the training data
    lr, epochs, batch: the trainer's defaults for this network
    recipe: its defaults for other settings of a `Config`, if they differ from everybody's
    variations: names of the changes to `layers` (see `tinyalex.variations`)
    """

    name: str
    about: str
    size: int
    layers: Callable[[int], Layers]
    epochs: int
    family: str = "alexnet"
    init: str = "he"
    crop: int = 0
    pixel_scale: float | tuple[float, ...] = 1 / 16
    mean: tuple[float, ...] | None = None
    lr: float = 0.01
    batch: int = 128
    recipe: dict[str, Any] = field(default_factory=dict)
    variations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "crop", self.crop or self.size * 7 // 8)

    @property
    def input_rms(self) -> float:
        """The root mean square, roughly, of what the first layer sees."""
        return PIXEL_RMS * float(np.mean(self.pixel_scale))

    def build(self, num_classes: int) -> Network:
        """The network with fresh random parameters, for pictures (N, crop, crop, 3) and scores (N, num_classes)."""
        features, classifier = vary(*self.layers(num_classes), (self.crop, self.crop, 3), self.variations)
        return Network(features, classifier, (self.crop, self.crop, 3), self.name)
