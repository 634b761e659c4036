"""What is true of images, models and configs in a simulated cluster, whatever an operator makes of it."""

import json
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from typing import NamedTuple

from aiapp_models import contract
from aiapp_operator.state import Manifest


class Fate(IntEnum):
    """How a pod fares; the worst of its parts decides."""

    GOOD = 0
    DIES_IN_BAKE = 1  # it passes its gate, becomes ready, and ends again and again soon afterwards
    DIES_IN_ROLLOUT = 2  # it passes its gate and never becomes ready
    FAILS_CASES = 3  # a golden case of its gate fails
    CRASHES = 4  # its app ends at once, wherever it runs
    NEVER_READY = 5  # it passes its gate and starts without end


class Contents(NamedTuple):
    """What a pod is made of: digests of image and model, and a hash of the rest of its template."""

    image: str
    model: str
    config: str


@dataclass
class Truth:
    """Fates of parts by their digest, and pairs of image and model that fail their cases together."""

    fates: dict[str, Fate] = field(default_factory=dict)
    bad_pairs: set[tuple[str, str]] = field(default_factory=set)
    bad_flags: set[str] = field(default_factory=set)

    def of_part(self, digest: str) -> Fate:
        """Return the fate that an image or a model has by itself."""
        return self.fates.get(digest, Fate.GOOD)

    def of_template(self, template: Manifest) -> Fate:
        """Return how pods of a template fare."""
        contents = contents_of(template)
        pair = Fate.FAILS_CASES if (contents.image, contents.model) in self.bad_pairs else Fate.GOOD
        flag = Fate.FAILS_CASES if _env(template, "FLAG") in self.bad_flags else Fate.GOOD
        return max(self.of_part(contents.image), self.of_part(contents.model), pair, flag)


def digest(of: str) -> str:
    """Return a digest that is the same for the same text."""
    return f"sha256:{sha256(of.encode()).hexdigest()}"


def contents_of(template: Manifest) -> Contents:
    """Return what pods of a template are made of, read from what they would run."""
    app = _app(template)
    image = str(app["image"]).rpartition("@")[2]
    env = {each["name"]: each.get("value", "") for each in app.get("env", ())}
    own = {name: value for name, value in env.items() if not name.startswith(contract.RESERVED_ENV_PREFIX)}
    rest = json.dumps([own, app.get("resources"), app.get("ports")], sort_keys=True)
    return Contents(image, env.get(contract.ENV_MODEL_DIGEST, ""), sha256(rest.encode()).hexdigest()[:12])


def _env(template: Manifest, name: str) -> str:
    return next((each.get("value", "") for each in _app(template).get("env", ()) if each["name"] == name), "")


def _app(template: Manifest) -> Manifest:
    spec = template["spec"]
    containers: list[Manifest] = [*spec["containers"], *spec.get("initContainers", ())]
    return next(each for each in containers if each["name"] == contract.APP_CONTAINER)
