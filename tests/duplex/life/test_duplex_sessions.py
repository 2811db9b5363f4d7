"""Duplex sessions: made, entered, talked in, lost, stopped, ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from greenroom.duplex import model_talk
from greenroom.duplex.ports import Persona, Sampling, SessionOrder
from greenroom.errors import (
    CapacityExceeded,
    InvalidInput,
    ProviderFailed,
    SessionEnded,
    SessionNotFound,
)
from greenroom.sessions.control import LocalBus
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.model import EndReason, LifecycleEntry, Status
from greenroom.sessions.node import Node
from greenroom.sessions.service import SessionService
from greenroom.sessions.store import Store, database_url
from greenroom.testing.duplex import RememberingClient, ScriptedDuplexModel
from support.talks import PERSONA, TENANT, Talks, TestTime, running, sound, turns

STOPPED = (Status.STOPPED, EndReason.CLIENT_STOPPED)


# -- made and looked at ---------------------------------------------------------------------------


async def test_a_session_is_kept_as_it_was_ordered(talks: Talks) -> None:
    persona = Persona("NATM1.pt", "Be kind.", Sampling(0.5, 0.6, 7, 8, seed=9))
    order = SessionOrder(
        persona, webhook_url="https://example.com/hook", recording=False, metadata={"a": "b"}
    )
    made = await talks.sessions.create(order, tenant=TENANT)
    found = await talks.get(made.session.id)
    assert found == made
    assert found.persona == persona
    assert found.session.status is Status.WAITING
    assert found.session.settings["metadata"] == {"a": "b"}
    assert found.session.settings["recording"] is False
    assert found.transcript == ()
    assert found.duration_seconds is None
    assert talks.sessions.voices == ("NATF2.pt", "NATM1.pt")


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (SessionOrder(Persona("")), "voice_prompt"),
        (SessionOrder(Persona("../NATF2.pt")), "voice_prompt"),
        (SessionOrder(Persona("NATF2.pt", "x" * 20_001)), "text_prompt"),
        (SessionOrder(PERSONA, webhook_url="http://127.0.0.1/hook"), "webhook_url"),
    ],
)
async def test_what_does_not_fit_is_refused(talks: Talks, order: SessionOrder, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await talks.sessions.create(order, tenant=TENANT)
    assert refused.value.field == field
    assert await talks.sessions.list(tenant=TENANT) == []


async def test_sessions_are_listed_newest_first_with_what_was_said(talks: Talks) -> None:
    first = await talks.talk()
    first.model.say("Hello.")
    second = await talks.create()
    talks.time.advance(1)
    third = await talks.create()
    await talks.service.create(api="commerce", tenant=TENANT, settings={})
    await talks.sessions.create(SessionOrder(PERSONA), tenant="other")

    async def ids(**wanted: str | int | None) -> list[str]:
        found = await talks.sessions.list(tenant=TENANT, **wanted)  # type: ignore[arg-type]
        return [tracked.session.id for tracked in found]

    assert (await ids())[0] == third
    assert set(await ids()) == {first.id, second, third}
    assert await ids(limit=1) == [third]
    assert set(await ids(before=third)) == {first.id, second}
    assert await ids(status="active") == [first.id]
    (active,) = await talks.sessions.list(tenant=TENANT, status="active")
    assert [said.text for said in active.transcript] == ["Hello."]
    with pytest.raises(InvalidInput, match="status"):
        await ids(status="gone")


async def test_a_session_of_somebody_else_or_of_another_api_is_not_there(talks: Talks) -> None:
    session_id = await talks.create()
    other = await talks.service.create(api="commerce", tenant=TENANT, settings={})
    for id_, tenant in ((session_id, "other"), (other.id, TENANT), ("none", TENANT)):
        with pytest.raises(SessionNotFound):
            await talks.sessions.get(id_, tenant=tenant)
        with pytest.raises(SessionNotFound):
            await talks.sessions.enter(id_, RememberingClient(), tenant=tenant)
        with pytest.raises(SessionNotFound):
            await talks.sessions.stop(id_, tenant=tenant)
        with pytest.raises(SessionNotFound):
            await talks.sessions.type(id_, "hello", tenant=tenant)


async def test_a_session_whose_settings_are_not_ours_is_not_there(talks: Talks) -> None:
    session = await talks.service.create(api="duplex", tenant=TENANT, settings={"persona": 1})
    with pytest.raises(SessionNotFound):
        await talks.get(session.id)


async def test_only_so_many_sessions_may_wait(sessions: SessionService, time: TestTime) -> None:
    async with running(Talks(sessions, time, max_waiting=2)) as talks:
        first, _ = await talks.create(), await talks.create()
        with pytest.raises(CapacityExceeded):
            await talks.create()
        await talks.sessions.stop(first, tenant=TENANT)
        await talks.create()


async def test_a_session_that_nobody_enters_ends(talks: Talks) -> None:
    session_id = await talks.create()
    talks.time.advance(3_600)
    assert await talks.ended(session_id) == (Status.STOPPED, EndReason.NEVER_STARTED)


async def test_a_session_that_was_entered_elsewhere_is_not_reaped(talks: Talks) -> None:
    session_id = await talks.create()
    await talks.service.start(session_id)
    talks.time.advance(3_600)
    await turns()
    assert (await talks.get(session_id)).session.status is Status.ACTIVE


# -- talked in ------------------------------------------------------------------------------------


async def test_a_talk_from_its_handshake_to_its_natural_end(talks: Talks) -> None:
    talk = await talks.talk()
    await talk.client.wait_for("ready")
    assert talk.model.persona == PERSONA
    assert talk.model.said == ()
    talk.pass_time(0.5)
    talk.model.say("Hello! What would you like?")
    for _ in range(10):
        talk.pass_time(0.08)
        talk.connection.hear(sound(0.08))
    assert len(talk.model.heard) == len(sound(0.8))
    talk.model.listener.on_user_words("A dashboard.", 0.24)
    talk.pass_time(2)
    talk.model.say(" Great.")
    assert await talk.said() == [
        ("ai", "Hello! What would you like?", 0.5),
        ("user", "A dashboard.", 0.74),
        ("ai", "Great.", 3.3),
    ]
    assert talk.client.words == "Hello! What would you like? Great."
    assert len(talk.client.pcm) == 2
    talk.connection.leave(finished=True)
    assert await talk.ended() == (Status.COMPLETED, EndReason.CLIENT_STOPPED)
    assert talk.model.closed
    found = await talks.get(talk.id)
    assert found.duration_seconds == pytest.approx(3.3)
    assert [said.text for said in found.transcript][-1] == "Great."
    assert "ended" not in talk.client.kinds()


async def test_sound_before_the_model_is_ready_is_kept_and_comes_first(
    sessions: SessionService, time: TestTime
) -> None:
    model = ScriptedDuplexModel(ready=False)
    async with running(Talks(sessions, time, model=model, max_early_audio=1.0)) as talks:
        talk = await talks.talk()
        model_side = talk.model.listener
        model_side.on_queued(2)
        time.advance(0.5)
        talk.connection.hear(sound(0.5, 1))
        talk.connection.type("in writing")
        talk.connection.end_turn()
        time.advance(0.5)
        talk.connection.hear(sound(0.5, 2))
        talk.connection.hear(sound(0.1, 3))  # more than is kept
        talk.connection.hear(sound(0.01, 3))
        model_side.on_queued(1)
        assert talk.client.log == [("queued", "2"), ("queued", "1")]
        assert not talk.model.pcm
        model_side.on_ready()
        model_side.on_ready()
        model_side.on_queued(1)
        talk.connection.hear(sound(0.1, 4))
        assert [int(pcm[0]) for pcm in talk.model.pcm] == [1, 2, 4]
        assert talk.model.typed == ["in writing"]
        assert talk.model.turns == 1
        assert talk.client.kinds().count("ready") == 1
        model_side.on_user_words("spoken before", 0.1)
        assert await talk.said() == [
            ("user", "spoken before", 0.1),
            ("user", "in writing", 0.5),
        ]


async def test_what_is_written_early_is_bounded_and_may_be_of_no_use(
    sessions: SessionService, time: TestTime
) -> None:
    model = ScriptedDuplexModel(ready=False)
    async with running(Talks(sessions, time, model=model)) as talks:
        talk = await talks.talk()
        talk.model.reads = False
        for _ in range(model_talk.MAX_EARLY_ACTS):
            talk.connection.end_turn()
        with pytest.raises(CapacityExceeded):
            talk.connection.type("one more")
        talk.model.listener.on_ready()
        assert talk.model.turns == model_talk.MAX_EARLY_ACTS
        with pytest.raises(InvalidInput):
            talk.connection.type("not for this one")


async def test_a_text_that_a_model_can_not_read_does_not_harm_what_follows_it(
    sessions: SessionService, time: TestTime
) -> None:
    model = ScriptedDuplexModel(ready=False)
    async with running(Talks(sessions, time, model=model)) as talks:
        talk = await talks.talk()
        talk.model.reads = False
        talk.connection.type("early")
        talk.connection.hear(sound(0.1))
        talk.model.listener.on_ready()
        assert len(talk.model.pcm) == 1


async def test_what_is_typed_is_in_the_transcript(talks: Talks) -> None:
    talk = await talks.talk()
    talk.pass_time(1)
    await talks.sessions.type(talk.id, "by post", tenant=TENANT)
    talk.pass_time(1)
    talk.connection.type("by hand")
    assert talk.model.typed == ["by post", "by hand"]
    assert await talk.said() == [("user", "by post", 1.0), ("user", "by hand", 2.0)]
    for text in ("", "  ", "x" * 20_001):
        with pytest.raises(InvalidInput):
            talk.connection.type(text)


async def test_nothing_is_typed_where_nobody_talks(talks: Talks) -> None:
    session_id = await talks.create()
    with pytest.raises(InvalidInput):
        await talks.sessions.type(session_id, "hello", tenant=TENANT)
    await talks.sessions.stop(session_id, tenant=TENANT)
    with pytest.raises(SessionEnded):
        await talks.sessions.type(session_id, "hello", tenant=TENANT)


async def test_a_barge_in_cuts_what_was_not_heard(talks: Talks) -> None:
    talk = await talks.talk()
    talk.model.say("Once upon a time there was a king")
    talk.pass_time(0.6)
    talk.model.listener.on_flush()
    assert await talk.said() == [("ai", "Once upon", 0.0)]
    assert talk.client.kinds()[-1] == "flush"


async def test_a_pause_holds_the_talk_and_drops_the_sound(talks: Talks) -> None:
    talk = await talks.talk()
    talk.connection.set_paused(True)
    talk.connection.hear(sound(0.1))
    assert talk.model.paused
    talk.connection.set_paused(False)
    talk.connection.hear(sound(0.1))
    talk.connection.hear(sound(0))
    assert not talk.model.paused
    assert len(talk.model.pcm) == 1


async def test_a_restart_begins_another_talk_in_the_same_session(talks: Talks) -> None:
    talk = await talks.talk()
    talk.model.say("The first.")
    talk.model.last_words = " Never heard."
    talk.pass_time(1)
    talk.connection.restart()
    talk.connection.restart()
    async with asyncio.timeout(5):
        second = await talks.model.wait_for_talk(1)
    await turns()
    assert talk.model.closed
    assert second.said == ()
    talk.model.listener.on_words("from the grave")
    talk.model.listener.on_failure("from the grave")
    second.say("The second.")
    talk.connection.hear(sound(0.1))
    assert len(second.pcm) == 1
    assert [text for _, text, _ in await talk.said()] == ["The first. The second."]
    assert talk.client.kinds().count("ready") == 2
    assert len(talks.model.talks) == 2


async def test_a_restart_that_fails_ends_the_session(talks: Talks) -> None:
    talk = await talks.talk()
    talks.model.failure = ProviderFailed("scripted", "no more of these")
    talk.connection.restart()
    assert await talk.ended() == (Status.FAILED, EndReason.AGENT_FAILED)
    assert await talk.client.wait_for("ended") == "agent_failed: no more of these"


# -- who is there ---------------------------------------------------------------------------------


async def test_a_second_connection_takes_the_place_of_the_first(talks: Talks) -> None:
    talk = await talks.talk()
    client, connection = await talks.enter(talk.id)
    assert talk.client.kinds()[-1] == "replaced"
    await client.wait_for("ready")
    talk.connection.hear(sound(0.1))
    talk.connection.type("too late")
    talk.connection.end_turn()
    talk.connection.set_paused(True)
    talk.connection.restart()
    talk.connection.leave(finished=True)
    assert not talk.model.pcm
    assert not talk.model.typed
    assert not talk.model.turns
    assert not talk.model.paused
    connection.hear(sound(0.1))
    talk.model.say("Hello.")
    assert len(talk.model.pcm) == 1
    assert (talk.client.words, client.words) == ("", "Hello.")
    assert len(talks.model.talks) == 1


async def test_who_comes_while_the_model_is_busy_is_told_the_place_in_the_queue(
    sessions: SessionService, time: TestTime
) -> None:
    model = ScriptedDuplexModel(ready=False)
    async with running(Talks(sessions, time, model=model)) as talks:
        talk = await talks.talk()
        talk.model.listener.on_queued(3)
        talk.connection.leave(finished=False)
        talk.model.listener.on_queued(2)
        client, _ = await talks.enter(talk.id)
        assert await client.wait_for("queued") == "2"
        again, _ = await talks.enter(talk.id)
        talk.model.listener.on_ready()
        await turns()
        assert again.kinds() == ["ready"]


async def test_two_that_enter_at_once_share_one_talk(talks: Talks) -> None:
    session_id = await talks.create()
    entered = await asyncio.gather(talks.enter(session_id), talks.enter(session_id))
    await turns()
    assert len(talks.model.talks) == 1
    assert sorted(client.kinds()[0] for client, _ in entered) == ["ready", "replaced"]


async def test_a_connection_that_is_lost_may_come_back(talks: Talks) -> None:
    talk = await talks.talk()
    talk.model.say("Hello there, my friend of old")
    talk.connection.leave(finished=False)
    assert talk.model.paused
    talk.model.say(" Nobody hears this")
    talk.pass_time(14)
    client, connection = await talks.enter(talk.id)
    assert not talk.model.paused
    talk.pass_time(14)
    connection.hear(sound(0.1))
    talk.model.say("And on.")
    assert client.words == "And on."
    assert await talk.said() == [("ai", "Hello", 0.0), ("ai", "And on.", 28.0)]
    records = await talks.service.records(talk.id, kinds=("lifecycle",))
    events = [r.entry.event for r in records if isinstance(r.entry, LifecycleEntry)]
    assert events == ["created", "started", "reconnected"]


async def test_a_connection_that_does_not_come_back_completes_the_session(talks: Talks) -> None:
    talk = await talks.talk()
    talk.connection.leave(finished=False)
    talk.pass_time(15)
    assert await talk.ended() == (Status.COMPLETED, EndReason.DISCONNECTED)
    with pytest.raises(SessionEnded):
        await talks.enter(talk.id)


async def test_one_who_enters_while_it_ends_is_told_that_it_has(talks: Talks) -> None:
    talk = await talks.talk()
    talk.connection.leave(finished=True)
    with pytest.raises(SessionEnded):
        await talks.enter(talk.id)


async def test_only_so_many_talk_at_once(sessions: SessionService, time: TestTime) -> None:
    async with running(Talks(sessions, time, max_sessions=1)) as talks:
        talk, other = await talks.talk(), await talks.create()
        with pytest.raises(CapacityExceeded):
            await talks.enter(other)
        assert (await talks.get(other)).session.status is Status.WAITING
        talk.connection.leave(finished=True)
        await talk.ended()
        await turns()
        await talks.enter(other)


async def test_who_gives_up_while_the_model_is_opened_may_come_back(
    sessions: SessionService, time: TestTime
) -> None:
    hold = asyncio.Event()
    async with running(Talks(sessions, time, model=ScriptedDuplexModel(hold=hold))) as talks:
        session_id = await talks.create()
        entering = asyncio.create_task(talks.enter(session_id))
        await talks.model.asked.wait()
        entering.cancel()
        await asyncio.gather(entering, return_exceptions=True)
        hold.set()
        talk = await talks.model.wait_for_talk(0)
        await turns()
        assert talk.paused
        await talks.enter(session_id)
        assert not talk.paused


async def test_a_session_that_nobody_connects_to_after_all_ends(
    sessions: SessionService, time: TestTime
) -> None:
    hold = asyncio.Event()
    async with running(Talks(sessions, time, model=ScriptedDuplexModel(hold=hold))) as talks:
        session_id = await talks.create()
        entering = asyncio.create_task(talks.enter(session_id))
        await talks.model.asked.wait()
        entering.cancel()
        await asyncio.gather(entering, return_exceptions=True)
        time.advance(15)
        assert await talks.ended(session_id) == (Status.COMPLETED, EndReason.DISCONNECTED)
        assert not talks.model.talks


# -- ends -----------------------------------------------------------------------------------------


async def test_a_session_that_waits_is_stopped_at_once(talks: Talks) -> None:
    session_id = await talks.create()
    stopped = await talks.sessions.stop(session_id, tenant=TENANT)
    assert (stopped.session.status, stopped.session.end_reason) == STOPPED
    with pytest.raises(SessionEnded):
        await talks.sessions.stop(session_id, tenant=TENANT)
    with pytest.raises(SessionEnded):
        await talks.enter(session_id)


async def test_a_stop_waits_for_the_sentence_that_is_being_said(talks: Talks) -> None:
    talk = await talks.talk()
    talk.model.say("That is")
    stopping = asyncio.create_task(talks.sessions.stop(talk.id, tenant=TENANT))
    await turns(100)
    talk.pass_time(0.3)
    talk.connection.hear(sound(0.1))
    talk.connection.type("wait")
    talk.connection.end_turn()
    talk.connection.restart()
    talk.model.say(" all.")
    talk.pass_time(0.2)
    assert not stopping.done()
    talk.pass_time(0.2)
    tracked = await stopping
    assert (tracked.session.status, tracked.session.end_reason) == STOPPED
    assert [said.text for said in tracked.transcript] == ["That is all."]
    assert talk.client.words == "That is all."
    assert talk.client.log[-1] == ("ended", "client_stopped")
    assert not talk.model.pcm
    assert not talk.model.turns


async def test_a_stop_ends_before_the_next_sentence(talks: Talks) -> None:
    talk = await talks.talk()
    talk.model.say("One.")
    stopping = asyncio.create_task(talks.sessions.stop(talk.id, tenant=TENANT))
    await turns(100)
    talk.model.say(" Two.")
    await stopping
    assert talk.client.words == "One."


async def test_a_stop_does_not_wait_longer_than_two_seconds(talks: Talks) -> None:
    talk = await talks.talk()
    talk.model.say("And")
    stopping = asyncio.create_task(talks.sessions.stop(talk.id, tenant=TENANT))
    await turns(100)
    for _ in range(18):
        assert not stopping.done()
        talk.pass_time(0.1)
        talk.model.say(" and")
        await turns()
    await stopping
    talk.model.say(" nobody hears this")
    assert "nobody" not in talk.client.words


async def test_a_stop_does_not_wait_for_words_that_nobody_hears(talks: Talks) -> None:
    talk = await talks.talk()
    talk.model.say("I am")
    talk.connection.leave(finished=False)
    tracked = await talks.sessions.stop(talk.id, tenant=TENANT)
    assert tracked.session.status is Status.STOPPED


async def test_a_client_that_leaves_during_a_stop_does_not_undo_it(talks: Talks) -> None:
    talk = await talks.talk()
    talk.model.say("I am")
    stopping = asyncio.create_task(talks.sessions.stop(talk.id, tenant=TENANT))
    await turns(100)
    talk.connection.leave(finished=True)
    assert (await stopping).session.status is Status.STOPPED


async def test_what_was_being_said_is_told_when_a_talk_is_closed(talks: Talks) -> None:
    talk = await talks.talk()
    talk.model.say("Good")
    talk.model.last_words = " bye."
    talk.model.listener.on_ended()
    assert await talk.ended() == (Status.COMPLETED, EndReason.AGENT_FINISHED)
    assert [text for _, text, _ in await talk.said()] == ["Good"]


async def test_a_model_that_fails_ends_the_session_and_the_client_is_told_why(talks: Talks) -> None:
    talk = await talks.talk()
    talk.model.listener.on_failure("the upstream is gone")
    talk.model.listener.on_words("more")
    talk.model.listener.on_ended()
    assert await talk.ended() == (Status.FAILED, EndReason.AGENT_FAILED)
    assert await talk.client.wait_for("ended") == "agent_failed: the upstream is gone"


@pytest.mark.parametrize(
    "failure", [ProviderFailed("scripted", "is away"), RuntimeError("a defect")]
)
async def test_a_talk_that_can_not_be_opened_fails_the_session(
    sessions: SessionService, time: TestTime, failure: Exception
) -> None:
    model = ScriptedDuplexModel(failure=failure)
    async with running(Talks(sessions, time, model=model)) as talks:
        session_id = await talks.create()
        client = RememberingClient()
        with pytest.raises(ProviderFailed):
            await talks.sessions.enter(session_id, client, tenant=TENANT)
        assert await talks.ended(session_id) == (Status.FAILED, EndReason.AGENT_FAILED)
        assert not client.log


async def test_a_session_ends_after_its_longest_time(talks: Talks) -> None:
    talk = await talks.talk()
    talk.pass_time(7_200)
    assert await talk.ended() == (Status.STOPPED, EndReason.MAX_DURATION)
    assert (await talk.client.wait_for("ended")).startswith("max_duration")


async def test_draining_ends_all_that_talk_and_leaves_those_that_wait(talks: Talks) -> None:
    talk, waiting = await talks.talk(), await talks.create()
    await talks.sessions.drain(0)
    assert await talk.ended() == (Status.STOPPED, EndReason.DRAINED)
    assert talk.client.log[-1] == ("ended", "drained: the server is shutting down")
    assert (await talks.get(waiting)).session.status is Status.WAITING
    with pytest.raises(CapacityExceeded):
        await talks.create()
    with pytest.raises(CapacityExceeded):
        await talks.enter(waiting)


async def test_draining_waits_for_those_that_end_in_time(talks: Talks) -> None:
    talk = await talks.talk()
    draining = asyncio.create_task(talks.sessions.drain(60))
    await turns()
    talk.connection.leave(finished=True)
    await draining
    assert await talk.ended() == (Status.COMPLETED, EndReason.CLIENT_STOPPED)


async def test_draining_and_stopping_wait_for_what_is_being_begun(talks: Talks) -> None:
    first, second = await talks.create(), await talks.create()
    entering = asyncio.create_task(talks.enter(first))
    await asyncio.sleep(0)
    stopped = await talks.sessions.stop(first, tenant=TENANT)
    assert stopped.session.status is Status.STOPPED
    await entering
    entering = asyncio.create_task(talks.enter(second))
    await asyncio.sleep(0)
    await talks.sessions.drain(0)
    with pytest.raises(CapacityExceeded):
        await entering
    assert (await talks.get(second)).session.status is Status.WAITING


async def test_draining_waits_for_what_is_being_reaped(talks: Talks) -> None:
    session_id = await talks.create()
    talks.time.advance(3_600)
    await talks.sessions.drain(0)
    assert (await talks.get(session_id)).session.end_reason is EndReason.NEVER_STARTED


async def test_a_session_is_ended_for_others_reasons_too(talks: Talks) -> None:
    for reason in (EndReason.DRAINED, EndReason.IDLE_TIMEOUT):
        talk = await talks.talk()
        assert await talks.service.request_stop(talk.id, reason)
        assert await talk.ended() == (Status.STOPPED, reason)


async def test_a_model_that_does_not_end_its_talk_does_not_hold_up_the_session(
    talks: Talks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_talk, "CLOSE_TIMEOUT", 0.0)
    talk = await talks.talk()
    forever = asyncio.Event()

    async def hang() -> None:
        talk.model.closed += 1
        await forever.wait()

    monkeypatch.setattr(talk.model, "close", hang)
    talk.connection.leave(finished=True)
    assert (await talk.ended())[0] is Status.COMPLETED


async def test_a_model_that_fails_to_end_its_talk_does_no_harm(
    talks: Talks, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = await talks.talk()

    async def fail() -> None:
        talk.model.closed += 1
        raise RuntimeError("a defect")

    monkeypatch.setattr(talk.model, "close", fail)
    talk.connection.leave(finished=True)
    assert (await talk.ended())[0] is Status.COMPLETED


async def test_a_database_that_fails_at_the_end_does_not_keep_the_session_alive(
    talks: Talks, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = await talks.talk()

    async def fail(*_: object) -> None:
        raise StorageUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(talks.service, "end", fail)
        talk.model.listener.on_failure("broke")
        assert await talk.client.wait_for("ended") == "agent_failed: broke"
    await turns()
    assert talks.sessions.talking == 0


async def test_a_session_that_can_not_be_reaped_is_left_to_upkeep(
    talks: Talks, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = await talks.create()

    async def fail(*_: object) -> None:
        raise StorageUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(talks.service, "get", fail)
        talks.time.advance(3_600)
        await turns()
    assert (await talks.get(session_id)).session.status is Status.WAITING


# -- across restarts ------------------------------------------------------------------------------


@pytest.fixture
async def restarted(talks: Talks, database: Path, time: TestTime) -> AsyncIterator[SessionService]:
    """The same node, booted again: its database is the one that the first left as it is."""
    store = Store(database_url(f"sqlite:///{database}", database.parent))
    service = SessionService(
        store, Node("one", "second"), bus=LocalBus(), clock=time, commit_interval=0.0
    )
    yield service
    await service.close()
    await store.close()


async def test_what_was_said_is_there_after_a_crash(
    talks: Talks, restarted: SessionService, time: TestTime
) -> None:
    talk, waiting = await talks.talk(), await talks.create()
    talk.model.say("Hello there.")
    talk.model.listener.on_user_words("Hi.", 0.0)
    await talks.service.journal.flush()
    await restarted.open()
    await restarted.recover()
    async with running(Talks(restarted, time)) as again:
        found = await again.get(talk.id)
        assert found.session.end_reason is EndReason.NODE_LOST
        assert [said.text for said in found.transcript] == ["Hello there.", "Hi."]
        client, connection = await again.enter(waiting)
        await client.wait_for("ready")
        connection.leave(finished=True)
        assert (await again.ended(waiting))[0] is Status.COMPLETED


# -- sound ----------------------------------------------------------------------------------------


async def test_a_long_talk_is_shown_whole(talks: Talks) -> None:
    talk = await talks.talk()
    for number in range(130):
        talk.model.listener.on_user_words(f"Piece {number}.", float(number))
    (tracked,) = await talks.sessions.list(tenant=TENANT)
    assert len(tracked.transcript) == 130
    assert tracked == await talks.get(talk.id)


async def test_many_talk_at_once_without_hearing_each_other(talks: Talks) -> None:
    all_talks = [await talks.talk() for _ in range(10)]
    for number, talk in enumerate(all_talks):
        talk.connection.hear(sound(0.04, number))
        talk.model.say(f"I am {number}.")
    for number, talk in enumerate(all_talks):
        assert np.unique(talk.model.heard).tolist() == [number]
        assert talk.client.words == f"I am {number}."
