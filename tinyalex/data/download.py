"""Fetch a public data set or a trained network over HTTP; a file under its final name is always complete and correct.

The bytes collect in `<file>.part`, which survives a lost connection or an interrupt; the next call resumes it. It gets
its final name only once its size and checksum are as published. MD5 guards against accidents, not against malice.
"""

import hashlib
import re
import shutil
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import urlsplit

from tinyalex.errors import UserError, did_you_mean
from tinyalex.files import is_disk_full, target
from tinyalex.locks import LOCK, locked
from tinyalex.terminal import progress_bar

BLOCK = 1 << 16  # bytes read from the connection at a time
ALGORITHMS = {"MD5": lambda: hashlib.md5(usedforsecurity=False), "SHA-256": hashlib.sha256}
SILENCE = 30  # seconds without a byte after which a connection counts as lost


@dataclass(frozen=True)
class Source:
    """A published file: its name, its address, its length in bytes, and its checksum in hexadecimal.

    algorithm: of the checksum, "MD5" or "SHA-256"
    """

    file: str
    url: str
    size: int
    checksum: str
    algorithm: str = "MD5"

    def __str__(self) -> str:
        return f"{self.file} ({self.size:,} bytes, {self.algorithm} {self.checksum})"


SOURCES = {
    "tiny-imagenet": Source(
        file="tiny-imagenet-200.zip",
        url="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
        size=248_100_043,
        checksum="90528d7ca1a48142e341f4ef8d21d0de",
    ),
    "cifar10": Source(
        file="cifar-10-python.tar.gz",
        url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        size=170_498_071,
        checksum="c58f30108f718f92721af3b95e74349a",
    ),
    "alexnet-onnx": Source(  # Caffe's AlexNet, in the ONNX model zoo
        file="bvlcalexnet-12.onnx",
        url="https://github.com/onnx/models/raw/main/validated/vision/classification/alexnet/model/bvlcalexnet-12.onnx",
        size=243_863_787,
        checksum="6b0da9510f27f234ee96a85dc3809dd210150fdefad87f6850f9788513216945",
        algorithm="SHA-256",
    ),
}


class LostConnection(Exception):
    """The connection failed in a way that another try may overcome; the text says how."""


def download(name, folder, *, url=None, quiet=False, tries=4, pause=0.5):
    """Fetch what is called `name` in SOURCES into `folder` and return its path.

    An existing file is checked and returned without using the network.
    url: a mirror of the same file
    tries: consecutive tries without progress before giving up
    pause: seconds to wait after a connection that made progress, doubled after each that did not
    Raises UserError for an unknown name, a wrong address, no connection, an HTTP error, a wrong size or checksum,
    too little disk space, or a folder that cannot be written.
    """
    source = find_source(name)
    url = url or source.url
    check_address(url)
    path = target(folder) / source.file
    part = path.with_name(path.name + ".part")
    try:
        if path.exists():
            if fault := what_is_wrong(path, source):
                raise UserError(f"{path} is not the published file: {fault}; move it away and try again")
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path.with_name(f".{path.name}{LOCK}"), path):
            check_room(part, source)
            fetch(url, part, source, tries, pause, quiet)
            if fault := what_is_wrong(part, source):
                part.unlink()
                raise UserError(f"{url} is not the published file: {fault}; the download has been removed")
            part.replace(path)  # atomic: the final name never holds half a file
    except KeyboardInterrupt as error:
        kept = f"; {size:,} bytes are kept, the same command resumes" if (size := size_of(part)) else ""
        raise type(error)(f"interrupted{kept}") from None
    except OSError as error:  # from the disk: network errors have become LostConnection or UserError
        if is_disk_full(error):
            raise UserError(f"the disk is full: make room and try again; {part} is kept and will be resumed") from error
        raise UserError(f"cannot write {error.filename or part}: {error.strerror or error}") from error
    return path


def find_source(name):
    """The Source called `name`. Raises UserError, suggesting the nearest name, if there is none."""
    if name in SOURCES:
        return SOURCES[name]
    nearest = did_you_mean(name, SOURCES, cutoff=0.4)
    raise UserError(f"unknown download '{name}'{nearest}; expected one of {', '.join(sorted(SOURCES))}")


def check_address(url):
    """Raise UserError, before anything is sent, unless a URL is complete and of the characters that HTTP sends."""
    odd = re.search("[^!-~]", url)
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")  # of parts that a name server takes, or this raises
        whole = parts.scheme in ("http", "https") and host and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        whole = False
    if odd or not whole:
        without = f", without {odd[0]!r}" if odd else ""
        raise UserError(f"found {url!r}, expected an address such as https://example.org/file.zip{without}", "url")


def size_of(path):
    """Bytes in the file; 0 if it does not exist."""
    return path.stat().st_size if path.exists() else 0


def what_is_wrong(path, source):
    """How a file differs from the published one, in a few words; None if it does not."""
    if (size := size_of(path)) != source.size:
        return f"it has {size:,} bytes, expected {source.size:,}"
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, ALGORITHMS[source.algorithm]).hexdigest()
    return None if found == source.checksum else f"its {source.algorithm} is {found}, expected {source.checksum}"


def check_room(part, source):
    """Raise UserError if the rest of the file does not fit on the disk."""
    free, needed = shutil.disk_usage(part.parent).free, source.size - size_of(part)
    if needed > free:
        raise UserError(f"no room for {source.file} in {part.parent}: needs {needed:,} bytes, {free:,} are free")


def fetch(url, part, source, tries, pause, quiet):
    """Bring `part` to its full size, over as many connections as it takes."""
    if size_of(part) > source.size:  # part of another file: none of it can be trusted
        part.unlink()
    furthest, failures = size_of(part), 0
    with progress_bar(source.size, source.file, unit="bytes", quiet=quiet, scale=True) as bar:
        while size_of(part) < source.size:
            try:
                receive(url, part, source, bar)
            except LostConnection as error:
                # a server that cannot resume starts over, so only a new furthest point counts as progress
                failures = 0 if size_of(part) > furthest else failures + 1
                furthest = max(furthest, size_of(part))
                if failures >= tries:
                    kept = f"; {size:,} bytes are kept, try again to resume" if (size := size_of(part)) else ""
                    raise UserError(f"cannot download {url}: {error} ({failures} tries failed){kept}") from error
                bar.set_postfix_str("trying again")
                time.sleep(pause * 2**failures)


def receive(url, part, source, bar):
    """Continue `part` over one connection until it is complete. Raises LostConnection if that ends early."""
    with connect(url, part, source) as response:
        have, total = read_offer(response)
        if total not in (None, source.size):
            raise UserError(f"{url} is not the published file: it has {total:,} bytes, expected {source.size:,}")
        if have not in (0, size_of(part)):
            raise LostConnection(f"the server resumed at byte {have:,}, expected {size_of(part):,}")
        bar.initial = bar.n = have  # tqdm leaves `initial` out of the rate
        bar.set_postfix_str("")
        with open(part, "ab" if have else "wb") as file:
            while have < source.size:
                try:
                    block = response.read(min(BLOCK, source.size - have))
                except (OSError, HTTPException) as error:
                    raise LostConnection(f"connection lost, {error}") from error
                if not block:
                    raise LostConnection(f"connection closed at {have:,} of {source.size:,} bytes")
                file.write(block)
                have += len(block)
                bar.update(len(block))


def connect(url, part, source):
    """Request what follows the end of `part`; returns the open response."""
    request = urllib.request.Request(url, headers={"User-Agent": "tinyalex"})
    if have := size_of(part):
        request.add_header("Range", f"bytes={have}-")
    try:
        return urllib.request.urlopen(request, timeout=SILENCE)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # the server has nothing after `part`'s end: start over
            part.unlink(missing_ok=True)
        elif error.code < 500 and error.code not in (408, 429):  # the others may pass
            moved = f"; look for {source} elsewhere, and pass its address as url" if error.code in (404, 410) else ""
            raise UserError(f"cannot download {url}: HTTP {error.code} {error.reason}{moved}") from error
        raise LostConnection(f"HTTP {error.code} {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:  # ValueError: sent on to an address that is none
        reason = getattr(error, "reason", error)  # URLError, an OSError, wraps the cause
        raise LostConnection(f"no connection, {getattr(reason, 'strerror', None) or reason}") from error


def read_offer(response):
    """(first byte that the server will send, length of the whole file or None if unknown)."""
    if response.status == 206:
        sent = response.headers.get("Content-Range", "")
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", sent)
        if not match:
            raise LostConnection(f"the server resumed with the unreadable Content-Range '{sent}'")
        first, total = match.groups()
        return int(first), None if total == "*" else int(total)
    length = response.headers["Content-Length"]  # of the whole file: the server ignored Range, or there was none
    if length is not None and not length.isdecimal():
        raise LostConnection(f"the server sent the unreadable Content-Length '{length}'")
    return 0, None if length is None else int(length)
