"""`aiapp-serve`: answer requests with a score.py, the same way on a laptop and in a pod."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiapp_models import contract
from aiapp_serving.logs import configure_logging
from aiapp_serving.server import serve
from aiapp_serving.settings import MAX_BODY_BYTES, THREADS, Release, ServeSettings

DESCRIPTION = """\
Serves a score.py over HTTP, on this machine exactly as in a pod.

score.py has two functions:

    import os
    from aiapp_serving import InvalidInput

    def init():                       # once, before the first request; load the model here
        global model
        model = load(os.environ["AIAPP_MODEL_DIR"])

    def run(input):                   # for every request, from several threads; returns what JSON can hold
        if not isinstance(input, list):
            raise InvalidInput("input must be a list of numbers")     # answered with status 422
        return model.predict(input)
"""
EPILOG = """\
try it:
    aiapp-serve --score score.py --model ./model --port 8080
    curl http://127.0.0.1:8080/version
    curl http://127.0.0.1:8080/score -H 'Content-Type: application/json' -d '{"input": [1, 2, 3]}'

In a pod the operator sets the defaults by AIAPP_PORT, AIAPP_MODEL_DIR and their like.
SIGTERM: 3 s of last requests with `Connection: close`, then those in flight, then exit 0.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; return the exit status."""
    settings = parse(sys.argv[1:] if arguments is None else arguments, os.environ)
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
    parser = argparse.ArgumentParser(
        "aiapp-serve", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--score", type=Path, help="the file (default: ./score.py, else /app/score.py)")
    parser.add_argument("--model", type=Path, help="the model's folder, score.py finds it as $AIAPP_MODEL_DIR")
    parser.add_argument("--host", default=env.get(contract.ENV_HOST, "127.0.0.1"), help="(default: %(default)s)")
    parser.add_argument("--port", type=_port, default=env.get(contract.ENV_PORT, "8080"), help="(default: %(default)s)")
    parser.add_argument("--threads", type=_positive, default=THREADS, help="scored at a time (default: %(default)s)")
    parser.add_argument(
        "--max-body-bytes",
        type=_positive,
        default=MAX_BODY_BYTES,
        help="larger requests get 413 (default: %(default)s)",
    )
    given = parser.parse_args(arguments)
    if given.model is not None:
        if not given.model.is_dir():
            parser.error(f"--model {given.model} is no folder")
        os.environ[contract.ENV_MODEL_DIR] = str(given.model.resolve())
    return ServeSettings(
        host=given.host,
        port=given.port,
        score=given.score or _default_score(),
        threads=given.threads,
        max_body_bytes=given.max_body_bytes,
        release=Release.from_env(env),
    )


def _default_score() -> Path:
    own = Path("score.py")
    return own if own.exists() else Path(contract.APP_SCORE)


def _port(text: str) -> int:
    number = int(text)
    if not 0 < number < 65536:
        raise argparse.ArgumentTypeError(f"{text} is no port; choose one of 1 to 65535")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is too small; it must be at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
