"""Counts and times for Prometheus, at `/metrics`."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

from tinyalex.lines import drawable
from tinyalex.monitoring.log import Request
from tinyalex.serving.models import Models

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The metrics of one service."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.paths: frozenset[str] = frozenset()  # the known ones
        self.requests = Counter(
            "tinyalex_requests", "HTTP requests by path and status", ["path", "status"], registry=registry
        )
        self.seconds = Histogram(
            "tinyalex_classify_seconds", "From a request's last byte to its answer", buckets=SECONDS, registry=registry
        )
        self.pictures = Counter("tinyalex_pictures", "Pictures answered, sure or not", ["sure"], registry=registry)
        self.batch = Histogram("tinyalex_batch_pictures", "Pictures in a batch", buckets=SIZES, registry=registry)
        self.disagreements = Counter(
            "tinyalex_shadow_disagreements", "Pictures of which the shadow has another label", registry=registry
        )
        self.shadow_errors = Counter(
            "tinyalex_shadow_errors", "Batches that the shadow could not answer", registry=registry
        )
        self.waiting = Gauge("tinyalex_requests_waiting", "Requests that wait for their answer", registry=registry)
        self.cannot_log = Gauge("tinyalex_cannot_log", "1 while requests cannot be logged", registry=registry)
        self.unlogged = Counter("tinyalex_unlogged_pictures", "Pictures answered without a log", registry=registry)
        self.model = Info("tinyalex_model", "The model that answers", registry=registry)
        self.shadow = Info("tinyalex_shadow", "The model that is asked beside it", registry=registry)

    def count(self, path: str, status: int) -> None:
        """Count an answer. All unknown paths count as one, since clients invent them."""
        self.requests.labels(path if path in self.paths else "other", status).inc()

    def count_pictures(self, rows: list[Request]) -> None:
        """Count the pictures of a batch, by their rows of the log."""
        sure = sum(row.sure for row in rows)
        self.pictures.labels("yes").inc(sure)
        self.pictures.labels("no").inc(len(rows) - sure)
        self.disagreements.inc(sum(row.shadow_label not in (None, row.label) for row in rows))

    def name_models(self, models: Models) -> None:
        """Say which models answer from now on."""
        for entry, model in ((self.model, models.current), (self.shadow, models.shadow)):
            entry.info({name: drawable(text) for name, text in model.about().items()} if model else {})

    def text(self) -> bytes:
        """All of them, in Prometheus' text format."""
        return generate_latest(self.registry)
