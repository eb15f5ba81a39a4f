"""A network that others trained: the common form between readers of files and the run folder."""

import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from tinyalex.data.augment import View
from tinyalex.layers import Layer
from tinyalex.layers.base import Shape
from tinyalex.network import Network


@dataclass(frozen=True)
class Foreign:
    """A network read from another library's file, and how its pictures are prepared.

    features, classifier: as for `tinyalex.network.Network`; parameters and state hold the file's weights, in float32
    in_shape: (T, T, 3), what the network sees of a picture;  name: suggested for the model, of a-z, 0-9, "." and "-"
    size: the shorter side of a picture is scaled to it, in pixels; the centre T×T is cut from it
    mean: per channel R, G, B, 0 to 255;  scale: factor on (pixel − mean), per channel R, G, B
    class_ids, class_names: in the order of the scores; None: the file does not name them
    notes: one plain sentence for each thing that was converted
    view: of a file that we wrote, in place of size, mean and scale; None for others
    """

    features: dict[str, Layer]
    classifier: dict[str, Layer]
    in_shape: Shape
    name: str
    size: int
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    class_ids: tuple[str, ...] | None = None
    class_names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    view: View | None = None

    @property
    def network(self) -> Network:
        """The layers as a network, for pictures (N, T, T, 3) in RGB and scores (N, classes)."""
        return Network(self.features, self.classifier, self.in_shape, self.name)


def name_of(path: str | PathLike) -> str:
    """The name of a network that is known by its file alone."""
    return re.sub("[^a-z0-9.-]+", "-", Path(path).stem.lower()).strip("-.") or "network"
