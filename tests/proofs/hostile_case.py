"""A hostile model folder, as data: its files, what is made of them by hand, and the faults that may be named."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiapp_serving.errors import ModelFault


@dataclass(frozen=True, slots=True)
class Case:
    """files: content by path. make: what no file can express, such as a link. may_load: it can be a whole model."""

    label: str
    files: Mapping[str, bytes]
    faults: tuple[ModelFault, ...]
    make: Callable[[Path], None] | None = None
    may_load: bool = field(default=False)

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        for name, data in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        if self.make:
            self.make(folder)
