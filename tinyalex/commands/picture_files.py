"""Picture files named on the command line."""

from collections.abc import Sequence
from typing import Any

from tinyalex.data.pictures import PictureError, read_picture
from tinyalex.errors import UserError
from tinyalex.terminal import say


def read_pictures(paths: Sequence[str], size: int) -> tuple[list[str], list[Any], list[dict[str, str]]]:
    """(readable files, their pictures, the others with the reason). UserError if none can be read.

    size: S, as of `read_picture`
    """
    files, pictures, unreadable = [], [], []
    for path in paths:
        try:
            pictures.append(read_picture(path, size))
            files.append(path)
        except PictureError as error:
            unreadable.append({"file": path, "reason": str(error)})
    if not files:
        raise UserError(f"{paths[0]}: {unreadable[0]['reason']}; no pictures are left")
    for skipped in unreadable:
        say(f"tinyalex: {skipped['file']}: {skipped['reason']}; skipped")
    return files, pictures, unreadable
