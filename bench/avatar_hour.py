"""An hour of an avatar in some minutes: a clock that jumps, and the parts that play by it.

The face draws in this process, the sound is coded, and what leaves is decoded again at the moment
at which it leaves: what a viewer's network and buffers add to that does not grow with time.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.context import Flags

from avatar_eyes import MouthGauge, Seen, offsets, spread, utterances
from greenroom.audio.pcm import Pcm
from greenroom.avatar.face import open_face
from greenroom.avatar.formats import PictureFormat
from greenroom.avatar.ports import Face, FaceListener, FaceSettings, FrameRequest
from greenroom.rooms.in_step import InStep
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.rtc.agent_media.picture_formats import picture_format
from greenroom.rooms.rtc.agent_media.picture_source import PictureSource
from greenroom.rooms.rtc.agent_media.sound_source import SoundSource
from greenroom.rooms.rtc.media import H264, MediaPacket
from greenroom.rooms.venue import VENUE_RATE
from greenroom.stage.performance import Performance
from greenroom.testing.clock import ManualClock

VOICE_RATE = 24_000
DRAWING = 0.01
"""Seconds after which a picture comes, as if a process had drawn it."""
FED = 30
"""Seconds of sound that are handed over at once."""


class NearFace:
    """A `RemoteFace` that is none."""

    def __init__(self, face: Face, listener: FaceListener, clock: ManualClock) -> None:
        self._face, self._listener, self._clock = face, listener, clock
        self.pending = 0

    def ask(self, request: FrameRequest) -> None:
        picture = self._face.frame(request)
        self.pending += 1

        def come() -> None:
            self.pending -= 1
            self._listener.on_picture(request, picture)

        self._clock.call_at(self._clock.time() + DRAWING, come)

    def close(self) -> None:
        self._face.close()


class Ear:
    """Decodes packets of sound as they leave."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._decoder = av.AudioCodecContext.create("libopus", "r")
        self._decoder.sample_rate, self._decoder.layout = VENUE_RATE, "mono"

    def write(self, packet: MediaPacket) -> None:
        for frame in self._decoder.decode(av.Packet(packet.payload)):
            pcm = frame.to_ndarray()[0]
            if pcm.dtype != np.int16:
                pcm = (pcm * 32_767).astype(np.int16)
            self._seen.hear(pcm, packet.arrival + len(pcm) / VENUE_RATE)


class Eye:
    """Decodes pictures as their last packets leave."""

    def __init__(self, seen: Seen, gauge: MouthGauge) -> None:
        self._seen, self._gauge = seen, gauge
        self._decoder = av.VideoCodecContext.create("h264", "r")
        # Several threads would each hold back a picture.
        self._decoder.thread_count = 1
        self._decoder.flags |= Flags.low_delay
        self._payloads: list[bytes] = []

    def write(self, packet: MediaPacket) -> None:
        self._payloads.append(packet.payload)
        if packet.marker:
            data = picture_format(H264).depacketize(self._payloads)
            self._payloads = []
            for frame in self._decoder.decode(av.Packet(data)):
                plane = frame.planes[0]
                luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
                openness = self._gauge.measure(luma[: frame.height, : frame.width])
                self._seen.see(packet.arrival, openness)


class Leaving:
    """A venue whose viewer is where it leaves."""

    name = "leaving"

    def __init__(self, clock: ManualClock, gauge: MouthGauge) -> None:
        self.seen = Seen()
        sound, pictures = SoundSource(VENUE_RATE, clock), PictureSource(H264, clock)
        sound.add_sink(Ear(self.seen))
        pictures.add_sink(Eye(self.seen, gauge))
        self._tracks = InStep(sound, pictures, clock, rate=VENUE_RATE)

    @property
    def keyframe_wanted(self) -> bool:
        return self._tracks.keyframe_wanted

    def play(self, pcm: Pcm) -> None:
        self._tracks.play(pcm)

    def show(self, frame: EncodedFrame) -> None:
        self._tracks.show(frame)

    def flush(self) -> None:
        self._tracks.flush()

    async def close(self) -> None:
        self._tracks.close()

    @property
    def skips(self) -> int:
        return self._tracks.skips


def bench_hour(avatar: Path, size: PictureFormat, minutes: int) -> dict[str, Any]:
    clock, began = ManualClock(), time.process_time()
    performance = Performance(size, clock, max_ahead=4 * FED)
    face = open_face(FaceSettings(str(avatar), size, "H264", seed=1))
    venue = Leaving(clock, MouthGauge(avatar, size))
    performance.begin(NearFace(face, performance, clock), [venue])
    sound = utterances(FED, VOICE_RATE)
    performance.voice(sound, VOICE_RATE)
    found: dict[str, Any] = {}
    for minute in range(minutes):
        for _ in range(60 // FED):
            performance.voice(sound, VOICE_RATE)
            clock.advance(FED)
        if minute in {0, minutes - 1}:
            opens, closes, both = offsets(venue.seen)
            name = "first_minute" if minute == 0 else "last_minute"
            found[name] = {
                "offset_ms": spread(both),
                "opens_ms": spread(opens),
                "closes_ms": spread(closes),
            }
        venue.seen.pictures.clear()
        venue.seen.sounds.clear()
    performance.close()
    drift = found["last_minute"]["offset_ms"]["p50"] - found["first_minute"]["offset_ms"]["p50"]
    return found | {
        "minutes": minutes,
        "drift_ms": round(drift, 2),
        "skips": venue.skips,
        "pictures_late": performance.figures.late,
        "cpu_s": round(time.process_time() - began, 1),
    }
