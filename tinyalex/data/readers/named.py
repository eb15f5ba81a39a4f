"""Several files or folders named one by one, seen as the folder that they stand in without anything else in it."""

from pathlib import Path

from tinyalex.data.readers.folder import Folder, Listing, expect_source, spelt
from tinyalex.data.readers.storage import open_storage
from tinyalex.errors import UserError


def open_sources(paths):
    """The storage of one path, or of several in the same folder. Raises UserError if there is none."""
    paths = [Path(path) for path in ([paths] if isinstance(paths, (str, Path)) else paths)]
    return Chosen(paths) if len(paths) > 1 or paths[0].suffix == ".parquet" else open_storage(paths[0])


class Chosen(Folder):
    """The folder of `paths`, with these files and folders only."""

    def __init__(self, paths):
        for path in paths:
            expect_source(path)
            if path.absolute().parent != paths[0].absolute().parent:
                raise UserError(f"{path}: is not beside {paths[0]}; expected sources in one folder")
        super().__init__(paths[0].parent)
        self.only = {spelt(path.name) for path in paths}

    def listing(self, at=""):
        found = super().listing(at)
        if at:
            return found
        files, folders = ([name for name in names if name in self.only] for names in (found.files, found.folders))
        return Listing(files, folders)

    def has(self, name):
        return name.partition("/")[0] in self.only and super().has(name)
