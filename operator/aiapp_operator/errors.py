"""What stops a reconciliation.

OperatorError
|-- WaitingError     refused or absent elsewhere; asked again after 1, 2, 5, then every 10 minutes
|   |-- NotFoundError
|   `-- ForbiddenError
`-- TransientError   goes away by itself; exponential back-off
    `-- ConflictError    somebody was faster; look again
"""

from enum import StrEnum
from typing import ClassVar

from aiapp_operator.state import Problem, Severity


class Reason(StrEnum):
    """Reasons that the registry, Secrets and the API server give; each has its entry in the docs."""

    IMAGE_NOT_FOUND = "ImageNotFound"  # the registry has no such repository, tag or digest
    REGISTRY_UNAUTHORIZED = "RegistryUnauthorized"  # the registry refuses these credentials, or anonymous access
    REGISTRY_REFUSED = "RegistryRefused"  # the registry answers something that is not followed
    REGISTRY_UNREACHABLE = "RegistryUnreachable"  # name, network, TLS, time-out or an overloaded registry
    ENDPOINT_REFUSED = "EndpointRefused"  # an address that the administrator has not listed, or that is never asked
    SECRET_FORBIDDEN = "SecretForbidden"  # noqa: S105 - a reason; the operator may not read the Secret
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - a reason
    SECRET_INVALID = "SecretInvalid"  # noqa: S105 - a reason; the Secret lacks the key or its content is broken
    IDENTITY_FORBIDDEN = "IdentityForbidden"  # the operator may not ask for a token of the ServiceAccount
    REFUSED = "Refused"  # API server, admission policy or webhook said no to a child
    QUOTA_EXCEEDED = "QuotaExceeded"  # a ResourceQuota said no to a child
    NAME_CONFLICT = "NameConflict"  # somebody else's object has the name that a child needs
    API_UNAVAILABLE = "ApiUnavailable"  # the API server cannot answer now
    CONFLICT = "Conflict"  # an object changed between look and write


class OperatorError(Exception):
    """Carries the words for the user; `str()` is `Reason: message`."""

    severity: ClassVar[Severity]

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message

    def problem(self) -> Problem:
        """Return the same as a value."""
        return Problem(self.severity, self.reason, self.message)


class WaitingError(OperatorError):
    """Refused or absent elsewhere."""

    severity = Severity.WAITING


class NotFoundError(WaitingError):
    """There is no such object."""


class ForbiddenError(WaitingError):
    """The operator may not do this."""


class TransientError(OperatorError):
    """Goes away by itself; `retry_after` are the seconds that whoever was asked wants to be left alone for."""

    severity = Severity.TRANSIENT

    def __init__(self, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(reason, message)
        self.retry_after = retry_after


class ConflictError(TransientError):
    """The object is not the one that was looked at, or exists already."""
