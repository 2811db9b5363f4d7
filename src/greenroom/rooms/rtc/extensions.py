"""The elements of RTP header extensions (RFC 8285)."""

from __future__ import annotations

from collections.abc import Sequence

ONE_BYTE = 0xBEDE
TWO_BYTE = 0x1000
_TWO_BYTE_MASK = 0xFFF0  # the last four bits are the application's


def find_element(profile: int, data: bytes, number: int) -> bytes | None:
    """The element of that id; None where it isn't there or the extension can't be read."""
    if profile == ONE_BYTE:
        return _find_one_byte(data, number)
    if profile & _TWO_BYTE_MASK == TWO_BYTE:
        return _find_two_byte(data, number)
    return None


def _find_one_byte(data: bytes, number: int) -> bytes | None:
    at, size = 0, len(data)
    while at < size:
        head = data[at]
        if head == 0:  # padding between elements
            at += 1
            continue
        found, end = head >> 4, at + 2 + (head & 0x0F)
        if found == 15 or end > size:  # RFC 8285 section 4.2: 15 ends it
            return None
        if found == number:
            return data[at + 1 : end]
        at = end
    return None


def _find_two_byte(data: bytes, number: int) -> bytes | None:
    at, size = 0, len(data)
    while at + 1 < size:
        found = data[at]
        if found == 0:
            at += 1
            continue
        end = at + 2 + data[at + 1]
        if end > size:
            return None
        if found == number:
            return data[at + 2 : end]
        at = end
    return None


def encode_elements(elements: Sequence[tuple[int, bytes]]) -> bytes:
    """A whole header extension of `(id, data)` elements, or nothing where there are none.

    One-byte headers where every element fits them (ids to 14, 1 to 16 bytes), else two-byte ones.
    """
    if not elements:
        return b""
    short = all(0 < number < 15 and 0 < len(data) <= 16 for number, data in elements)
    body = bytearray()
    for number, data in elements:
        if short:
            body.append(number << 4 | len(data) - 1)
        else:
            body += bytes((number, len(data)))
        body += data
    body += bytes(-len(body) % 4)
    profile = ONE_BYTE if short else TWO_BYTE
    return profile.to_bytes(2, "big") + (len(body) // 4).to_bytes(2, "big") + bytes(body)
