"""Another network takes over between two batches, without a lost request; or it is refused, and nothing changes."""

import asyncio
import hashlib
import os
import shutil

import numpy as np
import pytest

pytest.importorskip("granian", reason="needs the packages of tinyalex[serve]")
pytestmark = pytest.mark.serve

from tests.checks import refused  # noqa: E402
from tests.serving.asking import ask, asked, encoded, noise  # noqa: E402
from tests.serving.conftest import stirred  # noqa: E402
from tests.tiny_runs import altered  # noqa: E402
from tinyalex.errors import UserError  # noqa: E402
from tinyalex.library import load  # noqa: E402
from tinyalex.monitoring.log import Log  # noqa: E402
from tinyalex.runs.checkpoint import load_checkpoint  # noqa: E402
from tinyalex.serving import models  # noqa: E402
from tinyalex.serving.app import build_app  # noqa: E402
from tinyalex.serving.journal import Journal  # noqa: E402
from tinyalex.serving.models import Model, Models  # noqa: E402
from tinyalex.serving.service import Service  # noqa: E402


@pytest.fixture
def run(runs, tmp_path):
    """A run folder to change."""
    return shutil.copytree(runs["first"], tmp_path / "run")


@pytest.fixture
def service(runs, run, tmp_path):
    both = Models(Model.load(run, np), Model.load(runs["second"], np), np)
    one = Service(both, Journal(Log(tmp_path / "log.db")))
    yield one
    one.close()


def test_no_request_is_lost_while_models_change(service, run, runs, tmp_path):
    """Every answer is of one of the models, and the one that it names; the log says the same."""
    app, pictures = build_app(service), [encoded(noise(64, seed)) for seed in range(8)]
    stirred(run, tmp_path / "newer.safetensors", seed=3)
    files = {"old": run / "best.safetensors", "shadow": runs["second"], "newer": tmp_path / "newer.safetensors"}
    known = {Model.load(file, np).hash: load(file) for file in files.values()}
    expected = {hash: [one.predict(data)[0] for data in pictures] for hash, one in known.items()}
    done = []

    async def client(n):
        while not done:
            found = (await asked(app, "/classify", pictures[n])).json
            right, [answer] = expected[found["model"]][n], found["answers"]
            assert answer["class_id"] == right.id and answer["probability"] == pytest.approx(
                right.probability, abs=1e-6
            )
            seen.append((answer["id"], found["model"]))

    async def current_has_answered():
        count = len(seen)
        while service.models.current.hash not in {model for _, model in seen[count:]}:
            await asyncio.sleep(0.01)

    async def operator():
        for change in ("promote", "promote", "reload"):
            await current_has_answered()
            if change == "reload":
                os.replace(tmp_path / "newer.safetensors", run / "best.safetensors")
            assert (await asked(app, f"/{change}", b"")).status == 200
        await current_has_answered()
        done.append(True)

    async def everybody():
        await asyncio.gather(operator(), *(client(n) for n in range(8)))

    seen = []
    asyncio.run(everybody())
    assert {model for _, model in seen} == known.keys(), "all three have answered"
    logged = {row.id: row.model for row in service.journal.log.requests()}
    assert logged == dict(seen) and {one.hash for one in service.journal.log.models()} == known.keys()


def test_promote_takes_back_what_it_did(service):
    app, (current, shadow) = build_app(service), service.models.pair
    said = ask(app, "/promote", b"").json
    assert service.models.pair == (shadow, current) and said["model"] == shadow.about()
    assert f'run="{shadow.path}"' in ask(app, "/metrics").body.decode()
    ask(app, "/promote", b"")
    assert service.models.pair == (current, shadow)


def test_reload_without_news(service):
    before = service.models.current
    found = ask(build_app(service), "/reload", b"").json
    assert found["model"] == before.about() and service.models.current is before


def test_without_a_shadow(service):
    service.models.pair = (service.models.current, None)
    answer = ask(build_app(service), "/promote", b"")
    assert answer.status == 409 and "--shadow" in answer.error


def classes(run, path, names):
    return altered(run, path, class_ids=names, class_names=names)


def test_what_clients_would_notice_is_refused(service, run, runs, tmp_path):
    """Other classes, and the same in another order; a checkpoint that is damaged, or answers NaN; none at all."""
    app, before = build_app(service), service.models.pair
    ids = list(service.models.current.classifier.class_ids)
    nan = {"fc8.bias": np.full(len(ids), np.nan, np.float32)}
    params = load_checkpoint(runs["first"] / "best.safetensors").params
    made = {
        "same": classes(runs["first"], tmp_path / "1", [*ids[:-1], "other"]),
        "order": classes(runs["first"], tmp_path / "2", ids[::-1]),
        "NaN": altered(runs["first"], tmp_path / "3", params | nan),
    }
    (tmp_path / "damaged").write_bytes(made["NaN"].read_bytes()[:1000])
    for word, file in (
        ("same", made["same"]),
        ("order", made["order"]),
        ("NaN", made["NaN"]),
        ("", tmp_path / "damaged"),
    ):
        shutil.copy(file, run / "best.safetensors")
        answer = ask(app, "/reload", b"")
        assert answer.status == 409 and word in answer.error and service.models.pair is before
    (run / "best.safetensors").unlink()
    (run / "last.safetensors").unlink()
    assert ask(app, "/reload", b"").status == 409 and ask(app, "/classify", encoded(noise())).status == 200


def test_a_shadow_must_fit_from_the_start(runs, tmp_path):
    current = Model.load(runs["first"], np)
    other = Model.load(classes(runs["first"], tmp_path / "other.safetensors", ["a", "b", "c", "d"]), np)
    refused(lambda: Models(current, other, np), "other.safetensors", "same", error=UserError)


def test_a_shadow_of_another_size(runs, monkeypatch):
    current, other = Model.load(runs["first"], np), Model.load(runs["second"], np)
    monkeypatch.setattr(Model, "size", property(lambda model: 64 if model is current else 32))
    refused(lambda: Models(current, other, np), "32 pixels", "64", error=UserError)


def test_the_hash_is_that_of_the_network_that_answers(run, tmp_path, monkeypatch):
    """Also if training replaces the file while it is being read."""
    newer, whole = stirred(run, tmp_path / "newer.safetensors"), models.open_run

    def replaced_then_read(*args, **options):
        if newer.exists():
            os.replace(newer, run / "best.safetensors")
        return whole(*args, **options)

    monkeypatch.setattr(models, "open_run", replaced_then_read)
    found = Model.load(run, np)
    assert found.hash == hashlib.sha256((run / "best.safetensors").read_bytes()).hexdigest()
    assert found.classifier.predict(noise())[0] == load(run).predict(noise())[0]
