"""Pictures that stand twice in a data set, found by their prepared pixels.

In both parts: kept, dropped or refused. Twice in training, under one label or under two: counted and listed.
"""

import hashlib

import numpy as np

from tinyalex.errors import UserError

CHOICES = ("keep", "drop", "refuse")


def digests(pictures):
    """A digest of each picture, uint8 (N, S, S, 3): equal for equal pixels, different otherwise."""
    return [hashlib.blake2b(np.ascontiguousarray(picture), digest_size=16).digest() for picture in pictures]


class Duplicates:
    """Sees all validation pictures, then all training pictures.

    choice: one of CHOICES;  found: (training picture, validation picture) of each pair, by name, or by number if the
    source has no names
    train: names, labels and digests of the training pictures that are kept, chunk by chunk
    """

    def __init__(self, choice):
        self.choice, self.found = choice, []
        self.val, self.seen, self.train = {}, {"train": 0, "val": 0}, []

    def kept(self, split, names, labels, digests):
        """Which of the next pictures of a split are to be kept: bool (N,). Raises UserError if the choice is "refuse".

        names: N strings, or None;  labels: int64 (N,)
        """
        first, self.seen[split] = self.seen[split] + 1, self.seen[split] + len(digests)
        names = names or range(first, first + len(digests))
        if split == "val":
            self.val |= dict(zip(digests, names))
            return np.ones(len(digests), bool)
        pairs = [(name, self.val[digest]) for name, digest in zip(names, digests) if digest in self.val]
        pairs = [(_named(name, "train"), _named(other, "val")) for name, other in pairs]
        if pairs and self.choice == "refuse":
            raise UserError(
                f"{pairs[0][0]} is also a validation picture, {pairs[0][1]}; remove one of them, or choose drop",
                "duplicates",
            )
        self.found += pairs
        kept = np.array([self.choice == "keep" or digest not in self.val for digest in digests], bool)
        self.train.append((np.array(names, object)[kept], labels[kept], _short(digests)[kept]))
        return kept

    def repeats(self):
        """The kept training pictures that have the pixels of an earlier one, as two lists of pairs.

        The first list: (picture, the first with its pixels) under the same label; the second: under another one.
        """
        if not self.train:
            return [], []
        names, labels, digests = map(np.concatenate, zip(*self.train))
        _, first, which = np.unique(digests, return_index=True, return_inverse=True)
        first = first[which]
        again = first != np.arange(len(names))
        rows = [np.flatnonzero(again & (same == (labels == labels[first]))) for same in (True, False)]
        return tuple([(_named(names[i], "train"), _named(names[first[i]], "train")) for i in found] for found in rows)


def _named(name, split):
    """A picture's name, or words for its number."""
    return name if isinstance(name, str) else f"{split} picture {name}"


def _short(digests):
    """The first eight bytes of each digest, uint64 (N,): among a million pictures, 1 chance in 10 million to err."""
    return np.frombuffer(b"".join(digest[:8] for digest in digests), np.uint64)
