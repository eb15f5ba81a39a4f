"""The same code gives the same results on a GPU as on the CPU. Skipped without CuPy or a device."""

from itertools import islice

import numpy as np
import pytest

from tests.conftest import REHEARSED
from tests.gpu.steps import train
from tinyalex.backend import random_stream, to_device, to_host
from tinyalex.data.augment import View
from tinyalex.probes import check_everything

pytestmark = pytest.mark.gpu
NETWORKS = ["alexnet-mini", "resnet-mini"] if REHEARSED else ["alexnet-small", "alexnet-32", "vgg-small+bn", "resnet20"]


def test_every_gradient_is_right_on_the_device(gpu):
    everything = islice(check_everything(gpu), 3 if REHEARSED else None)
    wrong = [(str(layer), check) for layer, checks in everything for check in checks if not check.right]
    assert not wrong


@pytest.mark.parametrize("name", NETWORKS)
def test_training_steps_agree_with_the_cpu(gpu, name, monkeypatch):
    """Losses, gradients, weights and state of five steps in float64, from equal weights, with equal draws."""
    monkeypatch.setattr("tinyalex.network.PIECES", 1)  # a batch in pieces would draw otherwise than a whole one
    (right, arrays), (losses, arrays2) = train(name, np), train(name, gpu)
    np.testing.assert_allclose(losses, right, rtol=1e-9)
    for key, cpu in arrays.items():
        np.testing.assert_allclose(arrays2[key], cpu, rtol=1e-6, atol=1e-9, err_msg=key)


def test_augmentation_agrees_with_the_cpu(gpu):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    mean = rng.uniform(0, 255, (64, 64, 3)).astype(np.float32)
    vectors = np.linalg.qr(rng.standard_normal((3, 3)))[0].astype(np.float32)
    view = View(56, 1 / 64, mean, np.array([0.2, 0.02, 0.004], np.float32), vectors)
    for look in ("centre", "ten", "random"):
        arguments = [random_stream(4)] if look == "random" else []
        on_cpu = getattr(view, look)(pictures, *arguments)
        arguments = [random_stream(4)] if look == "random" else []
        on_gpu = getattr(view.to(gpu), look)(to_device(pictures, gpu), *arguments)
        np.testing.assert_allclose(to_host(on_gpu), on_cpu, rtol=1e-5, atol=1e-5)
