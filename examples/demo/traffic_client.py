"""Runs in the cluster, in a pod of its own: asks the Service so many times a second and writes down every answer.

`python traffic_client.py URL RATE BODY_FILE` prints one JSON line a second until SIGTERM, then exits 0. It retries
nothing: a request that brings no 200 is a failed one. Half of its workers keep their connection, half make a new one
for every request, because a release meets users of both kinds.
"""

import http.client
import itertools
import json
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

WORKERS: Final = 8
TIMEOUT_SECONDS: Final = 10.0
STOP: Final = threading.Event()
HEADERS: Final = ("AIApp-Revision", "AIApp-Image", "AIApp-Model")


class Tally:
    """What happened since it was last read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: Counter[tuple[str, ...]] = Counter()
        self._errors: Counter[str] = Counter()

    def answered(self, answer: tuple[str, ...]) -> None:
        with self._lock:
            self._answers[answer] += 1

    def failed(self, error: str) -> None:
        with self._lock:
            self._errors[error] += 1

    def take(self, second: int) -> str:
        """Return what happened as one line of JSON, and begin anew."""
        with self._lock:
            answers, errors = self._answers, self._errors
            self._answers, self._errors = Counter(), Counter()
        failed = errors.total()
        told = {"second": second, "requests": answers.total() + failed, "failed": failed, "errors": errors}
        return json.dumps({**told, "answers": [[*answer, count] for answer, count in answers.items()]})


def work(url: str, body: bytes, keep: bool, due: "itertools.count[int]", period: float, tally: Tally) -> None:
    """Take the next request that is due, again and again."""
    address = urlsplit(url)
    started = time.monotonic()
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=TIMEOUT_SECONDS)
    headers = {"Content-Type": "application/json"} | ({} if keep else {"Connection": "close"})
    while not STOP.is_set():
        moment = started + next(due) * period
        if STOP.wait(max(0.0, moment - time.monotonic())):
            break
        try:
            connection.request("POST", address.path, body, headers)
            response = connection.getresponse()
            content = response.read()
            if not keep:
                connection.close()
            if response.status != 200:
                tally.failed(f"{response.status} {content[:120].decode(errors='replace')}")
                continue
            names = tuple(response.headers.get(name) or "" for name in HEADERS)
            tally.answered((*names, *said(json.loads(content)["result"])))
        except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
            tally.failed(f"{type(error).__name__}: {error}")
            connection.close()


def said(result: Any) -> tuple[str, str]:
    """Return an answer's labels and which image computed them; of another app than digits all that it said."""
    if isinstance(result, list):
        return ",".join(best[0][0] for best in result[0]), result[1].rpartition(" by ")[2]
    return json.dumps(result), ""


def main() -> int:
    """Ask until SIGTERM."""
    url, rate, body = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]).read_bytes()
    signal.signal(signal.SIGTERM, lambda *_: STOP.set())
    tally, due = Tally(), itertools.count()
    workers = [
        threading.Thread(target=work, args=[url, body, number % 2 == 0, due, 1 / rate, tally])
        for number in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    second = 0
    while not STOP.wait(1):
        second += 1
        print(tally.take(second), flush=True)
    for worker in workers:
        worker.join()
    print(tally.take(second + 1), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
