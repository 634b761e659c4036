"""What is counted, by all workers together."""

import os
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aiapp_serving.metrics import BOUNDS, Metrics
from stand_ins.fronts import Served, script, served


def series(app: Served) -> dict[tuple[str, ...], float]:
    text = app.ask("GET", "/metrics").body.decode()
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_route_method_and_class_of_status() -> None:
    app = served(script(lambda value: value))
    app.score(1)
    app.score(2)
    app.ask("POST", "/score", b"{")
    app.ask("POST", "/v2/models/other/infer", b"{}")
    found = series(app)
    release = ("42", "12")
    assert found["aiapp_requests_total", "POST", *release, "/score", "2xx"] == 2
    assert found["aiapp_requests_total", "POST", *release, "/score", "4xx"] == 1
    assert found["aiapp_requests_total", "POST", *release, "/v2/models/{model}/infer", "4xx"] == 1
    assert found["aiapp_request_duration_seconds_count", *release, "/score"] == 3
    assert found["aiapp_requests_in_flight", *release] == 0
    assert found["aiapp_model_load_seconds", *release] == 0.5
    assert found["aiapp_worker_resident_memory_bytes", *release, "0"] > 1_000_000


def test_nothing_that_a_client_sends_becomes_a_label() -> None:
    app = served(script(lambda value: value))
    before = len(series(app))
    for number in range(50):
        app.ask(f"METHOD{number}", f"/path/{number}")
        app.ask("GET", f"/v2/models/{number}")
    text = app.ask("GET", "/metrics").body.decode()
    assert "METHOD1" not in text
    assert "/path" not in text
    assert len(series(app)) - before < 2 * 2 * (len(BOUNDS) + 5)


def test_open_metrics_is_answered_to_whoever_accepts_it() -> None:
    answer = served(script(lambda value: value)).ask("GET", "/metrics", HTTP_ACCEPT="application/openmetrics-text")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")


@pytest.mark.parametrize("status", [100, 200, 302, 404, 599])
def test_the_classes_of_status_are_kept_apart(status: int) -> None:
    metrics = Metrics()
    metrics.worker().end("/score", "POST", status, 0.001)
    assert metrics.totals().requests == {("/score", "POST", f"{status // 100}xx"): 1}


def test_several_workers_and_their_threads_count_together() -> None:
    metrics = Metrics(workers=2)
    children = []
    for _ in range(2):
        if (child := os.fork()) == 0:
            try:
                worker = metrics.worker()
                threads = [threading.Thread(target=count, args=(worker.end,)) for _ in range(4)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    totals = metrics.totals()
    assert totals.requests == {("/score", "POST", "2xx"): 8000}
    assert sum(totals.latency["/score"].buckets) == 8000
    assert totals.latency["/score"].seconds == pytest.approx(8.0)


def count(end: "object") -> None:
    assert callable(end)
    for _ in range(1000):
        end("/score", "POST", 200, 0.001)


def test_a_time_falls_into_the_bucket_of_its_bound() -> None:
    metrics = Metrics()
    worker = metrics.worker()
    for seconds in (0.0001, 0.00011, 11.0):
        worker.end("/score", "POST", 200, seconds)
    buckets = metrics.totals().latency["/score"].buckets
    assert (buckets[0], buckets[1], buckets[-1]) == (1, 1, 1)
