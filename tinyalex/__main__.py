"""Where the program begins: `python -m tinyalex` and the command `tinyalex`."""

import sys

from tinyalex import signals


def run():
    """Run the command line; return the exit code. Ctrl-C is one line even while the libraries are being imported."""
    try:
        with signals.interrupting():
            with signals.postponed():
                from tinyalex.cli import main
            return main()
    except KeyboardInterrupt:
        sys.stderr.write("tinyalex: interrupted\n")
        return signals.exit_code()


if __name__ == "__main__":
    sys.exit(run())
