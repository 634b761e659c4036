"""Which cluster a run uses, and why: `CLUSTER=auto|local|kind|context:NAME`."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster.cache import Report
from cluster.protocol import CAPABILITIES, Cluster

THREE_WAYS = "be root on Linux, start Docker, or name a cluster: CLUSTER=context:NAME REGISTRY=HOST/PREFIX"
ONLY_LOCAL = frozenset({"network-route", "service-control", "node-exec", "claims", "s3", "identity", "registry-tokens"})
OF_KIND = frozenset(CAPABILITIES) - ONLY_LOCAL - {"loadbalancer"}
OF_LOCAL = frozenset(CAPABILITIES) - {"loadbalancer"}
OF_CONTEXT = frozenset({"pods", "push-image"})


class NoBackendError(Exception):
    """This machine can run none of the backends that were asked for; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides which backends can run. `no_docker` and `no_local` are reasons, empty where they can."""

    no_docker: str
    no_local: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A backend, the kubeconfig context it is about if it is `context`, and why it was chosen."""

    backend: str
    context: str
    why: str

    @property
    def capabilities(self) -> frozenset[str]:
        return {"local": OF_LOCAL, "kind": OF_KIND, "context": OF_CONTEXT}[self.backend]


@dataclass(frozen=True, slots=True)
class Options:
    """pytest-kind's options. Paths of programs default to what is on PATH, else to what we build."""

    kubeconfig: Path | None = None
    kind_image: str | None = None
    kind_bin: Path | None = None
    kubectl_bin: Path | None = None


def choose(wanted: str, machine: Machine) -> Choice:
    """PURE. `auto` is kind where Docker answers, else a local node. Raises NoBackendError, ValueError."""
    name, _, context = wanted.partition(":")
    if name == "context" and context:
        return Choice("context", context, f"asked for: {wanted}")
    why_not = {"kind": machine.no_docker, "local": machine.no_local}
    if wanted in why_not:
        if why_not[wanted]:
            raise NoBackendError(f"CLUSTER={wanted} cannot run: {why_not[wanted]}")
        return Choice(wanted, "", f"asked for: {wanted}")
    if wanted != "auto":
        raise ValueError(f"CLUSTER={wanted!r} is not one of auto, local, kind, context:NAME")
    if not machine.no_docker:
        return Choice("kind", "", "auto: Docker answers")
    if not machine.no_local:
        return Choice("local", "", f"auto: no kind ({machine.no_docker}), but root on Linux")
    raise NoBackendError(f"no cluster: no kind ({machine.no_docker}), no local node ({machine.no_local}); {THREE_WAYS}")


def wanted_backend(option: str | None = None, environment: Mapping[str, str] = os.environ) -> str:
    """Return what was asked for: the option, else $CLUSTER, else `auto`."""
    return option or environment.get("CLUSTER") or "auto"


def this_machine() -> Machine:
    """Look at this machine. A Docker client alone is not enough: its server has to answer."""
    return Machine(no_docker=_why_no_docker(), no_local=_why_no_local())


def open_cluster(
    choice: Choice, name: str, report: Report, options: Options | None = None, *, stays: bool = False
) -> Cluster:
    """Return the chosen backend, not created yet. One that `stays` outlives the process that creates it."""
    options = options or Options()
    if choice.backend == "local":
        from cluster.local import LocalCluster  # noqa: PLC0415  # each backend has packages of its own to import

        return LocalCluster(name, report, stays=stays)
    if choice.backend == "kind":
        from cluster.kind import KindBackend  # noqa: PLC0415

        return KindBackend(name, report, options)
    from cluster.named_context import ContextCluster  # noqa: PLC0415

    return ContextCluster(choice.context, report, options)


def _why_no_docker() -> str:
    try:
        answer = subprocess.run(
            ["docker", "info", "--format", "{{.ServerVersion}}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        return "there is no docker command"
    except subprocess.TimeoutExpired:
        return "`docker info` does not answer within 10 s"
    # Some versions of the client exit 0 though no server answered, and print nothing or their error.
    version = answer.stdout.strip()
    return "" if answer.returncode == 0 and version[:1].isdigit() else "no Docker server answers `docker info`"


def _why_no_local() -> str:
    if sys.platform != "linux":
        return f"a local node needs Linux, not {sys.platform}"
    return "" if os.geteuid() == 0 else "a local node needs root"
