"""Two whole servers that share PostgreSQL and Redis."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

import services
from support.server import API_KEY, SCRIPTED, running_server
from support.speech import receive

HEADERS = {"Authorization": f"Bearer {API_KEY}"}


@pytest.fixture
def shared() -> Iterator[dict[str, str]]:
    """Settings of servers that share everything but their data folders."""
    with services.postgres() as postgres, services.redis_server() as redis:
        yield {
            **SCRIPTED,
            "GREENROOM_STORAGE__DATABASE_URL": postgres.empty_database(),
            "REDIS_URL": redis.url,
            "GREENROOM_RATES__ENABLED": "true",
            "GREENROOM_AUTH__JWT_SECRET": "a secret that both servers know, long enough",
        }


async def until_it_is(status: str, client: httpx.AsyncClient, path: str) -> None:
    """A server believes for a second what it knows of a session that another may change."""
    async with asyncio.timeout(10):
        # REST tells only who asks.
        while (await client.get(path)).json()["status"] != status:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.timeout(120)
async def test_a_session_made_on_one_server_is_talked_on_the_other_and_ended_from_the_first(
    tmp_path: Path, shared: dict[str, str]
) -> None:
    async with AsyncExitStack() as stack:
        servers, clients = [], []
        for name in ("first", "second"):
            (tmp_path / name).mkdir()
            server = await stack.enter_async_context(running_server(tmp_path / name, **shared))
            client = httpx.AsyncClient(base_url=server.url, headers=HEADERS, timeout=20)
            servers.append(server)
            clients.append(await stack.enter_async_context(client))
        first, second = clients
        made = (await first.post("/api/sessions", json={})).json()
        token = {"Authorization": f"Bearer {made['token']}"}
        async with connect(servers[1].ws_url, additional_headers=token, proxy=None) as socket:
            await socket.send(json.dumps({"type": "session.start", "data": {}}))
            ready = await receive(socket, "session.ready")
            assert ready["session_id"] == made["session_id"]
            path = f"/api/sessions/{made['session_id']}"
            await until_it_is("active", first, path)
            ended = await first.delete(path)
            assert ended.status_code == 200, ended.text
            with pytest.raises(ConnectionClosed):
                await receive(socket, "nothing more")
        await until_it_is("stopped", second, path)
        # Both count against one limit: ten new sessions a minute from one address.
        codes = [
            (await (first, second)[turn % 2].post("/api/sessions", json={})).status_code
            for turn in range(10)
        ]
        assert codes == [200] * 9 + [429]
        for client in (first, second):
            assert (await client.get("/health")).json()["checks"]["redis"] == "healthy"
