"""The pictures, numbers and words of the panels on a small network, computed by hand."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest

from tests.checks import agree, edited
from tests.inspection import small
from tinyalex.composite import layer_of
from tinyalex.data.dataset import Dataset, Split
from tinyalex.inspection import answers, course, seen
from tinyalex.inspection.colour import differences_by_chance
from tinyalex.inspection.features import last_features
from tinyalex.inspection.galleries import words
from tinyalex.inspection.neighbours import nearest
from tinyalex.inspection.occlusion import occlusion_map
from tinyalex.inspection.panel import first_name, listed
from tinyalex.inspection.seen import shrunk
from tinyalex.inspection.subject import Subject, sample
from tinyalex.layers import Tanh
from tinyalex.models import find_model
from tinyalex.plots import plt


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def subject(p=None, count=30, K=small.K, shown=4, network=None, steps=()):
    """A network with answers p for `count` pictures, classes in turn."""
    rng = np.random.default_rng(3)
    p = rng.dirichlet(np.ones(K), count).astype(np.float32) if p is None else p
    val = Split(small.split(count).shards, np.arange(count) % K)
    train = Split(small.split(41, seed=5).shards, np.arange(41) % K)
    names = [f"class {k}, or else" for k in range(K)]
    dataset = Dataset("small", small.SIDE, names, names, None, None, None, train, val, "")
    network = network or small.network(num_classes=K)
    return Subject(network, small.view(), {"class_names": names}, dataset, np, p, shown, list(steps))


def right_by(labels, K, certainty=0.9):
    """Answers that are all right, with probability `certainty`."""
    p = np.full((len(labels), K), (1 - certainty) / (K - 1))
    p[np.arange(len(labels)), labels] = certainty
    return p


# ---------------------------------------------------------------------------------------------- choosing pictures


def test_some_pictures_are_of_many_classes():
    asked = subject()
    chosen = asked.some(np.arange(30), 3, "a")
    assert sorted(asked.labels[chosen]) == [0, 1, 2] and len(set(asked.some(np.arange(30), 20, "a"))) == 20
    assert chosen.tolist() == asked.some(np.arange(30), 3, "a").tolist() != asked.some(np.arange(30), 3, "b").tolist()
    assert sorted(asked.some(np.array([4, 9]), 7, "a")) == [4, 9] and len(asked.some(np.array([], int), 2, "a")) == 0


def test_a_sample():
    split = small.split(20)
    assert sample(split, 20, "a").tolist() == list(range(20))
    chosen = sample(split, 7, "a")
    assert len(set(chosen)) == 7 and (np.diff(chosen) > 0).all() and set(chosen) <= set(range(20))
    assert len({tuple(sample(split, 7, purpose)) for purpose in "abcdef"}) > 1


def crops_shown(figure):
    """The pictures of a figure, as given to Matplotlib."""
    return [axis.images[0].get_array() for axis in figure.axes if axis.images and axis.images[0].get_array().ndim == 3]


def shown_indices(figure, asked):
    crops = asked.crops(asked.dataset.val, range(len(asked.labels)))
    return [next(n for n, crop in enumerate(crops) if np.array_equal(crop, one)) for one in crops_shown(figure)]


def test_crops_are_what_the_network_sees():
    asked = subject()
    crops = asked.crops(asked.dataset.val, [7, 2])
    expected = np.concatenate([small.centre_crop(picture) for picture in asked.dataset.val.gather([7, 2])])
    agree((crops.astype(np.float32) - 100) / 64, expected, "crops")


def test_the_gallery_has_right_and_wrong_answers():
    asked = subject()
    panel = answers.gallery(asked)
    chosen = shown_indices(panel.figure, asked)
    assert asked.right[chosen].tolist() == [True, True, False, False]
    assert "2 right (solid frame)" in panel.caption and f"top-1 error is {(~asked.right).mean():.1%}" in panel.caption
    all_right = subject(right_by(np.arange(30) % 3, 3))
    assert len(shown_indices(answers.gallery(all_right).figure, all_right)) == 4, "more right ones if none is wrong"


def check_worst(worst):
    asked = subject()
    wrong = [n for n in range(30) if list(asked.p[n]).index(max(asked.p[n])) != asked.labels[n]]
    surest = sorted(wrong, key=lambda n: -max(asked.p[n]))
    panel = worst(asked)
    assert shown_indices(panel.figure, asked) == surest[:4]
    assert f"{max(asked.p[surest[0]]):.1%}" in panel.caption
    assert f"{sum(max(asked.p[n]) > 0.9 for n in wrong)} of all {len(wrong)} wrong" in panel.caption


def test_worst():
    check_worst(answers.worst)


@pytest.mark.parametrize(
    "edits",
    [
        ("np.argsort(-confidence", "np.argsort(confidence"),
        ("np.flatnonzero(~subject.right)", "np.arange(len(subject.right))"),
    ],
)
def test_worst_teeth(edits):
    with pytest.raises(AssertionError):
        check_worst(edited(answers.worst, *edits))


def test_a_network_that_is_always_right_has_no_mistakes():
    asked = subject(right_by(np.arange(30) % 3, 3))
    assert answers.worst(asked).figure is None and "none" in answers.worst(asked).caption
    panel = answers.confusions(asked)
    assert panel.numbers == {"confusions": []} and panel.table is None and "30 of 30" in panel.alt


# ---------------------------------------------------------------------------------------------- what is said


def test_confusions_are_counted():
    p = right_by(np.arange(30) % 3, 3)
    p[[0, 3, 6]] = [0.1, 0.1, 0.8]  # three of class 0 taken for class 2
    p[[1]] = [0.8, 0.1, 0.1]
    panel = answers.confusions(subject(p))
    full = [
        {"class": "class 0, or else", "answer": "class 2, or else", "pictures": 3},
        {"class": "class 1, or else", "answer": "class 0, or else", "pictures": 1},
    ]
    assert panel.numbers == {"confusions": full}
    assert "class 0 taken for class 2 (3 pictures, 30% of its class)" in panel.caption and "26 of 30" in panel.alt
    assert panel.table[2] == [("class 0", "class 2", 3, "30%"), ("class 1", "class 0", 1, "10%")]


def test_the_most_confused_of_many_classes_are_shown():
    K = 60
    p = right_by(np.arange(120) % K, K)
    p[[57, 117]] = right_by([3, 3], K)
    asked = subject(p, 120, K)
    matrix, _ = answers._most_confused(asked.matrix)
    assert matrix.tolist() == [3, 57], "only classes confused with another"
    assert f"2 most confused of {K} classes" in answers.confusions(asked).caption
    assert len(answers._most_confused(np.eye(K))[0]) == answers.SHOWN_CLASSES
    rows = answers.classes(asked).table[2]
    assert len(rows) == answers.SHOWN_CLASSES and rows[-1] == ("class 57", 2, "100.0%") and rows[0][2] == "0.0%"


def test_a_class_without_pictures_has_no_error():
    p = right_by(np.arange(30) % 3, 4)
    asked = subject(p, K=4)
    asked.labels[asked.labels == 3] = 0
    assert sorted(row[0] for row in answers.classes(asked).table[2]) == ["class 0", "class 1", "class 2"]


def test_sure_and_right():
    asked = subject(right_by((np.arange(30) + (np.arange(30) < 6)) % 3, 3, 0.95))  # six are wrong
    panel = answers.reliability(asked)
    assert panel.numbers["ece"] == pytest.approx(0.15) and "0.150" in panel.caption
    assert "is 95.0% on average, and 80.0% of these answers are right: overall it is overconfident" in panel.caption
    assert panel.table[2] == [("0.9 to 1.0", 30, "0.950", "0.800")]
    panel = answers.reliability(subject(right_by(np.arange(30) % 3, 3, 0.9)))
    assert "is 90.0% on average, and 100.0% of these answers are right: overall it is underconfident" in panel.caption


def test_neighbours_are_those_of_the_features():
    asked = subject()
    panel = seen.alike(asked)
    val, train = asked.dataset.val, asked.dataset.train

    def relu7(split):
        x = np.concatenate([small.centre_crop(picture) for picture in split.gather(range(len(split)))])
        return asked.network.classifier.layers["relu7"].forward(
            asked.network.features.predict(x).reshape(len(x), -1) @ asked.network.params["fc7.weight"]
            + asked.network.params["fc7.bias"]
        )[0]

    near = nearest(relu7(val), relu7(train), 6)
    expected = np.mean([[train.labels[j] == val.labels[i] for j in near[i]] for i in range(30)])
    crops = [asked.crops(split, range(len(split))).reshape(len(split), -1) for split in (val, train)]
    in_pixels = np.mean(val.labels[:, None] == train.labels[nearest(*crops, 6)])
    chance = np.mean([np.mean(train.labels == label) for label in val.labels])
    assert panel.numbers["purity"] == pytest.approx({"fc7": expected, "pixels": in_pixels, "chance": chance})
    assert f"{expected:.1%} of the 6 nearest in fc7" in panel.caption and f"{in_pixels:.1%} in pixels" in panel.caption
    pictures = crops_shown(panel.figure)
    assert len(pictures) == 4 * 13
    own = asked.crops(val, range(30))
    shown = [next(n for n in range(30) if np.array_equal(own[n], pictures[13 * q])) for q in range(4)]
    for q, index in enumerate(shown):
        for r in range(6):
            np.testing.assert_array_equal(pictures[13 * q + 1 + r], asked.crops(train, [near[index][r]])[0])
    counts = [sum(train.labels[near[index]] == val.labels[index]) for index in shown]
    assert [int(n) for n in re.findall(r"(\d) in fc7", panel.alt)] == counts


def test_pictures_are_averaged_down(monkeypatch):
    monkeypatch.setattr(seen, "PIXELS", 4)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 11, 11, 3)).astype(np.uint8)
    found = shrunk(pictures).reshape(2, 3, 3, 3)  # 11 in blocks of 3: the last two rows and columns are left out
    for n, i, j, c in np.ndindex(found.shape):
        block = [float(pictures[n, 3 * i + a, 3 * j + b, c]) for a in range(3) for b in range(3)]
        assert found[n, i, j, c] == pytest.approx(sum(block) / 9, rel=1e-6)
    assert shrunk(pictures[:, :4, :4]).dtype == np.uint8, "small ones are left as they are"


@pytest.mark.parametrize(
    "name, expected",
    [
        ("alexnet-small", ("fc7", "relu7")),
        ("alexnet-mini+tanh", ("fc7", "relu7")),
        ("alexnet-mini+no-dropout", ("fc7", "relu7")),
        ("alexnet-mini+four-layer", ("flatten", "flatten")),
        ("resnet20", ("pool", "pool")),
    ],
)
def test_what_the_last_layer_sees(name, expected):
    assert last_features(find_model(name).build(3)) == expected


@pytest.mark.parametrize(
    "name, expected",
    [
        ("alexnet-mini", ["relu1", "relu2", "relu3", "relu4", "relu5"]),
        ("alexnet-mini+2012-source", ["relu1", "relu2", "relu3", "relu4", "relu5"]),
        ("alexnet-mini+no-conv4+sigmoid", ["relu1", "relu2", "relu3", "relu5"]),
        ("vgg-small+bn", ["relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_2"]),
        ("resnet20+depth-8", ["relu1", "relu1_1", "relu2_1", "relu3_1"]),
        ("resnet20+depth-8+no-skip", ["relu1", "relu1_1", "relu2_1", "relu3_1"]),
    ],
)
def test_maps_are_taken_after_the_activation(name, expected):
    assert list(seen._after_convolutions(find_model(name).build(3)).values()) == expected


def test_maps_are_the_strongest():
    asked = subject(shown=1)
    asked.network.features.layers["conv1"].params["bias"][2] = 9
    panel = seen.feature_maps(asked)
    titles = [axis.get_title() for axis in panel.figure.axes]
    assert titles[1] == "channel 3" and len(titles) == 1 + 4  # the fourth layer's channels are four
    maps = panel.figure.axes[1].images[0].get_array()
    index = shown_indices(panel.figure, asked)[0]
    y = asked.network.features.layers["conv1"].forward(small.centre_crop(asked.dataset.val.gather([index])[0]))[0]
    agree(maps, np.maximum(y[0, ..., 2], 0), "the map")
    assert f"{(y > 0).mean():.0%} of 256 outputs in conv1" in panel.caption


def test_maps_of_a_deep_network_are_some_of_its_blocks():
    """With 28 of them, the page would be as tall as a house."""
    network = find_model("resnet20+depth-56").build(small.K)
    asked = subject(np.eye(small.K)[:1], count=1, network=network)
    data = replace(asked.dataset, val=Split((np.zeros((1, 32, 32, 3), np.uint8),), np.zeros(1, int)))
    view = replace(asked.view, crop=28, mean=np.zeros((32, 32, 3), np.float32))
    panel = seen.feature_maps(replace(asked, dataset=data, view=view))
    assert "each convolution or block (16 of 28, evenly spread)" in panel.caption
    rows = [axis.get_ylabel() for axis in panel.figure.axes if axis.get_ylabel()]
    assert len(rows) == 16 and (rows[0], rows[-1]) == ("conv1\n28×28×16", "block3_9\n7×7×64")


def test_towers_are_told_apart():
    """alexnet-mini's first tower has kernels 1 to 12, here grey, its second has 13 to 24, here red."""
    network = find_model("alexnet-mini").build(small.K)
    weight = network.params["conv1.weight"]
    weight[:], weight[:, :, 1:, weight.shape[-1] // 2 :] = 1, 0
    panel = seen.kernels(subject(network=network))
    assert panel.numbers["tower_colour"] == pytest.approx([0, 2 / 3])
    assert "0.00 in tower 1 and 0.67 in tower 2" in panel.caption
    titles = [axis.get_title() for axis in panel.figure.axes[::2]]
    assert titles == ["Tower 1: kernels 1 to 12", "Tower 2: kernels 13 to 24"]


def test_where_it_looks():
    asked = subject(shown=3)
    panel = seen.occlusions(asked)
    lowest = []
    for index in shown_indices(panel.figure, asked):
        picture, label = asked.dataset.val.gather([index])[0], asked.labels[index]
        lowest.append(occlusion_map(asked.network, asked.view, picture, label, size=1, stride=1).min())
    assert f"{np.mean(lowest):.2f} with the worst place covered" in panel.caption and "at 64 places" in panel.caption
    assert [float(low) for low in re.findall(r"to (\d\.\d\d)", panel.alt)] == pytest.approx(lowest, abs=0.006)


def test_towers_and_chance():
    values = np.array([0.1, 0.2, 0.4, 0.5, 0.7, 0.9])
    sums = [sum(half) for half in itertools.combinations(values, 3)]  # of one half; the other has the rest
    expected = np.quantile([abs(one - (sum(values) - one)) / 3 for one in sums], 0.95)
    assert np.quantile(differences_by_chance(values, 4000), 0.95) == pytest.approx(expected, abs=0.02)
    assert differences_by_chance(np.full(8, 0.3)) == pytest.approx(0, abs=1e-12)
    grey, red = np.ones((3, 3, 3, 6)), np.zeros((3, 3, 3, 6))
    red[:, :, 0] = 1
    assert "one tower is for colour" in seen._division(*selectivity(np.concatenate([grey, red], axis=3)))
    mixed = np.stack([grey, red], axis=4).reshape(3, 3, 3, 12)
    assert "no clear sign" in seen._division(*selectivity(mixed))


def selectivity(weight):
    shares = seen.colour_selectivity(weight)
    return shares, [shares[:6].mean(), shares[6:].mean()]


def test_a_network_without_relus_and_one_with():
    panel = course.dead(subject(network=small.network(Tanh)))
    assert panel.figure is None and panel.numbers == {"dead": {}} and "no ReLUs" in panel.caption
    network = small.network()
    network.classifier.layers["fc7"].params["bias"][:] = -1e3
    panel = course.dead(subject(network=network))
    assert panel.numbers["dead"]["relu7"] == {"dead": 5, "units": 5} and "relu7, 5 of 5 (100.0%)" in panel.caption


def test_the_course():
    assert course.course(subject()).figure is None
    ratios = ({"fc8": 0.1, "conv1": 0.5}, {"fc8": 0.2, "conv1": 0.5})
    steps = [{"step": s, "health": {"update_ratio": r, "dead": {"relu1": 0.0}}} for s, r in enumerate(ratios, 1)]
    panel = course.course(subject(steps=steps))
    assert "conv1 with 0.5 and fc8 with 0.2" in panel.caption and len(panel.figure.axes) == 2
    assert [axis.get_yscale() for axis in panel.figure.axes] == ["log", "linear"], "shares of dead units may be 0"
    agree(panel.figure.axes[0].lines[0].get_xydata(), [[1, 0.1], [2, 0.2]], "fc8's line")


def test_the_course_of_many_layers():
    """Some lines, the same layers in each panel; but the largest and the smallest of all."""
    sizes = {f"layer{n}": n / 100 for n in range(1, 41)}
    health = {"update_ratio": sizes, "gradient_norm": sizes | {"total": 9.0}}
    panel = course.course(subject(steps=[{"step": 1, "health": health}]))
    lines = [[line.get_label() for line in axis.lines] for axis in panel.figure.axes]
    assert len(lines[0]) == course.LINES and (lines[0][0], lines[0][-1]) == ("layer1", "layer40")
    assert lines[1] == [*lines[0], "total"]
    assert "layer40 with 0.4 and layer1 with 0.01" in panel.caption and "at most 12 layers" in panel.caption


def test_the_course_draws_kernels_before_scales():
    network = find_model("resnet20").build(small.K)
    sizes = {layer: 1.0 for layer in dict.fromkeys(map(layer_of, network.params))}
    panel = course.course(subject(network=network, steps=[{"step": 1, "health": {"update_ratio": sizes}}]))
    lines = [line.get_label() for line in panel.figure.axes[0].lines]
    assert len(lines) == course.LINES and (lines[0], lines[-1]) == ("conv1", "fc")
    assert not any("bn" in line for line in lines)
    legend = panel.figure.axes[0].get_legend()
    assert legend._ncols == 2, "names as long as block3_3.conv2 fit two beside each other"


def test_words():
    assert listed([]) == "none" and listed(["a"]) == "a" and listed("abc") == "a, b and c"
    assert first_name("ice lolly, lolly") == "ice lolly" and first_name(" ,x") == "?"
    assert words("cost $5 and $6, other") == r"cost \$5 and \$6" and words("  ") == "?"
    assert words("a very long name of a thing", 10) == "a very…" and words("Aaaaaaaaaaaaaaa", 5, 2).count("\n") == 1
    assert max(map(len, words("Donaudampfschifffahrt", 9, 2).splitlines())) <= 9
