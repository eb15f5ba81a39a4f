"""The three forms of parallel training, each as a list of stages: what a worker does alone, and what is joined between.

data     every worker has the whole network and a share of every batch; gradients are added up
towers   every worker has a share of every layer's kernels and the whole batch; maps are joined where kernels read
         those of all towers: before conv3, fc6, fc7 and fc8, and before the softmax (paper §3.2, §3.5, Fig. 2)
hybrid   the trunk as in data, the fully connected layers as in towers (Krizhevsky 2014, arXiv 1404.5997): the trunk
         has most of the work and few parameters, the head has most of the parameters and little work
"""

from dataclasses import dataclass, field

from tinyalex.backend import array_module
from tinyalex.errors import UserError
from tinyalex.layers import Conv2d, Dropout, Linear, LocalResponseNorm
from tinyalex.network import Sequential, Trunk
from tinyalex.shares import shares


@dataclass(frozen=True)
class Stage:
    """Layers that a worker computes without the others.

    layers: a `Trunk` or, of the head, a `Sequential`
    joins: what is joined from all workers before it: "" (nothing), "pictures" of the batch, or "channels", the last axis
    widths: of what is joined by channels, how many each worker has, by rank
    summed: whether every worker has these layers whole and sees its own pictures only, so that gradients are added up
    cuts: {layer: this worker's `Share` of its outputs, and so of the last axis of its parameters}, where it has not all
    """

    layers: Sequential
    joins: str = ""
    widths: tuple = ()
    summed: bool = False
    cuts: dict = field(default_factory=dict)

    @property
    def label(self):
        """The layer that reads what is joined: the first with parameters."""
        return next(name for name, layer in self.layers.layers.items() if layer.params)


def data(network, team):
    """A whole network on every worker; each fully connected layer is a stage, so that its gradients leave early."""
    head = [Stage(Sequential(layers), summed=True) for layers in by_linear(network.classifier.layers)]
    return [Stage(network.features, summed=True), *head]


def hybrid(network, team):
    """A whole trunk and a share of the head's units."""
    return [Stage(network.features, summed=True), *_head(network, team, "pictures", ())]


def towers(network, team):
    """A share of all kernels. UserError for a network that does not fall into so many towers."""
    stages, layers, cuts, joins, widths = [], {}, {}, "", ()
    mine = None  # the worker's share of the channels that the layer at hand gets; None: it gets the pictures
    for name, layer in network.features.layers.items():
        if not _falls_apart(layer, team.size, first=mine is None):
            raise UserError(
                f"--parallel towers: {network.name or 'the network'} does not fall into {team.size} towers at {name} "
                f"({layer}); expected as many as its groups, as in alexnet+two-towers"
            )
        if isinstance(layer, Conv2d):
            if mine is not None and layer.groups == 1:  # its kernels read the maps of all towers
                stages.append(Stage(Trunk(layers), joins, widths, cuts=cuts))
                layers, cuts, joins = {}, {}, "channels"
                widths = tuple(len(share) for share in shares(layer.in_channels, team.size))
            mine = cuts[name] = shares(layer.out_channels, team.size)[team.rank]
            inside = (
                dict(in_channels=layer.in_channels // team.size, groups=layer.groups // team.size)
                if layer.groups > 1
                else {}
            )
            layer = _cut(layer, layer.like(out_channels=len(mine), **inside), mine)
        elif isinstance(layer, LocalResponseNorm):
            layer = layer.like(groups=layer.groups // team.size)
        layers[name] = layer
    stages.append(Stage(Trunk(layers), joins, widths, cuts=cuts))
    channels = network.features.out_shape(network.in_shape)[-1]
    return stages + _head(network, team, "channels", tuple(len(share) for share in shares(channels, team.size)))


def _falls_apart(layer, towers, first):
    """Whether a layer of the trunk computes a tower's maps from that tower's, or (a convolution) from those of all."""
    if isinstance(layer, Conv2d):
        return layer.groups == 1 or (layer.groups % towers == 0 and not first)
    if isinstance(layer, LocalResponseNorm):
        return layer.groups % towers == 0
    return not layer.params and not isinstance(layer, Dropout)  # a mask would be drawn for the tower's maps alone


def _head(network, team, joins, widths):
    """Stages of a worker's share of the units of each fully connected layer, each of which reads those of all.

    UserError for more workers than a layer has units.
    """
    stages = []
    for layers in by_linear(network.classifier.layers):
        name, whole = next((name, layer) for name, layer in layers.items() if isinstance(layer, Linear))
        if whole.out_features < team.size:
            raise UserError(
                f"--parallel: {team.size} workers, expected at most {whole.out_features}, "
                f"among whom the outputs of {name} can be shared out; or --parallel data"
            )
        all_shares = shares(whole.out_features, team.size)
        mine = all_shares[team.rank]
        layers = layers | {name: _cut(whole, Linear(whole.in_features, len(mine)), mine)}
        stages.append(Stage(Sequential(layers), joins, widths, cuts={name: mine}))
        joins, widths = "channels", tuple(map(len, all_shares))
    return stages


def by_linear(layers):
    """The head's layers in runs, one for each fully connected layer: it and what follows it, the first with what precedes."""
    runs = [{}]
    for name, layer in layers.items():
        if isinstance(layer, Linear) and any(isinstance(other, Linear) for other in runs[-1].values()):
            runs.append({})
        runs[-1][name] = layer
    return runs


def _cut(whole, part, share):
    """`part`, with the parameters of the layer `whole` that belong to those outputs."""
    part.params = {key: array_module(p).ascontiguousarray(p[..., share.run]) for key, p in whole.params.items()}
    return part


FORMS = {"data": data, "towers": towers, "hybrid": hybrid}
