"""SourceDrifted: bytes of a release in use are not where they were."""

import pytest

from aiapp_operator.release.ledger import read
from aiapp_operator.release.releases import to_verify
from aiapp_operator.state import Drift
from stand_ins.app_cluster import AppCluster, serving_cluster
from stand_ins.pod_status import ended


@pytest.fixture
def cluster() -> AppCluster:
    """Return an app that serves revision 3, with 1 and 2 before it."""
    cluster = serving_cluster()
    for version in ("42", "43"):
        cluster.edit(modelVersion=version)
        cluster.run()
        cluster.roll_out()
    return cluster


def shown(cluster: AppCluster) -> tuple[str, str]:
    condition = cluster.conditions["SourceDrifted"]
    return condition["status"], condition["reason"]


def test_the_active_release_and_the_one_that_served_before_it_are_to_be_looked_after(cluster: AppCluster) -> None:
    record = read(cluster.app, cluster.children, cluster.ordered_revisions)
    assert [release.number for release in to_verify(record)] == [3, 2]
    cluster.edit(modelVersion="41")
    cluster.run()
    cluster.roll_out()
    record = read(cluster.app, cluster.children, cluster.ordered_revisions)
    assert [release.number for release in to_verify(record)] == [1, 3]


def test_nothing_is_to_be_looked_after_before_the_first_release() -> None:
    cluster = AppCluster()
    cluster.run()
    assert to_verify(read(cluster.app, cluster.children, cluster.ordered_revisions)) == ()


def test_there_is_no_condition_while_all_is_well(cluster: AppCluster) -> None:
    assert "SourceDrifted" not in cluster.conditions


@pytest.mark.parametrize(
    ("reason", "kind", "what_to_do"),
    [
        ("ContentChanged", "Warning", "put the old files back, or release a version under a new name"),
        ("ModelGone", "Warning", "upload the same files again"),
        ("ImageGone", "Warning", "push the same image again"),
        ("MetadataChanged", "Normal", "nothing has to be done"),
    ],
)
def test_says_which_release_what_happened_and_what_to_do(
    cluster: AppCluster, reason: str, kind: str, what_to_do: str
) -> None:
    cluster.drifts = (Drift(3, reason, "it is not what it was"),)
    (event,) = cluster.run().events
    assert shown(cluster) == ("True", reason)
    message = cluster.conditions["SourceDrifted"]["message"]
    assert message.startswith("revision 3 (image 1.4.1, model 43): it is not what it was; ")
    assert what_to_do in message
    assert (event.type, event.reason, event.message) == (kind, reason, message)
    assert cluster.run().events == ()
    assert cluster.conditions["Ready"]["status"] == cluster.conditions["UpToDate"]["status"] == "True"


def test_the_worst_comes_first_whichever_release_has_it(cluster: AppCluster) -> None:
    reasons = ("MetadataChanged", "ImageGone", "ModelGone", "ContentChanged")
    cluster.drifts = tuple(Drift(number, reason, reason) for reason in reasons for number in (2, 3))
    cluster.run()
    message = cluster.conditions["SourceDrifted"]["message"]
    assert shown(cluster) == ("True", "ContentChanged")
    places = [message.index(f": {reason}; ") for reason in reversed(reasons)]
    assert places == sorted(places)
    assert message.startswith("revision 3 (")


def test_a_release_that_is_of_no_use_any_more_does_not_count(cluster: AppCluster) -> None:
    cluster.drifts = (Drift(1, "ModelGone", "gone"),)
    cluster.run()
    assert "SourceDrifted" not in cluster.conditions


def test_it_ends_when_the_bytes_are_back(cluster: AppCluster) -> None:
    cluster.drifts = (Drift(3, "ModelGone", "gone"),)
    cluster.run()
    cluster.drifts = ()
    (event,) = cluster.run().events
    assert "SourceDrifted" not in cluster.conditions
    assert (event.type, event.reason) == ("Normal", "Recovered")
    assert event.message.startswith("ModelGone is over")


def test_an_operator_that_has_not_looked_yet_lets_it_stand(cluster: AppCluster) -> None:
    cluster.drifts = (Drift(3, "ModelGone", "gone"),)
    cluster.run()
    before = cluster.app["status"]
    cluster.drifts = None
    planned = cluster.run()
    assert planned.events == ()
    assert cluster.app["status"] == before


def test_nor_does_it_stand_for_a_release_that_nobody_has_looked_at(cluster: AppCluster) -> None:
    cluster.drifts = (Drift(3, "ModelGone", "gone"),)
    cluster.run()
    cluster.drifts = None
    cluster.edit(modelVersion="44")
    cluster.run()
    assert shown(cluster) == ("True", "ModelGone")
    cluster.roll_out()
    assert "SourceDrifted" not in cluster.conditions


def test_a_pod_that_starts_later_says_in_ready_that_its_version_was_overwritten(cluster: AppCluster) -> None:
    words = "ModelChanged: digits/43: the content digest is sha256:cd..; upload each version under a name of its own"
    cluster.pods[-1]["status"] = ended(1, words, container="fetch")
    cluster.set_counts(replicas=2, updated=2, available=1)
    cluster.run()
    ready = cluster.conditions["Ready"]
    assert (ready["status"], ready["reason"]) == ("False", "ModelChanged")
    assert "revision 3 (image 1.4.1, model 43): 1 of 2 pods are available" in ready["message"]
    assert "put the version's old files back, or release one under a new name" in ready["message"]
    assert cluster.running == "3"
