"""Hostile model folders, each loaded by a process of its own: none is accepted, none runs, each is named.

`make prove NAME=hostile_models`.
"""

import multiprocessing
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from aiapp_serving.errors import ModelError
from aiapp_serving.formats import AdminChoices, load
from proofs import hostile_folders, hostile_onnx, hostile_pickles, hostile_skops, running
from proofs.hostile_case import Case

MEMORY: Final = 4 * 1024**3
"""Of addresses, not of use: libraries map much that they never touch."""
SECONDS: Final = 60
PRELOADED: Final = ("onnxruntime", "skops.io", "sklearn.linear_model", "joblib", "aiapp_serving.formats")
COUNT: Final = 328


@dataclass(frozen=True, slots=True)
class Verdict:
    """outcome: `refused`, `loaded`, `still a model` or `died`. kib: the most memory that the process had."""

    case: Case
    outcome: str
    word: str = ""
    text: str = ""
    kib: int = 0
    executed: bool = False

    def broken(self) -> str:
        """Return which claim the case broke, if it did."""
        if self.executed:
            return f"{self.case.label}: it ran"
        if self.outcome in {"loaded", "died"}:
            return f"{self.case.label}: {self.outcome} {self.text}"
        if self.outcome == "refused" and self.word not in self.case.faults:
            return f"{self.case.label}: {self.text[:300]}, not {', '.join(self.case.faults)}"
        return "" if self.text.isprintable() else f"{self.case.label}: its text has control characters"


def all_cases(canary: str, seed: int) -> list[Case]:
    """Return every case; those whose bit flips may leave a model come last, and are counted apart if they do."""
    found = [
        *hostile_pickles.cases(canary),
        *hostile_folders.cases(),
        *hostile_skops.cases(canary),
        *hostile_onnx.link_cases(),
        *hostile_onnx.cases(seed),
    ]
    return sorted(found, key=lambda case: case.may_load)


def judge(case: Case, place: Path, canary: Path, admin: AdminChoices = AdminChoices()) -> Verdict:  # noqa: B008
    """Load one folder in a process of its own."""
    folder = place / "model"
    case.write(folder)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=attempt, args=(folder, admin, sender))
    process.start()
    sender.close()
    try:
        word, text, kib = receiver.recv() if receiver.poll(SECONDS) else ("died", "out of time", 0)
    except EOFError:
        word, text, kib = "died", "with no word", 0
    process.kill()
    process.join()
    if word == "loaded":
        outcome = "still a model" if case.may_load else "loaded"
    else:
        outcome = "died" if word == "died" else "refused"
    return Verdict(case, outcome, word, text, kib, executed=canary.exists())


def attempt(folder: Path, admin: AdminChoices, answers: Connection) -> None:
    """Load the folder within limits and tell how it ended."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        load(folder, admin)
        word, text = "loaded", ""
    except ModelError as error:
        word, text = str(error.fault), str(error)
    except BaseException as error:  # noqa: BLE001 - a claim is that there is no other
        word, text = "died", f"{type(error).__name__}: {error}"[:300]
    answers.send((word, text, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def judge_all(cases: Sequence[Case], place: Path, canary: Path) -> list[Verdict]:
    """Load the folders one after the other."""
    progress = running.Progress(len(cases))
    found = []
    for number, case in enumerate(cases):
        found.append(judge(case, place / str(number), canary))
        progress.step()
    return found


def prove(count: int, seed: int) -> running.Outcome:
    """Judge the first `count` cases."""
    with tempfile.TemporaryDirectory(prefix="aiapp-proof-") as folder:
        canary = Path(folder) / "canary"
        verdicts = judge_all(all_cases(str(canary), seed)[:count], Path(folder), canary)
    return running.Outcome(len(verdicts), figures(verdicts), tuple(filter(None, (one.broken() for one in verdicts))))


def figures(verdicts: Sequence[Verdict]) -> dict[str, object]:
    """Return the counts as they are kept; a flipped bit that leaves a whole model is no attack and counted apart."""
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    return {
        "hostile": len(verdicts) - outcomes["still a model"],
        "accepted": outcomes["loaded"],
        "executed": sum(verdict.executed for verdict in verdicts),
        "died": outcomes["died"],
        "flipped_bits_that_leave_a_model": outcomes["still a model"],
        "by_fault": dict(sorted(Counter(one.word for one in verdicts if one.outcome == "refused").items())),
        "memory_peak_mib": round(max(verdict.kib for verdict in verdicts) / 1024),
    }


if __name__ == "__main__":
    sys.exit(running.main("hostile_models", prove, COUNT))
