"""The command line: a thin skin.

Exit codes: 0, done; 2, a mistake in what was asked, in one line; 130, stopped with Ctrl-C (143 with SIGTERM, 129 with
SIGHUP); 1, a bug in tinyalex.
"""

import argparse
import importlib
import json
import re
import sys

import tinyalex
from tinyalex import signals
from tinyalex.commands import COMMANDS, about
from tinyalex.commands.help import Help, usage
from tinyalex.errors import LARGEST, UserError, did_you_mean
from tinyalex.files import as_user_error
from tinyalex.lines import command
from tinyalex.streams import ReaderLeft, check_stdout, encodes, onto_stdout, usable_streams
from tinyalex.terminal import hush_runaway_numbers, message, say

FIRST_STEPS = """\
first steps:
  # learn the built-in pictures, in minutes
  tinyalex train
  # or begin with the lessons, and write the network yourself
  tinyalex lesson
  # every command explains itself
  tinyalex train --help"""

SAVED = {  # entries of a result that say where it was written
    "run": "the run",
    "out": "everything",
    "table": "the table",
    "chart": "the chart",
    "card": "the card",
    "picture": "the picture",
    "page": "the page",
    "book": "the book",
    "path": "the data",
}


class Parser(argparse.ArgumentParser):
    """argparse, but an error is one line, with the nearest word that is right."""

    def __init__(self, **kwargs):
        super().__init__(formatter_class=Help, allow_abbrev=False, **kwargs)
        self._positionals.title = "arguments"
        self.register("type", int, _whole_number)
        self.register("type", float, _number)

    def error(self, message):
        raise UserError(f"{message}{self._nearest(message)}; see {self.prog} --help")

    def _print_message(self, message, file=None):  # argparse's own says nothing when it cannot write
        if message:
            (file or sys.stderr).write(message)

    def _nearest(self, message):
        known = list(self._option_string_actions)
        for action in self._actions:
            if action.choices is not None and not action.option_strings:
                known += list(action.choices)
        for word in re.findall(r"[\w-]+", message):
            if word in known:  # the option of the message: its value is wrong, not its name
                return ""
            if near := did_you_mean(word, known, cutoff=0.7):
                return near
        return ""


def _whole_number(text):
    """The value of an option of type int."""
    number = _parsed(int, text, "a whole number, in digits only")
    if abs(number) > LARGEST:
        raise argparse.ArgumentTypeError(f"found {text}, expected at most {LARGEST:,}")
    return number


def _number(text):
    """The value of an option of type float."""
    return _parsed(float, text, "a number")


def _parsed(kind, text, expected):
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected {expected}") from None


def build_parser(chosen):
    """The parser of all commands. Only the chosen command's module is imported, so every command starts quickly."""
    parser = Parser(
        prog="tinyalex",
        description="AlexNet from nothing but arrays: prepare pictures, train, evaluate, look inside.",
        epilog=FIRST_STEPS,
    )
    parser.add_argument("--version", action="version", version=f"tinyalex {tinyalex.__version__}")
    choices = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True, parser_class=Parser
    )
    parser.usage = usage(parser)
    for name in COMMANDS:
        if name != chosen:
            choices.add_parser(name, help=about(name))
            continue
        with signals.postponed():
            module = importlib.import_module(f"tinyalex.commands.{name}")
        examples = "examples:\n" + "\n".join(f"  {line}" for line in module.EXAMPLES)
        command = choices.add_parser(name, help=about(name), description=module.DESCRIPTION, epilog=examples)
        module.add_arguments(command)
        command.add_argument(
            "--json", action="store_true", help="print one JSON object on stdout, and progress on stderr"
        )
        command.set_defaults(module=module)
        command.usage = usage(command)
    return parser


def main(arguments=None):
    """Run one command; return the exit code."""
    with usable_streams():
        return _main(sys.argv[1:] if arguments is None else arguments)


def _main(arguments):
    hush_runaway_numbers()
    args = None
    try:
        check_stdout()
        with signals.interrupting():
            with onto_stdout():  # --help prints here
                args = _parse(arguments)
            result = args.module.run(args)
        try:
            with onto_stdout():
                _show(result, args)
        except (ReaderLeft, UserError) as error:
            _tell_what_is_kept(result, error, args)
            return _code(result) if isinstance(error, ReaderLeft) else 2
        return _code(result)
    except UserError as error:
        say(f"tinyalex: {message(error, args)}")
        return 2
    except KeyboardInterrupt as error:
        say(f"tinyalex: {str(error) or 'interrupted'}")
        return signals.exit_code()
    except MemoryError as error:
        say(f"tinyalex: not enough memory for this: {error}")
        return 2
    except OSError as error:
        if (told := as_user_error(error)) is None:
            raise
        say(f"tinyalex: {message(told, args)}")
        return 2
    except ReaderLeft:
        return 0


def _show(result, args):
    """Print a result, for people or as JSON. Where the encoding lacks a character, the JSON has an escape for it."""
    if not args.json:
        return args.module.show(result)
    text = json.dumps(result, ensure_ascii=False, default=str)
    print(text if encodes(text) else json.dumps(result, default=str))


def _code(result):
    """The exit code of a command that did its work: 1 if what it checked is not right."""
    return 0 if result.get("ok", True) else 1


def _tell_what_is_kept(result, error, args):
    """One line on stderr if stdout took no result: why, what was written all the same, and what to do with a run.

    Only `train` saves the run that its result names.
    """
    saved = {key: what for key, what in SAVED.items() if key != "run" or args.command == "train"}
    kept = [f"{what} is saved in {result[key]}" for key, what in saved.items() if result.get(key)]
    if "run" in result and "run" in saved:
        kept.append(f"go on with: {command('evaluate', result['run'])}")
    why = "" if isinstance(error, ReaderLeft) else str(error)  # of a reader that left, there is nothing to complain
    if why or kept:
        say(f"tinyalex: {'; '.join([*filter(None, [why]), *kept])}")


def _cut(arguments, chosen):
    """The arguments before "--", and {name: those after it} if the command passes them on to another program."""
    name = chosen and getattr(importlib.import_module(f"tinyalex.commands.{chosen}"), "AFTER_DASHES", None)
    if not name:
        return arguments, {}
    place = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:place], {name: arguments[place + 1 :]}


def _taken_by_the_list(command, args, unknown):
    """Give words behind an option, which argparse leaves, to an argument that takes several; the rest is returned.

    Arguments that come after it, as the folder that `prepare` writes, take the last words.
    """
    positionals = [a for a in command._actions if not a.option_strings]
    several = next((a for a in positionals if a.nargs in ("*", "+")), None)
    if not unknown or several is None or any(word.startswith("-") for word in unknown):
        return unknown
    last = positionals[positionals.index(several) + 1 :]
    first = getattr(args, several.dest)
    words = [] if first is several.default else first
    words = [*words, *(getattr(args, a.dest) for a in last), *unknown]
    for action in reversed(last):
        setattr(args, action.dest, words.pop())
    setattr(args, several.dest, words)
    return []


def _parse(arguments):
    """The parsed arguments. The command's own parser reports an unknown option, since it knows similar ones."""
    chosen = next((word for word in arguments if word in COMMANDS), None)
    parser = build_parser(chosen)
    if nul := next((word for word in arguments if "\0" in word), None):
        raise UserError(f"found {nul!r}, expected an argument without a NUL character")
    arguments, passed_on = _cut(arguments, chosen)
    args, unknown = parser.parse_known_args(arguments)
    choices = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    command = choices.choices[args.command]
    unknown = _taken_by_the_list(command, args, unknown)
    if unknown:
        command.error(f"unknown argument {unknown[0]!r}")
    args.spelling = {a.dest: a.option_strings[-1] if a.option_strings else a.metavar for a in command._actions}
    for name, value in vars(args).items():
        if value == "" or isinstance(value, list) and "" in value:  # most often an unset shell variable
            raise UserError(f"{args.spelling[name]}: is empty")
    vars(args).update(passed_on)
    return args
