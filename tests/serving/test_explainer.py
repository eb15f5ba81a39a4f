"""Explanations one at a time, and training pictures that are prepared in the background."""

import asyncio
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.inspection import small
from tests.tiny_runs import info_of
from tinyalex.classifier import Classifier
from tinyalex.runs.trained import Run

starlette = pytest.importorskip("starlette.exceptions", reason="needs the packages of tinyalex[serve]")
from tinyalex.serving import explainer  # noqa: E402 (needs them)
from tinyalex.serving.explain import NOT_HERE, NOT_YET, Pool  # noqa: E402

pytestmark = pytest.mark.serve
SQUARE = small.split().gather([0])[0]


def model(hash="1"):
    """A model whose training pictures are nowhere."""
    info = info_of("alexnet-mini", ["c", "d", "o"], data="nowhere/at-all")
    run = Run(Path("runs/small"), Path("runs/small/best.safetensors"), small.network(), small.view(), info)
    return SimpleNamespace(classifier=Classifier(run, np), hash=hash, path=run.path)


def settled(found, hash="1"):
    """The pool of a model, or the note, once it is more than NOT_YET."""
    end = time.monotonic() + 30
    while found.pools[hash] is NOT_YET:
        assert time.monotonic() < end
        time.sleep(0.01)
    return found.pools[hash]


def test_training_pictures_that_are_not_at_hand(capsys):
    explains, one = explainer.Explainer(), model()
    explains.prepare(one)
    assert settled(explains) is NOT_HERE
    assert capsys.readouterr().err.startswith("the page shows no neighbours of runs/small: found no nowhere/at-all")
    found = asyncio.run(explains.explain(one, SQUARE))
    assert (found["neighbours"], found["note"]) == ([], NOT_HERE)


def test_they_are_prepared_once_for_each_model(monkeypatch):
    prepared = []
    pool = Pool(small.split(), np.arange(6), np.zeros((6, 5), np.float32))
    monkeypatch.setattr(explainer, "pool_of", lambda classifier: (prepared.append(classifier), pool)[1])
    explains, first, second = explainer.Explainer(), model("1"), model("2")
    for _ in range(2):
        explains.prepare(first)
        assert settled(explains, "1") is pool
    found = asyncio.run(explains.explain(first, SQUARE))
    assert len(found["neighbours"]) == 5 and prepared == [first.classifier]
    explains.prepare(second)
    settled(explains, "2")
    assert list(explains.pools) == ["2"], "the pictures of the model before are kept"


def test_what_is_being_prepared_when_the_service_ends(monkeypatch):
    def too_late(classifier):
        assert ended.wait(30)
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    ended = threading.Event()
    monkeypatch.setattr(explainer, "pool_of", too_late)
    explains = explainer.Explainer()
    explains.prepare(model())
    ended.set()
    assert settled(explains) is NOT_HERE, "pytest would report an exception in the thread"


def test_one_at_a_time(monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    def slowly(classifier, square, pool):
        begun.set()
        assert go_on.wait(30)
        return {"label": "cat"}

    monkeypatch.setattr(explainer, "explained", slowly)
    explains, one = explainer.Explainer(), model()

    async def two():
        first = asyncio.create_task(explains.explain(one, SQUARE))
        await asyncio.to_thread(begun.wait, 30)
        with pytest.raises(starlette.HTTPException) as refused:
            await explains.explain(one, SQUARE)
        go_on.set()
        assert await first == {"label": "cat"}
        assert (await explains.explain(one, SQUARE)) == {"label": "cat"}, "there is room again"
        return refused.value

    refused = asyncio.run(two())
    assert refused.status_code == 503 and refused.headers["Retry-After"] == "1"


def test_a_failure_makes_room_again(monkeypatch):
    explains, one = explainer.Explainer(), model()
    with pytest.raises(ValueError):
        asyncio.run(explains.explain(one, SQUARE[:4]))
    assert asyncio.run(explains.explain(one, SQUARE))["crop"] == 8
