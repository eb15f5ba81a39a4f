"""The log of a service: what was written is there, whatever happens to the process, the disk or the file."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.checks import refused
from tinyalex.errors import UserError
from tinyalex.monitoring.log import Log, LoggedModel, Request

ABOUT = {"model": "alexnet-mini", "class_names": ["cat", "dog"], "class_ids": ["n1", "n2"], "calibration": None}
MODEL = LoggedModel("a" * 64, "runs/first", ABOUT, None, 100.0)
SHADOW = {"shadow": "b" * 64, "shadow_label": 0, "shadow_confidence": 0.4, "shadow_sure": False}


def request(number, **changes):
    """Request `number`, at that second."""
    came = {"client": "camera-1", "sha256": "0" * 64, "bytes": 1234, "format": "JPEG", "width": 80, "height": 60}
    statistics = {"prepared": "scaled to 64", "brightness": 120.5, "contrast": 50.0, "sharpness": 9.0, "novelty": None}
    answer = {"label": 1, "confidence": 0.75, "sure": True, "reason": "", "top": ((1, 0.75), (0, 0.25))}
    about = {"id": f"r{number}", "at": float(number), "model": "a" * 64, "milliseconds": 12.5}
    return Request(**about | came | statistics | answer | changes)


@pytest.fixture
def path(tmp_path):
    with Log(tmp_path / "requests.db") as log:
        log.add_model(MODEL)
    return tmp_path / "requests.db"


def test_what_was_written_is_read(path):
    given = [request(3), request(1, sure=False, reason="not sure", label=None, confidence=None), request(2, **SHADOW)]
    with Log(path) as log:
        log.add(given)
        with Log.read_only(path) as beside:  # while the writer has it open
            assert beside.requests() == sorted(given, key=lambda one: one.at)
            assert beside.request("r2") == given[2] and beside.request("r2").shadow_sure is False
            assert beside.models() == [MODEL]
    assert os.listdir(path.parent) == ["requests.db"], "files were left behind"


def test_windows_are_half_open_and_the_newest_are_the_last(path):
    with Log(path) as log:
        log.add([request(number) for number in range(10)])
        times = lambda *window, **more: [one.at for one in log.requests(*window, **more)]  # noqa: E731
        assert times(3, 6) == [3, 4, 5]
        assert times(newest=2) == [8, 9] and times(None, 5, newest=2) == [3, 4] and times(8) == [8, 9]
        assert times(oldest=2) == [0, 1] and times(4, oldest=2) == [4, 5]
        assert times(20) == [] and times(newest=0) == []


def test_the_last_label_counts(path):
    with Log(path) as log:
        log.add([request(1), request(2)])
        for class_id in ("n1", "n2"):
            log.add_label("r1", class_id, 50.0)
        assert log.labels() == {"r1": "n2"}
        refused(lambda: log.add_label("r9", "n1", 1.0), "id: found 'r9'", "logged request", error=UserError)
        refused(lambda: log.add_label("r1", "n3", 1.0), "class_id: found 'n3'", "runs/first", error=UserError)
        refused(lambda: log.add_label("r1'; DROP TABLE labels", "n1", 1.0), "logged request", error=UserError)
        assert log.labels() == {"r1": "n2"}


def test_a_model_is_told_as_it_was_when_it_answered(path):
    calibrated = replace(MODEL, about=ABOUT | {"calibration": {"temperature": 1.5}}, since=200.0)
    with Log(path) as log:
        for model in (replace(MODEL, since=150.0), calibrated, replace(calibrated, since=300.0)):
            log.add_model(model)
        assert log.model(MODEL.hash, 199) == MODEL and log.model(MODEL.hash, 200) == calibrated
        assert log.model(MODEL.hash, 50) in (MODEL, calibrated) and log.models() == [calibrated]
        refused(lambda: log.model("c" * 64), "cccccccccccc", error=UserError)
        refused(lambda: log.add_model(replace(MODEL, about={"model": "x"})), "class_ids", error=UserError)


def test_halves_of_letters_are_spelled_out(path):
    """The path of a run may hold bytes that are no text."""
    with Log(path) as log:
        log.add_model(replace(MODEL, run="runs/\udc80", since=200.0))
        log.add([request(1, client="a\udc80\0b")])
        assert log.model(MODEL.hash).run == "runs/\\udc80" and log.request("r1").client == "a\\udc80\0b"


def test_requests_are_written_all_or_none(path):
    with Log(path) as log:
        log.add([request(1)])
        for wrong in (request(1), request(3, brightness=float("nan")), request(3, client=None)):
            with pytest.raises(sqlite3.IntegrityError):
                log.add([request(2), wrong])
        assert [one.id for one in log.requests()] == ["r1"]
        log.add([request(2)])
        assert [one.id for one in log.requests()] == ["r1", "r2"]


WRITER = """
import sys
from tests.monitoring.test_log import Log, request
with Log(sys.argv[1]) as log:
    for number in range(100_000):
        log.add([request(number)])
        print(number, flush=True)
"""


def test_what_was_acknowledged_survives_kill_9(path):
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", WRITER, path]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as writer:
        acknowledged = [int(writer.stdout.readline()) for _ in range(50)]
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += map(int, writer.stdout.read().split("\n")[:-1])  # a last line without its end was not said
    with Log.read_only(path) as log:
        found = [int(one.at) for one in log.requests()]
    assert found[: len(acknowledged)] == acknowledged and len(found) <= len(acknowledged) + 1
    with Log(path) as log:
        log.add([request(200_000)])


def as_after_a_crash(path, folder):
    """A copy of a log with twenty requests in the file beside it, as a killed process leaves it."""
    with Log(path) as log:
        for number in range(20):
            log.add([request(number)])
        for name in (path.name, f"{path.name}-wal"):
            (folder / name).write_bytes((path.parent / name).read_bytes())
    return folder / path.name


def test_a_torn_write_is_left_out_and_nothing_before_it(path, tmp_path):
    folder = tmp_path / "crashed"
    folder.mkdir()
    copy = as_after_a_crash(path, folder)
    wal = folder / f"{copy.name}-wal"
    whole, base = wal.read_bytes(), copy.read_bytes()
    for cut in (1, 100, 4200, len(whole) // 2, len(whole) - 10):
        for rest in (b"", b"\xff" * 300):
            copy.write_bytes(base)
            wal.write_bytes(whole[:-cut] + rest)
            with Log.read_only(copy) as log:
                found = [int(one.at) for one in log.requests()]
            assert found == list(range(len(found))) and len(found) < 20
            assert len(found) >= 18 or cut > 4200


def test_a_full_disk_is_an_error_and_later_writes_succeed(path):
    with Log(path) as log:
        log.add([request(1)])
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name("requests.db-wal").stat().st_size + 100, before[1]))
        try:
            with pytest.raises(sqlite3.Error):
                log.add([request(2)])
            assert [one.id for one in log.requests()] == ["r1"], "reading goes on"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        log.add([request(3)])
        log.db.execute("PRAGMA max_page_count = 1")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            log.add([request(number) for number in range(4, 500)])
    with Log.read_only(path) as log:
        assert [one.id for one in log.requests()] == ["r1", "r3"]


def test_files_that_are_no_logs_are_refused_and_stay_as_they_are(tmp_path, path):
    other, newer = tmp_path / "other.db", tmp_path / "newer.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE cats (name)")
    db.close()
    newer.write_bytes(path.read_bytes())
    with sqlite3.connect(newer) as db:
        db.execute("PRAGMA user_version = 7")
    db.close()
    (tmp_path / "text.db").write_text("name,age\n" * 1000)
    (tmp_path / "cut.db").write_bytes(path.read_bytes()[:5000])
    cases = {"other.db": "another database", "newer.db": "version 7", "text.db": "not a database", "cut.db": "cut.db"}
    for name, words in cases.items():
        before = (tmp_path / name).read_bytes()
        for opened in (Log, Log.read_only):
            refused(lambda: opened(tmp_path / name).requests(), name, words, error=UserError)
        assert (tmp_path / name).read_bytes() == before
    (tmp_path / "empty.db").touch()
    refused(lambda: Log.read_only(tmp_path / "empty.db"), "holds nothing", error=UserError)
    for opened, name in ((Log.read_only, "missing.db"), (Log.read_only, "."), (Log, "."), (Log, "no/such/folder.db")):
        refused(lambda: opened(tmp_path / name), tmp_path / name, error=UserError)
    assert sorted(os.listdir(tmp_path)) == ["cut.db", "empty.db", "newer.db", "other.db", "requests.db", "text.db"]


def test_names_of_files_are_not_read_as_a_uri(tmp_path):
    for name in ("a?mode=memory.db", "b%00#c.db", "ä 'b'.db"):
        with Log(tmp_path / name) as log:
            log.add_model(MODEL)
        with Log.read_only(tmp_path / name) as log:
            assert log.models() == [MODEL]
        assert name in os.listdir(tmp_path)


def test_a_log_is_read_where_nothing_may_be_written(path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with Log.read_only(path) as log:
        assert log.models() == [MODEL]
        with pytest.raises(sqlite3.OperationalError):
            log.add([request(1)])
    assert os.listdir(path.parent) == ["requests.db"]


def test_writes_reach_the_disk_before_they_are_acknowledged(path):
    """A power cut cannot be tried here; SQLite promises to survive one in this mode."""
    with Log(path) as log:
        assert log.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert log.db.execute("PRAGMA synchronous").fetchone() == (2,), "expected FULL"


def test_a_row_that_cannot_be_meant_is_told(path):
    with Log(path) as log:
        log.add([request(1)])
        for wrong in ("x", "[1]", "{}3", "[[1, null]]"):
            log.db.execute("UPDATE requests SET top = ?", (wrong,))
            refused(lambda: log.requests(), "request 'r1': top", "classes with p", error=UserError)
        wrongs = "at = x'00'", "at = 9e11", "sure = 0.5", "width = 'wide'", "client = x'ff'", "brightness = 9e999"
        for wrong in wrongs:
            log.db.execute(f"UPDATE requests SET top = '[]', {wrong}")
            refused(lambda: log.request("r1"), "request 'r1'", wrong.split()[0], "no service", error=UserError)
            log.db.execute("DELETE FROM requests")
            log.add([request(1)])
        log.db.execute("UPDATE models SET about = '[]'")
        refused(lambda: log.models(), "requests.db", "aaaaaaaaaaaa", error=UserError)


def test_a_request_belongs_to_the_model_as_it_was_then(path):
    colder = replace(MODEL, about=MODEL.about | {"view": "ten crops"}, since=MODEL.since + 100)
    with Log(path) as log:
        log.add_model(colder)
        for at, view in ((-50, "before"), (50, "between"), (100, "after"), (500, "after")):
            expected = colder if view == "after" else MODEL
            assert log.model(MODEL.hash, MODEL.since + at).about == expected.about, view
        assert log.model(MODEL.hash).about == colder.about and log.changed() == {MODEL.hash: colder.since}
        log.add_model(replace(colder, run="elsewhere/first", since=MODEL.since + 200))
        assert log.changed() == {MODEL.hash: colder.since}, "the same network, by another path"


def test_half_a_letter_is_an_unknown_id(path):
    with Log(path) as log:
        refused(lambda: log.add_label("\udcff", "n1", 0.0), "expected the id of a logged request", error=UserError)
        assert log.ids("\udcff") == []
