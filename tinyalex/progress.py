"""The one progress bar, so that every long job looks alike and keeps stdout clean."""

import sys

from tqdm import tqdm


def progress_bar(total, label, unit="images", quiet=False, scale=False, initial=0):
    """A bar on stderr with rate and time left; silent where stderr is not a terminal or `quiet` is set.

    Use it as a context manager and call `update(n)` after n more of `total` units.
    """
    return tqdm(
        total=total,
        desc=label,
        unit=f" {unit}",
        file=sys.stderr,
        disable=True if quiet else None,  # None: tqdm's own "only on a terminal"
        dynamic_ncols=True,
        leave=False,
        initial=initial,
        unit_scale=scale,
    )


def say(text, quiet=False):
    """One line on stderr, above a bar if one is being drawn."""
    if not quiet:
        tqdm.write(text, file=sys.stderr)
