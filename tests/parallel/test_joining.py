"""How a command becomes a team: cores and GPUs are shared out, and what has to be the same is."""

import select
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from tests.checks import refused
from tests.parallel.carriers import Comm, Mail, give_cuda
from tests.training.test_training import write_easy
from tinyalex import backend
from tinyalex.backend import ordered_map, use_gpu
from tinyalex.cli import build_parser, main
from tinyalex.commands.train import _config as config_of
from tinyalex.commands.train import _open_data as open_data
from tinyalex.errors import UserError
from tinyalex.models import find_model
from tinyalex.parallel import joining, run_threads
from tinyalex.parallel.mpi import RANKS, MpiTeam, ranks_started
from tinyalex.parallel.nccl import NcclTeam, nccl_group
from tinyalex.runs.config import Config
from tinyalex.standin import xp as device
from tinyalex.training.settings import BUILTIN_EPOCHS


@pytest.mark.parametrize(
    "machines, cores, given, expected",
    [
        ("aa", [range(8)] * 2, {}, [4, 4]),  # two that share eight cores
        ("aaa", [range(2)] * 3, {}, [1, 1, 1]),  # more workers than cores
        ("aab", [range(6)] * 3, {}, [3, 3, 6]),  # another machine
        ("aa", [range(4), range(4, 8)], {}, [4, 4]),  # mpiexec has parted them already
        ("aa", [range(8)] * 2, {1: 3}, [4, None]),  # one was told how many
    ],
)
def test_cores_are_shared_out(machines, cores, given, expected, monkeypatch):
    teams, found = {}, {}
    monkeypatch.setattr(joining.platform, "node", lambda: machines[teams[joining_thread()].rank])
    monkeypatch.setattr(joining, "cores", lambda: list(cores[teams[joining_thread()].rank]))
    monkeypatch.setattr(joining, "set_thread_count", lambda count: found.update({teams[joining_thread()].rank: count}))

    def work(team):
        teams[joining_thread()] = team
        joining._share_cores(team, given.get(team.rank))

    run_threads(len(machines), work)
    assert [found.get(rank) for rank in range(len(machines))] == expected


@pytest.mark.parametrize(
    "machines, gpus, expected",
    [
        ("aab", None, [2, 2, 1]),
        ("aab", [0, 1, 0], [1, 1, 1]),
        ("aaa", [0, 1, 0], [2, 1, 2]),  # more workers than GPUs
    ],
)
def test_who_shares_memory(machines, gpus, expected, monkeypatch):
    ranks = {}
    monkeypatch.setattr(joining.platform, "node", lambda: machines[ranks[joining_thread()]])
    monkeypatch.setattr(joining, "gpu_number", lambda xp: gpus[ranks[joining_thread()]])

    def work(team):
        ranks[joining_thread()] = team.rank
        joining._share_memory(team, device if gpus else np)
        return team.local_size

    assert run_threads(3, work) == expected


def joining_thread():
    return threading.get_ident()


@pytest.mark.parametrize(
    "transport, kind, as_they_are",
    [("auto", NcclTeam, False), ("nccl", NcclTeam, False), ("mpi", MpiTeam, False), ("cuda-mpi", MpiTeam, True)],
)
def test_transports_of_gpus(transport, kind, as_they_are, monkeypatch):
    """Each worker takes the next GPU of its machine, in the thread that computes and in the one that talks to MPI."""
    give_cuda(monkeypatch)
    mail, taken = Mail(3), []
    monkeypatch.setattr("tinyalex.parallel.nccl.nccl_group", lambda size, rank: (size, rank))
    monkeypatch.setattr(joining, "use_gpu", lambda xp, number: taken.append(number))
    monkeypatch.setattr(joining, "gpu_number", lambda xp: joining_thread())

    def work(team):
        opened = joining._on_device(MpiTeam(Comm(mail, team.rank)), transport, device)
        opened.agree("so that the other thread begins")
        return opened

    for rank, team in enumerate(run_threads(3, work)):
        assert type(team) is kind and (team.rank, team.size) == (rank, 3) and team.device_buffers is as_they_are
    assert sorted(taken) == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("transport", ["auto", "nccl"])
def test_ranks_that_share_a_gpu_go_through_mpi(transport, monkeypatch):
    """NCCL refuses them. Three ranks on two GPUs: the first is shared."""
    give_cuda(monkeypatch)
    mail, numbers = Mail(3), {}
    monkeypatch.setattr("tinyalex.parallel.nccl.nccl_group", lambda size, rank: (size, rank))
    monkeypatch.setattr(joining, "use_gpu", lambda xp, number: numbers.__setitem__(joining_thread(), number % 2))
    monkeypatch.setattr(joining, "gpu_number", lambda xp: numbers[joining_thread()])

    def work(team):
        return joining._on_device(MpiTeam(Comm(mail, team.rank)), transport, device)

    if transport == "nccl":
        refused(lambda: run_threads(3, work), "transport: found nccl", "two ranks share a GPU", error=UserError)
    else:
        assert {type(team) for team in run_threads(3, work)} == {MpiTeam}


def test_cpus_go_through_mpi():
    team = MpiTeam(Comm(Mail(1), 0))
    assert joining._on_device(team, "auto", np) is team


def test_a_machine_without_a_gpu_is_refused(monkeypatch):
    """Before arrays are to travel by NCCL, for which the others would wait."""
    mail, comms = Mail(2), {}
    monkeypatch.setattr(joining, "import_mpi", lambda: SimpleNamespace(COMM_WORLD=comms[joining_thread()]))
    monkeypatch.setattr(MpiTeam, "last_words", lambda team, text: None)
    args = SimpleNamespace(parallel="data", transport="auto", threads=None)

    def work(team):
        comms[joining_thread()] = Comm(mail, team.rank)
        with pytest.raises((UserError, SystemExit)) as ended:
            joining.in_a_team(args, lambda _: (device, np)[team.rank], None)
        return str(ended.value)

    first, second = run_threads(2, work)
    assert "rank 1 of 2: --device auto is the CPU, rank 0 has a GPU" in first and second == "2"


@pytest.mark.parametrize("error, said", [(UserError("found 0", "lr"), "--lr: found 0"), (KeyboardInterrupt(), "inter")])
def test_an_error_of_one_worker_is_spelled_for_the_command_line(error, said, monkeypatch):
    mail, comms, aborted = Mail(2), {}, []
    monkeypatch.setattr(joining, "import_mpi", lambda: SimpleNamespace(COMM_WORLD=comms[joining_thread()]))
    monkeypatch.setattr(joining, "set_thread_count", lambda count: None)
    monkeypatch.setattr(MpiTeam, "last_words", lambda team, text: None)
    monkeypatch.setattr(MpiTeam, "abort", lambda team, text: aborted.append((team.rank, text)))
    args = SimpleNamespace(parallel="data", transport="auto", threads=None, lr=0.0, spelling={"lr": "--lr"})

    def fail(team, xp, stop):
        if team.rank == 1:
            raise error

    def work(team):
        comms[joining_thread()] = Comm(mail, team.rank)
        with pytest.raises(SystemExit) if team.rank else nullcontext():
            joining.in_a_team(args, lambda _: np, fail)

    run_threads(2, work)
    ((rank, text),) = aborted
    assert rank == 1 and text.startswith(said)


@pytest.fixture
def two_gpus(monkeypatch):
    """(an array module, [(number, thread) of each time that one is chosen])"""
    taken = []
    cuda = SimpleNamespace(
        runtime=SimpleNamespace(getDeviceCount=lambda: 2),
        Device=lambda number: SimpleNamespace(use=lambda: taken.append((number, threading.get_ident()))),
    )
    monkeypatch.setattr(backend.threads, "_gpu", None)
    monkeypatch.setattr(backend.threads, "_pools", {})
    monkeypatch.setattr(backend.threads, "_threads", 3)
    return SimpleNamespace(cuda=cuda), taken


def test_gpus_are_counted_round(two_gpus):
    xp, taken = two_gpus
    for number in range(5):
        use_gpu(xp, number)
    assert [number for number, _ in taken] == [0, 1, 0, 1, 0]


def test_all_threads_use_the_workers_gpu(two_gpus):
    """Those too that update weights; on the first one they would not wait for what the worker's own computes."""
    xp, taken = two_gpus
    together = threading.Barrier(3)

    def busy(_):
        together.wait(20)  # all three at once
        return threading.get_ident()

    list(ordered_map(busy, range(3)))  # a pool that is there already
    use_gpu(xp, 1)
    used = set(ordered_map(busy, range(3)))
    assert len(used) == 3 and set(taken) == {(1, thread) for thread in used | {threading.get_ident()}}


@pytest.mark.parametrize(
    "environment, expected",
    [
        ({}, 1),
        ({"PMI_SIZE": "4"}, 4),
        ({"OMPI_COMM_WORLD_SIZE": "3"}, 3),
        ({"MPI_LOCALNRANKS": "1"}, 1),
        ({"PMI_SIZE": "many"}, 1),
        ({"SLURM_STEP_NUM_TASKS": "8"}, 8),
        ({"SLURM_NTASKS": "8"}, 1),  # the latter: in a batch script too, which is one process
        ({"SLURM_STEP_NUM_TASKS": "8", "SLURM_PTY_PORT": "1"}, 1),
        ({"SLURM_STEP_NUM_TASKS": "8", "SLURM_PTY_PORT": "1", "PMI_SIZE": "2"}, 2),
    ],
)
def test_how_many_were_started(environment, expected, monkeypatch):
    for name in RANKS:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ranks_started() == expected


def test_without_nccl(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupyx.distributed", None)
    refused(lambda: nccl_group(2, 0), "transport: nccl", "pip install", "or mpi instead", error=UserError)


def test_same_everywhere():
    def work(team, values):
        refused(lambda: joining.same_everywhere(team, values[team.rank]), *said, error=UserError)

    values, said = (
        [{"--a": 1, "--b": None}, {"--a": 1, "--b": None}, {"--a": 1, "--b": 7}],
        ["rank 2 of 3", "--b is 7", "rank 0 has none"],
    )
    run_threads(3, lambda team: work(team, values))
    run_threads(2, lambda team: joining.same_everywhere(team, {"--a": [1, None]}))


def test_other_settings_are_refused(tmp_path):
    """From a recipe or a config.json of the rank's own; the data may lie elsewhere on its machine."""
    data = write_easy(tmp_path / "easy", 8, 4)

    def work(team, **other):
        chosen = dict(batch=8) | (other if team.rank == 1 else {})
        return open_data(str(data), Config.for_model(find_model("alexnet-small"), f"at/{team.rank}", **chosen), team)

    first, second = run_threads(2, work)
    assert first.fingerprint == second.fingerprint
    refused(lambda: run_threads(2, partial(work, lr=0.5)), "rank 1 of 2: the setting lr is 0.5", error=UserError)


def test_the_digest_sees_every_file(tmp_path, monkeypatch):
    package = tmp_path / "tinyalex"
    (package / "layers").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "layers" / "conv.py").write_text("a = 1\n")
    monkeypatch.setattr(joining.tinyalex, "__file__", str(package / "__init__.py"))
    before = joining.code_digest()
    (package / "layers" / "conv.py").write_text("a = 2\n")
    assert joining.code_digest() != before


@pytest.mark.parametrize("form", ["data", "towers"])
def test_the_first_command_is_as_long_for_a_team(form):
    args = build_parser("train").parse_args(["train", "--parallel", form])
    config = config_of(args)
    assert (config.model, config.epochs) == ("alexnet-small" + "+two-towers" * (form == "towers"), BUILTIN_EPOCHS)


@pytest.mark.parametrize("transport", ["nccl", "cuda-mpi"])
def test_a_transport_of_gpus_between_cpus(transport):
    refused(lambda: joining._on_device(None, transport, np), "expected ranks with GPUs, or mpi", error=UserError)
    assert joining._on_device("a team", "mpi", np) == "a team"


def test_a_transport_between_threads(capsys):
    assert main(["train", "--parallel", "towers", "--transport", "mpi"]) == 2
    assert "--transport: found mpi, expected mpiexec" in capsys.readouterr().err


def test_a_transport_without_workers(capsys):
    assert main(["train", "--transport", "mpi"]) == 2
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1 and "--transport: found mpi" in said and "expected --parallel" in said


ABORT = """
import fcntl, os, termios
from tinyalex.parallel.mpi import MpiTeam

class Comm:
    Get_rank, Get_size, pipe = lambda self: 1, lambda self: 2, os.dup(2)

    def Abort(self, code):
        os._exit(9 if any(fcntl.ioctl(self.pipe, termios.FIONREAD, bytes(4))) else code)

MpiTeam(Comm()).abort("stopped")
"""


def test_the_last_line_is_read_before_all_ranks_end():
    pytest.importorskip("fcntl", reason="pipes of POSIX")
    with subprocess.Popen([sys.executable, "-c", ABORT], stderr=subprocess.PIPE, text=True) as process:
        select.select([process.stderr], [], [])
        time.sleep(0.3)  # mpiexec may take its time
        assert process.communicate()[1] == "tinyalex: rank 1 of 2: stopped\n" and process.returncode == 2
