"""The certificate authority of one cluster, made when it starts, and what it signs."""

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALIDITY = dt.timedelta(days=365)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Paths of a PEM certificate and its private key (mode 0600)."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """Signs client and server certificates into one directory."""

    directory: Path
    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, directory: Path, common_name: str) -> "CertificateAuthority":
        """Make a random P-256 CA and write `ca.crt`. Its private key is never written down."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        private_key = ec.generate_private_key(ec.SECP256R1())
        name = _name(common_name)
        certificate = (
            _builder(name, name, private_key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(private_key.public_key()), critical=False)
            .sign(private_key, hashes.SHA256())
        )
        (directory / "ca.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return cls(directory, certificate, private_key)

    @property
    def path(self) -> Path:
        return self.directory / "ca.crt"

    def publish(self, directory: Path) -> None:
        """Copy `ca.crt` alone: image tools take a directory of it for the registry's, keys beside it for a client's."""
        directory.mkdir(exist_ok=True)
        (directory / "ca.crt").write_bytes(self.path.read_bytes())

    def client(self, file: str, common_name: str, organization: str | None = None) -> KeyPair:
        """Sign a client certificate: the user is `common_name`, the group `organization`."""
        return self._issue(file, _name(common_name, organization), ExtendedKeyUsageOID.CLIENT_AUTH, [])

    def server(self, file: str, common_name: str, names: list[str]) -> KeyPair:
        """Sign a server certificate for DNS names (a leading `*.` is fine) and IP addresses."""
        return self._issue(file, _name(common_name), ExtendedKeyUsageOID.SERVER_AUTH, names)

    def _issue(self, file: str, subject: x509.Name, usage: x509.ObjectIdentifier, names: list[str]) -> KeyPair:
        private_key = ec.generate_private_key(ec.SECP256R1())
        # Python 3.13 and later refuse a chain whose certificates do not name the keys of issuer and subject.
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.private_key.public_key())
        builder = (
            _builder(subject, self.certificate.subject, private_key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(authority, critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(private_key.public_key()), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(n) for n in names]), False)
        certificate = builder.sign(self.private_key, hashes.SHA256())
        pair = KeyPair(self.directory / f"{file}.crt", self.directory / f"{file}.key")
        pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        write_private(pair.key, private_pem(private_key))
        return pair


def signing_key(directory: Path, file: str) -> KeyPair:
    """Make a key pair without a certificate; `certificate` is the public key (ServiceAccount tokens)."""
    private_key = ec.generate_private_key(ec.SECP256R1())
    pair = KeyPair(directory / f"{file}.pub", directory / f"{file}.key")
    pair.certificate.write_bytes(
        private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    write_private(pair.key, private_pem(private_key))
    return pair


def private_pem(private_key: ec.EllipticCurvePrivateKey) -> bytes:
    return private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from the first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _name(common_name: str, organization: str | None = None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(attributes)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + VALIDITY)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
