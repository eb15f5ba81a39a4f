"""The prepared format: what is written comes back, and messages name whatever is damaged."""

import errno
import json
import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyalex.data import prepared
from tinyalex.data.dataset import ColorStatistics
from tinyalex.data.prepared import PreparedWriter, open_prepared
from tinyalex.errors import UserError

SIZE = 8
SHARD = 3 * SIZE * SIZE * 3  # bytes of three pictures
RNG = np.random.default_rng(0)
PICTURES = {split: RNG.integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8) for split, n in (("train", 7), ("val", 2))}
LABELS = {"train": np.array([0, 1, 2, 0, 1, 2, 0]), "val": np.array([2, 1])}


def write(path, batch=4, shard_bytes=SHARD, pictures=PICTURES, labels=LABELS, names=("A", "B", "Ü"), skipped=()):
    """Write the set above in batches; returns (fingerprint, bytes)."""
    statistics = ColorStatistics(SIZE)
    statistics.add(pictures["train"])
    with PreparedWriter(path, SIZE, ["a", "b", "c"], names, shard_bytes) as writer:
        for split in ("train", "val"):
            for start in range(0, len(pictures[split]), batch):
                here = slice(start, start + batch)
                writer.add(split, pictures[split][here], labels[split][here])
        return writer.finish(statistics, {"name": "x.zip", "format": "f"}, {"skipped.txt": skipped})


def test_what_is_written_comes_back(tmp_path):
    fingerprint, count = write(tmp_path / "set")
    data = open_prepared(tmp_path / "set")
    assert (data.size, data.class_ids, data.class_names) == (SIZE, ("a", "b", "c"), ("A", "B", "Ü"))
    assert data.fingerprint == fingerprint and data.name == str(tmp_path / "set")
    for split, opened in (("train", data.train), ("val", data.val)):
        np.testing.assert_array_equal(opened.labels, LABELS[split])
        np.testing.assert_array_equal(opened.gather(range(len(opened))), PICTURES[split])
        assert all(isinstance(shard, np.memmap) and not shard.flags.writeable for shard in opened.shards)
    assert [len(shard) for shard in data.train.shards] == [3, 3, 1]
    np.testing.assert_allclose(data.mean, PICTURES["train"].mean(0), rtol=1e-6)
    covariance = np.cov(PICTURES["train"].reshape(-1, 3).T / 255, bias=True)
    vectors = data.color_eigenvectors
    np.testing.assert_allclose(vectors * data.color_eigenvalues @ vectors.T, covariance, atol=1e-6)
    assert sum(file.stat().st_size for file in (tmp_path / "set").iterdir()) == count
    assert [entry.name for entry in tmp_path.iterdir()] == ["set"]


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """The fingerprint of the set above."""
    return write(tmp_path_factory.mktemp("usual") / "set")[0]


@given(batch=st.integers(1, 9), shard=st.integers(1, 9))
def test_batches_and_shards_change_nothing_but_the_files(usual, batch, shard):
    with tempfile.TemporaryDirectory() as folder:
        fingerprint, _bytes = write(f"{folder}/set", batch, shard * SIZE * SIZE * 3)
        data = open_prepared(f"{folder}/set")
        assert fingerprint == data.fingerprint == usual
        assert [len(s) for s in data.train.shards] == [shard] * (7 // shard) + [7 % shard] * (7 % shard > 0)
        np.testing.assert_array_equal(data.train.gather(range(7)), PICTURES["train"])


def test_the_fingerprint_changes_with_pictures_labels_and_names(tmp_path, usual):
    brighter = {**PICTURES, "val": PICTURES["val"] ^ 1}
    relabelled = {**LABELS, "train": LABELS["train"][::-1]}
    found = {
        usual,
        write(tmp_path / "a", pictures=brighter)[0],
        write(tmp_path / "b", labels=relabelled)[0],
        write(tmp_path / "c", names=("A", "B", "C"))[0],
    }
    assert len(found) == 4


def test_skipped_pictures_are_listed_one_a_line(tmp_path):
    """Names that differ do so in the list, too, and none of it steers a terminal."""
    names = ("a\nb.jpg", "a b.jpg", " a  b.jpg", "\udcff.jpg", "\x1b[31m\t\x85\u2028.jpg")
    write(tmp_path / "set", skipped=[(name, "odd") for name in names])
    listed = ("a\\nb.jpg", "a b.jpg", " a  b.jpg", "\\udcff.jpg", "\\x1b[31m\\t\\x85\\u2028.jpg")
    assert (tmp_path / "set/skipped.txt").read_text() == "".join(f"{name}\todd\n" for name in listed)
    write(tmp_path / "none")
    assert not (tmp_path / "none/skipped.txt").exists()


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "set").mkdir()
    write(tmp_path / "set")  # an empty folder is no loss
    with pytest.raises(UserError, match="set: exists and is not empty"):
        write(tmp_path / "set")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="a file is in the way"):
        write(tmp_path / "file")


def test_a_target_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="cannot be written: File exists"):
        write(tmp_path / "file" / "set")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_nothing_stays_behind_after_an_early_end(tmp_path, error):
    with pytest.raises(error):
        with PreparedWriter(tmp_path / "new" / "deeper" / "set", SIZE, "ab", "AB") as writer:
            writer.add("train", PICTURES["train"], LABELS["train"])
            raise error
    assert not list(tmp_path.iterdir())


def test_a_full_disk_gives_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(prepared.np, "save", full)
    with pytest.raises(UserError, match="set: cannot be written: the disk is full"):
        write(tmp_path / "set")
    assert not list(tmp_path.iterdir())


def test_a_device_that_is_full_while_pictures_are_written(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="the disk is full"):
        with PreparedWriter(tmp_path / "set", SIZE, "ab", "AB") as writer:
            writer.add("train", PICTURES["train"][:1], LABELS["train"][:1])
            writer.file.close()
            writer.file = open("/dev/full", "wb")
            for _ in range(100):  # more than the buffer holds; closing will fail too
                writer.add("train", PICTURES["train"][:1], LABELS["train"][:1])
    assert not list(tmp_path.iterdir())


def test_space_is_checked_before_writing(tmp_path):
    with pytest.raises(UserError, match="MB are needed for 1,000,000,000,000 pictures"):
        with PreparedWriter(tmp_path / "set", SIZE, "ab", "AB") as writer:
            writer.check_space(10**12)


def edit(name, change):
    def damage(folder):
        meta = json.loads((folder / "meta.json").read_text())
        meta[name] = change(meta[name])
        (folder / "meta.json").write_text(json.dumps(meta))

    return damage


def cut(name, count):
    def damage(folder):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[:count])

    return damage


@pytest.mark.parametrize(
    "damage, parts",
    [
        (lambda f: (f / "meta.json").unlink(), ["meta.json: missing"]),
        (lambda f: (f / "meta.json").write_text("{"), ["meta.json: not a JSON file"]),
        (lambda f: (f / "meta.json").write_text("[]"), ['expected entries "format"']),
        (edit("format", lambda _: "other"), ['meta.json: format: found "other", expected "tinyalex-prepared"']),
        (edit("version", lambda _: 2), ["meta.json: version: found 2, expected 1"]),
        (edit("size", lambda _: 9), ["uint8 (3, 8, 8, 3), expected uint8 (3, 9, 9, 3)"]),
        (edit("size", lambda _: "8"), ['meta.json: size: found "8", expected a whole number']),
        (edit("splits", lambda _: {}), ["meta.json: splits.train: found nothing, expected a list"]),
        (
            edit("color_eigenvalues", lambda _: [1]),
            ["meta.json: color_eigenvalues: found a list of 1, expected a list of 3"],
        ),
        (edit("class_ids", lambda ids: ids[:2]), ["2 class ids in a list of 2, and 3 names"]),
        (edit("class_names", lambda names: names[:1]), ["3 class ids in a list of 3, and 1 names"]),
        (lambda f: (f / "train-00001.npy").unlink(), ["train-00001.npy: missing"]),
        (cut("train-00001.npy", 300), ["train-00001.npy: 300 bytes, expected 704"]),
        (lambda f: np.save(f / "train-labels.npy", np.arange(7) - 1), ["label -1 is out of range"]),
        (lambda f: np.save(f / "train-labels.npy", np.zeros(6, np.int64)), ["int64 (6,), expected int64 (7,)"]),
        (lambda f: np.save(f / "train-labels.npy", np.zeros(7)), ["float64 (7,), expected int64 (7,)"]),
        (cut("val-labels.npy", 50), ["val-labels.npy: not a readable .npy"]),
        (cut("val-labels.npy", 0), ["val-labels.npy: not a readable .npy"]),
        (lambda f: (f / "mean.npy").unlink(), ["mean.npy: missing"]),
        (
            lambda f: np.save(f / "mean.npy", np.array([{}]), allow_pickle=True),
            ["mean.npy: object (1,), expected float32 (8, 8, 3)"],
        ),
    ],
)
def test_damage_is_named(tmp_path, damage, parts):
    write(tmp_path / "set")
    damage(tmp_path / "set")
    with pytest.raises(UserError) as raised:
        open_prepared(tmp_path / "set")
    for part in parts:
        assert part in str(raised.value), str(raised.value)
    assert "\n" not in str(raised.value)


def test_opening_a_missing_set(tmp_path):
    with pytest.raises(UserError, match="nowhere: no such folder"):
        open_prepared(tmp_path / "nowhere")
    with pytest.raises(UserError, match="meta.json: missing, so this is not a prepared data set"):
        open_prepared(tmp_path)
