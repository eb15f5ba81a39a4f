"""Where a folder or archive has ILSVRC-2012's pictures, and where it has the lists that describe them.

The pictures stand at the top, or where Kaggle's download has them, in ILSVRC/Data/CLS-LOC; then Kaggle's lists stand
three folders higher, whichever of these folders is named. The devkit is read as downloaded, too.
"""

from pathlib import PurePosixPath

from tinyalex.data.readers.folder import Folder
from tinyalex.data.readers.storage import Tar

KAGGLE = PurePosixPath("ILSVRC/Data/CLS-LOC")
DEVKIT, DATA = "ILSVRC2012_devkit_t12", "data"
LIST_FOLDERS = (DEVKIT, "devkit", "ILSVRC2012_devkit", "caffe_ilsvrc12", "val", DATA)


class Lists:
    """The text files of several storages, seen as one; the first storage that has a file counts."""

    def __init__(self, storages):
        self.storages = storages

    def _with(self, name):
        return next((storage for storage in self.storages if storage.has(name)), self.storages[0])

    def has(self, name):
        return self._with(name).has(name)

    def read(self, name, most):
        return self._with(name).read(name, most)

    def where(self, name):
        return self._with(name).where(name)


def pictures_and_lists(storage):
    """(the storage of train and val, Lists, whether the folders are Kaggle's) for a storage of these, or above them."""
    inside = [storage, *(storage.below(str(KAGGLE.relative_to(KAGGLE.parents[up]))) for up in (0, 1, 2))]
    pictures = next((place for place in inside if place.folders("train") or place.folders("val")), storage)
    above = _kaggles_top(pictures)
    return pictures, Lists([*_list_places([*above, storage, pictures])]), pictures is not storage or bool(above)


def _kaggles_top(pictures):
    """[the folder that has Kaggle's lists] if the pictures stand in Kaggle's folders."""
    if not isinstance(pictures, Folder):
        return []
    path = pictures.path.absolute()
    return [Folder(path.parents[2])] if path.parts[-3:] == KAGGLE.parts else []


def _list_places(tops):
    for top in tops:
        yield top
        for folder in LIST_FOLDERS:
            yield top.below(folder)
            yield top.below(f"{folder}/{DATA}")
        packed = f"{DEVKIT}.tar.gz"
        if isinstance(top, Folder) and top.has(packed):
            yield Tar(top.path / packed).below(f"{DEVKIT}/{DATA}")
