"""The shim: which library, whose random numbers, how many threads."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from tests.checks import refused
from tests.conftest import REHEARSED
from tinyalex import backend
from tinyalex.backend import threads
from tinyalex.errors import UserError
from tinyalex.standin import DeviceArray
from tinyalex.standin import xp as device

# ---------------------------------------------------------------------------------------------- which library


def test_arrays_know_their_library():
    assert backend.array_module(np.zeros(2)) is np
    assert backend.array_module(device.zeros(2)) is device
    assert backend.is_host(np.zeros(2)) and not backend.is_host(device.zeros(2))
    for other in ([1.0], 1.0, None):
        refused(lambda: backend.array_module(other), type(other).__name__, "a NumPy or a CuPy array", error=TypeError)


def test_trees_move_to_the_device_and_back():
    tree = {"a": np.arange(3), "b": [np.ones((2, 2)), (np.zeros(1),)]}
    there = backend.to_device(tree, device)
    assert isinstance(there["a"], DeviceArray) and isinstance(there["b"][1][0], DeviceArray)
    assert backend.to_device(there, device)["a"] is there["a"], "an array that is there already is copied"
    back = backend.to_host(there)
    assert isinstance(back["b"][1], tuple)
    np.testing.assert_array_equal(back["a"], tree["a"])
    np.testing.assert_array_equal(back["b"][0], tree["b"][0])
    assert backend.to_host(tree)["a"] is tree["a"]


class NoDriver(Exception):
    pass


class FakeCupy(SimpleNamespace):
    __hash__ = object.__hash__


def fake_cupy(count, fault=None):
    """CuPy as far as the search for a GPU looks at it; count: devices, or the error that asking raises.

    fault: the error that computing raises
    """

    def get_device_count():
        if isinstance(count, Exception):
            raise count
        return count

    def ones(shape, dtype):
        if fault is not None:
            raise fault
        return np.ones(shape, dtype)

    runtime = SimpleNamespace(getDeviceCount=get_device_count, CUDARuntimeError=NoDriver)
    return FakeCupy(cuda=SimpleNamespace(runtime=runtime), ones=ones)


@pytest.mark.parametrize(
    "cupy, missing",
    [
        (None, "CuPy is not installed"),
        (
            fake_cupy(NoDriver("cudaErrorInsufficientDriver: too old")),
            "no usable NVIDIA driver (cudaErrorInsufficientDriver)",
        ),
        (fake_cupy(0), "no device"),
        (
            fake_cupy(1, ImportError("libnvrtc.so.12: cannot open\nshared object")),
            'libraries do not work (libnvrtc.so.12: cannot open); expected: pip install "cupy-cuda12x[ctk]"',
        ),
        (fake_cupy(1, RuntimeError()), "libraries do not work (RuntimeError)"),
    ],
)
def test_a_gpu_that_is_not_there(monkeypatch, cupy, missing):
    monkeypatch.setitem(sys.modules, "cupy", cupy)  # None: the import fails
    assert backend.choose_device("auto") is np and backend.choose_device("cpu") is np
    refused(lambda: backend.choose_device("gpu"), "device: found gpu, but", missing, error=UserError)


@pytest.mark.parametrize("value, works", [("1", False), ("0", True), ("", True)])
def test_a_stream_for_each_thread_is_refused(monkeypatch, value, works):
    """Arrays pass between threads, which only the one stream that they share keeps in order."""
    cupy = fake_cupy(1)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setenv("CUPY_CUDA_PER_THREAD_DEFAULT_STREAM", value)
    assert backend.choose_device("auto") is (cupy if works else np)
    if not works:
        words = "device: found gpu, but CUPY_CUDA_PER_THREAD_DEFAULT_STREAM is set", "unset"
        refused(lambda: backend.choose_device("gpu"), *words, error=UserError)


def test_tf32_is_switched_on_and_off(monkeypatch):
    chosen = []
    linalg = SimpleNamespace(
        set_compute_type=lambda *chosen_now: chosen.append(chosen_now),
        COMPUTE_TYPE_TF32="tf32",
        COMPUTE_TYPE_FP32="fp32",
    )
    cupy = SimpleNamespace(_core=SimpleNamespace(_routines_linalg=linalg))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    for xp in (np, device, cupy):
        backend.allow_tf32(True, xp)
        backend.allow_tf32(False, xp)
    assert chosen == [(np.dtype("float32"), "tf32"), (np.dtype("float32"), "fp32")]


@pytest.mark.cupy
def test_cupy_has_what_switches_tf32():
    """Without a device it cannot be called; its names and the number of its arguments can be seen."""
    linalg = pytest.importorskip("cupy")._core._routines_linalg
    assert linalg.COMPUTE_TYPE_TF32 != linalg.COMPUTE_TYPE_FP32
    with pytest.raises(TypeError, match="positional argument"):
        linalg.set_compute_type()


def test_unlike_gpus_draw_alike(monkeypatch):
    """CuPy's own number of states depends on how many processors a GPU has, and so do the numbers drawn."""
    asked = []

    class Random:
        Generator = staticmethod(lambda bits: bits)

        @staticmethod
        def Philox4x3210(seed, *, size=-1):
            asked.append((seed, size))

    backend.random_stream(3, "dropout", xp=SimpleNamespace(random=Random))
    ((seed, size),) = asked
    assert seed > 0 and size == 1 << 16


def test_a_gpu_that_is_there(monkeypatch):
    cupy = fake_cupy(1)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    assert backend.choose_device("auto") is cupy and backend.choose_device("gpu") is cupy
    assert backend.choose_device("cpu") is np


# ---------------------------------------------------------------------------------------------- random numbers


def test_streams_depend_on_their_whole_key():
    keys = [(0,), (1,), (0, 7), (0, "a"), (0, "b"), (0, "a", 1), (0, "a", 2), (1, "a", 1), (), ()]
    draws = [tuple(backend.random_stream(*key).random(4)) for key in keys]
    assert len(set(draws)) == len(draws), "two keys share a stream (and without a key each is fresh)"
    for key, draw in zip(keys[:-2], draws):
        assert tuple(backend.random_stream(*key).random(4)) == draw


@pytest.mark.parametrize("key, other", [((3,), (3, 0)), ((0, "a"), (0, "a", 0)), ((2**32,), (0, 1))])
def test_streams_of_shorter_and_longer_keys_differ(key, other):
    assert backend.random_stream(*key).random() != backend.random_stream(*other).random()


def test_uniform_draws_on_the_host_for_every_library():
    here = backend.uniform(backend.random_stream(3), (100, 7), np)
    there = backend.uniform(backend.random_stream(3), (100, 7), device)
    assert here.dtype == np.float32 and here.min() >= 0 and here.max() < 1
    assert abs(here.mean() - 0.5) < 5 / np.sqrt(12 * here.size)
    np.testing.assert_array_equal(there.get(), here)
    assert (backend.uniform(None, 5, np) != backend.uniform(None, 5, np)).any()


def test_child_streams():
    draws = [[tuple(rng.random(3)) for rng in backend.child_streams(backend.random_stream(5), 4)] for _ in range(2)]
    assert draws[0] == draws[1] and len(set(draws[0])) == 4
    assert backend.child_streams(None, 3) == [None] * 3
    rng = backend.random_stream(5)
    assert backend.child_streams(rng, 1)[0].random() != backend.child_streams(rng, 1)[0].random()


# ---------------------------------------------------------------------------------------------- memory


def test_scratch_is_one_buffer_a_thread_and_dtype():
    first = backend.scratch((4, 5), np.float32, np)
    assert first.shape == (4, 5) and first.dtype == np.float32
    assert np.shares_memory(first, backend.scratch((3,), np.float32, np))
    assert not np.shares_memory(first, backend.scratch((4, 5), np.float64, np))
    others = []
    thread = threading.Thread(target=lambda: others.append(backend.scratch((4, 5), np.float32, np)))
    thread.start()
    thread.join()
    assert not np.shares_memory(first, others[0]), "two threads share a buffer"
    large = backend.scratch((100_000,), np.float32, np)
    assert large.shape == (100_000,) and isinstance(backend.scratch((2,), "float32", device), DeviceArray)


@pytest.mark.parametrize(
    "meminfo, cgroup, available", [(5, 3, 3), (5, 9, 5), (5, None, 5), (None, 3, 3), (None, None, None)]
)
def test_memory_is_the_least_of_the_limits(monkeypatch, meminfo, cgroup, available):
    monkeypatch.setattr(backend.memory, "_meminfo_available", lambda: meminfo)
    monkeypatch.setattr(backend.memory, "_cgroup_available", lambda: cgroup)
    assert backend.memory_available(np) == available


@pytest.mark.parametrize(
    "limit, used, files, available",
    [(8000, 7900, (3000, 4000), 7100), (8000, 7900, (0, 0), 100), (8000, 9000, (100, 0), 0), ("max", 5, (1, 1), None)],
)
def test_files_in_memory_give_way_in_a_container(tmp_path, monkeypatch, limit, used, files, available):
    contents = {"memory.max": limit, "memory.current": used}
    contents["memory.stat"] = "anon 5\nactive_file {}\ninactive_file {}".format(*files)
    for name, content in contents.items():
        (tmp_path / name).write_text(f"{content}\n")
    monkeypatch.setattr(backend.memory, "CGROUP", tmp_path)
    assert backend.memory._cgroup_available() == available


@pytest.mark.parametrize("most", [1 << 30, 32 << 20])
def test_freed_memory_is_kept_by_every_glibc(most, monkeypatch):
    """Up to 2.34 it refuses a threshold above 32 MiB; without any, the others would make things worse."""
    took = {}

    def mallopt(parameter, value):
        accepted = parameter != -3 or value <= most
        took.update({parameter: value} if accepted else {})
        return int(accepted)

    monkeypatch.setattr(backend.memory.ctypes, "CDLL", lambda name: SimpleNamespace(mallopt=mallopt))
    backend.memory.keep_freed_memory.__wrapped__()
    assert took == {-3: most, -1: (1 << 31) - 1, -8: 1}


def test_memory_of_this_machine():
    available = backend.memory_available(np)
    assert available is None or 1e6 < available < 1e15


# ---------------------------------------------------------------------------------------------- threads


def test_nothing_of_an_ordered_map_outlives_it(set_threads):
    """Whichever of three threads the caller is, a helper is at work when the first item fails."""
    set_threads(3)
    begun, ended = threading.Barrier(3, timeout=5), []

    def work(number):
        begun.wait()
        if number == 0:
            raise ValueError
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.3)
        ended.append(number)

    with pytest.raises(ValueError):
        list(backend.ordered_map(work, range(3)))
    assert sorted(ended) == [1, 2]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_ordered_map(set_threads, count):
    set_threads(count)
    together, most = [], []

    def square(n):
        together.append(n)
        most.append(len(together))
        time.sleep(0.02 if n == 0 else 0.002)  # the first is the last to be ready
        together.remove(n)
        return n * n

    assert list(backend.ordered_map(square, range(9))) == [n * n for n in range(9)]
    assert max(most) <= count and (count == 1) == (max(most) == 1)
    assert list(backend.ordered_map(square, [])) == []
    with pytest.raises(ZeroDivisionError):
        list(backend.ordered_map(lambda n: 1 // n, [1, 0, 2]))
    next(backend.ordered_map(square, range(9)))  # left early
    assert list(backend.ordered_map(square, [3])) == [9]


def test_the_caller_is_one_of_the_threads(set_threads):
    """It works instead of waiting, and what it calls meanwhile starts no more of them."""
    set_threads(2)
    both, own = threading.Barrier(2), threading.get_ident()

    def threads_inside(_):
        both.wait(20)
        assert backend.among_threads()
        return {threading.get_ident()} == set(backend.ordered_map(lambda _: threading.get_ident(), range(3)))

    assert list(backend.ordered_map(threads_inside, range(4))) == [True] * 4 and not backend.among_threads()
    began = []

    def fail(n):
        began.append((n, threading.get_ident() == own))
        both.wait(20)
        raise ValueError(n)

    with pytest.raises(ValueError, match="^0$"):  # in order, whichever was first
        list(backend.ordered_map(fail, range(2)))
    assert {here for _, here in began} == {True, False} and not backend.among_threads()
    assert list(backend.ordered_map(abs, range(4))) == list(range(4))
    assert len(began) == 2


def test_ctrl_c_is_not_put_off(set_threads):
    """An error waits for its turn; Ctrl-C, which comes to the caller's thread, does not."""
    set_threads(2)
    main = threading.current_thread()

    def work(n):
        if threading.current_thread() is main:
            raise KeyboardInterrupt
        time.sleep(0.05)

    with pytest.raises(KeyboardInterrupt):
        next(backend.ordered_map(work, range(9)))
    assert not backend.among_threads()


def test_the_callers_errstate_holds_in_threads(set_threads):
    set_threads(2)
    with np.errstate(over="ignore", divide="raise"):
        seen = list(backend.ordered_map(lambda _: np.geterr(), range(4)))
        assert seen == [np.geterr()] * 4


def blas_threads():
    return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}


def test_each_piece_has_one_blas_thread(set_threads):
    set_threads(2)
    assert list(backend.ordered_map(lambda _: blas_threads(), range(3))) == [{1}] * 3
    assert blas_threads() == {2}, "BLAS is not given back its threads"
    with pytest.raises(ZeroDivisionError):
        list(backend.ordered_map(lambda n: 1 // n, [0, 0]))
    assert blas_threads() == {2}, "BLAS is not given back its threads after an error"


def test_thread_count(set_threads):
    for count in (0, -1, 10_000_000):
        refused(lambda: set_threads(count), "threads:", f"found {count}", "1 to ", error=UserError)
    set_threads(1)
    assert backend.thread_count() == 1 and backend.device_name(np) == "CPU, 1 thread"
    set_threads(2)
    assert backend.thread_count() == 2 and backend.device_name(np) == "CPU, 2 threads"


def data_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("tinyalex-data")]


@pytest.mark.alone
def test_prefetch_is_ahead_but_not_far():
    begun = []
    results = backend.prefetch(lambda n: begun.append(n) or n * n, range(10), depth=2)
    assert next(results) == 0
    time.sleep(0.1)
    assert 2 <= len(begun) <= 3, f"{len(begun)} begun when one was taken, expected 2 or 3 at depth 2"
    assert list(results) == [n * n for n in range(1, 10)] and begun == list(range(10))
    assert not data_threads()


def test_prefetch_raises_in_its_place_and_closes():
    results = backend.prefetch(lambda n: 1 // (2 - n), range(9))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert not data_threads()
    results = backend.prefetch(lambda n: n, range(9))
    next(results)
    results.close()
    assert not data_threads()


@pytest.mark.gpu
@pytest.mark.skipif(REHEARSED, reason="needs CuPy itself")
def test_on_a_gpu(gpu):
    assert backend.choose_device("auto") is gpu and backend.device_name(gpu)
    x = backend.to_device({"a": np.arange(3)}, gpu)["a"]
    assert backend.array_module(x) is gpu and not backend.is_host(x)
    assert backend.memory_available(gpu) > 1e6
    first, second = (backend.random_stream(1, "a", xp=gpu).random(4) for _ in range(2))
    assert (first == second).all() and len(backend.child_streams(backend.random_stream(1, xp=gpu), 2)) == 2
    backend.synchronize(gpu)


def test_overlapping_maps_leave_blas_as_it_was(set_threads):
    """Whichever ends first."""

    def blas():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    set_threads(2)
    with threadpool_limits(2, user_api="blas"):
        before = blas()
        assert list(zip(*(backend.ordered_map(abs, range(3)) for _ in range(2)))) == [(0, 0), (1, 1), (2, 2)]
        assert blas() == before
        with backend.one_blas_thread():
            list(backend.ordered_map(abs, range(3)))
            assert set(blas()) == {1}
        assert blas() == before


def test_blas_is_limited_from_any_thread(set_threads):
    """Also while another thread that has limited it is alive, and if the contexts of two threads overlap."""
    set_threads(2)
    assert list(backend.ordered_map(lambda _: blas_threads(), range(2))) == [{1}] * 2
    with ThreadPoolExecutor(1) as other:
        assert other.submit(list, backend.ordered_map(lambda _: blas_threads(), range(2))).result() == [{1}] * 2
        assert blas_threads() == {2}
        theirs, ours = backend.one_blas_thread(), backend.one_blas_thread()
        other.submit(theirs.__enter__).result()
        with ours:
            other.submit(theirs.__exit__, None, None, None).result()
            assert blas_threads() == {1}
    assert blas_threads() == {2}


def test_all_threads_use_the_gpu_chosen_last(set_threads, monkeypatch):
    used = threading.local()

    class Device:
        def __init__(self, number):
            self.number = number

        def use(self):
            used.number = self.number

    cuda = SimpleNamespace(Device=Device, runtime=SimpleNamespace(getDeviceCount=lambda: 4))
    monkeypatch.setattr(threads, "_gpu", None)
    set_threads(2)
    for number, expected in ((1, 1), (6, 2)):
        backend.use_gpu(SimpleNamespace(cuda=cuda), number)
        assert set(backend.ordered_map(lambda _: used.number, range(8))) == {expected} == {used.number}
    threads._pools.clear()  # for other tests, threads without a GPU
