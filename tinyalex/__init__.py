"""AlexNet from nothing but arrays: every layer, forward and backward, on NumPy and on CuPy.

    from tinyalex import load, open_dataset, train

    classifier = train("builtin", model="alexnet-mini", epochs=10, out="runs/mine")
    classifier.evaluate()
    load("runs/mine").predict(open_dataset("builtin").val.gather([0, 1]))  # or "cat.jpg"

Nothing is imported before it is used, so that every command starts at once.
"""

import sys
from importlib import import_module
from typing import Any

if sys.version_info < (3, 11):  # noqa: UP036 (older Pythons run this file, and have no tomllib)
    sys.stderr.write(f"tinyalex: found Python {sys.version_info[0]}.{sys.version_info[1]}, expected 3.11 or newer\n")
    sys.exit(2)

__version__ = "0.2.0"

FACE = {  # what `from tinyalex import …` finds, and the module that has it
    "Classifier": "tinyalex.classifier",
    "UserError": "tinyalex.errors",
    "import_network": "tinyalex.library",
    "load": "tinyalex.library",
    "open_dataset": "tinyalex.library",
    "resume": "tinyalex.library",
    "train": "tinyalex.library",
}
__all__ = list(FACE)


def __getattr__(name: str) -> Any:
    if name not in FACE:
        raise AttributeError(f"module 'tinyalex' has no attribute {name!r}; expected one of {', '.join(FACE)}")
    value = globals()[name] = getattr(import_module(FACE[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *FACE})
