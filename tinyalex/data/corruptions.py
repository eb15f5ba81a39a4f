"""Pictures as a camera, a cable or a crop may spoil them: the corruptions of ImageNet-C that NumPy and Pillow can make.

Each comes in five severities, each farther from the original than the one before. Their strengths are Tiny
ImageNet-C's, which was made for 64 pixels. A length in pixels grows with the side S, so that a blur covers the same
share of a larger picture; below 64 pixels it shrinks with the root of S only, as from Tiny ImageNet-C to CIFAR-10-C,
since a blur of a quarter of a pixel changes nothing. ImageNet-C itself, for 224 pixels, has more noise and lower JPEG
quality. Three differ: the smallest disc of `defocus-blur` is 0.85 pixels, not a softened 0.5; `saturate` only adds
colour, where ImageNet-C takes it away at severities 1 and 2; `rotation` comes from ImageNet-P, whose angles end at 15°.
Left out are glass blur, snow, frost, fog, spatter and elastic transforms.

The same picture gets the same noise from the same seed, whatever its batch and the severity.
Source: Hendrycks & Dietterich, Benchmarking Neural Network Robustness to Common Corruptions, ICLR 2019.
"""

import io
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from tinyalex.backend import random_stream
from tinyalex.errors import UserError, did_you_mean

SEVERITIES = range(1, 6)
SIDE = 64  # pixels, for which lengths are given
RAYS = 17  # points per pixel that a kernel is summed from; odd, so that one is at the centre of a pixel


@dataclass(frozen=True)
class Corruption:
    """One kind of corruption; call it with pictures.

    family: "noise", "blur", "light and colour" or "files and sampling"
    strengths: of severities 1 to 5;  unit: what they are, in words
    of_one: (x float32 (S, S, 3) in 0..1, strength, generator) → the same shape; values beyond 0..1 are cut
    """

    name: str
    family: str
    of_one: Callable[[np.ndarray, Any, np.random.Generator], np.ndarray]
    unit: str
    strengths: tuple[float, ...]

    def __call__(self, pictures: np.ndarray, severity: int, rng: np.random.Generator | int) -> np.ndarray:
        """Corrupt uint8 pictures (N, S, S, 3): new ones of the same shape.

        severity: 1 to 5;  rng: the seed, a whole number, or a generator from which one is drawn
        ValueError for other severities, shapes or dtypes.
        """
        if severity not in SEVERITIES:
            raise ValueError(f"{self.name}: severity = {severity}, expected 1 to 5")
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != 3:
            raise ValueError(
                f"{self.name}: pictures are {pictures.dtype} {pictures.shape}, expected uint8 (N, S, S, 3)"
            )
        seed = int(rng.integers(2**32)) if isinstance(rng, np.random.Generator) else rng
        spoilt = np.empty_like(pictures, order="C")
        for picture, place in zip(pictures, spoilt):
            stream = random_stream(seed, self.name, zlib.crc32(picture.tobytes()))
            x = self.of_one(picture.astype(np.float32) / 255, self.strengths[severity - 1], stream)
            place[...] = np.rint(np.clip(x, 0, 1) * 255)
        return spoilt


# ---------------------------------------------------------------------------------------------- noise


def _gaussian_noise(x, deviation, rng):
    return x + deviation * rng.standard_normal(x.shape, dtype=np.float32)


def _shot_noise(x, photons, rng):
    return rng.poisson(x * photons) / photons


def _impulse_noise(x, share, rng):
    u = rng.random(x.shape)
    return np.where(u < share / 2, 0, np.where(u >= 1 - share / 2, 1, x))


def _speckle_noise(x, deviation, rng):
    return x + x * deviation * rng.standard_normal(x.shape, dtype=np.float32)


# ---------------------------------------------------------------------------------------------- blur


def _scale(side):
    """The factor on a length for pictures of this side."""
    return max(side / SIDE, 1) * min(side / SIDE, 1) ** 0.5


def _gaussian_blur(x, deviation, rng):
    deviation *= _scale(len(x))
    offsets = np.arange(-(reach := math.ceil(4 * deviation)), reach + 1)
    weights = np.exp(-(offsets**2) / (2 * deviation**2))
    return _filtered(x, np.outer(weights, weights))


def _defocus_blur(x, radius, rng):
    """A disc, as of a lens out of focus. Each pixel weighs as much of it as the disc covers."""
    radius *= _scale(len(x))
    reach = math.ceil(radius)
    fine = (np.arange(RAYS * (2 * reach + 1)) + 0.5) / RAYS - reach - 0.5  # pixel i is from i − ½ to i + ½
    inside = fine[:, None] ** 2 + fine**2 <= radius**2
    return _filtered(x, inside.reshape(2 * reach + 1, RAYS, 2 * reach + 1, RAYS).mean(axis=(1, 3)))


def _motion_blur(x, deviation, rng):
    """Half a bell curve along a line, at −45° to 45°: a camera that moves, and the shutter closes."""
    deviation *= _scale(len(x))
    reach, angle = math.ceil(3 * deviation), math.radians(rng.uniform(-45, 45))
    kernel = np.zeros((2 * reach + 3, 2 * reach + 3))  # a margin of one pixel for the shares below
    t = np.arange(0, 3 * deviation, 1 / RAYS)
    weights = np.exp(-(t**2) / (2 * deviation**2))
    row, column = reach + 1 + t * math.sin(angle), reach + 1 + t * math.cos(angle)
    top, left = row.astype(int), column.astype(int)
    down, right = row - top, column - left
    for i, share in ((0, 1 - down), (1, down)):  # each point is shared by the four pixels around it
        for j, part in ((0, 1 - right), (1, right)):
            np.add.at(kernel, (top + i, left + j), weights * share * part)
    return _filtered(x, kernel)


def _zoom_blur(x, most, rng):
    """The mean of the picture and its centre enlarged by 1, 1.01, … to `most`: a zoom during the exposure."""
    image, side, total = Image.fromarray(np.rint(x * 255).astype(np.uint8)), len(x), x.copy()
    factors = np.arange(1, most + 1e-6, 0.01)
    for factor in factors:
        edge = side * (1 - 1 / factor) / 2
        box = (edge, edge, side - edge, side - edge)
        total += np.asarray(image.resize((side, side), Image.Resampling.BILINEAR, box), np.float32) / 255
    return total / (len(factors) + 1)


def _filtered(x, kernel):
    """Each pixel becomes the kernel's mean of those around it; beyond its edge a picture is mirrored.

    kernel: (K, K), K odd, of any sum. By Fourier transforms, so that its size costs nothing.
    """
    reach, side = len(kernel) // 2, len(x)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    wide = np.pad(x, ((reach, reach), (reach, reach), (0, 0)), "symmetric")
    shape = wide.shape[:2]
    transformed = np.fft.rfft2(wide, axes=(0, 1)) * np.fft.rfft2(kernel, shape)[..., None]
    return np.fft.irfft2(transformed, shape, axes=(0, 1))[2 * reach : 2 * reach + side, 2 * reach : 2 * reach + side]


# ---------------------------------------------------------------------------------------------- light and colour


def _brightness(x, more, rng):
    """The largest of red, green and blue is raised; the others keep their ratio to it (V of HSV)."""
    value = x.max(axis=2, keepdims=True)
    raised = np.minimum(value + more, 1)
    return np.where(value > 0, x * raised / np.maximum(value, 1e-6), raised)


def _contrast(x, factor, rng):
    mean = x.mean(axis=(0, 1), dtype=np.float64)
    return (x - mean) * factor + mean


def _saturate(x, factor, rng):
    """Multiply the distance from the pixel's largest channel, until one is 0 (S of HSV)."""
    value = x.max(axis=2, keepdims=True)
    gap = value - x
    most = value / np.maximum(gap.max(axis=2, keepdims=True), 1e-6)
    return value - gap * np.minimum(factor, most)


# ---------------------------------------------------------------------------------------------- files and sampling


def _jpeg(x, quality, rng):
    file = io.BytesIO()
    Image.fromarray(np.rint(x * 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), np.float32) / 255


def _pixelate(x, share, rng):
    """Scale to `share` of the side and back; each pixel becomes the cell that it lies in."""
    S = len(x)
    side = max(1, int(S * share))
    side -= (
        side % (2 * (S & -S)) == 0
    )  # else the centres of some pixels lie between two cells, which shifts the picture
    image = Image.fromarray(np.rint(x * 255).astype(np.uint8)).resize((side, side), Image.Resampling.BOX)
    return np.asarray(image.resize((S, S), Image.Resampling.NEAREST), np.float32) / 255


def _rotation(x, degrees, rng):
    """Turn about the centre, one way or the other; beyond its edge a picture is mirrored."""
    margin = math.ceil(0.21 * len(x))  # a corner is (√½ − ½)·S farther from the centre than an edge
    wide = np.pad(np.rint(x * 255).astype(np.uint8), ((margin, margin), (margin, margin), (0, 0)), "symmetric")
    turned = Image.fromarray(wide).rotate(degrees if rng.random() < 0.5 else -degrees, Image.Resampling.BICUBIC)
    return np.asarray(turned, np.float32)[margin : margin + len(x), margin : margin + len(x)] / 255


CORRUPTIONS = {
    name: Corruption(name, family, of_one, unit, strengths)
    for family, kinds in {
        "noise": (
            ("gaussian-noise", _gaussian_noise, "standard deviation of 0..1", (0.04, 0.08, 0.12, 0.15, 0.18)),
            ("shot-noise", _shot_noise, "photons for white", (250, 100, 50, 30, 15)),
            ("impulse-noise", _impulse_noise, "share of values that become 0 or 1", (0.01, 0.02, 0.05, 0.08, 0.14)),
            ("speckle-noise", _speckle_noise, "standard deviation of the factor", (0.15, 0.2, 0.25, 0.3, 0.35)),
        ),
        "blur": (
            ("gaussian-blur", _gaussian_blur, "standard deviation, pixels of 64", (0.5, 0.75, 1, 1.25, 1.5)),
            ("defocus-blur", _defocus_blur, "radius, pixels of 64", (0.85, 1, 1.5, 2.5, 3)),
            ("motion-blur", _motion_blur, "standard deviation, pixels of 64", (1, 1.5, 2, 2.5, 3)),
            ("zoom-blur", _zoom_blur, "largest factor", (1.05, 1.1, 1.15, 1.2, 1.25)),
        ),
        "light and colour": (
            ("brightness", _brightness, "added to 0..1", (0.1, 0.2, 0.3, 0.4, 0.5)),
            ("contrast", _contrast, "factor", (0.4, 0.3, 0.2, 0.1, 0.05)),
            ("saturate", _saturate, "factor", (1.5, 2, 3, 5, 20)),
        ),
        "files and sampling": (
            ("jpeg", _jpeg, "quality", (65, 58, 50, 40, 25)),
            ("pixelate", _pixelate, "share of the side", (0.9, 0.8, 0.7, 0.6, 0.5)),
            ("rotation", _rotation, "degrees", (5, 10, 15, 20, 30)),
        ),
    }.items()
    for name, of_one, unit, strengths in kinds
}


def find_corruption(name: str) -> Corruption:
    """The corruption of a name. UserError for an unknown one."""
    if name not in CORRUPTIONS:
        near = did_you_mean(name, CORRUPTIONS)
        raise UserError(f"found {name!r}{near}, expected some of {', '.join(CORRUPTIONS)}", "corruptions")
    return CORRUPTIONS[name]
