"""Write one small example of each format into a folder, with the tinyalex that Python finds: see README.md.

PYTHONPATH=<the version's clone> python tests/stored/make.py <folder>
"""

import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from tinyalex.data import open_dataset
from tinyalex.data.prepare import prepare
from tinyalex.inspection import folder as page
from tinyalex.layers import Conv2d, Dropout, Flatten, Linear, LocalResponseNorm, MaxPool2d, ReLU
from tinyalex.models import MODELS, Model
from tinyalex.runs.config import Config
from tinyalex.runs.folder import RunFolder
from tinyalex.teaching import learner, lessons
from tinyalex.training import trainer


def layers(num_classes):
    """A network of 266 parameters, for pictures of 8 pixels and crops of 7."""
    features = {"conv1": Conv2d(3, 4, 3), "relu1": ReLU(), "norm1": LocalResponseNorm(), "pool1": MaxPool2d(3, 2)}
    classifier = {
        "flatten": Flatten(),
        "fc6": Linear(16, 8),
        "relu6": ReLU(),
        "drop6": Dropout(0.5, inverted=False),
        "fc8": Linear(8, num_classes),
    }
    return features, classifier


TINY = Model(name="tiny", about="for stored examples", size=8, layers=layers, epochs=2, batch=2)


def make(out):
    MODELS["tiny"] = TINY
    out.mkdir()
    os.chdir(out)
    pictures = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 3), np.uint8)
    for number, picture in enumerate(pictures):
        place = Path("photos", ("train", "val")[number // 4], ("écrin", "犬")[number % 2])
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{number}.png")
    prepare("photos", "prepared", size=8, quiet=True)
    trainer.LOG_EVERY = 1
    for name, epochs, stop in (("run", 2, False), ("stopped", 3, True)):
        config = Config.for_model(TINY, "prepared", epochs=epochs, lr=0.3 if name == "run" else 0.01)
        training = trainer.start(
            RunFolder.fresh(name, "tiny"), config, open_dataset("prepared"), np, "make", quiet=True
        )
        if stop:
            finish, asked = training._finish_epoch, SimpleNamespace(asked=False)
            training._finish_epoch = lambda: (finish(), vars(asked).update(asked=True))
            try:
                training.train(asked)
            except trainer.Stopped:
                pass
        else:
            training.train()
    os.environ[learner.PROGRESS] = "progress.json"
    learner.remember("09-forward", "right")
    learner.remember("09-backward", "not yet")
    with page.written("page") as folder:
        (folder / "index.html").write_text("<p>a page</p>\n")
    make_book()
    shutil.rmtree("photos")


def make_book():
    """A book of one lesson, whose notebook has one cell."""
    import nbformat

    from tinyalex.teaching.book import write_book

    chosen, whole = [lessons.find_lesson("05")], lessons.FOLDER
    lessons.FOLDER = Path("lessons").resolve()
    for name in ("exercises", "solutions"):
        (lessons.FOLDER / name).mkdir(parents=True)
        shutil.copy(whole / name / "05.py", lessons.FOLDER / name)
    (lessons.FOLDER / "README.md").write_text("# Lessons\n")
    cell = nbformat.v4.new_markdown_cell("# Lesson 05\n\nOne line.")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), lessons.FOLDER / "05_relu.ipynb")
    write_book(Path("book"), chosen)
    shutil.rmtree(lessons.FOLDER)


if __name__ == "__main__":
    make(Path(sys.argv[1]).resolve())
