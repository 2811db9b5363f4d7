"""The embedded room server: sockets for media, rooms, signalling, webhooks."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from greenroom.api.livekit_rooms.app import create_rooms_app, create_rooms_routes
from greenroom.app.credentials import Credentials
from greenroom.app.rooms import RoomsService, client_url
from greenroom.providers.clock import Clock
from greenroom.rooms.embedded.agent_rooms import EmbeddedRooms
from greenroom.rooms.embedded.data_routing import ENVELOPE_BYTES
from greenroom.rooms.embedded.server import RoomServer
from greenroom.rooms.rtc.certificate import Certificate
from greenroom.rooms.rtc.ice_servers import IceServer, ice_servers
from greenroom.rooms.rtc.peer import PeerConnection
from greenroom.rooms.rtc.ports import Peer, PeerEvents
from greenroom.rooms.rtc.transport import PeerTransport
from greenroom.rooms.rtc.udp import UdpMux
from greenroom.rooms.tokens import LiveKitTokens
from greenroom.rooms.webhooks import Webhooks
from greenroom.settings import RoomSettings, Settings

TOKEN_TTL = 21_600.0
"""Seconds for which a token that a client is given in its room is good."""


async def open_rooms(
    settings: Settings, credentials: Credentials, stack: AsyncExitStack, port: int
) -> RoomsService:
    """Bind the media ports and make the room server. Raises ConfigurationError."""
    clock = asyncio.get_running_loop()
    key, secret = credentials.livekit_key, credentials.livekit_secret
    tokens = LiveKitTokens(key, secret, TOKEN_TTL)
    webhooks = Webhooks(settings.rooms.webhook_urls, key, secret)
    stack.push_async_callback(webhooks.close)
    mux = await UdpMux.open(settings.rooms, settings.server.host, clock)
    stack.callback(mux.close)
    certificate = await asyncio.to_thread(Certificate.generate)

    def new_peer(events: PeerEvents) -> Peer:
        return create_peer(mux, certificate, clock, settings.rooms, events)

    def servers(identity: str) -> list[IceServer]:
        return ice_servers(settings.rooms, identity, time.time())

    server = RoomServer(
        settings.rooms,
        new_peer,
        clock,
        ice_servers=servers,
        on_event=webhooks.send,
        refresh_token=tokens.sign_grants,
    )
    rooms = EmbeddedRooms(server, client_url(settings, port), clock)
    stack.push_async_callback(rooms.close)
    pairs = {key: secret}
    return RoomsService(
        "embedded",
        rooms,
        tuple(create_rooms_routes(server, settings.rooms, pairs)),
        create_rooms_app(server, settings.rooms, pairs),
        new_peer,
        servers,
    )


def create_peer(
    mux: UdpMux, certificate: Certificate, clock: Clock, rooms: RoomSettings, events: PeerEvents
) -> Peer:
    """A peer connection on the process's media sockets."""
    longest = rooms.max_message_bytes + ENVELOPE_BYTES
    transport = PeerTransport(
        mux,
        certificate,
        clock,
        connect_timeout=rooms.connect_timeout,
        reconnect_timeout=rooms.reconnect_timeout,
        max_unsent_bytes=rooms.max_unsent_bytes,
        max_message_bytes=longest,
    )
    peer = PeerConnection(transport, clock, max_message_bytes=longest)
    peer.attach(events)
    return peer
