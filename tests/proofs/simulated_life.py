"""Ten days in the life of an app, many times over: at every quiet point the newest good release serves, or it says why.

Images and models come at random and fare at random, nodes are full, versions vanish, operators die and are away, and
half of the apps release at night alone. What should serve is computed from the truth by `life_oracle`.
"""

import random
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from proofs import life_oracle, running
from proofs.release_truth import Fate
from proofs.release_world import BEGIN, World, following

COUNT: Final = 200
DAYS: Final = 10
AT_ONCE: Final = 2
QUIET: Final = timedelta(minutes=20)
FATES: Final = (Fate.GOOD,) * 12 + (
    Fate.FAILS_CASES,
    Fate.FAILS_CASES,
    Fate.CRASHES,
    Fate.DIES_IN_ROLLOUT,
    Fate.DIES_IN_BAKE,
)
HOURS: Final = {
    "push": 7.0,
    "upload": 6.0,
    "push_and_upload": 18.0,
    "bad_pair": 40.0,
    "absence": 30.0,
    "crash": 20.0,
    "full_nodes": 30.0,
    "silent_gate": 30.0,
    "vanishing": 30.0,
    "lost_status": 40.0,
    "edit": 40.0,
    "way_back": 80.0,
    "unhold": 40.0,
}
"""How long it takes on average until each happens again."""


@dataclass
class Life:
    """One app's."""

    seed: int
    days: int
    quiet: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)  # noqa: S311 - drawn again by whoever looks into a failure
        self._number = 0
        self._touched = BEGIN
        self._vanished: tuple[dict[str, str], dict[str, tuple[datetime, str]]] = ({}, {})
        self.world = World(following(nightly=self.seed % 2 == 1))

    def live(self) -> "Life":
        """Live all days, and look at each quiet point."""
        self.world.push("1.0.0")
        self.world.upload("v0")
        for at, name in self._fortunes():
            self.world.advance(seconds=max(0.0, (at - self.world.now).total_seconds()))
            self._look()
            getattr(self, f"_{name}")()
            self._touched = self.world.now
        self.wrong += [f"{self._name}: {broken}" for broken in self.world.rules.broken]
        return self

    def _fortunes(self) -> list[tuple[datetime, str]]:
        """Return what happens, in order; a look at the end of every day besides."""
        end = BEGIN + timedelta(days=self.days)
        happens = [(BEGIN + timedelta(days=day), "nothing") for day in range(1, self.days + 1)]
        for name, hours in HOURS.items():
            at = BEGIN
            while (at := at + timedelta(seconds=int(self._draw.expovariate(1 / hours) * 3600))) < end:
                happens.append((at, name))
        return sorted(happens)

    # --- what happens --------------------------------------------------------------------------------------
    def _nothing(self) -> None:
        pass

    def _push(self) -> None:
        self._number += 1
        self.world.push(f"1.{self._number}.0", self._draw.choice(FATES))

    def _upload(self) -> None:
        self._number += 1
        self.world.upload(f"v{self._number}", self._draw.choice(FATES))

    def _push_and_upload(self) -> None:
        self._push()
        self._upload()

    def _bad_pair(self) -> None:
        self._number += 1
        pair = self.world.push(f"1.{self._number}.0"), self.world.upload(f"v{self._number}")
        self.world.truth.bad_pairs.add(pair)

    def _absence(self) -> None:
        self.world.present = not self.world.present
        self.world.due = self.world.now

    def _crash(self) -> None:
        if self.world.present:
            self.world.run(crash_after=self._draw.randrange(4))

    def _full_nodes(self) -> None:
        self.world.nodes.no_room_until = self.world.now + timedelta(minutes=self._draw.randrange(2, 200))

    def _silent_gate(self) -> None:
        self.world.nodes.inconclusive = self._draw.randrange(1, 4)

    def _vanishing(self) -> None:
        tags, versions = self._vanished
        self.world.tags |= tags
        self.world.versions |= versions
        self._vanished = ({}, {})
        if not tags and not versions:
            gone = [list(each)[1:][-2:] for each in (self.world.tags, self.world.versions)]
            self._vanished = (
                {tag: self.world.tags.pop(tag) for tag in gone[0]},
                {version: self.world.versions.pop(version) for version in gone[1]},
            )
        self.world.due = self.world.now

    def _lost_status(self) -> None:
        self.world.lose_status()

    def _edit(self) -> None:
        self._number += 1
        flag = f"flag-{self._number}"
        if self._draw.random() < 0.3:
            self.world.truth.bad_flags.add(flag)
        self.world.edit(serving={**self.world.spec["serving"], "env": [{"name": "FLAG", "value": flag}]})

    def _way_back(self) -> None:
        self.world.ask("rollback-to", "previous")

    def _unhold(self) -> None:
        holds = self.world.status.get("holds", [])
        if on_all := [hold for hold in holds if hold["stream"] == "All"]:
            self.world.unhold(on_all[0])
        elif holds:
            self.world.unhold(self._draw.choice(holds))

    # --- looking -------------------------------------------------------------------------------------------
    def _look(self) -> None:
        """Judge what serves, if nothing has been going on for a while."""
        now, room = self.world.now, self.world.nodes.no_room_until
        quiet_since = max(self.world.last_write, self._touched, room or BEGIN)
        if not self.world.present or now - quiet_since < QUIET:
            return
        verdict = life_oracle.judge(self.world)
        self.quiet["wrong" if verdict.wrong else verdict.found] += 1
        if verdict.wrong:
            self.wrong.append(f"{self._name} at {now}: {verdict.wrong}")
        self.wrong += [
            f"{self._name} at {now}: held for nothing: {hold}" for hold in life_oracle.unjustified(self.world)
        ]

    @property
    def _name(self) -> str:
        return f"seed {self.seed}"


def lived(seed: int, days: int = DAYS) -> tuple[Counter[str], Counter[str], list[str]]:
    """Return what one life came to: quiet points, what happened, and what was wrong."""
    life = Life(seed, days).live()
    rollouts = len(life.world.rules.rollouts)
    happened = Counter(rollouts=rollouts, gates=life.world.rules.gates, found_bad=len(life.world.rules.failed))
    return life.quiet, happened + Counter(plans=life.world.runs), life.wrong


def prove(count: int, seed: int, days: int = DAYS, at_once: int = AT_ONCE) -> running.Outcome:
    """Live `count` lives."""
    progress = running.Progress(count)
    quiet: Counter[str] = Counter()
    happened: Counter[str] = Counter()
    wrong: list[str] = []
    with ProcessPoolExecutor(at_once) as pool:
        for points, events, broken in pool.map(lived, range(seed, seed + count), [days] * count):
            quiet, happened = quiet + points, happened + events
            wrong += broken
            progress.step()
    figures = {
        "seeds": count,
        "days": days,
        "quiet_points": quiet.total(),
        "agreed": quiet.total() - quiet["wrong"],
        "by_what_was_found": dict(sorted(quiet.items())),
        **dict(sorted(happened.items())),
    }
    return running.Outcome(count, figures, tuple(wrong))


if __name__ == "__main__":
    sys.exit(running.main("simulated_life", prove, COUNT))
