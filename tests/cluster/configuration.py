"""PURE: the configuration files of a local node's programs."""

import base64
from collections.abc import Mapping
from typing import Any

import yaml

from cluster.network import REGISTRY_PORT, TOKEN_REGISTRY_PORT, TOKENS_HOST, Addresses

NODE_NAME = "node1"
KUBE_PROXY_HEALTH_PORT = 10256
RBAC = "rbac.authorization.k8s.io/v1"


def kubeconfig(server: str, authority: bytes, certificate: bytes, key: bytes, name: str) -> str:
    """Credentials of one client, whole in one file, so that it can be copied."""

    def encoded(content: bytes) -> str:
        return base64.b64encode(content).decode()

    user = {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": name, "cluster": {"server": server, "certificate-authority-data": encoded(authority)}}
            ],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )


def kubelet(addresses: Addresses, certificates: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": f"{certificates}/ca.crt"},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": f"{certificates}/kubelet-server.crt",
            "tlsPrivateKeyFile": f"{certificates}/kubelet-server.key",
            "cgroupDriver": "cgroupfs",
            "failCgroupV1": False,
            "failSwapOn": False,
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "clusterDNS": [addresses.dns_service],
            "clusterDomain": "cluster.local",
            "resolvConf": "/etc/resolv.conf",
            "serializeImagePulls": False,
            "registryPullQPS": 0,
            "eventRecordQPS": 0,
            # The disk is the developer's own: that it is rather full must not evict the tests' pods.
            "evictionHard": {"memory.available": "64Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            # Tolerates rlimits and oom scores that the machine's own limits refuse.
            "featureGates": {"KubeletInUserNamespace": True},
        }
    )


def kube_proxy(addresses: Addresses, directory: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "hostnameOverride": NODE_NAME,
            "clusterCIDR": addresses.pods,
            "nodePortAddresses": ["primary"],
            "healthzBindAddress": f"{addresses.node}:{KUBE_PROXY_HEALTH_PORT}",
            "clientConnection": {"kubeconfig": f"{directory}/kube-proxy.kubeconfig"},
            # Zero leaves the machine's connection tracking limits as they are.
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpCloseWaitTimeout": "0s",
                "tcpEstablishedTimeout": "0s",
            },
        }
    )


def containerd(root: str, binaries: str, directory: str, pause_image: str) -> str:
    return f"""version = 3
root = "{root}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
address = "/run/containerd/containerd.sock"

[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{pause_image}"

[plugins."io.containerd.cri.v1.images".registry]
config_path = "{directory}/registries"

[plugins."io.containerd.cri.v1.runtime"]
disable_apparmor = true
restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{binaries}"]
conf_dir = "{directory}/cni"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = false
"""


def registry_hosts(registry: str, authority: str) -> str:
    """How containerd reaches a registry, `host:port`: TLS by the cluster's CA, its token realm included."""
    server = f"https://{registry}"
    return f"""server = "{server}"

[host."{server}"]
capabilities = ["pull", "resolve"]
ca = "{authority}"
"""


def cni(addresses: Addresses) -> dict[str, Any]:
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "ipMasq": True,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": addresses.pods}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def registry(addresses: Addresses, directory: str, secret: str) -> str:
    """The registry that is pushed to: basic authentication."""
    auth = {"htpasswd": {"realm": "aiapp", "path": f"{directory}/htpasswd"}}
    return _registry(f"{addresses.node}:{REGISTRY_PORT}", directory, secret, "registry", auth)


def token_registry(addresses: Addresses, directory: str, secret: str) -> str:
    """The same images again, behind the tokens of the same host's token issuer."""
    auth = {
        "token": {
            "realm": f"https://{TOKENS_HOST}/token",
            "service": TOKENS_HOST,
            "issuer": TOKENS_HOST,
            "jwks": f"{directory}/certificates/tokens.jwks",
        }
    }
    return _registry(f"{addresses.identity}:{TOKEN_REGISTRY_PORT}", directory, secret, "identity", auth)


def _registry(address: str, directory: str, secret: str, certificate: str, auth: dict[str, Any]) -> str:
    return yaml.safe_dump(
        {
            "version": 0.1,
            "log": {"level": "info", "accesslog": {"disabled": False}},
            "storage": {"filesystem": {"rootdirectory": f"{directory}/registry"}, "delete": {"enabled": True}},
            "http": {
                "addr": address,
                "secret": secret,
                "tls": {
                    "certificate": f"{directory}/certificates/{certificate}.crt",
                    "key": f"{directory}/certificates/{certificate}.key",
                },
            },
            "auth": auth,
        }
    )


def azurite_accounts(keys: Mapping[str, str]) -> str:
    return ";".join(f"{name}:{key}" for name, key in keys.items())


def bootstrap_objects(addresses: Addresses) -> list[tuple[str, dict[str, Any]]]:
    """Objects that make the cluster whole, each with the collection it is posted to."""
    dns_ports = [{"name": "dns", "protocol": "UDP", "port": 53}, {"name": "dns-tcp", "protocol": "TCP", "port": 53}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns"},
        "spec": {"clusterIP": addresses.dns_service, "ports": dns_ports},
    }
    # CoreDNS is a process on the node, not a pod: nothing selects it.
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kube-dns", "labels": {"kubernetes.io/service-name": "kube-dns"}},
        "addressType": "IPv4",
        "ports": dns_ports,
        "endpoints": [{"addresses": [addresses.node], "conditions": {"ready": True}}],
    }
    reads = [
        {"apiGroups": [""], "resources": ["services", "namespaces", "pods"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    coredns = {"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": "system:coredns"}, "rules": reads}
    return [
        (f"/apis/{RBAC}/clusterroles", coredns),
        _binding("system:coredns", "system:coredns"),
        _binding("kube-apiserver-kubelet-client", "system:kubelet-api-admin"),
        ("/api/v1/namespaces/kube-system/services", service),
        ("/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", endpoints),
    ]


def _binding(user: str, role: str) -> tuple[str, dict[str, Any]]:
    group = "rbac.authorization.k8s.io"
    binding = {
        "apiVersion": RBAC,
        "kind": "ClusterRoleBinding",
        "metadata": {"name": user},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }
    return f"/apis/{RBAC}/clusterrolebindings", binding
