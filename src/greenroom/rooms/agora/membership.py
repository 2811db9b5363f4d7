"""One uid in one channel: a connection of the SDK, and the thread that makes all calls to it.

The SDK's calls may block, and its callbacks come on threads of its own, in which nothing of it may
be called (its README). So every call and every callback goes through one queue to one thread. A
slow SDK costs pictures up to the next keyframe, and sound, never memory.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from greenroom.rooms.agora import reasons
from greenroom.rooms.agora.observers import ConnectionEvents, PublishingEvents
from greenroom.rooms.agora.sdk import DELTA_FRAME, KEYFRAME, OK, Connection
from greenroom.rooms.agora.service import AgoraFailed, AgoraService, Joining

RATE = 48_000
_BYTES_PER_MS = RATE // 1000 * 2

MOST_SOUND = 500
"""Milliseconds of sound that wait for the SDK; more is dropped."""
MOST_PICTURES = 12
"""Pictures that wait for the SDK; more are dropped, up to the next keyframe."""

Tell = Callable[[dict[str, Any]], None]
"""Takes what the server is to be told; called from the membership's thread."""


class Membership:
    """Joins from `start` on, and ends with `leave`, or by itself where the channel is lost.

    It tells `{"joined": true}` once, `{"event": ...}` for `keyframe` (somebody can't see without
    one), `token_expiring`, `renewal_refused`, `reconnecting` and `reconnected`; and at the end
    `{"end": true, "dropped": pictures}`, with an `error` where nobody asked for it.
    """

    def __init__(self, service: AgoraService, joining: Joining, tell: Tell) -> None:
        self._service = service
        self._joining = joining
        self._tell = tell
        self._codec = service.codec(joining.codec)
        self._connection: Connection | None = None
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._joined = False
        self._over = False
        self._error = ""
        self._busy_since: float | None = None
        # Shared between threads, under the lock.
        self._lock = threading.Lock()
        self._sound_waits = 0
        self._pictures_wait = 0
        self._flushes = 0
        self._intact = False
        self._dropped = 0
        self._thread = threading.Thread(
            target=self._run, name=f"agora {joining.channel}", daemon=True
        )

    # -- what the server asks; any thread, never blocks --------------------------------------

    def start(self) -> None:
        """Begin to join."""
        self._thread.start()

    def play(self, pcm: bytes, pts: int) -> None:
        """Sound at RATE, whole milliseconds, that begins at `pts` (ms)."""
        duration = len(pcm) // _BYTES_PER_MS
        with self._lock:
            if self._sound_waits + duration > MOST_SOUND:
                return
            self._sound_waits += duration
            flushes = self._flushes
        self._jobs.put(lambda: self._push_sound(pcm, pts, duration, flushes))

    def show(self, picture: bytes, pts: int, *, keyframe: bool) -> None:
        """An encoded picture that is seen at `pts` (ms)."""
        with self._lock:
            was_intact = self._intact
            self._intact = (was_intact or keyframe) and self._pictures_wait < MOST_PICTURES
            if self._intact:
                self._pictures_wait += 1
            else:
                self._dropped += 1
            intact = self._intact
        if intact:
            self._jobs.put(lambda: self._push_picture(picture, pts, keyframe=keyframe))
        elif was_intact or keyframe:
            self._jobs.put(self._want_keyframe)

    def flush(self) -> None:
        """Drop the sound that has not left."""
        with self._lock:
            self._flushes += 1
        self._jobs.put(self._interrupt)

    def renew(self, token: str) -> None:
        """Go on with a new token."""
        self._jobs.put(lambda: self._renew(token))

    def leave(self) -> None:
        """Leave the channel; what waits is dropped. Harmless twice."""
        self._over = True
        self._jobs.put(lambda: None)

    @property
    def ended(self) -> bool:
        """Whether the channel was left."""
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Return when the channel was left, or after that time."""
        self._thread.join(seconds)

    def busy(self, now: float) -> float:
        """For how many seconds the SDK has not returned from a call; `now` is monotonic."""
        since = self._busy_since
        return now - since if since is not None else 0.0

    # -- the thread --------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._do(self._join)
            while not self._over:
                self._do(self._jobs.get())
        except AgoraFailed as failure:
            self._error = str(failure)
        except Exception as failure:  # noqa: BLE001 - the SDK doesn't say what it raises
            traceback.print_exc(file=sys.stderr)
            self._error = f"Agora's SDK has failed ({type(failure).__name__})"
        try:
            self._do(self._leave)
        except Exception:  # noqa: BLE001 - as above; the channel is over in any case
            traceback.print_exc(file=sys.stderr)
        end: dict[str, Any] = {"end": True, "dropped": self._dropped}
        self._tell(end | ({"error": self._error} if self._error else {}))

    def _do(self, job: Callable[[], None]) -> None:
        self._busy_since = time.monotonic()
        job()
        self._busy_since = None

    def _join(self) -> None:
        joining = self._joining
        self._connection = connection = self._service.connection(joining)
        # Before connecting: the SDK wires the picture's path for those who observe from the start.
        connection.register_observer(ConnectionEvents(self))
        connection.register_local_user_observer(PublishingEvents(self))
        # And published before it is connected, so that both are in the first offer.
        for result in (
            connection.connect(joining.token, joining.channel, joining.uid),
            connection.publish_audio(),
            connection.publish_video(),
        ):
            if result < OK:
                raise AgoraFailed(reasons.of_error(result))

    def _leave(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.disconnect()
            connection.release()

    def _push_sound(self, pcm: bytes, pts: int, duration: int, flushes: int) -> None:
        with self._lock:
            self._sound_waits -= duration
            if flushes != self._flushes:
                return
        # A copy that can be written to: the SDK takes its address.
        self._channel.push_audio_pcm_data(bytearray(pcm), RATE, 1, pts)

    def _push_picture(self, picture: bytes, pts: int, *, keyframe: bool) -> None:
        joining = self._joining
        info = self._service.sdk.base.EncodedVideoFrameInfo(
            codec_type=self._codec,
            width=joining.width,
            height=joining.height,
            frames_per_second=joining.rate,
            frame_type=KEYFRAME if keyframe else DELTA_FRAME,
            capture_time_ms=pts,
            decode_time_ms=pts,
            presentation_ms=pts,
        )
        result = self._channel.push_video_encoded_data(picture, info)
        with self._lock:
            self._pictures_wait -= 1
            if result < OK:
                self._intact = False
                self._dropped += 1
        if result < OK:
            self._want_keyframe()

    def _interrupt(self) -> None:
        self._channel.interrupt_audio()

    def _renew(self, token: str) -> None:
        if self._channel.renew_token(token) < OK:
            self._tell({"event": "renewal_refused"})

    def _want_keyframe(self) -> None:
        self._tell({"event": "keyframe"})

    @property
    def _channel(self) -> Connection:
        assert self._connection is not None  # noqa: S101 - no job is done before it is there
        return self._connection

    # -- what the SDK tells; its threads, so it is only put into the queue ---------------------

    def connected(self) -> None:
        """The channel was joined."""
        self._jobs.put(self._on_connected)

    def _on_connected(self) -> None:
        if not self._joined:
            self._joined = True
            self._tell({"joined": True})

    def happened(self, event: str) -> None:
        """Something that the server is to know of."""
        self._jobs.put(lambda: self._tell({"event": event}))

    def failed(self, why: str) -> None:
        """The channel is lost."""
        self._jobs.put(lambda: self._fail(why))

    def _fail(self, why: str) -> None:
        raise AgoraFailed(why)
