"""Lesson 10, dropout: its exercises and the known mistakes.

The two forms, in training and at test (p is the share dropped):

    the paper's   y = x · mask              y = x · (1 − p)
    inverted      y = x · mask / (1 − p)    y = x

Learners may draw in any way they like, so forward is judged by what must hold over many draws, not entry by entry.
"""

from dataclasses import replace

import numpy as np

from tinyalex.layers import Dropout
from tinyalex.teaching import draws
from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong

P, N, F = 0.2, 40, 60  # not ½: there p and 1 − p are the same
P2, P3, RARE, MOST = 0.67, 0.05, 0.002, 0.97  # tried too
SIZE = 150, 160  # of the draws whose share is counted
LEVEL = draws.LEVEL / 20  # of each test: a right answer fails any of them at most once in a million


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
    return result if isinstance(result, (tuple, list)) and len(result) == 2 else (None, None)


def _returns_two(function, shape=(N, F)):
    for train in (True, False):
        y, factor = _run(function, train, x=_x(shape))
        mode = f"With train={train} yours"
        if y is None:
            return f"{mode} does not."
        if not isinstance(y, np.ndarray) or y.shape != shape:
            found = f"of shape {y.shape}" if isinstance(y, np.ndarray) else f"that is a {type(y).__name__}"
            return f"{mode} returns a y {found}, expected an array of x's shape, {shape}."
        try:
            np.broadcast_to(np.asarray(factor, dtype=float), shape)
        except (TypeError, ValueError):
            return f"{mode} returns a factor that cannot multiply x."
    return True


def _takes_any_shape(function):
    for shape in (N, F), (2, 3, 5, 4), (7,):
        if isinstance(found := _returns_two(function, shape), str):
            return found
        if np.shape(found := _run(function, True, x=_x(shape))[1]) != shape:
            return f"For x of shape {shape} yours returns a factor of shape {np.shape(found)} in training."
    return True


def _drops_nothing(function):
    y, factor = _run(function, True, 0.0)
    if np.shape(factor) != np.shape(y):
        return f"Its shape is {np.shape(factor)}, x's is {np.shape(y)}."
    return np.array_equal(y, _x())


def _keeps_its_results(function):
    for train in (True, False):
        first = _run(function, train)
        kept = [np.array(part) for part in first]
        _run(function, train, seed=2, x=-_x())
        if not all(map(np.array_equal, first, kept)):
            return f"It happens with train={train}."
    return True


def _leaves_x_alone(function):
    for train in (True, False):
        x = _x()
        function(x, P, train, np.random.default_rng(1))
        if not np.array_equal(x, _x()):
            return False
    return True


def _silent_at_test(function):
    y, again = (_run(function, False, seed=seed)[0] for seed in (1, 2))
    if (y == 0).any():
        return f"With train=False yours drops {(y == 0).mean():.0%} of the units."
    return True if np.array_equal(y, again) else "With train=False your y is not the same for every rng."


def _draws_in_training(function):
    """Several tries: one coin for all of x rarely drops."""
    return any((_run(function, True, seed=seed)[0] == 0).any() for seed in range(1, 31))


def _new_draw_each_call(function):
    rng = np.random.default_rng(1)
    first, second = (function(_x(), P, True, rng)[0] == 0 for _ in range(2))
    return not first.any() or first.all() or not np.array_equal(first, second)


def _repeatable(function):
    return np.array_equal(_run(function, True)[0], _run(function, True)[0])


def _draws_from_rng(function):
    return draws.generator(lambda rng: _dropped(function, P, (10, 10), rng)) or True


def _each_picture_its_own(function):
    dropped = _run(function, True)[0] == 0
    return not (dropped == dropped[0]).all()


def _each_unit_its_own(function):
    dropped = _run(function, True)[0] == 0
    return not (dropped == dropped[:, :1]).all()


def _dropped(function, p, shape=(N, F), rng=None, seed=1):
    """Which entries a call in training drops."""
    return function(_x(shape), p, True, rng or np.random.default_rng(seed))[0] == 0


def _not_p_for_keep(function):
    return draws.share(_dropped(function, P), 1 - P) is not None


def _independent(function):
    """In two axes and in four; of the last call, and of x. What follows tells a wrong share."""
    for shape in ((300, 400), (6, 9, 10, 7)):
        dropped = _dropped(function, P, shape)
        share = dropped.mean()
        if draws.share(dropped, P, LEVEL) is None:
            share = P
        elif not 0 < share < 1:
            return True
        if symptom := draws.independent(dropped, share, ("picture", "unit") if len(shape) == 2 else (), LEVEL):
            return symptom
        for part, chance in ((_x(shape) > 0, 0.5), (np.abs(_x(shape)) > 1.25, 0.5)):
            if draws.unrelated(dropped, share, part, chance, LEVEL):
                return "Which entries are dropped depends on the values of x."
    rng = np.random.default_rng(3)
    first, second = (_dropped(function, P, rng=rng) for _ in range(2))
    share = P if draws.share(first, P, LEVEL) is None else first.mean()
    if draws.unrelated(first, share, second, share, LEVEL):
        return "Which entries a call drops depends on the call before."
    return True


def _number_varies(function):
    rng = np.random.default_rng(4)
    calls = [_dropped(function, P, (4, 10), rng).sum() for _ in range(20)]
    if symptom := draws.counts_vary(calls, 40, P, LEVEL):
        return f"In calls with 40 units: {symptom}"
    if symptom := draws.counts_vary(_dropped(function, P, (100, 100)).sum(axis=1), 100, P, LEVEL):
        return f"In pictures of 100 units: {symptom}"
    return True


def _drops_p(function):
    for p in (P, P2, P3):
        dropped = _dropped(function, p, SIZE)
        if symptom := draws.share(dropped, p, LEVEL):
            return f"At p = {p} yours drops {dropped.mean():.1%}. {symptom}"
        for part, rows in (("picture", dropped), ("unit", dropped.T)):
            for place, row in enumerate(rows):
                if symptom := draws.share(row, p, LEVEL / sum(SIZE)):
                    return f"At p = {p} in {part} {place} alone: {symptom}"
    symptom = draws.share(_dropped(function, RARE, (300, 400)), RARE, LEVEL)
    return f"At p = {RARE}: {symptom}" if symptom else True


def _ratios(function, train, p, seed):
    """y / x of the entries that are kept."""
    x, y = _x(), _run(function, train, p, seed)[0]
    return (y / x)[y != 0]


def _factors(function, p=P):
    """[factor of the kept entries in training, factor of all at test]; None for one that differs between entries."""
    factors = []
    for train in (True, False):
        ratios = next(filter(len, (_ratios(function, train, p, seed) for seed in range(1, 31))), [])
        factors.append(float(ratios[0]) if len(ratios) and np.allclose(ratios, ratios[0]) else None)
    return factors


def _unless(function, train, test):
    """False if the two factors are these functions of p, at two values of p."""
    for p in (P, P2):
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


def _does(train, test, probabilities=(P, P2)):
    def holds(function):
        for p in probabilities:
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
        _, factor = _run(function, train, x=np.zeros_like(_x()))
        if not np.isfinite(factor).all():
            return f"With train={train}, factor is not finite where x is 0."
    return True


def _keeps_float32(function):
    for train in (True, False):
        y, factor = _run(function, train, x=_x().astype(np.float32))
        for name, value in ("y", y), ("factor", factor):
            if isinstance(value, np.ndarray) and value.dtype == np.float64:
                return f"{name} is float64 with train={train}."
    return True


FORM = (
    Property(None, _returns_two, "Return two things: y, and the factor by which x was multiplied."),
    Property(
        "unchanged",
        _leaves_x_alone,
        "You wrote into x, which belongs to the caller, who may still need it. Work on a copy.",
        about="x",
    ),
    Property(
        "C15",
        _keeps_its_results,
        "A second call changed the results of the first, which backward may still need. Make new arrays each time.",
    ),
    Property("D6", _silent_at_test, "At test nothing is drawn: all units speak."),
    Property("D7", _draws_in_training, "With train=True you drop nothing: a share p of y should be exactly 0."),
    Property(
        "D2",
        _not_p_for_keep,
        f"You take p as the share to keep: asked to drop {P:.0%}, yours drops {1 - P:.0%}. p = ½ would hide this.",
    ),
)
MASK = (
    Property(
        "D6",
        _new_draw_each_call,
        "Two training steps drop the same units: is a seed set in each call, or a mask kept? Draw anew from rng.",
    ),
    Property("D8", _repeatable, "Your draws do not come from rng alone: the same rng twice gave two different masks."),
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
    Property("D26", _independent, "Each entry of x needs a draw of its own."),
    Property("D8", _draws_from_rng, "Draw every number from rng."),
    Property("D10", _drops_p, "The share dropped is not p."),
    Property(
        "D27",
        _number_varies,
        "You drop a fixed number of units. Each is dropped with probability p, so the number varies.",
    ),
)
REST = (
    Property(
        "D4",
        _factor_is_what_was_used,
        "factor is not what you multiplied x by. backward needs that very array, not another draw.",
        about="factor",
    ),
    Property("C16", _keeps_float32, "float32 went in, but float64 came out: a float64 array crept in.", about="dtype"),
)
LATE = (
    Property(
        "D29", _drops_nothing, "With p = 0, nothing is dropped, and factor still has x's shape in training.", late=True
    ),
    Property("D29", _takes_any_shape, "y, and factor in training, have the shape of x, whatever it is.", late=True),
)


def _properties(form, others):
    """The properties of a form's forward pass (training, test); others: properties that name other forms."""
    size = (BY_P, *others, Property("D11", _does(*form), "Kept entries have the wrong size."))
    return (
        *FORM,
        *(replace(held, about="mask") for held in MASK),
        *(replace(held, about="size") for held in size),
        *REST,
        *LATE,
        Property("D11", _does(*form, (MOST,)), "Kept entries have the wrong size.", late=True),
    )


BY_P = Property(
    "D2",
    _not_forms((_one, lambda p: p), (lambda p: 1 / p, _one)),
    "You scale by p. Scale by the share that is kept, 1 − p.",
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
    "This is the inverted form. The paper's does not scale in training, and multiplies by 1 − p at test.",
)
IS_THE_PAPERS = Property(
    "D13",
    _not_forms((_one, _keep)),
    "This is the paper's form. The inverted one divides by 1 − p in training, and does nothing at test.",
)


# ---------------------------------------------------------------------------------------------- backward


def _backward_probe(seed=3, shape=(4, 7), scale=1 / 0.8):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape), scale * (rng.random(shape) > 0.3)


def _picture_probe():
    return _backward_probe(4, (2, 5, 7, 3), 1 / 0.6)


def _paper_probe():
    return _backward_probe(5, (1, 9), 1.0)


def _whole_factor():
    dy, factor = _paper_probe()
    return dy, factor.astype(int)


def _not_a_new_mask(function):
    """False if dx is 0 in the same places, some but not all, whatever dy and factor are."""
    zeros = [np.asarray(function(*_backward_probe(seed, (30, 20)))) == 0 for seed in range(6, 9)]
    return not zeros[0].any() or zeros[0].all() or not all(np.array_equal(zeros[0], z) for z in zeros)


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


def _nine_units():
    return _net_probe(10, 2, 9, 3, 0.4)


def _high_scores():
    x, weight, bias, p = _net_probe(11)
    return x, weight, bias + 900, p


def _sure_nets_probe():
    """Scores so far apart that some nets give a class less than 1e-12, and others nearly 1."""
    x, weight, bias, p = _net_probe(10, 1, 7, 2, 0.45)
    return 4 * x, weight, bias, p


def _surer_nets_probe():
    """Nets that are sure of different classes, so that their average is not."""
    return (
        np.array([[200.0, 100.0, 100.0]]),
        np.array([[1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]]),
        np.array([0.3, 0.0]),
        0.4,
    )


def _masks(F, p):
    """All 2^F masks, and the probability of each."""
    masks = (np.arange(2**F)[:, None] >> np.arange(F)) & 1
    return masks, np.prod(np.where(masks == 1, 1 - p, p), axis=1)


def _average(mean="geometric", weighted=True, keep=None, bias_dropped=False, normalised=True, some=slice(None)):
    def wrong(x, weight, bias, p):
        masks, probability = (part[some] for part in _masks(x.shape[1], p if keep is None else 1 - keep(p)))
        if not weighted:
            probability = np.full(len(masks), 1 / len(masks))
        nets = _softmax(np.einsum("mf,nf,fk->mnk", masks, x, weight) + (0 if bias_dropped else bias))
        if mean == "arithmetic":
            return np.tensordot(probability, nets, 1)
        average = np.exp(np.tensordot(probability, np.log(nets), 1))
        return average / average.sum(axis=1, keepdims=True) if normalised else average

    return wrong


def _divided_by_the_sum(axis):
    def wrong(*arguments):
        average = _average(normalised=False)(*arguments)
        return average / average.sum(axis=axis)

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
        "D31",
        lambda *arguments: np.log(_average(normalised=False)(*arguments)),
        "These are logarithms. Take exp, and divide each row by its sum over the classes.",
    ),
    Wrong(
        "D20",
        _divided_by_the_sum(0),
        "You divide by the sum over the pictures. Each row sums to 1: divide by the sum over the classes.",
    ),
    Wrong(
        "D20",
        _divided_by_the_sum(None),
        "All your rows together sum to 1. Each row does: divide by its sum over the classes.",
    ),
    Wrong("D30", _average(some=slice(1, None)), "One mask is missing: the one that drops all units counts too."),
    Wrong("D30", _average(some=slice(None, -1)), "One mask is missing: the one that keeps all units counts too."),
    Wrong(
        "D21",
        _average(weighted=False),
        "Your probabilities are those for masks that all weigh the same. A mask that drops a of F units has "
        "probability p^a · (1 − p)^(F − a); p = ½ would hide this.",
    ),
    Wrong(
        "D2",
        _average(keep=lambda p: p),
        "You take p as the share to keep; it is the probability that a unit is dropped.",
    ),
    Wrong(
        "D1",
        lambda x, weight, bias, p: _softmax(x @ weight + bias),
        "Your probabilities are the whole net's; the average net hears each unit 1 − p of the time.",
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
            (_backward_probe, _picture_probe, _paper_probe),
            ("dx",),
            wrong=BACKWARD_WRONG,
            by_hand=_backward_by_hand,
            properties=(
                Property(
                    "D4",
                    _not_a_new_mask,
                    "dx is 0 in the same places whatever factor is: a new mask? backward must use that of its forward "
                    "call, which factor holds.",
                ),
                case("for a factor of whole numbers, 0 and 1", dropout_backward, _whole_factor, ("dx",)),
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
            (_net_probe, _other_net_probe, _sure_nets_probe),
            ("probabilities",),
            axes={"probabilities": ("picture", "class")},
            wrong=AVERAGE_WRONG,
            by_hand=_average_by_hand,
            outside=("huge", "far"),
            properties=(
                case("for nine units", average_net, _nine_units, ("probabilities",)),
                case("for scores near 900", average_net, _high_scores, ("probabilities",)),
                case("if single nets are very sure", average_net, _surer_nets_probe, ("probabilities",)),
            ),
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
