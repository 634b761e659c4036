"""Chromium without a window, told what to do over its DevTools protocol."""

import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import websocket

from cluster.toolchain import ensure_debian_packages

PACKAGE = "chromium-headless-shell"
PROGRAMS = (PACKAGE, "chromium", "chromium-browser", "google-chrome")
SECONDS = 30


@dataclass
class Page:
    """One tab. `complaints`: what the browser wrote to its console, such as a broken Content-Security-Policy."""

    socket: websocket.WebSocket
    complaints: list[str] = field(default_factory=list)
    _count: int = 0

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._count += 1
        self.socket.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("method") in {"Log.entryAdded", "Runtime.exceptionThrown"}:
                self.complaints.append(json.dumps(message["params"])[:500])
            if message.get("id") == self._count:
                assert "error" not in message, message
                answer: dict[str, Any] = message["result"]
                return answer

    def open(self, address: str) -> None:
        for domain in ("Log", "Runtime", "Page"):
            self.call(f"{domain}.enable")
        self.call("Page.navigate", url=address)

    def value(self, script: str) -> Any:
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_until(self, script: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not self.value(script):
            assert time.monotonic() < deadline, (script, self.complaints, self.value("document.body.innerText"))
            time.sleep(0.02)

    def resize(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, scheme: str) -> None:
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def press(self, key: str, code: int, modifiers: int = 0) -> None:
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)


def ensure_browser() -> str:
    """Return the path of a Chromium, installed from Debian where there is none.

    Raises:
        ToolchainError: see `ensure_debian_packages`.
    """
    if not any(map(shutil.which, PROGRAMS)):
        ensure_debian_packages([PACKAGE])
    return next(path for path in map(shutil.which, PROGRAMS) if path)


@contextmanager
def browser_page(folder: Path) -> Iterator[Page]:
    """Start a browser with an empty profile in `folder`; yield its one tab."""
    command = [ensure_browser(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += ["--remote-debugging-port=0", f"--user-data-dir={folder}", "--no-first-run", "about:blank"]
    told = folder / "DevToolsActivePort"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + SECONDS
            while not (told.exists() and re.fullmatch(r"\d+\n/\S+\n?", told.read_text())):
                assert process.poll() is None
                assert time.monotonic() < deadline, "the browser does not listen"
                time.sleep(0.02)
            yield from _first_tab(int(told.read_text().split()[0]))
        finally:
            process.terminate()
            process.wait(timeout=20)


def _first_tab(port: int) -> Iterator[Page]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=SECONDS) as listing:
        tab = next(target for target in json.load(listing) if target["type"] == "page")
    socket = websocket.create_connection(tab["webSocketDebuggerUrl"], timeout=SECONDS, suppress_origin=True)
    try:
        yield Page(socket)
    finally:
        socket.close()
