"""A program that dies at its n-th touch of a volume: `python -m proofs.dying VOLUME N MODULE`, N = 0 counts them.

A touch is a change of the file system as Python's audit events show it, or a write or a sync of a file's bytes.
"""

import atexit
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

CHANGES: Final = frozenset({"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.truncate"})
CALLS: Final = ("write", "pwrite", "fsync", "ftruncate", "posix_fallocate", "sync_file_range", "replace", "link")


class Touches:
    """Counts, and ends the process at the one that it was told."""

    def __init__(self, volume: str, last: int) -> None:
        self._volume = volume
        self._last = last
        self._lock = threading.Lock()
        self.count = 0

    def touch(self) -> None:
        with self._lock:
            self.count += 1
            if self.count == self._last:
                os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in CHANGES and arguments and str(arguments[0]).startswith(self._volume):
            self.touch()

    def before(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def touched(*arguments: Any, **named: Any) -> Any:
            self.touch()
            return call(*arguments, **named)

        return touched


def main() -> None:
    volume, last, module = sys.argv[1:4]
    touches = Touches(volume, int(last))
    for name in CALLS:
        if call := getattr(os, name, None):
            setattr(os, name, touches.before(call))
    sys.addaudithook(touches.audit)
    if not int(last):
        atexit.register(lambda: print(f"touches: {touches.count}"))
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__")


if __name__ == "__main__":
    main()
