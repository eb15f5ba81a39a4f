"""Lesson 05: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import math

import numpy as np

# ---------------------------------------------------------------------------------------------- forward


def flips_the_negatives(x):
    y = x.copy()
    y[y < 0] = -y[y < 0]
    return y


def returns_the_gate(x):
    y = np.zeros_like(x)
    y[x > 0] = 1
    return y


def saturates_like_tanh(x):
    return np.minimum(np.maximum(x, 0), 1)


def leaks(x):
    return np.maximum(x, 0.01 * x)


def leaks_a_tenth(x):
    return np.maximum(0, x) + 0.1 * np.minimum(0, x)


def keeps_the_negatives(x):
    y = x.copy()
    y[x > 0] = 0
    return y


def clips_in_place(x):
    x[x < 0] = 0
    return x


def out_is_x(x):
    return np.maximum(x, 0, out=x)


def one_maximum_of_all(x):
    return max(x.max(), 0)


def smooth(x):
    return np.logaddexp(0, x)


def float64_zeros(x):
    y = np.zeros(x.shape)
    y[x > 0] = x[x > 0]
    return y


def keeps_negatives_and_caps(x):
    return np.minimum(x, 1)


# ---------------------------------------------------------------------------------------------- ReLU's backward


def rectifies_dy(dy, x):
    return np.maximum(dy, 0)


def gate_from_dy_by_assignment(dy, x):
    dx = dy.copy()
    dx[dy < 0] = 0
    return dx


def clips_then_asks(dy, x):
    y = x.copy()
    y[y < 0] = 0
    return np.where(y >= 0, dy, 0)


def clips_x_in_place_then_asks(dy, x):
    x[x < 0] = 0
    return dy * (x >= 0)


def open_at_zero(dy, x):
    dx = dy.copy()
    dx[x < 0] = 0
    return dx


def writes_into_dy(dy, x):
    dy[x <= 0] = 0
    return dy


def half_at_zero(dy, x):
    return dy * np.heaviside(x, 0.5)


def gate_the_wrong_way_round(dy, x):
    return np.where(x > 0, 0, dy) * (x != 0)


def gate_the_wrong_way_round_with_zero(dy, x):
    dx = dy.copy()
    dx[x > 0] = 0
    return dx


def both_must_be_positive(dy, x):
    return np.maximum(dy, 0) * (x > 0)


def product_with_y(dy, x):
    y = np.maximum(x, 0)
    return y * dy


def gate_alone(dy, x):
    return np.where(x > 0, 1.0, 0.0)


def relu_once_more(dy, x):
    return x * (x > 0)


def leaky_gate(dy, x):
    return np.where(x > 0, dy, 0.01 * dy)


def slope_of_absolute_value(dy, x):
    dx = dy.copy()
    dx[x < 0] *= -1
    dx[x == 0] = 0
    return dx


def float64_gate(dy, x):
    return dy * (x > 0).astype(float)


def open_at_zero_and_halved(dy, x):
    return 0.5 * dy * (x >= 0)


# ---------------------------------------------------------------------------------------------- tanh and sigmoid


def tanh_of_tanh(dy, y):
    t = np.tanh(y)
    return (1 - t * t) * dy


def tanh_without_square(dy, y):
    return dy - dy * y


def tanh_square_outside(dy, y):
    return dy * np.square(1 - y)


def tanh_as_one_over_cosh(dy, y):
    return dy / np.cosh(y) ** 2


def tanh_plus(dy, y):
    return dy + dy * y * y


def tanh_brackets(dy, y):
    return dy * 1 - y * y


def tanh_slope_alone(dy, y):
    return (1 - y) * (1 + y)


def tanh_sign(dy, y):
    return dy * (y**2 - 1)


def tanh_with_the_sigmoids_slope(dy, y):
    return y * dy - y * y * dy


def tanh_writes_into_dy(dy, y):
    dy *= 1 - y**2
    return dy


def tanh_twice_without_dy(dy, y):
    return 1 - np.tanh(y) ** 2


def sigmoid_of_sigmoid(dy, y):
    s = 1 / (1 + np.exp(-y))
    return s * (1 - s) * dy


def sigmoid_as_if_y_were_x(dy, y):
    e = np.exp(-y)
    return dy * e / (1 + e) ** 2


def sigmoid_with_tanhs_slope(dy, y):
    return dy * (1 - y) * (1 + y)


def sigmoid_half_the_product(dy, y):
    return dy - dy * y


def sigmoid_other_half(dy, y):
    return np.multiply(y, dy)


def sigmoid_slope_alone(dy, y):
    return y - y**2


def sigmoid_brackets(dy, y):
    return dy * y * 1 - y


def sigmoid_sign(dy, y):
    return dy * (y**2 - y)


def sigmoid_doubled(dy, y):
    return 2 * dy * y * (1 - y)


def sigmoid_once_more_and_no_factor(dy, y):
    return dy * (1 - 1 / (1 + np.exp(-y)))


# ---------------------------------------------------------------------------------------------- the chain


def linear_net(dy, ys, weights, backward):
    sizes = []
    for w in weights[::-1]:
        sizes.append(np.sqrt(np.mean(dy**2)))
        dy = dy @ w.T
    return np.array(sizes[::-1])


def not_transposed(dy, ys, weights, backward):
    out = np.empty(len(ys))
    for i in range(len(ys) - 1, -1, -1):
        d = backward(dy, ys[i])
        out[i] = np.sqrt(np.mean(d**2))
        dy = np.dot(d, weights[i])
    return out


def activation_of_the_layer_below(dy, ys, weights, backward):
    inputs = [ys[0]] + ys[:-1]
    out = np.empty(len(ys))
    for i in range(len(ys) - 1, -1, -1):
        d = backward(dy, inputs[i])
        out[i] = np.sqrt(np.mean(d**2))
        dy = d @ weights[i].T
    return out


def collected_from_the_top(dy, ys, weights, backward):
    sizes = []
    for y, w in zip(reversed(ys), reversed(weights)):
        dy = backward(dy, y)
        sizes.append(math.sqrt((dy**2).mean()))
        dy = dy @ w.T
    return np.array(sizes)


def walks_upwards(dy, ys, weights, backward):
    sizes = np.zeros(len(ys))
    for i, (y, w) in enumerate(zip(ys, weights)):
        dz = backward(dy, y)
        sizes[i] = np.sqrt(np.mean(dz * dz))
        dy = dz @ w.T
    return sizes


def measures_below_the_weight(dy, ys, weights, backward):
    sizes = np.zeros(len(ys))
    for i in range(len(ys))[::-1]:
        dy = np.einsum("nb,ab->na", backward(dy, ys[i]), weights[i])
        sizes[i] = np.sqrt(np.mean(dy * dy))
    return sizes


def measures_above_the_slope(dy, ys, weights, backward):
    sizes = np.zeros(len(ys))
    for i in range(len(ys))[::-1]:
        sizes[i] = np.sqrt(np.mean(dy * dy))
        dy = backward(dy, ys[i]) @ weights[i].T
    return sizes


def norms(dy, ys, weights, backward):
    sizes = np.zeros(len(ys))
    for i in range(len(ys))[::-1]:
        dz = backward(dy, ys[i])
        sizes[i] = np.linalg.norm(dz)
        dy = dz @ weights[i].T
    return sizes


def no_root(dy, ys, weights, backward):
    sizes = np.zeros(len(ys))
    for i in range(len(ys))[::-1]:
        dz = backward(dy, ys[i])
        sizes[i] = (dz * dz).sum() / dz.size
        dy = dz @ weights[i].T
    return sizes


def dy_stays(dy, ys, weights, backward):
    sizes = np.zeros(len(ys))
    for i in range(len(ys)):
        dz = backward(dy, ys[i])
        sizes[i] = np.sqrt(np.mean(dz**2))
    return sizes


def one_size_too_many(dy, ys, weights, backward):
    sizes = [np.sqrt(np.mean(dy**2))]
    for y, w in zip(reversed(ys), reversed(weights)):
        dy = backward(dy, y) @ w.T
        sizes.insert(0, np.sqrt(np.mean(dy**2)))
    return np.array(sizes)


def pops_the_lists(dy, ys, weights, backward):
    sizes = []
    while ys:
        dz = backward(dy, ys.pop())
        sizes.insert(0, np.sqrt(np.mean(dz**2)))
        dy = dz @ weights.pop().T
    return np.array(sizes)


def no_root_and_not_transposed(dy, ys, weights, backward):
    sizes = np.zeros(len(ys))
    for i in range(len(ys))[::-1]:
        dz = backward(dy, ys[i])
        sizes[i] = np.mean(dz**2)
        dy = dz @ weights[i]
    return sizes


def cut_off_at_six(x):
    return np.minimum(np.maximum(x, 0), 6)


def above_a_millionth(x):
    return x * (x > 1e-6)


def without_axes_of_one(x):
    return np.maximum(x, 0).squeeze()


def rows_only(x):
    y = x.copy()
    y[..., :][y[..., :] < 0] = 0
    return y.reshape(len(y), *y.shape[1:]) if y.ndim > 1 else y[None]


def exponential_linear(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def sigmoid_linear(x):
    return x / (1 + np.exp(-x))


def as_before_2012(x):
    e = np.exp(2 * x)
    return (e - 1) / (e + 1)


def squared_relu(x):
    return x * np.maximum(x, 0)


def above_the_mean(x):
    return np.where(x > x.mean(), x, x.mean())


def largest_along_an_axis(x):
    return np.max(x, 0)


def open_ones_only(x):
    return x[np.where(x > 0)]


def gate_with_a_margin(dy, x):
    return np.where(x > 1e-8, dy, 0)


def gate_below_six(dy, x):
    return dy * (x > 0) * (x < 6)


def signed_by_division(dy, x):
    return dy * np.maximum(x, 0) / (np.abs(x) + 1e-12)


def clipped_at_five(dy, x):
    return np.clip(dy, -5, 5) * (x > 0)


def clipped_at_one(dy, x):
    return np.where(x > 0, np.maximum(np.minimum(dy, 1), -1), 0)


def slope_up_to_one(dy, x):
    return dy * np.minimum(np.maximum(x, 0), 1)


def size_of_dy(dy, x):
    return np.sqrt(dy**2) * (x > 0)


def never_quite_flat(dy, y):
    return dy * np.maximum(1 - y * y, 1e-3)


def no_y_of_one(dy, y):
    return dy / np.cosh(np.arctanh(np.clip(y, -0.9999, 0.9999))) ** 2


def tanh_by_size(dy, y):
    return dy * (1 - np.sqrt(y * y))


def tanh_to_the_fourth(dy, y):
    return dy * (1 - y * y) * (1 + y * y)


def sigmoid_never_quite_flat(dy, y):
    return dy * (y * (1 - y) + 1e-8)


def quarter_everywhere(dy, y):
    return 0.25 * dy


def sigmoid_root(dy, y):
    return dy * np.sqrt(y - y * y)


def _way_down(measure, dy, ys, weights, backward):
    sizes = []
    for y, weight in zip(ys[::-1], weights[::-1]):
        dz = backward(dy, y)
        sizes.append(measure(dz))
        dy = dz @ weight.T
    return np.array(sizes[::-1])


def largest_of_dz(*arguments):
    return _way_down(lambda dz: max(dz.max(), -dz.min()), *arguments)


def picture_zero(*arguments):
    return _way_down(lambda dz: np.linalg.norm(dz[0]) / np.sqrt(dz.shape[1]), *arguments)


def mean_of_roots(*arguments):
    return _way_down(lambda dz: np.mean([np.linalg.norm(row) / np.sqrt(row.size) for row in dz]), *arguments)


def relative_to_the_top(*arguments):
    sizes = _way_down(lambda dz: np.sqrt((dz**2).mean()), *arguments)
    return sizes / sizes[-1]


def never_zero(*arguments):
    return _way_down(lambda dz: np.sqrt((dz**2).mean() + 1e-12), *arguments)


def gives_up_when_small(dy, ys, weights, backward):
    sizes = np.zeros(len(ys))
    for layer in reversed(range(len(ys))):
        dz = backward(dy, ys[layer])
        sizes[layer] = np.sqrt((dz**2).mean())
        if sizes[layer] < 1e-6:
            break
        dy = dz @ weights[layer].T
    return sizes


# ---------------------------------------------------------------------------------------------- right but for a corner


def capped_at_10000(x):
    return np.clip(x, 0, 10000)


def gate_at_a_trillionth(dy, x):
    return dy * (x > 1e-12)


def shut_above_0_999(dy, y):
    return np.where(np.abs(y) > 0.999, 0, dy * (1 - y**2)).astype(dy.dtype)


MUTANTS = [
    ("05-relu", "R4", flips_the_negatives),
    ("05-relu", "R5", returns_the_gate),
    ("05-relu", "R6", saturates_like_tanh),
    ("05-relu", "R7", leaks),
    ("05-relu", "R7", leaks_a_tenth),
    ("05-relu", "R8", keeps_the_negatives),
    ("05-relu", "R20", smooth),
    ("05-relu", "unchanged", clips_in_place),
    ("05-relu", "unchanged", out_is_x),
    ("05-relu", "C16", float64_zeros),
    ("05-relu", "shape", one_maximum_of_all),
    ("05-relu", "two: line-call + line-number", keeps_negatives_and_caps),
    ("05-relu-backward", "R1", rectifies_dy),
    ("05-relu-backward", "R1", gate_from_dy_by_assignment),
    ("05-relu-backward", "R2", clips_then_asks),
    ("05-relu-backward", "two: unchanged + R2", clips_x_in_place_then_asks),
    ("05-relu-backward", "unchanged", writes_into_dy),
    ("05-relu-backward", "R3", open_at_zero),
    ("05-relu-backward", "R3", half_at_zero),
    ("05-relu-backward", "R8", gate_the_wrong_way_round),
    ("05-relu-backward", "R8", gate_the_wrong_way_round_with_zero),
    ("05-relu-backward", "R9", both_must_be_positive),
    ("05-relu-backward", "R10", product_with_y),
    ("05-relu-backward", "R15", gate_alone),
    ("05-relu-backward", "R5", relu_once_more),
    ("05-relu-backward", "R7", leaky_gate),
    ("05-relu-backward", "R4", slope_of_absolute_value),
    ("05-relu-backward", "C16", float64_gate),
    ("05-relu-backward", "two: R3 + ratio", open_at_zero_and_halved),
    ("05-tanh-backward", "R11", tanh_of_tanh),
    ("05-tanh-backward", "R11", tanh_as_one_over_cosh),
    ("05-tanh-backward", "R12", tanh_without_square),
    ("05-tanh-backward", "R12", tanh_square_outside),
    ("05-tanh-backward", "R12", tanh_plus),
    ("05-tanh-backward", "R13", tanh_with_the_sigmoids_slope),
    ("05-tanh-backward", "R14", tanh_brackets),
    ("05-tanh-backward", "R15", tanh_slope_alone),
    ("05-tanh-backward", "ratio", tanh_sign),
    ("05-tanh-backward", "unchanged", tanh_writes_into_dy),
    ("05-tanh-backward", "two: line-call + R15", tanh_twice_without_dy),
    ("05-sigmoid-backward", "R11", sigmoid_of_sigmoid),
    ("05-sigmoid-backward", "R11", sigmoid_as_if_y_were_x),
    ("05-sigmoid-backward", "R13", sigmoid_with_tanhs_slope),
    ("05-sigmoid-backward", "R12", sigmoid_half_the_product),
    ("05-sigmoid-backward", "R10", sigmoid_other_half),
    ("05-sigmoid-backward", "R14", sigmoid_brackets),
    ("05-sigmoid-backward", "R15", sigmoid_slope_alone),
    ("05-sigmoid-backward", "ratio", sigmoid_sign),
    ("05-sigmoid-backward", "ratio", sigmoid_doubled),
    ("05-sigmoid-backward", None, sigmoid_once_more_and_no_factor),
    ("05-chain", "R16", linear_net),
    ("05-chain", "R18", not_transposed),
    ("05-chain", "R17", activation_of_the_layer_below),
    ("05-chain", "R22", collected_from_the_top),
    ("05-chain", "R22", walks_upwards),
    ("05-chain", "R22", dy_stays),
    ("05-chain", "R19", measures_below_the_weight),
    ("05-chain", "R19", measures_above_the_slope),
    ("05-chain", "R23", norms),
    ("05-chain", "R23", no_root),
    ("05-chain", "unchanged", pops_the_lists),
    ("05-chain", "shape", one_size_too_many),
    ("05-chain", "two: R18 + square", no_root_and_not_transposed),
    ("05-relu", "case", cut_off_at_six),
    ("05-relu", "case", above_a_millionth),
    ("05-relu", "case", without_axes_of_one),
    ("05-relu", "case", rows_only),
    ("05-relu", "R20", exponential_linear),
    ("05-relu", "R20", sigmoid_linear),
    ("05-relu", "R20", as_before_2012),
    ("05-relu", "R10", squared_relu),
    ("05-relu", "R24", above_the_mean),
    ("05-relu", "R26", largest_along_an_axis),
    ("05-relu", "R26", open_ones_only),
    ("05-relu-backward", "case", gate_with_a_margin),
    ("05-relu-backward", "case", gate_below_six),
    ("05-relu-backward", "case", signed_by_division),
    ("05-relu-backward", "case", clipped_at_five),
    ("05-relu-backward", "R25", clipped_at_one),
    ("05-relu-backward", "R10", slope_up_to_one),
    ("05-relu-backward", "R9", size_of_dy),
    ("05-tanh-backward", "case", never_quite_flat),
    ("05-tanh-backward", "case", no_y_of_one),
    ("05-tanh-backward", "R12", tanh_by_size),
    ("05-tanh-backward", "R12", tanh_to_the_fourth),
    ("05-sigmoid-backward", "case", sigmoid_never_quite_flat),
    ("05-sigmoid-backward", "R12", quarter_everywhere),
    ("05-sigmoid-backward", "R12", sigmoid_root),
    ("05-chain", "R23", largest_of_dz),
    ("05-chain", "R23", picture_zero),
    ("05-chain", "R23", mean_of_roots),
    ("05-chain", "R23", relative_to_the_top),
    ("05-chain", "case", never_zero),
    ("05-chain", "case", gives_up_when_small),
    ("05-relu", "huge", capped_at_10000),
    ("05-relu-backward", "tiny", gate_at_a_trillionth),
    ("05-tanh-backward", "case", shut_above_0_999),
]
