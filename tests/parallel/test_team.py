"""What a team does with arrays, whoever carries them: threads, MPI through host memory, CUDA-aware MPI, NCCL."""

import inspect
import threading
import time
import warnings

import numpy as np
import pytest

from tests.checks import agree, agree_all, edited
from tests.conftest import REHEARSED
from tests.parallel.carriers import Comm, Group, Mail, Stream, give_cuda
from tests.parallel.test_network import batch, network
from tinyalex.backend import to_device, to_host
from tinyalex.errors import UserError
from tinyalex.layers import SoftmaxCrossEntropy
from tinyalex.parallel import Alone, Team, nccl, run_threads, split_network
from tinyalex.parallel.mpi import MpiTeam
from tinyalex.parallel.nccl import NcclTeam
from tinyalex.parallel.sums import BUCKET_BYTES, GradientSums
from tinyalex.standin import DeviceArray
from tinyalex.standin import xp as device

SIZES = (1, 2, 3, 5)


def threads(size, function, xp=np):
    return run_threads(size, function)


def carried(make):
    """A way to run function(team) in threads, whose teams `make(mail, rank)` builds."""

    def run(size, function, xp=device):
        mail = Mail(size)
        return run_threads(size, lambda team: function(make(mail, team.rank)))

    return run


def nccl_team(mail, rank):
    nccl.nccl_group = lambda size, rank: Group(mail, rank)
    return NcclTeam(Comm(mail, rank), device, prepare=lambda: None)


CARRIERS = {
    "threads": (threads, np),
    "MPI": (carried(lambda mail, rank: MpiTeam(Comm(mail, rank))), np),
    "MPI through host memory": (carried(lambda mail, rank: MpiTeam(Comm(mail, rank))), device),
    "CUDA-aware MPI": (
        carried(lambda mail, rank: MpiTeam(Comm(mail, rank, (DeviceArray, np.ndarray)), device_buffers=True)),
        device,
    ),
    "NCCL": (carried(nccl_team), device),
}


@pytest.fixture(params=CARRIERS)
def carrier(request, monkeypatch):
    give_cuda(monkeypatch)
    monkeypatch.setattr(nccl, "nccl_group", nccl.nccl_group)  # so that what a test puts there is taken back
    return CARRIERS[request.param]


def numbers(rank, *shape):
    return np.random.default_rng(rank).standard_normal(shape)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_gather(carrier, size, axis):
    run, xp = carrier
    counts = [(2, 0, 3, 1, 2)[rank] for rank in range(size)]
    shapes = [(4, 3, 2)[:axis] + (count,) + (4, 3, 2)[axis + 1 :] for count in counts]
    expected = np.concatenate([numbers(rank, *shape) for rank, shape in enumerate(shapes)], axis)

    def work(team):
        x = to_device(numbers(team.rank, *shapes[team.rank]).repeat(2, axis=-1), xp)[..., ::2]  # not contiguous
        return to_host(team.gather(x, counts, axis, "x"))

    for found in run(size, work):
        agree(found, expected, "gathered", exact=True)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("axis", [0, 1])
def test_sum_scatter(carrier, size, axis):
    run, xp = carrier
    ends = [(0, 2, 2, 3, 6, 7)[k] for k in range(size + 1)]
    cuts = [slice(a, b) for a, b in zip(ends, ends[1:])]
    total = sum(numbers(rank, 7, 7) for rank in range(size))

    def work(team):
        x = to_device(numbers(team.rank, 7, 7), xp)
        part = to_host(team.sum_scatter(x, cuts, axis, "x"))
        agree(to_host(x), numbers(team.rank, 7, 7), "x", exact=True)  # unchanged
        return part

    for rank, part in enumerate(run(size, work)):
        agree(part, total[(slice(None),) * axis + (cuts[rank],)], "sum", rtol=1e-12)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("length", [1, 2, 11, 4096])
def test_sum_into(carrier, size, length):
    """In place, in the order of ranks to the last bit, whatever the order in which messages come."""
    run, xp = carrier
    total = numbers(0, length)
    for rank in range(1, size):
        total = total + numbers(rank, length)

    def work(team):
        time.sleep(0.01 * ((team.rank * 2) % 3))
        flat = to_device(numbers(team.rank, length), xp)
        team.sum_into(flat, "x")
        return to_host(flat), team.sent["x"]

    answers = run(size, work)
    for found, _ in answers:
        agree(found, total, "sum", exact=True)
    assert sum(sent for _, sent in answers) == 2 * (size - 1) * length * 8  # all runs to all others, twice


@pytest.mark.parametrize("size", SIZES)
def test_words_and_totals(carrier, size):
    run, _ = carrier
    values = [{"rank": 0}, [1, "zwei"], None, "", 4.5][:size]
    for words, totals in run(size, lambda team: (team.agree(values[team.rank]), team.totals([team.rank, 0.5, True]))):
        assert words == values and totals == [sum(range(size)), size / 2, size]


def sums(team, xp):
    """Gradients of every length, added up while nobody waits."""
    shapes = {
        "long": (3 * BUCKET_BYTES // 8 + 5,),
        "short": (7,),
        "flat": (5, 3),
        "scalar": (1,),
        "middle": (BUCKET_BYTES // 32, 2),
    }
    grads = {name: to_device(numbers(team.rank, *shape), xp) for name, shape in shapes.items()}
    under_way = GradientSums(team)
    for name, grad in grads.items():
        under_way.add({name: grad})
    under_way.wait()
    return to_host(grads)


def test_gradient_sums(carrier):
    run, xp = carrier
    first, second = run(2, lambda team: sums(team, xp))
    agree_all(first, second, "of two workers", exact=True)
    for name, total in first.items():
        agree(total, numbers(0, *total.shape) + numbers(1, *total.shape), name, exact=True)


@pytest.mark.alone
def test_mpi_and_nccl_go_on_while_sums_travel(monkeypatch):
    """submit returns before the other worker has even begun."""
    mail, begun = Mail(2), []

    def work(team):
        team = MpiTeam(Comm(mail, team.rank))
        if team.rank == 1:
            time.sleep(0.3)
        flat, start = numbers(team.rank, 10), time.perf_counter()
        under_way = team.submit(lambda: team.sum_into(flat, "x"))
        begun.append(time.perf_counter() - start)
        under_way.wait()
        return flat

    first, second = run_threads(2, work)
    agree(first, second, "sums", exact=True)
    assert max(begun) < 0.2


def test_nccl_waits_for_the_right_streams(monkeypatch):
    """Submitted work waits for what is computed so far; later work waits for it, once it is asked for."""
    give_cuda(monkeypatch)
    monkeypatch.setattr(nccl, "nccl_group", None)

    def work(team):
        under_way = team.submit(lambda: team.sum_into(to_device(numbers(team.rank, 10), device), "x"))
        under_way.wait()
        assert set(team.group.streams) == {"beside"}  # NCCL's own work too
        return [what for thread, *what in Stream.log if thread == threading.get_ident()]

    expected = [["record", "main"], ["beside waits for", "main"], ["record", "beside"], ["main waits for", "beside"]]
    assert carried(nccl_team)(2, work) == [expected, expected]


def test_cuda_aware_mpi_waits_for_the_device(monkeypatch):
    give_cuda(monkeypatch)
    CARRIERS["CUDA-aware MPI"][0](2, lambda team: team.sum_into(to_device(numbers(team.rank, 10), device), "x"))
    assert [what for _, what, _ in Stream.log].count("synchronize") == 4  # two exchanges of two workers


@pytest.mark.parametrize("form, size", [("data", 3), ("hybrid", 2), ("hybrid", 3), ("towers", 2)])
def test_networks_on_devices(carrier, form, size):
    """A whole step: the trunk's and the head's gradients, with what was drawn on the host."""
    run, xp = carrier
    alone, (x, labels), loss = network(), batch(7), SoftmaxCrossEntropy()
    alone.map_arrays(lambda p: to_device(p, xp))  # there too: a device takes the trunk's batch in one piece
    scores, cache = alone.forward(to_device(x, xp), True, np.random.default_rng(4))
    _, loss_cache = loss.forward(scores, to_device(labels, xp))
    _, expected = alone.backward(loss.backward(loss_cache), cache)

    def work(team):
        net = split_network(form, network(), team)
        net.map_arrays(lambda p: to_device(p, xp))
        share = net.share(7)
        scores, cache = net.forward(to_device(x[share.run], xp), True, net.draws(np.random.default_rng(4), 7))
        mine = labels[net.scored(share)]
        _, loss_cache = loss.forward(scores, to_device(mine, xp))
        _, grads = net.backward(loss.backward(loss_cache) * (len(mine) / 7), cache, input_grad=False)
        return to_host(net.joined(grads))

    for grads in run(size, work):
        agree_all(grads, expected, form, rtol=1e-9)


# ---------------------------------------------------------------------------------------------- faults


def test_a_fault_of_one_thread_ends_all():
    def work(team):
        if team.rank == 1:
            raise KeyError("mine")
        team.agree(1)

    with pytest.raises(KeyError, match="mine"):
        run_threads(3, work)


@pytest.mark.parametrize(
    "guilty, said", [([1], "rank 1 of 3: no such file"), ([0, 1, 2], "no such file"), ([0, 2], "rank 0 of 3")]
)
def test_all_do(guilty, said):
    """A mistake of one is known to all, so that each of them ends, and one of them says it."""

    def read(team):
        if team.rank in guilty:
            raise UserError("no such file")
        return team.rank

    def work(team):
        with pytest.raises(UserError) as refused:
            team.all_do(lambda: read(team))
        assert refused.value.everywhere and team.all_do(lambda: team.rank) == team.rank
        return str(refused.value)

    texts = run_threads(3, work)
    assert len(set(texts)) == 1 and texts[0].startswith(said)


def test_alone():
    team = Alone()
    x = numbers(0, 3, 2)
    agree(team.gather(x, [2], 1, "x"), x, "gathered", exact=True)
    assert team.agree({"a": 1}) == [{"a": 1}] and team.totals([2]) == [2.0] and not team.sent
    team.submit(lambda: team.sum_into(x[0], "x")).wait()


@pytest.mark.parametrize(
    "method, old, new",
    [
        ("sum_into", "mine[...] = _sum_in_order(parts)", "mine[...] = _sum_in_order(parts[::-1])"),
        ("sum_into", "len(flat) * k // self.size", "len(flat) // self.size * k"),
        ("sum_into", "self.exchange([mine] * self.size, runs, label)", "pass"),
        ("gather", "enumerate(shapes)]", "enumerate(shapes[::-1])]"),
    ],
)
def test_team_teeth(monkeypatch, method, old, new):
    monkeypatch.setattr(Team, method, vars(edited(Team, old, new))[method])
    with pytest.raises((AssertionError, ValueError)):
        if method == "gather":
            test_gather(CARRIERS["threads"], 2, 0)
        else:
            for length in (2, 11, 4096):
                test_sum_into(CARRIERS["threads"], 5, length)


# ---------------------------------------------------------------------------------------------- the real interfaces


def test_cupys_names_are_what_is_assumed():
    pytest.importorskip("cupy", reason="CuPy is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # CuPy says so where there is no NCCL
        from cupy.cuda import Stream as CupyStream
        from cupyx.distributed import NCCLBackend, init_process_group
    for name in ("send", "recv", "send_recv"):
        assert list(inspect.signature(getattr(NCCLBackend, name)).parameters) == list(
            inspect.signature(getattr(Group, name)).parameters
        )
    assert "use_mpi" in inspect.signature(init_process_group).parameters
    assert all(hasattr(CupyStream, name) for name in ("record", "wait_event", "synchronize", "__enter__"))


@pytest.mark.mpi
def test_mpis_names_are_what_is_assumed():
    """Looked up without starting MPI in this process."""
    import importlib.util
    from pathlib import Path

    stub = Path(importlib.util.find_spec("mpi4py").origin).with_name("MPI.pyi").read_text(encoding="utf-8")
    for name in ("Isend", "Irecv", "Test", "Abort", "Get_rank", "Get_size"):
        assert f"def {name}(" in stub, name


def step_of(net, x, labels, rng):
    """All gradients of a step, where all scores are here."""
    scores, cache = net.forward(x, True, rng)
    _, loss_cache = SoftmaxCrossEntropy().forward(scores, labels)
    return net.backward(SoftmaxCrossEntropy().backward(loss_cache), cache, input_grad=False)[1]


def step_of_part(form, alone, team, x, labels):
    """The same by one of several workers."""
    net, pictures = split_network(form, alone, team), len(x)
    draws = net.draws(np.random.default_rng(4), pictures)
    return net.joined(step_of(net, x[net.share(pictures).run], labels, draws))


@pytest.mark.gpu
@pytest.mark.skipif(REHEARSED, reason="needs CuPy itself")
@pytest.mark.parametrize("kind", ["NCCL", "CUDA-aware MPI"])
def test_one_rank_on_a_gpu(gpu, kind):
    """It has nobody to talk to: that the group can be made, and that a step is the plain network's."""
    comm = Comm(Mail(1), 0, object)
    team = NcclTeam(comm, gpu, lambda: None) if kind == "NCCL" else MpiTeam(comm, device_buffers=True)
    x, labels = to_device(batch(7), gpu)
    alone = network()
    alone.map_arrays(lambda p: to_device(p, gpu))
    expected = step_of(alone, x, labels, np.random.default_rng(4))
    for form in ("data", "hybrid", "towers"):
        agree_all(step_of_part(form, alone, team, x, labels), expected, form, rtol=1e-9)
    flat = gpu.arange(10.0)
    team.submit(lambda: team.sum_into(flat, "x")).wait()
    assert (flat == gpu.arange(10.0)).all()


@pytest.mark.gpu
@pytest.mark.parametrize("form", ["towers", "hybrid"])
def test_two_threads_on_one_gpu(gpu, form):
    x, labels = to_device(batch(8), gpu)
    alone = network()
    alone.map_arrays(lambda p: to_device(p, gpu))
    expected = step_of(alone, x, labels, np.random.default_rng(4))

    for grads in run_threads(2, lambda team: step_of_part(form, alone, team, x, labels)):
        agree_all(to_host(grads), to_host(expected), form, rtol=1e-9)


def test_sums_of_an_array_of_any_layout():
    own = np.arange(6.0).reshape(2, 3)

    def work(team):
        return team.add_up([own, own.T, own[:, ::2]], "sums")

    for found in run_threads(2, work):
        for total, array in zip(found, (own, own.T, own[:, ::2])):
            agree(total, 2 * array, "sum", exact=True)
