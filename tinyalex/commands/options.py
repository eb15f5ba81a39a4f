"""Options that several commands share, and the layout of their results."""

import math
import sys

from tinyalex.backend import choose_device, set_thread_count
from tinyalex.errors import UserError
from tinyalex.lines import columns, folded, harmless, prose_width, text_width, words
from tinyalex.streams import readable

REPLACED = "a file there is replaced only if tinyalex wrote it"
NARROW = 14  # text is folded no further, unless there is no other way
LONG_WORD = 20  # nor are shorter words cut


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
    """Print padded columns under a header, no wider than the terminal. right: the columns to align to the right

    Where they do not fit, headers fold first and then cells of text, which are those aligned to the left; columns that
    still do not fit stand below, beside the first column again. In a file a row is one line.
    """
    lines = [[readable(harmless(str(cell))) for cell in row] for row in (header, *rows)]
    width = columns(sys.stdout) or math.inf
    for number, chosen in enumerate(_blocks(lines, right, width)):
        if number:
            print()
        part = [[line[i] for i in chosen] for line in lines if not number or any(line[i] for i in chosen[1:])]
        _print_block(part, {new for new, old in enumerate(chosen) if old in right}, width)


def refuse(args, options, instead):
    """UserError for any of these options that was given. options: {name: default};  instead: what rules them out"""
    for name, default in options.items():
        if getattr(args, name) != default:
            raise UserError(f"does not go with {instead}", name)


def print_text(text, hang=0):
    """Print prose, and commands to copy, folded to the terminal's width. hang: as of `folded`"""
    print("\n".join(folded(readable(text), prose_width(sys.stdout), hang)))


def _blocks(lines, right, width):
    """Lists of columns to print below each other, each headed by the first column."""
    blocks, left = [[0]], list(range(1, len(lines[0])))
    while left:
        narrowest = [_limits(lines, right, i)[2] for i in (*blocks[-1], left[0])]
        if len(blocks[-1]) > 1 and _with_gaps(narrowest) > width:
            blocks.append([0])
        blocks[-1].append(left.pop(0))
    return blocks


def _limits(lines, right, i):
    """Widths of column i: as it is, with its header folded, and with its text folded too."""
    head, *cells = (line[i] for line in lines)
    full = max(map(text_width, (head, *cells)))
    word = max(map(text_width, words(head)), default=0)
    kept = max(map(text_width, cells), default=0)
    if i in right:
        return full, max(kept, word), max(kept, word)
    longest = max((text_width(w) + 2 * (n > 0) for cell in cells for n, w in enumerate(words(cell))), default=0)
    return full, max(kept, word), max(min(kept, max(NARROW, longest if longest <= LONG_WORD else 0)), word)


def _with_gaps(widths):
    return sum(widths) + 2 * (len(widths) - 1)


def _print_block(lines, right, width):
    limits = [_limits(lines, right, i) for i in range(len(lines[0]))]
    widths = [full for full, _, _ in limits]
    least_of_all = [1 if i not in right else limit[2] for i, limit in enumerate(limits)]
    for least in (*zip(*[limit[1:] for limit in limits]), least_of_all):
        while _with_gaps(widths) > width and (spare := [i for i, w in enumerate(widths) if w > least[i]]):
            widths[max(spare, key=lambda i: widths[i])] -= 1
    for number, line in enumerate(lines):
        cells = [_folded_cell(cell, w, hang=2 if number else 0) for cell, w in zip(line, widths)]
        height = max(map(len, cells))
        for i, cell in enumerate(cells):  # headers stand on the rule, cells hang from the row's top
            empty = [""] * (height - len(cell))
            cells[i] = cell + empty if number else empty + cell
        for row in zip(*cells):
            print("  ".join(_padded(text, w, i in right) for i, (text, w) in enumerate(zip(row, widths))).rstrip())
        if number == 0:
            print(readable("  ".join("─" * w for w in widths)))


def _padded(text, width, right):
    space = " " * (width - text_width(text))
    return space + text if right else text + space


def _folded_cell(text, width, hang):
    """A cell in lines of at most `width`: words that are too long are cut, so that the columns stay straight."""
    hang = hang if width >= NARROW else 0
    lines = folded(text, width, hang)
    for n, line in enumerate(lines):
        if text_width(line) > width:
            end, indent = _cut(line, width), hang or len(line) - len(line.lstrip(" "))
            rest = " ".join([line[end:], *(other.strip() for other in lines[n + 1 :])])
            return [*lines[:n], line[:end], *_folded_cell(" " * indent + rest, width, 0)]
    return lines


def _cut(word, width):
    """How many characters of a long word stay on a line: up to the last sign of a path or name, if there is one."""
    fits = next((n for n in range(len(word), 0, -1) if text_width(word[:n]) <= width), 1)
    signs = [n for n in range(fits // 2, fits + 1) if n and word[n - 1] in "/+-_.,="]
    return signs[-1] if signs else fits
