"""The user's code: found, read, checked. Pure but for running it."""

import importlib
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

TAKES = {"init": (0, "no argument, init()"), "run": (1, "one argument, run(input)")}
WSGI = (2, "what WSGI passes, app(environ, start_response)")


@dataclass(frozen=True, slots=True)
class Scorer:
    """What a score.py defines; `run` or `app`, never both.

    app: a WSGI app, which answers by itself. metadata: of the inputs and outputs, as the V2 protocol writes them.
    """

    init: Callable[[], object]
    run: Callable[[Any], object] | None = None
    app: Callable[..., Any] | None = None
    metadata: object = None


def load_scorer(path: Path) -> Scorer:
    """Run the file and return what it defines; `init` may be left out.

    Raises:
        ScriptError: there is no such file, it raises, or its functions cannot be called as they must be.
    """
    if not path.is_file():
        raise ScriptError(f"{path} is not there; add a file with:\n{EXAMPLE}")
    module = _module(path)
    run, app = _function(module, "run", path), _function(module, "app", path)
    if run is None and app is None:
        raise ScriptError(f"{path} has no function run; add:\n{EXAMPLE}")
    if run is not None and app is not None:
        raise ScriptError(
            f"{path} has both run and app: keep run, which /score calls, or app, which answers everything"
        )
    return Scorer(_function(module, "init", path) or _nothing, run, app, getattr(module, "metadata", None))


def load_app(name: str) -> Scorer:
    """Import the WSGI app `module:name`, from the folder where the server was started or from an installed package.

    Raises:
        ScriptError: there is no such module or object in it, or it is no WSGI app.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ScriptError(f"--app {name} is no address of an app; write module:name, such as shop.web:app")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    except BaseException as error:
        raise ScriptError(f"--app {name}: {module_name} cannot be imported: {describe(error)}") from error
    app = _function(module, attribute, Path(f"--app {name}"))
    if app is None:
        raise ScriptError(f"--app {name}: {module_name} has no {attribute}")
    return Scorer(_nothing, app=app)


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
    called = function if inspect.isroutine(function) else type(function).__call__
    if inspect.iscoroutinefunction(called) or (name in TAKES and inspect.isgeneratorfunction(called)):
        raise ScriptError(f"{path}: {name} must be a plain function, neither async nor with yield{_asgi(name)}")
    count, wanted = TAKES.get(name, WSGI)
    try:
        inspect.signature(function).bind(*[object()] * count)
    except TypeError:
        found = f"{name}{inspect.signature(function)}"
        raise ScriptError(f"{path}: {name} must take {wanted}; it is {found[:200]}{_asgi(name)}") from None
    except ValueError:  # a function in C that does not tell its arguments
        pass
    checked: Callable[..., Any] = function
    return checked


def _asgi(name: str) -> str:
    """Return the fix for an app of the other kind."""
    return "" if name in TAKES else "; an ASGI app, such as one of FastAPI, needs an image with a server of its own"


def _nothing() -> None:
    """Stand in for an `init` that was left out."""
