"""One file per command: `DESCRIPTION`, `EXAMPLES`, `add_arguments(parser)`, `run(args)` → a dict, `show(result)`.

The first line of a file, "`tinyalex NAME`: …", is what `tinyalex --help` says about it.
"""

from functools import cache
from pathlib import Path

COMMANDS = (  # in the order of --help
    *("lesson", "train", "doctor", "runs", "evaluate", "calibrate", "robustness", "compare", "predict", "experiment"),
    *("inspect", "features", "probe", "serve", "report", "trace"),
    *("prepare", "download", "import", "export", "summary", "recipes", "diff", "gradcheck", "bench", "scale"),
)


@cache
def about(name: str) -> str:
    """One line about a command, read without importing it, so that every command starts at once."""
    with open(Path(__file__).parent / f"{name}.py", encoding="utf-8") as file:
        return file.readline().partition("`: ")[2].strip().removesuffix('"""').removesuffix(".")
