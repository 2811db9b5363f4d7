"""Agents in the server itself: how many, whose, and how they are called off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from greenroom.sessions.model import EndReason, Status
from greenroom.settings import OrchestratorSettings
from greenroom.workers.host import AgentHost
from greenroom.workers.inline import InlinePlacement
from greenroom.workers.ports import (
    NoCapacity,
    Placement,
    PlacementFailed,
    PlacementState,
    Withdrawn,
)
from support.agents import House, Town, eventually, town, until

LIMITS = OrchestratorSettings(max_sessions=3, max_sessions_per_user=2, retry_after=7)


@dataclass
class Inline:
    place: Town
    house: House
    placement: InlinePlacement

    async def placed(self, user: str = "ada") -> str:
        """A session whose agent is in its room."""
        session_id = await self.house.session(user_name=user)
        before = len(self.house.rooms.joined)
        await self.placement.reserve(session_id, user)
        await self.placement.place(session_id)
        await until(lambda: len(self.house.rooms.joined) > before)
        return session_id

    async def free(self) -> None:
        async def is_free() -> bool:
            return not await self.placement.live()

        await eventually(is_free)


@pytest.fixture
async def inline(tmp_path: Path) -> AsyncIterator[Inline]:
    async with town(tmp_path) as place:
        house = await place.house()
        built = Inline(place, house, InlinePlacement(house.host, LIMITS))
        yield built
        await place.passing(built.placement.drain(0))
        assert list(await built.placement.live()) == []


async def test_each_session_gets_an_agent_until_it_ends(inline: Inline) -> None:
    port: Placement = inline.placement
    session_id = await inline.placed()
    assert list(await port.live()) == [session_id]
    assert await inline.house.ended(session_id) == (Status.ACTIVE, None)
    await inline.house.sessions.request_stop(session_id, EndReason.MAX_DURATION)
    await inline.free()
    assert await port.state() == PlacementState(ok=True)


async def test_limits_are_kept_before_anything_is_made(inline: Inline) -> None:
    await inline.placement.reserve("a", "ada")
    await inline.placement.reserve("b", "ada")
    with pytest.raises(NoCapacity) as caught:
        await inline.placement.reserve("c", "ada")
    assert (caught.value.what, caught.value.limit) == ("sessions of one user", 2)
    assert caught.value.retry_after == 7
    await inline.placement.reserve("c", "bob")
    with pytest.raises(NoCapacity) as caught:
        await inline.placement.reserve("d", "eve")
    assert (caught.value.what, caught.value.limit) == ("sessions", 3)
    assert await inline.placement.withdraw("a", running=False) == Withdrawn()
    await inline.placement.reserve("d", "ada")
    for session_id in "bcd":
        await inline.placement.withdraw(session_id, running=False)


async def test_a_session_that_is_called_off_is_stopped_when_that_returns(inline: Inline) -> None:
    session_id = await inline.placed()
    assert await inline.placement.withdraw(session_id, running=True) == Withdrawn(stopped=True)
    assert await inline.house.ended(session_id) == (Status.STOPPED, EndReason.CLIENT_STOPPED)
    assert list(await inline.placement.live()) == []
    assert await inline.placement.withdraw(session_id, running=True) == Withdrawn()


async def test_what_is_called_off_at_once_never_begins(inline: Inline) -> None:
    session_id = await inline.house.session()
    await inline.placement.reserve(session_id, "ada")
    await inline.placement.place(session_id)
    assert await inline.placement.withdraw(session_id, running=False) == Withdrawn()
    assert await inline.house.ended(session_id) == (Status.WAITING, None)
    assert list(await inline.placement.live()) == []


async def test_an_agent_that_does_not_stop_is_told_of(
    inline: Inline, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_host: AgentHost, _id: str) -> bool:
        return False

    session_id = await inline.placed()
    with monkeypatch.context() as stuck:
        stuck.setattr(AgentHost, "stop", never)
        withdrawn = await inline.placement.withdraw(session_id, running=True)
    assert withdrawn == Withdrawn(errors=("the agent did not stop in time",))


async def test_a_session_that_is_over_before_its_agent_begins_is_given_back(
    inline: Inline,
) -> None:
    session_id = await inline.house.session()
    await inline.placement.reserve(session_id, "ada")
    await inline.house.sessions.end(session_id, Status.STOPPED, EndReason.CLIENT_STOPPED)
    await inline.placement.place(session_id)
    await inline.free()


async def test_a_server_that_ends_takes_no_more_and_ends_what_it_has(inline: Inline) -> None:
    session_id = await inline.placed()
    await inline.placement.reserve("late", "bob")
    await inline.place.passing(inline.placement.drain(0.1))
    assert await inline.house.ended(session_id) == (Status.STOPPED, EndReason.DRAINED)
    with pytest.raises(PlacementFailed, match="shutting down"):
        await inline.placement.reserve("x", "ada")
    with pytest.raises(PlacementFailed, match="shutting down"):
        await inline.placement.place("late")
    await inline.placement.withdraw("late", running=False)
    state = await inline.placement.state()
    assert (state.ok, state.why) == (False, "the server is shutting down")
