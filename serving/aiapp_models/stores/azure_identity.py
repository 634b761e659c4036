"""Identities of Microsoft Entra ID; the only importer of its SDK.

Tokens, assertions and passwords are in no error, log or repr: what Entra ID says is put into words by its error number.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline import PipelineResponse
from azure.core.pipeline.transport import HttpResponse, RequestsTransport
from azure.identity import ClientAssertionCredential, ClientSecretCredential

from aiapp_models.addresses import parse_url
from aiapp_models.credentials import AccessToken
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores.answers import clock_problem, retry_after
from aiapp_models.stores.azure_access import ID, ClientSecret
from aiapp_models.stores.connection import CONNECT_SECONDS, READ_SECONDS, Network, network_problem, tls_context
from aiapp_models.stores.entra_refusals import claims, error_number, identity_refusal
from aiapp_models.stores.guarded import guarded_session, refuse_url

TOKEN_SECONDS: Final = 30
"""All of one token, discovery included."""

# It logs what Entra ID says beside raising it; there it is in words and once.
logging.getLogger("azure.identity").setLevel(logging.CRITICAL)


class EntraIdentity:
    """Gets tokens and keeps them until some minutes before they end; for several threads at once."""

    _credential: TokenCredential

    def __init__(self, who: str, network: Network) -> None:
        if not network.authority.startswith("https://"):
            raise SourceError(Reason.SOURCE_INVALID, "the authority of Microsoft Entra ID must begin with https://")
        refuse_url(network.rules, network.authority, "the authority of Microsoft Entra ID")
        self._who = who
        self._host = parse_url(network.authority).host
        self._tls = tls_context(network.trust_bundle)
        self._session = guarded_session(network.rules, self._tls, only_host=self._host)
        self._options: dict[str, Any] = {
            "authority": network.authority,
            "transport": RequestsTransport(
                session=self._session, connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS
            ),
            "retry_total": 0,  # between tries it would wait for as long as an answer says
            "raw_response_hook": self._remember,
        }
        self._one_at_a_time = threading.Lock()
        self._known: Mapping[str, str] = {}
        self._status = 0
        self._headers: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._who})"

    def token(self, scope: str) -> AccessToken:
        """See AzureIdentity."""
        with self._one_at_a_time:
            self._tls.deadline = time.monotonic() + TOKEN_SECONDS
            try:
                answer = self._credential.get_token(scope)
            except ClientAuthenticationError as error:
                raise self._refusal(error) from None
            except (AzureError, OSError, ValueError) as error:
                raise self._unreachable(error) from None
        return AccessToken(answer.token, float(answer.expires_on))

    def close(self) -> None:
        """Close the connections; another token would open new ones."""
        self._session.close()

    def _remember(self, response: PipelineResponse[Any, HttpResponse]) -> None:
        """Keep what a client secret's errors do not say."""
        self._status, self._headers = response.http_response.status_code, response.http_response.headers

    def _refusal(self, error: ClientAuthenticationError) -> SourceError:
        cause = error.__cause__  # of a client secret's errors, whatever they are
        if isinstance(cause, SourceError):
            return cause
        if isinstance(cause, ServiceRequestError | ServiceResponseError):
            return self._unreachable(cause)
        now = datetime.now(UTC)
        if self._status == 429 or self._status >= 500:
            words = f"{self._who}: {self._host} has trouble of its own (HTTP {self._status}); it is asked again"
            wait = retry_after(self._headers, now)
            return SourceError(Reason.STORE_UNREACHABLE, words, transient=True, retry_after=wait)
        return identity_refusal(self._who, error_number(str(error)), self._known, clock_problem(self._headers, now))

    def _unreachable(self, error: Exception) -> SourceError:
        words = f"{self._who}: {network_problem(error, self._host)}"
        return SourceError(Reason.STORE_UNREACHABLE, words, transient=True)


class WorkloadIdentity(EntraIdentity):
    """An application or managed identity that trusts a ServiceAccount by a federated credential.

    assertion: returns the ServiceAccount's token as it is now; asked before each token, never kept.
    """

    def __init__(self, client_id: str, tenant_id: str, assertion: Callable[[], str], network: Network) -> None:
        super().__init__(_who(client_id, tenant_id), network)
        self._assertion = assertion
        for name, value in (("clientID", client_id), ("tenantID", tenant_id)):
            if not ID.fullmatch(value):
                words = f"{name} must be the id that the Azure portal shows (letters, digits, hyphens)"
                raise SourceError(Reason.IDENTITY_MISSING, words)
        self._credential = ClientAssertionCredential(tenant_id, client_id, self._read_assertion, **self._options)

    def _read_assertion(self) -> str:
        assertion = self._assertion()
        self._known = claims(assertion)
        return assertion


class ClientSecretIdentity(EntraIdentity):
    """An application with a password."""

    def __init__(self, application: ClientSecret, network: Network) -> None:
        super().__init__(_who(application.client_id, application.tenant_id), network)
        self._credential = ClientSecretCredential(
            application.tenant_id,
            application.client_id,
            application.secret,
            disable_instance_discovery=True,  # it asks the public cloud's endpoint, which other clouds cannot reach
            **self._options,
        )


def _who(client_id: str, tenant_id: str) -> str:
    return f"identity {client_id} of tenant {tenant_id}"
