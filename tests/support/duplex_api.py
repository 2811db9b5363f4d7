"""The duplex API on a socket of this machine, over sessions that only remember."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
from starlette.routing import BaseRoute
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from greenroom.api.access import Access
from greenroom.api.auth import Authenticator, SessionTokens
from greenroom.api.duplex.app import DuplexApi
from greenroom.api.duplex.parts import DuplexParts
from greenroom.api.server_protocol import BoundedHttpProtocol, BoundedWebSocketProtocol
from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.duplex.ogg_opus import OpusStreamReader, OpusStreamWriter
from greenroom.duplex.ports import API, ChatClient, Said, SessionOrder, TrackedSession
from greenroom.duplex.voices import VOICES
from greenroom.errors import InvalidInput, SessionEnded, SessionNotFound
from greenroom.sessions.model import EndReason, Session, Status
from greenroom.settings import Settings
from support.serving import serving

API_KEY = "test-api-key-123"
OTHER_KEY = "the key of another tenant"
OTHER_TENANT = "other"
SECRET = "a secret of the tests that is long enough"
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Without the certificates that httpx would load for each client."""
VOICE = "NATF2.pt"
NOW = datetime(2026, 2, 15, 10, 30, tzinfo=UTC)
AUDIO, TEXT, METADATA, ERROR = 1, 2, 4, 5


class OneKey:
    """A KeyStore with one key in it."""

    async def verify(self, key: str) -> str | None:
        return OTHER_TENANT if key == OTHER_KEY else None


@dataclass
class RememberedTalk:
    """A LiveSession that does nothing. `calls` are those that there were."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    sound: list[Pcm] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    finished: bool | None = None
    reads: bool = True
    """Whether the model can read what is typed."""

    def heard(self) -> Pcm:
        return np.concatenate([EMPTY, *self.sound])

    def hear(self, pcm: Pcm) -> None:
        self.sound.append(pcm)

    def type(self, text: str) -> None:
        if not self.reads:
            raise InvalidInput("text", "can't be read by this model")
        self._note("type", text)

    def end_turn(self) -> None:
        self._note("end_turn")

    def set_paused(self, paused: bool) -> None:
        self._note("paused", paused)

    def restart(self) -> None:
        self._note("restart")

    def leave(self, *, finished: bool) -> None:
        self.finished = finished
        self.left.set()

    def _note(self, *call: Any) -> None:
        self.calls.append(call)
        self.called.set()


@dataclass
class RememberedSessions:
    """DuplexSessions that only remember. `gate` holds who enters; `error` refuses them."""

    voices: Sequence[str] = VOICES
    orders: list[SessionOrder] = field(default_factory=list)
    kept: dict[str, TrackedSession] = field(default_factory=dict)
    clients: dict[str, ChatClient] = field(default_factory=dict)
    talks: list[RememberedTalk] = field(default_factory=list)
    typed: list[tuple[str, str]] = field(default_factory=list)
    pages: list[dict[str, Any]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None
    ready: bool = True
    """Whether the model is, as soon as somebody enters."""

    async def create(self, order: SessionOrder, *, tenant: str) -> TrackedSession:
        if self.error is not None:
            raise self.error
        self.orders.append(order)
        settings = {"metadata": order.metadata} if order.metadata else {}
        session = Session(str(uuid.uuid4()), API, tenant, Status.WAITING, NOW, settings)
        self.kept[session.id] = TrackedSession(session, order.persona)
        return self.kept[session.id]

    async def get(self, session_id: str, *, tenant: str) -> TrackedSession:
        tracked = self.kept.get(session_id)
        if tracked is None or tracked.session.tenant != tenant:
            raise SessionNotFound(session_id)
        return tracked

    async def list(
        self,
        *,
        tenant: str,
        limit: int = 50,
        before: str | None = None,
        status: str | None = None,
    ) -> Sequence[TrackedSession]:
        self.pages.append({"limit": limit, "before": before, "status": status})
        if before is not None:
            await self.get(before, tenant=tenant)
        own = [kept for kept in self.kept.values() if kept.session.tenant == tenant]
        return own[::-1][:limit]

    async def enter(self, session_id: str, client: ChatClient, *, tenant: str) -> RememberedTalk:
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        tracked = await self.get(session_id, tenant=tenant)
        self.change(tracked, status=Status.ACTIVE, started_at=NOW + timedelta(seconds=2))
        before = self.clients.get(session_id)
        if before is not None:
            before.on_replaced()
        self.clients[session_id] = client
        self.talks.append(RememberedTalk())
        self.entered.set()
        if self.ready:
            client.on_ready()
        return self.talks[-1]

    async def stop(self, session_id: str, *, tenant: str) -> TrackedSession:
        tracked = await self.get(session_id, tenant=tenant)
        if tracked.session.ended:
            raise SessionEnded(session_id, "stopped")
        return self.end(session_id)

    async def type(self, session_id: str, text: str, *, tenant: str) -> None:
        tracked = await self.get(session_id, tenant=tenant)
        if tracked.session.ended:
            raise SessionEnded(session_id, "stopped")
        self.typed.append((session_id, text))

    async def drain(self, seconds: float) -> None:
        for session_id in tuple(self.clients):
            self.end(session_id, EndReason.DRAINED)

    def follow(self, session_id: str) -> AsyncGenerator[datetime, None]:
        raise NotImplementedError

    def end(
        self,
        session_id: str,
        reason: EndReason = EndReason.CLIENT_STOPPED,
        status: Status = Status.STOPPED,
        detail: str = "",
    ) -> TrackedSession:
        tracked = self.kept[session_id]
        ended = NOW + timedelta(minutes=5, seconds=42)
        tracked = self.change(tracked, status=status, ended_at=ended, end_reason=reason)
        client = self.clients.pop(session_id, None)
        if client is not None:
            client.on_ended(reason, detail)
        return tracked

    def change(self, tracked: TrackedSession, **changes: Any) -> TrackedSession:
        changed = replace(tracked, session=replace(tracked.session, **changes))
        self.kept[tracked.session.id] = changed
        return changed

    def say(self, session_id: str, *transcript: Said) -> None:
        self.kept[session_id] = replace(self.kept[session_id], transcript=transcript)


@dataclass
class Line:
    """The client's side of one chat."""

    socket: ClientConnection
    writer: OpusStreamWriter = field(default_factory=OpusStreamWriter)
    reader: OpusStreamReader = field(default_factory=OpusStreamReader)

    async def send(self, kind: int, payload: bytes = b"") -> None:
        await self.socket.send(bytes([kind]) + payload)

    async def speak(self, pcm: Pcm) -> None:
        """In messages of 80 ms."""
        for at in range(0, len(pcm), 1_920):
            if pages := self.writer.write(pcm[at : at + 1_920]):
                await self.send(AUDIO, pages)

    async def receive(self) -> bytes:
        async with asyncio.timeout(10):
            frame = await self.socket.recv()
        assert isinstance(frame, bytes)
        return frame

    async def receive_kind(self, kind: int) -> bytes:
        """The payload of the next frame of a kind; others are passed over."""
        while True:
            frame = await self.receive()
            if frame[0] == kind:
                return frame[1:]

    async def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = orjson.loads(await self.receive_kind(METADATA))
        return facts

    async def refusal(self) -> str:
        return (await self.receive_kind(ERROR)).decode()

    async def settled(self) -> None:
        """Return when the server has acted on all that was sent: it answers in order."""
        await self.send(6)
        while (frame := await self.receive()) != b"\6":
            if frame[0] == AUDIO:
                self.reader.read(frame[1:])

    async def listen(self, samples: int) -> Pcm:
        """So much more of what the AI says."""
        parts = [EMPTY]
        while sum(map(len, parts)) < samples:
            parts.append(self.reader.read(await self.receive_kind(AUDIO)))
        return np.concatenate(parts)

    async def closed(self) -> tuple[int, list[bytes]]:
        """The close code, and the frames that came before it, but for sound."""
        frames = []
        with contextlib.suppress(ConnectionClosed):
            while True:
                frames.append(await self.receive())
        assert self.socket.close_code is not None
        return self.socket.close_code, [frame for frame in frames if frame[0] != AUDIO]


@dataclass
class RunningDuplex:
    """A server that answers."""

    url: str
    api: DuplexApi
    sessions: RememberedSessions
    tokens: SessionTokens
    client: httpx.AsyncClient

    async def start(self, **changes: Any) -> dict[str, Any]:
        answer = await self.client.post(
            "/api/sessions/start", json={"voice_prompt": VOICE, **changes}
        )
        assert answer.status_code == 200, answer.text
        started: dict[str, Any] = answer.json()
        return started

    @asynccontextmanager
    async def connected(
        self, path: str = "/api/chat", headers: dict[str, str] | None = None
    ) -> AsyncIterator[Line]:
        url = self.url.replace("http", "ws", 1) + path
        async with connect(
            url, additional_headers=headers, compression=None, proxy=None, max_size=None
        ) as socket:
            yield Line(socket)

    @asynccontextmanager
    async def talking(self) -> AsyncIterator[tuple[Line, RememberedTalk, ChatClient]]:
        """A chat whose session has begun, what is behind it, and what the session tells."""
        started = await self.start()
        async with self.connected(started["websocket_url"]) as line:
            assert await line.receive() == b"\0"
            await line.settled()
            yield line, self.sessions.talks[-1], self.sessions.clients[started["session_id"]]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def running_duplex(
    data_dir: Path, *, routes: Sequence[BaseRoute] = (), **options: Any
) -> AsyncIterator[RunningDuplex]:
    """The API on a free port; `options` are settings, and parts that the test makes itself."""
    parts = {name: options.pop(name) for name in ("speak", "find_recording") if name in options}
    settings = Settings(data_dir=data_dir, **options)
    async with AsyncExitStack() as stack:
        sessions = RememberedSessions()
        sessions.gate.set()
        tokens = SessionTokens(SECRET, 3_600)
        access = Access.to_duplex(Authenticator([API_KEY], OneKey(), tokens), settings)

        async def answers() -> None:
            """A part that does its work."""

        api = DuplexApi(DuplexParts(settings, sessions, access, checks={"model": answers}, **parts))
        url = await stack.enter_async_context(
            serving(
                api.app(routes),
                http=BoundedHttpProtocol,
                ws=BoundedWebSocketProtocol,
                ws_per_message_deflate=False,
            )
        )
        stack.push_async_callback(api.drain, 0)
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=url, trust_env=False, verify=NO_TLS)
        )
        yield RunningDuplex(url, api, sessions, tokens, client)
