"""The watch page on a socket of this machine, with sessions that a test makes up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from starlette.applications import Starlette

from greenroom.api.watch.links import WatchLinks
from greenroom.api.watch.routes import create_watch_routes
from greenroom.app.embedded_rooms import create_peer
from greenroom.audio.pcm import Pcm
from greenroom.errors import SessionNotFound
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.rtc.certificate import Certificate
from greenroom.rooms.rtc.ice_servers import IceServer
from greenroom.rooms.rtc.ports import Peer, PeerEvents
from greenroom.rooms.rtc.udp import UdpMux
from greenroom.rooms.venue import VENUE_RATE, Venue
from greenroom.rooms.whep.screenings import Screenings
from greenroom.sessions.model import EndReason, Session, Status
from greenroom.settings import RoomSettings
from support.serving import serving

SECRET = "a secret of 32 bytes at the least"


class MadeUpSessions:
    """An `api.watch.whep.SessionLookup`."""

    def __init__(self) -> None:
        self.known: dict[str, Session] = {}

    def put(self, session_id: str, status: Status, reason: EndReason | None = None) -> None:
        now = datetime(2026, 1, 2, tzinfo=UTC)
        self.known[session_id] = Session(
            session_id, "agora_avatar", "default", status, now, end_reason=reason
        )

    async def get(self, session_id: str) -> Session:
        if session_id not in self.known:
            raise SessionNotFound(session_id)
        return self.known[session_id]


@dataclass
class Watching:
    """The page's server, and what is behind it."""

    url: str
    screenings: Screenings
    sessions: MadeUpSessions
    links: WatchLinks
    mux: UdpMux
    peers: list[Peer] = field(default_factory=list)

    def link(self, session_id: str) -> str:
        """The session's link on this server."""
        return self.links.watch_url(session_id)

    def token(self, session_id: str) -> str:
        return self.link(session_id).partition("token=")[2]


@asynccontextmanager
async def watching(
    *,
    tokenless: bool = False,
    max_viewers: int = 20,
    ice_servers: Callable[[str], list[IceServer]] = lambda _: [],
) -> AsyncIterator[Watching]:
    """Serve the page; at the end no connection is left."""
    rooms = RoomSettings(udp_ports="0")
    loop = asyncio.get_running_loop()
    mux = await UdpMux.open(rooms, "127.0.0.1", loop)
    certificate = Certificate.generate()
    peers: list[Peer] = []

    def new_peer(events: PeerEvents) -> Peer:
        peers.append(create_peer(mux, certificate, loop, rooms, events))
        return peers[-1]

    screenings = Screenings(new_peer, loop, max_viewers=max_viewers)
    sessions = MadeUpSessions()
    links = WatchLinks(SECRET, 60, "", tokenless=tokenless)
    routes = create_watch_routes(screenings, sessions, links, ice_servers=ice_servers)
    try:
        async with serving(Starlette(routes=routes)) as url:
            links = WatchLinks(SECRET, 60, url, tokenless=tokenless)
            yield Watching(url, screenings, sessions, links, mux, peers)
            screenings.close()
        assert not mux.agents, "somebody's ICE is left"
    finally:
        mux.close()


@asynccontextmanager
async def performing(
    venue: Venue, rate: int, perform: Callable[[int], tuple[Pcm, EncodedFrame]]
) -> AsyncIterator[None]:
    """Hand `venue` what `perform` makes for each picture's number, in time, as a stage does."""

    async def play() -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        number = 0
        while True:
            pcm, frame = perform(number)
            venue.play(pcm)
            venue.show(frame)
            number += 1
            await asyncio.sleep(max(0.0, start + number / rate - loop.time()))

    task = asyncio.create_task(play())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def tone(hertz: float, samples: int) -> Iterator[Pcm]:
    """A sine at VENUE_RATE, piece by piece."""
    at = 0
    while True:
        moments = np.arange(at, at + samples) / VENUE_RATE
        yield (8_000 * np.sin(2 * np.pi * hertz * moments)).astype(np.int16)
        at += samples
