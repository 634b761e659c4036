"""What Azure Blob Storage means by its error codes. Pure: status and code in, words and fix out."""

from typing import Final

from aiapp_models.errors import Reason, SourceError

_CREDENTIALS = "check the Secret's key or SAS, and this node's clock"
_REFUSALS: Final[dict[str, tuple[Reason, str]]] = {
    "ContainerNotFound": (Reason.MODEL_MISSING, "there is no such container; check modelSource.azureBlob.container"),
    "ContainerBeingDeleted": (Reason.MODEL_MISSING, "the container is being deleted"),
    "BlobNotFound": (Reason.MODEL_MISSING, "the file is gone; upload the version again under a new name"),
    "ResourceNotFound": (
        Reason.MODEL_MISSING,
        "no such container, or it is private; check modelSource.azureBlob.container, then modelSource.credentials",
    ),
    "BlobArchived": (Reason.MODEL_ARCHIVED, "the file is in the archive tier; set its tier to Hot or Cool"),
    "ConditionNotMet": (Reason.MODEL_CHANGED, "the file was overwritten; upload each version under a name of its own"),
    "AuthenticationFailed": (Reason.STORE_FORBIDDEN, f"the credentials are not accepted; {_CREDENTIALS}"),
    "AuthorizationFailure": (
        Reason.STORE_FORBIDDEN,
        f"access is denied; {_CREDENTIALS}, then the account's network rules",
    ),
    "AuthorizationPermissionMismatch": (Reason.STORE_FORBIDDEN, "the credentials may not list and read the container"),
    "KeyBasedAuthenticationNotPermitted": (Reason.STORE_FORBIDDEN, "the account allows no account key; use a SAS"),
    "NoAuthenticationInformation": (Reason.STORE_FORBIDDEN, "the container is private; name a Secret in secretRef"),
    "PublicAccessNotPermitted": (
        Reason.STORE_FORBIDDEN,
        "the account allows no anonymous access; name a Secret in secretRef",
    ),
    "AccountIsDisabled": (Reason.STORE_FORBIDDEN, "the account is disabled"),
    "ServerBusy": (Reason.STORE_UNREACHABLE, "the store is overloaded; it is asked again"),
}


def refusal(where: str, status: int, code: str) -> SourceError:
    """Put the store's answer into words.

    status: of HTTP; code: Azure's `x-ms-error-code`, empty when something else answered.
    """
    if code in _REFUSALS:
        reason, sentence = _REFUSALS[code]
    elif status in {401, 403}:
        reason, sentence = Reason.STORE_FORBIDDEN, f"access is denied; {_CREDENTIALS}"
    elif status == 404:
        reason, sentence = _REFUSALS["ResourceNotFound"]
    elif status == 412:
        reason, sentence = _REFUSALS["ConditionNotMet"]
    elif status in {408, 429} or status >= 500:
        reason, sentence = Reason.STORE_UNREACHABLE, "the store has trouble of its own; it is asked again"
    else:
        reason, sentence = Reason.STORE_REFUSED, "the store refuses the request; check account, container and path"
    transient = reason in {Reason.STORE_UNREACHABLE, Reason.MODEL_CHANGED}
    answer = f"HTTP {status} {code}".rstrip()
    return SourceError(reason, f"{where}: {sentence} ({answer})", transient=transient)
