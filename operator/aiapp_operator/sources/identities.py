"""The Microsoft Entra identities of apps: the operator asks a store or a registry as the app's own ServiceAccount.

A ServiceAccount's token for one audience is what Entra ID takes in exchange for a token of the identity that trusts the
ServiceAccount. Nothing here is a record: lost at a restart, everything is asked for once more.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol
from weakref import WeakValueDictionary

from aiapp_models.contract import IDENTITY_AUDIENCE
from aiapp_models.credentials import AzureIdentity
from aiapp_models.errors import Reason as ModelReason
from aiapp_operator.errors import ForbiddenError, NotFoundError, Reason, TransientError, WaitingError
from aiapp_operator.kube import ServiceAccountToken
from aiapp_operator.settings import Settings
from aiapp_operator.sources.questions import Account
from aiapp_operator.state import Identity, Manifest

CLIENT_ANNOTATION: Final = "azure.workload.identity/client-id"
TENANT_ANNOTATION: Final = "azure.workload.identity/tenant-id"
RENEWED_AT: Final = 0.8
"""Part of a token's life after which another is asked for: of an hour, 12 minutes are left to any question."""
UNUSED_SECONDS: Final = 3600.0


class TokenIssuer(Protocol):
    """The API server, as far as ServiceAccounts go; both raise OperatorError."""

    async def get(self, kind: str, namespace: str, name: str) -> Manifest:
        """Read an object."""

    async def token_request(self, namespace: str, account: str, audience: str) -> ServiceAccountToken:
        """Return a new token of a ServiceAccount."""


@dataclass(slots=True)
class Assertion:
    """What says who the ServiceAccount is, replaced before its end."""

    token: str = field(repr=False)

    def __call__(self) -> str:
        """Return it as it is now."""
        return self.token


OpenIdentity = Callable[[Identity, Assertion], AzureIdentity]
"""Returns an identity that gets its tokens by an assertion; asks for nothing yet."""


@dataclass(slots=True)
class _Kept:
    who: Identity
    azure: AzureIdentity
    assertion: Assertion
    renew_at: float


class Identities:
    """Identities by ServiceAccount, each used by all questions that are asked as it."""

    def __init__(self, issuer: TokenIssuer, settings: Settings, open_identity: OpenIdentity) -> None:
        self._issuer = issuer
        self._settings = settings
        self._open = open_identity
        self._kept: dict[Account, _Kept] = {}
        self._locks: WeakValueDictionary[Account, asyncio.Lock] = WeakValueDictionary()

    async def identity(self, account: Account) -> tuple[Identity, AzureIdentity]:
        """Return who an account is, good for some minutes of questions from any thread.

        Annotations are looked at again whenever the assertion is renewed.

        Raises:
            OperatorError: IdentityMissing, IdentityForbidden, or what the API server says.
        """
        lock = self._locks.setdefault(account, asyncio.Lock())
        async with lock:
            kept = self._kept.get(account)
            if kept is None or kept.renew_at <= asyncio.get_running_loop().time():
                kept = self._kept[account] = await self._renewed(account, kept)
        return kept.who, kept.azure

    def forget(self, account: Account) -> None:
        """Look everything up anew at the next question, as this identity was refused."""
        self._kept.pop(account, None)

    async def _renewed(self, account: Account, kept: _Kept | None) -> _Kept:
        who = await self._who(account)
        answer, now = await self._token(account), asyncio.get_running_loop().time()
        renew_at = now + answer.seconds * RENEWED_AT
        self._drop_unused(now)
        if kept and kept.who == who:
            kept.assertion.token, kept.renew_at = answer.token, renew_at
            return kept
        assertion = Assertion(answer.token)
        return _Kept(who, self._open(who, assertion), assertion, renew_at)

    def _drop_unused(self, now: float) -> None:
        for account in [account for account, kept in self._kept.items() if kept.renew_at + UNUSED_SECONDS < now]:
            del self._kept[account]

    async def _who(self, account: Account) -> Identity:
        if account.client_id and account.tenant_id:
            return Identity(account.client_id, account.tenant_id)
        try:
            manifest = await self._issuer.get("ServiceAccount", account.namespace, account.name)
        except NotFoundError:
            raise _no_account(account) from None
        annotations = manifest["metadata"].get("annotations") or {}
        client = account.client_id or annotations.get(CLIENT_ANNOTATION, "")
        tenant = account.tenant_id or annotations.get(TENANT_ANNOTATION, "") or self._settings.azure_tenant
        if not client:
            raise _missing(account, "client ID", "clientID", CLIENT_ANNOTATION)
        if not tenant:
            raise _missing(account, "tenant", "tenantID", TENANT_ANNOTATION)
        return Identity(client, tenant)

    async def _token(self, account: Account) -> ServiceAccountToken:
        try:
            return await self._issuer.token_request(account.namespace, account.name, IDENTITY_AUDIENCE)
        except NotFoundError:
            raise _no_account(account) from None
        except ForbiddenError as error:
            raise WaitingError(Reason.IDENTITY_FORBIDDEN, self._grant(account, error.message)) from None

    def _grant(self, account: Account, refusal: str) -> str:
        operator = f"{self._settings.namespace}:{self._settings.service_account}"
        return (
            f"the operator may not ask for a token of ServiceAccount {account.name} ({refusal}); install the chart's "
            f"RBAC, or for namespace {account.namespace} alone: kubectl create role aiapp-tokens --verb=create "
            f"--resource=serviceaccounts/token -n {account.namespace} && kubectl create rolebinding aiapp-tokens "
            f"--role=aiapp-tokens --serviceaccount={operator} -n {account.namespace}"
        )


def _no_account(account: Account) -> TransientError:
    words = (
        f"there is no ServiceAccount {account.name} in namespace {account.namespace}; create it, or correct "
        "spec.serviceAccountName"
    )
    return TransientError(ModelReason.IDENTITY_MISSING, words)


def _missing(account: Account, what: str, field_name: str, annotation: str) -> WaitingError:
    words = (
        f"no {what} is known for ServiceAccount {account.name}: set modelSource.credentials.workloadIdentity."
        f"{field_name}, or: kubectl annotate serviceaccount {account.name} -n {account.namespace} {annotation}=ID"
    )
    return WaitingError(ModelReason.IDENTITY_MISSING, words)
