"""As whom the operator asks: tokens of ServiceAccounts and what their annotations say, or what is said instead."""

import asyncio
from typing import Any

import pytest

from aiapp_operator.errors import OperatorError, TransientError, WaitingError
from aiapp_operator.kube import RESOURCES, TOKEN_SECONDS
from aiapp_operator.settings import Settings
from aiapp_operator.sources.identities import CLIENT_ANNOTATION, RENEWED_AT, TENANT_ANNOTATION, Identities
from aiapp_operator.sources.questions import Account
from aiapp_operator.state import Identity
from unit.operator_shell import virtual_time
from unit.operator_shell.followed import SETTINGS, MemoryIdentity
from unit.operator_shell.memory_api import MemoryApi

ACCOUNT = Account("vision", "digits")
PATH = RESOURCES["ServiceAccount"].path("vision", "digits")
TOKEN = ("POST", f"{PATH}/token")


class Bench:
    def __init__(self, settings: Settings = SETTINGS, lacks: str = "") -> None:
        self.api = MemoryApi()
        both = {CLIENT_ANNOTATION: "client-1", TENANT_ANNOTATION: "tenant-1"}
        self.annotate({name: value for name, value in both.items() if name != lacks})
        self.identities = Identities(self.api, settings, MemoryIdentity)

    def annotate(self, annotations: dict[str, str]) -> None:
        metadata = {"namespace": "vision", "name": "digits", "annotations": annotations}
        self.api.put({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})

    async def error(self, account: Account = ACCOUNT) -> OperatorError:
        with pytest.raises(OperatorError) as caught:
            await self.identities.identity(account)
        return caught.value


async def test_annotations_say_who_an_account_is() -> None:
    who, _ = await Bench().identities.identity(ACCOUNT)
    assert who == Identity("client-1", "tenant-1")


async def test_the_spec_wins_and_then_nothing_is_looked_up() -> None:
    bench = Bench()
    who, _ = await bench.identities.identity(Account("vision", "digits", "client-2", "tenant-2"))
    assert who == Identity("client-2", "tenant-2")
    assert bench.api.requests == [TOKEN]


async def test_the_administrators_tenant_is_the_last_to_count() -> None:
    bench = Bench(Settings(fetch_image="x", azure_tenant="tenant-0"), lacks=TENANT_ANNOTATION)
    who, _ = await bench.identities.identity(ACCOUNT)
    assert who == Identity("client-1", "tenant-0")


async def test_many_questions_at_once_take_one_token() -> None:
    bench = Bench()
    found = await asyncio.gather(*(bench.identities.identity(ACCOUNT) for _ in range(20)))
    assert len({id(identity) for _, identity in found}) == 1
    assert bench.api.requests == [("GET", PATH), TOKEN]


def test_the_token_is_renewed_before_its_end_and_the_identity_stays() -> None:
    async def main() -> list[Any]:
        bench = Bench()
        _, first = await bench.identities.identity(ACCOUNT)
        seen = [first.token("s").token]
        for seconds in (TOKEN_SECONDS * RENEWED_AT - 1, 2):
            await asyncio.sleep(seconds)
            _, later = await bench.identities.identity(ACCOUNT)
            assert later is first
            seen.append(later.token("s").token)
        return seen

    first, kept, renewed = virtual_time.run(main())
    assert first == kept != renewed


def test_a_new_annotation_counts_at_the_next_renewal_and_after_a_refusal_at_once() -> None:
    async def main() -> list[str]:
        bench = Bench()
        await bench.identities.identity(ACCOUNT)
        bench.annotate({CLIENT_ANNOTATION: "client-2", TENANT_ANNOTATION: "t"})
        kept, _ = await bench.identities.identity(ACCOUNT)
        await asyncio.sleep(TOKEN_SECONDS)
        renewed, _ = await bench.identities.identity(ACCOUNT)
        bench.annotate({CLIENT_ANNOTATION: "client-3", TENANT_ANNOTATION: "t"})
        bench.identities.forget(ACCOUNT)
        refused, _ = await bench.identities.identity(ACCOUNT)
        return [who.client_id for who in (kept, renewed, refused)]

    assert virtual_time.run(main()) == ["client-1", "client-2", "client-3"]


def test_accounts_that_are_not_asked_for_any_more_are_forgotten() -> None:
    async def main() -> int:
        bench = Bench()
        for n in range(50):
            await bench.identities.identity(Account("vision", "digits", f"c{n}", "t"))
        await asyncio.sleep(3 * 3600)
        await bench.identities.identity(ACCOUNT)
        return len(bench.identities._kept)

    assert virtual_time.run(main()) == 1


@pytest.mark.parametrize(
    ("annotation", "words"), [(CLIENT_ANNOTATION, "no client ID is known"), (TENANT_ANNOTATION, "no tenant is known")]
)
async def test_what_lacks_is_named_with_the_command_that_sets_it(annotation: str, words: str) -> None:
    error = await Bench(lacks=annotation).error()
    assert isinstance(error, WaitingError)
    assert error.reason == "IdentityMissing"
    assert words in error.message
    assert f"kubectl annotate serviceaccount digits -n vision {annotation}=" in error.message


@pytest.mark.parametrize("account", [ACCOUNT, Account("vision", "digits", "c", "t")])
async def test_an_account_that_is_not_there_is_named_and_waited_for(account: Account) -> None:
    bench = Bench()
    bench.api.remove("ServiceAccount")
    error = await bench.error(account)
    assert isinstance(error, TransientError)
    assert error.reason == "IdentityMissing"
    assert "no ServiceAccount digits in namespace vision" in error.message


async def test_a_token_that_may_not_be_asked_for_gives_the_commands_that_grant_it() -> None:
    bench = Bench()
    bench.api.refuses[TOKEN] = (403, "serviceaccounts/token is forbidden")
    error = await bench.error()
    assert isinstance(error, WaitingError)
    assert error.reason == "IdentityForbidden"
    assert "serviceaccounts/token is forbidden" in error.message
    assert "--verb=create --resource=serviceaccounts/token -n vision" in error.message
    assert "--serviceaccount=ops:aiapp-operator -n vision" in error.message


async def test_no_token_is_shown() -> None:
    bench = Bench()
    _, identity = await bench.identities.identity(ACCOUNT)
    assert isinstance(identity, MemoryIdentity)
    assert "token-" in identity.assertion()
    assert "token-" not in repr(identity)
