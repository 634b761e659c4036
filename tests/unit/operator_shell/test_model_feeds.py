"""What is read of a folder of models to know its newest version: a listing, a look at each name once, one manifest."""

import time
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

import pytest

from aiapp_models.errors import Reason, SourceError
from aiapp_operator.following import Policy
from aiapp_operator.sources import model_versions
from aiapp_operator.sources.model_feeds import FolderPoller, ModelVerifier
from aiapp_operator.sources.questions import Follow, Found, ModelQuestion
from aiapp_operator.state import Problem, ResolvedModel, Severity
from unit.operator_shell.followed import TIME, Followed, digest, secret_of
from unit.operator_shell.memory_api import MemoryApi

LATEST, SEM_VER = Policy("LastModified"), Policy("SemVer")
QUESTION = ModelQuestion("vision", '{"azureBlob": {}}')


class Bench(Followed):
    def __init__(self, versions: Mapping[str, int | None]) -> None:
        super().__init__(MemoryApi())
        self.folder.versions = dict(versions)
        self.poller = FolderPoller(QUESTION, self.stores)

    async def newest(self, policy: Policy = LATEST, *, again: bool = False, held: Collection[str] = ()) -> Any:
        self.folder.asked.clear()
        follow = Follow(policy, again, frozenset(held))
        return (await self.poller.poll(frozenset([follow]))).answers[follow]


async def test_the_newest_complete_version_is_found_with_its_contents() -> None:
    bench = Bench({"v1": 1, "v2": 2, "v3": None})
    newest = await bench.newest()
    assert newest == ResolvedModel("v2", digest("v2"), 1024, TIME + timedelta(minutes=2), newest.manifest_digest)
    assert newest.manifest_digest.startswith("sha256:")


async def test_a_poll_lists_and_looks_only_at_what_it_does_not_know() -> None:
    bench = Bench({f"v{n}": n for n in range(10)})
    await bench.newest()
    assert bench.folder.asked == {"open": 1, "names": 1, "published": 10, "manifest": 1}
    await bench.newest()
    assert bench.folder.asked == {"open": 1, "names": 1}
    bench.folder.versions["v99"] = 99
    assert (await bench.newest()).version == "v99"
    assert bench.folder.asked == {"open": 1, "names": 1, "published": 1, "manifest": 1}


async def test_what_was_not_complete_is_looked_at_again() -> None:
    bench = Bench({"v1": 1, "v2": None})
    assert (await bench.newest()).version == "v1"
    bench.folder.versions["v2"] = 2
    assert (await bench.newest()).version == "v2"


async def test_a_versions_time_never_moves() -> None:
    bench = Bench({"v1": 1, "v2": 2})
    await bench.newest()
    bench.folder.versions["v1"] = 99
    assert (await bench.newest()).version == "v2"


async def test_by_name_only_the_top_is_looked_at() -> None:
    bench = Bench({f"1.{n}.0": n for n in range(1000)} | {"1.1000.0": None, "1.1001.0": None})
    assert (await bench.newest(SEM_VER)).version == "1.999.0"
    assert bench.folder.asked["published"] == 3
    await bench.newest(SEM_VER)
    assert bench.folder.asked["published"] == 2  # those two may be complete by now


async def test_all_policies_share_one_listing() -> None:
    bench = Bench({"1.0.0": 5, "2.0.0": 1})
    follows = {Follow(LATEST), Follow(SEM_VER), Follow(Policy("SemVer", "1.x"))}
    answers = (await bench.poller.poll(frozenset(follows))).answers
    assert {answers[follow].version for follow in follows} == {"1.0.0", "2.0.0"}
    assert bench.folder.asked["names"] == 1


@pytest.mark.parametrize("name", [".git", "latest", "a b", "x" * 129, "..", "a%2fb", "\uff14"])
async def test_a_folder_that_no_spec_could_name_is_no_version(name: str) -> None:
    assert (await Bench({"v1": 1, name: 2}).newest()).version == "v1"


async def test_names_that_no_policy_takes_are_not_looked_at() -> None:
    bench = Bench({"tmp-1": 5, "tmp-2": 6, "v1": 1})
    assert (await bench.newest(Policy("LastModified", pattern="v[0-9]+"))).version == "v1"
    assert bench.folder.asked["published"] == 1


@pytest.mark.parametrize(
    ("versions", "policy", "reason", "words"),
    [
        ({}, LATEST, "NoMatchingVersion", "contosomodels/models/digits"),
        ({"nightly": 1}, SEM_VER, "NoMatchingVersion", "nightly"),
        ({"v1": None, "v2": None}, LATEST, "ModelIncomplete", "SHA256SUMS"),
        ({"1.0.0": None}, SEM_VER, "ModelIncomplete", "1.0.0"),
    ],
)
async def test_a_folder_without_a_version_to_take_says_so_and_is_polled_as_ever(
    versions: dict[str, int | None], policy: Policy, reason: str, words: str
) -> None:
    bench = Bench(versions)
    outcome = await bench.poller.poll(frozenset([Follow(policy)]))
    (problem,) = outcome.answers.values()
    assert (problem.severity, problem.reason, outcome.failed) == (Severity.WAITING, reason, False)
    assert words in problem.message


async def test_a_store_that_is_away_says_so_and_when_it_may_be_asked_again() -> None:
    bench = Bench({"v1": 1})
    bench.folder.faults["names"] = SourceError(Reason.STORE_UNREACHABLE, "busy", transient=True, retry_after=30)
    outcome = await bench.poller.poll(frozenset([Follow(LATEST)]))
    assert (outcome.failed, outcome.retry_after) == (True, 30)
    assert outcome.answers == {Follow(LATEST): Problem(Severity.TRANSIENT, "StoreUnreachable", "busy")}


async def test_the_newest_that_cannot_be_used_is_said_and_no_older_one_taken_for_it() -> None:
    bench = Bench({"v1": 1, "v2": 2})
    bench.folder.faults["v2"] = SourceError(Reason.MODEL_CORRUPT, "SHA256SUMS line 1 is no such line")
    assert (await bench.newest()).reason == "ModelCorrupt"
    del bench.folder.faults["v2"]
    assert (await bench.newest()).version == "v2"


async def test_a_version_whose_marker_went_is_complete_no_more() -> None:
    bench = Bench({"v1": 1, "v2": 2})
    bench.folder.faults["v2"] = SourceError(Reason.MODEL_INCOMPLETE, "there is no SHA256SUMS")
    assert (await bench.newest()).reason == "ModelIncomplete"
    bench.folder.versions["v2"] = None
    assert (await bench.newest()).version == "v1"


async def test_what_does_not_start_is_read_again_in_every_poll() -> None:
    bench = Bench({"v1": 1})
    await bench.newest()
    bench.folder.content["v1"] = digest("repaired")
    assert (await bench.newest()).digest == digest("v1")
    assert (await bench.newest(again=True)).digest == digest("repaired")


@pytest.mark.parametrize("policy", [LATEST, SEM_VER])
async def test_what_is_held_is_passed_by_for_the_next_older_one(policy: Policy) -> None:
    bench = Bench({"1.0.0": 1, "1.1.0": 2, "1.2.0": 3, "1.3.0": None})
    assert (await bench.newest(policy, held={digest("1.2.0")})).version == "1.1.0"
    assert (await bench.newest(policy, held={digest("1.2.0"), digest("1.1.0")})).version == "1.0.0"
    bench.folder.versions["1.3.0"] = 4
    assert (await bench.newest(policy, held={digest("1.2.0")})).version == "1.3.0"
    assert (await bench.newest(policy, held={digest(name) for name in bench.folder.versions})).version == "1.3.0"


@pytest.mark.parametrize("policy", [LATEST, SEM_VER])
async def test_a_poll_reads_what_is_held_again_and_nothing_else_that_it_knows(policy: Policy) -> None:
    bench = Bench({f"1.{n}.0": n for n in range(10)})
    held = {digest("1.9.0"), digest("1.8.0")}
    await bench.newest(policy, held=held)
    assert bench.folder.asked["manifest"] == 3
    assert (await bench.newest(policy, held=held)).version == "1.7.0"
    assert bench.folder.asked == {"open": 1, "names": 1, "manifest": 2}


async def test_a_held_version_that_is_uploaded_again_with_other_bytes_is_seen() -> None:
    bench = Bench({"v1": 1, "v2": 2})
    assert (await bench.newest(held={digest("v2")})).version == "v1"
    bench.folder.content["v2"] = digest("repaired")
    newest = await bench.newest(held={digest("v2")})
    assert (newest.version, newest.digest) == ("v2", digest("repaired"))


async def test_held_bytes_under_very_many_names_cost_so_many_looks_and_no_more() -> None:
    bench = Bench({f"v{n}": n for n in range(200)})
    bench.folder.content = {f"v{n}": digest("broken") for n in range(100, 200)}
    assert (await bench.newest(held={digest("broken")})).version == "v199"
    assert bench.folder.asked["manifest"] == Follow(LATEST, held=frozenset({digest("broken")})).looks


async def test_what_is_held_for_one_is_not_for_another() -> None:
    bench = Bench({"v1": 1, "v2": 2})
    of_all, of_one = Follow(LATEST), Follow(LATEST, held=frozenset({digest("v2")}))
    answers = (await bench.poller.poll(frozenset({of_all, of_one}))).answers
    assert (answers[of_all].version, answers[of_one].version) == ("v2", "v1")
    assert bench.folder.asked["names"] == 1
    assert bench.folder.asked["manifest"] == 2


async def test_the_secret_is_read_at_every_poll() -> None:
    api = MemoryApi()
    bench = Followed(api)
    bench.folder.versions["v1"] = 1
    poller = FolderPoller(ModelQuestion("vision", "{}", "models"), bench.stores)
    for value in ("azE=", "azI="):
        metadata = {"namespace": "vision", "name": "models"}
        api.put({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"accountKey": value}})
        await poller.poll(frozenset([Follow(LATEST)]))
    assert [secret_of(credentials) for credentials in bench.folder.as_whom] == ["k1", "k2"]
    assert [method for method, _ in api.requests] == ["GET", "GET"]


async def test_ten_thousand_names_are_looked_at_by_several_at_a_time() -> None:
    bench = Bench({f"v{n}": n for n in range(10_000)})
    assert (await bench.newest()).version == "v9999"
    assert bench.folder.asked["published"] == 10_000
    assert bench.folder.asked["open"] == 1 + model_versions.LOOKS_AT_ONCE
    assert (await bench.newest()).version == "v9999"
    assert bench.folder.asked == {"open": 1, "names": 1}


@pytest.mark.parametrize("count", [10, 1000])
async def test_what_a_poll_could_not_look_at_is_for_the_next(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    bench, clock = Bench({f"v{n}": n for n in range(count)}), [0.0]

    def tick(_: str) -> None:
        clock[0] += 100 / count

    bench.folder.on_look = tick
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    problem = await bench.newest()
    assert (problem.severity, problem.reason) == (Severity.TRANSIENT, "StoreUnreachable")
    assert f"of {count} versions are looked at so far" in problem.message
    looked = bench.folder.asked["published"]
    assert 0 < looked < count
    for _ in range(3):
        answer = await bench.newest()
        looked += bench.folder.asked["published"]
    assert answer.version == f"v{count - 1}"
    assert looked == count  # none twice


async def test_of_very_many_incomplete_ones_some_are_looked_at_in_turn(caplog: pytest.LogCaptureFixture) -> None:
    limit = model_versions.INCOMPLETE_LOOKS
    bench = Bench({f"v{n:04}": None for n in range(limit + 500)} | {"done": 1})
    for looks in (limit + 501, limit, limit):
        assert (await bench.newest()).version == "done"
        assert bench.folder.asked["published"] == looks
    assert caplog.text.count("1500 folders without SHA256SUMS") == 1
    bench.folder.versions["v0000"] = 2
    answers = [(await bench.newest()).version for _ in range(2)]
    assert "v0000" in answers


class TestVerifier:
    RELEASED = ResolvedModel("v1", digest("v1"), 1024, TIME)

    async def found(self, bench: Bench, released: ResolvedModel = RELEASED) -> Any:
        outcome = await ModelVerifier(QUESTION, released, bench.stores).poll(frozenset([()]))
        return outcome.answers.get((), outcome)

    async def test_bytes_that_are_as_they_were_are_nothing_to_tell(self) -> None:
        bench = Bench({"v1": 1})
        released = await bench.newest()
        assert await self.found(bench, released) == Found()

    async def test_files_written_again_with_the_same_bytes(self) -> None:
        bench = Bench({"v1": 1})
        released = await bench.newest()
        bench.folder.etags["v1"] = "e2"
        assert (await self.found(bench, released)).reason == "MetadataChanged"

    async def test_other_bytes(self) -> None:
        bench = Bench({"v1": 1})
        bench.folder.content["v1"] = digest("other")
        found = await self.found(bench)
        assert found.reason == "ContentChanged"
        assert digest("v1") in found.message
        assert digest("other") in found.message

    @pytest.mark.parametrize(
        ("fault", "reason"),
        [
            (Reason.MODEL_MISSING, "ModelGone"),
            (Reason.MODEL_INCOMPLETE, "ModelGone"),
            (Reason.MODEL_CORRUPT, "ContentChanged"),
        ],
    )
    async def test_what_went_or_cannot_be_read(self, fault: Reason, reason: str) -> None:
        bench = Bench({"v1": 1})
        bench.folder.faults["v1"] = SourceError(fault, "words")
        assert await self.found(bench) == Found(reason, "words")

    @pytest.mark.parametrize("fault", [Reason.STORE_UNREACHABLE, Reason.STORE_FORBIDDEN])
    async def test_a_store_that_does_not_tell_changes_nothing(self, fault: Reason) -> None:
        bench = Bench({"v1": 1})
        bench.folder.faults["v1"] = SourceError(fault, "words", transient=fault is Reason.STORE_UNREACHABLE)
        outcome = await self.found(bench)
        assert (outcome.answers, outcome.failed) == ({}, True)
