"""What kopf is told, and what it may see of this process."""

import itertools
import logging
from typing import Any

import kopf
import pytest

from aiapp_operator import assembly, metrics
from aiapp_operator.assembly import Operator, served
from aiapp_operator.errors import OperatorError
from aiapp_operator.handlers import CHILD_RESOURCES, Handlers, kopf_settings
from aiapp_operator.kube import RESOURCES
from aiapp_operator.settings import Settings
from unit.operator_shell.bench import KEY
from unit.operator_shell.memory_api import MemoryApi

SETTINGS = Settings(fetch_image="x")


def _event(kind: str | None, version: str = "1") -> dict[str, Any]:
    metadata = {"namespace": KEY.namespace, "name": KEY.name, "uid": "u1", "resourceVersion": version}
    return {"type": kind, "object": {"kind": "AIApp", "metadata": metadata}}


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "start_http_server", lambda _: None)


def test_kopf_watches_without_writing_and_without_end() -> None:
    settings = kopf_settings()
    assert not settings.posting.enabled
    assert settings.scanning.disabled
    assert settings.queueing.worker_limit is None  # with one, an idle worker holds its slot
    assert settings.queueing.idle_timeout == 0.05
    assert isinstance(settings.networking.error_backoffs, list)
    assert sum(itertools.islice(settings.networking.error_backoffs, 9000)) > 24 * 3600
    for group, _, plural in CHILD_RESOURCES:
        assert settings.watching.label_selectors[group, plural] == "app.kubernetes.io/managed-by=aiapp-operator"


@pytest.mark.parametrize("name", ["kopf.objects", "azure.core.pipeline.policies.http_logging_policy"])
def test_a_line_for_every_event_and_request_is_not_logged(name: str) -> None:
    kopf_settings()
    assert not logging.getLogger(name).isEnabledFor(logging.INFO)
    assert logging.getLogger(name).isEnabledFor(logging.WARNING)


def test_every_watched_kind_has_a_handler_and_the_apps_are_watched_whole() -> None:
    watched = {RESOURCES[kind].plural for kind in assembly.WATCHED_KINDS}
    assert watched == {"aiapps", *(plural for _, _, plural in CHILD_RESOURCES)}
    assert "aiapps" not in str(kopf_settings().watching.label_selectors)


@pytest.mark.usefixtures("no_server")
async def test_an_event_is_recorded_and_queued_once_per_version() -> None:
    operator = Operator(MemoryApi(), SETTINGS)
    for kind, version in ((None, "1"), ("MODIFIED", "1"), ("MODIFIED", "2")):
        event = _event(kind, version)
        operator.see(event["type"], event["object"])
    assert operator._queue.depth == 1
    assert operator._view.app(KEY) == _event(None, "2")["object"]
    operator.see("DELETED", _event("DELETED", "3")["object"])
    assert operator._view.app(KEY) is None
    await operator.stop()


@pytest.mark.usefixtures("no_server")
@pytest.mark.parametrize("kind", ["Job", "Pod"])
async def test_a_gates_job_and_pod_wake_the_app_when_they_come_change_and_go(kind: str) -> None:
    operator = Operator(MemoryApi(), SETTINGS)
    labels = {"app.kubernetes.io/instance": KEY.name, "aiapp.dev/role": "gate"}
    for event, version in (("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "3")):
        metadata = {"namespace": KEY.namespace, "name": "digits-gate-1-0", "uid": "u", "resourceVersion": version}
        operator.see(event, {"kind": kind, "metadata": {**metadata, "labels": labels}})
        assert operator._queue.depth == 1
        seen = operator._view.children(KEY) if kind == "Job" else operator._view.pods(KEY)
        assert len(seen) == (event != "DELETED")
        operator._queue._ready.clear()
        operator._queue._wanted.clear()
    await operator.stop()


@pytest.mark.usefixtures("no_server")
async def test_the_probe_passes_while_all_is_well_and_fails_for_good_when_a_worker_died() -> None:
    handlers = Handlers(SETTINGS)
    assert await handlers.probe() is True  # not started yet
    handlers._operator = operator = Operator(MemoryApi(), SETTINGS)
    operator.start()
    assert await handlers.probe() is True
    await operator.stop()
    with pytest.raises(kopf.PermanentError, match="workers"):
        await handlers.probe()


@pytest.mark.usefixtures("no_server")
async def test_the_probe_fails_when_a_watch_is_dead() -> None:
    handlers = Handlers(SETTINGS)
    handlers._operator = operator = Operator(MemoryApi(), SETTINGS)
    operator.start()
    operator._watchdog.lost = "the watch of Pod objects has not shown vision/digits-1 for 120 s"
    with pytest.raises(kopf.PermanentError, match="watch of Pod objects"):
        await handlers.probe()
    await operator.stop()


async def test_the_start_waits_until_every_kind_is_served() -> None:
    api = MemoryApi()
    await served(api)
    assert len(api.requests) == len(assembly.WATCHED_KINDS)
    api.refuses[("GET", "/apis/aiapp.dev/v1alpha1/aiapps")] = (404, "404 page not found")
    with pytest.raises(
        OperatorError, match="does not know AIApp objects: install the chart's CustomResourceDefinition"
    ):
        await served(api)
    api.refuses[("GET", "/apis/aiapp.dev/v1alpha1/aiapps")] = (403, "forbidden: user cannot list")
    with pytest.raises(OperatorError, match="AIApp objects cannot be listed: forbidden: user cannot list"):
        await served(api)


def test_the_registry_holds_login_startup_cleanup_probe_and_one_watch_per_kind() -> None:
    registry = Handlers(SETTINGS).registry()
    assert len(registry._activities.get_all_handlers()) == 4
    assert len(registry._watching.get_all_handlers()) == len(assembly.WATCHED_KINDS)
    assert registry._changing.get_all_handlers() == []  # these would write annotations
    assert registry._spawning.get_all_handlers() == []  # and these a finalizer
