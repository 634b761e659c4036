"""Where an S3 bucket is and how to enter it: spec, Secret and rules in, one checked value out. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiapp_models.addresses import NetworkRules
from aiapp_models.credentials import Anonymous, Credentials, SecretValues
from aiapp_models.errors import Reason, SourceError
from aiapp_models.manifest import check_path

CREDENTIAL_KEYS: Final = ("accessKeyId", "secretAccessKey")
"""Keys that the Secret must have."""
SESSION_KEY: Final = "sessionToken"
"""Key that the Secret has in addition where its credentials are temporary."""

_BUCKET: Final = re.compile(r"[a-z0-9](?:[.-]?[a-z0-9]){2,62}")
_NUMBERS: Final = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_REGION: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_ANY_REGION: Final = "us-east-1"
"""What services that know no regions take signatures for."""


@dataclass(frozen=True, slots=True)
class S3Access:
    """A bucket's service, by `url` (scheme, host and port), and the keys to it; without keys access is anonymous."""

    url: str
    region: str
    bucket: str
    path: str
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)

    @property
    def fix(self) -> str:
        """What to check when the store refuses this way in."""
        if self.access_key_id:
            return "check the Secret's keys, and that their policy allows s3:ListBucket and s3:GetObject"
        return "only anonymous access was tried: name a Secret in modelSource.credentials.secretRef"


def s3_access(source: Mapping[str, Any], credentials: Credentials, rules: NetworkRules) -> S3Access:
    """Combine `modelSource.s3` with who reads it.

    Raises:
        SourceError: SourceInvalid, UnsafePath, EndpointRefused, or SecretInvalid, which names keys but never values.
    """
    bucket, region = str(source.get("bucket") or ""), str(source.get("region") or "")
    path, endpoint = str(source.get("path") or "").strip("/"), str(source.get("endpoint") or "")
    if not _BUCKET.fullmatch(bucket) or len(bucket) > 63 or _NUMBERS.fullmatch(bucket):
        words = "modelSource.s3.bucket must be 3 to 63 lower-case letters, digits and single `-` or `.` between them"
        raise SourceError(Reason.SOURCE_INVALID, words)
    if (region or not endpoint) and (not _REGION.fullmatch(region) or len(region) > 63):
        words = "modelSource.s3.region must be the name of the bucket's region, such as eu-west-1"
        raise SourceError(Reason.SOURCE_INVALID, words)
    check_path(path or "-", "modelSource.s3.path")
    url = (endpoint or _amazon(region)).removesuffix("/")
    if problem := rules.endpoint_problem(url):
        raise SourceError(Reason.ENDPOINT_REFUSED, f"modelSource.s3.endpoint: {problem}")
    return S3Access(url, region or _ANY_REGION, bucket, path, *_keys(credentials))


def _amazon(region: str) -> str:
    return f"https://s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def _keys(credentials: Credentials) -> tuple[str, ...]:
    if isinstance(credentials, Anonymous):
        return ()
    if not isinstance(credentials, SecretValues):
        words = (
            "modelSource.s3 is read with a Secret or anonymously: an identity of Microsoft Entra ID is unknown to S3"
        )
        raise SourceError(Reason.SOURCE_INVALID, words)
    values = {key: credentials.values.get(key, "").strip() for key in (*CREDENTIAL_KEYS, SESSION_KEY)}
    if missing := [key for key in CREDENTIAL_KEYS if not values[key]]:
        found = ", ".join(sorted(ascii(key[:64]) for key in credentials.values)[:10]) or "none"
        words = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing or empty (its keys: {found})"
        raise SourceError(Reason.SECRET_INVALID, f"S3 needs {' and '.join(CREDENTIAL_KEYS)}: {words}")
    for key, value in values.items():
        if not value.isascii() or not value.isprintable() or " " in value:
            raise SourceError(Reason.SECRET_INVALID, f"{key} is no single word of ASCII text; copy it again")
    return tuple(values.values())
