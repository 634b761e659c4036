"""What all children have in common: names, labels and the owner reference."""

from aiapp_models import contract
from aiapp_operator.api.v1alpha1 import API_VERSION, KIND, AIApp
from aiapp_operator.state import Manifest


def labels(name: str) -> dict[str, str]:
    """Return the labels of every child of the app `name`; the operator watches by them."""
    return {contract.LABEL_INSTANCE: name, contract.LABEL_MANAGED_BY: contract.MANAGED_BY}


def selector(name: str) -> dict[str, str]:
    """Return the labels that select the serving pods; a Deployment's selector can never change."""
    return {contract.LABEL_INSTANCE: name, contract.LABEL_ROLE: contract.ROLE_SERVING}


def owner_reference(app: AIApp) -> Manifest:
    """Return the reference by which the garbage collector deletes a child with its app, operator or not.

    blockOwnerDeletion is False: True would need the right to set finalizers of AIApps.
    """
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": app.metadata.name,
        "uid": app.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def child_metadata(app: AIApp, name: str = "", annotations: dict[str, str] | None = None) -> Manifest:
    """Return the metadata of a child, named as the app unless `name` is given."""
    metadata: Manifest = {
        "name": name or app.metadata.name,
        "namespace": app.metadata.namespace,
        "labels": labels(app.metadata.name),
        "ownerReferences": [owner_reference(app)],
    }
    if annotations:
        metadata["annotations"] = annotations
    return metadata
