"""Lesson 01: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import numpy as np


def straight_reshape(rows, H, W):
    return np.array([row.reshape(H, W, 3) for row in rows])


def three_bytes_a_pixel(rows, H, W):
    out = np.zeros((rows.shape[0], H, W, 3), dtype=np.uint8)
    for n in range(rows.shape[0]):
        i = 0
        for h in range(H):
            for w in range(W):
                out[n, h, w] = rows[n, i : i + 3]
                i += 3
    return out


def two_reshapes(rows, H, W):
    planes = rows.reshape(-1, 3, H * W)
    return planes.reshape(-1, H, W, 3)


def blue_first(rows, H, W):
    P = H * W
    b, g, r = rows[:, :P], rows[:, P : 2 * P], rows[:, 2 * P :]
    return np.stack((r, g, b), axis=2).reshape(len(rows), H, W, 3)


def columns_for_rows(rows, H, W):
    out = np.zeros((len(rows), H, W, 3), np.uint8)
    for c in range(3):
        plane = rows[:, c * H * W : (c + 1) * H * W]
        for h in range(H):
            for w in range(W):
                out[:, h, w, c] = plane[:, w * H + h]
    return out


def lying_on_its_side(rows, H, W):
    return rows.reshape(-1, 3, H, W).T.transpose(3, 0, 1, 2)


def side_by_swapaxes(rows, H, W):
    return np.swapaxes(rows.reshape(len(rows), 3, H, W), 1, 3)


def planes_across_pictures(rows, H, W):
    red, green, blue = np.split(rows.reshape(-1), 3)
    return np.stack([p.reshape(len(rows), H, W) for p in (red, green, blue)], axis=-1)


def pictures_last(rows, H, W):
    return np.moveaxis(rows.reshape(H, W, 3, -1), -1, 0)


def planes_first(rows, H, W):
    return rows.reshape(rows.shape[0], 3, H, W)


def bytes_to_floats(rows, H, W):
    out = np.zeros((len(rows), H, W, 3))
    for c in range(3):
        out[..., c] = rows[:, c * H * W : (c + 1) * H * W].reshape(-1, H, W)
    return out


def interleaved_and_blue_first(rows, H, W):
    return rows.reshape(len(rows), H, W, 3)[:, :, :, [2, 1, 0]]


def on_its_head(pictures, chosen):
    return np.array([np.flipud(p) if c else p for p, c in zip(pictures, chosen)])


def flip_inside_of_a_picture(pictures, chosen):
    out = pictures.copy()
    for i in range(len(pictures)):
        if chosen[i]:
            out[i] = np.flip(pictures[i])
    return out


def flip_axis_two_of_a_picture(pictures, chosen):
    out = pictures.copy()
    for i in range(len(pictures)):
        if chosen[i]:
            out[i] = np.flip(pictures[i], axis=2)
    return out


def half_a_turn(pictures, chosen):
    out = pictures.copy()
    out[chosen] = np.rot90(pictures[chosen], 2, axes=(1, 2))
    return out


def batch_reversed(pictures, chosen):
    out = np.copy(pictures)
    out[chosen] = np.flip(pictures[chosen], 0)
    return out


def other_pictures_instead(pictures, chosen):
    out = pictures.copy()
    for i, c in enumerate(chosen):
        if c:
            out[i] = pictures[len(pictures) - 1 - i]
    return out


def every_picture(pictures, chosen):
    return np.stack([np.fliplr(p) for p in pictures])


def the_others(pictures, chosen):
    return np.array([p if c else p[:, ::-1] for p, c in zip(pictures, chosen)])


def only_the_chosen(pictures, chosen):
    return np.array([p[:, ::-1] for p, c in zip(pictures, chosen) if c])


def lost_in_a_copy(pictures, chosen):
    y = pictures.copy()
    mine = y[chosen]
    mine[:] = mine[:, :, ::-1].copy()
    return y


def overwritten_on_the_way(pictures, chosen):
    y = pictures.copy()
    for n in np.where(chosen)[0]:
        for w in range(y.shape[2] // 2):
            y[n, :, w, :] = y[n, :, -1 - w, :]
    return y


def overwritten_by_a_failed_swap(pictures, chosen):
    y = pictures.copy()
    for n in np.where(chosen)[0]:
        for w in range(y.shape[2] // 2):
            left, right = y[n, :, w], y[n, :, -1 - w]  # views, so the second line reads what the first wrote
            right[:] = left
            left[:] = right
    return y


def one_column_off(pictures, chosen):
    y = pictures.copy()
    for w in range(y.shape[2]):
        y[chosen, :, w] = pictures[chosen, :, -w]
    return y


def writes_into_pictures(pictures, chosen):
    pictures[chosen] = pictures[chosen][:, :, ::-1]
    return pictures


def mirrored_as_floats(pictures, chosen):
    m = chosen.reshape(-1, 1, 1, 1) * 1.0
    return m * pictures[:, :, ::-1] + (1 - m) * pictures


def head_over_and_all_of_them(pictures, chosen):
    return pictures[:, ::-1]


def mean_of_everything(pictures, is_train):
    total = np.zeros(pictures.shape[1:])
    for p in pictures:
        total += p
    return total / len(pictures)


def mean_of_validation(pictures, is_train):
    return np.mean(pictures[is_train == False], axis=0)  # noqa: E712 (as learners write it)


def as_many_from_the_front(pictures, is_train):
    n = int(np.sum(is_train))
    return np.average(pictures[:n], axis=0)


def a_mask_of_integers(pictures, is_train):
    mask = np.array([1 if t else 0 for t in is_train])
    return pictures[mask].mean(0)


def a_colour(pictures, is_train):
    return pictures[is_train].reshape(-1, 3).mean(axis=0)


def a_colour_everywhere(pictures, is_train):
    colour = pictures[is_train].reshape(-1, 3).mean(axis=0)
    return np.ones(pictures.shape[1:]) * colour


def a_grey_picture(pictures, is_train):
    return pictures[is_train].mean(axis=3).mean(axis=0)


def one_number(pictures, is_train):
    return np.mean(pictures[is_train])


def a_batch_of_one(pictures, is_train):
    return pictures[is_train].mean(0)[None]


def zeros_counted_in(pictures, is_train):
    return (pictures * is_train[:, None, None, None]).mean(axis=0)


def sum_in_bytes(pictures, is_train):
    total = np.zeros(pictures.shape[1:], dtype=np.uint8)
    for p in pictures[is_train]:
        total += p
    return total / len(pictures[is_train])


def whole_division(pictures, is_train):
    return pictures[is_train].sum(axis=0) // is_train.sum()


def mean_as_bytes(pictures, is_train):
    return pictures[is_train].mean(axis=0).astype(np.uint8)


def running_halves(pictures, is_train):
    mean = None
    for p, t in zip(pictures.astype(np.float64), is_train):
        if t:
            mean = p if mean is None else 0.5 * mean + 0.5 * p
    return mean


def scaled_mean(pictures, is_train):
    return (pictures[is_train] / 255.0).mean(axis=0)


def all_pictures_and_scaled(pictures, is_train):
    return (pictures / 255.0).mean(axis=0)


def mean_to_bytes_first(pictures, mean):
    m = mean.astype("uint8")
    return np.array([p - m for p in pictures])


def wrapped_then_float(pictures, mean):
    x = np.zeros(pictures.shape, mean.dtype)
    m = mean.astype(np.uint8)
    for n in range(len(pictures)):
        x[n] = pictures[n] - m
    return x


def back_to_bytes(pictures, mean):
    return (pictures.astype(int) - mean.astype(int)).astype(np.uint8)


def whole_numbers(pictures, mean):
    return pictures.astype(np.int16) - mean.astype(np.int16)


def rounded_mean(pictures, mean):
    return pictures.astype(mean.dtype) - mean.round()


def mean_of_this_batch(pictures, mean):
    x = pictures.astype(mean.dtype)
    mean = x.mean(axis=0)
    return x - mean


def own_brightness(pictures, mean):
    x = pictures.astype(mean.dtype)
    for n in range(len(x)):
        x[n] -= x[n].mean()
    return x


def own_colour(pictures, mean):
    return np.array([p - p.mean((0, 1)).astype(mean.dtype) for p in pictures])


def one_number_off(pictures, mean):
    return pictures - np.average(mean).astype(mean.dtype)


def one_colour_off(pictures, mean):
    colour = mean.reshape(-1, 3).mean(axis=0)
    return pictures - colour


def mean_in_bgr(pictures, mean):
    x = pictures.astype(mean.dtype)
    for c in range(3):
        x[..., c] -= mean[..., 2 - c]
    return x


def scaled_as_well(pictures, mean):
    return pictures / mean.dtype.type(255) - mean / 255


def scaled_before(pictures, mean):
    return pictures.astype(mean.dtype) / 255.0 - mean


def negatives_cut(pictures, mean):
    x = pictures - mean
    x[x < 0] = 0
    return x


def sizes_only(pictures, mean):
    return np.abs(mean - pictures)


def wrong_way_round(pictures, mean):
    return mean[None] - pictures


def mean_added(pictures, mean):
    return pictures + mean[np.newaxis]


def float64_inside(pictures, mean):
    return pictures.astype(np.float64) - mean


def writes_into_the_bytes(pictures, mean):
    pictures -= mean
    return pictures


def writes_into_mean(pictures, mean):
    mean *= -1
    mean = mean + pictures
    return mean


def batch_mean_and_cut(pictures, mean):
    x = pictures - pictures.mean(0)
    return np.where(x > 0, x, 0)


def width_before_height(rows, H, W):
    return np.stack([row.reshape(3, W, H).transpose(1, 2, 0) for row in rows])


def signed_bytes(rows, H, W):
    pictures = np.empty((len(rows), H, W, 3), np.int8)
    for c in range(3):
        pictures[..., c] = rows[:, c * H * W : (c + 1) * H * W].reshape(-1, H, W).astype(np.int8)
    return pictures


def drops_axes_of_length_one(rows, H, W):
    return np.squeeze(rows.reshape(len(rows), 3, H, W).transpose(0, 2, 3, 1))


def mask_as_numbers(pictures, chosen):
    y = pictures.copy()
    for n in chosen.astype(int):
        y[n] = pictures[n, :, ::-1]
    return y


def needs_one_to_mirror(pictures, chosen):
    y, waiting = pictures.copy(), list(np.flatnonzero(chosen))
    while True:
        n = waiting.pop()
        y[n] = pictures[n, :, ::-1]
        if not waiting:
            return y


def one_picture_stays(pictures, chosen):
    return pictures if len(chosen) == 1 else np.where(chosen[:, None, None, None], pictures[:, :, ::-1], pictures)


def grey_mean(pictures, is_train):
    mean = pictures[is_train].mean(axis=0)
    mean[...] = mean.mean(axis=2, keepdims=True)
    return mean


def one_less(pictures, is_train):
    return pictures[is_train].sum(axis=0) / (len(pictures[is_train]) - 1)


def sum_in_sixteen_bits(pictures, is_train):
    total = np.zeros(pictures.shape[1:], np.uint16)
    for picture in pictures[is_train]:
        total += picture
    return total / is_train.sum()


def squeezed_places(pictures, is_train):
    chosen = pictures[np.squeeze(np.argwhere(is_train))]
    return chosen.mean(axis=0)


def standardised(pictures, mean):
    x = pictures - mean
    return x / x.std()


def standardised_per_channel(pictures, mean):
    return (pictures - mean) / pictures.astype(float).reshape(-1, 3).std(axis=0)


def in_a_narrow_range(pictures, mean):
    return np.clip(pictures - mean, -225, 225)


# ---------------------------------------------------------------------------------------------- right but for a corner


def numbers_pictures_in_bytes(pictures, chosen):
    y = pictures.copy()
    which = np.flatnonzero(chosen).astype(np.uint8)
    y[which] = pictures[which][:, :, ::-1]
    return y


def bytes_if_the_mean_is_zero(pictures, mean):
    if not mean.any():
        return pictures
    return pictures - mean


def blocks_of_128(pictures, mean):
    x = pictures.astype(mean.dtype)
    for block in range(max(len(x) // 128, 1)):
        x[128 * block : 128 * (block + 1)] -= mean
    return x


def adds_up_in_float32(pictures, is_train):
    total = np.zeros(pictures.shape[1:], np.float32)
    for picture in pictures[is_train]:
        total += picture
    return total / is_train.sum()


MUTANTS = [
    ("01-batch", "F1", straight_reshape),
    ("01-batch", "F1", three_bytes_a_pixel),
    ("01-batch", "F1", two_reshapes),
    ("01-batch", "A21", blue_first),
    ("01-batch", "C7", columns_for_rows),
    ("01-batch", "C7", lying_on_its_side),
    ("01-batch", "C7", side_by_swapaxes),
    ("01-batch", "F2", planes_across_pictures),
    ("01-batch", "F2", pictures_last),
    ("01-batch", "A20", planes_first),
    ("01-batch", "A34", bytes_to_floats),
    ("01-batch", "two: line-part + F1", interleaved_and_blue_first),
    ("01-mirror", "A2", on_its_head),
    ("01-mirror", "A2", flip_inside_of_a_picture),
    ("01-mirror", "A2", flip_axis_two_of_a_picture),
    ("01-mirror", "A2", half_a_turn),
    ("01-mirror", "A2", batch_reversed),
    ("01-mirror", "A2", other_pictures_instead),
    ("01-mirror", "A30", every_picture),
    ("01-mirror", "A30", the_others),
    ("01-mirror", "A30", only_the_chosen),
    ("01-mirror", "A30", lost_in_a_copy),
    ("01-mirror", "A31", overwritten_on_the_way),
    ("01-mirror", "A31", overwritten_by_a_failed_swap),
    ("01-mirror", "A35", one_column_off),
    ("01-mirror", "A34", mirrored_as_floats),
    ("01-mirror", "unchanged", writes_into_pictures),
    ("01-mirror", "two: A30 + turned", head_over_and_all_of_them),
    ("01-mean", "A24", mean_of_everything),
    ("01-mean", "A24", mean_of_validation),
    ("01-mean", "A24", as_many_from_the_front),
    ("01-mean", "A24", a_mask_of_integers),
    ("01-mean", "A25", a_colour),
    ("01-mean", "A25", a_colour_everywhere),
    ("01-mean", "A25", a_grey_picture),
    ("01-mean", "A25", one_number),
    ("01-mean", "A25", a_batch_of_one),
    ("01-mean", "A26", zeros_counted_in),
    ("01-mean", "A3", sum_in_bytes),
    ("01-mean", "A33", whole_division),
    ("01-mean", "A33", mean_as_bytes),
    ("01-mean", "A37", running_halves),
    ("01-mean", "A29", scaled_mean),
    ("01-mean", "two: A24 + ratio", all_pictures_and_scaled),
    ("01-centre", "A3", mean_to_bytes_first),
    ("01-centre", "A3", wrapped_then_float),
    ("01-centre", "A3", back_to_bytes),
    ("01-centre", "A33", whole_numbers),
    ("01-centre", "A33", rounded_mean),
    ("01-centre", "A27", mean_of_this_batch),
    ("01-centre", "A28", own_brightness),
    ("01-centre", "A28", own_colour),
    ("01-centre", "A25", one_number_off),
    ("01-centre", "A25", one_colour_off),
    ("01-centre", "A21", mean_in_bgr),
    ("01-centre", "A29", scaled_as_well),
    ("01-centre", "A29", scaled_before),
    ("01-centre", "A32", negatives_cut),
    ("01-centre", "A38", sizes_only),
    ("01-centre", "ratio", wrong_way_round),
    ("01-centre", "A39", mean_added),
    ("01-centre", "C16", float64_inside),
    ("01-centre", None, writes_into_the_bytes),
    ("01-centre", "unchanged", writes_into_mean),
    ("01-centre", "two: A27 + clip", batch_mean_and_cut),
    ("01-batch", "C7", width_before_height),
    ("01-batch", "A3", signed_bytes),
    ("01-batch", "case", drops_axes_of_length_one),
    ("01-mirror", "A30", mask_as_numbers),
    ("01-mirror", "case", needs_one_to_mirror),
    ("01-mirror", "case", one_picture_stays),
    ("01-mean", "A25", grey_mean),
    ("01-mean", "A26", one_less),
    ("01-mean", "A3", sum_in_sixteen_bits),
    ("01-mean", "case", squeezed_places),
    ("01-centre", "A29", standardised),
    ("01-centre", "A29", standardised_per_channel),
    ("01-centre", "case", in_a_narrow_range),
    ("01-mirror", "many", numbers_pictures_in_bytes),
    ("01-centre", "zeros", bytes_if_the_mean_is_zero),
    ("01-centre", "many", blocks_of_128),
    ("01-mean", "case", adds_up_in_float32),
]
