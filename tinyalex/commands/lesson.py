"""`tinyalex lesson`: the lessons: list them, open one, check answers, or read them as a book."""

import contextlib
import sys

from tinyalex.commands.options import print_table, print_text
from tinyalex.errors import UserError
from tinyalex.lines import command
from tinyalex.teaching import copies, learner, lessons
from tinyalex.teaching.answers import NOT_THERE, judge_file
from tinyalex.teaching.book import write_book
from tinyalex.teaching.jupyter import missing, run_jupyter
from tinyalex.teaching.lessons import all_lessons, find_lesson
from tinyalex.teaching.mistakes import RIGHT
from tinyalex.terminal import say

DESCRIPTION = """\
Without arguments, list the lessons and how many of their checks have passed. With a number, open your copy of that \
lesson in JupyterLab (with --json, describe it). Your copy stays as you left it; --anew begins again. Options behind \
-- are passed on to JupyterLab.

Without Jupyter: read the lessons as a book of HTML pages (--book). Write an exercise's functions in a Python file, \
under the names given there, and check that file (--check). The exit code is 0 if every function in the file is \
right, 1 if not."""
EXAMPLES = (
    "tinyalex lesson",
    "tinyalex lesson 09",
    "tinyalex lesson 09 -- --no-browser --port 9999",
    "tinyalex lesson 09 --check my_file.py",
    "tinyalex lesson 09 --check my_file.py --hint 1",
    "tinyalex lesson --book book/",
)
AFTER_DASHES = "jupyter"


def add_arguments(parser):
    parser.add_argument("number", metavar="NUMBER", nargs="?", help="the lesson to open or check: 01, 02, …")
    parser.add_argument("--anew", action="store_true", help="begin the lesson again; your old copy is kept beside it")
    parser.add_argument("--check", metavar="FILE", help="check the lesson's functions in a Python file")
    parser.add_argument(
        "--hint",
        type=int,
        metavar="N",
        help="with --check: print hint 1, 2 or 3 for every function that is not right yet",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        help="with --check: the longest a function may run (default: TINYALEX_CHECK_SECONDS, or 30)",
    )
    parser.add_argument(
        "--book",
        metavar="DIR",
        help="write all lessons as HTML pages, for reading offline; replaces only an earlier book",
    )


def run(args):
    for option in ("hint", "seconds"):
        if getattr(args, option) is not None and args.check is None:
            raise UserError(f"--{option}: found no --check, expected --check FILE beside it")
    if args.hint not in (None, 1, 2, 3):
        raise UserError(f"--hint: found {args.hint}, expected 1, 2 or 3")
    for option, spelling in (("anew", "--anew"), ("jupyter", "--")):
        if getattr(args, option):
            _check_opens(args, spelling)
    if args.book is not None:
        if args.number is not None or args.check is not None:
            raise UserError("--book: writes all lessons, expected no NUMBER and no --check beside it")
        return {"book": str(write_book(args.book, all_lessons()))}
    if args.number is None:
        if args.check is not None:
            example = command("lesson", "09", "--check", args.check)
            raise UserError(f"--check: found no lesson number, expected one; for example {example}")
        return {"lessons": [_describe(lesson) for lesson in all_lessons()]}
    lesson = find_lesson(args.number)
    if args.check is not None:
        return _check(lesson, args)
    if args.json:
        return _describe(lesson) | {
            "notebook": str(lessons.notebook(lesson.number)),
            "copy": str(copies.find(lesson.number)),
        }
    return {"ok": _open(lesson, args) == 0}


def _check_opens(args, spelling):
    """UserError unless a lesson is to be opened, since an option applies only then."""
    if other := next((name for name in ("check", "book", "json") if getattr(args, name)), None):
        raise UserError(f"{spelling}: goes with opening a lesson, expected no --{other} beside it")
    if args.number is None:
        raise UserError(f"{spelling}: expected the number of a lesson to open")


def _describe(lesson):
    states = learner.progress()
    exercises = [
        {"exercise": exercise.id, "function": exercise.name, "state": states.get(exercise.id)}
        for exercise in lesson.exercises
    ]
    facts = {"lesson": lesson.number, "title": lesson.title, "minutes": lesson.minutes, "seconds": lesson.seconds}
    return facts | {"exercises": exercises}


def _open(lesson, args):
    if text := missing():  # before anything is copied
        raise UserError(text)
    copy, changed = copies.open_copy(lesson.number, args.anew)
    say(f"Your copy of lesson {lesson.number} is {copy}")
    if changed:
        anew = command("lesson", lesson.number, "--anew")
        say(f"The lesson has changed since you began. To open the new one, and keep yours beside it: {anew}")
    return run_jupyter(copy, args.jupyter, command("lesson", lesson.number))


def _check(lesson, args):
    with contextlib.redirect_stdout(sys.stderr if args.json else sys.stdout):  # what the learner's code prints
        verdicts = judge_file(lesson.number, args.check, args.seconds)
    checks = []
    for exercise, verdict in verdicts:
        check = {"exercise": exercise.id, "function": exercise.name, "state": verdict.state}
        check |= {"text": verdict.text, "mistake": verdict.wrong}
        if args.hint is not None and verdict.state not in (RIGHT, NOT_THERE):
            check["hint"] = exercise.hints[args.hint - 1]
        checks.append(check)
    ok = all(check["state"] in (RIGHT, NOT_THERE) for check in checks)
    return {"lesson": lesson.number, "file": args.check, "checks": checks, "ok": ok}


# ---------------------------------------------------------------------------------------------- for people


def show(result):
    if "lessons" in result:
        _show_lessons(result["lessons"])
    elif "book" in result:
        print_text(f"The first page is {result['book']}.")
    elif "checks" in result:
        _show_checks(result["checks"], result["lesson"])


def _show_lessons(found):
    rows = []
    for lesson in found:
        states = {exercise["exercise"].partition("-")[2]: exercise["state"] for exercise in lesson["exercises"]}
        passed = sum(state == RIGHT for state in states.values())
        tried = ", ".join(name for name, state in states.items() if state not in (None, RIGHT))
        times = f"{lesson['minutes']} min", f"{lesson['seconds']} s"
        rows.append((lesson["lesson"], lesson["title"], *times, f"{passed} of {len(states)}", tried))
    columns = 6 if any(row[5] for row in rows) else 5
    header = ("", "lesson", "you", "computer", "checks passed", "not yet right")
    print_table(header[:columns], [row[:columns] for row in rows], right=(2, 3, 4))
    unfinished = [lesson["lesson"] for lesson in found if any(e["state"] != RIGHT for e in lesson["exercises"])]
    print_text(f"\n{_what_next(unfinished)}")


def _what_next(unfinished):
    """The advice below the list. unfinished: numbers of lessons"""
    if not unfinished:
        return "Every check has passed."
    without = "--help explains how to do without"
    if text := missing():
        return f"{text}; {without}"
    return f"To open lesson {unfinished[0]} in Jupyter ({without}):\n  {command('lesson', unfinished[0])}"


def _show_checks(checks, number):
    for check in checks:
        text = f" ({check['text']})." if check["state"] == RIGHT else f". {check['text']}".rstrip()
        print_text(f"{check['exercise']}: {check['state']}{text}")
        if "hint" in check:
            print_text(f"Hint: {check['hint']}")
    if any(check["state"] not in (RIGHT, NOT_THERE) and "hint" not in check for check in checks):
        print_text("(For a hint, add --hint 1; then 2 and 3.)")
