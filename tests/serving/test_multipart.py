"""The parts of a form, with any bytes inside, and forms that are none."""

import pytest

pytest.importorskip("granian", reason="needs the packages of tinyalex[serve]")
pytestmark = pytest.mark.serve

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from starlette.exceptions import HTTPException  # noqa: E402

from tests.serving.asking import multipart  # noqa: E402
from tinyalex.serving.multipart import MOST_PARTS, parts_of  # noqa: E402

WORDS = st.sampled_from([b"\r\n", b"--", b"xyz", b"\r\n--xy", b"\n", b"\x00\xff", b"a"])


@given(st.lists(st.lists(WORDS, max_size=8).map(b"".join), min_size=1, max_size=4))
def test_whatever_is_inside(contents):
    """But for the boundary itself, which a client chooses so that no part has it."""
    if not any(b"\r\n--xyz" in b"\r\n" + content for content in contents):
        headers, body = multipart(*contents)
        assert parts_of(headers["Content-Type"], body) == contents


def test_other_spellings():
    body = b"before, to ignore\r\n--a b \r\n\r\nno headers\r\n--a b--\r\nbehind, too"
    assert parts_of('multipart/form-data; charset=x; Boundary="a b"', body) == [b"no headers"]


@pytest.mark.parametrize(
    "kind, body, status",
    [
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=", b"", 400),
        (f"multipart/form-data; boundary={'x' * 71}", b"", 400),
        ("multipart/form-data; boundary=é", b"--\xe9\r\n\r\na", 400),
        ("multipart/form-data; boundary=x", b"", 400),
        ("multipart/form-data; boundary=x", b"--x--", 400),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\na\r\n", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nno end of headers\r\n--x--", 400),
        ("multipart/form-data; boundary=x", b"--xy\r\n\r\na\r\n--x--", 400),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\na\r\n" * (MOST_PARTS + 1) + b"--x--", 413),
        ("multipart/form-data; boundary=x", b"--x\r\n" * 100_000, 413),
    ],
)
def test_forms_that_are_none(kind, body, status):
    with pytest.raises(HTTPException) as caught:
        parts_of(kind, body)
    assert caught.value.status_code == status and "\n" not in caught.value.detail


def test_as_many_as_it_takes():
    headers, body = multipart(*[b"a"] * MOST_PARTS)
    assert parts_of(headers["Content-Type"], body) == [b"a"] * MOST_PARTS
