"""Checks around training: pictures that fit the model, and where a number that is not finite began."""

from tinyalex.backend import Array, array_module
from tinyalex.data.dataset import Dataset
from tinyalex.errors import UserError
from tinyalex.models import MODELS, Model
from tinyalex.network import Network


def check_fit(dataset: Dataset, model: Model) -> None:
    """UserError if the pictures do not have the size that the model takes."""
    if dataset.size != model.size:
        others = [other.name for other in MODELS.values() if other.size == dataset.size]
        instead = f", or choose the model {' or '.join(others)}" if others else ""
        raise UserError(
            f"{model.name} expects pictures of {model.size} pixels, {dataset.name} has {dataset.size}; "
            f"prepare it again with --size {model.size}{instead}",
            "model",
        )


def first_not_finite(network: Network, x: Array) -> str:
    """Words for where a NaN or infinity first appears in a forward pass as at test time, or "" if nowhere.

    The place is the input, an array, or a layer's output.
    """
    xp = array_module(x)
    if not bool(xp.isfinite(x).all()):
        return "the input pictures"
    for sequence in (network.features, network.classifier):
        for layer in sequence.layers.values():
            for key, array in (layer.params | layer.state).items():
                if not bool(xp.isfinite(array).all()):
                    return f"the {key} of {layer.label}"
            x, _ = layer.forward(x)
            if not bool(xp.isfinite(x).all()):
                return f"the output of {layer.label}"
    return ""
