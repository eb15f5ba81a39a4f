"""Every layer on the stand-in device (and on a GPU, where there is one), the stand-in itself, and the names in use."""

import ast
import copy
import importlib
import inspect
from pathlib import Path

import numpy as np
import pytest

import tinyalex
from tests.checks import agree, agree_all, host
from tinyalex import layers
from tinyalex.standin import DeviceArray, Refused, bus
from tinyalex.standin import xp as device
from tinyalex.standin.names import FUNCTIONS, METHODS, PLAIN, SCATTERING, UFUNCS

PICTURES, VECTORS = (2, 5, 7, 6), (3, 11)
EVERY_LAYER = [
    (layers.Conv2d(6, 4, (3, 2), stride=(2, 1), padding=(1, 2), groups=2, algorithm="im2col"), PICTURES),
    (layers.Conv2d(6, 5, (2, 3), stride=(2, 3), rounding="ceil", algorithm="im2col"), PICTURES),
    (layers.Conv2d(6, 4, 3, padding=(1, 2), groups=2, algorithm="winograd"), PICTURES),
    (layers.Conv2d(6, 5, 5, stride=2, padding=(0, 1), rounding="ceil", algorithm="winograd"), PICTURES),
    (layers.Conv2d(6, 4, (3, 2), padding=(1, 0), algorithm="rows"), PICTURES),
    (layers.Conv2d(6, 4, 3, padding=(1, 2), groups=2, algorithm="strips"), PICTURES),
    (layers.Conv2d(6, 4, (3, 2), padding=(0, 4), algorithm="strips"), PICTURES),
    (layers.Conv2d(6, 4, (3, 2), stride=(2, 1), padding=(1, 2), groups=2, algorithm="strips"), PICTURES),
    (layers.Conv2d(6, 5, (2, 3), stride=(2, 3), rounding="ceil", algorithm="strips"), PICTURES),
    (layers.Conv2d(6, 4, 1, groups=2, algorithm="strips"), PICTURES),
    (layers.Conv2d(6, 4, 1, stride=(2, 3), bias=False, algorithm="strips"), PICTURES),
    (layers.Conv2d(6, 4, (3, 2), stride=(2, 1), groups=2, bias=False, algorithm="im2col"), PICTURES),
    (layers.Conv2d(6, 4, 3, padding=1, bias=False, algorithm="winograd"), PICTURES),
    (layers.MaxPool2d((3, 2), (2, 1), padding=(1, 0)), PICTURES),
    (layers.MaxPool2d((2, 4), (2, 2), rounding="ceil"), PICTURES),
    (layers.AvgPool2d((2, 4), (2, 3), rounding="ceil"), PICTURES),
    (layers.AvgPool2d((3, 4), (2, 3), (1, 2), "ceil"), PICTURES),
    (layers.AvgPool2d((3, 4), (2, 3), (1, 2), "ceil", count_include_pad=False), PICTURES),
    (layers.GlobalAvgPool2d(), PICTURES),
    (layers.Identity(), PICTURES),
    (layers.PaddedShortcut(6, 9, 3), PICTURES),
    (layers.BatchNorm2d(6, eps=0.3, momentum=0.4), PICTURES),
    (layers.BatchNorm2d(6, eps=0.3, frozen=True), PICTURES),
    (layers.BatchNorm2d(11, eps=0.3), VECTORS),
    (layers.LocalResponseNorm(3, 0.5, 0.6, 1.5), PICTURES),
    (layers.LocalResponseNorm(5, 0.3, 0.75, 1.7), PICTURES),
    (layers.SpatialResponseNorm(3, 0.5, 0.6, 1.5), PICTURES),
    (layers.SpatialResponseNorm(5, 0.3, 0.75, 1.7), PICTURES),
    (layers.ReLU(), PICTURES),
    (layers.Tanh(), PICTURES),
    (layers.Sigmoid(), PICTURES),
    (layers.Dropout(0.3), VECTORS),
    (layers.Dropout(0.3, inverted=False), VECTORS),
    (layers.Flatten(), PICTURES),
    (layers.Linear(11, 4), VECTORS),
]


def kinds_of_layers():
    """Every class of layer that the package has."""
    classes = {c for c in vars(layers).values() if isinstance(c, type) and issubclass(c, layers.Layer)}
    return classes - {layers.Layer}


def compare(layer, shape, xp, dtype, **tolerance):
    """Forward and backward on the host and on `xp`, at train and at test, from the same numbers and draws."""
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    moved = copy.deepcopy(layer)
    moved.map_arrays(xp.asarray)
    for train in (True, False):
        (y, cache), (y2, cache2) = (
            l.forward(a, train=train, rng=np.random.default_rng(1)) for l, a in ((layer, x), (moved, xp.asarray(x)))
        )
        dy = np.random.default_rng(2).standard_normal(y.shape).astype(dtype)
        (dx, grads), (dx2, grads2) = layer.backward(dy, cache), moved.backward(xp.asarray(dy), cache2)
        assert all(isinstance(a, xp.ndarray) and a.dtype == dtype for a in (y2, dx2, *grads2.values()))
        agree(y2, y, "y", **tolerance)
        agree(dx2, dx, "dx", **tolerance)
        agree_all(grads2, grads, "", **tolerance)


@pytest.mark.parametrize("layer, shape", EVERY_LAYER, ids=lambda v: str(v) if isinstance(v, layers.Layer) else "")
class TestEveryLayer:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_on_the_stand_in(self, layer, shape, dtype):
        compare(layer, shape, device, dtype, rtol=1e-6, atol=1e-7)

    @pytest.mark.gpu
    @pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-3), (np.float64, 1e-9)])
    def test_on_a_gpu(self, layer, shape, dtype, tolerance, gpu):
        compare(layer, shape, gpu, dtype, rtol=tolerance, atol=tolerance)


def test_no_layer_is_forgotten():
    missing = {kind.__name__ for kind in kinds_of_layers() - {type(layer) for layer, _ in EVERY_LAYER}}
    assert not missing, f"add {', '.join(missing)} to EVERY_LAYER"


@pytest.mark.gpu
@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_loss_on_a_gpu(dtype, tolerance, gpu):
    logits, labels = np.random.default_rng(0).standard_normal((4, 6)).astype(dtype), np.array([2, 0, 5, 2])
    loss = layers.SoftmaxCrossEntropy()
    value, cache = loss.forward(logits, labels)
    value2, cache2 = loss.forward(gpu.asarray(logits), gpu.asarray(labels))
    dlogits = loss.backward(cache2)
    assert value2.dtype == dlogits.dtype == dtype and isinstance(dlogits, gpu.ndarray)
    agree(value2, value, "loss", rtol=tolerance)
    agree(dlogits, loss.backward(cache), "dlogits", rtol=tolerance, atol=tolerance)


# ---------------------------------------------------------------------------------------------- the stand-in

A = device.asarray(np.arange(6.0).reshape(2, 3))
HOST = np.ones((2, 3))
REFUSED = {
    "numpy's ufuncs": lambda: np.exp(A),
    "numpy's functions": lambda: np.sum(A),
    "conversion": lambda: np.asarray(A),
    "conversion of a list": lambda: np.array([A, A]),
    "host + device": lambda: HOST + A,
    "device + host": lambda: A + HOST,
    "device @ host": lambda: A @ HOST.T,
    "host += device": lambda: HOST.copy().__iadd__(A),
    "device += host": lambda: copy.deepcopy(A).__iadd__(HOST),
    "device == host": lambda: A == HOST,
    "host[:] = device": lambda: HOST.copy().__setitem__(slice(None), A),
    "device[:] = host": lambda: copy.deepcopy(A).__setitem__(slice(None), HOST),
    "host index": lambda: A[np.array([0])],
    "list index": lambda: A[[0, 1]],
    "device index of a host array": lambda: HOST[A],
    "range index": lambda: A[range(2)],
    "masked reading": lambda: A[A > 0],
    "masked writing": lambda: copy.deepcopy(A).__setitem__(A > 0, 0),
    "a mask among indices": lambda: A[0, A[0] > 0],
    "truth": lambda: bool((A > 0).all()),
    "float()": lambda: float(A[0, 0]),
    "int() in range": lambda: range(A.sum()),
    "np.add.at": lambda: np.add.at(A, 0, 1),
    "out= on the host": lambda: device.add(A, 1, out=HOST.copy()),
    "host among arguments": lambda: device.where(A > 0, A, HOST),
    "host in a list": lambda: device.concatenate([A, HOST]),
    "where=": lambda: device.add(A, 1, where=A > 0),
    "initial=": lambda: device.max(A, initial=0.0),
    "initial= of a method": lambda: A.max(initial=0.0),
    "too many arguments": lambda: device.max(A, 0, None, True, 0.0),
    "multiply.at": lambda: device.multiply.at(A, 0, 2),
    "text": lambda: device.asarray(["a"]),
    "objects": lambda: device.asarray([None]),
    "long numbers": lambda: device.zeros(2, np.longdouble),
    "another machine's byte order": lambda: device.asarray(np.zeros(2, ">f4")),
    "array + list": lambda: A + [1.0, 2.0, 3.0],
    "tuple * array": lambda: (1.0, 2.0, 3.0) * A,
    "array -= list": lambda: copy.deepcopy(A).__isub__([1.0, 2.0, 3.0]),
    "a list in a ufunc": lambda: device.maximum(A, [1.0, 2.0, 3.0]),
    "add.at on short integers": lambda: device.add.at(device.zeros(3, np.uint8), device.asarray([0]), 1),
    "add.at on booleans": lambda: device.add.at(device.zeros(3, bool), device.asarray([0]), True),
    "subtract.at on floating point": lambda: device.subtract.at(device.zeros(3), device.asarray([0]), 1.0),
    "iteration": lambda: list(A),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_stand_in_refuses(case):
    with pytest.raises(TypeError):
        REFUSED[case]()


@pytest.mark.parametrize(
    "case, kind",
    [
        ("numpy's functions", "numpy"),
        ("conversion", "convert"),
        ("host[:] = device", "convert"),
        ("host + device", "host"),
        ("device[:] = host", "host"),
        ("host index", "host"),
        ("list index", "list"),
        ("range index", "list"),
        ("masked reading", "mask"),
        ("masked writing", "mask"),
        ("a mask among indices", "mask"),
        ("truth", "wait"),
        ("int() in range", "wait"),
        ("where=", "unknown"),
        ("multiply.at", "unknown"),
        ("text", "dtype"),
        ("array + list", "list"),
        ("add.at on short integers", "dtype"),
        ("iteration", "rows"),
    ],
)
def test_what_is_refused_has_a_kind(case, kind):
    with pytest.raises(Refused) as refused:
        REFUSED[case]()
    assert refused.value.kind == kind


def test_the_bus_counts_what_passes_the_doors():
    bus.reset()
    a = device.asarray(np.ones((2, 3)), np.float32)
    device.asarray(a), device.zeros((5, 5)), a + 1, a.copy()  # nothing moves
    assert (bus.to_device, bus.to_host, bus.waits) == (24, 0, 0)
    a.get(), a[0, 0].item(), a[1].tolist(), device.array([1, 2])
    assert (bus.to_device, bus.to_host, bus.waits) == (24 + 16, 24 + 4 + 12, 3)
    bus.reset(most_bytes=16, most_waits=1)
    assert (bus.to_device, bus.to_host, bus.waits) == (0, 0, 0)
    b = device.asarray([1, 2])
    b.get()
    for kind, more in (("send", lambda: device.asarray([3])), ("fetch", b.tolist)):
        with pytest.raises(Refused) as refused:
            more()
        assert refused.value.kind == kind
    bus.reset()
    assert device.asarray([3]).item() == 3


def test_the_stand_in_has_no_other_names():
    for name in ("vectorize", "apply_along_axis", "random", "nonexistent"):
        with pytest.raises(AttributeError, match=name):
            getattr(device, name)
    with pytest.raises(AttributeError):
        A.tobytes()


def test_the_stand_in_computes_like_numpy():
    a, b = device.asarray(HOST.copy()), HOST.copy()
    for c in (a, b):
        view = c.reshape(3, 2)
        view[1:, 0] += 2
        c *= c
        c[:, ::2] -= 0.5
    agree(a, b, "views and in-place operators", exact=True)
    out = device.empty((2, 3))
    assert device.add(a, np.float64(1), out=out) is out
    agree(out, b + 1, "out=", exact=True)
    agree(2.0 - a.T @ a, 2.0 - b.T @ b, "operators", exact=True)
    tricks = [xp.lib.stride_tricks.as_strided(c, (2, 2, 2), (24, 8, 8)) for xp, c in ((device, a), (np, b))]
    agree(*tricks, "as_strided", exact=True)
    device.add.at(a, (device.asarray([0, 0]), device.asarray([1, 1])), 1.0)
    assert a[0, 1].item() == b[0, 1] + 2
    whole = device.zeros(3, np.int32)
    device.subtract.at(whole, device.asarray([1, 1]), 2)
    device.add.at(whole, device.asarray([0]), 5)
    assert whole.tolist() == [5, -4, 0]
    for result in (a.T + 1, 1 - a.T, -a.T, device.exp(a.T), device.maximum(a.T, 0.0)):
        assert result.flags.c_contiguous, "CuPy's results are in C order, whatever the operands"
    for index in (lambda: a[2], lambda: a[:, device.asarray([3])], lambda: device.take(a, device.asarray([6]))):
        with pytest.raises(IndexError):
            index()
    assert isinstance(a.sum(), DeviceArray) and a.sum().shape == () and a.get() is not a.get()
    moved = device.asarray(b)
    b[:] = 0
    assert moved.get().any(), "the door copies"
    assert a.astype(np.float32).dtype == np.float32 and a.astype(a.dtype, copy=False).get().sum() == host(a).sum()


@pytest.mark.parametrize("layer, shape", EVERY_LAYER, ids=lambda v: str(v) if isinstance(v, layers.Layer) else "")
def test_no_sum_along_one_long_leading_axis(layer, shape, monkeypatch):
    """CuPy gives a reduction of a leading axis to a few blocks of threads; its own axis of pictures helps."""
    reduced = []
    for name in ("sum", "max", "mean"):
        plain = getattr(DeviceArray, name)

        def seen(self, *args, _plain=plain, **kwargs):
            reduced.append((self.shape, args, kwargs))
            return _plain(self, *args, **kwargs)

        monkeypatch.setattr(DeviceArray, name, seen)
    moved = copy.deepcopy(layer)
    moved.map_arrays(device.asarray)
    x = device.asarray(np.random.default_rng(0).standard_normal(shape))
    y, cache = moved.forward(x, train=True, rng=np.random.default_rng(1))
    moved.backward(device.ones(y.shape), cache)
    long = [(s, a, k) for s, a, k in reduced if k.get("axis", a[0] if a else None) == 0 and s[0] > shape[0]]
    assert not long, long


# ---------------------------------------------------------------------------------------------- names that CuPy has


@pytest.fixture(scope="module")
def cupy():
    return pytest.importorskip("cupy", reason="CuPy is not installed")  # needs no GPU: only names are looked at


def accepted_keywords(function, cupy):
    """The names of a CuPy function's arguments; None where it does not tell."""
    if isinstance(function, cupy.ufunc):
        return {"out", "dtype", "casting"}
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None
    return None if any(p.kind is p.VAR_KEYWORD for p in parameters.values()) else set(parameters)


def test_the_stand_in_offers_only_what_cupy_has(cupy):
    missing = [name for name in [*FUNCTIONS, *UFUNCS, *PLAIN] if not hasattr(cupy, name)]
    missing += [name for name in METHODS if not hasattr(cupy.ndarray, name)]
    assert not missing
    for name, arguments in FUNCTIONS.items():
        known = accepted_keywords(getattr(cupy, name), cupy)
        if known is not None and not arguments.startswith("*") and not set(arguments.split()) <= known | {"x1", "x2"}:
            missing.append((name, set(arguments.split()) - known))
    assert not missing
    assert all(isinstance(getattr(cupy, name), cupy.ufunc) for name in UFUNCS)
    assert all(hasattr(getattr(cupy, name), "at") for name in SCATTERING)


def names_on_xp(source):
    """(line, dotted name, keywords of the call) for every attribute taken of a name `xp` or of `<something>.xp`."""
    nodes = list(ast.walk(ast.parse(source)))
    inner = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    calls = {id(node.func): [k.arg for k in node.keywords if k.arg] for node in nodes if isinstance(node, ast.Call)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            parts, root = [], node
            while isinstance(root, ast.Attribute) and root.attr != "xp":
                parts.append(root.attr)
                root = root.value
            if parts and (getattr(root, "attr", None) == "xp" or getattr(root, "id", None) == "xp"):
                yield node.lineno, ".".join(reversed(parts)), calls.get(id(node), [])


def unknown_to(cupy, source):
    """What `source` asks of xp that CuPy does not have, as "line: name" or "line: name(keyword=)"."""
    for line, dotted, keywords in names_on_xp(source):
        found = cupy
        for part in dotted.split("."):
            if not hasattr(found, part) and inspect.ismodule(found):
                try:
                    importlib.import_module(f"{found.__name__}.{part}")
                except ImportError:
                    pass
            if not hasattr(found, part):
                yield f"{line}: xp.{dotted}"
                break
            found = getattr(found, part)
        else:
            known = accepted_keywords(found, cupy) if keywords else None
            yield from (f"{line}: xp.{dotted}({k}=)" for k in keywords if known is not None and k not in known)


FILES = sorted(Path(tinyalex.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(FILES[0].parent)))
def test_every_name_on_xp_is_in_cupy(path, cupy):
    assert not list(unknown_to(cupy, path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "source, found",
    [
        ("xp.nosuch(x)", ["1: xp.nosuch"]),
        ("y = self.xp.nosuch", ["1: xp.nosuch"]),
        ("xp.lib.stride_tricks.nosuch(x)", ["1: xp.lib.stride_tricks.nosuch"]),
        ("xp.lib.stride_tricks.as_strided(x, writeable=False)", ["1: xp.lib.stride_tricks.as_strided(writeable=)"]),
        ("xp.max(x, axis=0, initial=0)", ["1: xp.max(initial=)"]),
        ("xp.exp(x, where=m)", ["1: xp.exp(where=)"]),
        ("np.nosuch; xp.exp(x, out=y); xp.lib.stride_tricks.as_strided(x, (1,), (8,)); xp.float32(1).nbytes", []),
    ],
)
def test_a_name_that_is_not_there_is_found(source, found, cupy):
    assert list(unknown_to(cupy, source)) == found
