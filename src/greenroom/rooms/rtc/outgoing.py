"""The header extensions and the redundancy that outgoing packets get."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from greenroom.rooms.rtc.codecs import ABS_SEND_TIME, AUDIO_LEVEL, MID
from greenroom.rooms.rtc.extensions import encode_elements
from greenroom.rooms.rtc.media import Kind
from greenroom.rooms.rtc.redundancy import MAX_LENGTH, MAX_OFFSET, build_redundant
from greenroom.rooms.rtc.rtp import HEADER_BYTES

SEND_TIME_AT = HEADER_BYTES + 5
"""Where a packet's send time is: after the extension's header and its own."""
_MAX_BYTES = 16
"""Of an element with a one-byte header."""
_MAX_REDUNDANT_BYTES = 1100
"""A packet with its redundancy still has to fit a path's smallest usual MTU, 1200 with SRTP's."""


class HeaderExtensions:
    """Makes the header extension of each packet, by what was negotiated for the section.

    `extensions` are the ids by URI, below 15: elements have one-byte headers.
    The MID is sent until the other side has shown that it knows the SSRC.
    """

    __slots__ = ("_abs_id", "_level_id", "_made", "_mid", "_mid_id")

    def __init__(self, kind: Kind, mid: str, extensions: Mapping[str, int]) -> None:
        self._mid = mid.encode()
        self._mid_id = extensions.get(MID, 0) if 0 < len(self._mid) <= _MAX_BYTES else 0
        self._level_id = extensions.get(AUDIO_LEVEL, 0) if kind == "audio" else 0
        # The send time is for estimates of the bandwidth, which are about video.
        self._abs_id = extensions.get(ABS_SEND_TIME, 0) if kind == "video" else 0
        self._made: dict[int | None, tuple[bytes, bytes]] = {}

    def stop_mid(self) -> None:
        """The other side knows the SSRC."""
        if self._mid_id:
            self._mid_id = 0
            self._made.clear()

    @property
    def has_send_time(self) -> bool:
        """Whether packets tell when they were sent, in the bytes from SEND_TIME_AT of each."""
        return self._abs_id > 0

    def encode(self, level: int | None, now: float) -> bytes:
        """The whole extension of a packet sent at `now`, in seconds; empty where there is none."""
        made = self._made.get(level)
        if made is None:
            made = self._made[level] = self._make(level)
        if not self._abs_id:
            return made[0]
        return made[0] + send_time(now) + made[1]

    def _make(self, level: int | None) -> tuple[bytes, bytes]:
        elements: list[tuple[int, bytes]] = []
        if self._abs_id:
            elements.append((self._abs_id, bytes(3)))
        if self._mid_id:
            elements.append((self._mid_id, self._mid))
        if self._level_id and level is not None:
            elements.append((self._level_id, bytes((level & 0x7F,))))
        whole = encode_elements(elements)
        if not self._abs_id:
            return whole, b""
        at = SEND_TIME_AT - HEADER_BYTES
        return whole[:at], whole[at + 3 :]


def send_time(now: float) -> bytes:
    """The time as abs-send-time has it: 24 bit, 18 of them below the second."""
    return (int(now * 0x40000) & 0xFFFFFF).to_bytes(3, "big")


class Redundancy:
    """Remembers the last payloads of an audio stream, to send them once more (RFC 2198)."""

    __slots__ = ("_last", "blocks")

    def __init__(self) -> None:
        self.blocks = 1
        self._last: deque[tuple[int, int, bytes]] = deque(maxlen=2)

    def wrap(
        self, payload_type: int, sequence: int, timestamp: int, payload: bytes
    ) -> bytes | None:
        """The RED payload of the newest packet, or None where nothing can be added.

        Only the packets straight before are added, since a receiver may number them by their place.
        """
        earlier: list[tuple[int, bytes]] = []
        room = _MAX_REDUNDANT_BYTES - len(payload)
        expected = sequence
        for number, when, block in reversed(self._last):
            expected = (expected - 1) & 0xFFFF
            offset = (timestamp - when) & 0xFFFFFFFF
            room -= len(block) + 4
            if (
                number != expected
                or len(earlier) == self.blocks
                or room < 0
                or not 0 < offset < MAX_OFFSET
            ):
                break
            earlier.insert(0, (offset, block))
        if 0 < len(payload) < MAX_LENGTH:
            self._last.append((sequence, timestamp, payload))
        return build_redundant(payload_type, payload, earlier) if earlier else None
