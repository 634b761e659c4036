"""Azure's error codes in words."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from aiapp_models.errors import Reason
from aiapp_models.stores.answers import Answer
from aiapp_models.stores.azure_refusals import refusal

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


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
    error = refusal("contosomodels/models/digits/3", Answer(status, code, {}), "look there", NOW)
    assert ("look there" in error.message) == (reason is Reason.STORE_FORBIDDEN)
    assert (error.reason, error.transient) == (reason, transient)
    assert error.message.startswith("contosomodels/models/digits/3: ")
    assert error.message.endswith(f"(HTTP {status} {code})".replace(" )", ")"))


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(20, "20 minutes behind"), (-20, "20 minutes ahead of"), (3, "look there"), (-3, "look there")],
)
def test_a_wrong_clock_comes_before_wrong_credentials(minutes: int, words: str) -> None:
    headers = {"date": format_datetime(NOW + timedelta(minutes=minutes), usegmt=True)}
    error = refusal("contosomodels/models", Answer(403, "AuthenticationFailed", headers), "look there", NOW)
    assert words in error.message
    assert ("clock" in error.message) == (abs(minutes) > 4)


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [
        (503, "7", 7),
        (429, format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (503, format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
        (503, "99999999999", 3600),
        (503, "soon", None),
        (503, "", None),
        (500, "7", None),
    ],
)
def test_a_store_says_when_to_ask_again(status: int, header: str, seconds: float | None) -> None:
    error = refusal("contosomodels/models", Answer(status, "", {"retry-after": header}), "", NOW)
    assert (error.transient, error.retry_after) == (True, seconds)
