"""What people do to a release in the middle of its life: edits taken back, records deleted, an operator that is new."""

from typing import Any

import pytest

from aiapp_operator.release import notes
from aiapp_operator.release.notes import Notes, format_time
from aiapp_operator.state import Drift, ObjectId
from stand_ins.app_cluster import AppCluster, serving_cluster
from stand_ins.pod_status import ended

IMAGE_2 = "contoso.azurecr.io/digits:1.4.2"
NIGHTLY = {"schedule": [{"cron": "0 2 * * *", "timeZone": "Europe/Berlin", "duration": "2h"}]}


def model(cluster: AppCluster) -> str:
    """Return the model on the Deployment."""
    version: str = cluster.deployment["spec"]["template"]["metadata"]["annotations"]["aiapp.dev/model-version"]
    return version


def rolled_out(**spec: Any) -> AppCluster:
    """Return an app that serves model 41 and then 42."""
    cluster = serving_cluster(**spec)
    cluster.edit(modelVersion="42")
    cluster.run()
    cluster.roll_out()
    return cluster


def serving_pod(cluster: AppCluster) -> dict[str, Any]:
    return next(pod for pod in cluster.pods if pod["metadata"]["labels"]["aiapp.dev/role"] == "serving")


NEVER = {"schedule": [{"cron": "0 2 31 2 *"}], "bake": {"duration": "5m"}}


class TestTwoChanges:
    def test_the_second_waits_for_the_rollout_and_the_bake_of_the_first(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42", release={"bake": {"duration": "5m"}})
        cluster.run()
        cluster.start_one_pod()
        cluster.edit(modelVersion="43")
        cluster.run()
        assert model(cluster) == "42"
        cluster.roll_out()
        assert model(cluster) == "42"
        assert cluster.app["status"]["nextRelease"]["reason"] == "Bake"
        cluster.wait(minutes=5)
        cluster.run()
        assert model(cluster) == "43"

    def test_only_the_newest_of_those_that_wait_goes(self) -> None:
        cluster = serving_cluster(release=NIGHTLY)
        for version in ("42", "43", "44"):
            cluster.edit(modelVersion=version)
            cluster.run()
        assert model(cluster) == "41"
        cluster.now = cluster.now.replace(day=24, hour=1, minute=0)
        cluster.run()
        assert model(cluster) == "44"

    def test_a_gate_that_only_waits_is_given_up_for_what_is_newer(self) -> None:
        cluster = serving_cluster()
        cluster.gates["42"] = ""
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.edit(modelVersion="43")
        cluster.run()
        assert model(cluster) == "43"


class TestAnEditTakenBack:
    def test_in_a_rollout_goes_back_at_once_and_later_edits_go_on(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.start_one_pod()
        cluster.edit(modelVersion="41")
        cluster.run()
        assert model(cluster) == "41"
        cluster.roll_out()
        assert cluster.conditions["UpToDate"]["status"] == "True"
        cluster.edit(modelVersion="43")
        cluster.run()
        assert model(cluster) == "43"

    def test_while_it_waits_releases_nothing_at_the_window(self) -> None:
        cluster = serving_cluster(release=NIGHTLY)
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.edit(modelVersion="41")
        cluster.run()
        cluster.now = cluster.now.replace(day=24, hour=1, minute=0)
        cluster.run()
        assert model(cluster) == "41"

    def test_takes_a_wish_to_release_it_now_with_it(self) -> None:
        cluster = serving_cluster(release=NIGHTLY)
        cluster.gates["42"] = ""
        cluster.edit(modelVersion="42")
        cluster.annotate("release-now", "urgent")
        cluster.run()
        cluster.edit(modelVersion="41")
        cluster.run()
        cluster.gates.clear()
        cluster.edit(modelVersion="42")
        cluster.wait(days=3)
        cluster.now = cluster.now.replace(hour=17)
        cluster.run()
        assert model(cluster) == "41"


class TestRecordsThatWereDeleted:
    @pytest.mark.parametrize("verdict", ["Passed", "Failed"])
    def test_a_gate_of_a_record_that_is_gone_says_nothing_of_the_next_one_of_its_number(self, verdict: str) -> None:
        cluster = serving_cluster(release=NIGHTLY)
        cluster.gates = {"42": verdict, "43": "Failed" if verdict == "Passed" else "Passed"}
        cluster.edit(modelVersion="42")
        cluster.run()
        (gone,) = [name for name, each in cluster.revisions.items() if each["revision"] == 2]
        del cluster.revisions[gone]
        cluster.edit(modelVersion="43")
        cluster.run()
        cluster.run()
        assert ("model 43" in cluster.app["status"].get("held", "")) == (verdict == "Passed")

    def test_all_of_them_open_no_window(self) -> None:
        cluster = serving_cluster(release=NIGHTLY)
        cluster.revisions.clear()
        cluster.edit(modelVersion="42")
        cluster.run()
        assert model(cluster) == "41"


class TestARecordOfAnOperatorWithoutGates:
    @pytest.fixture
    def cluster(self) -> AppCluster:
        cluster = serving_cluster(release={"bake": {"duration": "5m"}})
        for revision in cluster.revisions.values():
            kept = revision["metadata"]["annotations"]
            for name in notes.NAMES - {notes.RELEASED_TIME}:
                kept.pop(name, None)
        return cluster

    def test_is_neither_gated_nor_rolled_out_again(self, cluster: AppCluster) -> None:
        planned = cluster.run()
        assert planned.create == ()
        assert cluster.conditions["UpToDate"]["status"] == "True"

    def test_is_not_undone_for_a_restart_of_that_time(self, cluster: AppCluster) -> None:
        cluster.wait(minutes=2)
        serving_pod(cluster)["status"] |= ended(137, "boom", reason="OOMKilled", finishedAt=format_time(cluster.now))
        cluster.wait(days=10)
        cluster.run()
        assert cluster.app["status"].get("held", "") == ""
        assert "bakedTime" in cluster.app["status"]["active"]


class TestGoingBack:
    def test_to_what_never_served_is_refused_and_goes_round_no_window(self) -> None:
        cluster = serving_cluster(release=NIGHTLY)
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.annotate("rollback-to", "2")
        cluster.run()
        assert model(cluster) == "41"

    def test_to_what_is_held_is_refused_and_says_what_ends_that(self) -> None:
        cluster = rolled_out()
        cluster.edit(image=IMAGE_2)
        cluster.run()
        cluster.roll_out()
        cluster.gates["41"] = "Failed"
        cluster.edit(modelVersion="41")
        cluster.run()
        assert cluster.app["status"]["held"] == "model 41"
        cluster.annotate("rollback-to", "1")
        (told,) = [event.message for event in cluster.run().events if event.reason == "ActionIgnored"]
        assert told.endswith("model 41 of revision 1 (image 1.4.1, model 41) is held: unhold that first")

    def test_from_a_bad_bake_comes_before_anything_newer_that_waits_for_it(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42", release={"bake": {"duration": "5m"}})
        cluster.run()
        cluster.roll_out()
        cluster.edit(modelVersion="43")
        cluster.run()
        cluster.wait()
        serving_pod(cluster)["status"] |= ended(1, "boom", finishedAt=format_time(cluster.now))
        cluster.run_once()
        assert model(cluster) == "41"
        cluster.roll_out()
        cluster.run()
        assert model(cluster) == "43"

    def test_to_bytes_that_are_gone_is_refused_in_words(self) -> None:
        cluster = rolled_out()
        cluster.drifts = (Drift(1, "ModelGone", "digits/41 is not in the store"),)
        cluster.annotate("rollback-to", "1")
        told = [event.message for event in cluster.run().events if event.reason == "ActionIgnored"]
        assert len(told) == 1
        assert "cannot be gone back to: digits/41 is not in the store" in told[0]
        assert model(cluster) == "42"

    def test_by_itself_to_bytes_that_are_gone_stays_and_says_so(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42", release={"bake": {"duration": "5m"}})
        cluster.run()
        cluster.roll_out()
        cluster.wait()
        cluster.drifts = (Drift(1, "ModelGone", "digits/41 is not in the store"),)
        serving_pod(cluster)["status"] |= ended(1, "boom", finishedAt=format_time(cluster.now))
        cluster.run()
        assert model(cluster) == "42"
        assert cluster.conditions["UpToDate"]["reason"] == "NoWayBack"

    def test_again_and_again_keeps_one_hold(self) -> None:
        cluster = rolled_out()
        for _ in range(3):
            cluster.annotate("rollback-to", "1")
            cluster.run()
            cluster.roll_out()
        (kept,) = [each for each in cluster.ordered_revisions if each["revision"] == 1]
        assert len(Notes.read(kept["metadata"]["annotations"]).holds) == 1


class TestAScheduleThatOpensNothing:
    def test_stalls_the_app_and_releases_nothing(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42", release=NEVER)
        cluster.run()
        assert model(cluster) == "41"
        assert cluster.conditions["Stalled"]["reason"] == "InvalidSpec"
        assert "schedule" in cluster.conditions["UpToDate"]["message"]

    def test_does_not_stand_in_the_way_back(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42", release={"bake": {"duration": "5m"}})
        cluster.run()
        cluster.roll_out()
        cluster.edit(release=NEVER)
        serving_pod(cluster)["status"] |= ended(1, "boom", finishedAt=format_time(cluster.now))
        cluster.run()
        assert model(cluster) == "41"


class TestAWishToReleaseNow:
    def test_outlives_an_operator_that_died_before_the_deployment_heard_of_it(self) -> None:
        cluster = serving_cluster(release=NIGHTLY)
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.annotate("release-now", "urgent")
        before = cluster.deployment
        cluster.run()
        cluster.children[ObjectId("Deployment", "digits")] = before
        cluster.run()
        assert model(cluster) == "42"


class TestUnhold:
    def test_of_a_first_release_that_stayed_bakes_it_anew(self) -> None:
        cluster = AppCluster()
        cluster.app["spec"]["release"] = {"bake": {"duration": "5m"}}
        cluster.run()
        cluster.roll_out()
        cluster.wait()
        serving_pod(cluster)["status"] |= ended(1, "boom", finishedAt=format_time(cluster.now))
        cluster.run()
        assert cluster.conditions["UpToDate"]["reason"] == "NoWayBack"
        cluster.wait()
        cluster.let_pods_start()
        cluster.annotate("unhold", "Pair")
        cluster.run()
        assert cluster.conditions["UpToDate"]["status"] == "True"
        assert cluster.conditions["Reconciling"]["reason"] == "Baking"


class TestNotesThatSomebodyEdited:
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            (notes.ATTEMPTS, "9" * 5000),
            (notes.ATTEMPTS, "many"),
            (notes.HOLDS, "[" * 3000),
            (notes.HOLDS, "{}"),
            (notes.HOLDS, '[{"stream":"Model","digest":5,"since":"2026-11-23T12:00:00Z"}]'),
            (notes.HOLDS, '[{"stream":"Model","digest":"sha256:1","since":"2026-11-23T12:00:00"}]'),
            (notes.GATE, "Maybe"),
            (notes.GATE_WORDS, f"{'A' * 200}: words"),
            (notes.BAKED_TIME, "yesterday"),
            (notes.BAKED_TIME, "2026-11-23T12:00:00"),
        ],
    )
    def test_say_nothing(self, name: str, text: str) -> None:
        assert Notes.read({name: text}) == Notes()
