"""The one place where a pickle can be loaded: a pickle runs code of its author, so the administrator decides."""

import pickle
from pathlib import Path
from typing import Any

from aiapp_serving.errors import ModelError, ModelFault
from aiapp_serving.formats.admin import AdminChoices
from aiapp_serving.formats.estimator import EstimatorEngine
from aiapp_serving.formats.words import first_line, shown


def load_pickle(path: Path, admin: AdminChoices) -> EstimatorEngine:
    """Load an estimator from a pickle, plain or of joblib.

    Raises:
        ModelError: pickles are not allowed, or this one cannot be loaded.
        MemoryError: there is not enough.
    """
    if not admin.allow_pickle:
        problem = f"{shown(path.name)} is a pickle, which can run code of its author when it is loaded"
        fix = "pack it to ONNX (`aiapp-model pack`), or ask the administrator for models.allowPickle"
        raise ModelError(ModelFault.UNSAFE_FORMAT, f"{problem}; {fix}")
    try:
        estimator = _loaded(path)
    except ImportError as error:
        problem = f"{shown(path.name)} needs {shown(error.name)}, which the image has not"
        raise ModelError(ModelFault.UNSUPPORTED, f"{problem}; add the package to the image") from None
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - its code can raise anything
        raise ModelError(
            ModelFault.CORRUPT, f"{shown(path.name)} cannot be loaded: {first_line(error)}; write it again"
        ) from None
    if not callable(getattr(estimator, "predict", None)):
        problem = f"{shown(path.name)} holds {shown(type(estimator).__name__)}, which has no predict"
        raise ModelError(ModelFault.UNSUPPORTED, f"{problem}; store a fitted estimator or write a score.py")
    return EstimatorEngine(estimator)


def _loaded(path: Path) -> Any:
    """Read with joblib where the image has it: it reads plain pickles as well."""
    try:
        import joblib  # noqa: PLC0415 - only for such models
    except ImportError:
        with path.open("rb") as file:
            return pickle.load(file)  # noqa: S301 - allowed by the administrator
    return joblib.load(path)
