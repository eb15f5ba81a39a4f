"""Pictures that stand in both parts of a data set: found by their prepared pixels, and kept, dropped or refused."""

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
    """

    def __init__(self, choice):
        self.choice, self.found = choice, []
        self.val, self.seen = {}, {"train": 0, "val": 0}

    def kept(self, split, names, digests):
        """Which of the next pictures of a split are to be kept: bool (N,). Raises UserError if the choice is "refuse".

        names: N strings, or None
        """
        first, self.seen[split] = self.seen[split], self.seen[split] + len(digests)
        names = names or [f"{split} picture {first + i}" for i in range(1, len(digests) + 1)]
        if split == "val":
            self.val |= dict(zip(digests, names))
            return np.ones(len(digests), bool)
        pairs = [(name, self.val[digest]) for name, digest in zip(names, digests) if digest in self.val]
        if pairs and self.choice == "refuse":
            raise UserError(
                f"{pairs[0][0]} is also a validation picture, {pairs[0][1]}; remove one of them, or choose drop",
                "duplicates",
            )
        self.found += pairs
        return np.array([self.choice == "keep" or digest not in self.val for digest in digests], bool)
