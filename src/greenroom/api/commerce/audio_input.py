"""A client's sound on its way in: decoded in order, and bounded by audio time."""

from __future__ import annotations

import asyncio

import numpy as np

from greenroom.api.commerce.errors import AudioUndecodable
from greenroom.api.commerce.protocol import AudioInput
from greenroom.audio.decode import Decoder, create_decoder
from greenroom.audio.pcm import EMPTY, Pcm, ms_of
from greenroom.errors import CapacityExceeded, InvalidInput
from greenroom.providers.clock import Clock

INLINE_BYTES = 32_768
"""Raw samples up to this are taken on the event loop: at most half a millisecond's work."""


class AheadOfTime(CapacityExceeded):
    """The client's sound runs too far ahead of real time; the message was dropped."""

    def __init__(self, max_ahead_ms: int) -> None:
        super().__init__("ms of audio ahead of real time", max_ahead_ms)


class AudioIntake:
    """Turns `audio.input` messages into 16 kHz samples.

    Messages of one format and rate are one stream. How far the client is ahead is its sound's
    length less the time in which it would have been heard; a pause does not save up.
    """

    def __init__(self, clock: Clock, max_ahead_ms: int) -> None:
        self._clock = clock
        self._max_ahead_ms = max_ahead_ms
        self._ahead_ms = 0.0
        self._at = clock.time()
        self._stream = ("", 0)
        self._decoder: Decoder | None = None

    async def take(self, message: AudioInput) -> Pcm:
        """The message's samples, as far as they are decodable yet.

        Raises AudioUndecodable (the stream begins anew with the next message), AheadOfTime.
        """
        parts = EMPTY
        stream = (message.format, message.sample_rate)
        if stream != self._stream:
            parts = await self.finish()
            self._stream = stream
        if message.format == "pcm16" and len(message.audio) <= INLINE_BYTES:
            pcm = self._decode(message)
        else:
            pcm = await asyncio.to_thread(self._decode, message)
        self._spend(ms_of(len(pcm)))
        return np.concatenate([parts, pcm]) if len(parts) else pcm

    async def finish(self) -> Pcm:
        """The last of the current stream."""
        decoder, self._decoder = self._decoder, None
        if decoder is None:
            return EMPTY
        try:
            return await asyncio.to_thread(decoder.flush)
        except InvalidInput:
            # Its beginning was heard; an unfinished end is all that can be missing.
            return EMPTY

    def _decode(self, message: AudioInput) -> Pcm:
        try:
            if self._decoder is None:
                self._decoder = create_decoder(message.format, message.sample_rate)
            return self._decoder.decode(message.audio)
        except InvalidInput as error:
            self._decoder = None
            raise AudioUndecodable(error.problem) from error

    def _spend(self, ms: float) -> None:
        now = self._clock.time()
        ahead = max(0.0, self._ahead_ms - (now - self._at) * 1000)
        self._at = now
        if ahead + ms > self._max_ahead_ms:
            self._ahead_ms = ahead
            raise AheadOfTime(self._max_ahead_ms)
        self._ahead_ms = ahead + ms
