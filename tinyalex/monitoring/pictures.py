"""Three numbers that say what a prepared picture is like: they move when light, camera or compression change."""

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, as in JPEG
STATISTICS = ("brightness", "contrast", "sharpness")


def picture_statistics(pictures: np.ndarray) -> dict[str, np.ndarray]:
    """{"brightness", "contrast", "sharpness"} of uint8 pictures (N, S, S, 3): float64 (N,) each, of the grey levels y.

    brightness: their mean, 0 to 255;  contrast: their standard deviation
    sharpness: √(Σ (∇²y)² / Σ |∇y|²), with neighbouring pixels' differences: from 0, flat, to √8, a chessboard. It is a
        mean frequency, so neither light nor contrast moves it, and it differs less from picture to picture than ∇²y.
    """
    rows = np.array([_of_one(picture @ LUMA) for picture in pictures]).reshape(-1, len(STATISTICS))
    return dict(zip(STATISTICS, rows.T))


def _of_one(y):
    """The three numbers of one picture's grey levels (S, S)."""
    across, down = np.diff(y, axis=1), np.diff(y, axis=0)  # (S, S−1), (S−1, S)
    curvature = np.diff(across, axis=1)[1:-1] + np.diff(down, axis=0)[:, 1:-1]  # (S−2, S−2)
    slope = np.mean(across**2) + np.mean(down**2)
    return y.mean(), y.std(), np.sqrt(np.mean(curvature**2) / slope) if slope > 0 else 0.0
