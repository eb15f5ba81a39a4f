"""Asking a service: its app without a server, or a server of its own process; and clients of every kind."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
END = {"type": "http.disconnect"}


def encoded(picture, form="PNG", **options):
    """The bytes of a picture file, from uint8 (H, W, 3)."""
    file = BytesIO()
    Image.fromarray(picture).save(file, form, **options)
    return file.getvalue()


def noise(side=64, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)


def multipart(*contents, boundary="xyz"):
    """(headers, body) of a form with these files."""
    head = 'Content-Disposition: form-data; name="a"; filename="a"\r\nContent-Type: application/octet-stream'
    parts = [f"--{boundary}\r\n{head}\r\n\r\n".encode() + content + b"\r\n" for content in contents]
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body


class Answer:
    """What an app answered."""

    def __init__(self, messages):
        self.status = messages[0]["status"]
        self.headers = {name.decode().lower(): value.decode() for name, value in messages[0]["headers"]}
        self.body = b"".join(message.get("body", b"") for message in messages[1:])

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The one line that a refusal says."""
        assert list(self.json) == ["error"] and "\n" not in self.json["error"], self.body
        return self.json["error"]


async def asked(app, path, body=None, headers=(), method=None, chunks=None):
    """The `Answer` to one request. chunks: the body in pieces; one may be a number of seconds to wait, or END"""
    pieces = list(chunks if chunks is not None else [body or b""])
    sent = []

    async def receive():
        while pieces and isinstance(pieces[0], (int, float)):
            await asyncio.sleep(pieces.pop(0))
        if not pieces:
            return END
        piece = pieces.pop(0)
        return piece if piece is END else {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message):
        sent.append(message)

    given = {"host": "localhost:8080"} | {name.lower(): value for name, value in dict(headers).items()}
    if chunks is None and "content-length" not in given:
        given["content-length"] = str(len(body or b""))
    scope = {
        "type": "http",
        "method": method or ("GET" if body is None and chunks is None else "POST"),
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8080),
    }
    try:
        await app(scope, receive, send)
    except Exception:  # a bug, which the server is told of after the client
        if not sent:
            raise
    return Answer(sent)


def ask(app, *args, **options):
    """`asked`, from code that waits for nothing."""
    return asyncio.run(asked(app, *args, **options))


class Running:
    """A service in a process of its own, on a free port."""

    def __init__(self, process):
        self.process = process
        self.about = json.loads(process.stdout.readline() or '{"url": "http://it-did-not-start:0"}')
        host, port = self.about["url"].removeprefix("http://").split(":")
        self.address = host, int(port)

    def connect(self, timeout=30):
        return socket.create_connection(self.address, timeout)

    def ask(self, path, body=None, headers=(), method=None):
        """(status, JSON) of one request, on a connection of its own."""
        with self.connect() as connection:
            connection.sendall(request_bytes(path, body, headers, method))
            return reply(connection)

    def cpu_seconds(self):
        """What its process has spent so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_memory(self):
        """Its largest resident memory so far, in bytes."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@contextmanager
def running(run, *options, plant="", **variables):
    """A `Running` service of a run, killed at the end if it still runs. plant: code to run before it"""
    code = f"{plant}\nimport sys; from tinyalex.__main__ import run; sys.exit(run())"
    command = [sys.executable, "-c", code, "serve", str(run), "--port", "0", "--json", *map(str, options)]
    where = {"cwd": ROOT, "env": os.environ | {"PYTHONPATH": str(ROOT)} | variables}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **where) as process:
        try:
            yield Running(process)
        finally:
            if process.poll() is None:
                process.kill()


def request_bytes(path, body=None, headers=(), method=None):
    """One request of HTTP/1.1."""
    given = {"Host": "localhost"} | ({} if body is None else {"Content-Length": len(body)}) | dict(headers)
    head = f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1\r\n"
    return (head + "".join(f"{name}: {value}\r\n" for name, value in given.items()) + "\r\n").encode() + (body or b"")


def reply(connection):
    """(status, JSON or bytes) of the next response on a connection; (0, b"") if it is closed instead."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return 0, data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
    while len(body) < length and (piece := connection.recv(65536)):
        body += piece
    status = int(lines[0].split()[1])
    return status, json.loads(body) if "content-type: application/json" in lines else body
