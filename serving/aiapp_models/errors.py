"""What can be wrong with a model or its store, in one vocabulary for the operator, fetch and the runtime."""

from enum import StrEnum


class Reason(StrEnum):
    """The word before the colon: of conditions, Events and termination messages; each has its entry in the docs."""

    MODEL_MISSING = "ModelMissing"  # there is no such container, path or version
    MODEL_INCOMPLETE = "ModelIncomplete"  # files are there, SHA256SUMS or a file that it lists is not
    MODEL_CORRUPT = "ModelCorrupt"  # bytes differ from their sha256, or SHA256SUMS cannot be read
    MODEL_CHANGED = "ModelChanged"  # a released version was overwritten
    MODEL_ARCHIVED = "ModelArchived"  # a file is in the archive tier, where it cannot be read
    MODEL_TOO_LARGE = "ModelTooLarge"  # more files or bytes than a version may have
    UNSAFE_PATH = "UnsafePath"  # a file name that could leave the model's folder, or collides with another
    SECRET_INVALID = "SecretInvalid"  # noqa: S105 - a reason; the Secret has not exactly one usable key
    IDENTITY_MISSING = "IdentityMissing"  # no client id, tenant or token is known for the workload identity
    IDENTITY_REFUSED = "IdentityRefused"  # Microsoft Entra ID gives this identity no token
    ENDPOINT_REFUSED = "EndpointRefused"  # an address that the administrator has not listed, or that is never asked
    STORE_FORBIDDEN = "StoreForbidden"  # the store refuses these credentials
    STORE_REFUSED = "StoreRefused"  # the store understood and said no, for a reason of its own
    STORE_UNREACHABLE = "StoreUnreachable"  # name, network, TLS, time-out or an overloaded store
    SOURCE_INVALID = "SourceInvalid"  # modelSource, an address in it or a setting of the container is wrong
    NO_SPACE = "NoSpace"  # the volume is too small for the model
    LOAD_FAILED = "LoadFailed"  # score.py could not be read, or its init() raised
    FETCH_FAILED = "FetchFailed"  # the container was set up wrongly, or a fault of ours


class SourceError(Exception):
    """A model cannot be had.

    reason: one word for machines and for the docs' index.
    message: a sentence that names the object, the cause and the fix; never a secret.
    transient: True when trying again soon may help without anybody doing anything.
    retry_after: seconds that the store asked to be left alone for, if it did.
    """

    def __init__(
        self, reason: Reason, message: str, *, transient: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.transient = transient
        self.retry_after = retry_after
