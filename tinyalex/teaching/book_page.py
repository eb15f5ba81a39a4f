"""The frame of a page of the book: header with search, list of lessons, steps to the neighbours, style and script."""

import html
import re
from importlib.resources import files

CONTENTS = "index.html"
TITLE = "tinyalex: how AlexNet works, layer by layer"
STYLE, SCRIPT, SEARCH = "book.css", "book.js", "search.js"
SECTION = re.compile(r'<h2 id="([^"]+)">(.*?)</h2>', re.DOTALL)
TAG = re.compile(r"<[^>]+>")
CODE = re.compile(r'<div class="highlight.*?</pre>', re.DOTALL)
HEADING = re.compile(r"<h([12])\b.*?</h\1>", re.DOTALL)
INLINE = re.compile(r"</?(?:a|b|code|em|i|span|strong|sub|sup)\b[^>]*>")  # between parts of one word

PAGE = """<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="{up}book.css">
<script src="{up}book.js" data-up="{up}" defer></script>
</head>
<body>
<a class="skip" href="#main">To the text</a>
<header>
<button type="button" id="menu" aria-controls="lessons" aria-expanded="false">Lessons</button>
<a class="home" href="{up}index.html">tinyalex</a>
<div class="search" role="search">
<input type="search" id="search" placeholder="Search" aria-label="Search the lessons" autocomplete="off">
<ol id="found" aria-label="found" hidden></ol>
</div>
<button type="button" id="theme">Dark</button>
</header>
<nav id="lessons" aria-label="lessons">
<ol>
{sidebar}
</ol>
</nav>
<main id="main" class="page">
{top}{body}
{end}</main>
</body>
</html>
"""


def page(name, title, body, chapters, place=None):
    """A whole page as bytes.

    name: its path in the book;  chapters: [(number, title, path)] of all lessons;  place: of this lesson among them
    """
    up = "../" * name.count("/")
    steps = "" if place is None else _steps(chapters, place)
    fields = {"top": steps.format("top"), "end": steps.format("end"), "sidebar": _sidebar(name, body, chapters, up)}
    return PAGE.format(title=html.escape(title), up=up, body=body, **fields).encode()


def _steps(chapters, place):
    links = []
    for other, text in ((place - 1, "← {}"), (place + 1, "{} →")):
        if 0 <= other < len(chapters):
            number, title, name = chapters[other]
            links.append(f'<a href="{name}">{html.escape(text.format(f"{number} {title}"))}</a>')
        else:
            links.append("")
    inside = f'<span>{links[0]}</span><a href="{CONTENTS}">Contents</a><span>{links[1]}</span>'
    return f'<nav class="steps" aria-label="{{}}">{inside}</nav>\n'


def _sidebar(name, body, chapters, up):
    """The lessons; below this one, its sections."""
    items = []
    for number, title, path in chapters:
        inside = ""
        if path == name:
            sections = (f'<li><a href="#{anchor}">{plain(text)}</a></li>' for anchor, text in SECTION.findall(body))
            inside = f"<ol>{''.join(sections)}</ol>"
        here = ' aria-current="page"' if path == name else ""
        text = f"<span>{number}</span> {html.escape(title)}"
        items.append(f'<li><a href="{up}{path}"{here}>{text}</a>{inside}</li>')
    return "\n".join(items)


def plain(text):
    """HTML without its tags, in one line."""
    return " ".join(TAG.sub(" ", INLINE.sub("", text)).split())


def sections(name, title, body):
    """The entries of the search: [{"page", "lesson", "title", "text"}], one for each section of a lesson.

    In its text, prose and what is printed stand before the code: snippets show what stands first.
    """
    body = re.sub(r"<details>.*?</details>", " ", body, flags=re.DOTALL)  # answers are not given away
    cut = [0, *(found.start() for found in SECTION.finditer(body)), len(body)]
    found = []
    for start, end in zip(cut, cut[1:]):
        part = body[start:end]
        anchor, heading = SECTION.match(part).groups() if start else ("", title)
        text = html.unescape(plain(" ".join([CODE.sub(" ", HEADING.sub("", part)), *CODE.findall(part)])))
        link = f"{name}#{anchor}" if anchor else name
        found.append({"page": link, "lesson": title, "title": html.unescape(plain(heading)), "text": text})
    return found


def assets():
    """The style and the script: {name: bytes}."""
    from pygments.formatters import HtmlFormatter

    package = files("tinyalex.teaching")
    light, dark = (_rules(HtmlFormatter(style=style)) for style in ("default", "github-dark"))
    night = f':root[data-theme="dark"] {{\n{dark}\n}}\n'
    night += f'@media (prefers-color-scheme: dark) {{ :root:not([data-theme="light"]) {{\n{dark}\n}} }}\n'
    style = (package / STYLE).read_text(encoding="utf-8")
    return {STYLE: f"{style}\n{light}\n{night}".encode(), SCRIPT: (package / SCRIPT).read_bytes()}


def _rules(formatter):
    return "\n".join(rule for rule in formatter.get_style_defs(".highlight").splitlines() if ".highlight ." in rule)
