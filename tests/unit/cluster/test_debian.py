"""The base image's packages come from where this machine's own do."""

import pytest

from cluster.debian import mirror

DEB822 = """\
Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main

Types: deb
URIs: http://mirror.example/debian http://other.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        ([DEB822], "http://mirror.example/debian"),
        (["deb http://one.example/debian bookworm main contrib\n"], "http://one.example/debian"),
        (["deb [arch=amd64 signed-by=/k] http://one.example/debian bookworm main\n"], "http://one.example/debian"),
        (["# deb http://off.example/debian bookworm main\n", DEB822], "http://mirror.example/debian"),
        (["deb http://one.example/debian-security bookworm-security main\n"], None),
        (["deb http://one.example/ubuntu noble main\n"], None),
        ([], None),
    ],
)
def test_the_mirror_of_the_suite(sources: list[str], found: str | None) -> None:
    assert mirror(sources, "bookworm") == found
