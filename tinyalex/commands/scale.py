"""`tinyalex scale`: the speed of more workers, predicted from one step measured here."""

import numpy as np

from tinyalex.backend import device_name, memory_available, set_thread_count, thread_count
from tinyalex.commands.exchanged import show_exchanged
from tinyalex.commands.options import REPLACED, add_device, open_device, print_table, print_text
from tinyalex.errors import UserError
from tinyalex.files import check_picture
from tinyalex.models import find_model, in_towers
from tinyalex.parallel.mpi import refuse_ranks
from tinyalex.parallel.traffic import TOWERS, by_layer, saved
from tinyalex.scaling.check import compare, here, most_here
from tinyalex.scaling.launch import find_mpiexec, measure_pair
from tinyalex.scaling.links import LINKS, Link
from tinyalex.scaling.model import PAYS, SIZES, Costs, Load, predict, stops_paying
from tinyalex.scaling.ranks import RANKS, Task
from tinyalex.scaling.timing import measure_worker, tower_of
from tinyalex.summary import summarise
from tinyalex.terminal import bytes_text
from tinyalex.training.memory import training_bytes

PICTURES = 1_281_167  # the training pictures of ILSVRC-2012
FORMS = ("data", "hybrid", "towers")
DESCRIPTION = """\
Predict the speed of 2 to 1,024 workers. The parts of a step are timed here; the bytes to send follow from the \
network's shapes, and their travel time from a link's latency and bandwidth. A step takes the time a worker computes \
plus the time it waits; each exchange costs the latency once per other worker, plus its bytes over the bandwidth.

A worker is this machine with all its threads, or its GPU. With --network here or --check it is a process of one \
thread (or --threads): then two of them side by side, and the link between them, are measured too."""
ASSUMED = (
    "Assumptions: every worker is as fast as this one, has its pictures in time and waits for no slower one; it sends "
    "to all others at the link's full speed, whatever they send; the head's work divides evenly, however few units "
    "each worker gets. Gradients of the head travel during the trunk's backward pass; a worker waits for everything "
    "else. eff.: images/s as a fraction of perfect scaling. A form pays as long as twice the workers bring at least "
    f"{PAYS - 1:.0%} more images/s."
)
EXAMPLES = (
    "tinyalex scale",
    "tinyalex scale --network ethernet --network infiniband --chart scale.png",
    "tinyalex scale --model alexnet-small --per-worker 32 --latency 30 --bandwidth 1.2",
    "tinyalex scale --model alexnet-small --check",
    "tinyalex scale --json",
)


def add_arguments(parser):
    add, known = parser.add_argument, ", ".join(f"{link.name} ({link.title})" for link in LINKS.values())
    add("--model", default="alexnet", metavar="NAME", help="the network, whose LRN stays within each tower (alexnet)")
    add("--classes", type=int, default=1000, metavar="K", help="number of classes (1000)")
    pictures = parser.add_mutually_exclusive_group()
    pictures.add_argument(
        "--batch", type=int, metavar="N", help="pictures per step, divided among workers (the model's own)"
    )
    pictures.add_argument(
        "--per-worker",
        type=int,
        metavar="N",
        help="instead of --batch: pictures per worker, so that the batch grows with them",
    )
    add(
        "--network",
        action="append",
        metavar="NAME",
        help=f"the link: {known}, or here; repeat for several (default: the first three)",
    )
    add("--latency", type=float, metavar="MICROSECONDS", help="latency of your own link, with --bandwidth")
    add("--bandwidth", type=float, metavar="GB/S", help="its bandwidth, in each direction and per worker")
    add("--check", action="store_true", help="also take real steps, with 1 and 2 ranks of mpiexec, and compare")
    add("--pictures", type=int, default=PICTURES, metavar="N", help=f"pictures per epoch ({PICTURES:,}: ILSVRC's)")
    add("--rounds", type=int, default=5, metavar="N", help="rounds of measurement (5)")
    add("--chart", metavar="FILE.png", help=f"draw images/s by workers; {REPLACED}")
    add_device(parser)


def run(args):
    refuse_ranks("scale")
    links = _links(args)  # first, so that wrong options are refused before anything is measured
    model = in_towers(find_model(args.model))
    load = Load(None, args.per_worker) if args.per_worker else Load(args.batch or model.batch)
    network = model.build(args.classes)
    forms = [form for form in FORMS if form != "towers" or tower_of(network)]
    if args.check or "here" in links:
        result, links["here"] = _with_ranks(args, list(links), model, network, load, forms)
    else:
        xp = open_device(args)
        _check_memory(network, load, 1, xp)
        parts = measure_worker(model, args.classes, load, xp, args.rounds)
        result = {"device": device_name(xp), "parts": {"alone": parts, "beside": parts}}
    costs = {name: Costs(measured) for name, measured in result["parts"].items()}
    result |= {
        "model": model.name,
        "classes": args.classes,
        "batch": load.batch,
        "per_worker": load.per_worker,
        "pictures": args.pictures,
        "links": [_predicted(link, costs, network, forms, load, args.pictures) for link in links.values()],
        "exchanged": {form: by_layer(network, form, TOWERS, load.of_all(TOWERS)) for form in forms},
        "hybrid_saves_bytes": saved(network, TOWERS, load.of_all(TOWERS)),
    }
    if args.chart:
        _draw(result, args.chart)
    return result


def _links(args):
    """{name: `Link`} as asked for, None for the link between processes here. UserError for invalid options."""
    for name in ("batch", "per_worker", "classes", "pictures", "rounds"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise UserError(f"--{name.replace('_', '-')}: found {value}, expected 1 or more")
    if args.latency is not None and not 0 <= args.latency <= 1e9:
        raise UserError(f"--latency: found {args.latency:g}, expected microseconds from 0 to 1e9")
    if args.bandwidth is not None and not 1e-6 <= args.bandwidth <= 1e6:
        raise UserError(f"--bandwidth: found {args.bandwidth:g}, expected GB/s from 1e-6 to 1e6")
    if (args.latency is None) != (args.bandwidth is None):
        given, other = ("latency", "bandwidth") if args.bandwidth is None else ("bandwidth", "latency")
        raise UserError(f"--{given}: found no --{other}, expected both for your own link")
    own = {} if args.latency is None else {"own": Link("own", "your own", args.latency / 1e6, args.bandwidth * 1e9)}
    known = LINKS | {"here": None}
    for name in args.network or []:
        if name not in known:
            raise UserError(f"--network: there is no {name!r}, expected one of {', '.join(known)}")
    if args.chart:
        check_picture(args.chart, "chart")
    default = [] if own else ["here"] if args.check else LINKS
    return {name: known[name] for name in args.network or default} | own


def _with_ranks(args, links, model, network, load, forms):
    """Measure two processes on this machine: (entries of the result, the `Link` between them)."""
    asked = "--check" if args.check else "--network here"
    mpiexec, cores, threads = find_mpiexec(asked), thread_count(), 1 if args.threads is None else args.threads
    if args.device == "gpu":
        raise UserError(f"{asked}: found --device gpu, expected cpu: it measures processes on the CPU")
    set_thread_count(threads)  # refuses an invalid count
    if threads > 1 and RANKS * threads > cores:
        raise UserError(f"{asked}: starts {RANKS} processes of --threads {threads}, found only {cores} cores")
    if load.of_all(RANKS) < RANKS:
        raise UserError(f"{asked}: found 1 picture for {RANKS} processes, expected at least one each")
    _check_memory(network, load, RANKS, np)
    task = Task(
        model.name,
        args.classes,
        load.batch,
        load.per_worker,
        threads,
        args.rounds,
        alone=(1, RANKS) if links == ["here"] else SIZES,
        beside=tuple(size for size in SIZES if size <= most_here(threads, cores)),
        forms=tuple(forms) if args.check else (),
    )
    parts, link, rounds = measure_pair(task, "towers" in forms, mpiexec)
    result = {"device": device_name(np), "parts": parts}
    if args.check:
        result["check"] = compare(rounds, network, load, threads, cores, forms)
    return result, here(link, threads, cores)


def _check_memory(network, load, processes, xp):
    """UserError unless the memory suffices for `processes` that each train the network and time its parts."""
    rows, available = summarise(network), memory_available(xp)
    weights = 4 * sum(row.parameters for row in rows)
    needed = processes * (training_bytes(rows, load.of_all(TOWERS), network.in_shape, xp=xp) + 4 * weights)
    if available is not None and needed > available:
        given = f"--per-worker {load.per_worker}" if load.per_worker else f"--batch {load.batch}"
        what = f"{network.name} takes" if processes == 1 else f"{processes} processes of {network.name} take"
        needed, available = bytes_text(needed), bytes_text(available)
        raise UserError(f"{given}: {what} about {needed} of memory, {available} are free; expected fewer pictures")


def _predicted(link, costs, network, forms, load, pictures):
    """One link's entry of the result: its properties, and for each form the rows and where it stops paying."""
    several = costs["beside" if link.name == "here" else "alone"]  # workers on separate machines do not slow each other
    rows = {form: predict({1: costs["alone"], 2: several}, network, form, load, link, pictures) for form in forms}
    return {
        "name": link.name,
        "title": link.title,
        "latency_s": link.latency,
        "bandwidth_bytes_per_s": link.bandwidth,
        "overlapping": link.overlapping,
        "most": link.most,
        "forms": {form: {"rows": found, "stops_paying": stops_paying(found)} for form, found in rows.items()},
    }


def _draw(result, path):
    from tinyalex import plots  # here, since Matplotlib takes a second to import
    from tinyalex.scaling.chart import speeds_by_workers

    title = f"Predicted images/s of {result['model']}, {_load_text(result)}\na worker: {result['device']}"
    plots.save(speeds_by_workers(result["links"], title), path)
    result["chart"] = path


# ---------------------------------------------------------------------------------------------- for people


def show(result):
    what = f"{result['model']}, {_load_text(result)}"
    print_text(f"{what}; a worker: {result['device']}; an epoch: {result['pictures']:,} pictures")
    print()
    for link in result["links"]:
        _show_link(link, weak=result["per_worker"] is not None)
    if "check" in result:
        _show_check(result["check"])
    for form in ("towers", "hybrid"):
        show_exchanged(result["exchanged"].get(form, []), f"{form}: bytes per picture, sent by one of {TOWERS}")
    if "towers" not in result["exchanged"]:
        print_text(f"towers: {result['model']} cannot be divided into two.\n")
    _show_saved(result)
    print_text(ASSUMED)
    if "chart" in result:
        print_text(f"The chart: {result['chart']}")


def _load_text(result):
    each, total = result["per_worker"], result["batch"]
    return (
        f"{each} picture{'s' if each > 1 else ''} per worker" if each else f"a batch of {total} divided among workers"
    )


def _show_link(link, weak):
    """The rows of a link, all forms side by side, and where each stops paying."""
    forms, header = link["forms"], ["workers", *(["batch"] if weak else [])]
    lines = [[f"{row['workers']:,}", *([f"{row['batch']:,}"] if weak else [])] for row in forms["data"]["rows"]]
    for form, found in forms.items():
        header += [f"{form}: images/s", "eff.", "epoch"]
        cells = [
            [f"{r['images_per_s']:,.0f}", f"{r['efficiency']:.0%}", _duration(r["epoch_s"])] for r in found["rows"]
        ]
        for i, line in enumerate(lines):
            line += cells[i] if i < len(cells) else ["", "", ""]
    print_text(
        f"{link['title']}: {link['latency_s'] * 1e6:.3g} µs, {link['bandwidth_bytes_per_s'] / 1e9:.3g} GB/s each way"
    )
    print_table(header, lines, right=range(len(header)))
    print_text("; ".join(_pays(form, found) for form, found in forms.items()) + ".")
    print()


def _pays(form, found):
    """Where a form stops paying, in words."""
    rows, last = found["rows"], found["stops_paying"]
    if last is None:
        return f"{form} pays up to {rows[-1]['workers']:,}, the most considered"
    row, doubled = next((a, b) for a, b in zip(rows, rows[1:]) if a["workers"] == last)
    gain = f"{doubled['images_per_s'] / row['images_per_s'] - 1:+.0%}".replace("-", "−")
    return f"{form} stops paying at {last:,} ({doubled['workers']:,}: {gain})"


def _duration(seconds):
    """Seconds for people, with 2 or 3 significant digits."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}" if seconds >= 10 * length else f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 100 else f"{seconds:.3g} s"


def _show_check(rows):
    lines = []
    for row in rows:
        speeds = ("" if row[key] is None else f"{row[key]:,.1f}" for key in ("predicted_images_per_s", "images_per_s"))
        ratios = (_ratio(row, name) for name in ("ratio", "of_threaded"))
        lines.append((row["form"] or "one process", row["workers"], row["threads"], *speeds, *ratios))
    threads = max(row["threads"] for row in rows)
    header = ["real steps, here", "ranks", "threads each", "predicted images/s", "measured", "measured / predicted"]
    print_table([*header, f"of one process, {threads} threads"], lines, right=range(1, 7))
    print_text("Medians over rounds (lowest–highest), each round predicted from its own measurements.")
    print()


def _ratio(row, name):
    """A figure of the row with its range; "" if it has none."""
    return "" if row[name] is None else f"{row[name]:.2f} ({row[f'{name}_low']:.2f}–{row[f'{name}_high']:.2f})"


def _show_saved(result):
    """The gradients that data sends in a step, and how many bytes hybrid saves or adds."""
    pictures = result["batch"] or TOWERS * result["per_worker"]
    gradients = pictures * sum(row["forward"] + row["backward"] for row in result["exchanged"]["data"])
    less = result["hybrid_saves_bytes"]
    hybrid = f"hybrid sends {bytes_text(abs(less))} {'less' if less >= 0 else 'more'}"
    print_text(f"data: each of {TOWERS} workers sends {bytes_text(gradients)} of gradients per step; {hybrid}.")
    print()
