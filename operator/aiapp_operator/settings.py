"""The operator's own settings, read from the environment once at start; the chart sets them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiapp_models.addresses import NetworkRules

AZURE_AUTHORITY: Final = "https://login.microsoftonline.com"
"""The Microsoft Entra endpoint of Azure's public cloud."""


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
    allow_pickle: whether models may be pickles, which run code of their author.
    trusted_types: types that skops files may hold beside skops' own list, separated by commas.
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
    azure_authority: str = AZURE_AUTHORITY
    azure_tenant: str = ""
    allow_pickle: bool = False
    trusted_types: str = ""
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
            ValueError: AIAPP_FETCH_IMAGE is missing, or a variable cannot be read.
        """
        if not env.get("AIAPP_FETCH_IMAGE"):
            raise ValueError("AIAPP_FETCH_IMAGE is not set: name the serving image (chart value serving.image)")
        log_format = env.get("AIAPP_LOG_FORMAT", "json")
        if log_format not in {"json", "full"}:
            raise ValueError(f"AIAPP_LOG_FORMAT is {log_format!r}: write json or full")
        listed, networks = env.get("AIAPP_LISTED_ENDPOINTS", ""), env.get("AIAPP_CLUSTER_NETWORKS", "")
        try:
            NetworkRules.parse(listed, networks)
        except ValueError as error:
            raise ValueError(f"AIAPP_LISTED_ENDPOINTS or AIAPP_CLUSTER_NETWORKS cannot be read: {error}") from None
        return cls(
            fetch_image=env["AIAPP_FETCH_IMAGE"],
            trust_config_map=env.get("AIAPP_TRUST_CONFIG_MAP", ""),
            trust_bundle=env.get("AIAPP_TRUST_BUNDLE", ""),
            cluster_domain=env.get("AIAPP_CLUSTER_DOMAIN", "cluster.local"),
            listed_endpoints=listed,
            cluster_networks=networks,
            azure_authority=_authority(env),
            azure_tenant=env.get("AIAPP_AZURE_TENANT", ""),
            allow_pickle=_switch(env, "AIAPP_ALLOW_PICKLE"),
            trusted_types=_types(env, "AIAPP_TRUSTED_TYPES"),
            verify_hours=_hours(env, "AIAPP_VERIFY_HOURS", 24),
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


def _hours(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", text) or not float(text):
        raise ValueError(f"{name} is {text!r}: write a number of hours above 0")
    return float(text)


def _switch(env: Mapping[str, str], name: str) -> bool:
    text = env.get(name, "false")
    if text not in {"true", "false"}:
        raise ValueError(f"{name} is {text!r}: write true or false")
    return text == "true"


def _types(env: Mapping[str, str], name: str) -> str:
    text = env.get(name, "")
    if not re.fullmatch(r"([A-Za-z_][\w.]*(,[A-Za-z_][\w.]*)*)?", text, re.ASCII):
        raise ValueError(f"{name} is {text!r}: write names of types such as mymodels.Scaler, separated by commas")
    return text


def _authority(env: Mapping[str, str]) -> str:
    # Tokens that stand for the apps' identities are sent there.
    text = env.get("AIAPP_AZURE_AUTHORITY", AZURE_AUTHORITY).rstrip("/")
    if not re.fullmatch(r"https://[a-z0-9.-]+(:[0-9]{1,5})?", text):
        raise ValueError(f"AIAPP_AZURE_AUTHORITY is {text!r}: write https:// and a host name")
    return text
