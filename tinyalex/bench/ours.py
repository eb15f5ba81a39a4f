"""Our side of the benchmark: whole training steps, inference, and where their time goes."""

import statistics
import time

import numpy as np

from tinyalex.backend import (
    allow_tf32,
    among_threads,
    choose_device,
    random_stream,
    set_thread_count,
    synchronize,
    thread_count,
    to_device,
)
from tinyalex.bench.side import resident_peak
from tinyalex.bench.watch import LayerWatch
from tinyalex.data.augment import View
from tinyalex.data.dataset import Split
from tinyalex.data.loader import TrainingLoader
from tinyalex.layers import SoftmaxCrossEntropy
from tinyalex.models import find_model
from tinyalex.optim import SGD
from tinyalex.training.health import measure_health
from tinyalex.training.trainer import LOG_EVERY

LR = 1e-4  # small, so that weights stay finite over any number of steps
KINDS = ("forward", "backward", "update", "health", "data")


def seconds_of(step, xp, count=1):
    """Seconds per step, over `count` steps in a row; on a GPU by the device's own clock."""
    if xp is np:
        start = time.perf_counter()
        for _ in range(count):
            step()
        return (time.perf_counter() - start) / count
    start, stop = xp.cuda.Event(), xp.cuda.Event()
    start.record()
    for _ in range(count):
        step()
    stop.record()
    stop.synchronize()
    return xp.cuda.get_elapsed_time(start, stop) / 1000 / count  # from milliseconds


class Ours:
    """Our side of a `Setup`, as `Side` asks it; every answer consists of plain numbers."""

    def __init__(self, setup):
        set_thread_count(setup.threads)
        self.setup, self.model, self.xp = setup, find_model(setup.model), choose_device(setup.device)
        allow_tf32(bool(setup.tf32), self.xp)
        self.network = setup.network()
        self.network.map_arrays(lambda a: to_device(a, self.xp))
        self.loss, self.optimiser = SoftmaxCrossEntropy(), SGD(self.network.params)
        self.x, self.labels = to_device(setup.pictures(), self.xp)

    def train(self, count=1, batch=None, threads=None):
        """Seconds per training step, over `count` in a row. batch (at most the setup's), threads: override the setup"""
        x, labels = self.x[:batch], self.labels[:batch]
        set_thread_count(threads or self.setup.threads)
        try:
            return seconds_of(lambda: self._update(self._backward(*self._forward(x, labels))), self.xp, count)
        finally:
            set_thread_count(self.setup.threads)

    def infer(self, count=1):
        """Seconds for the scores of a batch, one of many with the same weights, as `tinyalex.evaluation` takes them."""
        return self._scores(self.x, count)

    def one(self, count=1):
        """Seconds for the scores of one picture, one of many with the same weights."""
        return self._scores(self.x[:1], count)

    def peak(self):
        """Peak memory in bytes: the largest resident size so far; on a GPU, what CuPy's pool took from the device."""
        return resident_peak() if self.xp is np else self.xp.get_default_memory_pool().total_bytes()

    def layers(self, count=2):
        """[{name, layer, forward_ms, backward_ms}]: milliseconds per picture in each layer, see `LayerClock`."""
        with LayerClock(self.network, self.xp) as clock:
            self.train(count)
            pictures = count * len(self.x)
            return [
                {"name": name, "layer": str(layer)}
                | {f"{way}_ms": 1000 * clock.seconds(name, way) / pictures for way in ("forward", "backward")}
                for name, layer, _, _ in self.network.shapes()
            ]

    def kinds(self, steps=3):
        """Seconds per step for each kind of work, training on pictures from the input pipeline.

        Training measures the layers' health once in LOG_EVERY steps, so its seconds are divided by that. On a GPU this
        waits for each kind to finish, so work overlaps less than in real training.
        """
        seconds, clock = dict.fromkeys(KINDS, 0.0), Stopwatch(self.xp)
        batches = self._loader(steps + 1).epoch(0)
        next(batches)  # the first batch is not prepared in advance
        for _ in range(steps):
            clock.lap()
            _, x, labels = next(batches)
            seconds["data"] += clock.lap()
            forward = self._forward(x, labels)
            seconds["forward"] += clock.lap()
            grads = self._backward(*forward)
            seconds["backward"] += clock.lap()
            self._update(grads)
            seconds["update"] += clock.lap()
            measure_health(self.network, forward[1], grads, self.optimiser.velocity)
            seconds["health"] += clock.lap() / LOG_EVERY
        batches.close()
        return {kind: total / steps for kind, total in seconds.items()}

    def pipeline(self, steps=6, times=3):
        """Seconds per batch of the input pipeline alone, with all augmentation: median of `times` runs of `steps`."""
        loader, clock, seconds = self._loader(steps), Stopwatch(self.xp), []
        for epoch in range(times):
            clock.lap()
            for _ in loader.epoch(epoch):
                pass
            seconds.append(clock.lap() / steps)
        return statistics.median(seconds)

    def _scores(self, x, count):
        ready = self.network.for_test()
        ready.predict(x[:1])  # what is computed once
        return seconds_of(lambda: ready.predict(x), self.xp, count)

    def _forward(self, x, labels):
        logits, cache = self.network.forward(x, train=True, rng=random_stream(0, xp=self.xp))
        _, loss_cache = self.loss.forward(logits, labels)
        return loss_cache, cache

    def _backward(self, loss_cache, cache):
        return self.network.backward(self.loss.backward(loss_cache), cache, input_grad=False)[1]

    def _update(self, grads):
        self.optimiser.step(grads, LR)

    def _loader(self, steps):
        """A loader of random pixels, in the size of the model's prepared pictures."""
        size, batch, rng = self.model.size, self.setup.batch, random_stream(0, "pixels")
        block = rng.integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
        labels = rng.integers(0, self.setup.classes, steps * batch)
        mean = np.full((size, size, 3), 128, np.float32)
        colors = np.array([0.2, 0.02, 0.004], np.float32), np.eye(3, dtype=np.float32)
        view = View(self.model.crop, self.model.pixel_scale, mean, *colors).to(self.xp)
        return TrainingLoader(Split((block,) * steps, labels), view, batch, 0, self.xp)


class Stopwatch:
    """Seconds between laps; each lap waits until the device has finished its work."""

    def __init__(self, xp):
        self.xp = xp
        self.lap()

    def lap(self):
        synchronize(self.xp)
        before, self.now = getattr(self, "now", 0), time.perf_counter()
        return self.now - before


class LayerClock(LayerWatch):
    """Times each layer's forward and backward inside a `with` block, summed over threads.

    On a CPU in core-seconds: a call on one of several threads occupies one core, any other call all of them.
    On a GPU in seconds of the device.
    """

    def __init__(self, network, xp):
        super().__init__(network)
        self.xp = xp

    def seconds(self, name, way):
        return sum(self._length(*span) for span in self.spans[name, way])

    def _note(self, layer, way, start):
        span = start, self._mark(), self._cores()
        with self.lock:
            self.spans[layer.name, way].append(span)

    def _cores(self):
        return thread_count() if self.xp is np and not among_threads() else 1

    def _mark(self):
        if self.xp is np:
            return time.perf_counter()
        event = self.xp.cuda.Event()
        event.record()
        return event

    def _length(self, start, stop, cores):
        if self.xp is np:
            return cores * (stop - start)
        stop.synchronize()
        return self.xp.cuda.get_elapsed_time(start, stop) / 1000
