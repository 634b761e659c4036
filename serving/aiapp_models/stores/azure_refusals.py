"""What Azure Blob Storage means by its error codes. Pure: an answer in, words and fix out."""

from datetime import datetime
from typing import Final

from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores.answers import Answer, in_words

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
    "AuthenticationFailed": (Reason.STORE_FORBIDDEN, "the credentials are not accepted"),
    "InvalidAuthenticationInfo": (Reason.STORE_FORBIDDEN, "the credentials cannot be read or are of another tenant"),
    "AuthorizationFailure": (
        Reason.STORE_FORBIDDEN,
        "access is denied; check the account's network rules, then the credentials",
    ),
    "AuthorizationPermissionMismatch": (Reason.STORE_FORBIDDEN, "the credentials may not list and read the container"),
    "KeyBasedAuthenticationNotPermitted": (
        Reason.STORE_FORBIDDEN,
        "the account allows no account key and no SAS that is made with one; use workloadIdentity",
    ),
    "NoAuthenticationInformation": (Reason.STORE_FORBIDDEN, "the container is private"),
    "PublicAccessNotPermitted": (Reason.STORE_FORBIDDEN, "the account allows no anonymous access"),
    "AccountIsDisabled": (Reason.STORE_FORBIDDEN, "the account is disabled"),
    "ServerBusy": (Reason.STORE_UNREACHABLE, "the store is overloaded; it is asked again"),
}


def refusal(where: str, answer: Answer, fix: str, now: datetime) -> SourceError:
    """Put the store's answer into words; `fix` is what to check when the credentials are not accepted."""
    return in_words(where, answer, _meaning(answer), fix, now)


def _meaning(answer: Answer) -> tuple[Reason, str]:
    if answer.code in _REFUSALS:
        return _REFUSALS[answer.code]
    if answer.status in {401, 403}:
        return Reason.STORE_FORBIDDEN, "access is denied"
    if answer.status == 404:
        return _REFUSALS["ResourceNotFound"]
    if answer.status == 412:
        return _REFUSALS["ConditionNotMet"]
    if answer.status in {408, 429} or answer.status >= 500:
        return Reason.STORE_UNREACHABLE, "the store has trouble of its own; it is asked again"
    return Reason.STORE_REFUSED, "the store refuses the request; check account, container and path"
