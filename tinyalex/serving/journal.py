"""Writes what was answered into the log, several answers in one transaction; a client is answered after that."""

import sqlite3
from pathlib import Path

from tinyalex.errors import UserError
from tinyalex.files import reason, replacing
from tinyalex.monitoring.log import Log, LoggedModel, Request
from tinyalex.serving.batching import Gatherer
from tinyalex.serving.pictures import Picture

MOST_ROWS = 256  # in a transaction


class Journal:
    """The log of a service, or none. While it cannot be written, `trouble` says why, and answers go out all the same.

    keep: the folder for the pictures themselves; None: they are not kept
    """

    def __init__(self, log: Log | None, keep: Path | None = None) -> None:
        self.log, self.keep, self.trouble = log, keep, ""
        self.new_models: list[LoggedModel] = []
        self.writer = Gatherer("tinyalex-log", self._write, most=MOST_ROWS)

    def note(self, model: LoggedModel) -> None:
        """Write a model before the next answers."""
        self.new_models.append(model)

    async def add(self, answered: list[tuple[Request, Picture]]) -> bool:
        """Write answers; whether they are on the disk now."""
        return self.log is not None and await self.writer.submit(answered, len(answered))

    def close(self) -> None:
        self.writer.close()
        if self.log:
            self.log.close()

    def _write(self, items):
        assert self.log, "without a log nothing is submitted"
        try:
            while self.new_models:
                self.log.add_model(self.new_models[0])
                del self.new_models[0]
            if self.keep:
                for _, picture in (one for answered in items for one in answered):
                    keep_picture(self.keep, picture)
            self.log.add(request for answered in items for request, _ in answered)
            self.trouble = ""
        except (sqlite3.Error, OSError, UserError) as error:
            self.trouble = reason(error)
        return [not self.trouble] * len(items)


def keep_picture(folder: Path, picture: Picture) -> None:
    """Write the file that came, under its hash, unless it is there. UserError if it cannot be written."""
    file = folder / f"{picture.sha256}.{picture.format.lower()}"
    if not file.exists():
        with replacing(file) as beside:
            beside.write_bytes(picture.data)
