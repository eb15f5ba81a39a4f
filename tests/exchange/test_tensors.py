"""Files of weights: both forms of PyTorch's and safetensors are read; what they must not say is refused in one line."""

import os
import pickle
import struct
import zipfile

import numpy as np
import pytest

from tests.checks import refused
from tests.exchange import saved
from tests.exchange.saved import arrays, as_safetensors, as_stream, as_zip, name, number, ordered, row, storage, tensor
from tinyalex.errors import UserError
from tinyalex.exchange.tensors import read_tensors

FORMS = {"zip": as_zip, "stream": as_stream, "safetensors": as_safetensors}
PICKLED = {"zip": as_zip, "stream": as_stream}
SIX = np.arange(6, dtype="<f4").tobytes()


@pytest.fixture
def read(tmp_path):
    """The tensors in a file of these bytes."""

    def tensors(raw):
        (tmp_path / "a.pth").write_bytes(raw)
        return read_tensors(tmp_path / "a.pth")

    return tensors


def same(found, expected):
    assert found.keys() == expected.keys()
    for key, array in expected.items():
        assert found[key].dtype == array.dtype and found[key].shape == array.shape, key
        np.testing.assert_array_equal(found[key], array)


@pytest.mark.parametrize("first", [b"\x80", b"\x08", b"P"])
def test_safetensors_whose_length_begins_like_another_form(first, read):
    text = b'{"w":{"dtype":"F32","shape":[6],"data_offsets":[0,24]}}'
    length = first[0] + (0 if first[0] > len(text) else 256)
    same(read(struct.pack("<Q", length) + text.ljust(length) + SIX), {"w": np.arange(6, dtype=np.float32)})


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(form, read):
    eight = {"w": np.zeros((1,) * 8)}
    same(read(FORMS[form](arrays() | eight)), arrays() | eight)


@pytest.mark.parametrize("form", PICKLED)
@pytest.mark.parametrize("wrapped", ["state_dict", "model", "model_state_dict", "net"])
def test_a_state_dict_may_be_in_a_dict_and_its_storages_on_a_device(form, wrapped, read):
    for module, device in (("torch", "cuda:1"), ("torch.cuda", "cuda:0")):
        same(read(PICKLED[form](arrays(), wrapped=wrapped, module=module, device=device)), arrays())


@pytest.mark.parametrize("form", FORMS)
def test_what_stands_before_all_names_is_taken_off(form, read):
    for before in ("module.", "_orig_mod.", "module._orig_mod."):
        same(read(FORMS[form]({before + key: a for key, a in arrays().items()})), arrays())
    some = {key if key == "empty" else f"module.{key}": a for key, a in arrays().items()}
    same(read(FORMS[form](some)), some)


def alone(program, raw=SIX, **about):
    """A zip with one tensor "w"."""
    return saved.zipped(b"\x80\x02" + ordered({"w": program}) + b".", {"0": raw}, **about)


FLOATS = storage("FloatStorage", "0", 6)


def test_tensors_are_views_of_storages(read):
    turned = read(alone(tensor(FLOATS, 0, (3, 2), (1, 3))))["w"]
    np.testing.assert_array_equal(turned, [[0, 3], [1, 4], [2, 5]])
    np.testing.assert_array_equal(read(alone(tensor(FLOATS, 1, (2, 2), (3, 1))))["w"], [[1, 2], [4, 5]])
    np.testing.assert_array_equal(read(alone(tensor(FLOATS, 5, (), ())))["w"], 5)
    np.testing.assert_array_equal(read(alone(tensor(FLOATS, 2, (2, 3), (0, 1))))["w"], [[2, 3, 4], [2, 3, 4]])
    for shape, strides in (((3, 0), (1, 1)), ((0, 3), (3, 1)), ((1,) * 8, (2**40,) * 8)):
        assert read(alone(tensor(FLOATS, 0, shape, strides)))["w"].shape == shape
    both = ordered({"a": tensor(FLOATS, 0, (6,), (1,)), "b": saved.parameter(tensor(FLOATS, 3, (3,), (1,)))})
    found = read(saved.zipped(b"\x80\x02" + both + b".", {"0": SIX}))
    assert np.shares_memory(found["a"], found["b"]) and found["b"].tolist() == [3, 4, 5]


def test_storages_from_machines_of_either_kind(read):
    big = np.arange(6, dtype=">f4").tobytes()
    assert read(alone(tensor(FLOATS, 0, (6,), (1,)), big, order=b"big"))["w"].tolist() == [0, 1, 2, 3, 4, 5]
    halves = np.float32([1.5, -2, 3e38]).view("u4") >> 16
    brain = storage("BFloat16Storage", "0", 3)
    for order, kind in ((b"little", "<u2"), (b"big", ">u2")):
        found = read(alone(tensor(brain, 0, (3,), (1,)), halves.astype(kind).tobytes(), order=order))["w"]
        assert (
            found.dtype == np.float32
            and not found.flags.writeable
            and found.tolist()[:2] == [1.5, -2]
            and 2.9e38 < found[2] < 3.1e38
        )


def test_old_names_of_functions(read):
    """Before PyTorch 0.4: no `_v2`; parameters as objects with a state; Python 2's strings."""
    stored = row(b"U\x07storage", name("torch", "FloatStorage"), b"U\x010", b"U\x03cpu", number(6)) + b"Q"
    old = name("torch._utils", "_rebuild_tensor") + row(stored, number(0), row(number(6)), row(number(1))) + b"R"
    old_parameter = (
        name("torch.nn.parameter", "Parameter") + row(old, b"\x88") + b"R" + row(b"\x88", b"\x89", b"N") + b"b"
    )
    pairs = b"](](U\x01w" + old_parameter + b"ee"
    program = b"\x80\x02" + name("collections", "OrderedDict") + pairs + b"\x85R."
    found = read(saved.zipped(program, {"0": SIX}))
    assert found["w"].tolist() == [0, 1, 2, 3, 4, 5]
    tuples = program.replace(b"U\x01w", b"N\x85")
    refused(lambda: read(saved.zipped(tuples, {})), "a key that is neither text nor a number", error=UserError)


def test_tensors_are_at_most_four_times_the_file(read, tmp_path):
    read(alone(tensor(FLOATS, 0, (1,), (0,))))
    size = (tmp_path / "a.pth").stat().st_size
    assert len(read(alone(tensor(FLOATS, 0, (size,), (0,))))["w"]) == size  # four bytes each
    found = f"found tensors of {4 * size + 4:,} bytes in a file of {size:,}, expected at most 4 times as many"
    refused(lambda: read(alone(tensor(FLOATS, 0, (size + 1,), (0,)))), found, error=UserError)


@pytest.mark.parametrize(
    "program, words",
    [
        (tensor(FLOATS, 0, (7,), (1,)), "'w': reaches number 7 of a storage with 6"),
        (tensor(FLOATS, 6, (1,), (1,)), "reaches number 7"),
        (tensor(FLOATS, 0, (2, 2), (5, 1)), "reaches number 7"),
        (tensor(FLOATS, 0, (6,), (-1,)), "shape (6,) and strides (-1,)"),
        (tensor(FLOATS, 0, (-6,), (1,)), "shape (-6,)"),
        (tensor(FLOATS, -1, (6,), (1,)), "at -1"),
        (tensor(FLOATS, 0, (6,), ()), "1 axes and 0 strides"),
        (tensor(FLOATS, 0, (1,) * 9, (1,) * 9), "9 axes"),
        (tensor(FLOATS, 0, (2**28,), (0,)), "1,073,741,824 bytes"),
        (tensor(FLOATS, 0, (0, 2**62), (1, 1)), "shape"),
        (tensor(b"K\x01", 0, (6,), (1,)), "shape (6,)"),
        (tensor(storage("FloatStorage", "0", 7), 0, (6,), (1,)), "its storage has 24 bytes, expected 28"),
        (tensor(storage("FloatStorage", "0", -6), 0, (6,), (1,)), "its storage has 24 bytes"),
        (tensor(storage("FloatStorage", "1", 6), 0, (6,), (1,)), "archive/data/1 cannot be read"),
        (tensor(storage("FloatStorage", "0", 6, view=row(saved.text("a"))), 0, (6,), (1,)), "part of another"),
        (tensor(row(saved.text("module"), b"N") + b"Q", 0, (6,), (1,)), "a.pth"),
        (tensor(FLOATS.replace(b"storage", b"another"), 0, (6,), (1,)), "a persistent id that is no storage"),
        (tensor(FLOATS.replace(b"ctorch\nFloatStorage\n", b"N"), 0, (6,), (1,)), "a persistent id that is no storage"),
        (tensor(storage("QUInt8Storage", "0", 6), 0, (6,), (1,)), "'torch.QUInt8Storage'"),
        (name("torch", "FloatStorage"), "a.pth"),
        (FLOATS, "a.pth"),
        (b"K\x03", "a dict with w, expected a state dict"),
    ],
)
def test_tensors_lie_in_their_storages(program, words, read):
    refused(lambda: read(alone(program)), "a.pth: ", words, error=UserError)


def test_a_storage_has_one_length(read):
    items = {key: tensor(storage("FloatStorage", "0", length), 0, (1,), (1,)) for key, length in (("a", 6), ("b", 5))}
    refused(
        lambda: read(saved.zipped(b"\x80\x02" + ordered(items) + b".", {"0": SIX})), "two storages", error=UserError
    )


class Runs:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


@pytest.mark.parametrize("content", [Runs(os.system, "touch code-ran"), Runs(exec, "1 / 0"), {"w": Runs(eval, "1")}])
@pytest.mark.parametrize("form", PICKLED)
def test_nothing_is_executed(form, content, read, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = pickle.dumps(content, 2)
    raw = saved.zipped(program, {}) if form == "zip" else saved.streamed(program, {})
    refused(lambda: read(raw), "this pickle asks for", "torch.save(model.state_dict(), FILE)", error=UserError)
    assert not (tmp_path / "code-ran").exists()


def test_files_of_other_kinds(read, tmp_path):
    cases = {
        b"": "no safetensors",
        struct.pack("<Q", 2**63) + b"{}": "no safetensors",
        b"\x89PNG\r\n\x1a\n": "no safetensors",
        pickle.dumps([1, 2], 2): "a pickle that PyTorch did not write",
        pickle.dumps(np.zeros(3), 2): "a pickle that PyTorch did not write",
        saved.streamed(b"\x80\x02]K\x01a.", {}): "holds one list, expected a state dict",
        saved.zipped(b"\x80\x02}.", {}): "holds a dict with nothing",
        struct.pack("<Q", 2**39) + b"{}": "not a whole safetensors file",
        as_safetensors({}, {"w": {"dtype": "C64", "shape": [0], "data_offsets": [0, 0]}}): "'w' is C64 with 1 axes",
        as_safetensors({}, {"w": {"dtype": "F32", "shape": [0] * 70, "data_offsets": [0, 0]}}): "F32 with 70 axes",
        alone(tensor(FLOATS, 0, (6,), (1,)), packing=zipfile.ZIP_DEFLATED): "a compressed zip",
        as_zip(arrays()).replace(b"data.pkl", b"code.pkl"): "a zip without data.pkl",
    }
    for raw, words in cases.items():
        refused(lambda raw=raw: read(raw), "a.pth: ", words, error=UserError)
    refused(lambda: read_tensors(tmp_path), str(tmp_path), error=UserError)
    refused(lambda: read_tensors(tmp_path / "nosuch"), "nosuch", error=UserError)


def test_keys_of_storages_are_names(read):
    program = saved.program_of({"w": np.zeros(3)}, True)
    raw = saved.MAGIC + saved.VERSION + saved.MACHINE + program + b"\x80\x02]%sa." + struct.pack("<q", 3) + bytes(24)
    assert read(raw % saved.text("0"))["w"].tolist() == [0, 0, 0]
    for key in (b"K\x00", b"N", b"]", saved.text("1")):
        refused(lambda key=key: read(raw % key), "its list of storages", error=UserError)


def test_damage_is_seen(read):
    whole, first = as_zip(arrays()), arrays()["conv.weight"].tobytes()
    at = whole.find(first)
    refused(lambda: read(whole[:at] + b"\xff" + whole[at + 1 :]), "archive/data/0 cannot be read", error=UserError)
    renamed = whole.replace(b"conv.bias", b"conv.bios")
    refused(lambda: read(renamed), "a.pth: archive/data.pkl cannot be read", error=UserError)
    refused(lambda: read(whole[:-30]), "a.pth: not a readable zip", error=UserError)
    assert read(as_stream(arrays()) + b"more")
    refused(lambda: read(as_stream(arrays())[:-3]), "it is damaged or was cut short", error=UserError)
    lying = as_stream(arrays()).replace(struct.pack("<q", 24) + first, struct.pack("<q", 2**62) + first)
    refused(lambda: read(lying), "4,611,686,018,427,387,904 numbers where 24 are expected", error=UserError)


def test_entries_of_a_zip_that_overlap(read):
    """A storage of a kilobyte that a hundred entries name."""
    raw = saved.zipped(b"\x80\x02}.", {str(i): bytes(1000) * (i == 0) for i in range(100)})
    begin = raw.find(b"PK\1\2", raw.find(b"archive/data/0", raw.find(b"PK\1\2")) - 50)
    about = raw[begin + 16 : begin + 28]  # checksum and sizes
    place, data = raw[begin + 42 : begin + 46], bytearray(raw)
    at = begin
    while (at := data.find(b"PK\1\2", at + 1)) > 0:
        data[at + 16 : at + 28], data[at + 42 : at + 46] = about, place
    refused(lambda: read(bytes(data)), "a zip whose members do not fit into", error=UserError)


@pytest.mark.torch
@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_saves_is_read(zipped, tmp_path):
    import torch

    tensors = {
        "turned": torch.randn(3, 4).t(),
        "parameter": torch.nn.Parameter(torch.randn(2, 1, 3, 3)),
        "half": torch.randn(5).half(),
        "brain": torch.randn(5).bfloat16(),
        "double": torch.randn(2).double(),
        "count": torch.tensor(9),
        "mask": torch.tensor([True, False]),
        "nothing": torch.zeros(0, 2),
    }
    tensors["part"] = tensors["parameter"][:, :, 1:, ::2]
    state = torch.nn.BatchNorm2d(3).state_dict()
    for protocol in range(2, 6):
        for content in ({"epoch": 3, "state_dict": tensors, "best": torch.tensor(0.5)}, tensors, state):
            options = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": zipped}
            torch.save(content, tmp_path / "a.pth", **options)
            expected = content.get("state_dict", content)
            found = read_tensors(tmp_path / "a.pth")
            assert found.keys() == expected.keys()
            for key, array in found.items():
                theirs = expected[key].detach()
                np.testing.assert_array_equal(array, (theirs.float() if key == "brain" else theirs).numpy())
    torch.save(torch.nn.Linear(2, 3), tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    words = "torch.nn.modules.linear.Linear", "torch.save(model.state_dict(), FILE)"
    refused(lambda: read_tensors(tmp_path / "a.pth"), *words, error=UserError)


@pytest.mark.torch
def test_what_safetensors_saves_is_read(tmp_path):
    import torch
    from safetensors.torch import save_file

    tensors = {"a": torch.randn(2, 3), "b": torch.randn(4).bfloat16(), "c": torch.tensor(3), "d": torch.randn(2).half()}
    save_file(tensors, tmp_path / "a.safetensors", {"format": "pt"})
    for key, array in read_tensors(tmp_path / "a.safetensors").items():
        np.testing.assert_array_equal(array, tensors[key].float().numpy())
