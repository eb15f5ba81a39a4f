"""Convert chunks of undecoded pictures to pixels and statistics, in worker processes where that saves time."""

import time
from dataclasses import dataclass
from functools import partial

import numpy as np

from tinyalex.backend import cores
from tinyalex.data.dataset import ColorStatistics
from tinyalex.data.duplicates import digests
from tinyalex.data.pool import in_processes
from tinyalex.data.selection import Selection

CHUNK_BYTES, CHUNK_PICTURES = 4 * 2**20, 128  # the most pixels, in bytes, and the most pictures in one task
POOL_WORTH = 1.0  # seconds of remaining work that justify the 0.3 s for starting processes


@dataclass(frozen=True)
class Task:
    """A chunk of a split, and the new labels of its pictures."""

    split: str
    chunk: object
    labels: np.ndarray


@dataclass(frozen=True)
class Converted:
    """A finished task: uint8 (n, S, S, 3), labels (n,), (name, reason) of the others, ColorStatistics (train only).

    names: n strings, or None if the source has none; digests: of the n pictures, as duplicates.py has them
    """

    split: str
    pictures: np.ndarray
    labels: np.ndarray
    skipped: list
    statistics: ColorStatistics | None
    names: list | None
    digests: list


def tasks_of(source, chosen, per_class, size):
    """Yield the chosen pictures in order, as tasks of a few pictures of `size` pixels a side, val before train."""
    length = max(1, min(CHUNK_PICTURES, CHUNK_BYTES // (size * size * 3)))
    for split, chunks, most in (("val", source.val, None), ("train", source.train, per_class)):
        selection = Selection(chosen, len(source.class_ids), most)
        for chunk in chunks:
            for piece, labels in selection.pieces(chunk, length):
                yield Task(split, piece, labels)
            del chunk  # up to 1.6 GB, and the next one is about to be loaded


def _convert(task, size):
    """Do one task: read, decode, sum up the statistics."""
    pictures, kept, skipped = task.chunk.pictures(size)
    statistics = statistics_of(pictures, size) if task.split == "train" else None
    names = [task.chunk.names[i] for i in kept] if hasattr(task.chunk, "names") else None
    return Converted(task.split, pictures, task.labels[kept], skipped, statistics, names, digests(pictures))


def statistics_of(pictures, size):
    """The ColorStatistics of uint8 pictures (n, S, S, 3) with S = `size`."""
    statistics = ColorStatistics(size)
    statistics.add(pictures)
    return statistics


def converted(tasks, size, workers, expected):
    """Yield the results of all tasks, in order. With `workers` None, processes start only if they save time."""
    tasks = iter(tasks)
    if workers is None:
        workers, spent, done = len(cores()), 0.0, 0
        for task in tasks:
            began = time.perf_counter()
            result = _convert(task, size)
            spent, done = spent + time.perf_counter() - began, done + len(task.labels)
            yield result
            if workers > 1 and spent / done * (expected - done) > POOL_WORTH:
                break
        else:
            return
    if workers == 1:
        yield from (_convert(task, size) for task in tasks)
    else:
        yield from in_processes(partial(_convert, size=size), tasks, workers)
