"""Trains the runs of experiments: several at a time on the CPU, one thread each, since small nets cannot keep two busy.

Each run is an ordinary one in its own folder. A finished run is not trained again, and a stopped one resumes, so the
same command after Ctrl-C or `kill` loses nothing.
"""

import contextlib
import functools
import multiprocessing
import os
import queue
import signal
import threading
import traceback

from tinyalex import signals
from tinyalex.backend import choose_device, set_thread_count, thread_count
from tinyalex.data import open_dataset
from tinyalex.errors import UserError
from tinyalex.files import as_user_error
from tinyalex.runs.folder import RunFolder
from tinyalex.terminal import hush_runaway_numbers, progress_bar
from tinyalex.training.trainer import Diverged, Stopped, go_on, start

POLL_SECONDS = 0.5


def is_done(run):
    """Whether a run is finished."""
    return (run.folder / "result.json").exists()


def train_all(runs, device, jobs, quiet=False):
    """Train the unfinished `runs` on `device`, `jobs` at a time; runs that others start from come first.

    Raises KeyboardInterrupt after a signal, once every process has saved its state. Ctrl-C counts even where the shell
    that started this ignores it.
    """
    first = {run.after.folder for run in runs if run.after}
    waves = [[run for run in runs if (run.folder in first) is begins and not is_done(run)] for begins in (True, False)]
    total = sum(run.config.epochs for wave in waves for run in wave)
    title, asked = f"{sum(map(len, waves))} runs", signals.interrupting(even_ignored=(signal.SIGINT,))
    with asked, progress_bar(total, title, unit="epochs", quiet=quiet) as bar:
        for wave in filter(None, waves):
            with _Workers(min(jobs, len(wave)), device) as workers:
                workers.train(wave, bar)


class _Workers:
    """Processes that each train one run after another; if an exception leaves the block, they save and end."""

    def __init__(self, count, device):
        context = multiprocessing.get_context("spawn")  # a fork would copy locks that our threads hold
        with signals.kept_from_children():  # queues start a process too
            self.tasks, self.done = context.Queue(), context.Queue()
        arguments = (self.tasks, self.done, device, max(1, thread_count() // count))
        self.processes = [context.Process(target=_work, args=arguments, daemon=True) for _ in range(count)]

    def __enter__(self):
        with signals.kept_from_children():
            for process in self.processes:
                process.start()
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            self.tasks.cancel_join_thread()  # it would wait at the end for runs to be fetched, and nobody fetches them
            for process in self.processes:
                process.terminate()  # SIGTERM: the run under way is saved, see `stop_signals`
        for process in self.processes:
            process.join()

    def train(self, runs, bar):
        """Train all runs, advancing the bar by epochs. Raises the error of the first run that fails."""
        for run in runs:
            self.tasks.put(run)
        for _ in self.processes:
            self.tasks.put(None)
        before, left = bar.n, {run.folder for run in runs}
        while left:
            with contextlib.suppress(queue.Empty):
                folder, fault = self.done.get(timeout=POLL_SECONDS)
                if fault is not None:
                    raise fault
                left.remove(folder)
            if any(process.exitcode not in (None, 0) for process in self.processes):
                raise UserError(
                    "a training process was killed (out of memory? --jobs 1 needs the least); run the command again"
                )
            bar.update(before + sum(_epochs_done(run) for run in runs) - bar.n)


def _epochs_done(run):
    return run.config.epochs if is_done(run) else len(RunFolder(run.folder).read_metrics("epoch"))


# ---------------------------------------------------------------------------------------------- in the process


def _work(tasks, done, device, threads):
    """Train runs until there are no more; for each, put (its folder, None or the exception that ended it) on `done`."""
    with contextlib.suppress(AttributeError):
        os.setsid()  # Ctrl-C then reaches only the parent, which terminates this process
    _end_with_the_parent()
    hush_runaway_numbers()
    set_thread_count(threads)
    xp = choose_device(device)
    for run in iter(tasks.get, None):
        try:
            train_one(run, xp)
        except Stopped:
            raise SystemExit(1) from None  # the parent notices, unless it asked for this
        except Exception as error:
            told = error if isinstance(error, UserError) else as_user_error(error)
            fault = UserError(f"{run.folder}: {told}") if told else RuntimeError(traceback.format_exc())
            done.put((run.folder, fault))
        else:
            done.put((run.folder, None))


def _end_with_the_parent():
    """Save and end this process when its parent is killed; otherwise two processes might later write the same run."""

    def wait():
        multiprocessing.parent_process().join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def train_one(run, xp):
    """Train one run to its end, resuming if it was begun. A diverged run is finished too; its result.json says so."""
    folder, dataset = RunFolder(run.folder), _open(run.config.data)
    with folder.held():
        if run.after and RunFolder(run.after.folder).diverged():
            folder.write_json("result.json", {"diverged": f"the run it starts from, {run.after.folder}"})
            return
        try:
            if folder.config.exists():
                trainer = go_on(folder, dataset, xp, quiet=True)
            else:
                trainer = start(folder, run.config, dataset, xp, command="tinyalex experiment", quiet=True)
            trainer.train()
        except Diverged:
            pass  # as its result.json says


@functools.cache
def _open(data):
    return open_dataset(data, quiet=True)
