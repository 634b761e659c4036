"""From a model's folder to what answers with it."""

from pathlib import Path

from aiapp_serving.engine import Engine
from aiapp_serving.errors import ModelError, ModelFault
from aiapp_serving.formats.admin import AdminChoices
from aiapp_serving.formats.folder import the_model
from aiapp_serving.formats.kinds import Kind
from aiapp_serving.formats.metadata_file import described
from aiapp_serving.formats.onnx import load_onnx


def load(folder: Path, admin: AdminChoices) -> Engine:
    """Load the one model of a folder.

    Raises:
        ModelError: there is none, or it is not to be served; nothing of it has run.
    """
    folder = folder.resolve()
    path, kind = the_model(folder, admin)
    if kind is not Kind.ONNX:
        raise ModelError(ModelFault.UNSUPPORTED, f"{path.name} is {kind}, which nothing here runs; pack it to ONNX")
    engine = load_onnx(path)
    engine.metadata = described(folder, engine.metadata)
    return engine
