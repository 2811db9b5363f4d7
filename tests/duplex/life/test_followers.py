"""Who follows a session is told of its changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from greenroom.duplex import changes
from greenroom.duplex.sessions import FOLLOW_INTERVAL
from greenroom.errors import CapacityExceeded, SessionNotFound
from greenroom.sessions.model import EndReason, Status, TranscriptEntry
from support.talks import TENANT, Talks, turns


async def after(follower: AsyncIterator[datetime]) -> datetime:
    async with asyncio.timeout(5):
        return await anext(follower)


async def over(follower: AsyncIterator[datetime]) -> bool:
    async with asyncio.timeout(5):
        return await anext(follower, None) is None


async def test_a_session_is_followed_from_waiting_to_its_end(talks: Talks) -> None:
    session_id = await talks.create()
    follower = talks.sessions.follow(session_id)
    await after(follower)
    _, connection = await talks.enter(session_id)
    await after(follower)
    talks.time.advance(1)
    talks.model.talks[0].say("One.")
    talks.model.talks[0].say(" Two.")
    assert await after(follower) == talks.time.now()
    talks.model.talks[0].listener.on_user_words("Three.", 0.0)
    await after(follower)
    assert len((await talks.get(session_id)).transcript) == 2
    connection.leave(finished=True)
    await after(follower)
    assert (await talks.get(session_id)).session.ended
    assert await over(follower)


async def test_one_that_has_ended_is_told_of_once(talks: Talks) -> None:
    session_id = await talks.create()
    await talks.sessions.stop(session_id, tenant=TENANT)
    follower = talks.sessions.follow(session_id)
    await after(follower)
    assert await over(follower)


async def test_one_that_waits_is_told_of_when_it_is_stopped(talks: Talks) -> None:
    session_id = await talks.create()
    follower = talks.sessions.follow(session_id)
    await after(follower)
    await talks.sessions.stop(session_id, tenant=TENANT)
    await after(follower)
    assert await over(follower)


async def test_one_that_is_not_there_can_not_be_followed(talks: Talks) -> None:
    with pytest.raises(SessionNotFound):
        await after(talks.sessions.follow("none"))


async def test_what_happens_elsewhere_is_seen_in_the_database(talks: Talks) -> None:
    session_id = await talks.create()
    follower = talks.sessions.follow(session_id)
    await after(follower)
    waiting = asyncio.ensure_future(after(follower))
    await settled(talks)
    talks.time.advance(FOLLOW_INTERVAL)
    await settled(talks)
    assert not waiting.done()
    talks.service.append(session_id, TranscriptEntry("1", "user", "Hello", start_ms=0.0))
    await settled(talks)
    talks.time.advance(FOLLOW_INTERVAL)
    await waiting
    waiting = asyncio.ensure_future(after(follower))
    await settled(talks)
    await talks.service.end(session_id, Status.STOPPED, EndReason.NEVER_STARTED)
    talks.time.advance(FOLLOW_INTERVAL)
    await waiting
    assert await over(follower)


async def settled(talks: Talks) -> None:
    """Let a look at the database come to its end."""
    for _ in range(3):
        await talks.service.list()
        await turns()


async def test_one_that_lives_here_is_not_looked_for_in_the_database(talks: Talks) -> None:
    talk = await talks.talk()
    follower = talks.sessions.follow(talk.id)
    await after(follower)
    waiting = asyncio.ensure_future(after(follower))
    await turns()
    talks.time.advance(10 * FOLLOW_INTERVAL)
    await turns()
    assert not waiting.done()
    talk.model.say("Hello.")
    await waiting
    await follower.aclose()


async def test_only_so_many_may_follow(talks: Talks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MAX_FOLLOWERS", 1)
    session_id = await talks.create()
    first = talks.sessions.follow(session_id)
    await after(first)
    with pytest.raises(CapacityExceeded):
        await after(talks.sessions.follow(session_id))
    await first.aclose()
    second = talks.sessions.follow(session_id)
    await after(second)
    await second.aclose()
