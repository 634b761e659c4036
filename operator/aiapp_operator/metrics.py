"""What the operator counts of itself, served for Prometheus."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram, start_http_server

RECONCILE_SECONDS = Histogram(
    "aiapp_reconcile_seconds",
    "Duration of one reconciliation of one AIApp.",
    ["outcome"],
    buckets=(0.01, 0.05, 0.2, 1, 5, 20, 60, 180),
)
SOURCE_REQUESTS = Counter(
    "aiapp_source_requests_total", "Questions to registries and model stores.", ["source", "outcome"]
)
WRITES = Counter("aiapp_writes_total", "Writes to the API server.", ["kind", "verb"])
QUEUE_DEPTH = Gauge("aiapp_queue_depth", "AIApps that wait for a worker.")


def serve(port: int, queue_depth: Callable[[], int]) -> None:
    """Answer /metrics on all addresses of the pod, in a thread of its own."""
    QUEUE_DEPTH.set_function(queue_depth)
    start_http_server(port)


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
