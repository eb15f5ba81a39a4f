"""What the network answers: panels of pictures with answers, mistakes, confusions, and how sure it is."""

import numpy as np

from tinyalex.inspection import charts, galleries
from tinyalex.inspection.errors import calibration, errors_by_class, largest_confusions
from tinyalex.inspection.panel import Panel, first_name, listed

MANY_CLASSES = 50  # with more, a picture of all classes could not be read
SHOWN_CLASSES = 24  # of many
BINS = 10


def gallery(subject):
    """Validation pictures with the five likeliest answers, half of them right where there are as many."""
    rights = subject.some(np.flatnonzero(subject.right), subject.shown, "right")
    wrongs = subject.some(np.flatnonzero(~subject.right), subject.shown, "wrong")
    half = max(-(-subject.shown // 2), subject.shown - len(wrongs))
    chosen = np.concatenate([rights[:half], wrongs])[: subject.shown]
    count = int(subject.right[chosen].sum())
    caption = (
        f"{len(chosen)} of {len(subject.labels):,} validation pictures with the likeliest answers (paper, Fig. 4, left): "
        f"{count} answered rightly (solid frame) and {len(chosen) - count} wrongly (dashed frame), drawn at random for "
        f"each kind. Of all validation pictures {subject.measured.top1_error:.1%} are answered wrongly{_top5(subject)}. "
        f"The right class has {galleries.RIGHT} and a filled bar."
    )
    return Panel("answers", "What it answers", caption, *_with_tops(subject, chosen))


def worst(subject):
    """The wrong answers that the network is surest of."""
    wrong = np.flatnonzero(~subject.right)
    if not len(wrong):
        return Panel("mistakes", "Its worst mistakes", "There are none: every validation picture is answered rightly.")
    sure = subject.p[wrong].max(axis=1)
    chosen = wrong[np.argsort(-sure, kind="stable")][: subject.shown]
    caption = (
        f"The {_pictures(len(chosen), 'wrong answer')} that it is surest of, {sure.max():.1%} for the first. "
        f"{(sure > 0.9).sum()} of all {len(wrong):,} wrong answers have more than 90%."
    )
    return Panel("mistakes", "Its worst mistakes", caption, *_with_tops(subject, chosen))


def confusions(subject):
    """The confusion matrix; of many classes those that are confused most."""
    names = [first_name(name) for name in subject.names]
    pairs = largest_confusions(subject.matrix, 10)
    counts = subject.matrix.sum(axis=1)
    rows = [(names[t], names[a], n, f"{n / counts[t]:.0%}") for t, a, n in pairs]
    full = subject.names
    numbers = {"confusions": [{"class": full[t], "answer": full[a], "pictures": n} for t, a, n in pairs]}
    shown, of_many = _most_confused(subject.matrix)
    most = listed([f"{t} taken for {a} ({_pictures(n)}, {share} of its class)" for t, a, n, share in rows[:3]])
    wrong, numbered = int((~subject.right).sum()), ", numbers are pictures" if len(shown) <= charts.NUMBERED else ""
    caption = f"Right classes in rows, answers in columns{of_many}; the diagonal is right{numbered}. " + (
        f"Confused most often: {most}." if rows else "Nothing is confused with anything."
    )
    alt = (
        f"Matrix of {len(shown)} by {len(shown)} classes, light where many pictures lie. {subject.right.sum():,} of "
        f"{len(subject.labels):,} validation pictures lie on the diagonal and {wrong:,} beside it; the largest numbers "
        f"beside it: {most}."
    )
    figure = charts.confusions(subject.matrix[np.ix_(shown, shown)], [names[k] for k in shown])
    table = ("The largest confusions", ("right class", "answer", "pictures", "of the class"), rows) if rows else None
    return Panel("confusion", "What it takes for what", caption, figure, alt, table, numbers)


def _most_confused(matrix):
    """(the classes to show, words for that it is not all): all of few, of many those of the largest confusions."""
    K = len(matrix)
    if K <= MANY_CLASSES:
        return np.arange(K), ""
    shown = []
    for true, answer, _ in largest_confusions(matrix, K * K):
        shown += [k for k in (true, answer) if k not in shown]
        if len(shown) >= SHOWN_CLASSES:
            break
    shown = np.sort(shown[:SHOWN_CLASSES] or np.arange(SHOWN_CLASSES))
    return shown, f", of the {len(shown)} classes of {K} that are confused most"


def classes(subject):
    """The error of each class, the best first; of many classes the ends."""
    errors = errors_by_class(subject.matrix)
    order = np.argsort(errors, kind="stable")  # NaN last
    order = order[: int(np.isfinite(errors).sum())]
    names = [first_name(name) for name in subject.names]
    ends = ""
    if len(order) > MANY_CLASSES:
        half = SHOWN_CLASSES // 2
        order = np.concatenate([order[:half], order[-half:]])
        ends = f" The {half} best and the {half} worst of {len(names)} classes."
    best, last = order[0], order[-1]
    said = (
        f"From {errors[best]:.0%} wrong answers ({names[best]}) to {errors[last]:.0%} ({names[last]}); "
        f"over all validation pictures {subject.measured.top1_error:.1%}."
    )
    rows = [(names[k], int(subject.matrix[k].sum()), f"{errors[k]:.1%}") for k in order]
    table = ("Wrong answers by class", ("class", "pictures", "wrong"), rows)
    figure = charts.class_errors([names[k] for k in order], errors[order], subject.measured.top1_error)
    alt = f"A bar for each of {len(order)} classes, the shortest first. {said}"
    return Panel("classes", "Which classes are hard", said + ends, figure, alt, table)


def reliability(subject):
    """Whether the network is right as often as it is sure."""
    rows, ece = calibration(subject.p, subject.labels, BINS)
    confidence = float(subject.p.max(axis=1).mean())
    accuracy = 1 - subject.measured.top1_error
    more = "surer than it is right" if confidence > accuracy else "less sure than it is right"
    caption = (
        f"Its first answers have a probability of {confidence:.1%} on average, and {accuracy:.1%} of them are right: on the "
        f"whole it is {more}. The expected calibration error, the mean distance of the points from the dashed line "
        f"weighted by pictures, is {ece:.3f} (Guo et al., 2017; {BINS} equal bins)."
    )
    filled = [(b, *row) for b, row in enumerate(rows) if row[0]]
    steps = [f"{share:.0%} right where it is {mean:.0%} sure ({_pictures(n)})" for _, n, mean, share in filled]
    cells = [
        (f"{b / BINS:.1f} to {(b + 1) / BINS:.1f}", n, f"{mean:.3f}", f"{share:.3f}") for b, n, mean, share in filled
    ]
    table = ("Calibration", ("probability", "pictures", "mean", "share right"), cells)
    alt = f"Bars of the share of right answers against the diagonal: {listed(steps)}. ECE {ece:.3f}."
    figure = charts.reliability(rows, ece)
    return Panel("calibration", "Is it as right as it is sure?", caption, figure, alt, table, {"ece": ece})


def _with_tops(subject, chosen):
    """(figure, alt text) of pictures with the five likeliest answers."""
    tops, said = [], []
    for index in chosen:
        p, label = subject.p[index], subject.labels[index]
        best = np.argsort(-p, kind="stable")[:5]
        tops.append([(subject.names[k], float(p[k]), k == label) for k in best])
        name, answer = first_name(subject.names[label]), first_name(subject.names[best[0]])
        verdict = "answered rightly" if best[0] == label else f"taken for {answer}"
        said.append(f"{name}, {verdict} with {p[best[0]]:.0%}")
    names = [subject.names[subject.labels[index]] for index in chosen]
    figure = galleries.answers(subject.crops(subject.dataset.val, chosen), names, tops)
    return figure, f"{_pictures(len(chosen))} with bars for the likeliest answers: {'; '.join(said)}."


def _pictures(count, word="picture"):
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _top5(subject):
    if len(subject.names) <= 5:
        return ""
    return f", and for {subject.measured.top5_error:.1%} the right class is not among the first five"
