"""A registry on loopback over TLS, a stand-in for those of clouds, with every way to ask for a login that they have."""

import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from aiapp_models.addresses import NetworkRules
from aiapp_models.stores.connection import Network
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.pull_secrets import Login
from aiapp_operator.registry import Registry

DIGEST = "sha256:" + "1f" * 32
USER, PASSWORD, IDENTITY_TOKEN, ENTRA_TOKEN = "aiapp", "hunter2", "identity-3", "entra-5"
HOST, ACR = "registry.test", "contoso.azurecr.io"
MANIFEST = b'{"schemaVersion": 2}'
BASIC = "Basic YWlhcHA6aHVudGVyMg=="  # printf aiapp:hunter2 | base64


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate for the stand-in's names and 127.0.0.1; return its PEM file and a server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "registry test")])
    names = [x509.DNSName(HOST), x509.DNSName(ACR), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    today = dt.datetime.now(dt.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    bundle, private = folder / "ca.crt", folder / "key.pem"
    bundle.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(bundle, private)
    return bundle, context


@dataclass
class Behaviour:
    """What the registry does.

    seen: the requests that it got; shown: what they had as Authorization; good: the tokens that it takes.
    """

    scheme: str = "anonymous"  # or basic, bearer
    realm: Callable[[web.Request], str] = lambda request: f"{request.scheme}://{request.host}/token"
    anonymous_tokens: bool = False
    token_answer: bytes = b""
    token_status: int = 200
    expires_in: object = 300
    scope: str = "repository:team/digits:pull"
    exchange_status: int = 200
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    location: str = ""
    digest_header: str = DIGEST
    body: bytes = MANIFEST
    tags: object = ("1", "2")
    page: int = 1000
    link: Callable[[web.Request], str] | None = None
    seen: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    good: set[str] = field(default_factory=set)
    given: int = 0

    def grant(self, kind: str) -> str:
        """Make a token of a kind that this registry then takes."""
        self.given += 1
        self.good.add(f"{kind}-{self.given}")
        return f"{kind}-{self.given}"


class _Handlers:
    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    async def token(self, request: web.Request) -> web.Response:
        behaviour = self._behaviour
        form = await _form(request)
        asked = form if request.method == "POST" else request.query
        behaviour.seen.append(f"token {request.method} {asked.get('service')} {asked.get('scope')}")
        if request.method == "POST":
            known = (form.get("grant_type"), form.get("refresh_token")) == ("refresh_token", IDENTITY_TOKEN)
        else:
            known = request.headers.get("Authorization") == BASIC or behaviour.anonymous_tokens
        if behaviour.token_status == 200 and not known:
            return web.Response(status=401)
        if behaviour.token_status != 200 or behaviour.token_answer:
            return web.Response(status=behaviour.token_status, headers=behaviour.headers, body=behaviour.token_answer)
        return web.json_response({"token": behaviour.grant("bearer"), "expires_in": behaviour.expires_in})

    async def exchange(self, request: web.Request) -> web.Response:
        form = await _form(request)
        self._behaviour.seen.append(f"exchange {form.get('service')} {form.get('grant_type')}")
        if self._behaviour.exchange_status != 200 or form.get("access_token") != ENTRA_TOKEN:
            return web.Response(status=self._behaviour.exchange_status, body=b"hunter2")
        return web.json_response({"refresh_token": self._behaviour.grant("refresh")})

    async def redeem(self, request: web.Request) -> web.Response:
        form = await _form(request)
        self._behaviour.seen.append(f"redeem {form.get('service')} {form.get('scope')}")
        if form.get("refresh_token") not in self._behaviour.good or form.get("grant_type") != "refresh_token":
            return web.Response(status=401)
        return web.json_response({"access_token": self._behaviour.grant("bearer")})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        behaviour = self._behaviour
        behaviour.seen.append(f"{request.method} {request.path_qs}")
        behaviour.shown.append(request.headers.get("Authorization", ""))
        if behaviour.location:
            return web.Response(status=307, headers={"Location": behaviour.location})
        if not _allowed(request.headers.get("Authorization", ""), behaviour):
            return web.Response(status=401, headers={"WWW-Authenticate": _challenge(request, behaviour)})
        if request.path.endswith("/tags/list") and behaviour.status == 200:
            return _page(request, behaviour)
        headers = dict(behaviour.headers)
        if behaviour.digest_header:
            headers["Docker-Content-Digest"] = behaviour.digest_header
        return web.Response(status=behaviour.status, headers=headers, body=behaviour.body)


async def _form(request: web.Request) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.post()).items()}


def _page(request: web.Request, behaviour: Behaviour) -> web.Response:
    if not isinstance(behaviour.tags, tuple):
        return web.json_response({"name": "team/digits", "tags": behaviour.tags})
    first = int(request.query.get("last", "0"))
    last = first + min(behaviour.page, int(request.query["n"]))
    headers = {}
    if behaviour.link:
        headers["Link"] = f'<{behaviour.link(request)}>; rel="next"'
    elif last < len(behaviour.tags):
        headers["Link"] = f'<{request.path}?last={last}&n={request.query["n"]}>; rel="next"'
    return web.json_response({"name": "team/digits", "tags": behaviour.tags[first:last]}, headers=headers)


def _challenge(request: web.Request, behaviour: Behaviour) -> str:
    if behaviour.scheme == "basic":
        return 'Basic realm="Registry"'
    if behaviour.scheme == "bearer":
        return f'Bearer realm="{behaviour.realm(request)}",service="{HOST}",scope="{behaviour.scope}"'
    return "Negotiate"


def _allowed(authorization: str, behaviour: Behaviour) -> bool:
    if behaviour.scheme == "bearer":
        return authorization.removeprefix("Bearer ") in behaviour.good
    return authorization == {"anonymous": "", "basic": BASIC}.get(behaviour.scheme)


def application(behaviour: Behaviour) -> web.Application:
    handlers = _Handlers(behaviour)
    app = web.Application()
    app.router.add_get("/token", handlers.token)
    app.router.add_post("/token", handlers.token)
    app.router.add_post("/oauth2/exchange", handlers.exchange)
    app.router.add_post("/oauth2/token", handlers.redeem)
    app.router.add_get("/v2/{path:.+}", handlers.answer)
    return app


async def serve(behaviour: Behaviour, context: ssl.SSLContext | None) -> TestServer:
    """Start the stand-in; without a context over plain http."""
    server = TestServer(application(behaviour), scheme="https" if context else "http")
    await server.start_server(ssl=context)
    return server


class Names(AbstractResolver):
    """Host names of the tests: the address and port that each leads to, and the names that were asked for."""

    def __init__(self) -> None:
        self.places: dict[str, tuple[str, int]] = {}
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        assert family in {socket.AF_UNSPEC, socket.AF_INET}
        self.asked.append(host)
        if host not in self.places:
            raise socket.gaierror("no such name")
        address, at = self.places[host]
        found = ResolveResult(hostname=host, host=address, port=at or port, family=socket.AF_INET, proto=0, flags=0)
        return [found]

    async def close(self) -> None:
        """Nothing is open."""


class Loopback:
    """Stand-ins under names of their own, and one client; `now` is its clock."""

    def __init__(self, bundle: Path, context: ssl.SSLContext) -> None:
        self.names = Names()
        self.now = 0.0
        rules = NetworkRules.parse(f"{HOST},{ACR}", "")
        self.registry = Registry(Network(bundle, rules), lambda: self.now, self.names)
        self._context = context
        self._servers: list[TestServer] = []

    async def start(self, behaviour: Behaviour, host: str = HOST) -> ImageReference:
        """Serve under a name; return the image team/digits:1 in it."""
        server = await serve(behaviour, self._context)
        self._servers.append(server)
        self.names.places[host] = ("127.0.0.1", server.port or 0)
        return ImageReference.parse(f"{host}/team/digits:1")

    async def digest(self, behaviour: Behaviour, *logins: Login) -> str:
        """Ask a new stand-in for team/digits:1."""
        return await self.registry.digest(await self.start(behaviour), logins)

    async def close(self) -> None:
        await self.registry.close()
        for server in self._servers:
            await server.close()
