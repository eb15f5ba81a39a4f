"""Parts of the traffic that fare worse than the rest: by class, by hour, by client, corrected for looking at many."""

import math
from typing import Any

import numpy as np

from tinyalex.monitoring.window import Window
from tinyalex.statistics import holm, wilson

LEAST = 5  # requests that a slice needs for a test
SINCE = 1e-3  # how unlikely a change in time must be, to be told
TESTS = "p_wrong", "p_unsure"
CUTS = 100  # times at which a slice may have changed, at most


def slices(window: Window, alarm_rate: float) -> dict[str, list[dict[str, Any]]]:
    """{kind: [a dict for each slice]}, those with the smallest p first.

    Of each slice: "requests", "unsure" of them without an answer, "labelled", "wrong" of these, with Wilson's intervals
    as (share, low, high) or None; "p_wrong" and "p_unsure", None if not tested, are corrected by Holm's method for all
    slices of all kinds together; "alarm" if one of them is at most `alarm_rate`; "since": for one with too many wrong
    answers, when that began, if it did within the window.
    """
    kinds = {
        "client": window.clients,
        window.period: window.periods,
        "true class": window.true_classes,
        "guessed class": window.guesses,
    }
    values = {kind: np.array(names, dtype=object) for kind, names in kinds.items()}
    found = {kind: _of_kind(window, kind, values[kind]) for kind in kinds}
    tested = [(one, key) for rows in found.values() for one in rows for key in TESTS if one[key] is not None]
    if tested:
        for (one, key), p in zip(tested, holm([one[key] for one, key in tested])):
            one[key] = p
    for kind, rows in found.items():
        for one in rows:
            striking = [key for key in TESTS if one[key] is not None and one[key] <= alarm_rate]
            here = np.flatnonzero((values[kind] == one["name"]) & window.labelled)
            one["alarm"], one["since"] = bool(striking), since(window, here) if "p_wrong" in striking else None
        rows.sort(
            key=lambda one: (min((one[key] for key in TESTS if one[key] is not None), default=2), -one["requests"])
        )
    return found


def _of_kind(window, kind, values):
    rows = []
    for name in sorted(set(values) - {"?"}):
        here = values == name
        labelled, unsure = here & window.labelled, here & ~window.sure
        wrong = here & window.wrong
        rows.append(
            {
                "name": name,
                "requests": int(here.sum()),
                "unsure": int(unsure.sum()),
                "labelled": int(labelled.sum()),
                "wrong": int(wrong.sum()),
                "wrong_share": share(int(wrong.sum()), int(labelled.sum())),
                "unsure_share": share(int(unsure.sum()), int(here.sum())),
                "p_wrong": _worse(here[window.labelled], window.wrong[window.labelled]),
                "p_unsure": None if kind == "true class" else _worse(here, ~window.sure),
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
    total = _log_ways(N, n)
    terms = [
        _log_ways(bad, x) + _log_ways(N - bad, n - x) - total for x in range(hits, min(n, bad) + 1) if n - x <= N - bad
    ]
    return min(1.0, math.fsum(map(math.exp, terms)))


def _log_ways(n, k):
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def since(window: Window, rows: np.ndarray) -> dict[str, Any] | None:
    """When some labelled requests began to be wrong more often: {"at", "before": (wrong, of), "after": (wrong, of)}.

    The cut with the smallest p by Fisher's exact test, if it is below SINCE after a correction for all cuts; else None.
    """
    if len(rows) < 2 * LEAST:
        return None
    wrong = np.concatenate([[0], np.cumsum(window.wrong[rows])])  # before each cut
    n, bad = len(rows), int(wrong[-1])
    cuts = np.unique(np.linspace(LEAST, n - LEAST, CUTS).astype(int)).tolist()
    ps = [at_least(bad - int(wrong[cut]), n - cut, bad, n) for cut in cuts]
    if min(ps) * len(ps) > SINCE:
        return None
    cut = cuts[ps.index(min(ps))]
    before = int(wrong[cut])
    return {"at": window.requests[rows[cut]].at, "before": (before, cut), "after": (bad - before, n - cut)}
