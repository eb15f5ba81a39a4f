"""Lesson 04, the paper's update and where weights start: its exercises and the known mistakes."""

import math

import numpy as np

from tinyalex.optim import LAYERS_WITH_BIAS_ONE, SGD
from tinyalex.teaching import draws
from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong
from tinyalex.training.schedules import Schedule


def step(w, v, g, lr, momentum, weight_decay):
    sgd = SGD({"w": w}, momentum, weight_decay)
    sgd.velocity["w"] = v
    sgd.step({"w": g}, lr)


def rate(epoch, lr, drops):
    return Schedule("steps:" + ",".join(map(str, drops)), lr, epochs=math.inf).rate(epoch, ())


def weights(shape, std, rng):
    return (std * rng.standard_normal(shape)).astype(np.float32)


def biases(names):
    return np.array([1.0 if name in LAYERS_WITH_BIAS_ONE else 0.0 for name in names])


def _step_probe():
    rng = np.random.default_rng(0)
    return *(rng.standard_normal((3, 5)) * size for size in (2, 0.5, 3)), 0.3, 0.7, 0.2


def _small_rate_probe():
    rng = np.random.default_rng(1)
    return *(rng.standard_normal((2, 3, 4)) * size for size in (3, 0.2, 2)), 0.04, 0.6, 0.15


def _vector_probe():
    rng = np.random.default_rng(4)
    return *(rng.standard_normal(7) for _ in range(3)), 0.2, 0.8, 0.3


def _zeros_probe():
    """0 in every combination of w, v and g."""
    w, v, g = (np.random.default_rng(5).uniform(1, 2, (3, 2, 2, 2)) * (np.indices((2, 2, 2)) > 0)).copy()
    return w, v, g, 0.3, 0.7, 0.2


def _hundreds_probe():
    rng = np.random.default_rng(6)
    return *(300 * rng.standard_normal((2, 5)) for _ in range(3)), 0.3, 0.7, 0.2


def _plain_probe():
    rng = np.random.default_rng(7)
    return *(rng.standard_normal((2, 5)) for _ in range(3)), 0.3, 0.0, 0.0


# ---------------------------------------------------------------------------------------------- the update


def _moves(rule):
    """rule(w, v, g, lr, m, d) -> (w, v) afterwards."""

    def wrong(w, v, g, lr, momentum, weight_decay):
        new_w, new_v = rule(w.copy(), v.copy(), g, lr, momentum, weight_decay)
        w[...], v[...] = new_w, new_v

    return wrong


def _by_velocity(velocity):
    """Move w the right way, but by another velocity."""

    def rule(w, v, g, lr, m, d):
        v = velocity(w, v, g, lr, m, d)
        return w + v, v

    return _moves(rule)


def _rate_outside(sign, decay=1.0):
    def rule(w, v, g, lr, m, d):
        v = m * v - sign * (g + decay * d * w)
        return w + sign * lr * v, v

    return _moves(rule)


def _velocity(w, v, g, lr, m, d):
    return m * v - d * lr * w - lr * g


def _old_velocity(w, v, g, lr, m, d):
    return w + v, _velocity(w, v, g, lr, m, d)


def _nesterov(w, v, g, lr, m, d):
    v = _velocity(w, v, g, lr, m, d)
    return w + m * v - lr * (g + d * w), v


def _decay_beside(in_velocity):
    def rule(w, v, g, lr, m, d):
        new = m * v - lr * g - in_velocity * d * lr * w
        return w + new - d * lr * w, new

    return _moves(rule)


def _decay_beside_plain(w, v, g, lr, m, d):
    new = m * v - lr * g
    return (1 - d) * w + new, new


def _decay_of_the_moved(w, v, g, lr, m, d):
    w = w + m * v - lr * g
    return w - d * lr * w, m * v - lr * g - d * lr * w


STEP_WRONG = (
    Wrong(
        "O6",
        _moves(lambda w, v, g, lr, m, d: (w, _velocity(w, v, g, lr, m, d))),
        "w has not moved. `w = w + v` only gives the name to a new array; write into the old one: `w += v`.",
    ),
    Wrong(
        "O6",
        lambda w, v, g, lr, momentum, weight_decay: None,
        "Unchanged: `w = w + v` only gives the name to a new array; write into the old one, `w += v`.",
    ),
    Wrong(
        "O6",
        _moves(lambda w, v, g, lr, m, d: (w + _velocity(w, v, g, lr, m, d), v)),
        "w moves correctly, but v is unchanged: your new velocity is another array under the same name. Write into v: "
        "`v *= …`, `v -= …`, or `v[...] = …`.",
    ),
    Wrong(
        "O1",
        _by_velocity(lambda w, v, g, lr, m, d: m * v - d * w - lr * g),
        "The decay lacks the rate: it is weight_decay · lr · w. Yours shrinks w 1/lr times too fast.",
    ),
    Wrong(
        "O1",
        _by_velocity(lambda w, v, g, lr, m, d: m * v - d * lr * w - g),
        "The gradient lacks the rate: it is lr · g.",
    ),
    Wrong(
        "O2",
        _rate_outside(-1),
        "The rate is outside the velocity (PyTorch's form): v accumulates gradients, and lr scales the step. In the "
        "paper lr is inside: after a drop of lr the old velocity keeps its size.",
    ),
    Wrong(
        "O2",
        _rate_outside(1),
        "The rate is outside the velocity: w moves by lr · v. In the paper lr is inside v, and w moves by v itself.",
    ),
    Wrong(
        "O2",
        _moves(lambda w, v, g, lr, m, d: (w + lr * _velocity(w, v, g, lr, m, d), _velocity(w, v, g, lr, m, d))),
        "lr appears twice: v already contains it, so w moves by v.",
    ),
    Wrong(
        "O2",
        _moves(lambda w, v, g, lr, m, d: (w - (m * v + lr * (g + d * w)), m * v + lr * (g + d * w))),
        "Your v points uphill, and you subtract it. The walk is the same, but the paper's v is the step itself: minus "
        "before lr, and w + v.",
    ),
    Wrong(
        "O3",
        _by_velocity(lambda w, v, g, lr, m, d: m * v - d * lr * w - (1 - m) * lr * g),
        "You damp the gradient by 1 − momentum, as in an average. The paper adds it whole; at momentum 0.9 your first "
        "step is ten times too short.",
    ),
    Wrong(
        "O3",
        _by_velocity(lambda w, v, g, lr, m, d: m * v - (1 - m) * lr * (g + d * w)),
        "You damp gradient and decay by 1 − momentum, as in an average. The paper adds them whole.",
    ),
    Wrong(
        "O4",
        _decay_beside(0),
        "The decay moves w but is missing from v. It is part of the velocity and gathers momentum like the gradient.",
    ),
    Wrong("O4", _decay_beside(1), "The decay appears twice: in v, and again in w."),
    Wrong(
        "O4",
        _by_velocity(lambda w, v, g, lr, m, d: m * v - 2 * d * lr * w - lr * g),
        "The decay is twice too large. If you derive it from an L2 loss: the derivative of ½·w² is w, not 2w.",
    ),
    Wrong(
        "O4",
        _moves(_decay_beside_plain),
        "You multiply w by (1 − weight_decay). The decay belongs in the velocity, times lr: − weight_decay · lr · w.",
    ),
    Wrong(
        "O4",
        _by_velocity(lambda w, v, g, lr, m, d: m * v - d / 2 * lr * w - lr * g),
        "The decay is half as large as it should be: the derivative of ½·w² is w.",
    ),
    Wrong(
        "O4",
        _by_velocity(lambda w, v, g, lr, m, d: m * v - d * lr * np.sign(w) - lr * g),
        "Your decay has the same size for every weight, only w's sign. It is weight_decay · lr · w.",
    ),
    Wrong(
        "O1",
        _by_velocity(lambda w, v, g, lr, m, d: m * v - d * lr**2 * w - lr * g),
        "The decay has the rate twice: it is weight_decay · lr · w.",
    ),
    Wrong(
        "O4", _by_velocity(lambda w, v, g, lr, m, d: m * v - lr * g), "The decay is missing: − weight_decay · lr · w."
    ),
    Wrong(
        "O4",
        _by_velocity(lambda w, v, g, lr, m, d: m * v + d * lr * w - lr * g),
        "The decay has the wrong sign: it pulls w towards 0, so it is subtracted.",
    ),
    Wrong(
        "O4",
        _by_velocity(lambda w, v, g, lr, m, d: m * (v - d * lr * w) - lr * g),
        "momentum also multiplies the decay. Let it multiply only the old velocity.",
    ),
    Wrong(
        "O5",
        _moves(_old_velocity),
        "w moves by the old v. Update v first, then w by the new one; otherwise the first step goes nowhere.",
    ),
    Wrong(
        "O5",
        _moves(_nesterov),
        "That is Nesterov's momentum: the first step is 1 + momentum times as long. The paper's w moves by v alone.",
    ),
    Wrong(
        "O5",
        _moves(lambda w, v, g, lr, m, d: (w + v - lr * g, _velocity(w, v, g, lr, m, d))),
        "w moves by the old velocity and the gradient, without momentum's damping. It moves by the new v.",
    ),
    Wrong(
        "O5",
        _moves(_decay_of_the_moved),
        "You compute the decay from a w that has already moved. All of v comes from the old w.",
    ),
    Wrong(
        "O4",
        _by_velocity(lambda w, v, g, lr, m, d: m * (v - d * lr * w - lr * g)),
        "momentum also multiplies the new push. Let it multiply only the old velocity.",
    ),
    Wrong(
        "O4",
        _by_velocity(lambda w, v, g, lr, m, d: m * v - d * lr * v - lr * g),
        "Your decay shrinks v. It shrinks w: − weight_decay · lr · w.",
    ),
    Wrong(
        "O2",
        _by_velocity(lambda w, v, g, lr, m, d: lr * (m * v - d * w - g)),
        "The rate also multiplies the old velocity. It belongs to the decay and the gradient alone.",
    ),
    Wrong(
        "O5",
        _moves(lambda w, v, g, lr, m, d: (_velocity(w, v, g, lr, m, d),) * 2),
        "w has become v. It moves by v: w + v.",
    ),
    Wrong(
        "O5",
        _moves(lambda w, v, g, lr, m, d: (w + m * _velocity(w, v, g, lr, m, d), _velocity(w, v, g, lr, m, d))),
        "w moves by momentum times the new v. It moves by v itself.",
    ),
    Wrong(
        "O15",
        _by_velocity(lambda w, v, g, lr, m, d: m * v - d * lr * w - lr * np.sign(g)),
        "Only the sign of g counts in yours. Its size does too: lr · g.",
    ),
    Wrong(
        "O15",
        _by_velocity(lambda w, v, g, lr, m, d: m * v - d * lr * w - lr * g.mean()),
        "You move every weight by the mean gradient. Each weight has its own: lr · g.",
    ),
    Wrong(
        "O7",
        _by_velocity(lambda w, v, g, lr, m, d: m * v - d * lr * w + lr * g),
        "You climb: the gradient points uphill, so subtract lr · g.",
    ),
    Wrong(
        "O7",
        _by_velocity(lambda w, v, g, lr, m, d: -m * v - d * lr * w - lr * g),
        "The old velocity has the wrong sign. Momentum keeps the direction: + momentum · v.",
    ),
    Wrong(
        "O7",
        _moves(lambda w, v, g, lr, m, d: (w - _velocity(w, v, g, lr, m, d), _velocity(w, v, g, lr, m, d))),
        "v is right, but you subtract it. It already has its minus signs: w + v.",
    ),
    Wrong(
        "O8",
        _by_velocity(lambda w, v, g, lr, m, d: 0.9 * v - d * lr * w - lr * g),
        "Your momentum is fixed at the paper's 0.9. Use the argument.",
    ),
    Wrong(
        "O8",
        _by_velocity(lambda w, v, g, lr, m, d: m * v - 0.0005 * lr * w - lr * g),
        "Your decay is fixed at the paper's 0.0005. Use the argument weight_decay.",
    ),
    Wrong(
        "O8",
        _by_velocity(lambda w, v, g, lr, m, d: 0.9 * v - 0.0005 * lr * w - lr * g),
        "Your momentum and decay are fixed at the paper's 0.9 and 0.0005. Use the arguments.",
    ),
    Wrong(
        "O9",
        _by_velocity(lambda w, v, g, lr, m, d: -d * lr * w - lr * g),
        "You throw the old velocity away. Momentum keeps part of it: momentum · v.",
    ),
    Wrong(
        "O9",
        _by_velocity(lambda w, v, g, lr, m, d: v - d * lr * w - lr * g),
        "You keep the whole old velocity, so nothing ever slows down. Multiply it by momentum.",
    ),
    Wrong(
        "O9",
        _by_velocity(lambda w, v, g, lr, m, d: (1 - m) * v - d * lr * w - lr * g),
        "You keep the share 1 − momentum of the old velocity. Keep the share momentum.",
    ),
)


def _step_by_hand(arguments, output, index):
    w, v, g, lr, momentum, decay = arguments
    new = momentum * v[index] - decay * lr * w[index] - lr * g[index]
    text = (
        f"By hand: v = {momentum} · ({v[index]:.6g}) − {decay} · {lr} · ({w[index]:.6g}) − {lr} · ({g[index]:.6g}) = "
        f"{new:.6g}"
    )
    return f"{text}; w = {w[index]:.6g} + v = {w[index] + new:.6g}." if output == "w" else f"{text}."


# ---------------------------------------------------------------------------------------------- where weights start

_SHAPE, _STD = (6, 5, 20, 25), 0.02  # 15,000 numbers: their std is within 3 % of the one asked for


def _draw(function, std=_STD, seed=2):
    return np.asarray(function(_SHAPE, std, np.random.default_rng(seed)), np.float64)


def _same_numbers(function):
    """False if two calls in a row give the same numbers."""
    rng = np.random.default_rng(3)
    return not np.array_equal(function(_SHAPE, _STD, rng), function(_SHAPE, _STD, rng))


def _repeatable(function):
    return np.array_equal(_draw(function), _draw(function))


def _distinct(function):
    found = _draw(function)
    distinct = len(np.unique(found))
    return distinct > 0.9 * found.size or f"Only {distinct:,} of {found.size:,} numbers are distinct."


def _std_not(rule):
    """Fails if the std is about rule(std) for two of them."""

    def holds(function):
        return not all(0.96 < _draw(function, std).std() / rule(std) < 1.04 for std in (_STD, 0.3))

    return holds


def _std_right(function):
    for std in (_STD, 0.3):
        found = _draw(function, std).std()
        if not 0.96 * std < found < 1.04 * std:
            return f"It is {found:.3g}, expected {std}."


def _mean_right(function):
    found = _draw(function)
    return abs(found.mean()) < 0.2 * found.std() or f"Their mean is {found.mean():.3g}."


def _uniform_within_std(function):
    found = _draw(function)
    return not (np.abs(found).max() <= _STD and draws.uniform(found, -_STD, _STD) is None)


def _independent(function):
    axes = "kernel row", "kernel column", "channel in", "channel out"
    return draws.independent_numbers(_draw(function) / _STD, draws.normal_rank, axes)


def _dense_right(function):
    found = np.asarray(function((120, 100), _STD, np.random.default_rng(4)))
    if found.shape != (120, 100):
        return f"weight.shape is {found.shape}, expected (120, 100)."
    if found.dtype != np.float32:
        return f"They are {found.dtype}."
    return draws.normal(found, _STD) or draws.independent_numbers(found / _STD, draws.normal_rank, ("in", "out"))


def _large_right(function):
    found = np.asarray(function((700, 500), _STD, np.random.default_rng(5)), np.float64)
    distinct = len(np.unique(found))
    if distinct < 0.9 * found.size:
        return f"Only {distinct:,} of {found.size:,} numbers are distinct."
    return draws.normal(found, _STD)


WEIGHT_PROPERTIES = (
    Property(
        "I1",
        lambda function: _draw(function).any(),
        "All weights are 0, so all units of a layer compute the same, get the same gradient, and stay the same for "
        "ever. Draw them at random.",
    ),
    Property(
        "I3",
        _repeatable,
        "Two generators with the same seed give different weights. Draw from nothing but the rng that you are given.",
        about="generator",
    ),
    Property(
        "I1",
        _same_numbers,
        "Two layers drawn one after the other get the same numbers. Draw from the rng that you are given: it goes on "
        "from layer to layer.",
        about="generator",
    ),
    Property(
        "I1",
        _distinct,
        "Many weights are the same number, so that units can start, and stay, alike: nearly all of them should differ.",
        about="sameness size",
    ),
    Property(
        "I1",
        _std_not(math.sqrt),
        "You take std for the variance, so your standard deviation is √std. The paper's 0.01 is the standard "
        "deviation.",
        about="size",
    ),
    Property(
        "I1",
        _std_not(lambda std: std**2),
        "Your standard deviation is std²: NumPy's normal takes the standard deviation itself, not the variance.",
        about="size",
    ),
    Property(
        "I1",
        _std_not(lambda std: 0.01),
        "Your standard deviation is 0.01, whatever std is. Use the argument.",
        about="size argument",
    ),
    Property(
        "I1",
        _std_not(lambda std: 1.0),
        "Your standard deviation is 1, whatever std is. Multiply by std.",
        about="size argument",
    ),
    Property("I4", _mean_right, "Your weights are not centred on 0.", about="size"),
    Property(
        "I5",
        _uniform_within_std,
        "Your weights are uniform between −std and std, which makes their standard deviation std/√3. Draw from a "
        "normal distribution.",
        about="size",
    ),
    Property(
        "I6",
        _std_not(lambda std: math.sqrt(2 / np.prod(_SHAPE[:-1]))),
        "You scale by the number of inputs (He's rule of 2015). The paper's rule of 2012 uses only std.",
        about="size",
    ),
    Property(
        "I6",
        _std_not(lambda std: math.sqrt(1 / np.prod(_SHAPE[:-1]))),
        "You scale by the number of inputs, to √(1/n). The paper's rule uses only std.",
        about="size",
    ),
    Property("I1", _std_right, "Your standard deviation is wrong.", about="size"),
    Property(
        "I5",
        lambda function: draws.normal(_draw(function), _STD),
        "Your weights are not independent normal numbers.",
        about="size",
    ),
    Property("I8", _independent, "Your weights are not independent.", about="sameness size"),
    Property(
        "C16",
        lambda function: np.asarray(function(_SHAPE, _STD, np.random.default_rng(2))).dtype == np.float32,
        "Your weights are float64, NumPy's default. Return float32: half the memory.",
        about="dtype",
    ),
    Property(
        "I3",
        lambda function: draws.generator(lambda rng: function((3, 4), _STD, rng)),
        "Draw from nothing but the rng that you are given.",
        late=True,
    ),
    Property("I9", _dense_right, "Right for (kh, kw, in, out), but not for (in, out).", late=True),
    Property("I8", _large_right, "The weights of a large layer are not independent normal numbers.", late=True),
)

_NAMES = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]
_ONES = ("conv2", "conv4", "conv5", "fc6", "fc7")


def _ones(*names):
    return lambda found: np.array([float(name in names) for name in found])


BIAS_WRONG = (
    Wrong(
        "I1",
        _ones(),
        "All biases are 0. In five layers the paper starts them at 1, so that their ReLUs get positive inputs.",
    ),
    Wrong("I1", _ones(*_NAMES), "All biases are 1. The paper's are 1 in five of the eight layers only."),
    Wrong("I1", _ones("conv1", "conv3", "fc8"), "Yours are the wrong way round: 1 where the paper's are 0."),
    Wrong("I1", _ones(*_NAMES[1:]), "Yours are 1 everywhere but in conv1; conv3 and fc8 start at 0 too."),
    Wrong("I1", _ones(*_NAMES[1:-1]), "Nearly: conv3 starts at 0."),
    Wrong("I1", _ones(*_ONES, "fc8"), "Nearly: fc8 gives the scores and has no ReLU after it; its biases start at 0."),
    Wrong(
        "I1",
        _ones("conv2", "conv4", "conv5"),
        "The paper's “fully-connected hidden layers” are missing: fc6 and fc7 start at 1 as well.",
    ),
    Wrong("I1", _ones("fc6", "fc7"), "The convolutions are missing: the second, fourth and fifth start at 1 as well."),
    Wrong(
        "I1",
        _ones("conv3", "conv5", "fc7"),
        "You counted layers from 0. “Second, fourth, and fifth” are conv2, conv4 and conv5; and fc6 and fc7 are the "
        "hidden ones.",
    ),
    Wrong("I1", _ones("conv2", "conv4", "conv5", "fc6", "fc7", "conv1"), "Nearly: conv1 starts at 0."),
    Wrong(
        "I1",
        lambda names: np.array([float(place in (1, 3, 4, 5, 6)) for place in range(len(names))]),
        "Your numbers are in the network's order, whatever the order of names. Entry i belongs to names[i].",
    ),
    Wrong(
        "I1",
        _ones("conv2", "conv4", "fc6", "fc8"),
        "You go by even numbers. “Second, fourth, and fifth” are conv2, conv4 and conv5; fc6 and fc7 are the hidden "
        "ones.",
    ),
    *(
        Wrong(
            "I1", _ones(*(n for n in _ONES if n != name)), f"Nearly: {name} starts at 1, with the others of its kind."
        )
        for name in _ONES
    ),
    Wrong("I7", lambda names: np.where(biases(names) == 1, 1, 0.01), "The others start at 0, not at 0.01."),
    Wrong("I7", lambda names: -biases(names), "Your constant is −1, which shuts the ReLUs. The paper's is 1."),
    Wrong(
        "I7",
        lambda names: 0.01 * np.random.default_rng(0).standard_normal(len(names)),
        "You draw the biases at random. They start at a constant, 1 or 0.",
    ),
    Wrong("I7", lambda names: 0.1 * biases(names), "The paper's constant is 1, not 0.1."),
)


# ---------------------------------------------------------------------------------------------- the rate over time


def _passed(epoch, drops):
    return sum(epoch >= drop for drop in drops)


RATE_WRONG = (
    Wrong("O10", lambda epoch, lr, drops: lr, "The rate never drops. Divide it by 10 for every drop reached."),
    Wrong(
        "O11",
        lambda epoch, lr, drops: lr * 0.1 ** sum(epoch > drop for drop in drops),
        "At the very epoch of a drop your rate has not dropped yet. A drop at 25 applies from 25.0 on: use >=.",
    ),
    Wrong(
        "O11",
        lambda epoch, lr, drops: lr * 0.1 ** sum(epoch >= drop - 1 for drop in drops),
        "Each drop comes one epoch early. Epochs are counted from 0, and so are the drops.",
    ),
    Wrong(
        "O11",
        lambda epoch, lr, drops: lr * 0.1 ** _passed(round(epoch), drops),
        "You round the epoch: a drop at 9 applies from 9.0 on, not from 8.5. Compare the epoch as it is.",
    ),
    Wrong(
        "O11",
        lambda epoch, lr, drops: lr * 0.1 ** _passed(math.ceil(epoch), drops),
        "You round the epoch up: a drop at 9 applies from 9.0 on, not before. Compare the epoch as it is.",
    ),
    Wrong(
        "O11",
        lambda epoch, lr, drops: lr * 0.1 ** _passed(epoch, np.cumsum(drops)),
        "You add the drops up. Each is an epoch counted from 0, not from the drop before.",
    ),
    Wrong(
        "O16",
        lambda epoch, lr, drops: lr * 0.1 ** np.interp(epoch, (0, *drops), range(len(drops) + 1)),
        "Your rate falls between the drops. It stays the same from one drop to the next.",
    ),
    Wrong(
        "O12",
        lambda epoch, lr, drops: lr / 10 if epoch in drops else lr,
        "Your rate drops for one epoch only. A drop applies for ever: compare with >=.",
    ),
    Wrong(
        "O12",
        lambda epoch, lr, drops: lr * 0.1 ** (drops.index(epoch) + 1) if epoch in drops else lr,
        "Your rate drops for one epoch only. A drop applies for ever: compare with >=.",
    ),
    Wrong(
        "O12",
        lambda epoch, lr, drops: lr / 10 if epoch >= drops[0] else lr,
        "You use only the first drop. Every drop reached divides by 10 again.",
    ),
    Wrong(
        "O12",
        lambda epoch, lr, drops: lr / 10 if epoch >= drops[-1] else lr,
        "You use only the last drop. Every drop reached divides by 10 again.",
    ),
    Wrong(
        "O13",
        lambda epoch, lr, drops: lr * 0.5 ** _passed(epoch, drops),
        "You halve the rate; the paper divides it by 10.",
    ),
    Wrong(
        "O13",
        lambda epoch, lr, drops: lr * 0.1 * _passed(epoch, drops),
        "You multiply by 0.1 times the number of drops, which is 0 before the first. It is 0.1 to that power.",
    ),
    Wrong(
        "O13",
        lambda epoch, lr, drops: lr / 3 ** _passed(epoch, drops),
        "You divide by 3 at each drop; the paper divides by 10.",
    ),
    Wrong(
        "O13",
        lambda epoch, lr, drops: lr / max(1, 10 * _passed(epoch, drops)),
        "After two drops your rate is lr/20. Every drop divides the current rate by 10: lr/10, lr/100, lr/1000.",
    ),
    Wrong(
        "O13",
        lambda epoch, lr, drops: lr * (1 - 0.1 * _passed(epoch, drops)),
        "You take a tenth off; the paper divides by 10, so a tenth is left.",
    ),
    Wrong(
        "O13",
        lambda epoch, lr, drops: lr * 0.9 ** _passed(epoch, drops),
        "You take a tenth off; the paper divides by 10, so a tenth is left.",
    ),
    Wrong(
        "O13",
        lambda epoch, lr, drops: lr * 10.0 ** _passed(epoch, drops),
        "The rate rises: you multiply by 10 instead of dividing.",
    ),
    Wrong(
        "O13",
        lambda epoch, lr, drops: lr * math.exp(-_passed(epoch, drops)),
        "You divide by e at each drop; the paper divides by 10.",
    ),
    Wrong(
        "O14",
        lambda epoch, lr, drops: lr * 0.1 ** (1 + _passed(epoch, drops)),
        "You divide once too often: before the first drop the rate is lr itself.",
    ),
    Wrong(
        "O14",
        lambda epoch, lr, drops: lr * 0.1 ** max(0, _passed(epoch, drops) - 1),
        "You divide one time too few: the first drop counts.",
    ),
    Wrong(
        "O14",
        lambda epoch, lr, drops: lr * 0.1 ** min(_passed(epoch, drops), 2),
        "You leave out the last drop. Count every drop reached.",
    ),
    Wrong(
        "O8",
        lambda epoch, lr, drops: 0.01 * 0.1 ** _passed(epoch, drops),
        "Your rate starts at the paper's 0.01. Start at the argument lr.",
    ),
    Wrong(
        "O8",
        lambda epoch, lr, drops: lr * 0.1 ** _passed(epoch, (25, 51, 79)),
        "Your drops are fixed at the source's epochs. Use the argument drops.",
    ),
)


def _rate_by_hand(arguments, output, index):
    epoch, lr, drops = arguments
    reached = [drop for drop in drops if epoch >= drop]
    return (
        f"By hand: at epoch {epoch} the drops reached are {reached}; {lr} / 10^{len(reached)} = "
        f"{rate(epoch, lr, drops):.6g}."
    )


def _rate_probe(epoch, lr, drops):
    return lambda: (epoch, lr, drops)


_RATE_PROBES = tuple(
    _rate_probe(epoch, 0.03, (4, 9, 14)) for epoch in (0, 2, 3, 4, 4.5, 5, 8.75, 9, 10, 12, 13.2, 14, 15, 20)
) + (_rate_probe(6, 0.2, (2, 7)), _rate_probe(30.5, 0.2, (2, 7)))


LESSON = Lesson(
    "04",
    "Downhill with momentum: the paper's update",
    45,
    15,
    (
        Exercise(
            "04-step",
            "sgd_step",
            step,
            (_step_probe, _small_rate_probe),
            ("w", "v"),
            changes=(0, 1),
            axes={"w": ("row", "column"), "v": ("row", "column")},
            wrong=STEP_WRONG,
            by_hand=_step_by_hand,
            properties=tuple(
                case(when, step, probe, ("w", "v"), (0, 1))
                for when, probe in (
                    ("for a vector, such as biases", _vector_probe),
                    ("where w, v or g is 0", _zeros_probe),
                    ("for numbers in the hundreds", _hundreds_probe),
                    ("without momentum and decay, both 0", _plain_probe),
                )
            ),
            hints=(
                "Which of the paper's two lines changes v, which w? Which line comes first, and which array must not "
                "change at all?",
                "v ← momentum · v − weight_decay · lr · w − lr · g;  w ← w + v",
                "v[...] = momentum * v - weight_decay * lr * w - lr * g, then w += v",
            ),
        ),
        Exercise(
            "04-rate",
            "rate_at",
            rate,
            _RATE_PROBES,
            ("rate",),
            wrong=RATE_WRONG,
            by_hand=_rate_by_hand,
            outside=("zeros",),
            properties=(
                case("for one drop", rate, lambda: (6, 0.5, (5,)), ("rate",)),
                case("for five drops", rate, lambda: (60, 0.03, (10, 20, 30, 40, 50)), ("rate",)),
                case("for a drop at 0", rate, lambda: (0, 0.5, (0, 3)), ("rate",)),
                case("for eight drops", rate, lambda: (95, 0.03, tuple(range(10, 90, 10))), ("rate",)),
                case("for a small rate", rate, lambda: (60, 3e-9, (10, 20, 30, 40, 50)), ("rate",)),
                case("for a drop within an epoch", rate, lambda: (2.75, 0.5, (2.5, 4.5)), ("rate",)),
            ),
            hints=(
                "With drops at 25, 51 and 79, how many have been reached by epoch 60?",
                "rate = lr / 10^(number of drops with epoch ≥ drop)",
                "lr * 0.1 ** sum(epoch >= drop for drop in drops)",
            ),
        ),
        Exercise(
            "04-weights",
            "first_weights",
            weights,
            (lambda: (_SHAPE, _STD, np.random.default_rng(2)),),
            ("weight",),
            properties=WEIGHT_PROPERTIES,
            compare=False,
            hints=(
                "What must differ between two layers drawn one after the other, and what must stay the same when you "
                "repeat the whole run?",
                "weight ~ N(0, std²): std times standard normal numbers, one for each entry of shape",
                "(std * rng.standard_normal(shape)).astype(np.float32)",
            ),
        ),
        Exercise(
            "04-biases",
            "first_biases",
            biases,
            (lambda: (list(_NAMES),), lambda: ("fc7 conv4 fc8 conv1 conv5 conv3 fc6 conv2".split(),)),
            ("bias",),
            axes={"bias": ("place",)},
            wrong=BIAS_WRONG,
            by_hand=lambda arguments, output, index: f"That is {arguments[0][index[0]]}.",
            properties=(
                case("for two names", biases, lambda: (["fc8", "conv2"],), ("bias",)),
                case("for one name", biases, lambda: (["fc6"],), ("bias",)),
                case("if a name occurs twice", biases, lambda: (["fc7", "conv3", "fc7"],), ("bias",)),
            ),
            hints=(
                "“The second, fourth, and fifth convolutional layers, as well as the fully-connected hidden layers”: "
                "which five names are these?",
                "1 for conv2, conv4, conv5, fc6, fc7;  0 for conv1, conv3, fc8",
                'np.array([1.0 if name in ("conv2", "conv4", "conv5", "fc6", "fc7") else 0.0 for name in names])',
            ),
        ),
    ),
)
