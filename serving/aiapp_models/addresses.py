"""Which endpoints stores and registries may be asked at, and at which addresses. Pure: text in, a verdict in words out.

Whoever writes an AIApp names hosts that the operator and pods then connect to. So nothing inside the cluster or of the
machine is reached unless the administrator listed that very endpoint, and a cloud's metadata service never is.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple

CHART_VALUE: Final = "sources.listedEndpoints"
"""Where the administrator lists endpoints; every refusal that listing would lift names it."""
MAX_URL: Final = 8_192
DEFAULT_PORTS: Final = {"https": 443, "http": 80}

_URL: Final = re.compile(r"(?P<scheme>[a-z]+)://(?P<authority>[^/?#]*)(?P<rest>(?:[/?#].*)?)", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^:\[\]]*)(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE)
_NAME: Final = re.compile(r"(?=.{1,253}\Z)(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_NUMBER: Final = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")
_WITHIN: Final = re.compile(r"[^.]+|.*\.svc|.*\.svc\..*|.*\.(?:local|localhost|internal)")

# Hosts that only the cloud's own operators can name, so that a private address behind one is a private endpoint.
# Of amazonaws.com only S3 and ECR, and not their private endpoints (`vpce`): anybody can have a load balancer's or an
# endpoint's name there that leads to a private address of their choice.
_CLOUD: Final = re.compile(
    r"[^.]+\.blob\.(?:core\.windows\.net|core\.chinacloudapi\.cn|core\.usgovcloudapi\.net)"
    r"|[^.]+\.azurecr\.(?:io|cn|us)"
    r"|(?:.+\.)?(?:s3|dkr\.ecr)\.(?:(?!vpce\.)[a-z0-9-]+\.){0,2}amazonaws\.com(?:\.cn)?"
    r"|login\.microsoftonline\.(?:com|us)|login\.chinacloudapi\.cn|login\.partner\.microsoftonline\.cn"
)

Address = IPv4Address | IPv6Address
AddressNetwork = IPv4Network | IPv6Network

_NEVER: Final[tuple[tuple[str, str], ...]] = (
    ("169.254.0.0/16", "link-local, where clouds answer with credentials of the node"),
    ("fe80::/10", "link-local"),
    ("fd00:ec2::254/128", "a cloud's metadata service"),
    ("fd20:ce::254/128", "a cloud's metadata service"),
    ("100.100.100.200/32", "a cloud's metadata service"),
    ("192.0.0.192/32", "a cloud's metadata service"),
    ("168.63.129.16/32", "Azure's wire server"),
    ("0.0.0.0/8", "unspecified"),
    ("::/128", "unspecified"),
    ("fec0::/10", "site-local"),
    ("::ffff:0:0:0/96", "a translation of IPv4 addresses"),
    ("224.0.0.0/4", "multicast"),
    ("ff00::/8", "multicast"),
    ("255.255.255.255/32", "broadcast"),
    ("64:ff9b:1::/48", "a local translation of IPv4 addresses"),  # which one depends on the translator's settings
)
_NEVER_NETWORKS: Final = tuple((ip_network(network), words) for network, words in _NEVER)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = IPv6Network("::/96")


class Endpoint(NamedTuple):
    """A place to connect to; in a listed one the host may be `*.DOMAIN`, for every name below it."""

    scheme: str
    host: str
    port: int

    def covers(self, host: str, port: int) -> bool:
        """Tell whether a host and port are meant, by name or by `*.`."""
        below = self.host.startswith("*.") and host.endswith(self.host[1:])
        return self.port == port and (below or self.host == host)


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """What the administrator allows beyond public addresses over https.

    listed: endpoints that may be private, inside the cluster or plain http.
    cluster_networks: of the cluster's pods and Services.
    """

    listed: tuple[Endpoint, ...] = ()
    cluster_networks: tuple[AddressNetwork, ...] = ()

    @classmethod
    def parse(cls, listed_csv: str, networks_csv: str) -> "NetworkRules":
        """Read the two settings, both separated by commas.

        Raises:
            ValueError: an entry is no endpoint or no network, in words.
        """
        listed = tuple(_listed_endpoint(entry) for entry in _entries(listed_csv))
        return cls(listed, tuple(_network(entry) for entry in _entries(networks_csv)))

    def lists(self, host: str, port: int = 443) -> bool:
        """Tell whether the administrator listed this host, by name or by `*.DOMAIN`."""
        return any(endpoint.covers(host.lower(), port) for endpoint in self.listed)

    def url_problem(self, url: str) -> str:
        """Say why nothing may be sent to a URL, before its name is resolved; empty: fine so far. Never quotes it."""
        try:
            endpoint = parse_url(url)
        except ValueError as error:
            return str(error)
        return self._plain_http_problem(endpoint) or self._host_problem(endpoint)

    def _plain_http_problem(self, endpoint: Endpoint) -> str:
        scheme, host, port = endpoint
        if scheme == "https" or any(entry.scheme == scheme and entry.covers(host, port) for entry in self.listed):
            return ""
        return f"plain http shows everything to the network; {_list_it(host, port, 'http://')}"

    def _host_problem(self, endpoint: Endpoint) -> str:
        scheme, host, port = endpoint
        listed = endpoint in self.listed
        if (address := _literal(host)) is not None:
            unlisted = "" if listed else f"{host} is an address, not a name; {_list_it(host, port)}"
            return _never_problem(host, address) or unlisted
        if _WITHIN.fullmatch(host) and not listed:
            return f"{host} is a name inside the cluster or of the machine; {_list_it(host, port)}"
        if scheme == "https" and port != DEFAULT_PORTS[scheme] and not self.lists(host, port):
            return f"port {port} of {host} is not the one of https; {_list_it(host, port)}"
        return ""

    def endpoint_problem(self, url: str) -> str:
        """As url_problem, for what must be scheme, host and port alone; one slash at the end is fine."""
        if (match := _URL.fullmatch(url)) and match["rest"] not in {"", "/"}:
            return "it must end after host and port: no path, no `?` and no `#`"
        return self.url_problem(url)

    def address_problem(self, host: str, port: int, address: str) -> str:
        """Say why nothing may be sent to the address that a host resolved to; empty: fine.

        To be asked for the address that is connected to, or a name that changes its address gets around it.
        """
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return f"{host} resolves to something that is no IP address"
        if problem := _never_problem(host, parsed):
            return problem
        if any((endpoint.host, endpoint.port) == (host.lower(), port) for endpoint in self.listed):
            return ""
        return next(filter(None, (self._unlisted_problem(host.lower(), port, one) for one in _spellings(parsed))), "")

    def _unlisted_problem(self, host: str, port: int, address: Address) -> str:
        leads = f"{host} leads to {address}"
        if address.is_loopback:
            return f"{leads}, the machine itself; {_list_it(host, port)}"
        if any(address in network for network in self.cluster_networks):
            return f"{leads}, inside the cluster; {_list_it(host, port)}"
        if not address.is_global and not self.lists(host, port) and not _CLOUD.fullmatch(host):
            return f"{leads}, a private address; {_list_it(host, port)}"
        return ""


def parse_url(url: str) -> Endpoint:
    """Return where an http or https URL leads, its host in lower case.

    Raises:
        ValueError: it can be read in more than one way, or not at all; in words that do not quote it.
    """
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("it must be a URL of ASCII letters without spaces and backslashes (IDN names as xn--)")
    match = _URL.fullmatch(url)
    if match is None or match["scheme"].lower() not in DEFAULT_PORTS:
        raise ValueError("it must begin with https://")
    return _endpoint(match["scheme"].lower(), match["authority"])


def _endpoint(scheme: str, authority: str) -> Endpoint:
    if "@" in authority:
        raise ValueError("it must not have a user or password in it")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise ValueError("it must have one host name and at most one port")
    host, port = match["host"].lower(), int(match["port"] or DEFAULT_PORTS[scheme])
    if not 0 < port < 65_536:
        raise ValueError("its port must be between 1 and 65535")
    return Endpoint(scheme, _checked_host(host), port)


def _checked_host(host: str) -> str:
    """Return the host in the one way we write it; an IPv6 address without its brackets."""
    if host.startswith("["):
        try:
            return str(IPv6Address(host[1:-1]))
        except ValueError:
            raise ValueError("it has brackets around something that is no IPv6 address") from None
    if not _NAME.fullmatch(host):
        raise ValueError("its host must be a name of letters, digits, hyphens and dots, without one at the end")
    if _NUMBER.fullmatch(host.rpartition(".")[2]) and _literal(host) is None:
        raise ValueError("its host is a number or an unusual way to write an address")
    return host


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _never_problem(host: str, address: Address) -> str:
    for spelling in _spellings(address):
        for network, words in _NEVER_NETWORKS:
            if spelling in network:
                return f"{host} leads to {spelling}, which is never asked ({words})"
    return ""


def _spellings(address: Address) -> tuple[Address, ...]:
    """Return what decides about an address: IPv4 ones written as or translated from IPv6 are judged as themselves."""
    if isinstance(address, IPv4Address):
        return (address,)
    last = IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.ipv4_mapped is not None or address in _NAT64:
        return (last,)
    if address in _COMPATIBLE and int(address) > 1:
        return (address, last)
    return (address, *filter(None, (address.sixtofour, *(address.teredo or ()))))


def _list_it(host: str, port: int, scheme: str = "") -> str:
    place = f"[{host}]" if ":" in host else host
    entry = f"{scheme}{place}{'' if port == DEFAULT_PORTS['http' if scheme else 'https'] else f':{port}'}"
    return f"the administrator can list {entry} (chart value {CHART_VALUE})"


def _entries(csv: str) -> Iterable[str]:
    return filter(None, (entry.strip() for entry in csv.split(",")))


def _listed_endpoint(entry: str) -> Endpoint:
    scheme, _, authority = entry.rpartition("://")
    star = "*." if authority.startswith("*.") else ""
    try:
        endpoint = parse_url(f"{scheme or 'https'}://{authority.removeprefix('*.')}")
    except ValueError as error:
        raise ValueError(f"listed endpoint {entry[:128]!a}: {error}") from None
    if "/" in authority or "?" in authority or "#" in authority:
        raise ValueError(f"listed endpoint {entry[:128]!a}: write [http://]HOST[:PORT] and no path")
    if star and (_literal(endpoint.host) or "." not in endpoint.host or _WITHIN.fullmatch(endpoint.host)):
        raise ValueError(
            f"listed endpoint {entry[:128]!a}: names inside the cluster and addresses are listed one by one"
        )
    return endpoint._replace(host=star + endpoint.host)


def _network(entry: str) -> AddressNetwork:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        raise ValueError(f"cluster network {entry[:64]!a} is no network: write it as 10.0.0.0/16") from None
