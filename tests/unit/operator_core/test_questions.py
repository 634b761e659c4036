"""Which sources are asked, and what their answers do to the release that serves."""

from typing import Any

import pytest

from aiapp_operator.release.releases import Questions
from aiapp_operator.state import Manifest
from stand_ins.app_cluster import MODEL_SOURCE, AppCluster, an_app, digest, serving_cluster, without
from stand_ins.pod_status import ended, unschedulable, waiting

BOTH = Questions(ask_image=True, ask_model=True)
NEITHER = Questions(ask_image=False, ask_model=False)
IMAGE_2 = "contoso.azurecr.io/digits:1.4.2"


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
        ("result", "questions"),
        [
            pytest.param("Failed", BOTH, id="failed"),
            pytest.param("Inconclusive", BOTH, id="came to nothing"),
            pytest.param("", NEITHER, id="is under way"),
            pytest.param("Passed", NEITHER, id="passed"),
        ],
    )
    def test_a_release_is_asked_for_again_when_its_gate(self, result: str, questions: Questions) -> None:
        cluster = serving_cluster()
        cluster.gates["42"] = result
        cluster.edit(image=IMAGE_2, modelVersion="42")
        cluster.run()
        cluster.run()
        assert cluster.asked == questions

    def test_both_are_asked_again_when_the_pods_of_a_release_end_again_and_again(self) -> None:
        cluster = serving_cluster()
        cluster.edit(image=IMAGE_2, modelVersion="42")
        cluster.run()
        cluster.start_one_pod(**ended(1, "boom", restarts=2))
        cluster.run()
        assert cluster.asked == BOTH

    def test_nobody_is_asked_again_while_a_release_only_waits_for_a_node(self) -> None:
        cluster = serving_cluster()
        cluster.edit(image=IMAGE_2, modelVersion="42")
        cluster.run()
        cluster.start_one_pod(**unschedulable("0/1 nodes"))
        cluster.run()
        assert cluster.asked == NEITHER

    @pytest.mark.parametrize(
        "status",
        [
            pytest.param(ended(1, "boom"), id="the app crashes"),
            pytest.param(waiting("ImagePullBackOff", "not found"), id="the image is gone"),
            pytest.param(ended(1, "ModelCorrupt: x differs", container="fetch"), id="the version was overwritten"),
        ],
    )
    def test_a_release_that_serves_asks_nobody_though_a_pod_fails_as(self, status: Manifest) -> None:
        cluster = serving_cluster()
        cluster.pods[0]["status"] = status
        cluster.set_counts(replicas=2, updated=2, available=1)
        planned = cluster.run()
        assert cluster.asked == NEITHER
        assert planned.requeue_after is None

    def test_a_release_that_served_before_asks_nobody_though_it_does_not_come_back(self) -> None:
        cluster = serving_cluster(serving={"port": 9000})
        cluster.edit(serving={"port": 9001})
        cluster.run()
        cluster.roll_out()
        cluster.edit(serving={"port": 9000})
        cluster.run()
        cluster.start_one_pod(**waiting("ErrImagePull", "not found"))
        cluster.run()
        assert cluster.running == "1"
        assert cluster.asked == NEITHER

    def test_going_back_to_what_serves_asks_nobody(self) -> None:
        cluster = serving_cluster()
        cluster.edit(image=IMAGE_2)
        cluster.run()
        cluster.start_one_pod(**ended(1, "boom"))
        cluster.edit(image="contoso.azurecr.io/digits:1.4.1")
        cluster.run()
        assert cluster.asked == NEITHER
        assert cluster.running == "1"


class TestARepairedSource:
    def test_a_moved_tag_is_released_once_the_release_made_of_it_fails(self) -> None:
        cluster = serving_cluster()
        cluster.edit(image=IMAGE_2)
        cluster.run()
        cluster.start_one_pod(**ended(1, "boom", restarts=2))
        assert cluster.running == "1"
        cluster.contents[IMAGE_2] = "a repaired build"
        cluster.roll_out()
        cluster.run()
        assert cluster.running == "3"
        assert image_of(cluster).endswith(digest("a repaired build"))
        cluster.run()
        assert cluster.running == "3"  # it is not given up for the one that failed, nor for the one that serves

    def test_a_tag_that_moves_under_a_serving_release_changes_nothing(self) -> None:
        cluster = serving_cluster()
        cluster.contents["contoso.azurecr.io/digits:1.4.1"] = "pushed over"
        cluster.run()
        assert cluster.running == "1"

    def test_nor_does_one_whose_old_image_a_new_node_cannot_pull(self) -> None:
        cluster = serving_cluster()
        image = image_of(cluster)
        cluster.pods[0]["status"] = waiting("ImagePullBackOff", "not found")
        cluster.contents["contoso.azurecr.io/digits:1.4.1"] = "pushed over"
        cluster.run()
        assert image_of(cluster) == image

    def test_a_source_that_is_away_when_it_is_asked_again_takes_nothing_back(self) -> None:
        cluster = serving_cluster()
        cluster.gates["42"] = "Inconclusive"
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.missing = without("model", "StoreUnreachable")
        cluster.run()
        assert cluster.conditions["SourcesResolved"]["reason"] == "StoreUnreachable"
        cluster.gates.clear()
        cluster.wait(minutes=2)
        cluster.run()
        assert cluster.running == "2"
