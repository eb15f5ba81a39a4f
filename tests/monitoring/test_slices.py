"""Parts of the traffic: their counts, the tests that compare them, and the correction for making many."""

from math import comb

import numpy as np
import pytest

from tests.monitoring.test_log import request
from tinyalex.monitoring import slices as module
from tinyalex.monitoring.log import LoggedModel
from tinyalex.monitoring.slices import TESTS, at_least, slices
from tinyalex.monitoring.window import Window
from tinyalex.statistics import holm, wilson


def a_window(rows, picture=lambda n: n):
    """Of (client, hour, label, truth, sure), on two classes. picture: the number of each request's"""
    about = {"model": "m", "class_ids": ["n1", "n2"], "class_names": ["cat", "dog"], "calibration": None}
    requests = [
        request(n, at=3600.0 * hour, client=client, label=label, sure=sure, sha256=f"{picture(n):064x}")
        for n, (client, hour, label, _, sure) in enumerate(rows)
    ]
    return Window(requests, [row[3] for row in rows], {"a" * 64: LoggedModel("a" * 64, "run", about)})


def test_slices_count_and_correct_for_their_number():
    rng = np.random.default_rng(0)
    rows = [("ab"[n % 2], n // 30, 1, int(rng.random() < 0.7), True) for n in range(90)]
    rows += [("c", 3, 1, 0, False)] * 12 + [("a", 3, 1, None, True)] * 10
    window = a_window(rows)
    found = slices(window, 0.01)
    (c,) = [one for one in found["client"] if one["name"] == "c"]
    assert (c["requests"], c["unsure"], c["labelled"], c["wrong"]) == (12, 12, 12, 12) and c["alarms"] == [
        "p_wrong",
        "p_unsure",
    ]
    assert found["client"][0] is c, "the most striking first"
    (a,) = [one for one in found["client"] if one["name"] == "a"]
    assert (a["requests"], a["labelled"]) == (55, 45) and not a["alarms"]
    assert (a["wrong_share"][1], a["wrong_share"][2]) == (lambda i: (i.low, i.high))(wilson(a["wrong"], 45))
    bad, raw = int(window.wrong.sum()), at_least(12, 12, int(window.wrong.sum()), 102)
    tested = [one[key] for rows in found.values() for one in rows for key in TESTS if one[key] is not None]
    assert c["p_wrong"] > raw and bad > 12
    assert c["p_wrong"] <= min(1, len(tested) * raw) and holm(tested)[0] >= tested[0]


def test_a_change_in_time_is_told_with_its_time():
    rows = [("a", n / 60, 0, int(n >= 20), True) for n in range(40)]
    rows += [("b", 1 + n / 60, 0, n % 2, True) for n in range(40)]
    found = {one["name"]: one for one in slices(a_window(rows), 0.01)["client"]}
    assert found["a"]["alarms"] == ["p_since"] and not found["b"]["alarms"] and found["b"]["since"] is None
    assert found["a"]["since"] == {"at": 1200.0, "before": (0, 20), "after": (20, 20)}
    mended = [(client, 2 - hour, label, truth, sure) for client, hour, label, truth, sure in rows[::-1]]
    assert not any(one["alarms"] for one in slices(a_window(mended), 0.01)["client"]), "it became better"


def test_at_least_is_fishers_exact_test():
    for hits, n, bad, N in (
        (3, 5, 4, 20),
        (0, 5, 4, 20),
        (5, 5, 5, 20),
        (2, 12, 4, 15),
        (4, 5, 4, 20),
        (0, 18, 4, 20),
        (0, 3, 0, 8),
    ):
        total = sum(comb(bad, x) * comb(N - bad, n - x) for x in range(hits, min(n, bad) + 1) if n - x <= N - bad)
        assert at_least(hits, n, bad, N) == pytest.approx(total / comb(N, n))


def test_too_few_requests_are_not_tested():
    rows = [("four", 0, 0, 0, True)] * 4 + [("five", 0, 0, 1, True)] * 5 + [("rest", 0, 0, 0, True)] * 4
    found = {one["name"]: one for one in slices(a_window(rows), 0.5)["client"]}
    assert found["four"]["p_wrong"] is None is found["four"]["p_unsure"] and found["five"]["p_wrong"] < 0.5
    (hour,) = slices(a_window(rows), 0.5)["hour"]
    assert hour["p_wrong"] is None, "there is no rest"
    enough = [("a", 0, 0, 0, True)] * 5 + [("a", 1, 0, 1, True)] * 5 + [("b", 1, 0, 0, True)] * 9
    found = {one["name"]: one for one in slices(a_window(enough), 0.5)["client"]}
    assert found["a"]["p_since"] is not None and found["b"]["p_since"] is None
    nine = {one["name"]: one for one in slices(a_window(enough[:10] + enough[:4]), 0.5)["hour"]}
    assert nine["1970-01-01 01:00"]["p_wrong"] is not None, "five, beside nine"
    assert slices(a_window([]), 0.5) == {"client": [], "hour": [], "true class": [], "guessed class": []}


def test_kinds_have_the_tests_that_mean_something():
    found = slices(a_window([("ab"[n % 2], n % 3, n % 2, n // 2 % 2, n % 5 > 0) for n in range(60)]), 0.01)
    for key in ("p_unsure", "p_wrong"):  # classes differ without any trouble
        assert {kind for kind, rows in found.items() if rows[0][key] is None} == {"true class", "guessed class"}
    assert {kind for kind, rows in found.items() if rows[0]["p_since"] is None} == {"hour"}, "an hour has no past"
    assert [one["name"] for one in found["true class"]] in (["cat", "dog"], ["dog", "cat"])


def test_of_equal_slices_the_busier_comes_first_and_the_rarest_are_left_out(monkeypatch):
    rows = [(client, 0, 0, None, True) for client, count in (("a", 1), ("b", 3), ("c", 2)) for _ in range(count)]
    assert [one["name"] for one in slices(a_window(rows), 0.01)["client"]] == ["b", "c", "a"]
    monkeypatch.setattr(module, "MOST", 2)
    assert [one["name"] for one in slices(a_window(rows), 0.01)["client"]] == ["b", "c"]
    assert slices(a_window(rows), 0.01)["client"][0]["wrong_share"] is None


def test_a_p_at_the_rate_is_an_alarm():
    rows = [("a", 0, 0, 1, True)] * 5 + [("b", 0, 0, 0, True)] * 9
    (a, _) = slices(a_window(rows), 1e-9)["client"]
    assert not a["alarms"]
    (a, _) = slices(a_window(rows), a["p_wrong"])["client"]
    assert a["alarms"] == ["p_wrong"]


def test_a_harder_class_is_no_trouble():
    rng = np.random.default_rng(0)
    rows = [("a", n / 60, n % 2, (n + (rng.random() < (0.1, 0.5)[n % 2])) % 2, n % 2 == 0) for n in range(400)]
    found = slices(a_window(rows), 0.01)
    assert not any(one["alarms"] for kind in found.values() for one in kind)
    worse = rows + [("a", 7 + n / 60, 0, 1, True) for n in range(40)]
    assert [one["name"] for one in slices(a_window(worse), 0.01)["guessed class"] if one["alarms"]] == ["cat"]


def test_a_picture_sent_again_is_no_evidence():
    rows = [("ab"[n % 2], 0, 0, 0, True) for n in range(100)] + [("c", 0, 0, 1, False)] * 50
    (c,) = [one for one in slices(a_window(rows), 0.01)["client"] if one["name"] == "c"]
    assert c["alarms"] == ["p_wrong", "p_unsure"]
    (c,) = [one for one in slices(a_window(rows, lambda n: min(n, 100)), 0.01)["client"] if one["name"] == "c"]
    assert (c["requests"], c["wrong"], c["p_wrong"], c["p_unsure"]) == (50, 50, None, None), "all are counted"


def test_of_a_picture_sent_again_the_label_counts_wherever_it_came():
    rows = [("a", 0, 0, None, True)] * 20 + [("a", 0, 0, 1, True)] * 20 + [("b", 0, 0, 0, True)] * 40
    found = {one["name"]: one for one in slices(a_window(rows, lambda n: n % 20 if n < 40 else n), 0.01)["client"]}
    assert found["a"]["alarms"] == ["p_wrong"]
