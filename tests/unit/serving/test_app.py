"""What the runtime answers."""

import hashlib
import io
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from aiapp_serving import InvalidInput, admission
from aiapp_serving.logs import JsonFormatter
from aiapp_serving.settings import Release
from stand_ins.fronts import Served, Told, script, served

HEADERS = {
    "AIApp-Revision": "12",
    "AIApp-Image": "sha256:" + "a" * 64,
    "AIApp-Model": "42@sha256:" + "b" * 64,
}


def echo(value: Any) -> Any:
    return value


def score(run: Callable[[Any], object], value: object) -> Told:
    return served(script(run)).score(value)


def assert_problem(answer: Told, status: int, words: str) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert words in body["detail"]
    assert body["id"] == answer.headers["X-Request-ID"]
    assert b"Traceback" not in answer.body
    assert HEADERS.items() <= answer.headers.items()


def test_an_input_is_scored() -> None:
    answer = score(lambda value: {"twice": value * 2, "é": None}, 21)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"result": {"twice": 42, "é": None}}
    assert HEADERS.items() <= answer.headers.items()


def test_version_tells_the_release() -> None:
    assert served(script(echo)).ask("GET", "/version").json() == {
        "revision": 12,
        "image": "sha256:" + "a" * 64,
        "model": {"version": "42", "digest": "sha256:" + "b" * 64},
        "runtime": "aiapp/0.1.0",
    }


def test_outside_of_a_cluster_unknown_things_are_none() -> None:
    answer = served(script(echo), release=Release.from_env({"AIAPP_REVISION": "twelve"})).ask("GET", "/version")
    assert answer.json()["model"] == {"version": None, "digest": None}
    assert answer.json()["revision"] is None
    assert {answer.headers[name] for name in HEADERS} == {"none"}


def test_a_digest_that_nobody_knew_before_is_the_one_of_the_models_own_sums(tmp_path: Path) -> None:
    line = f"{'a' * 64}  name.txt\n"
    (tmp_path / "SHA256SUMS").write_text(line)
    release = Release.from_env({"AIAPP_MODEL_VERSION": "1", "AIAPP_MODEL_DIR": str(tmp_path)})
    assert release.headers()["AIApp-Model"] == f"1@sha256:{hashlib.sha256(line.encode()).hexdigest()}"
    (tmp_path / "SHA256SUMS").unlink()
    assert Release.from_env({"AIAPP_MODEL_DIR": str(tmp_path)}).model_digest == ""


def test_before_the_model_is_loaded_it_lives_and_is_not_ready() -> None:
    loading = served(None)
    assert (loading.ask("GET", "/").status, loading.ask("GET", "/").body) == (200, b"Healthy")
    assert loading.ask("GET", "/v2/health/live").status == 200
    for answer in (
        loading.ask("GET", "/version"),
        loading.ask("GET", "/v2/health/ready"),
        loading.score(1),
        loading.ask("POST", "/v2/models/model/infer", b"{}"),
        loading.ask("GET", "/of-the-users-app"),
    ):
        assert_problem(answer, 503, "being loaded")
        assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
def test_json_may_name_its_charset(content_type: str) -> None:
    answer = served(script(echo)).ask("POST", "/score", '{"input": "é"}'.encode(), CONTENT_TYPE=content_type)
    assert answer.json() == {"result": "é"}


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
)
def test_anything_but_json_is_415(content_type: str) -> None:
    answer = served(script(echo)).ask("POST", "/score", b'{"input": 1}', CONTENT_TYPE=content_type)
    assert_problem(answer, 415, "application/json")


def test_compressed_bodies_are_415() -> None:
    assert_problem(served(script(echo)).score(1, HTTP_CONTENT_ENCODING="gzip"), 415, "Content-Encoding")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        *(("*/*", 200), ("text/html, application/json;q=0.9", 200), ("application/*", 200), ("", 200)),
        *(("text/html", 406), ("application/json;q=0", 406), ("image/png, text/*", 406)),
    ],
)
def test_an_answer_that_is_not_accepted_is_not_made(accept: str, status: int) -> None:
    assert served(script(echo)).score(1, HTTP_ACCEPT=accept).status == status


def test_other_refusals_are_problems_too() -> None:
    app = served(script(echo))
    assert_problem(app.ask("POST", "/score", b'{"input": NaN}'), 400, "NaN")
    assert_problem(app.ask("POST", "/score", b'{"inputs": 1}'), 422, "'inputs'")
    assert_problem(app.score("x" * 1000), 413, "")
    assert_problem(app.ask("GET", "/nowhere"), 404, "")
    assert_problem(app.ask("GET", "/score"), 405, "")
    assert "POST" in app.ask("GET", "/score").headers["Allow"]
    v2 = app.ask("GET", "/v2/models/other").json()
    assert v2["error"] == v2["detail"]


@pytest.mark.parametrize(("length", "status"), [("nine", 400), ("-1", 400), ("+3", 400), ("9" * 30, 400), ("11", 400)])
def test_a_length_that_is_none_or_a_lie_is_refused(length: str, status: int) -> None:
    answer = served(script(echo)).ask("POST", "/score", b'{"input":1', CONTENT_LENGTH=length)
    assert_problem(answer, status, "")


def test_the_largest_body_allowed_is_scored() -> None:
    value = "x" * (1000 - len('{"input": ""}'))
    assert score(echo, value).status == 200
    assert score(echo, value + "x").status == 413


def test_an_invalid_input_is_the_clients_fault() -> None:
    def run(value: Any) -> object:
        raise InvalidInput(f"item 3 is no PNG: {value}")

    assert_problem(score(run, 1), 422, "item 3 is no PNG: 1")


def test_an_invalid_input_without_a_reason_is_answered_with_who_gave_none() -> None:
    def run(value: Any) -> object:
        if value == 1:
            raise InvalidInput
        return value

    assert_problem(score(run, 1), 422, "run() raises InvalidInput without a text")


@pytest.mark.parametrize(
    "failure", [ValueError, SystemExit, MemoryError, RecursionError, BaseException, KeyboardInterrupt, GeneratorExit]
)
def test_an_exception_shows_in_the_log_under_the_id_and_nowhere_else(
    failure: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def run(value: Any) -> object:
        raise failure(f"the canary {value}")

    answer = score(run, 1)
    assert_problem(answer, 500, "under this id")
    assert "canary" not in str(answer)
    record = next(record for record in caplog.records if record.exc_info)
    assert record.__dict__["id"] == answer.headers["X-Request-ID"]
    assert "the canary" in JsonFormatter().format(record)


def test_a_sane_request_id_is_kept_and_another_replaced() -> None:
    app = served(script(echo))
    assert app.ask("GET", "/", HTTP_X_REQUEST_ID="a-1.b_2").headers["X-Request-ID"] == "a-1.b_2"
    given = set()
    for hostile in ('x" onload="', "x" * 65, "a b", "é", "a\r\nSet-Cookie: b", ""):
        answer = app.ask("GET", "/nowhere", HTTP_X_REQUEST_ID=hostile)
        assert not hostile or hostile.encode() not in answer.body
        given.add(answer.headers["X-Request-ID"])
    assert {len(one) for one in given} == {32}
    assert len(given) == 6


def test_every_request_but_a_good_probe_is_one_json_line() -> None:
    app = served(script(echo))
    app.ask("GET", "/")
    app.ask("GET", "/version")
    app.score(1)
    app.ask("GET", "/\x1b[31m\n{{7*7}}\x9b")
    assert [(line["method"], line["status"]) for line in app.logged()] == [("POST", 200), ("GET", 404)]
    assert all(line.count(b"\n") == 1 and line.endswith(b"\n") for line in app.lines())
    assert not any(byte in line for line in app.lines() for byte in (b"\x1b", b"\xc2\x9b"))
    assert {"id", "path", "ms", "bytes", "time"} <= app.logged()[0].keys()


@pytest.mark.parametrize("path", ["/", "/version", "/nowhere"])
def test_while_draining_every_answer_closes_its_connection(path: str) -> None:
    assert served(script(echo), draining=True).ask("GET", path).headers["Connection"] == "close"
    assert "Connection" not in served(script(echo)).ask("GET", path).headers


def test_while_draining_a_score_closes_its_connection() -> None:
    assert served(script(echo), draining=True).score(1).headers["Connection"] == "close"


def entered(app: Served, size: int) -> None:
    app.front._calls.admission.enter(size)


def test_too_many_waiting_requests_are_refused_and_probes_still_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MAX_WAITING", 0)
    app = served(script(echo))
    entered(app, 0)
    answer = app.score(1)
    assert_problem(answer, 503, "waiting already")
    assert int(answer.headers["Retry-After"]) > 0
    assert app.ask("GET", "/version").status == 200
    app.front._calls.admission.leave(0)
    assert app.score(1).status == 200


class Unread(io.RawIOBase):
    """A body that nobody may read."""

    def readable(self) -> bool:
        return True

    def readinto(self, _: object) -> int:
        raise AssertionError("the body is read before the request is admitted")


@pytest.mark.parametrize(
    "length", [{"CONTENT_LENGTH": "900"}, {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}]
)
def test_too_many_bytes_are_refused_unread_and_probes_still_pass(length: dict[str, Any]) -> None:
    unread = {"wsgi.input": Unread(), "CONTENT_TYPE": "application/json", **length}
    app = served(script(echo))
    entered(app, admission.BODIES * 1000 - 899)
    answer = app.ask("POST", "/score", **unread)
    assert_problem(answer, 503, "waiting already")
    assert int(answer.headers["Retry-After"]) > 0
    assert app.score(1).status == 200
    assert app.ask("GET", "/version").status == 200
    app.front._calls.admission.leave(admission.BODIES * 1000 - 899)
    assert app.ask("POST", "/score", **unread).status == 500  # with room for it, it is read


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"{}", 422), (b'{"input": 1}', 200)])
def test_an_answered_request_gives_its_place_back(body: bytes, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "MAX_WAITING", 0)
    app = served(script(echo))
    for _ in range(3):
        assert app.ask("POST", "/score", body).status == status


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

    app = served(script(run), threads=2)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(app.score, range(8)))
    assert [json.loads(answer.body) for answer in answers] == [{"result": n} for n in range(8)]
    assert max(most) == 2
