"""Where an Azure blob account is and how to enter it: spec, Secret and rules in, one checked value out. Pure."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs

from aiapp_models.addresses import NetworkRules
from aiapp_models.credentials import AzureIdentity, Credentials, SecretValues
from aiapp_models.errors import Reason, SourceError

CLIENT_SECRET_KEYS: Final = ("tenantID", "clientID", "clientSecret")
"""Keys of a Secret with an application of Microsoft Entra ID; all three are given."""
CREDENTIAL_KEYS: Final = ("connectionString", "accountKey", "sasToken", "clientSecret")
"""Keys of the Secret, of which exactly one is given."""
SUFFIXES: Final[Mapping[str, str]] = {
    "https://login.microsoftonline.com": "core.windows.net",
    "https://login.chinacloudapi.cn": "core.chinacloudapi.cn",
    "https://login.partner.microsoftonline.cn": "core.chinacloudapi.cn",
    "https://login.microsoftonline.us": "core.usgovcloudapi.net",
}
"""Domain of a cloud's storage by its Microsoft Entra endpoint."""

_ACCOUNT: Final = re.compile(r"[a-z0-9]{3,24}")
ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
"""Of a tenant or an application; a tenant may be named by its domain."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """An application of Microsoft Entra ID and its password."""

    tenant_id: str
    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BlobAccess:
    """An account's address and at most one way in; without any access is anonymous.

    With `identity` or `client_secret` the address is the account's own under its cloud's suffix: bearer tokens go
    nowhere else.
    """

    account: str
    url: str
    account_key: str | None = field(default=None, repr=False)
    sas_token: str | None = field(default=None, repr=False)
    client_secret: ClientSecret | None = None
    identity: AzureIdentity | None = field(default=None, repr=False)

    @property
    def fix(self) -> str:
        """What to check when the store refuses this way in."""
        if self.identity or self.client_secret:
            return "grant this identity the role Storage Blob Data Reader on the container, and wait some minutes"
        if self.account_key or self.sas_token:
            return "check the Secret's key or SAS, and this node's clock"
        return "only anonymous access was tried: name a Secret or an identity in modelSource.credentials"


def blob_access(
    account: str, endpoint: str, credentials: Credentials, rules: NetworkRules, authority: str
) -> BlobAccess:
    """Combine `modelSource.azureBlob` with who reads it.

    Raises:
        SourceError: SourceInvalid, EndpointRefused, or SecretInvalid, which names keys but never values.
    """
    if not _ACCOUNT.fullmatch(account):
        words = "modelSource.azureBlob.account must be 3 to 24 lower-case letters and digits, as the account's name is"
        raise SourceError(Reason.SOURCE_INVALID, words)
    own = f"https://{account}.blob.{SUFFIXES.get(authority.rstrip('/'), 'core.windows.net')}"
    given = _allowed(endpoint, rules, "modelSource.azureBlob.endpoint") if endpoint else ""
    access = _access(account, given, own, credentials)
    if access.identity or access.client_secret:
        if given:
            words = "with modelSource.azureBlob.endpoint only a key, a SAS or anonymous access may be used"
            raise SourceError(Reason.SOURCE_INVALID, f"{words}: tokens of an identity go to the account itself alone")
        return replace(access, url=own)
    return replace(access, url=_allowed(access.url, rules, "the account's address"))


def _access(account: str, given: str, own: str, credentials: Credentials) -> BlobAccess:
    url = given or own
    if isinstance(credentials, AzureIdentity):
        return BlobAccess(account, own, identity=credentials)
    if not isinstance(credentials, SecretValues):
        return BlobAccess(account, url)
    key, value = _single_credential(credentials.values)
    if key == "accountKey":
        return BlobAccess(account, url, account_key=_checked_key(value, key))
    if key == "sasToken":
        return BlobAccess(account, url, sas_token=_checked_sas(value, key))
    if key == "clientSecret":
        return BlobAccess(account, own, client_secret=client_secret(credentials.values))
    return _from_connection_string(account, given, own, value)


def client_secret(values: Mapping[str, str]) -> ClientSecret:
    """Read tenantID, clientID and clientSecret of a Secret.

    Raises:
        SourceError: SecretInvalid.
    """
    missing = [key for key in CLIENT_SECRET_KEYS if not values.get(key, "").strip()]
    if missing:
        raise _secret_invalid(f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing or empty")
    tenant, client = values["tenantID"].strip(), values["clientID"].strip()
    if not ID.fullmatch(tenant) or not ID.fullmatch(client):
        raise _secret_invalid("tenantID and clientID must be the ids that the Azure portal shows (letters, digits, -)")
    return ClientSecret(tenant, client, values["clientSecret"].strip())


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


def _from_connection_string(account: str, given: str, own: str, value: str) -> BlobAccess:
    pairs = [part.partition("=") for part in value.strip(";").split(";")]
    fields = {key.strip().casefold(): text.strip() for key, _, text in pairs}
    named = fields.get("accountname", account)
    if named != account:
        raise _secret_invalid(f"connectionString is of account {named[:64]!a}, modelSource names {account!a}")
    suffix = fields.get("endpointsuffix")
    url = given or fields.get("blobendpoint") or (f"https://{account}.blob.{suffix}" if suffix else own)
    if sas := fields.get("sharedaccesssignature"):
        return BlobAccess(account, url, sas_token=_checked_sas(sas, "SharedAccessSignature in connectionString"))
    if key := fields.get("accountkey"):
        return BlobAccess(account, url, account_key=_checked_key(key, "AccountKey in connectionString"))
    raise _secret_invalid("connectionString has neither AccountKey nor SharedAccessSignature")


def _allowed(url: str, rules: NetworkRules, what: str) -> str:
    if problem := rules.endpoint_problem(url):
        raise SourceError(Reason.ENDPOINT_REFUSED, f"{what}: {problem}")
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
