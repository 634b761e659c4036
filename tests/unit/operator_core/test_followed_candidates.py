"""What a followed stream does with a release that fails, and with a name that is used twice."""

import pytest

from stand_ins.app_cluster import AppCluster, an_app, digest, serving_cluster, without
from stand_ins.followed import LATEST, REPOSITORY, following, minutes, said, serves, shown
from stand_ins.pod_status import ended, unschedulable


class TestACandidateThatFails:
    def test_gives_way_to_a_newer_one(self) -> None:
        cluster = following()
        cluster.versions["42"] = minutes(30)
        cluster.run()
        cluster.start_one_pod(**ended(1, "boom"))
        cluster.versions["43"] = minutes(40)
        cluster.run()
        assert serves(cluster) == ("1.4.1", "43")
        assert cluster.app["status"]["active"]["modelVersion"] == "41"

    def test_stays_the_candidate_while_it_is_the_newest(self) -> None:
        cluster = following()
        cluster.versions["42"] = minutes(30)
        cluster.run()
        for _ in range(3):
            cluster.start_one_pod(**ended(1, "boom"))
        assert serves(cluster) == ("1.4.1", "42")
        assert cluster.running == "2"
        assert shown(cluster) == ("False", "Crashing")
        assert "; waiting: model 42 (published 2026-11-23T11:30:00Z); revision 1" in said(cluster)

    def test_is_given_up_for_what_serves_once_it_was_deleted(self) -> None:
        cluster = following()
        cluster.versions["42"] = minutes(30)
        cluster.gates["42"] = ""
        cluster.run()
        del cluster.versions["42"]
        cluster.run()
        assert cluster.running == "1"
        assert [child for child in cluster.children if child.kind == "Job"] == []

    def test_that_was_repaired_under_its_name_is_released(self) -> None:
        cluster = following()
        cluster.versions["42"] = minutes(30)
        cluster.run()
        cluster.start_one_pod(**ended(1, "ModelCorrupt: x differs", container="fetch"))
        cluster.versions["42"], cluster.contents["42"] = minutes(35), "model 42, repaired"
        cluster.run()
        assert cluster.running == "3"
        cluster.roll_out()
        assert cluster.app["status"]["active"]["modelDigest"] == digest("model 42, repaired")

    def test_for_want_of_room_is_kept_and_gives_way_to_a_newer_one(self) -> None:
        cluster = following()
        cluster.versions["42"] = minutes(30)
        cluster.run()
        cluster.start_one_pod(**unschedulable("0/3 nodes"))
        assert serves(cluster) == ("1.4.1", "42")
        cluster.versions["43"] = minutes(40)
        cluster.run()
        assert serves(cluster) == ("1.4.1", "43")

    def test_of_a_first_release_gives_way_to_whatever_the_source_has(self) -> None:
        cluster = AppCluster(app=an_app(**LATEST), versions={"41": minutes(1), "42": minutes(2)})
        cluster.run()
        cluster.start_one_pod(**ended(1, "boom", restarts=2))
        del cluster.versions["42"]
        cluster.run()
        assert serves(cluster)[1] == "41"


class TestANameIsUsedOnce:
    def test_other_bytes_under_the_name_that_serves_are_not_released(self) -> None:
        cluster = following()
        cluster.versions["41"], cluster.contents["41"] = minutes(50), "other bytes"
        cluster.run()
        assert cluster.running == "1"
        assert shown(cluster) == ("True", "UpToDate")
        assert shown(cluster, "SourceDrifted") == ("True", "ContentChanged")
        assert f"was released as {digest('model 41')} and is {digest('other bytes')}" in said(cluster, "SourceDrifted")

    def test_nor_are_those_under_a_name_that_served_before(self) -> None:
        cluster = following(modelPolicy={"type": "Numerical"})
        cluster.versions["42"] = minutes(30)
        cluster.run()
        cluster.roll_out()
        cluster.edit(modelVersion="41", modelPolicy=None)
        cluster.run()
        cluster.roll_out()
        cluster.contents["42"] = "other bytes"
        cluster.edit(modelVersion="latest", modelPolicy={"type": "Numerical"})
        cluster.run()
        assert serves(cluster)[1] == "41"
        assert shown(cluster) == ("False", "ContentChanged")
        assert f"model 42 was released as {digest('model 42')} and is {digest('other bytes')} now" in said(cluster)
        assert "a name of its own" in said(cluster)

    def test_unless_somebody_names_it(self) -> None:
        cluster = following()
        cluster.contents["41"] = "other bytes"
        cluster.edit(modelVersion="40")
        cluster.run()
        cluster.roll_out()
        cluster.edit(modelVersion="41")
        cluster.run()
        cluster.roll_out()
        assert cluster.app["status"]["active"]["modelDigest"] == digest("other bytes")
        cluster.edit(modelVersion=None)
        cluster.run()
        assert serves(cluster)[1] == "41"
        assert shown(cluster) == ("True", "UpToDate")

    def test_nor_while_it_is_released_anew_with_other_settings(self) -> None:
        cluster = following()
        cluster.edit(serving={"port": 9000})
        cluster.run()
        cluster.contents["41"] = "other bytes"
        cluster.run()
        assert cluster.running == "2"
        assert serves(cluster) == ("1.4.1", "41")
        assert shown(cluster, "SourcesResolved") == ("True", "Resolved")

    def test_nor_is_a_tag_of_a_version_that_was_pushed_over(self) -> None:
        cluster = following()
        cluster.contents[f"{REPOSITORY}:1.4.1"] = "pushed over"
        cluster.run()
        assert cluster.running == "1"


class TestATagThatIsFollowed:
    MAIN = f"{REPOSITORY}:main"

    @pytest.fixture
    def cluster(self) -> AppCluster:
        return serving_cluster(image=self.MAIN, imagePolicy={"type": "Tag"})

    def push(self, cluster: AppCluster, build: str) -> None:
        cluster.contents[self.MAIN] = build
        cluster.run()

    def test_is_released_as_it_moves(self, cluster: AppCluster) -> None:
        self.push(cluster, "build 2")
        assert cluster.running == "2"
        released = cluster.roll_out().events
        assert cluster.app["status"]["active"]["imageDigest"] == digest("build 2")
        assert said(cluster, "SourcesResolved").startswith(f"image {self.MAIN} is {digest('build 2')} (followed as it")
        moved = f"image main ({digest(self.MAIN):.19}) -> main ({digest('build 2'):.19})"
        assert [event.message for event in released] == [f"revision 2 serves: {moved}, model 41"]

    def test_is_the_release_before_again_when_it_moves_back(self, cluster: AppCluster) -> None:
        self.push(cluster, "build 2")
        cluster.roll_out()
        self.push(cluster, self.MAIN)
        assert cluster.running == "1"
        cluster.roll_out()
        assert shown(cluster) == ("True", "UpToDate")

    def test_stays_where_it_is_while_the_registry_is_away(self, cluster: AppCluster) -> None:
        cluster.missing = without("image", "RegistryUnreachable")
        cluster.run()
        assert cluster.running == "1"
        assert shown(cluster) == ("False", "RegistryUnreachable")
