import base64
import json
from typing import Any

import pytest

from aiapp_operator.image_reference import ImageReference
from aiapp_operator.pull_secrets import CONFIG_KEY, Login, logins


def _config(**auths: Any) -> dict[str, str]:
    return {CONFIG_KEY: json.dumps({"auths": auths})}


def _auth(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


IMAGE = ImageReference.parse("registry.test:5000/team/digits:1")


@pytest.mark.parametrize(
    ("place", "fits"),
    [
        ("registry.test:5000", True),
        ("https://registry.test:5000", True),
        ("https://registry.test:5000/v1/", True),
        ("registry.test:5000/team", True),
        ("registry.test:5000/team/digits", True),
        ("*.test:5000", True),
        ("registry.test", False),
        ("registry.test:5000/other", False),
        ("registry.test:5000/tea", False),
        ("test:5000", False),
        ("evil-registry.test:5000", False),
    ],
)
def test_a_login_fits_its_host_and_what_is_below_its_path(place: str, fits: bool) -> None:
    found = logins(IMAGE, {"acr": _config(**{place: _auth("user:pass")})})
    assert found == ((Login("user", "pass", "acr"),) if fits else ())


def test_docker_hub_is_known_by_the_name_that_docker_login_writes() -> None:
    image = ImageReference.parse("docker.io/library/python:3.13")
    assert logins(image, {"hub": _config(**{"https://index.docker.io/v1/": _auth("u:p")})})


def test_the_most_specific_login_comes_first() -> None:
    secrets = {
        "wide": _config(**{"registry.test:5000": _auth("wide:1")}),
        "narrow": _config(**{"registry.test:5000/team": _auth("narrow:2")}),
    }
    assert [login.source for login in logins(IMAGE, secrets)] == ["narrow", "wide"]


def test_user_and_password_may_stand_by_themselves_and_hold_colons() -> None:
    secrets = {
        "a": _config(**{"registry.test:5000": {"username": "u", "password": "p:q"}}),
        "b": _config(**{"registry.test:5000": _auth("u:p:q")}),
    }
    assert {(login.username, login.password) for login in logins(IMAGE, secrets)} == {("u", "p:q")}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "Secret acr has no key .dockerconfigjson"),
        ({CONFIG_KEY: "hunter2"}, "no JSON with `auths`"),
        ({CONFIG_KEY: "[]"}, "no JSON with `auths`"),
        ({CONFIG_KEY: '{"auths": 7}'}, "no JSON with `auths`"),
        (_config(**{"registry.test:5000": {"auth": "%%hunter2%%"}}), "is not base64"),
    ],
)
def test_a_broken_secret_is_named_and_its_content_is_not(values: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match="acr") as caught:
        logins(IMAGE, {"acr": values})
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_login_does_not_show_its_password() -> None:
    assert "hunter2" not in repr(Login("user", "hunter2", "acr"))
