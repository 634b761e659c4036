"""Which endpoints and addresses may be asked: the rules, and connections that keep to them."""

import socket
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from aiapp_models.addresses import Endpoint, NetworkRules, parse_url
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores.connection import tls_context
from aiapp_models.stores.guarded import guarded_pool, guarded_session, open_connection
from inputs.urls import ADDRESS_CASES, ENDPOINT_CASES, LISTED, LISTED_CASES, NETWORKS, AddressCase, UrlCase

RULES = NetworkRules.parse(LISTED, NETWORKS)
NOBODY = NetworkRules()


@pytest.mark.parametrize("case", ENDPOINT_CASES + LISTED_CASES, ids=lambda case: case.url)
def test_a_url_is_judged_before_its_name_is_resolved(case: UrlCase) -> None:
    problem = RULES.url_problem(case.url)
    assert (case.refusal in problem) if case.refusal else not problem
    assert "canary" not in problem


@pytest.mark.parametrize("case", ADDRESS_CASES, ids=lambda case: f"{case.url} at {case.address}")
def test_an_address_is_judged_after_its_name_was_resolved(case: AddressCase) -> None:
    _, host, port = parse_url(case.url)
    problem = RULES.address_problem(host, port, case.address)
    assert (case.refusal in problem) if case.refusal else not problem


FORBIDDEN = [IPv4Network(text) for text in ("169.254.0.0/16", "168.63.129.16/32", "0.0.0.0/8", "224.0.0.0/4")]


@given(st.sampled_from(FORBIDDEN).flatmap(lambda network: st.ip_addresses(v=4, network=network)))
def test_no_spelling_of_a_forbidden_address_is_allowed(address: IPv4Address) -> None:
    number = int(address)
    spellings = [
        address,
        IPv6Address((0xFFFF << 32) | number),
        IPv6Address((0x64_FF9B << 96) | number),
        IPv6Address((0x2002 << 112) | number << 80),
    ]
    everything = NetworkRules.parse(f"models.contoso.com, *.contoso.com, {address}", "")
    for spelling in spellings:
        for rules in (NOBODY, RULES, everything):
            assert "never asked" in rules.address_problem("models.contoso.com", 443, str(spelling))
    assert everything.url_problem(f"https://{address}/")


@given(st.ip_addresses(), st.sampled_from(["models.contoso.com", "contoso.azurecr.io", "a.corp.example"]))
def test_an_allowed_address_is_public_or_has_its_reason(address: IPv4Address | IPv6Address, host: str) -> None:
    if not NOBODY.address_problem(host, 443, str(address)):
        assert host == "contoso.azurecr.io" or address.is_global
        assert not address.is_loopback
        assert not address.is_link_local
        assert not address.is_multicast


def test_the_corpus_is_large_enough() -> None:
    assert len(ENDPOINT_CASES) >= 60
    assert len(ADDRESS_CASES) >= 50


def test_a_refusal_that_listing_lifts_names_the_chart_value() -> None:
    for problem in (NOBODY.url_problem("https://minio.storage.svc:9000"), NOBODY.url_problem("http://a.example")):
        assert "sources.listedEndpoints" in problem
    assert "http://a.example:8080" in NOBODY.url_problem("http://a.example:8080")
    never = RULES.address_problem("store.here.example", 443, "169.254.169.254")
    assert "sources.listedEndpoints" not in never


@pytest.mark.parametrize(
    ("listed", "networks", "words"),
    [
        ("ftp://a.example", "", "must begin with https"),
        ("a.example/path", "", "no path"),
        ("user@a.example", "", "user or password"),
        ("*", "", "must be a name"),
        ("*.svc", "", "listed one by one"),
        ("*.cluster.local", "", "listed one by one"),
        ("*.com:0", "", "between 1 and 65535"),
        ("a.*.example", "", "must be a name"),
        ("", "10.0.0.0/33", "is no network"),
        ("", "cluster", "is no network"),
    ],
)
def test_settings_that_cannot_be_read_are_refused_in_words(listed: str, networks: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        NetworkRules.parse(listed, networks)


def test_settings_are_read_as_people_write_them() -> None:
    rules = NetworkRules.parse(" Harbor.Corp.Example , ,http://[::1]:9000", " 10.1.2.3/16 ")
    assert rules.listed == (Endpoint("https", "harbor.corp.example", 443), Endpoint("http", "::1", 9000))
    assert [str(network) for network in rules.cluster_networks] == ["10.1.0.0/16"]
    assert rules.lists("HARBOR.corp.example")
    assert not rules.lists("harbor.corp.example", 444)


# --- connections -----------------------------------------------------------------------------------------------------


@dataclass
class Internet:
    """Names with their answers, one after the other, and the addresses that were connected to; all refuse."""

    answers: dict[str, list[str]] = field(default_factory=dict)
    connected: list[str] = field(default_factory=list)


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    stand_in = Internet()

    def getaddrinfo(host: str, port: int, *_: object, **__: object) -> list[tuple[Any, ...]]:
        address = stand_in.answers[host].pop(0)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    def connect(_: socket.socket, address: tuple[str, int]) -> None:
        stand_in.connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket.socket, "connect", connect)
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(variable, raising=False)
    return stand_in


def by_session(rules: NetworkRules, url: str) -> None:
    with guarded_session(rules, tls_context(None)) as session:
        session.get(url, timeout=1)


def by_pool(rules: NetworkRules, url: str) -> None:
    with guarded_pool(rules, tls_context(None), url) as pool:
        pool.request("GET", url, retries=False)


def by_hand(rules: NetworkRules, url: str) -> None:
    if problem := rules.url_problem(url):
        raise SourceError(Reason.ENDPOINT_REFUSED, problem)
    open_connection(rules, tls_context(None), parse_url(url), 1)


WAYS = pytest.mark.parametrize("way", [by_session, by_pool, by_hand], ids=lambda way: str(way.__name__))
Way = Callable[[NetworkRules, str], None]
NOT_CONNECTED = (OSError, urllib3.exceptions.HTTPError)
UNREADABLE = (SourceError, ValueError, urllib3.exceptions.HTTPError)  # requests' own are ValueErrors


@WAYS
@pytest.mark.parametrize("case", ADDRESS_CASES, ids=lambda case: f"{case.url} at {case.address}")
def test_a_connection_goes_to_allowed_addresses_alone(internet: Internet, case: AddressCase, way: Way) -> None:
    internet.answers[parse_url(case.url).host] = [case.address]
    if case.refusal:
        with pytest.raises(SourceError, match=case.refusal) as caught:
            way(RULES, case.url)
        assert caught.value.reason is Reason.ENDPOINT_REFUSED
        assert internet.connected == []
    else:
        with pytest.raises(NOT_CONNECTED):
            way(RULES, case.url)
        assert internet.connected == [case.address]


@WAYS
def test_a_name_that_changes_its_address_gains_nothing(internet: Internet, way: Way) -> None:
    """The connection goes to the answer that was judged: a name is resolved once for it."""
    internet.answers["models.contoso.com"] = ["20.60.1.1", "169.254.169.254"]
    with pytest.raises(NOT_CONNECTED):
        way(RULES, "https://models.contoso.com")
    with pytest.raises(SourceError, match="never asked"):
        way(RULES, "https://models.contoso.com")
    assert internet.connected == ["20.60.1.1"]


@WAYS
@pytest.mark.parametrize("case", [case for case in ENDPOINT_CASES if case.refusal], ids=lambda case: case.url)
def test_a_refused_url_is_never_connected_to(internet: Internet, case: UrlCase, way: Way) -> None:
    """Whatever a library makes of it: some write it anew before our rules see it, so every name leads to the worst."""
    internet.answers = defaultdict(lambda: ["169.254.169.254"])
    with pytest.raises(UNREADABLE):
        way(RULES, case.url)
    assert internet.connected == []


def test_an_sdk_is_kept_to_one_host(internet: Internet) -> None:
    internet.answers["login.microsoftonline.com"] = ["20.60.1.1"]
    with guarded_session(RULES, tls_context(None), only_host="login.microsoftonline.com") as session:
        with pytest.raises(SourceError, match="another host"):
            session.get("https://models.contoso.com", timeout=1)
        with pytest.raises(NOT_CONNECTED):
            session.get("https://login.microsoftonline.com/tenant", timeout=1)
    assert internet.connected == ["20.60.1.1"]


@WAYS
def test_behind_a_proxy_the_rules_judge_urls(internet: Internet, monkeypatch: pytest.MonkeyPatch, way: Way) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.corp.example:3128")
    monkeypatch.setenv("NO_PROXY", "direct.example")
    internet.answers.update({"proxy.corp.example": ["10.0.0.9"], "direct.example": ["10.0.0.9"]})
    with pytest.raises(NOT_CONNECTED):
        way(RULES, "https://models.contoso.com")
    assert internet.connected == ["10.0.0.9"]
    with pytest.raises(SourceError, match="inside the cluster"):
        way(RULES, "https://kubernetes.default.svc")
    with pytest.raises(SourceError, match="a private address"):
        way(RULES, "https://direct.example")
    assert internet.connected == ["10.0.0.9"]
