"""Checkpoints: bit for bit there and back, strict when read, and the old file kept whatever goes wrong in writing."""

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from tests.checks import refused
from tests.tiny_runs import info_of
from tinyalex.data.augment import ARRAYS
from tinyalex.errors import UserError
from tinyalex.files import reason, replacing
from tinyalex.models import find_model
from tinyalex.runs import checkpoint as module
from tinyalex.runs.checkpoint import Checkpoint, copy_into, load_checkpoint, save_checkpoint
from tinyalex.runs.trained import load_network, restore_network


def some(seed=0):
    rng = np.random.default_rng(seed)
    odd = np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, 3e38], np.float32)
    params = {"conv1.weight": rng.standard_normal((3, 3, 2, 4), dtype="float32"), "fc8.bias": odd}
    velocity = {name: p * 2 for name, p in params.items() if name != "fc8.bias"} | {"fc8.bias": odd[::-1].copy()}
    info = info_of("alexnet-small", ["écrin", "犬"], errors=[0.1 + 0.2], later=[None])
    state = {"norm1.mean": np.float32([0.25, -0.0])}
    trained = {name: p - 1 for name, p in (params | state).items()}
    return Checkpoint(params, velocity, {"mean": np.ones((2, 2, 3), np.float32)}, info, state, trained)


def bits(checkpoint):
    groups = (checkpoint.params, checkpoint.velocity, checkpoint.view, checkpoint.state, checkpoint.trained)
    arrays = [{name: (a.dtype, a.shape, a.tobytes()) for name, a in group.items()} for group in groups]
    return [*arrays, checkpoint.info]


@pytest.fixture
def saved(tmp_path):
    save_checkpoint(tmp_path / "last.safetensors", some())
    return tmp_path / "last.safetensors"


def test_there_and_back_bit_for_bit(saved):
    assert bits(load_checkpoint(saved)) == bits(load_checkpoint(str(saved))) == bits(some())
    assert os.listdir(saved.parent) == [saved.name]


def test_a_file_without_the_group_state(tmp_path):
    """As written before layers had state, and by every network whose layers have none; without averages, too."""
    whole = some()
    save_checkpoint(tmp_path / "a.safetensors", whole)
    kept = load_file(tmp_path / "a.safetensors").items()
    arrays = {name: a for name, a in kept if not name.startswith(("state/", "trained/"))}
    assert len(arrays) == 5
    save_file(arrays, tmp_path / "b.safetensors", {"tinyalex": json.dumps({"version": 1} | whole.info)})
    assert bits(load_checkpoint(tmp_path / "b.safetensors")) == bits(replace(whole, state={}, trained={}))


def test_arrays_of_any_layout(tmp_path):
    one = some()
    weight = one.params["conv1.weight"]
    layouts = [np.asfortranarray(weight), weight[::-1].copy()[::-1], np.repeat(weight, 2, axis=1)[:, ::2]]
    for layout in layouts:
        save_checkpoint(tmp_path / "a", Checkpoint(one.params | {"conv1.weight": layout}, {}, {}, one.info))
        np.testing.assert_array_equal(load_checkpoint(tmp_path / "a").params["conv1.weight"], weight)


# ---------------------------------------------------------------------------------------------- strict when read


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.9, 0.9999])
def test_cut_short(saved, share):
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(len(whole) * share)])
    refused(lambda: load_checkpoint(saved), saved, "not a whole safetensors file", error=UserError)


@pytest.mark.parametrize("content", [b"", b"hello, world\n", b"\0" * 200, b"\xff" * 200, b"PK\x03\x04" + bytes(100)])
def test_not_a_checkpoint(saved, content):
    saved.write_bytes(content)
    refused(lambda: load_checkpoint(saved), saved, "not a whole safetensors file", error=UserError)


def test_no_file(tmp_path):
    for path, found in ((tmp_path / "none.safetensors", "not found"), (tmp_path, "a folder")):
        refused(lambda: load_checkpoint(path), f"{path}: {found}, expected", error=UserError)


@pytest.mark.parametrize(
    "tensors, header, words",
    [
        ({"weight": np.zeros(3)}, None, "not written by tinyalex"),
        ({"weight": np.zeros(3)}, {"format": "pt"}, "not written by tinyalex"),
        ({}, {"tinyalex": json.dumps({"version": 99})}, "another version"),
        ({}, {"tinyalex": "{}"}, "version: found nothing"),
        ({}, {"tinyalex": "{"}, ""),
        ({}, {"tinyalex": "[1]"}, ""),
        ({"other/x": np.zeros(3)}, {"tinyalex": '{"version": 1}'}, ""),
        ({"x": np.zeros(3)}, {"tinyalex": '{"version": 1}'}, ""),
    ],
)
def test_foreign_files(tmp_path, tensors, header, words):
    save_file(tensors, tmp_path / "a.safetensors", header)
    refused(lambda: load_checkpoint(tmp_path / "a.safetensors"), tmp_path / "a.safetensors", words, error=UserError)


def test_arrays_of_no_group(tmp_path):
    _, checkpoint = network_checkpoint()
    save_checkpoint(tmp_path / "a.safetensors", checkpoint)
    with safe_open(tmp_path / "a.safetensors", "numpy") as file:
        arrays, header = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()
    for key in ("other/x", "x"):
        save_file(arrays | {key: np.zeros(3)}, tmp_path / "b.safetensors", header)
        words = f"b.safetensors: holds '{key}', expected only param/…, velocity/…, state/…, trained/…, view/…"
        refused(lambda: load_checkpoint(tmp_path / "b.safetensors"), words, error=UserError)


def test_foreign_bfloat16(tmp_path):
    """What NumPy has no dtype for, as in most files that are exchanged today."""
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    refused(lambda: load_checkpoint(tmp_path / "a.safetensors"), tmp_path / "a.safetensors", error=UserError)


def test_copying_is_strict_and_all_or_nothing():
    target = {"a": np.zeros((2, 3)), "b": np.zeros(4)}
    held = target["a"]
    for source, words in [
        ({"a": np.ones((2, 3)), "c": np.ones(4)}, ["missing b", "unknown c"]),
        ({"a": np.ones((2, 3))}, ["missing b", "unknown none"]),
        ({"a": np.ones((2, 3)), "b": np.ones(4), "d": np.ones(4), "c": np.ones(4)}, ["missing none", "unknown c, d"]),
        ({"a": np.ones((2, 3)), "b": np.ones((4, 1))}, ["b has shape (4, 1)", "expected (4,)"]),
        ({"a": np.ones((2, 3)), "b": np.ones(4, np.int32)}, ["b is int32", "expected float64"]),
    ]:
        refused(lambda: copy_into(target, source, "file"), "file", *words, error=UserError)
    for count, words in ((20, ""), (21, " and 1 more"), (1020, " and 1,000 more")):
        names = [f"n{number:04}" for number in range(count)]
        expected = f"unknown {', '.join(names[:20])}{words}"
        with pytest.raises(UserError, match=f"^file: arrays differ; missing none, {expected}$"):
            copy_into(target, target | dict.fromkeys(names, np.ones(1)), "file")
    assert not target["a"].any(), "half of a checkpoint was copied"
    copy_into(target, {"a": np.ones((2, 3)), "b": np.ones(4)}, "file")
    assert target["a"] is held and held.all() and target["b"].all()


def network_checkpoint(classes=3, **changes):
    network = find_model("alexnet-small").build(classes)
    view = {"mean": np.zeros((64, 64, 3), np.float32), "color_eigenvalues": np.ones(3), "color_eigenvectors": np.eye(3)}
    return network, Checkpoint(network.params, {}, view, info_of("alexnet-small", "abc") | changes)


def test_a_network_comes_back(tmp_path):
    network, checkpoint = network_checkpoint()
    save_checkpoint(tmp_path / "a.safetensors", checkpoint)
    again, view, info, file = load_network(tmp_path / "a.safetensors", np)
    assert file == tmp_path / "a.safetensors" and info["class_ids"] == list("abc")
    assert view.size == 64 and view.crop == 56
    assert bits(Checkpoint(again.params, {}, {})) == bits(Checkpoint(network.params, {}, {}))
    assert set(ARRAYS) == set(checkpoint.view)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"model": "alexnet-32"}, ["mean has shape (64, 64, 3), expected (32, 32, 3)"]),
        ({"model": "alexnet-64"}, ["conv1.weight", (5, 5, 3, 48), (3, 3, 3, 96)]),
        ({"class_ids": list("abcd")}, ["4 classes", "no parameters have this many"]),
        ({"model": "alexnet-tiny"}, ["alexnet-tiny"]),
        ({"crop": 55}, ["crop: found 55, expected 56"]),
    ],
)
def test_a_checkpoint_that_does_not_fit_its_model(changes, words):
    _, checkpoint = network_checkpoint(**changes)
    refused(lambda: restore_network(checkpoint, "file"), *words, error=UserError)


# ---------------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), SafetensorError("I/O error: No space left on device")]
)
def test_disk_full_keeps_the_old_file(saved, monkeypatch, error):
    def full(arrays, path, metadata):
        path.write_bytes(b"half")
        raise error

    monkeypatch.setattr(module, "save_file", full)
    refused(lambda: save_checkpoint(saved, some(1)), saved, "the disk is full", "is kept", error=UserError)
    assert bits(load_checkpoint(saved)) == bits(some(0)) and os.listdir(saved.parent) == [saved.name]


LIMITED = """
import resource, sys
import numpy as np
from tinyalex.runs.checkpoint import Checkpoint, save_checkpoint
from tinyalex.errors import UserError
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    save_checkpoint(sys.argv[1], Checkpoint({"a": np.zeros(100_000, np.float32)}, {}, {}))
except UserError as error:
    print(error)
"""


def test_a_write_that_the_system_stops(saved):
    """Truly: the process may write no file longer than 50 kB."""
    pytest.importorskip("resource", reason="no limits on this system")
    done = subprocess.run([sys.executable, "-c", LIMITED, saved], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert str(saved) in done.stdout and "cannot be written" in done.stdout and done.stdout.count("\n") == 1
    assert bits(load_checkpoint(saved)) == bits(some(0)) and os.listdir(saved.parent) == [saved.name]


def test_a_folder_that_is_gone(tmp_path):
    path = tmp_path / "gone" / "last.safetensors"
    refused(lambda: save_checkpoint(path, some()), path, "cannot be written", error=UserError)


@pytest.mark.parametrize(
    "error, raised",
    [
        (ValueError("x"), ValueError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(errno.EIO, "I/O error"), UserError),
    ],
)
def test_replacing_is_all_or_nothing(tmp_path, error, raised):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(raised), replacing(path) as beside:
        beside.write_text("half")
        raise error
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.json"]
    with replacing(path) as beside:
        assert beside.parent == path.parent, "a rename across file systems is a copy"
        beside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["a.json"]


def test_replacing_where_a_folder_is_in_the_way(tmp_path):
    (tmp_path / "a.json").mkdir()

    def write():
        with replacing(tmp_path / "a.json") as beside:
            beside.write_text("new")

    refused(write, tmp_path / "a.json", "cannot be written", error=UserError)
    assert os.listdir(tmp_path) == ["a.json"]


def test_others_may_read_it(tmp_path):
    """As any new file: what the process's mask leaves of rw for all."""
    save_checkpoint(tmp_path / "a.safetensors", Checkpoint({"w": np.ones(3, np.float32)}, {}, {}, {}))
    (tmp_path / "b").touch()
    assert (tmp_path / "a.safetensors").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_the_mask_is_as_it_was(tmp_path):
    """It can only be read by setting it."""
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / "a") as beside:
            beside.write_text("new")
        assert os.umask(0o027) == 0o027 and (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)


def test_the_bytes_reach_the_disk_before_the_name_does(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(os, "fsync", lambda number: done.append(("fsync", os.fstat(number).st_ino)))
    replace_file = os.replace
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("replace"), replace_file(*paths)))
    with replacing(tmp_path / "a") as beside:
        beside.write_text("new")
    assert done == [("fsync", (tmp_path / "a").stat().st_ino), "replace"]


@pytest.mark.parametrize(
    "error, words",
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full"),
        (RuntimeError("IO error: No space left on device (os error 28)"), "the disk is full"),
        (OSError(errno.EACCES, "Permission denied"), "Permission denied"),
        (ValueError("first line\nsecond"), "first line"),
        (EOFError(), "EOFError"),
    ],
)
def test_the_words_of_a_reason(error, words):
    assert reason(error) == words


# ---------------------------------------------------------------------------------------------- judged whole


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"config": None}, "config: found null"),
        ({"fingerprint": 3}, "fingerprint: found 3, expected plain text"),
        ({"model": "a\nb"}, 'model: found "a\\nb", expected a model'),
        ({"crop": "x"}, 'crop: found "x", expected a whole number'),
        ({"scale": None}, "scale: found null, expected a number"),
        ({"scale": 0}, "scale: found 0"),
        ({"class_ids": []}, "class_ids: found a list of 0"),
        ({"class_ids": ["a", "a"]}, "found 1 class ids in a list of 2, and 2 names"),
        ({"places": {"data": "x"}}, 'places.data: found "x", expected a list'),
        ({"state": {"epoch": 2, "history": []}}, "state.history: found 0 epochs, expected 2"),
        ({"state": {"epoch": 1, "history": [{}]}}, "state.history[0].epoch: found nothing"),
    ],
)
def test_what_a_checkpoint_says_of_itself_is_judged(tmp_path, changes, words):
    save_checkpoint(tmp_path / "a", replace(some(), info=some().info | changes))
    refused(lambda: load_checkpoint(tmp_path / "a"), f"{tmp_path / 'a'}: ", words, error=UserError)


@pytest.mark.parametrize("key", info_of("alexnet-small", "ab"))
def test_nothing_may_be_missing(tmp_path, key):
    save_checkpoint(tmp_path / "a", replace(some(), info={k: v for k, v in some().info.items() if k != key}))
    refused(lambda: load_checkpoint(tmp_path / "a"), tmp_path / "a", f"{key}: found nothing", error=UserError)


@pytest.mark.parametrize(
    "entry, words",
    [
        ({"dtype": "F8_E4M3", "shape": [8]}, "'param/w' has dtype F8_E4M3, expected F32"),
        ({"dtype": "C64", "shape": [1]}, "dtype C64"),
        ({"data_offsets": [8, 16]}, "not a whole safetensors file"),
        ({"data_offsets": [8, 0]}, "not a whole safetensors file"),
        ({"shape": [3]}, "not a whole safetensors file"),
        ({"shape": [-2]}, "not a whole safetensors file"),
        ({"shape": [2**62, 4]}, "not a whole safetensors file"),
        ({"shape": [2**62, 0], "data_offsets": [0, 0]}, "not a whole safetensors file"),
        ({"shape": [1] * 70 + [2]}, "not a whole safetensors file"),
        ({"shape": "x"}, "not a whole safetensors file"),
    ],
)
def test_arrays_that_do_not_lie_as_they_should(tmp_path, entry, words):
    about = {"__metadata__": {"tinyalex": json.dumps({"version": 1} | some().info)}}
    header = json.dumps(about | {"param/w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | entry}).encode()
    (tmp_path / "a").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    refused(lambda: load_checkpoint(tmp_path / "a"), tmp_path / "a", words, error=UserError)


@pytest.mark.parametrize("header", [b'{"a":' + b"[" * 200_000, b"[" * 10, b"{}x"])
@pytest.mark.parametrize("length", [None, 0, 2**31, 2**63, 2**64 - 1])
def test_headers_that_are_none(tmp_path, header, length):
    length = len(header) if length is None else length
    (tmp_path / "a").write_bytes(length.to_bytes(8, "little") + header)
    refused(lambda: load_checkpoint(tmp_path / "a"), tmp_path / "a", "not a whole", error=UserError)


def test_integers_are_no_weights():
    words = ["file: a is int64, expected float32"]
    refused(lambda: copy_into({"a": np.zeros(2, "f4")}, {"a": np.zeros(2, int)}, "file"), *words, error=UserError)


@pytest.mark.parametrize("name", ARRAYS)
def test_a_view_with_numbers_that_are_none(name):
    _, checkpoint = network_checkpoint()
    view = checkpoint.view | {name: np.full_like(checkpoint.view[name], np.nan)}
    refused(lambda: restore_network(replace(checkpoint, view=view), "file"), f"file: {name} holds NaN", error=UserError)
