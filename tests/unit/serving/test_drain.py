"""Between SIGTERM and its end the server still answers: load balancers need a while to forget it."""

import signal
import time
from pathlib import Path

from aiapp_serving.server import LINGER_SECONDS
from stand_ins.app_process import app_process

ECHO = "def run(input):\n    return input\n"


def test_new_connections_are_answered_for_a_while_after_sigterm(tmp_path: Path) -> None:
    with app_process(tmp_path, ECHO) as app:
        app.wait_until_it_answers("/version", 200)
        app.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + LINGER_SECONDS * 0.7
        answers = 0
        while time.monotonic() < deadline:
            assert app.get("/version")[0] == 200
            answers += 1
        assert answers > 1
        assert app.process.wait(timeout=30) == 0
