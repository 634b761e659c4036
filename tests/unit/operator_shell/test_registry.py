"""The distribution protocol against a registry on loopback that asks for a login in every way that registries do."""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from aiapp_operator.errors import NotFoundError, OperatorError, Reason, TransientError, WaitingError
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.pull_secrets import Login
from aiapp_operator.registry import MAX_TOKEN_BYTES, Registry, _may_ask
from unit.operator_shell.registry_server import DIGEST, PASSWORD, USER, Behaviour, certificate, serve

LOGIN = Login(USER, PASSWORD, "acr")
WRONG = Login(USER, "hunter3", "old")
Ask = Callable[..., Awaitable[str]]


@pytest.fixture(scope="session")
def trust(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return certificate(tmp_path_factory.mktemp("registry"))


@pytest.fixture
async def ask(trust: tuple[Path, ssl.SSLContext]) -> AsyncIterator[Ask]:
    """Asks a new registry of the given behaviour for team/digits:1."""
    bundle, context = trust
    servers, registry = [], Registry(str(bundle))

    async def ask(behaviour: Behaviour, *logins: Login) -> str:
        server = await serve(behaviour, context)
        servers.append(server)
        image = ImageReference.parse(f"127.0.0.1:{server.port}/team/digits:1")
        return await registry.digest(image, logins)

    yield ask
    await registry.close()
    for server in servers:
        await server.close()


async def test_an_open_registry_takes_one_head(ask: Ask) -> None:
    behaviour = Behaviour()
    assert await ask(behaviour) == DIGEST
    assert behaviour.seen == ["HEAD /v2/team/digits/manifests/1"]


async def test_a_login_is_not_sent_to_a_registry_that_does_not_ask_for_one(ask: Ask) -> None:
    assert await ask(Behaviour(), LOGIN) == DIGEST  # the stand-in refuses any Authorization here


async def test_basic_authentication(ask: Ask) -> None:
    assert await ask(Behaviour(scheme="basic"), LOGIN) == DIGEST


async def test_a_token_is_fetched_with_the_login(ask: Ask) -> None:
    behaviour = Behaviour(scheme="bearer")
    assert await ask(behaviour, LOGIN) == DIGEST
    assert "token registry.test repository:team/digits:pull" in behaviour.seen


async def test_a_token_is_fetched_without_a_login_where_the_registry_gives_one(ask: Ask) -> None:
    assert await ask(Behaviour(scheme="bearer", anonymous_tokens=True)) == DIGEST


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
async def test_the_next_login_is_tried_when_one_is_refused(ask: Ask, scheme: str) -> None:
    assert await ask(Behaviour(scheme=scheme), WRONG, LOGIN) == DIGEST


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
@pytest.mark.parametrize(("logins", "fix"), [((), "name a Secret"), ((WRONG,), "Secret old")])
async def test_a_refused_login_says_what_to_do(ask: Ask, scheme: str, logins: tuple[Login, ...], fix: str) -> None:
    with pytest.raises(WaitingError, match=fix) as caught:
        await ask(Behaviour(scheme=scheme), *logins)
    assert caught.value.reason == Reason.REGISTRY_UNAUTHORIZED
    assert "hunter" not in str(caught.value)


async def test_a_missing_image_is_named(ask: Ask) -> None:
    with pytest.raises(NotFoundError, match=r"team/digits:1: the registry has no such image; push it") as caught:
        await ask(Behaviour(status=404, digest_header=""))
    assert caught.value.reason == Reason.IMAGE_NOT_FOUND


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_overloaded_registry_is_asked_again(ask: Ask, status: int) -> None:
    with pytest.raises(TransientError) as caught:
        await ask(Behaviour(status=status))
    assert caught.value.reason == Reason.REGISTRY_UNREACHABLE


async def test_without_the_digest_header_the_manifest_is_hashed(ask: Ask) -> None:
    behaviour = Behaviour(digest_header="")
    # printf '{}' | sha256sum
    expected = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert await ask(behaviour) == expected
    assert [request.split()[0] for request in behaviour.seen] == ["HEAD", "GET"]


@pytest.mark.parametrize("digest", ["sha256:abc", "sha512:" + "ab" * 64, "latest"])
async def test_a_digest_of_another_kind_is_refused(ask: Ask, digest: str) -> None:
    with pytest.raises(WaitingError, match="where sha256 was expected"):
        await ask(Behaviour(digest_header=digest))


@pytest.mark.parametrize(
    "realm",
    ["https://evil.test/token", "http://127.0.0.1/token", "https:///token", "file:///etc/passwd", ""],
)
async def test_a_login_never_goes_to_a_foreign_realm(ask: Ask, realm: str) -> None:
    with pytest.raises(WaitingError, match="sends logins to") as caught:
        await ask(Behaviour(scheme="bearer", realm=lambda _: realm), LOGIN)
    assert caught.value.reason == Reason.REGISTRY_REFUSED


@pytest.mark.parametrize(
    ("realm", "registry", "allowed"),
    [
        ("https://contoso.azurecr.io/oauth2/token", "contoso.azurecr.io", True),
        ("https://auth.docker.io/token", "docker.io", True),
        ("https://gitlab.test/jwt/auth", "registry.gitlab.test:5050", True),
        ("https://registry.test:5001/token", "registry.test:5000", True),
        ("https://io/token", "contoso.azurecr.io", False),
        ("https://evilcontoso.azurecr.io/token", "contoso.azurecr.io", False),
        ("https://fabrikam.azurecr.io/token", "contoso.azurecr.io", False),
        ("https://contoso.azurecr.io.evil.test/token", "contoso.azurecr.io", False),
        ("https://contoso.azurecr.io@evil.test/token", "contoso.azurecr.io", False),
    ],
)
def test_a_realm_is_on_the_registrys_own_or_a_parent_domain(realm: str, registry: str, allowed: bool) -> None:
    assert _may_ask(realm, registry) is allowed


async def test_a_redirect_to_another_host_is_not_followed(ask: Ask) -> None:
    with pytest.raises(WaitingError, match=r"redirects to another host, 'evil\.test'"):
        await ask(Behaviour(location="https://evil.test/v2/x"), LOGIN)


async def test_a_redirect_in_circles_ends(ask: Ask) -> None:
    with pytest.raises(WaitingError, match="redirects without end"):
        await ask(Behaviour(location="/v2/team/digits/manifests/1"))


async def test_an_unknown_kind_of_login_is_said(ask: Ask) -> None:
    with pytest.raises(WaitingError, match="authentication 'Negotiate'; basic and bearer are known"):
        await ask(Behaviour(scheme="negotiate"))


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>a captive portal</html>",
        b"",
        b"\xff\xfe",
        b"[" * 60_000,
        b"1" * 5_000,
        b'{"token": "token-7\\r\\nX-Injected: 1"}',
        b'{"token": "' + b"7" * MAX_TOKEN_BYTES + b'"}',
    ],
    ids=["html", "empty", "no text", "deep", "digits", "line break", "long"],
)
async def test_a_token_that_cannot_be_used_is_refused_without_quoting_it(ask: Ask, answer: bytes) -> None:
    with pytest.raises(WaitingError) as caught:
        await ask(Behaviour(scheme="bearer", token_answer=answer), LOGIN)
    assert caught.value.reason == Reason.REGISTRY_REFUSED
    assert not re.search("captive|token-7|777|Injected", caught.value.message)


async def test_an_overloaded_token_service_is_asked_again(ask: Ask) -> None:
    with pytest.raises(TransientError, match="answered 503 where a token was asked for"):
        await ask(Behaviour(scheme="bearer", token_status=503), LOGIN)


@pytest.mark.parametrize("realm", ["https://[bad", "https://127.0.0.1:99999/token", "https://127.0.0.1:x/token"])
async def test_a_realm_that_is_no_address_is_refused(ask: Ask, realm: str) -> None:
    with pytest.raises(WaitingError) as caught:
        await ask(Behaviour(scheme="bearer", realm=lambda _: realm), LOGIN)
    assert caught.value.reason == Reason.REGISTRY_REFUSED


@pytest.mark.parametrize("location", ["https://[bad", "//[x", "https://evil.test:99999/"])
async def test_a_redirect_to_no_address_is_refused(ask: Ask, location: str) -> None:
    with pytest.raises(WaitingError) as caught:
        await ask(Behaviour(location=location))
    assert caught.value.reason == Reason.REGISTRY_REFUSED


async def test_what_a_stranger_sends_is_not_quoted() -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 canary ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        error = await _failure("", f"127.0.0.1:{server.sockets[0].getsockname()[1]}/digits:1")
    assert error.reason == Reason.REGISTRY_UNREACHABLE
    assert "canary" not in error.message
    assert "speaks no TLS" in error.message


async def test_nobody_listening_is_transient(trust: tuple[Path, ssl.SSLContext]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = await _failure(str(trust[0]), f"127.0.0.1:{unused.getsockname()[1]}/digits:1")
    assert isinstance(error, TransientError)
    assert error.reason == Reason.REGISTRY_UNREACHABLE
    assert "refuses the connection" in error.message


async def test_an_untrusted_certificate_waits_for_the_administrator(trust: tuple[Path, ssl.SSLContext]) -> None:
    server = await serve(Behaviour(), trust[1])
    error = await _failure("", f"127.0.0.1:{server.port}/digits:1")
    await server.close()
    assert isinstance(error, WaitingError)
    assert "certificate is not trusted" in error.message


async def test_a_digest_needs_no_request() -> None:
    registry = Registry()
    image = replace(ImageReference.parse("no.such.registry.test/digits:1"), digest=DIGEST)
    assert await registry.digest(image, ()) == DIGEST
    await registry.close()


async def _failure(bundle: str, image: str) -> OperatorError:
    registry = Registry(bundle)
    with pytest.raises(OperatorError) as caught:
        await registry.digest(ImageReference.parse(image), ())
    await registry.close()
    return caught.value
