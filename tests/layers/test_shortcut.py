"""The shortcut without weights against loops, differences, PyTorch, and the mistakes people make."""

import numpy as np
import pytest

from tests import reference
from tests.checks import agree, check_layer, edited, refused
from tinyalex.layers import PaddedShortcut

# channels in and out, stride, on pictures of 5×7 and of 6×8
CASES = {"wider by an odd number": (3, 6, 2), "even": (2, 6, 3), "as wide": (4, 4, 2), "every pixel": (2, 3, 1)}


def batch(channels, sides=(5, 7)):
    return np.random.default_rng(0).standard_normal((2, *sides, channels))


def loops(channels, kernels, stride):
    def forward(x, params):
        y = np.zeros((len(x), -(-x.shape[1] // stride), -(-x.shape[2] // stride), kernels))
        for place, there in reference.padded_shortcut_places(x.shape, kernels, stride):
            y[there] = x[place]
        return y

    def backward(dy, x, params):
        dx = np.zeros(x.shape)
        for place, there in reference.padded_shortcut_places(x.shape, kernels, stride):
            dx[place] = dy[there]
        return dx, {}

    return forward, backward


def check(cls, case="wider by an odd number"):
    for sides in ((6, 8), (5, 7)):
        check_layer(cls(*CASES[case]), batch(CASES[case][0], sides), *loops(*CASES[case]))


@pytest.mark.parametrize("case", CASES)
def test_right(case):
    check(PaddedShortcut, case)


HALF, PIXELS = "(self.out_channels - self.in_channels) // 2", "= x[:, :: self.stride, :: self.stride]"
WRONG = {
    "K3 zeros on one side only": (HALF, "0"),
    "the odd one before": (HALF, "(self.out_channels - self.in_channels + 1) // 2"),
    "K3 slice from 1": (PIXELS, "= x[:, 1 :: self.stride, 1 :: self.stride]"),
    "the mean of the pixels": ("= x[:, ::", "= x.mean(axis=(1, 2), keepdims=True) + 0 * x[:, ::"),
    "dx at the first pixels": ("dx[:, :: self.stride, :: self.stride] =", "dx[:, : dy.shape[1], : dy.shape[2]] ="),
    "dx of the first channels": ("= dy[..., self._inside]", "= dy[..., : self.in_channels]"),
    "dx in spite of all": ("if not input_grad:", "if False:"),
    "y without zeros": ("xp.zeros((len(x)", "xp.ones((len(x)"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_the_check_sees(mistake):
    with pytest.raises(AssertionError):
        check(edited(PaddedShortcut, *WRONG[mistake]))


def test_without_a_mistake_it_passes():
    check(edited(PaddedShortcut))


@pytest.mark.torch
@pytest.mark.parametrize("case", CASES)
def test_like_pytorch(case):
    """As a PyTorch user writes option A: every second pixel, and zeros around the channels."""
    import torch

    channels, kernels, stride = CASES[case]
    x, layer, more = batch(channels), PaddedShortcut(*CASES[case]), kernels - channels
    tx = torch.tensor(x, requires_grad=True)
    maps = tx.permute(0, 3, 1, 2)[:, :, ::stride, ::stride]
    ty = torch.nn.functional.pad(maps, (0, 0, 0, 0, more // 2, more - more // 2)).permute(0, 2, 3, 1)
    y, cache = layer.forward(x)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    ty.backward(torch.tensor(dy))
    agree(y, ty.detach().numpy(), "y", exact=True)
    agree(layer.backward(dy, cache)[0], tx.grad.numpy(), "dx", exact=True)


def test_refuses_and_says_what_it_is():
    layer = PaddedShortcut(16, 32, 2)
    layer.named("pad")
    assert str(layer) == "shortcut /2, 32 channels, zeros around 16" and layer.params == {}
    assert layer.out_shape((28, 28, 16)) == (14, 14, 32) and layer.out_shape((7, 5, 16)) == (4, 3, 32)
    assert layer.multiply_adds((28, 28, 16)) == 0
    refused(lambda: layer.forward(np.ones((2, 4, 4, 8))), "PaddedShortcut 'pad': x has 8 channels, expected 16")
    refused(lambda: layer.forward(np.ones((4, 4, 16))), "PaddedShortcut 'pad'", "(4, 4, 16)", "4 axes")
    refused(lambda: layer.out_shape((16,)), "PaddedShortcut 'pad'", "(16,)")
    y, cache = layer.forward(np.ones((2, 4, 4, 16)))
    refused(lambda: layer.backward(y[:, :1], cache), "PaddedShortcut 'pad'", "(2, 1, 2, 32)", "(2, 2, 2, 32)")
    refused(lambda: PaddedShortcut(32, 16), "PaddedShortcut: out_channels = 16", "32 or more")
