"""Lesson 12: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import math

import numpy as np


def trace_shapes(in_shape, layers):
    H, W, C = in_shape
    shapes = []
    for layer in layers:
        if layer["kind"] in ("conv", "pool"):
            (kh, kw), stride, pad = layer["kernel"], layer["stride"], layer["pad"]
            H = 1 + int(np.ceil((H + 2 * pad - kh) / stride))
            W = 1 + int(np.ceil((W + 2 * pad - kw) / stride))
            C = layer.get("filters", C)  # pooling has none, and keeps the channels
        elif layer["kind"] == "flatten":
            H, W, C = 1, 1, H * W * C
        elif layer["kind"] == "dense":
            H, W, C = 1, 1, layer["units"]
        shapes.append((H, W, C))
    return np.array(shapes)


def trace_shapes_by_counting(in_shape, layers):
    """Count places from the first until the window has seen the last pixel."""

    def places(size, kernel, stride, pad):
        n = 1
        while (n - 1) * stride + kernel < size + 2 * pad:
            n += 1
        return n

    def out_shape(shape, layer):
        if layer["kind"] in ("conv", "pool"):
            sizes = [places(n, k, layer["stride"], layer["pad"]) for n, k in zip(shape, layer["kernel"])]
            return (*sizes, layer["filters"] if layer["kind"] == "conv" else shape[2])
        return {"flatten": (1, 1, math.prod(shape)), "dense": (1, 1, layer.get("units"))}.get(layer["kind"], shape)

    shapes = [in_shape]
    for layer in layers:
        shapes.append(out_shape(shapes[-1], layer))
    return np.array(shapes[1:])


def count_parameters(in_shape, layers):
    weights, biases = np.zeros(len(layers), int), np.zeros(len(layers), int)
    H, W, C = in_shape
    for i, (layer, out_shape) in enumerate(zip(layers, trace_shapes(in_shape, layers))):
        if layer["kind"] == "conv":
            kh, kw = layer["kernel"]
            weights[i] = kh * kw * (C // layer["groups"]) * layer["filters"]
            biases[i] = layer["filters"]
        elif layer["kind"] == "dense":
            weights[i], biases[i] = H * W * C * layer["units"], layer["units"]
        H, W, C = out_shape
    return weights, biases


def count_parameters_of_arrays(in_shape, layers):
    """List the shapes of the weight arrays, group by group, and count their entries."""
    before = [in_shape, *trace_shapes_by_counting(in_shape, layers)]
    weights, biases = [], []
    for shape, layer in zip(before, layers):
        sizes, outputs = [], 0
        if layer["kind"] == "conv":
            g = layer["groups"]
            sizes = [(*layer["kernel"], int(shape[2]) // g, layer["filters"] // g)] * g
            outputs = layer["filters"]
        if layer["kind"] == "dense":
            sizes, outputs = [(int(np.prod(shape)), layer["units"])], layer["units"]
        weights.append(sum(map(math.prod, sizes)))
        biases.append(outputs)
    return [np.array(weights), np.array(biases)]


def count_work(in_shape, layers):
    shapes = trace_shapes(in_shape, layers)
    weights, _ = count_parameters(in_shape, layers)
    places = shapes[:, 0] * shapes[:, 1]  # 1 for a dense layer
    return weights * places


def count_work_by_loops(in_shape, layers):
    """For every output, count the inputs in its sum."""
    before, work = in_shape, []
    for layer, after in zip(layers, trace_shapes_by_counting(in_shape, layers)):
        in_the_sum = 0
        if layer["kind"] == "conv":
            in_the_sum = layer["kernel"][0] * layer["kernel"][1] * before[2] // layer["groups"]
        elif layer["kind"] == "dense":
            in_the_sum = before[0] * before[1] * before[2]
        work.append(int(after[0]) * int(after[1]) * int(after[2]) * int(in_the_sum))
        before = after
    return np.array(work)


def flatten(x):
    return x.reshape(len(x), -1)


def flatten_by_hand(x):
    N, H, W, C = x.shape
    y = np.empty((N, H * W * C), x.dtype)
    for h in range(H):
        for w in range(W):
            for c in range(C):
                y[:, (h * W + w) * C + c] = x[:, h, w, c]
    return y


def flatten_each(x):
    return np.stack([picture.ravel() for picture in x])


def initial(shapes, rng):
    params = {}
    for name, shape in shapes.items():
        start = 1.0 if name in ("conv2", "conv4", "conv5", "fc6", "fc7") else 0.0
        params[f"{name}.weight"] = rng.normal(0, 0.01, shape)
        params[f"{name}.bias"] = np.full(shape[-1], start)
    return params


def initial_in_float32(shapes, rng):
    weights = {f"{n}.weight": (0.01 * rng.standard_normal(s)).astype(np.float32) for n, s in shapes.items()}
    biases = {f"{n}.bias": np.zeros(s[-1], np.float32) for n, s in shapes.items()}
    for n in shapes:
        if n[0] == "c" and n[-1] in "245" or n[-1] in "67":
            biases[f"{n}.bias"] += 1
    return weights | biases


def overfit(layers, loss, x, labels, steps, lr, momentum):
    velocity = [{key: np.zeros_like(w) for key, w in layer.params.items()} for layer in layers]
    losses = []
    for _ in range(steps):
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


def overfit_in_two_passes(layers, loss, x, labels, steps, lr, momentum):
    """All gradients first, then all updates."""
    velocity, losses = {}, np.zeros(steps)
    for step in range(steps):
        y, stack = x, []
        for number, layer in enumerate(layers):
            y, cache = layer.forward(y)
            stack.append((number, layer, cache))
        losses[step], cache = loss.forward(y, labels)
        dy, gradients = loss.backward(cache), {}
        while stack:
            number, layer, cache = stack.pop()
            dy, grads = layer.backward(dy, cache)
            gradients |= {(number, key): g for key, g in grads.items()}
        for (number, key), g in gradients.items():
            velocity[number, key] = momentum * velocity.get((number, key), 0) - lr * g
            layers[number].params[key] = layers[number].params[key] + velocity[number, key]
    return losses


SOLUTIONS = {
    "12-shapes": [trace_shapes, trace_shapes_by_counting],
    "12-parameters": [count_parameters, count_parameters_of_arrays],
    "12-work": [count_work, count_work_by_loops],
    "12-flatten": [flatten, flatten_by_hand, flatten_each],
    "12-initial": [initial, initial_in_float32],
    "12-overfit": [overfit, overfit_in_two_passes],
}
