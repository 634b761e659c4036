"""From an estimator to a folder that is a whole model version: convert, prove, describe, and write SHA256SUMS last."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiapp_models.contract import GOLDEN_DIR, METADATA, SHA256SUMS
from aiapp_models.manifest import SumLine, content_digest, render_sums
from aiapp_packing.choices import Choices
from aiapp_packing.conversion import is_classifier, to_onnx, to_skops
from aiapp_packing.errors import PackingError
from aiapp_packing.golden import golden_cases
from aiapp_packing.metadata import metadata
from aiapp_packing.proof import Proof, as_sent, by_estimator, prove
from aiapp_packing.rows import Rows, checked_rows
from aiapp_packing.served import ask_golden_cases, load_served


@dataclass(frozen=True, slots=True)
class Packed:
    """A version on the disk; digest: of its content, as releases name it."""

    folder: Path
    digest: str
    proof: Proof
    cases: int


def pack(estimator: Any, rows: Any, folder: Path, name: str = "model", choices: Choices | None = None) -> Packed:
    """Write an estimator as a model version.

    rows: as its predict() takes them; what both answer to them is compared, and some become golden cases.
    folder: is made; there must be nothing in it. choices: all else, its own `name` included.

    Raises:
        PackingError: the estimator cannot be converted, or the packed model answers something else.
    """
    chosen = choices or Choices(name)
    if folder.is_symlink() or folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        fix = "versions never change: choose another folder, or delete this one"
        raise PackingError(f"{folder} holds something already", fix)
    given = checked_rows(rows, "rows")
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        packed = _packed(estimator, given, staging, chosen)
        staging.chmod(0o755)
        staging.rename(folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return replace(packed, folder=folder)


def _packed(estimator: Any, rows: Rows, folder: Path, choices: Choices) -> Packed:
    """Fill a folder, and prove it as the runtime serves it; SHA256SUMS comes last."""
    answers = by_estimator(estimator, rows)
    if choices.format == "skops":
        content = to_skops(estimator)
    else:
        content = to_onnx(estimator, rows.shape[1], answers.width, choices)
    files = {f"model.{choices.format}": content}
    _write(folder, files)
    files[METADATA] = _json(metadata(estimator, rows.shape[1], load_served(folder, choices).metadata, choices))
    _write(folder, files)

    engine = load_served(folder, choices)
    (taken,), first = engine.metadata.inputs, engine.metadata.outputs[0].name
    label = first if is_classifier(estimator) else ""
    sent = as_sent(rows, taken.datatype)
    outputs = engine.infer({taken.name: sent}, ())
    proof = prove(answers.named(first), outputs, label, choices.tolerance)

    usable = _writable(sent) & _writable(outputs[first])
    of_usable = {name: values[usable] for name, values in outputs.items()}
    golden = golden_cases(sent[usable], of_usable, engine.metadata, label, choices)
    if golden["cases"]:
        files[f"{GOLDEN_DIR}/packed.json"] = _json(golden)
        _write(folder, files)
        ask_golden_cases(folder, engine)
    lines = [SumLine(hashlib.sha256(content).hexdigest(), path) for path, content in files.items()]
    _write(folder, {SHA256SUMS: render_sums(lines)})
    return Packed(folder, content_digest(lines), proof, len(golden["cases"]))


def _writable(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell the rows that JSON can write, which has no NaN."""
    if values.dtype.kind != "f":
        return np.ones(len(values), dtype=np.bool_)
    return np.asarray(np.isfinite(values.reshape(len(values), -1)).all(axis=1))


def _json(value: object) -> bytes:
    return f"{json.dumps(value, indent=1)}\n".encode()


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)
