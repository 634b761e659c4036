"""The ways in which registries ask who it is, and how seldom they have to."""

import asyncio
import re

import pytest

from aiapp_operator.errors import Reason, TransientError, WaitingError
from aiapp_operator.pull_secrets import Login
from aiapp_operator.registry.tokens import MAX_TOKEN_BYTES
from unit.operator_shell.registry_server import ACR, DIGEST, HOST, IDENTITY_TOKEN, PASSWORD, USER, Behaviour, Loopback

LOGIN = Login(USER, PASSWORD, "acr")
WRONG = Login(USER, "hunter3", "old")
BY_TOKEN = Login("", "", "hub", IDENTITY_TOKEN)
HEAD = "HEAD /v2/team/digits/manifests/1"
TOKEN = f"token GET {HOST} repository:team/digits:pull"


async def test_basic_authentication_is_remembered(loopback: Loopback) -> None:
    behaviour = Behaviour(scheme="basic")
    image = await loopback.start(behaviour)
    for _ in range(3):
        assert await loopback.registry.digest(image, (LOGIN,)) == DIGEST
    assert behaviour.seen == [HEAD] * 4  # only the first is refused


async def test_a_poll_is_one_request_while_the_token_is_good(loopback: Loopback) -> None:
    behaviour = Behaviour(scheme="bearer", expires_in=300)
    image = await loopback.start(behaviour)
    for moment in (0, 100, 269):
        loopback.now = moment
        assert await loopback.registry.digest(image, (LOGIN,)) == DIGEST
    assert behaviour.seen == [HEAD, TOKEN, HEAD, HEAD, HEAD]


@pytest.mark.parametrize(
    ("expires_in", "used_until"),
    [(300, 270), (10, 9), (None, 54), ("300", 54), (0, 54), (-5, 54), (10**400, 3240), (86_400, 3240)],
)
async def test_a_token_is_replaced_before_it_ends(loopback: Loopback, expires_in: object, used_until: float) -> None:
    behaviour = Behaviour(scheme="bearer", expires_in=expires_in)
    image = await loopback.start(behaviour)
    await loopback.registry.digest(image, (LOGIN,))
    behaviour.seen.clear()
    loopback.now = used_until - 0.5
    await loopback.registry.digest(image, (LOGIN,))
    loopback.now = used_until
    await loopback.registry.digest(image, (LOGIN,))
    assert behaviour.seen == [HEAD, TOKEN, HEAD]  # without another refusal first


async def test_a_token_that_is_refused_early_is_replaced_once(loopback: Loopback) -> None:
    behaviour = Behaviour(scheme="bearer")
    image = await loopback.start(behaviour)
    await loopback.registry.digest(image, (LOGIN,))
    behaviour.good.clear()
    behaviour.seen.clear()
    assert await loopback.registry.digest(image, (LOGIN,)) == DIGEST
    assert behaviour.seen == [HEAD, TOKEN, HEAD]


async def test_of_many_that_need_the_same_token_one_asks(loopback: Loopback) -> None:
    behaviour = Behaviour(scheme="bearer")
    image = await loopback.start(behaviour)
    await asyncio.gather(*(loopback.registry.digest(image, (LOGIN,)) for _ in range(20)))
    assert behaviour.seen.count(TOKEN) == 1


async def test_a_token_is_for_those_who_have_the_login(loopback: Loopback) -> None:
    behaviour = Behaviour(scheme="bearer")
    image = await loopback.start(behaviour)
    await loopback.registry.digest(image, (LOGIN,))
    for others in ((), (WRONG,)):
        with pytest.raises(WaitingError) as caught:
            await loopback.registry.digest(image, others)
        assert caught.value.reason == Reason.REGISTRY_UNAUTHORIZED


async def test_a_token_stays_at_the_registry_that_it_is_for(loopback: Loopback) -> None:
    """Even where another one names the same token service, service and scope."""
    ours, theirs = Behaviour(scheme="bearer"), Behaviour(scheme="bearer", realm=lambda _: f"https://{HOST}/token")
    await loopback.registry.digest(await loopback.start(ours), (LOGIN,))
    other = await loopback.start(theirs, ACR)
    with pytest.raises(WaitingError):
        await loopback.registry.digest(other, (LOGIN,))
    assert ours.shown == ["", "Bearer bearer-1"]
    assert theirs.shown == ["", "Bearer bearer-2"]


async def test_a_token_is_fetched_without_a_login_where_the_registry_gives_one(loopback: Loopback) -> None:
    assert await loopback.digest(Behaviour(scheme="bearer", anonymous_tokens=True)) == DIGEST


async def test_an_identity_token_is_exchanged(loopback: Loopback) -> None:
    behaviour = Behaviour(scheme="bearer")
    assert await loopback.digest(behaviour, BY_TOKEN) == DIGEST
    assert behaviour.seen[1] == TOKEN.replace("GET", "POST")


async def test_an_identity_token_is_no_password(loopback: Loopback) -> None:
    with pytest.raises(WaitingError, match="refuses the login in Secret hub"):
        await loopback.digest(Behaviour(scheme="basic"), BY_TOKEN)


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("repository:team/digits:pull,metadata_read", "repository:team/digits:pull,metadata_read"),
        ("repository:team/digits:pull,push", "repository:team/digits:pull"),
        ("repository:team/digits:*", "repository:team/digits:pull"),
        ("repository:team/secret:pull", "repository:team/digits:pull"),
        ("repository:team/digits:pull repository:team/secret:pull", "repository:team/digits:pull"),
        ("registry:catalog:*", "repository:team/digits:pull"),
        ("", "repository:team/digits:pull"),
    ],
)
async def test_no_more_is_asked_for_than_to_read_the_repository(loopback: Loopback, asked: str, sent: str) -> None:
    behaviour = Behaviour(scheme="bearer", scope=asked)
    await loopback.digest(behaviour, LOGIN)
    assert behaviour.seen[1] == f"token GET {HOST} {sent}"


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
async def test_the_next_login_is_tried_when_one_is_refused(loopback: Loopback, scheme: str) -> None:
    assert await loopback.digest(Behaviour(scheme=scheme), WRONG, LOGIN) == DIGEST


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
@pytest.mark.parametrize(("logins", "fix"), [((), "name a Secret"), ((WRONG,), "Secret old")])
async def test_a_refused_login_says_what_to_do(
    loopback: Loopback, scheme: str, logins: tuple[Login, ...], fix: str
) -> None:
    with pytest.raises(WaitingError, match=fix) as caught:
        await loopback.digest(Behaviour(scheme=scheme), *logins)
    assert caught.value.reason == Reason.REGISTRY_UNAUTHORIZED
    assert "hunter" not in str(caught.value)


async def test_an_unknown_kind_of_login_is_said(loopback: Loopback) -> None:
    with pytest.raises(WaitingError, match="authentication 'Negotiate'; basic and bearer are known"):
        await loopback.digest(Behaviour(scheme="negotiate"))


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>a captive portal</html>",
        b"7",
        b"\xff\xfe",
        b"{}",
        b"[" * 60_000,
        b"1" * 5_000,
        b'{"token": ["token-7"]}',
        b'{"token": "token-7\\r\\nX-Injected: 1"}',
        b'{"token": "token-\xc3\xa9777"}',
        b'{"token": "' + b"7" * MAX_TOKEN_BYTES + b'"}',
    ],
    ids=["html", "number", "no text", "no token", "deep", "digits", "list", "line break", "accent", "long"],
)
async def test_a_token_that_cannot_be_used_is_refused_without_quoting_it(loopback: Loopback, answer: bytes) -> None:
    with pytest.raises(WaitingError) as caught:
        await loopback.digest(Behaviour(scheme="bearer", token_answer=answer), LOGIN)
    assert caught.value.reason == Reason.REGISTRY_REFUSED
    assert not re.search("captive|token-7|777|Injected", caught.value.message)


async def test_an_overloaded_token_service_is_asked_again_when_it_wants(loopback: Loopback) -> None:
    behaviour = Behaviour(scheme="bearer", token_status=503, headers={"Retry-After": "9"})
    with pytest.raises(TransientError, match="answered 503") as caught:
        await loopback.digest(behaviour, LOGIN)
    assert caught.value.retry_after == 9
