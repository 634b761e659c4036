"""What is said when a source cannot be asked; Secrets, registry and folder are scripted."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Self

import pytest
from prometheus_client import REGISTRY

from aiapp_models.credentials import AzureIdentity, Credentials
from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores.connection import Network
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.errors import ForbiddenError, NotFoundError, OperatorError, TransientError
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.kube import RESOURCES
from aiapp_operator.pull_secrets import Login
from aiapp_operator.sources.access import Access
from aiapp_operator.sources.fixed import DEADLINE_SECONDS, QUESTIONS_PER_NAMESPACE, TURN_SECONDS, Sources
from aiapp_operator.sources.identities import Identities
from aiapp_operator.sources.image_feeds import Images
from aiapp_operator.sources.model_feeds import Stores
from aiapp_operator.state import Identity, Problem, ResolvedImage, ResolvedModel, Severity
from unit.operator_shell import virtual_time
from unit.operator_shell.followed import SETTINGS, Inline, MemoryFolder, MemoryIdentity, MemoryRegistry
from unit.operator_shell.memory_api import MemoryApi

DIGEST = "sha256:" + "1f" * 32
CONFIG = {".dockerconfigjson": json.dumps({"auths": {"contoso.azurecr.io": {"username": "u", "password": "p"}}})}
CLIENT, TENANT = "11111111-2222-3333-4444-555555555555", "99999999-8888-7777-6666-555555555555"


class Secrets:
    def __init__(self, answer: Mapping[str, str] | OperatorError) -> None:
        self.answer = answer

    async def secret(self, namespace: str, name: str) -> Mapping[str, str]:
        assert (namespace, name) == ("vision", "acr")
        if isinstance(self.answer, OperatorError):
            raise self.answer
        return self.answer


class Tags(MemoryRegistry):
    def __init__(self, error: Exception | None = None) -> None:
        super().__init__({"contoso.azurecr.io/digits": {"1": DIGEST}}, error)


class Asked(Sources):
    """The product's questions over scripted ends."""

    def __init__(
        self,
        answer: Mapping[str, str] | OperatorError = CONFIG,
        registry: MemoryRegistry | None = None,
        folder: MemoryFolder | None = None,
        api: MemoryApi | None = None,
    ) -> None:
        self.api, self.registry = api or MemoryApi(), registry or Tags()
        self.folder = folder or MemoryFolder({"1": 1})
        access = Access(Secrets(answer), Identities(self.api, SETTINGS, MemoryIdentity), SETTINGS)
        super().__init__(Images(self.registry, access), Stores(access, Network(), Inline(), self.folder.open))


def _app(namespace: str = "vision", /, **spec: Any) -> AIApp:
    image = {"image": "contoso.azurecr.io/digits:1"}
    return AIApp.parse({"metadata": {"namespace": namespace, "name": "digits"}, "spec": {**image, **spec}})


PLACE = {"account": "contosomodels", "container": "models", "path": "digits"}
MODEL = {
    "modelVersion": "1",
    "modelSource": {
        "azureBlob": PLACE,
        "credentials": {"secretRef": {"name": "acr"}},
    },
}


async def test_an_image_is_resolved_with_the_logins_of_its_pull_secrets() -> None:
    sources = Asked()
    answer = await sources.image(_app(imagePullSecrets=[{"name": "acr"}]))
    assert answer == ResolvedImage("contoso.azurecr.io/digits:1", DIGEST)
    assert sources.registry.as_whom == [((Login("u", "p", "acr"),), None)]


async def test_an_image_by_digest_needs_neither_secret_nor_registry() -> None:
    sources = Asked(NotFoundError("Refused", ""), Tags(RuntimeError("asked")))
    image = f"contoso.azurecr.io/digits@{DIGEST}"
    assert await sources.image(_app(image=image, imagePullSecrets=[{"name": "acr"}])) == ResolvedImage(image, DIGEST)


@pytest.mark.parametrize("stream", ["image", "model"])
async def test_a_secret_that_may_not_be_read_gives_the_command_that_grants_it(stream: str) -> None:
    sources = Asked(ForbiddenError("Refused", "secrets is forbidden"), Tags())
    problem = await getattr(sources, stream)(_app(imagePullSecrets=[{"name": "acr"}], **MODEL))
    assert isinstance(problem, Problem)
    assert (problem.severity, problem.reason) == (Severity.WAITING, "SecretForbidden")
    assert problem.message.endswith(
        "kubectl create rolebinding aiapp-secrets --clusterrole=aiapp-secret-reader "
        "--serviceaccount=ops:aiapp-operator -n vision"
    )


@pytest.mark.parametrize("stream", ["image", "model"])
async def test_a_missing_secret_is_named(stream: str) -> None:
    sources = Asked(NotFoundError("Refused", "secrets acr not found"), Tags())
    problem = await getattr(sources, stream)(_app(imagePullSecrets=[{"name": "acr"}], **MODEL))
    assert problem.reason == "SecretNotFound"
    assert "no Secret acr in namespace vision" in problem.message


async def test_a_pull_secret_of_another_kind_is_named() -> None:
    problem = await Asked({"password": "hunter2"}, Tags()).image(_app(imagePullSecrets=[{"name": "acr"}]))
    assert isinstance(problem, Problem)
    assert problem.reason == "SecretInvalid"
    assert "hunter2" not in problem.message


async def test_a_model_secret_without_a_usable_key_is_named_by_the_store() -> None:
    access = Access(Secrets({"password": "hunter2"}), Identities(MemoryApi(), SETTINGS, MemoryIdentity), SETTINGS)
    problem = await Sources(Images(Tags(), access), Stores(access, Network(), Inline())).model(_app(**MODEL))
    assert isinstance(problem, Problem)
    assert (problem.severity, problem.reason) == (Severity.WAITING, "SecretInvalid")
    assert "hunter2" not in problem.message


async def test_an_api_server_that_is_away_is_transient() -> None:
    sources = Asked(TransientError("ApiUnavailable", "etcd is away"), Tags())
    problem = await sources.image(_app(imagePullSecrets=[{"name": "acr"}]))
    assert problem == Problem(Severity.TRANSIENT, "ApiUnavailable", "etcd is away")


async def test_a_registry_that_never_answers_is_given_up() -> None:
    problem = await Asked({}, Tags(TimeoutError())).image(_app())
    assert isinstance(problem, Problem)
    assert (problem.severity, problem.reason) == (Severity.TRANSIENT, "RegistryUnreachable")


async def test_what_nobody_foresaw_is_a_problem_that_names_its_type_alone(caplog: pytest.LogCaptureFixture) -> None:
    problem = await Asked({}, Tags(ZeroDivisionError("hunter2"))).image(_app())
    assert isinstance(problem, Problem)
    assert (problem.severity, problem.reason) == (Severity.WAITING, "RegistryRefused")
    assert "ZeroDivisionError" in problem.message
    assert "in digest" in caplog.text  # where it happened
    assert "hunter2" not in problem.message + caplog.text


class Hanging(Tags):
    async def digest(
        self, image: ImageReference, logins: tuple[Login, ...], identity: AzureIdentity | None = None
    ) -> str:
        del image, logins, identity
        never: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        return await never


def test_a_question_waits_a_moment_for_its_turn_and_has_a_deadline() -> None:
    async def main() -> tuple[list[tuple[float, Any]], int]:
        sources = Asked({}, Hanging())

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


class HangingFolder(MemoryFolder):
    def __init__(self) -> None:
        super().__init__({"1": 1})
        self.go_on = threading.Event()

    def open(self, source: Mapping[str, Any], credentials: Credentials, network: Network) -> Self:
        if source["azureBlob"]["account"] == "hangs":
            self.go_on.wait(60)
        return super().open(source, credentials, network)


async def test_stores_that_hang_leave_threads_for_the_others() -> None:
    folder = HangingFolder()
    access = Access(Secrets({}), Identities(MemoryApi(), SETTINGS, MemoryIdentity), SETTINGS)
    stores = Stores(access, Network(), ThreadPoolExecutor(32), folder.open)
    sources = Sources(Images(Tags(), access), stores)

    def ask(namespace: str, account: str) -> Awaitable[ResolvedModel | Problem]:
        source = {"azureBlob": {**PLACE, "account": account}, "credentials": {"anonymous": {}}}
        return sources.model(_app(namespace, modelVersion="1", modelSource=source))

    hanging = [asyncio.ensure_future(ask(f"n{n % 4}", "hangs")) for n in range(16)]
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        assert isinstance(await ask("vision", "contosomodels"), ResolvedModel)
    folder.go_on.set()
    await asyncio.gather(*hanging)
    stores.close()


async def test_a_model_is_read_as_the_apps_own_account_and_says_so() -> None:
    sources = Asked()
    metadata = {"namespace": "vision", "name": "digits", "annotations": {"azure.workload.identity/client-id": CLIENT}}
    sources.api.put({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    source = {"azureBlob": PLACE, "credentials": {"workloadIdentity": {"tenantID": TENANT}}}
    answer = await sources.model(_app(modelVersion="1", modelSource=source))
    assert isinstance(answer, ResolvedModel)
    assert answer.identity == Identity(CLIENT, TENANT)
    (identity,) = sources.folder.as_whom
    assert isinstance(identity, MemoryIdentity)
    assert ("POST", RESOURCES["ServiceAccount"].path("vision", "digits", "token")) in sources.api.requests


async def test_a_version_in_a_volume_is_for_pods_to_find_out() -> None:
    sources = Asked(registry=Tags(RuntimeError("asked")))
    claim = {"persistentVolumeClaim": {"claimName": "models", "path": "digits"}}
    answer = await sources.model(_app(modelVersion="42", modelSource=claim))
    assert answer == ResolvedModel("42", "", 0, datetime(1970, 1, 1, tzinfo=UTC))
    assert not sources.folder.asked
    assert not sources.api.requests


def test_a_source_that_asks_to_be_left_alone_is() -> None:
    async def main() -> tuple[list[int], Any]:
        fault = SourceError(Reason.STORE_UNREACHABLE, "too many requests", transient=True, retry_after=100)
        folder = MemoryFolder({"1": 1}, faults={"1": fault})
        sources, counts = Asked({"accountKey": "k"}, folder=folder), []
        for _ in range(3):
            answer = await sources.model(_app(**MODEL))
            counts.append(folder.asked["manifest"])
            await asyncio.sleep(60)
        return counts, answer

    counts, answer = virtual_time.run(main())
    assert counts == [1, 1, 2]
    assert (answer.severity, answer.message) == (Severity.TRANSIENT, "too many requests")


async def test_questions_are_counted_by_their_outcome() -> None:
    labels = {"source": "image", "outcome": "ok"}
    before = REGISTRY.get_sample_value("aiapp_source_requests_total", labels) or 0
    await Asked({}, Tags()).image(_app())
    assert REGISTRY.get_sample_value("aiapp_source_requests_total", labels) == before + 1
