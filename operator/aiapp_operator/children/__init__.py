"""The objects that an app is made of, one builder of plain manifests per kind. Pure."""

from pydantic import ValidationError

from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.children.deployment import deployment
from aiapp_operator.children.disruption_budget import disruption_budget
from aiapp_operator.children.service import service
from aiapp_operator.children.service_account import service_account
from aiapp_operator.release.ledger import Release
from aiapp_operator.state import Manifest, ObjectId


def expected(app: Manifest) -> tuple[ObjectId, ...]:
    """Return the names that `app` needs; none where its spec cannot be read."""
    try:
        parsed = AIApp.parse(app)
    except ValidationError:
        return ()
    name = parsed.metadata.name
    kinds = ["Service", "Deployment"]
    if parsed.spec.serving.replicas > 1:
        kinds.append("PodDisruptionBudget")
    if parsed.spec.service_account_name is None:
        kinds.append("ServiceAccount")
    return tuple(ObjectId(kind, name) for kind in kinds)


def build(app: AIApp, release: Release | None, *, own_service_account: bool) -> tuple[Manifest, ...]:
    """Return the children of `app` that run `release`; without one, those that can stand before it."""
    children = [service_account(app)] if own_service_account else []
    children.append(service(app))
    if release:
        children.append(deployment(app, release.number, release.notes.change or release.contents, release.template))
    if app.spec.serving.replicas > 1:
        children.append(disruption_budget(app))
    return tuple(children)
