"""Lesson 01: right answers in several styles, in NumPy alone; `reveal` shows the first of each."""

import numpy as np


def to_batch(rows, H, W):
    planes = rows.reshape(len(rows), 3, H, W)  # (N, 3, H, W): the bytes as they lie
    return planes.transpose(0, 2, 3, 1)  # (N, H, W, 3)


def to_batch_by_loops(rows, H, W):
    pictures = np.empty((len(rows), H, W, 3), np.uint8)
    for n in range(len(rows)):
        for c in range(3):
            for h in range(H):
                start = (c * H + h) * W
                pictures[n, h, :, c] = rows[n, start : start + W]
    return pictures


def to_batch_by_stacking(rows, H, W):
    red, green, blue = np.split(rows, 3, axis=1)
    return np.stack([red, green, blue], axis=-1).reshape(-1, H, W, 3)


def mirror(pictures, chosen):
    y = pictures.copy()
    y[chosen] = pictures[chosen][:, :, ::-1]
    return y


def mirror_by_loops(pictures, chosen):
    y, W = pictures.copy(), pictures.shape[2]
    for n in np.flatnonzero(chosen):
        for w in range(W):
            y[n, :, w] = pictures[n, :, W - 1 - w]
    return y


def mirror_by_flip(pictures, chosen):
    return np.stack([np.fliplr(picture) if c else picture for picture, c in zip(pictures, chosen)])


def mirror_of_three_channels(pictures, chosen):
    N, H, W, _ = pictures.shape
    y = np.zeros((N, H, W, 3), dtype=np.uint8)
    for n in range(N):
        for c in range(3):
            y[n, :, :, c] = pictures[n, :, ::-1, c] if chosen[n] else pictures[n, :, :, c]
    return y


def mean_picture(pictures, is_train):
    return pictures[is_train].mean(axis=0)


def mean_picture_by_sums(pictures, is_train):
    total = np.zeros(pictures.shape[1:])  # float64: float32 counts to 16.7 million
    for picture, wanted in zip(pictures, is_train):
        if wanted:
            total += picture
    return total / np.count_nonzero(is_train)


def mean_picture_by_weights(pictures, is_train):
    return np.einsum("n,nhwc->hwc", is_train / is_train.sum(), pictures)


def centre(pictures, mean):
    return pictures - mean


def centre_by_loops(pictures, mean):
    x = np.empty(pictures.shape, mean.dtype)
    for n, picture in enumerate(pictures):
        x[n] = picture.astype(mean.dtype) - mean
    return x


def centre_in_place(pictures, mean):
    x = pictures.astype(mean.dtype)
    x -= mean
    return x


def centre_of_three_channels(pictures, mean):
    N, H, W, _ = pictures.shape
    x = np.empty((N, H, W, 3), dtype=mean.dtype)
    x[...] = pictures - mean
    return x


SOLUTIONS = {
    "01-batch": [to_batch, to_batch_by_loops, to_batch_by_stacking],
    "01-mirror": [mirror, mirror_by_loops, mirror_by_flip, mirror_of_three_channels],
    "01-mean": [mean_picture, mean_picture_by_sums, mean_picture_by_weights],
    "01-centre": [centre, centre_by_loops, centre_in_place, centre_of_three_channels],
}
