"""A reverse proxy before the API server that counts what one operator writes, and kills it at one of its writes.

Lists and watches of all namespaces are answered with those of one namespace, so that many operators, each with its own
proxy, share an API server and none sees the apps of another.
"""

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple

import aiohttp
from aiohttp import web

from aiapp_operator.kube import RESOURCES
from aiapp_operator.state import Manifest

_EVERYWHERE: Final = re.compile(
    rf"(/api/v1|/apis/[^/]+/[^/]+)/({'|'.join(resource.plural for resource in RESOURCES.values())})"
)
WITHOUT_END: Final = aiohttp.ClientTimeout(total=None)
"""A watch lasts; the operator has limits of its own."""
_PASSED_ON: Final = ("Accept", "Content-Type")


class Kill(NamedTuple):
    """The operator dies at its `write`th write, from 1: before the API server has it, or `after`."""

    write: int
    after: bool


class Answered(NamedTuple):
    """A write and what the API server answered."""

    method: str
    path: str
    status: int
    body: Manifest


class WriteProxy:
    """Passes on what one operator asks until it is to die; `dead` is set then. `writes` counts, also the last one."""

    def __init__(
        self,
        upstream: aiohttp.ClientSession,
        namespace: str,
        kill: Kill | None,
        end_operator: Callable[[], None],
        answered: Callable[[Answered], None],
    ) -> None:
        self._upstream = upstream
        self._namespace = namespace
        self._kill = kill
        self._end_operator = end_operator
        self._answered = answered
        self._runner: web.AppRunner | None = None
        self._streams: set[aiohttp.ClientResponse] = set()
        self.writes = 0
        self.dead = asyncio.Event()

    async def open(self) -> int:
        """Listen on loopback; return the port."""
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Pass nothing on any more."""
        self.dead.set()
        for stream in tuple(self._streams):
            stream.close()
        if self._runner:
            await self._runner.cleanup()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        if self.dead.is_set():
            return _hang_up(request)
        is_write = request.method != "GET" and not request.path.endswith("/token")
        self.writes += is_write
        here = is_write and self._kill is not None and self._kill.write == self.writes
        if here and self._kill and not self._kill.after:
            return self._die(request)
        everywhere = _EVERYWHERE.fullmatch(request.path)
        path = everywhere.expand(rf"\1/namespaces/{self._namespace}/\2") if everywhere else request.path
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        headers["Accept-Encoding"] = "identity"
        body = await request.read()
        asked: dict[str, Any] = {
            "params": request.query,
            "data": body or None,
            "headers": headers,
            "timeout": WITHOUT_END,
        }
        async with self._upstream.request(request.method, path, **asked) as answer:
            if not is_write:
                return await self._stream(request, answer)
            data = await answer.read()
            self._answered(Answered(request.method, path, answer.status, _decoded(data)))
            if here:
                return self._die(request)
            return web.Response(status=answer.status, body=data, headers=_headers(answer))

    async def _stream(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=_headers(answer))
        self._streams.add(answer)
        try:
            with suppress(ConnectionError, aiohttp.ClientError):  # either side ends
                await response.prepare(request)
                async for part in answer.content.iter_any():
                    await response.write(part)
                await response.write_eof()
        finally:
            self._streams.discard(answer)
        return response

    def _die(self, request: web.Request) -> web.Response:
        self.dead.set()
        self._end_operator()
        return _hang_up(request)


def _hang_up(request: web.Request) -> web.Response:
    if request.transport:
        request.transport.abort()
    return web.Response()


def _headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {"Content-Type": answer.headers.get("Content-Type", "application/json")}


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return {}
