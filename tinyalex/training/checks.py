"""Checks around training: pictures that fit the model, and where a number that is not finite began."""

from tinyalex.backend import array_module
from tinyalex.errors import UserError
from tinyalex.models import MODELS


def check_fit(dataset, model):
    """UserError where the pictures have not the size that the model takes."""
    if dataset.size != model.size:
        others = [other.name for other in MODELS.values() if other.size == dataset.size]
        instead = f", or choose --model {' or '.join(others)}" if others else ""
        raise UserError(
            f"--model {model.name}: expected pictures of {model.size} pixels, {dataset.name} has {dataset.size}; "
            f"prepare it again with --size {model.size}{instead}"
        )


def first_not_finite(network, x):
    """Words for where a NaN or infinity first appears in a forward pass: the input, some weights, or a layer's output."""
    xp = array_module(x)
    if not bool(xp.isfinite(x).all()):
        return "the input pictures"
    for sequence in (network.features, network.classifier):
        for layer in sequence.layers.values():
            for key, param in layer.params.items():
                if not bool(xp.isfinite(param).all()):
                    return f"the {key} of {layer.label}"
            x, _ = layer.forward(x)
            if not bool(xp.isfinite(x).all()):
                return f"the output of {layer.label}"
    return "the loss itself"
