"""Nothing that is read can hang, crash, fill the memory, run code or leave a half-written output."""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

if not hasattr(os, "fork"):
    pytest.skip("this system has no fork", allow_module_level=True)

from tests import fuzz
from tests.data.test_parquet import needs_pyarrow
from tests.test_documents import ROOT
from tinyalex.errors import UserError

COUNT, COUNTS = 200, {"onnx_files": 600}
NEEDS = {"parquet": needs_pyarrow, "onnx_files": pytest.mark.onnx}


@pytest.mark.parametrize("reader", [pytest.param(reader, marks=NEEDS.get(reader, ())) for reader in fuzz.READERS])
def test_damaged_inputs_end_with_an_answer_or_one_line(reader):
    count = COUNTS.get(reader, COUNT)
    words = [sys.executable, "tests/fuzz.py", reader, str(count), "--json"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    outcomes = json.loads(done.stdout or "{}")
    assert outcomes.keys() == {"accepted", "refused"}, done.stderr[-3000:]
    assert outcomes["accepted"] + outcomes["refused"] == count and done.returncode == 0


def refuse():
    raise UserError("found 1, expected 2")


def fill_memory():
    return b"1" * (fuzz.MEMORY + 10**7)


def work_on():
    while True:
        pass


def leave(name, then=lambda: None):
    def case():
        os.mkdir(name)
        then()

    return case


@pytest.mark.alone
@pytest.mark.parametrize(
    "case, outcome",
    [
        (lambda: None, "accepted"),
        (refuse, "refused"),
        (lambda: 1 / 0, "traceback"),
        (["predict"], "refused"),
        (["--version"], "traceback"),  # ends Python by itself, which no reader may
        (lambda: time.sleep(9), "hang"),
        (work_on, "hang"),
        (fill_memory, "too much memory"),
        (lambda: os.kill(os.getpid(), signal.SIGSEGV), "crash (SIGSEGV)"),
        (leave("code-ran"), "code ran"),
        (leave("out"), "accepted"),
        (leave("out", refuse), "half-written"),
        (leave(".out.partial", refuse), "half-written"),
    ],
)
def test_every_failure_is_seen(case, outcome, tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz, "TIME", 4)
    monkeypatch.setattr(fuzz, "PATIENCE", 1)
    module = SimpleNamespace(make=lambda random, folder, shared: case)
    assert fuzz.run_case(module, tmp_path / "case", None, (0, 0))[0] == outcome


def test_a_case_that_cannot_be_made_is_no_refusal(tmp_path):
    module = SimpleNamespace(make=lambda random, folder, shared: refuse())
    assert fuzz.run_case(module, tmp_path / "case", None, (0, 0))[0] == "case not made"


def test_a_case_is_the_same_again_by_its_number(tmp_path):
    def make(random, folder, shared):
        print(random.random(), file=sys.stderr)
        return lambda: None

    drawn = [fuzz.run_case(SimpleNamespace(make=make), tmp_path / "case", None, (0, n))[1] for n in (3, 3, 4)]
    assert drawn[0] == drawn[1] != drawn[2]
