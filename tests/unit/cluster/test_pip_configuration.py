"""pip in an image finds packages where pip on this machine does."""

from pathlib import Path

import pytest

from cluster.pip_configuration import local_folders, pip_conf, pip_settings

LISTING = """\
:env:.cert='/elsewhere/ca.pem'
:env:.default-timeout='180'
:env:.index-url='https://second.example/simple'
global.cache-dir='/elsewhere/cache'
global.index-url='https://first.example/simple'
global.trusted-host='a.example\\nb.example'
install.find-links='/opt/packages https://links.example/'
list.format='json'
"""


def test_the_environment_goes_before_files_and_only_places_are_carried() -> None:
    assert pip_settings(LISTING) == {
        "index-url": "https://second.example/simple",
        "trusted-host": "a.example\nb.example",
        "find-links": "/opt/packages https://links.example/",
        "timeout": "180",
    }


def test_a_machine_without_settings_gives_none() -> None:
    assert pip_settings("") == {}


def test_a_line_that_is_not_pips_is_an_error() -> None:
    with pytest.raises((ValueError, SyntaxError)):
        pip_settings("global.index-url=not quoted")


def test_folders_of_this_machine_are_told_from_addresses() -> None:
    assert local_folders(pip_settings(LISTING)) == [Path("/opt/packages")]
    assert local_folders({}) == []


def test_the_file_names_the_authority_where_the_build_sees_it() -> None:
    text = pip_conf({"trusted-host": "a\nb", "index-url": "https://first.example/simple"}, "/run/secrets/pip_ca")
    assert text == (
        "[global]\nindex-url = https://first.example/simple\ntrusted-host = a b\ncert = /run/secrets/pip_ca\n"
    )
    assert "cert" not in pip_conf({}, None)
