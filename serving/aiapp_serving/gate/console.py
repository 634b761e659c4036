"""What a gate says while it runs: plain lines, with colours on a terminal only."""

from typing import Final, TextIO

from aiapp_serving.gate.judgement import milliseconds
from aiapp_serving.gate.masks import Mask
from aiapp_serving.gate.outcome import CaseResult, Outcome, Result
from aiapp_serving.terminal import GREEN, RED, YELLOW, print_line

_COLOURS: Final = {Result.PASSED: GREEN, Result.FAILED: RED, Result.INCONCLUSIVE: YELLOW}


class Console:
    """Writes lines in which no secret is repeated."""

    def __init__(self, stream: TextIO, mask: Mask) -> None:
        self._stream = stream
        self._mask = mask

    def say(self, line: str) -> None:
        """Write one line at once."""
        self._write(line)

    def tell(self, outcome: Outcome) -> None:
        """Write what came of every case, of the comparison, and of the gate."""
        width = max((len(one.case.name) for one in outcome.cases), default=0)
        for one in outcome.cases:
            self._write(_case_line(one, width), RED if one.reason else GREEN)
        if outcome.comparison:
            self._write(f"comparison: {outcome.comparison.message}")
        reason = f" ({outcome.reason})" if outcome.reason else ""
        self._write(f"{outcome.result}{reason}: {outcome.message}", _COLOURS[outcome.result])

    def _write(self, line: str, colour: str = "") -> None:
        print_line("gate", self._mask(line), colour, self._stream)


def _case_line(result: CaseResult, width: int) -> str:
    time_taken = milliseconds(result.seconds) if result.seconds is not None else "-"
    line = (
        f"{'FAIL' if result.reason else 'ok  '}  {result.case.name:<{width}}  {result.case.origin:<5}  {time_taken:>8}"
    )
    return f"{line}  {result.reason}: {result.message}" if result.reason else line
