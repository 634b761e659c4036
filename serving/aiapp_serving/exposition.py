"""The counts as Prometheus reads them. Pure but for asking how much memory the workers have."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from aiapp_serving.answer import Answer
from aiapp_serving.metrics import BOUNDS, Metrics, Totals
from aiapp_serving.settings import Release

_RELEASE: Final = ("revision", "model_version")
_EDGES: Final = (*(str(bound) for bound in BOUNDS), "+Inf")


def exposition(metrics: Metrics, release: Release, runtime: str, accept: str) -> Answer:
    """Return the body of `GET /metrics`, as OpenMetrics for whoever accepts that."""
    registry = CollectorRegistry()
    registry.register(_Collected(metrics, release, runtime))
    encode, content_type = choose_encoder(accept)
    return Answer(200, (("Content-Type", content_type),), encode(registry))


class _Collected(Collector):
    def __init__(self, metrics: Metrics, release: Release, runtime: str) -> None:
        self._metrics = metrics
        self._release = release
        self._runtime = runtime
        self._labels = ("none" if release.revision is None else str(release.revision), release.model_version or "none")

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        totals = self._metrics.totals()
        yield InfoMetricFamily(
            "aiapp_release",
            "What answers",
            {
                "revision": self._labels[0],
                "image": self._release.image or "none",
                "model_version": self._labels[1],
                "model_digest": self._release.model_digest or "none",
                "runtime": self._runtime,
            },
        )
        yield self._requests(totals)
        yield self._latency(totals)
        yield self._turned_away(totals)
        yield self._gauge("aiapp_requests_in_flight", "Requests being scored or waiting for it", totals.in_flight)
        yield self._gauge("aiapp_model_load_seconds", "How long loading took; 0 until it is done", totals.load_seconds)
        yield self._memory(totals)

    def _requests(self, totals: Totals) -> Metric:
        names = ("route", "method", "status", *_RELEASE)
        family = CounterMetricFamily("aiapp_requests", "Requests that were answered", labels=names)
        for series, count in totals.requests.items():
            family.add_metric((*series, *self._labels), count)
        return family

    def _latency(self, totals: Totals) -> Metric:
        family = HistogramMetricFamily(
            "aiapp_request_duration_seconds",
            "From a request's headers to its whole answer",
            labels=("route", *_RELEASE),
        )
        for route, latency in totals.latency.items():
            buckets = list(zip(_EDGES, map(float, accumulate(latency.buckets)), strict=True))
            family.add_metric((route, *self._labels), buckets, latency.seconds)
        return family

    def _turned_away(self, totals: Totals) -> Metric:
        family = CounterMetricFamily(
            "aiapp_requests_turned_away", "Requests answered 503 as too many were waiting", labels=_RELEASE
        )
        family.add_metric(self._labels, totals.turned_away)
        return family

    def _memory(self, totals: Totals) -> Metric:
        family = GaugeMetricFamily(
            "aiapp_worker_resident_memory_bytes",
            "Memory of each worker; what they share is in each of them",
            labels=("worker", *_RELEASE),
        )
        for number, size in enumerate(totals.resident_bytes):
            family.add_metric((str(number), *self._labels), size)
        return family

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        family = GaugeMetricFamily(name, text, labels=_RELEASE)
        family.add_metric(self._labels, value)
        return family
