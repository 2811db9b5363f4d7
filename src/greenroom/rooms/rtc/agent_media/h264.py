"""H.264 in RTP, packetization mode 1 (RFC 6184): access units in Annex B to payloads and back."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from greenroom.rooms.rtc.agent_media.fragments import MAX_PAYLOAD, split_evenly

_IDR, _SPS, _DELIMITER, _FILLER = 5, 7, 9, 12
_STAP_A, _FU_A = 24, 28
_START_CODE = re.compile(rb"\x00\x00\x01")
_PREFIX = b"\x00\x00\x00\x01"


def nal_units(access_unit: bytes) -> Iterator[bytes]:
    """The NAL units of Annex B, without start codes and the zeros around them."""
    starts = [match.end() for match in _START_CODE.finditer(access_unit)]
    ends = [start - 3 for start in starts[1:]]
    for start, end in itertools.zip_longest(starts, ends):
        unit = access_unit[start:end].rstrip(b"\x00")
        if unit:
            yield unit


def packetize(frame: bytes, picture_id: int) -> list[bytes]:  # noqa: ARG001 - a format's signature
    """The payloads of an access unit; delimiters and filler, which say nothing, are left out."""
    payloads: list[bytes] = []
    small: list[bytes] = []
    size = 1
    for unit in nal_units(frame):
        if unit[0] & 31 in {_DELIMITER, _FILLER}:
            continue
        if small and size + 2 + len(unit) > MAX_PAYLOAD:
            payloads.append(_aggregate(small))
            small, size = [], 1
        if 3 + len(unit) > MAX_PAYLOAD:
            payloads += _fragments(unit)
        else:
            small.append(unit)
            size += 2 + len(unit)
    if small:
        payloads.append(_aggregate(small))
    return payloads


def _aggregate(units: list[bytes]) -> bytes:
    """One unit as it is, several as a STAP-A (section 5.7.1)."""
    if len(units) == 1:
        return units[0]
    importance = max(unit[0] & 0x60 for unit in units)
    parts = [len(unit).to_bytes(2, "big") + unit for unit in units]
    return bytes((importance | _STAP_A,)) + b"".join(parts)


def _fragments(unit: bytes) -> list[bytes]:
    """A large unit as FU-A (section 5.8)."""
    if len(unit) <= MAX_PAYLOAD:
        return [unit]
    body = unit[1:]
    parts = split_evenly(len(body), MAX_PAYLOAD - 2)
    indicator, kind = unit[0] & 0xE0 | _FU_A, unit[0] & 31
    fragments = []
    for index, part in enumerate(parts):
        start = 0 if index else 0x80
        end = 0x40 if index == len(parts) - 1 else 0
        fragments.append(bytes((indicator, start | end | kind)) + body[part])
    return fragments


def depacketize(payloads: Sequence[bytes]) -> bytes | None:
    """The access unit in Annex B of all its payloads in order; None where they make none."""
    out = bytearray()
    fragmented = False
    for payload in payloads:
        if len(payload) < 2:
            return None
        kind = payload[0] & 31
        if fragmented != (kind == _FU_A and not payload[1] & 0x80):
            return None  # a fragment without its beginning, or a beginning without its end
        if kind == _FU_A:
            if payload[1] & 0x80:
                out += _PREFIX + bytes((payload[0] & 0xE0 | payload[1] & 31,))
            out += payload[2:]
            fragmented = not payload[1] & 0x40
        elif kind == _STAP_A:
            if not _append_aggregated(out, payload):
                return None
        elif 0 < kind < _STAP_A:
            out += _PREFIX + payload
        else:
            return None  # STAP-B, MTAP, FU-B are not of mode 1
    return None if fragmented or not out else bytes(out)


def _append_aggregated(out: bytearray, payload: bytes) -> bool:
    position = 1
    while position < len(payload):
        size = int.from_bytes(payload[position : position + 2], "big")
        unit = payload[position + 2 : position + 2 + size]
        if not size or len(unit) < size:
            return False
        out += _PREFIX + unit
        position += 2 + size
    return True


def is_keyframe(frame: bytes) -> bool:
    """Whether an access unit has a slice of an IDR picture."""
    return any(
        frame[match.end()] & 31 == _IDR
        for match in _START_CODE.finditer(frame)
        if match.end() < len(frame)
    )
