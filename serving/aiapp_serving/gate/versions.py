"""Whether the app says to be the release that is tried. Pure."""

from dataclasses import dataclass
from typing import Any, Final

from aiapp_serving.errors import BadJson
from aiapp_serving.gate.expectations import Answer
from aiapp_serving.request_json import parse_json

VERSION_PATH: Final = "/version"
_RUNTIME: Final = "aiapp/"


@dataclass(frozen=True, slots=True)
class Expected:
    """The release that is tried, as far as it is known; empty: not known."""

    image: str = ""
    model_version: str = ""
    model_digest: str = ""


NOT_KNOWN: Final = Expected()


def version_document(answer: Answer) -> dict[str, Any] | None:
    """Return what the serving base answers at /version; None: this app is built on something else."""
    if answer.status != 200:
        return None
    try:
        document = parse_json(answer.body)
    except BadJson:
        return None
    if not isinstance(document, dict) or not isinstance(document.get("model"), dict):
        return None
    return document if str(document.get("runtime")).startswith(_RUNTIME) else None


def wrong_version(document: dict[str, Any], expected: Expected) -> str:
    """Return in what the app differs from the release, in words; empty: in nothing that both know."""
    told = (
        ("image", document.get("image"), expected.image),
        ("model version", document["model"].get("version"), expected.model_version),
        ("model", document["model"].get("digest"), expected.model_digest),
    )
    return "; ".join(
        f"its {name} is {str(said)[:128]}, expected {wanted}"
        for name, said, wanted in told
        if said and wanted and said != wanted
    )
