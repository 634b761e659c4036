"""UpToDate, the condition that a bump waits for: every row of its table."""

from typing import Any

import pytest

from aiapp_operator.plan import after_refusals
from aiapp_operator.release.releases import Questions
from aiapp_operator.state import Manifest, ObjectId, Problem, Severity
from stand_ins.app_cluster import AppCluster, a_pod, serving_cluster, without
from stand_ins.pod_status import ended, running, unschedulable, waiting

STUCK: Manifest = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}


def shown(cluster: AppCluster, kind: str) -> tuple[str, str]:
    condition = cluster.conditions[kind]
    return condition["status"], condition["reason"]


class TestUpToDate:
    def test_is_true_when_the_release_that_the_spec_asks_for_serves_alone(self) -> None:
        assert shown(serving_cluster(), "UpToDate") == ("True", "UpToDate")

    def test_is_false_while_a_bump_rolls_out_and_says_what_serves_meanwhile(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        assert shown(cluster, "UpToDate") == ("False", "RollingOut")
        message = cluster.conditions["UpToDate"]["message"]
        assert message.startswith("revision 2 (image 1.4.1, model 42) is being rolled out: 0 of 2 pods are ready")
        assert message.endswith("; revision 1 (image 1.4.1, model 41) keeps serving")

    def test_is_true_again_once_the_bump_has_rolled_out(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.roll_out()
        assert shown(cluster, "UpToDate") == ("True", "UpToDate")
        assert cluster.conditions["UpToDate"]["observedGeneration"] == 2

    def test_is_false_while_pods_of_another_release_still_serve(self) -> None:
        cluster = serving_cluster()
        old_pod = cluster.pods[0]
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.roll_out()
        cluster.pods.append(old_pod)
        cluster.set_counts(replicas=3, updated=2, available=3)
        cluster.run()
        assert shown(cluster, "UpToDate") == ("False", "RollingOut")

    @pytest.mark.parametrize(
        ("ready", "expected"),
        [
            pytest.param(True, ("False", "RollingOut"), id="that still answers on its connections"),
            pytest.param(False, ("True", "UpToDate"), id="on a node that was lost"),
        ],
    )
    def test_with_an_ending_pod_of_the_release_before(self, ready: bool, expected: tuple[str, str]) -> None:
        cluster = serving_cluster()
        ending = a_pod("1", 1, ready=ready)
        ending["metadata"]["deletionTimestamp"] = "2026-11-23T12:00:00Z"
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.roll_out()
        cluster.pods.append(ending)
        cluster.run()
        assert shown(cluster, "UpToDate") == expected
        assert shown(cluster, "Ready")[0] == "True"

    def test_is_false_while_the_deployment_has_not_seen_that_it_goes_back(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.start_one_pod()
        cluster.edit(modelVersion="41")
        cluster.run()
        cluster.run()
        assert shown(cluster, "UpToDate") == ("False", "RollingOut")

    def test_stays_true_when_only_the_number_of_pods_changes(self) -> None:
        cluster = serving_cluster()
        cluster.edit(serving={"replicas": 4})
        cluster.run()
        assert shown(cluster, "UpToDate") == ("True", "UpToDate")
        cluster.run()
        assert shown(cluster, "UpToDate") == ("True", "UpToDate")

    def test_does_not_wait_for_a_pod_that_somebody_set_aside(self) -> None:
        cluster = serving_cluster()
        aside = cluster.pods[0]
        del aside["metadata"]["labels"]["aiapp.dev/role"], aside["metadata"]["ownerReferences"]
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.let_pods_start()
        cluster.pods.append(aside)
        cluster.run()
        assert shown(cluster, "UpToDate") == ("True", "UpToDate")

    def test_does_not_wait_for_a_pod_whose_revision_somebody_edited(self) -> None:
        cluster = serving_cluster()
        cluster.pods[0]["metadata"]["labels"]["aiapp.dev/revision"] = "0"
        cluster.run()
        assert shown(cluster, "UpToDate") == ("True", "UpToDate")

    def test_says_while_the_model_is_fetched_that_it_is_as_long_as_its_size_explains(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.let_one_pod_start(**running(container="fetch"))
        cluster.deployment["status"]["conditions"] = [STUCK]
        cluster.wait(minutes=9)
        cluster.run()
        assert shown(cluster, "UpToDate") == ("False", "RollingOut")
        assert "0 of 2 pods are ready, 1 fetching the model" in cluster.conditions["UpToDate"]["message"]
        assert cluster.asked == Questions(ask_image=False, ask_model=False)

    def test_an_app_that_started_late_has_its_whole_deadline(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.wait(hours=3)
        cluster.let_one_pod_start(**running(cluster.now.isoformat()))
        cluster.deployment["status"]["conditions"] = [STUCK]
        cluster.run()
        assert shown(cluster, "UpToDate") == ("False", "RollingOut")

    @pytest.mark.parametrize(
        ("status", "reason", "words"),
        [
            pytest.param(
                ended(1, "ModelCorrupt: digits/42/model.npz: got sha256:cd", container="fetch"),
                "ModelCorrupt",
                "does not start: pod digits-2-0, container fetch: digits/42/model.npz: got sha256:cd",
                id="fetch finds a corrupt file",
            ),
            pytest.param(
                waiting("ImagePullBackOff", 'Back-off pulling image "x": ErrImagePull: not found'),
                "ImagePullFailed",
                "not found; push the image",
                id="the node cannot pull the image",
            ),
            pytest.param(
                ended(1, "Traceback\nValueError: no weights"),
                "Crashing",
                "exit code 1 (1 restarts): ValueError: no weights",
                id="the app crashes",
            ),
            pytest.param(
                unschedulable("0/3 nodes are available: 3 Insufficient cpu."),
                "NoCapacity",
                "waits: pod digits-2-0 waits for a node: 0/3 nodes are available: 3 Insufficient cpu.",
                id="no node has room",
            ),
        ],
    )
    def test_is_false_with_the_cause_and_the_old_release_serves_on_when(
        self, status: Manifest, reason: str, words: str
    ) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.start_one_pod(**status)
        assert shown(cluster, "UpToDate") == ("False", reason)
        assert words in cluster.conditions["UpToDate"]["message"]
        assert cluster.conditions["UpToDate"]["message"].endswith("keeps serving")

    @pytest.mark.parametrize(
        ("stream", "bump", "reason"),
        [
            pytest.param("image", {"image": "contoso.azurecr.io/digits:1.4.2"}, "ImageNotFound", id="no such image"),
            pytest.param("model", {"modelVersion": "42"}, "ModelIncomplete", id="no SHA256SUMS yet"),
            pytest.param("model", {"modelVersion": "42"}, "StoreUnreachable", id="store away"),
        ],
    )
    def test_is_false_with_what_the_source_said(self, stream: str, bump: dict[str, Any], reason: str) -> None:
        cluster = serving_cluster()
        cluster.missing = without(stream, reason)
        cluster.edit(**bump)
        cluster.run()
        assert shown(cluster, "UpToDate") == ("False", reason)
        expected = "it is not there; revision 1 (image 1.4.1, model 41) keeps serving"
        assert cluster.conditions["UpToDate"]["message"] == expected
        assert cluster.running == "1"

    def test_is_false_when_suspended_before_a_bump(self) -> None:
        cluster = serving_cluster()
        cluster.edit(suspend=True, modelVersion="42")
        cluster.run()
        assert shown(cluster, "UpToDate") == ("False", "Suspended")
        assert "revision 1 (image 1.4.1, model 41) keeps serving" in cluster.conditions["UpToDate"]["message"]

    def test_is_true_when_suspended_with_nothing_to_release(self) -> None:
        cluster = serving_cluster()
        cluster.edit(suspend=True)
        cluster.run()
        assert shown(cluster, "UpToDate") == ("True", "UpToDate")

    def test_is_false_when_somebody_else_has_the_name_of_a_child(self) -> None:
        cluster = AppCluster(occupied=frozenset({ObjectId("Service", "digits")}))
        planned = cluster.run()
        assert shown(cluster, "UpToDate") == ("False", "NameConflict")
        assert "Service digits exists and belongs to somebody else" in cluster.conditions["UpToDate"]["message"]
        assert "Service" not in [manifest["kind"] for manifest in planned.apply]
        assert "Reconciling" not in cluster.conditions

    def test_is_false_with_the_words_of_a_refusal(self) -> None:
        cluster = AppCluster()
        planned = cluster.run()
        refusal = Problem(Severity.WAITING, "Refused", 'admission policy "no-latest" denied the request')
        refused = after_refusals(planned, cluster.observed, [(ObjectId("Deployment", "digits"), refusal)], cluster.now)
        assert refused.status is not None
        up_to_date = refused.status["conditions"][1]
        assert (up_to_date["type"], up_to_date["status"], up_to_date["reason"]) == ("UpToDate", "False", "Refused")
        assert up_to_date["message"] == f"Deployment digits is refused: {refusal.message}"
        assert refused.requeue_after == 60

    def test_a_rerun_after_the_same_refusal_says_nothing_new(self) -> None:
        cluster = AppCluster()
        refusals = [(ObjectId("Deployment", "digits"), Problem(Severity.WAITING, "Refused", "denied"))]
        first = after_refusals(cluster.run(), cluster.observed, refusals, cluster.now)
        cluster.app["status"] = first.status
        cluster.wait()
        before = cluster.observed
        again = after_refusals(cluster.run(), before, refusals, cluster.now)
        assert again.status == first.status
        assert again.events == ()
