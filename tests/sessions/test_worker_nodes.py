"""Workers: nodes without a data folder of their own, beside a server on the same database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from clocks import ManualClock
from greenroom.sessions.clock import Clock
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.model import EndReason, Status, TranscriptEntry
from greenroom.sessions.node import Node, ephemeral_node, register
from greenroom.sessions.service import SessionService, open_sessions
from greenroom.sessions.store import Store, database_url
from greenroom.sessions.tables import micros, nodes
from greenroom.sessions.upkeep import INTERVAL, NODE_LOST_AFTER
from greenroom.settings import Settings
from support.database import NAME, put_database


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    put_database(data_dir / NAME)
    return Settings(data_dir=data_dir, celery_broker_url="redis://127.0.0.1:1/0")


@pytest.fixture
async def server(settings: Settings, clock: ManualClock) -> AsyncIterator[SessionService]:
    service = await open_sessions(settings, clock=clock)
    yield service
    await service.close()


async def worker(settings: Settings, clock: Clock) -> SessionService:
    return await open_sessions(settings, clock=clock, node=ephemeral_node("agents@here"))


async def known(store: Store) -> list[str]:
    def work(connection: Connection) -> list[str]:
        return list(connection.execute(select(nodes.c.id).order_by(nodes.c.id)).scalars())

    return await store.read(work)


async def made(server: SessionService) -> str:
    return (await server.create(api="orchestrator", tenant="t", settings={})).id


def test_each_start_of_a_worker_is_a_node_of_its_own() -> None:
    one, two = ephemeral_node("agents@here"), ephemeral_node("agents@here")
    assert one.id != two.id
    assert one.id.startswith("worker-agents@here-")
    assert one.ephemeral
    assert not Node("0123456789abcdef", "boot").ephemeral


async def test_a_worker_runs_beside_the_server_on_its_file_and_is_forgotten_when_it_ends(
    server: SessionService, settings: Settings, clock: ManualClock
) -> None:
    beside = await worker(settings, clock)
    assert await known(server.store) == sorted([server.node.id, beside.node.id])
    session_id = await made(server)
    await server.get(session_id)
    started = await beside.start(session_id)
    assert started.node == beside.node.id
    clock.advance(1)
    assert (await server.get(session_id)).status is Status.ACTIVE, "it does not trust its memory"
    beside.append(session_id, TranscriptEntry("t1", "user", "hello"))
    await beside.end(session_id, Status.COMPLETED, EndReason.CLIENT_STOPPED)
    assert len(await server.records(session_id)) == 4
    await beside.close()
    assert await known(server.store) == [server.node.id]


async def test_a_worker_that_ends_with_sessions_to_be_taken_up_is_remembered_till_they_are_lost(
    server: SessionService, settings: Settings, clock: ManualClock
) -> None:
    beside = await worker(settings, clock)
    session_id = await made(server)
    await beside.start(session_id)
    beside.let_go(session_id)
    await beside.close()
    assert beside.node.id in await known(server.store)
    for _ in range(int(NODE_LOST_AFTER / INTERVAL)):
        await clock.wait_for_sleeper()
        await clock.let_pass(INTERVAL)
    assert (await server.get(session_id)).status is Status.ACTIVE
    await clock.let_pass(INTERVAL)
    ended = await server.get(session_id)
    assert ended.end_reason is EndReason.NODE_LOST
    assert ended.ended_at == ended.started_at


async def test_a_worker_that_was_killed_is_forgotten_after_a_day(
    server: SessionService, clock: ManualClock
) -> None:
    killed, alive = ephemeral_node("killed"), ephemeral_node("alive")
    old_server = Node("0123456789abcdef", "boot")
    for node in (killed, old_server):
        await server.store.write(partial(register, node=node, at=micros(clock.now())))
    clock.advance(timedelta(days=1).total_seconds() - 1)
    await server.store.write(partial(register, node=alive, at=micros(clock.now())))
    await server.reap()
    assert killed.id in await known(server.store)
    clock.advance(3_600)
    await server.reap()
    assert await known(server.store) == sorted([server.node.id, old_server.id, alive.id])


async def test_a_worker_ends_also_where_the_database_is_away(
    server: SessionService,
    settings: Settings,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    beside = await worker(settings, clock)

    async def away(*_: object) -> None:
        raise StorageUnavailable("away")

    monkeypatch.setattr(beside.store, "write", away)
    await beside.close()
    assert "is forgotten later: storage unavailable: away" in caplog.text
    assert beside.node.id in await known(server.store)


async def test_a_writer_of_a_sqlite_file_waits_for_the_other_one(data_dir: Path) -> None:
    put_database(data_dir / NAME)
    url = database_url(None, data_dir)
    one, two = Store(url, shared=True), Store(url, shared=True)
    writing, go_on = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        register(connection, Node("one", "boot"), 1)
        writing.set()
        assert go_on.wait(5)

    first = asyncio.create_task(one.write(hold))
    await asyncio.to_thread(writing.wait, 5)
    second = asyncio.create_task(two.write(partial(register, node=Node("two", "boot"), at=1)))
    try:
        # It would fail at once, if it did not wait.
        done, _ = await asyncio.wait({second}, timeout=0.05)
        assert not done
    finally:
        go_on.set()
    await asyncio.gather(first, second)
    assert await known(two) == ["one", "two"]
    await one.close()
    await two.close()


async def test_two_nodes_that_write_the_same_file_at_once_both_succeed(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    service = await open_sessions(settings)
    beside = await open_sessions(settings, node=ephemeral_node("agents"))

    async def talk(made_by: SessionService, held_by: SessionService) -> None:
        session_id = await made(made_by)
        await held_by.start(session_id)
        await held_by.end(session_id, Status.COMPLETED, EndReason.CLIENT_STOPPED)

    await asyncio.gather(*(talk(service, beside) for _ in range(30)), talk(beside, service))
    assert len(await service.list(status=Status.COMPLETED)) == 31
    assert caplog.messages == []
    await beside.close()
    await service.close()
