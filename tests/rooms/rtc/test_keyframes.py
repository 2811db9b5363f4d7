"""Whether a payload begins a keyframe, in each codec's RTP format."""

from __future__ import annotations

import fractions
from collections.abc import Callable

import av
import numpy as np
import pytest
from aiortc.codecs import get_encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from hypothesis import given
from hypothesis import strategies as st

from greenroom.rooms.rtc.keyframes import (
    KEYFRAME_TESTS,
    begins_av1_keyframe,
    begins_h264_keyframe,
    begins_vp8_keyframe,
    begins_vp9_keyframe,
)


@pytest.mark.parametrize(
    ("name", "test"), [("VP8", begins_vp8_keyframe), ("H264", begins_h264_keyframe)]
)
def test_encoders_of_aiortc_begin_keyframes_where_they_are_told_to(
    name: str, test: Callable[[bytes], bool]
) -> None:
    parameters = {"packetization-mode": 1, "profile-level-id": "42e01f"}
    codec = RTCRtpCodecParameters(
        mimeType=f"video/{name}", clockRate=90_000, payloadType=96, parameters=parameters
    )
    encoder = get_encoder(codec)
    noise = np.random.default_rng(5).integers(0, 255, (360, 320), dtype=np.uint8)
    for number in range(4):
        frame = av.VideoFrame.from_ndarray(np.roll(noise, number, 0), format="yuv420p")
        frame.pts, frame.time_base = number * 3000, fractions.Fraction(1, 90_000)
        payloads, _ = encoder.encode(frame, force_keyframe=number == 2)
        found = [test(payload) for payload in payloads]
        if number in {0, 2}:
            assert found[0]
            assert len(found) > 2
            # With H.264 parameter sets may come before the picture, which begins too.
            assert not any(found[3:])
        else:
            assert not any(found)


@pytest.mark.parametrize(
    ("payload", "begins"),
    [
        (b"\x10\x00", True),
        (b"\x10\x01", False),
        (b"\x00\x00", False),
        (b"\x11\x00", False),
        (b"\x90\x80\x05\x00", True),
        (b"\x90\x80\x85\x05\x00", True),
        (b"\x90\x80\x85\x05\x01", False),
        (b"\x90\xe0\x85\x05\x01\x20\x00", True),
        (b"\x90\xf0\x05\x01\x20\x01", False),
        (b"\x90\x00\x00", True),
        (b"\x90\x80", False),
        (b"\x90\xe0\x85\x05\x01\x20", False),
        (b"\x10", False),
        (b"", False),
    ],
    ids=str,
)
def test_vp8(payload: bytes, begins: bool) -> None:
    assert begins_vp8_keyframe(payload) is begins


@pytest.mark.parametrize(
    ("payload", "begins"),
    [
        (b"\x08", True),
        (b"\x48", False),
        (b"\x00", False),
        (b"\x88\x05", True),
        (b"\xa8\x05\x00", True),
        (b"\xa8\x85\x05\x00", True),
        (b"\xa8\x85\x05\x02", False),
        (b"\x28\x00", True),
        (b"\x28\x04", False),
        (b"\xa8", False),
        (b"\xa8\x85", False),
        (b"", False),
    ],
    ids=str,
)
def test_vp9(payload: bytes, begins: bool) -> None:
    assert begins_vp9_keyframe(payload) is begins


@pytest.mark.parametrize(
    ("payload", "begins"),
    [
        (b"\x67\x42", True),
        (b"\x65\x88", True),
        (b"\x65\x40", False),
        (b"\x61\x88", False),
        (b"\x68\xce", False),
        (b"\x78\x00\x02\x67\x42\x00\x02\x68\xce", True),
        (b"\x78\x00\x02\x68\xce\x00\x02\x65\x88", True),
        (b"\x78\x00\x02\x68\xce\x00\x02\x61\x88", False),
        (b"\x78\x00\x09\x68", False),
        (b"\x7c\x85\x88", True),
        (b"\x7c\x85\x08", False),
        (b"\x7c\x05\x88", False),
        (b"\x7c\x81\x88", False),
        (b"\x7c\x85", False),
        (b"\x67", False),
        (b"", False),
    ],
    ids=str,
)
def test_h264(payload: bytes, begins: bool) -> None:
    assert begins_h264_keyframe(payload) is begins


@pytest.mark.parametrize(
    ("payload", "begins"),
    [
        (b"\x18\x0a", True),
        (b"\x10\x0a", True),
        (b"\x10\x30", False),
        (b"\x20\x03\x0a\x00\x00", True),
        (b"\x00\x83\x00\x0a", True),
        (b"\x20\x03\x32\x00\x00", False),
        (b"\x90\x0a", False),
        (b"\x20\x83", False),
        (b"\x10", False),
        (b"", False),
    ],
    ids=str,
)
def test_av1(payload: bytes, begins: bool) -> None:
    assert begins_av1_keyframe(payload) is begins


@given(st.binary(max_size=40))
def test_any_bytes_are_a_keyframe_or_not(payload: bytes) -> None:
    for test in KEYFRAME_TESTS.values():
        assert test(payload) in {True, False}
