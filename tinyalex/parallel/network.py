"""One worker's part of a network, which meets the other workers on the way."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

from tinyalex.backend import Array, array_module
from tinyalex.composite import layer_of
from tinyalex.layers import Layer
from tinyalex.layers.base import Grads
from tinyalex.network import Network
from tinyalex.parallel.shares import DividedSequential, Share, SharedDraws, SharedTrunk, shares
from tinyalex.parallel.stages import FORMS
from tinyalex.parallel.sums import GradientSums
from tinyalex.parallel.team import Team

Arrays = dict[str, Array]


def split_network(form: str, network: Network, team: Team) -> "SplitNetwork":
    """This worker's part of a `Network`; it may share the network's arrays. form: "data", "towers" or "hybrid"

    UserError if the network cannot be divided into towers, or if a layer of the head has fewer units than workers.
    """
    return SplitNetwork(form, network, team)


class SplitNetwork:
    """A `Network` computed by a team: pictures in, scores out. All workers call every method together.

        scores, cache = network.forward(x, train, network.draws(rng, pictures))
        dx, grads = network.backward(dscores, cache)

    x: this worker's pictures of the batch, `network.share(pictures)`;  rng: in the same state on every worker
    scores: of the pictures `network.scored(share)`: in the form "data" the worker's own, else the whole batch
    dscores: d(loss)/d(scores), where the loss is the **batch's**: a mean over the pictures of all workers
    params, state: this worker's: whole arrays, or its share of their last axis
    grads: for these params, summed over the whole batch
    """

    def __init__(self, form: str, network: Network, team: Team) -> None:
        self.team, self.form, self.in_shape, self.name = team, form, network.in_shape, network.name
        self.stages, self.num_classes = FORMS[form](network, team), network.num_classes
        self.cuts = {layer: share for stage in self.stages for layer, share in stage.cuts.items()}
        self._scores = [len(s) for s in shares(self.num_classes, team.size)] if self.stages[-1].cuts else None
        for stage in self.stages:
            stage.layers.team = team if stage.summed and team.size > 1 else None

    # ------------------------------------------------------------------------------------------ each worker

    @property
    def workers(self) -> int:
        """The number of workers that divide a batch's pictures."""
        return 1 if self.form == "towers" else self.team.size

    @property
    def scores_apart(self) -> bool:
        """Whether every worker has the scores of its own pictures only."""
        return self.form == "data"

    def share(self, pictures: int) -> Share:
        """The worker's `Share` of a batch of this many pictures."""
        return shares(pictures, self.workers)[self.team.rank if self.workers > 1 else 0]

    def scored(self, share: Share) -> slice:
        """The pictures of the batch that `forward` returns scores of."""
        return share.run if self.scores_apart else slice(0, share.of)

    def draws(self, rng: Any, pictures: int) -> SharedDraws:
        """The generator for `forward`, from one made for a batch of this many pictures."""
        return SharedDraws(rng, self.share(pictures))

    @property
    def params(self) -> Arrays:
        return {name: p for stage in self.stages for name, p in stage.layers.params.items()}

    @property
    def state(self) -> Arrays:
        return {name: s for stage in self.stages for name, s in stage.layers.state.items()}

    def map_arrays(self, function: Callable[[Array], Array]) -> None:
        for stage in self.stages:
            stage.layers.map_arrays(function)

    def own(self, arrays: Arrays) -> Arrays:
        """The worker's part of a dict of whole arrays by name."""

        def mine(cut, a):
            # an array of another shape stays as it is, for `copy_into` to refuse
            return a if cut is None or a.shape[-1] != cut.of else a[..., cut.run]

        return {name: mine(self.cuts.get(layer_of(name)), a) for name, a in arrays.items()}

    def joined(self, arrays: Arrays) -> Arrays:
        """The dict of whole arrays, joined from the workers' parts."""
        found = {}
        for name, a in arrays.items():
            cut = self.cuts.get(layer_of(name))
            widths = [len(share) for share in shares(cut.of, self.team.size)] if cut else []
            found[name] = self.team.gather(a, widths, a.ndim - 1, "whole") if cut else a
        return found

    # ------------------------------------------------------------------------------------------ as a layer

    def forward(self, x: Array, train: bool = False, rng: Any = None) -> tuple[Array, Any]:
        share = rng.share if isinstance(rng, SharedDraws) else Share.whole(len(x))
        caches = []
        for stage in self.stages:
            x = self._join(stage, x, share.of, "forward")
            if train and stage.layers.fixed:
                x, cache = stage.layers.predict(x), None
            else:
                x, cache = stage.layers.forward(x, train, self._draws(stage, rng))
            caches.append(cache)
        return self._join_scores(x, "forward"), (share, caches)

    def backward(self, dy: Array, cache: Any, input_grad: bool = True) -> tuple[Array | None, Grads]:
        """As `Layer.backward`. The gradients to be added up travel while the next ones are computed."""
        (share, caches), sums, grads = cache, GradientSums(self.team), dict[str, Array]()
        if self._scores:
            cut = next(iter(self.stages[-1].cuts.values()))
            dy = dy[:, cut.run]  # every worker has the gradient of all scores
        for number, (stage, stage_cache) in reversed(list(enumerate(zip(self.stages, caches)))):
            wanted = input_grad or not all(earlier.layers.fixed for earlier in self.stages[:number])
            dy, stage_grads = stage.layers.backward(dy, stage_cache, wanted)
            if stage.summed:
                # in the same order on every worker
                learnt = [name for name in stage.layers.params if name in stage_grads]
                stage_grads = {name: contiguous(stage_grads[name]) for name in learnt}
                sums.add(stage_grads)
            grads |= stage_grads
            if not wanted:
                break
            dy = self._split(stage, dy, share)
        sums.wait()
        return (dy if input_grad else None), grads

    def for_test(self) -> Self:
        """As `Layer.for_test`."""
        ready = copy.copy(self)
        ready.stages = [replace(stage, layers=stage.layers.for_test()) for stage in self.stages]
        return ready

    def predict(self, x: Array) -> Array:
        """Scores (N, K) of this worker's own pictures. If workers divide the pictures, N may differ between them."""
        counts = self.team.agree(len(x)) if self.form == "hybrid" else None
        for stage in self.stages:
            x = self._join(stage, x, None, "evaluation", counts)
            x = stage.layers.predict(x)
        x = self._join_scores(x, "evaluation")
        start = sum(counts[: self.team.rank]) if counts else 0
        return x[start : start + counts[self.team.rank]] if counts else x

    def observe(self, cache: Any) -> Arrays:
        """As `Layer.observe`, of the whole batch."""
        observed, (_, caches) = dict[str, Array](), cache
        for stage, stage_cache in self._unfixed(caches):
            seen = stage.layers.observe(stage_cache)
            if stage.layers.team is not None:
                seen = dict(zip(seen, self.team.add_up(seen.values(), "statistics")))
            observed |= seen
        return observed

    def _unfixed(self, caches):
        """[(stage, its cache)], without those that kept nothing."""
        return [(stage, cache) for stage, cache in zip(self.stages, caches) if cache is not None]

    def absorb(self, observed: Arrays) -> None:
        for stage in self.stages:
            stage.layers.absorb(observed)

    def kept(self, cache: Any) -> dict[str, tuple[Layer, list]]:
        """As `Layer.kept`, of this worker's pictures and units."""
        _, caches = cache
        stages = [stage.layers.kept(stage_cache) for stage, stage_cache in self._unfixed(caches)]
        return {name: both for kept in stages for name, both in kept.items()}

    # ------------------------------------------------------------------------------------------ where workers meet

    def _join(self, stage, x, pictures, direction, counts=None):
        """The input of a stage: joined from all workers, if the stage joins anything."""
        if stage.joins == "pictures":
            counts = counts or [len(share) for share in shares(pictures, self.team.size)]
            return self.team.gather(x, counts, 0, self._label(stage, direction))
        if stage.joins == "channels":
            return self.team.gather(x, stage.widths, x.ndim - 1, self._label(stage, direction))
        return x

    def _split(self, stage, dx, share):
        """The reverse of `_join`: each worker has a gradient for all that was joined, and gets the sum for its part."""
        if not stage.joins:
            return dx
        if stage.joins == "pictures":
            axis, cuts = 0, [s.run for s in shares(share.of, self.team.size)]
        else:
            axis, cuts = dx.ndim - 1, [s.run for s in shares(sum(stage.widths), self.team.size)]
        return self.team.sum_scatter(dx, cuts, axis, self._label(stage, "backward"))

    def _join_scores(self, x, direction):
        if not self._scores:
            return x
        return self.team.gather(x, self._scores, 1, "softmax forward" if direction == "forward" else direction)

    @staticmethod
    def _label(stage, direction):
        return direction if direction == "evaluation" else f"{stage.label} {direction}"

    def _draws(self, stage, rng):
        """The generator for a stage: its draws for the worker's pictures or, in a divided head, for all.

        None for the later parts of a tower's trunk: a trunk takes numbers for its pieces once, and no tower draws any.
        """
        if stage is not self.stages[0] and isinstance(stage.layers, SharedTrunk):
            return None
        if isinstance(stage.layers, DividedSequential) and isinstance(rng, SharedDraws):
            return rng.rng  # its input is the whole batch
        return rng


def contiguous(a: Array) -> Array:
    """The array itself or, if it is not contiguous, a copy."""
    return array_module(a).ascontiguousarray(a)
