"""What an app prints when it ends may hold its secrets; what status shows of it may not."""

import pytest

from aiapp_models.masking import masked
from aiapp_operator.pod_findings import cause
from stand_ins.app_cluster import a_pod
from stand_ins.pod_status import ended

TOKEN = "eyJhbGciOi.eyJzdWIiOi.c2ln"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("{'password': 'hunter2'}", "{'password': ***}"),
        ('{"token": "abc"}', '{"token": ***}'),
        ('{\\"token\\": \\"abc\\", \\"n\\": 1}', '{\\"token\\": ***, \\"n\\": 1}'),
        ("api_key=hunter2", "api_key=***"),
        ("x-api-key: hunter2", "x-api-key: ***"),
        ("AZURE_STORAGE_KEY=hunter2 x", "AZURE_STORAGE_KEY=*** x"),
        ("AWS_SECRET_ACCESS_KEY=hunter2", "AWS_SECRET_ACCESS_KEY=***"),
        ("pwd=hunter2;x", "pwd=***;x"),
        ("password='hunter2 two' x", "password=*** x"),
        ("password = b'hunter2'", "password = ***"),
        ("password='hunter2 cut o", "password=***"),
        ("token=SecretStr('hunter2')", "token=***"),
        ("credentials: hunter2", "credentials: ***"),
        ("blobSas=sv1", "blobSas=***"),
        ("?sv=1&sig=abc%2F&se=2", "?sv=1&sig=***&se=2"),
        ("SharedAccessSignature=abc", "SharedAccessSignature=***"),
        ("Authorization: Basic YXBw", "Authorization: ***"),
        (f"got Bearer {TOKEN}", "got Bearer ***"),
        ("Bearer abc", "Bearer ***"),
        (f"the login {TOKEN} is old", "the login *** is old"),
        ("postgres://app:hun/ter2@db/x", "postgres://***@db/x"),
        ("redis://:hun@ter2@db/x", "redis://***@db/x"),
        ("https://ghp0@contoso.com/x", "https://***@contoso.com/x"),
        (f"connect({KEY})", "connect(***)"),
        ("key 0123456789abcdef0123456789abcdef is wrong", "key *** is wrong"),
        ("KeyError: api_key=hunter2", "KeyError: api_key=***"),
    ],
)
def test_what_looks_like_a_secret_is_masked(said: str, shown: str) -> None:
    assert masked(said) == shown


@pytest.mark.parametrize(
    "said",
    [
        "KeyError: 'weights'",
        "TokenExpiredError: ask again",
        "exit signal: 9, assigned: 2, design: 3",
        f"contoso.azurecr.io/digits@sha256:{'1a' * 32}: not found",
        f"https://contoso.azurecr.io/digits@sha256:{'1a' * 32}: not found",
        "contosomodels/models/digits/production/42/model.npz: no such file",
        "/opt/venv/lib/python3.11/site-packages/sklearn/base.py",
        "test_a_long_name_of_a_function_that_has_42_parts",
        'secret "api-key" not found',
        "0/3 nodes are available: 3 Insufficient cpu.",
    ],
)
def test_what_tells_the_cause_is_kept(said: str) -> None:
    assert masked(said) == said


def test_a_secret_of_several_lines_is_masked_before_the_last_line_is_taken() -> None:
    problem = cause([a_pod("2", 0, **ended(1, "config: {'password': 'hunter2\nhunter3'}\n"))])
    assert problem is not None
    assert "hunter" not in problem.message
