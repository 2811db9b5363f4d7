"""An agent says its first words when they can be heard, and is billed from then on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from greenroom.rooms.output import LEAD
from greenroom.rooms.talk import RECEPTION_TIMEOUT
from greenroom.sessions.model import EndReason
from support.agents import House, result, settle, town, until


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with town(tmp_path) as place:
        yield await place.house()


async def test_the_opening_line_waits_until_somebody_receives_it(house: House) -> None:
    session_id = await house.session("Hello there.")
    task, room = await house.join(session_id)
    room.voices_are_received = False
    room.enter("ada")
    await until(lambda: room.audio_tracks)
    await house.wait(RECEPTION_TIMEOUT - 0.5)
    assert house.spoken == []
    (voice,) = room.audio_tracks
    voice.received = True
    await until(lambda: house.spoken == ["Hello there."])
    began = house.clock.time()
    await house.wait(1)
    assert await house.presence(session_id) == [
        "agent_joined one",
        "human_joined ada",
        "first_words",
    ]
    await house.wait(60)
    assert await house.sessions.request_stop(session_id, EndReason.CLIENT_STOPPED)
    await result(task)
    passed = house.clock.time() - began
    assert await house.talked(session_id) == pytest.approx(passed, abs=LEAD + 0.01)


async def test_nothing_is_said_to_who_has_gone_before_they_could_hear(house: House) -> None:
    session_id = await house.session("Hello there.")
    task, room = await house.join(session_id)
    room.voices_are_received = False
    room.enter("ada")
    await until(lambda: room.audio_tracks)
    room.leave("ada")
    room.audio_tracks[0].received = True
    await house.wait(RECEPTION_TIMEOUT + 1)
    assert house.spoken == []
    room.enter("bob")
    await until(lambda: house.spoken == ["Hello there."])
    await settle()
    assert await house.sessions.request_stop(session_id, EndReason.CLIENT_STOPPED)
    await result(task)
