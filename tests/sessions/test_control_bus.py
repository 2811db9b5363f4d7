from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis.asyncio import Redis

import services
from clocks import ManualClock
from greenroom.errors import ConfigurationError
from greenroom.sessions.control import LocalBus, RedisBus, make_bus
from greenroom.sessions.model import EndReason
from greenroom.sessions.service import SessionService

MakeService = Callable[..., Awaitable[SessionService]]
MakeBus = Callable[..., Awaitable[RedisBus]]


class Holder:
    """Takes what a bus delivers."""

    def __init__(self, *sessions: str) -> None:
        self._sessions = sessions
        self.told: list[tuple[str, EndReason]] = []

    def __call__(self, session_id: str, reason: EndReason) -> bool:
        if session_id not in self._sessions:
            return False
        self.told.append((session_id, reason))
        return True


@pytest.fixture
async def make_node(redis_server: services.RedisServer) -> AsyncIterator[MakeBus]:
    async with AsyncExitStack() as stack:

        async def make(node: str, holder: Holder, **options: Any) -> RedisBus:
            bus = RedisBus(redis_server.url, **options)
            await bus.open(node, holder)
            stack.push_async_callback(bus.close)
            return bus

        yield make


async def test_the_local_bus_reaches_this_node_only() -> None:
    bus, holder = LocalBus(), Holder("s")
    assert not await bus.request_stop("one", "s", EndReason.DRAINED)
    await bus.open("one", holder)
    await bus.check()
    assert await bus.request_stop("one", "s", EndReason.DRAINED)
    assert not await bus.request_stop("one", "other", EndReason.DRAINED)
    assert not await bus.request_stop("two", "s", EndReason.DRAINED)
    await bus.close()
    assert not await bus.request_stop("one", "s", EndReason.DRAINED)
    assert len(holder.told) == 1


async def test_a_node_is_told_through_redis_and_says_whether_it_held_the_session(
    make_node: MakeBus,
) -> None:
    one, two = Holder("s"), Holder("t")
    asking = await make_node("one", one)
    await make_node("two", two)
    await asking.check()
    assert await asking.request_stop("two", "t", EndReason.CLIENT_STOPPED)
    assert two.told == [("t", EndReason.CLIENT_STOPPED)]
    assert not await asking.request_stop("two", "s", EndReason.CLIENT_STOPPED)
    assert await asking.request_stop("one", "s", EndReason.REPLACED)
    assert one.told == [("s", EndReason.REPLACED)]


async def test_a_node_that_is_not_there_is_not_waited_for(make_node: MakeBus) -> None:
    bus = await make_node("one", Holder(), answer_timeout=60)
    assert not await bus.request_stop("nobody", "s", EndReason.DRAINED)


async def test_a_node_that_does_not_answer_is_not_waited_for_long(
    make_node: MakeBus, redis_server: services.RedisServer
) -> None:
    bus = await make_node("one", Holder(), answer_timeout=0.05)
    async with Redis.from_url(redis_server.url) as redis, redis.pubsub() as mute:
        await mute.subscribe("greenroom:node:mute")
        assert await mute.get_message(timeout=5) is not None
        assert not await bus.request_stop("mute", "s", EndReason.DRAINED)


@pytest.mark.parametrize(
    "message", [b"", b"\xff", b"{}", b'["stop"]', b'["stop","r","a","s","?"]', b'["told","r",true]']
)
async def test_a_message_that_makes_no_sense_changes_nothing(
    make_node: MakeBus, redis_server: services.RedisServer, message: bytes
) -> None:
    holder = Holder("s")
    bus = await make_node("one", holder)
    async with Redis.from_url(redis_server.url) as redis:
        assert await redis.publish("greenroom:node:one", message) == 1
    assert await bus.request_stop("one", "s", EndReason.DRAINED)
    assert len(holder.told) == 1


async def test_a_bus_outlives_the_loss_of_redis(
    make_node: MakeBus, redis_server: services.RedisServer, clock: ManualClock
) -> None:
    holder = Holder("s")
    bus = await make_node("one", holder, clock=clock)
    redis_server.stop()
    try:
        await clock.wait_for_sleeper()
        assert not await bus.request_stop("one", "s", EndReason.DRAINED)
        with pytest.raises(ConnectionError):
            await bus.check()
    finally:
        redis_server.start()
    with pytest.raises(ConnectionError, match="not subscribed"):
        await bus.check()
    clock.advance(1)
    async with asyncio.timeout(10):
        await bus._listening.wait()
    await bus.check()
    assert await bus.request_stop("one", "s", EndReason.DRAINED)
    assert len(holder.told) == 1


async def test_a_server_starts_without_its_redis_and_finds_it_later(
    redis_server: services.RedisServer, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    monkeypatch.setattr("greenroom.sessions.control._CONNECT_TIMEOUT", 0.05)
    bus, holder = RedisBus(redis_server.url, clock=clock), Holder("s")
    redis_server.stop()
    try:
        await bus.open("one", holder)
        await clock.wait_for_sleeper()
        clock.advance(0.1)
        await clock.wait_for_sleeper()
    finally:
        redis_server.start()
    clock.advance(1)
    async with asyncio.timeout(10):
        await bus._listening.wait()
    assert await bus.request_stop("one", "s", EndReason.DRAINED)
    await bus.close()


def test_the_url_chooses_the_bus() -> None:
    assert isinstance(make_bus(None), LocalBus)
    assert isinstance(make_bus("redis://localhost:1/0"), RedisBus)
    with pytest.raises(ConfigurationError, match="not a Redis URL"):
        make_bus("http://localhost")


def test_redis_that_is_not_installed_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_redis(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("redis"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_redis)
    with pytest.raises(ConfigurationError, match=r"greenroom\[redis\]"):
        make_bus("redis://localhost")


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_session_is_stopped_and_taken_over_from_another_server(
    make_service: MakeService, redis_server: services.RedisServer
) -> None:
    one = await make_service("one", bus=RedisBus(redis_server.url))
    two = await make_service("two", bus=RedisBus(redis_server.url))
    session = await one.create(api="commerce", tenant="shop", settings={})
    await one.start(session.id)
    assert not await two.request_stop(session.id, EndReason.CLIENT_STOPPED)
    told: list[EndReason] = []
    one.hold(session.id, told.append)
    assert await two.request_stop(session.id, EndReason.CLIENT_STOPPED)
    moved = await two.start(session.id)
    assert moved.node == "two"
    assert told == [EndReason.CLIENT_STOPPED, EndReason.REPLACED]
