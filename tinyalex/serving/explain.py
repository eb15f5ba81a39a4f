"""Why a network answers as it does: where it looks in a picture, and the training pictures most alike to it.

P training pictures to search, D features each, S the side of a picture, T that of a crop.
"""

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tinyalex.data import open_dataset
from tinyalex.data.dataset import Split
from tinyalex.inspection.features import features_of, last_features
from tinyalex.inspection.neighbours import nearest
from tinyalex.inspection.occlusion import occlusion_map, square_and_stride
from tinyalex.inspection.subject import central, sample
from tinyalex.runs.trained import check_fits

NEIGHBOURS, MOST = 5, 2000
THUMBNAIL = 128  # the most pixels a side of a neighbour's picture
NOT_YET = "the training pictures are still being prepared; ask again in a moment"
NOT_HERE = "the training pictures are not at hand"


@dataclass(frozen=True)
class Pool:
    """Training pictures to search for neighbours: their places in a split, (P,), and their features, (P, D)."""

    split: Split
    indices: np.ndarray
    features: np.ndarray


def pool_of(classifier):
    """The `Pool` of a classifier: at most MOST of its own training pictures. UserError if they are not at hand."""
    run, data = classifier.run, classifier.run.own_data()
    dataset = open_dataset(data, quiet=True)
    check_fits(run, data, dataset.class_ids, dataset.size)
    indices = sample(dataset.train, MOST, "pool")
    return Pool(dataset.train, indices, _features(run, dataset.train, indices, classifier.xp))


def explained(classifier, square, pool=NOT_YET):
    """Why `classifier` gives its likeliest answer to a prepared picture, as a dict for JSON.

    square: uint8 (S, S, 3);  pool: of the same run, or a note why there is none
    "occlusion" holds `occlusion_map` for the answer, "probability" is that of the uncovered centre crop; calibrated if
    there is a calibration of this view.
    """
    run, calibration = classifier.run, classifier.calibrated()
    p = classifier.probabilities([square])[0]
    label, T = int(p.argmax()), run.view.crop
    size, stride = square_and_stride(T)
    mend = calibration and calibration.probabilities
    covered = occlusion_map(run.network, run.view, square, label, size, stride, classifier.xp, mend)
    answer = {**_named(classifier, label), "probability": float(p[label])}
    looked = {"occlusion": covered.tolist(), "size": size, "stride": stride, "crop": T}
    picture = {"picture": _data_uri(central(square[None], T)[0])}
    alike = {"neighbours": [], "note": pool} if isinstance(pool, str) else _alike(classifier, square, pool)
    return answer | looked | picture | alike


def _alike(classifier, square, pool):
    """The nearest training pictures by the features of the last layer, nearest first."""
    run = classifier.run
    query = _features(run, Split((square[None],), np.zeros(1, np.int64)), [0], classifier.xp)
    near = nearest(query, pool.features, min(NEIGHBOURS, len(pool.features)))[0]
    distances = np.linalg.norm(pool.features[near].astype(np.float64) - query, axis=1)
    places = pool.indices[near]
    pictures = central(pool.split.gather(places), run.view.crop)
    return {
        "neighbours": [
            {**_named(classifier, label), "distance": float(distance), "picture": _data_uri(picture, THUMBNAIL)}
            for label, distance, picture in zip(pool.split.labels[places], distances, pictures)
        ]
    }


def _features(run, split, indices, xp):
    _, layer = last_features(run.network)
    return features_of(run.network, split, run.view, xp, layer, indices)


def _named(classifier, label):
    return {"label": classifier.classes[label], "class_id": classifier.class_ids[label]}


def _data_uri(pixels, most=None):
    """A picture, uint8 (T, T, 3), as the text of a PNG, at most `most` pixels a side."""
    image, file = Image.fromarray(np.ascontiguousarray(pixels)), io.BytesIO()
    if most:
        image.thumbnail((most, most))
    image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
