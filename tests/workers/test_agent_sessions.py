"""Sessions of agents are started whole or not at all, and ended once, wherever they are."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from greenroom.errors import InvalidInput, SessionNotFound
from greenroom.rooms.errors import RoomsFailed
from greenroom.rooms.tokens import LiveKitTokens, TokenVerifier
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.model import EndReason, MetricEntry, Status
from greenroom.sessions.tables import micros
from greenroom.settings import OrchestratorSettings
from greenroom.workers.inline import InlinePlacement
from greenroom.workers.leases import Holder
from greenroom.workers.order import API, AgentOrder
from greenroom.workers.ports import NoCapacity, PlacementFailed, Withdrawn
from greenroom.workers.report import EndReport
from greenroom.workers.sessions import AgentSessions, Started
from support.agents import House, Town, eventually, town, until

PAIR = ("a key", "a secret of the tests that is long enough")
ORDER = AgentOrder("Ada Lovelace", "Craig", "Hello there.", "You are terse.")
STOPPED = (Status.STOPPED, EndReason.CLIENT_STOPPED)


@dataclass
class Server:
    """A house with agents in itself, as its clients have it."""

    house: House
    placement: Any
    agents: AgentSessions

    async def start(self, order: AgentOrder = ORDER) -> Started:
        return await self.agents.start(order, "t")

    async def talking(self) -> str:
        """A session in which Ada was greeted, just now."""
        rooms = self.house.rooms
        before = len(rooms.joined)
        started = await self.start()
        await until(lambda: len(rooms.joined) > before)
        rooms.joined[-1].enter("ada")
        await eventually(lambda: self._has_begun(started.session.id))
        return started.session.id

    async def end(self, session_id: str) -> EndReport:
        return await self.agents.end(session_id, "t")

    async def _has_begun(self, session_id: str) -> bool:
        return "first_words" in await self.house.presence(session_id)


@dataclass
class ScriptedPlacement:
    """A placement that does as it is told, and notes what it was told."""

    refusal: Exception | None = None
    failure: Exception | None = None
    withdrawn: Withdrawn = field(default_factory=lambda: Withdrawn(revoked=True, cleaned=True))
    calls: list[tuple[str, ...]] = field(default_factory=list)

    async def reserve(self, session_id: str, user_name: str) -> None:
        self.calls.append(("reserve", session_id, user_name))
        if self.refusal is not None:
            raise self.refusal

    async def place(self, session_id: str) -> None:
        self.calls.append(("place", session_id))
        if self.failure is not None:
            raise self.failure

    async def withdraw(self, session_id: str, *, running: bool) -> Withdrawn:
        self.calls.append(("withdraw", session_id, "running" if running else "waiting"))
        return self.withdrawn


def server_of(house: House, placement: Any = None, pair: tuple[str, str] = PAIR) -> Server:
    clock = house.clock
    placement = placement or InlinePlacement(house.host, OrchestratorSettings())
    tokens = LiveKitTokens(*pair, ttl=7_200, now=lambda: clock.now().timestamp())
    return Server(
        house, placement, AgentSessions(house.sessions, placement, house.rooms, tokens, clock)
    )


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path) as built:
        yield built


@pytest.fixture
async def server(place: Town) -> AsyncIterator[Server]:
    built = server_of(await place.house())
    yield built
    await place.passing(built.placement.drain(0))
    await built.agents.close()


class TestStarting:
    """A session, a token for its room, and an agent on its way."""

    async def test_it_makes_a_session_with_an_agent_and_a_token(self, server: Server) -> None:
        started = await server.start()
        session = started.session
        assert re.fullmatch(r"session_1771151400_[0-9a-f]{12}", session.id)
        assert (session.api, session.tenant, session.status) == (API, "t", Status.WAITING)
        assert AgentOrder.of(session) == ORDER
        assert started.url == server.house.rooms.url
        clock = server.house.clock
        verifier = TokenVerifier(dict([PAIR]), now=lambda: clock.now().timestamp())
        grants = verifier.verify(started.token)
        assert (grants.identity, grants.name) == ("user_Ada Lovelace", "Ada Lovelace")
        assert (grants.room, grants.room_join) == (session.id, True)
        assert grants.expires == clock.now().timestamp() + 7_200
        await until(lambda: server.house.rooms.joined)
        assert server.house.rooms.joined[0].name == session.id

    async def test_an_unknown_voice_is_refused_with_those_that_there_are(
        self, server: Server
    ) -> None:
        with pytest.raises(InvalidInput) as caught:
            await server.start(AgentOrder("ada", "craig", ""))
        assert caught.value.field == "voiceId"
        assert caught.value.allowed == "Ashley, Craig, Edward, Olivia, Wendy, Priya"
        assert list(await server.house.sessions.list()) == []

    async def test_without_keys_nothing_is_made(self, place: Town) -> None:
        placement = ScriptedPlacement()
        server = server_of(await place.house(), placement, ("", ""))
        with pytest.raises(RoomsFailed):
            await server.start()
        assert placement.calls == []
        assert list(await server.house.sessions.list()) == []

    async def test_at_a_limit_nothing_is_made(self, place: Town) -> None:
        placement = ScriptedPlacement(refusal=NoCapacity("sessions", 1, 5))
        server = server_of(await place.house(), placement)
        with pytest.raises(NoCapacity):
            await server.start()
        assert [call[0] for call in placement.calls] == ["reserve"]
        assert list(await server.house.sessions.list()) == []

    async def test_where_no_agent_can_be_sent_for_the_session_has_failed(self, place: Town) -> None:
        placement = ScriptedPlacement(
            failure=PlacementFailed("no broker"), withdrawn=Withdrawn(errors=("no Redis",))
        )
        server = server_of(await place.house(), placement)
        with pytest.raises(PlacementFailed, match="no broker"):
            await server.start()
        assert [call[0] for call in placement.calls] == ["reserve", "place", "withdraw"]
        (session,) = await server.house.sessions.list()
        assert (session.status, session.end_reason) == (Status.FAILED, EndReason.AGENT_FAILED)

    @pytest.mark.parametrize("then", [SessionNotFound("x"), StorageUnavailable("away")])
    async def test_without_a_database_what_was_reserved_is_given_back(
        self, place: Town, monkeypatch: pytest.MonkeyPatch, then: Exception
    ) -> None:
        async def away(**_: object) -> None:
            raise StorageUnavailable("away")

        async def end(*_: object) -> None:
            raise then

        placement = ScriptedPlacement()
        server = server_of(await place.house(), placement)
        monkeypatch.setattr(server.house.sessions, "create", away)
        monkeypatch.setattr(server.house.sessions, "end", end)
        with pytest.raises(StorageUnavailable):
            await server.start()
        assert [call[0] for call in placement.calls] == ["reserve", "withdraw"]

    async def test_a_client_that_goes_away_leaves_nothing_half_made(self, place: Town) -> None:
        placing = asyncio.Event()

        class Slow(ScriptedPlacement):
            async def place(self, session_id: str) -> None:
                placing.set()
                await asyncio.get_running_loop().create_future()

        server = server_of(await place.house(), Slow())
        starting = asyncio.create_task(server.start())
        await placing.wait()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        (session,) = await server.house.sessions.list()
        assert session.status is Status.FAILED


class TestEnding:
    """What it did is told, and told again."""

    async def test_an_active_session_is_stopped_and_its_length_is_told(
        self, server: Server
    ) -> None:
        session_id = await server.talking()
        await server.house.wait(125)
        report = await server.end(session_id)
        assert report == EndReport(session_id, False, True, False, (), 125, 3)
        assert await server.house.ended(session_id) == STOPPED
        assert server.house.host.agents == 0

    async def test_the_second_time_says_the_same(self, place: Town, server: Server) -> None:
        session_id = await server.talking()
        await server.house.wait(60)
        first = await server.end(session_id)
        assert (first.duration_seconds, first.duration_minutes) == (60, 1)
        await server.house.wait(60)
        assert await server.end(session_id) == first
        # After a restart, and on another server.
        other = server_of(await place.house("two"))
        assert await other.end(session_id) == first

    async def test_two_at_once_have_one_report(self, place: Town, server: Server) -> None:
        session_id = await server.talking()
        other = server_of(await place.house("two"))
        reports = await asyncio.gather(
            server.end(session_id), server.end(session_id), other.end(session_id)
        )
        assert reports[0] == reports[1] == reports[2]
        records = await server.house.sessions.records(session_id, kinds=("metric",))
        names = [r.entry.name for r in records if isinstance(r.entry, MetricEntry)]
        assert names.count("end_report") == 1

    async def test_one_that_waits_is_called_off(self, place: Town) -> None:
        placement = ScriptedPlacement()
        server = server_of(await place.house(), placement)
        session_id = (await server.start()).session.id
        report = await server.end(session_id)
        assert report == EndReport(session_id, True, False, True, (), 0, 0)
        assert placement.calls[-1] == ("withdraw", session_id, "waiting")
        assert await server.house.ended(session_id) == STOPPED

    async def test_one_that_ended_by_itself_keeps_its_end(self, server: Server) -> None:
        session_id = await server.talking()
        await server.house.wait(30)
        server.house.rooms.joined[-1].leave("ada")
        await server.house.wait(25)
        await eventually(lambda: _is_over(server, session_id))
        report = await server.end(session_id)
        assert report == EndReport(session_id, False, False, False, (), 30, 1)
        assert (await server.house.ended(session_id))[0] is Status.COMPLETED
        assert await server.end(session_id) == report

    async def test_one_that_another_server_has_is_stopped_there(
        self, place: Town, server: Server
    ) -> None:
        other = server_of(await place.house("two"))
        session_id = await server.talking()
        report = await other.end(session_id)
        assert (report.process_killed, report.errors) == (True, ())
        assert server.house.host.agents == 0
        assert await server.house.ended(session_id) == STOPPED

    async def test_where_nobody_answers_it_is_ended_in_the_database(
        self, place: Town, server: Server
    ) -> None:
        other = server_of(await place.house("two"))
        session_id = await server.talking()
        for wire in place.wires:
            wire.deaf = True
        report = await other.end(session_id)
        assert not report.process_killed
        (error,) = report.errors
        assert "ended in the database" in error
        assert await server.house.ended(session_id) == STOPPED
        # The holder finds that by itself.
        await server.house.sessions.reap()
        await until(lambda: server.house.host.agents == 0)

    async def test_one_that_does_not_stop_is_not_waited_for(
        self, place: Town, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = server_of(await place.house("two"))
        session_id = await server.talking()
        leaving = asyncio.Event()
        room = server.house.rooms.joined[-1]
        close = room.close

        async def slow() -> None:
            await leaving.wait()
            await close()

        monkeypatch.setattr(room, "close", slow)
        began, asked = place.clock.time(), place.clock.now()
        report = await other.end(session_id)
        assert place.clock.time() - began == pytest.approx(5, abs=0.1)
        # Nobody pays for that wait.
        assert (await other.house.sessions.get(session_id)).ended_at == asked
        assert report.errors == ("the agent did not stop in time",)
        assert await server.house.ended(session_id) == STOPPED
        leaving.set()

    async def test_what_the_placement_could_not_do_is_told(self, place: Town) -> None:
        placement = ScriptedPlacement(withdrawn=Withdrawn(errors=("Redis does not answer",)))
        server = server_of(await place.house(), placement)
        session_id = (await server.start()).session.id
        report = await server.end(session_id)
        assert (report.redis_cleaned, report.errors) == (False, ("Redis does not answer",))
        assert await server.end(session_id) == report

    async def test_an_agent_that_is_dead_is_paid_for_until_it_was_last_heard_of(
        self, place: Town, server: Server
    ) -> None:
        session_id = await server.talking()
        seen = micros(place.clock.now()) + 2_000_000
        dead = Holder(server.house.sessions.node.id, seen / 1_000_000)
        other = server_of(await place.house("two"), ScriptedPlacement(withdrawn=Withdrawn()))
        other.placement.withdrawn = Withdrawn(errors=("no answer",), lost=dead.lost())
        await place.passing(place.clock.sleep(4))
        report = await other.end(session_id)
        assert (report.duration_seconds, report.errors) == (2, ("no answer",))

    async def test_what_is_not_there_is_not_found(self, server: Server) -> None:
        house = server.house
        other_api = await house.sessions.create(api="commerce", tenant="t", settings={})
        session_id = (await server.start()).session.id
        for wanted, tenant in [("x", "t"), (other_api.id, "t"), (session_id, "another")]:
            with pytest.raises(SessionNotFound):
                await server.agents.end(wanted, tenant)

    async def test_a_client_that_goes_away_does_not_leave_it_half_done(
        self, server: Server
    ) -> None:
        session_id = await server.talking()
        ending = asyncio.create_task(server.end(session_id))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        await server.agents.close()
        await eventually(lambda: _is_over(server, session_id))

    async def test_a_failure_is_told_and_may_be_tried_again(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def away(*_: object) -> None:
            raise StorageUnavailable("away")

        session_id = (await server.start()).session.id
        with monkeypatch.context() as broken:
            broken.setattr(server.house.sessions, "append_once", away)
            with pytest.raises(StorageUnavailable):
                await server.end(session_id)
        assert (await server.end(session_id)).session_id == session_id


async def _is_over(server: Server, session_id: str) -> bool:
    status, _ = await server.house.ended(session_id)
    return status not in (Status.WAITING, Status.ACTIVE)
