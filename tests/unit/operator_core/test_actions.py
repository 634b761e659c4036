"""Actions that annotations ask for: obeyed once, and only while they are young."""

from datetime import timedelta
from typing import Any

import pytest

from aiapp_operator import actions
from aiapp_operator.actions import Action
from aiapp_operator.release.notes import format_time
from aiapp_operator.state import Manifest
from stand_ins.app_cluster import NOON, an_app, serving_cluster


def asking(value: str, **metadata: Any) -> Manifest:
    app = an_app()
    app["metadata"] |= {"annotations": {"aiapp.dev/reconcile": value}, **metadata}
    return app


def of(**ago: float) -> str:
    return f"now@{format_time(NOON - timedelta(**ago))}"


def why_ignored(app: Manifest) -> str:
    (event,) = actions.ignored(app, NOON)
    assert (event.type, event.reason) == ("Warning", "ActionIgnored")
    return event.message


def test_nothing_is_due_without_an_annotation() -> None:
    assert actions.due(an_app(), NOON) == ()
    assert actions.ignored(an_app(), NOON) == ()
    assert actions.handled(an_app(), NOON) == {}


@pytest.mark.parametrize("minutes", [0, 5, 10, -30], ids=lambda minutes: f"{minutes} minutes ago")
def test_a_young_one_is_obeyed_whatever_its_argument(minutes: float) -> None:
    app = asking(of(minutes=minutes))
    assert actions.due(app, NOON) == (Action("reconcile", "now", NOON - timedelta(minutes=minutes)),)
    assert actions.ignored(app, NOON) == ()


def test_its_argument_may_hold_the_sign_before_the_time() -> None:
    (action,) = actions.due(asking("mia@contoso.com@2026-11-23T12:00:00Z"), NOON)
    assert action.argument == "mia@contoso.com"


def test_once_echoed_it_is_not_due_again_and_another_is() -> None:
    app = asking(of(minutes=1))
    app["status"] = {"lastHandledActions": actions.handled(app, NOON)}
    assert actions.due(app, NOON) == ()
    assert actions.ignored(app, NOON + timedelta(hours=1)) == ()
    app["metadata"]["annotations"]["aiapp.dev/reconcile"] = of(seconds=1)
    assert len(actions.due(app, NOON)) == 1


def test_one_that_is_older_than_ten_minutes_when_it_is_first_seen_is_ignored() -> None:
    app = asking(of(minutes=10, seconds=1))
    assert actions.due(app, NOON) == ()
    assert "it is of 2026-11-23T11:49:59Z, and was first seen at 12:00:00Z" in why_ignored(app)


def test_one_that_is_older_than_its_app_is_ignored() -> None:
    app = asking(of(minutes=2), creationTimestamp=format_time(NOON - timedelta(minutes=1)))
    assert actions.due(app, NOON) == ()
    assert "before this AIApp was made" in why_ignored(app)


@pytest.mark.parametrize("value", ["", "now", "now@", "now@soon", "now@2026-11-23T12:00:00", "2026-11-23T12:00:00Z"])
def test_one_without_a_time_is_ignored_with_the_form_to_write(value: str) -> None:
    app = asking(value)
    assert actions.due(app, NOON) == ()
    assert why_ignored(app).endswith("write it as now@2026-11-23T12:00:00Z, with the time of now")


def test_annotations_of_others_are_nobodys_action() -> None:
    app = an_app()
    app["metadata"]["annotations"] = {"aiapp.dev/owner": of(), "reconcile": of()}
    assert actions.due(app, NOON) == ()
    assert actions.handled(app, NOON) == {}


class TestInAPlan:
    def test_what_was_obeyed_is_echoed_once(self) -> None:
        cluster = serving_cluster()
        value = f"now@{format_time(cluster.now)}"
        cluster.app["metadata"]["annotations"] = {"aiapp.dev/reconcile": value}
        assert cluster.run().events == ()
        assert cluster.app["status"]["lastHandledActions"] == {"reconcile": value}
        before = cluster.app["status"]
        cluster.wait(hours=1)
        assert cluster.run().status == before

    @pytest.mark.parametrize("spec", [{}, {"release": {"progressDeadline": "soon"}}], ids=["readable", "unreadable"])
    def test_what_is_ignored_is_told_once_and_echoed(self, spec: Manifest) -> None:
        cluster = serving_cluster()
        cluster.edit(**spec)
        cluster.app["metadata"]["annotations"] = {"aiapp.dev/reconcile": "now"}
        assert "ActionIgnored" in [event.reason for event in cluster.run().events]
        assert cluster.app["status"]["lastHandledActions"] == {"reconcile": "now"}
        assert cluster.run().events == ()

    def test_a_value_of_any_length_fits_into_status(self) -> None:
        cluster = serving_cluster()
        cluster.app["metadata"]["annotations"] = {"aiapp.dev/reconcile": "x" * 200_000}
        cluster.run()
        assert len(cluster.app["status"]["lastHandledActions"]["reconcile"]) == 256
        assert cluster.run().events == ()
