"""What is sent to an API server and how its answers are sorted; a server on loopback that records, a stand-in."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio import client

from aiapp_operator import kube as kube_module
from aiapp_operator.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    OperatorError,
    Reason,
    TransientError,
    WaitingError,
)
from aiapp_operator.kube import PAGE_SIZE, RESOURCES, Kube, refusal
from aiapp_operator.state import ObjectId


@dataclass
class Server:
    """Answers with `answers` in turn, the last for ever."""

    answers: list[Any] = field(default_factory=lambda: [{}])
    seen: list[tuple[str, str, dict[str, str], Any, str]] = field(default_factory=list)
    silent: bool = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.silent:
            await asyncio.Event().wait()
        text = await request.text()
        kind = request.headers.get("Content-Type", "")
        self.seen.append((request.method, request.path, dict(request.query), json.loads(text) if text else None, kind))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)


@pytest.fixture
async def api() -> AsyncIterator[tuple[Kube, Server]]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    listening = TestServer(app)
    await listening.start_server()
    configuration = client.Configuration(host=f"http://127.0.0.1:{listening.port}")
    kube = Kube(client.ApiClient(configuration))
    yield kube, server
    await kube.close()
    await listening.close()


CHILD = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "digits", "namespace": "vision"}}


async def test_apply_is_server_side_forced_and_bound_to_the_object_that_was_seen(api: tuple[Kube, Server]) -> None:
    kube, server = api
    await kube.apply(CHILD, "u1")
    method, path, query, body, kind = server.seen[0]
    assert (method, path, kind) == (
        "PATCH",
        "/api/v1/namespaces/vision/services/digits",
        "application/apply-patch+yaml",
    )
    assert query == {"fieldManager": "aiapp-operator", "force": "true"}
    assert body["metadata"] == {"name": "digits", "namespace": "vision", "uid": "u1"}
    await kube.apply(CHILD, None)
    assert server.seen[1][3] == CHILD


async def test_delete_is_bound_to_the_uid_and_content_with_nothing_there(api: tuple[Kube, Server]) -> None:
    kube, server = api
    server.answers = [web.json_response({"message": "gone"}, status=404)]
    await kube.delete(ObjectId("Deployment", "digits"), "vision", "u1")
    method, path, _, body, _ = server.seen[0]
    assert (method, path) == ("DELETE", "/apis/apps/v1/namespaces/vision/deployments/digits")
    assert body["preconditions"] == {"uid": "u1"}
    assert body["propagationPolicy"] == "Background"  # a Job's pods go with it


async def test_status_replaces_what_it_was_computed_from(api: tuple[Kube, Server]) -> None:
    kube, server = api
    app = {
        "metadata": {"name": "digits", "namespace": "vision", "resourceVersion": "7", "managedFields": [{}]},
        "spec": {},
        "status": {"a": 1},
    }
    await kube.write_status(app, {"b": 2})
    method, path, _, body, _ = server.seen[0]
    assert (method, path) == ("PUT", "/apis/aiapp.dev/v1alpha1/namespaces/vision/aiapps/digits/status")
    assert body["metadata"]["resourceVersion"] == "7"
    assert "managedFields" not in body["metadata"]  # it would take the place of what is there
    assert body["status"] == {"b": 2}


async def test_lists_are_read_page_by_page_and_items_know_their_kind(api: tuple[Kube, Server]) -> None:
    kube, server = api
    pages = [{"metadata": {"continue": "next"}, "items": [{"a": 1}]}, {"metadata": {}, "items": [{"a": 2}]}]
    server.answers = [*pages]
    found = await kube.list_objects("ControllerRevision", "vision", "x=y")
    assert found == [{"apiVersion": "apps/v1", "kind": "ControllerRevision", "a": n} for n in (1, 2)]
    queries = [query for _, _, query, _, _ in server.seen]
    assert queries[0] == {"labelSelector": "x=y", "limit": str(PAGE_SIZE)}
    assert queries[1]["continue"] == "next"


async def test_metadata_of_nothing_is_an_empty_list(api: tuple[Kube, Server]) -> None:
    kube, server = api
    server.answers = [{"kind": "PartialObjectMetadataList", "metadata": {"resourceVersion": "7"}, "items": None}]
    assert await kube.list_metadata("PodDisruptionBudget") == ("7", [])


async def test_a_secret_is_decoded_and_binary_values_are_left_out(api: tuple[Kube, Server]) -> None:
    kube, server = api
    text, binary = base64.b64encode(b"hunter2").decode(), base64.b64encode(b"\xff\xfe").decode()
    server.answers = [{"data": {"password": text, "keystore": binary}}]
    assert await kube.secret("vision", "acr") == {"password": "hunter2"}


@pytest.mark.parametrize(
    ("status", "message", "kind", "reason"),
    [
        (400, "bad", WaitingError, Reason.REFUSED),
        (401, "token expired", TransientError, Reason.API_UNAVAILABLE),
        (403, "denied by policy", ForbiddenError, Reason.REFUSED),
        (403, "exceeded quota: compute", ForbiddenError, Reason.QUOTA_EXCEEDED),
        (404, "not found", NotFoundError, Reason.REFUSED),
        (409, "modified", ConflictError, Reason.CONFLICT),
        (410, "too old", TransientError, Reason.API_UNAVAILABLE),
        (422, "is invalid", WaitingError, Reason.REFUSED),
        (429, "slow down", TransientError, Reason.API_UNAVAILABLE),
        (500, "failed calling webhook", TransientError, Reason.API_UNAVAILABLE),
        (503, "etcd", TransientError, Reason.API_UNAVAILABLE),
    ],
)
async def test_answers_are_sorted_and_keep_the_servers_words(
    api: tuple[Kube, Server], status: int, message: str, kind: type[OperatorError], reason: Reason
) -> None:
    kube, server = api
    server.answers = [web.json_response({"kind": "Status", "message": message}, status=status)]
    with pytest.raises(kind) as caught:
        await kube.get("Service", "vision", "digits")
    assert type(caught.value) is kind
    assert (caught.value.reason, caught.value.message) == (reason, message)


def test_an_object_that_was_replaced_meanwhile_is_a_conflict() -> None:
    status = {"message": "metadata.uid: field is immutable", "details": {"causes": [{"field": "metadata.uid"}]}}
    assert isinstance(refusal(422, status, "PATCH x"), ConflictError)


async def test_an_answer_that_is_no_json_is_sorted_by_its_status(api: tuple[Kube, Server]) -> None:
    kube, server = api
    server.answers = [web.Response(status=502, text="<html>Bad gateway</html>")]
    with pytest.raises(TransientError, match="HTTP 502 to GET /api/v1/namespaces/vision/services/digits"):
        await kube.get("Service", "vision", "digits")


async def test_nobody_listening_is_transient() -> None:
    kube = Kube(client.ApiClient(client.Configuration(host="http://127.0.0.1:1")))
    with pytest.raises(TransientError) as caught:
        await kube.get("Service", "vision", "digits")
    await kube.close()
    assert caught.value.reason == Reason.API_UNAVAILABLE


async def test_a_server_that_never_answers_is_given_up(
    api: tuple[Kube, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    kube, server = api
    server.silent = True
    monkeypatch.setattr(kube_module, "TIMEOUT", aiohttp.ClientTimeout(total=0.05))
    with pytest.raises(TransientError):
        await kube.get("Service", "vision", "digits")


def test_paths_of_kinds_with_and_without_a_group() -> None:
    assert RESOURCES["Pod"].path() == "/api/v1/pods"
    assert RESOURCES["AIApp"].path("ns", "a", "status") == "/apis/aiapp.dev/v1alpha1/namespaces/ns/aiapps/a/status"


async def test_a_token_is_asked_for_one_audience_and_is_never_shown(api: tuple[Kube, Server]) -> None:
    kube, server = api
    server.answers = [{"spec": {"expirationSeconds": 1800}, "status": {"token": "hunter2"}}, {}]
    token = await kube.token_request("vision", "digits", "api://x")
    assert (token.token, token.seconds) == ("hunter2", 1800)
    assert "hunter2" not in repr(token)
    method, path, _, body, _ = server.seen[0]
    assert (method, path) == ("POST", "/api/v1/namespaces/vision/serviceaccounts/digits/token")
    assert body["spec"] == {"audiences": ["api://x"], "expirationSeconds": 3600}
    with pytest.raises(TransientError, match="has no token"):
        await kube.token_request("vision", "digits", "api://x")


@pytest.mark.parametrize("name", ["../../other/secrets/key", "..", "a/b", "a?b", "a%2fb", "a#b", ".", "a "])
async def test_a_name_leads_to_no_other_object(api: tuple[Kube, Server], name: str) -> None:
    kube, server = api
    with pytest.raises(WaitingError, match="is no name"):
        await kube.secret("ml", name)
    with pytest.raises(WaitingError, match="is no name"):
        await kube.token_request("ml", name, "api://AzureADTokenExchange")
    assert server.seen == []
