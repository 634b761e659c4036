"""Where the registry client connects to, and where it does not although somebody says so."""

import asyncio
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest

from aiapp_models.addresses import NetworkRules
from aiapp_models.stores.connection import Network
from aiapp_operator.errors import OperatorError, Reason, TransientError, WaitingError
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.pull_secrets import Login
from aiapp_operator.registry import Registry, transport
from aiapp_operator.registry.challenges import may_ask
from unit.operator_shell.registry_server import DIGEST, HOST, PASSWORD, USER, Behaviour, Loopback, Names, serve

LOGIN = Login(USER, PASSWORD, "acr")
LISTED = NetworkRules.parse(f"{HOST},*.corp.example,http://plain.corp.example:5000,registry.test:5001", "")


@pytest.mark.parametrize(
    "realm",
    [
        *("https://evil.test/token", "http://127.0.0.1/token", f"http://{HOST}/token", "https:///token", ""),
        *("file:///etc/passwd", "https://[bad", "https://127.0.0.1:99999/token", "https://127.0.0.1:x/token"),
        f"https://{HOST}@evil.test/token",
    ],
)
async def test_a_login_never_goes_to_a_foreign_realm(loopback: Loopback, realm: str) -> None:
    with pytest.raises(WaitingError, match="sends logins to") as caught:
        await loopback.digest(Behaviour(scheme="bearer", realm=lambda _: realm), LOGIN)
    assert caught.value.reason == Reason.REGISTRY_REFUSED
    assert set(loopback.names.asked) == {HOST}


@pytest.mark.parametrize(
    ("realm", "api", "allowed"),
    [
        ("https://contoso.azurecr.io/oauth2/token", "https://contoso.azurecr.io", True),
        ("https://CONTOSO.azurecr.io/oauth2/token", "https://contoso.azurecr.io", True),
        ("https://auth.docker.io/token", "https://registry-1.docker.io", True),
        ("https://gitlab.com/jwt/auth", "https://registry.gitlab.com", True),
        ("https://registry.test:5001/token", "https://registry.test:5000", True),
        ("https://auth.corp.example/token", "https://registry.test", True),
        ("http://plain.corp.example:5000/token", "http://plain.corp.example:5000", True),
        ("http://plain.corp.example:5000/token", "https://plain.corp.example", False),
        ("http://contoso.azurecr.io/oauth2/token", "https://contoso.azurecr.io", False),
        ("https://auth.docker.io/token", "https://contoso.azurecr.io", False),
        ("https://gitlab.test/jwt/auth", "https://registry.gitlab.test:5050", False),
        ("https://auth.contoso.azurecr.io/token", "https://contoso.azurecr.io", False),
        ("https://azurecr.io/token", "https://contoso.azurecr.io", False),
        ("https://io/token", "https://contoso.azurecr.io", False),
        ("https://evilcontoso.azurecr.io/token", "https://contoso.azurecr.io", False),
        ("https://fabrikam.azurecr.io/token", "https://contoso.azurecr.io", False),
        ("https://contoso.azurecr.io.evil.test/token", "https://contoso.azurecr.io", False),
        ("https://contoso.azurecr.io@evil.test/token", "https://contoso.azurecr.io", False),
    ],
)
def test_a_realm_is_on_the_registrys_own_host_or_listed(realm: str, api: str, allowed: bool) -> None:
    assert may_ask(realm, api, LISTED) is allowed


async def test_a_redirect_to_another_host_is_not_followed(loopback: Loopback) -> None:
    with pytest.raises(WaitingError, match=r"redirects to another host, 'evil\.test'"):
        await loopback.digest(Behaviour(location="https://evil.test/v2/x"), LOGIN)
    assert set(loopback.names.asked) == {HOST}


async def test_a_redirect_in_circles_ends(loopback: Loopback) -> None:
    with pytest.raises(WaitingError, match="redirects without end"):
        await loopback.digest(Behaviour(location="/v2/team/digits/manifests/1"))


@pytest.mark.parametrize(
    "location", ["https://[bad", "//[x", "https://evil.test:99999/", f"http://{HOST}/", f"https://{HOST}:1/", "//"]
)
async def test_a_redirect_elsewhere_is_refused(loopback: Loopback, location: str) -> None:
    with pytest.raises(WaitingError) as caught:
        await loopback.digest(Behaviour(location=location))
    assert caught.value.reason == Reason.REGISTRY_REFUSED


@pytest.mark.parametrize("address", ["169.254.169.254", "168.63.129.16", "127.0.0.1", "10.0.0.7", "10.96.0.1", "::1"])
async def test_a_name_that_leads_inside_is_not_asked(address: str) -> None:
    names = Names()
    names.places["registry.example.com"] = (address, 0)
    network = Network(None, NetworkRules.parse("", "10.96.0.0/12"))
    error = await _failure(network, "registry.example.com/digits:1", names)
    assert error.reason == Reason.ENDPOINT_REFUSED
    assert f"registry.example.com is not asked: registry.example.com leads to {address}" in error.message
    assert names.asked == ["registry.example.com"]


@pytest.mark.parametrize("address", ["169.254.169.254", "168.63.129.16"])
async def test_a_clouds_own_services_are_not_asked_although_listed(address: str) -> None:
    names = Names()
    names.places["registry.example.com"] = (address, 0)
    rules = NetworkRules.parse("registry.example.com,http://registry.example.com", "")
    error = await _failure(Network(None, rules), "registry.example.com/digits:1", names)
    assert error.reason == Reason.ENDPOINT_REFUSED


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("127.0.0.1:5000/digits:1", "is an address, not a name"),
        ("169.254.169.254/digits:1", "never asked"),
        ("[fd00::1]:5000/digits:1", "is an address, not a name"),
        ("localhost:5000/digits:1", "inside the cluster"),
        ("registry.kube-system.svc:5000/digits:1", "inside the cluster"),
        ("registry.kube-system.svc.cluster.local/digits:1", "inside the cluster"),
        ("0177.0.0.1/digits:1", "a number"),
        ("2130706433:80/digits:1", "a number"),
        ("registry.example.com:6443/digits:1", "port 6443"),
    ],
)
async def test_places_inside_are_not_even_looked_up(image: str, words: str) -> None:
    names = Names()
    error = await _failure(Network(), image, names)
    assert error.reason == Reason.ENDPOINT_REFUSED
    assert words in error.message
    assert names.asked == []


async def test_a_name_is_judged_at_every_connection(loopback: Loopback) -> None:
    image = await loopback.start(Behaviour(headers={"Connection": "close"}))
    assert await loopback.registry.digest(image, ()) == DIGEST
    loopback.names.places[HOST] = ("169.254.169.254", 0)
    loopback.registry._transport._session.connector.clear_dns_cache()  # type: ignore[union-attr]
    with pytest.raises(WaitingError) as caught:
        await loopback.registry.digest(image, ())
    assert caught.value.reason == Reason.ENDPOINT_REFUSED


async def test_plain_http_only_where_it_is_listed() -> None:
    server = await serve(Behaviour(scheme="basic"), None)
    endpoint = f"127.0.0.1:{server.port}"
    registry = Registry(Network(None, NetworkRules.parse(f"http://{endpoint}", "")))
    assert await registry.digest(ImageReference.parse(f"{endpoint}/team/digits:1"), (LOGIN,)) == DIGEST
    await registry.close()
    error = await _failure(Network(None, NetworkRules.parse(endpoint, "")), f"{endpoint}/team/digits:1")
    await server.close()
    assert "speaks no TLS" in error.message


async def test_the_proxy_of_the_environment_decides_where_names_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n"))
        writer.write(b"HTTP/1.1 502 canary\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://proxy.corp.example:{port}")
        names = Names()
        names.places["proxy.corp.example"] = ("127.0.0.1", 0)
        error = await _failure(Network(), "registry.example.com/digits:1", names)
        assert "the proxy on the way to it answered 502" in error.message
        assert asked == [b"CONNECT registry.example.com:443 HTTP/1.1\r\n"]
        error = await _failure(Network(), f"proxy.corp.example:{port}/digits:1", names)
        assert error.reason == Reason.ENDPOINT_REFUSED
    assert names.asked == ["proxy.corp.example"]


async def test_what_a_stranger_sends_is_not_quoted() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 canary ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        error = await _failure(*_listed(None, server.sockets[0].getsockname()[1]))
    assert error.reason == Reason.REGISTRY_UNREACHABLE
    assert "canary" not in error.message
    assert "speaks no TLS" in error.message


async def test_nobody_listening_is_transient(trust: tuple[Path, ssl.SSLContext]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = await _failure(*_listed(trust[0], unused.getsockname()[1]))
    assert isinstance(error, TransientError)
    assert error.reason == Reason.REGISTRY_UNREACHABLE
    assert "refuses the connection" in error.message


async def test_a_registry_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", aiohttp.ClientTimeout(total=0.1))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = await _failure(*_listed(None, silent.getsockname()[1]))
    assert isinstance(error, TransientError)
    assert "does not answer in time" in error.message


async def test_an_untrusted_certificate_waits_for_the_administrator(trust: tuple[Path, ssl.SSLContext]) -> None:
    server = await serve(Behaviour(), trust[1])
    error = await _failure(*_listed(None, server.port or 0))
    await server.close()
    assert isinstance(error, WaitingError)
    assert "certificate is not trusted" in error.message


def _listed(bundle: Path | None, port: int) -> tuple[Network, str]:
    endpoint = f"127.0.0.1:{port}"
    return Network(bundle, NetworkRules.parse(endpoint, "")), f"{endpoint}/digits:1"


async def _failure(network: Network, image: str, names: Names | None = None) -> OperatorError:
    registry = Registry(network, names=names)
    with pytest.raises(OperatorError) as caught:
        await registry.digest(ImageReference.parse(image), ())
    await registry.close()
    return caught.value
