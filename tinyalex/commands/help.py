"""argparse's --help, folded like everything else, with one short line of usage."""

import argparse
import sys

from tinyalex.lines import MOST_WIDTH, WIDE_ENOUGH, columns, command_lines, folded

USAGE = {"?": "[{0}]", "*": "[{0} ...]", "+": "{0} [{0} ...]", argparse.PARSER: "{0} ..."}  # by `nargs`


class Help(argparse.HelpFormatter):
    """Prose in lines of the terminal's width, or 80 columns without one. Indented lines are commands, or # comments."""

    def __init__(self, prog):
        super().__init__(prog, width=min(columns(sys.stdout) or WIDE_ENOUGH, MOST_WIDTH))

    def _fill_text(self, text, width, indent):
        lines = []
        for line in text.split("\n"):
            is_command = line.startswith("  ") and not line.startswith("  #")
            lines += (command_lines if is_command else folded)(line, width)
        return "\n".join(lines)

    def _split_lines(self, text, width):
        return folded(text, width)

    def _format_action(self, action):
        if isinstance(action, argparse._SubParsersAction):  # the commands themselves, without a line above them
            return "".join(map(super()._format_action, action._get_subactions()))
        return super()._format_action(action)


def usage(parser):
    """The usage of a parser: its arguments. All its options are listed below anyway."""
    parts = [parser.prog, "[options]"]
    for action in parser._actions:
        if not action.option_strings:
            number = action.nargs if isinstance(action.nargs, int) else 1
            parts += [USAGE.get(action.nargs, "{0}").format(action.metavar)] * number
    return " ".join(parts)
