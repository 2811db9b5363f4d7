"""Agents in scripted rooms, in one process and in time that stands still, with a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from greenroom.audio.pcm import samples_of
from greenroom.conversation.conversation import Conversation, Providers, spoken_messages
from greenroom.conversation.ports import AudioOutput, Listener
from greenroom.rooms.ports import Rooms
from greenroom.sessions import views
from greenroom.sessions.attendance import talk_seconds
from greenroom.sessions.control import ControlBus, Deliver
from greenroom.sessions.life import Ended
from greenroom.sessions.model import EndReason, PresenceEntry, Record, Session, Status
from greenroom.sessions.node import Node
from greenroom.sessions.service import SessionService
from greenroom.sessions.store import Store, database_url
from greenroom.settings import Settings
from greenroom.testing import (
    EnergyVoiceActivity,
    ManualClock,
    ScriptedAgent,
    ScriptedRoom,
    ScriptedRooms,
    ScriptedSynthesizer,
    ScriptedTranscriber,
)
from greenroom.workers.host import AgentHost, AgentParts
from greenroom.workers.order import API, AgentOrder
from support.database import put_database

START = datetime(2026, 2, 15, 10, 30, tzinfo=UTC)
FRAME_MS = 20
T = TypeVar("T")


class Time(ManualClock):
    """The clock of everything: of rooms, of conversations, and of sessions."""

    def now(self) -> datetime:
        return START + timedelta(seconds=self.time() - 1_000)

    async def sleep(self, seconds: float) -> None:
        """Who sleeps lets that time pass at once."""
        self.advance(seconds)
        await asyncio.sleep(0.001)


class Wire:
    """The control bus of a node; they all hang on one line. A deaf one reaches nobody."""

    def __init__(self, line: dict[str, Deliver]) -> None:
        self.line = line
        self.deaf = False

    async def open(self, node: str, deliver: Deliver) -> None:
        self.line[node] = deliver

    async def request_stop(self, node: str, session_id: str, reason: EndReason) -> bool:
        return not self.deaf and node in self.line and self.line[node](session_id, reason)

    async def check(self) -> None:
        return

    async def close(self) -> None:
        return


@dataclass
class ScriptedConversations:
    """Real conversations of scripted parts. `failure`, where it is set, is raised by `open`."""

    sessions: SessionService
    settings: Settings
    clock: Time
    agent: ScriptedAgent = field(default_factory=ScriptedAgent)
    transcriber: ScriptedTranscriber = field(default_factory=ScriptedTranscriber)
    synthesizer: ScriptedSynthesizer = field(
        default_factory=lambda: ScriptedSynthesizer(length_ms=400)
    )
    opened: list[Conversation] = field(default_factory=list)
    failure: Exception | None = None

    @property
    def voice_rate(self) -> int:
        return self.synthesizer.rate

    def open(
        self,
        session: Session,
        *,
        output: AudioOutput,
        listener: Listener,
        records: Sequence[Record],
        opening: str | None = None,
    ) -> Conversation:
        if self.failure is not None:
            raise self.failure
        said = spoken_messages([entry for _, entry in views.transcript(records)])
        if opening is None:
            opening = "" if said else AgentOrder.of(session).opening_line
        conversation = Conversation(
            Providers(
                EnergyVoiceActivity(), self.transcriber, self.synthesizer, self.agent, "Ashley"
            ),
            output=output,
            listener=listener,
            journal=lambda entry: self.sessions.append(session.id, entry),
            turns=self.settings.turns,
            replies=self.settings.replies,
            clock=self.clock,
            history=said,
            greeting=opening,
        )
        self.opened.append(conversation)
        return conversation


@dataclass
class House:
    """One node: its sessions, and its host of agents in the rooms of everybody."""

    sessions: SessionService
    conversations: ScriptedConversations
    rooms: Any
    settings: Settings
    clock: Time
    host: AgentHost
    tasks: list[asyncio.Task[Ended | None]] = field(default_factory=list)

    async def session(self, opening_line: str = "Hello there.", **order: Any) -> str:
        """A session that waits for its agent."""
        asked = AgentOrder(**{"user_name": "ada", "voice": "Ashley", **order, "opening_line": ""})
        settings = {**asked.as_settings(), "opening_line": opening_line}
        return (await self.sessions.create(api=API, tenant="t", settings=settings)).id

    def run(self, session_id: str, opening: str | None = None) -> asyncio.Task[Ended | None]:
        """Its agent, from now on."""
        task = asyncio.create_task(self.host.run(session_id, opening))
        self.tasks.append(task)
        return task

    async def join(
        self, session_id: str, opening: str | None = None
    ) -> tuple[asyncio.Task[Ended | None], ScriptedRoom]:
        """Its agent, once it is in the room."""
        before = len(self.rooms.joined)
        task = self.run(session_id, opening)
        await until(lambda: len(self.rooms.joined) > before and self.rooms.joined[-1].name)
        return task, self.rooms.joined[-1]

    async def greeted(self, **session: Any) -> tuple[str, asyncio.Task[Ended | None], ScriptedRoom]:
        """A session in whose room Ada has heard the agent's opening line."""
        session_id = await self.session(**session)
        task, room = await self.join(session_id)
        room.enter("ada")
        await until(lambda: len(self.spoken) > 0)
        await self.wait(1)
        return session_id, task, room

    @property
    def spoken(self) -> list[str]:
        """The sentences that were given a voice."""
        return [text for text, _ in self.conversations.synthesizer.spoken]

    async def wait(self, seconds: float) -> None:
        """Let time pass, in steps in which everybody does what there is to do."""
        steps = max(1, min(20, round(seconds / 0.1)))
        for _ in range(steps):
            self.clock.advance(seconds / steps)
            await settle()

    async def say(self, room: ScriptedRoom, who: str = "ada", ms: float = 1_000) -> None:
        """Somebody says something, and is silent until that is noticed."""
        for voice, length in ((True, ms), (False, 1_000)):
            for _ in range(round(length / FRAME_MS)):
                level = 3_000 if voice else 0
                self.clock.advance(FRAME_MS / 1000)
                room.speak(who, np.full(samples_of(FRAME_MS), level, np.int16))
                await settle()

    async def ended(self, session_id: str) -> tuple[Status, EndReason | None]:
        """How the session is, as the database has it."""
        (session,) = [s for s in await self.sessions.list() if s.id == session_id]
        return session.status, session.end_reason

    async def talked(self, session_id: str) -> float:
        """Seconds for which the session is billed."""
        (session,) = [s for s in await self.sessions.list() if s.id == session_id]
        until = session.ended_at or self.clock.now()
        return talk_seconds(await self.sessions.records(session_id), until)

    async def presence(self, session_id: str) -> list[str]:
        """Who came and went, in order."""
        records = await self.sessions.records(session_id, kinds=("presence",))
        entries = [r.entry for r in records if isinstance(r.entry, PresenceEntry)]
        return [f"{entry.event} {entry.who}".strip() for entry in entries]

    async def transcript(self, session_id: str) -> list[str]:
        """What was said and heard."""
        records = await self.sessions.records(session_id, kinds=("transcript",))
        return [f"{view['role']}: {view['content']}" for view in views.messages(records)]


class Town:
    """Houses on one database. `bus` reaches from one to another unless it is made deaf."""

    def __init__(self, store: Store, rooms: Any, clock: Time) -> None:
        self._store = store
        self._line: dict[str, Deliver] = {}
        self.rooms, self.clock = rooms, clock
        self.houses: list[House] = []
        self.wires: list[Wire] = []

    async def house(
        self,
        node: str = "one",
        *,
        capacity: int = 10,
        rooms: Rooms | None = None,
        bus: ControlBus | None = None,
        **settings: Any,
    ) -> House:
        """A node of the town; `settings` are groups of the settings tree."""
        tree = Settings(data_dir=Path("/nowhere"), **settings)
        wire = Wire(self._line)
        self.wires.append(wire)
        sessions = SessionService(
            self._store, Node(node, "boot"), bus=bus or wire, clock=self.clock, commit_interval=0
        )
        await sessions.open()
        conversations = ScriptedConversations(sessions, tree, self.clock)
        rooms = rooms or self.rooms
        parts = AgentParts(sessions, conversations, rooms, tree, self.clock, self.clock.now)
        house = House(sessions, conversations, rooms, tree, self.clock, AgentHost(parts, capacity))
        self.houses.append(house)
        return house

    async def passing(self, work: Coroutine[Any, Any, T], step: float = 0.01) -> T:
        """Do something that takes time, and let time pass."""
        task = asyncio.create_task(work)
        async with asyncio.timeout(5):
            while not task.done():
                self.clock.advance(step)
                await asyncio.sleep(0.001)
        return await task

    async def close(self) -> None:
        """End everything, and see that nothing is left."""
        for house in self.houses:
            await self.passing(house.host.drain(0))
            await asyncio.gather(*house.tasks, return_exceptions=True)
            await house.sessions.close()
        assert self.clock.pending == 0


@asynccontextmanager
async def town(folder: Path, rooms: Any = None, clock: Time | None = None) -> AsyncIterator[Town]:
    """On a database of its own, with scripted rooms unless others are given."""
    clock = clock or Time()
    path = folder / "sessions.db"
    put_database(path)
    store = Store(database_url(f"sqlite:///{path}", folder), shared=True)
    built = Town(store, rooms or ScriptedRooms(clock), clock)
    try:
        yield built
        await built.close()
    finally:
        await store.close()


async def settle() -> None:
    """Let tasks do what they can do now."""
    ready = asyncio.get_running_loop()._ready  # it has no public name
    for _ in range(12):
        await asyncio.sleep(0)
        if not ready:
            return


async def until(true: Callable[[], object]) -> None:
    """The scripted parts tell nobody what they were given."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def eventually(true: Callable[[], Awaitable[object]]) -> None:
    """As `until`, of what has to be asked of the database."""
    async with asyncio.timeout(5):
        while not await true():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def result(task: asyncio.Task[Ended | None]) -> Ended | None:
    """What came of an agent that is to end without time passing."""
    async with asyncio.timeout(5):
        return await task
