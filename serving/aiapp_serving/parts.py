"""Which bytes of a file are there, while several threads bring its parts in any order."""

from typing import Final

from aiapp_models.manifest import ModelFile

LAST_BYTES: Final = 256 * 1024 * 1024
LAST_PART_BYTES: Final = 4 * 1024 * 1024
"""Of the model's last bytes: all connections end at about the same time, and little is left to hash by then."""


class Part:
    """A range of a file, of which the first `written` bytes are there."""

    __slots__ = ("length", "offset", "target", "written")

    def __init__(self, target: "Target", offset: int, length: int) -> None:
        self.target = target
        self.offset = offset
        self.length = length
        self.written = 0


class Target:
    """A file on its way.

    parts: in the order of their bytes, of at most `part_bytes`; an empty file has one empty part.
    missing: how many parts are not complete.
    synced: whether all of it is on the disk.
    """

    __slots__ = ("_whole", "file", "missing", "parts", "synced")

    def __init__(self, file: ModelFile, part_bytes: int, bytes_after: int = 0) -> None:
        self.file = file
        parts = [Part(self, 0, _length(file.size, part_bytes, bytes_after))]
        while (offset := parts[-1].offset + parts[-1].length) < file.size:
            parts.append(Part(self, offset, _length(file.size - offset, part_bytes, bytes_after)))
        self.parts = tuple(parts)
        self.forget()

    def forget(self) -> None:
        """Begin anew: nothing is there."""
        self._whole = 0
        self.missing = len(self.parts)
        self.synced = False
        for part in self.parts:
            part.written = 0

    def front(self) -> int:
        """Return how many bytes from the beginning on are there; for one thread, the only one that moves it."""
        last = len(self.parts) - 1
        while self._whole < last and self.parts[self._whole].written == self.parts[self._whole].length:
            self._whole += 1
        return self.parts[self._whole].offset + self.parts[self._whole].written

    def reaches(self, position: int) -> bool:
        """Tell whether the byte at `position` and all before it are there."""
        return self.front() > position

    def waits_for(self, part: Part) -> bool:
        """Tell whether the front is in `part`: bytes of any other part move nothing."""
        return part is self.parts[self._whole]


def _length(left: int, part_bytes: int, bytes_after: int) -> int:
    """Return the length of the next part of a file with `left` bytes left, after which the model has more."""
    is_last = left + bytes_after <= LAST_BYTES
    return min(left, part_bytes, LAST_PART_BYTES if is_last else part_bytes)
