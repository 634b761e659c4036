"""Following past what is held: the newest that is not, chosen by each app for itself from what all of them share."""

import asyncio

import pytest

from aiapp_operator.state import Key, Problem, ResolvedImage, Stream
from unit.operator_shell import virtual_time
from unit.operator_shell.followed import Followed, digest
from unit.operator_shell.followed_world import FOLLOWING, KEY, REPOSITORY, World, app_of, follow, in_virtual_time
from unit.operator_shell.memory_api import MemoryApi

INTERVAL = 300


@in_virtual_time
async def test_a_build_that_failed_its_gate_may_be_repaired_under_its_name(world: World) -> None:
    world.app(FOLLOWING)
    await world.pass_time(20)
    world.registry.tags_of[REPOSITORY]["1.1.0"] = digest("broken")
    world.gates = "Failed"
    await world.pass_time(2 * INTERVAL)
    assert world.active == (digest("1.0.0"), "v1")
    assert [hold["digest"] for hold in world.api.of("AIApp")["status"]["holds"]] == [digest("broken")]
    held = world.api.of("AIApp")["status"]["held"]
    assert held == "image 1.1.0"
    world.registry.tags_of[REPOSITORY]["1.1.0"] = digest("repaired")
    world.gates = "Passed"
    await world.pass_time(INTERVAL + 10)
    assert world.active == (digest("repaired"), "v1")


@in_virtual_time
async def test_a_newer_build_passes_a_hold_by_and_when_it_fails_too_the_held_one_is_not_shipped(world: World) -> None:
    tags = world.registry.tags_of[REPOSITORY]
    world.app(FOLLOWING)
    await world.pass_time(20)
    world.gates = "Failed"
    for tag in ("1.1.0", "1.2.0"):
        tags[tag] = digest(tag)
        await world.pass_time(2 * INTERVAL)
    assert world.active == (digest("1.0.0"), "v1")
    assert {hold["digest"] for hold in world.api.of("AIApp")["status"]["holds"]} == {digest("1.1.0"), digest("1.2.0")}
    world.registry.asked.clear()
    world.api.requests.clear()
    world.gates = "Passed"
    await asyncio.sleep(10 * INTERVAL)
    assert world.active == (digest("1.0.0"), "v1")
    assert world.registry.asked == {"LIST": 10, "HEAD": 20}  # those that are held may be pushed again
    assert [request for request in world.api.requests if request[0] not in {"GET"}] == []
    tags["1.3.0"] = digest("1.3.0")
    await world.pass_time(INTERVAL + 10)
    assert world.active == (digest("1.3.0"), "v1")


@pytest.mark.parametrize("namespaces", [1, 2])
def test_apps_with_other_holds_share_the_listing_and_choose_for_themselves(namespaces: int) -> None:
    spec = {**FOLLOWING, "image": "harbor.corp.example/digits", "imagePullSecrets": []}
    spec["modelSource"] = {**FOLLOWING["modelSource"], "credentials": {"anonymous": {}}}

    async def main() -> None:
        followed = Followed(MemoryApi())
        tags = followed.registry.tags_of["harbor.corp.example/digits"] = {"1.0.0": digest("1.0.0")}
        followed.folder.versions = {"v1": 1, "v2": 2}
        tags["1.1.0"] = digest("1.1.0")
        for n in range(4):
            one = app_of(f"team-{n % namespaces}", f"app-{n}", spec)
            follow(followed, one, **({"image": digest("1.1.0"), "model": digest("v2")} if n < 2 else {}))
        await asyncio.sleep(1)
        for n in range(4):
            answers = [
                await followed.streams.answer(Key(f"team-{n % namespaces}", f"app-{n}"), s, fresh=False) for s in Stream
            ]
            assert [answer.digest for answer in answers if not isinstance(answer, Problem)] == (
                [digest("1.0.0"), digest("v1")] if n < 2 else [digest("1.1.0"), digest("v2")]
            )
        assert len(followed.feeds) == 2 * namespaces
        assert followed.registry.asked == {"LIST": namespaces, "HEAD": 2 * namespaces}
        assert followed.folder.asked["names"] == namespaces
        await followed.feeds.stop()

    virtual_time.run(main())


def test_a_hold_and_its_end_choose_anew_at_once() -> None:
    one = app_of(*KEY, {**FOLLOWING, "imagePullSecrets": [], "image": "harbor.corp.example/digits"})

    async def main() -> None:
        followed = Followed(MemoryApi())
        followed.registry.tags_of["harbor.corp.example/digits"] = {n: digest(n) for n in ("1.0.0", "1.1.0")}
        chosen = []
        for held in ({}, {"image": digest("1.1.0")}, {"image": digest("1.1.0")}, {}):
            follow(followed, one, **held)
            answer = await followed.streams.answer(KEY, Stream.IMAGE, fresh=False)
            chosen += [answer.digest] if isinstance(answer, ResolvedImage) else []
        assert chosen == [digest("1.1.0"), digest("1.0.0"), digest("1.0.0"), digest("1.1.0")]
        assert virtual_time.now() == 0
        assert followed.registry.asked["LIST"] == 3  # one for each change
        await followed.feeds.stop()

    virtual_time.run(main())
