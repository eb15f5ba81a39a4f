"""Recipes as files: every one that comes with tinyalex resolves, and a wrong one is refused in one line."""

import json
import shlex
from pathlib import Path

import pytest

from tests.checks import refused
from tests.test_cli import call, json_of
from tests.tiny_runs import train_mini
from tests.training.test_training import write_easy
from tinyalex.cli import build_parser
from tinyalex.commands import train
from tinyalex.commands.recipes import ERRORS, figures
from tinyalex.errors import UserError
from tinyalex.models import DEFAULT_MODEL, find_model
from tinyalex.runs.config import Config
from tinyalex.training.recipes import find_recipe, recipe_names
from tinyalex.training.schedules import Schedule
from tinyalex.training.settings import choose_settings

ROOT = Path(__file__).resolve().parents[2]
GOOD = (
    'about = "a"\nmodel = "alexnet-mini"\ndata = "d"\n[settings]\nepochs = 2\nlr = 0.003\nmirror = false\nbatch = 8\n'
)
REACHED = """[reached]
command = "tinyalex train --data 'my data'"
date = "2026-11-30"
hardware = "two cores"
seeds = [0, 1]
minutes = 2.51
top1_error = 0.4567
top5_error = 0.1
ten_crop_top1_error = 0.4
"""
WITHOUT = """[[without]]
part = "dropout"
options = "--model alexnet-mini+no-dropout"
top1_error = 0.4707
difference = 0.014
low = -0.002
high = 0.03
"""


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_resolves(name):
    recipe = find_recipe(name)
    config = Config.for_model(find_model(recipe.model or DEFAULT_MODEL), "builtin", **recipe.settings)
    Schedule(config.schedule, config.lr, config.epochs)
    for key, value in recipe.settings.items():
        assert getattr(config, key) == value
    assert f"--recipe {name}" in recipe.reached.get("command", f"--recipe {name}")


@pytest.mark.parametrize("name", recipe_names())
def test_what_a_recipe_is_without_is_one_thing(name):
    """Its command with the options differs from the recipe in one setting, and the difference is from its result."""
    recipe = find_recipe(name)
    for one in recipe.without:
        line = shlex.split(f"{recipe.reached['command']} {one['options']}")[1:]
        config = train._config(build_parser(line[0]).parse_args(line))
        as_is = choose_settings("builtin", recipe=name)
        changed = [key for key in vars(config) if getattr(config, key) != getattr(as_is, key) and key != "data"]
        assert len(changed) == 1 and changed[0] not in ("seed", "epochs", "lr"), one


def test_a_recipe_of_ones_own_is_used_and_options_win(tmp_path, capsys):
    file, data = tmp_path / "mine.toml", write_easy(tmp_path / "data", 16, 8)
    file.write_text(GOOD)
    run = tmp_path / "run"
    json_of(capsys, "train", "--recipe", file, "--data", data, "--out", run, "--epochs", 1)
    config = json.loads((run / "config.json").read_text())["config"]
    found = [config[key] for key in ("model", "epochs", "lr", "mirror", "batch", "crops")]
    assert found == ["alexnet-mini", 1, 0.003, False, 8, True]
    code, _, err = call(capsys, "train", "--resume", run, "--recipe", file)
    assert code == 2 and "--recipe cannot be given" in err


def test_a_recipe_wants_to_be_told_its_data(tmp_path, capsys):
    code, _, err = call(capsys, "train", "--recipe", "tiny-imagenet-10", "--out", tmp_path / "run")
    assert code == 2 and err.count("\n") == 1 and find_recipe("tiny-imagenet-10").data in err and "--data" in err
    assert not (tmp_path / "run").exists()


# ---------------------------------------------------------------------------------------------- `tinyalex recipes`


def test_all_recipes_are_listed_with_what_they_reached(capsys):
    found = json_of(capsys, "recipes")["recipes"]
    assert [one["name"] for one in found] == recipe_names()
    lines = call(capsys, "recipes")[1].splitlines()
    for one in found:
        (line,) = [line for line in lines if line.split()[:1] == [one["name"]]]
        assert line.split() == [one["name"], one["model"] or "any", *figures(one["reached"])]
    assert find_recipe("tiny-imagenet-10").reached["top1_error"] == 0.362
    assert figures(find_recipe("tiny-imagenet-10").reached) == ["16", "36.2%", "4.6%", "33.6%"]


def test_one_recipe_is_shown(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["tinyalex"])
    file = tmp_path / "mine.toml"
    file.write_text(GOOD + "color_epochs = 0\n" + REACHED)
    _, out, _ = call(capsys, "recipes", file)
    lines = [line.split() for line in out.splitlines()]
    for words in (
        "epochs 2",
        "color_epochs 0",
        "mirror false",
        "model alexnet-mini",
        "pictures d",
        "reached 2026-11-30",
    ):
        assert words.split() in lines
    for words in ("top-1 error 45.7%", "top-5 10.0%", "top-1, ten crops 40.0%"):
        assert words.split() in lines
    assert "2.5 minutes on two cores; seeds 0, 1\n" in out and "\n  tinyalex train --data 'my data'\n" in out
    assert json_of(capsys, "recipes", file)["recipe"]["reached"]["minutes"] == 2.51
    file.write_text(GOOD + REACHED.replace("[0, 1]", "[7]"))
    assert "; seed 7\n" in call(capsys, "recipes", file)[1]
    assert "without" not in call(capsys, "recipes", file)[1]
    file.write_text(GOOD + REACHED + WITHOUT + WITHOUT.replace("dropout", "nothing").replace("-0.002", "0.002"))
    _, out, _ = call(capsys, "recipes", file)
    assert out.count("--model alexnet-mini+no-dropout        47.1%") == 1
    assert "+1.40  −0.20 to +3.00\n" in out and "+1.40  +0.20 to +3.00\n" in out
    assert [one["low"] for one in json_of(capsys, "recipes", file)["recipe"]["without"]] == [-0.002, 0.002]
    file.write_text(GOOD)
    assert "No run of it is recorded." in call(capsys, "recipes", file)[1]


def test_the_readme_quotes_the_recipes_with_a_result():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    first = lines.index(f"| recipe | model | minutes | {' | '.join(ERRORS.values())} |") + 2
    rows = lines[first : lines.index("", first)]
    recipes = [recipe for recipe in map(find_recipe, recipe_names()) if recipe.reached]
    expected = [[f"`{one.name}`", f"`{one.model}`", *figures(one.reached)] for one in recipes]
    assert rows == [f"| {' | '.join(row)} |".replace("%", " %") for row in expected]


# ---------------------------------------------------------------------------------------------- without a model


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("start")
    return train_mini(root / "run", write_easy(root / "data", 16, 8), "resnet-mini", epochs=1)


def test_fine_tune_takes_the_model_of_the_run(run, tmp_path, capsys):
    """First only the new head learns, then all, the head faster; options win over the recipe."""
    data, out, recipe = write_easy(tmp_path / "data", 16, 8), tmp_path / "out", "fine-tune"
    json_of(
        *(capsys, "train", "--recipe", recipe, "--start-from", run, "--data", data, "--out", out),
        *("--epochs", 2, "--thaw", 1),
    )
    config = json.loads((out / "config.json").read_text())["config"]
    settings = find_recipe(recipe).settings | {"epochs": 2, "thaw": 1, "model": "resnet-mini", "start_from": str(run)}
    assert {key: config[key] for key in settings} == settings
    assert settings["freeze"] == "body" and settings["head_lr"] > 1


@pytest.mark.parametrize(
    "arguments, words",
    [
        ("--data DATA", "--start-from: fine-tune was made for a network trained on many pictures; name its run"),
        ("--data DATA --model alexnet-mini", "--start-from: fine-tune was made for"),
        ("--start-from RUN", "--data: fine-tune was made for a few pictures of other classes; name the folder"),
        ("--data DATA --start-from nosuch", "--start-from: nosuch: not found"),
        ("--data DATA --start-from RUN --epochs 5", "--epochs: found 5, expected more than 5, after which frozen"),
        ("--data DATA --start-from RUN --thaw 20", "--thaw: found 20, expected fewer than the 20 epochs"),
    ],
)
def test_fine_tune_is_told_what_it_needs(run, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    line = arguments.replace("RUN", str(run)).replace("DATA", str(run.parent / "data"))
    code, out, err = call(capsys, "train", "--recipe", "fine-tune", "--out", "new", *line.split())
    assert code == 2 and not out and err.count("\n") == 1 and words in err, err
    assert not (tmp_path / "new").exists()


def test_a_recipe_may_leave_model_and_data_open(tmp_path):
    """Then it has settings only, for the default model and pictures, or those that are named."""
    file = tmp_path / "open.toml"
    file.write_text('about = "a"\n[settings]\nlr = 0.003\n')
    config = choose_settings(recipe=str(file))
    assert (config.model, config.data, config.lr, config.start_from) == (DEFAULT_MODEL, "builtin", 0.003, "")
    assert choose_settings(model="resnet-mini", recipe=str(file)).model == "resnet-mini"


# ---------------------------------------------------------------------------------------------- wrong ones


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("batch = 8", "batch = 8\n[reached]\nminutes = 3", ["reached.command: found nothing, expected a command"]),
        ("batch = 8", "batch = 8\n" + REACHED.replace("my data'", "my"), ["reached.command: found ", "a shell"]),
        ("batch = 8", "batch = 8\n" + REACHED.replace("tinyalex train", "train"), ["reached.command: found "]),
        ("batch = 8", "batch = 8\n" + REACHED + "note = 'x'", ['reached: found "note"']),
        ("batch = 8", "batch = 8\n" + REACHED.replace("0.1", "10"), ["reached.top5_error: found 10, expected"]),
        ("batch = 8", "batch = 8\n" + REACHED.replace("[0, 1]", "[]"), ["reached.seeds: found a list of 0"]),
        ("batch = 8", "batch = 8\n" + REACHED.replace("2.51", "-1"), ["reached.minutes: found -1"]),
        ("batch = 8", "batch = 8\n" + REACHED.replace('"2026-11-30"', "2026-11-30"), ["found the date 2026-11-30"]),
        ("batch = 8", "batch = 8\n" + WITHOUT, ["found [[without]], expected [reached] too"]),
        ("batch = 8", "batch = 8\n" + REACHED + WITHOUT.replace("0.4707", "47"), ["without[0].top1_error: found 47"]),
        ("batch = 8", "batch = 8\n" + REACHED + WITHOUT + "lo = 1", ['without[0]: found "lo" (did you mean low?)']),
        ("batch = 8", "batch = 8\n" + REACHED + WITHOUT.replace("-0.002", "-1.01"), ["without[0].low: found -1.01"]),
        (
            "batch = 8",
            "batch = 8\n" + REACHED + WITHOUT.replace("-0.002", "0.02"),
            ["the difference 0.014, 0.02 to 0.03"],
        ),
        (
            "batch = 8",
            "batch = 8\n" + REACHED + WITHOUT.replace("0.014", "0.01"),
            ["without dropout:", "expected 0.014"],
        ),
        ("batch = 8", "batch = 8\n" + REACHED + WITHOUT.replace("--model", "--'model"), ["without[0].options: found"]),
        ("lr = 0.003", "lr = 07:32:00", ["settings.lr: found the time 07:32:00, expected a number"]),
        ("epochs = 2", "epoch = 2", ['settings: found "epoch" (did you mean epochs?), expected some of epochs, ']),
        ("epochs = 2", 'epochs = "2"', ['settings.epochs: found "2", expected a whole number']),
        ("epochs = 2", "epochs = 2.0", ["settings.epochs: found 2.0, expected a whole number"]),
        ("epochs = 2", "epochs = 0", ["epochs: found 0, expected 1 or more"]),
        ("epochs = 2", "epochs = -1", ["epochs: found -1, expected a whole number from 0 to 1,000,000,000"]),
        ("epochs = 2", f"epochs = 1{'0' * 5000}", ["not a TOML file"]),
        ("lr = 0.003", "lr = nan", ["settings.lr: found NaN, expected a number"]),
        ("lr = 0.003", "lr = 2026-11-29", ["settings.lr: found the date 2026-11-29, expected a number"]),
        ("mirror = false", "mirror = 0", ["settings.mirror: found 0, expected true or false"]),
        ("mirror = false", "seed = 1", ['"seed"']),
        ('about = "a"', 'abot = "a"', ['found "abot" (did you mean about?)']),
        ('about = "a"', 'about = ""', ['about: found "", expected plain text of 1 to']),
        ('model = "alexnet-mini"', 'model = ""', ['model: found "", expected plain text of 1 to']),
        ('about = "a"', "about = 3", ["about: found 3, expected plain text"]),
        ('about = "a"\n', "", ["about: found nothing, expected plain text"]),
        ('model = "alexnet-mini"\n', "model = 3\n", ["model: found 3, expected plain text"]),
        ('data = "d"\n', "start_from = 3\n", ["start_from: found 3, expected plain text"]),
        ("[settings]", "[setting]", ['found "setting" (did you mean settings?)']),
        (
            "[settings]\nepochs = 2\nlr = 0.003\nmirror = false\nbatch = 8\n",
            "",
            ["settings: found nothing, expected entries"],
        ),
        ("epochs = 2", "epochs 2", ["not a TOML file"]),
        ("[settings]", "settings = 3\n[reached]", ["settings: found 3"]),
        ('about = "a"', "about = " + 100_000 * "[", ["nested too deeply"]),
        ('about = "a"', "[" + 30_000 * "a." + "a]", ["nested too deeply"]),
        ('about = "a"', "#" + 300_000 * " ", ["300,094 bytes, expected at most 262,144"]),
        ("epochs = 2", f"epochs = {10**30}", ["settings.epochs: found 1000"]),
        ("batch = 8", f"batch = {10**12}", ["batch: found 1000000000000, expected a whole number from 0 to 1"]),
        ("batch = 8", f"batch = 8\ncrop_run = {10**30}", ["settings.crop_run: found 1000"]),
        ("batch = 8", f"batch = 8\nlayer_lr = 'conv1:{'9' * 5000}:1'", ["layer_lr: found"]),
        ("batch = 8", "batch = 8\nlayer_lr = 'conv1:²:1'", ["layer_lr: found", "LAYER:EPOCH:FACTOR"]),
    ],
)
def test_wrong_files_are_refused(tmp_path, old, new, words):
    file = tmp_path / "wrong.toml"
    assert old in GOOD
    file.write_text(GOOD.replace(old, new))
    refused(lambda: find_recipe(file), str(file), *words, error=UserError)


@pytest.mark.parametrize("name", ["tiny", "../recipes/fine-tune", "fine-tune.tom"])
def test_a_name_that_there_is_not(capsys, name):
    refused(lambda: find_recipe(name), repr(name), *recipe_names(), error=UserError)
    code, out, err = call(capsys, "recipes", name)
    assert code == 2 and not out and err.count("\n") == 1
    assert f"NAME: found {name!r}" in err and ", expected fine-tune, " in err


def test_the_nearest_recipe_is_suggested():
    refused(lambda: find_recipe("tiny-imagenet-10-moden"), "did you mean tiny-imagenet-10-modern?", error=UserError)


def test_a_file_that_there_is_not(tmp_path):
    refused(lambda: find_recipe(tmp_path / "none.toml"), "none.toml: not found", error=UserError)


def test_a_recipe_that_starts_from_a_run_may_say_with_which_layers(tmp_path):
    (tmp_path / "a.toml").write_text(f'start_from = "a run"\n{GOOD}start_up_to = "pool5"\n')
    assert find_recipe(tmp_path / "a.toml").settings["start_up_to"] == "pool5"


def test_a_recipe_for_any_model_is_judged_beside_the_one_it_gets(tmp_path):
    (tmp_path / "a.toml").write_text('about = "a"\n[settings]\nschedule = "steps:40,80"\n')
    recipe = str(tmp_path / "a.toml")
    assert choose_settings(model="alexnet", recipe=recipe).epochs == 90
    refused(lambda: choose_settings(model="alexnet-small", recipe=recipe), "schedule", "below the 15", error=UserError)


def test_a_recipe_for_any_model_may_be_changed(tmp_path):
    """With --thaw 0 fine-tune's own rate for the head has no sense any more, but nobody asked for it."""
    data = write_easy(tmp_path / "data", 16, 8)
    run = train_mini(tmp_path / "run", data)
    assert choose_settings(str(data), recipe="fine-tune", start_from=str(run), thaw=0).head_lr == 5
