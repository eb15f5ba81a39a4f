"""The service as people start it: on a port, by a command; what it survives, and how it ends."""

import errno
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

pytest.importorskip("granian", reason="needs the packages of tinyalex[serve]")
pytestmark = pytest.mark.serve

from tests.serving.asking import ROOT, encoded, multipart, noise, reply, request_bytes, running  # noqa: E402
from tinyalex.cli import main  # noqa: E402
from tinyalex.library import load  # noqa: E402
from tinyalex.monitoring.log import Log  # noqa: E402

PATIENCE = "import tinyalex.serving.limits as l; l.HEADER_SECONDS = l.BODY_SECONDS = 1"
SLOW = """
import time
from tinyalex.serving.service import Service
whole = Service._infer
Service._infer = lambda self, requests: time.sleep(0.5) or whole(self, requests)
"""


@pytest.fixture(scope="module")
def service(runs, tmp_path_factory):
    """One service for many tests, which lets clients take one second where it otherwise lets them take ten."""
    with running(runs["first"], "--log", tmp_path_factory.mktemp("log") / "a.db", plant=PATIENCE) as one:
        yield one


# ---------------------------------------------------------------------------------------------- requests


def test_it_answers(service, runs):
    data = encoded(noise(), "WEBP", lossless=True)
    status, found = service.ask("/classify", data)
    right = load(runs["first"]).predict(data)[0]
    assert status == 200 and found["answers"][0]["class_id"] == right.id and found["model"] == service.about["hash"]
    headers, body = multipart(data, data)
    assert len(service.ask("/classify", body, headers)[1]["answers"]) == 2
    status, page = service.ask("/")
    assert status == 200 and b"<!DOCTYPE html>" in page


def test_many_requests_on_one_connection(service):
    with service.connect() as connection:
        for path, body, expected in (
            ("/health/live", None, 200),
            ("/classify", encoded(noise()), 200),
            ("/x", b"", 404),
        ):
            connection.sendall(request_bytes(path, body))
            assert reply(connection)[0] == expected


def send(service, *pieces):
    """(status, JSON) of what a client of odd habits gets; (0, b"") if it is only dropped."""
    with service.connect() as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
        except OSError:
            pass  # it has been answered already, and dropped
        try:
            return reply(connection)
        except ConnectionError:
            return 0, b""


POST = b"POST /classify HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    "pieces, statuses",
    [
        ([POST + b"Content-Length: 99999999\r\n\r\n"], {413}),
        ([POST + b"Content-Length: 18446744073709551616\r\n\r\n"], {400}),
        ([POST + b"Content-Length: -1\r\n\r\n"], {400}),
        ([POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde"], {400}),
        ([POST + b"Content-Length: 3\r\n\r\nabcdef"], {415}),
        ([POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"], {400, 0}),
        ([POST + b"Transfer-Encoding: gzip\r\n\r\nabc"], {400}),
        ([POST + b"Transfer-Encoding: chunked\r\n\r\n", *[b"10000\r\n" + bytes(65536) + b"\r\n"] * 400], {413, 0}),
        ([POST + b"X: " + b"x" * 10**6 + b"\r\n\r\n"], {431, 0}),
        ([POST + b"X: y\r\n" * 10_000 + b"\r\n"], {431, 0}),
        ([POST + b"X\x00: y\r\n\r\n"], {400}),
        ([b"POST /classify\r\n\r\n"], {400}),
        ([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], {400, 0}),
        ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100)], {400, 0}),
        ([b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"], {404, 414}),
        ([b"GET /%00%ff%2e%2e HTTP/1.1\r\nHost: localhost\r\n\r\n"], {404}),
        ([b"GET http://evil.example/classes HTTP/1.1\r\nHost: evil.example\r\n\r\n"], {403}),
        ([b"CONNECT evil.example:80 HTTP/1.1\r\nHost: evil.example\r\n\r\n"], {400, 403, 404, 405, 0}),
    ],
)
def test_odd_requests(service, pieces, statuses):
    status, said = send(service, *pieces)
    assert status in statuses
    if isinstance(said, dict):
        assert list(said) == ["error"] and "\n" not in said["error"]
    assert service.ask("/health/live")[0] == 200, "the service lives"


@pytest.mark.alone
def test_clients_that_send_a_byte_now_and_then(service):
    """In the head or in the body they are dropped in time, and a client beside them does not notice."""
    ends, request = {}, request_bytes("/classify", encoded(noise()))

    def drip(start):
        with service.connect(timeout=0.2) as connection:
            connection.sendall(start)
            began = time.monotonic()
            while time.monotonic() - began < 10:
                try:
                    connection.sendall(b"x")
                    ends[start] = reply(connection)
                    break
                except TimeoutError:
                    pass
                except OSError:
                    ends[start] = 0, b""
                    break
            took[start] = time.monotonic() - began

    took = {}
    starts = [b"", POST, POST + b"Content-Length: 999\r\n\r\n", POST + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n"]
    threads = [threading.Thread(target=drip, args=(start,)) for start in starts for _ in range(8)]
    for thread in threads:
        thread.start()
    with service.connect() as connection:
        while any(thread.is_alive() for thread in threads):
            connection.sendall(request)
            assert reply(connection)[0] == 200
    assert ends.keys() == set(starts) and max(took.values()) < 5
    assert [status for status, _ in ends.values()].count(408) >= 1 and {status for status, _ in ends.values()} <= {
        0,
        408,
    }


def test_a_client_that_leaves_in_the_middle(service):
    for _ in range(20):
        with service.connect() as connection:
            connection.sendall(request_bytes("/classify", encoded(noise()))[:-100])
        with service.connect() as connection:
            connection.sendall(request_bytes("/classify", encoded(noise())))
    assert service.ask("/classify", encoded(noise()))[0] == 200


# ---------------------------------------------------------------------------------------------- beginning


@pytest.mark.parametrize(
    "options, words",
    [
        (["--port", 70000], "--port: found 70000, expected 0"),
        (["--host", "no.such.host.invalid"], "--host: found no.such.host.invalid"),
        (["--host", "192.0.2.1", "--token", "c2VjcmV0LWFuZC1sb25n"], "--host: found 192.0.2.1"),
        (
            ["--host", "0.0.0.0", "--port", 0],
            "--host: 0.0.0.0 can be reached from other machines, expected a token too",
        ),
        (["--token", "short", "--port", 0], "--token: expected 16 or more"),
        (["--keep-pictures", "--port", 0], "--keep-pictures: "),
        (["--shadow", "nowhere", "--port", 0], "nowhere"),
        (["--log", ROOT / "README.md", "--port", 0], "README.md"),
        (["--log", "/nowhere/a.db", "--port", 0], "/nowhere/a.db"),
    ],
)
def test_mistakes_are_one_line(runs, capsys, options, words):
    code = main(["serve", str(runs["first"]), *map(str, options)])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "") and err.count("\n") == 1 and words in err


def test_a_port_that_another_program_has(service, runs, capsys):
    assert main(["serve", str(runs["first"]), "--port", str(service.address[1])]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and f"--port: {service.address[1]} is in use" in err


def test_a_port_for_administrators(runs, capsys, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("socket.socket.bind", refuse)
    assert main(["serve", str(runs["first"]), "--port", "80"]) == 2
    assert "--port: 80 needs the rights of an administrator" in capsys.readouterr().err


def test_without_the_packages(runs):
    plant = "import sys; sys.modules['granian'] = None; from tinyalex.__main__ import run; sys.exit(run())"
    words = [sys.executable, "-c", plant, "serve", str(runs["first"])]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "pip install" in done.stderr


# ---------------------------------------------------------------------------------------------- ends


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_is_under_way_is_answered_before_it_ends(runs, tmp_path, number, code):
    """Those that wait for their answer get it, and all of it is in the log."""
    with running(runs["first"], "--log", tmp_path / "a.db", plant=SLOW) as service:
        idle, waiting = service.connect(), [service.connect() for _ in range(3)]
        for connection in waiting:
            connection.sendall(request_bytes("/classify", encoded(noise())))
        time.sleep(0.2)
        service.process.send_signal(number)
        answers = [reply(connection) for connection in waiting]
        assert [status for status, _ in answers] == [200] * 3
        assert service.process.wait(20) == code and idle.recv(1) == b""
        err = service.process.stderr.read()
        assert err == "tinyalex: stopped after 3 answers\n"
        for connection in (idle, *waiting):
            connection.close()
    with Log.read_only(tmp_path / "a.db") as log:
        assert {row.id for row in log.requests()} == {found["answers"][0]["id"] for _, found in answers}


def test_a_second_signal_waits_for_nobody(runs):
    with running(runs["first"], plant=SLOW.replace("0.5", "5")) as service, service.connect() as connection:
        connection.sendall(request_bytes("/classify", encoded(noise())))
        time.sleep(0.2)
        for _ in range(2):
            service.process.send_signal(signal.SIGINT)
            time.sleep(0.3)
        assert service.process.wait(20) == 130 and service.process.stderr.read() == "tinyalex: interrupted\n"


def test_killed_while_it_logs(runs, tmp_path):
    """Everything that was acknowledged is in the database."""
    acknowledged = []

    def client(service):
        try:
            with service.connect() as connection:
                while True:
                    connection.sendall(request)
                    status, found = reply(connection)
                    if status != 200:
                        return
                    acknowledged.append(found["answers"][0]["id"])
        except OSError:
            pass

    request = request_bytes("/classify", encoded(noise()))
    with running(runs["first"], "--log", tmp_path / "a.db") as service:
        threads = [threading.Thread(target=client, args=(service,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < 100:
            time.sleep(0.01)
        service.process.kill()
        for thread in threads:
            thread.join()
    with Log(tmp_path / "a.db") as log:
        assert set(acknowledged) <= {row.id for row in log.requests()} and len(acknowledged) >= 100


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process are Linux's")
def test_a_disk_that_is_full_for_a_while(runs, tmp_path):
    token = "c2VjcmV0LWFuZC1sb25n"
    options = ("--log", tmp_path / "a.db", "--keep-pictures")
    knows = {"Authorization": f"Bearer {token}"}
    with running(runs["first"], *options, TINYALEX_TOKEN=token) as service:
        assert service.ask("/classify", encoded(noise()))[0] == 401
        assert service.ask("/classify", encoded(noise()), knows)[0] == 200
        limits = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        status, found = service.ask("/classify", encoded(noise(64, 1)), knows)
        assert status == 200 and found["answers"][0]["top"]
        status, ready = service.ask("/health/ready")
        assert status == 200 and ready["ready"] and ready["log"] == "cannot log: File too large"
        assert b"tinyalex_cannot_log 1.0" in service.ask("/metrics", headers=knows)[1]
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, limits)
        id = service.ask("/classify", encoded(noise(64, 1)), knows)[1]["answers"][0]["id"]
        assert service.ask("/health/ready")[1]["log"] == "ok"
        service.process.terminate()
        assert service.process.wait(20) == 143
    with Log.read_only(tmp_path / "a.db") as log:
        row = log.request(id)
        assert len(log.requests()) == 2 and (tmp_path / f"a-pictures/{row.sha256}.png").is_file()
    assert len(list((tmp_path / "a-pictures").iterdir())) == 2, "nothing half-written is left"


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_is_full(runs, small_disk):
    """Answers go on, and it is said that they are not logged; once there is room again, they are."""
    picture, other = encoded(noise()), small_disk / "other"
    with running(runs["first"], "--log", small_disk / "a.db") as service:
        first = service.ask("/classify", picture)[1]["answers"][0]["id"]
        with suppress(OSError), other.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        statuses = {service.ask("/classify", picture)[0] for _ in range(20)}  # what SQLite has reserved is used up
        assert statuses == {200} and service.ask("/health/ready")[1]["ready"]
        assert service.ask("/health/ready")[1]["log"].startswith("cannot log: ")
        metrics = service.ask("/metrics")[1].decode()
        assert "tinyalex_cannot_log 1.0" in metrics and "tinyalex_unlogged_pictures_total 0.0" not in metrics
        assert service.ask("/report.json")[0] == 200
        other.unlink()
        again = service.ask("/classify", picture)[1]["answers"][0]["id"]
        assert service.ask("/health/ready")[1]["log"] == "ok"
        service.process.terminate()
        assert service.process.wait(20) == 143
    with Log.read_only(small_disk / "a.db") as log:
        assert {first, again} <= {row.id for row in log.requests()}
