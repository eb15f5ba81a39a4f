"""Predictions of a step's time on a GPU: from counts and rates, beside arithmetic by hand."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.test_tables import WIDTHS, too_long
from tinyalex.bench import benchmark, limit, predicted
from tinyalex.bench.limit import Sgemm
from tinyalex.bench.predicted import MACHINES, Machine, counted_step, machine, predict, timed, together
from tinyalex.bench.setup import Setup, flops
from tinyalex.bench.turns import SGEMM
from tinyalex.cli import main
from tinyalex.commands import bench, prediction
from tinyalex.errors import UserError
from tinyalex.standin import Operation, Product
from tinyalex.standin import xp as device

GPU = Machine("a GPU", copy_gb_per_s=1000, fp32_tflops=10, tf32_tflops=100, launch_us=5)
PASS = Operation("pass", 1, 600_000_000, 400_000_000)  # 1 ms
TINY = Operation("tiny", 1, 4, 4)
SQUARE = Operation("product", 1, 1000, 1000, Product(1000, 1000, 500_000, 1, "float32"))  # 1e12 operations
SMALL = Setup("alexnet-small", True, 3, 1, "gpu", True)


# ---------------------------------------------------------------------------------------------- the time


def milliseconds(operations, tf32=False, gpu=GPU):
    return {part: figures["ms"] for part, figures in timed(operations, gpu, tf32).items()}


def test_a_pass_is_limited_by_memory():
    (figures,) = timed([("a", PASS), ("a", PASS)], GPU, False).values()
    assert figures["ms"] == figures["memory_ms"] == pytest.approx(2) and figures["limit"] == "memory"
    assert (figures["gb"], figures["launches"], figures["products"], figures["tflop"]) == (2, 2, 0, 0)


def test_a_product_is_limited_by_its_rate_or_by_its_operands():
    (figures,) = timed([("a", SQUARE)], GPU, False).values()
    assert figures["ms"] == figures["products_ms"] == pytest.approx(100) and figures["limit"] == "products"
    assert (figures["gb"], figures["launches"], figures["products"], figures["tflop"]) == (0, 0, 1, 1)
    assert milliseconds([("a", SQUARE)], tf32=True) == {"a": pytest.approx(10)}
    thin = replace(SQUARE, read=500 * 10**9)
    (figures,) = timed([("a", thin)], GPU, False).values()
    assert figures["ms"] == pytest.approx(500) and figures["limit"] == "memory" and figures["products_gb"] > 500


@pytest.mark.parametrize("change", [{"dtype": "float64"}, {"strided": True}])
def test_tf32_is_for_single_products_of_float32(change):
    other = replace(SQUARE, product=replace(SQUARE.product, **change))
    assert milliseconds([("a", other)], tf32=True) == {"a": pytest.approx(100)}
    assert milliseconds([("a", SQUARE)], tf32=True, gpu=replace(GPU, tf32_tflops=None)) == {"a": pytest.approx(100)}


def test_the_device_waits_for_the_host():
    (figures,) = timed([("a", TINY)] * 1000, GPU, False).values()
    assert figures["limit"] == "launches" and figures["ms"] == pytest.approx(5, rel=0.01)
    twice = replace(TINY, launches=2)
    assert milliseconds([("a", twice)] * 1000) == {"a": pytest.approx(10, rel=0.01)}


def test_launches_hide_behind_a_long_pass():
    """The host runs ahead while the device is busy, also from one step to the next."""
    for order in (["long"] * 10 + ["tiny"] * 1000, ["tiny"] * 1000 + ["long"] * 10):
        times = milliseconds([(part, PASS if part == "long" else TINY) for part in order])
        assert times["long"] == pytest.approx(10) and times["tiny"] < 0.1
    times = milliseconds([("long", PASS)] + [("tiny", TINY)] * 1000)
    assert times["long"] + times["tiny"] == pytest.approx(5, rel=0.01), "the host takes longer than the device"


def test_parts_add_up():
    parts = timed([("a", PASS), ("b", SQUARE), ("b", TINY)], GPU, False)
    whole = together(parts.values())
    assert whole["ms"] == pytest.approx(101) and whole["limit"] == "products" and whole["launches"] == 2
    assert together([])["limit"] is None and together([])["ms"] == 0


# ---------------------------------------------------------------------------------------------- the step


@pytest.mark.parametrize("model, N", [("alexnet-small", 3), ("vgg-small+bn", 2), ("resnet-small", 2)])
def test_a_counted_step_does_the_operations_of_the_network(model, N):
    """Their number is `flops`, which knows nothing of counting, and up to 1 % for zeros that fill strips.

    Besides, sums by products with ones.
    """
    step = counted_step(model, True, N)
    layers = {name: words for name, words in step.layers}
    found = {part for part, _ in step.operations}
    ways = {(name, way) for name in layers for way in ("forward", "backward")}
    assert found <= ways | {(kind, "") for kind in ("data", "loss", "update", "between")}
    multiplied = sum(
        o.product.flops
        for (part, _), o in step.operations
        if o.product and layers.get(part, "").startswith(("conv", "fully connected"))
    )
    assert 1 <= multiplied / (N * flops(Setup(model, True, N, 1).build())[1]) < 1.01


def test_every_layer_and_kind_is_attributed():
    parts = {part for part, _ in counted_step("alexnet-small", True, 3).operations}
    names = {name for name, *_ in SMALL.build().shapes()} - {"flatten"}
    assert {part for part in parts if part[1] == "forward"} == {(name, "forward") for name in names}
    assert {part for part in parts if part[1] == "backward"} == {(name, "backward") for name in names}
    assert {kind for kind, way in parts if not way} == {"data", "loss", "update"}
    residual = {part for part, _ in counted_step("resnet-small", True, 2).operations}
    assert ("between", "") in residual, "the sums of the branches"


def test_an_update_moves_its_arrays_at_least_once():
    weights = sum(p.size for p in SMALL.build().params.values())
    moved = sum(o.bytes for part, o in counted_step("alexnet-small", True, 3).operations if part == ("update", ""))
    assert moved >= 5 * 4 * weights, "weights, velocities and gradients read, weights and velocities written"


def test_the_figures_of_a_step_are_those_of_its_parts():
    row = predict(SMALL, GPU)
    parts = [layer[way] for layer in row["layers"] for way in ("forward", "backward")]
    parts += [row[kind] for kind in ("loss", "update", "between")]
    for key in ("ms", "memory_ms", "products_ms", "launches_ms", "gb", "launches", "tflop"):
        assert row[key] == pytest.approx(sum(part[key] for part in parts))
    assert row["ms"] == pytest.approx(row["memory_ms"] + row["products_ms"] + row["launches_ms"])
    assert row["images_per_s"] == pytest.approx(3000 / row["ms"])
    assert row["data"]["gb"] > 3 * 4 * np.prod(SMALL.build().in_shape) / 1e9
    assert [layer["name"] for layer in row["layers"]] == [name for name, *_ in SMALL.build().shapes()]


def test_a_faster_part_makes_a_faster_step():
    plain = replace(SMALL, tf32=False)
    for slow, fast in (
        ({"copy_gb_per_s": 1}, {"copy_gb_per_s": 2}),
        ({"fp32_tflops": 0.001}, {"fp32_tflops": 0.002}),
        ({"launch_us": 1000}, {"launch_us": 500}),
    ):
        times = [predict(plain, replace(GPU, **change))["ms"] for change in (slow, fast)]
        assert times[0] / times[1] == pytest.approx(2, rel=0.05), slow
    large = predict(replace(SMALL, batch=6), replace(GPU, launch_us=1e-6))
    assert 1.1 < large["ms"] / predict(SMALL, replace(GPU, launch_us=1e-6))["ms"] < 2


# ---------------------------------------------------------------------------------------------- GPUs


def test_own_rates_take_the_place_of_known_ones():
    assert machine("H200") == MACHINES["H200"] and machine("H200").copy_gb_per_s == pytest.approx(4320)
    assert machine("T4").tf32_tflops is None and machine("T4", matmul_tflops=5).fp32_tflops == 5
    assert machine("A100", launch_us=9) == replace(MACHINES["A100"], launch_us=9)
    own = machine("own", 400, 20)
    assert (own.copy_gb_per_s, own.fp32_tflops, own.tf32_tflops, own.launch_us) == (400, 20, 20, 5)


def test_memory_is_that_of_all_arrays_at_the_worst_moment():
    """At least the weights, their velocity and gradients, and the layers' inputs; at most a few times as much."""
    network = SMALL.build()
    weights = 4 * sum(p.size for p in network.params.values())
    kept = [4 * np.prod(shape) for _, _, shape, _ in network.shapes()]
    at = {N: counted_step("alexnet-small", True, N).memory_bytes for N in (3, 64, 128)}
    assert 3 * weights < at[3]
    assert 0.8 * sum(kept) < (at[128] - at[64]) / 64 < 5 * sum(kept)


def test_a_step_that_does_not_fit():
    needed = predict(SMALL, GPU)["memory_bytes"] / 1e9
    assert needed > 0.001 and predict(SMALL, replace(GPU, memory_gb=1.01 * needed))
    with pytest.raises(UserError, match="batch: found 3: alexnet-small × 3, TF32 on takes .* of memory, the a GPU has"):
        predict(SMALL, replace(GPU, memory_gb=0.99 * needed))


def test_a_system_without_addresses(monkeypatch):
    def fail(setup):
        raise MemoryError

    monkeypatch.setattr(predicted, "_counted", fail)
    with pytest.raises(UserError, match="batch: found 7: "):
        counted_step("alexnet-small", True, 7)


# ---------------------------------------------------------------------------------------------- the command


@pytest.mark.parametrize(
    "arguments, words",
    [
        ("--predict H100", "invalid choice: 'H100'"),
        ("--predict own", "--copy-gb-per-s: missing"),
        ("--predict own --copy-gb-per-s 5", "--matmul-tflops: missing"),
        ("--predict H200 --copy-gb-per-s 0", "--copy-gb-per-s: found 0, expected a number from 1e-6 to 1e6"),
        ("--predict own --copy-gb-per-s 1e-320 --matmul-tflops 1", "--copy-gb-per-s: found 9.99"),
        ("--predict H200 --matmul-tflops -1", "--matmul-tflops: found -1"),
        ("--predict H200 --launch-us inf", "--launch-us: found inf"),
        ("--predict H200 --batch 0", "--batch: found 0"),
        ("--predict H200 --model vgg", "vgg"),
        ("--predict H200 --scaling", "--scaling: does not go with --predict"),
        ("--predict T4 --tf32 on", "--tf32: found on, expected nothing for a GPU without TF32"),
        ("--predict H200 --matmul-tflops 300 --tf32 on", "expected nothing where products have one rate"),
        ("--predict H200 --rounds 3", "--rounds: does not go with --predict"),
        ("--predict H200 --chart a.png", "--chart: does not go with --predict"),
        ("--predict H200 --device cpu", "--device: does not go with --predict"),
        ("--copy-gb-per-s 400", "--copy-gb-per-s: goes with --predict"),
        ("--launch-us 5", "--launch-us: goes with --predict"),
    ],
)
def test_nonsense_is_refused_in_one_line(arguments, words, monkeypatch, capsys):
    monkeypatch.setattr(prediction, "predict", lambda *args: pytest.fail("it predicted"))
    assert main(["bench", *arguments.split()]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and words in err


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ("H200", [("alexnet-small", True, 64, True), ("alexnet-small", True, 64, False)]),
        ("H200 --tf32 on", [("alexnet-small", True, 64, True)]),
        ("H200 --tf32 off", [("alexnet-small", True, 64, False)]),
        ("T4 --lrn without --batch 2", [("alexnet-small", False, 2, False)]),
        ("own --copy-gb-per-s 9 --matmul-tflops 1 --batch 2", [("alexnet-small", True, 2, None)]),
    ],
)
def test_what_is_predicted(arguments, expected, monkeypatch):
    asked = []
    monkeypatch.setattr(prediction, "predict", lambda setup, gpu: asked.append(setup) or {})
    assert main(["bench", "--json", "--model", "alexnet-small", "--predict", *arguments.split()]) == 0
    assert [(s.model, s.lrn, s.batch, s.tf32) for s in asked] == expected


def test_without_cupy(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cupy", None)  # importing it fails
    line = "bench --predict H200 --model alexnet-small --batch 2 --json"
    assert main(line.split()) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["gpu"]["name"] == "H200" and len(result["predictions"]) == 2
    fast, plain = result["predictions"]
    assert fast["tf32"] and not plain["tf32"] and fast["limit"] == "launches" and fast["gb"] == plain["gb"]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("model", ["alexnet-small", "resnet-small"])
def test_a_prediction_fits(width, model, terminal, capsys):
    terminal(width)
    assert main(f"bench --predict RTX4090 --model {model} --batch 2".split()) == 0
    out = capsys.readouterr().out
    assert not too_long(out, width), "\n".join(too_long(out, width))
    assert "not measured" in out and "conv1" in out and "launches" in out and ("between" in out) == ("res" in model)


# ---------------------------------------------------------------------------------------------- beside measurements


def test_a_gpu_is_asked_for_its_rates(monkeypatch):
    """Passes of 2 · 4 bytes an entry, by a clock of 1 ms; launches by the host's."""
    counts = []
    monkeypatch.setattr(limit, "choose_device", lambda name: device)
    monkeypatch.setattr(limit, "GPU_SHAPES", ())
    monkeypatch.setattr(limit, "PASS", 1000)
    monkeypatch.setattr(limit, "synchronize", lambda xp: None)
    monkeypatch.setattr(limit, "seconds_of", lambda step, xp, count: (counts.append(count), step(), 1e-3)[2])
    passes = Sgemm(replace(SMALL, threads=2)).passes()
    assert passes["copy_gb_per_s"] == pytest.approx(8e-3) and 0 < passes["launch_us"] < 1e4 and counts == [10]
    plan = benchmark.Plan(SMALL, (1, 3), ())
    asked = [turn for turn in plan.turns(2, theirs=()) if (turn.side, turn.work) == (SGEMM, "passes")]
    assert [turn.warm_up for turn in asked] == [True, False]
    on_cpu = benchmark.Plan(replace(SMALL, device="cpu", tf32=None), (1, 3), ())
    assert not [turn for turn in on_cpu.turns(2, theirs=()) if turn.work == "passes"]


def test_measured_rates_make_the_prediction():
    answers = {(SGEMM, "passes"): [{"copy_gb_per_s": 1000, "launch_us": 5}]}
    row = benchmark._predicted(SMALL, answers, 100_000)
    assert row == predict(SMALL, replace(GPU, fp32_tflops=100))
    assert benchmark._predicted(replace(SMALL, device="cpu"), {}, 100) is None


def test_predictions_stand_beside_measurements(capsys):
    row = predict(SMALL, GPU)
    layers = [
        {"name": name, "layer": str(layer), "forward_ms": 1.0, "backward_ms": 2.0}
        for name, layer, *_ in SMALL.build().shapes()
    ]
    result = {"model": "alexnet-small", "batch": 3, "lrn": True, "tf32": True, "device": "gpu", "layers": layers}
    bench._show_layers(result | {"predicted": row})
    out = capsys.readouterr().out
    norm = next(layer for layer in row["layers"] if layer["name"] == "norm1")
    (line,) = (line for line in out.splitlines() if line.startswith("norm1"))
    assert line.split()[-2:] == [f"{norm[way]['ms'] / 3:.3f}" for way in ("forward", "backward")]
    bench._show_layers(result)
    assert "predicted" not in capsys.readouterr().out
