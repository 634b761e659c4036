"""A process is known by its id and its start, so a reused id never passes for it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cluster.processes import Process, children


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_running_process_is_alive_until_it_is_killed(sleeper: "subprocess.Popen[bytes]") -> None:
    process = Process.of(sleeper.pid)
    assert process.alive
    process.kill()
    # It is a zombie, not yet waited for.
    assert not process.alive


@pytest.mark.parametrize("other", [{"started": 1}, {"boot": "another boot"}])
def test_another_process_of_the_same_id_is_not_it_and_is_not_killed(
    sleeper: "subprocess.Popen[bytes]", other: dict[str, object]
) -> None:
    stranger = replace(Process.of(sleeper.pid), **other)  # type: ignore[arg-type]
    assert not stranger.alive
    stranger.kill()
    assert sleeper.poll() is None


def test_a_process_that_is_gone_has_no_children_and_cannot_be_named(sleeper: "subprocess.Popen[bytes]") -> None:
    assert sleeper.pid in children(os.getpid())
    sleeper.kill()
    sleeper.wait()
    assert children(sleeper.pid) == []
    with pytest.raises(ProcessLookupError):
        Process.of(sleeper.pid)
