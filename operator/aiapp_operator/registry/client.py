"""The OCI distribution protocol: what a tag stands for, which tags there are, and whether a digest is still there."""

import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from aiohttp.abc import AbstractResolver

from aiapp_models.credentials import AzureIdentity
from aiapp_models.stores.connection import Network
from aiapp_operator.errors import Reason, WaitingError
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.pull_secrets import Login
from aiapp_operator.registry import answers, challenges
from aiapp_operator.registry.acr import Exchange, no_right, takes_identities
from aiapp_operator.registry.answers import Answer
from aiapp_operator.registry.challenges import Access
from aiapp_operator.registry.tokens import Logins, UnauthorizedError, unauthorized
from aiapp_operator.registry.transport import Transport

ACCEPT: Final = (
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""Of a manifest, what registries accept at most; of a page of tags, more than a thousand of the longest."""
PAGE: Final = 1000
MAX_PAGES: Final = 500
MAX_TAGS: Final = 100_000
_HUB: Final = "registry-1.docker.io"

Asker = Login | AzureIdentity | None
A = TypeVar("A")


class Registry:
    """Asks registries, over TLS unless the administrator listed one with `http://`.

    A question is one request: logins, tokens and what a registry asks for them are remembered. Each login that fits is
    tried; without one, the app's identity at registries of Azure, and then nobody's.

    network: authorities to trust and the rules for endpoints.
    clock: seconds that only go forward.
    names: who resolves host names; absent: the system.
    """

    def __init__(
        self, network: Network, clock: Callable[[], float] = time.monotonic, names: AbstractResolver | None = None
    ) -> None:
        self._rules = network.rules
        self._transport = Transport(network, names)
        self._logins = Logins(self._transport, clock)
        self._exchange = Exchange(self._transport, clock)

    async def close(self) -> None:
        """Close the connections."""
        self._exchange.close()
        await self._transport.close()

    async def digest(
        self, image: ImageReference, logins: tuple[Login, ...], identity: AzureIdentity | None = None
    ) -> str:
        """Return `sha256:<hex>` of the manifest, or manifest list, that the reference stands for.

        A reference with a digest is not asked about.

        Raises:
            NotFoundError: ImageNotFound.
            WaitingError: RegistryUnauthorized, RegistryRefused, EndpointRefused or IdentityRefused.
            TransientError: RegistryUnreachable.
        """
        if image.digest:
            return image.digest
        name = f"{image.repository}:{image.tag}"
        access = self._access(image, challenges.PULL)
        url = f"{access.api}/v2/{access.path}/manifests/{image.tag}"

        async def question(asker: Asker) -> str:
            answer = await self._ask("HEAD", url, access, name, asker)
            if answer.status == 200 and "Docker-Content-Digest" not in answer.headers:  # the body's hash is the same
                answer = await self._ask("GET", url, access, name, asker)
            return answers.digest(answer, name)

        return await _first(question, _askers(access, logins, identity))

    async def exists(
        self, image: ImageReference, logins: tuple[Login, ...], identity: AzureIdentity | None = None
    ) -> bool:
        """Tell whether the registry still has the manifest of the reference's digest; raises as `digest`."""
        name = image.pinned(image.digest or "")
        access = self._access(image, challenges.PULL)
        url = f"{access.api}/v2/{access.path}/manifests/{image.digest}"

        async def question(asker: Asker) -> bool:
            return answers.exists(await self._ask("HEAD", url, access, name, asker), name)

        return await _first(question, _askers(access, logins, identity))

    async def tags(
        self, image: ImageReference, logins: tuple[Login, ...], identity: AzureIdentity | None = None
    ) -> tuple[str, ...]:
        """Return all tags of the reference's repository, in the registry's order; raises as `digest`."""
        name = image.repository
        access = self._access(image, challenges.PULL_AND_LIST)

        async def question(asker: Asker) -> tuple[str, ...]:
            url, seen = f"{access.api}/v2/{access.path}/tags/list?n={PAGE}", set[str]()
            found: dict[str, None] = {}
            while url:
                seen.add(url)
                answer = await self._ask("GET", url, access, name, asker)
                found.update(dict.fromkeys(answers.tags(answer, name)))
                url = answers.next_page(answer, name)
                if url in seen or len(seen) >= MAX_PAGES or len(found) > MAX_TAGS:
                    words = f"{name}: the registry lists tags without end; {MAX_TAGS} in {MAX_PAGES} pages are read"
                    raise WaitingError(Reason.REGISTRY_REFUSED, f"{words}: delete old ones, or ask who runs it")
            return tuple(found)

        return await _first(question, _askers(access, logins, identity))

    def _access(self, image: ImageReference, rights: str) -> Access:
        host, path = image.registry.lower(), image.path
        if host in {"docker.io", "index.docker.io", _HUB}:  # its images say docker.io, its API answers elsewhere
            host, path = _HUB, path if "/" in path else f"library/{path}"
        scheme = "https" if self._rules.url_problem(f"http://{host}") else "http"
        return Access(f"{scheme}://{host}", path, rights)

    async def _ask(self, method: str, url: str, access: Access, name: str, asker: Asker) -> Answer:
        """Ask with what is remembered, and once more with what the registry then asks for."""
        header = await self._authorization(access, asker)
        answer = await self._read(method, url, header)
        if answer.status == 401:
            if isinstance(asker, Login | None):
                self._logins.remember(access, challenges.challenge(answer.challenges, access, self._rules))
            fresh = await self._authorization(access, asker, refused=header)
            if fresh and fresh != header:
                answer = await self._read(method, url, fresh)
        if answer.status in {401, 403}:
            raise unauthorized(name, asker) if isinstance(asker, Login | None) else no_right(access.api)
        return answer

    async def _authorization(self, access: Access, asker: Asker, refused: str = "") -> str:
        if isinstance(asker, Login | None):
            return await self._logins.authorization(access, asker, refused)
        return await self._exchange.authorization(access, asker, refused)

    async def _read(self, method: str, url: str, authorization: str) -> Answer:
        headers = {"Accept": ACCEPT} if "/manifests/" in url else {"Accept": "application/json"}
        if authorization:
            headers["Authorization"] = authorization
        return await self._transport.read(method, url, headers, MAX_BODY_BYTES if method == "GET" else 0)


def _askers(access: Access, logins: tuple[Login, ...], identity: AzureIdentity | None) -> tuple[Asker, ...]:
    if logins:
        return logins
    # A registry that lets everybody pull may know nothing of the app's identity.
    return (identity, None) if identity and takes_identities(access.api) else (None,)


async def _first(question: Callable[[Asker], Awaitable[A]], askers: tuple[Asker, ...]) -> A:
    """Return the answer to the first one that the registry lets in; else raise what it said to the very first."""
    refusals: list[UnauthorizedError] = []
    for asker in askers:
        try:
            return await question(asker)
        except UnauthorizedError as error:
            refusals.append(error)
    raise refusals[0]
