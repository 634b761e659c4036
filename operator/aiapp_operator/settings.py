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
    listed_endpoints: registries and stores on private networks, inside the cluster or over plain http, that apps may
        name: `harbor.corp.example`, `*.corp.example`, `http://minio.storage.svc:9000`; separated by commas.
    cluster_networks: networks of the cluster's pods and Services in CIDR form, separated by commas.
    azure_authority: https address of the Microsoft Entra endpoint of the cloud.
    azure_tenant: tenant of workload identities that name none.
    verify_hours: how often the sources of what serves are asked whether its bytes are still there.
    namespace, service_account: who the operator is, for the words that say how to grant it a right.
    probe_port: where /healthz answers.
    metrics_port: where /metrics answers.
    log_format: `json`, or `full` for people.
    """

    fetch_image: str
    trust_config_map: str = ""
    trust_bundle: str = ""
    cluster_domain: str = "cluster.local"
    listed_endpoints: str = ""
    cluster_networks: str = ""
    azure_authority: str = "https://login.microsoftonline.com"
    azure_tenant: str = ""
    verify_hours: float = 24
    namespace: str = "aiapp-system"
    service_account: str = "aiapp-operator"
    probe_port: int = 8080
    metrics_port: int = 9090
    log_format: str = "json"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read AIAPP_* variables.

        Raises:
            ValueError: AIAPP_FETCH_IMAGE is missing, a port is no number or the log format unknown.
        """
        if not env.get("AIAPP_FETCH_IMAGE"):
            raise ValueError("AIAPP_FETCH_IMAGE is not set: name the serving image (chart value serving.image)")
        log_format = env.get("AIAPP_LOG_FORMAT", "json")
        if log_format not in {"json", "full"}:
            raise ValueError(f"AIAPP_LOG_FORMAT is {log_format!r}: write json or full")
        return cls(
            fetch_image=env["AIAPP_FETCH_IMAGE"],
            trust_config_map=env.get("AIAPP_TRUST_CONFIG_MAP", ""),
            trust_bundle=env.get("AIAPP_TRUST_BUNDLE", ""),
            cluster_domain=env.get("AIAPP_CLUSTER_DOMAIN", "cluster.local"),
            namespace=env.get("AIAPP_NAMESPACE", "aiapp-system"),
            service_account=env.get("AIAPP_SERVICE_ACCOUNT", "aiapp-operator"),
            probe_port=_port(env, "AIAPP_PROBE_PORT", 8080),
            metrics_port=_port(env, "AIAPP_METRICS_PORT", 9090),
            log_format=log_format,
        )


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, str(default))
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError(f"{name} is {text!r}: write a port number")
    return int(text)
