"""Three numbers that say what a prepared picture is like: they move when light, camera or compression change."""

import numpy as np

LUMA = np.array([299, 587, 114], np.float32)  # thousandths; ITU-R BT.601, as in JPEG
STATISTICS = ("brightness", "contrast", "sharpness")


def picture_statistics(pictures: np.ndarray) -> dict[str, np.ndarray]:
    """{"brightness", "contrast", "sharpness"} of uint8 pictures (N, S, S, 3): float64 (N,) each, of the grey levels y.

    brightness: their mean, 0 to 255;  contrast: their standard deviation
    sharpness: √(Σ (∇²y)² / Σ |∇y|²), with neighbouring pixels' differences: from 0, flat, to √8, a chessboard. It is a
        mean frequency, so neither light nor contrast moves it, and it differs less from picture to picture than ∇²y.
    """
    rows = np.array([_of_one(picture) for picture in pictures]).reshape(-1, len(STATISTICS))
    return dict(zip(STATISTICS, rows.T))


def _of_one(picture):
    """The three numbers of one picture (S, S, 3). All up to the squares are whole, and exact in float32."""
    y = picture.astype(np.float32) @ LUMA  # (S, S), in thousandths
    across, down = y[:, 1:] - y[:, :-1], y[1:] - y[:-1]  # (S, S−1), (S−1, S)
    curvature = across[1:-1, 1:] - across[1:-1, :-1] + down[1:, 1:-1] - down[:-1, 1:-1]  # (S−2, S−2)
    slope, mean = _mean_square(across) + _mean_square(down), y.mean(dtype=np.float64)
    sharpness = np.sqrt(_mean_square(curvature) / slope) if slope > 0 else 0.0
    return mean / 1000, np.sqrt(_mean_square(y - mean)) / 1000, sharpness


def _mean_square(values):
    flat = values.ravel().astype(np.float64)
    return np.einsum("i,i", flat, flat) / flat.size  # not BLAS, whose threads would wait for more work by spinning
