"""Writes what was answered into the log, a batch in one transaction; its clients are answered after that."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from tinyalex.errors import UserError
from tinyalex.files import reason, replacing
from tinyalex.monitoring.log import Log, LoggedModel, Request, kept_picture
from tinyalex.serving.pictures import Picture


@dataclass(frozen=True)
class Answered:
    """The pictures of one request, with their rows of the log, and the models that were asked."""

    rows: list[Request]
    pictures: list[Picture]
    models: list[LoggedModel]


class Journal:
    """The log of a service, or none. While it cannot be written, `trouble` says why, and answers go out all the same.

    keep: whether to store the pictures themselves, beside the log
    """

    def __init__(self, log: Log | None, keep: bool = False) -> None:
        self.log, self.keep, self.trouble = log, keep, ""
        self.noted: list[LoggedModel] = []

    def write(self, answered: list[Answered]) -> bool:
        """Write answers; whether they are on the disk now. For one thread."""
        if self.log is None:
            return False
        try:
            for model in (model for one in answered for model in one.models):
                if not any(model is noted for noted in self.noted):
                    self.log.add_model(model)
                    self.noted.append(model)
            if self.keep:
                for picture in (picture for one in answered for picture in one.pictures):
                    keep_picture(self.log.path, picture)
            self.log.add(row for one in answered for row in one.rows)
            self.trouble = ""
        except (sqlite3.Error, OSError, UserError) as error:
            self.trouble = reason(error.__cause__ or error)  # of the system, without a path, as anybody may ask for it
        return not self.trouble

    def close(self) -> None:
        """Close the log; everything written is in it already."""
        if self.log:
            self.log.close()


def keep_picture(log: Path, picture: Picture) -> None:
    """Write the file that came, under its hash, unless it is there. UserError if it cannot be written."""
    file = kept_picture(log, picture.sha256, picture.format)
    if not file.exists():
        with replacing(file) as beside:
            beside.write_bytes(picture.data)
