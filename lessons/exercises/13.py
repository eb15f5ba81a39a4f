"""Lesson 13, crops, mirror images and colours: its exercises and the known mistakes."""

import numpy as np

from tinyalex.data.dataset import ColorStatistics
from tinyalex.layers import softmax
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong, WrongKind

STD = 0.1  # paper §4.1

# ---------------------------------------------------------------------------------------------- drawing places

DRAWS, SIZE, CROP = 6000, (11, 14), 8  # 4 places down, 7 across


def draw(N, H, W, crop, rng):
    tops, lefts = rng.integers(0, H - crop + 1, N), rng.integers(0, W - crop + 1, N)
    return tops, lefts, rng.random(N) < 0.5


def _drawn(function, rng=None):
    """tops, lefts and mirrored of DRAWS pictures; `WrongKind` if their form is wrong."""
    rng = np.random.default_rng(5) if rng is None else rng
    result = function(DRAWS, *SIZE, CROP, rng)
    if not isinstance(result, (tuple, list)) or len(result) != 3:
        raise WrongKind("it should return three arrays: tops, lefts, mirrored")
    tops, lefts, mirrored = (np.asarray(part) for part in result)
    for name, part in ("tops", tops), ("lefts", lefts), ("mirrored", mirrored):
        if part.shape != (DRAWS,):
            raise WrongKind(f"{name}.shape is {part.shape} for N = {DRAWS}, expected ({DRAWS},)")
    return tops, lefts, mirrored


def _own_draws(function):
    return all(len(np.unique(part)) > 1 for part in _drawn(function))


def _not_swapped(function):
    tops, lefts, _ = _drawn(function)
    return not (tops.max() > SIZE[0] - CROP and lefts.max() <= SIZE[0] - CROP)


def _both_ends(function):
    tops, lefts, _ = _drawn(function)
    for name, part, side in ("tops", tops, SIZE[0]), ("lefts", lefts, SIZE[1]):
        if part.max() == side - CROP - 1:
            return f"With a side of {side} and a crop of {CROP}, {name} never reach {side - CROP} in {DRAWS:,} draws."
    return True


def _inside(function):
    tops, lefts, _ = _drawn(function)
    for name, part, side in ("tops", tops, SIZE[0]), ("lefts", lefts, SIZE[1]):
        if part.min() < 0 or part.max() > side - CROP:
            ends = f"{part.min()} to {part.max()}, expected 0 to {side - CROP}"
            return f"With a side of {side} and a crop of {CROP}, {name} run from {ends}."
        if part.min() > 0 or part.max() < side - CROP:
            return f"With a side of {side} and a crop of {CROP}, {name} run only from {part.min()} to {part.max()}."
        if part.dtype.kind not in "iu":
            return f"{name} have dtype {part.dtype}: places are whole numbers."
    return True


def _even(function):
    """Every place comes about equally often: within 5 standard deviations of the expected count."""
    tops, lefts, _ = _drawn(function)
    for name, part, side in ("tops", tops, SIZE[0]), ("lefts", lefts, SIZE[1]):
        counts, expected = np.bincount(part.astype(int)), DRAWS / (side - CROP + 1)
        if np.abs(counts - expected).max() > 5 * np.sqrt(expected):
            place = int(np.abs(counts - expected).argmax())
            return f"{name} are {place} in {counts[place]:,} of {DRAWS:,} draws, expected about {expected:,.0f}."
    return True


def _independent(function):
    tops, lefts, mirrored = (part.astype(float) for part in _drawn(function))
    pairs = (
        (tops, lefts, "tops and lefts"),
        (tops, mirrored, "tops and mirrored"),
        (lefts, mirrored, "lefts and mirrored"),
    )
    for a, b, names in pairs:
        if a.std() and b.std() and abs(np.corrcoef(a, b)[0, 1]) > 0.08:
            return f"The correlation of {names} is {np.corrcoef(a, b)[0, 1]:+.2f}."
    return True


def _half(function):
    share = _drawn(function)[2].astype(bool).mean()
    return True if abs(share - 0.5) < 0.04 else f"You mirror {share:.0%} of the pictures."


def _from_rng(function):
    same = [_drawn(function, np.random.default_rng(8)) for _ in range(2)]
    rng = np.random.default_rng(9)
    first, second = _drawn(function, rng), _drawn(function, rng)
    if any(not np.array_equal(a, b) for a, b in zip(*same)):
        return "Two generators with the same seed gave different places."
    if all(np.array_equal(a, b) for a, b in zip(first, second)):
        return "Two calls in a row gave the same places."
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
    return (_colours(),)


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
    (pictures,) = _colour_probe()
    values, vectors = (np.asarray(part) for part in function(pictures.copy()))
    right = axes_of_colour(pictures)[1]
    if vectors.shape != (3, 3):
        return True
    return not (
        np.allclose(np.abs(vectors), np.abs(right), rtol=1e-6)
        and not np.allclose(vectors, right, rtol=1e-6)
        and np.allclose(vectors / right, (vectors / right)[0], rtol=1e-6)
    )


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


def _noise(function, N=MANY, H=1, W=2):
    """The noise that the function added: (N, H, W, 3)."""
    x = np.random.default_rng(3).uniform(-120, 120, (N, H, W, 3))
    before = x.copy()
    y = function(x, VALUES.copy(), VECTORS.copy(), np.random.default_rng(4))
    if y is None:
        raise WrongKind("it returns nothing, expected an array of the shape of x")
    y = np.asarray(y)
    if y.shape != x.shape:
        raise WrongKind(f"y.shape is {y.shape}, expected {x.shape}, as x")
    return y - before


def _left_alone(function):
    x = np.random.default_rng(3).uniform(-120, 120, (2, 3, 4, 3))
    before = x.copy()
    function(x, VALUES.copy(), VECTORS.copy(), np.random.default_rng(4))
    return np.array_equal(x, before)


def _one_colour(function):
    noise = _noise(function, 4, 3, 5)
    return np.ptp(noise, axis=(1, 2)).max() < 1e-9


def _own_for_each(function):
    noise = _noise(function, 5)[:, 0, 0]
    return len(np.unique(noise.round(9), axis=0)) == 5


def _something(function):
    return np.abs(_noise(function, 5)).max() > 0


def _covariance(function):
    noise = _noise(function)[:, 0, 0]
    return noise.T @ noise / len(noise)


def _mixed(std=STD, values=VALUES, vectors=VECTORS, scale=255.0):
    """The covariance of scale · vectors · (alpha ∘ values)."""
    side = scale * std * vectors * values
    return side @ side.T


def _near(found, expected, share=0.2):
    return np.linalg.norm(found - expected) < share * np.linalg.norm(expected)


def _not(**changes):
    """Fails if the covariance is near this mistake's, and nearer to it than to the right one."""
    wrong = _mixed(**changes)

    def holds(function):
        found = _covariance(function)
        return not _near(found, wrong) or np.linalg.norm(found - wrong) > np.linalg.norm(found - _mixed())

    return holds


def _three_alphas(function):
    """Fails if all shifts lie on one line: one alpha for all three axes."""
    values = np.linalg.eigvalsh(_covariance(function))
    return values[1] > 1e-6 * values[2]


def _spread_is_right(function):
    found, expected = _covariance(function), _mixed()
    if _near(found, expected, 0.15):
        return True
    yours, ours = (", ".join(f"{size:.3g}" for size in np.diag(c) ** 0.5) for c in (found, expected))
    return f"Over {MANY:,} pictures the standard deviations of R, G, B are {yours}, expected about {ours}."


def _small_axes(function):
    """The spread along each axis: in the whole, the largest axis hides the other two."""
    found = np.diag(VECTORS.T @ _covariance(function) @ VECTORS)
    off = np.abs(found / (255 * STD * VALUES) ** 2 - 1)
    if off.max() < 0.25:
        return True
    i = int(off.argmax())
    expected = (255 * STD * VALUES[i]) ** 2
    return f"Along axis {i} the variance of the noise is {found[i]:.3g}, expected about {expected:.3g}."


def _mean_is_zero(function):
    noise = _noise(function)[:, 0, 0]
    return bool((np.abs(noise.mean(axis=0)) < 6 * noise.std(axis=0) / MANY**0.5).all())


# ---------------------------------------------------------------------------------------------- ten crops


def _windows(pictures, crop):
    H, W = pictures.shape[1] - crop, pictures.shape[2] - crop
    places = (0, 0), (0, W), (H, 0), (H, W), (H // 2, W // 2)
    return [pictures[:, top : top + crop, left : left + crop] for top, left in places]


def ten_crops(pictures, crop, score):
    views = _windows(pictures, crop)
    views += [view[:, :, ::-1] for view in views]
    return sum(softmax(score(view)) for view in views) / len(views)


def _score(weight, bias):
    def score(x):
        """Logits (N, K) of crops (N, T, T, 3)."""
        if x.ndim != 4 or x.shape[1:] != (4, 4, 3):
            raise WrongKind(f"score: x.shape is {x.shape}, expected (N, 4, 4, 3)")
        return x.reshape(len(x), -1) @ weight.astype(x.dtype) + bias.astype(x.dtype)

    return score


def _ten_probe(seed=0, N=3, size=(7, 9), far=0.0):
    rng = np.random.default_rng(seed)
    score = _score(rng.normal(0, 0.35, (48, 5)), rng.normal(0, 1, 5) + far)
    return rng.normal(0, 1, (N, *size, 3)), 4, score


def _far_probe():
    return _ten_probe(2, 2, (10, 7), 900.0)


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


def _bare_softmax(outputs):
    e = np.exp(outputs)
    return (e / e.sum(axis=-1, keepdims=True)).mean(axis=0)


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
                Property(
                    "A6", _own_draws, "All pictures of the batch get the same draw: ask the generator for N numbers."
                ),
                Property("A7", _not_swapped, "Rows and columns are swapped: tops end at H − crop, lefts at W − crop."),
                Property(
                    "A1",
                    _both_ends,
                    "The last place is never drawn: "
                    "`integers` excludes its upper end, and there are side − crop + 1 places.",
                ),
                Property("A14", _inside, "Some crops reach beyond the edge, or some places are never used."),
                Property("A15", _even, "The places are not equally likely."),
                Property("A16", _half, "Half of the pictures should be mirrored, each by its own draw."),
                Property(
                    "A17",
                    _independent,
                    "The draws are not independent: tops, lefts and mirrored each need their own random numbers.",
                ),
                Property(
                    "A18", _from_rng, "Draw only from the generator that you are given; do not seed it or make another."
                ),
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
                Property(
                    "A5",
                    _one_colour,
                    "The shift differs between the pixels of a picture. "
                    "The paper draws once per picture: its light changes as a whole.",
                ),
                Property(
                    "A6", _own_for_each, "Several pictures get the same shift: draw three numbers for each picture."
                ),
                Property("A40", _mean_is_zero, "The shifts do not average 0: the paper's alphas have mean zero."),
                Property(
                    "A41", _three_alphas, "All shifts lie on one line: each of the three axes needs its own alpha."
                ),
                Property(
                    "A4",
                    _not(vectors=VECTORS.T),
                    "You take the rows as eigenvectors; they are the columns of the matrix.",
                ),
                Property(
                    "A4",
                    _not(values=VALUES**0.5),
                    "You multiply by the square root of the eigenvalue. The paper's formula has the eigenvalue itself.",
                ),
                Property("A42", _not(std=STD**0.5), "You take 0.1 as a variance; it is alpha's standard deviation."),
                Property("A42", _not(std=1.0), "Your alphas have a standard deviation of 1; it should be 0.1."),
                Property(
                    "A11",
                    _not(scale=1.0),
                    "The shift is 255 times too small: the eigenvalues are for pixels in 0..1, but x runs over 0..255.",
                ),
                Property(
                    "A43", _not(values=np.ones(3)), "You leave the eigenvalues out: multiply each alpha by its own."
                ),
                Property(
                    "A43",
                    _not(values=VALUES[::-1]),
                    "The eigenvalues go with the wrong vectors: eigenvalue i belongs to column i.",
                ),
                Property("A43", _spread_is_right, "The shifts do not have the spread of 255 · p · (alpha ∘ λ)."),
                Property("A43", _small_axes, "The shifts do not have the spread of 255 · p · (alpha ∘ λ)."),
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
            (_ten_probe, _ten_second_probe, _far_probe),
            ("p",),
            wrong=TEN_WRONG,
            by_hand=_ten_by_hand,
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
