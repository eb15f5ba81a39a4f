"""Thousands of damaged and hostile files of weights: each is read, or refused in one line, and nothing in it is run."""

import os
import random
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.test_documents import ROOT
from tinyalex.errors import UserError

CASES = 2_000
ROOM = 256 * 2**20  # bytes of address space that the cases may add


def run(folder):
    """All cases, in this process. AssertionError for one that ends with anything but an answer or a UserError."""
    from tests.fuzzing import weights

    os.chdir(folder)
    shared, outcomes = weights.setup(folder), Counter()
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, taken + ROOM))
    for number in range(CASES):
        case = weights.make(random.Random(number), folder, shared, commands=False)
        try:
            case()
            outcomes["read"] += 1
        except UserError as error:
            assert "\n" not in str(error) and str(error).startswith(str(folder)), f"case {number}: {error}"
            outcomes["refused"] += 1
        except BaseException as error:
            raise AssertionError(f"case {number}") from error
    assert outcomes["read"] > 5 and [file.name for file in folder.iterdir()] == ["a.pth"], outcomes


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not tell a process its size")
def test_thousands_of_damaged_files(tmp_path):
    words = "import pathlib, sys; from tests.exchange.test_damaged import run; run(pathlib.Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", words, tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
