"""The release machine under whatever people, clusters and time do: a state machine of random steps, in simulated time.

Each class states one claim. The steps are the same for all, so that each is tried in all that happens.
"""

from datetime import timedelta
from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from aiapp_operator.plan import plan
from proofs.release_rules import Claim
from proofs.release_truth import Fate
from proofs.release_world import World, following
from stand_ins.app_cluster import SETTINGS

EXAMPLES = settings(
    max_examples=12,
    stateful_step_count=25,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # looking for a shorter example takes minutes: whoever wants one adds Phase.shrink
    suppress_health_check=list(HealthCheck),
)
MANY_RECORDS = 100
FATES = st.sampled_from([Fate.GOOD, Fate.GOOD, Fate.GOOD, *Fate])
SECONDS = st.sampled_from([1, 5, 30, 90, 200, 900, 6 * 3600, 14 * 3600])


class Releases(RuleBasedStateMachine):
    """An app that follows both streams, or whose versions are named."""

    claim: ClassVar[Claim | None] = None
    world: World

    @initialize(nightly=st.booleans(), replicas=st.sampled_from([1, 2]), records=st.sampled_from([1, 3, MANY_RECORDS]))
    def begin(self, nightly: bool, replicas: int, records: int) -> None:
        self.world = World(following(nightly=nightly, records=records, replicas=replicas))
        self.many_records = records == MANY_RECORDS
        self.gone: dict[str, str] = {}
        self.number = 0
        self.world.push("1.0.0")
        self.world.upload("v0")

    # --- what people do ------------------------------------------------------------------------------------
    def push(self, fate: Fate, seconds: int) -> None:
        self.number += 1
        self.world.push(f"1.{self.number}.0", fate)
        self.world.advance(seconds=seconds)

    @rule(fate=FATES, seconds=SECONDS)
    def push_one(self, fate: Fate, seconds: int) -> None:
        self.push(fate, seconds)

    @rule(fate=FATES, seconds=SECONDS)
    def upload(self, fate: Fate, seconds: int) -> None:
        self.number += 1
        self.world.upload(f"v{self.number}", fate)
        self.world.advance(seconds=seconds)

    @rule(image=FATES, model=FATES, pair=st.booleans())
    def push_and_upload(self, image: Fate, model: Fate, pair: bool) -> None:
        self.number += 1
        digests = self.world.push(f"1.{self.number}.0", image), self.world.upload(f"v{self.number}", model)
        if pair:
            self.world.truth.bad_pairs.add(digests)
        self.world.advance(seconds=200)

    @rule(seconds=st.sampled_from([15, 40, 100]))
    def push_one_soon_after_another(self, seconds: int) -> None:
        self.push(Fate.GOOD, seconds)
        self.push(Fate.GOOD, 90)

    @rule()
    def push_one_and_take_it_back_before_a_node_has_room(self) -> None:
        self.world.nodes.no_room_until = self.world.now + timedelta(seconds=60)
        self.push(Fate.GOOD, 5)
        self.push(Fate.GOOD, 5)
        del self.world.tags[list(self.world.tags)[-1]]
        self.world.due = self.world.now
        self.world.advance(seconds=200)

    @rule()
    def take_an_edit_back(self) -> None:
        serving = {name: value for name, value in self.world.spec["serving"].items() if name != "env"}
        self.world.edit(serving=serving)

    @rule(good=st.booleans())
    def edit_config(self, good: bool) -> None:
        self.number += 1
        flag = f"flag-{self.number}"
        if not good:
            self.world.truth.bad_flags.add(flag)
        serving = {**self.world.spec["serving"], "env": [{"name": "FLAG", "value": flag}]}
        self.world.edit(serving=serving)

    @precondition(lambda self: self.world.status.get("holds"))
    @rule(data=st.data())
    def unhold(self, data: st.DataObject) -> None:
        self.world.unhold(data.draw(st.sampled_from(self.world.status["holds"])))
        self.world.advance(seconds=30)

    @rule(argument=st.sampled_from(["previous", "1", "2"]))
    def roll_back(self, argument: str) -> None:
        self.world.ask("rollback-to", argument)
        self.world.advance(seconds=30)

    @rule()
    def release_now(self) -> None:
        self.world.ask("release-now", "now")
        self.world.advance(seconds=30)

    @rule()
    def newest_vanish(self) -> None:
        if len(self.world.tags) > 1:
            tag = list(self.world.tags)[-1]
            self.gone[tag] = self.world.tags.pop(tag)
        if len(self.world.versions) > 1:
            del self.world.versions[list(self.world.versions)[-1]]
        self.world.advance(seconds=90)

    @precondition(lambda self: self.gone)
    @rule()
    def they_appear_again(self) -> None:
        self.world.tags |= self.gone
        self.gone.clear()
        self.world.due = self.world.now

    # --- what clusters do ----------------------------------------------------------------------------------
    @rule(seconds=SECONDS)
    def time_passes(self, seconds: int) -> None:
        self.world.advance(seconds=seconds)

    @rule(crash_after=st.integers(0, 5), seconds=st.sampled_from([0, 1, 10]))
    def the_operator_dies_between_writes(self, crash_after: int, seconds: int) -> None:
        if self.world.present:
            self.world.run(crash_after=crash_after)
        self.world.advance(seconds=seconds)

    @rule()
    def the_operator_goes_or_comes(self) -> None:
        self.world.present = not self.world.present
        self.world.due = self.world.now

    @precondition(lambda self: self.many_records)
    @rule()
    def status_is_lost(self) -> None:
        # With the record of what was obeyed pruned as well, a wish of the last ten minutes would be obeyed again.
        self.world.lose_status()

    @rule(seconds=st.sampled_from([60, 700]))
    def no_node_has_room(self, seconds: int) -> None:
        self.world.nodes.no_room_until = self.world.now + timedelta(seconds=seconds)

    @rule()
    def the_next_gate_says_nothing(self) -> None:
        self.world.nodes.inconclusive = 1

    @rule()
    def pods_are_evicted(self) -> None:
        for pod in self.world.all_of("Pod")[:1]:
            if pod.get("status", {}).get("phase") in ("Pending", "Running"):
                self.world.nodes.evict(pod, self.world.now)

    # --- what never happens --------------------------------------------------------------------------------
    @invariant()
    def the_claim_holds(self) -> None:
        if self.claim:
            assert [broken for broken in self.world.rules.broken if broken.claim is self.claim] == []


class NeverMixed(Releases):
    claim = Claim.MIXED


class NeverAgain(Releases):
    claim = Claim.AGAIN


class WindowsAreKept(Releases):
    claim = Claim.WINDOW


class BakesAreKept(Releases):
    claim = Claim.BAKE


class OneJobEach(Releases):
    claim = Claim.SECOND_JOB


class AlwaysEnds(Releases):
    """With nothing new, everything that is under way ends, and nothing is written any more."""

    @invariant()
    def a_plan_depends_on_nothing_else(self) -> None:
        first, second = (plan(self.world.observed, SETTINGS, self.world.now) for _ in range(2))
        assert first == second

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.present, self.world.due = True, self.world.now
        self.world.advance(hours=30)  # every night's window is among them
        writes, app = self.world.writes, self.world.app
        self.world.advance(hours=3)
        assert self.world.writes == writes, self.world.status
        conditions = {each["type"]: each for each in app["status"]["conditions"]}
        assert "Reconciling" not in conditions
        assert conditions["UpToDate"]["reason"] in ("UpToDate", "Held", "NoWayBack")


def test_the_deployment_is_always_a_copy_of_one_record() -> None:
    run_state_machine_as_test(NeverMixed, settings=EXAMPLES)


def test_what_failed_is_never_tried_or_released_again() -> None:
    run_state_machine_as_test(NeverAgain, settings=EXAMPLES)


def test_no_rollout_over_a_serving_release_starts_outside_of_a_window() -> None:
    run_state_machine_as_test(WindowsAreKept, settings=EXAMPLES)


def test_no_release_is_superseded_in_its_bake() -> None:
    run_state_machine_as_test(BakesAreKept, settings=EXAMPLES)


def test_a_gate_has_one_job_for_each_try() -> None:
    run_state_machine_as_test(OneJobEach, settings=EXAMPLES)


def test_everything_ends_and_nothing_is_written_any_more() -> None:
    run_state_machine_as_test(AlwaysEnds, settings=EXAMPLES)
