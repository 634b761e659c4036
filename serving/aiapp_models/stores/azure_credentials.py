"""Ways into an account as the SDK, and as requests without it, want them."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from azure.core.credentials import AccessToken as BearerToken
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from aiapp_models.credentials import AzureIdentity
from aiapp_models.stores.azure_access import BlobAccess

STORAGE_SCOPE: Final = "https://storage.azure.com/.default"
SAS_LIFE: Final = timedelta(hours=1)
"""Of a SAS that we make with an account key; a new one is used after half of it."""


class _StorageTokens:
    """An identity as the SDK wants it; gives tokens for storage alone, whatever scope an answer asks for."""

    def __init__(self, identity: AzureIdentity) -> None:
        self._identity = identity

    def get_token(self, *_: str, **__: Any) -> BearerToken:
        """Return the identity's token."""
        given = self._identity.token(STORAGE_SCOPE)
        return BearerToken(given.token, int(given.expires_on))


class ReadingSas:
    """What ranges are read with: a SAS that was given, or short-lived ones made with the account's key."""

    def __init__(self, access: BlobAccess, container: str) -> None:
        self._access = access
        self._container = container
        self._made = ""
        self._renew = datetime.min.replace(tzinfo=UTC)
        self._one_at_a_time = threading.Lock()

    def token(self, now: datetime) -> str:
        """Return a SAS that is good for a while, or empty: there is no key and none was given."""
        if not self._access.account_key:
            return self._access.sas_token or ""
        with self._one_at_a_time:
            if now >= self._renew:
                self._made = generate_container_sas(
                    self._access.account,
                    self._container,
                    account_key=self._access.account_key,
                    permission=ContainerSasPermissions(read=True),
                    expiry=now + SAS_LIFE,
                )
                self._renew = now + SAS_LIFE / 2
            return self._made


def sdk_credential(
    access: BlobAccess, identity: AzureIdentity | None
) -> AzureNamedKeyCredential | AzureSasCredential | _StorageTokens | None:
    """Return what the SDK's clients take; None: anonymous."""
    if identity:
        return _StorageTokens(identity)
    if access.account_key:
        return AzureNamedKeyCredential(access.account, access.account_key)
    if access.sas_token:
        return AzureSasCredential(access.sas_token)
    return None
