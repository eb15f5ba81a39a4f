"""The whole benchmark: check the memory for every row first, then measure row by row."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from tempfile import TemporaryDirectory

from tinyalex.backend import choose_device
from tinyalex.bench import figures, turns
from tinyalex.bench.limit import Sgemm, device_bytes
from tinyalex.bench.machine import describe
from tinyalex.bench.ours import Ours
from tinyalex.bench.predicted import Machine, predict
from tinyalex.bench.setup import Setup, batches_that_fit, check, flops
from tinyalex.bench.side import Side
from tinyalex.bench.theirs import CompiledWorks, TorchWorks
from tinyalex.bench.turns import COMPILED, NAMES, OURS, SGEMM
from tinyalex.terminal import progress_bar


@dataclass(frozen=True)
class Plan:
    """A row to measure. work: operations per picture (inference, training);  batches: other batch sizes to time"""

    setup: Setup
    work: tuple
    batches: tuple

    def turns(self, rounds, theirs):
        """The turns of the comparison. theirs: names of PyTorch's sides"""
        threads = thread_numbers(self.setup, every=bool(self.batches))
        warm_ups = 2 if self.setup.device == "gpu" else 1  # on a GPU the first step compiles
        yield from turns.side_by_side((OURS, *theirs), rounds, warm_ups)
        yield from turns.ours_alone(rounds, threads)
        if self.setup.device == "gpu":
            yield from turns.passes()

    def scaling_turns(self, rounds):
        """The turns at other batch sizes, if any were asked for."""
        return list(turns.by_batch(rounds, self.batches)) if self.batches else []

    def cost(self, rounds, theirs):
        """The progress bar's length for this row, in units of about 1e9 operations."""
        scaling = self.unit(max(self.batches, default=0)) * sum(t.cost for t in self.scaling_turns(rounds))
        return self.unit() * sum(turn.cost for turn in self.turns(rounds, theirs)) + scaling

    def unit(self, batch=None):
        return (self.setup.batch if batch is None else batch) * self.work[0] / 1e9


def thread_numbers(setup, every):
    """1 and all threads of a CPU, with `every` also the powers of two between; () on a GPU or a single thread."""
    if setup.threads < 2 or setup.device != "cpu":
        return ()
    between = [2**i for i in range(1, setup.threads.bit_length()) if 2**i < setup.threads] if every else []
    return (1, *between, setup.threads)


def plan(setup, theirs, scaling):
    """The plan for a setup; UserError if the memory does not suffice."""
    xp, network = choose_device(setup.device), setup.build()
    check(setup, network, 1 + len(theirs), xp, device_bytes(setup.device))
    return Plan(setup, flops(network), tuple(batches_that_fit(network, xp)) if scaling else ())


def run_benchmark(setups, rounds, theirs, scaling=False, quiet=False):
    """Measure every setup in turn; a dict for --json. UserError for lack of memory, before measuring where possible.

    theirs: names of PyTorch's sides, some of `tinyalex.bench.turns.THEIRS`
    """
    plans = [plan(setup, theirs, scaling) for setup in setups]
    results, answers, began = [], [], datetime.now(UTC)
    with progress_bar(sum(p.cost(rounds, theirs) for p in plans), "bench", "GFLOP", quiet, scale=True) as bar:
        for p in plans:
            answers.append(_compare(p, rounds, theirs, bar))
            results.append(figures.row(p.setup, p.work, answers[-1]))
            results[-1]["predicted"] = _predicted(p.setup, answers[-1], results[-1]["sgemm_gflops"])
            if p.batches:
                results[-1]["scaling"] = _scale(p, rounds, bar)
    return {
        "began": began.strftime("%Y-%m-%d %H:%M:%S UTC"),
        "machine": describe(choose_device(setups[0].device), with_torch=bool(theirs)),
        **_limits(setups, answers),
        "results": results,
    }


def _compare(plan, rounds, theirs, bar):
    """The answers of all sides, whose processes live only inside this function."""
    setup = plan.setup
    with ExitStack() as stack:
        works = {OURS: (Ours, setup), SGEMM: (Sgemm, setup)}
        works |= {layout: (TorchWorks, setup, layout) for layout in theirs if layout != COMPILED}
        if COMPILED in theirs:
            cache = stack.enter_context(TemporaryDirectory(prefix="tinyalex-", ignore_cleanup_errors=True))
            works[COMPILED] = (CompiledWorks, setup, cache)
        sides = {name: stack.enter_context(Side(NAMES[name], *work)) for name, work in works.items()}
        return turns.take(plan.turns(rounds, theirs), sides, bar, str(setup), plan.unit())


def _predicted(setup, answers, sgemm_gflops):
    """On a GPU, what `tinyalex.bench.predicted` says of it from its own rates; else None."""
    if setup.device == "cpu":
        return None
    (passes,) = answers[SGEMM, "passes"]
    return predict(setup, Machine("this GPU", fp32_tflops=sgemm_gflops / 1e3, tf32_tflops=sgemm_gflops / 1e3, **passes))


def _scale(plan, rounds, bar):
    largest = replace(plan.setup, batch=max(plan.batches))
    with Side(NAMES[OURS], Ours, largest) as ours:
        answers = turns.take(plan.scaling_turns(rounds), {OURS: ours}, bar, str(plan.setup), plan.unit(largest.batch))
    return figures.by_batch(answers)


def _limits(setups, answers):
    """sgemm's best rate over the whole run; on a GPU in full precision if that was measured, with TF32's beside it."""
    plain, tf32 = ([a for s, a in zip(setups, answers) if bool(s.tf32) is on] for on in (False, True))
    way, limit = figures.best_sgemm(*(plain or tf32))
    limits = {"sgemm_gflops": limit, "sgemm_shape": way}
    return limits | ({"sgemm_gflops_tf32": figures.best_sgemm(*tf32)[1]} if tf32 else {})
