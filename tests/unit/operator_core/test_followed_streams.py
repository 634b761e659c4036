"""Streams that are followed: what is released by itself, and what never is."""

from datetime import datetime

import pytest

from aiapp_operator.release.releases import Questions
from aiapp_operator.state import Stream
from aiapp_operator.status import stale_since
from stand_ins.app_cluster import MODEL_SOURCE, AppCluster, an_app, digest, without
from stand_ins.followed import LATEST, REPOSITORY, SEM_VER, following, minutes, said, serves, shown
from stand_ins.pod_status import ended

BOTH = Questions(ask_image=True, ask_model=True)


class TestMovingForward:
    def test_the_first_release_is_the_newest_of_both(self) -> None:
        cluster = following()
        assert serves(cluster) == ("1.4.1", "41")
        assert shown(cluster) == ("True", "UpToDate")
        assert said(cluster, "SourcesResolved") == (
            f"image {REPOSITORY}:1.4.1 is {digest(f'{REPOSITORY}:1.4.1')} (the newest by SemVer 1.x), "
            f"model 41 is {digest('model 41')} (the newest by LastModified)"
        )

    def test_both_sources_are_asked_in_every_run_and_the_same_answers_change_nothing(self) -> None:
        cluster = following()
        before = cluster.app["status"]
        cluster.wait(hours=5)
        planned = cluster.run()
        assert cluster.asked == BOTH
        assert planned.status == before
        assert planned.events == ()
        assert planned.requeue_after is None

    def test_a_new_version_is_a_release_and_says_what_waits_since_when(self) -> None:
        cluster = following()
        cluster.versions["42"] = minutes(30)
        cluster.run()
        assert serves(cluster) == ("1.4.1", "42")
        assert shown(cluster) == ("False", "RollingOut")
        assert "; waiting: model 42 (published 2026-11-23T11:30:00Z); revision 1" in said(cluster)
        assert stale_since(cluster.app["status"]) == {Stream.MODEL: minutes(30)}
        cluster.roll_out()
        assert shown(cluster) == ("True", "UpToDate")
        assert stale_since(cluster.app["status"]) == {}

    def test_a_new_tag_is_a_release_and_says_when_it_was_seen(self) -> None:
        cluster = following()
        cluster.tags.append("1.5.0")
        cluster.run()
        assert serves(cluster) == ("1.5.0", "41")
        seen = cluster.app["status"]["latest"]["image"]["seenTime"]
        assert f"; waiting: image 1.5.0 (seen {seen}); revision 1" in said(cluster)
        assert list(stale_since(cluster.app["status"])) == [Stream.IMAGE]

    def test_both_at_once_are_one_release(self) -> None:
        cluster = following()
        cluster.tags.append("1.5.0")
        cluster.versions["42"] = minutes(30)
        cluster.run()
        assert serves(cluster) == ("1.5.0", "42")
        assert cluster.running == "2"

    def test_pods_run_by_digest_with_the_tag_that_was_chosen_beside_it(self) -> None:
        cluster = following()
        (container,) = cluster.deployment["spec"]["template"]["spec"]["containers"]
        assert container["image"] == f"{REPOSITORY}@{digest(f'{REPOSITORY}:1.4.1')}"
        assert cluster.app["status"]["active"]["image"] == f"{REPOSITORY}:1.4.1"

    def test_another_tag_of_the_same_bytes_is_no_release(self) -> None:
        cluster = following()
        cluster.tags.append("1.4.2")
        cluster.contents[f"{REPOSITORY}:1.4.2"] = f"{REPOSITORY}:1.4.1"
        cluster.run()
        assert cluster.running == "1"
        assert cluster.app["status"]["image"] == "1.4.2"
        assert stale_since(cluster.app["status"]) == {}


class TestNeverBackwards:
    @pytest.mark.parametrize(
        ("tags", "versions"),
        [
            pytest.param(["1.3.0"], {"40": minutes(0)}, id="the newest is missing"),
            pytest.param(["0.9.0", "1.0.0"], {"12": minutes(-500)}, id="a listing of long ago"),
            pytest.param(["1.4.1"], {"41": minutes(-5), "40": minutes(0.5)}, id="the time of what serves went back"),
            pytest.param(["1.4.1"], {"40": minutes(50), "41": minutes(50)}, id="both were written again in one second"),
        ],
    )
    def test_what_serves_stays_when(self, tags: list[str], versions: dict[str, datetime]) -> None:
        cluster = following()
        before = cluster.app["status"]
        cluster.tags, cluster.versions = tags, versions
        planned = cluster.run()
        assert serves(cluster) == ("1.4.1", "41")
        assert planned.delete == ()
        assert planned.status == before

    def test_nor_does_an_old_version_come_back_by_being_uploaded_again(self) -> None:
        cluster = following()
        cluster.versions["42"] = minutes(30)
        cluster.run()
        cluster.roll_out()
        cluster.versions["41"] = minutes(55)
        cluster.run()
        assert serves(cluster) == ("1.4.1", "42")
        assert shown(cluster) == ("True", "UpToDate")

    def test_an_empty_listing_is_said_and_what_serves_stays(self) -> None:
        cluster = following()
        cluster.tags, cluster.versions = [], {}
        planned = cluster.run()
        assert serves(cluster) == ("1.4.1", "41")
        assert planned.delete == ()
        assert shown(cluster) == ("False", "NoMatchingVersion")
        assert shown(cluster, "SourcesResolved") == ("False", "NoMatchingVersion")
        assert shown(cluster, "Ready") == ("True", "Serving")
        assert said(cluster).endswith("; revision 1 (image 1.4.1, model 41) keeps serving")

    def test_an_empty_listing_is_all_there_is_to_say_of_a_new_app(self) -> None:
        cluster = AppCluster(app=an_app(**SEM_VER, **LATEST))
        cluster.versions = {"41": minutes(1)}
        cluster.run()
        assert shown(cluster) == ("False", "NoMatchingVersion")
        assert said(cluster).startswith(f"{REPOSITORY} lists nothing that could be followed")
        cluster.tags = ["1.4.1"]
        cluster.run()
        assert serves(cluster) == ("1.4.1", "41")

    def test_a_rollout_under_way_is_not_turned_round_by_a_listing_that_lacks_it(self) -> None:
        cluster = following()
        cluster.versions["42"] = minutes(30)
        cluster.run()
        del cluster.versions["42"]
        cluster.run()
        assert serves(cluster) == ("1.4.1", "42")


class TestASourceThatIsAway:
    def test_is_said_and_asked_again_while_what_serves_stays(self) -> None:
        cluster = following()
        cluster.missing = without("model", "StoreUnreachable", "no answer")
        planned = cluster.run()
        assert serves(cluster) == ("1.4.1", "41")
        assert shown(cluster) == ("False", "StoreUnreachable")
        assert said(cluster) == "no answer; revision 1 (image 1.4.1, model 41) keeps serving"
        assert shown(cluster, "SourcesResolved") == ("False", "StoreUnreachable")
        assert [event.reason for event in planned.events] == ["StoreUnreachable"]
        assert planned.requeue_after == 60
        cluster.missing = {}
        assert [event.reason for event in cluster.run().events] == ["Recovered"]
        assert shown(cluster) == ("True", "UpToDate")

    def test_does_not_hold_up_the_other_stream(self) -> None:
        cluster = following()
        cluster.missing = without("model", "StoreUnreachable")
        cluster.tags.append("1.5.0")
        cluster.run()
        assert serves(cluster) == ("1.5.0", "41")

    def test_does_not_turn_round_a_release_that_fails_to_start(self) -> None:
        cluster = following()
        cluster.versions["42"] = minutes(30)
        cluster.run()
        cluster.start_one_pod(**ended(1, "boom"))
        cluster.missing = without("model", "StoreUnreachable")
        cluster.run()
        assert serves(cluster) == ("1.4.1", "42")

    def test_with_credentials_that_were_just_edited_releases_nothing(self) -> None:
        cluster = following()
        cluster.missing = without("model", "StoreForbidden")
        cluster.edit(modelSource={**MODEL_SOURCE, "credentials": {"anonymous": {}}})
        cluster.run()
        assert cluster.running == "1"
        assert shown(cluster) == ("False", "StoreForbidden")
