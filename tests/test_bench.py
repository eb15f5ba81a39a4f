"""The benchmark measures what it says: whole steps, in turns, and the other side is really the same network."""

import numpy as np
import pytest

from tests.checks import agree
from tinyalex import bench
from tinyalex.backend import random_stream
from tinyalex.models import MODELS
from tinyalex.optim import initialise


def test_a_step_is_a_whole_step():
    """Forward, backward and update: every parameter has moved afterwards."""
    model = MODELS["alexnet-small"]
    network = model.build(5)
    initialise(network, "he", 0, model.input_rms)
    before = {name: param.copy() for name, param in network.params.items()}
    x = random_stream(1).standard_normal((3, *network.in_shape), dtype="float32") * model.input_rms
    bench.training_step(network, x, np.array([0, 2, 4]), np)()
    still = [name for name, param in network.params.items() if (param == before[name]).all()]
    assert not still


def test_figures(monkeypatch):
    """Medians over rounds, from a clock and a PyTorch side that are given here."""
    ours, theirs = iter([2.0, 1.0, 8.0]), iter([9.9, 6.0, 2.0, 8.0])  # its first step warms up

    class Peer:
        def __init__(self, *arguments):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def step(self):
            return next(theirs)

    monkeypatch.setattr(bench, "TorchProcess", Peer)
    monkeypatch.setattr(bench, "_seconds", lambda step: next(ours))
    result = bench.measure(MODELS["alexnet-small"], 4, 3, np, with_torch=True, classes=5, quiet=True)
    assert result["train_images_per_s"] == 4 / 2.0
    assert (result["ratio_low"], result["train_ratio"], result["ratio_high"]) == (1.0, 2.0, 3.0)
    assert result["torch_train_images_per_s"] == 1.0
    assert result["peak_memory_bytes"] > 1 << 20


@pytest.mark.torch
@pytest.mark.parametrize("name", ["alexnet-small", "alexnet-32"])
def test_the_twin_gives_the_same_scores(name):
    """At test time: PyTorch's dropout is inverted, so its halves stand in the weights behind."""
    import torch

    from tinyalex.peer import torch_twin

    network = MODELS[name].build(7)
    initialise(network, "he", 3)
    x = random_stream(2).standard_normal((2, *network.in_shape), dtype="float32")
    twin = torch_twin(network).eval()
    for module, after in zip(twin, list(twin)[1:]):
        if isinstance(module, torch.nn.Dropout):
            after.weight.data *= 0.5
    scores = twin(torch.tensor(x.transpose(0, 3, 1, 2).copy())).detach().numpy()
    agree(network.predict(x), scores, "scores", rtol=1e-4, atol=1e-5)


@pytest.mark.torch
@pytest.mark.slow
def test_pytorch_steps_in_a_process_of_its_own():
    from tinyalex.peer import TorchProcess

    with TorchProcess(MODELS["alexnet-small"], 5, batch=2, threads=1, device="cpu") as theirs:
        assert theirs.step() > 0 and theirs.step() > 0
    assert not theirs.process.is_alive()
