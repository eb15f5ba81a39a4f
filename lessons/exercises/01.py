"""Lesson 01, pictures are arrays: its exercises and the known mistakes."""

import numpy as np

from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong


def to_batch(rows, H, W):
    return rows.reshape(len(rows), 3, H, W).transpose(0, 2, 3, 1)


def mirror(pictures, chosen):
    _expect_colours(pictures)
    return np.where(chosen[:, None, None, None], pictures[:, :, ::-1], pictures)  # as tinyalex.data.augment does


def mean_picture(pictures, is_train):
    _expect_colours(pictures)
    return pictures[is_train].mean(axis=0).astype(np.float32)


def centre(pictures, mean):
    _expect_colours(pictures)
    return pictures - mean


def _expect_colours(pictures):
    """An answer may rely on the three channels that it is promised."""
    if pictures.shape[3] != 3:
        raise ValueError


def _bytes(shape, seed):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def _rows_probe():
    return _bytes((2, 3 * 5 * 7), 0), 5, 7


def _other_rows_probe():
    return _bytes((4, 3 * 6 * 5), 1), 6, 5


def _one_row_probe():
    return _bytes((1, 3 * 4 * 6), 10), 4, 6


def _three_rows_probe():
    """Three pictures, one for each channel, and more bytes in a row than a byte can count."""
    return _bytes((3, 3 * 9 * 11), 17), 9, 11


def _wide_mirror_probe():
    return _bytes((2, 2, 300, 3), 18), np.array([False, True])


def _one_line_probe():
    return _bytes((4, 3 * 1 * 5), 19), 1, 5


def _mirror_probe():
    return _bytes((5, 4, 7, 3), 2), np.array([True, False, True, True, False])


def _other_mirror_probe():
    return _bytes((4, 5, 6, 3), 3), np.array([False, False, True, False])


def _one_mirrored_probe():
    return _bytes((1, 4, 5, 3), 11), np.array([True])


def _none_mirrored_probe():
    return _bytes((7, 3, 4, 3), 12), np.zeros(7, bool)


def _mean_probe():
    return _bytes((6, 5, 7, 3), 4), np.array([True, False, True, True, False, True])


def _other_mean_probe():
    return _bytes((5, 4, 6, 3), 5), np.array([False, True, True, False, True])


def _one_for_training_probe():
    return _bytes((4, 3, 5, 3), 13), np.array([False, False, True, False])


def _many_bright_probe():
    """The sum of an entry needs 17 bits."""
    return 240 + _bytes((300, 2, 3, 3), 14) % 16, np.arange(300) % 20 > 0


def _very_many_probe():
    """The sum of an entry is far beyond what float32 counts exactly; a part of the pictures has another mean."""
    pictures = np.full((200_000, 1, 1, 3), 241, np.uint8)
    pictures[..., 1] = _bytes((200_000, 1, 1), 20)
    return pictures, np.arange(200_000) > 0


def _centre_probe():
    return _bytes((2, 5, 7, 3), 6), np.random.default_rng(7).uniform(40, 210, (5, 7, 3))


def _other_centre_probe():
    return _bytes((4, 6, 5, 3), 8), np.random.default_rng(9).uniform(40, 210, (6, 5, 3))


def _extreme_centre_probe():
    """One picture; the mean is 0 in some places and 255 in others."""
    return _bytes((1, 3, 4, 3), 15), 255.0 * (_bytes((3, 4, 3), 16) > 127)


# ---------------------------------------------------------------------------------------------- wrong on purpose

BATCH_WRONG = (
    Wrong(
        "F1",
        lambda rows, H, W: rows.reshape(len(rows), H, W, 3),
        "You read three neighbouring bytes as one pixel. In these rows the whole red plane comes first, then green, "
        "then blue: reshape to (N, 3, H, W), then move the channels to the end with transpose (a second reshape keeps "
        "their order).",
    ),
    Wrong(
        "A21",
        lambda rows, H, W: to_batch(rows, H, W)[..., ::-1],
        "Red and blue are swapped: the planes are stored as R, G, B and you return B, G, R.",
    ),
    Wrong(
        "C7",
        lambda rows, H, W: rows.reshape(len(rows), 3, W, H).transpose(0, 3, 2, 1),
        "Height and width are swapped: a plane is stored row by row, H rows of W pixels.",
    ),
    Wrong(
        "C7",
        lambda rows, H, W: rows.reshape(len(rows), 3, H, W).transpose(0, 3, 2, 1),
        "Height and width are swapped: your axes are (N, W, H, 3), so the pictures lie on their side. Look at the "
        "order in transpose.",
    ),
    Wrong(
        "C7",
        lambda rows, H, W: rows.reshape(len(rows), 3, W, H).transpose(0, 2, 3, 1),
        "Height and width are swapped: reshape to (N, 3, H, W), H rows of W pixels.",
    ),
    Wrong(
        "A3",
        lambda rows, H, W: to_batch(rows, H, W).astype(np.int8),
        "Values above 127 come out 256 too low: an int8 ends at 127. Stay with uint8.",
    ),
    Wrong(
        "F2",
        lambda rows, H, W: rows.reshape(3, len(rows), H, W).transpose(1, 2, 3, 0),
        "Pictures are mixed: one picture's planes go to different pictures. The picture is the first axis of rows; "
        "keep it first.",
    ),
    Wrong(
        "F2",
        lambda rows, H, W: rows.T.reshape(3, H, W, len(rows)).transpose(3, 1, 2, 0)[::-1],
        "The pictures come out in reverse order.",
    ),
    Wrong(
        "F2",
        lambda rows, H, W: rows.reshape(H, W, 3, len(rows)).transpose(3, 0, 1, 2),
        "Pictures are mixed: a reshape with N as the last axis deals the bytes out to the pictures in turn. N comes "
        "first.",
    ),
    Wrong(
        "A20",
        lambda rows, H, W: to_batch(rows, H, W).transpose(0, 3, 1, 2),
        "You return (N, 3, H, W), planes first. Here the channels come last: (N, H, W, 3).",
    ),
)


def _half_overwritten(pictures, chosen):
    y, W = pictures.copy(), pictures.shape[2]
    for w in range(W):
        y[chosen, :, w] = y[chosen, :, W - 1 - w]
    return y


def _kept_right_half(pictures, chosen):
    y, W = pictures.copy(), pictures.shape[2]
    for w in reversed(range(W)):
        y[chosen, :, w] = y[chosen, :, W - 1 - w]
    return y


def _as_indices(pictures, chosen):
    y = pictures.copy()
    y[chosen.astype(int)] = pictures[chosen.astype(int)][:, :, ::-1]
    return y


def _replaced(pictures, chosen, other):
    return np.where(chosen[:, None, None, None], other, pictures)


def _chosen_reversed(pictures, chosen):
    y = pictures.copy()
    y[chosen] = pictures[chosen][::-1]
    return y


MIRROR_WRONG = (
    Wrong(
        "A2",
        lambda p, chosen: _replaced(p, chosen, p[:, ::-1]),
        "Your pictures are upside down: you reversed the rows. A mirror reverses the columns, axis 2.",
    ),
    Wrong(
        "A2",
        lambda p, chosen: p[::-1],
        "You reversed the batch: picture 0 is now the last. A mirror reverses the columns inside a picture, axis 2.",
    ),
    Wrong(
        "A2",
        lambda p, chosen: _replaced(p, chosen, p[::-1]),
        "The chosen pictures are replaced by others: [::-1] alone reverses the first axis, the batch. A mirror "
        "reverses axis 2.",
    ),
    Wrong(
        "A2",
        _chosen_reversed,
        "The chosen pictures have swapped places: pictures[chosen][::-1] reverses the batch. A mirror reverses axis 2.",
    ),
    Wrong(
        "A2",
        lambda p, chosen: _replaced(p, chosen, p[..., ::-1]),
        "You swapped red and blue: the last axis holds the channels. A mirror reverses the columns, axis 2.",
    ),
    Wrong(
        "A2",
        lambda p, chosen: _replaced(p, chosen, p[:, ::-1, ::-1]),
        "You reversed rows and columns, which rotates the picture by half a turn. Reverse axis 2 only.",
    ),
    Wrong(
        "A2",
        lambda p, chosen: _replaced(p, chosen, p[:, :, ::-1, ::-1]),
        "You reversed columns and channels, so red and blue are swapped as well. Reverse axis 2 only.",
    ),
    Wrong(
        "A2",
        lambda p, chosen: _replaced(p, chosen, p[:, ::-1, ::-1, ::-1]),
        "You reversed every axis of the picture: rows, columns and channels. Reverse axis 2 only.",
    ),
    Wrong(
        "A30", lambda p, chosen: p[:, :, ::-1], "You mirrored every picture. Mirror only those where `chosen` is True."
    ),
    Wrong(
        "A30", lambda p, chosen: mirror(p, ~chosen), "You mirrored the wrong pictures, those where `chosen` is False."
    ),
    Wrong(
        "A30",
        _as_indices,
        "You use chosen as indices: False and True are then pictures 0 and 1. Use it as a boolean mask.",
    ),
    Wrong(
        "A30",
        lambda p, chosen: p[chosen][:, :, ::-1],
        "You return only the chosen pictures. The others belong in the batch too, unchanged.",
    ),
    Wrong(
        "A30",
        lambda p, chosen: p,
        "Nothing is mirrored. (An index such as pictures[chosen] makes a copy: what you write into that copy is lost.)",
    ),
    Wrong(
        "A31",
        _half_overwritten,
        "You read columns that you have already overwritten, so both halves show the right-hand one. Read from the "
        "original picture.",
    ),
    Wrong(
        "A31",
        _kept_right_half,
        "You read columns that you have already overwritten, so both halves show the left-hand one. Read from the "
        "original picture.",
    ),
    Wrong(
        "A35",
        lambda p, chosen: _replaced(p, chosen, np.roll(p[:, :, ::-1], 1, axis=2)),
        "Everything is one column too far to the right: the partner of column w is W − 1 − w, not W − w.",
    ),
)


def _train_sum_in_bytes(pictures, is_train):
    return pictures[is_train].sum(axis=0, dtype=np.uint8) / is_train.sum()


def _halving(pictures, is_train):
    first, *others = pictures[is_train].astype(float)
    for other in others:
        first = (first + other) / 2
    return first


MEAN_WRONG = (
    Wrong(
        "A24",
        lambda p, t: p.mean(axis=0),
        "You average all pictures. Leave the validation pictures out: take those where is_train is True.",
    ),
    Wrong(
        "A24", lambda p, t: p[~t].mean(axis=0), "You average the validation pictures. Average the training pictures."
    ),
    Wrong(
        "A24",
        lambda p, t: p[: t.sum()].mean(axis=0),
        "You count the training pictures and then take that many from the front. They may be anywhere: is_train says "
        "where.",
    ),
    Wrong(
        "A24",
        lambda p, t: p[t.astype(int)].mean(axis=0),
        "You use is_train as indices: 0 and 1 fetch pictures 0 and 1 again and again. Use it as a boolean mask.",
    ),
    Wrong(
        "A25",
        lambda p, t: p[t].mean(axis=(0, 1, 2)),
        "You have one number per channel, the mean colour. The mean picture keeps rows, columns and channels: average "
        "over axis 0 alone.",
    ),
    Wrong(
        "A25",
        lambda p, t: np.broadcast_to(p[t].mean(axis=(0, 1, 2)), p.shape[1:]),
        "Every pixel of your mean is the same colour: you averaged over rows and columns too. Average over axis 0 "
        "alone.",
    ),
    Wrong(
        "A25",
        lambda p, t: p[t].mean(axis=(0, 3)),
        "You averaged over the channels too, so the colour is gone. Average over axis 0 alone.",
    ),
    Wrong(
        "A25",
        lambda p, t: np.repeat(p[t].mean(axis=(0, 3))[..., None], 3, axis=-1),
        "Your mean is grey: you averaged over the channels too. Average over axis 0 alone.",
    ),
    Wrong(
        "A25",
        lambda p, t: p[t].mean(axis=-1),
        "You averaged over the channels, the last axis: that makes every picture grey. Average over the pictures, "
        "axis 0.",
    ),
    Wrong(
        "A25",
        lambda p, t: p[t].mean(axis=1),
        "You averaged over the rows of each picture, axis 1. Average over the pictures, axis 0.",
    ),
    Wrong(
        "A25",
        lambda p, t: p[t].mean(),
        "Your mean is a single number: mean() without an axis averages over everything. Name the axis of the "
        "pictures, 0.",
    ),
    Wrong(
        "A25",
        lambda p, t: p[t].mean(axis=0, keepdims=True),
        "Your mean has an extra axis of length 1. Return one picture, (H, W, 3), not a batch of one.",
    ),
    Wrong(
        "A26",
        lambda p, t: p[t].sum(axis=0) / len(p),
        "You add up the training pictures, but divide by the number of all pictures.",
    ),
    Wrong(
        "A26",
        lambda p, t: p[t].sum(axis=0) / (t.sum() - 1),
        "You divide by the number of training pictures − 1. A mean divides by the number itself.",
    ),
    Wrong(
        "A3",
        lambda p, t: p[t].sum(axis=0, dtype=np.uint16) / t.sum(),
        "With many pictures your sum wraps round: a uint16 ends at 65,535, the sum of 257 bytes of 255. Add up in a "
        "wider type, float or int64.",
    ),
    Wrong(
        "A3",
        _train_sum_in_bytes,
        "Your sum wrapped round: a byte holds 0 to 255, and 250 + 10 gives 4. Add up in a wider type, float or int64.",
    ),
    Wrong(
        "A33",
        lambda p, t: np.floor(p[t].mean(axis=0)),
        "Your mean is truncated to whole numbers. Keep the fractions: it is a mean, not a picture to look at.",
    ),
    Wrong(
        "A33",
        lambda p, t: np.round(p[t].mean(axis=0)),
        "Your mean is rounded to whole numbers. Keep the fractions: it is a mean, not a picture to look at.",
    ),
    Wrong(
        "A29",
        lambda p, t: p[t].mean(axis=0) / 255,
        "You divide the mean by 255. The pictures run from 0 to 255, and so must the mean.",
    ),
    Wrong("A36", lambda p, t: np.median(p[t], axis=0), "That is the median of the training pictures. Return the mean."),
    Wrong(
        "A37",
        _halving,
        "Averaging each new picture with the mean so far gives the last picture half the weight. Add them all up, "
        "then divide once.",
    ),
)


def _own_mean(*axes):
    return lambda p, mean: p - p.mean(axis=axes, keepdims=True).astype(mean.dtype)


STANDARDISED = "You also divide by a standard deviation. The paper only subtracts the mean."

CENTRE_WRONG = (
    Wrong(
        "A3",
        lambda p, mean: (p - mean.astype(np.uint8)).astype(mean.dtype),
        "The subtraction wrapped round: between two uint8 arrays 10 − 20 gives 246. Leave the mean a float.",
    ),
    Wrong(
        "A3",
        lambda p, mean: (p - np.round(mean).astype(np.uint8)).astype(mean.dtype),
        "The subtraction wrapped round: a rounded uint8 mean leaves no room for negative numbers. Leave the mean a "
        "float.",
    ),
    Wrong(
        "A33",
        lambda p, mean: p - np.floor(mean),
        "You truncate the mean to whole numbers before you subtract it. Leave it a float.",
    ),
    Wrong(
        "A33",
        lambda p, mean: p - np.round(mean),
        "You rounded the mean to whole numbers before you subtract it. Leave it a float.",
    ),
    Wrong(
        "A33",
        lambda p, mean: np.trunc(p - mean),
        "The differences are truncated to whole numbers. Keep them as floats.",
    ),
    Wrong(
        "A27",
        _own_mean(0),
        "You subtract the mean of this batch. Use the argument: the training set's mean, the same for every batch.",
    ),
    Wrong(
        "A28",
        _own_mean(1, 2, 3),
        "You subtract each picture's own mean brightness. Use the argument: one mean picture, the same for all.",
    ),
    Wrong(
        "A28",
        _own_mean(1, 2),
        "You subtract each picture's own mean colour. Use the argument: one mean picture, the same for all.",
    ),
    Wrong(
        "A28",
        _own_mean(0, 1, 2),
        "You subtract this batch's mean colour. Use the argument: the training set's mean picture.",
    ),
    Wrong(
        "A25",
        lambda p, mean: p - mean.mean(),
        "You subtract one number from everything. The mean is a picture: each pixel and channel has its own number.",
    ),
    Wrong(
        "A25",
        lambda p, mean: p - mean.mean(axis=(0, 1)),
        "You subtract one colour from every pixel. (Many later networks do; the paper subtracts the mean of each "
        "pixel.)",
    ),
    Wrong(
        "A21",
        lambda p, mean: p - mean[..., ::-1],
        "You subtract the blue mean from red and the red mean from blue: the mean's channels are reversed.",
    ),
    Wrong("A29", lambda p, mean: (p - mean) / 255, "You also divide by 255. The paper only subtracts the mean."),
    Wrong(
        "A29",
        lambda p, mean: p / 255 - mean,
        "You scale the pictures to 0..1 and subtract a mean that goes up to 255: they must be in the same units.",
    ),
    Wrong("A29", lambda p, mean: (p - mean) / p.std(), STANDARDISED),
    Wrong("A29", lambda p, mean: (p - mean) / (p - mean).std(), STANDARDISED),
    Wrong("A29", lambda p, mean: (p - mean) / p.std(axis=(0, 1, 2)), STANDARDISED),
    Wrong("A29", lambda p, mean: (p - mean) / (p - mean).std(axis=(0, 1, 2)), STANDARDISED),
    Wrong("A29", lambda p, mean: (p - mean) / mean.std(), STANDARDISED),
    Wrong(
        "A32",
        lambda p, mean: np.maximum(p - mean, 0),
        "Negative values became 0. Keep them: they mark what is darker than the mean.",
    ),
    Wrong(
        "A32",
        lambda p, mean: np.clip(p - mean, 0, 255),
        "Negative values became 0. Keep them: they mark what is darker than the mean.",
    ),
    Wrong(
        "A38",
        lambda p, mean: np.abs(p - mean),
        "You return the absolute difference, so darker and lighter than the mean look alike. Keep the sign.",
    ),
    Wrong("A39", lambda p, mean: p + mean, "You add the mean. Subtract it."),
)


# ---------------------------------------------------------------------------------------------- dtypes


def _stays_bytes(probe, ours):
    def holds(function):
        found = np.asarray(function(*probe()))
        return found.dtype == np.uint8 or not np.array_equal(found, ours(*probe()))

    return Property(
        "A34",
        holds,
        "Bytes went in and a wider type came out: several times the memory for the same numbers. Moving pixels needs "
        "no arithmetic, so the result can stay uint8.",
    )


def _is_float(probe, wrong, message, kinds):
    def holds(function):
        found = np.asarray(function(*probe()))
        return found.dtype.kind not in kinds

    return Property(wrong, holds, message)


MEAN_IS_FLOAT = _is_float(
    _mean_probe,
    "A33",
    "Your mean is an array of whole numbers: the fractions are lost. Divide with /, and leave it a float.",
    "iu",
)
CENTRED_NOT_BYTES = _is_float(
    _centre_probe, "A3", "Your result is unsigned, so whatever is darker than the mean wraps round. Return floats.", "u"
)
CENTRED_IS_FLOAT = _is_float(
    _centre_probe,
    "A33",
    "Your result is an array of whole numbers: the fractions of the mean are lost. Return floats.",
    "i",
)


# ---------------------------------------------------------------------------------------------- by hand


def _batch_by_hand(arguments, output, index):
    rows, H, W = arguments
    n, h, w, c = index
    place = c * H * W + h * W + w
    return (
        f"By hand: channel {c} starts at byte {c} · {H} · {W} = {c * H * W} of a row, row {h} another {h} · {W} "
        f"further, column {w} another {w}: rows[{n}, {place}] = {rows[n, place]}."
    )


def _mirror_by_hand(arguments, output, index):
    pictures, chosen = arguments
    n, h, w, c = index
    W = pictures.shape[2]
    from_w = W - 1 - w if chosen[n] else w
    why = f"is chosen, so column {w} was column {W} − 1 − {w} = {from_w}" if chosen[n] else "is not chosen"
    return f"By hand: picture {n} {why}: pictures[{n}, {h}, {from_w}, {c}] = {pictures[n, h, from_w, c]}."


def _mean_by_hand(arguments, output, index):
    pictures, is_train = arguments
    values = pictures[(is_train, *index)]
    more = ["…"] if len(values) > 6 else []
    places, terms = (list(map(str, a[:6])) + more for a in (np.flatnonzero(is_train), values))
    return (
        f"By hand: pictures {', '.join(places)} are for training; this entry adds up to {' + '.join(terms)} = "
        f"{values.sum()}, and {values.sum()} / {len(values)} = {values.mean():.6g}."
    )


def _centre_by_hand(arguments, output, index):
    pictures, mean = arguments
    value, subtracted = pictures[index], mean[index[1:]]
    difference = f"{value} − {subtracted:.6g} = {value - subtracted:.6g}"
    return f"By hand: the pixel is {value}, the mean there {subtracted:.6g}: {difference}."


LESSON = Lesson(
    "01",
    "Pictures are arrays",
    30,
    5,
    (
        Exercise(
            "01-batch",
            "to_batch",
            to_batch,
            (_rows_probe, _other_rows_probe),
            ("pictures",),
            wrong=BATCH_WRONG,
            properties=(
                _stays_bytes(_rows_probe, to_batch),
                case("for one picture alone", to_batch, _one_row_probe, ("pictures",)),
                case("for three pictures of 9 × 11", to_batch, _three_rows_probe, ("pictures",)),
                case("for pictures one row high", to_batch, _one_line_probe, ("pictures",)),
            ),
            by_hand=_batch_by_hand,
            hints=(
                "Which bytes of a row belong to the top left pixel? How far apart are they?",
                "pictures[n, h, w, c] = rows[n, c·H·W + h·W + w]",
                "rows.reshape(N, 3, H, W) follows the order of the bytes; transpose(0, 2, 3, 1) then puts the axes in "
                "the order N, H, W, C",
            ),
        ),
        Exercise(
            "01-mirror",
            "mirror",
            mirror,
            (_mirror_probe, _other_mirror_probe),
            ("y",),
            wrong=MIRROR_WRONG,
            properties=(
                _stays_bytes(_mirror_probe, mirror),
                case("for one picture alone", mirror, _one_mirrored_probe),
                case("if no picture is chosen", mirror, _none_mirrored_probe),
                case("for pictures 300 pixels wide", mirror, _wide_mirror_probe),
            ),
            by_hand=_mirror_by_hand,
            hints=(
                "Which of the four axes of (N, H, W, 3) runs from left to right?",
                "y[n, h, w, c] = pictures[n, h, W − 1 − w, c] where chosen[n], else pictures[n, h, w, c]",
                "y = pictures.copy(), then y[chosen] = pictures[chosen][:, :, ::-1]",
            ),
        ),
        Exercise(
            "01-mean",
            "mean_picture",
            mean_picture,
            (_mean_probe, _other_mean_probe, _many_bright_probe),
            ("mean",),
            axes={"mean": ("row", "column", "channel")},
            wrong=MEAN_WRONG,
            properties=(
                MEAN_IS_FLOAT,
                case("if one picture alone is for training", mean_picture, _one_for_training_probe, ("mean",)),
                case("for 200,000 pictures", mean_picture, _very_many_probe, ("mean",)),
            ),
            by_hand=_mean_by_hand,
            hints=(
                "Which pictures may the network learn from? And which axis must disappear from the result?",
                "mean[h, w, c] = Σ pictures[n, h, w, c] over all n with is_train[n], divided by their number",
                "pictures[is_train] is a batch of the training pictures alone; average it over axis 0",
            ),
        ),
        Exercise(
            "01-centre",
            "centre",
            centre,
            (_centre_probe, _other_centre_probe),
            ("x",),
            wrong=CENTRE_WRONG,
            properties=(
                CENTRED_NOT_BYTES,
                CENTRED_IS_FLOAT,
                case("for one picture, and a mean of 0 and 255 in places", centre, _extreme_centre_probe, ("x",)),
            ),
            by_hand=_centre_by_hand,
            ratios=((-1, "The sign is wrong: you subtract the pictures from the mean."),),
            hints=(
                "pictures is (N, H, W, 3) and mean (H, W, 3): which pixel of the mean meets which pixel of picture 1?",
                "x[n, h, w, c] = pictures[n, h, w, c] − mean[h, w, c], as a float",
                "In NumPy uint8 minus float32 is float32, and missing leading axes are repeated: one minus sign is "
                "enough",
            ),
        ),
    ),
)
