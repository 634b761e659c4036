"""Which tags a repository has: page by page, on one host, with an end."""

import time

import pytest

from aiapp_operator.errors import NotFoundError, Reason, WaitingError
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.pull_secrets import Login
from aiapp_operator.registry import client
from aiapp_operator.registry.answers import Answer, next_page
from unit.operator_shell.registry_server import ACR, HOST, PASSWORD, USER, Behaviour, Loopback

LOGIN = Login(USER, PASSWORD, "acr")


async def _tags(loopback: Loopback, behaviour: Behaviour, *logins: Login) -> tuple[str, ...]:
    image = await loopback.start(behaviour)
    return await loopback.registry.tags(ImageReference.parse(image.repository, bare=True), logins)


async def test_a_short_list_is_one_request(loopback: Loopback) -> None:
    behaviour = Behaviour(tags=("1.0", "1.1"))
    assert await _tags(loopback, behaviour) == ("1.0", "1.1")
    assert behaviour.seen == ["GET /v2/team/digits/tags/list?n=1000"]


async def test_a_long_list_is_read_to_its_end_with_one_token(loopback: Loopback) -> None:
    behaviour = Behaviour(tags=tuple(f"1.{minor}" for minor in range(2_500)), scheme="bearer")
    assert await _tags(loopback, behaviour, LOGIN) == behaviour.tags
    assert [request.partition("?")[2] for request in behaviour.seen if "tags" in request] == [
        *("n=1000", "n=1000", "last=1000&n=1000", "last=2000&n=1000")
    ]
    assert len([request for request in behaviour.seen if request.startswith("token")]) == 1


@pytest.mark.parametrize("tags", [None, (), []])
async def test_a_repository_may_have_no_tags(loopback: Loopback, tags: object) -> None:
    assert await _tags(loopback, Behaviour(tags=tags)) == ()


async def test_what_cannot_be_a_tag_is_left_out(loopback: Loopback) -> None:
    listed = ["1", 7, None, "", "a b", "../x", "-1", "1\n", "é", "x" * 129, ["2"], "1", "v_2.0-rc"]
    assert await _tags(loopback, Behaviour(tags=listed)) == ("1", "v_2.0-rc")


async def test_a_missing_repository_is_named(loopback: Loopback) -> None:
    with pytest.raises(NotFoundError, match=r"registry\.test/team/digits: the registry has no such repository"):
        await _tags(loopback, Behaviour(status=404))


@pytest.mark.parametrize("tags", ["1", {"1": 2}, 7, True])
async def test_what_is_no_list_is_refused(loopback: Loopback, tags: object) -> None:
    with pytest.raises(WaitingError, match="answered 200 and no list of tags") as caught:
        await _tags(loopback, Behaviour(tags=tags))
    assert caught.value.reason == Reason.REGISTRY_REFUSED


@pytest.mark.parametrize(
    "link", [f"https://{ACR}/v2/x", "//evil.test/v2", f"http://{HOST}/v2/x", f"https://{HOST}:5000/v2", "https://[bad"]
)
async def test_a_login_never_follows_a_list_to_another_host(loopback: Loopback, link: str) -> None:
    elsewhere = Behaviour(scheme="bearer")
    await loopback.start(elsewhere, ACR)
    with pytest.raises(WaitingError, match="names another host for the next page"):
        await _tags(loopback, Behaviour(scheme="bearer", link=lambda _: link), LOGIN)
    assert elsewhere.seen == []


async def test_a_list_in_circles_ends(loopback: Loopback) -> None:
    behaviour = Behaviour(link=lambda request: f"{request.path}?n=7")
    with pytest.raises(WaitingError, match="lists tags without end"):
        await _tags(loopback, behaviour)
    assert len(behaviour.seen) == 2


async def test_pages_without_end_are_not_read(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_PAGES", 5)
    behaviour = Behaviour(link=lambda request: f"{request.path}?n=1&last={int(request.query.get('last', '0')) + 1}")
    with pytest.raises(WaitingError, match="lists tags without end"):
        await _tags(loopback, behaviour)
    assert len(behaviour.seen) == 5


async def test_tags_without_end_are_not_kept(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_TAGS", 1_500)
    with pytest.raises(WaitingError, match=r"lists tags without end; 1500 in .* delete old ones"):
        await _tags(loopback, Behaviour(tags=tuple(map(str, range(3_000)))))


async def test_as_many_tags_as_are_allowed_are_read(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_TAGS", 1_500)
    assert len(await _tags(loopback, Behaviour(tags=tuple(map(str, range(1_500)))))) == 1_500


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ('</v2/x/tags/list?last=b&n=2>; rel="next"', f"https://{HOST}/v2/x/tags/list?last=b&n=2"),
        ("</v2/x?last=b>;rel=next", f"https://{HOST}/v2/x?last=b"),
        (f'<https://{HOST}/v2/x>; title="a"; REL="next"', f"https://{HOST}/v2/x"),
        ('</v2/y>; rel="prev", </v2/x>; rel="next"', f"https://{HOST}/v2/x"),
        ('</v2/y>; rel="prev"', ""),
        ("<", ""),
        ("", ""),
    ],
)
def test_the_next_page_is_what_the_link_says(link: str, target: str) -> None:
    assert next_page(Answer(f"https://{HOST}/v2/x/tags/list?n=2", 200, {"Link": link}), "x") == target


@pytest.mark.parametrize("link", ["<" * 16_000, "<>;" * 5_000, "<>;" * 3_000 + "rel " * 2_000])
def test_a_link_as_long_as_headers_may_be_takes_no_time(link: str) -> None:
    began = time.process_time()
    assert next_page(Answer("https://registry.test/v2/", 200, {"Link": link}), "registry.test/digits") == ""
    assert time.process_time() - began < 0.3
