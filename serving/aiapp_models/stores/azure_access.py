"""Where an Azure blob account is and how to enter it: spec and Secret in, one checked value out. Pure."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs

from aiapp_models.errors import Reason, SourceError

CREDENTIAL_KEYS: Final = ("connectionString", "accountKey", "sasToken")
"""Keys of the Secret, of which exactly one is given."""

MAX_ENDPOINT: Final = 253
# The rule of the CRD for `endpoint`, which an address in a connection string must not get around.
_ENDPOINT: Final = re.compile(r"https://([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z]([-a-z0-9]*[a-z0-9])?/?")
_WITHIN: Final = re.compile(r"\.svc\.|\.(svc|local|internal|localhost)/?\Z")


@dataclass(frozen=True, slots=True)
class BlobAccess:
    """An account's address and at most one of key and SAS; without either access is anonymous."""

    account: str
    url: str
    account_key: str | None = field(default=None, repr=False)
    sas_token: str | None = field(default=None, repr=False)


def blob_access(account: str, endpoint: str, credentials: Mapping[str, str] | None) -> BlobAccess:
    """Combine `modelSource.azureBlob` with the Secret's decoded values; None: anonymous.

    Raises:
        SourceError: SourceInvalid (endpoint) or SecretInvalid, which names keys but never values.
    """
    url = _checked_url(endpoint, Reason.SOURCE_INVALID, "modelSource.azureBlob.endpoint") if endpoint else ""
    default = f"https://{account}.blob.core.windows.net"
    if credentials is None:
        return BlobAccess(account, url or default)
    key, value = _single_credential(credentials)
    if key == "accountKey":
        return BlobAccess(account, url or default, account_key=_checked_key(value, key))
    if key == "sasToken":
        return BlobAccess(account, url or default, sas_token=_checked_sas(value, key))
    return _from_connection_string(account, url, value)


def sas_problem(sas_token: str, now: datetime) -> str:
    """Say why a SAS cannot work, from its own readable fields; empty when they show nothing wrong."""
    fields = parse_qs(sas_token)
    expiry = _sas_time(fields.get("se", [""])[0])
    if expiry and expiry <= now:
        return f"the SAS expired at {expiry:%Y-%m-%dT%H:%M:%SZ}; put a new one into the Secret"
    start = _sas_time(fields.get("st", [""])[0])
    if start and start > now:
        return f"the SAS is valid from {start:%Y-%m-%dT%H:%M:%SZ} on; wait, or check this node's clock"
    missing = [name for letter, name in (("r", "read"), ("l", "list")) if letter not in fields.get("sp", ["rl"])[0]]
    if missing:
        return f"the SAS lacks the permission to {' and '.join(missing)}; make one for the container with `rl`"
    return ""


def _single_credential(credentials: Mapping[str, str]) -> tuple[str, str]:
    present = [key for key in CREDENTIAL_KEYS if key in credentials]
    if len(present) != 1:
        found = f"has {' and '.join(present)}" if present else f"has none (its keys: {_key_names(credentials)})"
        raise _secret_invalid(f"exactly one of {', '.join(CREDENTIAL_KEYS)} is needed, the Secret {found}")
    value = credentials[present[0]].strip()
    if not value or not value.isascii() or not value.isprintable():
        raise _secret_invalid(f"{present[0]} is empty or no line of ASCII text")
    return present[0], value


def _key_names(credentials: Mapping[str, str]) -> str:
    return ", ".join(sorted(ascii(key[:64]) for key in credentials)[:10]) or "none"


def _from_connection_string(account: str, endpoint: str, value: str) -> BlobAccess:
    pairs = [part.partition("=") for part in value.strip(";").split(";")]
    fields = {key.strip().casefold(): text.strip() for key, _, text in pairs}
    named = fields.get("accountname", account)
    if named != account:
        raise _secret_invalid(f"connectionString is of account {named[:64]!a}, modelSource names {account!a}")
    suffix = fields.get("endpointsuffix", "core.windows.net")
    url = endpoint or fields.get("blobendpoint") or f"https://{account}.blob.{suffix}"
    if not endpoint:
        url = _checked_url(url, Reason.SECRET_INVALID, "the blob endpoint in connectionString")
    if sas := fields.get("sharedaccesssignature"):
        return BlobAccess(account, url, sas_token=_checked_sas(sas, "SharedAccessSignature in connectionString"))
    if key := fields.get("accountkey"):
        return BlobAccess(account, url, account_key=_checked_key(key, "AccountKey in connectionString"))
    raise _secret_invalid("connectionString has neither AccountKey nor SharedAccessSignature")


def _checked_url(url: str, reason: Reason, what: str) -> str:
    if len(url) > MAX_ENDPOINT or not _ENDPOINT.fullmatch(url):
        words = f"{what} must be https:// and a host name in lower case: no http, user, IP address, port or path"
        raise SourceError(reason, words)
    if _WITHIN.search(url):
        raise SourceError(reason, f"{what} must not be a name inside the cluster or of the machine it runs on")
    return url.removesuffix("/")


def _checked_key(value: str, what: str) -> str:
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        raise _secret_invalid(f"{what} is not base64; copy the account's key again") from None
    return value


def _checked_sas(value: str, what: str) -> str:
    if "://" in value.partition("?")[0]:
        raise _secret_invalid(f"{what} is a whole URL; keep only what follows the `?`")
    token = value.removeprefix("?")
    if "sig" not in parse_qs(token):
        raise _secret_invalid(f"{what} has no signature (`sig=`); copy the whole token")
    return token


def _sas_time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _secret_invalid(problem: str) -> SourceError:
    return SourceError(Reason.SECRET_INVALID, problem)
