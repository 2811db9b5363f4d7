"""VP8 in RTP (RFC 7741): frames to payloads and back."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.rooms.rtc.agent_media.fragments import MAX_PAYLOAD, split_evenly

_EXTENDED, _START = 0x80, 0x10  # X and S of the descriptor's first byte
_HAS_PICTURE_ID, _HAS_LAYER_INDEX, _HAS_TID_OR_KEY = 0x80, 0x40, 0x30
_LONG_PICTURE_ID = 0x80


def packetize(frame: bytes, picture_id: int) -> list[bytes]:
    """The payloads of a frame; `picture_id` counts frames and wraps at 15 bits."""
    rest = bytes((_HAS_PICTURE_ID, _LONG_PICTURE_ID | picture_id >> 8 & 0x7F, picture_id & 0xFF))
    first, later = bytes((_EXTENDED | _START,)) + rest, bytes((_EXTENDED,)) + rest
    return [
        (later if index else first) + frame[part]
        for index, part in enumerate(split_evenly(len(frame), MAX_PAYLOAD - len(first)))
    ]


def depacketize(payloads: Sequence[bytes]) -> bytes | None:
    """The frame of all its payloads in order; None where they make none."""
    parts = []
    for index, payload in enumerate(payloads):
        size = _descriptor_size(payload)
        if size is None or (index == 0 and payload[0] & 0x17 != _START):  # and partition 0
            return None
        parts.append(payload[size:])
    return b"".join(parts) or None


def _descriptor_size(payload: bytes) -> int | None:
    """Bytes of the payload descriptor (section 4.2); None where it is cut off."""
    size = 1
    if payload[:1] and payload[0] & _EXTENDED:
        flags = payload[1] if len(payload) > 1 else 0
        size += 1
        if flags & _HAS_PICTURE_ID:
            size += 2 if len(payload) > size and payload[size] & _LONG_PICTURE_ID else 1
        size += bool(flags & _HAS_LAYER_INDEX) + bool(flags & _HAS_TID_OR_KEY)
    return size if len(payload) > size else None


def is_keyframe(frame: bytes) -> bool:
    """Whether a frame can be decoded alone (RFC 6386 section 9.1)."""
    return len(frame) > 3 and not frame[0] & 1
