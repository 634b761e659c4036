"""What `aiapp-serve` is told by its arguments and environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiapp_models import contract
from aiapp_models.errors import SourceError
from aiapp_models.manifest import content_digest, parse_sums

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
THREADS: Final = 8
"""Requests scored at a time; more wait their turn."""


@dataclass(frozen=True, slots=True)
class Release:
    """What answers: on every response, so that nobody has to guess which image and model gave it.

    revision: the release's number, None outside of a cluster. image, model_digest: `sha256:<hex>`, empty if unknown.
    """

    revision: int | None = None
    image: str = ""
    model_version: str = ""
    model_digest: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Release":
        """Read the AIAPP_* variables that the operator sets."""
        revision = env.get(contract.ENV_REVISION, "")
        return cls(
            revision=int(revision) if revision.isdecimal() else None,
            image=env.get(contract.ENV_IMAGE_DIGEST, ""),
            model_version=env.get(contract.ENV_MODEL_VERSION, ""),
            model_digest=env.get(contract.ENV_MODEL_DIGEST) or found_digest(env.get(contract.ENV_MODEL_DIR)),
        )

    def headers(self) -> dict[str, str]:
        """Return the three headers; `none` for what is not known."""
        model = "@".join(filter(None, (self.model_version, self.model_digest)))
        return {
            contract.HEADER_REVISION: "none" if self.revision is None else str(self.revision),
            contract.HEADER_IMAGE: self.image or "none",
            contract.HEADER_MODEL: model or "none",
        }

    def document(self, runtime: str) -> dict[str, Any]:
        """Return the body of `GET /version`."""
        model = {"version": self.model_version or None, "digest": self.model_digest or None}
        return {"revision": self.revision, "image": self.image or None, "model": model, "runtime": runtime}


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """One running server.

    score: the code of the user; need not exist where a model serves itself. app: `module:name` of a WSGI app, or empty.
    model: the folder with the model. threads: requests scored at a time by each of the workers.
    """

    host: str
    port: int
    score: Path
    model: Path | None = None
    app: str = ""
    workers: int = 1
    threads: int = THREADS
    max_body_bytes: int = MAX_BODY_BYTES
    access_log: bool = True
    reload: bool = False
    release: Release = Release()


def found_digest(model_dir: str | None) -> str:
    """Return the content digest that the model's own SHA256SUMS gives: of a volume's model nobody else knows it."""
    if not model_dir:
        return ""
    try:
        return content_digest(parse_sums((Path(model_dir) / contract.SHA256SUMS).read_bytes(), model_dir))
    except (OSError, SourceError):
        return ""
