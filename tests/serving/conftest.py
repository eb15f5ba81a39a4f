"""A run to serve, and another network of the same classes."""

import numpy as np
import pytest

from tests.tiny_runs import altered, train_mini
from tests.training.test_training import write_easy
from tinyalex.runs.checkpoint import load_checkpoint


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """{"first": a run folder, "second": a checkpoint that answers otherwise, "data": what it was trained on}"""
    folder = tmp_path_factory.mktemp("serving")
    data = write_easy(folder / "data", 48, 30)
    first = train_mini(folder / "first", data)
    return {"data": data, "first": first, "second": stirred(first, folder / "second.safetensors")}


def stirred(run, path, seed=0):
    """A copy of a run's checkpoint whose last layer is another one."""
    rng, params = np.random.default_rng(seed), load_checkpoint(run / "best.safetensors").params
    weight = rng.permutation(params["fc8.weight"], axis=1)
    return altered(run, path, params | {"fc8.weight": weight * np.float32(rng.uniform(0.5, 1))})
