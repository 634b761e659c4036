"""HTTP to registries: only to endpoints and addresses that the administrator's rules allow, never from host to host."""

import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from aiapp_models.addresses import NetworkRules
from aiapp_models.stores.answers import retry_after
from aiapp_models.stores.connection import Network
from aiapp_operator.errors import OperatorError, Reason, TransientError, WaitingError
from aiapp_operator.registry.answers import Answer, joined

TIMEOUT: Final = aiohttp.ClientTimeout(total=20, connect=10)
MAX_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Transport:
    """Sends one request at a time to one host; trusts the system's authorities and those of the trust bundle.

    A proxy that the environment names resolves names and decides where they lead; there the rules judge URLs alone.

    names: who resolves host names; absent: the system.
    """

    def __init__(self, network: Network, names: AbstractResolver | None = None) -> None:
        context = ssl.create_default_context()
        if network.trust_bundle:
            context.load_verify_locations(network.trust_bundle)
        self._rules = network.rules
        resolver = _Resolver(network.rules, names or aiohttp.ThreadedResolver())
        self._session = aiohttp.ClientSession(
            timeout=TIMEOUT,
            connector=aiohttp.TCPConnector(ssl=context, resolver=resolver),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "aiapp-operator"},
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def read(self, method: str, url: str, headers: Mapping[str, str], limit: int = 0) -> Answer:
        """Ask; redirects within the host are followed. A body is read up to `limit` bytes, 0: not at all.

        Raises:
            WaitingError: RegistryRefused, RegistryUnreachable or EndpointRefused.
            TransientError: RegistryUnreachable.
        """
        host = _host(url)
        for _ in range(MAX_REDIRECTS):
            answer = await self._send(method, url, limit, headers=headers)
            if answer.status not in _REDIRECTS:
                return answer
            url = joined(url, answer.headers.get("Location", ""))
            if not url:
                other = answer.headers.get("Location", "").partition("://")[2].partition("/")[0]
                words = f"{host} redirects to another host, {other[:80]!a}, which is not followed"
                raise WaitingError(Reason.REGISTRY_REFUSED, words)
        raise WaitingError(Reason.REGISTRY_REFUSED, f"{host} redirects without end; ask who runs the registry")

    async def token(self, method: str, url: str, limit: int, **content: Any) -> Answer:
        """Ask for a token, whose request carries a login and so follows no redirect; raises as `read`."""
        return await self._send(method, url, limit, **content)

    async def _send(self, method: str, url: str, limit: int, **content: Any) -> Answer:
        host = _host(url)
        if problem := self._rules.url_problem(url):
            raise _refused(host, problem)
        try:
            async with self._session.request(
                method, url, allow_redirects=False, proxy=_proxy(url), **content
            ) as response:
                _no_overload(host, response.status, response.headers)
                body = await _body(response, host, limit) if response.status == 200 else b""
                challenges = tuple(response.headers.getall("WWW-Authenticate", ()))
                return Answer(url, response.status, response.headers, body, challenges)
        except (aiohttp.ClientError, OSError) as error:
            raise _unreachable(host, error) from error
        except ValueError:  # its text quotes what was to be sent, which may be a token
            words = f"{host}: the registry answers with an address or a token that cannot be used; ask who runs it"
            raise WaitingError(Reason.REGISTRY_REFUSED, words) from None


class _Resolver(AbstractResolver):
    """Gives the addresses that the rules allow; connections go to these and to no other."""

    def __init__(self, rules: NetworkRules, names: AbstractResolver) -> None:
        self._rules = rules
        self._names = names
        proxies = [urlsplit(getproxies().get(scheme, "")) for scheme in ("http", "https")]
        self._proxies = {(proxy.hostname, proxy.port or 80) for proxy in proxies}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._names.resolve(host, port, family)
        if (host, port) in self._proxies:  # the administrator's own; as a registry it would need to be listed
            return found
        problems = [self._rules.address_problem(host, port, one["host"]) for one in found]
        allowed = [one for one, problem in zip(found, problems, strict=True) if not problem]
        if problems and not allowed:
            raise _refused(host, problems[0])
        return allowed

    async def close(self) -> None:
        await self._names.close()


def _no_overload(host: str, status: int, headers: Mapping[str, str]) -> None:
    """Raise TransientError, with the wait that was asked for, if the registry has too much to do."""
    if status == 429 or status >= 500:
        words = f"{host}: the registry answered {status}; it is asked again"
        raise TransientError(Reason.REGISTRY_UNREACHABLE, words, retry_after(headers, datetime.now(UTC)))


async def _body(response: aiohttp.ClientResponse, host: str, limit: int) -> bytes:
    body = bytearray()
    while limit and len(body) <= limit and (more := await response.content.read(limit + 1)):
        body += more
    if len(body) > limit:
        words = f"{host}: the answer is larger than {limit} bytes; ask who runs the registry"
        raise WaitingError(Reason.REGISTRY_REFUSED, words)
    return bytes(body)


def _host(url: str) -> str:
    return ascii(urlsplit(url).netloc.rpartition("@")[2][:80])[1:-1]


def _proxy(url: str) -> str | None:
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


def _refused(host: str, problem: str) -> WaitingError:
    return WaitingError(Reason.ENDPOINT_REFUSED, f"{host} is not asked: {problem}")


def _unreachable(host: str, error: Exception) -> OperatorError:
    """Sort a failed request by its type: what a library says quotes bytes of whoever answered."""
    if isinstance(error, aiohttp.InvalidURL):
        words = f"{host}: the registry sends to an address that is none; ask who runs it"
        return WaitingError(Reason.REGISTRY_REFUSED, words)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        words = f"{host}: the registry's certificate is not trusted; give its authority to the operator"
        return WaitingError(Reason.REGISTRY_UNREACHABLE, words)
    if isinstance(error, aiohttp.ClientSSLError):
        words = f"{host}: the registry speaks no TLS that is accepted; check the host and port in spec.image"
        return WaitingError(Reason.REGISTRY_UNREACHABLE, words)
    return TransientError(Reason.REGISTRY_UNREACHABLE, f"{host}: {_failure(error)}; it is asked again")


def _failure(error: Exception) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, socket.gaierror):
        return "the registry's name does not resolve: check it in spec.image, then DNS"
    if isinstance(cause, ConnectionRefusedError):
        return "the registry refuses the connection: check the host and port in spec.image"
    if isinstance(cause, TimeoutError):
        return "the registry does not answer in time: check network policy and firewall"
    if isinstance(cause, aiohttp.ClientHttpProxyError):
        return f"the proxy on the way to it answered {cause.status}: check HTTPS_PROXY and NO_PROXY of the operator"
    if isinstance(cause, aiohttp.ClientResponseError):
        return "the registry's answer is no HTTP"
    return f"the connection to the registry broke ({type(cause).__name__})"
