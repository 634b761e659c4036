"""Where versions of a model lie and how they are read: `spec.modelSource`."""

from typing import Annotated

from pydantic import ConfigDict, Field

from aiapp_operator.api.fields import ApiModel, ObjectName, StorePath, cel, matches, rules


class LocalObjectReference(ApiModel):
    """Names an object in the AIApp's namespace."""

    name: ObjectName
    """Name of the object, in the namespace of the AIApp."""


class Anonymous(ApiModel):
    """No credentials; has no fields."""


class Credentials(ApiModel):
    """How the model store is asked; exactly one of the fields."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "[has(self.secretRef), has(self.anonymous)].filter(x, x).size() == 1",
                "credentials needs exactly one of secretRef: {name: ...} and anonymous: {}",
            )
        )
    )

    secret_ref: LocalObjectReference | None = None
    """Secret with one of the keys connectionString, accountKey or sasToken. Pods read it at each start."""
    anonymous: Anonymous | None = None
    """For a container with public read access. Written as `anonymous: {}`."""


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
    endpoint: Annotated[
        str,
        Field(
            max_length=253,
            json_schema_extra=rules(
                matches(
                    r"^(https://([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z]([-a-z0-9]*[a-z0-9])?/?)?$",
                    "endpoint must be https:// and a host name in lower case: no http, user, IP address or port",
                ),
                cel(
                    r"!self.matches(r'(\.svc\.|\.(svc|local|internal|localhost)/?$)')",
                    "endpoint must not be a name inside the cluster or of the machine it runs on",
                ),
            ),
        ),
    ] = ""
    """Blob endpoint of the account where it is not https://ACCOUNT.blob.core.windows.net, as in sovereign clouds."""


class ModelSource(ApiModel):
    """Where versions of the model lie and how they are read."""

    azure_blob: AzureBlob
    """Azure Blob Storage."""
    credentials: Credentials
    """How the store is asked: exactly one of secretRef and anonymous."""
