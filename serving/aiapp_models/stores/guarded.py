"""HTTP that goes only where the network rules allow: by the URL first, then by the very address that is connected to.

A name that passes a check and leads somewhere else a moment later is the usual way around one, so a name is resolved
once, its addresses are judged, and the connection is made to one of those. Behind a proxy the proxy resolves names and
decides where they lead; there the rules judge URLs alone.
"""

import http.client
import socket
import time
import weakref
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final, cast
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

import requests
import requests.adapters
import urllib3
import urllib3.connection
import urllib3.connectionpool
import urllib3.exceptions

from aiapp_models.addresses import Endpoint, NetworkRules, parse_url
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores.connection import CONNECT_SECONDS, DeadlineContext, DeadlineSocket

MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""Of one answer, which SDKs read whole into memory; a page of 5000 blobs has about five MiB."""
MAX_TAGS: Final = 500_000
"""Of XML in one answer: a tag of four bytes takes a hundred once it is parsed. Such a page has about 220,000."""


def refuse_url(rules: NetworkRules, url: str, where: str) -> None:
    """Raise unless the rules let a URL be asked; `where` names the field or object that it is from.

    Raises:
        SourceError: EndpointRefused.
    """
    if problem := rules.url_problem(url):
        raise SourceError(Reason.ENDPOINT_REFUSED, f"{where}: {problem}")


def open_socket(rules: NetworkRules, host: str, port: int, timeout: float | None) -> socket.socket:
    """Connect to the first of a host's addresses that the rules allow and that answers.

    Raises:
        SourceError: EndpointRefused, the name leads to addresses that may not be asked and to no other.
        OSError: what the resolver or the network says.
    """
    refusal, failure = f"{host} has no address", None
    until = time.monotonic() + 2 * (timeout or CONNECT_SECONDS)  # whoever has a name may give it a thousand addresses
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if problem := rules.address_problem(host, port, str(address[0])):
            refusal = problem
            continue
        opened = socket.socket(family, kind, protocol)
        try:
            opened.settimeout(timeout)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.connect(address)
            return opened
        except OSError as error:
            opened.close()
            failure = error
            if time.monotonic() > until:
                break
    raise failure or SourceError(Reason.ENDPOINT_REFUSED, refusal)


def open_connection(
    rules: NetworkRules, tls: DeadlineContext, endpoint: Endpoint, timeout: float
) -> http.client.HTTPConnection:
    """Connect for requests that are written without an SDK; for https through the environment's proxy, if it has one.

    Raises:
        SourceError: EndpointRefused.
        OSError: what the resolver or the network says.
    """
    scheme, host, port = endpoint
    if scheme == "http":
        plain = http.client.HTTPConnection(host, port, timeout=timeout)
        plain.sock = open_socket(rules, host, port, timeout)
        return plain
    if proxy := _proxy(endpoint):
        via = urllib3.util.parse_url(proxy)
        tunnel = http.client.HTTPSConnection(via.host or "", via.port or 80, timeout=timeout, context=tls)
        login = urllib3.util.make_headers(proxy_basic_auth=unquote(via.auth)) if via.auth else {}
        tunnel.set_tunnel(host, port, login)
        tunnel.connect()
        return tunnel
    secure = http.client.HTTPSConnection(host, port, timeout=timeout, context=tls)
    opened = open_socket(rules, host, port, timeout)
    try:
        secure.sock = tls.wrap_socket(opened, server_hostname=host)
    except BaseException:
        opened.close()
        raise
    return secure


def guarded_session(rules: NetworkRules, tls: DeadlineContext, only_host: str = "") -> requests.Session:
    """Return a session for SDKs that take one of `requests`.

    only_host: where its requests may go, whatever an answer says; empty: anywhere that the rules allow.
    """
    session = requests.Session()
    session.adapters.clear()
    adapter = _Adapter(rules, tls, only_host)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def guarded_pool(rules: NetworkRules, tls: DeadlineContext, url: str, **settings: Any) -> urllib3.PoolManager:
    """Return a pool for SDKs that take one of `urllib3`, through the environment's proxy for `url` where it names one.

    settings: as of urllib3.PoolManager, such as `timeout` and `maxsize`.
    """
    if proxy := _proxy(parse_url(url)):
        return _GuardedProxy(rules, proxy, ssl_context=tls, **settings)
    return _GuardedPool(rules, tls, **settings)


def bounded(response: urllib3.BaseHTTPResponse, chunks: Iterable[bytes], host: str) -> Iterator[bytes]:
    """Yield the pieces of a response, unpacked ones too, as long as they are no more than any store's answer has.

    Raises:
        SourceError: StoreRefused.
    """
    left, tags = MAX_ANSWER_BYTES, MAX_TAGS
    for chunk in chunks:
        left, tags = left - len(chunk), tags - chunk.count(b"<")
        if min(left, tags) < 0:
            response.close()
            problem = f"{host} answers with more than {MAX_ANSWER_BYTES} bytes or {MAX_TAGS} tags, as no store does"
            raise SourceError(Reason.STORE_REFUSED, f"{problem}; check the endpoint in modelSource")
        yield chunk


class _NoRedirects(urllib3.PoolManager):
    """Judges each URL and follows no redirect: it would carry a request to an address that nobody allowed."""

    rules: NetworkRules

    def urlopen(  # type: ignore[override]  # as urllib3's own is
        self,
        method: str,
        url: str,
        redirect: bool = True,  # noqa: ARG002 - never
        **kw: Any,
    ) -> Any:
        refuse_url(self.rules, url, "endpoint")
        return super().urlopen(method, url, redirect=False, **kw)


class _GuardedPool(_NoRedirects):
    def __init__(self, rules: NetworkRules, tls: DeadlineContext, **settings: Any) -> None:
        super().__init__(ssl_context=tls, **settings)
        self.rules = rules
        self.pool_classes_by_scheme = _pool_classes(rules, tls)


class _GuardedProxy(_NoRedirects, urllib3.ProxyManager):
    def __init__(self, rules: NetworkRules, proxy: str, **settings: Any) -> None:
        super().__init__(proxy, **settings)
        self.rules = rules


class _Adapter(requests.adapters.HTTPAdapter):
    """Makes connections with our TLS settings, to addresses that the rules allow."""

    def __init__(self, rules: NetworkRules, tls: DeadlineContext, only_host: str) -> None:
        self._rules = rules
        self._tls = tls
        self._only_host = only_host
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._tls, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self._rules, self._tls)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self._tls, **kwargs)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        url = request.url or ""
        refuse_url(self._rules, url, "endpoint")
        if self._only_host and parse_url(url).host != self._only_host:
            raise SourceError(
                Reason.ENDPOINT_REFUSED, f"{self._only_host} leads to another host, which is not followed"
            )
        response = super().send(request, *args, **kwargs)
        response.raw.stream = partial(_stream, weakref.ref(response.raw), parse_url(url).host)
        return response


def _stream(
    reference: "weakref.ref[urllib3.BaseHTTPResponse]", host: str, *args: Any, **kwargs: Any
) -> Iterator[bytes]:
    """Read a response that refers to this function: weakly, as one that nobody reads is to close when it is dropped."""
    response = cast("urllib3.BaseHTTPResponse", reference())  # it is there: it is what is asked
    return bounded(response, type(response).stream(response, *args, **kwargs), host)


def _proxy(endpoint: Endpoint) -> str:
    return "" if proxy_bypass(endpoint.host) else getproxies().get(endpoint.scheme, "")


def _pool_classes(rules: NetworkRules, tls: DeadlineContext) -> dict[str, Any]:
    """Return urllib3's pools by scheme, with connections that ask the rules; it has no setting to pass them in."""

    class Plain(urllib3.connection.HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return DeadlineSocket.over(_connected(self, rules), tls)

    class Tls(urllib3.connection.HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self, rules)

    class PlainPool(urllib3.connectionpool.HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(urllib3.connectionpool.HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


def _connected(connection: urllib3.connection.HTTPConnection, rules: NetworkRules) -> socket.socket:
    """Connect, with the exceptions that urllib3 expects from its own way of doing it."""
    timeout = connection.timeout if isinstance(connection.timeout, int | float) else None
    try:
        return open_socket(rules, connection.host, connection.port, timeout)
    except socket.gaierror as error:
        raise urllib3.exceptions.NameResolutionError(connection.host, connection, error) from error
    except TimeoutError as error:
        raise urllib3.exceptions.ConnectTimeoutError(connection, "no connection in time") from error
    except OSError as error:
        raise urllib3.exceptions.NewConnectionError(connection, "no connection") from error
