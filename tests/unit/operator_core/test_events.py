"""Events tell what happened, from what to what, and tell it once."""

from collections.abc import Callable

import pytest

from aiapp_operator.conditions import acknowledge
from aiapp_operator.reasons import Reason
from aiapp_operator.state import Plan
from stand_ins.app_cluster import AppCluster, serving_cluster, without
from stand_ins.pod_status import ended, waiting
from unit.operator_core.lives import BAKE, NIGHTLY, asked, bad_bake, crash, failed_gate

IMAGE_2 = "contoso.azurecr.io/digits:1.4.2"
RELEASES = {
    *(Reason.GATE_STARTED, Reason.GATE_PASSED, Reason.GATE_FAILED, Reason.RELEASE_STARTED, Reason.RELEASED),
    *(Reason.BAKED, Reason.ROLLED_BACK, Reason.HELD, Reason.UNHELD, Reason.RELEASED_NOW, Reason.WAITING_FOR_WINDOW),
}


def told(plan: Plan) -> list[tuple[str, str, str]]:
    return [(event.type, event.reason, event.message) for event in plan.events]


def reasons(plan: Plan) -> list[str]:
    return [event.reason for event in plan.events]


def test_the_first_release_has_nothing_to_come_from() -> None:
    cluster = AppCluster()
    assert told(cluster.run()) == [
        ("Normal", "GateStarted", "revision 1: image 1.4.1, model 41"),
        ("Normal", "GatePassed", "revision 1 passed its gate: 1 case: passed"),
        ("Normal", "ReleaseStarted", "revision 1: image 1.4.1, model 41"),
    ]
    assert told(cluster.roll_out()) == [("Normal", "Released", "revision 1 serves: image 1.4.1, model 41")]


def test_a_bump_of_both_is_told_from_old_to_new() -> None:
    cluster = serving_cluster()
    cluster.edit(image=IMAGE_2, modelVersion="42")
    started = cluster.run()
    assert told(started)[-1] == ("Normal", "ReleaseStarted", "revision 2: image 1.4.1 -> 1.4.2, model 41 -> 42")
    assert reasons(started) == ["GateStarted", "GatePassed", "ReleaseStarted"]
    assert told(cluster.roll_out()) == [
        ("Normal", "Released", "revision 2 serves: image 1.4.1 -> 1.4.2, model 41 -> 42")
    ]


def test_a_bump_of_one_names_the_other_once() -> None:
    cluster = serving_cluster()
    cluster.edit(modelVersion="42")
    assert told(cluster.run())[-1] == ("Normal", "ReleaseStarted", "revision 2: image 1.4.1, model 41 -> 42")


def test_an_image_that_brings_its_model_is_told_too() -> None:
    cluster = serving_cluster()
    cluster.edit(modelVersion=None, modelSource=None)
    assert told(cluster.run())[-1] == ("Normal", "ReleaseStarted", "revision 2: image 1.4.1, model 41 -> none")


def test_a_release_that_nobody_asks_for_any_more_is_told() -> None:
    cluster = serving_cluster()
    cluster.edit(image=IMAGE_2)
    cluster.run()
    cluster.start_one_pod(**ended(1, "boom"))
    cluster.edit(image="contoso.azurecr.io/digits:1.4.1")
    assert told(cluster.run()) == [("Normal", "Recovered", "revision 2 is given up: image 1.4.2 -> 1.4.1, model 41")]


def test_a_failing_release_is_told_once_however_often_its_pods_crash() -> None:
    cluster = serving_cluster()
    cluster.edit(modelVersion="42")
    cluster.run()
    first = cluster.start_one_pod(**ended(1, "boom"))
    (event,) = first.events
    assert (event.type, event.reason) == ("Warning", "Crashing")
    assert event.message.endswith("revision 1 (image 1.4.1, model 41) keeps serving")
    assert cluster.start_one_pod(**ended(1, "boom again")).events == ()


def test_another_cause_is_told() -> None:
    cluster = serving_cluster()
    cluster.edit(modelVersion="42")
    cluster.run()
    cluster.start_one_pod(**waiting("ErrImagePull", "not found"))
    assert reasons(cluster.start_one_pod(**ended(1, "boom"))) == ["Crashing"]


def test_a_missing_source_is_told_once_and_so_is_its_return() -> None:
    cluster = serving_cluster()
    cluster.missing = without("model", "ModelMissing", "no folder digits/42")
    cluster.edit(modelVersion="42")
    expected = "no folder digits/42; revision 1 (image 1.4.1, model 41) keeps serving"
    assert told(cluster.run()) == [("Warning", "ModelMissing", expected)]
    cluster.wait(minutes=1)
    assert cluster.run().events == ()
    cluster.missing = {}
    assert reasons(cluster.run()) == ["GateStarted", "Recovered", "GatePassed", "ReleaseStarted"]


def test_a_lost_pod_and_its_return_are_told() -> None:
    cluster = serving_cluster()
    cluster.pods[-1]["status"] = ended(137, reason="OOMKilled")
    cluster.set_counts(replicas=2, updated=2, available=1)
    assert reasons(cluster.run()) == ["OOMKilled"]
    assert reasons(cluster.roll_out()) == ["Recovered"]


def test_more_replicas_are_no_event() -> None:
    cluster = serving_cluster()
    cluster.edit(serving={"replicas": 4})
    assert cluster.run().events == ()
    assert cluster.roll_out().events == ()


def test_going_back_is_a_release_too() -> None:
    cluster = serving_cluster()
    cluster.edit(modelVersion="42")
    cluster.run()
    cluster.roll_out()
    cluster.edit(modelVersion="41")
    assert told(cluster.run()) == [("Normal", "ReleaseStarted", "revision 1: image 1.4.1, model 42 -> 41")]
    assert reasons(cluster.roll_out()) == ["Released"]


class TestAGate:
    def test_that_fails_is_told_with_its_first_case_and_what_is_held(self) -> None:
        cluster = serving_cluster()
        cluster.gates["42"] = "Failed"
        cluster.edit(modelVersion="42")
        planned = cluster.run()
        assert reasons(planned) == ["GateStarted", "GateFailed", "Held"]
        failed = "revision 2 (image 1.4.1, model 42) failed its gate and gets no traffic: CaseFailed: 1 case: failed"
        assert told(planned)[1] == ("Warning", "GateFailed", failed)
        assert told(planned)[2][:2] == ("Warning", "Held")
        assert "aiapp.dev/unhold=42@<time>" in told(planned)[2][2]

    def test_of_both_halves_is_told_one_by_one_and_the_culprit_once(self) -> None:
        cluster = serving_cluster()
        cluster.gates["42"] = "Failed"
        cluster.edit(image=IMAGE_2, modelVersion="42")
        planned = cluster.run()
        assert reasons(planned).count("GateStarted") == 3
        assert reasons(planned).count("GateFailed") == 2
        assert reasons(planned).count("Held") == 1
        assert reasons(planned)[-1] == "ReleaseStarted"

    def test_that_comes_to_nothing_is_told_once_however_often_it_is_tried(self) -> None:
        cluster = serving_cluster()
        cluster.gates["42"] = "Inconclusive"
        cluster.edit(modelVersion="42")
        assert reasons(cluster.run()) == ["GateStarted", "CasesMissing"]
        for _ in range(3):
            cluster.wait(minutes=11)
            assert cluster.run().events == ()

    def test_is_no_news_of_a_release_that_passed_it_long_ago(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.roll_out()
        cluster.edit(modelVersion="41")
        assert reasons(cluster.run()) == ["ReleaseStarted"]

    def test_of_a_newer_release_is_told_while_another_goes_out(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.edit(modelVersion="43")
        assert reasons(cluster.run()) == ["GateStarted", "GatePassed"]

    def test_that_ends_while_the_app_is_suspended_gives_nothing_up(self) -> None:
        cluster = serving_cluster()
        cluster.gates["42"] = ""
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.edit(suspend=True)
        cluster.gates["42"] = "Passed"
        assert cluster.run().events == ()
        assert [entry["revision"] for entry in cluster.app["status"]["history"]] == [1]
        cluster.edit(suspend=None)
        assert reasons(cluster.run()) == ["ReleaseStarted"]


class TestTime:
    def test_a_window_that_is_waited_for_is_told_once(self) -> None:
        cluster = serving_cluster(release=NIGHTLY)
        cluster.edit(modelVersion="42")
        words = "revision 2 passed its gate and waits for its window at 2026-11-24T02:00:00Z"
        assert told(cluster.run())[-1] == ("Normal", "WaitingForWindow", words)
        cluster.wait(hours=1)
        assert cluster.run().events == ()

    def test_breaking_the_glass_is_on_record(self) -> None:
        cluster = serving_cluster(release=NIGHTLY)
        cluster.edit(modelVersion="42")
        cluster.run()
        assert reasons(asked(cluster, "release-now", "now")) == ["ReleasedNow", "ReleaseStarted"]
        assert cluster.run().events == ()

    def test_the_end_of_a_bake_is_told_once(self) -> None:
        cluster = serving_cluster(release=BAKE)
        cluster.wait(minutes=6)
        assert told(cluster.run()) == [("Normal", "Baked", "revision 1 is good: its bake ended well")]
        assert cluster.run().events == ()


class TestAWayBack:
    def test_is_told_with_the_cause_and_with_what_comes_back(self) -> None:
        cluster = serving_cluster(release=BAKE)
        cluster.wait(minutes=6)
        cluster.run()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.roll_out()
        crash(cluster)
        planned = cluster.run()
        assert reasons(planned) == ["RolledBack", "Held", "ReleaseStarted"]
        assert told(planned)[0][0] == "Warning"
        assert told(planned)[0][2].startswith(
            "revision 2 (image 1.4.1, model 42) was found bad and is undone: Crashing: "
        )
        assert told(planned)[2][2] == "revision 1: image 1.4.1, model 42 -> 41"
        assert cluster.run().events == ()

    def test_that_somebody_wants_is_no_warning(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.roll_out()
        planned = asked(cluster, "rollback-to", "1")
        assert reasons(planned) == ["Held", "ReleaseStarted"]
        assert {event.type for event in planned.events} == {"Normal"}

    def test_is_over_when_a_hold_is_ended(self) -> None:
        cluster = bad_bake()
        cluster.roll_out()
        cluster.gates["42"] = ""
        assert reasons(asked(cluster, "unhold", "42")) == ["Unheld", "GateStarted"]


@pytest.mark.parametrize("life", [serving_cluster, failed_gate, bad_bake])
def test_a_status_that_was_lost_tells_nothing_of_releases_again(life: Callable[[], AppCluster]) -> None:
    cluster = life()
    status = acknowledge({**cluster.app, "status": {}}, cluster.now)
    for lost in ({}, status):
        cluster.app["status"] = lost
        about = RELEASES & set(reasons(cluster.run()))
        assert about == set()
        assert "history" in cluster.app["status"]
