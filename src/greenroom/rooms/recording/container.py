"""A WebM or Matroska file that is written while it happens.

Clusters are short and go to the system when they end, so that a file whose writer was killed plays
to its last cluster without repair: its segment has no size yet, which players take as "to the end"
(RFC 9559, section 6.2). Closed, the file says its duration and where its clusters are.
"""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av
from av.bitstream import BitStreamFilterContext

from greenroom.providers.scheduling import kept_scheduling
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.recording.mixer import Stereo
from greenroom.rooms.recording.placement import RATE
from greenroom.rooms.recording.sink import Sink
from greenroom.rooms.recording.video import VideoFormat

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.stream import Stream
    from av.video.codeccontext import VideoCodecContext

CLUSTER_MS = 200
"""What the end of the process costs at most, of what was encoded."""
FRAME = RATE * 60 // 1000
"""Samples of one Opus packet: three frames of 20 ms, half the work of three packets."""
EFFORT = "5"
"""Opus' complexity, 0 to 10. A second of two voices takes 7 ms of CPU; at 10 six times that."""

_ENCODERS = {"h264": "libx264", "av1": "libsvtav1"}
_MS = Fraction(1, 1000)
_OPTIONS = {
    "cluster_time_limit": str(CLUSTER_MS),
    "flush_packets": "1",
    # A side that has nothing to write must not hold up the other: what comes is in order already.
    "max_interleave_delta": "1",
    "write_crc32": "0",
}


class Container:
    """One file with stereo Opus and, where asked for, a picture. For one thread at a time."""

    def __init__(
        self,
        sink: Sink,
        bitrate: int,
        video: VideoFormat | None = None,
        keyframe: EncodedFrame | None = None,
    ) -> None:
        """Write the header. `keyframe`: the picture's first, where the header repeats parameters.

        Without it they are made up, and players find the true ones in the picture.
        Raises av.FFmpegError.
        """
        self._position = 0
        form = "matroska" if video is not None and video.needs_matroska else "webm"
        self._container = av.open(sink, "w", format=form, options=_OPTIONS)
        self._audio = self._container.add_stream(
            "libopus",
            rate=RATE,
            layout="stereo",
            options={
                "application": "audio",
                "frame_duration": "60",
                "compression_level": EFFORT,
                "mapping_family": "255",
            },
        )
        self._audio.codec_context.bit_rate = bitrate
        self._audio.codec_context.open()
        # Two voices that have nothing to do with each other are coded as two mono streams: coded
        # together, at this rate each is heard on the other's side. Family 1 says that as well (RFC
        # 7845, section 5.1.1), and more players know it than 255.
        head = bytearray(self._audio.codec_context.extradata or b"")
        head[18] = 1
        self._audio.codec_context.extradata = bytes(head)
        self._video = None if video is None else self._add_video(video, keyframe)
        self._container.start_encoding()

    def _add_video(self, video: VideoFormat, keyframe: EncodedFrame | None) -> Stream:
        stream = _mux_stream(self._container, video)
        if video.parameters_in_header:
            data = _blank_picture(video) if keyframe is None else keyframe.data
            # PyAV takes the parameters from a stream's first packet. Here that may come long after
            # the header was written, so another container does that.
            with av.open(io.BytesIO(), "w", format="matroska") as scratch:
                example = _mux_stream(scratch, video)
                scratch.mux(_packet(example, data, 0, keyframe=True))
                BitStreamFilterContext("null", example, stream)
        stream.time_base = _MS
        return stream

    def write_sound(self, samples: Stereo) -> None:
        """The next samples, FRAME of them but for the last. Raises av.FFmpegError."""
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = RATE
        frame.pts = self._position
        self._position += len(samples)
        self._container.mux(self._audio.encode(frame))

    def write_picture(self, frame: EncodedFrame, position: float) -> None:
        """A picture at `position` seconds, later than the one before. Raises av.FFmpegError."""
        assert self._video is not None  # noqa: S101 - who has a picture said so at the beginning
        self._container.mux(
            _packet(self._video, frame.data, round(position * 1000), keyframe=frame.keyframe)
        )

    def close(self) -> None:
        """Write the end: duration, and where the clusters are. Raises av.FFmpegError."""
        try:
            self._container.mux(self._audio.encode(None))
        finally:
            self._container.close()


def _mux_stream(container: OutputContainer, video: VideoFormat) -> Stream:
    return container.add_mux_stream(video.codec.name, width=video.width, height=video.height)


def _packet(stream: Stream, data: bytes, ms: int, *, keyframe: bool) -> av.Packet[Stream]:
    packet = av.Packet(data)
    packet.stream = stream
    packet.time_base = _MS
    packet.pts = packet.dts = ms
    packet.is_keyframe = keyframe
    return packet


def _blank_picture(video: VideoFormat) -> bytes:
    """A keyframe of the same size. The real ones bring their own parameters as well."""
    encoder = cast("VideoCodecContext", av.CodecContext.create(_ENCODERS[video.codec.name], "w"))
    encoder.width, encoder.height = video.width, video.height
    encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv420p", _MS, Fraction(25)
    encoder.options = {"tune": "zerolatency"} if video.codec.name == "h264" else {"preset": "12"}
    picture = av.VideoFrame(video.width, video.height, "yuv420p")
    with kept_scheduling():
        encoder.open()
    return bytes([*encoder.encode(picture), *encoder.encode(None)][0])
