"""What S3 and its compatibles mean by their error codes. Pure: an answer in, words and fix out."""

from datetime import datetime
from typing import Final

from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores.answers import Answer, in_words

_FORBIDDEN, _UNREACHABLE, _REFUSED = Reason.STORE_FORBIDDEN, Reason.STORE_UNREACHABLE, Reason.STORE_REFUSED
_BUSY: Final = (_UNREACHABLE, "the store is overloaded; it is asked again")
_REGION: Final = (_REFUSED, "the bucket is in another region; check modelSource.s3.region and endpoint")
_CLOCK: Final = (_FORBIDDEN, "the store says that the time of the request is wrong")
_REFUSALS: Final[dict[str, tuple[Reason, str]]] = {
    "NoSuchBucket": (Reason.MODEL_MISSING, "there is no such bucket; check modelSource.s3.bucket"),
    "NoSuchKey": (Reason.MODEL_MISSING, "the file is gone; upload the version again under a new name"),
    "PreconditionFailed": (
        Reason.MODEL_CHANGED,
        "the file was overwritten; upload each version under a name of its own",
    ),
    "InvalidObjectState": (
        Reason.MODEL_ARCHIVED,
        "the file is in an archive class; copy it to the class STANDARD",
    ),
    "AccessDenied": (_FORBIDDEN, "access is denied"),
    "AllAccessDisabled": (_FORBIDDEN, "all access to the bucket is disabled"),
    "AccountProblem": (_FORBIDDEN, "the account has a problem of its own"),
    "InvalidAccessKeyId": (_FORBIDDEN, "the access key is unknown"),
    "XAdminUserNotFound": (_FORBIDDEN, "the access key is unknown"),  # of versitygw
    "SignatureDoesNotMatch": (_FORBIDDEN, "the secret access key does not fit the access key"),
    "ExpiredToken": (_FORBIDDEN, "the session token has expired; put new temporary keys into the Secret"),
    "InvalidToken": (_FORBIDDEN, "the session token is not one of these keys"),
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _CLOCK,
    "AuthorizationHeaderMalformed": _REGION,
    "AuthorizationQueryParametersError": _REGION,
    "PermanentRedirect": _REGION,
    "TemporaryRedirect": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "SlowDown": _BUSY,
    "SlowDownRead": _BUSY,
    "RequestLimitExceeded": _BUSY,
    "Throttling": _BUSY,
    "ThrottlingException": _BUSY,
    "ServiceUnavailable": _BUSY,
    "RequestTimeout": _BUSY,
    "InternalError": (_UNREACHABLE, "the store has trouble of its own; it is asked again"),
}
_STATUSES: Final[dict[int, tuple[Reason, str]]] = {
    **dict.fromkeys((301, 302, 303, 307, 308), _REGION),
    **dict.fromkeys((401, 403), _REFUSALS["AccessDenied"]),
    404: (Reason.MODEL_MISSING, "there is no such bucket, or it is no S3 that answers; check bucket and endpoint"),
    **dict.fromkeys((408, 429), _BUSY),
    412: _REFUSALS["PreconditionFailed"],
}
"""What an answer without a code means: to a HEAD, or from something in between."""


def refusal(where: str, answer: Answer, fix: str, now: datetime) -> SourceError:
    """Put the store's answer into words; `fix` is what to check when the credentials are not accepted."""
    return in_words(where, answer, _meaning(answer), fix, now)


def _meaning(answer: Answer) -> tuple[Reason, str]:
    if answer.code in _REFUSALS:
        return _REFUSALS[answer.code]
    if answer.status in _STATUSES:
        return _STATUSES[answer.status]
    if answer.status >= 500:
        return _REFUSALS["InternalError"]
    return _REFUSED, "the store refuses the request; check bucket, region and path"
