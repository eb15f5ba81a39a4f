"""The budget of a training step of alexnet on 512 pictures on a GPU, as it is counted on the stand-in.

    python -m tests.gpu.budget             # print what it takes now
    python -m tests.gpu.budget --write     # and make that the upper bounds, in budget.txt, and the README's predictions

GB and launches are those besides matrix products and their operands. slow: MB read by reductions that CUB refuses (it
takes arrays in order, and their last axes) and CuPy gives to fewer blocks of threads than an H200 has processors.
"""

import math
import re
import sys
from pathlib import Path

from tinyalex.bench.predicted import MACHINES, counted_step, predict
from tinyalex.bench.setup import Setup

FILE = Path(__file__).with_suffix(".txt")
HEADER = ("part", "way", "GB", "launches", "slow")
PROCESSORS = 132
OUTSIDE = "data"  # it comes on top of the step that `tinyalex bench` times


def counted(model="alexnet", batch=512):
    """{(part, way): (GB, launches, slow MB)}, with ("total", "") of all but `OUTSIDE`."""
    rows = {}
    for part, operation in counted_step(model, True, batch).operations:
        if operation.product is None:
            for key in (part, ("total", "")) if part[0] != OUTSIDE else (part,):
                gb, launches, slow = rows.get(key, (0.0, 0, 0.0))
                more = operation.read / 1e6 if 0 < operation.blocks < PROCESSORS else 0
                rows[key] = gb + operation.bytes / 1e9, launches + operation.launches, slow + more
    rows["total", ""] = rows.pop(("total", ""))  # last
    return rows


def text(rows):
    """The rows as a table; GB and MB rounded up, so that it serves as bounds."""
    lines = [HEADER]
    for (part, way), (gb, launches, slow) in rows.items():
        lines.append((part, way or "-", f"{_up(gb, 100):.2f}", str(launches), f"{_up(slow, 10):.1f}"))
    return "".join("{:8} {:9} {:>8} {:>9} {:>8}".format(*line) + "\n" for line in lines)


def bounds():
    """What `counted` may give at most, from the file."""
    lines = [line.split() for line in FILE.read_text(encoding="utf-8").splitlines()[1:]]
    return {(part, way.strip("-")): (float(gb), int(n), float(slow)) for part, way, gb, n, slow in lines}


# ---------------------------------------------------------------------------------------------- the README's table

README = Path(__file__).parents[2] / "README.md"
TABLE = re.compile(r"(?<=\n)\| predicted, not measured \|.*?\n(?=\n)", re.DOTALL)
STEPS = (("alexnet", 512), ("resnet18", 128))


def predictions():
    """The table of images/s, with TF32 where a GPU has it."""
    lines = [("predicted, not measured", "GB", "launches", *(f"images/s, {m.name}" for m in MACHINES.values()))]
    lines.append(("---",) * len(lines[0]))
    for model, batch in STEPS:
        rows = [predict(Setup(model, True, batch, 1, "gpu", bool(m.tf32_tflops)), m) for m in MACHINES.values()]
        speeds = (f"{float(format(row['images_per_s'], '.2g')):,.0f}" for row in rows)
        lines.append((f"`{model}`, batch {batch}", f"{rows[0]['gb']:.0f}", f"{rows[0]['launches']:,}", *speeds))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def in_the_readme():
    """{model: (GB, launches, images/s, …)} as the README says."""
    rows = TABLE.search(README.read_text(encoding="utf-8"))[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    return {re.search("`(.+)`", name)[1]: tuple(float(n.replace(",", "")) for n in numbers) for name, *numbers in cells}


def _up(number, parts):
    return math.ceil(number * parts - 1e-6) / parts


if __name__ == "__main__":
    table = text(counted())
    print(table, end="")
    if sys.argv[1:] == ["--write"]:
        FILE.write_text(table, encoding="utf-8")
        README.write_text(TABLE.sub(predictions(), README.read_text(encoding="utf-8")), encoding="utf-8")
