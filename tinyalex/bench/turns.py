"""The order of turns: the sides of a comparison one after the other, round by round.

Shared machines drift by a factor of two within minutes, so a single absolute time says little. Every round times all
sides; ratios are taken within rounds, and the figures reported are medians over rounds.
"""

import math
from collections import defaultdict
from dataclasses import dataclass

OURS, SGEMM = "ours", "sgemm"
NCHW, CHANNELS_LAST, COMPILED = "NCHW", "channels_last", "torch.compile"
EAGER = (NCHW, CHANNELS_LAST)  # PyTorch as its users write it, and as its manual advises
THEIRS = (*EAGER, COMPILED)
NAMES = {OURS: "tinyalex", SGEMM: "sgemm", **{layout: f"PyTorch, {layout}" for layout in EAGER}, COMPILED: COMPILED}
WORKS = {"train": 3, "infer": 1, "one": 1}  # what all sides do, with the cost of a turn
WORDS = {
    "train": "training",
    "infer": "inference",
    "one": "one picture at a time",
    "compile": "compiling",
    "rates": "",
    "passes": "passes over memory",
    "kinds": "kinds of work",
}
LONG_ENOUGH = 0.5  # seconds: a turn repeats quick steps until they take about this long
COMPILING = 10  # the cost of a compilation
FEW = 3  # rounds at most for whatever is not compared with PyTorch


@dataclass(frozen=True)
class Turn:
    """One question to one side. work, options: as `Side.ask` takes them;  cost: roughly, in forward passes"""

    side: str
    work: str
    options: tuple = ()
    warm_up: bool = False
    cost: float = 0

    @property
    def key(self):
        """The key under which answers are kept."""
        return self.side, self.work, *self.options

    def __str__(self):
        options = ", ".join(WORDS.get(value, f"{name} {value}") for name, value in self.options)
        return ", ".join(filter(None, (NAMES[self.side], WORDS.get(self.work, self.work), options)))


def side_by_side(sides, rounds, warm_ups):
    """Training in turns, then its peak memory, then inference in turns, then that of one picture.

    sides: names, ours and PyTorch's;  what has to be compiled is compiled before the turns that use it
    """
    for work, cost in WORKS.items():
        if COMPILED in sides:
            yield Turn(COMPILED, "compile", (("of", work),), cost=COMPILING)
        everyone = [Turn(side, work, cost=cost) for side in sides]
        if work == "train":
            everyone.append(Turn(SGEMM, "rates"))
        cold = max(warm_ups, 2) if work == "one" else warm_ups  # the first is too slow to tell how often to repeat it
        for number in range(cold + rounds):
            yield from (Turn(t.side, t.work, warm_up=number < cold, cost=t.cost) for t in everyone)
        if work == "train":  # before inference, which could raise the peak
            yield from (Turn(side, "peak") for side in sides)


def ours_alone(rounds, threads):
    """Our side alone: training on each number of threads in `threads`, then where the time goes."""
    for _ in range(min(rounds, FEW)):
        yield from (Turn(OURS, "train", (("threads", n),), cost=3 * max(threads) / n) for n in threads)
    yield from (Turn(OURS, "layers", cost=6), Turn(OURS, "kinds", cost=9), Turn(OURS, "pipeline", cost=1))


def passes():
    """The rates of a GPU besides products, after a warm-up that compiles."""
    yield from (Turn(SGEMM, "passes", warm_up=warm_up) for warm_up in (True, False))


def by_batch(rounds, batches):
    """Training at several batch sizes; the cost of a turn is in proportion to its batch."""
    largest = max(batches)
    yield Turn(OURS, "train", (("batch", largest),), warm_up=True, cost=3)
    for _ in range(min(rounds, FEW)):
        yield from (Turn(OURS, "train", (("batch", batch),), cost=3 * batch / largest) for batch in batches)


def take(turns, sides, bar, label, unit):
    """Ask the sides in this order: {turn.key: [answer, …]}, without warm-ups.

    sides: by name, `Side`s or anything with `ask`;  unit: the bar's advance for a cost of 1
    """
    answers, counts = defaultdict(list), {}
    for turn in turns:
        bar.set_description(f"{label}: {turn}")
        options = dict(turn.options)
        if turn.work in WORKS:
            options["count"] = counts.get(turn.key, 1)
        answer = sides[turn.side].ask(turn.work, **options)
        if turn.work in WORKS:
            counts[turn.key] = max(1, math.ceil(LONG_ENOUGH / answer))
        if not turn.warm_up:
            answers[turn.key].append(answer)
        bar.update(turn.cost * unit)
    return answers
