"""Somebody who is called by an agent: joins by a start's token, says nothing, notes what happens.

All times are seconds of `time.monotonic`.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from livekit import rtc

RATE = 48_000
FRAME_MS = 10
LOUD = 300
"""A sample beyond it is sound; the scripted voice goes up to 3,000."""


class Happening(NamedTuple):
    """`what`: joined, left, or heard: an agent (its participant's sid), and when."""

    what: str
    agent: str
    at: float


@dataclass
class Caller:
    """One person in one room. `happened` has everything, in order.

    `attentive`: it listens on after the first sound of an agent, which costs CPU, and `heard_s` is
    how long all sound was.
    """

    attentive: bool = False
    room: rtc.Room = field(default_factory=rtc.Room, repr=False)
    happened: list[Happening] = field(default_factory=list)
    most_agents: int = 0
    """How many agents were ever in the room at once."""
    heard_s: float = 0.0
    _changed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _listening: set[asyncio.Task[None]] = field(default_factory=set, repr=False)

    async def enter(self, url: str, token: str) -> None:
        self.room.on("participant_connected", lambda someone: self._note("joined", someone.sid))
        self.room.on("participant_disconnected", lambda someone: self._note("left", someone.sid))
        self.room.on("track_subscribed", self._on_track)
        async with asyncio.timeout(20):
            await self.room.connect(url, token)
        for someone in self.room.remote_participants.values():
            self._note("joined", someone.sid)

    async def next(self, what: str, since: float = 0.0, within: float = 20.0) -> Happening:
        """The first such happening after `since`. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while True:
                for one in self.happened:
                    if one.what == what and one.at > since:
                        return one
                self._changed.clear()
                await self._changed.wait()

    async def leave(self) -> None:
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)
        await self.room.disconnect()

    def _on_track(
        self, track: rtc.Track, _: rtc.RemoteTrackPublication, someone: rtc.RemoteParticipant
    ) -> None:
        if isinstance(track, rtc.RemoteAudioTrack):
            self._listening.add(asyncio.create_task(self._listen(track, someone.sid)))

    async def _listen(self, track: rtc.RemoteAudioTrack, agent: str) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1, frame_size_ms=FRAME_MS)
        try:
            async for event in stream:
                sound = np.frombuffer(event.frame.data, np.int16).astype(np.int32)
                loud = np.flatnonzero(np.abs(sound) > LOUD)
                if not len(loud):
                    continue
                self.heard_s += len(sound) / RATE
                self._note("heard", agent, time.monotonic() - (len(sound) - int(loud[0])) / RATE)
                if not self.attentive:
                    return
        finally:
            await stream.aclose()

    def _note(self, what: str, agent: str, at: float | None = None) -> None:
        known = {(one.what, one.agent) for one in self.happened}
        if (what, agent) in known:
            return
        self.happened.append(Happening(what, agent, time.monotonic() if at is None else at))
        there = sum((one.what == "joined") - (one.what == "left") for one in self.happened)
        self.most_agents = max(self.most_agents, there)
        self._changed.set()
