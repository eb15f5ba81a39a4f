"""Convolution against loops, differences and PyTorch. The mistakes people make with it: test_conv_teeth.py."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import reference
from tests.checks import agree, agree_all, check_layer, refused
from tinyalex.layers import Conv2d, im2col
from tinyalex.standin import xp as device

# name: (channels in, channels out, kernel, geometry), on pictures of 5×7
CASES = {
    "oblong": (3, 4, (3, 2), dict(stride=(2, 1), padding=(1, 2))),
    "groups": (6, 9, (3, 2), dict(stride=(1, 2), padding=(2, 0), groups=3, rounding="floor")),
    "two groups, exact": (4, 6, (2, 3), dict(stride=(3, 2), padding=(0, 1), groups=2)),
    "no padding, rows left over": (3, 5, (2, 3), dict(stride=(2, 3), rounding="floor")),
    "hangs over": (4, 6, (4, 3), dict(stride=(2, 3), padding=(1, 2), groups=2, rounding="ceil")),
    "last windows wholly outside": (3, 2, (1, 2), dict(stride=(3, 4), rounding="ceil")),
    "one integer each": (3, 4, 3, dict(stride=2, padding=1)),
    "the whole picture": (3, 4, (5, 7), dict(stride=(2, 3))),
    "depthwise": (4, 8, (2, 3), dict(padding=(1, 0), groups=4)),
}


def batch(channels, pictures=2, seed=0):
    return np.random.default_rng(seed).standard_normal((pictures, 5, 7, channels))


def loops(geometry):
    def forward(x, params):
        return reference.conv_forward(x, params["weight"], params["bias"], **geometry)

    def backward(dy, x, params):
        dx, dweight, dbias = reference.conv_backward(dy, x, params["weight"], **geometry)
        return dx, {"weight": dweight, "bias": dbias}

    return forward, backward


@pytest.mark.parametrize("algorithm", ["im2col", "strips"])
@pytest.mark.parametrize("case", CASES)
def test_right(case, algorithm):
    channels, features, kernel, geometry = CASES[case]
    layer = Conv2d(channels, features, kernel, **geometry, algorithm=algorithm)
    check_layer(layer, batch(channels), *loops(geometry))


@pytest.mark.parametrize("algorithm", ["im2col", "rows", "winograd", "strips"])
def test_without_bias(algorithm):
    """As with a bias of 0, and no gradient for it."""
    geometry = dict(padding=1, groups=1 if algorithm == "rows" else 2)
    forward, backward = loops(geometry)
    none = {"bias": np.zeros(6)}
    layer = Conv2d(4, 6, 3, **geometry, algorithm=algorithm, bias=False)
    assert layer.params.keys() == {"weight"} == layer.like().params.keys() and not layer.bias

    def backward_without(dy, x, params):
        dx, grads = backward(dy, x, params | none)
        return dx, {"weight": grads["weight"]}

    check_layer(layer, batch(4), lambda x, params: forward(x, params | none), backward_without)


@pytest.mark.parametrize("pictures_at_once", [1, 2])
def test_right_in_pieces(monkeypatch, pictures_at_once):
    """The columns of a batch may be made a few pictures at a time; the last piece may be short."""
    channels, features, kernel, geometry = CASES["groups"]
    layer = Conv2d(channels, features, kernel, **geometry)
    places = np.prod(layer.out_shape((5, 7, channels))[:2])
    column_bytes = places * layer.params["weight"][..., 0].size * geometry["groups"] * 8
    monkeypatch.setattr(im2col, "COLUMN_BYTES_CPU", pictures_at_once * column_bytes)
    check_layer(layer, batch(channels, pictures=5), *loops(geometry))


def test_columns_of_as_many_pictures_as_fit(monkeypatch):
    monkeypatch.setattr(im2col, "COLUMN_BYTES_CPU", 100)
    monkeypatch.setattr(im2col, "COLUMN_BYTES_GPU", 200)
    for xp, sizes in ((np, [2, 2, 2, 1]), (device, [4, 3])):
        x = xp.zeros((7, 2, 2, 3), "float32")
        assert [run.stop - run.start for run in im2col.picture_blocks(x, 12)] == sizes  # 48 bytes a picture


@given(st.data())
def test_any_geometry(data):
    def pair(low, high):
        return data.draw(st.tuples(st.integers(low, high), st.integers(low, high)))

    (H, W), kernel, stride, padding = pair(1, 6), pair(1, 4), pair(1, 4), pair(0, 3)
    groups, depth, features = (data.draw(st.integers(1, 3)) for _ in range(3))
    rounding = data.draw(st.sampled_from([None, "floor", "ceil"]))
    geometry = dict(stride=stride, padding=padding, groups=groups, rounding=rounding)
    layer = Conv2d(groups * depth, groups * features, kernel, **geometry)
    x = np.random.default_rng(1).standard_normal((2, H, W, groups * depth))
    forward, backward = loops(geometry)
    try:
        expected = forward(x, layer.params)
    except ValueError:
        refused(lambda: layer.forward(x), "Conv2d")
        return
    y, cache = layer.forward(x)
    agree(y, expected, "y")
    dy = np.random.default_rng(2).standard_normal(y.shape)
    dx, grads = layer.backward(dy, cache)
    expected_dx, expected_grads = backward(dy, x, layer.params)
    agree(dx, expected_dx, "dx")
    agree_all(grads, expected_grads, "")


@pytest.mark.torch
@pytest.mark.parametrize("algorithm", ["im2col", "strips"])
@pytest.mark.parametrize("case", sorted(CASES.keys() - {"hangs over", "last windows wholly outside"}))
def test_like_pytorch(case, algorithm):
    import torch

    channels, features, kernel, geometry = CASES[case]
    x, layer = batch(channels), Conv2d(channels, features, kernel, **geometry, algorithm=algorithm)
    tx, tw, tb = (torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in (x, *layer.params.values()))
    options = {key: value for key, value in geometry.items() if key != "rounding"}
    ty = torch.nn.functional.conv2d(tx.permute(0, 3, 1, 2), tw.permute(3, 2, 0, 1), tb, **options).permute(0, 2, 3, 1)
    y, cache = layer.forward(x)
    dy = np.random.default_rng(3).standard_normal(y.shape)
    ty.backward(torch.tensor(dy))
    dx, grads = layer.backward(dy, cache)
    for found, expected in ((y, ty.detach()), (dx, tx.grad), (grads["weight"], tw.grad), (grads["bias"], tb.grad)):
        agree(found, expected.numpy(), case, rtol=1e-10, atol=1e-10)


# ---------------------------------------------------------------------------------------------- conventions


def test_a_lone_one_prints_the_kernel_mirrored():
    """Cross-correlation: the kernel is not turned over, so a single 1 shows it turned."""
    layer, x = Conv2d(1, 1, (3, 2)), np.zeros((1, 5, 3, 1))
    layer.params["bias"][:] = 0
    x[0, 2, 1] = 1
    agree(layer.forward(x)[0][0, :, :, 0], layer.params["weight"][::-1, ::-1, 0, 0], "the kernel, turned")


def test_ceil_is_a_larger_picture_of_zeros():
    """The 2012 source's 224 pixels: the same as 227 of which the last three are zero."""
    assert Conv2d(3, 96, 11, stride=4, rounding="ceil").out_shape((224, 224, 3)) == (55, 55, 96)
    assert Conv2d(3, 96, 11, stride=4, rounding="floor").out_shape((224, 224, 3)) == (54, 54, 96)
    small = Conv2d(3, 4, 5, stride=4, rounding="ceil")
    x = np.random.default_rng(0).standard_normal((2, 14, 14, 3))
    larger = np.pad(x, ((0, 0), (0, 3), (0, 3), (0, 0)))
    agree(small.forward(x)[0], small.forward(larger)[0], "14 and 17 pixels")
    dy = np.random.default_rng(1).standard_normal((2, 4, 4, 4))
    (dx, grads), (dlarger, expected) = (small.backward(dy, small.forward(a)[1]) for a in (x, larger))
    agree(dx, dlarger[:, :14, :14], "dx")
    agree_all(grads, expected, "of 14 and 17 pixels")


@pytest.mark.parametrize(
    "layer, in_shape, out_shape, work, weights",
    [  # the paper's five convolutions
        (Conv2d(3, 96, 11, stride=4), (227, 227, 3), (55, 55, 96), 105_415_200, 34_848),
        (Conv2d(96, 256, 5, padding=2, groups=2), (27, 27, 96), (27, 27, 256), 223_948_800, 307_200),
        (Conv2d(256, 384, 3, padding=1), (13, 13, 256), (13, 13, 384), 149_520_384, 884_736),
        (Conv2d(384, 384, 3, padding=1, groups=2), (13, 13, 384), (13, 13, 384), 112_140_288, 663_552),
        (Conv2d(384, 256, 3, padding=1, groups=2), (13, 13, 384), (13, 13, 256), 74_760_192, 442_368),
    ],
)
def test_sizes_of_the_paper(layer, in_shape, out_shape, work, weights):
    assert layer.out_shape(in_shape) == out_shape
    assert layer.multiply_adds(in_shape) == work
    assert layer.params["weight"].size == weights and layer.params["bias"].shape == out_shape[2:]
    assert {p.dtype for p in layer.params.values()} == {np.dtype("float32")}


def test_words_for_the_summary():
    assert str(Conv2d(96, 256, 5, padding=2, groups=2)) == "conv 5×5/1 pad 2, 256, 2 groups"
    assert str(Conv2d(3, 4, (3, 2), (2, 1), (1, 0), rounding="ceil")) == "conv 3×2/2×1 pad 1×0 ceil, 4"


def test_input_gradient_can_be_left_out():
    layer, x = Conv2d(4, 6, (3, 2), groups=2), batch(4)
    y, cache = layer.forward(x)
    dx, grads = layer.backward(y, cache, input_grad=False)
    assert dx is None
    agree_all(grads, layer.backward(y, cache)[1], "without dx")


def test_one_layer_in_several_threads():
    layer, batches = Conv2d(4, 6, (3, 2), groups=2), [batch(4, 8, seed) for seed in range(16)]

    def run(x):
        y, cache = layer.forward(x)
        return (y, *layer.backward(y, cache))

    with ThreadPoolExecutor(4) as pool:
        for (y, dx, grads), (y1, dx1, grads1) in zip(pool.map(run, batches), map(run, batches)):
            agree(y, y1, "y", exact=True)
            agree(dx, dx1, "dx", exact=True)
            agree_all(grads, grads1, "in a thread", exact=True)


# ---------------------------------------------------------------------------------------------- refusals


def test_refuses_what_does_not_fit():
    layer = Conv2d(96, 256, 5, padding=2, groups=2)
    layer.name = "conv2"
    refused(lambda: layer.forward(np.ones((2, 6, 6, 90))), "Conv2d 'conv2'", 90, 96, "48 per group × 2 groups")
    refused(lambda: layer.forward(np.ones((6, 6, 96))), "Conv2d 'conv2'", "(6, 6, 96)", "4 axes")
    refused(lambda: layer.forward(np.ones((2, 6, 6, 96), int)), "Conv2d 'conv2'", "int64", "float", error=TypeError)
    refused(lambda: layer.forward(np.ones((2, 6, 6, 96), np.uint8)), "Conv2d 'conv2'", "uint8", error=TypeError)
    refused(lambda: layer.out_shape((6, 6, 90)), "Conv2d 'conv2'", 90, 96)
    refused(lambda: layer.out_shape((9216,)), "Conv2d 'conv2'", "(9216,)")
    y, cache = layer.forward(np.ones((1, 3, 3, 96)))
    refused(lambda: layer.backward(y[:, :2], cache), "Conv2d 'conv2'", "(1, 2, 3, 256)", "(1, 3, 3, 256)")
    with pytest.raises(TypeError):
        layer.forward([[1.0]])


def test_speaks_of_groups_only_where_there_are_some():
    refused(lambda: Conv2d(3, 4, 1).out_shape((5, 5, 2)), "Conv2d: x has 2 channels, weight expects 3; x is 5×5×2")
    refused(lambda: Conv2d(4, 4, 1, groups=2).out_shape((5, 5, 2)), "weight expects 4 (2 per group × 2 groups); x")


def test_refuses_sizes_at_the_first_chance():
    refused(lambda: Conv2d(3, 96, 11, stride=4).out_shape((224, 224, 3)), "Conv2d", 224, 11, "53.25", "floor", "ceil")
    refused(lambda: Conv2d(3, 4, (3, 2), stride=(1, 2)).forward(np.ones((2, 5, 7, 3))), "Conv2d", "width", 7)
    refused(lambda: Conv2d(3, 4, (6, 2), padding=(0, 1)).out_shape((5, 7, 3)), "Conv2d", "height", 5, 6)
    refused(lambda: Conv2d(3, 4, 2, stride=3, rounding="ceil").out_shape((1, 7, 3)), "Conv2d", "height", 1, 2)


@pytest.mark.parametrize(
    "arguments, found",
    [
        (dict(in_channels=5, groups=2), ("in_channels", 5, 2)),
        (dict(out_channels=9, groups=2), ("out_channels", 9, 2)),
        (dict(in_channels=0), ("in_channels", 0)),
        (dict(groups=0), ("groups", 0)),
        (dict(padding=-1), ("padding", -1)),
        (dict(padding=(0, -2)), ("padding", -2)),
        (dict(stride=0), ("stride", 0)),
        (dict(kernel_size=0), ("kernel_size", 0)),
        (dict(kernel_size=(3, 2, 1)), ("kernel_size", (3, 2, 1))),
        (dict(kernel_size=2.5), ("kernel_size", 2.5)),
        (dict(rounding="up"), ("rounding", "up", "floor", "ceil")),
    ],
)
def test_refuses_arguments(arguments, found):
    refused(lambda: Conv2d(**{**dict(in_channels=4, out_channels=6, kernel_size=3), **arguments}), *found)
