"""Put the net of lesson 15 to work on pictures that it has never seen, and keep what lesson 21 needs of it.

    python lessons/live_runs/record.py        a quarter of a minute of a processor

live.npz: the scores of 4,000 built-in pictures, of the last 2,000 once more after they were re-compressed, and of the
first 2,000 from a careless copy of the net; and what the pictures look like. log.npz: two weeks of five clients'
requests, in which something happens. To read the log as lesson 21 asks, read no further.
"""

import io
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tinyalex.data.builtin import builtin_labels, draw_pictures
from tinyalex.models import find_model
from tinyalex.monitoring.pictures import picture_statistics
from tinyalex.runs.trained import load_network

HERE = Path(__file__).resolve().parent
FIRST, PICTURES, RESENT = 1000, 4000, 2000  # validation pictures from 1,000 on took no part in choosing the net
QUALITY = 6  # of JPEG, where 75 is usual
CLIENTS = ("archive", "kiosk", "phone", "shop", "web")
DAYS, A_DAY, LABELLED = 14, (36, 45), 0.3  # requests of a client on a day, from and below;  the share labelled later
HEARTS = range(4, 8)


def recompressed(picture, quality=QUALITY):
    """The picture as it is after it was saved as JPEG and opened again."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=0)
    return np.asarray(Image.open(file))


def scores_of(network, view, pictures):
    return np.concatenate([network.predict(view.centre(pictures[i : i + 100])) for i in range(0, len(pictures), 100)])


def looks_of(pictures):
    """Brightness, contrast and sharpness: (N, 3)."""
    return np.stack(list(picture_statistics(pictures).values()), axis=1).astype(np.float32)


def ported(network):
    """The same weights in a net whose author forgot that dropout halves what it passes on at test (the paper, §4.2)."""
    other = find_model("alexnet-mini+no-dropout").build(20)
    for name, array in network.params.items():
        other.params[name][...] = array
    return other


@dataclass(frozen=True)
class Request:
    day: int
    client: int
    number: int  # of the picture that was drawn
    label: int  # sent later; −1: none


def requests():
    """Two weeks of requests, and their pictures."""
    rng, number, stuck = np.random.default_rng(21), FIRST + PICTURES, None
    rows, pictures = [], []
    for day in range(1, DAYS + 1):
        for client, name in enumerate(CLIENTS):
            count = int(rng.integers(*A_DAY)) * (2 if name == "web" and day in (6, 7, 13, 14) else 1)
            for _ in range(count):
                number = _next(number + 1, hearts=name == "shop" and day >= 8, rng=rng)
                if name == "kiosk" and day >= 11:
                    stuck = stuck or number
                sent = stuck if name == "kiosk" and stuck else number
                picture = draw_pictures("val", [sent])[0]
                if name == "phone" and day >= 9:
                    picture = recompressed(picture)
                truth = int(builtin_labels([sent])[0])
                label = (truth + (name == "archive" and day >= 6)) % 20 if rng.random() < LABELLED else -1
                rows.append(Request(day, client, sent, label))
                pictures.append(picture)
    return rows, np.stack(pictures)


def _next(number, hearts, rng):
    """The next picture's number; if hearts are on offer, mostly of a heart."""
    while hearts and int(builtin_labels([number])[0]) not in HEARTS and rng.random() < 0.95:
        number += 1
    return number


def main():
    network, view, _, _ = load_network(HERE.parent / "trained" / "mini.safetensors", np)
    numbers = range(FIRST, FIRST + PICTURES)
    pictures = draw_pictures("val", numbers)
    resent = np.stack([recompressed(picture) for picture in pictures[-RESENT:]])
    live = {
        "scores": scores_of(network, view, pictures),
        "looks": looks_of(pictures),
        "resent_scores": scores_of(network, view, resent),
        "resent_looks": looks_of(resent),
        "ported_scores": scores_of(ported(network), view, pictures[:RESENT]),
    }
    labels = builtin_labels(numbers)
    halves = {name: array.astype(np.float16) for name, array in live.items()}
    np.savez_compressed(HERE / "live.npz", labels=labels.astype(np.uint8), **halves)
    for name, truth in (("scores", labels), ("resent_scores", labels[-RESENT:]), ("ported_scores", labels[:RESENT])):
        print(f"{name}: {(live[name].argmax(axis=1) != truth).mean():.1%} wrong")
    rows, pictures = requests()
    np.savez_compressed(
        HERE / "log.npz",
        clients=np.array(CLIENTS),
        day=np.array([r.day for r in rows], np.uint8),
        client=np.array([r.client for r in rows], np.uint8),
        picture=np.array([r.number for r in rows], np.uint16),
        label=np.array([r.label for r in rows], np.int8),
        looks=looks_of(pictures).astype(np.float16),
        scores=scores_of(network, view, pictures).astype(np.float16),
    )
    print(f"{len(rows):,} requests")


if __name__ == "__main__":
    sys.exit(main())
