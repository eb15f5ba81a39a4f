"""Convert a data set from any known format to the prepared one, on all cores and in bounded memory.

Chunks of undecoded pictures go to worker processes, which return pixels and statistics; the main process writes and
hashes them in source order, validation first, so the result does not depend on the number of workers. Nothing is
shuffled. Memory holds the list of files (about 200 bytes each), digests of all pictures and a few chunks per worker.
Formats that store arrays take one file at a time instead; the main process rearranges them, which is faster than
sending them to workers.
"""

import contextlib
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tinyalex.backend import MOST_THREADS
from tinyalex.data.convert import converted, statistics_of, tasks_of
from tinyalex.data.dataset import ColorStatistics
from tinyalex.data.duplicates import CHOICES, Duplicates
from tinyalex.data.prepared import DUPLICATES, REPEATS, SKIPPED, PreparedWriter, check_target
from tinyalex.data.readers import read_source
from tinyalex.data.readers.parts import with_validation
from tinyalex.data.selection import chosen_classes
from tinyalex.errors import UserError
from tinyalex.files import target
from tinyalex.terminal import progress_bar

SIDES = 8, 1024  # the smallest and largest side of prepared pictures, in pixels


@dataclass(frozen=True)
class PreparedReport:
    """The result of `prepare`: counts of pictures, wall time, bytes on disk.

    skipped: (name, reason) for each picture that cannot be read; left_out: the same for files and folders of the source
    that are no part of train or val
    duplicates: (training picture, validation picture) with equal pixels
    duplicates_dropped: whether these training pictures are left out
    repeats, relabelled: (training picture, an earlier one with equal pixels) under the same label, under another one
    unvalidated: ids of the classes without validation pictures
    validation: where the validation pictures come from, in words, if that is worth saying
    """

    path: Path
    format: str
    size: int
    classes: int
    train_images: int
    val_images: int
    skipped: list
    left_out: list
    duplicates: list
    duplicates_dropped: bool
    repeats: list
    relabelled: list
    unvalidated: list
    validation: str
    seconds: float
    images_per_s: float
    fingerprint: str
    bytes: int


def prepare(
    source,
    out,
    *,
    format=None,
    labels=None,
    val_share=None,
    seed=0,
    duplicates=None,
    size=None,
    classes=None,
    per_class=None,
    strict=False,
    workers=None,
    quiet=False,
):
    """Prepare the data set at `source` into the new folder `out`; returns a PreparedReport.

    source: a folder or archive in one of the formats of readers/, or a list of several that belong together
    format: the format's name, instead of recognising it
    labels: which labels, where there are several kinds: "fine" or "coarse" of CIFAR-100, or a column of parquet files
    val_share: the share of each class's pictures to validate on, between 0 and 1, if the source has no validation part;
        seed: which ones these are
    duplicates: "keep", "drop" or "refuse" training pictures that are also validation pictures; by default they are
        kept, but dropped with `val_share`
    size: side in pixels; None for the format's own: 64 for Tiny ImageNet and class folders, 32 for CIFAR, 256 for
        ILSVRC-2012, the stored side for ImageNet batches
    classes: None for all, the number of first classes to keep, or a text file of class ids (selection.py)
    per_class: the most training pictures of each class, the first in source order
    strict: fail at the first unreadable picture instead of skipping and reporting it
    workers: processes; None for one per core, or none at all if the work is too small for them
    quiet: no progress bar
    Raises UserError for a mistake in the arguments or the source, and then leaves nothing behind.
    """
    started = time.perf_counter()
    out = target(out)
    _check_arguments(size, per_class, workers, val_share, seed, duplicates)
    _check_apart(out, source)
    check_target(out)
    found = read_source(source, format, labels)
    chosen, size = chosen_classes(found, classes), size or _side(found)
    found = with_validation(found, val_share, seed, chosen)
    both = Duplicates(duplicates or ("keep" if val_share is None else "drop"))
    ids, names = ([of_all[i] for i in chosen] for of_all in (found.class_ids, found.class_names))
    tasks, expected = tasks_of(found, chosen, per_class, size), found.expected
    in_files = isinstance(found.train, list)
    if in_files:  # labels are known: count and check them before hours of decoding
        tasks = list(tasks)
        _check_counts(_count((task.split, task.labels) for task in tasks), ids, found.name)
        expected = sum(len(task.labels) for task in tasks)
    with PreparedWriter(out, size, ids, names) as writer:
        writer.check_space(expected if in_files else 0)
        results = converted(tasks, size, workers if in_files else 1, expected)
        with contextlib.closing(results), progress_bar(expected, "preparing", quiet=quiet) as bar:
            statistics, skipped = _write_all(results, writer, both, strict, bar)
        counts = _count((split, labels) for split in writer.labels for labels in writer.labels[split])
        dropped = both.choice == "drop" and bool(both.found)
        unvalidated = _check_counts(counts, ids, found.name, val_share is not None, dropped)
        repeats, relabelled = both.repeats()
        origin = _origin(found, labels, both, repeats, relabelled)
        lists = {SKIPPED: [*skipped, *found.left_out], DUPLICATES: both.found, REPEATS: [*relabelled, *repeats]}
        fingerprint, total_bytes = writer.finish(statistics, origin, lists)
    seconds, train, val = time.perf_counter() - started, counts["train"].total(), counts["val"].total()
    return PreparedReport(
        path=out,
        format=found.format,
        size=size,
        classes=len(ids),
        train_images=train,
        val_images=val,
        skipped=skipped,
        left_out=list(found.left_out),
        duplicates=both.found,
        duplicates_dropped=dropped,
        repeats=repeats,
        relabelled=relabelled,
        unvalidated=unvalidated,
        validation=found.validation,
        seconds=seconds,
        images_per_s=(train + val) / seconds,
        fingerprint=fingerprint,
        bytes=total_bytes,
    )


def _origin(found, labels, both, repeats, relabelled):
    """JSON values about the source, for the prepared folder."""
    origin = {"name": found.name, "format": found.format} | ({"labels": labels} if labels else {}) | found.details
    if both.found:
        origin["duplicates"] = {both.choice: len(both.found)}
    if repeats or relabelled:
        origin["repeats"] = {"same label": len(repeats), "other label": len(relabelled)}
    return origin


def _check_arguments(size, per_class, workers, val_share, seed, duplicates):
    """Raise UserError, before anything is read, if a number is out of range or a word unknown."""
    if val_share is not None and not 0 < val_share < 1:
        raise UserError(f"found {val_share:g}, expected a share between 0 and 1, such as 0.2", "val_share")
    if duplicates not in (None, *CHOICES):
        raise UserError(f"found {duplicates!r}, expected {', '.join(CHOICES)}", "duplicates")
    limits = {"size": (size, *SIDES), "per_class": (per_class, 1, None), "workers": (workers, 1, MOST_THREADS)}
    limits |= {"seed": (seed, 0, None)}
    for name, (value, low, high) in limits.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and low <= value <= (high or value)):
            raise UserError(
                f"found {value!r}, expected a whole number, {low} {f'to {high}' if high else 'or more'}", name
            )


def _check_apart(out, source):
    """Raise UserError if the folder to write would be part of the source, which the next `prepare` would then read."""
    for folder in [source] if isinstance(source, (str, Path)) else source:
        if out.resolve().is_relative_to(Path(folder).resolve()):
            raise UserError(f"found {out}, which is in the source, {folder}; expected a folder outside it", "out")


def _side(found):
    """The side of a source's own pictures. Raises UserError if pictures of that side are not prepared."""
    low, high = SIDES
    if not low <= found.size <= high:
        raise UserError(f"{found.name} has pictures of side {found.size:,}; give another, from {low} to {high}", "size")
    return found.size


def _write_all(results, writer, both, strict, bar):
    """Write results as they arrive, without what `both`, the Duplicates, drops.

    Returns the merged ColorStatistics and the list of skipped pictures, train before val.
    """
    statistics, skipped = ColorStatistics(writer.size), {"train": [], "val": []}
    for result in results:
        if strict and result.skipped:
            raise UserError("{}: {}".format(*result.skipped[0]))
        kept = both.kept(result.split, result.names, result.labels, result.digests)
        pictures, labels = (
            (result.pictures, result.labels) if kept.all() else (result.pictures[kept], result.labels[kept])
        )
        writer.add(result.split, pictures, labels)
        if result.statistics:
            statistics.merge(result.statistics if kept.all() else statistics_of(pictures, writer.size))
        skipped[result.split] += result.skipped
        bar.update(len(result.labels) + len(result.skipped))
    return statistics, [*skipped["train"], *skipped["val"]]


def _count(pairs):
    """Count pictures per split and class. pairs: (split, labels), …"""
    counts = {"train": Counter(), "val": Counter()}
    for split, labels in pairs:
        counts[split].update(labels.tolist())
    return counts


def _check_counts(counts, class_ids, name, each=False, dropped=False):
    """The ids of the classes without validation pictures; UserError for one without training pictures.

    each: whether every class needs a validation picture, too;  dropped: whether duplicates were left out of training
    """
    empty = [class_id for label, class_id in enumerate(class_ids) if not counts["train"][label]]
    if empty:
        unique = " and are not validation pictures, too" if dropped else ""
        more = f" (one of {len(empty)} such classes)" if len(empty) > 1 else ""
        raise UserError(f"{name}: class '{empty[0]}' has no training pictures that can be read{unique}{more}")
    unseen = [class_id for label, class_id in enumerate(class_ids) if not counts["val"][label]]
    if each and unseen:
        raise UserError(f"{name}: class '{unseen[0]}' has no validation pictures that can be read")
    if not counts["val"]:
        raise UserError(f"{name}: no validation pictures that can be read")
    return unseen
