"""What an agent sees: every picture while all comes, and from the next keyframe after a loss."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.errors import InvalidInput
from greenroom.rooms.ports import EncodedFrame, VideoFrame
from greenroom.rooms.rtc.agent_media import picture_decoder
from greenroom.rooms.rtc.agent_media.frame_assembler import MAX_HELD, MAX_WAIT
from greenroom.rooms.rtc.agent_media.picture_decoder import MAX_PENDING, PictureDecoder, picture_of
from greenroom.rooms.rtc.agent_media.picture_formats import picture_format
from greenroom.rooms.rtc.agent_media.picture_sink import PictureSink
from greenroom.rooms.rtc.agent_media.picture_source import PictureSource
from greenroom.rooms.rtc.media import AV1, H264, VP8, VP9, Codec, MediaPacket
from support.media import ENCODERS, Collector, Link, Timeline, likeness, pictures

CODECS = {codec.name: codec for codec in (VP8, VP9, H264, AV1)}


def packets_of(codec: Codec, frames: list[EncodedFrame]) -> list[list[MediaPacket]]:
    """The packets of each frame."""
    clock, sent = Timeline(), Collector()
    source = PictureSource(codec, clock)
    source.add_sink(sent)
    ends = []
    for frame in frames:
        source.write(frame)
        clock.advance(0.1)
        ends.append(len(sent.packets))
    source.close()
    return [sent.packets[a:b] for a, b in zip([0, *ends], ends, strict=False)]


class Eye:
    """A sink, what it sees, and the layers it asks keyframes of."""

    def __init__(self, codec: Codec = VP8, *, max_layer: int = 2) -> None:
        self.clock, self.seen, self.requests = Timeline(), list[VideoFrame](), list[int]()
        self._changed = asyncio.Event()
        self.sink = PictureSink(codec, self._see, self.clock, self._ask, max_layer=max_layer)

    def _ask(self, layer: int) -> None:
        self.requests.append(layer)
        self._changed.set()

    async def ask(self) -> None:
        """Return once a keyframe was asked for."""
        async with asyncio.timeout(10):
            while not self.requests:
                self._changed.clear()
                await self._changed.wait()

    def _see(self, frame: VideoFrame) -> None:
        self.seen.append(frame)
        self._changed.set()

    async def see(self, count: int) -> None:
        """Return once so many pictures were seen."""
        async with asyncio.timeout(10):
            while len(self.seen) < count:
                self._changed.clear()
                await self._changed.wait()

    async def show(self, packets: list[MediaPacket], until: int) -> None:
        for packet in packets:
            self.sink.write(packet)
        await self.see(until)


@pytest.mark.parametrize("name", list(ENCODERS))
async def test_pictures_out_are_pictures_in(name: str) -> None:
    lumas, frames = pictures(name, 8)
    eye = Eye(CODECS[name])
    # The keyframe is put in order, as is every other packet.
    link = Link(eye.sink, delays=lambda place: place > 0, doubles=lambda place: place % 2 == 0)
    for packets in packets_of(CODECS[name], frames):
        for packet in packets:
            link.write(packet)
    link.write(replace(packets[-1], sequence=packets[-1].sequence + 1, payload=b""))
    await eye.see(8)
    eye.sink.close()

    assert [frame.time for frame in eye.seen] == pytest.approx([n / 25 for n in range(8)])
    for luma, frame in zip(lumas, eye.seen, strict=True):
        assert likeness(luma, frame.y) > 30
        assert (frame.y.shape, frame.u.shape, frame.v.shape) == ((240, 320), (120, 160), (120, 160))
        assert abs(float(frame.u.mean()) - 110) < 3
        assert abs(float(frame.v.mean()) - 140) < 3
    assert eye.requests == []
    assert eye.clock.waiting == 0


@pytest.mark.parametrize("name", list(ENCODERS))
async def test_after_a_loss_a_keyframe_is_asked_for_and_shown(name: str) -> None:
    lumas, frames = pictures(name, 9, every=6)
    assert [frame.keyframe for frame in frames] == [index in {0, 6} for index in range(9)]
    groups = packets_of(CODECS[name], frames)
    eye = Eye(CODECS[name])
    for packets in groups[:3]:
        await eye.show(packets, 1)
    await eye.see(3)
    for packets in groups[4:6]:  # the fourth is lost
        await eye.show(packets, 3)
    assert eye.requests == []
    eye.clock.advance(MAX_WAIT)
    assert eye.requests == [0]
    for index, packets in enumerate(groups[6:]):
        await eye.show(packets, 4 + index)
    eye.sink.close()

    shown = [0, 1, 2, 6, 7, 8]
    assert [round(frame.time * 25) for frame in eye.seen] == shown
    for index, frame in zip(shown, eye.seen, strict=True):
        assert likeness(lumas[index], frame.y) > 30
    assert eye.clock.waiting == 0


VP8_LUMAS, VP8_FRAMES = pictures("vp8", 12, every=6)
VP8_GROUPS = packets_of(VP8, VP8_FRAMES)


async def test_a_packet_that_is_sent_again_in_time_costs_nothing() -> None:
    eye = Eye()
    late = VP8_GROUPS[0][1]
    packets = [p for group in VP8_GROUPS[:4] for p in group if p is not late]
    for packet in packets:
        eye.sink.write(packet)
    eye.clock.advance(MAX_WAIT * 0.9)
    await eye.show([late], 4)
    eye.sink.close()

    assert eye.requests == []
    assert eye.clock.waiting == 0


async def test_who_comes_in_the_middle_asks_for_a_keyframe_and_again() -> None:
    eye = Eye()
    for group in VP8_GROUPS[1:4]:
        for packet in group:
            eye.sink.write(packet)
    assert eye.requests == [0]
    eye.clock.advance(1)
    for group in VP8_GROUPS[4:6]:
        for packet in group:
            eye.sink.write(packet)
    assert eye.requests == [0, 0]
    await eye.show(VP8_GROUPS[6], 1)
    eye.sink.close()

    assert likeness(VP8_LUMAS[6], eye.seen[0].y) > 30


async def test_half_a_keyframe_is_not_shown() -> None:
    for gone in (0, 1, -1):
        eye = Eye()
        for index, packet in enumerate(VP8_GROUPS[0]):
            if index != gone % len(VP8_GROUPS[0]):
                eye.sink.write(packet)
        for packet in VP8_GROUPS[1]:
            eye.sink.write(packet)
        eye.clock.advance(MAX_WAIT * 2)
        await eye.show(VP8_GROUPS[6], 1)
        assert eye.requests == [0]
        assert eye.seen[0].time == pytest.approx(6 / 25)
        eye.sink.close()
        assert eye.clock.waiting == 0


async def test_a_keyframe_is_not_held_up_by_what_is_missing_before_it() -> None:
    eye = Eye()
    for packet in VP8_GROUPS[0][1:]:
        eye.sink.write(packet)
    for packet in VP8_GROUPS[3]:
        eye.sink.write(packet)
    await eye.show(VP8_GROUPS[6], 1)
    await eye.show(VP8_GROUPS[7], 2)
    missing = sum(len(VP8_GROUPS[index]) for index in (1, 2, 4, 5))
    assert eye.sink._assembler.lost == missing
    assert eye.clock.waiting == 0
    eye.sink.close()


async def test_a_frame_without_its_marker_ends_where_the_next_begins() -> None:
    eye = Eye()
    for group in VP8_GROUPS[:3]:
        for packet in group:
            eye.sink.write(replace(packet, marker=False))
    await eye.see(2)
    eye.sink.close()

    assert len(eye.seen) == 2


async def test_packets_that_wait_are_bounded() -> None:
    eye = Eye()
    await eye.show(VP8_GROUPS[0], 1)
    template = VP8_GROUPS[1][0]
    for index in range(MAX_HELD):
        eye.sink.write(replace(template, sequence=template.sequence + 1 + index))

    assert eye.sink._assembler.lost == 1
    assert not eye.sink._assembler._held
    assert eye.clock.waiting == 0
    eye.sink.close()


async def test_a_frame_without_end_is_dropped() -> None:
    eye = Eye()
    await eye.show(VP8_GROUPS[0], 1)
    template = replace(VP8_GROUPS[1][0], marker=False, payload=b"\x10" + bytes(60_000))
    for index in range(200):
        eye.sink.write(replace(template, sequence=template.sequence + index))

    assert eye.sink._assembler._size < 4_100_000
    assert eye.requests == [0]
    eye.sink.close()


async def test_a_stream_that_begins_anew_is_shown_from_its_keyframe() -> None:
    eye = Eye()
    await eye.show(VP8_GROUPS[0], 1)
    again = [replace(p, sequence=p.sequence + 30_000, timestamp=77) for p in VP8_GROUPS[6]]
    await eye.show(again, 2)
    before = [replace(p, sequence=p.sequence - 300 & 0xFFFF) for p in VP8_GROUPS[1] * 120]
    for index, packet in enumerate(before):
        eye.sink.write(replace(packet, sequence=29_000 + index))
    assert eye.requests == [0]
    eye.sink.close()


async def test_a_damaged_frame_asks_for_a_keyframe() -> None:
    eye = Eye(H264)
    groups = packets_of(H264, pictures("h264", 3, every=2)[1])
    await eye.show(groups[0], 1)
    decoder = eye.sink._decoder
    decoder.write(b"\x00\x00\x00\x01\x65garbage", 0.0)
    await eye.ask()
    for packet in groups[1]:
        eye.sink.write(packet)
    await eye.show(groups[2], 2)
    eye.sink.close()

    assert decoder.damaged == 1
    assert eye.seen[-1].time == pytest.approx(2 / 25)


async def test_when_decoding_is_behind_pictures_are_dropped_until_a_keyframe() -> None:
    eye = Eye()
    gate = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(gate.wait, 10)
        eye.sink._decoder._executor = pool
        groups = packets_of(VP8, pictures("vp8", MAX_PENDING + 4)[1])
        for group in groups:
            for packet in group:
                eye.sink.write(packet)
        assert eye.sink._decoder.dropped >= MAX_PENDING
        assert eye.requests == [0]
        assert eye.seen == []
        gate.set()
        await eye.see(1)
        key = [
            replace(p, sequence=p.sequence + sum(map(len, groups)), timestamp=1_000_000)
            for p in groups[0]
        ]
        await eye.show(key, 2)
        eye.sink.close()
    assert eye.seen[-1].time == pytest.approx(1_000_000 / 90_000)


async def test_nothing_is_seen_after_the_end() -> None:
    eye = Eye()
    for group in VP8_GROUPS[:3]:
        for packet in group:
            eye.sink.write(packet)
    eye.sink.close()
    eye.sink.close()
    eye.sink.write(VP8_GROUPS[3][0])
    eye.sink._decoder.write(b"", 0)
    running = eye.sink._decoder._running
    assert running is not None
    async with asyncio.timeout(5):
        await running
    await asyncio.sleep(0)

    assert eye.seen == []
    assert eye.clock.waiting == 0


async def test_when_the_threads_have_ended_nothing_is_raised() -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    clock = Timeline()
    sink = PictureSink(VP8, lambda frame: None, clock, lambda layer: None, executor=pool)
    for packet in VP8_GROUPS[0]:
        sink.write(packet)
    sink.close()


def layered(layer: int, group: list[MediaPacket], sequence: int) -> list[MediaPacket]:
    """A frame's packets as those of a simulcast layer, with its own numbering."""
    return [replace(p, layer=layer, sequence=sequence + index) for index, p in enumerate(group)]


async def test_the_best_layer_that_is_sent_is_followed_from_its_keyframe_on() -> None:
    eye = Eye(max_layer=1)
    await eye.show(layered(0, VP8_GROUPS[0], 100), 1)
    next_low = 100 + len(VP8_GROUPS[0])
    for packet in layered(1, VP8_GROUPS[1], 9_000) + layered(2, VP8_GROUPS[0], 20_000):
        eye.sink.write(packet)
    assert eye.requests == [1]
    await eye.show(layered(0, VP8_GROUPS[1], next_low), 2)
    await eye.show(layered(1, VP8_GROUPS[6], 9_500), 3)
    for packet in layered(0, VP8_GROUPS[2], next_low + len(VP8_GROUPS[1])):
        eye.sink.write(packet)  # no longer followed
    await eye.show(layered(1, VP8_GROUPS[7], 9_500 + len(VP8_GROUPS[6])), 4)
    assert [round(frame.time * 25) for frame in eye.seen] == [0, 1, 6, 7]

    # Then the best one stops.
    eye.clock.advance(1.5)
    for packet in layered(0, VP8_GROUPS[3], 500):
        eye.sink.write(packet)
    assert eye.requests == [1, 0]
    await eye.show(layered(0, VP8_GROUPS[6], 600), 5)
    eye.sink.close()

    assert eye.requests == [1, 0]
    assert eye.clock.waiting == 0


async def test_the_codec_of_the_packets_counts_and_may_change() -> None:
    eye = Eye(AV1)
    await eye.show(VP8_GROUPS[0], 1)
    lumas, frames = pictures("h264", 2)
    moved = [
        [replace(packet, sequence=packet.sequence + 40) for packet in group]
        for group in packets_of(H264, frames)
    ]
    await eye.show(moved[0], 2)
    for packet in VP8_GROUPS[2]:
        eye.sink.write(replace(packet, codec=Codec("video", "h263", 90_000)))
    await eye.show(moved[1], 3)
    eye.sink.close()

    assert eye.sink.ignored == len(VP8_GROUPS[2])
    for luma, frame in zip([VP8_LUMAS[0], *lumas], eye.seen, strict=True):
        assert likeness(luma, frame.y) > 30
    with pytest.raises(InvalidInput):
        Eye(Codec("video", "h263", 90_000))


async def test_timestamps_wrap_and_time_goes_on() -> None:
    eye = Eye()
    start = 0xFFFF_FFFF - 3_599
    for index, group in enumerate(VP8_GROUPS[:3]):
        moved = [replace(p, timestamp=start + 3_600 * index & 0xFFFF_FFFF) for p in group]
        await eye.show(moved, index + 1)
    eye.sink.close()

    assert np.diff([frame.time for frame in eye.seen]) == pytest.approx([0.04, 0.04])


def test_pictures_in_other_formats_become_planar() -> None:
    gray = av.VideoFrame.from_ndarray(np.full((48, 62), 99, np.uint8), format="gray")
    frame = picture_of(gray, 1.5)

    assert (frame.y.shape, frame.u.shape) == ((48, 62), (24, 31))
    assert abs(int(frame.y[5, 5]) - 99) < 20
    assert frame.time == 1.5


async def test_without_any_decoder_the_error_is_told_once_a_frame(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = asyncio.Event()
    none = replace(picture_format(VP8), decoders=("no_such_decoder", "libopus"))
    decoder = PictureDecoder(none, lambda frame: None, told.set)
    decoder.write(b"frame", 0.0)
    async with asyncio.timeout(5):
        await told.wait()
    decoder.close()

    assert "no_such_decoder" in caplog.text


async def test_a_picture_beyond_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_decoder, "MAX_PIXELS", 100 * 100)
    eye = Eye()
    for packet in VP8_GROUPS[0]:
        eye.sink.write(packet)
    await eye.ask()
    eye.sink.close()

    assert eye.seen == []


packets_of_anybody = st.builds(
    MediaPacket,
    codec=st.just(VP8),
    sequence=st.one_of(st.integers(0, 8), st.integers(0, 0xFFFF)),
    timestamp=st.integers(0, 4),
    marker=st.booleans(),
    payload=st.binary(max_size=20),
    arrival=st.just(100.0),
    layer=st.integers(0, 3),
    keyframe=st.booleans(),
)


@settings(max_examples=40)
@given(
    st.sampled_from(list(CODECS.values())),
    st.lists(st.tuples(packets_of_anybody, st.floats(0, 0.3)), max_size=30),
)
def test_whatever_comes_nothing_is_raised(
    codec: Codec, packets: list[tuple[MediaPacket, float]]
) -> None:
    async def show() -> None:
        eye = Eye(codec)
        for packet, pause in packets:
            eye.sink.write(packet)
            eye.clock.advance(pause)
        running = eye.sink._decoder._running
        eye.sink.close()
        if running:
            await asyncio.wait([running], timeout=5)
        assert eye.clock.waiting == 0

    asyncio.run(show())
