"""Published pickles are read, whichever Python and NumPy wrote them; nothing in a pickle is ever run."""

import collections
import io
import os
import pickle
import pickletools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinyalex.data import pickles
from tinyalex.data.pickles import load_pickle
from tinyalex.errors import UserError

PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)


def load(data):
    return load_pickle(io.BytesIO(data), "some/file")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_content_of_published_files_comes_back(protocol):
    content = {
        "data": np.arange(24, dtype=np.uint8).reshape(2, 12),
        "mean": np.linspace(0, 1, 6).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3)),
        "empty": np.zeros((0, 3), np.float32),
        "labels": [1, 2],
        "nested": ({"a": None}, [True, 2.5, "text"]),
        "scalar": np.float32(1.5),
    }
    back = load(pickle.dumps(content, protocol))
    assert back.keys() == content.keys()
    for name, value in content.items():
        if isinstance(value, np.ndarray):
            assert back[name].dtype == value.dtype
        np.testing.assert_equal(back[name], value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_both_names_of_numpys_core_are_known(protocol):
    array = np.arange(6, dtype=np.int16)
    data = pickle.dumps(array, protocol)
    if protocol < 4:  # names have no length in front
        data = data.replace(b"numpy._core", b"numpy.core")
    else:
        data = data.replace(b"\x8c\x16numpy._core.multiarray", b"\x8c\x15numpy.core.multiarray")
        data = data.replace(b"\x8c\x13numpy._core.numeric", b"\x8c\x12numpy.core.numeric")
    if protocol < 4:
        np.testing.assert_array_equal(load(data), array)
    else:  # a frame carries its length, which is now wrong: drop the frame
        data = data[:2] + data[11:] if data[2:3] == b"\x95" else data
        np.testing.assert_array_equal(load(data), array)


def test_python_2_strings_give_text_keys_and_bytes_as_pixels():
    # {'data': array([1, 2, 3], dtype=uint8), 'labels': [7]} as Python 2 wrote it
    data = (
        b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x03\x85cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x03\x01\x02\x03tbU\x06labels]K\x07au."
    )
    pickletools.dis(data, io.StringIO())  # it is well formed
    back = load(data)
    assert list(back) == ["data", "labels"] and back["labels"] == [7]
    np.testing.assert_array_equal(back["data"], np.array([1, 2, 3], np.uint8))


@given(hnp.arrays(hnp.integer_dtypes() | hnp.floating_dtypes(sizes=(16, 32, 64)), hnp.array_shapes(max_side=4)))
def test_any_array_of_numbers_comes_back(array):
    back = load(pickle.dumps(array))
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


class Runs:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], tuple(self.call[1:])


@pytest.mark.parametrize(
    "content, refused",
    [
        (Runs(os.system, "touch pwned"), "system"),
        (Runs(eval, "open('pwned', 'w')"), "eval"),
        (Runs(getattr, [], "append"), "getattr"),
        ({"data": [Runs(exec, "import os")]}, "exec"),
        (collections.OrderedDict(a=1), "collections.OrderedDict"),
        ({1, 2}, "set"),
        (np.random.default_rng(0), "numpy.random"),
        (Runs(np.fromfile, "/etc/passwd"), "numpy"),
    ],
)
def test_anything_else_is_refused_by_name_and_not_run(content, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=refused) as raised:
        load(pickle.dumps(content, 2))
    assert str(raised.value).startswith("some/file: ") and "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "array",
    [
        np.array([{}, []], dtype=object),
        np.zeros(2, dtype=[("a", "i4")]),
        np.array(["text"]),
        np.array(["2012-09-30"], "datetime64[D]"),
    ],
)
def test_arrays_of_anything_but_numbers_are_refused(array):
    with pytest.raises(UserError, match="some/file"):
        load(pickle.dumps({"data": array}))


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x02cnumpy\nndarray\nK\x02K\x03\x86\x85R.",  # an array whose shape and bytes disagree
        b"\x80\x02cnumpy\nndarray\n\x8a\x09" + bytes(8) + b"\x01\x85\x85R.",  # one of 2⁶⁴ bytes
        b"\x80\x02cnumpy\nndarray\nK\x02\x85\x85R}b.",  # a state of another kind
        b"\x80\x02cnumpy\ndtype\nU\x02u1\x85R.",  # a type on its own
        b"\x80\x02cnumpy\ndtype\n.",  # a function on its own
        b"\x80\x02}cnumpy\ndtype\nK\x01s.",  # or as a key
        b"\x80\x02cnumpy\ndtype\n}U\x01xK\x01sb.",  # state for a function
        b"\x80\x02c_codecs\nencode\nX\x02\x00\x00\x00abU\x05rot13\x86R.",
        b"\x80\x02]q\x00h\x00a.",  # a list that holds itself
        b"\x80\x02K\x01Q.",  # an object stored elsewhere
        b"\x80\x02X\x03\x00\x00\x00\xed\xa0\x80.",  # half a character, which no file or terminal takes
        b"\x80\x02(K\x01K\x02a.",  # entries for what is no list
        b"\x80\x02}(K\x01u.",  # a key without a value
        b"\x80\x02e.",  # a mark that was never set
        b"\x80\x02K\x01(\x85a.",  # and one above the stack
        b"\x80\x02h\x07.",  # a memory of nothing
        b"\x80\x06K\x01.",
        b"(lp0\n.",  # protocol 0
        b"",
        b"not a pickle at all",
    ],
)
def test_pickles_made_by_hand_do_no_harm(program):
    with pytest.raises(UserError, match="some/file"):
        load(program)


def doubled(times, value=b"K\x01", width=60):
    """[v] * width, `times` times over: a few bytes with width ** times entries."""
    steps = (b"](" + b"h%c" % i * width + b"eq%c" % (i + 1) for i in range(times))
    return b"\x80\x02" + value + b"q\x00" + b"".join(steps) + b"."


@pytest.mark.parametrize(
    "program",
    [
        doubled(5),
        doubled(7, b"cnumpy\nndarray\nK\x00\x85\x85R"),
        b"\x80\x02K\x01" + b"\x85" * 2_000 + b".",  # tuples in tuples
        b"\x80\x02}K\x01" + b"\x85" * 2_000 + b"K\x01s.",  # as a key: Python crashes when it hashes a million
        b"\x80\x02" + b"]" * 1_000 + b"a" * 999 + b".",
        b"\x80\x02" + b"}" * 3_100,  # more steps than there may be
        b"\x80\x02X\xff\xff\xff\xffab.",
        b"\x80\x02\x8e" + b"\xff" * 8 + b"ab.",
        b"\x80\x02c_codecs\nencode\nq\x00X\x2c\x01\x00\x00" + b"a" * 300 + b"q\x01X\x06\x00\x00\x00latin1\x86q\x02"
        b"](" + b"h\x00h\x02R" * 20 + b"e.",  # the same text as bytes, again and again
    ],
)
def test_a_few_bytes_never_become_many(program, monkeypatch):
    monkeypatch.setattr(pickles, "MOST", 3_000)
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="some/file"):
            load(program)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_entries_are_as_few_as_the_bytes_of_a_small_file():
    assert len(load(doubled(2, width=90))) == 90  # 8,190 entries in 373 bytes
    tracemalloc.start()
    with pytest.raises(UserError, match="more than 10,000 entries"):
        load(doubled(3, b"cnumpy\nndarray\nK\x00\x85\x85R", width=100))  # a million arrays
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_the_number_of_a_memory_takes_no_room():
    tracemalloc.start()
    assert load(b"\x80\x02K\x01r\xff\xff\xff\x0f.") == 1
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


def test_published_batches_are_far_from_the_limits():
    labels, ids = list(range(1000)) * 1281, list(range(1000))  # all of ImageNet in one file, and a list used twice
    assert load(pickle.dumps([labels, ids, ids], 2)) == [labels, ids, ids]


@given(st.data())
def test_a_pickle_cut_short_is_named(data):
    content = {"data": np.arange(30, dtype=np.uint8), "labels": [1, 2]}
    whole = pickle.dumps(content, data.draw(st.sampled_from(PROTOCOLS)))
    with pytest.raises(UserError, match="some/file"):
        load(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.binary(max_size=60))
def test_noise_raises_only_user_errors(noise):
    try:
        load(noise)
    except UserError:
        pass


@given(st.data())
def test_a_pickle_with_bytes_changed_raises_only_user_errors(data):
    damaged = bytearray(pickle.dumps({"data": np.arange(8, dtype=np.uint8).reshape(2, 4), "labels": [1]}, 2))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        load(bytes(damaged))
    except UserError:
        pass
