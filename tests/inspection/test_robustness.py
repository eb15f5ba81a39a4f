"""Robustness: numbers by hand, the command against a plain loop, and a card whose sentences are checked."""

import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from tests.checks import edited, refused
from tests.inspection.small import write_data, write_run
from tests.monitoring.traced import calibrate
from tests.tiny_runs import altered, answering
from tinyalex.calibration import Calibration
from tinyalex.cli import main
from tinyalex.commands import robustness as command
from tinyalex.data import open_dataset
from tinyalex.data.corruptions import CORRUPTIONS
from tinyalex.data.dataset import Split
from tinyalex.errors import UserError
from tinyalex.evaluation import class_probabilities
from tinyalex.inspection import robustness
from tinyalex.inspection.card import _plain
from tinyalex.inspection.robustness import Chosen, Measured, breaks_at, compared, mean_corruption_error
from tinyalex.runs.trained import open_run
from tinyalex.statistics import Interval, mcnemar, wilson

NAMES = ["tabby cat, tabby", "dog", "ant_bear [x]"]


def measured(wrong, name="jpeg", severity=1):
    wrong = np.array(wrong, bool)
    return Measured(name, severity, np.zeros(len(wrong), int), wrong, {"error": float(wrong.mean())})


# ---------------------------------------------------------------------------------------------- numbers


def check_measured(of):
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]], np.float32)
    labels = np.array([0, 1, 0, 1])  # right, wrong, wrong, right
    one = of("jpeg", 2, p, labels, None)
    assert one.wrong.tolist() == [False, True, True, False] and one.answers.tolist() == [0, 0, 1, 1]
    assert one.numbers["error"] == 0.5 and "coverage" not in one.numbers and "top5_error" not in one.numbers
    low, high = one.numbers["error_interval"]
    assert (low, high) == (wilson(2, 4).low, wilson(2, 4).high)
    np.testing.assert_allclose(one.numbers["confidence"], 0.75)
    np.testing.assert_allclose(one.numbers["ece"], (0.1 + 0.6 + 0.7 + 0.2) / 4, rtol=1e-6)

    nothing = Interval(0, 0, 0)
    calibrated = Calibration(2.0, 0.65, 0.2, 0.95, "centre crop", 10, nothing, nothing, "0" * 64)
    one = of("jpeg", 2, p, labels, calibrated)  # odds 9, 1.5, 2.33, 4 become 3, 1.22, 1.53, 2: 0.75, 0.55, 0.60, 0.67
    assert one.numbers["answered"] == 2 and one.numbers["coverage"] == 0.5 and one.numbers["answered_error"] == 0
    np.testing.assert_allclose(one.numbers["confidence"], (0.75 + 0.5505 + 0.6044 + 0.6667) / 4, rtol=1e-3)


def test_measured():
    check_measured(Measured.of)


@pytest.mark.parametrize(
    "edits",
    [
        ("p = calibration.probabilities(p)", "calibration.probabilities(p)"),
        ("wrong[sure]", "wrong"),
        ("answers != labels", "answers == labels"),
        ('"answered": int(sure.sum())', '"answered": int((~sure).sum()) + 1'),
    ],
)
def test_measured_teeth(edits):
    with pytest.raises(AssertionError):
        check_measured(edited(Measured, *edits).of)


def test_nothing_answered_has_no_error():
    nothing = Interval(0, 0, 0)
    none = Calibration(1.0, None, 0.1, 0.95, "centre crop", 10, nothing, nothing, "0" * 64)
    one = Measured.of("jpeg", 1, np.full((3, 2), 0.5, np.float32), np.zeros(3, int), none)
    assert one.numbers["coverage"] == 0 and "answered_error" not in one.numbers
    assert command._share(one.numbers, "answered_error") == "–"


def check_compared(compared, breaks_at):
    rng = np.random.default_rng(0)
    clean = measured(rng.random(200) < 0.2, "", 0)
    one_more = clean.wrong.copy()
    one_more[np.flatnonzero(~one_more)[0]] = True
    worse = [one_more, *(clean.wrong | (rng.random(200) < share) for share in (0.3, 0.5))]
    worse = [measured(wrong, "contrast", severity) for severity, wrong in enumerate(worse, 1)]
    harmless = [measured(clean.wrong, "jpeg", 3), measured(np.zeros(200), "saturate", 1)]  # the latter: fewer errors
    rows = compared(clean, [*worse, *harmless])
    raw = [mcnemar(clean.wrong, one.wrong)[2] for one in (*worse, *harmless)]
    assert rows[0]["p"] == 1 and rows[3]["p"] == 1 and rows[2]["p"] / raw[2] == pytest.approx(5)  # Holm: the smallest
    assert (rows[1]["only_clean_wrong"], rows[1]["only_corrupted_wrong"]) == (
        0,
        int((worse[1].wrong & ~clean.wrong).sum()),
    )
    assert rows[4]["p"] < 0.05
    assert breaks_at(rows, clean.numbers["error"]) == {"contrast": 2}


def test_growth_is_told_beyond_chance():
    check_compared(compared, breaks_at)


@pytest.mark.parametrize(
    "function, edits",
    [
        ("compared", ("mcnemar(clean.wrong, other.wrong)", "mcnemar(other.wrong, clean.wrong)")),
        ("compared", ("holm([p for *_, p in tests])", "[p for *_, p in tests]")),
        ("breaks_at", ('or row["error"] <= clean_error', "")),
        ("breaks_at", ('-row["severity"]', 'row["severity"]')),
        ("breaks_at", ('row["p"] >= ALPHA', 'row["p"] >= 2')),
    ],
)
def test_growth_teeth(function, edits):
    functions = {"compared": compared, "breaks_at": breaks_at}
    with pytest.raises(AssertionError):
        check_compared(**functions | {function: edited(functions[function], *edits)})


def test_mean_corruption_error():
    clean, others = measured([0, 0, 0, 1] * 50, "", 0), [measured([0, 0, 1, 1] * 50), measured([1, 0, 1, 1] * 50)]
    found = mean_corruption_error(clean, others)
    assert found["error"]["mean"] == 0.625 and found["more"]["mean"] == 0.375
    for one in found.values():
        assert one["low"] < one["mean"] < one["high"] and one["high"] - one["low"] < 0.15


def test_chosen_pictures():
    pictures = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3)).astype(np.uint8)
    split, seen = Split((pictures[:5], pictures[5:]), np.arange(9)), []
    chosen = Chosen(split, np.array([7, 2, 4]), CORRUPTIONS["contrast"], 3, seen.append)
    assert len(chosen) == 3 and chosen.labels.tolist() == [7, 2, 4]
    np.testing.assert_array_equal(chosen.gather([2, 0]), CORRUPTIONS["contrast"](pictures[[4, 7]], 3, 0))
    np.testing.assert_array_equal(Chosen(split, np.array([7, 2])).gather(range(2)), pictures[[7, 2]])
    assert seen == [2]


# ---------------------------------------------------------------------------------------------- the command


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("robustness")
    data = write_data(folder / "data", NAMES, 9, 30)
    run = write_run(folder / "run", data)
    imported = folder / "imported"
    imported.mkdir()
    config = json.loads((run / "config.json").read_text() or "{}")
    found = open_run(run, np).info["config"] | {"data": ""}
    altered(run, imported / "best.safetensors", config=found, state={"epoch": 0, "history": []}, fingerprint="")
    assert config == {}
    return SimpleNamespace(data=data, run=run, imported=imported, always=answering(run, folder / "dog.safetensors", 1))


def test_the_command_against_a_loop(made, capsys):
    asked = ["--corruptions", "contrast,jpeg", "--severities", "5,1", "--pictures", "0", "--json"]
    assert main(["robustness", str(made.run), *asked]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["images"] == found["of_images"] == 30 and found["measured"] == found["planned"] == 5
    run, val = open_run(made.run, np), open_dataset(made.data).val
    pairs = [(row["corruption"], row["severity"]) for row in found["corruptions"]]
    assert pairs == [("contrast", 1), ("contrast", 5), ("jpeg", 1), ("jpeg", 5)]
    for row in found["corruptions"]:
        pictures = CORRUPTIONS[row["corruption"]](val.gather(range(30)), row["severity"], 0)
        p = class_probabilities(run.network, Split((pictures,), val.labels), run.view, np, quiet=True)
        assert row["error"] == pytest.approx((p.argmax(axis=1) != val.labels).mean())
        assert row["confidence"] == pytest.approx(p.max(axis=1).mean(), rel=1e-5)


def test_a_network_that_always_answers_the_same_is_not_hurt(made, capsys, tmp_path):
    files = [str(tmp_path / name) for name in ("chart.png", "card.md")]
    asked = ["--corruptions", "contrast,rotation", "--pictures", "12", "--chart", files[0], "--card", files[1]]
    assert main(["robustness", str(made.always), "--data", str(made.data), *asked]) == 0
    out = capsys.readouterr().out
    assert "12 of 30 validation pictures" in out and "beyond chance" in out and "none." in out
    assert "+0.0 points (+0.0 to +0.0)" in out
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "card.md").read_text()
    assert text.startswith("<!-- written by tinyalex robustness -->\n# Model card: alexnet-mini\n")
    for said in ("12, drawn at random, of the 30", "On pictures that may show none of its 3 classes"):
        assert said in text, said
    assert re.search(r"\| dog \| \d \| 0.0%", text) and re.search(r"\| tabby cat \| \d \| 100.0%", text)
    assert "tabby cat" in text and "ant\\_bear \\[x\\]" in text and ", tabby" not in text
    assert main(["robustness", str(made.always), "--data", str(made.data), *asked]) == 0, "ours are replaced"


def test_the_card_of_an_imported_network_says_what_is_unknown(made, capsys, tmp_path):
    asked = [
        "--corruptions",
        "jpeg",
        "--severities",
        "3",
        "--card",
        str(tmp_path / "card.md"),
        "--data",
        str(made.data),
    ]
    assert main(["robustness", str(made.imported / "best.safetensors"), *asked]) == 0
    capsys.readouterr()
    text = (tmp_path / "card.md").read_text()
    for said in ("imported from `unknown`", "Trained on data that are unknown", "perhaps its training data"):
        assert said in text, said
    assert "Trained elsewhere; its recipe is unknown." in text and "training pictures" not in text
    assert "chose the epoch" not in text


def test_a_calibration_is_used_for_its_own_view(made, capsys, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(made.run, run)
    asked = ["robustness", str(run), "--corruptions", "jpeg", "--severities", "3", "--pictures", "10"]
    calibrate(run, 0.0, temperature=2.0)
    assert main(asked) == 0
    told = capsys.readouterr()
    assert "centre crop, calibrated" in told.out and "100.0% are answered" in told.out and "not used" not in told.err
    calibrate(run, 0.0, view="ten crops")
    assert main(asked) == 0
    told = capsys.readouterr()
    assert "calibrated for the ten crops, so not used for the centre crop" in told.err and "answered" not in told.out


def test_stopping_prints_what_was_measured(made, capsys, monkeypatch, tmp_path):
    calls = []

    def stopped(*args, **options):
        calls.append(args)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return class_probabilities(*args, **options)

    monkeypatch.setattr(robustness, "class_probabilities", stopped)
    asked = ["--corruptions", "jpeg,contrast", "--severities", "1,2", "--card", str(tmp_path / "card.md")]
    assert main(["robustness", str(made.run), *asked]) == 130
    told = capsys.readouterr()
    assert "jpeg" in told.out and "contrast" not in told.out
    assert "stopped after 3 of 5 measurements; the card was not written" in told.err
    assert not (tmp_path / "card.md").exists()
    calls.clear()
    assert main(["robustness", str(made.run), "--corruptions", "jpeg", "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["measured"] == 3
    monkeypatch.setattr(robustness, "class_probabilities", class_probabilities)

    def full(*_):
        raise UserError("the disk is full")

    monkeypatch.setattr(command, "write_text", full)
    assert main(["robustness", str(made.run), *asked]) == 2
    told = capsys.readouterr()
    assert "contrast" in told.out and "the disk is full" in told.err


@pytest.mark.parametrize(
    "asked, words",
    [
        (["--corruptions", "jpg"], ("--corruptions: found 'jpg'", "jpeg?")),
        (["--corruptions", "jpeg, jpeg"], ("--corruptions", "twice")),
        (["--severities", "0"], ("--severities", "'0'", "1,2,3,4,5")),
        (["--severities", "1,1"], ("--severities", "twice")),
        (["--pictures", "-1"], ("--pictures", "-1")),
        (["--card", "card.txt"], ("--card", ".md")),
        (["--chart", "chart.jpg"], ("--chart", ".png")),
    ],
)
def test_refusals(made, capsys, asked, words):
    assert main(["robustness", str(made.run), *asked]) == 2
    error = capsys.readouterr().err
    assert all(word in error for word in words) and error.count("\n") == 1, error


def test_a_card_of_others_is_kept(made, tmp_path):
    (tmp_path / "card.md").write_text("# mine\n")
    args = SimpleNamespace(corruptions=None, severities="1", pictures=1, chart=None, card=str(tmp_path / "card.md"))
    refused(lambda: command.run(args), "not written by tinyalex", error=UserError)


# ---------------------------------------------------------------------------------------------- the card's limits


def subject(interval=(0.58, 0.75), **changes):
    """A network that is wrong on a third of dogs' pictures, and on all of cats' ones, by hand."""
    labels = np.repeat([0, 1], 60)
    wrong = np.concatenate([np.ones(60, bool), np.arange(60) % 3 == 0])
    row = {"corruption": "contrast", "severity": 3, "error": 0.9, "error_interval": [0.8, 0.95], "p": 0.001}
    row |= {"answered_error": 0.5, "answered_error_interval": [0.3, 0.7], "coverage": 0.5, "answered": 30}
    from tinyalex.inspection import card

    clean = {"error": float(wrong.mean()), "error_interval": [*interval], "ece": 0.2, "confidence": 0.9}
    result = {"clean": clean, "corruptions": [row], "breaks_at": {"contrast": 3}, "calibrated": False}
    info = {"class_names": ["cat", "dog"]}
    run = SimpleNamespace(info=info)
    trial = SimpleNamespace(
        run=run, clean=measured(wrong), chosen=SimpleNamespace(labels=labels), data="photos", calibration=None
    )
    vars(trial).update(changes)
    return card._limits(card.Subject(trial, result, None))


def test_limits_follow_from_the_numbers():
    text = subject()
    for said in (
        "between 58.0% and 75.0%",
        "none of its 2 classes",
        "To find cat: wrong more often",
        "On pictures with contrast of severity 3: 90.0% wrong at 3.",
        "the calibration error is 0.200",
    ):
        assert said in text, said
    calibrated = subject(calibration=SimpleNamespace(risk=0.1))
    assert "promise of at most 10.00% wrong answers must hold: it is broken on contrast of severity 3." in calibrated
    assert "at their word" not in calibrated
    assert "broken" not in subject(calibration=SimpleNamespace(risk=0.35))


def test_no_error_is_no_promise():
    assert "Where fewer wrong answers than 58.0% are needed: between" in subject()
    assert "Where no answer may be wrong: between 0.0% and 3.0%" in subject(interval=(0.0, 0.03))


def test_names_are_plain():
    assert _plain("a|b_c*<script>`") == "a\\|b\\_c\\*\\<script\\>\\`"
