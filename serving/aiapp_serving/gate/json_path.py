"""JSONPath (RFC 9535) in an answer. Pure."""

from functools import lru_cache
from typing import Any, Final

from jsonpath import JSONPath, JSONPathEnvironment
from jsonpath.exceptions import JSONPathError

SEVERAL: Final = 2
"""Matches looked at: whether there is none, one or more is all that is asked."""


class JsonPathError(Exception):
    """A path that cannot be used; the text says why."""


def values(path: str, document: Any) -> list[Any]:
    """Return the first values that a path selects, at most SEVERAL.

    Raises:
        JsonPathError: it is no path, or cannot be followed in this document.
    """
    compiled = compile_path(path)
    if not isinstance(document, dict | list):  # the library would read text as JSON once more
        return [document] if path.strip() == "$" else []
    found = []
    try:
        for match in compiled.finditer(document):
            found.append(match.obj)
            if len(found) == SEVERAL:
                break
    except (JSONPathError, RecursionError) as error:
        raise JsonPathError(_words(error)) from None
    return found


@lru_cache(maxsize=2048)
def compile_path(path: str) -> JSONPath:
    """Return the path, checked.

    Raises:
        JsonPathError: it is no path.
    """
    if path.count("..") > 1:
        raise JsonPathError("more than one '..' takes too long on a large answer; name the fields between")
    try:
        compiled = _environment().compile(path)
    except (JSONPathError, RecursionError) as error:
        raise JsonPathError(_words(error)) from None
    if not isinstance(compiled, JSONPath):
        raise JsonPathError("unions and intersections of paths are not supported; use one path")
    return compiled


@lru_cache(maxsize=1)
def _environment() -> JSONPathEnvironment:
    environment = JSONPathEnvironment(strict=True)
    for regular in ("match", "search"):  # they backtrack without end; `matches` does not
        environment.function_extensions.pop(regular, None)
    return environment


def _words(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["it cannot be followed"])[0][:200]
