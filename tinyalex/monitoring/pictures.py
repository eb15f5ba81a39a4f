"""Three numbers that say what a prepared picture is like: they move when light, camera or compression change."""

import numpy as np

LUMA = np.array([299, 587, 114], np.float32)  # thousandths; ITU-R BT.601, as in JPEG
PIXELS_AT_ONCE = 32 * 1024  # few enough for the caches
STATISTICS = ("brightness", "contrast", "sharpness")


def picture_statistics(pictures: np.ndarray) -> dict[str, np.ndarray]:
    """{"brightness", "contrast", "sharpness"} of uint8 pictures (N, S, S, 3): float64 (N,) each, of the grey levels y.

    brightness: their mean, 0 to 255;  contrast: their standard deviation
    sharpness: √(Σ (∇²y)² / Σ |∇y|²), with neighbouring pixels' differences: from 0, flat, to √8, a chessboard. It is a
        mean frequency, so neither light nor contrast moves it, and it differs less from picture to picture than ∇²y.
    """
    N, S = pictures.shape[:2]
    step = max(1, PIXELS_AT_ONCE // S**2)
    parts = [_of_some(pictures[start : start + step]) for start in range(0, N, step)]
    return dict(zip(STATISTICS, np.concatenate([np.empty((len(STATISTICS), 0)), *parts], axis=1)))


def _of_some(pictures):
    """The three numbers, float64 (3, N), of pictures (N, S, S, 3). Before the squares, float32 is exact."""
    y = pictures.astype(np.float32) @ LUMA  # (N, S, S), in thousandths
    across, down = y[:, :, 1:] - y[:, :, :-1], y[:, 1:] - y[:, :-1]  # (N, S, S−1), (N, S−1, S)
    curvature = across[:, 1:-1, 1:] - across[:, 1:-1, :-1] + down[:, 1:, 1:-1] - down[:, :-1, 1:-1]  # (N, S−2, S−2)
    slope, mean = _mean_square(across) + _mean_square(down), y.mean(axis=(1, 2), dtype=np.float64)
    sharpness = np.sqrt(np.divide(_mean_square(curvature), slope, out=np.zeros_like(slope), where=slope > 0))
    return mean / 1000, np.sqrt(_mean_square(y - mean[:, None, None])) / 1000, sharpness


def _mean_square(values):
    """The mean square in each picture, (N,). BLAS would leave threads that wait for more work by spinning."""
    flat = values.reshape(len(values), -1).astype(np.float64)
    return np.einsum("np,np->n", flat, flat) / flat.shape[1]
