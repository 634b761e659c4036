"""A model's metadata as the protocol tells it. Pure."""

from typing import Any

from aiapp_serving.engine import ModelMetadata, TensorMetadata


def model_document(metadata: ModelMetadata, version: str) -> dict[str, Any]:
    """Return the body of `GET /v2/models/{model}`."""
    document: dict[str, Any] = {
        "name": metadata.name,
        "versions": [version],
        "platform": metadata.platform,
        "inputs": [_tensor(tensor) for tensor in metadata.inputs],
        "outputs": [_tensor(tensor) for tensor in metadata.outputs],
    }
    if metadata.frameworks:
        document["parameters"] = {"frameworks": dict(metadata.frameworks)}
    return document


def _tensor(tensor: TensorMetadata) -> dict[str, Any]:
    document: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
    names = {"columns": tensor.columns, "labels": tensor.labels}
    if parameters := {kind: given for kind, given in names.items() if given}:
        document["parameters"] = parameters
    return document
