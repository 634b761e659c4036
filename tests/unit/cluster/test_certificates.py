"""What the CA signs is accepted by a strict TLS client, and private keys are private."""

import socket
import ssl
import threading
from pathlib import Path

import pytest

from cluster.certificates import CertificateAuthority, KeyPair


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority.create(tmp_path / "certificates", "test")


def handshake(authority: Path, pair: KeyPair, name: str) -> None:
    """Connect to a TLS server of that certificate. Raises ssl.SSLError as a client would."""
    client_end, server_end = socket.socketpair()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pair.certificate, pair.key)
    client = ssl.create_default_context(cafile=authority)
    # What Python 3.13 and later check by default.
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT

    def serve() -> None:
        try:
            server.wrap_socket(server_end, server_side=True).close()
        except (ssl.SSLError, OSError):
            server_end.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(client_end, server_hostname=name):
            pass
    finally:
        client_end.close()
        thread.join()


@pytest.mark.parametrize("name", ["contosomodels.blob.core.windows.net", "10.90.0.2"])
def test_a_server_is_trusted_under_its_names(authority: CertificateAuthority, name: str) -> None:
    pair = authority.server("azurite", "azurite", ["*.blob.core.windows.net", "10.90.0.2"])
    handshake(authority.path, pair, name)


@pytest.mark.parametrize("name", ["blob.core.windows.net", "a.b.blob.core.windows.net", "10.90.0.3", "example.com"])
def test_a_server_is_not_trusted_under_others(authority: CertificateAuthority, name: str) -> None:
    pair = authority.server("azurite", "azurite", ["*.blob.core.windows.net", "10.90.0.2"])
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(authority.path, pair, name)


def test_another_clusters_ca_is_not_trusted(authority: CertificateAuthority, tmp_path: Path) -> None:
    other = CertificateAuthority.create(tmp_path / "other", "test")
    pair = authority.server("registry", "registry", ["registry.aiapp.test"])
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(other.path, pair, "registry.aiapp.test")


def test_private_keys_are_readable_by_their_owner_alone(authority: CertificateAuthority) -> None:
    pair = authority.client("admin", "admin", "system:masters")
    assert pair.key.stat().st_mode & 0o777 == 0o600
    assert not list(authority.directory.glob("ca.key"))
    assert b"PRIVATE" not in b"".join(path.read_bytes() for path in authority.directory.glob("*.crt"))
