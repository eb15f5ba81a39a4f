"""Wrong answers as learners write them, one file per lesson."""

import runpy
from pathlib import Path


def mutants(number):
    """The mutants of a lesson such as "09": [(exercise, id of the mistake or None, function)]."""
    return runpy.run_path(str(Path(__file__).parent / f"{number}.py"))["MUTANTS"]
