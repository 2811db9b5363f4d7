"""A room server in this process, on free ports of this machine: signalling, media and all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from livekit.protocol.webhook import WebhookEvent

from greenroom.api.livekit_rooms.app import PING_TIMEOUT, create_rooms_app
from greenroom.api.server_protocol import BoundedHttpProtocol, BoundedWebSocketProtocol
from greenroom.app.embedded_rooms import create_peer
from greenroom.rooms.embedded.server import RoomServer
from greenroom.rooms.rtc.certificate import Certificate
from greenroom.rooms.rtc.ports import Peer, PeerEvents
from greenroom.rooms.rtc.udp import UdpMux
from greenroom.rooms.tokens import LiveKitTokens
from greenroom.settings import RoomSettings
from support.serving import serving

KEY, SECRET = "devkey", "secret"

END_TIMEOUT = 5.0
"""Seconds for everything to be gone at the end."""


@dataclass
class RunningRooms:
    """A room server that clients can connect to. `events` are its webhook events."""

    http_url: str
    server: RoomServer
    settings: RoomSettings
    mux: UdpMux
    events: list[WebhookEvent] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)

    @property
    def url(self) -> str:
        """What clients connect to."""
        return self.http_url.replace("http", "ws", 1)


def room_token(identity: str, room: str = "room", **video: Any) -> str:
    """A token to join; `video` are further grants by their names in tokens (`hidden=True`)."""
    claims: dict[str, Any] = {
        "sub": identity,
        "name": identity.title(),
        "video": {"roomJoin": True, "room": room, "canUpdateOwnMetadata": True} | video,
    }
    return LiveKitTokens(KEY, SECRET, 600).sign_claims(claims)


def grant_token(**video: Any) -> str:
    """A token with just these grants, such as `roomCreate=True`."""
    return LiveKitTokens(KEY, SECRET, 600).sign_claims({"video": video})


@asynccontextmanager
async def running_rooms(
    *,
    single_pc: bool = True,
    ping_timeout: float = PING_TIMEOUT,
    key_pairs: Mapping[str, str] | None = None,
    **settings: Any,
) -> AsyncIterator[RunningRooms]:
    """A room server; at the end nothing of it may be left. `settings` are those of rooms."""
    rooms = RoomSettings(**{"udp_ports": "0", **settings})
    loop = asyncio.get_running_loop()
    tasks_before = asyncio.all_tasks()
    mux = await UdpMux.open(rooms, "127.0.0.1", loop)
    certificate = Certificate.generate()
    events: list[WebhookEvent] = []
    peers: list[Peer] = []

    def new_peer(peer_events: PeerEvents) -> Peer:
        peer = create_peer(mux, certificate, loop, rooms, peer_events)
        peers.append(peer)
        return peer

    server = RoomServer(rooms, new_peer, loop, on_event=events.append)
    app = create_rooms_app(
        server,
        rooms,
        {KEY: SECRET} if key_pairs is None else key_pairs,
        single_pc=single_pc,
        ping_timeout=ping_timeout,
    )
    try:
        async with serving(
            app,
            http=BoundedHttpProtocol,
            ws=BoundedWebSocketProtocol,
            ws_per_message_deflate=False,
        ) as http_url:
            try:
                yield RunningRooms(http_url, server, rooms, mux, events, peers)
            finally:
                server.close()
        assert not server.list_rooms()
        assert not mux.agents, "somebody's ICE is left"
        assert not any(one.known_addresses for one in mux.sockets)
    finally:
        mux.close()
    await _nothing_left(tasks_before)


async def _nothing_left(tasks_before: set[asyncio.Task[Any]]) -> None:
    """Tasks may need a moment to end; timers of the product are cancelled at once."""
    try:
        async with asyncio.timeout(END_TIMEOUT):
            while left := asyncio.all_tasks() - tasks_before:
                left.discard(asyncio.current_task())
                if not left:
                    break
                await asyncio.wait(left)
    except TimeoutError:
        raise AssertionError(f"tasks are left: {left}") from None
    timers = getattr(asyncio.get_running_loop(), "_scheduled", [])
    ours = [timer for timer in timers if not timer.cancelled() and "greenroom" in repr(timer)]
    assert not ours, f"timers are left: {ours}"
