"""Lesson 10, dropout: its exercises and the known mistakes.

The two forms, in training and at test (p is the share dropped):

    the paper's   y = x · mask              y = x · (1 − p)
    inverted      y = x · mask / (1 − p)    y = x

Learners may draw in any way they like, so forward is judged by what must hold over many draws, not entry by entry.
"""

import numpy as np

from tinyalex.layers import Dropout
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong

P, N, F = 0.2, 40, 60  # not ½: there p and 1 − p are the same


def paper_forward(x, p, train, rng):
    return _forward(x, p, train, rng, inverted=False)


def inverted_forward(x, p, train, rng):
    return _forward(x, p, train, rng, inverted=True)


def _forward(x, p, train, rng, inverted):
    """The package's layer, but with the solution's draws, so that a notebook prints the same with either."""
    if not train:
        y, (_, factor) = Dropout(p, inverted).forward(x)
        return y, factor
    factor = (rng.random(x.shape) >= p).astype(x.dtype) / (1 - p if inverted else 1)
    return x * factor, factor


def dropout_backward(dy, factor):
    return Dropout().backward(dy, (dy.shape, factor))[0]


def average_net(x, weight, bias, p):
    return _softmax((1 - p) * x @ weight + bias).astype(np.float64)  # a demonstration: float32 need not stay float32


def _softmax(z):
    z = np.exp(z - z.max(axis=-1, keepdims=True))
    return z / z.sum(axis=-1, keepdims=True)


# ---------------------------------------------------------------------------------------------- forward: what must hold


def _x(shape=(N, F), seed=0):
    """No value near 0: a 0 in y is a dropped unit."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.5, 2, shape) * rng.choice([-1.0, 1.0], shape)


def _run(function, train, p=P, seed=1, x=None):
    """(y, factor) of one call on a copy of x."""
    result = function(_x() if x is None else x.copy(), p, train, np.random.default_rng(seed))
    return result if isinstance(result, tuple) and len(result) == 2 else (None, None)


def _returns_two(function):
    for train in (True, False):
        y, factor = _run(function, train)
        mode = f"With train={train} yours"
        if y is None:
            return f"{mode} does not."
        if not isinstance(y, np.ndarray) or y.shape != (N, F):
            found = f"of shape {y.shape}" if isinstance(y, np.ndarray) else f"that is a {type(y).__name__}"
            return f"{mode} returns a y {found}, expected an array of x's shape, {(N, F)}."
        try:
            np.broadcast_to(np.asarray(factor, dtype=float), (N, F))
        except (TypeError, ValueError):
            return f"{mode} returns a factor that cannot multiply x."
    return True


def _leaves_x_alone(function):
    for train in (True, False):
        x = _x()
        function(x, P, train, np.random.default_rng(1))
        if not np.array_equal(x, _x()):
            return False
    return True


def _silent_at_test(function):
    y = _run(function, False)[0]
    return bool(np.array_equal(y, _run(function, False, seed=2)[0]) and (y != 0).all())


def _draws_in_training(function):
    y = _run(function, True)[0]
    return bool((y == 0).any())


def _new_draw_each_call(function):
    rng = np.random.default_rng(1)
    first, second = (function(_x(), P, True, rng)[0] for _ in range(2))
    return not np.array_equal(first == 0, second == 0)


def _draws_from_rng(function):
    return bool(np.array_equal(_run(function, True)[0], _run(function, True)[0]))


def _each_picture_its_own(function):
    dropped = _run(function, True)[0] == 0
    return not (dropped == dropped[0]).all()


def _each_unit_its_own(function):
    dropped = _run(function, True)[0] == 0
    return not (dropped == dropped[:, :1]).all()


def _share_dropped(function, p=P):
    return float((_run(function, True, p, x=_x((200, 200)))[0] == 0).mean())


def _not_p_for_keep(function):
    """Over 40,000 draws the share is always within 0.02 of its expectation."""
    return abs(_share_dropped(function) - (1 - P)) > 0.02


def _drops_p(function):
    for p in (P, 0.7):
        share = _share_dropped(function, p)
        if abs(share - p) > 0.02:
            return f"At p = {p} yours drops {share:.0%}."
    return True


def _factors(function, p=P):
    """[factor of the kept entries in training, factor of all at test]; None for one that differs between entries."""
    factors = []
    for train in (True, False):
        x, y = _x(), _run(function, train, p)[0]
        ratios = (y / x)[y != 0]
        factors.append(float(ratios[0]) if len(ratios) and np.allclose(ratios, ratios[0]) else None)
    return factors


def _unless(function, train, test):
    """False if the two factors are these functions of p, at two values of p."""
    for p in (P, 0.7):
        found, said = _factors(function, p), (train(p), test(p))
        if None in found or not np.allclose(found, said):
            return True
    return False


def _one(p):
    return 1.0


def _keep(p):
    return 1 - p


def _over_keep(p):
    return 1 / (1 - p)


def _not_forms(*forms):
    """A function of the learner's function: False if its factors are one of these (training, test) pairs."""
    return lambda function: all(_unless(function, *form) for form in forms)


def _does(train, test):
    def holds(function):
        for p in (P, 0.7):
            for word, found, expected in zip(("training", "the test"), _factors(function, p), (train(p), test(p))):
                if found is None:
                    return (
                        f"At p = {p} the factor in {word} varies between kept entries, expected {expected:.4g} for all."
                    )
                if not np.isclose(found, expected):
                    return f"At p = {p} kept entries are multiplied by {found:.4g} in {word}, expected {expected:.4g}."
        return True

    return holds


def _factor_is_what_was_used(function):
    for train in (True, False):
        y, factor = _run(function, train)
        if not np.allclose(_x() * factor, y):
            return f"With train={train}, x · factor is not y."
    return True


def _keeps_float32(function):
    for train in (True, False):
        y, factor = _run(function, train, x=_x().astype(np.float32))
        for name, value in ("y", y), ("factor", factor):
            if isinstance(value, np.ndarray) and value.dtype == np.float64:
                return f"{name} is float64 with train={train}."
    return True


def _properties(form, others):
    """The properties of a form's forward pass (training, test); others: properties that name other forms."""
    return (
        Property(None, _returns_two, "Return two things: y, and the factor by which x was multiplied."),
        Property(
            "unchanged",
            _leaves_x_alone,
            "You wrote into x, which belongs to the caller, who may still need it. Work on a copy.",
        ),
        Property(
            "D6", _silent_at_test, "You drop units with train=False too. At test nothing is drawn: all units speak."
        ),
        Property("D7", _draws_in_training, "With train=True you drop nothing: a share p of y should be exactly 0."),
        Property(
            "D6",
            _new_draw_each_call,
            "Two training steps drop the same units: you reset the seed in each call. Draw from the rng you are given.",
        ),
        Property(
            "D8",
            _draws_from_rng,
            "You do not draw from rng: the same rng twice gave two different masks, so no run could be repeated.",
        ),
        Property(
            "D3",
            _each_picture_its_own,
            "Every picture of the batch loses the same units. Each picture needs its own mask: draw x.shape numbers.",
        ),
        Property(
            "D9",
            _each_unit_its_own,
            "A picture loses all of its units or none. Draw for each unit of each picture: x.shape numbers.",
        ),
        Property(
            "D2",
            _not_p_for_keep,
            f"You take p as the share to keep: asked to drop {P:.0%}, yours drops {1 - P:.0%}. p = ½ would hide this.",
        ),
        Property("D10", _drops_p, "The share dropped is not p."),
        Property(
            "D2",
            _not_forms((_one, lambda p: p), (lambda p: 1 / p, _one)),
            "You scale by p. Scale by the share that is kept, 1 − p.",
        ),
        *others,
        Property("D11", _does(*form), "Kept entries have the wrong size."),
        Property(
            "D4",
            _factor_is_what_was_used,
            "factor is not what you multiplied x by. backward needs that very array, not another draw.",
        ),
        Property("C16", _keeps_float32, "float32 went in, but float64 came out: a float64 array crept in."),
    )


NO_SCALING = Property(
    "D1",
    _not_forms((_one, _one)),
    "You scale neither in training nor at test. At test all units speak, so the next layer hears 1 / (1 − p) times "
    "what it heard in training.",
)
SCALED_TWICE = Property(
    "D5", _not_forms((_over_keep, _keep)), "You scale twice: up in training and down at test. Choose one of the two."
)
WRONG_WAY = Property(
    "D12",
    _not_forms((_one, _over_keep), (_keep, _one)),
    "Your factor is upside down. Fewer units speak in training, so scale up in training or down at test.",
)
IS_INVERTED = Property(
    "D13",
    _not_forms((_over_keep, _one)),
    "This is right, but it is the inverted form. The paper's does "
    "not scale in training, and multiplies by 1 − p at test.",
)
IS_THE_PAPERS = Property(
    "D13",
    _not_forms((_one, _keep)),
    "This is right, but it is the paper's form. The inverted one "
    "divides by 1 − p in training, and does nothing at test.",
)


# ---------------------------------------------------------------------------------------------- backward


def _backward_probe(seed=3, shape=(4, 7), scale=1 / 0.8):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape), scale * (rng.random(shape) > 0.3)


def _picture_probe():
    return _backward_probe(4, (2, 5, 7, 3), 1 / 0.6)


def _gate_stays_shut(function):
    """Over several seeds dx is 0 exactly where factor is; a gate open or shut everywhere has its own message."""
    for seed in range(5, 8):
        dy, factor = _backward_probe(seed, (30, 20))
        dx = np.asarray(function(dy.copy(), factor.copy()))
        if dx.shape == dy.shape and (dx == 0).any() and not np.array_equal(dx == 0, factor == 0):
            share = np.mean((dx != 0)[factor == 0])
            return f"{share:.0%} of the silent units have a gradient." if share not in (0, 1) else True
    return True


BACKWARD_WRONG = (
    Wrong(
        "D14",
        lambda dy, factor: dy.copy(),
        "You let the gradient pass everywhere. A silenced unit had no part in the loss, so its gradient is 0.",
    ),
    Wrong(
        "D15",
        lambda dy, factor: dy * (factor > 0),
        "The right units, the wrong size: y = x · factor, so the slope is factor itself, scale included.",
    ),
    Wrong(
        "D16",
        lambda dy, factor: dy * factor * factor,
        "You scale twice: factor already holds 1 / (1 − p). dx = dy · factor, once.",
    ),
    Wrong(
        "D17",
        lambda dy, factor: dy * (factor == 0),
        "Your gate is the wrong way round: it is open where the unit was silent.",
    ),
    Wrong(
        "D17",
        lambda dy, factor: np.where(factor > 0, dy / np.where(factor > 0, factor, 1), 0),
        "You divide by factor. y = x · factor, so dx = dy · factor: multiply on the way back too.",
    ),
    Wrong("D18", lambda dy, factor: factor.copy(), "This is the slope alone. By the chain rule, multiply it by dy."),
)


# ---------------------------------------------------------------------------------------------- the average of all nets


def _net_probe(seed=8, N=2, F=4, K=3, p=0.3):
    rng = np.random.default_rng(seed)
    return 2 * rng.standard_normal((N, F)), rng.standard_normal((F, K)), rng.standard_normal(K), p


def _other_net_probe():
    return _net_probe(9, 3, 5, 4, 0.6)


def _masks(F, p):
    """All 2^F masks, and the probability of each."""
    masks = (np.arange(2**F)[:, None] >> np.arange(F)) & 1
    return masks, np.prod(np.where(masks == 1, 1 - p, p), axis=1)


def _average(mean="geometric", weighted=True, keep=None, bias_dropped=False, normalised=True):
    def wrong(x, weight, bias, p):
        masks, probability = _masks(x.shape[1], p if keep is None else 1 - keep(p))
        if not weighted:
            probability = np.full(len(masks), 1 / len(masks))
        nets = _softmax(np.einsum("mf,nf,fk->mnk", masks, x, weight) + (0 if bias_dropped else bias))
        if mean == "arithmetic":
            return np.tensordot(probability, nets, 1)
        average = np.exp(np.tensordot(probability, np.log(nets), 1))
        return average / average.sum(axis=1, keepdims=True) if normalised else average

    return wrong


AVERAGE_WRONG = (
    Wrong(
        "D19",
        _average(mean="arithmetic"),
        "You take the arithmetic mean of the probabilities. The geometric one is exp of the mean of their logarithms.",
    ),
    Wrong(
        "D20",
        _average(normalised=False),
        "Your rows do not sum to 1: divide the geometric mean by its sum over the classes.",
    ),
    Wrong(
        "D21",
        _average(weighted=False),
        "You weight all masks alike. A mask that drops a of F units has probability p^a · (1 − p)^(F − a); p = ½ "
        "would hide this.",
    ),
    Wrong(
        "D2",
        _average(keep=lambda p: p),
        "You take p as the share to keep; it is the probability that a unit is dropped.",
    ),
    Wrong(
        "D1",
        lambda x, weight, bias, p: _softmax(x @ weight + bias),
        "This is the whole net, unscaled; the average net hears each unit 1 − p of the time.",
    ),
    Wrong(
        "D22", _average(bias_dropped=True), "The bias is missing: dropout silences units, but the bias always speaks."
    ),
    Wrong(
        "D22",
        lambda x, weight, bias, p: _softmax((1 - p) * (x @ weight + bias)),
        "You scale the bias too: dropout silences units, but the bias always speaks.",
    ),
    Wrong(
        "D5",
        lambda x, weight, bias, p: _softmax(x @ weight / (1 - p) + bias),
        "You divide by 1 − p; a unit that speaks 1 − p of the time counts less, not more.",
    ),
    Wrong("D23", lambda x, weight, bias, p: (1 - p) * x @ weight + bias, "These are scores: the softmax is missing."),
    Wrong(
        "D24",
        _average(mean="arithmetic", weighted=False),
        "You take the arithmetic mean and weight all masks alike. Take "
        "the geometric mean, weighted by each mask's probability.",
    ),
)


def _average_by_hand(arguments, output, index):
    x, weight, bias, p = arguments
    n, F = index[0], x.shape[1]
    p_all = _softmax(x[n] @ weight + bias)[index[1]]
    return (
        f"By hand: of {2**F} masks, the one that keeps all units has probability {1 - p:.4g}^{F} = {(1 - p) ** F:.4g} "
        f"and gives {p_all:.4g} here. Weight the {2**F} logarithms by the masks' probabilities, add them up, take "
        "exp, divide by the row's sum."
    )


def _backward_by_hand(arguments, output, index):
    dy, factor = (a[index] for a in arguments)
    return f"By hand: dy · factor = {dy:.6g} · {factor:.6g} = {dy * factor:.6g}."


LESSON = Lesson(
    "10",
    "Dropout: noise as medicine",
    45,
    30,
    (
        Exercise(
            "10-paper",
            "paper_forward",
            paper_forward,
            outputs=("y", "factor"),
            compare=False,
            properties=_properties((_one, _keep), (NO_SCALING, SCALED_TWICE, IS_INVERTED, WRONG_WAY)),
            hints=(
                "A number drawn from [0, 1) should mean 'drop' with probability p. What do you compare it with? And "
                "how many do you draw?",
                "training: y = x · mask, where mask is 0 with probability p, else 1;  test: y = x · (1 − p)",
                "factor = (rng.random(x.shape) >= p).astype(x.dtype) if train else 1 - p",
            ),
        ),
        Exercise(
            "10-inverted",
            "inverted_forward",
            inverted_forward,
            outputs=("y", "factor"),
            compare=False,
            properties=_properties((_over_keep, _one), (NO_SCALING, SCALED_TWICE, IS_THE_PAPERS, WRONG_WAY)),
            hints=(
                "You drop 2 of 10 units. By what must you multiply the other 8, so that on average their sum equals "
                "the sum of all 10?",
                "training: y = x · mask / (1 − p);  test: y = x",
                "factor = (rng.random(x.shape) >= p).astype(x.dtype) / (1 - p) if train else 1.0",
            ),
        ),
        Exercise(
            "10-backward",
            "dropout_backward",
            dropout_backward,
            (_backward_probe, _picture_probe),
            ("dx",),
            wrong=BACKWARD_WRONG,
            by_hand=_backward_by_hand,
            properties=(
                Property(
                    "D4",
                    _gate_stays_shut,
                    "You draw a new mask. backward must use the mask of its forward call; factor holds it.",
                ),
            ),
            hints=(
                "y = x · factor, entry by entry, and factor does not depend on x. What is dy/dx of one entry?",
                "dx = dy · factor: 0 where the unit was silent",
                "return dy * factor",
            ),
        ),
        Exercise(
            "10-average",
            "average_net",
            average_net,
            (_net_probe, _other_net_probe),
            ("probabilities",),
            axes={"probabilities": ("picture", "class")},
            wrong=AVERAGE_WRONG,
            by_hand=_average_by_hand,
            hints=(
                "In how many ways can you drop some, all or none of F units? What is the probability of a mask that "
                "drops a of them?",
                "g = exp(Σ over masks of probability(mask) · log softmax((x · mask) · weight + bias));  the answer is "
                "g / its sum over the classes",
                "for mask in itertools.product([0, 1], repeat=F): total += np.prod(np.where(mask, 1 - p, p)) * log_p",
            ),
        ),
    ),
)
