"""The contract between the operator, which renders pods, and the runtime, which runs in them.

Written once so that neither side can drift: names of environment variables, paths, labels and annotations.
Labels are for ever: they select the pods of Deployments that exist.
"""

from typing import Final

# --- environment of the containers -------------------------------------------------------------------------
ENV_MODEL_DIR: Final = "AIAPP_MODEL_DIR"
"""Folder the app reads its model from; complete and read-only when the app starts."""
ENV_MODEL_SOURCE: Final = "AIAPP_MODEL_SOURCE"
"""JSON of `spec.modelSource` as fetch needs it, e.g. {"azureBlob": {"account": .., "container": .., "path": ..}}."""
ENV_MODEL_VERSION: Final = "AIAPP_MODEL_VERSION"
ENV_MODEL_DIGEST: Final = "AIAPP_MODEL_DIGEST"
"""Content digest, `sha256:<64 hex>`; fetch refuses other bytes."""
ENV_IMAGE_DIGEST: Final = "AIAPP_IMAGE_DIGEST"
ENV_REVISION: Final = "AIAPP_REVISION"
ENV_PORT: Final = "AIAPP_PORT"
ENV_HOST: Final = "AIAPP_HOST"
"""Address to listen on; the serving image sets 0.0.0.0, a laptop listens to itself only."""
ENV_CREDENTIALS_DIR: Final = "AIAPP_CREDENTIALS_DIR"
"""Folder with one file per key of the Secret named by secretRef; absent: anonymous access was asked for."""
ENV_TRUST_BUNDLE: Final = "AIAPP_TRUST_BUNDLE"
"""PEM file of certificate authorities trusted in addition to the system's."""
ENV_AZURE_CLIENT_ID: Final = "AIAPP_AZURE_CLIENT_ID"
ENV_AZURE_TENANT_ID: Final = "AIAPP_AZURE_TENANT_ID"
ENV_AZURE_AUTHORITY: Final = "AIAPP_AZURE_AUTHORITY"
"""https address of the cloud's Microsoft Entra endpoint."""
ENV_IDENTITY_TOKEN_FILE: Final = "AIAPP_IDENTITY_TOKEN_FILE"  # noqa: S105 - a variable's name
"""File with the pod's ServiceAccount token for IDENTITY_AUDIENCE; the kubelet renews it."""
ENV_LISTED_ENDPOINTS: Final = "AIAPP_LISTED_ENDPOINTS"
"""Endpoints that the administrator allows although they are private, in the cluster or plain http; comma-separated."""
ENV_CLUSTER_NETWORKS: Final = "AIAPP_CLUSTER_NETWORKS"
"""Networks of the cluster's pods and Services in CIDR form, comma-separated."""
ENV_PHASE: Final = "AIAPP_PHASE"
"""`gate` while the app is tried before its release; absent where it serves."""
PHASE_GATE: Final = "gate"
ENV_GATE_MASKED: Final = "AIAPP_GATE_MASKED"
"""Names of variables whose values come from Secrets, comma-separated: the gate never repeats them."""
ENV_ALLOW_PICKLE: Final = "AIAPP_ALLOW_PICKLE"
"""`true` where the administrator lets models be pickles, which run code of their author when they are loaded."""
ENV_TRUSTED_TYPES: Final = "AIAPP_TRUSTED_TYPES"
"""Types, comma-separated, that a skops file may hold beside skops' own list; the administrator's."""
RESERVED_ENV_PREFIX: Final = "AIAPP_"

# --- paths in the containers -------------------------------------------------------------------------------
MODEL_VOLUME_DIR: Final = "/mnt/models"
MODEL_DIR: Final = "/mnt/models/model"
CREDENTIALS_DIR: Final = "/var/run/secrets/aiapp.dev/credentials"
IDENTITY_DIR: Final = "/var/run/secrets/aiapp.dev/identity"
IDENTITY_TOKEN: Final = "token"  # noqa: S105 - a file's name
IDENTITY_AUDIENCE: Final = "api://AzureADTokenExchange"
CLAIM_DIR: Final = "/mnt/claim"
"""Where fetch sees the PersistentVolumeClaim of `modelSource`, read-only."""
TRUST_DIR: Final = "/etc/aiapp/trust"
TRUST_KEY: Final = "ca.crt"
TRUST_BUNDLE: Final = "/etc/aiapp/trust/ca.crt"
APP_SCORE: Final = "/app/score.py"
GATE_DIR: Final = "/etc/aiapp/gate"
GATE_CASES: Final = "/etc/aiapp/gate/cases.json"
"""The golden cases of the spec, as a JSON list; the model's own are in GOLDEN_DIR of the model's folder."""
GATE_BODIES_DIR: Final = "/etc/aiapp/bodies"
"""Request bodies from ConfigMaps: one folder per case, named by the case's place in the list, with one file `body`."""
GATE_BODY: Final = "body"
GOLDEN_DIR: Final = "golden"
METADATA: Final = "metadata.json"
"""In a model's folder: its name, inputs, outputs and labels, as the Open Inference Protocol writes them."""
TERMINATION_LOG: Final = "/dev/termination-log"

# --- container and volume names ----------------------------------------------------------------------------
APP_CONTAINER: Final = "app"
FETCH_CONTAINER: Final = "fetch"
GATE_CONTAINER: Final = "gate"

# --- labels and annotations --------------------------------------------------------------------------------
LABEL_INSTANCE: Final = "app.kubernetes.io/instance"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "aiapp-operator"
LABEL_ROLE: Final = "aiapp.dev/role"
ROLE_SERVING: Final = "serving"
ROLE_GATE: Final = "gate"
LABEL_REVISION: Final = "aiapp.dev/revision"
"""On pods: the release's number, to tell the pods of the old release from those of the new one."""
ANNOTATION_REVISION: Final = "aiapp.dev/revision"
ANNOTATION_IMAGE: Final = "aiapp.dev/image"
ANNOTATION_MODEL_VERSION: Final = "aiapp.dev/model-version"
ANNOTATION_MODEL_DIGEST: Final = "aiapp.dev/model-digest"
ANNOTATION_RELEASE: Final = "aiapp.dev/release"
"""On a gate's Job: the name of the ControllerRevision that it tries; a revision's number may come again."""
ANNOTATION_GATE_CASES: Final = "aiapp.dev/gate-cases"
"""On a gate's pod: the golden cases of the spec, which the pod reads as the file GATE_CASES."""
ANNOTATION_HASH: Final = "aiapp.dev/applied-hash"

# --- answers of the runtime --------------------------------------------------------------------------------
HEADER_REVISION: Final = "AIApp-Revision"
HEADER_IMAGE: Final = "AIApp-Image"
HEADER_MODEL: Final = "AIApp-Model"

SHA256SUMS: Final = "SHA256SUMS"
"""A model version's marker: written last, one `sha256  path` line a file, what `sha256sum` prints."""


def termination_message(reason: str, sentence: str) -> str:
    """Return what a container of ours leaves as its last word: `Reason: sentence`, at most 4,096 bytes.

    4,096 bytes is what the kubelet keeps of a termination message.
    """
    return f"{reason}: {sentence}".encode()[:4096].decode(errors="ignore")
