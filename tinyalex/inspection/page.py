"""The page: panels as one HTML file and their figures beside it, written whole or not at all."""

import html
from pathlib import Path

from PIL import Image

from tinyalex.inspection import answers, course, seen
from tinyalex.inspection.folder import written
from tinyalex.inspection.panel import Panel, first_name, listed
from tinyalex.plots import save
from tinyalex.terminal import progress_bar

PAGE = "index.html"
PANELS = (
    seen.kernels,
    answers.gallery,
    seen.alike,
    seen.feature_maps,
    seen.occlusions,
    answers.confusions,
    answers.worst,
    answers.classes,
    answers.reliability,
    course.dead,
    course.course,
)

STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #fff; --soft: #5a5a5a; --line: #d5d5d5; --link: #31508a }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --paper: #16181c; --soft: #b0b0b0; --line: #444a52; --link: #6ece9a }
}
* { box-sizing: border-box }
body { margin: 0; font: 1rem/1.55 system-ui, "Segoe UI", Roboto, sans-serif }
body { color: var(--ink); background: var(--paper) }
header, nav, main, footer { max-width: 66rem; margin: 0 auto; padding: 0 1rem }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 1.5rem 0 .3rem } h2 { font-size: 1.3rem; margin: 2.5rem 0 .6rem }
p, figcaption, li { max-width: 46rem } .soft { color: var(--soft) }
a { color: var(--link) } a:focus-visible, summary:focus-visible, [tabindex]:focus-visible {
  outline: 3px solid var(--link); outline-offset: 3px }
.skip { position: absolute; left: -99rem; padding: .3rem .6rem; background: var(--paper) }
.skip:focus { left: 1rem; top: .5rem }
nav ol { columns: 18rem auto; padding-left: 1.4rem } nav h2 { font-size: 1rem; margin: 1.2rem 0 .2rem }
figure { margin: 0 } figcaption { margin: .6rem 0 } main:focus { outline: none }
.card { background: #fff; border: 1px solid var(--line); border-radius: 6px; padding: .7rem }
.card { width: fit-content; max-width: 100% } .card img { display: block; max-width: 100%; height: auto }
table { border-collapse: collapse; margin: .6rem 0 } caption { text-align: left; font-weight: 600; padding: .2rem 0 }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .9rem .25rem 0; text-align: left; vertical-align: top }
thead th { color: var(--soft); font-weight: 600 } tbody th { font-weight: 400 } header th { white-space: nowrap }
.wide { overflow-x: auto }
@media (max-width: 45rem) {
  header tr { display: block; padding: .3rem 0 } header th, header td { display: block; border: 0; padding: 0 }
  header tr { border-bottom: 1px solid var(--line) } header th { color: var(--soft) }
  .card { overflow-x: auto } .card img { max-width: none; width: max(100%, 44rem) }
}
summary { cursor: pointer; color: var(--link) }
footer { margin-top: 3rem; padding-bottom: 2rem; border-top: 1px solid var(--line) }
@media print { nav, .skip { display: none } section { break-inside: avoid } }
"""


def write_page(out, subject, about, quiet=False):
    """Draw every panel and write the folder `out`; returns (path of the page, names of the figures, their numbers).

    about: (label, text) pairs for the top of the page; the first is the network's name
    """
    about_all = {"images": len(subject.labels), "classes": len(subject.names)}
    panels, figures, numbers = [], {}, subject.measured.errors() | about_all
    with written(out) as folder, progress_bar(len(PANELS), "figures", unit="figures", quiet=quiet) as bar:
        for panel_of in PANELS:
            panel = panel_of(subject)
            numbers |= panel.numbers
            if panel.figure is not None:
                name = f"{panel.name}.png"
                save(panel.figure, folder / name)
                with Image.open(folder / name) as picture:
                    figures[name] = picture.size
            panels.append(_without_figure(panel))
            bar.update(1)
        text = _page(panels, figures, [*about, *in_short(numbers)])
        (folder / PAGE).write_text(text, encoding="utf-8", errors="backslashreplace")
    return Path(out) / PAGE, list(figures), numbers


def in_short(numbers):
    """The numbers of `write_page` for people: (label, text) pairs."""
    error = f"top-1 {numbers['top1_error']:.1%}"
    if "top5_error" in numbers:
        error += f", top-5 {numbers['top5_error']:.1%}"
    near = [f"{share:.1%} {'by' if space == 'chance' else 'in'} {space}" for space, share in numbers["purity"].items()]
    most = "none"
    if numbers["confusions"]:
        one = numbers["confusions"][0]
        most = f"{first_name(one['class'])} taken for {first_name(one['answer'])} ({one['pictures']}×)"
    dead = [f"{layer} {one['dead']} of {one['units']}" for layer, one in numbers["dead"].items() if one["dead"]]
    return (
        ("Validation error", error),
        ("Neighbours of its class", listed(near)),
        ("Calibration error", f"{numbers['ece']:.3f}"),
        ("Most confused", most),
        ("Dead units", listed(dead) if numbers["dead"] else "no ReLUs"),
        ("Colour by tower", listed((f"{mean:.2f}" for mean in numbers["tower_colour"]), "no kernels")),
    )


def _without_figure(panel):
    """The panel's words: its figure is on the disk, so its memory can be freed."""
    return Panel(panel.name, panel.heading, panel.caption, None, panel.alt, panel.table)


# ---------------------------------------------------------------------------------------------- HTML


def _page(panels, sizes, about):
    title = html.escape(f"Inside {about[0][1]}")
    contents = "\n".join(f'<li><a href="#{panel.name}">{html.escape(panel.heading)}</a></li>' for panel in panels)
    rows = "\n".join(f'<tr><th scope="row">{html.escape(k)}</th><td>{html.escape(v)}</td></tr>' for k, v in about)
    sections = "\n".join(_section(panel, sizes.get(f"{panel.name}.png")) for panel in panels)
    return (
        f'<!DOCTYPE html>\n<html lang="en-GB">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<style>{STYLE}</style>\n</head>\n<body>\n<a class="skip" href="#content">Skip to the figures</a>\n'
        f'<header>\n<h1>{title}</h1>\n<div class="wide"><table>\n<caption>In short</caption>\n'
        f"<tbody>\n{rows}\n</tbody>\n</table></div>\n</header>\n"
        f'<nav aria-labelledby="contents">\n<h2 id="contents">Contents</h2>\n<ol>\n{contents}\n</ol>\n</nav>\n'
        f'<main id="content" tabindex="-1">\n{sections}\n</main>\n'
        '<footer class="soft"><p>Drawn by <code>tinyalex inspect</code>. Every number was computed from this run; '
        "pictures are validation pictures unless stated otherwise.</p></footer>\n</body>\n</html>\n"
    )


def _section(panel, size):
    """One section of the page; size: (width, height) of its figure in pixels, or None without a figure."""
    caption = html.escape(panel.caption)
    if size is None:
        inside = f"<p>{caption}</p>"
    else:
        box = f'width="{size[0]}" height="{size[1]}" loading="lazy"'
        image = f'<img src="{panel.name}.png" {box} alt="{html.escape(panel.alt)}">'
        image = f'<a href="{panel.name}.png" title="Open in full size">{image}</a>'
        inside = f'<figure>\n<div class="card">{image}</div>\n<figcaption>{caption}</figcaption>\n</figure>'
    table = _table(*panel.table) if panel.table else ""
    return (
        f'<section aria-labelledby="{panel.name}">\n<h2 id="{panel.name}">{html.escape(panel.heading)}</h2>\n{inside}\n'
        f"{table}</section>"
    )


def _table(caption, header, rows):
    head = "".join(f'<th scope="col">{html.escape(str(cell))}</th>' for cell in header)
    body = "\n".join(
        f'<tr><th scope="row">{html.escape(str(row[0]))}</th>'
        + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<details><summary>{html.escape(caption)}, as a table</summary>\n<div class="wide"><table>\n'
        f"<caption>{html.escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n"
        "</table></div>\n</details>\n"
    )
