"""Pictures: where they come from, the one prepared format, and how they reach the network."""

from tinyalex.data.dataset import Dataset, Split

__all__ = ["Dataset", "Split", "open_dataset"]


def open_dataset(spec):
    """The data set named by `spec`: "builtin", or a folder that `prepare` wrote. UserError where there is none."""
    if str(spec) == "builtin":
        from tinyalex.data.builtin import load_builtin

        return load_builtin()
    from tinyalex.data.prepared import open_prepared

    return open_prepared(spec)
