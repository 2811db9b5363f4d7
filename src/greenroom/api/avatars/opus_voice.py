"""Opus as callers send it: one packet in each message, or an Ogg stream cut anywhere."""

from __future__ import annotations

import numpy as np

from greenroom.api.avatars.errors import Code, Refused
from greenroom.api.avatars.protocol import OPUS_RATE
from greenroom.audio.ogg import CAPTURE, Page, PageReader
from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.rooms.rtc.agent_media.opus import opus_decoder


class OpusVoice:
    """Decodes one utterance to mono at OPUS_RATE.

    A message that begins as an Ogg page begins a stream (RFC 7845), and all that follow are pieces
    of it; before that each message is a packet (RFC 6716). `max_samples` bounds what one message
    may give: a small one can hold hours of silence.
    """

    def __init__(self, max_samples: int) -> None:
        self._max_samples = max_samples
        self._decoder = opus_decoder(OPUS_RATE)
        self._pages: PageReader | None = None
        self._skip = 0

    def is_quick(self, data: bytes) -> bool:
        """Whether `decode` takes less than 1 ms: a packet lasts 120 ms at most."""
        return self._pages is None and not data.startswith(CAPTURE)

    def decode(self, data: bytes) -> Pcm:
        """The samples that are complete with this message.

        Raises Refused (INVALID_AUDIO, AUDIO_QUEUE_FULL); after it a stream begins anew.
        """
        if self.is_quick(data):
            pcm = self._decoder.decode(data) if data else EMPTY
            if pcm is None:
                raise Refused(Code.INVALID_AUDIO, "audio is no packet of Opus")
            return pcm
        if self._pages is None:
            self._pages = PageReader()
        try:
            return self._stream(self._pages, data)
        except Refused:
            self._pages = None
            raise

    def _stream(self, pages: PageReader, data: bytes) -> Pcm:
        parts: list[Pcm] = []
        damaged = samples = 0
        for page in pages.feed(data):
            for packet in self._packets(page):
                pcm = self._decoder.decode(packet)
                if pcm is None:
                    damaged += 1
                    continue
                skipped = min(self._skip, len(pcm))
                self._skip -= skipped
                samples += len(pcm)
                if samples > self._max_samples:
                    seconds = self._max_samples // OPUS_RATE
                    message = f"audio lasts more than {seconds} s; nothing of it is played"
                    raise Refused(Code.AUDIO_QUEUE_FULL, message)
                parts.append(pcm[skipped:])
        if pages.hopeless or (damaged and not parts):
            raise Refused(Code.INVALID_AUDIO, "audio is no Ogg stream of Opus")
        return np.concatenate(parts) if parts else EMPTY

    def _packets(self, page: Page) -> tuple[bytes, ...]:
        """The packets of sound on a page."""
        packets = tuple(packet for packet in page.packets if packet)
        if page.first:
            self._begin_stream(packets[0] if packets else b"")
            packets = packets[1:]
        return tuple(packet for packet in packets if not packet.startswith(b"OpusTags"))

    def _begin_stream(self, head: bytes) -> None:
        # Magic, version (only its high half can be incompatible), channels, pre-skip, rate, gain,
        # channel mapping: family 0 is mono or stereo, which the decoder folds to mono.
        if len(head) < 19 or not head.startswith(b"OpusHead") or head[8] >> 4 or head[18]:
            raise Refused(Code.INVALID_AUDIO, "audio is an Ogg stream, but not of Opus")
        self._skip = int.from_bytes(head[10:12], "little")
        self._decoder = opus_decoder(OPUS_RATE)
