"""Events tell what happened, from what to what, and tell it once."""

from aiapp_operator.state import Plan
from stand_ins.app_cluster import AppCluster, serving_cluster, without
from stand_ins.pod_status import ended, waiting

IMAGE_2 = "contoso.azurecr.io/digits:1.4.2"


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
