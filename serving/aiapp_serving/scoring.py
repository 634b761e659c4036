"""The user's score.py: found, read, checked. Pure but for running that file."""

import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from aiapp_serving.errors import ScriptError

EXAMPLE = "def init(): ...  # once, before the first request\ndef run(input): return ...  # for every request"


@dataclass(frozen=True, slots=True)
class Scorer:
    """The two functions of a score.py."""

    init: Callable[[], object]
    run: Callable[[Any], object]


def load_scorer(path: Path) -> Scorer:
    """Run the file and return its functions; `init` may be left out.

    Raises:
        ScriptError: there is no such file, it raises, or its functions cannot be called as they must be.
    """
    if not path.is_file():
        raise ScriptError(f"{path} is not there; add a file with:\n{EXAMPLE}")
    module = _module(path)
    run = _function(module, "run", path)
    if run is None:
        raise ScriptError(f"{path} has no function run; add:\n{EXAMPLE}")
    return Scorer(init=_function(module, "init", path) or _nothing, run=run)


def prepare(scorer: Scorer, path: Path) -> None:
    """Call `init`.

    Raises:
        ScriptError: it raised, even SystemExit.
    """
    try:
        scorer.init()
    except BaseException as error:
        raise ScriptError(f"{path}: init() raised {describe(error)}") from error


def describe(error: BaseException) -> str:
    """Return the type and the first line of an exception's text, at most 300 characters."""
    text = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {text}"[:300].removesuffix(": ")


def _module(path: Path) -> ModuleType:
    """Import the file as the module `score`, with its folder on the path so that it finds its neighbours."""
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location("score", path)
    if spec is None or spec.loader is None:
        raise ScriptError(f"{path} is no Python file; name it score.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["score"] = module  # dataclasses and pickle look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        where = f" at line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise ScriptError(f"{path} cannot be imported{where}: {describe(error)}") from error
    return module


def _function(module: ModuleType, name: str, path: Path) -> Callable[..., Any] | None:
    function = getattr(module, name, None)
    if function is None:
        return None
    if not callable(function):
        raise ScriptError(f"{path}: {name} is no function but {type(function).__name__}")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise ScriptError(f"{path}: {name} must be a plain function, neither async nor with yield")
    arguments = [object()] if name == "run" else []
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        wanted = "one argument, run(input)" if arguments else "no argument, init()"
        found = f"{name}{inspect.signature(function)}"
        raise ScriptError(f"{path}: {name} must take {wanted}; it is {found[:200]}") from None
    except ValueError:  # a function in C that does not tell its arguments
        pass
    checked: Callable[..., Any] = function
    return checked


def _nothing() -> None:
    """Stand in for an `init` that was left out."""
