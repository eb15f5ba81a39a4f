"""Two workers under mpiexec: what one does alone and beside the other, what lies between them, and real steps of both.

    mpiexec -n 2 python -m tinyalex.scaling.ranks TASK

TASK: a `Task` as a JSON object. Rank 0 tells, a JSON object a line: {"pictures": done since the line before},
{"round": the answers of one}, {"trial": the same with real steps} or {"error": why there are none}.
"""

import json
import math
import statistics
import sys
import time
import traceback
from dataclasses import asdict, dataclass

import numpy as np

from tinyalex.backend import random_stream, set_thread_count
from tinyalex.bench.ours import LR
from tinyalex.bench.turns import LONG_ENOUGH
from tinyalex.errors import UserError
from tinyalex.models import find_model
from tinyalex.optim import SGD
from tinyalex.parallel.mpi import MpiTeam, import_mpi
from tinyalex.parallel.network import split_network
from tinyalex.parallel.sums import BUCKET_BYTES
from tinyalex.parallel.team import Alone
from tinyalex.scaling.measure import Worker, over, pictures_for
from tinyalex.scaling.model import Load
from tinyalex.training.loss import BatchLoss

RANKS = 2
THREADED = "threaded"  # real steps of one process with the threads of all ranks; "one": with those of one rank


@dataclass(frozen=True)
class Task:
    """model, classes, batch, per_worker: as the command has them;  threads: of each rank

    alone, beside: numbers of workers; their pictures are what the parts are measured with, see `Pair`
    forms: whose real steps are taken, and those of one process, with as many threads as one rank and as all of them
    rounds: how often all of this
    """

    model: str
    classes: int
    batch: int | None
    per_worker: int | None
    threads: int
    rounds: int
    alone: tuple
    beside: tuple
    forms: tuple = ()

    def json(self):
        return json.dumps(asdict(self))

    @property
    def load(self):
        return Load(self.batch, self.per_worker)


class Steps:
    """Whole training steps as the trainer takes them, but for the pictures, which are there."""

    def __init__(self, network, model, batch, team):
        self.network, self.batch, self.share = network, batch, network.share(batch)
        self.loss, self.optimiser = BatchLoss(network, team), SGD(network.params)
        x, self.labels = pictures_for(network, model, batch)
        self.x = x[self.share.run].copy()

    def seconds(self, count):
        """Of one step, over `count` in a row."""
        start = time.perf_counter()
        for step in range(count):
            scores, cache = self.network.forward(self.x, True, random_stream(0), self.share)
            dscores = self.loss.backward(step, scores, self.labels, self.share)
            _, grads = self.network.backward(dscores, cache, input_grad=False)
            self.optimiser.step(grads, LR)
        self.loss.settle()
        return (time.perf_counter() - start) / count


class Pair:
    """What the two do in turns; each turn is called by both."""

    def __init__(self, task, team):
        self.task, self.team, model = task, team, find_model(task.model)
        self.worker = Worker(model, task.classes, task.load)
        self.buffers = {count: [np.ones(count, np.uint8) for _ in range(2)] for count in (1, BUCKET_BYTES)}
        self.steps = {}
        if task.forms:
            self.steps["one"] = Steps(self.worker.network, model, task.load.of_all(1), Alone())
            alike = task.load.of_all(RANKS) == task.load.of_all(1)
            self.steps[THREADED] = (
                self.steps["one"] if alike else Steps(self.worker.network, model, task.load.of_all(RANKS), Alone())
            )
        for form in task.forms:
            network = self.worker.network if form == "data" else model.build(task.classes)
            self.steps[form] = Steps(split_network(form, network, team), model, task.load.of_all(RANKS), team)

    def warm_up(self):
        """Once all that is large, on both: see `Worker.warm_up`."""
        self.worker.warm_up()
        for steps in self.steps.values():
            steps.seconds(1)

    def round(self, backwards=False):
        """{"alone", "beside": what `Worker.round` gives, "link": [latency, bandwidth], "one", "data", …: seconds of a step}

        backwards: whether in the other order, so that what drifts evenly falls out
        """
        real = {name: lambda name=name: self.real(name) for name in self.steps}
        turns = {"alone": self.alone}  # what is compared stands side by side
        turns |= {name: real.pop(name) for name in ("one",) if name in real}
        turns |= {"beside": self.beside, **real, "link": self.link}
        answers = {}
        for name, turn in reversed(turns.items()) if backwards else turns.items():
            self._meet()  # nobody begins while the other is still at the turn before
            answers[name] = turn()
        return answers

    def _meet(self):
        self.team.totals([0])

    def alone(self):
        """The parts of a step on the first worker, while the second waits."""
        return self.worker.round(self.task.alone, self.tell) if self.team.rank == 0 else None

    def beside(self):
        """The same on both at once, as in a real run: they share the machine's memory, and the slower one is waited for."""
        return over(np.max, self.team.agree(self.worker.round(self.task.beside, self.tell, self._meet)))

    def link(self, small=50, large=5):
        """[seconds of a message's own, bytes/s] between the two, both sending at once, by exchanges as a step has them."""
        latency = statistics.median(self._exchange(1) for _ in range(small))
        seconds = statistics.median(self._exchange(BUCKET_BYTES) for _ in range(large))
        return [latency, BUCKET_BYTES / max(seconds - latency, 1e-9)]

    def real(self, name):
        """Seconds of a real step: of one process alone, or of both in a form. Quick steps are taken several times."""
        steps, alone = self.steps[name], name in ("one", THREADED)
        if alone and self.team.rank:
            return None
        set_thread_count(self.task.threads * (RANKS if name == THREADED else 1))
        seconds = steps.seconds(1)
        count = math.ceil(LONG_ENOUGH / seconds)
        count = count if alone else self.team.agree(count)[0]
        seconds = steps.seconds(count) if count > 1 else seconds
        set_thread_count(self.task.threads)
        self.tell(steps.batch)
        return seconds

    def tell(self, pictures):
        self.say(pictures=pictures)

    def say(self, **words):
        if self.team.rank == 0:
            tell(**words)

    def _exchange(self, count):
        send, into = self.buffers[count]
        start = time.perf_counter()
        self.team.exchange([send] * RANKS, [into] * RANKS, "")
        return time.perf_counter() - start


def tell(**words):
    print(json.dumps(words), flush=True)


def main():
    task = Task(**json.loads(sys.argv[1]))
    team = MpiTeam(import_mpi().COMM_WORLD)
    if team.size != RANKS:
        raise UserError("found processes that do not see each other; expected mpi4py and mpiexec of the same MPI")
    try:
        set_thread_count(task.threads)
        pair = Pair(task, team)
        pair.warm_up()
        for number in range(task.rounds):
            pair.say(round=pair.round(backwards=number % 2 == 1))
    except MemoryError as error:
        team.abort(f"not enough memory for this: {error}")
    except Exception:  # a fault of ours; the other one would wait for ever
        traceback.print_exc()
        team.abort("ends, and the other with it")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        tell(error=str(error))
