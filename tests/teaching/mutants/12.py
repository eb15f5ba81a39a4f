"""Lesson 12: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import copy
import math

import numpy as np

# ---------------------------------------------------------------------------------------------- shapes


def _walk(in_shape, layers, size, flatten=lambda s: (1, 1, s[0] * s[1] * s[2])):
    """Right shapes, but for the rules `size` and `flatten`."""
    shape, found = in_shape, []
    for layer in layers:
        if "kernel" in layer:
            k, s, p = layer["kernel"], layer["stride"], layer["pad"]
            shape = size(shape[0], k[0], s, p), size(shape[1], k[1], s, p), layer.get("filters", shape[2])
        elif layer["kind"] == "flatten":
            shape = flatten(shape)
        elif layer["kind"] == "dense":
            shape = (1, 1, layer["units"])
        found.append(shape)
    return np.array(found)


def _up(n, k, s, p):
    return math.ceil((n + 2 * p - k) / s) + 1


def floor_division(in_shape, layers):
    return _walk(in_shape, layers, lambda n, k, s, p: (n + 2 * p - k) // s + 1)


def int_of_a_fraction(in_shape, layers):
    shapes = []
    H, W, C = in_shape
    for layer in layers:
        if layer["kind"] == "conv" or layer["kind"] == "pool":
            H = int((H - layer["kernel"][0] + 2 * layer["pad"]) / layer["stride"] + 1)
            W = int((W - layer["kernel"][1] + 2 * layer["pad"]) / layer["stride"] + 1)
        if layer["kind"] == "conv":
            C = layer["filters"]
        if layer["kind"] == "flatten":
            H, W, C = 1, 1, H * W * C
        if layer["kind"] == "dense":
            C = layer["units"]
        shapes.append([H, W, C])
    return np.array(shapes)


def no_plus_one(in_shape, layers):
    return _walk(in_shape, layers, lambda n, k, s, p: int(np.ceil((n - k + 2 * p) / s)))


def no_padding(in_shape, layers):
    return _walk(in_shape, layers, lambda n, k, s, p: 1 + math.ceil((n - k) / s))


def padding_once(in_shape, layers):
    return _walk(in_shape, layers, lambda n, k, s, p: 1 + math.ceil((n - k + p) / s))


def rounds_to_nearest(in_shape, layers):
    return _walk(in_shape, layers, lambda n, k, s, p: int(np.round((n - k + 2 * p) / s)) + 1)


def divides_by_the_stride(in_shape, layers):
    return _walk(in_shape, layers, lambda n, k, s, p: math.ceil((n + 2 * p) / s))


def kernel_width_for_height(in_shape, layers):
    shape, found = list(in_shape), []
    for layer in layers:
        if layer["kind"] in ["conv", "pool"]:
            kw, kh = layer["kernel"]
            shape[0] = _up(shape[0], kh, layer["stride"], layer["pad"])
            shape[1] = _up(shape[1], kw, layer["stride"], layer["pad"])
            shape[2] = layer["filters"] if layer["kind"] == "conv" else shape[2]
        elif layer["kind"] == "flatten":
            shape = [1, 1, int(np.prod(shape))]
        elif layer["kind"] == "dense":
            shape = [1, 1, layer["units"]]
        found.append(tuple(shape))
    return np.array(found)


def square_kernels(in_shape, layers):
    return _walk(in_shape, [dict(la, kernel=[la["kernel"][0]] * 2) if "kernel" in la else la for la in layers], _up)


def filters_of_one_group(in_shape, layers):
    return _walk(
        in_shape, [dict(la, filters=la["filters"] // la["groups"]) if "filters" in la else la for la in layers], _up
    )


def channels_never_change(in_shape, layers):
    found = _walk(in_shape, [{k: v for k, v in la.items() if k != "filters"} for la in layers], _up)
    return found


def pool_keeps_size(in_shape, layers):
    return _walk(in_shape, [{"kind": "relu"} if la["kind"] == "pool" else la for la in layers], _up)


def flatten_to_channels(in_shape, layers):
    return _walk(in_shape, layers, _up, flatten=lambda s: (1, 1, s[2]))


def flatten_left_out(in_shape, layers):
    return _walk(in_shape, layers, _up, flatten=lambda s: s)


def shapes_that_go_in(in_shape, layers):
    rows, shape = [], np.array(in_shape)
    for row in _walk(in_shape, layers, _up):
        rows.append(shape)
        shape = row
    return np.stack(rows)


def floor_and_no_padding(in_shape, layers):
    return _walk(in_shape, layers, lambda n, k, s, p: (n - k) // s + 1)


# ---------------------------------------------------------------------------------------------- parameters


def _pairs(in_shape, layers):
    """[(layer, shape that enters it)]."""
    return list(zip(layers, [tuple(in_shape), *map(tuple, _walk(in_shape, layers, _up).tolist())]))


def biases_forgotten(in_shape, layers):
    w = []
    for layer, (H, W, C) in _pairs(in_shape, layers):
        if layer["kind"] == "conv":
            w.append(layer["kernel"][0] * layer["kernel"][1] * C // layer["groups"] * layer["filters"])
        elif layer["kind"] == "dense":
            w.append(H * W * C * layer["units"])
        else:
            w.append(0)
    return np.array(w), np.zeros(len(layers), int)


def _table(in_shape, layers, conv, dense, bias):
    weights, biases = np.zeros((2, len(layers)), int)
    for i, (layer, shape) in enumerate(_pairs(in_shape, layers)):
        if layer["kind"] == "conv":
            weights[i], biases[i] = conv(layer, shape), bias(layer, shape, i)
        if layer["kind"] == "dense":
            weights[i], biases[i] = dense(layer, shape), bias(layer, shape, i)
    return weights, biases


def _area(layer):
    return int(np.prod(layer["kernel"]))


def _conv(layer, shape):
    return _area(layer) * shape[2] // layer["groups"] * layer["filters"]


def _dense(layer, shape):
    return int(np.prod(shape)) * layer["units"]


def _bias(layer, shape, i):
    return layer["filters"] if layer["kind"] == "conv" else layer["units"]


def groups_forgotten(in_shape, layers):
    return _table(in_shape, layers, lambda la, s: _area(la) * s[2] * la["filters"], _dense, _bias)


def groups_twice(in_shape, layers):
    return _table(in_shape, layers, lambda la, s: _conv(la, s) // la["groups"], _dense, _bias)


def a_bias_a_place(in_shape, layers):
    out = _walk(in_shape, layers, _up)
    return _table(in_shape, layers, _conv, _dense, lambda la, s, i: out[i].prod())


def a_bias_an_input(in_shape, layers):
    return _table(in_shape, layers, _conv, _dense, lambda la, s, i: s[2])


def one_bias_a_layer(in_shape, layers):
    return _table(in_shape, layers, _conv, _dense, lambda la, s, i: 1)


def flat_filters(in_shape, layers):
    return _table(in_shape, layers, lambda la, s: _area(la) * la["filters"], _dense, _bias)


def square_filters(in_shape, layers):
    return _table(
        in_shape, layers, lambda la, s: la["kernel"][0] ** 2 * s[2] // la["groups"] * la["filters"], _dense, _bias
    )


def unshared_filters(in_shape, layers):
    weights, biases = _table(in_shape, layers, _conv, _dense, _bias)
    H, W = _walk(in_shape, layers, _up).T[:2]
    return weights * H * W, biases


def dense_from_channels(in_shape, layers):
    shape = _walk(in_shape, layers, _up)
    maps = next(shape[i - 1][2] for i, la in enumerate(layers) if la["kind"] == "flatten")
    weights, biases = _table(in_shape, layers, _conv, _dense, _bias)
    first = next(i for i, la in enumerate(layers) if la["kind"] == "dense")
    weights[first] = maps * layers[first]["units"]
    return weights, biases


def flattened_before_the_pool(in_shape, layers):
    skipped = [{"kind": "relu"} if la["kind"] == "pool" else la for la in layers]
    return _table(in_shape, skipped, _conv, _dense, _bias)


def counted_on_the_floor(in_shape, layers):
    shapes = [in_shape, *floor_division(in_shape, layers).tolist()]
    w, b = [], []
    for layer, (H, W, C) in zip(layers, shapes):
        w.append(_conv(layer, (H, W, C)) if layer["kind"] == "conv" else H * W * C * layer.get("units", 0))
        b.append(layer.get("filters", 0) + layer.get("units", 0))
    return np.array(w), np.array(b)


def dense_layers_skipped(in_shape, layers):
    return _table(in_shape, layers, _conv, lambda la, s: 0, _bias)


def no_biases_no_groups(in_shape, layers):
    return _table(in_shape, layers, lambda la, s: _area(la) * s[2] * la["filters"], _dense, lambda la, s, i: 0)


# ---------------------------------------------------------------------------------------------- work


def _products(in_shape, layers, conv, dense=_dense):
    out, w = _walk(in_shape, layers, _up), []
    for i, (layer, shape) in enumerate(_pairs(in_shape, layers)):
        kind = layer["kind"]
        w.append(conv(layer, shape, out[i]) if kind == "conv" else dense(layer, shape) if kind == "dense" else 0)
    return np.array(w)


def work_without_groups(in_shape, layers):
    return _products(in_shape, layers, lambda la, s, o: _area(la) * s[2] * la["filters"] * o[0] * o[1])


def work_at_the_inputs_places(in_shape, layers):
    return _products(in_shape, layers, lambda la, s, o: _conv(la, s) * s[0] * s[1])


def work_is_weights(in_shape, layers):
    return biases_forgotten(in_shape, layers)[0]


def work_with_biases(in_shape, layers):
    weights, biases = _table(in_shape, layers, _conv, _dense, _bias)
    return (weights + biases) * _walk(in_shape, layers, _up)[:, :2].prod(axis=1)


def flops(in_shape, layers):
    return 2 * _products(in_shape, layers, lambda la, s, o: _conv(la, s) * o[0] * o[1])


def work_on_squares(in_shape, layers):
    return _products(in_shape, layers, lambda la, s, o: _conv(la, s) * o[0] ** 2)


def work_of_one_filter(in_shape, layers):
    return _products(in_shape, layers, lambda la, s, o: _area(la) * s[2] // la["groups"] * o[0] * o[1])


def work_of_convolutions(in_shape, layers):
    return _products(in_shape, layers, lambda la, s, o: _conv(la, s) * o[0] * o[1], lambda la, s: 0)


def work_without_groups_and_dense(in_shape, layers):
    conv = lambda la, s, o: _area(la) * s[2] * la["filters"] * o[0] * o[1]  # noqa: E731
    return _products(in_shape, layers, conv, lambda la, s: 0)


# ---------------------------------------------------------------------------------------------- flatten


def channels_first(x):
    return np.moveaxis(x, -1, 1).reshape(x.shape[0], x.shape[1] * x.shape[2] * x.shape[3])


def columns_first(x):
    return np.stack([np.concatenate([x[n, :, w].ravel() for w in range(x.shape[2])]) for n in range(x.shape[0])])


def fortran_order(x):
    return np.stack([picture.flatten(order="F") for picture in x])


def batch_last(x):
    return x.reshape(-1, x.shape[0])


def batch_last_and_turned(x):
    N, H, W, C = x.shape
    return x.reshape(H * W * C, N).transpose()


def everything_flat(x):
    return x.ravel()


def averaged(x):
    return np.einsum("nhwc->nc", x) / (x.shape[1] * x.shape[2])


def places_only(x):
    N, H, W, C = x.shape
    return x.reshape(N, H * W, C)


def flat_in_float64(x):
    y = np.zeros((x.shape[0], x[0].size))
    y[:] = x.reshape(len(x), -1)
    return y


def batch_reversed_channels_first(x):
    return np.moveaxis(x, -1, 1).reshape(len(x), -1)[::-1]


# ---------------------------------------------------------------------------------------------- the start


def _params(shapes, weight, bias):
    found = {}
    for name in shapes:
        found[name + ".weight"] = weight(name, shapes[name])
        found[name + ".bias"] = bias(name, shapes[name])
    return found


def _ones_and_zeros(name, shape):
    return np.ones(shape[-1]) if name in ["conv2", "conv4", "conv5", "fc6", "fc7"] else np.zeros(shape[-1])


def variance_for_deviation(shapes, rng):
    return _params(shapes, lambda n, s: np.sqrt(0.01) * rng.standard_normal(s), _ones_and_zeros)


def deviation_squared(shapes, rng):
    return _params(shapes, lambda n, s: rng.normal(0, 0.01**2, s), _ones_and_zeros)


def a_generator_a_layer(shapes, rng):
    def weight(name, shape):
        return np.random.default_rng(0).normal(scale=0.01, size=shape)

    return _params(shapes, weight, _ones_and_zeros)


def own_generator(shapes, rng):
    rng = np.random.default_rng()
    return _params(shapes, lambda n, s: rng.normal(scale=0.01, size=s), _ones_and_zeros)


def all_zeros(shapes, rng):
    return _params(shapes, lambda n, s: np.zeros(s), _ones_and_zeros)


def uniform(shapes, rng):
    a = 0.01 * np.sqrt(3)
    return _params(shapes, lambda n, s: rng.uniform(-a, a, s), _ones_and_zeros)


def positive(shapes, rng):
    return _params(shapes, lambda n, s: 0.01 * rng.random(s), _ones_and_zeros)


def he(shapes, rng):
    return _params(shapes, lambda n, s: rng.normal(0, np.sqrt(2 / np.prod(s[:-1])), s), _ones_and_zeros)


def biases_all_zero(shapes, rng):
    return _params(shapes, lambda n, s: rng.normal(0, 0.01, s), lambda n, s: np.zeros(s[-1]))


def biases_all_one(shapes, rng):
    return _params(shapes, lambda n, s: rng.normal(0, 0.01, s), lambda n, s: np.ones(s[-1]))


def ones_in_every_dense_layer(shapes, rng):
    ones = {"conv2", "conv4", "conv5"} | {n for n in shapes if n.startswith("fc")}
    return _params(shapes, lambda n, s: rng.normal(0, 0.01, s), lambda n, s: np.full(s[-1], float(n in ones)))


def drawn_biases(shapes, rng):
    return _params(shapes, lambda n, s: rng.normal(0, 0.01, s), lambda n, s: rng.normal(0, 0.01, s[-1]))


def a_bias_an_input_channel(shapes, rng):
    return _params(shapes, lambda n, s: rng.normal(0, 0.01, s), lambda n, s: np.zeros(s[-2]))


def weights_alone(shapes, rng):
    return {f"{name}.weight": rng.normal(0, 0.01, shape) for name, shape in shapes.items()}


# ---------------------------------------------------------------------------------------------- overfitting


def _train(layers, loss, x, labels, steps, update, prepare=lambda y: y):
    """Forward, backward, then update(layer, key, gradient, number) for every parameter."""
    history = []
    for _ in range(steps):
        activations, saved = x, []
        for layer in layers:
            activations, cache = layer.forward(activations)
            saved.append((layer, cache))
        value, cache = loss.forward(prepare(activations), labels)
        history.append(value)
        upstream = loss.backward(cache)
        for number, (layer, cache) in reversed(list(enumerate(saved))):
            upstream, grads = layer.backward(upstream, cache)
            for key in grads:
                update(layer, key, grads[key], number)
    return np.array(history)


def _momentum(lr, momentum):
    v = {}

    def update(layer, key, g, number):
        v[number, key] = momentum * v.get((number, key), 0.0) - lr * g
        layer.params[key] += v[number, key]

    return update


def rebinds(layers, loss, x, labels, steps, lr, momentum):
    v = {}

    def update(layer, key, g, number):
        w = layer.params[key]
        v[number, key] = momentum * v.get((number, key), 0.0) - lr * g
        w = w + v[number, key]  # noqa: F841

    return _train(layers, loss, x, labels, steps, update)


def uphill(layers, loss, x, labels, steps, lr, momentum):
    return _train(layers, loss, x, labels, steps, _momentum(-lr, momentum))


def plain_descent(layers, loss, x, labels, steps, lr, momentum):
    def update(layer, key, g, number):
        layer.params[key] -= lr * g

    return _train(layers, loss, x, labels, steps, update)


def average_of_gradients(layers, loss, x, labels, steps, lr, momentum):
    return _train(layers, loss, x, labels, steps, _momentum(lr * (1 - momentum), momentum))


def moves_before_it_knows(layers, loss, x, labels, steps, lr, momentum):
    v = {}

    def update(layer, key, g, number):
        old = v.get((number, key), np.zeros_like(g))
        layer.params[key] += old
        v[number, key] = momentum * old - lr * g

    return _train(layers, loss, x, labels, steps, update)


def piles_up(layers, loss, x, labels, steps, lr, momentum):
    total, step = {}, _momentum(lr, momentum)

    def update(layer, key, g, number):
        total[number, key] = total.get((number, key), 0.0) + g
        step(layer, key, total[number, key], number)

    return _train(layers, loss, x, labels, steps, update)


def divides_again(layers, loss, x, labels, steps, lr, momentum):
    return _train(layers, loss, x, labels, steps, _momentum(lr / x.shape[0], momentum))


def times_the_batch(layers, loss, x, labels, steps, lr, momentum):
    return _train(layers, loss, x, labels, steps, _momentum(lr * labels.size, momentum))


def last_layer_only(layers, loss, x, labels, steps, lr, momentum):
    step = _momentum(lr, momentum)

    def update(layer, key, g, number):
        if number == len(layers) - 1:
            step(layer, key, g, number)

    return _train(layers, loss, x, labels, steps, update)


def never_reaches_layer_0(layers, loss, x, labels, steps, lr, momentum):
    losses, v = [], {}
    for _ in range(steps):
        y, caches = x, []
        for layer in layers:
            y, c = layer.forward(y)
            caches.append(c)
        value, c = loss.forward(y, labels)
        losses.append(value)
        dy = loss.backward(c)
        for i in range(len(layers) - 1, 0, -1):
            dy, grads = layers[i].backward(dy, caches[i])
            for key, g in grads.items():
                v[i, key] = momentum * v.get((i, key), 0) - lr * g
                layers[i].params[key] += v[i, key]
    return np.array(losses)


def weights_only(layers, loss, x, labels, steps, lr, momentum):
    step = _momentum(lr, momentum)

    def update(layer, key, g, number):
        if key == "weight":
            step(layer, key, g, number)

    return _train(layers, loss, x, labels, steps, update)


def stale_caches(layers, loss, x, labels, steps, lr, momentum):
    step, losses, caches = _momentum(lr, momentum), [], []
    for _ in range(steps):
        y = x
        for layer in layers:
            y, cache = layer.forward(y)
            caches.append(cache)  # never emptied, so the first step's stay in front
        value, cache = loss.forward(y, labels)
        losses.append(value)
        dy = loss.backward(cache)
        for number in range(len(layers))[::-1]:
            dy, grads = layers[number].backward(dy, caches[number])
            for key, g in grads.items():
                step(layers[number], key, g, number)
    return np.array(losses)


def loss_afterwards(layers, loss, x, labels, steps, lr, momentum):
    step, losses = _momentum(lr, momentum), []
    for _ in range(steps):
        _train(layers, loss, x, labels, 1, step)
        y = x
        for layer in layers:
            y, _ = layer.forward(y)
        losses.append(loss.forward(y, labels)[0])
    return np.array(losses)


def forward_order(layers, loss, x, labels, steps, lr, momentum):
    y, caches = x, []
    for layer in layers:
        y, cache = layer.forward(y)
        caches.append(cache)
    value, cache = loss.forward(y, labels)
    dy = loss.backward(cache)
    for layer, cache in zip(layers, caches):
        dy, grads = layer.backward(dy, cache)
    return np.full(steps, value)


def one_picture(layers, loss, x, labels, steps, lr, momentum):
    return _train(layers, loss, x[:1], labels[:1], steps, _momentum(lr, momentum))


def softmax_first(layers, loss, x, labels, steps, lr, momentum):
    def softmax(y):
        e = np.exp(y - y.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    return _train(layers, loss, x, labels, steps, _momentum(lr, momentum), softmax)


def the_kinds_of_alexnet(in_shape, layers):
    H, W, C = in_shape
    shapes = []
    for layer in layers:
        if layer["kind"] in ("conv", "pool"):
            (kh, kw), s, p = layer["kernel"], layer["stride"], layer["pad"]
            H, W, C = 1 - (kh - H - 2 * p) // s, 1 - (kw - W - 2 * p) // s, layer.get("filters", C)
        elif layer["kind"] == "flatten":
            H, W, C = 1, 1, H * W * C
        elif layer["kind"] == "dense":
            H, W, C = 1, 1, layer["units"]
        elif layer["kind"] not in ("relu", "lrn", "dropout"):
            raise ValueError(layer["kind"])
        shapes.append((H, W, C))
    return np.array(shapes)


def flat_and_squeezed(x):
    return np.squeeze(x.reshape(len(x), -1))


def filters_alike(shapes, rng):
    return _params(shapes, lambda n, s: np.repeat(rng.normal(0, 0.01, (*s[:-1], 1)), s[-1], axis=-1), _ones_and_zeros)


def groups_alike(shapes, rng):
    def weight(n, shape):
        half = rng.normal(0, 0.01, (*shape[:-1], (shape[-1] + 1) // 2))
        return np.concatenate([half, half], axis=-1)[..., : shape[-1]]

    return _params(shapes, weight, _ones_and_zeros)


def half_mirrored(shapes, rng):
    def weight(n, shape):
        half = rng.normal(0, 0.01, (math.prod(shape) + 1) // 2)
        return np.concatenate([half, -half])[: math.prod(shape)].reshape(shape)

    return _params(shapes, weight, _ones_and_zeros)


def smoothed(shapes, rng):
    def weight(n, shape):
        z = rng.standard_normal(math.prod(shape) + 1)
        return (0.01 * (z[1:] + z[:-1]) / 2**0.5).reshape(shape)

    return _params(shapes, weight, _ones_and_zeros)


def tails_cut(shapes, rng):
    return _params(shapes, lambda n, s: rng.normal(0, 0.01, s).clip(-0.02, 0.02), _ones_and_zeros)


def laplace(shapes, rng):
    return _params(shapes, lambda n, s: rng.laplace(0, 0.01 / 2**0.5, s), _ones_and_zeros)


def off_centre(shapes, rng):
    return _params(shapes, lambda n, s: rng.normal(0.001, 0.01, s), _ones_and_zeros)


def conv3_wider(shapes, rng):
    params = _params(shapes, lambda n, s: rng.normal(0, 0.01, s), _ones_and_zeros)
    params["conv3.weight"] = 1.15 * params["conv3.weight"]
    return params


def one_draw_a_shape(shapes, rng):
    drawn = {shape: rng.normal(0, 0.01, shape) for shape in shapes.values()}
    return _params(shapes, lambda n, s: drawn[s].copy(), _ones_and_zeros)


def _biased(shapes, rng, bias):
    """bias: of an array of ones or zeros"""
    return _params(shapes, lambda n, s: rng.normal(0, 0.01, s), lambda n, s: bias(_ones_and_zeros(n, s)))


def biases_of_one_array(shapes, rng):
    made = {}
    return _biased(shapes, rng, lambda b: made.setdefault((len(b), b[0]), b))


def one_number_for_a_bias(shapes, rng):
    return _biased(shapes, rng, lambda b: np.broadcast_to(b[0], b.shape))


def whole_biases(shapes, rng):
    return _biased(shapes, rng, lambda b: b.astype(int))


def biases_in_lists(shapes, rng):
    return _biased(shapes, rng, list)


def one_velocity_a_shape(layers, loss, x, labels, steps, lr, momentum):
    velocity = {}

    def update(layer, key, g, number):
        velocity[g.shape] = momentum * velocity.get(g.shape, 0) - lr * g
        layer.params[key] += velocity[g.shape]

    return _train(layers, loss, x, labels, steps, update)


def trains_a_copy(layers, loss, x, labels, steps, lr, momentum):
    return _train(copy.deepcopy(layers), loss, x, labels, steps, _momentum(lr, momentum))


def no_last_update(layers, loss, x, labels, steps, lr, momentum):
    before = copy.deepcopy(layers)
    losses = _train(layers, loss, x, labels, steps, _momentum(lr, momentum))
    _train(before, loss, x, labels, steps - 1, _momentum(lr, momentum))
    for layer, kept in zip(layers, before):
        layer.params = kept.params
    return losses


# ---------------------------------------------------------------------------------------------- right but for a corner


def squeezed_maps(x):
    if x.shape[1:3] == (1, 1):
        return x.squeeze()
    return x.reshape(len(x), -1)


def room_for_128(x):
    y = np.zeros((max(128, len(x) // 128 * 128), x[0].size), x.dtype)
    for n in range(min(len(x), len(y))):
        y[n] = x[n].ravel()
    return y[: len(x)]


def until_it_is_learned(layers, loss, x, labels, steps, lr, momentum):
    velocity = [{key: np.zeros_like(w) for key, w in layer.params.items()} for layer in layers]
    losses = []
    while len(losses) < steps and (not losses or losses[-1] > 0.01):
        y, caches = x, []
        for layer in layers:
            y, cache = layer.forward(y)
            caches.append(cache)
        value, cache = loss.forward(y, labels)
        losses.append(float(value))
        dy = loss.backward(cache)
        for layer, cache, v in zip(layers[::-1], caches[::-1], velocity[::-1]):
            dy, grads = layer.backward(dy, cache)
            for key, g in grads.items():
                v[key] = momentum * v[key] - lr * g
                layer.params[key] += v[key]
    return np.array(losses)


MUTANTS = [
    ("12-shapes", "C8", floor_division),
    ("12-shapes", "C8", int_of_a_fraction),
    ("12-shapes", "C8", no_plus_one),
    ("12-shapes", "C8", no_padding),
    ("12-shapes", "C8", padding_once),
    ("12-shapes", "C8", rounds_to_nearest),
    ("12-shapes", "C8", divides_by_the_stride),
    ("12-shapes", "C7", kernel_width_for_height),
    ("12-shapes", "C7", square_kernels),
    ("12-shapes", "N1", filters_of_one_group),
    ("12-shapes", "N1", channels_never_change),
    ("12-shapes", "N2", pool_keeps_size),
    ("12-shapes", "F14", flatten_to_channels),
    ("12-shapes", "F14", flatten_left_out),
    ("12-shapes", "N3", shapes_that_go_in),
    ("12-shapes", None, floor_and_no_padding),
    ("12-shapes", "line-condition", the_kinds_of_alexnet),
    ("12-parameters", "N4", biases_forgotten),
    ("12-parameters", "N5", groups_forgotten),
    ("12-parameters", "N5", groups_twice),
    ("12-parameters", "N4", a_bias_a_place),
    ("12-parameters", "N4", a_bias_an_input),
    ("12-parameters", "N4", one_bias_a_layer),
    ("12-parameters", "N6", flat_filters),
    ("12-parameters", "C7", square_filters),
    ("12-parameters", "N7", unshared_filters),
    ("12-parameters", "F15", dense_from_channels),
    ("12-parameters", "F15", flattened_before_the_pool),
    ("12-parameters", "C8", counted_on_the_floor),
    ("12-parameters", "F15", dense_layers_skipped),
    ("12-parameters", "two: N5 + N4", no_biases_no_groups),
    ("12-work", "N5", work_without_groups),
    ("12-work", "N8", work_at_the_inputs_places),
    ("12-work", "N8", work_is_weights),
    ("12-work", "N9", work_with_biases),
    ("12-work", "ratio", flops),
    ("12-work", "N8", work_on_squares),
    ("12-work", "N6", work_of_one_filter),
    ("12-work", "F15", work_of_convolutions),
    ("12-work", None, work_without_groups_and_dense),
    ("12-flatten", "F1", channels_first),
    ("12-flatten", "F1", columns_first),
    ("12-flatten", "F1", fortran_order),
    ("12-flatten", "F2", batch_last),
    ("12-flatten", "F2", batch_last_and_turned),
    ("12-flatten", "F2", everything_flat),
    ("12-flatten", "F16", averaged),
    ("12-flatten", "F16", places_only),
    ("12-flatten", "C16", flat_in_float64),
    ("12-flatten", "two: line-part + F1", batch_reversed_channels_first),
    ("12-flatten", "line-call", flat_and_squeezed),
    ("12-initial", "I1", variance_for_deviation),
    ("12-initial", "I1", deviation_squared),
    ("12-initial", "I1", a_generator_a_layer),
    ("12-initial", "I14", own_generator),
    ("12-initial", "I1", all_zeros),
    ("12-initial", "I12", uniform),
    ("12-initial", "I12", positive),
    ("12-initial", "I12", he),
    ("12-initial", "I1", biases_all_zero),
    ("12-initial", "I1", biases_all_one),
    ("12-initial", "I1", ones_in_every_dense_layer),
    ("12-initial", "I1", drawn_biases),
    ("12-initial", "I13", a_bias_an_input_channel),
    ("12-initial", "I13", weights_alone),
    ("12-initial", "I15", filters_alike),
    ("12-initial", "I15", groups_alike),
    ("12-initial", "I15", half_mirrored),
    ("12-initial", "I15", smoothed),
    ("12-initial", "I12", tails_cut),
    ("12-initial", "I12", laplace),
    ("12-initial", "I12", off_centre),
    ("12-initial", "I12", conv3_wider),
    ("12-initial", "I1", one_draw_a_shape),
    ("12-initial", "I16", biases_of_one_array),
    ("12-initial", "I16", one_number_for_a_bias),
    ("12-initial", "I13", whole_biases),
    ("12-initial", "I13", biases_in_lists),
    ("12-overfit", "O6", rebinds),
    ("12-overfit", "N10", uphill),
    ("12-overfit", "N10", plain_descent),
    ("12-overfit", "O3", average_of_gradients),
    ("12-overfit", "O5", moves_before_it_knows),
    ("12-overfit", "N10", piles_up),
    ("12-overfit", "S4", divides_again),
    ("12-overfit", "S4", times_the_batch),
    ("12-overfit", "N11", last_layer_only),
    ("12-overfit", "N11", never_reaches_layer_0),
    ("12-overfit", "N11", weights_only),
    ("12-overfit", "N12", stale_caches),
    ("12-overfit", "N13", loss_afterwards),
    ("12-overfit", None, forward_order),
    ("12-overfit", "N14", one_picture),
    ("12-overfit", "S6", softmax_first),
    ("12-overfit", "N16", one_velocity_a_shape),
    ("12-overfit", "N15", trains_a_copy),
    ("12-overfit", "N15", no_last_update),
    ("12-flatten", "one", squeezed_maps),
    ("12-flatten", "many", room_for_128),
    ("12-overfit", "case", until_it_is_learned),
]
