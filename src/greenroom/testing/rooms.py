"""Scripted rooms for whoever joins one."""

from __future__ import annotations

import asyncio

from greenroom.providers.clock import Clock
from greenroom.rooms.ports import Joining
from greenroom.testing.room import ScriptedRoom


class ScriptedRooms:
    """A `rooms.ports.Rooms`: each `join` is given a `ScriptedRoom`.

    `joined` and `agents` list the rooms and who joined them, in order. `failure`, where it is set,
    is raised by `join` and `check`. `prepare` makes the room that the next join of its name gets,
    so that people can be in it already.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        url: str = "ws://127.0.0.1:7880",
        delay_ms: float = 0.0,
    ) -> None:
        self._clock, self._url, self._delay_ms = clock, url, delay_ms
        self._prepared: dict[str, ScriptedRoom] = {}
        self._news = asyncio.Event()
        self.joined: list[ScriptedRoom] = []
        self.agents: list[Joining] = []
        self.closed_rooms: list[str] = []
        self.failure: Exception | None = None
        self.closed = False

    @property
    def url(self) -> str:
        """As the port says."""
        return self._url

    def prepare(self, name: str) -> ScriptedRoom:
        """The room that the next join of `name` gets."""
        room = self._prepared[name] = self._room(name)
        return room

    async def wait_for(self, name: str) -> ScriptedRoom:
        """The first room of that name, once it is joined. Give it a time limit."""
        while True:
            for room in self.joined:
                if room.name == name:
                    return room
            self._news.clear()
            await self._news.wait()

    async def join(self, agent: Joining) -> ScriptedRoom:
        """As the port says."""
        if self.failure is not None:
            raise self.failure
        room = self._prepared.pop(agent.room, None) or self._room(agent.room)
        room.join_as(agent)
        self.agents.append(agent)
        self.joined.append(room)
        self._news.set()
        return room

    async def close_room(self, name: str) -> None:
        """End the rooms of that name."""
        self.closed_rooms.append(name)
        for room in self.joined:
            if room.name == name:
                room.end("room_deleted")

    async def check(self) -> None:
        """As the port says."""
        if self.failure is not None:
            raise self.failure

    async def close(self) -> None:
        """End every room."""
        self.closed = True
        for room in self.joined:
            room.end("server_shutdown")

    def _room(self, name: str) -> ScriptedRoom:
        return ScriptedRoom(name, clock=self._clock, delay_ms=self._delay_ms)
