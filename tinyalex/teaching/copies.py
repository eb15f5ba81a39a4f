"""The learner's own copies of the notebooks, so that opening a lesson changes nothing that git tracks.

All lessons are copied at once, with the files that they read, since they link to each other. A copy that the learner
has not changed follows its original; one that was changed stays as it is until the learner begins it anew.
"""

import hashlib
import json
import shutil

from tinyalex.errors import UserError
from tinyalex.files import reason, replacing, write_text
from tinyalex.schema import read_json, table, text
from tinyalex.teaching import lessons

RECORD = ".copied.json"  # {file: hash of the original that was copied}


def folder():
    """The folder of the copies: my-lessons/ beside lessons/, or in the learner's own folder without a clone."""
    return lessons.own_place() / "my-lessons"


def find(number):
    """The path that the copy of a lesson's notebook has, or will have."""
    return folder() / lessons.notebook(number).name


def open_copy(number, anew=False):
    """Bring the copies up to date; returns (path of this lesson's, whether its original has changed since).

    anew: begin this lesson again; a copy that was changed is kept beside it. UserError if a file cannot be written
    """
    copy = find(number)
    try:
        if anew and copy.exists() and not _same(copy, lessons.notebook(number)):
            copy.rename(_free_name(copy))
        return copy, copy.name in _update()
    except OSError as error:
        raise UserError(f"{error.filename or folder()}: cannot be written ({reason(error)})") from None


def _free_name(copy):
    names = (copy.with_stem(f"{copy.stem}-kept-{n}") for n in range(1, 10_000))
    return next(name for name in names if not name.exists())


def _update():
    """Copy what is missing, and what changed here but not there. Returns the files that changed on both sides."""
    copied, apart = _record(), set()
    only_notebooks = bool(copied) and all(name.endswith(".ipynb") for name in copied)  # as earlier versions recorded
    for file in lessons.files():
        name = file.relative_to(lessons.FOLDER).as_posix()
        copy, known = folder() / name, copied.get(name)
        unknown = only_notebooks and file.suffix != ".ipynb"
        if copy.exists() and not _same(copy, file) and not unknown and _hash(copy) != known:
            if _hash(file) != known:
                apart.add(name)
            continue
        copied[name] = _hash(file)
        if not copy.exists() or not _same(copy, file):
            copy.parent.mkdir(parents=True, exist_ok=True)
            with replacing(copy) as beside:
                shutil.copyfile(file, beside)
    write_text(folder() / RECORD, json.dumps(copied, indent=1) + "\n")
    return apart


def _record():
    try:
        return read_json(folder() / RECORD, table(text()))
    except UserError:  # missing, or damaged: then a copy that differs counts as the learner's
        return {}


def _hash(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _same(file, other):
    return file.stat().st_size == other.stat().st_size and file.read_bytes() == other.read_bytes()
