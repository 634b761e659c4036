"""Whatever a source lists, in whatever order and however little of it: a followed stream only moves forward."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiapp_operator.following import Policy, Version, newer, ranked
from stand_ins.app_cluster import NOON, AppCluster, an_app, without
from stand_ins.pod_status import ended, unschedulable

REPOSITORY = "contoso.azurecr.io/digits"
TAGS = tuple(f"1.{minor}.{patch}" for minor in range(4) for patch in (0, 10, 9))
MODELS = {str(number): NOON - timedelta(minutes=(number * 7) % 13) for number in range(13)}
"""Their times do not follow their names."""


class Step(NamedTuple):
    """What the sources list at one time, and what becomes of the rollout before the next."""

    tags: Sequence[str]
    versions: Sequence[str]
    away: str
    fate: str


STEPS = st.lists(
    st.builds(
        Step,
        st.lists(st.sampled_from(TAGS), max_size=4),
        st.lists(st.sampled_from(sorted(MODELS)), max_size=4),
        st.sampled_from(["", "", "", "image", "model"]),
        st.sampled_from(["rolls out", "rolls out", "is not done yet", "crashes", "has no room"]),
    ),
    max_size=8,
)
MODEL_POLICIES = ("LastModified", "Numerical")


def app_following(model_policy: str) -> AppCluster:
    image_policy = {"type": "SemVer", "range": ">=1.0.0"}
    app = an_app(image=REPOSITORY, imagePolicy=image_policy, modelVersion=None, modelPolicy={"type": model_policy})
    return AppCluster(app=app)


def take(cluster: AppCluster, step: Step) -> None:
    cluster.tags, cluster.versions = list(step.tags), {name: MODELS[name] for name in step.versions}
    cluster.missing = without(step.away, "Unreachable") if step.away else {}
    cluster.run()
    if not cluster.children or "Deployment" not in {child.kind for child in cluster.children}:
        return
    match step.fate:
        case "rolls out":
            cluster.roll_out()
        case "crashes" if not _serves(cluster):
            cluster.start_one_pod(**ended(1, "boom"))
        case "has no room" if not _serves(cluster):
            cluster.start_one_pod(**unschedulable("0/3 nodes"))


def _serves(cluster: AppCluster) -> bool:
    return bool(cluster.app["status"].get("active", {}).get("revision") == int(cluster.running))


def versions_of(release: dict[str, Any]) -> tuple[Version, Version]:
    name = release["modelVersion"]
    return Version(release["image"].rpartition(":")[2]), Version(name, MODELS[name])


def on_the_deployment(cluster: AppCluster) -> tuple[Version, Version]:
    annotations = cluster.deployment["spec"]["template"]["metadata"]["annotations"]
    return versions_of(
        {"image": annotations["aiapp.dev/image"], "modelVersion": annotations["aiapp.dev/model-version"]}
    )


@pytest.mark.parametrize("model_policy", MODEL_POLICIES)
@given(steps=STEPS)
@settings(max_examples=150, deadline=None)
def test_what_serves_is_never_followed_by_something_older(model_policy: str, steps: list[Step]) -> None:
    cluster, policies = app_following(model_policy), (Policy("SemVer", ">=1.0.0"), Policy(model_policy))
    active: dict[str, Any] = {}
    for step in steps:
        take(cluster, step)
        before, active = active, cluster.app["status"].get("active") or {}
        assert bool(active) >= bool(before)
        if before:
            for was, now, asked, policy in zip(
                versions_of(before), versions_of(active), on_the_deployment(cluster), policies, strict=True
            ):
                assert not newer(was, now, policy)
                assert not newer(was, asked, policy)


@pytest.mark.parametrize("model_policy", MODEL_POLICIES)
@given(steps=STEPS, chance=st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_newest_is_reached_once_the_listing_is_whole(model_policy: str, steps: list[Step], chance: Any) -> None:
    cluster = app_following(model_policy)
    for step in steps:
        take(cluster, step)
    names, tags = sorted(MODELS), list(TAGS)
    chance.shuffle(names)
    chance.shuffle(tags)
    for _ in range(3):  # what is rolling out ends first, or is undone first
        take(cluster, Step(tags, names, "", "rolls out"))
    newest = ranked([Version(name, MODELS[name]) for name in MODELS], Policy(model_policy))[0]
    assert on_the_deployment(cluster) == (Version("1.3.10"), newest)
    assert cluster.conditions["UpToDate"]["status"] == "True"


@given(st.lists(st.integers(0, 12), min_size=1, max_size=10), st.integers(1, 12))
@settings(max_examples=100, deadline=None)
def test_uploads_in_any_order_and_polls_at_any_time_end_at_the_last_upload(order: list[int], polls: int) -> None:
    cluster = AppCluster(app=an_app(modelVersion="latest"))
    uploads: dict[str, datetime] = {}
    for at, number in enumerate(order):
        uploads.setdefault(str(number), NOON + timedelta(seconds=at))
        cluster.versions = dict(uploads)
        if at % polls == 0:
            cluster.run()
            cluster.roll_out()
    cluster.run()
    cluster.roll_out()
    assert cluster.app["status"]["active"]["modelVersion"] == max(uploads, key=lambda name: uploads[name])
