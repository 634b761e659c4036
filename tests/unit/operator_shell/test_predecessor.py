"""An AIApp that is made while the objects of a deleted one of its name are still there."""

import pytest

from aiapp_operator.kube import RESOURCES
from aiapp_operator.release import ledger
from unit.operator_shell.bench import KEY, Bench

STATUS = RESOURCES["AIApp"].path(*KEY, "status")


@pytest.fixture
async def settled() -> Bench:
    """An app that was reconciled until nothing was left to do."""
    bench = Bench()
    bench.app()
    for _ in range(3):
        await bench.run()
    return bench


async def test_the_children_of_a_deleted_app_of_the_same_name_are_waited_out(settled: Bench) -> None:
    fresh = {name: value for name, value in settled.api.of("AIApp").items() if name != "status"}
    settled.api.put({**fresh, "metadata": {**fresh["metadata"], "uid": "app-2"}})
    for kind in ("ServiceAccount", "PodDisruptionBudget", "Deployment", "Job", "Service"):
        delay = await settled.run(after=1)
        assert delay is not None
        assert delay <= 10
        assert {path for method, path in settled.api.writes if method != "POST"} <= {STATUS}
        assert settled.condition("UpToDate") == ("False", "NameConflict")
        assert "is still being deleted" in settled.message("UpToDate")
        assert settled.condition("SourcesResolved") == ("Unknown", "NameConflict")
        settled.view.gone(settled.api.remove(kind, "digits-gate-1-0" if kind == "Job" else "digits"))
    await settled.run(after=10)
    assert "ControllerRevision" in settled.message("UpToDate")
    (record,) = settled.api.all_of("ControllerRevision")
    settled.api.remove("ControllerRevision", record["metadata"]["name"])
    for _ in range(2):
        await settled.run(after=10)
    assert settled.condition("UpToDate") == ("False", "RollingOut")
    assert {child["metadata"]["ownerReferences"][0]["uid"] for child in settled.api.all_of("Deployment")} == {"app-2"}


async def test_a_record_of_another_controller_is_no_record_of_the_app(settled: Bench) -> None:
    (record,) = settled.api.all_of("ControllerRevision")
    record["metadata"]["ownerReferences"] = [{"kind": "Other", "name": "x", "uid": "other", "controller": True}]
    settled.api.put(record)
    observed, _ = await settled.observer.look(settled.api.of("AIApp"), settled.now)
    assert ledger.read(observed.app, observed.children, observed.revisions).releases == ()
