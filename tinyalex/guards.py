"""What keeps a run from doing harm: pictures that fit the model, losses that are numbers, signals between steps."""

import signal
import threading
from contextlib import contextmanager

from tinyalex.backend import array_module
from tinyalex.errors import UserError
from tinyalex.models import MODELS
from tinyalex.progress import say


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


class _Stop:
    asked = False


@contextmanager
def stop_signals(quiet=False):
    """Turn the first Ctrl-C or SIGTERM into a wish that is granted between steps, never within one; a second one ends.

    Signals can be caught in the main thread only; elsewhere nothing is changed.
    """
    stop = _Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number, frame):
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True
        say("stopping after this step and saving (once more to stop at once)", quiet)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
