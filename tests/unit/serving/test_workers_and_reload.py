"""Several workers with one model, and the server of a laptop that starts anew: as processes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from aiapp_serving.memory import memory_limit, out_of_memory, too_large
from stand_ins.app_process import AppProcess, app_process
from stand_ins.azurite import free_port

WHO = """
import os, time
LOADED_BY = os.getpid()

def run(input):
    time.sleep(input)
    return [LOADED_BY, os.getpid()]
"""
KILLS = "import os, signal\ndef run(input):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
WSGI = "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'mine']\n"


def score(app: AppProcess, value: object = 0) -> Any:
    connection = app.connection()
    try:
        connection.request("POST", "/score", json.dumps({"input": value}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200
        return json.loads(answer.read())["result"]
    finally:
        connection.close()


def test_workers_share_what_was_loaded_once(tmp_path: Path) -> None:
    with app_process(tmp_path, WHO, "--workers", "3") as app:
        app.wait_until_it_answers("/version", 200)
        seen = {tuple(score(app)) for _ in range(200)}
        assert {loaded_by for loaded_by, _ in seen} == {app.process.pid}
        assert len({answered_by for _, answered_by in seen}) == 3
        app.process.send_signal(signal.SIGTERM)
        assert score(app, 0.1)
        assert app.process.wait(timeout=30) == 0


def test_a_killed_worker_ends_all_of_them(tmp_path: Path) -> None:
    """Kubelet then starts the container anew, and its status tells; a silent replacement would hide it."""
    with app_process(tmp_path, KILLS, "--workers", "2") as app:
        app.wait_until_it_answers("/version", 200)
        with pytest.raises((OSError, AssertionError, json.JSONDecodeError)):
            score(app)
        # One that has only begun may not hear that it shall end; it is killed when the drain's 40 s are over.
        assert app.process.wait(timeout=90) == 1
        assert "a worker was ended by SIGKILL" in app.log.read_text()


def test_sigterm_ends_a_server_of_several_workers_while_it_loads(tmp_path: Path) -> None:
    script = "import time\ndef init():\n    print('begun', flush=True)\n    time.sleep(60)\ndef run(input): ..."
    with app_process(tmp_path, script, "--workers", "2") as app:
        app.wait_for_line("begun")
        app.process.send_signal(signal.SIGTERM)
        assert app.process.wait(timeout=10) == 0


def test_a_wsgi_app_of_the_users_answers(tmp_path: Path) -> None:
    with app_process(tmp_path, WSGI) as app:
        app.wait_until_it_answers("/version", 200)
        connection = app.connection()
        connection.request("GET", "/anything")
        assert connection.getresponse().read() == b"mine"
        connection.close()


def test_a_model_of_a_known_format_serves_itself(tmp_path: Path) -> None:
    rows = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "negative", [rows], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (tmp_path / "model").mkdir()
    onnx.save(model, tmp_path / "model" / "any.name")
    port = free_port()
    command = [sys.executable, "-m", "aiapp_serving", "--model", "model", "--workers", "2", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log) as process,
    ):
        app = AppProcess(process, port, tmp_path / "log")
        try:
            app.wait_until_it_answers("/version", 200)
            assert score(app, [[1, 2], [3, 4]]) == [[-1, -2], [-3, -4]]
        finally:
            process.send_signal(signal.SIGINT)


def test_nothing_to_serve_names_both_fixes(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "AIAPP_MODEL_DIR": ""}
    command = [sys.executable, "-m", "aiapp_serving", "--port", str(free_port())]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 1
    assert "Add a score.py to the image, or name a model" in result.stdout


def test_a_change_starts_it_anew_and_a_broken_script_waits_for_the_next(tmp_path: Path) -> None:
    with app_process(tmp_path, "def run(input): return 1\n", "--reload") as app:
        app.wait_until_it_answers("/version", 200)
        assert score(app) == 1
        (tmp_path / "notes.txt").touch()  # no code
        (tmp_path / "score.py").write_text("def run(input): return (")
        app.wait_for_line("changed: score.py; starting anew")
        app.wait_for_line("the app ended with status 1")
        assert "SyntaxError" in app.log.read_text()
        (tmp_path / "score.py").write_text("def run(input): return 2\n")
        app.wait_until_it_answers("/version", 200)
        assert score(app) == 2
        assert "notes.txt" not in app.log.read_text()


def test_reload_without_its_package_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "watchfiles.py").write_text("raise ImportError")
    (tmp_path / "score.py").write_text(WHO)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, "-m", "aiapp_serving", "--reload"]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, "aiapp[laptop]" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "limit"), [("max", None), ("104857600", 104857600), ("9223372036854771712", None), (None, None)]
)
def test_the_memory_limit_is_read(tmp_path: Path, text: str | None, limit: int | None) -> None:
    file = tmp_path / "memory.max"
    if text is not None:
        file.write_text(text + "\n")
    assert memory_limit((file,)) == limit


def test_a_model_that_cannot_fit_is_told_with_the_fix() -> None:
    size = 300 * 1024 * 1024
    assert too_large(size, None) == too_large(size, size + 1) == ""
    words = "have 300 MiB, the container may use 200 MiB: raise resources.limits.memory"
    assert words in too_large(size, 200 * 1024 * 1024)
    assert "300 MiB, it may use 200 MiB: raise" in out_of_memory(size, 200 * 1024 * 1024)


def test_loading_that_runs_out_of_memory_says_so(tmp_path: Path) -> None:
    with app_process(tmp_path, "def init():\n    raise MemoryError\ndef run(input): ...") as app:
        assert app.process.wait(timeout=30) == 1
        assert "raise resources.limits.memory" in app.log.read_text()


def test_fetch_and_the_command_line_stay_light() -> None:
    """Fetch runs in a small container of its own; --help answers at once."""
    heavy = {"numpy", "onnxruntime", "flask", "granian", "pydantic"}
    for module in ("aiapp_serving.fetch", "aiapp_serving.__main__"):
        code = f"import sys, {module}; print(*(set(sys.modules) & {heavy!r}))"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        result = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert result.stdout.strip() == ""
