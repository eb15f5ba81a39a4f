"""Networks written down as JSON: there and back, refused if they are not whole, and trained like any other."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.checks import refused
from tests.tiny_runs import info_of
from tests.training.test_training import write_easy
from tinyalex import load
from tinyalex.data import open_dataset
from tinyalex.data.augment import View
from tinyalex.errors import UserError
from tinyalex.models import find_model, written
from tinyalex.models.written import read, write
from tinyalex.optim import initialise
from tinyalex.runs.checkpoint import load_checkpoint
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder
from tinyalex.runs.trained import load_network
from tinyalex.training import trainer as training
from tinyalex.training.settings import choose_settings

MEAN, SCALE = (123.675, 116.28, 103.53), (0.25, 0.5, 1.0)
MODELS = (
    "alexnet-mini",
    "alexnet-mini+2012-source+two-towers",
    "vgg-mini+bn+tanh",
    "resnet-mini",
    "resnet-mini+no-skip",
)


def described(network):
    return [
        (path, str(layer), shape, {k: a.shape for k, a in layer.params.items()})
        for path, layer, _, shape in network.shapes()
    ]


def mini(name="alexnet-mini", classes=5):
    return json.loads(json.dumps(write(find_model(name).build(classes), 64, MEAN, SCALE)))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("classes", [5, 3])
def test_there_and_back(name, classes):
    model = read(mini(name), "mine")
    built, wanted = model.build(classes), find_model(name).build(classes)
    assert described(built) == described(wanted)
    assert (model.size, model.crop, model.mean, model.pixel_scale) == (64, 56, MEAN, SCALE)
    assert {k: a.shape for k, a in built.state.items()} == {k: a.shape for k, a in wanted.state.items()}
    again = write(built, model.size, model.mean, model.pixel_scale)
    assert classes != 5 or json.loads(json.dumps(again)) == mini(name)


def test_every_layer_can_be_written():
    assert {"Conv2d", "LocalResponseNorm", "Identity", "BatchNorm2d", "Residual", "Sequential"} <= written.KINDS.keys()
    assert "Layer" not in written.KINDS


def _one_more_and_one_less(layers):
    """Two fully connected layers, whose weights are as many, but for the sign."""
    for name, sign in (("more", 1), ("less", -1)):
        layers[name] = {"layer": "Linear", "in_features": sign * 200_000, "out_features": 200_000}


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda n: n.pop("crop"), ["crop", "nothing", "a whole number"]),
        (lambda n: n.update(mean=[1, 2]), ["mean", "a list of 2", "a list of 3"]),
        (lambda n: n["features"].update(conv1={"layer": "Conv3d"}), ["features.conv1", "'Conv3d'", "Conv2d?"]),
        (lambda n: n["features"].update(conv1={"layer": "system"}), ["features.conv1", "expected one of Re"]),
        (lambda n: n["features"]["conv1"].update(out_channels=10**9), ["weights", "expected at most 536,870,912"]),
        (lambda n: n["features"]["conv1"].update(kernel_size=[10**5, 10**5]), ["weights", "expected at most"]),
        (lambda n: n["features"]["conv1"].update(kernel_size=10**5), ["weights", "expected at most"]),
        (lambda n: _one_more_and_one_less(n["classifier"]), ["80,000,", "weights", "expected at most"]),
        (lambda n: n.update(size=50), ["a crop of 56 pixels from pictures of 50", "at most their side"]),
        (lambda n: n["features"].update(a={"layer": "Residual", "body": 3}), ["features.a", "found 3"]),
    ],
)
def test_refused_when_read(change, words):
    values = mini()
    change(values)
    refused(lambda: read(values, "mine"), "mine", *words, error=UserError)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda n: n["features"]["conv1"].update(stride=-1), ["stride = -1"]),
        (lambda n: n["features"]["conv2"].update(in_channels=8), ["conv2", "24", "8"]),
        (lambda n: n["features"]["conv1"].update(colour=1), ["colour"]),
        (lambda n: n["features"]["conv1"].update(groups="two"), ["groups", "two"]),
        (lambda n: n["classifier"]["fc7"].pop("in_features"), ["in_features"]),
        (lambda n: n["features"]["pool5"].update(kernel_size=100), ["pool5", "100"]),
    ],
)
def test_refused_when_built(change, words):
    values = mini()
    change(values)
    refused(lambda: read(values, "mine").build(5), "mine", *words, error=UserError)


# ---------------------------------------------------------------------------------------------- what it sees


def test_each_colour_has_its_own_mean_and_scale():
    model = read(mini(), "mine")
    pictures = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    view = View.of(dataset(), model)
    seen = view.centre(pictures)
    np.testing.assert_allclose(seen, (pictures[:, 4:60, 4:60] - np.float64(MEAN)) * SCALE, rtol=1e-5, atol=1e-4)
    looks = view.draw(3, np.random.default_rng(1), color=False)
    x = view.apply(pictures, looks)
    np.testing.assert_array_equal(
        view.pictures(x, looks), view_of_ones().pictures(view_of_ones().apply(pictures, looks), looks)
    )
    colored = view.apply(pictures, view.draw(3, np.random.default_rng(1)))
    shift = (colored - x)[0, 0, 0] / np.float64(SCALE)
    plain = view_of_ones()
    same = plain.apply(pictures, plain.draw(3, np.random.default_rng(1))) - plain.apply(pictures, looks)
    np.testing.assert_allclose(shift, same[0, 0, 0], rtol=1e-3, atol=1e-3)


def dataset():
    """What `View.of` needs of a data set."""
    arrays = {"color_eigenvalues": np.float32([0.2, 0.1, 0.05]), "color_eigenvectors": np.eye(3, dtype=np.float32)}
    return SimpleNamespace(mean=np.zeros((64, 64, 3), np.float32), **arrays)


def view_of_ones():
    return View.of(dataset(), replace(find_model("alexnet-mini"), pixel_scale=1.0))


# ---------------------------------------------------------------------------------------------- runs


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_easy(tmp_path_factory.mktemp("written") / "data", 48, 30)


def trained(folder, data, model, **chosen):
    config = Config.for_model(
        model, str(data), epochs=2, batch=8, lr=0.01, schedule="constant", bias_init=0.0, **chosen
    )
    training.start(RunFolder.fresh(folder, model.name), config, open_dataset(data), np, "test", quiet=True).train()
    return folder


def test_trained_resumed_and_started_from_like_any_other(tmp_path, data):
    classes = len(open_dataset(data).class_ids)
    model = read(mini(classes=classes), "mine")
    run = trained(tmp_path / "run", data, model)
    network, view, info, _ = load_network(run, np)
    assert described(network) == described(find_model("alexnet-mini").build(classes))
    assert view.scale == SCALE and view.mean[5, 7].tolist() == np.float32(MEAN).tolist()
    assert info["config"]["network"] == mini(classes=classes)
    assert 0 <= load(run).evaluate(quiet=True).top1_error <= 1

    config = RunFolder.open(run).settings(epochs=3)
    assert config.find_model().values == model.values
    training.go_on(RunFolder.open(run), open_dataset(data), np, quiet=True, epochs=3).train()
    assert load_checkpoint(run / "last.safetensors").info["state"]["epoch"] == 3

    config = choose_settings(str(data), start_from=str(run), epochs=1)
    assert (config.model, config.network) == ("mine", mini(classes=classes))
    assert choose_settings(str(data), "mine", start_from=str(run), epochs=1) == config
    assert choose_settings(str(data), "resnet-mini", start_from=str(run), epochs=1).network is None
    refused(lambda: choose_settings(str(data), "min", start_from=str(run), epochs=1), "min", error=UserError)
    refused(lambda: choose_settings(str(data), start_from="nowhere"), "start_from", "nowhere", error=UserError)


def test_the_same_network_by_name_and_written_begins_the_same():
    values = write(find_model("resnet-mini").build(4), 64, MEAN, (1 / 16,) * 3)
    networks = [model.build(4) for model in (find_model("resnet-mini"), read(values, "mine"))]
    x = np.random.default_rng(0).standard_normal((2, 56, 56, 3), dtype="float32")
    for network in networks:
        initialise(network, "he", 0, 4.0)
    np.testing.assert_array_equal(*(network.predict(x) for network in networks))


def test_an_imported_run_says_that_its_pictures_are_unknown():
    from tinyalex.runs.places import find_data

    about = info_of("alexnet-mini", ["a", "b"], data="")
    refused(lambda: find_data(about, "runs/imported"), "runs/imported was imported", "data", error=UserError)
