"""The log of a service: one SQLite file with the models that answered, the requests, and the labels that came later.

    with Log("requests.db") as log:                     # the one writer
        log.add_model(LoggedModel(hash, "runs/first", about, reference))
        log.add([Request(id=…, at=…, model=hash, …)])   # on the disk once it returns
    with Log.read_only("requests.db") as log:           # at any time, beside the writer
        log.requests(newest=1000)

Times are seconds since 1970, UTC. A `Log` serves any thread, one at a time. SQLite's write-ahead log is synced before a
write returns, so neither `kill -9` nor a power cut loses it; a write torn by either is left out as a whole.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from tinyalex.data.dataset import CLASSES
from tinyalex.errors import UserError
from tinyalex.files import open_regular, reason
from tinyalex.schema import anything, optional, or_null, parse_json, record, shown, text

MARK, VERSION = 0x74616C78, 1  # in the file's header, as SQLite's application_id and user_version
PATIENCE = 5.0  # seconds to wait for another process that is writing
ABOUT = record(CLASSES, model=text(), view=optional(text()), calibration=optional(or_null(record())))


@dataclass(frozen=True)
class Request:
    """A request and its answer. Times in seconds since 1970, UTC; classes as indices into the model's `class_ids`.

    id: given by the service;  client: who asked;  sha256, bytes, format, width, height: of the file that came
    prepared: how it became a square, in words;  brightness, contrast, sharpness: of the square (see `pictures`)
    novelty: distance to the nearest training picture, if the model has a reference
    model: hash of the checkpoint that answered
    label, confidence: the likeliest class and its probability, calibrated if the model is
    sure: whether that was the answer; if not, reason says why
    top: the likeliest classes with their probabilities, (index, p) each
    shadow: hash of the model that was asked beside it, if any, and its answer
    milliseconds: from the request to the answer
    """

    id: str
    at: float
    client: str
    sha256: str
    bytes: int
    format: str
    width: int
    height: int
    prepared: str
    brightness: float
    contrast: float
    sharpness: float
    novelty: float | None
    model: str
    label: int | None
    confidence: float | None
    sure: bool
    reason: str
    top: tuple[tuple[int, float], ...]
    shadow: str | None = None
    shadow_label: int | None = None
    shadow_confidence: float | None = None
    shadow_sure: bool | None = None
    milliseconds: float = 0.0


@dataclass(frozen=True)
class LoggedModel:
    """A model that answered.

    hash: of its checkpoint;  run: its path;  since: when it began to answer, or its calibration changed
    about: "model", "class_names", "class_ids", "view", "calibration" (None without one)
    reference: what the validation pictures look like to it (see `reference`), if known
    """

    hash: str
    run: str
    about: dict[str, Any]
    reference: dict[str, Any] | None = None
    since: float = 0.0


STORED = {"sure": int, "shadow_sure": int | None, "top": str}  # what SQLite has no kind for
KINDS = {one.name: STORED.get(one.name, one.type) for one in fields(Request)}
LATEST = 2.5e11  # seconds since 1970, in the year 9892; no other number of a request is as large
SCHEMA = f"""
CREATE TABLE models (
    hash TEXT NOT NULL, run TEXT NOT NULL, about TEXT NOT NULL, reference TEXT, since REAL NOT NULL,
    PRIMARY KEY (hash, since));
CREATE TABLE requests (
    id TEXT PRIMARY KEY NOT NULL, at REAL NOT NULL, client TEXT NOT NULL,
    sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, format TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
    prepared TEXT NOT NULL, brightness REAL NOT NULL, contrast REAL NOT NULL, sharpness REAL NOT NULL, novelty REAL,
    model TEXT NOT NULL, label INTEGER, confidence REAL, sure INTEGER NOT NULL, reason TEXT NOT NULL, top TEXT NOT NULL,
    shadow TEXT, shadow_label INTEGER, shadow_confidence REAL, shadow_sure INTEGER, milliseconds REAL NOT NULL);
CREATE INDEX by_time ON requests (at);
CREATE TABLE labels (request TEXT NOT NULL REFERENCES requests, at REAL NOT NULL, class_id TEXT NOT NULL);
CREATE INDEX by_request ON labels (request);
PRAGMA application_id = {MARK};
PRAGMA user_version = {VERSION};
"""


class Log:
    """The log at `path`, made if there is none. UserError for a file that is no such log, or cannot be written.

    A write that fails, as on a full disk, raises sqlite3.Error and changes nothing; later ones may succeed.
    """

    def __init__(self, path: str | Path) -> None:
        self._open(path, _url(path, "rwc"), write=True)

    @classmethod
    def read_only(cls, path: str | Path) -> Self:
        """The log at `path` for reading, at any time. UserError for a missing file, or one that is no such log."""
        try:
            open_regular(path).close()
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({reason(error)}), expected the log of a service") from None
        log = cls.__new__(cls)
        log._open(path, _url(path, _how_to_read(path)), write=False)
        return log

    def _open(self, path, url, write):
        self.path, self.lock = Path(path), threading.Lock()
        try:
            self.db = sqlite3.connect(url, timeout=PATIENCE, isolation_level=None, uri=True, check_same_thread=False)
        except sqlite3.Error as error:
            raise UserError(f"{path}: cannot be opened as a log ({reason(error)})") from None
        try:
            self._prepare(write)
        except sqlite3.Error as error:
            self.db.close()
            raise UserError(f"{path}: cannot be used as a log ({reason(error)})") from None
        except UserError:
            self.db.close()
            raise

    def _prepare(self, write):
        """Check the file's kind, and make the tables in a new one."""
        mark, version = (self.db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        empty = not mark and not self.db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if write and empty:
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
        elif mark != MARK:
            raise UserError(f"{self.path}: {'holds nothing' if empty else 'another database'}, expected a log")
        elif version != VERSION:
            raise UserError(f"{self.path}: a log of version {version}, expected {VERSION}")
        self.db.execute(f"PRAGMA {'synchronous = FULL' if write else 'query_only = ON'}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; every write is in it already."""
        self.db.close()

    @contextmanager
    def _writing(self):
        """A transaction: at its end, everything written in the block is on the disk, or nothing is."""
        with self.lock, self.db:
            self.db.execute("BEGIN IMMEDIATE")
            yield self.db

    # ------------------------------------------------------------------------------------------ writing

    def add_model(self, model: LoggedModel) -> None:
        """Note a model that answers from now on. One that is noted already, with the same contents, is left alone."""
        about, reference = json.dumps(model.about), model.reference and json.dumps(model.reference)
        parse_json(about, ABOUT, "a model's description")
        new = _storable((model.hash, model.run, about, reference))
        with self._writing() as db:
            old = db.execute("SELECT * FROM models WHERE hash = ? ORDER BY since DESC", (model.hash,)).fetchone()
            if old is None or old[:-1] != new:
                db.execute("INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?, ?)", (*new, model.since))

    def add(self, requests: Iterable[Request]) -> None:
        """Write requests, all or none. Their models must have been noted. sqlite3.IntegrityError for an id twice."""
        rows = [_storable((vars(request) | {"top": json.dumps(request.top)}).values()) for request in requests]
        with self._writing() as db:
            db.executemany(f"INSERT INTO requests VALUES ({', '.join('?' * len(fields(Request)))})", rows)

    def add_label(self, id: str, class_id: str, at: float) -> None:
        """Write the true class of a request, known later; the last one counts.

        UserError about "id" for an unknown request, about "class_id" for a class that its model does not have.
        """
        model = self.model(self.request(id).model)
        if class_id not in model.about["class_ids"]:
            raise UserError(f"found {class_id!r}, expected a class of {model.run}", "class_id")
        with self._writing() as db:
            db.execute("INSERT INTO labels VALUES (?, ?, ?)", (id, at, class_id))

    # ------------------------------------------------------------------------------------------ reading

    def request(self, id: str) -> Request:
        """One request. UserError about "id" if there is none."""
        for row in self._rows("SELECT * FROM requests WHERE id = ?", (id,)):
            return _request(row)
        raise UserError(f"found {id!r}, expected the id of a logged request", "id")

    def ids(self, beginning: str = "", newest: int | None = None) -> list[str]:
        """The ids of requests that begin so, the newest first. newest: at most this many"""
        question = "SELECT id FROM requests WHERE id >= ? AND id < ? ORDER BY at DESC, rowid DESC LIMIT ?"
        ends = (beginning, beginning + chr(0x10FFFF))
        return [id for (id,) in self._rows(question, (*ends, -1 if newest is None else newest))]

    def requests(
        self,
        since: float | None = None,
        until: float | None = None,
        newest: int | None = None,
        oldest: int | None = None,
    ) -> list[Request]:
        """The requests from `since` to before `until`, the oldest first.

        newest: at most this many, the last ones;  oldest: or the first ones
        """
        ends, limit = (-1e300 if since is None else since, 1e300 if until is None else until), newest
        order = "DESC"
        if oldest is not None:
            order, limit = "ASC", oldest
        question = f"SELECT * FROM requests WHERE at >= ? AND at < ? ORDER BY at {order}, rowid {order} LIMIT ?"
        found = [_request(row) for row in self._rows(question, (*ends, -1 if limit is None else limit))]
        return found if order == "ASC" else found[::-1]

    def labels(self) -> dict[str, str]:
        """{request's id: its true class's id}, by the last label of each."""
        return dict(self._rows("SELECT request, class_id FROM labels ORDER BY rowid"))

    def label(self, id: str) -> tuple[str, float] | None:
        """(class id, when it was told) of a request's last label; None without one."""
        rows = self._rows("SELECT class_id, at FROM labels WHERE request = ? ORDER BY rowid DESC LIMIT 1", (id,))
        return rows[0] if rows else None

    def model(self, hash: str, at: float = 1e300) -> LoggedModel:
        """A model as it was at a time, by default as it was last; as it was first, for a time before it was noted.

        UserError for an unknown one.
        """
        question = "SELECT run, about, reference, since FROM models WHERE hash = ?1 "
        question += "ORDER BY since > ?2, CASE WHEN since > ?2 THEN since ELSE -since END"
        for run, about, reference, since in self._rows(question, (hash, at)):
            where = f"{self.path}: model {hash[:12]}"
            about = parse_json(about, ABOUT, where)
            known = None if reference is None else parse_json(reference, anything, f"{where}: reference")
            return LoggedModel(hash, run, about, known, since)
        raise UserError(f"{self.path}: holds no model {hash[:12]}, expected the one that answered")

    def models(self) -> list[LoggedModel]:
        """All models as they were last, in the order in which they began to answer."""
        return [self.model(row[0]) for row in self._rows("SELECT hash FROM models GROUP BY hash ORDER BY min(since)")]

    def changed(self) -> dict[str, float]:
        """{hash: since when} of the models whose description or reference changed; another path changes nothing."""
        found: dict[str, float] = {}
        last: dict[str, list] = {}
        for hash, since, *contents in self._rows("SELECT hash, since, about, reference FROM models ORDER BY since"):
            if last.setdefault(hash, contents) != contents:
                found[hash], last[hash] = since, contents
        return found

    def _rows(self, question, values=()):
        try:
            with self.lock:
                return self.db.execute(question, _storable(values)).fetchall()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise UserError(f"{self.path}: cannot be read as a log ({reason(error)})") from None


def pictures_folder(log: Path) -> Path:
    """The folder beside a log for the pictures of a service that keeps them."""
    return log.with_name(f"{log.stem}-pictures")


def kept_picture(log: Path, sha256: str, format: str) -> Path:
    """Where a service that keeps pictures puts one: in `pictures_folder`, under its hash."""
    return pictures_folder(log) / f"{sha256}.{format.lower()}"


def _url(path, mode):
    """A path as SQLite's URI. mode: "rwc", "rw" or "ro", or more options behind it"""
    return f"file:{quote(os.fsencode(os.path.abspath(path)))}?mode={mode}"


def _how_to_read(path):
    """The mode that leaves no file behind: SQLite removes the files beside a log only if it may write there."""
    if os.access(path, os.W_OK) and os.access(os.path.dirname(os.path.abspath(path)), os.W_OK):
        return "rw"
    return "ro" if os.path.exists(f"{path}-wal") else "ro&immutable=1"


def _storable(values):
    """The values, with halves of letters, as in odd names of files, spelled out: SQLite takes none."""
    return tuple(v.encode("utf-8", "backslashreplace").decode() if isinstance(v, str) else v for v in values)


def _request(row):
    """The `Request` of a row of the table. UserError for values that none has, as in a damaged file."""
    for name, kind, value in zip(KINDS, KINDS.values(), row):
        if not isinstance(value, kind) or (isinstance(value, float) and not abs(value) < LATEST):
            raise UserError(f"request {row[0]!r}: {name}: found {shown(value)}, as no service writes it")
    values = dict(zip(KINDS, row))
    try:
        top = tuple((int(label), float(p)) for label, p in json.loads(values["top"]))
    except (TypeError, ValueError):  # a schema would take half of a report's time
        raise UserError(f"request {row[0]!r}: top: found {shown(values['top'])}, expected classes with p") from None
    flags = {name: values[name] if values[name] is None else bool(values[name]) for name in ("sure", "shadow_sure")}
    return Request(**values | flags | {"top": top})
