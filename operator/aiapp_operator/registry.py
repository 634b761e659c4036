"""What a tag stands for, asked of the registry by the OCI distribution protocol: one HEAD, and a token where wanted."""

import base64
import hashlib
import json
import re
import socket
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp

from aiapp_operator.errors import NotFoundError, OperatorError, Reason, TransientError, WaitingError
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.pull_secrets import Login

ACCEPT: Final = (
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
TIMEOUT: Final = aiohttp.ClientTimeout(total=20, connect=10)
MAX_MANIFEST_BYTES: Final = 4 * 1024 * 1024
"""What registries accept at most; the distribution specification asks for at least this."""
MAX_TOKEN_BYTES: Final = 64 * 1024
MAX_REDIRECTS: Final = 3
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_PARAMETER: Final = re.compile(r'(\w+)="([^"]*)"')
# Docker Hub's images say docker.io, its API answers elsewhere.
_API_HOSTS: Final = {"docker.io": "registry-1.docker.io"}


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    digest: str
    challenge: str
    body: bytes


class Registry:
    """Asks registries over TLS; trusts the system's authorities and those of `trust_bundle`, a PEM file or empty."""

    def __init__(self, trust_bundle: str = "") -> None:
        context = ssl.create_default_context()
        if trust_bundle:
            context.load_verify_locations(trust_bundle)
        self._session = aiohttp.ClientSession(
            timeout=TIMEOUT,
            connector=aiohttp.TCPConnector(ssl=context),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=True,
            headers={"User-Agent": "aiapp-operator"},
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def digest(self, image: ImageReference, logins: tuple[Login, ...]) -> str:
        """Return `sha256:<hex>` of the manifest, or manifest list, that the reference stands for.

        A reference with a digest is not asked about. Each fitting login is tried; without one, anonymous access.

        Raises:
            NotFoundError: ImageNotFound.
            WaitingError: RegistryUnauthorized or RegistryRefused.
            TransientError: RegistryUnreachable.
        """
        if image.digest:
            return image.digest
        name = f"{image.repository}:{image.tag}"
        try:
            for login in logins or (None,):
                answer = await self._ask(image, login)
                if answer.status not in {401, 403}:
                    return _digest(answer, name)
        except (aiohttp.ClientError, OSError) as error:
            raise _unreachable(name, error) from error
        except (ValueError, RecursionError):  # its text quotes the answer, which may be a token
            words = f"{name}: the registry answers with an address or a token that cannot be used; ask who runs it"
            raise WaitingError(Reason.REGISTRY_REFUSED, words) from None
        raise WaitingError(Reason.REGISTRY_UNAUTHORIZED, _unauthorized(name, logins))

    async def _ask(self, image: ImageReference, login: Login | None) -> _Answer:
        api = f"https://{_API_HOSTS.get(image.registry, image.registry)}"
        url = f"{api}/v2/{image.path}/manifests/{image.tag}"
        headers = {"Accept": ACCEPT}
        answer = await self._send("HEAD", url, headers)
        if answer.status == 401 and (authorization := await self._authorization(image, answer.challenge, login)):
            headers["Authorization"] = authorization
            answer = await self._send("HEAD", url, headers)
        if answer.status == 200 and not answer.digest:  # an optional header; the body's hash is the same
            answer = await self._send("GET", url, headers)
        return answer

    async def _send(self, method: str, url: str, headers: dict[str, str]) -> _Answer:
        for _ in range(MAX_REDIRECTS):
            async with self._session.request(method, url, headers=headers, allow_redirects=False) as response:
                if response.status not in {301, 302, 303, 307, 308}:
                    return _Answer(
                        response.status,
                        response.headers.get("Docker-Content-Digest", ""),
                        response.headers.get("WWW-Authenticate", ""),
                        await _body(response, MAX_MANIFEST_BYTES)
                        if method == "GET" and response.status == 200
                        else b"",
                    )
                target = urljoin(url, response.headers.get("Location", ""))
            host, other = urlsplit(url).netloc, urlsplit(target).netloc
            if urlsplit(target)[:2] != urlsplit(url)[:2]:
                words = f"{host} redirects to another host, {other[:80]!a}, which is not followed"
                raise WaitingError(Reason.REGISTRY_REFUSED, words)
            url = target
        raise WaitingError(Reason.REGISTRY_REFUSED, f"{host} redirects without end; ask who runs the registry")

    async def _authorization(self, image: ImageReference, challenge: str, login: Login | None) -> str | None:
        """Return the header that answers a challenge; None: nothing to answer it with."""
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic":
            return _basic(login) if login else None
        if scheme.lower() != "bearer":
            words = f"{image.registry} asks for authentication {scheme[:40]!a}; basic and bearer are known"
            raise WaitingError(Reason.REGISTRY_REFUSED, words)
        parameters = dict(_PARAMETER.findall(rest))
        realm = parameters.pop("realm", "")
        if not _may_ask(realm, image.registry):
            words = f"{image.registry} sends logins to {realm!r}, which is not https on its own or a parent domain"
            raise WaitingError(Reason.REGISTRY_REFUSED, words)
        query = {"scope": f"repository:{image.path}:pull", **parameters}
        return await self._token(realm, query, login)

    async def _token(self, realm: str, query: dict[str, str], login: Login | None) -> str | None:
        host = urlsplit(realm).netloc
        headers = {"Authorization": _basic(login)} if login else {}
        async with self._session.get(realm, params=query, headers=headers, allow_redirects=False) as response:
            if response.status == 429 or response.status >= 500:
                words = f"{host[:80]!a} answered {response.status} where a token was asked for; it is asked again"
                raise TransientError(Reason.REGISTRY_UNREACHABLE, words)
            if response.status != 200:  # registries differ in how they refuse a token
                return None
            answer = json.loads(await _body(response, MAX_TOKEN_BYTES))
        token = (answer.get("token") or answer.get("access_token")) if isinstance(answer, dict) else None
        return f"Bearer {token}" if isinstance(token, str) else None


def _digest(answer: _Answer, name: str) -> str:
    if answer.status == 404:
        words = f"{name}: the registry has no such image; push it, or correct spec.image"
        raise NotFoundError(Reason.IMAGE_NOT_FOUND, words)
    if answer.status == 429 or answer.status >= 500:
        words = f"{name}: the registry answered {answer.status}; it is asked again"
        raise TransientError(Reason.REGISTRY_UNREACHABLE, words)
    digest = answer.digest or (f"sha256:{hashlib.sha256(answer.body).hexdigest()}" if answer.body else "")
    if answer.status != 200 or not _DIGEST.fullmatch(digest):
        words = f"{name}: the registry answered {answer.status} with digest {digest[:80]!r}, where sha256 was expected"
        raise WaitingError(Reason.REGISTRY_REFUSED, words)
    return digest


async def _body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    while len(body) <= limit and (more := await response.content.read(limit + 1)):
        body += more
    if len(body) > limit:
        words = f"{response.url.host}: the answer is larger than {limit} bytes; ask who runs the registry"
        raise WaitingError(Reason.REGISTRY_REFUSED, words)
    return bytes(body)


def _may_ask(realm: str, registry: str) -> bool:
    """Tell whether a login for the registry may be sent to the realm that it names."""
    parts = urlsplit(realm)
    asked, own = (parts.hostname or "").lower(), (urlsplit(f"//{registry}").hostname or "").lower()
    if parts.scheme != "https" or not asked:
        return False
    return asked == own or asked.endswith(f".{own}") or ("." in asked and own.endswith(f".{asked}"))


def _basic(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()


def _unauthorized(name: str, logins: tuple[Login, ...]) -> str:
    if logins:
        tried = " and ".join(sorted({login.source for login in logins}))
        return f"{name}: the registry refuses the login in Secret {tried}; renew it, or check the name of the image"
    return f"{name}: the registry refuses access without a login; name a Secret for it in spec.imagePullSecrets"


def _unreachable(name: str, error: Exception) -> OperatorError:
    """Sort a failed request by its type: what a library says quotes bytes of whoever answered."""
    if isinstance(error, aiohttp.InvalidURL):
        words = f"{name}: the registry sends to an address that is none; ask who runs it"
        return WaitingError(Reason.REGISTRY_REFUSED, words)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        words = f"{name}: the registry's certificate is not trusted; give its authority to the operator"
        return WaitingError(Reason.REGISTRY_UNREACHABLE, words)
    if isinstance(error, aiohttp.ClientSSLError):
        words = f"{name}: the registry speaks no TLS that is accepted; check the host and port in spec.image"
        return WaitingError(Reason.REGISTRY_UNREACHABLE, words)
    return TransientError(Reason.REGISTRY_UNREACHABLE, f"{name}: {_failure(error)}; it is asked again")


def _failure(error: Exception) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, socket.gaierror):
        return "the registry's name does not resolve: check it in spec.image, then DNS"
    if isinstance(cause, ConnectionRefusedError):
        return "the registry refuses the connection: check the host and port in spec.image"
    if isinstance(cause, TimeoutError):
        return "the registry does not answer in time: check network policy and firewall"
    if isinstance(cause, aiohttp.ClientResponseError):
        return "the registry's answer is no HTTP"
    return f"the connection to the registry broke ({type(cause).__name__})"
