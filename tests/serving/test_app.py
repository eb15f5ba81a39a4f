"""The routes, by their contract, without a server."""

import asyncio
import json
import shutil
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("granian", reason="needs the packages of tinyalex[serve]")
pytestmark = pytest.mark.serve

from tests.serving.asking import ask, asked, encoded, multipart, noise  # noqa: E402
from tinyalex.calibration import VIEWS, Calibration  # noqa: E402
from tinyalex.data import open_dataset  # noqa: E402
from tinyalex.library import load  # noqa: E402
from tinyalex.monitoring.log import Log  # noqa: E402
from tinyalex.monitoring.pictures import picture_statistics  # noqa: E402
from tinyalex.monitoring.reference import make_reference, novelties, save_reference, training_features  # noqa: E402
from tinyalex.runs.calibrated import checkpoint_hash, save_calibration  # noqa: E402
from tinyalex.serving import service as services  # noqa: E402
from tinyalex.serving.app import build_app  # noqa: E402
from tinyalex.serving.journal import Journal  # noqa: E402
from tinyalex.serving.metrics import Metrics  # noqa: E402
from tinyalex.serving.models import Model, Models  # noqa: E402
from tinyalex.serving.pictures import received  # noqa: E402
from tinyalex.serving.service import Service  # noqa: E402
from tinyalex.statistics import Interval  # noqa: E402


@pytest.fixture(scope="module")
def loaded(runs):
    return {name: Model.load(runs[name], np) for name in ("first", "second")}


@pytest.fixture
def service(loaded, tmp_path):
    """A service of both runs, the second one in the shadow, with a log and kept pictures."""
    (tmp_path / "log-pictures").mkdir()
    models = Models(loaded["first"], loaded["second"], np)
    one = Service(models, Journal(Log(tmp_path / "log.db"), keep=True))
    yield one
    one.close()


@pytest.fixture
def app(service):
    return build_app(service)


def test_one_picture(app, service, loaded, runs, tmp_path):
    data, before = encoded(noise(90)[:70], "JPEG"), time.time()
    answer = ask(app, "/classify", data)
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    found, expected = answer.json, load(runs["first"]).predict(data)
    assert found.keys() == {"answers", "model", "calibrated"}
    assert found["model"] == loaded["first"].hash and found["calibrated"] is False
    [one] = found["answers"]
    top = [{"label": a.name, "class_id": a.id, "probability": pytest.approx(a.probability, abs=1e-6)} for a in expected]
    assert one["top"] == top and one | top[0] == one and one["sure"] is True and one["reason"] is None
    assert one.keys() == {"id", "label", "class_id", "probability", "sure", "reason", "top", "text"}
    assert expected[0].name in one["text"] and one["text"].endswith(".")
    row = service.journal.log.request(one["id"])
    assert before <= row.at <= time.time() and row.client == "127.0.0.1" and row.bytes == len(data)
    assert (row.format, row.width, row.height) == ("JPEG", 90, 70) and "scaled to 64×64" in row.prepared
    assert loaded["first"].classifier.class_ids[row.label] == one["class_id"] and row.model == found["model"]
    assert row.top[0] == (row.label, pytest.approx(one["probability"])) and row.sure and row.milliseconds > 0
    assert row.confidence == row.top[0][1] and row.reason == "" and row.novelty is None
    shadow = load(runs["second"]).predict(data)[0]
    assert row.shadow == loaded["second"].hash and row.shadow_confidence == pytest.approx(shadow.probability, abs=1e-6)
    assert loaded["second"].classifier.class_ids[row.shadow_label] == shadow.id and row.shadow_sure is True
    kept = tmp_path / f"log-pictures/{row.sha256}.jpeg"
    assert kept.read_bytes() == data
    measured = picture_statistics(received(data, 64).square[None])
    assert {name: getattr(row, name) for name in measured} == {name: value[0] for name, value in measured.items()}
    [first, second] = service.journal.log.models()
    assert {first.hash, second.hash} == {loaded["first"].hash, loaded["second"].hash}


def test_several_pictures(app):
    pictures = [encoded(noise(64, seed), form) for seed, form in ((1, "JPEG"), (2, "PNG"), (3, "WEBP"))]
    headers, body = multipart(*pictures)
    found = ask(app, "/classify", body, headers).json["answers"]
    alone = [ask(app, "/classify", data).json["answers"][0] for data in pictures]
    assert [one["class_id"] for one in found] == [one["class_id"] for one in alone]
    assert len({one["id"] for one in (*found, *alone)}) == 6
    headers, body = multipart(pictures[0], b"no picture")
    assert ask(app, "/classify", body, headers).error.startswith("picture 2: not a JPEG")


def test_large_pictures_go_one_at_a_time(app, monkeypatch):
    """In a thread of their own, so that small ones need not wait for them; a few wait, more are refused."""
    monkeypatch.setattr(services, "SMALL_PIXELS", 64 * 64)
    monkeypatch.setattr("tinyalex.serving.pictures.MOST_LARGE", 2)
    large, small = encoded(noise(65)), encoded(noise())
    headers, body = multipart(small, large, b"none")
    assert ask(app, "/classify", body, headers).error.startswith("picture 3: ")

    async def asking():
        return await asyncio.gather(*(asked(app, "/classify", data) for data in (large, large, large, small)))

    *found, refusal, beside = asyncio.run(asking())
    ids = [answer.json["answers"][0]["class_id"] for answer in found]
    monkeypatch.undo()
    assert ids == [ask(app, "/classify", large).json["answers"][0]["class_id"]] * 2 and beside.status == 200
    assert refusal.status == 503 and refusal.headers["retry-after"] and refusal.error


def test_whatever_the_company(service, app, runs):
    """Answers of many pictures that come at random times, in forms and alone, are `predict`'s."""
    rng = np.random.default_rng(0)
    pictures = [encoded(noise(int(side), seed)) for seed, side in enumerate(rng.choice([64, 70], 60))]
    expected = load(runs["first"]).predict(pictures)

    async def some(numbers):
        await asyncio.sleep(float(rng.random()) / 20)
        alone = len(numbers) == 1
        headers, body = ({}, pictures[numbers[0]]) if alone else multipart(*(pictures[n] for n in numbers))
        return numbers, (await asked(app, "/classify", body, headers)).json["answers"]

    async def everybody():
        orders = [rng.permutation(60) for _ in range(3)]
        parts = [part for order in orders for part in np.split(order, np.sort(rng.choice(60, 30)))]
        return await asyncio.gather(*(some(list(part)) for part in parts if len(part)))

    seen = 0
    for numbers, answers in asyncio.run(everybody()):
        for n, answer in zip(numbers, answers, strict=True):
            seen += 1
            assert answer["class_id"] == expected[n][0].id
            found = {one["class_id"]: one["probability"] for one in answer["top"]}
            assert found == {one.id: pytest.approx(one.probability, abs=1e-6) for one in expected[n]}
    assert seen == 180 and len(service.journal.log.requests()) == 180


@pytest.mark.parametrize("view", VIEWS)
def test_calibrated_answers(runs, tmp_path, view):
    """By the view that was calibrated. Some pictures get no answer, by whatever way they come, as of `classify`."""
    run, pictures = shutil.copytree(runs["first"], tmp_path / "run"), [encoded(noise(64, seed)) for seed in range(24)]
    ten_crop = view == VIEWS[1]
    threshold = float(np.median([top[0].probability for top in load(run).predict(pictures, 1, ten_crop)]))
    even, hash = Interval(0.1, 0.05, 0.2), checkpoint_hash(run / "best.safetensors")
    made = Calibration(1.0, threshold, 0.05, 0.95, view, 30, even, even, hash)
    save_calibration(load(run).run, made)
    expected = load(run).classify(pictures, ten_crop=ten_crop)
    one = Service(Models(Model.load(run, np), None, np), Journal(Log(tmp_path / "log.db")))
    headers, body = multipart(*pictures)
    found = ask(build_app(one), "/classify", body, headers).json
    alone = [ask(build_app(one), "/classify", data).json["answers"][0] for data in pictures]
    rows = [one.journal.log.request(answer["id"]) for answer in found["answers"]]
    [logged], sure = one.journal.log.models(), sum(row.sure for row in one.journal.log.requests())
    metrics = one.metrics.text().decode()
    one.close()
    assert f'sure="yes"}} {sure}.0' in metrics and f'sure="no"}} {2 * len(pictures) - sure}.0' in metrics
    assert found["calibrated"] is True and logged.about["view"] == view
    assert logged.about["calibration"]["threshold"] == threshold
    assert {answer["sure"] for answer in found["answers"]} == {True, False}
    for answer, again, row, right in zip(found["answers"], alone, rows, expected, strict=True):
        assert answer["sure"] == again["sure"] == row.sure == right.sure
        assert answer["top"][0]["class_id"] == right.answers[0].id
        assert answer["top"][0]["probability"] == pytest.approx(right.answers[0].probability, abs=1e-6)
        assert (
            (answer["class_id"] is None) == (answer["label"] is None) == (answer["probability"] is None) != right.sure
        )
        assert bool(answer["reason"]) == bool(row.reason) != right.sure
        assert ("not sure" in answer["text"]) != right.sure


@pytest.mark.parametrize("ten_crop", [False, True])
def test_novelty(runs, tmp_path, ten_crop):
    """That of the reference, whatever the company, from features that answers need anyway; unknown without one."""
    run, data = shutil.copytree(runs["first"], tmp_path / "run"), open_dataset(str(runs["data"]), quiet=True)
    classifier, pictures = load(run), data.val.gather(range(9))
    made = None
    if ten_crop:
        even, hash = Interval(0.1, 0.05, 0.2), checkpoint_hash(run / "best.safetensors")
        made = Calibration(1.0, 0.2, 0.05, 0.95, VIEWS[1], 30, even, even, hash)
        save_calibration(classifier.run, made)
    reference = make_reference(classifier.run, data, made, quiet=True)
    save_reference(classifier.run, reference)
    model = Model.load(run, np)
    while model.listener.training is None:
        time.sleep(0.01)
    one = Service(Models(model, None, np), Journal(Log(tmp_path / "log.db")))
    headers, body = multipart(*map(encoded, pictures))
    ids = [answer["id"] for answer in ask(build_app(one), "/classify", body, headers).json["answers"]]
    rows, [logged] = [one.journal.log.request(id) for id in ids], one.journal.log.models()
    one.close()
    expected = novelties(classifier.run, pictures, training_features(classifier.run, data, quiet=True))
    assert [row.novelty for row in rows] == pytest.approx(expected, abs=1e-3) and logged.reference == reference


def test_a_calibration_written_later_counts_from_the_next_load_on(runs, tmp_path):
    """With novelty and without."""
    run, data = shutil.copytree(runs["first"], tmp_path / "run"), open_dataset(str(runs["data"]), quiet=True)
    even, hash, classifier = Interval(0.1, 0.05, 0.2), checkpoint_hash(run / "best.safetensors"), load(run)
    made = Calibration(1.5, 0.999, 0.2, 0.95, VIEWS[0], 30, even, even, hash)
    save_calibration(classifier.run, made)
    save_reference(classifier.run, make_reference(classifier.run, data, made, quiet=True))
    model = Model.load(run, np)
    while model.listener.training is None:
        time.sleep(0.01)
    save_calibration(classifier.run, replace(made, temperature=0.1, threshold=0.0))
    pictures = data.val.gather(range(3))
    heard, novelty = model.listener.classify(pictures, False)
    assert [one.sure for one in heard] == [one.sure for one in model.classify(pictures)] == [False] * 3
    assert novelty is not None and model.since <= time.time() and Model.load(run, np).classify(pictures)[0].sure


def test_labels(app, service):
    id, class_id = ask(app, "/classify", encoded(noise())).json["answers"][0]["id"], "red"
    assert class_id in service.models.current.classifier.class_ids

    def label(content):
        return ask(app, "/label", content if isinstance(content, bytes) else json.dumps(content).encode())

    assert label({"id": id, "class_id": class_id}).json == {"id": id, "class_id": class_id}
    assert service.journal.log.labels() == {id: class_id}
    for unknown in ("none", "\udcff"):
        assert label({"id": unknown, "class_id": class_id}).status == 404
    assert label({"id": id, "class_id": "none"}).status == 422
    for odd in (b"", b"{", b"[]", b'{"id": 3}', {"id": id}, {"id": id, "class_id": None}, b"[" * 5000):
        answer = label(odd)
        assert answer.status == 422 and answer.error
    assert label(b" " * 20_000).status == 413
    assert service.journal.log.labels() == {id: class_id}


def test_small_answers(app, service):
    known = service.models.current.classifier
    classes = [{"class_id": id, "label": name} for id, name in zip(known.class_ids, known.classes)]
    assert ask(app, "/classes").json == classes
    assert ask(app, "/health/live").json == {"live": True}
    ready = ask(app, "/health/ready").json
    assert ready["ready"] is True and ready["log"] == "ok" and ready["model"]["hash"] == service.models.current.hash
    assert str(service.models.current.path) not in str(ready), "anybody may ask, and need not know where files are"
    service.stop()
    assert ask(app, "/health/ready").status == 503 and ask(app, "/classify", encoded(noise())).status == 503


def test_the_report(app, service):
    for seed in range(3):
        ask(app, "/classify", encoded(noise(64, seed)))
    page, values = ask(app, "/report"), ask(app, "/report.json").json
    assert page.headers["content-type"].startswith("text/html") and b"<h1>" in page.body and values["requests"] == 3
    rules = page.headers["content-security-policy"]
    assert "script-src 'self'" in rules and "style-src 'sha256-" in rules and "frame-ancestors 'none'" in rules
    service.reporter.one.acquire()
    assert ask(app, "/report").status == 503
    service.reporter.one.release()
    assert ask(app, "/report").status == 200


def test_explain_takes_one_picture(app):
    """As a body, or as the only part of a form."""
    headers, body = multipart(encoded(noise()))
    assert ask(app, "/explain", body, headers).json["crop"] == 56
    headers, body = multipart(encoded(noise()), encoded(noise()))
    assert "expected one" in ask(app, "/explain", body, headers).error


def test_what_is_none_of_it(app):
    assert ask(app, "/classify", encoded(noise(), "GIF")).status == 415
    assert ask(app, "/classify", b"").status == 400
    assert ask(app, "/classify", bytes(2**24 + 1)).status == 413
    for path in ("/nothing", "/../../etc/passwd", "/classify/", "/page/../app.py", "/%2e%2e/app.py"):
        answer = ask(app, path)
        assert answer.status == 404 and answer.error, path
    for method in ("GET", "PUT", "DELETE", "PATCH", "BREW"):
        answer = ask(app, "/classify", b"", method=method)
        assert answer.status == 405 and answer.error == f"found {method}, expected POST"


def test_a_bug_is_told_to_us_not_to_the_client(app, service, monkeypatch, capsys):
    monkeypatch.setattr(service.network, "work", lambda batch: 1 // 0)
    answer = ask(app, "/classify", encoded(noise()))
    assert answer.status == 500 and "division" not in answer.error
    assert "ZeroDivisionError" in capsys.readouterr().err
    monkeypatch.undo()
    assert ask(app, "/classify", encoded(noise())).status == 200


def test_too_many_wait(app, monkeypatch):
    monkeypatch.setattr("tinyalex.serving.limits.MOST_WAITING", 3)

    async def many():
        return await asyncio.gather(*(asked(app, "/classify", encoded(noise())) for _ in range(5)))

    answers = asyncio.run(many())
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 503, 503]
    assert all(a.headers["retry-after"] == "1" and a.error for a in answers if a.status == 503)


def test_a_full_disk(app, service):
    """Answers go out all the same; readiness and the metrics say that they are not logged, and when they are again."""
    log, picture = service.journal.log, encoded(noise())
    first = ask(app, "/classify", picture).json["answers"][0]["id"]
    pages = log.db.execute("PRAGMA page_count").fetchone()[0]
    log.db.execute(f"PRAGMA max_page_count = {pages}")
    for _ in range(40):  # until the last page is full
        answer = ask(app, "/classify", picture)
        assert answer.status == 200 and answer.json["answers"][0]["top"]
    ready = ask(app, "/health/ready")
    assert ready.status == 200 and ready.json["log"] == "cannot log: database or disk is full" and ready.json["ready"]
    assert "tinyalex_cannot_log 1.0" in ask(app, "/metrics").body.decode()
    lost = answer.json["answers"][0]["id"]
    assert ask(app, "/label", json.dumps({"id": lost, "class_id": "red"}).encode()).status == 404
    log.db.execute(f"PRAGMA max_page_count = {pages + 1000}")
    again = ask(app, "/classify", picture).json["answers"][0]["id"]
    assert ask(app, "/health/ready").json["log"] == "ok" and log.request(first) and log.request(again)
    assert "tinyalex_cannot_log 0.0" in ask(app, "/metrics").body.decode()


def test_without_a_log(loaded):
    one = Service(Models(loaded["first"], None, np), Journal(None))
    app = build_app(one)
    id = ask(app, "/classify", encoded(noise())).json["answers"][0]["id"]
    answer = ask(app, "/label", json.dumps({"id": id, "class_id": "red"}).encode())
    assert answer.status == 404 and "no log" in answer.error
    assert ask(app, "/report").status == ask(app, "/report.json").status == 404
    assert ask(app, "/health/ready").json["log"] == "off" and ask(app, "/health/ready").json["shadow"] is None
    one.close()


def test_a_shadow_that_fails_disturbs_nobody(app, service, monkeypatch):
    monkeypatch.setattr(services.Model, "classify", failing_for(service.models.shadow))
    id = ask(app, "/classify", encoded(noise())).json["answers"][0]["id"]
    assert service.journal.log.request(id).shadow is None
    assert "tinyalex_shadow_errors_total 1.0" in ask(app, "/metrics").body.decode()


def test_disagreements_are_counted():
    metrics, labels = Metrics(), [(1, 1), (1, 2), (2, 1), (1, None)]
    metrics.count_pictures([SimpleNamespace(sure=True, label=own, shadow_label=other) for own, other in labels])
    assert "tinyalex_shadow_disagreements_total 2.0" in metrics.text().decode()


def failing_for(model):
    whole = services.Model.classify

    def classify(self, squares):
        if self is model:
            raise FloatingPointError("overflow")
        return whole(self, squares)

    return classify


def test_metrics(app):
    ask(app, "/classify", encoded(noise()))
    ask(app, "/classify", b"x")
    text = ask(app, "/metrics").body.decode()
    for line in (
        'tinyalex_requests_total{path="/classify",status="200"} 1.0',
        'tinyalex_requests_total{path="/classify",status="415"} 1.0',
        'tinyalex_pictures_total{sure="yes"} 1.0',
        "tinyalex_classify_seconds_count 1.0",
        "tinyalex_batch_pictures_sum 1.0",
        "tinyalex_cannot_log 0.0",
    ):
        assert line in text, line
    assert 'run="' in text and "tinyalex_shadow_disagreements_total" in text
