"""Where an estimator comes from: a file of one's own, or an attribute of a module.

A pickle, which joblib writes too, runs what its author put into it when it is loaded. Whoever packs has trained the
model, so it can be allowed, by saying so; a .skops file and an attribute need no such word.
"""

import importlib
import os
import sys
from pathlib import Path
from typing import Any, Final

from aiapp_packing.errors import PackingError

PICKLES: Final = (".joblib", ".pkl", ".pickle")


def load_estimator(given: str, *, allow_pickle: bool) -> Any:
    """Return what `given` names: FILE.joblib, FILE.pkl, FILE.skops, or MODULE:ATTRIBUTE.

    Raises:
        PackingError: it is not there, not allowed, or no estimator.
    """
    file = Path(given)
    if file.suffix in PICKLES:
        estimator = _unpickled(file, allow_pickle=allow_pickle)
    elif file.suffix == ".skops":
        estimator = _from_skops(file)
    elif ":" in given:
        estimator = _attribute(*given.split(":", 1))
    else:
        fix = f"give a file that ends in {', '.join((*PICKLES, '.skops'))}, or MODULE:ATTRIBUTE"
        raise PackingError(f"{given!a} names no estimator", fix)
    if not callable(getattr(estimator, "predict", None)):
        fix = "give a fitted estimator or pipeline of scikit-learn"
        raise PackingError(f"{given} is a {type(estimator).__name__}, which has no predict()", fix)
    return estimator


def _unpickled(file: Path, *, allow_pickle: bool) -> Any:
    if not allow_pickle:
        fix = "if you made it yourself, add --allow-pickle; else ask for a .skops file"
        raise PackingError(f"{file} is a pickle: loading it runs whatever code its author put into it", fix)
    import joblib  # noqa: PLC0415 - comes with scikit-learn, on laptops alone

    try:
        return joblib.load(file)
    except OSError as error:
        raise PackingError(f"{file} cannot be read: {error.strerror}", "check the path") from None
    except Exception as error:  # a pickle may raise anything
        fix = "load it where it was made, with the same versions of its packages"
        raise PackingError(f"{file} cannot be loaded: {type(error).__name__}: {error}", fix) from error


def _from_skops(file: Path) -> Any:
    import skops.io  # noqa: PLC0415 - on laptops alone
    from skops.io.exceptions import UntrustedTypesFoundException  # noqa: PLC0415

    try:
        return skops.io.load(file)
    except UntrustedTypesFoundException as error:
        fix = "load it yourself with skops.io.load(file, trusted=[...]) and pack it by aiapp_packing.pack()"
        raise PackingError(f"{file} holds types that skops does not know as harmless: {error}", fix) from None
    except OSError as error:
        raise PackingError(f"{file} cannot be read: {error.strerror or error}", "check the path") from None
    except Exception as error:  # zip and JSON of anybody's
        raise PackingError(f"{file} is no file of skops: {error}", "write it with skops.io.dump") from error


def _attribute(module: str, attribute: str) -> Any:
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as `python -m` does
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise PackingError(f"there is no module {error.name}", "run aiapp-model in the folder that holds it") from None
    except AttributeError:
        raise PackingError(f"{module} has no {attribute}", f"check its name in {module}.py") from None
    finally:
        sys.path.pop(0)
