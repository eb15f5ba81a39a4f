"""The model's step time, against sums written out by hand, and the figures that follow from it."""

import pytest

from tinyalex.layers import Conv2d, Flatten, Linear, ReLU
from tinyalex.network import Network
from tinyalex.parallel.traffic import Exchange, exchanges
from tinyalex.scaling import check
from tinyalex.scaling.links import LINKS, Link
from tinyalex.scaling.model import SIZES, Costs, Load, predict, step_seconds, stops_paying

# Seconds of parts, none the sum of others
MEASURED = {
    "trunk": [[1, 0.1, 0.2], [3, 0.7, 0.8], [8, 1.3, 2.9]],
    "tower": [[8, 0.11, 0.23]],
    "head": [[1, 0.03, 0.05], [3, 0.06, 0.13], [8, 0.17, 0.41]],
    "update": [[0.0017, 0.0031]],
    "added": [[3e-6]],
}
LINK = Link("own", "", latency=1e-4, bandwidth=1e6)


def network():
    """Float32; only fc3's weights, 2.4 MB, are large enough to be sent early."""
    features = {"conv1": Conv2d(3, 4, 3), "relu1": ReLU(), "conv2": Conv2d(4, 4, 3, groups=2)}
    return Network(features, {"flatten": Flatten(), "fc3": Linear(100, 6000), "fc4": Linear(6000, 3)}, (9, 9, 3))


def sent(net, form, size, batch, early=None, link=LINK):
    """Seconds on the link, exchange by exchange."""
    return sum(
        e.times * (size - 1) * link.latency + e.bytes / link.bandwidth
        for e in exchanges(net, form, size, batch)
        if early in (None, e.early)
    )


def test_a_link_by_hand():
    """Four exchanges among five workers: 16 latencies; 6,000 bytes."""
    parts = [Exchange("a", 2000, times=3), Exchange("b", 4000)]
    assert LINK.seconds(parts, 5) == pytest.approx(16 * 1e-4 + 6000 / 1e6)
    assert LINK.seconds([], 5) == 0


def test_between_and_beyond_what_was_measured():
    costs = Costs(MEASURED)
    assert [costs.forward("trunk", n) for n in (1, 2, 3, 8)] == pytest.approx([0.1, 0.4, 0.7, 1.3])
    assert costs.backward("trunk", 5) == pytest.approx(0.8 + 2 / 5 * 2.1)
    assert costs.backward("head", 18) == pytest.approx(0.41 + 10 / 5 * 0.28), "on the line through the last two"
    assert costs.both("tower", 16) == pytest.approx(2 * 0.34), "in proportion to the only one"


def test_one_worker_is_the_same_in_every_form():
    costs, net = Costs(MEASURED), network()
    for form in ("data", "hybrid", "towers"):
        computed, waited = step_seconds(costs, net, form, 1, 8, LINK)
        assert computed == pytest.approx(1.3 + 2.9 + 0.17 + 0.41 + 0.0017 + 0.0031) and waited == 0


@pytest.mark.parametrize("bandwidth", [1e6, 1e8])  # at 1e6 the head's gradients arrive after the trunk's pass ends
def test_data(bandwidth):
    """Three workers, eight pictures: the slowest has three. All gradients are added up, at 3 µs per byte."""
    costs, net, link = Costs(MEASURED), network(), Link("own", "", 1e-4, bandwidth)
    computed, waited = step_seconds(costs, net, "data", 3, 8, link)
    gradients = sum(p.nbytes for p in net.params.values())
    assert computed == pytest.approx(0.7 + 0.8 + 0.06 + 0.13 + 0.0017 + 0.0031 + 3e-6 * gradients)
    early, late = (sent(net, "data", 3, 8, early, link) for early in (True, False))
    assert (early > 0.8) == (bandwidth == 1e6) and late > 0
    assert waited == pytest.approx(late + max(0, early - 0.8))


def test_nothing_is_hidden_if_the_cores_copy_the_bytes():
    link = Link("here", "", 1e-4, 1e8, overlapping=1)
    _, waited = step_seconds(Costs(MEASURED), network(), "data", 3, 8, link)
    assert waited == pytest.approx(sent(network(), "data", 3, 8, None, link))


def test_hybrid():
    computed, waited = step_seconds(Costs(MEASURED), network(), "hybrid", 3, 8, LINK)
    gradients = sum(p.nbytes for p in network().features.params.values())
    assert computed == pytest.approx(0.7 + 0.8 + (0.17 + 0.41) / 3 + 0.0017 + 0.0031 / 3 + 3e-6 * gradients)
    assert waited == pytest.approx(sent(network(), "hybrid", 3, 8))


def test_towers():
    computed, waited = step_seconds(Costs(MEASURED), network(), "towers", 2, 8, LINK)
    assert computed == pytest.approx(0.11 + 0.23 + (0.17 + 0.41) / 2 + (0.0017 + 0.0031) / 2)
    assert waited == pytest.approx(sent(network(), "towers", 2, 8)) and waited > 0


def test_pictures_of_a_step():
    strong, weak = Load(batch=128), Load(per_worker=5)
    assert [strong.of_one(size) for size in (1, 3, 128, 1024)] == [128, 43, 1, 1] and strong.of_all(7) == 128
    assert weak.of_one(7) == 5 and weak.of_all(7) == 35


@pytest.mark.parametrize("load", [Load(batch=8), Load(per_worker=3)])
def test_predictions(load):
    """Rows by hand: a worker alone has the costs measured alone, each of several those measured beside others."""
    alone, several, net = Costs(MEASURED), Costs(MEASURED | {"update": [[5.0, 7.0]]}), network()
    rows = predict({1: alone, 2: several}, net, "data", load, LINK, pictures=1000)
    assert [row["workers"] for row in rows] == list(SIZES)
    first = rows[0]["images_per_s"]
    assert first == pytest.approx(load.of_all(1) / sum(step_seconds(alone, net, "data", 1, load.of_all(1), LINK)))
    for row in rows[1:]:
        K, N = row["workers"], load.of_all(row["workers"])
        assert (row["computed_s"], row["waited_s"]) == step_seconds(several, net, "data", K, N, LINK)
        speed = N / (row["computed_s"] + row["waited_s"])
        assert row["batch"] == N and row["step_s"] == pytest.approx(N / speed)
        assert row["images_per_s"] == pytest.approx(speed) and row["epoch_s"] == pytest.approx(1000 / speed)
        assert row["efficiency"] == pytest.approx(speed / (K * first))
    assert rows[0]["efficiency"] == 1


def test_no_more_workers_than_possible():
    costs, net, load = Costs(MEASURED), network(), Load(batch=8)
    few = Link("few", "", 1e-4, 1e6, most=8)
    sizes = {
        name: [row["workers"] for row in predict({1: costs, 2: costs}, net, form, load, link, 1)]
        for name, form, link in (
            ("towers", "towers", LINK),
            ("units", "hybrid", LINK),  # fc4 has three, one for each worker at least
            ("few", "data", few),
            ("any", "data", LINK),
        )
    }
    assert sizes == {"towers": [1, 2], "units": [1, 2], "few": [1, 2, 4, 8], "any": list(SIZES)}


def speeds(*values):
    return [{"workers": 2**i, "images_per_s": value} for i, value in enumerate(values)]


@pytest.mark.parametrize(
    "values, expected",
    [
        ((10, 20, 40), None),
        ((10, 20, 22, 24), 4),
        ((10, 20, 21.9, 44), 2),
        ((10, 9), 1),
        ((10,), None),
        ((10, 20, 22), None),
    ],
)
def test_where_it_stops_paying(values, expected):
    """The size up to which every doubling brings 10 % or more; gains after a smaller one do not count."""
    assert stops_paying(speeds(*values)) == expected


def test_published_links():
    """Line rates in bytes: 25 and 200 Gbit/s; 18 NVLinks of 25 GB/s each way."""
    assert {name: link.bandwidth for name, link in LINKS.items()} == {
        "ethernet": 3.125e9,
        "infiniband": 25e9,
        "nvlink": 18 * 25e9,
    }
    assert all(1e-7 < link.latency < 1e-4 and link.hides(1024) for link in LINKS.values())


# ---------------------------------------------------------------------------------------------- the check


def test_the_link_between_processes():
    two_cores, six = check.here([1e-5, 2e9], threads=1, cores=2), check.here([1e-5, 2e9], threads=2, cores=6)
    assert (two_cores.latency, two_cores.bandwidth) == (1e-5, 2e9)
    assert not two_cores.hides(2) and six.hides(2), "six cores leave one for each of two processes to copy with"
    assert not six.hides(3)
    assert (two_cores.most, six.most) == (2, 3) and check.most_here(1, 1) == 2


def test_predicted_beside_measured():
    """Each round is predicted from its own measurements; the ratio is the median of three."""
    net, load, rounds = network(), Load(batch=8), []
    for slow, one, data in ((1, 5.0, 4.0), (2, 12.0, 4.0), (4, 15.0, 16.0)):
        measured = {
            part: [[n if len(row) == 3 and i == 0 else slow * n for i, n in enumerate(row)] for row in rows]
            for part, rows in MEASURED.items()
        }
        beside = measured | {"update": [[1.0 * slow, 1.0 * slow]]}
        steps = {"one": one, "threaded": 3.0 * slow, "data": data}
        rounds.append({"alone": measured, "beside": beside, "link": [1e-4 * slow, 1e6 / slow], **steps})
    first, second, third = check.compare(rounds, net, load, 1, 2, ("data",))
    alone = sum(step_seconds(Costs(MEASURED), net, "data", 1, 8, LINK))
    assert (first["form"], first["workers"], first["batch"]) == (None, 1, 8)
    assert [first[key] for key in ("ratio_low", "ratio", "ratio_high")] == pytest.approx(
        sorted([alone / 5, 2 * alone / 12, 4 * alone / 15])
    )
    assert first["predicted_images_per_s"] == pytest.approx(8 / (2 * alone))
    assert first["images_per_s"] == pytest.approx(8 / 12)
    here = Link("here", "", 1e-4, 1e6, overlapping=1)
    two = sum(step_seconds(Costs(MEASURED | {"update": [[1.0, 1.0]]}), net, "data", 2, 8, here))
    assert (second["form"], second["workers"], second["ratio"]) == ("data", 2, pytest.approx(two / 4))
    assert [second[f"of_threaded{which}"] for which in ("_low", "", "_high")] == [3 / 4, 3 / 4, 6 / 4]
    assert (third["form"], third["workers"], third["threads"], third["ratio"]) == (None, 1, 2, None)
    assert third["images_per_s"] == pytest.approx(8 / 6)
