import pytest

from aiapp_operator.settings import Settings


def test_only_the_fetch_image_is_needed() -> None:
    assert Settings.from_env({"AIAPP_FETCH_IMAGE": "x"}) == Settings(fetch_image="x")


def test_every_variable_is_read() -> None:
    env = {
        "AIAPP_FETCH_IMAGE": "image",
        "AIAPP_TRUST_CONFIG_MAP": "trust",
        "AIAPP_TRUST_BUNDLE": "/etc/ca.crt",
        "AIAPP_CLUSTER_DOMAIN": "k8s.test",
        "AIAPP_LISTED_ENDPOINTS": "*.corp.example,http://minio.storage.svc:9000",
        "AIAPP_CLUSTER_NETWORKS": "10.244.0.0/16",
        "AIAPP_AZURE_AUTHORITY": "https://login.microsoftonline.us/",
        "AIAPP_AZURE_TENANT": "01234567-89ab-cdef-0123-456789abcdef",
        "AIAPP_ALLOW_PICKLE": "true",
        "AIAPP_TRUSTED_TYPES": "mymodels.Scaler,mymodels.Rows",
        "AIAPP_VERIFY_HOURS": "0.5",
        "AIAPP_NAMESPACE": "ops",
        "AIAPP_SERVICE_ACCOUNT": "robot",
        "AIAPP_PROBE_PORT": "1",
        "AIAPP_METRICS_PORT": "2",
        "AIAPP_LOG_FORMAT": "full",
    }
    assert Settings.from_env(env) == Settings(
        fetch_image="image",
        trust_config_map="trust",
        trust_bundle="/etc/ca.crt",
        cluster_domain="k8s.test",
        listed_endpoints="*.corp.example,http://minio.storage.svc:9000",
        cluster_networks="10.244.0.0/16",
        azure_authority="https://login.microsoftonline.us",
        azure_tenant="01234567-89ab-cdef-0123-456789abcdef",
        allow_pickle=True,
        trusted_types="mymodels.Scaler,mymodels.Rows",
        verify_hours=0.5,
        namespace="ops",
        service_account="robot",
        probe_port=1,
        metrics_port=2,
        log_format="full",
    )


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("AIAPP_FETCH_IMAGE", "", "AIAPP_FETCH_IMAGE is not set: name the serving image"),
        ("AIAPP_PROBE_PORT", "http", "AIAPP_PROBE_PORT is 'http': write a port number"),
        ("AIAPP_METRICS_PORT", "65536", "AIAPP_METRICS_PORT is '65536'"),
        ("AIAPP_LOG_FORMAT", "xml", "write json or full"),
        ("AIAPP_LISTED_ENDPOINTS", "me:secret@harbor.corp.example", "AIAPP_LISTED_ENDPOINTS or"),
        ("AIAPP_CLUSTER_NETWORKS", "10.244.0.0/99", "AIAPP_CLUSTER_NETWORKS cannot be read"),
        ("AIAPP_AZURE_AUTHORITY", "http://login.microsoftonline.com", "write https:// and a host name"),
        ("AIAPP_AZURE_AUTHORITY", "https://me@login.microsoftonline.com", "write https:// and a host name"),
        ("AIAPP_ALLOW_PICKLE", "yes", "AIAPP_ALLOW_PICKLE is 'yes': write true or false"),
        ("AIAPP_TRUSTED_TYPES", "a b", "write names of types such as mymodels.Scaler"),
        ("AIAPP_VERIFY_HOURS", "daily", "write a number of hours above 0"),
        ("AIAPP_VERIFY_HOURS", "0", "write a number of hours above 0"),
    ],
)
def test_what_is_wrong_is_named_with_the_fix(variable: str, value: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Settings.from_env({"AIAPP_FETCH_IMAGE": "x", variable: value})
