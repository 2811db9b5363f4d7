"""What an agent publishes in an embedded room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from greenroom.audio.pcm import Pcm
from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.errors import RoomIsClosed
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.rtc.agent_media.picture_source import PictureSource
from greenroom.rooms.rtc.agent_media.sound_source import SoundSource

JITTER_BUFFER = 0.07
"""Seconds between a packet's coming and its being heard: what a listener's client holds back, its
decoder and its sound card. With LiveKit's Python client over the loopback interface 32 to 113 ms
were measured, 73 as the median; how much a client holds back depends on how unsteady packets came
before."""


LOSS_INTERVAL = 2.0
"""Seconds between looks at how much listeners lose."""


class EmbeddedAudioTrack:
    """A `rooms.ports.AudioTrack`. `round_trip` tells the seconds to the farthest listener and back
    (None: not known), `fraction_lost` what the worst of them loses, `is_received` whether anybody
    listens, `on_muted` tells the room.
    """

    def __init__(
        self,
        rate: int,
        clock: Clock,
        *,
        room: str,
        round_trip: Callable[[str], float | None],
        fraction_lost: Callable[[str], float],
        is_received: Callable[[str], bool],
        on_muted: Callable[[str, bool], None],
    ) -> None:
        self.source = SoundSource(rate, clock, room=room, delay=self._delay)
        self._clock, self._room, self._on_muted = clock, room, on_muted
        self._round_trip, self._fraction_lost = round_trip, fraction_lost
        self._is_received = is_received
        self._news = asyncio.Event()
        self._ended = False
        self._sid = ""
        self._timer: Timer | None = None

    def begin(self, sid: str) -> None:
        """The room has taken the track, under this name."""
        self._sid = sid
        self._look_later()

    @property
    def sid(self) -> str:
        """As the port says."""
        return self._sid

    @property
    def rate(self) -> int:
        """As the port says."""
        return self.source.rate

    def write(self, pcm: Pcm) -> None:
        """As the port says."""
        self.source.write(pcm)

    def flush(self) -> None:
        """As the port says."""
        self.source.flush()

    def pause(self) -> None:
        """As the port says."""
        self.source.pause()

    def resume(self) -> None:
        """As the port says."""
        self.source.resume()

    @property
    def queued_ms(self) -> float:
        """As the port says."""
        return self.source.queued_ms

    @property
    def sent_ms(self) -> float:
        """As the port says."""
        return self.source.sent_ms

    @property
    def heard_ms(self) -> float:
        """As the port says: half the round trip and JITTER_BUFFER after it left."""
        return self.source.heard_ms

    async def wait_until_queued(self, ms: float) -> None:
        """As the port says."""
        await self.source.wait_until_queued(ms)

    async def wait_until_received(self) -> None:
        """As the port says: connected to somebody with whom the track was negotiated."""
        while not self._ended:
            if self._is_received(self._sid):
                return
            self._news.clear()
            await self._news.wait()
        raise RoomIsClosed(self._room, "the track has ended")

    def tell_received(self) -> None:
        """Somebody begins to receive it."""
        self._news.set()

    def set_muted(self, muted: bool) -> None:
        """As the port says."""
        self.source.set_muted(muted)
        self._on_muted(self._sid, muted)

    def silence(self, muted: bool) -> None:
        """As `set_muted`, where the room knows it already."""
        self.source.set_muted(muted)

    def end(self) -> None:
        """It is published no more."""
        self._ended = True
        self._news.set()
        self.source.close()
        if self._timer is not None:
            self._timer.cancel()

    def _look_later(self) -> None:
        self._timer = self._clock.call_at(self._clock.time() + LOSS_INTERVAL, self._look)

    def _look(self) -> None:
        self.source.set_expected_loss(self._fraction_lost(self._sid))
        self._look_later()

    def _delay(self) -> float:
        return (self._round_trip(self._sid) or 0.0) / 2 + JITTER_BUFFER


class EmbeddedVideoTrack:
    """A `rooms.ports.VideoTrack`."""

    def __init__(self, source: PictureSource) -> None:
        self.source = source
        self._sid = ""

    def begin(self, sid: str) -> None:
        """The room has taken the track, under this name."""
        self._sid = sid

    @property
    def sid(self) -> str:
        """As the port says."""
        return self._sid

    def write(self, frame: EncodedFrame) -> None:
        """As the port says."""
        self.source.write(frame)

    @property
    def keyframe_wanted(self) -> bool:
        """As the port says."""
        return self.source.keyframe_wanted

    def silence(self, muted: bool) -> None:
        """An administrator has hidden the picture: the room shows nothing by itself."""

    def end(self) -> None:
        """It is published no more."""
        self.source.close()
