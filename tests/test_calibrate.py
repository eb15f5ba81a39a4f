"""`tinyalex calibrate`, and what evaluate, predict and a Classifier make of it."""

import json
import math
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.checks import agree, refused
from tests.test_cli import call, json_of
from tests.tiny_runs import altered, train_mini
from tests.training.test_training import write_easy
from tinyalex import load
from tinyalex.calibration import LEAST, VIEWS, expected_calibration_error, halves, tempered
from tinyalex.cli import build_parser
from tinyalex.commands import calibrate as command
from tinyalex.data import open_dataset
from tinyalex.errors import UserError
from tinyalex.evaluation import class_probabilities
from tinyalex.runs.calibrated import checkpoint_hash, find_calibration, study
from tinyalex.runs.trained import open_run

FILE = "best.calibration.json"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(run, data): a run of alexnet-mini that is wrong now and then, and its pictures, 160 to validate on."""
    folder = tmp_path_factory.mktemp("calibrate")
    data = write_easy(folder / "data", 48, 160)
    return train_mini(folder / "run", data), data


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the run, with no calibration yet."""
    return shutil.copytree(trained[0], tmp_path / "run")


@pytest.fixture(scope="module")
def once(trained, tmp_path_factory):
    """(a copy of the run, calibrated; the result)"""
    run = shutil.copytree(trained[0], tmp_path_factory.mktemp("once") / "run")
    args = build_parser("calibrate").parse_args(["calibrate", str(run), "--risk", "0.5", "--json"])
    return run, command.run(args)


@pytest.fixture
def calibrated(once, tmp_path):
    """(a copy of the calibrated run, what calibrate said)"""
    return shutil.copytree(once[0], tmp_path / "run"), once[1]


def own_probabilities(run, data):
    """(p, split): the network's own, without a calibration."""
    bare, split = open_run(run, np), open_dataset(data).val
    return class_probabilities(bare.network, split, bare.view, np, quiet=True), split


def test_what_is_found(calibrated, trained):
    run, result = calibrated
    p, split = own_probabilities(run, trained[1])
    fitted, judged = halves(split.labels)
    assert (result["fitted"], result["judged"]) == (len(fitted), len(judged)) == (80, 80)
    after = tempered(p[judged], result["temperature"])
    assert result["ece"]["before"]["mean"] == pytest.approx(expected_calibration_error(p[judged], split.labels[judged]))
    assert result["ece"]["after"]["mean"] == pytest.approx(expected_calibration_error(after, split.labels[judged]))
    assert result["loss"]["after"] <= result["loss"]["before"]
    wrong = after.argmax(axis=1) != split.labels[judged]
    sure = after.max(axis=1) >= result["threshold"]
    assert result["answered"]["pictures"] == sure.sum() and result["answered"]["wrong"] == wrong[sure].sum()
    assert result["answered"]["error_at_most"] <= 0.5
    assert sum(row[0] for row in result["reliability"]["after"]) == 80
    assert result["alt"].startswith("Left and middle, bars")
    found = json.loads((run / FILE).read_text())
    assert found["checkpoint"] == checkpoint_hash(run / "best.safetensors") == result["sha256"]
    assert (found["view"], found["threshold"]) == ("centre crop", result["threshold"])
    with Image.open(run / "best.calibration.png") as picture:
        assert picture.width > 1000


def test_it_says_what_it_found(once, capsys):
    run, result = once
    command.show(result)
    out = capsys.readouterr().out
    assert out.startswith("centre crop  ")
    assert "others, " in out and "at most 50 % of the answers are wrong, with 95% certainty" in out
    assert f"Written: {run / FILE}. Look at {run / 'best.calibration.png'}\n" in out


def test_predict_and_evaluate_use_it(calibrated, trained, capsys):
    run, result = calibrated
    p, split = own_probabilities(run, trained[1])
    q = tempered(p, result["temperature"])
    found = json_of(capsys, "evaluate", run)
    about = found["calibrated"]
    sure = q.max(axis=1) >= result["threshold"]
    wrong = q.argmax(axis=1) != split.labels
    assert about["answered"] == pytest.approx(sure.mean(), abs=0.01)
    assert about["error_of_answered"] == pytest.approx(wrong[sure].mean(), abs=0.01)
    assert about["loss"] == pytest.approx(-np.log(q[np.arange(len(q)), split.labels]).mean(), rel=1e-5)
    assert about["ece"] == pytest.approx(expected_calibration_error(q, split.labels), abs=1e-3)
    assert found["loss"] == pytest.approx(-np.log(p[np.arange(len(q)), split.labels]).mean(), rel=1e-5), "its own"
    assert "centre crop" in call(capsys, "evaluate", run)[1]
    assert "calibrated (temperature" in call(capsys, "evaluate", run)[1]
    predicted = json_of(capsys, "predict", run)
    assert predicted["calibrated"] and f"temperature {result['temperature']:.3g}" in predicted["calibration"]
    rows = [int(one["file"].split()[-1]) - 1 for one in predicted["predictions"]]
    for one, row in zip(predicted["predictions"], rows):
        assert one["top"][0]["probability"] == pytest.approx(q[row].max(), abs=1e-5)
        assert one["sure"] == sure[row] and (one["reason"] is None) == one["sure"]


def test_a_classifier_is_calibrated_for_that_view_alone(calibrated, trained):
    run, result = calibrated
    p, split = own_probabilities(run, trained[1])
    classifier, pictures = load(run), split.gather(range(len(split)))
    assert classifier.calibration.temperature == result["temperature"]
    q = tempered(p, result["temperature"])
    agree(classifier.probabilities(pictures), q, "calibrated", rtol=1e-4, atol=1e-6)
    found = classifier.classify(pictures, top=2)
    for one, row in zip(found, q):
        assert one.answers[0].probability == pytest.approx(row.max(), abs=1e-5) and len(one.answers) == 2
        assert one.sure == (row.max() >= result["threshold"]) and bool(one.reason) != one.sure
    several, single = classifier.predict(pictures[:3], top=2), classifier.predict(pictures[0], top=2)
    assert [one[0].probability for one in several] == pytest.approx([one.answers[0].probability for one in found[:3]])
    assert [a.id for a in single] == [a.id for a in found[0].answers]
    ten = classifier.classify(pictures[:20], ten_crop=True)
    assert all(one.sure and one.reason == "" for one in ten), "nothing is known of ten crops"
    assert classifier.probabilities(pictures[:2], ten_crop=True).dtype == np.float32


def test_ten_crops(run, capsys):
    result = json_of(capsys, "calibrate", run, "--ten-crop", "--risk", 0.5)
    assert result["view"] == VIEWS[1]
    assert json_of(capsys, "evaluate", run)["calibrated"] is None
    assert "calibrated for the ten crops only" in call(capsys, "evaluate", run)[1]
    assert "Calibrated for the ten crops only" in call(capsys, "predict", run)[1]
    assert json_of(capsys, "evaluate", run, "--ten-crop")["calibrated"]["temperature"] == result["temperature"]


def test_a_stale_calibration_is_named_and_not_used(calibrated, capsys):
    run, _ = calibrated
    altered(run, run / "best.safetensors", note="another file")
    for words in (["predict", run], ["evaluate", run]):
        code, out, err = call(capsys, *words)
        assert code == 0 and "calibrated" not in out.replace("best.calibration", "")
        assert [line for line in err.splitlines() if FILE in line] and "made for another best.safetensors" in err
    assert load(run).calibration is None
    assert json_of(capsys, "calibrate", run)["sha256"] == checkpoint_hash(run / "best.safetensors")
    assert load(run).calibration is not None


def test_a_damaged_calibration_is_one_line_and_can_be_replaced(calibrated, capsys):
    run, _ = calibrated
    values = json.loads((run / FILE).read_text())
    for edits in ({"temperature": 0}, {"view": "both"}, {"ece_after": 3}, {"threshold": "high"}, {"checkpoint": "x"}):
        (run / FILE).write_text(json.dumps(values | edits))
        refused(lambda: load(run).calibration, f"{FILE}: {next(iter(edits))}", error=UserError)
    for words in (["predict", run], ["evaluate", run]):
        code, _out, err = call(capsys, *words)
        assert code == 2 and err.count("\n") == 1 and f"{FILE}: checkpoint: found" in err
    assert call(capsys, "calibrate", run)[0] == 0
    assert call(capsys, "predict", run)[0] == 0


def test_an_unreachable_risk_leaves_no_threshold(run, trained, capsys):
    result = json_of(capsys, "calibrate", run, "--risk", 0.001)
    assert result["threshold"] is None and result["answered"] == {"pictures": 0, "share": 0, "wrong": 0}
    note = next(note for note in result["notes"] if note.startswith("No threshold: 80 pictures cannot promise"))
    least = float(note.split()[-1])
    assert json_of(capsys, "evaluate", run)["calibrated"]["answered"] == 0
    assert "it is not sure of any picture" in call(capsys, "evaluate", run)[1]
    assert not any(one["sure"] for one in json_of(capsys, "predict", run)["predictions"])
    out = call(capsys, "predict", run)[1]
    why = "It is not sure of any picture: no confidence is known from which at most 0.1% of the answers are wrong."
    said = " ".join(out.split())
    assert said.count("no confidence is known") == 1 and why in said and f"calibrate {run} --risk R" in said
    assert out.splitlines().count("  not sure") == len(json_of(capsys, "predict", run)["predictions"])
    p, split = own_probabilities(run, trained[1])
    for risk, found in ((least, True), (round(least - 0.01, 2), False)):
        again = study(p, split.labels, risk, False, result["sha256"]).calibration
        assert (again.threshold is not None) == found


def test_mistakes_are_one_line_and_leave_nothing(run, trained, tmp_path, capsys):
    other = write_easy(tmp_path / "small", 8, 8, size=32)
    one = write_easy(tmp_path / "one", 8, 1)
    (tmp_path / "mine").mkdir()
    shutil.copy(run / "best.safetensors", tmp_path / "mine" / "net.safetensors")
    Image.new("RGB", (2, 2)).save(tmp_path / "mine" / "net.calibration.png")
    for words, said in (
        ([run, "--risk", "0"], "--risk: found 0, expected above 0, and at most 1"),
        ([run, "--risk", "nan"], "--risk: found nan"),
        ([run, "--risk", "5"], "--risk: found 5"),
        ([tmp_path / "nosuch"], "nosuch: not found"),
        ([run, "--data", other], "expects pictures of 64 pixels"),
        ([run, "--data", one], "found 1 validation picture, expected at least 2: one to fit, one to judge"),
        ([tmp_path / "mine" / "net.safetensors", "--data", trained[1]], "exists and was not written by tinyalex"),
    ):
        code, out, err = call(capsys, "calibrate", *words)
        assert (code, out) == (2, "") and said in err and err.count("\n") == 1, err
    assert not list(tmp_path.rglob("*.calibration.json"))


def test_a_single_checkpoint_has_its_own(run, trained, capsys):
    result = json_of(capsys, "calibrate", run / "last.safetensors", "--data", trained[1])
    assert result["file"] == str(run / "last.calibration.json")
    assert load(run / "last.safetensors").calibration is not None and load(run).calibration is None


def test_several_networks_and_their_average(calibrated, trained, tmp_path, capsys):
    run, _ = calibrated
    other = altered(trained[0], tmp_path / "other.safetensors", params=None, note="")
    words = ["evaluate", run, tmp_path / "third.safetensors", "--data", trained[1], "--ensemble"]
    params = {name: 0.9 * value for name, value in open_run(trained[0], np).network.params.items()}
    altered(trained[0], tmp_path / "third.safetensors", params=params)
    result = json_of(capsys, *words)
    first, second = result["runs"]
    assert "calibrated" in first and "calibrated" not in second and "calibrated" not in result["ensemble"]
    out = call(capsys, *words)[1]
    assert f"{run / 'best.safetensors'}: calibrated" in out and "The ensemble averages the networks' own" in out
    assert other.exists()


def test_other_commands_do_not_mind_it(calibrated, trained, tmp_path, capsys):
    run, _ = calibrated
    assert len(json_of(capsys, "runs", run.parent)["runs"]) == 1
    assert call(capsys, "compare", run, trained[0])[0] == 0
    assert call(capsys, "export", run, tmp_path / "net.npz")[0] == 0
    assert call(capsys, "train", "--resume", run, "--epochs", "3")[0] == 0
    assert "made for another best.safetensors" in call(capsys, "predict", run)[2] or load(run).calibration


def test_company_changes_no_answer(calibrated, trained, monkeypatch):
    """A network whose numbers move with the size of the batch, as rounding may: decisions are those of one alone."""
    run, result = calibrated
    classifier, threshold = load(run), result["threshold"]
    T, K = result["temperature"], len(classifier.classes)
    rest = (1 - threshold) / (K - 1)
    on_the_line = np.array([threshold, *[rest] * (K - 1)]) ** T
    tie = np.array([0.4, 0.4, *[0.2 / (K - 2)] * (K - 2)])
    rows = np.stack([on_the_line / on_the_line.sum(), tie, np.eye(K)[2]]).astype(np.float32)

    def of_squares(squares, ten_crop):
        moved = rows[squares[:, 0, 0, 0]].copy()
        moved[:, 0] += 3e-7 * (-1) ** len(squares)
        return moved

    monkeypatch.setattr(classifier, "_of_squares", of_squares)
    S = classifier.run.view.size
    squares = np.zeros((3, S, S, 3), np.uint8) + np.arange(3, dtype=np.uint8)[:, None, None, None]

    def decided(chosen):
        return [(one.answers[0].id, one.sure) for one in classifier.classify(squares[chosen])]

    alone = [decided([n])[0] for n in range(3)]
    for company in ([0, 1], [0, 1, 2], [2, 1, 0, 0]):
        assert decided(company) == [alone[n] for n in company]
    monkeypatch.setattr("tinyalex.classifier.undecided", lambda p, calibration: np.zeros(len(p), bool))
    assert any(decided([0, 1])[n] != alone[n] for n in range(2)), "the test has no teeth"


def test_a_network_that_errs_nowhere_stays_as_sure_as_it_was():
    p = np.array([[0.7, 0.3]] * 200, np.float32)
    found = study(p, np.zeros(200, int), 0.05, False, "0" * 64)
    assert found.calibration.temperature == 1 and found.calibration.threshold == pytest.approx(0.7, abs=1e-4)
    assert "has no wrong answer" in found.notes[0]
    assert found.calibration.ece_before.mean == pytest.approx(0.3)


def test_a_temperature_that_does_harm_is_left_out():
    p = np.array([[0.7, 0.3]] * 8, np.float32)
    labels = np.zeros(8, int)
    labels[halves(labels)[0]] = 1  # one half says the contrary of the other; with one class they would be stratified
    fitted, judged = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tinyalex.runs.calibrated.halves", lambda labels, seed: (fitted, judged))
        found = study(p, labels, 0.05, False, "0" * 64)
    assert found.calibration.temperature == 1 and "made the other half's loss larger" in found.notes[-1]
    assert found.loss_before == found.loss_after == pytest.approx(-math.log(0.7))


def test_two_pictures_are_enough_and_one_is_not():
    p = np.array([[0.7, 0.3], [0.4, 0.6]], np.float32)
    found = study(p, np.array([0, 0]), 0.05, False, "0" * 64)
    assert found.calibration.pictures == 1 and LEAST <= found.calibration.temperature
    with pytest.raises(ValueError, match="expected at least 2"):
        study(p[:1], np.array([0]), 0.05, False, "0" * 64)


def test_a_checkpoint_that_changes_meanwhile_is_refused(run, capsys, monkeypatch):
    def evaluated(*args, **options):
        altered(run, run / "best.safetensors", note="a new epoch")
        return class_probabilities(*args, **options)

    monkeypatch.setattr(command, "class_probabilities", evaluated)
    code, _out, err = call(capsys, "calibrate", run)
    assert code == 2 and "was written meanwhile" in err and not (run / FILE).exists()


def test_no_calibration_is_none(run):
    assert find_calibration(open_run(run, np)) is None
