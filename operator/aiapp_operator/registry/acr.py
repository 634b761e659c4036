"""Azure Container Registry: a token of Microsoft Entra ID exchanged for one of the registry."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from aiapp_models.addresses import parse_url
from aiapp_models.credentials import AzureIdentity
from aiapp_models.errors import SourceError
from aiapp_operator.errors import Reason, TransientError
from aiapp_operator.registry.answers import Answer, granted
from aiapp_operator.registry.challenges import Access
from aiapp_operator.registry.tokens import MAX_TOKEN_BYTES, Clock, Token, TokenCache, UnauthorizedError, bearer
from aiapp_operator.registry.transport import Transport

AUDIENCE: Final = "https://containerregistry.azure.net/.default"
"""One for all clouds."""
LIFETIME_SECONDS: Final = 3600
"""Of both of the registry's tokens, whose answers name none: a refresh token is good for three hours, an access token
for somewhat more than one, and one that ends before is replaced once it is refused."""
THREADS: Final = 8
_HOST: Final = re.compile(r"[a-z0-9-]+\.azurecr\.(?:io|cn|us)")


def takes_identities(api: str) -> bool:
    """Tell whether a token of Entra ID may be sent to this API: Azure's own registries over https, and no other."""
    scheme, host, port = parse_url(api)
    return (scheme, port) == ("https", 443) and _HOST.fullmatch(host) is not None


class Exchange:
    """Gets a registry's tokens for identities; each is kept until it ends."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._tokens = TokenCache(clock)
        # Of their own, since the event loop's threads resolve names, for all others too.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="identity")

    def close(self) -> None:
        """Begin no more questions; what hangs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def authorization(self, access: Access, identity: AzureIdentity, refused: str = "") -> str:
        """Return the header for a request; `refused` is the one that was not taken just now.

        Raises:
            UnauthorizedError: the identity gets no token, or may not read the repository.
            TransientError: RegistryUnreachable.
        """

        async def ask() -> Token:
            return await self._access_token(access, identity)

        return await self._tokens.get((access, identity), ask, refused)

    async def _access_token(self, access: Access, identity: AzureIdentity) -> Token:
        kept = await self._refresh_token(access.api, identity)
        answer = await self._redeem(access, kept)
        if answer.status in {400, 401}:  # it ended before its time
            answer = await self._redeem(access, await self._refresh_token(access.api, identity, refused=kept))
        if answer.status != 200:
            raise no_right(access.api)
        return Token(bearer(answer, 0).value, self._clock() + LIFETIME_SECONDS)

    async def _redeem(self, access: Access, refresh_token: str) -> Answer:
        form = {"grant_type": "refresh_token", "scope": access.scope, "refresh_token": refresh_token}
        return await self._post(access.api, "token", form)

    async def _refresh_token(self, api: str, identity: AzureIdentity, refused: str = "") -> str:
        async def ask() -> Token:
            form = {"grant_type": "access_token", "access_token": await self._identity_token(identity)}
            answer = await self._post(api, "exchange", form)
            if answer.status != 200:
                raise no_right(api)
            value, _ = granted(answer, ("refresh_token",))
            return Token(value, self._clock() + LIFETIME_SECONDS)

        return await self._tokens.get((api, identity), ask, refused)

    async def _identity_token(self, identity: AzureIdentity) -> str:
        try:
            token = await asyncio.get_running_loop().run_in_executor(self._threads, identity.token, AUDIENCE)
        except SourceError as error:
            if error.transient:
                raise TransientError(Reason.REGISTRY_UNREACHABLE, error.message, error.retry_after) from None
            raise UnauthorizedError(error.reason, error.message) from None
        return token.token

    async def _post(self, api: str, step: str, form: dict[str, str]) -> Answer:
        form = {"service": parse_url(api).host, **form}
        return await self._transport.token("POST", f"{api}/oauth2/{step}", MAX_TOKEN_BYTES, data=form)


def no_right(api: str) -> UnauthorizedError:
    """Return the words for an identity that the registry does not let in."""
    host = parse_url(api).host
    words = (
        f"{host}: the registry does not let the app's workload identity pull; grant it the role: az role assignment "
        f"create --role AcrPull --assignee CLIENT_ID --scope $(az acr show --name {host.partition('.')[0]} "
        "--query id --output tsv)"
    )
    return UnauthorizedError(Reason.REGISTRY_UNAUTHORIZED, words)
