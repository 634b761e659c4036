"""The page at /docs: a few files of our own, which ask nobody but the app that serves them."""

from collections.abc import Mapping
from importlib.resources import files as package_files
from typing import Final

from aiapp_serving.answer import Answer

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        *("script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"),
        *("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
    )
)
_KINDS: Final = {
    "index.html": ("docs", "text/html; charset=utf-8"),
    "page.css": ("docs/page.css", "text/css; charset=utf-8"),
    "page.js": ("docs/page.js", "text/javascript; charset=utf-8"),
    "icon.svg": ("docs/icon.svg", "image/svg+xml"),
}


def files() -> Mapping[str, Answer]:
    """Return what `GET` answers, by path, such as `/docs`; the files are read at this call."""
    folder = package_files(__name__)
    return {f"/{path}": _answer(kind, (folder / name).read_bytes()) for name, (path, kind) in _KINDS.items()}


def _answer(kind: str, content: bytes) -> Answer:
    headers = (
        ("Content-Type", kind),
        ("Content-Security-Policy", _POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-cache"),
    )
    return Answer(200, headers, content)
