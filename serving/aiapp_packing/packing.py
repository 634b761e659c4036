"""From an estimator to a folder that is a whole model version: convert, prove, describe, and write SHA256SUMS last."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiapp_models.contract import GOLDEN_DIR, METADATA, SHA256SUMS
from aiapp_models.manifest import SumLine, content_digest, render_sums
from aiapp_packing.choices import Choices
from aiapp_packing.conversion import to_onnx, to_skops
from aiapp_packing.errors import PackingError
from aiapp_packing.golden import golden_cases
from aiapp_packing.metadata import metadata
from aiapp_packing.proof import Outputs, Proof, as_sent, by_estimator, by_onnx, prove
from aiapp_packing.rows import checked_rows


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
    sent = as_sent(given, chosen)
    model, outputs, proof = _converted(estimator, given, sent, chosen)
    described = metadata(estimator, given.shape[1], outputs, chosen)
    usable = np.isfinite(sent).all(axis=1)  # JSON has no NaN
    golden = golden_cases(sent[usable], {key: values[usable] for key, values in outputs.items()}, chosen)
    files = {f"model.{chosen.format}": model, METADATA: _json(described)}
    if golden["cases"]:
        files[f"{GOLDEN_DIR}/packed.json"] = _json(golden)
    return Packed(folder, _write(folder, files), proof, len(golden["cases"]))


def _converted(
    estimator: Any, rows: NDArray[np.float64], sent: NDArray[Any], choices: Choices
) -> tuple[bytes, Outputs, Proof]:
    """Return the model file, what it answers, and the proof that the estimator answers the same."""
    expected = by_estimator(estimator, rows)
    if choices.format == "skops":
        content = to_skops(estimator)
        outputs = by_estimator(estimator, sent)  # it is the same code that serves it
    else:
        content = to_onnx(estimator, rows.shape[1], choices)
        answered = by_onnx(content, sent)
        outputs = {name: answered[name] for name in expected if name in answered} or answered
    return content, outputs, prove(expected, outputs, choices.tolerance)


def _json(value: object) -> bytes:
    return f"{json.dumps(value, indent=1)}\n".encode()


def _write(folder: Path, files: Mapping[str, bytes]) -> str:
    """Write beside the folder and move into its place, so that it is whole or not there; return the digest."""
    lines = [SumLine(hashlib.sha256(content).hexdigest(), path) for path, content in files.items()]
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for path, content in (*files.items(), (SHA256SUMS, render_sums(lines))):
            (staging / path).parent.mkdir(exist_ok=True)
            (staging / path).write_bytes(content)
        staging.chmod(0o755)
        staging.rename(folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return content_digest(lines)
