"""More than two networks: each against the first as if alone, and p-values that know of each other."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.experiments.test_compare import info, runs  # noqa: F401 (a fixture)
from tests.test_cli import call, json_of
from tests.training.test_training import tree
from tinyalex.cli import main
from tinyalex.experiments.comparison import differences
from tinyalex.experiments.several import MOST, reading, settings
from tinyalex.plots import compared_curves, plt
from tinyalex.statistics import holm

NAMES = ("first", "reseeded", "plain", "green")


@pytest.fixture(scope="module")
def result(runs, tmp_path_factory):  # noqa: F811
    out = tmp_path_factory.mktemp("reports") / "new"
    paths = [str(runs[name]) for name in NAMES]
    assert main(["compare", *paths, "--data", str(runs["data"]), "--out", str(out)]) == 0
    return json.loads((out / "compare.json").read_text())


@pytest.mark.parametrize("name, letter", [("reseeded", "B"), ("plain", "C"), ("green", "D")])
def test_each_comparison_is_that_of_two(runs, result, capsys, name, letter):  # noqa: F811
    (found,) = [one for one in result["comparisons"] if one["name"] == letter]
    alone = json_of(capsys, "compare", runs["first"], runs[name], "--data", runs["data"])
    change = {key: dict(values) for key, values in found["change"].items()}
    del change["top1_error"]["p_corrected"]
    assert change == alone["change"]
    assert (found["differences"], found["cause"]) == (alone["differences"], alone["cause"])
    (own,) = [one for one in result["runs"] if one["name"] == letter]
    assert own == {"name": letter} | alone["b"] and result["runs"][0] == {"name": "A"} | alone["a"]
    assert result["images"] == alone["images"] == 30


def test_p_is_corrected(result):
    errors = [one["change"]["top1_error"] for one in result["comparisons"]]
    assert [found["p_corrected"] for found in errors] == holm([found["p"] for found in errors])
    for one, found in zip(result["comparisons"], errors):
        assert one["resolved"] == ((found["low"] > 0 or found["high"] < 0) and found["p_corrected"] < 0.05)


def test_notes_name_the_right_run(runs, tmp_path, capsys):  # noqa: F811
    shutil.copytree(runs["first"], tmp_path / "run", ignore=shutil.ignore_patterns("result.json"))
    found = json_of(capsys, "compare", runs["first"], runs["reseeded"], tmp_path / "run")
    assert [note[:1] for note in found["notes"] if "its end" in note] == ["C"]
    found = json_of(capsys, "compare", tmp_path / "run", runs["reseeded"], runs["first"])
    assert [note[:1] for note in found["notes"] if "its end" in note] == ["A"], "said once"


def test_what_is_shown(runs, result, capsys):  # noqa: F811
    code, out, _ = call(capsys, "compare", *(runs[name] for name in NAMES), "--data", runs["data"])
    rows = {line.split("  ")[0]: line for line in out.splitlines()}
    assert code == 0 and rows["lr"].split() == ["lr", "0.01", "0.01", "0.02", "0.01"]
    assert rows["seed"].split() == ["seed", "0", "1", "0", "0"] and rows["+no-lrn"].split()[1:] == [
        *"no no yes no".split()
    ]
    assert " ".join(result["reading"].split()) in " ".join(out.split())
    assert "McNemar's p is corrected for these 3 comparisons (Holm)" in " ".join(out.split())
    assert "B: Only the seed differs" in out
    assert rows[next(row for row in rows if "centre crop" in row)].endswith("compared with A (McNemar's test)")


def test_what_continues_a_letters_line_hangs(runs, terminal, capsys):  # noqa: F811
    terminal(30)
    out = call(capsys, "compare", *(runs[name] for name in NAMES), "--data", runs["data"])[1]
    heads = out[: out.index("what")].strip().splitlines()
    assert all(re.match(r"   |[A-D]($|: |  )|$", line) for line in heads), heads


def test_out(result):
    out = Path(result["out"])
    assert tree(out).keys() == {"compare.json", "compare.md", "compare.png"}
    page = (out / "compare.md").read_text()
    assert (
        "# 4 networks compared" in page and result["reading"] in page and "| lr | 0.01 | 0.01 | 0.02 | 0.01 |" in page
    )


def against(name, difference, resolved):
    return {"name": name, "resolved": resolved, "change": {"top1_error": {"difference": difference}}}


@pytest.mark.parametrize(
    "comparisons, words, not_said",
    [
        (
            [("B", -0.1, True), ("C", -0.2, True)],
            "B (by 10.00 percentage points) and C (by 20.00 percentage points) are wrong less often than A.",
            "resolve",
        ),
        (
            [("B", 0.1, True), ("C", -0.2, False)],
            "B (by 10.00 percentage points) is wrong more often than A; these pictures resolve no difference "
            "between A and C.",
            "less",
        ),
        (
            [("B", 0.1, False), ("C", 0.0, False), ("D", 0, False)],
            "These pictures resolve no difference between A and B, nor between A and C, nor between A and D. Each was "
            "compared with A alone, not with the others.",
            "often",
        ),
    ],
)
def test_reading(comparisons, words, not_said):
    text = reading([against(*one) for one in comparisons])
    assert text.startswith(words) and not_said not in text and f"{len(comparisons)} comparisons" in text


def test_settings_of_all():
    """A run that has what A has shows A's value, although it is no difference there."""

    def row(what, a, b):
        return {"what": what, "a": a, "b": b, "counts": True}

    comparisons = [{"differences": [row("lr", 1, 2)]}, {"differences": [row("seed", 0, None), row("lr", 1, 3)]}]
    assert settings([*comparisons, {"differences": []}]) == [("lr", 1, 2, 3, 1), ("seed", 0, 0, None, 0)]


def test_what_a_row_decides_is_said_of_every_run():
    """Also of one that differs from A in other things only."""
    a, *others = (info(f"alexnet-mini{plus}") for plus in ("+dropout-40", "", "+no-dropout+bn", "+dropout-40+bn"))
    rows = settings([{"differences": differences(a, b)} for b in others])
    assert rows == [("dropout", "+dropout-40", "", "+no-dropout", "+dropout-40"), ("+bn", False, False, True, True)]


def test_curves_of_many_differ():
    histories = [[{"epoch": 1, "train_top1_error": e, "val_top1_error": e}] for e in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)]
    figure = compared_curves(histories, list("ABCDEF"))
    looks = {(str(line.get_color()), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(looks) == 6 and len(figure.axes[1].lines) == 6
    plt.close(figure)


def test_too_many_and_one_missing(runs, capsys):  # noqa: F811
    code, _, err = call(capsys, "compare", *[runs["first"]] * (MOST + 1))
    assert code == 2 and f"found {MOST + 1}, expected at most {MOST}" in err and err.count("\n") == 1
    code, _, err = call(capsys, "compare", runs["first"], runs["plain"], "nowhere")
    assert code == 2 and err.startswith("tinyalex: nowhere: not found")
