"""Encoded pictures in RTP payloads: whole on the other side, as others write and read them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aiortc.codecs.h264 import H264Encoder, h264_depayload
from aiortc.codecs.vpx import Vp8Encoder, VpxPayloadDescriptor, vp8_depayload
from hypothesis import example, given
from hypothesis import strategies as st

from greenroom.errors import InvalidInput
from greenroom.rooms.rtc.agent_media import av1, h264, vp8, vp9
from greenroom.rooms.rtc.agent_media.fragments import MAX_PAYLOAD, split_evenly
from greenroom.rooms.rtc.agent_media.picture_formats import PictureFormat, picture_format
from greenroom.rooms.rtc.media import AV1, H264, OPUS, VP8, VP9, Codec
from support.media import ENCODERS, pictures

CODECS = {codec.name: codec for codec in (VP8, VP9, H264, AV1)}
PREFIX = b"\x00\x00\x00\x01"


@pytest.fixture(params=list(ENCODERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def layout(name: str) -> PictureFormat:
    return picture_format(CODECS[name])


def same(name: str, frame: bytes) -> Callable[[bytes], object]:
    """What of a frame must come through: all, or all that RTP carries."""
    if name == "h264":
        return lambda data: [unit for unit in h264.nal_units(data) if unit[0] & 31 not in {9, 12}]
    if name == "av1":
        return lambda data: [unit for unit in av1.obus(data) if unit[0] >> 3 & 15 not in {2, 8, 15}]
    return lambda data: data


def test_frames_of_real_encoders_come_through_whole(name: str) -> None:
    codec = layout(name)
    _, frames = pictures(name, 6, width=640, height=480)
    assert max(len(frame.data) for frame in frames) > 3 * MAX_PAYLOAD
    for index, frame in enumerate(frames):
        payloads = codec.packetize(frame.data, index)
        assert max(map(len, payloads)) <= MAX_PAYLOAD
        back = codec.depacketize(payloads)
        assert back is not None
        essence = same(name, frame.data)
        assert essence(back) == essence(frame.data)
        assert codec.is_keyframe(back) == codec.is_keyframe(frame.data) == frame.keyframe


def test_a_frame_without_its_first_last_or_a_middle_payload_is_none_or_not_it(name: str) -> None:
    codec = layout(name)
    _, frames = pictures(name, 1, width=640, height=480)
    payloads = codec.packetize(frames[0].data, 0)
    assert len(payloads) >= 4
    if name != "h264":  # whose small units before the picture stand alone
        assert codec.depacketize(payloads[1:]) is None
    if name != "vp8":  # which says nothing of its end but the marker
        assert codec.depacketize(payloads[:-1]) is None
    assert codec.depacketize([]) is None


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_garbage_is_never_raised_over(payloads: list[bytes]) -> None:
    for codec in map(picture_format, CODECS.values()):
        frame = codec.depacketize(payloads)
        assert frame is None or frame
        for payload in payloads:
            codec.is_keyframe(payload)
            assert all(len(made) <= MAX_PAYLOAD for made in codec.packetize(payload, 0))


@given(st.data())
def test_damaged_payloads_are_never_raised_over(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(ENCODERS)))
    codec, payloads = layout(name), PAYLOADS[name]
    damaged = [bytearray(payload) for payload in payloads]
    for _ in range(data.draw(st.integers(1, 5))):
        victim = data.draw(st.sampled_from(damaged))
        if data.draw(st.booleans()) and victim:
            victim[data.draw(st.integers(0, min(8, len(victim) - 1)))] = data.draw(
                st.integers(0, 255)
            )
        else:
            del victim[data.draw(st.integers(0, 12)) :]
    frame = codec.depacketize([bytes(payload) for payload in damaged])
    if frame is not None:
        codec.is_keyframe(frame)


PAYLOADS = {
    name: picture_format(codec).packetize(pictures(name, 1)[1][0].data, 77)
    for name, codec in CODECS.items()
}


@given(st.integers(0, 20_000), st.integers(1, 1_200))
def test_pieces_are_even_and_few(size: int, limit: int) -> None:
    parts = split_evenly(size, limit)
    sizes = [part.stop - part.start for part in parts]

    assert sum(sizes) == size
    assert max(sizes) <= limit
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == max(1, -(-size // limit))


def test_sound_is_no_picture() -> None:
    with pytest.raises(InvalidInput, match=r"'opus'.*vp8"):
        picture_format(OPUS)
    with pytest.raises(InvalidInput):
        picture_format(Codec("video", "h263", 90_000))


# VP8.


@given(st.binary(min_size=1, max_size=5_000), st.integers(0, 0x7FFF))
def test_vp8_is_read_by_aiortc(frame: bytes, picture_id: int) -> None:
    payloads = vp8.packetize(frame, picture_id)

    assert b"".join(map(vp8_depayload, payloads)) == frame
    for index, payload in enumerate(payloads):
        descriptor, _ = VpxPayloadDescriptor.parse(payload)
        assert descriptor.picture_id == picture_id
        assert descriptor.partition_start == (index == 0)
        assert descriptor.partition_id == 0


@given(st.binary(min_size=1, max_size=5_000), st.integers(0, 0x7FFF))
def test_vp8_of_aiortc_is_read(frame: bytes, picture_id: int) -> None:
    assert vp8.depacketize(Vp8Encoder._packetize(frame, picture_id)) == frame


@pytest.mark.parametrize(
    "descriptor",
    [
        "10",
        "90800b",
        "908080ff",
        "9040 07",
        "9020 40",
        "9010 03",
        "90f0 8123 07 5b",
        "90e0 12 07 40",
    ],
)
def test_every_form_of_vp8s_descriptor_is_read(descriptor: str) -> None:
    assert vp8.depacketize([bytes.fromhex(descriptor) + b"frame"]) == b"frame"
    assert vp8.depacketize([bytes.fromhex(descriptor)]) is None


# H.264.


def units_of(sizes: list[int]) -> list[bytes]:
    return [bytes((0x65,)) + bytes(1 + index % 200 for index in range(size)) for size in sizes]


@given(st.lists(st.integers(1, 4_000), min_size=1, max_size=10))
@example([1_145, 1_146, 1_147, 1_148, 1_149, 1_150])
def test_h264_is_read_by_aiortc(sizes: list[int]) -> None:
    units = units_of(sizes)
    payloads = h264.packetize(b"".join(PREFIX + unit for unit in units), 0)

    assert b"".join(map(h264_depayload, payloads)) == b"".join(PREFIX + unit for unit in units)
    assert max(map(len, payloads)) <= MAX_PAYLOAD


@given(st.lists(st.integers(1, 4_000), min_size=1, max_size=10))
def test_h264_of_aiortc_is_read(sizes: list[int]) -> None:
    units = units_of(sizes)

    assert h264.depacketize(H264Encoder._packetize(units)) == b"".join(
        PREFIX + unit for unit in units
    )


def test_parameter_sets_travel_in_one_packet_and_delimiters_not_at_all() -> None:
    sps, pps, idr = b"\x67sps", b"\x28pps", b"\x65" + b"x" * 3_000
    access_unit = (
        b"\x00\x00\x00\x01\x09\xf0" + b"\x00\x00\x01" + sps + b"\x00\x00\x00\x01" + pps
    ) + (b"\x00\x00\x01" + idr + b"\x00\x00\x00\x01\x0cfiller")
    payloads = h264.packetize(access_unit, 0)

    assert payloads[0] == b"\x78\x00\x04" + sps + b"\x00\x04" + pps  # the highest importance
    assert [payload[0] & 31 for payload in payloads[1:]] == [28, 28, 28]
    assert [payload[1] & 0xC0 for payload in payloads[1:]] == [0x80, 0, 0x40]
    assert h264.depacketize(payloads) == PREFIX + sps + PREFIX + pps + PREFIX + idr
    assert h264.is_keyframe(access_unit)
    assert not h264.is_keyframe(PREFIX + b"\x41slice")
    assert h264.packetize(b"no start code", 0) == []


@pytest.mark.parametrize(
    "payloads",
    [
        ["7c05aa"],  # a fragment's middle without its beginning
        ["7c85aa"],  # a beginning without its end
        ["7c85aa", "65ab"],
        ["7800"],
        ["78000465aa"],  # longer than the payload
        ["780000"],
        ["79aabb"],  # STAP-B
        ["7dbb00aa"],  # FU-B
        ["60aa"],  # type 0
        ["65"],
    ],
)
def test_what_is_no_h264_is_none(payloads: list[str]) -> None:
    assert h264.depacketize([bytes.fromhex(payload) for payload in payloads]) is None


# AV1.


def obu(kind: int, body: bytes, *, sized: bool = True, extension: bytes = b"") -> bytes:
    header = kind << 3 | (2 if sized else 0) | (4 if extension else 0)
    size = bytes((len(body) & 0x7F | 0x80, len(body) >> 7)) if sized else b""
    return bytes((header,)) + extension + size + body


@given(st.lists(st.integers(0, 4_000), min_size=1, max_size=8), st.booleans())
def test_av1_obus_come_through_in_any_sizes(sizes: list[int], extended: bool) -> None:
    extension = b"\x20" if extended else b""
    units = [obu(6, bytes(size), extension=extension) for size in sizes]
    payloads = av1.packetize(obu(2, b"") + b"".join(units), 0)

    assert max(map(len, payloads)) <= MAX_PAYLOAD
    back = av1.depacketize(payloads)
    assert back is not None
    assert list(av1.obus(back)) == list(av1.obus(b"".join(units)))


def test_an_av1_keyframe_says_that_a_sequence_begins() -> None:
    unit = obu(2, b"") + obu(1, b"sequence") + obu(6, b"f" * 2_000, sized=False)
    payloads = av1.packetize(unit, 0)

    assert len(payloads) == 2
    assert payloads[0][:2] == bytes((0x40 | 0x08, 9))  # Y and N; one header byte and the body
    assert payloads[0][2:11] == b"\x08sequence"
    assert payloads[1][0] == 0x80  # Z
    assert av1.is_keyframe(unit)
    assert not av1.is_keyframe(obu(6, b"frame"))


def test_av1_whose_last_element_has_no_length_is_read() -> None:
    # W tells the number of elements (section 4.4), as browsers write it.
    assert av1.depacketize([b"\x10" + b"\x30frame"]) == b"\x32\x05frame"
    assert av1.depacketize([b"\x28\x02\x0as" + b"\x30frame"]) == b"\x0as" + b"\x32\x05frame"
    first, last = b"\x50\x30fr", b"\x90ame"
    assert av1.depacketize([first, last]) == b"\x32\x05frame"
    assert av1.depacketize([b"\x10\x32\x05frame"]) == b"\x32\x05frame"  # has its size already


@pytest.mark.parametrize(
    "payloads",
    [
        ["8002aabb"],  # goes on from nothing
        ["4002aabb"],  # goes on in nothing
        ["10"],
        ["0009aabb"],  # longer than the payload
        ["00ffffffffff01"],  # a length without end
        ["0001"],
        ["300130"],  # three elements announced, one there
        ["0000"],  # an empty one
    ],
)
def test_what_is_no_av1_is_none(payloads: list[str]) -> None:
    assert av1.depacketize([bytes.fromhex(payload) for payload in payloads]) is None


def test_av1_is_read_as_far_as_it_is_sound() -> None:
    good = obu(6, b"good")
    assert list(av1.obus(good + b"\x32\x7fcut off")) == [b"\x30good"]
    assert list(av1.obus(good + b"\x32\xff\xff\xff\xff\xff")) == [b"\x30good"]
    assert list(av1.obus(good + b"\x32")) == [b"\x30good"]


# VP9.


@given(st.binary(min_size=1, max_size=5_000), st.integers(0, 0x7FFF))
def test_vp9_is_read_by_itself(frame: bytes, picture_id: int) -> None:
    payloads = vp9.packetize(frame, picture_id)

    assert vp9.depacketize(payloads) == frame
    assert payloads[0][0] & 0x08  # B
    assert payloads[-1][0] & 0x04  # E
    assert {payload[1:3] for payload in payloads} == {(0x8000 | picture_id).to_bytes(2, "big")}


@pytest.mark.parametrize(
    "descriptor",
    [
        "0c",
        "8c0b",
        "8c8123",
        "ac8123 20 07",  # layers, with TL0PICIDX
        "bc8123 20",  # flexible: without
        "fc8123 20 03 05 06",  # three references
        "fc8123 20 02",  # one
        "8e8123 08 01 04 55",  # a structure: a group of one picture with one reference
        "8e8123 30 0140 00f0 0280 01e0",  # of two layers with their sizes
        "8e8123 00",
    ],
)
def test_every_form_of_vp9s_descriptor_is_read(descriptor: str) -> None:
    assert vp9.depacketize([bytes.fromhex(descriptor) + b"frame"]) == b"frame"
    assert vp9.depacketize([bytes.fromhex(descriptor)]) is None


@pytest.mark.parametrize("descriptor", ["8e8123 08", "8e8123 08 ff 04", "8e8123 30 0140 00f0"])
def test_a_structure_of_vp9_that_is_cut_off_is_none(descriptor: str) -> None:
    assert vp9.depacketize([bytes.fromhex(descriptor)]) is None


def test_the_layers_of_a_vp9_picture_become_a_superframe() -> None:
    frame = vp9.depacketize([b"\x08one", b"\x04more", b"\x0ctwo"])

    marker = b"\xd9"  # two frames with sizes of four bytes
    assert frame == b"onemoretwo" + marker + b"\x07\x00\x00\x00\x03\x00\x00\x00" + marker
    assert vp9.depacketize([b"\x0cone", b"\x08two"]) is None
    assert vp9.depacketize([b"\x0cframe"] * 9) is None


@pytest.mark.parametrize(
    ("first", "key"),
    [(0x82, True), (0x86, False), (0x8A, False), (0xB0, True), (0xB2, False), (0x42, False)],
)
def test_vp9s_keyframes_are_known_by_their_header(first: int, key: bool) -> None:
    assert vp9.is_keyframe(bytes((first, 0x49))) is key
    assert not vp9.is_keyframe(b"\x82")


def test_a_long_vp9_structure_is_measured_to_its_end() -> None:
    # Begin and end of a frame, V; Y of eight layers, G of 255 pictures of three references.
    structure = bytes([0xF8]) + bytes(32) + b"\xff" + b"\x0c\x00\x00\x00" * 255
    assert vp9.depacketize([b"\x0e" + structure + b"picture"]) == b"picture"
    for cut in range(len(structure) + 1):
        vp9.depacketize([b"\x0e" + structure[:cut]])
