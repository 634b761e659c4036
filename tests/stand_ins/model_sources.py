"""Model sources of each kind, as a spec writes them."""

from stand_ins.app_cluster import MODEL_SOURCE

BY_IDENTITY = {"azureBlob": MODEL_SOURCE["azureBlob"]}
IN_S3 = {
    "s3": {"bucket": "models", "path": "digits", "region": "eu-west-1"},
    "credentials": {"secretRef": {"name": "models"}},
}
IN_A_VOLUME = {"persistentVolumeClaim": {"claimName": "models", "path": "digits"}}
