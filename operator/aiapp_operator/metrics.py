"""What the operator counts of itself, served for Prometheus."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Metric, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from aiapp_operator.conditions import SOURCE_DRIFTED
from aiapp_operator.reasons import Reason
from aiapp_operator.source_drift import WORST_FIRST as DRIFTS
from aiapp_operator.state import Event, Key, Manifest, Part, Stream
from aiapp_operator.status import stale_since

RECONCILE_SECONDS = Histogram(
    "aiapp_reconcile_seconds",
    "Duration of one reconciliation of one AIApp.",
    ["outcome"],
    buckets=(0.01, 0.05, 0.2, 1, 5, 20, 60, 180),
)
SOURCE_REQUESTS = Counter(
    "aiapp_source_requests_total", "Questions to registries and model stores.", ["source", "outcome"]
)
POLLS = Counter("aiapp_source_polls_total", "Polls of followed sources.", ["source", "outcome"])
VERIFICATIONS = Counter(
    "aiapp_source_verifications_total", "Looks whether released bytes are still there.", ["source", "outcome"]
)
RELEASES = Counter("aiapp_releases_total", "Releases that came to something, by what it was.", ["outcome"])
OUTCOMES: Final = (Reason.RELEASED, Reason.ROLLED_BACK, Reason.GATE_FAILED)
for _outcome in OUTCOMES:
    RELEASES.labels(_outcome)  # 0 from the start, or the first of each would be no increase
WRITES = Counter("aiapp_writes_total", "Writes to the API server.", ["kind", "verb"])
QUEUE_DEPTH = Gauge("aiapp_queue_depth", "AIApps that wait for a worker.")
FEEDS = Gauge("aiapp_feeds", "Questions that are asked again and again.")


class AppMetrics(Collector):
    """What the status of each AIApp says, computed when it is asked for: an app that is gone has no series."""

    def __init__(self) -> None:
        self.statuses: Callable[[], Iterable[tuple[Key, Manifest]]] = tuple
        self.clock: Callable[[], float] = time.time

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registering asks for no status."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Return how long each stream has been waiting to serve its newest artifact, what drifted, and what is held."""
        stale = GaugeMetricFamily(
            "aiapp_stream_staleness_seconds",
            "Age of the newest artifact of a stream that does not serve yet; 0: the newest serves.",
            labels=["namespace", "name", "stream"],
        )
        drifted = GaugeMetricFamily(
            "aiapp_source_drifted",
            "1: bytes behind a release that serves, or served before it, changed or went.",
            labels=["namespace", "name", "reason"],
        )
        for key, status in self.statuses():
            since = stale_since(status)
            for stream in Stream:
                age = self.clock() - since[stream].timestamp() if stream in since else 0.0
                stale.add_metric([*key, stream.value.lower()], max(0.0, age))
            reason = _drift(status)
            for each in DRIFTS:
                drifted.add_metric([*key, each], float(each == reason))
        yield stale
        yield drifted
        yield from self._releases()

    def _releases(self) -> Iterator[Metric]:
        held = GaugeMetricFamily(
            "aiapp_holds",
            "How many artifacts are held, and so not released again until somebody ends that.",
            labels=["namespace", "name", "stream"],
        )
        due = GaugeMetricFamily(
            "aiapp_next_release_timestamp_seconds",
            "When the release that waits may go out, in Unix time; no value: none waits, or nobody knows when.",
            labels=["namespace", "name"],
        )
        for key, status in self.statuses():
            streams = [hold["stream"] for hold in status.get("holds") or ()]
            for part in Part:
                held.add_metric([*key, part.value.lower()], float(streams.count(part)))
            if time_of_next := (status.get("nextRelease") or {}).get("time"):
                due.add_metric([*key], datetime.fromisoformat(time_of_next).timestamp())
        yield held
        yield due


APPS = AppMetrics()
REGISTRY.register(APPS)


def count_release(event: Event) -> None:
    """Count what an Event tells of a release, where it tells what came of one."""
    if event.reason in OUTCOMES:
        RELEASES.labels(event.reason).inc()


def serve(port: int) -> None:
    """Answer /metrics on all addresses of the pod, in a thread of its own."""
    start_http_server(port)


def _drift(status: Manifest) -> str:
    conditions = status.get("conditions") or ()
    true = [each["reason"] for each in conditions if each["type"] == SOURCE_DRIFTED and each["status"] == "True"]
    return true[0] if true else ""


@contextmanager
def reconciliation() -> Iterator[None]:
    """Measure one reconciliation; outcome is `ok` or the name of what it raised."""
    begin, outcome = time.perf_counter(), "ok"
    try:
        yield
    except BaseException as error:
        outcome = type(error).__name__
        raise
    finally:
        RECONCILE_SECONDS.labels(outcome).observe(time.perf_counter() - begin)
