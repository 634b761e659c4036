"""The gate against real HTTP servers that behave, misbehave and do nothing."""

import json
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from aiapp_serving.gate import runner
from aiapp_serving.gate.calls import Endpoint
from aiapp_serving.gate.outcome import Reason, Result
from aiapp_serving.gate.runner import GateSettings, run
from aiapp_serving.gate.versions import Expected
from stand_ins.azurite import free_port
from stand_ins.gated import SEVEN, gate, scorer
from stand_ins.scripted_app import Reply, Script, scripted_app

IMAGE, MODEL = f"sha256:{'1a' * 32}", f"sha256:{'2b' * 32}"


def misbehaving(reply: Reply) -> Script:
    """Ready at once; every score is as told."""
    return lambda path, _: reply if path == "/score" else Reply()


def test_a_good_app_passes(golden: Path) -> None:
    with scripted_app(scorer({"result": 7})) as app:
        outcome = gate(app, golden, SEVEN, {"request": {"path": "/", "method": "GET"}})
    assert (outcome.result, outcome.reason) == (Result.PASSED, Reason.NONE)
    assert outcome.message.startswith("2 of 2 cases passed in ")
    scored = [asked for asked in app.asked if asked[1] == "/score"]
    assert scored == [("POST", "/score", b'{"input": 7}', "application/json")] * 3
    assert ("GET", "/", b"", "") in app.asked


def test_an_app_of_another_kind_needs_no_version_document(golden: Path) -> None:
    def plain(path: str, _: bytes) -> Reply:
        return Reply(body=b"<html>up</html>") if path == "/health" else Reply(404 if path == "/version" else 200)

    with scripted_app(plain) as app:
        outcome = gate(app, golden, {}, ready_path="/health", expected=Expected(IMAGE, "42", MODEL))
    assert (outcome.result, outcome.app) == (Result.PASSED, None)


def test_without_cases_readiness_is_what_is_proved(golden: Path) -> None:
    with scripted_app(scorer({})) as app:
        outcome = gate(app, golden)
    assert outcome.result is Result.PASSED
    assert "there are no golden cases" in outcome.message


def test_what_is_not_ready_yet_is_waited_for(golden: Path) -> None:
    asked = count()
    with scripted_app(lambda *_: Reply(503 if next(asked) < 5 else 200)) as app:
        assert gate(app, golden).result is Result.PASSED


def test_an_app_that_does_not_listen_yet_is_waited_for(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection is no failure: the app's process may not have come so far."""
    monkeypatch.setattr(runner, "LINE_SECONDS", 0.0)
    port, said = free_port(), list[str]()
    settings = GateSettings(Endpoint(f"http://127.0.0.1:{port}"), (), frozenset(), golden, "/version", timeout=20.0)
    with ExitStack() as stack:

        def start_when_waited_for(line: str) -> None:
            if "still waiting" in line and not said:
                stack.enter_context(scripted_app(scorer({}), port))
                said.append(line)

        outcome = run(settings, start_when_waited_for)
    assert outcome.result is Result.PASSED
    assert "nothing listens there" in said[0]


NEVER_READY: dict[str, tuple[Reply, str]] = {
    "hangs": (Reply(hangs=True), "no whole answer within"),
    "trickles": (Reply(body=b"x", endless=True), "no whole answer within"),
    "loads for ever": (Reply(503), "it answers 503"),
    "redirects": (Reply(302, headers=(("Location", "/other"),)), "redirects are not followed"),
    "speaks no HTTP": (Reply(raw=b"\x00\x01\x02 hello\r\n\r\n"), "is no HTTP"),
    "hangs up": (Reply(raw=b""), "closed the connection"),
}


@pytest.mark.parametrize(("reply", "said"), NEVER_READY.values(), ids=NEVER_READY.keys())
def test_an_app_that_never_gets_ready_fails_in_time(golden: Path, reply: Reply, said: str) -> None:
    with scripted_app(lambda *_: reply) as app:
        outcome = gate(app, golden, SEVEN, timeout=0.4)
    assert (outcome.result, outcome.reason) == (Result.FAILED, Reason.NEVER_READY)
    assert said in outcome.message
    assert 0.4 <= outcome.seconds < 5
    assert set(app.paths()) <= {"/version"}  # the redirect's target was not asked


WRONG: dict[str, tuple[Reply, Reason, str]] = {
    "another label": (Reply(body=b'{"result": 8}'), Reason.CASE_FAILED, '$.result is 8, expected "7"'),
    "an error": (Reply(500, b"Traceback"), Reason.CASE_FAILED, "answered 500, expected 200: Traceback"),
    "a redirect": (Reply(307, b"", (("Location", "/elsewhere"),)), Reason.CASE_FAILED, "answered 307, expected 200"),
    "no JSON": (Reply(body=b"<html>"), Reason.CASE_FAILED, "the answer is no JSON"),
    "half an answer": (Reply(body=b"{", short_of=9), Reason.CASE_FAILED, "closed the connection before"),
    "a crash": (Reply(raw=b""), Reason.CASE_FAILED, "closed the connection before"),
    "too much": (Reply(body=b" " * 1_100_000), Reason.ANSWER_TOO_LARGE, "larger than 1 MiB"),
    "much without end": (Reply(body=b" " * 100_000, endless=True), Reason.ANSWER_TOO_LARGE, "larger than 1 MiB"),
}


@pytest.mark.parametrize(("reply", "reason", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_case_fails_with_what_was_answered(golden: Path, reply: Reply, reason: Reason, said: str) -> None:
    with scripted_app(misbehaving(reply)) as app:
        outcome = gate(app, golden, {"name": "fine", "request": {"path": "/"}}, SEVEN)
    assert (outcome.result, outcome.reason) == (Result.FAILED, reason)
    assert outcome.message.startswith("1 of 2 cases failed: a-seven (model): ")
    assert said in outcome.message
    assert "/elsewhere" not in app.paths()


@pytest.mark.parametrize("reply", [Reply(hangs=True), Reply(body=b" ", endless=True)], ids=["hangs", "trickles"])
def test_an_answer_that_does_not_come_costs_a_case_its_time_once(
    golden: Path, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    monkeypatch.setattr(runner, "REQUEST_SECONDS", 0.3)
    with scripted_app(misbehaving(reply)) as app:
        outcome = gate(app, golden, SEVEN)
    assert "no whole answer within 0.3 s" in outcome.message
    assert app.paths().count("/score") == 1


def test_the_gates_own_time_ends_it(golden: Path) -> None:
    with scripted_app(misbehaving(Reply(hangs=True))) as app:
        outcome = gate(app, golden, *[{**SEVEN, "name": f"case-{i}"} for i in range(20)], timeout=4.0)
    assert outcome.reason is Reason.CASE_FAILED
    assert outcome.seconds < 60  # and not as long as 20 cases that hang take
    assert "the gate's time was over" in outcome.cases[-1].message


def test_an_answer_that_comes_and_goes_is_flapping(golden: Path) -> None:
    asked = count()

    def flapping(path: str, _: bytes) -> Reply:
        return Reply(500 if path == "/score" and next(asked) == 1 else 200, b'{"result": 7}')

    with scripted_app(flapping) as app:
        outcome = gate(app, golden, SEVEN)
    assert (outcome.result, outcome.reason) == (Result.FAILED, Reason.FLAPPING)
    assert "right 2 of 3 times, else: answered 500" in outcome.message


def test_the_median_of_the_times_is_judged(golden: Path) -> None:
    def slow(path: str, _: bytes) -> Reply:
        return Reply(seconds=0.05 if path == "/slow" else 0.0)

    once = count()

    def slow_once(path: str, _: bytes) -> Reply:
        return Reply(seconds=0.3 if path == "/score" and next(once) == 0 else 0.0)

    with scripted_app(slow) as app:
        outcome = gate(app, golden, {"request": {"path": "/slow"}, "expect": {"maxLatency": "20ms"}})
    assert outcome.reason is Reason.CASE_FAILED
    assert "the median of 3; at most 20 ms was expected" in outcome.message
    with scripted_app(slow_once) as app:
        assert gate(app, golden, {"expect": {"maxLatency": "250ms"}}).result is Result.PASSED


def version(image: str | None, model_version: str | None, digest: str | None) -> Reply:
    model = {"version": model_version, "digest": digest}
    document = {"revision": 1, "image": image, "model": model, "runtime": "aiapp/0.1.0"}
    return Reply(body=json.dumps(document).encode())


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (version(f"sha256:{'9' * 64}", "42", MODEL), "its image is sha256:999"),
        (version(IMAGE, "41", MODEL), "its model version is 41, expected 42"),
        (version(IMAGE, "42", "sha256:0"), "its model is sha256:0, expected sha256:2b"),
        (version(IMAGE, "42", MODEL), ""),
        (version(None, None, None), ""),
        (Reply(body=b'{"image": "sha256:0", "model": "sha256:0", "runtime": "other/1"}'), ""),
        (Reply(body=b"not ours"), ""),
        (Reply(404), ""),
        (Reply(hangs=True), ""),
    ],
)
def test_an_app_that_names_another_release_is_the_wrong_version(
    golden: Path, monkeypatch: pytest.MonkeyPatch, reply: Reply, said: str
) -> None:
    monkeypatch.setattr(runner, "PROBE_SECONDS", 1.0)
    expected = Expected(IMAGE, "42", MODEL)
    with scripted_app(lambda path, _: reply if path == "/version" else Reply()) as app:
        outcome = gate(app, golden, {}, ready_path="/ready", expected=expected)
    assert outcome.reason is (Reason.WRONG_VERSION if said else Reason.NONE)
    assert said in outcome.message
    assert ("/score" in app.paths()) is not bool(said)


def test_cases_that_cannot_be_used_fail_before_anything_is_asked(golden: Path) -> None:
    with scripted_app(scorer({})) as app:
        outcome = gate(app, golden, {"expect": {"jsonPaht": "$"}})
    assert (outcome.result, outcome.reason) == (Result.FAILED, Reason.CASES_INVALID)
    assert "golden/cases.json" in outcome.message
    assert app.asked == []


def test_a_body_that_is_not_there_proves_nothing(tmp_path: Path) -> None:
    spec = tmp_path / "cases.json"
    spec.write_text('[{"name": "far", "request": {"bodyFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}}]')
    settings = GateSettings(Endpoint("http://127.0.0.1:1"), (spec,), frozenset(), tmp_path, "/version", 1.0)
    outcome = run(settings, say=lambda _: None)
    assert (outcome.result, outcome.reason) == (Result.INCONCLUSIVE, Reason.CASES_MISSING)


def test_a_proxy_of_the_environment_is_not_asked(golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted_app(scorer({"result": 7})) as app, scripted_app(scorer({})) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert gate(app, golden, SEVEN).result is Result.PASSED
    assert proxy.asked == []


@pytest.mark.parametrize("url", ["digits", "ftp://a", "http://", "http://user:pw@host", "http://a?b=c", "http://a#b"])
def test_what_is_no_address_is_refused_without_repeating_a_login(url: str) -> None:
    with pytest.raises(ValueError, match="write http://HOST:PORT") as caught:
        Endpoint(url)
    assert "pw" not in str(caught.value)
