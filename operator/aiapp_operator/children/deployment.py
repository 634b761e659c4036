"""The Deployment: always applied from the stored template of a release."""

from aiapp_models import contract
from aiapp_operator.api.fields import parse_duration
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.children.metadata import child_metadata, selector
from aiapp_operator.state import Manifest


def deployment(app: AIApp, revision: int, change_cause: str, template: Manifest) -> Manifest:
    """Return the Deployment that runs release `revision`.

    template: as the release's ControllerRevision has it, not one byte different.
    change_cause: what `kubectl rollout history` shows.
    """
    annotations = {contract.ANNOTATION_REVISION: str(revision), "kubernetes.io/change-cause": change_cause}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": child_metadata(app, annotations=annotations),
        "spec": {
            "replicas": app.spec.serving.replicas,
            "selector": {"matchLabels": selector(app.metadata.name)},
            # A pod of the old release goes only after one of the new release is ready in its place.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "progressDeadlineSeconds": int(parse_duration(app.spec.release.progress_deadline).total_seconds()),
            "revisionHistoryLimit": app.spec.release.revision_history_limit,
            "template": template,
        },
    }
