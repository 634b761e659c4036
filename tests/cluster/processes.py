"""Processes told apart for sure: by their id and the moment they started, so that a reused id never passes for them."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Process:
    """One process of one boot. `started` is in clock ticks since that boot."""

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> "Process":
        """Raises ProcessLookupError."""
        started = _started(pid)
        if started is None:
            raise ProcessLookupError(f"no process {pid}")
        return cls(pid, started, BOOT_ID.read_text().strip())

    @property
    def alive(self) -> bool:
        return BOOT_ID.read_text().strip() == self.boot and _started(self.pid) == self.started

    def kill(self, timeout: float = 10.0) -> None:
        """SIGKILL, and wait until it is gone. Raises TimeoutError."""
        deadline = time.monotonic() + timeout
        while self.alive:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {self.pid} did not end within {timeout:.0f} s of SIGKILL")
            time.sleep(0.02)


def children(pid: int) -> list[int]:
    """Process ids of the children of a process; none if it is gone."""
    try:
        text = "".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:
        return []
    return [int(child) for child in text.split()]


def _started(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The program's name, in brackets, may hold blanks and brackets.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])
