"""Options that several commands share, and the layout of their results."""

from tinyalex.backend import choose_device, set_thread_count


def add_device(parser):
    """--device and --threads, for every command that computes."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "gpu"),
        default="auto",
        help="where to compute (auto, the default: a GPU if there is one, else the CPU)",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: one per available core)")


def open_device(args):
    """Set --threads; the array module of --device."""
    if args.threads is not None:
        set_thread_count(args.threads)
    return choose_device(args.device)


def print_table(header, rows, right=()):
    """Print padded columns under a header. right: the numbers of the columns to align to the right"""
    lines = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    for number, line in enumerate(lines):
        cells = (cell.rjust(w) if i in right else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths)))
        print("  ".join(cells).rstrip())
        if number == 0:
            print("  ".join("─" * w for w in widths))
