"""Lesson 14: learners' wrong answers, each with the mistake it must be told; None: no single known mistake."""

import numpy as np


def k_lowest(scores, labels, k):
    best = np.argsort(scores, axis=1)[:, :k]
    return 1 - np.mean([label in row for label, row in zip(labels, best)])


def k_and_one(scores, labels, k):
    order = np.argsort(-scores, axis=1, kind="stable")
    places = np.array([np.flatnonzero(row == label)[0] for row, label in zip(order, labels)])
    return (places > k).mean()


def slice_without_the_best(scores, labels, k):
    best = np.argsort(scores, axis=1)[:, -k + 1 :]
    return 1 - (best == labels[:, None]).any(1).mean()


def ties_are_hits(scores, labels, k):
    wrong = 0
    for row, label in zip(scores, labels):
        wrong += np.sort(row)[-k] > row[label]
    return wrong / len(labels)


def ties_are_misses(scores, labels, k):
    rank = np.array([sum(row >= row[label]) for row, label in zip(scores, labels)])
    return np.mean(rank > k)


def hits_not_misses(scores, labels, k):
    best = np.argpartition(scores, -k, axis=1)[:, -k:]
    return (best == labels[:, None]).any(1).mean()


def only_the_first(scores, labels, k):
    return (scores.argmax(axis=1) != labels).mean()


def always_five(scores, labels, k):
    best = np.argsort(scores, axis=1)[:, -5:]
    return 1 - (best == labels[:, None]).any(1).mean()


def counted(scores, labels, k):
    best = np.argsort(scores, axis=1)[:, -k:]
    return sum(label not in row for label, row in zip(labels, best))


def mean_over_the_names(scores, labels, k):
    best = np.argsort(scores, axis=1)[:, -k:]
    return 1 - (best == labels[:, None]).mean()


def in_percent(scores, labels, k):
    best = np.argsort(scores, axis=1)[:, -k:]
    return 100 * (1 - (best == labels[:, None]).any(1).mean())


def sorts_in_place(scores, labels, k):
    own = scores[np.arange(len(labels)), labels]
    scores.sort(axis=1)
    return (own < scores[:, -k]).mean()


def lowest_and_hits(scores, labels, k):
    best = np.argsort(scores, axis=1)[:, :k]
    return (best == labels[:, None]).any(axis=1).mean() * 100


def one_epoch_early(errors, lr, patience):
    rates, best, bad = [], np.inf, 0
    for e in errors:
        if e < best:
            best, bad = e, 0
        else:
            bad += 1
            if bad == patience:
                lr, bad = lr / 10, 0
        rates.append(lr)
    return np.array(rates)


def never_counts_afresh(errors, lr, patience):
    rates, best, bad = np.zeros(len(errors)), 1e9, 0
    for i in range(len(errors)):
        rates[i] = lr
        if errors[i] < best:
            best = errors[i]
            bad = 0
        else:
            bad = bad + 1
        if bad >= patience:
            lr = lr * 0.1
    return rates


def counts_all_bad_epochs(errors, lr, patience):
    rates, best, bad = [], 1.0, 0
    for error in errors:
        rates.append(lr)
        if error < best:
            best = error
        else:
            bad += 1
        if bad == patience:
            lr /= 10
            bad = 0
    return np.array(rates)


def the_epoch_before(errors, lr, patience):
    rates, bad = [lr], 0
    for i in range(1, len(errors)):
        rates.append(lr)
        bad = 0 if errors[i] < errors[i - 1] else bad + 1
        if bad == patience:
            lr, bad = lr / 10, 0
    return np.array(rates)


def equal_is_progress(errors, lr, patience):
    rates, since = [], 0
    for i, error in enumerate(errors):
        rates.append(lr)
        since = 0 if error <= errors[: i + 1].min() else since + 1
        if since == patience:
            lr, since = lr / 10, 0
    return np.array(rates)


def best_forgotten(errors, lr, patience):
    rates, run = [], []
    for error in errors:
        rates.append(lr)
        run.append(error)
        if len(run) - 1 - run.index(min(run)) >= patience:
            lr, run = lr / 10, []
    return np.array(rates)


def highest_is_best(errors, lr, patience):
    rates, best, since = [], -np.inf, 0
    for error in errors:
        rates.append(lr)
        if error > best:
            best, since = error, 0
        else:
            since += 1
            if since == patience:
                lr, since = lr / 10, 0
    return np.array(rates)


def one_too_many(errors, lr, patience):
    rates, best, since = [], np.inf, 0
    for error in errors:
        rates.append(lr)
        since = 0 if error < best else since + 1
        best = min(error, best)
        if since > patience:
            lr, since = lr / 10, 0
    return np.array(rates)


def one_too_few(errors, lr, patience):
    rates, best, since = [], np.inf, 1
    for error in errors:
        rates.append(lr)
        since = 1 if error < best else since + 1
        best = min(error, best)
        if since == patience:
            lr, since = lr / 10, 1
    return np.array(rates)


def drops_once(errors, lr, patience):
    rates, best, since = np.full(len(errors), lr), np.inf, 0
    for i, error in enumerate(errors):
        since = 0 if error < best else since + 1
        best = min(error, best)
        if since == patience:
            rates[i + 1 :] = lr / 10
    return rates


def grows(errors, lr, patience):
    rates, best, since, drops = [], np.inf, 0, 0
    for error in errors:
        rates.append(lr / 0.1**drops)
        since = 0 if error < best else since + 1
        best = min(error, best)
        if since == patience:
            drops, since = drops + 1, 0
    return np.array(rates)


def halves(errors, lr, patience):
    rates, best, since = [], np.inf, 0
    for error in errors:
        rates.append(lr)
        since = 0 if error < best else since + 1
        best = min(error, best)
        if since == patience:
            lr, since = lr / 2, 0
    return np.array(rates)


def early_and_halves(errors, lr, patience):
    rates, best, since = [], np.inf, 0
    for error in errors:
        since = 0 if error < best else since + 1
        best = min(error, best)
        if since == patience:
            lr, since = lr / 2, 0
        rates.append(lr)
    return np.array(rates)


def over_the_new_weights(before, after):
    return np.linalg.norm(after - before) / np.linalg.norm(after)


def upside_down(before, after):
    return np.sqrt(np.sum(before**2) / np.sum((after - before) ** 2))


def weights_over_weights(before, after):
    return np.linalg.norm(after.ravel()) / np.linalg.norm(before.ravel())


def the_update_alone(before, after):
    return float(np.sqrt(((before - after) ** 2).sum()))


def squares(before, after):
    return np.sum((after - before) ** 2) / np.sum(before**2)


def mean_of_ratios(before, after):
    return np.mean(np.abs(after / before - 1))


def lengths_compared(before, after):
    return abs(np.linalg.norm(after) / np.linalg.norm(before) - 1)


def largest(before, after):
    return np.abs(after - before).max() / np.abs(before).max()


def absolute_values(before, after):
    return np.mean(abs(after - before)) / np.mean(abs(before))


def singular_value(before, after):
    return np.linalg.norm(after - before, ord=2) / np.linalg.norm(before, ord=2)


def signs_cancel(before, after):
    return abs((after - before).mean() / before.mean())


def deviations(before, after):
    return (after - before).std() / before.std()


def subtracts_in_place(before, after):
    after -= before
    return np.linalg.norm(after) / np.linalg.norm(before)


def squares_over_the_new(before, after):
    return np.sum((after - before) ** 2) / np.sum(after**2)


def _said(**changes):
    right = {
        "amber": "mean not subtracted",
        "birch": "rate too low",
        "cedar": "not shuffled",
        "dusk": "labels shifted",
        "ember": "rate too high",
    }

    def diagnose():
        return {**right, **changes}

    return diagnose


two_in_validation = _said(amber="labels shifted", dusk="mean not subtracted")
two_rates = _said(birch="rate too high", ember="rate too low")
cedar_overfits = _said(cedar="mean not subtracted")
dusk_unshuffled = _said(dusk="not shuffled")
ember_is_slow = _said(ember="rate too low")
own_words = _said(cedar="overfitting")


def one_missing():
    return {"amber": "mean not subtracted", "birch": "rate too low", "cedar": "not shuffled", "dusk": "labels shifted"}


def a_list():
    return ["mean not subtracted", "rate too low", "not shuffled", "labels shifted", "rate too high"]


def softmax_first(scores, labels, k):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    best = np.argsort(p, axis=1)[:, -k:]
    return 1 - (best == labels[:, None]).any(axis=1).mean()


def rounded_scores(scores, labels, k):
    best = np.argsort(np.round(scores, 2), axis=1, kind="stable")[:, -k:]
    return 1 - (best == labels[:, None]).any(axis=1).mean()


def crosses_out(scores, labels, k):
    misses = 0
    for row, label in zip(scores.copy(), labels):
        named = []
        for _ in range(k):
            named.append(row.argmax())
            row[named[-1]] = -1000
        misses += label not in named
    return misses / len(labels)


def squeezed(scores, labels, k):
    best = np.squeeze(np.argsort(scores, axis=1)[:, -k:])
    return 1 - (best == labels[:, None]).any(axis=1).mean()


def _rates(errors, lr, patience, best, better):
    rates, since = [], 0
    for error in errors:
        rates.append(lr)
        if better(error, best):
            best, since = error, 0
        else:
            since += 1
        if since == patience:
            lr, since = lr / 10, 0
    return np.array(rates)


def first_epoch_counts(errors, lr, patience):
    return _rates(errors, lr, patience, errors[0], lambda error, best: error < best)


def begins_at_one(errors, lr, patience):
    return _rates(errors, lr, patience, 1.0, lambda error, best: error < best)


def as_pytorch_compares(errors, lr, patience):
    return _rates(errors, lr, patience, np.inf, lambda error, best: error < best * (1 - 1e-4))


def a_tenth_of_a_point(errors, lr, patience):
    return _rates(errors, lr, patience, np.inf, lambda error, best: best - error > 1e-3)


def protected(before, after):
    return np.linalg.norm(after - before) / (np.linalg.norm(before) + 1e-6)


def row_by_row(before, after):
    return np.mean([np.linalg.norm(b - a) / np.linalg.norm(a) for a, b in zip(before, after)])


def largest_row(before, after):
    return np.linalg.norm(after - before, np.inf) / np.linalg.norm(before, np.inf)


def largest_column(before, after):
    return np.linalg.norm(after - before, 1) / np.linalg.norm(before, 1)


def mean_of_lengths(before, after):
    return np.linalg.norm(after - before, axis=1).sum() / np.linalg.norm(before, axis=1).sum()


def three_drops(errors, lr, patience):
    rates = _rates(errors, lr, patience, np.inf, lambda error, best: error < best)
    return np.maximum(rates, lr / 1000)


def named_for_any_picture(scores, labels, k):
    named = np.argsort(scores, axis=1)[:, -k:]
    return float(np.mean(~np.isin(labels, named)))


# ---------------------------------------------------------------------------------------------- right but for a corner


def length_at_least_a_hundredth(before, after):
    return np.sqrt(((after - before) ** 2).sum()) / max(np.sqrt((before**2).sum()), 0.01)


MUTANTS = [
    ("14-top-k", "M1", k_lowest),
    ("14-top-k", "M2", k_and_one),
    ("14-top-k", "M2", slice_without_the_best),
    ("14-top-k", "M2", ties_are_hits),
    ("14-top-k", "M2", ties_are_misses),
    ("14-top-k", "M4", hits_not_misses),
    ("14-top-k", "M5", only_the_first),
    ("14-top-k", "M5", always_five),
    ("14-top-k", "M6", counted),
    ("14-top-k", "M6", mean_over_the_names),
    ("14-top-k", "M6", in_percent),
    ("14-top-k", "two: unchanged + M2", sorts_in_place),
    ("14-top-k", "two: line-operation + edit-sign", lowest_and_hits),
    ("14-top-k", "M25", softmax_first),
    ("14-top-k", None, named_for_any_picture),
    ("14-top-k", "line-call", rounded_scores),
    ("14-top-k", None, crosses_out),
    ("14-top-k", "M24", squeezed),
    ("14-drop", "M7", one_epoch_early),
    ("14-drop", "M8", never_counts_afresh),
    ("14-drop", "M8", counts_all_bad_epochs),
    ("14-drop", "M9", the_epoch_before),
    ("14-drop", "M9", equal_is_progress),
    ("14-drop", "M9", best_forgotten),
    ("14-drop", "M9", highest_is_best),
    ("14-drop", "M15", one_too_many),
    ("14-drop", "M15", one_too_few),
    ("14-drop", "M16", drops_once),
    ("14-drop", "M16", grows),
    ("14-drop", "M16", halves),
    ("14-drop", "two: line-order + M16", early_and_halves),
    ("14-drop", "M22", first_epoch_counts),
    ("14-drop", "M22", begins_at_one),
    ("14-drop", "M23", as_pytorch_compares),
    ("14-drop", "M23", a_tenth_of_a_point),
    ("14-drop", "M16", three_drops),
    ("14-ratio", "M17", over_the_new_weights),
    ("14-ratio", "M17", upside_down),
    ("14-ratio", "M17", weights_over_weights),
    ("14-ratio", "M17", the_update_alone),
    ("14-ratio", "M18", squares),
    ("14-ratio", "M19", mean_of_ratios),
    ("14-ratio", "M20", lengths_compared),
    ("14-ratio", "M21", largest),
    ("14-ratio", "M21", absolute_values),
    ("14-ratio", "M21", singular_value),
    ("14-ratio", "M21", signs_cancel),
    ("14-ratio", "M21", deviations),
    ("14-ratio", "unchanged", subtracts_in_place),
    ("14-ratio", "two: line-operation + M17", squares_over_the_new),
    ("14-ratio", "line-operation", protected),
    ("14-ratio", "M19", row_by_row),
    ("14-ratio", "M21", largest_row),
    ("14-ratio", "M21", largest_column),
    ("14-ratio", "M19", mean_of_lengths),
    ("14-diagnose", "two: M10 + M13", two_in_validation),
    ("14-diagnose", "two: M11 + M14", two_rates),
    ("14-diagnose", "M12", cedar_overfits),
    ("14-diagnose", "M13", dusk_unshuffled),
    ("14-diagnose", "M14", ember_is_slow),
    ("14-diagnose", "M12", own_words),
    ("14-diagnose", "M14", one_missing),
    ("14-diagnose", "kind", a_list),
    ("14-ratio", "tiny", length_at_least_a_hundredth),
]
