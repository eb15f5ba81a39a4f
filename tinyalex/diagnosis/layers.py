"""Faults of the network itself: weights that are no numbers, frozen layers, units that never fire."""

import numpy as np

from tinyalex.backend import to_host
from tinyalex.composite import layer_of
from tinyalex.diagnosis import limits
from tinyalex.diagnosis.fault import Fault
from tinyalex.errors import UserError
from tinyalex.inspection.health import dead_relus
from tinyalex.optim import initialise
from tinyalex.runs.trained import begin_with
from tinyalex.training.freezing import layers_to_start_with
from tinyalex.training.health import DEAD


def not_numbers(patient):
    """Whether weights are NaN or infinite."""
    for name, array in patient.trained.network.params.items():
        if not (finite := np.isfinite(to_host(array))).all():
            return Fault(
                "the network's weights are not numbers",
                f"{(~finite).sum():,} of {finite.size:,} numbers of {name} are NaN or infinite",
                f"train anew: {patient.again()}" if patient.config.data else "import the network again",
            )
    return None


def frozen(patient):
    """Whether layers still have their random first weights."""
    if not patient.epochs or not patient.config.data:
        return None
    start, random = _start(patient)
    if start is None:
        return None
    weights = {name: array for name, array in patient.trained.network.params.items() if array.ndim > 1}
    same = {layer_of(name) for name, array in weights.items() if np.array_equal(to_host(array), start[name])}
    still, (why, changes) = [layer for layer in map(layer_of, weights) if layer in same & random], _why(patient.config)
    if not still or len(still) == len(weights) and not changes:  # then the rate may be too low to move any
        return None
    epoch = patient.trained.info["state"]["epoch"]
    return Fault(
        "layers are frozen at their random first weights",
        f"{', '.join(still)}: equal to the first weights, to the bit, after epoch {epoch}{why}",
        f"let them learn: {patient.again(**changes)}",
    )


def _start(patient):
    """({parameter: its first value}, the layers whose first weights were random); (None, empty) if that is unknown."""
    config, model = patient.config, patient.config.find_model()
    network = model.build(len(patient.trained.info["class_ids"]))
    initialise(network, config.init, config.seed, model.input_rms, config.bias_init)
    random = {name: array.copy() for name, array in network.params.items()}
    if config.start_from:
        try:
            layers, class_ids = layers_to_start_with(network, config.start_up_to), patient.trained.info["class_ids"]
            begin_with(network, patient.started_from, class_ids, lambda arrays: arrays, True, layers)
        except UserError:
            return None, set()
    started = [name for name, array in network.params.items() if np.array_equal(array, random[name])]
    return network.params, set(map(layer_of, started))


def _why(config):
    """(words for the settings that do it, those that undo it)."""
    undo = {"freeze": "", "layer_lr": "", "head_lr": 1.0, "thaw": 0}
    set_ = {name: getattr(config, name) for name in undo if getattr(config, name) != undo[name]}
    words = ", ".join(f"--{name.replace('_', '-')} {value}" for name, value in set_.items())
    return (f" ({words})" if words else ""), {name: undo[name] for name in set_}


def dead(patient):
    """Whether most units of a layer give 0 for every picture."""
    rows = patient.rows["train"][: limits.LOOKED_THROUGH]
    counts = dead_relus(patient.trained.network, patient.data.train, patient.view, patient.xp, rows)
    layers = {name: both for name, both in counts.items() if both[0] > DEAD * both[1]}
    if not layers:
        return None
    told = ", ".join(f"{name} {count} of {units}" for name, (count, units) in layers.items())
    config = patient.config
    changes = {"bias_init": 0.0} if config.bias_init < 0 else {"lr": min(config.lr / 4, config.find_model().lr)}
    return Fault(
        "most units of a layer are dead",
        f"{told} units give 0 for each of {len(rows)} training pictures",
        patient.again(**changes) if patient.trainable else "import the network again, with the right pictures",
    )
