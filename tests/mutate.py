"""Mutation testing: how many small mistakes in a file do its own tests notice?

    python tests/mutate.py                                      every file of CORE; it can be interrupted
    python tests/mutate.py tinyalex/layers/conv.py              one file
    python tests/mutate.py --every 10 --seed 3                  one mutant in ten of each file, by chance
    python tests/mutate.py tinyalex/layers/pool.py --survivors  those that survived, after you wrote a test

A mutant is the file with one mistake: a comparison or an operation exchanged, a number off by one, a condition negated
or dropped, a result not returned, a statement or a check left out, `and` for `or`, an argument by name dropped, the
bound of a slice moved. Docstrings, annotations, decorators and the texts of messages stay as they are, except in WORDS.

A mutant is written into a temporary copy of the project, never into the project. Then the file's own tests run, the
quick and the deadly first: tests/…/test_NAME.py and test_NAME_….py, or what OWN says. It is killed as soon as one
fails, or when they take several times as long as without it.

A survivor is one of three: a hole in the tests (write one, with the right value), superfluous code (delete it), or
equivalent, so that no test can see it. Equivalents stand in tests/equivalent_mutants.toml, each with the reason, and
are not tried. What was judged is kept in .mutants/ until the file or its tests change, so the same command goes on
where it stopped. Exit code: 0, none survived; 1, some did; 2, a mistake in what was asked; 130, interrupted.
"""

import argparse
import hashlib
import json
import os
import random
import re
import signal
import sys
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
if sys.path[0] == str(ROOT / "tests"):
    sys.path[0] = str(ROOT)

from tests.mutant_bench import Bench, TestsFail  # noqa: E402
from tests.mutations import Mutant, mutants  # noqa: E402

LAYERS = """
activation base batchnorm blocks conv dropout im2col kernel_rows linear loss norm pieces pool shortcut strips windows
winograd
""".split()
OTHERS = "composite network residual optim data/augment data/loader evaluation runs/checkpoint".split()
CORE = [f"tinyalex/layers/{name}.py" for name in LAYERS] + [f"tinyalex/{name}.py" for name in OTHERS]
OWN = {  # tests that are not found by their names
    "tinyalex/layers/conv.py": [f"tests/layers/test_{name}.py" for name in ("conv", "conv_teeth", "winograd_rule")],
    "tinyalex/layers/im2col.py": ["tests/layers/test_conv.py"],
    "tinyalex/layers/shortcut.py": ["tests/layers/test_shortcut.py", "tests/layers/test_identity.py"],
    "tinyalex/layers/norm.py": ["tests/layers/test_norm.py", "tests/layers/test_spatial_norm.py"],
    "tinyalex/composite.py": ["tests/test_network.py", "tests/layers/test_composite.py"],
    "tinyalex/network.py": ["tests/test_network.py", "tests/layers/test_composite.py"],
}
CONTRACT = "tests/layers/test_base.py"  # what holds for every layer, and is tested of every layer
WORDS = ("tinyalex/runs/checkpoint.py",)  # its messages are the only sign of what is wrong with a file
EQUIVALENT = ROOT / "tests" / "equivalent_mutants.toml"
KEPT = ROOT / ".mutants"


def own_tests(file: str) -> list[str]:
    """The test files of a file of the package."""
    inner, named = Path(file).relative_to("tinyalex").parent, re.compile(rf"test_{Path(file).stem}(_.*)?\.py")
    folders = [ROOT / "tests" / inner, ROOT / "tests"]
    found = ([f for f in folder.glob("test_*.py") if named.fullmatch(f.name)] for folder in folders)
    by_name = sorted(f.relative_to(ROOT).as_posix() for f in next(filter(None, found), []))
    tests = OWN.get(file, by_name)
    return tests + [CONTRACT] * (str(inner) == "layers" and CONTRACT not in tests)


def equivalents(file: str) -> list[dict]:
    """The known ones of a file: {"line", "becomes" (a list; absent: whatever becomes of it), "why"}."""
    return tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get(file, [])


def fits(entry: dict, mutant: Mutant) -> bool:
    """Whether an entry of the list means this mutant."""
    return entry["line"] == mutant.before and mutant.after in entry.get("becomes", [mutant.after])


class Judged:
    """What has been judged of one file, {key of a mutant: what killed it, or ""}, kept in a file of its own."""

    def __init__(self, args: argparse.Namespace, file: str, tests: list[str]) -> None:
        self.path = args.kept / f"{file.replace('/', '.')}.json"
        text = b"".join((ROOT / name).read_bytes() for name in (file, *tests))
        self.digest = hashlib.sha256(text).hexdigest()
        known = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
        self.verdicts: dict[str, str] = known.get("verdicts", {})
        if args.survivors:
            self.verdicts = {key: killer for key, killer in self.verdicts.items() if killer}
        elif known.get("digest") != self.digest:  # of another version of the file or of its tests
            self.verdicts = {}

    def add(self, mutant: Mutant, killer: str) -> None:
        self.verdicts[mutant.key] = killer
        self.path.parent.mkdir(exist_ok=True)
        beside = self.path.with_suffix(".part")
        text = json.dumps({"digest": self.digest, "verdicts": self.verdicts}, indent=0, ensure_ascii=False)
        beside.write_text(text, encoding="utf-8")
        beside.replace(self.path)


@dataclass
class Result:
    """What became of the mutants of one file."""

    mutants: int
    equivalent: int
    killed: int = 0
    out_of_time: int = 0  # of the killed
    not_judged: int = 0
    survivors: list[Mutant] = field(default_factory=list)
    in_doubt: list[Mutant] = field(default_factory=list)  # listed as equivalent, but killed

    def row(self) -> list[int]:
        return [self.mutants, self.equivalent, self.killed, self.out_of_time, len(self.survivors), self.not_judged]

    def to_dict(self) -> dict:
        lists = {name: [[m.line, m.before, m.after] for m in getattr(self, name)] for name in ("survivors", "in_doubt")}
        return vars(self) | lists


def judge_file(file: str, args: argparse.Namespace) -> tuple[Result, bool]:
    """The result for one file, and whether it was interrupted."""
    tests, known = own_tests(file), equivalents(file)
    chosen = mutants(ROOT / file, file, file in WORDS)
    if args.every > 1:
        chosen = random.Random(f"{args.seed} {file}").sample(chosen, -(-len(chosen) // args.every))
    listed = {mutant.key for mutant in chosen if any(fits(entry, mutant) for entry in known)}
    tried = [mutant for mutant in chosen if args.doubt or mutant.key not in listed]
    judged, interrupted = Judged(args, file, tests), False
    waiting = [mutant for mutant in tried if mutant.key not in judged.verdicts]
    if waiting:
        try:
            with tempfile.TemporaryDirectory(prefix="tinyalex-mutants-") as folder:
                bench = Bench(folder, file, tests)
                for mutant in tqdm(waiting, file, unit="mutant", leave=False):
                    judged.add(mutant, bench.judge(mutant))
        except KeyboardInterrupt:
            interrupted = True
    result = Result(len(chosen), len(chosen) - len(tried))
    for mutant in tried:
        killer = judged.verdicts.get(mutant.key)
        result.killed += bool(killer)
        result.out_of_time += killer == "time"
        result.not_judged += killer is None
        if killer == "" and mutant.key not in listed:
            result.survivors.append(mutant)
        if killer and mutant.key in listed:
            result.in_doubt.append(mutant)
    result.survivors.sort(key=lambda mutant: mutant.line)
    return result, interrupted


def show(found: dict[str, Result]) -> None:
    """The survivors, then a table."""
    for file, result in found.items():
        for mutant in result.survivors:
            print(f"{file}:{mutant.line}: {mutant.before}  →  {mutant.after}")
        for mutant in result.in_doubt:
            print(f"{file}:{mutant.line}: listed as equivalent, but killed: {mutant.before}  →  {mutant.after}")
    columns = ("mutants", "equivalent", "killed", "out of time", "survived", "not judged")
    rows = {file: result.row() for file, result in found.items()}
    rows["all"] = [sum(column) for column in zip(*rows.values())]
    width = max(map(len, rows))
    print(f"{'':{width}}  {'  '.join(columns)}  killed of both")
    for file, row in rows.items():
        _, _, killed, _, survived, _ = row
        share = f"{killed / (killed + survived):.1%}" if killed + survived else "–"
        print(f"{file:{width}}  {'  '.join(f'{n:{len(c)}}' for n, c in zip(row, columns))}  {share:>14}")


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("mutate.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", metavar="FILE", nargs="*", help="files of tinyalex/ (default: CORE)")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="one mutant in N, chosen by chance")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of that choice")
    parser.add_argument("--survivors", action="store_true", help="judge again what survived; what was killed stays so")
    parser.add_argument("--doubt", action="store_true", help="try those listed as equivalent too, and name the killed")
    parser.add_argument("--kept", type=Path, default=KEPT, metavar="FOLDER", help="what was judged (.mutants)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args(arguments)
    args.files = [Path(os.path.relpath(Path(file).resolve(), ROOT)).as_posix() for file in args.files] or CORE
    for file in args.files:
        if not (file.startswith("tinyalex/") and file.endswith(".py") and (ROOT / file).is_file()):
            parser.error(f"found {file}, expected a file of tinyalex/")
        if not own_tests(file):
            parser.error(f"found {file}, expected a file with tests of its own, tests/…/test_{Path(file).stem}.py")
    if args.every < 1:
        parser.error(f"found --every {args.every}, expected 1 or more")
    return args


def main(arguments: list[str] | None = None) -> int:
    args = parsed(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    found, interrupted = {}, False
    for file in args.files:
        try:
            found[file], interrupted = judge_file(file, args)
        except TestsFail as failure:
            print(failure, file=sys.stderr)
            return 2
        if interrupted:
            break
    if args.json:
        print(json.dumps({file: result.to_dict() for file, result in found.items()}, ensure_ascii=False))
    else:
        show(found)
    return 130 if interrupted else int(any(result.survivors for result in found.values()))


if __name__ == "__main__":
    sys.exit(main())
