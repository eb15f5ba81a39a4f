"""Damaged picture files, shown to a trained network with `predict`."""

import io

import numpy as np
from PIL import Image

from tests.fuzzing.damage import spoiled
from tests.tiny_runs import train_mini
from tests.training.test_training import write_easy

FORMATS = ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "PPM", "TGA", "ICO")
MODES = {"PNG": ("L", "LA", "P", "RGB", "RGBA"), "JPEG": ("L", "RGB", "CMYK"), "TIFF": ("1", "L", "RGB", "CMYK")}


def setup(folder):
    return train_mini(folder / "run", write_easy(folder / "data", 16, 8), epochs=1)


def make(random, folder, shared):
    format = random.choice(FORMATS)
    data = _picture(random, format)
    if random.random() < 0.05:
        data = data[: random.choice((0, 1, 4, len(data)))]
    elif random.random() < 0.9:
        data = spoiled(random, data)
    path = folder / f"picture.{format.lower()}"
    path.write_bytes(data)
    return ["predict", shared, path]


def _picture(random, format):
    """The bytes of a small picture, sometimes with EXIF."""
    size = random.randint(1, 40), random.randint(1, 40)
    pixels = np.frombuffer(random.randbytes(3 * size[0] * size[1]), np.uint8).reshape(size[1], size[0], 3)
    image = Image.fromarray(pixels).convert(random.choice(MODES.get(format, ("RGB",))))
    options = {}
    if format in ("JPEG", "PNG", "TIFF", "WEBP") and random.random() < 0.5:
        exif = Image.Exif()
        exif[274] = random.randint(0, 9)
        exif[271] = "maker"
        options["exif"] = exif
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()
