"""The formats that can be prepared, and how to recognise the format of a folder or archive.

One file per format; source.py defines a reader. The first reader that recognises a source reads it.
"""

from tinyalex.data.readers import cifar, class_folders, ilsvrc2012, imagenet_batches, tiny_imagenet
from tinyalex.data.readers.storage import open_storage
from tinyalex.errors import UserError, did_you_mean

# class_folders last: other formats also have a folder `train`
READERS = {r.NAME: r for r in (tiny_imagenet, cifar, imagenet_batches, ilsvrc2012, class_folders)}


def read_source(path, format=None):
    """The Source at `path`, in the format named, or else in the one recognised.

    The data may be at the top or in the only folder there. Raises UserError for an unknown format or if none fits.
    """
    if format is not None and format not in READERS:
        nearest = did_you_mean(format, READERS, cutoff=0.4)
        raise UserError(f"unknown format '{format}'{nearest}; expected one of {', '.join(READERS)}")
    storage = open_storage(path)
    folders = storage.folders()
    tops = [storage, *(storage.below(folder) for folder in folders if len(folders) == 1)]
    wanted = list(READERS.values()) if format is None else [READERS[format]]
    for top in tops:
        for reader in wanted:
            if reader.recognises(top):
                return reader.read(top)
    raise UserError(f"{storage.path}: {_what_instead(storage, wanted)}")


def _what_instead(storage, wanted):
    """Advice on a source in no known format."""
    if storage.has("meta.json"):
        return "already prepared; train on it as it is"
    archives = [name for name in storage.files() if name.endswith((".zip", ".tar.gz", ".tgz"))]
    if archives:
        return f"no data set found here, but {', '.join(archives[:3])}: name the archive itself"
    expected = "; ".join(f"{reader.NAME} ({reader.EXPECTS})" for reader in wanted)
    return f"no data set found here; expected {expected}"
