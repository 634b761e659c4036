"""The load: wrk on the second core, as many kept-alive connections as asked, each with one request at a time."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cluster.toolchain import ensure_debian_packages
from serving.requests import Request
from serving.servers import LOAD_CORE, Server
from tasks.console import say

SCRIPT: Final = Path(__file__).with_name("load.lua")
WARM_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """What one arm did with one payload over some connections."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


def ensure_wrk() -> str:
    """Return the version of wrk, installing it where it is not."""
    from shutil import which  # noqa: PLC0415 - a name that reads as a question

    if not which("wrk"):
        ensure_debian_packages(["wrk"], say)
    said = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False)
    return said.stdout.split()[1]


def measure(server: Server, request: Request, connections: int, seconds: int, work: Path) -> Sample:
    """Load the server for some seconds, after one that does not count; every answer must have a good status.

    Raises:
        RuntimeError: an answer is wrong before or after, or one of those between has a bad status.
    """
    server.check(request, 3)
    _wrk(server, request, connections, WARM_SECONDS, work)
    server.check(request)  # some servers still work through what the load has given up: an answer tells that it is done
    before = server.cpu_seconds()
    result = _wrk(server, request, connections, seconds, work)
    used = server.cpu_seconds() - before
    server.check(request)
    done = result["requests"]
    if not done or result["bad_status"] or result["broken"]:
        raise RuntimeError(f"{server.name}, {connections} connections: not all answers are good: {result}")
    rate = done / (result["microseconds"] / 1e6)
    return Sample(rate, result["p50_ms"], result["p99_ms"], used / done * 1e6)


def _wrk(server: Server, request: Request, connections: int, seconds: int, work: Path) -> dict[str, Any]:
    body = work / "request-body"
    body.write_bytes(request.body)
    pinned = ["taskset", "-c", LOAD_CORE, "wrk", "--threads", "1", "--connections", str(connections)]
    options = ["--duration", f"{seconds}s", "--timeout", "20s", "--script", str(SCRIPT)]
    told = [f"{name}={value}" for name, value in request.headers.items()]
    command = [*pinned, *options, f"http://127.0.0.1:{server.port}{request.path}", "--", str(body), *told]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    lines = [line for line in said.stdout.splitlines() if line.startswith("RESULT ")]
    if said.returncode or not lines:
        raise RuntimeError(f"wrk failed (exit {said.returncode}): {(said.stdout + said.stderr)[-1000:]}")
    result: dict[str, Any] = json.loads(lines[0].removeprefix("RESULT "))
    return result
