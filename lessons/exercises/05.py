"""Lesson 05, ReLU and what came before it: its exercises and the known mistakes."""

import numpy as np

from tinyalex.layers import ReLU, Sigmoid, Tanh
from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Wrong


def relu(x):
    return ReLU().forward(x)[0]


def relu_backward(dy, x):
    layer = ReLU()
    return layer.backward(dy, layer.forward(x)[1])[0]


def tanh_backward(dy, y):
    return Tanh().backward(dy, y)[0]


def sigmoid_backward(dy, y):
    return Sigmoid().backward(dy, y)[0]


def gradient_sizes(dy, ys, weights, backward):
    sizes = np.zeros(len(ys))
    for layer in reversed(range(len(ys))):
        dz = backward(dy, ys[layer])
        sizes[layer] = np.sqrt((dz**2).mean())
        dy = dz @ weights[layer].T  # (N, out) @ (out, in)
    return sizes


# ---------------------------------------------------------------------------------------------- probes


def _x(shape=(2, 5, 7, 3), seed=0):
    """Numbers between −3 and 3, some exactly 0: the one place where ReLU has no slope."""
    x = np.random.default_rng(seed).uniform(-3, 3, shape)
    x.flat[::11] = 0.0
    return x


def _dy(shape=(2, 5, 7, 3), seed=1):
    return np.random.default_rng(seed).standard_normal(shape)


def _relu_backward_probe():
    return _dy(), _x()


def _row_probe():
    return _dy((3, 8), 2), _x((3, 8), 3)


def _tanh_probe():
    return _dy((3, 8), 4), np.tanh(_x((3, 8), 5))


def _tanh_picture_probe():
    return _dy(), np.tanh(_x(seed=6))


def _sigmoid_probe():
    return _dy((3, 8), 7), _sigmoid(_x((3, 8), 8))


def _sigmoid_picture_probe():
    return _dy(), _sigmoid(_x(seed=9))


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


# Special cases: (when, x or y)

INPUTS = (
    ("for numbers in the hundreds", 100 * _x((3, 8), 12)),
    ("for tiny numbers", 1e-9 * _x((3, 8), 13)),
    ("for one number in one row", np.array([[2.5]])),
    ("for one row without a second axis", _x((7,), 14)),
)
SATURATED = np.array([[1.0, -1.0, 0.0], [-1.0, 1.0, 1.0]])


def _for_inputs(ours):
    """The cases of a function of x."""
    return tuple(case(when, ours, lambda x=x: (x,)) for when, x in INPUTS)


def _for_gradients(ours, *saturated):
    """The cases of a function of dy and x (or y, with the usual name of those where it saturates)."""
    inputs = INPUTS if not saturated else (saturated, *((when, 0.5 * np.sign(x)) for when, x in INPUTS[2:]))
    nearly = (
        ("where it is nearly flat", np.where(saturated[1] == 0.0, 1e-6, saturated[1] * (1 - 1e-6)))
        if saturated
        else None
    )
    inputs = inputs if nearly is None else (nearly, *inputs)
    small = tuple(case(when, ours, lambda x=x: (_dy(x.shape, 15), x), ("dx",)) for when, x in inputs)
    return *small, case("for gradients in the millions", ours, lambda: (3e6 * _dy((3, 8)), _x((3, 8)) / 4), ("dx",))


def _stack(L, N, M, seed, backward):
    """L layers of M units: equal widths, so that an untransposed weight gives numbers, which can be recognised."""
    rng = np.random.default_rng(seed)
    ys = [rng.uniform(-0.9, 0.9, (N, M)) for _ in range(L)]
    return rng.standard_normal((N, M)), ys, [rng.standard_normal((M, M)) for _ in range(L)], backward


def _stack_probe():
    return _stack(5, 3, 4, 10, lambda dy, y: dy * (1 - y * y))


def _gated_stack_probe():
    return _stack(3, 2, 6, 11, lambda dy, y: dy * (0.25 + (y > 0)))


def _one_layer_probe():
    return _stack(1, 1, 5, 16, lambda dy, y: dy * (1 - y * y))


def _shut_stack_probe():
    dy, ys, weights, backward = _stack(4, 2, 3, 17, lambda dy, y: dy * (y > 0))
    return dy, [*ys[:2], -np.abs(ys[2]), np.abs(ys[3])], weights, backward


def _tiny_stack_probe():
    dy, *others = _stack(4, 2, 3, 18, lambda dy, y: dy * (1 - y * y))
    return 1e-40 * dy, *others


# ---------------------------------------------------------------------------------------------- wrong on purpose


SMOOTH = "That is a smooth relative, x times a sigmoid of x. The ReLU has a corner at 0 and is exactly 0 left of it."

FORWARD_WRONG = (
    Wrong(
        "R4",
        lambda x: np.abs(x),
        "You take the absolute value: negatives come out positive. A rectifier cuts them off to 0.",
    ),
    Wrong("R5", lambda x: (x > 0).astype(x.dtype), "You return the gate, 1 where x > 0; y is x itself there."),
    Wrong(
        "R6",
        lambda x: np.clip(x, 0, 1),
        "You also cut off at 1. Above 0 nothing changes, however large x is: that keeps the slope at 1.",
    ),
    Wrong(
        "R7",
        lambda x: np.where(x > 0, x, 0.01 * x),
        "A hundredth of every negative leaks through (a leaky ReLU, a later variant). The paper's gives 0.",
    ),
    Wrong(
        "R7",
        lambda x: np.where(x > 0, x, 0.1 * x),
        "A tenth of every negative leaks through (a leaky ReLU, a later variant). The paper's gives 0.",
    ),
    Wrong(
        "R8",
        lambda x: np.minimum(x, 0),
        "You keep the negatives and cut off the positives: take the maximum of x and 0, not the minimum.",
    ),
    Wrong("R8", lambda x: np.maximum(-x, 0), "You rectify −x, which passes the negatives and cuts off the positives."),
    Wrong(
        "R20",
        lambda x: np.log1p(np.exp(x)),
        "That is log(1 + e^x), the softplus. The ReLU has a corner at 0 and is exactly 0 left of it.",
    ),
    Wrong(
        "R20",
        lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1),
        "That is the ELU, a later variant, which bends down to −1. The ReLU is exactly 0 left of its corner.",
    ),
    Wrong("R20", lambda x: x * _sigmoid(x), SMOOTH),
    Wrong("R20", lambda x: x * _sigmoid(1.702 * x), SMOOTH),
    Wrong("R20", lambda x: np.tanh(x), "That is tanh, the curve that the ReLU replaced. y = max(x, 0)."),
    Wrong("R20", lambda x: _sigmoid(x), "That is the sigmoid, a curve that the ReLU replaced. y = max(x, 0)."),
    Wrong("R10", lambda x: np.maximum(x, 0) ** 2, "You square what is above 0. Above 0, y is x itself."),
    Wrong(
        "R24",
        lambda x: np.maximum(x, x.mean()),
        "You cut off at the mean of x. Cut off at 0: an entry of y depends on the same entry of x alone.",
    ),
    Wrong(
        "R26",
        lambda x: x.max(axis=0),
        "np.max looks for the largest along an axis. np.maximum(x, 0) compares each entry with 0.",
    ),
    Wrong("R26", lambda x: x[x > 0], "You return only what is above 0. y has x's shape, with 0 in the other places."),
    Wrong("R21", lambda x: x.copy(), "Nothing is cut off: y equals x, negatives and all."),
)


RELU_WRONG = (
    Wrong(
        "R1",
        lambda dy, x: dy * (dy > 0),
        "You gate by the sign of dy. Gate by the sign of x: a negative gradient passes where x is positive.",
    ),
    Wrong(
        "R9",
        lambda dy, x: dy * ((dy > 0) & (x > 0)),
        "You also stop negative gradients. That is guided backpropagation, used to visualise nets, not the derivative.",
    ),
    Wrong(
        "R2",
        lambda dy, x: dy.copy(),
        "Your gate is open everywhere, whatever the sign of x. (If you clip x at 0 first, x ≥ 0 is true everywhere.)",
    ),
    Wrong(
        "R3",
        lambda dy, x: dy * (x >= 0),
        "You pass the gradient where x is exactly 0. That is a convention; ours, like PyTorch's, is 0 there: use x > "
        "0.",
    ),
    Wrong(
        "R3",
        lambda dy, x: dy * (0.5 + 0.5 * np.sign(x)),
        "You pass half the gradient where x is exactly 0. That is a convention; ours, like PyTorch's, is 0 there.",
    ),
    Wrong("R8", lambda dy, x: dy * (x < 0), "The gate is the wrong way round: yours is open where x is negative."),
    Wrong("R8", lambda dy, x: dy * (x <= 0), "The gate is the wrong way round: yours is open where x is not positive."),
    Wrong(
        "R10",
        lambda dy, x: dy * np.maximum(x, 0),
        "You multiply dy by y. The slope of the ReLU is 1 where x > 0, however large x is: multiply by the gate.",
    ),
    Wrong(
        "R10",
        lambda dy, x: dy * x,
        "You multiply dy by x. The slope of the ReLU is 1 where x > 0, else 0: multiply by the gate.",
    ),
    Wrong(
        "R10",
        lambda dy, x: dy * np.clip(x, 0, 1),
        "Your slope is x itself where x is between 0 and 1. It is 1 for every x above 0, however small.",
    ),
    Wrong("R9", lambda dy, x: np.abs(dy) * (x > 0), "Negative gradients come out positive. Pass dy on with its sign."),
    Wrong(
        "R25",
        lambda dy, x: np.clip(dy, -1, 1) * (x > 0),
        "You cut dy off at −1 and 1. An open unit passes the gradient on whole.",
    ),
    Wrong(
        "R15",
        lambda dy, x: (x > 0).astype(dy.dtype),
        "That is the slope alone. By the chain rule, multiply it by dy, the gradient from above.",
    ),
    Wrong(
        "R5", lambda dy, x: np.maximum(x, 0), "That is forward's y. backward returns dy where x > 0, and 0 elsewhere."
    ),
    Wrong(
        "R7",
        lambda dy, x: dy * np.where(x > 0, 1, 0.01),
        "A hundredth of the gradient leaks through the closed gate (a leaky ReLU, a later variant). The paper's gives "
        "0.",
    ),
    Wrong(
        "R4",
        lambda dy, x: dy * np.sign(x),
        "Your slope is −1 where x is negative: that is the derivative of |x|. The ReLU is flat there, slope 0.",
    ),
)


TANH_WRONG = (
    Wrong(
        "R11",
        lambda dy, y: dy * (1 - np.tanh(y) ** 2),
        "You apply tanh again: y is already tanh(x), so the slope is 1 − y².",
    ),
    Wrong("R12", lambda dy, y: dy * (1 - np.abs(y)), "The square is missing: the slope is 1 − y², not 1 − |y|."),
    Wrong("R12", lambda dy, y: dy * (1 - y**4), "That is 1 − y⁴, one square too many: the slope is 1 − y²."),
    Wrong(
        "R12", lambda dy, y: dy * (1 - y), "The square is missing: the slope of tanh is 1 − y², the same for y and −y."
    ),
    Wrong("R12", lambda dy, y: dy * (1 - y) ** 2, "The square is in the wrong place: it is 1 − y², not (1 − y)²."),
    Wrong("R12", lambda dy, y: dy * np.sqrt(1 - y * y), "One square root too many: the slope is 1 − y² itself."),
    Wrong(
        "R12",
        lambda dy, y: dy * (1 + y * y),
        "The sign is wrong: the slope is 1 − y², 1 in the middle and smaller outwards. Yours grows.",
    ),
    Wrong(
        "R13", lambda dy, y: dy * y * (1 - y), "That is the slope of the sigmoid, y · (1 − y). For tanh it is 1 − y²."
    ),
    Wrong("R13", lambda dy, y: dy * (y > 0), "That is the ReLU's gate. tanh has a slope everywhere: 1 − y²."),
    Wrong(
        "R14",
        lambda dy, y: dy - y**2,
        "Brackets are missing: dy * 1 − y² leaves dy out of the second term. It is dy · (1 − y²).",
    ),
    Wrong("R14", lambda dy, y: 1 - dy * y**2, "Brackets are missing: dy multiplies both terms, dy · (1 − y²)."),
    Wrong(
        "R15",
        lambda dy, y: 1 - y**2,
        "That is the slope alone. By the chain rule, multiply it by dy, the gradient from above.",
    ),
    Wrong("R10", lambda dy, y: dy * y, "You multiply dy by y; the slope of tanh is 1 − y²."),
    Wrong(
        "R10", lambda dy, y: dy * y**2, "You multiply dy by y², the part that is lost. The part that is left is 1 − y²."
    ),
)


SIGMOID_WRONG = (
    Wrong(
        "R11",
        lambda dy, y: dy * _sigmoid(y) * (1 - _sigmoid(y)),
        "You apply the sigmoid again: y is already sigmoid(x), so the slope is y · (1 − y).",
    ),
    Wrong(
        "R13", lambda dy, y: dy * (1 - y**2), "That is the slope of tanh, 1 − y². For the sigmoid it is y · (1 − y)."
    ),
    Wrong(
        "R13",
        lambda dy, y: dy * (y > 0),
        "That is the ReLU's gate; a sigmoid's y is always above 0, so it is always open.",
    ),
    Wrong("R12", lambda dy, y: dy * (1 - y), "The factor y is missing: the slope is y · (1 − y), flat at both ends."),
    Wrong("R12", lambda dy, y: dy / 4, "A quarter is the slope in the middle only. It is y · (1 − y) everywhere."),
    Wrong("R12", lambda dy, y: dy * np.sqrt(y * (1 - y)), "One square root too many: the slope is y · (1 − y)."),
    Wrong("R12", lambda dy, y: dy * y * (1 - y) ** 2, "One factor 1 − y too many: the slope is y · (1 − y)."),
    Wrong("R12", lambda dy, y: dy * y * (1 - y**2), "One square too many: the slope is y · (1 − y)."),
    Wrong("R12", lambda dy, y: dy * y * (1 + y), "The sign is wrong: the slope is y · (1 − y), at most a quarter."),
    Wrong("R14", lambda dy, y: dy * y - y, "Brackets are missing: it is dy · y · (1 − y), dy times both factors."),
    Wrong(
        "R14", lambda dy, y: dy * y - y**2, "Brackets are missing: y · (1 − y) is y − y², and dy multiplies all of it."
    ),
    Wrong(
        "R15",
        lambda dy, y: y * (1 - y),
        "That is the slope alone. By the chain rule, multiply it by dy, the gradient from above.",
    ),
    Wrong("R10", lambda dy, y: dy * y, "The factor 1 − y is missing: the slope is y · (1 − y), flat at both ends."),
)


def _sizes(slopes=0, transposed=True, before=False, step=lambda a: np.sqrt((a**2).mean())):
    """gradient_sizes with a mistake: another layer's y or none, weights not transposed, dy for dz, another measure."""

    def wrong(dy, ys, weights, backward):
        sizes = np.zeros(len(ys))
        for layer in reversed(range(len(ys))):
            dz = dy if slopes is None else backward(dy, ys[max(0, min(layer + slopes, len(ys) - 1))])
            sizes[layer] = step(dy if before else dz)
            dy = dz @ (weights[layer].T if transposed else weights[layer])
        return sizes

    return wrong


def _after_the_weight(dy, ys, weights, backward):
    sizes = np.zeros(len(ys))
    for layer in reversed(range(len(ys))):
        dy = backward(dy, ys[layer]) @ weights[layer].T
        sizes[layer] = np.sqrt((dy**2).mean())
    return sizes


def _from_the_bottom(dy, ys, weights, backward):
    sizes = np.zeros(len(ys))
    for layer in range(len(ys)):
        dz = backward(dy, ys[layer])
        sizes[layer] = np.sqrt((dz**2).mean())
        dy = dz @ weights[layer].T
    return sizes


def _dy_never_moves(dy, ys, weights, backward):
    return np.array([np.sqrt((backward(dy, y) ** 2).mean()) for y in ys])


def _other_weight(dy, ys, weights, backward):
    sizes = np.zeros(len(ys))
    for layer in reversed(range(len(ys))):
        dz = backward(dy, ys[layer])
        sizes[layer] = np.sqrt((dz**2).mean())
        dy = dz @ weights[max(layer - 1, 0)].T
    return sizes


SIZES_WRONG = (
    Wrong(
        "R16",
        _sizes(slopes=None),
        "The activations are missing: in each layer dy first becomes dz = backward(dy, ys[l]), then meets the weights.",
    ),
    Wrong("R17", _sizes(slopes=-1), "You give backward the output of the layer below. Layer l's own output is ys[l]."),
    Wrong("R17", _sizes(slopes=1), "You give backward the output of the layer above. Layer l's own output is ys[l]."),
    Wrong(
        "R17", _other_weight, "You multiply by the weights of the layer below. Layer l's own weights are weights[l]."
    ),
    Wrong(
        "R18",
        _sizes(transposed=False),
        "You do not transpose the weights. Forward was z = y_below · weight, so backward is dz · weightᵀ.",
    ),
    Wrong("R19", _sizes(before=True), "You measure dy, before the activation's slope. Measure dz, after it."),
    Wrong("R19", _after_the_weight, "You measure one step too late. Measure dz, before multiplying it by weightᵀ."),
    Wrong(
        "R22",
        lambda *a: _sizes()(*a)[::-1].copy(),
        "Right numbers, wrong order: sizes[0] belongs to the lowest layer. You collect them from the top.",
    ),
    Wrong(
        "R22",
        _from_the_bottom,
        "You go from the lowest layer upwards. A gradient comes from the top: reversed(range(L)).",
    ),
    Wrong("R22", _dy_never_moves, "You use the same dy in every layer. Below layer l it is dz · weights[l]ᵀ."),
    Wrong("R23", _sizes(step=lambda a: (a**2).mean()), "The root is missing: root mean square is √(mean of dz²)."),
    Wrong(
        "R23",
        _sizes(step=lambda a: np.sqrt((a**2).sum())),
        "You take the length of dz, the root of the sum. It grows with the width; the mean of dz² does not.",
    ),
    Wrong("R23", _sizes(step=lambda a: np.abs(a).max()), "You take the largest |dz|. Take √(mean of dz²)."),
    Wrong(
        "R23",
        _sizes(step=lambda a: np.sqrt((a[0] ** 2).mean())),
        "You measure the first picture alone. The mean goes over all entries of dz.",
    ),
    Wrong(
        "R23",
        _sizes(step=lambda a: np.sqrt((a**2).mean(axis=1)).mean()),
        "You take a root for each picture, then their mean. Take one root, of the mean over all entries of dz².",
    ),
    Wrong(
        "R23",
        lambda *a: _sizes()(*a) / _sizes()(*a)[-1],
        "You divide by the top layer's size. sizes[l] is √(mean of dz²) itself.",
    ),
    Wrong("R23", _sizes(step=lambda a: np.abs(a).mean()), "You take the mean of |dz|. Take √(mean of dz²)."),
    Wrong(
        "R23",
        _sizes(step=lambda a: a.std()),
        "You take the standard deviation, which subtracts the mean first: √(mean of dz²) does not.",
    ),
)


# ---------------------------------------------------------------------------------------------- by hand


def _relu_by_hand(arguments, output, index):
    x = arguments[0][index]
    return f"By hand: x is {x:.6g} there, {'above 0, so it passes' if x > 0 else 'not above 0, so y = 0'}."


def _gate_by_hand(arguments, output, index):
    dy, x = (a[index] for a in arguments)
    gate = f"above 0: the gate is open, dx = dy = {dy:.6g}" if x > 0 else "not above 0: the gate is closed, dx = 0"
    return f"By hand: x is {x:.6g} there, {gate}."


def _tanh_by_hand(arguments, output, index):
    dy, y = (a[index] for a in arguments)
    return f"By hand: dy · (1 − y²) = {dy:.6g} · (1 − {y * y:.6g}) = {dy * (1 - y * y):.6g}."


def _sigmoid_by_hand(arguments, output, index):
    dy, y = (a[index] for a in arguments)
    return f"By hand: dy · y · (1 − y) = {dy:.6g} · {y:.6g} · {1 - y:.6g} = {dy * y * (1 - y):.6g}."


def _sizes_by_hand(arguments, output, index):
    dy, ys, weights, backward = arguments
    top = backward(dy, ys[-1])
    return (
        f"By hand, the top layer: dz = backward(dy, ys[{len(ys) - 1}]), whose first entry is {top[0, 0]:.6g}; √(mean "
        f"of dz²) = {np.sqrt((top**2).mean()):.6g}. The next layer's dy is dz · weights[{len(ys) - 1}]ᵀ."
    )


LESSON = Lesson(
    "05",
    "ReLU: why not tanh",
    45,
    30,
    (
        Exercise(
            "05-relu",
            "relu",
            relu,
            (lambda: (_x(),), lambda: (_x((3, 8), 3),)),
            ("y",),
            wrong=FORWARD_WRONG,
            by_hand=_relu_by_hand,
            properties=_for_inputs(relu),
            hints=(
                "What should come out for x = −2, for 0, for 3? And for 300?",
                "y = max(x, 0), entry by entry",
                "return np.maximum(x, 0)   (np.max is another function: it looks for one number in a whole array)",
            ),
        ),
        Exercise(
            "05-relu-backward",
            "relu_backward",
            relu_backward,
            (_relu_backward_probe, _row_probe),
            ("dx",),
            wrong=RELU_WRONG,
            by_hand=_gate_by_hand,
            properties=_for_gradients(relu_backward),
            hints=(
                "If x is 2 and moves a little, how far does y move? And if x is −2? Does dy play any part in that?",
                "dx = dy where x > 0, else 0",
                "return dy * (x > 0)",
            ),
        ),
        Exercise(
            "05-tanh-backward",
            "tanh_backward",
            tanh_backward,
            (_tanh_probe, _tanh_picture_probe),
            ("dx",),
            wrong=TANH_WRONG,
            by_hand=_tanh_by_hand,
            outside=("huge", "far"),
            properties=_for_gradients(tanh_backward, "where tanh is flat, y = −1 and 1", SATURATED),
            ratios=((-1, "The sign is wrong: the slope is 1 − y², never negative."),),
            hints=(
                "Where is tanh steepest, and what is y there? Where is it flat, and what is y there?",
                "d tanh(x)/dx = 1 − tanh²(x), and tanh(x) is the y that you are given",
                "return dy * (1 - y**2)",
            ),
        ),
        Exercise(
            "05-sigmoid-backward",
            "sigmoid_backward",
            sigmoid_backward,
            (_sigmoid_probe, _sigmoid_picture_probe),
            ("dx",),
            wrong=SIGMOID_WRONG,
            by_hand=_sigmoid_by_hand,
            outside=("huge", "tiny", "far"),
            properties=_for_gradients(sigmoid_backward, "where the sigmoid is flat, y = 0 and 1", (1 + SATURATED) / 2),
            ratios=((-1, "The sign is wrong: the slope is y · (1 − y), never negative."),),
            hints=(
                "y runs from 0 to 1. The slope is 0 at both ends and largest halfway: which product of two factors "
                "does that?",
                "y = 1 / (1 + e^−x), so dy/dx = e^−x / (1 + e^−x)² = y · (1 − y)",
                "return dy * y * (1 - y)",
            ),
        ),
        Exercise(
            "05-chain",
            "gradient_sizes",
            gradient_sizes,
            (_stack_probe, _gated_stack_probe),
            ("sizes",),
            axes={"sizes": ("layer",)},
            wrong=SIZES_WRONG,
            by_hand=_sizes_by_hand,
            properties=tuple(
                case(when, gradient_sizes, probe, ("sizes",))
                for when, probe in (
                    ("for one layer and one picture", _one_layer_probe),
                    ("if all units of a layer are shut", _shut_stack_probe),
                    ("for tiny gradients", _tiny_stack_probe),
                )
            ),
            hints=(
                "Which layer does the gradient meet first? Which two things does it pass in each layer, and in which "
                "order?",
                "from the top: dz = backward(dy, ys[l]);  sizes[l] = √(mean of dz²);  then dy = dz · weights[l]ᵀ for "
                "the layer below",
                "for l in reversed(range(len(ys))): dz = backward(dy, ys[l]); sizes[l] = np.sqrt((dz**2).mean()); dy "
                "= dz @ weights[l].T",
            ),
        ),
    ),
)
