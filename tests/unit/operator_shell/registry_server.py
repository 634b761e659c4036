"""A registry on loopback over TLS, a stand-in for those of clouds, with every way to ask for a login that they have."""

import datetime as dt
import ipaddress
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DIGEST = "sha256:" + "1f" * 32
USER, PASSWORD, TOKEN = "aiapp", "hunter2", "token-7"
BASIC = "Basic YWlhcHA6aHVudGVyMg=="  # printf aiapp:hunter2 | base64


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make an authority that signs 127.0.0.1; return its PEM file and a server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "registry test")])
    today = dt.datetime.now(dt.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
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
    """What the registry does; `seen` are the requests that it got."""

    scheme: str = "anonymous"  # or basic, bearer
    realm: Callable[[web.Request], str] = lambda request: f"https://{request.host}/token"
    anonymous_tokens: bool = False
    token_answer: bytes = b'{"token": "token-7"}'
    token_status: int = 200
    status: int = 200
    location: str = ""
    digest_header: str = DIGEST
    seen: list[str] = field(default_factory=list)


def application(behaviour: Behaviour) -> web.Application:
    async def token(request: web.Request) -> web.Response:
        behaviour.seen.append(f"token {request.query.get('service')} {request.query.get('scope')}")
        if request.headers.get("Authorization") == BASIC or behaviour.anonymous_tokens:
            return web.Response(status=behaviour.token_status, body=behaviour.token_answer)
        return web.Response(status=401)

    async def manifest(request: web.Request) -> web.StreamResponse:
        behaviour.seen.append(f"{request.method} {request.path}")
        if behaviour.location:
            return web.Response(status=307, headers={"Location": behaviour.location})
        if not _allowed(request.headers.get("Authorization", ""), behaviour.scheme):
            return web.Response(status=401, headers={"WWW-Authenticate": _challenge(request, behaviour)})
        headers = {"Docker-Content-Digest": behaviour.digest_header} if behaviour.digest_header else {}
        return web.Response(status=behaviour.status, headers=headers, body=b"{}")

    app = web.Application()
    app.router.add_get("/token", token)
    app.router.add_get("/v2/{path:.+}", manifest)
    return app


def _challenge(request: web.Request, behaviour: Behaviour) -> str:
    if behaviour.scheme == "basic":
        return 'Basic realm="Registry"'
    if behaviour.scheme == "bearer":
        realm = behaviour.realm(request)
        return f'Bearer realm="{realm}",service="registry.test",scope="repository:team/digits:pull"'
    return "Negotiate"


def _allowed(authorization: str, scheme: str) -> bool:
    right = {"anonymous": "", "basic": BASIC, "bearer": f"Bearer {TOKEN}"}
    return right.get(scheme) == authorization


async def serve(behaviour: Behaviour, context: ssl.SSLContext) -> TestServer:
    server = TestServer(application(behaviour), scheme="https")
    await server.start_server(ssl=context)
    return server
