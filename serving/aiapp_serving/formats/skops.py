"""skops files: estimators as data, of types that skops or the administrator lists. There is no other loader."""

import zipfile
from pathlib import Path
from typing import Any, Final

from aiapp_serving.errors import ModelError, ModelFault
from aiapp_serving.formats.admin import AdminChoices
from aiapp_serving.formats.archive import check_archive
from aiapp_serving.formats.estimator import EstimatorEngine
from aiapp_serving.formats.words import first_line, shown

MAX_SCHEMA_BYTES: Final = 256 * 1024 * 1024
_MOST_NAMED: Final = 5


def load_skops(path: Path, admin: AdminChoices) -> EstimatorEngine:
    """Load an estimator.

    Raises:
        ModelError: the archive or what it holds is refused.
        MemoryError: there is not enough.
    """
    check_archive(path)
    skops = _library(path)
    try:
        _check_types(path, skops, admin)
        estimator = skops.load(path, trusted=sorted(admin.trusted_types))
    except (ModelError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - a file of another version or made by hand can raise anything
        sentence = f"{shown(path.name)} is no skops file that can be loaded: {first_line(error)}"
        fix = "write it again with the versions of skops and scikit-learn that the image has"
        raise ModelError(ModelFault.CORRUPT, f"{sentence}; {fix}") from None
    if not callable(getattr(estimator, "predict", None)):
        problem = f"{shown(path.name)} holds {shown(type(estimator).__name__)}, which has no predict"
        raise ModelError(ModelFault.UNSUPPORTED, f"{problem}; store a fitted estimator or write a score.py")
    return EstimatorEngine(estimator)


def _library(path: Path) -> Any:
    try:
        import sklearn  # noqa: F401, PLC0415 - only for such models
        import skops.io  # noqa: PLC0415
    except ImportError as error:
        problem = f"{shown(path.name)} is skops, and the image has no {error.name}"
        fix = "add skops and scikit-learn to the image, or pack the model to ONNX (`aiapp-model pack`)"
        raise ModelError(ModelFault.UNSUPPORTED, f"{problem}; {fix}") from None
    return skops.io


def _check_types(path: Path, skops: Any, admin: AdminChoices) -> None:
    """Ask skops which types are not on its own list, and hold those against the administrator's."""
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo("schema.json").file_size > MAX_SCHEMA_BYTES:
            raise ModelError(ModelFault.TOO_LARGE, f"{shown(path.name)} has a schema of over {MAX_SCHEMA_BYTES} bytes")
    unlisted = sorted(set(skops.get_untrusted_types(file=path)) - admin.trusted_types)
    if unlisted:
        more = f" and {len(unlisted) - _MOST_NAMED} more" if len(unlisted) > _MOST_NAMED else ""
        named = ", ".join(shown(name) for name in unlisted[:_MOST_NAMED])
        fix = "pack it to ONNX (`aiapp-model pack`), or ask the administrator to list them in models.trustedTypes"
        raise ModelError(
            ModelFault.UNTRUSTED_TYPES, f"{shown(path.name)} has types that are not trusted: {named}{more}; {fix}"
        )
