"""`aiapp-serve` as a process on loopback, and clients that keep their connections."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stand_ins.azurite import free_port

READY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class AppProcess:
    """A running server; `log` is its stdout and stderr."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def get(self, path: str) -> tuple[int, dict[str, str]]:
        connection = self.connection()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            return answer.status, dict(answer.getheaders())
        finally:
            connection.close()

    def wait_until_it_answers(self, path: str, status: int) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.get(path)[0] == status:
                    return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"no {status} from {path}: {self.log.read_text()}")

    def wait_for_line(self, words: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while words not in self.log.read_text():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)


@contextmanager
def app_process(folder: Path, script: str | None, *arguments: str, **variables: str) -> Iterator[AppProcess]:
    """Serve a score.py of this text, without one the arguments' model; whatever still runs at the end is killed."""
    folder.mkdir(exist_ok=True)
    if script is not None:
        (folder / "score.py").write_text(script)
    port, log = free_port(), folder / "log"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "AIAPP_PORT": str(port), **variables}
    command = [sys.executable, "-m", "aiapp_serving", *arguments]
    with (
        log.open("w") as output,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output) as process,
    ):
        try:
            yield AppProcess(process, port, log)
        finally:
            process.send_signal(signal.SIGINT)  # ends at once, without the linger
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


@dataclass
class Traffic:
    """Clients that score in turn over kept connections, reconnecting to `target()` only when told to close.

    That is how a Service looks from outside: it picks a pod at every new connection and never within one.
    """

    target: Callable[[], int]
    failures: list[str] = field(default_factory=list)
    answers: list[tuple[str, str]] = field(default_factory=list)  # revision, Connection header
    stopped: threading.Event = field(default_factory=threading.Event)

    def run_client(self, seconds_between: float) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self.stopped.wait(seconds_between):
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self.target(), timeout=30)
            if not self._score(connection):
                connection.close()
                connection = None
        if connection:
            connection.close()

    def _score(self, connection: http.client.HTTPConnection) -> bool:
        """Send one request; tell whether the connection may be kept."""
        try:
            body = json.dumps({"input": "x" * 1000})
            connection.request("POST", "/score", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            complete = len(answer.read()) > 1000 and answer.status == 200
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(repr(error))
            return False
        if not complete:
            self.failures.append(str(answer.status))
        self.answers.append((answer.headers["AIApp-Revision"], answer.headers.get("Connection", "")))
        return not answer.will_close

    @contextmanager
    def flowing(self, clients: int, per_second: int) -> Iterator[None]:
        threads = [threading.Thread(target=self.run_client, args=(clients / per_second,)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stopped.set()
            for thread in threads:
                thread.join()
