"""A run to serve, and another one with the same classes; both know almost nothing."""

import pytest

from tests.tiny_runs import train_mini
from tests.training.test_training import write_easy


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """{"first", "second": run folders; "data": what they were trained on}"""
    folder = tmp_path_factory.mktemp("serving")
    data = write_easy(folder / "data", 48, 30)
    return {
        "data": data,
        "first": train_mini(folder / "first", data),
        "second": train_mini(folder / "second", data, seed=1),
    }
