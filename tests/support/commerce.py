"""The voice commerce API on a real server in this process, with scripted ears, mind and voice."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from greenroom.agents.ports import Agent
from greenroom.api.agent_health import AgentHealth
from greenroom.api.auth import Authenticator, SessionTokens
from greenroom.api.commerce.app import CommerceApi
from greenroom.api.commerce.parts import CommerceParts
from greenroom.api.limits import RateLimits
from greenroom.api.main_port import MainPort
from greenroom.api.server_protocol import BoundedHttpProtocol, BoundedWebSocketProtocol
from greenroom.audio.pcm import Pcm, samples_of
from greenroom.commerce.demo import create as create_demo
from greenroom.commerce.ports import Catalogue, CatalogueContext
from greenroom.commerce.toolbox import Toolbox
from greenroom.conversation.conversation import Conversation, Providers
from greenroom.conversation.ports import AudioOutput, Listener
from greenroom.rooms.ports import Rooms
from greenroom.rooms.tokens import LiveKitTokens
from greenroom.sessions.keys import ApiKeys
from greenroom.sessions.model import Record, Session
from greenroom.sessions.service import SessionService, open_sessions
from greenroom.settings import RateSettings, Settings
from greenroom.testing import (
    EnergyVoiceActivity,
    ScriptedAgent,
    ScriptedSynthesizer,
    ScriptedTranscriber,
)
from support.database import NAME, put_database

API_KEY = "test-api-key-123"
SECRET = "a secret of the tests that is long enough"
HEADERS = {"Authorization": f"Bearer {API_KEY}"}
RATE = 16_000


@dataclass
class ScriptedConversations:
    """Real conversations of scripted parts. `opened` are those that there were."""

    sessions: SessionService
    settings: Settings
    agent: Agent = field(default_factory=ScriptedAgent)
    transcriber: ScriptedTranscriber = field(default_factory=ScriptedTranscriber)
    synthesizer: ScriptedSynthesizer = field(
        default_factory=lambda: ScriptedSynthesizer(length_ms=400)
    )
    opened: list[tuple[Session, Sequence[Record]]] = field(default_factory=list)

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
    ) -> Conversation:
        self.opened.append((session, records))
        return Conversation(
            Providers(
                EnergyVoiceActivity(), self.transcriber, self.synthesizer, self.agent, "Ashley"
            ),
            output=output,
            listener=listener,
            journal=lambda entry: self.sessions.append(session.id, entry),
            turns=self.settings.turns,
            replies=self.settings.replies,
            clock=asyncio.get_running_loop(),
            greeting=self.settings.providers.greeting,
        )


@dataclass
class RunningApi:
    """A server that answers. `client` shows the development key."""

    url: str
    api: CommerceApi
    parts: CommerceParts
    keys: ApiKeys
    conversations: ScriptedConversations
    client: httpx.AsyncClient
    app: Starlette

    @property
    def sessions(self) -> SessionService:
        return self.parts.sessions

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/ws/voice/session"

    async def create(self, **body: Any) -> dict[str, Any]:
        """A new session by the REST API."""
        answer = await self.client.post("/api/sessions", json=body)
        assert answer.status_code == 200, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def connect(self, token: str = API_KEY, **options: Any) -> connect:
        """A WebSocket that is not started yet."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return connect(
            self.ws_url,
            additional_headers=headers,
            compression=None,
            proxy=None,
            max_size=None,
            **options,
        )

    @asynccontextmanager
    async def talk(self, token: str = API_KEY, **data: Any) -> AsyncIterator[Voice]:
        """A WebSocket whose session has started."""
        async with self.connect(token) as socket:
            voice = Voice(socket)
            voice.ready = await voice.start(**data)
            yield voice


@dataclass
class Voice:
    """The client's side of one WebSocket."""

    socket: ClientConnection
    ready: dict[str, Any] = field(default_factory=dict)

    @property
    def session_id(self) -> str:
        found: str = self.ready["session_id"]
        return found

    async def start(self, **data: Any) -> dict[str, Any]:
        await self.send("session.start", data)
        return await self.receive("session.ready")

    async def send(self, kind: str, data: Any = None) -> None:
        message = {"type": kind} if data is None else {"type": kind, "data": data}
        await self.socket.send(json.dumps(message))

    async def send_audio(self, pcm: Pcm, rate: int = RATE) -> None:
        await self.send_raw_audio(pcm.tobytes(), "pcm16", rate)

    async def send_raw_audio(self, audio: bytes, kind: str, rate: int = RATE) -> None:
        encoded = base64.b64encode(audio).decode()
        await self.send("audio.input", {"audio": encoded, "format": kind, "sample_rate": rate})

    async def say_something(self) -> None:
        """A second of voice and the silence that ends the turn."""
        await self.send_audio(np.concatenate([tone(1_000), silence(1_600)]))

    async def settled(self) -> None:
        """Return when the server has acted on everything that was sent: it answers in order."""
        await self.send("settled?")
        assert (await self.wait_for("error"))["details"]["field"] == "type"

    async def next(self) -> dict[str, Any]:
        """The next message, whatever it is."""
        async with asyncio.timeout(10):
            message: dict[str, Any] = json.loads(await self.socket.recv())
            return message

    async def receive(self, kind: str) -> dict[str, Any]:
        """The data of the next message, which must be of this kind."""
        message = await self.next()
        assert message["type"] == kind, message
        data: dict[str, Any] = message["data"]
        return data

    async def wait_for(self, kind: str) -> dict[str, Any]:
        """The data of the next message of this kind."""
        while True:
            message = await self.next()
            if message["type"] == kind:
                data: dict[str, Any] = message["data"]
                return data

    async def refusal(self) -> dict[str, Any]:
        """The next message's data, which is an error."""
        return await self.receive("error")

    async def closed(self) -> tuple[int, str]:
        """Code and reason of the server's close; messages before it are passed over."""
        with contextlib.suppress(ConnectionClosed):
            async with asyncio.timeout(10):
                while True:
                    await self.socket.recv()
        assert self.socket.close_code is not None
        return self.socket.close_code, self.socket.close_reason or ""


def tone(ms: float, rate: int = RATE, level: int = 8_000) -> Pcm:
    """What the tests' voice activity takes for a voice."""
    time = np.arange(samples_of(ms, rate)) / rate
    return (level * np.sin(2 * np.pi * 300 * time)).astype(np.int16)


def silence(ms: float, rate: int = RATE) -> Pcm:
    return np.zeros(samples_of(ms, rate), np.int16)


def api_settings(data_dir: Path, **groups: dict[str, Any]) -> Settings:
    """Settings with limits and waits out of the way unless a test wants them."""
    rates = {"session_creation": "1000/minute", "messages": "1000/minute"}
    given = {"rates": RateSettings(**(rates | groups.pop("rates", {})))}
    groups.setdefault("storage", {"commit_interval_ms": 0})
    return Settings(data_dir=data_dir, **given, **groups)  # type: ignore[arg-type]


@asynccontextmanager
async def running_api(
    data_dir: Path,
    *,
    settings: dict[str, dict[str, Any]] | None = None,
    catalogue: Catalogue | None = None,
    redis_url: str | None = None,
    head_timeout: float = 10.0,
    livekit: tuple[str, str] = ("devkey", "secret"),
    rooms: Rooms | None = None,
    **scripted: Any,
) -> AsyncIterator[RunningApi]:
    """The API on a free port. `settings` by groups; `scripted` goes to the conversations."""
    tree = api_settings(data_dir, **(settings or {}))
    put_database(data_dir / NAME)
    async with AsyncExitStack() as stack:
        sessions = await open_sessions(tree)
        stack.push_async_callback(sessions.close)
        catalogue = catalogue or create_demo("demo:", CatalogueContext(data_dir))
        stack.push_async_callback(catalogue.close)
        limits = RateLimits(tree.rates, redis_url)
        stack.push_async_callback(limits.close)
        keys = ApiKeys(sessions.store)
        conversations = ScriptedConversations(sessions, tree, **scripted)
        parts = CommerceParts(
            settings=tree,
            sessions=sessions,
            catalogue=catalogue,
            toolbox=Toolbox(catalogue),
            conversations=conversations,
            authenticator=Authenticator([API_KEY], keys, SessionTokens(SECRET, 3600)),
            limits=limits,
            livekit=LiveKitTokens(*livekit, 3600),
            rooms=rooms,
        )
        api = CommerceApi(parts)
        app = MainPort([api], AgentHealth(tree, rooms)).app()
        url = await stack.enter_async_context(_serving(app, head_timeout))
        stack.push_async_callback(api.drain, 0)
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=url, headers=HEADERS, trust_env=False)
        )
        yield RunningApi(url, api, parts, keys, conversations, client, app)


@asynccontextmanager
async def _serving(app: Starlette, head_timeout: float) -> AsyncIterator[str]:
    config = uvicorn.Config(
        app,
        port=0,
        http=BoundedHttpProtocol.with_head_timeout(head_timeout),
        ws=BoundedWebSocketProtocol,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    # Without the main loop, whose tick of a tenth of a second every test would wait for twice.
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    state = server.server_state
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        for listener in server.servers:
            listener.close()
        for connection in list(state.connections):
            connection.shutdown()
        async with asyncio.timeout(10):
            await asyncio.gather(*state.tasks)
            # uvicorn tells nobody when its connections are gone.
            while state.connections:  # noqa: ASYNC110
                await asyncio.sleep(0)
