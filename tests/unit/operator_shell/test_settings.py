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
        "AIAPP_NAMESPACE": "ops",
        "AIAPP_SERVICE_ACCOUNT": "robot",
        "AIAPP_PROBE_PORT": "1",
        "AIAPP_METRICS_PORT": "2",
        "AIAPP_LOG_FORMAT": "full",
    }
    assert Settings.from_env(env) == Settings("image", "trust", "/etc/ca.crt", "k8s.test", "ops", "robot", 1, 2, "full")


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("AIAPP_FETCH_IMAGE", "", "AIAPP_FETCH_IMAGE is not set: name the serving image"),
        ("AIAPP_PROBE_PORT", "http", "AIAPP_PROBE_PORT is 'http': write a port number"),
        ("AIAPP_METRICS_PORT", "65536", "AIAPP_METRICS_PORT is '65536'"),
        ("AIAPP_LOG_FORMAT", "xml", "write json or full"),
    ],
)
def test_what_is_wrong_is_named_with_the_fix(variable: str, value: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Settings.from_env({"AIAPP_FETCH_IMAGE": "x", variable: value})
