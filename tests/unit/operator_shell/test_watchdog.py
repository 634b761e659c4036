"""What the view missed, found by lists, in virtual time."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from aiapp_operator.state import Key, Manifest
from aiapp_operator.view import Place, View
from aiapp_operator.watchdog import EVERY_SECONDS, FIRST_SECONDS, GRACE_SECONDS, Watchdog
from unit.operator_shell.bench import KEY
from unit.operator_shell.memory_api import MemoryApi
from unit.operator_shell.virtual_time import run

LABELS = {"app.kubernetes.io/instance": "digits", "app.kubernetes.io/managed-by": "aiapp-operator"}


class Rig:
    def __init__(self) -> None:
        self.api, self.view = MetadataApi(), View()
        self.queued: list[Key] = []
        self.watchdog = Watchdog(("AIApp", "Deployment"), self.api, self.view, self.queued.append, lambda: 1.0)

    def put(self, kind: str, name: str = "digits") -> Manifest:
        return self.api.put({"kind": kind, "metadata": {"namespace": "vision", "name": name, "labels": LABELS}})

    def serve(self, *steps: tuple[float, Callable[[], object]]) -> str:
        """Run the watchdog, do each step at its second, and return what it lost after two rounds."""

        async def main() -> str:
            task = asyncio.create_task(self.watchdog.serve())
            loop = asyncio.get_running_loop()
            for second, step in steps:
                loop.call_later(second, step)
            await asyncio.sleep(FIRST_SECONDS + EVERY_SECONDS + 2 * GRACE_SECONDS + 10)
            task.cancel()
            return self.watchdog.lost

        return run(main())


class MetadataApi(MemoryApi):
    async def list_metadata(self, kind: str, selector: str = "") -> tuple[str, list[Manifest]]:
        assert selector == ("" if kind == "AIApp" else "app.kubernetes.io/managed-by=aiapp-operator")
        await self.probe(kind)
        return str(self._version), [m["metadata"] for m in self.objects.values() if m["kind"] == kind]


def test_a_deletion_that_no_watch_told_is_found_and_its_app_queued() -> None:
    rig = Rig()
    rig.put("AIApp")
    rig.put("Deployment")
    rig.api.show(rig.view)
    rig.api.remove("Deployment")
    assert rig.serve() == ""
    assert rig.queued == [KEY]
    assert rig.view.children(KEY) == {}


def test_a_view_that_agrees_is_left_alone() -> None:
    rig = Rig()
    rig.put("AIApp")
    rig.put("Deployment")
    rig.api.show(rig.view)
    assert rig.serve() == ""
    assert rig.queued == []


def test_what_a_watch_shows_after_the_list_was_made_is_kept() -> None:
    rig = Rig()
    rig.put("AIApp")
    rig.api.show(rig.view)
    newer = {"namespace": "vision", "name": "new", "uid": "u9", "resourceVersion": "9999", "labels": LABELS}
    rig.view.record({"kind": "Deployment", "metadata": newer})
    rig.serve()
    assert rig.view.version(Place("Deployment", "vision", "new")) == "9999"


def test_an_object_that_the_watch_never_shows_is_a_dead_watch() -> None:
    rig = Rig()
    rig.put("AIApp")
    assert rig.serve() == f"the watch of AIApp objects has not shown vision/digits for {GRACE_SECONDS:.0f} s"


@pytest.mark.parametrize("labels", [{}, {"app.kubernetes.io/instance": ""}])
def test_an_object_that_names_no_app_is_missed_by_nobody(labels: dict[str, str]) -> None:
    rig = Rig()
    labels = {"app.kubernetes.io/managed-by": "aiapp-operator", **labels}
    rig.api.put({"kind": "Deployment", "metadata": {"namespace": "vision", "name": "stray", "labels": labels}})
    rig.api.show(rig.view)
    assert rig.serve() == ""


def test_a_version_that_the_watch_never_shows_is_a_dead_watch() -> None:
    rig = Rig()
    app = rig.put("AIApp")
    rig.api.show(rig.view)
    rig.api.put(app)
    assert "has not shown vision/digits" in rig.serve()


def test_a_watch_that_only_lags_is_well() -> None:
    rig = Rig()
    rig.put("AIApp")
    assert rig.serve((FIRST_SECONDS + GRACE_SECONDS - 1, lambda: rig.api.show(rig.view))) == ""


def test_an_object_that_changes_all_the_time_is_no_dead_watch() -> None:
    rig = Rig()
    app = rig.put("AIApp")
    changes = [(FIRST_SECONDS + 60, lambda: rig.api.put(app)), (FIRST_SECONDS + 300, lambda: rig.api.show(rig.view))]
    assert rig.serve(*changes) == ""


def test_a_list_that_is_refused_is_logged_and_the_others_are_made(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig()
    rig.put("Deployment")
    rig.api.show(rig.view)
    rig.api.remove("Deployment")
    rig.api.refuses[("GET", "/apis/aiapp.dev/v1alpha1/aiapps")] = (403, "no right to list")
    with caplog.at_level(logging.WARNING):
        assert rig.serve() == ""
    assert rig.queued == [KEY]
    assert "AIApp objects could not be compared with the view: Refused: no right to list" in caplog.text
