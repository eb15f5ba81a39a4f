"""Speed, side by side: our training step and PyTorch's on the same network, taken in turns, medians of ratios.

Machines that others share drift by a factor of two within minutes, so a lone absolute time says little. Here each
round times both sides one after the other, and what is reported is the median over rounds.
"""

import resource
import statistics
import sys
import time
from contextlib import nullcontext

import numpy as np

from tinyalex.backend import random_stream, synchronize, thread_count, to_device
from tinyalex.layers import SoftmaxCrossEntropy
from tinyalex.optim import SGD, initialise
from tinyalex.peer import TorchProcess
from tinyalex.progress import progress_bar

LR = 1e-4  # small, so that weights stay sane over any number of steps


def training_step(network, x, labels, xp):
    """A function that takes one whole training step: forward, loss, backward, update."""
    loss, optimiser = SoftmaxCrossEntropy(), SGD(network.params)

    def step():
        logits, cache = network.forward(x, train=True, rng=random_stream(0, xp=xp))
        _, loss_cache = loss.forward(logits, labels)
        _, grads = network.backward(loss.backward(loss_cache), cache, input_grad=False)
        optimiser.step(grads, LR)
        synchronize(xp)

    return step


def measure(model, batch, rounds, xp, with_torch, classes=1000, quiet=False):
    """Training speed of one model, beside PyTorch's if `with_torch`; a dict for --json."""
    network = model.build(classes)
    initialise(network, "he", 0, model.input_rms)
    network.map_params(lambda p: to_device(p, xp))
    x = random_stream(0, "pictures").standard_normal((batch, *network.in_shape), dtype="float32")
    ours = training_step(network, to_device(x, xp), to_device(np.arange(batch) % classes, xp), xp)
    device = "cpu" if xp is np else "cuda"
    peer = TorchProcess(model, classes, batch, thread_count(), device) if with_torch else nullcontext()
    times, ratios = [], []
    with peer as theirs, progress_bar(rounds, f"bench {model.name}", unit="rounds", quiet=quiet) as bar:
        ours()  # the first steps also make buffers and, on a device, compile
        if theirs:
            theirs.step()
        for _ in range(rounds):
            times.append(_seconds(ours))
            if theirs:
                ratios.append(theirs.step() / times[-1])
            bar.update(1)
    median = statistics.median(times)
    result = {
        "model": model.name, "batch": batch, "rounds": rounds, "threads": thread_count(), "device": device,
        "train_images_per_s": batch / median,
        "gflops": 6 * network.multiply_adds(network.in_shape) * batch / median / 1e9,
        "peak_memory_bytes": _resident_peak(),
    }  # fmt: skip
    if ratios:
        ratio = statistics.median(ratios)
        result |= {"train_ratio": ratio, "ratio_low": min(ratios), "ratio_high": max(ratios)}
        result |= {"torch_train_images_per_s": result["train_images_per_s"] / ratio}
    return result


def _seconds(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def _resident_peak():
    """The largest resident size this process ever had, in bytes (the system counts in KiB, macOS in bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
