"""Duplex sessions of servers that share a database: made on one, talked in on another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from greenroom.duplex import sessions as duplex_sessions
from greenroom.errors import InvalidInput
from greenroom.sessions.control import Deliver
from greenroom.sessions.model import EndReason, Status
from greenroom.sessions.node import Node
from greenroom.sessions.service import SessionService
from greenroom.sessions.store import Store, database_url
from support.talks import TENANT, Talks, TestTime, turns


class Line:
    """The control bus of a node; they all hang on one line. `deaf`: it takes and does nothing."""

    def __init__(self, nodes: dict[str, Deliver]) -> None:
        self._nodes = nodes
        self.deaf = False

    async def open(self, node: str, deliver: Deliver) -> None:
        self._nodes[node] = deliver

    async def request_stop(self, node: str, session_id: str, reason: EndReason) -> bool:
        return self.deaf or self._nodes[node](session_id, reason)

    async def check(self) -> None:
        return

    async def close(self) -> None:
        return


@dataclass
class Cluster:
    one: Talks
    two: Talks
    line: Line


@pytest.fixture
async def cluster(database: Path, time: TestTime) -> AsyncIterator[Cluster]:
    store = Store(database_url(f"sqlite:///{database}", database.parent), shared=True)
    nodes: dict[str, Deliver] = {}
    lines = [Line(nodes), Line(nodes)]
    services = [
        SessionService(store, Node(name, "first"), bus=line, clock=time, commit_interval=0.0)
        for name, line in zip(("one", "two"), lines, strict=True)
    ]
    for service in services:
        await service.open()
    cluster = Cluster(Talks(services[0], time), Talks(services[1], time), lines[0])
    yield cluster
    await cluster.one.close()
    await cluster.two.close()
    for service in services:
        await service.close()
    await store.close()


async def test_a_session_is_talked_in_on_another_node_and_stopped_from_the_first(
    cluster: Cluster,
) -> None:
    session_id = await cluster.one.create()
    client, _ = await cluster.two.enter(session_id)
    with pytest.raises(InvalidInput):
        await cluster.one.sessions.type(session_id, "hello", tenant=TENANT)
    stopping = asyncio.create_task(cluster.one.sessions.stop(session_id, tenant=TENANT))
    async with asyncio.timeout(5):
        await client.wait_for("ended")
        while not stopping.done():
            cluster.one.time.advance(0.1)
            await turns()
    found = await stopping
    assert found.session.status is Status.STOPPED
    assert found.session.end_reason is EndReason.CLIENT_STOPPED


async def test_a_session_moves_with_its_client_and_goes_on_from_what_was_said(
    cluster: Cluster,
) -> None:
    session_id = await cluster.one.create()
    client, _ = await cluster.one.enter(session_id)
    cluster.one.model.talks[0].say("Hello.")
    cluster.one.time.advance(1)
    await cluster.one.service.journal.flush()
    again, connection = await cluster.two.enter(session_id)
    await client.wait_for("replaced")
    (talk,) = cluster.two.model.talks
    assert [said.text for said in talk.said] == ["Hello."]
    talk.say("And on.")
    cluster.two.time.advance(1)
    connection.leave(finished=True)
    assert (await cluster.two.ended(session_id))[0] is Status.COMPLETED
    tracked = await cluster.two.get(session_id)
    assert [(said.text, said.t) for said in tracked.transcript] == [("Hello. And on.", 0.0)]
    assert again.words == "And on."


async def test_a_node_that_does_not_answer_does_not_keep_a_session_from_being_stopped(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplex_sessions, "STOP_TIMEOUT", 0.2)
    session_id = await cluster.one.create()
    await cluster.two.enter(session_id)
    cluster.line.deaf = True
    stopping = asyncio.create_task(cluster.one.sessions.stop(session_id, tenant=TENANT))
    async with asyncio.timeout(5):
        while not stopping.done():
            cluster.one.time.advance(0.1)
            await turns()
    assert (await stopping).session.status is Status.STOPPED
