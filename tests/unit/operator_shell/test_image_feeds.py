"""What is asked of a registry to know the newest image: one HEAD for a tag, one listing for all of a repository."""

from collections.abc import Collection, Iterator
from typing import Any

import pytest

from aiapp_operator.errors import NotFoundError, Reason, TransientError, WaitingError
from aiapp_operator.following import Policy
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.sources.image_feeds import MANY, ImageVerifier, TagPoller, TagsPoller
from aiapp_operator.sources.questions import Account, Follow, Found, ImageQuestion
from aiapp_operator.state import ResolvedImage
from unit.operator_shell.followed import Followed, MemoryIdentity, digest
from unit.operator_shell.memory_api import MemoryApi

REPOSITORY = "contoso.azurecr.io/digits"
ALL, ONE = Policy("SemVer"), Policy("SemVer", "1.x")


class Bench(Followed):
    def __init__(self, *tags: str, image: str = f"{REPOSITORY}:1.0.0", account: Account | None = None) -> None:
        self.api = MemoryApi()
        super().__init__(self.api)
        self.tags = self.registry.tags_of[REPOSITORY] = {tag: digest(tag) for tag in tags}
        self.question = ImageQuestion("vision", ImageReference.parse(image), (), account)
        self.poller = TagsPoller(self.question, self.images)

    async def newest(self, policy: Policy = ALL, *, again: bool = False, held: Collection[str] = ()) -> Any:
        self.registry.asked.clear()
        follow = Follow(policy, again, frozenset(held))
        return (await self.poller.poll(frozenset([follow]))).answers[follow]


async def test_a_tag_costs_one_head_a_poll() -> None:
    bench = Bench("1.0.0")
    poller = TagPoller(bench.question, bench.images)
    for content in (digest("1.0.0"), digest("pushed again")):
        bench.tags["1.0.0"] = content
        outcome = await poller.poll(frozenset([()]))
        assert outcome.answers == {(): ResolvedImage(f"{REPOSITORY}:1.0.0", content)}
    assert bench.registry.asked == {"HEAD": 2}


async def test_a_tag_that_is_not_pushed_yet_is_polled_as_ever() -> None:
    bench = Bench()
    outcome = await TagPoller(bench.question, bench.images).poll(frozenset([()]))
    assert outcome.answers[()].reason == "ImageNotFound"
    assert not outcome.failed


async def test_a_repository_costs_one_listing_and_a_head_for_what_is_chosen_first() -> None:
    bench = Bench("1.0.0", "1.1.0", "nightly")
    assert await bench.newest() == ResolvedImage(f"{REPOSITORY}:1.1.0", digest("1.1.0"))
    assert bench.registry.asked == {"LIST": 1, "HEAD": 1}
    await bench.newest()
    assert bench.registry.asked == {"LIST": 1}
    bench.tags["1.2.0"] = digest("1.2.0")
    assert (await bench.newest()).digest == digest("1.2.0")
    assert bench.registry.asked == {"LIST": 1, "HEAD": 1}


async def test_all_policies_share_one_listing() -> None:
    bench = Bench("1.0.0", "2.0.0")
    outcome = await bench.poller.poll(frozenset([Follow(ALL), Follow(ONE)]))
    assert {answer.ref for answer in outcome.answers.values()} == {f"{REPOSITORY}:1.0.0", f"{REPOSITORY}:2.0.0"}
    assert bench.registry.asked == {"LIST": 1, "HEAD": 2}


async def test_many_tags_are_put_in_order_too() -> None:
    bench = Bench(*(f"1.{n}.0" for n in range(MANY + 1)))
    assert (await bench.newest()).ref == f"{REPOSITORY}:1.{MANY}.0"


async def test_what_does_not_start_is_asked_for_again_in_every_poll() -> None:
    bench = Bench("1.0.0")
    await bench.newest()
    bench.tags["1.0.0"] = digest("repaired")
    assert (await bench.newest()).digest == digest("1.0.0")
    assert (await bench.newest(again=True)).digest == digest("repaired")


async def test_what_is_held_is_passed_by_for_the_next_older_one() -> None:
    bench = Bench("1.0.0", "1.1.0", "1.2.0")
    held = {digest("1.2.0")}
    assert (await bench.newest(held=held)).ref == f"{REPOSITORY}:1.1.0"
    assert bench.registry.asked == {"LIST": 1, "HEAD": 2}
    assert (await bench.newest(held={*held, digest("1.1.0")})).ref == f"{REPOSITORY}:1.0.0"
    assert (await bench.newest(held=held, policy=ONE)).ref == f"{REPOSITORY}:1.1.0"


async def test_something_newer_passes_a_hold_by() -> None:
    bench = Bench("1.0.0", "1.1.0")
    await bench.newest(held={digest("1.1.0")})
    bench.tags["1.2.0"] = digest("1.2.0")
    assert (await bench.newest(held={digest("1.1.0")})).ref == f"{REPOSITORY}:1.2.0"
    assert (await bench.newest(held={digest("1.1.0"), digest("1.2.0")})).ref == f"{REPOSITORY}:1.0.0"


async def test_where_all_are_held_the_newest_is_the_answer() -> None:
    bench = Bench("1.0.0", "1.1.0")
    assert (await bench.newest(held=bench.tags.values())).ref == f"{REPOSITORY}:1.1.0"


async def test_a_poll_asks_for_held_tags_again_and_for_no_other_that_it_knows() -> None:
    bench = Bench(*(f"1.{n}.0" for n in range(50)))
    held = {digest("1.49.0"), digest("1.48.0")}
    await bench.newest(held=held)
    assert bench.registry.asked == {"LIST": 1, "HEAD": 3}
    await bench.newest(held=held)
    assert bench.registry.asked == {"LIST": 1, "HEAD": 2}


async def test_a_held_tag_that_is_pushed_again_with_other_bytes_is_seen() -> None:
    bench = Bench("1.0.0", "1.1.0")
    held = {digest("1.1.0")}
    assert (await bench.newest(held=held)).ref == f"{REPOSITORY}:1.0.0"
    bench.tags["1.1.0"] = digest("repaired")
    assert await bench.newest(held=held) == ResolvedImage(f"{REPOSITORY}:1.1.0", digest("repaired"))


async def test_held_bytes_under_very_many_names_cost_so_many_looks_and_no_more() -> None:
    bench = Bench("1.0.0")
    bench.tags |= {f"1.1.{n}": digest("broken") for n in range(1000)}
    assert (await bench.newest(held={digest("broken")})).ref == f"{REPOSITORY}:1.1.999"
    assert bench.registry.asked["HEAD"] == Follow(ALL, held=frozenset({digest("broken")})).looks


async def test_a_newer_one_that_cannot_be_had_is_said_and_no_older_one_taken_for_it() -> None:
    bench = Bench("1.0.0", "1.1.0", "1.2.0")
    policy, held = ALL, frozenset({digest("1.2.0")})
    tags = dict(bench.tags)
    del bench.tags["1.1.0"]

    class Listing(dict[str, str]):
        def __iter__(self) -> Iterator[str]:
            return iter(tags)

    bench.registry.tags_of[REPOSITORY] = Listing(bench.tags)
    follow = Follow(policy, held=held)
    assert (await bench.poller.poll(frozenset({follow}))).answers[follow].reason == "ImageNotFound"


async def test_what_is_held_for_one_is_not_for_another() -> None:
    bench = Bench("1.0.0", "1.1.0")
    of_all, of_one = Follow(ALL), Follow(ALL, held=frozenset({digest("1.1.0")}))
    answers = (await bench.poller.poll(frozenset({of_all, of_one}))).answers
    assert (answers[of_all].ref, answers[of_one].ref) == (f"{REPOSITORY}:1.1.0", f"{REPOSITORY}:1.0.0")
    assert bench.registry.asked == {"LIST": 1, "HEAD": 2}


@pytest.mark.parametrize("tags", [(), ("nightly", "2.0.0-rc1")])
async def test_a_repository_without_a_tag_to_take_says_so_and_is_polled_as_ever(tags: tuple[str, ...]) -> None:
    outcome = await Bench(*tags).poller.poll(frozenset([Follow(ALL)]))
    (problem,) = outcome.answers.values()
    assert problem.reason == "NoMatchingVersion"
    assert REPOSITORY in problem.message
    assert not outcome.failed


@pytest.mark.parametrize(
    ("error", "retry_after"),
    [
        (TransientError(Reason.REGISTRY_UNREACHABLE, "too many requests", 30), 30),
        (WaitingError(Reason.REGISTRY_UNAUTHORIZED, "no login fits"), 0),
    ],
)
async def test_a_registry_that_refuses_is_tried_later(error: Any, retry_after: float) -> None:
    bench = Bench("1.0.0")
    bench.registry.error = error
    for poller, aspect in ((bench.poller, Follow(ALL)), (TagPoller(bench.question, bench.images), ())):
        outcome = await poller.poll(frozenset([aspect]))
        assert outcome.answers == {aspect: error.problem()}
        assert (outcome.failed, outcome.retry_after) == (True, retry_after)


async def test_the_apps_identity_is_looked_up_anew_after_a_refusal() -> None:
    bench = Bench("1.0.0", account=Account("vision", "digits", "client", "tenant"))
    account = {"kind": "ServiceAccount", "metadata": {"namespace": "vision", "name": "digits"}}
    bench.api.put(account)
    await bench.newest()
    identities = [identity for _, identity in bench.registry.as_whom]
    assert isinstance(identities[0], MemoryIdentity)
    assert len(set(map(id, identities))) == 1
    bench.registry.error = WaitingError(Reason.REGISTRY_UNAUTHORIZED, "no right")
    await bench.newest()
    await bench.newest()
    assert bench.registry.as_whom[-1][1] is not identities[0]


class TestVerifier:
    IMAGE = f"{REPOSITORY}@{digest('1.0.0')}"

    async def test_an_image_that_is_there_is_nothing_to_tell(self) -> None:
        bench = Bench("1.0.0", image=self.IMAGE)
        outcome = await ImageVerifier(bench.question, bench.images).poll(frozenset([()]))
        assert outcome.answers == {(): Found()}

    @pytest.mark.parametrize("error", [None, NotFoundError(Reason.IMAGE_NOT_FOUND, "no such repository")])
    async def test_an_image_that_went_is_named(self, error: Exception | None) -> None:
        bench = Bench(image=self.IMAGE)
        bench.registry.error = error
        outcome = await ImageVerifier(bench.question, bench.images).poll(frozenset([()]))
        assert outcome.answers == {(): Found("ImageGone", f"{self.IMAGE} is not in the registry")}

    async def test_a_registry_that_does_not_tell_changes_nothing(self) -> None:
        bench = Bench(image=self.IMAGE)
        bench.registry.error = TransientError(Reason.REGISTRY_UNREACHABLE, "away")
        outcome = await ImageVerifier(bench.question, bench.images).poll(frozenset([()]))
        assert (outcome.answers, outcome.failed) == ({}, True)
