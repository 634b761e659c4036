"""The one way in which the story waits: look, and look again soon, until a deadline."""

import time
from collections.abc import Iterator
from typing import Final

PERIOD_SECONDS: Final = 0.3


class Waiting:
    """Iterate to look again every PERIOD_SECONDS until `seconds` are over; the first look is at once."""

    def __init__(self, seconds: float, period: float = PERIOD_SECONDS) -> None:
        self._deadline = time.monotonic() + seconds
        self._period = period

    def __iter__(self) -> Iterator[int]:
        look = 0
        while True:
            yield look
            look += 1
            if time.monotonic() + self._period > self._deadline:
                return
            time.sleep(self._period)
