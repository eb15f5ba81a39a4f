"""Any source becomes the prepared format: correct, the same for any number of workers, nothing left after a failure."""

import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data import sources
from tests.data.sources import WNIDS, write
from tests.test_cli import call
from tinyalex.data import convert
from tinyalex.data.pictures import decode_picture
from tinyalex.data.prepare import prepare
from tinyalex.data.prepared import open_prepared
from tinyalex.data.selection import Selection
from tinyalex.errors import UserError


def refused(source, out, *parts, **options):
    """Expect a one-line UserError that contains `parts`, and nothing left behind."""
    before = sorted(out.parent.iterdir()) if out.parent.exists() else None
    with pytest.raises(UserError) as raised:
        prepare(source, out, quiet=True, **{"workers": 1} | options)
    message = str(raised.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, message
    assert (sorted(out.parent.iterdir()) if out.parent.exists() else None) == before


@pytest.mark.parametrize(
    "make",
    [
        sources.tiny_imagenet,
        sources.class_folders,
        sources.cifar10,
        sources.cifar100,
        sources.imagenet_batches,
        sources.ilsvrc2012,
        sources.imagenet_1k,
    ],
)
@pytest.mark.parametrize("size", [None, 16])
def test_every_format(tmp_path, make, size):
    report = prepare(make(tmp_path / "source"), tmp_path / "out", size=size, quiet=True, workers=1)
    data = open_prepared(tmp_path / "out")
    assert data.size == report.size == (size or report.size) and report.skipped == []
    found = len(data.train), len(data.val), len(data.class_ids)
    assert found == (report.train_images, report.val_images, report.classes)
    assert data.fingerprint == report.fingerprint
    assert report.bytes == sum(file.stat().st_size for file in (tmp_path / "out").iterdir())
    pictures = data.train.gather(range(len(data.train)))
    np.testing.assert_allclose(data.mean, pictures.mean(0), rtol=1e-6)
    meta = json.loads((tmp_path / "out/meta.json").read_text())
    assert meta["source"] == {"name": "source", "format": report.format}
    assert str(tmp_path) not in json.dumps(meta)


def test_pictures_labels_and_order_are_those_of_the_source(tmp_path):
    root = sources.tiny_imagenet(tmp_path / "tiny")
    prepare(root, tmp_path / "out", quiet=True)
    data = open_prepared(tmp_path / "out")
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2] and data.val.labels.tolist() == [0, 1, 2, 0]
    file = root / f"train/{WNIDS[2]}/images/{WNIDS[2]}_1.JPEG"
    np.testing.assert_array_equal(data.train.gather([7])[0], decode_picture(file.read_bytes(), 64))


def test_any_number_of_workers_and_any_wrapping_gives_the_same(tmp_path, monkeypatch):
    root = sources.tiny_imagenet(tmp_path / "tiny", train=4)
    write(root / f"train/{WNIDS[1]}/images/{WNIDS[1]}_1.JPEG", "not a picture")
    packed = sources.zipped(root, tmp_path / "tiny.zip", "tiny/")
    monkeypatch.setattr(convert, "CHUNK_BYTES", 2 * 64 * 64 * 3)  # two pictures per task
    reports = [
        prepare(source, tmp_path / f"out{i}", workers=workers, quiet=True)
        for i, (source, workers) in enumerate([(root, 1), (root, 2), (packed, 2), (packed, None)])
    ]
    assert len({report.fingerprint for report in reports}) == 1
    assert [len(report.skipped) for report in reports] == [1] * 4
    metas = [json.loads((report.path / "meta.json").read_text()) for report in reports]
    for meta in metas:
        meta.pop("source")
        assert meta == metas[0]


def test_processes_start_only_if_they_save_time(tmp_path, monkeypatch):
    started = []

    def in_processes(convert, tasks, workers):
        started.append(workers)
        return map(convert, tasks)

    monkeypatch.setattr(convert, "in_processes", in_processes)
    monkeypatch.setattr(convert, "CHUNK_BYTES", 2 * 64 * 64 * 3)
    monkeypatch.setattr(convert, "cores", lambda: range(3))
    monkeypatch.setattr(convert, "POOL_WORTH", 1000)
    root = sources.tiny_imagenet(tmp_path / "tiny")
    small = prepare(root, tmp_path / "small", quiet=True)
    assert started == []
    monkeypatch.setattr(convert, "POOL_WORTH", 0)
    assert prepare(root, tmp_path / "large", quiet=True).fingerprint == small.fingerprint
    assert started == [3]


def test_unreadable_pictures_are_skipped_counted_and_listed(tmp_path):
    root = sources.tiny_imagenet(tmp_path / "tiny")
    bad = f"train/{WNIDS[1]}/images/{WNIDS[1]}_1.JPEG"
    write(root / bad, (root / bad).read_bytes()[:400])
    write(root / "val/images/val_0.JPEG", "")
    report = prepare(root, tmp_path / "out", quiet=True)
    assert [name for name, _reason in report.skipped] == [bad, "val/images/val_0.JPEG"]
    assert (tmp_path / "out/skipped.txt").read_text() == "".join(f"{name}\t{why}\n" for name, why in report.skipped)
    data = open_prepared(tmp_path / "out")
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1, 2, 2, 2] and data.val.labels.tolist() == [1, 2, 0]
    refused(root, tmp_path / "strict", "val/images/val_0.JPEG: empty file", strict=True)  # validation comes first
    write(root / "val/images/val_0.JPEG", sources.encoded(sources.picture(1)))
    refused(root, tmp_path / "strict", bad, "runcated", strict=True)


def test_damage_inside_a_zip_is_skipped_too(tmp_path):
    root = sources.tiny_imagenet(tmp_path / "tiny")
    path = sources.zipped(root, tmp_path / "tiny.zip")
    data = path.read_bytes()
    picture = (root / f"train/{WNIDS[0]}/images/{WNIDS[0]}_0.JPEG").read_bytes()
    path.write_bytes(data.replace(picture[-60:-50], b"0123456789"))
    report = prepare(path, tmp_path / "out", quiet=True)
    assert report.skipped == [(f"train/{WNIDS[0]}/images/{WNIDS[0]}_0.JPEG", "damaged in the archive")]


def test_classes_by_number_and_by_list(tmp_path):
    root = sources.tiny_imagenet(tmp_path / "tiny")
    prepare(root, tmp_path / "two", classes=2, quiet=True)
    two = open_prepared(tmp_path / "two")
    assert two.class_ids == WNIDS[:2] and two.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert two.val.labels.tolist() == [0, 1, 0]
    chosen = write(tmp_path / "chosen.txt", f"# a pair\n{WNIDS[2]}  # setter\n\n{WNIDS[0]}\n")
    prepare(root, tmp_path / "listed", classes=chosen, per_class=2, quiet=True)
    listed = open_prepared(tmp_path / "listed")
    assert listed.class_ids == (WNIDS[2], WNIDS[0]) and listed.class_names == (WNIDS[2], "kit fox, Vulpes macrotis")
    assert listed.train.labels.tolist() == [1, 1, 0, 0] and listed.val.labels.tolist() == [1, 0, 1]
    whole = prepare(root, tmp_path / "whole", quiet=True)
    picked = open_prepared(whole.path).train.gather([0, 1, 6, 7])
    np.testing.assert_array_equal(listed.train.gather(range(4)), picked)


def test_per_class_holds_across_batches_of_arrays(tmp_path):
    report = prepare(sources.cifar10(tmp_path / "cifar"), tmp_path / "out", per_class=2, classes=3, quiet=True)
    data = open_prepared(tmp_path / "out")
    assert data.train.labels.tolist() == [0, 2, 1] * 2 and data.val.labels.tolist() == [0, 2, 1]
    assert report.train_images == 6


@given(st.lists(st.lists(st.integers(0, 5), max_size=12), max_size=5), st.permutations(range(6)), st.integers(1, 4))
def test_selection_agrees_with_a_loop(chunks, order, per_class):
    chosen = np.array(order[:3])
    selection, seen = Selection(chosen, 6, per_class), dict.fromkeys(chosen.tolist(), 0)
    for chunk in chunks:
        expected = []
        for i, label in enumerate(chunk):
            if label in seen and seen[label] < per_class:
                seen[label] += 1
                expected.append((i, chosen.tolist().index(label)))
        kept, labels = selection.indices(np.array(chunk, np.int64))
        assert list(zip(kept.tolist(), labels.tolist(), strict=True)) == expected


@pytest.mark.parametrize(
    "options, parts",
    [
        ({"size": 0}, ["size: found 0, expected a whole number, 8 to 1024"]),
        ({"size": 2000}, ["size: found 2000"]),
        ({"size": 64.5}, ["size: found 64.5"]),
        ({"per_class": 0}, ["per_class: found 0, expected a whole number, 1 or more"]),
        ({"per_class": True}, ["per_class: found True"]),
        ({"workers": 0}, ["workers: found 0"]),
        ({"classes": 1}, ["classes: found 1, expected 2 to 3, the number that tiny has"]),
        ({"classes": 4}, ["classes: found 4, expected 2 to 3, the number that tiny has"]),
        ({"classes": "nowhere.txt"}, ["nowhere.txt: not readable as a list of classes"]),
        ({"format": "tiny"}, ["format: found 'tiny' (did you mean tiny-imagenet?), expected one of"]),
        ({"format": "cifar"}, ["no data set found here; expected cifar"]),
    ],
)
def test_wrong_arguments(tmp_path, options, parts):
    refused(sources.tiny_imagenet(tmp_path / "tiny"), tmp_path / "new" / "out", *parts, **options)


def test_wrong_arguments_are_spelled_as_options(tmp_path, capsys):
    root = sources.class_folders(tmp_path / "pets")
    for words in (
        "--size 3",
        "--workers 0",
        "--per-class 0",
        "--seed -1",
        "--classes 9",
        "--format pets",
        "--labels x",
    ):
        code, out, err = call(capsys, "prepare", root, tmp_path / "out", *words.split())
        assert (code, out) == (2, "") and err.startswith(f"tinyalex: {words.split()[0]}: found "), err
    assert "expected 2, all that pets has" in call(capsys, "prepare", root, tmp_path / "out", "--classes", "9")[2]


@pytest.mark.parametrize("out", ["pets", "pets/out", "pets/new/out", "pets/nosuch/../out", "link/out"])
def test_the_source_is_never_written_into(tmp_path, out):
    """A second run would read the first one's pictures; "remove it", said of a taken target, would lose the source."""
    root = sources.class_folders(tmp_path / "pets")
    (tmp_path / "link").symlink_to(root)
    for source in (root, [root], [root, tmp_path / "other"]):
        before = sorted(root.rglob("*"))
        refused(source, tmp_path / out, "out: found", f"is in the source, {root}; expected a folder outside it")
        assert sorted(root.rglob("*")) == before
    assert prepare([root / "train", root / "val"], root / "prepared", quiet=True).train_images == 6  # it is in neither


@pytest.mark.parametrize(
    "text, parts",
    [
        ("n02119789\nn01440765\n", ["classes: ", "no class 'n01440765' (did you mean n01440764?)"]),
        ("n02119789\nn02119789\n", ["classes: ", "'n02119789' is listed twice, expected each class once"]),
        ("n02119789\n# n01440764\n", ["classes: ", "found 1 listed, expected two or more"]),
    ],
)
def test_wrong_lists_of_classes(tmp_path, text, parts):
    chosen = write(tmp_path / "chosen.txt", text)
    refused(sources.tiny_imagenet(tmp_path / "tiny"), tmp_path / "out", "chosen.txt", *parts, classes=chosen)


def test_pictures_of_a_side_that_is_not_prepared(tmp_path):
    for side in (4, 1100):
        root = sources.imagenet_batches(tmp_path / f"of{side}", side, batches=1)
        refused(root, tmp_path / "out", f"size: of{side} has pictures of side {side:,}; give another, from 8 to 1024")
        assert prepare(root, tmp_path / f"out{side}", size=8, quiet=True).size == 8


def test_classes_and_splits_without_pictures(tmp_path):
    root = sources.class_folders(tmp_path / "pets", ("cat", "dog", "eel"))
    for file in (root / "train/dog").iterdir():
        write(file, "no picture")
    refused(root, tmp_path / "out", "pets: class 'dog' has no training pictures that can be read")
    for file in (root / "train/dog").iterdir():
        file.unlink()
    refused(root, tmp_path / "out", "class 'dog' has no training pictures")
    for file in root.glob("val/*/*"):
        file.unlink()
    refused(root, tmp_path / "out", "class 'dog'")
    (root / "train/dog").rmdir(), (root / "val/dog").rmdir()
    refused(root, tmp_path / "out", "no validation pictures that can be read")


def test_a_class_of_arrays_without_pictures(tmp_path):
    root = sources.imagenet_batches(tmp_path / "set")
    for name in ("train_data_batch_1", "train_data_batch_2"):
        sources.save_batch(root / name, {"data": sources.planes(2, 8), "labels": [1, 3]})
    refused(root, tmp_path / "out", f"class '{WNIDS[1]}' has no training pictures")
    sources.save_batch(root / "train_data_batch_2", {"data": sources.planes(2, 8), "labels": [1, 4]})
    refused(root, tmp_path / "out", "label 4 is out of range, expected 1 to 3")


def test_a_link_to_an_empty_folder_is_filled(tmp_path):
    source = tmp_path / "source"
    sources.class_folders(source)
    (tmp_path / "disk" / "empty").mkdir(parents=True)
    for name, leads in (("link", "disk/empty"), ("to-nothing", "disk/new")):
        (tmp_path / name).symlink_to(leads)
        report = prepare(source, tmp_path / name, size=8, quiet=True)
        assert (tmp_path / name).is_symlink() and open_prepared(tmp_path / leads).fingerprint == report.fingerprint


def test_the_current_folder_is_refused_before_any_work(tmp_path, monkeypatch):
    source = tmp_path / "source"
    sources.class_folders(source)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    refused(source, Path("."), "is the current folder, expected the name of a new folder")
    monkeypatch.setattr(os.path, "ismount", lambda path: True)
    refused(source, tmp_path / "empty" / "..", "exists and is not empty")
    monkeypatch.chdir(tmp_path)
    refused(source, Path("empty"), "is where a disk is mounted")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "source"]


def test_options_between_the_sources(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sources.class_folders(tmp_path / "one")
    for line in ("one two --size 8 out", "one --size 8 two out", "one two out --size 8"):
        code, _, err = call(capsys, "prepare", *line.split())
        assert code == 2 and "two: no such file or folder" in err
    code, _, err = call(capsys, "prepare", "one", "--size", "8", "out")
    assert code == 0 and (tmp_path / "out" / "meta.json").exists()


def test_a_taken_target_is_left_alone(tmp_path):
    root = sources.class_folders(tmp_path / "pets")
    kept = write(tmp_path / "out/mine.txt", "mine")
    refused(root, tmp_path / "out", "out: exists and is not empty")
    assert kept.read_text() == "mine"


def test_memory_stays_at_a_few_tasks(tmp_path, monkeypatch):
    monkeypatch.setattr(convert, "CHUNK_BYTES", 8 * 64 * 64 * 3)  # 98 kB per task
    root = sources.tiny_imagenet(tmp_path / "tiny", train=40, val=1)  # 1.5 MB of pixels
    prepare(root, tmp_path / "first", quiet=True, workers=1)  # so that what loads only once is not counted below
    tracemalloc.start()
    prepare(root, tmp_path / "out", quiet=True, workers=1)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


INTERRUPTED = """
import sys
from tinyalex.data import prepare
if __name__ == "__main__":
    print("ready", flush=True)
    prepare.prepare(sys.argv[1], sys.argv[2], workers=2, quiet=True)
"""


@pytest.mark.alone
def test_ctrl_c_ends_the_workers_and_leaves_nothing(tmp_path):
    root = sources.class_folders(tmp_path / "pets")
    write(root / "train/cat/large.jpg", sources.encoded(sources.picture(0, (8000, 5000))))
    for i in range(600):  # a task has 128 of them: seconds of work that Ctrl-C must not wait for
        (root / f"train/cat/{i}.jpg").symlink_to("large.jpg")
    script = write(tmp_path / "script.py", INTERRUPTED)
    work = tmp_path / "work"
    work.mkdir()
    process = subprocess.Popen(
        [sys.executable, script, root, work / "out"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
    )
    try:
        process.stdout.readline()
        while not (work / ".out.partial").exists():
            time.sleep(0.05)
        time.sleep(1.5)
        os.killpg(process.pid, signal.SIGINT)  # also to the workers, as a terminal does
        interrupted = time.monotonic()
        _out, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert time.monotonic() - interrupted < 5
    assert not list(work.iterdir())
    assert "KeyboardInterrupt" in errors and "Process" not in errors, errors


@pytest.mark.real_data
def test_real_tiny_imagenet(tmp_path, real_data):
    source = real_data / "tiny-imagenet-10.zip"
    if not source.is_file():
        pytest.skip(f"{source.name} is missing")
    report = prepare(source, tmp_path / "out", quiet=True)
    assert (report.format, report.size, report.classes) == ("tiny-imagenet", 64, 10)
    assert (report.train_images, report.val_images, report.skipped) == (5000, 500, [])
    data = open_prepared(report.path)
    assert data.class_names[0] == "goldfish, Carassius auratus"
    assert np.bincount(data.train.labels).tolist() == [500] * 10
    assert data.color_eigenvalues[0] > 5 * data.color_eigenvalues[1]  # brightness varies most, as in the paper
    assert 90 < data.mean.mean() < 150
