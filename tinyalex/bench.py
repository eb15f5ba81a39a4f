"""Speed, side by side: our training step and PyTorch's on the same network, taken in turns, medians of ratios.

Machines that others share drift by a factor of two within minutes, so a lone absolute time says little. Here each
round times both sides one after the other, and what is reported is the median over rounds.
"""

import resource
import statistics
import sys
import time

import numpy as np

from tinyalex.backend import random_stream, synchronize, thread_count, to_device
from tinyalex.layers import SoftmaxCrossEntropy
from tinyalex.optim import SGD, initialise
from tinyalex.peer import torch_training_step, torch_twin
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
    """Training speed of one model; a dict for --json. Peak memory is of our side alone, measured before PyTorch starts."""
    network = model.build(classes)
    initialise(network, "he", seed=0)
    x = random_stream(0, "pictures").standard_normal((batch, *network.in_shape), dtype="float32")
    labels = np.arange(batch) % classes
    twin = torch_twin(network) if with_torch else None
    before = _resident_peak()
    network.map_params(lambda p: to_device(p, xp))
    ours = training_step(network, to_device(x, xp), to_device(labels, xp), xp)
    ours()  # the first step also makes buffers and, on a device, compiles
    peak = _resident_peak()
    theirs = torch_training_step(twin, x, labels, "cpu" if xp is np else "cuda", LR) if with_torch else None
    if theirs:
        theirs()
    times, ratios = [], []
    with progress_bar(rounds, f"bench {model.name}", unit="rounds", quiet=quiet) as bar:
        for _ in range(rounds):
            times.append(_seconds(ours))
            if theirs:
                ratios.append(_seconds(theirs) / times[-1])
            bar.update(1)
    median = statistics.median(times)
    result = {
        "model": model.name, "batch": batch, "rounds": rounds, "threads": thread_count(),
        "device": "cpu" if xp is np else "gpu",
        "train_images_per_s": batch / median,
        "gflops": 6 * network.multiply_adds(network.in_shape) * batch / median / 1e9,
        "peak_memory_bytes": peak,
        "memory_before_bytes": before,
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
