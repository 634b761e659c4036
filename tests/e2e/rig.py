"""An operator installed by its chart and apps under it, as users have them: everything goes through kubectl."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from aiapp_models.contract import HEADER_IMAGE, HEADER_MODEL, HEADER_REVISION
from cluster import blobstore
from cluster.images import ImageArchive
from cluster.protocol import Cluster
from e2e.models import model_folder

ROOT: Final = Path(__file__).resolve().parents[2]
CONTAINER: Final = "operator-tests"
SECRET: Final = "model-store"
READY_SECONDS: Final = 120.0
REPAIR_SECONDS: Final = 30.0
# A node learns a new Service late, above all after its API server was away; what answers is taken as it is.
ASK: Final = """
import json, sys, time, urllib.error, urllib.request
request = urllib.request.Request(sys.argv[1], b'{"input": "x"}', {"Content-Type": "application/json"})
for pause in (0.5, 1, 2, 4, 8, 0):
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            print(json.dumps([{k.lower(): v for k, v in response.headers.items()}, response.read().decode()]))
        break
    except urllib.error.URLError as error:
        if not pause or not isinstance(error.reason, OSError):
            raise
        time.sleep(pause)
"""

Manifest = dict[str, Any]
T = TypeVar("T")


def eventually(what: str, look: Callable[[], T], *, seconds: float = REPAIR_SECONDS) -> T:
    """Look until it is true or time is up; then say what was seen last."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}; seen last: {seen!r}")
        time.sleep(0.3)
    return seen


@dataclass(frozen=True)
class Deployed:
    """The operator, the serving base, and the images of apps by kind: see app/score.py, and plain."""

    cluster: Cluster
    namespace: str
    serving: str
    images: dict[str, str]
    archives: dict[str, ImageArchive]

    def push_app(self, kind: str, repository: str, tag: str) -> None:
        """Push the image of a kind of app under a name of a test's own."""
        self.cluster.push_image(self.archives[kind], name=repository, tag=tag)

    def scale(self, replicas: int) -> None:
        """Stop or start the operator and wait until that is done."""
        self.cluster.kubectl("-n", self.namespace, "scale", "deployment", "aiapp-operator", f"--replicas={replicas}")
        selector = "app.kubernetes.io/name=aiapp-operator"
        if replicas:
            self.cluster.kubectl(
                *("-n", self.namespace, "rollout", "status", "deployment/aiapp-operator", "--timeout=120s")
            )
        else:
            self.cluster.kubectl("-n", self.namespace, "wait", "pods", "-l", selector, "--for=delete", "--timeout=60s")

    def metric(self, name: str) -> float:
        """Return the sum of one of the operator's metrics over its labels."""
        with self.cluster.port_forward("deployment/aiapp-operator", 9090, "-n", self.namespace) as port:
            lines = _get(f"http://127.0.0.1:{port}/metrics").splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))


class Tenant:
    """A namespace with a Secret for the model store, which the operator may read unless told otherwise."""

    def __init__(self, deployed: Deployed, namespace: str, folder: Path) -> None:
        self.deployed = deployed
        self.cluster = deployed.cluster
        self.namespace = namespace
        self.folder = folder

    def prepare(self, *, readable: bool = True) -> None:
        account = self.cluster.blob_account()
        literal = f"--from-literal=connectionString={account.connection_string}"
        self.kubectl("create", "secret", "generic", SECRET, literal)
        if readable:
            account_name = f"--serviceaccount={self.deployed.namespace}:aiapp-operator"
            self.kubectl("create", "rolebinding", "aiapp-secrets", "--clusterrole=aiapp-secret-reader", account_name)

        self.kubectl("apply", "-f", "-", input=json.dumps(_client_pod(self.deployed.images["one"])))
        self.kubectl("wait", "pod/client", "--for=condition=Ready", "--timeout=120s")

    def kubectl(self, *args: str, **kwargs: Any) -> str:
        return self.cluster.kubectl("-n", self.namespace, *args, **kwargs)

    def objects(self, kinds: str) -> list[Manifest]:
        items: list[Manifest] = json.loads(self.kubectl("get", kinds, "-o", "json", "--show-managed-fields"))["items"]
        return items

    def upload(self, version: str, folder: Path) -> None:
        """Upload a model version of this namespace."""
        client = self.cluster.blob_service(self.cluster.blob_account())  # type: ignore[attr-defined]
        blobstore.upload_model(client, CONTAINER, f"{self.namespace}/{version}", folder)

    def delete_version(self, version: str) -> None:
        """Delete every blob of a model version of this namespace."""
        client = self.cluster.blob_service(self.cluster.blob_account())  # type: ignore[attr-defined]
        container = client.get_container_client(CONTAINER)
        for blob in container.list_blob_names(name_starts_with=f"{self.namespace}/{version}/"):
            container.delete_blob(blob)

    def upload_model(self, version: str, *, corrupt: bool = False, complete: bool = True, golden: str = "") -> None:
        folder = self.folder / self.namespace / f"{version}-{corrupt}-{complete}"
        name = f"model {version}"
        self.upload(version, model_folder(folder, name, corrupt=corrupt, complete=complete, golden=golden))


class App:
    """One AIApp of a tenant."""

    def __init__(self, tenant: Tenant, name: str = "digits") -> None:
        self.tenant = tenant
        self.name = name

    def apply(self, image: str, version: str | None = "1", *, replicas: int = 1, **spec: Any) -> None:
        """Create it, with a model unless the version is None, and without a bake unless `release` has one."""
        given: Manifest = {"image": image, "imagePullSecrets": [{"name": "registry-pull"}]}
        if version:
            account = self.tenant.cluster.blob_account().name
            store = {"account": account, "container": CONTAINER, "path": self.tenant.namespace}
            source = {"azureBlob": store, "credentials": {"secretRef": {"name": SECRET}}}
            given |= {"modelVersion": version, "modelSource": source}
        given["serving"] = {"replicas": replicas, "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}}}
        given["release"] = {"bake": {"duration": "0s"}, **spec.pop("release", {})}
        manifest = {
            "apiVersion": "aiapp.dev/v1alpha1",
            "kind": "AIApp",
            "metadata": {"name": self.name},
            "spec": {**given, **spec},
        }
        self.tenant.kubectl("apply", "-f", "-", input=json.dumps(manifest))

    def edit(self, **spec: Any) -> None:
        self.tenant.kubectl("patch", "aiapp", self.name, "--type=merge", "-p", json.dumps({"spec": spec}))

    def get(self) -> Manifest:
        manifest: Manifest = json.loads(self.tenant.kubectl("get", "aiapp", self.name, "-o", "json"))
        return manifest

    def wait(self, condition: str, *, seconds: float = READY_SECONDS) -> None:
        """Wait as a pipeline would: kubectl wait."""
        try:
            self.tenant.kubectl(
                *("wait", f"--for=condition={condition}", f"aiapp/{self.name}", f"--timeout={seconds:.0f}s"),
                stderr=subprocess.STDOUT,
            )
        except subprocess.CalledProcessError as error:
            raise AssertionError(f"{error.output.strip()}: {self.get().get('status')}") from None

    def condition(self, kind: str) -> Manifest:
        """Return a condition of the generation that is asked for now; empty while there is none."""
        app = self.get()
        for condition in app.get("status", {}).get("conditions", ()):
            if condition["type"] == kind and condition["observedGeneration"] == app["metadata"]["generation"]:
                return dict(condition)
        return {}

    def wait_for_reason(self, kind: str, reason: str, *, seconds: float = READY_SECONDS) -> str:
        """Wait until a condition has this reason; return its message."""

        def reached() -> str | None:
            condition = self.condition(kind)
            return condition["message"] if condition.get("reason") == reason else None

        try:
            return eventually(f"{kind} with reason {reason}", reached, seconds=seconds) or ""
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.get().get('status')}") from None

    def ask_now(self) -> None:
        """Have both sources asked now, as people do, and wait until that is handled."""
        self.act("reconcile", "now")

    def act(self, action: str, argument: str) -> None:
        """Ask for an action by its annotation and wait until that is handled."""
        value = f"{argument}@{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        self.tenant.kubectl("annotate", "--overwrite", f"aiapp/{self.name}", f"aiapp.dev/{action}={value}")
        eventually(f"{action} is handled", lambda: self._handled(action) == value)

    def _handled(self, action: str) -> str:
        handled: dict[str, str] = self.get()["status"].get("lastHandledActions", {})
        return handled.get(action, "")

    def events(self) -> list[str]:
        """Return the app's Events as `Reason: message`."""
        events = self.tenant.objects("events")
        return [f"{e['reason']}: {e['message']}" for e in events if e["involvedObject"]["name"] == self.name]

    def answer(self) -> Manifest:
        """Ask the Service for a score, from a pod; return it with the headers that say what answered."""
        words = self.tenant.kubectl("exec", "client", "--", "python", "-c", ASK, f"http://{self.name}/score")
        headers, body = json.loads(words)
        said = (HEADER_REVISION, HEADER_IMAGE, HEADER_MODEL)
        return {**json.loads(body)["result"], **{name: headers[name.lower()] for name in said}}

    def expect_answer(self, image: str, model: str) -> None:
        """Ask once, on a new connection: whoever waited for UpToDate may rely on what answers."""
        answer = self.answer()
        assert (answer["image"], answer["model"]) == (image, model)

    def wait_for_answer(self, image: str, model: str) -> None:
        """Wait until what answers is of this release: the old one's pods do so for a moment after the switch."""

        def answers() -> bool:
            answer = self.answer()
            return (answer["image"], answer["model"]) == (image, model)

        eventually(f"{image} answers with {model}", answers, seconds=READY_SECONDS)

    def note(self, revision: int, name: str) -> str:
        """Return what the record of a release notes of its life."""
        records = self.tenant.objects("controllerrevisions")
        (record,) = [r for r in records if (r["revision"], _owner(r)) == (revision, self.name)]
        note: str = record["metadata"]["annotations"][name]
        return note

    def writes(self) -> dict[str, list[Manifest]]:
        """Return what the operator wrote last, and when, to the app and everything that it is made of."""
        kinds = "aiapps,deployments,services,serviceaccounts,poddisruptionbudgets,controllerrevisions"
        return {
            f"{manifest['kind']}/{manifest['metadata']['name']}": [
                entry for entry in manifest["metadata"]["managedFields"] if entry["manager"] == "aiapp-operator"
            ]
            for manifest in self.tenant.objects(kinds)
            if manifest["kind"] == "AIApp" or "app.kubernetes.io/managed-by" in manifest["metadata"].get("labels", {})
        }


def _owner(manifest: Manifest) -> str:
    name: str = manifest["metadata"]["ownerReferences"][0]["name"]
    return name


def _client_pod(image: str) -> Manifest:
    """Return a pod that the restricted standard takes and that has Python."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "client",
        "image": image,
        # The kernel drops what process 1 has no handler for, and the pod would be waited for until it is killed.
        "command": ["python", "-c", "import signal, sys; signal.signal(signal.SIGTERM, sys.exit); signal.pause()"],
        "securityContext": security,
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "client"},
        "spec": {
            "containers": [container],
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "imagePullSecrets": [{"name": "registry-pull"}],
        },
    }


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        text: str = response.read().decode()
        return text
