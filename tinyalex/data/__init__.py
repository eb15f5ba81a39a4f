"""Pictures: where they come from, the one prepared format, and how they reach the network."""

from tinyalex.data.builtin import builtin_classes, load_builtin, load_builtin_val
from tinyalex.data.dataset import Dataset, Split
from tinyalex.data.drawing import SIDE
from tinyalex.data.prepared import open_prepared

__all__ = ["Dataset", "Split", "open_dataset", "open_validation"]


def open_dataset(spec, quiet=False):
    """The data set named by `spec`: "builtin", or a folder that `prepare` wrote. UserError where there is none."""
    if str(spec) == "builtin":
        return load_builtin(quiet=quiet)
    return open_prepared(spec)


def open_validation(spec, quiet=False):
    """(validation Split, class ids, side of the pictures) of the data set named by `spec`, without its training pictures."""
    if str(spec) == "builtin":
        class_ids, _ = builtin_classes()
        return load_builtin_val(quiet=quiet), class_ids, SIDE
    dataset = open_prepared(spec)
    return dataset.val, dataset.class_ids, dataset.size
