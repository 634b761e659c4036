"""The pods that serve an app: `spec.serving`."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from aiapp_operator.api.fields import ApiModel, ObjectName, Quantity, cel, map_by, matches, rules


class Resources(ApiModel):
    """Compute resources of one pod."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "!has(self.requests) || !has(self.limits) || self.requests.all(r, !(r in self.limits) || "
                "!isQuantity(string(self.limits[r])) || !isQuantity(string(self.requests[r])) || "
                "quantity(string(self.limits[r])).compareTo(quantity(string(self.requests[r]))) >= 0)",
                "a limit must not be smaller than the request of the same resource",
            ),
            *(
                cel(
                    f"!has(self.{field}) || self.{field}.all(r, r in ['cpu', 'memory', 'ephemeral-storage'] || "
                    "r.startsWith('hugepages-') || r.contains('/'))",
                    "name cpu, memory, ephemeral-storage or a resource with its domain, such as nvidia.com/gpu",
                    f".{field}",
                )
                for field in ("requests", "limits")
            ),
        )
    )

    requests: Annotated[dict[str, Quantity], Field(max_length=16)] | None = None
    """What a pod is guaranteed, such as {cpu: 500m, memory: 512Mi}."""
    limits: Annotated[dict[str, Quantity], Field(max_length=16)] | None = None
    """What a pod may use at most, such as {memory: 1Gi}."""


class KeyReference(ApiModel):
    """Names one key of a Secret or ConfigMap in the AIApp's namespace."""

    name: ObjectName
    """Name of the object, in the namespace of the AIApp."""
    key: Annotated[str, Field(min_length=1, max_length=253, pattern="^[-._a-zA-Z0-9]+$")]
    """Key whose value is taken."""


class EnvVarSource(ApiModel):
    """Where the value of a variable comes from; exactly one of the fields."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "[has(self.secretKeyRef), has(self.configMapKeyRef)].filter(x, x).size() == 1",
                "valueFrom needs exactly one of secretKeyRef and configMapKeyRef",
            )
        )
    )

    secret_key_ref: KeyReference | None = None
    """A key of a Secret."""
    config_map_key_ref: KeyReference | None = None
    """A key of a ConfigMap."""


class EnvVar(ApiModel):
    """One environment variable of the app's container."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "!(has(self.value) && has(self.valueFrom))",
                "a variable has either value or valueFrom: remove one of them",
                ".valueFrom",
            )
        )
    )

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=128,
            json_schema_extra=rules(
                matches("^[A-Za-z_][A-Za-z0-9_.-]*$", "name must be letters, digits, '_', '.' and '-', no digit first"),
                cel("!self.startsWith('AIAPP_')", "names that start with AIAPP_ are the operator's: choose another"),
            ),
        ),
    ]
    """Name of the variable. Names that start with AIAPP_ are reserved."""
    value: Annotated[str, Field(max_length=4096)] | None = None
    """Its value."""
    value_from: EnvVarSource | None = None
    """Where its value is taken from, instead of value."""


class TolerationOperator(StrEnum):
    """How a toleration is compared with a taint."""

    EXISTS = "Exists"
    EQUAL = "Equal"


class TaintEffect(StrEnum):
    """What a taint does to pods that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Toleration(ApiModel):
    """A node taint that the app's pods tolerate, as in a pod."""

    key: Annotated[str, Field(max_length=317)] | None = None
    """Key of the taint; absent with operator Exists: all taints."""
    operator: TolerationOperator | None = None
    """Exists or Equal; Equal when absent."""
    value: Annotated[str, Field(max_length=63)] | None = None
    """Value of the taint, with operator Equal."""
    effect: TaintEffect | None = None
    """Effect of the taint; absent: all effects."""
    toleration_seconds: Annotated[int, Field(ge=0)] | None = None
    """With effect NoExecute, how many seconds a pod stays on the node after it is tainted."""


class Serving(ApiModel):
    """The pods that serve the app."""

    port: Annotated[int, Field(ge=1024, le=65535)] = 8080
    """Port that the app listens on; 1024 or higher, as it does not run as root."""
    readiness_path: Annotated[
        str,
        Field(
            max_length=256,
            json_schema_extra=rules(
                matches(
                    "^/([A-Za-z0-9._~%=&?-][A-Za-z0-9._~%=&?/-]*)?$",
                    "readinessPath must start with one '/' and hold only what a URL path may, such as /version",
                )
            ),
        ),
    ] = "/version"
    """HTTP path that answers 2xx only when the model is loaded; pods get no traffic before."""
    replicas: Annotated[int, Field(ge=1, le=1000)] = 2
    """Number of pods. `kubectl scale` changes it too."""
    resources: Resources | None = None
    """Compute resources of one pod."""
    env: Annotated[tuple[EnvVar, ...], Field(max_length=64, json_schema_extra=map_by("name"))] = ()
    """Environment variables of the app's container."""
    node_selector: Annotated[dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=16)] | None = None
    """Labels that a node must have for the app's pods."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16)] = ()
    """Node taints that the app's pods tolerate."""
