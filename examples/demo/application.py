"""The digits app in a cluster: applied, bumped, and waited for in its own words."""

import base64
import json
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from aiapp_models.contract import LABEL_INSTANCE, LABEL_ROLE, ROLE_SERVING
from cluster.kubectl import PULL_SECRET
from cluster.protocol import Cluster
from demo.installation import CONTAINER, PREFIX, Images, Storage
from demo.machine import ROOT
from demo.narration import Narrator, StoryError
from demo.patience import Waiting

NAME: Final = "digits"
WAIT_SECONDS: Final = 240
BAKE: Final = "5s"
"""Instead of minutes: nobody wants to watch a release for long in a story."""
HELD_OFF_SECONDS: Final = 180.0
OLD_PODS_SECONDS: Final = 120.0
SERVING_PODS: Final = f"{LABEL_INSTANCE}={NAME},{LABEL_ROLE}={ROLE_SERVING}"


@dataclass(frozen=True, slots=True)
class Application:
    """The AIApp `digits` in one namespace of a cluster."""

    cluster: Cluster
    namespace: str

    def apply(self, pushed: Images, storage: Storage) -> None:
        """Apply the Secret and examples/digits/aiapp.yaml with this cluster's names in it."""
        objects = [_secret(storage), _aiapp(self.cluster, pushed, storage)]
        manifest = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self.cluster.kubectl("-n", self.namespace, "apply", "-f", "-", input=manifest)

    def bump(self, spec: Mapping[str, str], narrator: Narrator) -> None:
        """Change fields of the spec, the way a pipeline or a person does."""
        patch = json.dumps({"spec": spec}, separators=(",", ":"))
        narrator.command(f"kubectl -n {self.namespace} patch aia {NAME} --type merge --patch '{patch}'")
        self.cluster.kubectl("-n", self.namespace, "patch", "aia", NAME, "--type", "merge", "--patch", patch)

    def wait(self, condition: str, narrator: Narrator) -> None:
        """Run `kubectl wait` and say meanwhile what the AIApp says.

        Raises:
            StoryError: the condition did not come true in time.
        """
        arguments = (
            "-n",
            self.namespace,
            "wait",
            f"--for=condition={condition}",
            f"aia/{NAME}",
            f"--timeout={WAIT_SECONDS}s",
        )
        narrator.command(f"kubectl {' '.join(arguments)}")
        failed: list[str] = []
        waiting = threading.Thread(target=self._kubectl_wait, args=[arguments, failed], daemon=True)
        with narrator.step(f"{condition} is True", "the operator to see it"):
            waiting.start()
            while waiting.is_alive():
                waiting.join(1.0)
                narrator.waits_for(self.words("UpToDate" if condition == "Ready" else condition))
            if failed:
                raise StoryError(
                    f"{condition} did not come true in {WAIT_SECONDS} s: {self.words(condition)}",
                    f"kubectl -n {self.namespace} describe aia {NAME}",
                )

    def wait_until_held_off(self, reason: str, narrator: Narrator) -> str:
        """Wait until UpToDate is False for this reason and return its words.

        Raises:
            StoryError: it did not become so in time.
        """
        with narrator.step(f"UpToDate is False: {reason}", "the operator to see it"):
            for _ in Waiting(HELD_OFF_SECONDS, period=1.0):
                found = self.condition("UpToDate")
                if found.get("status") == "False" and found.get("reason") == reason:
                    return str(found.get("message", ""))
                narrator.waits_for(self.words("UpToDate"))
            raise StoryError(
                f"UpToDate did not say {reason} in {HELD_OFF_SECONDS:.0f} s: {self.words('UpToDate')}",
                f"kubectl -n {self.namespace} describe aia {NAME}",
            )

    def wait_for_old_pods(self, narrator: Narrator) -> None:
        """Wait until the pods of former releases have finished and gone.

        Raises:
            StoryError: one stays.
        """
        query = ("-n", self.namespace, "get", "pods", "-l", SERVING_PODS, "-o", "json")
        with narrator.step("the pods of former releases answer what they have and go", "their grace to end"):
            for _ in Waiting(OLD_PODS_SECONDS, period=1.0):
                pods = json.loads(self.cluster.kubectl(*query))["items"]
                leaving = [p["metadata"]["name"] for p in pods if p["metadata"].get("deletionTimestamp")]
                if not leaving:
                    return
                narrator.waits_for(" ".join(leaving))
            raise StoryError(
                f"{' '.join(leaving)} stays", f"kubectl -n {self.namespace} describe pods -l {SERVING_PODS}"
            )

    def condition(self, kind: str) -> dict[str, Any]:
        """Return one condition that is about the spec as it stands; empty when there is none yet."""
        app = json.loads(self.cluster.kubectl("-n", self.namespace, "get", "aia", NAME, "-o", "json"))
        conditions = app.get("status", {}).get("conditions", [])
        current = [c for c in conditions if c.get("observedGeneration") == app["metadata"]["generation"]]
        return next((dict(c) for c in current if c["type"] == kind), {})

    def words(self, kind: str) -> str:
        """Return a condition's reason and message in a line."""
        found = self.condition(kind)
        return f"{found['reason']}: {found.get('message', '')}" if found else "the operator to see it"

    def gate(self) -> str:
        """Return what the gate of the newest release said."""
        return str(self.condition("GatePassed").get("message", ""))

    def table(self) -> str:
        """Return what `kubectl get aia` prints."""
        return self.cluster.kubectl("-n", self.namespace, "get", "aia", NAME)

    def _kubectl_wait(self, arguments: tuple[str, ...], failed: list[str]) -> None:
        try:
            self.cluster.kubectl(*arguments, stderr=subprocess.STDOUT)
        except subprocess.CalledProcessError as error:
            failed.append(str(error.output))


def _secret(storage: Storage) -> dict[str, Any]:
    value = base64.b64encode(storage.connection_string.encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": storage.account},
        "data": {"connectionString": value},
    }


def _aiapp(cluster: Cluster, pushed: Images, storage: Storage) -> dict[str, Any]:
    app: dict[str, Any] = yaml.safe_load((ROOT / "examples" / "digits" / "aiapp.yaml").read_text(encoding="utf-8"))
    app["spec"] |= {"image": pushed.digits["1"], "modelVersion": "1"}
    app["spec"]["release"] = {"bake": {"duration": BAKE}}
    app["spec"]["modelSource"] = {
        "azureBlob": {"account": storage.account, "container": CONTAINER, "path": PREFIX},
        "credentials": {"secretRef": {"name": storage.account}},
    }
    if cluster.registry_credentials:
        app["spec"]["imagePullSecrets"] = [{"name": PULL_SECRET}]
    return app
