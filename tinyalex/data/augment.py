"""From uint8 pictures to the network's inputs: crops, mirror images, colour shifts, the mean subtracted.

N pictures, S their side, T the side of a crop. Everything runs on the pictures' device, except that the few random
numbers are drawn on the host: runs on a CPU and on a GPU see the same crops.
"""

import operator
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from tinyalex.backend import Array, array_module, fused, is_host, to_device
from tinyalex.layers.base import at_least, checked

ARRAYS = ("mean", "color_eigenvalues", "color_eigenvectors")  # the fields of a View that are arrays
COLOR_STD = 0.1  # paper §4.1: a random variable "with mean zero and standard deviation 0.1"


@dataclass(frozen=True)
class Looks:
    """The random draws for N training pictures: where each crop begins, whether it is mirrored, how its colours shift.

    tops, lefts: integers (N,), in pixels;  mirrored: bool (N,)
    alphas: float32 (N, 3), factors of the principal components; None: no shift
    """

    tops: np.ndarray
    lefts: np.ndarray
    mirrored: np.ndarray
    alphas: np.ndarray | None

    def __getitem__(self, run: slice | np.ndarray) -> "Looks":
        """The draws for some of the pictures: a slice, or their places."""
        alphas = None if self.alphas is None else self.alphas[run]
        return Looks(self.tops[run], self.lefts[run], self.mirrored[run], alphas)


@dataclass(frozen=True)
class View:
    """How a network looks at pictures. It is saved with the weights, which are useless without it.

    crop: T, in pixels;  scale: factor on (pixel − mean), one number, or one for each of red, green and blue
    mean: (S, S, 3) float32, the mean training picture, 0 to 255
    color_eigenvalues (3,), color_eigenvectors (3, 3) in columns: principal components of the RGB pixels, scaled to 0..1
    """

    crop: int
    scale: float | tuple[float, ...]
    mean: Array
    color_eigenvalues: Array
    color_eigenvectors: Array

    def __post_init__(self) -> None:
        checked(self.crop, "View: crop", lambda crop: 1 <= operator.index(crop) <= self.size, f"1 to {self.size}")

    @classmethod
    def of(cls, dataset: Any, model: Any) -> "View":
        """The view of `dataset` for `model`, which may have a mean of its own."""
        mean = dataset.mean if model.mean is None else flat_mean(model.mean, model.size)
        return cls(model.crop, model.pixel_scale, mean, dataset.color_eigenvalues, dataset.color_eigenvectors)

    @property
    def size(self) -> int:
        """S, the side of the pictures."""
        return self.mean.shape[0]

    def to(self, xp: ModuleType) -> "View":
        """This view with its arrays on device `xp`."""
        arrays = {key: to_device(getattr(self, key), xp) for key in ARRAYS}
        return replace(self, **arrays)

    def random(self, pictures: Array, rng: Any, **parts: Any) -> Array:
        """Training pictures (paper §4.1): a random crop of each, mirrored with probability ½, its colours shifted.

        pictures: uint8 (N, S, S, 3);  rng: a NumPy generator;  returns float32 (N, T, T, 3)
        parts: arguments of `draw`
        """
        return self.apply(pictures, self.draw(len(pictures), rng, **parts))

    def draw(
        self, N: int, rng: Any, crops: bool = True, mirror: bool = True, color: bool = True, run: int = 1
    ) -> "Looks":
        """Random draws for N training pictures. There are (S − T + 1)² crops: 33² for S = 256 and T = 224.

        The 2012 source also draws among 33²; the paper counts 32².
        `crops`, `mirror`, `color`: False leaves that part out; without crops, all are central
        run: how many consecutive pictures share one crop and mirroring (2012 source, `convdata.py`: 32)
        """
        checked(run, "View: run", *at_least(1))
        places = self.size - self.crop + 1
        runs, run_of = -(-N // run), np.arange(N) // run
        tops, lefts = rng.integers(0, places, (2, runs))[:, run_of] if crops else np.full((2, N), (places - 1) // 2)
        mirrored = (rng.random(runs) < 0.5)[run_of] if mirror else np.zeros(N, bool)
        alphas = rng.standard_normal((N, 3), dtype="float32") * COLOR_STD if color else None
        return Looks(tops, lefts, mirrored, alphas)

    def apply(self, pictures: Array, looks: "Looks") -> Array:
        """uint8 pictures (N, S, S, 3), cropped, mirrored and shifted as in `looks`: float32 (N, T, T, 3).

        ValueError for looks of another number of pictures, or that lie outside.
        """
        self._check_looks(len(pictures), looks)
        shifts = None
        if looks.alphas is not None:
            shifts = color_shifts(looks.alphas, self.color_eigenvalues, self.color_eigenvectors)
        return self._cut(pictures, looks.tops, looks.lefts, looks.mirrored, shifts)

    def _check_looks(self, N, looks):
        last = self.size - self.crop
        for name, draws in vars(looks).items():
            if draws is not None and len(draws) != N:
                raise ValueError(f"View: {name} for {len(draws)} pictures, expected {N}")
            if N and name in ("tops", "lefts") and not 0 <= draws.min() <= draws.max() <= last:
                raise ValueError(f"View: {name} run from {draws.min()} to {draws.max()}, expected 0 to {last}")

    def pictures(self, x: Array, looks: "Looks") -> Array:
        """The network's inputs as pictures again: uint8 (N, T, T, 3) from x of `apply`; colours are cut to 0..255."""
        xp = array_module(x)
        nothing = xp.zeros((len(x), *self.mean.shape), xp.uint8)
        mean = -self._cut(nothing, looks.tops, looks.lefts, looks.mirrored)  # times the scale
        return xp.clip(xp.rint((x + mean) / self._scale(xp)), 0, 255).astype(xp.uint8)

    def centre(self, pictures: Array) -> Array:
        """The central crop of each picture: float32 (N, T, T, 3)."""
        N, start = len(pictures), (self.size - self.crop) // 2
        return self._cut(pictures, [start] * N, [start] * N, [False] * N)

    def ten(self, pictures: Array) -> Array:
        """Four corners and the centre, then their mirror images (paper §4.1): float32 (10, N, T, T, 3)."""
        N, last = len(pictures), self.size - self.crop
        corners = [(0, 0), (0, last), (last, 0), (last, last), (last // 2, last // 2)]
        looks = [(top, left, mirrored) for mirrored in (False, True) for top, left in corners]
        return self._cut(pictures, *np.repeat(looks, N, axis=0).T).reshape(10, N, self.crop, self.crop, 3)

    def _cut(self, pictures, tops, lefts, mirrored, shifts=None):
        """(picture − mean + shift) · scale in the window at (top, left), mirrored if asked: float32 (V, T, T, 3).

        tops, lefts, mirrored: (V,), on the host; view v is of picture v mod N;  shifts: (V, 3)
        """
        try:
            xp = array_module(pictures)
        except TypeError as error:
            raise TypeError(f"View: pictures: {error}") from None
        if pictures.dtype != xp.uint8:
            raise TypeError(f"View: pictures are {pictures.dtype}, expected uint8")
        if tuple(pictures.shape[1:]) != tuple(self.mean.shape):
            raise ValueError(f"View: pictures.shape = {pictures.shape}, expected (N, {self.size}, {self.size}, 3)")
        looks, N = xp.asarray(np.array([tops, lefts, mirrored], np.int64)), len(pictures)  # one transfer
        if (x := self._by_kernel(pictures, looks, shifts)) is not None:
            return x
        tops, lefts, mirrored = looks[0], looks[1], looks[2] != 0
        x = _all_crops(pictures, self.crop)[xp.arange(len(tops)) % N, tops, lefts].astype(xp.float32)
        x -= _all_crops(self.mean[None], self.crop)[0][tops, lefts]  # the mean of the same pixels
        x *= self._scale(xp)
        x = xp.where(mirrored[:, None, None, None], x[:, :, ::-1], x)
        if shifts is not None:
            x += shifts[:, None, None, :] * self._scale(xp)
        return x

    def _by_kernel(self, pictures, looks, shifts):
        """`_cut` in one launch; None where there are no kernels."""
        if is_host(pictures):
            return None
        xp, V = array_module(pictures), looks.shape[1]
        x = xp.empty((V, self.crop, self.crop, 3), xp.float32)
        shifts = xp.zeros((V, 3), xp.float32) if shifts is None else shifts
        rgb = np.broadcast_to(self.scale, 3).tolist()
        done = fused("picture_views", pictures, self.mean, looks, shifts, *rgb, len(pictures), self.size, self.crop, x)
        return x if done else None

    def _scale(self, xp):
        """The factor on x (…, 3)."""
        return xp.asarray(self.scale, dtype=xp.float32) if isinstance(self.scale, tuple) else self.scale


def flat_mean(rgb: tuple[float, ...], size: int) -> np.ndarray:
    """A mean picture, float32 (S, S, 3), of one colour."""
    return np.full((size, size, 3), rgb, np.float32)


def _all_crops(pictures, crop):
    """Every crop of every picture, as a view: (N, S − T + 1, S − T + 1, T, T, 3)."""
    N, S, _, C = pictures.shape
    n, h, w, c = pictures.strides
    places = S - crop + 1
    as_strided = array_module(pictures).lib.stride_tricks.as_strided
    return as_strided(pictures, (N, places, places, crop, crop, C), (n, h, w, h, w, c))


def color_shifts(alphas: Array, eigenvalues: Array, eigenvectors: Array) -> Array:
    """The shifts of each picture's R, G and B: 255 · p·(α∘λ), (N, 3), for alphas (N, 3) (paper §4.1).

    p are the eigenvectors (in columns) and λ the eigenvalues of pixels scaled to 0..1; the factor 255 scales the shift
    to pixels of 0..255. The paper does not state its scale; on 0..255 the formula would shift pictures by hundreds.
    """
    xp = array_module(eigenvectors)
    return 255.0 * ((xp.asarray(alphas) * eigenvalues) @ eigenvectors.T)
