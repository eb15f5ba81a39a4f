"""Parts of the traffic that fare worse than the rest: by class, by hour, by client, corrected for looking at many."""

from collections import Counter
from functools import cache
from typing import Any

import numpy as np

from tinyalex.monitoring.window import Window
from tinyalex.statistics import holm, wilson

LEAST = 5  # requests that a slice needs for a test
MOST = 200  # slices of a kind, the busiest
TESTS = "p_wrong", "p_since", "p_unsure"
CLASSES = "true class", "guessed class"
CUTS = 30  # times at which a slice may have changed, at most


def slices(window: Window, alarm_rate: float) -> dict[str, list[dict[str, Any]]]:
    """{kind: [a dict for each slice]}, those with the smallest p first.

    A slice has "requests", "unsure" of them without an answer, "labelled", "wrong" of these, with Wilson's intervals
    as (share, low, high) or None. Three tests, each None if not made, look for more wrong labelled requests than in the
    rest ("p_wrong") or than in its own past ("p_since"), and for more without an answer than in the rest ("p_unsure").
    They count a picture once, however often it was sent. A class is compared with its own past only, since some classes
    are harder than others without any trouble.
    They are corrected by Holm's method for all slices of all kinds together. alarms: the tests with p ≤ `alarm_rate`
    since: when it began to be wrong, {"at", "before": (wrong, of), "after": (wrong, of)}; None without such an alarm
    """
    kinds = {
        "client": window.clients,
        window.period: window.periods,
        "true class": window.true_classes,
        "guessed class": window.guesses,
    }
    found = {kind: _of_kind(window, kind, np.array(names, dtype=object)) for kind, names in kinds.items()}
    tested = [(one, key) for rows in found.values() for one in rows for key in TESTS if one[key] is not None]
    if tested:
        for (one, key), p in zip(tested, holm([one[key] for one, key in tested])):
            one[key] = p
    for rows in found.values():
        for one in rows:
            one["alarms"] = [key for key in TESTS if one[key] is not None and one[key] <= alarm_rate]
            if "p_since" not in one["alarms"]:
                one["since"] = None
        rows.sort(key=lambda one: (smallest_p(one), -one["requests"]))
    return found


def smallest_p(one: dict[str, Any]) -> float:
    """The smallest p of a slice's tests; 2 without any."""
    return min((one[key] for key in TESTS if one[key] is not None), default=2.0)


def _of_kind(window, kind, values):
    rows, labelled = [], window.labelled
    once, tested = window.once(np.ones(len(window), bool)), window.once(labelled)
    for name, requests in Counter(values[values != "?"]).most_common(MOST):
        here = values == name
        unsure, known, wrong = (int((here & which).sum()) for which in (~window.sure, labelled, window.wrong))
        p_since, began = (None, None) if kind == window.period else since(window, np.flatnonzero(here & tested))
        rows.append(
            {
                "name": name,
                "requests": requests,
                "unsure": unsure,
                "labelled": known,
                "wrong": wrong,
                "wrong_share": share(wrong, known),
                "unsure_share": share(unsure, requests),
                "p_wrong": None if kind in CLASSES else _worse(here[tested], window.wrong[tested]),
                "p_since": p_since,
                "p_unsure": None if kind in CLASSES else _worse(here[once], ~window.sure[once]),
                "since": began,
            }
        )
    return rows


def share(hits: int, of: int) -> tuple[float, float, float] | None:
    """(share, low, high) by Wilson's interval; None of nothing."""
    if not of:
        return None
    interval = wilson(hits, of)
    return interval.mean, interval.low, interval.high


def _worse(here, bad):
    """p that a part `here` (N,) has this share of `bad` (N,) or more by chance; None for too few in it or besides."""
    n, N = int(here.sum()), len(here)
    if n < LEAST or N - n < LEAST:
        return None
    return at_least(int((here & bad).sum()), n, int(bad.sum()), N)


def at_least(hits: int, n: int, bad: int, N: int) -> float:
    """P(X ≥ hits) if n of N are drawn without replacement, `bad` of the N are bad, and X of those drawn are.

    Fisher's exact test, one-sided: one that does not take the rest of the traffic for the truth.
    """
    x = np.arange(max(hits, n - (N - bad)), min(n, bad) + 1)
    terms = _log_ways(bad, x) + _log_ways(N - bad, n - x) - _log_ways(N, n)
    return min(1.0, float(np.exp(terms).sum()))


def _log_ways(n, k):
    """log C(n, k)."""
    f = _log_factorials(int(n).bit_length())
    return f[n] - f[k] - f[n - k]


@cache
def _log_factorials(bits):
    """log n! of n = 0 … 2^bits − 1."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1.0, 2**bits)))])


def since(window: Window, rows: np.ndarray) -> tuple[float | None, dict[str, Any] | None]:
    """(p, when) some labelled requests began to be wrong more often; (None, None) for too few.

    when: {"at", "before": (wrong, of), "after": (wrong, of)}, for the cut with the smallest p by Fisher's exact test;
    p: that, times the number of cuts that were tried
    """
    n = len(rows)
    if n < 2 * LEAST:
        return None, None
    wrong = np.concatenate([[0], np.cumsum(window.wrong[rows])])  # before each cut
    bad = int(wrong[-1])
    cuts = np.unique(np.linspace(LEAST, n - LEAST, CUTS).astype(int)).tolist()
    ps = [at_least(bad - int(wrong[cut]), n - cut, bad, n) for cut in cuts]
    cut = cuts[ps.index(min(ps))]
    before = int(wrong[cut])
    began = {"at": window.requests[rows[cut]].at, "before": (before, cut), "after": (bad - before, n - cut)}
    return min(1.0, min(ps) * len(ps)), began
