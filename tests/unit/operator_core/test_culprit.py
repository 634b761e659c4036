"""Both streams changed and the gate failed: which half goes out, and what is held."""

from datetime import timedelta
from typing import NamedTuple

import pytest

from stand_ins.app_cluster import NOON, AppCluster, an_app, serving_cluster

IMAGE_2 = "contoso.azurecr.io/digits:1.4.2"


class Outcome(NamedTuple):
    """What serves in the end, what is held, and how many gates it took beside the first release's."""

    image: str
    model: str
    held: str
    gates: int


def outcome(cluster: AppCluster) -> Outcome:
    cluster.roll_out()
    cluster.run()
    status = cluster.app["status"]
    active = status["active"]
    gates = [each for each in cluster.ordered_revisions if "aiapp.dev/gate" in each["metadata"]["annotations"]]
    return Outcome(active["image"].rpartition(":")[2], active["modelVersion"], status.get("held", ""), len(gates) - 1)


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        pytest.param({}, Outcome("1.4.2", "42", "", 1), id="both are good"),
        pytest.param({"1.4.2": "Failed"}, Outcome("1.4.1", "42", "image 1.4.2", 3), id="the image is bad"),
        pytest.param({"42": "Failed"}, Outcome("1.4.2", "41", "model 42", 3), id="the model is bad"),
        pytest.param(
            {"1.4.2": "Failed", "42": "Failed"},
            Outcome("1.4.1", "41", "model 42, image 1.4.2", 3),
            id="both are bad",
        ),
        # Model 42 was published the day before the image was seen.
        pytest.param(
            {"1.4.2+42": "Failed"}, Outcome("1.4.1", "42", "pair 1.4.2+42", 3), id="only together are they bad"
        ),
    ],
)
def test_the_good_half_goes_out_and_the_bad_one_is_held_when(gates: dict[str, str], expected: Outcome) -> None:
    cluster = serving_cluster()
    cluster.gates = gates
    cluster.edit(image=IMAGE_2, modelVersion="42")
    cluster.run()
    assert outcome(cluster) == expected


def test_config_goes_with_the_image_into_its_half() -> None:
    cluster = serving_cluster()
    cluster.gates = {"1.4.2": "Failed"}
    cluster.edit(image=IMAGE_2, modelVersion="42", serving={"env": [{"name": "LOG", "value": "debug"}]})
    cluster.run()
    assert outcome(cluster) == Outcome("1.4.1", "42", "image 1.4.2", 3)
    assert "debug" not in str(cluster.deployment)


def test_a_half_that_cannot_be_judged_is_waited_for_and_nothing_goes_out() -> None:
    cluster = serving_cluster()
    cluster.gates = {"1.4.2+42": "Failed", "1.4.2+41": "Inconclusive"}
    cluster.edit(image=IMAGE_2, modelVersion="42")
    cluster.run()
    assert cluster.running == "1"
    assert cluster.app["status"].get("held", "") == ""
    cluster.gates = {"1.4.2": "Failed"}
    cluster.wait(minutes=2)
    cluster.run()
    assert outcome(cluster) == Outcome("1.4.1", "42", "image 1.4.2", 3)


def test_a_newer_arrival_ends_the_search() -> None:
    cluster = AppCluster(app=an_app(modelVersion=None))
    cluster.versions = {"41": NOON - timedelta(days=2)}
    cluster.run()
    cluster.roll_out()
    cluster.gates = {"1.4.2+42": "Failed", "1.4.2+41": ""}
    cluster.versions["42"] = NOON - timedelta(days=1)
    cluster.edit(image=IMAGE_2)
    cluster.run()
    assert [child.name for child in cluster.children if child.kind == "Job"] == ["digits-gate-3-0"]
    cluster.versions["43"] = cluster.now
    cluster.run()
    assert outcome(cluster)[:3] == ("1.4.2", "43", "")


def test_a_first_release_that_fails_is_held_as_a_pair_as_nobody_knows_which_half_it_was() -> None:
    cluster = AppCluster(gates={"1.4.1+41": "Failed"})
    cluster.run()
    assert cluster.app["status"]["held"] == "pair 1.4.1+41"
    cluster.edit(modelVersion="42")
    cluster.run()
    cluster.roll_out()
    assert cluster.app["status"]["active"]["modelVersion"] == "42"


def test_an_image_that_brings_its_model_and_fails_first_may_go_with_another_config() -> None:
    cluster = AppCluster(app=an_app(modelSource=None, modelVersion=None), gates={"1.4.1": "Failed"})
    cluster.run()
    assert cluster.app["status"]["held"] == "pair 1.4.1"
    cluster.gates.clear()
    cluster.edit(serving={"env": [{"name": "TOKENS", "value": "128"}]})
    cluster.run()
    cluster.roll_out()
    assert cluster.conditions["UpToDate"]["status"] == "True"
