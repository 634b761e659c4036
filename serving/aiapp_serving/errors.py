"""What the runtime says when a request or an app is at fault. Pure."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any


class InvalidInput(Exception):  # noqa: N818 - reads as a fact in `raise InvalidInput(...)`, and apps import it
    """For `run` to raise: this input cannot be scored. Its text goes to the client, with HTTP status 422."""


class ScriptError(Exception):
    """score.py cannot be used; the text names the file, the cause and the fix."""


class BadJson(Exception):  # noqa: N818
    """A body is not the JSON that is accepted; the text says where and why."""


class Refused(Exception):  # noqa: N818
    """A request is answered with an error.

    status: of HTTP. detail: one sentence for the client. headers: beside those of every answer, such as Retry-After.
    """

    def __init__(self, status: int, detail: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = tuple(headers)


def problem(status: int, detail: str, request_id: str) -> dict[str, Any]:
    """Return the body of an error answer (RFC 9457), `application/problem+json`.

    id: the same as in the header X-Request-ID and in the app's log.
    """
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, "id": request_id}
