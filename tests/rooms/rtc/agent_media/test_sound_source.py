"""The agent's voice: paced by the clock, counted exactly, silent at once when it is told to be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from greenroom.audio.pcm import Pcm
from greenroom.errors import InvalidInput
from greenroom.providers.clock import Timer
from greenroom.rooms.errors import RoomIsClosed
from greenroom.rooms.rtc.agent_media import sound_source
from greenroom.rooms.rtc.agent_media.loudness import loudness
from greenroom.rooms.rtc.agent_media.opus import SILENT_FRAME, opus_decoder
from greenroom.rooms.rtc.agent_media.sound_source import (
    FRAME,
    MAX_QUEUED_SECONDS,
    SoundSource,
    next_phase,
)
from greenroom.rooms.rtc.media import OPUS, MediaPacket
from support.media import Collector, Timeline, tone


class Voice:
    """A source of 24 kHz on a clock of its own, and what it sends."""

    def __init__(self, rate: int = 24_000, *, delay: float = 0.06, phase: float = 0.0) -> None:
        self.clock, self.sent = Timeline(), Collector()
        self.source = SoundSource(rate, self.clock, delay=lambda: delay, phase=phase)
        self.source.add_sink(self.sent)
        self.clock.advance(0)

    def run(self, frames: int) -> list[MediaPacket]:
        """What the next frames are."""
        before = len(self.sent.packets)
        self.clock.advance(frames * FRAME)
        return self.sent.packets[before:]


def heard(packets: list[MediaPacket]) -> Pcm:
    """The packets as a listener decodes them, at 48 kHz."""
    decoder = opus_decoder(48_000)
    parts = [decoder.decode(packet.payload) for packet in packets]
    return np.concatenate([part for part in parts if part is not None])


def test_a_packet_leaves_every_20_ms_whatever_was_written() -> None:
    voice = Voice()
    voice.source.write(tone(0.1, 24_000))
    packets = voice.run(50)

    assert [packet.sequence for packet in packets] == list(range(1, 51))
    assert [packet.timestamp for packet in packets] == [960 * n for n in range(1, 51)]
    assert {packet.codec for packet in packets} == {OPUS}
    assert [packet.marker for packet in voice.sent.packets] == [True] + [False] * 50


def test_ten_minutes_end_where_they_should() -> None:
    class Counter:
        packets, last = 0, None

        def write(self, packet: MediaPacket) -> None:
            self.packets, self.last = self.packets + 1, packet

    clock, counter = Timeline(), Counter()
    began = clock.time()
    source = SoundSource(24_000, clock, phase=0.007)
    source.add_sink(counter)
    clock.advance(600)

    assert counter.packets == 30_000
    assert counter.last is not None
    assert counter.last.timestamp == 29_999 * 960
    assert counter.last.sequence == 29_999 % 65_536
    assert counter.last.arrival == pytest.approx(began + 0.007 + 29_999 * 0.02, abs=1e-6)
    source.close()


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_the_position_is_exact_at_any_rate(rate: int) -> None:
    voice = Voice(rate)
    samples = rate // 2 + 17
    for piece in np.array_split(tone(1, rate)[:samples], 7):
        voice.source.write(piece)
    assert voice.source.queued_ms == samples * 1000 / rate
    sent = [0.0]
    for frame in range(1, 26):
        voice.run(1)
        sent.append(voice.source.sent_ms)
        assert sent[-1] == pytest.approx(frame * 20, abs=1000 / rate)
        assert sent[-1] + voice.source.queued_ms == pytest.approx(samples * 1000 / rate)
    voice.run(1)

    assert voice.source.sent_ms == samples * 1000 / rate
    assert voice.source.queued_ms == 0


@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_after_a_flush_the_very_next_packet_fades_to_silence(rate: int) -> None:
    voice = Voice(rate)
    voice.source.write(tone(10, rate))
    before = voice.run(20)
    voice.source.flush()
    after = voice.run(10)

    assert voice.source.queued_ms == 0
    assert voice.source.sent_ms == pytest.approx(400, abs=0.1)
    pcm = heard(before + after)[20 * 960 :].astype(np.int32)
    assert np.abs(pcm[: 5 * 48]).max() > 2_000
    # Opus is 2.5 ms behind, and rings a little where sound ends.
    assert np.abs(pcm[12 * 48 :]).max() < 80
    assert np.abs(pcm[45 * 48 :]).max() <= 3
    assert np.abs(np.diff(pcm)).max() < 1.5 * 2 * np.pi * 440 / 48_000 * 8_000  # no click


def test_a_flush_ends_a_pause_and_what_follows_is_heard() -> None:
    voice = Voice()
    voice.source.write(tone(1, 24_000))
    voice.run(5)
    voice.source.pause()
    voice.run(5)
    voice.source.flush()
    voice.source.write(tone(0.1, 24_000))
    voice.run(6)

    assert voice.source.sent_ms == pytest.approx(200)


def test_a_pause_is_silent_and_loses_nothing() -> None:
    voice = Voice()
    voice.source.write(tone(0.4, 24_000))
    before = voice.run(10)
    voice.source.pause()
    voice.source.pause()
    assert voice.source.sent_ms == pytest.approx(200)
    paused = voice.run(10)
    assert voice.source.sent_ms == pytest.approx(200)
    assert voice.source.queued_ms == pytest.approx(200)
    assert np.abs(heard(before + paused)[11 * 960 :].astype(np.int32)).max() < 80
    voice.source.resume()
    after = voice.run(12)

    assert voice.source.sent_ms == 400
    pcm = heard(before + paused + after)[20 * 960 :].astype(np.int32)
    assert np.abs(pcm[5 * 960 : 9 * 960]).max() > 7_000
    assert np.abs(np.diff(pcm)).max() < 1.5 * 2 * np.pi * 440 / 48_000 * 8_000  # no click


def test_a_pause_that_no_packet_saw_is_not_heard() -> None:
    voice, other = Voice(), Voice()
    for each in (voice, other):
        each.source.write(tone(0.4, 24_000))
        each.run(5)
    voice.source.pause()
    voice.source.resume()

    assert [p.payload for p in voice.run(10)] == [p.payload for p in other.run(10)]


def test_what_is_written_while_muted_plays_as_silence() -> None:
    voice = Voice()
    voice.source.write(tone(0.8, 24_000))
    voice.run(5)
    voice.source.set_muted(True)
    voice.source.set_muted(True)
    muted = voice.run(25)
    assert voice.source.sent_ms == pytest.approx(24 * 20 + 100, abs=0.1)
    assert muted[-1].payload == SILENT_FRAME
    assert muted[-1].level == 127
    voice.source.set_muted(False)

    assert voice.run(5)[-1].payload != SILENT_FRAME


def test_listeners_have_heard_what_was_sent_a_delay_ago() -> None:
    voice = Voice(delay=0.06)
    voice.source.write(tone(0.5, 24_000))
    assert voice.source.heard_ms == 0
    voice.run(10)
    # The packet that leaves now begins to be heard 60 ms from now.
    assert voice.source.sent_ms == pytest.approx(200)
    assert voice.source.heard_ms == pytest.approx(120)
    voice.clock.advance(0.01)
    assert voice.source.heard_ms == pytest.approx(130)
    voice.source.flush()
    voice.clock.advance(1)

    assert voice.source.heard_ms == pytest.approx(200)
    assert voice.source.sent_ms == pytest.approx(200)


def test_what_was_heard_never_becomes_less() -> None:
    clock, delay = Timeline(), [0.02]
    source = SoundSource(16_000, clock, delay=lambda: delay[0], phase=0.0)
    source.write(tone(2, 16_000))
    clock.advance(1)
    before = source.heard_ms
    delay[0] = 0.5

    assert before == pytest.approx(980, abs=1)
    assert source.heard_ms == before


async def test_a_writer_waits_until_little_is_queued() -> None:
    voice = Voice()
    voice.source.write(tone(0.5, 24_000))
    writer = asyncio.create_task(voice.source.wait_until_queued(100))
    other = asyncio.create_task(voice.source.wait_until_queued(0))
    await asyncio.sleep(0)
    voice.run(19)
    await asyncio.sleep(0)
    assert not writer.done()
    voice.run(1)
    async with asyncio.timeout(5):
        await writer
    assert not other.done()
    voice.source.flush()
    async with asyncio.timeout(5):
        await other
        await voice.source.wait_until_queued(0)


async def test_who_waits_learns_that_the_track_has_ended() -> None:
    voice = Voice()
    voice.source.write(tone(0.5, 24_000))
    writer = asyncio.create_task(voice.source.wait_until_queued(100))
    cancelled = asyncio.create_task(voice.source.wait_until_queued(100))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.sleep(0)
    voice.source.close()
    voice.source.close()

    with pytest.raises(RoomIsClosed):
        await writer
    with pytest.raises(RoomIsClosed):
        await voice.source.wait_until_queued(0)
    voice.source.write(tone(0.1, 24_000))
    assert voice.source.queued_ms == 0
    assert voice.clock.waiting == 0
    with pytest.raises(asyncio.CancelledError):
        await cancelled


def test_without_listeners_time_goes_on_and_nothing_is_encoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    voice = Voice()
    voice.source.remove_sink(voice.sent)
    voice.source.remove_sink(voice.sent)
    monkeypatch.setattr(voice.source, "_encoder", None)
    voice.source.write(tone(1, 24_000))
    voice.clock.advance(0.5)
    assert voice.source.sent_ms == pytest.approx(500)
    voice.clock.advance(10)
    assert voice.source.sent_ms == 1000
    assert voice.clock.waiting == 0  # nothing to do: no timer


def test_a_listener_that_comes_later_finds_the_clock_where_it_should_be() -> None:
    voice = Voice()
    voice.source.remove_sink(voice.sent)
    voice.clock.advance(10.013)
    late = Collector()
    voice.source.add_sink(late)
    voice.source.add_sink(late)
    voice.clock.advance(0.5)

    assert [packet.timestamp for packet in late.packets] == [
        960 * frame for frame in range(501, 526)
    ]
    assert [packet.marker for packet in late.packets] == [True] + [False] * 24
    assert [packet.sequence for packet in late.packets] == list(range(1, 26))


def test_silence_is_one_constant_packet_once_the_coder_has_rung_out() -> None:
    voice = Voice()
    voice.source.write(tone(0.1, 24_000))
    packets = voice.run(40)

    assert SILENT_FRAME not in [packet.payload for packet in packets[:5]]
    assert {packet.payload for packet in packets[25:]} == {SILENT_FRAME}
    assert np.abs(heard(packets)[6 * 960 :].astype(np.int32)).max() < 80
    assert not heard(packets)[25 * 960 :].any()


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_sound_after_silence_is_whole(loss: float) -> None:
    voice = Voice()
    voice.source.set_expected_loss(loss)
    voice.source.write(tone(0.2, 24_000))
    first = voice.run(50)
    voice.source.write(tone(0.2, 24_000))
    pcm = heard(first + voice.run(12)).astype(np.int32)

    begun, again = pcm[: 9 * 960], pcm[50 * 960 : 59 * 960]
    assert np.abs(again[2 * 960 :]).max() == pytest.approx(np.abs(begun[2 * 960 :]).max(), rel=0.1)
    assert np.abs(np.diff(again)).max() < 1.5 * 2 * np.pi * 440 / 48_000 * 8_000


def test_a_short_standstill_is_made_up_for_at_once() -> None:
    voice = Voice()
    voice.source.write(tone(2, 24_000))
    voice.run(5)
    before = len(voice.sent.packets)
    voice.clock.stall(0.15)
    late = voice.sent.packets[before:]

    assert len(late) == 7
    assert [packet.timestamp for packet in late] == [960 * n for n in range(6, 13)]
    assert not any(packet.marker for packet in late)
    assert voice.run(2)[-1].timestamp == 960 * 14


def test_a_timer_that_comes_a_little_early_is_in_time() -> None:
    class Hasty(Timeline):
        def call_at(self, when: float, callback: Callable[[], object], /) -> Timer:
            return super().call_at(max(self.time(), when - 0.0006), callback)

    clock, sent = Hasty(), Collector()
    source = SoundSource(24_000, clock, phase=0.0)
    source.add_sink(sent)
    clock.advance(0.99)
    source.close()

    assert [packet.timestamp for packet in sent.packets] == [960 * n for n in range(50)]


def test_after_a_long_standstill_time_is_skipped_and_the_sound_goes_on() -> None:
    voice = Voice()
    voice.source.write(tone(2, 24_000))
    voice.run(5)
    sent, before = voice.source.sent_ms, len(voice.sent.packets)
    voice.clock.stall(1.0)
    late = voice.sent.packets[before:]

    assert [packet.timestamp for packet in late] == [960 * 55]
    assert late[0].marker
    assert late[0].sequence == 6
    assert voice.source.sent_ms == sent + 20
    assert [packet.timestamp for packet in voice.run(2)] == [960 * 56, 960 * 57]


def test_sources_do_not_send_in_one_moment() -> None:
    phases = sorted(next_phase() for _ in range(40))
    gaps = np.diff([*phases, phases[0] + FRAME])

    assert min(gaps) > 0.2 * FRAME / 40
    assert max(gaps) < 3 * FRAME / 40


def test_more_than_the_bound_is_refused_and_nothing_of_it_kept() -> None:
    voice = Voice(8_000)
    minute = np.zeros(60 * 8_000, np.int16)
    for _ in range(MAX_QUEUED_SECONDS // 60):
        voice.source.write(minute)
    with pytest.raises(InvalidInput, match="600 s"):
        voice.source.write(minute[:1])
    assert voice.source.queued_ms == MAX_QUEUED_SECONDS * 1000


def test_a_sink_may_leave_or_end_the_source_from_write() -> None:
    clock = Timeline()
    source = SoundSource(16_000, clock, phase=0.0)

    class Leaver:
        count = 0

        def write(self, packet: MediaPacket) -> None:
            self.count += 1
            source.remove_sink(self)

    class Ender(Leaver):
        def write(self, packet: MediaPacket) -> None:
            self.count += 1
            source.close()

    leaver, ender = Leaver(), Ender()
    source.add_sink(leaver)
    clock.advance(0.1)
    source.add_sink(ender)
    clock.stall(0.1)

    assert (leaver.count, ender.count) == (1, 1)
    assert clock.waiting == 0


def test_loudness_is_in_dbov() -> None:
    assert loudness(np.full(960, -32_768, np.int16)) == 0
    assert loudness(tone(0.02, 48_000, amplitude=32_767)) == 3
    assert loudness(tone(0.02, 48_000, amplitude=327.67)) == 43
    assert loudness(np.zeros(960, np.int16)) == 127
    assert loudness(np.eye(1, 960, dtype=np.int16)[0]) == 120


def test_packets_tell_how_loud_they_are() -> None:
    voice = Voice()
    voice.source.write(tone(0.2, 24_000))
    packets = voice.run(30)

    assert packets[3].level == 15
    assert packets[-1].level == 127
    voice.source.request_keyframe(0)
    assert voice.source.codec is OPUS
    assert voice.source.rate == 24_000


def test_the_usual_delay_is_a_jitter_buffers() -> None:
    clock = Timeline()
    source = SoundSource(16_000, clock, phase=0.0)
    source.write(tone(1, 16_000))
    clock.advance(0.5)

    assert source.sent_ms - source.heard_ms == pytest.approx(
        sound_source.DELAY * 1000 + 20, abs=0.5
    )
