"""Webhooks of the rooms' server: written down once each, and acted on where nobody else did."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from livekit.protocol.models import ParticipantInfo, Room
from livekit.protocol.webhook import WebhookEvent

from greenroom.sessions.attendance import Attendance
from greenroom.sessions.model import EndReason, LifecycleEntry, PresenceEntry, Status
from greenroom.settings import OrchestratorSettings
from greenroom.workers.inline import InlinePlacement
from greenroom.workers.ports import Withdrawn
from greenroom.workers.room_events import RoomEvents
from support.agents import House, Town, eventually, result, town

GONE = (Status.COMPLETED, EndReason.DISCONNECTED)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path) as built:
        yield built


@pytest.fixture
async def house(place: Town) -> House:
    return await place.house()


@pytest.fixture
def events(house: House) -> RoomEvents:
    return RoomEvents(house.sessions, InlinePlacement(house.host, OrchestratorSettings()))


def event(
    house: House, name: str, room: str, who: str = "", kind: ParticipantInfo.Kind | None = None
) -> WebhookEvent:
    return WebhookEvent(
        event=name,
        id=f"EV_{name}",
        created_at=int(house.clock.now().timestamp()),
        room=Room(name=room),
        participant=ParticipantInfo(identity=who, kind=kind),
    )


async def journal(house: House, session_id: str) -> list[str]:
    records = await house.sessions.records(session_id, kinds=("lifecycle",))
    entries = [r.entry for r in records if isinstance(r.entry, LifecycleEntry)]
    return [f"{e.event} {e.detail}".strip() for e in entries if e.event.startswith("livekit")]


async def test_every_event_is_written_down_once(house: House, events: RoomEvents) -> None:
    session_id = await house.session()
    for _ in range(2):
        await events.take(event(house, "participant_joined", session_id, "ada"))
        await events.take(event(house, "track_published", session_id, "x" * 5_000))
    nameless = event(house, "room_started", session_id)
    nameless.id = ""
    await events.take(nameless)
    await events.take(nameless)
    assert await journal(house, session_id) == [
        "livekit: participant_joined ada",
        f"livekit: track_published {'x' * 200}",
        "livekit: room_started",
    ]
    assert await house.ended(session_id) == (Status.WAITING, None)


async def test_rooms_that_are_no_sessions_of_agents_are_ignored(
    house: House, events: RoomEvents
) -> None:
    other = await house.sessions.create(api="commerce", tenant="t", settings={})
    for room in ("", "lobby", other.id, "x" * 10_000):
        await events.take(event(house, "room_finished", room))
    assert await house.ended(other.id) == (Status.WAITING, None)
    assert await journal(house, other.id) == []


async def test_a_room_that_is_gone_ends_the_session_that_has_an_agent(
    house: House, events: RoomEvents
) -> None:
    session_id, task, _room = await house.greeted()
    await house.wait(10)
    finished = event(house, "room_finished", session_id)
    await events.take(finished)
    ended = await result(task)
    assert ended is not None
    assert (ended.status, ended.reason) == GONE
    length = await house.talked(session_id)
    await house.wait(10)
    await events.take(finished)
    assert await house.ended(session_id) == GONE
    assert await house.talked(session_id) == length
    assert (await journal(house, session_id)).count("livekit: room_finished") == 1


async def test_it_ends_one_that_still_waits_for_its_agent(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(InlinePlacement):
        async def withdraw(self, session_id: str, *, running: bool) -> Withdrawn:
            return Withdrawn(errors=("Redis does not answer",))

    session_id = await house.session()
    placement = Failing(house.host, OrchestratorSettings())
    await RoomEvents(house.sessions, placement).take(event(house, "room_finished", session_id))
    assert await house.ended(session_id) == GONE
    assert "Redis does not answer" in caplog.text


async def test_an_earlier_room_of_that_name_is_not_the_one_with_the_agent(
    house: House, events: RoomEvents
) -> None:
    session_id = await house.session()
    late = event(house, "room_finished", session_id)
    await house.wait(5)
    task, _room = await house.join(session_id)
    await eventually(lambda: house.presence(session_id))
    await events.take(late)
    await house.wait(1)
    assert not task.done()
    assert await house.ended(session_id) == (Status.ACTIVE, None)


async def test_who_leaves_while_there_is_no_agent_has_left(
    house: House, events: RoomEvents
) -> None:
    session_id, task, _room = await house.greeted()
    # An agent that is there sees that better by itself.
    await events.take(event(house, "participant_left", session_id, "ada"))
    assert "human_left ada" not in await house.presence(session_id)
    house.host.leave(session_id)
    await result(task)
    left = event(house, "participant_left", session_id, "ada")
    left.id = "EV_2"
    for _ in range(2):
        await events.take(left)
    for kind in (ParticipantInfo.Kind.AGENT, ParticipantInfo.Kind.EGRESS):
        other = event(house, "participant_left", session_id, "agent", kind=kind)
        other.id = f"EV_{kind}"
        await events.take(other)
    assert (await house.presence(session_id))[-2:] == ["agent_left one", "human_left ada"]


async def test_a_lost_agent_is_no_agent(house: House, events: RoomEvents) -> None:
    session_id = await house.session()
    attendance = Attendance(
        lambda entry: house.sessions.append(session_id, entry),
        "lost",
        now=house.clock.now,
        time=house.clock.time,
    )
    attendance.agent_joined()
    attendance.human_joined("ada")
    lost_at = int((house.clock.now().timestamp() + 1) * 1_000_000)
    house.sessions.append(session_id, PresenceEntry(None, "agent_lost", lost_at))
    await events.take(event(house, "participant_left", session_id, "ada"))
    assert "human_left ada" in await house.presence(session_id)
