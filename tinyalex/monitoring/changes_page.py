"""The page of what a new network would change: each picture with both answers, as one HTML file that needs no other."""

import base64
import html
import io
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from tinyalex.data.pictures import decode_picture
from tinyalex.inspection.page import STYLE
from tinyalex.inspection.panel import first_name
from tinyalex.monitoring.changes import Change, Comparison, Said
from tinyalex.monitoring.trace import read_kept

SIDE = 96  # pixels of a picture on the page
SHOWN = 60  # pictures in a section
SECTIONS = {
    "worse": "Worse",
    "better": "Better",
    "neither": "Other, but neither better nor worse",
    "unknown": "Not labelled, so nobody knows",
}
CARDS = """
.all { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 1rem; padding: 0 }
.all li { list-style: none; border: 1px solid var(--line); border-radius: 6px; padding: .6rem; overflow-wrap: anywhere }
.all img { display: block; width: 100%; max-width: 12rem; height: auto; image-rendering: pixelated }
.all p { margin: .4rem 0 0; line-height: 1.35 } .all .soft { font-size: .8rem }
"""


def changes_page(log: Path, names: tuple[str, str], comparison: Comparison, sentences: list[str]) -> str:
    """The page, as HTML.

    log: whose pictures are shown;  names: of the network as it is, and of the new one;  sentences: the result, in words
    """
    before, after = map(html.escape, names)
    title = f"What {after} would change"
    said = "\n".join(f"<p>{html.escape(one)}</p>" for one in sentences)
    sections = "\n".join(_section(log, comparison, key, heading) for key, heading in SECTIONS.items())
    return (
        f'<!DOCTYPE html>\n<html lang="en-GB">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}{CARDS}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n{said}\n</header>\n"
        f"<main>\n{sections}\n</main>\n"
        f'<footer class="soft"><p>Drawn by <code>tinyalex trace --change</code> from {html.escape(str(log))}. '
        f"Below each picture: what {before} says; then, after →, what {after} says.</p></footer>\n</body>\n</html>\n"
    )


def _section(log, comparison, key, heading):
    """The changes of one verdict, those first of which the new network is surest."""
    own = sorted((one for one in comparison.changed if one.verdict == key), key=lambda one: -one.after.probability)
    if not own:
        return ""
    more = f'<p class="soft">The first {SHOWN} of {len(own):,}.</p>' if len(own) > SHOWN else ""
    cards = "\n".join(_card(log, one, comparison.names) for one in own[:SHOWN])
    return f'<section>\n<h2>{heading}: {len(own):,}</h2>\n{more}\n<ul class="all">\n{cards}\n</ul>\n</section>'


def _card(log: Path, one: Change, names: dict[str, str]) -> str:
    before, after = in_words(one.before), in_words(one.after)
    truth = "" if one.truth is None else f"<p>labelled: {html.escape(first_name(names.get(one.truth, one.truth)))}</p>"
    when = datetime.fromtimestamp(one.request.at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    about = html.escape(f"{one.request.id}, {when}, {one.request.client}")
    alt = html.escape(f"picture of request {one.request.id}: {before}, then {after}")
    return (
        f'<li><img src="{_picture(log, one)}" alt="{alt}"><p>{html.escape(before)}<br>→ <strong>{html.escape(after)}'
        f'</strong></p>{truth}<p class="soft">{about}</p></li>'
    )


def in_words(said: Said) -> str:
    """An answer with its probability, or that there is none."""
    guess = f"{first_name(said.label)}, {said.probability:.0%}"
    return guess if said.sure else f"not sure ({guess})"


def _picture(log, one):
    """The square that the networks see, at SIDE pixels, as a data URI."""
    file = io.BytesIO()
    Image.fromarray(decode_picture(read_kept(log, one.request), SIDE)).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
