"""The formats that can be prepared, and how to recognise the format of a folder or archive.

One file per format; source.py defines a reader. The first reader that recognises a source reads it.
"""

from tinyalex.data.readers import (
    cifar,
    class_folders,
    ilsvrc2012,
    imagenet_1k,
    imagenet_batches,
    parquet,
    tiny_imagenet,
)
from tinyalex.data.readers.folder import Folder
from tinyalex.data.readers.named import open_sources
from tinyalex.data.readers.storage import open_storage
from tinyalex.errors import UserError, did_you_mean

# class_folders last: other formats also have a folder `train`
READERS = {r.NAME: r for r in (tiny_imagenet, cifar, imagenet_batches, ilsvrc2012, imagenet_1k, parquet, class_folders)}
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


def read_source(path, format=None, labels=None):
    """The Source at `path`, in the format named, or else in the one recognised.

    path: a folder or archive, or several of one folder. The data may be at its top, or in the only folder or archive
        there that holds a data set
    labels: which labels to read, where the format has several kinds
    Raises UserError for an unknown format, for labels that the format lacks, or if no format fits.
    """
    if format is not None and format not in READERS:
        nearest = did_you_mean(format, READERS, cutoff=0.4)
        raise UserError(f"found '{format}'{nearest}, expected one of {', '.join(READERS)}", "format")
    storage = open_sources(path)
    wanted = list(READERS.values()) if format is None else [READERS[format]]
    reader, top = _recognised(storage, wanted) or _one_inside(storage, wanted)
    if labels is None:
        return reader.read(top)
    if not hasattr(reader, "LABELS"):
        raise UserError(f"found {labels!r}, but pictures of the format {reader.NAME} have one label each", "labels")
    return reader.read(top, labels)


def _recognised(storage, wanted):
    """(reader, the part of the storage that it reads), or None if no reader recognises it."""
    return next(((reader, top) for top in _tops(storage) for reader in wanted if reader.recognises(top)), None)


def _tops(storage):
    """A storage, and the same seen from the only folder in it."""
    folders = storage.folders()
    return [storage, *(storage.below(folder) for folder in folders if len(folders) == 1)]


def _one_inside(storage, wanted):
    """As `_recognised`, of the one folder or archive in a storage that holds a data set. Raises UserError otherwise."""
    archives = [name for name in storage.files() if name.endswith(ARCHIVES)]
    found, refused = {}, []
    for name in [*storage.folders(), *(archives if isinstance(storage, Folder) else [])]:
        try:
            inside = _recognised(open_storage(storage.where(name)) if name in archives else storage.below(name), wanted)
        except UserError as error:
            refused.append(f"nor in its archives: {error}")
        else:
            found |= {name: inside} if inside else {}
    if len(found) == 1:
        return found.popitem()[1]
    raise UserError(f"{storage.path}: {_what_instead(storage, wanted, archives, list(found), refused)}")


def _what_instead(storage, wanted, archives, with_data, refused):
    """Advice on a storage that cannot be read.

    archives: names of those in it;  with_data: of its folders and archives with data sets;  refused: about the others
    """
    if storage.has("meta.json"):
        return "already prepared; train on it as it is"
    if with_data:
        return f"holds several data sets; name one of {', '.join(with_data)}"
    if refused:
        return f"no data set found here, {refused[0]}"
    if archives and not isinstance(storage, Folder):
        return f"no data set found here, but {', '.join(archives[:3])} inside the archive: unpack it first"
    lacking = map(class_folders.shortcoming, _tops(storage)) if class_folders in wanted else ()
    if what := next(filter(None, lacking), ""):
        return what
    where = "here or in its archives" if archives else "here"
    return f"no data set found {where}; expected {'; '.join(f'{one.NAME} ({one.EXPECTS})' for one in wanted)}"
