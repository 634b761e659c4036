"""The ControllerRevision: the record of one release, made from what and rendered to what."""

from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.children.metadata import child_metadata
from aiapp_operator.state import Manifest


def controller_revision(app: AIApp, name: str, revision: int, data: Manifest, annotations: dict[str, str]) -> Manifest:
    """Return the record `name`; `data` can never change, the annotations can."""
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": child_metadata(app, name, annotations),
        "revision": revision,
        "data": data,
    }
