"""Answers worth keeping for a while, so that a burst of events is no burst of requests.

How long is the plan's decision. Nothing here is a record: lost at a restart, everything is asked once more.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aiapp_operator.state import Key


@dataclass(frozen=True, slots=True)
class _Answer:
    asked: Hashable
    answer: object
    due: datetime | None  # None: noted in this run, which has not ended yet


class Patience:
    """The last answer to each question of an app, and when it is worth asking again."""

    def __init__(self) -> None:
        self._answers: dict[Key, dict[Hashable, _Answer]] = {}

    def kept(self, key: Key, question: Hashable, asked: Hashable, now: datetime) -> Any | None:
        """Return the last answer while it is too early to ask again; None: ask.

        asked: what the answer was given for; an answer to something else does not count.
        """
        last = self._answers.get(key, {}).get(question)
        if last is None or last.asked != asked or (last.due is not None and last.due <= now):
            return None
        return last.answer

    def note(self, key: Key, question: Hashable, asked: Hashable, answer: object) -> None:
        """Keep an answer until the end of this run, which calls `keep_until`."""
        self._answers.setdefault(key, {})[question] = _Answer(asked, answer, None)

    def keep_until(self, key: Key, due: datetime) -> None:
        """Keep what was noted in this run until `due`; what was noted before keeps its own time."""
        answers = self._answers.get(key, {})
        answers.update({q: replace(last, due=due) for q, last in answers.items() if last.due is None})

    def drop(self, key: Key, question: Hashable) -> None:
        """Forget one question, which went well."""
        self._answers.get(key, {}).pop(question, None)

    def forget(self, key: Key) -> None:
        """Forget an app."""
        self._answers.pop(key, None)

    def next_due(self, key: Key, now: datetime) -> float | None:
        """Return seconds, above 0, until the first of the app's questions may be asked again; None: there is none."""
        dues = [last.due for last in self._answers.get(key, {}).values() if last.due is not None and last.due > now]
        return (min(dues) - now).total_seconds() if dues else None
