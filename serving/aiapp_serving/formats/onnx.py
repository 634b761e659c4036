"""ONNX files, run by onnxruntime on the CPU; nothing in them is code."""

import os
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiapp_serving import cpu
from aiapp_serving.engine import ModelMetadata, TensorMetadata, Tensors
from aiapp_serving.errors import InvalidInput, ModelError, ModelFault
from aiapp_serving.formats import rows
from aiapp_serving.formats.words import first_line, shown

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, SessionOptions

PLATFORM: Final = "onnx_onnxv1"
MAX_ELEMENTS: Final = 2**31
"""Of one row or fixed shape; a larger one is a mistake or an attack, as no request could carry it."""

_DATATYPES: Final[Mapping[str, str]] = {
    "tensor(bool)": "BOOL",
    "tensor(string)": "BYTES",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    **{f"tensor({sign}int{bits})": f"{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
_ZIPMAP: Final = "has no ZipMap: `aiapp-model pack` leaves it out, skl2onnx does with options={'zipmap': False}"


class OnnxEngine:
    """A session of onnxruntime; it may be run from several threads at once."""

    def __init__(self, session: "InferenceSession", metadata: ModelMetadata, wrong_input: type[Exception]) -> None:
        self.metadata = metadata
        self._run = session.run
        self._names = tuple(tensor.name for tensor in metadata.outputs)
        self._wrong_input = wrong_input

    def score(self, value: Any) -> object:
        """See Engine."""
        return rows.score(self.metadata, self.infer, value)

    def infer(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """See Engine."""
        names = outputs or self._names
        try:
            return dict(zip(names, self._run(names, inputs), strict=True))
        except self._wrong_input as error:  # such as lengths of two inputs that must be the same
            raise InvalidInput(first_line(error)) from None


def load_onnx(path: Path) -> OnnxEngine:
    """Load a file whose external data has been checked.

    Raises:
        ModelError: Corrupt or UnsupportedModel.
        MemoryError: there is not enough.
    """
    import onnxruntime  # noqa: PLC0415 - only for such models
    from onnxruntime.capi import onnxruntime_pybind11_state as errors  # noqa: PLC0415

    broken = (errors.InvalidProtobuf, errors.ModelLoadCanceled)
    try:
        session = onnxruntime.InferenceSession(
            str(path), _options(onnxruntime.SessionOptions()), providers=["CPUExecutionProvider"]
        )
    except broken as error:
        raise ModelError(
            ModelFault.CORRUPT, f"{shown(path.name)} is a broken ONNX file: {first_line(error)}; upload it again"
        ) from None
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - onnxruntime has a class for each of its codes
        sentence = f"{shown(path.name)} is ONNX that onnxruntime {onnxruntime.__version__} cannot run"
        fix = "export it with operators and an opset that this version has"
        raise ModelError(ModelFault.UNSUPPORTED, f"{sentence}: {first_line(error)}; {fix}") from None
    return OnnxEngine(session, _metadata(session, path), errors.InvalidArgument)


def _options(options: "SessionOptions") -> "SessionOptions":
    options.intra_op_num_threads = cpu.pool_threads(os.environ)
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what it has to say comes as an exception
    for key, value in {
        "session.intra_op.allow_spinning": "0",  # a thread that waits must not use up the container's CPU limit
        "session.inter_op.allow_spinning": "0",
        "session.load_model_format": "ONNX",  # never by the file's name
    }.items():
        options.add_session_config_entry(key, value)
    return options


def _metadata(session: "InferenceSession", path: Path) -> ModelMetadata:
    return ModelMetadata(
        platform=PLATFORM,
        inputs=tuple(_tensor(argument, path, "input") for argument in session.get_inputs()),
        outputs=tuple(_tensor(argument, path, "output") for argument in session.get_outputs()),
    )


def _tensor(argument: Any, path: Path, kind: str) -> TensorMetadata:
    datatype = _DATATYPES.get(argument.type)
    which = f"{shown(path.name)}: {kind} {shown(argument.name)}"
    if datatype is None:
        fix = _ZIPMAP if "map(" in argument.type else "has tensors of numbers, booleans or text"
        raise ModelError(
            ModelFault.UNSUPPORTED, f"{which} is {argument.type}, which no request can carry; export one that {fix}"
        )
    shape = tuple(length if isinstance(length, int) and length >= 0 else -1 for length in argument.shape)
    if prod(length for length in shape if length > 0) > MAX_ELEMENTS:
        raise ModelError(
            ModelFault.UNSUPPORTED, f"{which} has shape {list(shape)}, more than {MAX_ELEMENTS} values; export it anew"
        )
    return TensorMetadata(argument.name, datatype, shape)
