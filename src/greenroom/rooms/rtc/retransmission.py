"""What was sent a moment ago, for those who ask for it again (RFC 4585, RFC 4588)."""

from __future__ import annotations

_MAX_RESENDS_PER_SECOND = 500


class SentPackets:
    """The last `size` packets of one stream, a power of two, by sequence number.

    A packet is given out again at most once in a round trip, and all of them together at most some
    hundred times a second.
    """

    __slots__ = ("_allowance", "_allowed_at", "_mask", "_packets", "_resent", "_sequences")

    def __init__(self, size: int) -> None:
        self._mask = size - 1
        self._packets = [b""] * size
        self._sequences = [-1] * size
        self._resent: dict[int, float] = {}
        self._allowance = float(_MAX_RESENDS_PER_SECOND)
        self._allowed_at = 0.0

    def add(self, sequence: int, packet: bytes) -> None:
        """Keep a packet that was sent; the oldest is forgotten."""
        at = sequence & self._mask
        self._packets[at] = packet
        self._sequences[at] = sequence

    def __contains__(self, sequence: int) -> bool:
        return self._sequences[sequence & self._mask] == sequence

    def take(self, sequence: int, now: float, interval: float) -> bytes | None:
        """A packet to send again; None where it is gone or was sent less than `interval` ago."""
        if sequence not in self:
            return None
        if now < self._resent.get(sequence, float("-inf")) + interval:
            return None
        gained = (now - self._allowed_at) * _MAX_RESENDS_PER_SECOND
        self._allowance = min(float(_MAX_RESENDS_PER_SECOND), self._allowance + gained)
        self._allowed_at = now
        if self._allowance < 1:
            return None
        self._allowance -= 1
        if len(self._resent) > self._mask:
            self._resent = {number: at for number, at in self._resent.items() if number in self}
        self._resent[sequence] = now
        return self._packets[sequence & self._mask]


def payload_start(packet: bytes) -> int:
    """Where the payload of one of our own packets begins: they have no CSRCs."""
    if not packet[0] & 0x10:
        return 12
    return 16 + 4 * (packet[14] << 8 | packet[15])


def build_retransmission(packet: bytes, payload_type: int, sequence: int, ssrc: int) -> bytes:
    """A packet as RTX (RFC 4588 section 4): its payload after its own sequence number."""
    start = payload_start(packet)
    return b"".join(
        (
            packet[:1],
            bytes((packet[1] & 0x80 | payload_type,)),
            sequence.to_bytes(2, "big"),
            packet[4:8],
            ssrc.to_bytes(4, "big"),
            packet[12:start],
            packet[2:4],
            packet[start:],
        )
    )
