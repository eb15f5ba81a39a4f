"""Lesson 15, looking inside: its exercises and the known mistakes."""

import numpy as np

from tinyalex.inspection import errors, neighbours
from tinyalex.inspection.colour import colour_selectivity, tower_colour
from tinyalex.layers import softmax
from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong, WrongKind

# ---------------------------------------------------------------------------------------------- which tower sees colour


def colour_shares(weight):
    return colour_selectivity(weight), *tower_colour(weight)


def _kernels(seed=0, shape=(3, 2, 3, 6)):
    """Kernels (KH, KW, 3, F) between grey and coloured; the towers differ."""
    rng = np.random.default_rng(seed)
    lightness = rng.normal(0, 1, (*shape[:2], 1, shape[3]))
    return lightness + rng.normal(0.1, 1, shape) * np.linspace(0.2, 1.4, shape[3])


def _kernel_probe():
    return (_kernels(),)


def _second_kernel_probe():
    return (_kernels(1, (2, 4, 3, 10)),)


def _small_kernel_probe():
    """Kernels as small as they start, one of them grey; a pixel that is 0."""
    weight = 0.01 * _kernels(2, (2, 2, 3, 4))
    weight[..., 1] = weight[:, :, :1, 1]
    weight[0, 1, :, 2] = 0
    return (weight,)


def _towers(shares, first=None, second=None):
    """shares, and their means over two parts: the halves unless given."""
    half = len(shares) // 2
    first, second = (slice(half), slice(half, None)) if first is None else (first, second)
    return shares, shares[first].mean(), shares[second].mean()


def _shares(grey, energy=lambda w: (w**2).sum(axis=(0, 1, 2)), share=lambda part: 1 - part):
    """`colour_shares` with another energy along grey or in all; share: a function of their ratio."""
    return lambda weight: _towers(share(grey(weight) / energy(weight)))


def _grey(weight):
    """The energy along grey, (F,)."""
    return (weight.sum(axis=2) ** 2).sum(axis=(0, 1)) / 3


def _along(axis):
    return lambda weight: (weight.sum(axis=axis) ** 2).sum(axis=(0, 1)) / 3


def _sizes(weight):
    return np.abs(weight).sum(axis=(0, 1, 2))


def _share_of_sums(weight):
    """One share per tower, from the energy of all its kernels together."""
    half, energy = weight.shape[3] // 2, (weight**2).sum(axis=(0, 1, 2))
    parts = (slice(half), slice(half, None))
    return colour_selectivity(weight), *(1 - _grey(weight)[part].sum() / energy[part].sum() for part in parts)


def _mean_over_pixels(weight):
    return _towers((1 - weight.sum(axis=2) ** 2 / 3 / (weight**2).sum(axis=2)).mean(axis=(0, 1)))


def _sums(weight):
    shares, half = colour_selectivity(weight), weight.shape[3] // 2
    return shares, shares[:half].sum(), shares[half:].sum()


def _medians(weight):
    shares, half = colour_selectivity(weight), weight.shape[3] // 2
    return shares, np.median(shares[:half]), np.median(shares[half:])


COLOUR_WRONG = (
    Wrong(
        "V1",
        _shares(lambda w: 3 * _grey(w)),
        "A third is missing: the energy along grey is ((r + g + b)/√3)², so divide (r + g + b)² by 3. "
        "A grey kernel must give 0; yours gives −2.",
    ),
    Wrong(
        "V1",
        _shares(lambda w: _grey(w) / 3),
        "You square the mean of r, g and b, a third of the energy along grey, ((r + g + b)/√3)². "
        "A grey kernel must give 0; yours gives 2/3.",
    ),
    Wrong(
        "V1",
        lambda w: _towers(colour_selectivity(w) / 3),
        "Your shares are a third of the right ones: "
        "a variance over the colours is a mean over three, but the energy is a sum.",
    ),
    Wrong(
        "V2",
        _shares(lambda w: np.abs(w.sum(axis=2)).sum(axis=(0, 1)), _sizes),
        "You square nothing. Energy is a sum of squares: only then do grey and colour add up to the whole.",
    ),
    Wrong(
        "V2",
        _shares(lambda w: np.abs(w.sum(axis=2)).sum(axis=(0, 1)) / 3**0.5, _sizes),
        "You square nothing. Energy is a sum of squares: only then do grey and colour add up to the whole.",
    ),
    Wrong(
        "V2",
        _shares(lambda w: np.abs(w.sum(axis=2)).sum(axis=(0, 1)) / 3, _sizes),
        "You square nothing. Energy is a sum of squares: only then do grey and colour add up to the whole.",
    ),
    Wrong(
        "V2",
        _shares(_grey, share=lambda part: 1 - part**0.5),
        "You compare lengths, which are square roots. A share of energy is a ratio of sums of squares.",
    ),
    Wrong(
        "V2",
        _shares(_grey, share=lambda part: (1 - part) ** 0.5),
        "You take the square root of the share. A share of energy is a ratio of sums of squares, without a root.",
    ),
    Wrong(
        "V3",
        _shares(lambda w: w.sum(axis=(0, 1, 2)) ** 2 / 3),
        "You add over the pixels before you square, so bright and dark ones cancel. Square each pixel's sum, then add.",
    ),
    Wrong(
        "V4",
        _shares(_along(0)),
        "You add along the rows, axis 0. Red, green and blue lie along axis 2 of (KH, KW, 3, F).",
    ),
    Wrong(
        "V4",
        _shares(_along(1)),
        "You add along the columns, axis 1. Red, green and blue lie along axis 2 of (KH, KW, 3, F).",
    ),
    Wrong(
        "V5",
        _shares(_grey, share=lambda part: part),
        "That is the share along grey. The share of colour is 1 minus that.",
    ),
    Wrong(
        "V6",
        _mean_over_pixels,
        "You average one share per pixel, so a pixel near 0 counts as much as the strongest. "
        "Add the energies first, divide once.",
    ),
    Wrong(
        "V7",
        _shares(_grey, lambda w: (w**2).sum()),
        "You divide by the energy of all kernels together. Divide by each kernel's own: leave axis 3 out of the sum.",
    ),
    Wrong(
        "C13",
        lambda w: _towers(colour_selectivity(w), slice(0, None, 2), slice(1, None, 2)),
        "You deal the kernels out in turn. The towers are the halves: kernels 0 to F/2 − 1, and the others.",
    ),
    Wrong(
        "V8",
        lambda w: _towers(colour_selectivity(w), slice(w.shape[3] // 2, None), slice(w.shape[3] // 2)),
        "The towers are swapped: the first half of the kernels comes first.",
    ),
    Wrong(
        "V9",
        _share_of_sums,
        "You add the energies of all kernels in a tower, so the strongest decide. "
        "Take the mean of its kernels' shares.",
    ),
    Wrong("V9", _sums, "You add the shares of a tower; take their mean."),
    Wrong("V9", _medians, "You take the medians of the shares; take their means."),
)


def _colour_by_hand(arguments, output, index):
    (weight,) = arguments
    shares, half = colour_selectivity(weight), weight.shape[3] // 2
    if output != "shares":
        part = shares[:half] if output == "first" else shares[half:]
        return f"By hand: the mean of {', '.join(f'{share:.4f}' for share in part)} is {part.mean():.6g}."
    f = index[0]
    grey, energy = _grey(weight)[f], (weight[..., f] ** 2).sum()
    return (
        f"By hand: kernel {f} has energy {energy:.6g}, {grey:.6g} of it along grey; "
        f"1 − {grey:.6g}/{energy:.6g} = {shares[f]:.6g}."
    )


# ---------------------------------------------------------------------------------------------- nearest neighbours


def nearest(queries, pool, k):
    return neighbours.nearest(queries, pool, k)


def _points(seed=0, Q=4, P=9, D=5, k=3):
    """Rows of unequal length, so that ordering by product differs from ordering by distance."""
    rng = np.random.default_rng(seed)
    pool = rng.normal(0.4, 1, (P, D)) * rng.uniform(0.4, 2.5, (P, 1))
    return rng.normal(0.4, 1.2, (Q, D)), pool, k


def _more_points():
    return _points(1, 6, 11, 3, 2)


def _pixels():
    rng = np.random.default_rng(2)
    return rng.integers(0, 256, (5, 7), np.uint8), rng.integers(0, 256, (12, 7), np.uint8), 4


def _first_k(distances, start=0):
    """A `nearest` by another distance, (Q, D), (P, D) -> (Q, P); start: how many of the nearest to skip."""
    return lambda queries, pool, k: np.argsort(distances(queries, pool), axis=1, kind="stable")[:, start : start + k]


def _differences(measure):
    """A distance from all differences (Q, P, D), in float64."""
    return lambda a, b: measure(a[:, None].astype(np.float64) - b[None])


def _products(combine):
    """A distance from |a|², a·b, |b|²."""

    def distances(a, b):
        a, b = a.astype(np.float64), b.astype(np.float64)
        return combine((a * a).sum(axis=1)[:, None], a @ b.T, (b * b).sum(axis=1))

    return distances


def _cosine(a, ab, b):
    return ab / np.sqrt(a * b)


_squares = _differences(lambda d: (d**2).sum(axis=2))


def _in_whole_numbers(queries, pool, k):
    d = queries[:, None].astype(np.int64) - pool.astype(np.int64)
    return np.argsort((d * d).sum(axis=2), axis=1)[:, :k]


def _in_place_of_k(choose):
    return lambda queries, pool, k: choose(_squares(queries, pool), k)


def _one_of_each(function):
    """One query, one neighbour."""
    queries, pool, _ = _points()
    for Q, k in (1, 3), (4, 1), (1, 1):
        found, expected = function(queries[:Q].copy(), pool.copy(), k), nearest(queries[:Q], pool, k)
        if np.shape(found) != expected.shape:
            return f"For Q = {Q} and k = {k} its shape is {np.shape(found)}, expected {expected.shape}."
        if not np.array_equal(found, expected):
            return f"For Q = {Q} and k = {k} it is {np.asarray(found).tolist()}, expected {expected.tolist()}."
    return True


def _large_pictures():
    """Squared distances on both sides of 2³¹."""
    pool = np.random.default_rng(3).integers(0, 9, (4, 60_000), np.uint8) + np.array([[0], [40], [80], [160]], np.uint8)
    return 255 - pool[:2] // 16, pool, 3


def _fine(function):
    """Distances that differ in the fourth digit."""
    pool = np.array([[1.0006, 0.0], [0.0, 1.0002], [-1.0004, 0.0], [0.0, -1.0], [2.0, 1.0]])
    return np.array_equal(function(np.array([[0.0, 0.0]]), pool, 4), [[3, 1, 2, 0]])


def _ordered(function):
    """False if the right k rows come in the wrong order."""
    ordered = True
    for probe in _points, _more_points, _pixels:
        queries, pool, k = probe()
        found, right = np.asarray(function(queries.copy(), pool.copy(), k)), nearest(queries, pool, k)
        if found.shape != right.shape or not np.array_equal(np.sort(found, axis=1), np.sort(right, axis=1)):
            return True  # another mistake, which its values will name
        ordered = ordered and np.array_equal(found, right)
    return ordered


BYTES = "Pixels wrapped round: in uint8, 10 − 20 is 246 and 100 · 3 is 44. Convert both to float before you compute."
NEAREST_WRONG = (
    Wrong(
        "V10",
        _in_place_of_k(lambda d, k: np.argsort(d, axis=1)[:, -k:]),
        "These are the k farthest: argsort sorts upwards, so the nearest come first.",
    ),
    Wrong(
        "V10",
        _in_place_of_k(lambda d, k: np.argsort(-d, axis=1)[:, :k]),
        "These are the k farthest, the farthest first: take the smallest distances.",
    ),
    Wrong(
        "V11",
        _first_k(_squares, 1),
        "You skip the nearest, as if it were the query itself. The queries are not in this pool: start at 0.",
    ),
    Wrong(
        "V12",
        _first_k(_differences(lambda d: np.abs(d).sum(axis=2))),
        "You add absolute differences (city-block distance). Euclidean distance adds their squares.",
    ),
    Wrong(
        "V12",
        _first_k(_differences(lambda d: np.abs(d).max(axis=2))),
        "You take only the largest difference. Euclidean distance adds the squares of all.",
    ),
    Wrong(
        "V12",
        _first_k(_differences(lambda d: np.abs(d.sum(axis=2)))),
        "You add the differences with their signs, so they cancel. Square each of them first.",
    ),
    Wrong(
        "V12",
        _first_k(_differences(lambda d: d.sum(axis=2))),
        "You add the differences with their signs, so they cancel. Square each of them first.",
    ),
    Wrong(
        "V13",
        _first_k(_products(lambda a, ab, b: -_cosine(a, ab, b))),
        "You compare directions (the cosine), which ignores the rows' lengths. Take the distance.",
    ),
    Wrong(
        "V13",
        _first_k(_products(lambda a, ab, b: -ab)),
        "You rank by a·b alone, so long rows of the pool seem near to every query: |b|² is missing. "
        "|a − b|² = |a|² − 2a·b + |b|².",
    ),
    Wrong(
        "V14",
        _first_k(_products(lambda a, ab, b: ab)),
        "You sort a·b upwards, but it is a similarity: large means alike. Sort the distance, |a|² − 2a·b + |b|².",
    ),
    Wrong(
        "V14",
        _first_k(_products(_cosine)),
        "You sort the cosine upwards, but it is a similarity: large means alike. Sort the distance, |a − b|².",
    ),
    Wrong(
        "V15",
        _first_k(_products(lambda a, ab, b: a + 2 * ab + b)),
        "A sign is wrong: |a − b|² = |a|² − 2a·b + |b|². Yours is |a + b|².",
    ),
    Wrong("V15", _first_k(_products(lambda a, ab, b: a - ab + b)), "The 2 is missing: |a − b|² = |a|² − 2a·b + |b|²."),
    Wrong(
        "V15",
        _first_k(_products(lambda a, ab, b: a**0.5 - 2 * ab + b**0.5)),
        "|a|² is the sum of squares itself: take no root before you add the three terms.",
    ),
    Wrong(
        "V16",
        _in_place_of_k(lambda d, k: np.sort(d, axis=1)[:, :k]),
        "You return the squared distances. Return the row numbers in the pool: argsort, not sort.",
    ),
    Wrong(
        "V16",
        _in_place_of_k(lambda d, k: np.sort(d**0.5, axis=1)[:, :k]),
        "You return the distances. Return the row numbers in the pool: argsort, not sort.",
    ),
    Wrong(
        "V17",
        _in_place_of_k(lambda d, k: np.argsort(d, axis=0)[:, :k]),
        "You sort along the queries. Sort each row of the distances (Q, P): axis=1.",
    ),
    Wrong(
        "V17",
        lambda queries, pool, k: nearest(pool, queries, min(k, len(queries))),
        "You swapped queries and pool: return the nearest rows of the pool for each query, (Q, k).",
    ),
    Wrong(
        "V44", _in_whole_numbers, "You convert to integers, which cuts the fractions of floats off. Convert to float."
    ),
    Wrong("A3", _first_k(lambda a, b: ((a[:, None] - b[None]) ** 2).sum(axis=2)), BYTES),
    Wrong("A3", _first_k(lambda a, b: ((a[:, None] - b[None]).astype(np.float64) ** 2).sum(axis=2)), BYTES),
    Wrong(
        "A3",
        _first_k(lambda a, b: (a * a).sum(axis=1)[:, None].astype(float) - 2.0 * (a @ b.T) + (b * b).sum(axis=1)),
        BYTES,
    ),
    Wrong("A3", _first_k(lambda a, b: (a * a).sum(axis=1)[:, None] - 2 * (a @ b.T) + (b * b).sum(axis=1)), BYTES),
    Wrong(
        "A3",
        _first_k(lambda a, b: ((_narrow(a)[:, None] - _narrow(b)[None]) ** 2).sum(axis=2)),
        "Squares wrapped round: int16 ends at 32,767, and 200² is 40,000. Convert both to float before you compute.",
    ),
)


def _narrow(a):
    """Bytes as int16; other types unchanged."""
    return a.astype(np.int16) if a.dtype == np.uint8 else a


def _nearest_by_hand(arguments, output, index):
    queries, pool, _ = arguments
    distances = _squares(queries, pool)[index[0]] ** 0.5
    order = np.argsort(distances)[:5]
    said = ", ".join(f"row {row} at {distances[row]:.4g}" for row in order)
    return f"By hand: the distances of query {index[0]}, smallest first: {said}, …"


# ---------------------------------------------------------------------------------------------- purity


def purity(labels, pool_labels, near):
    return neighbours.purity(labels, pool_labels[near])


def _neighbourhoods(seed=0, Q=13, P=20, k=4, K=3):
    rng = np.random.default_rng(seed)
    near = np.stack([rng.permutation(P)[:k] for _ in range(Q)])
    return rng.integers(0, K, Q), rng.integers(0, K, P), near


def _more_neighbourhoods():
    return _neighbourhoods(1, 9, 14, 5)


def _one_query_or_neighbour(function):
    labels, pool_labels, near = _more_neighbourhoods()
    for Q, k in (1, 5), (9, 1), (5, 5):
        arguments = labels[:Q], pool_labels, near[:Q, :k]
        found, expected = function(*(a.copy() for a in arguments)), purity(*arguments)
        if not np.allclose(found, expected):
            return f"For Q = {Q} and k = {k} it is {float(np.mean(found)):.6g}, expected {expected:.6g}."
    return True


def _alike(count):
    """A purity computed from the hits (Q, k)."""
    return lambda labels, pool_labels, near: count(pool_labels[near] == labels[:, None])


def _class_by_class(labels, pool_labels, near):
    own = (pool_labels[near] == labels[:, None]).mean(axis=1)
    return np.mean([own[labels == c].mean() for c in np.unique(labels)])


def _by_vote(labels, pool_labels, near):
    """How often the neighbours' most frequent class (the lowest if tied) is the query's."""
    votes = [np.bincount(row).argmax() for row in pool_labels[near]]
    return (np.array(votes) == labels).mean()


PURITY_WRONG = (
    Wrong(
        "V18",
        lambda labels, pool_labels, near: (near == labels[:, None]).mean(),
        "You compare the neighbours' numbers with classes. Look up their classes first: pool_labels[near].",
    ),
    Wrong(
        "V18",
        lambda labels, pool_labels, near: np.isin(pool_labels[near], labels).mean(),
        "You ask whether a neighbour has the class of any query. Compare it with its own: labels[:, None].",
    ),
    Wrong(
        "V19",
        _class_by_class,
        "You average within each class first, so that rare classes count for more. Take the mean over all neighbours.",
    ),
    Wrong("V19", _alike(lambda hits: hits[:, 0].mean()), "You count only the nearest: take the mean over all k."),
    Wrong(
        "V19",
        _alike(lambda hits: hits.any(axis=1).mean()),
        "You count a query in full if any neighbour has its class. Take the share of neighbours that do.",
    ),
    Wrong(
        "V19",
        _alike(lambda hits: hits.all(axis=1).mean()),
        "You count a query only if all neighbours have its class. Take the share of neighbours that do.",
    ),
    Wrong(
        "V19",
        _by_vote,
        "You let the neighbours vote and count the winner. That is a classifier; purity is the share of neighbours.",
    ),
    Wrong(
        "V20",
        _alike(lambda hits: hits.sum()),
        "You count the neighbours of the right class; divide by the number of neighbours, Q · k.",
    ),
    Wrong(
        "V20",
        _alike(lambda hits: hits.sum(axis=1).mean()),
        "You divide only by the number of queries; each has k neighbours.",
    ),
    Wrong("V20", _alike(lambda hits: hits.sum() / hits.shape[1]), "You divide only by k; there are Q queries."),
    Wrong("V20", _alike(lambda hits: 100 * hits.mean()), "That is in percent; return a fraction of 1."),
    Wrong("V20", _alike(lambda hits: hits.mean(axis=1)), "You return one share per query; take their mean."),
    Wrong("V21", _alike(lambda hits: 1 - hits.mean()), "That is the share of neighbours of another class."),
)


def _purity_by_hand(arguments, output, index):
    labels, pool_labels, near = arguments
    hits = pool_labels[near] == labels[:, None]
    return (
        f"By hand: query 0 has class {labels[0]}, its neighbours {', '.join(map(str, pool_labels[near][0]))}. "
        f"Of all {hits.size} neighbours, {hits.sum()} have their query's class: {hits.mean():.6g}."
    )


# ---------------------------------------------------------------------------------------------- occlusion


def occlusion(x, label, size, stride, score):
    return _occlusion()(x, label, size, stride, score).astype(np.float64)  # so that a map of zeros() is as good


def _cover(x, top, left, size, value):
    covered = x.copy()
    covered[top : top + size, left : left + size] = value
    return covered


def _one_class(logits, label):
    return softmax(logits)[:, label]


def _occlusion(cover=_cover, value=0.0, read=_one_class, step=lambda size, stride: stride, extra=(0, 0), keep=False):
    """`occlusion`, or a wrong version of it.

    cover: (x, top, left, size, value) -> the covered picture;  value: a number, or a function of x
    read: (scores, label) -> one number per place;  step: (size, stride) -> the distance between squares
    extra: additional places down and across;  keep: earlier squares stay
    """

    def occlude(x, label, size, stride, score):
        by = step(size, stride)
        tops = np.arange((x.shape[0] - size) // by + 1 + extra[0]) * by
        lefts = np.arange((x.shape[1] - size) // by + 1 + extra[1]) * by
        grey = value(x) if callable(value) else value
        pictures, now = [], x
        for top in tops:
            for left in lefts:
                pictures.append(cover(now if keep else x, top, left, size, grey))
                now = pictures[-1]
        return read(score(np.stack(pictures)), label).reshape(len(tops), len(lefts))

    return occlude


def _scores(weight, bias, tilt=0.0):
    """tilt: adds as much of the picture's sum to all classes, which changes no probability"""

    def score(x):
        """Logits (N, K) of pictures (N, H, W, 3), not linear in x, with other weights at each place."""
        if x.ndim != 4 or np.prod(x.shape[1:]) != len(weight):
            raise WrongKind(f"score: x.shape is {x.shape}, expected (N, H, W, 3)")
        flat = np.arcsinh(x).reshape(len(x), -1)
        return flat @ weight.astype(x.dtype) + bias.astype(x.dtype) + x.dtype.type(tilt) * flat.sum(axis=1)[:, None]

    return score


def _occlusion_probe(seed=0, size=(10, 13), label=2, far=0.0, square=4, stride=2, tilt=0.0, wide=0.15):
    rng = np.random.default_rng(seed)
    x = rng.normal(0.5, 1, (*size, 3))
    score = _scores(rng.normal(0, wide, (x.size, 4)), rng.normal(0, 0.5, 4) + far, tilt)
    return x, label, square, stride, score


def _second_occlusion_probe():
    return _occlusion_probe(1, (15, 9), 1, square=6, stride=3)


def _far_occlusion_probe():
    return _occlusion_probe(2, (9, 11), 3, far=900.0, square=3, stride=2, tilt=-100.0)


def _one_row_of_places(function):
    arguments = _occlusion_probe(3, (4, 9), 1)
    found, expected = function(*arguments), occlusion(*arguments)
    return np.shape(found) == expected.shape or f"Yours is {np.shape(found)}, expected {expected.shape}."


def _sure_net(function):
    """Probabilities next to 0 and 1."""
    arguments = _occlusion_probe(4, (8, 9), 0, square=3, stride=3, wide=30.0)
    found, expected = np.ravel(function(*arguments)), np.ravel(occlusion(*arguments))
    off = np.flatnonzero(~np.isclose(found, expected, rtol=1e-6, atol=1e-100))
    return True if not off.size else f"A p is {found[off[0]]:.4g}, expected {expected[off[0]]:.4g}."


def _many_places():
    return _occlusion_probe(5, (21, 23), 1, square=4, stride=1)


def _sure_in_float32():
    """Scores of about 100, whose exp float32 cannot hold."""
    x, *others, score = _occlusion_probe(6, (8, 9), 0, square=3, stride=3, far=95.0)
    return x.astype(np.float32), *others, score


def _whole_minus(x, label, size, stride, score):
    return softmax(score(x[None]))[0, label] - occlusion(x, label, size, stride, score)


def _best_class(x, label, size, stride, score):
    return occlusion(x, int(score(x[None])[0].argmax()), size, stride, score)


def _bare(logits, label):
    e = np.exp(logits)
    return (e / e.sum(axis=1, keepdims=True))[:, label]


def _shifted_by_one(logits):
    e = np.exp(logits - logits.max())
    return e / e.sum(axis=1, keepdims=True)


def _down(logits, label):
    return softmax(logits.T).T[:, label]


def _centred(x, top, left, size, value):
    top, left = max(top - size // 2, 0), max(left - size // 2, 0)
    return _cover(x, top, left, size, value)


def _uncovered(x, top, left, size, value):
    covered = np.full_like(x, value)
    covered[top : top + size, left : left + size] = x[top : top + size, left : left + size]
    return covered


def _one_channel(x, top, left, size, value):
    covered = x.copy()
    covered[top : top + size, left : left + size, 0] = value
    return covered


def _strip(x, top, left, size, value):
    covered = x.copy()
    covered[top : top + size] = value
    return covered


def _by_index(x, label, size, stride, score):
    """Squares at (r, c), not at (r · stride, c · stride)."""
    wrong = _occlusion(lambda x, top, left, size, value: _cover(x, top // stride, left // stride, size, value))
    return wrong(x, label, size, stride, score)


def _stride_wide(x, label, size, stride, score):
    wrong = _occlusion(lambda x, top, left, size, value: _cover(x, top, left, stride, value))
    return wrong(x, label, size, stride, score)


def _places_before(end):
    """The places of range(0, end, stride); end: a function of the picture's side, the square's and the stride."""

    def wrong(x, label, size, stride, score):
        extra = [-(-end(side, size, stride) // stride) - ((side - size) // stride + 1) for side in x.shape[:2]]
        return _occlusion(extra=extra)(x, label, size, stride, score)

    return wrong


WHITE = "is a bright spot, which the net can see. Grey is 0 here: the mean is subtracted already."
OCCLUSION_WRONG = (
    Wrong(
        "V22",
        _occlusion(keep=True),
        "Your squares stay, so at the end the whole picture is covered. Take a fresh copy of x for each place.",
    ),
    Wrong("V23", _occlusion(read=lambda logits, label: logits[:, label]), "You return scores: take the softmax."),
    Wrong(
        "S3",
        _occlusion(read=_down),
        "Your softmax runs over the places, not the classes: with scores (M, K), axis 1 must sum to 1.",
    ),
    Wrong("S1", _occlusion(read=_bare), "exp overflows for large scores: subtract each row's maximum first."),
    Wrong(
        "S2",
        _occlusion(read=lambda logits, label: _shifted_by_one(logits)[:, label]),
        "You subtract the maximum of all places, so exp underflows to 0 at others. Subtract each *row's*.",
    ),
    Wrong(
        "V24",
        _occlusion(read=lambda logits, label: softmax(logits).max(axis=1)),
        "You follow whichever class leads at each place. Follow one class, `label`, at all places.",
    ),
    Wrong("V24", _best_class, "You follow the net's answer to the whole picture. Follow the class `label`."),
    Wrong("V24", lambda x, label, *others: occlusion(x, 0, *others), "You follow class 0; follow the class `label`."),
    Wrong(
        "V25",
        _occlusion(read=lambda logits, label: 1 - softmax(logits)[:, label]),
        "That is 1 − p. Return the probability of the label itself.",
    ),
    Wrong("V25", _whole_minus, "That is the drop, p of the whole picture − p. Return p itself."),
    Wrong(
        "V25",
        _occlusion(read=lambda logits, label: np.log(softmax(logits)[:, label])),
        "That is log p. Return the probability itself.",
    ),
    Wrong("V26", _occlusion(value=255.0), f"A square of 255 {WHITE}"),
    Wrong("V26", _occlusion(value=1.0), f"A square of 1 {WHITE}"),
    Wrong(
        "V26",
        _occlusion(value=128.0),
        "128 is grey among bytes, but the mean is subtracted already: on this scale grey is 0.",
    ),
    Wrong(
        "V26",
        _occlusion(value=127.0),
        "127 is grey among bytes, but the mean is subtracted already: on this scale grey is 0.",
    ),
    Wrong(
        "V26",
        _occlusion(value=np.mean),
        "You cover with this picture's own mean. Grey is 0 here: the training set's mean is subtracted already.",
    ),
    Wrong(
        "V26",
        _occlusion(value=lambda x: x.mean(axis=(0, 1))),
        "You cover with this picture's own mean colour. Grey is 0 here: the training set's mean is subtracted already.",
    ),
    Wrong(
        "P2",
        _occlusion(step=lambda size, stride: size),
        "Your squares lie side by side: they step by their size. Step by `stride`, so that they overlap.",
    ),
    Wrong("V27", _occlusion(step=lambda size, stride: 1), "Your squares move by one pixel; step by `stride`."),
    Wrong(
        "C4",
        _by_index,
        "The number of places is right, but your squares move by one pixel: "
        "place (r, c) begins at row r · stride, column c · stride.",
    ),
    Wrong(
        "V28",
        _places_before(lambda side, size, stride: side - size),
        "The last place is missing: the square may end where the picture ends, so the range must go to H − size + 1.",
    ),
    Wrong(
        "V28",
        _places_before(lambda side, size, stride: side),
        "Some of your squares reach beyond the edge. All must end within the picture: (H − size) // stride + 1 places.",
    ),
    Wrong(
        "V28",
        _places_before(lambda side, size, stride: side - size + stride),
        "Some of your squares reach beyond the edge. Round down, not up: (H − size) // stride + 1 places.",
    ),
    Wrong(
        "C7",
        _occlusion(lambda x, top, left, size, value: _cover(x, left, top, size, value)),
        "Your squares' rows and columns are swapped: "
        "the square of entry [r, c] begins at row r · stride, column c · stride.",
    ),
    Wrong(
        "C7",
        lambda *arguments: occlusion(*arguments).T,
        "Your map's rows and columns are swapped: entry [r, c] is the place r down, c across.",
    ),
    Wrong(
        "V29",
        _occlusion(_centred),
        "You centre the squares at their place. They begin there and reach `size` down and to the right.",
    ),
    Wrong(
        "V29",
        _occlusion(lambda x, top, left, size, value: _cover(x, top, left, size - 1, value)),
        "Your squares are one pixel short: a slice excludes its end, so it is top : top + size.",
    ),
    Wrong("V29", _stride_wide, "Your squares are `stride` wide; make them `size` wide and move them by `stride`."),
    Wrong("V30", _occlusion(_uncovered), "You cover everything except the square. Cover the square."),
    Wrong("V30", _occlusion(_one_channel), "You cover only red; all three channels must become 0."),
    Wrong(
        "V30",
        _occlusion(_strip),
        "You cover whole rows; the square has columns too: [top : top + size, left : left + size].",
    ),
)


def _occlusion_by_hand(arguments, output, index):
    x, label, size, stride, score = arguments
    top, left = index[0] * stride, index[1] * stride
    p = softmax(score(_cover(x, top, left, size, 0)[None]))[0]
    return (
        f"By hand: with 0 in rows {top} to {top + size - 1}, columns {left} to {left + size - 1}, the softmax is "
        f"{', '.join(f'{value:.4f}' for value in p)}; class {label} has {p[label]:.6g}."
    )


# ---------------------------------------------------------------------------------------------- confusion


def confusion(labels, answers, K):
    matrix = errors.confusion(labels, answers, K)
    ((true, answer, _),) = errors.largest_confusions(matrix, 1)
    return matrix, np.array([true, answer])


# true classes in rows, answers in columns
COUNTS = np.array([[9, 0, 0, 4, 0, 0], [2, 2, 0, 3, 1, 0], [0] * 6, [1, 3, 0, 6, 0, 0], [2, 0, 0, 0, 5, 0], [0] * 6])
MORE_COUNTS = np.array([[3, 2, 4, 0, 0], [0, 261, 1, 3, 0], [2, 5, 4, 4, 0], [4, 0, 4, 5, 0], [0] * 5])


def _answers(counts=COUNTS, seed=0):
    """One mistake is the most frequent; one class has no pictures, and the last is never answered either."""
    pairs = np.repeat(np.argwhere(counts), counts[counts > 0], axis=0)
    labels, answers = np.random.default_rng(seed).permutation(pairs).T
    return labels.copy(), answers.copy(), len(counts)


def _more_answers():
    return _answers(MORE_COUNTS, 1)


def _single_mistake(function):
    """One mistake, made once."""
    found = np.asarray(function(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2]), 3)[1])
    return (
        found.tolist() == [2, 1] or f"If class 2 got the answer 1 once, your pair is {found.tolist()}, expected [2, 1]."
    )


def _off(matrix):
    """The matrix with 0 on its diagonal."""
    return np.where(np.eye(len(matrix), dtype=bool), 0, matrix)


def _pair(matrix):
    """Row and column of the largest entry."""
    return np.array(np.unravel_index(np.nanargmax(matrix), matrix.shape))


def _matrix(change):
    """`confusion` with a changed matrix, and the largest entry off its diagonal."""

    def wrong(labels, answers, K):
        matrix = change(errors.confusion(labels, answers, K))
        return matrix, _pair(_off(matrix))

    return wrong


def _search(find):
    """`confusion` with the right matrix, but another way to find the pair."""

    def wrong(labels, answers, K):
        matrix = errors.confusion(labels, answers, K)
        return matrix, find(matrix)

    return wrong


def _once(labels, answers, K):
    matrix = np.zeros((K, K), int)
    matrix[labels, answers] += 1
    return matrix, _pair(_off(matrix))


def _too_small(labels, answers, K):
    return confusion(labels, answers, int(max(labels.max(), answers.max())) + 1)


def _emptied(labels, answers, K):
    matrix, pair = confusion(labels, answers, K)
    return _off(matrix), pair


def _shares_of(axis):
    return lambda matrix: matrix / matrix.sum(axis=axis, keepdims=True)


def _for_itself(matrix):
    """The class with the most mistakes, and the answer given wrongly most often."""
    return np.array([_off(matrix).sum(axis=axis).argmax() for axis in (1, 0)])


CONFUSION_WRONG = (
    Wrong(
        "V31",
        lambda labels, answers, K: (confusion(labels, answers, K)[0].T, confusion(labels, answers, K)[1]),
        "Your matrix is transposed: true classes in rows, answers in columns.",
    ),
    Wrong(
        "V31",
        _matrix(lambda m: m.T),
        "Your matrix is transposed: true classes in rows, answers in columns. So the pair is swapped too.",
    ),
    Wrong(
        "V31",
        _search(lambda m: _pair(_off(m))[::-1]),
        "Your pair is swapped: first the true class (the row), then the answer (the column).",
    ),
    *(
        Wrong("V45", _search(find), f"You search only {side} the diagonal: mistakes lie on both sides of it.")
        for side, find in (("above", lambda m: _pair(np.triu(m, 1))), ("below", lambda m: _pair(np.tril(m, -1))))
    ),
    Wrong("V32", _search(_pair), "You found the diagonal, the right answers. Look for the largest entry off it."),
    Wrong("V33", _matrix(_shares_of(0)), "You divide each column by its sum. The matrix holds counts."),
    Wrong("V33", _matrix(_shares_of(1)), "You divide each row by its sum. The matrix holds counts."),
    Wrong("V33", _matrix(_shares_of((0, 1))), "You divide by the number of pictures. The matrix holds counts."),
    Wrong(
        "V34",
        _once,
        "No entry is above 1: matrix[labels, answers] += 1 adds a repeated pair only once. "
        "Loop, or use np.add.at or np.bincount.",
    ),
    Wrong("V35", _matrix(lambda m: m + m.T), "You add a taken for b and b taken for a. They are two entries."),
    Wrong(
        "V35",
        _search(lambda m: _pair(_off(m + m.T))),
        "You add a taken for b and b taken for a before you search. They are two entries; find the larger one.",
    ),
    Wrong(
        "V36", _emptied, "The diagonal of the matrix is 0: you search in the matrix that you return. Search in a copy."
    ),
    Wrong("V37", _too_small, "Classes that never occur are missing: the matrix always has K rows and K columns."),
    Wrong(
        "V38",
        _search(lambda m: _pair(_off(m) / m.sum(axis=1, keepdims=True))),
        "You take the largest share of a row, which favours rare classes. Find the largest count.",
    ),
    Wrong(
        "V38",
        _search(lambda m: _pair(_off(m) / m.sum(axis=0))),
        "You take the largest share of a column, which favours rare answers. Find the largest count.",
    ),
    Wrong(
        "V38",
        _search(_for_itself),
        "You find the class with the most mistakes and, separately, the most frequent wrong answer. "
        "They need not belong together: find the largest entry.",
    ),
)


def _confusion_by_hand(arguments, output, index):
    labels, answers, K = arguments
    matrix, (true, answer) = confusion(labels, answers, K)
    if output == "matrix":
        i, j = index
        return f"By hand: {matrix[i, j]} pictures of class {i} got the answer {j}."
    return f"By hand: off the diagonal the largest entry is {matrix[true, answer]}, in row {true}, column {answer}."


LESSON = Lesson(
    "15",
    "Looking inside",
    60,
    20,
    (
        Exercise(
            "15-colour",
            "colour_shares",
            colour_shares,
            (_kernel_probe, _second_kernel_probe, _small_kernel_probe),
            ("shares", "first", "second"),
            wrong=COLOUR_WRONG,
            by_hand=_colour_by_hand,
            outside=("one", "zeros", "far"),
            axes={"shares": ("kernel",)},
            hints=(
                "How long is the shadow of (r, g, b) on the line r = g = b? "
                "What remains of (1, 1, 1) without its shadow?",
                "share = 1 − Σ (r + g + b)²/3 / Σ (r² + g² + b²), both sums over the pixels of one kernel",
                "grey = (weight.sum(axis=2) ** 2).sum(axis=(0, 1)) / 3",
            ),
        ),
        Exercise(
            "15-nearest",
            "nearest",
            nearest,
            (_points, _more_points, _pixels),
            ("near",),
            wrong=NEAREST_WRONG,
            by_hand=_nearest_by_hand,
            outside=("number", "zeros"),
            axes={"near": ("row", "place")},
            properties=(
                Property(
                    "V39",
                    _ordered,
                    "The rows are right but not in order: the nearest comes first. "
                    "(argpartition finds the k smallest without sorting them.)",
                ),
                Property("V40", _one_of_each, "It is not right yet for one query or one neighbour.", late=True),
                case("for 60,000 bytes a picture", nearest, _large_pictures, ("near",)),
                Property("V41", _fine, "Distances that differ in the fourth digit come in the wrong order.", late=True),
            ),
            hints=(
                "What type are the pixels, and what is 10 − 20 in that type? What does argsort put first?",
                "|a − b|² = |a|² − 2 a·b + |b|² for all pairs (Q, P); "
                "in each row the k columns with the smallest, smallest first",
                "squared = (a * a).sum(axis=1)[:, None] - 2 * (a @ b.T) + (b * b).sum(axis=1)  # a, b in float64",
            ),
        ),
        Exercise(
            "15-purity",
            "purity",
            purity,
            (_neighbourhoods, _more_neighbourhoods),
            ("purity",),
            wrong=PURITY_WRONG,
            by_hand=_purity_by_hand,
            properties=(
                Property(
                    "V40", _one_query_or_neighbour, "It is not right yet for few queries or neighbours.", late=True
                ),
            ),
            hints=(
                "`near` holds picture numbers. Where do you find the class of picture 17 of the pool?",
                "purity = 1/(Q·k) · Σ over queries q and their neighbours p of [pool_labels[p] = labels[q]]",
                "pool_labels[near] == labels[:, None]  # (Q, k)",
            ),
        ),
        Exercise(
            "15-occlusion",
            "occlusion",
            occlusion,
            (_occlusion_probe, _second_occlusion_probe, _far_occlusion_probe),
            ("p",),
            wrong=OCCLUSION_WRONG,
            by_hand=_occlusion_by_hand,
            properties=(
                Property(
                    "V42", _one_row_of_places, "A square as high as the picture has one row of places.", late=True
                ),
                Property("V43", _sure_net, "Your softmax is not right where the net is nearly sure.", late=True),
                case("for hundreds of places", occlusion, _many_places, ("p",)),
                case("for scores near 100 in float32", occlusion, _sure_in_float32, ("p",)),
            ),
            axes={"p": ("row", "column")},
            hints=(
                "A side of 10, a square of 4, steps of 2: where does the first square begin, and where the last?",
                "p[r, c] = softmax(score(x with rows r·stride … + size − 1, "
                "columns c·stride … + size − 1 at 0))[label]",
                "covered = x.copy(); covered[top : top + size, left : left + size] = 0",
            ),
        ),
        Exercise(
            "15-confusion",
            "confusion",
            confusion,
            (_answers, _more_answers),
            ("matrix", "pair"),
            wrong=CONFUSION_WRONG,
            by_hand=_confusion_by_hand,
            properties=(Property("V32", _single_mistake, "A single mistake is not found.", late=True),),
            axes={"matrix": ("class", "answer")},
            hints=(
                "Which entry does one picture add to? Which entries are not mistakes?",
                "matrix[i, j] = how many pictures have label i and answer j; "
                "pair = the (i, j) with i ≠ j where it is largest",
                "pair = np.array(np.unravel_index(wrong.argmax(), wrong.shape))  # wrong: "
                "a copy with 0 on its diagonal",
            ),
        ),
    ),
)
