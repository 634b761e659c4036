"""What an app returns to the body of an answer; NaN is never written as null unseen. Pure."""

import json
from dataclasses import asdict, is_dataclass
from typing import Any, Final

import orjson

_OPTIONS: Final = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
_TOO_LONG: Final = "64-bit"
_FIX: Final = "use lists, objects, text, finite numbers"


def write_result(result: object) -> bytes:
    """Return `{"result": ...}`.

    Raises:
        TypeError: JSON cannot hold it.
    """
    try:
        try:
            body = orjson.dumps({"result": result}, _arrays_as_lists, _OPTIONS)
        except orjson.JSONEncodeError as error:
            if _TOO_LONG not in str(error):
                raise
            return _with_long_numbers(result)
        if b"null" in body:  # also what orjson makes of NaN and infinity
            json.dumps(result, default=_plain, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"run() returned what JSON cannot hold; {_FIX}") from error
    return body


def _with_long_numbers(result: object) -> bytes:
    """Write whole numbers of any length exactly; orjson writes those of up to 64 bits."""
    text = json.dumps({"result": result}, default=_parts, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def _parts(value: Any) -> Any:
    """Return what stands for a value that the standard library does not write: its parts, or as orjson writes it."""
    return _plain(value) or orjson.loads(orjson.dumps(value, _arrays_as_lists, _OPTIONS))


def _arrays_as_lists(value: Any) -> Any:
    """Stand in for arrays that orjson does not write itself: of text, or with gaps between their rows."""
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is nothing that JSON has")


def _plain(value: Any) -> Any:
    """Return the parts of what orjson wrote by itself, in which a number may be; dates and the like hold none."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return ""
