"""Whatever a command prints on a terminal, of 80 columns and of 60: no line is longer, and nothing is left out."""

import json
import re

import pytest
from PIL import Image

from tests.exchange.saved import as_zip
from tests.exchange.small import cifar_tensors
from tests.monitoring.logs import make_log
from tests.scaling.test_scale_command import MODEL, measured, same_threads  # noqa: F401 (fixtures)
from tests.test_cli import write_class_folders
from tests.test_documents import ROOT
from tests.tiny_runs import train_mini
from tests.training.test_training import easy_pictures, write_easy
from tinyalex.bench.figures import fraction_name
from tinyalex.bench.turns import THEIRS, WORKS
from tinyalex.cli import main
from tinyalex.commands import COMMANDS, bench, download, experiment
from tinyalex.commands.options import print_table, print_text
from tinyalex.experiments.outlook import outlook
from tinyalex.lines import text_width

WIDTHS = (80, 60)
SPEEDS = {"": 464.2, "_low": 401.9, "_high": 512.3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Data, two runs, a picture and a folder of pictures, under the names that COMMAND_LINES has."""
    root = tmp_path_factory.mktemp("all")
    data = write_easy(root / "data", 16, 8)
    train_mini(root / "RUN", data, epochs=1)
    train_mini(root / "OTHER-RUN-with-a-rather-long-name-that-says-what-was-tried-and-when", data, epochs=1, seed=1)
    Image.fromarray(easy_pictures(4, 5, size=90)[0][0]).save(root / "cat.png")
    write_class_folders(root / "source")
    make_log(root / "requests.db", 300)
    (root / "others.pth").write_bytes(as_zip(cifar_tensors()))
    return root


OTHER = "OTHER-RUN-with-a-rather-long-name-that-says-what-was-tried-and-when"
COMMAND_LINES = (
    *("lesson", "experiment", "summary", "summary alexnet", "summary alexnet --classes 7 --batch 9", "gradcheck"),
    *("recipes", "recipes tiny-imagenet-10", "recipes fine-tune"),
    *("diff alexnet alexnet-2012-source", "diff alexnet-small alexnet-small+no-lrn+pool-2", "diff alexnet alexnet"),
    f"evaluate RUN {OTHER} --ensemble",
    *(
        f"compare RUN {OTHER}",
        "predict RUN cat.png",
        "predict RUN",
        "evaluate RUN",
        "calibrate RUN/last.safetensors --data data",
        "runs .",
        "inspect RUN --pictures 1 --out NEW-page",
        "features RUN data --layer pool1 --out NEW.npz",
        "probe RUN --out NEW-probe --numbers 100",
        "report requests.db --html NEW.html",
        "doctor RUN",
        "robustness RUN --pictures 4 --corruptions jpeg,brightness --severities 3",
        "trace r00007 --log requests.db",
    ),
    *(
        "train --data data --epochs 1 --model alexnet-mini --parallel towers --out NEW",
        "prepare source NEW-set --size 64",
        "import others.pth --out NEW-imported",
        "export RUN NEW-arrays.npz",
    ),
    f"scale --model {MODEL} --classes 4 --check",
    f"scale --model {MODEL} --classes 4 --per-worker 64 --network ethernet --network infiniband",
)


def too_long(text, width):
    """Lines, and states of a progress bar, that are longer than the terminal and could have been folded."""
    return [line for line in re.split(r"[\r\n]|\x1b\[A", text) if text_width(line) > width and " " in line.strip()]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("line", COMMAND_LINES)
def test_a_result_fits(line, width, folder, measured, monkeypatch, terminal, capsys):  # noqa: F811
    monkeypatch.chdir(folder)
    terminal(width)
    assert main(line.replace("NEW", f"new-{width}").split()) == 0
    out, err = capsys.readouterr()
    assert out.strip() and not too_long(out, width), "\n".join(too_long(out, width))
    assert not too_long(err, width), "\n".join(too_long(err, width))


def speeds(name, value=1.0):
    return {f"{name}{end}": value * speed for end, speed in SPEEDS.items()}


def a_benchmark(model):
    figures = {"model": model, "batch": 128, "lrn": False, "tf32": None, "device": "cpu", "pipeline_ratio": 31.2}
    for work in WORKS:
        figures |= speeds(f"{work}_images_per_s") | speeds(f"{work}_ratio", 0.0031)
        figures |= {f"torch_{work}_sides": {side: speeds("images_per_s") for side in THEIRS}}
        figures |= {f"torch_{work}_fastest": "channels_last", f"{work}_gflops": 1234.5, fraction_name(work): 0.61}
    rows = [speeds("ms_per_image") | speeds("speedup", 0.01) | {"images_per_s": 49.8} for _ in range(2)]
    return figures | {
        "torch_compile_seconds": {"train": 81.2, "infer": 45.6, "one": 44.4},
        "peak_memory_bytes": 2.34e9,
        "torch_peak_memory_bytes": 12.3e9,
        "pipeline_images_per_s": 15432.1,
        "kinds": dict.fromkeys(("forward", "backward", "update", "health", "data", "augmentation"), 0.166),
        "layers": [{"name": "conv1", "layer": "conv 11×11/4 ceil, 96", "forward_ms": 12.345, "backward_ms": 23.456}],
        "scaling": [row | {"batch": 16} for row in rows],
        "thread_scaling": [row | {"threads": 2} for row in rows],
    }


@pytest.mark.parametrize("width", WIDTHS)
def test_a_benchmark_fits(width, terminal, capsys):
    machine = {"cpu": "A Processor With a Long Name @ 2.10GHz", "threads": 2, "gpu": "", "numpy": "2.4.0"}
    machine |= {"blas": "openblas 0.3.30", "cupy": "", "torch": "2.13.0+cpu"}
    results = [a_benchmark(name) for name in ("alexnet-2012-source+two-towers", "alexnet-small")]
    terminal(width)
    bench.show({"machine": machine, "sgemm_gflops": 123.0, "sgemm_shape": "1024×1024×1024", "results": results})
    out = capsys.readouterr().out
    assert not too_long(out, width), "\n".join(too_long(out, width))
    assert "464 (402–512)" in out and "channels_last" in out and "torch.compile" in out and "81, 46, 44" in out


@pytest.mark.parametrize("width", WIDTHS)
def test_the_claims_fit(width, terminal, capsys):
    results = json.loads((ROOT / "lessons" / "claims.json").read_text(encoding="utf-8"))
    terminal(width)
    experiment.show({"results": results, "out": "runs/experiments-quick", "table": None})
    out = capsys.readouterr().out
    assert not too_long(out, width), "\n".join(too_long(out, width))
    assert all(result["title"].split()[0] in out for result in results)
    experiment.show({"power": outlook(results)})
    out = capsys.readouterr().out
    assert not too_long(out, width), "\n".join(too_long(out, width))


def test_every_command_is_here():
    shown = {line.split()[0] for line in COMMAND_LINES} | {"bench"}
    shown.add("serve")  # prints a line, and goes on
    assert shown | {"download"} == set(COMMANDS) and hasattr(download, "show"), "download prints a command to copy"


# ---------------------------------------------------------------------------------------------- the layout

HEADER = ("name", "what it does", "images/s", "of the limit")
ROWS = [
    ("conv1", "eleven by eleven, every fourth pixel", "1,234", "61%"),
    ("猫", "two columns for one sign", "9", "7%"),
]


def table(capsys, terminal, width, header=HEADER, rows=ROWS, right=(2, 3)):
    if width:
        terminal(width)
    print_table(header, rows, right)
    return capsys.readouterr().out.splitlines()


def test_a_file_gets_whole_lines(capsys, terminal):
    lines = table(capsys, terminal, None, rows=[("a" * 300, "b c " * 90, "1", "2"), *ROWS])
    assert len(lines) == 2 + 3


@pytest.mark.parametrize("width", range(12, 70))
def test_no_line_is_longer_and_no_word_is_lost(capsys, terminal, width):
    lines = table(capsys, terminal, width)
    assert max(map(text_width, lines)) <= width
    shown = re.sub(r"\s", "", "".join(lines))
    for word in re.findall(r"[\w,%]{1,4}", "1,234 61% 9 7% 猫 conv"):
        assert word in shown


def test_how_it_folds(capsys, terminal):
    assert table(capsys, terminal, 44) == [
        "                                          of",
        "                                         the",
        "name   what it does          images/s  limit",
        "─────  ────────────────────  ────────  ─────",
        "conv1  eleven by eleven,        1,234    61%",
        "         every fourth pixel",
        "猫     two columns for one          9     7%",
        "         sign",
    ]


def test_numbers_stay_whole_and_go_below(capsys, terminal):
    lines = table(
        capsys, terminal, 24, ("model", "one", "two", "three"), [("a", "1,000,000", "2,000,000", "3")], (1, 2, 3)
    )
    assert lines == [
        "model        one",
        "─────  ─────────",
        "a      1,000,000",
        "",
        "model        two  three",
        "─────  ─────────  ─────",
        "a      2,000,000      3",
    ]


def test_prose_folds_at_words(capsys, terminal):
    terminal(30)
    print_text("one two three four five six seven eight\nand a line of its own")
    assert capsys.readouterr().out.splitlines() == [
        "one two three four five six",
        "seven eight",
        "and a line of its own",
    ]
