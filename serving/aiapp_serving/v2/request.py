"""An inference request to tensors that fit the model's metadata. Pure."""

from typing import Any, Final, NamedTuple

from numpy.typing import NDArray

from aiapp_serving.engine import ModelMetadata, TensorMetadata, Tensors
from aiapp_serving.errors import InvalidInput, Refused
from aiapp_serving.v2.binary import from_bytes, from_raw, raw_shape
from aiapp_serving.v2.datatypes import DATATYPES, Datatype
from aiapp_serving.v2.requested import ALL_BINARY, RequestedOutputs, requested_outputs
from aiapp_serving.v2.values import array_of, shown

MAX_INPUTS: Final = 1_024
MAX_RANK: Final = 8
MAX_ELEMENTS: Final = 16 * 1024 * 1024
"""Of one tensor: a text without a letter takes four bytes of a body, but eight in memory."""
MAX_ROWS: Final = 100_000
"""In one request; more are several requests."""

_FIELDS: Final = frozenset({"id", "model_name", "parameters", "inputs", "outputs"})
_INPUT_FIELDS: Final = frozenset({"name", "shape", "datatype", "parameters", "data"})
_LENGTHS: Final = frozenset({int})
_REFUSED: Final = {
    "sequence_id": "sequences of requests are not supported; send each request for itself",
    "shared_memory_region": "shared memory is not supported; send the values as data or binary_data_size",
}


class InferRequest(NamedTuple):
    """What a client asks; no id: None."""

    tensors: Tensors
    id: str | None
    outputs: RequestedOutputs


class RequestReader:
    """Reads the requests for one model."""

    def __init__(self, metadata: ModelMetadata) -> None:
        self._model = metadata.name
        self._metadata = metadata
        self._inputs = {tensor.name: tensor for tensor in metadata.inputs}
        self._outputs = tuple(tensor.name for tensor in metadata.outputs)

    def read(self, document: Any, raw: memoryview | None = None) -> InferRequest:
        """Return the request of a body's JSON and the raw bytes behind it.

        Raises:
            InvalidInput: it does not fit; the text names the input, the column, what was expected and what came.
            Refused: 413, too many inputs, rows or values.
        """
        if type(document) is not dict or type(inputs := document.get("inputs")) is not list or not inputs:
            raise InvalidInput('the body must be an object with a list of at least one input: {"inputs": [...]}')
        if not document.keys() <= _FIELDS:
            raise InvalidInput(f"the body may have the fields {_listed(_FIELDS)}; {_unknown(document, _FIELDS)}")
        if (model := document.get("model_name")) is not None and model != self._model:  # KServe's client repeats it
            raise InvalidInput(f"model_name: the address names the model {self._model!a}, the body {shown(model)}")
        if len(inputs) > MAX_INPUTS:
            raise Refused(413, f"at most {MAX_INPUTS} inputs are allowed, got {len(inputs)}")
        identity = document.get("id")
        if identity is not None and (type(identity) is not str or len(identity) > 256):
            raise InvalidInput(f"id: expected a text of at most 256 characters, got {shown(identity)}")
        parameters = parameters_of(document, "the request")
        outputs = requested_outputs(document.get("outputs"), parameters, self._outputs)
        return InferRequest(self._tensors(inputs, raw), identity, outputs)

    def read_raw(self, raw: memoryview) -> InferRequest:
        """Return the request of a body without JSON: the values of the model's one input, and all outputs as bytes.

        Raises:
            InvalidInput: the model's metadata and the number of bytes do not decide the shape.
        """
        if len(self._inputs) != 1:
            problem = f"the model has {len(self._inputs)}; send JSON before the bytes, and its length"
            raise InvalidInput(f"Inference-Header-Content-Length 0 is for models of one input, {problem}")
        (known,) = self._metadata.inputs
        where = f"input {_safe(known.name)}"
        datatype = _datatype(known.datatype, known, where)
        shape = raw_shape(known, datatype, len(raw), where)
        checked = _shape(list(shape), known, where)
        return InferRequest({known.name: from_raw(raw, datatype, checked, where)}, None, ALL_BINARY)

    def _tensors(self, inputs: list[Any], raw: memoryview | None) -> dict[str, NDArray[Any]]:
        tensors: dict[str, NDArray[Any]] = {}
        for item in inputs:
            name, array, raw = self._tensor(item, raw)
            if name in tensors:
                raise InvalidInput(f"input {name[:80]} is there twice")
            tensors[name] = array
        if raw:
            raise InvalidInput(f"{len(raw)} bytes behind the JSON belong to no input; set their binary_data_size")
        if self._inputs and len(tensors) < len(self._inputs):
            missing = next(name for name in self._inputs if name not in tensors)
            raise InvalidInput(f"input {missing} is missing; got {_listed(tensors)}")
        return tensors

    def _tensor(self, item: Any, raw: memoryview | None) -> tuple[str, NDArray[Any], memoryview | None]:
        """Return an input's name and array, and the raw bytes that are left for the next."""
        if type(item) is not dict or type(name := item.get("name")) is not str or not name:
            raise InvalidInput(f"inputs: expected objects with a name, got {shown(item)}")
        where = f"input {_safe(name)}"
        if not item.keys() <= _INPUT_FIELDS:
            raise InvalidInput(f"{where}: {_unknown(item, _INPUT_FIELDS)}; it may have {_listed(_INPUT_FIELDS)}")
        known = self._known(name, where)
        datatype = _datatype(item.get("datatype"), known, where)
        shape = _shape(item.get("shape"), known, where)
        columns = known.columns if known else ()
        if (parameters := parameters_of(item, where)) and "binary_data_size" in parameters:
            mine, left = _raw(item, parameters["binary_data_size"], raw, where)
            return name, from_bytes(mine, datatype, shape, where), left
        return name, array_of(item.get("data"), datatype, shape, columns, where), raw

    def _known(self, name: str, where: str) -> TensorMetadata | None:
        if not self._inputs:
            return None
        if (known := self._inputs.get(name)) is None:
            raise InvalidInput(f"{where}: the model has no such input; it has {_listed(self._inputs)}")
        return known


def parameters_of(item: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the parameters; those that would change an answer's meaning unseen are refused by name."""
    parameters = item.get("parameters")
    if parameters is None:
        return {}
    if type(parameters) is not dict:
        raise InvalidInput(f"{where}: parameters must be an object, got {shown(parameters)}")
    for name, problem in _REFUSED.items():
        if parameters.get(name):
            raise InvalidInput(f"{where}: parameter {name}: {problem}")
    return parameters


def _datatype(asked: Any, known: TensorMetadata | None, where: str) -> Datatype:
    datatype = DATATYPES.get(asked) if type(asked) is str else None
    if datatype is None:
        raise InvalidInput(f"{where}: datatype: expected one of {', '.join(DATATYPES)}, got {shown(asked)}")
    if known and known.datatype != asked:
        raise InvalidInput(f"{where}: expected the datatype {known.datatype}, got {asked}")
    return datatype


def _shape(asked: Any, known: TensorMetadata | None, where: str) -> tuple[int, ...]:
    """Return the shape, checked against what the model takes and what one request may hold."""
    if (
        type(asked) is not list
        or not _LENGTHS.issuperset(map(type, asked))
        or (asked and not 0 <= min(asked) <= max(asked) < 2**63)
    ):
        raise InvalidInput(f"{where}: shape must be a list of whole numbers from 0, got {_shown_shape(asked)}")
    if len(asked) > MAX_RANK:
        raise InvalidInput(f"{where}: shape has {len(asked)} numbers; at most {MAX_RANK} are allowed")
    shape = tuple(asked)
    if known:
        _check_shape(shape, known, where)
    if 0 in shape:
        raise InvalidInput(f"{where}: the shape {asked} holds no value; send at least one row")
    if shape and shape[0] > MAX_ROWS and (known.shape[:1] == (-1,) if known else len(shape) > 1):
        raise Refused(413, f"{where}: at most {MAX_ROWS} rows are allowed in one request, got {shape[0]}; send several")
    elements = 1
    for length in shape:
        elements *= length
    if elements > MAX_ELEMENTS:
        raise Refused(413, f"{where}: at most {MAX_ELEMENTS} values are allowed, the shape {asked} has more")
    return shape


def _check_shape(shape: tuple[int, ...], known: TensorMetadata, where: str) -> None:
    if shape == known.shape or (shape[1:] == known.shape[1:] and known.shape[:1] == (-1,) and shape):
        return
    if known.takes(shape):
        return
    columns = f" (columns: {_listed(known.columns)})" if known.columns else ""
    raise InvalidInput(f"{where}: expected the shape {list(known.shape)}{columns}, got {list(shape)}")


def _raw(item: dict[str, Any], size: Any, raw: memoryview | None, where: str) -> tuple[memoryview, memoryview]:
    """Return an input's raw bytes, and those behind them."""
    if raw is None:
        raise InvalidInput(f"{where}: binary_data_size needs the header Inference-Header-Content-Length")
    if item.get("data") is not None:
        raise InvalidInput(f"{where}: it has both data and binary_data_size; send one of them")
    if type(size) is not int or size < 0:
        raise InvalidInput(f"{where}: binary_data_size must be a number of bytes, got {shown(size)}")
    if size > len(raw):
        raise InvalidInput(f"{where}: binary_data_size says {size} bytes, {len(raw)} are left in the body")
    return raw[:size], raw[size:]


def _shown_shape(asked: Any) -> str:
    return "[" + ", ".join(shown(length) for length in asked[:MAX_RANK]) + "]" if type(asked) is list else shown(asked)


def _safe(name: str) -> str:
    return name[:80] if name.isprintable() and name.isascii() else ascii(name[:80])


def _unknown(item: dict[str, Any], known: frozenset[str]) -> str:
    return f"unknown: {_listed(name for name in item if name not in known)}"


def _listed(names: Any) -> str:
    names = sorted(names) if isinstance(names, frozenset) else list(names)
    return ", ".join(_safe(name) for name in names[:10]) + (", .." if len(names) > 10 else "")
