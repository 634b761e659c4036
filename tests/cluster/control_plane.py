"""A real API server with the controllers, and no node: etcd, kube-apiserver and kube-controller-manager on loopback.

For what needs Kubernetes but no pod that runs. They are processes of this machine, not in namespaces of their own, and
end with the context, or with the process that started them.
"""

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster import configuration
from cluster.apiserver import ApiServer, wait_for
from cluster.binaries import ensure_binaries
from cluster.cache import Report
from cluster.certificates import CertificateAuthority, KeyPair, signing_key
from cluster.toolchain import ENDS_WITH_CALLER, say

START_TIMEOUT = 120.0
UNROUTABLE = "192.0.2.1"
"""The API server announces an address that is not loopback; nobody goes there, as its own endpoints are not kept."""
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """Where the API server answers, and the certificates of an administrator."""

    server: str
    authority: Path
    client: KeyPair
    kubeconfig: Path


@contextmanager
def control_plane(report: Report = say) -> Iterator[ControlPlane]:
    """Run one until the context ends.

    Raises:
        RuntimeError: a program ended early; its last words are in the message.
        TimeoutError: it did not become ready.
    """
    binaries = ensure_binaries(report, PROGRAMS)
    with tempfile.TemporaryDirectory(prefix="aiapp-proof-control-plane-") as folder, ExitStack() as running:
        directory = Path(folder)
        etcd, peer, secure = _free_ports(3)
        plane = _certified(directory, f"https://127.0.0.1:{secure}")
        started = [
            running.enter_context(_process(directory, [str(binaries / argv[0]), *argv[1:]]))
            for argv in _command_lines(directory, etcd, peer, secure)
        ]
        api = ApiServer(plane.kubeconfig)
        try:
            for what, path in (("API server", "/readyz"), ("namespaces", "/api/v1/namespaces/default/serviceaccounts")):
                wait_for(
                    what,
                    lambda path=path: _is_there(api, path),  # type: ignore[misc]
                    report,
                    timeout=START_TIMEOUT,
                    alive=lambda: all(process.poll() is None for process in started),
                )
        except (RuntimeError, TimeoutError) as error:
            raise type(error)(f"{error}\n{_last_words(directory)}") from None
        yield plane


def _is_there(api: ApiServer, path: str) -> bool:
    answer = api.get(path)
    return answer == "ok" or bool(answer and answer.get("items"))


def _certified(directory: Path, server: str) -> ControlPlane:
    authority = CertificateAuthority.create(directory / "certificates", "aiapp control plane")
    authority.server("kube-apiserver", "kube-apiserver", ["localhost", "127.0.0.1"])
    client = authority.client("admin", "aiapp-admin", "system:masters")
    signing_key(authority.directory, "service-account")
    path = directory / "kubeconfig"
    pair = (client.certificate.read_bytes(), client.key.read_bytes())
    path.write_text(configuration.kubeconfig(server, authority.path.read_bytes(), *pair, "aiapp"))
    return ControlPlane(server, authority.path, client, path)


def _command_lines(directory: Path, etcd: int, peer: int, secure: int) -> list[list[str]]:
    certificates, store = directory / "certificates", f"http://127.0.0.1:{etcd}"
    return [
        _etcd(directory, store, f"http://127.0.0.1:{peer}"),
        _api_server(certificates, store, secure),
        _controller_manager(directory / "kubeconfig", certificates),
    ]


def _etcd(directory: Path, store: str, peers: str) -> list[str]:
    return [
        "etcd",
        f"--data-dir={directory}/etcd",
        f"--listen-client-urls={store}",
        f"--advertise-client-urls={store}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        "--log-level=warn",
        "--unsafe-no-fsync",
    ]


def _api_server(certificates: Path, store: str, port: int) -> list[str]:
    return [
        "kube-apiserver",
        f"--etcd-servers={store}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--advertise-address={UNROUTABLE}",
        "--endpoint-reconciler-type=none",
        "--service-cluster-ip-range=10.96.0.0/12",
        "--authorization-mode=RBAC",
        f"--client-ca-file={certificates}/ca.crt",
        f"--tls-cert-file={certificates}/kube-apiserver.crt",
        f"--tls-private-key-file={certificates}/kube-apiserver.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={certificates}/service-account.pub",
        f"--service-account-signing-key-file={certificates}/service-account.key",
        "--profiling=false",
    ]


def _controller_manager(kubeconfig: Path, certificates: Path) -> list[str]:
    return [
        "kube-controller-manager",
        f"--kubeconfig={kubeconfig}",
        f"--root-ca-file={certificates}/ca.crt",
        f"--service-account-private-key-file={certificates}/service-account.key",
        "--use-service-account-credentials=false",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--leader-elect=false",
        "--secure-port=0",
        "--profiling=false",
    ]


@contextmanager
def _process(directory: Path, argv: list[str]) -> "Iterator[subprocess.Popen[bytes]]":
    with (directory / f"{Path(argv[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(
            [*ENDS_WITH_CALLER, *argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(directory)},
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _last_words(directory: Path) -> str:
    logs = sorted(directory.glob("*.log"))
    return "\n".join(line for log in logs for line in log.read_text(errors="replace").splitlines()[-5:])


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
