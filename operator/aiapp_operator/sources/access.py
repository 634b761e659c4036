"""As whom sources are asked: the app's Secrets, read anew for every question, or its identity."""

from collections.abc import Mapping
from typing import Final, Protocol

from aiapp_models.credentials import Anonymous, AzureIdentity, Credentials, SecretValues
from aiapp_models.errors import Reason as ModelReason
from aiapp_operator.errors import ForbiddenError, NotFoundError, OperatorError, Reason, WaitingError
from aiapp_operator.pull_secrets import Login, logins
from aiapp_operator.settings import Settings
from aiapp_operator.sources.identities import Identities
from aiapp_operator.sources.questions import Account, ImageQuestion, ModelQuestion
from aiapp_operator.state import Identity

SECRET_READER: Final = "aiapp-secret-reader"  # noqa: S105 - the chart's ClusterRole
NOT_LET_IN: Final = frozenset(
    {Reason.REGISTRY_UNAUTHORIZED.value, ModelReason.STORE_FORBIDDEN.value, ModelReason.IDENTITY_REFUSED.value}
)
"""Reasons of a source, or of Entra ID, that knows who asks and refuses."""


class SecretReader(Protocol):
    """Reads a Secret's decoded values."""

    async def secret(self, namespace: str, name: str) -> Mapping[str, str]:
        """Raise OperatorError when it cannot."""


class Access:
    """Credentials for questions. A Secret is never kept, so that one that was rotated is used at the next question."""

    def __init__(self, secrets: SecretReader, identities: Identities, settings: Settings) -> None:
        self._secrets = secrets
        self._identities = identities
        self._settings = settings

    async def to_registry(self, question: ImageQuestion) -> tuple[tuple[Login, ...], AzureIdentity | None]:
        """Return the logins that fit, else the app's identity where the registry takes one and the app has one.

        Raises:
            OperatorError: a Secret cannot be read or used, or no token be had.
        """
        secrets = {name: await self._secret(question.namespace, name) for name in question.pull_secrets}
        try:
            fitting = logins(question.reference, secrets)
        except ValueError as error:
            raise WaitingError(Reason.SECRET_INVALID, str(error)) from None
        if fitting or question.account is None:
            return fitting, None
        return (), await self._identity_if_any(question.account)

    async def to_store(self, question: ModelQuestion) -> tuple[Credentials, Identity | None]:
        """Return what a model store is read with, and who that is if it is an identity.

        Raises:
            OperatorError: the Secret cannot be read, or no token be had.
        """
        if question.account:
            who, identity = await self._identities.identity(question.account)
            return identity, who
        if question.secret:
            return SecretValues(await self._secret(question.namespace, question.secret)), None
        return Anonymous(), None

    def refused(self, account: Account | None, reason: str) -> None:
        """Look an identity up anew at the next question if it was not let in; it may be another by then."""
        if account and reason in NOT_LET_IN:
            self._identities.forget(account)

    async def _identity_if_any(self, account: Account) -> AzureIdentity | None:
        try:
            _, identity = await self._identities.identity(account)
        except OperatorError as error:
            if error.reason == ModelReason.IDENTITY_MISSING:
                return None  # the registry may let everybody pull
            raise
        return identity

    async def _secret(self, namespace: str, name: str) -> Mapping[str, str]:
        try:
            return await self._secrets.secret(namespace, name)
        except NotFoundError:
            words = f"there is no Secret {name} in namespace {namespace}; create it, or correct its name in spec"
            raise WaitingError(Reason.SECRET_NOT_FOUND, words) from None
        except ForbiddenError:
            raise WaitingError(Reason.SECRET_FORBIDDEN, self._grant(namespace, name)) from None

    def _grant(self, namespace: str, name: str) -> str:
        account = f"{self._settings.namespace}:{self._settings.service_account}"
        return (
            f"the operator may not read Secret {name}; grant it for namespace {namespace} with: "
            f"kubectl create rolebinding aiapp-secrets --clusterrole={SECRET_READER} "
            f"--serviceaccount={account} -n {namespace}"
        )
