"""An agent joins its session's room, talks with who is there, and ends as it should."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from greenroom.errors import CapacityExceeded, ProviderFailed
from greenroom.rooms.errors import RoomsFailed
from greenroom.rooms.ports import Joining, ParticipantLeft
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.life import Ended
from greenroom.sessions.model import EndReason, Status, TranscriptEntry
from greenroom.testing import ScriptedRoom
from greenroom.workers.host import LINE_LOST
from support.agents import House, Town, result, settle, town, until

NEVER = (Status.STOPPED, EndReason.NEVER_STARTED)
LEFT = (Status.COMPLETED, EndReason.DISCONNECTED)
STOPPED = (Status.STOPPED, EndReason.CLIENT_STOPPED)
FAILED = (Status.FAILED, EndReason.AGENT_FAILED)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path) as built:
        yield built


@pytest.fixture
async def house(place: Town) -> House:
    return await place.house()


async def stop(house: House, session_id: str, task: asyncio.Task[Ended | None]) -> Ended | None:
    assert await house.sessions.request_stop(session_id, EndReason.CLIENT_STOPPED)
    return await result(task)


async def test_it_waits_silently_and_greets_the_first_who_comes(house: House) -> None:
    session_id = await house.session("Hello there. How are you?")
    task, room = await house.join(session_id)
    assert house.rooms.agents == [Joining(session_id, "agent", name="Agent")]
    await house.wait(30)
    assert not room.audio_tracks
    room.enter("ada")
    await until(lambda: house.spoken == ["Hello there.", "How are you?"])
    await house.wait(2)
    room.enter("bob")
    await house.wait(2)
    assert house.spoken == ["Hello there.", "How are you?"]
    assert await stop(house, session_id, task) == Ended(*STOPPED)
    assert await house.transcript(session_id) == ["assistant: Hello there. How are you?"]


async def test_it_answers(house: House) -> None:
    session_id, task, room = await house.greeted()
    await house.say(room)
    await until(lambda: "All right." in house.spoken)
    await house.wait(1)
    await stop(house, session_id, task)
    assert await house.transcript(session_id) == [
        "assistant: Hello there.",
        "user: hello",
        "assistant: All right.",
    ]
    assert room.closed
    assert house.rooms.closed_rooms == [session_id]
    assert await house.ended(session_id) == STOPPED


async def test_what_it_can_not_make_out_it_asks_for_again(house: House) -> None:
    house.conversations.transcriber.texts = [ProviderFailed("ears", "broken"), "hello"]
    session_id, task, room = await house.greeted()
    await house.say(room)
    await until(lambda: "Please say it again." in house.spoken)
    await house.wait(5)
    await house.say(room)
    await until(lambda: "All right." in house.spoken)
    await stop(house, session_id, task)
    assert await house.ended(session_id) == STOPPED


async def test_what_is_billed_begins_with_the_agents_first_sound(house: House) -> None:
    session_id = await house.session()
    task, room = await house.join(session_id)
    await house.wait(20)
    room.enter("ada")
    await until(lambda: house.spoken)
    await settle()
    await house.wait(125)
    await stop(house, session_id, task)
    assert await house.talked(session_id) == pytest.approx(125, abs=0.01)
    assert await house.presence(session_id) == [
        "agent_joined one",
        "human_joined ada",
        "first_words",
        "agent_left one",
    ]


async def test_without_a_greeting_it_begins_with_the_users_first_words(house: House) -> None:
    session_id = await house.session("")
    task, room = await house.join(session_id)
    room.enter("ada")
    await until(lambda: house.conversations.opened)
    await house.wait(40)
    assert await house.talked(session_id) == 0
    await house.say(room)
    await until(lambda: house.spoken == ["All right."])
    await house.wait(60)
    await stop(house, session_id, task)
    assert 60 <= await house.talked(session_id) < 62


async def test_it_ends_when_nobody_comes(house: House) -> None:
    session_id = await house.session()
    task, room = await house.join(session_id)
    await house.wait(59)
    assert not task.done()
    await house.wait(2)
    ended = await result(task)
    assert ended is not None
    assert (ended.status, ended.reason) == NEVER
    assert await house.ended(session_id) == NEVER
    assert room.closed
    assert await house.talked(session_id) == 0


async def test_it_ends_when_everybody_has_left_and_bills_until_then(house: House) -> None:
    session_id, task, room = await house.greeted()
    room.enter("bob")
    await house.wait(10)
    room.leave("ada")
    await house.wait(30)
    assert not task.done()
    room.leave("bob")
    await house.wait(21)
    await result(task)
    assert await house.ended(session_id) == LEFT
    assert await house.talked(session_id) == pytest.approx(41, abs=0.5)


async def test_who_comes_back_in_time_goes_on(house: House) -> None:
    session_id, task, room = await house.greeted()
    house.conversations.synthesizer._length_ms = 30_000
    await house.say(room)
    await until(lambda: "All right." in house.spoken)
    await house.wait(2)
    room.leave("ada")
    await house.wait(15)
    room.enter("ada")
    await house.wait(15)
    assert house.spoken == ["Hello there.", "All right."]
    house.conversations.synthesizer._length_ms = 400
    await house.say(room)
    await until(lambda: len(house.spoken) == 3)
    await house.wait(1)
    assert len(house.conversations.opened) == 1
    await stop(house, session_id, task)
    # What nobody was there to hear is not on the record.
    assert (await house.transcript(session_id)).count("user: hello") == 2
    assert (await house.presence(session_id))[-1] == "agent_left one"
    assert (await house.presence(session_id)).count("human_joined ada") == 2


async def test_the_greeting_waits_for_who_was_gone_before_there_was_a_voice(house: House) -> None:
    session_id = await house.session()
    task, room = await house.join(session_id)
    await until(lambda: room._listeners)
    room.enter("ada")
    room.leave("ada")
    await house.wait(5)
    assert not house.spoken
    room.enter("ada")
    room.leave("ada")
    await house.wait(5)
    assert not house.spoken
    room.enter("ada")
    await until(lambda: house.spoken == ["Hello there."])
    await stop(house, session_id, task)


async def test_somebody_who_is_there_twice_for_a_moment_never_left(house: House) -> None:
    session_id, task, room = await house.greeted()
    first = room._people["ada"]
    second = room.enter("ada")
    assert first.sid != second.sid
    room._tell(ParticipantLeft(first, "duplicate_identity"))
    await house.wait(30)
    assert not task.done()
    await stop(house, session_id, task)
    assert "human_left ada" not in await house.presence(session_id)


async def test_a_room_that_is_closed_ends_the_session(house: House) -> None:
    session_id, task, room = await house.greeted()
    room.end("participant_removed")
    ended = await result(task)
    assert ended == Ended(*LEFT, "the room is gone: participant_removed")
    assert await house.ended(session_id) == LEFT


async def test_an_agent_in_whose_place_another_came_lets_go(house: House) -> None:
    session_id, task, room = await house.greeted()
    room.end("duplicate_identity")
    assert await result(task) is None
    assert await house.ended(session_id) == (Status.ACTIVE, None)
    assert house.rooms.closed_rooms == []
    assert not await house.sessions.request_stop(session_id, EndReason.CLIENT_STOPPED)


async def test_a_silent_talk_ends_and_one_in_which_something_is_said_does_not(place: Town) -> None:
    house = await place.house(replies={"idle_timeout": 60.0})
    session_id, task, room = await house.greeted()
    await house.wait(50)
    await house.say(room)
    await until(lambda: "All right." in house.spoken)
    await house.wait(50)
    assert not task.done()
    await house.wait(20)
    await result(task)
    assert await house.ended(session_id) == (Status.STOPPED, EndReason.IDLE_TIMEOUT)


async def test_an_agent_that_speaks_is_not_idle(place: Town) -> None:
    house = await place.house(replies={"idle_timeout": 20.0})
    house.conversations.synthesizer._length_ms = 50_000
    session_id, task, _room = await house.greeted()
    await house.wait(45)
    assert not task.done()
    await house.wait(40)
    await result(task)
    assert await house.ended(session_id) == (Status.STOPPED, EndReason.IDLE_TIMEOUT)


async def test_the_longest_session_is_counted_from_its_first_start(place: Town) -> None:
    limits = {"max_duration": 100.0}
    one, two = (
        await place.house("one", orchestrator=limits),
        await place.house("two", orchestrator=limits),
    )
    session_id, task, _room = await one.greeted()
    await one.wait(60)
    assert await one.host.hand_over(session_id)
    assert await result(task) is None
    task, room = await two.join(session_id)
    room.enter("ada")
    await two.wait(38)
    assert not task.done()
    await two.wait(2)
    await result(task)
    assert await two.ended(session_id) == (Status.STOPPED, EndReason.MAX_DURATION)


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (RoomsFailed("no server there"), "no server there"),
        (CapacityExceeded("rooms", 2), "at most 2 rooms"),
        (ZeroDivisionError(), "internal error"),
    ],
)
async def test_a_room_that_can_not_be_joined_fails_the_session(
    house: House, failure: Exception, why: str
) -> None:
    house.rooms.failure = failure
    session_id = await house.session()
    assert await result(house.run(session_id)) == Ended(*FAILED, why)
    assert await house.ended(session_id) == FAILED
    assert await house.presence(session_id) == []


async def test_a_voice_that_can_not_be_published_fails_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await house.session()
    task, room = await house.join(session_id)

    async def refuse(*_: object, **__: object) -> None:
        raise RoomsFailed("no tracks")

    monkeypatch.setattr(room, "publish_audio", refuse)
    room.enter("ada")
    ended = await result(task)
    assert ended == Ended(*FAILED, "the agent's voice could not be published")


async def test_a_mind_that_can_not_be_made_fails_it(house: House) -> None:
    house.conversations.failure = ZeroDivisionError("a secret")
    session_id = await house.session()
    task, room = await house.join(session_id)
    room.enter("ada")
    assert await result(task) == Ended(*FAILED, "internal error")
    assert room.closed
    assert await house.ended(session_id) == FAILED


async def test_a_defect_at_its_end_leaves_no_agent_in_the_room(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id, task, room = await house.greeted()
    (conversation,) = house.conversations.opened
    close = conversation.close

    async def fail() -> None:
        await close()
        raise ZeroDivisionError

    monkeypatch.setattr(conversation, "close", fail)
    await stop(house, session_id, task)
    assert room.closed
    assert await house.ended(session_id) == STOPPED


async def test_a_room_that_can_not_be_closed_does_not_keep_a_session_alive(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_name: str) -> None:
        raise RoomsFailed("no answer")

    monkeypatch.setattr(house.rooms, "close_room", refuse)
    session_id, task, room = await house.greeted()
    await stop(house, session_id, task)
    assert room.closed
    assert await house.ended(session_id) == STOPPED


async def test_who_is_stopped_before_joining_ends_as_it_was_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    joining = asyncio.Event()

    async def never(_agent: Joining) -> ScriptedRoom:
        joining.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    monkeypatch.setattr(house.rooms, "join", never)
    session_id = await house.session()
    task = house.run(session_id)
    async with asyncio.timeout(5):
        await joining.wait()
    assert await stop(house, session_id, task) == Ended(*STOPPED)


async def test_cancelled_it_ends_its_session_all_the_same(house: House) -> None:
    session_id, task, room = await house.greeted()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert room.closed
    assert await house.ended(session_id) == (Status.STOPPED, EndReason.DRAINED)


class TestTakingOver:
    """Another agent is in the same room, with what was said before."""

    async def test_after_a_loss_it_says_that_it_is_back(self, place: Town) -> None:
        one, two = await place.house("one"), await place.house("two")
        session_id, lost, _room = await one.greeted()
        _task, room = await two.join(session_id, LINE_LOST)
        # The one before is told by the control bus that the session is another's.
        assert await result(lost) is None
        room.enter("ada")
        await until(lambda: two.spoken == [LINE_LOST, "Please go on."])
        await two.wait(2)
        await two.say(room)
        await until(lambda: len(two.spoken) == 3)
        ((_, history),) = two.conversations.agent.heard
        assert [message.text for message in history] == [
            "Hello there.",
            f"{LINE_LOST} Please go on.",
        ]
        assert await two.ended(session_id) == (Status.ACTIVE, None)

    async def test_after_a_question_without_an_answer_it_asks_for_it_again(
        self, house: House
    ) -> None:
        session_id = await house.session()
        house.sessions.append(session_id, TranscriptEntry("t1", "user", "what is the time"))
        _task, room = await house.join(session_id, LINE_LOST)
        room.enter("ada")
        await until(lambda: house.spoken == [LINE_LOST, "Could you say that again?"])

    async def test_where_nothing_was_said_yet_it_greets_as_if_it_was_the_first(
        self, house: House
    ) -> None:
        session_id = await house.session()
        _task, room = await house.join(session_id, LINE_LOST)
        room.enter("ada")
        await until(lambda: house.spoken == ["Hello there."])

    async def test_after_a_hand_over_it_says_nothing_of_that(self, place: Town) -> None:
        one, two = await place.house("one"), await place.house("two")
        session_id, task, before = await one.greeted()
        assert await one.host.hand_over(session_id)
        assert await result(task) is None
        assert before.closed
        assert one.rooms.closed_rooms == []
        _task, room = await two.join(session_id)
        room.enter("ada")
        await two.wait(5)
        assert two.spoken == []
        await two.say(room)
        await until(lambda: two.spoken == ["All right."])

    async def test_it_waits_no_longer_for_who_was_there_before(self, place: Town) -> None:
        one, two = await place.house("one"), await place.house("two")
        session_id, _task, _room = await one.greeted()
        assert await one.host.hand_over(session_id)
        task, _room = await two.join(session_id)
        await two.wait(21)
        await result(task)
        assert await two.ended(session_id) == LEFT

    async def test_the_time_between_two_agents_is_not_billed(self, place: Town) -> None:
        one, two = await place.house("one"), await place.house("two")
        session_id, _task, _room = await one.greeted()
        await one.wait(9)
        assert await one.host.hand_over(session_id)
        await one.wait(30)
        task, room = await two.join(session_id)
        room.enter("ada")
        await until(lambda: two.conversations.opened)
        await two.wait(10)
        await stop(two, session_id, task)
        assert await two.talked(session_id) == pytest.approx(20, abs=0.5)

    async def test_it_is_left_to_another_also_where_the_database_is_away(
        self, house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def away() -> None:
            raise StorageUnavailable("no database")

        session_id, task, room = await house.greeted()
        with monkeypatch.context() as broken:
            broken.setattr(house.sessions.journal, "flush", away)
            assert await house.host.hand_over(session_id)
        assert await result(task) is None
        assert room.closed
        assert "may not know all" in caplog.text
