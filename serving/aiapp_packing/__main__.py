"""`aiapp-model`: pack an estimator as a model version, and push versions to a store."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, get_args

from aiapp_models.errors import SourceError
from aiapp_packing.choices import Choices, Datatype, Format
from aiapp_packing.console import Console
from aiapp_packing.destinations import FORMS, destination
from aiapp_packing.errors import PackingError
from aiapp_packing.estimators import load_estimator
from aiapp_packing.packing import pack
from aiapp_packing.pushing import push
from aiapp_packing.rows import read_rows

DESCRIPTION: Final = """\
Turns an estimator of scikit-learn into a model version that the serving base serves by itself.

    aiapp-model pack model.joblib --allow-pickle --rows holdout.csv --out build/1 --name iris
    aiapp-serve --model build/1
    aiapp-model push build/1 https://contosomodels.blob.core.windows.net/models/iris 1
"""
EPILOG: Final = """\
exit status:
    0  done
    1  refused: what is wrong and what to do next are told
    2  these arguments cannot be used

docs/packing.md goes through it from training to a served version.
"""
PACK: Final = """\
Converts an estimator to ONNX, runs both on your rows, and writes the version only when they answer the same.

The folder gets model.onnx, metadata.json (inputs, outputs, labels, versions of what made it), golden/packed.json
(rows whose answers every release with this model must give) and, last, SHA256SUMS.

ESTIMATOR is one of
    model.joblib, model.pkl   a pickle: loading it runs code of whoever made it, so add --allow-pickle for your own
    model.skops               loads no code
    train:pipeline            the attribute `pipeline` of train.py in this folder
"""
PACK_EPILOG: Final = """\
examples:
    aiapp-model pack model.skops --rows holdout.csv --out build/1
    aiapp-model pack train:pipeline --rows rows.npy --out build/1 --name digits --labels zero,one,two
    aiapp-model pack model.skops --rows rows.json --out build/1 --format skops     # a step that ONNX does not know
"""
PUSH: Final = f"""\
Uploads a version: its files first, each read back, and SHA256SUMS last, which makes it a version.
Nothing is overwritten that is complete; a push that broke off goes on where it stopped.

DESTINATION is {FORMS}.
"""
PUSH_EPILOG: Final = """\
credentials come from the environment, never from the command line:
    Azure   AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN; else who `az login` says,
            or the identity of the pipeline or machine
    S3      AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for temporary ones, AWS_SESSION_TOKEN
SSL_CERT_FILE names a private certificate authority.

examples:
    aiapp-model push build/1 https://contosomodels.blob.core.windows.net/models/iris 1 --dry-run
    aiapp-model push build/1 s3://models/iris 1 --region eu-west-1
    aiapp-model push build/1 s3://models/iris 1 --endpoint https://minio.contoso.com:9000
"""
REFUSED: Final = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    given = _parser().parse_args(sys.argv[1:] if arguments is None else arguments)
    try:
        status: int = given.run(given, Console(sys.stdout))
    except PackingError as error:
        Console(sys.stderr).refuse(error)
        return REFUSED
    except SourceError as error:
        fix = "run the same command again: it goes on where it stopped" if error.transient else ""
        Console(sys.stderr).refuse(PackingError(str(error), fix))
        return REFUSED
    return status


def _pack(given: argparse.Namespace, console: Console) -> int:
    rows, header = read_rows(given.rows)
    choices = Choices(
        name=given.name,
        format=given.format,
        columns=given.columns or header,
        labels=given.labels,
        datatype=given.datatype,
        tolerance=given.tolerance,
        trusted_types=frozenset(given.trusted_types),
    )
    packed = pack(load_estimator(given.estimator, allow_pickle=given.allow_pickle), rows, given.out, choices=choices)
    console.say(f"proved: {packed.proof}")
    console.done(f"{packed.folder} is version {packed.digest}, with {packed.cases} golden cases")
    console.say(f"next: aiapp-serve --model {packed.folder}")
    return 0


def _push(given: argparse.Namespace, console: Console) -> int:
    place = destination(given.destination, os.environ, given.endpoint, given.region)
    with place.open() as store:
        digest = push(given.folder, store, given.version, console.say, dry_run=given.dry_run)
        where = store.locate(given.version)
    if not given.dry_run:
        console.done(f"{where} is complete: {digest}")
        console.say(f'next: name it in the AIApp (modelVersion: "{given.version}"), where the app does not follow it')
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _described(argparse.ArgumentParser, "aiapp-model", DESCRIPTION, EPILOG)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_pack(_described(commands.add_parser, "pack", PACK, PACK_EPILOG, help="estimator -> version folder"))
    _add_push(_described(commands.add_parser, "push", PUSH, PUSH_EPILOG, help="version folder -> store"))
    return parser


def _described(make: Any, name: str, description: str, epilog: str, **more: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = make(
        name, description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter, **more
    )
    return parser


def _add_pack(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_pack)
    add = parser.add_argument
    add("estimator", metavar="ESTIMATOR", help="a fitted estimator or pipeline: FILE or MODULE:ATTRIBUTE")
    add("--rows", type=Path, required=True, metavar="FILE", help="rows to prove it on: .csv, .json or .npy")
    add("--out", type=Path, required=True, metavar="DIR", help="the version's folder; it is made")
    add("--name", default="model", metavar="NAME", help="of the model, in its V2 URL (default: %(default)s)")
    add("--columns", type=_names, default=(), metavar="A,B", help="names of the columns (default: of the CSV)")
    add("--labels", type=_names, default=(), metavar="A,B", help="what the classes 0, 1, 2, ... are called")
    add("--format", choices=get_args(Format), default="onnx", help="skops: for what ONNX does not know")
    add("--datatype", choices=get_args(Datatype), default="FP32", help="of the input (default: %(default)s)")
    add(
        "--tolerance",
        type=float,
        default=1e-4,
        metavar="N",
        help="for numbers (default: %(default)s)",
    )
    add("--trusted-types", type=_names, default=(), metavar="A,B", help="of skops, that models.trustedTypes lists")
    add("--allow-pickle", action="store_true", help="load a pickle, which runs its author's code: for your own only")


def _add_push(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_push)
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="a version's folder, with SHA256SUMS in it")
    add("destination", metavar="DESTINATION", help="the folder of all versions, as modelSource names it")
    add("version", metavar="VERSION", help="the new version's name, which is used once")
    add("--endpoint", default="", metavar="URL", help="of a store that speaks S3's protocol")
    add("--region", default="", metavar="REGION", help="of the S3 bucket")
    add("--dry-run", action="store_true", help="look at both sides and write nothing")


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) != len(names):
        raise argparse.ArgumentTypeError(f"{text!a} is no list of different names, such as a,b,c")
    return names


if __name__ == "__main__":
    sys.exit(main())
