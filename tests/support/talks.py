"""Duplex sessions in a real database, with a model and connections that do as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from greenroom.audio.pcm import Pcm
from greenroom.duplex.archive import TalkArchive
from greenroom.duplex.connection import Connection
from greenroom.duplex.parts import TalkParts
from greenroom.duplex.pauses import pause
from greenroom.duplex.ports import DUPLEX_RATE, Persona, SessionOrder, TrackedSession
from greenroom.duplex.sessions import TalkSessions
from greenroom.duplex.webhook import Webhooks
from greenroom.providers.clock import Timer
from greenroom.rooms.recording.service import Recordings
from greenroom.sessions.model import EndReason, Status
from greenroom.sessions.service import SessionService
from greenroom.settings import DuplexSettings
from greenroom.testing import ManualClock
from greenroom.testing.duplex import RememberingClient, ScriptedDuplexModel, ScriptedTalk

PERSONA = Persona("NATF2.pt", "You are a planner.")
VOICES = ("NATF2.pt", "NATM1.pt")
TENANT = "acme"


class TestTime(ManualClock):
    """Time of a test: monotonic, and of the day."""

    __test__ = False

    def __init__(self) -> None:
        super().__init__()
        self._called = asyncio.Event()

    def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
        self._called.set()
        return super().call_at(when, callback)

    async def wait_for_call(self) -> None:
        """Return once somebody waits for time to pass."""
        async with asyncio.timeout(5):
            while not self.pending:
                self._called.clear()
                await self._called.wait()

    def now(self) -> datetime:
        return datetime(2026, 2, 15, 10, 30, tzinfo=UTC) + timedelta(seconds=self.time())

    async def sleep(self, seconds: float) -> None:
        await pause(self, seconds)


def sound(seconds: float, level: int = 1) -> Pcm:
    return np.full(round(seconds * DUPLEX_RATE), level, np.int16)


async def turns(count: int = 20) -> None:
    """Let everything run that can."""
    for _ in range(count):
        await asyncio.sleep(0)


class Talks:
    """The sessions of one server."""

    def __init__(
        self,
        sessions: SessionService,
        time: TestTime,
        *,
        model: ScriptedDuplexModel | None = None,
        webhooks: Webhooks | None = None,
        recordings: Recordings | None = None,
        **settings: Any,
    ) -> None:
        self.time = time
        self.service = sessions
        self.model = model or ScriptedDuplexModel()
        self.archive = TalkArchive(sessions)
        self.sessions = TalkSessions(
            TalkParts(
                sessions=sessions,
                archive=self.archive,
                settings=DuplexSettings(**settings),
                model=self.model,
                voices=VOICES,
                webhooks=webhooks,
                recordings=recordings,
                clock=time,
                now=time.now,
            )
        )

    async def create(self, **order: Any) -> str:
        """The id of a new session."""
        tracked = await self.sessions.create(SessionOrder(PERSONA, **order), tenant=TENANT)
        return tracked.session.id

    async def enter(self, session_id: str) -> tuple[RememberingClient, Connection]:
        client = RememberingClient()
        return client, await self.sessions.enter(session_id, client, tenant=TENANT)

    async def talk(self, **order: Any) -> Talking:
        """A session that is talked in."""
        session_id = await self.create(**order)
        number = len(self.model.talks)
        client, connection = await self.enter(session_id)
        return Talking(self, session_id, client, connection, self.model.talks[number])

    async def get(self, session_id: str) -> TrackedSession:
        return await self.sessions.get(session_id, tenant=TENANT)

    async def ended(self, session_id: str) -> tuple[Status, EndReason | None]:
        """How it ended, once it has."""
        async with asyncio.timeout(5):
            while True:
                session = (await self.get(session_id)).session
                if session.ended:
                    return session.status, session.end_reason

    async def close(self) -> None:
        """End all; nothing may be left."""
        await self.sessions.drain(0)
        assert self.sessions.talking == 0
        assert all(talk.closed for talk in self.model.talks)


class Talking:
    """A session that is talked in, with both of its ends."""

    def __init__(
        self,
        talks: Talks,
        session_id: str,
        client: RememberingClient,
        connection: Connection,
        model: ScriptedTalk,
    ) -> None:
        self.talks, self.id = talks, session_id
        self.client, self.connection, self.model = client, connection, model

    def pass_time(self, seconds: float) -> None:
        self.talks.time.advance(seconds)

    async def said(self) -> list[tuple[str, str, float]]:
        tracked = await self.talks.get(self.id)
        return [(said.speaker, said.text, said.t) for said in tracked.transcript]

    async def ended(self) -> tuple[Status, EndReason | None]:
        return await self.talks.ended(self.id)


@asynccontextmanager
async def running(talks: Talks) -> AsyncIterator[Talks]:
    try:
        yield talks
    finally:
        await talks.close()
