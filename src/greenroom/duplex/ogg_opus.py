"""Streams of Ogg Opus, mono, at DUPLEX_RATE: what a socket gets is cut anywhere (RFC 7845).

Coding 80 ms takes about 0.4 ms and decoding them 0.2, which is for the event loop; what lasts
longer is for a thread.
"""

from __future__ import annotations

import secrets

import numpy as np

from greenroom.audio.ogg import Page, PageReader, write_page
from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.duplex.ports import DUPLEX_RATE
from greenroom.errors import CapacityExceeded, InvalidInput
from greenroom.rooms.rtc.agent_media.opus import (
    FRAME_MS,
    FRAME_TICKS,
    SILENT_FRAME,
    opus_decoder,
    opus_encoder,
)

FRAME = DUPLEX_RATE * FRAME_MS // 1000
"""Samples of a packet that is written."""
PAGE = 4 * FRAME
"""Samples of a page that is written, at most: 80 ms, a frame of the models."""

QUICK_BYTES = 2_048
"""Of a stream that are read in less than 1 ms: at the rate of speech, a third of a second."""

_PRE_SKIP = 120
"""Ticks of 48 kHz by which the encoder is behind: the 2.5 ms it looks ahead."""
_VENDOR = b"greenroom"
_AUDIO = "audio"
_ALLOWED = "pieces of an Ogg Opus stream, from its beginning"


class OpusStreamWriter:
    """Writes one stream: samples in any portions, whole pages out.

    The stream's header comes with its first page.
    """

    def __init__(self) -> None:
        self._encoder = opus_encoder(DUPLEX_RATE)
        self._serial = secrets.randbits(32)
        self._sequence = 0
        self._ticks = 0
        self._rest = EMPTY
        self._silent = self._skipping = False

    @property
    def missing(self) -> int:
        """Samples that would make a packet of those that wait; 0 where none do."""
        return -len(self._rest) % FRAME

    def write(self, pcm: Pcm) -> bytes:
        """The pages that are complete with `pcm`; empty where there is none."""
        pcm = np.concatenate([self._rest, pcm]) if len(self._rest) else pcm
        whole = len(pcm) // FRAME * FRAME
        self._rest = pcm[whole:].copy()
        pages = [self._page(pcm[at : min(at + PAGE, whole)]) for at in range(0, whole, PAGE)]
        return b"".join(pages)

    def _page(self, pcm: Pcm) -> bytes:
        header = self._header() if not self._sequence else b""
        packets = [self._packet(pcm[at : at + FRAME]) for at in range(0, len(pcm), FRAME)]
        self._ticks += FRAME_TICKS * len(packets)
        return header + self._next(packets, self._ticks)

    def _packet(self, frame: Pcm) -> bytes:
        """The first silent frame is coded, with the sound's end in it; the rest are free."""
        silent = not frame.any()
        if silent and self._silent:
            self._skipping = True
            return SILENT_FRAME
        self._silent = silent
        if self._skipping:
            self._encoder.after_silence()
            self._skipping = False
        return self._encoder.encode(frame)

    def _header(self) -> bytes:
        # Magic, version, channels, pre-skip, the rate before coding, gain, channel mapping.
        head = b"OpusHead\x01\x01" + _PRE_SKIP.to_bytes(2, "little")
        head += DUPLEX_RATE.to_bytes(4, "little") + bytes(3)
        # Magic, the vendor with its length, and how many comments there are.
        tags = b"OpusTags" + len(_VENDOR).to_bytes(4, "little") + _VENDOR + bytes(4)
        return self._next([head], 0) + self._next([tags], 0)

    def _next(self, packets: list[bytes], granule: int) -> bytes:
        first = not self._sequence
        page = write_page(
            packets, serial=self._serial, sequence=self._sequence, granule=granule, first=first
        )
        self._sequence += 1
        return page


class OpusStreamReader:
    """Reads one stream after another. Damaged pages and packets are left out.

    `max_seconds` bounds what one call may give: a small message can hold hours of silence. The
    pre-skip is heard too: clients of this protocol claim 80 ms of it, and have sound there.
    """

    def __init__(self, max_seconds: float = 60.0) -> None:
        self._max_seconds = max_seconds
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._pages = PageReader()
        self._decoder = opus_decoder(DUPLEX_RATE)
        self._begun = False

    def is_quick(self, data: bytes) -> bool:
        """Whether `read` takes less than 1 ms; else it is for a thread."""
        return len(data) <= QUICK_BYTES

    def read(self, data: bytes) -> Pcm:
        """The samples that are complete with `data`.

        Raises InvalidInput, after which a stream may begin anew where this one was hopeless, and
        CapacityExceeded: then what `data` holds is left out.
        """
        parts: list[Pcm] = []
        samples = damaged = 0
        try:
            for page in self._pages.feed(data):
                for packet in self._packets(page):
                    if samples > self._max_seconds * DUPLEX_RATE:
                        break  # the rest is only looked through, so that the stream can go on
                    pcm = self._decoder.decode(packet)
                    if pcm is None:
                        damaged += 1
                    else:
                        parts.append(pcm)
                        samples += len(pcm)
            self._check(damaged=damaged > 0 and not parts)
        except InvalidInput:
            if self._pages.hopeless or not self._begun:
                self._begin_anew()
            raise
        if samples > self._max_seconds * DUPLEX_RATE:
            raise CapacityExceeded("seconds of sound in one message", int(self._max_seconds))
        return np.concatenate(parts) if parts else EMPTY

    def _check(self, *, damaged: bool) -> None:
        if self._pages.hopeless:
            raise InvalidInput(_AUDIO, "is no Ogg stream", _ALLOWED)
        if self._pages.found and not self._begun:
            raise InvalidInput(_AUDIO, "is a stream whose beginning is missing", _ALLOWED)
        if damaged:
            raise InvalidInput(_AUDIO, "holds no Opus that can be decoded", _ALLOWED)

    def _packets(self, page: Page) -> tuple[bytes, ...]:
        """The packets of sound on a page."""
        packets = tuple(packet for packet in page.packets if packet)
        if page.first:
            self._begin_stream(packets[0] if packets else b"")
            packets = packets[1:]
        return tuple(packet for packet in packets if not packet.startswith(b"OpusTags"))

    def _begin_stream(self, head: bytes) -> None:
        # Only the high half of a version can be incompatible; channel mapping family 0 is mono or
        # stereo, which the decoder folds to mono.
        self._begun = False
        if len(head) < 19 or not head.startswith(b"OpusHead") or head[8] >> 4 or head[18]:
            raise InvalidInput(_AUDIO, "is an Ogg stream, but not of Opus", _ALLOWED)
        self._decoder = opus_decoder(DUPLEX_RATE)
        self._begun = True
