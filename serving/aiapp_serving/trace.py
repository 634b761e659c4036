"""W3C trace context: whose trace a request belongs to, for the logs and for the calls that user code makes.

The runtime records no span of its own, so it passes on what it got: a parent that nobody recorded would cut the trace.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

_PARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_KEY: Final = r"[a-z0-9][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13}"
_MEMBER: Final = re.compile(rf"(?:{_KEY})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{{0,255}}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
_MOST_MEMBERS: Final = 32
_MOST_CHARACTERS: Final = 8192


class Trace(NamedTuple):
    """Where a request stands in its trace; `state` is empty where none was sent or it was not valid."""

    trace_id: str
    parent: str
    state: str


CURRENT: Final[ContextVar[Trace | None]] = ContextVar("trace", default=None)


def read(environ: Mapping[str, Any]) -> Trace | None:
    """Return the trace that a request's headers name, None for none and for one that is not valid."""
    parent = environ.get("HTTP_TRACEPARENT", "").strip(" \t")
    found = _PARENT.fullmatch(parent)
    if found is None:
        return None
    version, trace_id, span, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not trace_id.strip("0") or not span.strip("0"):
        return None
    return Trace(trace_id, f"00-{trace_id}-{span}-{flags}", _state(environ.get("HTTP_TRACESTATE", "")))


def trace_headers() -> dict[str, str]:
    """Return the headers that carry on the current request's trace, for calls that `run` makes; none: it has no trace.

    Known in the thread that `run` was called in.
    """
    trace = CURRENT.get()
    if trace is None:
        return {}
    headers = {"traceparent": trace.parent}
    return {**headers, "tracestate": trace.state} if trace.state else headers


def _state(text: str) -> str:
    if len(text) > _MOST_CHARACTERS:
        return ""
    members = [member for member in (part.strip(" \t") for part in text.split(",")) if member]
    keys = {member.partition("=")[0] for member in members}
    if len(members) > _MOST_MEMBERS or len(keys) < len(members):
        return ""
    return ",".join(members) if all(map(_MEMBER.fullmatch, members)) else ""
