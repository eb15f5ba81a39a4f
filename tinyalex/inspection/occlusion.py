"""Where in a picture the network sees its class: cover a place and measure the probability.

After Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2014, §4.2. T is the side of a crop.
"""

import numpy as np

from tinyalex.backend import to_device, to_host
from tinyalex.layers import softmax

AT_ONCE = 128


def occlusion_map(network, view, picture, label, size=8, stride=4, xp=np, mend=None):
    """The probability of `label` with a grey square over each place of the centre crop: float64 (rows, columns).

    Entry [r, c] is for the square that starts at row r·stride, column c·stride. The square is 0 after the mean is
    subtracted, so it says nothing. rows = columns = (T − size) // stride + 1. Without a square: `probability_of`.

    picture: uint8 (S, S, 3) on the host;  size, stride: in pixels. Raises ValueError if the square does not fit.
    mend: from the network's probabilities, (N, K) on the host, to calibrated ones (default: none)
    """
    if not 1 <= size <= view.crop or stride < 1:
        expected = f"expected 1 ≤ size ≤ {view.crop}, stride ≥ 1"
        raise ValueError(f"occlusion_map: size = {size}, stride = {stride}, {expected}")
    crop = _centre(view, picture, xp)  # (1, T, T, 3)
    starts = range(0, view.crop - size + 1, stride)
    places = [(top, left) for top in starts for left in starts]
    p, ready = [], network.for_test()
    for start in range(0, len(places), AT_ONCE):
        seen = np.ones((len(places[start : start + AT_ONCE]), view.crop, view.crop, 1), crop.dtype)
        for covered, (top, left) in zip(seen, places[start:]):
            covered[top : top + size, left : left + size] = 0
        found = to_host(softmax(ready.predict(crop * xp.asarray(seen))))
        p.append((mend(found) if mend else found)[:, label])
    return np.concatenate(p).astype(np.float64).reshape(len(starts), len(starts))


def square_and_stride(crop):
    """(size, stride) in pixels for a crop of side `crop`: a seventh of it, tried at every half of that."""
    size = max(1, round(crop / 7))
    return size, max(1, size // 2)


def probability_of(network, view, picture, label, xp=np):
    """The probability of `label` for the uncovered centre crop."""
    return float(to_host(softmax(network.predict(_centre(view, picture, xp))))[0, label])


def _centre(view, picture, xp):
    return view.centre(to_device(np.asarray(picture)[None], xp))
