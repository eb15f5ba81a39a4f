"""`tinyalex report`: what a service's log says: errors, coverage, drift, slices, disagreements."""

import re
import time
from datetime import UTC, datetime

from tinyalex.commands.options import REPLACED, print_table, print_text
from tinyalex.errors import UserError
from tinyalex.files import check_file, target, write_text
from tinyalex.lines import harmless
from tinyalex.monitoring.findings import interval, percent
from tinyalex.monitoring.log import Log
from tinyalex.monitoring.page import MARK, WORDS, report_page
from tinyalex.monitoring.report import ALARM_RATE, MOST, NEWEST, report

DESCRIPTION = f"""\
Report on the requests that a service logged: how many were answered, how many of those whose truth came later are \
wrong, what the confidences promise for the others; whether pictures and scores differ from the validation pictures \
that `calibrate` noted; which hours and clients fare worse than the rest, and which classes worse than before; where a \
shadow disagrees; and the pictures least like the training pictures. Each alarm says what was compared, how many, and \
what to look at.

DB is the log. The report is on the newest {NEWEST:,} requests unless a time is given, and on at most {MOST:,}. All \
times are UTC. It may be made while the service runs."""
EXAMPLES = (
    "tinyalex report requests.db",
    "tinyalex report requests.db --last 24h --html report.html",
    "tinyalex report requests.db --since 2026-05-01T08:00 --until 2026-05-02 --alarm-rate 0.05 --json",
)
UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
SHOWN = 3  # slices of a kind


def add_arguments(parser):
    add = parser.add_argument
    add("log", metavar="DB", help="the log of a service")
    add("--last", metavar="TIME", help="the requests of the last TIME, such as 90m, 24h, 7d or 2w")
    add("--since", metavar="TIME", help="the requests from TIME on, such as 2026-05-01 or 2026-05-01T14:30, UTC")
    add("--until", metavar="TIME", help="the requests before TIME")
    add("--newest", type=int, metavar="N", help=f"only the newest N requests ({NEWEST:,}, unless a time is given)")
    rate = f"the share of reports without trouble that raise an alarm ({ALARM_RATE})"
    add("--alarm-rate", type=float, default=ALARM_RATE, metavar="R", help=rate)
    add("--html", metavar="FILE", help=f"also write it as a page for any browser, offline ({REPLACED})")


def run(args):
    if args.last and args.since:
        raise UserError("found --last and --since, expected one of them")
    since = time.time() - _span(args.last) if args.last else _moment(args.since, "since")
    until = _moment(args.until, "until")
    if since is not None and until is not None and since >= until:
        raise UserError(f"found {args.until}, expected a time after the beginning", "until")
    page = target(args.html) if args.html else None
    if page:
        check_file(page, ".html", MARK, "html")
    with Log.read_only(args.log) as log:
        result = report(log, since, until, args.newest, args.alarm_rate)
    if page:
        write_text(page, report_page(result))
    return result | {"page": str(page) if page else None}


def _span(text):
    """The seconds of a time such as "24h"."""
    found = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if not found or not int(found[1]):
        raise UserError(f"found {text!r}, expected a time such as 90m, 24h, 7d or 2w", "last")
    return int(found[1]) * UNITS[found[2]]


def _moment(text, argument):
    """Seconds since 1970 of a date, or of a date and time, in UTC unless it names another zone; None for None."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise UserError(
            f"found {text!r}, expected a time such as 2026-05-01 or 2026-05-01T14:30, UTC", argument
        ) from None


def show(result):
    if result["requests"]:
        print_text(f"{result['requests']:,} requests, {result['from']} to {result['to']} UTC")
    for one in result["findings"]:
        print_text(f"\n{WORDS[one['state']]}  {harmless(one['topic'])}")
        lines = [one["text"], *(f"· {point}" for point in one["points"])]
        for line in [*lines, *([f"Look at {one['look']}."] if one["look"] else [])]:
            print_text(f"  {harmless(line)}", 4 if line.startswith("·") else 2)
    _show_slices(result)
    for note in result["notes"]:
        print_text(f"\n{harmless(note)}")
    if result["page"]:
        print_text(f"\nOpen {result['page']}")


def _show_slices(result):
    """The slices that fare worst, of each kind."""
    rows = []
    for kind, found in result["slices"].items():
        for one in found[:SHOWN]:
            name, alarm = f"{kind} {one['name']}", "ALARM" if one["alarms"] else ""
            unsure = f"{one['unsure']:,} ({percent(one['unsure_share'][0])})"
            wrong = f"{one['wrong']:,} of {one['labelled']:,} ({interval(one['wrong_share'])})"
            rows.append((name, f"{one['requests']:,}", unsure, wrong if one["labelled"] else "–", alarm))
    if rows:
        header = ("the worst of each kind", "requests", "without an answer", "labelled wrong", "")
        print()
        print_table(header, rows, right=(1, 2, 3))
