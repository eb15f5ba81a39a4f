"""Seconds that a worker needs for each part of a step, for every number of pictures it could get."""

import math
import statistics

import numpy as np

from tinyalex.backend import random_stream, to_device
from tinyalex.bench.ours import LR, Stopwatch
from tinyalex.errors import UserError
from tinyalex.optim import SGD, initialise
from tinyalex.parallel.shares import Share, SharedDraws, SharedSequential, SharedTrunk
from tinyalex.parallel.stages import Stage, towers
from tinyalex.parallel.sums import BUCKET_BYTES
from tinyalex.parallel.team import Team
from tinyalex.parallel.traffic import TOWERS
from tinyalex.scaling.model import SIZES
from tinyalex.terminal import progress_bar

LONG_ENOUGH = 0.15  # seconds: quicker parts are repeated
LARGER = 4  # times a worker's pictures, to see how the head grows with the whole batch


def plan(load, has_towers, sizes=SIZES):
    """The measurements of a round, [(part, pictures)], for these numbers of workers; fewest pictures per part first."""
    own = sorted({load.of_one(size) for size in sizes})
    larger = [LARGER * load.per_worker] if load.per_worker else []
    parts = {"trunk": own, "tower": [load.of_all(TOWERS)] if has_towers else [], "head": own + larger}
    return [(part, pictures) for part, numbers in parts.items() for pictures in numbers]


class Worker:
    """A network whose parts can be timed one by one: "trunk", "head", and "tower" if the trunk divides into two.

    load: the `Load` of a step
    """

    def __init__(self, model, classes, load, xp=np):
        self.model, self.load, self.xp = model, load, xp
        self.network = model.build(classes)
        initialise(self.network, "he", 0, model.input_rms)
        self.network.map_arrays(lambda a: to_device(a, xp))
        trunk, head = SharedTrunk(self.network.features.layers), SharedSequential(self.network.classifier.layers)
        self.stages = {"trunk": [Stage(trunk)], "head": [Stage(head)]}
        if tower := tower_of(self.network):
            self.stages["tower"] = tower
        self.x, _ = pictures_for(self.network, model, load.of_all(TOWERS), xp)
        self.optimisers = [SGD(part.params) for part in (self.network.features, self.network.classifier)]
        self.grads = [{name: p.copy() for name, p in optimiser.params.items()} for optimiser in self.optimisers]

    def warm_up(self, tell=lambda: None):
        """Run the largest parts once: touching memory for the first time takes longer than the work on it.

        tell: called after each
        """
        for part in ("trunk", "head"):
            self.passes(part, self.load.of_one(1))
            tell()
        self.updates()

    def round(self, sizes=SIZES, tell=lambda pictures: None, meet=lambda: None):
        """Time all parts once: {part: [[pictures, seconds forward, seconds backward], …]}, and beside the parts

        "update": [[seconds for the trunk, for the head]];  "added": [[seconds per byte]]
        sizes: numbers of workers that could share the pictures of a step
        tell: called after each measurement with its pictures;  meet: called before each, to begin together with others
        """
        measured = {part: [] for part in ("trunk", "tower", "head")}
        for part, pictures in plan(self.load, "tower" in self.stages, sizes):
            meet()
            passes = [self.passes(part, pictures)]
            passes += [self.passes(part, pictures) for _ in range(math.ceil(LONG_ENOUGH / sum(passes[0])) - 1)]
            measured[part].append([pictures, *np.median(passes, axis=0).tolist()])
            tell(pictures)
        meet()
        return measured | {"update": [self.updates()], "added": [[self.adding()]]}

    def passes(self, part, pictures):
        """(forward, backward) seconds of a part; a tower that would read the other's maps too gets its own twice."""
        share, clock, caches = Share(0, pictures, max(pictures, self.load.of_all(1))), Stopwatch(self.xp), []
        x = self._features(pictures) if part == "head" else self.x[:pictures]
        clock.lap()
        for stage in self.stages[part]:
            if stage.joins:
                x = self.xp.concatenate([x] * TOWERS, axis=-1)[..., : sum(stage.widths)]
            x, cache = stage.layers.forward(x, True, SharedDraws(random_stream(0, xp=self.xp), share))
            caches.append(cache)
        forward, dx = clock.lap(), x  # the outputs serve as gradients
        for stage, cache in zip(reversed(self.stages[part]), reversed(caches)):
            first = stage is self.stages[part][0]
            dx, _ = stage.layers.backward(dx, cache, part == "head" or not first)
            if stage.joins:
                dx = self.xp.ascontiguousarray(dx[..., : stage.widths[0]])
        return forward, clock.lap()

    def updates(self):
        """Seconds for the update of [trunk, head]."""
        clock, seconds = Stopwatch(self.xp), []
        for optimiser, grads in zip(self.optimisers, self.grads):
            clock.lap()
            optimiser.step(grads, LR)
            seconds.append(clock.lap())
        return seconds

    def adding(self, times=5):
        """Seconds per byte of a gradient for two workers to add it up, as `Team.sum_into` does, once it has arrived."""
        mine, theirs = (self.xp.ones(BUCKET_BYTES // 8, "float32") for _ in range(2))  # each adds up half of a bucket
        clock, seconds = Stopwatch(self.xp), []
        for _ in range(times):
            clock.lap()
            total = mine.copy()
            total += theirs
            mine[...] = total
            seconds.append(clock.lap())
        return statistics.median(seconds) / (mine.nbytes + theirs.nbytes)

    def _features(self, pictures):
        shape = self.network.features.out_shape(self.network.in_shape)
        return self.xp.asarray(abs(random_stream(0, "features").standard_normal((pictures, *shape), dtype="float32")))


def tower_of(network):
    """The stages of the trunk for one of two towers; None for a network that cannot be divided into two."""
    try:
        return [stage for stage in towers(network, Team(0, TOWERS)) if isinstance(stage.layers, SharedTrunk)]
    except UserError:
        return None


def pictures_for(network, model, count, xp=np):
    """(noise as strong as pictures, (count, H, W, 3); labels, (count,))."""
    x = random_stream(0, "pictures").standard_normal((count, *network.in_shape), dtype="float32")
    x *= model.input_rms
    return to_device((x, random_stream(0, "labels").integers(0, network.num_classes, count)), xp)


def combine(function, rounds):
    """Combine results of `Worker.round` number by number with `function`, such as np.median over rounds."""
    parts = rounds[0]
    return {part: function([one[part] for one in rounds], axis=0).tolist() if parts[part] else [] for part in parts}


def measure_worker(model, classes, load, xp, rounds, quiet=False):
    """Medians over `rounds` of the seconds that a worker in this process needs for its parts, see `Worker.round`."""
    worker = Worker(model, classes, load, xp)
    total = rounds * sum(pictures for _, pictures in plan(load, "tower" in worker.stages))
    with progress_bar(total, f"measuring {model.name}", quiet=quiet) as bar:
        worker.warm_up()
        return combine(np.median, [worker.round(tell=bar.update) for _ in range(rounds)])
