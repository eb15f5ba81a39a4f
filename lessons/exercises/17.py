"""Lesson 17, the same lines on a GPU, then two: its exercises and the known mistakes.

The first three answers must run on both libraries: they are judged on NumPy, then tried on the stand-in device
(`on_device`). In the others, lists of K arrays hold one array for each of K towers or workers.
"""

from dataclasses import replace

import numpy as np

from tinyalex.backend import array_module
from tinyalex.layers.im2col import group_slices
from tinyalex.parallel.shares import shares
from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong
from tinyalex.teaching.on_device import device_properties

# ---------------------------------------------------------------------------------------------- dropout


def dropout(x, u, p):
    xp = array_module(x)
    return x * xp.asarray(u >= p) / (1 - p)


def _dropout_probe(shape, p, seed):
    def make():
        rng = np.random.default_rng(seed)
        return rng.standard_normal(shape), rng.random(shape), p

    return make


DROPOUT_PROBES = _dropout_probe((4, 6), 0.3, 0), _dropout_probe((2, 3, 4, 3), 0.6, 1)
DROPOUT_WRONG = (
    Wrong("D2", lambda x, u, p: x * (u < p) / p, "p is the share to drop; you keep a share p."),
    Wrong("D2", lambda x, u, p: x * (u >= 1 - p) / p, "p is the share to drop; you keep a share p."),
    Wrong(
        "D17",
        lambda x, u, p: x * (u < p) / (1 - p),
        "Your gate is the wrong way round: drop a unit where u < p, and keep it elsewhere.",
    ),
    Wrong("D17", lambda x, u, p: x * (u < p), "Your gate is the wrong way round, and you do not divide by 1 − p."),
    Wrong("D1", lambda x, u, p: x * (u >= p), "You do not divide by 1 − p."),
    Wrong(
        "D12",
        lambda x, u, p: x * (u >= p) * (1 - p),
        "You multiply by 1 − p, as the paper does at test time. Here, in training, divide by it.",
    ),
    Wrong("D2", lambda x, u, p: x * (u >= p) / p, "You divide by p; the share that you keep is 1 − p."),
    Wrong(
        "D3",
        lambda x, u, p: x * (u[:1] >= p) / (1 - p),
        "You use the first picture's draws for all pictures: u has one for each entry.",
    ),
    Wrong(
        "D25",
        lambda x, u, p: x * (u < 1 - p) / (1 - p),
        "You keep the right number of units, but not the right ones: keep u ≥ p, as all workers and devices do.",
    ),
    Wrong("D25", lambda x, u, p: x / (1 - p), "You drop nothing."),
)


def _kept_at_p(function):
    """A draw that equals p is not below it."""
    y = function(np.ones((2, 3)), np.array([[0.25, np.nextafter(0.25, 0), 0.75], [0.5, 0.25, 0.125]]), 0.25)
    return (np.asarray(y) != 0).tolist() == [[True, False, True], [True, True, False]]


ONE_BYTE = (
    "Each call moves more to the device than it must. "
    "Compare on the host: then only the mask travels, one byte for each entry."
)
DROPOUT_DEVICE = (
    replace(held, message=ONE_BYTE) if held.id == "X9" else held
    for held in device_properties(DROPOUT_PROBES, stays=(1,), moves=lambda x, u, p: u.size)
)


def _dropout_by_hand(arguments, output, index):
    x, u, p = arguments
    what = f"kept: {x[index]:.6g} / {1 - p:g}" if u[index] >= p else "dropped"
    return f"By hand: u is {u[index]:.4g} and p is {p:g}, so x is {what}, and y is {dropout(x, u, p)[index]:.6g}."


# ---------------------------------------------------------------------------------------------- the loss


def loss_and_gradient(scores, labels):
    xp, N = array_module(scores), len(scores)
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - xp.log(xp.exp(shifted).sum(axis=1, keepdims=True))
    places = xp.arange(N), labels
    dscores = xp.exp(log_p)
    dscores[places] -= 1
    return -log_p[places].mean(), dscores / N


def _loss_probe(N, K, offset, seed):
    def make():
        rng = np.random.default_rng(seed)
        scores = 2 * rng.standard_normal((N, K))
        scores[-1] += offset
        return scores, rng.integers(0, K, N)

    return make


LOSS_PROBES = _loss_probe(4, 5, 1000.0, 0), _loss_probe(3, 7, 300.0, 1), _loss_probe(1, 4, 0.0, 2)


def _softmax(scores, axis=1):
    e = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _lost(p, labels, over=None, picked=None):
    N = len(p)
    dscores = p.copy()
    dscores[np.arange(N), labels if picked is None else picked] -= 1
    return -np.log(p[np.arange(N), labels]).mean(), dscores / (over or N)


def _no_shift(scores, labels):
    e = np.exp(scores)
    return _lost(e / e.sum(axis=1, keepdims=True), labels)


def _one_maximum(scores, labels):
    e = np.exp(scores - scores.max())
    return _lost(e / e.sum(axis=1, keepdims=True), labels)


def _only(part, function):
    """A wrong version: part 0 or 1 of the right answer becomes function(that part, scores, labels)."""

    def wrong(scores, labels):
        both = list(loss_and_gradient(scores, labels))
        both[part] = function(both[part], scores, labels)
        return tuple(both)

    return wrong


LOSS_WRONG = (
    Wrong("S1", _no_shift, "exp(1000) overflows: subtract each row's maximum first. That needs no if, and so no wait."),
    Wrong(
        "S2",
        _one_maximum,
        "You subtract the maximum of the whole batch, so the other rows' exp underflows to 0. Subtract each *row's*.",
    ),
    Wrong(
        "S3",
        lambda scores, labels: _lost(_softmax(scores, axis=0), labels),
        "Your columns sum to 1; the rows should: use axis 1.",
    ),
    Wrong(
        "S4",
        _only(1, lambda d, scores, labels: len(scores) * d),
        "Your gradient is N times too large: the loss is a mean over the batch.",
    ),
    Wrong(
        "S5",
        _only(0, lambda loss, scores, labels: len(scores) * loss),
        "You sum the loss over the pictures; take the mean.",
    ),
    Wrong(
        "S5",
        _only(0, lambda loss, scores, labels: loss / scores.shape[1]),
        "You divide the loss by the number of classes too: only the right class of each picture adds to it.",
    ),
    Wrong(
        "S9", _only(0, lambda loss, scores, labels: -loss), "Your loss has the wrong sign: −log p is never negative."
    ),
    Wrong(
        "S9",
        _only(1, lambda d, scores, labels: -d),
        "Your gradient has the wrong sign: p − 1 for the right class, p for the others.",
    ),
    Wrong(
        "S10",
        _only(1, lambda d, scores, labels: _softmax(scores) / len(scores)),
        "You do not subtract the 1 at the right classes.",
    ),
    Wrong(
        "S10",
        _only(1, lambda d, scores, labels: (_softmax(scores) - 1) / len(scores)),
        "You subtract the 1 everywhere; subtract it only at each picture's right class.",
    ),
    Wrong(
        "S10",
        _only(1, lambda d, scores, labels: _block(scores, labels)),
        "dscores[:, labels] is every picture at every label. "
        "Two arrays of indices are paired: dscores[xp.arange(N), labels].",
    ),
)


def _block(scores, labels):
    d = _softmax(scores)
    d[:, labels] -= 1
    return d / len(scores)


def _hopeless(function):
    """The loss is finite and exact where the right class has next to no probability."""
    sure = np.array([[0.0, 20.0, -30.0]])
    loss, dscores = (np.asarray(v) for v in function(sure, np.array([1])))
    if not np.isclose(loss, np.exp(-20), rtol=1e-4, atol=0):
        return f"Where the net is sure and right it is {float(loss):.3g}, expected {np.exp(-20):.3g}."
    if not np.isclose(dscores[0, 2], np.exp(-50), rtol=1e-4, atol=0):
        return f"The gradient of a score 50 below the best is {dscores[0, 2]:.3g}, expected {np.exp(-50):.3g}."
    scores, labels = np.array([[0.0, 900.0, -3.0], [0.0, 0.0, -40.0], [5.0, -1500.0, 2.0]]), np.array([0, 2, 1])
    found, expected = float(function(scores.copy(), labels)[0]), float(loss_and_gradient(scores, labels)[0])
    if abs(found - expected) < 1e-9 * expected:
        return True
    return f"With scores of the right classes 900, 40 and 1505 below the best, it is {found:.6g}, not {expected:.6g}."


def _loss_by_hand(arguments, output, index):
    scores, labels = arguments
    p = _softmax(scores)
    if output == "loss":
        right = ", ".join(f"{v:.4g}" for v in p[np.arange(len(p)), labels])
        return f"By hand: the right classes have p = {right}; the loss is the mean of −log p."
    n, k = index
    less = ", and it is the right class, so minus 1" if labels[n] == k else ""
    return f"By hand: p is {p[n, k]:.6g} there{less}; divide by N = {len(p)}."


# ---------------------------------------------------------------------------------------------- clipping


def clipped(grads, limit):
    xp = array_module(grads[0])
    length = xp.sqrt(sum((g * g).sum() for g in grads))
    shrink = xp.minimum(1, limit / length)
    return [g * shrink for g in grads]


def _clip_probe(share, seed, scale=1.0):
    """share: limit over length"""

    def make():
        rng = np.random.default_rng(seed)
        grads = [2 * scale * rng.standard_normal((3, 4)), 3 * scale * rng.standard_normal(5)]
        return grads, float(share * _length(grads))

    return make


CLIP_PROBES = (
    _clip_probe(0.2, 0),
    _clip_probe(4.0, 1),
    _clip_probe(0.9, 2),
    _clip_probe(1.2, 3),
    _clip_probe(0.8, 4, 0.05),
)


def _scaled(shrink):
    """A wrong version: each array g times shrink(g, grads, limit)."""
    return lambda grads, limit: [g * shrink(g, grads, limit) for g in grads]


def _length(grads):
    return np.sqrt(sum((g * g).sum() for g in grads))


CLIP_WRONG = (
    Wrong(
        "O20",
        _scaled(lambda g, grads, limit: limit / _length(grads)),
        "You lengthen short gradients: the factor is at most 1.",
    ),
    Wrong(
        "O20",
        _scaled(lambda g, grads, limit: max(1, limit / _length(grads))),
        "You have it the wrong way round: the factor is the *smaller* of 1 and limit / length.",
    ),
    Wrong(
        "O21",
        _scaled(lambda g, grads, limit: min(1, limit / _length(grads[:1]))),
        "You take only the first array's length. Take the length of all arrays together.",
    ),
    Wrong(
        "O21",
        _scaled(lambda g, grads, limit: min(1, limit / _length(grads[-1:]))),
        "You take only the last array's length. Add up the squares of all arrays, then take the root.",
    ),
    Wrong(
        "O21",
        lambda grads, limit: [g * min(1, limit / _length(grads[: i + 1])) for i, g in enumerate(grads)],
        "You shorten each array by the length of those up to it. First add up the squares of all, then shorten.",
    ),
    Wrong(
        "O25",
        lambda grads, limit: [clipped(grads, limit)[0], *grads[1:]],
        "You shorten only the first array: the same factor is for all of them.",
    ),
    Wrong(
        "O25",
        lambda grads, limit: [*grads[:-1], clipped(grads, limit)[-1]],
        "You shorten only the last array: the same factor is for all of them.",
    ),
    Wrong(
        "O21",
        _scaled(lambda g, grads, limit: min(1, limit / _length([g]))),
        "You shorten each array separately, which turns the step. Take the length of all arrays together.",
    ),
    Wrong(
        "O22",
        _scaled(lambda g, grads, limit: min(1, limit / _length(grads) ** 2)),
        "The root is missing: that is the squared length.",
    ),
    Wrong(
        "O22",
        _scaled(lambda g, grads, limit: min(1, limit / sum(np.abs(g).sum() for g in grads))),
        "You add absolute values; the length is the root of the sum of squares.",
    ),
    Wrong(
        "O22",
        _scaled(lambda g, grads, limit: min(1, limit / sum(_length([g]) for g in grads))),
        "You add the arrays' lengths. Add the squares over all of them, then take one root.",
    ),
    Wrong(
        "O22",
        _scaled(lambda g, grads, limit: min(1, limit / np.sqrt(sum((g * g).mean() for g in grads)))),
        "You take the root of a *mean*; the length is the root of a sum.",
    ),
    Wrong(
        "O23",
        lambda grads, limit: [np.clip(g, -limit, limit) for g in grads],
        "You clip each entry separately, which turns the step. Scale all entries by one factor.",
    ),
    Wrong("O24", lambda grads, limit: [g.copy() for g in grads], "You never shorten anything."),
    Wrong(
        "O24",
        _scaled(lambda g, grads, limit: min(1, _length(grads) / limit)),
        "Your factor is upside down: it is limit / length, not length / limit.",
    ),
    Wrong(
        "O24",
        _scaled(lambda g, grads, limit: 1 / _length(grads) if _length(grads) > limit else 1),
        "You shorten long gradients to length 1; shorten them to limit.",
    ),
)


def _zeros_stay(function):
    """Gradients of zeros have no direction, and need no shortening."""
    found = np.concatenate([np.ravel(g) for g in function([np.zeros((2, 3)), np.zeros(4)], 1.5)])
    return True if not found.any() else f"Yours become {found[np.flatnonzero(found)[0]]:g}."


def _any_number(function):
    """A net has any number of arrays, some of the same shape."""
    for sizes in (3,), (3, 2, 3), (2, 2, 2, 5):
        grads = [np.arange(1.0, size + 1) - k for k, size in enumerate(sizes)]
        for limit in 0.5, 100.0:
            found, expected = function([g.copy() for g in grads], limit), clipped(grads, limit)
            if len(found) != len(sizes):
                return f"For {len(sizes)} arrays it returns {len(found)}."
            if not all(np.allclose(a, b) for a, b in zip(found, expected)):
                return f"With arrays of {', '.join(map(str, sizes))} entries it is not right yet."
    return True


def _new_arrays(function):
    for limit in 0.5, 100.0:
        grads = [np.array([1.0, -2.0]), np.array([[3.0]])]
        found = [np.asarray(g) for g in function(grads, limit)]
        if any(np.shares_memory(a, b) for a in found for b in grads):
            return False
    return True


CLIP_PROPERTIES = (
    Property("O26", _zeros_stay, "Gradients of zeros must stay zeros.", late=True),
    case("for tiny gradients", clipped, _clip_probe(0.5, 5, 1e-9), ("first", "second")),
    Property("O27", _any_number, "grads may hold any number of arrays: a net has one for each parameter.", late=True),
    Property("O28", _new_arrays, "You return arrays of grads themselves: make new ones, short or long.", late=True),
)


def _clip_by_hand(arguments, output, index):
    grads, limit = arguments
    length = _length(grads)
    return (
        f"By hand: all arrays together have length {length:.6g}, and limit is {limit:g}, "
        f"so the factor is {min(1, limit / length):.6g}."
    )


# ---------------------------------------------------------------------------------------------- what a tower holds


def tower_part(weight, bias, in_channels, t, towers):
    mine = shares(weight.shape[-1], towers)[t].run
    reads = group_slices(in_channels, 0, towers)[t][0] if weight.shape[2] < in_channels else slice(0, in_channels)
    return weight[..., mine], bias[mine], reads.start, reads.stop


def _tower_probe(C, F, groups, t, towers, seed):
    def make():
        rng = np.random.default_rng(seed)
        return rng.standard_normal((3, 2, C // groups, F)), rng.standard_normal(F), C, t, towers

    return make


TOWER_PROBES = (
    _tower_probe(8, 12, 2, 1, 2, 0),
    _tower_probe(6, 8, 1, 1, 2, 1),
    _tower_probe(18, 6, 3, 1, 3, 2),
    _tower_probe(8, 12, 4, 0, 2, 3),
    _tower_probe(6, 9, 1, 2, 3, 4),
)


TOWER_CASES = (
    ("for four channels", _tower_probe(4, 6, 2, 1, 2, 5)),
    ("if each kernel sees one channel", _tower_probe(8, 8, 8, 1, 2, 6)),
)


def _run(t, size, towers):
    return slice(t * size // towers, (t + 1) * size // towers)


def _part(weight=None, bias=None, reads=None):
    """A wrong version: the right answer, except for the parts given.

    weight, bias: (array, t, towers) -> array;  reads: (weight, in_channels, t, towers) -> (first, stop)
    """

    def wrong(w, b, C, t, towers):
        right = tower_part(w, b, C, t, towers)
        return (
            weight(w, t, towers) if weight else right[0],
            bias(b, t, towers) if bias else right[1],
            *(reads(w, C, t, towers) if reads else right[2:]),
        )

    return wrong


def _own(w, C, t, towers):
    run = _run(t, C, towers)
    return run.start, run.stop


def _reads(w, C, t, towers):
    return tower_part(w, w[0, 0, 0], C, t, towers)[2:]


def _both_cut(w, t, towers):
    return w[:, :, _run(t, w.shape[2], towers), _run(t, w.shape[3], towers)]


TOWER_WRONG = (
    Wrong(
        "C13",
        _part(lambda w, t, T: w[..., t::T], lambda b, t, T: b[t::T]),
        "You deal the kernels out like cards. A tower holds a run of them: the kernels of its own groups.",
    ),
    Wrong(
        "C13",
        _part(lambda w, t, T: w[..., t::T]),
        "You deal the kernels out like cards, but cut the biases as a run. Take a run of both.",
    ),
    Wrong(
        "T1",
        _part(_both_cut),
        "You cut the kernels' depth too. weight.shape[2] is already what one kernel reads: cut only the last axis.",
    ),
    Wrong(
        "T1",
        _part(lambda w, t, T: w[:, :, _run(t, w.shape[2], T)]),
        "You cut the depth of all kernels. A tower holds whole kernels, but fewer of them: cut the last axis.",
    ),
    Wrong(
        "T2",
        _part(lambda w, t, T: w[..., _run(T - 1 - t, w.shape[3], T)], lambda b, t, T: b[_run(T - 1 - t, len(b), T)]),
        "That is another tower's part: tower 0 has the first run.",
    ),
    Wrong(
        "T2",
        _part(lambda w, t, T: w[..., _run(0, w.shape[3], T)], lambda b, t, T: b[_run(0, len(b), T)]),
        "You give every tower the first run: it must move with t.",
    ),
    Wrong(
        "T2",
        _part(lambda w, t, T: w[..., _run(0, w.shape[3], T)]),
        "You give every tower the first run of weight: it must move with t.",
    ),
    Wrong("T3", _part(bias=lambda b, t, T: b), "You return all biases; return only the tower's own."),
    Wrong("T3", _part(weight=lambda w, t, T: w), "You return all kernels; return only the tower's run of them."),
    Wrong(
        "T3",
        _part(bias=lambda b, t, T: b / T),
        "You divide the biases by the number of towers. Each bias belongs to one tower, whole.",
    ),
    Wrong(
        "T4",
        _part(reads=_own),
        "Your tower always reads only its own channels. "
        "A kernel as deep as there are channels reads the channels of all towers.",
    ),
    Wrong(
        "T4",
        _part(reads=lambda w, C, t, T: (0, C)),
        "Your tower always reads all channels. "
        "A grouped layer's kernel is too shallow for that: it reads its own tower's.",
    ),
    Wrong(
        "T5",
        _part(reads=lambda w, C, t, T: (0, C) if w.shape[2] == C else (0, C // T)),
        "Your grouped layer reads the first tower's channels: the run must move with t.",
    ),
    Wrong(
        "T5",
        _part(reads=lambda w, C, t, T: (0, C) if w.shape[2] == C else (t * w.shape[2], (t + 1) * w.shape[2])),
        "You take one group's channels. A tower may hold several groups (for example 4 groups on 2 towers): "
        "its run is in_channels / towers long.",
    ),
    Wrong(
        "T5",
        _part(reads=lambda w, C, t, T: (0, w.shape[2])),
        "You read as many channels as a kernel is deep, starting at 0. "
        "A tower's own run begins at t · in_channels / towers.",
    ),
    Wrong(
        "T5",
        _part(reads=lambda w, C, t, T: (_reads(w, C, t, T)[0], _reads(w, C, t, T)[1] - 1)),
        "stop is one past the last channel, as in a slice.",
    ),
    Wrong(
        "T5",
        _part(reads=lambda w, C, t, T: (_reads(w, C, t, T)[0], np.diff(_reads(w, C, t, T))[0])),
        "stop is a place, not a length: one past the last channel.",
    ),
    Wrong(
        "T4",
        _part(reads=lambda w, C, t, T: _own(w, C, t, T) if w.shape[2] == C else (0, C)),
        "You have it the wrong way round: "
        "kernels as deep as there are channels read all of them, shallower ones their own tower's.",
    ),
)


def _tower_by_hand(arguments, output, index):
    weight, bias, C, t, towers = arguments
    mine, (_, _, first, stop) = _run(t, len(bias), towers), tower_part(*arguments)
    return (
        f"By hand: tower {t} of {towers} has kernels {mine.start} to {mine.stop - 1}. "
        f"A kernel is {weight.shape[2]} deep and there are {C} channels, so it reads "
        f"{'all of them' if stop - first == C else f'channels {first} to {stop - 1}'}."
    )


# ---------------------------------------------------------------------------------------------- the meeting, backward


def meeting_backward(dxs, t):
    return sum(dxs[1:], dxs[0])[..., _run(t, dxs[0].shape[-1], len(dxs))]


def _meeting_probe(shape, towers, t, seed):
    def make():
        rng = np.random.default_rng(seed)
        return [rng.standard_normal(shape) for _ in range(towers)], t

    return make


MEETING_PROBES = (
    _meeting_probe((2, 3, 4, 6), 2, 1, 0),
    _meeting_probe((3, 12), 3, 1, 1),
    _meeting_probe((2, 8), 2, 0, 2),
)


def _met(joined=None, cut=None):
    def wrong(dxs, t):
        K = len(dxs)
        return (joined or (lambda dxs, t: sum(dxs[1:], dxs[0])))(dxs, t)[..., (cut or _run)(t, dxs[0].shape[-1], K)]

    return wrong


def _own_parts(dxs, t):
    """Every tower's gradient for its own channels, side by side."""
    K = len(dxs)
    return np.concatenate([dx[..., _run(k, dx.shape[-1], K)] for k, dx in enumerate(dxs)], axis=-1)


MEETING_WRONG = (
    Wrong(
        "T6",
        _met(lambda dxs, t: dxs[t]),
        "That is only the tower's own view. The other towers' kernels read these channels too: "
        "without their part the gradient is wrong, and nothing warns you. The net still learns, only worse.",
    ),
    Wrong(
        "T6",
        _met(lambda dxs, t: sum(dx for k, dx in enumerate(dxs) if k != t)),
        "The tower's own part is missing: sum over all towers.",
    ),
    Wrong(
        "T7",
        _met(lambda dxs, t: sum(dxs) / len(dxs)),
        "You average the parts. Each tower's kernels add their own terms to one sum: add the parts.",
    ),
    Wrong(
        "T8",
        lambda dxs, t: sum(dxs[1:], dxs[0]),
        "You return the sum for all channels. Tower t goes on with those that it gave: its run.",
    ),
    Wrong(
        "T8",
        lambda dxs, t: dxs[t],
        "That is the tower's own view, of all channels. Sum over the towers, and keep tower t's run of channels.",
    ),
    Wrong(
        "T8",
        lambda dxs, t: np.concatenate(dxs, axis=-1),
        "You put the parts side by side. They are about the same channels: add them.",
    ),
    Wrong("T9", _met(cut=lambda t, C, K: _run(K - 1 - t, C, K)), "That is another tower's run of channels."),
    Wrong("T9", _met(cut=lambda t, C, K: _run((t + 1) % K, C, K)), "That is another tower's run of channels."),
    Wrong(
        "T9",
        _met(cut=lambda t, C, K: _run(0, C, K)),
        "You give every tower the first run of channels: it must move with t.",
    ),
    Wrong(
        "C13",
        _met(cut=lambda t, C, K: slice(t, None, K)),
        "You deal the channels out like cards. Tower t gave a run of them.",
    ),
    Wrong(
        "T8",
        _own_parts,
        "You put every tower's view of its own channels side by side and add nothing. Sum over the towers.",
    ),
)


def _meeting_by_hand(arguments, output, index):
    dxs, t = arguments
    channel = _run(t, dxs[0].shape[-1], len(dxs)).start + index[-1]
    parts = " + ".join(f"{dx[(*index[:-1], channel)]:.4g}" for dx in dxs)
    return (
        f"By hand: channel {index[-1]} of tower {t} is channel {channel} of all; "
        f"the towers' parts are {parts}, together {meeting_backward(dxs, t)[index]:.6g}."
    )


# ---------------------------------------------------------------------------------------------- uneven shares


def batch_gradient(grads, counts):
    total = sum(counts)
    return sum(g * (n / total) for g, n in zip(grads, counts))


def _average_probe(counts, shape, seed):
    def make():
        rng = np.random.default_rng(seed)
        return [rng.standard_normal(shape) * (n > 0) for n in counts], list(counts)

    return make


AVERAGE_PROBES = (
    _average_probe((7, 6), (3, 4), 0),
    _average_probe((5, 2, 4), (6,), 1),
    _average_probe((2, 0, 1), (2, 3), 2),
)


def _weighted(weights):
    return lambda grads, counts: sum(g * w for g, w in zip(grads, weights(np.array(counts, float))))


AVERAGE_WRONG = (
    Wrong(
        "T10",
        _weighted(lambda n: np.full(len(n), 1 / len(n))),
        "You weigh all workers alike, so a picture in a small share counts more than one in a large share. "
        "Weigh each worker by its number of pictures.",
    ),
    Wrong(
        "T11",
        _weighted(lambda n: np.ones(len(n))),
        "You add up means. With K workers the step is about K times too long.",
    ),
    Wrong(
        "T11", _weighted(lambda n: n), "You sum over the pictures; for the mean, divide by the number of all pictures."
    ),
    Wrong(
        "T11",
        _weighted(lambda n: n / len(n)),
        "You divide by the number of workers; divide by the number of all pictures.",
    ),
    Wrong(
        "T11",
        _weighted(lambda n: n / n.max()),
        "You divide by the largest share; divide by the number of all pictures.",
    ),
    Wrong(
        "T12",
        _weighted(lambda n: 1 / n / n.sum()),
        "You give a large share less weight. The gradients are means already: multiply by n, do not divide.",
    ),
    Wrong(
        "T12",
        _weighted(lambda n: 1 / n / (1 / n).sum()),
        "You give a large share less weight: multiply by n, do not divide.",
    ),
    Wrong("T12", _weighted(lambda n: 1 / n), "The gradients are means already: multiply by n, do not divide."),
    Wrong(
        "T13", _weighted(lambda n: n[::-1] / n.sum()), "You weigh each gradient by another worker's number of pictures."
    ),
    Wrong(
        "T13",
        _weighted(lambda n: np.where(np.arange(len(n)) == 0, 1.0, 0.0)),
        "You return only the first worker's gradient.",
    ),
    Wrong(
        "T13",
        _weighted(lambda n: np.where(np.arange(len(n)) == len(n) - 1, n / n.sum(), 0.0)),
        "You return only the last worker's part: add (+=), do not assign.",
    ),
    Wrong("T13", _weighted(lambda n: n // n.sum()), "// rounds the weights down to 0: divide with /."),
    Wrong(
        "T14",
        _weighted(lambda n: n**2 / (n**2).sum()),
        "You weigh by the squares of the counts. Weigh by the counts themselves.",
    ),
    Wrong(
        "T14",
        _weighted(lambda n: np.sqrt(n) / np.sqrt(n).sum()),
        "You weigh by the roots of the counts. Weigh by the counts themselves.",
    ),
    Wrong(
        "T14",
        _weighted(lambda n: np.exp(n - n.max()) / np.exp(n - n.max()).sum()),
        "A softmax of the counts is not their share of the whole.",
    ),
)


def _average_by_hand(arguments, output, index):
    grads, counts = arguments
    terms = " + ".join(f"{n}/{sum(counts)} · {g[index]:.4g}" for g, n in zip(grads, counts))
    return f"By hand: {terms} = {batch_gradient(grads, counts)[index]:.6g}."


LESSON = Lesson(
    "17",
    "The same lines on a GPU, then two",
    60,
    20,
    (
        Exercise(
            "17-dropout",
            "dropout",
            dropout,
            DROPOUT_PROBES,
            ("y",),
            axes={"y": ("picture", "unit")},
            wrong=DROPOUT_WRONG,
            by_hand=_dropout_by_hand,
            properties=(
                Property("D25", _kept_at_p, "Where u equals p, the unit is kept: u ≥ p, not u > p.", late=True),
                *DROPOUT_DEVICE,
            ),
            hints=(
                "Where does x live, and where u? "
                "What must travel before you can multiply the two, and as how many bytes?",
                "kept = u ≥ p, on x's side; y = x · kept / (1 − p)",
                "xp = array_module(x); return x * xp.asarray(u >= p) / (1 - p)",
            ),
        ),
        Exercise(
            "17-loss",
            "loss_and_gradient",
            loss_and_gradient,
            LOSS_PROBES,
            ("loss", "dscores"),
            axes={"dscores": ("picture", "class")},
            wrong=LOSS_WRONG,
            by_hand=_loss_by_hand,
            properties=(
                *device_properties(LOSS_PROBES),
                Property(
                    "S7",
                    _hopeless,
                    "The loss is wrong where a class has next to no probability. "
                    "Take log p = s − max − log Σ exp(s − max), which needs no p.",
                    late=True,
                ),
            ),
            hints=(
                "Which of the colleague's lines ask for a number? Which make an array, and on which side is it then?",
                "log p = s − max − log Σ exp(s − max), row by row, always;  dscores = (p − 1 at the right class) / N",
                "places = xp.arange(N), labels; dscores[places] -= 1; return -log_p[places].mean(), dscores / N",
            ),
        ),
        Exercise(
            "17-clip",
            "clipped",
            clipped,
            CLIP_PROBES,
            ("first", "second"),
            axes={"first": ("row", "column")},
            wrong=CLIP_WRONG,
            by_hand=_clip_by_hand,
            properties=(*device_properties(CLIP_PROBES), *CLIP_PROPERTIES),
            hints=(
                "What would you multiply by if the gradient is too long? "
                "And if it is not, so that one line serves both?",
                "length = √(Σ over all arrays of Σ g²);  factor = min(1, limit / length), still on the device",
                "shrink = xp.minimum(1, limit / xp.sqrt(sum((g * g).sum() for g in grads)))",
            ),
        ),
        Exercise(
            "17-tower",
            "tower_part",
            tower_part,
            TOWER_PROBES,
            ("weight", "bias", "first", "stop"),
            axes={"weight": ("row", "column", "channel in", "kernel"), "bias": ("kernel",)},
            wrong=TOWER_WRONG,
            properties=tuple(
                case(when, tower_part, probe, ("weight", "bias", "first", "stop")) for when, probe in TOWER_CASES
            ),
            by_hand=_tower_by_hand,
            outside=("number", "one"),
            hints=(
                "Which axis of weight counts the kernels? "
                "And what does weight.shape[2] tell you about what a kernel reads?",
                "weight[..., F_t], bias[F_t], F_t the t-th run of kernels;  "
                "reads 0 … C if a kernel is C deep, else the t-th run of channels",
                "F, C = weight.shape[3] // towers, in_channels // towers; "
                "reads = (0, in_channels) if weight.shape[2] == in_channels else (t * C, (t + 1) * C)",
            ),
        ),
        Exercise(
            "17-meeting",
            "meeting_backward",
            meeting_backward,
            MEETING_PROBES,
            ("dx",),
            wrong=MEETING_WRONG,
            properties=(case("for five towers", meeting_backward, _meeting_probe((2, 10), 5, 3, 3), ("dx",)),),
            by_hand=_meeting_by_hand,
            hints=(
                "Channel 0 lives on tower 0, but which towers' kernels read it? So where does its gradient come from?",
                "dx of tower t = (Σ over towers k of dx_k)[..., C_t], C_t the t-th run of channels",
                "C = dxs[0].shape[-1] // len(dxs); return sum(dxs)[..., t * C : (t + 1) * C]",
            ),
        ),
        Exercise(
            "17-average",
            "batch_gradient",
            batch_gradient,
            AVERAGE_PROBES,
            ("gradient",),
            wrong=AVERAGE_WRONG,
            properties=(
                case(
                    "if the first worker has no pictures",
                    batch_gradient,
                    _average_probe((0, 3, 2), (4,), 3),
                    ("gradient",),
                ),
                case("for shares of 400 and 1", batch_gradient, _average_probe((400, 1), (4,), 4), ("gradient",)),
            ),
            by_hand=_average_by_hand,
            hints=(
                "Worker 0's mean is over 7 pictures, worker 1's over 6. "
                "How many pictures does each gradient speak for?",
                "g = Σ n_k · g_k / Σ n_k",
                "return sum(n * g for n, g in zip(counts, grads)) / sum(counts)",
            ),
        ),
    ),
    {"array_module": array_module},
)
