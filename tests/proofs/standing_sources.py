"""A blob account and a registry on loopback, in a process of their own, that count what they are asked.

`python -m proofs.standing_sources FOLDERS VERSIONS` prints the two addresses; then each line on its standard input is
a command that it answers with one line of JSON: `count`, `upload FOLDER VERSION` or `push REPOSITORY TAG`.
"""

import asyncio
import hashlib
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiohttp import web

from faults.container import MARKER, UPLOADED, Blob, Page, render_listing

MODEL_LINE = f"{hashlib.sha256(b'').hexdigest()}  model.npz\n".encode()
TOKEN_SECONDS = 300

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Store:
    """Folders of versions, each a marker and an empty model."""

    asked: Counter[str]
    folders: dict[str, dict[str, Blob]] = field(default_factory=dict)
    _pages: dict[tuple[str, Page], bytes] = field(default_factory=dict)

    def upload(self, folder: str, version: str, when: datetime) -> None:
        blobs = self.folders.setdefault(folder, {})
        blobs[f"{folder}/{version}/{MARKER}"] = Blob(MODEL_LINE + f"{'0' * 64}  {version}\n".encode(), when)
        blobs[f"{folder}/{version}/model.npz"] = Blob(b"", when)
        blobs[f"{folder}/{version}/{version}"] = Blob(b"", when)
        self._pages.clear()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        query, headers = request.query, {"x-ms-request-id": "1", "x-ms-version": "2025-01-05"}
        if query.get("comp") == "list":
            self.asked["store: listings"] += 1
            page = Page(query.get("prefix", ""), query.get("delimiter", ""), query.get("marker", ""))
            body = self._listing(page.prefix.partition("/")[0], page)
            return web.Response(body=body, content_type="application/xml", headers=headers)
        name = request.match_info.get("name", "")
        blob = self.folders.get(name.partition("/")[0], {}).get(name)
        self.asked[f"store: {request.method} of {name.rpartition('/')[2] if blob else 'nothing'}"] += 1
        if blob is None:
            return web.Response(status=404, headers={**headers, "x-ms-error-code": "BlobNotFound"})
        about = {"ETag": blob.etag, "Last-Modified": blob.last_modified, "x-ms-blob-type": "BlockBlob"}
        size = len(blob.data)
        if "x-ms-range" in request.headers or "Range" in request.headers:
            about["Content-Range"] = f"bytes 0-{size - 1}/{size}"
            return web.Response(status=206, body=blob.data, headers={**headers, **about})
        return web.Response(body=blob.data, headers={**headers, **about})

    def _listing(self, folder: str, page: Page) -> bytes:
        if (folder, page) not in self._pages:
            self._pages[folder, page] = render_listing(self.folders.get(folder, {}), page)
        return self._pages[folder, page]


@dataclass
class Registry:
    """Repositories and their tags; a tag's digest follows from its name."""

    asked: Counter[str]
    tags: dict[str, list[str]] = field(default_factory=dict)

    async def token(self, request: web.Request) -> web.StreamResponse:
        self.asked["registry: tokens"] += 1
        return web.json_response({"token": request.query.get("scope", ""), "expires_in": TOKEN_SECONDS})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        repository, _, what = request.match_info["path"].rpartition("/")
        listing = what == "list"
        repository = repository.removesuffix("/tags" if listing else "/manifests")
        if not request.headers.get("Authorization", "").startswith(f"Bearer repository:{repository}:"):
            self.asked["registry: refusals for want of a token"] += 1
            scope = f"repository:{repository}:pull"
            challenge = f'Bearer realm="http://{request.host}/token",service="registry",scope="{scope}"'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        self.asked[f"registry: {'tag lists' if listing else 'manifests'}"] += 1
        if listing:
            return web.json_response({"name": repository, "tags": self.tags.get(repository, [])})
        return web.Response(headers={"Docker-Content-Digest": digest_of(repository, what)})


def digest_of(repository: str, tag: str) -> str:
    """Return the digest that the registry has for a tag."""
    return f"sha256:{hashlib.sha256(f'{repository}:{tag}'.encode()).hexdigest()}"


async def serve(folders: int, versions: int) -> None:
    """Serve until standard input ends."""
    asked = Counter[str]()
    store, registry = Store(asked), Registry(asked)
    for number in range(folders):
        for version in range(versions):
            store.upload(f"team-{number}", f"1.{version}.0", UPLOADED + timedelta(minutes=version))
        registry.tags[f"apps/team-{number}"] = [f"1.{tag}.0" for tag in range(10)]
    ports = [
        await _listen({"/models": store.answer, "/models/{name:.+}": store.answer}),
        await _listen({"/v2/{path:.+}": registry.answer, "/token": registry.token}),
    ]
    print(json.dumps([f"127.0.0.1:{port}" for port in ports]), flush=True)
    async for line in _lines():
        match line.split():
            case ["upload", folder, name]:
                store.upload(folder, name, datetime.now(UTC))
            case ["push", repository, tag]:
                registry.tags.setdefault(repository, []).append(tag)
        print(json.dumps(asked), flush=True)


async def _listen(routes: Mapping[str, Handler]) -> int:
    app = web.Application()
    for path, handler in routes.items():
        app.router.add_get(path, handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return int(runner.addresses[0][1])


async def _lines() -> AsyncIterator[str]:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        yield line.decode()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
