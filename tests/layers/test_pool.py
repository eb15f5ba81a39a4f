"""Max and average pooling against loops, differences and PyTorch. The mistakes people make: test_pool_teeth.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import reference
from tests.checks import agree, check_layer, distinct, edited, host, refused
from tinyalex.layers import AvgPool2d, GlobalAvgPool2d, MaxPool2d, blocks
from tinyalex.standin import xp as device

# name: (kernel, stride, padding, rounding), on pictures of 5×7 with 3 channels
CASES = {
    "overlapping": ((3, 2), (2, 1), (1, 0), None),
    "overlapping, one integer": (3, 2, 1, None),
    "hangs over": ((2, 4), (2, 2), (0, 1), "ceil"),
    "hangs over at both edges": ((4, 5), (2, 3), (0, 1), "ceil"),
    "rows left over": ((2, 3), (2, 3), 0, "floor"),
    "gaps": ((1, 2), (2, 5), 0, None),
    "the whole picture": ((5, 7), (1, 2), 0, None),
    "padded by more than half": ((3, 4), (2, 2), (2, 3), "ceil"),
    "last windows wholly outside": ((2, 1), (4, 4), 0, "ceil"),
    "last windows wholly in the padding": ((3, 4), (6, 3), (0, 3), "ceil"),
}


def max_loops(*geometry):
    def forward(x, params):
        return reference.max_pool_forward(x, *geometry)

    def backward(dy, x, params):
        return reference.max_pool_backward(dy, x, *geometry), {}

    return forward, backward


def avg_loops(*geometry, count_include_pad=True):
    def forward(x, params):
        return reference.avg_pool_forward(x, *geometry, count_include_pad=count_include_pad)

    def backward(dy, x, params):
        return reference.avg_pool_backward(dy, x, *geometry, count_include_pad=count_include_pad), {}

    return forward, backward


@pytest.mark.parametrize("low, high", [(-1.0, 1.0), (-2.0, -0.5), (0.5, 2.0)], ids=["mixed", "negative", "positive"])
@pytest.mark.parametrize("case", CASES)
def test_max_right(case, low, high):
    check_layer(MaxPool2d(*CASES[case]), distinct((2, 5, 7, 3), 1, low, high), *max_loops(*CASES[case]))


@pytest.mark.parametrize("count", [True, False], ids=["padding counts", "padding uncounted"])
@pytest.mark.parametrize("case", CASES)
def test_average_right(case, count):
    x, options = distinct((2, 5, 7, 3), 2, 0.5, 2.0), dict(count_include_pad=count)
    check_layer(AvgPool2d(*CASES[case], **options), x, *avg_loops(*CASES[case], **options))


def test_stride_defaults_to_the_kernel():
    assert MaxPool2d((5, 7)).out_shape((10, 21, 4)) == (2, 3, 4)
    assert AvgPool2d((5, 7)).out_shape((10, 21, 4)) == (2, 3, 4)
    assert MaxPool2d(3, 2).out_shape((55, 55, 96)) == (27, 27, 96)
    assert MaxPool2d(3, 2).multiply_adds((55, 55, 96)) == 0 and MaxPool2d(3, 2).params == {}


def test_a_window_of_more_places_than_a_byte_counts():
    x = distinct((2, 20, 18, 3), 3)
    x[0, -1, -1] = 9  # the winner is the last of 285 places
    geometry = ((19, 15), (1, 3), 0, None)
    layer, (forward, backward) = MaxPool2d(*geometry), max_loops(*geometry)
    y, cache = layer.forward(x)
    dy = np.random.default_rng(0).standard_normal(y.shape)
    agree(y, forward(x, {}), "y")
    agree(layer.backward(dy, cache)[0], backward(dy, x, {})[0], "dx")


def test_a_place_is_a_byte_as_long_as_that_is_enough():
    """It is kept until backward, for each number of y."""
    for kernel, bytes_each in (((15, 17), 1), ((16, 17), 4)):
        _, (_, winner) = MaxPool2d(kernel).forward(np.zeros((1, *kernel, 2), np.float32))
        assert winner.itemsize == bytes_each


def test_as_text():
    assert str(MaxPool2d(3, 2)) == "max pool 3×3/2" and str(AvgPool2d(3, 2, 1)) == "average pool 3×3/2 pad 1"
    assert str(AvgPool2d(3, 2, (1, 0), count_include_pad=False)) == "average pool 3×3/2 pad 1×0, padding uncounted"
    assert str(AvgPool2d(3, 2, count_include_pad=False)) == "average pool 3×3/2"


@given(st.data())
def test_any_geometry(data):
    def pair(low, high):
        return data.draw(st.tuples(st.integers(low, high), st.integers(low, high)))

    (H, W), kernel, stride = pair(1, 6), pair(1, 4), pair(1, 4)
    padding = tuple(data.draw(st.integers(0, k - 1)) for k in kernel)
    rounding = data.draw(st.sampled_from([None, "floor", "ceil"]))
    x = np.random.default_rng(data.draw(st.integers(0, 9))).integers(-2, 2, (2, H, W, 3)).astype(float)  # many ties
    x[x == -2] = data.draw(st.sampled_from([-2, -np.inf]))
    geometry, count = (kernel, stride, padding, rounding), dict(count_include_pad=data.draw(st.booleans()))
    for pool, loops, options in ((MaxPool2d, max_loops, {}), (AvgPool2d, avg_loops, count)):
        forward, backward = loops(*geometry, **options)
        try:
            expected = forward(x, {})
        except ValueError:
            refused(lambda: pool(*geometry, **options).forward(x), pool.__name__)
            continue
        y, cache = pool(*geometry, **options).forward(x)
        agree(y, expected, "y")
        dy = np.random.default_rng(2).standard_normal(y.shape)
        agree(pool(*geometry, **options).backward(dy, cache)[0], backward(dy, x, {})[0], "dx")


NOT_IN_PYTORCH = ("padded by more than half", "last windows wholly in the padding")  # it pads by half a window at most


@pytest.mark.torch
@pytest.mark.parametrize("case", [case for case in CASES if case not in NOT_IN_PYTORCH])
@pytest.mark.parametrize("kind", ["max", "average", "average, padding uncounted"])
def test_like_pytorch(case, kind):
    import torch

    kernel, stride, padding, rounding = CASES[case]
    options = dict(kernel_size=kernel, stride=stride, padding=padding, ceil_mode=rounding == "ceil")
    if kind == "max":
        layer, peer = MaxPool2d(*CASES[case]), torch.nn.functional.max_pool2d
    else:
        count = kind == "average"
        layer, peer = AvgPool2d(*CASES[case], count_include_pad=count), torch.nn.functional.avg_pool2d
        options |= dict(count_include_pad=count)
    x = distinct((2, 5, 7, 3), 4, -2, -0.5)
    tx = torch.tensor(x, requires_grad=True)
    ty = peer(tx.permute(0, 3, 1, 2), **options).permute(0, 2, 3, 1)
    y, cache = layer.forward(x)
    dy = np.random.default_rng(5).standard_normal(y.shape)
    ty.backward(torch.tensor(dy))
    agree(y, ty.detach().numpy(), "y", rtol=1e-10, atol=1e-10)
    agree(layer.backward(dy, cache)[0], tx.grad.numpy(), "dx", rtol=1e-10, atol=1e-10)


# ---------------------------------------------------------------------------------------------- conventions


def check_ties(layer):
    """3×3 windows, stride (1, 2): each gives its gradient away once, to its first maximum in row-major order."""
    x, expected = np.zeros((2, 2, 3, 5, 1))
    x[0, 1, 1] = x[0, 0, 2] = 1  # both in the first window, where (0, 2) comes first; the second holds (0, 2) only
    expected[0, 0, 2], expected[1, 0, 0], expected[1, 0, 2] = 12, 2, 3
    y, cache = layer.forward(x)
    dx, _ = layer.backward(np.array([[[[5.0], [7.0]]], [[[2.0], [3.0]]]]), cache)
    agree(y, [[[[1], [1]]], [[[0], [0]]]], "y")
    agree(dx, expected, "dx")


def test_ties_go_to_the_first_in_row_major_order():
    check_ties(MaxPool2d((3, 3), (1, 2)))


@pytest.mark.parametrize("value", [0.0, -np.inf, np.inf, np.nan], ids=str)
@pytest.mark.parametrize("case", [*CASES, "padded"])
def test_each_window_gives_its_gradient_once(case, value):
    """Whatever the values are: those of the padding never win, not even over −∞."""
    geometry = CASES.get(case, (3, 2, 1, "floor"))
    layer, x = MaxPool2d(*geometry), np.full((2, 5, 7, 3), value)
    for xp in (np, device):
        y, cache = layer.forward(xp.asarray(x))
        dx, _ = layer.backward(xp.ones(y.shape), cache)
        assert host(dx).sum() == y.size
        np.testing.assert_array_equal(host(y), np.full(y.shape, value))
    x[:, 2::2, 3:] = 1
    y, cache = layer.forward(x)
    assert layer.backward(np.ones(y.shape), cache)[0].sum() == y.size


@pytest.mark.torch
def test_like_pytorch_where_all_is_minus_infinity():
    import torch

    x = np.full((2, 4, 6, 3), -np.inf)
    x[0, 1:, 2] = 5
    layer, tx = MaxPool2d(3, 2, 1, "floor"), torch.tensor(x, requires_grad=True)
    y, cache = layer.forward(x)
    ty = torch.nn.functional.max_pool2d(tx.permute(0, 3, 1, 2), 3, 2, 1).permute(0, 2, 3, 1)
    dy = np.random.default_rng(5).standard_normal(y.shape)
    ty.backward(torch.tensor(dy))
    np.testing.assert_array_equal(y, ty.detach().numpy())
    agree(layer.backward(dy, cache)[0], tx.grad.numpy(), "dx", rtol=1e-12)


def test_the_last_window_is_on_the_picture():
    """As in PyTorch and Caffe: rounding up adds no window that would see nothing."""
    for pool in (MaxPool2d, AvgPool2d):
        assert pool(2, 3, rounding="ceil").out_shape((3, 9, 3)) == (1, 3, 3)
        assert pool(1, 3, rounding="ceil").out_shape((3, 4, 1)) == (1, 2, 1)
        assert pool(2, 2, 1, rounding="ceil").out_shape((3, 4, 1)) == (2, 3, 1)
        refused(lambda: pool(2, 3).out_shape((3, 9, 3)), '"floor" (1) or "ceil" (1)')


def test_not_a_number_stays_visible():
    x = distinct((1, 5, 5, 2), 6)
    x[0, 2, 2, 1] = np.nan
    layer = MaxPool2d(3, 2)
    for y in (layer.forward(x)[0], layer.predict(x)):
        assert np.isnan(y[..., 1]).all() and np.isfinite(y[..., 0]).all()


@pytest.mark.parametrize("case", CASES)
def test_blocks_decide_nothing(case, monkeypatch):
    """One picture at a time, two, all at once: the same to the bit; and so is predict, on views too."""
    x, layer, results = distinct((3, 5, 7, 3), 7).astype(np.float32), MaxPool2d(*CASES[case]), []
    for size in (1, 2 * x[0].nbytes, 1 << 30):
        monkeypatch.setattr(blocks, "BLOCK_BYTES", size)
        y, cache = layer.forward(x)
        dy = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
        results.append((y, layer.backward(dy, cache)[0], layer.predict(x), layer.predict(np.asfortranarray(x))))
    for y, dx, *predicted in results:
        agree(y, results[0][0], "y", exact=True)
        agree(dx, results[0][1], "dx", exact=True)
        for found in predicted:
            agree(found, y, "predict", exact=True)
    agree(layer.predict(device.asarray(x)), y, "predict on the device", exact=True)


# ---------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("pool", [MaxPool2d, AvgPool2d])
def test_refuses_what_does_not_fit(pool):
    layer = pool((3, 2), (2, 1))
    layer.name = "pool5"
    label = f"{pool.__name__} 'pool5'"
    refused(lambda: layer.forward(np.ones((5, 7, 3))), label, "(5, 7, 3)", "4 axes")
    refused(lambda: layer.forward(np.ones((2, 5, 7, 3), int)), label, "int64", "float", error=TypeError)
    refused(lambda: layer.forward(np.ones((2, 6, 7, 3))), label, "height", 6, "floor", "ceil")
    refused(lambda: layer.forward(np.ones((2, 5, 1, 3))), label, "width", 1, 2)
    y, cache = layer.forward(np.ones((2, 5, 7, 3)))
    refused(lambda: layer.backward(y[:1], cache), label, "(1, 2, 6, 3)", "(2, 2, 6, 3)")
    refused(lambda: layer.out_shape((105,)), label, "(105,)")
    for arguments in (dict(kernel_size=0), dict(kernel_size=2, stride=0), dict(kernel_size=2, rounding="up")):
        refused(lambda: pool(**arguments), pool.__name__, *list(arguments.items())[-1], "expected")


@pytest.mark.parametrize("pool", [MaxPool2d, AvgPool2d])
def test_refuses_padding_that_a_window_could_drown_in(pool):
    refused(lambda: pool(3, 2, -1), pool.__name__, "padding", -1)
    refused(lambda: pool((3, 2), 1, (1, 2)), pool.__name__, "padding", (1, 2), (3, 2))


# ---------------------------------------------------------------------------------------------- over the whole picture


def check_global(cls):
    for shape in ((2, 5, 7, 3), (3, 1, 1, 4)):
        forward, backward = reference.global_avg_pool_forward, reference.global_avg_pool_backward
        x = distinct(shape, 8)
        check_layer(cls(), x, lambda x, params: forward(x), lambda dy, x, params: (backward(dy, x), {}))


def test_global_average_right():
    check_global(GlobalAvgPool2d)


@pytest.mark.parametrize(
    "old, new",
    [
        ("x.mean(axis=(1, 2))", "x.sum(axis=(1, 2))"),
        ("x.mean(axis=(1, 2))", "x.mean(axis=(2, 3))"),
        ("x.mean(axis=(1, 2))", "x.max(axis=(1, 2))"),
        ("x.mean(axis=(1, 2))", "x.mean(axis=(0, 1, 2)) + 0 * x[:, 0, 0]"),
        ("(dy / (H * W))", "dy"),
        ("(dy / (H * W))", "(dy / H)"),
        ("(dy / (H * W))", "(dy / (N * H * W))"),
        ("dx[...] =", "dx[...] = 0; dx[:, :1, :1] ="),
        ("if not input_grad:", "if False:"),
    ],
)
def test_global_average_teeth(old, new):
    with pytest.raises(AssertionError):
        check_global(edited(GlobalAvgPool2d, old, new))


def test_global_average_is_the_largest_window():
    x = distinct((2, 5, 7, 3), 9)
    y, cache = GlobalAvgPool2d().forward(x)
    whole, kept = AvgPool2d((5, 7)).forward(x)
    agree(y, whole[:, 0, 0], "y", rtol=1e-12)
    dx, _ = GlobalAvgPool2d().backward(y, cache)
    agree(dx, AvgPool2d((5, 7)).backward(whole, kept)[0], "dx", rtol=1e-12)
    assert GlobalAvgPool2d().out_shape((7, 7, 512)) == (512,) and str(GlobalAvgPool2d()) == "global average pool"
    refused(lambda: GlobalAvgPool2d().forward(np.ones((2, 3))), "GlobalAvgPool2d", "(2, 3)", "4 axes")
    refused(lambda: GlobalAvgPool2d().forward(np.ones((2, 0, 7, 3))), "GlobalAvgPool2d", "0×7 pixels", "at least one")
    refused(lambda: GlobalAvgPool2d().backward(y[:1], cache), "GlobalAvgPool2d", "(1, 3)", "(2, 3)")
