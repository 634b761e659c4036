"""What is made once and never changed, such as the Job of a gate: created, found again, refused, deleted."""

import pytest

from aiapp_operator.act import Actor
from aiapp_operator.kube import RESOURCES
from aiapp_operator.patience import Patience
from aiapp_operator.state import Manifest, ObjectId, Observed, Plan, Problem, Severity
from aiapp_operator.view import View
from unit.operator_shell.bench import KEY, Bench

JOB = ObjectId("Job", "digits-gate-1-0")
JOBS = RESOURCES["Job"].path(KEY.namespace)
RECORD = RESOURCES["ControllerRevision"].path(KEY.namespace, "digits-1")


def job(owner: str = "app-1") -> Manifest:
    owners = [{"apiVersion": "aiapp.dev/v1alpha1", "kind": "AIApp", "name": "digits", "uid": owner, "controller": True}]
    labels = {"app.kubernetes.io/instance": KEY.name, "app.kubernetes.io/managed-by": "aiapp-operator"}
    metadata = {"namespace": KEY.namespace, "name": JOB.name, "labels": labels, "ownerReferences": owners}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"backoffLimit": 0}}


def record() -> Manifest:
    metadata = {"namespace": KEY.namespace, "name": "digits-1"}
    return {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": metadata, "revision": 1}


def deployment(revision: str) -> Manifest:
    labels, annotations = {"app.kubernetes.io/instance": KEY.name}, {"aiapp.dev/revision": revision}
    metadata = {"namespace": KEY.namespace, "name": KEY.name, "labels": labels, "annotations": annotations}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"replicas": 2}}


def service() -> Manifest:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": KEY.namespace, "name": KEY.name}}


class Acting:
    """One actor; `act` carries a plan out on what the view shows."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.api, self.view, self.patience = self.bench.api, self.bench.view, Patience()
        self.actor = Actor(self.view, self.api, self.patience)
        self.app = self.bench.app()

    async def act(self, plan: Plan, revisions: tuple[Manifest, ...] = ()) -> list[tuple[ObjectId, Problem]]:
        self.api.requests.clear()
        observed = Observed(self.app, self.view.children(KEY), (), revisions)
        return (await self.actor.carry_out(plan, observed, self.bench.now)).refusals


async def test_a_job_is_created_once_though_no_watch_has_shown_it_yet() -> None:
    acting = Acting()
    assert await acting.act(Plan(create=(job(),))) == []
    assert acting.view.children(KEY)[JOB]["metadata"]["uid"] == acting.api.of("Job", JOB.name)["metadata"]["uid"]
    assert acting.api.writes == [("POST", JOBS)]
    assert "annotations" not in acting.api.of("Job", JOB.name)["metadata"]


async def test_a_job_that_a_run_before_created_is_well_and_known_from_then_on() -> None:
    acting = Acting()
    await acting.act(Plan(create=(job(),)))
    acting.view = View()
    acting.actor = Actor(acting.view, acting.api, acting.patience)
    assert await acting.act(Plan(create=(job(),))) == []
    assert JOB in acting.view.children(KEY)
    assert len(acting.api.all_of("Job")) == 1


async def test_a_job_of_somebody_else_is_named_and_never_taken_for_our_own() -> None:
    acting = Acting()
    acting.api.put(job(owner="another-app"))
    ((child, problem),) = await acting.act(Plan(create=(job(),)))
    assert (child, problem.severity, problem.reason) == (JOB, Severity.WAITING, "NameConflict")
    assert problem.message == f"Job {JOB.name} exists and belongs to somebody else: delete it"
    assert JOB not in acting.view.children(KEY)


async def test_a_conflict_that_leaves_no_job_behind_is_tried_again_soon() -> None:
    acting = Acting()
    acting.api.refuses["POST", JOBS] = (409, 'Operation cannot be fulfilled on resourcequotas "small"')
    ((_, problem),) = await acting.act(Plan(create=(job(),)))
    assert problem.severity is Severity.TRANSIENT
    acting.api.refuses.clear()
    assert await acting.act(Plan(create=(job(),))) == []
    assert acting.api.has("Job", JOB.name)


async def test_a_job_that_is_refused_is_not_asked_for_in_every_run() -> None:
    acting = Acting()
    acting.api.refuses["POST", JOBS] = (403, "exceeded quota: small, requested: count/jobs.batch=1")
    first = await acting.act(Plan(create=(job(),)))
    assert [(child, problem.reason) for child, problem in first] == [(JOB, "QuotaExceeded")]
    assert await acting.act(Plan(create=(job(),))) == first
    assert acting.api.writes == []
    await acting.act(Plan(create=({**job(), "spec": {"backoffLimit": 0, "suspend": False}},)))
    assert acting.api.writes == [("POST", JOBS)]


async def test_a_release_that_is_not_on_record_gets_no_gate() -> None:
    acting = Acting()
    acting.api.refuses["PATCH", RECORD] = (403, "no more records")
    refusals = await acting.act(Plan(apply=(record(), service()), create=(job(),)))
    assert [child.kind for child, _ in refusals] == ["ControllerRevision"]
    assert acting.api.writes == [("PATCH", RECORD), ("PATCH", RESOURCES["Service"].path(*KEY))]


@pytest.mark.parametrize(("revision", "written"), [("1", ["PATCH"]), ("2", [])])
async def test_what_could_not_be_put_on_record_is_not_acted_on_and_repair_goes_on(
    revision: str, written: list[str]
) -> None:
    acting = Acting()
    acting.api.put(record())
    acting.api.put({**job(), "metadata": {**job()["metadata"], "name": "digits-gate-1-1"}})
    acting.api.put(deployment("1"))
    acting.api.show(acting.view)
    acting.api.refuses["PATCH", RECORD] = (500, "etcd is away")
    noted, edited = record(), deployment(revision)
    noted["metadata"]["annotations"] = {"aiapp.dev/undone-time": "2026-11-23T12:00:00Z"}
    edited["spec"] = {"replicas": 3}
    plan = Plan(apply=(noted, edited), create=(job(),), delete=(ObjectId("Job", "digits-gate-1-1"),))
    refusals = await acting.act(plan, revisions=(acting.api.of("ControllerRevision", "digits-1"),))
    assert [child.kind for child, _ in refusals] == ["ControllerRevision"]
    rest = [method for method, path in acting.api.writes if path != RECORD]
    assert rest == written


async def test_records_come_first_and_what_goes_goes_last() -> None:
    acting = Acting()
    old = {**job(), "metadata": {**job()["metadata"], "name": "digits-gate-1-1"}}
    acting.api.put(old)
    acting.api.show(acting.view)
    await acting.act(Plan(apply=(record(), service()), create=(job(),), delete=(ObjectId("Job", "digits-gate-1-1"),)))
    assert [(method, path.split("/")[-1]) for method, path in acting.api.writes] == [
        ("PATCH", "digits-1"),
        ("PATCH", "digits"),
        ("POST", "jobs"),
        ("DELETE", "digits-gate-1-1"),
    ]
    assert set(acting.view.children(KEY)) == {JOB}
