"""What an operator is killed in the midst of: each workflow of a release, as steps and what shows that each is done."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from aiapp_operator.state import Manifest
from proofs.crash_site import BEGIN, REPOSITORY, Site
from proofs.release_truth import Fate
from stand_ins.app_cluster import MODEL_SOURCE

OPENS_AFTER: Final = timedelta(minutes=10)
STEP_SECONDS: Final = 1200.0
"""How long a step may take, deaths included."""


class Step(NamedTuple):
    """Something that somebody does, and what shows that all that follows from it is over."""

    act: Callable[[Site], None]
    done: Callable[[Site], bool]


def named(image: str = "1.0.0", model: str = "v0", **release: object) -> Manifest:
    """Return a spec that names its versions."""
    whole: Manifest = {"bake": {"duration": "1m"}, "gate": {"timeout": "2m"}, "progressDeadline": "5m", **release}
    return {
        "image": f"{REPOSITORY}:{image}",
        "modelVersion": model,
        "modelSource": MODEL_SOURCE,
        "release": whole,
        "serving": {"replicas": 2},
    }


def nightly() -> Manifest:
    """Return a spec whose window opens ten minutes after the beginning."""
    opens = BEGIN + OPENS_AFTER
    return named(schedule=[{"cron": f"{opens.minute} {opens.hour} * * *", "timeZone": "UTC", "duration": "1h"}])


# --- what is done --------------------------------------------------------------------------------------------
def _nothing(_site: Site) -> None:
    pass


def _image(tag: str) -> Callable[[Site], None]:
    return lambda site: site.edit(image=f"{REPOSITORY}:{tag}")


def _both(tag: str, version: str) -> Callable[[Site], None]:
    return lambda site: site.edit(image=f"{REPOSITORY}:{tag}", modelVersion=version)


def _ask(action: str, argument: str) -> Callable[[Site], None]:
    return lambda site: site.ask(action, argument)


def _repaired(tag: str) -> Callable[[Site], None]:
    return lambda site: site.truth.fates.update({site.tags[REPOSITORY][tag]: Fate.GOOD})


# --- what shows that it is over ------------------------------------------------------------------------------
def _baked(image: str, model: str) -> Callable[[Site], bool]:
    def done(site: Site) -> bool:
        active = site.status.get("active") or {}
        right = (active.get("image"), active.get("modelVersion")) == (f"{REPOSITORY}:{image}", model)
        return right and "bakedTime" in active

    return done


def _held(*versions: str) -> Callable[[Site], bool]:
    def done(site: Site) -> bool:
        held = {hold["version"] for hold in site.status.get("holds", ())}
        return held == set(versions) and site.condition("Reconciling")[0] != "True"

    return done


def _waits(site: Site) -> bool:
    return bool(site.status.get("nextRelease")) and site.condition("GatePassed") == ("True", "Passed")


def _all(*conditions: Callable[[Site], bool]) -> Callable[[Site], bool]:
    return lambda site: all(condition(site) for condition in conditions)


def _back_on(image: str) -> Callable[[Site], bool]:
    def done(site: Site) -> bool:
        ready = site.api.of("Deployment")["status"].get("updatedReplicas") == 2
        on = site.api.of("Deployment")["spec"]["template"]["metadata"]["annotations"]["aiapp.dev/image"]
        return bool(ready and on == f"{REPOSITORY}:{image}" and site.condition("Reconciling")[0] != "True")

    return done


FIRST: Final = Step(_nothing, _baked("1.0.0", "v0"))
SECOND: Final = Step(_image("1.1.0"), _baked("1.1.0", "v0"))


class Workflow(NamedTuple):
    """`fates` are those of the images and models that are not good."""

    steps: tuple[Step, ...]
    spec: Manifest = named()
    fates: Mapping[str, Fate] = {}


WORKFLOWS: Final[Mapping[str, Workflow]] = {
    "first release gated": Workflow((FIRST,)),
    "gate failure held": Workflow((FIRST, Step(_image("1.1.0"), _held("1.1.0"))), fates={"1.1.0": Fate.FAILS_CASES}),
    "both changed, the bad half found": Workflow(
        (FIRST, Step(_both("1.1.0", "v1"), _all(_held("v1"), _baked("1.1.0", "v0")))), fates={"v1": Fate.CRASHES}
    ),
    "bake failure rolled back": Workflow(
        (FIRST, Step(_image("1.1.0"), _all(_held("1.1.0"), _back_on("1.0.0")))), fates={"1.1.0": Fate.DIES_IN_BAKE}
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
    "window waits, then releases": Workflow(
        (FIRST, Step(_image("1.1.0"), _waits), Step(_nothing, _baked("1.1.0", "v0"))), nightly()
    ),
    "release-now": Workflow(
        (FIRST, Step(_image("1.1.0"), _waits), Step(_ask("release-now", "now"), _baked("1.1.0", "v0"))), nightly()
    ),
}
