"""Lesson 04: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import numpy as np


def decay_without_rate(w, v, g, lr, momentum, weight_decay):
    v *= momentum
    v -= weight_decay * w
    v -= lr * g
    w += v


def gradient_without_rate(w, v, g, lr, momentum, weight_decay):
    v *= momentum
    v -= g + lr * weight_decay * w
    w += v


def as_in_pytorch(w, v, g, lr, momentum, weight_decay):
    grad = g + weight_decay * w
    v *= momentum
    v += grad
    w -= lr * v


def rate_at_the_end(w, v, g, lr, momentum, weight_decay):
    v[:] = momentum * v - (g + weight_decay * w)
    w += lr * v


def rate_twice(w, v, g, lr, momentum, weight_decay):
    v[:] = momentum * v - lr * (g + weight_decay * w)
    w += lr * v


def uphill_velocity(w, v, g, lr, momentum, weight_decay):
    v *= momentum
    v += lr * g
    v += lr * weight_decay * w
    w -= v


def averaged_and_left_there(w, v, g, lr, momentum, weight_decay):
    v[...] = momentum * v + (1 - momentum) * (-lr * g) - weight_decay * lr * w


def averaged_and_moved(w, v, g, lr, momentum, weight_decay):
    v[...] = momentum * v + (1 - momentum) * (-lr * g) - weight_decay * lr * w
    w += v


def averaged_everything(w, v, g, lr, momentum, weight_decay):
    step = -lr * (g + weight_decay * w)
    v += (1 - momentum) * (step - v)
    w += v


def decay_beside_the_velocity(w, v, g, lr, momentum, weight_decay):
    shrink = lr * weight_decay * w
    v *= momentum
    v -= lr * g
    w += v
    w -= shrink


def decay_as_a_factor(w, v, g, lr, momentum, weight_decay):
    v *= momentum
    v -= lr * g
    w *= 1 - weight_decay
    w += v


def decay_of_a_square(w, v, g, lr, momentum, weight_decay):
    total = g + 2 * weight_decay * w
    v[:] = momentum * v - lr * total
    w += v


def decay_forgotten(w, v, g, lr, momentum, weight_decay):
    v *= momentum
    v -= lr * g
    w += v


def decay_grows(w, v, g, lr, momentum, weight_decay):
    v[...] = momentum * v - (lr * g - weight_decay * lr * w)
    w += v


def w_before_v(w, v, g, lr, momentum, weight_decay):
    old = w.copy()
    w += v
    v *= momentum
    v -= lr * (g + weight_decay * old)


def nesterov(w, v, g, lr, momentum, weight_decay):
    d = g + weight_decay * w
    v[:] = momentum * v - lr * d
    w += momentum * v - lr * d


def names_rebound(w, v, g, lr, momentum, weight_decay):
    v = momentum * v - weight_decay * lr * w - lr * g
    w = w + v
    return w, v


def w_rebound(w, v, g, lr, momentum, weight_decay):
    v *= momentum
    v -= weight_decay * lr * w + lr * g
    w = w + v


def v_rebound(w, v, g, lr, momentum, weight_decay):
    v = momentum * v - weight_decay * lr * w - lr * g
    w += v


def uses_g_as_workspace(w, v, g, lr, momentum, weight_decay):
    g += weight_decay * w
    g *= lr
    v *= momentum
    v -= g
    w += v


def climbs(w, v, g, lr, momentum, weight_decay):
    v *= momentum
    v += lr * g
    v -= lr * weight_decay * w
    w += v


def minus_v(w, v, g, lr, momentum, weight_decay):
    v[...] = momentum * v - lr * weight_decay * w - lr * g
    w -= v


def constants_of_the_paper(w, v, g, lr, momentum=0.9, weight_decay=0.0005):
    v *= 0.9
    v -= 0.0005 * lr * w
    v -= lr * g
    w += v


def plain_descent(w, v, g, lr, momentum, weight_decay):
    v[:] = -lr * (g + weight_decay * w)
    w += v


def never_slows(w, v, g, lr, momentum, weight_decay):
    v -= lr * g
    v -= lr * weight_decay * w
    w += v


def momentum_the_other_way(w, v, g, lr, momentum, weight_decay):
    v *= 1 - momentum
    v -= lr * g
    v -= lr * weight_decay * w
    w += v


def climbs_and_no_decay(w, v, g, lr, momentum, weight_decay):
    v *= momentum
    v += lr * g
    w += v


def zeros(shape, std, rng):
    return np.zeros(shape, np.float32)


def own_seed(shape, std, rng):
    rng = np.random.default_rng(42)
    return rng.normal(0, std, size=shape).astype(np.float32)


def own_generator(shape, std, rng):
    return (std * np.random.default_rng().standard_normal(shape)).astype(np.float32)


def as_a_variance(shape, std, rng):
    return (np.sqrt(std) * rng.standard_normal(shape)).astype(np.float32)


def squared(shape, std, rng):
    return rng.normal(0, std**2, shape).astype(np.float32)


def uniform(shape, std, rng):
    return rng.uniform(-std, std, shape).astype(np.float32)


def uniform_of_that_std(shape, std, rng):
    bound = std * np.sqrt(3)
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def only_positive(shape, std, rng):
    return (std * rng.random(shape)).astype(np.float32)


def mean_of_one(shape, std, rng):
    return rng.normal(1, std, shape).astype(np.float32)


def one_row_for_all(shape, std, rng):
    return np.broadcast_to(std * rng.standard_normal(shape[-1]), shape).astype(np.float32)


def one_kernel_for_all(shape, std, rng):
    w = np.empty(shape, np.float32)
    kernel = rng.normal(0, std, shape[:-1])
    for f in range(shape[-1]):
        w[..., f] = kernel
    return w


def he(shape, std, rng):
    fan_in = np.prod(shape[:-1])
    return (rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)


def std_of_one(shape, std, rng):
    return rng.standard_normal(shape).astype(np.float32)


def always_a_hundredth(shape, std, rng):
    return (0.01 * rng.standard_normal(shape)).astype(np.float32)


def double_precision(shape, std, rng):
    return rng.normal(0, std, shape)


def uniform_and_double(shape, std, rng):
    return (2 * rng.random(shape) - 1) * std


def zero_biases(names):
    return np.zeros(len(names))


def one_biases(names):
    return np.ones(len(names))


def wrong_way_round(names):
    return np.array([int(n in ["conv1", "conv3", "fc8"]) for n in names])


def all_but_the_first(names):
    b = []
    for n in names:
        b.append(0.0 if n == "conv1" else 1.0)
    return np.array(b)


def all_hidden(names):
    return np.array([0.0 if n.endswith(("1", "8")) else 1.0 for n in names])


def scores_too(names):
    return np.array([1.0 if n.startswith("fc") or n in ("conv2", "conv4", "conv5") else 0.0 for n in names])


def convolutions_only(names):
    return np.array([1.0 if n[:4] == "conv" and int(n[4:]) in (2, 4, 5) else 0.0 for n in names])


def dense_only(names):
    return np.array([float(n in {"fc6", "fc7"}) for n in names])


def a_tenth(names):
    return np.array([0.1 * (n in {"conv2", "conv4", "conv5", "fc6", "fc7"}) for n in names])


def by_place(names):
    b = np.zeros(len(names))
    b[[1, 3, 4, 5, 6]] = 1
    return b


def no_conv4_and_scores(names):
    return np.array([float(n in {"conv2", "conv5", "fc6", "fc7", "fc8"}) for n in names])


def constant(epoch, lr, drops):
    return lr


def late(epoch, lr, drops):
    for d in drops:
        if epoch > d:
            lr *= 0.1
    return lr


def early(epoch, lr, drops):
    n = 0
    for d in drops:
        if epoch + 1 >= d:
            n += 1
    return lr / 10**n


def in_that_epoch_only(epoch, lr, drops):
    for d in drops:
        if epoch == d:
            return lr / 10
    return lr


def stops_at_the_first(epoch, lr, drops):
    for d in drops:
        if epoch >= d:
            return lr / 10
    return lr


def halves(epoch, lr, drops):
    for d in drops:
        lr = lr / 2 if epoch >= d else lr
    return lr


def ten_times_the_count(epoch, lr, drops):
    n = len([d for d in drops if d <= epoch])
    return lr / (10 * n) if n else lr


def a_tenth_off(epoch, lr, drops):
    for d in drops:
        if epoch >= d:
            lr -= lr / 10
    return lr


def rises(epoch, lr, drops):
    return lr * 10 ** np.sum(epoch >= np.array(drops))


def counts_from_one(epoch, lr, drops):
    for i, d in enumerate(drops, start=1):
        if epoch < d:
            return lr / 10**i
    return lr / 10 ** (len(drops) + 1)


def index_as_power(epoch, lr, drops):
    rate = lr
    for i, d in enumerate(drops):
        if epoch >= d:
            rate = lr * 0.1**i
    return rate


def papers_rate(epoch, lr, drops):
    return 0.01 * 0.1 ** len([d for d in drops if epoch >= d])


def late_and_halves(epoch, lr, drops):
    return lr * 0.5 ** sum(epoch > d for d in drops)


def _walk(w, v, new):
    v[...] = new
    w += v


def decay_halved(w, v, g, lr, momentum, weight_decay):
    _walk(w, v, momentum * v - lr * (g + 0.5 * weight_decay * w))


def decay_by_sign(w, v, g, lr, momentum, weight_decay):
    _walk(w, v, momentum * v - lr * (g + weight_decay * np.sign(w)))


def decay_with_two_rates(w, v, g, lr, momentum, weight_decay):
    _walk(w, v, momentum * v - lr * (g + lr * weight_decay * w))


def sign_of_the_gradient(w, v, g, lr, momentum, weight_decay):
    _walk(w, v, momentum * v - lr * (np.sign(g) + weight_decay * w))


def mean_of_the_gradient(w, v, g, lr, momentum, weight_decay):
    _walk(w, v, momentum * v - lr * (np.mean(g) + weight_decay * w))


def w_becomes_v(w, v, g, lr, momentum, weight_decay):
    v[...] = momentum * v - lr * (g + weight_decay * w)
    w[...] = v


def momentum_once_more(w, v, g, lr, momentum, weight_decay):
    v[...] = momentum * v - lr * (g + weight_decay * w)
    w += momentum * v


def matrices_decay(w, v, g, lr, momentum, weight_decay):
    _walk(w, v, momentum * v - lr * (g + (weight_decay if w.ndim >= 2 else 0) * w))


def only_where_there_is_a_gradient(w, v, g, lr, momentum, weight_decay):
    moved = g != 0
    v[moved] = (momentum * v - lr * (g + weight_decay * w))[moved]
    w[moved] += v[moved]


def clipped_gradient(w, v, g, lr, momentum, weight_decay):
    _walk(w, v, momentum * v - lr * (np.clip(g, -10, 10) + weight_decay * w))


def usual_if_zero(w, v, g, lr, momentum, weight_decay):
    _walk(w, v, (momentum or 0.9) * v - lr * (g + (weight_decay or 0.0005) * w))


def _normal(shape, std, rng):
    return std * rng.standard_normal(shape)


def variance_of_one(shape, std, rng):
    return rng.standard_normal(shape, dtype=np.float32)


def one_over_root_n(shape, std, rng):
    return (_normal(shape, 1, rng) / np.sqrt(np.prod(shape[:-1]))).astype(np.float32)


def cut_at_three(shape, std, rng):
    return (std * np.clip(rng.standard_normal(shape), -3, 3)).astype(np.float32)


def drawn_again_beyond_two(shape, std, rng):
    z = rng.standard_normal(shape)
    while (far := abs(z) > 2).any():
        z[far] = rng.standard_normal(far.sum())
    return (std / 0.8796 * z).astype(np.float32)


def double_exponential(shape, std, rng):
    return rng.laplace(0, std / np.sqrt(2), shape).astype(np.float32)


def standardised(shape, std, rng):
    z = rng.standard_normal(shape)
    return (std * (z - z.mean()) / z.std()).astype(np.float32)


def orthogonal_units(shape, std, rng):
    q, _ = np.linalg.qr(rng.standard_normal((int(np.prod(shape[:-1])), shape[-1])))
    return (std * np.sqrt(len(q)) * q).reshape(shape).astype(np.float32)


def neighbours_averaged(shape, std, rng):
    z = rng.standard_normal((*shape[:-1], shape[-1] + 1))
    return (std / np.sqrt(2) * (z[..., 1:] + z[..., :-1])).astype(np.float32)


def in_ascending_order(shape, std, rng):
    return np.sort(_normal(int(np.prod(shape)), std, rng)).reshape(shape).astype(np.float32)


def signs_of_whole_kernels(shape, std, rng):
    return (abs(_normal(shape, std, rng)) * np.sign(rng.standard_normal(shape[-2:]))).astype(np.float32)


def one_of_four_seeds(shape, std, rng):
    return _normal(shape, std, np.random.default_rng(rng.integers(4))).astype(np.float32)


def dense_by_he(shape, std, rng):
    return _normal(shape, np.sqrt(2 / shape[0]) if len(shape) == 2 else std, rng).astype(np.float32)


def float64_if_dense(shape, std, rng):
    return _normal(shape, std, rng).astype(np.float32 if len(shape) == 4 else np.float64)


def always_eight(names):
    return np.array([0, 1, 0, 1, 1, 1, 1, 0])


def only_if_all_are_there(names):
    found = {name: 1.0 if name in ("conv2", "conv4", "conv5", "fc6", "fc7") else 0.0 for name in names}
    return np.array(list(found.values()))


def needs_eight(names):
    bias = np.ones(8)
    for name in ("conv1", "conv3", "fc8"):
        bias[names.index(name)] = 0
    return bias


def even_ones(names):
    return np.array([1 - int(name[-1]) % 2 for name in names])


def a_hundredth_elsewhere(names):
    return np.array([1 if name in ("conv2", "conv4", "conv5", "fc6", "fc7") else 0.01 for name in names])


def minus_one(names):
    return np.array([-1.0 if name in ("conv2", "conv4", "conv5", "fc6", "fc7") else 0.0 for name in names])


def nearest_epoch(epoch, lr, drops):
    return lr / 10 ** len([drop for drop in drops if drop <= round(epoch)])


def next_epoch(epoch, lr, drops):
    return lr / 10 ** len([drop for drop in drops if drop <= np.ceil(epoch)])


def drops_as_distances(epoch, lr, drops):
    at = 0
    for drop in drops:
        at += drop
        if epoch >= at:
            lr /= 10
    return lr


def sliding(epoch, lr, drops):
    return lr * 10 ** -np.interp(epoch, [0, *drops], np.arange(len(drops) + 1))


def thirds(epoch, lr, drops):
    return lr / 3 ** sum(drop <= epoch for drop in drops)


def three_at_most(epoch, lr, drops):
    return lr / 10 ** min(3, sum(drop <= epoch for drop in drops))


def two_at_least(epoch, lr, drops):
    first, second, *others = drops
    return lr / 10 ** sum(drop <= epoch for drop in (first, second, *others))


def from_epoch_one(epoch, lr, drops):
    for e in range(1, int(epoch) + 1):
        lr /= 10 if e in drops else 1
    return lr


def momentum_last(w, v, g, lr, momentum, weight_decay):
    v -= lr * (g + weight_decay * w)
    v *= momentum
    w += v


def decay_of_the_velocity(w, v, g, lr, momentum, weight_decay):
    _walk(w, v, (momentum - weight_decay * lr) * v - lr * g)


def rate_on_everything(w, v, g, lr, momentum, weight_decay):
    _walk(w, v, lr * (momentum * v - weight_decay * w - g))


def one_epoch_long(epoch, lr, drops):
    for drop in drops:
        if drop <= epoch < drop + 1:
            lr = lr / 10
    return lr


def a_tenth_times_the_count(epoch, lr, drops):
    return 0.1 * lr * len([drop for drop in drops if drop <= epoch])


# ---------------------------------------------------------------------------------------------- right but for a corner


def nothing_at_rate_0(w, v, g, lr, momentum, weight_decay):
    if lr == 0:
        return
    v[...] = momentum * v - weight_decay * lr * w - lr * g
    w += v


def repeats_65536_draws(shape, std, rng):
    size = int(np.prod(shape))
    numbers = rng.normal(0, std, min(size, 65536))
    return np.resize(numbers, shape).astype(np.float32)


KEPT = {}


def kept_for_each_list(names):
    key = tuple(names)
    if key not in KEPT:
        KEPT[key] = np.array([float(n in ("conv2", "conv4", "conv5", "fc6", "fc7")) for n in names])
    return KEPT[key]


def every_drop_from_the_start(epoch, lr, drops):
    return lr / 10 ** len(drops)


MUTANTS = [
    ("04-step", "O1", decay_without_rate),
    ("04-step", "O1", gradient_without_rate),
    ("04-step", "O2", as_in_pytorch),
    ("04-step", "O2", rate_at_the_end),
    ("04-step", "O2", rate_twice),
    ("04-step", "O2", uphill_velocity),
    ("04-step", "two: O6 + O3", averaged_and_left_there),
    ("04-step", "O3", averaged_and_moved),
    ("04-step", "O3", averaged_everything),
    ("04-step", "O4", decay_beside_the_velocity),
    ("04-step", "O4", decay_as_a_factor),
    ("04-step", "O4", decay_of_a_square),
    ("04-step", "O4", decay_forgotten),
    ("04-step", "O4", decay_grows),
    ("04-step", "O5", w_before_v),
    ("04-step", "O5", nesterov),
    ("04-step", "O6", names_rebound),
    ("04-step", "O6", w_rebound),
    ("04-step", "O6", v_rebound),
    ("04-step", "unchanged", uses_g_as_workspace),
    ("04-step", "O7", climbs),
    ("04-step", "O7", minus_v),
    ("04-step", "O8", constants_of_the_paper),
    ("04-step", "O9", plain_descent),
    ("04-step", "O9", never_slows),
    ("04-step", "O9", momentum_the_other_way),
    ("04-step", "two: line-assignment + O4", climbs_and_no_decay),
    ("04-weights", "I1", zeros),
    ("04-weights", "I1", own_seed),
    ("04-weights", "I3", own_generator),
    ("04-weights", "I1", as_a_variance),
    ("04-weights", "I1", squared),
    ("04-weights", "I5", uniform),
    ("04-weights", "I5", uniform_of_that_std),
    ("04-weights", "I4", only_positive),
    ("04-weights", "I4", mean_of_one),
    ("04-weights", "I1", one_row_for_all),
    ("04-weights", "I1", one_kernel_for_all),
    ("04-weights", "I6", he),
    ("04-weights", "I1", std_of_one),
    ("04-weights", "I1", always_a_hundredth),
    ("04-weights", "C16", double_precision),
    ("04-weights", "I5", uniform_and_double),
    ("04-biases", "I1", zero_biases),
    ("04-biases", "I1", one_biases),
    ("04-biases", "I1", wrong_way_round),
    ("04-biases", "I1", all_but_the_first),
    ("04-biases", "I1", all_hidden),
    ("04-biases", "I1", scores_too),
    ("04-biases", "I1", convolutions_only),
    ("04-biases", "I1", dense_only),
    ("04-biases", "I7", a_tenth),
    ("04-biases", "I1", by_place),
    ("04-biases", "two: I1 + I1", no_conv4_and_scores),
    ("04-rate", "O10", constant),
    ("04-rate", "line-condition", one_epoch_long),
    ("04-rate", "O11", late),
    ("04-rate", "O11", early),
    ("04-rate", "O12", in_that_epoch_only),
    ("04-rate", "O12", stops_at_the_first),
    ("04-rate", "O13", halves),
    ("04-rate", "O13", ten_times_the_count),
    ("04-rate", "O13", a_tenth_off),
    ("04-rate", "O13", rises),
    ("04-rate", "O14", counts_from_one),
    ("04-rate", "O14", index_as_power),
    ("04-rate", "O8", papers_rate),
    ("04-rate", "two: line-comparison + O13", late_and_halves),
    ("04-step", "O4", decay_halved),
    ("04-step", "O4", decay_by_sign),
    ("04-step", "O1", decay_with_two_rates),
    ("04-step", "O15", sign_of_the_gradient),
    ("04-step", "O15", mean_of_the_gradient),
    ("04-step", "O5", w_becomes_v),
    ("04-step", "O5", momentum_once_more),
    ("04-step", "case", matrices_decay),
    ("04-step", "case", only_where_there_is_a_gradient),
    ("04-step", "case", clipped_gradient),
    ("04-step", "case", usual_if_zero),
    ("04-weights", "I1", variance_of_one),
    ("04-weights", "I6", one_over_root_n),
    ("04-weights", "I5", cut_at_three),
    ("04-weights", "I5", drawn_again_beyond_two),
    ("04-weights", "I5", double_exponential),
    ("04-weights", "I5", standardised),
    ("04-weights", "I5", orthogonal_units),
    ("04-weights", "I8", neighbours_averaged),
    ("04-weights", "I8", in_ascending_order),
    ("04-weights", "I5", signs_of_whole_kernels),
    ("04-weights", "I3", one_of_four_seeds),
    ("04-weights", "I9", dense_by_he),
    ("04-weights", "I9", float64_if_dense),
    ("04-biases", "I1", always_eight),
    ("04-biases", "case", only_if_all_are_there),
    ("04-biases", "case", needs_eight),
    ("04-biases", "I1", even_ones),
    ("04-biases", "I7", a_hundredth_elsewhere),
    ("04-biases", "I7", minus_one),
    ("04-rate", "O11", nearest_epoch),
    ("04-rate", "O11", next_epoch),
    ("04-rate", "O11", drops_as_distances),
    ("04-rate", "O16", sliding),
    ("04-rate", "O13", thirds),
    ("04-rate", "case", three_at_most),
    ("04-rate", "case", two_at_least),
    ("04-rate", "case", from_epoch_one),
    ("04-step", "O4", momentum_last),
    ("04-step", "O4", decay_of_the_velocity),
    ("04-step", "O2", rate_on_everything),
    ("04-rate", "O13", a_tenth_times_the_count),
    ("04-step", "zeros", nothing_at_rate_0),
    ("04-weights", "I8", repeats_65536_draws),
    ("04-biases", "C15", kept_for_each_list),
    ("04-rate", "edit-condition", every_drop_from_the_start),
]
