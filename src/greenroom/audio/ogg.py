"""Ogg pages and the packets in them, read and written (RFC 3533)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CAPTURE = b"OggS"
HEADER = struct.Struct("<4sBBqIIIB")
"""Pattern, version, flags, granule position, serial number, sequence number, checksum, segments."""
CHECKSUM = slice(22, 26)
MAX_PACKET = 65_536
"""Bytes; a longer packet is dropped. The longest of Opus is 61,440."""

MAX_SKIPPED = 65_536
"""Bytes that are no page before a stream is given up."""
MAX_DAMAGED = 16
"""Pages in a row with a wrong checksum before a stream is given up."""

_CONTINUED, _FIRST, _LAST = 1, 2, 4
_MIRRORED = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))


@dataclass(frozen=True, slots=True)
class Page:
    """One page: the packets that end on it, and where its end is on the stream's clock."""

    first: bool
    """Whether a new stream begins here; its first packet is its header."""
    last: bool
    granule: int
    """Samples until the end of the last packet that ends here; -1 where none does."""
    packets: tuple[bytes, ...]


class PageReader:
    """Finds pages in bytes that are split anywhere, of one stream after another.

    Pages of a stream beside the latest one are left out; what is damaged is skipped and counted.
    """

    def __init__(self) -> None:
        self.skipped = 0
        """Bytes since the last whole page that belong to none."""
        self.damaged = 0
        """Pages since the last whole one whose checksum is wrong."""
        self.found = False
        """Whether there has been a whole page."""
        self._bytes = bytearray()
        self._serial: int | None = None
        self._packet = bytearray()

    @property
    def hopeless(self) -> bool:
        """Whether this is no Ogg stream: at once at the beginning, later after a while."""
        if self.found:
            return self.skipped > MAX_SKIPPED or self.damaged > MAX_DAMAGED
        return self.skipped > 0

    def feed(self, data: bytes) -> Iterator[Page]:
        """The pages that are complete with `data`. Holds back at most one page (64 KiB).

        Ends early where it has become `hopeless`.
        """
        self._bytes += data
        while self._find_page() and not self.hopeless:
            size = self._size()
            if size is None or len(self._bytes) < size:
                return
            page = bytes(self._bytes[:size])
            if _checksum(page) != int.from_bytes(page[CHECKSUM], "little"):
                self.damaged += 1
                self._skip(len(CAPTURE))
                continue
            del self._bytes[:size]
            self.skipped, self.damaged, self.found = 0, 0, True
            _, _, flags, granule, serial, _, _, _ = HEADER.unpack_from(page)
            first = bool(flags & _FIRST)
            if first:
                self._serial = serial
            if serial == self._serial:
                packets = self._packets(page, continued=bool(flags & _CONTINUED))
                yield Page(first, bool(flags & _LAST), granule, packets)

    def _find_page(self) -> bool:
        """Drop what is before the next page, if there may be one."""
        at = self._bytes.find(CAPTURE)
        if at < 0:
            keep = next(n for n in (3, 2, 1, 0) if self._bytes.endswith(CAPTURE[:n]))
            at = len(self._bytes) - keep
        self._skip(at)
        return len(self._bytes) >= HEADER.size

    def _skip(self, count: int) -> None:
        del self._bytes[:count]
        self.skipped += count

    def _size(self) -> int | None:
        """Bytes of the page at the front; None where its table isn't here yet."""
        table = HEADER.size + self._bytes[HEADER.size - 1]
        if len(self._bytes) < table:
            return None
        return table + sum(self._bytes[HEADER.size : table])

    def _packets(self, page: bytes, *, continued: bool) -> tuple[bytes, ...]:
        """The packets that end here. A packet ends with a segment shorter than 255 bytes."""
        packet = self._packet
        if not continued:
            packet.clear()
        headless = continued and not packet  # its beginning was lost: its end is no use
        packets = []
        table = page[HEADER.size : HEADER.size + page[HEADER.size - 1]]
        at = HEADER.size + len(table)
        for length in table:
            packet += page[at : at + length]
            at += length
            if length < 255:
                if not headless and len(packet) <= MAX_PACKET:
                    packets.append(bytes(packet))
                packet.clear()
                headless = False
        if headless:
            packet.clear()
        del packet[MAX_PACKET + 1 :]
        return tuple(packets)


def write_page(
    packets: Sequence[bytes], *, serial: int, sequence: int, granule: int, first: bool = False
) -> bytes:
    """One page of whole packets. Raises ValueError where they don't fit on one."""
    table = b"".join(
        b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in packets
    )
    if len(table) > 255:
        raise ValueError("the packets have more segments than a page")
    flags = _FIRST if first else 0
    header = HEADER.pack(CAPTURE, 0, flags, granule, serial, sequence, 0, len(table))
    page = header + table + b"".join(packets)
    checksum = _checksum(page).to_bytes(4, "little")
    return page[: CHECKSUM.start] + checksum + page[CHECKSUM.stop :]


def _checksum(page: bytes) -> int:
    """Ogg's CRC-32: polynomial 04C11DB7, not mirrored, beginning with 0, its own field as 0.

    zlib's is the mirrored one of the same polynomial, with beginning and end inverted.
    """
    zeroed = page[: CHECKSUM.start] + b"\0\0\0\0" + page[CHECKSUM.stop :]
    mirrored = zlib.crc32(zeroed.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_MIRRORED), "big")
