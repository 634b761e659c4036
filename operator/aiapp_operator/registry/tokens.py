"""Who asks a registry: logins and identities, turned into headers, and tokens kept for as long as they are good."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakValueDictionary

from aiapp_operator.errors import Reason, WaitingError
from aiapp_operator.pull_secrets import Login
from aiapp_operator.registry.answers import Answer, granted
from aiapp_operator.registry.challenges import Access, Challenge
from aiapp_operator.registry.transport import Transport

MAX_TOKEN_BYTES: Final = 64 * 1024
MAX_CHALLENGES: Final = 10_000
CLIENT: Final = "aiapp-operator"

Clock = Callable[[], float]


class UnauthorizedError(WaitingError):
    """The registry does not let this one in; the next may be."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the time of the clock until which it is used."""

    value: str = field(repr=False)
    until: float


class TokenCache:
    """Tokens by who may do what where; of several that ask for the same at once, one asks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[Hashable, Token] = {}
        self._turns: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    async def get(self, key: Hashable, ask: Callable[[], Awaitable[Token | None]], refused: str = "") -> str:
        """Return the kept token, or the one that `ask` gets; empty: there is none.

        refused: a token that was not taken just now, so that it is not given again.
        """
        turn = self._turns.setdefault(key, asyncio.Lock())
        async with turn:
            token = self._kept.get(key)
            if token is None or token.until <= self._clock() or token.value == refused:
                self._kept.pop(key, None)
                token = await ask()
                if token is not None:
                    self._keep(key, token)
            return token.value if token else ""

    def _keep(self, key: Hashable, token: Token) -> None:
        now = self._clock()
        for old in [other for other, kept in self._kept.items() if kept.until <= now]:
            del self._kept[old]
        self._kept[key] = token


class Logins:
    """Answers registries' challenges with the logins of pull Secrets, or with none.

    What a registry asked for is remembered, so that the next request carries the answer at once.
    """

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._challenges: dict[Access, Challenge] = {}
        self._tokens = TokenCache(clock)

    def remember(self, access: Access, challenge: Challenge) -> None:
        """Take in what a registry asks for."""
        self._challenges.pop(access, None)
        if len(self._challenges) >= MAX_CHALLENGES:
            del self._challenges[next(iter(self._challenges))]
        self._challenges[access] = challenge

    async def authorization(self, access: Access, login: Login | None, refused: str = "") -> str:
        """Return the header for a request; empty: none is asked for so far, or nothing can be given.

        refused: the header that was not taken just now.
        """
        challenge = self._challenges.get(access)
        if challenge is None:
            return ""
        if not challenge.realm:
            return basic(login) if login and login.password else ""

        async def ask() -> Token | None:
            return await self._ask(challenge, login)

        return await self._tokens.get((access.api, challenge, login), ask, refused)

    async def _ask(self, challenge: Challenge, login: Login | None) -> Token | None:
        wanted = {"service": challenge.service} if challenge.service else {}
        wanted["scope"] = challenge.scope
        content: dict[str, Any]
        if login and login.identity_token:
            grant = {"grant_type": "refresh_token", "refresh_token": login.identity_token, "client_id": CLIENT}
            method, content = "POST", {"data": {**wanted, **grant}}
        else:
            headers = {"Authorization": basic(login)} if login else {}
            method, content = "GET", {"params": wanted, "headers": headers}
        answer = await self._transport.token(method, challenge.realm, MAX_TOKEN_BYTES, **content)
        if answer.status != 200:  # registries differ in how they refuse a token
            return None
        return bearer(answer, self._clock())


def basic(login: Login) -> str:
    """Return the header of basic authentication."""
    return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()


def bearer(answer: Answer, now: float) -> Token:
    """Return the header that a token service's answer grants.

    Raises:
        WaitingError: RegistryRefused, the answer has no usable token.
    """
    value, seconds = granted(answer, ("token", "access_token"))
    return Token(f"Bearer {value}", now + seconds)


def unauthorized(name: str, login: Login | None) -> UnauthorizedError:
    """Return the words for a login, or for none, that the registry does not take."""
    if login:
        words = f"the registry refuses the login in Secret {login.source}; renew it, or check the name of the image"
    else:
        words = "the registry refuses access without a login; name a Secret for it in spec.imagePullSecrets"
    return UnauthorizedError(Reason.REGISTRY_UNAUTHORIZED, f"{name}: {words}")
