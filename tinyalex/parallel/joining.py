"""How a command becomes a team: who the workers are, that they agree on what to do, and that they end together."""

import hashlib
import platform
import time
import traceback
from pathlib import Path

import numpy as np

import tinyalex
from tinyalex.backend import cores, gpu_number, set_thread_count, use_gpu
from tinyalex.errors import UserError
from tinyalex.parallel.mpi import MpiTeam, import_mpi, ranks_started
from tinyalex.parallel.nccl import NcclTeam
from tinyalex.parallel.stages import FORMS
from tinyalex.parallel.threads import run_threads
from tinyalex.terminal import stop_signals

TRANSPORTS = ("auto", "nccl", "mpi", "cuda-mpi")
OWN = ("threads", "json", "data", "module")  # options that workers may give differently


def add_parallel(parser):
    """--parallel and --transport, for commands that several workers can do together."""
    group = parser.add_argument_group("several workers (under mpiexec -n K)")
    group.add_argument(
        "--parallel",
        choices=FORMS,
        help="data: each sees its share of every batch; towers: each has half of all kernels (two workers; without mpiexec "
        "two threads); hybrid: data in the trunk, towers in the head",
    )
    group.add_argument(
        "--transport",
        choices=TRANSPORTS,
        help="how arrays of GPUs travel: nccl (auto, the default), mpi through host memory, cuda-mpi for an MPI that takes them as they are",
    )


def refuse_lonely_ranks(args):
    """End all, with one line, where mpiexec has started several processes and this one was not told to work with the others."""
    if ranks_started() == 1:
        if args.transport:
            raise UserError(f"--transport {args.transport}: is for several workers; expected --parallel beside it")
        return
    team = MpiTeam(import_mpi().COMM_WORLD)  # so that those who were told to, and wait, can be ended
    if team.rank:
        time.sleep(2)  # the first one's word ends all, unless it was started with other options
    team.abort("would do all of the work, as each of them; expected --parallel data, towers or hybrid")


def in_a_team(args, open_device, work):
    """work(team, xp, stop) on every worker; its result on the first. stop: from `stop_signals`, for threads; else None.

    open_device(args): the array module that they ask for. The others leave quietly, with the same exit code.

    A fault that one worker alone has ends all of them, with one line.
    """
    if args.parallel == "towers" and ranks_started() == 1:
        xp = open_device(args)
        with stop_signals() as stop:  # only the main thread gets to know of signals
            return run_threads(2, lambda team: work(team, xp, stop))[0]
    team = MpiTeam(import_mpi().COMM_WORLD)
    try:
        same_everywhere(team, _options(args))
        xp = team.all_do(lambda: open_device(args))
        same_everywhere(team, {"--device auto": "the CPU" if xp is np else "a GPU"})
        team = _on_device(team, args.transport, xp)
        _share_cores(team, args.threads)
        _share_memory(team, xp)
        team.last_words(f"tinyalex: one of {team.size} ranks has died, so the work has ended on all of them")
        result = work(team, xp, None)
    except (UserError, KeyboardInterrupt) as error:
        if not getattr(error, "everywhere", False) and team.size > 1:
            team.abort(str(error) or "interrupted")
        if team.rank == 0:
            raise
        raise SystemExit(2 if isinstance(error, UserError) else 130) from None
    except MemoryError as error:
        team.abort(f"not enough memory for this: {error}")
    except Exception:  # a fault of ours: all that is known of it, and nobody is left waiting
        traceback.print_exc()
        team.abort("ends, and all the others with it")
    finally:
        team.last_words("")
    if team.rank:
        raise SystemExit(0)
    return result


def _on_device(team, transport, xp):
    """The team, for arrays of `xp`; where these live on GPUs, each worker gets the next one of its machine."""
    if xp is np:
        return team
    number = team.agree(platform.node())[: team.rank].count(platform.node())  # the how manyth rank on this machine

    def prepare():
        use_gpu(xp, number)

    prepare()
    if transport in (None, "auto", "nccl"):
        return NcclTeam(team.comm, xp, prepare)
    return MpiTeam(team.comm, device_buffers=transport == "cuda-mpi", prepare=prepare)


def _share_cores(team, threads):
    """As many threads as were asked for, or as this worker's part of the cores; mpiexec may have parted these itself."""
    mine = [platform.node(), cores()]
    sharing = team.agree(mine).count(mine)  # all ask, since not all may have been given a number
    if threads is None:
        set_thread_count(max(1, len(mine[1]) // sharing))


def _share_memory(team, xp):
    """Note with how many others this worker has its memory."""
    memory = [platform.node(), None if xp is np else gpu_number(xp)]
    team.local_size = team.agree(memory).count(memory)


# ---------------------------------------------------------------------------------------------- agreement


def same_everywhere(team, values):
    """UserError, on all workers, where one of them has other values than the first. values: {what it is: JSON value}"""
    first, *others = team.agree(values)
    for rank, theirs in enumerate(others, start=1):
        for what in [*first, *(theirs.keys() - first.keys())]:
            if theirs.get(what) != first.get(what):
                found, expected = (_shown(having.get(what)) for having in (theirs, first))
                error = UserError(
                    f"rank {rank} of {team.size}: {what} is {found}, rank 0 has {expected}; expected the same on every rank"
                )
                error.everywhere = True
                raise error


def _shown(value):
    return "none" if value is None else value


def _options(args):
    """{option: value} of what was asked for, and the code that it was asked of."""
    given = {f"--{name.replace('_', '-')}": value for name, value in vars(args).items() if name not in OWN}
    return given | {"the code": f"version {tinyalex.__version__}, digest {code_digest()[:12]}"}


def code_digest():
    """A digest of this package's source, which a version number does not tell apart while it is being worked on."""
    folder, digest = Path(tinyalex.__file__).parent, hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return digest.hexdigest()
