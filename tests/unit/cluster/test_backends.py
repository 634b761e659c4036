"""Which backend a machine gets, and in which words it is told that it gets none."""

import pytest

from cluster.backends import Machine, NoBackendError, choose, wanted_backend

DOCKER = Machine(no_docker="", no_local="a local node needs root")
ROOT = Machine(no_docker="there is no docker command", no_local="")
NEITHER = Machine(no_docker="there is no docker command", no_local="a local node needs root")


@pytest.mark.parametrize(
    ("wanted", "machine", "backend"),
    [
        ("auto", DOCKER, "kind"),
        ("auto", Machine("", ""), "kind"),
        ("auto", ROOT, "local"),
        ("local", ROOT, "local"),
        ("kind", DOCKER, "kind"),
        ("context:staging", NEITHER, "context"),
    ],
)
def test_the_backend_that_can_run_is_chosen(wanted: str, machine: Machine, backend: str) -> None:
    assert choose(wanted, machine).backend == backend


def test_a_context_keeps_its_name_whatever_is_in_it() -> None:
    assert choose("context:arn:aws:eks:eu:1:cluster/x", NEITHER).context == "arn:aws:eks:eu:1:cluster/x"


@pytest.mark.parametrize(
    ("wanted", "machine", "words"),
    [
        ("auto", NEITHER, ["there is no docker command", "needs root", "CLUSTER=context:NAME REGISTRY="]),
        ("local", DOCKER, ["CLUSTER=local cannot run", "needs root"]),
        ("kind", ROOT, ["CLUSTER=kind cannot run", "no docker command"]),
    ],
)
def test_no_backend_says_why_and_what_to_do(wanted: str, machine: Machine, words: list[str]) -> None:
    with pytest.raises(NoBackendError) as refused:
        choose(wanted, machine)
    assert all(word in str(refused.value) for word in words)


@pytest.mark.parametrize("wanted", ["context:", "context", "minikube", ""])
def test_a_backend_that_does_not_exist_is_refused(wanted: str) -> None:
    with pytest.raises(ValueError, match="not one of auto, local, kind, context:NAME"):
        choose(wanted, ROOT)


def test_the_option_wins_over_the_environment_and_that_over_auto() -> None:
    assert wanted_backend("kind", {"CLUSTER": "local"}) == "kind"
    assert wanted_backend(None, {"CLUSTER": "local"}) == "local"
    assert wanted_backend(None, {}) == "auto"
