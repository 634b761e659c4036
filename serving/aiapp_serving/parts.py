"""Which bytes of a file are there, while several threads bring its parts in any order."""

from aiapp_models.manifest import ModelFile


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

    parts: in the order of their bytes; an empty file has one empty part.
    missing: how many parts are not complete.
    synced: whether all of it is on the disk.
    """

    __slots__ = ("_whole", "file", "missing", "parts", "synced")

    def __init__(self, file: ModelFile, part_bytes: int) -> None:
        self.file = file
        offsets = range(0, max(file.size, 1), part_bytes)
        self.parts = tuple(Part(self, offset, min(part_bytes, file.size - offset)) for offset in offsets)
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
