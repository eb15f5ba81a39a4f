"""Feed damaged and hostile inputs to what reads files: python tests/fuzz.py READER COUNT SEED

Each case runs in a process of its own, which may take TIME seconds and MEMORY bytes. It must end with an answer or with
one line that says what is wrong. Everything else is a failure: a traceback, a crash, a hang, too much memory, anything
left of an output that was refused, code of the input that ran.
"""

import argparse
import importlib
import json
import os
import pkgutil
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
if __name__ == "__main__":  # before NumPy is imported: BLAS's threads do not survive a fork
    os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

from PIL import Image  # noqa: E402

import tinyalex  # noqa: E402
from tests import fuzzing  # noqa: E402
from tinyalex import cli, signals  # noqa: E402
from tinyalex.backend import choose_device  # noqa: E402
from tinyalex.errors import UserError  # noqa: E402
from tinyalex.terminal import progress_bar  # noqa: E402

TIME, MEMORY = 20, 2 * 10**9  # seconds of a processor and bytes that a case may take
PATIENCE = 6  # times as long by the clock, for what waits or when others use the processor
ADDRESSES = 6 * 10**9  # bytes of address space: what is only reserved costs nothing
TIMES_UP = (signal.SIGXCPU, signal.SIGALRM)
FINE, REFUSED, TRACEBACK, BROKEN = 0, 2, 70, 71  # exit codes of a case's process; BROKEN: the case could not be made
READERS = sorted(m.name for m in pkgutil.iter_modules(fuzzing.__path__) if m.name not in ("damage", "values"))


def main(arguments=None):
    args = parse(arguments)
    total = Counter()
    for reader in READERS if args.reader == "all" else [args.reader]:
        total += fuzz(reader, args)
    if args.json:
        print(json.dumps(total))
    return 1 if set(total) - {"accepted", "refused"} else 0


def parse(arguments):
    parser = argparse.ArgumentParser("tests/fuzz.py", description=__doc__.partition("\n")[0])
    parser.add_argument("reader", choices=[*READERS, "all"])
    parser.add_argument("count", type=int, nargs="?", default=300, help="how many cases (default %(default)s)")
    parser.add_argument("seed", type=int, nargs="?", default=0, help="other cases (default %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case, to see one again")
    parser.add_argument("--keep", metavar="FOLDER", type=Path, help="keep the inputs that failed, and what was printed")
    parser.add_argument("--json", action="store_true", help="the counts as one JSON object")
    return parser.parse_args(arguments)


def fuzz(reader, args):
    """Run a reader's cases, print its failures, and return how often each outcome occurred."""
    try:
        module = importlib.import_module(f"tests.fuzzing.{reader}")
    except ModuleNotFoundError as missing:
        print(f"{reader}: skipped ({missing.name} is not installed)", file=sys.stderr)
        return Counter()
    import_everything()
    outcomes, examples = Counter(), {}
    with temporary_folder() as place, progress_bar(args.count, reader, "cases") as bar:
        shared = quietly(module.setup, place) if hasattr(module, "setup") else None
        for number in range(args.first, args.first + args.count):
            outcome, text = run_case(module, place / "case", shared, (args.seed, number))
            outcomes[outcome] += 1
            if outcome not in ("accepted", "refused"):
                examples.setdefault((outcome, where(text)), []).append(number)
                if args.keep:
                    keep(place / "case", args.keep / f"{reader}-{args.seed}-{number}", text)
            bar.update(1)
    show(reader, args, outcomes, examples)
    return outcomes


def show(reader, args, outcomes, examples):
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
    print(f"{reader}: {counts}", file=sys.stderr if args.json else sys.stdout)
    for (outcome, place), numbers in examples.items():
        again = f"python tests/fuzz.py {reader} 1 {args.seed} --first {numbers[0]} --keep FOLDER"
        print(f"  {outcome}, {len(numbers)} times: {place}\n    again: {again}", file=sys.stderr)


def import_everything():
    """So that no case has to."""
    Image.init()
    choose_device("auto")  # may import CuPy
    for module in pkgutil.walk_packages(tinyalex.__path__, "tinyalex."):
        if module.name.startswith(("tinyalex.commands.", "tinyalex.data.", "tinyalex.runs.", "tinyalex.teaching.")):
            with suppress(ImportError):
                importlib.import_module(module.name)


@contextmanager
def temporary_folder():
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="tinyalex-fuzz-", dir=memory if os.access(memory, os.W_OK) else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_case(module, folder, shared, key):
    """Make and run one case in a process; returns its outcome, in words, and what it printed on stderr."""
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
    folder.mkdir()
    printed = folder.with_name("stderr")
    process = os.fork()
    if not process:
        code = BROKEN
        try:
            code = in_process(module, folder, shared, key, printed)
        finally:
            os._exit(code)
    _, status, used = os.wait4(process, 0)
    with suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)  # processes that it started and left
    text = printed.read_text(encoding="utf-8", errors="replace")
    return judged(status, used.ru_maxrss * 1024, text, folder), text


def in_process(module, folder, shared, key, printed):
    """Run a case; returns the exit code. Streams go to files; a signal ends it when its time is over."""
    os.setsid()
    sys.stdout, sys.stderr = redirect(os.devnull, 1), redirect(printed, 2)
    try:
        case = module.make(random.Random(repr(key)), folder, shared)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        return BROKEN
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in TIMES_UP:
        signal.signal(number, signal.SIG_DFL)
    already = int(sum(os.times()[:2]))
    resource.setrlimit(resource.RLIMIT_CPU, (already + TIME, already + 2 * TIME))
    signal.alarm(PATIENCE * TIME)
    os.chdir(folder)
    try:
        return run_command(case) if isinstance(case, list) else run_function(case)
    except BaseException:
        traceback.print_exc()
        return TRACEBACK
    finally:
        sys.stderr.flush()


def run_command(words):
    """A command's exit code, REFUSED or FINE."""
    code = cli.main([str(word) for word in words])
    return code if code == REFUSED else FINE if code in (0, 1) else TRACEBACK


def run_function(function):
    try:
        function()
        return FINE
    except UserError as error:
        print(f"tinyalex: {error}", file=sys.stderr)
        return REFUSED


def redirect(path, number):
    """A stream that writes to a file, at the descriptor that processes and C code use too."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, number)
    os.close(file)
    return open(number, "w", encoding="utf-8", closefd=False)


def judged(status, memory, text, folder):
    """The outcome in words."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return "hang" if number in TIMES_UP else f"crash ({signal.Signals(number).name})"
    code = os.WEXITSTATUS(status)
    if code == BROKEN:
        return "case not made"
    if (folder / "code-ran").exists():
        return "code ran"
    if memory > MEMORY or "not enough memory" in text or "MemoryError" in text:
        return "too much memory"
    if code == TRACEBACK or "Traceback (most recent call last)" in text:
        return "traceback"
    if code == REFUSED and not (text.splitlines() or [""])[-1].startswith("tinyalex: "):
        return "no reason"
    left = [one.name for one in folder.iterdir() if one.name.startswith((".out", "out"))]
    return "half-written" if code == REFUSED and left else "refused" if code == REFUSED else "accepted"


def where(text):
    """The failure's own line, and the last line of ours that a traceback names."""
    lines = text.strip().splitlines() or [""]
    ours = [line.strip() for line in lines if line.startswith("  File") and "tinyalex/" in line]
    place = ours[-1].rpartition("tinyalex/")[2].replace('", line ', ":") if ours else ""
    return " ".join(f"{lines[-1][:150]} {place}".split())


def keep(folder, to, text):
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(folder, to, symlinks=True)
    (to / "stderr").write_text(text, encoding="utf-8")


def quietly(function, *arguments):
    """Call a function that may print."""
    with open(os.devnull, "w") as nowhere:
        stdout, sys.stdout = sys.stdout, nowhere
        try:
            return function(*arguments)
        finally:
            sys.stdout = stdout


if __name__ == "__main__":
    with signals.interrupting():
        sys.exit(main())
