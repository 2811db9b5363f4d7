"""Agents join rooms of the embedded server, and each other's."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from greenroom.errors import CapacityExceeded
from greenroom.rooms.embedded.agent_rooms import EmbeddedRooms
from greenroom.rooms.embedded.server import RoomServer
from greenroom.rooms.errors import RoomIsClosed, RoomsFailed
from greenroom.rooms.ports import (
    DataReceived,
    Joining,
    ParticipantJoined,
    ParticipantLeft,
    RoomClosed,
    RoomEvent,
    Rooms,
    TrackStarted,
)
from greenroom.rooms.rtc.ports import Peer, PeerEvents
from greenroom.settings import RoomSettings
from greenroom.testing import ManualClock


def no_peer(_events: PeerEvents) -> Peer:
    raise AssertionError("no client connects here")


@pytest.fixture
async def rooms() -> AsyncIterator[EmbeddedRooms]:
    clock = ManualClock()
    server = RoomServer(RoomSettings(max_rooms=2), no_peer, clock)
    rooms = EmbeddedRooms(server, "ws://127.0.0.1:7880", clock)
    yield rooms
    await rooms.close()
    assert clock.pending == 0


async def test_two_agents_in_a_room_know_of_each_other(rooms: EmbeddedRooms) -> None:
    port: Rooms = rooms
    assert port.url == "ws://127.0.0.1:7880"
    first = await rooms.join(
        Joining("room", "one", name="One", metadata="m", attributes={"k": "v"})
    )
    events: list[RoomEvent] = []
    first.listen(events.append)
    second = await rooms.join(Joining("room", "two"))
    assert [(p.identity, p.kind, p.is_human) for p in first.participants()] == [
        ("two", "agent", False)
    ]
    (seen,) = second.participants()
    assert (seen.name, seen.metadata, seen.attributes) == ("One", "m", {"k": "v"})
    track = await second.publish_audio(16_000)
    await second.send_data(b"x", topic="t", to=["one"])
    await second.close()
    kinds = [type(event) for event in events]
    assert kinds[0] is ParticipantJoined
    assert kinds[-1] is ParticipantLeft
    assert DataReceived("two", b"x", "t", True) in events
    assert [event.sid for event in events if isinstance(event, TrackStarted)] == [track.sid]
    assert first.participants() == ()


async def test_a_hidden_agent_is_not_seen(rooms: EmbeddedRooms) -> None:
    seen = await rooms.join(Joining("room", "seen"))
    await rooms.join(Joining("room", "hidden", hidden=True))
    assert seen.participants() == ()


async def test_what_can_not_be_joined_is_refused(rooms: EmbeddedRooms) -> None:
    with pytest.raises(RoomsFailed) as caught:
        await rooms.join(Joining("", "agent"))
    assert not caught.value.retryable
    for name in ("a", "b"):
        await rooms.join(Joining(name, "agent"))
    with pytest.raises(CapacityExceeded):
        await rooms.join(Joining("c", "agent"))


async def test_a_closed_room_tells_its_agent_and_the_others_live_on(rooms: EmbeddedRooms) -> None:
    events: dict[str, list[RoomEvent]] = {"a": [], "b": []}
    for name, told in events.items():
        room = await rooms.join(Joining(name, "agent"))
        room.listen(told.append)
    await rooms.close_room("a")
    await rooms.close_room("nobody's")
    assert events == {"a": [RoomClosed("room_deleted")], "b": []}


async def test_closed_rooms_end_and_are_not_joined(rooms: EmbeddedRooms) -> None:
    room = await rooms.join(Joining("a", "agent"))
    await rooms.check()
    await rooms.close()
    with pytest.raises(RoomIsClosed, match="server_shutdown"):
        await room.send_data(b"")
    for call in (rooms.check(), rooms.join(Joining("b", "agent"))):
        with pytest.raises(RoomsFailed, match="closed"):
            await call
