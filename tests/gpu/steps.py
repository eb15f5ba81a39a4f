"""A few steps of training, the same on every library."""

import numpy as np

from tinyalex.backend import random_stream, to_device, to_host
from tinyalex.layers import SoftmaxCrossEntropy
from tinyalex.models import find_model
from tinyalex.optim import SGD, initialise


def train(name, xp, dtype=np.float64, pictures=8, steps=5):
    """(losses, {"gradient conv1.weight": array, "conv1.weight": array, …}) of model `name`, after `steps` steps."""
    network, loss = find_model(name).build(10), SoftmaxCrossEntropy()
    initialise(network, "he", seed=1)
    network.map_arrays(lambda p: to_device(p.astype(dtype), xp))
    optimiser, losses, grads = SGD(network.params), [], {}
    labels = to_device(np.arange(pictures) % 10, xp)
    for step in range(steps):
        pixels = random_stream(2, step).standard_normal((pictures, *network.in_shape)).astype(dtype)
        # Draws on the host: equal dropout masks
        logits, cache = network.forward(to_device(pixels, xp), train=True, rng=random_stream(3, step))
        value, loss_cache = loss.forward(logits, labels)
        _, grads = network.backward(loss.backward(loss_cache), cache, input_grad=False)
        optimiser.step(grads, 0.01)
        network.absorb(network.observe(cache))
        losses.append(value.item())
    learnt = {f"gradient {key}": grad for key, grad in grads.items()} | network.params | network.state
    return losses, to_host(learnt)
