"""What may be chosen when a model is packed. Pure."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from aiapp_packing.errors import PackingError

Format = Literal["onnx", "skops"]
Datatype = Literal["FP32", "FP64"]

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Choices:
    """All that has a default.

    name: of the model, in its URL. columns: names of the input's columns, for errors and documentation.
    labels: what a classifier's whole numbers stand for, in the order of its classes; empty: the numbers themselves.
    datatype: of an ONNX model's input. tolerance: how far probabilities and predicted numbers may be from the
    estimator's own. trusted_types: in a skops file, beyond skops' own list: what the cluster's administrator lists.
    """

    name: str = "model"
    format: Format = "onnx"
    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    datatype: Datatype = "FP32"
    tolerance: float = 1e-4
    trusted_types: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            fix = "use letters, digits and . _ - between them, 63 at the most"
            raise PackingError(f"{self.name!a} cannot be a model's name in a URL", fix)
        if not 0 <= self.tolerance < float("inf"):
            raise PackingError(f"the tolerance {self.tolerance} is no distance", "give one such as 1e-4")
