"""WAV: whole files one after another, or a header and then bare samples; split anywhere."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from greenroom.audio.hearing import (
    AUDIO,
    Hearing,
    join,
    mono_of_floats,
    mono_of_integers,
)
from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.errors import InvalidInput

ALLOWED = (
    "WAV with PCM of 8, 16, 24 or 32 bit or float of 32 bit, 1 to 8 channels, 8000 to 48000 Hz"
)
MAX_FORMAT = 1_024
"""Bytes of a `fmt ` chunk; 40 are usual at most."""

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_AFTER_SOUND = (b"LIST", b"RIFF", b"id3 ", b"ID3 ", b"bext", b"cue ", b"fact", b"JUNK", b"PAD ")
"""Chunks that may follow the samples. Anything else there is sound: the header's size was wrong."""


@dataclass(frozen=True, slots=True)
class _Format:
    kind: int
    channels: int
    rate: int
    width: int
    """Bytes of one sample of one channel."""


class WavDecoder:
    """Decodes WAV to 16 kHz mono. Sizes in headers are believed only where they make sense.

    A message that begins with a RIFF header begins a new file, whatever was left of the last.
    """

    def __init__(self) -> None:
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._hearing = Hearing()
        self._begin_file()

    def _begin_file(self) -> None:
        self._bytes = bytearray()
        self._skip = 0
        self._in_riff = False
        self._format: _Format | None = None
        self._sound: int | None = None
        """Bytes of samples that are still to come, by the header; None: not in the samples."""

    def decode(self, data: bytes) -> Pcm:
        """See `Decoder.decode`. About 1 ms for a second of sound."""
        if self._in_riff and data[:4] == b"RIFF" and data[8:12] == b"WAVE":
            self._begin_file()
        self._bytes += data
        parts = []
        try:
            self._hearing.begin_call()
            while (part := self._step()) is not None:
                parts.append(part)
        except InvalidInput:
            self._begin_anew()
            raise
        return join(parts)

    def flush(self) -> Pcm:
        """See `Decoder.flush`."""
        rest = self._hearing.flush()
        self._begin_anew()
        return rest

    def _step(self) -> Pcm | None:
        """Go on by one header, chunk or run of samples; None: more must come."""
        if self._skip:
            step = min(self._skip, len(self._bytes))
            del self._bytes[:step]
            self._skip -= step
            return None if self._skip else EMPTY
        if self._sound is None:
            return self._header() if not self._in_riff else self._chunk()
        if self._sound == 0:
            return self._after_sound()
        return self._samples(self._sound)

    def _header(self) -> Pcm | None:
        held = self._bytes
        if not b"RIFF".startswith(held[:4]) or not b"WAVE".startswith(held[8:12]):
            raise InvalidInput(AUDIO, "not a WAV file", ALLOWED)
        if len(held) < 12:
            return None
        del held[:12]
        self._in_riff = True
        return EMPTY

    def _chunk(self) -> Pcm | None:
        held = self._bytes
        if len(held) < 8:
            return None
        name, size = bytes(held[:4]), int.from_bytes(held[4:8], "little")
        if name == b"RIFF":
            self._in_riff = False
            return EMPTY
        if name == b"fmt ":
            if size > MAX_FORMAT:
                raise InvalidInput(AUDIO, "a WAV file with a broken header", ALLOWED)
            if len(held) < 8 + size:
                return None
            self._format = _parse_format(bytes(held[8 : 8 + size]))
            del held[:8]
        elif name == b"data":
            if self._format is None:
                raise InvalidInput(
                    AUDIO, "a WAV file whose samples come before their format", ALLOWED
                )
            del held[:8]
            # 0 and all ones are what writes a header before it knows the size.
            self._sound = size if 0 < size < 0xFFFF_FF00 else -1
            return EMPTY
        else:
            del held[:8]
        self._skip = size + size % 2
        return EMPTY

    def _samples(self, left: int) -> Pcm | None:
        """`left` bytes, below 0 for no end, or as many as there are, in whole samples."""
        form = self._format
        assert form is not None  # noqa: S101 - there are no samples before their format
        block = form.channels * form.width
        size = len(self._bytes) if left < 0 else min(left, len(self._bytes))
        if 0 <= left < block:
            self._sound = 0
            return EMPTY
        size -= size % block
        if not size:
            return None
        raw = bytes(self._bytes[:size])
        del self._bytes[:size]
        if left > 0:
            self._sound = left - size
        return self._hearing.take(_to_mono(raw, form), form.rate)

    def _after_sound(self) -> Pcm | None:
        """Another chunk or file, or, where the size in the header was wrong, more samples."""
        held = self._bytes
        if len(held) < 5:
            return None
        if held[0] == 0 and held[1:5] in _AFTER_SOUND:  # pads an odd size
            del held[:1]
        self._sound = None if held[:4] in _AFTER_SOUND else -1
        return EMPTY


def _parse_format(chunk: bytes) -> _Format:
    """Raises InvalidInput for what isn't decoded here."""
    if len(chunk) < 16:
        raise InvalidInput(AUDIO, "a WAV file with a broken header", ALLOWED)
    kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if kind == _EXTENSIBLE and len(chunk) >= 26:
        kind = int.from_bytes(chunk[24:26], "little")  # the first bytes of the sub-format
    widths = {_PCM: (8, 16, 24, 32), _FLOAT: (32,)}.get(kind, ())
    if bits not in widths or not 1 <= channels <= 8 or not 8_000 <= rate <= 48_000:
        problem = f"WAV of kind {kind}, {bits} bit, {channels} channels, {rate} Hz"
        raise InvalidInput(AUDIO, problem, ALLOWED)
    return _Format(kind, channels, rate, bits // 8)


def _to_mono(raw: bytes, form: _Format) -> Pcm:
    if form.kind == _FLOAT:
        return mono_of_floats(np.frombuffer(raw, "<f4").reshape(-1, form.channels))
    match form.width:
        case 1:
            samples = (np.frombuffer(raw, np.uint8).astype(np.int16) - 128) << 8
        case 2:
            samples = np.frombuffer(raw, "<i2")
        case width:  # 3 or 4: the two upper bytes
            octets = np.frombuffer(raw, np.uint8).reshape(-1, width)
            samples = np.ascontiguousarray(octets[:, width - 2 :]).view("<i2")
    return mono_of_integers(samples.reshape(-1, form.channels))
