"""Image references as spec.image writes them. Pure."""

import re
from dataclasses import dataclass
from typing import Final, Self

_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE: Final = re.compile(
    rf"(?P<registry>[A-Za-z0-9.-]+(?::[0-9]+)?|\[[0-9A-Fa-f:]+\](?::[0-9]+)?)/(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class ImageReference:
    """`registry/path:tag@digest`; the digest decides. A bare one, of a repository alone, has neither."""

    registry: str
    path: str
    tag: str | None
    digest: str | None

    @classmethod
    def parse(cls, text: str, *, bare: bool = False) -> Self:
        """Read a reference that names its registry, and its tag or digest unless it is to be bare.

        Raises:
            ValueError: the text is no such reference; the message says what to write.
        """
        match = _REFERENCE.fullmatch(text)
        if match is None or not _names_a_host(match["registry"]):
            raise ValueError(f"{text!r} does not name registry and repository: write contoso.azurecr.io/digits:1.4.2")
        named = match["tag"] is not None or match["digest"] is not None
        if bare and named:
            repository = f"{match['registry']}/{match['path']}"
            raise ValueError(f"{text!r} names what spec.imagePolicy chooses: write {repository}, or imagePolicy Tag")
        if not bare and not named:
            raise ValueError(f"{text!r} has neither tag nor digest: write {text}:1.4.2")
        return cls(match["registry"], match["path"], match["tag"], match["digest"])

    @property
    def repository(self) -> str:
        """Return `registry/path`."""
        return f"{self.registry}/{self.path}"

    def pinned(self, digest: str) -> str:
        """Return what a pod runs: `registry/path@digest`."""
        return f"{self.repository}@{digest}"


def _names_a_host(component: str) -> bool:
    # The rule of every container client: without a dot, a port or "localhost" it would be a Docker Hub user.
    return "." in component or ":" in component or component == "localhost"
