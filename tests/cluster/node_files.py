"""Writes what a local node reads: certificates, kubeconfigs, configuration files and its services' command lines."""

import json
import secrets
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import bcrypt

from cluster import configuration, names
from cluster.certificates import CertificateAuthority, KeyPair, signing_key, write_private
from cluster.commands import command_lines
from cluster.network import (
    AUTHORITY_HOST,
    REGISTRY_HOST,
    REGISTRY_PORT,
    S3_HOST,
    TOKEN_REGISTRY_PORT,
    TOKENS_HOST,
    Addresses,
)
from cluster.state import NodeState, directory_of
from cluster.tokens import key_set

SERVICE_DIRECTORIES = (
    *("services", "stopped", "logs", "pids", "etc", "cni"),
    *("etcd", "containerd", "registry", "azurite", "objects", "object-metadata", "identity"),
)
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the node's programs are: a directory of binaries, `node`, Azurite's packages, the pause image, Python."""

    binaries: Path
    node: Path
    azurite: Path
    pause_archive: Path
    pause_image: str
    python: Path = Path(sys.executable)


def write_node_files(state: NodeState, programs: Programs) -> None:
    """Write everything under the node's own directory, secrets readable by their owner only."""
    directory = directory_of(state.name)
    for name in SERVICE_DIRECTORIES:
        (directory / name).mkdir(mode=0o700, exist_ok=True)
    authority = CertificateAuthority.create(directory / "certificates", f"aiapp test cluster {state.name}")
    authority.publish(directory / "trust")
    _issue_servers(authority, state.addresses)
    _issue_clients(authority, state, directory)
    signing_key(authority.directory, "service-account")
    tokens = signing_key(authority.directory, "tokens")
    write_private(authority.directory / "tokens.jwks", key_set(tokens.certificate.read_bytes()).encode())
    _write_configuration(directory, state, programs)
    _write_services(directory, state, programs)
    # Before the API server's roles are there kube-proxy is refused, and then waits four seconds.
    (directory / "stopped" / "kube-proxy").touch()


def _issue_servers(authority: CertificateAuthority, addresses: Addresses) -> None:
    local = ["localhost", "127.0.0.1", addresses.node]
    service = "kubernetes.default.svc"
    api_names = ["kubernetes", "kubernetes.default", service, f"{service}.cluster.local", addresses.api_service, *local]
    authority.server("kube-apiserver", "kube-apiserver", api_names)
    authority.server("kubelet-server", configuration.NODE_NAME, [configuration.NODE_NAME, *local])
    authority.server("registry", REGISTRY_HOST, [REGISTRY_HOST, *local])
    authority.server("s3", S3_HOST, [S3_HOST, *local])
    authority.server("identity", TOKENS_HOST, [TOKENS_HOST, AUTHORITY_HOST, addresses.identity])
    authority.server("azurite", "blob.core.windows.net", ["*.blob.core.windows.net", *local])


def _issue_clients(authority: CertificateAuthority, state: NodeState, directory: Path) -> None:
    node_user = f"system:node:{configuration.NODE_NAME}"
    authority.client("kubelet-client", "kube-apiserver-kubelet-client")
    users = {
        "kubeconfig": ("aiapp-test-admin", "system:masters"),
        # Its controllers act as itself, with the rights of all their roles together.
        "kube-controller-manager.kubeconfig": ("system:kube-controller-manager", "system:masters"),
        "kube-scheduler.kubeconfig": ("system:kube-scheduler", None),
        "kubelet.kubeconfig": (node_user, "system:nodes"),
        "kube-proxy.kubeconfig": ("system:kube-proxy", None),
        "coredns.kubeconfig": ("system:coredns", None),
    }
    for file, (user, group) in users.items():
        pair = authority.client(file, user, group)
        write_private(directory / file, _kubeconfig(authority, pair, state).encode())


def _kubeconfig(authority: CertificateAuthority, pair: KeyPair, state: NodeState) -> str:
    return configuration.kubeconfig(
        state.addresses.api_server,
        authority.path.read_bytes(),
        pair.certificate.read_bytes(),
        pair.key.read_bytes(),
        f"aiapp-{state.name}",
    )


def _write_configuration(directory: Path, state: NodeState, programs: Programs) -> None:
    addresses, certificates = state.addresses, f"{directory}/certificates"
    registries = (f"{REGISTRY_HOST}:{REGISTRY_PORT}", f"{TOKENS_HOST}:{TOKEN_REGISTRY_PORT}")
    # Both serve one storage, and an upload may begin at one and end at the other.
    secret = secrets.token_hex(16)
    files = {
        f"registries/{registry}/hosts.toml": configuration.registry_hosts(registry, f"{certificates}/ca.crt")
        for registry in registries
    }
    files |= {
        "kubelet.yaml": configuration.kubelet(addresses, certificates),
        "kube-proxy.yaml": configuration.kube_proxy(addresses, str(directory)),
        "containerd.toml": configuration.containerd(
            f"{directory}/containerd", str(programs.binaries), str(directory), programs.pause_image
        ),
        "cni/10-pods.conflist": json.dumps(configuration.cni(addresses)),
        "registry.yaml": configuration.registry(addresses, str(directory), secret),
        "token-registry.yaml": configuration.token_registry(addresses, str(directory), secret),
        "htpasswd": _htpasswd_line(state),
        "Corefile": names.corefile(addresses, str(directory)),
        "etc/hosts": names.hosts(addresses),
        "etc/resolv.conf": names.resolv_conf(addresses),
        "etc/hostname": f"{configuration.NODE_NAME}\n",
    }
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        write_private(directory / name, text.encode())
        # Everybody in the node reads these, whoever they run as.
        if name.startswith("etc/"):
            (directory / name).chmod(0o644)


def _htpasswd_line(state: NodeState) -> str:
    # The lowest cost bcrypt has: the password is random, and every pull pays for the check.
    hashed = bcrypt.hashpw(state.registry_password.encode(), bcrypt.gensalt(rounds=4))
    return f"{state.registry_username}:{hashed.decode()}\n"


def _write_services(directory: Path, state: NodeState, programs: Programs) -> None:
    lines = command_lines(state, str(directory), str(programs.azurite), str(programs.python))
    path = f"{programs.binaries}:{programs.node.parent}:{SYSTEM_PATH}"
    for name, (argv, extra) in lines.items():
        environment = {"PATH": path, "HOME": "/root", "TMPDIR": "/tmp", "LANG": "C.UTF-8", **extra}
        exports = [f"export {key}={shlex.quote(value)}" for key, value in environment.items()]
        remember = f"echo $$ >{shlex.quote(f'{directory}/pids/{name}')}"
        script = "\n".join([*exports, remember, f"exec {shlex.join(argv)}", ""])
        write_private(directory / "services" / f"{name}.sh", script.encode())
