"""A folder in a real Azurite is followed with each kind of credentials, by the product's own store and threads."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient

from aiapp_models.addresses import NetworkRules
from aiapp_models.stores.azure_identity import WorkloadIdentity
from aiapp_models.stores.connection import Network
from aiapp_operator.api.v1alpha1 import AIApp
from aiapp_operator.following import Policy
from aiapp_operator.kube import ServiceAccountToken
from aiapp_operator.sources import questions
from aiapp_operator.sources.access import Access
from aiapp_operator.sources.identities import Identities
from aiapp_operator.sources.model_feeds import FolderPoller, ModelVerifier, Stores
from aiapp_operator.sources.questions import Follow, Found
from aiapp_operator.state import Identity, Manifest, Problem, ResolvedModel
from stand_ins.azurite import Account, upload
from stand_ins.entra import CLIENT, TENANT, Entra, entra
from unit.operator_shell.followed import SETTINGS

LATEST = Follow(Policy("LastModified"))


@pytest.fixture(scope="module")
def microsoft(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Entra]:
    with entra(tmp_path_factory.mktemp("entra")) as found:
        yield found


class Api:
    """The API server, as far as Secrets and ServiceAccounts go."""

    def __init__(self, microsoft: Entra) -> None:
        self.secrets: dict[str, str] = {}
        self._microsoft = microsoft

    async def secret(self, namespace: str, name: str) -> dict[str, str]:
        assert (namespace, name) == ("vision", "models")
        return dict(self.secrets)

    async def get(self, kind: str, namespace: str, name: str) -> Manifest:
        raise AssertionError(f"the spec says it all, no need of {kind} {namespace}/{name}")

    async def token_request(self, namespace: str, account: str, audience: str) -> ServiceAccountToken:
        assert audience == "api://AzureADTokenExchange"
        return ServiceAccountToken(self._microsoft.assertion(f"system:serviceaccount:{namespace}:{account}"), 3600)


class Bench:
    def __init__(self, account: Account, microsoft: Entra, folder: Path) -> None:
        bundle = folder / "trust.crt"
        bundle.write_text(account.ca_certificate.read_text() + microsoft.ca_certificate.read_text())
        listed = account.network.rules.listed + microsoft.network.rules.listed
        self.network = Network(bundle, NetworkRules(listed))
        self.account, self.api, self.container = account, Api(microsoft), account.container()
        access = Access(self.api, Identities(self.api, SETTINGS, self._identity), SETTINGS)
        self.stores = Stores(access, self.network, ThreadPoolExecutor(2))

    def _identity(self, who: Identity, assertion: Any) -> WorkloadIdentity:
        return WorkloadIdentity(who.client_id, who.tenant_id, assertion, self.network)

    def question(self, credentials: Manifest) -> questions.ModelQuestion:
        place = {"account": self.account.name, "container": self.container.container_name, "path": "digits"}
        spec = {"image": "contoso.azurecr.io/digits:1", "modelSource": {"azureBlob": place, "credentials": credentials}}
        asked = questions.model(AIApp.parse({"metadata": {"namespace": "vision", "name": "digits"}, "spec": spec}))
        assert asked
        return asked


@pytest.fixture
def bench(blob_account: Account, microsoft: Entra, tmp_path: Path) -> Iterator[Bench]:
    found = Bench(blob_account, microsoft, tmp_path)
    yield found
    found.stores.close()


def upload_version(container: ContainerClient, version: str) -> None:
    upload(container, f"digits/{version}", {"model.bin": version.encode()})


@pytest.mark.parametrize("kind", ["accountKey", "sasToken", "workloadIdentity"])
async def test_an_upload_is_found_at_the_next_poll(bench: Bench, kind: str) -> None:
    secrets = {"accountKey": bench.account.key, "sasToken": bench.account.sas(bench.container.container_name)}
    credentials: Manifest = {"secretRef": {"name": "models"}}
    if kind == "workloadIdentity":
        credentials = {kind: {"clientID": CLIENT, "tenantID": TENANT}}
    else:
        bench.api.secrets = {kind: secrets[kind]}
    question = bench.question(credentials)
    poller = FolderPoller(question, bench.stores)
    for version in ("v1", "v10"):
        upload_version(bench.container, version)
        newest = (await poller.poll(frozenset([LATEST]))).answers[LATEST]
        assert isinstance(newest, ResolvedModel), newest
        assert newest.version == version
        assert newest.identity == (Identity(CLIENT, TENANT) if kind == "workloadIdentity" else None)
    verified = await ModelVerifier(question, newest, bench.stores).poll(frozenset([()]))
    assert verified.answers == {(): Found()}


async def test_a_secret_that_was_rotated_is_used_at_the_next_poll(bench: Bench) -> None:
    upload_version(bench.container, "v1")
    poller = FolderPoller(bench.question({"secretRef": {"name": "models"}}), bench.stores)
    bench.api.secrets = {"sasToken": bench.account.sas(bench.container.container_name, hours=-1)}
    refused = await poller.poll(frozenset([LATEST]))
    problem = refused.answers[LATEST]
    assert isinstance(problem, Problem)
    assert problem.reason == "StoreForbidden"
    assert refused.failed
    bench.api.secrets = {"sasToken": bench.account.sas(bench.container.container_name)}
    assert (await poller.poll(frozenset([LATEST]))).answers[LATEST].version == "v1"
