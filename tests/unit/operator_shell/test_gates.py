"""Gates with the real plan on a cluster in memory: one Job each, whoever runs, and what comes of its end."""

from aiapp_operator.kube import RESOURCES
from unit.operator_shell.bench import KEY, Bench
from unit.operator_shell.memory_gates import let_gates_end

GATE = "digits-gate-1-0"
JOBS = RESOURCES["Job"].path(KEY.namespace)


async def test_a_gate_that_is_under_way_costs_no_write_and_no_second_job() -> None:
    bench = Bench()
    bench.gates = ""
    bench.app()
    await bench.run()
    for _ in range(2):
        await bench.run(after=1)
        assert bench.api.writes == []
    assert len(bench.api.all_of("Job")) == 1


async def test_a_new_operator_goes_on_with_the_gate_that_is_under_way() -> None:
    bench = Bench()
    bench.gates = ""
    bench.app()
    await bench.run()
    restarted = Bench()
    restarted.api.objects = bench.api.objects
    restarted.gates = ""
    await restarted.run()
    assert ("POST", JOBS) not in restarted.api.writes
    restarted.gates = "Passed"
    await restarted.run()
    assert restarted.api.has("Deployment")


async def test_a_new_operator_that_knows_a_job_before_its_pod_does_not_try_the_gate_again() -> None:
    bench = Bench()
    bench.gates = ""
    bench.app()
    await bench.run()
    let_gates_end(bench.api, bench.view, bench.now)
    bench.api.put({**bench.api.of("Job", GATE), "status": {"conditions": [{"type": "Complete", "status": "True"}]}})
    restarted = Bench()
    restarted.api.objects = bench.api.objects
    for known in (bench.api.of("AIApp"), bench.api.of("Job", GATE)):
        restarted.view.record(known)
    await restarted.reconciler.reconcile(KEY)
    assert [job["metadata"]["name"] for job in restarted.api.all_of("Job")] == [GATE]
    assert restarted.condition("GatePassed") == ("True", "Passed")
    assert restarted.api.has("Deployment")


async def test_a_gate_that_fails_leaves_no_deployment_and_is_held() -> None:
    bench = Bench()
    bench.gates = "Failed"
    bench.app()
    for _ in range(3):
        await bench.run()
    assert not bench.api.has("Deployment")
    assert bench.condition("UpToDate")[0] == "False"
    assert bench.condition("GatePassed") == ("False", "CaseFailed")
    assert [hold["stream"] for hold in bench.api.of("AIApp")["status"]["holds"]] == ["Pair"]


async def test_a_job_that_is_refused_is_told_and_asked_for_again_when_it_is_due() -> None:
    bench = Bench()
    bench.app()
    bench.api.refuses["POST", JOBS] = (403, "exceeded quota: small")
    assert await bench.run() == 60
    assert bench.condition("UpToDate") == ("False", "QuotaExceeded")
    assert "Job digits-gate-1-0 is refused: exceeded quota: small" in bench.message("UpToDate")
    await bench.run(after=10)
    assert ("POST", JOBS) not in bench.api.requests
    bench.api.refuses.clear()
    await bench.run(after=51)
    assert len(bench.api.all_of("Job")) == 1
