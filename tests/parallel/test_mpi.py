"""Ranks under mpiexec: the same network as one process, through deaths, signals and disagreements."""

import json
import os
import shutil
import signal
import time
from contextlib import suppress

import numpy as np
import pytest

from tests.checks import agree, agree_all
from tests.parallel.ranks import below, launch, mpiexec, run, tinyalex
from tests.training.test_training import write_easy
from tinyalex.cli import main
from tinyalex.plots import kernels
from tinyalex.runs.checkpoint import load_checkpoint

pytestmark = pytest.mark.mpi

TRAIN, VAL = 36, 10  # batches of 16, 16 and 4; the last has a picture for each of four ranks
OPTIONS = "--model alexnet-mini+two-towers --batch 16 --lr 0.01 --schedule constant --threads 1".split()
SLOW = """
import sys, time
from tinyalex.training import trainer as training
from tinyalex.cli import main

step = training.training_step

def slowly(*arguments):
    time.sleep(0.2)
    return step(*arguments)

training.SAVE_SECONDS, training.training_step = 0, slowly
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_easy(tmp_path_factory.mktemp("data") / "easy", TRAIN, VAL)


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory):
    """Two epochs of one process."""
    path = tmp_path_factory.mktemp("runs") / "alone"
    assert main(["train", "--data", str(data), "--epochs", "2", *OPTIONS, "--out", str(path), "--json"]) == 0
    return path


def train(data, out, *more):
    return tinyalex("train", "--data", data, "--epochs", 2, *OPTIONS, "--out", out, *more)


def assert_same_run(path, expected, rtol=2e-4):
    """Losses, errors and weights to rounding, which grows over the steps."""
    found, right = (load_checkpoint(folder / "last.safetensors") for folder in (path, expected))
    for ours, theirs in zip(found.info["state"]["history"], right.info["state"]["history"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)
    for params, others in ((found.params, right.params), (found.velocity, right.velocity)):
        scale = {name: np.abs(p).max() for name, p in others.items()}
        agree_all(
            {n: p / scale[n] for n, p in params.items()},
            {n: p / scale[n] for n, p in others.items()},
            "",
            rtol=0,
            atol=rtol,
        )


# ---------------------------------------------------------------------------------------------- the same as one


@pytest.mark.parametrize(
    "form, ranks, count", [("data", 2, 7), ("data", 4, 6), ("hybrid", 2, 7), ("hybrid", 4, 6), ("towers", 2, 5)]
)
def test_fifty_steps(form, ranks, count):
    code, out, err = run((ranks, ["-m", "tests.parallel.fifty_steps", form, count]))
    assert code == 0, err
    difference, same = out.split()
    assert float(difference) < 1e-8 and same == "True"


@pytest.mark.parametrize("form, ranks", [("data", 2), ("data", 4), ("hybrid", 4), ("towers", 2)])
def test_train(form, ranks, data, alone, tmp_path):
    code, out, err = run((ranks, train(data, tmp_path / "run", "--parallel", form, "--json")))
    assert code == 0, err
    result = json.loads(out)  # one object, of one rank
    assert (result["parallel"], result["workers"]) == (form, ranks)
    assert err.count("epoch   2/2") == 1 and f"{form}, {ranks} workers" in err
    assert_same_run(tmp_path / "run", alone)
    assert sum(row["forward"] + row["backward"] for row in result["exchanged"]) > 0
    names = {file.name for file in (tmp_path / "run").iterdir()}
    assert names == {file.name for file in alone.iterdir()}


def test_one_worker_is_told_how_to_be_more(data, tmp_path):
    code, out, err = run((1, train(data, tmp_path / "run", "--parallel", "data", "--epochs", 1)))
    assert code == 0 and "data, 1 worker (mpiexec -n K" in err and "workers" not in out, (out, err)


def test_a_run_that_has_ended_sends_nothing(alone, tmp_path):
    shutil.copytree(alone, tmp_path / "run")
    code, out, err = run((2, tinyalex("train", "--resume", tmp_path / "run", "--parallel", "data")))
    assert code == 0 and "there is nothing left to do" in err and "sent by a worker" not in out, (out, err)


def test_repeats_to_the_bit(data, tmp_path):
    for name in ("first", "again"):
        assert run((2, train(data, tmp_path / name, "--parallel", "data")))[0] == 0
    first, again = (load_checkpoint(tmp_path / name / "last.safetensors").params for name in ("first", "again"))
    agree_all(first, again, "", exact=True)


def test_evaluate_is_shared_out(alone, capsys):
    options = ["evaluate", str(alone), "--ten-crop", "--json"]
    assert main([*options, "--threads", "1"]) == 0
    expected = json.loads(capsys.readouterr().out)
    code, out, err = run((4, tinyalex(*options, "--parallel", "data")))  # ten pictures: 3, 3, 2, 2
    assert code == 0, err
    found = json.loads(out)
    assert found.pop("loss") == pytest.approx(expected.pop("loss"), rel=1e-5)
    assert found == expected


# ---------------------------------------------------------------------------------------------- ended and taken up


def started(path, process):
    """Wait until a run has saved at least once."""
    until = time.monotonic() + 60
    while not (path / "last.safetensors").exists():
        assert process.poll() is None and time.monotonic() < until, process.communicate()[1]
        time.sleep(0.05)


def ranks_of(process):
    """The process numbers of the ranks below an mpiexec."""
    found = []
    for number in below(process.pid):
        with suppress(OSError), open(f"/proc/{number}/cmdline") as line:
            words = line.read().split("\0")
            if "python" in words[0] and "train" in words:
                found.append(number)
    return sorted(found)


@pytest.mark.parametrize("before, after, victim", [(2, 4, -1), (4, 1, 0)])
def test_a_rank_is_killed_and_others_go_on(before, after, victim, data, alone, tmp_path):
    path = tmp_path / "run"
    arguments = train(data, path, "--parallel", "data")[2:]
    process = launch((before, ["-c", SLOW, *arguments]))
    started(path, process)
    ranks = ranks_of(process)
    assert len(ranks) == before
    os.kill(ranks[victim], signal.SIGKILL)
    begun = time.monotonic()
    out, err = process.communicate(timeout=30)
    assert process.returncode != 0 and time.monotonic() - begun < 10
    said = [line for line in err.splitlines() if line.startswith("tinyalex:")]
    assert len(said) == 1 and f"one of {before} ranks has died" in said[0] and f"--resume {path}" in said[0]
    assert "Traceback" not in err
    assert not any(os.path.exists(f"/proc/{rank}") for rank in ranks), "a rank is left behind"
    load_checkpoint(path / "last.safetensors")  # whole
    code, _, err = run((after, tinyalex("train", "--resume", path, "--parallel", "data", "--threads", 1)))
    assert code == 0, err
    assert_same_run(path, alone)


def test_ctrl_c_stops_all_at_one_step(data, alone, tmp_path):
    path = tmp_path / "run"
    process = launch((2, ["-c", SLOW, *train(data, path, "--parallel", "hybrid")[2:]]))
    started(path, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err.count("stopped and saved at epoch") == 1, err
    assert main(["train", "--resume", str(path), "--threads", "1", "--json"]) == 0  # one process goes on
    assert_same_run(path, alone)


def test_towers_in_two_threads(data, alone, tmp_path, capsys, monkeypatch):
    """Without mpiexec; the picture at the end shows the kernels of both."""
    path, drawn = tmp_path / "run", []
    monkeypatch.setattr("tinyalex.plots.kernels", lambda weight, title: drawn.append(weight) or kernels(weight, title))
    options = ["train", "--data", str(data), *OPTIONS, "--out", str(path), "--json"]
    options[options.index("alexnet-mini+two-towers")] = "alexnet-mini"  # the variation is added
    assert main([*options, "--epochs", "2", "--parallel", "towers"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "alexnet-mini+two-towers"
    assert_same_run(path, alone)
    agree(drawn[0], load_checkpoint(path / "last.safetensors").params["conv1.weight"], "kernels", exact=True)


# ---------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    "change, said",
    [
        (["--batch", "8"], "--batch is 8, rank 0 has 16"),
        (["--seed", "3"], "--seed is 3, rank 0 has none"),
        (["--parallel", "hybrid"], "--parallel is hybrid, rank 0 has data"),
        (["--data", "other"], "the fingerprint of the data is"),
        (["--data", "nowhere"], "nowhere"),
        (["--device", "gpu"], "--device is gpu, rank 0 has auto"),
    ],
)
def test_a_rank_that_differs_is_refused(change, said, data, tmp_path):
    write_easy(tmp_path / "other", TRAIN, VAL, seed=9)
    if change[0] == "--data":
        change = ["--data", str(tmp_path / change[1])]
    first = train(data, tmp_path / "run", "--parallel", "data")
    code, out, err = run((1, first), (1, [*first, *change]))
    assert code == 2 and not out
    assert err.strip().splitlines() == [err.strip()] and said in err and "rank 1 of 2" in err
    assert not (tmp_path / "run").exists()


def test_other_code_is_refused(data, tmp_path):
    changed = (
        "from tinyalex.parallel import joining; joining.code_digest = lambda: 'other'; from tinyalex.cli import main; "
        "import sys; sys.exit(main(sys.argv[1:]))"
    )
    first = train(data, tmp_path / "run", "--parallel", "data")
    code, _, err = run((1, first), (1, ["-c", changed, *first[2:]]))
    assert code == 2 and "rank 1 of 2: the code is version" in err and len(err.strip().splitlines()) == 1


def test_ranks_that_do_not_know_of_each_other(data, tmp_path):
    code, _, err = run((2, train(data, tmp_path / "run")))
    assert code == 2 and len(err.strip().splitlines()) == 1 and "expected --parallel" in err
    assert not (tmp_path / "run").exists()


def test_one_rank_that_does_not_know_of_the_others(data, tmp_path):
    first = train(data, tmp_path / "run")
    code, _, err = run((1, [*first, "--parallel", "data"]), (1, first))
    said = [line for line in err.splitlines() if "expected --parallel" in line]
    assert code == 2 and len(said) == 1 and "Traceback" not in err and not (tmp_path / "run").exists()


THERE = "import os, sys; os.chdir(sys.argv.pop(1)); from tinyalex.cli import main; sys.exit(main(sys.argv[1:]))"


def test_another_checkpoint_is_refused(data, alone, tmp_path):
    """Where machines do not share the run folder, each of them may have one."""
    for place in ("one", "other"):
        shutil.copytree(alone, tmp_path / place / "run")
    (tmp_path / "other" / "run" / "last.safetensors").unlink()
    options = ["train", "--resume", "run", "--data", data, "--parallel", "data"]
    code, _, err = run(*((1, ["-c", THERE, tmp_path / place, *options]) for place in ("one", "other")))
    assert code == 2 and err.strip().splitlines() == [err.strip()]
    assert "rank 1 of 2: the checkpoint in run is epoch 1, step 0, rank 0 has epoch 3, step 0" in err


@pytest.mark.parametrize(
    "change, said", [("data", "the validation pictures' labels"), ("run", "the checkpoint of run")]
)
def test_evaluation_of_something_else_is_refused(change, said, alone, tmp_path):
    """Of other pictures of the same classes, here more of them, one rank would wait for the other without end."""
    for place, val in (("one", VAL), ("other", 300 if change == "data" else VAL)):
        shutil.copytree(alone, tmp_path / place / "run")
        write_easy(tmp_path / place / "data", TRAIN, val)
    if change == "run":  # another epoch
        shutil.copy(alone / "last.safetensors", tmp_path / "other" / "run" / "best.safetensors")
    options = ["evaluate", "run", "--data", "data", "--parallel", "data"]
    code, _, err = run(*((1, ["-c", THERE, tmp_path / place, *options]) for place in ("one", "other")))
    assert code == 2 and err.strip().splitlines() == [err.strip()] and f"rank 1 of 2: {said} is checksum" in err


def test_threads_may_differ(data, tmp_path):
    first = [word for word in train(data, tmp_path / "run", "--parallel", "data") if word not in ("--threads", "1")]
    code, _, err = run((1, first), (1, [*first, "--threads", "1"]))
    assert code == 0, err


def test_the_mpiexec_of_another_mpi(data, tmp_path):
    """Its processes do not know of each other, so each would do all of the work."""
    other = (
        "import os, sys; os.environ['OMPI_COMM_WORLD_SIZE'] = '2'; from tinyalex.cli import main; "
        "sys.exit(main(sys.argv[1:]))"
    )
    for form in ([], ["--parallel", "data"], ["--parallel", "towers"]):
        code, _, err = run((1, ["-c", other, *train(data, tmp_path / "run", *form)[2:]]))
        assert (
            code == 2
            and len(err.strip().splitlines()) == 1
            and "one of 2 processes" in err
            and "expected the mpiexec" in err
        )
    assert not (tmp_path / "run").exists()


def test_three_towers_are_refused(data, tmp_path):
    code, _, err = run((3, train(data, tmp_path / "run", "--parallel", "towers")))
    assert code == 2 and len(err.strip().splitlines()) == 1 and "cannot be divided into 3 towers at norm1" in err
    assert not (tmp_path / "run").exists()


def test_a_fault_of_one_rank_ends_all(data, tmp_path):
    """Rank 0 cannot write any more: the others, who wait for it, end with it."""
    broken = SLOW.replace(
        "sys.exit(",
        """
from tinyalex.errors import UserError
from tinyalex.runs.folder import RunFolder
def full(folder, path, checkpoint):
    raise UserError(f"{path}: cannot be written (the disk is full)")
RunFolder.save = full
sys.exit(""",
        1,
    )
    begun = time.monotonic()
    code, _, err = run((2, ["-c", broken, *train(data, tmp_path / "run", "--parallel", "data")[2:]]))
    assert code == 2 and time.monotonic() - begun < 60
    said = [line for line in err.splitlines() if line.startswith("tinyalex:")]
    assert len(said) == 1 and "rank 0 of 2" in said[0] and "the disk is full" in said[0]
    assert "Abort" not in err and "Traceback" not in err


def test_without_mpi4py(data, monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert main(["train", "--data", str(data), "--parallel", "data"]) == 2
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1 and "pip install mpi4py" in said


def test_the_command_line_for_several_groups():
    assert mpiexec((2, ["a"]), (1, ["b"]))[1:] == [
        "-n",
        "2",
        mpiexec((1, []))[3],
        "a",
        ":",
        "-n",
        "1",
        mpiexec((1, []))[3],
        "b",
    ]
