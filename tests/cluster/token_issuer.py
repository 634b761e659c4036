"""The node's token issuer: `login.microsoftonline.com`, and the token service of the registry `tokens.aiapp.test`.

`python -m cluster.token_issuer ADDRESS DIRECTORY`; `DIRECTORY` is the node's. What is decided is in tokens.py.
"""

import base64
import json
import ssl
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import parse_qs, urlsplit

import bcrypt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from cluster.identity import read_grants
from cluster.tokens import Answer, Keys, entra_token, instance_discovery, openid_configuration, registry_token

PORT = 443
DENIED: Answer = (401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong user name or password"}]})
NOT_FOUND: Answer = (404, {"error": "not_found"})


class Server(ThreadingHTTPServer):
    """Speaks TLS; the handshake is in the connection's own thread, so that a silent client stops nobody else."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: Any, tls: ssl.SSLContext) -> None:
        self._tls = tls
        super().__init__(address, handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(Handler.timeout)
        with self._tls.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """Pass over connections that were only tried; whatever else happens goes to the log."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Finds the answer to a request by its path."""

    protocol_version = "HTTP/1.1"
    timeout = 10

    def __init__(self, directory: Path, keys: Keys, *arguments: Any) -> None:
        self._directory = directory
        self._keys = keys
        super().__init__(*arguments)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        parts = url.path.strip("/").split("/")
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        if parts == ["token"]:
            username, _, password = _basic(self.headers.get("Authorization", "")).partition(":")
            self._answer(self._registry_token(username, password, query, parse_qs(url.query).get("scope", [])))
        elif parts == ["common", "discovery", "instance"]:
            self._answer(instance_discovery())
        elif parts[1:] == ["v2.0", ".well-known", "openid-configuration"]:
            self._answer(openid_configuration(parts[0], read_grants(self._directory)))
        else:
            self._answer(NOT_FOUND)

    def do_POST(self) -> None:
        parts = urlsplit(self.path).path.strip("/").split("/")
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        form = {name: values[-1] for name, values in parse_qs(body).items()}
        if parts[1:] == ["oauth2", "v2.0", "token"]:
            grants = read_grants(self._directory)
            self._answer(entra_token(parts[0], form, grants, self._keys, datetime.now(UTC)))
        elif parts == ["token"]:
            given = form.get("username", ""), form.get("password", "")
            self._answer(self._registry_token(*given, form, form.get("scope", "").split()))
        else:
            self._answer(NOT_FOUND)

    def _registry_token(self, username: str, password: str, query: Mapping[str, str], scopes: list[str]) -> Answer:
        name, _, hashed = (self._directory / "htpasswd").read_text().strip().partition(":")
        if username != name or not bcrypt.checkpw(password.encode(), hashed.encode()):
            return DENIED
        return registry_token(username, query.get("service", ""), scopes, self._keys, datetime.now(UTC))

    def _answer(self, answer: Answer) -> None:
        status, content = answer
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _basic(header: str) -> str:
    """Return `user:password` of an Authorization header, empty when there is none."""
    kind, _, encoded = header.partition(" ")
    return base64.b64decode(encoded).decode() if kind.lower() == "basic" else ""


def _keys(certificates: Path) -> Keys:
    signing = load_pem_private_key((certificates / "tokens.key").read_bytes(), password=None)
    kubernetes = load_pem_public_key((certificates / "service-account.pub").read_bytes())
    if not isinstance(signing, ec.EllipticCurvePrivateKey) or not isinstance(kubernetes, ec.EllipticCurvePublicKey):
        raise TypeError(f"the keys in {certificates} are no elliptic curve keys")
    return Keys(signing, kubernetes)


def main(address: str, directory: Path) -> None:
    """Answer until the process ends."""
    certificates = directory / "certificates"
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificates / "identity.crt", certificates / "identity.key")
    Server((address, PORT), partial(Handler, directory, _keys(certificates)), tls).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
