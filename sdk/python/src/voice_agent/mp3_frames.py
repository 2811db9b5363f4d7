"""Finds the frames of MPEG audio, layer III (ISO/IEC 11172-3, 2.4.1.3; 13818-3 for low rates)."""

from __future__ import annotations

from dataclasses import dataclass

_BITRATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_BITRATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
"""kbit/s by index; 0 is "free", which nobody writes."""

_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""Hz by version (3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5) and index."""


@dataclass(frozen=True, slots=True)
class Mp3Frame:
    """Bytes `at` to `end`; `ms` of sound."""

    at: int
    end: int
    ms: float


def find_frame(data: bytes, at: int) -> Mp3Frame | None:
    """The first frame whose header is in `data` from `at` on."""
    while 0 <= (at := data.find(b"\xff", at)) <= len(data) - 4:
        if frame := _read_header(data, at):
            return frame
        at += 1
    return None


def _read_header(data: bytes, at: int) -> Mp3Frame | None:
    second, third = data[at + 1], data[at + 2]
    version, layer = second >> 3 & 3, second >> 1 & 3
    bitrate, rate = third >> 4, third >> 2 & 3
    if second & 0xE0 != 0xE0 or version == 1 or layer != 1 or bitrate in {0, 15} or rate == 3:
        return None
    first_version = version == 3
    kbits = (_BITRATES_1 if first_version else _BITRATES_2)[bitrate]
    hz = _RATES[version][rate]
    samples = 1152 if first_version else 576
    size = samples // 8 * kbits * 1000 // hz + (third >> 1 & 1)
    return Mp3Frame(at, at + size, samples * 1000 / hz)


def id3_size(head: bytes) -> int:
    """Bytes of the ID3v2 tag that `head` begins with; 0: none. (id3.org, ID3v2.4, 3.1)"""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size + (10 if head[5] & 0x10 else 0)
