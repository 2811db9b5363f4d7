"""What an agent hears: in order, as long as what was said, whatever the network did to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.audio.pcm import Pcm
from greenroom.rooms.rtc.agent_media.opus import SILENT_FRAME
from greenroom.rooms.rtc.agent_media.sound_sink import SoundSink
from greenroom.rooms.rtc.agent_media.sound_source import SoundSource
from greenroom.rooms.rtc.media import OPUS, MediaPacket
from support.media import Collector, Link, Timeline, purity, tone

RATE = 16_000
FRAME = 320
"""Samples of a packet."""


def spoken(pcm: Pcm, *, rate: int = RATE, loss: float = 0.0) -> list[MediaPacket]:
    """A sound as the packets of a source."""
    clock, sent = Timeline(), Collector()
    source = SoundSource(rate, clock, phase=0.0)
    source.set_expected_loss(loss)
    source.write(pcm)
    source.add_sink(sent)
    clock.advance(len(pcm) / rate - 0.01)
    source.close()
    return sent.packets


def packet(
    sequence: int, timestamp: int | None = None, payload: bytes = SILENT_FRAME
) -> MediaPacket:
    """A packet whose timestamp fits its sequence number, if none is given."""
    if timestamp is None:
        timestamp = sequence * 960
    return MediaPacket(
        OPUS, sequence & 0xFFFF, timestamp & 0xFFFF_FFFF, False, SILENT_FRAME, arrival=100.0
    )


class Ear:
    """A sink and what it hands over."""

    def __init__(self, rate: int = RATE) -> None:
        self.clock, self.pieces = Timeline(), list[Pcm]()
        self.sink = SoundSink(rate, self.pieces.append, self.clock)

    def hear(self, packets: list[MediaPacket]) -> int:
        """Take packets; samples that were handed over at once."""
        before = self.samples
        for each in packets:
            self.sink.write(each)
        return self.samples - before

    @property
    def samples(self) -> int:
        return sum(len(piece) for piece in self.pieces)

    @property
    def pcm(self) -> Pcm:
        return np.concatenate(self.pieces)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_a_tone_is_heard_pure_though_packets_come_doubled_and_out_of_order(rate: int) -> None:
    ear = Ear(rate)
    link = Link(ear.sink, doubles=lambda place: place % 3 == 0, delays=lambda place: place % 5 == 2)
    for each in spoken(tone(1, rate), rate=rate):
        link.write(each)
    ear.sink.close()

    assert ear.samples == rate
    assert purity(ear.pcm[rate // 10 : -rate // 50], rate) > 0.999
    assert ear.sink.lost == 0
    assert ear.sink.ignored == 14


# What is repeated is coarse: better than a guess for speech, worse for a steady tone.
@pytest.mark.parametrize(("loss", "pure"), [(0.0, 0.99), (0.1, 0.9)])
def test_a_tone_with_losses_is_as_long_and_nearly_as_pure(loss: float, pure: float) -> None:
    ear = Ear()
    link = Link(ear.sink, loses=lambda place: place % 10 == 7)
    for each in spoken(tone(2, RATE), loss=loss):
        link.write(each)
    ear.sink.close()

    assert ear.samples == 2 * RATE
    assert ear.sink.lost == 10
    assert purity(ear.pcm[RATE // 10 :], RATE) > pure


def test_in_order_each_packet_is_handed_over_at_once() -> None:
    ear = Ear()

    assert [ear.hear([each]) for each in spoken(tone(0.2, RATE))] == [FRAME] * 10
    assert ear.clock.waiting == 0


def test_packets_wait_for_a_missing_one_that_comes() -> None:
    ear, packets = Ear(), spoken(tone(0.2, RATE))
    straight = Ear()
    straight.hear(packets)

    assert ear.hear(packets[:3]) == 3 * FRAME
    assert ear.hear([packets[5], packets[4]]) == 0
    ear.clock.advance(0.05)
    assert ear.hear([packets[3]]) == 3 * FRAME
    assert ear.hear(packets[6:]) == 4 * FRAME
    assert np.array_equal(ear.pcm, straight.pcm)
    assert ear.clock.waiting == 0


def test_a_missing_packet_is_waited_for_60_ms() -> None:
    ear, packets = Ear(), spoken(tone(0.2, RATE))
    ear.hear(packets[:3])
    assert ear.hear([packets[4], packets[4]]) == 0
    ear.clock.advance(0.059)
    assert ear.samples == 3 * FRAME
    ear.clock.advance(0.002)

    assert ear.samples == 5 * FRAME
    assert ear.hear([packets[3]]) == 0
    assert (ear.sink.lost, ear.sink.ignored) == (1, 2)
    assert ear.hear([packets[5]]) == FRAME


def test_a_missing_packet_is_waited_for_till_three_others_have_come() -> None:
    ear, packets = Ear(), spoken(tone(0.2, RATE))
    ear.hear(packets[:3])

    assert [ear.hear([each]) for each in packets[4:8]] == [0, 0, 4 * FRAME, FRAME]
    assert ear.clock.waiting == 0


def test_two_gaps_are_waited_for_one_after_the_other() -> None:
    ear = Ear()
    ear.hear([packet(0), packet(2), packet(4)])
    ear.clock.advance(0.061)
    assert ear.samples == 3 * FRAME
    ear.clock.advance(0.061)
    assert ear.samples == 5 * FRAME
    assert ear.sink.lost == 2


def test_what_is_held_is_handed_over_at_the_end_and_nothing_after() -> None:
    ear = Ear()
    ear.hear([packet(0), packet(2), packet(5)])
    ear.sink.close()
    assert ear.samples == 6 * FRAME
    ear.sink.close()
    ear.hear([packet(6)])

    assert ear.samples == 6 * FRAME
    assert ear.clock.waiting == 0


@pytest.mark.parametrize("missing", [1, 5, 6, 7, 20, 49])
def test_a_longer_loss_is_made_up_for_to_the_sample(missing: int) -> None:
    ear, packets = Ear(), spoken(tone(1.2, RATE))
    ear.hear(packets[:5])
    ear.hear(packets[5 + missing :])
    ear.sink.close()

    assert ear.samples == len(packets) * FRAME
    assert ear.sink.lost == missing


def test_a_long_loss_is_silent_in_its_middle() -> None:
    ear, packets = Ear(), spoken(tone(1.2, RATE))
    ear.hear(packets[:10])
    ear.hear(packets[30:])

    assert np.abs(ear.pcm[10 * FRAME : 11 * FRAME]).max() > 1_000
    assert not ear.pcm[14 * FRAME : 28 * FRAME].any()


def test_time_that_was_not_sent_is_silence_of_its_length() -> None:
    ear, packets = Ear(), spoken(tone(0.2, RATE))
    later = [replace(each, timestamp=each.timestamp + 24_007) for each in packets[5:]]
    ear.hear(packets[:5])
    ear.hear(later)

    assert ear.samples == 10 * FRAME + 24_007 // 3
    assert not ear.pcm[5 * FRAME : 5 * FRAME + 8_002].any()


def test_pieces_of_samples_add_up() -> None:
    ear = Ear(8_000)
    timestamp = 0
    for sequence in range(300):
        ear.hear([packet(sequence, timestamp)])
        ear.clock.advance(0.02)
        timestamp += 960 + 1  # a tick more than the packet is long: a sixth of a sample

    assert ear.samples == pytest.approx((300 * 960 + 299) / 6, abs=1)


def test_a_pause_of_more_than_a_second_is_not_made_up_for() -> None:
    ear = Ear()
    ear.hear([packet(0), packet(1, 960 + 960 + 48_001)])
    assert ear.samples == 2 * FRAME
    ear.hear([packet(2, 960 * 2 + 960 + 48_001 + 48_000)])
    assert ear.samples == 3 * FRAME + RATE


def test_silence_that_is_not_sent_is_handed_over_as_time_passes() -> None:
    ear, packets = Ear(), spoken(tone(0.2, RATE))
    start = ear.clock.time()
    last = replace(packets[9], payload=packets[9].payload[:1], arrival=start)
    assert ear.hear([*packets[:9], last]) == 10 * FRAME
    ear.clock.advance(0.41)
    # 40 ms are left for packets that are only late.
    assert ear.samples == 10 * FRAME + 18 * FRAME
    comfort = replace(packets[5], sequence=10, timestamp=last.timestamp + 21 * 960)
    ear.hear([comfort])
    assert ear.samples == (10 + 20 + 1) * FRAME
    assert ear.clock.waiting == 0


def test_a_sender_that_stays_silent_is_made_up_for_by_a_second_only() -> None:
    ear, packets = Ear(), spoken(tone(0.2, RATE))
    last = replace(packets[1], payload=b"\x78", arrival=ear.clock.time())
    ear.hear([packets[0], last])
    ear.clock.advance(5)
    assert ear.samples == 2 * FRAME + RATE
    assert ear.clock.waiting == 0
    ear.hear([replace(packets[2], timestamp=packets[2].timestamp + 5 * 48_000)])
    assert ear.samples == 3 * FRAME + RATE


def test_silence_handed_over_too_early_is_taken_from_the_next() -> None:
    ear, packets = Ear(), spoken(tone(0.4, RATE))
    last = replace(packets[1], payload=b"\x78", arrival=ear.clock.time())
    ear.hear([packets[0], last])
    ear.clock.advance(0.2)  # 8 frames of silence, of which the sender has had 3
    assert ear.samples == 10 * FRAME
    ear.hear([replace(packets[2], timestamp=last.timestamp + 4 * 960)])
    assert ear.samples == 11 * FRAME
    ear.hear([replace(packets[3], timestamp=last.timestamp + 15 * 960)])

    assert ear.samples == (2 + 3 + 1 + 10 + 1) * FRAME


def test_a_held_packet_stops_the_silence() -> None:
    ear, packets = Ear(), spoken(tone(0.4, RATE))
    last = replace(packets[1], payload=b"\x78", arrival=ear.clock.time())
    ear.hear([packets[0], last, packets[3]])
    ear.clock.advance(1)

    assert ear.samples == 4 * FRAME
    assert ear.sink.lost == 1


@pytest.mark.parametrize(
    ("sequence", "timestamp"), [(5_000, 9_000_000), (40_000, 3), (65_535, 4_000_000_000)]
)
def test_a_stream_that_begins_anew_is_heard_at_once(sequence: int, timestamp: int) -> None:
    ear = Ear()
    ear.hear([packet(index) for index in range(2_000, 2_005)])
    ear.hear([packet(2_006)])

    assert ear.hear([packet(sequence, timestamp), packet(sequence + 1, timestamp + 960)]) == 640
    assert ear.clock.waiting == 0


def test_a_stream_that_begins_anew_a_little_further_back_is_heard_soon() -> None:
    ear = Ear()
    ear.hear([packet(index) for index in range(500, 505)])
    heard = [ear.hear([packet(index, index * 7 + index * 960)]) for index in range(12)]

    assert heard[:9] == [0] * 9
    assert heard[9] == FRAME
    assert ear.sink.ignored == 10


def test_a_clock_that_is_set_back_makes_no_sound_of_its_own() -> None:
    ear = Ear()

    assert ear.hear([packet(0, 5_000_000), packet(1, 960), packet(2, 1_920)]) == 3 * FRAME


def test_numbers_wrap() -> None:
    ear = Ear()
    start = 0xFFFF_FFFF - 960 * 2
    ear.hear([packet(65_533 + index, start + 960 * index) for index in (0, 1, 3, 2, 5, 6, 7, 8)])

    assert ear.samples == 9 * FRAME
    assert ear.sink.lost == 1


def test_probes_of_the_bandwidth_hold_nothing_and_are_not_lost() -> None:
    ear, packets = Ear(), spoken(tone(0.2, RATE))
    probe = replace(packets[3], payload=b"")
    after = [replace(each, sequence=each.sequence + 1) for each in packets[3:]]

    assert ear.hear([*packets[:3], probe, *after]) == 10 * FRAME
    assert ear.sink.lost == 0


def test_a_packet_that_cannot_be_decoded_is_made_up_for() -> None:
    ear, packets = Ear(), spoken(tone(0.2, RATE))
    bad = replace(packets[3], payload=b"\xff\xff\xff")

    assert ear.hear([*packets[:3], bad, *packets[4:]]) == 10 * FRAME
    assert ear.sink.damaged == 1


def test_ten_minutes_are_ten_minutes() -> None:
    ear = Ear(8_000)
    source = SoundSource(8_000, ear.clock, phase=0.0)
    source.add_sink(
        Link(
            ear.sink,
            loses=lambda place: place % 97 < 3,
            doubles=lambda place: place % 31 == 0,
            delays=lambda place: place % 41 == 0,
        )
    )
    for second in range(600):
        if second % 20 == 0:
            source.write(tone(0.1, 8_000))
        ear.clock.advance(1)
    source.close()
    ear.sink.close()

    assert ear.samples == pytest.approx(600 * 8_000, abs=3 * 160)


def test_a_sender_that_claims_more_time_than_passes_is_not_believed() -> None:
    ear = Ear()
    for sequence in range(100):
        ear.hear([packet(sequence, sequence * 48_000)])
    assert 5 * RATE < ear.samples <= 6 * RATE + FRAME
    assert ear.sink.excess > 90
    ear.clock.advance(2)

    assert ear.hear([packet(100, 99 * 48_000 + 960)]) >= FRAME
    assert ear.clock.waiting == 0


def test_what_a_network_held_back_for_seconds_is_heard() -> None:
    ear = Ear()
    ear.clock.advance(4)

    assert ear.hear([packet(sequence) for sequence in range(200)]) == 4 * RATE


def test_closing_over_a_gap_leaves_no_timer() -> None:
    ear = Ear()
    for sequence, payload in ((0, SILENT_FRAME), (0, SILENT_FRAME), (2, b"\x00")):
        ear.sink.write(MediaPacket(OPUS, sequence, 0, False, payload, 100.0))
    ear.sink.close()
    assert ear.clock.waiting == 0


packets_of_anybody = st.builds(
    MediaPacket,
    codec=st.just(OPUS),
    sequence=st.one_of(st.integers(0, 8), st.integers(0, 0xFFFF)),
    timestamp=st.one_of(st.integers(0, 8).map(lambda n: n * 960), st.integers(0, 0xFFFF_FFFF)),
    marker=st.booleans(),
    payload=st.one_of(st.just(SILENT_FRAME), st.binary(max_size=40)),
    arrival=st.just(100.0),
)


@settings(max_examples=40)
@given(st.lists(st.tuples(packets_of_anybody, st.floats(0, 0.1)), max_size=30))
def test_whatever_comes_nothing_is_raised_and_little_is_made_of_it(
    packets: list[tuple[MediaPacket, float]],
) -> None:
    ear = Ear()
    for each, pause in packets:
        ear.sink.write(each)
        ear.clock.advance(pause)
    ear.sink.close()

    assert ear.clock.waiting == 0
    # As the clock says, 5 s at most ahead of it, and the last packet with its gap.
    passed = sum(pause for _, pause in packets)
    assert ear.samples <= (passed + 5 + 1 + 0.12 + 1) * RATE
