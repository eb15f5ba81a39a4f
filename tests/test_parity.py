"""Training against PyTorch: twenty steps of the same nets from the same weights, running statistics included."""

import numpy as np
import pytest

from tests.checks import agree
from tinyalex.models.resnet import cifar
from tinyalex.models.vgg import vgg_small
from tinyalex.network import Network
from tinyalex.optim import SGD, initialise
from tinyalex.training.loss import TrackedLoss
from tinyalex.training.step import training_step
from tinyalex.variations import vary

STEPS, BATCH, MOMENTUM, DECAY = 20, 4, 0.9, 1e-3
AXES = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}  # of PyTorch's weights, for ours
NETS = {  # on small pictures, so that it is quick; without dropout, which draws other numbers there
    "vgg-small+bn": (lambda: vary(*vgg_small(10), (16, 16, 3), ["bn", "no-dropout"]), 16, 0.01),
    "resnet20": (lambda: cifar(20)(10), 12, 0.05),
}


def trained_by_torch(twin, batches, lr):
    """([parameters], [running statistics]) of the twin after these steps, in our order of axes."""
    import torch

    optimiser = torch.optim.SGD(twin.parameters(), lr, MOMENTUM, weight_decay=DECAY)
    for x, labels in batches:
        optimiser.zero_grad()
        scores = twin(torch.tensor(x.transpose(0, 3, 1, 2).copy()))
        torch.nn.functional.cross_entropy(scores, torch.tensor(labels)).backward()
        optimiser.step()
    counted = [array for name, array in twin.named_buffers() if name.endswith("num_batches_tracked")]
    assert all(count == STEPS for count in counted)
    arrays = [array for name, array in twin.named_buffers() if "running" in name]
    return [[a.detach().numpy().transpose(AXES[a.ndim]) for a in some] for some in (twin.parameters(), arrays)]


@pytest.fixture
def one_thread():
    """Two for such small arrays would mostly wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.torch
@pytest.mark.parametrize("name", NETS)
def test_twenty_steps_in_float64(name, one_thread):
    from tinyalex.exchange.torch import torch_twin

    layers, side, lr = NETS[name]
    network = Network(*layers(), (side, side, 3), name)
    initialise(network, "he", 3)
    network.map_arrays(lambda a: a.astype(np.float64))
    rng = np.random.default_rng(0)
    batches = [(rng.standard_normal((BATCH, side, side, 3)), rng.integers(0, 10, BATCH)) for _ in range(STEPS)]
    params, state = trained_by_torch(torch_twin(network), batches, lr)
    before = {key: a.copy() for key, a in (network.params | network.state).items()}
    optimiser, loss = SGD(network.params, MOMENTUM, DECAY), TrackedLoss()
    for x, labels in batches:
        training_step(network, loss, optimiser, x, labels, None, lr)
    assert len(params) == len(network.params) and len(state) == len(network.state)
    for (key, found), expected in zip([*network.params.items(), *network.state.items()], [*params, *state]):
        agree(found, expected, key, rtol=0, atol=1e-10)
        assert np.abs(found - before[key]).max() > 1e-4 or key.endswith(".bias"), f"{key} has not moved"
