"""PURE: the names of a local node's services, and where they answer."""

from collections.abc import Mapping

from cluster.configuration import KUBE_PROXY_HEALTH_PORT, NODE_NAME
from cluster.network import (
    AUTHORITY_HOST,
    REGISTRY_HOST,
    REGISTRY_PORT,
    S3_HOST,
    S3_PORT,
    TOKEN_REGISTRY_PORT,
    TOKENS_HOST,
    Addresses,
)


def corefile(addresses: Addresses, directory: str) -> str:
    """Answer cluster names and those of the node's services; NXDOMAIN at once for the rest of the world.

    Each zone is a block of its own: within one block `template` would answer before `kubernetes` and `hosts`.
    """
    bind = f"    bind {addresses.node}\n    errors\n"
    zones = {**_service_names(addresses), "blob.core.windows.net": addresses.node}
    services = "".join(_address_block(zone, address, bind) for zone, address in zones.items())
    return f"""cluster.local in-addr.arpa {{
{bind}    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {directory}/coredns.kubeconfig
        ttl 1
    }}
    ready 127.0.0.1:8181
}}
{services}. {{
{bind}    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""


def hosts(addresses: Addresses) -> str:
    services = "".join(f"{address} {name}\n" for name, address in _service_names(addresses).items())
    return f"127.0.0.1 localhost\n{addresses.node} {NODE_NAME}\n{services}"


def listeners(addresses: Addresses) -> Mapping[str, tuple[str, int]]:
    """What a usable node answers on besides its API server, in the order of readiness."""
    return {
        "registry": (addresses.node, REGISTRY_PORT),
        "Azurite": (addresses.node, 443),
        "S3": (addresses.node, S3_PORT),
        "token issuer": (addresses.identity, 443),
        "token registry": (addresses.identity, TOKEN_REGISTRY_PORT),
        "Services": (addresses.node, KUBE_PROXY_HEALTH_PORT),
        # CoreDNS binds its port only when it has seen the API server's Services, or after 5 s without.
        "DNS": (addresses.node, 53),
    }


def _service_names(addresses: Addresses) -> Mapping[str, str]:
    return {
        REGISTRY_HOST: addresses.node,
        S3_HOST: addresses.node,
        TOKENS_HOST: addresses.identity,
        AUTHORITY_HOST: addresses.identity,
    }


def resolv_conf(addresses: Addresses) -> str:
    return f"nameserver {addresses.node}\noptions timeout:2\n"


def _address_block(zone: str, address: str, bind: str) -> str:
    return f"""{zone} {{
{bind}    template IN A {{
        answer "{{{{ .Name }}}} 5 IN A {address}"
    }}
    template ANY ANY {{
        rcode NOERROR
    }}
}}
"""
