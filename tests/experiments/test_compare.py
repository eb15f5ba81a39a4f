"""Two networks compared: differences are listed with caveats, and changes are counted picture by picture."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.checks import edited
from tests.test_cli import call, json_of
from tests.test_evaluation import rank_by_loop
from tests.tiny_runs import altered, answering, info_of, make_runs
from tests.training.test_training import CLASSES, tree, write_easy
from tinyalex.data import open_dataset
from tinyalex.evaluation import probabilities
from tinyalex.experiments import comparison
from tinyalex.experiments.comparison import by_class, cause, differences, reading
from tinyalex.plots import compared_curves, plt
from tinyalex.runs.trained import load_network
from tinyalex.statistics import mcnemar


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The runs of `make_runs`, and copies of two of them that answer green, or blue, for every picture."""
    folder = tmp_path_factory.mktemp("runs")
    runs = make_runs(folder)
    for name, of, label in (("green", "first", 1), ("blue", "reseeded", 2)):
        runs[name] = answering(runs[of], folder / f"{name}.safetensors", label)
    return runs


# ---------------------------------------------------------------------------------------------- what differs


def info(model="alexnet-mini", fingerprint="0123456789", versions=None, **config):
    config = {"data": "data/one", "model": model, "lr": 0.02, "color": True, "seed": 0} | config
    versions = {"tinyalex": "1", "numpy": "2", "cpus": 2} | (versions or {})
    return {"config": config, "fingerprint": fingerprint, "versions": versions}


def differing(a, b):
    return [(thing["what"], thing["a"], thing["b"], thing["counts"]) for thing in differences(a, b)]


def test_settings_that_differ():
    assert differing(info(), info()) == []
    assert differing(info(), info(lr=0.01, seed=3)) == [("lr", 0.02, 0.01, True), ("seed", 0, 3, True)]


def test_a_setting_that_one_run_does_not_know():
    """Config may gain fields later: then it did what `LATER` says."""
    assert differing(info(), info(label_smoothing=0.1)) == [("label_smoothing", 0.0, 0.1, True)]
    assert differing(info(), info(label_smoothing=0.0)) == differing(info(patience=0), info()) == []
    assert differing(info(), info(crop_run=32)) == [("crop_run", None, 32, True)]
    assert differing(info(start_from=""), info()) == [("start_from", "", None, True)]


def test_one_start_spelled_twice_is_no_difference():
    one, other, third = (
        info(start_from=name) | {"places": {"start_from": [place, "../a"]}}
        for name, place in (("runs/a", "/one/runs/a"), ("/one/runs/a", "/one/runs/a"), ("runs/a", "/other/runs/a"))
    )
    assert differing(one, other) == []
    assert differing(one, third) == [("start_from", "/one/runs/a", "/other/runs/a", True)]


def test_each_variation_is_a_difference_of_its_own():
    assert differing(info("alexnet-mini+tanh"), info("alexnet-mini+tanh+no-lrn")) == [("+no-lrn", False, True, True)]
    assert differing(info("alexnet-mini+tanh+dropout-25"), info("alexnet-mini+dropout-40+tanh")) == [
        ("dropout", "+dropout-25", "+dropout-40", True)
    ]
    assert differing(info("alexnet-mini+dropout-25+bn"), info("alexnet-mini+no-dropout+sigmoid")) == [
        ("dropout", "+dropout-25", "+no-dropout", True),
        ("+bn", True, False, True),
        ("activation", "", "+sigmoid", True),
    ]
    assert differing(info("mine"), info("mine+of-theirs")) == [("+of-theirs", False, True, True)]
    found = differing(info("alexnet-mini+tanh"), info("alexnet-small+pool-2"))
    assert found == [
        ("model", "alexnet-mini", "alexnet-small", True),
        ("activation", "+tanh", "", True),
        ("+pool-2", False, True, True),
    ]


def test_data_are_compared_by_fingerprint():
    assert differing(info(), info(data="elsewhere/one")) == []
    ((what, a, b, counts),) = differing(info(), info(fingerprint="abcdefghij"))
    assert (what, a, b, counts) == ("data", "data/one (01234567)", "data/one (abcdefgh)", True)


def test_imported_networks_differ_in_their_layers_and_files():
    one, other = info(network={"size": 32}), info(network={"size": 64})
    ((what, a, b, counts),) = differing(one, other)
    assert what == "layers" and len(a) == len(b) == 8 and a != b and counts
    assert differing(info("mine", network={"size": 32}), info("yours", network={"size": 64})) == [
        ("model", "mine", "yours", True)
    ]
    assert differing(one, one) == [] and [row[0] for row in differing(one, info())] == ["layers"]
    files = [one | {"imported": {"file": name, "notes": []}} for name in ("a.pth", "b.pth")]
    assert differing(*files) == [("imported from", "a.pth", "b.pth", True)]
    assert differing(info(data="", fingerprint=""), info())[0][:3] == ("data", None, "data/one (01234567)")


def test_versions_are_listed_but_only_ours_counts():
    other = info(versions={"tinyalex": "9", "numpy": "3", "cpus": 64})
    assert differing(info(), other) == [
        ("tinyalex", "1", "9", True),
        ("numpy", "2", "3", False),
        ("cpus", 2, 64, False),
    ]


@pytest.mark.parametrize(
    "other, words, not_said",
    [
        (info(), "Nothing that decides", "differ "),
        (info(versions={"numpy": "3"}), "Nothing that decides", "differ "),
        (info(seed=1), "Only the seed differs: what follows is due to chance", "attributed"),
        (info(lr=0.01), "One thing differs: lr.", "attributed"),
        (info("alexnet-mini+tanh"), "One thing differs: activation.", "attributed"),
        (info(lr=0.01, seed=1), "2 things differ (lr, seed): what follows cannot be attributed to any one", "Only"),
        (
            info("alexnet-mini+tanh", "ab", lr=0.01),
            "3 things differ (activation, data, lr): what follows cannot",
            "Only",
        ),
    ],
)
def test_what_a_change_can_be_attributed_to(other, words, not_said):
    found = cause(differences(info(), other))
    assert words in found and not_said not in found


# ---------------------------------------------------------------------------------------------- what that changed


def ranks_by_loop(run, split):
    network, view, _, _ = load_network(run, np)
    p = probabilities(network, split.gather(range(len(split))), view)
    return [rank_by_loop(row, label) for row, label in zip(p, split.labels)]


def check_compare(capsys, runs, a="green", b="blue"):
    """Check errors, differences and counts against counting pictures one by one."""
    split = open_dataset(runs["data"]).val
    wrong_a, wrong_b = ([rank > 0 for rank in ranks_by_loop(runs[name], split)] for name in (a, b))
    result = json_of(capsys, "compare", runs[a], runs[b], "--data", runs["data"])
    assert result["images"] == 30 and result["data"] == str(runs["data"])
    assert result["a"]["top1_error"] == sum(wrong_a) / 30 and result["b"]["top1_error"] == sum(wrong_b) / 30
    found = result["change"]["top1_error"]
    assert found["difference"] == pytest.approx((sum(wrong_b) - sum(wrong_a)) / 30)
    assert found["low"] <= found["difference"] <= found["high"]
    assert found["only_a"] == sum(x and not y for x, y in zip(wrong_a, wrong_b))
    assert found["only_b"] == sum(y and not x for x, y in zip(wrong_a, wrong_b))
    assert found["p"] == mcnemar(wrong_a, wrong_b)[2]
    assert result["change"]["loss"]["difference"] == pytest.approx(result["b"]["loss"] - result["a"]["loss"])
    assert "top5_error" not in result["change"], "four classes have no top-5 error"
    check_classes(result["classes"], wrong_a, wrong_b, split.labels)
    return result


def check_classes(classes, wrong_a, wrong_b, labels):
    assert {one["class"] for one in classes} == set(CLASSES)
    for one in classes:
        here = [i for i, label in enumerate(labels) if CLASSES[label] == one["class"]]
        counts = len(here), sum(wrong_a[i] for i in here), sum(wrong_b[i] for i in here)
        assert (one["images"], one["wrong_a"], one["wrong_b"]) == counts
    shares = [abs(one["wrong_b"] - one["wrong_a"]) / one["images"] for one in classes]
    assert shares == sorted(shares, reverse=True)


def test_networks_whose_answers_are_known(runs, capsys):
    """The 30 pictures are 8 red, 8 green, 7 blue and 7 grey."""
    result = check_compare(capsys, runs)
    found = result["change"]["top1_error"]
    assert (result["a"]["top1_error"], result["b"]["top1_error"]) == (22 / 30, 23 / 30)
    assert (found["only_a"], found["only_b"]) == (7, 8) and found["low"] < 0 < found["difference"] < found["high"]
    assert [one["class"] for one in result["classes"]] == ["green", "blue", "red", "grey"]


def test_compare(runs, capsys):
    result = check_compare(capsys, runs, "first", "reseeded")
    for side, name in (("a", "first"), ("b", "reseeded")):
        alone = json_of(capsys, "evaluate", runs[name])
        assert {key: result[side][key] for key in alone if key in result[side]} == {
            key: alone[key] for key in ("checkpoint", "top1_error", "loss", "images")
        }
        assert result[side]["run"] == str(runs[name]) and result[side]["epochs"] == 2
    assert result["cause"].startswith("Only the seed differs")
    assert result["differences"] == [{"what": "seed", "a": 0, "b": 1, "counts": True}] and result["notes"] == []


@pytest.mark.parametrize(
    "name, edits",
    [
        ("_errors_changed", ("change(wrong_a, wrong_b)", "change(wrong_b, wrong_a)")),
        ("_errors_changed", ("mcnemar(wrong_a, wrong_b)", "mcnemar(wrong_b, wrong_a)")),
        ("compared", ("change(loss_a, loss_b)", "change(loss_b, loss_a)")),
        ("by_class", ("wrong_a, wrong_b))", "wrong_b, wrong_a))")),
        ("by_class", ("-np.abs(b - a)", "-(b - a)")),
        ("judge", ("per_picture(p, split.labels)", "per_picture(p, split.labels[::-1])")),
    ],
)
def test_compare_teeth(runs, capsys, monkeypatch, name, edits):
    wrong = edited(getattr(comparison, name), *edits)
    monkeypatch.setattr(comparison, name, wrong)
    monkeypatch.setattr("tinyalex.commands.compare.compare", comparison.compare)
    with pytest.raises(AssertionError):
        check_compare(capsys, runs)


def test_top_5_counts_the_first_five():
    found = comparison._errors_changed(np.array([0, 4, 5, 9]), np.array([4, 5, 6, 3]), 5)
    assert (found["only_a"], found["only_b"], found["difference"]) == (1, 1, 0)


def test_the_other_way_round(runs, capsys):
    there, back = (json_of(capsys, "compare", runs[a], runs[b]) for a, b in (("green", "blue"), ("blue", "green")))
    there, back = there["change"]["top1_error"], back["change"]["top1_error"]
    assert there["difference"] == -back["difference"] and there["p"] == back["p"]
    assert (there["only_a"], there["only_b"]) == (back["only_b"], back["only_a"])
    assert there["low"] == pytest.approx(-back["high"]) and there["high"] == pytest.approx(-back["low"])


def test_ten_crops(runs, capsys):
    result = json_of(capsys, "compare", runs["first"], runs["reseeded"], "--ten-crop")
    alone = json_of(capsys, "evaluate", runs["first"], "--ten-crop")
    assert result["ten_crop"] and (result["a"]["top1_error"], result["a"]["loss"]) == (
        alone["top1_error"],
        alone["loss"],
    )


def test_classes_with_few_pictures():
    """Classes are sorted by the change in error, not in counts; a class without pictures is left out."""
    labels = np.array([0] * 10 + [1] * 2 + [3] * 4)
    wrong_a, wrong_b = np.zeros(16, bool), np.zeros(16, bool)
    wrong_a[[0, 1, 10]], wrong_b[[2, 12]] = True, True
    names = {"class_ids": ["a", "b", "c", "d"], "class_names": ["A", "B", "C", "D"]}
    found = [tuple(one.values()) for one in by_class(wrong_a, wrong_b, labels, names)]
    assert found == [("B", "b", 2, 1, 0), ("D", "d", 4, 0, 1), ("A", "a", 10, 2, 1)]


def test_a_network_and_its_copy(runs, tmp_path, capsys):
    shutil.copy(runs["first"] / "best.safetensors", tmp_path / "copy.safetensors")
    result = json_of(capsys, "compare", runs["first"], tmp_path / "copy.safetensors")
    assert result["differences"] == []
    assert result["change"]["loss"] == {"difference": 0, "low": 0, "high": 0}
    assert result["cause"].startswith("Nothing") and "very same" in result["reading"]


# ---------------------------------------------------------------------------------------------- in words


def outcome(difference, low, high, only_a, only_b, p):
    found = {"difference": difference, "low": low, "high": high, "only_a": only_a, "only_b": only_b, "p": p}
    sides = {"a": {"top1_error": 0.4}, "b": {"top1_error": 0.4 + difference}}
    return reading({"images": 1200, "change": {"top1_error": found}} | sides)


@pytest.mark.parametrize(
    "found, words, not_said",
    [
        (
            (-0.0141, -0.02, -0.005, 90, 73, 0.01),
            ["less often", "by 1.41 percentage points", "38.6%", "explains"],
            "resolve",
        ),
        ((0.05, 0.03, 0.07, 30, 90, 1e-9), ["more often", "by 5.00 percentage", "1,200", "p < 0.0001"], "resolve"),
        (
            (0.003, -0.01, 0.016, 40, 44, 0.7),
            ["not resolve", "−1.00 to +1.60", "40, only B on 44", "p = 0.7"],
            "explains",
        ),
        ((0.0, -0.01, 0.01, 9, 9, 1.0), ["as often as A:", "do not resolve"], "by 0"),
        ((-0.3, -0.6, -0.1, 4, 0, 0.125), ["do not resolve"], "explains"),  # the interval alone would resolve it
        ((-0.01, -0.02, 0.0, 90, 65, 0.04), ["do not resolve"], "explains"),  # McNemar's test alone would resolve it
    ],
)
def test_reading(found, words, not_said):
    text = outcome(*found)
    missing = [word for word in words if word not in text]
    assert not missing and not_said not in text, f"{text!r} lacks {missing}"


def test_the_tables_have_each_number_on_its_side(runs, capsys):
    """A answers green for all 30, B blue: only A is wrong on the 7 blue pictures, only B on the 8 green ones."""
    out = call(capsys, "compare", runs["green"], runs["blue"], "--data", runs["data"])[1]
    rows = {line.split("  ")[0]: line.split() for line in out.splitlines()}
    top1 = rows["top-1 error, percentage points"]
    assert top1[4:7] == ["73.3%", "76.7%", "+3.33"] and top1[10:12] == ["7", "8"]
    assert rows["green"][1:] == ["8", "0", "8", "+100.00"] and rows["blue"][1:] == ["7", "7", "0", "−100.00"]
    assert "73.3% became 76.7%" in " ".join(out.split())


def test_what_is_shown(runs, capsys):
    result = json_of(capsys, "compare", runs["first"], runs["plain"])
    code, out, _ = call(capsys, "compare", runs["first"], runs["plain"])
    rows = {line.split("  ")[0]: line for line in out.splitlines()}
    assert code == 0 and result["cause"] in out and "cannot be attributed to any one of them" in out
    assert rows["+no-lrn"].split() == ["+no-lrn", "no", "yes"] and rows["lr"].split() == ["lr", "0.01", "0.02"]
    assert rows["color"].split() == ["color", "yes", "no"] and str(runs["other"]) in rows["data"]
    found = result["change"]["top1_error"]
    top1 = rows["top-1 error, percentage points"].split()
    assert f"{result['a']['top1_error']:.1%}" in top1 and f"{100 * found['difference']:+.2f}".replace("-", "−") in top1
    assert " ".join(result["reading"].split()) in " ".join(out.split())
    assert "differ only in their seed" in " ".join(out.split()), "nothing says that the interval leaves out some chance"


# ---------------------------------------------------------------------------------------------- data


def test_runs_on_other_data(runs, capsys):
    """Both are judged on A's data, or on the data asked for."""
    forth, back = (json_of(capsys, "compare", runs[a], runs[b]) for a, b in (("first", "plain"), ("plain", "first")))
    assert (forth["data"], forth["images"]) == (str(runs["data"]), 30)
    assert (back["data"], back["images"]) == (str(runs["other"]), 20)
    asked = json_of(capsys, "compare", runs["first"], runs["plain"], "--data", runs["other"])
    assert asked["images"] == 20 and asked["a"]["loss"] == back["b"]["loss"] != forth["a"]["loss"]
    assert "data" in [thing["what"] for thing in asked["differences"] if thing["counts"]]


def test_epochs_chosen_among_more_are_said(runs, tmp_path, capsys):
    first, other = shutil.copytree(runs["first"], tmp_path / "first"), runs["reseeded"]
    said = "A's of 1, B's of 2: the more there are"

    def notes(*pair):
        return [note for note in json_of(capsys, "compare", *pair)["notes"] if "were chosen" in note]

    assert notes(first, other) == [] and said in notes(first / "last.safetensors", other)[0]
    assert said in notes(first / "last.safetensors", other / "best.safetensors")[0]
    line = json.loads((first / "metrics.jsonl").read_text().splitlines()[-1])
    with open(first / "metrics.jsonl", "a") as file:
        file.write(json.dumps(line | {"epoch": line["epoch"] + 1}) + "\n")
    assert (
        "A's of 3, B's of 2" in notes(first, other)[0]
        and notes(first / "last.safetensors", other / "last.safetensors") == []
    )


def test_a_run_that_was_stopped(runs, tmp_path, capsys):
    """It is noted; for a single checkpoint the end of its run is unknown."""
    shutil.copytree(runs["first"], tmp_path / "run", ignore=shutil.ignore_patterns("result.json"))
    first_epoch = (runs["first"] / "metrics.jsonl").read_text().splitlines()[0]
    (tmp_path / "run" / "metrics.jsonl").write_text(first_epoch + "\n")
    notes = json_of(capsys, "compare", runs["first"], tmp_path / "run")["notes"]
    assert [note for note in notes if note.startswith("B has not been trained to its end: 1 of 2 epochs")]
    notes = json_of(capsys, "compare", tmp_path / "run" / "best.safetensors", runs["first"])["notes"]
    assert not [note for note in notes if "its end" in note]


# ---------------------------------------------------------------------------------------------- files


def test_out(runs, tmp_path, capsys):
    out = tmp_path / "reports" / "first"
    result = json_of(capsys, "compare", runs["first"], runs["plain"], "--out", out)
    assert tree(out).keys() == {"compare.json", "compare.md", "compare.png"}
    assert json.loads((out / "compare.json").read_text()) == result and result["out"] == str(out)
    page = (out / "compare.md").read_text()
    assert all(text in page for text in (result["cause"], result["reading"], "](compare.png)", "| lr | 0.01 | 0.02 |"))
    tables = [block.splitlines() for block in page.split("\n\n") if block.startswith("|")]
    assert [{line.count("|") for line in table} for table in tables[:2]] == [{4}, {9}], "rows of different lengths"
    with Image.open(out / "compare.png") as picture:
        assert picture.format == "PNG" and picture.width > 600


def test_curves_of_both(runs, tmp_path, capsys, monkeypatch):
    """Every epoch of both is drawn; for a single checkpoint, the epochs that led to it."""
    drawn = []
    monkeypatch.setattr(
        "tinyalex.plots.compared_curves", lambda histories, names: drawn.extend([histories, names]) or 1
    )
    monkeypatch.setattr("tinyalex.plots.save", lambda figure, path: path.write_bytes(b""))
    checkpoint = altered(
        runs["first"], tmp_path / "one.safetensors", state=info_of("alexnet-mini", "ab", errors=[0.5])["state"]
    )
    json_of(capsys, "compare", runs["plain"], checkpoint, "--out", tmp_path / "new")
    histories, names = drawn
    assert [[line["epoch"] for line in lines] for lines in histories] == [[1, 2], [1]]
    assert [str(runs["plain"]) in names[0], str(checkpoint) in names[1]] == [True, True]


def test_curves_fill_their_picture():
    """Small differences between good networks are visible, in both panels on one scale that begins at 0."""
    histories = [
        [{"epoch": n, "train_top1_error": e / n, "val_top1_error": 0.02} for n in (1, 2)] for e in (0.06, 0.03)
    ]
    figure = compared_curves(histories, ("A", "B"))
    low, high = figure.axes[0].get_ylim()
    assert low == 0 and 6 < high < 7 and figure.axes[1].get_ylim() == (low, high)
    a, b = (line.get_ydata() for line in figure.axes[0].lines)
    assert a == pytest.approx([6, 3]) and b == pytest.approx([3, 1.5])
    assert [text.get_text() for text in figure.legends[0].texts] == ["A", "B"]
    plt.close(figure)


def test_a_run_without_an_epoch_has_no_curve(runs, tmp_path, capsys):
    checkpoint = altered(runs["first"], tmp_path / "one.safetensors", state={"epoch": 0, "history": []})
    other = altered(runs["reseeded"], tmp_path / "other.safetensors", state={"epoch": 0, "history": []})
    json_of(capsys, "compare", checkpoint, other, "--out", tmp_path / "new")
    assert tree(tmp_path / "new").keys() == {"compare.json", "compare.md"}
    assert "compare.png" not in (tmp_path / "new" / "compare.md").read_text()
    json_of(capsys, "compare", checkpoint, runs["first"], "--out", tmp_path / "newer")
    assert "compare.png" in tree(tmp_path / "newer")


# ---------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "arguments, word",
    [
        ("FIRST", "RUN_B"),
        ("FIRST nowhere", "nowhere: not found, expected a run folder or a checkpoint"),
        ("nowhere FIRST", "nowhere"),
        ("FIRST ''", "RUN_B: is empty"),
        ("FIRST FIRST", "found FIRST beside FIRST, the same checkpoint"),
        ("FIRST FIRST/best.safetensors", "the same checkpoint"),
        ("FIRST DATA", "config.json"),
        ("FIRST SWAPPED", "SWAPPED"),
        ("FIRST SWAPPED", "FIRST/best.safetensors has 4"),
        ("FIRST PLAIN --data SMALL", "SMALL has 32"),
        ("FIRST PLAIN --data nowhere", "nowhere"),
        ("FIRST PLAIN --out FIRST", "--out: FIRST is not empty; choose another folder"),
        ("FIRST PLAIN --out FILE", "--out: FILE is a file, expected a folder"),
        ("FIRST PLAIN --out FILE/under/it", "FILE is a file"),
        ("FIRST PLAIN --tencrop", "did you mean --ten-crop?"),
    ],
)
def test_a_mistake_is_one_line(runs, tmp_path, monkeypatch, capsys, arguments, word):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").write_text("some text")
    for name in ("data", "first", "plain"):
        (tmp_path / name.upper()).symlink_to(runs[name])
    if "SWAPPED" in arguments:
        altered(runs["first"], tmp_path / "SWAPPED", class_ids=["green", "red", "blue", "grey"])
    if "SMALL" in arguments:
        write_easy(tmp_path / "SMALL", 4, 4, size=32)
    monkeypatch.setattr(
        comparison, "class_probabilities", lambda *arguments, **options: pytest.fail("it began to work")
    )
    before = set(tree(runs["first"])), set(tmp_path.iterdir())
    code, out, err = call(capsys, "compare", *(word.replace("''", "") for word in arguments.split()))
    assert code == 2 and out == "" and err.count("\n") == 1, err
    assert err.startswith("tinyalex: ") and word in err, err
    assert before == (set(tree(runs["first"])), set(tmp_path.iterdir())), "something was written nevertheless"
