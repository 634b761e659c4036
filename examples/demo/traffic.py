"""A client of the Service, as a pod: 50 requests a second, every answer counted."""

import base64
import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from cluster.protocol import Cluster
from demo.machine import ROOT
from demo.narration import Narrator, StoryError
from demo.patience import Waiting

RATE: Final = 50
NAME: Final = "client"
SCRIPTS: Final = (ROOT / "examples" / "demo" / "traffic_client.py", ROOT / "examples" / "digits" / "ask.py")
START_SECONDS: Final = 120.0
STOP_SECONDS: Final = 40.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One kind of answer: its headers, the label, which image computed it, how often and in which seconds."""

    revision: str
    image: str
    model: str
    label: str
    computed_by: str
    count: int
    first_second: int
    last_second: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """Everything that the client saw."""

    requests: int = 0
    failed_requests: int = 0
    client_seconds: int = 0
    answers: tuple[Answer, ...] = ()
    errors: Mapping[str, int] = field(default_factory=dict)


def read(lines: Iterable[str]) -> Traffic:
    """PURE. Add up the client's lines; what is no JSON object is not the client's and is passed over."""
    requests = failed = last = 0
    errors: Counter[str] = Counter()
    counts: Counter[tuple[str, ...]] = Counter()
    seen: dict[tuple[str, ...], tuple[int, int]] = {}
    for line in lines:
        if not line.startswith("{"):
            continue
        told = json.loads(line)
        last = told["second"]
        requests, failed = requests + told["requests"], failed + told["failed"]
        errors.update(told["errors"])
        for *names, count in told["answers"]:
            key = tuple(names)
            counts[key] += count
            seen[key] = (seen.get(key, (last, last))[0], last)
    answers = (_answer(key, count, seen[key]) for key, count in counts.items())
    return Traffic(requests, failed, last, tuple(sorted(answers, key=lambda a: a.first_second)), dict(errors))


def _answer(names: tuple[str, ...], count: int, seconds: tuple[int, int]) -> Answer:
    revision, image, model, label, computed_by = names
    return Answer(revision, image, model, label, computed_by, count, *seconds)


@contextmanager
def client(
    cluster: Cluster, namespace: str, image: str, service: str, pngs: Mapping[str, bytes], narrator: Narrator
) -> Iterator[None]:
    """Run the client, which sends these pictures, until the block ends; read what it saw with `stop` before that.

    Raises:
        StoryError: it did not begin.
    """
    pictures = {name: base64.b64encode(png).decode() for name, png in pngs.items()}
    body = json.dumps({"input": json.dumps(list(pictures.values()))})
    objects = manifests(namespace, image, f"http://{service}/score", body, pictures)
    cluster.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    try:
        with narrator.step(f"a client asks {RATE} times a second, from a pod", "its first answers"):
            for _ in Waiting(START_SECONDS):
                if seen(cluster, namespace).requests > 0:
                    break
            else:
                raise StoryError("the client's pod did not begin", f"kubectl -n {namespace} describe pod {NAME}")
        yield
    finally:
        cluster.kubectl("-n", namespace, "delete", "pod", NAME, "--now", "--ignore-not-found")


def ask_once(cluster: Cluster, namespace: str, service: str, names: Iterable[str]) -> str:
    """Send the pictures once with ask.py, from the client's pod and on a new connection; return what it prints."""
    command = ("python", "/client/ask.py", f"http://{service}/score", *(f"/client/{name}" for name in names))
    return cluster.kubectl("-n", namespace, "exec", NAME, "--", *command).replace("/client/", "")


def seen(cluster: Cluster, namespace: str, name: str = NAME) -> Traffic:
    """Return what the client has seen up to now; nothing before its pod runs."""
    try:
        log = cluster.kubectl("-n", namespace, "logs", name, "--tail=-1", stderr=subprocess.DEVNULL)
    except subprocess.CalledProcessError:
        return Traffic()
    return read(log.splitlines())


def stop(cluster: Cluster, namespace: str, name: str = NAME) -> Traffic:
    """End the client in peace, so that no request is cut off, and return all that it saw.

    Raises:
        StoryError: it does not end.
    """
    end = "import os, signal; os.kill(1, signal.SIGTERM)"
    # The program that ends the pod's first process may be ended with it: whether it was heard, the phase tells.
    with suppress(subprocess.CalledProcessError):
        cluster.kubectl("-n", namespace, "exec", name, "--", "python", "-c", end, stderr=subprocess.DEVNULL)
    phase = ("-n", namespace, "get", "pod", name, "-o", "jsonpath={.status.phase}")
    for _ in Waiting(STOP_SECONDS):
        if cluster.kubectl(*phase) == "Succeeded":
            return seen(cluster, namespace, name)
    raise StoryError("the client does not end", f"kubectl -n {namespace} logs {name}")


def manifests(
    namespace: str, image: str, url: str, body: str, files: Mapping[str, str], name: str = NAME
) -> list[dict[str, Any]]:
    """Return the client's pod and the ConfigMap that it mounts, with more files for whoever looks into the pod.

    files: content in base64 by name.
    """
    scripts = {path.name: path.read_text(encoding="utf-8") for path in SCRIPTS}
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {**scripts, "body.json": body},
        "binaryData": dict(files),
    }
    restricted = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    container = {
        "name": name,
        "image": image,
        "command": ["python", "/client/traffic_client.py", url, str(RATE), "/client/body.json"],
        "securityContext": restricted,
        "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}},
        "volumeMounts": [{"name": name, "mountPath": "/client"}],
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": name, "configMap": {"name": name}}],
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}
    return [config_map, pod]
