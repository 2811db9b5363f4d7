"""MP3 as a run of frames: bytes in, frames out (ISO 11172-3, 13818-3; MPEG 2.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# kbit/s by the header's index, of MPEG 1 and of MPEG 2 and 2.5; 0 and 15 are not allowed here.
_BIT_RATES = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
)
_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""Hz, by the header's version: 3 is MPEG 1, 2 is MPEG 2, 0 is MPEG 2.5."""

DECODER_DELAY = 529
"""Samples by which every decoder of Layer III is late: of the filter bank and of the overlap."""
MAX_SKIPPED = 65_536
"""Bytes that are neither frame nor tag before a stream is given up."""

_CANDIDATE = re.compile(rb"[\xffIT]")


@dataclass(frozen=True, slots=True)
class Header:
    """The four bytes at the beginning of a frame."""

    version: int
    rate: int
    size: int
    """Bytes of the frame, these four included."""
    samples: int
    side: int
    """Bytes of side information, after which a Xing header may stand."""

    def same_stream(self, other: Header) -> bool:
        """Whether two frames can follow each other."""
        return (self.version, self.rate) == (other.version, other.rate)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of sound."""

    header: Header
    data: bytes


@dataclass(frozen=True, slots=True)
class FileBegins:
    """A file's first frame, which holds no sound but how much of the sound is padding."""

    frames: int | None
    skip: int
    """Samples at the beginning that are not of the sound."""
    drop: int
    """Samples at the end of the last frame that are not of the sound."""


def parse_header(data: bytes | bytearray, at: int = 0) -> Header | None:
    """The header at `at`; None where there is none of Layer III."""
    if len(data) < at + 4 or data[at] != 0xFF or data[at + 1] & 0xE6 != 0xE2:
        return None
    version = data[at + 1] >> 3 & 3
    third = data[at + 2]
    rate_index = third >> 2 & 3
    if version == 1 or rate_index == 3:
        return None
    kilobits = _BIT_RATES[version != 3][third >> 4]
    if not kilobits:
        return None
    rate = _RATES[version][rate_index]
    samples = 1_152 if version == 3 else 576
    size = samples // 8 * kilobits * 1_000 // rate + (third >> 1 & 1)
    mono = data[at + 3] >> 6 == 3
    side = (17 if mono else 32) if version == 3 else (9 if mono else 17)
    return Header(version, rate, size, samples, side)


class FrameReader:
    """Finds frames in bytes that are split anywhere. Tags are left out, damage is skipped."""

    def __init__(self) -> None:
        self.skipped = 0
        """Bytes since the last frame that belong to neither frame nor tag."""
        self.found = False
        """Whether there has been a frame or a tag."""
        self._bytes = bytearray()
        self._tag = 0
        self._stream: Header | None = None

    @property
    def hopeless(self) -> bool:
        """Whether this is no MP3: at once if it begins with nothing like it, else after a while."""
        begins_wrong = not self.found and self.skipped > 0 and not self._bytes
        return begins_wrong or self.skipped > MAX_SKIPPED

    def feed(self, data: bytes) -> Iterator[Frame | FileBegins]:
        """The frames that are complete with `data`. Holds back at most a frame and a header.

        Ends early where it has become `hopeless`.
        """
        self._bytes += data
        at = 0
        while not self.hopeless:
            if self._tag:
                step = min(self._tag, len(self._bytes) - at)
                self._tag -= step
                at += step
                if self._tag:
                    break
            size = self._tag_size(at)
            if size is None:
                break
            if size:
                self._tag, self.found = size, True
                continue
            header = self._frame_at(at)
            if header is None:
                break
            if header.size == 0:
                found = _CANDIDATE.search(self._bytes, at + 1)
                step = (found.start() if found else len(self._bytes)) - at
                at += step
                self.skipped += step
                continue
            frame = bytes(self._bytes[at : at + header.size])
            at += header.size
            self._stream, self.found, self.skipped = header, True, 0
            yield _file_header(header, frame) or Frame(header, frame)
        del self._bytes[:at]

    def _tag_size(self, at: int) -> int | None:
        """Bytes of the tag here, 0 where there is none; None: more must come to tell."""
        here = self._bytes[at : at + 10]
        if not here:
            return None
        if here.startswith(b"ID3"):
            if len(here) < 10:
                return None
            footer = 10 if here[5] & 0x10 else 0
            size = here[6] << 21 | here[7] << 14 | here[8] << 7 | here[9]  # 7 bits of each
            return 10 + size + footer
        if here.startswith(b"TAG"):
            return 128
        unclear = len(here) < 3 and (b"ID3".startswith(here) or b"TAG".startswith(here))
        return None if unclear else 0

    def _frame_at(self, at: int) -> Header | None:
        """The header of a whole frame here; one of size 0: no frame; None: more must come.

        The first frame after something else counts only if another follows it: sound is full of
        bytes that look like a header.
        """
        held = len(self._bytes) - at
        if held < 4:
            return None if self._bytes.startswith(b"\xff", at) else _NO_FRAME
        header = parse_header(self._bytes, at)
        if header is None:
            self._stream = None
            return _NO_FRAME
        if self._stream is not None and header.same_stream(self._stream):
            return header if held >= header.size else None
        if held < header.size + 4:
            return None
        after = parse_header(self._bytes, at + header.size)
        return header if after is not None and after.same_stream(header) else _NO_FRAME

    def rest(self) -> Frame | None:
        """No more comes: the last frame, if it is whole and waited for another after it."""
        header = parse_header(self._bytes)
        if header is None or len(self._bytes) != header.size:
            return None
        return Frame(header, bytes(self._bytes))


_NO_FRAME = Header(0, 0, 0, 0, 0)


def _file_header(header: Header, frame: bytes) -> FileBegins | None:
    """What a Xing or Info header says, with LAME's figures if they are there."""
    at = 4 + header.side
    if frame[at : at + 4] not in (b"Xing", b"Info"):
        return FileBegins(None, 0, 0) if frame[36:40] == b"VBRI" else None
    flags = int.from_bytes(frame[at + 4 : at + 8])
    at += 8
    frames = None
    if flags & 1:
        frames = int.from_bytes(frame[at : at + 4])
    at += 4 * bool(flags & 1) + 4 * bool(flags & 2) + 100 * bool(flags & 4) + 4 * bool(flags & 8)
    gap = int.from_bytes(frame[at + 21 : at + 24])  # after the encoder's name and 12 bytes
    delay, padding = gap >> 12, gap & 0xFFF
    if not frame[at : at + 4].strip(b"\0") or not delay:
        return FileBegins(frames, 0, 0)
    return FileBegins(frames, delay + DECODER_DELAY, max(0, padding - DECODER_DELAY))
