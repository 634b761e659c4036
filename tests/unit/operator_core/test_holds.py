"""What is held, until when, and what goes past it."""

from datetime import timedelta

import pytest

from stand_ins.app_cluster import NOON, AppCluster, an_app, serving_cluster
from stand_ins.pod_status import ended

IMAGE_2, IMAGE_3 = "contoso.azurecr.io/digits:1.4.2", "contoso.azurecr.io/digits:1.4.3"


def held(cluster: AppCluster) -> str:
    words: str = cluster.app["status"].get("held", "")
    return words


def rolled_out(cluster: AppCluster) -> str:
    """Let what is on the Deployment come up; return its model."""
    cluster.run()
    cluster.roll_out()
    version: str = cluster.app["status"]["active"]["modelVersion"]
    return version


def held_model() -> AppCluster:
    """Return an app that serves model 41, and whose model 42 failed its gate."""
    cluster = serving_cluster()
    cluster.gates["42"] = "Failed"
    cluster.edit(modelVersion="42")
    cluster.run()
    return cluster


class TestWhatFailed:
    def test_is_held_and_what_serves_stays(self) -> None:
        cluster = held_model()
        assert held(cluster) == "model 42"
        assert cluster.running == "1"
        condition = cluster.conditions["UpToDate"]
        assert (condition["status"], condition["reason"]) == ("False", "Held")
        assert "aiapp.dev/unhold=42@" in condition["message"]

    def test_is_not_tried_again_however_often_it_is_asked_for(self) -> None:
        cluster = held_model()
        cluster.gates.clear()
        for _ in range(10):
            cluster.wait(minutes=10)
            cluster.run()
        assert cluster.running == "1"

    def test_is_held_under_another_name_too(self) -> None:
        cluster = held_model()
        cluster.gates.clear()
        cluster.contents["43"] = "model 42"
        cluster.edit(modelVersion="43")
        assert rolled_out(cluster) == "41"

    def test_is_held_after_its_record_has_left(self) -> None:
        cluster = serving_cluster(release={"revisionHistoryLimit": 1})
        cluster.gates["42"] = "Failed"
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.gates.clear()
        for version in ("43", "44", "45"):
            cluster.edit(modelVersion=version)
            rolled_out(cluster)
        names = [each["data"]["inputs"]["model"]["version"] for each in cluster.ordered_revisions]
        assert "42" not in names
        cluster.edit(modelVersion="42")
        assert rolled_out(cluster) == "45"
        assert held(cluster) == "model 42"

    def test_does_not_hold_up_the_other_stream(self) -> None:
        cluster = held_model()
        cluster.edit(image=IMAGE_2)
        assert rolled_out(cluster) == "41"
        assert cluster.app["status"]["active"]["image"] == IMAGE_2
        assert held(cluster) == "model 42"

    def test_as_a_config_is_held_as_one_and_other_configs_go(self) -> None:
        cluster = serving_cluster()
        cluster.gates["1.4.1"] = "Failed"
        cluster.edit(serving={"env": [{"name": "LOG", "value": "debug"}]})
        cluster.run()
        assert held(cluster).startswith("config ")
        cluster.gates.clear()
        cluster.edit(serving={"env": [{"name": "LOG", "value": "info"}]})
        rolled_out(cluster)
        assert cluster.running == "3"


class TestAFollowedStream:
    @pytest.fixture
    def cluster(self) -> AppCluster:
        """Serve model 41, with 42 held."""
        cluster = AppCluster(app=an_app(modelVersion=None))
        cluster.versions = {"41": NOON - timedelta(days=2)}
        cluster.run()
        cluster.roll_out()
        cluster.gates = {"42": "Failed"}
        cluster.versions["42"] = NOON - timedelta(days=1)
        cluster.run()
        return cluster

    def test_passes_a_hold_by_with_what_is_newer(self, cluster: AppCluster) -> None:
        cluster.versions["43"] = NOON
        assert rolled_out(cluster) == "43"

    def test_stays_where_it_is_when_the_newer_one_fails_too(self, cluster: AppCluster) -> None:
        cluster.gates["43"] = "Failed"
        cluster.versions["43"] = NOON
        cluster.wait()
        assert rolled_out(cluster) == "41"
        assert held(cluster) == "model 43, model 42"
        assert cluster.conditions["UpToDate"]["reason"] == "Held"

    def test_does_not_release_it_when_it_vanishes_and_comes_back(self, cluster: AppCluster) -> None:
        cluster.gates.clear()
        del cluster.versions["42"]
        assert rolled_out(cluster) == "41"
        cluster.versions["42"] = NOON
        assert rolled_out(cluster) == "41"


class TestUnhold:
    @pytest.mark.parametrize("argument", ["42", "Model", "the digest"])
    def test_ends_it_and_the_gate_tries_again_with_a_job_of_another_name(self, argument: str) -> None:
        cluster = held_model()
        cluster.gates.clear()
        name = cluster.app["status"]["holds"][0]["digest"] if argument == "the digest" else argument
        cluster.annotate("unhold", name)
        planned = cluster.run()
        assert [job["metadata"]["name"] for job in planned.create] == ["digits-gate-2-1"]
        cluster.roll_out()
        assert cluster.app["status"]["active"]["modelVersion"] == "42"
        assert held(cluster) == ""

    def test_of_what_is_not_held_is_ignored_and_says_what_is(self) -> None:
        cluster = held_model()
        cluster.annotate("unhold", "43")
        told = [event.message for event in cluster.run().events if event.reason == "ActionIgnored"]
        assert told == [
            "annotation aiapp.dev/unhold is ignored: '43' is no version, digest or stream of a hold; what is held: 42"
        ]


class TestRollbackTo:
    def two_releases(self) -> AppCluster:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        rolled_out(cluster)
        return cluster

    @pytest.mark.parametrize("argument", ["1", "previous"])
    def test_goes_back_and_stays_there_over_polls(self, argument: str) -> None:
        cluster = self.two_releases()
        cluster.annotate("rollback-to", argument)
        assert rolled_out(cluster) == "41"
        for _ in range(10):
            cluster.wait(minutes=10)
            cluster.run()
        assert cluster.running == "1"
        assert held(cluster).startswith("all but")

    def test_ends_with_an_edit_of_what_is_asked_for_and_not_with_another(self) -> None:
        cluster = self.two_releases()
        cluster.annotate("rollback-to", "1")
        rolled_out(cluster)
        cluster.edit(serving={"replicas": 3})
        assert rolled_out(cluster) == "41"
        cluster.edit(modelVersion="43")
        assert rolled_out(cluster) == "43"
        assert held(cluster) == ""

    def test_ends_with_unhold_and_what_is_asked_for_goes_out_again(self) -> None:
        cluster = self.two_releases()
        cluster.annotate("rollback-to", "1")
        rolled_out(cluster)
        cluster.annotate("unhold", "All")
        assert rolled_out(cluster) == "42"

    def test_to_nothing_that_passed_is_ignored_and_says_what_there_is(self) -> None:
        cluster = self.two_releases()
        cluster.annotate("rollback-to", "7")
        told = [event.message for event in cluster.run().events if event.reason == "ActionIgnored"]
        assert told == ["annotation aiapp.dev/rollback-to is ignored: '7' names none; revisions to go back to: 1"]

    def test_waits_for_no_bake_and_no_window(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42", release={"bake": {"duration": "5m"}})
        rolled_out(cluster)
        cluster.edit(release={"bake": {"duration": "5m"}, "schedule": [{"cron": "0 2 * * *", "duration": "1h"}]})
        cluster.annotate("rollback-to", "1")
        cluster.run()
        assert cluster.running == "1"


class TestABakeThatFails:
    def test_goes_back_and_holds_what_changed(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42", release={"bake": {"duration": "5m"}})
        rolled_out(cluster)
        cluster.wait()
        pod = next(pod for pod in cluster.pods if pod["metadata"]["labels"]["aiapp.dev/role"] == "serving")
        pod["status"] |= ended(1, "boom", finishedAt=cluster.now.isoformat())
        cluster.run()
        assert cluster.running == "1"
        assert held(cluster) == "model 42"

    def test_of_a_first_release_stays_on_what_runs_and_says_so(self) -> None:
        cluster = AppCluster(app=an_app(release={"bake": {"duration": "5m"}}))
        rolled_out(cluster)
        cluster.wait()
        pod = next(pod for pod in cluster.pods if pod["metadata"]["labels"]["aiapp.dev/role"] == "serving")
        pod["status"] |= ended(1, "boom", finishedAt=cluster.now.isoformat())
        cluster.run()
        assert cluster.running == "1"
        assert cluster.conditions["UpToDate"]["reason"] == "NoWayBack"
