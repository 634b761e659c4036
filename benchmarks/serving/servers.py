"""One server process tree on one core: started, waited for until it answers rightly, weighed, ended."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster.processes import children
from serving.requests import Request

SERVER_CORE: Final = "0"
LOAD_CORE: Final = "1"
START_SECONDS: Final = 90.0
END_SECONDS: Final = 10.0
PORTS: Final = range(18_000, 28_000, 10)
"""Below the ports that the kernel gives away; a server may take the next two as well."""
MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Memory:
    """Of a process tree, in MiB; pages that processes share count once in `pss`, but are in none where it is 0."""

    rss: float
    pss: float


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers. start_seconds: from being started to the first right answer."""

    name: str
    pid: int
    port: int
    start_seconds: float

    def processes(self) -> list[int]:
        """Return the ids of the whole tree."""
        found = [self.pid]
        for pid in found:
            found += children(pid)
        return found

    def cpu_seconds(self) -> float:
        """Return what the tree has used until now."""
        return sum(_cpu_ticks(pid) for pid in self.processes()) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> Memory:
        """Return what the tree takes now."""
        sums = {"Rss": 0, "Pss": 0}
        for pid in self.processes():
            for name, value in _memory(pid).items():
                sums[name] += value
        return Memory(sums["Rss"] / 1024, sums["Pss"] / 1024)

    def check(self, request: Request, times: int = 1) -> None:
        """Raises RuntimeError: an answer is not what it must be."""
        for _ in range(times):
            if wrong := request.problem(*ask(self.port, request)):
                raise RuntimeError(f"{self.name}, {request.path}: {wrong}")


@contextmanager
def running(
    name: str, command: Sequence[str], environment: Mapping[str, str], port: int, request: Request, log: Path
) -> Iterator[Server]:
    """Run a server until the block ends.

    Raises:
        RuntimeError: it ends by itself, or answers nothing right for START_SECONDS.
    """
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, *command],
            env=dict(environment),
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(name, process, port, request, started, log)
        yield Server(name, process.pid, port, time.monotonic() - started)
    finally:
        _end(process)


def ask(port: int, request: Request) -> tuple[int, dict[str, str], bytes]:
    """Send one request; return status, headers with names in small letters, body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", request.path, request.body, dict(request.headers))
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def free_port() -> int:
    """Return the first of three ports that nobody listens on."""
    for port in PORTS:
        try:
            for each in range(port, port + 3):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", each))
        except OSError:
            continue
        return port
    raise RuntimeError("no three free ports in a row")


def _wait(name: str, process: subprocess.Popen[bytes], port: int, request: Request, started: float, log: Path) -> None:
    wrong: str | None = "no answer"
    while wrong:
        if process.poll() is not None or time.monotonic() - started > START_SECONDS:
            tail = log.read_text(errors="replace")[-2500:]
            raise RuntimeError(f"{name} did not serve ({wrong}), exit {process.returncode}:\n{tail}")
        try:
            wrong = request.problem(*ask(port, request))
        except (OSError, http.client.HTTPException) as error:
            wrong = repr(error)
        if wrong:
            time.sleep(0.01)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process group that was started in a session of its own."""
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(END_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _cpu_ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def _memory(pid: int) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split() for line in lines)
    return {words[0].rstrip(":"): int(words[1]) for words in pairs if words[0] in {"Rss:", "Pss:"}}
