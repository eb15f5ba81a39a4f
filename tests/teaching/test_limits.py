"""A learner's code cannot hang a check, fill the memory, or end Python: in a file, in a notebook, in any thread."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.teaching import running
from tests.test_cli import call
from tinyalex.errors import UserError
from tinyalex.teaching import learner, limits, notebook
from tinyalex.teaching.answers import judge_file
from tinyalex.teaching.limits import OutOfTime, limited, time_limit

pytestmark = pytest.mark.alone  # a check is given half a second
LINUX = pytest.mark.skipif(not limits.FORKS, reason="memory is limited and children are forked on Linux only")
RUNNING = "lrn_forward was still running after 0.5 s: look for a loop that does not end."
TOO_LARGE = "lrn_forward asks for more memory than a check may take, 2 GB"
ANSWERS = {  # body: what the learner is told
    "while True: pass": f"{RUNNING}\nin its line 3: while True: pass",
    "time.sleep(100)": f"{RUNNING}\nin its line 3: time.sleep(100)",
    "while True:\n  try: x = x + 0\n  except Exception: pass": RUNNING,
    "while True:\n  try: time.sleep(9)\n  except BaseException: pass": RUNNING,
    "return max(itertools.repeat(1))": RUNNING,  # one endless call into compiled code
    "return np.zeros(12_500_000_000)": f"{TOO_LARGE}: Unable to allocate 93.1 GiB",
    "return [0] * 10**12": f"{TOO_LARGE}\nin its line 3: return [0] * 10**12",
    "ctypes.string_at(0)": "lrn_forward ended Python itself (SIGSEGV).",
    "os._exit(7)": "lrn_forward ended Python itself (exit code 7).",
}


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv(learner.PROGRESS, str(tmp_path / "progress.json"))
    monkeypatch.setattr(limits, "GRACE", 0.5)
    monkeypatch.setattr(limits, "AGAIN", 0.2)


def write(tmp_path, body):
    lines = "\n".join(f"  {line}" for line in body.splitlines())
    text = f"import numpy as np, itertools, ctypes, os, time\ndef lrn_forward(x, n, alpha, beta, k):\n{lines}\n"
    file = tmp_path / "mine.py"
    file.write_text(text + "def window_sum(x, n):\n  return x\n")
    return file


@LINUX
@pytest.mark.parametrize("body", ANSWERS)
def test_a_file(tmp_path, body):
    start = time.perf_counter()
    verdicts = {exercise.id: verdict for exercise, verdict in judge_file("09", write(tmp_path, body), 0.5)}
    assert time.perf_counter() - start < 4
    assert verdicts["09-forward"].state == "not yet" and verdicts["09-forward"].text.startswith(ANSWERS[body])
    assert verdicts["09-window"].wrong != "time", "the next function is judged all the same"
    assert learner.progress() == {"09-forward": "not yet", "09-window": "not yet"}


@pytest.mark.parametrize("body", [body for body in ANSWERS if ANSWERS[body].startswith((RUNNING, TOO_LARGE))])
def test_in_the_same_process(tmp_path, monkeypatch, capsys, body):
    """As in a notebook, and in files where there is no fork; only Python's own code can be interrupted."""
    if "repeat" in body or "BaseException" in body:
        pytest.skip("only a child process can be ended there")
    if ANSWERS[body].startswith(TOO_LARGE) and not limits.FORKS:
        pytest.skip("memory is limited on Linux only")
    monkeypatch.setattr(limits, "FORKS", False)
    before = [signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)]
    (said,) = (v.text for e, v in judge_file("09", write(tmp_path, body), 0.5) if e.id == "09-forward")
    assert said.startswith(ANSWERS[body])
    assert [signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)] == before


def endless(x, n, alpha, beta, k):
    while True:
        x = x + 0


def test_a_check_in_a_notebook(capsys, monkeypatch):
    ours = notebook.check("09-forward", endless, seconds=0.3)
    assert ours is not endless
    out = capsys.readouterr().out
    assert "lrn_forward was still running after 0.3 s: look for a loop" in out and "What follows uses ours" in out
    monkeypatch.setenv(limits.SECONDS, "0.4")
    notebook.check("09-forward", endless)
    assert "after 0.4 s" in capsys.readouterr().out


def test_in_another_thread():
    """As on Windows, or in a server's thread: without signals."""
    ended = []

    def work():
        for _ in range(2):
            try:
                with limited(0.2):
                    while True:
                        pass
            except OutOfTime:
                ended.append(time.perf_counter())
        with limited(5):
            ended.append("in time")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert len(ended) == 3 and ended[-1] == "in time"


def test_ctrl_c_ends_a_check_at_once():
    """The time limit must not take the place of an interruption by hand."""
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            notebook.check("09-forward", endless, seconds=20)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, handler)


@pytest.mark.slow
def test_in_a_kernel():
    """The notebook runs on after an endless loop and after 100 GB."""
    pytest.importorskip("nbclient")
    book = running.read("09")
    setup, exercise, check = (running.cells(book, tag)[0] for tag in ("setup", "exercise", "check"))
    name = exercise.metadata["exercise"]
    book.cells = [setup, exercise, check]
    check.source = check.source.replace(")", ", seconds=1)", 1)
    for body, words in (("while True: pass", "still running after"), ("return np.ones(1 << 34)", "2 GB")):
        fresh = running.run(book, {name: f"def window_sum(*arguments):\n    {body}\n"})
        assert words in running.text(fresh.cells[-1]), running.text(fresh.cells[-1])


def test_a_file_that_does_not_end_while_it_loads(tmp_path, capsys):
    file = tmp_path / "mine.py"
    for text, words in (
        ("while True:\n    pass\n", "still running after 0.3 s"),
        ("x = [0] * 10**12\n", "more memory"),
    ):
        file.write_text("import numpy\n" + text)
        code, out, err = call(capsys, "lesson", "09", "--check", file, "--seconds", "0.3")
        assert (code, out) == (2, "") and err.count("\n") == 1, err
        assert "mine.py, line " in err and words in err


@pytest.mark.parametrize("found", ["0", "-1", "nan", "inf", "soon", "1e9"])
def test_limits_without_meaning(found, monkeypatch, capsys):
    with pytest.raises(UserError, match=rf"seconds: found {found}, expected seconds above 0, at most 86,400"):
        time_limit(found)
    monkeypatch.setenv(limits.SECONDS, found)
    code, out, err = call(capsys, "lesson", "09", "--check", "none.py")
    assert (code, out) == (2, "") and err.startswith(f"tinyalex: {limits.SECONDS}: found {found}")
    monkeypatch.setenv(limits.SECONDS, "")
    assert time_limit() == limits.USUAL_SECONDS


@LINUX
def test_a_normal_check_costs_little():
    answer = np.arange(3)
    limits.in_child(lambda: answer, 30)
    start = time.perf_counter()
    for _ in range(5):
        with limited(30):
            assert limits.in_child(lambda: answer, 30).tolist() == [0, 1, 2]
    assert (time.perf_counter() - start) / 5 < 0.25, "2.7 ms on an idle machine"


@LINUX
def test_a_killed_check_leaves_no_process(tmp_path):
    """Ctrl-C while a child is stuck in compiled code."""
    file = write(tmp_path, "return max(itertools.repeat(1))")
    command = [sys.executable, "-m", "tinyalex", "lesson", "09", "--check", str(file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=_hear_ctrl_c) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        end = time.monotonic() + 20
        while not (child := children.read_text().split()) and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr.read() == "tinyalex: interrupted while lrn_forward was running\n"
    assert not subprocess.run(["ps", "-p", *child, "-o", "pid="], capture_output=True).stdout


def _hear_ctrl_c():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored where the tests run in the background
