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
        ("*", False),
        ("*test:5000", False),
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
        ({CONFIG_KEY: '{"credsStore": "hunter2"}'}, "no JSON with `auths`"),
        ({CONFIG_KEY: '{"auths": {}, "credHelpers": 7}'}, "no JSON with `auths`"),
        ({CONFIG_KEY: "[" * 60_000}, "no JSON with `auths`"),
        ({CONFIG_KEY: '{"credHelpers": {"registry.test:5000": "hunter2"}}'}, "holds no login for registry.test:5000"),
        ({CONFIG_KEY: '{"auths": {"registry.test:5000": {}}, "credsStore": "hunter2"}'}, "a credential helper's login"),
        (_config(**{"registry.test:5000": {"email": "hunter2"}}), "kubectl create secret docker-registry"),
        (_config(**{"registry.test:5000": {"auth": "%%hunter2%%"}}), "is not base64"),
    ],
)
def test_a_broken_secret_is_named_and_its_content_is_not(values: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match="acr") as caught:
        logins(IMAGE, {"acr": values})
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_login_that_fits_makes_up_for_an_entry_without_one() -> None:
    config = {"auths": {"registry.test:5000/team": _auth("u:p")}, "credHelpers": {"registry.test:5000": "acr-env"}}
    assert logins(IMAGE, {"acr": {CONFIG_KEY: json.dumps(config)}}) == (Login("u", "p", "acr"),)


def test_an_entry_without_a_login_for_another_registry_is_nobodys_concern() -> None:
    assert logins(IMAGE, {"acr": _config(**{"other.test": {}})}) == ()


def test_an_identity_token_is_kept_beside_its_user() -> None:
    entry = {**_auth("00000000-0000-0000-0000-000000000000:"), "identitytoken": "hunter2"}
    found = logins(IMAGE, {"acr": _config(**{"registry.test:5000": entry})})
    assert found == (Login("00000000-0000-0000-0000-000000000000", "", "acr", "hunter2"),)


def test_logins_fit_a_repository_without_a_tag() -> None:
    bare = ImageReference.parse("registry.test:5000/team/digits", bare=True)
    assert logins(bare, {"acr": _config(**{"registry.test:5000/team/digits": _auth("u:p")})})


def test_a_login_does_not_show_its_secrets() -> None:
    assert "hunter" not in repr(Login("user", "hunter2", "acr", "hunter3"))
