"""An agent's voice in a LiveKit room, by the SDK's audio source."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

import numpy as np
from livekit import rtc

from greenroom.audio.pcm import EMPTY, Pcm, ms_of, samples_of
from greenroom.errors import InvalidInput
from greenroom.providers.clock import Clock
from greenroom.rooms.errors import RoomIsClosed
from greenroom.rooms.livekit.positions import Positions

_log = logging.getLogger(__name__)

FRAME_MS = 20
SOURCE_MS = 60
"""What the SDK's source holds and plays on its own clock, whatever this event loop does; it takes
one frame more. The rest waits here, where it can be dropped."""
DELAY = 0.12
"""Seconds from the source to a listener's ear: encoding, a way to the server and one on from it,
and the listener's jitter buffer. The SDK doesn't tell of the listener's way, so it is an estimate:
over the loopback interface 50 to 156 ms were measured."""
MAX_QUEUED_SECONDS = 600
"""What `write` takes ahead of what has left."""


class LiveKitAudioTrack:
    """A `rooms.ports.AudioTrack`. One task hands sound to the SDK; `close` ends it."""

    def __init__(self, rate: int, clock: Clock, *, name: str, room: str) -> None:
        self._rate, self._clock, self._room = rate, clock, room
        self._source = rtc.AudioSource(rate, 1, SOURCE_MS)
        self.track = rtc.LocalAudioTrack.create_audio_track(name, self._source)
        self._publication: rtc.LocalTrackPublication | None = None
        self._queue: deque[Pcm] = deque()
        self._queued = 0
        # What the source got last, so that a pause can take back what it has not played.
        self._given: deque[Pcm] = deque(maxlen=SOURCE_MS // FRAME_MS + 2)
        self._pushed = 0
        self._positions = Positions(rate)
        self._paused = self._muted = self._closed = False
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._subscribed: asyncio.Task[None] | None = None

    def begin(self, publication: rtc.LocalTrackPublication) -> None:
        """The room has taken the track."""
        self._publication = publication
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._pump())
        self._subscribed = loop.create_task(publication.wait_for_subscription())
        self._subscribed.add_done_callback(lambda _: self._tell())

    @property
    def sid(self) -> str:
        """As the port says; another one when the SDK had to connect anew."""
        return self._publication.sid if self._publication else ""

    @property
    def rate(self) -> int:
        """As the port says."""
        return self._rate

    def write(self, pcm: Pcm) -> None:
        """As the port says. Raises InvalidInput where MAX_QUEUED_SECONDS would be queued."""
        if self._closed or not len(pcm):
            return
        if self._queued + len(pcm) > MAX_QUEUED_SECONDS * self._rate:
            raise InvalidInput(
                "audio", "too much sound ahead of time", f"{MAX_QUEUED_SECONDS} s at most"
            )
        self._queue.append(pcm)
        self._queued += len(pcm)
        self._tell()

    def flush(self) -> None:
        """As the port says; it also ends a pause."""
        self._take_back()
        self._queue.clear()
        self._queued = 0
        self._paused = False
        self._tell()

    def pause(self) -> None:
        """As the port says."""
        if not self._paused:
            self._paused = True
            back = self._take_back()
            if len(back):
                self._queue.appendleft(back)
                self._queued += len(back)

    def resume(self) -> None:
        """As the port says."""
        self._paused = False
        self._tell()

    @property
    def queued_ms(self) -> float:
        """As the port says, within 10 ms: the SDK's source plays in such steps."""
        return ms_of(self._queued + self._in_source(), self._rate)

    @property
    def sent_ms(self) -> float:
        """As the port says, within 10 ms."""
        return ms_of(self._pushed - self._in_source(), self._rate)

    @property
    def heard_ms(self) -> float:
        """As the port says: DELAY after it was sent."""
        return ms_of(self._positions.heard(self._clock.time() - DELAY), self._rate)

    async def wait_until_queued(self, ms: float) -> None:
        """As the port says."""
        while not self._closed:
            excess = self.queued_ms - ms
            if excess <= 0:
                return
            await self._wait(None if self._paused else max(excess, 1.0) / 1000)
        raise RoomIsClosed(self._room, "the track has ended")

    async def wait_until_received(self) -> None:
        """As the port says. LiveKit tells of the first who is connected to it only, and once."""
        while not self._closed:
            if self._subscribed is not None and self._subscribed.done():
                return
            await self._wait(None)
        raise RoomIsClosed(self._room, "the track has ended")

    def set_muted(self, muted: bool) -> None:
        """As the port says."""
        if muted != self._muted and not self._closed:
            self._muted = muted
            if muted:
                self.track.mute()
            else:
                self.track.unmute()

    async def close(self) -> None:
        """End it. Harmless twice."""
        self.end()
        tasks = [task for task in (self._task, self._subscribed) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._source.aclose()

    def end(self) -> None:
        """It is in no room any more; `close` follows."""
        self._closed = True
        self._queue.clear()
        self._queued = 0
        self._tell()

    async def _pump(self) -> None:
        while True:
            if self._paused or not self._queued:
                await self._wait(None)
                continue
            ahead = self._source.queued_duration - FRAME_MS / 1000
            if self._queued < samples_of(FRAME_MS, self._rate) and ahead > 0:
                # Less than a frame: more may come before the source runs out.
                await self._wait(ahead)
                if self._queued and self._source.queued_duration > FRAME_MS / 1000:
                    continue
            if not self._paused and self._queued:
                try:
                    await self._push()
                except Exception:  # noqa: BLE001 - the SDK raises no other class
                    _log.exception("room %s: the SDK takes no more sound", self._room)
                    self.end()
                    return

    async def _push(self) -> None:
        pcm = self._take(samples_of(FRAME_MS, self._rate))
        step = samples_of(FRAME_MS / 2, self._rate)
        before = self._pushed - self._in_source()
        self._given.append(pcm)
        self._pushed += len(pcm)
        self._positions.note(self._clock.time(), before, self._pushed)
        # The source plays whole steps of 10 ms only.
        whole = np.zeros(-(-len(pcm) // step) * step, np.int16)
        whole[: len(pcm)] = pcm
        frame = rtc.AudioFrame(whole.tobytes(), self._rate, 1, len(whole))
        await self._source.capture_frame(frame)

    def _take(self, samples: int) -> Pcm:
        parts = []
        while samples and self._queue:
            head = self._queue.popleft()
            if len(head) > samples:
                self._queue.appendleft(head[samples:])
                head = head[:samples]
            parts.append(head)
            samples -= len(head)
            self._queued -= len(head)
        return np.concatenate(parts) if parts else EMPTY

    def _in_source(self) -> int:
        given = sum(map(len, self._given))
        return min(given, samples_of(self._source.queued_duration * 1000, self._rate))

    def _take_back(self) -> Pcm:
        """What the source has not played; it plays nothing more."""
        samples = self._in_source()
        given = np.concatenate(self._given) if self._given else EMPTY
        self._given.clear()
        self._source.clear_queue()
        self._pushed -= samples
        self._positions.note(self._clock.time(), self._pushed, self._pushed)
        return given[len(given) - samples :]

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _wait(self, seconds: float | None) -> None:
        """Until something changes, at most so long."""
        changed = self._changed
        timer = (
            None
            if seconds is None
            else self._clock.call_at(self._clock.time() + seconds, self._tell)
        )
        try:
            await changed.wait()
        finally:
            if timer is not None:
                timer.cancel()
