"""What a new network would change: counts by hand, both calibrations respected, and a page that needs no other file."""

import hashlib
import json
import re
import shutil

import pytest

from tests.checks import edited, refused
from tests.monitoring import traced
from tinyalex.classifier import Classifier
from tinyalex.cli import main
from tinyalex.errors import UserError
from tinyalex.library import load
from tinyalex.monitoring import changes
from tinyalex.monitoring.changes import Change, Said, compare_on_log
from tinyalex.monitoring.log import Log


@pytest.fixture
def made(tmp_path):
    return traced.make(tmp_path)


def numbers(made, first, second, **more):
    with Log.read_only(made.log) as log:
        return compare_on_log(log, load(first), load(second), quiet=True, **more).numbers()


# the labels of the nine kept pictures: two of class 0, three of class 1, one of class 2, three unknown


def test_another_answer_to_all(made):
    found = numbers(made, made.zero, made.one)
    counts = ("requests", "without_picture", "unreadable", "compared", "answered_by_first", "changed", "labelled")
    assert [found[key] for key in counts] == [10, 1, 0, 9, 9, 9, 6]
    assert (found["other_answer"], found["no_answer_any_more"], found["answered_now"]) == (9, 0, 0)
    assert (found["better"], found["worse"], found["neither"]) == (3, 2, 1)
    assert found["p"] == 1.0  # 2 · (1 + 5 + 10) / 32
    before, after = found["before"], found["after"]
    assert (before["right"], before["wrong"], before["none"]) == (2, 4, 0)
    assert (after["right"], after["wrong"], after["none"]) == (3, 3, 0) and after["coverage"] == 1
    assert before["error"][0] == pytest.approx(4 / 6) and before["error"][1] < 4 / 6 < before["error"][2]
    swapped = numbers(made, made.one, made.zero)
    assert (swapped["better"], swapped["worse"], swapped["answered_by_first"]) == (2, 3, 0)


def test_the_same_network_changes_nothing(made):
    found = numbers(made, made.zero, made.zero)
    assert (found["changed"], found["better"], found["worse"], found["neither"], found["p"]) == (0, 0, 0, 0, 1.0)


def test_both_calibrations_are_respected(made):
    """No answer is better than a wrong one, and worse than a right one."""
    traced.calibrate(made.one, 0.6)  # it says 0.576
    found = numbers(made, made.zero, made.one)
    assert (found["no_answer_any_more"], found["other_answer"], found["after"]["coverage"]) == (9, 0, 0)
    assert (found["better"], found["worse"], found["neither"]) == (4, 2, 0)
    assert found["after"]["error"] is None and found["after"]["none"] == 6
    traced.calibrate(made.zero, 0.6)
    found = numbers(made, made.zero, made.one)
    assert found["changed"] == 0, "two networks that are not sure say the same: nothing"
    traced.calibrate(made.one, 0.6, temperature=0.5)  # e² / (e² + 2) = 0.79
    found = numbers(made, made.zero, made.one)
    assert (found["answered_now"], found["better"], found["worse"]) == (9, 3, 3)
    traced.calibrate(made.one, None)
    assert numbers(made, made.zero, made.one)["changed"] == 0


def test_ten_crops_are_used_if_the_calibration_is_for_them(made, monkeypatch):
    asked = []
    for name, view in (("zero", "centre crop"), ("one", "ten crops")):
        traced.calibrate(getattr(made, name), 0.5, view=view)
    classify = Classifier.classify

    def noted(self, pictures, top=5, ten_crop=False):
        asked.append(ten_crop)
        return classify(self, pictures, top, ten_crop)

    monkeypatch.setattr(Classifier, "classify", noted)
    numbers(made, made.zero, made.one)
    assert asked == [False, True]


def said(class_id, sure=True):
    return Said(class_id, class_id, 0.5, sure)


def check_verdicts(kind, worth=None):
    table = {
        ("a", "b", "b"): "better",
        ("a", "b", "a"): "worse",
        ("a", "b", "c"): "neither",
        ("a", None, "a"): "worse",
        ("a", None, "b"): "better",
        (None, "a", "a"): "better",
        (None, "a", "b"): "worse",
        (None, None, "a"): "neither",
        ("a", "a", "a"): "neither",
        ("a", "b", None): "unknown",
    }
    for (before, after, truth), verdict in table.items():
        sides = [said(one or "a", one is not None) for one in (before, after)]
        one = kind(None, *sides, truth)
        assert one.verdict == verdict, (before, after, truth)
        assert one.changed == (before != after)
    assert not kind(None, said("a", False), said("b", False), "a").changed


def test_verdicts():
    check_verdicts(Change)


@pytest.mark.parametrize(
    "edits",
    [
        ("gain > 0", "gain < 0"),
        ("self.before.answer != self.after.answer", "self.before.class_id != self.after.class_id"),
        ('return "unknown"', 'return "neither"'),
        ("if gain > 0 else", "if gain > 1 else"),
    ],
)
def test_verdicts_teeth(edits):
    with pytest.raises(AssertionError):
        check_verdicts(edited(Change, *edits))


def test_worth_teeth(monkeypatch):
    monkeypatch.setattr(changes, "NONE", -1)
    with pytest.raises(AssertionError):
        check_verdicts(Change)


def test_only_the_newest(made):
    found = numbers(made, made.zero, made.one, newest=4)
    assert (found["requests"], found["compared"], found["labelled"]) == (4, 3, 0) and found["p"] == 1.0


def test_pictures_that_cannot_be_used(made, tmp_path):
    with Log.read_only(made.log) as log:
        kept = [traced.kept(made.log, log.request(id)) for id in log.ids()[::-1]]
    kept[0].write_bytes(b"changed")
    found = numbers(made, made.zero, made.one)
    assert (found["without_picture"], found["compared"]) == (2, 8)
    shutil.rmtree(kept[0].parent)
    refused(lambda: numbers(made, made.zero, made.one), "none of 10 requests", "requests-pictures", error=UserError)


def test_a_kept_file_that_is_no_picture(made, monkeypatch):
    data = b"not a picture"
    with Log(made.log) as log:
        first = log.request(log.ids()[0])
        about = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "at": 5000.0}
        log.add([type(first)(**vars(first) | about | {"id": f"text{n}"}) for n in range(2)])
        traced.kept(made.log, log.request("text0")).write_bytes(data)
    monkeypatch.setattr(changes, "pictures_at_once", lambda ten_crop: 2)  # several batches, the last with one
    found = numbers(made, made.zero, made.one)
    assert (found["requests"], found["unreadable"], found["without_picture"], found["compared"]) == (12, 2, 1, 9)


def test_equal_pictures_are_asked_once_and_counted_each(made, monkeypatch):
    with Log(made.log) as log:
        first = log.request(log.ids()[-1])
        log.add([type(first)(**vars(first) | {"id": f"twin{n}", "at": 5000.0 + n}) for n in range(3)])
    found = numbers(made, made.zero, made.one)
    assert (found["requests"], found["compared"], found["changed"], found["labelled"]) == (13, 12, 12, 6)


# ---------------------------------------------------------------------------------------------- the command


def test_the_page(made, capsys):
    out = made.folder / "changes"
    asked = ["trace", "--change", str(made.zero), str(made.one), "--log", str(made.log)]
    assert main([*asked, "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "9 of 10 logged requests were asked again; 1 had no kept picture." in told
    assert "3 would get better, 2 worse, 1 other but neither; p = 1 (McNemar's exact test), which may be chance" in told
    assert sorted(file.name for file in out.iterdir()) == ["changes.json", "index.html", "trace.json"]
    page = (out / "index.html").read_text()
    images = re.findall(r'<img src="(.*?)" alt="(.*?)">', page)
    assert len(images) == 9 and all(src.startswith("data:image/png;base64,") for src, _ in images)
    assert "dog &lt;b&gt;, 58%" in page and "<b>," not in page and "http" not in page and "<script" not in page
    for heading in (
        "Worse: 2",
        "Better: 3",
        "Other, but neither better nor worse: 1",
        "Not labelled, so nobody knows: 3",
    ):
        assert f"<h2>{heading}</h2>" in page
    assert page.count("labelled: tabby cat<") == 2 and page.count("labelled: ant<") == 1
    assert json.loads((out / "changes.json").read_text())["better"] == 3
    assert main([*asked, "--out", str(out)]) == 0, "an earlier page is replaced"
    capsys.readouterr()
    assert main([*asked, "--out", str(made.data)]) == 2
    assert "--out" in capsys.readouterr().err


def test_the_command_without_a_page(made, capsys):
    asked = ["trace", "--change", str(made.zero), str(made.one), "--log", str(made.log)]
    assert main(asked) == 0
    assert "See the pictures: " in capsys.readouterr().out
    traced.calibrate(made.one, 0.6)
    assert main([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["calibrated"] == [False, True] and len(found["changes"]) == 9
    assert found["changes"][0]["before"]["class_id"] == "class-0" and found["changes"][0]["verdict"] == "worse"
    assert found["changes"][0]["after"]["sure"] is False
    assert main(["trace", "--change", str(made.zero), "nosuch", "--log", str(made.log)]) == 2
    assert "nosuch" in capsys.readouterr().err


def test_long_sections_are_cut(made, monkeypatch, capsys):
    monkeypatch.setattr("tinyalex.monitoring.changes_page.SHOWN", 2)
    out = made.folder / "changes"
    assert main(["trace", "--change", str(made.zero), str(made.one), "--log", str(made.log), "--out", str(out)]) == 0
    page = (out / "index.html").read_text()
    assert page.count("<img") == 2 + 2 + 1 + 2 and "The first 2 of 3." in page
