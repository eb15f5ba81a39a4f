"""One section of the page: a figure and its words."""

from dataclasses import dataclass, field

from tinyalex.lines import drawable


@dataclass(frozen=True)
class Panel:
    """One section of the page.

    name: of its PNG file and of its link target;  caption, alt: plain text;  figure: Matplotlib's, or None
    table: (caption, header, rows), or None;  numbers: for --json
    """

    name: str
    heading: str
    caption: str
    figure: object = None
    alt: str = ""
    table: tuple | None = None
    numbers: dict = field(default_factory=dict)


def listed(items, none="none"):
    """Join items in words, "a, b and c"; `none` if there are no items."""
    items = [str(item) for item in items]
    if len(items) < 2:
        return items[0] if items else none
    return f"{', '.join(items[:-1])} and {items[-1]}"


def first_name(name):
    """The first of a class's synonyms, on one line."""
    return drawable(" ".join(name.split(",")[0].split())) or "?"


def spread(items, most):
    """At most `most` of a list's items, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(n * (len(items) - 1) / (most - 1))] for n in range(most)]
