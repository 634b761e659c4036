"""Writing a version: what a store that is written to can do beyond being read, and what its refusals mean then."""

from collections.abc import Mapping
from typing import BinaryIO, Final, Protocol

from aiapp_models.errors import Reason, SourceError
from aiapp_models.stores import ModelStore
from aiapp_models.stores.listing import StoredFile

LEAST_RATE: Final = 100_000
"""Bytes a second below which an upload is given up."""
UPLOAD_SECONDS: Final = 60.0
"""Of a file without any bytes."""


class Uploader(ModelStore, Protocol):
    """A model store with credentials that may write."""

    def files(self, version: str) -> Mapping[str, StoredFile]:
        """Return all that is in a version's folder, complete or not, by path.

        Raises:
            SourceError: see ModelStore.
        """

    def put(self, version: str, path: str, content: BinaryIO, size: int) -> None:
        """Write a file whole or not at all, in the place of what has its name.

        Raises:
            SourceError: see ModelStore.
        """

    def put_marker(self, version: str, sums: bytes) -> None:
        """Write SHA256SUMS where there is none, decided by the store itself.

        Raises:
            SourceError: ModelChanged when there is one already; else see ModelStore.
        """


def patience(size: int) -> float:
    """Return the seconds that an upload of so many bytes may take."""
    return UPLOAD_SECONDS + size / LEAST_RATE


def marker_exists(where: str) -> SourceError:
    """Return what to raise where somebody else completed the version meanwhile."""
    problem = f"{where} was completed by somebody else meanwhile"
    return SourceError(Reason.MODEL_CHANGED, f"{problem}; push yours under a name of its own")


def upload_refusal(error: SourceError, where: str, place: str, right: str) -> SourceError:
    """Put a refusal, which readers word for readers, into words for who writes.

    place: what must be there, such as a container. right: what the credentials need.
    """
    if error.reason is Reason.MODEL_MISSING:
        return SourceError(error.reason, f"{where}: there is no such {place}; make it, or check its name")
    if error.reason is Reason.STORE_FORBIDDEN:
        return SourceError(error.reason, f"{error.message}; to push they need {right}")
    return error
