"""What is said when a source cannot be asked; secrets and registry are scripted, the model store is the real one."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import REGISTRY

from aiapp_models.manifest import ModelManifest
from aiapp_operator import sources as sources_module
from aiapp_operator.errors import ForbiddenError, NotFoundError, OperatorError, TransientError
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.pull_secrets import Login
from aiapp_operator.settings import Settings
from aiapp_operator.sources import DEADLINE_SECONDS, QUESTIONS_PER_NAMESPACE, TURN_SECONDS, Sources
from aiapp_operator.state import Manifest, Problem, ResolvedImage, ResolvedModel, Severity
from unit.operator_shell import virtual_time

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


def _app(namespace: str = "vision", /, **spec: Any) -> Manifest:
    image = {"image": "contoso.azurecr.io/digits:1"}
    return {"metadata": {"namespace": namespace, "name": "digits"}, "spec": {**image, **spec}}


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


async def test_an_api_server_that_is_away_is_transient() -> None:
    sources = Sources(Secrets(TransientError("ApiUnavailable", "etcd is away")), Images(), SETTINGS)
    problem = await sources.image(_app(imagePullSecrets=[{"name": "acr"}]))
    assert problem == Problem(Severity.TRANSIENT, "ApiUnavailable", "etcd is away")


async def test_a_registry_that_never_answers_is_given_up() -> None:
    problem = await Sources(Secrets({}), Images(TimeoutError()), SETTINGS).image(_app())
    assert isinstance(problem, Problem)
    assert (problem.severity, problem.reason) == (Severity.TRANSIENT, "RegistryUnreachable")


async def test_what_nobody_foresaw_is_a_problem_that_names_its_type_alone(caplog: pytest.LogCaptureFixture) -> None:
    problem = await Sources(Secrets({}), Images(ZeroDivisionError("hunter2")), SETTINGS).image(_app())
    assert isinstance(problem, Problem)
    assert (problem.severity, problem.reason) == (Severity.WAITING, "RegistryRefused")
    assert "ZeroDivisionError" in problem.message
    assert "in digest" in caplog.text  # where it happened
    assert "hunter2" not in problem.message + caplog.text


class HangingImages(Images):
    async def digest(self, *_: object, **__: object) -> str:
        never: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        return await never


def test_a_question_waits_a_moment_for_its_turn_and_its_deadline_begins_then() -> None:
    async def main() -> tuple[list[tuple[float, Any]], int]:
        sources = Sources(Secrets({}), HangingImages(), SETTINGS)

        async def ask(namespace: str) -> tuple[float, Any]:
            answer = await sources.image(_app(namespace))
            return virtual_time.now(), answer

        answers = await asyncio.gather(*(ask("vision") for _ in range(QUESTIONS_PER_NAMESPACE + 1)), ask("other"))
        return answers, len(sources._turns)

    (*asked, turned_away, other), kept = virtual_time.run(main())
    assert [round(second) for second, _ in [*asked, other]] == [DEADLINE_SECONDS] * (QUESTIONS_PER_NAMESPACE + 1)
    assert round(turned_away[0]) == TURN_SECONDS
    assert turned_away[1].severity is Severity.TRANSIENT
    assert "other questions of namespace vision" in turned_away[1].message
    assert kept == 0  # namespaces come and go


async def test_stores_that_hang_leave_threads_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    hang, published = threading.Event(), datetime(2026, 11, 1, tzinfo=UTC)

    def manifest(source: Manifest, *_: object) -> ModelManifest:
        if source["azureBlob"]["account"] == "hangs":
            hang.wait(60)
        return ModelManifest("1", DIGEST, 1, published, (), ())

    monkeypatch.setattr(sources_module, "_manifest", manifest)
    sources = Sources(Secrets({}), Images(), SETTINGS)

    def ask(namespace: str, account: str) -> Awaitable[ResolvedModel | Problem]:
        source = {"azureBlob": {"account": account}, "credentials": {"anonymous": {}}}
        return sources.model(_app(namespace, modelVersion="1", modelSource=source))

    hanging = [asyncio.ensure_future(ask(f"n{n % 4}", "hangs")) for n in range(16)]
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        assert await ask("vision", "contosomodels") == ResolvedModel("1", DIGEST, 1, published)
    hang.set()
    await asyncio.gather(*hanging)
    sources.close()


async def test_questions_are_counted_by_their_outcome() -> None:
    labels = {"source": "image", "outcome": "ok"}
    before = REGISTRY.get_sample_value("aiapp_source_requests_total", labels) or 0
    await Sources(Secrets({}), Images(), SETTINGS).image(_app())
    assert REGISTRY.get_sample_value("aiapp_source_requests_total", labels) == before + 1
