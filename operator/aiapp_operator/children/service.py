"""The Service: the one address of the app, whatever release stands behind it."""

from typing import Final

from aiapp_operator.api.v1alpha1 import AIApp, Exposure, ServiceType
from aiapp_operator.children.metadata import child_metadata, selector
from aiapp_operator.state import Manifest

AZURE: Final = "service.beta.kubernetes.io/azure-load-balancer-"
PORT: Final = 80
PORT_NAME: Final = "http"


def service(app: AIApp) -> Manifest:
    """Return the Service of `app`: port 80, in front of the serving pods."""
    exposed = app.spec.expose.service
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_metadata(app, annotations=_annotations(app)),
        "spec": {
            "type": exposed.type.value,
            "selector": selector(app.metadata.name),
            "ports": [{"name": PORT_NAME, "port": PORT, "protocol": "TCP", "targetPort": PORT_NAME}],
        },
    }


def _annotations(app: AIApp) -> dict[str, str]:
    exposed = app.spec.expose.service
    annotations = dict(exposed.annotations or {})
    if exposed.type is not ServiceType.LOAD_BALANCER:
        return annotations
    # Without a path of its own Azure's probe asks for "/", which an image of the user's own may not answer.
    annotations.setdefault(f"{AZURE}health-probe-request-path", app.spec.serving.readiness_path)
    if exposed.exposure is Exposure.INTERNAL:
        annotations[f"{AZURE}internal"] = "true"
    return annotations
