"""The three forms of parallel training, each as a list of stages. Workers compute a stage alone and meet in between.

data     every worker has the whole network and a share of every batch; gradients are added up
towers   every worker has a share of every layer's kernels and the whole batch; maps are joined where kernels read
         the maps of all towers: before conv3, fc6, fc7 and fc8, and before the softmax (paper §3.2, §3.5, Fig. 2)
hybrid   the trunk as in data, the fully connected layers as in towers (Krizhevsky 2014, arXiv 1404.5997): the trunk
         has most of the work and few parameters, the head has most of the parameters and little work
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field

from tinyalex.backend import array_module
from tinyalex.errors import UserError
from tinyalex.layers import Conv2d, Dropout, Layer, Linear, LocalResponseNorm
from tinyalex.network import Network
from tinyalex.parallel.shares import DividedSequential, Share, SharedSequential, SharedTrunk, shares
from tinyalex.parallel.team import Team


@dataclass(frozen=True)
class Stage:
    """Layers that a worker computes without the others.

    layers: a `SharedTrunk` or, in the head, a `SharedSequential`
    joins: the axis along which the inputs of all workers are joined: "pictures" (first), "channels" (last), "" (none)
    widths: the channels of each worker, by rank, if they are joined
    summed: True: every worker has these layers whole and sees its own pictures only, so gradients are added up
    cuts: {layer: this worker's `Share` of its outputs and of the last axis of its arrays}, for the layers divided
    """

    layers: SharedTrunk | SharedSequential
    joins: str = ""
    widths: tuple[int, ...] = ()
    summed: bool = False
    cuts: dict[str, Share] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The layer that reads the joined arrays: the first with parameters."""
        return next(name for name, layer in self.layers.layers.items() if layer.params)


def data(network: Network, team: Team) -> list[Stage]:
    """A whole network on every worker; each fully connected layer is a stage, so that its gradients leave early."""
    head = [Stage(SharedSequential(layers), summed=True) for layers in by_linear(network.classifier.layers)]
    return [Stage(SharedTrunk(network.features.layers), summed=True), *head]


def hybrid(network: Network, team: Team) -> list[Stage]:
    """A whole trunk and a share of the head's units."""
    return [Stage(SharedTrunk(network.features.layers), summed=True), *_head(network, team, "pictures", ())]


def towers(network: Network, team: Team) -> list[Stage]:
    """A share of all kernels. UserError for a network that cannot be divided into that many towers."""
    stages, layers, cuts, joins = [], {}, {}, ""
    widths: tuple[int, ...] = ()
    mine = None  # the worker's share of the channels that the next layer reads; None: it reads the pictures
    for name, layer in network.features.layers.items():
        if not _divides(layer, team.size, first=mine is None):
            raise UserError(
                f"{network.name or 'the network'} cannot be divided into {team.size} towers at {name} ({layer}); "
                "expected one tower per group, as in alexnet+two-towers, or the form data",
                "parallel",
            )
        if isinstance(layer, Conv2d):
            if mine is not None and layer.groups == 1:  # its kernels read the maps of all towers
                stages.append(Stage(SharedTrunk(layers), joins, widths, cuts=cuts))
                layers, cuts, joins = {}, {}, "channels"
                widths = tuple(len(share) for share in shares(layer.in_channels, team.size))
            mine = cuts[name] = shares(layer.out_channels, team.size)[team.rank]
            grouped = layer.groups > 1
            inside = (
                {"in_channels": layer.in_channels // team.size, "groups": layer.groups // team.size} if grouped else {}
            )
            layer = _cut(layer, layer.like(out_channels=len(mine), **inside), mine)
        elif isinstance(layer, LocalResponseNorm):
            layer = layer.like(groups=layer.groups // team.size)
        else:
            layer = _cut_channels(name, layer, mine, cuts)
        layers[name] = layer
    if mine is None:
        raise UserError("the network has no convolution in its trunk, which towers would divide", "parallel")
    stages.append(Stage(SharedTrunk(layers), joins, widths, cuts=cuts))
    channels = network.features.out_shape(network.in_shape)[-1]
    return stages + _head(network, team, "channels", tuple(len(share) for share in shares(channels, team.size)))


def _divides(layer, towers, first):
    """Whether a layer of the trunk can be divided: each tower reads its own maps or, in a convolution, all maps."""
    if isinstance(layer, Conv2d):
        return layer.groups == 1 or (layer.groups % towers == 0 and not first)
    if isinstance(layer, LocalResponseNorm):
        return layer.groups % towers == 0
    return layer.channelwise and not (first and (layer.params or layer.state))


def _head(network, team, joins, widths):
    """Stages with a worker's share of the units of each fully connected layer. Its inputs are joined from all workers.

    UserError if a layer has fewer units than there are workers, or if the head cannot be divided by units.
    """
    stages = []
    for layers in by_linear(network.classifier.layers):
        name = _linear_of(layers)
        whole = layers[name]
        if whole.out_features < team.size:
            raise UserError(
                f"{team.size} workers, expected at most {whole.out_features}, the outputs of {name}; or the form data",
                "parallel",
            )
        all_shares = shares(whole.out_features, team.size)
        mine = all_shares[team.rank]
        cuts = {name: mine}
        part = {name: _cut(whole, Linear(whole.in_features, len(mine)), mine)}
        behind = list(layers)[list(layers).index(name) + 1 :]
        part |= {other: _cut_channels(other, layers[other], mine, cuts) for other in behind}
        stages.append(Stage(DividedSequential(layers | part, name, mine), joins, widths, cuts=cuts))
        joins, widths = "channels", tuple(map(len, all_shares))
    return stages


def _linear_of(layers):
    """The name of the fully connected layer in a run. UserError unless the others can do with a share of its units.

    A layer before it gets gradients from one worker's units only, and a layer behind it sees only these units.
    """
    found = ""
    for name, layer in layers.items():
        apart = layer.channelwise or isinstance(layer, Dropout) if found else not (layer.params or layer.state)
        if isinstance(layer, Linear):
            found = name
        elif not apart:
            raise UserError(
                f"the head cannot be divided by units at {name} ({layer}); expected the form data", "parallel"
            )
    if not found:
        raise UserError("the head has no fully connected layer to divide; expected the form data", "parallel")
    return found


def by_linear(layers: dict[str, Layer]) -> list[dict[str, Layer]]:
    """The head's layers in runs, each with one fully connected layer and those that follow it.

    The first run also has the layers before its fully connected one.
    """
    runs: list[dict[str, Layer]] = [{}]
    for name, layer in layers.items():
        if isinstance(layer, Linear) and any(isinstance(other, Linear) for other in runs[-1].values()):
            runs.append({})
        runs[-1][name] = layer
    return runs


def _cut(whole, part, share):
    """`part`, with the share of the arrays of the layer `whole`."""
    part.params, part.state = (
        {key: array_module(a).ascontiguousarray(a[..., share.run]) for key, a in arrays.items()}
        for arrays in (whole.params, whole.state)
    )
    return part


def _cut_channels(name, layer, mine, cuts):
    """A channelwise layer for a worker's channels. If it has arrays, they are cut, and `cuts` says so."""
    if not (layer.params or layer.state):
        return layer
    cuts[name] = mine
    return _cut(layer, copy.copy(layer), mine)


FORMS: dict[str, Callable[[Network, Team], list[Stage]]] = {"data": data, "towers": towers, "hybrid": hybrid}
