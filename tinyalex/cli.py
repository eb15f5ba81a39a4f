"""The command line: a thin skin.

Exit code 0: done; 2: a mistake in what was asked, in one line; 130: stopped with Ctrl-C; 1: a fault of ours.
"""

import argparse
import importlib
import json
import os
import re
import sys

import tinyalex
from tinyalex.commands import COMMANDS, about
from tinyalex.errors import UserError, did_you_mean
from tinyalex.terminal import hush_runaway_numbers

INTERRUPTED = 130  # what shells expect after Ctrl-C


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake is one line, with the nearest word that would have been right."""

    def __init__(self, **kwargs):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **kwargs)

    def error(self, message):
        raise UserError(f"{message}{self._nearest(message)}; see {self.prog} --help")

    def _nearest(self, message):
        known = list(self._option_string_actions)
        for action in self._actions:
            if action.choices is not None and not action.option_strings:
                known += list(action.choices)
        for word in re.findall(r"[\w-]+", message):
            if word in known:  # the option that the message is about; its value is what is wrong
                return ""
            if near := did_you_mean(word, known, cutoff=0.7):
                return near
        return ""


def build_parser(chosen):
    """The parser of all commands; only the chosen one's module is imported, so that every command starts at once."""
    parser = Parser(
        prog="tinyalex",
        description="AlexNet from nothing but arrays: prepare pictures, train, evaluate, look inside.",
        epilog="first steps:\n  tinyalex train                 learn the built-in pictures, in minutes\n"
        "  tinyalex gradcheck             hold every gradient against a numerical one\n"
        "  tinyalex summary alexnet       the paper's network, layer by layer",
    )
    parser.add_argument("--version", action="version", version=f"tinyalex {tinyalex.__version__}")
    choices = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for name in COMMANDS:
        if name != chosen:
            choices.add_parser(name, help=about(name))
            continue
        module = importlib.import_module(f"tinyalex.commands.{name}")
        examples = "examples:\n" + "\n".join(f"  {line}" for line in module.EXAMPLES)
        command = choices.add_parser(name, help=about(name), description=module.DESCRIPTION, epilog=examples)
        module.add_arguments(command)
        command.add_argument("--json", action="store_true", help="print one JSON object on stdout, nothing else")
        command.set_defaults(module=module)
    return parser


def main(arguments=None):
    """Run one command; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    hush_runaway_numbers()
    args = None
    try:
        args = _parse(arguments)
        result = args.module.run(args)
        if args.json:
            print(json.dumps(result, ensure_ascii=False, default=str))
        else:
            args.module.show(result)
        sys.stdout.flush()
        return 0 if result.get("ok", True) else 1
    except UserError as error:
        print(f"tinyalex: {' '.join(_message(error, args).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print(f"tinyalex: {str(error) or 'interrupted'}", file=sys.stderr)
        return INTERRUPTED
    except MemoryError as error:
        print(f"tinyalex: not enough memory for this: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def spelled(parser, name):
    """An argument's name as the person at the keyboard writes it: --lr, or RUN for one without an option; else as it is."""
    for action in parser._actions:
        if action.dest == name:
            return action.option_strings[-1] if action.option_strings else action.metavar or name.upper()
    return name


def _message(error, args):
    """The words of a `UserError`; an argument of this command is spelled as its option."""
    if not error.argument or args is None:
        return str(error)
    return f"{spelled(_parser_of(build_parser(args.command), args.command), error.argument)}: {error.args[0]}"


def _parser_of(parser, command):
    """The parser of one command."""
    return next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction)).choices[command]


def _parse(arguments):
    """The parsed arguments; unknown options are reported by the command's own parser, which knows its near words."""
    chosen = next((word for word in arguments if word in COMMANDS), None)
    parser = build_parser(chosen)
    args, unknown = parser.parse_known_args(arguments)
    own = _parser_of(parser, args.command)
    if unknown:
        own.error(f"unknown argument {unknown[0]!r}")
    for name, value in vars(args).items():  # an unset shell variable, most often
        if value == "" or isinstance(value, list) and "" in value:
            raise UserError(f"{spelled(own, name)}: is empty")
    return args
