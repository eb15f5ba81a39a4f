"""The loss of a batch, of which several workers may have a share each, and a tally of it that is looked at late."""

from tinyalex.layers import SoftmaxCrossEntropy


class BatchLoss:
    """Softmax cross-entropy, averaged over the whole batch, whoever has its pictures.

    network: what gives the scores, a `Network` or one worker's part of it;  team: the workers
    pending: numbers of steps that nobody has looked at yet; looking at one waits for the device
    """

    def __init__(self, network, team):
        self.network, self.team, self.loss, self.pending = network, team, SoftmaxCrossEntropy(), []

    def backward(self, step, scores, labels, share):
        """d(loss)/d(scores), whose numbers are kept for `settle`.

        scores: (n, K), as the network gives them for the worker's `share` of the batch;  labels: (N,), of the whole batch
        """
        mine = labels[self.network.scored(share)]
        if len(mine) == 0:  # a batch with fewer pictures than workers
            self.pending.append((step, 0.0, 0, 0))
            return scores
        loss, cache = self.loss.forward(scores, mine)
        self.pending.append((step, loss, (scores.argmax(axis=1) != mine).sum(), len(mine)))
        dscores = self.loss.backward(cache)
        return dscores if len(mine) == len(labels) else dscores * (len(mine) / len(labels))

    def settle(self):
        """[(step, loss · pictures, wrong answers, pictures)] of the steps since the last time, over all workers."""
        steps, self.pending = self.pending, []
        sums = [(float(loss) * pictures, int(wrong), pictures) for _, loss, wrong, pictures in steps]
        if self.network.scores_apart:
            totals = iter(self.team.totals([number for three in sums for number in three]))
            sums = [(loss, int(wrong), int(pictures)) for loss, wrong, pictures in zip(totals, totals, totals)]
        return [(step, *three) for (step, *_), three in zip(steps, sums)]
