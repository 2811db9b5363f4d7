"""Rooms for agents and clients, served in every way that there is on this machine."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.rooms.embedded.agent_rooms import EmbeddedRooms
from greenroom.rooms.livekit.rooms import LiveKitRooms
from greenroom.rooms.ports import Joining, Room, RoomEvent, Rooms
from support.room_client import RoomClient, room_client
from support.rooms import KEY, SECRET, room_token, running_rooms

SERVINGS = [
    "embedded",
    # The SDK against the embedded server: what it sends and expects is the same.
    "livekit",
    # Only where a LiveKit server is installed; not installed is not a reason to skip a test.
    *(["livekit-server"] if shutil.which("livekit-server") else []),
]


class Agent:
    """A room that an agent has joined, with all that it was told and heard at `RATE` Hz."""

    RATE = 16_000

    def __init__(self, room: Room) -> None:
        self.room = room
        self.events: list[RoomEvent] = []
        self.frames: list[tuple[str, Pcm]] = []
        self._news = asyncio.Event()
        room.listen(self._on_event)

    def hear(self) -> None:
        """Hear everybody from now on."""
        self.room.hear(self._on_sound, rate=self.RATE)

    def got(self, kind: type[Any]) -> list[Any]:
        """The events of this kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def sound(self) -> Pcm:
        """All that was heard."""
        return np.concatenate([pcm for _, pcm in self.frames]) if self.frames else EMPTY

    async def until(self, condition: Any, seconds: float = 8.0) -> None:
        """Wait until something that the agent was told or heard makes it true."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def tell(self) -> None:
        """Something has happened."""
        self._news.set()

    def _on_event(self, event: RoomEvent) -> None:
        self.events.append(event)
        self._news.set()

    def _on_sound(self, identity: str, pcm: Pcm) -> None:
        self.frames.append((identity, pcm))
        self._news.set()


@dataclass
class Stage:
    """Where agents and clients meet; it ends all of them."""

    rooms: Rooms
    stack: AsyncExitStack = field(repr=False)

    async def agent(self, **joining: Any) -> Agent:
        """An agent in the room `room`."""
        room = await self.rooms.join(Joining(**{"room": "room", "identity": "agent", **joining}))
        self.stack.push_async_callback(room.close)
        return Agent(room)

    async def client(self, identity: str = "ann", **video: Any) -> RoomClient:
        """A client in that room."""
        token = room_token(identity, **video)
        return await self.stack.enter_async_context(room_client(self.rooms.url, token))


@asynccontextmanager
async def staged(serving: str) -> AsyncIterator[Stage]:
    """One of SERVINGS."""
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        rooms: Rooms
        if serving == "livekit-server":
            url = await stack.enter_async_context(_livekit_server())
            rooms = LiveKitRooms(url, KEY, SECRET, loop)
        else:
            running = await stack.enter_async_context(running_rooms())
            if serving == "embedded":
                rooms = EmbeddedRooms(running.server, running.url, loop)
            else:
                rooms = LiveKitRooms(running.url, KEY, SECRET, loop)
        async with AsyncExitStack() as people:
            stack.push_async_callback(rooms.close)
            yield Stage(rooms, people)


@asynccontextmanager
async def _livekit_server() -> AsyncIterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        "livekit-server",
        "--dev",
        "--bind",
        "127.0.0.1",
        "--config-body",
        f"port: {port}\nkeys:\n  {KEY}: {SECRET}\n",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(20), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{port}"):
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.1)
        yield f"ws://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()
