"""The main flow with the real plan on a cluster in memory: what is asked, what is written, and what is left alone."""

import pytest

from aiapp_operator.errors import ConflictError, TransientError
from aiapp_operator.kube import RESOURCES
from unit.operator_shell.bench import KEY, LIST_RECORDS, NO_BAKE, Bench, waiting

JOBS = RESOURCES["Job"].path(KEY.namespace)
DEPLOYMENT = RESOURCES["Deployment"].path(*KEY)
STATUS = RESOURCES["AIApp"].path(*KEY, "status")


@pytest.fixture
async def settled() -> Bench:
    """An app that was reconciled until nothing was left to do."""
    bench = Bench()
    bench.app()
    for _ in range(3):
        await bench.run()
    return bench


async def test_a_new_app_gets_a_record_then_a_gate_then_its_deployment() -> None:
    bench = Bench()
    bench.app()
    await bench.run()
    created = [path.split("/")[-2] for method, path in bench.api.requests if method == "PATCH"]
    assert sorted(created) == ["controllerrevisions", "poddisruptionbudgets", "serviceaccounts", "services"]
    record = ("PATCH", RESOURCES["ControllerRevision"].path(KEY.namespace, bench.record["metadata"]["name"]))
    assert bench.api.writes.index(record) < bench.api.writes.index(("POST", JOBS))
    assert bench.condition("UpToDate") == ("False", "Gating")
    await bench.run()
    assert bench.api.writes.index(record) < bench.api.writes.index(("PATCH", DEPLOYMENT))
    assert ("POST", JOBS) not in bench.api.writes
    assert bench.condition("UpToDate") == ("False", "RollingOut")


async def test_the_new_generation_is_acknowledged_before_a_source_is_asked() -> None:
    bench = Bench()
    bench.app()
    await bench.run()
    writes = bench.api.writes
    assert writes.index(("PUT", STATUS)) < writes.index(("ASK", "registry"))


async def test_an_app_that_is_as_it_should_be_costs_one_list_and_no_write(settled: Bench) -> None:
    await settled.run()
    assert settled.api.requests == [LIST_RECORDS]


async def test_an_edited_child_is_put_right(settled: Bench) -> None:
    deployment = settled.api.of("Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "edited"
    settled.api.put(deployment)
    await settled.run()
    assert settled.api.writes == [("PATCH", DEPLOYMENT)]
    await settled.run()
    assert settled.api.writes == []


async def test_a_deleted_child_is_made_again(settled: Bench) -> None:
    settled.view.gone(settled.api.remove("Service"))
    await settled.run()
    assert settled.api.has("Service")


async def test_a_child_that_lost_our_labels_is_labelled_again(settled: Bench) -> None:
    service = settled.api.of("Service")
    labels = dict(service["metadata"]["labels"])
    service["metadata"]["labels"] = {}
    settled.api.put(service)
    settled.view.gone(service)
    await settled.run()
    assert settled.api.of("Service")["metadata"]["labels"] == labels


async def test_a_webhook_that_changes_what_is_applied_makes_no_loop() -> None:
    bench = Bench()
    bench.api.mutate = {"spec": {"replicas": 3}}
    bench.app()
    for _ in range(3):
        await bench.run()
    assert bench.api.writes == []


async def test_a_source_that_waits_is_asked_again_when_it_is_due_and_not_by_events() -> None:
    bench = Bench()
    bench.app()
    bench.sources.problem = waiting()
    delay = await bench.run()
    assert delay == 60
    await bench.run(after=30)
    assert bench.sources.asked == ["image"]
    await bench.run(after=31)
    assert bench.sources.asked == ["image", "image"]
    assert bench.condition("UpToDate") == ("False", "ImageNotFound")


async def test_the_delay_climbs_to_ten_minutes() -> None:
    bench = Bench()
    bench.app()
    bench.sources.problem = waiting()
    delays = [await bench.run()]
    for _ in range(5):
        assert delays[-1]
        delays.append(await bench.run(after=delays[-1]))
    assert delays[0] == 60
    assert delays[-1] == 600


async def test_an_edit_asks_at_once() -> None:
    bench = Bench()
    bench.app()
    bench.sources.problem = waiting()
    await bench.run()
    bench.sources.problem = None
    bench.app(image="contoso.azurecr.io/digits:2")
    await bench.run(after=1)
    assert bench.sources.asked == ["image", "image"]
    assert len(bench.api.all_of("Job")) == 1


async def test_a_refused_child_is_told_and_not_tried_in_every_run() -> None:
    bench = Bench()
    bench.app()
    await bench.run()
    bench.api.refuses[("PATCH", DEPLOYMENT)] = (403, "exceeded quota: compute")
    delay = await bench.run()
    assert delay == 60
    assert bench.condition("UpToDate") == ("False", "QuotaExceeded")
    assert "exceeded quota: compute" in bench.message("UpToDate")
    await bench.run(after=10)
    assert ("PATCH", DEPLOYMENT) not in bench.api.requests
    assert bench.condition("UpToDate") == ("False", "QuotaExceeded")
    bench.api.refuses.clear()
    await bench.run(after=51)
    assert bench.api.has("Deployment")


async def test_no_deployment_runs_a_release_that_has_no_record() -> None:
    bench = Bench()
    bench.app()
    await bench.run()
    path = RESOURCES["ControllerRevision"].path(KEY.namespace, bench.record["metadata"]["name"])
    fresh = Bench()
    fresh.app()
    fresh.api.refuses[("PATCH", path)] = (403, "not allowed")
    await fresh.run()
    assert fresh.api.all_of("Job") == []
    assert not fresh.api.has("Deployment")
    assert fresh.condition("UpToDate") == ("False", "Refused")


async def test_a_record_whose_annotations_are_refused_holds_up_nothing_else(settled: Bench) -> None:
    path = RESOURCES["ControllerRevision"].path(KEY.namespace, settled.record["metadata"]["name"])
    settled.api.refuses[("PATCH", path)] = (403, "not allowed")
    deployment = settled.api.of("Deployment")
    counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 2)
    deployment["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "edited"
    settled.api.put({**deployment, "status": {**counts, "observedGeneration": 9}})
    await settled.run()
    assert settled.condition("UpToDate") == ("False", "Refused")
    assert ("PATCH", DEPLOYMENT) in settled.api.writes


async def test_an_api_server_that_is_away_is_told_and_tried_again_with_back_off() -> None:
    bench = Bench()
    bench.app()
    await bench.run()
    bench.api.refuses[("PATCH", DEPLOYMENT)] = (503, "etcd is away")
    with pytest.raises(TransientError, match="etcd is away"):
        await bench.run()
    assert bench.condition("UpToDate") == ("False", "ApiUnavailable")
    bench.api.refuses.clear()
    await bench.run(after=1)
    assert bench.api.has("Deployment")


async def test_status_is_written_only_over_what_it_was_computed_from(settled: Bench) -> None:
    settled.app(suspend=True)
    settled.api.show(settled.view)
    settled.api.requests.clear()
    settled.api.put(settled.api.of("AIApp"))  # somebody writes between look and write
    with pytest.raises(ConflictError):
        await settled.reconciler.reconcile(KEY)


async def test_an_app_that_is_gone_or_going_is_left_alone(settled: Bench) -> None:
    app = settled.api.of("AIApp")
    settled.api.put({**app, "metadata": {**app["metadata"], "deletionTimestamp": "2026-11-23T12:00:00Z"}})
    settled.view.gone(settled.api.remove("Service"))
    assert await settled.run() is None
    assert settled.api.requests == []
    settled.view.gone(settled.api.remove("AIApp"))
    assert await settled.run() is None
    assert settled.api.requests == []


async def test_an_app_deleted_during_its_run_is_no_failure(settled: Bench) -> None:
    settled.app(suspend=True)
    settled.api.show(settled.view)
    settled.api.remove("AIApp")
    await settled.reconciler.reconcile(KEY)
    assert not settled.api.has("AIApp")


@pytest.mark.parametrize("labels", [{}, {"app.kubernetes.io/managed-by": "aiapp-operator"}])
async def test_a_name_that_somebody_else_has_is_a_conflict_and_never_taken(labels: dict[str, str]) -> None:
    bench = Bench()
    theirs = {"apiVersion": "v1", "kind": "Service", "spec": {"selector": {"app": "theirs"}}}
    metadata = {"namespace": KEY.namespace, "name": KEY.name, "labels": labels}
    bench.api.put({**theirs, "metadata": metadata})
    bench.app()
    await bench.run()
    assert bench.api.of("Service")["spec"] == {"selector": {"app": "theirs"}}
    assert "ownerReferences" not in bench.api.of("Service")["metadata"]
    assert bench.condition("UpToDate") == ("False", "NameConflict")


async def test_a_child_of_another_controller_is_never_taken_though_it_has_our_labels(settled: Bench) -> None:
    service = settled.api.of("Service")
    owner = {"apiVersion": "v1", "kind": "Other", "name": "x", "uid": "other", "controller": True}
    service["metadata"]["ownerReferences"] = [owner]
    settled.api.put(service)
    await settled.run()
    assert settled.api.of("Service")["metadata"]["ownerReferences"] == [owner]
    assert settled.condition("UpToDate") == ("False", "NameConflict")


async def test_a_child_with_our_labels_and_no_controller_is_adopted(settled: Bench) -> None:
    service = settled.api.of("Service")
    owners = service["metadata"].pop("ownerReferences")
    settled.api.put(service)
    await settled.run()
    assert settled.api.of("Service")["metadata"]["ownerReferences"] == owners


async def test_events_are_posted_once_though_the_run_is_repeated() -> None:
    bench = Bench()
    bench.app()
    bench.api.refuses[("PUT", STATUS)] = (503, "away")
    bench.sources.problem = waiting()
    for _ in range(2):
        with pytest.raises(TransientError):
            await bench.run()
    bench.api.refuses.clear()
    await bench.run()
    reasons = [event["reason"] for event in bench.api.all_of("Event")]
    assert reasons.count("ImageNotFound") == 1


async def test_an_event_that_cannot_be_posted_stops_nothing() -> None:
    bench = Bench()
    bench.app()
    bench.api.refuses[("POST", "/api/v1/namespaces/vision/events")] = (403, "no Events")
    bench.sources.problem = waiting()
    await bench.run()
    assert bench.condition("UpToDate") == ("False", "ImageNotFound")


async def test_records_beyond_the_limit_are_deleted() -> None:
    bench = Bench()
    for number in range(4):
        bench.app(
            release={**NO_BAKE, "revisionHistoryLimit": 1}, serving={"env": [{"name": "N", "value": str(number)}]}
        )
        for _ in range(2):
            await bench.run(after=60)
        deployment = bench.api.of("Deployment")
        counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 2)
        bench.api.put({**deployment, "status": {**counts, "observedGeneration": 9}})
        await bench.run()
    await bench.run()
    assert len(bench.api.all_of("ControllerRevision")) == 2  # the active one and one past
