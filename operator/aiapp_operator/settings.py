"""The operator's own settings, read from the environment once at start; the chart sets them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """What the administrator chose for all apps.

    fetch_image: the serving image whose `fetch` loads models, best by digest.
    trust_config_map: ConfigMap with key `ca.crt` in every app namespace, or empty: system roots only.
    trust_bundle: the same authorities as a file in the operator's own pod, or empty.
    cluster_domain: the cluster's DNS domain.
    probe_port: where /healthz answers.
    metrics_port: where /metrics answers.
    """

    fetch_image: str
    trust_config_map: str = ""
    trust_bundle: str = ""
    cluster_domain: str = "cluster.local"
    probe_port: int = 8080
    metrics_port: int = 9090

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read AIAPP_* variables.

        Raises:
            ValueError: AIAPP_FETCH_IMAGE is missing or a port is no number.
        """
        if not env.get("AIAPP_FETCH_IMAGE"):
            raise ValueError("AIAPP_FETCH_IMAGE is not set: name the serving image (chart value serving.image)")
        return cls(
            fetch_image=env["AIAPP_FETCH_IMAGE"],
            trust_config_map=env.get("AIAPP_TRUST_CONFIG_MAP", ""),
            trust_bundle=env.get("AIAPP_TRUST_BUNDLE", ""),
            cluster_domain=env.get("AIAPP_CLUSTER_DOMAIN", "cluster.local"),
            probe_port=int(env.get("AIAPP_PROBE_PORT", "8080")),
            metrics_port=int(env.get("AIAPP_METRICS_PORT", "9090")),
        )
