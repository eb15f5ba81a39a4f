"""How often the drift tests cry wolf, and how often they miss: `python -m tests.monitoring.false_alarms RUN`.

Windows without drift: each meets a reference drawn anew from the validation pictures, and holds others of these; or it
is drawn, with replacement, from one reference. Windows with drift: held-out pictures, each corrupted.
"""

import argparse

import numpy as np

from tinyalex.backend import random_stream
from tinyalex.data import open_dataset
from tinyalex.data.corruptions import find_corruption
from tinyalex.monitoring.drift import drift_tests
from tinyalex.monitoring.reference import describe, training_features
from tinyalex.runs.trained import open_run
from tinyalex.statistics import wilson

CORRUPTIONS = ("gaussian-blur", "defocus-blur", "brightness", "jpeg")
PICTURES = 200  # in a window
SEVERITY = 3


def columns_of(run, pictures, training):
    """Columns of pictures, as `drift_tests` takes them."""
    pieces = [describe(run, pictures[start : start + 128], training) for start in range(0, len(pictures), 128)]
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def rows_of(columns, rows):
    return {name: values[rows] for name, values in columns.items()}


def alarms(window, reference, rate, number):
    """The alarms of a window."""
    return [test for test in drift_tests(window, reference, rate, seed=number) if test.alarm]


def held_out(columns, windows, rate, pictures=PICTURES, share=0.8):
    """In how many of these windows without drift there was an alarm; each with a reference of its own."""
    rng, N, found = random_stream(0, "held out"), len(columns["sharpness"]), 0
    for number in range(windows):
        rows = rng.permutation(N)
        reference, window = rows[: round(share * N)], rows[round(share * N) :][:pictures]
        found += bool(alarms(rows_of(columns, window), rows_of(columns, reference), rate, number))
    return found


def drawn(columns, windows, rate, pictures=PICTURES):
    """The same for windows that are drawn, with replacement, from the reference itself."""
    rng, N = random_stream(0, "drawn"), len(columns["sharpness"])
    return sum(
        bool(alarms(rows_of(columns, rng.integers(0, N, pictures)), columns, rate, number)) for number in range(windows)
    )


def detected(columns, spoilt, windows, rate, pictures=PICTURES):
    """In how many windows of spoilt pictures there was an alarm, and the columns that raised it."""
    rng, found, by = random_stream(0, "spoilt"), 0, {}
    for number in range(windows):
        rows = rng.choice(len(spoilt["sharpness"]), pictures, replace=False)
        tests = alarms(rows_of(spoilt, rows), columns, rate, number)
        found += bool(tests)
        for test in tests:
            by[test.column] = by.get(test.column, 0) + 1
    return found, by


def share_text(hits, of):
    interval = wilson(hits, of)
    return f"{hits} of {of}, {interval.mean:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run")
    parser.add_argument("--data", help="a prepared folder, or builtin (default: the run's own)")
    parser.add_argument("--windows", type=int, default=500)
    parser.add_argument("--rate", type=float, default=0.05, help="the wanted rate of false alarms")
    args = parser.parse_args()
    run = open_run(args.run, np)
    dataset = open_dataset(args.data or run.own_data())
    training = training_features(run, dataset)
    pictures = dataset.val.gather(random_stream(0, "order").permutation(len(dataset.val))[:5000])
    columns = columns_of(run, pictures, training)
    print(
        f"{len(pictures):,} validation pictures of {dataset.name}, windows of {PICTURES}, wanted rate {args.rate:.1%}"
    )
    for words, count in (("held out", held_out), ("drawn from the reference", drawn)):
        hits = count(columns, args.windows, args.rate)
        interval = wilson(hits, args.windows)
        verdict = "holds" if interval.low <= args.rate <= interval.high else "does NOT hold"
        print(f"without drift, {words}: {share_text(hits, args.windows)}, which {verdict} the wanted rate", flush=True)
    half = len(pictures) // 2
    for name in CORRUPTIONS:
        spoilt = columns_of(run, find_corruption(name)(pictures[half : half + 1000], SEVERITY, 0), training)
        hits, by = detected(rows_of(columns, np.arange(half)), spoilt, args.windows // 5, args.rate)
        print(f"{name} of severity {SEVERITY}: {share_text(hits, args.windows // 5)}, by {by}", flush=True)


if __name__ == "__main__":
    main()
