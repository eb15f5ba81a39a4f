"""From the answers of all turns to the figures shown: medians over rounds, with the lowest and highest."""

from statistics import median

from tinyalex.bench.turns import COMPILED, OURS, SGEMM, THEIRS, WORKS


def row(setup, work, answers):
    """One result. work: floating-point operations per picture, (inference, training);  answers: from `turns.take`"""
    limit = max(median(rates) for rates in sgemm_rates(answers).values())
    speeds = {}
    for name in WORKS:
        speeds |= compared(name, 1 if name == "one" else setup.batch, answers)
        gflops = work[name == "train"] * speeds[f"{name}_images_per_s"] / 1e9
        speeds |= {f"{name}_gflops": gflops, fraction_name(name): gflops / limit}
    (peak,), (layers,), (kinds,), (pipeline,) = (
        answers[OURS, name] for name in ("peak", "layers", "kinds", "pipeline")
    )
    torch_peak = answers.get((speeds["torch_train_fastest"], "peak"), [None])[0]
    return {
        "model": setup.model,
        "batch": setup.batch,
        "lrn": setup.lrn,
        "device": setup.device,
        "tf32": setup.tf32,
        "threads": setup.threads,
        "rounds": len(answers[OURS, "train"]),
        **speeds,
        "sgemm_gflops": limit,
        "torch_compile_seconds": compile_seconds(answers),
        "peak_memory_bytes": peak,
        "torch_peak_memory_bytes": torch_peak,
        "pipeline_images_per_s": setup.batch / pipeline,
        "pipeline_ratio": setup.batch / pipeline / speeds["train_images_per_s"],
        "kinds": {kind: seconds / sum(kinds.values()) for kind, seconds in kinds.items()},
        "layers": layers,
        "thread_scaling": by_threads(setup.batch, answers),
        "scaling": None,
    }


def compared(work, batch, answers):
    """Images/s of all sides for one of WORKS; the ratio to PyTorch's fastest side is above 1 if we lead.

    batch: pictures at a time
    """
    ours = answers[OURS, work]
    theirs = {side: answers[side, work] for side in THEIRS if (side, work) in answers}
    fastest = min(theirs, key=lambda side: median(theirs[side]), default=None)
    ratios = [t / o for o, t in zip(ours, theirs[fastest])] if fastest else None
    rates = {side: [batch / seconds for seconds in times] for side, times in theirs.items()}
    return {
        **spread(f"{work}_images_per_s", [batch / seconds for seconds in ours]),
        **spread(f"torch_{work}_images_per_s", rates.get(fastest)),
        f"torch_{work}_fastest": fastest,
        f"torch_{work}_sides": {side: spread("images_per_s", rates[side]) for side in rates} or None,
        **spread(f"{work}_ratio", ratios),
    }


def compile_seconds(answers):
    """{work: seconds that compiling it took} of torch.compile, which the speeds leave out; None without that side."""
    keys = {work: (COMPILED, "compile", ("of", work)) for work in WORKS}
    return {work: answers[key][0] for work, key in keys.items() if key in answers} or None


def fraction_name(work):
    """The key of the fraction of sgemm's rate in a row."""
    return "fraction_of_sgemm" if work == "train" else f"{work}_fraction_of_sgemm"


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
