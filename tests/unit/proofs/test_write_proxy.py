"""The proxy that kills an operator at one of its writes."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from proofs.write_proxy import Answered, Kill, WriteProxy

JOBS = "/apis/batch/v1/namespaces/site/jobs"


class Upstream:
    """An API server that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path_qs}")
        return web.json_response({"kind": "Job"}, status=201 if request.method == "POST" else 200)


def through(kill: Kill | None, use: Callable[[aiohttp.ClientSession], Awaitable[None]]) -> tuple[list[str], list[str]]:
    """Return what reached the API server, and what happened in the proxy."""
    upstream, happened = Upstream(), list[str]()

    def answered(write: Answered) -> None:
        happened.append(f"{write.method} {write.status}")

    async def run() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", upstream.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
            proxy = WriteProxy(session, "site", kill, lambda: happened.append("killed"), answered)
            async with aiohttp.ClientSession(f"http://127.0.0.1:{await proxy.open()}") as operator:
                await use(operator)
            await proxy.close()
        await runner.cleanup()

    asyncio.run(run())
    return upstream.asked, happened


async def two_writes(operator: aiohttp.ClientSession) -> None:
    async with operator.post(JOBS, json={}) as first:
        assert first.status == 201
    with pytest.raises(aiohttp.ClientError):
        await operator.patch(f"{JOBS}/two", json={})
    with pytest.raises(aiohttp.ClientError):
        await operator.get(JOBS)


def test_killed_before_the_write_reaches_the_api_server() -> None:
    assert through(Kill(2, after=False), two_writes) == ([f"POST {JOBS}"], ["POST 201", "killed"])


def test_killed_after_it_without_an_answer() -> None:
    asked, happened = through(Kill(2, after=True), two_writes)
    assert asked == [f"POST {JOBS}", f"PATCH {JOBS}/two"]
    assert happened == ["POST 201", "PATCH 200", "killed"]


def test_what_is_everywhere_is_what_is_in_its_namespace_and_reads_are_not_counted() -> None:
    async def reads(operator: aiohttp.ClientSession) -> None:
        for path in ("/apis/batch/v1/jobs?limit=1", "/api/v1/pods", "/apis/batch/v1", JOBS):
            async with operator.get(path) as answer:
                assert answer.status == 200
        async with operator.post("/api/v1/namespaces/site/serviceaccounts/app/token", json={}) as answer:
            assert answer.status == 201

    asked, happened = through(Kill(1, after=False), reads)
    assert asked[:3] == [f"GET {JOBS}?limit=1", "GET /api/v1/namespaces/site/pods", "GET /apis/batch/v1"]
    assert happened == []
