"""Do slow clients slow the others? The others' slowest hundredth, with and without them, in turns.

One `aiapp-serve` on one core, its clients on another. Held beside: idle connections, headers and bodies that never end.
"""

import http.client
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socket import create_connection
from typing import Final

from proofs import running
from stand_ins.app_process import AppProcess, app_process
from stand_ins.raw_http import raw_post

COUNT: Final = 40
"""Blocks: in the order without, with, with, without."""
BLOCK_SECONDS: Final = 2.0
CLIENTS: Final = 4
IDLE: Final = 1000
SLOW_BODIES: Final = 120
SLOW_HEADERS: Final = 120
ALLOWED: Final = 1.10
SCRIPT: Final = "def run(input):\n    return input\n"
_BODY: Final = b'{"input": [5.1, 3.5, 1.4, 0.2]}'


@contextmanager
def slow_clients(port: int) -> Iterator[None]:
    """Hold connections that never finish a request, each of which waits for the server and not for its client."""
    begun = [b""] * IDLE
    begun += [raw_post(b"", b"Content-Length: 1000\r\n") + b"{"] * SLOW_BODIES
    begun += [b"POST /score HTTP/1.1\r\nHost: app\r\n"] * SLOW_HEADERS
    with ExitStack() as held:
        for sent in begun:
            held.enter_context(create_connection(("127.0.0.1", port), timeout=30)).sendall(sent)
        yield


def ask(port: int, until: float, seconds: list[float], wrong: list[str]) -> None:
    """Score over one kept connection until a moment."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while time.perf_counter() < until:
        started = time.perf_counter()
        connection.request("POST", "/score", _BODY, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        seconds.append(time.perf_counter() - started)
        if answer.status != 200:
            wrong.append(f"an answer was {answer.status}")
    connection.close()


def block(port: int, wrong: list[str]) -> list[float]:
    """Return how long each answer took."""
    seconds: list[float] = []
    until = time.perf_counter() + BLOCK_SECONDS
    clients = [threading.Thread(target=ask, args=(port, until, seconds, wrong)) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return seconds


def measured(app: AppProcess, count: int) -> tuple[dict[bool, list[float]], int, list[str]]:
    """Return the p99 of each block by whether slow clients were there, the number of answers, and what went wrong."""
    found: dict[bool, list[float]] = {False: [], True: []}
    wrong: list[str] = []
    answers = 0
    block(app.port, wrong)  # the first finds everything cold
    for number in range(count):
        slow = number % 4 in {1, 2}
        with slow_clients(app.port) if slow else ExitStack():
            seconds = block(app.port, wrong)
        answers += len(seconds)
        found[slow].append(statistics.quantiles(seconds, n=100)[98])
    return found, answers, wrong


def one_core_each(pid: int) -> None:
    """Give the server, all its threads and workers, one core, and this process another."""
    server, *rest = sorted(os.sched_getaffinity(0))
    for status in Path("/proc").glob("[0-9]*/stat"):
        parent = int(status.read_text().rpartition(")")[2].split()[1])
        if pid in {int(status.parent.name), parent}:
            for task in (status.parent / "task").iterdir():
                os.sched_setaffinity(int(task.name), {server})
    os.sched_setaffinity(0, {rest[0] if rest else server})


def prove(count: int, seed: int) -> running.Outcome:  # noqa: ARG001 - nothing in it is drawn
    """Measure `count` blocks; the medians of their p99 may differ by a tenth."""
    cores = os.sched_getaffinity(0)
    with (
        tempfile.TemporaryDirectory(prefix="aiapp-proof-") as folder,
        app_process(Path(folder), SCRIPT, "--no-access-log") as app,
    ):
        app.wait_until_it_answers("/version", 200)
        one_core_each(app.process.pid)
        try:
            found, answers, wrong = measured(app, count)
        finally:
            os.sched_setaffinity(0, cores)
    without, beside = (statistics.median(found[slow]) * 1000 for slow in (False, True))
    figures = {
        "answers": answers,
        "clients": CLIENTS,
        "held": {"idle": IDLE, "slow_bodies": SLOW_BODIES, "slow_headers": SLOW_HEADERS},
        "p99_ms_without": round(without, 3),
        "p99_ms_beside_slow_clients": round(beside, 3),
        "ratio": round(beside / without, 3),
    }
    if beside > ALLOWED * without:
        wrong.append(f"p99 rose from {without:.2f} ms to {beside:.2f} ms beside slow clients")
    return running.Outcome(count, figures, tuple(wrong))


if __name__ == "__main__":
    sys.exit(running.main("slow_clients", prove, COUNT))
