"""`python -m demo`: the whole story; `make demo` has said before what this machine can do."""

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from cluster import backends
from cluster.toolchain import ToolchainError
from demo import act_one
from demo.background import Preparation
from demo.machine import ROOT, WAYS_ON, Machine, inspect
from demo.narration import Narrator, StoryError
from demo.record import Record

CLUSTER_NAME: Final = "demo"
RECORD: Final = ROOT / "build" / "demo.json"
UNUSABLE: Final = 2
INTERRUPTED: Final = 130


def main() -> int:
    """Tell the story; 0 at its end, 1 when a step failed, 130 when it was interrupted."""
    narrator = Narrator.of(sys.stdout, os.environ)
    try:
        machine = inspect(os.environ)
    except ValueError as error:
        narrator.fail(StoryError(str(error), "make demo CLUSTER=auto"))
        return UNUSABLE
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    record = Record(backend=machine.choice.backend if machine.choice else "none")
    try:
        _tell(machine, narrator, record)
        status = 0
    except StoryError as error:
        record.error, status = str(error), 1
        narrator.fail(error)
    except (ToolchainError, RuntimeError, ValueError, OSError, subprocess.CalledProcessError) as error:
        record.error, status = _words(error), 1
        narrator.fail(StoryError(record.error, "KEEP=1 make demo, then look around"))
    except KeyboardInterrupt:
        record.error, status = "interrupted", INTERRUPTED
        narrator.say("interrupted; nothing is left running")
    record.write(RECORD, narrator.taken)
    return status


def _tell(machine: Machine, narrator: Narrator, record: Record) -> None:
    with ExitStack() as stack:
        preparation = stack.enter_context(Preparation()) if machine.choice else None
        record.accuracy = act_one.play(narrator, preparation)
        if machine.choice is None or preparation is None:
            narrator.title("Act two, the same on a real Kubernetes, needs more than this machine gives")
            narrator.say(f"{machine.why_not}\nThree ways on:")
            narrator.say("\n".join(WAYS_ON))
            return
        narrator.title("Act two: a real Kubernetes, a private blob account, and releases while people use it")
        preparation.join(narrator)
    importlib.invalidate_caches()  # packages have come since this process began
    _act_two(machine.choice, narrator, record)


def _act_two(choice: backends.Choice, narrator: Narrator, record: Record) -> None:
    from demo import act_two  # noqa: PLC0415  (its packages are there only now)

    keep = bool(os.environ.get("KEEP"))
    cluster = backends.open_cluster(choice, CLUSTER_NAME, narrator.waits_for, stays=keep)
    with ExitStack() as stack:
        if not keep:
            stack.enter_context(_undone("the cluster is taken down", cluster.delete, narrator))
        with narrator.step(f"cluster: {choice.backend} ({choice.why})"):
            cluster.create()
        ours = choice.backend != "context"
        place = act_two.Place.of(cluster, ours)
        if not keep and not ours:
            stack.enter_context(_undone("everything is removed again", place.empty, narrator))
        stage = act_two.set_up(place, narrator)
        act_two.play(stage, narrator, record)
    _tell_what_next(keep, choice, cluster.kubeconfig_path, narrator)


@contextmanager
def _undone(what: str, undo: Callable[[], None], narrator: Narrator) -> Iterator[None]:
    """Undo at the end, whatever the end; a second Ctrl-C does not leave half of it behind."""
    try:
        yield
    finally:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        with narrator.step(what):
            undo()
        signal.signal(signal.SIGINT, before)


def _tell_what_next(keep: bool, choice: backends.Choice, kubeconfig: Path, narrator: Narrator) -> None:
    narrator.title("That is the story. To go on:")
    if keep and choice.backend != "context":
        name = f'ARGS="--name {CLUSTER_NAME}"'
        narrator.say(f"export KUBECONFIG={kubeconfig}")
        narrator.say("kubectl --namespace vision get aia digits --watch     what the operator says")
        narrator.say(f"make cluster-down {name}                 when you have seen enough")
    else:
        narrator.say("KEEP=1 make demo              the same, and it stays: look around")
        narrator.say("make cluster deploy           a cluster of your own with the example in it")
        narrator.say("less docs/aks.md              the way to AKS")


def _words(error: Exception) -> str:
    """Say what a program that failed said itself."""
    output = getattr(error, "output", None)
    return f"{error}{f': {str(output).strip()[-600:]}' if output else ''}"


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
