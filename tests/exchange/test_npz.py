"""NumPy's files of arrays: our own become the same network; what others declare is checked before it is used."""

import io
import zipfile

import numpy as np
import pytest

from tests.checks import agree, refused
from tests.exchange.stirring import stirred, view_of
from tinyalex.errors import UserError
from tinyalex.exchange import own
from tinyalex.exchange.npz import read_npz
from tinyalex.exchange.reading import read_foreign
from tinyalex.models import find_model


@pytest.fixture
def ours():
    """(network, view, the arrays of their export)."""
    network, view = stirred(find_model("resnet-mini").build(3)), view_of(64, 56)
    text = own.describe(network, view, ["a", "b", "c"], ["A", "B", "C"])
    return network, view, network.params | network.state | {"view.mean": view.mean, own.KEY: np.array(text)}


def test_our_arrays_become_the_same_network(ours, tmp_path):
    network, view, arrays = ours
    np.savez(tmp_path / "a.npz", **arrays)
    found = read_foreign(tmp_path / "a.npz")
    for name, array in (network.params | network.state).items():
        agree((found.network.params | found.network.state)[name], array, name, exact=True)
    agree(found.view.mean, view.mean, "mean", exact=True)
    assert found.class_names == ("A", "B", "C") and found.name == "a"


@pytest.mark.parametrize(
    "changes, words",
    [
        ({own.KEY: None}, "NumPy's arrays without a network"),
        ({"fc.bias": None}, "found no array 'fc.bias'"),
        ({"fc.bias": np.zeros(4)}, "bias is"),
        ({"fc.bias": np.array([0, 1, np.nan])}, "NaN"),
        ({own.KEY: np.array("{}")}, "class_ids"),
        ({own.KEY: np.zeros(3)}, "a.npz: "),
    ],
)
def test_other_arrays_than_ours(changes, words, ours, tmp_path):
    arrays = ours[2] | changes
    np.savez(tmp_path / "a.npz", **{name: array for name, array in arrays.items() if array is not None})
    refused(lambda: read_foreign(tmp_path / "a.npz"), "a.npz: ", words, error=UserError)


def test_arrays_of_numbers_are_read(tmp_path):
    arrays = {
        "rows": np.arange(6, dtype="f2").reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "swapped": np.arange(3, dtype=">f4"),
        "text": np.array("tëxt"),
        "none": np.zeros((0, 3)),
        "one": np.array(True),
    }
    np.savez(tmp_path / "a.npz", **arrays)
    found = read_npz(tmp_path / "a.npz")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def member(header, rest=bytes(24), version=b"\x01\x00"):
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + rest


HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }\n"


@pytest.mark.parametrize(
    "raw",
    [
        member(HEADER.replace(b"6", b"7")),
        member(HEADER.replace(b"6", b"1000000000000")),
        member(HEADER.replace(b"6", b"-6")),
        member(HEADER.replace(b"<f4", b"|O")),
        member(HEADER.replace(b"'<f4'", b"[('a', '<f4')]")),
        member(HEADER.replace(b"6", b"__import__('os').system('touch code-ran')")),
        member(HEADER, version=b"\x09\x00"),
        member(b"(" * 5_000),
        b"\x93NUMPY",
        b"",
    ],
)
def test_arrays_that_lie(raw, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("w.npy", member(HEADER))
    (tmp_path / "a.npz").write_bytes(buffer.getvalue())
    assert read_npz("a.npz")["w"].tolist() == [0] * 6
    with zipfile.ZipFile("a.npz", "w") as archive:
        archive.writestr("w.npy", raw)
    refused(lambda: read_npz("a.npz"), "a.npz: 'w.npy' is no array of plain numbers", error=UserError)
    assert not (tmp_path / "code-ran").exists()


def test_other_zips_are_no_arrays(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "")
    assert read_npz(tmp_path / "a.zip") == {}
    refused(lambda: read_npz(tmp_path / "nosuch"), "nosuch: cannot be read", error=UserError)
