"""What Prometheus reads about each app, computed from its status at that moment."""

from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import REGISTRY, CollectorRegistry

from aiapp_operator import metrics
from aiapp_operator.metrics import AppMetrics
from aiapp_operator.source_drift import WORST_FIRST as DRIFTS
from aiapp_operator.state import Key, Manifest
from aiapp_operator.view import View
from unit.operator_shell.bench import KEY

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STALE = "aiapp_stream_staleness_seconds"
DRIFTED = "aiapp_source_drifted"
STATUS: Manifest = {
    "latest": {
        "image": {"ref": "contoso.azurecr.io/digits:2", "digest": "sha256:2", "seenTime": "2026-11-23T11:59:00Z"},
        "model": {"version": "42", "digest": "sha256:4", "publishedTime": "2026-11-23T11:00:00Z"},
    },
    "active": {"imageDigest": "sha256:2", "modelVersion": "41", "modelDigest": "sha256:3"},
}


class Scrape:
    def __init__(self, apps: list[tuple[Key, Manifest]]) -> None:
        self.apps, self.registry = apps, CollectorRegistry()
        collector = AppMetrics()
        collector.statuses, collector.clock = lambda: self.apps, NOW.timestamp
        self.registry.register(collector)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, {"namespace": "vision", "name": "digits", **labels})


def test_a_stream_is_as_stale_as_the_newest_that_does_not_serve() -> None:
    scrape = Scrape([(KEY, STATUS)])
    assert scrape.value(STALE, stream="model") == 3600
    assert scrape.value(STALE, stream="image") == 0


def test_an_app_that_is_gone_has_no_series() -> None:
    scrape = Scrape([(KEY, STATUS)])
    assert scrape.value(STALE, stream="model") is not None
    scrape.apps = []
    assert scrape.value(STALE, stream="model") is None
    assert scrape.value(DRIFTED, reason="ImageGone") is None


def test_a_clock_that_is_behind_makes_nothing_negative() -> None:
    status: Manifest = {"latest": {"model": {**STATUS["latest"]["model"], "publishedTime": "2026-11-23T13:00:00Z"}}}
    assert Scrape([(KEY, status)]).value(STALE, stream="model") == 0


@pytest.mark.parametrize("reason", DRIFTS)
def test_what_drifted_is_one_and_all_else_zero(reason: str) -> None:
    condition: dict[str, Any] = {"type": "SourceDrifted", "status": "True", "reason": reason}
    scrape = Scrape([(KEY, {"conditions": [{**condition, "type": "Ready"}, condition]})])
    assert {each: scrape.value(DRIFTED, reason=each) for each in DRIFTS} == {
        each: float(each == reason) for each in DRIFTS
    }


def test_an_app_without_a_status_yet_is_not_stale() -> None:
    scrape = Scrape([(KEY, {})])
    assert scrape.value(STALE, stream="image") == 0
    assert scrape.value(DRIFTED, reason="ModelGone") == 0


def test_the_view_gives_the_statuses_of_apps_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    view = View()
    for kind in ("AIApp", "Service"):
        labels = {"app.kubernetes.io/instance": "digits"}
        metadata = {"namespace": "vision", "name": "digits", "uid": "u", "resourceVersion": "1", "labels": labels}
        view.record({"kind": kind, "metadata": metadata, "status": STATUS})
    assert view.statuses() == [(KEY, STATUS)]
    monkeypatch.setattr(metrics.APPS, "statuses", view.statuses)
    monkeypatch.setattr(metrics.APPS, "clock", NOW.timestamp)
    labels = {"namespace": "vision", "name": "digits", "stream": "model"}
    assert REGISTRY.get_sample_value(STALE, labels) == 3600
