"""A GPU is had for minutes: measure.py must not fail there for a reason that shows without one."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

from tests.gpu import measure
from tests.gpu.measure import REAL, Failed, Part, TimeIsUp
from tests.gpu.relative import close
from tinyalex.bench.predicted import MACHINES, predict
from tinyalex.bench.setup import Setup

TINY = ("machine", "layers", "sizes", "gradients", "speed-512", "memory", "training", "rest")


@pytest.fixture
def run(tmp_path):
    return measure.Run(tmp_path / "out", tmp_path / "work", None, 1, REAL)


def called(out, *words):
    """Start measure.py's rehearsal."""
    return subprocess.Popen(
        [sys.executable, measure.__file__, str(out), "--rehearse", *words], stdout=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_the_rehearsal(tmp_path):
    with called(tmp_path / "out", *TINY, "--minutes", "10") as process:
        said, _ = process.communicate()
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert {name: result["state"] for name, result in results.items()} == dict.fromkeys(TINY, "done"), said
    assert process.returncode == 0
    assert said.endswith((tmp_path / "out" / "results.md").read_text(encoding="utf-8") + "\n")
    for words in ("tf32_gflops", "passed in", "train_ratio", "conv1", "promised_over_held", "top5_error"):
        assert words in said


def test_a_signal_loses_nothing_that_is_done(tmp_path):
    written = tmp_path / "out" / "results.json"
    with called(tmp_path / "out", "machine", "training") as process:
        while not written.exists() and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) != 0
    assert json.loads(written.read_text(encoding="utf-8")).keys() == {"machine"}
    assert "machine | done" in (tmp_path / "out" / "results.md").read_text(encoding="utf-8")


# ---------------------------------------------------------------------------------------------- commands


@pytest.mark.alone
def test_a_command_that_takes_too_long_may_save(run, tmp_path):
    run.end = time.monotonic() + measure.SAVING + 3
    patient = f"""
import time
try:
    time.sleep(60)
except KeyboardInterrupt:
    open({str(tmp_path / "saved")!r}, "w")
"""
    with pytest.raises(TimeIsUp):
        run.python("-c", patient)
    assert (tmp_path / "saved").exists()
    with pytest.raises(TimeIsUp, match="no time"):
        run.python("-c", "", kept=60)


@pytest.mark.alone
def test_nothing_is_left_running(run):
    run.end = time.monotonic() + measure.SAVING + 2
    forked = "import os, time; print(os.fork() and os.getpid(), flush=True); time.sleep(60)"
    with pytest.raises(TimeIsUp):
        run.python("-c", forked)
    leader = max(map(int, (run.work / "stdout").read_text().split()))
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.killpg(leader, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("a child goes on")


def test_a_failure_is_told_in_full(run, tmp_path):
    (tmp_path / "test_wrong.py").write_text(
        "import numpy as np\n"
        "from tests.checks import agree\n"
        "def test_pool():\n"
        "    agree(np.array([1.0, 2.5, 3.0], 'float32'), np.array([1.0, 2.0, 3.0], 'float32'), 'y of pool1')\n"
    )
    with pytest.raises(Failed) as failure:
        run.python("-m", "pytest", "-x", "-W", "default", "-p", "no:cacheprovider", tmp_path / "test_wrong.py")
    assert all(words in str(failure.value) for words in ("test_pool", "y of pool1", "2.5", "2.0"))
    with pytest.raises(Failed, match="ZeroDivisionError"):
        run.python("-c", "1 / 0")


def test_close_says_what_differs():
    right = np.linspace(1, 2, 1000).reshape(10, 100).astype("float32")
    wrong = right.copy()
    close(wrong, right.astype("float64"), "dx", 1e-6)
    wrong[3, 7] += 0.5
    wrong[9, 99] = np.nan
    for found in (wrong, np.where(np.isnan(wrong), 2.0, wrong)):
        with pytest.raises(AssertionError, match=r"dx \(10, 100\), float.*\n\(3, 7\): .*1\.80.*expected .*1\.30"):
            close(found, right, "dx", 1e-6)


def test_wheels_are_importable(tmp_path):
    (tmp_path / "wheels").mkdir()
    with zipfile.ZipFile(tmp_path / "wheels" / "rare-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("rare/__init__.py", "number = 3")
    run = measure.Run(tmp_path / "out", tmp_path / "work", None, 1, REAL, tmp_path / "wheels")
    assert run.python("-c", "import rare; print(rare.number)") == "3\n"


# ---------------------------------------------------------------------------------------------- the order of parts


def parts(monkeypatch, **works):
    """Make these the parts; what was done goes into the list returned."""
    done = []

    def noting(name, part):
        def work(run):
            done.append(name)
            return part.work(run)

        return Part(work, part.seconds, part.decides, part.usual)

    monkeypatch.setattr(measure, "PARTS", {name: noting(name, part) for name, part in works.items()})
    return done


def failing(run):
    raise Failed("conv1 is wrong")


def fine(run):
    return {"tests": "3 passed"}


def test_each_call_goes_on_where_the_last_one_stopped(monkeypatch, run):
    short = Part(fine, 1)
    done = parts(monkeypatch, first=short, long=Part(fine, 900), last=short, rare=Part(fine, 1, usual=False))
    results = {}
    assert not measure.go_through(run, results, [])
    assert done == ["first", "last"] and results["long"]["state"] == "not begun"
    assert "900 s" in results["long"]["text"]
    run.end += 1000
    assert measure.go_through(run, results, []) and done == ["first", "last", "long"]
    measure.go_through(run, results, ["rare", "first"])
    assert done[3:] == ["rare", "first"], "what is named is done again"
    run.code = "another"
    measure.go_through(run, results, [])
    assert done[5:] == ["first", "long", "last"], "other code is measured anew"
    run.code, run.end = "a third", time.monotonic() + 60
    assert not measure.go_through(run, results, [])
    assert results["long"]["state"] == "done", "without the time for a part, its earlier figures stay"


def test_training_without_a_plan_begins_anew(monkeypatch, run):
    """Time that ran out in one of the two short calls leaves a run of few epochs, which is not the one wanted."""
    calls = []

    def tinyalex(*words, kept=0):
        calls.append(words)
        if words[-2:] == ("--epochs", measure.FEW_EPOCHS) and len(calls) < 3:
            raise TimeIsUp("no time")
        folder = run.work / f"run-{run.code}"
        folder.mkdir(parents=True, exist_ok=True)
        return {"seconds": 1.0 if "--out" in words else 2.0, "top1_error": 0.5}

    monkeypatch.setattr(run, "tinyalex", tinyalex)
    monkeypatch.setattr(measure, "pictures", lambda run: "data")
    run.end = time.monotonic() + 400
    with pytest.raises(TimeIsUp):
        measure.training(run)
    assert measure.training(run)["top1_error"] == 0.5
    first, few, again, few_again, whole, evaluated = calls
    assert again == first and few_again == few and whole[-2] == "--epochs" and whole[-1] > measure.FEW_EPOCHS
    assert evaluated[0] == "evaluate"
    measure.training(run)
    assert calls[6][:2] == ("train", "--resume") and "--epochs" not in calls[6], "the plan holds"


def test_nothing_follows_a_wrong_number(monkeypatch, run):
    parts(monkeypatch, speed=Part(failing, 1), parity=Part(failing, 1, decides=True), rest=Part(fine, 1))
    results = {}
    assert not measure.go_through(run, results, [])
    assert {name: result["state"] for name, result in results.items()} == {"speed": "failed", "parity": "failed"}
    assert "conv1 is wrong" in (run.out / "results.md").read_text(encoding="utf-8")


def test_an_odd_answer_fails_its_part_alone(monkeypatch, run):
    done = parts(monkeypatch, odd=Part(lambda run: json.loads("Killed"), 1), rest=Part(fine, 1))
    measure.go_through(run, {}, [])
    assert done == ["odd", "rest"]


def test_every_part_is_described():
    described = measure.__doc__.split("These run only if named")
    for name, part in measure.PARTS.items():
        assert name in described[0 if part.usual else 1], name


def test_predictions_stand_beside_the_layers():
    predicted = predict(Setup("alexnet-mini", True, 4, 1, "gpu", True), MACHINES["H200"])
    layers = [
        {"name": layer["name"], "layer": "", "forward_ms": 1.5, "backward_ms": 2.5} for layer in predicted["layers"]
    ]
    bench = dict.fromkeys(measure.SPEED, 1.0) | {"model": "alexnet-mini", "batch": 4, "lrn": True, "tf32": True}
    rows = measure.speed_rows([bench | {"layers": layers, "predicted": predicted, "scaling": None}])
    assert any(row.endswith(f"| {predicted['images_per_s']:.4g} |") for row in rows)
    forward, backward = (predicted["layers"][0][way] for way in ("forward", "backward"))
    cells = ["conv1", "", 6.0, forward["ms"], forward["limit"], 10.0, backward["ms"], backward["limit"]]
    assert f"| {' | '.join(map(measure.number, cells))} |" in rows
