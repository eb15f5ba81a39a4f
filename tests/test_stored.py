"""Files that earlier versions wrote are read today: tests/stored/README.md says what they are."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.stored.make import TINY
from tests.test_cli import json_of
from tinyalex import plots
from tinyalex.data import open_dataset
from tinyalex.data.prepared import open_prepared
from tinyalex.evaluation import evaluate
from tinyalex.inspection.folder import check_out
from tinyalex.models import MODELS
from tinyalex.runs.checkpoint import load_checkpoint
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.listing import list_runs
from tinyalex.runs.trained import load_network
from tinyalex.teaching import book, learner
from tinyalex.training.trainer import go_on

STORED = Path(__file__).parent / "stored"
VERSIONS = sorted(path.name for path in STORED.iterdir() if path.is_dir() and path.name[0].isdigit())
CLASSES = ("écrin", "犬")


@pytest.fixture(params=VERSIONS, autouse=True)
def stored(request, tmp_path, monkeypatch):
    shutil.copytree(STORED / request.param, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(MODELS, "tiny", TINY)


def test_versions_of_the_formats_are_what_they_were():
    """Whoever raises one must still read these."""
    meta = json.loads(Path("prepared/meta.json").read_text(encoding="utf-8"))
    assert (meta["format"], meta["version"]) == ("tinyalex-prepared", 1)
    header = Path("run/best.safetensors").read_bytes()
    about = json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])["__metadata__"]["tinyalex"]
    assert json.loads(about)["version"] == 1


def test_a_prepared_folder():
    data = open_prepared("prepared")
    assert data.class_ids == data.class_names == CLASSES and data.size == 8
    assert [len(split) for split in (data.train, data.val)] == [4, 4]
    drawn = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3), np.uint8)
    for split, pictures in ((data.train, drawn[:4]), (data.val, drawn[4:])):
        for picture, label in zip(split.gather(range(4)), split.labels):
            number = next(n for n, one in enumerate(pictures) if (one == picture).all())
            assert number % 2 == label


def test_a_checkpoint_answers_as_it_did():
    network, view, info, file = load_network("run", np)
    data, best = open_dataset("prepared"), info["state"]["history"][0]
    measured = evaluate(network, data.val, view, np, quiet=True)
    assert file.name == "best.safetensors" and measured.top1_error == best["val_top1_error"]
    assert measured.loss == pytest.approx(best["val_loss"], rel=1e-5)
    checkpoint = load_checkpoint("run/last.safetensors")
    assert tuple(checkpoint.info["class_ids"]) == CLASSES and checkpoint.velocity.keys() == network.params.keys()


def test_a_run_is_read_whole():
    folder = RunFolder.open("run")
    assert folder.settings().epochs == 2 == folder.read_result()["epochs"]
    assert [len(folder.read_metrics(kind)) for kind in ("step", "epoch")] == [4, 2]
    runs, broken = list_runs(".")
    assert broken == [] and {run["run"]: run["state"] for run in runs} == {"run": "finished", "stopped": "not finished"}


def test_a_stopped_run_goes_on():
    def history():
        return load_checkpoint("stopped/last.safetensors").info["state"]["history"]

    before = history()
    trainer = go_on(RunFolder.open("stopped"), open_dataset("prepared"), np, quiet=True)
    assert len(before) == 1 and trainer.train()["epochs"] == 3
    assert len(history()) == 3 and history()[:1] == before
    assert plots.curves(history(), "only the first epoch has a top-5 error")


def test_a_run_is_compared(capsys):
    assert json_of(capsys, "compare", "run", "stopped", "--data", "prepared")["images"] == 4


def test_the_lists_of_a_book_and_a_page():
    inside = {file.relative_to("book").as_posix() for file in Path("book").rglob("*") if file.is_file()}
    assert book._old_book(Path("book")) == inside
    check_out("page")


def test_progress(monkeypatch):
    monkeypatch.setenv(learner.PROGRESS, os.path.abspath("progress.json"))
    assert learner.progress() == {"09-forward": "right", "09-backward": "not yet"}
