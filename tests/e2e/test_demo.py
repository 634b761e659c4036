"""The demo as a newcomer runs it: by itself, without a terminal, with and without a cluster."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster import backends, state
from demo.__main__ import CLUSTER_NAME
from demo.machine import ROOT

RECORD = ROOT / "build" / "demo.json"
LONGEST_SILENCE = 30.0


@contextmanager
def demo(**env: str) -> Iterator["subprocess.Popen[str]"]:
    """Run it in a session of its own; it is interrupted with whoever listens to it, and takes down what it started."""
    roots = ("operator", "serving", "tests", "examples", "examples/digits")
    path = os.pathsep.join(str(ROOT / root) for root in roots)
    with subprocess.Popen(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as story:
        try:
            yield story
        except BaseException:
            story.send_signal(signal.SIGINT)
            story.communicate()
            raise


def tell(story: "subprocess.Popen[str]") -> Iterator[tuple[float, str]]:
    """Its lines, each with the seconds of silence before it."""
    last = time.monotonic()
    for line in story.stdout or ():
        now = time.monotonic()
        yield now - last, line
        last = now


def record() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(RECORD.read_text())
    return content


def processes_of(session: int) -> list[str]:
    """Programs that run in a session; a finished one that nobody asked about is not running."""
    listed = subprocess.run(
        ["ps", "-s", str(session), "-o", "stat=,args="], capture_output=True, text=True, check=False
    )
    return [line for line in listed.stdout.splitlines() if not line.startswith("Z")]


def test_without_a_cluster_it_tells_act_one_and_the_three_ways_on(tmp_path: Path) -> None:
    with demo(CLUSTER="kind", PATH=str(tmp_path)) as story:  # no docker on PATH, so no kind
        lines = "".join(line for _, line in tell(story))
    assert story.returncode == 0
    assert "there is no docker command" in lines
    for way in ("as root on Linux", "with Docker running", "CLUSTER=context:NAME"):
        assert way in lines
    written = record()
    assert written["backend"] == "none"
    assert written["accuracy"]["2"] > written["accuracy"]["1"]
    assert "\033" not in lines


def test_interrupted_it_ends_what_it_started(tmp_path: Path) -> None:
    with demo(CLUSTER="kind", PATH=str(tmp_path)) as story:
        for _, line in tell(story):
            if "aiapp-serve answers with model 1" in line:
                os.kill(story.pid, signal.SIGINT)
                break
        rest = (story.stdout or pytest.fail("no output")).read()
    assert story.returncode == 130
    assert "interrupted" in rest
    assert processes_of(story.pid) == []
    assert record()["error"] == "interrupted"


def can_run() -> str:
    """Why no cluster can be started on this machine; empty where one can."""
    try:
        choice = backends.choose(backends.wanted_backend(), backends.this_machine())
    except backends.NoBackendError as error:
        return str(error)
    return "" if "azurite" in choice.capabilities else "this cluster comes without a blob account"


@pytest.mark.timeout(900)
@pytest.mark.skipif(bool(can_run()), reason=can_run())
def test_the_whole_story_releases_twice_holds_a_damaged_model_off_and_loses_no_request() -> None:
    with demo() as story:
        told = list(tell(story))
    lines = "".join(line for _, line in told)
    assert story.returncode == 0, lines
    assert max(silence for silence, _ in told) < LONGEST_SILENCE
    written = record()
    assert written["failed_requests"] == 0
    assert written["requests"] > 300
    seen = {(a["revision"], a["model"].partition("@")[0], a["computed_by"], a["label"]) for a in written["answers"]}
    assert {(model, image) for _, model, image, _ in seen} == {
        ("1", "digits image 1"),
        ("2", "digits image 1"),
        ("2", "digits image 2"),
    }
    assert sorted(revision for revision, *_ in seen) == ["1", "2", "3"]
    assert "ModelCorrupt" in lines
    assert CLUSTER_NAME not in state.all_names()
    assert processes_of(story.pid) == []
