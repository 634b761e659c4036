"""Where versions of a model lie and how they are read: `spec.modelSource`."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import ConfigDict, Field, model_validator

from aiapp_operator.api.fields import (
    ApiModel,
    Endpoint,
    ObjectName,
    OptionalUuid,
    Rule,
    StorePath,
    check,
    matches,
    rules,
)


class LocalObjectReference(ApiModel):
    """Names an object in the AIApp's namespace."""

    name: ObjectName
    """Name of the object, in the namespace of the AIApp."""


class Anonymous(ApiModel):
    """No credentials; has no fields."""


class WorkloadIdentity(ApiModel):
    """The Microsoft Entra identity that trusts the app's ServiceAccount."""

    client_id: Annotated[OptionalUuid, Field(alias="clientID")] = ""
    """Client ID of the managed identity or application. Absent: the annotation azure.workload.identity/client-id of
    the ServiceAccount."""
    tenant_id: Annotated[OptionalUuid, Field(alias="tenantID")] = ""
    """Its tenant. Absent: the annotation azure.workload.identity/tenant-id of the ServiceAccount, else the tenant that
    the administrator set."""


ONE_CREDENTIAL: Final = Rule(
    "[has(self.workloadIdentity), has(self.secretRef), has(self.anonymous)].filter(x, x).size() == 1",
    "credentials needs exactly one of workloadIdentity: {clientID: ...}, secretRef: {name: ...} and anonymous: {}",
    lambda given: [given.workload_identity, given.secret_ref, given.anonymous].count(None) == 2,
)


class Credentials(ApiModel):
    """How the model store is asked; exactly one of the fields."""

    model_config = ConfigDict(json_schema_extra=rules(ONE_CREDENTIAL.cel()))

    workload_identity: WorkloadIdentity | None = None
    """As the Microsoft Entra identity of the app's ServiceAccount. Written as `workloadIdentity: {}` where the
    ServiceAccount's annotations say which."""
    secret_ref: LocalObjectReference | None = None
    """Secret with the keys of one way. For Azure: connectionString, accountKey, sasToken, or clientSecret with clientID
    and tenantID. For S3: accessKeyId, secretAccessKey and, for temporary ones, sessionToken. Pods read it at each
    start."""
    anonymous: Anonymous | None = None
    """For a container or bucket with public read access. Written as `anonymous: {}`."""

    @model_validator(mode="after")
    def _only_one(self) -> "Credentials":
        check(self, (ONE_CREDENTIAL,))
        return self


class AzureBlob(ApiModel):
    """A folder of model versions in an Azure Blob container."""

    account: Annotated[
        str,
        Field(
            max_length=24,
            json_schema_extra=rules(
                matches("^[a-z0-9]{3,24}$", "account must be 3 to 24 lower-case letters and digits")
            ),
        ),
    ]
    """Name of the storage account, such as contosomodels."""
    container: Annotated[
        str,
        Field(
            min_length=3,
            max_length=63,
            json_schema_extra=rules(
                matches(
                    "^[a-z0-9](-?[a-z0-9])*$",
                    "container must be 3 to 63 lower-case letters, digits and single '-' between them",
                )
            ),
        ),
    ]
    """Name of the blob container."""
    path: StorePath
    """Folder in the container; each model version is a folder below it, such as digits/42/."""
    endpoint: Endpoint = ""
    """Blob endpoint of the account where it is not under the storage suffix of the cloud. It needs secretRef or
    anonymous: an identity's tokens go only to the cloud's own addresses."""


S3_ADDRESS: Final = Rule(
    "(has(self.region) && self.region != '') || (has(self.endpoint) && self.endpoint != '')",
    "s3 needs the region of its bucket, such as eu-west-1, or the endpoint of another service than AWS",
    lambda s3: bool(s3.region or s3.endpoint),
)


class S3(ApiModel):
    """A folder of model versions in an S3 bucket, of AWS or of a service that speaks the same protocol."""

    model_config = ConfigDict(json_schema_extra=rules(S3_ADDRESS.cel()))

    bucket: Annotated[
        str,
        Field(
            min_length=3,
            max_length=63,
            json_schema_extra=rules(
                matches(
                    r"^[a-z0-9]([.-]?[a-z0-9])*$",
                    "bucket must be 3 to 63 lower-case letters, digits and single '-' or '.' between them",
                )
            ),
        ),
    ]
    """Name of the bucket."""
    path: StorePath
    """Folder in the bucket; each model version is a folder below it, such as digits/42/."""
    region: Annotated[
        str,
        Field(
            max_length=63,
            json_schema_extra=rules(
                matches("^([a-z0-9]+(-[a-z0-9]+)*)?$", "region must be a name such as eu-west-1 or us-east-1")
            ),
        ),
    ] = ""
    """Region of the bucket, such as eu-west-1."""
    endpoint: Endpoint = ""
    """Address of the service where it is not AWS, such as https://minio.corp.example."""

    @model_validator(mode="after")
    def _has_an_address(self) -> "S3":
        check(self, (S3_ADDRESS,))
        return self


class PersistentVolumeClaim(ApiModel):
    """A folder of model versions in a volume."""

    claim_name: ObjectName
    """Name of the claim, in the namespace of the AIApp. Pods mount it read-only."""
    path: StorePath
    """Folder in the volume; each model version is a folder below it, such as digits/42/."""


class ReadsAs(StrEnum):
    """As whom a model source is read."""

    WORKLOAD_IDENTITY = "WorkloadIdentity"
    SECRET = "Secret"  # noqa: S105 - the kind, no secret
    ANONYMOUS = "Anonymous"
    MOUNT = "Mount"


SOURCE_RULES: Final = (
    Rule(
        "[has(self.azureBlob), has(self.s3), has(self.persistentVolumeClaim)].filter(x, x).size() == 1",
        "modelSource needs exactly one of azureBlob, s3 and persistentVolumeClaim",
        lambda source: [source.azure_blob, source.s3, source.persistent_volume_claim].count(None) == 2,
    ),
    Rule(
        "!has(self.s3) || (has(self.credentials) && !has(self.credentials.workloadIdentity))",
        "s3 needs credentials: secretRef: {name: ...} or anonymous: {}",
        lambda source: not source.s3 or source.reads_as in (ReadsAs.SECRET, ReadsAs.ANONYMOUS),
        ".credentials",
    ),
    Rule(
        "!has(self.persistentVolumeClaim) || !has(self.credentials)",
        "a persistentVolumeClaim is mounted and needs no credentials: remove them",
        lambda source: not source.persistent_volume_claim or not source.credentials,
        ".credentials",
    ),
    Rule(
        "!has(self.azureBlob) || !has(self.azureBlob.endpoint) || self.azureBlob.endpoint == '' || "
        "(has(self.credentials) && !has(self.credentials.workloadIdentity))",
        "an identity's tokens go only to the account under the cloud's own suffix: remove endpoint, or give "
        "credentials secretRef: {name: ...} or anonymous: {}",
        lambda source: (
            not source.azure_blob or not source.azure_blob.endpoint or source.reads_as != ReadsAs.WORKLOAD_IDENTITY
        ),
        ".azureBlob.endpoint",
    ),
)


class ModelSource(ApiModel):
    """Where versions of the model lie and how they are read; exactly one of azureBlob, s3, persistentVolumeClaim."""

    model_config = ConfigDict(json_schema_extra=rules(*(rule.cel() for rule in SOURCE_RULES)))

    azure_blob: AzureBlob | None = None
    """Azure Blob Storage."""
    s3: S3 | None = None
    """S3 of AWS, or a service that speaks the same protocol."""
    persistent_volume_claim: PersistentVolumeClaim | None = None
    """A volume of the cluster. The operator cannot look into it, so modelVersion must name a version."""
    credentials: Credentials | None = None
    """How the store is asked. Absent: azureBlob is read by workload identity; s3 needs it, a persistentVolumeClaim has
    none."""

    @property
    def reads_as(self) -> ReadsAs:
        """Return as whom the source is read; workload identity is what an Azure store is read by unless told."""
        if self.persistent_volume_claim:
            return ReadsAs.MOUNT
        given = self.credentials or Credentials(workload_identity=WorkloadIdentity())
        if given.secret_ref:
            return ReadsAs.SECRET
        return ReadsAs.ANONYMOUS if given.anonymous else ReadsAs.WORKLOAD_IDENTITY

    @property
    def identity(self) -> WorkloadIdentity | None:
        """Return what the spec says of the identity that reads the store; None: it is read in another way."""
        if self.reads_as != ReadsAs.WORKLOAD_IDENTITY:
            return None
        return (self.credentials and self.credentials.workload_identity) or WorkloadIdentity()

    @model_validator(mode="after")
    def _is_readable(self) -> "ModelSource":
        check(self, SOURCE_RULES)
        return self
