"""What is said about an answer, against loops and pixels; it needs no service."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.checks import agree
from tests.inspection import small
from tests.inspection.test_occlusion import by_loops
from tests.reference import softmax
from tinyalex.calibration import Calibration
from tinyalex.classifier import Classifier
from tinyalex.inspection.features import features_of
from tinyalex.library import load
from tinyalex.runs.trained import Run
from tinyalex.serving import explain
from tinyalex.serving.explain import NOT_YET, Pool, explained, pool_of
from tinyalex.statistics import Interval


@pytest.fixture
def classifier():
    names = {"class_names": ["cat, tabby", "dog", "owl"], "class_ids": ["c", "d", "o"]}
    info = names | {"model": "small", "state": {"history": []}}
    return Classifier(Run(Path("run"), Path("run"), small.network(), small.view(), info), np)


def pixels(uri):
    kind, data = uri.split(",")
    assert kind == "data:image/png;base64"
    return np.array(Image.open(io.BytesIO(base64.b64decode(data))))


def test_where_it_looks(classifier):
    square = small.split().gather([6])[0]
    found = explained(classifier, square)
    p = softmax(small.network().predict(small.centre_crop(square))[0])
    label = int(np.argmax(p))
    assert (found["label"], found["class_id"]) == (classifier.classes[label], classifier.class_ids[label])
    assert found["probability"] == pytest.approx(p[label], rel=1e-5)
    assert (found["size"], found["stride"], found["crop"]) == (1, 1, 8)
    agree(np.array(found["occlusion"]), by_loops(small.network(), square, label, 1, 1), "by loops", rtol=1e-4)
    assert np.array_equal(pixels(found["picture"]), square[2:10, 2:10])
    assert (found["neighbours"], found["note"]) == ([], NOT_YET)


class Cooled:
    """A network whose scores are divided by 2.5."""

    def predict(self, x):
        return small.network().predict(x) / 2.5


@pytest.mark.parametrize("view, network", [("centre crop", Cooled()), ("ten crops", small.network())])
def test_a_calibration_holds_for_its_own_view(classifier, view, network):
    nothing = Interval(0, 0, 0)
    classifier.calibration = Calibration(2.5, 0.5, 0.05, 0.95, view, 9, nothing, nothing, "0" * 64)
    found = explained(classifier, square := small.split().gather([6])[0])
    label = classifier.class_ids.index(found["class_id"])
    expected = softmax(network.predict(small.centre_crop(square))[0])[label]
    assert found["probability"] == pytest.approx(expected, rel=1e-5)
    agree(np.array(found["occlusion"]), by_loops(network, square, label, 1, 1), "by loops", rtol=1e-4)


def test_neighbours(classifier):
    split, view = small.split(), small.view()
    indices = np.array([9, 2, 6, 4, 7, 0])
    features = features_of(small.network(), split, view, np, "relu7", indices)
    square = split.gather([6])[0]
    found = explained(classifier, square, Pool(split, indices, features))
    assert "note" not in found and len(found["neighbours"]) == 5
    distances = np.linalg.norm(features - features[2], axis=1)
    for place, one in zip(np.argsort(distances), found["neighbours"]):
        assert one["distance"] == pytest.approx(distances[place], abs=1e-6)
        assert one["class_id"] == classifier.class_ids[split.labels[indices[place]]]
        assert np.array_equal(pixels(one["picture"]), split.gather([indices[place]])[0, 2:10, 2:10])
    assert found["neighbours"][0]["distance"] == pytest.approx(0, abs=1e-6), "the picture itself is in the pool"


def test_few_training_pictures_and_large_ones(classifier, monkeypatch):
    monkeypatch.setattr(explain, "THUMBNAIL", 4)
    pool = Pool(small.split(), np.array([5, 3]), np.zeros((2, 5), np.float32))
    found = explained(classifier, small.split().gather([3])[0], pool)
    assert [pixels(one["picture"]).shape for one in found["neighbours"]] == [(4, 4, 3)] * 2
    assert pixels(found["picture"]).shape == (8, 8, 3)


def test_a_pool_is_of_the_run_s_own_pictures(tmp_path):
    data = small.write_data(tmp_path / "data", ["a", "b"], 12, 4)
    classifier = load(small.write_run(tmp_path / "run", data))
    pool = pool_of(classifier)
    assert len(pool.indices) == len(pool.features) == 12
    found = explained(classifier, pool.split.gather([5])[0], pool)
    assert found["neighbours"][0]["distance"] == pytest.approx(0, abs=1e-4)
    assert found["neighbours"][0]["class_id"] == "class-1"
