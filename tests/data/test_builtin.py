"""The built-in set: the same on every machine, parts equal to the whole, and solvable only by looking."""

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyalex.data import builtin, shapes
from tinyalex.data.builtin import builtin_classes, builtin_fingerprint, draw_pictures, load_builtin, load_builtin_val
from tinyalex.errors import UserError

SECONDS = 30  # of processor time: a generous limit for the whole set, which takes about 5


@pytest.fixture(scope="module")
def whole():
    """The default set, 4,000 and 1,000 pictures."""
    start = time.process_time()  # not wall time: other processes may be running
    dataset = load_builtin()
    assert time.process_time() - start < SECONDS
    return dataset


def digest_of_one_picture_of_each_class():
    digest = hashlib.sha256()
    for held_out in False, True:
        digest.update(draw_pictures("val", range(len(builtin_classes(held_out)[0])), held_out=held_out).tobytes())
    return digest.hexdigest()


# Digests of raw bytes, not of anything rounded: drawing uses only arithmetic that IEEE 754 rounds in one way (see
# shapes.py), and PCG64's `random`. After an intended change of the pictures, raise GENERATOR_VERSION and add the new
# digest here. If they changed with the machine or with NumPy, something inexact has crept into the drawing.
DIGESTS = {1: "7c786533710e0466bf217140cef3db3c010df7d7754604c56c7bd8c83c12d202"}


def test_pixels_change_only_with_the_version():
    assert digest_of_one_picture_of_each_class() == DIGESTS[builtin.GENERATOR_VERSION]


def test_pixels_do_not_depend_on_the_processor(monkeypatch):
    """The same digest with NumPy's vector code for newer processors switched off, as on an older one."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    present = [feature for feature in __cpu_dispatch__ if __cpu_features__[feature]]
    if not present:
        pytest.skip("NumPy has no optional vector code for this processor")
    monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", " ".join(present))
    program = f"from {__name__} import *; print(digest_of_one_picture_of_each_class())"
    root = Path(__file__).parents[2]
    result = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == digest_of_one_picture_of_each_class()


def test_shapes_types_and_balance(whole):
    K = len(whole.class_ids)
    assert (K, whole.size, len(whole.train), len(whole.val)) == (20, 64, 4000, 1000)
    for split, per_class in (whole.train, 200), (whole.val, 50):
        (pictures,) = split.shards
        assert pictures.shape == (K * per_class, 64, 64, 3) and pictures.dtype == np.uint8
        assert split.labels.dtype == np.int64
        assert (split.labels == np.arange(K * per_class) % K).all()
    assert whole.mean.shape == (64, 64, 3) and whole.mean.dtype == np.float32
    assert np.allclose(whole.mean, whole.train.shards[0].mean(axis=0), atol=1e-3)
    assert whole.color_eigenvectors.shape == (3, 3) and (np.diff(whole.color_eigenvalues) < 0).all()


def test_no_picture_twice(whole):
    pictures = [p.tobytes() for split in (whole.train, whole.val) for p in split.shards[0]]
    assert len(set(pictures)) == len(pictures)


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(["train", "val"]), st.lists(st.integers(0, 999), min_size=1, max_size=4))
def test_a_part_equals_the_whole(whole, split, indices):
    assert (draw_pictures(split, indices) == getattr(whole, split).gather(indices)).all()


def test_a_smaller_set_is_the_beginning_of_the_larger(whole):
    small = load_builtin(train_per_class=2, val_per_class=1)
    assert (small.train.shards[0] == whole.train.shards[0][:40]).all()
    assert (small.val.shards[0] == whole.val.shards[0][:20]).all()


def test_the_validation_split_alone(whole):
    val = load_builtin_val(val_per_class=3)
    assert (val.shards[0] == whole.val.shards[0][:60]).all()
    assert (val.labels == whole.val.labels[:60]).all()


def test_seeds_splits_and_classes_have_streams_of_their_own():
    first = draw_pictures("train", [5])
    assert (first == draw_pictures("train", [5])).all()
    others = (
        draw_pictures("train", [6]),
        draw_pictures("val", [5]),
        draw_pictures("train", [5], seed=1),
        draw_pictures("train", [5], held_out=True),
    )
    for other in others:  # under a tenth of the values are equal; with one stream, all but the object's would be
        assert (first == other).mean() < 0.1


def test_held_out_classes_are_others():
    dataset = load_builtin(train_per_class=1, val_per_class=1, held_out=True)
    assert len(dataset.class_ids) == len(dataset.train) == len(dataset.val) == 8
    assert not set(dataset.class_ids) & set(builtin_classes()[0])
    assert not set(builtin.SHAPES) & set(builtin.HELD_OUT_SHAPES)


def test_classes_pair_every_shape_with_every_texture():
    class_ids, class_names = builtin_classes()
    assert class_ids[0] == "star-stripes" and class_names[0] == "striped star"
    assert len(set(class_ids)) == len(set(class_names)) == 20
    forms, textures = zip(*(class_id.split("-") for class_id in class_ids))
    assert set(zip(forms, textures)) == {(s, t) for s in builtin.SHAPES for t in shapes.TEXTURES}


def test_fingerprint_tells_sets_apart(whole, monkeypatch):
    assert whole.fingerprint == builtin_fingerprint() == builtin_fingerprint(0, 200, 50)
    variants = [
        builtin_fingerprint(),
        builtin_fingerprint(seed=1),
        builtin_fingerprint(train_per_class=50),
        builtin_fingerprint(val_per_class=200),
        builtin_fingerprint(held_out=True),
    ]
    monkeypatch.setattr(builtin, "GENERATOR_VERSION", builtin.GENERATOR_VERSION + 1)
    variants.append(builtin_fingerprint())
    assert len(set(variants)) == len(variants)


@pytest.mark.parametrize("options", [{"seed": -1}, {"seed": 2**32}, {"train_per_class": 0}, {"val_per_class": -2}])
def test_impossible_requests_are_refused(options):
    with pytest.raises(UserError, match=f"{next(iter(options))} is .*expected"):
        load_builtin(**options)


def test_mirroring_keeps_the_class():
    """A mirrored picture is as likely as the picture itself, and of the same class.

    Shapes are even in x, textures in u (so a mirrored texture is the same one in the mirrored direction). Whatever the
    mirror reverses has a symmetric distribution: the position about the middle column, the tilt, the texture's
    direction and phase, the shadow's sideways offset, the light, the background and the clutter.
    """
    x, y = np.random.default_rng(0).uniform(-2, 2, (2, 1000))
    for function in (*shapes.SHAPES.values(), *shapes.TEXTURES.values()):
        assert np.allclose(function(x, y), function(-x, y), atol=1e-9), function.__name__


def test_area_does_not_give_the_shape_away():
    y, x = np.mgrid[-2:2:400j, -2:2:400j]
    for shape in shapes.SHAPES.values():
        assert 2.8 < (shape(x, y) < 0).mean() * 16 < 3.5, shape.__name__  # the ball: 3.14


def test_every_texture_shows_much_of_both_colors():
    v, u = np.mgrid[0:10:500j, 0:10:500j]
    for texture in shapes.TEXTURES.values():
        assert 0.35 < (texture(u, v) > 0).mean() < 0.65, texture.__name__


def softmax_regression(dataset, features, rate, epochs):
    """Top-1 accuracy on val of a linear classifier on `features(pictures)` (N, D), standardised: SGD with momentum."""
    x, x_val = features(dataset.train.shards[0]), features(dataset.val.shards[0])
    shift, scale = x.mean(axis=0), x.std() + 1e-6
    x, x_val = ((a - shift) / scale for a in (x, x_val))
    K, rng = len(dataset.class_ids), np.random.default_rng(0)
    weight, bias = np.zeros((x.shape[1], K), np.float32), np.zeros(K, np.float32)
    step_weight, step_bias = np.zeros_like(weight), np.zeros_like(bias)
    for _ in range(epochs):
        for rows in rng.permutation(len(x)).reshape(-1, 100):
            piece = x[rows]
            z = piece @ weight + bias
            p = np.exp(z - z.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            p[range(len(rows)), dataset.train.labels[rows]] -= 1
            step_weight = 0.9 * step_weight - rate / len(rows) * (piece.T @ p)
            step_bias = 0.9 * step_bias - rate * p.mean(axis=0)
            weight, bias = weight + step_weight, bias + step_bias
    return ((x_val @ weight + bias).argmax(axis=1) == dataset.val.labels).mean()


def raw_pixels(pictures):
    return pictures.reshape(len(pictures), -1).astype(np.float32)


def mean_color(pictures):
    return pictures.mean(axis=(1, 2)).astype(np.float32)


def color_histogram(pictures):
    """The number of each picture's pixels in each of 64 colours, four levels per channel."""
    levels = pictures >> 6
    colors = levels[..., 0] * 16 + levels[..., 1] * 4 + levels[..., 2]
    return np.stack([np.bincount(picture.ravel(), minlength=64) for picture in colors]).astype(np.float32)


@pytest.mark.parametrize(
    "features, rate, epochs, least, most",
    [
        (raw_pixels, 1e-4, 8, 0.12, 0.45),  # better than chance, 0.05, so there is something to learn from
        (mean_color, 0.03, 20, 0, 0.25),
        (color_histogram, 0.01, 20, 0, 0.25),
    ],
)
def test_it_takes_looking(whole, features, rate, epochs, least, most):
    accuracy = softmax_regression(whole, features, rate, epochs)
    print(f"{features.__name__}: {accuracy:.1%}")
    assert least <= accuracy < most
