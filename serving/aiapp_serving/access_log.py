"""One line of JSON for every request; written past the logging module, whose records cost more than a score."""

import os
import time
from collections.abc import Callable
from typing import Any, Final

import orjson

from aiapp_serving.trace import Trace

MOST_PATH: Final = 256
_STDOUT: Final = 1


class AccessLog:
    """Writes each line in one piece, so that lines of several workers never mix.

    write: takes a line with its end.
    """

    def __init__(self, write: Callable[[bytes], object] | None = None) -> None:
        self._write = write or _to_stdout
        self._moment = (0, "")

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
        """Write one line; what ends lines, colours terminals or turns text around is spelt out."""
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
        self._write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def _to_stdout(line: bytes) -> None:
    try:
        os.write(_STDOUT, line)
    except OSError:  # whoever read the log is gone; the client still gets its answer
        return
