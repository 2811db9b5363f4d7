"""Avatar sessions of servers that share a database: made on one, begun on another."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from greenroom.sessions.control import Deliver
from greenroom.sessions.model import EndReason, Status
from greenroom.sessions.node import Node
from greenroom.sessions.service import SessionService
from greenroom.sessions.store import Store, database_url
from support.stage import Client, House, tone, until


class Wire:
    """The control bus of a node; they all hang on one line."""

    line: dict[str, Deliver]

    def __init__(self, line: dict[str, Deliver]) -> None:
        self.line = line
        self.deaf = False

    async def open(self, node: str, deliver: Deliver) -> None:
        self.line[node] = deliver

    async def request_stop(self, node: str, session_id: str, reason: EndReason) -> bool:
        return self.deaf or (node in self.line and self.line[node](session_id, reason))

    async def check(self) -> None:
        return

    async def close(self) -> None:
        return


@dataclass
class Cluster:
    one: House
    two: House
    wire: Wire

    async def state(self, session_id: str) -> tuple[Status, EndReason | None]:
        (session,) = [s for s in await self.one.sessions.list() if s.id == session_id]
        return session.status, session.end_reason


@pytest.fixture
async def cluster(empty_database: Path, tmp_path: Path) -> AsyncIterator[Cluster]:
    path = tmp_path / "sessions.db"
    shutil.copy(empty_database, path)
    store = Store(database_url(f"sqlite:///{path}", tmp_path), shared=True)
    line: dict[str, Deliver] = {}
    wires = [Wire(line), Wire(line)]
    services = [
        SessionService(store, Node(name, "first"), bus=wire, commit_interval=0.0)
        for name, wire in zip(("one", "two"), wires, strict=True)
    ]
    for service in services:
        await service.open()
    cluster = Cluster(House(services[0]), House(services[1]), wires[0])
    yield cluster
    await cluster.one.close()
    await cluster.two.close()
    for service in services:
        await service.close()
    await store.close()


async def test_a_session_may_begin_on_another_node_and_be_stopped_from_the_first(
    cluster: Cluster,
) -> None:
    session_id = await cluster.one.create()
    client = Client()
    avatar = await cluster.two.stage.enter(session_id, client)
    avatar.voice(tone(0.5, 16_000), 16_000)
    cluster.one.sessions._cache.clear()  # which is trusted for a second
    cluster.one.clock.advance(61.0)  # the first node sees that it was initialised
    await cluster.one.gone(session_id)
    assert not client.over.is_set()
    stopping = asyncio.create_task(cluster.one.stage.stop(session_id))
    assert (await client.ended()).reason is EndReason.CLIENT_STOPPED
    await pass_until(cluster, stopping)
    assert stopping.result().end_reason is EndReason.CLIENT_STOPPED


async def test_a_session_goes_to_the_node_where_its_client_is(cluster: Cluster) -> None:
    session_id = await cluster.one.create()
    first, second = Client(), Client()
    await cluster.one.stage.enter(session_id, first)
    await cluster.two.stage.enter(session_id, second)
    async with asyncio.timeout(5):
        await first.replaced.wait()
    cluster.one.assert_all_is_freed()
    assert await cluster.state(session_id) == (Status.ACTIVE, None)
    assert not first.over.is_set()
    assert not second.over.is_set()


async def test_the_same_seat_is_replaced_wherever_it_is(cluster: Cluster) -> None:
    waiting = await cluster.one.create("1")
    active = await cluster.two.create("2")
    client = Client()
    await cluster.two.stage.enter(active, client)
    await cluster.two.create("1")
    await cluster.one.create("2")
    for session_id in (waiting, active):
        assert await cluster.state(session_id) == (Status.STOPPED, EndReason.REPLACED)
    await until(lambda: cluster.two.face.closed)


async def test_one_that_its_node_does_not_stop_is_ended_in_the_database(cluster: Cluster) -> None:
    session_id = await cluster.two.create()
    await cluster.two.stage.enter(session_id, Client())
    cluster.wire.deaf = True
    stopping = asyncio.create_task(cluster.one.stage.stop(session_id))
    await pass_until(cluster, stopping)
    assert stopping.result().end_reason is EndReason.CLIENT_STOPPED


async def pass_until(cluster: Cluster, task: asyncio.Task[object]) -> None:
    """Let the first node's time pass until a task is done."""
    async with asyncio.timeout(5):
        while not task.done():
            if cluster.one.clock.pending:
                cluster.one.clock.advance(0.1)
            await asyncio.sleep(0)
