"""Predictions beside real steps, of one process and of two ranks on this machine."""

from statistics import median

from tinyalex.bench.figures import spread
from tinyalex.scaling.links import Link
from tinyalex.scaling.model import Costs, step_seconds
from tinyalex.scaling.ranks import RANKS, THREADED


def here(measured, threads, cores):
    """The `Link` between processes of this machine. measured: [latency, bandwidth];  threads: of each process

    The processes copy the bytes themselves: beside the computation only where a core is left over for each.
    """
    overlaps = cores >= RANKS * (threads + 1)
    return Link("here", "between processes of this machine", *measured, overlaps, most_here(threads, cores))


def most_here(threads, cores):
    """Processes of so many threads that have cores of their own; two are measured in any case."""
    return max(RANKS, cores // threads)


def compare(rounds, network, load, threads, cores, forms):
    """A row for one process and for two in each form: images/s predicted and measured, and measured / predicted.

    The last row is one process with the threads of both, which nothing is predicted of; "of_threaded" is each form's
    images/s as a share of that.
    rounds: of `ranks.Pair.round`. Each is predicted from what was measured within it, since machines drift; the ratio is
    the median over rounds, with the lowest and the highest.
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
