"""Cuts sound into messages of about MAX_MS, each with the length of the sound in it.

The length is read from the sound's own framing, so that compressed sound can be paced as well. What
is not understood is passed on all the same: the server has the decoder, and says what is wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from voice_agent.mp3_frames import find_frame, id3_size

InputFormat: TypeAlias = Literal["pcm16", "opus", "mp3", "wav"]
FORMATS = ("pcm16", "opus", "mp3", "wav")

MAX_MS = 500.0
"""Of sound in a message; an Ogg page is not cut, and may be longer."""

MAX_BYTES = 262_144
"""Of sound in a message, before base64."""

MAX_HEAD = 65_536
"""Bytes in which a WAV or Ogg file's head must end."""

GUESSED_BYTES_PER_MS = 16.0
"""128 kbit/s: for bytes of an MP3 stream that are no frame."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one message carries: `ms` of sound."""

    data: bytes
    ms: float


class Cutter(Protocol):
    """One stream of sound. All methods raise ValueError for what can't be its format."""

    @property
    def head(self) -> bytes:
        """What a decoder must have before it can start in the middle; may be empty."""
        ...

    def feed(self, data: bytes) -> list[Piece]:
        """What is complete with these bytes."""
        ...

    def flush(self) -> list[Piece]:
        """No more comes: the rest."""
        ...


def create_cutter(format: InputFormat, sample_rate: int) -> Cutter:  # noqa: A002 - the wire's name
    """A cutter for a stream; `sample_rate` (Hz) is of pcm16."""
    match format:
        case "pcm16":
            return PcmCutter(sample_rate)
        case "wav":
            return WavCutter()
        case "mp3":
            return Mp3Cutter()
        case "opus":
            return OggCutter()


class _Group:
    """Collects units (frames, pages) up to a message's size."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._ms = 0.0

    def add(self, unit: bytes, ms: float) -> Iterator[Piece]:
        full = self._ms + ms > MAX_MS or len(self._data) + len(unit) > MAX_BYTES
        if self._data and full:
            yield from self.take()
        self._data += unit
        self._ms += ms

    def take(self) -> Iterator[Piece]:
        if self._data:
            yield Piece(bytes(self._data), self._ms)
        self._data.clear()
        self._ms = 0.0


class PcmCutter:
    """16 bit, signed, little-endian, mono."""

    head = b""

    def __init__(self, rate: int) -> None:
        self._bytes_per_ms = rate * 2 / 1000
        self._step = int(rate * MAX_MS / 1000) * 2
        self._rest = b""

    def feed(self, data: bytes) -> list[Piece]:
        """Whole samples."""
        if self._rest:
            data = self._rest + data
        whole = len(data) & ~1
        self._rest = data[whole:]
        if whole == len(data) <= self._step:
            return [Piece(data, whole / self._bytes_per_ms)] if data else []
        return [
            Piece(cut, len(cut) / self._bytes_per_ms)
            for at in range(0, whole, self._step)
            if (cut := data[at : min(at + self._step, whole)])
        ]

    def flush(self) -> list[Piece]:
        """Half a sample is left only where something is wrong."""
        if self._rest:
            raise ValueError("pcm16 has an odd number of bytes; a sample has two")
        return []


class WavCutter:
    """A RIFF file, or pieces of it."""

    def __init__(self) -> None:
        self.head = b""
        self._buffer = b""
        self._step = 0
        self._bytes_per_ms = 0.0

    def feed(self, data: bytes) -> list[Piece]:
        """Whole blocks (frames of all channels); before the head is complete, nothing."""
        self._buffer += data
        pieces = []
        if not self.head:
            if not self._read_head():
                return []
            pieces.append(Piece(self.head, 0.0))
        while len(self._buffer) >= self._step:
            pieces.append(self._cut(self._step))
        whole = len(self._buffer) // self._block * self._block
        if whole:
            pieces.append(self._cut(whole))
        return pieces

    def flush(self) -> list[Piece]:
        """What is left of a block, or a head that did not end: the server's decoder judges it."""
        rest = self._buffer
        self._buffer = b""
        return [Piece(rest, 0.0)] if rest else []

    def _cut(self, size: int) -> Piece:
        cut, self._buffer = self._buffer[:size], self._buffer[size:]
        return Piece(cut, size / self._bytes_per_ms)

    def _read_head(self) -> bool:
        """RIFF chunks up to `data`'s. (Multimedia Programming Interface 1.0, 1991)"""
        buffer = self._buffer
        if len(buffer) >= 12 and (buffer[:4] != b"RIFF" or buffer[8:12] != b"WAVE"):
            raise ValueError("this is no WAV file: it does not begin with RIFF and WAVE")
        at, found = 12, False
        while len(buffer) >= at + 8:
            kind, size = struct.unpack_from("<4sI", buffer, at)
            at += 8
            if kind == b"data":
                if not found:
                    raise ValueError("this WAV file has no fmt chunk before its data")
                self.head, self._buffer = buffer[:at], buffer[at:]
                return True
            if kind == b"fmt " and len(buffer) >= at + 16:
                found = True
                byte_rate, self._block = struct.unpack_from("<IH", buffer, at + 8)
                if not byte_rate or not self._block:
                    raise ValueError("this WAV file's fmt chunk says nothing of its rate")
                self._bytes_per_ms = byte_rate / 1000
                step = min(int(byte_rate * MAX_MS / 1000), MAX_BYTES)
                self._step = max(step // self._block, 1) * self._block
            at += size + size % 2
        if len(buffer) > MAX_HEAD:
            raise ValueError(f"this WAV file's data begins after more than {MAX_HEAD} bytes")
        return False

    _block = 1


class Mp3Cutter:
    """MPEG audio, layer III, or pieces of it."""

    head = b""

    def __init__(self) -> None:
        self._buffer = b""
        self._tag_left = 0
        self._begun = False
        self._group = _Group()

    def feed(self, data: bytes) -> list[Piece]:
        """Whole frames."""
        self._buffer += data
        pieces = list(self._units(end=False))
        pieces.extend(self._group.take())
        return pieces

    def flush(self) -> list[Piece]:
        """The last frame, complete or not."""
        pieces = list(self._units(end=True))
        pieces.extend(self._group.take())
        return pieces

    def _units(self, *, end: bool) -> Iterator[Piece]:
        at, buffer = 0, self._buffer
        if not self._begun and len(buffer) >= 10:
            self._begun = True
            self._tag_left = id3_size(buffer)
        while self._tag_left and at < len(buffer):
            tag = buffer[at : at + min(self._tag_left, MAX_BYTES)]
            self._tag_left -= len(tag)
            at += len(tag)
            yield from self._group.add(tag, 0.0)
        while self._begun and (frame := find_frame(buffer, at)):
            yield from self._skipped(buffer[at : frame.at])
            at = frame.at
            if len(buffer) < frame.end:
                break
            yield from self._group.add(buffer[frame.at : frame.end], frame.ms)
            at = frame.end
        rest = buffer[at:]
        if end or len(rest) > MAX_HEAD:
            yield from self._skipped(rest)
            rest = b""
        self._buffer = rest

    def _skipped(self, data: bytes) -> Iterator[Piece]:
        for at in range(0, len(data), MAX_BYTES):
            part = data[at : at + MAX_BYTES]
            yield from self._group.add(part, len(part) / GUESSED_BYTES_PER_MS)


class OggCutter:
    """Opus in Ogg (RFC 7845, RFC 3533), or pieces of it: page by page."""

    def __init__(self) -> None:
        self.head = b""
        self._buffer = b""
        self._granule = 0
        self._group = _Group()

    def feed(self, data: bytes) -> list[Piece]:
        """Whole pages."""
        self._buffer += data
        pieces: list[Piece] = []
        while page := self._page():
            pieces.extend(self._group.add(page, self._length(page)))
        pieces.extend(self._group.take())
        return pieces

    def flush(self) -> list[Piece]:
        """A page that is not complete: the server's decoder judges it."""
        rest, self._buffer = self._buffer, b""
        return [Piece(rest, 0.0)] if rest else []

    def _page(self) -> bytes:
        start = self._buffer.find(b"OggS")
        if start < 0 and len(self._buffer) > MAX_HEAD:
            raise ValueError("this is no Ogg stream: it has no page in 64 KB")
        buffer = self._buffer[start:] if start > 0 else self._buffer
        if start < 0 or len(buffer) < 27 or len(buffer) < 27 + buffer[26]:
            return b""
        size = 27 + buffer[26] + sum(buffer[27 : 27 + buffer[26]])
        if len(buffer) < size:
            return b""
        self._buffer = buffer[size:]
        return buffer[:size]

    def _length(self, page: bytes) -> float:
        """In ms. The granule position counts samples at 48 kHz up to the page's end."""
        flags, granule = struct.unpack_from("<Bq", page, 5)
        if flags & 2:  # the first page of a stream
            self.head, self._granule = b"", 0
        if granule == 0:
            if len(self.head) + len(page) <= MAX_HEAD:
                self.head += page
            return 0.0
        before, self._granule = self._granule, max(granule, 0) or self._granule
        ms = (self._granule - before) / 48
        # A stream that is joined in its middle begins anywhere: then packets of 20 ms are supposed.
        return ms if 0 <= ms <= 10_000 else page[26] * 20.0
