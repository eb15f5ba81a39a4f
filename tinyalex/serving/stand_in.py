"""A stand-in until the library can classify; it goes then."""

import hashlib
from typing import NamedTuple

from tinyalex.library import Answer


class Classification(NamedTuple):
    answers: list[Answer]
    sure: bool
    reason: str


def classify(classifier, squares, ten_crop=False):
    return [Classification(answers, True, "") for answers in classifier.predict(squares, 5, ten_crop)]


def checkpoint_hash(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()
