"""Two workers taking turns, as threads; and starting them as processes, reading their reports and ending them."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.checks import agree_all
from tinyalex import backend
from tinyalex.errors import UserError
from tinyalex.parallel import run_threads
from tinyalex.scaling import launch, ranks
from tinyalex.scaling.launch import find_mpiexec, measure_pair, rounds_of
from tinyalex.scaling.ranks import Pair, Task
from tinyalex.terminal import progress_bar

MODEL = "alexnet-mini+two-towers"
FORMS = ("data", "hybrid", "towers")
TASK = Task(MODEL, 5, 4, None, threads=1, rounds=2, alone=(1, 2), beside=(1, 2), forms=FORMS)


@pytest.fixture(autouse=True)
def same_threads():
    before = backend.thread_count()
    yield
    backend.set_thread_count(before)


# ---------------------------------------------------------------------------------------------- turns


def told(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def noting(log, name, function):
    """The function, with its arguments logged under this name at every call."""

    def call(*args):
        log.append((name, *args))
        return function(*args)

    return call


@pytest.mark.parametrize("backwards", [False, True])
def test_a_round(backwards, monkeypatch, capsys):
    """All turns, in both orders; "beside" gives the slower worker's parts; the first worker reports every picture."""
    monkeypatch.setattr(ranks, "LONG_ENOUGH", 0.0)
    orders, warmed = [[], []], [[], []]

    def work(team):
        pair = Pair(TASK, team)
        for name in ("alone", "beside", "link", "real"):
            setattr(pair, name, noting(orders[team.rank], name, getattr(pair, name)))
        pair.warm_up()
        warmed[team.rank] += [
            name for name, steps in pair.steps.items() if steps.optimiser.velocity["fc8.weight"].any()
        ]
        capsys.readouterr()
        answers = pair.round(backwards)
        return answers | {"steps": {name: steps.optimiser.velocity for name, steps in pair.steps.items()}}

    first, second = run_threads(2, work)
    expected = [("alone",), ("real", "one"), ("beside",), *(("real", name) for name in ("threaded", *FORMS)), ("link",)]
    assert warmed == 2 * [["one", "threaded", *FORMS]]
    assert orders == 2 * [expected[::-1] if backwards else expected]
    assert [row[0] for row in first["alone"]["trunk"]] == [2, 4] and first["alone"]["tower"][0][0] == 4
    assert first["beside"] == second["beside"] and [row[0] for row in first["beside"]["head"]] == [2, 4]
    assert second["alone"] is second["one"] is second["threaded"] is None
    assert first["link"][0] > 0 and 1e6 < first["link"][1] < 1e13
    assert all(first[name] > 0 for name in ("one", "threaded", *FORMS))
    for form in FORMS:
        assert all(v.any() for name, v in first["steps"][form].items() if name.endswith("weight")), "a real step trains"
    pictures = [words["pictures"] for words in told(capsys)]
    parts = 2 * (2 + 4) + 4  # trunk and head; a tower
    assert sum(pictures) == 2 * parts + 5 * 4


def test_two_workers_take_the_step_of_one():
    """In every form the same batch moves the same weights the same way, so real training is timed."""

    def work(team):
        pair, moved = Pair(TASK, team), {}
        del pair.steps["threaded"]  # the same object as "one": a second step would change its velocity
        for name, steps in pair.steps.items():
            rng = np.random.default_rng(0)
            weights = {n: rng.normal(0, 0.05, p.shape).astype("float32") for n, p in pair.worker.network.params.items()}
            for parameter, mine in steps.whole.own(weights).items():
                steps.whole.network.params[parameter][...] = mine
            steps.seconds(1)
            moved[name] = steps.whole.joined(steps.optimiser.velocity)
        return moved

    moved = run_threads(2, work)[0]
    for form in FORMS:
        agree_all(moved[form], moved["one"], form, rtol=2e-3, atol=1e-8)


@pytest.mark.parametrize("quick, steps", [(True, 5), (False, 1)])
def test_quick_steps_are_repeated(quick, steps, monkeypatch, capsys):
    """The first worker decides how often, so that neither is left waiting."""
    monkeypatch.setattr(ranks, "LONG_ENOUGH", 1.0)

    def work(team):
        pair, counts = Pair(TASK, team), []
        for steps in pair.steps.values():
            steps.seconds = noting(counts, "steps", lambda count: 0.2 + 0.3 * team.rank if quick else 1.5)
        return pair.real("data"), pair.real("one"), [count for _, count in counts]

    answers = run_threads(2, work)
    seconds = [0.2, 0.5] if quick else [1.5, 1.5]
    taken = [1, steps] if quick else [1]
    assert answers == [(seconds[0], seconds[0], 2 * taken), (seconds[1], None, taken)]


# ---------------------------------------------------------------------------------------------- processes

ROUND = {"alone": {"trunk": [[4, 1.0]]}, "beside": {"trunk": [[4, 3.0]]}, "link": [1e-4, 1e9]}


@pytest.fixture
def mpiexec(tmp_path):
    """A function that writes a Python program of the given lines, to run in place of mpiexec."""

    def program(*lines):
        file = tmp_path / "mpiexec"
        file.write_text(f"#!{sys.executable}\nimport json, sys, time\n" + "\n".join(lines))
        file.chmod(0o755)
        return str(file)

    return program


def answers(program, task=TASK, **options):
    with progress_bar(10, "", quiet=True) as bar:
        return rounds_of(task, program, bar, **options)


def test_the_ranks_reports_are_collected(mpiexec):
    """The task arrives intact; lines printed by an MPI library do no harm."""
    second = ROUND | {"link": [3e-4, 3e9], "alone": {"trunk": [[4, 2.0]]}}
    program = mpiexec(
        "assert sys.argv[1:3] == ['-n', '2'] and sys.argv[4:6] == ['-m', 'tinyalex.scaling.ranks']",
        f"assert json.loads(sys.argv[6]) == {json.loads(TASK.json())!r}",
        f"print('some library says hello', 7, sep='\\n'); print({json.dumps({'pictures': 4})!r})",
        f"print({json.dumps({'round': ROUND})!r}); print({json.dumps({'round': second})!r})",
    )
    assert answers(program) == [ROUND, second]
    parts, link, rounds = measure_pair(TASK, True, program, quiet=True)
    assert parts == {"alone": {"trunk": [[4, 1.5]]}, "beside": {"trunk": [[4, 3.0]]}}
    assert link == pytest.approx([2e-4, 2e9]) and rounds == [ROUND, second]


@pytest.mark.alone
@pytest.mark.parametrize(
    "lines, words",
    [
        (["print(json.dumps({'error': 'no MPI library'}))", "time.sleep(60)"], "mpiexec -n 2: no MPI library"),
        (
            ["print('tinyalex: rank 1 of 2: broken', 'more', sep='\\n', file=sys.stderr)", "sys.exit(9)"],
            "mpiexec -n 2: ended early with code 9: tinyalex: rank 1 of 2: broken",
        ),
        (["print('first', 'last', sep='\\n', file=sys.stderr)", "sys.exit(1)"], "ended early with code 1: last"),
        (["print('-' * 9, 'why', '-' * 9, sep='\\n', file=sys.stderr)", "sys.exit(1)"], "early with code 1: why"),
        ([], "ended early with code 0: it gave no reason"),
        (["time.sleep(60)"], "were silent for 0.5 s and have been ended"),
        (["import os", "os.close(1)", "time.sleep(60)"], "were still running 0.2 s after their last word"),
        (["import signal", "signal.signal(signal.SIGTERM, signal.SIG_IGN)", "time.sleep(60)"], "were silent for 0.5 s"),
    ],
)
def test_any_failure_is_one_line_and_over_soon(mpiexec, monkeypatch, lines, words):
    started = []
    start = launch._start
    monkeypatch.setattr(launch, "LAST_WORDS", 0.2)
    monkeypatch.setattr(launch, "_start", lambda *args: started.append(start(*args)) or started[0])
    with pytest.raises(UserError, match=words) as refused:
        answers(mpiexec(*lines), silence=0.5)
    assert "\n" not in str(refused.value) and started[0].returncode is not None, "it is still running"


def test_too_few_rounds(mpiexec):
    program = mpiexec(f"print({json.dumps({'round': ROUND})!r})")
    with pytest.raises(UserError, match="ended early"):
        answers(program)


def test_mpiexec_is_found(monkeypatch, tmp_path, mpiexec):
    """Beside Python first, then in PATH; an error names whatever is missing."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    beside, elsewhere = tmp_path / "bin", tmp_path / "mpiexec"
    beside.mkdir()
    monkeypatch.setattr(sys, "executable", str(beside / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="--check: found no mpiexec beside .*pip install mpich"):
        find_mpiexec("--check")
    mpiexec()
    assert find_mpiexec("--check") == str(elsewhere)
    shutil.copy(elsewhere, beside)
    assert find_mpiexec("--check") == str(beside / "mpiexec")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="--network here: mpi4py is not installed; expected: pip install"):
        find_mpiexec("--network here")


# ---------------------------------------------------------------------------------------------- with MPI


@pytest.mark.mpi
def test_real_ranks():
    rounds = answers(find_mpiexec("--check"), Task(MODEL, 5, 4, None, 1, 1, (1, 2), (1, 2), FORMS), silence=60)
    assert list(rounds[0]) == ["alone", "one", "beside", "threaded", *FORMS, "link"] and rounds[0]["towers"] > 0
    latency, bandwidth = rounds[0]["link"]
    assert 0 < latency < 1 and 1e6 < bandwidth < 1e13


@pytest.mark.mpi
def test_real_ranks_that_fail(monkeypatch):
    """A fault in one rank ends both, with its message."""
    with pytest.raises(UserError, match="ended early .*: tinyalex: rank . of 2: failed, which ends the other rank too"):
        answers(find_mpiexec("--check"), Task("alexnet-mini", 5, 4, None, 1, 1, (1,), (1,), ("nonsense",)), silence=60)


@pytest.mark.mpi
def test_real_ranks_with_a_mistake():
    """More towers than outputs: its own words are told."""
    with pytest.raises(UserError, match="expected at most 1") as raised:
        answers(
            find_mpiexec("--check"),
            Task("alexnet-mini+two-towers", 1, 4, None, 1, 1, (1,), (1,), ("towers",)),
            silence=60,
        )
    assert "\n" not in str(raised.value)


def processes(words):
    """The command lines on this machine that contain these words."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            line = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        found += [line] if words in line else []
    return found


@pytest.mark.mpi
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads the process list of Linux")
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_nothing_outlives_the_command(number, code):
    """Neither Ctrl-C nor the command's sudden death leaves ranks behind; their number of classes identifies them."""
    classes = str(1000 + os.getpid() % 7919)
    options = f"--model alexnet-mini --network here --rounds 1000 --classes {classes}".split()
    process = subprocess.Popen(
        [sys.executable, "-m", "tinyalex", "scale", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        start_new_session=True,
    )
    marked = f'"classes": {classes}'
    until = time.monotonic() + 60
    while sum("mpiexec" not in line for line in processes(marked)) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code and "Traceback" not in err, err
    until = time.monotonic() + 30
    while processes(marked) and time.monotonic() < until:
        time.sleep(0.1)
    assert not processes(marked)
