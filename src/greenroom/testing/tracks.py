"""The tracks of a scripted room: what an agent publishes, kept for a test to look at."""

from __future__ import annotations

import asyncio
from collections import deque

import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm, ms_of, samples_of
from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.errors import RoomIsClosed
from greenroom.rooms.ports import EncodedFrame, TrackOrigin


class ScriptedAudioTrack:
    """A `rooms.ports.AudioTrack`: `calls` lists what was done, `pcm` is all that was written.

    With a `clock`, sound leaves in that clock's time and is heard `delay_ms` later; without one,
    all of it leaves and is heard at once (unless paused).
    """

    def __init__(
        self,
        sid: str,
        rate: int,
        clock: Clock | None = None,
        *,
        delay_ms: float = 0.0,
        name: str = "voice",
        origin: TrackOrigin = "microphone",
        room: str = "",
        received: bool = True,
    ) -> None:
        self._sid, self._rate, self._clock = sid, rate, clock
        self._delay = delay_ms / 1000
        self._room = room
        self._queue: deque[Pcm] = deque()
        self._left: list[Pcm] = []
        self._queued = self._sent = 0
        self._since = clock.time() if clock else 0.0
        # When the sample count had which value; straight lines between.
        self._history: deque[tuple[float, int]] = deque([(self._since, 0)])
        self._timer: Timer | None = None
        self._waiters: list[tuple[float, asyncio.Future[None]]] = []
        self._received = received
        self._news = asyncio.Event()
        self.name, self.origin = name, origin
        self.calls: list[str] = []
        self.written: list[Pcm] = []
        self.paused = self.muted = self.ended = False

    @property
    def sid(self) -> str:
        """As the port says."""
        return self._sid

    @property
    def rate(self) -> int:
        """As the port says."""
        return self._rate

    @property
    def pcm(self) -> Pcm:
        """All that was written, joined."""
        return np.concatenate(self.written) if self.written else EMPTY

    @property
    def played(self) -> Pcm:
        """All that has left, without the silence between: what listeners get to hear."""
        self._settle()
        return np.concatenate(self._left) if self._left else EMPTY

    def write(self, pcm: Pcm) -> None:
        """Queue, and keep; nothing once the track has ended."""
        if self.ended or not len(pcm):
            return
        self._settle()
        self.calls.append("write")
        self.written.append(pcm)
        self._queue.append(np.zeros_like(pcm) if self.muted else pcm)
        self._queued += len(pcm)
        self._settle()

    def flush(self) -> None:
        """As the port says."""
        self._settle()
        self.calls.append("flush")
        self._queue.clear()
        self._queued = 0
        self.paused = False
        self._wake()

    def pause(self) -> None:
        """As the port says."""
        self._settle()
        self.calls.append("pause")
        self.paused = True

    def resume(self) -> None:
        """As the port says."""
        self._settle()
        self.calls.append("resume")
        self.paused = False
        self._settle()

    @property
    def queued_ms(self) -> float:
        """As the port says."""
        self._settle()
        return ms_of(self._queued, self._rate)

    @property
    def sent_ms(self) -> float:
        """As the port says."""
        self._settle()
        return ms_of(self._sent, self._rate)

    @property
    def heard_ms(self) -> float:
        """What had left `delay_ms` ago."""
        self._settle()
        if self._clock is None:
            return ms_of(self._sent, self._rate)
        then = self._clock.time() - self._delay
        while len(self._history) > 2 and self._history[1][0] <= then:
            self._history.popleft()
        times, samples = zip(*self._history, strict=True)
        return float(np.interp(then, times, samples)) * 1000 / self._rate

    async def wait_until_queued(self, ms: float) -> None:
        """As the port says."""
        if self.ended:
            raise RoomIsClosed(self._room, "track ended")
        if self.queued_ms <= ms:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append((ms, waiter))
        self._arm()
        await waiter

    async def wait_until_received(self) -> None:
        """As the port says: while `received` is not set to False."""
        while not self.ended:
            if self._received:
                return
            self._news.clear()
            await self._news.wait()
        raise RoomIsClosed(self._room, "track ended")

    @property
    def received(self) -> bool:
        """Whether somebody gets it; set it to have nobody, or to have somebody again."""
        return self._received

    @received.setter
    def received(self, received: bool) -> None:
        self._received = received
        self._news.set()

    def set_muted(self, muted: bool) -> None:
        """As the port says; what is already queued is left as it is."""
        self.calls.append("mute" if muted else "unmute")
        self.muted = muted

    def end(self) -> None:
        """The track is gone: who waits for it is told."""
        if self.ended:
            return
        self._settle()
        self.ended = True
        self._news.set()
        self._queue.clear()
        self._queued = 0
        if self._timer is not None:
            self._timer.cancel()
        waiters, self._waiters = self._waiters, []
        for _, waiter in waiters:
            if not waiter.done():
                waiter.set_exception(RoomIsClosed(self._room, "track ended"))

    def _settle(self) -> None:
        # Let leave what time has played.
        due = self._queued
        if self._clock is not None:
            now = self._clock.time()
            if self.paused or not self._queued:
                self._since = now
                self._note(now)
                return
            due = min(samples_of((now - self._since) * 1000, self._rate), self._queued)
            self._note(self._since)
            self._since += due / self._rate
        if self.paused or not due:
            return
        self._queued -= due
        self._sent += due
        while due:
            head = self._queue.popleft()
            if len(head) > due:
                self._queue.appendleft(head[due:])
                head = head[:due]
            self._left.append(head)
            due -= len(head)
        self._note(self._since)
        self._wake()

    def _note(self, moment: float) -> None:
        if self._history[-1] != (moment, self._sent):
            self._history.append((moment, self._sent))

    def _wake(self) -> None:
        queued = ms_of(self._queued, self._rate)
        for ms, waiter in self._waiters:
            if queued <= ms and not waiter.done():
                waiter.set_result(None)
        self._waiters = [w for w in self._waiters if not w[1].done()]
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._clock is None or not self._waiters or self.paused:
            return
        excess = ms_of(self._queued, self._rate) - max(ms for ms, _ in self._waiters)
        self._timer = self._clock.call_at(self._clock.time() + excess / 1000, self._settle)


class ScriptedVideoTrack:
    """A `rooms.ports.VideoTrack`: `frames` is what was written."""

    def __init__(self, sid: str, *, name: str = "video") -> None:
        self._sid = sid
        self.name = name
        self.frames: list[EncodedFrame] = []
        self.keyframe_wanted = True
        self.ended = False

    @property
    def sid(self) -> str:
        """As the port says."""
        return self._sid

    def write(self, frame: EncodedFrame) -> None:
        """Keep; nothing once the track has ended."""
        if self.ended:
            return
        self.frames.append(frame)
        if frame.keyframe:
            self.keyframe_wanted = False

    def end(self) -> None:
        """The track is gone."""
        self.ended = True
