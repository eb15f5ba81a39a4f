"""Crops, mirror images, colour shifts, ten crops: against plain loops, and many draws against their distribution."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.checks import agree, edited, refused
from tinyalex.data.augment import Looks, View, _all_crops, color_shifts
from tinyalex.data.dataset import ColorStatistics
from tinyalex.standin import DeviceArray
from tinyalex.standin import xp as device

S, T = 8, 4  # so that a half of S − T is no third
PLACES = S - T + 1
VALUES = np.array([0.2, 0.05, 0.01], np.float32)
VECTORS = np.linalg.qr(np.random.default_rng(5).standard_normal((3, 3)))[0].astype(np.float32)  # columns


def view(view_class=View, mean=None, scale=0.5):
    mean = np.random.default_rng(1).uniform(0, 255, (S, S, 3)).astype(np.float32) if mean is None else mean
    return view_class(T, scale, mean, VALUES, VECTORS)


def pictures(count, seed=2):
    return np.random.default_rng(seed).integers(0, 256, (count, S, S, 3)).astype(np.uint8)


def cut(picture, mean, top, left, mirrored, scale=0.5):
    """One crop, one pixel at a time."""
    x = np.zeros((T, T, 3))
    for row, col in np.ndindex(T, T):
        source = left + (T - 1 - col if mirrored else col)
        for c in range(3):
            x[row, col, c] = (float(picture[top + row, source, c]) - float(mean[top + row, source, c])) * scale
    return x


def choices(view_class, count, seed):
    """What `random` chose, (count, 3) of top, left, mirrored: read off pictures whose pixels say where they are."""
    where = np.zeros((count, S, S, 3), np.uint8)
    where[..., 0], where[..., 1] = np.mgrid[:S, :S]
    plain = view(view_class, mean=np.zeros((S, S, 3), np.float32), scale=1.0)
    x = plain.random(where, np.random.default_rng(seed), color=False)
    mirrored = x[:, 0, 0, 1] > x[:, 0, -1, 1]
    left = np.where(mirrored, x[:, 0, -1, 1], x[:, 0, 0, 1])
    return np.stack([x[:, 0, 0, 0], left, mirrored], axis=1).astype(int)


def check_crops(view_class):
    """Each picture is the crop that it is said to be, less the mean of the same pixels, and scaled."""
    found, whole = view(view_class).random(pictures(40), np.random.default_rng(3), color=False), pictures(40)
    assert found.dtype == np.float32 and found.shape == (40, T, T, 3)
    for x, picture, (top, left, mirrored) in zip(found, whole, choices(view_class, 40, 3)):
        agree(x, cut(picture, view().mean, top, left, mirrored), "a crop", rtol=1e-5, atol=1e-4)


def check_distribution(view_class, draws=8000):
    """Every place and both mirror states equally often and independent of each other (chi², 49 degrees of freedom)."""
    drawn = choices(view_class, draws, 4)
    assert drawn[:, :2].min() == 0 and drawn[:, :2].max() == S - T, "some offset is never drawn"
    counts = np.zeros((PLACES, PLACES, 2))
    np.add.at(counts, tuple(drawn.T), 1)
    expected = draws / counts.size
    assert ((counts - expected) ** 2 / expected).sum() < 110, f"not uniform: {counts.astype(int).tolist()}"


def check_colors(view_class):
    """One shift for each picture, with covariance (0.1 · 255)² · P · Λ² · Pᵀ in units of pixels."""
    count, one = 6000, view(view_class)
    same = np.repeat(pictures(1), count, axis=0)
    plain = one.random(same, np.random.default_rng(6), color=False)
    shift = one.random(same, np.random.default_rng(6)) - plain
    assert np.ptp(shift, axis=(1, 2)).max() < 1e-3, "the shift differs within a picture"
    shift = shift[:, 0, 0].astype(float) / one.scale
    p = VECTORS.astype(float)
    expected = (0.1 * 255) ** 2 * p @ np.diag(VALUES.astype(float) ** 2) @ p.T
    along = p.T @ np.cov(shift.T) @ p / np.outer(25.5 * VALUES, 25.5 * VALUES)  # the identity, within sampling error
    agree(along, np.eye(3), "covariance along the components", rtol=0, atol=6 * np.sqrt(2 / count))
    agree(np.cov(shift.T), expected, "covariance", rtol=0, atol=6 * np.sqrt(2 / count) * expected.max())
    assert (np.abs(shift.mean(axis=0)) < 6 * np.sqrt(np.diag(expected) / count)).all(), "the shifts are not centred"


def check_ten(view_class):
    """Corners row by row, the centre, then the mirror images in the same order."""
    whole, one = pictures(3), view(view_class)
    places = [(0, 0), (0, S - T), (S - T, 0), (S - T, S - T), ((S - T) // 2, (S - T) // 2)]
    found = one.ten(whole)
    assert found.shape == (10, 3, T, T, 3) and found.dtype == np.float32
    for number, (mirrored, (top, left)) in enumerate((m, place) for m in (False, True) for place in places):
        for x, picture in zip(found[number], whole):
            agree(x, cut(picture, one.mean, top, left, mirrored), f"view {number}", rtol=1e-5, atol=1e-4)
    agree(one.centre(whole), found[4], "centre", exact=True)


CHECKS = [check_crops, check_distribution, check_colors, check_ten]


@pytest.mark.parametrize("check", CHECKS)
def test_view(check):
    check(View)


@pytest.mark.parametrize(
    "check, edits",
    [
        (check_distribution, ["rng.integers(0, places, (2, runs))", "rng.integers(0, places - 1, (2, runs))"]),  # A1
        (check_crops, ["x[:, :, ::-1]", "x[:, ::-1]"]),  # A2
        (check_crops, ["x[:, :, ::-1]", "x[::-1]"]),
        (
            check_crops,
            [
                ".astype(xp.float32)",
                "",
                "[0][tops, lefts]",
                "[0][tops, lefts].astype(xp.uint8)",
                "x *= self._scale(xp)",
                "x = x.astype(xp.float32) * self._scale(xp)",
            ],
        ),  # A3
        (check_colors, ["* COLOR_STD if", "[:1].repeat(N, 0) * COLOR_STD if"]),
        (check_colors, ["[:, None, None, :] * self._scale(xp)", "[:, None, None, :]"]),
        (check_colors, ["* COLOR_STD", "* COLOR_STD**0.5"]),
        (check_crops, ["[0][tops, lefts]", "[0][lefts, tops]"]),  # A5
        (check_crops, ["[0][tops, lefts]", "[0][1, 1]"]),
        (check_distribution, ["(2, runs))", "(2, 1)).repeat(runs, axis=1)"]),  # A6
        (
            check_distribution,
            ["rng.integers(0, places, (2, runs))", "rng.integers(0, places, (1, runs)).repeat(2, axis=0)"],
        ),
        (check_distribution, ["rng.random(runs) < 0.5", "np.repeat(rng.random(1) < 0.5, runs)"]),
        (check_distribution, ["rng.random(runs) < 0.5", "rng.random(runs) < 0.4"]),
        (check_ten, ["(0, last), (last, 0)", "(last, 0), (0, last)"]),
        (check_ten, ["(last // 2, last // 2)", "(0, last // 2)"]),
        (check_ten, ["for mirrored in (False, True)", "for mirrored in (True, False)"]),
    ],
)
def test_view_teeth(check, edits):
    with pytest.raises(AssertionError):
        check(edited(View, *edits))


@pytest.mark.parametrize(
    "old, new",
    [
        ("eigenvectors.T", "eigenvectors"),
        ("* eigenvalues)", "* eigenvalues**0.5)"),
        ("255.0 *", "1.0 *"),  # A4
    ],
)
def test_color_teeth(monkeypatch, old, new):
    monkeypatch.setattr("tinyalex.data.augment.color_shifts", edited(color_shifts, old, new))
    with pytest.raises(AssertionError):
        check_colors(View)


def test_what_does_not_fit_is_refused():
    one, whole = view(), pictures(5)
    looks = one.draw(5, np.random.default_rng(0))
    for name, value in {name: draws[:1] for name, draws in vars(looks).items()}.items():
        for wrong in (value, value[:0], value.repeat(6, 0)):
            refused(lambda: one.apply(whole, replace(looks, **{name: wrong})), "View", name, len(wrong), "expected 5")
    for name, wrong in (
        *(("tops", looks.tops - 9), ("lefts", looks.lefts + S)),
        *(("tops", looks.tops * 0 - 1), ("lefts", looks.lefts * 0 + S - T + 1)),
    ):
        refused(lambda: one.apply(whole, replace(looks, **{name: wrong})), "View", name, wrong.max(), f"0 to {S - T}")
    for see in (one.centre, one.ten, lambda pictures: one.apply(pictures, looks)):
        refused(lambda: see(whole[:, :-1]), "View", whole[:, :-1].shape, f"(N, {S}, {S}, 3)")
        refused(lambda: see(whole / np.float32(255)), "View", "float32", "uint8", error=TypeError)
        refused(lambda: see(whole.tolist()), "View", "list", "array", error=TypeError)
    for crop in (0, S + 1, 2.5, "4"):
        refused(lambda: replace(one, crop=crop), "View: crop", repr(crop), f"1 to {S}")
    for crop in (1, S):
        assert replace(one, crop=crop).centre(whole).shape == (5, crop, crop, 3)
    for run in (0, 1.5):
        refused(lambda: one.draw(5, np.random.default_rng(0), run=run), "View: run", run, "1 or more")


@pytest.mark.parametrize("crop, first", [(S, 0), (S - 1, 0), (S - 2, 1), (S - 3, 1), (S - 4, 2)])
def test_without_crops_all_are_central(crop, first):
    """As far up and left as down and right, or one pixel less."""
    looks = replace(view(), crop=crop).draw(3, np.random.default_rng(0), crops=False)
    assert looks.tops.tolist() == looks.lefts.tolist() == [first] * 3


def test_no_pictures():
    one, none = view(), pictures(5)[:0]
    for x in (one.random(none, np.random.default_rng(0)), one.centre(none), one.ten(none)[0]):
        assert x.shape == (0, T, T, 3) and x.dtype == np.float32


def test_a_shift_beyond_255_does_not_wrap():
    white = np.full((200, S, S, 3), 250, np.uint8)
    x = view(mean=np.zeros((S, S, 3), np.float32), scale=1.0).random(white, np.random.default_rng(0))
    assert x.max() > 255 and x.min() > 200


def test_every_crop_of_every_picture():
    """And none beyond: they are read from memory without a check."""
    whole = pictures(2)
    crops = _all_crops(whole, T)
    assert crops.shape == (2, PLACES, PLACES, T, T, 3) and np.shares_memory(crops, whole)
    for top, left in np.ndindex(PLACES, PLACES):
        assert (crops[:, top, left] == whole[:, top : top + T, left : left + T]).all()


def test_a_shift_is_added():
    one, looks, whole = view(), view().draw(5, np.random.default_rng(3)), pictures(5)
    plain = one.apply(whole, replace(looks, alphas=None))
    expected = [255 * sum(a * v * e for a, v, e in zip(alpha, VALUES, VECTORS.T)) * 0.5 for alpha in looks.alphas]
    agree(one.apply(whole, looks) - plain, plain * 0 + np.array(expected)[:, None, None], "shift", rtol=1e-3, atol=1e-4)


def test_inputs_as_pictures_again():
    one, whole = view(), pictures(40)
    looks = one.draw(40, np.random.default_rng(3), color=False)
    found = one.pictures(one.apply(whole, looks), looks)
    assert found.dtype == np.uint8 and found.min() == 0 and found.max() == 255
    for picture, original, *look in zip(found, whole, looks.tops, looks.lefts, looks.mirrored):
        agree(picture, np.rint(cut(original, one.mean * 0, *look, scale=1.0)), "a picture", exact=True)
    for shift, colour in ((-1e4, 0), (1e4, 255)):
        assert (one.pictures(one.apply(whole, looks) + shift, looks) == colour).all()


def test_the_draws_of_a_seed_stay():
    """A run that is resumed with a later version of this code must see the pictures that it would have seen."""
    looks = view().draw(5, np.random.default_rng(0), run=2)
    assert (
        looks.tops.tolist() == [4, 4, 3, 3, 2]
        and looks.lefts.tolist() == [1, 1, 1, 1, 0]
        and looks.mirrored.tolist() == [True, True, False, False, False]
    )
    agree(looks.alphas[0], [0.07698279, -0.0870227, 0.1099764], "alphas", rtol=1e-5)
    alone, plain = (view().draw(9, np.random.default_rng(0), **options) for options in ({"run": 1}, {}))
    for name, draws in vars(alone).items():
        assert (draws == getattr(plain, name)).all(), "pictures share a look, unasked"


def test_the_view_of_a_data_set_for_a_model():
    dataset = SimpleNamespace(mean=np.zeros((S, S, 3)), color_eigenvalues=VALUES, color_eigenvectors=VECTORS)
    assert View.of(dataset, SimpleNamespace(crop=T, pixel_scale=0.25, mean=None)) == View(
        T, 0.25, dataset.mean, VALUES, VECTORS
    )


def test_the_components_are_those_of_the_pixels():
    """Statistics and shifts together: shifting by the colours' own components spreads as the colours do."""
    statistics, mix = ColorStatistics(8), np.array([[40, 30, 20], [0, 12, -9], [3, 0, 5]])
    pixels = 128 + np.random.default_rng(0).standard_normal((500, 8, 8, 3)) @ mix
    statistics.add(np.clip(pixels, 0, 255).astype(np.uint8))
    values, vectors = statistics.principal_components()
    covariance = np.cov(np.clip(pixels, 0, 255).astype(np.uint8).reshape(-1, 3).T / 255.0)
    shifts = color_shifts(np.eye(3, dtype=np.float32), values, vectors) / 255  # alpha = 1 for one component each
    agree(shifts.T @ np.diag(1 / values) @ shifts, covariance, "covariance", rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("left_out", [("crops",), ("mirror",), ("color",), ("crops", "mirror", "color")])
def test_parts_can_be_left_out(left_out):
    options, one = dict.fromkeys(left_out, False), view(scale=1.0)
    x = one.random(pictures(60), np.random.default_rng(0), **options)
    if len(left_out) == 3:
        return agree(x, one.centre(pictures(60)), "centre crops", exact=True)
    same = one.random(np.repeat(pictures(1), 60, axis=0), np.random.default_rng(0), **options)
    distinct = len({x.round(2).tobytes() for x in same})
    assert distinct == 60 if "color" not in left_out else PLACES**2 < distinct <= 2 * PLACES**2


def check_runs(view_class):
    """Seven pictures in runs of three: crop and mirror image change with the run, the colour shift with the picture."""
    one, same = view(view_class, scale=1.0), np.repeat(pictures(1), 7, axis=0)
    seen = set()
    for seed in range(40):
        x = one.random(same, np.random.default_rng(seed), color=False, run=3)
        for first in (0, 3, 6):
            agree(
                x[first : first + 3],
                np.repeat(x[first : first + 1], len(x[first : first + 3]), axis=0),
                "a run",
                exact=True,
            )
        seen.add(len({picture.tobytes() for picture in x}))
    assert max(seen) == 3, "the runs are all cut alike"
    colors = one.random(same, np.random.default_rng(0), run=7)
    assert len({picture.tobytes() for picture in colors}) == 7, "a run shares its colour shift"


def test_runs_of_pictures_share_a_crop():
    check_runs(View)


@pytest.mark.parametrize(
    "old, new",
    [
        ("-(-N // run), np.arange(N) // run", "N, np.arange(N)"),
        ("[:, run_of]", "[:, :1].repeat(N, axis=1)"),
        ("np.arange(N) // run", "np.arange(N) % -(-N // run)"),
        ("* COLOR_STD if", "[:1].repeat(N, 0) * COLOR_STD if"),
    ],
)
def test_runs_teeth(old, new):
    with pytest.raises(AssertionError):
        check_runs(edited(View, old, new))


def check_looks(looks_class):
    """A batch cut into parts, each with its part of the looks, is the batch."""
    one, whole = view(), pictures(7)
    for color in (True, False):
        drawn = vars(one.draw(7, np.random.default_rng(4), color=color))
        looks = looks_class(**drawn)
        parts = [one.apply(whole[run], looks[run]) for run in (slice(0, 3), slice(3, 7))]
        expected = one.random(whole, np.random.default_rng(4), color=color)
        agree(np.concatenate(parts), expected, "in parts", rtol=1e-6, atol=1e-4)


def test_looks_can_be_divided():
    check_looks(Looks)


@pytest.mark.parametrize("what", ["tops", "lefts", "mirrored", "alphas"])
def test_looks_teeth(what):
    with pytest.raises((AssertionError, ValueError)):
        check_looks(edited(Looks, f"self.{what}[run]", f"self.{what}[: run.stop - run.start]"))


def test_random_depends_on_its_generator_alone():
    draws = [view().random(pictures(9), np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert (draws[0] == draws[1]).all() and (draws[0] != draws[2]).any()


def test_pictures_stay_as_they_are():
    whole = pictures(5)
    whole.flags.writeable = False  # a memory map is read-only too
    one = view()
    mean = one.mean.copy()
    for call in (
        lambda: one.random(whole, np.random.default_rng(0)),
        lambda: one.centre(whole),
        lambda: one.ten(whole),
    ):
        call()
    agree(one.mean, mean, "mean", exact=True)


def test_on_the_device():
    there, whole = view().to(device), pictures(5)
    for look in (lambda v, x: v.random(x, np.random.default_rng(3)), lambda v, x: v.centre(x), lambda v, x: v.ten(x)):
        found = look(there, device.asarray(whole))
        assert isinstance(found, DeviceArray) and found.dtype == np.float32
        agree(found, look(view(), whole), "on the device", rtol=1e-6, atol=1e-4)


@pytest.mark.gpu
@pytest.mark.parametrize("scale", [0.5, (0.5, 0.25, 0.75)], ids=str)
def test_on_a_gpu(gpu, scale):
    here, there, whole = view(scale=scale), view(scale=scale).to(gpu), pictures(5)
    for look in (lambda v, x: v.random(x, np.random.default_rng(3)), lambda v, x: v.centre(x), lambda v, x: v.ten(x)):
        agree(look(there, gpu.asarray(whole)), look(here, whole), "on the GPU", rtol=1e-5, atol=1e-3)
