"""The sound that a server answers with, made into samples as its bytes come.

Servers differ: some send WAV where bare samples were asked for, or samples of another rate than
they should; pieces end in the middle of a sample.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Literal, Protocol, TypeAlias

import numpy as np

from greenroom.audio.decode import Decoder, create_decoder
from greenroom.audio.pcm import EMPTY, HEARING_RATE, Pcm
from greenroom.audio.resample import Resampler
from greenroom.errors import InvalidInput

SoundFormat: TypeAlias = Literal["pcm", "wav", "mp3", "opus"]
FORMATS: tuple[SoundFormat, ...] = ("pcm", "wav", "mp3", "opus")
_PACKED = (
    ("mp3", re.compile(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]")),
    ("opus", re.compile(rb"OggS")),
    ("flac", re.compile(rb"fLaC")),
)
"""What files of these formats begin with; speech, which begins with silence, does not."""
_MAX_HEADER = 4_096
"""Bytes before the samples of a WAV; 44 are usual."""
_PCM, _EXTENSIBLE = 1, 0xFFFE
_AFTER_SOUND = (b"LIST", b"id3 ", b"ID3 ", b"fact", b"cue ", b"bext", b"JUNK", b"PAD ")
"""Chunks that may follow the samples of a WAV."""

logger = logging.getLogger(__name__)


class WrongSound(Exception):
    """Bytes that are not the sound that was asked for. The message is a sentence's end."""


class Sound(Protocol):
    """The sound of one answer, in the order of its bytes. For one reader."""

    async def feed(self, data: bytes) -> Pcm:
        """The samples that are complete now; perhaps none. Raises WrongSound."""
        ...

    async def flush(self) -> Pcm:
        """No more comes: the rest. Raises WrongSound."""
        ...


def rate_of(format: SoundFormat, rate: int) -> int:  # noqa: A002 - the API's name
    """Hz of what `open_sound` gives: `rate`, or that of the decoders of packed formats."""
    return rate if format in {"pcm", "wav"} else HEARING_RATE


def open_sound(format: SoundFormat, rate: int) -> Sound:  # noqa: A002 - the API's name
    """A reader. `rate` in Hz is that of bare samples, and what WAV is resampled to."""
    if format in {"pcm", "wav"}:
        return _Samples(rate)
    return _Packed(create_decoder(format, HEARING_RATE))


class _Packed:
    """MP3 or Ogg Opus."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    async def feed(self, data: bytes) -> Pcm:
        try:
            return await asyncio.to_thread(self._decoder.decode, data)
        except InvalidInput as error:
            raise WrongSound(error.problem) from None

    async def flush(self) -> Pcm:
        return await asyncio.to_thread(self._decoder.flush)


class _Samples:
    """Samples of 16 bit, little-endian: bare and mono, or in a WAV of up to 8 channels."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._held = bytearray()
        self._bare: bool | None = None
        """Whether there is no header; None: that can't be told yet."""
        self._channels = 1
        self._left: int | None = None
        """Bytes of samples still to come, by the WAV's header; None: it does not say."""
        self._resampler = Resampler(rate, rate)

    async def feed(self, data: bytes) -> Pcm:
        self._held += data
        if self._bare is None:
            self._begin()
        if self._bare is None:
            return EMPTY
        if self._left == 0:
            self._go_on_behind_the_end()
        block = 2 * self._channels
        size = len(self._held) if self._left is None else min(self._left, len(self._held))
        size -= size % block
        samples = np.frombuffer(bytes(self._held[:size]), "<i2")
        del self._held[:size]
        if self._left is not None:
            self._left = 0 if self._left - size < block else self._left - size
        if self._channels > 1:
            mean = samples.reshape(-1, self._channels).mean(axis=1)
            samples = mean.astype(np.int16)
        return self._resampler.process(samples.astype(np.int16, copy=False))

    async def flush(self) -> Pcm:
        if self._held and self._left is None:
            logger.debug("the sound ends with %d bytes that are no whole sample", len(self._held))
        return self._resampler.flush()

    def _begin(self) -> None:
        """Look at the beginning: a header, samples, or something else."""
        head = bytes(self._held[:4])
        if len(head) < 4:
            return
        for name, magic in _PACKED:
            if magic.match(head):
                raise WrongSound(f"it sent {name} where samples were asked for")
        if head != b"RIFF":
            self._bare = True
            return
        self._read_header()

    def _read_header(self) -> None:
        """See RIFF's chunks: a name, a size, and as many bytes, rounded up to even."""
        held, at = self._held, 12
        form = b""
        while len(held) >= at + 8:
            name, size = bytes(held[at : at + 4]), int.from_bytes(held[at + 4 : at + 8], "little")
            at += 8
            if name == b"data":
                self._take_format(form)
                # 0 and all ones are what writes a header before it knows the size.
                self._left = size if 0 < size < 0xFFFF_FF00 else None
                self._bare = False
                del held[:at]
                return
            if name == b"fmt ":
                form = bytes(held[at : at + size])
            at += size + size % 2
        if at > _MAX_HEADER or len(held) > _MAX_HEADER:
            raise WrongSound("it sent a WAV without samples")

    def _take_format(self, form: bytes) -> None:
        kind, channels = int.from_bytes(form[:2], "little"), int.from_bytes(form[2:4], "little")
        rate, bits = int.from_bytes(form[4:8], "little"), int.from_bytes(form[14:16], "little")
        if kind == _EXTENSIBLE:
            kind = int.from_bytes(form[24:26], "little")
        if kind != _PCM or bits != 16 or not 1 <= channels <= 8 or not 8_000 <= rate <= 96_000:
            raise WrongSound(
                f"it sent WAV of kind {kind}, {bits} bit, {channels} channels, {rate} Hz; "
                "PCM of 16 bit, 8000 to 96000 Hz is understood"
            )
        self._channels = channels
        self._resampler = Resampler(rate, self._rate)

    def _go_on_behind_the_end(self) -> None:
        """Behind the samples: chunks that are no sound, or more samples than the header said."""
        if len(self._held) >= 4 and bytes(self._held[:4]) not in _AFTER_SOUND:
            self._left = None
