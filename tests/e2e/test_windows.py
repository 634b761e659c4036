"""What has passed its gate waits for its window; a freeze keeps that shut, and a person may break the glass."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from aiapp_operator.release.notes import STARTED_TIME
from e2e.load import Load, load
from e2e.rig import App, Manifest, Tenant

pytestmark = pytest.mark.needs("pods", "push-image", "azurite")

LATE = timedelta(seconds=10)


def _window(opens: datetime) -> Manifest:
    return {"cron": f"{opens.minute} {opens.hour} * * *", "duration": "1h"}


@pytest.fixture(scope="module")
def app(tenant: Tenant) -> App:
    """An app whose window opens in half a day; its first release did not wait for that."""
    app = App(tenant)
    schedule = [_window(datetime.now(UTC) + timedelta(hours=12))]
    app.apply(tenant.deployed.images["one"], release={"schedule": schedule})
    app.wait("UpToDate")
    return app


@pytest.fixture(scope="module")
def client(app: App) -> Iterator[Load]:
    with load(app) as client:
        yield client


def _next(app: App) -> Manifest:
    upcoming: Manifest = app.get()["status"].get("nextRelease", {})
    return upcoming


def test_a_release_waits_for_its_window_unless_somebody_breaks_the_glass(app: App, client: Load) -> None:
    assert client.app is app
    app.edit(modelVersion="2")
    app.wait_for_reason("UpToDate", "WaitingForWindow")
    assert _next(app)["reason"] == "Schedule"
    assert app.get()["status"]["candidate"]["gate"] == "Passed"
    app.expect_answer("one", "model 1")

    app.act("release-now", "now")
    app.wait("UpToDate")
    app.expect_answer("one", "model 2")
    assert [event for event in app.events() if event.startswith("ReleasedNow: ")], app.events()


def test_a_release_goes_by_itself_when_its_window_is_open_and_the_freeze_is_over(app: App) -> None:
    app.edit(image=app.tenant.deployed.images["two"])
    app.wait_for_reason("UpToDate", "WaitingForWindow")
    opens = (datetime.now(UTC) + timedelta(minutes=1, seconds=5)).replace(second=0, microsecond=0)
    thaw = opens + timedelta(seconds=3)
    freeze = {"from": "2026-01-01T00:00:00Z", "to": f"{thaw:%Y-%m-%dT%H:%M:%SZ}", "reason": "stocktaking"}
    app.edit(release={"schedule": [_window(opens)], "freezes": [freeze]})
    assert "freeze" in app.wait_for_reason("UpToDate", "WaitingForWindow")
    app.expect_answer("one", "model 2")

    app.wait("UpToDate")
    app.expect_answer("two", "model 2")
    started = datetime.fromisoformat(app.note(3, STARTED_TIME))
    assert thaw <= started <= thaw + LATE


def test_nobody_who_used_the_app_meanwhile_was_let_down(client: Load) -> None:
    seen = client.end()
    assert {json.loads(answer.label)["image"] for answer in seen.answers} == {"one", "two"}
