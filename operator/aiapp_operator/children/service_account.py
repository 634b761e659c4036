"""The ServiceAccount that the pods run as."""

from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.children.metadata import child_metadata
from aiapp_operator.state import Manifest


def service_account(app: AIApp) -> Manifest:
    """Return the app's own ServiceAccount; an app has no business with the API server, so it gets no token."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": child_metadata(app),
        "automountServiceAccountToken": False,
    }
