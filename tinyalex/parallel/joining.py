"""How a command becomes a team: find the workers, check that they agree on the work, end together."""

import hashlib
import platform
import time
import traceback
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinyalex
from tinyalex.backend import cores, gpu_number, set_thread_count, use_gpu
from tinyalex.errors import UserError
from tinyalex.files import as_user_error
from tinyalex.parallel.mpi import MpiTeam, import_mpi, ranks_started
from tinyalex.parallel.nccl import NcclTeam
from tinyalex.parallel.stages import FORMS
from tinyalex.parallel.team import Team
from tinyalex.parallel.threads import run_threads
from tinyalex.signals import exit_code
from tinyalex.terminal import message, spelled, stop_signals

TRANSPORTS = ("auto", "nccl", "mpi", "cuda-mpi")
OWN = ("threads", "json", "data", "module", "spelling")  # arguments that may differ between workers


def add_parallel(parser: ArgumentParser) -> None:
    """Add --parallel and --transport, for commands that several workers can run together."""
    group = parser.add_argument_group("several workers (under mpiexec -n K)")
    group.add_argument(
        "--parallel",
        choices=FORMS,
        help="data: each worker takes its share of every batch; towers: each has half of the kernels (two workers; "
        "without mpiexec, two threads); hybrid: data in the trunk, towers in the head",
    )
    group.add_argument(
        "--transport",
        choices=TRANSPORTS,
        help="how arrays travel between GPUs: by nccl (auto, the default, if each rank has one); by mpi, through host "
        "memory; by cuda-mpi, an MPI that takes arrays of GPUs directly",
    )


def refuse_lonely_ranks(args: Namespace) -> None:
    """End all ranks, with one line, if mpiexec started several and this one was not given --parallel."""
    if ranks_started() == 1:
        if args.transport:
            raise UserError(f"found {args.transport} without --parallel; expected --parallel too", "transport")
        return
    team = MpiTeam(import_mpi().COMM_WORLD)  # its abort also ends ranks that were given --parallel and wait
    if team.rank:
        time.sleep(2)  # rank 0 ends all, unless its options differ
    team.abort("each rank would do all of the work; expected --parallel data, towers or hybrid")


def in_a_team(args: Namespace, open_device: Callable[[Namespace], Any], work: Callable[[Team, Any, Any], Any]) -> Any:
    """Run work(team, xp, stop) on every worker; its result, on the first worker. The others exit, with the same code.

    open_device: args → the array module
    stop: from `stop_signals` if the workers are threads, else None

    An error on one worker alone ends all of them, with one line.
    """
    if args.parallel == "towers" and ranks_started() == 1:
        if args.transport:
            raise UserError(
                f"found {args.transport}, expected mpiexec: two threads of one process share memory", "transport"
            )
        xp = open_device(args)
        with stop_signals() as stop:  # only the main thread receives signals
            return run_threads(2, lambda team: work(team, xp, stop))[0]
    team = MpiTeam(import_mpi().COMM_WORLD)
    try:
        same_everywhere(team, _options(args))
        xp = team.all_do(lambda: open_device(args))
        same_everywhere(team, {"--device auto": "the CPU" if xp is np else "a GPU"})
        team = _on_device(team, args.transport, xp)
        _share_cores(team, args.threads)
        _share_memory(team, xp)
        team.last_words(f"tinyalex: one of {team.size} ranks has died, which ends the work on all of them")
        result = work(team, xp, None)
    except (UserError, KeyboardInterrupt) as error:
        if not getattr(error, "everywhere", False) and team.size > 1:
            team.abort(message(error, args) or "interrupted")
        if team.rank == 0:
            raise
        raise SystemExit(2 if isinstance(error, UserError) else exit_code()) from None
    except MemoryError as error:
        team.abort(f"not enough memory for this: {error}")
    except Exception as error:
        if told := as_user_error(error):
            team.abort(message(told, args))
        traceback.print_exc()  # a bug; no worker is left waiting
        team.abort("failed, which ends all the others too")
    finally:
        team.last_words("")
    if team.rank:
        raise SystemExit(0)
    return result


def _on_device(team, transport, xp):
    """The team for arrays of `xp`. On GPUs each worker takes the next GPU of its machine."""
    if xp is np:
        if transport in ("nccl", "cuda-mpi"):
            raise UserError(f"found {transport}, expected ranks with GPUs, or mpi", "transport")
        return team
    number = team.agree(platform.node())[: team.rank].count(platform.node())  # this rank's index on this machine

    def prepare():
        use_gpu(xp, number)

    prepare()
    places = team.agree([platform.node(), gpu_number(xp)])
    shared = len({tuple(place) for place in places}) < len(places)  # NCCL wants a GPU for each rank
    if transport == "nccl" and shared:
        raise UserError("found nccl, but two ranks share a GPU; expected a GPU for each rank, or mpi", "transport")
    if transport == "nccl" or transport in (None, "auto") and not shared:
        return NcclTeam(team.comm, xp, prepare)
    return MpiTeam(team.comm, device_buffers=transport == "cuda-mpi", prepare=prepare)


def _share_cores(team, threads):
    """Without --threads, use one thread per core of this worker's share; mpiexec may have divided the cores already."""
    mine = [platform.node(), cores()]
    sharing = team.agree(mine).count(mine)  # before the `if`: all workers must exchange, with --threads or without
    if threads is None:
        set_thread_count(max(1, len(mine[1]) // sharing))


def _share_memory(team, xp):
    """Set how many workers share this one's memory."""
    memory = [platform.node(), None if xp is np else gpu_number(xp)]
    team.local_size = team.agree(memory).count(memory)


# ---------------------------------------------------------------------------------------------- agreement


def same_everywhere(team: Team, values: dict[str, Any]) -> None:
    """UserError, on all workers, if one worker's values differ from the first's. values: {what it is: JSON value}"""
    first, *others = team.agree(values)
    for rank, theirs in enumerate(others, start=1):
        for what in [*first, *(theirs.keys() - first.keys())]:
            if theirs.get(what) != first.get(what):
                found, expected = (_shown(having.get(what)) for having in (theirs, first))
                error = UserError(
                    f"rank {rank} of {team.size}: {what} is {found}, rank 0 has {expected}; "
                    "expected the same on every rank"
                )
                error.everywhere = True
                raise error


def _shown(value):
    return "none" if value is None else value


def _options(args):
    """{option: value}, and the version and digest of the code."""
    given = {spelled(args, name): value for name, value in vars(args).items() if name not in OWN}
    return given | {"the code": f"version {tinyalex.__version__}, digest {code_digest()[:12]}"}


def code_digest() -> str:
    """A digest of this package's source: while it is being worked on, one version number stands for many sources."""
    folder, digest = Path(tinyalex.__file__).parent, hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return digest.hexdigest()
