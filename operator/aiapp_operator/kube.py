"""The Kubernetes API as the operator uses it; the only importer of `kubernetes`.

Objects go in and out as plain JSON by their own paths: the client's typed models would add defaults that
server-side apply then owns.
"""

import base64
import binascii
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import client, config

from aiapp_operator.api.v1alpha1 import API_VERSION, KIND, PLURAL
from aiapp_operator.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    OperatorError,
    Reason,
    TransientError,
    WaitingError,
)
from aiapp_operator.state import Manifest, ObjectId

FIELD_MANAGER: Final = "aiapp-operator"
PAGE_SIZE: Final = 500
TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=10)
TOKEN_SECONDS: Final = 3600
_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:-]*[A-Za-z0-9])?")
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


@dataclass(frozen=True, slots=True)
class Resource:
    """Where the API server keeps a kind."""

    api_version: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the path of an object, or of the list where no name is given.

        Raises:
            WaitingError: Refused, a name that is none would lead to another object.
        """
        if odd := next((part for part in (namespace, name) if part and not _NAME.fullmatch(part)), ""):
            raise WaitingError(Reason.REFUSED, f"{odd[:80]!a} is no name of an object or namespace")
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        within = f"/namespaces/{namespace}" if namespace else ""
        return root + within + "/" + "/".join(part for part in (self.plural, name, subresource) if part)


@dataclass(frozen=True, slots=True)
class ServiceAccountToken:
    """A token that says who a ServiceAccount is; `seconds` is how long it is valid."""

    token: str = field(repr=False)
    seconds: float


RESOURCES: Final[Mapping[str, Resource]] = {
    KIND: Resource(API_VERSION, PLURAL),
    "ControllerRevision": Resource("apps/v1", "controllerrevisions"),
    "Deployment": Resource("apps/v1", "deployments"),
    "Event": Resource("v1", "events"),
    "Job": Resource("batch/v1", "jobs"),
    "Pod": Resource("v1", "pods"),
    "PodDisruptionBudget": Resource("policy/v1", "poddisruptionbudgets"),
    "Secret": Resource("v1", "secrets"),
    "Service": Resource("v1", "services"),
    "ServiceAccount": Resource("v1", "serviceaccounts"),
}


class Kube:
    """One connection pool to the API server.

    Every method raises NotFoundError, ForbiddenError, ConflictError, WaitingError (what else the server refuses) or
    TransientError, with the server's own words.
    """

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api

    @classmethod
    async def connect(cls) -> Self:
        """Use the pod's ServiceAccount, or outside of a cluster the file named by KUBECONFIG."""
        try:
            config.load_incluster_config()  # type: ignore[no-untyped-call]
        except config.ConfigException:
            await config.load_kube_config()  # type: ignore[no-untyped-call]
        return cls(client.ApiClient())

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()  # type: ignore[no-untyped-call]

    async def get(self, kind: str, namespace: str, name: str) -> Manifest:
        """Read one object."""
        return await self._call("GET", RESOURCES[kind].path(namespace, name))

    async def list_objects(self, kind: str, namespace: str = "", selector: str = "") -> list[Manifest]:
        """Read all objects that match a label selector, page by page; namespace empty: everywhere."""
        found: list[Manifest] = []
        async for page in self._pages(RESOURCES[kind].path(namespace), {"labelSelector": selector}, {}):
            found += [{**_type(kind), **item} for item in page["items"]]
        return found

    async def list_metadata(self, kind: str, selector: str = "") -> tuple[str, list[Manifest]]:
        """Read the metadata of all objects of a kind; also returns the list's resourceVersion."""
        found: list[Manifest] = []
        version = ""
        async for page in self._pages(RESOURCES[kind].path(), {"labelSelector": selector}, {"Accept": METADATA_ONLY}):
            # An empty list of metadata has no list at all, but null.
            found += [item["metadata"] for item in page["items"] or ()]
            version = page["metadata"]["resourceVersion"]
        return version, found

    async def probe(self, kind: str) -> None:
        """Check that a kind is served and may be listed."""
        await self._call("GET", RESOURCES[kind].path(), query={"limit": "1"})

    async def apply(self, manifest: Manifest, uid: str | None) -> Manifest:
        """Apply server-side as the owner of what the manifest holds.

        uid: of the object that was looked at; ConflictError when it is another one by now.
        """
        metadata = manifest["metadata"]
        body = {**manifest, "metadata": {**metadata, "uid": uid}} if uid else manifest
        path = RESOURCES[manifest["kind"]].path(metadata["namespace"], metadata["name"])
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        return await self._call("PATCH", path, query, body, {"Content-Type": "application/apply-patch+yaml"})

    async def delete(self, child: ObjectId, namespace: str, uid: str) -> None:
        """Delete the object of that uid; one that is gone already is well."""
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        try:
            await self._call("DELETE", RESOURCES[child.kind].path(namespace, child.name), body=body)
        except NotFoundError:
            return

    async def write_status(self, app: Manifest, status: Manifest) -> Manifest:
        """Replace the status of the AIApp that it was computed from; ConflictError when that has changed."""
        metadata = app["metadata"]
        path = RESOURCES[KIND].path(metadata["namespace"], metadata["name"], "status")
        # The view keeps a part of managedFields, and what is sent of them takes the place of what is there.
        metadata = {name: value for name, value in metadata.items() if name != "managedFields"}
        body = {**app, **_type(KIND), "metadata": metadata, "status": status}
        return await self._call("PUT", path, query={"fieldManager": FIELD_MANAGER}, body=body)

    async def create(self, manifest: Manifest) -> Manifest:
        """Create an object; ConflictError when there is one of its name."""
        path = RESOURCES[manifest["kind"]].path(manifest["metadata"]["namespace"])
        return await self._call("POST", path, query={"fieldManager": FIELD_MANAGER}, body=manifest)

    async def secret(self, namespace: str, name: str) -> Mapping[str, str]:
        """Read a Secret's decoded values; bytes that are no text are left out."""
        manifest = await self.get("Secret", namespace, name)
        return {key: text for key, data in (manifest.get("data") or {}).items() if (text := _decoded(data)) is not None}

    async def token_request(self, namespace: str, account: str, audience: str) -> ServiceAccountToken:
        """Return a new token of a ServiceAccount for one audience."""
        spec = {"audiences": [audience], "expirationSeconds": TOKEN_SECONDS}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        answer = await self._call("POST", RESOURCES["ServiceAccount"].path(namespace, account, "token"), body=body)
        try:
            # An API server may give less, or more, than it was asked for.
            return ServiceAccountToken(answer["status"]["token"], float(answer["spec"]["expirationSeconds"]))
        except (KeyError, TypeError, ValueError):
            words = f"the answer to a TokenRequest for ServiceAccount {account} has no token"
            raise TransientError(Reason.API_UNAVAILABLE, words) from None

    async def _pages(self, path: str, query: dict[str, str], headers: dict[str, str]) -> AsyncIterator[Manifest]:
        more = ""
        while True:
            page = await self._call("GET", path, {**query, "limit": str(PAGE_SIZE), "continue": more}, headers=headers)
            yield page
            more = page["metadata"].get("continue", "")
            if not more:
                return

    async def _call(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Manifest | None = None,
        headers: dict[str, str] | None = None,
    ) -> Manifest:
        parameters = urlencode({name: value for name, value in (query or {}).items() if value})
        try:
            request = await self._api.param_serialize(
                method,
                f"{path}?{parameters}" if parameters else path,
                header_params={"Accept": "application/json", "Content-Type": "application/json", **(headers or {})},
                body=body,
                auth_settings=["BearerToken"],
            )
            response = await self._api.call_api(*request, _request_timeout=TIMEOUT)
            content = await response.read()  # type: ignore[no-untyped-call]
        except (aiohttp.ClientError, OSError) as error:
            words = f"{method} {path}: {type(error).__name__}: {error}"
            raise TransientError(Reason.API_UNAVAILABLE, words) from error
        answer = _json(content)
        if not 200 <= response.status <= 299:
            raise refusal(response.status, answer, f"{method} {path}")
        return answer


def refusal(status: int, answer: Mapping[str, Any], request: str) -> OperatorError:
    """Sort what the API server answered; its message, written for people, is kept."""
    words = answer.get("message") or f"HTTP {status} to {request}"
    causes = (answer.get("details") or {}).get("causes") or ()
    if status == 404:
        return NotFoundError(Reason.REFUSED, words)
    # An apply that names the uid of an object that was replaced meanwhile would change an immutable field.
    if status == 409 or (status == 422 and any(cause.get("field") == "metadata.uid" for cause in causes)):
        return ConflictError(Reason.CONFLICT, words)
    if status == 403:
        reason = Reason.QUOTA_EXCEEDED if "exceeded quota" in words else Reason.REFUSED
        return ForbiddenError(reason, words)
    # 401: the projected token was just replaced. 410: the list's pages expired.
    if status in {401, 408, 410, 429} or status >= 500:
        return TransientError(Reason.API_UNAVAILABLE, words)
    return WaitingError(Reason.REFUSED, words)


def _type(kind: str) -> Manifest:
    return {"apiVersion": RESOURCES[kind].api_version, "kind": kind}


def _json(content: bytes) -> Manifest:
    try:
        answer = json.loads(content)
    except ValueError:  # a proxy's page, or a body that was cut
        return {}
    return answer if isinstance(answer, dict) else {}


def _decoded(data: str) -> str | None:
    try:
        return base64.b64decode(data).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
