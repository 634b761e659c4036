"""The gate's report: JSON that is never longer than a termination message may be, and never repeats a secret. Pure."""

import json
from collections.abc import Iterable
from typing import Any, Final

from aiapp_serving.gate.masks import Mask
from aiapp_serving.gate.outcome import CaseResult, Comparison, Outcome
from aiapp_serving.gate.versions import Expected

MAX_REPORT_BYTES: Final = 4096
MESSAGE_BYTES: Final = 700
COMPARISON_BYTES: Final = 400
CASE_BYTES: Final = 300
NAME_BYTES: Final = 96
FIELD_BYTES: Final = 160


def render(outcome: Outcome, expected: Expected, mask: Mask) -> bytes:
    """Return the report, at most MAX_REPORT_BYTES; the failing cases come first, and of the rest those that fit."""
    document: dict[str, Any] = {
        "result": outcome.result,
        "reason": outcome.reason,
        "message": _cut(mask(outcome.message), MESSAGE_BYTES),
        "cases": [],
        "model": {
            "version": _cut(expected.model_version, FIELD_BYTES),
            "digest": _cut(expected.model_digest, FIELD_BYTES),
        },
        "app": _app(outcome.app, mask),
        "comparison": _comparison(outcome.comparison, mask),
        "seconds": round(outcome.seconds, 1),
    }
    document = {name: value for name, value in document.items() if value is not None}
    left = MAX_REPORT_BYTES - len(_json({**document, "omitted": len(outcome.cases)}))
    for result in _failing_first(outcome.cases):
        case = _case(result, mask)
        left -= len(_json(case)) + len(b",")
        if left < 0:
            document["omitted"] = len(outcome.cases) - len(document["cases"])
            break
        document["cases"].append(case)
    return _json(document)


def _failing_first(results: Iterable[CaseResult]) -> list[CaseResult]:
    return sorted(results, key=lambda one: not one.reason)


def _case(result: CaseResult, mask: Mask) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": _cut(mask(result.case.name), NAME_BYTES),
        "from": result.case.origin,
        "ok": not result.reason,
    }
    if result.seconds is not None:
        told["ms"] = round(result.seconds * 1000, 1)
    if result.reason:
        told |= {"reason": result.reason, "message": _cut(mask(result.message), CASE_BYTES)}
    return told


def _app(document: dict[str, Any] | None, mask: Mask) -> dict[str, Any] | None:
    """Return the known fields of what the app says to be: it may say anything at any length."""
    if document is None:
        return None
    model = document["model"]
    revision = document.get("revision")
    return {
        "revision": revision if isinstance(revision, int) and abs(revision) < 2**53 else None,
        "image": _told(document.get("image"), mask),
        "model": {"version": _told(model.get("version"), mask), "digest": _told(model.get("digest"), mask)},
        "runtime": _told(document.get("runtime"), mask),
    }


def _told(value: Any, mask: Mask) -> str | None:
    return _cut(mask(value), FIELD_BYTES) if isinstance(value, str) else None


def _comparison(comparison: Comparison | None, mask: Mask) -> dict[str, Any] | None:
    if comparison is None:
        return None
    message = _cut(mask(comparison.message), COMPARISON_BYTES)
    if comparison.skipped:
        return {"result": "Skipped", "compared": 0, "message": message}
    return {
        "result": "Compared",
        "compared": comparison.compared,
        "flips": comparison.flips,
        "agreement": f"{100 * (comparison.compared - comparison.flips) / comparison.compared:.1f}%",
        "latencyDeltaMs": round((comparison.latency_delta or 0.0) * 1000, 1),
        "message": message,
    }


def _cut(text: str, most: int) -> str:
    """Return a text that takes at most so many bytes in JSON: a control character takes six."""
    text = text[:most].encode(errors="replace").decode()
    if len(_json(text)) <= most:
        return text
    while len(_json(text)) > most - 3:
        text = text[: max(0, len(text) - max(1, (len(_json(text)) - most + 3) // 6))]
    return f"{text}..."


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
