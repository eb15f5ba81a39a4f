"""The mistakes people make with max pooling, each planted in a right one, each of which the check must see."""

import pytest

from tests.checks import agree, check_layer, distinct, edited
from tests.layers.test_pool import CASES, check_ties, max_loops
from tinyalex.layers import Layer, MaxPool2d


class LearnerMaxPool(Layer):
    """A right max pooling as a learner writes it, for one window; every edit below makes it wrong in one place."""

    KH, KW, SH, SW, PH, PW = 3, 2, 2, 1, 1, 0

    def out_shape(self, in_shape):
        H, W, C = in_shape
        return 1 + (H + 2 * self.PH - self.KH) // self.SH, 1 + (W + 2 * self.PW - self.KW) // self.SW, C

    def taps(self, padded, OH, OW):
        for i in range(self.KH):
            for j in range(self.KW):
                rows = slice(i, i + self.SH * (OH - 1) + 1, self.SH)
                yield i, j, padded[:, rows, j : j + self.SW * (OW - 1) + 1 : self.SW]

    def forward(self, x, train=False, rng=None):
        (N, H, W, C), (OH, OW, _), xp = x.shape, self.out_shape(x.shape[1:]), x.__array_namespace__()
        padded = xp.full((N, H + 2 * self.PH, W + 2 * self.PW, C), -xp.inf, x.dtype)
        padded[:, self.PH : self.PH + H, self.PW : self.PW + W] = x
        values = xp.stack([tap for i, j, tap in self.taps(padded, OH, OW)])  # (KH·KW, N, OH, OW, C)
        winner = values.argmax(axis=0)
        y = values.max(axis=0)
        return y, (x.shape, winner)

    def backward(self, dy, cache, input_grad=True):
        ((N, H, W, C), winner), (OH, OW), xp = cache, dy.shape[1:3], dy.__array_namespace__()
        dpadded = xp.zeros((N, H + 2 * self.PH, W + 2 * self.PW, C), dy.dtype)
        for i, j, tap in self.taps(dpadded, OH, OW):
            tap += dy * (winner == i * self.KW + j)
        dx = dpadded[:, self.PH : self.PH + H, self.PW : self.PW + W]
        return dx if input_grad else None, {}


def check_learner(cls):
    for low, high in ((-1.0, 1.0), (-2.0, -0.5)):
        check_layer(cls(), distinct((2, 5, 7, 3), 1, low, high), *max_loops((3, 2), (2, 1), (1, 0)))


WRONG = {
    "the first element": ("values.max(axis=0)", "values[0]"),
    "the last element": ("values.max(axis=0)", "values[-1]"),
    "the mean": ("values.max(axis=0)", "values.mean(axis=0)"),
    "the smallest": ("values.max(axis=0)", "values.min(axis=0)"),
    "the maximum over channels too": ("values.max(axis=0)", "values.max(axis=(0, 4), keepdims=True)[0]"),
    "steps by the window": ("padded[:, rows,", "padded[:, i : i + OH,"),
    "pads with zero": ("-xp.inf, x.dtype", "0, x.dtype"),
    "backward assigns": ("tap += dy", "tap[...] = dy"),
    "row and column exchanged": ("i * self.KW + j", "j * self.KH + i"),
    "unravelled with the window's height": ("i * self.KW + j", "i * self.KH + j"),
    "every element gets the gradient": ("dy * (winner == i * self.KW + j)", "dy / (self.KH * self.KW)"),
    "padding not taken off": ("dpadded[:, self.PH : self.PH + H, self.PW : self.PW + W]\n", "dpadded[:, :H, :W]\n"),
    "out_shape forgets the padding": ("1 + (H + 2 * self.PH - self.KH)", "1 + (H - self.KH)"),
    "the input's sign is lost": ("= x\n", "= abs(x)\n"),
    "a float64 workspace": ("-xp.inf, x.dtype", "-xp.inf"),
    "keeps the winner on the layer": ("winner = values", "winner = self.winner = values"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_check_sees(mistake):
    with pytest.raises(AssertionError):
        check_learner(edited(LearnerMaxPool, *WRONG[mistake]))


WRONG_AT_TIES = {
    "every tied maximum": (
        "values.argmax(axis=0)",
        "values == values.max(axis=0)",
        "winner == i * self.KW + j",
        "winner[i * self.KW + j]",
    ),
    "the last maximum": ("values.argmax(axis=0)", "len(values) - 1 - values[::-1].argmax(axis=0)"),
}


@pytest.mark.parametrize("mistake", WRONG_AT_TIES)
def test_only_ties_show(mistake):
    learner = edited(LearnerMaxPool, *WRONG_AT_TIES[mistake])
    check_learner(learner)
    learner.KH, learner.KW, learner.SH, learner.SW, learner.PH = 3, 3, 1, 2, 0
    with pytest.raises(AssertionError):
        check_ties(learner())


def test_without_a_mistake_the_checks_pass():
    check_learner(LearnerMaxPool)
    check_ties(type("Wider", (LearnerMaxPool,), dict(KH=3, KW=3, SH=1, SW=2, PH=0))())


# ---------------------------------------------------------------------------------------------- in our own


def check_ours(cls):
    for case in ("overlapping", "hangs over at both edges", "gaps"):
        layer, x = cls(*CASES[case]), distinct((2, 5, 7, 3), 1, -2.0, -0.5)
        check_layer(layer, x, *max_loops(*CASES[case]))
        agree(layer.predict(x), layer.forward(x)[0], "predict", exact=True)
    check_ties(cls((3, 3), (1, 2)))


WRONG_IN_OURS = {
    "every row's first place assigns": ("if i < SH and j < SW", "if j < SW"),
    "every column's first place assigns": ("if i < SH and j < SW", "if i < SH"),
    "every place assigns": ("if i < SH and j < SW", "if True"),
    "nothing is cleared": ("dpb[...] = 0", "dpb[...] = 0.5"),
    "places counted by the window's height": ("number(i * KW)", "number(i * KH)"),
    "places of the last row in all": ("number(i * KW)", "number((KH - 1) * KW)"),
    "a column too far to the right": ("largest[:, :, :: SW // skip]", "largest[:, :, :: -SW // skip]"),
    "pads with zero": ("value=-xp.inf), yb, wb)", "value=0), yb, wb)"),
    "predict pads with zero": ("value=-xp.inf), yb)", "value=0), yb)"),
    "predict drops a row": (
        "for i in range(KH)])\n        y[...] =",
        "for i in range(KH - 1 or 1)])\n        y[...] =",
    ),
    "predict drops a column": ("for j in range(KW)])\n\n", "for j in range(KW - 1)])\n\n"),
}


@pytest.mark.parametrize("mistake", WRONG_IN_OURS)
def test_the_check_sees_in_our_own(mistake):
    with pytest.raises(AssertionError):
        check_ours(edited(MaxPool2d, *WRONG_IN_OURS[mistake]))


def test_our_own_passes():
    check_ours(edited(MaxPool2d))
