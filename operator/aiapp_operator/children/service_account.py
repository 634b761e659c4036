"""The ServiceAccount that the pods run as."""

from typing import Final

from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.children.metadata import child_metadata
from aiapp_operator.state import Manifest

CLIENT_ID: Final = "azure.workload.identity/client-id"
"""Annotation by which Azure's own tools, too, know the identity of a ServiceAccount."""


def service_account(app: AIApp) -> Manifest:
    """Return the app's own ServiceAccount; an app has no business with the API server, so it gets no token."""
    identity = app.spec.model_source.identity if app.spec.model_source else None
    annotations = {CLIENT_ID: identity.client_id} if identity and identity.client_id else None
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": child_metadata(app, annotations=annotations),
        "automountServiceAccountToken": False,
    }
