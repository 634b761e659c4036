"""`aiapp-serve`: answer requests with a score.py or a model, the same way on a laptop and in a pod."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiapp_models import contract
from aiapp_serving.cpu import size_thread_pools
from aiapp_serving.logs import configure_logging
from aiapp_serving.settings import MAX_BODY_BYTES, THREADS, Release, ServeSettings

DESCRIPTION = """\
Serves a model over HTTP, on this machine exactly as in a pod. A score.py has two functions:

    import os
    from aiapp_serving import InvalidInput

    def init():                       # once, before the first request; load the model here
        global model
        model = load(os.environ["AIAPP_MODEL_DIR"])

    def run(input):                   # for every request, from several threads; returns what JSON can hold
        if not isinstance(input, list):
            raise InvalidInput("input must be a list of numbers")     # answered with status 422
        return model.predict(input)

The annotation of run's parameter decides what it gets; a wrong request is answered with 422 before run sees it:
    (none)                  the JSON value
    numpy.ndarray           all rows of the request as one array; also numpy.typing.NDArray[numpy.float32]
    Mapping[str, ndarray]   named tensors
    any type of pydantic's  a model, a dataclass, list[float], ...
`metadata = {"inputs": [...], "outputs": [...]}` in score.py, or the model's metadata.json, is held against arrays.

Without score.py a model of a known format (ONNX, skops) serves itself. A WSGI app instead of run: define `app` in
score.py, or name it by --app.
"""
EPILOG = """\
try it:
    aiapp-serve --score score.py --model ./model --port 8080 --reload
    curl http://127.0.0.1:8080/version
    curl http://127.0.0.1:8080/score -H 'Content-Type: application/json' -d '{"input": [1, 2, 3]}'

In a pod the operator sets the defaults by AIAPP_PORT, AIAPP_MODEL_DIR and their like.
Several workers share one copy of the model: init() then runs before they fork and must start no threads.
SIGTERM: 3 s of last requests with `Connection: close`, then those in flight, then exit 0.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; return the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    settings = parse(words, os.environ)
    if settings.reload:
        from aiapp_serving.reload import serve_with_reload  # noqa: PLC0415 - of a laptop

        return serve_with_reload(words, settings.score, settings.model)
    size_thread_pools(os.environ, settings.workers)
    from aiapp_serving.server import serve  # noqa: PLC0415 - numpy sizes its pools when it is imported

    configure_logging()
    try:
        serve(settings)
    except OSError as error:
        problem = f"cannot listen on {settings.host} port {settings.port}: {error.strerror}"
        print(f"aiapp-serve: {problem}; choose another --port or --host", file=sys.stderr)
        return 2
    return 0


def parse(arguments: Sequence[str], env: Mapping[str, str]) -> ServeSettings:
    """Read arguments, with the environment as their defaults, and tell score.py where the model is.

    Raises:
        SystemExit: 2, an argument is wrong; 0 after --help.
    """
    parser = _parser(env)
    given = parser.parse_args(arguments)
    if given.model is not None:
        if not given.model.is_dir():
            parser.error(f"--model {given.model} is no folder")
        os.environ[contract.ENV_MODEL_DIR] = str(given.model.resolve())
    if given.score is not None and not given.score.is_file():
        parser.error(f"--score {given.score} is no file")
    model = os.environ.get(contract.ENV_MODEL_DIR)
    return ServeSettings(
        host=given.host,
        port=given.port,
        score=given.score or _default_score(),
        model=Path(model) if model else None,
        app=given.app,
        workers=given.workers,
        threads=given.threads,
        max_body_bytes=given.max_body_bytes,
        access_log=given.access_log,
        reload=given.reload,
        release=Release.from_env(env),
    )


def _parser(env: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "aiapp-serve", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add, default = parser.add_argument, "(default: %(default)s)"
    add("--score", type=Path, help="the file (default: ./score.py, else /app/score.py)")
    add("--app", default="", metavar="MODULE:NAME", help="a WSGI app, which answers instead of a score.py")
    add("--model", type=Path, help="the model's folder, score.py finds it as $AIAPP_MODEL_DIR")
    add("--host", default=env.get(contract.ENV_HOST, "127.0.0.1"), help=default)
    add("--port", type=_port, default=env.get(contract.ENV_PORT, "8080"), help=default)
    workers = env.get("WEB_CONCURRENCY", "1")
    add("--workers", type=_positive, default=workers, help=f"processes, also $WEB_CONCURRENCY {default}")
    add("--threads", type=_positive, default=THREADS, help=f"scored at a time by each {default}")
    add("--max-body-bytes", type=_positive, default=MAX_BODY_BYTES, help=f"larger requests get 413 {default}")
    add("--no-access-log", dest="access_log", action="store_false", help="write no line for each request")
    add("--reload", action="store_true", help="start anew when score.py's folder or the model changes (laptop only)")
    return parser


def _default_score() -> Path:
    own = Path("score.py")
    return own if own.exists() else Path(contract.APP_SCORE)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no whole number") from None


def _port(text: str) -> int:
    number = _whole(text)
    if not 0 < number < 65536:
        raise argparse.ArgumentTypeError(f"{text} is no port; choose one of 1 to 65535")
    return number


def _positive(text: str) -> int:
    number = _whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is too small; it must be at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
