"""Every layer at its real size on a GPU against float64 on the CPU, and a large batch against its parts."""

import numpy as np
import pytest

from tests.conftest import REHEARSED
from tests.gpu.relative import close
from tinyalex.backend import allow_tf32, random_stream, to_device, to_host
from tinyalex.models import find_model
from tinyalex.optim import initialise

pytestmark = pytest.mark.gpu
PICTURES = {"alexnet-mini": 2} if REHEARSED else {"alexnet": 16, "resnet18": 8, "vgg11": 2}
BATCH = 8 if REHEARSED else 512
FLOAT32, TF32 = 1e-5, 2e-3  # of the norm; TF32's factors have 11 digits, and a sum of such products errs by about 3e-4


def different_layers(name):
    """(layer, shape of a picture) of every kind and size in a network, once each."""
    network = find_model(name).build(1000)
    initialise(network, "he", 0)
    return {(str(layer), shape): (layer, shape) for _, layer, shape, _ in network.shapes()}.values()


@pytest.mark.parametrize("name", PICTURES)
def test_every_layer_at_its_real_size(gpu, name):
    for layer, shape in different_layers(name):
        x = random_stream(1, str(layer)).standard_normal((PICTURES[name], *shape), dtype="float32")
        dy = random_stream(2).standard_normal((len(x), *layer.out_shape(shape)), dtype="float32")
        expected = results(layer, x.astype("float64"), dy.astype("float64"))
        layer.map_arrays(gpu.asarray)
        for tf32 in (False, True) if layer.multiply_adds(shape) else (False,):
            allow_tf32(tf32, gpu)
            try:
                found = results(layer, gpu.asarray(x), gpu.asarray(dy))
            finally:
                allow_tf32(False, gpu)
            for what, array in found.items():
                assert array.dtype == "float32"
                words = f"{layer} of {name}, x {x.shape}, {'TF32' if tf32 else 'float32'}: {what}"
                close(array, expected[what], words, TF32 if tf32 else FLOAT32)


def results(layer, x, dy):
    """y, dx and the parameters' gradients in training, with equal draws."""
    y, cache = layer.forward(x, train=True, rng=random_stream(3))
    dx, grads = layer.backward(dy, cache)
    return {"y": y, "dx": dx} | {f"d{name}": grad for name, grad in grads.items()}


def test_a_large_batch_is_its_parts(gpu):
    """Scores and gradients in float64, where no ReLU chooses otherwise for rounding; no layer here mixes pictures."""
    network = find_model("alexnet-mini" if REHEARSED else "alexnet").build(100)
    initialise(network, "he", 0)
    network.map_arrays(lambda a: to_device(a.astype("float64"), gpu))
    x = gpu.asarray(random_stream(1).standard_normal((BATCH, *network.in_shape), dtype="float32"))
    x, dy = x.astype("float64"), gpu.asarray(random_stream(2).standard_normal((BATCH, 100)))
    scores, grads = scores_and_gradients(network, x, dy)
    part = BATCH // 4
    for begin in range(0, BATCH, part):
        own = slice(begin, begin + part)
        some, parts = scores_and_gradients(network, x[own], dy[own])
        close(some, to_host(scores[own]), f"scores of pictures {begin} to {begin + part}", 1e-12)
        for name in grads:
            grads[name] -= parts[name]
    for name, rest in grads.items():
        norm = float(np.linalg.norm(to_host(parts[name])))
        assert float(np.linalg.norm(to_host(rest))) <= 1e-10 * norm, f"d{name} is not the sum over four parts"


def scores_and_gradients(network, x, dy):
    scores, cache = network.forward(x)
    return scores, network.backward(dy, cache, input_grad=False)[1]
