"""What an agent sees of one track: RTP payloads in, decoded pictures out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor

from greenroom.errors import InvalidInput
from greenroom.providers.clock import Clock
from greenroom.rooms.ports import VideoFrame
from greenroom.rooms.rtc.agent_media.frame_assembler import FrameAssembler
from greenroom.rooms.rtc.agent_media.picture_decoder import PictureDecoder
from greenroom.rooms.rtc.agent_media.picture_formats import picture_format
from greenroom.rooms.rtc.media import Codec, MediaPacket

LAYER_SILENCE = 1.0
"""Seconds without a packet after which a layer has stopped, and a smaller one will do."""
LAYER_REQUEST_INTERVAL = 1.0
"""Seconds between requests to begin another layer."""


class PictureSink:
    """A MediaSink of video that hands each decoded picture to `on_frame`, on the event loop.

    `codec` is what will probably come; what the packets say counts, and may change. Of a source
    with simulcast it follows the best layer up to `max_layer` that is sent, and changes at a
    keyframe. `request_keyframe` gets the layer: a source's own method does. Decodes in a thread of
    `executor` (None: the event loop's own). Raises InvalidInput for a codec that isn't known.
    """

    def __init__(
        self,
        codec: Codec,
        on_frame: Callable[[VideoFrame], object],
        clock: Clock,
        request_keyframe: Callable[[int], object],
        *,
        max_layer: int = 2,
        executor: Executor | None = None,
    ) -> None:
        self._clock, self._on_picture, self._executor = clock, on_frame, executor
        self._request, self._max_layer = request_keyframe, max_layer
        self._layer = -1
        self._last_packet = clock.time()
        self._layer_requested = float("-inf")
        self._timestamp: int | None = None  # of the last frame, unwrapped
        self._closed = False
        self.ignored = 0
        """Packets of a codec that isn't known."""
        self._codec, self._format = codec, picture_format(codec)
        self._decoder = self._decode()
        self._assembler = self._assemble()

    def write(self, packet: MediaPacket) -> None:
        """See MediaSink."""
        if self._closed:
            return
        if packet.codec.name != self._codec.name and not self._change(packet.codec):
            self.ignored += 1
            return
        now = self._clock.time()
        if packet.layer != self._layer and not self._follows(packet, now):
            return
        self._last_packet = now
        self._assembler.write(packet)

    def close(self) -> None:
        """Hand over nothing more. Harmless twice."""
        self._closed = True
        self._assembler.close()
        self._decoder.close()

    def _follows(self, packet: MediaPacket, now: float) -> bool:
        """Whether to go over to the packet's layer now."""
        if packet.layer > self._max_layer:
            return False
        stopped = now >= self._last_packet + LAYER_SILENCE
        if packet.layer < self._layer and not stopped:
            return False
        if self._layer < 0 or packet.keyframe:
            self._layer = packet.layer
            self._assembler.close()
            self._assembler = self._assemble()
            self._timestamp = None  # another layer may count from elsewhere
            return True
        if now >= self._layer_requested + LAYER_REQUEST_INTERVAL:
            self._layer_requested = now
            self._request(packet.layer)
        return False

    def _change(self, codec: Codec) -> bool:
        """Go over to another codec, if it is known."""
        try:
            self._format = picture_format(codec)
        except InvalidInput:
            return False
        self._codec = codec
        self._decoder.close()
        self._decoder = self._decode()
        self._assembler.close()
        self._assembler = self._assemble()
        return True

    def _decode(self) -> PictureDecoder:
        return PictureDecoder(self._format, self._on_picture, self._on_damage, self._executor)

    def _assemble(self) -> FrameAssembler:
        return FrameAssembler(
            self._format, self._on_frame, lambda: self._request(self._layer), self._clock
        )

    def _on_frame(self, frame: bytes, timestamp: int) -> None:
        last = self._timestamp
        if last is None:
            self._timestamp = timestamp
        else:
            step = (timestamp - last + 0x8000_0000 & 0xFFFF_FFFF) - 0x8000_0000
            self._timestamp = last + step
        self._decoder.write(frame, self._timestamp / self._codec.clock_rate)

    def _on_damage(self) -> None:
        if not self._closed:
            self._assembler.need_keyframe()
