"""The avatar APIs on a socket of this machine, over a stage that only remembers."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from starlette.routing import BaseRoute
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from greenroom.api.auth import Authenticator, SessionTokens
from greenroom.api.avatars.app import AvatarApis
from greenroom.api.avatars.parts import AvatarParts, avatar_tokens
from greenroom.api.server_protocol import BoundedHttpProtocol, BoundedWebSocketProtocol
from greenroom.audio.pcm import Pcm
from greenroom.avatar.ports import Activity, GestureCue
from greenroom.errors import CapacityExceeded, InvalidInput, SessionEnded
from greenroom.sessions.keys import ApiKeys
from greenroom.sessions.life import Ended
from greenroom.sessions.model import EndReason, Session, Status
from greenroom.sessions.node import NOWHERE, Place
from greenroom.sessions.service import SessionService, open_sessions
from greenroom.settings import Settings
from greenroom.stage.ports import AvatarClient, AvatarOrder
from support.serving import serving

API_KEY = "test-api-key-123"
SECRET = "a secret of the tests that is long enough"
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Without the certificates that httpx would load for each client."""
AVATARS = ("16cb73e7de08", "mira")

START: dict[str, Any] = {
    "avatar_id": "16cb73e7de08",
    "quality": "high",
    "version": "v1",
    "video_encoding": "H264",
    "activity_idle_timeout": 120,
    "agora_settings": {
        "app_id": "dllkSlkdmmppollalepls",
        "token": "lkmmopplek",
        "channel": "room1",
        "uid": "333",
        "enable_string_uid": False,
    },
}
"""The contract's own request."""

TOKEN_REQUEST: dict[str, Any] = {
    "personaConfig": {"avatarId": "16cb73e7de08"},
    "environment": {
        "agoraSettings": {
            "appId": "your-app-id",
            "token": "your-token",
            "channel": "room1",
            "uid": "333",
            "quality": "high",
            "videoEncoding": "H264",
            "enableStringUids": False,
            "activityIdleTimeout": 120,
        }
    },
}


@dataclass
class RememberedAvatar:
    """A LiveAvatar that does nothing. `calls` are those that there were; `full`: none more."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    full: bool = False
    called: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def voice(self, pcm: Pcm, rate: int) -> None:
        if self.full:
            raise CapacityExceeded("seconds of sound may wait", 300)
        self._note("voice", pcm.tolist(), rate)

    def voice_end(self) -> None:
        self._note("voice_end")

    def interrupt(self) -> None:
        self._note("interrupt")

    def gesture(self, cue: GestureCue) -> None:
        self._note("gesture", cue)

    def set_activity(self, activity: Activity) -> None:
        self._note("activity", activity)

    def renew(self, token: str) -> None:
        self.tokens.append(token)

    def leave(self) -> None:
        self.left.set()

    def _note(self, *call: Any) -> None:
        self.calls.append(call)
        self.called.set()


@dataclass
class RememberedAvatars:
    """AvatarSessions whose avatars only remember. `gate` holds who enters; `error` refuses them."""

    sessions: SessionService
    avatar_ids: Sequence[str] = AVATARS
    orders: list[AvatarOrder] = field(default_factory=list)
    clients: dict[str, AvatarClient] = field(default_factory=dict)
    avatars: list[RememberedAvatar] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    entering: asyncio.Event = field(default_factory=asyncio.Event)
    create_error: Exception | None = None
    error: Exception | None = None

    async def create(self, order: AvatarOrder, *, api: str, tenant: str) -> Session:
        if self.create_error is not None:
            raise self.create_error
        if order.avatar_id not in self.avatar_ids:
            raise InvalidInput("avatar_id", "is not known", ", ".join(self.avatar_ids))
        self.orders.append(order)
        settings = {"avatar_id": order.avatar_id, "extra": order.extra}
        return await self.sessions.create(api=api, tenant=tenant, settings=settings)

    async def enter(self, session_id: str, client: AvatarClient) -> RememberedAvatar:
        self.entering.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        await self.sessions.start(session_id)
        before = self.clients.get(session_id)
        if before is not None:
            before.on_replaced()
        self.clients[session_id] = client
        self.avatars.append(RememberedAvatar())
        return self.avatars[-1]

    async def stop(self, session_id: str) -> Session:
        if (await self.sessions.get(session_id)).ended:
            raise SessionEnded(session_id, "stopped")
        return await self.end(session_id, Status.STOPPED, EndReason.CLIENT_STOPPED)

    async def end(
        self, session_id: str, status: Status, reason: EndReason, detail: str = ""
    ) -> Session:
        session = await self.sessions.end(session_id, status, reason)
        client = self.clients.pop(session_id, None)
        if client is not None:
            client.on_ended(Ended(status, reason, detail))
        return session

    async def drain(self, seconds: float) -> None:
        for session_id in tuple(self.clients):
            await self.end(session_id, Status.STOPPED, EndReason.DRAINED)


@dataclass
class RunningAvatars:
    """A server that answers."""

    url: str
    api: AvatarApis
    stage: RememberedAvatars
    parts: AvatarParts
    keys: ApiKeys
    client: httpx.AsyncClient

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    async def start(self, key: str = API_KEY, **changes: Any) -> dict[str, Any]:
        """A new session by contract 000."""
        answer = await self.client.post(
            "/session/start", json={**START, **changes}, headers={"x-api-key": key}
        )
        assert answer.status_code == 200, answer.text
        started: dict[str, Any] = answer.json()
        return started

    async def order(self, **environment: Any) -> str:
        """A session token by contract 002."""
        body = {**TOKEN_REQUEST, "environment": {**TOKEN_REQUEST["environment"], **environment}}
        answer = await self.client.post("/auth/session-token", json=body, headers=bearer(API_KEY))
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["sessionToken"]
        return token

    @asynccontextmanager
    async def connected(
        self, token: str = "", path: str = "/v1/websocket", **headers: str
    ) -> AsyncIterator[Line]:
        """A WebSocket that has said nothing yet; `path` may be a whole URL."""
        shown = {**(bearer(token) if token else {}), **headers}
        url = path if "://" in path else self.ws_url + path
        async with connect(
            url, additional_headers=shown, compression=None, proxy=None, max_size=None
        ) as socket:
            yield Line(socket)

    @asynccontextmanager
    async def initialised(self) -> AsyncIterator[tuple[Line, RememberedAvatar]]:
        """A WebSocket whose new session has begun, and the avatar behind it."""
        started = await self.start()
        async with self.connected(started["session_token"]) as line:
            await line.send("init", session_id=started["session_id"], **START)
            await line.settled()
            yield line, self.stage.avatars[-1]


@dataclass
class Line:
    """The client's side of one WebSocket."""

    socket: ClientConnection

    async def send(self, command: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"command": command, **fields}))

    async def voice(self, audio: bytes, **fields: Any) -> None:
        encoded = base64.b64encode(audio).decode()
        given = {"encoding": "PCM16", "sampleRate": 16_000, "event_id": "e1", **fields}
        await self.send("voice", audio=encoded, **given)

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            frame: dict[str, Any] = json.loads(await self.socket.recv())
            return frame

    async def refusal(self) -> tuple[str, str]:
        """Code and message of the next frame, which is an error."""
        frame = await self.receive()
        assert frame["command"] == "error", frame
        return frame["code"], frame["message"]

    async def settled(self) -> None:
        """Return when the server has acted on all that was sent: it answers in order."""
        await self.send("heartbeat", event_id="settled", timestamp=1)
        frame = await self.receive()
        assert frame == {"command": "heartbeat_ack", "event_id": "settled", "timestamp": 1}

    async def closed(self) -> tuple[int, list[dict[str, Any]]]:
        """The close code, and the frames that came before it."""
        frames = []
        with contextlib.suppress(ConnectionClosed):
            while True:
                frames.append(await self.receive())
        assert self.socket.close_code is not None
        return self.socket.close_code, frames


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def running_avatars(
    data_dir: Path,
    *,
    routes: Sequence[BaseRoute] = (),
    place: Place = NOWHERE,
    **groups: dict[str, Any],
) -> AsyncIterator[RunningAvatars]:
    """Both APIs on a free port; `groups` are settings."""
    settings = Settings(data_dir=data_dir, **groups)  # type: ignore[arg-type]
    async with AsyncExitStack() as stack:
        sessions = await open_sessions(settings, place=place)
        stack.push_async_callback(sessions.close)
        keys = ApiKeys(sessions.store)
        stage = RememberedAvatars(sessions)
        stage.gate.set()
        parts = AvatarParts(
            settings=settings,
            sessions=sessions,
            avatars=stage,
            authenticator=Authenticator([API_KEY], keys, SessionTokens(SECRET, 3_600)),
            tokens=avatar_tokens(SECRET, settings.avatar),
            public_url="wss://avatars.example.com",
        )
        api = AvatarApis(parts)
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
        yield RunningAvatars(url, api, stage, parts, keys, client)
