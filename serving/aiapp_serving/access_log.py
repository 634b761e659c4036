"""One line of JSON for every request; written past the logging module, whose records cost more than a score."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import orjson

from aiapp_serving.trace import Trace

MOST_PATH: Final = 256
MOST_WAITING: Final = 10_000
"""Lines, some 2 MB; while stdout takes no more, requests wait as they would for a write of their own."""
LOT_SECONDS: Final = 0.01
"""How long a line waits for others: a write for each costs more than the line, and a killed process loses as much."""
LOT_BYTES: Final = 4096
"""Linux's PIPE_BUF: what goes into a pipe in one piece, so that lines of several workers never mix."""
_STDOUT: Final = 1


class AccessLog:
    """Writes lines in lots from a thread of its own; made in the worker that uses it.

    write: takes whole lines. is_ending: asked at every line; True writes it at once, as there may be no later.
    """

    def __init__(self, is_ending: Callable[[], bool], write: Callable[[bytes], object] | None = None) -> None:
        self._is_ending = is_ending
        self._write = write or _to_stdout
        self._moment = (0, "")
        self._lines: deque[bytes] = deque()
        self._some = threading.Event()
        self._lock = threading.Lock()  # one lot at a time, in order
        threading.Thread(target=self._write_for_ever, name="access-log", daemon=True).start()

    def add(  # noqa: PLR0913, PLR0917 - the fields of a line
        self,
        request_id: str,
        method: str,
        path: str,
        status: int,
        seconds: float,
        size: int | None,
        trace: Trace | None,
    ) -> None:
        """Keep one line for the next lot; what ends lines, colours terminals or turns text around is spelt out."""
        now = time.time()
        second = int(now)
        moment = self._moment
        if moment[0] != second:  # time of day is worked out once a second
            self._moment = moment = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)))
        line: dict[str, Any] = {
            "time": f"{moment[1]}.{int((now - second) * 1000):03d}+00:00",
            "level": "INFO",
            "logger": "aiapp.access",
            "message": "request",
            "id": request_id,
            "method": method if method.isprintable() else ascii(method),
            "path": path[:MOST_PATH] if path.isprintable() else ascii(path[:MOST_PATH]),
            "status": status,
            "ms": round(seconds * 1000, 3),
            "bytes": size,
        }
        if trace is not None:
            line["trace_id"] = trace.trace_id
        self._lines.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        if self._is_ending() or len(self._lines) >= MOST_WAITING:
            self.flush()
        elif not self._some.is_set():
            self._some.set()

    def flush(self) -> None:
        """Write the lines that wait, as many at a time as stay in one piece."""
        with self._lock:
            lot = b""
            while self._lines:
                line = self._lines.popleft()
                if len(lot) + len(line) > LOT_BYTES:
                    self._write(lot)
                    lot = b""
                lot += line
            if lot:
                self._write(lot)

    def _write_for_ever(self) -> None:
        while self._some.wait():
            time.sleep(LOT_SECONDS)
            self._some.clear()
            self.flush()


def _to_stdout(lines: bytes) -> None:
    try:
        os.write(_STDOUT, lines)
    except OSError:  # whoever read the log is gone; the client still gets its answer
        return
