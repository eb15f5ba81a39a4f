"""How good the answers were: coverage, errors on what was labelled, and what the confidences promise for the rest."""

from collections import Counter
from typing import Any

import numpy as np

from tinyalex.monitoring.slices import share
from tinyalex.monitoring.window import Window

LEAST = 30  # labelled requests for the test of the promise


def answers(window: Window, alarm_rate: float) -> list[dict[str, Any]]:
    """A dict for each model that answered in the window: [{"hash", "run", "requests", …}], the busiest first.

    answered: requests with an answer;  coverage: their (share, low, high)
    labelled: requests whose true class is known;  wrong: those whose likeliest class was wrong, error: its share
    answered_labelled, answered_wrong, answered_error: the same for requests with an answer
    expected: the mean calibrated confidence of what was answered: the share of right answers if the calibration holds.
        None without a calibration, and without an answer
    tested: the labelled pictures, each once, that were answered with the present calibration
    promised, kept: of these, mean calibrated confidence and share of right guesses
    p: how often they would differ as much by chance if the calibration holds, both ways; None for fewer than LEAST
    """
    hashes = [hash for hash, _ in Counter(one.model for one in window.requests).most_common()]
    rate = alarm_rate / max(1, len(hashes))
    return [_of_one(window.where(lambda one: one.model == hash), hash, rate) for hash in hashes]


def _of_one(window, hash, alarm_rate):
    model, sure, labelled = window.models.get(hash), window.sure, window.labelled
    calibrated = bool(model and model.about.get("calibration"))
    recent = window.as_now(hash)
    tested = recent.once(recent.labelled)
    confidence, right = recent.confidence[tested], ~recent.wrong[tested]
    promised = calibrated and len(right) and not np.isnan(confidence).any()
    p = _p(confidence, right) if promised else None
    both = sure & labelled
    return {
        "hash": hash,
        "run": model.run if model else "",
        "model": model.about["model"] if model else "",
        "calibrated": calibrated,
        "requests": len(window),
        "answered": int(sure.sum()),
        "coverage": share(int(sure.sum()), len(window)),
        "labelled": int(labelled.sum()),
        "wrong": int(window.wrong.sum()),
        "error": share(int(window.wrong.sum()), int(labelled.sum())),
        "answered_labelled": int(both.sum()),
        "answered_wrong": int((window.wrong & sure).sum()),
        "answered_error": share(int((window.wrong & sure).sum()), int(both.sum())),
        "expected": float(np.nanmean(window.confidence[sure])) if calibrated and sure.any() else None,
        "tested": len(right),
        "promised": float(confidence.mean()) if promised else None,
        "kept": float(right.mean()) if promised else None,
        "p": p,
        "alarm": p is not None and p <= alarm_rate,
    }


def _p(confidence, right):
    """How often as many answers more or fewer than Σ confidence would be right by chance, if the confidences hold."""
    if len(right) < LEAST:
        return None
    expected = confidence.sum()
    off = np.abs(np.arange(len(right) + 1) - expected)
    return min(1.0, float(chances(confidence)[off >= abs(right.sum() - expected) - 1e-9].sum()))


def chances(p: np.ndarray) -> np.ndarray:
    """The probability of 0, 1, … N hits in N independent trials that hit with probabilities p: (N + 1,), float64."""
    found = np.ones(1)
    for one in p:
        found = np.append(found * (1 - one), 0) + np.append(0, found * one)
    return found
