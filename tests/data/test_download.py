"""Downloads from a local server that misbehaves in every way that a download must survive."""

import contextlib
import errno
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tinyalex.data import download as module
from tinyalex.data.download import SOURCES, Source, download
from tinyalex.errors import UserError
from tinyalex.signals import ENDING

CONTENT = bytes(range(256)) * 1000  # 256,000 bytes, so several blocks


class Server:
    """Serves `content` on 127.0.0.1 and notes the Range of every request; the attributes say how it misbehaves.

    cuts: the number of bytes after which to drop each coming connection; later requests are served in full
    statuses: HTTP errors with which to answer the coming requests instead
    """

    def __init__(self):
        self.content, self.honours_range, self.says_length = CONTENT, True, True
        self.cuts, self.statuses, self.ranges = [], [], []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.answer(self)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/file.bin"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def answer(self, request):
        wanted = request.headers["Range"]
        self.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.honours_range else 0
        status = self.statuses.pop(0) if self.statuses else None
        if status or start >= len(self.content):
            request.send_error(status or 416)
            return
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        if self.says_length:
            length = str(len(self.content) - start) if self.says_length is True else self.says_length
            request.send_header("Content-Length", length)
        request.end_headers()
        end = start + self.cuts.pop(0) if self.cuts else len(self.content)
        with contextlib.suppress(ConnectionError):
            request.wfile.write(self.content[start:end])
            while isinstance(self.content, Endless):
                request.wfile.write(self.content[start:end])
        request.close_connection = True

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch):
    running = Server()
    source = Source("file.bin", running.url, len(CONTENT), hashlib.md5(CONTENT).hexdigest())
    monkeypatch.setitem(SOURCES, "test", source)
    yield running
    running.close()


def fetch(folder, **options):
    return download("test", folder, quiet=True, pause=0.001, **options)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def failure(folder, **options):
    """The text of the UserError, which must be one line and leave no file under the final name."""
    with pytest.raises(UserError) as caught:
        fetch(folder, **options)
    assert "\n" not in str(caught.value)
    assert "file.bin" not in files(folder)
    return str(caught.value)


def test_an_odd_length_and_what_is_really_kept(server, tmp_path):
    server.says_length = "100, 100"
    assert "the unreadable Content-Length '100, 100'" in failure(tmp_path, tries=1)
    server.says_length, server.honours_range, server.cuts = True, False, [50, 10, 10, 10]
    assert "; 10 bytes are kept" in failure(tmp_path, tries=3) and (tmp_path / "file.bin.part").stat().st_size == 10


def test_fetches_into_a_new_folder(server, tmp_path):
    path = fetch(tmp_path / "some" / "where")
    assert path == tmp_path / "some" / "where" / "file.bin"
    assert path.read_bytes() == CONTENT
    assert files(path.parent) == ["file.bin"]
    assert server.ranges == [None]


def test_a_whole_file_needs_no_network(server, tmp_path):
    (tmp_path / "file.bin").write_bytes(CONTENT)
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.ranges == []


@pytest.mark.parametrize("content", [b"mine", CONTENT[:-1] + b"?"], ids=["size", "md5"])
def test_a_wrong_file_of_the_same_name_is_left_alone(server, tmp_path, content):
    (tmp_path / "file.bin").write_bytes(content)
    with pytest.raises(UserError, match="not the published file.*expected"):
        fetch(tmp_path)
    assert (tmp_path / "file.bin").read_bytes() == content
    assert server.ranges == []


def test_resumes_from_the_part(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:100_000])
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.ranges == ["bytes=100000-"]
    assert files(tmp_path) == ["file.bin"]


def test_a_full_part_needs_no_network(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.ranges == []


def test_a_part_that_is_too_long_is_begun_anew(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT + b"x")
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None]


def test_dropped_connections_are_continued(server, tmp_path):
    server.cuts = [70_000, 1, 50_000, 0, 100_000]
    assert fetch(tmp_path, tries=2).read_bytes() == CONTENT  # more drops than tries, but only one without progress
    assert server.ranges == [None, "bytes=70000-", "bytes=70001-", "bytes=120001-", "bytes=120001-", "bytes=220001-"]


def test_a_server_without_ranges_sends_all_again(server, tmp_path):
    server.honours_range = False
    server.cuts = [70_000, 30_000]
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert len(server.ranges) == 3


def test_a_server_that_never_gets_further_is_given_up(server, tmp_path):
    server.honours_range = False
    server.cuts = [70_000, 30_000, 70_000, 30_000, 70_000]  # back and forth is no progress
    assert "70,000 bytes are kept" in failure(tmp_path, tries=4)
    assert len(server.ranges) == 5
    assert files(tmp_path) == ["file.bin.part"]


def test_a_refused_range_is_begun_anew(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:100_000])
    server.statuses = [416]
    assert fetch(tmp_path).read_bytes() == CONTENT
    assert server.ranges == ["bytes=100000-", None]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_passing_error_is_tried_again(server, tmp_path, status):
    server.statuses = [status, status]
    assert fetch(tmp_path, tries=3).read_bytes() == CONTENT
    assert len(server.ranges) == 3


def test_a_lasting_server_error_is_given_up(server, tmp_path):
    server.statuses = [503] * 9
    assert "HTTP 503" in failure(tmp_path, tries=2)
    assert len(server.ranges) == 2


def test_a_missing_file_fails_at_once(server, tmp_path):
    server.statuses = [404]
    text = failure(tmp_path)
    assert "HTTP 404" in text and len(server.ranges) == 1
    checksum = hashlib.md5(CONTENT).hexdigest()
    assert f"look for file.bin (256,000 bytes, MD5 {checksum}) elsewhere, and pass its address as url" in text


def test_a_server_that_offers_another_length(server, tmp_path):
    server.content = b"<html>please log in</html>"
    assert "26 bytes, expected 256,000" in failure(tmp_path)
    assert files(tmp_path) == []


def test_a_missing_length_does_no_harm(server, tmp_path):
    server.says_length = False
    server.cuts = [70_000]
    assert fetch(tmp_path).read_bytes() == CONTENT


def test_wrong_bytes_are_removed(server, tmp_path):
    server.content = CONTENT[:-1] + b"?"
    text = failure(tmp_path)
    assert "MD5" in text and "removed" in text
    assert files(tmp_path) == []


def test_a_part_of_another_file_is_detected(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(b"?" * 1000)
    assert "MD5" in failure(tmp_path)
    assert files(tmp_path) == []
    assert fetch(tmp_path).read_bytes() == CONTENT


def test_nobody_listens(server, tmp_path):
    assert "no connection, Connection refused" in failure(tmp_path, url="http://127.0.0.1:1/file.bin", tries=2)
    assert files(tmp_path) == []


def test_a_name_that_does_not_resolve(server, tmp_path):
    assert "no connection" in failure(tmp_path, url="http://host.invalid/file.bin", tries=1)


@pytest.mark.alone
def test_silence_counts_as_lost(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SILENCE", 0.1)
    honest, asked = server.answer, []

    def mute_at_first(request):
        asked.append(request)
        time.sleep(0.3) if len(asked) == 1 else honest(request)

    server.answer = mute_at_first
    assert fetch(tmp_path).read_bytes() == CONTENT


def test_a_mirror_is_held_to_the_same_bytes(server, tmp_path):
    assert fetch(tmp_path, url=server.url + "?mirror").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "url",
    [
        *"file:///etc/hostname ftp://a/b a/b http: http:///x https://:80/x http://[::1 http://[x]/ http://a..b/".split(),
        *"https://127.0.0.1:abc/ http://a:65536/ http://a:0/ http://me:word@a/ http://ü.invalid/ http://a/ü".split(),
        *("http://a b/c", "http://a/b c", "http://a/\n", " http://a/", "http://a/\x1b", "http://a/\udcff"),
        f"http://{'a' * 64}.org/",
    ],
)
def test_an_address_that_is_none_is_refused_at_once(tmp_path, url):
    with pytest.raises(UserError) as caught:
        download("cifar10", tmp_path / "new", url=url, quiet=True)
    assert str(caught.value).startswith(f"url: found {url!r}, expected an address such as https://")
    assert not files(tmp_path)


@pytest.mark.parametrize(
    "url", ["http://[::1]:1/", "HTTPS://example.org", "http://a.b.:80/%C3%BC?x=[1]|2#y", "http://a:/"]
)
def test_other_addresses_are_not(url):
    module.check_address(url)


def test_a_server_that_sends_on_to_an_address_that_is_none(tmp_path, server, monkeypatch):
    """As urllib has it; a real server would leave urllib's socket open."""
    monkeypatch.setattr(module.urllib.request, "urlopen", lambda *args, **options: module.urlsplit("http://[::1"))
    assert "no connection, Invalid IPv6 URL (1 tries failed)" in failure(tmp_path, tries=1)


def test_an_interrupt_keeps_the_part(server, tmp_path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    server.cuts = [70_000]
    monkeypatch.setattr(module.time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch(tmp_path)
    assert files(tmp_path) == ["file.bin.part"]
    assert (tmp_path / "file.bin.part").read_bytes() == CONTENT[:70_000]


@pytest.mark.parametrize("name, expected", [("tiny-imagnet", "tiny-imagenet"), ("cifar-10", "cifar10")])
def test_an_unknown_name_suggests_the_nearest(tmp_path, name, expected):
    with pytest.raises(UserError, match=rf"\(did you mean {expected}\?\)"):
        download(name, tmp_path)


def test_a_name_like_none_lists_all(tmp_path):
    with pytest.raises(UserError, match="unknown download 'zzz'; expected one of alexnet-onnx, cifar10"):
        download("zzz", tmp_path)


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "blocked").write_text("a file where a folder should be")
    with pytest.raises(UserError, match="cannot write .*blocked"):
        fetch(tmp_path / "blocked" / "inner")


def test_a_lack_of_room_is_found_before_anything_is_sent(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1000}))
    assert "needs 256,000 bytes, 1,000 are free" in failure(tmp_path)
    assert server.ranges == []


def test_a_disk_that_fills_up_during_the_download(server, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "receive", full)
    assert "disk is full" in failure(tmp_path)


def test_the_sources_are_as_published():
    for source in SOURCES.values():
        assert source.url.endswith("/" + source.file)
        assert source.size > 10**8 and len(source.checksum) == {"MD5": 32, "SHA-256": 64}[source.algorithm]


def test_a_source_with_another_checksum(server, tmp_path, monkeypatch):
    right = hashlib.sha256(CONTENT).hexdigest()
    for checksum in (right, right[::-1]):
        source = Source("file.bin", server.url, len(CONTENT), checksum, "SHA-256")
        monkeypatch.setitem(SOURCES, "test", source)
        if checksum == right:
            assert fetch(tmp_path / "a").read_bytes() == CONTENT
        else:
            assert f"its SHA-256 is {right}, expected {checksum}; the download has been removed" in failure(tmp_path)


@pytest.mark.parametrize("number", [*ENDING, signal.SIGKILL])
def test_a_real_signal_keeps_the_part_and_the_next_command_resumes(tmp_path, number):
    """With nothing under the final name, in one line, whatever is left of a lock."""
    server, source, part = Server(), SOURCES["tiny-imagenet"], tmp_path / "data/tiny-imagenet-200.zip.part"
    server.content = Endless(source.size)
    command = [sys.executable, "-m", "tinyalex", "download", "tiny-imagenet", tmp_path / "data", "--url", server.url]
    kept = 0
    try:
        for _again in range(2):
            process = subprocess.Popen(
                [*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
            )
            until = time.monotonic() + 60
            while not (part.exists() and part.stat().st_size > kept) and time.monotonic() < until:
                time.sleep(0.01)
            os.killpg(process.pid, number)
            out, err = process.communicate(timeout=30)
            before, kept = kept, part.stat().st_size
            if number == signal.SIGKILL:
                assert (process.returncode, out, err) == (-number, "", "")
            else:
                said = f"tinyalex: interrupted; {kept:,} bytes are kept, the same command resumes\n"
                assert (process.returncode, out, err) == (128 + number, "", said)
            assert kept > before and files(part.parent)[-1] == part.name and not (part.with_suffix("")).exists()
        assert server.ranges == [None, f"bytes={before}-"]
    finally:
        process.kill()
        server.close()


class Endless:
    """Content of a length, of which the server sends a little at a time."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, _place):
        time.sleep(0.05)
        return bytes(2 * module.BLOCK)
