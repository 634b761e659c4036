"""Rows to prove a model on, from a file: CSV, JSON or .npy."""

import csv
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aiapp_packing.errors import PackingError

Rows = NDArray[np.float64]

SUFFIXES: Final = ("csv", "json", "npy")


def read_rows(file: Path) -> tuple[Rows, tuple[str, ...]]:
    """Return the rows of a file and the names of their columns, which the first line of a CSV may hold.

    Raises:
        PackingError: the file cannot be read, or holds something else than rows of numbers.
    """
    try:
        if file.suffix == ".csv":
            return _csv(file)
        if file.suffix == ".json":
            return checked_rows(json.loads(file.read_text("utf-8")), str(file)), ()
        if file.suffix == ".npy":
            return checked_rows(np.load(file, allow_pickle=False), str(file)), ()
    except OSError as error:
        raise PackingError(f"{file} cannot be read: {error.strerror}", "check --rows") from None
    except ValueError as error:
        raise PackingError(f"{file} cannot be read as {file.suffix[1:].upper()}: {error}", "check --rows") from None
    fix = "give a CSV of numbers, a JSON list of rows, or an array saved by numpy.save"
    raise PackingError(f"{file} does not end in {', '.join(f'.{suffix}' for suffix in SUFFIXES)}", fix)


def checked_rows(given: Any, what: str) -> Rows:
    """Return rows of numbers as they are scored: two axes, at least one row.

    Raises:
        PackingError: they are none.
    """
    fix = "give rows as the estimator's predict() takes them: a list of equally long lists of numbers"
    try:
        rows = np.asarray(given, dtype=np.float64)
    except (ValueError, TypeError):
        raise PackingError(f"{what} holds something else than rows of numbers", fix) from None
    if rows.ndim != 2 or 0 in rows.shape:
        raise PackingError(f"{what} has the shape {list(rows.shape)}, not [rows, columns]", fix)
    return rows


def _csv(file: Path) -> tuple[Rows, tuple[str, ...]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        lines = [line for line in csv.reader(stream) if line]
    header = tuple(name.strip() for name in lines[0]) if lines and not _is_number(lines[0][0]) else ()
    for number, line in enumerate(lines[1:] if header else lines, 2 if header else 1):
        if len(line) != len(lines[0]):
            raise ValueError(f"line {number} has {len(line)} values, the first one {len(lines[0])}")
        if wrong := next((value for value in line if not _is_number(value)), None):
            raise ValueError(f"line {number} has {wrong[:40]!a}, which is no number")
    return checked_rows(lines[1:] if header else lines, str(file)), header


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
