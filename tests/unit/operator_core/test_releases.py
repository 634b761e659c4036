"""The release machine: what makes a release, what is asked for it, when it is done, what is kept."""

from collections.abc import Callable
from typing import Any

import pytest

from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.ledger import Ledger, read
from aiapp_operator.releases import Questions, config
from aiapp_operator.state import Manifest, ObjectId
from stand_ins.app_cluster import MODEL_SOURCE, AppCluster, an_app, digest, serving_cluster, without
from stand_ins.pod_status import ended, unschedulable, waiting

BOTH = Questions(ask_image=True, ask_model=True)
NEITHER = Questions(ask_image=False, ask_model=False)
IMAGE_2 = "contoso.azurecr.io/digits:1.4.2"


def ledger(cluster: AppCluster) -> Ledger:
    return read(cluster.app, cluster.children, cluster.ordered_revisions)


def numbers(cluster: AppCluster) -> list[int]:
    return [release.number for release in ledger(cluster).releases]


def image_of(cluster: AppCluster) -> str:
    image: str = cluster.deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


class TestWhatIsAsked:
    def test_both_sources_for_a_new_app(self) -> None:
        cluster = AppCluster()
        cluster.run()
        assert cluster.asked == BOTH

    def test_no_store_where_the_image_brings_its_model(self) -> None:
        cluster = AppCluster(app=an_app(modelVersion=None, modelSource=None))
        cluster.run()
        assert cluster.asked == Questions(ask_image=True, ask_model=False)

    def test_nothing_while_the_release_serves(self) -> None:
        cluster = serving_cluster()
        cluster.run()
        assert cluster.asked == NEITHER

    @pytest.mark.parametrize(
        ("edit", "questions"),
        [
            pytest.param({"image": IMAGE_2}, Questions(ask_image=True, ask_model=False), id="the image is bumped"),
            pytest.param({"modelVersion": "42"}, Questions(ask_image=False, ask_model=True), id="the model is bumped"),
            pytest.param({"image": IMAGE_2, "modelVersion": "42"}, BOTH, id="both are bumped"),
            pytest.param({"serving": {"port": 9000}}, NEITHER, id="only the pods change"),
            pytest.param({"serving": {"replicas": 5}}, NEITHER, id="only the number of pods changes"),
            pytest.param(
                {"modelSource": {**MODEL_SOURCE, "credentials": {"anonymous": {}}}},
                Questions(ask_image=False, ask_model=True),
                id="the store is asked in another way",
            ),
            pytest.param({"suspend": True, "modelVersion": "42"}, NEITHER, id="a bump is suspended"),
            pytest.param({"release": {"progressDeadline": "soon"}}, NEITHER, id="the spec cannot be read"),
        ],
    )
    def test_only_the_source_that_was_edited_when(self, edit: dict[str, Any], questions: Questions) -> None:
        cluster = serving_cluster()
        cluster.edit(**edit)
        cluster.run()
        assert cluster.asked == questions

    def test_nothing_while_a_release_rolls_out(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.run()
        assert cluster.asked == NEITHER

    @pytest.mark.parametrize(
        ("status", "questions"),
        [
            pytest.param(waiting("ErrImagePull", "not found"), BOTH, id="its image cannot be pulled"),
            pytest.param(ended(1, "ModelCorrupt: x differs", container="fetch"), BOTH, id="its model is corrupt"),
            pytest.param(ended(1, "boom"), BOTH, id="it crashes"),
            pytest.param(unschedulable("0/1 nodes"), NEITHER, id="it only waits for a node"),
        ],
    )
    def test_a_release_that_fails_is_asked_for_again_when(self, status: Manifest, questions: Questions) -> None:
        cluster = serving_cluster()
        cluster.edit(image=IMAGE_2, modelVersion="42")
        cluster.run()
        cluster.start_one_pod(**status)
        cluster.run()
        assert cluster.asked == questions

    def test_a_serving_release_whose_app_crashes_asks_nobody(self) -> None:
        cluster = serving_cluster()
        cluster.pods[0]["status"] = ended(1, "boom")
        cluster.run()
        assert cluster.asked == NEITHER

    def test_a_serving_release_whose_image_is_gone_asks_again(self) -> None:
        cluster = serving_cluster()
        cluster.pods[0]["status"] = waiting("ImagePullBackOff", "not found")
        cluster.run()
        assert cluster.asked == BOTH

    def test_going_back_to_what_serves_asks_nobody(self) -> None:
        cluster = serving_cluster()
        cluster.edit(image=IMAGE_2)
        cluster.run()
        cluster.start_one_pod(**ended(1, "boom"))
        cluster.edit(image="contoso.azurecr.io/digits:1.4.1")
        cluster.run()
        assert cluster.asked == NEITHER
        assert cluster.running == "1"


class TestWhatMakesARelease:
    @pytest.mark.parametrize(
        "edit",
        [
            pytest.param({"image": IMAGE_2}, id="another image"),
            pytest.param({"modelVersion": "42"}, id="another model"),
            pytest.param({"image": IMAGE_2, "modelVersion": "42"}, id="both at once are one"),
            pytest.param({"image": "mirror.contoso.com/digits:1.4.1"}, id="the same image elsewhere"),
            pytest.param({"imagePullSecrets": [{"name": "acr-pull"}]}, id="pull secrets"),
            pytest.param({"serviceAccountName": "digits-reader"}, id="a ServiceAccount"),
            pytest.param({"serving": {"port": 9000}}, id="port"),
            pytest.param({"serving": {"readinessPath": "/ready"}}, id="readiness path"),
            pytest.param({"serving": {"resources": {"limits": {"memory": "1Gi"}}}}, id="resources"),
            pytest.param({"serving": {"env": [{"name": "LOG", "value": "debug"}]}}, id="environment"),
            pytest.param({"serving": {"nodeSelector": {"pool": "gpu"}}}, id="node selector"),
            pytest.param({"serving": {"tolerations": [{"operator": "Exists"}]}}, id="tolerations"),
            pytest.param({"modelSource": {**MODEL_SOURCE, "credentials": {"anonymous": {}}}}, id="credentials"),
        ],
    )
    def test_is(self, edit: dict[str, Any]) -> None:
        cluster = serving_cluster()
        cluster.edit(**edit)
        cluster.run()
        assert numbers(cluster) == [1, 2]
        assert cluster.running == "2"

    @pytest.mark.parametrize(
        "edit",
        [
            pytest.param({"serving": {"replicas": 5}}, id="the number of pods"),
            pytest.param({"expose": {"service": {"type": "LoadBalancer"}}}, id="the Service"),
            pytest.param({"release": {"progressDeadline": "1h", "revisionHistoryLimit": 3}}, id="release settings"),
            pytest.param({"suspend": True}, id="suspend"),
            pytest.param({"serving": {"port": 8080, "readinessPath": "/version"}}, id="a default, written out"),
            pytest.param({"serving": {"resources": {}, "env": [], "nodeSelector": {}}}, id="an empty field"),
        ],
    )
    def test_is_not(self, edit: dict[str, Any]) -> None:
        cluster = serving_cluster()
        cluster.edit(**edit)
        cluster.run()
        assert numbers(cluster) == [1]

    def test_is_not_another_tag_of_the_same_image_which_is_known_from_then_on(self) -> None:
        cluster = serving_cluster()
        cluster.contents[IMAGE_2] = "contoso.azurecr.io/digits:1.4.1"
        cluster.edit(image=IMAGE_2)
        cluster.run()
        assert numbers(cluster) == [1]
        assert cluster.app["status"]["image"] == "1.4.2"
        cluster.run()
        assert cluster.asked == NEITHER

    def test_is_not_another_way_to_write_the_same_quantity(self) -> None:
        cluster = serving_cluster(serving={"resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}}})
        cluster.edit(serving={"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}})
        cluster.run()
        assert numbers(cluster) == [1]

    def test_the_config_hash_of_a_release_is_for_ever(self) -> None:
        # A new operator version that hashes otherwise would release every app at once.
        app = AIApp.parse(an_app(serving={"resources": {"limits": {"memory": "1024Mi"}}, "port": 8080}))
        assert config(app) == {
            "imageRepository": "contoso.azurecr.io/digits",
            "modelSource": MODEL_SOURCE,
            "serving": {"resources": {"limits": {"memory": "1Gi"}}},
        }
        (release,) = ledger(serving_cluster()).releases
        assert release.inputs.config_hash == "256c6c185b5e1fd627e4d81b80c87062738369a0c1c2b5e39ac269b18a90b3c4"
        assert release.name == "digits-f667849401"


class TestTheOldReleaseStaysAsItIs:
    @pytest.mark.parametrize(
        ("stream", "edit"),
        [
            ("image", {"image": IMAGE_2}),
            ("model", {"modelVersion": "42"}),
            ("model", {"image": IMAGE_2, "modelVersion": "42"}),
        ],
        ids=["while the new image is missing", "while the new model is missing", "while one of two bumps is missing"],
    )
    def test_the_old_release_stays(self, stream: str, edit: dict[str, Any]) -> None:
        cluster = serving_cluster()
        before = cluster.deployment
        cluster.missing = without(stream, "ItIsMissing")
        cluster.edit(**edit)
        planned = cluster.run()
        assert cluster.deployment == before
        assert numbers(cluster) == [1]
        assert planned.requeue_after == 60

    def test_no_deployment_is_made_before_the_first_release_is_known(self) -> None:
        cluster = AppCluster(missing=without("model", "ModelIncomplete"))
        planned = cluster.run()
        assert [manifest["kind"] for manifest in planned.apply] == ["ServiceAccount", "Service", "PodDisruptionBudget"]

    def test_the_release_goes_out_when_the_source_has_it_at_last(self) -> None:
        cluster = serving_cluster()
        cluster.missing = without("model", "ModelMissing")
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.missing = {}
        cluster.wait(minutes=1)
        cluster.run()
        assert cluster.running == "2"

    @pytest.mark.parametrize(
        ("minutes", "seconds"), [(0.1, 60), (1.5, 120), (3.5, 300), (9, 600), (600, 600)], ids=lambda value: f"{value}"
    )
    def test_a_missing_source_is_asked_again_ever_more_rarely(self, minutes: float, seconds: int) -> None:
        cluster = serving_cluster()
        cluster.missing = without("model", "ModelMissing")
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.wait(minutes=minutes)
        assert cluster.run().requeue_after == seconds

    def test_a_suspended_bump_goes_out_when_suspend_ends(self) -> None:
        cluster = serving_cluster()
        cluster.edit(suspend=True, modelVersion="42")
        cluster.run()
        assert cluster.running == "1"
        cluster.edit(suspend=False)
        cluster.run()
        assert cluster.running == "2"

    def test_a_rollout_under_way_ends_though_the_app_is_suspended(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.edit(suspend=True)
        cluster.run()
        cluster.roll_out()
        assert cluster.running == "2"
        assert cluster.app["status"]["active"]["revision"] == 2


class TestARepairedSource:
    def test_a_moved_tag_is_released_once_the_release_made_of_it_fails(self) -> None:
        cluster = serving_cluster()
        cluster.edit(image=IMAGE_2)
        cluster.run()
        cluster.start_one_pod(**ended(1, "boom"))
        cluster.contents[IMAGE_2] = "a repaired build"
        cluster.run()
        assert cluster.running == "3"
        assert image_of(cluster).endswith(digest("a repaired build"))

    def test_a_tag_that_moves_under_a_serving_release_changes_nothing(self) -> None:
        cluster = serving_cluster()
        cluster.contents["contoso.azurecr.io/digits:1.4.1"] = "pushed over"
        cluster.run()
        assert cluster.running == "1"

    def test_the_repaired_release_is_not_given_up_for_the_one_that_serves(self) -> None:
        cluster = serving_cluster()
        cluster.pods[0]["status"] = waiting("ImagePullBackOff", "not found")
        cluster.contents["contoso.azurecr.io/digits:1.4.1"] = "pushed again"
        cluster.run()
        assert cluster.running == "2"
        cluster.run()
        assert cluster.running == "2"

    def test_what_the_pods_say_counts_more_than_the_source_that_is_asked_again(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.missing = without("model", "StoreUnreachable")
        cluster.start_one_pod(**ended(1, "ModelCorrupt: x differs", container="fetch"))
        assert cluster.conditions["UpToDate"]["reason"] == "ModelCorrupt"
        assert cluster.conditions["SourcesResolved"]["reason"] == "StoreUnreachable"


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

    def test_records_without_an_owner_are_adopted(self) -> None:
        cluster = serving_cluster()
        (revision,) = cluster.revisions.values()
        del revision["metadata"]["ownerReferences"]
        cluster.run()
        (revision,) = cluster.revisions.values()
        assert revision["metadata"]["ownerReferences"][0]["uid"] == cluster.app["metadata"]["uid"]

    def test_records_of_another_app_are_not_ours(self) -> None:
        cluster = serving_cluster()
        (revision,) = cluster.revisions.values()
        revision["metadata"]["ownerReferences"][0]["uid"] = "somebody-else"
        assert ledger(cluster).releases == ()
