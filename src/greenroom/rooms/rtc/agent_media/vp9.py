"""VP9 in RTP (RFC 9628), in non-flexible mode: frames to payloads and back."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.rooms.rtc.agent_media.fragments import MAX_PAYLOAD, split_evenly

_I, _P, _L, _F, _B, _E, _V = 0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02


def packetize(frame: bytes, picture_id: int) -> list[bytes]:
    """The payloads of a frame without layers; `picture_id` wraps at 15 bits."""
    parts = split_evenly(len(frame), MAX_PAYLOAD - 3)
    flags = _I | (0 if is_keyframe(frame) else _P)
    rest = bytes((0x80 | picture_id >> 8 & 0x7F, picture_id & 0xFF))
    payloads = []
    for index, part in enumerate(parts):
        start = 0 if index else _B
        end = _E if index == len(parts) - 1 else 0
        payloads.append(bytes((flags | start | end,)) + rest + frame[part])
    return payloads


def depacketize(payloads: Sequence[bytes]) -> bytes | None:
    """The frame of all its payloads in order; None where they make none.

    The spatial layers of a picture become one superframe (VP9 bitstream specification, annex B).
    """
    layers: list[bytes] = []
    parts: list[bytes] | None = None
    for payload in payloads:
        size = _descriptor_size(payload)
        if size is None:
            return None
        if payload[0] & _B:
            parts = []
        if parts is None:
            return None
        parts.append(payload[size:])
        if payload[0] & _E:
            layers.append(b"".join(parts))
            parts = None
    if parts is not None or not 0 < len(layers) <= 8:
        return None
    return layers[0] if len(layers) == 1 else _superframe(layers)


def _superframe(layers: list[bytes]) -> bytes:
    marker = bytes((0xC0 | 3 << 3 | len(layers) - 1,))  # sizes of four bytes
    sizes = b"".join(len(layer).to_bytes(4, "little") for layer in layers)
    return b"".join(layers) + marker + sizes + marker


def _descriptor_size(payload: bytes) -> int | None:
    """Bytes of the payload descriptor (section 4.2); None where it is cut off."""
    if not payload:
        return None
    flags, size = payload[0], 1
    padded = payload + bytes(16)
    if flags & _I:
        size += 2 if padded[size] & 0x80 else 1
    if flags & _L:
        size += 1 if flags & _F else 2
    if flags & _F and flags & _P:  # up to three reference indices, N says that another follows
        for _ in range(3):
            size += 1
            if not padded[size - 1] & 1:
                break
    if flags & _V:
        size += _structure_size(payload[size:])
    return size if len(payload) > size else None


_LONGEST_STRUCTURE = 1 + 8 * 4 + 1 + 255 * 4
"""Bytes: eight layers' sizes, 255 pictures of three references each."""


def _structure_size(data: bytes) -> int:
    """Bytes of a scalability structure (section 4.2.1); more than there are where it is cut off."""
    padded = data[:_LONGEST_STRUCTURE] + bytes(1)
    size = 1
    if padded[0] & 0x10:  # Y: width and height of each layer
        size += 4 * ((padded[0] >> 5) + 1)
    if padded[0] & 0x08:  # G: the pictures of a group, each with its references
        if size >= len(data):
            return size + 1
        pictures = padded[size]
        size += 1
        for _ in range(pictures):
            if size >= len(data):
                return size + 1
            size += 1 + (padded[size] >> 2 & 3)
    return size


def is_keyframe(frame: bytes) -> bool:
    """Whether a frame can be decoded alone (VP9 bitstream specification, section 6.2)."""
    if len(frame) < 2 or frame[0] >> 6 != 2:
        return False
    after_profile = 3 if frame[0] >> 4 & 3 == 3 else 4  # profile 3 has a reserved bit
    shown_again, predicted = frame[0] >> after_profile - 1 & 1, frame[0] >> after_profile - 2 & 1
    return not (shown_again or predicted)
