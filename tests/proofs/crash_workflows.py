"""What an operator is killed in the midst of: each workflow of a release, as steps and what shows that each is done."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from aiapp_operator.state import Manifest
from proofs.release_truth import Fate


class Site(Protocol):
    """One AIApp with a namespace and a repository of its own; what is done shows its effect some time later.

    repository: of its images. model_source: `spec.modelSource` of its models. bake: how long releases are
    watched where one dies in it, and short_bake elsewhere.
    """

    repository: str
    model_source: Manifest
    bake: str
    short_bake: str

    def push(self, tag: str, fate: Fate = Fate.GOOD) -> None:
        """Push an image."""

    def repair(self, tag: str) -> None:
        """Let an image be good from now on, as a service that it asks is back."""

    def part(self, of: str) -> str:
        """Return the digest of a tag or of a model version."""

    def edit(self, **spec: Any) -> None:
        """Change fields of the spec."""

    def ask(self, action: str, argument: str) -> None:
        """Set the annotation of an action."""

    def soon(self) -> datetime:
        """Return a full minute that is far enough for a gate to be over before it."""

    def condition(self, kind: str) -> tuple[str, str]:
        """Return status and reason of a condition; empty where there is none."""

    def all_of(self, kind: str) -> list[Manifest]:
        """Return the objects of a kind."""

    @property
    def status(self) -> Manifest:
        """Return the AIApp's status."""

    @property
    def deployment(self) -> Manifest:
        """Return the Deployment; empty where there is none."""


Act = Callable[[Site], None]
Done = Callable[[Site], bool]


class Step(NamedTuple):
    """Something that somebody does, and what shows that all that follows from it is over."""

    act: Act
    done: Done


def named(site: Site, image: str = "1.0.0", model: str = "v0", **release: object) -> Manifest:
    """Return a spec that names its versions."""
    return {
        "image": f"{site.repository}:{image}",
        "modelVersion": model,
        "modelSource": site.model_source,
        "release": _release(site, **release),
        "serving": {"replicas": 1},
    }


def _release(site: Site, **more: object) -> Manifest:
    return {"bake": {"duration": site.short_bake}, "gate": {"timeout": "2m"}, "progressDeadline": "5m", **more}


def _watched(site: Site) -> Manifest:
    return named(site, bake={"duration": site.bake})


def _closed(site: Site) -> Manifest:
    """Return a spec whose window is closed for the next months."""
    month = (site.soon().month + 5) % 12 + 1
    return named(site, schedule=[{"cron": f"0 0 1 {month} *", "timeZone": "UTC", "duration": "1h"}])


def _following(site: Site) -> Manifest:
    policy = {"type": "SemVer", "range": "1.x", "interval": "10s"}
    return {**named(site), "image": site.repository, "imagePolicy": policy}


# --- what is done --------------------------------------------------------------------------------------------
def _nothing(_site: Site) -> None:
    pass


def _image(tag: str) -> Act:
    return lambda site: site.edit(image=f"{site.repository}:{tag}")


def _both(tag: str, version: str) -> Act:
    return lambda site: site.edit(image=f"{site.repository}:{tag}", modelVersion=version)


def _ask(action: str, argument: str) -> Act:
    return lambda site: site.ask(action, argument)


def _repaired(tag: str) -> Act:
    return lambda site: site.repair(tag)


def _pushed(tag: str, fate: Fate = Fate.GOOD) -> Act:
    return lambda site: site.push(tag, fate)


def _in_a_window(site: Site) -> None:
    opens = site.soon()
    window = {"cron": f"{opens.minute} {opens.hour} * * *", "timeZone": "UTC", "duration": "1h"}
    site.edit(image=f"{site.repository}:1.1.0", release=_release(site, schedule=[window]))


def _frozen(site: Site) -> None:
    freeze = {"from": "2026-01-01T00:00:00Z", "to": f"{site.soon():%Y-%m-%dT%H:%M:%SZ}"}
    site.edit(image=f"{site.repository}:1.1.0", release=_release(site, freezes=[freeze]))


# --- what shows that it is over ------------------------------------------------------------------------------
def _baked(image: str, model: str) -> Done:
    def done(site: Site) -> bool:
        active = site.status.get("active") or {}
        right = (active.get("image"), active.get("modelVersion")) == (f"{site.repository}:{image}", model)
        return right and "bakedTime" in active

    return done


def _held(*versions: str) -> Done:
    def done(site: Site) -> bool:
        held = {hold["version"] for hold in site.status.get("holds", ())}
        return held == set(versions) and site.condition("Reconciling")[0] != "True"

    return done


def _waits(site: Site) -> bool:
    return bool(site.status.get("nextRelease")) and site.condition("GatePassed") == ("True", "Passed")


def _all(*conditions: Done) -> Done:
    return lambda site: all(condition(site) for condition in conditions)


def _back_on(image: str) -> Done:
    def done(site: Site) -> bool:
        status, spec = site.deployment.get("status", {}), site.deployment["spec"]
        counts = {status.get(name) for name in ("replicas", "updatedReplicas", "availableReplicas")}
        return counts == {spec["replicas"]} and _is_on(site, image) and site.condition("Reconciling")[0] != "True"

    return done


def _rolls_out(image: str) -> Done:
    return lambda site: _is_on(site, image)


def _is_on(site: Site, image: str) -> bool:
    annotations = site.deployment["spec"]["template"]["metadata"]["annotations"]
    return bool(annotations["aiapp.dev/image"] == f"{site.repository}:{image}")


def _gates(site: Site) -> bool:
    return any(not job.get("status", {}).get("conditions") for job in site.all_of("Job"))


def _pair_held(site: Site) -> bool:
    streams = [hold["stream"] for hold in site.status.get("holds", ())]
    return streams == ["Pair"] and site.condition("Reconciling")[0] != "True"


FIRST: Final = Step(_nothing, _baked("1.0.0", "v0"))
SECOND: Final = Step(_image("1.1.0"), _baked("1.1.0", "v0"))


class Workflow(NamedTuple):
    """`fates` are those of the images and models that are not good, `pair` an image and a model that fail together."""

    steps: tuple[Step, ...]
    spec: Callable[[Site], Manifest] = named
    fates: Mapping[str, Fate] = {}
    pair: tuple[str, str] | None = None
    tags: tuple[str, ...] = ("1.0.0", "1.1.0")


FOLLOWED: Final = (FIRST, Step(_pushed("1.1.0", Fate.FAILS_CASES), _held("1.1.0")))

WORKFLOWS: Final[Mapping[str, Workflow]] = {
    "first release gated": Workflow((FIRST,)),
    "gate failure held": Workflow((FIRST, Step(_image("1.1.0"), _held("1.1.0"))), fates={"1.1.0": Fate.FAILS_CASES}),
    "both changed, the bad half found": Workflow(
        (FIRST, Step(_both("1.1.0", "v1"), _all(_held("v1"), _baked("1.1.0", "v0")))), fates={"v1": Fate.CRASHES}
    ),
    "both changed, bad only together": Workflow((FIRST, Step(_both("1.1.0", "v1"), _pair_held)), pair=("1.1.0", "v1")),
    "bake failure rolled back": Workflow(
        (FIRST, Step(_image("1.1.0"), _all(_held("1.1.0"), _back_on("1.0.0")))),
        _watched,
        fates={"1.1.0": Fate.DIES_IN_BAKE},
    ),
    "rollback-to": Workflow((FIRST, SECOND, Step(_ask("rollback-to", "previous"), _back_on("1.0.0")))),
    "unhold": Workflow(
        (
            FIRST,
            Step(_image("1.1.0"), _held("1.1.0")),
            Step(_repaired("1.1.0"), _held("1.1.0")),
            Step(_ask("unhold", "1.1.0"), _all(_held(), _baked("1.1.0", "v0"))),
        ),
        fates={"1.1.0": Fate.FAILS_CASES},
    ),
    "newer passes a hold by": Workflow(
        (*FOLLOWED, Step(_pushed("1.2.0"), _baked("1.2.0", "v0"))), _following, tags=("1.0.0",)
    ),
    "newer fails too": Workflow(
        (*FOLLOWED, Step(_pushed("1.2.0", Fate.FAILS_CASES), _all(_held("1.1.0", "1.2.0"), _back_on("1.0.0")))),
        _following,
        tags=("1.0.0",),
    ),
    "taken back during its rollout": Workflow(
        (FIRST, Step(_image("1.1.0"), _rolls_out("1.1.0")), Step(_image("1.0.0"), _back_on("1.0.0"))),
        fates={"1.1.0": Fate.NEVER_READY},
    ),
    "window waits, then releases": Workflow((FIRST, Step(_in_a_window, _waits), Step(_nothing, _baked("1.1.0", "v0")))),
    "freeze waits, then releases": Workflow((FIRST, Step(_frozen, _waits), Step(_nothing, _baked("1.1.0", "v0")))),
    "release-now": Workflow(
        (FIRST, Step(_image("1.1.0"), _waits), Step(_ask("release-now", "now"), _baked("1.1.0", "v0"))), _closed
    ),
    "release-now during the gate": Workflow(
        (FIRST, Step(_image("1.1.0"), _gates), Step(_ask("release-now", "now"), _baked("1.1.0", "v0"))), _closed
    ),
}
