"""Two workers under mpiexec: timed alone, beside each other, exchanging bytes, and in real steps.

    mpiexec -n 2 python -m tinyalex.scaling.ranks TASK

TASK: a `Task` as a JSON object. Rank 0 prints one JSON object per line: {"pictures": done since the previous line},
{"round": the answers of a round} or {"error": why there are none}.
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
from tinyalex.parallel.part import Part
from tinyalex.parallel.sums import BUCKET_BYTES
from tinyalex.scaling.model import Load
from tinyalex.scaling.timing import Worker, combine, pictures_for
from tinyalex.training.step import training_step
from tinyalex.training.whole import Whole

RANKS = 2
THREADED = "threaded"  # real steps of one process with the threads of all ranks; "one": with the threads of one rank


@dataclass(frozen=True)
class Task:
    """The measurements asked of the ranks.

    model, classes, batch, per_worker: as given to the command;  threads: per rank
    alone, beside: numbers of workers that give the numbers of pictures to time the parts with, see `Pair`
    forms: take real steps in these forms, and in one process with the threads of one rank and of all
    rounds: how often to repeat everything
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
    """Whole training steps as the trainer takes them, on pictures already in memory. whole: a `Whole` or a `Part`"""

    def __init__(self, whole, model, batch):
        self.whole, self.batch, self.optimiser = whole, batch, SGD(whole.network.params)
        x, self.labels = pictures_for(whole.network, model, batch)
        self.x = x[whole.choose(batch)]

    def seconds(self, count):
        """Seconds per step, over `count` in a row."""
        start = time.perf_counter()
        for _ in range(count):
            rng = self.whole.draws(random_stream(0), self.batch)
            training_step(self.whole.network, self.whole.loss, self.optimiser, self.x, self.labels, rng, LR)
        self.whole.loss.take()
        return (time.perf_counter() - start) / count


class Pair:
    """The measurements of two ranks, in turns; both ranks call every turn."""

    def __init__(self, task, team):
        self.task, self.team, model = task, team, find_model(task.model)
        self.worker = Worker(model, task.classes, task.load)
        self.buffers = {count: [np.ones(count, np.uint8) for _ in range(2)] for count in (1, BUCKET_BYTES)}
        self.steps = {}
        if task.forms:
            self.steps["one"] = Steps(Whole(self.worker.network), model, task.load.of_all(1))
            alike = task.load.of_all(RANKS) == task.load.of_all(1)
            self.steps[THREADED] = (
                self.steps["one"] if alike else Steps(Whole(self.worker.network), model, task.load.of_all(RANKS))
            )
        for form in task.forms:
            network = self.worker.network if form == "data" else model.build(task.classes)
            self.steps[form] = Steps(Part(form, team, network), model, task.load.of_all(RANKS))

    def warm_up(self):
        """Run everything large once, on both ranks, see `Worker.warm_up`."""
        self.worker.warm_up(self.tell_of_warm_up)
        for steps in self.steps.values():
            steps.seconds(1)
            self.tell_of_warm_up()

    def round(self, backwards=False):
        """{"alone", "beside": from `Worker.round`; "link": [latency, bandwidth]; "one", "data", …: seconds per step}

        backwards: take the turns in reverse order, so that a steady drift cancels out
        """
        real = {name: lambda name=name: self.real(name) for name in self.steps}
        turns = {"alone": self.alone}  # turns that are compared are neighbours
        turns |= {name: real.pop(name) for name in ("one",) if name in real}
        turns |= {"beside": self.beside, **real, "link": self.link}
        answers = {}
        for name, turn in reversed(turns.items()) if backwards else turns.items():
            self._meet()  # neither begins while the other is still busy with the previous turn
            answers[name] = turn()
        return answers

    def _meet(self):
        self.team.totals([0])

    def alone(self):
        """The parts of a step on the first worker, while the second waits."""
        return self.worker.round(self.task.alone, self.tell) if self.team.rank == 0 else None

    def beside(self):
        """The same on both at once, as in a real run: they share the machine's memory, and the slower one counts."""
        return combine(np.max, self.team.agree(self.worker.round(self.task.beside, self.tell, self._meet)))

    def link(self, small=50, large=5):
        """[latency in seconds, bandwidth in bytes/s] between the two, both sending at once, by a step's exchanges."""
        latency = statistics.median(self._exchange(1) for _ in range(small))
        seconds = statistics.median(self._exchange(BUCKET_BYTES) for _ in range(large))
        return [latency, BUCKET_BYTES / max(seconds - latency, 1e-9)]

    def real(self, name):
        """Seconds per real step, of one process alone or of both in a form. Quick steps are repeated."""
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

    def tell_of_warm_up(self):
        """A word, since nothing may be silent for long (`launch.SILENCE`)."""
        self.tell(0)

    def say(self, **words):
        if self.team.rank == 0:
            tell(**words)

    def _exchange(self, count):
        send, into = self.buffers[count]
        start = time.perf_counter()
        self.team.exchange([send] * RANKS, [send if k == self.team.rank else into for k in range(RANKS)], "")
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
    except UserError as error:
        team.abort(str(error))
    except Exception:  # a bug; the other rank would wait for ever
        traceback.print_exc()
        team.abort("failed, which ends the other rank too")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        tell(error=str(error))
