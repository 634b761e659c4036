"""The PodDisruptionBudget: node upgrades take one serving pod at a time."""

from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.children.metadata import child_metadata, selector
from aiapp_operator.state import Manifest


def disruption_budget(app: AIApp) -> Manifest:
    """Return the budget of `app`.

    maxUnavailable, not minAvailable, so that it never blocks a node upgrade for ever; AlwaysAllow, because a pod
    that is not ready serves nobody and must not hold a node either.
    """
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": child_metadata(app),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": selector(app.metadata.name)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
