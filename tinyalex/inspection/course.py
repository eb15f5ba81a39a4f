"""Panels on the layers: units that do nothing, and what training did to each layer."""

import numpy as np

from tinyalex.composite import layer_of
from tinyalex.inspection import charts
from tinyalex.inspection.health import dead_relus, health_by_layer
from tinyalex.inspection.panel import Panel, listed, spread
from tinyalex.inspection.subject import sample

SAMPLE = 500  # validation pictures; a unit that is 0 for all of them counts as dead
LINES = 12  # in a panel of the chart: more could not be told apart
MEASURES = {  # keys that lines of metrics may have under "health": title, axis, and whether its scale is logarithmic
    "update_ratio": ("Size of the update, relative to the weights", "update / weights", True),
    "gradient_norm": ("Size of the gradient", "norm", True),
    "activation_rms": ("Root mean square of the outputs", "root mean square", True),
    "dead": ("Share of dead units in the batch", "share", False),
}


def dead(subject):
    """The share of dead ReLUs in each layer."""
    val = subject.dataset.val
    chosen = sample(val, SAMPLE, "dead")
    found = dead_relus(subject.network, val, subject.view, subject.xp, chosen)
    heading = "Units that do nothing"
    if not found:
        caption = "This network has no ReLUs, so none of its units can be dead."
        return Panel("dead", heading, caption, numbers={"dead": {}})
    dead_count, units = np.sum(list(found.values()), axis=0)
    worst = max(found, key=lambda layer: found[layer][0] / found[layer][1])
    count, of = found[worst]
    always = f"0 for all of {len(chosen):,} validation pictures"
    caption = (
        f"{dead_count:,} of {units:,} ReLU units are {always}; the largest share is in {worst}, {count} of {of} "
        f"({count / of:.1%}). "
        if dead_count
        else f"None of the {units:,} ReLU units is {always}. "
    )
    caption += "In a convolution a unit is a channel. A unit that is 0 for every training picture too gets no gradient."
    shares = [f"{layer} {count} of {of}" for layer, (count, of) in found.items()]
    numbers = {"dead": {layer: {"dead": count, "units": of} for layer, (count, of) in found.items()}}
    alt = f"One bar per layer. Dead units: {listed(shares)}."
    return Panel("dead", heading, caption, charts.dead_shares(found), alt, numbers=numbers)


def course(subject):
    """How large each layer's gradients, updates and outputs were during training."""
    heading = "How training changed each layer"
    measures = [(*about, health_by_layer(subject.steps, key)) for key, about in MEASURES.items()]
    measures = [measure for measure in measures if measure[-1]]
    if not measures:
        caption = "This run has no record of it: its metrics hold no sizes of gradients or updates."
        return Panel("course", heading, caption)
    said = "; ".join(f"{title[0].lower()}{title[1:]}: {_ends(series)}" for title, *_, series in measures)
    caption = f"By step and layer. The largest and the smallest value at the last recorded step: {said}."
    kernels = {layer_of(name) for name, array in subject.network.params.items() if array.ndim > 1}
    drawn = [(*about, _some(series, kernels)) for *about, series in measures]
    if len(drawn[0][-1]) < len(measures[0][-1]):
        caption += f" Lines are drawn for at most {LINES} layers, evenly spread."
    layers = listed(drawn[0][-1])
    alt = f"{len(measures)} panels with one line per layer ({layers}). Largest and smallest at the end: {said}."
    return Panel("course", heading, caption, charts.course(drawn), alt)


def _some(series, kernels):
    """At most LINES of the layers, the same in measures of the same layers, and the total.

    kernels: the layers with weights that do more than scale: if there are too many, the others are left out first
    """
    layers = [layer for layer in series if layer != "total"]
    if len(layers) > LINES:
        layers = spread([layer for layer in layers if layer in kernels] or layers, LINES)
    return {layer: series[layer] for layer in series if layer in layers or layer == "total"}


def _ends(series):
    """The layers with the largest and the smallest last value, in words."""
    last = {layer: values[-1] for layer, (_, values) in series.items() if layer != "total" or len(series) == 1}
    most, least = max(last, key=last.get), min(last, key=last.get)
    return f"{most} with {last[most]:.3g} and {least} with {last[least]:.3g}"
