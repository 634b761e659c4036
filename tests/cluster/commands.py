"""PURE: the command lines of a local node's programs."""

from collections.abc import Mapping
from pathlib import Path

from cluster.configuration import NODE_NAME, azurite_accounts
from cluster.network import S3_PORT, Addresses
from cluster.state import NodeState

TESTS = Path(__file__).resolve().parents[1]
S3_REGION = "eu-west-1"


def command_lines(
    state: NodeState, directory: str, azurite: str, python: str
) -> Mapping[str, tuple[list[str], dict[str, str]]]:
    """(argv, extra environment) of each service. `directory` is the node's state directory."""
    addresses, quiet = state.addresses, {"OTEL_TRACES_EXPORTER": "none"}
    return {
        "etcd": (_etcd(directory), {}),
        "kube-apiserver": (_api_server(addresses, f"{directory}/certificates"), {}),
        "kube-controller-manager": (_controller_manager(directory), {}),
        "kube-scheduler": (
            ["kube-scheduler", f"--kubeconfig={directory}/kube-scheduler.kubeconfig", "--leader-elect=false"],
            {},
        ),
        "containerd": (["containerd", "--config", f"{directory}/containerd.toml", "--log-level=warn"], {}),
        "kubelet": (_kubelet(addresses, directory), {}),
        "kube-proxy": (["kube-proxy", f"--config={directory}/kube-proxy.yaml"], {}),
        "coredns": (["coredns", "-conf", f"{directory}/Corefile"], {}),
        "registry": (["registry", "serve", f"{directory}/registry.yaml"], quiet),
        "token-registry": (["registry", "serve", f"{directory}/token-registry.yaml"], quiet),
        "identity": (
            [python, "-m", "cluster.token_issuer", addresses.identity, directory],
            {"PYTHONPATH": str(TESTS), "PYTHONDONTWRITEBYTECODE": "1"},
        ),
        "s3": (
            _s3(addresses.node, directory),
            {"ROOT_ACCESS_KEY_ID": state.s3_access_key, "ROOT_SECRET_ACCESS_KEY": state.s3_secret_key},
        ),
        "azurite": (
            _azurite(addresses.node, azurite, directory),
            {"AZURITE_ACCOUNTS": azurite_accounts(state.account_keys)},
        ),
    }


def _etcd(directory: str) -> list[str]:
    return [
        "etcd",
        f"--data-dir={directory}/etcd",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--initial-advertise-peer-urls=http://127.0.0.1:2380",
        "--initial-cluster=default=http://127.0.0.1:2380",
        "--log-level=warn",
        # Nothing is to survive the machine's own crash, and a busy disk must not slow the API down.
        "--unsafe-no-fsync",
    ]


def _api_server(addresses: Addresses, certificates: str) -> list[str]:
    return [
        "kube-apiserver",
        "--etcd-servers=http://127.0.0.1:2379",
        "--secure-port=6443",
        f"--advertise-address={addresses.node}",
        f"--service-cluster-ip-range={addresses.services}",
        "--allow-privileged=true",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--client-ca-file={certificates}/ca.crt",
        f"--tls-cert-file={certificates}/kube-apiserver.crt",
        f"--tls-private-key-file={certificates}/kube-apiserver.key",
        f"--kubelet-certificate-authority={certificates}/ca.crt",
        f"--kubelet-client-certificate={certificates}/kubelet-client.crt",
        f"--kubelet-client-key={certificates}/kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={certificates}/service-account.pub",
        f"--service-account-signing-key-file={certificates}/service-account.key",
        "--profiling=false",
    ]


def _controller_manager(directory: str) -> list[str]:
    return [
        "kube-controller-manager",
        f"--kubeconfig={directory}/kube-controller-manager.kubeconfig",
        f"--root-ca-file={directory}/certificates/ca.crt",
        f"--service-account-private-key-file={directory}/certificates/service-account.key",
        # One client for all controllers is ready three seconds sooner than one per controller.
        "--use-service-account-credentials=false",
        # Deletions and rollouts at the speed of the machine, not of a shared control plane.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--leader-elect=false",
        "--profiling=false",
    ]


def _kubelet(addresses: Addresses, directory: str) -> list[str]:
    return [
        "kubelet",
        f"--config={directory}/kubelet.yaml",
        f"--kubeconfig={directory}/kubelet.kubeconfig",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={addresses.node}",
    ]


def azurite_flags(certificates: str) -> list[str]:
    """What Azurite needs wherever it runs: TLS, tokens, the SDK's newer protocol version, nothing reported."""
    return [
        "--blobPort=443",
        f"--cert={certificates}/azurite.crt",
        f"--key={certificates}/azurite.key",
        "--oauth=basic",
        "--skipApiVersionCheck",
        "--disableTelemetry",
    ]


def _azurite(address: str, azurite: str, directory: str) -> list[str]:
    entry = f"{azurite}/node_modules/azurite/dist/src/blob/main.js"
    flags = azurite_flags(f"{directory}/certificates")
    return ["node", entry, f"--blobHost={address}", f"--location={directory}/azurite", *flags]


def _s3(address: str, directory: str) -> list[str]:
    return [
        "versitygw",
        f"--port={address}:{S3_PORT}",
        f"--cert={directory}/certificates/s3.crt",
        f"--key={directory}/certificates/s3.key",
        f"--region={S3_REGION}",
        "--quiet",
        "posix",
        # ETags and content types beside the files: not every disk has extended attributes.
        f"--sidecar={directory}/object-metadata",
        f"{directory}/objects",
    ]
