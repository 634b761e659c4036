"""What status shows of gates, waits, holds and history, beside the conditions."""

from dataclasses import replace
from datetime import timedelta

from aiapp_operator import status
from aiapp_operator.release.decision import Decision, Phase
from aiapp_operator.release.ledger import Ledger
from aiapp_operator.release.notes import Hold
from aiapp_operator.state import Manifest, Part
from stand_ins.app_cluster import NOON, AppCluster, digest, serving_cluster
from unit.operator_core.lives import BAKE, NIGHTLY, asked, bad_bake, failed_gate

HOLD = Hold(Part.MODEL, digest("model 42"), "42", "CaseFailed", "revision 2: expected 7, got 3", NOON)


def shown(cluster: AppCluster) -> Manifest:
    found: Manifest = cluster.app["status"]
    return found


class TestCandidate:
    def test_waits_for_its_gate_then_shows_what_came_of_it(self) -> None:
        cluster = serving_cluster(release=NIGHTLY)
        cluster.gates["42"] = ""
        cluster.edit(modelVersion="42")
        cluster.run()
        assert shown(cluster)["candidate"]["gate"] == "Waiting"
        assert "startedTime" not in shown(cluster)["candidate"]
        cluster.gates["42"] = "Passed"
        cluster.run()
        candidate = shown(cluster)["candidate"]
        assert (candidate["revision"], candidate["gate"], candidate["gateMessage"]) == (2, "Passed", "1 case: passed")

    def test_between_two_tries_is_inconclusive_in_the_words_of_the_last(self) -> None:
        cluster = serving_cluster()
        cluster.gates["42"] = "Inconclusive"
        cluster.edit(modelVersion="42")
        cluster.run()
        candidate = shown(cluster)["candidate"]
        assert (candidate["gate"], candidate["gateMessage"]) == ("Inconclusive", "1 case: inconclusive")

    def test_shows_who_waived_its_window_and_when_it_started(self) -> None:
        cluster = serving_cluster(release=NIGHTLY)
        cluster.edit(modelVersion="42")
        cluster.run()
        asked(cluster, "release-now", "now")
        candidate = shown(cluster)["candidate"]
        assert candidate["startedTime"] == candidate["releaseNowTime"] == "2026-11-23T12:00:20Z"

    def test_is_the_release_that_goes_out_while_a_newer_one_waits_for_its_bake(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.edit(modelVersion="43")
        cluster.run()
        assert shown(cluster)["candidate"]["revision"] == 2
        assert shown(cluster)["nextRelease"] == {"revision": 3, "reason": "Bake", "gate": "Passed"}


class TestActive:
    def test_has_the_time_of_its_bake_once_that_is_over(self) -> None:
        cluster = serving_cluster(release=BAKE)
        assert "bakedTime" not in shown(cluster)["active"]
        cluster.wait(minutes=6)
        cluster.run()
        assert shown(cluster)["active"]["bakedTime"] == "2026-11-23T12:05:10Z"


class TestNextRelease:
    def test_is_the_rehearsed_one_with_its_time(self) -> None:
        cluster = serving_cluster(release=NIGHTLY)
        cluster.edit(modelVersion="42")
        cluster.run()
        expected = {"revision": 2, "time": "2026-11-24T02:00:00Z", "reason": "Schedule", "gate": "Passed"}
        assert shown(cluster)["nextRelease"] == expected

    def test_is_absent_when_nothing_waits(self) -> None:
        assert "nextRelease" not in shown(serving_cluster(release=NIGHTLY))


class TestHolds:
    def test_name_what_failed_and_why(self) -> None:
        (hold,) = shown(failed_gate())["holds"]
        assert (hold["stream"], hold["version"], hold["digest"]) == ("Model", "42", digest("model 42"))
        assert (hold["reason"], hold["message"]) == ("CaseFailed", "revision 2: 1 case: failed")
        assert shown(failed_gate())["held"] == "model 42"

    def test_of_one_image_with_several_configs_are_one(self) -> None:
        image = replace(HOLD, part=Part.IMAGE, digest=digest("image"), version="1.4.2")
        holds = (replace(image, config="a" * 64), replace(image, config="b" * 64), HOLD)
        decision = Decision(Ledger((), 0), None, Phase.HELD, holds=holds)
        assert [hold["stream"] for hold in status.holds_status(decision)] == ["Image", "Model"]
        assert all("config" not in hold for hold in status.holds_status(decision))
        assert status.held(decision) == "image 1.4.2, model 42"

    def test_are_bounded_newest_first(self) -> None:
        many = tuple(
            replace(HOLD, digest=digest(str(age)), version=str(age), since=NOON - age * timedelta(days=1))
            for age in range(100)
        )
        decision = Decision(Ledger((), 0), None, Phase.HELD, holds=many)
        assert [hold["version"] for hold in status.holds_status(decision)] == [str(age) for age in range(32)]
        assert status.held(decision) == "model 0, model 1, model 2, and 97 more"

    def test_never_show_a_secret(self) -> None:
        decision = Decision(
            Ledger((), 0), None, Phase.HELD, holds=(replace(HOLD, message="token: eyJhbGciOi.eyJzdWIiOi.c2ln"),)
        )
        assert "eyJ" not in str(status.holds_status(decision))


class TestHistory:
    def test_tells_what_became_of_each_release(self) -> None:
        cluster = bad_bake()
        cluster.roll_out()
        results = [(entry["revision"], entry["result"]) for entry in shown(cluster)["history"]]
        assert results == [(1, "Released"), (2, "RolledBack")]

    def test_a_half_that_passed_is_under_way_until_the_other_has_been_tried(self) -> None:
        cluster = serving_cluster()
        cluster.gates["42"] = "Failed"
        cluster.edit(image="contoso.azurecr.io/digits:1.4.2", modelVersion="42")
        results = set()
        for _ in range(8):
            cluster.run_once()
            results |= {entry["result"] for entry in shown(cluster)["history"]}
            cluster.let_gates_end()
        assert results == {"Released", "GateFailed"}

    def test_is_the_same_when_status_was_lost(self) -> None:
        cluster = failed_gate()
        before = shown(cluster)["history"]
        cluster.app["status"] = {}
        cluster.run()
        assert shown(cluster)["history"] == before
        assert [entry["result"] for entry in before] == ["GateFailed", "Released"]
