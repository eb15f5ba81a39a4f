"""Several runs of the benchmark as one table: the lowest median of each figure, and the range of all rounds."""

import json

import pytest

from tests.test_bench import scripted
from tinyalex.bench import figures
from tinyalex.bench.merged import merge
from tinyalex.bench.setup import Setup
from tinyalex.bench.turns import CHANNELS_LAST, COMPILED
from tinyalex.cli import main
from tinyalex.errors import UserError
from tinyalex.lines import text_width

MACHINE = {"cpu": "a processor", "threads": 2, "gpu": None, "blas": "openblas", "numpy": "2.4.0", "cupy": None}
ONE = "torch_one_sides", "torch_one_fastest", "one_ratio", "one_ratio_low", "one_ratio_high"
MACHINE |= {"torch": "2.13.0", "system": "Linux"}


def a_run(hour, factor=1.0, **changes):
    """What `bench --json` prints of two rows, with every rate and ratio multiplied."""
    row = figures.row(Setup("alexnet-small", True, 4, 2), (1e9, 3e9), scripted()[0])
    row = multiplied(row, factor) | changes
    machine = MACHINE | {key: changes[key] for key in changes if key in MACHINE and key != "threads"}
    results = [row, row | {"lrn": not row["lrn"]}]
    return {"began": f"2026-11-30 {hour:02}:00:00 UTC", "machine": machine, "results": results}


def multiplied(figures, factor):
    """The same with every rate and ratio multiplied, also inside."""
    kept = {}
    for key, value in figures.items():
        if isinstance(value, dict):
            value = multiplied(value, factor)
        elif isinstance(value, float) and ("images_per_s" in key or "ratio" in key):
            value *= factor
        kept[key] = value
    return kept


def without_torch(run):
    def less(row):
        return row | {key: None for key in row if "torch" in key or "ratio" in key}

    machine = run["machine"] | {"torch": None}
    return run | {"machine": machine, "results": [less(row) for row in run["results"]]}


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """saved(runs): the names of files with them."""
    monkeypatch.chdir(tmp_path)

    def files(*runs):
        for number, run in enumerate(runs, 1):
            (tmp_path / f"run{number}.json").write_text(json.dumps(run))
        return [f"run{number}.json" for number in range(1, len(runs) + 1)]

    return files


def test_the_lowest_median_and_the_range_of_all(saved):
    """By hand: our training had 2 images/s (1–4), at a ratio of 2 (2–3); the runs have 1, 3 and 0.75 times that."""
    slower = a_run(15, 0.75, torch_one_fastest=CHANNELS_LAST, train_gflops=1.0)
    result = merge(saved(a_run(9), a_run(21, 3.0), slower))
    assert result["runs"] == [f"2026-11-30 {hour}:00:00 UTC" for hour in ("09", "15", "21")]
    row = result["results"][0]
    assert [row[f"train_images_per_s{end}"] for end in ("", "_low", "_high")] == [1.5, 0.75, 12.0]
    assert [row[f"train_ratio{end}"] for end in ("", "_low", "_high")] == [1.5, 1.5, 9.0]
    rate = row["torch_infer_sides"][COMPILED]
    assert [rate[f"images_per_s{end}"] for end in ("", "_low", "_high")] == [0.75, 0.75, 3.0]
    assert row["torch_one_fastest"] == "torch.compile or channels_last" and row["torch_train_fastest"] == CHANNELS_LAST
    assert row["train_gflops"] == 1.0 and row["fraction_of_sgemm"] == 0.3
    assert [row["lrn"] for row in result["results"]] == [True, False] and row["batch"] == 4
    assert result["machine"] == MACHINE


def test_without_pytorch(saved, capsys):
    files = saved(*(without_torch(a_run(hour)) for hour in (9, 12, 15)))
    row = merge(files)["results"][0]
    assert row["train_images_per_s"] == 2.0 and row["torch_train_sides"] is row["train_ratio"] is None
    assert main(["bench", "--merge", *files]) == 0
    out = capsys.readouterr().out
    assert "alexnet-small × 4" in out and "ratio  " not in out and "torch.compile" not in out


@pytest.mark.parametrize("width", (60, 80))
def test_the_table_is_printed(width, saved, terminal, capsys):
    files = saved(a_run(9), a_run(21, 3.0), a_run(15, 0.75))
    terminal(width)
    assert main(["bench", "--merge", *files]) == 0
    out = capsys.readouterr().out
    words = " ".join(out.split())
    for wanted in (
        "a processor, 2 threads",
        "PyTorch 2.13.0",
        "1.5 (0.75–12)",
        "1.50 (1.50–9.00)",
        "alexnet-small × 1",
    ):
        assert wanted in words
    assert (
        "medians of 3 runs" in words and "2026-11-30 09:00:00 UTC, 2026-11-30 15:00:00 UTC, 2026-11-30 21:00" in words
    )
    assert max(map(text_width, out.splitlines())) <= width


def test_as_json(saved, capsys):
    files = saved(a_run(9), a_run(21), a_run(15))
    assert main(["bench", "--json", "--merge", *files]) == 0
    assert json.loads(capsys.readouterr().out) == merge(files)


def test_runs_that_are_no_three_runs_of_one_thing(saved):
    first, second, third = (a_run(hour) for hour in (9, 12, 15))
    cases = [
        ([first, second], "merge: found 2, expected 3 files or more"),
        ([first, second, first], "run3.json and run1.json are the same run, begun 2026-11-30 09:00:00 UTC"),
        ([first, second, a_run(15, numpy="2.3.0")], "run3.json: found numpy 2.3.0, expected 2.4.0, as in run1.json"),
        ([first, without_torch(second), third], "run2.json: found torch None, expected 2.13.0"),
        ([first, a_run(12, batch=8), third], "run2.json: found other rows or sides, expected the same as in run1.json"),
        ([first, a_run(12, **dict.fromkeys(ONE)), third], "run2.json: found other rows or sides"),
        ([first, second, third | {"results": third["results"][:1]}], "run3.json: found other rows or sides"),
        ([first, second, {"results": []}], "run3.json: began: found nothing"),
        ([first, second, a_run(15, train_ratio="high")], 'run3.json: results[0].train_ratio: found "high"'),
        ([first, a_run(12, train_ratio=None), third], "run2.json: found a part of PyTorch's train, expected all"),
        ([a_run(9, torch_infer_fastest=None), second, third], "run1.json: found a part of PyTorch's infer"),
    ]
    for runs, words in cases:
        with pytest.raises(UserError) as caught:
            merge(saved(*runs))
        assert words in str(caught.value)


@pytest.mark.parametrize(
    "more, words",
    [
        ("--model alexnet", "--model: does not go with --merge"),
        ("--rounds 3", "--rounds: does not go with --merge"),
        ("--no-compile", "--no-compile: does not go with --merge"),
        ("--chart a.png", "--chart: does not go with --merge"),
        ("--predict H200", "--predict: does not go with --merge"),
        ("--launch-us 5", "--launch-us: does not go with --merge"),
    ],
)
def test_it_measures_nothing(more, words, saved, capsys):
    assert main(["bench", "--merge", *saved(a_run(9), a_run(12), a_run(15)), *more.split()]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and words in err


def test_a_missing_file_is_named(saved, capsys):
    assert main(["bench", "--merge", *saved(a_run(9), a_run(12)), "run9.json"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "run9.json" in err
