"""Checks around training: pictures that fit the model, and where a number that is not finite began."""

from tinyalex.backend import Array, array_module
from tinyalex.data import Outline
from tinyalex.data.dataset import Dataset
from tinyalex.errors import UserError
from tinyalex.models import MODELS, Model
from tinyalex.network import Network
from tinyalex.runs.config import Config
from tinyalex.runs.trained import begin_with
from tinyalex.terminal import option
from tinyalex.training.freezing import freeze, layers_to_start_with
from tinyalex.training.schedules import LayerRates


def check_settings(config: Config, data: Outline) -> None:
    """UserError for settings that do not fit the network or the data, before any picture is drawn or read.

    The run to start from is tried on a network of its own, which costs seconds only for the largest.
    """
    model = config.find_model()
    check_fit(data, model)
    if config.layer_lr or config.start_from or config.freeze:
        network = model.build(len(data.class_ids))
        freeze(network, config.freeze)
        LayerRates.of(config.layer_lr, network.params)
        if config.start_from:
            layers = layers_to_start_with(network, config.start_up_to)
            try:
                begin_with(
                    network, config.start_from, data.class_ids, part=lambda arrays: arrays, quiet=True, layers=layers
                )
            except UserError as error:
                raise UserError(str(error), "start_from") from None


def check_fit(dataset: Dataset | Outline, model: Model) -> None:
    """UserError if the pictures do not have the size that the model takes."""
    if dataset.size != model.size:
        others = [other.name for other in MODELS.values() if other.size == dataset.size]
        instead = f", or choose the model {' or '.join(others)}" if others else ""
        raise UserError(
            f"{model.name} expects pictures of {model.size} pixels, {dataset.name} has {dataset.size}; "
            f"prepare it again with {option('size', model.size)}{instead}",
            "model",
        )


def first_not_finite(network: Network, x: Array) -> str:
    """Words for where a NaN or infinity first appears in a forward pass as at test time, or "" if nowhere.

    The place is the input, an array, or a layer's output.
    """
    xp = array_module(x)
    if not bool(xp.isfinite(x).all()):
        return "the input pictures"
    for layer, y in network.trace(x):
        for key, array in (layer.params | layer.state | {"output": y}).items():
            if not bool(xp.isfinite(array).all()):
                return f"the {key} of {layer.label}"
    return ""
