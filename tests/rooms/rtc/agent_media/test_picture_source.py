"""The agent's picture: frames into packets, never more at once than the way can take."""

from __future__ import annotations

import pytest

from greenroom.errors import InvalidInput
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.rtc.agent_media import vp8
from greenroom.rooms.rtc.agent_media.fragments import MAX_PAYLOAD
from greenroom.rooms.rtc.agent_media.picture_source import (
    BURST,
    BURST_INTERVAL,
    MAX_WAITING,
    PictureSource,
)
from greenroom.rooms.rtc.media import OPUS, VP8, MediaPacket
from support.media import Collector, Timeline

KEY = b"\x00\x00\x00\x9d"
DELTA = b"\x01\x00\x00\x00"


def frame(size: int = 100, *, time: float = 0.0, key: bool = False) -> EncodedFrame:
    return EncodedFrame((KEY if key else DELTA) + bytes(size), time, key)


class Screen:
    """A source on a clock of its own, and what it sends."""

    def __init__(self) -> None:
        self.clock, self.sent = Timeline(), Collector()
        self.source = PictureSource(VP8, self.clock)
        self.source.add_sink(self.sent)

    @property
    def packets(self) -> list[MediaPacket]:
        return self.sent.packets


def test_a_frame_leaves_at_once_in_packets_of_one_timestamp() -> None:
    screen = Screen()
    screen.source.write(frame(3_000, time=1.5, key=True))
    screen.source.write(frame(time=1.54))
    screen.clock.advance(BURST_INTERVAL)

    assert [p.sequence for p in screen.packets] == [0, 1, 2, 3]
    assert [p.timestamp for p in screen.packets] == [135_000] * 3 + [138_600]
    assert [p.marker for p in screen.packets] == [False, False, True, True]
    assert [p.keyframe for p in screen.packets] == [True, False, False, False]
    assert [p.arrival for p in screen.packets] == pytest.approx([100.0] * 3 + [100.005])
    assert max(len(p.payload) for p in screen.packets) <= MAX_PAYLOAD
    assert [vp8.depacketize([p.payload for p in screen.packets[:3]])] == [KEY + bytes(3_000)]
    assert screen.source.codec is VP8


def test_picture_ids_count_frames() -> None:
    screen = Screen()
    for _ in range(3):
        screen.source.write(frame(2_000))
        screen.clock.advance(0.04)

    assert [p.payload[2:4] for p in screen.packets] == [
        (0x8000 | index // 2).to_bytes(2, "big") for index in range(6)
    ]


def test_a_keyframe_is_wanted_until_one_is_written() -> None:
    screen = Screen()
    assert screen.source.keyframe_wanted  # by the first viewer
    screen.source.write(frame())
    assert screen.source.keyframe_wanted
    screen.source.write(frame(key=True))
    assert not screen.source.keyframe_wanted
    screen.source.request_keyframe(0)
    assert screen.source.keyframe_wanted
    screen.source.write(frame(key=True))
    screen.source.add_sink(screen.sent)
    assert not screen.source.keyframe_wanted  # no new viewer
    screen.source.add_sink(Collector())
    assert screen.source.keyframe_wanted


def test_a_large_frame_is_spread_and_what_follows_keeps_its_place() -> None:
    screen = Screen()
    screen.source.write(frame(100_000, key=True))
    assert len(screen.packets) == BURST
    screen.source.write(frame(time=0.04))
    assert len(screen.packets) == BURST
    counts = []
    for _ in range(7):
        before = len(screen.packets)
        screen.clock.advance(BURST_INTERVAL)
        counts.append(len(screen.packets) - before)

    assert counts == [16, 16, 16, 16, 9, 0, 0]
    assert [p.timestamp for p in screen.packets] == [0] * 88 + [3_600]
    assert [p.sequence for p in screen.packets] == list(range(89))
    assert [p.marker for p in screen.packets] == [False] * 87 + [True] * 2


def test_small_frames_in_one_moment_are_spread_too() -> None:
    screen = Screen()
    for _ in range(40):
        screen.source.write(frame())

    assert len(screen.packets) == 1
    screen.clock.advance(BURST_INTERVAL)
    assert len(screen.packets) == 1 + BURST


def test_frames_that_pile_up_are_dropped_until_a_keyframe() -> None:
    screen = Screen()
    screen.source.write(frame(MAX_PAYLOAD * (MAX_WAITING + BURST + 5), key=True))
    assert not screen.source.keyframe_wanted
    screen.source.write(frame())
    assert screen.source.keyframe_wanted
    screen.clock.advance(5)
    sent = len(screen.packets)
    screen.source.write(frame())
    assert screen.source.dropped == 2
    screen.source.write(frame(key=True))
    screen.source.write(frame())
    screen.clock.advance(5)

    assert len(screen.packets) == sent + 2
    assert [p.sequence for p in screen.packets] == list(range(sent + 2))


def test_without_viewers_nothing_is_sent() -> None:
    screen = Screen()
    screen.source.remove_sink(screen.sent)
    screen.source.remove_sink(screen.sent)
    screen.source.write(frame(key=True))

    assert screen.packets == []
    assert screen.clock.waiting == 0


def test_after_the_end_nothing_is_sent_and_no_timer_is_left() -> None:
    screen = Screen()
    screen.source.write(frame(100_000, key=True))
    screen.source.close()
    screen.source.close()
    screen.source.write(frame())
    screen.clock.advance(1)

    assert len(screen.packets) == BURST
    assert screen.clock.waiting == 0


def test_a_viewer_may_end_the_source_from_write() -> None:
    screen = Screen()

    class Ender:
        def write(self, packet: MediaPacket) -> None:
            screen.source.close()

    screen.source.add_sink(Ender())
    screen.source.write(frame(5_000, key=True))

    assert len(screen.packets) == 1
    assert screen.clock.waiting == 0


def test_sound_is_refused() -> None:
    with pytest.raises(InvalidInput):
        PictureSource(OPUS, Timeline())
