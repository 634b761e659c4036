"""How far a download is: a line for people now and then, and an end for a store that all but stopped."""

from collections.abc import Callable
from typing import Final

from aiapp_models.errors import Reason, SourceError
from aiapp_serving.model_folder import mebibytes

LINE_SECONDS: Final = 5.0
STALL_SECONDS: Final = 60.0
SLOWEST_BYTES_PER_SECOND: Final = 64 * 1024
"""All connections together; a store slower than this for a minute counts as unreachable."""

Report = Callable[[str], None]


class Progress:
    """Looks at the bytes that arrived and the clock; both are told, so that it has none of its own."""

    def __init__(self, total: int, report: Report, now: float) -> None:
        self.report = report
        self._total = total
        self._line = (now, 0)
        self._window = (now, 0)

    def look(self, done: int, now: float) -> bool:
        """Say a line when one is due; tell whether next to nothing came for a minute."""
        since, before = self._line
        if now - since >= LINE_SECONDS:
            self.report(progress_line(done, self._total, (done - before) / (now - since)))
            self._line = (now, done)
        since, before = self._window
        if now - since < STALL_SECONDS:
            return False
        self._window = (now, done)
        return done < self._total and done - before < SLOWEST_BYTES_PER_SECOND * (now - since)

    def too_slow(self) -> SourceError:
        """Return what to raise when nothing else explains why next to nothing came."""
        problem = f"the store sends less than {SLOWEST_BYTES_PER_SECOND // 1024} KiB/s; check the network to it"
        return SourceError(Reason.STORE_UNREACHABLE, problem, transient=True)


def progress_line(done: int, total: int, rate: float) -> str:
    """Return `done of total, rate, time left`."""
    left = f"{max(0, total - done) / rate:.0f} s left" if rate > 0 else "waiting"
    return f"{mebibytes(done)} of {mebibytes(total)}, {mebibytes(int(rate))}/s, {left}"
