"""Settings, paths and names that are wrong or without effect are told at once: before any picture is drawn or read."""

import shutil
import sys

import numpy as np
import pytest

from tests.checks import refused
from tests.test_cli import call
from tests.test_documents import ROOT
from tests.training.test_training import write_easy
from tinyalex import plots
from tinyalex.cli import build_parser
from tinyalex.data.part import classes_left, refuse_too_many
from tinyalex.errors import UserError
from tinyalex.experiments.table import check_table
from tinyalex.files import check_folder, check_picture
from tinyalex.models import find_model
from tinyalex.runs.config import Config
from tinyalex.training.idle import refuse_idle
from tinyalex.training.recipes import find_recipe

WRITTEN = {  # options with a file to write: its ending
    "bench --chart": ".png",
    "scale --chart": ".png",
    "train --show-batch": ".png",
    "train --find-lr": ".png",
    "experiment C3 --table": ".md",
}


def judged(epochs=10, model="alexnet-mini", **given):
    refuse_idle(Config.for_model(find_model(model), "builtin", epochs=epochs, **given), {"epochs", *given})


@pytest.mark.parametrize(
    "name, given",
    [
        ("schedule", {"schedule": "steps:2,1"}),
        ("schedule", {"schedule": "steps:3,3"}),
        ("schedule", {"schedule": "steps:0"}),
        ("schedule", {"schedule": "steps:0,5"}),
        ("schedule", {"schedule": "steps:10"}),
        ("schedule", {"schedule": "steps:2,99"}),
        ("schedule", {"schedule": "steps:1", "epochs": 1}),
        ("schedule", {"schedule": "cosine:99"}),
        ("schedule", {"schedule": "cosine:5.5"}),
        ("schedule", {"schedule": "cosine:2", "epochs": 1}),
        ("schedule", {"schedule": "plateau:9"}),
        ("schedule", {"schedule": "plateau", "epochs": 4}),
        ("schedule", {"schedule": "plateau:1", "epochs": 2}),
        ("patience", {"patience": 9}),
        ("patience", {"patience": 3, "schedule": "plateau:3"}),
        ("patience", {"patience": 3, "schedule": "plateau"}),
        ("color_epochs", {"color_epochs": 10}),
        ("color_epochs", {"color_epochs": 3, "color": False}),
        ("crop_run", {"crop_run": 4, "crops": False, "mirror": False}),
        ("crop_run", {"crop_run": 9, "batch": 8}),
        ("mixup", {"mixup": 0.2, "batch": 1}),
        ("cutmix", {"cutmix": 1.0, "batch": 1}),
        ("bias_init", {"bias_init": 1.0, "model": "resnet20"}),
        ("thaw", {"freeze": "body", "thaw": 10}),
        ("start_up_to", {"start_up_to": "conv3"}),
        ("bias_init", {"bias_init": 1.0, "start_from": "runs/a"}),
        ("bias_decay", {"bias_decay": False, "weight_decay": 0.0}),
        ("layer_lr", {"layer_lr": "conv1:10:0"}),
        ("layer_lr", {"layer_lr": "conv1:2:0.1,conv2:2:0.1,conv1:2:0.5"}),
        ("layer_lr", {"layer_lr": "fc6:0:0.5,conv2:0:0.5", "freeze": "pool2"}),
        ("head_lr", {"head_lr": 5.0, "freeze": "body"}),
        ("head_lr", {"head_lr": 5.0, "freeze": "drop7"}),
        ("layer_lr", {"layer_lr": "block1_1.conv1:0:0.5", "freeze": "block1_1", "model": "resnet-small"}),
    ],
)
def test_settings_without_effect_are_refused(name, given):
    refused(lambda: judged(**given), f"{name}: found {given[name]!r}", "expected", error=UserError)


@pytest.mark.parametrize(
    "given",
    [
        {"schedule": "steps:1,9"},
        {"bias_init": 1.0, "model": "vgg-small"},
        {"schedule": "steps:2.5"},
        {"schedule": "cosine:5"},
        {"schedule": "cosine:1", "epochs": 1},
        {"schedule": "cosine:0", "epochs": 1},
        {"schedule": "constant", "epochs": 1},
        {"schedule": "plateau:8"},
        {"schedule": "plateau", "epochs": 5},
        {"patience": 8},
        {"patience": 4, "schedule": "plateau:3"},
        {"color_epochs": 9},
        {"crop_run": 8, "batch": 8, "crops": False},
        {"mixup": 0.2, "cutmix": 1.0, "batch": 2},
        {"layer_lr": "conv1:9:0,conv1:0:0.1,fc8:9:2"},
        {"layer_lr": "conv3:0:0.5", "head_lr": 5.0, "freeze": "pool2"},
        {"layer_lr": "conv2:0:0.5", "freeze": "pool2", "thaw": 1},
        {"head_lr": 5.0, "freeze": "drop7", "thaw": 1},
        {
            "epochs": 2,
            "model": "alexnet-2012-source",
        },  # its recipe is for 90 epochs: nobody asked for what is left idle
    ],
)
def test_others_are_not(given):
    judged(**given)


def test_a_recipe_is_judged_by_its_own_epochs(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('about = "a"\nmodel = "alexnet-mini"\ndata = "d"\n[settings]\nepochs = 5\nschedule = "steps:7"\n')
    refused(lambda: find_recipe(str(file)), "recipe: ", "mine.toml", "schedule: found 'steps:7'", error=UserError)


# ---------------------------------------------------------------------------------------------- parts of data


@pytest.mark.parametrize(
    "parts",
    [
        *("9-a-class+10-a-class", "9-a-class+9-a-class", "9-a-class+first-half+20-a-class"),
        *("9-a-class+9-a-class-draw-1", "9-a-class-draw-1+9-a-class-draw-2", "9-val-a-class+2-a-class+9-val-a-class"),
    ],
)
def test_a_part_that_takes_nothing_away(parts):
    refused(lambda: classes_left("x", 8, parts.split("+")), "data: found +", "expected fewer", error=UserError)
    refused(lambda: classes_left("x", 8, [f"{'9' * 5000}-a-class"]), "data: unknown part", error=UserError)
    assert classes_left("x", 8, ["9-a-class", "second-half", "first-half", "8-a-class"]) == range(4, 6)
    assert classes_left("x", 8, ["9-a-class", "9-val-a-class", "odd-half", "8-a-class-draw-0"]) == range(1, 8, 2)


@pytest.mark.parametrize(
    "parts",
    [
        *("13-a-class", "first-half+13-a-class", "second-half+9-a-class", "99999999-a-class"),
        *("odd-half+9-a-class-draw-0", "6-val-a-class", "even-half+5-val-a-class"),
    ],
)
def test_more_pictures_than_any_class_has(parts):
    counts = {"train": np.array([12, 3, 3, 3, 8, 2, 8, 8]), "val": np.array([4, 5, 4, 4, 4, 4, 4, 4])}
    refused(
        lambda: refuse_too_many("x", counts, parts.split("+")),
        "data: found +",
        "no class of x has more than",
        error=UserError,
    )
    for accepted in (
        "12-a-class",
        "first-half+12-a-class",
        "second-half+8-a-class",
        "8-a-class+1-a-class",
        "first-half",
        "odd-half+8-a-class-draw-0",
        "5-val-a-class",
    ):
        refuse_too_many("x", counts, accepted.split("+"))


# ---------------------------------------------------------------------------------------------- before any work


@pytest.mark.parametrize(
    "arguments, words",
    [
        ("train --data builtin+foo", ["--data: unknown part 'foo' of builtin, expected first-half"]),
        ("train --data builtin+first-half+first-half+first-half+first-half", ["--data: +first-half: builtin has 3"]),
        (
            "train --data builtin+99999999-a-class",
            ["--data: found +99999999-a-class", "builtin has more than 200 training"],
        ),
        ("train --data builtin+first-half+201-a-class", ["--data: found +201-a-class", "more than 200 training"]),
        ("train --data builtin+0-a-class", ["--data: unknown part '0-a-class' of builtin, expected first-half"]),
        ("train --data EASY+999-a-class --show-batch x.png", ["--data: found +999-a-class, but no class of"]),
        ("experiment ten-crops --data builtin+201-a-class", ["--data: found +201-a-class", "200 training"]),
        ("train --data EASY+25", ["--data: unknown part '25'"]),
        ("train --start-from FILE", ["--start-from: FILE: not a whole safetensors file"]),
        ("train --start-from nowhere", ["--start-from: nowhere: not found"]),
        ("train --layer-lr foo:1:2", ["--layer-lr: found 'foo:1:2'", "conv1"]),
        ("train --layer-lr conv1:40:2 --epochs 30", ["--layer-lr: found 'conv1:40:2'", "30"]),
        ("train --schedule steps:99 --epochs 2", ["--schedule: found 'steps:99'", "2 of the run"]),
        ("train --color-epochs 2 --no-color", ["--color-epochs: found 2"]),
        ("train --patience 2 --epochs 3", ["--patience: found 2", "at most 1 epochs"]),
        ("train --model alexnet", ["--model: alexnet expects pictures of 256 pixels, builtin has 64"]),
        ("train --out FILE/run", ["--out: FILE/run cannot be made", "is a file"]),
        ("train --out /proc/run", ["--out: /proc/run cannot be written"]),
        ("experiment C3 --out /proc/out", ["--out: /proc/out cannot be written"]),
        ("experiment C3 --table /proc/t.md", ["--table: /proc/t.md cannot be written"]),
        ("experiment C3 --table JSON.md", ["--table: JSON.json is a folder"]),
        ("experiment C3 --data builtin+foo", ["--data: unknown part 'foo'"]),
        ("experiment C3 --model alexnet", ["--model: alexnet expects pictures of 256"]),
        ("evaluate nowhere --data builtin+foo", ["nowhere: not found"]),
        ("bench --chart /proc/c.png", ["--chart: /proc/c.png cannot be written"]),
        ("scale --chart FILE/c.png", ["--chart: FILE/c.png cannot be written"]),
        ("compare a b --out /proc/out", ["--out: /proc/out cannot be written"]),
        *((f"{option} x.doc", ["x.doc, expected a name that ends in ."]) for option in WRITTEN),
        *((f"{option} MINE{ending}", ["exists and was not written by tinyalex"]) for option, ending in WRITTEN.items()),
        ("experiment C3 --table LIST.md", ["--table: LIST.json exists and was not written by tinyalex"]),
    ],
)
def test_nothing_is_done_before_it_is_told(arguments, words, tmp_path, monkeypatch, capsys):
    if "/proc" in arguments and sys.platform != "linux":
        pytest.skip("there is no /proc here")
    monkeypatch.chdir(tmp_path)
    write_easy(tmp_path / "EASY", 8, 4)
    (tmp_path / "FILE").write_text("some text")
    (tmp_path / "JSON.json").mkdir()
    for name in ("MINE.png", "MINE.md", "LIST.json"):
        (tmp_path / name).write_text("mine, about tinyalex")
    for work in ("tinyalex.data.load_builtin", "tinyalex.data.load_builtin_val", "tinyalex.commands.train.Trainer"):
        monkeypatch.setattr(work, lambda *args, **options: pytest.fail("it began to work"))
    before = set(tmp_path.rglob("*"))
    code, out, err = call(capsys, *arguments.split())
    assert code == 2 and out == "" and err.count("\n") == 1 and not [word for word in words if word not in err], err
    assert set(tmp_path.rglob("*")) == before


def test_what_tinyalex_wrote_is_replaced(tmp_path, monkeypatch):
    plots.save(plots.plt.figure(), tmp_path / "ours.PNG")
    check_picture(tmp_path / "ours.PNG")
    for ending in ("md", "json"):
        shutil.copy(ROOT / f"lessons/claims.{ending}", tmp_path)
    check_table(tmp_path / "claims.md")
    assert all("replaced only if tinyalex wrote it" in " ".join(help_of(option).split()) for option in WRITTEN)


def help_of(option):
    """The help of a command's option."""
    command, *_, name = option.split()
    return next(
        action.help
        for parser in build_parser(command)._subparsers._group_actions[0].choices.values()
        for action in parser._actions
        if name in action.option_strings
    )


def test_paths_are_judged_by_trying(tmp_path, monkeypatch):
    for path in (tmp_path / "new", tmp_path / "a" / "b" / "c"):
        check_folder(path, "out")
        assert not list(tmp_path.iterdir()), "left nothing behind"
    check_picture(tmp_path / "new.png", "chart")
    refused(lambda: check_picture(tmp_path, "chart"), "chart: ", tmp_path, "is a folder", error=UserError)
    refused(lambda: check_picture(tmp_path / "no" / "a.png"), "existing folder", error=UserError)
    refused(lambda: check_folder(tmp_path / ("x" * 300), "out"), "out: ", "name too long", error=UserError)

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    refused(lambda: check_folder(tmp_path, "out"), "out: ", "the disk is full", error=UserError)
