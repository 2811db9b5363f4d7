"""Time, links, tones and encoded pictures for tests of media."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt

from greenroom.audio.pcm import Pcm
from greenroom.providers.scheduling import kept_scheduling
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.rtc.media import MediaPacket, MediaSink


class _Call:
    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Timeline:
    """A Clock that stands still until it is told to go on; calls are made while it goes."""

    def __init__(self) -> None:
        self._now = 100.0
        self._calls: list[tuple[float, int, _Call]] = []
        self._order = itertools.count()

    def time(self) -> float:
        return self._now

    def call_at(self, when: float, callback: Callable[[], object], /) -> _Call:
        call = _Call(callback)
        heapq.heappush(self._calls, (when, next(self._order), call))
        return call

    def advance(self, seconds: float) -> None:
        """Let time pass, each call in its own moment."""
        end = self._now + seconds
        while self._calls and self._calls[0][0] <= end + 1e-9:
            when, _, call = heapq.heappop(self._calls)
            self._now = max(self._now, when)
            if call.callback:
                call.callback()
        self._now = max(self._now, end)

    def stall(self, seconds: float) -> None:
        """Time passes while the process stands still; what was due is called after it."""
        self._now += seconds
        self.advance(0)

    @property
    def waiting(self) -> int:
        """Calls that are still to be made."""
        return sum(call.callback is not None for _, _, call in self._calls)


@dataclass
class Collector:
    """A sink that keeps what it gets."""

    packets: list[MediaPacket] = field(default_factory=list)

    def write(self, packet: MediaPacket) -> None:
        self.packets.append(packet)


@dataclass
class Link:
    """A way to another sink that loses, doubles and reorders by a packet's place in the stream."""

    to: MediaSink
    loses: Callable[[int], bool] = lambda place: False
    doubles: Callable[[int], bool] = lambda place: False
    delays: Callable[[int], bool] = lambda place: False
    _place: int = 0
    _kept: MediaPacket | None = None

    def write(self, packet: MediaPacket) -> None:
        place, self._place = self._place, self._place + 1
        if self.loses(place):
            return
        if self.delays(place) and self._kept is None:
            self._kept = packet
            return
        self.to.write(packet)
        if self.doubles(place):
            self.to.write(replace(packet))
        if self._kept is not None:
            kept, self._kept = self._kept, None
            self.to.write(kept)


def tone(seconds: float, rate: int, hertz: float = 440.0, amplitude: float = 8_000.0) -> Pcm:
    """A sine at `rate` Hz."""
    times = np.arange(round(seconds * rate)) / rate
    wave: Pcm = np.rint(amplitude * np.sin(2 * np.pi * hertz * times)).astype(np.int16)
    return wave


def purity(pcm: Pcm, rate: int, hertz: float = 440.0) -> float:
    """How much of a sound is a sine of that pitch, whatever its phase: 1 is all of it."""
    angle = 2 * np.pi * hertz * np.arange(len(pcm)) / rate
    basis = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    sound = pcm.astype(np.float64)
    parts, *_ = np.linalg.lstsq(basis, sound, rcond=None)
    return float(np.linalg.norm(basis @ parts) / np.linalg.norm(sound))


ENCODERS = {
    "vp8": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
    "vp9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
    "h264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency"}),
    "av1": ("libsvtav1", {"preset": "12", "svtav1-params": "lp=1"}),
}

Luma = npt.NDArray[np.uint8]


def pictures(
    codec: str, count: int, *, width: int = 320, height: int = 240, every: int = 1_000
) -> tuple[list[Luma], list[EncodedFrame]]:
    """The luma of `count` moving pictures, 25 a second, and each of them encoded.

    `every`: frames from one keyframe to the next.
    """
    name, options = ENCODERS[codec]
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, av.video.codeccontext.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
    context.bit_rate, context.gop_size, context.max_b_frames = 3_000_000, every, 0
    context.options = dict(options)
    with kept_scheduling():
        context.open()
    rows, columns = np.mgrid[0:height, 0:width]
    lumas, packets = [], []
    for index in range(count):
        wave = 128 + 80 * np.sin((columns + 4 * index) / 20) * np.cos(rows / 15)
        luma = wave.astype(np.uint8)
        chroma = np.full(width * height // 4, 110, np.uint8)
        planes = np.concatenate([luma.reshape(-1), chroma, chroma + 30])
        frame = av.VideoFrame.from_ndarray(planes.reshape(height * 3 // 2, width), format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, 25)
        lumas.append(luma)
        packets += context.encode(frame)
    packets += context.encode(None)
    return lumas, [
        EncodedFrame(bytes(packet), (packet.pts or 0) / 25, packet.is_keyframe)
        for packet in packets
    ]


def likeness(a: Luma, b: Luma) -> float:
    """Peak signal to noise ratio in dB; above 30 the pictures are the same to an eye."""
    error = float(np.mean((a.astype(np.float64) - b) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))
