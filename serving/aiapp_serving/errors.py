"""What the runtime says when a request or an app is at fault. Pure."""

from collections.abc import Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Any


class InvalidInput(Exception):  # noqa: N818 - reads as a fact in `raise InvalidInput(...)`, and apps import it
    """For `run` to raise: this input cannot be scored. Its text goes to the client, with HTTP status 422."""


class ScriptError(Exception):
    """score.py cannot be used; the text names the file, the cause and the fix."""


class ModelFault(StrEnum):
    """Why a model folder is not served; each has its entry in docs/formats.md."""

    NO_MODEL = "NoModel"  # no file is a model that is known, or several are
    UNSAFE_FORMAT = "UnsafeFormat"  # loading it runs code of its author
    UNTRUSTED_TYPES = "UntrustedTypes"  # a skops file with types that nobody listed
    UNSAFE_EXTERNAL_DATA = "UnsafeExternalData"  # weights out of the folder, behind a link or not there
    UNSAFE_PATH = "UnsafePath"  # a name, in the folder or an archive, that leads elsewhere or cannot be shown
    UNSAFE_ENTRY_TYPE = "UnsafeEntryType"  # a link, device, FIFO or socket
    DUPLICATE_ENTRY = "DuplicateEntry"  # an archive with one name twice
    TOO_LARGE = "ArchiveTooLarge"  # more entries, bytes or depth than a model has
    CORRUPT = "Corrupt"  # begins like a model, and is not whole
    UNSUPPORTED = "UnsupportedModel"  # whole, but nothing in the image runs it
    SCHEMA_MISMATCH = "SchemaMismatch"  # metadata.json tells of another model


class ModelError(Exception):
    """A model folder cannot be served; the text is `Fault: sentence` and names the file, the cause and the fix."""

    def __init__(self, fault: ModelFault, sentence: str) -> None:
        super().__init__(f"{fault}: {sentence}")
        self.fault = fault


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
