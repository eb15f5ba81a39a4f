"""Pieces of the report's page: text, tables, and drawings as SVG, which say in words what they show."""

import html
from collections.abc import Sequence
from typing import Any

from tinyalex.inspection.page import STYLE as PAGE_STYLE
from tinyalex.lines import drawable

STYLE = (
    PAGE_STYLE
    + """
:root { --alarm: #a3182b; --look: #7a5200; --fine: #1f6b35; --none: #5a5a5a; --bar: #7b98c9; --warm: #c0572b }
@media (prefers-color-scheme: dark) { :root {
  --alarm: #ff8f9a; --look: #f0c060; --fine: #86d39a; --none: #b0b0b0; --bar: #5b78ad; --warm: #e58a5e } }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .3rem } table { font-variant-numeric: tabular-nums }
.findings { list-style: none; padding: 0 } .findings > li { border-left: .4rem solid var(--line); margin: 0 0 1rem }
.findings > li { padding: .1rem 0 .1rem .8rem; max-width: 52rem } .findings p, .findings ul { margin: .2rem 0 }
.findings .alarm { border-color: var(--alarm) } .findings .look { border-color: var(--look) }
.findings .fine { border-color: var(--fine) } .state { font-weight: 700; letter-spacing: .04em }
.alarm .state, strong.alarm { color: var(--alarm); font-weight: 700 } .look .state { color: var(--look) }
.fine .state { color: var(--fine) } .unknown .state { color: var(--none) }
td.number, th.number { text-align: right } svg { display: block; max-width: 100%; height: auto }
svg.strip { width: 13rem; min-width: 9rem } .bar { fill: var(--bar) } .unsure { fill: var(--warm) }
.before { stroke: var(--soft) } .now { stroke: var(--link) } svg text { fill: var(--soft); font-size: 11px }
.axis { stroke: var(--line) } .gallery { display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; list-style: none }
.gallery li { width: 13rem } .gallery img { display: block; width: 96px; height: 96px; border: 1px solid var(--line) }
code { overflow-wrap: anywhere } .key { display: inline-block; width: .8rem; height: .8rem; margin-right: .3rem }
.key.bar { background: var(--bar) } .key.unsure { background: var(--warm) }
main nav { padding: 0 } header tr:first-child td { font-weight: 600 } header td { overflow-wrap: anywhere }
"""
)


def text(value: Any) -> str:
    """A value as HTML text, which no name in a log can leave."""
    return html.escape(drawable(str(value))).replace(" %", "\u00a0%")


class Markup(str):
    """HTML that is ready, unlike a `str`, which `table` takes for text."""


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[Any]], right: Sequence[int] = ()) -> str:
    """A table that scrolls in its own width. right: the columns of numbers;  a cell is text, or `Markup`

    The first cell of a row is its header.
    """
    sides = ["number" if n in right else "" for n in range(len(header))]
    head = "".join(f'<th scope="col" class="{side}">{text(cell)}</th>' for side, cell in zip(sides, header))
    body = "".join(f"<tr>{''.join(_cell(n, cell, sides[n]) for n, cell in enumerate(row))}</tr>" for row in rows)
    name = text(caption)
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{name}"><table><caption>{name}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(number, cell, side):
    content = cell if isinstance(cell, Markup) else text(cell)
    tag = 'th scope="row"' if number == 0 else "td"
    return f'<{tag} class="{side}">{content}</{tag[:2]}>'


def striking(cell: str, alarm: bool) -> Any:
    """A cell of a table, marked in words and colour if it is an alarm."""
    return Markup(f'<strong class="alarm">{text(cell)} (alarm)</strong>') if alarm else cell


def strip(name: str, before: Sequence[float], now: Sequence[float]) -> Markup:
    """Two lines, the reference's numbers above the window's: the middle 90 % of them, the middle half thick.

    before, now: the 5, 25, 50, 75 and 95 % quantiles
    """
    low, high = min(*before, *now), max(*before, *now)
    lines = "".join(_line(kind, y, values, low, high) for kind, y, values in (("before", 9, before), ("now", 23, now)))
    words = f"{name}: median {before[2]:.3g} in the reference, {now[2]:.3g} now; middle 90 % {before[0]:.3g} to "
    words += f"{before[4]:.3g} in the reference, {now[0]:.3g} to {now[4]:.3g} now"
    return Markup(_svg(220, 32, f"{name}, reference above, now below", words, lines, "strip"))


def _line(kind, y, values, low, high):
    x = [8 + 204 * (value - low) / (high - low) if high > low else 110 for value in values]
    ends = f'<line class="{kind}" x1="{x[0]:.1f}" x2="{x[4]:.1f}" y1="{y}" y2="{y}" stroke-width="1.5"/>'
    half = f'<line class="{kind}" x1="{x[1]:.1f}" x2="{x[3]:.1f}" y1="{y}" y2="{y}" stroke-width="5"/>'
    middle = f'<line class="{kind}" x1="{x[2]:.1f}" x2="{x[2]:.1f}" y1="{y - 6}" y2="{y + 6}" stroke-width="2.5"/>'
    return ends + half + middle


def bars(periods: Sequence[dict[str, Any]], unit: str) -> str:
    """A bar for each hour or day: its requests, and in another colour those without an answer."""
    width, high = 640, max(one["requests"] for one in periods)
    step, shapes = (width - 50) / len(periods), []
    every = max(1, -(-len(periods) // 8))
    for n, one in enumerate(periods):
        x, wide = 45 + n * step, max(1.0, min(40.0, step - 2))
        for key, kind in (("requests", "bar"), ("unsure", "unsure")):
            tall = 120 * one[key] / high
            shapes.append(
                f'<rect class="{kind}" x="{x:.1f}" y="{130 - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}"/>'
            )
        if n % every == 0:
            shapes.append(f'<text x="{x:.1f}" y="146">{text(one["name"][5:])}</text>')
    shapes.append(f'<line class="axis" x1="40" x2="{width}" y1="130.5" y2="130.5"/>')
    shapes.append(
        f'<text x="36" y="20" text-anchor="end">{high:,}</text><text x="36" y="134" text-anchor="end">0</text>'
    )
    busiest, fewest = (choose(periods, key=lambda one: one["requests"]) for choose in (max, min))
    words = f"From {fewest['requests']:,} to {high:,} requests in a {unit}, most on {busiest['name']}; "
    words += f"of all, {sum(one['unsure'] for one in periods):,} without an answer."
    return _svg(width, 152, f"Requests by {unit}, UTC", words, "".join(shapes), "chart")


def _svg(width, height, title, words, shapes, kind):
    return (
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{text(title)}. {text(words)}">'
        f"<title>{text(title)}</title><desc>{text(words)}</desc>{shapes}</svg>"
    )
