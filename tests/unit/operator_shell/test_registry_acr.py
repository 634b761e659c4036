"""Azure's registries, asked as the app: a token of Entra ID is exchanged for one of the registry."""

from dataclasses import dataclass, field

import pytest

from aiapp_models.credentials import AccessToken
from aiapp_models.errors import Reason as ModelReason
from aiapp_models.errors import SourceError
from aiapp_operator.errors import Reason, TransientError, WaitingError
from aiapp_operator.image_reference import ImageReference
from aiapp_operator.pull_secrets import Login
from aiapp_operator.registry.acr import takes_identities
from unit.operator_shell.registry_server import ACR, DIGEST, ENTRA_TOKEN, HOST, PASSWORD, USER, Behaviour, Loopback

HEAD = "HEAD /v2/team/digits/manifests/1"
EXCHANGE = f"exchange {ACR} access_token"
REDEEM = f"redeem {ACR} repository:team/digits:pull"


@dataclass(eq=False)
class Identity:
    """A workload identity; `failure` is what Entra ID says instead of giving a token."""

    failure: SourceError | None = None
    value: str = ENTRA_TOKEN
    asked: list[str] = field(default_factory=list)

    def token(self, scope: str) -> AccessToken:
        self.asked.append(scope)
        if self.failure:
            raise self.failure
        return AccessToken(self.value, 4e9)


async def test_a_token_of_entra_id_is_exchanged_once_for_many_polls(loopback: Loopback) -> None:
    behaviour, identity = Behaviour(scheme="bearer"), Identity()
    image = await loopback.start(behaviour, ACR)
    for _ in range(3):
        assert await loopback.registry.digest(image, (), identity) == DIGEST
    assert behaviour.seen == [EXCHANGE, REDEEM, HEAD, HEAD, HEAD]
    assert identity.asked == ["https://containerregistry.azure.net/.default"]


async def test_tags_need_the_right_to_read_metadata(loopback: Loopback) -> None:
    behaviour = Behaviour(scheme="bearer")
    image = await loopback.start(behaviour, ACR)
    assert await loopback.registry.tags(image, (), Identity()) == ("1", "2")
    assert behaviour.seen[1] == f"{REDEEM},metadata_read"


async def test_a_token_that_ended_early_is_redeemed_and_if_need_be_exchanged_again(loopback: Loopback) -> None:
    behaviour, identity = Behaviour(scheme="bearer"), Identity()
    image = await loopback.start(behaviour, ACR)
    await loopback.registry.digest(image, (), identity)
    behaviour.good -= {token for token in behaviour.good if token.startswith("bearer")}
    behaviour.seen.clear()
    assert await loopback.registry.digest(image, (), identity) == DIGEST
    assert behaviour.seen == [HEAD, REDEEM, HEAD]
    behaviour.good.clear()
    behaviour.seen.clear()
    assert await loopback.registry.digest(image, (), identity) == DIGEST
    assert behaviour.seen == [HEAD, REDEEM, EXCHANGE, REDEEM, HEAD]


async def test_tokens_are_not_shared_between_identities(loopback: Loopback) -> None:
    behaviour = Behaviour(scheme="bearer")
    image = await loopback.start(behaviour, ACR)
    await loopback.registry.digest(image, (), Identity())
    behaviour.exchange_status = 401
    with pytest.raises(WaitingError, match="AcrPull"):
        await loopback.registry.digest(image, (), Identity())


async def test_a_login_goes_before_the_identity(loopback: Loopback) -> None:
    behaviour, identity = Behaviour(scheme="basic"), Identity()
    image = await loopback.start(behaviour, ACR)
    assert await loopback.registry.digest(image, (Login(USER, PASSWORD, "acr"),), identity) == DIGEST
    assert identity.asked == []


async def test_no_other_registry_gets_a_token_of_entra_id(loopback: Loopback) -> None:
    behaviour, identity = Behaviour(), Identity()
    image = await loopback.start(behaviour, HOST)
    assert await loopback.registry.digest(image, (), identity) == DIGEST
    assert identity.asked == []


@pytest.mark.parametrize(
    ("api", "taken"),
    [
        ("https://contoso.azurecr.io", True),
        ("https://contoso.azurecr.cn", True),
        ("https://contoso.azurecr.us", True),
        ("http://contoso.azurecr.io", False),
        ("https://contoso.azurecr.io:8443", False),
        ("https://azurecr.io", False),
        ("https://evilazurecr.io", False),
        ("https://contoso.azurecr.io.evil.test", False),
        ("https://contoso.azurecr.com", False),
        ("https://a.b.azurecr.io", False),
        ("https://registry.test", False),
    ],
)
def test_tokens_of_entra_id_go_over_https_to_azures_registries_alone(api: str, taken: bool) -> None:
    assert takes_identities(api) is taken


async def test_a_registry_for_everybody_may_know_nothing_of_the_identity(loopback: Loopback) -> None:
    image = await loopback.start(Behaviour(exchange_status=401), ACR)
    assert await loopback.registry.digest(image, (), Identity()) == DIGEST


async def test_an_identity_without_the_right_is_told_the_command_that_grants_it(loopback: Loopback) -> None:
    image = await loopback.start(Behaviour(scheme="bearer", exchange_status=401), ACR)
    with pytest.raises(WaitingError, match=r"--role AcrPull .*az acr show --name contoso ") as caught:
        await loopback.registry.digest(image, (), Identity())
    assert caught.value.reason == Reason.REGISTRY_UNAUTHORIZED
    assert "hunter2" not in caught.value.message


async def test_an_identity_that_entra_id_refuses_is_named(loopback: Loopback) -> None:
    refusal = SourceError(ModelReason.IDENTITY_REFUSED, "Entra ID refuses it: make a federated credential")
    image = await loopback.start(Behaviour(scheme="bearer"), ACR)
    with pytest.raises(WaitingError, match="make a federated credential") as caught:
        await loopback.registry.digest(image, (), Identity(refusal))
    assert caught.value.reason == ModelReason.IDENTITY_REFUSED


async def test_entra_id_away_is_transient(loopback: Loopback) -> None:
    away = SourceError(ModelReason.STORE_UNREACHABLE, "Entra ID is away", transient=True, retry_after=4)
    image = await loopback.start(Behaviour(scheme="bearer"), ACR)
    with pytest.raises(TransientError, match="Entra ID is away") as caught:
        await loopback.registry.digest(image, (), Identity(away))
    assert (caught.value.reason, caught.value.retry_after) == (Reason.REGISTRY_UNREACHABLE, 4)


async def test_no_token_shows_in_what_is_kept(loopback: Loopback) -> None:
    image = await loopback.start(Behaviour(scheme="bearer"), ACR)
    await loopback.registry.digest(image, (), Identity())
    await loopback.registry.exists(ImageReference.parse(image.pinned(DIGEST)), (), Identity())
    kept = repr(vars(loopback.registry._exchange._tokens))
    assert "Token(until=" in kept
    assert not [secret for secret in ("refresh-1", "bearer-2") if secret in kept]
