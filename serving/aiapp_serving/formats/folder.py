"""The files of a model's folder, and which of them is the model."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from aiapp_models import contract
from aiapp_models.manifest import MAX_FILES
from aiapp_serving.errors import ModelError, ModelFault
from aiapp_serving.formats import kinds
from aiapp_serving.formats.admin import AdminChoices
from aiapp_serving.formats.external_data import check_external_data
from aiapp_serving.formats.kinds import Kind
from aiapp_serving.formats.words import shown

MOST_DEEP: Final = 32
_MOST_NAMED: Final = 5
_APART: Final = (contract.SHA256SUMS, contract.METADATA)
_APART_PREFIXES: Final = ("README", "LICENSE")
_FIX: Final = "upload one ONNX or skops file (`aiapp-model pack` makes one), or write a score.py"
_NOT_A_FILE: Final = {stat.S_ISLNK: "a link", stat.S_ISFIFO: "a FIFO", stat.S_ISSOCK: "a socket"}


def the_model(folder: Path, admin: AdminChoices) -> tuple[Path, Kind]:
    """Return the one file to load and what it is.

    Raises:
        ModelError: there is none or more than one, or it is of no kind that may be loaded.
    """
    found = {path: kind for path in model_files(folder) if (kind := _kind(path)) is not Kind.OTHER}
    for path in [path for path, kind in found.items() if kind is Kind.ONNX]:
        for data in check_external_data(path, folder):
            found.pop(data, None)
    if len(found) != 1:
        raise _not_one(folder, found)
    ((path, kind),) = found.items()
    _check_supported(path, kind, admin)
    return path, kind


def model_files(folder: Path) -> Iterator[Path]:
    """Give the folder's plain files in the order of their names, but for those that describe the model.

    Raises:
        ModelError: UnsafePath, UnsafeEntryType or ArchiveTooLarge.
    """
    count = 0
    for parent, folders, names in os.walk(folder):
        if len(Path(parent).relative_to(folder).parts) > MOST_DEEP:
            raise ModelError(ModelFault.TOO_LARGE, f"the model's folders are more than {MOST_DEEP} deep; flatten them")
        folders.sort()
        for name in sorted([*folders, *names]):
            count += 1
            _check_entry(Path(parent) / name, count)
        if Path(parent) == folder:
            folders[:] = [name for name in folders if name != contract.GOLDEN_DIR]
        for name in sorted(names):
            if name not in _APART and not name.upper().startswith(_APART_PREFIXES):
                yield Path(parent) / name


def _check_entry(path: Path, count: int) -> None:
    if count > MAX_FILES:
        raise ModelError(ModelFault.TOO_LARGE, f"the model has more than {MAX_FILES} files; pack it into fewer")
    if not path.name.isprintable():
        raise ModelError(
            ModelFault.UNSAFE_PATH, f"the name {shown(path.name)} cannot be shown as it is; rename the file"
        )
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        what = next((words for test, words in _NOT_A_FILE.items() if test(mode)), "a device")
        raise ModelError(
            ModelFault.UNSAFE_ENTRY_TYPE, f"{shown(path.name)} is {what}; a model's folder holds plain files only"
        )


def _kind(path: Path) -> Kind:
    try:
        return kinds.kind_of(path)
    except OSError as error:
        problem = f"{shown(path.name)} cannot be read: {error.strerror}"
        raise ModelError(ModelFault.CORRUPT, f"{problem}; make it readable for everybody") from None


def _not_one(folder: Path, found: Mapping[Path, Kind]) -> ModelError:
    if not found:
        return ModelError(ModelFault.NO_MODEL, f"no file of {folder} is {Kind.OTHER.removeprefix('no ')}; {_FIX}")
    named = ", ".join(f"{shown(path.name)} ({kind})" for path, kind in list(found.items())[:_MOST_NAMED])
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    fix = "keep one of them in a version"
    if Kind.ONNX in found.values() and kinds.UNSAFE & set(found.values()):
        fix = "leave out what the ONNX file was made from: it alone is served"
    return ModelError(ModelFault.NO_MODEL, f"several files of {folder} are models: {named}{more}; {fix}")


def _check_supported(path: Path, kind: Kind, admin: AdminChoices) -> None:
    """Refuse what no loader is for; whether a pickle may be loaded is for its loader."""
    if kind in {Kind.ONNX, Kind.SKOPS, Kind.PICKLE} or (kind is Kind.JOBLIB and admin.allow_pickle):
        return
    if kind in kinds.UNSAFE:
        problem = "which can run code of its author when it is loaded"
        raise ModelError(ModelFault.UNSAFE_FORMAT, f"{shown(path.name)} is {kind}, {problem}; {_FIX}")
    raise ModelError(ModelFault.UNSUPPORTED, f"{shown(path.name)} is {kind}, which nothing in the image runs; {_FIX}")
