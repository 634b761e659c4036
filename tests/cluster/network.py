"""Addresses of a local node, and the one link that joins it to this machine."""

import ipaddress
import json
import socket
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SLOTS = range(64)
REGISTRY_HOST = "registry.aiapp.test"
REGISTRY_PORT = 5000
S3_HOST = "s3.aiapp.test"
S3_PORT = 9000
TOKENS_HOST = "tokens.aiapp.test"
"""The second registry, and on port 443 whoever gives out its tokens."""
TOKEN_REGISTRY_PORT = 5001
AUTHORITY_HOST = "login.microsoftonline.com"


@dataclass(frozen=True, slots=True)
class Addresses:
    """The networks of one node. Each slot has its own, so that several clusters can run side by side."""

    slot: int

    @property
    def link(self) -> str:
        """Name of this machine's end of the veth pair."""
        return f"aiapp{self.slot}"

    @property
    def host(self) -> str:
        return f"10.90.{self.slot}.1"

    @property
    def node(self) -> str:
        return f"10.90.{self.slot}.2"

    @property
    def identity(self) -> str:
        """The node's second address: the blob store has port 443 of the first."""
        return f"10.90.{self.slot}.3"

    @property
    def nodes(self) -> str:
        return f"10.90.{self.slot}.0/24"

    @property
    def services(self) -> str:
        return f"10.91.{self.slot}.0/24"

    @property
    def pods(self) -> str:
        return f"10.92.{self.slot}.0/24"

    @property
    def api_service(self) -> str:
        return f"10.91.{self.slot}.1"

    @property
    def dns_service(self) -> str:
        return f"10.91.{self.slot}.10"

    @property
    def api_server(self) -> str:
        return f"https://{self.node}:6443"


def free_slot(routes: Iterable[str], taken: Iterable[int]) -> Addresses:
    """Pick the first slot that no other cluster has and whose networks meet no route of this machine.

    Raises RuntimeError when there is none.
    """
    used = [ipaddress.IPv4Network(route, strict=False) for route in routes if route != "default"]
    occupied = set(taken)
    for slot in SLOTS:
        addresses = Addresses(slot)
        networks = [ipaddress.IPv4Network(text) for text in (addresses.nodes, addresses.services, addresses.pods)]
        if slot not in occupied and not any(ours.overlaps(theirs) for ours in networks for theirs in used):
            return addresses
    raise RuntimeError(
        f"no free network among 10.90-10.92.0-{SLOTS.stop - 1}.0/24: stop a cluster (python -m cluster status)"
    )


def host_routes() -> list[str]:
    """IPv4 destinations that this machine has routes to."""
    output = subprocess.run(["ip", "-json", "-4", "route"], check=True, capture_output=True, text=True).stdout
    return [route["dst"] for route in json.loads(output or "[]")]


def connect(addresses: Addresses, node_pid: int) -> None:
    """Join the node's network namespace to this machine; link and routes end with the namespace."""
    commands = (
        f"link add {addresses.link} type veth peer name eth0 netns {node_pid}",
        f"address add {addresses.host}/24 dev {addresses.link}",
        f"link set {addresses.link} up",
        f"route add {addresses.services} via {addresses.node}",
        f"route add {addresses.pods} via {addresses.node}",
    )
    for command in commands:
        subprocess.run(["ip", *command.split()], check=True)


def link_exists(addresses: Addresses) -> bool:
    return (Path("/sys/class/net") / addresses.link).exists()


def remove_link(addresses: Addresses) -> None:
    """Delete the link if the namespace did not take it along."""
    if link_exists(addresses):
        subprocess.run(["ip", "link", "delete", addresses.link], check=False, stderr=subprocess.DEVNULL)


def answers(address: str, port: int) -> bool:
    """Whether something listens there."""
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False
