"""One part of the page: a figure and what is to be said of it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Panel:
    """name: of its PNG file and its place in the page;  caption, alt: plain text;  figure: Matplotlib's, or None

    table: (caption, header, rows), or None;  numbers: what --json gives
    """

    name: str
    heading: str
    caption: str
    figure: object = None
    alt: str = ""
    table: tuple | None = None
    numbers: dict = field(default_factory=dict)


def listed(items, none="none"):
    """Words in a row: "a, b and c"."""
    items = [str(item) for item in items]
    if len(items) < 2:
        return items[0] if items else none
    return f"{', '.join(items[:-1])} and {items[-1]}"


def first_name(name):
    """Of several synonyms the first, on one line."""
    return " ".join(name.split(",")[0].split()) or "?"
