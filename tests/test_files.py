"""Files from outside are ordinary ones of a size that was expected, before a byte of them is read."""

import os
import socket
from pathlib import Path

import pytest

from tests.checks import refused
from tinyalex.errors import UserError
from tinyalex.files import check_file, kind_of, open_regular, read_regular, write_text


@pytest.mark.parametrize("kind", ["pipe", "folder", "socket", "/dev/zero"])
def test_only_ordinary_files_are_opened(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    if kind == "pipe":
        os.mkfifo(kind)  # nobody writes to it: a plain open would wait
    elif kind == "folder":
        os.mkdir(kind)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(kind)
    elif not os.path.exists(kind):
        pytest.skip(f"this system has no {kind}")
    with pytest.raises(OSError) as raised:
        read_regular(kind, 100)
    assert raised.value.filename == kind and raised.value.strerror


@pytest.mark.parametrize("name", ["a\0b", "\ud800", Path("a\0b")])
def test_what_no_file_can_be_called(name):
    with pytest.raises(OSError, match="no name that a file can have") as raised:
        open_regular(name)
    assert raised.value.filename == os.fspath(name)


def test_what_is_at_a_path(tmp_path):
    write_text(tmp_path / "file", "")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nothing")
    found = {name: kind_of(tmp_path / name) for name in ("", "file", "pipe", "link", "file/under")}
    assert found == {"": "a folder", "file": "a file", "pipe": "a device or a pipe", "link": "", "file/under": ""}


def test_a_limit_is_judged_before_reading(tmp_path):
    file = tmp_path / "x"
    file.write_bytes(b"abc")
    assert read_regular(file, 3) == b"abc" == read_regular(str(file), 4)
    with pytest.raises(OSError, match="3 bytes, expected at most 2"):
        open_regular(file, 2)
    with open_regular(file) as opened:
        assert opened.read() == b"abc"
    os.truncate(file, 1 << 40)
    with pytest.raises(OSError, match="1,099,511,627,776 bytes"):
        read_regular(file, 1 << 30)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "store").mkdir()
    link = tmp_path / "a.txt"
    link.symlink_to("store/b.txt")
    for text in ("new", "newer"):
        write_text(link, text)
        assert link.is_symlink() and (tmp_path / "store" / "b.txt").read_text() == text
    assert len(list(tmp_path.rglob("*"))) == 3


def test_nothing_is_left_if_the_last_moment_is_interrupted(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("old")

    def interrupted(file):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_text(tmp_path / "a.txt", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"


def test_a_name_is_tried_with_all_its_letters(tmp_path):
    refused(lambda: check_file(tmp_path / f"{'n' * 245}.npz", ".npz", b""), "cannot be written", error=UserError)
    check_file(tmp_path / f"{'n' * 200}.npz", ".npz", b"")
    assert not list(tmp_path.iterdir())
