"""Panels on what the network answers: pictures with answers, mistakes, confusions, and its confidence."""

import numpy as np

from tinyalex.calibration import expected_calibration_error
from tinyalex.calibration import reliability as reliability_rows
from tinyalex.inspection import charts, galleries
from tinyalex.inspection.errors import errors_by_class, largest_confusions
from tinyalex.inspection.panel import Panel, first_name, listed

MANY_CLASSES = 50  # a figure of more would be unreadable
SHOWN_CLASSES = 24  # when there are more than MANY_CLASSES
BINS = 10


def gallery(subject):
    """Validation pictures with the five likeliest answers, half of them right if there are enough of each."""
    rights = subject.some(np.flatnonzero(subject.right), subject.shown, "right")
    wrongs = subject.some(np.flatnonzero(~subject.right), subject.shown, "wrong")
    half = max(-(-subject.shown // 2), subject.shown - len(wrongs))
    chosen = np.concatenate([rights[:half], wrongs])[: subject.shown]
    count = int(subject.right[chosen].sum())
    caption = (
        f"{len(chosen)} of {len(subject.labels):,} validation pictures with the likeliest answers (paper, Fig. 4, "
        f"left): {count} right (solid frame) and {len(chosen) - count} wrong (dashed frame), each kind drawn at "
        f"random. Over all validation pictures the top-1 error is {subject.measured.top1_error:.1%}{_top5(subject)}. "
        f"The right class has {galleries.RIGHT} and a filled bar."
    )
    return Panel("answers", "What it answers", caption, *_with_tops(subject, chosen))


def worst(subject):
    """The network's most confident wrong answers."""
    heading, wrong = "Its worst mistakes", np.flatnonzero(~subject.right)
    if not len(wrong):
        return Panel("mistakes", heading, "There are none: its answers to all validation pictures are right.")
    confidence = subject.p[wrong].max(axis=1)
    chosen = wrong[np.argsort(-confidence, kind="stable")][: subject.shown]
    caption = (
        f"The {_pictures(len(chosen), 'wrong answer')} with the highest confidence, {confidence.max():.1%} for the "
        f"first. {(confidence > 0.9).sum()} of all {len(wrong):,} wrong answers have a confidence above 90%."
    )
    return Panel("mistakes", heading, caption, *_with_tops(subject, chosen))


def confusions(subject):
    """The confusion matrix; of many classes, the most confused ones."""
    names = [first_name(name) for name in subject.names]
    pairs = largest_confusions(subject.matrix, 10)
    counts = subject.matrix.sum(axis=1)
    rows = [(names[t], names[a], n, f"{n / counts[t]:.0%}") for t, a, n in pairs]
    full = subject.names
    numbers = {"confusions": [{"class": full[t], "answer": full[a], "pictures": n} for t, a, n in pairs]}
    shown, of_many = _most_confused(subject.matrix)
    most = listed([f"{t} taken for {a} ({_pictures(n)}, {share} of its class)" for t, a, n, share in rows[:3]])
    numbered = "; numbers count pictures" if len(shown) <= charts.NUMBERED else ""
    caption = f"Right classes in rows, answers in columns{of_many}; right answers are on the diagonal{numbered}. " + (
        f"Most often confused: {most}." if rows else "No classes are confused."
    )
    alt = (
        f"Matrix of {len(shown)} by {len(shown)} classes, lighter where more pictures lie. {subject.right.sum():,} of "
        f"{len(subject.labels):,} validation pictures lie on the diagonal and {(~subject.right).sum():,} off it; the "
        f"largest numbers off it: {most}."
    )
    figure = charts.confusions(subject.matrix[np.ix_(shown, shown)], [names[k] for k in shown])
    header = ("right class", "answer", "pictures", "share of class")
    table = ("The largest confusions", header, rows) if rows else None
    return Panel("confusion", "What it confuses", caption, figure, alt, table, numbers)


def _most_confused(matrix):
    """(classes to show, caption suffix when classes are left out): all of few, the most confused of many."""
    K = len(matrix)
    if K <= MANY_CLASSES:
        return np.arange(K), ""
    shown = []
    for true, answer, _ in largest_confusions(matrix, K * K):
        shown += [k for k in (true, answer) if k not in shown]
        if len(shown) >= SHOWN_CLASSES:
            break
    shown = np.sort(shown[:SHOWN_CLASSES] or np.arange(SHOWN_CLASSES))
    return shown, f", for the {len(shown)} most confused of {K} classes"


def classes(subject):
    """The error of each class, the best first; of many classes, only the best and the worst."""
    errors = errors_by_class(subject.matrix)
    order = np.argsort(errors, kind="stable")  # NaN last
    order = order[: int(np.isfinite(errors).sum())]
    names = [first_name(name) for name in subject.names]
    ends = ""
    if len(order) > MANY_CLASSES:
        half = SHOWN_CLASSES // 2
        order = np.concatenate([order[:half], order[-half:]])
        ends = f" Shown are the {half} best and the {half} worst of {len(names)} classes."
    best, last = order[0], order[-1]
    said = (
        f"Between {errors[best]:.0%} ({names[best]}) and {errors[last]:.0%} ({names[last]}) of the answers are wrong, "
        f"{subject.measured.top1_error:.1%} over all validation pictures."
    )
    rows = [(names[k], int(subject.matrix[k].sum()), f"{errors[k]:.1%}") for k in order]
    table = ("Wrong answers by class", ("class", "pictures", "wrong"), rows)
    figure = charts.class_errors([names[k] for k in order], errors[order], subject.measured.top1_error)
    alt = f"Bars for {len(order)} classes, the shortest first. {said}"
    return Panel("classes", "Which classes are hard", said + ends, figure, alt, table)


def reliability(subject):
    """Whether the network's confidence, the probability of its first answer, matches its accuracy."""
    rows = reliability_rows(subject.p, subject.labels, BINS)
    ece = expected_calibration_error(subject.p, subject.labels, BINS)
    confidence = float(subject.p.max(axis=1).mean())
    accuracy = 1 - subject.measured.top1_error
    tendency = "overconfident" if confidence > accuracy else "underconfident"
    caption = (
        f"Its confidence, the probability of its first answer, is {confidence:.1%} on average, and {accuracy:.1%} of "
        f"these answers are right: overall it is {tendency}. The expected calibration error (ECE), the mean distance "
        f"of the points from the dashed line weighted by pictures, is {ece:.3f} (Guo et al., 2017; {BINS} equal bins)."
    )
    steps, cells = [], []
    for b, (n, mean, share) in enumerate(rows):
        if n:
            steps.append(f"{share:.0%} right at {mean:.0%} confidence ({_pictures(n)})")
            cells.append((f"{b / BINS:.1f} to {(b + 1) / BINS:.1f}", n, f"{mean:.3f}", f"{share:.3f}"))
    table = ("Calibration", ("confidence", "pictures", "mean", "share right"), cells)
    alt = f"Bars of the share of right answers against the diagonal: {listed(steps)}. ECE {ece:.3f}."
    figure = charts.reliability(rows, ece)
    return Panel("calibration", "Is it as accurate as it is confident?", caption, figure, alt, table, {"ece": ece})


def _with_tops(subject, chosen):
    """(figure, alt text) for pictures with their five likeliest answers."""
    tops, said = [], []
    for index in chosen:
        p, label = subject.p[index], subject.labels[index]
        best = np.argsort(-p, kind="stable")[:5]
        tops.append([(subject.names[k], float(p[k]), k == label) for k in best])
        name, answer = first_name(subject.names[label]), first_name(subject.names[best[0]])
        verdict = "recognised" if best[0] == label else f"taken for {answer}"
        said.append(f"{name}, {verdict} at {p[best[0]]:.0%}")
    names = [subject.names[subject.labels[index]] for index in chosen]
    figure = galleries.answers(subject.crops(subject.dataset.val, chosen), names, tops)
    return figure, f"{_pictures(len(chosen))} with bars for the likeliest answers: {'; '.join(said)}."


def _pictures(count, word="picture"):
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _top5(subject):
    error = subject.measured.top5_error
    return "" if error is None else f" and the top-5 error {error:.1%}"
