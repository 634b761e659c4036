"""Microsoft Entra ID on loopback, over TLS and under its real name, deciding as the test cluster's own does."""

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from aiapp_models.addresses import NetworkRules
from aiapp_models.stores.connection import Network
from cluster.certificates import CertificateAuthority
from cluster.tokens import EXCHANGE_AUDIENCE, KUBERNETES_ISSUER, Answer, Grant, Keys, entra_token, openid_configuration
from stand_ins.azurite import lead_names_to

HOST = "login.microsoftonline.com"
TENANT = "aaaaaaaa-0000-4000-8000-000000000001"
CLIENT = "bbbbbbbb-0000-4000-8000-000000000002"
SUBJECT = "system:serviceaccount:vision:digits"
SECRET = "client-secret-canary"


@dataclass
class Entra:
    """`answer` replaces what it would decide; `token_endpoint` is where it says that tokens are given out, and
    `minutes` how far its clock is from ours.
    """

    ca_certificate: Path
    kubernetes: ec.EllipticCurvePrivateKey = field(repr=False)
    requests: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    answer: Answer | None = None
    location: str = ""
    token_endpoint: str = ""
    minutes: float = 0

    @property
    def network(self) -> Network:
        return Network(self.ca_certificate, NetworkRules.parse(HOST, ""))

    def assertion(self, subject: str = SUBJECT, minutes: float = 60) -> str:
        """Return a ServiceAccount's token that ends in so many minutes."""
        now = int(datetime.now(UTC).timestamp())
        times = {"iat": now - 7200, "nbf": now - 7200, "exp": int(now + minutes * 60)}
        claims = {"iss": KUBERNETES_ISSUER, "sub": subject, "aud": [EXCHANGE_AUDIENCE], **times}
        return jwt.encode(claims, self.kubernetes, algorithm="ES256")


@contextlib.contextmanager
def entra(directory: Path) -> Iterator[Entra]:
    """Answer until the context ends; login.microsoftonline.com leads to it from this process."""
    authority = CertificateAuthority.create(directory / "entra", "Test authority")
    pair = authority.server("entra", "entra", [HOST])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair.certificate, pair.key)
    signing, kubernetes = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    stand_in = Entra(authority.path, kubernetes)
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(stand_in, Keys(signing, kubernetes.public_key()))) as server:
        server.daemon_threads = True
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        with pytest.MonkeyPatch.context() as patch:
            lead_names_to(patch, server.server_address[1], HOST)
            try:
                yield stand_in
            finally:
                server.shutdown()


def _handler(stand_in: Entra, keys: Keys) -> type[BaseHTTPRequestHandler]:
    grants = [Grant(TENANT, CLIENT, subject=SUBJECT, secret=SECRET)]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            stand_in.requests.append((self.path, {}))
            status, content = openid_configuration(self.path.split("/")[1], grants)
            elsewhere = {"token_endpoint": stand_in.token_endpoint} if stand_in.token_endpoint else {}
            self._send((status, content | elsewhere))

        def do_POST(self) -> None:
            form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            stand_in.requests.append((self.path, form))
            decided = entra_token(self.path.split("/")[1], form, grants, keys, datetime.now(UTC))
            self._send(stand_in.answer or decided)

        def date_time_string(self, timestamp: float | None = None) -> str:
            del timestamp
            return format_datetime(datetime.now(UTC) + timedelta(minutes=stand_in.minutes), usegmt=True)

        def log_message(self, *_: object) -> None:
            pass

        def _send(self, answer: Answer) -> None:
            status, content = answer
            body = json.dumps(content).encode()
            self.send_response(status)
            if stand_in.location:
                self.send_header("Location", stand_in.location)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
