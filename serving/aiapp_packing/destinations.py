"""Where a version is pushed to, and as whom: a URL and the environment in, an uploader out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from aiapp_models.addresses import NetworkRules
from aiapp_models.credentials import Anonymous, Credentials, SecretValues
from aiapp_models.stores.azure_access import SUFFIXES
from aiapp_models.stores.connection import DEFAULT_AUTHORITY, Network
from aiapp_models.stores.uploads import Uploader
from aiapp_packing.errors import PackingError

FORMS: Final = "https://ACCOUNT.blob.core.windows.net/CONTAINER/PATH or s3://BUCKET/PATH"
_AZURE_KEYS: Final = {
    "AZURE_STORAGE_CONNECTION_STRING": "connectionString",
    "AZURE_STORAGE_KEY": "accountKey",
    "AZURE_STORAGE_SAS_TOKEN": "sasToken",
}
"""As the az command reads them, in this order."""
_S3_KEYS: Final = {
    "AWS_ACCESS_KEY_ID": "accessKeyId",
    "AWS_SECRET_ACCESS_KEY": "secretAccessKey",
    "AWS_SESSION_TOKEN": "sessionToken",
}


@dataclass(frozen=True, slots=True)
class Destination:
    """A place for versions; source: as spec.modelSource names it. secret: what the environment has, empty: nothing."""

    source: Mapping[str, Any]
    network: Network
    secret: Mapping[str, str] = field(repr=False)

    def open(self) -> Uploader:
        """Return what writes there; nothing is sent yet.

        Raises:
            SourceError: see open_store.
        """
        # Each SDK takes a moment to import, and the other one is never needed.
        if azure := self.source.get("azureBlob"):
            from aiapp_models.stores.azure_upload import AzureBlobUploader, DeveloperIdentity  # noqa: PLC0415

            who: Credentials = SecretValues(self.secret) if self.secret else DeveloperIdentity(self.network.authority)
            return AzureBlobUploader(azure, who, self.network)
        from aiapp_models.stores.s3_upload import S3Uploader  # noqa: PLC0415

        who = SecretValues(self.secret) if self.secret else Anonymous()
        return S3Uploader(self.source["s3"], who, self.network)


def destination(url: str, env: Mapping[str, str], endpoint: str = "", region: str = "") -> Destination:
    """Read a destination; what is named on the command line may be asked, wherever it is.

    Raises:
        PackingError: it is none; a URL with a secret in it is not repeated.
    """
    parts = urlsplit(url)
    if parts.query or parts.fragment or "@" in parts.netloc:
        fix = "give the URL without `?` and what follows, and a SAS in AZURE_STORAGE_SAS_TOKEN"
        raise PackingError("the destination must have no query or login: others see a command line", fix)
    container, _, path = unquote(parts.path).strip("/").partition("/")
    if parts.scheme == "s3" and parts.netloc:
        whole = "/".join(filter(None, (container, path)))
        return _s3(parts.netloc, whole, env, endpoint, region)
    account, found, suffix = parts.netloc.partition(".blob.")
    authority = next((authority for authority, known in SUFFIXES.items() if known == suffix), "")
    if parts.scheme == "https" and found and authority and container:
        return _azure(account, container, path, authority, env)
    raise PackingError(f"{url!a} is no destination", f"give {FORMS}")


def _azure(account: str, container: str, path: str, authority: str, env: Mapping[str, str]) -> Destination:
    host = f"{account}.blob.{SUFFIXES[authority]}"
    source = {"azureBlob": {"account": account, "container": container, "path": path}}
    found = next((name for name in _AZURE_KEYS if env.get(name)), "")
    rules = _rules(f"{host},{authority.removeprefix('https://')}")
    return Destination(source, Network(None, rules, authority), {_AZURE_KEYS[found]: env[found]} if found else {})


def _s3(bucket: str, path: str, env: Mapping[str, str], endpoint: str, region: str) -> Destination:
    at = endpoint or env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL") or ""
    where = region or env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or ""
    if not at and not where:
        raise PackingError("S3 needs the bucket's region", "add --region eu-west-1, or set AWS_REGION")
    source = {"s3": {"bucket": bucket, "path": path, "region": where, "endpoint": at}}
    secret = {key: env[name] for name, key in _S3_KEYS.items() if env.get(name)}
    return Destination(source, Network(None, _rules(at), DEFAULT_AUTHORITY), secret)


def _rules(listed: str) -> NetworkRules:
    try:
        return NetworkRules.parse(listed.removesuffix("/"), "")
    except ValueError as error:
        raise PackingError(
            f"the destination cannot be used: {error}", f"give {FORMS}, and --endpoint for S3's kin"
        ) from None
