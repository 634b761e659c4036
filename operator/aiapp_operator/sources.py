"""Asks the registry and the model store what spec.image and spec.modelVersion stand for now."""

import asyncio
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from aiapp_models.errors import Reason as ModelReason
from aiapp_models.errors import SourceError
from aiapp_models.manifest import ModelManifest
from aiapp_models.stores import open_store
from aiapp_operator.errors import ForbiddenError, NotFoundError, OperatorError, Reason, WaitingError
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.metrics import SOURCE_REQUESTS
from aiapp_operator.pull_secrets import Login, logins
from aiapp_operator.settings import Settings
from aiapp_operator.state import Manifest, Problem, ResolvedImage, ResolvedModel, Severity, Stream

DEADLINE_SECONDS: Final = 60
"""Above what registry and store take for themselves before they give up."""
SECRET_READER: Final = "aiapp-secret-reader"  # noqa: S105 - the chart's ClusterRole


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

    async def image(self, app: Manifest) -> ResolvedImage | Problem:
        """Resolve spec.image with the logins in spec.imagePullSecrets."""
        return await _answer(Stream.IMAGE, self._image(app))

    async def model(self, app: Manifest) -> ResolvedModel | Problem:
        """Resolve spec.modelVersion in spec.modelSource."""
        return await _answer(Stream.MODEL, self._model(app))

    async def _image(self, app: Manifest) -> ResolvedImage | Problem:
        text = app["spec"]["image"]
        try:
            reference = ImageReference.parse(text)
        except ValueError as error:
            return Problem(Severity.STALLED, Reason.IMAGE_INVALID, f"spec.image {error}")
        if reference.digest:
            return ResolvedImage(text, reference.digest)
        names = [secret["name"] for secret in app["spec"].get("imagePullSecrets", ())]
        secrets = {name: await self._secret(app, name) for name in names}
        try:
            fitting = logins(reference, secrets)
        except ValueError as error:
            raise WaitingError(Reason.SECRET_INVALID, str(error)) from None
        return ResolvedImage(text, await self._registry.digest(reference, fitting))

    async def _model(self, app: Manifest) -> ResolvedModel | Problem:
        spec = app["spec"]
        source, version = spec["modelSource"], spec["modelVersion"]
        name = source["credentials"].get("secretRef", {}).get("name")
        credentials = await self._secret(app, name) if name else None
        manifest = await asyncio.to_thread(_manifest, source, version, credentials, self._settings.trust_bundle)
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


async def _answer(stream: Stream, question: Coroutine[Any, Any, A | Problem]) -> A | Problem:
    answer: A | Problem
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            answer = await question
    except OperatorError as error:
        answer = error.problem()
    except SourceError as error:
        answer = Problem(Severity.TRANSIENT if error.transient else Severity.WAITING, error.reason, error.message)
    except TimeoutError:
        reason = Reason.REGISTRY_UNREACHABLE if stream is Stream.IMAGE else ModelReason.STORE_UNREACHABLE
        answer = Problem(Severity.TRANSIENT, reason, f"no answer within {DEADLINE_SECONDS} s; it is asked again")
    outcome = answer.reason if isinstance(answer, Problem) else "ok"
    SOURCE_REQUESTS.labels(stream.value.lower(), outcome).inc()
    return answer


def _manifest(source: Manifest, version: str, credentials: Mapping[str, str] | None, trust: str) -> ModelManifest:
    with open_store(source, credentials, Path(trust) if trust else None) as store:
        return store.manifest(version)
