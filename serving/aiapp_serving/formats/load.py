"""From a model's folder to what answers with it."""

from pathlib import Path

from aiapp_serving.engine import Engine
from aiapp_serving.formats.admin import AdminChoices
from aiapp_serving.formats.estimator import EstimatorEngine
from aiapp_serving.formats.folder import the_model
from aiapp_serving.formats.kinds import Kind
from aiapp_serving.formats.metadata_file import described
from aiapp_serving.formats.onnx import OnnxEngine, load_onnx
from aiapp_serving.formats.pickles import load_pickle
from aiapp_serving.formats.skops import load_skops


def load(folder: Path, admin: AdminChoices) -> Engine:
    """Load the one model of a folder.

    Raises:
        ModelError: there is none, or it is not to be served; nothing of it has run.
    """
    folder = folder.resolve()
    path, kind = the_model(folder, admin)
    engine: OnnxEngine | EstimatorEngine
    match kind:
        case Kind.ONNX:
            engine = load_onnx(path)
        case Kind.SKOPS:
            engine = load_skops(path, admin)
        case _:
            engine = load_pickle(path, admin)
    engine.metadata = described(folder, engine.metadata)
    return engine
