"""`aiapp-gate`: ask an app its golden cases and say whether it may be released, the same in a pod and in any CI."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, NoReturn

from aiapp_models import contract
from aiapp_serving.gate.calls import Endpoint
from aiapp_serving.gate.cases import parse_duration
from aiapp_serving.gate.console import Console
from aiapp_serving.gate.masks import secrets_mask
from aiapp_serving.gate.outcome import EXIT_STATUS
from aiapp_serving.gate.report import render
from aiapp_serving.gate.runner import GateSettings, run
from aiapp_serving.gate.versions import VERSION_PATH, Expected
from aiapp_serving.settings import found_digest

DESCRIPTION = """\
Asks a running app its golden cases and says whether it may be released.

    aiapp-gate --url http://127.0.0.1:8080 --cases golden/

A case is a request and what its answer must be, in a JSON file: one case, a list of them, or {"cases": [...]}:

    {"name": "a-seven",
     "request": {"path": "/score", "body": {"input": [[0, 3, 16]]}},
     "expect": {"jsonPath": "$.result[0]", "equals": "7", "maxLatency": "200ms"}}

request: path (/score), method (POST), body (text or JSON), contentType (application/json).
expect:  status (200); a value chosen by jsonPath and judged by equals (with tolerance), oneOf or matches (RE2, the
         whole value); maxLatency (the median of three).
"""
EPILOG = """\
Each case is asked three times: an answer that is right only sometimes fails as Flapping. With --compare-with the same
is asked of the app that serves now, and the differences are told.

exit status:
    0  Passed
    1  Failed        the app or its model must change; the reason and the cases say in what
    2                these arguments cannot be used
    3  Inconclusive  nothing was learnt, for example because a request's body is missing; try again

examples:
    aiapp-serve --score score.py --model model &
    aiapp-gate --url http://127.0.0.1:8080 --model-folder model --report gate.json
    aiapp-gate --url https://digits.contoso.com --cases smoke.json --timeout 30s

docs/gate.md describes every field.
"""
USAGE_ERROR: Final = 2
GOLDEN_IN_POD: Final = Path(contract.MODEL_DIR) / contract.GOLDEN_DIR


@dataclass(frozen=True, slots=True)
class Invocation:
    """What the command line says. report: where the report goes, None: nowhere. name: of the release, for people."""

    settings: GateSettings
    report: Path | None
    name: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the gate; return the exit status."""
    signal.signal(signal.SIGTERM, _stop)  # the first process of a container gets no default action
    given = parse(sys.argv[1:] if arguments is None else arguments)
    mask = secrets_mask(os.environ)
    console = Console(sys.stdout, mask)
    if given.name:
        console.say(given.name)
    outcome = run(given.settings, console.say)
    console.tell(outcome)
    if given.report:
        try:
            given.report.write_bytes(render(outcome, given.settings.expected, mask))
        except OSError as error:
            print(
                f"aiapp-gate: cannot write {given.report}: {error.strerror}; choose another --report", file=sys.stderr
            )
            return USAGE_ERROR
    return EXIT_STATUS[outcome.result]


def parse(arguments: Sequence[str]) -> Invocation:
    """Read the command line.

    Raises:
        SystemExit: 2, an argument is wrong; 0 after --help.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    golden = given.model_folder / contract.GOLDEN_DIR if given.model_folder else GOLDEN_IN_POD
    sources = tuple(dict.fromkeys([*given.cases, *([golden] if given.model_folder else [])]))
    optional = frozenset({golden, GOLDEN_IN_POD})
    if given.model_folder and not given.model_folder.is_dir():
        parser.error(f"--model-folder {given.model_folder} is no folder")
    for source in sources:
        if source not in optional and not source.exists():
            parser.error(f"--cases {source}: no such file or folder")
    settings = GateSettings(
        endpoint=given.url,
        sources=sources,
        optional=optional,
        bodies=Path(contract.GATE_BODIES_DIR),
        ready_path=given.ready_path,
        timeout=given.timeout,
        expected=_expected(given.expect_image, given.expect_model, given.model_folder),
        compare_with=given.compare_with,
        max_flips=given.max_label_flips,
    )
    return Invocation(settings, given.report, given.name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "aiapp-gate", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--url", type=_endpoint, required=True, metavar="URL", help="the app, http://HOST:PORT")
    add("--cases", type=Path, action="append", default=[], metavar="PATH", help="a file, or a folder of *.json; again")
    add("--model-folder", type=Path, metavar="DIR", help="a model version: its own cases are in DIR/golden, if any")
    add("--ready-path", type=_path, default=VERSION_PATH, metavar="PATH", help="2xx when ready (default: %(default)s)")
    add("--timeout", type=_seconds, default="10m", metavar="TIME", help="readiness and cases (default: %(default)s)")
    add("--expect-image", default="", metavar="DIGEST", help="what /version must name, where the app has our base")
    add("--expect-model", default="", metavar="VERSION@DIGEST", help="likewise; either half may be left out")
    add("--compare-with", type=_endpoint, metavar="URL", help="the app that serves now; a difference is told")
    add("--max-label-flips", type=_share, metavar="SHARE", help="2%% of 50 or more compared answers: more fails")
    add("--report", type=Path, metavar="FILE", help="write the outcome as JSON of at most 4,096 bytes")
    add("--name", default="", metavar="TEXT", help="what is tried, as a first line for people")
    return parser


def _expected(image: str, model: str, folder: Path | None) -> Expected:
    version, separator, digest = model.rpartition("@")
    if not separator:
        version, digest = ("", model) if model.startswith("sha256:") else (model, "")
    return Expected(image, version, digest or found_digest(str(folder) if folder else None))


def _endpoint(text: str) -> Endpoint:
    try:
        return Endpoint(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text} is no path; it begins with /")
    return text


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _share(text: str) -> Decimal:
    try:
        share = Decimal(text.removesuffix("%")) / 100
    except InvalidOperation:
        share = Decimal(-1)
    if not text.endswith("%") or not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share; write it like 2%")
    return share


def _stop(*_: object) -> NoReturn:
    """End as SIGTERM asks; a gate that is given up has no outcome."""
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
