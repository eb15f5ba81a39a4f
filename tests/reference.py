"""Every layer as plain loops: obvious, slow, NumPy only, float64. The oracle of the tests; training never imports it.

N pictures, H × W pixels, C channels in, F channels out, KH × KW kernel, SH × SW stride, PH × PW padding, G groups.
Windows are named by their corner: window (i, j) starts at row i·SH − PH, column j·SW − PW of the picture.
"""

import math

import numpy as np


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def out_size(size, kernel, stride, padding, rounding=None):
    """How many windows fit along one axis. Without a rounding, the stride must divide what is left."""
    left = size + 2 * padding - kernel
    if left < 0:
        raise ValueError("the kernel is larger than the padded picture")
    if left % stride and rounding is None:
        raise ValueError("the stride does not divide")
    return 1 + (math.ceil(left / stride) if rounding == "ceil" else left // stride)


def windows(shape, kernel_size, stride, padding=0, rounding=None):
    """(i, j, taps) for each window, taps being (a, b, row, column): kernel place (a, b) lies on a pixel of the picture.

    Places beyond the picture's edges, the padding's and the overhang's, are left out.
    """
    (H, W), (KH, KW), (SH, SW), (PH, PW) = shape, pair(kernel_size), pair(stride), pair(padding)
    for i in range(out_size(H, KH, SH, PH, rounding)):
        for j in range(out_size(W, KW, SW, PW, rounding)):
            places = [(a, b, i * SH - PH + a, j * SW - PW + b) for a in range(KH) for b in range(KW)]
            yield i, j, [(a, b, row, col) for a, b, row, col in places if 0 <= row < H and 0 <= col < W]


def window_grid(shape, kernel_size, stride, padding=0, rounding=None):
    return tuple(out_size(*axis, rounding) for axis in zip(shape, pair(kernel_size), pair(stride), pair(padding)))


# ---------------------------------------------------------------------------------------------- convolution


def conv_forward(x, weight, bias, stride=1, padding=0, groups=1, rounding=None):
    """y[n, i, j, f] = bias[f] + Σ x[n, row, col, c] · weight[a, b, c − first channel of f's group, f]."""
    N, H, W, C = x.shape
    KH, KW, D, F = weight.shape  # D = C / G channels in each group
    geometry = (H, W), (KH, KW), stride, padding, rounding
    y = np.zeros((N, *window_grid(*geometry), F))
    for i, j, taps in windows(*geometry):
        for n in range(N):
            for f in range(F):
                first = f // (F // groups) * D
                total = float(bias[f])
                for a, b, row, col in taps:
                    for d in range(D):
                        total += float(x[n, row, col, first + d]) * float(weight[a, b, d, f])
                y[n, i, j, f] = total
    return y


def conv_backward(dy, x, weight, stride=1, padding=0, groups=1, rounding=None):
    """dx, dweight, dbias: each product of the forward pass hands dy to its two factors."""
    N, H, W, C = x.shape
    KH, KW, D, F = weight.shape
    dx, dweight, dbias = np.zeros(x.shape), np.zeros(weight.shape), np.zeros(F)
    for i, j, taps in windows((H, W), (KH, KW), stride, padding, rounding):
        for n in range(N):
            for f in range(F):
                first, up = f // (F // groups) * D, float(dy[n, i, j, f])
                dbias[f] += up
                for a, b, row, col in taps:
                    for d in range(D):
                        dx[n, row, col, first + d] += up * float(weight[a, b, d, f])
                        dweight[a, b, d, f] += up * float(x[n, row, col, first + d])
    return dx, dweight, dbias


# ---------------------------------------------------------------------------------------------- pooling


def pool_windows(*geometry):
    """As `windows`, without those that lie wholly outside the picture (the last ones, if rounded up)."""
    return [(i, j, taps) for i, j, taps in windows(*geometry) if taps]


def max_pool_forward(x, kernel_size, stride, padding=0, rounding=None):
    return _pool(x, (kernel_size, stride, padding, rounding), lambda i, j, values: max(values))


def max_pool_backward(dy, x, kernel_size, stride, padding=0, rounding=None):
    """Each window gives its dy to its winner, the first one in row-major order where several tie."""
    N, H, W, C = x.shape
    dx = np.zeros(x.shape)
    for i, j, taps in pool_windows((H, W), kernel_size, stride, padding, rounding):
        for n in range(N):
            for c in range(C):
                values = [x[n, row, col, c] for _, _, row, col in taps]
                _, _, row, col = taps[values.index(max(values))]  # index: the first
                dx[n, row, col, c] += dy[n, i, j, c]
    return dx


def avg_pool_forward(x, *geometry, count_include_pad=True):
    """The sum of the pixels under the window, by how many pixels count there (see `_counted`)."""
    return _pool(x, geometry, lambda i, j, values: sum(values) / _counted(i, j, x, geometry, count_include_pad))


def avg_pool_backward(dy, x, *geometry, count_include_pad=True):
    dx = np.zeros(x.shape)
    for i, j, taps in pool_windows(x.shape[1:3], *geometry):
        for _, _, row, col in taps:
            dx[:, row, col, :] += dy[:, i, j, :] / _counted(i, j, x, geometry, count_include_pad)
    return dx


def _counted(i, j, x, geometry, count_include_pad):
    """How many places of window (i, j) lie on the picture or, if asked, on its padding; never the overhang's."""
    (KH, KW), (SH, SW), (PH, PW) = map(pair, geometry[:3])
    BH, BW = (PH, PW) if count_include_pad else (0, 0)
    rows = [row for row in range(i * SH - PH, i * SH - PH + KH) if -BH <= row < x.shape[1] + BH]
    columns = [col for col in range(j * SW - PW, j * SW - PW + KW) if -BW <= col < x.shape[2] + BW]
    return len(rows) * len(columns)


def global_avg_pool_forward(x):
    """y[n, c] = Σ x[n, h, w, c] / (H·W)."""
    N, H, W, C = x.shape
    return np.array([[math.fsum(x[n, :, :, c].flat) / (H * W) for c in range(C)] for n in range(N)]).reshape(N, C)


def global_avg_pool_backward(dy, x):
    N, H, W, C = x.shape
    dx = np.zeros(x.shape)
    for n, h, w, c in np.ndindex(*x.shape):
        dx[n, h, w, c] = dy[n, c] / (H * W)
    return dx


def _pool(x, geometry, reduce):
    N, H, W, C = x.shape
    found = pool_windows((H, W), *geometry)
    y = np.zeros((N, 1 + max(i for i, _, _ in found), 1 + max(j for _, j, _ in found), C))
    for i, j, taps in found:
        for n in range(N):
            for c in range(C):
                y[n, i, j, c] = reduce(i, j, [float(x[n, row, col, c]) for _, _, row, col in taps])
    return y


# ---------------------------------------------------------------------------------------------- normalisation


def lrn_scale(x, size, alpha, k):
    """scale_i = k + alpha · Σ x_j² over channels j within size//2 of i, at one pixel; alpha is not divided by size."""
    scale = np.zeros(x.shape)
    for n, h, w, i in np.ndindex(*x.shape):
        scale[n, h, w, i] = k + alpha * sum(float(x[n, h, w, j]) ** 2 for j in _neighbours(i, size, x.shape[3]))
    return scale


def lrn_forward(x, size, alpha, beta, k):
    return np.asarray(x, float) / lrn_scale(x, size, alpha, k) ** beta


def lrn_backward(dy, x, size, alpha, beta, k):
    """dy_i/dx_j = [i = j] scale_i^−beta − 2 alpha beta x_i x_j scale_i^(−beta−1) for each j in the window of i."""
    scale, dx = lrn_scale(x, size, alpha, k), np.zeros(x.shape)
    for n, h, w, i in np.ndindex(*x.shape):
        pixel, s, up = x[n, h, w].astype(float), scale[n, h, w, i], float(dy[n, h, w, i])
        for j in _neighbours(i, size, x.shape[3]):
            own = s**-beta if i == j else 0.0
            dx[n, h, w, j] += up * (own - 2 * alpha * beta * pixel[i] * pixel[j] * s ** (-beta - 1))
    return dx


def _neighbours(i, size, length):
    return [j for j in range(length) if abs(j - i) <= size // 2]


def spatial_norm_scale(x, size, alpha, k):
    """scale = k + alpha · Σ x² over the pixels within size//2 rows and columns, in one channel; alpha is undivided."""
    scale = np.zeros(x.shape)
    for n, h, w, c in np.ndindex(*x.shape):
        scale[n, h, w, c] = k + alpha * sum(float(x[n, i, j, c]) ** 2 for i, j in _around(h, w, size, x.shape))
    return scale


def spatial_norm_forward(x, size, alpha, beta, k):
    return np.asarray(x, float) / spatial_norm_scale(x, size, alpha, k) ** beta


def spatial_norm_backward(dy, x, size, alpha, beta, k):
    """Each dy goes to its own pixel, through the numerator, and to all in its window, through the denominator."""
    scale, dx = spatial_norm_scale(x, size, alpha, k), np.zeros(x.shape)
    for n, h, w, c in np.ndindex(*x.shape):
        s, up, own = scale[n, h, w, c], float(dy[n, h, w, c]), float(x[n, h, w, c])
        dx[n, h, w, c] += up * s**-beta
        for i, j in _around(h, w, size, x.shape):
            dx[n, i, j, c] -= up * 2 * alpha * beta * own * float(x[n, i, j, c]) * s ** (-beta - 1)
    return dx


def _around(h, w, size, shape):
    return [(i, j) for i in _neighbours(h, size, shape[1]) for j in _neighbours(w, size, shape[2])]


def batch_norm_statistics(values):
    """(mean, mean of the squared distances from it) of a list of numbers."""
    mean = math.fsum(values) / len(values)
    return mean, math.fsum((v - mean) ** 2 for v in values) / len(values)


def batch_norm_forward(x, weight, bias, eps, running=None):
    """y = weight · (x − mean) / √(variance + eps), channel by channel; running: (means, variances) of each instead."""
    y = np.zeros(x.shape)
    for c in range(x.shape[-1]):
        mean, variance = _channel_statistics(x, c, running)
        for entry in np.ndindex(*x.shape[:-1]):
            y[*entry, c] = weight[c] * (float(x[*entry, c]) - mean) / math.sqrt(variance + eps) + bias[c]
    return y


def batch_norm_backward(dy, x, weight, eps, running=None):
    """dx, dweight, dbias. Each dy[j] reaches its own x[i = j] and, through mean and variance, every x[i]:

    dy_j/dx_i = weight / σ · ([i = j] − 1/m − x̂_i · x̂_j / m), or weight / σ · [i = j] for running statistics
    """
    dx, dweight, dbias = np.zeros(x.shape), np.zeros(x.shape[-1]), np.zeros(x.shape[-1])
    entries = list(np.ndindex(*x.shape[:-1]))
    for c in range(x.shape[-1]):
        mean, variance = _channel_statistics(x, c, running)
        sigma, shared = math.sqrt(variance + eps), 1 / len(entries) if running is None else 0.0
        normal = [(float(x[*i, c]) - mean) / sigma for i in entries]
        for j, normal_j in zip(entries, normal):
            up = float(dy[*j, c])
            dweight[c] += up * normal_j
            dbias[c] += up
            for i, normal_i in zip(entries, normal):
                dx[*i, c] += up * weight[c] / sigma * ((i == j) - shared - shared * normal_i * normal_j)
    return dx, dweight, dbias


def _channel_statistics(x, c, running):
    if running is not None:
        return float(running[0][c]), float(running[1][c])
    return batch_norm_statistics([float(v) for v in x[..., c].flat])


# ---------------------------------------------------------------------------------------------- the rest


def elementwise(function, x):
    """function of each number, in float64."""
    return np.array([function(float(v)) for v in np.ravel(x)]).reshape(x.shape)


def relu(x):
    return elementwise(lambda v: v if v > 0 else 0.0, x)


def relu_slope(x):
    return elementwise(lambda v: 1.0 if v > 0 else 0.0, x)


def tanh(x):
    return elementwise(math.tanh, x)


def tanh_slope(x):
    return elementwise(lambda v: 1 - math.tanh(v) ** 2, x)


def sigmoid(x):
    return elementwise(lambda v: 1 / (1 + math.exp(-v)) if v >= 0 else math.exp(v) / (1 + math.exp(v)), x)


def sigmoid_slope(x):
    return elementwise(lambda s: s * (1 - s), sigmoid(x))


def padded_shortcut_places(shape, channels, stride):
    """(place in x, place in y) for each pixel that is kept; half of the new channels come before, the rest after."""
    N, H, W, C = shape
    for n, h, w, c in np.ndindex(N, H, W, C):
        if h % stride == 0 and w % stride == 0:
            yield (n, h, w, c), (n, h // stride, w // stride, c + (channels - C) // 2)


def flatten(x):
    """Rows, then columns, then channels: (h·W + w)·C + c."""
    N, H, W, C = x.shape
    y = np.zeros((N, H * W * C))
    for n, h, w, c in np.ndindex(*x.shape):
        y[n, (h * W + w) * C + c] = x[n, h, w, c]
    return y


def linear_forward(x, weight, bias):
    y = np.zeros((len(x), weight.shape[1]))
    for n, m in np.ndindex(*y.shape):
        y[n, m] = float(bias[m]) + sum(float(x[n, d]) * float(weight[d, m]) for d in range(x.shape[1]))
    return y


def linear_backward(dy, x, weight):
    dx, dweight, dbias = np.zeros(x.shape), np.zeros(weight.shape), np.zeros(weight.shape[1])
    for n, m in np.ndindex(*dy.shape):
        dbias[m] += dy[n, m]
        for d in range(x.shape[1]):
            dx[n, d] += dy[n, m] * weight[d, m]
            dweight[d, m] += dy[n, m] * x[n, d]
    return dx, dweight, dbias


def softmax(row):
    top = max(row)
    exponentials = [math.exp(float(v) - float(top)) for v in row]
    return [e / math.fsum(exponentials) for e in exponentials]


def cross_entropy_forward(logits, labels, smoothing=0.0):
    """Mean over the pictures of log Σ exp(z) − Σ target · z; see `targets`."""
    losses = []
    for row, target in zip(logits, targets(labels, logits.shape[1], smoothing)):
        top = float(max(row))
        total = top + math.log(math.fsum(math.exp(float(v) - top) for v in row))
        losses.append(math.fsum(share * (total - float(v)) for share, v in zip(target, row)))
    return math.fsum(losses) / len(losses)


def cross_entropy_backward(logits, labels, smoothing=0.0):
    """(softmax − target) / N; see `targets`."""
    d = np.zeros(logits.shape)
    for n, target in enumerate(targets(labels, logits.shape[1], smoothing)):
        d[n] = softmax(logits[n])
        d[n] -= target
    return d / len(labels)


def targets(labels, classes, smoothing=0.0):
    """What the probabilities of each picture are to become: `smoothing` over all classes, the rest at the label."""
    rows = [[smoothing / classes] * classes for _ in labels]
    for row, label in zip(rows, labels):
        row[label] += 1 - smoothing
    return rows
