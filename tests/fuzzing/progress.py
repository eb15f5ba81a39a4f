"""The small JSON files of lessons and pages: progress, the record of copies, lists of a book's and a page's files."""

import os
from contextlib import suppress

from tests.fuzzing.values import changed, written
from tinyalex.inspection import folder as page
from tinyalex.teaching import book, copies, learner

INSPECT_LIST = page.list_of(page.INSPECT)


def make(random, folder, shared):
    names = ["index.html", "a/b.html"]
    values = {
        "progress.json": {"09-forward": "right", "09-backward": "not yet"},
        copies.RECORD: {"01_x.ipynb": "0" * 64},
        book.LIST: {"tinyalex book": [*names, book.LIST]},
        INSPECT_LIST: {"tinyalex inspect": ["index.html", INSPECT_LIST]},
    }
    name, value = random.choice(list(values.items()))
    if random.random() < 0.9:
        value = changed(random, value, 3)
    (folder / name).write_bytes(written(random, value, 0.3))
    return {"progress.json": _progress, copies.RECORD: _copies, book.LIST: _book, INSPECT_LIST: _page}[name](folder)


def _progress(folder):
    os.environ[learner.PROGRESS] = str(folder / "progress.json")

    def use():
        learner.remember("09-forward", "right")
        if learner.progress().get("09-forward") != "right":
            raise AssertionError("not kept")

    return use


def _copies(folder):
    def use():
        copies.folder = lambda: folder
        for value in copies._record().values():
            value.upper()

    return use


def _book(folder):
    def use():
        for name in book._old_book(folder):
            with suppress(OSError):  # told by whoever writes a book
                (folder / name).unlink()

    return use


def _page(folder):
    return lambda: page.check_out(folder)
