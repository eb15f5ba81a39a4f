"""`tinyalex diff` lists every difference and nothing else."""

import json

import pytest

from tinyalex.cli import main
from tinyalex.commands import diff
from tinyalex.layers import MaxPool2d, ReLU
from tinyalex.models import MODELS, find_model
from tinyalex.network import Network
from tinyalex.runs.config import Config

SOURCE = ("alexnet", "alexnet-2012-source")


def json_of(capsys, *arguments):
    assert main(["diff", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def sides(rows):
    return {row["where"]: (row["first"], row["second"]) for row in rows}


def shown(capsys, *arguments):
    assert main(["diff", *arguments]) == 0
    return capsys.readouterr().out


def test_the_2012_source(capsys):
    """Every point where the released source differs has a row (pool5 and relu5 share one)."""
    result = json_of(capsys, *SOURCE)
    assert result["equal"] is False and result["totals"] == [] and result["models"] == list(SOURCE)
    assert sides(result["layers"]) == {
        "relu1": ("ReLU, after conv1", "ReLU, after pool1"),
        "norm1": ("LRN size 5, alpha 0.0001, beta 0.75, k 2", "LRN size 5, alpha 2e-05, beta 0.75, k 2"),
        "norm2": ("LRN size 5, alpha 0.0001, beta 0.75, k 2", "LRN size 5, alpha 2e-05, beta 0.75, k 2"),
        "spatial2": (None, "spatial norm size 5, alpha 4e-05, beta 0.75, k 2, after norm2"),
        "pool5": ("max pool 3×3/2, after relu5", "max pool 3×3/2, after conv5"),
    }
    assert sides(result["recipe"]) == {
        "pixel_scale": (1.0, 1 / 1.1),
        "schedule": ("cosine:1", "steps:25,51,79"),
        "bias_lr": (1.0, 2.0),
        "layer_lr": ("", "conv1:67:0.1,conv1:72:0"),
        "bias_decay": (True, False),
        "init": ("paper", "source"),
        "color_epochs": (0, 67),
        "crop_run": (1, 32),
    }
    read = {row["where"]: (row["paper"], row["source"]) for row in result["layers"] + result["recipe"]}
    assert read["norm1"] == ("§3.3", "layer.py") and read["relu1"] == ("§3.5", "layers-145.cfg")
    assert read["bias_lr"] == ("", "layer-params-145.cfg") and read["crop_run"] == ("", "convdata.py")


def test_the_table_for_people(capsys):
    """Parts of a text that are the same in both are left out, and numbers are formatted for people."""
    out = shown(capsys, *SOURCE)
    lines = [line.split("  ") for line in out.splitlines()]
    rows = {line[0]: [cell.strip() for cell in line if cell.strip()] for line in lines}
    assert rows["norm1"] == ["norm1", "LRN size 5, alpha 0.0001", "LRN size 5, alpha 2e-05", "§3.3", "layer.py"]
    assert rows["spatial2"][1:3] == ["–", "spatial norm size 5, alpha 4e-05, beta 0.75, k 2, after norm2"]
    assert rows["pixel_scale"][1:3] == ["1", "10/11"] and rows["bias_decay"][1:3] == ["yes", "no"]
    assert rows["color_epochs"][1:3] == ["all", "67"] and rows["layer_lr"][1] == "–"
    assert "the same" not in out


@pytest.mark.parametrize("name", ["alexnet-mini", "alexnet-small+no-lrn+tanh"])
def test_equal(name, capsys):
    result = json_of(capsys, name, name)
    assert result["equal"] is True and result["layers"] == result["recipe"] == result["totals"] == []
    assert shown(capsys, name, name) == f"{name} and {name} are the same network, trained by the same recipe.\n"


def test_a_variation(capsys):
    result = json_of(capsys, "alexnet-small", "alexnet-small+no-lrn")
    text = "LRN size 5, alpha 0.0001, beta 0.75, k 2, after"
    assert sides(result["layers"]) == {"norm1": (f"{text} relu1", None), "norm2": (f"{text} relu2", None)}
    assert result["recipe"] == result["totals"] == []
    assert "The recipes are the same." in shown(capsys, "alexnet-small", "alexnet-small+no-lrn")


def test_the_other_way_round(capsys):
    """The same rows with their sides exchanged. (If two neighbours swapped places, either could have the row.)"""
    there, back = (
        json_of(capsys, *names) for names in (("alexnet-mini", "alexnet-small"), ("alexnet-small", "alexnet-mini"))
    )
    for part in ("layers", "recipe", "totals"):
        assert sides(back[part]) == {where: (b, a) for where, (a, b) in sides(there[part]).items()}, part


def test_weights_tell_layers_with_the_same_text_apart(capsys):
    """After a removed layer, the next one has fewer input channels."""
    result = json_of(capsys, "alexnet-mini", "alexnet-mini+no-conv3")
    rows = sides(result["layers"])
    assert rows["conv4"] == (
        "conv 3×3/1 pad 1, 96, 2 groups, weight 3×3×48×96",
        "conv 3×3/1 pad 1, 96, 2 groups, weight 3×3×32×96",
    )
    assert rows.keys() == {"conv3", "relu3", "conv4"} and [row["where"] for row in result["layers"]][0] == "conv3"
    parameters = (64 * 96 * 9 + 96) + 96 * 9 * (48 - 32)
    first, second = sides(result["totals"])["parameters"]
    assert first - second == parameters
    out = shown(capsys, "alexnet-mini", "alexnet-mini+no-conv3")
    assert f"{first:,}" in out and f"{second:,}" in out and "conv 3×3/1 pad 1, weight 3×3×32×96" in out


def test_classes_count(capsys):
    ten, twenty = (json_of(capsys, "alexnet-mini", "alexnet-small", "--classes", k) for k in ("10", "20"))
    assert sides(ten["layers"])["fc8"] == ("fully connected, 10, weight 256×10", "fully connected, 10, weight 512×10")
    first, second = sides(ten["totals"])["parameters"]
    assert sides(twenty["totals"])["parameters"] == (first + 10 * 257, second + 10 * 513)


def test_every_setting_of_a_recipe_is_compared():
    """And SETTINGS says where to read about each, so that a new one cannot be forgotten."""
    recipe = diff._recipe(find_model("alexnet"))
    assert set(Config.for_model(MODELS["alexnet"], "").to_dict()) - {"model"} <= recipe.keys()
    nowhere = {"data", "until_error", "patience", "seed"}  # the user's, not the paper's
    nowhere |= {
        "network",
        "start_from",
        "start_up_to",
        "freeze",
        "thaw",
        "head_lr",
        "tf32",
        "label_smoothing",
        "mixup",
        "cutmix",
        "ema",
    }
    assert recipe.keys() - diff.SETTINGS.keys() == nowhere


def test_a_layer_in_another_place():
    """A layer that moved has one row; the layers it passed have none."""

    def places(*names):
        layers = {name: ReLU() if name[0] == "r" else MaxPool2d(1) for name in names}
        return diff._places(Network(layers, {}, (4, 4, 3)))

    rows = sides(diff._layer_rows(places("r1", "p1", "p2", "p3", "p4"), places("p1", "p2", "p3", "r1", "p4")))
    assert rows == {"r1": ("ReLU, after the pictures", "ReLU, after p3")}


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["alexnet"], ("MODEL",)),
        (["alexnet", "alexnet-smal"], ("MODEL: there is no 'alexnet-smal'", "did you mean alexnet-small?")),
        (["alexnet-mini+no-lnr", "alexnet-mini"], ("MODEL: alexnet-mini+no-lnr: ", "did you mean +no-lrn?")),
        (["alexnet", ""], ("MODEL: is empty",)),
        (["alexnet", "alexnet", "--classes", "0"], ("--classes: found 0",)),
    ],
)
def test_mistakes(arguments, words, capsys):
    assert main(["diff", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and all(word in err for word in words), err
