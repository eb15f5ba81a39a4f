"""The report: planted troubles are found and named, none are invented, and every corner is said in words."""

import json
import random
import time
from dataclasses import replace
from itertools import combinations
from math import comb

import numpy as np
import pytest

from tests.checks import refused
from tests.monitoring import logs
from tests.monitoring.logs import DISAGREES, FAILING, GUILTY, LIVE, RECOMPRESSED, SHADOW, START, make_log
from tests.monitoring.test_log import request
from tinyalex.errors import UserError
from tinyalex.monitoring import drift
from tinyalex.monitoring import report as module
from tinyalex.monitoring.answers import answers, chances
from tinyalex.monitoring.log import Log, LoggedModel
from tinyalex.monitoring.page import report_page
from tinyalex.monitoring.report import report
from tinyalex.monitoring.window import Window
from tinyalex.statistics import wilson


@pytest.fixture(autouse=True)
def few_deals(monkeypatch):
    monkeypatch.setattr(drift, "DEALS", 100)
    monkeypatch.setattr(drift, "IN_THE_TAIL", 1)


def report_of(path, alarm_rate=0.04, **chosen):
    with Log.read_only(path) as log:
        found = report(log, alarm_rate=alarm_rate, **chosen)
    json.dumps(found, allow_nan=False)  # it is JSON
    return found


def states(found):
    return {one["topic"].split(" of ")[0].split(" 2")[0]: one["state"] for one in found["findings"]}


def finding(found, topic):
    (one,) = [one for one in found["findings"] if one["topic"].startswith(topic)]
    return one


# ---------------------------------------------------------------------------------------------- troubles


def test_three_planted_troubles_are_told_with_what_was_compared_and_what_to_look_at(tmp_path):
    make_log(tmp_path / "x.db")
    found = report_of(tmp_path / "x.db", since=START)
    pictures, part, shadow = (finding(found, topic) for topic in ("Pictures", "Slices", "Shadow"))
    assert pictures["state"] == part["state"] == "alarm" and shadow["state"] == "look"
    assert pictures["points"][0].startswith(f"client {GUILTY} (236): sharpness 0.85, was 0.949"), (
        "the worst comes first"
    )
    assert "2,000 different pictures with the 3,000 validation pictures" in pictures["text"]
    assert "re-compression" in pictures["look"]
    assert part["points"][0].startswith("true class goldfish: 49 of 73 labelled are wrong; since 06-01 10:0")
    assert "guessed class orange" in part["points"][1] and "784 are labelled" in part["text"]
    assert "229 of 2,000" in shadow["text"] and "tiger for tabby (164)" in shadow["text"]
    assert "the live model errs less" in shadow["text"] and found["requests"] == 2000


def test_the_newest_are_compared_with_the_first_files_of_the_log(tmp_path):
    make_log(tmp_path / "x.db")
    found = report_of(tmp_path / "x.db")
    assert found["requests"] == module.NEWEST and found["from"] == "2026-06-01 10:00:00"
    files = finding(found, "Files")
    assert files["state"] == "alarm" and files["points"][0].startswith(f"client {GUILTY}")
    assert "bytes a pixel" in files["points"][0] and "the first 1,000 pictures of this log" in files["text"]
    quiet = report_of(tmp_path / "x.db", until=START + 3600)
    assert quiet["files"] is None and any("fewer than 30 pictures from before" in note for note in quiet["notes"])


@pytest.mark.parametrize("troubles", [(), *combinations(logs.TROUBLES, 1)])
def test_a_trouble_raises_its_own_alarm_and_no_other(tmp_path, troubles):
    make_log(tmp_path / "x.db", troubles=troubles, seed=3)
    found = report_of(tmp_path / "x.db", since=START)
    bad = {"Slices": FAILING in troubles, "Pictures and scores": RECOMPRESSED in troubles or FAILING in troubles}
    assert {topic: states(found)[topic] == "alarm" for topic in bad} == bad
    (shadow,) = found["shadows"]
    assert (shadow["share"][0] > 0.06) == (DISAGREES in troubles)
    assert {one["name"] for one in found["slices"]["true class"] if one["alarms"]} <= {"goldfish"}


def test_without_trouble_alarms_are_as_rare_as_wanted(tmp_path, monkeypatch):
    monkeypatch.setattr(drift, "DEALS", 40)
    alarms = 0
    for seed in range(20):
        make_log(tmp_path / f"{seed}.db", 150, troubles=(), seed=seed, reference=300, shadow=False)
        found = report_of(tmp_path / f"{seed}.db", newest=100, alarm_rate=0.2)
        alarms += any(one["state"] == "alarm" for one in found["findings"])
    assert wilson(alarms, 20, 0.99).low <= 0.2, f"{alarms} of 20"


def test_a_calibration_that_no_longer_holds_is_told(tmp_path):
    make_log(tmp_path / "x.db", troubles=())
    with Log.read_only(tmp_path / "x.db") as log:
        window = Window.of(log, log.requests())
    (kept,) = answers(window, 0.01)
    assert (
        not kept["alarm"]
        and kept["p"] > 0.01
        and kept["labelled"] == kept["answered_labelled"] + int((window.labelled & ~window.sure).sum())
    )
    for change in (0.15, -0.15):  # too sure of itself, and not sure enough
        requests = [replace(one, confidence=min(1.0, max(0, one.confidence + change))) for one in window.requests]
        (found,) = answers(Window(requests, window.truths, window.models), 0.01)
        assert found["alarm"] and found["promised"] == pytest.approx(kept["promised"] + change, abs=0.06)


# ---------------------------------------------------------------------------------------------- corners


def test_an_empty_log_one_request_and_no_labels_are_said_in_words(tmp_path):
    for count, labelled in ((0, 0.0), (1, 0.0), (1, 1.0), (40, 0.0)):
        path = tmp_path / f"{count}-{labelled}.db"
        make_log(path, count, labelled=labelled)
        found = report_of(path)
        assert found["requests"] == count and not [one for one in found["findings"] if one["state"] == "alarm"]
    assert report_of(tmp_path / "0-0.0.db")["findings"][0]["text"] == "No request was logged in this time."
    found = report_of(tmp_path / "1-1.0.db")
    assert "too few" in " ".join(found["notes"]) and states(found)["Slices"] == "unknown"
    assert "which 30 labels would tell" in finding(report_of(tmp_path / "40-0.0.db"), "Answers")["text"]


def test_without_calibration_or_reference_nothing_is_promised_or_compared(tmp_path):
    make_log(tmp_path / "x.db", 200, calibrated=False, reference=0, shadow=False)
    found = report_of(tmp_path / "x.db")
    assert found["models"][0]["expected"] is None and found["models"][0]["p"] is None
    assert "promise nothing" in finding(found, "Answers")["text"]
    assert found["drift"] == [] and "has no reference" in " ".join(found["notes"]) and found["shadows"] == []


def test_a_reference_of_another_checkpoint_or_calibration_is_not_trusted(tmp_path):
    make_log(tmp_path / "x.db", 200)
    with Log(tmp_path / "x.db") as log:
        model = log.model(LIVE)
        hotter = model.about | {"calibration": model.about["calibration"] | {"temperature": 2.0}}
        log.add_model(replace(model, about=hotter, since=START + 1))
    found = report_of(tmp_path / "x.db")
    assert "calibrated anew" in " ".join(found["notes"])
    compared = {test["column"] for test in found["drift"][0]["tests"]}
    assert "sharpness" in compared and not compared & {"confidence", "entropy"}
    with Log(tmp_path / "x.db") as log:
        log.add_model(replace(model, reference=model.reference | {"checkpoint": SHADOW}, since=START + 2))
    refused(lambda: report_of(tmp_path / "x.db"), LIVE[:12], SHADOW[:12], error=UserError)
    with Log(tmp_path / "x.db") as log:
        log.add_model(replace(model, reference={"columns": 3}, since=START + 3))
    refused(lambda: report_of(tmp_path / "x.db"), "x.db", "reference", error=UserError)


def test_several_models_in_one_window_are_told_apart(tmp_path):
    make_log(tmp_path / "x.db", 120, troubles=())
    with Log(tmp_path / "x.db") as log:
        ids = ["m2", "m0", "m1"]  # another order of classes
        about = {"model": "other", "class_ids": ids, "class_names": ids, "calibration": None}
        log.add_model(LoggedModel("3" * 64, "runs/third", about, None, START))
        log.add([request(START + n, id=f"other-{n}", model="3" * 64, label=1, top=((1, 1.0),)) for n in range(10)])
        log.add_label("other-3", "m0", START)
        log.add_label("other-4", "m2", START)
    found = report_of(tmp_path / "x.db", newest=500)
    other = {one["hash"]: one for one in found["models"]}["3" * 64]
    assert (other["requests"], other["labelled"], other["wrong"]) == (10, 2, 1)
    assert [one["hash"] for one in found["models"]] == [LIVE, "3" * 64], "the busiest first"


def test_arguments_out_of_range(tmp_path):
    make_log(tmp_path / "x.db", 3)
    for chosen, words in (({"alarm_rate": 0.0}, "alarm_rate"), ({"alarm_rate": 1.0}, "0.5"), ({"newest": 0}, "newest")):
        refused(lambda: report_of(tmp_path / "x.db", **chosen), words, error=UserError)


def test_hours_are_utc_wherever_the_operator_is(tmp_path, monkeypatch):
    make_log(tmp_path / "x.db", 8)
    for zone in ("UTC", "Asia/Kolkata", "America/Los_Angeles"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        found = report_of(tmp_path / "x.db")
        assert [one["name"][-5:] for one in found["traffic"]["periods"]] == ["08:00", "09:00", "10:00", "11:00"], zone
    monkeypatch.undo()
    time.tzset()


def test_a_long_window_is_divided_into_days(tmp_path):
    make_log(tmp_path / "x.db", 100, hours=96)
    found = report_of(tmp_path / "x.db")
    assert found["period"] == "day"
    assert [one["name"] for one in found["traffic"]["periods"]] == [f"2026-06-0{day}" for day in range(1, 6)]


def test_a_picture_sent_again_counts_once_for_drift(tmp_path):
    make_log(tmp_path / "x.db", 300, troubles=(), shadow=False)
    with Log(tmp_path / "x.db") as log:
        one = max(log.requests(), key=lambda one: one.brightness)
        log.add([replace(one, id=f"again-{n}", at=one.at + n) for n in range(200)])
    found = report_of(tmp_path / "x.db", newest=1000)
    assert found["requests"] == 500 and found["drift"][0]["pictures"] == 300
    assert states(found)["Pictures and scores"] == "fine"


def test_a_large_window_is_compared_by_a_sample(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "COMPARED", 90)
    make_log(tmp_path / "x.db", 300)
    found = report_of(tmp_path / "x.db", newest=200)
    assert found["requests"] == 200 and found["drift"][0]["pictures"] == found["files"]["pictures"] == 90
    assert found == report_of(tmp_path / "x.db", newest=200), "the sample is the same each time"


def test_the_strangest_pictures_are_shown_if_they_were_kept(tmp_path):
    make_log(tmp_path / "x.db", 60)
    assert {one["picture"] for one in report_of(tmp_path / "x.db")["unlike"]} == {None}
    logs.keep_pictures(tmp_path / "x.db", 3)
    found = report_of(tmp_path / "x.db")["unlike"]
    assert [one["picture"] is not None for one in found] == [True] * 3 + [False] * 9
    assert [one["novelty"] for one in found] == sorted((one["novelty"] for one in found), reverse=True)
    assert found[0]["picture"].startswith("data:image/png;base64,")
    for file in (tmp_path / "x-pictures").iterdir():
        file.write_bytes(b"not a picture")
    assert {one["picture"] for one in report_of(tmp_path / "x.db")["unlike"]} == {None}


def test_a_damaged_log_is_told_in_one_line_or_read(tmp_path):
    make_log(tmp_path / "x.db", 60, reference=60)
    content, told = (tmp_path / "x.db").read_bytes(), 0
    for seed in range(30):
        draw, damaged = random.Random(seed), bytearray(content)
        for _ in range(draw.choice([1, 3, 20])):
            place, length = draw.randrange(len(damaged)), draw.choice([1, 4, 40])
            damaged[place : place + length] = draw.randbytes(len(damaged[place : place + length]))
        (tmp_path / "y.db").write_bytes(damaged)
        try:
            report_page(report_of(tmp_path / "y.db"))
        except UserError as error:
            told += 1
            assert "\n" not in str(error)
    assert 0 < told < 30


def test_answers_from_before_a_calibration_are_not_held_against_it(tmp_path):
    make_log(tmp_path / "x.db", 400, troubles=())
    with Log(tmp_path / "x.db") as log:
        rows, model = log.requests(), log.model(LIVE)
        middle = rows[200].at
        bold = [replace(one, id=f"b{n}", confidence=0.99999) for n, one in enumerate(rows[:200])]
        newer = model.about | {"calibration": model.about["calibration"] | {"risk": 0.2}}
        log.add_model(replace(model, since=middle, about=newer))
        window = Window.of(log, bold + rows[200:])
        truths = [(n % 2 * 9 + one.label) % 10 for n, one in enumerate(bold)] + window.truths[200:]
    (found,) = answers(Window(window.requests, truths, window.models, window.changed), 0.01)
    assert window.changed == {LIVE: middle} and found["p"] > 0.01 and found["requests"] == 400
    assert found["tested"] == int(window.labelled[200:].sum()) < found["labelled"]
    (blamed,) = answers(Window(window.requests, truths, window.models), 0.01)
    assert blamed["alarm"], "without the time of the change"


def test_chances_are_those_of_independent_trials():
    assert chances(np.full(5, 0.3)) == pytest.approx([comb(5, k) * 0.3**k * 0.7 ** (5 - k) for k in range(6)])
    assert chances(np.array([1.0, 0.25])) == pytest.approx([0, 0.75, 0.25])


def test_a_promise_of_many_answers_can_be_broken_at_any_rate():
    rows = [request(n, sha256=f"{n:064x}", label=0, confidence=0.9, top=((0, 0.9),)) for n in range(500)]
    about = {"model": "m", "class_ids": ["a", "b"], "class_names": ["a", "b"], "calibration": {"temperature": 1.0}}
    window = Window(rows, [1] * 500, {"a" * 64: LoggedModel("a" * 64, "run", about)})
    (found,) = answers(window, 1e-9)
    assert found["alarm"] and found["p"] < 1e-100


def test_a_few_answers_before_distances_were_known_do_not_end_the_comparison(tmp_path):
    make_log(tmp_path / "x.db", 300, troubles=())
    for unknown, said in ((1, "1 pictures are not compared"), (295, "distances to training pictures are not compared")):
        with Log(tmp_path / "x.db") as log:
            some = f"SELECT rowid FROM requests ORDER BY at LIMIT {unknown}"
            log.db.execute(f"UPDATE requests SET novelty = NULL WHERE rowid IN ({some})")
            log.db.commit()
        found = report_of(tmp_path / "x.db", newest=300)
        compared = {test["column"] for test in found["drift"][0]["tests"]}
        assert (
            said in " ".join(found["notes"]) and ("novelty" in compared) == (unknown == 1) and "sharpness" in compared
        )
