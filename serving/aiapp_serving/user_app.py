"""A WSGI app of the user's: begun, watched and closed as PEP 3333 has it, whatever it does."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Begun:
    """What the app calls as `start_response`."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.written: list[bytes] = []

    def __call__(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: object = None,  # noqa: ARG002 - part of the protocol
    ) -> Callable[[bytes], object]:
        self.status, self.headers = status, list(headers)
        return self.written.append


class Streamed:
    """The body as it comes; `ended` is called once, when it is whole or the client has gone."""

    def __init__(self, first: list[bytes], rest: Iterator[bytes], close: Callable[[], object] | None) -> None:
        self.ended: Callable[[], object] = lambda: None
        self._first = iter(first)
        self._rest = rest
        self._close = close
        self._closed = False

    def __iter__(self) -> "Streamed":
        return self

    def __next__(self) -> bytes:
        for chunk in self._first:
            return chunk
        return next(self._rest)

    def close(self) -> None:
        """Close the app's own body."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._close is not None:
                self._close()
        finally:
            self.ended()


def begin(app: Wsgi, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], Streamed]:
    """Call the app up to the first bytes of its body, since a generator says its status only then.

    Raises:
        ValueError: it never said its status, or its status or a header is none that HTTP can carry.
    """
    begun = _Begun()
    body = app(environ, begun)
    close = getattr(body, "close", None)
    rest = iter(body)
    try:
        first = next(rest, None)
        while first == b"" and not begun.status:
            first = next(rest, None)
        status = _checked(begun)
    except BaseException:
        if close is not None:
            close()
        raise
    return status, begun.headers, Streamed([*begun.written, *([first] if first is not None else [])], rest, close)


def _checked(begun: _Begun) -> int:
    code = begun.status[:3]
    if not (code.isascii() and code.isdecimal() and 200 <= int(code) <= 599 and begun.status[3:4] in {"", " "}):
        raise ValueError(f"the app began with the status {begun.status[:64]!a}; give one such as '200 OK'")
    for name, value in begun.headers:
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise ValueError(
                f"the app's header {name[:64]!a} cannot be sent: it has line ends or other such characters"
            )
    return int(code)
