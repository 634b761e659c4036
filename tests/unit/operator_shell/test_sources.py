"""What is said when a source cannot be asked; secrets and registry are scripted, the model store is the real one."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client import REGISTRY

from aiapp_operator.errors import ForbiddenError, NotFoundError, OperatorError, TransientError
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.pull_secrets import Login
from aiapp_operator.settings import Settings
from aiapp_operator.sources import Sources
from aiapp_operator.state import Manifest, Problem, ResolvedImage, Severity

DIGEST = "sha256:" + "1f" * 32
SETTINGS = Settings(fetch_image="x", namespace="ops", service_account="aiapp-operator")
CONFIG = {".dockerconfigjson": json.dumps({"auths": {"contoso.azurecr.io": {"username": "u", "password": "p"}}})}


class Secrets:
    def __init__(self, answer: Mapping[str, str] | OperatorError) -> None:
        self.answer = answer

    async def secret(self, namespace: str, name: str) -> Mapping[str, str]:
        assert (namespace, name) == ("vision", "acr")
        if isinstance(self.answer, OperatorError):
            raise self.answer
        return self.answer


class Images:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.logins: tuple[Login, ...] = ()

    async def digest(self, image: ImageReference, logins: tuple[Login, ...]) -> str:
        assert image.repository == "contoso.azurecr.io/digits"
        self.logins = logins
        if self.error:
            raise self.error
        return DIGEST


def _app(**spec: Any) -> Manifest:
    image = {"image": "contoso.azurecr.io/digits:1"}
    return {"metadata": {"namespace": "vision", "name": "digits"}, "spec": {**image, **spec}}


MODEL = {
    "modelVersion": "1",
    "modelSource": {
        "azureBlob": {"account": "contosomodels", "container": "models", "path": "digits"},
        "credentials": {"secretRef": {"name": "acr"}},
    },
}


async def test_an_image_is_resolved_with_the_logins_of_its_pull_secrets() -> None:
    images = Images()
    answer = await Sources(Secrets(CONFIG), images, SETTINGS).image(_app(imagePullSecrets=[{"name": "acr"}]))
    assert answer == ResolvedImage("contoso.azurecr.io/digits:1", DIGEST)
    assert images.logins == (Login("u", "p", "acr"),)


async def test_an_image_by_digest_needs_neither_secret_nor_registry() -> None:
    sources = Sources(Secrets(NotFoundError("Refused", "")), Images(RuntimeError("asked")), SETTINGS)
    image = f"contoso.azurecr.io/digits@{DIGEST}"
    assert await sources.image(_app(image=image, imagePullSecrets=[{"name": "acr"}])) == ResolvedImage(image, DIGEST)


@pytest.mark.parametrize("stream", ["image", "model"])
async def test_a_secret_that_may_not_be_read_gives_the_command_that_grants_it(stream: str) -> None:
    sources = Sources(Secrets(ForbiddenError("Refused", "secrets is forbidden")), Images(), SETTINGS)
    problem = await getattr(sources, stream)(_app(imagePullSecrets=[{"name": "acr"}], **MODEL))
    assert isinstance(problem, Problem)
    assert (problem.severity, problem.reason) == (Severity.WAITING, "SecretForbidden")
    assert problem.message.endswith(
        "kubectl create rolebinding aiapp-secrets --clusterrole=aiapp-secret-reader "
        "--serviceaccount=ops:aiapp-operator -n vision"
    )


@pytest.mark.parametrize("stream", ["image", "model"])
async def test_a_missing_secret_is_named(stream: str) -> None:
    sources = Sources(Secrets(NotFoundError("Refused", "secrets acr not found")), Images(), SETTINGS)
    problem = await getattr(sources, stream)(_app(imagePullSecrets=[{"name": "acr"}], **MODEL))
    assert problem.reason == "SecretNotFound"
    assert "no Secret acr in namespace vision" in problem.message


async def test_a_pull_secret_of_another_kind_is_named() -> None:
    problem = await Sources(Secrets({"password": "hunter2"}), Images(), SETTINGS).image(
        _app(imagePullSecrets=[{"name": "acr"}])
    )
    assert isinstance(problem, Problem)
    assert problem.reason == "SecretInvalid"
    assert "hunter2" not in problem.message


async def test_a_model_secret_without_a_usable_key_is_named_by_the_store() -> None:
    problem = await Sources(Secrets({"password": "hunter2"}), Images(), SETTINGS).model(_app(**MODEL))
    assert isinstance(problem, Problem)
    assert (problem.severity, problem.reason) == (Severity.WAITING, "SecretInvalid")
    assert "hunter2" not in problem.message


async def test_an_unreadable_image_is_the_users_to_edit() -> None:
    problem = await Sources(Secrets({}), Images(), SETTINGS).image(_app(image="digits"))
    assert isinstance(problem, Problem)
    assert (problem.severity, problem.reason) == (Severity.STALLED, "ImageInvalid")


async def test_an_api_server_that_is_away_is_transient() -> None:
    sources = Sources(Secrets(TransientError("ApiUnavailable", "etcd is away")), Images(), SETTINGS)
    problem = await sources.image(_app(imagePullSecrets=[{"name": "acr"}]))
    assert problem == Problem(Severity.TRANSIENT, "ApiUnavailable", "etcd is away")


async def test_a_registry_that_never_answers_is_given_up() -> None:
    problem = await Sources(Secrets({}), Images(TimeoutError()), SETTINGS).image(_app())
    assert isinstance(problem, Problem)
    assert (problem.severity, problem.reason) == (Severity.TRANSIENT, "RegistryUnreachable")


async def test_questions_are_counted_by_their_outcome() -> None:
    labels = {"source": "image", "outcome": "ok"}
    before = REGISTRY.get_sample_value("aiapp_source_requests_total", labels) or 0
    await Sources(Secrets({}), Images(), SETTINGS).image(_app())
    assert REGISTRY.get_sample_value("aiapp_source_requests_total", labels) == before + 1
