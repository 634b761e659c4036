"""Following as users see it: what is new rolls the app, what is not costs nothing, and equal questions are one."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from aiapp_models.errors import Reason, SourceError
from aiapp_operator.kube import RESOURCES
from aiapp_operator.release.ledger import Inputs, Release
from aiapp_operator.release.notes import format_time
from aiapp_operator.sources import questions
from aiapp_operator.state import Manifest, ResolvedImage
from unit.operator_shell import virtual_time
from unit.operator_shell.followed import Followed, digest
from unit.operator_shell.followed_world import (
    BY_IDENTITY,
    FOLLOWING,
    KEY,
    REPOSITORY,
    World,
    app_of,
    follow,
    in_virtual_time,
)
from unit.operator_shell.memory_api import MemoryApi

INTERVAL = 300


def kinds(world: World) -> Counter[str]:
    """Count the requests to the API server by what they are about."""
    return Counter(f"{method} {path.split('/')[-2]}" for method, path in world.api.requests)


@in_virtual_time
async def test_a_new_app_takes_the_newest_of_both_streams(world: World) -> None:
    world.folder.versions = {"v1": 1, "v2": 2, "v3": None}
    world.app(FOLLOWING)
    await world.pass_time(5)
    assert world.active == (digest("1.0.0"), "v2")
    assert world.condition("UpToDate")[0] == "True"


@in_virtual_time
async def test_an_app_whose_sources_have_nothing_new_costs_one_read_of_each_secret_a_poll(world: World) -> None:
    world.app(FOLLOWING)
    await world.pass_time(20)
    world.api.requests.clear()
    world.registry.asked.clear()
    world.folder.asked.clear()
    await asyncio.sleep(3600)
    polls = 3600 // INTERVAL
    assert world.registry.asked == {"LIST": polls}
    assert world.folder.asked == {"open": polls, "names": polls}
    assert kinds(world) == {"GET secrets": 2 * polls}


@in_virtual_time
async def test_by_identity_not_even_that(world: World) -> None:
    world.app(BY_IDENTITY)
    await world.pass_time(2)
    assert world.api.has("Deployment")  # asked as the ServiceAccount that the same run made
    assert {event["type"] for event in world.api.all_of("Event")} == {"Normal"}
    await world.pass_time(18)
    assert world.active == (digest("1.0.0"), "v1")
    world.api.requests.clear()
    world.registry.asked.clear()
    await asyncio.sleep(3600)
    assert world.registry.asked == {"HEAD": 3600 // INTERVAL}
    assert kinds(world) == {"POST digits": 1}  # one new token of the ServiceAccount an hour


@in_virtual_time
async def test_an_account_that_is_refused_is_told_and_tried_again(world: World) -> None:
    path = RESOURCES["ServiceAccount"].path(*KEY)
    world.api.refuses["PATCH", path] = (403, "no more ServiceAccounts")
    world.app(BY_IDENTITY)
    await world.pass_time(5)
    assert world.condition("UpToDate") == ("False", "Refused")
    assert world.condition("SourcesResolved") == ("False", "IdentityMissing")
    world.api.refuses.clear()
    await world.pass_time(120)
    assert world.active == (digest("1.0.0"), "v1")


@in_virtual_time
async def test_a_new_tag_and_a_new_version_roll_the_app_by_themselves(world: World) -> None:
    world.app(FOLLOWING)
    await world.pass_time(20)
    world.registry.tags_of[REPOSITORY]["1.1.0"] = digest("1.1.0")
    await world.pass_time(INTERVAL + 10)
    assert world.active == (digest("1.1.0"), "v1")
    world.folder.versions["v2"] = 2
    await world.pass_time(INTERVAL + 10)
    assert world.active == (digest("1.1.0"), "v2")


@in_virtual_time
async def test_a_listing_that_shrinks_changes_nothing(world: World) -> None:
    world.folder.versions = {"v1": 1, "v2": 2}
    world.app(FOLLOWING)
    await world.pass_time(20)
    for versions in ({"v1": 1}, {}):
        world.folder.versions = dict(versions)
        await world.pass_time(INTERVAL + 10)
        assert world.active == (digest("1.0.0"), "v2")


@in_virtual_time
async def test_a_store_that_is_away_is_told_and_what_serves_stays(world: World) -> None:
    world.app(FOLLOWING)
    await world.pass_time(20)
    world.folder.faults["names"] = SourceError(Reason.STORE_UNREACHABLE, "the store is away", transient=True)
    await world.pass_time(INTERVAL + 30)
    assert world.condition("SourcesResolved") == ("False", "StoreUnreachable")
    assert world.condition("Ready")[0] == "True"
    assert world.active == (digest("1.0.0"), "v1")
    world.folder.faults.clear()
    await world.pass_time(INTERVAL + 30)
    assert world.condition("SourcesResolved")[0] == "True"


@in_virtual_time
async def test_the_reconcile_action_polls_now_and_once(world: World) -> None:
    world.app(FOLLOWING)
    await world.pass_time(20)
    world.registry.tags_of[REPOSITORY]["1.1.0"] = digest("1.1.0")
    world.registry.asked.clear()
    world.folder.asked.clear()
    action = f"x@{format_time(world.now())}"
    world.app(FOLLOWING, reconcile=action)
    await world.pass_time(10)
    assert world.active == (digest("1.1.0"), "v1")
    assert world.registry.asked["LIST"] == 1
    assert world.folder.asked["names"] == 1
    assert world.registry.asked["EXISTS"] == 1  # what serves is looked after at the same time
    assert world.api.of("AIApp")["status"]["lastHandledActions"] == {"reconcile": action}


@in_virtual_time
async def test_a_suspended_app_asks_nothing_and_one_that_goes_is_forgotten(world: World) -> None:
    world.app(FOLLOWING)
    await world.pass_time(20)
    world.app({**FOLLOWING, "suspend": True})
    await world.pass_time(5)
    world.registry.asked.clear()
    await asyncio.sleep(3600)
    assert not world.registry.asked
    world.app(FOLLOWING)
    await world.pass_time(5)
    assert len(world.followed.feeds) > 0
    world.view.gone(world.api.remove("AIApp"))
    world.queue.add(KEY)
    await asyncio.sleep(1)
    assert len(world.followed.feeds) == 0
    assert world.followed.streams._apps == {}


@in_virtual_time
async def test_an_image_that_went_from_the_registry_is_told_within_a_day(world: World) -> None:
    world.app(FOLLOWING)
    await world.pass_time(20)
    assert world.condition("SourceDrifted") == ("", "")
    world.registry.tags_of[REPOSITORY] = {"1.0.0": digest("rebuilt")}
    await asyncio.sleep(25 * 3600)
    assert world.condition("SourceDrifted") == ("True", "ImageGone")
    assert world.active == (digest("1.0.0"), "v1")


@pytest.mark.parametrize(
    "config", [{"modelSource": {"x": 1}}, {"imagePullSecrets": [{}]}, {"imagePullSecrets": 5}, {"modelSource": [1]}]
)
def test_a_record_that_somebody_edited_is_looked_after_as_far_as_it_can_be_read(config: Manifest) -> None:
    image = ResolvedImage(f"{REPOSITORY}:1.0.0", digest("1.0.0"))
    release = Release(1, "digits-1", Inputs(image, None, config), image.ref, {})
    assert questions.released(KEY, release) is None
    assert questions.released(KEY, replace(release, inputs=Inputs(image, None, {}))) is not None


@pytest.mark.parametrize(("apps", "namespaces"), [(1000, 4), (2, 2)])
def test_apps_of_a_namespace_share_their_questions_and_namespaces_never_do(apps: int, namespaces: int) -> None:
    spec = {**FOLLOWING, "imagePullSecrets": []}
    spec["image"] = "harbor.corp.example/digits"
    spec["modelSource"] = {**FOLLOWING["modelSource"], "credentials": {"anonymous": {}}}

    async def main() -> Followed:
        followed = Followed(MemoryApi())
        followed.registry.tags_of["harbor.corp.example/digits"] = {"1.0.0": digest("1.0.0")}
        followed.folder.versions = {"v1": 1}
        for n in range(apps):
            follow(followed, app_of(f"team-{n % namespaces}", f"app-{n}", spec))
        await asyncio.sleep(INTERVAL * 2 + 1)
        await followed.feeds.stop()
        return followed

    followed = virtual_time.run(main())
    assert followed.registry.asked == {"LIST": 3 * namespaces, "HEAD": namespaces}
    assert followed.folder.asked["names"] == 3 * namespaces


@pytest.mark.parametrize(
    "other",
    [
        {"imagePullSecrets": [{"name": "other"}]},
        {"modelSource": {**FOLLOWING["modelSource"], "credentials": {"anonymous": {}}}},
        {
            "modelSource": {
                **FOLLOWING["modelSource"],
                "azureBlob": {"account": "c2", "container": "models", "path": "x"},
            }
        },
        {"image": "contoso.azurecr.io/other"},
    ],
)
async def test_what_is_read_from_elsewhere_or_as_somebody_else_is_another_question(other: Manifest) -> None:
    followed = Followed(MemoryApi())
    follow(followed, app_of("vision", "a", FOLLOWING))
    follow(followed, app_of("vision", "b", FOLLOWING))
    assert len(followed.feeds) == 2
    follow(followed, app_of("vision", "c", {**FOLLOWING, **other}))
    assert len(followed.feeds) == 3
    await followed.feeds.stop()


async def test_accounts_ask_for_themselves() -> None:
    followed = Followed(MemoryApi())
    follow(followed, app_of("vision", "a", BY_IDENTITY))
    follow(followed, app_of("vision", "b", BY_IDENTITY))
    assert len(followed.feeds) == 4
    for name in "ab":
        follow(followed, app_of("vision", name, {**BY_IDENTITY, "serviceAccountName": "shared"}))
    assert len(followed.feeds) == 2
    await followed.feeds.stop()
