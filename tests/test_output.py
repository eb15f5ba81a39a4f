"""Output in any encoding, onto a full disk, into nothing; and one line about a path that the system refuses."""

import ast
import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_documents import ROOT
from tests.tiny_runs import train_mini
from tests.training.test_training import write_easy
from tinyalex.cli import main
from tinyalex.streams import PLAIN

TINYALEX = f"{shlex.quote(sys.executable)} -m tinyalex"


def output_in(encoding, monkeypatch, *arguments):
    """(exit code, stdout, stderr) of a command whose streams have an encoding; decoding them is strict."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    code = main([str(argument) for argument in arguments])
    for stream in (out, err):
        stream.flush()
    return code, out.buffer.getvalue().decode(encoding), err.buffer.getvalue().decode(encoding)


def shell(command, **options):
    return subprocess.run(command, shell=True, capture_output=True, text=True, cwd=ROOT, **options)


# ---------------------------------------------------------------------------------------------- encodings


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "utf-8"])
def test_tables_in_any_encoding(encoding, monkeypatch):
    code, out, err = output_in(encoding, monkeypatch, "summary", "alexnet")
    times = {"ascii": "x", "cp437": "x"}.get(encoding, "×")
    assert code == 0 and err == "" and f"224{times}224{times}3" in out and "\\x" not in out
    rule = out.splitlines()[1]
    assert set(rule) == {" ", "─" if encoding in ("utf-8", "cp437") else "-"}


def test_a_trained_result_in_ascii(tmp_path, monkeypatch):
    """The words of the errors' table, of the advice and of the log: none is lost."""
    options = ("--data", write_easy(tmp_path / "data", 8, 8), "--model", "alexnet-mini", "--epochs", 1, "--threads", 1)
    code, out, err = output_in("ascii", monkeypatch, "train", *options, "--out", tmp_path / "café")
    assert code == 0 and "best epoch" in out and "last epoch" in out
    assert "1 epoch -> " in err and "caf\\xe9" in out, "letters are not guessed: a path must not become another"


def test_every_sign_of_ours_has_a_plain_form():
    for file in (ROOT / "tinyalex").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        documents = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
                lacking = {sign for sign in node.value if not sign.isascii() and not sign.isalpha()} - PLAIN.keys()
                assert not lacking, f"{file.name}:{node.lineno}: streams.PLAIN lacks {lacking}"
    assert all(plain.isascii() for plain in PLAIN.values())


def test_json_loses_nothing(tmp_path, monkeypatch):
    names = ["大熊猫", "tench × Ω", "Käfer\udcff"]
    monkeypatch.setattr("tinyalex.commands.summary.run", lambda args: {"names": names})
    for encoding in ("ascii", "cp1252", "utf-8"):
        code, out, _ = output_in(encoding, monkeypatch, "summary", "--json")
        assert code == 0 and json.loads(out)["names"] == names


def test_the_name_of_a_file_that_is_no_text(monkeypatch):
    code, _, err = output_in("latin-1", monkeypatch, "evaluate", "caf\udce9")
    assert code == 2 and "café" in err, "the byte 0xe9 as it is on the disk"


# ---------------------------------------------------------------------------------------------- nowhere to write


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", ["summary alexnet", "summary --json", "--help", "train --help", "--version"])
@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_full_disk(arguments, buffered):
    environment = {**os.environ, "PYTHONUNBUFFERED": buffered}
    done = shell(f"{TINYALEX} {arguments} > /dev/full", env=environment)
    assert done.returncode == 2
    assert done.stderr == "tinyalex: the result cannot be written to stdout (the disk is full)\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "options, kept", [("--out run", "the run is saved in run; go on with: "), ("--show-batch b.png", "the picture is ")]
)
def test_what_is_kept_is_told_where_stdout_took_nothing(tmp_path, monkeypatch, options, kept):
    """On a full disk, and if the reader has left, which is no mistake."""
    monkeypatch.setattr("tests.test_output.ROOT", tmp_path)
    write_easy(tmp_path / "data", 8, 8)
    train, environment = f"{TINYALEX} train --data data --model alexnet-mini --epochs 1 {options}", {**os.environ}
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    done = shell(f"{train} > /dev/full", env=environment)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 2 and last.startswith(
        f"tinyalex: the result cannot be written to stdout (the disk is full); {kept}"
    ), done.stderr
    assert "Traceback" not in done.stderr and (tmp_path / ("run/result.json" if "run" in options else "b.png")).exists()
    done = shell(f"({train.replace('run', 'run2')}; echo $? >&2) | true", env=environment)
    last, code = done.stderr.splitlines()[-2:]
    assert code == "0" and last.startswith(f"tinyalex: {kept.replace('run;', 'run2;')}"), done.stderr


def test_closed_streams():
    done = shell(f"{TINYALEX} summary >&-")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "stdout is closed" in done.stderr
    done = shell(f"{TINYALEX} summary 2>&- <&-")
    assert done.returncode == 0 and "alexnet-small" in done.stdout
    done = shell(f"{TINYALEX} summary alexnett 2>&-")
    assert (done.returncode, done.stdout) == (2, ""), "an error is not a result"
    assert shell(f"{TINYALEX} summary >&- 2>&-").returncode == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_log_that_cannot_be_written_ends_no_work():
    code = (
        "import sys; from tinyalex.streams import usable_streams\nwith usable_streams():\n"
        " from tinyalex.terminal import say, progress_bar\n"
        " with progress_bar(9, 'work') as bar:\n  say('a word'); bar.update(9)\n print('done')"
    )
    done = shell(f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} 2> /dev/full")
    assert (done.returncode, done.stdout) == (0, "done\n")
    done = shell(f"({shlex.quote(sys.executable)} -c {shlex.quote(code)} 2>&1 >/dev/null; echo $? >&2) | true")
    assert done.stderr == "0\n", "whoever read the log has gone"


def test_the_streams_are_given_back(capsys):
    before = sys.stderr
    main(["summary"])
    assert sys.stderr is before


# ---------------------------------------------------------------------------------------------- paths


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return train_mini(folder / "one", write_easy(folder / "data", 16, 8), epochs=1)


LONG = "x" * 300  # a name that no system takes, not even for root
PATHS = (
    *("train --data LONG", "train --out LONG", "train --resume LONG", "train --recipe LONG.toml --data builtin"),
    *(
        "evaluate LONG",
        "evaluate RUN --data LONG",
        "compare LONG RUN",
        "compare RUN LONG",
        "compare RUN RUN --out LONG",
    ),
    *("predict LONG FILE", "predict RUN LONG", "inspect LONG", "inspect RUN --data LONG", "inspect RUN --out LONG"),
    *("prepare LONG new", "prepare FILE LONG", "prepare FILE new --classes LONG", "download cifar10 LONG"),
    *("lesson 01 --check LONG", "lesson --book LONG", "experiment C3 --data LONG"),
    *(
        "bench --chart LONG/x.png",
        "bench --merge LONG LONG LONG",
        "scale --chart LONG/x.png",
        "train --start-from LONG --data DATA --out new",
    ),
)


@pytest.mark.parametrize("arguments", PATHS)
def test_a_path_that_the_system_refuses(arguments, run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("FILE").write_text("some text")
    words = {"LONG": LONG, "RUN": str(run), "DATA": str(run.parent / "data")}
    for word, text in words.items():
        arguments = arguments.replace(word, text)
    code = main(shlex.split(arguments))
    out, err = capsys.readouterr()
    assert code == 2 and out == "" and err.count("\n") == 1, err[-500:]
    assert err.startswith("tinyalex: ")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read and write everything")
@pytest.mark.parametrize("arguments", ["train --data L", "train --out L/x", "evaluate L", "prepare L new", "inspect L"])
def test_a_folder_without_permission(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("L").mkdir(mode=0o000)
    code = main(shlex.split(arguments))
    out, err = capsys.readouterr()
    assert code == 2 and out == "" and err.count("\n") == 1 and "ermission" in err
