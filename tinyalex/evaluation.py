"""How often the network is wrong: top-1 and top-5 error, on the centre crop or averaged over ten."""

from dataclasses import dataclass

import numpy as np

from tinyalex.backend import array_module, prefetch, to_device, to_host
from tinyalex.terminal import progress_bar

PICTURES_AT_ONCE = 128


@dataclass(frozen=True)
class Evaluation:
    """Errors as fractions of 1, the mean loss −log p(label), and over how many pictures."""

    top1_error: float
    top5_error: float
    loss: float
    images: int


def softmax(logits):
    """Probabilities (N, K) from scores (N, K), safe for any size of score."""
    xp = array_module(logits)
    exps = xp.exp(logits - logits.max(axis=1, keepdims=True))
    return exps / exps.sum(axis=1, keepdims=True)


def probabilities(network, pictures, view, ten_crop=False):
    """Class probabilities (N, K) of uint8 pictures (N, S, S, 3).

    ten_crop: the average of the ten views' softmax outputs (paper §4.1), not the softmax of their average.
    """
    if not ten_crop:
        return softmax(network.predict(view.centre(pictures)))
    views = view.ten(pictures)  # (10, N, T, T, 3)
    outputs = softmax(network.predict(views.reshape(10 * len(pictures), *views.shape[2:])))
    return outputs.reshape(10, len(pictures), outputs.shape[1]).mean(axis=0)


def ranks(scores, labels):
    """For each picture, how many classes come before the right one: int (N,), 0 for a top-1 hit.

    scores: (N, K);  labels: (N,). Among equal scores the lower class number comes first, so a network that gives
    every class the same score is right as often as chance; scores that are NaN never are.
    """
    xp = array_module(scores)
    classes = xp.arange(scores.shape[1])[None, :]
    own = xp.take_along_axis(scores, labels[:, None], axis=1)
    after = (scores < own) | ((scores == own) & (classes >= labels[:, None]))
    return (~after).sum(axis=1)  # not "before": a NaN is neither before nor after


def evaluate(network, split, view, xp, ten_crop=False, label="evaluate", quiet=False):
    """Run a whole split (in order) through the network; an `Evaluation`. The view and the network are on device `xp`.

    Of a network that several workers have, each looks at its share and all get the result.
    Memory: all probabilities at once, on the host (see `class_probabilities`).
    """
    p = class_probabilities(network, split, view, xp, ten_crop, label, quiet)
    return measure(p, split.labels, pictures_at_once(ten_crop))


def class_probabilities(network, split, view, xp, ten_crop=False, label="evaluate", quiet=False):
    """The class probabilities of a whole split, in order: float32 (N, K) on the host, 200 MB for 50,000 pictures × 1,000.

    As `probabilities`, a batch at a time, with a progress bar. The view and the network are on device `xp`.
    """
    at_once, p = pictures_at_once(ten_crop) * network.workers, None

    def fetch(start):
        share = network.share(min(at_once, len(split) - start))
        return start, share, split.gather(range(start + share.start, start + share.stop))

    with progress_bar(len(split), label, quiet=quiet) as bar:
        for start, share, pictures in prefetch(fetch, range(0, len(split), at_once)):
            mine = to_host(probabilities(network, to_device(pictures, xp), view, ten_crop))
            batch = network.joined(mine, share)
            if p is None:  # the first batch says how many classes there are
                p = np.empty((len(split), batch.shape[1]), np.float32)
            p[start : start + len(batch)] = batch
            bar.update(len(batch))
    return p


def pictures_at_once(ten_crop):
    """So many that a batch of views is about `PICTURES_AT_ONCE`."""
    return max(1, PICTURES_AT_ONCE // (10 if ten_crop else 1))


def measure(p, labels, at_once=PICTURES_AT_ONCE):
    """The `Evaluation` of class probabilities (N, K), of one network or averaged over several, for labels (N,).

    at_once: pictures looked at in one piece, so that work arrays stay small
    """
    top1 = top5 = loss = 0.0
    for start in range(0, len(labels), at_once):
        rank, losses = per_picture(p[start : start + at_once], labels[start : start + at_once])
        top1 += (rank >= 1).sum()
        top5 += (rank >= 5).sum()
        loss += losses.sum()
    return Evaluation(float(top1) / len(labels), float(top5) / len(labels), float(loss) / len(labels), len(labels))


def per_picture(p, labels):
    """For each picture how many classes come before the right one, and −log p of the right one: int, float64, (N,).

    A probability that rounds to 0 counts as the smallest float32. p: (N, K);  labels: (N,)
    """
    xp = array_module(p)
    right = xp.take_along_axis(p, labels[:, None], axis=1)[:, 0].astype(xp.float64)
    return ranks(p, labels), -xp.log(xp.maximum(right, float(xp.finfo(xp.float32).tiny)))
