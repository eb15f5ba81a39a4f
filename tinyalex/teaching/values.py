"""Compare a learner's arrays with the right ones: equal to rounding, by what factor, how far off."""

import numpy as np

RTOL = 1e-6
ATOL = 1e-9  # relative to the largest entry


def agree(found, expected):
    """Whether two arrays agree in shape and in every entry, to rounding."""
    return found.shape == expected.shape and bool(np.all(close(found, expected)))


def close(found, expected):
    """Compare entry by entry: integers exactly, others to rounding; NaN equals NaN."""
    if expected.dtype.kind in "biu":
        return found == expected
    return np.isclose(found, expected, rtol=RTOL, atol=ATOL * scale(expected), equal_nan=True)


def scale(expected):
    """The largest magnitude among the finite entries."""
    return float(np.abs(expected[np.isfinite(expected)], dtype=np.float64).max(initial=0.0))


def relative_error(found, expected):
    """The largest difference between finite entries, relative to the largest finite entry of `expected`."""
    finite = np.isfinite(expected) & np.isfinite(found)
    difference = found[finite].astype(np.float64) - expected[finite].astype(np.float64)
    return float(np.abs(difference).max(initial=0.0)) / (scale(expected) or 1.0)


def ratio_of(found, expected):
    """The factor between two arrays, or None if there is no common one."""
    if found.shape != expected.shape or expected.dtype.kind == "b":
        return None
    nonzero = np.abs(expected) > ATOL * np.abs(expected).max(initial=0.0)
    if not nonzero.any():
        return None
    r = float(np.median(found[nonzero] / expected[nonzero]))
    if expected.dtype.kind in "iu":
        return r if r != 0 and np.allclose(found, r * expected, rtol=1e-12, atol=0) else None
    return r if r != 0 and agree(found, r * expected) else None


def digits(found, expected):
    """Two numbers as texts: integers in full, others with six digits, or in full if those agree."""
    texts = [f"{v:,}" if isinstance(v, int) else f"{v:.6g}" for v in (found.item(), expected.item())]
    return texts if texts[0] != texts[1] else [repr(found.item()), repr(expected.item())]


def different(arrays):
    """How many different numbers some arrays hold."""
    return len(np.unique(np.concatenate([np.ravel(a) for a in arrays])))
