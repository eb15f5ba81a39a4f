"""One step of training: forward, loss, backward, update."""

from typing import Any

from tinyalex.backend import Array
from tinyalex.data.mixing import MixedLabels
from tinyalex.layers import Layer
from tinyalex.layers.base import Grads
from tinyalex.optim import SGD


def training_step(
    network: Layer, loss: Any, optimiser: SGD, x: Array, labels: Array | MixedLabels, rng: Any, lr: float
) -> tuple[Any, Grads]:
    """Train a network on one batch, in place; (what forward kept, the gradients), for those who look at the layers.

    loss: a `tinyalex.training.loss.TrackedLoss`;  x: (N, H, W, C);  labels: integers (N,), or `MixedLabels`
    rng: the generator for layers that draw;  lr: the rate
    """
    scores, cache = network.forward(x, train=True, rng=rng)
    dscores = loss.gradient(scores, labels)
    _, grads = network.backward(dscores, cache, input_grad=False)
    optimiser.step(grads, lr)
    network.absorb(network.observe(cache))
    return cache, grads
