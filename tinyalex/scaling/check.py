"""Predictions beside real steps of one process and of two ranks on this machine."""

from statistics import median

from tinyalex.bench.figures import spread
from tinyalex.scaling.links import Link
from tinyalex.scaling.model import Costs, step_seconds
from tinyalex.scaling.ranks import RANKS, THREADED


def here(measured, threads, cores):
    """The `Link` between processes of this machine. measured: [latency, bandwidth];  threads: per process

    The processes copy the bytes themselves, alongside the computation only if each has a core to spare.
    """
    overlapping = cores // (threads + 1)
    return Link("here", "between processes of this machine", *measured, overlapping, most_here(threads, cores))


def most_here(threads, cores):
    """How many processes of `threads` threads have cores of their own; at least RANKS, which are measured anyway."""
    return max(RANKS, cores // threads)


def compare(rounds, network, load, threads, cores, forms):
    """One row for one process and one for two in each form: images/s predicted and measured, and measured / predicted.

    The last row is one process with the threads of both, without a prediction; "of_threaded" is each form's images/s
    as a fraction of it.
    rounds: from `ranks.Pair.round`. Each round is predicted from its own measurements, since machines drift; ratios are
    medians over rounds, with the lowest and highest.
    """
    rows = []
    for name in ("one", *forms):
        size = 1 if name == "one" else RANKS
        batch = load.of_all(size)
        predicted = [batch / sum(_step(one, network, name, size, batch, threads, cores)) for one in rounds]
        measured = [batch / one[name] for one in rounds]
        rows.append(
            {
                "form": None if name == "one" else name,
                "workers": size,
                "threads": threads,
                "batch": batch,
                "predicted_images_per_s": median(predicted),
                "images_per_s": median(measured),
                **spread("ratio", [m / p for m, p in zip(measured, predicted)]),
                **spread("of_threaded", None if name == "one" else [one[THREADED] / one[name] for one in rounds]),
            }
        )
    batch = load.of_all(RANKS)
    return [
        *rows,
        {
            "form": None,
            "workers": 1,
            "threads": RANKS * threads,
            "batch": batch,
            "predicted_images_per_s": None,
            "images_per_s": median(batch / one[THREADED] for one in rounds),
            **spread("ratio", None),
            **spread("of_threaded", None),
        },
    ]


def _step(one, network, name, size, batch, threads, cores):
    costs = Costs(one["alone" if size == 1 else "beside"])
    return step_seconds(costs, network, name, size, batch, here(one["link"], threads, cores))
