"""One worker's part of a network: the layer protocol, with the other workers in between."""

from tinyalex.backend import array_module
from tinyalex.layers import Layer
from tinyalex.network import Trunk
from tinyalex.parallel.stages import FORMS
from tinyalex.parallel.sums import GradientSums
from tinyalex.shares import Share, Undivided, shared_draws, shares


def split_network(form, network, team):
    """This worker's part of a `Network`, whose parameters it takes over. form: "data", "towers" or "hybrid"

    UserError for towers into which the network does not fall, and for more workers than a layer of its head has units.
    """
    return SplitNetwork(form, network, team)


class SplitNetwork(Undivided, Layer):
    """Pictures in, scores out, as a `Network`, computed by a team. All workers call forward, backward and predict together.

        scores, cache = network.forward(x, train, rng, share)
        dx, grads = network.backward(dscores, cache)

    share: the worker's pictures of the batch, `network.share(pictures)`; x holds these. rng is in the same state everywhere.
    scores: of the pictures `network.scored(share)` of the batch: in the form "data" the worker's own, else all of them
    dscores: d(loss)/d(scores) of the **batch's** loss, so a mean is over all its pictures, whoever has them
    params: this worker's: whole arrays, or its share of their last axis;  grads: for these, of the whole batch
    """

    def __init__(self, form, network, team):
        self.team, self.form, self.in_shape, self.name = team, form, network.in_shape, network.name
        self.stages, self.num_classes = FORMS[form](network, team), network.num_classes
        self.cuts = {layer: share for stage in self.stages for layer, share in stage.cuts.items()}
        self._scores = [len(s) for s in shares(self.num_classes, team.size)] if self.stages[-1].cuts else None

    # ------------------------------------------------------------------------------------------ whose is what

    @property
    def workers(self):
        return 1 if self.form == "towers" else self.team.size

    @property
    def scores_apart(self):
        return self.form == "data"

    def share(self, pictures):
        return Share.whole(pictures) if self.form == "towers" else shares(pictures, self.team.size)[self.team.rank]

    def scored(self, share):
        return share.run if self.scores_apart else slice(0, share.of)

    @property
    def params(self):
        return {name: p for stage in self.stages for name, p in stage.layers.params.items()}

    def map_params(self, function):
        for stage in self.stages:
            stage.layers.map_params(function)

    def part(self, arrays):
        def mine(cut, a):
            return (
                a if cut is None or a.shape[-1] != cut.of else a[..., cut.run]
            )  # of another shape: refused by who copies

        return {name: mine(self.cuts.get(layer(name)), a) for name, a in arrays.items()}

    def whole(self, arrays):
        joined = {}
        for name, a in arrays.items():
            cut = self.cuts.get(layer(name))
            widths = cut and [len(share) for share in shares(cut.of, self.team.size)]
            joined[name] = self.team.gather(a, widths, a.ndim - 1, "whole") if cut else a
        return joined

    def joined(self, rows, share):
        if self.workers == 1:
            return rows
        return self.team.gather(rows, [len(each) for each in shares(share.of, self.workers)], 0, "evaluation")

    # ------------------------------------------------------------------------------------------ the layer protocol

    def forward(self, x, train=False, rng=None, share=None):
        share, caches = self.share(len(x)) if share is None else share, []
        for stage in self.stages:
            x = self._join(stage, x, share.of, "forward")
            if isinstance(stage.layers, Trunk):
                draws = (
                    rng if stage is self.stages[0] else None
                )  # but for the first stage of a tower, a trunk draws nothing
                x, cache = stage.layers.forward(x, train, draws, share)
            else:
                x, cache = stage.layers.forward(x, train, self._draws(stage, rng, share))
            caches.append(cache)
        return self._join_scores(x, "forward"), (share, caches)

    def backward(self, dy, cache, input_grad=True):
        """As `Layer.backward`. Gradients that are added up travel while the next ones are computed."""
        (share, caches), sums, grads = cache, GradientSums(self.team), {}
        if self._scores:
            (cut,) = self.stages[-1].cuts.values()
            dy = dy[:, cut.run]  # every worker knows the gradient of all scores
        for stage, stage_cache in zip(reversed(self.stages), reversed(caches)):
            first = stage is self.stages[0]
            dy, stage_grads = stage.layers.backward(dy, stage_cache, input_grad or not first)
            if stage.summed:
                stage_grads = {
                    name: contiguous(stage_grads[name]) for name in stage.layers.params
                }  # in one order everywhere
                sums.add(stage_grads)
            grads |= stage_grads
            dy = self._split(stage, dy, share)
        sums.wait()
        return (dy if input_grad else None), grads

    def predict(self, x):
        """Scores (N, K) of this worker's own pictures; a team that shares pictures may bring different numbers of them."""
        counts = self.team.agree(len(x)) if self.form == "hybrid" else None
        for stage in self.stages:
            x = self._join(stage, x, None, "evaluation", counts)
            x = stage.layers.predict(x)
        x = self._join_scores(x, "evaluation")
        start = sum(counts[: self.team.rank]) if counts else 0
        return x[start : start + counts[self.team.rank]] if counts else x

    def kept(self, cache):
        """As `Network.kept`, of this worker's pictures and units."""
        _, caches = cache
        stages = [stage.layers.kept(stage_cache) for stage, stage_cache in zip(self.stages, caches)]
        return {name: both for kept in stages for name, both in kept.items()}

    # ------------------------------------------------------------------------------------------ where workers meet

    def _join(self, stage, x, pictures, direction, counts=None):
        """What a stage reads: joined from all workers, if it is."""
        if stage.joins == "pictures":
            counts = counts or [len(share) for share in shares(pictures, self.team.size)]
            return self.team.gather(x, counts, 0, self._label(stage, direction))
        if stage.joins == "channels":
            return self.team.gather(x, stage.widths, x.ndim - 1, self._label(stage, direction))
        return x

    def _split(self, stage, dx, share):
        """The opposite: every worker has a gradient for all that was joined, from its own outputs; each gets its own's sum."""
        if not stage.joins:
            return dx
        if stage.joins == "pictures":
            axis, cuts = 0, [s.run for s in shares(share.of, self.team.size)]
        else:
            axis, cuts = dx.ndim - 1, [s.run for s in shares(sum(stage.widths), self.team.size)]
        return self.team.sum_scatter(dx, cuts, axis, self._label(stage, "backward"))

    def _join_scores(self, x, direction):
        return (
            self.team.gather(x, self._scores, 1, "softmax forward" if direction == "forward" else direction)
            if self._scores
            else x
        )

    @staticmethod
    def _label(stage, direction):
        return direction if direction == "evaluation" else f"{stage.label} {direction}"

    def _draws(self, stage, rng, share):
        """The generator for a stage of the head: its draws for the worker's pictures, or for its units."""
        if not stage.cuts:
            return shared_draws(rng, share, axis=0)
        (units,) = stage.cuts.values()
        return shared_draws(rng, units, axis=1)


def contiguous(a):
    """The array as it is, or where its memory does not lie in a row, a copy."""
    return array_module(a).ascontiguousarray(a)


def layer(parameter):
    """The layer of a parameter: "conv1" of "conv1.weight"."""
    return parameter.rpartition(".")[0]
