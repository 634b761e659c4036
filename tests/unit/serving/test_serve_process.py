"""aiapp-serve as the process that kubelet and people start and stop."""

import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aiapp_serving import __main__ as program
from aiapp_serving.server import LINGER_SECONDS
from stand_ins.app_process import AppProcess, Traffic, app_process

ECHO = """
import time

def run(input):
    if isinstance(input, dict):
        time.sleep(input["seconds"])
    return input
"""
LOADS_WHEN_TOLD = """
import os, time

def init():
    while not os.path.exists("go"):
        time.sleep(0.01)

def run(input):
    return input
"""


class SlowRequest:
    """One request that takes some seconds, sent from its own thread."""

    def __init__(self, app: AppProcess, seconds: float) -> None:
        self.status = 0
        self.error = ""
        self._connection = app.connection()
        self._body = json.dumps({"input": {"seconds": seconds}})
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._connection.request("POST", "/score", self._body, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            answer.read()
            self.status = answer.status
        except (OSError, http.client.HTTPException) as error:
            self.error = repr(error)
        finally:
            self._connection.close()


def test_sigterm_loses_no_request(tmp_path: Path) -> None:
    """50 requests a second; new connections reach the old server for a second more, as while endpoints are updated."""
    with (
        app_process(tmp_path / "old", ECHO, AIAPP_REVISION="1") as old,
        app_process(tmp_path / "new", ECHO, AIAPP_REVISION="2") as new,
    ):
        old.wait_until_it_answers("/version", 200)
        new.wait_until_it_answers("/version", 200)
        target = old.port
        traffic = Traffic(lambda: target)
        with traffic.flowing(clients=8, per_second=50):
            wait_until(lambda: len(traffic.answers) > 50)
            in_flight = SlowRequest(old, LINGER_SECONDS + 3)  # longer than the linger
            wait_until(lambda: len(traffic.answers) > 75)
            old.process.send_signal(signal.SIGTERM)
            before = len(traffic.answers)
            wait_until(lambda: len(traffic.answers) > before + 50)
            late = SlowRequest(old, 3)
            target = new.port
            status = old.process.wait(timeout=40)
            wait_until(lambda: len(traffic.answers) > before + 150)
        for request in (in_flight, late):
            request.thread.join()
            assert (request.status, request.error) == (200, "")
    assert traffic.failures == []
    assert status == 0
    assert {revision for revision, _ in traffic.answers} == {"1", "2"}
    closed = [connection for revision, connection in traffic.answers[before + 8 :] if revision == "1"]
    assert closed
    assert set(closed) == {"close"}
    assert not any(connection for revision, connection in traffic.answers if revision == "2")


def wait_until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_is_ready_only_when_the_model_is_loaded(tmp_path: Path) -> None:
    with app_process(tmp_path, LOADS_WHEN_TOLD) as app:
        app.wait_until_it_answers("/version", 503)
        assert app.get("/")[0] == 200
        (tmp_path / "go").touch()
        app.wait_until_it_answers("/version", 200)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "def init():\n    raise RuntimeError('the model has 4 columns')\ndef run(input): ...",
            "the model has 4 columns",
        ),
        ("def init():\n    raise SystemExit(0)\ndef run(input): ...", "init() raised SystemExit"),
        ("def run(): ...", "must take one argument"),
    ],
)
def test_an_app_that_cannot_load_ends_with_the_reason_in_its_log(tmp_path: Path, script: str, words: str) -> None:
    with app_process(tmp_path, script) as app:
        assert app.process.wait(timeout=30) == 1
        lines = [json.loads(line) for line in app.log.read_text().splitlines()]
    critical = [line for line in lines if line["level"] == "CRITICAL"]
    assert len(critical) == 1
    assert words in critical[0]["message"]


def test_sigterm_while_loading_and_ctrl_c_end_it(tmp_path: Path) -> None:
    with app_process(tmp_path / "loading", LOADS_WHEN_TOLD) as app:
        app.wait_until_it_answers("/version", 503)
        app.process.send_signal(signal.SIGTERM)
        assert app.process.wait(timeout=20) == 0
    with app_process(tmp_path / "interrupted", ECHO) as app:
        app.wait_until_it_answers("/version", 200)
        started = time.monotonic()
        app.process.send_signal(signal.SIGINT)
        assert app.process.wait(timeout=20) == 0
        assert time.monotonic() - started < LINGER_SECONDS


def test_a_killed_worker_ends_the_server(tmp_path: Path) -> None:
    """Kubelet restarts a container whose first process ended; a server without its worker would answer nothing."""
    script = "import os, signal\ndef run(input):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    with app_process(tmp_path, script) as app:
        app.wait_until_it_answers("/version", 200)
        connection = app.connection()
        connection.request("POST", "/score", '{"input": 1}', {"Content-Type": "application/json"})
        with pytest.raises((OSError, http.client.HTTPException)):
            connection.getresponse()
        connection.close()
        assert app.process.wait(timeout=20) == 1


def test_a_killed_parent_takes_its_worker_along(tmp_path: Path) -> None:
    with app_process(tmp_path, ECHO) as app:
        app.wait_until_it_answers("/version", 200)
        app.process.kill()
        wait_until(lambda: refuses_connections(app))


def refuses_connections(app: AppProcess) -> bool:
    try:
        app.get("/")
    except ConnectionRefusedError:
        return True
    except (OSError, http.client.HTTPException):  # it ended in the middle of its answer
        pass
    return False


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with app_process(tmp_path / "first", ECHO) as first:
        first.wait_until_it_answers("/version", 200)
        with app_process(tmp_path / "second", ECHO, "--port", str(first.port)) as second:
            assert second.process.wait(timeout=20) == 2
            assert f"port {first.port}" in second.log.read_text()


def test_a_body_in_chunks_is_read_whole_or_refused(tmp_path: Path) -> None:
    def sent(app: AppProcess, size: int) -> tuple[int, bytes]:
        body = json.dumps({"input": "x" * (size - len('{"input": ""}'))}).encode()
        pieces = (body[start : start + 7000] for start in range(0, len(body), 7000))
        connection = app.connection()
        headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
        connection.request("POST", "/score", pieces, headers, encode_chunked=True)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    with app_process(tmp_path, ECHO, "--max-body-bytes", "100000") as app:
        app.wait_until_it_answers("/version", 200)
        status, content = sent(app, 100_000)
        assert (status, len(content) > 99_900) == (200, True)
        for size in (100_001, 100_002, 150_000):
            assert sent(app, size)[0] == 413


def test_a_body_without_end_is_cut_off(tmp_path: Path) -> None:
    with app_process(tmp_path, ECHO, "--max-body-bytes", "100000") as app:
        app.wait_until_it_answers("/version", 200)
        connection = app.connection()
        connection.putrequest("POST", "/score")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        sent = 0
        try:
            while sent < 200_000_000:
                connection.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                sent += 65536
        except OSError:
            pass
        connection.close()
        assert sent < 200_000_000
        assert app.get("/version")[0] == 200


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        program.main(["--help"])
    text = capsys.readouterr().out
    assert caught.value.code == 0
    for words in ("def init():", "def run(input):", "InvalidInput", "curl", "AIAPP_MODEL_DIR"):
        assert words in text


@pytest.mark.parametrize(
    "arguments", [["--port", "0"], ["--port", "http"], ["--threads", "0"], ["--model", "/nowhere"], ["--nope"]]
)
def test_a_wrong_argument_is_named(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        program.parse(arguments, {})
    assert caught.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_port_that_is_no_number_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.parse(["--port", "http"], {})
    assert "argument --port: http is no whole number" in capsys.readouterr().err


def test_the_environment_gives_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIAPP_MODEL_DIR", "/mnt/models/model")
    settings = program.parse([], {"AIAPP_PORT": "9000", "AIAPP_HOST": "0.0.0.0", "AIAPP_REVISION": "7"})
    assert (settings.host, settings.port, settings.release.revision) == ("0.0.0.0", 9000, 7)
    assert settings.score == Path("/app/score.py")
    (tmp_path / "score.py").touch()
    assert program.parse([], {}).score == Path("score.py")
    program.parse(["--model", str(tmp_path)], {})
    assert os.environ["AIAPP_MODEL_DIR"] == str(tmp_path.resolve())
