"""How far arrays are from each other as a whole, and words for where."""

import numpy as np

from tests.checks import host

FIRST = 10  # entries to show


def close(found, expected, what, most):
    """‖found − expected‖ ≤ most · ‖expected‖; the first entries that differ, if not."""
    found, expected = host(found), host(expected)
    assert found.shape == expected.shape, f"{what}: shape {found.shape}, expected {expected.shape}"
    off = found.astype("float64") - expected
    error, norm = np.linalg.norm(off), np.linalg.norm(expected.astype("float64"))
    if error <= most * norm:
        return
    usual = most * norm / off.size**0.5
    wrong = np.argwhere(~(np.abs(off) <= 4 * usual))
    first = [f"{tuple(map(int, i))}: {found[*i]!r}, expected {expected[*i]!r}" for i in wrong[:FIRST]]
    raise AssertionError(
        f"{what} {found.shape}, {found.dtype}: relative error {error / norm:.2g}, expected at most {most:g}; "
        f"{len(wrong)} of {off.size} entries are off by more than {4 * usual:.2g}, the first:\n" + "\n".join(first)
    )
