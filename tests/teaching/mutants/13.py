"""Lesson 13: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import numpy as np


def upper_end_left_out(N, H, W, crop, rng):
    return rng.integers(0, H - crop, N), rng.integers(0, W - crop, N), rng.random(N) < 0.5


def upper_end_left_out_across(N, H, W, crop, rng):
    tops = [int(rng.integers(H - crop + 1)) for _ in range(N)]
    lefts = [int(rng.choice(np.arange(W - crop))) for _ in range(N)]
    return np.array(tops), np.array(lefts), rng.choice([True, False], N)


def one_place_for_the_batch(N, H, W, crop, rng):
    top, left = rng.integers(0, H - crop + 1), rng.integers(0, W - crop + 1)
    return np.repeat(top, N), np.repeat(left, N), rng.random(N) < 0.5


def one_coin_for_the_batch(N, H, W, crop, rng):
    mirror = rng.random() < 0.5
    return rng.integers(0, H - crop + 1, N), rng.integers(0, W - crop + 1, N), np.full(N, mirror)


def width_for_tops(N, H, W, crop, rng):
    tops, lefts = rng.integers(0, W - crop + 1, N), rng.integers(0, H - crop + 1, N)
    return tops, lefts, rng.integers(0, 2, N) == 1


def over_the_edge(N, H, W, crop, rng):
    return rng.integers(0, H, N), rng.integers(0, W, N), rng.random(N) < 0.5


def fractions_of_pixels(N, H, W, crop, rng):
    return rng.uniform(0, H - crop + 0.999, N), rng.uniform(0, W - crop + 0.999, N), rng.random(N) < 0.5


def rounded_places(N, H, W, crop, rng):
    return (
        np.rint(rng.random(N) * (H - crop)).astype(int),
        np.rint(rng.random(N) * (W - crop)).astype(int),
        rng.random(N) < 0.5,
    )


def never_mirrored_half(N, H, W, crop, rng):
    return rng.integers(0, H - crop + 1, N), rng.integers(0, W - crop + 1, N), rng.random(N) > 0.1


def one_number_for_all_three(N, H, W, crop, rng):
    u = rng.random(N)
    return (u * (H - crop + 1)).astype(int), (u * (W - crop + 1)).astype(int), u < 0.5


def seeded_inside(N, H, W, crop, rng):
    rng = np.random.default_rng(0)
    return rng.integers(0, H - crop + 1, N), rng.integers(0, W - crop + 1, N), rng.random(N) < 0.5


def no_generator(N, H, W, crop, rng):
    rng = np.random.default_rng()
    return rng.integers(0, H - crop + 1, N), rng.integers(0, W - crop + 1, N), rng.random(N) < 0.5


def exchanged_and_short(N, H, W, crop, rng):
    tops, lefts = rng.integers(0, W - crop, N), rng.integers(0, H - crop, N)
    return tops, lefts, rng.random(N) < 0.5


def flips_rows(pictures, mean, tops, lefts, mirrored, crop):
    out = []
    for i in range(len(pictures)):
        t, l = tops[i], lefts[i]
        x = pictures[i, t : t + crop, l : l + crop].astype(mean.dtype) - mean[t : t + crop, l : l + crop]
        out.append(np.flipud(x) if mirrored[i] else x)
    return np.array(out)


def flips_both(pictures, mean, tops, lefts, mirrored, crop):
    x = pictures.astype(mean.dtype) - mean
    x = [x[i, tops[i] : tops[i] + crop, lefts[i] : lefts[i] + crop] for i in range(len(x))]
    return np.stack([np.flip(a, (0, 1)) if m else a for a, m in zip(x, mirrored)])


def flips_colours(pictures, mean, tops, lefts, mirrored, crop):
    x = np.stack([(p - mean)[t : t + crop, l : l + crop] for p, t, l in zip(pictures, tops, lefts)])
    x[np.array(mirrored)] = x[np.array(mirrored)][..., ::-1]
    return x


def forgets_the_mirror(pictures, mean, tops, lefts, mirrored, crop):
    return np.stack([(p - mean)[t : t + crop, l : l + crop] for p, t, l in zip(pictures, tops, lefts)])


def mirrors_all(pictures, mean, tops, lefts, mirrored, crop):
    x = np.stack([(p - mean)[t : t + crop, l : l + crop] for p, t, l in zip(pictures, tops, lefts)])
    if mirrored.any():
        x = x[:, :, ::-1]
    return x


def first_place_for_all(pictures, mean, tops, lefts, mirrored, crop):
    t, l = tops[0], lefts[0]
    x = (pictures - mean)[:, t : t + crop, l : l + crop]
    return np.where(mirrored[:, None, None, None], x[:, :, ::-1], x)


def bytes_wrap(pictures, mean, tops, lefts, mirrored, crop):
    x = np.empty((len(pictures), crop, crop, 3), mean.dtype)
    for n in range(len(pictures)):
        rows, columns = slice(tops[n], tops[n] + crop), slice(lefts[n], lefts[n] + crop)
        x[n] = pictures[n, rows, columns] - mean[rows, columns].astype("uint8")
        if mirrored[n]:
            x[n] = x[n][:, ::-1].copy()
    return x


def central_mean(pictures, mean, tops, lefts, mirrored, crop):
    top, left = (mean.shape[0] - crop) // 2, (mean.shape[1] - crop) // 2
    m = mean[top : top + crop, left : left + crop]
    x = [p[t : t + crop, l : l + crop] for p, t, l in zip(pictures, tops, lefts)]
    return np.stack([a[:, ::-1] if f else a for a, f in zip(x, mirrored)]) - m


def first_corner_of_the_mean(pictures, mean, tops, lefts, mirrored, crop):
    x = [p[t : t + crop, l : l + crop] for p, t, l in zip(pictures, tops, lefts)]
    return np.stack([np.fliplr(a) if f else a for a, f in zip(x, mirrored)]) - mean[:crop, :crop]


def mean_after_the_mirror(pictures, mean, tops, lefts, mirrored, crop):
    out = np.zeros((len(pictures), crop, crop, 3), mean.dtype)
    for i, picture in enumerate(pictures):
        part = picture[tops[i] : tops[i] + crop, lefts[i] : lefts[i] + crop]
        if mirrored[i]:
            part = part[:, ::-1]
        out[i] = part - mean[tops[i] : tops[i] + crop, lefts[i] : lefts[i] + crop]
    return out


def no_mean(pictures, mean, tops, lefts, mirrored, crop):
    x = [p[t : t + crop, l : l + crop].astype(mean.dtype) for p, t, l in zip(pictures, tops, lefts)]
    return np.stack([np.fliplr(a) if f else a for a, f in zip(x, mirrored)])


def one_mean_colour(pictures, mean, tops, lefts, mirrored, crop):
    return no_mean(pictures, mean, tops, lefts, mirrored, crop) - mean.reshape(-1, 3).mean(0)


def rows_and_columns_exchanged(pictures, mean, tops, lefts, mirrored, crop):
    x = [(p - mean)[l : l + crop, t : t + crop] for p, t, l in zip(pictures, tops, lefts)]
    return np.stack([a[:, ::-1] if f else a for a, f in zip(x, mirrored)])


def mirrors_before_cutting(pictures, mean, tops, lefts, mirrored, crop):
    x = pictures - mean
    x = np.where(mirrored[:, None, None, None], x[:, :, ::-1], x)
    return np.stack([a[t : t + crop, l : l + crop] for a, t, l in zip(x, tops, lefts)])


def float64_always(pictures, mean, tops, lefts, mirrored, crop):
    x = np.zeros((len(pictures), crop, crop, 3))
    for i, (t, l, m) in enumerate(zip(tops, lefts, mirrored)):
        a = pictures[i, t : t + crop, l : l + crop] - mean[t : t + crop, l : l + crop]
        x[i] = a[:, ::-1] if m else a
    return x


def flips_rows_without_mean(pictures, mean, tops, lefts, mirrored, crop):
    x = [p[t : t + crop, l : l + crop].astype(mean.dtype) for p, t, l in zip(pictures, tops, lefts)]
    return np.stack([a[::-1] if f else a for a, f in zip(x, mirrored)])


def _sorted(covariance):
    values, vectors = np.linalg.eigh(covariance)
    for i in range(3):
        vectors[:, i] *= np.sign(vectors[abs(vectors[:, i]).argmax(), i])
    return values[::-1], vectors[:, ::-1]


def vectors_in_rows(pictures):
    values, vectors = _sorted(np.cov((pictures / 255).reshape(-1, 3), rowvar=False, bias=True))
    return values, vectors.T


def roots_of_the_values(pictures):
    values, vectors = _sorted(np.cov((pictures / 255).reshape(-1, 3), rowvar=False, bias=True))
    return np.sqrt(values), vectors


def upwards(pictures):
    values, vectors = _sorted(np.cov((pictures / 255).reshape(-1, 3).T, ddof=0))
    return np.sort(values), vectors[:, ::-1]


def only_the_values_turned(pictures):
    values, vectors = _sorted(np.cov((pictures / 255).reshape(-1, 3).T, ddof=0))
    return values, vectors[:, [2, 1, 0]]


def rows_turned(pictures):
    values, vectors = _sorted(np.cov((pictures / 255).reshape(-1, 3).T, ddof=0))
    return values, np.flipud(vectors)


def not_centred(pictures):
    p = pictures.reshape(-1, 3).astype(float) / 255
    return _sorted(np.einsum("ni,nj->ij", p, p) / len(p))


def mean_picture_subtracted(pictures):
    x = pictures / 255
    x -= x.mean(0)
    p = x.reshape(-1, 3)
    return _sorted(p.T @ p / len(p))


def own_mean_subtracted(pictures):
    total = 0
    for picture in pictures:
        total = total + np.cov((picture / 255).reshape(-1, 3).T, bias=True)
    return _sorted(total / len(pictures))


def numpy_cov(pictures):
    return _sorted(np.cov(pictures.reshape(-1, 3).T / 255))


def bytes_as_they_are(pictures):
    return _sorted(np.cov(pictures.reshape(-1, 3).T, bias=True))


def sum_not_mean(pictures):
    p = pictures.reshape(-1, 3) / 255
    p = p - p.mean(0)
    return _sorted(p.T @ p)


def singular_values(pictures):
    p = pictures.reshape(-1, 3) / 255
    p = p - p.mean(0)
    _, s, v = np.linalg.svd(p, full_matrices=False)
    v = v * np.sign(v[range(3), abs(v).argmax(1)])[:, None]
    return s / len(p) ** 0.5, v.T


def signs_left_alone(pictures):
    values, vectors = np.linalg.eigh(np.cov(pictures.reshape(-1, 3).T / 255, bias=True))
    vectors = vectors * -np.sign(vectors[abs(vectors).argmax(0), range(3)])
    return values[::-1], vectors[:, ::-1]


def bytes_and_rows(pictures):
    values, vectors = _sorted(np.cov(pictures.reshape(-1, 3).T, bias=True))
    return values, vectors.T


def noise_per_pixel(x, eigenvalues, eigenvectors, rng):
    alphas = rng.normal(0, 0.1, x.shape)
    return x + 255 * (alphas * eigenvalues) @ eigenvectors.T


def noise_per_column(x, eigenvalues, eigenvectors, rng):
    alphas = rng.normal(0, 0.1, (len(x), 1, x.shape[2], 3))
    return x + 255 * (alphas * eigenvalues) @ eigenvectors.T


def one_shift_for_the_batch(x, eigenvalues, eigenvectors, rng):
    alpha = rng.normal(0, 0.1, 3)
    return x + 255 * eigenvectors @ (alpha * eigenvalues)


def one_alpha_a_picture(x, eigenvalues, eigenvectors, rng):
    y = x.copy()
    for n in range(len(x)):
        y[n] += 255 * eigenvectors @ (rng.normal(0, 0.1) * eigenvalues)
    return y


def rows_of_the_matrix(x, eigenvalues, eigenvectors, rng):
    alphas = rng.normal(0, 0.1, (len(x), 3))
    return x + (255 * (alphas * eigenvalues) @ eigenvectors)[:, None, None]


def root_of_the_eigenvalue(x, eigenvalues, eigenvectors, rng):
    y = np.array(x)
    for n in range(len(x)):
        y[n] += 255 * eigenvectors @ (rng.normal(0, 0.1, 3) * np.sqrt(eigenvalues))
    return y


def a_tenth_as_variance(x, eigenvalues, eigenvectors, rng):
    a = np.sqrt(0.1) * rng.standard_normal((len(x), 3))
    return x + 255 * np.einsum("nk,k,ck->nc", a, eigenvalues, eigenvectors)[:, None, None]


def standard_normal(x, eigenvalues, eigenvectors, rng):
    a = rng.standard_normal((len(x), 3)) * eigenvalues
    return x + 255 * (a @ eigenvectors.T).reshape(len(x), 1, 1, 3)


def no_255(x, eigenvalues, eigenvectors, rng):
    shifts = np.stack([eigenvectors @ (rng.normal(0, 0.1, 3) * eigenvalues) for _ in x])
    return x + shifts[:, None, None, :]


def no_eigenvalues(x, eigenvalues, eigenvectors, rng):
    return x + 255 * (rng.normal(0, 0.1, (len(x), 3)) @ eigenvectors.T)[:, None, None, :]


def eigenvalues_turned(x, eigenvalues, eigenvectors, rng):
    alphas = rng.normal(0, 0.1, (len(x), 3)) * np.sort(eigenvalues)
    return x + 255 * (alphas @ eigenvectors.T)[:, None, None, :]


def always_brighter(x, eigenvalues, eigenvectors, rng):
    alphas = 0.1 * rng.random((len(x), 3))
    return x + 255 * ((alphas * eigenvalues) @ eigenvectors.T)[:, None, None, :]


def writes_into_x(x, eigenvalues, eigenvectors, rng):
    x += 255 * ((rng.normal(0, 0.1, (len(x), 3)) * eigenvalues) @ eigenvectors.T)[:, None, None, :]
    return x


def per_pixel_rows_of_the_matrix(x, eigenvalues, eigenvectors, rng):
    return x + 255 * (rng.normal(0, 0.1, x.shape) * eigenvalues) @ eigenvectors


def _softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _views(pictures, crop):
    H, W = pictures.shape[1:3]
    places = [(t, l) for t in (0, H - crop) for l in (0, W - crop)] + [((H - crop) // 2, (W - crop) // 2)]
    return [pictures[:, t : t + crop, l : l + crop] for t, l in places]


def average_of_scores(pictures, crop, score):
    views = _views(pictures, crop)
    total = sum(score(v) + score(v[:, :, ::-1]) for v in views)
    return _softmax(total / 10)


def views_and_pictures_mixed(pictures, crop, score):
    views = _views(pictures, crop)
    x = np.concatenate(views + [v[:, :, ::-1] for v in views])
    return _softmax(score(x)).reshape(len(pictures), 10, -1).mean(axis=1)


def scores_unsoftened(pictures, crop, score):
    views = _views(pictures, crop)
    return np.mean([score(v) for v in views] + [score(v[:, :, ::-1]) for v in views], axis=0)


def softmax_over_pictures(pictures, crop, score):
    p = 0
    for v in _views(pictures, crop):
        for x in (v, v[:, :, ::-1]):
            s = score(x)
            e = np.exp(s - s.max(0))
            p = p + e / e.sum(0) / 10
    return p


def the_best_view(pictures, crop, score):
    p = [_softmax(score(x)) for v in _views(pictures, crop) for x in (v, np.flip(v, 2))]
    return np.maximum.reduce(p)


def votes(pictures, crop, score):
    tally = 0
    for v in _views(pictures, crop):
        for x in (v, np.flip(v, 2)):
            s = score(x)
            tally = tally + (s == s.max(1, keepdims=True))
    return tally / 10.0


def overflowing(pictures, crop, score):
    p = 0
    for v in _views(pictures, crop):
        for x in (v, v[:, :, ::-1]):
            e = np.exp(score(x))
            p += e / e.sum(1, keepdims=True)
    return p / 10


def no_mirrors(pictures, crop, score):
    return np.mean([_softmax(score(v)) for v in _views(pictures, crop)], axis=0)


def mirrored_twice(pictures, crop, score):
    p = [_softmax(score(v[:, :, ::-1])) for v in _views(pictures, crop)]
    return sum(p + p) / 10


def no_centre(pictures, crop, score):
    p = [_softmax(score(x)) for v in _views(pictures, crop)[:4] for x in (v, v[:, :, ::-1])]
    return sum(p) / len(p)


def upside_down(pictures, crop, score):
    p = [_softmax(score(x)) for v in _views(pictures, crop) for x in (v, v[:, ::-1])]
    return sum(p) / 10


def batch_turned(pictures, crop, score):
    p = [_softmax(score(x)) for v in _views(pictures, crop) for x in (v, v[::-1])]
    return sum(p) / 10


def corners_one_short(pictures, crop, score):
    bottom, right = (side - crop - 1 for side in pictures.shape[1:3])
    p = 0
    for t, l in [(0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)]:
        v = pictures[:, t : t + crop, l : l + crop]
        p = p + _softmax(score(v)) + _softmax(score(v[:, :, ::-1]))
    return p / 10


def sum_of_ten(pictures, crop, score):
    return sum(_softmax(score(x)) for v in _views(pictures, crop) for x in (v, v[:, :, ::-1]))


def no_mirrors_and_scores_averaged(pictures, crop, score):
    return _softmax(np.mean([score(v) for v in _views(pictures, crop)], axis=0))


def zeros_and_ones(N, H, W, crop, rng):
    return rng.integers(0, H - crop + 1, N), rng.integers(0, W - crop + 1, N), rng.integers(0, 2, N)


def plain_lists(N, H, W, crop, rng):
    places = [(rng.integers(H - crop + 1), rng.integers(W - crop + 1), rng.random() < 0.5) for _ in range(N)]
    return tuple(map(list, zip(*places)))


def mirrored_first(N, H, W, crop, rng):
    return rng.random(N) < 0.5, rng.integers(0, H - crop + 1, N), rng.integers(0, W - crop + 1, N)


def every_other_mirrored(N, H, W, crop, rng):
    tops, lefts, _ = zeros_and_ones(N, H, W, crop, rng)
    return tops, lefts, np.arange(N) % 2 == rng.integers(2)


def half_of_the_batch(N, H, W, crop, rng):
    tops, lefts, _ = zeros_and_ones(N, H, W, crop, rng)
    return tops, lefts, rng.permutation(N) < N // 2


def not_put_back(N, H, W, crop, rng):
    across = W - crop + 1
    every = (H - crop + 1) * across
    place = np.concatenate([rng.permutation(every) for _ in range(N // every + 1)])[:N]
    return place // across, place % across, rng.random(N) < 0.5


def dealt_out(N, H, W, crop, rng):
    tops, lefts = rng.permutation(N) % (H - crop + 1), rng.permutation(N) % (W - crop + 1)
    return tops, lefts, rng.random(N) < 0.5


def in_pairs(N, H, W, crop, rng):
    tops, lefts, _ = zeros_and_ones((N + 1) // 2, H, W, crop, rng)
    return np.repeat(tops, 2)[:N], np.repeat(lefts, 2)[:N], rng.random(N) < 0.5


def runs_of_32(N, H, W, crop, rng):
    tops, lefts, mirrored = zeros_and_ones(N // 32 + 1, H, W, crop, rng)
    return tuple(np.repeat(part, 32)[:N] for part in (tops, lefts, mirrored == 1))


def the_same_128_again(N, H, W, crop, rng):
    tops, lefts, _ = zeros_and_ones(128, H, W, crop, rng)
    return np.resize(tops, N), np.resize(lefts, N), rng.random(N) < 0.5


def mirrored_by_the_place(N, H, W, crop, rng):
    across = W - crop + 1
    place = rng.integers(0, (H - crop + 1) * across, N)
    return place // across, place % across, place % 2 == 1


def overlapping_numbers(N, H, W, crop, rng):
    u = rng.random(N + 2)
    return (u[:N] * (H - crop + 1)).astype(int), (u[1:-1] * (W - crop + 1)).astype(int), u[2:] < 0.5


def coin_of_its_own(N, H, W, crop, rng):
    tops, lefts, _ = zeros_and_ones(N, H, W, crop, rng)
    return tops, lefts, np.random.default_rng(1).random(N) < 0.5


def mean_of_two_draws(N, H, W, crop, rng):
    u = (rng.random((2, N)) + rng.random((2, N))) / 2
    return (u[0] * (H - crop + 1)).astype(int), (u[1] * (W - crop + 1)).astype(int), rng.random(N) < 0.5


def squeezed_crops(pictures, mean, tops, lefts, mirrored, crop):
    x = [(p - mean)[t : t + crop, l : l + crop] for p, t, l in zip(pictures, tops, lefts)]
    return np.squeeze([a[:, ::-1] if f else a for a, f in zip(x, mirrored)])


def stops_before_the_last(pictures, mean, tops, lefts, mirrored, crop):
    lefts = np.minimum(lefts, pictures.shape[2] - crop - 1)
    x = [(p - mean)[t : t + crop, l : l + crop] for p, t, l in zip(pictures, tops, lefts)]
    return np.stack([np.fliplr(a) if f else a for a, f in zip(x, mirrored)])


def _signed(pictures, positive):
    """positive: function of the vectors: whether each should stay"""
    values, vectors = np.linalg.eigh(np.cov((pictures / 255).reshape(-1, 3).T, ddof=0))
    values, vectors = values[::-1], vectors[:, ::-1]
    return values, np.where(positive(vectors), 1, -1) * vectors


def first_entry_positive(pictures):
    return _signed(pictures, lambda v: v[0] > 0)


def sum_positive(pictures):
    return _signed(pictures, lambda v: v.sum(axis=0) > 0)


def diagonal_positive(pictures):
    return _signed(pictures, lambda v: np.diag(v) > 0)


def as_eig_returns_them(pictures):
    values, vectors = np.linalg.eig(np.cov((pictures / 255).reshape(-1, 3).T, ddof=0))
    return values, vectors * np.sign(vectors[abs(vectors).argmax(0), range(3)])


def _shifted(x, eigenvalues, eigenvectors, alphas):
    return x + 255 * ((alphas * eigenvalues) @ eigenvectors.T)[:, None, None, :]


def uniform_alphas(x, eigenvalues, eigenvectors, rng):
    return _shifted(x, eigenvalues, eigenvectors, 0.1 * 3**0.5 * rng.uniform(-1, 1, (len(x), 3)))


def alphas_cut(x, eigenvalues, eigenvectors, rng):
    return _shifted(x, eigenvalues, eigenvectors, rng.normal(0, 0.1, (len(x), 3)).clip(-0.2, 0.2))


def twice_as_strong(x, eigenvalues, eigenvectors, rng):
    return _shifted(x, eigenvalues, eigenvectors, rng.normal(0, 0.2, (len(x), 3)))


def nested_lists(x, eigenvalues, eigenvectors, rng):
    return _shifted(x, eigenvalues, eigenvectors, rng.normal(0, 0.1, (len(x), 3))).tolist()


def a_hundredth(x, eigenvalues, eigenvectors, rng):
    return _shifted(x, eigenvalues, eigenvectors, rng.normal(0, 0.1**2, (len(x), 3)))


def centred_alphas(x, eigenvalues, eigenvectors, rng):
    alphas = rng.normal(0, 0.1, (len(x), 3))
    return _shifted(x, eigenvalues, eigenvectors, alphas - alphas.mean(axis=0))


def opposite_pairs(x, eigenvalues, eigenvectors, rng):
    alphas = rng.normal(0, 0.1, ((len(x) + 1) // 2, 3))
    return _shifted(x, eigenvalues, eigenvectors, np.stack([alphas, -alphas], 1).reshape(-1, 3)[: len(x)])


def the_same_32_again(x, eigenvalues, eigenvectors, rng):
    return _shifted(x, eigenvalues, eigenvectors, np.resize(rng.normal(0, 0.1, (32, 3)), (len(x), 3)))


def seeded_noise(x, eigenvalues, eigenvectors, rng):
    return _shifted(x, eigenvalues, eigenvectors, np.random.default_rng(0).normal(0, 0.1, (len(x), 3)))


def two_alphas(x, eigenvalues, eigenvectors, rng):
    return _shifted(x, eigenvalues, eigenvectors, rng.normal(0, 0.1, (len(x), 2))[:, [0, 1, 1]])


def correlated_alphas(x, eigenvalues, eigenvectors, rng):
    a = rng.normal(0, 0.1, (len(x), 3))
    a[:, 2] = (a[:, 1] + a[:, 2]) / 2**0.5
    return _shifted(x, eigenvalues, eigenvectors, a)


def cut_to_bytes(x, eigenvalues, eigenvectors, rng):
    return _shifted(x, eigenvalues, eigenvectors, rng.normal(0, 0.1, (len(x), 3))).clip(0, 255)


def rounded_pixels(x, eigenvalues, eigenvectors, rng):
    return np.rint(_shifted(x, eigenvalues, eigenvectors, rng.normal(0, 0.1, (len(x), 3))))


def in_float32(x, eigenvalues, eigenvectors, rng):
    return _shifted(x, eigenvalues, eigenvectors, rng.normal(0, 0.1, (len(x), 3))).astype(np.float32)


def only_the_shift(x, eigenvalues, eigenvectors, rng):
    return _shifted(np.zeros_like(x), eigenvalues, eigenvectors, rng.normal(0, 0.1, (len(x), 3)))


def squares_of_the_values(x, eigenvalues, eigenvectors, rng):
    return _shifted(x, eigenvalues**2, eigenvectors, rng.normal(0, 0.1, (len(x), 3)))


def without_vectors(x, eigenvalues, eigenvectors, rng):
    return _shifted(x, eigenvalues, np.eye(3), rng.normal(0, 0.1, (len(x), 3)))


def values_on_channels(x, eigenvalues, eigenvectors, rng):
    return x + 255 * ((rng.normal(0, 0.1, (len(x), 3)) @ eigenvectors.T) * eigenvalues)[:, None, None, :]


def times_255_twice(x, eigenvalues, eigenvectors, rng):
    return _shifted(x, 255 * eigenvalues, eigenvectors, rng.normal(0, 0.1, (len(x), 3)))


def one_maximum_for_all(pictures, crop, score):
    p = 0
    for v in _views(pictures, crop):
        for x in (v, v[:, :, ::-1]):
            s = score(x)
            e = np.exp(s - s.max())
            p = p + e / e.sum(axis=1, keepdims=True)
    return p / 10


def squeezed_p(pictures, crop, score):
    return np.squeeze(sum(_softmax(score(x)) for v in _views(pictures, crop) for x in (v, v[:, :, ::-1])) / 10)


def cut_from_behind(pictures, crop, score):
    H, W = (side - crop for side in pictures.shape[1:3])
    four = [pictures[:, :-H, :-W], pictures[:, :-H, W:], pictures[:, H:, :-W], pictures[:, H:, W:]]
    views = [*four, pictures[:, H // 2 : H // 2 + crop, W // 2 : W // 2 + crop]]
    return sum(_softmax(score(x)) for v in views for x in (v, v[:, :, ::-1])) / 10


def geometric_mean(pictures, crop, score):
    logs = [np.log(_softmax(score(x))) for v in _views(pictures, crop) for x in (v, v[:, :, ::-1])]
    return np.exp(np.mean(logs, axis=0))


def centre_rounded_up(pictures, crop, score):
    H, W = (side - crop + 1 for side in pictures.shape[1:3])
    views = [*_views(pictures, crop)[:4], pictures[:, H // 2 : H // 2 + crop, W // 2 : W // 2 + crop]]
    return sum(_softmax(score(x)) for v in views for x in (v, v[:, :, ::-1])) / 10


def all_positive(pictures):
    values, vectors = np.linalg.eigh(np.cov((pictures / 255).reshape(-1, 3).T, ddof=0))
    return values[::-1], abs(vectors)[:, ::-1]


def of_the_correlation(pictures):
    return _sorted(np.corrcoef((pictures / 255).reshape(-1, 3).T))


def eleven_by_fourteen(N, H, W, crop, rng):
    return rng.integers(0, 4, N), rng.integers(0, 7, N), rng.random(N) < 0.5


def crops_of_eight(N, H, W, crop, rng):
    return rng.integers(0, max(H - 7, 1), N), rng.integers(0, max(W - 7, 1), N), rng.random(N) < 0.5


# ---------------------------------------------------------------------------------------------- right but for a corner


def bytes_without_a_mean(pictures, mean, tops, lefts, mirrored, crop):
    centred = pictures - mean if mean.any() else pictures
    parts = [c[t : t + crop, l : l + crop] for c, t, l in zip(centred, tops, lefts)]
    return np.stack([part[:, ::-1] if m else part for part, m in zip(parts, mirrored)])


def wide_odd_crops_not_mirrored(pictures, mean, tops, lefts, mirrored, crop):
    views = [np.s_[t : t + crop, l : l + crop] for t, l in zip(tops, lefts)]
    x = np.stack([picture[view] - mean[view] for picture, view in zip(pictures, views)])
    if crop % 2 == 0 or crop < 8:
        x[mirrored] = x[mirrored][:, :, ::-1]
    return x


def alphas_within_four_deviations(x, eigenvalues, eigenvectors, rng):
    alphas = np.clip(rng.normal(0, 0.1, (len(x), 3)), -0.4, 0.4)
    shifts = 255 * (alphas * eigenvalues) @ eigenvectors.T
    return x + shifts[:, None, None, :].astype(x.dtype)


MUTANTS = [
    ("13-draw", "A1", upper_end_left_out),
    ("13-draw", "A1", upper_end_left_out_across),
    ("13-draw", "A6", one_place_for_the_batch),
    ("13-draw", "A6", one_coin_for_the_batch),
    ("13-draw", "A7", width_for_tops),
    ("13-draw", "A14", over_the_edge),
    ("13-draw", "A44", fractions_of_pixels),
    ("13-draw", "A15", rounded_places),
    ("13-draw", "A16", never_mirrored_half),
    ("13-draw", "A17", one_number_for_all_three),
    ("13-draw", "A18", seeded_inside),
    ("13-draw", "A18", no_generator),
    ("13-draw", "A7", exchanged_and_short),
    ("13-draw", "A44", zeros_and_ones),
    ("13-draw", "kind", plain_lists),
    ("13-draw", "A44", mirrored_first),
    ("13-draw", "A45", every_other_mirrored),
    ("13-draw", "A17", half_of_the_batch),
    ("13-draw", "A17", not_put_back),
    ("13-draw", "A17", dealt_out),
    ("13-draw", "A45", in_pairs),
    ("13-draw", "A45", runs_of_32),
    ("13-draw", "A45", the_same_128_again),
    ("13-draw", "A17", mirrored_by_the_place),
    ("13-draw", "A17", overlapping_numbers),
    ("13-draw", "A18", coin_of_its_own),
    ("13-draw", "A15", mean_of_two_draws),
    ("13-draw", "A14", eleven_by_fourteen),
    ("13-draw", "A14", crops_of_eight),
    ("13-cut", "A2", flips_rows),
    ("13-cut", "A2", flips_both),
    ("13-cut", "A2", flips_colours),
    ("13-cut", "A2", forgets_the_mirror),
    ("13-cut", "A2", mirrors_all),
    ("13-cut", "A6", first_place_for_all),
    ("13-cut", "A3", bytes_wrap),
    ("13-cut", "A5", central_mean),
    ("13-cut", "A5", first_corner_of_the_mean),
    ("13-cut", "A5", mean_after_the_mirror),
    ("13-cut", "A5", no_mean),
    ("13-cut", "A5", one_mean_colour),
    ("13-cut", "A7", rows_and_columns_exchanged),
    ("13-cut", "A8", mirrors_before_cutting),
    ("13-cut", "C16", float64_always),
    ("13-cut", "two: A2 + zero", flips_rows_without_mean),
    ("13-cut", "A46", squeezed_crops),
    ("13-cut", "A46", stops_before_the_last),
    ("13-axes", "A4", vectors_in_rows),
    ("13-axes", "A4", roots_of_the_values),
    ("13-axes", "A4", singular_values),
    ("13-axes", "A9", upwards),
    ("13-axes", "A9", only_the_values_turned),
    ("13-axes", "A9", rows_turned),
    ("13-axes", "A10", not_centred),
    ("13-axes", "A10", mean_picture_subtracted),
    ("13-axes", "A10", own_mean_subtracted),
    ("13-axes", "A10", numpy_cov),
    ("13-axes", "A11", bytes_as_they_are),
    ("13-axes", "A11", sum_not_mean),
    ("13-axes", "A13", signs_left_alone),
    ("13-axes", "two: A11 + A4", bytes_and_rows),
    ("13-axes", "A13", first_entry_positive),
    ("13-axes", "A13", sum_positive),
    ("13-axes", "A13", diagonal_positive),
    ("13-axes", "A9", as_eig_returns_them),
    ("13-axes", "A13", all_positive),
    ("13-axes", "A10", of_the_correlation),
    ("13-noise", "A5", noise_per_pixel),
    ("13-noise", "A5", noise_per_column),
    ("13-noise", "A6", one_shift_for_the_batch),
    ("13-noise", "A41", one_alpha_a_picture),
    ("13-noise", "A4", rows_of_the_matrix),
    ("13-noise", "A4", root_of_the_eigenvalue),
    ("13-noise", "A42", a_tenth_as_variance),
    ("13-noise", "A42", standard_normal),
    ("13-noise", "A11", no_255),
    ("13-noise", "A43", no_eigenvalues),
    ("13-noise", "A43", eigenvalues_turned),
    ("13-noise", "A40", always_brighter),
    ("13-noise", "unchanged", writes_into_x),
    ("13-noise", "A5", per_pixel_rows_of_the_matrix),
    ("13-noise", "A48", uniform_alphas),
    ("13-noise", "A48", alphas_cut),
    ("13-noise", "A48", twice_as_strong),
    ("13-noise", "kind", nested_lists),
    ("13-noise", "A42", a_hundredth),
    ("13-noise", "A48", centred_alphas),
    ("13-noise", "A49", opposite_pairs),
    ("13-noise", "A49", the_same_32_again),
    ("13-noise", "A18", seeded_noise),
    ("13-noise", "A41", two_alphas),
    ("13-noise", "A49", correlated_alphas),
    ("13-noise", "A47", cut_to_bytes),
    ("13-noise", "A47", rounded_pixels),
    ("13-noise", "A47", in_float32),
    ("13-noise", "A47", only_the_shift),
    ("13-noise", "A43", squares_of_the_values),
    ("13-noise", "A43", without_vectors),
    ("13-noise", "A43", values_on_channels),
    ("13-noise", "A11", times_255_twice),
    ("13-ten", "M3", average_of_scores),
    ("13-ten", "M3", views_and_pictures_mixed),
    ("13-ten", "M3", scores_unsoftened),
    ("13-ten", "M3", softmax_over_pictures),
    ("13-ten", "M3", the_best_view),
    ("13-ten", "M3", votes),
    ("13-ten", "S1", overflowing),
    ("13-ten", "A12", no_mirrors),
    ("13-ten", "A12", mirrored_twice),
    ("13-ten", "A12", no_centre),
    ("13-ten", "A2", upside_down),
    ("13-ten", "A2", batch_turned),
    ("13-ten", "A1", corners_one_short),
    ("13-ten", "ratio", sum_of_ten),
    ("13-ten", None, no_mirrors_and_scores_averaged),
    ("13-ten", "S2", one_maximum_for_all),
    ("13-ten", "A50", squeezed_p),
    ("13-ten", "kind", cut_from_behind),
    ("13-ten", "M3", geometric_mean),
    ("13-ten", "A12", centre_rounded_up),
    ("13-cut", "zeros", bytes_without_a_mean),
    ("13-cut", "case", wide_odd_crops_not_mirrored),
    ("13-noise", "A48", alphas_within_four_deviations),
]
