"""Panels on what the network sees: its kernels, pictures that look alike to it, feature maps, and where it looks."""

import numpy as np

from tinyalex.backend import to_device, to_host
from tinyalex.inspection import charts, galleries
from tinyalex.inspection.colour import colour_selectivity, differences_by_chance
from tinyalex.inspection.features import AT_ONCE, activations, features_of, last_features
from tinyalex.inspection.neighbours import nearest, purity
from tinyalex.inspection.occlusion import occlusion_map, probability_of, square_and_stride
from tinyalex.inspection.panel import Panel, first_name, listed, spread
from tinyalex.inspection.subject import sample
from tinyalex.layers import Conv2d

NEIGHBOURS = 6  # as in the paper's Fig. 4
POOL, QUERIES = 4000, 500  # the most training pictures to search, and validation pictures to search for
PIXELS = 64  # larger pictures are averaged down to about this side before pixels are compared
CHANNELS, LAYERS = 6, 16  # of maps: the most in a row, and the most rows


# ---------------------------------------------------------------------------------------------- kernels


def kernels(subject):
    """The first layer's kernels by tower, and their colour selectivity (paper §6.1, Fig. 3)."""
    weight, heading = subject.weight, "What the first layer looks for"
    if weight is None:
        caption = "This network has no convolution over the colours of a picture, so it has no kernels to show."
        return Panel("kernels", heading, caption, numbers={"tower_colour": []})
    selectivity, (name, _) = colour_selectivity(weight), subject.convolutions[0]
    KH, KW, _, F = weight.shape
    after = subject.convolutions[1][1] if len(subject.convolutions) > 1 else None
    cuts = [(0, F // 2), (F // 2, F)] if after is not None and after.groups == 2 else [(0, F)]
    means = [float(selectivity[a:b].mean()) for a, b in cuts]
    towers = ["tower 1", "tower 2"] if len(cuts) == 2 else ["the only tower"]
    titles = [f"{tower}: kernels {a + 1} to {b}" for tower, (a, b) in zip(towers, cuts)]
    parts = [(title.capitalize(), weight[..., a:b], selectivity[a:b]) for title, (a, b) in zip(titles, cuts)]
    found = listed(f"{mean:.2f} in {tower}" for mean, tower in zip(means, towers))
    caption = (
        f"The {F} kernels of {name}, {KH}×{KW} pixels each; mid-grey is 0. Colour selectivity is the share of a "
        "kernel's energy outside the grey axis, 0 for a kernel without colour; the mean is "
        f"{found}. {_division(selectivity, means)}"
    )
    alt = (
        f"Small colour pictures of {F} kernels, {listed(titles)}, beside bars of their colour selectivity, from "
        f"{selectivity.min():.2f} to {selectivity.max():.2f}; the mean is {found}."
    )
    figure, numbers = charts.towers(parts), {"tower_colour": means}
    return Panel("kernels", heading, caption, figure, alt, numbers=numbers)


def _division(selectivity, means):
    """Whether the towers divide colour between them, in words."""
    if len(means) == 1:
        return "The next convolution has one group, so there is one tower, not the paper's two."
    difference, chance = abs(means[0] - means[1]), np.quantile(differences_by_chance(selectivity), 0.95)
    found, missing = "as in the paper, one tower is for colour", "no clear sign of the paper's division"
    return (
        f"The towers differ by {difference:.2f}; random halves of these kernels differ by at most {chance:.2f} in 95 "
        f"of 100 cases: {found if difference > chance else missing} (§6.1, Fig. 3)."
    )


# ---------------------------------------------------------------------------------------------- neighbours


def alike(subject):
    """Validation pictures beside their nearest training pictures, by features and by pixels (Fig. 4, right)."""
    train, val = subject.dataset.train, subject.dataset.val
    pool, queries = sample(train, POOL, "pool"), sample(val, QUERIES, "queries")
    shown = subject.some(np.arange(len(val)), subject.shown, "alike")
    asked = np.concatenate([shown, queries])
    k = min(NEIGHBOURS, len(pool))
    look = dict(network=subject.network, view=subject.view, xp=subject.xp)
    name, look["layer"] = last_features(subject.network)
    spaces = {
        name: (features_of(split=val, indices=asked, **look), features_of(split=train, indices=pool, **look)),
        "pixels": (_pixels(subject, val, asked), _pixels(subject, train, pool)),
    }
    near = {space: pool[nearest(a, b, k)] for space, (a, b) in spaces.items()}
    pure = {space: purity(val.labels[queries], train.labels[rows[len(shown) :]]) for space, rows in near.items()}
    counts = np.bincount(train.labels[pool], minlength=len(subject.names))
    pure["chance"] = float((counts[val.labels[queries]] / len(pool)).mean())
    drawn = [_query(subject, index, {space: rows[q] for space, rows in near.items()}) for q, index in enumerate(shown)]
    figure = galleries.neighbours(drawn)
    some = "a sample of " if len(pool) < len(train) else ""
    averaged = f", averaged down to about {PIXELS} a side" if subject.view.crop > PIXELS else ""
    caption = (
        f"Validation pictures, each beside the {k} nearest of {some}{len(pool):,} training pictures by Euclidean "
        f"distance: above between the features that {name} gives the last layer, below between pixels{averaged} "
        f"(paper, Fig. 4, right); pictures of the same class have {galleries.RIGHT} and a frame. Over {len(queries)} "
        f"validation pictures, {pure[name]:.1%} of the {k} nearest in {name} have the picture's class, against "
        f"{pure['pixels']:.1%} in pixels and {pure['chance']:.1%} by chance."
    )
    alt = _alike_alt(subject, shown, near)
    return Panel("neighbours", "Which pictures look alike to it", caption, figure, alt, numbers={"purity": pure})


def _alike_alt(subject, shown, near):
    said, train = [], subject.dataset.train.labels
    for q, index in enumerate(shown):
        label = subject.labels[index]
        counts = listed(f"{(train[rows[q]] == label).sum()} in {space}" for space, rows in near.items())
        said.append(f"{first_name(subject.names[label])}: {counts}")
    k = near["pixels"].shape[1]
    return f"{len(shown)} pictures, each with two rows of {k} neighbours. Neighbours of its class: {'; '.join(said)}."


def _query(subject, index, near):
    """A validation picture as `galleries.neighbours` takes it. near: {space: indices of training pictures}."""
    label, rows = subject.labels[index], []
    for space, indices in near.items():
        pictures, labels = subject.crops(subject.dataset.train, indices), subject.dataset.train.labels[indices]
        rows.append((space, [(p, subject.names[k], k == label) for p, k in zip(pictures, labels)]))
    return subject.crops(subject.dataset.val, [index])[0], subject.names[label], rows


def _pixels(subject, split, indices):
    """The centre crops of pictures as rows of pixels, (N, D), with at most a batch of large ones in memory."""
    batches = [indices[start : start + AT_ONCE] for start in range(0, len(indices), AT_ONCE)]
    return np.concatenate([shrunk(subject.crops(split, batch)) for batch in batches])


def shrunk(pictures):
    """Pictures, uint8 (N, T, T, 3), as rows of pixels, (N, D); large ones averaged down to at most PIXELS a side."""
    N, T, _, C = pictures.shape
    factor = -(-T // PIXELS)
    if factor == 1:
        return pictures.reshape(N, -1)
    side = T // factor
    small = np.empty((N, side, side, C), np.float32)
    for one, picture in zip(small, pictures[:, : side * factor, : side * factor]):
        one[...] = picture.reshape(side, factor, side, factor, C).mean(axis=(1, 3))
    return small.reshape(N, -1)


# ---------------------------------------------------------------------------------------------- maps


def feature_maps(subject):
    """One picture layer by layer: the channels with the largest outputs after each convolution or block."""
    heading, layers = "One picture, layer by layer", _after_convolutions(subject.network)
    if not layers:
        return Panel("maps", heading, "The trunk has no convolution, so there are no maps to show.")
    index = _right_first(subject, 1, "maps")[0]
    picture, name = subject.crops(subject.dataset.val, [index])[0], first_name(subject.names[subject.labels[index]])
    x = subject.view.centre(to_device(subject.dataset.val.gather([index]), subject.xp))
    outputs, rows, said = activations(subject.network, x), [], []
    for conv, layer in spread([*layers.items()], LAYERS):
        y = to_host(outputs[layer])[0]  # (H, W, C)
        H, W, C = y.shape
        strongest = np.argsort(-np.abs(y).mean(axis=(0, 1)), kind="stable")[:CHANNELS]
        rows.append((f"{conv}\n{H}×{W}×{C}", y[..., strongest], strongest + 1))
        said.append(f"{(y > 0).mean():.0%} of {y.size:,} outputs in {conv}")
    blocks = any(not isinstance(subject.network.features.layers[conv], Conv2d) for conv in layers)
    some = f" ({len(rows)} of {len(layers)}, evenly spread)" if len(rows) < len(layers) else ""
    whose = f"each convolution{' or block' if blocks else ''}{some}"
    caption = (
        f"A validation picture ({name}) and, for {whose}, the {CHANNELS} channels with the largest outputs on average, "
        "after the activation, each from its lowest (dark) to its highest value (light). Above 0 are "
        f"{listed(said)}."
    )
    shapes = listed(title.replace("\n", ", ") for title, _, _ in rows)
    alt = f"A picture, {name}, and the {CHANNELS} strongest maps of {whose}: {shapes}. Above 0 are {listed(said)}."
    return Panel("maps", heading, caption, galleries.feature_maps(picture, rows), alt)


def _after_convolutions(network):
    """{convolution: the first activation before the next convolution, or else the convolution itself}, by name.

    A block with convolutions counts as one.
    """
    convolutions = {path.partition(".")[0] for path, layer, *_ in network.shapes() if isinstance(layer, Conv2d)}
    found, conv = {}, None
    for name, layer in network.features.layers.items():
        if name in convolutions:
            conv = found[name] = name
        elif conv and layer.activation and found[conv] == conv:
            found[conv] = name
    return found


def _right_first(subject, count, purpose):
    """`count` validation pictures, those with right answers first."""
    kinds = np.flatnonzero(subject.right), np.flatnonzero(~subject.right)
    return np.concatenate([subject.some(kind, count, purpose) for kind in kinds])[:count].astype(int)


# ---------------------------------------------------------------------------------------------- occlusion


def occlusions(subject):
    """Where a grey square lowers the probability of the right class."""
    chosen = _right_first(subject, subject.shown, "occlusion")
    size, stride = square_and_stride(subject.view.crop)
    look = dict(network=subject.network, view=subject.view, xp=subject.xp)
    maps, before = [], []
    for picture, label in zip(subject.dataset.val.gather(chosen), subject.labels[chosen]):
        maps.append(occlusion_map(picture=picture, label=label, size=size, stride=stride, **look))
        before.append(probability_of(picture=picture, label=label, **look))
    maps, names = np.stack(maps), [first_name(subject.names[k]) for k in subject.labels[chosen]]
    lowest = maps.min(axis=(1, 2))
    caption = (
        f"The probability of the right class when a grey square of side {size} covers a place of the "
        f"{subject.view.crop}-pixel crop, tried at {maps[0].size} places (after Zeiler and Fergus, 2014). On average "
        f"it is {np.mean(before):.2f} for the uncovered crop and {lowest.mean():.2f} with the worst place covered, the "
        "dashed square. Each map has its own scale."
    )
    said = "; ".join(f"{name} from {p:.2f} to {low:.2f}" for name, p, low in zip(names, before, lowest))
    alt = f"{len(chosen)} pictures, each beside a map of that probability. Covering the worst place changes it: {said}."
    figure = galleries.occlusion(subject.crops(subject.dataset.val, chosen), names, maps, before, size, stride)
    return Panel("occlusion", "Where it looks", caption, figure, alt)
