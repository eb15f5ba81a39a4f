"""The table of several claims, and what a later run keeps of it."""

import json

import pytest

from tests.experiments.test_experiment_command import arguments, data  # noqa: F401 (fixture)
from tests.test_cli import call, json_of
from tests.test_documents import ROOT
from tinyalex.commands import experiment as command
from tinyalex.experiments import report, table
from tinyalex.experiments.claims import CLAIMS

OURS = ROOT / "lessons" / "claims.md"
CONTRAST = {
    "what": "top-1 error",
    "unit": "points",
    "paper": None,
    "direction": -1,
    "a": {"label": "with", "values": [0.2, None]},
    "b": {"label": "without", "values": [0.3, 0.4]},
    "effects": [-10.0, None],
    "effect": -10.0,
    "low": None,
    "high": None,
    "verdict": report.NULL,
}


def result(id="C1", **changes):
    shared = {
        "title": "t",
        "scale": "quick",
        "classes": ["a", "b", "c"],
        "model": "m",
        "data": "d",
        "device": "CPU",
        "command": "tinyalex a",
    }
    shared |= {"seeds": 3, "pictures_a_run": 24, "versions": {"tinyalex": "1", "numpy": "2"}, "diverged": 0}
    return {"id": id} | shared | {"verdict": report.NULL, "contrasts": [CONTRAST]} | changes


def test_the_page_counts_every_verdict():
    """Including that of a question, for which the paper claims no direction."""
    verdicts = ("opposite", "more with the text", report.NULL, "opposite")
    results = [result(verdict=verdict) for verdict in verdicts]
    counts = f"0 reproduced; 2 opposite; 1 {report.NULL}; 1 more with the text."
    assert f"Judged by their first rows, the 4 claims are: {counts}" in table.page(results)


def test_the_page_says_how_each_claim_was_run():
    results = [
        result("C1"),
        result("C3"),
        result("C16", model="n", data="e", classes=["f"] * 21, command="tinyalex b", seeds=5),
    ]
    words = table.page(results)
    assert "```sh\ntinyalex a\ntinyalex b\n```\n\non d, 3 classes (a, b, c); e, 21 classes:" in words
    assert (
        "* C1, C3: m on d; 3 seeds of each arm, about 24 pictures per run or fewer, CPU, NumPy 2\n* C16: n on e; 5 s"
        in words
    )


def test_a_table_keeps_the_claims_that_were_not_run_again(tmp_path):
    """Those on other data too: each row is judged by itself, and the page says on what it was run."""
    path = tmp_path / "t.md"
    assert table.earlier(path) == []
    first = [result("C17"), result("C3"), result("C5", data="e"), result("C6", scale="full")]
    table.write_table(path, first)
    in_order = sorted(first, key=lambda one: int(one["id"][1:]))
    assert table.earlier(path) == in_order and path.read_text() == table.page(in_order)


def test_a_table_of_an_earlier_version_can_be_added_to(tmp_path):
    """It has neither the classes nor what was foreseen."""
    old = result()
    del old["classes"]
    table.write_table(tmp_path / "t.md", [old])
    assert table.earlier(tmp_path / "t.md") == [old] and "\n\non d:\n" in (tmp_path / "t.md").read_text()


def test_what_was_foreseen_stands_once_for_claims_run_alike():
    page = table.page([result(foreseen="5.4 points."), result("C3", foreseen="5.4 points."), result("C4")])
    (line,) = (line for line in page.splitlines() if "Foreseen" in line)
    assert line.startswith("* C1, C3: ") and line.endswith(". Foreseen: 5.4 points.") and "\n* C4: " in page
    assert "Foreseen" not in table.page([result(), result("C3", foreseen="")])


def test_the_command_adds_to_a_table(data, tmp_path, capsys):  # noqa: F811
    path = tmp_path / "t.md"
    once = json_of(capsys, *arguments(data, tmp_path / "out", "C5"), "--table", path)["results"]
    again = json_of(capsys, *arguments(data, tmp_path / "out", "C6"), "--table", path)["results"]
    assert [one["id"] for one in again] == ["C6"]
    assert json.loads(path.with_suffix(".json").read_text()) == once + again
    rows = [line.split("|")[1].strip() for line in path.read_text().splitlines() if line.startswith("| C")]
    assert rows == ["C5", "C6"]
    anew = json_of(capsys, *arguments(data, tmp_path / "out", "C5"), "--table", path)["results"]
    assert json.loads(path.with_suffix(".json").read_text()) == anew + again, "replaced, not added twice"


def test_what_another_command_added_meanwhile_stays(data, tmp_path, capsys, monkeypatch):  # noqa: F811
    path, train = tmp_path / "t.md", command._train

    def meanwhile(*arguments):
        train(*arguments)
        table.write_table(path, [result("C3")])

    monkeypatch.setattr(command, "_train", meanwhile)
    json_of(capsys, *arguments(data, tmp_path / "out", "C6"), "--table", path)
    assert [one["id"] for one in json.loads(path.with_suffix(".json").read_text())] == ["C3", "C6"]


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"seeds": "3"}, "[0].seeds: found"),
        ({"contrasts": []}, "[0].contrasts: found"),
        ({"id": "C99"}, "[0].id: found"),
        ({"contrasts": [{"what": "x"}]}, "[0].contrasts[0]"),
    ],
)
def test_a_damaged_table_is_refused_before_training(changes, words, data, tmp_path, capsys):  # noqa: F811
    (tmp_path / "t.json").write_text(json.dumps([result() | changes]))
    code, out, err = call(capsys, *arguments(data, tmp_path / "out", "C6"), "--table", tmp_path / "t.md")
    assert code == 2 and out == "" and err.count("\n") == 1 and "t.json" in err and words in err, err
    assert not (tmp_path / "out" / "runs").exists()


def test_our_own_table_can_be_added_to():
    """And its page is what the command would print."""
    results = json.loads(OURS.with_suffix(".json").read_text(encoding="utf-8"))
    assert [one["id"] for one in results] == list(CLAIMS)
    assert table.earlier(OURS) == results
    body = OURS.read_text(encoding="utf-8")
    assert body.endswith(table.page(results).partition("\n\non ")[2])
