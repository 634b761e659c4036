"""Asks the registry and the model store what spec.image and spec.modelVersion stand for now."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Protocol, TypeVar
from weakref import WeakValueDictionary

from aiapp_models.credentials import Anonymous, SecretValues
from aiapp_models.errors import Reason as ModelReason
from aiapp_models.errors import SourceError
from aiapp_models.manifest import ModelManifest
from aiapp_models.stores import open_store
from aiapp_models.stores.connection import Network
from aiapp_operator.errors import ForbiddenError, NotFoundError, OperatorError, Reason, TransientError, WaitingError
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.metrics import SOURCE_REQUESTS
from aiapp_operator.pull_secrets import Login, logins
from aiapp_operator.settings import Settings
from aiapp_operator.state import Manifest, Problem, ResolvedImage, ResolvedModel, Severity, Stream

logger = logging.getLogger(__name__)

DEADLINE_SECONDS: Final = 60
"""For one question once it is its turn; above what registry and store take for themselves before they give up."""
QUESTIONS_PER_NAMESPACE: Final = 4
"""Asked at a time, so that a namespace whose store hangs does not hold what all others need."""
TURN_SECONDS: Final = 2
"""How long a question waits for its turn; a run that waits holds one of the queue's workers."""
STORE_THREADS: Final = 32
"""Twice the queue's workers: a thread that hangs past its question's deadline is in nobody's way."""
SECRET_READER: Final = "aiapp-secret-reader"  # noqa: S105 - the chart's ClusterRole
UNREACHABLE: Final[Mapping[Stream, str]] = {
    Stream.IMAGE: Reason.REGISTRY_UNREACHABLE,
    Stream.MODEL: ModelReason.STORE_UNREACHABLE,
}
REFUSED: Final[Mapping[Stream, str]] = {
    Stream.IMAGE: Reason.REGISTRY_REFUSED,
    Stream.MODEL: ModelReason.STORE_REFUSED,
}

A = TypeVar("A", ResolvedImage, ResolvedModel)


class SecretReader(Protocol):
    """Reads a Secret's decoded values."""

    async def secret(self, namespace: str, name: str) -> Mapping[str, str]:
        """Raise OperatorError when it cannot."""


class ImageRegistry(Protocol):
    """Resolves image references."""

    async def digest(self, image: ImageReference, logins: tuple[Login, ...]) -> str:
        """Raise OperatorError when it cannot."""


class Sources:
    """Where images and models come from; every failure is returned as a Problem in words for the user."""

    def __init__(self, secrets: SecretReader, registry: ImageRegistry, settings: Settings) -> None:
        self._secrets = secrets
        self._registry = registry
        self._settings = settings
        self._threads = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="store")
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def close(self) -> None:
        """Begin no more questions; what hangs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def image(self, app: Manifest) -> ResolvedImage | Problem:
        """Resolve spec.image with the logins in spec.imagePullSecrets."""
        return await self._answer(Stream.IMAGE, self._image, app)

    async def model(self, app: Manifest) -> ResolvedModel | Problem:
        """Resolve spec.modelVersion in spec.modelSource."""
        return await self._answer(Stream.MODEL, self._model, app)

    async def _answer(self, stream: Stream, question: Callable[[Manifest], Awaitable[A]], app: Manifest) -> A | Problem:
        answer: A | Problem
        try:
            async with self._turn(stream, app["metadata"]["namespace"]), asyncio.timeout(DEADLINE_SECONDS):
                answer = await question(app)
        except OperatorError as error:
            answer = error.problem()
        except SourceError as error:
            answer = Problem(Severity.TRANSIENT if error.transient else Severity.WAITING, error.reason, error.message)
        except TimeoutError:
            words = f"no answer within {DEADLINE_SECONDS} s; it is asked again"
            answer = Problem(Severity.TRANSIENT, UNREACHABLE[stream], words)
        except Exception as error:  # noqa: BLE001 - one source's failure must not stop repair and status
            answer = _unforeseen(stream, error)
        outcome = answer.reason if isinstance(answer, Problem) else "ok"
        SOURCE_REQUESTS.labels(stream.value.lower(), outcome).inc()
        return answer

    @asynccontextmanager
    async def _turn(self, stream: Stream, namespace: str) -> AsyncIterator[None]:
        turn = self._turns.setdefault(namespace, asyncio.Semaphore(QUESTIONS_PER_NAMESPACE))
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await turn.acquire()
        except TimeoutError:
            words = (
                f"{QUESTIONS_PER_NAMESPACE} other questions of namespace {namespace} are without an answer yet; "
                "this one is asked after them"
            )
            raise TransientError(UNREACHABLE[stream], words) from None
        try:
            yield
        finally:
            turn.release()

    async def _image(self, app: Manifest) -> ResolvedImage:
        text = app["spec"]["image"]
        reference = ImageReference.parse(text)
        if reference.digest:
            return ResolvedImage(text, reference.digest)
        names = [secret["name"] for secret in app["spec"].get("imagePullSecrets", ())]
        secrets = {name: await self._secret(app, name) for name in names}
        try:
            fitting = logins(reference, secrets)
        except ValueError as error:
            raise WaitingError(Reason.SECRET_INVALID, str(error)) from None
        return ResolvedImage(text, await self._registry.digest(reference, fitting))

    async def _model(self, app: Manifest) -> ResolvedModel:
        spec = app["spec"]
        source, version = spec["modelSource"], spec["modelVersion"]
        name = source["credentials"].get("secretRef", {}).get("name")
        credentials = await self._secret(app, name) if name else None
        loop, trust = asyncio.get_running_loop(), self._settings.trust_bundle
        manifest = await loop.run_in_executor(self._threads, _manifest, source, version, credentials, trust)
        return ResolvedModel(manifest.version, manifest.digest, manifest.size_bytes, manifest.published)

    async def _secret(self, app: Manifest, name: str) -> Mapping[str, str]:
        namespace = app["metadata"]["namespace"]
        try:
            return await self._secrets.secret(namespace, name)
        except NotFoundError:
            words = f"there is no Secret {name} in namespace {namespace}; create it, or correct its name in spec"
            raise WaitingError(Reason.SECRET_NOT_FOUND, words) from None
        except ForbiddenError:
            raise WaitingError(Reason.SECRET_FORBIDDEN, self._grant(namespace, name)) from None

    def _grant(self, namespace: str, name: str) -> str:
        account = f"{self._settings.namespace}:{self._settings.service_account}"
        return (
            f"the operator may not read Secret {name}; grant it for namespace {namespace} with: "
            f"kubectl create rolebinding aiapp-secrets --clusterrole={SECRET_READER} "
            f"--serviceaccount={account} -n {namespace}"
        )


def _unforeseen(stream: Stream, error: Exception) -> Problem:
    """Say it by the exception's type and place alone: its text may quote a secret, or a stranger."""
    kind, place = type(error).__name__, "".join(traceback.format_tb(error.__traceback__))
    logger.error("a question about a %s ended with %s\n%s", stream.value.lower(), kind, place)
    words = f"the answer could not be read ({kind}); the operator's log has the place in the code"
    return Problem(Severity.WAITING, REFUSED[stream], words)


def _manifest(source: Manifest, version: str, credentials: Mapping[str, str] | None, trust: str) -> ModelManifest:
    reader = Anonymous() if credentials is None else SecretValues(credentials)
    with open_store(source, reader, Network(Path(trust) if trust else None)) as store:
        return store.manifest(version)
