"""Lesson 14, training and its curves: its exercises and the known mistakes."""

import numpy as np

from tinyalex.evaluation import ranks
from tinyalex.layers import softmax
from tinyalex.teaching.cases import case
from tinyalex.teaching.exercise import Exercise, Lesson, Property, Wrong, WrongKind
from tinyalex.training.schedules import Schedule

# ---------------------------------------------------------------------------------------------- top-k error


def top_k_error(scores, labels, k):
    if k > scores.shape[1]:
        raise ValueError
    return (ranks(scores, labels) >= k).mean()


def _scores():
    """Scores without ties, with the right class near the top but seldom first."""
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(0, 1, (24, 9)), rng.integers(0, 9, 24)
    scores[np.arange(24), labels] += 1.1
    return scores, labels, 3


def _many_scores():
    rng = np.random.default_rng(1)
    scores, labels = rng.normal(-5, 1, (30, 12)), rng.integers(0, 12, 30)
    scores[np.arange(30), labels] += 0.7
    return scores, labels, 5


def _flat_scores():
    """Equal scores for all classes, and each label once, so that every order of ties gives the same error."""
    return np.full((8, 8), 0.25), np.arange(8), 2


def _uneven_scores():
    """Large scores, which a softmax makes equal, and small ones, which rounding does."""
    scores = np.random.default_rng(36).normal(0, 1, (7, 6)) * np.array(
        [[1e-4], [1e-3], [2e3], [1e3], [3e3], [1e3], [2e3]]
    )
    scores[4:] -= 2e4
    second = scores.argsort(axis=1)[:, -2]
    return scores, np.append(second[:-1], scores[-1].argmin()), 2


def _one_name_or_picture(function):
    scores, labels, _ = _scores()
    for N, k in (7, 1), (1, 1), (1, 2), (5, scores.shape[1]):
        found, expected = function(scores[:N], labels[:N], k), top_k_error(scores[:N], labels[:N], k)
        if not np.allclose(found, expected):
            found = f"{found:.6g}" if np.ndim(found) == 0 else f"an array of shape {np.shape(found)}"
            return f"With {N} picture{'s' if N > 1 else ''}, your top-{k} error is {found}, expected {expected:.6g}."
    return True


def _own(scores, labels):
    return scores[np.arange(len(labels)), labels][:, None]


TOP_K_WRONG = (
    Wrong(
        "M1",
        lambda s, t, k: top_k_error(-s, t, k),
        "You take the k lowest scores: argsort sorts upwards, so the highest are last.",
    ),
    Wrong(
        "M2",
        lambda s, t, k: top_k_error(s, t, k + 1),
        "That is top-(k + 1): in a hit, at most k − 1 classes are ahead of the right one.",
    ),
    Wrong(
        "M2",
        lambda s, t, k: top_k_error(s, t, k - 1),
        "That is top-(k − 1): k classes are named, and the right one counts among them.",
    ),
    Wrong(
        "M2",
        lambda s, t, k: ((s > _own(s, t)).sum(axis=1) >= k).mean(),
        "You count every tie as a hit, so a net with equal scores for all classes would be perfect. "
        "Name k classes, no more.",
    ),
    Wrong(
        "M2",
        lambda s, t, k: ((s >= _own(s, t)).sum(axis=1) > k).mean(),
        "You count every tie as a miss, so a net with equal scores for all classes would be worse than chance. "
        "Name k classes.",
    ),
    Wrong(
        "M4",
        lambda s, t, k: 1 - top_k_error(s, t, k),
        "That is the share of hits. The error is the share of misses, 1 − hits.",
    ),
    Wrong(
        "M5",
        lambda s, t, k: top_k_error(s, t, 1),
        "You return the top-1 error for every k: the label may be any of the first k.",
    ),
    Wrong(
        "M5",
        lambda s, t, k: top_k_error(s, t, 5) if s.shape[1] >= 5 else 0.0,
        "You return the top-5 error for every k; use the argument.",
    ),
    Wrong(
        "M6", lambda s, t, k: top_k_error(s, t, k) * len(t), "You count the misses; divide by the number of pictures."
    ),
    Wrong(
        "M6",
        lambda s, t, k: top_k_error(s, t, k) * len(t) / s.shape[1],
        "You divide by the number of classes; divide by the number of pictures.",
    ),
    Wrong(
        "M6",
        lambda s, t, k: 1 - (1 - top_k_error(s, t, k)) / k,
        "You average over the k names too, so a hit counts 1/k. A picture is a hit if any of its k names is right.",
    ),
    Wrong(
        "M25",
        lambda s, t, k: 1 - (np.argsort(softmax(s), axis=1)[:, -k:] == t[:, None]).any(axis=1).mean(),
        "You rank a softmax of the scores, in which all low scores become 0. Rank the scores themselves.",
    ),
    Wrong("M6", lambda s, t, k: top_k_error(s, t, k) * 100, "That is in percent; return a fraction of 1."),
)


def _top_k_by_hand(arguments, output, index):
    scores, labels, k = arguments
    rank = ranks(scores, labels)
    return (
        f"By hand: picture by picture, {', '.join(map(str, rank[:8]))}, … classes are ahead of the right one; "
        f"{int((rank >= k).sum())} of {len(rank)} pictures have {k} or more: {(rank >= k).mean():.6g}."
    )


# ---------------------------------------------------------------------------------------------- a rate that drops


def dropped_rates(errors, lr, patience):
    schedule = Schedule(f"plateau:{patience}", lr, len(errors))
    return np.array([schedule.rate(epoch, errors[:epoch]) for epoch in range(len(errors))])


def _errors():
    """With a tie for the best, small gains that are no new best, a gain right before patience ends, and two stalls."""
    errors = (
        "0.9 0.7 0.75 0.6 0.6 0.61 0.55 0.58 0.5 0.52 0.51 0.505 0.45 0.47 0.46 0.48 0.44 0.4 0.42 0.41 0.43 0.45 "
        "0.405 0.401 0.39 0.41"
    )
    return np.array(errors.split(), float), 0.02, 2


def _whole_rate():
    return _errors()[0], 1, 2


def _slow_errors():
    errors = (
        "0.8 0.6 0.65 0.64 0.62 0.61 0.59 0.63 0.62 0.63 0.62 0.595 0.594 0.58 0.5 0.51 0.52 0.53 0.52 0.505 0.504 "
        "0.503 0.502 0.501 0.5 0.49"
    )
    return np.array(errors.split(), float), 0.3, 4


def _stalled_at_once():
    """The first epoch is the best for a while; later gains are small, but gains."""
    errors = (
        "0.5 0.6 0.5 0.55 0.52 0.53 0.48 0.47999 0.47998 0.47997 0.47996 0.47995 0.47994 0.6 0.47994 0.5 0.47993 0.48"
    )
    return np.array(errors.split(), float), 0.4, 3


def _first_error_of_1(function):
    """A net that gets nothing right in the first epoch has a first best all the same."""
    found = function(np.array([1.0, 1.0, 0.95, 0.96, 0.95, 0.9]), 0.03, 2)
    return np.allclose(found, [0.03, 0.03, 0.03, 0.03, 0.03, 0.003])


def _one_epoch():
    return np.array([0.7]), 0.05, 2


def _plateau(
    better=lambda error, best, last: error < best,
    reset=True,
    keep_best=True,
    fresh=True,
    limit=99,
    factor=0.1,
    late=0,
    own=False,
    reached=lambda since, patience: since >= patience,
    first=lambda errors: np.inf,
):
    """Wrong versions of the rule; the messages below say what each one changes."""

    def rates(errors, lr, patience):
        result, best, last, since, drops = [], first(errors), np.inf, 0, 0
        for error in errors:
            result.append(lr * factor**drops)
            gain = better(error, best, last)
            since = (0 if reset else since) if gain else since + 1
            best, last = error if gain else best, error
            if reached(since, patience + late):
                drops, since = min(drops + 1, limit), 0 if fresh else since
                best = best if keep_best else np.inf
            if own:
                result[-1] = lr * factor**drops
        return np.array(result)

    return rates


DROP_WRONG = (
    Wrong(
        "M7",
        _plateau(own=True),
        "Every drop comes one epoch early: "
        "an epoch's error is known at its end, so it can only change the next epoch's rate.",
    ),
    Wrong(
        "M8",
        _plateau(fresh=False),
        "After the first drop you drop again in every epoch without a new best: set the count back to 0.",
    ),
    Wrong(
        "M8",
        _plateau(reset=False),
        "Your count goes on after a new best: set it back to 0, for `patience` epochs in a row are needed.",
    ),
    Wrong(
        "M9",
        _plateau(better=lambda error, best, last: error < last),
        "You compare with the previous epoch. "
        "To recover from a bad epoch is no progress: compare with the best so far.",
    ),
    Wrong(
        "M9",
        _plateau(better=lambda error, best, last: error <= best),
        "You count an error equal to the best as progress. It must be lower.",
    ),
    Wrong(
        "M9",
        _plateau(keep_best=False),
        "You forget the best error at each drop. Keep it; only the count goes back to 0.",
    ),
    Wrong(
        "M9",
        lambda errors, lr, patience: dropped_rates(-errors, lr, patience),
        "You count a higher error as progress: a *lower* error is better.",
    ),
    Wrong(
        "M22",
        _plateau(first=lambda errors: errors[0]),
        "You count the first epoch as one without a new best. It always is a new best: begin the count after it.",
    ),
    *(
        Wrong("M23", _plateau(better=better), "You ask for a gain of some size. A gain is a new best, however small.")
        for better in (
            lambda error, best, last: error < best * (1 - 1e-4),
            lambda error, best, last: error < best - 1e-4,
            lambda error, best, last: error < best - 1e-3,
        )
    ),
    Wrong("M15", _plateau(late=1), "You wait one epoch too long: drop after `patience` epochs without a new best."),
    Wrong("M15", _plateau(late=-1), "You drop one epoch too soon: wait for `patience` epochs without a new best."),
    Wrong(
        "M16",
        _plateau(limit=1),
        "Your rate drops once and never again. Every stall divides it by 10; the paper's run had three drops.",
    ),
    Wrong("M16", _plateau(limit=2), "Your rate drops twice and never again. Every stall divides it by 10."),
    Wrong(
        "M16", _plateau(limit=3), "Your rate drops three times, as the paper's, and never again. Every stall counts."
    ),
    Wrong("M16", _plateau(limit=0), "In these runs your rate never drops."),
    Wrong("M16", _plateau(factor=10.0), "Each stall makes your rate ten times as large; divide by 10."),
    Wrong("M16", _plateau(factor=0.5), "You halve the rate; divide it by 10."),
)


def _drop_by_hand(arguments, output, index):
    errors, lr, patience = arguments
    epoch = index[0]
    rates = dropped_rates(errors, lr, patience)
    recent = ", ".join(f"{error:g}" for error in errors[max(0, epoch - patience) : epoch])
    start = max(0, epoch - patience)
    if not epoch:
        return f"By hand: nothing is known before epoch 0, so its rate is lr = {lr:g}."
    best = f"best before them {errors[:start].min():g}; " if start else ""
    known = f"the errors before epoch {epoch} are …, {recent} ({best}patience {patience})"
    return f"By hand: {known}; its rate is {rates[epoch]:g}."


# ---------------------------------------------------------------------------------------------- how far a step goes


def update_ratio(before, after):
    return np.linalg.norm(after - before) / np.linalg.norm(before)


def _weights(seed=0, shape=(5, 7)):
    rng = np.random.default_rng(seed)
    before = rng.normal(0.3, 1, shape)
    return before, before * 0.9 + rng.normal(0, 0.2, shape)


def _other_weights():
    return _weights(1, (4, 3))


def _small_weights():
    """Weights and a step as at the start of training."""
    before, after = _weights(2, (6, 5))
    return 0.01 * before, 0.01 * before + 1e-5 * (after - before)


def _long_step():
    before, after = _weights(3, (2, 3))
    return before, before + 40 * after


def _ratio_of(size):
    return lambda before, after: size(after - before) / size(before)


RATIO_WRONG = (
    Wrong(
        "M17",
        lambda before, after: np.linalg.norm(after - before) / np.linalg.norm(after),
        "You divide by the weights after the step; divide by those before it.",
    ),
    Wrong(
        "M17",
        lambda before, after: np.linalg.norm(before) / np.linalg.norm(after - before),
        "Your ratio is upside down: divide the update by the weights.",
    ),
    Wrong(
        "M17",
        lambda before, after: np.linalg.norm(after) / np.linalg.norm(before),
        "You compare the weights with the weights. The update is after − before.",
    ),
    Wrong(
        "M17",
        lambda before, after: np.linalg.norm(after - before),
        "That is the length of the update alone; divide by the length of the weights.",
    ),
    Wrong(
        "M18",
        _ratio_of(lambda a: (a**2).sum()),
        "The square roots are missing: a length is the square root of the sum of squares.",
    ),
    Wrong(
        "M19",
        lambda before, after: np.abs((after - before) / before).mean(),
        "You take a mean of ratios, which one weight near 0 can blow up. Take the ratio of the two lengths.",
    ),
    Wrong(
        "M20",
        lambda before, after: abs(np.linalg.norm(after) - np.linalg.norm(before)) / np.linalg.norm(before),
        "You compare two lengths, so weights that only change direction would seem to stand still. "
        "Take the length of the difference.",
    ),
    Wrong(
        "M21",
        _ratio_of(lambda a: np.abs(a).max()),
        "You compare the largest entries, so one stray weight decides. Take the square root of the sum of squares.",
    ),
    Wrong(
        "M21",
        _ratio_of(lambda a: np.abs(a).sum()),
        "You add absolute values; the length is the square root of the sum of squares.",
    ),
    Wrong(
        "M21",
        _ratio_of(lambda a: np.linalg.norm(a, 2)),
        "norm(…, 2) of a matrix is its largest singular value. Leave the 2 out, and all entries count.",
    ),
    Wrong(
        "M21",
        _ratio_of(lambda a: np.linalg.norm(a, 1)),
        "norm(…, 1) of a matrix is its largest sum over a column. Leave the 1 out, and all entries count.",
    ),
    Wrong(
        "M21",
        _ratio_of(lambda a: np.linalg.norm(a, np.inf)),
        "norm(…, inf) of a matrix is its largest sum over a row. Leave the inf out, and all entries count.",
    ),
    Wrong(
        "M19",
        lambda before, after: (np.linalg.norm(after - before, axis=1) / np.linalg.norm(before, axis=1)).mean(),
        "You take the mean of one ratio for each row. Take the ratio of the two lengths, each over all entries.",
    ),
    Wrong(
        "M19",
        _ratio_of(lambda a: np.linalg.norm(a, axis=1).mean()),
        "You take the mean of the rows' lengths. Take one length over all entries.",
    ),
    Wrong("M21", _ratio_of(lambda a: abs(a.sum())), "Entries of opposite sign cancel in your sum. Square them first."),
    Wrong(
        "M21",
        _ratio_of(np.std),
        "A standard deviation does not see a shift that all weights share. Take the square root of the sum of squares.",
    ),
)


def _ratio_by_hand(arguments, output, index):
    before, after = arguments
    change, size = np.linalg.norm(after - before), np.linalg.norm(before)
    return f"By hand: ‖after − before‖ = {change:.6g}, ‖before‖ = {size:.6g}; the ratio is {change / size:.6g}."


# ---------------------------------------------------------------------------------------------- five sick runs

DIAGNOSES = {
    "amber": "mean not subtracted",
    "birch": "rate too low",
    "cedar": "not shuffled",
    "dusk": "labels shifted",
    "ember": "rate too high",
}
WOULD = {
    "rate too high": "With too high a rate, large updates would throw the training loss about, "
    "or so far up that it stays there.",
    "rate too low": "With too low a rate only the pace would suffer: tiny updates, and every curve nearly level.",
    "not shuffled": "Without shuffling the net would chase the class of the moment: the loss of single steps would "
    "go up and down with the classes, and training errors would be far from what the loss suggests.",
    "labels shifted": "With shifted labels in validation, training would be healthy, "
    "and a net that learns would be wrong more often than a guesser.",
    "mean not subtracted": "Without the mean in validation, training would be healthy, "
    "and validation worse and restless, but better than guessing once the net is good.",
}
SEEN = {
    "amber": "Amber has the healthy run's training curve, so look at validation: "
    "is it worse than guessing, or only worse than it should be?",
    "birch": "Both of birch's losses hardly move from ln 20: "
    "compare its update-to-weight ratio with the healthy run's.",
    "cedar": "Cedar's updates are smaller than the healthy run's, yet in training it is wrong more often than a "
    "guesser: how, unless it answers the previous question? "
    "Look at the loss of single steps.",
    "dusk": "Dusk has the healthy run's training curve, so look at validation: "
    "compare its error with a guesser's, 95 %.",
    "ember": "Ember begins to learn about epoch 4, then falls back to guessing and stays there: "
    "what throws a net off what it has found? Compare its first updates with the healthy run's.",
}


def diagnose():
    return dict(DIAGNOSES)


def _says(run):
    def holds(function):
        found = function()
        if not isinstance(found, dict):
            raise WrongKind(f"it should return a dict, run: diagnosis, found {type(found).__name__}")
        if missing := [name for name in DIAGNOSES if name not in found]:
            if run == missing[0]:
                return f"There is no diagnosis for {', '.join(missing)}."
            if run in missing:
                return True  # told with the first
        said = str(found[run]).strip().lower()
        if said == DIAGNOSES[run]:
            return True
        if said not in WOULD:
            return f"For {run} you say {found[run]!r}; expected one of {', '.join(map(repr, WOULD))}."
        return f"{run} is not {said!r}. {WOULD[said]} {SEEN[run]}"

    return holds


LESSON = Lesson(
    "14",
    "Train it: reading the curves",
    60,
    45,
    (
        Exercise(
            "14-top-k",
            "top_k_error",
            top_k_error,
            (_scores, _many_scores, _flat_scores, _uneven_scores),
            ("error",),
            wrong=TOP_K_WRONG,
            by_hand=_top_k_by_hand,
            outside=("number", "zeros"),
            properties=(
                Property("M24", _one_name_or_picture, "It is not right yet for one name, or one picture.", late=True),
            ),
            hints=(
                "How many classes may have a higher score than the right one, for a top-5 hit?",
                "error = mean over pictures of [label not among the k classes with the highest scores]",
                "best = np.argsort(scores, axis=1)[:, -k:]  # upwards, so the last k",
            ),
        ),
        Exercise(
            "14-ratio",
            "update_ratio",
            update_ratio,
            (_weights, _other_weights, _small_weights),
            ("ratio",),
            wrong=RATIO_WRONG,
            properties=(case("for a step longer than the weights", update_ratio, _long_step, ("ratio",)),),
            by_hand=_ratio_by_hand,
            hints=(
                "How long is an arrow with as many entries as there are weights?",
                "ratio = ‖after − before‖ / ‖before‖ with ‖a‖ = √(Σ a²) over all entries",
                "np.sqrt(((after - before) ** 2).sum()), and the same for before",
            ),
        ),
        Exercise(
            "14-drop",
            "dropped_rates",
            dropped_rates,
            (_errors, _slow_errors, _stalled_at_once, _one_epoch),
            ("rates",),
            wrong=DROP_WRONG,
            by_hand=_drop_by_hand,
            outside=("many",),
            properties=(
                Property(
                    "M22",
                    _first_error_of_1,
                    "If the first error is 1, your rates are not right yet. The first epoch is always a new best.",
                    late=True,
                ),
                case("for a whole number as rate", dropped_rates, _whole_rate, ("rates",)),
            ),
            axes={"rates": ("epoch",)},
            hints=(
                "What must you remember from epoch to epoch? There are three things.",
                "since = 0 at a new best, else since + 1; when since reaches patience: "
                "rate / 10 for the next epoch on, since = 0",
                "rates.append(lr) comes first in the loop; then the error of that epoch may change lr",
            ),
        ),
        Exercise(
            "14-diagnose",
            "diagnose",
            diagnose,
            outputs=("diagnoses",),
            compare=False,
            properties=tuple(
                Property(f"M{place + 10}", _says(run), "", about=run) for place, run in enumerate(DIAGNOSES)
            ),
            hints=(
                "Which runs train exactly like the healthy one? Their illness must lie in validation.",
                "A guesser's loss is ln 20 and its error 95 %. Below, at or above these: each means something else.",
                "One run answers well, but to the wrong question; one does not move; "
                "one begins to learn and is thrown back.",
            ),
        ),
    ),
)
