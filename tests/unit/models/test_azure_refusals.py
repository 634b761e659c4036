"""Azure's error codes in words."""

import pytest

from aiapp_models.errors import Reason
from aiapp_models.stores.azure_refusals import refusal


@pytest.mark.parametrize(
    ("status", "code", "reason", "transient"),
    [
        (404, "ContainerNotFound", Reason.MODEL_MISSING, False),
        (404, "", Reason.MODEL_MISSING, False),
        (403, "AuthenticationFailed", Reason.STORE_FORBIDDEN, False),
        (403, "AuthorizationPermissionMismatch", Reason.STORE_FORBIDDEN, False),
        (409, "PublicAccessNotPermitted", Reason.STORE_FORBIDDEN, False),
        (401, "SomethingNew", Reason.STORE_FORBIDDEN, False),
        (409, "BlobArchived", Reason.MODEL_ARCHIVED, False),
        (412, "ConditionNotMet", Reason.MODEL_CHANGED, True),
        (412, "", Reason.MODEL_CHANGED, True),
        (503, "ServerBusy", Reason.STORE_UNREACHABLE, True),
        (500, "OperationTimedOut", Reason.STORE_UNREACHABLE, True),
        (429, "", Reason.STORE_UNREACHABLE, True),
        (400, "InvalidQueryParameterValue", Reason.STORE_REFUSED, False),
        (301, "", Reason.STORE_REFUSED, False),
    ],
)
def test_an_answer_has_a_reason_the_place_and_the_stores_own_code(
    status: int, code: str, reason: Reason, transient: bool
) -> None:
    error = refusal("contosomodels/models/digits/3", status, code)
    assert (error.reason, error.transient) == (reason, transient)
    assert error.message.startswith("contosomodels/models/digits/3: ")
    assert error.message.endswith(f"(HTTP {status} {code})".replace(" )", ")"))
