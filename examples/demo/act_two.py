"""Act two: the same app on a real Kubernetes, and two teams that release while people use it."""

import dataclasses
import json
import secrets
import subprocess
from typing import Final

import ask
from aiapp_serving import __version__
from cluster.protocol import Cluster
from demo import traffic
from demo.application import NAME, Application
from demo.installation import RELEASE, Images, Storage, install_chart, push_images, storage_of, upload_model
from demo.models import folder_of, telling_drawings, thumbnail
from demo.narration import Narrator, StoryError
from demo.patience import Waiting
from demo.record import Record

SYSTEM: Final = "aiapp-system"
APPS: Final = "vision"
ANSWER_SECONDS: Final = 30.0
MIDDLE: Final = "middle.png"
CORNER: Final = "corner.png"


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A cluster and the two namespaces in it: the operator's and the app's."""

    cluster: Cluster
    system: str
    apps: str

    @classmethod
    def of(cls, cluster: Cluster, ours: bool) -> "Place":
        """Names that nobody else uses, in a cluster that is not ours."""
        suffix = "" if ours else f"-{secrets.token_hex(3)}"
        return cls(cluster, SYSTEM + suffix, APPS + suffix)

    def empty(self) -> None:
        """Remove the app, the operator and its definition from a cluster that stays."""
        self.cluster.kubectl("delete", "namespace", self.apps, "--ignore-not-found")
        self.cluster.helm("uninstall", RELEASE, "--namespace", self.system, "--wait", "--ignore-not-found")
        self.cluster.kubectl("delete", "namespace", self.system, "--ignore-not-found")


@dataclasses.dataclass(frozen=True, slots=True)
class Stage:
    """What `set_up` made: the app, the images it can run and where its models are uploaded."""

    cluster: Cluster
    app: Application
    pushed: Images
    storage: Storage


def set_up(place: Place, narrator: Narrator) -> Stage:
    """Make the namespaces, push the images, upload model 1, install the chart and apply the app.

    Raises:
        StoryError: a step failed.
    """
    cluster = place.cluster
    storage = storage_of(cluster)
    pushed = push_images(cluster, narrator)
    for namespace in (place.system, place.apps):
        cluster.prepare_namespace(namespace)
    upload_model(storage, folder_of("1"), narrator)
    install_chart(cluster, pushed, place.system, place.apps, narrator)
    app = Application(cluster, place.apps)
    narrator.command(f"kubectl -n {place.apps} apply -f examples/digits/aiapp.yaml")
    app.apply(pushed, storage)
    app.wait("Ready", narrator)
    app.wait("UpToDate", narrator)
    narrator.say(f"before it got any traffic: {app.gate()}")
    narrator.say(app.table())
    return Stage(cluster, app, pushed, storage)


def play(stage: Stage, narrator: Narrator, record: Record) -> None:
    """Tell the releases, with a client counting.

    Raises:
        StoryError: a step failed, or a request did.
    """
    middle, corner = telling_drawings()
    pngs = {MIDDLE: middle.png, CORNER: corner.png}
    narrator.say(f"two drawings of a {middle.digit}, {MIDDLE} and {CORNER}:")
    narrator.say("\n".join(_beside(thumbnail(middle), thumbnail(corner), narrator.shades)))
    namespace, image = stage.app.namespace, stage.pushed.serving
    seen = traffic.Traffic()
    with traffic.client(stage.cluster, namespace, image, NAME, pngs, narrator):
        try:
            _expect(stage, "AIApp-Model: 1", narrator)
            _new_model(stage, narrator)
            _new_image(stage, narrator)
            _corrupt_model(stage, narrator)
            stage.app.wait_for_old_pods(narrator)
        finally:
            seen = traffic.stop(stage.cluster, namespace)
            record.traffic = dataclasses.asdict(seen)
    record.versions = {"kubernetes": _kubernetes_version(stage.cluster), "aiapp": __version__}
    _tell_traffic(seen, narrator)


def _new_model(stage: Stage, narrator: Narrator) -> None:
    narrator.title("A data scientist has a better model")
    upload_model(stage.storage, folder_of("2"), narrator)
    stage.app.bump({"modelVersion": "2"}, narrator)
    stage.app.wait("UpToDate", narrator)
    narrator.say(f"its gate: {stage.app.gate()}")
    _expect(stage, "AIApp-Model: 2", narrator)
    _so_far(stage, narrator)


def _new_image(stage: Stage, narrator: Narrator) -> None:
    narrator.title("A developer has better code: it finds a drawing wherever it is on the paper")
    stage.app.bump({"image": stage.pushed.digits["2"]}, narrator)
    stage.app.wait("UpToDate", narrator)
    narrator.say(f"its gate: {stage.app.gate()}")
    _expect(stage, "by digits image 2", narrator)
    _so_far(stage, narrator)


def _corrupt_model(stage: Stage, narrator: Narrator) -> None:
    narrator.title("A damaged upload: model 3 has one byte that is not what its SHA256SUMS says")
    upload_model(stage.storage, folder_of("3"), narrator)
    stage.app.bump({"modelVersion": "3"}, narrator)
    narrator.say(f"it says: {stage.app.wait_until_held_off('ModelCorrupt', narrator)}")
    narrator.say(stage.app.table())
    _expect(stage, "AIApp-Model: 2", narrator)
    narrator.say("model 2 serves on; the way out is a good version, or back:")
    stage.app.bump({"modelVersion": "2"}, narrator)
    stage.app.wait("UpToDate", narrator)
    _so_far(stage, narrator)


def _expect(stage: Stage, words: str, narrator: Narrator) -> None:
    """Ask the endpoint from a pod, on a new connection, until the answer is the expected release's; show it.

    A pod that is going away still answers for a moment after its successor is ready.
    """
    with narrator.step(f"the endpoint answers {words!r}", "the Service to send new connections to the new pods"):
        for _ in Waiting(ANSWER_SECONDS):
            answer = traffic.ask_once(stage.cluster, stage.app.namespace, NAME, (MIDDLE, CORNER))
            if words.lower() in answer.lower():
                break
        else:
            raise StoryError(f"it answers {answer}", f"kubectl -n {stage.app.namespace} describe aia {NAME}")
    narrator.say(answer)


def _beside(left: ask.Rows, right: ask.Rows, shades: str) -> list[str]:
    """Return two pictures side by side, the smaller one in the middle of its height."""
    blank = (len(right) - len(left)) // 2
    rows = [[0] * len(left[0])] * blank + [list(row) for row in left] + [[0] * len(left[0])] * blank
    return [f"{one} | {other} |" for one, other in zip(ask.draw(rows, shades), ask.draw(right, shades), strict=True)]


def _so_far(stage: Stage, narrator: Narrator) -> None:
    seen = traffic.seen(stage.cluster, stage.app.namespace)
    narrator.say(f"the client so far: {seen.requests} requests, {seen.failed_requests} failed")


def _tell_traffic(seen: traffic.Traffic, narrator: Narrator) -> None:
    narrator.title(f"{seen.requests} requests in {seen.client_seconds} s, {seen.failed_requests} failed")
    for answer in seen.answers:
        model = answer.model.partition("sha256")[0].rstrip(" ;,@=")
        narrator.say(
            f"seconds {answer.first_second:>3} to {answer.last_second:>3}: revision {answer.revision}, model {model}, "
            f"{answer.computed_by}: {answer.count} times {answer.label!r}"
        )
    if seen.failed_requests:
        words = "; ".join(f"{count} x {error}" for error, count in seen.errors.items())
        raise StoryError(f"{seen.failed_requests} requests failed: {words}", "make test ARGS='-k demo'")


def _kubernetes_version(cluster: Cluster) -> str:
    try:
        answer = json.loads(cluster.kubectl("version", "-o", "json"))
    except (subprocess.CalledProcessError, ValueError):
        return ""
    return str(answer.get("serverVersion", {}).get("gitVersion", ""))
