"""What the runtime answers."""

import hashlib
import io
import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from aiapp_serving import InvalidInput
from aiapp_serving import service as service_module
from aiapp_serving.app import create_app
from aiapp_serving.engine import ModelMetadata
from aiapp_serving.logs import JsonFormatter
from aiapp_serving.run_input import Plain
from aiapp_serving.script import ScriptEngine
from aiapp_serving.service import ScoringService
from aiapp_serving.settings import Release, ServeSettings

RELEASE = Release(12, "sha256:" + "a" * 64, "42", "sha256:" + "b" * 64)
HEADERS = {
    "AIApp-Revision": "12",
    "AIApp-Image": "sha256:" + "a" * 64,
    "AIApp-Model": "42@sha256:" + "b" * 64,
}


def client(
    run: Callable[[Any], object] | None, draining: bool = False, release: Release = RELEASE, threads: int = 1
) -> FlaskClient:
    settings = ServeSettings("127.0.0.1", 8080, Path("score.py"), threads=threads, max_body_bytes=1000, release=release)
    service = ScoringService(settings)
    service.engine = ScriptEngine(run, Plain(), ModelMetadata()) if run else None
    return create_app(settings, service, lambda: draining).test_client()


def echo(value: Any) -> Any:
    return value


def score(run: Callable[[Any], object], value: object, **options: Any) -> TestResponse:
    return client(run, **options).post("/score", json={"input": value})


def assert_problem(answer: TestResponse, status: int, words: str) -> None:
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    body = json.loads(answer.data)
    assert body["status"] == status
    assert words in body["detail"]
    assert body["id"] == answer.headers["X-Request-ID"]
    assert "Traceback" not in answer.text
    for name, value in HEADERS.items():
        assert answer.headers[name] == value


def test_an_input_is_scored() -> None:
    answer = score(lambda value: {"twice": value * 2, "é": None}, 21)
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert json.loads(answer.data) == {"result": {"twice": 42, "é": None}}
    for name, value in HEADERS.items():
        assert answer.headers[name] == value


def test_version_tells_the_release() -> None:
    assert json.loads(client(echo).get("/version").data) == {
        "revision": 12,
        "image": "sha256:" + "a" * 64,
        "model": {"version": "42", "digest": "sha256:" + "b" * 64},
        "runtime": "aiapp/0.1.0",
    }


def test_outside_of_a_cluster_unknown_things_are_none() -> None:
    answer = client(echo, release=Release.from_env({"AIAPP_REVISION": "twelve"})).get("/version")
    assert json.loads(answer.data)["model"] == {"version": None, "digest": None}
    assert json.loads(answer.data)["revision"] is None
    assert {answer.headers[name] for name in HEADERS} == {"none"}


def test_a_digest_that_nobody_knew_before_is_the_one_of_the_models_own_sums(tmp_path: Path) -> None:
    line = f"{'a' * 64}  name.txt\n"
    (tmp_path / "SHA256SUMS").write_text(line)
    release = Release.from_env({"AIAPP_MODEL_VERSION": "1", "AIAPP_MODEL_DIR": str(tmp_path)})
    assert release.headers()["AIApp-Model"] == f"1@sha256:{hashlib.sha256(line.encode()).hexdigest()}"
    (tmp_path / "SHA256SUMS").unlink()
    assert Release.from_env({"AIAPP_MODEL_DIR": str(tmp_path)}).model_digest == ""


def test_before_the_model_is_loaded_it_lives_and_is_not_ready() -> None:
    loading = client(None)
    assert (loading.get("/").status_code, loading.get("/").text) == (200, "Healthy")
    for answer in (loading.get("/version"), loading.post("/score", json={"input": 1})):
        assert_problem(answer, 503, "being loaded")
        assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
def test_json_may_name_its_charset(content_type: str) -> None:
    answer = client(echo).post("/score", data='{"input": "é"}'.encode(), content_type=content_type)
    assert json.loads(answer.data) == {"result": "é"}


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
)
def test_anything_but_json_is_415(content_type: str) -> None:
    assert_problem(
        client(echo).post("/score", data=b'{"input": 1}', content_type=content_type), 415, "application/json"
    )


def test_compressed_bodies_are_415() -> None:
    answer = client(echo).post("/score", json={"input": 1}, headers={"Content-Encoding": "gzip"})
    assert_problem(answer, 415, "Content-Encoding")


def test_other_refusals_are_problems_too() -> None:
    app = client(echo)
    assert_problem(app.post("/score", data=b'{"input": NaN}', content_type="application/json"), 400, "NaN")
    assert_problem(app.post("/score", json={"inputs": 1}), 422, "'inputs'")
    assert_problem(app.post("/score", json={"input": "x" * 1000}), 413, "")
    assert_problem(app.get("/nowhere"), 404, "")
    assert_problem(app.get("/score"), 405, "")
    assert "POST" in app.get("/score").headers["Allow"]


def test_the_largest_body_allowed_is_scored() -> None:
    value = "x" * (1000 - len('{"input": ""}'))
    assert score(echo, value).status_code == 200
    assert score(echo, value + "x").status_code == 413


def test_an_invalid_input_is_the_clients_fault() -> None:
    def run(value: Any) -> object:
        raise InvalidInput(f"item 3 is no PNG: {value}")

    assert_problem(score(run, 1), 422, "item 3 is no PNG: 1")


@pytest.mark.parametrize("result", [{1, 2}, float("nan"), b"bytes", "\ud800", object()])
def test_a_result_that_json_cannot_hold_is_the_apps_fault(result: object, caplog: pytest.LogCaptureFixture) -> None:
    assert_problem(score(lambda _: result, 1), 500, "under this id")
    assert "run() returned what JSON cannot hold" in caplog.text


def test_an_exception_shows_in_the_log_under_the_id_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    def run(value: Any) -> object:
        raise ValueError(f"the canary {value}")

    answer = score(run, 1)
    assert_problem(answer, 500, "under this id")
    assert "canary" not in answer.text + str(answer.headers)
    record = next(record for record in caplog.records if record.exc_info)
    assert record.__dict__["id"] == answer.headers["X-Request-ID"]
    assert "the canary" in JsonFormatter().format(record)


def test_a_sane_request_id_is_kept_and_another_replaced() -> None:
    app = client(echo)
    assert app.get("/", headers={"X-Request-ID": "a-1.b_2"}).headers["X-Request-ID"] == "a-1.b_2"
    for hostile in ('x" onload="', "x" * 65, "a b", "é"):
        answer = app.get("/nowhere", headers={"X-Request-ID": hostile})
        assert hostile not in answer.text
        assert len(answer.headers["X-Request-ID"]) == 32


def test_every_request_but_a_good_probe_is_one_json_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    app = client(echo)
    app.get("/")
    app.get("/version")
    app.post("/score", json={"input": 1})
    app.get("/\x1b[31m\n{{7*7}}")
    lines = [JsonFormatter().format(record) for record in caplog.records]
    logged = [json.loads(line) for line in lines]
    assert [(line["method"], line["status"]) for line in logged] == [("POST", 200), ("GET", 404)]
    assert not any("\n" in line or "\x1b" in line for line in lines)
    assert {"id", "path", "ms", "bytes", "time"} <= logged[0].keys()


@pytest.mark.parametrize("path", ["/", "/version", "/nowhere"])
def test_while_draining_every_answer_closes_its_connection(path: str) -> None:
    assert client(echo, draining=True).get(path).headers["Connection"] == "close"
    assert "Connection" not in client(echo, draining=False).get(path).headers


def test_too_many_waiting_requests_are_refused_and_probes_still_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service_module, "MAX_WAITING", 0)
    app = client(echo)
    with app.application.extensions["aiapp"][1].admitted(0):
        answer = app.post("/score", json={"input": 1})
        assert_problem(answer, 503, "waiting already")
        assert int(answer.headers["Retry-After"]) > 0
        assert app.get("/version").status_code == 200
    assert app.post("/score", json={"input": 1}).status_code == 200


class Unread(io.RawIOBase):
    """A body that nobody may read."""

    def readable(self) -> bool:
        return True

    def readinto(self, _: object) -> int:
        raise AssertionError("the body is read before the request is admitted")


@pytest.mark.parametrize(
    "length", [{"CONTENT_LENGTH": "900"}, {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}]
)
def test_too_many_bytes_are_refused_unread_and_probes_still_pass(
    length: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    unread = {"wsgi.input": Unread(), "CONTENT_TYPE": "application/json", **length}
    monkeypatch.setattr(service_module, "MAX_ADMITTED_BYTES", 1000)
    app = client(echo)
    with app.application.extensions["aiapp"][1].admitted(101):
        answer = app.post("/score", environ_overrides=unread)
        assert_problem(answer, 503, "waiting already")
        assert int(answer.headers["Retry-After"]) > 0
        assert app.post("/score", json={"input": 1}).status_code == 200
        assert app.get("/version").status_code == 200
    assert app.post("/score", environ_overrides=unread).status_code == 500  # with room for it, it is read


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"{}", 422), (b'{"input": 1}', 200)])
def test_an_answered_request_gives_its_place_back(body: bytes, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_module, "MAX_WAITING", 0)
    monkeypatch.setattr(service_module, "MAX_ADMITTED_BYTES", len(body))
    app = client(echo)
    for _ in range(3):
        assert app.post("/score", data=body, content_type="application/json").status_code == status


def test_the_largest_body_allowed_finds_room() -> None:
    assert ServeSettings("", 0, Path("score.py")).max_body_bytes <= service_module.MAX_ADMITTED_BYTES


def test_as_many_are_scored_at_a_time_as_was_said_and_the_others_wait() -> None:
    running: list[int] = []
    most: list[int] = []
    pair = threading.Barrier(2)

    def run(value: Any) -> object:
        running.append(value)
        most.append(len(running))
        pair.wait(20)  # two must be inside at once to go on
        running.remove(value)
        return value

    flask = client(run, threads=2).application
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: flask.test_client().post("/score", json={"input": n}), range(8)))
    assert [json.loads(answer.data) for answer in answers] == [{"result": n} for n in range(8)]
    assert max(most) == 2
