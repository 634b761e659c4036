"""`aiapp-model`: pack an estimator as a model version, and push versions to a store."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, get_args

from aiapp_packing.choices import Choices, Datatype, Format
from aiapp_packing.console import Console
from aiapp_packing.errors import PackingError
from aiapp_packing.estimators import load_estimator
from aiapp_packing.packing import pack
from aiapp_packing.rows import read_rows

DESCRIPTION: Final = """\
Turns an estimator of scikit-learn into a model version that the serving base serves by itself.

    aiapp-model pack model.joblib --allow-pickle --rows holdout.csv --out build/1 --name iris
    aiapp-serve --model build/1
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
REFUSED: Final = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    given = _parser().parse_args(sys.argv[1:] if arguments is None else arguments)
    try:
        status: int = given.run(given, Console(sys.stdout))
    except PackingError as error:
        Console(sys.stderr).refuse(error)
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
    )
    packed = pack(load_estimator(given.estimator, allow_pickle=given.allow_pickle), rows, given.out, choices=choices)
    console.say(f"proved: {packed.proof}")
    console.done(f"{packed.folder} is version {packed.digest}, with {packed.cases} golden cases")
    console.say(f"next: aiapp-serve --model {packed.folder}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _described(argparse.ArgumentParser, "aiapp-model", DESCRIPTION, EPILOG)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_pack(_described(commands.add_parser, "pack", PACK, PACK_EPILOG, help="estimator -> version folder"))
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
    add("--allow-pickle", action="store_true", help="load a pickle, which runs its author's code: for your own only")


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) != len(names):
        raise argparse.ArgumentTypeError(f"{text!a} is no list of different names, such as a,b,c")
    return names


if __name__ == "__main__":
    sys.exit(main())
