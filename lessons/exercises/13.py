"""Lesson 13, crops, mirror images and colours: its exercises and the known mistakes."""

import math

import numpy as np

from tinyalex.data.dataset import ColorStatistics
from tinyalex.layers import softmax
from tinyalex.teaching import draws
from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong, WrongKind, kind_of

STD = 0.1  # paper §4.1

# ---------------------------------------------------------------------------------------------- drawing places

DRAWS, SIZE, CROP = 4000, (11, 14), 8
PLACES = {"tops": 4, "lefts": 7, "mirrored": 2}  # how many values each may have
LEVEL = draws.LEVEL / 40  # an exercise has fewer than 40 tests of draws


def draw(N, H, W, crop, rng):
    tops, lefts = rng.integers(0, H - crop + 1, N), rng.integers(0, W - crop + 1, N)
    return tops, lefts, rng.random(N) < 0.5


def _drawn(function, rng=None, N=DRAWS, size=SIZE, crop=CROP):
    """{"tops": …, "lefts": …, "mirrored": …} of N pictures; `WrongKind` if their form is wrong."""
    result = function(N, *size, crop, np.random.default_rng(5) if rng is None else rng)
    if not isinstance(result, (tuple, list)) or len(result) != 3:
        raise WrongKind(f"returns {kind_of(result)}, expected three arrays: tops, lefts, mirrored")
    parts = dict(zip(PLACES, result))
    for name, part in parts.items():
        if not isinstance(part, np.ndarray):
            raise WrongKind(f"{name} is {kind_of(part)}, expected an array")
        if part.shape != (N,):
            raise WrongKind(f"{name}.shape is {part.shape} for N = {N}, expected ({N},)")
    return parts


def _places(function):
    """tops and lefts with the side that each runs along: (name, array, side)."""
    parts = _drawn(function)
    return [("tops", parts["tops"], SIZE[0]), ("lefts", parts["lefts"], SIZE[1])]


def _own_draws(function):
    for name, part in _drawn(function).items():
        if (part == part[0]).all():
            return f"For {DRAWS:,} pictures, {name} {'is' if name == 'mirrored' else 'are'} always {part[0]}."
    return True


def _kinds(function):
    for name, part in _drawn(function).items():
        if part.dtype.kind not in ("b" if name == "mirrored" else "iu"):
            return f"{name}.dtype is {part.dtype}."
    return True


def _not_swapped(function):
    (_, tops, H), (_, lefts, _) = _places(function)
    return not (tops.max() > H - CROP and lefts.max() <= H - CROP)


def _both_ends(function):
    for name, part, side in _places(function):
        if part.max() == side - CROP - 1:
            return f"With a side of {side} and a crop of {CROP}, {name} never reach {side - CROP} in {DRAWS:,} draws."
    return True


def _inside(function):
    for name, part, side in _places(function):
        if part.min() != 0 or part.max() != side - CROP:
            ends = f"{part.min()} to {part.max()}, expected 0 to {side - CROP}"
            return f"With a side of {side} and a crop of {CROP}, {name} run from {ends}."
    return True


def _other_sizes(function):
    """A tall picture, one no wider than the crop, and one picture alone."""
    for N, H, W, crop in (400, 9, 6, 5), (400, 6, 9, 6), (1, 5, 5, 5):
        parts = _drawn(function, np.random.default_rng(7), N, (H, W), crop)
        for name, side in ("tops", H), ("lefts", W):
            ends = parts[name].min(), parts[name].max()
            if ends != (0, side - crop):
                where = f"In {N} picture{'s' if N > 1 else ''} of {H} × {W}, with a crop of {crop},"
                return f"{where} {name} run from {ends[0]} to {ends[1]}, expected 0 to {side - crop}."
    return True


def _many_of_many(function):
    """20,000 pictures with 203 places down: evenly drawn, and none repeated after thousands."""
    parts = _drawn(function, np.random.default_rng(8), 20_000, (210, 9))
    if said := draws.equally_often(parts["tops"], 203, LEVEL):
        return f"tops: {said}"
    if said := draws.independent(parts["mirrored"], 0.5, ("picture",), LEVEL):
        return f"mirrored: {said}"
    rng = np.random.default_rng(9)
    alone = [_drawn(function, rng, 1)["mirrored"][0] for _ in range(200)]
    said = draws.share(alone, 0.5, LEVEL)
    return f"In batches of one picture, mirrored: {said}" if said else True


def _not_shared(function):
    """Pictures any number apart are equal no more often than others."""
    for name, part in _drawn(function).items():
        one_hot = part[:, None] == np.unique(part)
        usual = float((one_hot.mean(axis=0) ** 2).sum())
        spectrum = np.abs(np.fft.rfft(one_hot, 2 * DRAWS, axis=0)) ** 2
        apart = np.arange(1, DRAWS // 2)
        equal = np.fft.irfft(spectrum.sum(axis=1))[apart] / (DRAWS - apart)
        if equal.max() - usual > 0.25 * (1 - usual):
            place = int(np.argmax(equal > equal.max() - 0.02))  # the nearest of the clearest
            which = f"the one {apart[place]} before" if place else "the one before"
            return f"{name}: {equal[place]:.0%} of the pictures have the value of {which}, expected about {usual:.0%}."
    return True


def _even(function):
    for name, part, side in _places(function):
        if said := draws.equally_often(part, side - CROP + 1, LEVEL):
            return f"{name}: {said}"
    return True


def _half(function):
    mirrored = _drawn(function)["mirrored"]
    return not draws.share(mirrored, 0.5, LEVEL) or f"You mirror {mirrored.mean():.1%} of {DRAWS:,} pictures."


def _independent(function):
    parts = _drawn(function)
    low = {name: (part < n // 2, (n // 2) / n) for (name, part), n in zip(parts.items(), PLACES.values())}
    for name, (true, chance) in low.items():
        if said := draws.independent(true, chance, ("picture",), LEVEL):
            return f"{name}: {said}"
    for one, other in ("tops", "lefts"), ("tops", "mirrored"), ("lefts", "mirrored"):
        for apart in range(-3, 4):
            a, b = low[one][0], low[other][0]
            a, b = (a[apart:], b[: len(b) - apart]) if apart >= 0 else (a[:apart], b[-apart:])
            if draws.unrelated(a, low[one][1], b, low[other][1], LEVEL):
                whose = "go together" if not apart else f"of pictures {abs(apart)} apart go together"
                return f"{one} and {other} {whose}."
    both = (parts["tops"] * PLACES["lefts"] + parts["lefts"]) * 2 + parts["mirrored"]
    if draws.equally_often(both, math.prod(PLACES.values()), LEVEL):
        counts = np.bincount(both, minlength=math.prod(PLACES.values()))
        place, mirrored = divmod(int(np.abs(counts - counts.mean()).argmax()), 2)
        where = f"top {place // PLACES['lefts']}, left {place % PLACES['lefts']}, mirrored {bool(mirrored)}"
        found = counts[2 * place + mirrored]
        return f"{where} comes {found} times in {DRAWS:,} draws, expected about {counts.mean():.0f}."
    return True


def _free(function):
    """Batches differ in how often they have a value; without putting back, or with half of each, they do not."""
    N, rng = 28, np.random.default_rng(6)
    batches = [_drawn(function, rng, N) for _ in range(60)]
    for name, n in PLACES.items():
        counts = [np.count_nonzero(batch[name] == 0) for batch in batches]
        if draws.counts_vary(counts, N, 1 / n, LEVEL):
            value = "False" if name == "mirrored" else "0"
            usual = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
            return f"In {len(batches)} batches of {N}, {name} had {value} {usual} times each: fewer or more never come."
    return True


def _from_rng(function):
    for name in PLACES:
        if said := draws.generator(lambda rng, name=name: _drawn(function, rng, 64)[name]):
            return f"{name}: {said}"
    return True


# ---------------------------------------------------------------------------------------------- cutting


def cut(pictures, mean, tops, lefts, mirrored, crop):
    return np.stack([_one(p, mean, t, l, m, crop) for p, t, l, m in zip(pictures, tops, lefts, mirrored)])


def _one(picture, mean, top, left, mirror, crop):
    window = slice(top, top + crop), slice(left, left + crop)
    x = picture[window].astype(mean.dtype) - mean[window]
    return x[:, ::-1] if mirror else x


def _cut_probe(seed=0, mirrored=(False, True, True), tops=(0, 3, 1), lefts=(3, 0, 2)):
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (len(tops), 7, 8, 3), dtype=np.uint8)
    mean = rng.uniform(60, 200, (7, 8, 3))
    return pictures, mean, np.array(tops), np.array(lefts), np.array(mirrored), 4


def _cut_second_probe():
    return _cut_probe(1, (True, False), (2, 1), (0, 3))


def _last_place(function):
    """The lower right corner, of two pictures and of one."""
    for mirrored in (False, True), (True,):
        N = len(mirrored)
        arguments = _cut_probe(2, mirrored, (3,) * N, (4,) * N)
        found, expected = function(*arguments), cut(*arguments)
        if np.shape(found) != expected.shape:
            return f"With N = {N} its shape is {np.shape(found)}, expected {expected.shape}."
        if not np.allclose(found, expected):
            return "In a picture of 7 × 8, top 3 and left 4 begin the last crop of 4."
    return True


def _as_high_as_the_crop():
    pictures, mean, *_ = _cut_probe(3)
    return pictures, mean, np.array([0, 0, 0]), np.array([0, 1, 1]), np.array([True, False, True]), 7


def _larger_crops():
    rng = np.random.default_rng(4)
    pictures = rng.integers(0, 256, (3, 12, 11, 3), dtype=np.uint8)
    return pictures, rng.uniform(60, 200, (12, 11, 3)), np.array([3, 0, 2]), np.array([1, 2, 0]), np.arange(3) > 0, 9


def _each(one):
    """A `cut` from a function of one picture: (picture, top, left, mirror, mean, crop)."""
    return lambda pictures, mean, tops, lefts, mirrored, crop: np.stack(
        [one(*arguments, mean, crop) for arguments in zip(pictures, tops, lefts, mirrored)]
    )


def _wrapped(picture, top, left, mirror, mean, crop):
    x = (picture - mean.astype(np.uint8))[top : top + crop, left : left + crop]
    return (x[:, ::-1] if mirror else x).astype(mean.dtype)


def _mean_of_the_centre(picture, top, left, mirror, mean, crop):
    H, W = ((side - crop) // 2 for side in mean.shape[:2])
    x = picture[top : top + crop, left : left + crop].astype(mean.dtype)
    return (x[:, ::-1] if mirror else x) - mean[H : H + crop, W : W + crop]


def _mean_of_the_corner(picture, top, left, mirror, mean, crop):
    x = picture[top : top + crop, left : left + crop].astype(mean.dtype)
    return (x[:, ::-1] if mirror else x) - mean[:crop, :crop]


def _mean_not_mirrored(picture, top, left, mirror, mean, crop):
    window = slice(top, top + crop), slice(left, left + crop)
    x = picture[window].astype(mean.dtype)
    return (x[:, ::-1] if mirror else x) - mean[window]


def _mirrored_before_cutting(picture, top, left, mirror, mean, crop):
    x = picture.astype(mean.dtype) - mean
    return (x[:, ::-1] if mirror else x)[top : top + crop, left : left + crop]


def _turned(axes):
    def one(picture, top, left, mirror, mean, crop):
        x = _one(picture, mean, top, left, False, crop)
        return x[axes] if mirror else x

    return _each(one)


REVERSED = slice(None, None, -1)
CUT_WRONG = (
    Wrong(
        "A6",
        lambda p, m, t, l, f, c: cut(p, m, [t[0]] * len(p), [l[0]] * len(p), [f[0]] * len(p), c),
        "You cut every picture at the first one's place: tops, lefts and mirrored have one entry per picture.",
    ),
    Wrong(
        "A6",
        lambda p, m, t, l, f, c: cut(p, m, [t[0]] * len(p), [l[0]] * len(p), f, c),
        "You cut every picture at the first one's place: tops and lefts have one entry per picture.",
    ),
    Wrong(
        "A2",
        _turned((REVERSED,)),
        "You reverse the rows: the ball now lies on the ceiling. "
        "A mirror image reverses the columns, axis 1 of a picture.",
    ),
    Wrong(
        "A2",
        _turned((REVERSED, REVERSED)),
        "You reverse rows and columns, which turns the picture by 180°. A mirror image reverses only the columns.",
    ),
    Wrong(
        "A2",
        _turned((slice(None), slice(None), REVERSED)),
        "You reverse the channels: red and blue change places. "
        "A mirror image reverses the columns, axis 1 of a picture.",
    ),
    Wrong(
        "A2",
        lambda p, m, t, l, f, c: cut(p, m, t, l, f, c)[::-1],
        "You reverse the batch: picture 0 is where the last should be. Reverse the columns of each picture instead.",
    ),
    Wrong("A2", lambda p, m, t, l, f, c: cut(p, m, t, l, np.zeros(len(p), bool), c), "No picture was mirrored."),
    Wrong(
        "A2",
        lambda p, m, t, l, f, c: cut(p, m, t, l, np.ones(len(p), bool), c),
        "Every picture was mirrored: look at mirrored[i] first.",
    ),
    Wrong(
        "A2",
        lambda p, m, t, l, f, c: cut(p, m, t, l, ~f, c),
        "You mirror the pictures where mirrored is False, and not the others.",
    ),
    Wrong(
        "A7",
        lambda p, m, t, l, f, c: cut(p, m, l, t, f, c),
        "Rows and columns are swapped: tops belong to axis 0 of a picture, lefts to axis 1.",
    ),
    Wrong(
        "A3",
        _each(_wrapped),
        "Pixels wrapped round: in uint8, 3 − 5 is 254. Convert the picture to float before you subtract the mean.",
    ),
    Wrong(
        "A5",
        _each(_mean_of_the_centre),
        "You cut the mean at its centre but the picture elsewhere. Subtract from each pixel the mean at its own place.",
    ),
    Wrong(
        "A5",
        _each(_mean_of_the_corner),
        "You cut the mean at its corner but the picture elsewhere. Subtract from each pixel the mean at its own place.",
    ),
    Wrong(
        "A5",
        _each(_mean_not_mirrored),
        "You subtract an unmirrored mean from mirrored pictures. Subtract first and then mirror, or mirror both.",
    ),
    Wrong(
        "A5",
        lambda p, m, t, l, f, c: cut(p, np.broadcast_to(m.mean(axis=(0, 1)), m.shape), t, l, f, c),
        "You subtract one mean colour. The paper's mean is a picture, with a value for every place (§2).",
    ),
    Wrong("A5", lambda p, m, t, l, f, c: cut(p, np.zeros_like(m), t, l, f, c), "The mean was not subtracted."),
    Wrong(
        "A8",
        _each(_mirrored_before_cutting),
        "You mirror the whole picture before you cut, so the crop comes from the wrong place. Cut first, then mirror.",
    ),
)


def _cut_by_hand(arguments, output, index):
    pictures, mean, tops, lefts, mirrored, crop = arguments
    n, row, column, c = index
    h, w = tops[n] + row, lefts[n] + (crop - 1 - column if mirrored[n] else column)
    pixel, average = pictures[n, h, w, c], mean[h, w, c]
    return (
        f"By hand: picture {n} is cut at top {tops[n]}, left {lefts[n]}{', and mirrored' if mirrored[n] else ''}, "
        f"so this is its pixel at row {h}, column {w}: {pixel} − {average:.6g} = {pixel - average:.6g}."
    )


# ---------------------------------------------------------------------------------------------- the axes of colour


def axes_of_colour(pictures):
    """By the package's exact sums, which are given every pixel as a picture of its own."""
    if pictures.shape[3] != 3:
        raise ValueError
    statistics = ColorStatistics(1)
    statistics.add(pictures.reshape(-1, 1, 1, 3))
    mean = statistics.picture_sum.sum(axis=(0, 1)) / statistics.count
    return _eigen((statistics.product_sum / statistics.count - np.outer(mean, mean)) / 255.0**2)  # in float64


def _eigen(covariance):
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1], vectors[:, ::-1]
    return values, vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), range(3)])


def _colours(seed=0, N=3):
    """uint8 pictures whose colours form a slanted cloud, with no axis along a channel."""
    rng = np.random.default_rng(seed)
    mix = np.array([[40.0, 14, 5], [34, -3, -11], [27, -19, 8]]) + rng.uniform(-2, 2, (3, 3))
    cloud = rng.standard_normal((N, 5, 7, 3)) @ mix.T + [120, 105, 90] + rng.uniform(-15, 15, (N, 1, 1, 3))
    return cloud.clip(0, 255).astype(np.uint8)


def _colour_probe():
    """Other rules for the signs, and the order in which `eig` returns them, differ from ours here."""
    return (_colours(10),)


def _second_colour_probe():
    return (_colours(1, 2),)


def _pixels(pictures):
    return pictures.reshape(-1, 3) / 255.0


def _with(centre=True, scale=1.0, ddof=0):
    """A wrong version: no centring, another scale, or another divisor."""

    def wrong(pictures):
        p = _pixels(pictures) * scale
        p = p - p.mean(axis=0) if centre else p
        return _eigen(p.T @ p / (len(p) - ddof))

    return wrong


def _by_mean_picture(pictures):
    p = pictures / 255.0
    p = (p - p.mean(axis=0)).reshape(-1, 3)
    return _eigen(p.T @ p / len(p))


def _by_own_mean(pictures):
    p = pictures / 255.0
    p = (p - p.mean(axis=(1, 2), keepdims=True)).reshape(-1, 3)
    return _eigen(p.T @ p / len(p))


def _summed(pictures):
    values, vectors = axes_of_colour(pictures)
    return values * len(_pixels(pictures)), vectors


def _then(change):
    return lambda pictures: change(*axes_of_colour(pictures))


def _points_up(function):
    """Fails if the vectors are right except for their signs, which no single entry shows."""
    others = False
    for probe in _colour_probe, _second_colour_probe:
        (pictures,) = probe()
        found, right = np.asarray(function(pictures.copy())[1]), axes_of_colour(pictures)[1]
        if found.shape != (3, 3) or not np.allclose(found, right * np.sign((found * right).sum(axis=0)), rtol=1e-6):
            return True  # told elsewhere
        others = others or not np.allclose(found, right, rtol=1e-6)
    return not others


def _in_the_order_of_eig(pictures):
    p = _pixels(pictures)
    values, vectors = np.linalg.eig(np.cov(p.T, bias=True))
    return values, vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), range(3)])


def _axes_of_bytes(pictures):
    p = pictures.reshape(-1, 3)
    mean = p.mean(axis=0) / 255
    return _eigen((p.T @ p) / len(p) / 255.0**2 - np.outer(mean, mean))


AXES_WRONG = (
    Wrong(
        "A4",
        _then(lambda values, vectors: (values, vectors.T)),
        "Your eigenvectors are rows. `eigh` returns them in columns: vectors[:, i] belongs to values[i].",
    ),
    Wrong(
        "A4",
        _then(lambda values, vectors: (values**0.5, vectors)),
        "You return square roots, the standard deviations. λ is the eigenvalue, the variance along its axis.",
    ),
    Wrong(
        "A9",
        _then(lambda values, vectors: (values[::-1], vectors[:, ::-1])),
        "The order is reversed: `eigh` sorts upwards, but here the largest comes first.",
    ),
    Wrong(
        "A9",
        _then(lambda values, vectors: (values[::-1], vectors)),
        "You sorted the vectors but not the values: each value must stay with its vector.",
    ),
    Wrong(
        "A9",
        _then(lambda values, vectors: (values, vectors[:, ::-1])),
        "You sorted the values but not the vectors: reverse the columns of vectors too.",
    ),
    Wrong(
        "A9",
        _then(lambda values, vectors: (values, vectors[::-1])),
        "You reversed the rows of vectors. Each vector is a column, so reverse the columns: vectors[:, ::-1].",
    ),
    Wrong("A9", _in_the_order_of_eig, "np.linalg.eig sorts nothing: put the largest value first, with its vector."),
    Wrong(
        "A13",
        _then(lambda values, vectors: (values, np.abs(vectors))),
        "You make every entry of the vectors positive. To turn an axis round, change the sign of the whole vector.",
    ),
    Wrong(
        "A10",
        lambda pictures: _eigen(np.corrcoef(_pixels(pictures).T)),
        "You take the axes of the correlation, in which all channels vary alike. Take the covariance.",
    ),
    Wrong(
        "A10",
        _with(centre=False),
        "You did not subtract the mean colour, so the first axis points from black to it. "
        "Covariance is about the mean.",
    ),
    Wrong(
        "A10",
        _by_mean_picture,
        "You subtract the mean picture, place by place. Here all pixels are one cloud, with one mean colour.",
    ),
    Wrong(
        "A10",
        _by_own_mean,
        "You subtract each picture's own mean colour, which removes the differences between pictures. "
        "All pixels are one cloud.",
    ),
    Wrong(
        "A10",
        _with(ddof=1),
        "You divide by the number of pixels − 1, as `np.cov` does by default. "
        "Divide by the number itself: np.cov(…, bias=True).",
    ),
    Wrong("A11", _with(scale=255.0), "The values are 255² times too large: scale the pixels to 0..1 first."),
    Wrong("A11", _summed, "The values grow with the number of pixels: divide the sum of products by it."),
    Wrong("A3", _axes_of_bytes, "Pixels wrapped round: products of uint8 are modulo 256. Convert them to float first."),
)


# ---------------------------------------------------------------------------------------------- colour noise

VALUES = np.array([0.19, 0.031, 0.0072])
VECTORS = _eigen(np.diag([0.5, 0.2, 0.1]) + 0.13)[1]
MANY = 3000


def colour_noise(x, eigenvalues, eigenvectors, rng):
    alphas = rng.normal(0, STD, (len(x), 3))
    shifts = 255 * (alphas * eigenvalues) @ eigenvectors.T
    return x + shifts[:, None, None, :].astype(x.dtype)


def _noise(function, N=MANY, H=1, W=2, values=VALUES, rng=None):
    """The noise that the function added: (N, H, W, 3)."""
    x = np.random.default_rng(3).uniform(-120, 120, (N, H, W, 3))
    before = x.copy()
    y = function(x, values.copy(), VECTORS.copy(), np.random.default_rng(4) if rng is None else rng)
    if y is None:
        raise WrongKind("it returns nothing, expected an array of the shape of x")
    if not isinstance(y, np.ndarray):
        raise WrongKind(f"y is {kind_of(y)}, expected an array")
    if y.shape != x.shape:
        raise WrongKind(f"y.shape is {y.shape}, expected {x.shape}, as x")
    return y - before


def _alphas(function, *how, **more):
    """The alphas that made the noise: (N, 3)."""
    return _noise(function, *how, **more)[:, 0, 0] @ VECTORS / (255 * VALUES)


def _left_alone(function):
    x = np.random.default_rng(3).uniform(-120, 120, (2, 3, 4, 3))
    before = x.copy()
    function(x, VALUES.copy(), VECTORS.copy(), np.random.default_rng(4))
    return np.array_equal(x, before)


def _something(function):
    return np.abs(_noise(function, 5)).max() > 0


def _whole_x(function):
    """y is x plus something: neither cut nor rounded, nor without x."""
    x = np.random.default_rng(3).uniform(-120, 120, (4, 3, 5, 3))
    y = np.asarray(function(x.copy(), VALUES.copy(), VECTORS.copy(), np.random.default_rng(4)))
    if y.shape != x.shape:
        return True  # told elsewhere
    if np.ptp(y, axis=(1, 2)).max() < 1e-9:
        return "In each picture, y is the same at all pixels: add the shift to x."
    if y.min() >= 0:
        return f"y is never below 0, though x begins at {x.min():.0f}: x may be centred already, so do not cut it off."
    if np.array_equal(y, np.round(y)):
        return "y holds whole numbers only: do not round it."
    if 1e-9 < np.ptp(y - x, axis=(1, 2)).max() < 1e-3:
        return "y has only about six digits right: keep x's dtype, float64 here."
    return True


def _one_colour(function):
    noise = _noise(function, 4, 3, 5)
    return np.ptp(noise, axis=(1, 2)).max() < 1e-9


def _own_for_each(function):
    noise = _noise(function, 5)[:, 0, 0]
    return len(np.unique(noise.round(9), axis=0)) == 5


def _noise_from_rng(function):
    return draws.generator(lambda rng: _noise(function, 20, rng=rng)) or True


def _mean_is_zero(function):
    alphas = _alphas(function)
    return bool((np.abs(alphas.mean(axis=0)) < 6 * alphas.std(axis=0) / MANY**0.5).all())


def _three_alphas(function):
    """Fails if all shifts lie on one line, or in one plane."""
    noise = _noise(function, 200)[:, 0, 0]
    sizes = np.linalg.eigvalsh(noise.T @ noise / len(noise))
    if sizes[1] < 1e-6 * sizes[2]:
        return "All shifts lie on one line."
    return "All shifts lie in one plane." if sizes[0] < 1e-9 * sizes[2] else True


def _in_proportion(power, words):
    """Fails if the shifts grow with this power of the eigenvalues."""

    def holds(function):
        once, more = (np.abs(_noise(function, 20, values=size * VALUES)).max() for size in (1.0, 4.0))
        return abs(more / once - 4.0**power) > 1e-6 * 4.0**power or f"With 4 times the eigenvalues {words}."

    return holds


def _grows_alike(function):
    once, more = (np.abs(_noise(function, 20, values=size * VALUES)).max() for size in (1.0, 4.0))
    return abs(more / once - 4) < 1e-6 or f"With 4 times the eigenvalues, yours are {more / once:.4g} times as large."


def _directions(function):
    """For each axis, the unit vector of the shifts if only its eigenvalue is above 0; None if they have several."""
    for i in range(3):
        noise = _noise(function, 20, values=np.where(np.arange(3) == i, VALUES, 0.0))[:, 0, 0]
        _, sizes, rows = np.linalg.svd(noise)
        yield i, rows[0] if sizes[1] < 1e-6 * sizes[0] else None


def _not_along(names, directions):
    """Fails if the shifts of an axis lie along another direction, (index of the axis, index) -> unit vector."""

    def holds(function):
        for i, found in _directions(function):
            for j in range(3):
                right = abs(VECTORS[:, i] @ directions[j]) > 0.999999
                if found is not None and not right and abs(found @ directions[j]) > 0.999999:
                    return f"With eigenvalue {i} alone, all shifts lie along {names[j]}, not along column {i}."
        return True

    return holds


def _along_its_axis(function):
    for i, found in _directions(function):
        if found is None or abs(found @ VECTORS[:, i]) < 0.999999:
            where = "not on one line" if found is None else f"along {np.round(found, 3).tolist()}"
            return (
                f"With eigenvalue {i} alone, the shifts lie {where}, expected along {VECTORS[:, i].round(3).tolist()}."
            )
    return True


def _not_times(factor):
    """Fails if all shifts are this many times too large."""

    def holds(function):
        return bool((np.abs(_alphas(function).std(axis=0) / (factor * STD) - 1) > 0.1).any())

    return holds


def _new_array(function):
    x, rng = np.random.default_rng(3).uniform(-120, 120, (2, 3, 4, 3)), np.random.default_rng(4)
    return not np.shares_memory(*(function(x.copy(), VALUES, VECTORS, rng) for _ in range(2)))


def _very_many_alphas(function):
    alphas = _alphas(function, N=105_000, W=1)  # one in 16,000 lies beyond four standard deviations
    said = draws.normal(alphas, STD, level=LEVEL)
    return not said or said


def _normal_alphas(function):
    alphas = _alphas(function)
    for i, alpha in enumerate(alphas.T):
        if said := draws.normal(alpha, STD, level=LEVEL):
            return f"Alpha {i}, from the shifts along axis {i}: {said}"
    said = draws.normal(alphas, STD, level=LEVEL)
    return not said or f"All alphas: {said}"


def _no_repeats(function):
    """The pictures' shifts of red are independent, whatever the axes."""
    red = _noise(function)[:, 0, 0, 0]
    said = draws.independent(red < np.median(red), 0.5, ("picture",), LEVEL)
    return not said or said


def _independent_alphas(function):
    said = draws.independent_numbers(_alphas(function) / STD, draws.normal_rank, ("picture", "axis"), LEVEL)
    return not said or said


# ---------------------------------------------------------------------------------------------- ten crops


def _windows(pictures, crop):
    H, W = pictures.shape[1] - crop, pictures.shape[2] - crop
    places = (0, 0), (0, W), (H, 0), (H, W), (H // 2, W // 2)
    return [pictures[:, top : top + crop, left : left + crop] for top, left in places]


def ten_crops(pictures, crop, score):
    views = _windows(pictures, crop)
    views += [view[:, :, ::-1] for view in views]
    return sum(softmax(score(view)) for view in views) / len(views)


def _score(weight, bias, tilt=0.0):
    """tilt: adds as much of each crop's sum to all classes, which changes no probability"""

    def score(x):
        """Logits (N, K) of crops (N, T, T, 3)."""
        if x.ndim != 4 or x.shape[1:] != (4, 4, 3):
            raise WrongKind(f"score: x.shape is {x.shape}, expected (N, 4, 4, 3)")
        flat = x.reshape(len(x), -1)
        return flat @ weight.astype(x.dtype) + bias.astype(x.dtype) + x.dtype.type(tilt) * flat.sum(axis=1)[:, None]

    return score


def _ten_probe(seed=0, N=3, size=(7, 9), far=0.0, tilt=0.0):
    rng = np.random.default_rng(seed)
    score = _score(rng.normal(0, 0.35, (48, 5)), rng.normal(0, 1, 5) + far, tilt)
    return rng.normal(0, 1, (N, *size, 3)), 4, score


def _far_probe():
    return _ten_probe(2, 2, (10, 7), 900.0)


def _apart_probe():
    return _ten_probe(4, 3, (6, 7), tilt=300.0)


def _tight(function):
    """One picture alone, and crops as high or as wide as the picture."""
    for size in (7, 6), (4, 7), (6, 4), (4, 4):
        arguments = _ten_probe(3, 1 if size == (7, 6) else 2, size)
        found, expected = function(*arguments), ten_crops(*arguments)
        what = f"For {len(expected)} × {size[0]} × {size[1]} pixels and crop 4"
        if np.shape(found) != expected.shape:
            return f"{what} your shape is {np.shape(found)}, expected {expected.shape}."
        if not np.allclose(found, expected):
            return f"{what} your p differs."
    return True


def _ten_second_probe():
    return _ten_probe(1, 2, (8, 5))


def _by(views_of, join=lambda outputs: _softmax(outputs, -1).mean(axis=0)):
    """A wrong version: the outputs (views, N, K) of these views, put together by `join`."""
    return lambda pictures, crop, score: join(np.stack([score(view) for view in views_of(pictures, crop)]))


def _ten(pictures, crop, turn=lambda view: view[:, :, ::-1]):
    views = _windows(pictures, crop)
    return views + [turn(view) for view in views]


def _mixed_up(outputs):
    """The views' outputs (10 · N, K), read as if each picture's ten were consecutive rows."""
    V, N, K = outputs.shape
    return softmax(outputs.reshape(-1, K)).reshape(N, V, K).mean(axis=1)


def _softmax(outputs, axis):
    e = np.exp(outputs - outputs.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _shifted_by_one(outputs, axes):
    e = np.exp(outputs - outputs.max(axis=axes, keepdims=True))
    return (e / e.sum(axis=-1, keepdims=True)).mean(axis=0)


def _bare_softmax(outputs):
    e = np.exp(outputs)
    return (e / e.sum(axis=-1, keepdims=True)).mean(axis=0)


def _centre_rounded_up(pictures, crop):
    top, left = (-((crop - side) // 2) for side in pictures.shape[1:3])
    views = [*_windows(pictures, crop)[:4], pictures[:, top : top + crop, left : left + crop]]
    return views + [view[:, :, ::-1] for view in views]


def _last_missed(pictures, crop):
    return _ten(pictures[:, :-1, :-1], crop)


def _vote(outputs):
    return np.eye(outputs.shape[-1])[outputs.argmax(axis=-1)].mean(axis=0)


TEN_WRONG = (
    Wrong(
        "M3",
        _by(_ten, lambda o: softmax(o.mean(axis=0))),
        "You average the scores, then take the softmax. The paper averages the softmax outputs.",
    ),
    Wrong(
        "M3",
        _by(_ten, _mixed_up),
        "You averaged over different pictures: after reshape the views come first, (10, N, K), not (N, 10, K).",
    ),
    Wrong("M3", _by(_ten, lambda o: o.mean(axis=0)), "You average the scores and never take the softmax."),
    Wrong(
        "M3",
        _by(_ten, lambda o: softmax(_softmax(o, -1).mean(axis=0))),
        "You take the softmax twice: the mean already consists of probabilities.",
    ),
    Wrong(
        "M3",
        _by(_ten, lambda o: _softmax(o, 1).mean(axis=0)),
        "Your softmax runs over the pictures, not the classes: each picture's probabilities must sum to 1.",
    ),
    Wrong(
        "M3",
        _by(_ten, lambda o: _softmax(o, 0).mean(axis=0)),
        "Your softmax runs over the views, not the classes: each view's probabilities must sum to 1.",
    ),
    Wrong(
        "M3",
        _by(_ten, lambda o: _softmax(o, -1).max(axis=0)),
        "You keep the largest of the ten probabilities for each class. The paper takes their mean.",
    ),
    Wrong(
        "M3",
        _by(_ten, _vote),
        "Each of your views votes for one class. "
        "The paper averages their probabilities, so a doubtful view counts less.",
    ),
    Wrong(
        "M3",
        _by(_ten, lambda o: np.exp(np.log(_softmax(o, -1)).mean(axis=0))),
        "You average logarithms. The paper averages the probabilities themselves.",
    ),
    *(
        Wrong(
            "S2",
            _by(_ten, lambda o, axes=axes: _shifted_by_one(o, axes)),
            "You subtract one maximum for all pictures, so exp underflows to 0 at others. Subtract each *row's*.",
        )
        for axes in ((1, 2), (0, 1, 2))
    ),
    Wrong("S1", _by(_ten, _bare_softmax), "exp overflows for large scores: subtract each row's maximum first."),
    Wrong("A12", _by(_windows), "You use five views: their mirror images are missing."),
    Wrong(
        "A12", _by(lambda p, c: _ten(p, c)[5:]), "Your five views are all mirrored: the unmirrored ones are missing."
    ),
    Wrong(
        "A12",
        _by(lambda p, c: [v for i, v in enumerate(_ten(p, c)) if i % 5 < 4]),
        "You use eight views: the centre and its mirror image are missing.",
    ),
    Wrong(
        "A12", _by(_centre_rounded_up), "Your centre begins too far down and right: round (H − crop) / 2 down, with //."
    ),
    Wrong("A12", _by(lambda p, c: [_windows(p, c)[4]]), "You use only the centre: the paper averages over ten views."),
    Wrong(
        "A2",
        _by(lambda p, c: _ten(p, c, lambda view: view[:, ::-1])),
        "You reverse the rows. In a batch, rows are axis 1 and columns axis 2: reverse axis 2.",
    ),
    Wrong(
        "A2",
        _by(lambda p, c: _ten(p, c, lambda view: view[::-1])),
        "You reverse the batch, so picture 0 gets the last one's views. Columns are axis 2.",
    ),
    Wrong(
        "A2",
        _by(lambda p, c: _ten(p, c, lambda view: view[..., ::-1])),
        "You reverse the channels: red and blue change places. Columns are axis 2.",
    ),
    Wrong(
        "A1",
        _by(_last_missed),
        "The right and lower corners stop one pixel early: the last places are H − crop and W − crop.",
    ),
    Wrong(
        "A7",
        lambda pictures, crop, score: ten_crops(_square(pictures), crop, score),
        "You place the corners as if the picture were square. "
        "Tops end at H − crop, lefts at W − crop: test on an oblong.",
    ),
)


def _square(pictures):
    side = min(pictures.shape[1:3])
    return pictures[:, :side, :side]


def _ten_by_hand(arguments, output, index):
    pictures, crop, score = arguments
    n, k = index
    p = [float(softmax(score(view))[n, k]) for view in _ten(pictures, crop)]
    return (
        f"By hand: picture {n}, class {k}: the five views give {', '.join(f'{v:.3f}' for v in p[:5])}, "
        f"their mirror images {', '.join(f'{v:.3f}' for v in p[5:])}; the mean is {sum(p) / 10:.6g}."
    )


LESSON = Lesson(
    "13",
    "Crops, mirrors and colours; ten crops at test",
    45,
    20,
    (
        Exercise(
            "13-draw",
            "draw_places",
            draw,
            outputs=("tops", "lefts", "mirrored"),
            compare=False,
            properties=(
                Property("A6", _own_draws, "Each picture needs draws of its own."),
                Property("A44", _kinds, "tops and lefts are integers, mirrored is booleans."),
                Property("A7", _not_swapped, "Rows and columns are swapped: tops end at H − crop, lefts at W − crop."),
                Property(
                    "A1",
                    _both_ends,
                    "The last place is never drawn. "
                    "There are side − crop + 1 places, and `integers` excludes its upper end.",
                ),
                Property("A14", _inside, "The places are not 0 to side − crop."),
                Property("A14", _other_sizes, "It is not right yet for other sizes."),
                Property("A45", _not_shared, "Pictures share their draws: each needs its own."),
                Property("A15", _even, "The places are not equally likely."),
                Property("A16", _half, "Half of the pictures should be mirrored, each by its own draw."),
                Property("A17", _independent, "The draws are not independent."),
                Property(
                    "A15", _many_of_many, "In large pictures or batches the places are not drawn evenly.", late=True
                ),
                Property("A18", _from_rng, "Draw only from the generator that you are given."),
                Property("A17", _free, "The draws of a batch depend on each other."),
            ),
            hints=(
                "How many places has a crop of 3 in a picture 3 pixels wide? And in one 4 pixels wide?",
                "top is one of 0, 1, …, H − crop, which are H − crop + 1 places; left likewise with W; "
                "mirrored with probability ½; N draws of each",
                "tops = rng.integers(0, H - crop + 1, N)",
            ),
        ),
        Exercise(
            "13-cut",
            "cut",
            cut,
            (_cut_probe, _cut_second_probe),
            ("x",),
            wrong=CUT_WRONG,
            by_hand=_cut_by_hand,
            outside=("one",),
            properties=(
                Property("A46", _last_place, "It is not right yet for the last place, or for one picture.", late=True),
                case("for a crop as high as the picture", cut, _as_high_as_the_crop, ("x",)),
                case("for crops of 9 × 9", cut, _larger_crops, ("x",)),
            ),
            hints=(
                "Which pixel of the mean belongs to the crop's upper left pixel? And after mirroring?",
                "x[n, i, j] = float(pictures[n, top + i, left + j]) − mean[top + i, left + j]; "
                "mirrored: j runs from crop − 1 down to 0",
                "window = pictures[n, t : t + crop, l : l + crop].astype(mean.dtype) "
                "- mean[t : t + crop, l : l + crop]",
            ),
        ),
        Exercise(
            "13-axes",
            "axes_of_colour",
            axes_of_colour,
            (_colour_probe, _second_colour_probe),
            ("values", "vectors"),
            wrong=AXES_WRONG,
            axes={"values": ("axis",), "vectors": ("colour", "axis")},
            properties=(
                Property(
                    "A13",
                    _points_up,
                    "The axes are right, but some point the other way. "
                    "By our convention an axis's largest entry is positive.",
                ),
            ),
            hints=(
                "What is one point of the cloud, and how many numbers does it have? "
                "How many points do the pictures make?",
                "C = mean over pixels of (p − m)(p − m)ᵀ with p in 0..1 and m the mean colour;  C e = λ e;  "
                "largest λ first",
                "values, vectors = np.linalg.eigh(covariance)  # upwards, vectors in columns: reverse both",
            ),
        ),
        Exercise(
            "13-noise",
            "colour_noise",
            colour_noise,
            outputs=("y",),
            compare=False,
            properties=(
                Property("unchanged", _left_alone, "colour_noise wrote into its input x. Return a new array."),
                Property("A19", _something, "Nothing was added: y equals x."),
                Property("A47", _whole_x, "y is not x plus a shift."),
                Property(
                    "A5",
                    _one_colour,
                    "The shift differs between the pixels of a picture. "
                    "The paper draws once per picture: its light changes as a whole.",
                ),
                Property("A6", _own_for_each, "Several pictures get the same shift: draw alphas for each picture."),
                Property("A18", _noise_from_rng, "Draw only from the generator that you are given."),
                Property("A49", _no_repeats, "The shifts of different pictures are not independent."),
                Property("A40", _mean_is_zero, "The shifts do not average 0: the paper's alphas have mean zero."),
                Property("A41", _three_alphas, "Each of the three axes needs its own alpha."),
                Property(
                    "A4",
                    _in_proportion(0.5, "they are only twice as large, as with √λ: the formula has λ itself"),
                    "The shifts should grow with the eigenvalues.",
                ),
                Property(
                    "A43",
                    _in_proportion(0.0, "they are the same: multiply each alpha by its own"),
                    "The shifts should grow with the eigenvalues.",
                ),
                Property("A43", _grows_alike, "The shifts should grow with the eigenvalues."),
                Property(
                    "A4",
                    _not_along(("row 0", "row 1", "row 2"), VECTORS),
                    "The eigenvectors are the columns of the matrix.",
                ),
                Property(
                    "A43",
                    _not_along(("column 0", "column 1", "column 2"), VECTORS.T),
                    "Eigenvalue i belongs to column i.",
                ),
                Property(
                    "A43",
                    _not_along("RGB", np.eye(3)),
                    "An eigenvalue belongs to a column of eigenvectors, not to a channel.",
                ),
                Property("A43", _along_its_axis, "Eigenvalue i should shift the colours along column i."),
                Property("A42", _not_times(10), "Your shifts are 10 times too large: alpha's deviation is 0.1, not 1."),
                Property(
                    "A42",
                    _not_times(10**0.5),
                    "Your shifts are √10 times too large: 0.1 is alpha's standard deviation, not its variance.",
                ),
                Property(
                    "A42",
                    _not_times(0.1),
                    "Your shifts are 10 times too small: alpha's standard deviation is 0.1. Is your scale 0.1², or do "
                    "you multiply by 0.1 twice?",
                ),
                Property(
                    "A11",
                    _not_times(1 / 255),
                    "Your shifts are 255 times too small: the eigenvalues are for pixels in 0..1, x runs over 0..255.",
                ),
                Property(
                    "A11", _not_times(255), "Your shifts are 255 times too large: the sum is multiplied by 255 once."
                ),
                Property("A48", _normal_alphas, "The alphas do not come from N(0, 0.1²)."),
                Property("A49", _independent_alphas, "The alphas are not independent."),
                Property("A48", _very_many_alphas, "Very many alphas do not come from N(0, 0.1²).", late=True),
                Property("C15", _new_array, "Two calls return the same array: make a new one in each.", late=True),
            ),
            hints=(
                "How many random numbers does one picture need? "
                "What shape must the shift have to be added to (N, H, W, 3)?",
                "shift_n = 255 · Σ_i p_i · alpha_ni · λ_i, with p_i column i and alpha_ni drawn from N(0, 0.1²)",
                "shifts = 255 * (alphas * eigenvalues) @ eigenvectors.T  # (N, 3)",
            ),
        ),
        Exercise(
            "13-ten",
            "ten_crops",
            ten_crops,
            (_ten_probe, _ten_second_probe, _far_probe, _apart_probe),
            ("p",),
            wrong=TEN_WRONG,
            by_hand=_ten_by_hand,
            properties=(
                Property(
                    "A50", _tight, "Right for most, but not for one picture, or one no larger than the crop.", late=True
                ),
            ),
            axes={"p": ("picture", "class")},
            hints=(
                "Where does the lower right crop begin? What comes first, the softmax or the mean?",
                "p = 1/10 · Σ over the ten views of softmax(score(view)); the places: "
                "(0, 0), (0, W − crop), (H − crop, 0), (H − crop, W − crop), ((H − crop) // 2, (W − crop) // 2)",
                "total = total + softmax(score(view)) + softmax(score(view[:, :, ::-1]))",
            ),
        ),
    ),
)
