"""From what the image and the model's folder hold to what answers: code first, else the model itself."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiapp_models import contract
from aiapp_serving.errors import ModelError, ScriptError
from aiapp_serving.scoring import EXAMPLE, Scorer, describe, load_app, load_scorer, prepare
from aiapp_serving.settings import ServeSettings

if TYPE_CHECKING:  # imported once there is something to load: the server answers its first probe before
    from wsgiref.types import WSGIApplication

    from aiapp_serving.engine import Engine, ModelMetadata

LOG = logging.getLogger("aiapp.serve")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What answers: an engine behind the addresses of the runtime, or a WSGI app of the user's."""

    engine: "Engine | None" = None
    app: "WSGIApplication | None" = None


def load(settings: ServeSettings) -> Loaded:
    """Load the app named by --app, else score.py, else the model by itself.

    Raises:
        ScriptError: see scoring; or there is nothing to serve.
        ModelError: the model cannot be served, or its metadata.json does not describe one.
    """
    if settings.app:
        return Loaded(app=load_app(settings.app).app)
    if settings.score.is_file():
        LOG.info("loading %s", settings.score)
        scorer = load_scorer(settings.score)
        prepare(scorer, settings.score)
        return _of_script(scorer, settings)
    if settings.model is None:
        raise ScriptError(
            f"nothing to serve: there is no {settings.score} and no model. Add a score.py to the image, "
            f"or name a model that serves itself (--model; spec.modelSource in a cluster):\n{EXAMPLE}"
        )
    from aiapp_serving import formats  # noqa: PLC0415

    LOG.info("loading the model of %s, as there is no %s", settings.model, settings.score)
    try:
        return Loaded(formats.load(settings.model, formats.AdminChoices.from_env(os.environ)))
    except ModelError as error:
        raise ScriptError(f"{error}; a {settings.score.name} in the image would serve any model") from error


def _of_script(scorer: Scorer, settings: ServeSettings) -> Loaded:
    if scorer.run is None:
        return Loaded(app=scorer.app)
    from aiapp_serving.run_input import run_input  # noqa: PLC0415 - numpy
    from aiapp_serving.script import ScriptEngine  # noqa: PLC0415

    where = f"{settings.score}: run"
    taken = run_input(scorer.run, where)
    metadata = _metadata(scorer.metadata, f"{settings.score}: metadata")
    if scorer.metadata is None and taken.arrays and settings.model is not None:
        file = settings.model / contract.METADATA
        metadata = _metadata(_document(file), str(file))
    return Loaded(ScriptEngine(scorer.run, taken, metadata))


def _document(file: Path) -> object:
    """Return the content of metadata.json where it describes tensors, else None: it is the app's own business."""
    try:
        document = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ScriptError(f"{file} cannot be read: {describe(error)}; correct it, or leave it out") from error
    return document if isinstance(document, Mapping) and "inputs" in document else None


def _metadata(document: object, where: str) -> "ModelMetadata":
    """Return what a document of the V2 protocol's says of the app's inputs and outputs."""
    from aiapp_serving.engine import ModelMetadata, TensorMetadata  # noqa: PLC0415
    from aiapp_serving.formats.metadata_file import merged  # noqa: PLC0415

    def tensors(member: str, said: Mapping[str, Any]) -> tuple[TensorMetadata, ...]:
        return tuple(TensorMetadata(one["name"], one["datatype"], tuple(one["shape"])) for one in said.get(member, ()))

    if document is None:
        return ModelMetadata()
    try:
        said = dict(document) if isinstance(document, Mapping) else {}
        inputs, outputs = tensors("inputs", said), tensors("outputs", said)
        return merged(said, ModelMetadata(platform=str(said.get("platform", "")), inputs=inputs, outputs=outputs))
    except (KeyError, TypeError, AttributeError, ModelError) as error:
        raise ScriptError(
            f'{where} does not describe tensors ({describe(error)}); write {{"inputs": [{{"name": "x", '
            '"datatype": "FP32", "shape": [-1, 4]}]}, "outputs": [...]}'
        ) from error
