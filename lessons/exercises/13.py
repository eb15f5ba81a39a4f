"""Lesson 13, crops, mirror images and colours: what is judged, and the mistakes that are known."""

import numpy as np

from tinyalex.data.dataset import ColorStatistics
from tinyalex.evaluation import softmax
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong, WrongKind

STD = 0.1  # paper §4.1

# ---------------------------------------------------------------------------------------------- draws of places

DRAWS, SIZE, CROP = 6000, (11, 14), 8  # 4 places down, 7 across


def draw(N, H, W, crop, rng):
    tops, lefts = rng.integers(0, H - crop + 1, N), rng.integers(0, W - crop + 1, N)
    return tops, lefts, rng.random(N) < 0.5


def _drawn(function, rng=None):
    """tops, lefts, mirrored of many pictures, or a text that says what is wrong with their form."""
    rng = np.random.default_rng(5) if rng is None else rng
    result = function(DRAWS, *SIZE, CROP, rng)
    if not isinstance(result, (tuple, list)) or len(result) != 3:
        raise WrongKind("it should return three arrays: tops, lefts, mirrored")
    tops, lefts, mirrored = (np.asarray(part) for part in result)
    for name, part in ("tops", tops), ("lefts", lefts), ("mirrored", mirrored):
        if part.shape != (DRAWS,):
            raise WrongKind(f"{name}.shape is {part.shape} for N = {DRAWS}, expected ({DRAWS},)")
    return tops, lefts, mirrored


def _one_for_all(function):
    return all(len(np.unique(part)) > 1 for part in _drawn(function))


def _swapped(function):
    tops, lefts, _ = _drawn(function)
    return not (tops.max() > SIZE[0] - CROP and lefts.max() <= SIZE[0] - CROP)


def _both_ends(function):
    tops, lefts, _ = _drawn(function)
    for name, part, side in ("tops", tops, SIZE[0]), ("lefts", lefts, SIZE[1]):
        if part.max() == side - CROP - 1:
            return (
                f"A side of {side} and a crop of {CROP}: place {side - CROP} of {name} never came in {DRAWS:,} draws."
            )
    return True


def _inside(function):
    tops, lefts, _ = _drawn(function)
    for name, part, side in ("tops", tops, SIZE[0]), ("lefts", lefts, SIZE[1]):
        if part.min() < 0 or part.max() > side - CROP:
            ends = f"{part.min()} to {part.max()}, expected 0 to {side - CROP}"
            return f"A side of {side} and a crop of {CROP}: {name} go from {ends}."
        if part.min() > 0 or part.max() < side - CROP:
            return f"A side of {side} and a crop of {CROP}: {name} go from {part.min()} to {part.max()} only."
        if part.dtype.kind not in "iu":
            return f"{name} are {part.dtype}: places are whole numbers."
    return True


def _even(function):
    """Each place about as often as the others: 4 sigma and more from the share expected is no chance."""
    tops, lefts, _ = _drawn(function)
    for name, part, side in ("tops", tops, SIZE[0]), ("lefts", lefts, SIZE[1]):
        counts, expected = np.bincount(part.astype(int)), DRAWS / (side - CROP + 1)
        if np.abs(counts - expected).max() > 5 * np.sqrt(expected):
            place = int(np.abs(counts - expected).argmax())
            return f"Place {place} of {name} came {counts[place]:,} times, about {expected:,.0f} were due."
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
            return f"({names} are correlated, {np.corrcoef(a, b)[0, 1]:+.2f}.)"
    return True


def _half(function):
    share = _drawn(function)[2].astype(bool).mean()
    return True if abs(share - 0.5) < 0.04 else f"{share:.0%} of the pictures are mirrored."


def _from_rng(function):
    same = [_drawn(function, np.random.default_rng(8)) for _ in range(2)]
    rng = np.random.default_rng(9)
    first, second = _drawn(function, rng), _drawn(function, rng)
    if any(not np.array_equal(a, b) for a, b in zip(*same)):
        return "Two generators with one seed gave different places."
    if all(np.array_equal(a, b) for a, b in zip(first, second)):
        return "Two calls in a row gave the very same places."
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
    """A `cut` made of a function of one picture, with the same arguments as `_one`."""
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
        "Every picture was cut at the first one's place: tops, lefts and mirrored hold one entry for each picture.",
    ),
    Wrong(
        "A6",
        lambda p, m, t, l, f, c: cut(p, m, [t[0]] * len(p), [l[0]] * len(p), f, c),
        "Every picture was cut at the first one's place: tops and lefts hold one entry for each picture.",
    ),
    Wrong(
        "A2",
        _turned((REVERSED,)),
        "You turn the rows over: the ball now lies on the ceiling. A mirror turns the columns, axis 1 of one picture.",
    ),
    Wrong(
        "A2",
        _turned((REVERSED, REVERSED)),
        "You turn rows and columns, which is half a turn of the picture. A mirror turns the columns only.",
    ),
    Wrong(
        "A2",
        _turned((slice(None), slice(None), REVERSED)),
        "You turn the channels over: red and blue change places. A mirror turns the columns, axis 1 of one picture.",
    ),
    Wrong(
        "A2",
        lambda p, m, t, l, f, c: cut(p, m, t, l, f, c)[::-1],
        "You turned the batch over: picture 0 is where the last one should be. Mirror the columns of each picture.",
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
        "You mirror those that are not to be mirrored, and leave the others.",
    ),
    Wrong(
        "A7",
        lambda p, m, t, l, f, c: cut(p, m, l, t, f, c),
        "Rows and columns are exchanged: tops belong to axis 0 of a picture, lefts to axis 1.",
    ),
    Wrong(
        "A3",
        _each(_wrapped),
        "Pixels wrapped round: with uint8, 3 − 5 is 254. Make the picture float before you subtract the mean.",
    ),
    Wrong(
        "A5",
        _each(_mean_of_the_centre),
        "The mean was cut from its centre, the picture elsewhere. Each pixel must lose the mean of its own place.",
    ),
    Wrong(
        "A5",
        _each(_mean_of_the_corner),
        "The mean was cut from its corner, the picture elsewhere. Each pixel must lose the mean of its own place.",
    ),
    Wrong(
        "A5",
        _each(_mean_not_mirrored),
        "Mirrored pictures lose an unmirrored mean. Subtract first and mirror afterwards, or mirror both.",
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
        "You mirror the whole picture and then cut, so a mirrored picture is cut at another place than top, left. Cut first.",
    ),
)


def _cut_by_hand(arguments, output, index):
    pictures, mean, tops, lefts, mirrored, crop = arguments
    n, row, column, c = index
    h, w = tops[n] + row, lefts[n] + (crop - 1 - column if mirrored[n] else column)
    return (
        f"By hand: picture {n} is cut at top {tops[n]}, left {lefts[n]}{', and mirrored' if mirrored[n] else ''}, so this "
        f"is its pixel at row {h}, column {w}: {pictures[n, h, w, c]} − {mean[h, w, c]:.6g} = {pictures[n, h, w, c] - mean[h, w, c]:.6g}."
    )


# ---------------------------------------------------------------------------------------------- the axes of colour


def axes_of_colour(pictures):
    """From the package's exact sums; to it, every pixel is a picture of one."""
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
    """Axes of another covariance."""

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
    """The vectors are right but for their signs: said apart, since no entry shows it."""
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
        "The eigenvectors lie in rows. `eigh` returns them in columns: vectors[:, i] belongs to values[i].",
    ),
    Wrong(
        "A4",
        _then(lambda values, vectors: (values**0.5, vectors)),
        "You return square roots, which are standard deviations. λ is the eigenvalue, the variance along the axis.",
    ),
    Wrong(
        "A9",
        _then(lambda values, vectors: (values[::-1], vectors[:, ::-1])),
        "The order is the other way round: `eigh` sorts upwards, and the largest axis should come first here.",
    ),
    Wrong(
        "A9",
        _then(lambda values, vectors: (values[::-1], vectors)),
        "The vectors were put in order, the values not: each value has to stay with its own vector.",
    ),
    Wrong(
        "A9",
        _then(lambda values, vectors: (values, vectors[:, ::-1])),
        "The values were put in order, the vectors not: reverse the columns of vectors too.",
    ),
    Wrong(
        "A9",
        _then(lambda values, vectors: (values, vectors[::-1])),
        "You reversed the rows of vectors. A vector is a column, so the columns have to be reversed: vectors[:, ::-1].",
    ),
    Wrong(
        "A10",
        _with(centre=False),
        "The mean colour was not subtracted, so the first axis points from black to the mean colour. A covariance is about the mean.",
    ),
    Wrong(
        "A10",
        _by_mean_picture,
        "You subtract the mean picture, place by place. Here all pixels are one cloud, with one mean colour.",
    ),
    Wrong(
        "A10",
        _by_own_mean,
        "You subtract each picture's own mean colour, and so lose what differs between pictures. All pixels are one cloud.",
    ),
    Wrong(
        "A10",
        _with(ddof=1),
        "You divide by the number of pixels − 1, as `np.cov` does of itself. Divide by the number: np.cov(…, bias=True).",
    ),
    Wrong("A11", _with(scale=255.0), "The values are 255² times too large: scale the pixels to 0..1 first."),
    Wrong(
        "A11", _summed, "The values grow with the number of pixels: divide the sum of products by how many there are."
    ),
    Wrong("A3", _axes_of_bytes, "Pixels wrapped round: products of uint8 are taken modulo 256. Make them float first."),
)


# ---------------------------------------------------------------------------------------------- noise of colours

VALUES = np.array([0.19, 0.031, 0.0072])
VECTORS = _eigen(np.diag([0.5, 0.2, 0.1]) + 0.13)[1]
MANY = 3000


def colour_noise(x, eigenvalues, eigenvectors, rng):
    alphas = rng.normal(0, STD, (len(x), 3))
    shifts = 255 * (alphas * eigenvalues) @ eigenvectors.T
    return x + shifts[:, None, None, :].astype(x.dtype)


def _noise(function, N=MANY, H=1, W=2):
    """What was added: (N, H, W, 3)."""
    x = np.random.default_rng(3).uniform(-120, 120, (N, H, W, 3))
    before = x.copy()
    y = function(x, VALUES.copy(), VECTORS.copy(), np.random.default_rng(4))
    if y is None:
        raise WrongKind("it returns nothing, expected pictures of the shape of x")
    y = np.asarray(y)
    if y.shape != x.shape:
        raise WrongKind(f"y.shape is {y.shape}, expected that of x, {x.shape}")
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
    """Holds unless the covariance is the one of this mistake (and not the right one, which it may be near to)."""
    wrong = _mixed(**changes)

    def holds(function):
        found = _covariance(function)
        return not _near(found, wrong) or np.linalg.norm(found - wrong) > np.linalg.norm(found - _mixed())

    return holds


def _one_alpha_for_three(function):
    """The noise lies on one line: the same alpha for all three axes."""
    values = np.linalg.eigvalsh(_covariance(function))
    return values[1] > 1e-6 * values[2]


def _spread_is_right(function):
    found, expected = _covariance(function), _mixed()
    if _near(found, expected, 0.15):
        return True
    yours, ours = (", ".join(f"{size:.3g}" for size in np.diag(c) ** 0.5) for c in (found, expected))
    return f"Over {MANY:,} pictures R, G and B spread by {yours}, expected about {ours}."


def _small_axes(function):
    """Along the two lesser axes, which the largest hides in the sum."""
    found = np.diag(VECTORS.T @ _covariance(function) @ VECTORS)
    off = np.abs(found / (255 * STD * VALUES) ** 2 - 1)
    if off.max() < 0.25:
        return True
    i = int(off.argmax())
    return f"Along axis {i} the noise has {found[i]:.3g} for a variance, expected about {(255 * STD * VALUES[i]) ** 2:.3g}."


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


def _by(views_of, join=None):
    def wrong(pictures, crop, score):
        outputs = np.stack([score(view) for view in views_of(pictures, crop)])
        return (
            join(outputs)
            if join
            else softmax(outputs.reshape(-1, outputs.shape[2])).reshape(outputs.shape).mean(axis=0)
        )

    return wrong


def _ten(pictures, crop, turn=lambda view: view[:, :, ::-1]):
    views = _windows(pictures, crop)
    return views + [turn(view) for view in views]


def _mixed_up(outputs):
    """(10 · N, K) outputs of views, read as if a picture's ten stood in a row."""
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
        "You average the scores and take the softmax of that. The paper averages the softmax outputs.",
    ),
    Wrong(
        "M3",
        _by(_ten, _mixed_up),
        "You averaged over different pictures: after reshape the views come first, (10, N, K), not (N, 10, K).",
    ),
    Wrong("M3", _by(_ten, lambda o: o.mean(axis=0)), "These are averaged scores: no softmax was taken."),
    Wrong(
        "M3",
        _by(_ten, lambda o: softmax(_softmax(o, -1).mean(axis=0))),
        "The softmax is taken twice: what you average are probabilities already.",
    ),
    Wrong(
        "M3",
        _by(_ten, lambda o: _softmax(o, 1).mean(axis=0)),
        "The softmax runs over the pictures. It runs over the classes: each picture's probabilities sum to 1.",
    ),
    Wrong(
        "M3",
        _by(_ten, lambda o: _softmax(o, 0).mean(axis=0)),
        "The softmax runs over the views. It runs over the classes: each view's probabilities sum to 1.",
    ),
    Wrong(
        "M3",
        _by(_ten, lambda o: _softmax(o, -1).max(axis=0)),
        "You keep the most confident view for each class. The paper takes the mean of the ten.",
    ),
    Wrong(
        "M3",
        _by(_ten, _vote),
        "The views vote, one class each. The paper averages their probabilities, so a doubtful view counts less.",
    ),
    Wrong(
        "S1",
        _by(_ten, _bare_softmax),
        "exp of a large score overflows: subtract each row's maximum before the exponential.",
    ),
    Wrong("A12", _by(_windows), "Only five views differ: their mirror images are missing."),
    Wrong(
        "A12",
        _by(lambda p, c: _ten(p, c)[5:]),
        "Five views, all of them mirrored: the pictures as they stand are missing.",
    ),
    Wrong(
        "A12",
        _by(lambda p, c: [v for i, v in enumerate(_ten(p, c)) if i % 5 < 4]),
        "Eight views: the centre and its mirror image are missing.",
    ),
    Wrong("A12", _by(lambda p, c: [_windows(p, c)[4]]), "One view, the centre: the paper asks about ten and averages."),
    Wrong(
        "A2",
        _by(lambda p, c: _ten(p, c, lambda view: view[:, ::-1])),
        "You turn the rows over. With a batch, rows are axis 1 and columns axis 2: mirror axis 2.",
    ),
    Wrong(
        "A2",
        _by(lambda p, c: _ten(p, c, lambda view: view[::-1])),
        "You turn the batch over, so picture 0 gets the last one's views. Columns are axis 2.",
    ),
    Wrong(
        "A2",
        _by(lambda p, c: _ten(p, c, lambda view: view[..., ::-1])),
        "You turn the channels over: red and blue change places. Columns are axis 2.",
    ),
    Wrong(
        "A1",
        _by(_last_missed),
        "The right and lower corners stop one pixel early: the last place is the side − crop, and that one is included.",
    ),
    Wrong(
        "A7",
        lambda pictures, crop, score: ten_crops(_square(pictures), crop, score),
        "The corners are those of a square. Rows end at H − crop, columns at W − crop: test on an oblong.",
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
                    "A6", _one_for_all, "All pictures of the batch get the same draw: ask the generator for N numbers."
                ),
                Property("A7", _swapped, "Rows and columns are exchanged: tops end at H − crop, lefts at W − crop."),
                Property(
                    "A1",
                    _both_ends,
                    "The last place is never drawn: the upper end of `integers` is left out, and there are side − crop + 1 places.",
                ),
                Property("A14", _inside, "Some crops would hang over the edge, or some places are never used."),
                Property("A15", _even, "The places are not equally likely."),
                Property("A16", _half, "Half of the pictures should be mirrored, each by a coin of its own."),
                Property(
                    "A17",
                    _independent,
                    "The draws hang together: tops, lefts and mirrored need random numbers of their own.",
                ),
                Property(
                    "A18",
                    _from_rng,
                    "Draw from the generator that you are given, and from it alone; seed nothing and make no other.",
                ),
            ),
            hints=(
                "A picture 3 pixels wide, a crop of 3: how many places? And a picture 4 wide?",
                "top is one of 0, 1, …, H − crop, that is H − crop + 1 places; left likewise with W; mirrored with probability ½; each N times",
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
                "x[n, i, j] = float(pictures[n, top + i, left + j]) − mean[top + i, left + j]; mirrored: j runs from crop − 1 down to 0",
                "window = pictures[n, t : t + crop, l : l + crop].astype(mean.dtype) - mean[t : t + crop, l : l + crop]",
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
                    "The axes are right, but some point the other way. Both ways are axes; we agree on the one whose largest entry is positive.",
                ),
            ),
            hints=(
                "What is one point of the cloud, and how many numbers does it have? How many points do the pictures make?",
                "C = mean over pixels of (p − m)(p − m)ᵀ with p in 0..1 and m the mean colour;  C e = λ e;  largest λ first",
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
                Property(
                    "unchanged", _left_alone, "colour_noise wrote into x, which is not its own. Return a new array."
                ),
                Property("A19", _something, "Nothing was added: y equals x."),
                Property(
                    "A5",
                    _one_colour,
                    "The shift differs from pixel to pixel of one picture. The paper draws once for a picture: the light changes as a whole.",
                ),
                Property(
                    "A6", _own_for_each, "Several pictures get the same shift: draw three numbers for each picture."
                ),
                Property("A40", _mean_is_zero, "The shifts are not about 0: the paper's alphas have mean zero."),
                Property(
                    "A41",
                    _one_alpha_for_three,
                    "All shifts lie on one line: each of the three axes needs an alpha of its own.",
                ),
                Property(
                    "A4",
                    _not(vectors=VECTORS.T),
                    "The eigenvectors are taken as rows; they are the columns of the matrix.",
                ),
                Property(
                    "A4",
                    _not(values=VALUES**0.5),
                    "You multiply with the square root of the eigenvalue. The paper's formula has the eigenvalue itself.",
                ),
                Property(
                    "A42", _not(std=STD**0.5), "0.1 was taken as a variance: it is the standard deviation of alpha."
                ),
                Property("A42", _not(std=1.0), "The alphas have a standard deviation of 1; it is 0.1."),
                Property(
                    "A11",
                    _not(scale=1.0),
                    "The shift is 255 times too small: the eigenvalues belong to pixels in 0..1, and x runs over 0..255.",
                ),
                Property(
                    "A43",
                    _not(values=np.ones(3)),
                    "The eigenvalues do not matter in yours: each alpha has to be multiplied with its own.",
                ),
                Property(
                    "A43",
                    _not(values=VALUES[::-1]),
                    "The eigenvalues meet the wrong vectors: values[i] belongs to column i.",
                ),
                Property("A43", _spread_is_right, "The shifts do not spread as 255 · p · (alpha ∘ λ) does."),
                Property("A43", _small_axes, "The shifts do not spread as 255 · p · (alpha ∘ λ) does."),
            ),
            hints=(
                "How many random numbers does one picture need? What shape must the shift have to be added to (N, H, W, 3)?",
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
                "p = 1/10 · Σ over the ten views of softmax(score(view)); the places: (0, 0), (0, W − crop), (H − crop, 0), "
                "(H − crop, W − crop), ((H − crop) // 2, (W − crop) // 2)",
                "total = total + softmax(score(view)) + softmax(score(view[:, :, ::-1]))",
            ),
        ),
    ),
)
