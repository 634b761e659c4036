"""What a model is to the runtime: named tensors in, named tensors out, and what is known of both beforehand. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]
"""By name. Text is of numpy's kind `O`, items `str` or `bytes`."""


@dataclass(frozen=True, slots=True)
class TensorMetadata:
    """One input or output.

    datatype: a name of the Open Inference Protocol, such as FP32. shape: -1 where any length will do.
    columns: names along the last axis. labels: what the whole numbers of an output stand for, by their value.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    def takes(self, shape: Sequence[int]) -> bool:
        """Tell whether an array of this shape is such a tensor."""
        return len(shape) == len(self.shape) and all(
            expected in (-1, length) for expected, length in zip(self.shape, shape, strict=True)
        )


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """What a model says of itself; no inputs: it takes whatever its code takes.

    platform: the protocol's word for what runs it, such as `onnx_onnxv1`. frameworks: version by name, as trained.
    """

    name: str = "model"
    platform: str = ""
    inputs: tuple[TensorMetadata, ...] = ()
    outputs: tuple[TensorMetadata, ...] = ()
    frameworks: Mapping[str, str] = field(default_factory=dict)


class Engine(Protocol):
    """A loaded model; called from several threads at once."""

    @property
    def metadata(self) -> ModelMetadata:
        """Return what is known of the model."""

    def score(self, value: Any) -> object:
        """Return what `POST /score` answers as `result` to the value of `input`: what orjson can write, arrays too.

        Raises:
            InvalidInput: the value does not fit; the text names the column or place, what was expected and what came.
        """

    def infer(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """Return the named outputs, all of them for no names; the inputs fit the metadata.

        Raises:
            InvalidInput: see score.
        """
