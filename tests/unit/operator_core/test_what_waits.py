"""UpToDate names what waits, is held or comes back, the cause and the next step; nothing new: the same words."""

from collections.abc import Callable
from typing import Any

import pytest

from stand_ins.app_cluster import AppCluster, serving_cluster
from unit.operator_core.lives import BAKE, NIGHTLY, asked, bad_bake, crash, failed_gate


def shown(cluster: AppCluster, kind: str) -> tuple[str, str]:
    condition = cluster.conditions[kind]
    return condition["status"], condition["reason"]


class TestUpToDate:
    def test_says_what_is_held_and_how_it_is_let_go(self) -> None:
        cluster = failed_gate()
        assert shown(cluster, "UpToDate") == ("False", "Held")
        message = cluster.conditions["UpToDate"]["message"]
        assert message.startswith("model 42 is held: CaseFailed: revision 2: ")
        assert "kubectl -n vision annotate aiapp digits --overwrite aiapp.dev/unhold=42@$(date " in message
        assert message.endswith("revision 1 (image 1.4.1, model 41) keeps serving")

    def test_names_what_is_held_while_the_good_half_goes_out(self) -> None:
        cluster = serving_cluster()
        cluster.gates["42"] = "Failed"
        cluster.edit(image="contoso.azurecr.io/digits:1.4.2", modelVersion="42")
        cluster.run()
        assert shown(cluster, "UpToDate") == ("False", "RollingOut")
        assert "; held: model 42; " in cluster.conditions["UpToDate"]["message"]
        cluster.roll_out()
        assert shown(cluster, "UpToDate") == ("False", "Held")

    def test_says_when_the_window_opens_and_how_to_break_the_glass(self) -> None:
        cluster = serving_cluster(release=NIGHTLY)
        cluster.edit(modelVersion="42")
        cluster.run()
        assert shown(cluster, "UpToDate") == ("False", "WaitingForWindow")
        message = cluster.conditions["UpToDate"]["message"]
        assert "goes when its window opens, at 2026-11-24T02:00:00Z" in message
        assert "aiapp.dev/release-now=now@" in message

    def test_repeats_why_a_freeze_was_made(self) -> None:
        freeze = {"from": "2026-11-20T00:00:00Z", "to": "2027-01-04T00:00:00Z", "reason": "holidays"}
        cluster = serving_cluster(release={"freezes": [freeze]})
        cluster.edit(modelVersion="42")
        cluster.run()
        assert shown(cluster, "UpToDate") == ("False", "WaitingForWindow")
        words = "waits: the freeze from 2026-11-20T00:00:00Z to 2027-01-04T00:00:00Z (holidays); "
        assert words in cluster.conditions["UpToDate"]["message"]

    def test_waits_for_the_bake_of_the_release_before(self) -> None:
        cluster = serving_cluster(release=BAKE)
        cluster.edit(modelVersion="42")
        cluster.run()
        assert shown(cluster, "UpToDate") == ("False", "WaitingForBake")
        assert shown(cluster, "Reconciling") == ("True", "Baking")
        assert "at 2026-11-23T12:05:10Z" in cluster.conditions["UpToDate"]["message"]

    def test_says_why_a_gate_came_to_nothing_and_that_nobody_has_to_ask_again(self) -> None:
        cluster = serving_cluster()
        cluster.gates["42"] = "Inconclusive"
        cluster.edit(modelVersion="42")
        cluster.run()
        assert shown(cluster, "UpToDate") == ("False", "CasesMissing")
        assert "it is tried again by itself" in cluster.conditions["UpToDate"]["message"]

    def test_names_the_release_that_was_found_bad_and_the_one_that_comes_back(self) -> None:
        cluster = bad_bake()
        assert shown(cluster, "UpToDate") == ("False", "RollingBack")
        assert shown(cluster, "Reconciling") == ("True", "RollingBack")
        message = cluster.conditions["UpToDate"]["message"]
        assert message.startswith("revision 2 (image 1.4.1, model 42) was found bad: Crashing: ")
        assert "; revision 1 (image 1.4.1, model 41) is brought back: 0 of 2 pods are ready" in message

    def test_says_why_a_bad_release_stays(self) -> None:
        cluster = serving_cluster(release=BAKE)
        crash(cluster)
        cluster.run()
        assert shown(cluster, "UpToDate") == ("False", "NoWayBack")
        assert shown(cluster, "Ready") == ("False", "Crashing")
        assert [entry["result"] for entry in cluster.app["status"]["history"]] == ["Released"]

    def test_a_way_back_that_somebody_wants_is_told_with_its_end(self) -> None:
        cluster = serving_cluster()
        cluster.edit(modelVersion="42")
        cluster.run()
        cluster.roll_out()
        asked(cluster, "rollback-to", "1")
        assert shown(cluster, "UpToDate") == ("False", "RollingBack")
        cluster.roll_out()
        assert shown(cluster, "UpToDate") == ("False", "Held")
        assert "aiapp.dev/unhold=All@" in cluster.conditions["UpToDate"]["message"]

    def test_of_a_first_release_that_fails_its_gate_is_told_in_ready_too(self) -> None:
        cluster = AppCluster(gates={"41": "Failed"})
        cluster.run()
        assert shown(cluster, "Ready") == ("False", "Held")
        assert cluster.conditions["Ready"]["message"].startswith("nothing serves yet: pair 1.4.1+41 is held: ")


def in_a_bake() -> AppCluster:
    return serving_cluster(release=BAKE)


def waiting(**release: Any) -> AppCluster:
    cluster = serving_cluster(release={"bake": {"duration": "0s"}, **release})
    cluster.edit(modelVersion="42")
    cluster.run()
    return cluster


def behind_a_bake() -> AppCluster:
    return waiting(**BAKE)


def behind_a_window() -> AppCluster:
    return waiting(**NIGHTLY)


def behind_a_freeze() -> AppCluster:
    return waiting(freezes=[{"from": "2026-11-20T00:00:00Z", "to": "2027-01-04T00:00:00Z", "reason": "holidays"}])


def in_its_gate() -> AppCluster:
    cluster = serving_cluster()
    cluster.gates["42"] = ""
    cluster.edit(modelVersion="42")
    cluster.run()
    return cluster


def without_a_way_back() -> AppCluster:
    cluster = in_a_bake()
    crash(cluster)
    cluster.run()
    return cluster


@pytest.mark.parametrize(
    "life",
    [
        *(failed_gate, bad_bake, in_a_bake, in_its_gate, without_a_way_back),
        *(behind_a_bake, behind_a_window, behind_a_freeze),
    ],
)
def test_the_same_cluster_some_seconds_later_is_the_very_same_status(life: Callable[[], AppCluster]) -> None:
    cluster = life()
    cluster.run()
    before = cluster.observed
    cluster.wait(seconds=7)
    planned = cluster.run()
    assert planned.status == before.app["status"]
    assert planned.events == ()
