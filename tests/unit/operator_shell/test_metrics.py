"""What Prometheus reads about each app, computed from its status at that moment."""

from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import REGISTRY, CollectorRegistry

from aiapp_operator import metrics
from aiapp_operator.errors import TransientError
from aiapp_operator.kube import RESOURCES
from aiapp_operator.metrics import AppMetrics
from aiapp_operator.source_drift import WORST_FIRST as DRIFTS
from aiapp_operator.state import Event, Key, Manifest
from aiapp_operator.view import View
from unit.operator_shell.bench import KEY, Bench

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
STALE = "aiapp_stream_staleness_seconds"
DRIFTED = "aiapp_source_drifted"
HOLDS = "aiapp_holds"
NEXT = "aiapp_next_release_timestamp_seconds"
RELEASES = "aiapp_releases_total"
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


def test_holds_are_counted_by_what_they_are_on() -> None:
    holds = [{"stream": stream, "digest": f"sha256:{n}"} for n, stream in enumerate(("Image", "Pair", "Image"))]
    scrape = Scrape([(KEY, {"holds": holds})])
    assert {stream: scrape.value(HOLDS, stream=stream) for stream in ("image", "model", "config", "pair", "all")} == {
        "image": 2,
        "model": 0,
        "config": 0,
        "pair": 1,
        "all": 0,
    }


@pytest.mark.parametrize(
    ("waits", "time"),
    [
        ({"time": "2026-11-24T02:00:00Z", "reason": "Schedule", "revision": 2}, 1795485600.0),
        ({"time": "2026-11-24T03:00:00+01:00"}, 1795485600.0),
        ({"reason": "Bake", "revision": 2}, None),
        (None, None),
    ],
)
def test_the_time_of_the_next_release_is_shown_while_one_waits(waits: Manifest | None, time: float | None) -> None:
    assert Scrape([(KEY, {"nextRelease": waits} if waits else {})]).value(NEXT) == time


async def test_what_came_of_a_release_is_counted_once_though_its_run_is_repeated() -> None:
    bench = Bench()
    bench.gates = "Failed"
    bench.app()
    await bench.run()
    bench.api.refuses["PUT", RESOURCES["AIApp"].path(*KEY, "status")] = (503, "away")
    before = REGISTRY.get_sample_value(RELEASES, {"outcome": "GateFailed"})
    assert before is not None
    for _ in range(2):
        with pytest.raises(TransientError):
            await bench.run()
    bench.api.refuses.clear()
    await bench.run()
    assert REGISTRY.get_sample_value(RELEASES, {"outcome": "GateFailed"}) == before + 1


@pytest.mark.parametrize("outcome", ["Released", "RolledBack"])
def test_other_outcomes_are_counted_and_what_is_none_is_not(outcome: str) -> None:
    before = REGISTRY.get_sample_value(RELEASES, {"outcome": outcome})
    assert before is not None
    for reason in (outcome, "GateStarted", "Held"):
        metrics.count_release(Event("Normal", reason, "words"))
    assert REGISTRY.get_sample_value(RELEASES, {"outcome": outcome}) == before + 1
    assert REGISTRY.get_sample_value(RELEASES, {"outcome": "Held"}) is None


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
