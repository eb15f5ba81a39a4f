"""README's speeds are those that the kept runs of the benchmark printed: tests/speed/*.json."""

import json
from pathlib import Path

import pytest

from tinyalex.bench.merged import LEAST, merge
from tinyalex.bench.turns import WORKS

ROOT = Path(__file__).resolve().parents[1]
RUNS = sorted((ROOT / "tests" / "speed").glob("*.json"))


def rows():
    """Of several runs merged, of one as it is."""
    return (merge(RUNS) if len(RUNS) >= LEAST else json.loads(RUNS[-1].read_text(encoding="utf-8")))["results"]


def cells(row):
    """The row's cells in README: images/s and the ratio to PyTorch's fastest side, for each kind of work."""
    for work in WORKS:
        rate = row[f"{work}_images_per_s"]
        low, high = row[f"{work}_ratio_low"], row[f"{work}_ratio_high"]
        yield f"{rate:,.1f}" if rate < 100 else f"{rate:,.0f}"
        yield f"{row[f'{work}_ratio']:.2f} × ({low:.2f}–{high:.2f})"


def test_the_readme_quotes_what_was_printed_on_one_core():
    (run,) = (ROOT / "tests" / "speed" / "one-core").glob("*.json")
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    for work, words in zip(WORKS, ("training", "inference", "one picture")):
        ratios = [
            f"{row[f'{work}_ratio']:.2f} ({row[f'{work}_ratio_low']:.2f}–{row[f'{work}_ratio_high']:.2f})"
            for row in json.loads(run.read_text(encoding="utf-8"))["results"]
        ]
        assert f"{words} {', '.join(ratios[:-1])} and {ratios[-1]}" in readme


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['model']}{'' if row['lrn'] else ' without LRN'}")
def test_the_readme_quotes_what_was_printed(row):
    name = f"`{row['model']}`{'' if row['lrn'] else ' without LRN'}, batch {row['batch']}"
    assert f"| {' | '.join([name, *cells(row)])} |" in (ROOT / "README.md").read_text(encoding="utf-8")
