"""metadata.json of a model's folder: what its author says of the model, held against what the model says itself."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson

from aiapp_models import contract
from aiapp_serving.engine import ModelMetadata, TensorMetadata
from aiapp_serving.errors import ModelError, ModelFault
from aiapp_serving.formats.words import first_line, shown
from aiapp_serving.v2.datatypes import DATATYPES

MAX_BYTES: Final = 1024 * 1024
MAX_NAMES: Final = 100_000
_FIX: Final = "correct it, or leave it out of the model"


def described(folder: Path, found: ModelMetadata) -> ModelMetadata:
    """Return what is known of a loaded model: its own metadata, with the names and labels of metadata.json.

    Raises:
        ModelError: SchemaMismatch; metadata.json cannot be read or tells of another model.
    """
    try:
        with (folder / contract.METADATA).open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return found
    if len(text) > MAX_BYTES:
        raise _wrong(f"has more than {MAX_BYTES} bytes")
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _wrong(f"is no JSON: {first_line(error)}") from None
    return merged(_object(document, "the document"), found)


def merged(document: Mapping[str, Any], found: ModelMetadata) -> ModelMetadata:
    """Return the model's own metadata with the document's name, columns, labels, narrower shapes and frameworks.

    Raises:
        ModelError: SchemaMismatch, naming the member.
    """
    parameters = _object(document.get("parameters", {}), "parameters")
    frameworks = _object(parameters.get("frameworks", {}), "parameters.frameworks")
    return replace(
        found,
        name=_text(document.get("name", found.name), "name"),
        inputs=_tensors(document, "inputs", found.inputs),
        outputs=_tensors(document, "outputs", found.outputs),
        frameworks={name: _text(version, f"parameters.frameworks.{name}") for name, version in frameworks.items()},
    )


def _tensors(document: Mapping[str, Any], member: str, found: tuple[TensorMetadata, ...]) -> tuple[TensorMetadata, ...]:
    if member not in document:
        return found
    said = _list(document[member], member)
    if len(said) != len(found):
        raise _wrong(f"has {len(said)} {member}, the model has {len(found)}")
    return tuple(
        _tensor(_object(one, f"{member}[{number}]"), f"{member}[{number}]", tensor)
        for number, (one, tensor) in enumerate(zip(said, found, strict=True))
    )


def _tensor(said: Mapping[str, Any], place: str, found: TensorMetadata) -> TensorMetadata:
    for member, own in (("name", found.name), ("datatype", found.datatype)):
        if said.get(member) != own:
            raise _wrong(f"has {place}.{member} {shown(said.get(member))}, the model has {shown(own)}")
    shape = _shape(said.get("shape", list(found.shape)), f"{place}.shape", found)
    parameters = _object(said.get("parameters", {}), f"{place}.parameters")
    columns = _names(parameters.get("columns", []), f"{place}.parameters.columns")
    labels = _names(parameters.get("labels", []), f"{place}.parameters.labels")
    if columns and (not shape or shape[-1] not in {-1, len(columns)}):
        raise _wrong(f"has {len(columns)} names in {place}.parameters.columns, the model has shape {list(shape)}")
    if len(set(columns)) < len(columns):
        raise _wrong(f"has a name twice in {place}.parameters.columns")
    if labels and DATATYPES[found.datatype].dtype.kind not in "iu":
        raise _wrong(f"has {place}.parameters.labels, which stand for whole numbers; the model has {found.datatype}")
    return replace(found, shape=shape, columns=columns, labels=labels)


def _shape(said: object, place: str, found: TensorMetadata) -> tuple[int, ...]:
    """Return the shape as it was said, which may fix a length that the model leaves open and never the reverse."""
    lengths = _list(said, place)
    if not all(type(length) is int and length >= -1 for length in lengths):
        raise _wrong(f"has {place} {shown(lengths)}, which is no list of lengths")
    if found.shape and not found.takes(lengths):
        raise _wrong(f"has {place} {shown(lengths)}, the model has {list(found.shape)}")
    return tuple(lengths)


def _names(value: object, place: str) -> tuple[str, ...]:
    names = _list(value, place)
    if len(names) > MAX_NAMES:
        raise _wrong(f"has more than {MAX_NAMES} names in {place}")
    return tuple(_text(name, place) for name in names)


def _object(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(f"has {place}, which is no object")
    return value


def _list(value: object, place: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise _wrong(f"has {place}, which is no list")
    return value


def _text(value: object, place: str) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise _wrong(f"has {place} {shown(value)}, which is no plain text")
    return value


def _wrong(problem: str) -> ModelError:
    return ModelError(ModelFault.SCHEMA_MISMATCH, f"{contract.METADATA} {problem}; {_FIX}")
