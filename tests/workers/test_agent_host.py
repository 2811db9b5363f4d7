"""One process hosts many agents, up to its capacity, and lets go of all of them at its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from greenroom.errors import CapacityExceeded, SessionEnded, SessionNotFound
from greenroom.rooms.embedded.agent_rooms import EmbeddedRooms
from greenroom.rooms.embedded.server import RoomServer
from greenroom.rooms.rtc.ports import Peer, PeerEvents
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.life import Ended
from greenroom.sessions.model import EndReason, Session, Status
from greenroom.settings import RoomSettings
from greenroom.workers.host import GONE_WITHIN
from support.agents import House, Time, Town, eventually, result, town

ACTIVE = (Status.ACTIVE, None)
DRAINED = Ended(Status.STOPPED, EndReason.DRAINED)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path) as built:
        yield built


@pytest.fixture
async def house(place: Town) -> House:
    return await place.house()


async def test_beyond_its_capacity_it_refuses_before_it_does_anything(place: Town) -> None:
    house = await place.house(capacity=1)
    _id, task, _room = await house.greeted()
    assert (house.host.agents, house.host.capacity) == (1, 1)
    waiting = await house.session()
    with pytest.raises(CapacityExceeded) as caught:
        await house.host.run(waiting)
    assert caught.value.limit == 1
    assert await house.ended(waiting) == (Status.WAITING, None)
    assert len(house.rooms.joined) == 1
    assert await house.host.stop(_id)
    await result(task)
    assert house.host.agents == 0
    await house.join(waiting)


async def test_what_is_no_session_or_over_is_refused(house: House) -> None:
    with pytest.raises(SessionNotFound):
        await house.host.run("nothing")
    session_id = await house.session()
    await house.sessions.end(session_id, Status.STOPPED, EndReason.CLIENT_STOPPED)
    with pytest.raises(SessionEnded):
        await house.host.run(session_id)
    assert house.host.agents == 0
    assert not house.rooms.joined
    assert not await house.sessions.request_stop(session_id, EndReason.CLIENT_STOPPED)


async def test_without_a_database_nothing_is_begun(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await house.session()

    async def away(_id: str) -> Session:
        raise StorageUnavailable("no database")

    with monkeypatch.context() as broken:
        broken.setattr(house.sessions, "start", away)
        with pytest.raises(StorageUnavailable):
            await house.host.run(session_id)
    assert not house.rooms.joined
    await house.join(session_id)


async def test_an_agent_takes_the_place_of_the_one_that_was_here(house: House) -> None:
    session_id, before, first = await house.greeted()
    _task, second = await house.join(session_id)
    assert await result(before) is None
    assert first.closed
    assert not second.closed
    assert house.host.sessions() == [session_id]
    assert await house.ended(session_id) == ACTIVE


async def test_a_lost_session_is_left_without_ending_it(house: House) -> None:
    session_id, task, room = await house.greeted()
    house.host.leave(session_id)
    house.host.leave("unknown")
    assert await result(task) is None
    assert room.closed
    assert await house.ended(session_id) == ACTIVE
    assert house.rooms.closed_rooms == []


async def test_agents_that_are_not_here_can_not_be_stopped(house: House) -> None:
    assert not await house.host.stop("unknown")
    assert not await house.host.hand_over("unknown")


async def test_an_agent_that_does_not_go_is_not_waited_for(
    place: Town, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id, _task, room = await house.greeted()
    leaving = asyncio.Event()
    close = room.close

    async def slow() -> None:
        await leaving.wait()
        await close()

    monkeypatch.setattr(room, "close", slow)
    began = place.clock.time()
    assert not await place.passing(house.host.stop(session_id), step=0.5)
    assert place.clock.time() - began >= GONE_WITHIN
    leaving.set()


async def test_a_drain_lets_talks_end_and_then_ends_the_rest(place: Town, house: House) -> None:
    first, first_task, _room = await house.greeted()
    second = await house.session()
    second_task, _ = await house.join(second)
    draining = asyncio.create_task(house.host.drain(30))
    await asyncio.sleep(0)
    assert house.host.draining
    with pytest.raises(CapacityExceeded):
        await house.host.run(first)
    await house.sessions.request_stop(first, EndReason.CLIENT_STOPPED)
    await result(first_task)
    await house.wait(29)
    assert not second_task.done()
    await house.wait(2)
    assert await result(second_task) == DRAINED
    await draining
    assert await house.ended(second) == (Status.STOPPED, EndReason.DRAINED)
    # Again, with nobody here.
    await house.host.drain(30)


async def test_a_drain_may_leave_talks_to_others(place: Town, house: House) -> None:
    session_id, task, room = await house.greeted()
    await place.passing(house.host.drain(1, hand_over=True), step=0.2)
    assert await result(task) is None
    assert room.closed
    assert await house.ended(session_id) == ACTIVE
    assert house.host.agents == 0


def no_peer(_events: PeerEvents) -> Peer:
    raise AssertionError("no client connects here")


async def test_in_a_real_room_the_newer_of_two_agents_stays(tmp_path: Path) -> None:
    """Both have the session, as where the bus and the leases both failed: the room decides."""
    clock = Time()
    rooms = EmbeddedRooms(RoomServer(RoomSettings(), no_peer, clock), "ws://127.0.0.1", clock)
    async with town(tmp_path, rooms, clock) as place:
        one, two = await place.house("one"), await place.house("two")
        for wire in place.wires:
            wire.deaf = True
        session_id = await one.session()
        older = one.run(session_id)
        await eventually(lambda: one.presence(session_id))
        newer = two.run(session_id)
        assert await result(older) is None
        assert await one.ended(session_id) == ACTIVE
        assert sorted(await two.presence(session_id)) == [
            "agent_joined one",
            "agent_joined two",
            "agent_left one",
        ]
        assert not newer.done()
        await place.close()
        place.houses.clear()
        await rooms.close()
