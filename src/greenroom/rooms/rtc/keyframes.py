"""Whether a payload begins a picture that can be decoded alone, by each codec's RTP format."""

from __future__ import annotations

from collections.abc import Callable

KeyframeTest = Callable[[bytes], bool]

_H264_IDR, _H264_SPS, _H264_STAP_A, _H264_FU_A = 5, 7, 24, 28
_AV1_SEQUENCE_HEADER = 1


def begins_vp8_keyframe(payload: bytes) -> bool:
    """VP8 (RFC 7741 section 4.2): start of partition 0 of a frame whose P bit is clear."""
    size = len(payload)
    if size < 2 or payload[0] & 0x17 != 0x10:  # S set, PID 0
        return False
    at = 1
    if payload[0] & 0x80:  # X: which optional fields follow
        extended = payload[1]
        at = 2
        if extended & 0x80:  # I: the picture id, of 7 or 15 bits
            if size <= at:
                return False
            at += 2 if payload[at] & 0x80 else 1
        if extended & 0x40:  # L: TL0PICIDX
            at += 1
        if extended & 0x30:  # T or K: one byte for both
            at += 1
    return size > at and not payload[at] & 0x01


def begins_vp9_keyframe(payload: bytes) -> bool:
    """VP9 (RFC 9628 section 4.2): start of a frame that isn't predicted, of the base layer."""
    if not payload or payload[0] & 0x48 != 0x08:  # P clear, B set
        return False
    if not payload[0] & 0x20:  # L clear: no layers
        return True
    at = 1
    if payload[0] & 0x80:  # I: the picture id
        if len(payload) < 2:
            return False
        at += 2 if payload[1] & 0x80 else 1
    return len(payload) > at and not payload[at] & 0x0E  # spatial layer 0


def begins_h264_keyframe(payload: bytes) -> bool:
    """H.264 (RFC 6184 section 5): a sequence parameter set, or an IDR picture's first slice."""
    if len(payload) < 2:
        return False
    kind = payload[0] & 0x1F
    if kind == _H264_FU_A:
        starts = bool(payload[1] & 0x80)
        return starts and len(payload) > 2 and _is_h264_start(payload[1] & 0x1F, payload[2])
    if kind != _H264_STAP_A:
        return _is_h264_start(kind, payload[1])
    at, size = 1, len(payload)
    while at + 3 < size:
        length = payload[at] << 8 | payload[at + 1]
        if _is_h264_start(payload[at + 2] & 0x1F, payload[at + 3]):
            return True
        at += 2 + length
    return False


def _is_h264_start(kind: int, second: int) -> bool:
    # A slice header begins with first_mb_in_slice as ue(v): a first bit of 1 is the value 0.
    return kind == _H264_SPS or (kind == _H264_IDR and second & 0x80 != 0)


def begins_av1_keyframe(payload: bytes) -> bool:
    """AV1 (RTP payload format for AV1, section 4.4): the N bit, or a sequence header first."""
    if len(payload) < 2:
        return False
    head = payload[0]
    if head & 0x08:
        return True
    if head & 0x80:  # Z: goes on with an OBU of the packet before
        return False
    at = 1
    if head & 0x30 != 0x10:  # W is not 1: the first OBU's length (LEB128) comes before it
        while payload[at] & 0x80:
            at += 1
            if at >= len(payload):
                return False
        at += 1
    return at < len(payload) and payload[at] >> 3 & 0x0F == _AV1_SEQUENCE_HEADER


KEYFRAME_TESTS: dict[str, KeyframeTest] = {
    "vp8": begins_vp8_keyframe,
    "vp9": begins_vp9_keyframe,
    "h264": begins_h264_keyframe,
    "av1": begins_av1_keyframe,
}
