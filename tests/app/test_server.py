import asyncio
import json
import re
import signal
import socket
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from greenroom.app.server import bind
from greenroom.errors import ConfigurationError
from greenroom.sessions.model import EndReason, Status
from greenroom.sessions.reader import SessionReader
from greenroom.sessions.store import Store
from greenroom.settings import Settings
from support.server import API_KEY, SCRIPTED, running_server, spawn
from support.speech import receive

HEADERS = {"Authorization": f"Bearer {API_KEY}"}


def test_a_port_in_use_is_a_clear_message() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"{port} on 127.0.0.1 is in use; stop"):
            bind("127.0.0.1", port)
        with pytest.raises(ConfigurationError, match="GREENROOM_ROOMS__PORT"):
            bind("127.0.0.1", port, "rooms.port")


def test_an_address_that_is_not_ours_is_a_clear_message() -> None:
    with pytest.raises(ConfigurationError, match=r"server\.host: 192\.0\.2\.1"):
        bind("192.0.2.1", 0)


def test_an_ipv6_loopback_address_is_bound() -> None:
    with bind("::1", 0) as listener:
        assert listener.getsockname()[0] == "::1"


async def test_serve_says_what_is_served_where_and_what_was_chosen(data_dir: Path) -> None:
    async with running_server(data_dir, **SCRIPTED) as server:
        said = "".join(server.said)
        assert f"voice commerce API  {server.url}" in said
        assert server.ws_url in said
        assert re.search(r"LiveKit rooms +ws://127.0.0.1:\d+\n", said)
        for part in ("hears", "speaks", "thinks", "shop", "journal"):
            assert f"  {part} " in said, said
        async with httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get("/health")).json()["status"] == "healthy"


async def test_a_second_server_on_the_port_ends_with_2_and_a_message(data_dir: Path) -> None:
    async with running_server(data_dir, **SCRIPTED) as server:
        port = server.url.rsplit(":", 1)[1]
        other = data_dir.parent / "other"
        other.mkdir()
        process = await spawn(other, "--port", port)
        out, err = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 2
        assert f"{port} on 127.0.0.1 is in use" in err.decode()
        assert b"Traceback" not in out + err


async def test_a_second_server_on_the_data_folder_ends_with_2_and_a_message(data_dir: Path) -> None:
    async with running_server(data_dir, **SCRIPTED):
        process = await spawn(data_dir, "--port", "0")
        _, err = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 2
        assert str(data_dir) in err.decode()
        assert b"Traceback" not in err


async def test_a_bind_beyond_loopback_refuses_to_start_without_real_credentials(
    data_dir: Path,
) -> None:
    process = await spawn(data_dir, "--host", "0.0.0.0", "--port", "0")
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert "greenroom keys create" in err.decode()


async def test_a_database_that_does_not_answer_is_a_clear_message(data_dir: Path) -> None:
    url = "postgresql+asyncpg://user:hidden@127.0.0.1:1/nothing"
    process = await spawn(data_dir, "--port", "0", GREENROOM_STORAGE__DATABASE_URL=url)
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert "storage unavailable" in err.decode()
    assert b"hidden" not in err


async def test_a_setting_that_does_not_fit_is_named(data_dir: Path) -> None:
    process = await spawn(data_dir, "--port", "0", GREENROOM_TURNS__SPEECH_THRESHOLD="7")
    _, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert "turns.speech_threshold" in err.decode()
    assert b"Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_an_idle_server_with_0(data_dir: Path, number: signal.Signals) -> None:
    async with running_server(data_dir, **SCRIPTED) as server:
        server.process.send_signal(number)
        assert await asyncio.wait_for(server.process.wait(), 15) == 0


async def test_sigterm_ends_a_talk_as_drained_and_tells_the_client(data_dir: Path) -> None:
    settings = {**SCRIPTED, "GREENROOM_SERVER__DRAIN_TIMEOUT": "0.2"}
    async with running_server(data_dir, **settings) as server:
        async with connect(server.ws_url, additional_headers=HEADERS, proxy=None) as socket:
            await socket.send(json.dumps({"type": "session.start", "data": {}}))
            ready = json.loads(await asyncio.wait_for(socket.recv(), 10))
            assert ready["type"] == "session.ready"
            server.process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed):
                await receive(socket, "nothing more")
            assert socket.close_code == 1012
        assert await asyncio.wait_for(server.process.wait(), 15) == 0
    reader = SessionReader(store := Store.of(Settings(data_dir=data_dir)))
    session = await reader.get(ready["data"]["session_id"])
    assert (session.status, session.end_reason) == (Status.STOPPED, EndReason.DRAINED)
    await store.close()
