"""Clients of the V2 protocol that others wrote: each asks a server as a process what it can, and reads every answer."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from proofs import running
from stand_ins.app_process import app_process
from tasks.console import ROOT
from tasks.environment import ensure_list

COUNT: Final = 125
PEERS: Final = ROOT / "benchmarks" / "serving" / "peers"
CLIENTS: Final = {"triton": None, "kserve": PEERS / "kserve.txt", "mlserver": PEERS / "mlserver.txt"}
"""The packages of each; None: those of the tests."""
ECHO: Final = """
from collections.abc import Mapping
import numpy

def run(input: Mapping[str, numpy.ndarray]):
    return input
"""


def asked_by(client: str, address: str, count: int) -> dict[str, Any]:
    """Return what one client told of at most `count` requests."""
    packages = CLIENTS[client]
    python = ensure_list(packages) if packages else Path(sys.executable)
    command: list[str | Path] = [python, "-m", f"proofs.v2_by_{client}", address, str(count)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    if told.returncode:
        raise RuntimeError(f"the client {client} failed: {told.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


def ask(script: str, count: int) -> running.Outcome:
    """Serve `script`, and let one client after the other ask until `count` requests are made."""
    done = 0
    figures: dict[str, Any] = {}
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as folder, app_process(Path(folder), script) as app:
        app.wait_until_it_answers("/version", 200)
        for client in CLIENTS:
            if done < count:
                found = asked_by(client, f"http://127.0.0.1:{app.port}", count - done)
                done += found["asked"]
                failures += found["failures"]
                right = found["asked"] - len(found["failures"])
                figures[client] = {"version": found["version"], "asked": found["asked"], "right": right}
    return running.Outcome(done, figures, tuple(failures))


def prove(count: int, seed: int) -> running.Outcome:  # noqa: ARG001 - nothing is drawn
    """Let the clients ask the app that gives back what it gets."""
    return ask(ECHO, count)


if __name__ == "__main__":
    sys.exit(running.main("v2_clients", prove, COUNT))
