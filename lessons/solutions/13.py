"""Lesson 13: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import numpy as np


def draw_places(N, H, W, crop, rng):
    tops = rng.integers(0, H - crop + 1, N)  # the upper end is left out, so + 1
    lefts = rng.integers(0, W - crop + 1, N)
    mirrored = rng.random(N) < 0.5
    return tops, lefts, mirrored


def draw_places_one_by_one(N, H, W, crop, rng):
    places = [(rng.integers(H - crop, endpoint=True), rng.integers(W - crop, endpoint=True)) for _ in range(N)]
    tops, lefts = np.array(places).T
    return tops, lefts, np.array([rng.integers(2) == 1 for _ in range(N)])


def draw_places_by_floor(N, H, W, crop, rng):
    u = rng.random((3, N))
    return (u[0] * (H - crop + 1)).astype(int), (u[1] * (W - crop + 1)).astype(int), u[2] > 0.5


def cut(pictures, mean, tops, lefts, mirrored, crop):
    x = np.empty((len(pictures), crop, crop, 3), mean.dtype)
    for n, (top, left) in enumerate(zip(tops, lefts)):
        window = slice(top, top + crop), slice(left, left + crop)
        x[n] = pictures[n][window].astype(mean.dtype) - mean[window]
        if mirrored[n]:
            x[n] = x[n, :, ::-1].copy()
    return x


def cut_by_index(pictures, mean, tops, lefts, mirrored, crop):
    n, i, j = np.ogrid[: len(pictures), :crop, :crop]
    rows = np.asarray(tops)[:, None, None] + i
    columns = np.asarray(lefts)[:, None, None] + np.where(np.asarray(mirrored)[:, None, None], crop - 1 - j, j)
    return pictures[n, rows, columns] - mean[rows, columns]


def cut_after_centring(pictures, mean, tops, lefts, mirrored, crop):
    centred = pictures.astype(mean.dtype) - mean
    crops = [p[t : t + crop, l : l + crop] for p, t, l in zip(centred, tops, lefts)]
    return np.stack([np.flip(x, axis=1) if m else x for x, m in zip(crops, mirrored)])


def axes_of_colour(pictures):
    pixels = pictures.reshape(-1, 3) / 255.0
    pixels = pixels - pixels.mean(axis=0)
    covariance = pixels.T @ pixels / len(pixels)
    values, vectors = np.linalg.eigh(covariance)  # upwards, vectors in columns
    values, vectors = values[::-1], vectors[:, ::-1]
    for i in range(3):
        if vectors[np.abs(vectors[:, i]).argmax(), i] < 0:
            vectors[:, i] *= -1
    return values, vectors


def axes_of_colour_by_svd(pictures):
    pixels = np.float64(pictures).reshape(-1, 3) / 255
    pixels -= pixels.mean(0)
    _, sizes, rows = np.linalg.svd(pixels, full_matrices=False)
    signs = [np.sign(row[np.abs(row).argmax()]) for row in rows]
    return sizes**2 / len(pixels), (rows * np.array(signs)[:, None]).T


def axes_of_colour_by_cov(pictures):
    values, vectors = np.linalg.eig(np.cov(pictures.reshape(-1, 3).T / 255, bias=True))
    order = np.argsort(-values)
    values, vectors = values[order], vectors[:, order]
    return values, vectors * np.sign(np.take_along_axis(vectors, np.abs(vectors).argmax(0)[None], 0))


def colour_noise(x, eigenvalues, eigenvectors, rng):
    alphas = 0.1 * rng.standard_normal((len(x), 3))
    shifts = 255 * (alphas * eigenvalues) @ eigenvectors.T  # (N, 3)
    return x + shifts[:, None, None, :].astype(x.dtype)


def colour_noise_one_by_one(x, eigenvalues, eigenvectors, rng):
    y = np.empty_like(x)
    for n, picture in enumerate(x):
        shift = np.zeros(3)
        for i in range(3):
            shift += 255 * rng.normal(0, 0.1) * eigenvalues[i] * eigenvectors[:, i]
        y[n] = picture + shift
    return y


def colour_noise_by_einsum(x, eigenvalues, eigenvectors, rng):
    alphas = rng.normal(scale=0.1, size=(3, len(x)))
    return x + 255 * np.einsum("ci,i,in->nc", eigenvectors, eigenvalues, alphas).reshape(-1, 1, 1, 3)


def ten_crops(pictures, crop, score):
    def softmax(scores):
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    bottom, right = pictures.shape[1] - crop, pictures.shape[2] - crop
    total = 0
    for top, left in [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]:
        view = pictures[:, top : top + crop, left : left + crop]
        total = total + softmax(score(view)) + softmax(score(view[:, :, ::-1]))
    return total / 10


def ten_crops_at_once(pictures, crop, score):
    N, H, W, _ = pictures.shape
    bottom, right = H - crop, W - crop
    tops, lefts = (0, 0, bottom, bottom, bottom // 2), (0, right, 0, right, right // 2)
    five = np.stack([pictures[:, t : t + crop, l : l + crop] for t, l in zip(tops, lefts)])
    views = np.concatenate([five, np.flip(five, axis=3)])  # (10, N, T, T, 3)
    logits = score(views.reshape(-1, *views.shape[2:])).reshape(10, N, -1)
    logits = logits - logits.max(-1, keepdims=True)
    return (np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)).mean(0)


def ten_crops_picture_by_picture(pictures, crop, score):
    p = []
    for picture in pictures:
        views = []
        for side in (picture, picture[:, ::-1]):
            for rows in (side[:crop], side[-crop:]):
                views += [rows[:, :crop], rows[:, -crop:]]
        t, l = (picture.shape[0] - crop) // 2, (picture.shape[1] - crop) // 2
        centre = picture[t : t + crop, l : l + crop]
        logits = score(np.stack(views + [centre, centre[:, ::-1]]))
        e = np.exp(logits - logits.max(axis=1)[:, None])
        p.append((e / e.sum(axis=1)[:, None]).mean(axis=0))
    return np.array(p)


SOLUTIONS = {
    "13-draw": [draw_places, draw_places_one_by_one, draw_places_by_floor],
    "13-cut": [cut, cut_by_index, cut_after_centring],
    "13-axes": [axes_of_colour, axes_of_colour_by_svd, axes_of_colour_by_cov],
    "13-noise": [colour_noise, colour_noise_one_by_one, colour_noise_by_einsum],
    "13-ten": [ten_crops, ten_crops_at_once, ten_crops_picture_by_picture],
}
