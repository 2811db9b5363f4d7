"""Ogg Opus, split anywhere, one stream after another (RFC 7845)."""

from __future__ import annotations

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from greenroom.audio.hearing import AUDIO, Hearing, join, mono_of_integers
from greenroom.audio.ogg import Page, PageReader
from greenroom.audio.pcm import Pcm
from greenroom.errors import InvalidInput

RATE = 48_000
"""Hz, of every Opus decoder and of an Opus stream's clock."""
MAX_DAMAGED = 50
"""Packets that can't be decoded, and headers without sound after them, in a row."""
ALLOWED = "pieces of an Ogg Opus stream, from its beginning"


class OpusDecoder:
    """Decodes Ogg Opus to 16 kHz mono. Damaged pages and packets are left out."""

    def __init__(self) -> None:
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._pages = PageReader()
        self._hearing = Hearing()
        self._codec: AudioCodecContext | None = None
        self._damaged = 0
        self._pre_skip = 0
        self._position = 0
        self._start: int | None = None

    def decode(self, data: bytes) -> Pcm:
        """See `Decoder.decode`. About 3 ms for a second of sound."""
        self._hearing.begin_call()
        try:
            return join(self._pages_of(data))
        except InvalidInput:
            self._begin_anew()
            raise

    def _pages_of(self, data: bytes) -> list[Pcm]:
        parts = [self._hearing.take(self._page(page), RATE) for page in self._pages.feed(data)]
        if self._pages.hopeless:
            raise InvalidInput(AUDIO, "not an Ogg stream", ALLOWED)
        return parts

    def flush(self) -> Pcm:
        """See `Decoder.flush`."""
        rest = self._hearing.flush()
        self._begin_anew()
        return rest

    def _page(self, page: Page) -> Pcm:
        """The samples of one page, mono at 48 kHz."""
        packets = page.packets
        if page.first:
            self._begin_stream(page)
            packets = packets[1:]
        if self._codec is None:
            raise InvalidInput(AUDIO, "an Ogg stream without the header of Opus", ALLOWED)
        parts = []
        for packet in packets:
            if packet and not packet.startswith(b"OpusTags"):
                parts += self._packet(self._codec, packet)
        return self._without_surplus(join(parts), page)

    def _without_surplus(self, pcm: Pcm, page: Page) -> Pcm:
        """The last packet may be longer than the sound: then the last page ends before it."""
        self._position += len(pcm)
        if page.granule < 0 or not len(pcm):
            return pcm
        end = page.granule - self._pre_skip
        if not page.last:
            if self._start is None:  # the clock of a stream need not begin at 0
                self._start = max(0, end - self._position)
            return pcm
        surplus = self._position + (self._start or 0) - end
        return pcm[:-surplus] if 0 < surplus <= len(pcm) else pcm

    def _begin_stream(self, page: Page) -> None:
        self._note_damage()  # until a packet of it is sound
        head = page.packets[0] if page.packets else b""
        # Magic, version (only its high half can be incompatible), channels, pre-skip, rate, gain,
        # channel mapping.
        if len(head) < 19 or not head.startswith(b"OpusHead") or head[8] >> 4 or not head[9]:
            raise InvalidInput(AUDIO, "an Ogg stream that is not Opus", ALLOWED)
        self._pre_skip = int.from_bytes(head[10:12], "little")
        self._position = 0
        self._start = None
        codec = av.CodecContext.create("libopus", "r")
        codec.extradata = head
        try:
            codec.open()
        except av.FFmpegError as error:
            raise InvalidInput(AUDIO, "a header of Opus that makes no sense", ALLOWED) from error
        self._codec = codec

    def _packet(self, codec: AudioCodecContext, packet: bytes) -> list[Pcm]:
        """The samples of one packet; none where it is damaged."""
        try:
            frames = codec.decode(av.Packet(packet))
        except av.FFmpegError:
            self._note_damage()
            return []
        self._damaged = 0
        return [
            mono_of_integers(
                part.to_ndarray().astype(np.int16, copy=False).reshape(part.samples, -1)
            )
            for part in frames
        ]

    def _note_damage(self) -> None:
        self._damaged += 1
        if self._damaged > MAX_DAMAGED:
            raise InvalidInput(AUDIO, "packets of Opus that can't be decoded", ALLOWED)
