"""AV1 in RTP (RTP Payload Format For AV1, version 1.0.0): temporal units to payloads and back.

In RTP an OBU has no size field of its own, and temporal delimiters aren't sent (sections 4.4, 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from greenroom.rooms.rtc.agent_media.fragments import MAX_PAYLOAD

_SEQUENCE_HEADER, _TEMPORAL_DELIMITER, _TILE_LIST, _PADDING = 1, 2, 8, 15
_UNSENT = frozenset({_TEMPORAL_DELIMITER, _TILE_LIST, _PADDING})
_HAS_EXTENSION, _HAS_SIZE = 0x04, 0x02
_CONTINUES_LAST, _IS_CONTINUED, _NEW_SEQUENCE = 0x80, 0x40, 0x08  # Z, Y, N
_MIN_FRAGMENT = 16
"""Bytes: less of an OBU is not worth putting at a packet's end."""


def _leb128(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_leb128(data: bytes, position: int) -> tuple[int, int] | None:
    """Value and the position after it; None where it is cut off or longer than four bytes."""
    value = 0
    for index in range(4):
        if position + index >= len(data):
            return None
        byte = data[position + index]
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, position + index + 1
    return None


def obus(temporal_unit: bytes) -> Iterator[bytes]:
    """The OBUs of the low-overhead format without their size fields, as far as they are sound."""
    position = 0
    while position < len(temporal_unit):
        header = temporal_unit[position]
        start = position + 1 + bool(header & _HAS_EXTENSION)
        end = len(temporal_unit)
        if header & _HAS_SIZE:
            size = _read_leb128(temporal_unit, start)
            if size is None or size[1] + size[0] > end:
                return
            end, body = size[1] + size[0], size[1]
        else:
            body = start
        head = bytes((header & ~_HAS_SIZE,)) + temporal_unit[position + 1 : start]
        yield head + temporal_unit[body:end]
        position = end


def _kind(obu: bytes | bytearray) -> int:
    return obu[0] >> 3 & 15


def packetize(frame: bytes, picture_id: int) -> list[bytes]:  # noqa: ARG001 - a format's signature
    """The payloads of a temporal unit: each OBU, or piece of one, with its length before it."""
    payloads: list[bytearray] = []
    room = 0
    for obu in obus(frame):
        if _kind(obu) in _UNSENT:
            continue
        rest, continued = obu, False
        while rest:
            if room < min(len(rest), _MIN_FRAGMENT) + 2 or continued:
                payloads.append(bytearray((_CONTINUES_LAST if continued else 0,)))
                room = MAX_PAYLOAD - 1
            piece, rest = rest[: room - 2], rest[room - 2 :]
            payloads[-1] += _leb128(len(piece)) + piece
            room = MAX_PAYLOAD - len(payloads[-1])
            if rest:
                payloads[-1][0] |= _IS_CONTINUED
                continued = True
    if payloads and is_keyframe(frame):
        payloads[0][0] |= _NEW_SEQUENCE
    return [bytes(payload) for payload in payloads]


def depacketize(payloads: Sequence[bytes]) -> bytes | None:
    """The temporal unit of all its payloads in order; None where they make none."""
    units: list[bytearray] = []
    continued = False
    for payload in payloads:
        elements = _elements(payload)
        if elements is None or bool(payload[0] & _CONTINUES_LAST) != continued:
            return None
        if continued:
            units[-1] += elements.pop(0)
        units += [bytearray(element) for element in elements]
        continued = bool(payload[0] & _IS_CONTINUED)
    if continued or not units or not all(units):
        return None
    return b"".join(_with_size(bytes(unit)) for unit in units if _kind(unit) not in _UNSENT)


def _elements(payload: bytes) -> list[bytes] | None:
    """The OBU elements of a payload (section 4.3); None where a length makes no sense."""
    if len(payload) < 2:
        return None
    count = payload[0] >> 4 & 3  # 0: each has its length; else the last one has none
    elements: list[bytes] = []
    position = 1
    while position < len(payload):
        if count and len(elements) == count - 1:
            elements.append(payload[position:])
            return elements
        size = _read_leb128(payload, position)
        if size is None or size[1] + size[0] > len(payload):
            return None
        elements.append(payload[size[1] : size[1] + size[0]])
        position = size[1] + size[0]
    return elements if len(elements) == (count or len(elements)) else None


def _with_size(obu: bytes) -> bytes:
    """An OBU with a size field, as decoders want it."""
    if obu[0] & _HAS_SIZE:  # allowed, if unusual
        return obu
    start = 1 + bool(obu[0] & _HAS_EXTENSION)
    body = obu[start:]
    return bytes((obu[0] | _HAS_SIZE,)) + obu[1:start] + _leb128(len(body)) + body


def is_keyframe(frame: bytes) -> bool:
    """Whether a temporal unit begins a coded video sequence: it has a sequence header."""
    return any(_kind(obu) == _SEQUENCE_HEADER for obu in obus(frame) if obu)
