"""What a gate left to read: its transcript, written in a pod, so neither its size nor its types are trusted. Pure.

Whatever cannot be read says nothing: the verdict itself stands on the record of its release.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from aiapp_operator.container_states import excerpt
from aiapp_operator.state import Manifest

LONGEST: Final = 16_384
LARGEST: Final = 1_000_000
"""More than any gate asks; a number beyond it comes from something else."""
NAME_LENGTH: Final = 64


def summary(report: str) -> str:
    """Return `3 of 3 cases passed in 0.4 s, 0 of 60 labels flipped`; empty: it left nothing."""
    read = _read(report)
    compared = comparison(report)
    flips = f"{compared['flips']} of {compared['compared']} labels flipped" if compared else ""
    return ", ".join(part for part in (_text(read, "message"), flips) if part)


def first_failure(report: str) -> tuple[str, str]:
    """Return the name of the first case that failed, and `case a-seven of the model: expected 7, got 3`."""
    cases = _read(report).get("cases")
    for case in cases if isinstance(cases, list) else ():
        if isinstance(case, dict) and case.get("ok") is False:
            owner = {"spec": " of the spec", "model": " of the model"}.get(_text(case, "from"), "")
            name, words = _text(case, "name")[:NAME_LENGTH], _text(case, "message")
            return name, f"case {name}{owner}" + (f": {words}" if words else "")
    return "", ""


def comparison(report: str) -> Manifest:
    """Return how the answers differ from those of the release that served, as status shows it; empty: not compared."""
    said = _read(report).get("comparison")
    if not isinstance(said, dict) or said.get("result") != "Compared":
        return {}
    compared, flips = _count(said.get("compared")), _count(said.get("flips"))
    if not compared or flips is None or flips > compared:
        return {}
    shown: Manifest = {"compared": compared, "flips": flips, "agreement": f"{1 - flips / compared:.1%}"}
    delta = said.get("latencyDeltaMs")
    if isinstance(delta, int | float) and not isinstance(delta, bool) and abs(delta) < LARGEST:
        shown["latencyDelta"] = f"{round(delta, 1):g}ms"
    return shown


def _read(report: str) -> Mapping[str, Any]:
    if len(report) > LONGEST:
        return {}
    try:
        read = json.loads(report or "{}")
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _text(of: Mapping[str, Any], field: str) -> str:
    value = of.get(field)
    return excerpt(value) if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST:
        return value
    return None
