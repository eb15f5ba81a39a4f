"""A data set: two splits of uint8 pictures with labels, and statistics of the training pictures.

N pictures, S the side in pixels, C = 3 channels (R, G, B), K classes.
"""

from dataclasses import dataclass

import numpy as np

from tinyalex.errors import UserError
from tinyalex.schema import each, judge, record, text

MOST_CLASSES = 100_000
CLASSES = {name: each(text(), 1, MOST_CLASSES) for name in ("class_ids", "class_names")}  # in every file that has them


def check_classes(values, where):
    """UserError unless a dict has K different "class_ids", and K "class_names". where: the file that it stands in"""
    judge(values, record(CLASSES), where)
    ids, names = values["class_ids"], values["class_names"]
    if len(names) != len(ids) or len(set(ids)) != len(ids):
        raise UserError(
            f"{where}: found {len(set(ids)):,} class ids in a list of {len(ids):,}, and {len(names):,} names; "
            "expected different ids, and a name for each"
        )


@dataclass(frozen=True)
class Split:
    """Pictures and labels of one split ("train" or "val").

    shards: uint8 arrays of shape (n_i, S, S, 3), in memory or memory-mapped; their lengths add up to N
    labels: int64 (N,), each in 0..K−1
    """

    shards: tuple
    labels: np.ndarray

    def __len__(self):
        return len(self.labels)

    def gather(self, indices):
        """Copy the pictures at `indices` (any order, repeats allowed): uint8 (len(indices), S, S, 3), contiguous."""
        indices = np.asarray(indices)
        starts = np.cumsum([0] + [len(shard) for shard in self.shards])
        shard_of = np.searchsorted(starts, indices, side="right") - 1
        pictures = np.empty((len(indices), *self.shards[0].shape[1:]), np.uint8)
        for s in np.unique(shard_of):
            here = shard_of == s
            pictures[here] = self.shards[s][indices[here] - starts[s]]
        return pictures


@dataclass(frozen=True)
class Dataset:
    """A prepared set of square pictures, ready for training.

    name: "builtin" or the folder it was opened from
    size: S, the side of every picture in pixels
    class_ids, class_names: K strings each: the source's identifiers (for example WordNet ids), and words for people
    mean: float32 (S, S, 3), the mean training picture, 0 to 255 (paper §2: "the mean activity over the training set")
    color_eigenvalues: float32 (3,), descending, and
    color_eigenvectors: float32 (3, 3), one unit vector in each **column**: the principal components of the training
        set's RGB pixels scaled to 0..1 (paper §4.1)
    fingerprint: hexadecimal digest of pictures, labels and class names: equal for equal data, different otherwise
    """

    name: str
    size: int
    class_ids: tuple
    class_names: tuple
    mean: np.ndarray
    color_eigenvalues: np.ndarray
    color_eigenvectors: np.ndarray
    train: Split
    val: Split
    fingerprint: str


class ColorStatistics:
    """Running mean picture and colour covariance over uint8 pictures, in exact integer sums.

    Exact, so the result does not depend on the order of pictures or partial sums: `add` batches, `merge` the sums of
    another worker, then call `mean()` and `principal_components()`.
    """

    def __init__(self, size):
        self.count = 0
        self.picture_sum = np.zeros((size, size, 3), np.int64)
        self.product_sum = np.zeros((3, 3), np.int64)

    def add(self, pictures):
        """Add uint8 pictures (N, S, S, 3)."""
        self.count += len(pictures)
        self.picture_sum += pictures.sum(axis=0, dtype=np.int64)
        pixels = pictures.reshape(-1, 3)
        for start in range(0, len(pixels), 4096):  # few enough to stay in the cache, and for BLAS to use one thread
            # float64 holds whole numbers exactly up to 2**53; sums of 4,096 products of bytes are far below
            block = pixels[start : start + 4096].astype(np.float64)
            # a copy, else NumPy calls BLAS's syrk, which takes twice as long on three columns
            self.product_sum += (block.T @ block.copy()).astype(np.int64)

    def merge(self, other):
        """Add the sums of another instance."""
        self.count += other.count
        self.picture_sum += other.picture_sum
        self.product_sum += other.product_sum

    def mean(self):
        """The mean picture, float32 (S, S, 3), 0 to 255."""
        return (self.picture_sum / self.count).astype(np.float32)

    def principal_components(self):
        """Eigenvalues (descending) and eigenvectors (columns) of the covariance of RGB pixels scaled to 0..1.

        The sign of each vector makes its component of largest magnitude positive, so equal data give equal bits.
        """
        pixels = self.count * self.picture_sum.shape[0] * self.picture_sum.shape[1]
        mean = self.picture_sum.sum(axis=(0, 1)) / pixels
        covariance = (self.product_sum / pixels - np.outer(mean, mean)) / 255.0**2
        values, vectors = np.linalg.eigh(covariance)  # ascending, vectors in columns
        values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
        largest = np.abs(vectors).argmax(axis=0)
        vectors = vectors * np.sign(vectors[largest, range(3)])
        return values.astype(np.float32), vectors.astype(np.float32)
