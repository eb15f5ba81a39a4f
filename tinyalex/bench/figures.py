"""From the answers of all turns to the figures shown: medians over rounds, with the lowest and highest."""

from statistics import median

from tinyalex.bench.turns import LAYOUTS, OURS, SGEMM


def row(setup, work, answers):
    """One result. work: floating-point operations per picture, (inference, training);  answers: from `turns.take`"""
    limit = max(median(rates) for rates in sgemm_rates(answers).values())
    train, infer = (compared(name, setup.batch, answers) for name in ("train", "infer"))
    gflops = {
        f"{name}_gflops": operations * figures[f"{name}_images_per_s"] / 1e9
        for name, operations, figures in (("train", work[1], train), ("infer", work[0], infer))
    }
    (peak,), (layers,), (kinds,), (pipeline,) = (
        answers[OURS, name] for name in ("peak", "layers", "kinds", "pipeline")
    )
    torch_peak = answers.get((train["torch_train_layout"], "peak"), [None])[0]
    return {
        "model": setup.model,
        "batch": setup.batch,
        "lrn": setup.lrn,
        "device": setup.device,
        "tf32": setup.tf32,
        "threads": setup.threads,
        "rounds": len(answers[OURS, "train"]),
        **train,
        **infer,
        **gflops,
        "sgemm_gflops": limit,
        "fraction_of_sgemm": gflops["train_gflops"] / limit,
        "infer_fraction_of_sgemm": gflops["infer_gflops"] / limit,
        "peak_memory_bytes": peak,
        "torch_peak_memory_bytes": torch_peak,
        "pipeline_images_per_s": setup.batch / pipeline,
        "pipeline_ratio": setup.batch / pipeline / train["train_images_per_s"],
        "kinds": {kind: seconds / sum(kinds.values()) for kind, seconds in kinds.items()},
        "layers": layers,
        "thread_scaling": by_threads(setup.batch, answers),
        "scaling": None,
    }


def compared(work, batch, answers):
    """Images/s of both sides for "train" or "infer", PyTorch in its better layout; the ratio is above 1 if we lead."""
    ours = answers[OURS, work]
    theirs = {layout: answers[layout, work] for layout in LAYOUTS if (layout, work) in answers}
    layout = min(theirs, key=lambda name: median(theirs[name]), default=None)
    ratios = [t / o for o, t in zip(ours, theirs[layout])] if layout else None
    return {
        **spread(f"{work}_images_per_s", [batch / seconds for seconds in ours]),
        **spread(f"torch_{work}_images_per_s", layout and [batch / seconds for seconds in theirs[layout]]),
        f"torch_{work}_layout": layout,
        **spread(f"{work}_ratio", ratios),
    }


def spread(name, values):
    """{name: median, name_low: lowest, name_high: highest}; all None without values."""
    figures = (median(values), min(values), max(values)) if values else (None, None, None)
    return dict(zip((name, f"{name}_low", f"{name}_high"), figures))


def by_threads(batch, answers):
    """[{threads, images_per_s, speedup over one thread}]; None if only one number of threads was timed."""
    times = {key[2][1]: values for key, values in answers.items() if len(key) > 2 and key[2][0] == "threads"}
    if not times:
        return None
    return [
        {"threads": n, "images_per_s": batch / median(times[n])}
        | spread("speedup", [one / many for one, many in zip(times[1], times[n])])
        for n in sorted(times)
    ]


def by_batch(answers):
    """[{batch, images_per_s, ms_per_image}] for training."""
    times = {key[2][1]: values for key, values in answers.items()}
    return [
        {"batch": n, "images_per_s": n / median(times[n])}
        | spread("ms_per_image", [1000 * seconds / n for seconds in times[n]])
        for n in sorted(times)
    ]


def sgemm_rates(*all_answers):
    """{way: GFLOP/s of each round}, over the rounds of all rows given."""
    rates = {}
    for answers in all_answers:
        for one in answers[SGEMM, "rates"]:
            for way, rate in one.items():
                rates.setdefault(way, []).append(rate)
    return rates


def best_sgemm(*all_answers):
    """(way, GFLOP/s): the way with the best median; (None, None) without answers."""
    rates = {way: median(values) for way, values in sgemm_rates(*all_answers).items()}
    return max(rates.items(), key=lambda item: item[1], default=(None, None))
