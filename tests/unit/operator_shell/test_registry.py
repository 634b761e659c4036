"""What a tag stands for and whether a digest is still there, asked of a registry on loopback."""

import pytest

from aiapp_operator.errors import NotFoundError, Reason, TransientError, WaitingError
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.pull_secrets import Login
from aiapp_operator.registry.client import MAX_BODY_BYTES
from unit.operator_shell.registry_server import DIGEST, PASSWORD, USER, Behaviour, Loopback

LOGIN = Login(USER, PASSWORD, "acr")
HEAD = "HEAD /v2/team/digits/manifests/1"


async def test_an_open_registry_takes_one_head(loopback: Loopback) -> None:
    behaviour = Behaviour()
    assert await loopback.digest(behaviour) == DIGEST
    assert behaviour.seen == [HEAD]


async def test_a_login_is_not_sent_to_a_registry_that_does_not_ask_for_one(loopback: Loopback) -> None:
    assert await loopback.digest(Behaviour(), LOGIN) == DIGEST  # the stand-in refuses any Authorization here


async def test_a_digest_needs_no_request(loopback: Loopback) -> None:
    image = ImageReference.parse(f"no.such.registry.test/digits@{DIGEST}")
    assert await loopback.registry.digest(image, ()) == DIGEST


async def test_official_images_of_docker_hub_are_asked_for_where_its_api_is(loopback: Loopback) -> None:
    with pytest.raises(TransientError, match=r"registry-1\.docker\.io: the registry's name does not resolve"):
        await loopback.registry.digest(ImageReference.parse("docker.io/python:3.13"), ())


async def test_a_missing_image_is_named(loopback: Loopback) -> None:
    with pytest.raises(NotFoundError, match=r"team/digits:1: the registry has no such image; push it") as caught:
        await loopback.digest(Behaviour(status=404, digest_header=""))
    assert caught.value.reason == Reason.IMAGE_NOT_FOUND


async def test_without_the_digest_header_the_manifest_is_hashed(loopback: Loopback) -> None:
    behaviour = Behaviour(digest_header="")
    # printf '{"schemaVersion": 2}' | sha256sum
    expected = "sha256:c5d902c53b4afcf32ad746fd9d696431650d3fbe8f7b10ca10519543fefd772c"
    assert await loopback.digest(behaviour) == expected
    assert [request.split()[0] for request in behaviour.seen] == ["HEAD", "GET"]


@pytest.mark.parametrize(
    "body", [b"", b"<html>a captive portal</html>", b"{}", b'{"schemaVersion": 1}', b"[" * 60_000, b"7", b"[2]"]
)
async def test_only_a_manifest_is_hashed(loopback: Loopback, body: bytes) -> None:
    with pytest.raises(WaitingError, match="where sha256 was expected") as caught:
        await loopback.digest(Behaviour(digest_header="", body=body))
    assert "captive" not in caught.value.message


async def test_a_manifest_without_end_is_not_read(loopback: Loopback) -> None:
    with pytest.raises(WaitingError, match=f"larger than {MAX_BODY_BYTES} bytes"):
        await loopback.digest(Behaviour(digest_header="", body=b" " * (MAX_BODY_BYTES + 1)))


@pytest.mark.parametrize("digest", ["sha256:abc", "sha512:" + "ab" * 64, "latest"])
async def test_a_digest_of_another_kind_is_refused(loopback: Loopback, digest: str) -> None:
    with pytest.raises(WaitingError, match="where sha256 was expected"):
        await loopback.digest(Behaviour(digest_header=digest))


@pytest.mark.parametrize(("status", "there"), [(200, True), (404, False)])
async def test_a_digest_that_is_gone_is_an_answer(loopback: Loopback, status: int, there: bool) -> None:
    behaviour = Behaviour(status=status)
    image = await loopback.start(behaviour)
    pinned = ImageReference.parse(image.pinned(DIGEST))
    assert await loopback.registry.exists(pinned, ()) is there
    assert behaviour.seen == [f"HEAD /v2/team/digits/manifests/{DIGEST}"]


@pytest.mark.parametrize("status", [204, 302, 400, 403, 405])
async def test_an_answer_of_another_kind_does_not_say_that_a_digest_is_gone(loopback: Loopback, status: int) -> None:
    image = await loopback.start(Behaviour(status=status))
    with pytest.raises(WaitingError):
        await loopback.registry.exists(ImageReference.parse(image.pinned(DIGEST)), ())


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_overloaded_registry_is_asked_again(loopback: Loopback, status: int) -> None:
    with pytest.raises(TransientError, match=f"answered {status}") as caught:
        await loopback.digest(Behaviour(status=status))
    assert caught.value.reason == Reason.REGISTRY_UNREACHABLE
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("999999999", 3600),
        ("9" * 400, 3600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2115 07:28:00 GMT", 3600),
        ("soon", None),
        ("-3", None),
        ("", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
async def test_an_overloaded_registry_says_when_to_ask_again(
    loopback: Loopback, text: str, seconds: float | None
) -> None:
    with pytest.raises(TransientError) as caught:
        await loopback.digest(Behaviour(status=503, headers={"Retry-After": text}))
    assert caught.value.retry_after == seconds
