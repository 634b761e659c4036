"""When a rollout is complete, what is kept of it, and how an older release comes back."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from aiapp_operator.plan import after_refusals, plan
from aiapp_operator.release.ledger import Ledger, read
from aiapp_operator.release.releases import Questions
from aiapp_operator.state import Manifest, ObjectId, Problem, Severity
from stand_ins.app_cluster import SETTINGS, AppCluster, serving_cluster, without
from stand_ins.pod_status import ended, waiting

NEITHER = Questions(ask_image=False, ask_model=False)


def ledger(cluster: AppCluster) -> Ledger:
    return read(cluster.app, cluster.children, cluster.ordered_revisions)


def numbers(cluster: AppCluster) -> list[int]:
    return [release.number for release in ledger(cluster).releases]


class TestGoingBack:
    def test_an_older_version_is_its_own_revision_again_byte_for_byte(self) -> None:
        cluster = serving_cluster()
        first = cluster.deployment["spec"]["template"]
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.roll_out()
        cluster.edit(modelVersion="41")
        cluster.run()
        assert numbers(cluster) == [1, 2]
        assert cluster.deployment["spec"]["template"] == first
        cluster.roll_out()
        assert cluster.app["status"]["active"]["revision"] == 1
        assert cluster.conditions["UpToDate"]["status"] == "True"

    def test_a_release_right_after_another_is_still_the_later_one(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.now = cluster.now.replace(year=2020)  # the clock was put back
        cluster.roll_out()
        active = ledger(cluster).active
        assert active is not None
        assert active.number == 2


class TestWhenARolloutIsComplete:
    @pytest.mark.parametrize(
        "spoil",
        [
            pytest.param(lambda status: status.update(observedGeneration=0), id="the status is of an older spec"),
            pytest.param(lambda status: status.update(updatedReplicas=1), id="a pod is missing"),
            pytest.param(lambda status: status.update(availableReplicas=1), id="a pod is not available"),
            pytest.param(lambda status: status.update(replicas=3), id="an old pod is left"),
            pytest.param(lambda status: status.clear(), id="nothing was reported yet"),
        ],
    )
    def test_it_is_not_while(self, spoil: Callable[[Manifest], None]) -> None:
        cluster = AppCluster()
        cluster.run()
        cluster.set_counts(replicas=2, updated=2, available=2)
        spoil(cluster.deployment["status"])
        cluster.run()
        assert "active" not in cluster.app["status"]

    def test_it_is_not_while_the_deployment_still_has_the_old_template(self) -> None:
        cluster = AppCluster()
        cluster.run()
        cluster.deployment["spec"]["template"]["metadata"]["labels"]["aiapp.dev/revision"] = "0"
        cluster.set_counts(replicas=2, updated=2, available=2)
        cluster.run()
        assert "active" not in cluster.app["status"]

    def test_it_is_noted_once(self) -> None:
        cluster = serving_cluster()
        released = cluster.app["status"]["active"]["releasedTime"]
        cluster.wait(hours=1)
        planned = cluster.run()
        assert cluster.app["status"]["active"]["releasedTime"] == released
        assert "ControllerRevision" not in [manifest["kind"] for manifest in planned.apply]

    def test_its_time_is_the_deployments_own_and_so_the_same_in_every_run(self) -> None:
        cluster = AppCluster()
        cluster.run()
        cluster.let_pods_start()
        done = {"type": "Progressing", "reason": "NewReplicaSetAvailable", "lastUpdateTime": "2026-11-23T12:00:07Z"}
        cluster.deployment["status"]["conditions"] = [done]
        cluster.wait(minutes=5)
        cluster.run()
        assert cluster.app["status"]["active"]["releasedTime"] == "2026-11-23T12:00:07Z"

    def test_it_is_told_once_and_only_when_it_is_on_record(self) -> None:
        cluster = AppCluster()
        cluster.run()
        cluster.let_pods_start()
        (name,) = cluster.revisions
        refusals = [(ObjectId("ControllerRevision", name), Problem(Severity.WAITING, "Refused", "denied"))]
        statuses = []
        for _ in range(2):
            before = cluster.observed
            refused = after_refusals(plan(before, cluster.settings, cluster.now), before, refusals, cluster.now)
            assert "Released" not in [event.reason for event in refused.events]
            cluster.app["status"] = refused.status
            statuses.append(refused.status)
            cluster.wait()
        assert statuses[0] == statuses[1]
        assert "active" not in cluster.app["status"]
        assert [event.reason for event in cluster.run().events] == ["Released"]
        assert cluster.run().events == ()


class TestAnAdministratorsRepair:
    def test_reaches_a_release_that_never_served_as_one_more_revision(self) -> None:
        cluster = AppCluster(gates={"41": "Inconclusive"})
        cluster.run()
        cluster.gates.clear()
        cluster.settings = replace(SETTINGS, fetch_image="contoso.azurecr.io/aiapp-serving:repaired")
        cluster.run()
        assert cluster.running == "2"
        (fetch,) = cluster.deployment["spec"]["template"]["spec"]["initContainers"]
        assert fetch["image"] == "contoso.azurecr.io/aiapp-serving:repaired"
        first, second = cluster.ordered_revisions
        assert second["metadata"]["name"].startswith(f"{first['metadata']['name']}-")
        assert second["data"]["inputs"] == first["data"]["inputs"]
        cluster.run()
        assert numbers(cluster) == [1, 2]

    def test_taken_back_brings_back_the_first(self) -> None:
        cluster = AppCluster(gates={"41": ""})
        cluster.run()
        cluster.settings = replace(SETTINGS, trust_config_map="aiapp-trust")
        cluster.run()
        assert numbers(cluster) == [1, 2]
        cluster.settings, cluster.gates = SETTINGS, {}
        cluster.run()
        assert cluster.running == "1"

    def test_never_brings_one_revision_after_another_whatever_the_api_server_keeps_of_it(self) -> None:
        cluster = AppCluster(gates={"41": ""})
        for _ in range(4):
            cluster.run()
            for revision in cluster.revisions.values():
                revision["data"]["template"]["spec"].pop("enableServiceLinks", None)
        assert numbers(cluster) == [1, 2]

    def test_leaves_a_release_that_served_as_it_is(self) -> None:
        cluster = serving_cluster()
        cluster.settings = replace(SETTINGS, fetch_image="contoso.azurecr.io/aiapp-serving:repaired")
        cluster.pods[0]["status"] = waiting("ErrImagePull", "not found", container="fetch")
        cluster.run()
        assert cluster.running == "1"

    def test_is_none_while_another_tag_of_the_same_image_is_rolled_out(self) -> None:
        cluster = AppCluster()
        cluster.run()
        cluster.contents["contoso.azurecr.io/digits:1.4.2"] = cluster.app["spec"]["image"]
        cluster.edit(image="contoso.azurecr.io/digits:1.4.2")
        cluster.run()
        assert cluster.running == "1"


class TestWhatIsKept:
    def test_history_beyond_the_limit_goes_oldest_first(self) -> None:
        cluster = serving_cluster(release={"revisionHistoryLimit": 2})
        for version in ("42", "43", "44", "45"):
            cluster.edit(modelVersion=version)
            cluster.run()
            cluster.roll_out()
        assert numbers(cluster) == [3, 4, 5]

    def test_the_release_that_serves_is_kept_whatever_fails_after_it(self) -> None:
        cluster = serving_cluster(release={"revisionHistoryLimit": 1})
        for version in ("42", "43", "44"):
            cluster.edit(modelVersion=version)
            cluster.run()
            cluster.start_one_pod(**ended(1, "boom"))
        assert numbers(cluster) == [1, 3, 4]

    def test_lost_status_is_rebuilt_without_a_release(self) -> None:
        cluster = serving_cluster()
        before = cluster.app.pop("status")
        planned = cluster.run()
        assert cluster.asked == NEITHER
        assert {k: v for k, v in cluster.app["status"].items() if k not in ("conditions", "latest")} == {
            k: v for k, v in before.items() if k not in ("conditions", "latest")
        }
        assert [event.reason for event in planned.events] == []

    def test_a_deleted_deployment_comes_back_with_the_same_release(self) -> None:
        cluster = serving_cluster()
        template = cluster.deployment["spec"]["template"]
        del cluster.children[ObjectId("Deployment", "digits")]
        cluster.pods = []
        cluster.run()
        assert cluster.asked == NEITHER
        assert cluster.running == "1"
        assert cluster.deployment["spec"]["template"] == template

    def test_a_deployment_whose_record_is_gone_stays_while_its_sources_are_away(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.roll_out()
        (gone,) = [name for name, revision in cluster.revisions.items() if revision["revision"] == 2]
        del cluster.revisions[gone]
        cluster.missing = without("model", "StoreUnreachable")
        planned = cluster.run()
        assert "Deployment" not in [manifest["kind"] for manifest in planned.apply]
        assert cluster.running == "2"
        assert "Released" not in [event.reason for event in planned.events]
        cluster.missing = {}
        cluster.run()
        assert cluster.running == "3"

    def test_records_without_an_owner_are_adopted(self) -> None:
        cluster = serving_cluster()
        (revision,) = cluster.revisions.values()
        del revision["metadata"]["ownerReferences"]
        cluster.run()
        (revision,) = cluster.revisions.values()
        assert revision["metadata"]["ownerReferences"][0]["uid"] == cluster.app["metadata"]["uid"]

    @pytest.mark.parametrize(
        "data",
        [
            None,
            [],
            {},
            {"inputs": {}, "template": {}},
            {"inputs": [], "template": {}},
            {"inputs": {"image": {"ref": "digits", "digest": "sha256:1"}, "config": {}}, "template": {}},
            {"inputs": {"image": {"ref": "c.io/digits:1", "digest": "sha256:1"}, "config": []}, "template": {}},
            {"inputs": {"image": {"ref": "c.io/digits:1", "digest": "sha256:1"}, "config": {}}, "template": "x"},
            {"inputs": {"image": {"ref": 1, "digest": 1}, "config": {}, "model": {"version": "1"}}, "template": {}},
        ],
        ids=repr,
    )
    def test_a_record_that_no_operator_made_is_not_there(self, data: Any) -> None:
        cluster = serving_cluster()
        (revision,) = cluster.revisions.values()
        cluster.revisions["by-hand"] = {**revision, "metadata": {**revision["metadata"], "name": "by-hand"}}
        cluster.revisions["by-hand"]["revision"] = 7
        cluster.revisions["by-hand"]["data"] = data
        cluster.run()
        assert numbers(cluster) == [1]

    def test_annotations_that_cannot_be_read_are_written_again(self) -> None:
        cluster = serving_cluster()
        (revision,) = cluster.revisions.values()
        for time in ("soon", "2026-11-23T12:00:00"):
            revision["metadata"]["annotations"] |= {"aiapp.dev/released-time": time, "aiapp.dev/image": "digits"}
            cluster.run()
            (revision,) = cluster.revisions.values()
            assert revision["metadata"]["annotations"]["aiapp.dev/image"] == cluster.app["spec"]["image"]
            assert revision["metadata"]["annotations"]["aiapp.dev/released-time"].endswith("Z")
        assert numbers(cluster) == [1]

    def test_records_of_another_app_are_not_ours(self) -> None:
        cluster = serving_cluster()
        (revision,) = cluster.revisions.values()
        revision["metadata"]["ownerReferences"][0]["uid"] = "somebody-else"
        assert ledger(cluster).releases == ()
