"""The table of bytes that workers exchange, for `train` and `scale`."""

from tinyalex.commands.options import print_table
from tinyalex.parallel.traffic import WAYS
from tinyalex.terminal import bytes_text

COLUMNS = {
    "forward": "forward",
    "backward": "backward",
    "everywhere_forward": "split everywhere: forward",
    "everywhere_backward": "backward",
}


def with_counted(rows, sent_per_picture):
    """Rows of `tinyalex.parallel.traffic.by_layer`, with the bytes actually sent instead of those computed."""
    counted = []
    for row in rows:
        ways = {way: sent_per_picture.get(f"{row['layer']} {way}", 0.0) for way in ("forward", "backward")}
        if row["layer"] in WAYS:
            ways[WAYS[row["layer"]]] = sent_per_picture.get(row["layer"], 0.0)
        counted.append(row | ways)
    return counted


def show_exchanged(rows, what):
    """Print bytes by layer and their totals, headed by `what`; nothing without rows."""
    if not rows:
        return
    keys = [key for key in COLUMNS if key in rows[0]]
    total = {"layer": "total"} | {key: sum(row[key] for row in rows) for key in keys}
    lines = [(row["layer"], *(bytes_text(row[key]) if row[key] else "–" for key in keys)) for row in (*rows, total)]
    print_table((what, *(COLUMNS[key] for key in keys)), lines, right=range(1, len(keys) + 1))
    print()
