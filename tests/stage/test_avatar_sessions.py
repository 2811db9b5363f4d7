"""The life of avatar sessions: every way to begin one, and every way in which it ends."""

from __future__ import annotations

import asyncio
import logging

import pytest

from greenroom.avatar.formats import FORMATS
from greenroom.avatar.ports import GestureCue
from greenroom.errors import (
    CapacityExceeded,
    InvalidInput,
    ProviderFailed,
    SessionEnded,
    SessionNotFound,
)
from greenroom.rooms.rtc.media import VP8
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.life import Ended
from greenroom.sessions.model import EndReason, MetricEntry, Status
from greenroom.sessions.service import SessionService
from greenroom.stage.live_session import MAX_NOTED
from greenroom.stage.orders import OrderKeeper
from support.stage import ORDER, Client, House, order, tone, until

AGENT_FAILED = (Status.FAILED, EndReason.AGENT_FAILED)


async def entered(house: House, uid: str = "333", **changes: object) -> tuple[str, Client]:
    """A session that is live, and its client."""
    session_id = await house.create(uid, **changes)
    client = Client()
    await house.stage.enter(session_id, client)
    return session_id, client


def how(ended: Ended) -> tuple[Status, EndReason]:
    return ended.status, ended.reason


async def state(house: House, session_id: str) -> tuple[Status, EndReason | None]:
    session = await house.sessions.get(session_id)
    return session.status, session.end_reason


# Made.


async def test_a_session_is_kept_as_it_was_ordered_and_its_token_can_not_be_read(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    session_id = await house.create()
    session = await house.sessions.get(session_id)
    assert session.status is Status.WAITING
    assert session.settings["avatar_id"] == "mira"
    assert session.settings["extra"] == {"version": "v1"}
    assert ORDER.channel.token not in repr(session) + caplog.text
    assert OrderKeeper("shared").order_of(session) == ORDER


async def test_an_unknown_avatar_is_refused_with_the_known_ones(house: House) -> None:
    with pytest.raises(InvalidInput) as refused:
        await house.create(avatar_id="nobody")
    assert refused.value.field == "avatar_id"
    assert refused.value.allowed == "mira, otto"
    assert house.stage.avatar_ids == ["mira", "otto"]


async def test_a_session_that_nobody_initialises_is_ended(house: House) -> None:
    session_id = await house.create()
    house.clock.advance(59.0)
    assert (await state(house, session_id))[0] is Status.WAITING
    house.clock.advance(1.1)
    await house.gone(session_id)
    assert await state(house, session_id) == (Status.STOPPED, EndReason.NEVER_STARTED)
    with pytest.raises(SessionEnded):
        await house.stage.enter(session_id, Client())


async def test_too_many_waiting_sessions_are_refused_but_one_may_replace_its_own(
    house: House,
) -> None:
    house.stage = house.make_stage(max_waiting=2)
    await house.create("1")
    first = await house.create("2")
    with pytest.raises(CapacityExceeded) as refused:
        await house.create("3")
    assert refused.value.limit == 2
    await house.create("2")
    assert await state(house, first) == (Status.STOPPED, EndReason.REPLACED)


async def test_too_many_live_sessions_are_refused_when_made_and_when_begun(house: House) -> None:
    house.stage = house.make_stage(max_sessions=1)
    waiting = await house.create("1")
    session_id, _ = await entered(house, "2")
    for refused in (house.create("3"), house.stage.enter(waiting, Client())):
        with pytest.raises(CapacityExceeded):
            await refused
    assert (await state(house, waiting))[0] is Status.WAITING
    await house.create("2")  # takes the place of the live one
    assert (await state(house, session_id))[1] is EndReason.REPLACED
    await house.stage.enter(waiting, Client())


async def test_a_session_of_the_same_seat_replaces_the_live_one_whose_client_is_told(
    house: House,
) -> None:
    session_id, client = await entered(house)
    await house.create("334")
    assert not client.over.is_set()
    await house.create()
    assert how(await client.ended()) == (Status.STOPPED, EndReason.REPLACED)
    assert await state(house, session_id) == (Status.STOPPED, EndReason.REPLACED)


async def test_of_two_that_are_made_at_once_for_one_seat_the_later_one_lives(house: House) -> None:
    made = await asyncio.gather(*(house.create() for _ in range(5)))
    states = [(await state(house, session_id))[0] for session_id in made]
    assert states.count(Status.WAITING) == 1


async def test_a_session_that_waited_before_a_restart_is_replaced_too(house: House) -> None:
    before = await house.create()
    await house.stage.drain(0.0)
    house.stage = house.make_stage()
    await house.create("another")
    assert (await state(house, before))[0] is Status.WAITING
    house.stage = house.make_stage()
    await house.create()
    assert await state(house, before) == (Status.STOPPED, EndReason.REPLACED)


async def test_a_session_that_is_being_begun_is_replaced_all_the_same(house: House) -> None:
    session_id = await house.create()
    client = Client()
    entering = asyncio.create_task(house.stage.enter(session_id, client))
    await asyncio.sleep(0)
    await house.create()
    with pytest.raises(SessionEnded):
        await entering
    assert await state(house, session_id) == (Status.STOPPED, EndReason.REPLACED)


async def test_one_whose_row_is_gone_has_nothing_to_replace(
    house: House, sessions: SessionService, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.create()

    async def end(session_id: str, *_: object) -> None:
        raise SessionNotFound(session_id)

    with monkeypatch.context() as patch:
        patch.setattr(sessions, "end", end)
        await house.create()


async def test_one_that_can_not_be_ended_for_want_of_a_database_is_left_to_upkeep(
    house: House,
    sessions: SessionService,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    session_id = await house.create()

    async def end(*_: object) -> None:
        raise StorageUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(sessions, "end", end)
        house.clock.advance(61.0)
        await house.gone(session_id)
    assert "never started, nor ended now" in caplog.text
    assert (await state(house, session_id))[0] is Status.WAITING


async def test_one_that_is_being_begun_when_its_time_is_over_begins(house: House) -> None:
    session_id = await house.create()
    entering = asyncio.create_task(house.stage.enter(session_id, Client()))
    await asyncio.sleep(0)
    house.clock.advance(61.0)
    await entering
    assert (await state(house, session_id))[0] is Status.ACTIVE


# Begun.


async def test_a_session_begins_with_its_face_at_all_its_venues(house: House) -> None:
    session_id, _ = await entered(house)
    assert (await state(house, session_id))[0] is Status.ACTIVE
    settings = house.renderers.settings[0]
    assert settings.avatar == "packs/mira"
    assert settings.format == FORMATS["low"]
    assert settings.codec == "VP8"
    house.clock.advance(1.0)
    for kind in (house.room, house.agora):
        assert kind.pictures[0].codec is VP8
        assert (kind.pictures[0].width, kind.pictures[0].rate) == (360, 20)
        assert kind.orders[0].channel.token == ORDER.channel.token
        assert len(kind.venues[0].shown) == 20


async def test_a_token_that_runs_out_is_renewed_by_the_client(house: House) -> None:
    client = Client()
    avatar = await house.stage.enter(await house.create(), client)
    house.agora.expiring[0]()
    assert client.expiring == 1
    avatar.renew("a new one")
    assert house.agora.venues[0].tokens == ["a new one"]
    avatar.leave()
    house.agora.expiring[0]()
    avatar.renew("of somebody who has gone")
    assert client.expiring == 1
    assert house.agora.venues[0].tokens == ["a new one"]


async def test_a_session_is_for_its_wanted_venues_and_not_for_those_beside_them(
    house: House,
) -> None:
    session_id, client = await entered(house)
    house.clock.advance(1.0)
    assert house.watch.venues[0].shown
    house.room.gone[0]("closed by somebody")
    house.agora.gone[0]("kicked")
    assert (await client.ended()).detail == "agora has ended: kicked"
    assert await state(house, session_id) == AGENT_FAILED
    for kind in (house.room, house.agora):
        kind.gate.error = CapacityExceeded("places", 3)
    with pytest.raises(ProviderFailed, match="room: at most 3 places; agora: at most 3 places"):
        await house.stage.enter(await house.create("444"), Client())
    assert house.watch.venues[1].closed == 1


async def test_what_a_connection_does_reaches_the_avatar(house: House) -> None:
    client = Client()
    avatar = await house.stage.enter(await house.create(), client)
    avatar.voice(tone(1.0, 16_000), 16_000)
    avatar.voice_end()
    avatar.gesture(GestureCue("nod"))
    house.clock.advance(0.5)
    avatar.interrupt()
    avatar.set_activity("thinking")
    house.clock.advance(0.2)
    requests = house.face.requests
    assert [request.gestures for request in requests if request.gestures] == [(GestureCue("nod"),)]
    assert requests[-1].activity == "thinking"
    assert "flush" in house.room.venues[0].log
    with pytest.raises(CapacityExceeded):
        avatar.voice(tone(301.0, 8_000), 8_000)


async def test_a_client_that_comes_again_takes_over_and_the_sound_goes_on(house: House) -> None:
    first, second = Client(), Client()
    session_id = await house.create()
    old = await house.stage.enter(session_id, first)
    old.voice(tone(2.0, 16_000), 16_000)
    house.clock.advance(0.5)
    new = await house.stage.enter(session_id, second)
    assert first.replaced.is_set()
    old.leave()
    old.interrupt()
    old.voice(tone(2.0, 16_000), 16_000)
    house.clock.advance(0.5)
    new.voice_end()
    house.clock.advance(2.0)
    assert house.room.venues[0].samples == 2 * 48_000
    assert len(house.renderers.faces) == 1
    assert "reconnected" in await house.journal(session_id)
    assert not first.over.is_set()


async def test_two_that_enter_at_once_find_one_performance(house: House) -> None:
    session_id = await house.create()
    clients = [Client(), Client()]
    await asyncio.gather(*(house.stage.enter(session_id, client) for client in clients))
    assert len(house.renderers.faces) == 1
    assert [client.replaced.is_set() for client in clients] == [True, False]


async def test_where_one_venue_can_not_be_had_the_other_serves(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.agora.gate.error = ProviderFailed("agora", "the token has expired")
    await entered(house)
    house.clock.advance(1.0)
    assert house.room.venues[0].shown
    assert "no agora: the token has expired" in caplog.text
    house.agora.gate.error = ValueError("a defect")
    await entered(house, "2")
    assert "a defect" in caplog.text


@pytest.mark.parametrize("part", ["venues", "face", "pack", "defect"])
async def test_what_can_not_be_opened_fails_the_session_and_frees_the_rest(
    house: House, part: str
) -> None:
    session_id = await house.create()
    errors: dict[str, Exception] = {
        "face": ProviderFailed("renderer", "no process"),
        "pack": InvalidInput("avatar", "can't be used"),
        "defect": ZeroDivisionError(),
        "venues": CapacityExceeded("rooms", 3),
    }
    gates = [house.renderers.gate]
    if part == "venues":
        gates = [house.room.gate, house.agora.gate]
    for gate in gates:
        gate.error = errors[part]
    with pytest.raises((ProviderFailed, InvalidInput)):
        await house.stage.enter(session_id, Client())
    assert await state(house, session_id) == AGENT_FAILED
    house.assert_all_is_freed()
    with pytest.raises(SessionEnded):
        await house.stage.enter(session_id, Client())


async def test_a_face_that_fails_while_venues_are_opened_fails_the_session(house: House) -> None:
    session_id = await house.create()
    house.room.gate.passage.clear()
    entering = asyncio.create_task(house.stage.enter(session_id, Client()))
    await house.room.gate.held.wait()
    await until(lambda: bool(house.renderers.faces))
    house.face.fail("it crashed")
    with pytest.raises(ProviderFailed, match="it crashed"):
        await entering
    assert await state(house, session_id) == AGENT_FAILED
    assert house.room.gate.given_up == 1


async def test_venues_that_end_before_all_is_open_do_not_count(house: House) -> None:
    session_id = await house.create()
    house.renderers.gate.passage.clear()
    entering = asyncio.create_task(house.stage.enter(session_id, Client()))
    await house.renderers.gate.held.wait()
    await until(lambda: bool(house.room.venues and house.agora.venues))
    await asyncio.sleep(0)  # all are open, and only the face is waited for
    await asyncio.sleep(0)
    for kind in (house.room, house.agora):
        kind.gone[0]("closed by somebody")
    house.renderers.gate.passage.set()
    with pytest.raises(ProviderFailed, match="all have ended"):
        await entering


async def test_a_venue_that_ends_while_it_opens_is_closed(house: House) -> None:
    session_id = await house.create()
    house.room.gate.passage.clear()
    entering = asyncio.create_task(house.stage.enter(session_id, Client()))
    await house.room.gate.held.wait()
    house.room.gone[0]("closed by somebody")
    house.room.gate.passage.set()
    await entering
    house.clock.advance(1.0)
    assert not house.room.venues[0].shown
    assert house.agora.venues[0].shown


async def test_a_client_that_goes_while_the_session_opens_may_come_back(house: House) -> None:
    session_id = await house.create()
    house.room.gate.passage.clear()
    entering = asyncio.create_task(house.stage.enter(session_id, Client()))
    await house.room.gate.held.wait()
    entering.cancel()
    await asyncio.wait([entering])
    house.room.gate.passage.set()
    client = Client()
    avatar = await house.stage.enter(session_id, client)
    avatar.leave()
    house.clock.advance(30.1)
    await house.gone(session_id)
    assert await state(house, session_id) == (Status.COMPLETED, EndReason.DISCONNECTED)
    assert not client.over.is_set()


async def test_a_client_that_never_comes_back_after_opening_is_waited_for_and_given_up(
    house: House,
) -> None:
    session_id = await house.create()
    house.room.gate.passage.clear()
    entering = asyncio.create_task(house.stage.enter(session_id, Client()))
    await house.room.gate.held.wait()
    entering.cancel()
    house.room.gate.passage.set()
    await until(lambda: bool(house.renderers.faces) and bool(house.face.requests))
    house.clock.advance(30.1)
    await house.gone(session_id)
    assert await state(house, session_id) == (Status.COMPLETED, EndReason.DISCONNECTED)


async def test_an_unknown_session_or_one_of_another_kind_is_not_found(house: House) -> None:
    other = await house.sessions.create(api="commerce", tenant="t", settings={"voice": "Ashley"})
    for session_id in ("no-such-session", other.id):
        with pytest.raises(SessionNotFound):
            await house.stage.enter(session_id, Client())
    assert (await state(house, other.id))[0] is Status.WAITING


async def test_a_session_of_a_server_with_another_secret_can_not_begin(house: House) -> None:
    session_id = await house.create()
    house.stage = house.make_stage(secret="another")
    with pytest.raises(ProviderFailed, match="another secret"):
        await house.stage.enter(session_id, Client())


async def test_an_avatar_that_is_gone_by_then_can_not_begin(house: House) -> None:
    session_id = await house.create()
    del house.library.known["mira"]
    with pytest.raises(ProviderFailed, match="not here any more"):
        await house.stage.enter(session_id, Client())


# Ends.


async def test_stopping_ends_a_waiting_session_and_a_live_one(house: House) -> None:
    waiting = await house.create("1")
    live, client = await entered(house, "2")
    for session_id in (waiting, live):
        ended = await house.stage.stop(session_id)
        assert (ended.status, ended.end_reason) == (Status.STOPPED, EndReason.CLIENT_STOPPED)
        with pytest.raises(SessionEnded):
            await house.stage.stop(session_id)
    assert how(await client.ended()) == (Status.STOPPED, EndReason.CLIENT_STOPPED)
    with pytest.raises(SessionNotFound):
        await house.stage.stop("no-such-session")
    house.assert_all_is_freed()


async def test_stopping_a_session_that_is_opening_frees_what_was_opened(house: House) -> None:
    session_id = await house.create()
    house.room.gate.passage.clear()
    entering = asyncio.create_task(house.stage.enter(session_id, Client()))
    await house.room.gate.held.wait()
    ended = await house.stage.stop(session_id)
    assert ended.end_reason is EndReason.CLIENT_STOPPED
    with pytest.raises(SessionEnded):
        await entering
    assert house.room.gate.given_up == 1
    house.assert_all_is_freed()


async def test_an_idle_session_ends_but_sound_and_commands_keep_it(house: House) -> None:
    client = Client()
    session_id = await house.create(idle_timeout=10.0)
    avatar = await house.stage.enter(session_id, client)
    avatar.voice(tone(25.0, 16_000), 16_000)
    avatar.voice_end()
    house.clock.advance(34.0)  # 25 s of sound, and 9 s
    await asyncio.sleep(0)
    assert not client.over.is_set()
    avatar.set_activity("thinking")
    house.clock.advance(9.0)
    await asyncio.sleep(0)
    assert not client.over.is_set()
    house.clock.advance(1.5)
    assert how(await client.ended()) == (Status.STOPPED, EndReason.IDLE_TIMEOUT)
    # Nothing any more.
    avatar.voice(tone(1.0, 16_000), 16_000)
    avatar.voice_end()
    avatar.interrupt()
    avatar.gesture(GestureCue("nod"))
    avatar.set_activity("idle")
    avatar.leave()


async def test_without_an_idle_timeout_silence_may_last_until_the_longest_time(
    house: House,
) -> None:
    house.stage = house.make_stage(max_duration=200.0)
    _, client = await entered(house, idle_timeout=0.0)
    house.clock.advance(198.0)
    await asyncio.sleep(0)
    assert not client.over.is_set()
    house.clock.advance(2.0)
    assert how(await client.ended()) == (Status.STOPPED, EndReason.MAX_DURATION)


async def test_a_lost_client_may_come_back_for_a_while(house: House) -> None:
    session_id = await house.create()
    avatar = await house.stage.enter(session_id, Client())
    avatar.voice(tone(3.0, 16_000), 16_000)
    avatar.leave()
    avatar.leave()
    house.clock.advance(29.0)
    assert house.room.venues[0].samples == 3 * 48_000
    client = Client()
    await house.stage.enter(session_id, client)
    house.clock.advance(40.0)
    await asyncio.sleep(0)
    assert not client.over.is_set()


async def test_a_failing_face_ends_its_session_and_the_others_live_on(house: House) -> None:
    session_id, client = await entered(house, "1")
    face = house.face
    _, other = await entered(house, "2")
    house.clock.advance(1.0)
    face.fail("the encoder broke")
    ended = await client.ended()
    assert how(ended) == AGENT_FAILED
    assert "the encoder broke" in ended.detail
    assert await state(house, session_id) == AGENT_FAILED
    shown = len(house.room.venues[1].shown)
    house.clock.advance(1.0)
    assert len(house.room.venues[1].shown) == shown + 20
    assert not other.over.is_set()


async def test_a_session_ends_when_its_last_venue_has_ended(house: House) -> None:
    _, client = await entered(house)
    house.room.gone[0]("the room was closed")
    house.room.gone[0]("twice")
    house.clock.advance(1.0)
    assert not client.over.is_set()
    house.agora.gone[0]("kicked")
    ended = await client.ended()
    assert how(ended) == AGENT_FAILED
    assert ended.detail == "agora has ended: kicked"


async def test_a_venue_that_can_not_be_closed_does_not_hold_up_the_others(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    session_id, _ = await entered(house)

    async def close() -> None:
        house.room.venues[0].closed += 1
        raise OSError("the network is down")

    house.room.venues[0].close = close  # type: ignore[method-assign]
    await house.stage.stop(session_id)
    assert "the network is down" in caplog.text
    house.assert_all_is_freed()


async def test_somebody_else_may_stop_it_through_the_sessions(
    house: House, sessions: SessionService
) -> None:
    _, client = await entered(house)
    session_id, _ = await entered(house, "2")
    assert await sessions.request_stop(session_id, EndReason.CLIENT_STOPPED)
    await house.gone(session_id)
    assert await state(house, session_id) == (Status.STOPPED, EndReason.CLIENT_STOPPED)
    assert not client.over.is_set()


async def test_one_that_was_ended_in_the_database_is_told_as_it_ended_there(
    house: House, sessions: SessionService
) -> None:
    session_id, client = await entered(house)
    await sessions.end(session_id, Status.FAILED, EndReason.NODE_LOST)
    assert await sessions.request_stop(session_id, EndReason.CLIENT_STOPPED)
    assert how(await client.ended()) == (Status.FAILED, EndReason.NODE_LOST)


async def test_a_session_that_another_has_taken_is_only_let_go_of(
    house: House, sessions: SessionService
) -> None:
    session_id, client = await entered(house)
    await sessions.request_stop(session_id, EndReason.REPLACED)
    async with asyncio.timeout(5):
        await client.replaced.wait()
    assert (await state(house, session_id))[0] is Status.ACTIVE
    assert not client.over.is_set()
    house.assert_all_is_freed()
    await house.stage.enter(session_id, Client())  # and may be taken back


async def test_one_that_comes_back_while_its_session_is_let_go_of_begins_it_anew(
    house: House, sessions: SessionService
) -> None:
    session_id, _ = await entered(house)
    await sessions.request_stop(session_id, EndReason.REPLACED)
    await house.stage.enter(session_id, Client())
    assert len(house.renderers.faces) == 2


async def test_what_it_did_is_in_the_journal(house: House, sessions: SessionService) -> None:
    session_id = await house.create()
    avatar = await house.stage.enter(session_id, Client())
    avatar.voice(tone(0.5, 24_000), 24_000)
    avatar.voice_end()
    avatar.voice(tone(5.0, 24_000), 24_000)
    house.clock.advance(1.0)
    avatar.interrupt()
    house.clock.advance(0.1)
    await house.stage.stop(session_id)
    values = [
        record.entry.values
        for record in await sessions.records(session_id, kinds=("metric",))
        if isinstance(record.entry, MetricEntry)
    ]
    assert [value["cut"] for value in values[:2]] == [False, True]
    assert values[0]["played_ms"] == 500
    figures = values[2]
    assert figures["utterances"] == 2
    assert figures["interrupts"] == 1
    assert figures["played_seconds"] == pytest.approx(0.9, abs=0.051)


async def test_of_very_many_utterances_not_all_are_written_down(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greenroom.stage.live_session.MAX_NOTED", 3)
    assert MAX_NOTED > 3
    session_id = await house.create()
    avatar = await house.stage.enter(session_id, Client())
    for _ in range(5):
        avatar.voice(tone(0.05, 16_000), 16_000)
        avatar.voice_end()
    house.clock.advance(1.0)
    await house.stage.stop(session_id)
    assert (await house.journal(session_id)).count("utterance") == 3


async def test_a_session_that_can_not_be_recorded_is_freed_all_the_same(
    house: House, sessions: SessionService, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, client = await entered(house)

    async def end(*_: object) -> None:
        raise ProviderFailed("storage", "away")

    with monkeypatch.context() as patch:
        patch.setattr(sessions, "end", end)
        house.face.fail("it broke")
        assert how(await client.ended()) == AGENT_FAILED
    house.assert_all_is_freed()


# Draining.


async def test_draining_lets_those_that_speak_finish_and_ends_all(house: House) -> None:
    speaking = Client()
    avatar = await house.stage.enter(await house.create("1"), speaking)
    _, silent = await entered(house, "2")
    waiting = await house.create("3")
    avatar.voice(tone(2.0, 16_000), 16_000)
    avatar.voice_end()
    draining = asyncio.create_task(house.stage.drain(30.0))
    assert how(await silent.ended()) == (Status.STOPPED, EndReason.DRAINED)
    assert not speaking.over.is_set()
    for refused in (house.create("4"), house.stage.enter(waiting, Client())):
        with pytest.raises(CapacityExceeded):
            await refused
    house.clock.advance(2.5)
    assert how(await speaking.ended()) == (Status.STOPPED, EndReason.DRAINED)
    await draining
    assert house.room.venues[0].samples == 2 * 48_000
    assert (await state(house, waiting))[0] is Status.WAITING


async def test_draining_waits_no_longer_than_it_may(house: House) -> None:
    client = Client()
    avatar = await house.stage.enter(await house.create(), client)
    avatar.voice(tone(200.0, 8_000), 8_000)
    await house.stage.drain(0.01)
    assert how(await client.ended()) == (Status.STOPPED, EndReason.DRAINED)


async def test_what_is_said_and_taken_back_at_once_does_not_hold_up_draining(house: House) -> None:
    avatar = await house.stage.enter(await house.create(), Client())
    avatar.voice(tone(2.0, 16_000), 16_000)
    draining = asyncio.create_task(house.stage.drain(30.0))
    await asyncio.sleep(0)
    avatar.interrupt()
    house.clock.advance(0.1)
    async with asyncio.timeout(5):
        await draining


async def test_draining_ends_sessions_that_are_opening(house: House) -> None:
    session_id = await house.create()
    house.room.gate.passage.clear()
    entering = asyncio.create_task(house.stage.enter(session_id, Client()))
    await house.room.gate.held.wait()
    await house.stage.drain(1.0)
    with pytest.raises(SessionEnded):
        await entering
    assert await state(house, session_id) == (Status.STOPPED, EndReason.DRAINED)


def test_an_order_does_not_show_its_token() -> None:
    assert ORDER.channel.token not in repr(order())
