"""The page at /docs in a real Chromium: what it shows, what Send does, and that everybody can use it."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from aiapp_serving.engine import ModelMetadata, TensorMetadata
from aiapp_serving.openapi import document
from aiapp_serving.page import files
from aiapp_serving.settings import Release
from stand_ins.browser import Page, browser_page

MARKUP = "<img src=x onerror=alert(1)>"
METADATA = ModelMetadata(
    "iris",
    "onnx_onnxv1",
    (TensorMetadata("input", "FP32", (-1, 2), ("length", MARKUP)),),
    (TensorMetadata("label", "INT64", (-1,), labels=("setosa", "virginica")),),
)
RELEASE = Release(12, "sha256:" + "a" * 64, "42", "sha256:" + "b" * 64)
ANSWER = '{"result":"setosa","exact":12345678901234567890,"one":1.0}'
CONTRAST = """
(() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const found = numbers(getComputedStyle(node).backgroundColor);
      if (found.length === 3 || found[3] === 1) return found.slice(0, 3);
    }
    return [255, 255, 255];
  };
  let least = 21;
  for (const node of document.querySelectorAll("h1,h2,h3,p,a,button,label,select,textarea,pre,dt,dd,th,td,li,code")) {
    if (!node.innerText?.trim() && !node.value) continue;
    const [low, high] = [light(numbers(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => a - b);
    least = Math.min(least, (high + 0.05) / (low + 0.05));
  }
  return least;
})()
"""


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Keep the requests out of the tests' output."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """An app with this page, under a prefix as behind an Ingress that rewrites."""
    pages = files()
    described = json.dumps(document(METADATA, RELEASE, None)).encode()

    def app(environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
        path = environ["PATH_INFO"].removeprefix("/iris")
        if path in pages:
            start("200 OK", list(pages[path].headers))
            return [pages[path].body]
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
        right = path == "/score" and json.loads(body) == {"input": {"length": 0.5, MARKUP: 0.5}}
        status = "200 OK" if right or path == "/openapi.json" else "422 Unprocessable Entity"
        start(status, [("Content-Type", "application/json"), ("X-Request-ID", "abc")])
        return [described if path == "/openapi.json" else ANSWER.encode() if right else b'{"detail": "no"}']

    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/iris/docs"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def page(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser_page(tmp_path_factory.mktemp("profile")) as page:
        page.open(address)
        page.wait_until("document.getElementById('try')?.hidden === false")
        yield page


def text(page: Page, name: str) -> str:
    found: str = page.value(f"document.getElementById('{name}').innerText")
    return found


def test_it_shows_the_model_and_its_operations(page: Page) -> None:
    assert text(page, "title") == "iris"
    for word in ("42", "12", "sha256:" + "a" * 64, "sha256:" + "b" * 64, "[any, 2]", "setosa, virginica"):
        assert word in text(page, "model")
    assert "/v2/models/{model}/infer" in text(page, "operations")


def test_what_a_model_is_called_is_no_markup(page: Page) -> None:
    assert MARKUP in text(page, "model")
    assert page.value("document.images.length") == 0


def test_send_shows_the_answer_as_it_came(page: Page) -> None:
    page.value("document.getElementById('send').click()")
    page.wait_until("document.getElementById('outcome').innerText.startsWith('200')")
    assert text(page, "outcome").endswith(" ms")
    for word in ('"setosa"', "12345678901234567890", "1.0"):
        assert word in text(page, "answer-body")
    page.value("document.querySelector('details').open = true")
    assert "x-request-id" in text(page, "answer-headers")


def test_an_error_is_shown_with_its_status(page: Page) -> None:
    page.value("document.getElementById('body').value = '{\"input\": 1}'")
    page.value("document.getElementById('body').focus()")
    page.press("Enter", 13, modifiers=2)
    page.wait_until("document.getElementById('outcome').innerText.startsWith('422')")
    assert '"detail": "no"' in text(page, "answer-body")
    page.value("document.getElementById('example').click()")


def test_curl_gets_what_the_page_sends(page: Page, address: str) -> None:
    assert text(page, "curl").startswith(f"curl -i '{address.removesuffix('docs')}score' -H 'Content-Type: app")
    page.value("{ const body = document.getElementById('body'); body.value = \"it's\"; }")
    page.value("document.getElementById('body').dispatchEvent(new Event('input', { bubbles: true }))")
    assert text(page, "curl").endswith("--data-binary 'it'\\''s'")
    page.value("document.getElementById('example').click()")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_in_light_and_dark(page: Page, scheme: str) -> None:
    page.prefer(scheme)
    assert page.value(CONTRAST) >= 4.5


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_wider_than_the_window(page: Page, width: int) -> None:
    page.resize(width, 800)
    assert page.value("document.documentElement.scrollWidth") <= width


def test_the_keyboard_reaches_everything_and_shows_where_it_is(page: Page) -> None:
    page.value("document.querySelector('.skip').focus()")
    reached = []
    for _ in range(12):
        page.press("Tab", 9)
        reached.append(page.value("document.activeElement.id"))
        assert page.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        if reached[-1] == "copy":
            break
    assert {"operation", "body", "send", "example", "curl", "copy"} <= set(reached)


def test_the_browser_had_nothing_to_complain_of(page: Page) -> None:
    assert [complaint for complaint in page.complaints if "422" not in complaint] == []
