"""Edits of what is followed, and of whether it is."""

from aiapp_operator.release.releases import Questions
from aiapp_operator.status import stale_since
from stand_ins.app_cluster import MODEL_SOURCE, serving_cluster, without
from stand_ins.followed import REPOSITORY, SEM_VER, following, minutes, said, serves, shown


class TestAnEdit:
    def test_from_latest_to_a_name_and_back(self) -> None:
        cluster = following()
        cluster.edit(modelVersion="40")
        cluster.run()
        assert serves(cluster)[1] == "40"
        cluster.roll_out()
        cluster.versions["42"] = minutes(30)
        cluster.run()
        assert serves(cluster)[1] == "40"
        cluster.edit(modelVersion="latest")
        cluster.run()
        assert serves(cluster)[1] == "42"

    def test_from_a_name_to_latest_keeps_what_is_newer_than_all_that_is_listed(self) -> None:
        cluster = following()
        cluster.versions = {"40": minutes(0)}
        cluster.edit(modelVersion="41")
        cluster.run()
        cluster.edit(modelVersion=None)
        cluster.run()
        assert cluster.running == "1"

    def test_from_a_tag_to_a_policy_and_back(self) -> None:
        cluster = following()
        cluster.edit(image=f"{REPOSITORY}:1.3.0", imagePolicy=None)
        cluster.run()
        assert serves(cluster)[0] == "1.3.0"
        cluster.roll_out()
        cluster.edit(**SEM_VER)
        cluster.run()
        assert serves(cluster)[0] == "1.4.1"
        assert cluster.running == "1"

    def test_of_the_range_may_go_backwards(self) -> None:
        cluster = following()
        cluster.edit(imagePolicy={"type": "SemVer", "range": "1.3.x"})
        cluster.run()
        assert serves(cluster)[0] == "1.3.0"

    def test_of_the_type_of_policy_goes_forward_from_what_serves(self) -> None:
        cluster = following()
        cluster.versions = {"41": minutes(1), "40": minutes(2)}
        cluster.edit(modelPolicy={"type": "Numerical"})
        cluster.run()
        assert serves(cluster)[1] == "41"
        cluster.edit(modelPolicy={"type": "LastModified"})
        cluster.run()
        assert serves(cluster)[1] == "40"

    def test_of_the_interval_is_no_release(self) -> None:
        cluster = following()
        cluster.edit(imagePolicy={**SEM_VER["imagePolicy"], "interval": "10s"}, modelPolicy={"interval": "1h"})
        cluster.run()
        assert cluster.running == "1"
        assert shown(cluster) == ("True", "UpToDate")

    def test_of_the_place_takes_what_is_there(self) -> None:
        cluster = following()
        azure = {**MODEL_SOURCE["azureBlob"], "path": "letters"}
        cluster.versions = {"7": minutes(-900)}
        cluster.edit(modelSource={**MODEL_SOURCE, "azureBlob": azure})
        cluster.run()
        assert serves(cluster)[1] == "7"

    def test_of_the_repository_takes_what_is_there(self) -> None:
        cluster = following()
        cluster.tags = ["1.0.0"]
        cluster.edit(image="contoso.azurecr.io/letters")
        cluster.run()
        assert serves(cluster)[0] == "1.0.0"

    def test_of_the_credentials_never_goes_backwards(self) -> None:
        cluster = following()
        cluster.versions = {"40": minutes(0)}
        cluster.edit(modelSource={**MODEL_SOURCE, "credentials": {"anonymous": {}}})
        cluster.run()
        assert cluster.running == "2"
        assert serves(cluster)[1] == "41"

    def test_of_the_pods_goes_out_with_what_serves_while_the_sources_are_away(self) -> None:
        cluster = following()
        cluster.missing = without("model", "StoreUnreachable") | without("image", "RegistryUnreachable")
        cluster.edit(serving={"port": 9000})
        cluster.run()
        assert cluster.running == "2"
        assert serves(cluster) == ("1.4.1", "41")


class TestSuspended:
    def test_nothing_is_asked_or_released_and_what_was_known_to_wait_still_does(self) -> None:
        cluster = following()
        cluster.versions["42"] = minutes(30)
        cluster.run()
        cluster.edit(suspend=True)
        cluster.run()
        cluster.roll_out()
        cluster.versions["43"] = minutes(40)
        cluster.run()
        assert cluster.asked == Questions(ask_image=False, ask_model=False)
        assert serves(cluster)[1] == "42"
        assert shown(cluster) == ("False", "Suspended")
        assert "nobody looks for newer images and models" in said(cluster)
        assert shown(cluster, "SourcesResolved") == ("Unknown", "Suspended")
        assert cluster.app["status"]["latest"]["model"]["version"] == "42"

    def test_the_newest_goes_out_when_it_ends(self) -> None:
        cluster = following(suspend=False)
        cluster.edit(suspend=True)
        cluster.versions |= {"42": minutes(30), "43": minutes(40)}
        cluster.run()
        assert cluster.running == "1"
        cluster.edit(suspend=False)
        cluster.run()
        assert serves(cluster)[1] == "43"


class TestAClaim:
    def test_is_known_by_the_name_of_its_version(self) -> None:
        claim = {"persistentVolumeClaim": {"claimName": "models", "path": "digits"}}
        cluster = serving_cluster(modelSource=claim)
        status = cluster.app["status"]
        assert status["latest"]["model"] == {"version": "41"}
        assert status["active"]["modelVersion"] == "41"
        assert "modelDigest" not in status["active"]
        assert shown(cluster) == ("True", "UpToDate")
        cluster.edit(modelVersion="42")
        cluster.run()
        assert serves(cluster)[1] == "42"
        assert stale_since(cluster.app["status"]) == {}  # nobody knows since when
        assert "SourceDrifted" not in cluster.conditions


class TestLostStatus:
    def test_releases_nothing(self) -> None:
        cluster = following()
        cluster.versions["42"] = minutes(30)
        cluster.run()
        cluster.roll_out()
        del cluster.app["status"]
        planned = cluster.run()
        assert cluster.running == "2"
        assert len(cluster.revisions) == 2
        assert planned.events == ()
        assert shown(cluster) == ("True", "UpToDate")
