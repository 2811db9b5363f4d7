"""A session's two sides in one file, while they happen.

    recording = Recording(folder / session_id, settings, clock=loop, threads=pool)
    recording.user(pcm, 16_000)      # as the user is heard
    recording.agent(pcm, 24_000)     # as the agent's voice is heard
    file = await recording.close()

Whole conversations are recorded by `conversations.RecordedConversations`, which needs nothing of
the place they run in.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path

from greenroom.audio.pcm import Pcm
from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.recording.placement import RATE, Placement
from greenroom.rooms.recording.sink import OpenFile, create_file
from greenroom.rooms.recording.video import PictureQueue, PictureTimes, VideoFormat
from greenroom.rooms.recording.writer import End, RecordingWriter, Sound
from greenroom.settings import RecordingSettings

log = logging.getLogger(__name__)

TICK = 0.1
"""Seconds between two looks at what was heard."""
LATENCY = 0.3
"""Seconds that the file is behind: a piece of sound so long can still be put where it began."""
USER_TOLERANCE = 0.15
"""Seconds that a microphone's packets may waver without a gap on the record."""
AGENT_TOLERANCE = 0.06
"""The same of what was heard of the agent, which is told to the ms, or in packets of 20 ms."""
MOST_WAITING = 20.0
"""Seconds of sound that wait for the disk; more is not recorded."""
MOST_AHEAD = 120.0
"""Seconds by which a user's sound may be ahead of its hearing; more is not recorded."""
CLOSE_TIMEOUT = 10.0
"""Seconds that the end of a recording may hold up the end of its session."""


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """A recording that has ended.

    `path` is None where no file could be made. `duration` in seconds, `size` in bytes; `ended` says
    why, and is empty where the disk has not taken the end in time. `dropped` are the seconds of
    sound, `dropped_pictures` the pictures, that are missing on it.
    """

    path: Path | None
    duration: float
    size: int
    ended: End
    dropped: float = 0.0
    dropped_pictures: int = 0


class Recording:
    """One talk on the record: stereo, the user left and the agent right, from now until `close`.

    All calls but `close` are plain and quick, for the event loop; encoding and writing are done in
    `threads`. A disk that is too slow costs sound on the record, which is counted, never the talk.
    The owner closes it.
    """

    def __init__(
        self,
        stem: Path,
        settings: RecordingSettings,
        *,
        clock: Clock,
        threads: Executor,
        video: VideoFormat | None = None,
        create: OpenFile = create_file,
    ) -> None:
        """`stem`: the path without suffix; a number is added where there is such a file."""
        self._clock = clock
        self._threads = threads
        self._began = clock.time()
        self._writer = RecordingWriter(stem, settings, video, create)
        self._name = stem.name
        self._has_video = video is not None
        self._user = Placement(USER_TOLERANCE)
        self._agent = Placement(AGENT_TOLERANCE)
        self._times = PictureTimes()
        self._polls: list[Callable[[], None]] = []
        self._dropped = 0
        # Shared with the thread, under the lock.
        self._lock = threading.Lock()
        self._sounds: deque[Sound] = deque()
        self._waiting = 0
        self._pictures = PictureQueue()
        self._until = 0
        self._closing = False
        self._working = False
        self._closed: Future[None] = Future()
        self._timer: Timer = clock.call_at(self._began + TICK, self._tick)

    @property
    def position(self) -> float:
        """Seconds since it began."""
        return self._clock.time() - self._began

    def position_of(self, time: float) -> float:
        """The position of a moment on the clock."""
        return time - self._began

    @property
    def ended(self) -> bool:
        """Whether nothing is recorded any more: it was closed, is full, or the disk failed."""
        return self._closing or bool(self._writer.ended)

    @property
    def keyframe_wanted(self) -> bool:
        """Whether pictures are left out until a keyframe comes."""
        return self._has_video and self._pictures.wants_keyframe and not self.ended

    def user(self, pcm: Pcm, rate: int) -> None:
        """Sound of the user that has come in by now: its end is heard now."""
        if self._user.end / RATE > self.position + MOST_AHEAD:
            self._drop(round(len(pcm) * RATE / rate))
            return
        self._put(self._user, pcm, rate, self.position)

    def agent(self, pcm: Pcm, rate: int, *, ended: float | None = None) -> None:
        """Sound of the agent that was heard; it ended at that position (None: now)."""
        self._put(self._agent, pcm, rate, self.position if ended is None else ended)

    def video(self, frame: EncodedFrame) -> None:
        """A picture that is seen now. A recording without a picture leaves it out."""
        if self.ended or not self._has_video:
            return
        position = self._times.place(frame.time, self.position)
        with self._lock:
            if position is None:
                self._pictures.dropped += 1
            else:
                self._pictures.put(position, frame)

    def poll_by(self, poll: Callable[[], None]) -> None:
        """Call `poll` at every look: it hands over what was heard since the last."""
        self._polls.append(poll)

    def end(self) -> None:
        """Record nothing any more; the rest and the file's end are written in the threads."""
        if not self._closing:
            self._timer.cancel()
            self._look()
            self._hand_over(max(round(self.position * RATE), self._user.end), close=True)

    async def close(self) -> RecordingFile:
        """As `end`, and wait for it. Harmless twice: the answer is the same."""
        self.end()
        await asyncio.wait([asyncio.wrap_future(self._closed)], timeout=CLOSE_TIMEOUT)
        if not self._closed.done():
            log.error("recording %s: the disk has not taken its end yet", self._name)
        if self._dropped:
            log.warning(
                "recording %s lacks %.1f s of sound: the disk was too slow, or the sound too fast",
                self._name,
                self._dropped / RATE,
            )
        writer = self._writer
        return RecordingFile(
            writer.path,
            writer.duration,
            writer.size,
            writer.ended,
            self._dropped / RATE,
            self._pictures.dropped,
        )

    def _put(self, placement: Placement, pcm: Pcm, rate: int, ended: float) -> None:
        length = round(len(pcm) * RATE / rate)
        if not length or self.ended:
            return
        start, follows = placement.place(length, ended, self._until)
        if self._waiting > MOST_WAITING * RATE:
            placement.interrupt()
            self._drop(length)
            return
        # A copy: whoever hands the samples over may use their place again.
        sound = Sound(placement is self._agent, start, pcm.copy(), rate, follows)
        with self._lock:
            self._sounds.append(sound)
            self._waiting += length

    def _drop(self, length: int) -> None:
        if not self._dropped:
            log.warning("recording %s: sound comes faster than it can be written", self._name)
        self._dropped += length

    # -- handing over to the thread -----------------------------------------------------------

    def _look(self) -> None:
        for poll in self._polls:
            poll()

    def _tick(self) -> None:
        if self.ended:
            return
        self._look()
        self._hand_over(max(0, round((self.position - LATENCY) * RATE)))
        self._timer = self._clock.call_at(self._clock.time() + TICK, self._tick)

    def _hand_over(self, until: int, *, close: bool = False) -> None:
        with self._lock:
            self._until = until
            self._closing = close
            if self._working:
                return
            self._working = True
        self._threads.submit(self._work)

    def _work(self) -> None:
        """In a thread, never in two: write until nothing is left to do."""
        done = -1
        while True:
            with self._lock:
                until, closing = self._until, self._closing
                if until <= done and not closing:
                    self._working = False
                    return
                sounds, self._sounds = self._sounds, deque()
                self._waiting = 0
                pictures = self._pictures.take(until / RATE)
            self._writer.write(sounds, pictures, until, close=closing)
            if closing:
                self._closed.set_result(None)
                return
            done = until
