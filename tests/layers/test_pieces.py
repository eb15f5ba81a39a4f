"""Layers that need sums over the whole batch: a batch in pieces, each on a core of its own, is one batch."""

import time

import numpy as np
import pytest

from tests.checks import agree, check_layer, edited
from tinyalex import backend
from tinyalex.layers import Layer
from tinyalex.layers.blocks import pixels
from tinyalex.layers.pieces import add_up, alone, together


class Centred(Layer):
    """y = weight · (x − mean), each channel alone; in training the mean of the batch, at test the one in `state`.

    The smallest layer that needs sums over the whole batch. x, y: any shape, channels last.
    """

    channelwise = True

    def __init__(self, channels):
        super().__init__()
        self.channels = channels
        self.params, self.state = {"weight": np.ones(channels, "f")}, {"mean": np.zeros(channels, "f")}

    def forward_piece(self, x, train, rng):
        self._check_float(x, None)
        count, own, mean = pixels(x).shape[0], pixels(x).sum(axis=0), self.state["mean"].astype(x.dtype)
        pixels_of_batch = None
        if train:
            pixels_of_batch, total = yield count, own
            mean = total / pixels_of_batch
        centred = x - mean
        return centred * self._param("weight", x.dtype), (centred, count, own, pixels_of_batch)

    def backward_piece(self, dy, cache, input_grad):
        centred, _, _, pixels_of_batch = cache
        self._check_dy(dy, centred.shape)
        grads = {"weight": pixels(dy * centred).sum(axis=0)}
        dx = dy * self._param("weight", dy.dtype)
        if pixels_of_batch is not None:  # x stands in the mean too
            (total,) = yield (pixels(dx).sum(axis=0),)
            dx = dx - total / pixels_of_batch
        return dx if input_grad else None, grads

    def observe(self, cache):
        _, count, own, _ = cache
        return {"count": np.array(count), "sum": own}

    def absorb(self, observed):
        self.state["mean"] *= 0.9
        self.state["mean"] += 0.1 * observed["sum"] / observed["count"]

    def __str__(self):
        return "centred"


def batch(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape) + 1


def loops(layer, train):
    """The whole batch, a number at a time."""

    def centred(x):
        return x - (x.mean(axis=tuple(range(x.ndim - 1))) if train else layer.state["mean"])

    def forward(x, params):
        return np.array([params["weight"] * v for v in centred(x).reshape(-1, x.shape[-1])]).reshape(x.shape)

    def backward(dy, x, params):
        up = (dy * params["weight"]).reshape(-1, x.shape[-1])
        dx = up - up.mean(axis=0) if train else up
        return dx.reshape(x.shape), {"weight": (dy * centred(x)).reshape(up.shape).sum(axis=0)}

    return forward, backward


def check_centred(cls):
    for train in (True, False):
        layer = cls(3)
        check_layer(layer, batch(4, 2, 3, 3), *loops(layer, train), train=train)


def test_right():
    check_centred(Centred)


WRONG = {
    "the mean of the piece": (
        "pixels_of_batch, total = yield count, own",
        "yield count, own; pixels_of_batch, total = count, own",
    ),
    "dx as if the mean were fixed": ("dx = dx - total / pixels_of_batch", "pass"),
    "the gradient's mean over the piece": (
        "(total,) = yield (pixels(dx).sum(axis=0),)",
        "yield (0,); total = pixels(dx).sum(axis=0)",
    ),
    "every piece returns the gradient of all": (
        'grads = {"weight": pixels(dy * centred).sum(axis=0)}',
        '(whole,) = yield (pixels(dy * centred).sum(axis=0),); grads = {"weight": whole}',
    ),
    "dx in spite of all": ("dx if input_grad else None", "dx"),
    "gradients only beside dx": ("None, grads", "None, grads if input_grad else {}"),
    "the state moves in forward": (
        "mean = total / pixels_of_batch",
        'mean = total / pixels_of_batch; self.state["mean"] = 0.9 * self.state["mean"] + 0.1 * mean',
    ),
    "the state moves in backward": ("dx = dy *", 'self.state["mean"] *= 0.9; dx = dy *'),
    "observes means": ('"sum": own', '"sum": own / count'),
    "the batch's mean at test": ("if train:", "if True:"),
    "the state in another dtype": ('self.state["mean"].astype(x.dtype)', 'self.state["mean"]'),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_check_sees(mistake):
    with pytest.raises(AssertionError):
        check_centred(edited(Centred, *WRONG[mistake]))


def test_what_is_observed_moves_the_state():
    layer, x = Centred(3), batch(8, 3)
    for factor in (0.1, 0.19):
        _, cache = layer.forward(x, train=True)
        layer.absorb(layer.observe(cache))
        agree(layer.state["mean"], factor * x.mean(axis=0), "mean", rtol=1e-5)


# ---------------------------------------------------------------------------------------------- running together


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = backend.thread_count()
    backend.set_thread_count(request.param)
    yield request.param
    backend.set_thread_count(before)


def counting(number, log, rounds=2):
    """A piece that is slower the earlier it stands, and returns what it was sent."""
    sent = []
    for turn in range(rounds):
        time.sleep(0.002 * (4 - number))
        log.append((turn, number))
        sent.append((yield number, 10.0**number))
    return number, sent


def test_together(threads):
    """All reach the same sums before any goes on; results in order, and the sums from left to right."""
    log, totals = [], []

    def total(sums):
        totals.append(sums)
        return add_up(sums)

    found = list(together([counting(number, log) for number in range(4)], total))
    sums = [(number, 10.0**number) for number in range(4)]
    assert totals == [sums, sums]
    assert found == [(number, [(6, 1111.0)] * 2) for number in range(4)]
    assert [turn for turn, _ in log] == [0] * 4 + [1] * 4


def test_pieces_that_need_no_sums_never_meet(threads):
    results = together((counting(number, [], rounds=0) for number in range(5)), None)
    assert [number for number, _ in results] == list(range(5))


def test_alone():
    assert alone(counting(3, []), add_up) == (3, [(3, 1000.0)] * 2)


def test_an_error_in_a_piece_surfaces(threads):
    def breaking(number):
        yield (number,)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(together([breaking(number) for number in range(3)], add_up))


def test_sums_are_taken_from_the_left():
    parts = [(np.float32(1e8),), (np.float32(3),), (np.float32(-1e8),)]
    assert add_up(parts) == ((np.float32(1e8) + np.float32(3)) - np.float32(1e8),)
    first = np.ones(3)
    add_up([(first,), (first,)])
    assert (first == 1).all(), "the first piece's sum was changed"
