"""Networks that others trained: their scores and wrong answers are PyTorch's, and they can be calibrated."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.checks import agree
from tinyalex.exchange.known import recognised
from tinyalex.exchange.tensors import read_tensors
from tinyalex.layers import softmax
from tinyalex.runs.calibrated import study

KNOWN = {  # depth: (parameters, wrong of 1,000, the first four scores of airplane/0000.jpg)
    20: ("resnet20-12fca82f.th", 269_722, 196, (7.89010, -1.08766, 2.63423, -1.01254)),
    56: ("resnet56-4bfd9763.th", 853_018, 175, (10.60605, -0.32350, -0.20128, -2.01487)),
}


@pytest.fixture(scope="module")
def cifar_pictures():
    """[pictures in bytes, labels]; filled by the first test, which has the folder."""
    return []


def read_pictures(path):
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        pictures = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]
    classes = [name.split("/")[-2] for name in names]
    assert names[0].endswith("airplane/0000.jpg") and len(names) == 1000
    order = {name: label for label, name in enumerate(sorted(set(classes)))}
    return np.stack(pictures), np.array([order[name] for name in classes])


@pytest.mark.real_data
@pytest.mark.parametrize("depth", KNOWN)
def test_scores_and_wrong_answers(depth, real_data, cifar_pictures):
    name, parameters, wrong, first = KNOWN[depth]
    path, archive = real_data.parent / "weights" / name, real_data / "cifar10-test-1000-jpeg.zip"
    if missing := [str(file) for file in (path, archive) if not file.exists()]:
        pytest.skip(f"no {missing[0]} here")
    found = recognised(read_tensors(path), str(path))
    assert found.name == f"cifar-resnet{depth}"
    network = found.network
    assert sum(p.size for p in network.params.values()) == parameters
    if not cifar_pictures:
        cifar_pictures.extend(read_pictures(archive))
    pixels, labels = cifar_pictures
    scores = network.predict(((pixels - found.mean) * found.scale).astype("float32"))
    agree(scores[0, :4], np.array(first), "scores", rtol=0, atol=1e-4)
    assert (scores.argmax(axis=1) != labels).sum() == wrong
    found = study(softmax(scores), labels, 0.1, False, "0" * 64)  # too sure of itself, as trained networks are
    assert 2.2 < found.calibration.temperature < 3 and found.fell.low > 0.03 and found.calibration.threshold
    assert found.calibration.ece_before.low > 0.08 > found.calibration.ece_after.high
