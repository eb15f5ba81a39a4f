"""The bytes worked out from shapes against those that a team counts while it trains."""

import pytest

from tests.parallel.test_network import FORMS, network, train
from tinyalex.commands.exchanged import with_counted
from tinyalex.layers import BatchNorm2d, Conv2d, Flatten, Linear, ReLU
from tinyalex.models import find_model
from tinyalex.network import Network
from tinyalex.parallel import run_threads, split_network, sums, traffic
from tinyalex.parallel.traffic import by_layer, exchanged, exchanges, saved
from tinyalex.residual import Residual

# Bytes of a bucket: all gradients travel together; long arrays are cut and biases travel together; nothing is short


@pytest.fixture(params=[sums.BUCKET_BYTES, 400, 64])
def bucket(request, monkeypatch):
    for module in (sums, traffic):
        monkeypatch.setattr(module, "BUCKET_BYTES", request.param)


def counted(build, form, size, count):
    """What each worker of a team sent in one step, and how many exchanges it took part in, by label."""

    def work(team):
        calls = []
        carry, team._carry = team._carry, lambda send, into: (calls.append(1), carry(send, into))
        net = split_network(form, build(), team)
        train(net, 1, count, team=True)
        return team.sent, len(calls)

    return run_threads(size, work)


@pytest.mark.parametrize("form, size", FORMS)
@pytest.mark.parametrize("count", [7, 2, 1])
def test_to_the_byte(form, size, count, bucket):
    net = network()
    for rank, (sent, calls) in enumerate(counted(network, form, size, count)):
        assert exchanged(net, form, size, count, rank) == sent
        assert sum(exchange.times for exchange in exchanges(net, form, size, count, rank)) == calls
    if size > 1:
        assert sent and all(label in sent for label in exchanged(net, form, size, count))


def all_read_all():
    """Three convolutions and two fully connected layers without groups, float64."""
    features = {"conv1": Conv2d(3, 4, 3), "relu1": ReLU(), "conv2": Conv2d(4, 6, 3), "conv3": Conv2d(6, 3, 3)}
    return Network(features, {"flatten": Flatten(), "fc4": Linear(27, 5), "fc5": Linear(5, 5)}, (9, 9, 3))


def test_a_split_everywhere():
    """With groups, as the same network without them; there as the team counts."""
    net = all_read_all()
    net.map_arrays(lambda p: p.astype("float64"))
    grouped = Network({**net.features.layers, "conv2": Conv2d(4, 6, 3, groups=2)}, net.classifier.layers, (9, 9, 3))
    grouped.map_arrays(lambda p: p.astype("float64"))
    everywhere = exchanged(grouped, "towers", 2, 7, everywhere=True)
    assert everywhere == exchanged(net, "towers", 2, 7) != exchanged(grouped, "towers", 2, 7)

    def float64():
        net = all_read_all()
        net.map_arrays(lambda p: p.astype("float64"))
        return net

    for rank, (sent, _) in enumerate(counted(float64, "towers", 2, 7)):
        assert sent == exchanged(net, "towers", 2, 7, rank)


def alexnet():
    return find_model("alexnet+two-towers").build(1000)


def test_the_papers_network_by_hand():
    """Float32, two workers: half the maps of conv3's input, of pool5, fc6, fc7 and the scores; for data all weights."""
    net, N = alexnet(), 128
    half = {"conv3": 13 * 13 * 128, "fc6": 6 * 6 * 128, "fc7": 2048, "fc8": 2048}
    expected = {f"{layer} {way}": 4 * N * count for layer, count in half.items() for way in ("forward", "backward")}
    assert exchanged(net, "towers", 2, N) == expected | {"softmax forward": 4 * N * 500}
    trunk, head = (sum(p.size for p in part.params.values()) for part in (net.features, net.classifier))
    assert exchanged(net, "data", 2, N) == {"gradients": 4 * (trunk + head)}
    head_only = {
        label: count for label, count in expected.items() if "fc" in label
    }  # fc6: all maps of half the pictures
    assert exchanged(net, "hybrid", 2, N) == head_only | {"softmax forward": 4 * N * 500, "gradients": 4 * trunk}
    activations = 4 * N * (9216 + 2 * 4096 + 500)
    assert saved(net, 2, N) == 4 * head - activations > 0
    assert saved(net, 2, 64 * N) < 0, "activations grow with the batch, gradients do not"


def test_what_can_leave_early():
    """The head's long arrays, and nothing of the trunk's; the bytes do not depend on it."""
    net = alexnet()
    early, late = ([e for e in exchanges(net, "data", 2, 128) if e.early is wanted] for wanted in (True, False))
    weights = [layer.params["weight"] for layer in net.classifier.layers.values() if layer.params]
    assert sum(e.bytes for e in early) == sum(w.nbytes for w in weights)
    assert sum(e.times for e in early) == 2 * sum(-(-w.nbytes // sums.BUCKET_BYTES) for w in weights)
    assert sum(e.bytes for e in late) == sum(p.nbytes for p in net.features.params.values()) + 4 * (4096 + 4096 + 1000)
    assert not any(e.early for form in ("towers", "hybrid") for e in exchanges(net, form, 2, 128))


@pytest.mark.parametrize("form", ["data", "towers", "hybrid"])
def test_the_table_by_layer(form):
    """Its rows add up to all that is sent, in the order of the layers; for towers a split everywhere costs more."""
    net = alexnet()
    rows = by_layer(net, form, 2, 128)
    order = {"data": "gradients", "towers": "conv3 fc6 fc7 fc8 softmax", "hybrid": "fc6 fc7 fc8 softmax gradients"}
    if form == "towers":
        order["towers"] = "conv2 conv3 conv4 conv5 fc6 fc7 fc8 softmax"
        total = sum(row["everywhere_forward"] + row["everywhere_backward"] for row in rows)
        assert 128 * total == pytest.approx(sum(exchanged(net, form, 2, 128, everywhere=True).values()))
        assert rows[0] == {
            "layer": "conv2",
            "forward": 0,
            "backward": 0,
            "everywhere_forward": 4 * 27 * 27 * 48,
            "everywhere_backward": 4 * 27 * 27 * 48,
        }
    assert [row["layer"] for row in rows] == order[form].split()
    assert form == "towers" or rows[-1]["forward"] == 0 < rows[-1]["backward"], "gradients are added up on the way back"
    total = sum(row["forward"] + row["backward"] for row in rows)
    assert 128 * total == pytest.approx(sum(exchanged(net, form, 2, 128).values()))


@pytest.mark.parametrize("form", ["data", "towers", "hybrid"])
def test_alone_nothing_is_sent(form):
    assert exchanges(network(), form, 1, 7) == [] and not exchanged(network(), form, 1, 7)


def test_a_trunk_without_parameters():
    """Only the head's gradients travel: two workers send half a run and half its sum, 27·5 + 5 numbers each way."""
    net = Network({"relu1": ReLU()}, {"flatten": Flatten(), "fc1": Linear(27, 5)}, (3, 3, 3))
    assert sum(exchanged(net, "data", 2, 4).values()) == 140 * 4


@pytest.mark.parametrize("form, size", FORMS)
def test_statistics_to_the_byte(form, size):
    """Batch normalisation in the trunk, in a block there, frozen, and in a head, which in hybrid sees all pictures."""

    def build():
        block = {"conv": Conv2d(4, 4, 3, padding=1, bias=False), "bn": BatchNorm2d(4)}
        features = {"conv1": Conv2d(3, 4, 3), "bn1": BatchNorm2d(4), "relu1": ReLU()}
        if form != "towers":  # which cannot divide a block
            features |= {"block": Residual(block), "conv2": Conv2d(4, 4, 1), "bn2": BatchNorm2d(4, frozen=True)}
        head = {"flatten": Flatten(), "fc3": Linear(4 * 49, 6), "bn3": BatchNorm2d(6), "fc4": Linear(6, 5)}
        net = Network(features, head, (9, 9, 3))
        net.map_arrays(lambda p: p.astype("float64"))
        return net

    net = build()
    for rank, (sent, calls) in enumerate(counted(build, form, size, 5)):
        assert exchanged(net, form, size, 5, rank) == sent
        assert sum(exchange.times for exchange in exchanges(net, form, size, 5, rank)) == calls
        assert (sent["statistics"] > 0) == (size > 1 and form != "towers")


def test_statistics_by_hand():
    """Two workers send half of each sum and half of its total: 8 bytes for each of 2 + 6·C numbers."""
    net = Network(
        {"conv1": Conv2d(3, 4, 3), "bn1": BatchNorm2d(4)}, {"flatten": Flatten(), "fc2": Linear(100, 2)}, (7, 7, 3)
    )
    (found,) = [e for e in exchanges(net, "data", 2, 8) if e.label == "statistics"]
    assert (found.bytes, found.times, found.early) == (8 * (2 + 6 * 4), 16, False)
    last = by_layer(net, "data", 2, 8)[-1]
    assert last == {"layer": "statistics", "forward": 8 * 26 / 8, "backward": 0}
    shown = with_counted([last], {"gradients": 1.0, "statistics": 24.0})
    assert shown == [{"layer": "statistics", "forward": 24.0, "backward": 0.0}]
