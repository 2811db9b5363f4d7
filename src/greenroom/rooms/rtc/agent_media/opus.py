"""Opus, mono, for frames of 20 ms at any rate that Opus itself knows.

The coder works at the caller's rate, so that no filter delays the sound: the rate of the RTP clock
is 48 kHz whatever the rate of the samples (RFC 7587 section 4.1).
"""

from __future__ import annotations

import ctypes
from typing import Protocol

import numpy as np

from greenroom.audio.pcm import Pcm
from greenroom.rooms.rtc.agent_media.opus_by_av import AvOpusDecoder, AvOpusEncoder
from greenroom.rooms.rtc.agent_media.opus_library import OpusLibrary, opus_library

CLOCK_RATE = 48_000
"""Hz of every Opus RTP timestamp."""
FRAME_MS = 20
FRAME_TICKS = CLOCK_RATE * FRAME_MS // 1000
"""RTP clock ticks of a frame."""
RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
"""Hz that Opus takes and gives without a resampler of ours."""
SILENT_FRAME = bytes((0xF8, 0xFF, 0xFE))
"""20 ms of digital silence: one full-band CELT frame, mono, whose silence flag is set (RFC 6716
sections 3.1 and 4.3). Any decoder state goes over to it without a click."""
MAX_PACKET = 1_275
"""Bytes of a frame at most (RFC 6716 section 3.2.1)."""
MAX_TICKS = 5_760
"""RTP clock ticks of a packet at most: 120 ms."""

BITRATE = 48_000
BITRATE_WITH_REPETITION = 40_000
COMPLEXITY = 5
REPEAT_FROM = 0.05
"""Expected loss from which frames are coded for speech, each with a coarse copy of the one before
(in-band FEC). Measured: 210 to 290 us a frame then, 60 to 80 us without."""
REPEAT_UNTIL = 0.02

# From opus_defines.h; the same since version 1.0.
_APPLICATION_VOIP, _APPLICATION_LOW_DELAY = 2048, 2051
_SET_BITRATE, _SET_COMPLEXITY, _SET_FEC, _SET_LOSS, _RESET = 4002, 4010, 4012, 4014, 4028


class OpusEncoder(Protocol):
    """Encodes one stream."""

    def encode(self, pcm: Pcm) -> bytes:
        """One frame of exactly 20 ms to one packet."""
        ...

    def after_silence(self) -> None:
        """SILENT_FRAMEs were sent since the last call of `encode`, which was of silence too."""
        ...

    def set_expected_loss(self, fraction: float) -> None:
        """The share of packets that gets lost on the way, 0 to 1."""
        ...


class OpusDecoder(Protocol):
    """Decodes one stream; stereo is folded to mono."""

    def decode(self, packet: bytes) -> Pcm | None:
        """The samples of a packet; None where it can't be decoded."""
        ...

    def conceal(self, samples: int, following: bytes | None = None) -> Pcm:
        """What may have been in lost packets of `samples` in all, at most 120 ms.

        `following` is the packet after the gap, which may repeat the last of the lost ones.
        """
        ...


def opus_encoder(rate: int) -> OpusEncoder:
    """An encoder for samples at `rate` Hz, one of RATES."""
    library = opus_library()
    return AvOpusEncoder(rate) if library is None else LibOpusEncoder(library, rate)


def opus_decoder(rate: int) -> OpusDecoder:
    """A decoder to samples at `rate` Hz, one of RATES."""
    library = opus_library()
    return AvOpusDecoder(rate) if library is None else LibOpusDecoder(library, rate)


class LibOpusEncoder:
    """By libopus; its state lives in memory of Python's, so there is nothing to close.

    Without expected loss it codes by CELT alone, which for 48 kbit/s of mono is transparent for
    speech, looks 2.5 ms ahead instead of 6.5 and takes a third of the time.
    """

    def __init__(self, library: OpusLibrary, rate: int) -> None:
        self._library, self._rate = library, rate
        self._state = ctypes.create_string_buffer(library.encoder_size(1))
        self._out = ctypes.create_string_buffer(MAX_PACKET)
        self._out_at = ctypes.addressof(self._out)
        self._repeating = False
        self._loss = 0
        self._begin()

    def _begin(self) -> None:
        application = _APPLICATION_VOIP if self._repeating else _APPLICATION_LOW_DELAY
        if self._library.encoder_init(self._state, self._rate, 1, application):
            raise ValueError(f"no Opus encoder for {self._rate} Hz")
        self._set(_SET_COMPLEXITY, COMPLEXITY)
        self._set(_SET_BITRATE, BITRATE_WITH_REPETITION if self._repeating else BITRATE)
        self._set(_SET_FEC, int(self._repeating))
        self._set(_SET_LOSS, self._loss)

    def _set(self, request: int, value: int) -> None:
        if self._library.encoder_ctl(self._state, request, ctypes.c_int32(value)):
            raise ValueError(f"libopus refuses {value} for {request}")

    def encode(self, pcm: Pcm) -> bytes:
        """See OpusEncoder."""
        if len(pcm) * 1000 != self._rate * FRAME_MS:
            raise ValueError(f"{len(pcm)} samples are not a frame at {self._rate} Hz")
        size = self._library.encode(self._state, pcm.tobytes(), len(pcm), self._out_at, MAX_PACKET)
        if size < 0:  # only for arguments that make no sense
            raise ValueError(f"libopus fails with {size}")
        return ctypes.string_at(self._out_at, size)

    def after_silence(self) -> None:
        """See OpusEncoder."""
        # A decoder resets its speech coder when CELT frames end, as SILENT_FRAME is one; CELT
        # itself goes on from silence, as this encoder does.
        if self._repeating:
            self._library.encoder_ctl(self._state, _RESET)

    def set_expected_loss(self, fraction: float) -> None:
        """See OpusEncoder."""
        self._loss = round(100 * min(max(fraction, 0.0), 1.0))
        repeating = fraction >= (REPEAT_UNTIL if self._repeating else REPEAT_FROM)
        if repeating != self._repeating:
            self._repeating = repeating
            self._begin()  # decoders blend the two ways of coding over 5 ms
        else:
            self._set(_SET_LOSS, self._loss)


class LibOpusDecoder:
    """By libopus; there is nothing to close."""

    def __init__(self, library: OpusLibrary, rate: int) -> None:
        self._library = library
        self._state = ctypes.create_string_buffer(library.decoder_size(1))
        if library.decoder_init(self._state, rate, 1):
            raise ValueError(f"no Opus decoder for {rate} Hz")
        self._capacity = MAX_TICKS * rate // CLOCK_RATE
        self._grain = rate // 400  # 2.5 ms, the unit of time in Opus
        self._out = np.empty(self._capacity, np.int16)
        self._out_at = self._out.ctypes.data

    def decode(self, packet: bytes) -> Pcm | None:
        """See OpusDecoder."""
        samples = self._library.decode(
            self._state, packet, len(packet), self._out_at, self._capacity, 0
        )
        return None if samples < 0 else self._out[:samples].copy()

    def conceal(self, samples: int, following: bytes | None = None) -> Pcm:
        """See OpusDecoder."""
        whole = min(samples, self._capacity) // self._grain * self._grain
        pcm: Pcm = np.zeros(samples, np.int16)
        if whole:
            packet = following or None
            made = self._library.decode(
                self._state, packet, len(packet or b""), self._out_at, whole, int(bool(packet))
            )
            if made > 0:
                pcm[:made] = self._out[:made]
        return pcm
