"""Corruptions: values by hand, and what holds for all: severities in order, the same noise in any batch."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.checks import edited, refused
from tinyalex.data import corruptions
from tinyalex.data.corruptions import CORRUPTIONS, SEVERITIES, Corruption, find_corruption
from tinyalex.errors import UserError

RANDOM = ("gaussian-noise", "shot-noise", "impulse-noise", "speckle-noise", "motion-blur", "rotation")
ALL = pytest.mark.parametrize("name", CORRUPTIONS)


def textured(count=6, side=64, seed=3):
    """Pictures with large and small structures, as photographs have."""
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(count):
        coarse = Image.fromarray(rng.integers(40, 216, (6, 6, 3)).astype(np.uint8)).resize((side, side), 3)
        fine = rng.integers(-25, 26, (side, side, 1))
        pictures.append(np.clip(np.asarray(coarse, int) + fine, 0, 255).astype(np.uint8))
    return np.stack(pictures)


def flat(*rgb, side=32, count=1):
    return np.full((count, side, side, 3), rgb or 128, np.uint8)


def distances(corruption, pictures):
    """The mean distance from the original at each severity, in levels of 0..255."""
    return [
        float(np.sqrt(((corruption(pictures, s, 0).astype(float) - pictures) ** 2).mean(axis=(1, 2, 3))).mean())
        for s in SEVERITIES
    ]


# ---------------------------------------------------------------------------------------------- all of them


@ALL
@pytest.mark.parametrize("side", [32, 50, 64, 100])
def test_severities_are_in_order(name, side):
    found = distances(CORRUPTIONS[name], textured(side=side))
    assert found[0] > 1 and (np.diff(found) > 0).all(), found


@ALL
def test_noise_belongs_to_the_picture(name):
    corruption, pictures = CORRUPTIONS[name], textured()
    before = pictures.copy()
    together = corruption(pictures, 3, 7)
    np.testing.assert_array_equal(pictures, before)
    assert together.dtype == np.uint8 and together.shape == pictures.shape
    alone = np.concatenate([corruption(pictures[n : n + 1], 3, 7) for n in (4, 1)])
    np.testing.assert_array_equal(together[[4, 1]], alone)
    np.testing.assert_array_equal(together[::-1], corruption(pictures[::-1], 3, 7))  # a view that runs backwards
    again = [corruption(pictures, 3, np.random.default_rng(5)) for _ in range(2)]
    np.testing.assert_array_equal(*again)
    assert (again[0] != together).any() == (name in RANDOM)


@ALL
@pytest.mark.parametrize("side", [1, 2, 7, 65])
def test_any_side(name, side):
    for severity in (1, 5):
        assert CORRUPTIONS[name](textured(2, side), severity, 0).shape == (2, side, side, 3)
    assert CORRUPTIONS[name](np.empty((0, side, side, 3), np.uint8), 1, 0).shape == (0, side, side, 3)


@pytest.mark.parametrize("name", ["gaussian-blur", "defocus-blur", "motion-blur", "zoom-blur", "contrast", "rotation"])
def test_a_picture_of_one_colour_stays(name):
    np.testing.assert_array_equal(CORRUPTIONS[name](flat(10, 128, 250), 5, 0), flat(10, 128, 250))


def test_refusals():
    noise = CORRUPTIONS["gaussian-noise"]
    for severity in (0, 6, 2.5):
        refused(lambda: noise(flat(), severity, 0), "gaussian-noise", severity, "1 to 5")
    refused(lambda: noise(flat()[0], 1, 0), "(32, 32, 3)", "uint8 (N, S, S, 3)")
    refused(lambda: noise(flat().astype(float), 1, 0), "float64")
    refused(lambda: find_corruption("gausian-noise"), "gausian-noise", "gaussian-noise?", error=UserError)
    assert find_corruption("jpeg") is CORRUPTIONS["jpeg"]


# ---------------------------------------------------------------------------------------------- by hand


@pytest.mark.parametrize("severity", SEVERITIES)
def test_gaussian_noise(severity):
    noise = (CORRUPTIONS["gaussian-noise"](flat(side=64, count=4), severity, 1).astype(float) - 128) / 255
    expected = (0.04, 0.08, 0.12, 0.15, 0.18)[severity - 1]
    assert abs(noise.mean()) < 0.01 and abs(noise.std() / expected - 1) < 0.03


def test_shot_noise_grows_with_the_light():
    spread = [CORRUPTIONS["shot-noise"](flat(v, v, v, side=64), 2, 1).astype(float).std() / 255 for v in (0, 51, 128)]
    assert spread[0] == 0
    np.testing.assert_allclose(spread[1:], np.sqrt([0.2 / 100, 128 / 255 / 100]), rtol=0.05)


def test_speckle_noise_grows_with_the_value():
    spread = [CORRUPTIONS["speckle-noise"](flat(v, v, v, side=64), 1, 1).astype(float).std() for v in (0, 50, 100)]
    np.testing.assert_allclose(spread, [0, 7.5, 15], rtol=0.04)


def test_impulse_noise():
    found = CORRUPTIONS["impulse-noise"](flat(side=64, count=4), 5, 0)
    shares = [(found == value).mean() for value in (0, 255)]
    np.testing.assert_allclose(shares, 0.07, rtol=0.08)
    assert ((found == 128) | (found == 0) | (found == 255)).all()


def impulse(side):
    """White in the middle of black, as far as uint8 can show where its light goes."""
    picture = np.zeros((1, side, side, 3), np.uint8)
    picture[0, side // 2, side // 2] = 255
    return picture


def test_defocus_blur_is_a_disc():
    found = CORRUPTIONS["defocus-blur"](impulse(65), 5, 0)[0, ..., 0] / 255
    radius = 3 * 65 / 64
    middle = 1 / (np.pi * radius**2)
    np.testing.assert_allclose(found[32, 30:35], middle, atol=1 / 255)
    offsets = np.hypot(*np.indices((65, 65)) - 32)
    assert not found[offsets > radius + 1].any() and (found[offsets < radius - 1] > 0.9 * middle).all()


def check_spread(blur):
    """The second moment of a bright square grows by the kernel's: σ² = (1.5 · S/64)², or (1.5 · √½)² for 32 pixels."""
    for side, deviation in ((32, 1.5 * 0.5**0.5), (64, 1.5), (128, 3)):
        picture, edge = np.zeros((1, side, side, 3), np.uint8), side // 2 - 8
        picture[0, edge : edge + 16, edge : edge + 16] = 255

        def moment(image):
            shares = image[0, ..., 0].sum(axis=1) / image[0, ..., 0].sum()
            places = np.arange(side) - (side - 1) / 2
            assert abs((shares * places).sum()) < 0.02, "the picture has moved"
            return (shares * places**2).sum()

        grown = moment(blur(picture, 5, 0).astype(float)) - moment(picture.astype(float))
        assert abs(grown / deviation**2 - 1) < 0.03, grown


def test_gaussian_blur_grows_with_the_side():
    check_spread(CORRUPTIONS["gaussian-blur"])


@pytest.mark.parametrize(
    "function, edits",
    [
        ("_gaussian_blur", ("deviation *= _scale(len(x))", "deviation *= 1")),
        ("_scale", ("** 0.5", "")),
        ("_gaussian_blur", ("(2 * deviation**2)", "deviation**2")),
        ("_filtered", ("2 * reach : 2 * reach + side, 2 *", "reach : reach + side, 2 *")),
    ],
)
def test_gaussian_blur_teeth(function, edits, monkeypatch):
    monkeypatch.setattr(corruptions, function, edited(getattr(corruptions, function), *edits))
    with pytest.raises(AssertionError):
        check_spread(Corruption("wrong", "blur", corruptions._gaussian_blur, "", (0.5, 0.75, 1, 1.25, 1.5)))


@pytest.mark.parametrize("side, deviation", [(64, 3), (128, 6)])
def test_motion_blur_is_a_line(side, deviation):
    """The light of a point falls to the right, within 45°, and none of it is lost."""
    for seed in range(5):
        dot, middle = np.zeros((1, side, side, 3), np.uint8), side // 2
        dot[0, middle - side // 64 : middle + side // 64, middle - side // 64 : middle + side // 64] = 255
        found = CORRUPTIONS["motion-blur"](dot, 5, seed)[0, ..., 0].astype(float)
        assert abs(found.sum() / dot[..., 0].sum() - 1) < 0.05
        rows, columns = np.indices((side, side)) - (side - 1) / 2
        down, right = ((found * places).sum() / found.sum() for places in (rows, columns))
        assert abs(np.hypot(down, right) / (deviation * np.sqrt(2 / np.pi)) - 1) < 0.06 and right > abs(down)


def test_brightness_keeps_ratios():
    found = CORRUPTIONS["brightness"](flat(100, 50, 0), 1, 0)[0, 0, 0]
    np.testing.assert_array_equal(found, [126, 63, 0])  # 100 + 25.5, half of it
    np.testing.assert_array_equal(CORRUPTIONS["brightness"](flat(0, 0, 0), 1, 0)[0, 0, 0], 26)
    np.testing.assert_array_equal(CORRUPTIONS["brightness"](flat(200, 100, 50), 5, 0)[0, 0, 0], [255, 128, 64])


def test_contrast_by_hand():
    picture = np.array([[0, 100], [100, 200]], np.uint8)[None, :, :, None].repeat(3, axis=3)
    found = CORRUPTIONS["contrast"](picture, 3, 0)[0, ..., 0]
    np.testing.assert_array_equal(found, [[80, 100], [100, 120]])


def test_saturate_by_hand():
    for severity, expected in ((2, [200, 100, 120]), (3, [200, 50, 80]), (5, [200, 0, 40])):
        np.testing.assert_array_equal(CORRUPTIONS["saturate"](flat(200, 150, 160), severity, 0)[0, 0, 0], expected)
    np.testing.assert_array_equal(CORRUPTIONS["saturate"](flat(90, 90, 90), 5, 0)[0, 0, 0], 90)


def test_jpeg_is_pillow_s():
    picture, file = textured(1)[0], io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=50)
    np.testing.assert_array_equal(CORRUPTIONS["jpeg"](picture[None], 3, 0)[0], np.asarray(Image.open(file)))


def test_pixelate_by_hand():
    picture = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1).repeat(3, axis=3) * 8 + 128
    found = CORRUPTIONS["pixelate"](picture, 5, 0)[0, ..., 0]  # half the side: squares of four
    np.testing.assert_array_equal(found, np.kron([[148, 164], [212, 228]], np.ones((2, 2))))


def test_rotation_turns_both_ways():
    picture = np.zeros((1, 65, 65, 3), np.uint8)
    picture[0, 31:34, 8:57] = 255  # a bar from left to right
    angles = set()
    for seed in range(8):
        rows, columns = np.indices((65, 65)) - 32
        bright = CORRUPTIONS["rotation"](picture, 5, seed)[0, ..., 0].astype(float)
        inside = bright * (np.hypot(rows, columns) < 20)
        slope = (inside * rows * columns).sum() / (inside * columns**2).sum()
        angles.add(round(float(np.degrees(np.arctan(slope)))))
    assert angles == {30, -30}, angles


@pytest.mark.parametrize("severity", SEVERITIES)
def test_zoom_blur_flattens_a_slope(severity):
    """The picture enlarged by f has 1/f of its slope: here the mean of 1 and of 1/f for f = 1, 1.01, …"""
    slope = (40 + 2.0 * np.arange(65)).astype(np.uint8)
    picture = np.broadcast_to(slope[:, None, None], (1, 65, 65, 3)).copy()
    found = CORRUPTIONS["zoom-blur"](picture, severity, 0)[0, :, 30, 0].astype(float)
    factors = 1 + np.arange(5 * severity + 1) / 100
    expected = 2 * np.mean([1, *1 / factors])
    assert found[32] == 104 and abs((found[62] - found[2]) / 60 / expected - 1) < 0.01


# ---------------------------------------------------------------------------------------------- strengths


def test_strengths_are_those_published():
    """Tiny ImageNet-C's, from `make_tinyimagenet_c.py` of its authors."""
    published = {
        "gaussian-noise": (0.04, 0.08, 0.12, 0.15, 0.18),
        "shot-noise": (250, 100, 50, 30, 15),
        "impulse-noise": (0.01, 0.02, 0.05, 0.08, 0.14),
        "speckle-noise": (0.15, 0.2, 0.25, 0.3, 0.35),
        "gaussian-blur": (0.5, 0.75, 1, 1.25, 1.5),
        "motion-blur": (1, 1.5, 2, 2.5, 3),
        "zoom-blur": (1.05, 1.1, 1.15, 1.2, 1.25),
        "brightness": (0.1, 0.2, 0.3, 0.4, 0.5),
        "contrast": (0.4, 0.3, 0.2, 0.1, 0.05),
        "jpeg": (65, 58, 50, 40, 25),
        "pixelate": (0.9, 0.8, 0.7, 0.6, 0.5),
    }
    assert {name: CORRUPTIONS[name].strengths for name in published} == published


def test_generators_give_different_seeds():
    noise = CORRUPTIONS["gaussian-noise"]
    assert len({noise(flat(side=4), 5, np.random.default_rng(seed)).tobytes() for seed in range(40)}) == 40
