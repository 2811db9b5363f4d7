"""Looks at an SCTP packet before aiortc does, which takes what the other side says on trust.

aiortc's decoder never returns from a parameter of length 0, and counts through whatever range of
numbers a SACK claims. Everything that could cost more than its own length is refused here.
"""

from __future__ import annotations

from struct import Struct

# RFC 9260, section 3.3, RFC 3758 and RFC 6525.
_DATA, _INIT, _INIT_ACK, _SACK, _HEARTBEAT, _HEARTBEAT_ACK, _ABORT = 0, 1, 2, 3, 4, 5, 6
_ERROR, _RECONFIG, _FORWARD_TSN = 9, 130, 192

_COMMON_HEADER_BYTES = 12
_CHUNK_HEADER_BYTES = 4
# Bytes before the parameters, of the chunks that have some.
_PARAMETERS_AT = {
    _INIT: 20,
    _INIT_ACK: 20,
    _HEARTBEAT: 4,
    _HEARTBEAT_ACK: 4,
    _ABORT: 4,
    _ERROR: 4,
    _RECONFIG: 4,
}
_LEAST_BYTES = {_DATA: 17, _INIT: 20, _INIT_ACK: 20, _SACK: 16, _FORWARD_TSN: 8}
_MOST_CONTROL_CHUNKS = 8
_MOST_AHEAD = 4_096  # of the last TSN without a gap before it

_chunk_header = Struct("!BBH")
_sack_header = Struct("!LLHH")
_two_shorts = Struct("!HH")
_tsn = Struct("!L")


def count_chunks(packet: bytes, *, last_received: int | None, last_sent: int) -> int:
    """How many chunks a packet has; 0: it isn't sound, drop it.

    `last_received` is the last TSN that has come without a gap before it (None: nothing may come
    yet), `last_sent` the last TSN that this side has used.
    """
    at, end = _COMMON_HEADER_BYTES, len(packet)
    chunks = control = 0
    while at <= end - _CHUNK_HEADER_BYTES:
        kind, _, length = _chunk_header.unpack_from(packet, at)
        if length < _LEAST_BYTES.get(kind, _CHUNK_HEADER_BYTES) or at + length > end:
            return 0
        if kind == _DATA:
            sound = last_received is not None and _is_near(packet, at, last_received)
        else:
            control += 1
            sound = control <= _MOST_CONTROL_CHUNKS and _is_sound(
                packet, at, kind, length, last_sent
            )
            if kind == _INIT and (chunks or at + length + -length % 4 < end):
                return 0  # RFC 9260, section 3: never with another
        if not sound:
            return 0
        chunks += 1
        at += length + -length % 4
    return chunks


def _is_near(packet: bytes, at: int, last_received: int) -> bool:
    tsn: int = _tsn.unpack_from(packet, at + 4)[0]
    ahead = (tsn - last_received) % 2**32
    return ahead <= _MOST_AHEAD or ahead >= 2**31  # what is behind is a duplicate


def _is_sound(packet: bytes, at: int, kind: int, length: int, last_sent: int) -> bool:
    if kind == _SACK:
        return _is_sound_sack(packet, at, length, last_sent)
    if kind == _FORWARD_TSN:
        return length % 4 == 0
    begin = _PARAMETERS_AT.get(kind)
    return begin is None or _has_sound_parameters(packet, at + begin, at + length)


def _is_sound_sack(packet: bytes, at: int, length: int, last_sent: int) -> bool:
    acknowledged, _, gaps, duplicates = _sack_header.unpack_from(packet, at + 4)
    outstanding = (last_sent - acknowledged) % 2**32
    if outstanding >= 2**31 or 16 + 4 * (gaps + duplicates) > length:
        return False
    last = 0
    for position in range(at + 16, at + 16 + 4 * gaps, 4):
        begin, end = _two_shorts.unpack_from(packet, position)
        if not last < begin <= end <= outstanding:
            return False
        last = end
    return True


def _has_sound_parameters(packet: bytes, at: int, end: int) -> bool:
    while at <= end - 4:
        _, length = _two_shorts.unpack_from(packet, at)
        if length < 4 or at + length > end:
            return False
        at += length + -length % 4
    return True
